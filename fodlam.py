#!/usr/bin/env python3
"""FODLAM, a first-order deep learning accelerator model.

Adds up the energy (J) and latency (s) of the layers of a convolutional neural
network (CNN) on two published accelerators: Eyeriss for convolutional (conv)
layers, EIE for fully-connected (fc) ones. A layer that the papers measured
costs what they report; of any other network, its multiply-accumulates (MACs)
times the average published cost of one, or what its shape asks of Eyeriss.
Any other accelerator is costed by its roofline.

Usage: a config in JSON goes in, a report in JSON comes out.
  fodlam [options] [config.json]           or: python3 fodlam.py < config.json
  echo '{"net": "VGG16", "layers": ["CONV1-1", "FC8"]}' | fodlam
  echo '{"netfile": "VGG_CNN_M_deploy.json"}' | fodlam --range --format table
  fodlam --diagnose
From Python: fodlam.estimate(config), fodlam.sweep(configs), fodlam.diagnose().

Options:
  --per-frame    conv layers for one frame, not for the batch Eyeriss measured
  --per-layer    each layer as well, in the order of the config
  --range        the least and the most as well, as far as published layers tell
  --format F     json (default), csv, table (for people), svg (a picture)
  --lines        one config a line in, one JSON result a line out
  --diagnose     no config; a batch's cost over a frame's MACs; or --per-frame
  --version, -h, --help

Config keys:
  net            a network that the papers measured: AlexNet, VGG16
  netfile        or else a net file: a name in nets/, or a path with a separator
  layers         a list of layer names; default: every layer that has a cost
  per_frame      true, false; default: as --per-frame says
  process_nm     scale all costs to this process node; default: 65
  process_scaling  how, also for EIE's 45 nm: dennard (default), stillmaker
  scaling        how layers of a netfile are costed: mac (default), shape
  density        of fc layers with shape: {"weights": 0.1, "activations": 0.35}
  accelerator    not Eyeriss and EIE: nvdla-2048 to nvdla-32, a device such as
                 edge-tpu (a wrong name lists all), or an object
  title          what tables and pictures are called

Keys of an accelerator; those without a default must be there:
  macs           MACs per cycle; a MAC is two operations: 1 TMAC/s is 2 TOP/s
  clock_mhz      clock rate in MHz
  dram_gbps      DRAM bandwidth in 10^9 bytes/s
  power_mw       average power; default: 0
  mac_pj         energy of a MAC in pJ; default: 0
  dram_pj_per_byte  of a DRAM byte; default: 0; without all three, null
  efficiency     share of the roofline attained, up to 1; default: 1, as a bound
  buffer_kib     on-chip buffer; default: nothing is ever read twice
  feature_bytes, weight_bytes  bytes of a feature, of a weight; default: 1
  channel_atom, kernel_atom    channels, filters go in multiples; default: 1
  winograd_gain  for 3 x 3 kernels with stride 1; default: 1
  fc_batch       frames that fc weights are read once for; default: 1

Terms:
  MAC      multiply-accumulate: VGG-16's CONV1-1 takes 86,704,128 a frame
  frame    one image; Eyeriss's costs are for batches of 4 (AlexNet), 3 (VGG-16)
  bound    what a layer waits for: compute, memory, or Eyeriss's buffer or link

How far it is off: python3 data/validate.py, and README.md, "Accuracy".
Sources:
  Eyeriss  Chen, Krishna, Emer, Sze, JSSC, January 2017, Tables V and VI
  EIE      Han, Liu, Mao, Pu, Pedram, Horowitz, Dally, ISCA 2016, Table IV
  FODLAM   Sampson and Buckler, github.com/cucapra/fodlam, 2017
"""

import gc
import os
import sys
from os.path import dirname, isfile, join, realpath

HOME = dirname(realpath(__file__))  # and not where a link to this file is

# This file is also the package that data/ and nets/ are in. So a room there writes "from fodlam import
# read_table", and this file "from fodlam.data.roofline import ..." inside the function that needs it.
__path__ = [HOME]
if __name__ == '__main__':
    sys.modules['fodlam'] = sys.modules['__main__']  # or a room would load this file once more



def excepthook(kind, error, trace):
    """Print what nobody has caught, as Python does, but nothing of Ctrl-C, of which Python dies."""
    if kind is not KeyboardInterrupt:
        sys.__excepthook__(kind, error, trace)


if __name__ == '__main__':
    sys.excepthook = excepthook
    # Looking for garbage in cycles is 2% of a start, and a run makes next to none.
    gc.disable()
    if HOME in sys.path:  # or a csv.py that somebody has put beside this file would be Python's
        sys.path.remove(HOME)

import codecs
import csv
import functools
import json
import math
import re
import reprlib
import time

__version__ = '2.0.0'

__all__ = ['InputError', 'diagnose', 'estimate', 'sweep']

# === Constants ===

DATA_DIR = join(HOME, 'data')
NETS_DIR = join(HOME, 'nets')

# Chen et al., JSSC 2017, Table IV: TSMC 65 nm LP. The node of all costs, unless a config says else.
EYERISS_PROCESS_NM = 65

