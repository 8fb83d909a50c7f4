#!/usr/bin/env python3
"""FODLAM, a first-order deep learning accelerator model.

FODLAM adds up the energy and latency of the layers of a convolutional neural network (CNN) on two
published accelerators: Eyeriss for the convolutional layers, EIE for the fully-connected ones. It
simulates nothing. A layer of a network that the papers measured costs what they report; a layer of
any other network costs its multiply-accumulates times the average published cost of one or, if it
is convolutional, what its shape asks of Eyeriss. Any other accelerator is costed by its roofline.

Terms, with an example of each:
  layer    one step of a network: VGG-16's CONV1-1
  kind     what FODLAM tells layers apart by: conv (convolutional) or fc (fully-connected)
  MAC      multiply-accumulate, the unit of work: VGG-16's CONV1-1 takes 86,704,128 a frame
  cost     energy (J) and latency (s) of some work: CONV1-1 as published, 0.0188 J and 0.0762 s
  net      a network that the papers measured: AlexNet or VGG16
  netfile  a JSON list of a network's layers with the MACs of each: nets/alexnet_deploy.json
  shape    sizes of ifmap, ofmap and kernel: CONV1-1 makes 64 x 224 x 224 of 3 x 224 x 224 by 3 x 3
  bound    what a layer waits for: compute, buffer (Eyeriss's) or memory (DRAM)

Usage, from a shell and from Python:
  python3 fodlam.py < config/vgg16.json
  python3 fodlam.py --diagnose
  fodlam.estimate({'net': 'VGG16', 'layers': ['CONV1-1', 'FC8']})

All quantities are in SI units inside; data/README.md tells what the files hold, and in which units.

Sources:
  Eyeriss  Chen, Krishna, Emer, Sze, J. Solid-State Circuits, January 2017, Tables V and VI.
  EIE      Han, Liu, Mao, Pu, Pedram, Horowitz, Dally, ISCA 2016, Table IV.
  NVDLA    the primer (nvdla.org), and the performance estimator in its repository nvdla/hw.
  FODLAM   Sampson and Buckler, github.com/cucapra/fodlam, 2017: the model and the cleaned tables.
"""

import csv
import functools
import io
import json
import math
import os
import reprlib
import sys
from collections import namedtuple

__version__ = '1.0.0'

# === Constants ===

HOME = os.path.dirname(os.path.abspath(__file__))
DATA_DIR = os.path.join(HOME, 'data')
NETS_DIR = os.path.join(HOME, 'nets')

# Chen et al., JSSC 2017, Table IV: TSMC 65 nm LP. The node of all costs, unless a config says else.
EYERISS_PROCESS_NM = 65

# Han et al., ISCA 2016, Table V: 64 processing elements in TSMC 45 nm take 0.59 W together. The
# paper has one power for all layers, and multiplies it by their times to get energy.
EIE_PROCESS_NM = 45
EIE_POWER_W = 0.59

Column = namedtuple('Column', 'heading scale')  # scale: from the cell's unit to SI

# "Total" latency counts the DRAM traffic that the chip does not overlap with computing.
EYERISS_COLUMNS = {
    'power_w': Column('Power (mW)', 1e-3),
    'latency_s': Column('Total Latency (ms)', 1e-3),
}
# "Processing" latency has all DRAM traffic overlapped.
EYERISS_BOUND_COLUMNS = {
    'processing_s': Column('Processing Latency (ms)', 1e-3),
    'buffer_bytes': Column('Global Buffer Accesses (MB)', 1e6),
}
EYERISS_TOTAL_ROW = 'Total'

# What bounds Eyeriss, for layers that are costed by their shape. The paper's (JSSC 2017, Tables III
# to VI and the text): PEs, clock, 16-bit words, a link of 64 bits at 60 MHz, 64 filters at a time.
EYERISS_PES = 168
EYERISS_CLOCK_HZ = 200e6
EYERISS_WORD_BYTES = 2
EYERISS_LINK_BYTES_PER_S = 64 / 8 * 60e6
EYERISS_FILTERS = 64
# Calibrated on Table VI alone, so that AlexNet is a test: the share of their peak at which the PEs
# of compute-bound layers run; the rate of the global buffer in the others; mean power; and how many
# channels are summed between two accesses to it: 8, for 3 x 3 kernels and ofmaps of up to 14 x 14.
Calibration = namedtuple('Calibration', 'pe_efficiency buffer_bytes_per_s power_w')
EYERISS_CALIBRATION = Calibration(0.85, 3.0e9, 0.245)
EYERISS_SUMMED_CHANNELS = 8
EYERISS_SUMMED_KERNEL = 3
EYERISS_SUMMED_OFMAP = 14
NEARLY = 0.95  # of the highest rate, at which layers count as bound by it (see `calibrate`)

# "Actual" time counts the imbalance of load between processing elements.
EIE_FILE = 'eie-layers.csv'
EIE_COLUMNS = {'latency_s': Column('Actual Time (us)', 1e-6)}

EIE_TABLE = 'EIE Table IV'

# NVDLA primer (nvdla.org): seven configurations, and NVDLA's estimates of their rates of ResNet-50.
NVDLA_FILE = 'nvdla.csv'
NVDLA_SOURCE = 'NVDLA primer'
NVDLA_NETFILE = 'resnet50.json'
NVDLA_COLUMNS = {
    'macs': Column('MACs per Cycle', 1),
    'clock_mhz': Column('Clock (MHz)', 1),
    'dram_gbps': Column('DRAM Bandwidth (GB/s)', 1),
    'buffer_kib': Column('Convolution Buffer (KiB)', 1),
    'power_mw': Column('Average Power at 16 nm (mW)', 1),
}
NVDLA_RATE_COLUMNS = {'frames_per_s': Column('ResNet-50 (frame/s)', 1)}

# NVDLA's performance estimator (repository nvdla/hw, perf/): channels and filters go in groups of
# these sizes, and 3 x 3 kernels with stride 1 by Winograd's algorithm.
NVDLA_DATAFLOW = {'channel_atom': 16, 'kernel_atom': 128, 'winograd_gain': 2.25}
# From the same: Winograd's weights take 4 x 4 for 3 x 3; the buffer has 32 filters at the least.
WINOGRAD_WEIGHTS = 16 / 9
LEAST_FILTERS = 32

# The networks that both papers measured, with the net files that have their MACs. Batch size and
# frame rate: Chen et al., JSSC 2017, captions of Tables V and VI, and what they report of the chip.
Network = namedtuple('Network', 'netfile eyeriss_file eyeriss_table batch_frames frames_per_s')
NETWORKS = {
    'AlexNet': Network('alexnet_deploy.json', 'eyeriss-alexnet.csv', 'Eyeriss Table V', 4, 34.7),
    'VGG16': Network(
        'VGG_ILSVRC_16_layers_deploy.json', 'eyeriss-vgg16.csv', 'Eyeriss Table VI', 3, 0.7
    ),
}

KINDS = ('conv', 'fc')
GROUPS = (*KINDS, 'total')  # what a report sums over
KIND_OF_TYPE = {'Convolution': 'conv', 'Deconvolution': 'conv', 'InnerProduct': 'fc'}

CONFIG_KEYS = {
    'net': f'a network that the papers measured: {", ".join(NETWORKS)}',
    'netfile': 'or else a net file: a name in nets/, or a path with a separator',
    'layers': 'a list of layer names; left out, every layer that has a cost',
    'process_nm': f'scale all costs to this process node; left out, {EYERISS_PROCESS_NM}',
    'accelerator': 'not Eyeriss and EIE: nvdla-2048 to nvdla-32, or an object',
    'scaling': 'how conv layers of a netfile are costed: mac (default) or shape',
}
SCALINGS = ('mac', 'shape')
ACCELERATOR_KEYS = {
    'macs': 'MACs per cycle',
    'clock_mhz': 'clock rate in MHz',
    'dram_gbps': 'DRAM bandwidth in 10^9 bytes/s',
    'power_mw': 'average power; left out, energy is null',
    'buffer_kib': 'on-chip buffer; left out, nothing is ever read twice',
    'feature_bytes': 'bytes of a feature; left out, 1',
    'weight_bytes': 'bytes of a weight; left out, 1',
    'channel_atom': 'channels are padded to a multiple of this; left out, 1',
    'kernel_atom': 'filters are padded to a multiple of this; left out, 1',
    'winograd_gain': 'for 3 x 3 kernels with stride 1; left out, 1',
    'fc_batch': 'frames that fc weights are read once for; left out, 1',
}
ACCELERATOR_DEFAULTS = (None, math.inf, 1, 1, 1, 1, 1, 1)  # of the keys that may be left out
CONFIG_EXAMPLE = '{"net": "VGG16", "layers": ["CONV1-1", "FC8"]}'

# Far above any real config or net file (nets/ holds up to 26 kB); what is larger is a mistake, and
# reading it to its end might never finish.
MAX_INPUT_BYTES = 16 * 2**20

# Above the size of any layer, and small enough that no product of sizes is too large for a float.
MAX_SIZE = 2**32

# The least and the most that a number can be: far beyond any real one, and small enough that no
# result is too large or too small for a float.
ACCELERATOR_LIMITS = (1e-30, 1e30)
PROCESS_LIMITS_NM = (0.01, 1e5)
MAX_MACS = 1e30

# What an error message quotes of a value, and lists of choices.
MAX_QUOTED_CHARACTERS = 80
MAX_CHOICES_CHARACTERS = 1500
MAX_MESSAGE_CHARACTERS = 4000

# How much of a stream of configs is read at once, and how many catalogs are kept.
READ_BYTES = 2**16
MAX_CATALOGS = 256

