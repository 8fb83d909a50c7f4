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

__version__ = '2.0.0'

__all__ = ['InputError', 'diagnose', 'estimate', 'sweep']

# === Constants ===

DATA_DIR = join(HOME, 'data')
NETS_DIR = join(HOME, 'nets')

# Columns of tables in data/ are (heading, scale), the scale from the cell's unit to SI.

# Chen et al., JSSC 2017, Table IV: TSMC 65 nm LP. The node of all costs, unless a config says else.
EYERISS_PROCESS_NM = 65

# Tables V and VI of the same. "Total" latency counts the DRAM traffic that the chip does not
# overlap with computing.
EYERISS_COLUMNS = {
    'power_w': ('Power (mW)', 1e-3),
    'latency_s': ('Total Latency (ms)', 1e-3),
}

# Han et al., ISCA 2016, Table V: 64 processing elements in TSMC 45 nm take 0.59 W together. The
# paper has one power for all layers, and multiplies it by their times to get energy.
EIE_PROCESS_NM = 45
EIE_POWER_W = 0.59

# Tables III and IV of the same. "Actual" time counts the imbalance of load between processing
# elements.
EIE_FILE = 'eie-layers.csv'
EIE_COLUMNS = {'latency_s': ('Actual Time (us)', 1e-6)}


# A layer's kind says which accelerator it runs on. Layers of all other types cost nothing.
KIND_OF_TYPE = {
    'Convolution': 'conv',
    'Deconvolution': 'conv',
    'InnerProduct': 'fc',
    'MatMul': 'fc',  # of two feature maps, which neither Eyeriss nor EIE was measured on
}
QUANTITY_UNITS = {'energy': 'J', 'latency': 's'}  # what reports call the parts of a Cost
KINDS = ('conv', 'fc')  # those that are in every report, even if no layer is of that kind

ENTRY_KEYS = (  # of a layer in a net file
    'name type macs ifmap ofmap kernel stride groups stored addend '
    'weight_density activation_density'
).split()

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
MIN_NUMBER, MAX_NUMBER = 1e-30, 1e30  # in a table, a net file or an accelerator
MAX_SIZE = 2**32  # of a layer, as in its ifmap

# The most characters of a value in an error message, of a list of choices, and of the message.
MAX_QUOTED_CHARACTERS = 80
MAX_CHOICES_CHARACTERS = 1500
MAX_MESSAGE_CHARACTERS = 4000

# === Errors ===


class InputError(Exception):
    """Something that the user can put right, as "where: what is wrong; what is valid"."""


_QUOTER = reprlib.Repr()
_QUOTER.maxstring = _QUOTER.maxother = MAX_QUOTED_CHARACTERS
quote = _QUOTER.repr  # a value as Python writes it, on one line and cut to a length for a message


def choices(names):
    """Return "choose from A, B, C", the names in their own order, cut to a length for a message."""
    shown = ', '.join(names)
    if len(shown) > MAX_CHOICES_CHARACTERS:
        shown = f'{shown[:MAX_CHOICES_CHARACTERS]}... and others'
    return f'choose from {shown}'


# What to tell the user of an exception, by the first class that it is of; {0} is the exception.
ADVICE = (
    (
        json.JSONDecodeError,
        'not JSON at line {0.lineno}, column {0.colno} ({0.msg}); expected JSON, and nothing after it',
    ),
    (UnicodeDecodeError, 'not UTF-8 at byte {0.start}; save it as UTF-8'),
    (UnicodeEncodeError, 'no file can have this name; expected a path'),
    (ValueError, '{0}'),  # our own messages say already what would be right
    (csv.Error, '{0}; expected a table as spreadsheets write it'),
    (RecursionError, 'nested too deep; expected a few levels of JSON'),
    (ImportError, 'cannot be loaded ({0}); expected it below the folder of fodlam.py'),
    (
        OSError,
        'cannot be used ({0.strerror}); expected a file or pipe that is there, open, not full',
    ),
)