# Han et al., ISCA 2016, Table V: 64 processing elements in TSMC 45 nm take 0.59 W together. The
# paper has one power for all layers, and multiplies it by their times to get energy.
EIE_PROCESS_NM = 45
EIE_POWER_W = 0.59

# Columns of tables are (heading, scale), the scale from the cell's unit to SI.

# The tables that Eyeriss was measured by, and the frames of their batches: Chen et al., JSSC 2017,
# captions of Tables V and VI. "Total" latency counts the DRAM traffic that the chip does not
# overlap with computing.
EYERISS_FILES = {'AlexNet': ('eyeriss-alexnet.csv', 4), 'VGG16': ('eyeriss-vgg16.csv', 3)}
EYERISS_COLUMNS = {'power_w': ('Power (mW)', 1e-3), 'latency_s': ('Total Latency (ms)', 1e-3)}

# "Actual" time counts the imbalance of load between processing elements.
EIE_FILE = 'eie-layers.csv'
EIE_COLUMNS = {'latency_s': ('Actual Time (us)', 1e-6)}

# The networks that both papers measured, by the net files that have their MACs.
NETWORKS = {'AlexNet': 'alexnet_deploy.json', 'VGG16': 'VGG_ILSVRC_16_layers_deploy.json'}

KIND_OF_TYPE = {
    'Convolution': 'conv',
    'Deconvolution': 'conv',
    'InnerProduct': 'fc',
    'MatMul': 'fc',  # of two feature maps, which neither Eyeriss nor EIE was measured on
}
ENTRY_KEYS = (
    'name type macs ifmap ofmap kernel stride groups stored addend '
    'weight_density activation_density'
).split()
KINDS = ('conv', 'fc')
QUANTITIES = ('energy', 'latency')  # of reports, in J and s

FORMATS = ('json', 'csv', 'table', 'svg')
FLAGS = (
    '-h,--help --diagnose --validate --per-frame --per-layer --range --lines --version'
).split()
NO_HELP = 'python -OO leaves help out; run it without\n'

# Far above any real config or net file; what is larger is a mistake, and might never end.
MAX_INPUT_BYTES = 16 * 2**20
READ_BYTES = 2**16  # at once

# Beyond any real ones, and small enough that no result is too large or too small for a float.
MIN_PROCESS_NM, MAX_PROCESS_NM = 0.01, 1e5
MIN_NUMBER, MAX_NUMBER = 1e-30, 1e30  # in a table or net file

# What an error message has at the most: of a value, of a list of choices, and in all.
MAX_QUOTED_CHARACTERS = 80
MAX_CHOICES_CHARACTERS = 1500
MAX_MESSAGE_CHARACTERS = 4000

# How many entries of net files are kept from one line of a sweep to the next: some 50 MB.
MAX_KEPT_ENTRIES = 20_000

MAX_SIZE = 2**32  # of a size in a net file: above any layer's, and no product overflows a float

# === Errors ===


class InputError(Exception):
    """Something that the user can put right, as "where: what is wrong; what is valid"."""


_QUOTER = reprlib.Repr()
_QUOTER.maxstring = _QUOTER.maxother = MAX_QUOTED_CHARACTERS
quote = _QUOTER.repr  # a value as Python writes it, on one line and cut to a length for a message


def expect(right, what, value, expected):
    """Raise ValueError, "WHAT: VALUE; expected EXPECTED", unless something is right."""
    if not right:
        raise ValueError(f'{what}{quote(value)}; expected {expected}')


def choose(name, names, what):
    """Raise ValueError, "WHAT: NAME; choose from NAMES", unless a name is one of some names."""
    if name not in names:
        raise ValueError(f'{what}{quote(name)}; {choices(names)}')


def choices(names):
    """Return "choose from A, B, C", the names in their own order, cut to a length for a message."""
    shown = ', '.join(names)
    if len(shown) > MAX_CHOICES_CHARACTERS:
        shown = f'{shown[:MAX_CHOICES_CHARACTERS]}... and others'
    return f'choose from {shown}'


class place:  # in lower case, as it reads like a statement: with place('config'):
    """Within it, whatever the user can put right becomes an InputError that says where.

    >>> with place('config "net"'):
    ...     raise ValueError("unknown network 'VGG19'; choose from AlexNet, VGG16")
    Traceback (most recent call last):
    fodlam.InputError: config "net": unknown network 'VGG19'; choose from AlexNet, VGG16
    """

    def __init__(self, where):
        self.where = where

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        advice = advice_on(error)
        if advice is not None:
            raise InputError(f'{self.where}: {advice}')


def advice_on(error):
    """Return what to tell the user of an exception, or None if it is not the user's to mend.

    The message of a ValueError is our own, and says already what would be right.
    """
    if isinstance(error, json.JSONDecodeError):
        at = f'line {error.lineno}, column {error.colno}'
        return f'not JSON at {at} ({error.msg}); expected JSON, and nothing after it'
    if isinstance(error, UnicodeDecodeError):
        return f'not UTF-8 at byte {error.start}; save it as UTF-8'
    if isinstance(error, UnicodeEncodeError):
        return 'no file can have this name; expected a path'
    if isinstance(error, ValueError):
        # Python's own, of an integer of thousands of digits, tells what a programmer can do.
        return re.sub('use sys.set_int_max.*', 'expected fewer of them', str(error))
    if isinstance(error, csv.Error):
        return f'{error}; expected a table as spreadsheets write it'
    if isinstance(error, RecursionError):
        return 'nested too deep; expected a few levels of JSON'
    if isinstance(error, ImportError):
        return f'cannot be loaded ({error}); expected it below the folder of fodlam.py'
    if isinstance(error, OSError):
        expected = 'expected a file or pipe that is there, open, not full'
        return f'cannot be used ({error.strerror}); {expected}'
    return None


