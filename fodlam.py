#!/usr/bin/env python3
"""FODLAM, a first-order deep learning accelerator model.

Adds up the energy (J) and latency (s) of a neural network's layers. Those in
the papers on Eyeriss (convolutional, "conv") and EIE (fully-connected, "fc")
cost what is published. Others cost their multiply-accumulates (MACs) times the
average published cost of a MAC. A roofline costs other accelerators.

Usage: a config in JSON goes in, a report in JSON comes out.
  fodlam [options] [config.json]           from a clone: python3 fodlam.py ...
  echo '{"net": "VGG16"}' | fodlam --per-frame
  echo '{"netfile": "resnet50.json", "scaling": "shape"}' | fodlam --per-frame
  echo '{"netfile": "lenet.json", "accelerator": "nvdla-64"}' | fodlam --range
  fodlam --diagnose

Options:
  --per-frame    conv costs for one frame (image), not Eyeriss's batch of 3 or 4
  --per-layer    the cost of each layer as well
  --range        a range for each cost as well, by the errors that are known
  --format F     json (default), csv, table (for people), svg (a picture)
  --theme T      of a picture: auto (default), light, dark
  --lines        one config on each line in, one JSON report on each line out
  --diagnose     what a MAC costs in each published layer; reads no config
  --calibrate F  the accelerator with efficiency and layer_us that fit measured
                 rates: F is a CSV file of netfile and frames_per_s
  --version, -h, --help

Config keys:
  net            a network that both papers have: AlexNet, VGG16
  netfile        any other: a file in nets/, a path with a /, a list of layers
  layers         names of layers; default: all layers that have a cost
  per_frame      true or false; default: as --per-frame says
  scaling        how a netfile is costed: mac (default), shape (closer for conv)
  density        shares that are not zero, for a netfile by shape: weights and
                 activations of fc layers, conv_activations of conv layers
  accelerator    nvdla-2048, tpu-v1, edge-tpu ... (a wrong name lists all);
                 or an object with the keys below
  process_nm     process node that costs are scaled to; default: 65
  process_scaling  the rule for that: dennard (default), stillmaker
  title          of tables and pictures

Keys of an accelerator ("Rooflines" in data/README.md); the first 3 are needed:
  array          macs (per cycle), or in its place rows, cols and dataflow
  clock          clock_mhz
  DRAM           dram_gb_per_s, in 10^9 bytes/s (or dram_gbps)
  on chip        buffer_kib, feature_kib
  of a number    feature_bytes, weight_bytes, psum_bytes
  batches        batch, fc_batch
  fit of shapes  channel_atom, kernel_atom, winograd_gain
  as measured    efficiency, layer_us
  energy         power_mw; mac_pj, sram_pj_per_byte, dram_pj_per_byte

From Python: import fodlam; fodlam.estimate({'net': 'VGG16'}, per_frame=True);
also sweep, diagnose, table, csv, svg, calibrate; fodlam.HOME has data and nets.
How far off it is: README.md, and python3 data/validate.py.
Sources: Eyeriss: Chen, Krishna, Emer, Sze, JSSC, January 2017, Tables V and VI.
EIE: Han, Liu, Mao, Pu, Pedram, Horowitz, Dally, ISCA 2016, Table IV.
The original FODLAM: Sampson and Buckler, 2017, github.com/cucapra/fodlam.
"""

import sys

if sys.version_info < (3, 10):  # noqa: UP036  (before anything that an older Python lacks)
    sys.exit(f'fodlam: Python 3.10 or newer is needed; this is Python {sys.version.split()[0]}')


def end_on_interrupt():
    """Let Ctrl-C end this process at once and silently, unless it is ignored or handled already."""
    # Python has loaded this part of its signal.py, which itself takes a tenth of a start to load.
    import _signal

    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)


# The ends of sys.argv[0] of the commands, once installed. They import this file.
COMMANDS = ('/fodlam', '/fodlam-extract', '\\fodlam.exe', '\\fodlam-extract.exe')

if __name__ == '__main__' or (sys.argv and sys.argv[0].endswith(COMMANDS)):
    end_on_interrupt()  # before the imports, which take time

import gc
import os
from os.path import dirname, isfile, join, realpath

HOME = dirname(realpath(__file__))  # the project's folder, even if a link to this file is run

# This file is also the package of data/ and nets/. A room there writes "from fodlam import
# read_table", and this file "from fodlam.data.sweeps import ..." in the function that needs it.
__path__ = [HOME]
# The copy of this file that rooms import from. It is the first one in a process, even if another is
# loaded later, as where a notebook runs this file as a script. At first it is None if this copy has
# a name that Python does not know; the end of this file sees to that.
first_copy = sys.modules.setdefault('fodlam', sys.modules.get(__name__))

if __name__ == '__main__':
    # Looking for garbage takes 2% of a start, and a run leaves next to none.
    gc.disable()
    if HOME in sys.path:  # or a csv.py beside this file would be taken for Python's own
        sys.path.remove(HOME)