MODELLED_KEYS = ('published', 'modelled')
VALIDATE_KEYS = ('quantity', 'unit', *MODELLED_KEYS, 'error_percent', 'source')

# What a Cost is made of, as reports call it, and its units.
QUANTITY_UNITS = {'energy': 'J', 'latency': 's'}

LARGE_PREFIXES, SMALL_PREFIXES = 'kMGTP', 'munpf'
SCREEN_WIDTH, GAP, LEAST_NAME_WIDTH = 80, '  ', 8
BAR_CHARACTERS = '█▏▎▍▌▋▊▉'


# === Errors ===


class InputError(Exception):
    """Something that the user can put right, as "where: what is wrong; what is valid".

    status: the exit status, 2 for wrong command-line arguments and 1 for all else.
    """

    def __init__(self, message, status=1):
        super().__init__(message)
        self.status = status


_QUOTER = reprlib.Repr()
_QUOTER.maxstring = _QUOTER.maxother = MAX_QUOTED_CHARACTERS


def quote(value):
    """Return `value` as Python writes it, on one line and cut to a length fit for a message."""
    return _QUOTER.repr(value)


def printable(text):
    """Return text with a blank for each character that would not show, such as a line's end."""
    return ''.join(character if character.isprintable() else ' ' for character in text)


def choices(names):
    """Return "choose from A, B, C", the names in their own order, cut to a length for a message."""
    names = list(names)
    if not names:
        return 'there is none to choose from'
    shown = ', '.join(names)
    if len(shown) > MAX_CHOICES_CHARACTERS:
        shown = f'{shown[:MAX_CHOICES_CHARACTERS]}... ({len(names)} in all)'
    return f'choose from {shown}'


# === Value types ===


class Cost(namedtuple('Cost', 'energy_j latency_s')):
    """Cost of some work: joules and seconds."""

    __slots__ = ()

    def __mul__(self, factor):
        return Cost(self.energy_j * factor, self.latency_s * factor)

    def __truediv__(self, divisor):
        return Cost(self.energy_j / divisor, self.latency_s / divisor)

    def at(self, scale):
        """Return the Cost of the same work at another process node; scale: a Scale."""
        power, time = scale
        return Cost(self.energy_j * power * time, self.latency_s * time)

    @classmethod
    def of(cls, power_w, latency_s):
        """Return the Cost of drawing a power for a time; no energy if the power is None."""
        return cls(None if power_w is None else power_w * latency_s, latency_s)

    @classmethod
    def sum(cls, costs):
        """Return the sum of `costs`, which does not depend on their order."""
        energies, latencies = zip(*costs) if costs else ((), ())
        return cls(math.fsum(energies), math.fsum(latencies))

    @classmethod
    def extremes(cls, costs):
        """Return the Cost of the least energy and latency of some, and that of the most."""
        return [cls(*map(limit, zip(*costs))) for limit in (min, max)]


# kind is None for a layer that FODLAM does not cost, such as a ReLU; macs is None just then.
# entry: the layer's entry in the net file, with its shapes if the file has any.
Layer = namedtuple('Layer', 'name type kind macs entry')

# A layer's shapes in the field's symbols (nets/README.md): ifmap C x H x W, ofmap K x P x Q, kernel
# R x S, stride sy x sx, groups; A x B is what is stored of the ofmap.
Shape = namedtuple('Shape', 'C H W K P Q R S sy sx groups A B')

Accelerator = namedtuple('Accelerator', ACCELERATOR_KEYS, defaults=ACCELERATOR_DEFAULTS)

# What a layer asks of an accelerator, however fast that is. mac_slots: the MACs that it could do in
# the cycles that the layer takes; gain: how many it does in the place of one, by Winograd's
# algorithm; dram_bytes: what goes into DRAM and out of it.
Demand = namedtuple('Demand', 'name kind macs mac_slots gain dram_bytes')


_LAYER_COST_FIELDS = 'name kind macs source cost low high detail'


class LayerCost(namedtuple('LayerCost', _LAYER_COST_FIELDS, defaults=(None,) * 3)):
    """What a layer costs, and where that comes from.

    source: "published", "scaled", "shape" or "roofline"; cost, and the low and high that it may be:
    Costs; detail: what else a report says of the layer, as a dict.
    """

    __slots__ = ()

    def at(self, scale):
        """Return the same at another process node."""
        return self._replace(
            cost=self.cost.at(scale), low=self.low.at(scale), high=self.high.at(scale)
        )

    def entry(self, ranges):
        """Return what a report says of the layer, as a dict."""
        costs = (self.cost, self.low, self.high) if ranges else (self.cost,)
        return {
            'name': self.name,
            'kind': self.kind,
            'macs': self.macs,
            **quantities(self.cost),
            'source': self.source,
            **quantities(*costs),
            **(self.detail or {}),
        }


def canonical(name):
    """Return the form of a layer's name that is the same however its writer puts it.

    Papers have CONV1-1 where Caffe has conv1_1.
    """
    return name.casefold().replace('-', '_')


# === Reading data ===


def read_text(source, where):
    """Return the text of `source`, a path or a binary stream, which must be UTF-8.

    where: what error messages call it.
    Raises InputError if it cannot be read, is not UTF-8, or is larger than MAX_INPUT_BYTES.
    """
    try:
        if hasattr(source, 'read'):
            content = source.read(MAX_INPUT_BYTES + 1)
        else:
            with open(source, 'rb') as file:
                content = file.read(MAX_INPUT_BYTES + 1)
    except OSError as error:
        raise InputError(f'{where}: cannot be read ({error.strerror}); expected a file') from None
    except ValueError:  # what open() says to a path with a null character or half a surrogate pair
        raise InputError(f'{where}: no file can have this name; expected a path') from None
    return decode_text(content, where)


def decode_text(content, where):
    """Return bytes as text, which must be UTF-8, without a byte order mark."""
    if len(content) > MAX_INPUT_BYTES:
        raise InputError(f'{where}: too large; at most {MAX_INPUT_BYTES} bytes are read')
    try:
        return content.decode().removeprefix('\ufeff')
    except UnicodeDecodeError as error:
        raise InputError(f'{where}: not UTF-8 at byte {error.start}; save it as UTF-8') from None


def json_decoder(where):
    """Return a function that decodes strict JSON: no NaN, no key twice in an object."""

    def unique(pairs):
        members = dict(pairs)
        if len(members) < len(pairs):
            seen = set()
            twice = next(key for key, _ in pairs if key in seen or seen.add(key))
            raise InputError(f'{where}: duplicate key {quote(twice)}; give each key once')
        return members

    def refuse(constant):
        raise InputError(f'{where}: {constant} is not JSON; expected a finite number')

    return json.JSONDecoder(object_pairs_hook=unique, parse_constant=refuse).decode


def parse_json(text, where, decode=None):
    """Return the value that `text` holds, as strict JSON.

    where: what error messages call the text; decode: a json_decoder, if there is one already.
    Raises InputError if it is anything else.
    """
    try:
        return (decode or json_decoder(where))(text)
    except json.JSONDecodeError as error:
        if not text.strip():
            raise InputError(f'{where}: empty; expected JSON') from None
        raise InputError(
            f'{where}: not JSON at line {error.lineno}, column {error.colno} ({error.msg}); '
            'expected JSON, complete and with nothing after it'
        ) from None
    except RecursionError:
        raise InputError(f'{where}: nested too deep; expected a few levels of JSON') from None
    except ValueError:  # Python's limit on the digits of an integer
        raise InputError(f'{where}: an integer has thousands of digits; expected fewer') from None


def read_table(filename, columns, key='Layer'):
    """Return {row: {field: number}} of a CSV file in data/, scaled, in the file's order.

    columns: {field: Column}, the columns wanted; key: the heading of the rows' names.
    Raises InputError, with file, row and column, if the file is damaged.
    """
    where = f'data/{filename}'
    lines = csv.reader(read_text(os.path.join(DATA_DIR, filename), where).splitlines(), strict=True)
    table, names = {}, set()
    try:
        headings = next(lines, [])
        for heading in [key, *(column.heading for column in columns.values())]:
            if headings.count(heading) != 1:
                raise InputError(f'{where}, row 1: needs a column "{heading}", just one')
        for cells in lines:
            row = dict(zip(headings, cells))
            name = row.get(key)
            place = f'{where}, row {lines.line_num} ({quote(name)})'
            if not name or canonical(name) in names:
                raise InputError(f'{place}, column "{key}": expected a name, each just once')
            if len(cells) != len(headings):
                last = quote(headings[min(len(cells), len(headings)) - 1])
                raise InputError(
                    f'{place}: {len(cells)} cells, up to column {last}; expected {len(headings)}'
                )
            names.add(canonical(name))
            table[name] = {
                field: positive_cell(row[column.heading], f'{place}, column "{column.heading}"')
                * column.scale
                for field, column in columns.items()
            }
    except csv.Error as error:
        raise InputError(f'{where}, row {lines.line_num}: not CSV ({error})') from None
    return table


def positive_cell(cell, place):
    """Return the number in a table's cell; raise InputError unless it is positive and finite."""
    try:
        number = float(cell)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise InputError(f'{place}: {quote(cell)}; expected a positive number')
    return number