def checked(where, function, *arguments):
    """Return function(*arguments); what goes wrong in it becomes an InputError that says where."""
    with place(where):
        return function(*arguments)


# === Reading ===


@functools.lru_cache(10_000)  # a sweep names the same layers in each config
def canonical(name):
    """Return the form of a layer's name that is the same however its writer puts it.

    >>> canonical('CONV1-1') == canonical('conv1_1')  # as papers have it, and Caffe
    True
    """
    return name.casefold().replace('-', '_')


def is_number(value, least, most):
    """Return whether `value` is a number, no boolean, within limits."""
    return isinstance(value, (int, float)) and type(value) is not bool and least <= value <= most


def read_text(source):
    """Return the text of a file, a binary stream or bytes, without a byte order mark.

    source: a path, a stream, which is closed then, or the bytes.
    Raises OSError or ValueError if it cannot be read, is not UTF-8, or too large.
    """
    if not isinstance(source, bytes):
        with source if hasattr(source, 'read') else open(source, 'rb') as stream:
            source = stream.read(READ_BYTES)
            if len(source) == READ_BYTES:  # for Python makes room for all that it may read
                source += stream.read(MAX_INPUT_BYTES)
    if len(source) > MAX_INPUT_BYTES:
        raise ValueError(f'too large; at most {MAX_INPUT_BYTES} bytes are read')
    return source.decode().removeprefix('\ufeff')


def unique(pairs):
    """Return the dict of a JSON object's pairs; raise ValueError if a key is there twice."""
    members = {}
    for key, value in pairs:
        if key in members:
            raise ValueError(f'duplicate key {quote(key)}; give each key once')
        members[key] = value
    return members


decode_json = json.JSONDecoder(object_pairs_hook=unique).decode


def read_json(source):
    """Return what the JSON says that a file, stream or bytes have; all is as for `read_text`."""
    return decode_json(read_text(source))


def read_table(filename, columns, key='Layer', least=MIN_NUMBER):
    """Return {row: {field: number}} of a CSV file in data/, scaled, in the file's order.

    columns: {field: (heading, scale)}, the columns wanted; key: the heading of the rows' names;
    least: that a number may be.
    Raises InputError, with file, row and column, if the file is damaged.
    """
    return checked(f'data/{filename}', parse_table, join(DATA_DIR, filename), columns, key, least)


def parse_table(path, columns, key, least):
    """Return what `read_table` does; raise ValueError for what is wrong in the file."""
    rows = csv.reader(read_text(path).splitlines())
    headings = next(filter(None, rows), [])
    expected = f'a new "{key}", and a cell for each of {headings}'
    limits = f'a number from {least:g} to {MAX_NUMBER:g}'
    table = {}
    for cells in filter(None, rows):
        row = dict(zip(headings, cells))
        name = row.get(key)
        new = name and canonical(name) not in map(canonical, table)
        # A heading that is there twice, a cell too many, and one too few.
        whole = len(row) == len(headings) == len(cells)
        expect(new and whole, f'row {rows.line_num}: ', cells, expected)
        table[name] = {}
        for field, (heading, scale) in columns.items():
            cell = row.get(heading)
            try:
                number = float(cell or 'nan')
            except ValueError:
                number = math.nan
            right = least <= number <= MAX_NUMBER
            expect(right, f'row {rows.line_num}, column "{heading}": ', cell, limits)
            table[name][field] = number * scale
    expect(table, 'no rows: ', headings, 'some, below a heading')
    return table


def read_net(netfile):
    """Return {canonical name: entry} of a net file, in the file's order; MACs are per frame.

    netfile: a file in nets/, or a path of the user's own, which has a separator in it; or a list of
    entries, in JSON as bytes.
    Raises InputError if there is no such file, or if what it holds is no list of layers.
    """
    where = net_place(netfile)
    layers = {}
    for index, entry in enumerate(checked(where, list_entries, netfile)):
        layers[checked(f'{where}[{index}]', check_entry, entry, layers)] = entry
    return layers


def net_place(netfile):
    """Return what error messages call the netfile of `read_net`."""
    return 'config "netfile"' if isinstance(netfile, bytes) else f'net file {quote(netfile)}'


def list_entries(netfile):
    """Return the list that `read_net` reads; raise OSError or ValueError if there is none."""
    if isinstance(netfile, bytes):
        return decode_json(netfile.decode())
    if netfile.endswith(('.onnx', '.prototxt')):
        raise ValueError(
            'a definition; make it a net file first: '
            f'python3 nets/extract.py {netfile!r} --output nets/model.json'
        )
    path = netfile if dirname(netfile) else join(NETS_DIR, netfile)
    if not isfile(path):  # nor is a pipe or device, which might never end
        raise ValueError(
            f'no file {path!r:.400} from {os.getcwd()!r}; {net_files()}, or give a path with a /'
        )
    entries = read_json(path)
    expect(isinstance(entries, list), '', entries, 'a list of layers')
    return entries