class place:  # in lower case, as it reads like a statement: with place('config'):
    """Within it, whatever the user can put right becomes an InputError that says where.

    >>> with place('config "net"'):
    ...     raise ValueError("unknown network 'VGG19'; choose from AlexNet, VGG16")
    Traceback (most recent call last):
    fodlam.InputError: config "net": unknown network 'VGG19'; choose from AlexNet, VGG16
    """

    __slots__ = ('where',)

    def __init__(self, where):
        self.where = where

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if error is None:
            return
        for class_, template in ADVICE:
            if isinstance(error, class_):
                advice = template.format(error)
                # Of an integer of thousands of digits, Python says what a programmer can do.
                advice = re.sub('use sys.set_int_max.*', 'expected fewer of them', advice)
                raise InputError(f'{self.where}: {advice}')


# === Value types ===


class Cost:
    """What some work costs: joules and seconds. The energy is None if nobody knows it."""

    __slots__ = ('energy_j', 'latency_s')

    def __init__(self, energy_j, latency_s):
        self.energy_j = energy_j
        self.latency_s = latency_s

    def __mul__(self, factor):
        return Cost(self.energy_j * factor, self.latency_s * factor)

    def __truediv__(self, divisor):
        return Cost(self.energy_j / divisor, self.latency_s / divisor)

    def scaled(self, power, time):
        """Return the Cost at `power` times the power, for `time` times the time."""
        return Cost(self.energy_j * power * time, self.latency_s * time)


class Layer:
    """A layer and what it costs.

    entry: the dict that its net file has of it. kind: such as "conv" (KIND_OF_TYPE).
    source: where the cost is from: "published", "scaled", "shape", "density" or "roofline".
    frames: how many frames the cost is for. cost: a Cost.
    name, macs: the entry's; but published layers are called as in their table.
    low, high: the least and the most that the cost may be; None if that is the cost itself.
    bound: what the layer waits for, such as "compute"; None if the model does not tell.
    energy_by: {part: J} of its energy, such as {"mac": 1e-6, "dram": 2e-6}, or None.
    details: {key: value} of what else reports say of it, or None.
    """

    low = high = bound = energy_by = details = None

    def __init__(self, entry, kind, source, frames, cost):
        self.entry = entry
        self.name = entry['name']
        self.macs = entry['macs']
        self.kind = kind
        self.source = source
        self.frames = frames
        self.cost = cost

    def replaced(self, **attributes):
        """Return a copy of the Layer that has some other attributes."""
        layer = object.__new__(Layer)
        layer.__dict__.update(self.__dict__, **attributes)
        return layer


class Estimate:
    """What a config comes to: all that a report, a table or a picture says of it.

    config: the dict of its keys, which have been checked. sums: {kind or 'total': Cost}.
    make_layers: a function that returns the list of Layers, which only some outputs need.
    left_out: as of a Catalog.
    ranges: {kind or 'total': (least Cost, most Cost)}, or None if no ranges were asked for.
    bounds: {bound: Cost} of the layers that wait for the same. energy_by: {part: J} of all energy.
    accelerator: a roofline.Accelerator, or None on Eyeriss and EIE.
    """

    ranges = bounds = energy_by = accelerator = None

    def __init__(self, config, sums, make_layers, left_out):
        self.config = config
        self.sums = sums
        self.make_layers = make_layers
        self.left_out = left_out


# === Reading ===


@functools.lru_cache(10_000)  # a sweep names the same layers in each config
def canonical(name):
    """Return the form of a layer's name that is the same however its writer puts it.

    >>> canonical('CONV1-1') == canonical('conv1_1')  # as papers have it, and Caffe
    True
    """
    return name.casefold().replace('-', '_')


def is_number(value, least, most):
    """Return whether `value` is a number from `least` to `most`; a boolean is none."""
    return isinstance(value, (int, float)) and type(value) is not bool and least <= value <= most


def read_text(source):
    """Return the text of a file, a binary stream or bytes, without a byte order mark.

    source: a path; a stream, which is closed then; or the bytes.
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


def unique_members(pairs):
    """Return the dict of a JSON object's pairs; raise ValueError if a key is there twice."""
    members = {}
    for key, value in pairs:
        if key in members:
            raise ValueError(f'duplicate key {quote(key)}; give each key once')
        members[key] = value
    return members


decode_json = json.JSONDecoder(object_pairs_hook=unique_members).decode