def read_net(netfile):
    """Return {canonical name: Layer} of a net file, in the file's order; MACs are per frame.

    netfile: a file in nets/, or a path of the user's own, which has a separator in it.
    Raises InputError if there is no such file, or if what it holds is no list of layers.
    """
    where = f'net file {quote(netfile)}'
    path = netfile
    if not os.path.dirname(netfile):
        path = os.path.join(NETS_DIR, netfile)
        if not os.path.exists(path):
            import glob

            valid = sorted(glob.glob('*.json', root_dir=NETS_DIR))
            raise InputError(
                f'{where}: not in nets/; {choices(valid)}, or give a path with a separator, ./...'
            )
    if os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path)):
        raise InputError(f'{where}: a pipe or device; expected a file')  # which might never end
    entries = parse_json(read_text(path, where), where)
    if not isinstance(entries, list):
        raise InputError(f'{where}: expected a list of layers, not {quote(entries)}')
    layers = {}
    for index, entry in enumerate(entries):
        layer = parse_layer(entry, f'{where}[{index}]')
        other = layers.setdefault(canonical(layer.name), layer)
        if other is not layer:
            raise InputError(
                f'{where}[{index}]: {quote(layer.name)} is named like {quote(other.name)}; '
                'names must differ in more than case, - and _'
            )
    return layers


def parse_layer(entry, where):
    """Return the Layer that an entry of a net file describes; raise InputError if it is none."""
    if not isinstance(entry, dict):
        raise InputError(f'{where}: expected an object with "name" and "type", not {quote(entry)}')
    for key in ('name', 'type'):
        if not isinstance(entry.get(key), str):
            raise InputError(f'{where}: "{key}" is {member(entry, key)}; expected a string')
    name, type_, macs = entry['name'], entry['type'], entry.get('macs')
    kind = KIND_OF_TYPE.get(type_)
    where = f'{where} ({quote(name)})'
    if kind is None:
        if macs is not None:
            raise InputError(
                f'{where}: type {quote(type_)} cannot have "macs"; {choices(KIND_OF_TYPE)}'
            )
    elif not is_number(macs) or not 0 <= macs <= MAX_MACS:
        what = f'"macs" is {member(entry, "macs")}'
        raise InputError(f'{where}: {what}; expected a finite number, from 0 to {MAX_MACS:g}')
    return Layer(name, type_, kind, macs, entry)


def parse_shape(layer, where):
    """Return the Shape of a Layer that has MACs; raise InputError if its entry does not tell."""

    def sizes(key, count, default=None):
        values = layer.entry.get(key, default)
        if values is None:
            raise InputError(f'{where}: no "{key}"; extract the network again with nets/extract.py')
        values = values if isinstance(values, list) else [values]
        whole = all(isinstance(v, int) and v is not True and 0 < v <= MAX_SIZE for v in values)
        if len(values) != count or not whole:
            what = f'"{key}" is {member(layer.entry, key)}'
            raise InputError(f'{where}: {what}; expected {count} whole, positive numbers')
        return values

    (C, H, W), (K, P, Q), (R, S) = sizes('ifmap', 3), sizes('ofmap', 3), sizes('kernel', 2)
    (sy, sx), (groups,) = sizes('stride', 2, [1, 1]), sizes('groups', 1, 1)
    stored_filters, A, B = sizes('stored', 3, [K, P, Q])
    if stored_filters != K:
        raise InputError(
            f'{where}: "stored" has {stored_filters} channels; expected {K}, as "ofmap"'
        )
    if not isinstance(layer.entry.get('addend', False), bool):
        raise InputError(
            f'{where}: "addend" is {member(layer.entry, "addend")}; expected true or false'
        )
    if C % groups or K % groups:
        raise InputError(f'{where}: "groups" is {groups}; expected a divisor of the channels')
    pixels = H * W if layer.type == 'Deconvolution' else P * Q
    macs = pixels * C * K // groups * R * S
    if macs != layer.macs:
        raise InputError(f'{where}: "macs" is {quote(layer.macs)}; expected {macs} by its shapes')
    return Shape(C, H, W, K, P, Q, R, S, sy, sx, groups, A, B)


def member(entry, key):
    """Return what an error message says of a member of a JSON object."""
    return quote(entry[key]) if key in entry else 'missing'


def is_number(value):
    """Return whether `value` is a number, no boolean, that is finite and fits a float."""
    return (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and abs(value) <= sys.float_info.max
    )


# === Cost models ===

# All give LayerCosts: published figures; MACs times the average of those ("scaled"); what bounds
# Eyeriss, by a layer's shape ("shape"); what bounds any accelerator, by its demand ("roofline").

Scale = namedtuple('Scale', 'power time')  # factors


def dennard(from_nm, to_nm):
    """Return the Scale from one process node to another, by Dennard scaling.

    Time scales by the ratio of the nodes and power by its square (README, "How it works").
    """
    ratio = to_nm / from_nm
    return Scale(ratio * ratio, ratio)


def published_costs(net, per_frame):
    """Return the LayerCosts of all layers of `net` that the papers report, at 65 nm.

    Eyeriss's costs are for the batch that it measured, unless per_frame asks for their share of a
    frame; EIE's are for a frame, and the MACs too, which are from the network's net file.
    """
    network = NETWORKS[net]
    frames = network.batch_frames if per_frame else 1
    to_65_nm = dennard(EIE_PROCESS_NM, EYERISS_PROCESS_NM)
    costs = {}
    for name, row in read_table(network.eyeriss_file, EYERISS_COLUMNS).items():
        if name != EYERISS_TOTAL_ROW:
            costs[name] = Cost.of(row['power_w'], row['latency_s']) / frames
    for title, row in read_table(EIE_FILE, EIE_COLUMNS).items():
        owner, _, name = title.partition(' ')
        if owner == net:
            latency_s = row['latency_s'] * to_65_nm.time
            costs[name] = Cost.of(EIE_POWER_W * to_65_nm.power, latency_s)
    layers = {key: layer for key, layer in read_net(network.netfile).items() if layer.macs}
    unmatched = layers.keys() ^ map(canonical, costs)
    if unmatched:
        raise InputError(
            f'data/{network.eyeriss_file}, data/{EIE_FILE}: the rows for {net} are not the layers '
            f'of nets/{network.netfile}; only one side has {quote(sorted(unmatched))}'
        )
    return [
        LayerCost(name, layer.kind, layer.macs, 'published', cost, cost, cost)
        for name, cost in costs.items()
        for layer in [layers[canonical(name)]]
    ]


PerMac = namedtuple('PerMac', 'average low high')  # Costs


def cost_per_mac(layers):
    """Return {kind: PerMac}, the costs of one MAC over the LayerCosts of each kind.

    The average is the sum of their costs over the sum of their MACs, so that every MAC weighs the
    same; not a mean of the layers' ratios. low and high are the least and the most of any layer.
    """
    per_mac = {}
    for kind in KINDS:
        of_kind = [layer for layer in layers if layer.kind == kind]
        average = Cost.sum([layer.cost for layer in of_kind]) / sum(layer.macs for layer in of_kind)
        extremes = Cost.extremes([layer.cost / layer.macs for layer in of_kind])
        per_mac[kind] = PerMac(average, *extremes)
    return per_mac


def scaled_costs(layers, per_mac):
    """Return the LayerCosts of those of some Layers that FODLAM costs: their MACs times PerMac.

    per_mac: {kind: PerMac}.
    """
    return [
        LayerCost(name, kind, macs, 'scaled', *(cost * macs for cost in per_mac[kind]))
        for name, _, kind, macs, _ in layers
        if kind is not None
    ]


def shape_cost(layer, shape, calibration=EYERISS_CALIBRATION):
    """Return (Cost, bound) of a conv Layer of one frame on Eyeriss, from nothing but its Shape.

    Eyeriss computes, or waits for its global buffer, whichever takes longer, and then for the link
    that brings ifmaps and takes ofmaps (README, "Eyeriss from a layer's shape").
    """
    C, H, W, K, P, Q, R, S, _, _, groups, _, _ = shape
    size = max(H, W) if layer.type == 'Deconvolution' else max(P, Q)
    compute_s = layer.macs / (EYERISS_PES * EYERISS_CLOCK_HZ * calibration.pe_efficiency)
    share = min(1, EYERISS_SUMMED_OFMAP / size) * EYERISS_SUMMED_KERNEL / R
    channels = min(max(1, EYERISS_SUMMED_CHANNELS * share), C / groups)
    # A partial sum is read and written for each row of the kernel, and for so many channels.
    buffer_bytes = 2 * EYERISS_WORD_BYTES * layer.macs / (R * S * channels)
    buffer_s = buffer_bytes / calibration.buffer_bytes_per_s
    passes = math.ceil(K / groups / EYERISS_FILTERS)
    link_bytes = EYERISS_WORD_BYTES * (C * H * W * passes + K * P * Q)
    latency_s = max(compute_s, buffer_s) + link_bytes / EYERISS_LINK_BYTES_PER_S
    bound = 'compute' if compute_s >= buffer_s else 'buffer'
    return Cost.of(calibration.power_w, latency_s), bound


def published_shapes(net):
    """Return [(LayerCost per frame, Layer, Shape)] of the published conv layers of a network."""
    netfile = NETWORKS[net].netfile
    layers = read_net(netfile)
    result = []
    for cost in published_costs(net, per_frame=True):
        if cost.kind == 'conv':
            layer = layers[canonical(cost.name)]
            result.append((cost, layer, parse_shape(layer, f'net file {quote(netfile)}')))
    return result


def shaped_costs(layers, per_mac, where):
    """Return the LayerCosts of those of some Layers that FODLAM costs: conv by shape, fc by MACs.

    per_mac: {kind: PerMac}; where: what error messages call the net file.
    A cost is as low and as high as the model is above and below any layer that was published.
    """
    extremes = Cost.extremes(
        [
            [modelled / number for modelled, number in zip(shape_cost(*pair)[0], published.cost)]
            for net in NETWORKS
            for published, *pair in published_shapes(net)
        ]
    )
    result = []
    for layer in layers:
        if layer.kind == 'conv':
            shape = parse_shape(layer, f'{where}, layer {quote(layer.name)}')
            cost, bound = shape_cost(layer, shape)
            high, low = (Cost(*(c / ratio for c, ratio in zip(cost, end))) for end in extremes)
            result.append(
                LayerCost(
                    layer.name, 'conv', layer.macs, 'shape', cost, low, high, {'bound': bound}
                )
            )
        else:
            result += scaled_costs([layer], per_mac)
    return result