def net_files():
    """Return "choose from A, B, C", the net files in nets/."""
    import glob

    return choices(sorted(glob.glob('*.json', root_dir=NETS_DIR)))


def check_entry(entry, layers):
    """Return the canonical name of a net file's entry; raise ValueError if something is wrong.

    layers: {canonical name: entry} of the entries before it.
    """
    named = isinstance(entry, dict) and type(entry.get('name')) is type(entry.get('type')) is str
    expect(named, '', entry, 'an object with strings for "name" and "type"')
    name, macs = canonical(entry['name']), entry.get('macs')
    expect(name not in layers, 'a second ', entry['name'], 'names that differ without case, -, _')
    for key in entry:
        choose(key, ENTRY_KEYS, 'unknown key ')
    if entry['type'] in KIND_OF_TYPE:
        # A whole number may be a float, 1e9, but from 1 on: 0.0 may be what 1e-400 is read as.
        least = 1 if type(macs) is float else 0
        whole = is_number(macs, least, MAX_NUMBER) and macs % 1 == 0
        expect(whole, '"macs" is ', macs, 'a whole number, up to 1e30')
    elif macs is not None:
        choose(entry['type'], KIND_OF_TYPE, '"macs" of a layer that has none, of type ')
    return name


@functools.cache
def load_leaf(folder, name):
    """Return the module FOLDER/NAME.py from beside this file, loaded when it is first asked for.

    Wherever this file was started from and whatever sys.path is, it is the same module, under the
    name that it has once installed. Raises InputError if the file is not there.
    """
    import importlib

    return checked(f'{folder}/{name}.py', importlib.import_module, f'fodlam.{folder}.{name}')


# === Costs ===

# A cost is a list [J, s] or, with ranges, [J, s, least J, least s, most J, most s].
# A machine is a function of an entry of a net file and its kind, which returns None if nothing says
# what the layer costs, or else a dict: its "cost"; its "source" ("published", "scaled", "shape",
# "density" or "roofline"); and what else a report says of it, such as for how many "frames".
# A layer is a dict: "name", "kind", "macs", and what a machine returns of its entry.


def node_scale(from_nm, to_nm, rule):
    """Return the factors (power, time) from one process node to another.

    rule: "dennard" or None, by which time scales by the ratio of the nodes and power by its square
    (README, "How it works"); or "stillmaker", a fit (data/process.py) to some nodes.
    Raises ValueError if there is no such rule, or no such node.
    """
    if not is_number(to_nm, MIN_PROCESS_NM, MAX_PROCESS_NM):
        raise ValueError(
            f'"process_nm" is {quote(to_nm)}; '
            f'expected a number from {MIN_PROCESS_NM:g} to {MAX_PROCESS_NM:g}'
        )
    if rule not in (None, 'dennard'):
        return load_leaf('data', 'process').node_scale(rule, read_table, from_nm, to_nm)
    ratio = to_nm / from_nm
    return ratio * ratio, ratio


def scale_eie(rule):
    """Return (its power in W, the factor of its times) of EIE at 65 nm; rule: see `node_scale`."""
    power, time = node_scale(EIE_PROCESS_NM, EYERISS_PROCESS_NM, rule)
    return EIE_POWER_W * power, time


def published_machine(per_frame, rule, net):
    """Return the machine of what the papers report of `net`, at 65 nm.

    Eyeriss's costs are for the batch that it measured, unless per_frame asks for their share of a
    frame; EIE's are for a frame.
    rule: by which EIE comes from 45 to 65 nm (see `node_scale`).
    """
    eyeriss_file, batch_frames = EYERISS_FILES[net]
    layers = {}
    for filename, columns, frames, power_w, time_factor in (
        (eyeriss_file, EYERISS_COLUMNS, batch_frames, None, 1),
        (EIE_FILE, EIE_COLUMNS, 1, *scale_eie(rule)),
    ):
        share = frames if per_frame else 1
        for title, row in read_table(filename, columns).items():
            name = title.removeprefix(f'{net} ')  # of several networks in EIE's table
            latency_s = row['latency_s'] * time_factor
            energy_j = row.get('power_w', power_w) * latency_s
            layers[canonical(name)] = {
                'name': name,
                'source': 'published',
                'cost': [energy_j / share, latency_s / share],
                'frames': frames // share,
            }

    def machine(entry, kind):
        name = canonical(entry['name'])
        expect(name in layers, f'data/{eyeriss_file} and data/{EIE_FILE} have no ', name, 'its row')
        return layers[name]

    return machine