def read_json(source):
    """Return the value of the JSON in a file, a binary stream or bytes.

    source: a path; a stream, which is closed then; or the bytes.
    Raises OSError or ValueError if it cannot be read, or is no JSON.
    """
    return decode_json(read_text(source))


def read_table(filename, columns, key='Layer', least=MIN_NUMBER):
    """Return {row: {field: number}} of a CSV file in data/, scaled, in the file's order.

    columns: {field: (heading, scale)}, those wanted. key: the heading of the rows' names.
    least: the smallest number allowed.
    Raises InputError, with file, row and column, if the file is damaged.
    """
    with place(f'data/{filename}'):
        return parse_table(read_text(join(DATA_DIR, filename)), columns, key, least)


def parse_table(text, columns, key, least):
    """Return {row: {field: number}} of the text of a CSV file, scaled, in the file's order.

    columns: {field: (heading, scale)}, those wanted. key: the heading of the rows' names.
    least: the smallest number allowed. Raises ValueError if the text is damaged.
    """
    rows = csv.reader(text.splitlines())
    headings = []
    table, names = {}, set()
    for cells in filter(None, rows):  # which passes over blank lines
        if not headings:
            headings = cells
            continue
        row = dict(zip(headings, cells))
        name = row.get(key)
        # A heading that is there twice, a cell too many and one too few all make these differ.
        is_whole = len(row) == len(headings) == len(cells)
        if not is_whole or not name or canonical(name) in names:
            expected = f'a new "{key}", and a cell for each of {headings}'
            raise ValueError(f'row {rows.line_num}: {quote(cells)}; expected {expected}')
        names.add(canonical(name))
        table[name] = {}
        for field, (heading, scale) in columns.items():
            cell = row.get(heading)
            try:
                number = float(cell or 'nan')
            except ValueError:
                number = math.nan
            if not least <= number <= MAX_NUMBER:
                raise ValueError(
                    f'row {rows.line_num}, column "{heading}": {quote(cell)}; '
                    f'expected a number from {least:g} to {MAX_NUMBER:g}'
                )
            table[name][field] = number * scale
    if not table:
        raise ValueError(f'no rows: {quote(headings)}; expected some, below a heading')
    return table


def read_net(netfile):
    """Return {canonical name: entry} of a net file, in the file's order; MACs are per frame.

    netfile: a file in nets/; a path, which has a separator in it; or a list of entries, as the
    bytes of its JSON.
    Raises InputError if there is no such file, or if what it holds is no list of layers.
    """
    with place(net_place(netfile)) as spot:
        where, entries = spot.where, {}
        for index, entry in enumerate(list_entries(netfile)):
            spot.where = f'{where}[{index}]'
            check_entry(entry)
            name = canonical(entry['name'])
            if name in entries:
                raise ValueError(
                    f'a second {quote(entry["name"])}; expected names that differ without case, -, _'
                )
            entries[name] = entry
    return entries


def net_place(netfile):
    """Return what error messages call a netfile, which is as of `read_net`."""
    return 'config "netfile"' if isinstance(netfile, bytes) else f'net file {quote(netfile)}'


def list_entries(netfile):
    """Return the list in a netfile, which is as of `read_net`, whatever is in the list.

    Raises OSError or ValueError if there is no list.
    """
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
    if not isinstance(entries, list):
        raise ValueError(f'{quote(entries)}; expected a list of layers')
    return entries


def net_files():
    """Return "choose from A, B, C", the net files in nets/."""
    import glob

    return choices(sorted(glob.glob('*.json', root_dir=NETS_DIR)))


def check_entry(entry):
    """Raise ValueError if something is wrong with a net file's entry by itself."""
    is_object = isinstance(entry, dict)
    if not is_object or not type(entry.get('name')) is type(entry.get('type')) is str:
        raise ValueError(f'{quote(entry)}; expected an object with strings for "name" and "type"')
    for key in entry:
        if key not in ENTRY_KEYS:
            raise ValueError(f'unknown key {quote(key)}; {choices(ENTRY_KEYS)}')
    macs = entry.get('macs')
    if entry['type'] in KIND_OF_TYPE:
        # A whole number may be a float, 1e9, but from 1 on: 0.0 may be what 1e-400 is read as.
        least = 1 if type(macs) is float else 0
        if not is_number(macs, least, MAX_NUMBER) or macs % 1 != 0:
            raise ValueError(f'"macs" is {quote(macs)}; expected a whole number, up to 1e30')
    elif macs is not None:
        raise ValueError(
            f'"macs" of a layer that has none, of type {quote(entry["type"])}; '
            f'{choices(KIND_OF_TYPE)}'
        )