import codecs
import json
import math
import reprlib
from csv import Error as CsvError
from csv import reader as csv_reader

__version__ = '2.0.0'

# What is for users. Most of it is in data/api.py; see `__getattr__`.
__all__ = [
    'HOME', 'InputError', 'calibrate', 'csv', 'diagnose', 'estimate', 'main', 'svg', 'sweep',
    'table',
]  # fmt: skip

# === Constants ===

DATA_DIR = join(HOME, 'data')
NETS_DIR = join(HOME, 'nets')

# The columns of a table in data/: {field: (heading, factor from the unit of its cells to SI)}.

# Chen et al., JSSC 2017, Table IV: TSMC 65 nm LP. All costs are at this node, unless a config has
# "process_nm".
EYERISS_PROCESS_NM = 65

# The same paper, Tables V and VI. "Total" latency includes the DRAM traffic that does not overlap
# with computing.
EYERISS_COLUMNS = {
    'power_w': ('Power (mW)', 1e-3),
    'latency_s': ('Total Latency (ms)', 1e-3),
}

# Han et al., ISCA 2016, Table V: 64 processing elements in TSMC 45 nm draw 0.59 W together. The
# paper has one power for all layers; energy is power times time.
EIE_PROCESS_NM = 45
EIE_SOURCE = 'published, scaled from 45 nm'  # of costs at Eyeriss's node
EIE_POWER_W = 0.59

# The same paper, Table IV. "Actual" time includes the waits of processing elements for one another,
# as their loads differ.
EIE_FILE = 'eie-layers.csv'
EIE_COLUMNS = {'latency_s': ('Actual Time (us)', 1e-6)}

# The kind of a layer says which accelerator it runs on. Layers of other types cost nothing.
KIND_OF_TYPE = {
    'Convolution': 'conv',
    'Deconvolution': 'conv',
    'InnerProduct': 'fc',
    'MatMul': 'product',  # of two feature maps; neither Eyeriss nor EIE was measured on one
}
# How the names of these types begin, also in PyTorch and ONNX, and how the long ones end. If a name
# is misspelt, one of the two is most likely still right, and data/entries.py looks at it.
TYPE_STARTS = ('conv', 'deco', 'inne', 'full', 'gemm', 'line', 'dens', 'matm')
TYPE_ENDS = ('lution', 'roduct', 'nected')
KINDS = ('conv', 'fc')  # the kinds that every report has, even if the network lacks one
QUANTITY_UNITS = {'energy': 'J', 'latency': 's'}  # what reports call the parts of a Cost

# The keys that an entry of a net file may have, as a set that keeps its order for messages.
ENTRY_KEYS = dict.fromkeys(
    'name type macs ifmap ofmap kernel stride dilation groups shared stored addend '
    'weight_density activation_density from result'.split()
).keys()

# Runs with only these arguments take nothing but this file; data/options.py reads all others.
PLAIN_FLAGS = {'--diagnose', '--per-frame', '--per-layer'}
# The ends of the names of files that hold a model, and not JSON.
MODEL_ENDINGS = (
    '.onnx', '.prototxt', '.caffemodel', '.pt', '.pth', '.pt2', '.ckpt', '.safetensors',
    '.h5', '.hdf5', '.keras', '.tflite', '.pb',
)  # fmt: skip
NO_HELP = 'python -OO leaves help out; run it without\n'

# Far above any real config or net file. A larger one is a mistake, or a device that never ends.
MAX_INPUT_BYTES = 16 * 2**20

# Wider than anything real, but narrow enough that no result overflows or underflows a float.
MIN_NUMBER, MAX_NUMBER = 1e-30, 1e30  # in a table, a net file or an accelerator
MAX_SIZE = 2**32  # a dimension of a layer, such as the height of its ifmap

MAX_LAYERS = 50_000  # in the "layers" of a config, or in a net file
MAX_TABLE_LINES = 500  # of a table in data/; how devices compare is a matter of seconds by then

# Longer texts are cut: a value in an error message, a whole message.
MAX_QUOTED_CHARACTERS = 80
MAX_MESSAGE_CHARACTERS = 4000

# === Errors ===


if hasattr(first_copy, 'InputError'):  # that the rooms raise, before a reload or in another copy
    InputError = first_copy.InputError
else:

    class InputError(Exception):
        """A mistake that the user can put right: "where: what is wrong; what is valid"."""


_QUOTER = reprlib.Repr()
_QUOTER.maxstring = _QUOTER.maxother = MAX_QUOTED_CHARACTERS


def quote(value):
    """Return the repr of a value, on one line and cut to fit into a message."""
    try:
        text = _QUOTER.repr(value)
    except ValueError:  # Python does not write an int of thousands of digits
        return 'a number too long to show'
    # Some are of several lines, as that of a table of pandas.
    return text if text.isprintable() else ' '.join(text.split())