def average_machine(per_frame, rule):
    """Return the machine of the average cost per MAC over both networks, with ranges.

    per_frame, rule: as for `published_machine`. Nothing published says what products of two feature
    maps (MatMul) cost.
    """
    per_mac = cost_per_mac(sum(published_layers(per_frame, rule).values(), []))

    def machine(entry, kind):
        if entry['type'] == 'MatMul':
            return None
        average, frames = per_mac[kind]
        return {
            'source': 'scaled',
            'cost': [number * entry['macs'] for number in average],
            'frames': frames,
        }

    return machine


def published_layers(per_frame, rule=None):
    """Return {net: list of the layers that the papers report}, as of `published_machine`."""
    return {
        net: [*load_catalog(netfile, 2, published_machine, per_frame, rule, net)[0].values()]
        for net, netfile in NETWORKS.items()
    }


def cost_per_mac(layers):
    """Return {kind: (cost of one MAC, with ranges, frames)} over the published layers of each kind.

    The cost is the sum of theirs over the sum of their MACs, so that every MAC weighs the same; not
    a mean of the layers' ratios. The range is from the least to the most of any layer.
    frames: how many it is for: its latency over that of one frame.
    """
    per_mac = {}
    sums = sum_up(layers, 2)
    for kind in KINDS:
        macs, each, frames_s = 0, [], []
        for layer in layers:
            if layer['kind'] == kind:
                macs += layer['macs']
                each.append([number / layer['macs'] for number in layer['cost']])
                frames_s.append(layer['cost'][1] / layer['frames'])
        average = [number / macs for number in sums[kind]]
        cost = [*average, *map(min, *each), *map(max, *each)]
        per_mac[kind] = cost, average[1] / (math.fsum(frames_s) / macs)
    return per_mac


def sum_up(layers, width):
    """Return {kind or 'total': cost}, the sums of what some layers cost, whatever their order.

    width: how many numbers a cost has.
    """
    numbers = {kind: [] for kind in KINDS}
    for layer in layers:
        numbers[layer['kind']] += layer['cost']
    numbers['total'] = sum(numbers.values(), [])
    # Columns by slices and not by zip, with which a whole sweep takes a tenth longer.
    return {group: [math.fsum(x[i::width]) for i in range(width)] for group, x in numbers.items()}


def rescale(cost, power, time):
    """Return a cost at another process node; power, time: the factors to there."""
    return [number * factor * time for number, factor in zip(cost, [power, 1] * 3)]


def load_catalog(netfile, width, make_machine, *arguments):
    """Return (catalog, entries, left_out, sums) of a net file, as a machine costs its layers.

    width: how many numbers a cost has; make_machine(*arguments): the machine.
    catalog: {canonical name: layer} of the layers that have a cost; sums: what these add up to, as
    of `sum_up`; entries: as of `read_net`; left_out: the MACs of those that have some and no cost.
    """
    machine = make_machine(*arguments)
    where = net_place(netfile)
    entries = read_net(netfile)
    catalog, left_out = {}, []
    for key, entry in entries.items():
        kind = KIND_OF_TYPE.get(entry['type'])
        costed = kind and checked(f'{where}, layer {entry["name"]!r}', machine, entry, kind)
        if costed:
            catalog[key] = {
                'name': entry['name'],
                'kind': kind,
                'macs': entry['macs'],
                'energy': None,  # which reports have in this place
                'latency': None,
                'entry': entry,
                **costed,
                'cost': (costed['cost'] * 3)[:width],  # what has been measured has no range
            }
        elif kind:
            left_out.append(entry['macs'])
    checked(where, expect, catalog, 'no cost is known of any of ', [*entries], 'conv or fc layers')
    return catalog, entries, left_out, sum_up(catalog.values(), width)


# === Configuration ===

CONFIG_KEYS = (
    'net netfile layers per_frame process_nm process_scaling scaling density accelerator title'
).split()
# What type a key must have, and how a message says it; the others are checked where they are used.
CONFIG_TYPES = {
    'net': (str, 'AlexNet or VGG16'),
    'netfile': ((str, os.PathLike, list), 'a file in nets/, a path, or a list of entries'),
    'layers': ((list, tuple), 'a list of layer names'),
    'per_frame': (bool, 'true or false'),
    'process_scaling': (str, 'dennard or stillmaker'),
    'title': (str, 'a string'),
}
CONFIG_EXAMPLE = (
    'an object with one of "net" and "netfile", such as {"net": "VGG16", "layers": ["FC8"]} or '
    '{"netfile": "lenet.json"}'
)


def check_config(members):
    """Return (net, netfile) of the members of a config: a key of NETWORKS or None, for `read_net`.

    Raises ValueError for an unknown key, a wrong type, or a network that is not there.
    """
    expect(isinstance(members, dict), '', members, CONFIG_EXAMPLE)
    for key, value in members.items():
        choose(key, CONFIG_KEYS, 'unknown key ')
        if key in CONFIG_TYPES:
            valid, expected = CONFIG_TYPES[key]
            if not isinstance(value, valid):
                raise ValueError(f'"{key}" is {quote(value)}; expected {expected}')
    one = ('net' in members) != ('netfile' in members)
    expect(one, 'the keys are ', [*members], CONFIG_EXAMPLE)
    if 'net' in members:
        if 'scaling' in members:
            raise ValueError('"scaling" is for a netfile, and a net is published; leave one out')
        name = canonical(members['net']).replace('_', '')
        for net, netfile in NETWORKS.items():
            if name == canonical(net):
                return net, netfile
        known = f'{choices(NETWORKS)}, or as "netfile" {net_files()}'
        raise ValueError(f'"net" is {quote(members["net"])}; {known}')
    given = members['netfile']
    if isinstance(given, list):
        return None, json.dumps(given, default=repr).encode()
    return None, os.fsdecode(given)