# === Costs ===

# A model says what layers cost. Here are the two that the card needs: PublishedModel and
# AverageModel. data/by_shape.py and data/roofline.py have others.


# The networks that "net" may be, and where their published costs are.
# netfile: in nets/, with their MACs. eyeriss_file: in data/, with the conv layers, measured in batches
# of batch_frames (Chen et al., JSSC 2017, captions of Tables V and VI). eie_name: what the rows of
# the fc layers in EIE_FILE begin with, as in "AlexNet FC6"; None if EIE did not measure them.
PUBLISHED = {
    'AlexNet': {
        'netfile': 'alexnet_deploy.json',
        'eyeriss_file': 'eyeriss-alexnet.csv',
        'batch_frames': 4,
        'eie_name': 'AlexNet',
    },
    'VGG16': {
        'netfile': 'VGG_ILSVRC_16_layers_deploy.json',
        'eyeriss_file': 'eyeriss-vgg16.csv',
        'batch_frames': 3,
        'eie_name': 'VGG16',
    },
}
# Those over whose layers the average cost of a MAC is. The original has both.
AVERAGED = ('AlexNet', 'VGG16')


def node_scale(from_nm, to_nm, rule):
    """Return the factors (power, time) from one process node to another.

    rule: "dennard" or None, by which time scales by the ratio of the nodes and power by its square
    (README, "How it works"); or "stillmaker", a fit (data/process.py) to some nodes.
    Raises ValueError if there is no such rule, or no such node.

    >>> power, time = node_scale(45, 90, 'dennard')
    >>> power, time, power * time  # the last is the factor of energies
    (4.0, 2.0, 8.0)
    """
    if not is_number(to_nm, MIN_PROCESS_NM, MAX_PROCESS_NM):
        raise ValueError(
            f'"process_nm" is {quote(to_nm)}; '
            f'expected a number from {MIN_PROCESS_NM:g} to {MAX_PROCESS_NM:g}'
        )
    if rule not in (None, 'dennard'):
        from fodlam.data.process import fitted_scale

        return fitted_scale(rule, from_nm, to_nm)
    ratio = to_nm / from_nm
    return ratio * ratio, ratio


def scale_eie(rule):
    """Return (EIE's power in W, the factor of its times) at Eyeriss's 65 nm, by a scaling rule."""
    power, time = node_scale(EIE_PROCESS_NM, EYERISS_PROCESS_NM, rule)
    return EIE_POWER_W * power, time


def add_up(layers):
    """Return {kind or 'total': Cost}, the sums of what Layers cost, whatever their order."""
    energies = {kind: [] for kind in KINDS}
    latencies = {kind: [] for kind in KINDS}
    for layer in layers:
        kind = layer.kind
        if kind not in energies:
            energies[kind], latencies[kind] = [], []
        energies[kind].append(layer.cost.energy_j)
        latencies[kind].append(layer.cost.latency_s)
    energies['total'] = sum(energies.values(), [])
    latencies['total'] = sum(latencies.values(), [])
    return {
        group: Cost(math.fsum(energies[group]), math.fsum(latencies[group])) for group in energies
    }


