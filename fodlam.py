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
  --diagnose     no config; what a frame's MAC costs, of a batch or --per-frame
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
  efficiency     share of the roofline that is attained, up to 1; default: 1
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

import os
from os.path import dirname, isfile, join, realpath

try:
    import codecs
    import csv
    import functools
    import json
    import math
    import re
    import reprlib
    import sys
    import time
    from collections import Counter, namedtuple
except KeyboardInterrupt:  # Ctrl-C before there is a command to end
    if __name__ == '__main__':
        os._exit(130)
    raise

__version__ = '2.0.0'

__all__ = ['InputError', 'diagnose', 'estimate', 'sweep']

# === Constants ===

HOME = dirname(realpath(__file__))  # and not where a link to this file is
DATA_DIR = join(HOME, 'data')
NETS_DIR = join(HOME, 'nets')

# Chen et al., JSSC 2017, Table IV: TSMC 65 nm LP. The node of all costs, unless a config says else.
EYERISS_PROCESS_NM = 65

# Han et al., ISCA 2016, Table V: 64 processing elements in TSMC 45 nm take 0.59 W together. The
# paper has one power for all layers, and multiplies it by their times to get energy.
EIE_PROCESS_NM = 45
EIE_POWER_W = 0.59

# Columns of tables are (heading, scale), the scale from the cell's unit to SI.

# "Total" latency counts the DRAM traffic that the chip does not overlap with computing.
EYERISS_COLUMNS = {'power_w': ('Power (mW)', 1e-3), 'latency_s': ('Total Latency (ms)', 1e-3)}

# "Actual" time counts the imbalance of load between processing elements.
EIE_FILE = 'eie-layers.csv'
EIE_COLUMNS = {'latency_s': ('Actual Time (us)', 1e-6)}

# The networks that both papers measured, and the net files with their MACs.
# batch_frames: Chen et al., JSSC 2017, captions of Tables V and VI.
Network = namedtuple('Network', 'netfile eyeriss_file batch_frames')
NETWORKS = {
    'AlexNet': Network('alexnet_deploy.json', 'eyeriss-alexnet.csv', 4),
    'VGG16': Network('VGG_ILSVRC_16_layers_deploy.json', 'eyeriss-vgg16.csv', 3),
}

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
GROUPS = (*KINDS, 'total')  # what a report sums over

SCALINGS = ('mac', 'shape')
RULES = ('dennard', 'stillmaker')  # of scaling between process nodes
FORMATS = ('json', 'csv', 'table', 'svg')

# Far above any real config or net file; what is larger is a mistake, and might never end.
MAX_INPUT_BYTES = 16 * 2**20
READ_BYTES = 2**16  # at once
WAIT_S = 0.01  # between two looks at a stream that does not block

# Beyond any real ones, and small enough that no result is too large or too small for a float.
MIN_PROCESS_NM, MAX_PROCESS_NM = 0.01, 1e5
MIN_NUMBER, MAX_NUMBER = 1e-30, 1e30  # in a table or net file

# What an error message has at the most: of a value, of a list of choices, and in all.
MAX_QUOTED_CHARACTERS = 80
MAX_CHOICES_CHARACTERS = 1500
MAX_MESSAGE_CHARACTERS = 4000

# How many layers of net files are kept from one line of a sweep to the next: some 50 MB.
MAX_KEPT_LAYERS = 20_000

# === Errors ===


class InputError(Exception):
    """Something that the user can put right, as "where: what is wrong; what is valid"."""

    status = 1  # of the process


class ArgumentError(InputError):
    """Wrong arguments on the command line."""

    status = 2


_QUOTER = reprlib.Repr()
_QUOTER.maxstring = _QUOTER.maxother = MAX_QUOTED_CHARACTERS
quote = _QUOTER.repr  # a value as Python writes it, on one line and cut to a length for a message


def expect(right, what, value, expected):
    """Raise ValueError, "WHAT: VALUE; expected EXPECTED", unless something is right."""
    if not right:
        raise ValueError(f'{what}{quote(value)}; expected {expected}')


# What each exception of `checked` is to the user; {0} is the exception.
ADVICE = {
    OSError: 'cannot be read ({0.strerror}); expected a file',
    ImportError: 'cannot be loaded ({0}); expected this file beside fodlam.py',
    UnicodeDecodeError: 'not UTF-8 at byte {0.start}; save it as UTF-8',
    UnicodeEncodeError: 'no file can have this name; expected a path',
    json.JSONDecodeError: 'not JSON at line {0.lineno}, column {0.colno} ({0.msg}); '
    'expected JSON, and nothing after it',
    RecursionError: 'nested too deep; expected a few levels of JSON',
    csv.Error: '{0}; expected a table as spreadsheets write it',
    ValueError: '{0}',  # our own say what would be right
}