def select(names, catalog, entries):
    """Return the list of the layers of a catalog that a config's "layers" names, in its order.

    names: the config's list, in which a layer named twice counts twice; the others: as of
    `load_catalog`.
    Raises ValueError if a name is of none of them.
    """
    chosen = []
    for name in names:
        key = isinstance(name, str) and canonical(name)
        if key not in catalog:
            what = 'unknown layer'
            if key in entries:
                type_ = quote(entries[key]['type'])
                what = f'nothing published says the cost of {type_} layers, like'
            known = [layer['name'] for layer in catalog.values()]
            choose(name, known, f'"layers"[{len(chosen)}]: {what} ')
        chosen.append(catalog[key])
    return chosen


# === Reports ===


def keeper():
    """Return a function that returns what another returns, and keeps it for the next time."""
    kept, entries = {}, 0  # functools.cache would be in a cycle with what clears it

    def load(function, *arguments):
        nonlocal entries
        key = function, *arguments
        if key not in kept:
            if entries > MAX_KEPT_ENTRIES:
                kept.clear()
                entries = 0
            kept[key] = function(*arguments)
            if function is load_catalog:  # which is what is large
                entries += len(kept[key][1])
        return kept[key]

    return load


def estimate(config, per_frame=False, per_layer=False, ranges=False):
    """Return the report on a configuration: energy (J) and latency (s) of conv, fc and total.

    config: a dict with the keys of a JSON config, such as {'net': 'VGG16', 'layers': ['FC8']}.
    per_frame: count Eyeriss's layers for one frame, not for the batch that was measured.
    per_layer: add 'layers', a list of dicts in the config's order.
    ranges: add 'energy_range' and 'latency_range', [low, high], to layers and groups.
    Returns {'conv': {'energy': ..., 'latency': ...}, 'fc': {...}, 'total': {...}}, and what else
    there is to say of the network: 'bounds', 'energy_by', 'left_out' (README, "Output").
    Raises InputError if anything in the config, or in a file that it names, is wrong.
    """
    return to_report(*checked('config', costs_of, config, per_frame, ranges, keeper()), per_layer)


def to_report(layers, sums, extras, per_layer):
    """Return the report of `estimate`; layers, sums, extras: as of `costs_of`."""
    report = {group: quantities(cost) for group, cost in sums.items()} | extras
    if per_layer:
        report['layers'] = []
        for layer in layers:
            shown = {}
            for key, value in layer.items():
                shown |= quantities(value) if key == 'cost' else {key: value}
            del shown['entry']
            report['layers'].append(shown)
    return report


def costs_of(config, per_frame, ranges, load):
    """Return (layers, made when asked for, sums, extras) of a config, a dict or JSON as bytes.

    sums: as of `sum_up`; extras: what else a report has; load: a `keeper`; see also `estimate`.
    Raises ValueError if the config is wrong, and InputError if a file that it names is.
    """
    config = read_json(config) if isinstance(config, bytes) else config
    net, netfile = check_config(config)
    per_frame, rule = config.get('per_frame', per_frame), config.get('process_scaling')
    machine = average_machine, per_frame, rule
    if net:
        machine = published_machine, per_frame, rule, net
    finish = None
    if 'accelerator' in config or 'density' in config or config.get('scaling', 'mac') != 'mac':
        ours = read_table, read_net, published_layers, average_machine, scale_eie
        machine, finish = load_leaf('nets', 'shapes').plan(config, netfile, load, ranges, *ours)
    width = 6 if ranges else 2
    catalog, entries, left_out, sums = load(load_catalog, netfile, width, *machine)
    layers, extras = catalog.values(), {}
    if 'layers' in config:
        layers = select(config['layers'], catalog, entries)
        sums = sum_up(layers, width)
    if 'process_nm' in config:
        scale = node_scale(EYERISS_PROCESS_NM, config['process_nm'], rule)
        layers = ({**layer, 'cost': rescale(layer['cost'], *scale)} for layer in layers)
        sums = {group: rescale(cost, *scale) for group, cost in sums.items()}
    if finish:
        layers, sums, extras = finish(layers, sums)
    if left_out:
        extras['left_out'] = {'layers': len(left_out), 'macs': sum(left_out)}
    return layers, sums, extras


def quantities(cost):
    """Return a cost as reports have it: {'energy': J, 'latency': s}, and its ranges if any."""
    report = dict(zip(QUANTITIES, cost))
    if cost[2:]:
        report |= {'energy_range': cost[2::2], 'latency_range': cost[3::2]}
    return report