class PublishedModel:
    """What the papers report of one network, at 65 nm.

    net: a key of PUBLISHED. per_frame: whether Eyeriss's costs, which are for the batch that it
    measured, are divided by the frames of that. EIE's are for one frame.
    rule: by which EIE comes from 45 to 65 nm (see `node_scale`).
    """

    def __init__(self, net, per_frame, rule):
        self.network = PUBLISHED[net]
        self.rows = {}  # {canonical name: (name, frames, Cost)}
        frames = self.network['batch_frames']
        for name, row in read_table(self.network['eyeriss_file'], EYERISS_COLUMNS).items():
            cost = Cost(row['power_w'] * row['latency_s'], row['latency_s'])
            share = (name, 1, cost / frames) if per_frame else (name, frames, cost)
            self.rows[canonical(name)] = share
        power_w, time = scale_eie(rule)
        for title, row in read_table(EIE_FILE, EIE_COLUMNS).items():
            net_name, _, name = title.partition(' ')
            if net_name == self.network['eie_name']:
                latency_s = row['latency_s'] * time
                self.rows[canonical(name)] = name, 1, Cost(power_w * latency_s, latency_s)

    def layer(self, entry, kind):
        """Return the Layer of an entry; None for fc layers of a network that EIE did not measure.

        Raises ValueError if the tables should have the layer, and do not.
        """
        name = canonical(entry['name'])
        if name in self.rows:
            name, frames, cost = self.rows[name]
            layer = Layer(entry, kind, 'published', frames, cost)
            layer.name = name
            return layer
        if kind == 'fc' and self.network['eie_name'] is None:
            return None
        files = f'data/{self.network["eyeriss_file"]} and data/{EIE_FILE}'
        raise ValueError(f'{files} have no {quote(name)}; expected its row')

    add_up = staticmethod(add_up)


class AverageModel:
    """Layers cost their MACs times the average published cost of a MAC of their kind.

    per_frame: whether the average is over Eyeriss's costs of one frame, not of its batches.
    rule: by which EIE comes from 45 to 65 nm (see `node_scale`).
    """

    def __init__(self, per_frame, rule):
        published = averaged_layers(per_frame, rule)
        self.per_mac = cost_per_mac(sum(published.values(), []))

    def layer(self, entry, kind):
        """Return the Layer of an entry; None if nobody has published what such layers cost."""
        if entry['type'] == 'MatMul' or kind not in self.per_mac:
            return None
        cost, frames = self.per_mac[kind]
        return Layer(entry, kind, 'scaled', frames, cost * entry['macs'])

    add_up = staticmethod(add_up)


def published_layers(net, per_frame, rule=None):
    """Return the Layers that the papers report of a network; arguments as of `PublishedModel`."""
    catalog = Catalog(PUBLISHED[net]['netfile'], PublishedModel, net, per_frame, rule)
    return list(catalog.layers.values())


def averaged_layers(per_frame, rule=None):
    """Return {net: [Layer]}, over which the average cost of a MAC is; see `AverageModel`."""
    return {net: published_layers(net, per_frame, rule) for net in AVERAGED}


def cost_per_mac(layers):
    """Return {kind: (Cost of one MAC, frames)} on average over layers.

    It is the sum of the layers' costs over the sum of their MACs, so that every MAC weighs the
    same; not a mean of the layers' ratios.
    frames: how many the cost is for. It need not be whole, as batches differ.
    """
    per_mac = {}
    for kind in dict.fromkeys(layer.kind for layer in layers):
        of_kind = [layer for layer in layers if layer.kind == kind]
        macs = sum(layer.macs for layer in of_kind)
        average = add_up(of_kind)[kind] / macs
        frame_s = math.fsum(layer.cost.latency_s / layer.frames for layer in of_kind)
        per_mac[kind] = average, average.latency_s / (frame_s / macs)
    return per_mac


class Catalog:
    """A net file's layers, as a model costs them.

    netfile: as of `read_net`. model: a class of models; arguments: those that it is made with.
    layers: {canonical name: Layer} of those that have a cost. entries: {canonical name: entry} of
    all layers. left_out: the MACs of each layer that has MACs, but no known cost.
    whole: what the model's `add_up` makes of all layers with a cost.
    Raises InputError if the net file is wrong, or the model has a cost for none of its layers.
    """

    def __init__(self, netfile, model, *arguments):
        costed_by = model(*arguments)
        self.layers, self.left_out = {}, []
        self.entries = read_net(netfile)
        with place(net_place(netfile)) as spot:
            where = spot.where
            for name, entry in self.entries.items():
                kind = KIND_OF_TYPE.get(entry['type'])
                if kind is None:
                    continue
                spot.where = f'{where}, layer {entry["name"]!r}'
                layer = costed_by.layer(entry, kind)
                if layer is None:
                    self.left_out.append(entry['macs'])
                else:
                    self.layers[name] = layer
            if not self.layers:
                spot.where = where
                unknown = quote(list(self.entries))
                raise ValueError(
                    f'no cost is known of any of {unknown}; expected conv or fc layers'
                )
        self.whole = costed_by.add_up(self.layers.values())