def checked(where, function, *arguments):
    """Return function(*arguments); what goes wrong in it becomes an InputError that says where."""
    try:
        return function(*arguments)
    except tuple(ADVICE) as error:
        wrong = next(text for kind, text in ADVICE.items() if isinstance(error, kind))
        # Of an integer of thousands of digits, Python says what a programmer can do.
        wrong = re.sub('use sys.set_int_max.*', 'expected fewer of them', wrong.format(error))
    raise InputError(f'{where}: {wrong}')


def choices(names):
    """Return "choose from A, B, C", the names in their own order, cut to a length for a message."""
    names = list(names)
    shown = ', '.join(names)
    if len(shown) > MAX_CHOICES_CHARACTERS:
        shown = f'{shown[:MAX_CHOICES_CHARACTERS]}... ({len(names)} in all)'
    return f'choose from {shown}' if names else 'there is none to choose from'


# === Value types ===

# A cost is a list [J, s] or, with ranges, [J, s, least J, least s, most J, most s].

# A layer, and what it costs. source: where the cost is from, "published", "scaled", "shape",
# "density" or "roofline"; entry: the layer's in its net file; detail: what else a report says of
# it, or for an accelerator its demand, which has no cost before it is known how fast that is.
Layer = namedtuple('Layer', 'name kind macs source cost detail entry')


@functools.lru_cache(10_000)  # a sweep names the same layers in each config
def canonical(name):
    """Return the form of a layer's name that is the same however its writer puts it.

    >>> canonical('CONV1-1') == canonical('conv1_1')  # as papers have it, and Caffe
    True
    """
    return name.casefold().replace('-', '_')


def is_number(value, least, most):
    """Return whether `value` is a number, no boolean, within limits."""
    return type(value) in (int, float) and least <= value <= most


# === Reading ===


def read_chunk(stream):
    """Return the next bytes of a binary stream, as soon as there are any; b'' at its end."""
    raw = getattr(stream, 'raw', stream)  # a buffer would take "nothing yet" for the end
    while (chunk := raw.read(READ_BYTES)) is None:
        time.sleep(WAIT_S)
    return chunk


def read_text(source, where):
    """Return the text of `source`, a path or a binary stream, which must be UTF-8.

    where: what error messages call it.
    Raises InputError if it cannot be read, is not UTF-8, or is larger than MAX_INPUT_BYTES.
    """
    content = bytearray()
    with source if hasattr(source, 'read') else checked(where, open, source, 'rb') as stream:
        while len(content) <= MAX_INPUT_BYTES and (chunk := checked(where, read_chunk, stream)):
            content += chunk
    return checked(where, decode_text, content)


def decode_text(content):
    """Return bytes as text, without a byte order mark; raise ValueError if they are too many."""
    if len(content) > MAX_INPUT_BYTES:
        raise ValueError(f'too large; at most {MAX_INPUT_BYTES} bytes are read')
    return content.decode().removeprefix('\ufeff')


def unique(pairs):
    """Return the dict of a JSON object's pairs; raise ValueError if a key is there twice."""
    members = dict(pairs)
    if len(members) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f'duplicate key {quote(twice)}; give each key once')
    return members


parse_json = json.JSONDecoder(object_pairs_hook=unique).decode


def read_table(filename, columns, key='Layer', least=MIN_NUMBER):
    """Return {row: {field: number}} of a CSV file in data/, scaled, in the file's order.

    columns: {field: (heading, scale)}, the columns wanted; key: the heading of the rows' names;
    least: that a number may be.
    Raises InputError, with file, row and column, if the file is damaged.
    """
    where = f'data/{filename}'
    lines = read_text(join(DATA_DIR, filename), where).splitlines()
    return checked(where, parse_table, lines, columns, key, least)


def parse_table(lines, columns, key, least):
    """Return what `read_table` does of the lines of a table; raise ValueError for wrong ones."""
    headings, *rows = [*filter(None, csv.reader(lines))] or [[]]
    expect(rows, 'no rows: ', lines, 'some, below a heading')
    table, expected = {}, f'a new "{key}", and a cell for each of {headings}'
    for number, cells in enumerate(rows, 2):
        row = dict(zip(headings, cells))
        name = row.get(key)
        # There are fewer pairs than headings or cells if some are missing, or there twice.
        whole = len(row) == len(cells) == len(headings)
        new = name and canonical(name) not in map(canonical, table)
        expect(whole and new, f'row {number}: ', cells, expected)
        table[name] = {
            field: parse_cell(row.get(heading), f'row {number}, column "{heading}"', least) * scale
            for field, (heading, scale) in columns.items()
        }
    return table


def parse_cell(cell, where, least):
    """Return the number in a cell; raise ValueError if there is none, or it is a slip."""
    try:
        number = float(cell)
    except (TypeError, ValueError):
        number = math.nan
    if not least <= number <= MAX_NUMBER:
        expected = f'a number from {least:g} to {MAX_NUMBER:g}'
        raise ValueError(f'{where}: {quote(cell)}; expected {expected}')
    return number