def sweep(configs, per_frame=False, per_layer=False, ranges=False, form=to_report, load=None):
    """Yield the report on each of some configs, {'error': message} for one that is wrong.

    configs: dicts, or JSON as bytes; what they read is kept from one to the next. form: what makes
    a report, with the arguments of `to_report`; load: a `keeper` that several sweeps share.
    See also `estimate`.
    """
    load = load or keeper()
    for config in configs:
        try:
            costs = checked('config', costs_of, config, per_frame, ranges, load)
        except InputError as error:
            yield {'error': str(error)}
        else:
            yield form(*costs, per_layer)


def diagnose(per_frame=False):
    """Return the report on costs per MAC: what `estimate` scales by, and what that averages.

    per_frame: as for `estimate`.
    Returns {'average': {quantity: {kind: number}}, 'per_layer': {quantity: {net: {layer:
    number}}}}, where quantity is 'energy' (J per MAC) or 'latency' (s per MAC).
    """
    published = published_layers(per_frame)
    per_mac = cost_per_mac(sum(published.values(), []))
    report = {'average': {}, 'per_layer': {}}
    for index, quantity in enumerate(QUANTITIES):
        report['average'][quantity] = {kind: per_mac[kind][0][index] for kind in KINDS}
        report['per_layer'][quantity] = {
            net: {x['name']: x['cost'][index] / x['macs'] for x in layers}
            for net, layers in published.items()
        }
    return report


def frames_note(report, per_frame):
    """Return a sentence on the frames of a report's costs; it has layers, or is of `diagnose`."""
    if not per_frame and 'layers' not in report:
        return "conv: a batch's cost over a frame's MACs; --per-frame for one frame's"
    frames = 1
    for layer in report.get('layers', []):
        frames = max(frames, layer['frames'])
    if frames == 1:
        return 'all costs: 1 frame'
    return f"conv: Eyeriss's batch of {frames:.3g} frames; fc: 1 frame; --per-frame for one"


def to_json(report):
    """Return a report as JSON, as the original prints it."""
    return json.dumps(report, indent=2, sort_keys=True) + '\n'


# === Sweeps ===


def read_lines(stream, where):
    """Yield lists of the lines of a binary stream, as they come in.

    Of a line longer than MAX_INPUT_BYTES, only so much is kept that it can be seen to be.
    """
    line = bytearray()  # that has not ended
    with stream:
        while chunk := checked(where, stream.read1, READ_BYTES):
            line += chunk
            if b'\n' in chunk:
                *lines, rest = bytes(line).split(b'\n')
                yield lines
                line = bytearray(rest)
            del line[MAX_INPUT_BYTES + 1 :]
    yield [bytes(line)]


# How most results of a sweep begin: json takes twice as long to print sums.
SUMS = (
    '{"conv":{"energy":%r,"latency":%r},'
    '"fc":{"energy":%r,"latency":%r},'
    '"total":{"energy":%r,"latency":%r}'
)
to_compact_json = json.JSONEncoder(separators=(',', ':'), check_circular=False).encode


def to_line(layers, sums, extras, per_layer):
    """Return the report of `to_report` as JSON on one line."""
    if per_layer or sums['total'][2:]:
        return to_compact_json(to_report(layers, sums, extras, per_layer))
    text = (SUMS % tuple(sum(sums.values(), []))).replace('None', 'null')
    return f'{text},{to_compact_json(extras)[1:]}' if extras else text + '}'


def estimate_lines(stream, where, stderr, *flags):
    """Yield texts of one compact JSON result a line, in the order of the configs in a stream.

    where: what error messages call the stream.
    stderr: a stream to tell every second how many are done, if it is a terminal, or None.
    flags: per_frame, per_layer and ranges, as for `estimate`.
    A config that is wrong gives {"error": "line 3: ..."}. Raises InputError in the end if any was.
    """
    load = keeper()
    number = wrong = 0
    last = time.monotonic()
    for lines in read_lines(stream, where):
        results = []
        for line, result in zip(lines, sweep(lines, *flags, to_line, load)):
            number += 1
            if isinstance(result, dict):
                if not line.strip() and len(line) <= MAX_INPUT_BYTES:
                    continue
                wrong += 1
                result = to_compact_json({'error': f'line {number}: {result["error"]}'})
            results.append(result + '\n')
        yield ''.join(results)
        if stderr and stderr.isatty() and time.monotonic() - last >= 1:
            last = time.monotonic()
            complain(f'{number:,} lines done', stderr)
    if wrong:
        raise InputError(
            f'{where}: wrong lines: {wrong}, as their results say; '
            'expected a config on each line, all of it on that line'
        )


# === Command line ===


def new_parser(**settings):
    """Return a parser of command lines that raises InputError for wrong arguments.

    settings: what argparse.ArgumentParser takes. Options must be written out in full; one that is
    not given is not in the namespace.
    """
    # argparse takes longer to import than all the rest; the main job has no arguments to parse.
    import argparse

    def refuse(message):
        error = InputError(f'arguments: {message}; see {parser.prog} --help')
        error.status = 2  # of the process, as argparse has it; any other error's is 1
        raise error

    parser = argparse.ArgumentParser(
        argument_default=argparse.SUPPRESS, allow_abbrev=False, add_help=False, **settings
    )
    parser.error = refuse
    return parser