# === Configuration ===


CONFIG_KEYS = (
    'net netfile layers per_frame process_nm process_scaling scaling density accelerator title'
).split()
# What type a key must have, and how a message says it; other keys are checked where they are used.
CONFIG_TYPES = {
    'net': (str, ' or '.join(PUBLISHED)),
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


def check_config(config):
    """Raise ValueError if a config has an unknown key, a wrong type, or no network."""
    if not isinstance(config, dict):
        raise ValueError(f'{quote(config)}; expected {CONFIG_EXAMPLE}')
    for key, value in config.items():
        if key not in CONFIG_KEYS:
            raise ValueError(f'unknown key {quote(key)}; {choices(CONFIG_KEYS)}')
        if key in CONFIG_TYPES:
            types, expected = CONFIG_TYPES[key]
            if not isinstance(value, types):
                raise ValueError(f'"{key}" is {quote(value)}; expected {expected}')
    if ('net' in config) == ('netfile' in config):
        raise ValueError(f'the keys are {quote(list(config))}; expected {CONFIG_EXAMPLE}')


def find_net(config):
    """Return (net, netfile) of a config.

    net: a key of PUBLISHED, which "vgg-16" is too; None with "netfile". netfile: as of `read_net`.
    Raises ValueError if no network is called so.
    """
    if 'net' in config:
        if 'scaling' in config:
            raise ValueError('"scaling" is for a netfile, and a net is published; leave one out')
        name = canonical(config['net']).replace('_', '')
        for net, network in PUBLISHED.items():
            if canonical(net).replace('_', '') == name:
                return net, network['netfile']
        known = f'{choices(PUBLISHED)}, or as "netfile" {net_files()}'
        raise ValueError(f'"net" is {quote(config["net"])}; {known}')
    netfile = config['netfile']
    if isinstance(netfile, list):
        return None, json.dumps(netfile, default=repr).encode()
    return None, os.fsdecode(netfile)


def select(names, catalog):
    """Return the list of a Catalog's layers that a config's "layers" names, in its order.

    A layer that is named twice counts twice.
    Raises ValueError if no layer has a name, or its cost is not known.
    """
    layers, selected = catalog.layers, []
    for name in names:
        key = canonical(name) if isinstance(name, str) else None
        if key not in layers:
            problem = 'unknown layer'
            if key in catalog.entries:
                type_ = quote(catalog.entries[key]['type'])
                problem = f'nothing published says the cost of {type_} layers, like'
            known = choices([layer.name for layer in layers.values()])
            raise ValueError(f'"layers"[{len(selected)}]: {problem} {quote(name)}; {known}')
        selected.append(layers[key])
    return selected


# === Estimates and reports ===


def make_estimate(config, per_frame, ranges, find_catalog=Catalog):
    """Return the Estimate of a config.

    config: a dict of its keys, or its JSON as bytes. per_frame: what counts unless the config says
    it. ranges: whether the Estimate has ranges.
    find_catalog: in the place of Catalog, a function that keeps Catalogs from one config of a sweep
    to the next.
    Raises InputError if anything in the config, or in a file that it names, is wrong.
    """
    with place('config'):
        if isinstance(config, bytes):
            config = read_json(config)
        check_config(config)
        if 'accelerator' in config:
            from fodlam.data.accelerators import estimate_on_accelerator

            return estimate_on_accelerator(config, ranges, find_catalog)
        if 'density' in config or config.get('scaling', 'mac') != 'mac':
            from fodlam.data.by_shape import estimate_by_shape

            return estimate_by_shape(config, ranges, find_catalog)
        net, netfile = find_net(config)
        per_frame = config.get('per_frame', per_frame)
        rule = config.get('process_scaling')
        if net:
            catalog = find_catalog(netfile, PublishedModel, net, per_frame, rule)
        elif ranges:
            from fodlam.data.ranges import RangedAverageModel

            catalog = find_catalog(netfile, RangedAverageModel, per_frame, rule)
        else:
            catalog = find_catalog(netfile, AverageModel, per_frame, rule)
        return estimate_by_catalog(catalog, config, ranges)


def estimate_by_catalog(catalog, config, ranges):
    """Return the Estimate of a config on Eyeriss and EIE.

    catalog: of the config's network. config: a dict of its keys. ranges: whether the Estimate has
    ranges.
    """
    layers, sums = catalog.layers.values(), catalog.whole
    if 'layers' in config:
        layers = select(config['layers'], catalog)
        sums = add_up(layers)
    estimate = Estimate(config, sums, lambda: list(layers), catalog.left_out)
    if ranges:
        from fodlam.data.ranges import add_up_ranges

        estimate.ranges = add_up_ranges(layers)
    if 'process_nm' in config:
        rule = config.get('process_scaling')
        scale(estimate, *node_scale(EYERISS_PROCESS_NM, config['process_nm'], rule))
    return estimate


def scale(estimate, power, time):
    """Multiply the costs of an Estimate: all powers by `power`, and all times by `time`."""
    make_layers = estimate.make_layers

    def make_scaled_layers():
        return [layer.replaced(cost=layer.cost.scaled(power, time)) for layer in make_layers()]

    estimate.make_layers = make_scaled_layers
    estimate.sums = {group: cost.scaled(power, time) for group, cost in estimate.sums.items()}
    if estimate.ranges:
        from fodlam.data.ranges import scale_ranges

        scale_ranges(estimate, power, time)


def to_report(estimate, per_layer):
    """Return the report on an Estimate, as a dict; per_layer: whether it has "layers"."""
    report = {group: quantities(cost) for group, cost in estimate.sums.items()}
    if estimate.ranges:
        from fodlam.data.ranges import range_quantities

        for group, ends in estimate.ranges.items():
            report[group] |= range_quantities(*ends)
    report |= report_extras(estimate)
    if per_layer:
        has_ranges = estimate.ranges is not None
        report['layers'] = [layer_report(x, has_ranges) for x in estimate.make_layers()]
    return report


def report_extras(estimate):
    """Return what a report has beside sums and layers, as a dict, which is empty of most CNNs."""
    extras = {}
    if estimate.bounds:
        extras['bounds'] = {bound: quantities(cost) for bound, cost in estimate.bounds.items()}
    if estimate.energy_by:
        extras['energy_by'] = estimate.energy_by
    if estimate.left_out:
        extras['left_out'] = {'layers': len(estimate.left_out), 'macs': sum(estimate.left_out)}
    return extras


def layer_report(layer, has_ranges):
    """Return what a report says of a Layer, as a dict; has_ranges: whether reports have ranges."""
    report = {'name': layer.name, 'kind': layer.kind, 'macs': layer.macs}
    report |= quantities(layer.cost)
    report['source'] = layer.source
    if has_ranges:
        from fodlam.data.ranges import range_of, range_quantities

        report |= range_quantities(*range_of(layer))
    report['frames'] = layer.frames
    if layer.bound:
        report['bound'] = layer.bound
    report |= layer.details or {}
    if layer.energy_by:
        report['energy_by'] = layer.energy_by
    return report


def quantities(cost):
    """Return a Cost as reports have it: {'energy': J, 'latency': s}."""
    return {'energy': cost.energy_j, 'latency': cost.latency_s}


def estimate(config, per_frame=False, per_layer=False, ranges=False):
    """Return the report on a configuration: energy (J) and latency (s) of conv, fc and total.

    config: a dict with the keys of a JSON config, such as {'net': 'VGG16', 'layers': ['FC8']}.
    per_frame: count Eyeriss's layers for one frame, not for the batch that was measured.
    per_layer: add 'layers', a list of dicts in the config's order.
    ranges: add 'energy_range' and 'latency_range', [low, high], to layers and groups.
    Returns {'conv': {'energy': ..., 'latency': ...}, 'fc': {...}, 'total': {...}}, and what else
    there is to say of the network: 'bounds', 'energy_by', 'left_out' (README, "Output").
    Raises InputError if anything in the config, or in a file that it names, is wrong.

    >>> estimate({'net': 'VGG16', 'layers': ['CONV1-1']}, per_frame=True)['total']
    {'energy': 0.0062738, 'latency': 0.025400000000000002}
    """
    return to_report(make_estimate(config, per_frame, ranges), per_layer)


def sweep(configs, per_frame=False, per_layer=False, ranges=False):
    """Return a generator of the report on each config, or {'error': message} if one is wrong.

    configs: an iterable of dicts, or of JSON as bytes. What they read is kept from one to the next.
    per_frame, per_layer, ranges: as for `estimate`.
    """
    from fodlam.data.sweeps import sweep_reports

    return sweep_reports(configs, per_frame, per_layer, ranges)


def diagnose(per_frame=False):
    """Return the report on costs per MAC: what `estimate` scales by, and what that averages.

    per_frame: as for `estimate`.
    Returns {'average': {quantity: {kind: number}}, 'per_layer': {quantity: {net: {layer:
    number}}}}, where quantity is 'energy' (J per MAC) or 'latency' (s per MAC).
    """
    published = averaged_layers(per_frame)
    per_mac = cost_per_mac(sum(published.values(), []))
    report = {'average': {}, 'per_layer': {}}
    for quantity in QUANTITY_UNITS:
        report['average'][quantity] = {
            kind: quantities(cost)[quantity] for kind, (cost, _) in per_mac.items()
        }
        report['per_layer'][quantity] = {
            net: {layer.name: quantities(layer.cost)[quantity] / layer.macs for layer in layers}
            for net, layers in published.items()
        }
    return report


def frames_note(estimate):
    """Return a sentence on how many frames the costs of an Estimate are for."""
    frames = max((layer.frames for layer in estimate.make_layers()), default=1)
    if frames <= 1:
        return ONE_FRAME_NOTE
    return f"conv: Eyeriss's batch of {frames:.3g} frames; fc: 1 frame; --per-frame for one"


ONE_FRAME_NOTE = 'all costs: 1 frame'
DIAGNOSE_NOTE = "conv: a batch's cost over a frame's MACs; --per-frame for one frame's"


def to_json(report):
    """Return a report as JSON, as the original prints it."""
    return json.dumps(report, indent=2, sort_keys=True) + '\n'


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
    if 'help' in asked or 'version' in asked:
        return asked
    format_ = asked.get('format', 'json')
    if 'validate' in asked:
        parser.error('--validate is now python3 data/validate.py (python3 -m fodlam.data.validate)')
    others = asked.keys() - {'diagnose', 'per_frame', 'format'}
    if 'diagnose' in asked and (format_ == 'svg' or others):
        parser.error('--diagnose takes no config; only --per-frame, --format json, csv or table')
    if 'lines' in asked and format_ != 'json':
        parser.error(f'--lines prints JSON, but got --format {format_}')
    if asked.get('config', '').lstrip().startswith('{'):
        parser.error("pipe JSON in, as in echo '{...}' | fodlam")
    return asked


def open_config(path, stdin, stderr):
    """Return (binary stream, name for error messages) of the config; "-" is standard input."""
    if path != '-':
        where = f'config {quote(path)}'
        with place(where):
            return open(path, 'rb'), where
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
    per_frame, per_layer, ranges = ('per_frame' in asked, 'per_layer' in asked, 'range' in asked)
    format_ = asked.get('format', 'json')
    is_terminal = stdout is not None and stdout.isatty()
    if 'diagnose' in asked:
        estimate, report = None, diagnose(per_frame)
        note = ONE_FRAME_NOTE if per_frame else DIAGNOSE_NOTE
    else:
        stream, where = open_config(asked.get('config', '-'), stdin, stderr)
        if 'lines' in asked:
            with place('config'):
                from fodlam.data.sweeps import estimate_lines
            progress = None if is_terminal else stderr
            yield from estimate_lines(stream, where, progress, per_frame, per_layer, ranges)
            return
        with place(where):
            config = read_json(stream)
        estimate = make_estimate(config, per_frame, ranges)
        report = to_report(estimate, per_layer)
        note = frames_note(estimate) if is_terminal or format_ != 'json' else None
    if format_ == 'json':
        if is_terminal:
            complain(note, stderr)
        yield to_json(report)
        return
    with place('config'):
        from fodlam.data.formats import render

        yield render(estimate, report, note, format_, getattr(stdout, 'encoding', None))


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
            with place('standard output'):
                write_all(stdout, content)
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