def read_net(netfile):
    """Return {canonical name: entry} of a net file, in the file's order; MACs are per frame.

    netfile: a file in nets/, or a path of the user's own, which has a separator in it; or the JSON
    text of a list of entries, alone in a tuple.
    Raises InputError if there is no such file, or if what it holds is no list of layers.
    """
    where, listed = net_place(netfile), isinstance(netfile, tuple)
    text = netfile[0] if listed else read_text(checked(where, net_path, netfile), where)
    entries = checked(where, parse_json, text)
    checked(where, expect, isinstance(entries, list), '', entries, 'a list of layers')
    layers = {}
    for index, entry in enumerate(entries):
        layers[checked(f'{where}[{index}]', check_entry, entry, layers)] = entry
    return layers


def net_place(netfile):
    """Return what error messages call the netfile of `read_net`."""
    return 'config "netfile"' if isinstance(netfile, tuple) else f'net file {quote(netfile)}'


def net_path(netfile):
    """Return the path of a net file; raise ValueError if there is no such file."""
    if netfile.endswith(('.onnx', '.prototxt')):
        todo = f'python3 nets/extract.py {netfile} --output nets/model.json'
        raise ValueError(f'a definition; make it a net file first: {todo}')
    path = netfile if dirname(netfile) else join(NETS_DIR, netfile)
    if not isfile(path):  # nor is a pipe or device, which might never end
        tried = f'no file {path!r:.400} from {os.getcwd()!r}'
        raise ValueError(f'{tried}; {net_files()}, or give a path with a /')
    return path


def net_files():
    """Return "choose from A, B, C", the net files in nets/."""
    import glob

    return choices(sorted(glob.glob('*.json', root_dir=NETS_DIR)))


def check_entry(entry, layers):
    """Return the canonical name of a net file's entry; raise ValueError if something is wrong.

    layers: {canonical name: entry} of the entries before it.
    """
    strings = isinstance(entry, dict) and {type(entry.get(key)) for key in ('name', 'type')}
    expect(strings == {str}, '', entry, 'an object with strings for "name" and "type"')
    name, layer_type, macs = canonical(entry['name']), entry['type'], entry.get('macs')
    expect(name not in layers, 'a second ', entry['name'], 'names that differ without case, -, _')
    for key in entry:
        if key not in ENTRY_KEYS:
            raise ValueError(f'unknown key {quote(key)}; {choices(ENTRY_KEYS)}')
    if layer_type in KIND_OF_TYPE:
        # A whole number may be a float, 1e9, but from 1 on: 0.0 may be what 1e-400 is read as.
        least = 1 if type(macs) is float else 0
        whole = is_number(macs, least, MAX_NUMBER) and macs % 1 == 0
        expect(whole, '"macs" is ', macs, 'a whole number, up to 1e30')
    elif macs is not None:
        raise ValueError(f'type {quote(layer_type)} cannot have "macs"; {choices(KIND_OF_TYPE)}')
    return name


def load_leaf(folder, name):
    """Return the module FOLDER/NAME.py from beside this file, loaded when it is first asked for.

    Wherever this file was started from and whatever sys.path is, it is the same module, under the
    name that it has once installed. Raises InputError if the file is not there.
    """
    full_name = f'fodlam.{folder}.{name}'
    if full_name not in sys.modules:
        # This module is the package, as it is once installed.
        sys.modules.setdefault('fodlam', sys.modules[__name__]).__path__ = [HOME]
        checked(f'{folder}/{name}.py', __import__, full_name)
    return sys.modules[full_name]


# === Costs ===


def node_scale(from_nm, to_nm, rule):
    """Return the factors (power, time) from one process node to another.

    rule: "dennard" or None, by which time scales by the ratio of the nodes and power by its square
    (README, "How it works"); or "stillmaker", a fit (data/process.py) to some nodes.
    Raises InputError if the fit has no such node.
    """
    if rule == 'stillmaker':
        process = load_leaf('data', 'process')
        return checked('config "process_nm"', process.node_scale, read_table, from_nm, to_nm)
    ratio = to_nm / from_nm
    return ratio * ratio, ratio


def rescale(cost, power, time):
    """Return a cost at another process node; power, time: the factors to there."""
    return [number * factor * time for number, factor in zip(cost, [power, 1] * 3)]