def demand(layer, shape, accelerator):
    """Return the Demand of a Layer, as NVDLA's performance estimator has it (README, "Roofline").

    Every group is a layer of its own. A deconvolution is the convolution over its ifmap, with
    stride 1, that does the same MACs.
    """
    C, H, W, K, P, Q, R, S, sy, sx, groups, A, B = shape
    if layer.type == 'Deconvolution':
        P, Q, sy, sx = H, W, 1, 1
    is_fc = layer.kind == 'fc'
    batch = accelerator.fc_batch if is_fc else 1
    gain = accelerator.winograd_gain if (R, S, sy, sx) == (3, 3, 1, 1) else 1
    feature, weight = accelerator.feature_bytes, accelerator.weight_bytes

    def padded(size, atom):
        return math.ceil(size / atom) * atom

    # Where channels go in atoms, strides fill them: each of the py x px phases of the ifmap is a
    # channel of its own, of a convolution with stride 1.
    py, px = (sy, sx) if accelerator.channel_atom != 1 else (1, 1)
    channels, filters = padded(C // groups * py * px, accelerator.channel_atom), K // groups
    h, w, r, s = math.ceil(H / py), math.ceil(W / px), math.ceil(R / py), math.ceil(S / px)
    ifmap = channels * h * w * feature
    weights = channels * r * s * filters * weight * (WINOGRAD_WEIGHTS if gain != 1 else 1) / batch
    ofmap = A * B * padded(filters, accelerator.channel_atom) * feature
    # What does not fit the buffer beside the least slice of the other is read again for each piece.
    buffer = accelerator.buffer_kib * 1024
    ifmap_slice = min(channels * min(R, h) * w * feature, buffer / 2)
    weight_slice = min(channels * r * s * min(filters, LEAST_FILTERS) * weight, buffer / 2)
    if ifmap >= weights:
        larger, smaller, least = ifmap, weights, ifmap_slice
    else:
        larger, smaller, least = weights, ifmap, weight_slice
    pieces = 1 if is_fc else max(1, math.ceil(smaller / (buffer - least)))
    stores = 2 if layer.entry.get('addend') else 1
    traffic = pieces * larger + smaller + stores * ofmap
    padded_filters = padded(filters * batch, accelerator.kernel_atom) / batch
    mac_slots = channels * P * Q * padded_filters * R * S / (py * px) / gain
    return Demand(layer.name, layer.kind, layer.macs, mac_slots * groups, gain, traffic * groups)


def roofline_cost(demand, accelerator):
    """Return the LayerCost of a Demand: the longer of its computing time and its memory time."""
    peak, bandwidth, power_w = speeds(accelerator)
    compute_s, memory_s = demand.mac_slots / peak, demand.dram_bytes / bandwidth
    latency_s = max(compute_s, memory_s)
    possible_per_s = peak * demand.gain
    intensity = demand.macs / demand.dram_bytes
    detail = {
        'bound': 'compute' if compute_s >= memory_s else 'memory',
        'utilization': demand.macs / (possible_per_s * latency_s),
        'dram_bytes': demand.dram_bytes,
        'operational_intensity': intensity,
        'attainable_macs_per_s': min(possible_per_s, intensity * bandwidth),
    }
    cost = Cost.of(power_w, latency_s)
    return LayerCost(demand.name, demand.kind, demand.macs, 'roofline', cost, detail=detail)


def speeds(accelerator):
    """Return (peak in MAC/s, DRAM bandwidth in bytes/s, power in W or None) of an Accelerator."""
    power_w = accelerator.power_mw and accelerator.power_mw * 1e-3
    return accelerator.macs * accelerator.clock_mhz * 1e6, accelerator.dram_gbps * 1e9, power_w


# What a config's layers are chosen from. items: all LayerCosts, or all Demands; by_name: the items
# by their names, as written and canonical; layers: {canonical name: Layer} of a net file, also
# those that cost nothing; sums: group_sums of the LayerCosts.
Catalog = namedtuple('Catalog', 'items by_name layers sums')


def make_catalog(items, layers, sums=None):
    """Return the Catalog of some items; the rest is as it has it."""
    by_name = {form(item.name): item for form in (canonical, str) for item in items}
    return Catalog(items, by_name, layers, sums)


def load_costs(net, netfile, scaling, per_frame, ranges):
    """Return the Catalog of the LayerCosts of a network of the papers, or else of a net file.

    scaling: "shape", or "mac" or None; what is costed by shape is per frame.
    ranges: as for `group_sums`.
    """
    if net is not None:
        layers, costs = {}, published_costs(net, per_frame)
    else:
        layers = read_net(netfile)
        per_frame = per_frame or scaling == 'shape'
        published = [cost for net in NETWORKS for cost in published_costs(net, per_frame)]
        per_mac = cost_per_mac(published)
        if scaling == 'shape':
            costs = shaped_costs(layers.values(), per_mac, f'net file {quote(netfile)}')
        else:
            costs = scaled_costs(layers.values(), per_mac)
    return make_catalog(costs, layers, group_sums(costs, ranges))


def load_demands(netfile, accelerator):
    """Return the Catalog of the Demands that a net file's layers make on an Accelerator."""
    layers = read_net(netfile)
    demands = []
    for layer in layers.values():
        if layer.kind is not None:
            shape = parse_shape(layer, f'net file {quote(netfile)}, layer {quote(layer.name)}')
            demands.append(demand(layer, shape, accelerator))
    return make_catalog(demands, layers)


def load_accelerators():
    """Return {name: Accelerator} of those in data/nvdla.csv."""
    table = read_table(NVDLA_FILE, NVDLA_COLUMNS, 'Configuration')
    return {name: Accelerator(**row, **NVDLA_DATAFLOW) for name, row in table.items()}


# === Configuration ===

Config = namedtuple('Config', CONFIG_KEYS, defaults=(None,) * len(CONFIG_KEYS))


def check_config(members):
    """Return the Config that a dict of JSON members describes.

    net: a name in NETWORKS, or else netfile: a net file (see read_net); just one of the two.
    layers: a list of layer names, or None for every layer that has a cost.
    process_nm: the process node to report for, or None for 65 nm.
    Raises InputError for anything else.
    """
    if not isinstance(members, dict):
        raise InputError(
            f'config: expected an object such as {CONFIG_EXAMPLE}, not {quote(members)}'
        )
    if not members.keys() <= CONFIG_KEYS.keys():
        unknown = next(key for key in members if key not in CONFIG_KEYS)
        raise InputError(f'config: unknown key {quote(unknown)}; {choices(CONFIG_KEYS)}')
    config = Config(**members)
    net, netfile, layers, process_nm, accelerator, scaling = config
    if (net is None) == (netfile is None):
        got = 'neither' if net is None else 'both'
        raise InputError(
            f'config: expected either "net" or "netfile", but got {got}; '
            f'"net" is one of {", ".join(NETWORKS)}, "netfile" a file in nets/ or a path'
        )
    for key, name in (('net', net), ('netfile', netfile)):
        if name is not None and not isinstance(name, str):
            raise InputError(f'config "{key}": expected a string, not {quote(name)}')
    if net is not None and net not in NETWORKS:
        raise InputError(f'config "net": unknown network {quote(net)}; {choices(NETWORKS)}')
    if layers is not None and not isinstance(layers, (list, tuple)):
        raise InputError(f'config "layers": expected a list of layer names, not {quote(layers)}')
    least, most = PROCESS_LIMITS_NM
    if process_nm is not None and not (is_number(process_nm) and least <= process_nm <= most):
        raise InputError(
            f'config "process_nm": {quote(process_nm)}; expected a positive, finite number, '
            f'from {least:g} to {most:g}'
        )
    if accelerator is not None and process_nm is not None:
        raise InputError(
            'config "process_nm": scales the published tables, which an accelerator does not use; '
            'leave one of them out'
        )
    if scaling is not None:
        if scaling not in SCALINGS:
            raise InputError(f'config "scaling": {quote(scaling)}; {choices(SCALINGS)}')
        if net is not None or accelerator is not None:
            what = 'an accelerator has its roofline' if net is None else 'a net is published'
            raise InputError(f'config "scaling": is for a netfile; {what}, so leave it out')
    return config


def find_accelerator(value, load):
    """Return the Accelerator that a config's "accelerator" is: a name, or a dict of its keys."""
    where = 'config "accelerator"'
    if isinstance(value, str):
        accelerators = load(load_accelerators)
        if value not in accelerators:
            raise InputError(f'{where}: unknown name {quote(value)}; {choices(accelerators)}')
        return accelerators[value]
    if not isinstance(value, dict):
        raise InputError(f'{where}: expected a name or an object, not {quote(value)}')
    least, most = ACCELERATOR_LIMITS
    for key, number in value.items():
        if key not in ACCELERATOR_KEYS:
            raise InputError(f'{where}: unknown key {quote(key)}; {choices(ACCELERATOR_KEYS)}')
        if not is_number(number) or not least <= number <= most:
            raise InputError(
                f'{where}: "{key}" is {quote(number)}; expected a positive, finite number, '
                f'from {least:g} to {most:g}'
            )
    for key in Accelerator._fields[: -len(ACCELERATOR_DEFAULTS)]:
        if key not in value:
            raise InputError(f'{where}: no "{key}", {ACCELERATOR_KEYS[key]}; expected a number')
    return Accelerator(**value)


def select(names, catalog):
    """Return the list of a Catalog's items that a config's "layers" names, in its order.

    names: the config's list, in which a layer named twice counts twice; None for every layer.
    Raises InputError if a name is of no layer, or of a layer that has no cost.
    """
    if names is None:
        return catalog.items
    try:
        return [catalog.by_name[name] for name in names]
    except (KeyError, TypeError):  # written in another way, or wrong
        return [select_one(name, index, catalog) for index, name in enumerate(names)]


def select_one(name, index, catalog):
    """Return the item of a name in a config's "layers"; raise InputError if there is none."""
    where = f'config "layers"[{index}]'
    if not isinstance(name, str):
        raise InputError(f'{where}: expected the name of a layer, not {quote(name)}')
    key = canonical(name)
    if key not in catalog.by_name:
        valid = choices(item.name for item in catalog.items)
        if key in catalog.layers:
            type_ = quote(catalog.layers[key].type)
            raise InputError(
                f'{where}: {quote(name)} is of type {type_}, which has no cost; {valid}'
            )
        raise InputError(f'{where}: unknown layer {quote(name)}; {valid}')
    return catalog.by_name[key]


# === Reports ===


def load_now(function, *arguments):
    """Return what a function loads; `estimate_lines` has one in its place that keeps it."""
    return function(*arguments)


def estimate(config, per_frame=False, per_layer=False, ranges=False, load=load_now):
    """Return the report on a configuration: energy (J) and latency (s) of conv, fc and total.

    config: a dict with the keys of a JSON config (README, "Configuration"):
        {'net': 'VGG16', 'layers': ['CONV1-1', 'FC8']}.
    per_frame: count Eyeriss's layers for one frame, not for the batch that was measured.
    per_layer: add 'layers', a list of dicts in the config's order.
    ranges: add 'energy_range' and 'latency_range', [low, high], wherever there is a cost.
    load: a function that calls another, and may keep what that returned.
    Returns {'conv': {'energy': ..., 'latency': ...}, 'fc': {...}, 'total': {...}}.
    Raises InputError if anything in the config, or in a file that it names, is wrong.
    """
    chosen, sums = evaluate(config, per_frame, ranges, load)
    report = {group: quantities(*costs) for group, costs in sums.items()}
    if per_layer:
        report['layers'] = [layer.entry(ranges) for layer in chosen]
    return report


def evaluate(config, per_frame, ranges, load):
    """Return (LayerCosts, {kind or 'total': [Cost]}): the layers of a config, and their sums.

    Everything is as for `estimate`, and as `group_sums` has it.
    """
    config = check_config(config)
    if config.accelerator is not None:
        return evaluate_roofline(config, per_frame, ranges, load)
    catalog = load(load_costs, config.net, config.netfile, config.scaling, per_frame, ranges)
    chosen = select(config.layers, catalog)
    sums = catalog.sums if chosen is catalog.items else group_sums(chosen, ranges)
    if config.process_nm is not None:
        scale = dennard(EYERISS_PROCESS_NM, config.process_nm)
        chosen = (layer.at(scale) for layer in chosen)
        sums = {group: [cost.at(scale) for cost in costs] for group, costs in sums.items()}
    return chosen, sums


def evaluate_roofline(config, per_frame, ranges, load):
    """Return the same for a Config with an accelerator, by its roofline."""
    if per_frame or ranges:
        flag = '--per-frame' if per_frame else '--range'
        raise InputError(
            f'config "accelerator": {flag} is for the published tables, which an accelerator does '
            'not use; leave one of them out'
        )
    accelerator = find_accelerator(config.accelerator, load)
    netfile = config.netfile if config.net is None else NETWORKS[config.net].netfile
    # A layer's demand is the same however fast the accelerator is, so that sweeps find it again.
    dataflow = accelerator._replace(macs=None, clock_mhz=None, dram_gbps=None, power_mw=None)
    chosen = select(config.layers, load(load_demands, netfile, dataflow))
    peak, bandwidth, power_w = speeds(accelerator)
    times = {kind: [] for kind in KINDS}
    for _, kind, _, mac_slots, _, dram_bytes in chosen:
        times[kind].append(max(mac_slots / peak, dram_bytes / bandwidth))
    times['total'] = sum(times.values(), [])
    sums = {group: [Cost.of(power_w, math.fsum(of))] for group, of in times.items()}
    return (roofline_cost(demand, accelerator) for demand in chosen), sums


def group_sums(layers, ranges):
    """Return {kind or 'total': [Cost]}: the sum of LayerCosts, with ranges also of low and high."""
    sums = {group: [] for group in GROUPS}
    for field in ('cost', 'low', 'high') if ranges else ('cost',):
        groups = {kind: [] for kind in KINDS}
        for layer in layers:
            groups[layer.kind].append(getattr(layer, field))
        groups['total'] = sum(groups.values(), [])
        for group, costs in groups.items():
            sums[group].append(Cost.sum(costs))
    return sums


def quantities(cost, low=None, high=None):
    """Return a Cost as reports have it: {'energy': J, 'latency': s}, and ranges if given."""
    report = {'energy': cost.energy_j, 'latency': cost.latency_s}
    if low is not None:
        report['energy_range'] = [low.energy_j, high.energy_j]
        report['latency_range'] = [low.latency_s, high.latency_s]
    return report


def diagnose(per_frame=False):
    """Return the report on costs per MAC: what `estimate` scales by, and what that averages.

    per_frame: as for `estimate`.
    Returns {'average': {quantity: {kind: number}}, 'per_layer': {quantity: {net: {layer:
    number}}}}, where quantity is 'energy' (J per MAC) or 'latency' (s per MAC).
    """
    published = {net: published_costs(net, per_frame) for net in NETWORKS}
    per_mac = cost_per_mac([layer for layers in published.values() for layer in layers])
    average, per_layer = {}, {}
    for kind, costs in per_mac.items():
        for quantity, number in quantities(costs.average).items():
            average.setdefault(quantity, {})[kind] = number
    for net, layers in published.items():
        for layer in layers:
            for quantity, number in quantities(layer.cost / layer.macs).items():
                per_layer.setdefault(quantity, {}).setdefault(net, {})[layer.name] = number
    return {'average': average, 'per_layer': per_layer}


def validate(per_frame=False):
    """Return the report on how far FODLAM is from what is published: a list of dicts.

    Each has 'quantity', 'unit', 'published', 'modelled', 'error_percent' and 'source'. Of the
    papers' networks: conv and fc costs by MACs "from" the average over both, and over the other
    alone; frame rates; conv costs "by" MACs and by shape. Of NVDLA: its rates of ResNet-50.
    per_frame: as for `estimate`, for what is "from" something; what is "by" something is so always.
    """
    return [
        dict(
            zip(
                VALIDATE_KEYS, (what, unit, figure, modelled, (modelled / figure - 1) * 100, source)
            )
        )
        for what, unit, figure, modelled, source in comparisons(per_frame)
    ]


def comparisons(per_frame):
    """Yield (quantity, unit, published, modelled, source) of each row of `validate`."""
    published = {net: published_costs(net, per_frame) for net in NETWORKS}
    bases = {'both': sum(published.values(), []), **published}
    for net, layers in published.items():
        for basis, of_basis in bases.items():
            if basis == net:
                continue
            for kind, per_mac in cost_per_mac(of_basis).items():
                of_kind = [layer for layer in layers if layer.kind == kind]
                figure = Cost.sum([layer.cost for layer in of_kind])
                modelled = per_mac.average * sum(layer.macs for layer in of_kind)
                source = NETWORKS[net].eyeriss_table if kind == 'conv' else EIE_TABLE
                yield from compare(f'{net} {kind}', f'from {basis}', figure, modelled, source)
    for net, network in NETWORKS.items():
        cost = group_sums(published_costs(net, True), False)['conv'][0]
        rate = 1 / cost.latency_s
        title = f'{net} conv frame rate'
        yield title, 'frame/s', network.frames_per_s, rate, network.eyeriss_table
    yield from shape_comparisons()
    for name, row in read_table(NVDLA_FILE, NVDLA_RATE_COLUMNS, 'Configuration').items():
        total = estimate({'netfile': NVDLA_NETFILE, 'accelerator': name})['total']
        title, rate = f'ResNet-50 on {name}', 1 / total['latency']
        yield title, 'frame/s', row['frames_per_s'], rate, NVDLA_SOURCE


def shape_comparisons():
    """Yield the same of Eyeriss's published layers, per frame, by MACs and by shape.

    Each layer and network is compared with the models as they are, and each network with those
    that are calibrated on the other alone.
    """
    published = {net: published_costs(net, per_frame=True) for net in NETWORKS}
    for net, other in zip(NETWORKS, reversed(NETWORKS)):
        rows, source = published_shapes(net), NETWORKS[net].eyeriss_table
        modelled = {}
        for basis, layers, calibration in (
            ('', sum(published.values(), []), EYERISS_CALIBRATION),
            (f'{other} ', published[other], calibrate(other)),
        ):
            per_mac = cost_per_mac(layers)['conv'].average
            modelled[f'{basis}MACs'] = [per_mac * layer.macs for _, layer, _ in rows]
            modelled[f'{basis}shape'] = [shape_cost(*row[1:], calibration)[0] for row in rows]
        for index, (layer, _, _) in enumerate(rows):
            for model in ('MACs', 'shape'):
                what, cost = f'{net} {layer.name}', modelled[model][index]
                yield from compare(what, f'by {model}', layer.cost, cost, source)
        figure = Cost.sum([layer.cost for layer, _, _ in rows])
        for model, costs in modelled.items():
            yield from compare(f'{net} conv', f'by {model}', figure, Cost.sum(costs), source)


def compare(what, how, figure, modelled, source):
    """Yield the same of two Costs: of their energy, and of their latency."""
    for (quantity, unit), *numbers in zip(QUANTITY_UNITS.items(), figure, modelled):
        yield f'{what} {quantity} {how}', unit, *numbers, source


def calibrate(net):
    """Return the Calibration of `shape_cost` that one network of the papers gives by itself.

    The layers that move their global buffer bytes at nearly the highest rate are taken to be bound
    by it, all others by computing.
    """
    network = NETWORKS[net]
    layers = read_net(network.netfile)
    table = read_table(network.eyeriss_file, {**EYERISS_COLUMNS, **EYERISS_BOUND_COLUMNS})
    rows = [
        {'macs': layers[canonical(name)].macs, **row}
        for name, row in table.items()
        if name != EYERISS_TOTAL_ROW
    ]
    rates = [row['buffer_bytes'] / row['processing_s'] for row in rows]
    by_buffer, by_compute = [], []
    for row, rate in zip(rows, rates):
        (by_buffer if rate > NEARLY * max(rates) else by_compute).append(row)

    def total(field, of_rows):
        return math.fsum(row[field] for row in of_rows)

    macs_per_s = (
        total('macs', by_compute) * network.batch_frames / total('processing_s', by_compute)
    )
    return Calibration(
        macs_per_s / (EYERISS_PES * EYERISS_CLOCK_HZ),
        total('buffer_bytes', by_buffer) / total('processing_s', by_buffer),
        total('power_w', rows) / len(rows),
    )


# === Formats ===


def to_json(report):
    """Return a report as JSON, as the original prints it."""
    return json.dumps(report, indent=2, sort_keys=True) + '\n'


def estimate_rows(report):
    """Return the rows of an `estimate` report that has layers: those, and the sums."""
    rows = [
        {'layer' if key == 'name' else key: value for key, value in layer.items()}
        for layer in report['layers']
    ]
    for group in GROUPS:
        macs = sum(layer['macs'] for layer in report['layers'] if group in (layer['kind'], 'total'))
        row = {'layer': group, 'kind': group, 'macs': macs, **report[group], 'source': 'sum'}
        rows.append(row)
    return rows


def diagnose_rows(report):
    """Return the rows of a `diagnose` report: J and s per MAC of each layer, and the averages."""
    per_layer, average = report['per_layer'], report['average']
    nets = {net: {q: per_layer[q][net] for q in average} for net in NETWORKS} | {'average': average}
    return [
        {'net': net, 'layer': layer, **{q: numbers[q][layer] for q in average}}
        for net, numbers in nets.items()
        for layer in numbers['energy']
    ]


def to_csv(rows):
    """Return rows, a list of dicts with the same keys, as CSV; a range becomes two columns."""
    flat = []
    for row in rows:
        flat.append({})
        for key, value in row.items():
            if key.endswith('_range'):
                quantity = key.removesuffix('_range')
                flat[-1][f'{quantity}_low'], flat[-1][f'{quantity}_high'] = value
            else:
                flat[-1][key] = value
    text = io.StringIO()
    headings = max(flat, key=len)
    writer = csv.DictWriter(text, headings, lineterminator='\n')
    writer.writeheader()
    writer.writerows(flat)
    return text.getvalue()


def engineering(value, unit, *limits):
    """Return a number with four digits and a prefix: 0.0762 in s is "76.20 ms".

    limits: the least and the most that it may be, to be put behind it, with the same prefix.
    """
    if value is None:
        return '-'
    exponent, prefix = prefix_of(value) if '/' not in unit else (0, '')
    shown = f'{value / 1000**exponent:#.4g}' if value else '0'
    text = f'{shown.rstrip(".")} {prefix}{unit}'
    if limits and limits[0] != limits[1]:
        ends = (limit / 1000**exponent for limit in limits)
        low, high = (f'{end:.0f}' if 99.5 <= end < 1e5 else f'{end:.2g}' for end in ends)
        text += f' ({low}..{high})'
    return text.rstrip()


def prefix_of(value):
    """Return (exponent of 1000, prefix) of a number: (-1, "m") of 0.0762."""
    # The exponent after rounding, so that 999.99 m is 1.000 and not 1000 m.
    exponent = int(f'{value:.3e}'.partition('e')[2]) // 3 if value else 0
    exponent = max(-len(SMALL_PREFIXES), min(exponent, len(LARGE_PREFIXES)))
    return exponent, (' ' + LARGE_PREFIXES + SMALL_PREFIXES[::-1])[exponent].strip()


def bar(share, width, plain):
    """Return a bar as long as a share of the width, in eighths unless plain ASCII is asked for."""
    if plain:
        return '#' * round(share * width)
    whole, eighths = divmod(round(share * width * 8), 8)
    return BAR_CHARACTERS[0] * whole + (BAR_CHARACTERS[eighths] if eighths else '')


def to_table(headings, rows, sums=0):
    """Return a table for people: columns aligned, the last `sums` rows set apart.

    headings: one a column; those of columns to be aligned on the right start with ">".
    rows: lists of strings, one a column; the first is cut where the table would not fit the screen.
    """
    right = [heading.startswith('>') for heading in headings]
    lines = [[heading.removeprefix('>') for heading in headings], *rows]
    lines = [[printable(cell) for cell in line] for line in lines]
    widths = [max(map(len, column)) for column in zip(*lines)]
    room = max(SCREEN_WIDTH - sum(widths[1:]) - len(GAP) * len(widths[1:]), LEAST_NAME_WIDTH)
    widths[0] = min(widths[0], room)
    rule = ['-' * width for width in widths]
    lines[1:1] = [rule]
    if sums:
        lines[-sums:-sums] = [rule]
    text = ''
    for name, *line in lines:
        cells = zip([shortened(name, room), *line], widths, right)
        padded = (
            cell.rjust(width) if on_right else cell.ljust(width) for cell, width, on_right in cells
        )
        text += GAP.join(padded).rstrip() + '\n'
    return text


def shortened(name, width):
    """Return a name with its beginning cut off if it is longer than `width`."""
    return name if len(name) <= width else f'..{name[2 - width :]}'


def estimate_table(rows, plain):
    """Return the table of an `estimate` report: costs with ranges, and shares of the total as bars.

    Where layers have a bound, the table says which, and sums up the time by bound.
    """
    layers, total = rows[: -len(GROUPS)], rows[-1]
    by_bound = {}
    for row in layers:
        by_bound.setdefault(row.get('bound'), []).append(row)
    bounds = [
        {
            'layer': f'{bound}-bound',
            'macs': sum(row['macs'] for row in bound_by),
            'energy': None if total['energy'] is None else math.fsum(r['energy'] for r in bound_by),
            'latency': math.fsum(row['latency'] for row in bound_by),
        }
        for bound, bound_by in sorted(by_bound.items(), key=str)
        if bound is not None
    ]
    ranged, used = 'energy_range' in total, any('utilization' in row for row in layers)
    # With a bound, energy is power times latency, and a second bar would be the first again.
    shared = ['latency'] if bounds else list(QUANTITY_UNITS)
    bar_width = 4 if ranged else 10
    headings = ['layer', 'kind', *([] if ranged else ['>MACs'])]
    for quantity in QUANTITY_UNITS:
        headings.append(f'{quantity} (range)' if ranged else f'>{quantity}')
        headings += ['share'] * (quantity in shared)
    headings += ['bound'] * bool(bounds) + ['>used'] * used
    cells = []
    for row in [*rows, *bounds]:
        line = [row['layer'], row.get('kind', '') if row.get('source') != 'sum' else '']
        if not ranged:
            line.append(engineering(row['macs'], ''))
        for quantity, unit in QUANTITY_UNITS.items():
            share = row[quantity] / total[quantity] if total[quantity] else 0
            line.append(engineering(row[quantity], unit, *row.get(f'{quantity}_range', ())))
            line += [bar(share, bar_width, plain)] * (quantity in shared)
        line += [row.get('bound', '')] * bool(bounds)
        line += [f'{row["utilization"]:.0%}' if 'utilization' in row else ''] * used
        cells.append(line)
    return to_table(headings, cells, sums=len(GROUPS) + len(bounds))


def diagnose_table(rows, plain):
    """Return the table of a `diagnose` report, in pJ and ps a MAC."""
    cells = [
        [row['net'], row['layer'], f'{row["energy"] * 1e12:.3f}', f'{row["latency"] * 1e12:.3f}']
        for row in rows
    ]
    return to_table(['net', 'layer', '>pJ per MAC', '>ps per MAC'], cells, sums=len(KINDS))


def validate_table(rows, plain):
    """Return the table of a `validate` report."""
    cells = [
        [
            row['quantity'],
            *(engineering(row[key], row['unit'].removeprefix('frame')) for key in MODELLED_KEYS),
            f'{row["error_percent"]:+.1f}%',
            row['source'].replace('Table ', ''),
        ]
        for row in rows
    ]
    return to_table(['quantity', '>published', '>modelled', '>error', 'source'], cells)


# === Pictures ===

# Light and dark as the viewer has it; conv and what is bound by computing share a colour, fc and
# what is bound by memory the other.
SVG_HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 500" width="800" height="500" role="img">
<title>{title}</title>
<style>
text {{ font: 12px sans-serif; fill: #222 }} .h {{ font-size: 16px; font-weight: bold }}
.s {{ font-size: 10px }} .e {{ text-anchor: end }} .m {{ text-anchor: middle }}
.label {{ font-size: 10px; paint-order: stroke; stroke: #fff; stroke-width: 3px }}
.bg {{ fill: #fff }} .grid {{ stroke: #ddd }} .dash {{ stroke-dasharray: 5 4 }}
.axis {{ stroke: #222; fill: none; stroke-width: 1.5 }} circle {{ fill-opacity: 0.7; stroke: #fff }}
.conv, .compute {{ fill: #1f5fbf }} .fc, .memory {{ fill: #d9630a }}
@media (prefers-color-scheme: dark) {{
text {{ fill: #eee }} .label, circle {{ stroke: #16191f }} .bg {{ fill: #16191f }}
.grid {{ stroke: #3a3f48 }} .axis {{ stroke: #eee }}
.conv, .compute {{ fill: #6ea8ff }} .fc, .memory {{ fill: #ff9d4d }}
}}
</style>
<rect class="bg" width="800" height="500"/>
<text class="h" x="20" y="28">{title}</text>
"""
LEFT, RIGHT, TOP, BOTTOM = 80, 780, 60, 440  # of the plots, in a picture of 800 x 500
LABEL_WIDTH, LABEL_HEIGHT = 6.2, 12  # of a character, at the most
MAX_LABELS = 100  # no more fit, and each is held against all others


def estimate_svg(report, config):
    """Return an `estimate` report that has layers as a picture: a roofline, or bars.

    config: what was estimated, as for `estimate`.
    """
    # Only drawing needs it.
    from html import escape

    def safe(text):
        return escape(printable(text))

    accelerator = config.get('accelerator')
    if accelerator is None:
        machine, plot = 'Eyeriss and EIE', svg_bars(report, safe)
    else:
        machine = accelerator if isinstance(accelerator, str) else 'an accelerator'
        plot = svg_roofline(report, find_accelerator(accelerator, load_now), safe)
    total = ', '.join(
        engineering(report['total'][quantity], unit)
        for quantity, unit in QUANTITY_UNITS.items()
        if report['total'][quantity] is not None
    )
    network = shortened(config.get('net') or os.path.basename(config['netfile']), 40)
    head = SVG_HEAD.format(title=safe(f'{network} on {machine}: {total}'))
    return head + ''.join(f'{part}\n' for part in plot) + '</svg>\n'


def svg_text(x, y, text, css='', more=''):
    """Return a text element; the text must be safe."""
    return f'<text class="{css}" x="{x:.1f}" y="{y:.1f}"{more}>{text}</text>'


def svg_line(css, *points):
    """Return a line through some points."""
    return f'<polyline class="{css}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}"/>'


def svg_bars(report, safe):
    """Yield a panel of bars for energy and one for latency, a bar a layer."""
    layers = report['layers']
    slot = (RIGHT - LEFT) / max(len(layers), 1)
    for index, kind in enumerate(KINDS):
        x, sums = LEFT + 250 * index, report[kind]
        texts = [engineering(sums[quantity], unit) for quantity, unit in QUANTITY_UNITS.items()]
        yield f'<rect class="{kind}" x="{x}" y="40" width="10" height="10"/>'
        yield svg_text(x + 15, 50, f'{kind} layers: {", ".join(texts)}')
    for panel, (quantity, unit) in enumerate(QUANTITY_UNITS.items()):
        top, bottom = TOP + 20 + 170 * panel, TOP + 155 + 170 * panel
        limits = [layer.get(f'{quantity}_range', [layer[quantity]] * 2) for layer in layers]
        most = max((high for _, high in limits), default=0) or 1
        exponent, prefix = prefix_of(most)
        step = 10 ** math.floor(math.log10(most / 2))
        step *= next(factor for factor in (1, 2, 5, 10) if most / (step * factor) <= 5)
        yield svg_text(LEFT, top - 8, f'{quantity} ({prefix}{unit})')
        for tick in range(math.floor(most / step) + 1):
            y = bottom - (bottom - top) * tick * step / most
            yield svg_line('grid', (LEFT, y), (RIGHT, y))
            yield svg_text(LEFT - 6, y + 4, f'{tick * step / 1000**exponent:.6g}', 's e')
        yield svg_line('axis', (LEFT, top), (LEFT, bottom), (RIGHT, bottom))
        for index, (layer, (low, high)) in enumerate(zip(layers, limits)):
            x, height = LEFT + slot * (index + 0.1), (bottom - top) * layer[quantity] / most
            title = safe(f'{layer["name"]}: {engineering(layer[quantity], unit, low, high)}')
            yield (
                f'<rect class="{layer["kind"]}" x="{x:.1f}" y="{bottom - height:.1f}" '
                f'width="{slot * 0.8:.1f}" height="{height:.1f}"><title>{title}</title></rect>'
            )
            if low != high:
                ends = (bottom - (bottom - top) * limit / most for limit in (low, high))
                yield svg_line('axis', *((x + slot * 0.4, y) for y in ends))
    every = math.ceil(LABEL_HEIGHT / slot)
    for index, layer in enumerate(layers[::every]):
        x, y = LEFT + slot * (index * every + 0.5) + 4, bottom + 10
        name = safe(shortened(layer['name'], 22))
        yield svg_text(x, y, name, 's e', f' transform="rotate(-60 {x:.1f} {y:.1f})"')


def svg_roofline(report, accelerator, safe):
    """Yield an accelerator's roofline on log axes, and a dot for each layer."""
    layers, total_s = report['layers'], report['total']['latency']
    peak, bandwidth, _ = speeds(accelerator)
    roof = peak * accelerator.winograd_gain
    dots = [
        (layer, layer['operational_intensity'], layer['macs'] / layer['latency'])
        for layer in sorted(layers, key=lambda layer: -layer['latency'])
        if layer['macs']
    ]
    ridges = (None, peak / bandwidth, peak), (None, roof / bandwidth, roof)
    _, intensities, rates = zip(*dots, *ridges)
    left, right = math.floor(math.log10(min(intensities))), math.ceil(math.log10(max(intensities)))
    low, high = math.floor(math.log10(min(rates))), math.ceil(math.log10(max(rates)) + 0.1)

    def place(intensity, rate):
        across = (math.log10(intensity) - left) / max(right - left, 1)
        up = (math.log10(rate) - low) / (high - low)
        return LEFT + (RIGHT - LEFT) * across, BOTTOM - (BOTTOM - TOP) * up

    for intensity in (10.0**decade for decade in range(left, right + 1)):
        x, _ = place(intensity, peak)
        yield svg_line('grid', (x, TOP), (x, BOTTOM))
        yield svg_text(x, BOTTOM + 16, f'{intensity:g}', 'm')
    for rate in (10.0**decade for decade in range(low, high + 1)):
        _, y = place(1, rate)
        exponent, prefix = prefix_of(rate)
        yield svg_line('grid', (LEFT, y), (RIGHT, y))
        yield svg_text(LEFT - 6, y + 4, f'{rate / 1000**exponent:g} {prefix}', 'e')
    yield svg_text(430, BOTTOM + 40, 'operational intensity (MACs per DRAM byte)', 'm')
    yield svg_text(20, 250, 'MAC/s', 'm', ' transform="rotate(-90 20 250)"')
    start, end = max(10.0**left, 10.0**low / bandwidth), max(10.0**right, roof / bandwidth)
    for css, top in (('axis', peak), ('axis dash', roof))[: 1 if roof == peak else 2]:
        corners = (start, start * bandwidth), (top / bandwidth, top), (end, top)
        yield svg_line(css, *(place(*corner) for corner in corners))
    if roof != peak:
        yield svg_text(RIGHT, place(1, roof)[1] - 5, 'with Winograd', 's e')
    for index, bound in enumerate(('compute', 'memory')):
        time_s = math.fsum(layer['latency'] for layer in layers if layer['bound'] == bound)
        share = time_s / total_s if total_s else 0
        yield f'<circle class="{bound}" cx="{LEFT + 10 + 300 * index}" cy="46" r="6"/>'
        label = f'{bound}-bound: {engineering(time_s, "s")}, {share:.0%} of the time'
        yield svg_text(LEFT + 22 + 300 * index, 50, label)
    taken, labels = [], []
    for index, (layer, intensity, rate) in enumerate(dots):
        share = layer['latency'] / total_s
        x, y = place(intensity, rate)
        radius = 3 + 20 * math.sqrt(share)
        title = safe(
            f'{layer["name"]}: {engineering(layer["latency"], "s")}, {share:.1%} of the time, '
            f'{layer["bound"]}-bound, {layer["utilization"]:.0%} used'
        )
        yield (
            f'<circle class="{layer["bound"]}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}">'
            f'<title>{title}</title></circle>'
        )
        if index >= MAX_LABELS:
            continue
        name = shortened(layer['name'], 16)
        width = LABEL_WIDTH * len(name)
        for start in (x + radius + 3, x - radius - 3 - width):
            box = start, y - LABEL_HEIGHT / 2, start + width, y + LABEL_HEIGHT / 2
            fits = box[0] > LEFT and box[2] < RIGHT
            if fits and not any(overlap(box, other) for other in taken):
                taken.append(box)
                labels.append(svg_text(start, y + 4, safe(name), 'label'))
                break
        taken.append((x - radius, y - radius, x + radius, y + radius))
    yield from labels


def overlap(box, other):
    """Return whether two boxes (left, top, right, bottom) overlap."""
    return all(box[i] < other[i + 2] and other[i] < box[i + 2] for i in (0, 1))


# === Many configurations ===


def read_lines(stream, where):
    """Yield lists of (number, line) of a binary stream, as they come in, without blank lines.

    A line longer than MAX_INPUT_BYTES is cut to one byte more than that, and the rest passed over.
    """
    number, pending, cut = 0, b'', False
    while True:
        try:
            chunk = stream.read1(READ_BYTES)
        except OSError as error:
            raise InputError(f'{where}: cannot be read ({error.strerror}); expected text') from None
        *whole, pending = (pending + chunk).split(b'\n') if chunk else (pending, b'')
        lines = []
        for line in whole:
            if cut:  # this is the rest of a line that has been counted
                cut = False
                continue
            number += 1
            if line.strip():
                lines.append((number, line))
        if len(pending) > MAX_INPUT_BYTES:
            if not cut:
                number += 1
                lines.append((number, pending[: MAX_INPUT_BYTES + 1]))
            pending, cut = b'', True
        yield lines
        if not chunk:
            return


def estimate_lines(stream, where, progress, per_frame=False, per_layer=False, ranges=False):
    """Yield texts of one compact JSON result a line, in the order of the configs in a stream.

    where: what error messages call the stream.
    progress: a function to call with the number of results so far.
    per_frame, per_layer, ranges: as for `estimate`.
    A config that is wrong gives {"error": "line 3: ..."}. Raises InputError in the end if any was.
    """
    # Keep what has been read for the next line, but not without limit.
    load = functools.lru_cache(MAX_CATALOGS)(load_now)
    decode = json_decoder('config')
    encode = json.JSONEncoder(separators=(',', ':'), check_circular=False).encode
    # Most sweeps want no more than sums, which json takes longer to print than all the rest takes.
    bare = not per_layer and not ranges
    bare_group = '"{}":{{"energy":%r,"latency":%r}}'
    bare_line = '{' + ','.join(map(bare_group.format, GROUPS)) + '}'
    done = wrong = 0
    for lines in read_lines(stream, where):
        results = []
        for number, line in lines:
            try:
                config = parse_json(decode_text(line, 'config'), 'config', decode)
                if bare:
                    sums = evaluate(config, per_frame, ranges, load)[1].values()
                    result = bare_line % tuple([number for (cost,) in sums for number in cost])
                    result = result.replace('None', 'null')
                else:
                    result = encode(estimate(config, per_frame, per_layer, ranges, load))
            except InputError as error:
                wrong += 1
                result = encode({'error': f'line {number}: {error}'})
            results.append(result)
        done += len(results)
        if results:
            yield '\n'.join(results) + '\n'
        progress(done)
    if wrong:
        raise InputError(
            f'{where}: {wrong} of {done} lines are wrong, as their results say; '
            'expected a whole config on each line'
        )


# === Command line ===


class Options:
    """What the command line asks for; a run without arguments is the class itself."""

    config = '-'
    diagnose = False
    validate = False
    per_frame = False
    per_layer = False
    range = False
    lines = False
    format = 'json'
    help = False
    version = False


def new_parser(**settings):
    """Return a parser of command lines that raises InputError for wrong arguments.

    settings: what argparse.ArgumentParser takes. Options that are not given are left as the
    namespace has them, and must be written out in full.
    """
    # argparse takes longer to import than all the rest; the main job has no arguments to parse.
    import argparse

    class Parser(argparse.ArgumentParser):
        def error(self, message):
            raise InputError(f'arguments: {message}; see {self.prog} --help', status=2)

    return Parser(
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
        add_help=False,
        **settings,
    )


def make_parser():
    """Return the parser of FODLAM's command line."""
    keys, accelerator_keys = (
        '\n'.join(f'  {key:13}  {meaning}' for key, meaning in meanings.items())
        for meanings in (CONFIG_KEYS, ACCELERATOR_KEYS)
    )
    parser = new_parser(
        prog='fodlam',
        description='Add up the energy (J) and latency (s) of the layers of a CNN on Eyeriss\n'
        '(conv) and EIE (fc), from the published figures. A config in JSON goes in,\n'
        'a report in JSON comes out.',
        epilog=f"""\
config keys:
{keys}

keys of an accelerator:
{accelerator_keys}

examples:
  echo '{CONFIG_EXAMPLE}' | fodlam
  echo '{{"netfile": "VGG_CNN_M_deploy.json"}}' | fodlam --range --format table
  fodlam config.json
  fodlam --diagnose
""",
    )
    add = parser.add_argument
    add('config', nargs='?', help='file with the config; "-" or nothing for standard input')
    add('-h', '--help', action='store_true', help='print this help')
    add('--version', action='store_true', help='print the version')
    add = parser.add_argument_group('what is reported').add_argument
    add('--per-layer', action='store_true', help='add each layer, in the order of the config')
    add('--range', action='store_true', help='add the least and the most that a cost may be')
    add(
        '--per-frame',
        action='store_true',
        help='count conv layers for one frame, not for the batch that Eyeriss measured',
    )
    add(
        '--format',
        choices=('json', 'csv', 'table', 'svg'),
        help='table is for people, svg a picture; default: json',
    )
    add('--lines', action='store_true', help='one config a line in, one JSON result a line out')
    add = parser.add_argument_group('other reports, which take no config').add_argument
    add('--diagnose', action='store_true', help='energy and latency per MAC')
    add('--validate', action='store_true', help='how far the model is from what is published')
    return parser


def check_options(options):
    """Raise InputError for options that do not go together, or a config that is not wanted."""

    def refuse(what):
        raise InputError(f'arguments: {what}; see fodlam --help', status=2)

    if options.diagnose and options.validate:
        refuse('--diagnose and --validate are two reports; ask for one of them')
    if options.diagnose or options.validate:
        report = '--diagnose' if options.diagnose else '--validate'
        if options.config != Options.config:
            refuse(f'{report} takes no config, but got {quote(options.config)}')
        for flag, given in (
            ('--per-layer', options.per_layer),
            ('--range', options.range),
            ('--lines', options.lines),
            ('--format svg', options.format == 'svg'),
        ):
            if given:
                refuse(f'{flag} is for a config, not for {report}')
    if options.lines and options.format != 'json':
        refuse(f'--lines prints JSON, but got --format {options.format}')


def open_config(options, stdin, stderr):
    """Return (binary stream, what to call it) of the config; "-" is standard input."""
    if options.config != '-':
        where = f'config {quote(options.config)}'
        try:
            return open(options.config, 'rb'), where
        except (OSError, ValueError) as error:
            reason = getattr(error, 'strerror', 'no file can have this name')
            raise InputError(f'{where}: cannot be read ({reason}); expected a file') from None
    if stdin is None:
        raise InputError('config: standard input is closed; pipe a config in, or name a file')
    if stdin.isatty():
        complain('waiting for a config in JSON on standard input; see fodlam --help', stderr)
    return stdin.buffer, 'config'


def make_progress(stdout, stderr):
    """Return a function that says on stderr how many lines are done, every second or so.

    It says nothing unless stderr is a terminal and stdout is not.
    """
    import time

    shown = stderr is not None and stderr.isatty() and not (stdout and stdout.isatty())
    start = last = time.monotonic()

    def progress(done):
        nonlocal last
        now = time.monotonic()
        if shown and now - last >= 1:
            last = now
            complain(f'{done:,} lines, {done / (now - start):,.0f} a second', stderr)

    return progress


def run(argv, stdin, stdout, stderr):
    """Yield the texts that the command line asks for; raise InputError for what is wrong."""
    options = Options
    if argv:
        parser = make_parser()
        options = parser.parse_args(argv, Options())
        if options.help:
            yield parser.format_help()
            return
        if options.version:
            yield f'fodlam {__version__}\n'
            return
        check_options(options)
    if options.diagnose:
        report, rows, table = diagnose(options.per_frame), diagnose_rows, diagnose_table
    elif options.validate:
        report, rows, table = validate(options.per_frame), list, validate_table
    else:
        how = {
            'per_frame': options.per_frame,
            'per_layer': options.per_layer or options.format != 'json',
            'ranges': options.range,
        }
        stream, where = open_config(options, stdin, stderr)
        try:
            if options.lines:
                yield from estimate_lines(stream, where, make_progress(stdout, stderr), **how)
                return
            config = parse_json(read_text(stream, where), where)
        finally:
            if options.config != Options.config:
                stream.close()
        report, rows, table = estimate(config, **how), estimate_rows, estimate_table
    if options.format == 'json':
        yield to_json(report)
    elif options.format == 'csv':
        yield to_csv(rows(report))
    elif options.format == 'svg':
        yield estimate_svg(report, config)
    else:
        yield table(rows(report), plain=not can_encode(BAR_CHARACTERS, stdout))


def complain(message, stderr, program='fodlam'):
    """Print one line about `message` to stderr, if that is open."""
    try:
        if stderr is not None:
            line = printable(message[:MAX_MESSAGE_CHARACTERS])
            print(f'{program}:', line, file=stderr, flush=True)
    except OSError:
        pass  # there is nowhere left to say it; the exit status tells


def can_encode(text, stream):
    """Return whether a text stream can take these characters."""
    try:
        text.encode(getattr(stream, 'encoding', None) or 'utf-8')
    except UnicodeEncodeError:
        return False
    return True


def deliver(texts, stdout, stderr, program='fodlam'):
    """Write texts to stdout as they are made; return the exit status.

    texts: an iterator. What goes wrong in it is one line on stderr, and ends the writing.
    """
    try:
        for text in texts:
            try:
                if stdout is None:  # as Python has it if it is closed from the start
                    raise OSError(None, 'closed')
                if not (text.isascii() or can_encode(text, stdout)):
                    encoding = stdout.encoding or 'utf-8'
                    text = text.encode(encoding, 'backslashreplace').decode(encoding)
                stdout.write(text)
                stdout.flush()
            except OSError as error:
                raise InputError(
                    f'standard output: cannot be written ({error.strerror}); '
                    'expected an open file or pipe'
                ) from None
    except InputError as error:
        complain(str(error), stderr, program)
        return error.status
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