def parse_options(argv):
    """Return {option: value} of the options that some arguments give, and of no others.

    Raises InputError if they do not go together.
    """
    parser = new_parser(prog='fodlam')
    parser.add_argument('config', nargs='?')
    parser.add_argument('--format', choices=FORMATS)
    for names in FLAGS:
        parser.add_argument(*names.split(','), action='store_true')
    asked = vars(parser.parse_args(argv))
    if asked.keys() & {'help', 'version'}:
        return asked
    format_ = asked.get('format', 'json')
    if 'validate' in asked:
        parser.error('--validate is now python3 data/validate.py (python3 -m fodlam.data.validate)')
    only = {'diagnose', 'per_frame', 'format'}
    if 'diagnose' in asked and (format_ == 'svg' or asked.keys() - only):
        parser.error('--diagnose takes no config; only --per-frame, --format json, csv or table')
    if 'lines' in asked and format_ != 'json':
        parser.error(f'--lines prints JSON, but got --format {format_}')
    if asked.get('config', '').lstrip().startswith('{'):
        parser.error("pipe JSON in, as in echo '{...}' | fodlam")
    return asked


def open_config(path, stdin, stderr):
    """Return (binary stream, what to call it) of the config; "-" is standard input."""
    if path != '-':
        where = f'config {quote(path)}'
        return checked(where, open, path, 'rb'), where
    if not stdin:
        raise InputError('config: standard input is closed; pipe a config in, or name a file')
    if stdin.isatty():
        complain('waiting for a config in JSON on standard input; see fodlam --help', stderr)
    return stdin.buffer, 'config'


def run(argv, stdin, stdout, stderr):
    """Yield the texts that the command line asks for; raise InputError for what is wrong."""
    asked = parse_options(argv) if argv else {}
    if 'help' in asked:
        yield __doc__ or NO_HELP
        return
    if 'version' in asked:
        yield f'fodlam {__version__}\n'
        return
    flags = 'per_frame' in asked, 'per_layer' in asked, 'range' in asked
    per_frame, per_layer, ranges = flags
    format_ = asked.get('format', 'json')
    terminal = stdout and stdout.isatty()
    if 'diagnose' in asked:
        report, config = diagnose(per_frame), {}
    else:
        stream, where = open_config(asked.get('config', '-'), stdin, stderr)
        if 'lines' in asked:
            yield from estimate_lines(stream, where, None if terminal else stderr, *flags)
            return
        config = checked(where, read_json, stream)
        report = estimate(config, per_frame, per_layer or terminal or format_ != 'json', ranges)
    machine, notes = None, [frames_note(report, per_frame)]
    if format_ == 'json':
        if terminal:
            complain(notes[0], stderr)
        if not per_layer:
            report.pop('layers', None)
        yield to_json(report)
        return
    if 'accelerator' in config and format_ != 'csv':
        to_show, value = load_leaf('nets', 'shapes').to_show, config['accelerator']
        # It may be the first to read a table, and find it damaged.
        machine, more = checked('config', to_show, value, report, keeper(), read_table, read_net)
        notes += more
    encoding = getattr(stdout, 'encoding', None)
    yield load_leaf('nets', 'show').text(format_, report, config, machine, encoding, notes)


def complain(message, stderr, program='fodlam'):
    """Print one line about `message` to stderr, if that is open."""
    line = ''.join(c if c.isprintable() else ' ' for c in message[:MAX_MESSAGE_CHARACTERS])
    try:
        if stderr:
            print(f'{program}: {line}', file=stderr, flush=True)
    except OSError:
        pass  # there is nowhere left to say it; the exit status tells


def write_all(stream, content):
    """Write bytes to a text stream, until it has taken them all; it may take a part at a time."""
    if not stream:  # as Python has standard output if it is closed from the start
        raise OSError(None, 'closed')
    raw = getattr(stream.buffer, 'raw', stream.buffer)
    while content:
        content = content[raw.write(content) :]


def main(argv, stdin, stdout, stderr, run=run, program='fodlam'):
    """Run a program on the arguments `argv` and three text streams; return the exit status.

    run: a function of all these that yields the texts to print, which are printed as they are made.
    What goes wrong in it is one line on stderr, and ends the printing.
    """
    encoding = getattr(stdout, 'encoding', None) or 'utf-8'
    texts = run(argv, stdin, stdout, stderr)
    try:
        for content in codecs.iterencode(texts, encoding, 'backslashreplace'):
            checked('standard output', write_all, stdout, content)
    except (InputError, MemoryError) as error:
        complain(str(error) or 'out of memory; expected a smaller input', stderr, program)
        return getattr(error, 'status', 1)
    return 0


def command(main=main):
    """Run a program on the process's own arguments and streams, and end the process."""
    sys.excepthook = excepthook
    for stream in (sys.stdin, sys.stdout):
        if stream and os.name == 'posix':
            # Or Python would take "nothing yet" for the end, and lose what it cannot write.
            os.set_blocking(stream.fileno(), True)
    status = main(sys.argv[1:], sys.stdin, sys.stdout, sys.stderr)
    # main has flushed what it wrote. Python's own way out would take every module apart first,
    # which is a tenth of a run, and would flush a closed stdout again, and complain of it again.
    os._exit(status)


if __name__ == '__main__':
    command()