def published_layers(net, per_frame, rule=None):
    """Return the Layers of `net` that the papers report, at 65 nm; all with ranges.

    Eyeriss's costs are for the batch that it measured, unless per_frame asks for their share of a
    frame; EIE's are for a frame, and the MACs too, which are from the network's net file.
    rule: by which EIE comes from 45 to 65 nm (see `node_scale`).
    """
    netfile, eyeriss_file, batch_frames = NETWORKS[net]
    eie, rows, layers = eie_costs(rule), [], []
    for name, row in read_table(eyeriss_file, EYERISS_COLUMNS).items():
        rows.append((name, batch_frames, [row['power_w'] * row['latency_s'], row['latency_s']]))
    for name, row in read_table(EIE_FILE, EIE_COLUMNS).items():
        rows.append((name.removeprefix(f'{net} '), 1, eie(row['latency_s'])))
    entries = read_net(netfile)
    for name, frames, cost in rows:
        entry = entries.pop(canonical(name), None)
        if entry:  # and not the total, or another network's
            share = frames if per_frame else 1
            kind, detail = KIND_OF_TYPE[entry['type']], {'frames': frames // share}
            cost = [number / share for number in cost] * 3
            layers.append(Layer(name, kind, entry['macs'], 'published', cost, detail, entry))
    left = [entry['name'] for entry in entries.values() if entry.get('macs')]
    checked(f'data/{eyeriss_file}, data/{EIE_FILE}', expect, not left, 'no ', left, 'their rows')
    return layers


def eie_costs(rule):
    """Return the function that returns, of a time that EIE takes at 45 nm, the cost at 65 nm."""
    power, time = node_scale(EIE_PROCESS_NM, EYERISS_PROCESS_NM, rule)
    return lambda latency_s: [EIE_POWER_W * power * (latency_s * time), latency_s * time]


def cost_per_mac(layers):
    """Return {kind: cost of one MAC, with ranges} over the Layers of each kind.

    It is the sum of their costs over the sum of their MACs, so that every MAC weighs the same; not
    a mean of the layers' ratios. The range is from the least to the most of any layer.
    """
    per_mac = {}
    for kind in KINDS:
        alike = [x for x in layers if x.kind == kind]
        each = [[number / x.macs for number in x.cost[:2]] for x in alike]
        macs = sum(x.macs for x in alike)
        average = [total / macs for total in sum_costs(x.cost[:2] for x in alike)]
        per_mac[kind] = [*average, *map(min, *each), *map(max, *each)]
    return per_mac


def sum_costs(costs):
    """Return the sum of some costs, which does not depend on their order; [] of none."""
    return [*map(math.fsum, zip(*costs))]


def machine_of_macs(published):
    """Return the machine (see `load_catalog`) of averages over published Layers."""
    framed = [x._replace(cost=[n / x.detail['frames'] for n in x.cost]) for x in published]
    per_mac, per_frame = cost_per_mac(published), cost_per_mac(framed)
    frames = {kind: {'frames': per_mac[kind][1] / per_frame[kind][1]} for kind in KINDS}
    return lambda entry, kind: ('scaled', [x * entry['macs'] for x in per_mac[kind]], frames[kind])


# What a config's layers are chosen from. layers: all Layers; by_name: the same by their canonical
# names; entries: {canonical name: entry} of a net file, also those that cost nothing; sums: what
# the layers add up to; left_out: the MACs of each layer that nothing published says the cost of.
Catalog = namedtuple('Catalog', 'layers by_name entries sums left_out')


def load_catalog(net, netfile, scaling, rule, per_frame, ranges, density, dataflow):
    """Return the Catalog of a network of the papers, or else of a net file.

    density: of fc layers, (weights, activations), or None; dataflow: of an accelerator
    (shapes.dataflow), which the layers make demands on, or None.
    What costs a net file's layers is a machine: a function of an entry and its kind that returns
    the source, cost and detail of a Layer, or raises ValueError for wrong shapes.
    """
    entries, layers, left_out, where = {}, [], [], net_place(netfile)
    if net:
        layers = published_layers(net, per_frame, rule)
    else:
        entries = read_net(netfile)
        machine = load_machine(scaling, rule, per_frame, density, dataflow)
    for entry in entries.values():
        name, kind, macs = entry['name'], KIND_OF_TYPE.get(entry['type']), entry.get('macs')
        if entry['type'] == 'MatMul' and dataflow is None:
            left_out.append(macs)
        elif kind:
            costed = checked(f'{where}, layer {name!r}', machine, entry, kind)
            layers.append(Layer(name, kind, macs, *costed, entry))
    total = f'no layer with a cost, and {len(left_out)} left out: '
    checked(where, expect, layers, total, [*entries], 'a network')
    if not ranges:
        layers = [layer._replace(cost=layer.cost[:2]) for layer in layers]
    by_name = {canonical(layer.name): layer for layer in layers}
    return Catalog(layers, by_name, entries, sum_up(layers, ranges), left_out)


def load_machine(scaling, rule, per_frame, density, dataflow):
    """Return the machine that costs a net file's layers; all is as for `load_catalog`."""
    if dataflow:
        return load_leaf('nets', 'shapes').machine_of_demands(dataflow)
    by_shape = scaling == 'shape'
    published = [x for net in NETWORKS for x in published_layers(net, per_frame or by_shape, rule)]
    machine = machine_of_macs(published)
    if by_shape:
        shapes = load_leaf('nets', 'shapes')
        table = read_table(EIE_FILE, shapes.EIE_COLUMNS)
        return shapes.machine_of_shapes(published, machine, density, table, eie_costs(rule))
    return machine


def sum_up(layers, ranges):
    """Return {kind or 'total': cost}, the sums of what some Layers cost, whatever their order."""
    groups = {kind: [[0.0] * (6 if ranges else 2)] for kind in KINDS}
    for _, kind, _, _, cost, _, _ in layers:
        groups[kind].append(cost)
    groups['total'] = sum(groups.values(), [])
    return {group: sum_costs(costs) for group, costs in groups.items()}


# === Configuration ===

# What each key must be (process_nm: within limits), and how a message says it.
CONFIG_KEYS = {
    'net': (str, choices(NETWORKS)),
    'netfile': ((str, os.PathLike, list), 'expected a file in nets/, a path, or a list of entries'),
    'layers': ((list, tuple), 'expected a list of layer names'),
    'per_frame': (bool, 'expected true or false'),
    'process_nm': (object, f'expected a number from {MIN_PROCESS_NM:g} to {MAX_PROCESS_NM:g}'),
    'process_scaling': (RULES, choices(RULES)),
    'scaling': (SCALINGS, choices(SCALINGS)),
    'density': (dict, 'expected an object with "weights" and "activations"'),
    'accelerator': ((str, dict), 'expected a name or an object'),
    'title': (str, 'expected a string'),
}
# Keys that do not go together, and why.
CONFIG_CONFLICTS = (
    ('process_nm', 'accelerator', 'scales the published tables, which an accelerator does not use'),
    ('process_scaling', 'accelerator', 'is for published tables, not for an accelerator'),
    ('scaling', 'accelerator', 'is for a netfile, and an accelerator has its roofline'),
    ('scaling', 'net', 'is for a netfile, and a net is published'),
    ('density', 'net', 'is for a netfile, and a net is published'),
    ('density', 'accelerator', 'is for EIE, and an accelerator has its roofline'),
)
CONFIG_EXAMPLE = (
    'an object such as {"net": "VGG16", "layers": ["FC8"]} or {"netfile": "lenet.json"}'
)


def check_config(members):
    """Return a dict of JSON members, its "net" as in NETWORKS, its "netfile" as `read_net` has it.

    Raises ValueError for an unknown key, a wrong type or value, or keys that do not go together.
    """
    expect(isinstance(members, dict), '', members, CONFIG_EXAMPLE)
    for key, value in members.items():
        if key not in CONFIG_KEYS:
            raise ValueError(f'unknown key {quote(key)}; {choices(CONFIG_KEYS)}')
        valid, expected = CONFIG_KEYS[key]
        if key == 'process_nm':
            right = is_number(value, MIN_PROCESS_NM, MAX_PROCESS_NM)
        else:
            right = value in valid if valid in (RULES, SCALINGS) else isinstance(value, valid)
        if not right:
            raise ValueError(f'"{key}" is {quote(value)}; {expected}')
    for key, other, why in CONFIG_CONFLICTS:
        if key in members and other in members:
            raise ValueError(f'"{key}" {why}; leave one of them out')
    one = ('net' in members) != ('netfile' in members)
    expect(one, 'the keys are ', [*members], CONFIG_EXAMPLE)
    if 'net' in members:
        return {**members, 'net': find_network(members['net'])}
    netfile = members['netfile']
    netfile = (json.dumps(netfile),) if isinstance(netfile, list) else os.fspath(netfile)
    return {**members, 'netfile': netfile}


def find_network(name):
    """Return the key of NETWORKS that a config's "net" is, in any case and without - and _."""
    for net in NETWORKS:
        if name == net or canonical(name).replace('_', '') == canonical(net):
            return net
    raise ValueError(f'"net" is {quote(name)}; {choices(NETWORKS)}, or as "netfile" {net_files()}')


def select(names, catalog):
    """Return the list of a Catalog's layers that a config's "layers" names, in its order.

    names: the config's list, in which a layer named twice counts twice; None for every layer.
    Raises ValueError if a name is of no layer, or of a layer that has no cost.
    """
    if names is None:
        return catalog.layers
    find = catalog.by_name.get
    chosen = [find(canonical(name)) if isinstance(name, str) else None for name in names]
    if None in chosen:
        index = chosen.index(None)
        entry = catalog.entries.get(canonical(str(names[index])))
        what = 'unknown layer'
        if entry:
            what = f'nothing published says the cost of {quote(entry["type"])} layers, like'
        valid = choices(layer.name for layer in catalog.layers)
        raise ValueError(f'"layers"[{index}]: {what} {quote(names[index])}; {valid}')
    return chosen


# === Reports ===


def keeper():
    """Return a function that returns what another returns, and keeps it for the next time."""
    kept = {}

    def load(function, *arguments):
        key = function, *arguments
        if key not in kept:
            if sum(len(getattr(x, 'by_name', ())) for x in kept.values()) > MAX_KEPT_LAYERS:
                kept.clear()
            kept[key] = function(*arguments)
        return kept[key]

    return load


def estimate(config, per_frame=False, per_layer=False, ranges=False, load=None):
    """Return the report on a configuration: energy (J) and latency (s) of conv, fc and total.

    config: a dict with the keys of a JSON config, such as {'net': 'VGG16', 'layers': ['FC8']}.
    per_frame: count Eyeriss's layers for one frame, not for the batch that was measured.
    per_layer: add 'layers', a list of dicts in the config's order.
    ranges: add 'energy_range' and 'latency_range', [low, high], wherever there is a cost.
    load: a `keeper` to share what is read with other estimates, as `sweep` does.
    Returns {'conv': {'energy': ..., 'latency': ...}, 'fc': {...}, 'total': {...}}, and what else
    there is to say of the network: 'bounds', 'energy_by', 'left_out' (README, "Output").
    Raises InputError if anything in the config, or in a file that it names, is wrong.
    """
    config = checked('config', check_config, config)
    per_frame = config.get('per_frame', per_frame)
    layers, sums, extras = costs_of(config, per_frame, ranges, load or keeper())
    report = {**{group: quantities(cost) for group, cost in sums.items()}, **extras}
    if per_layer:
        report['layers'] = [
            {
                'name': layer.name,
                'kind': layer.kind,
                'macs': layer.macs,
                **quantities(layer.cost[:2]),
                'source': layer.source,
                **quantities(layer.cost),
                **layer.detail,
            }
            for layer in layers
        ]
    return report


def costs_of(config, per_frame, ranges, load):
    """Return (Layers, made when asked for, sums, extras) of a config, as of `check_config`.

    sums: as of `sum_up`; extras: what else a report has.
    """
    net, netfile, scaling, rule, density, names = map(
        config.get, ('net', 'netfile', 'scaling', 'process_scaling', 'density', 'layers')
    )
    dataflow = None
    if 'accelerator' in config:
        # Layers ask the same of it however fast it is, and for one frame: sweeps find it again.
        shapes, accelerator = load_leaf('nets', 'shapes'), find_accelerator(config, load)
        dataflow, per_frame = shapes.dataflow(accelerator), True
        net, netfile = None, netfile or NETWORKS[net].netfile
    if density is not None:
        checked('config', expect, scaling == 'shape', 'density with scaling ', scaling, '"shape"')
        density = checked('config "density"', load_leaf('nets', 'shapes').check_density, density)
    catalog = load(load_catalog, net, netfile, scaling, rule, per_frame, ranges, density, dataflow)
    layers = checked('config', select, names, catalog)
    if dataflow:
        attained = ranges and load(shapes.shares, read_table, read_net)
        return shapes.roofline_of_layers(layers, accelerator, KINDS, attained)
    sums, extras = catalog.sums if names is None else sum_up(layers, ranges), {}
    if 'process_nm' in config:
        scale = node_scale(EYERISS_PROCESS_NM, config['process_nm'], rule)
        layers = (x._replace(cost=rescale(x.cost, *scale)) for x in layers)
        sums = {group: rescale(cost, *scale) for group, cost in sums.items()}
    if scaling == 'shape':
        layers = [*layers]
        extras = load_leaf('nets', 'shapes').sum_bounds((x.detail, x.cost[:2]) for x in layers)
    if catalog.left_out:
        extras['left_out'] = {'layers': len(catalog.left_out), 'macs': sum(catalog.left_out)}
    return layers, sums, extras


def find_accelerator(config, load):
    """Return the shapes.Accelerator that a config's "accelerator" is."""
    find, given = load_leaf('nets', 'shapes').find_accelerator, config['accelerator']
    return checked('config "accelerator"', find, given, load, read_table, read_net)


def quantities(cost):
    """Return a cost as reports have it: {'energy': J, 'latency': s}, and its ranges if any."""
    report = {'energy': cost[0], 'latency': cost[1]}
    if len(cost) > 2:
        report['energy_range'], report['latency_range'] = cost[2::2], cost[3::2]
    return report


def sweep(configs, per_frame=False, per_layer=False, ranges=False, load=None):
    """Yield the report on each of some configs, {'error': message} for one that is wrong.

    configs: dicts, or functions that return them; what they read is kept; see also `estimate`.
    """
    load = load or keeper()
    for config in configs:
        try:
            config = config() if callable(config) else config
            yield estimate(config, per_frame, per_layer, ranges, load)
        except InputError as error:
            yield {'error': str(error)}


def diagnose(per_frame=False):
    """Return the report on costs per MAC: what `estimate` scales by, and what that averages.

    per_frame: as for `estimate`.
    Returns {'average': {quantity: {kind: number}}, 'per_layer': {quantity: {net: {layer:
    number}}}}, where quantity is 'energy' (J per MAC) or 'latency' (s per MAC).
    """
    published = {net: published_layers(net, per_frame) for net in NETWORKS}
    per_mac = cost_per_mac(sum(published.values(), []))
    report = {'average': {}, 'per_layer': {}}
    for index, quantity in enumerate(('energy', 'latency')):
        report['average'][quantity] = {kind: per_mac[kind][index] for kind in KINDS}
        report['per_layer'][quantity] = {
            net: {layer.name: layer.cost[index] / layer.macs for layer in layers}
            for net, layers in published.items()
        }
    return report


def frames_note(report):
    """Return a sentence on the frames that a report's costs are for; it has layers, or is not."""
    if 'layers' not in report:
        return "conv: a batch's cost over a frame's MACs; --per-frame for one frame's"
    frames = max([1, *(layer['frames'] for layer in report['layers'])])
    batch = f"conv: Eyeriss's batch of {frames:.3g} frames; fc: 1 frame; --per-frame for one"
    return batch if frames > 1 else 'all costs: 1 frame'


def to_json(report):
    """Return a report as JSON, as the original prints it."""
    return json.dumps(report, indent=2, sort_keys=True) + '\n'


def read_lines(stream, where):
    """Yield lists of the lines of a binary stream, as they come in.

    Of a line longer than MAX_INPUT_BYTES, only so much is kept that it can be seen to be.
    """
    line = bytearray()  # that has not ended
    with stream:
        while chunk := checked(where, read_chunk, stream):
            end, *others = chunk.split(b'\n')
            if len(line) <= MAX_INPUT_BYTES:
                line += end
            if others:
                yield [line, *others[:-1]]
                line = bytearray(others[-1])
    yield [line]


SUMS_LINE = ','.join(f'"{group}":{{"energy":%r,"latency":%r}}' for group in GROUPS)


def parse_line(line):
    """Return the config on a line of a sweep; raise InputError if there is none."""
    return checked('config', parse_json, checked('config', decode_text, line))


def estimate_lines(stream, where, stderr, *how):
    """Yield texts of one compact JSON result a line, in the order of the configs in a stream.

    where: what error messages call the stream.
    stderr: a stream to tell every second how many are done, if it is a terminal, or None.
    how: per_frame, per_layer and ranges, as for `estimate`.
    A config that is wrong gives {"error": "line 3: ..."}. Raises InputError in the end if any was.
    """
    load = keeper()
    encode = json.JSONEncoder(separators=(',', ':'), check_circular=False).encode
    number = done = wrong = 0
    start = last = time.monotonic()
    for lines in read_lines(stream, where):
        numbered = enumerate(lines, number + 1)
        asked = {n: line for n, line in numbered if line.strip() or len(line) > MAX_INPUT_BYTES}
        number, results = number + len(lines), []
        configs = (functools.partial(parse_line, line) for line in asked.values())
        for place, report in zip(asked, sweep(configs, *how, load)):
            if 'error' in report:
                wrong += 1
                report['error'] = f'line {place}: {report["error"]}'
            # Most results are no more than sums, which json takes longest for.
            if len(report) == len(GROUPS) and not how[2]:
                numbers = [number for sums in report.values() for number in sums.values()]
                results.append('{' + SUMS_LINE % tuple(numbers) + '}\n')
            else:
                results.append(encode(report) + '\n')
        done += len(results)
        yield ''.join(results)
        if stderr and stderr.isatty() and time.monotonic() - last >= 1:
            last = time.monotonic()
            complain(f'{done:,} lines, {done / (last - start):,.0f} a second', stderr)
    if wrong:
        what = f'{wrong} of {done} lines are wrong, as their results say'
        raise InputError(f'{where}: {what}; expected a config on each line, all of it on that line')


# === Command line ===


class Options:
    """What the command line asks for; a run without arguments is the class itself."""

    config = '-'
    format = 'json'
    diagnose = validate = per_frame = per_layer = range = lines = help = version = False


def new_parser(**settings):
    """Return a parser of command lines that raises ArgumentError for wrong arguments.

    settings: what argparse.ArgumentParser takes. Options that are not given are left as the
    namespace has them, and must be written out in full.
    """
    # argparse takes longer to import than all the rest; the main job has no arguments to parse.
    import argparse

    class Parser(argparse.ArgumentParser):
        def error(self, message):
            raise ArgumentError(f'arguments: {message}; see {self.prog} --help')

    return Parser(
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
        add_help=False,
        **settings,
    )


def parse_options(argv):
    """Return the Options of some arguments. Raises ArgumentError if they do not go together."""
    parser = new_parser(prog='fodlam')
    parser.add_argument('config', nargs='?')
    parser.add_argument('--format', choices=FORMATS)
    flags = '-h,--help --diagnose --validate --per-frame --per-layer --range --lines --version'
    for names in flags.split():
        parser.add_argument(*names.split(','), action='store_true')
    options = parser.parse_args(argv, Options())
    others = vars(options).keys() - {'diagnose', 'per_frame', 'format'}
    if options.validate:
        parser.error('--validate is now python3 data/validate.py (python3 -m fodlam.data.validate)')
    if options.diagnose and (others or options.format == 'svg'):
        parser.error('--diagnose takes no config, and of the options for one only --per-frame')
    if options.lines and options.format != 'json':
        parser.error(f'--lines prints JSON, but got --format {options.format}')
    if options.config.lstrip()[:1] == '{':
        parser.error("pipe JSON in, as in echo '{...}' | fodlam")
    return options


def open_config(path, stdin, stderr):
    """Return (binary stream, what to call it) of the config; "-" is standard input."""
    if path != '-':
        where = f'config {quote(path)}'
        return checked(where, open, path, 'rb'), where
    if stdin is None:
        raise InputError('config: standard input is closed; pipe a config in, or name a file')
    if stdin.isatty():
        complain('waiting for a config in JSON on standard input; see fodlam --help', stderr)
    return stdin.buffer, 'config'


def run(argv, stdin, stdout, stderr):
    """Yield the texts that the command line asks for; raise InputError for what is wrong."""
    options = parse_options(argv) if argv else Options
    terminal = stdout is not None and stdout.isatty()
    if options.help or options.version:
        yield __doc__ if options.help else f'fodlam {__version__}\n'
        return
    if options.diagnose:
        config, report = {}, diagnose(options.per_frame)
    else:
        stream, where = open_config(options.config, stdin, stderr)
        if options.lines:
            how = options.per_frame, options.per_layer, options.range
            yield from estimate_lines(stream, where, None if terminal else stderr, *how)
            return
        config = checked(where, parse_json, read_text(stream, where))
        report = estimate(config, options.per_frame, True, options.range)
    notes = [frames_note(report)]
    if options.format != 'json':
        yield show(options.format, report, config, notes, stdout)
        return
    if terminal:
        complain(notes[0], stderr)
    if not options.per_layer:
        report.pop('layers', None)
    yield to_json(report)


def show(form, report, config, notes, stdout):
    """Return a report as CSV, table or picture; config: {} for `diagnose`; notes: sentences."""
    machine = None
    if 'accelerator' in config:
        machine = find_accelerator(config, keeper())
        notes += load_leaf('nets', 'shapes').notes(machine, report, read_table, read_net)
    encoding = getattr(stdout, 'encoding', None) or 'utf-8'
    return load_leaf('nets', 'show').text(form, report, config, machine, encoding, notes)


def complain(message, stderr, program='fodlam'):
    """Print one line about `message` to stderr, if that is open."""
    line = ''.join(c if c.isprintable() else ' ' for c in message[:MAX_MESSAGE_CHARACTERS])
    try:
        if stderr is not None:
            print(f'{program}: {line}', file=stderr, flush=True)
    except OSError:
        pass  # there is nowhere left to say it; the exit status tells


def write_all(stream, content):
    """Write bytes to standard output, a text stream, until it has taken them all."""
    try:
        if stream is None:  # as Python has it if it is closed from the start
            raise OSError(None, 'closed')
        raw = getattr(stream.buffer, 'raw', stream.buffer)
        while content:
            written = raw.write(content)
            if written is None:  # it does not block, and takes nothing now
                time.sleep(WAIT_S)
            content = content[written or 0 :]
    except OSError as error:
        what = f'cannot be written ({error.strerror}); expected an open file or pipe with room'
        raise InputError(f'standard output: {what}') from None


def deliver(texts, stdout, stderr, program='fodlam'):
    """Write texts to stdout as they are made; return the exit status.

    texts: an iterator. What goes wrong in it is one line on stderr, and ends the writing.
    """
    encoding = getattr(stdout, 'encoding', None) or 'utf-8'
    encode = codecs.getincrementalencoder(encoding)('backslashreplace').encode
    try:
        for text in texts:
            write_all(stdout, encode(text))
    except (InputError, MemoryError) as error:
        complain(str(error) or 'out of memory; expected a smaller input', stderr, program)
        return getattr(error, 'status', 1)
    return 0


def main(argv, stdin, stdout, stderr):
    """Run FODLAM on the arguments `argv` and three text streams; return the exit status."""
    return deliver(run(argv, stdin, stdout, stderr), stdout, stderr)


def command(main=main):
    """Run a program on the process's own arguments and streams, and end the process."""
    try:
        status = main(sys.argv[1:], sys.stdin, sys.stdout, sys.stderr)
    except KeyboardInterrupt:
        status = 130  # what shells report of a process that Ctrl-C ended
    # main has flushed what it wrote. Python's own way out would take every module apart first,
    # which is a tenth of a run, and would flush a closed stdout again, and complain of it again.
    os._exit(status)


if __name__ == '__main__':
    command()