# What the user can do something about. A ValueError that is raised in this project has a message
# that is complete; data/mistakes.py has the words for all others.
MISTAKES = (ValueError, CsvError, RecursionError, ImportError, OSError)


class place:  # in lower case, as it reads like a statement: with place('config'):
    """A context that turns an exception of MISTAKES into an InputError that begins with a place.

    where: the place, such as 'config "net"'. layer: a layer's name there; None: the whole place.
    An InputError from an inner place stays as it is.

    >>> with place('config "net"'):
    ...     raise ValueError("unknown network 'VGG19'; choose from AlexNet, VGG16")
    Traceback (most recent call last):
    fodlam.InputError: config "net": unknown network 'VGG19'; choose from AlexNet, VGG16
    """

    __slots__ = ('where', 'layer')

    def __init__(self, where, layer=None):
        self.where = where
        self.layer = layer

    def __enter__(self):
        pass

    def __exit__(self, kind, error, trace):
        if not isinstance(error, MISTAKES):
            return
        where = self.where if self.layer is None else f'{self.where}, layer {quote(self.layer)}'
        missing = error
        if not isinstance(error, ImportError):
            try:
                from fodlam.data.mistakes import advice_on

                raise InputError(f'{where}: {advice_on(error)}')
            except (ImportError, OSError) as unreadable:
                missing = unreadable
        advice = f'cannot be loaded ({missing}); expected it below the folder of fodlam.py'
        raise InputError(f'{where}: {advice}')


# === Value types ===


class Cost:
    """What some work costs: energy_j in joules, None if unknown; latency_s in seconds."""

    __slots__ = ('energy_j', 'latency_s')

    def __init__(self, energy_j, latency_s):
        self.energy_j = energy_j
        self.latency_s = latency_s

    def __mul__(self, factor):
        return Cost(self.energy_j * factor, self.latency_s * factor)

    def __truediv__(self, divisor):
        return Cost(self.energy_j / divisor, self.latency_s / divisor)


class Layer:
    """A layer and its cost.

    entry: its dict in the net file. name, macs: from the entry; a published layer has the name that
    its table gives it.
    kind: a value of KIND_OF_TYPE, such as "conv".
    source: "published", EIE_SOURCE, "by MACs", "by shape", "by shape and density", "by density"
    or "by roofline".
    frames: the number of frames that the cost is for. cost: a Cost.
    low, high: the least and the most that the cost may be, as Costs; None if it is certain.
    bound: the resource that the layer waits for, such as "compute"; None if the model cannot tell.
    energy_by: {part: J}, the energy by its parts, such as {"mac": 1e-6, "dram": 2e-6}; or None.
    details: {key: value}, further members of the layer's report; or None.
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
        """Return a copy of the Layer with some attributes replaced."""
        layer = object.__new__(Layer)
        layer.__dict__.update(self.__dict__, **attributes)
        return layer


class Estimate:
    """The result for a config, from which reports, tables and pictures are made.

    config: the dict of its keys, checked. sums: {kind or 'total': Cost}.
    frames: {kind: the number of frames that the costs of its layers are for}, of the whole network.
    make_layers: a function without arguments that returns the list of Layers; some outputs do
    without.
    left_out: the list of the entries of layers that have MACs, but no known cost.
    ranges: {kind or 'total': (least Cost, most Cost)}; None unless ranges were asked for.
    bounds: {bound: Cost}, the sum over the layers that wait for the same resource; or None.
    energy_by: {part: J}, the total energy by its parts; or None.
    traffic: a roofline.Traffic, the bytes of all layers; None on Eyeriss and EIE.
    accelerator: a roofline.Accelerator; None if the layers run on Eyeriss and EIE.
    doubts: sentences about what looks like a mistake in the config or its net file.
    """

    ranges = bounds = energy_by = traffic = accelerator = None
    doubts = ()

    def __init__(self, config, sums, frames, make_layers, left_out):
        self.config = config
        self.sums = sums
        self.frames = frames
        self.make_layers = make_layers
        self.left_out = left_out


# === Reading ===


def canonical(name):
    """Return a layer's name in the one form that all its spellings share.

    >>> canonical('CONV1-1') == canonical('conv1_1')  # in the papers, and in Caffe's files
    True
    """
    return name.casefold().replace('-', '_')


def is_number(value, least, most):
    """Return whether `value` is a number from `least` to `most`; a bool does not count as one."""
    return isinstance(value, (int, float)) and type(value) is not bool and least <= value <= most


def read_text(source):
    """Return the text of a file, without a byte order mark.

    source: a path; a binary stream, which gets closed; or bytes.
    Raises OSError if it cannot be read, ValueError if it is too large or not UTF-8.
    """
    if not isinstance(source, bytes):
        with source if hasattr(source, 'read') else open(source, 'rb') as stream:
            source = stream.read(MAX_INPUT_BYTES + 1)
    if len(source) > MAX_INPUT_BYTES:
        from fodlam.data.mistakes import too_large

        raise ValueError(too_large(source, MAX_INPUT_BYTES))
    return source.decode().removeprefix('\ufeff')


def unique_members(pairs):
    """Return the [(key, value)] of a JSON object as a dict; raise ValueError on a duplicate key."""
    members = {}
    for key, value in pairs:
        if key in members:
            raise ValueError(f'duplicate key {quote(key)}; give each key once')
        members[key] = value
    return members


decode_json = json.JSONDecoder(object_pairs_hook=unique_members).decode


def read_json(source):
    """Return the value of a JSON file.

    source: a path; a binary stream, which gets closed; or bytes.
    Raises OSError if it cannot be read, ValueError if it is not JSON.
    """
    return decode_json(read_text(source))


def read_table(filename, columns, key='Layer', least=MIN_NUMBER):
    """Return {row name: {field: number}} of a CSV file in data/, in SI units, in the file's order.

    filename: in data/. columns: {field: (heading, factor to SI)}, the columns to read.
    key: the heading of the column of row names. least: the smallest number allowed in a cell.
    Raises InputError, which says the row and the column, if the file is damaged.
    """
    with place(f'data/{filename}'):
        lines = read_text(join(DATA_DIR, filename)).splitlines()
        if len(lines) > MAX_TABLE_LINES:
            raise ValueError(f'{len(lines)} lines; expected at most {MAX_TABLE_LINES}')
        reader = csv_reader(lines)
        rows = filter(None, reader)  # without blank lines
        headings = next(rows, [])
        table, names = {}, set()
        for cells in rows:
            row = dict(zip(headings, cells))
            name = row.get(key)
            # These lengths differ if a heading is there twice, or if a cell is missing or too many.
            is_whole = len(row) == len(headings) == len(cells)
            form = canonical(name or '')
            if not is_whole or not form or form in names:
                from fodlam.data.mistakes import wrong_row

                raise ValueError(wrong_row(reader.line_num, cells, key, headings))
            names.add(form)
            table[name] = {}
            for field, (heading, factor) in columns.items():
                cell = row.get(heading)
                try:
                    number = float(cell or 'nan')
                except ValueError:
                    number = math.nan
                if not least <= number <= MAX_NUMBER:
                    from fodlam.data.mistakes import wrong_cell

                    raise ValueError(wrong_cell(reader.line_num, heading, cell, least))
                table[name][field] = number * factor
        if not table:
            raise ValueError(f'no rows: {quote(headings)}; expected some, below a heading')
    return table


def read_net(netfile):
    """Return {canonical name: entry} of a net file, in the file's order; MACs are for one frame.

    netfile: the name of a file in nets/; a path, which has a separator in it; or the JSON of a list
    of entries, as bytes.
    Raises InputError if there is no such file, or if it is not a list of layers.
    """
    where = net_place(netfile)
    with place(where):
        listed = list_entries(netfile)
        if len(listed) > MAX_LAYERS:
            raise ValueError(f'{len(listed)} layers; expected at most {MAX_LAYERS}')
    entries = {}
    for entry in listed:
        name = canonical(entry['name']) if is_plain_entry(entry) else None
        if name is None or name in entries:
            with place(f'{where}[{len(entries)}]'):
                from fodlam.data.entries import complete_entry

                entry = complete_entry(entry, entries)
            name = canonical(entry['name'])
        entries[name] = entry
    return entries


def net_place(netfile):
    """Return the name of a netfile in error messages; netfile: see `read_net`."""
    return 'config "netfile"' if isinstance(netfile, bytes) else f'net file {quote(netfile)}'


def list_entries(netfile):
    """Return the entries of a netfile as a list, not checked yet; netfile: see `read_net`.

    Raises OSError or ValueError if there is no such file, or no list in it.
    """
    if isinstance(netfile, bytes):
        return decode_json(netfile.decode())
    path = netfile if dirname(netfile) else join(NETS_DIR, netfile)
    # A pipe or a device is no file: it might never end.
    if not isfile(path) or netfile.lower().endswith(MODEL_ENDINGS):
        from fodlam.data.mistakes import no_net_file

        raise ValueError(no_net_file(netfile, path))
    entries = read_json(path)
    if not isinstance(entries, list):
        from fodlam.data.mistakes import no_entries

        raise ValueError(no_entries(entries))
    return entries


def is_plain_entry(entry):
    """Return whether an entry of a net file has all it needs, and nothing unknown.

    Any other entry goes through data/entries.py, which completes it or says what is wrong. Sizes of
    an entry with "macs" are checked where they are used, and costs by MACs use none.
    """
    if not isinstance(entry, dict) or not entry.keys() <= ENTRY_KEYS:
        return False
    name, type_ = entry.get('name'), entry.get('type')
    if not isinstance(name, str) or not isinstance(type_, str):
        return False
    if type_ not in KIND_OF_TYPE:
        type_ = type_.casefold()
        return (
            len(entry) == 2 and not type_.startswith(TYPE_STARTS) and not type_.endswith(TYPE_ENDS)
        )
    return is_macs(entry.get('macs')) and 'shared' not in entry


def is_macs(value):
    """Return whether a value is a number of MACs: whole, and not too large."""
    # 1e9 is a float, and a whole number. But 0.0 may come from 1e-400, which is not whole.
    least = 1 if type(value) is float else 0
    return is_number(value, least, MAX_NUMBER) and value % 1 == 0


# === Costs ===

# A model is a class whose method `layer` returns the Layer of an entry, or None if its cost is not
# known. Before, a Catalog sets its `entries`, which are {canonical name: entry} of all layers. Two
# are here; data/by_shape.py, data/ranges.py and data/demand.py have the others.

# The networks that "net" names. netfile: in nets/, for the MACs. eyeriss_file: in data/, for the
# costs of conv layers, in batches of batch_frames (Chen et al., JSSC 2017, captions of Tables V and
# VI). eie_name: what names in EIE_FILE begin with, as in "AlexNet FC6"; None if EIE did not
# measure the network.
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
# The networks that the average cost of a MAC is taken over; the original takes both.
AVERAGED = ('AlexNet', 'VGG16')


def node_scale(from_nm, to_nm, rule):
    """Return the factors (power, time) from one process node to another.

    rule: "dennard" or None, by which time scales by the ratio of the nodes and power by its square
    (data/README.md, "Process nodes"); or "stillmaker", a fit (data/process.py) to some nodes.
    Raises ValueError if there is no such rule, or if the fit has no such node.

    >>> power, time = node_scale(45, 90, 'dennard')
    >>> power, time, power * time  # the last is the factor of energies
    (4.0, 2.0, 8.0)
    """
    if rule not in (None, 'dennard'):
        from fodlam.data.process import fitted_scale

        return fitted_scale(rule, from_nm, to_nm)
    ratio = to_nm / from_nm
    return ratio * ratio, ratio


def scale_eie(rule):
    """Return EIE's (power in W, factor of its times) at Eyeriss's 65 nm; rule: see `node_scale`."""
    power, time = node_scale(EIE_PROCESS_NM, EYERISS_PROCESS_NM, rule)
    return EIE_POWER_W * power, time


def sum_costs(costs):
    """Return the sum of a list of Costs; it is rounded once, so their order does not matter."""
    energy_j = math.fsum([cost.energy_j for cost in costs])
    return Cost(energy_j, math.fsum([cost.latency_s for cost in costs]))


def add_up(layers):
    """Return {kind or 'total': Cost}, the sums of the costs of Layers."""
    costs = {kind: [] for kind in KINDS}
    for layer in layers:
        if layer.kind not in costs:
            costs[layer.kind] = []
        costs[layer.kind].append(layer.cost)
    costs['total'] = sum(costs.values(), [])
    return {group: sum_costs(costs[group]) for group in costs}


class PublishedModel:
    """Layers of one network cost what the papers report, at 65 nm.

    net: a key of PUBLISHED. per_frame: whether to divide Eyeriss's costs, which are for a batch, by
    its frames. EIE's costs are for one frame.
    rule: scales EIE from 45 to 65 nm; see `node_scale`.
    """

    def __init__(self, net, per_frame, rule):
        self.network = PUBLISHED[net]
        self.published = {}  # {canonical name: (name, frames, Cost)}
        for name, row in read_table(self.network['eyeriss_file'], EYERISS_COLUMNS).items():
            cost = Cost(row['power_w'] * row['latency_s'], row['latency_s'])
            frames = self.network['batch_frames']
            if per_frame:
                cost, frames = cost / frames, 1
            self.published[canonical(name)] = name, frames, cost
        power_w, time = scale_eie(rule)
        for title, row in read_table(EIE_FILE, EIE_COLUMNS).items():
            network, _, name = title.partition(' ')
            if network == self.network['eie_name']:
                latency_s = row['latency_s'] * time
                self.published[canonical(name)] = name, 1, Cost(power_w * latency_s, latency_s)

    def layer(self, entry, kind):
        """Return the Layer of an entry; None for fc layers of a network that EIE did not measure.

        Raises ValueError if the tables should have the layer, but do not.
        """
        name = canonical(entry['name'])
        if name in self.published:
            name, frames, cost = self.published[name]
            layer = Layer(entry, kind, EIE_SOURCE if kind == 'fc' else 'published', frames, cost)
            layer.name = name
            return layer
        if kind != 'conv' and self.network['eie_name'] is None:
            return None
        from fodlam.data.mistakes import no_row

        raise ValueError(no_row(self.network['eyeriss_file'], name))


class AverageModel:
    """Layers cost their MACs times the average published cost of a MAC of their kind.

    per_frame: whether to average Eyeriss's costs of one frame, instead of those of its batches.
    rule: scales EIE from 45 to 65 nm; see `node_scale`.
    """

    def __init__(self, per_frame, rule):
        self.per_mac = cost_per_mac(averaged_layers(per_frame, rule))

    def layer(self, entry, kind):
        """Return the Layer of an entry; None if nothing published says what such layers cost."""
        if kind not in self.per_mac:
            return None
        cost, frames = self.per_mac[kind]
        return Layer(entry, kind, 'by MACs', frames, cost * entry['macs'])


def published_layers(net, per_frame, rule=None):
    """Return the published Layers of a network as a list; arguments: see `PublishedModel`."""
    catalog = Catalog(PUBLISHED[net]['netfile'], PublishedModel, net, per_frame, rule)
    return list(catalog.layers.values())


def averaged_layers(per_frame, rule=None):
    """Return the list of Layers that the average cost of a MAC is taken over.

    per_frame, rule: see `AverageModel`.
    """
    return [layer for net in AVERAGED for layer in published_layers(net, per_frame, rule)]


def cost_per_mac(layers):
    """Return {kind: (Cost, frames)}, the average Cost of one MAC and how many frames it is for.

    The average is the sum of the costs over the sum of the MACs, so every MAC weighs the same. The
    frames need not be a whole number, as batches differ.
    """
    per_mac = {}
    for kind in sorted({layer.kind for layer in layers}):
        of_kind = [layer for layer in layers if layer.kind == kind]
        macs = sum(layer.macs for layer in of_kind)
        average = sum_costs([layer.cost for layer in of_kind]) / macs
        frame_s = math.fsum(layer.cost.latency_s / layer.frames for layer in of_kind)
        frames = average.latency_s / (frame_s / macs)
        per_mac[kind] = average, int(frames) if frames == 1 else frames
    return per_mac


class Catalog:
    """The layers of a net file with their costs by a model.

    netfile: see `read_net`. model: the model's class. arguments: of its constructor.
    layers: {canonical name: Layer}, the layers with a cost. forms: {name in reports: canonical
    name}, of the same layers. entries: {canonical name: entry}, all layers.
    frames, left_out: see `Estimate`.
    whole: what the first estimate of all layers with a cost stores here for later ones: their sum,
    or, on an accelerator, their roofline.Workload.
    Raises InputError if the net file is wrong, or if no layer has a known cost.
    """

    def __init__(self, netfile, model, *arguments):
        costing = model(*arguments)
        self.entries = costing.entries = read_net(netfile)
        self.layers, self.forms, self.left_out = {}, {}, []
        self.frames = dict.fromkeys(KINDS, 1)
        self.whole = None
        where = net_place(netfile)
        for name, entry in self.entries.items():
            kind = KIND_OF_TYPE.get(entry['type'])
            if kind is None:
                continue
            with place(where, entry['name']):
                layer = costing.layer(entry, kind)
            if layer is None:
                self.left_out.append(entry)
            else:
                self.layers[name] = layer
                self.forms[layer.name] = name
                self.frames[kind] = layer.frames
        if not self.layers:
            with place(where):
                from fodlam.data.mistakes import no_costs

                raise ValueError(no_costs(self.entries))


# === Configuration ===


# A config with only these keys takes nothing but this file; data/configs.py reads all others.
PLAIN_KEYS = {'net', 'netfile', 'layers'}


def is_plain(config):
    """Return whether a config has only PLAIN_KEYS, one network, and values of the right types."""
    if not isinstance(config, dict) or not PLAIN_KEYS.issuperset(config):
        return False
    layers = config.get('layers', ['all'])
    if not isinstance(layers, list) or not 0 < len(layers) <= MAX_LAYERS:
        return False
    if 'netfile' in config:
        return 'net' not in config and isinstance(config['netfile'], str)
    return isinstance(config.get('net'), str)


def find_net(config):
    """Return (net, netfile) of a config, which is a dict of its keys.

    net: a key of PUBLISHED, however "net" spells it, such as "vgg-16"; None if there is no "net".
    netfile: see `read_net`. Raises ValueError if "net" is not the name of a published network.
    """
    if 'net' in config:
        name = canonical(config['net']).replace('_', '')
        for net in PUBLISHED:
            if canonical(net).replace('_', '') == name:
                return net, PUBLISHED[net]['netfile']
        from fodlam.data.mistakes import unknown_net

        raise ValueError(unknown_net(config['net']))
    return None, config['netfile']


def select(names, catalog):
    """Return the Layers that a config's "layers" names, as a list in that order.

    names: the value of "layers"; a layer that it names twice counts twice. catalog: of the network.
    Raises ValueError if a name is not that of a layer with a known cost.
    """
    layers, forms, selected = catalog.layers, catalog.forms, []
    for name in names:
        key = None
        if isinstance(name, str):
            key = forms.get(name) or canonical(name)  # a sweep has very many names
        if key not in layers:
            from fodlam.data.mistakes import unknown_layer

            raise ValueError(f'"layers"[{len(selected)}]: {unknown_layer(name, key, catalog)}')
        selected.append(layers[key])
    return selected


# === Estimates and reports ===


def make_estimate(config, per_frame, ranges, find_catalog=Catalog):
    """Return the Estimate of a config.

    config: a dict of its keys, or its JSON as bytes. per_frame: used if the config has no
    "per_frame". ranges: whether the Estimate has ranges.
    find_catalog: takes the arguments of Catalog and returns one; in a sweep, each is made once.
    Raises InputError if anything in the config, or in a file that it names, is wrong.
    """
    with place('config'):
        if isinstance(config, bytes):
            config = read_json(config)
        if ranges or not is_plain(config):
            from fodlam.data.configs import estimate_by_config

            return estimate_by_config(config, per_frame, ranges, find_catalog)
        net, netfile = find_net(config)
        if net:
            catalog = find_catalog(netfile, PublishedModel, net, per_frame, None)
        else:
            catalog = find_catalog(netfile, AverageModel, per_frame, None)
        return estimate_by_catalog(config, catalog)


def estimate_by_catalog(config, catalog):
    """Return the Estimate of a config, a dict of its keys, from the Catalog of its network."""
    if 'layers' in config:
        layers = select(config['layers'], catalog)
        sums = add_up(layers)
    else:
        layers = catalog.layers.values()
        if catalog.whole is None:
            catalog.whole = add_up(layers)
        sums = catalog.whole
    return Estimate(config, sums, catalog.frames, lambda: list(layers), catalog.left_out)


def to_report(estimate, per_layer):
    """Return the report on an Estimate as a dict; per_layer: whether to add "layers"."""
    report = {group: quantities(cost) for group, cost in estimate.sums.items()}
    report['frames'] = frames_of(estimate)
    layers = estimate.make_layers() if per_layer else []
    if per_layer:
        report['layers'] = [layer_report(layer) for layer in layers]
    is_original = PLAIN_KEYS.issuperset(estimate.config)
    has_extras = estimate.ranges or estimate.left_out or not is_original
    # This file does its job alone, too; then published layers lack the bytes that they moved.
    if has_extras or (per_layer and isfile(join(HOME, 'data', 'reports.py'))):
        from fodlam.data.reports import add_extras

        add_extras(report, estimate, layers)
    return report


def frames_of(estimate):
    """Return {kind: the number of frames that the costs of an Estimate are for}.

    It is 1 for a kind that costs nothing, as a rule because the config has no layer of it.
    """
    frames = {}
    for kind, cost in estimate.sums.items():
        if kind != 'total':
            frames[kind] = estimate.frames[kind] if cost.latency_s else 1
    return frames


def layer_report(layer):
    """Return the report on a Layer as a dict, as far as every Layer has it."""
    report = {'name': layer.name, 'kind': layer.kind, 'macs': layer.macs}
    report |= quantities(layer.cost)
    report['source'] = layer.source
    report['frames'] = layer.frames
    return report


def quantities(cost):
    """Return a Cost as a dict for reports: {'energy': J, 'latency': s}."""
    return {'energy': cost.energy_j, 'latency': cost.latency_s}


def diagnose(per_frame: bool = False) -> dict:
    """Return the report on costs per MAC: the averages, and each layer that they are taken over.

    per_frame: count Eyeriss's layers for one frame, not for the batch that was measured.
    Returns {'average': {quantity: {kind: number}}, 'per_layer': {quantity: {net: {layer:
    number}}}, 'frames': {kind: number}}, where quantity is 'energy' (J per MAC) or 'latency' (s per
    MAC), and frames are how many the averages are for.
    """
    published = {net: published_layers(net, per_frame) for net in AVERAGED}
    per_mac = cost_per_mac(sum(published.values(), []))
    average, per_layer = {}, {}
    for quantity in QUANTITY_UNITS:
        average[quantity] = {kind: quantities(per_mac[kind][0])[quantity] for kind in per_mac}
        per_layer[quantity] = {
            net: {layer.name: quantities(layer.cost)[quantity] / layer.macs for layer in layers}
            for net, layers in published.items()
        }
    frames = {kind: frames for kind, (_, frames) in per_mac.items()}
    return {'average': average, 'per_layer': per_layer, 'frames': frames}


def to_json(report):
    """Return a report as JSON text, in the format of the original FODLAM."""
    return json.dumps(report, indent=2, sort_keys=True) + '\n'


# === From Python ===

TYPE_CHECKING = False  # programs that check types take it for true
if TYPE_CHECKING:
    from fodlam.data.api import calibrate, csv, estimate, main, svg, sweep, table
else:

    def __getattr__(name):
        """Return one of the public names that are in data/api.py.

        Python calls this for a name that it does not find in this file. So the API is loaded when
        it is used, and the command line does without.
        """
        if name not in __all__:
            raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
        with place(f'fodlam.{name}'):
            from fodlam.data import api

        return getattr(api, name)


def __dir__():
    """Return the names that dir() and the completion of names show."""
    return __all__


# === Command line ===


def open_stdin(stdin, stderr):
    """Return the binary stream of standard input; say on stderr if somebody has to type there."""
    if not stdin:
        raise InputError('config: standard input is closed; pipe a config in, or name a file')
    if stdin.isatty():
        complain('waiting for a config in JSON on standard input; see fodlam --help', stderr)
    return stdin.buffer


def run(argv, stdin, stdout, stderr):
    """Yield the texts to print; raise InputError if the user has made a mistake.

    argv: the list of arguments. stdin, stdout, stderr: text streams, or None if closed. Nothing is
    written to stdout here; its encoding and whether it is a terminal decide what the texts are.
    """
    if argv == ['--help']:
        yield __doc__ or NO_HELP
        return
    if not PLAIN_FLAGS.issuperset(argv) or {'--diagnose', '--per-layer'}.issubset(argv):
        with place('arguments'):
            from fodlam.data.options import run_with_options
        yield from run_with_options(argv, stdin, stdout, stderr)
        return
    per_frame = '--per-frame' in argv
    if '--diagnose' in argv:
        report = diagnose(per_frame)
        if not per_frame:
            del report['frames']  # which the original does not have
        yield to_json(report)
        if not per_frame:
            tell_notes(None, stdout, stderr)
    else:
        with place('config'):
            config = read_json(open_stdin(stdin, stderr))
        estimate = make_estimate(config, per_frame, ranges=False)
        tell_doubts(estimate, stderr)
        yield from show_estimate(estimate, '--per-layer' in argv, bool(argv), stdout, stderr)


def show_estimate(estimate, per_layer, has_flags, stdout, stderr):
    """Yield the JSON of an Estimate; then say what to know of it, as `tell_notes` does.

    per_layer: whether it has layers. has_flags: whether any flag was given. If none was, and the
    config has only keys of the original, the report is the original's, which does not say frames.
    """
    report = to_report(estimate, per_layer)
    if not has_flags and PLAIN_KEYS.issuperset(estimate.config):
        del report['frames']
    yield to_json(report)
    tell_notes(estimate, stdout, stderr)


def tell_notes(estimate, stdout, stderr):
    """Say on stderr what to know of the numbers on stdout, if any of the two is a terminal.

    estimate: the Estimate that they are of; None for a diagnosis.
    """
    if any(stream and stream.isatty() for stream in (stdout, stderr)):
        try:
            from fodlam.data.notes import notes_beside
        except ImportError:
            return  # this file does its job without all others
        for note in notes_beside(estimate):
            complain(note, stderr)


def tell_doubts(estimate, stderr):
    """Print the doubts about an Estimate, a line for each, on stderr."""
    for doubt in estimate.doubts:
        complain(doubt, stderr)


def complain(message, stderr, program='fodlam'):
    """Print a message as one line on stderr, if that is open; program: the name that begins it."""
    line = ''.join(c if c.isprintable() else ' ' for c in message[:MAX_MESSAGE_CHARACTERS])
    try:
        if stderr:
            print(f'{program}: {line}', file=stderr, flush=True)
    except OSError:
        pass  # stderr cannot be written either, so only the exit status is left


def write_all(stream, content):
    """Write all bytes of `content` to the binary stream below a text stream, or raise OSError."""
    if not stream:  # Python sets sys.stdout to None if it is closed from the start
        raise OSError(None, 'closed')
    raw = getattr(stream.buffer, 'raw', stream.buffer)
    while content:  # a raw stream may take only a part at a time
        content = content[raw.write(content) :]


def run_program(argv, stdin, stdout, stderr, run=run, program='fodlam'):
    """Run a program and return its exit status.

    argv: the list of arguments.
    stdin, stdout, stderr: text streams with binary streams below, or None if closed; `main` in
    data/api.py is for streams of any kind.
    run: a generator function of these four. Each text that it yields is printed at once; an
    InputError ends the program with one line on stderr. program: the name in that line.
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


def command(run=run, program='fodlam'):
    """Run a program on the arguments and streams of this process, and end the process.

    run, program: see `run_program`.
    """
    streams = sys.stdin, sys.stdout, sys.stderr
    if streams != (sys.__stdin__, sys.__stdout__, sys.__stderr__):
        from fodlam.data.api import main

        sys.exit(main(sys.argv[1:], *streams, run, program))  # a notebook or a test, which goes on
    end_on_interrupt()
    for stream in streams[:2]:
        if stream and os.name == 'posix':
            # On a stream that does not block, Python takes "nothing yet" for the end of the input,
            # and loses output that cannot be written yet.
            os.set_blocking(stream.fileno(), True)
    status = run_program(sys.argv[1:], *streams, run, program)
    # All output is flushed. Python's usual exit would clean up every module, which takes a tenth of
    # a run, and would flush a closed stdout again and complain again.
    os._exit(status)


if __name__ == '__main__':
    command()
elif not first_copy:  # its name is unknown to Python; but rooms have to find it
    first_copy = sys.modules['fodlam'] = type(sys)('fodlam')
    vars(first_copy).update(globals())
