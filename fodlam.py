#!/usr/bin/env python3
"""FODLAM, a first-order deep learning accelerator model.

FODLAM adds up the energy and latency of the layers of a convolutional neural network (CNN) on two
published accelerators: Eyeriss for the convolutional layers, EIE for the fully-connected ones. It
simulates nothing. A layer of a network that the papers measured costs what they report; a layer of
any other network costs its multiply-accumulates times the average published cost of one.

Terms, with an example of each:
  layer    one step of a network: VGG-16's CONV1-1
  kind     what FODLAM tells layers apart by: conv (convolutional) or fc (fully-connected)
  MAC      multiply-accumulate, the unit of work: VGG-16's CONV1-1 takes 86,704,128 a frame
  cost     energy (J) and latency (s) of some work: CONV1-1 as published, 0.0188 J and 0.0762 s
  net      a network that the papers measured: AlexNet or VGG16
  netfile  a JSON list of a network's layers with the MACs of each: nets/alexnet_deploy.json

Usage, from a shell and from Python:
  python3 fodlam.py < config/vgg16.json
  python3 fodlam.py --diagnose
  fodlam.estimate({'net': 'VGG16', 'layers': ['CONV1-1', 'FC8']})

All quantities are in SI units inside; data/README.md tells what the files hold, and in which units.

Sources:
  Eyeriss  Chen, Krishna, Emer, Sze, J. Solid-State Circuits, January 2017, Tables V and VI.
  EIE      Han, Liu, Mao, Pu, Pedram, Horowitz, Dally, ISCA 2016, Table IV.
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

# Chen et al., JSSC 2017, Table IV: TSMC 65 nm LP. FODLAM reports every cost at this node.
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
EYERISS_TOTAL_ROW = 'Total'

# "Actual" time counts the imbalance of load between processing elements.
EIE_FILE = 'eie-layers.csv'
EIE_COLUMNS = {'latency_s': Column('Actual Time (us)', 1e-6)}

EIE_TABLE = 'EIE Table IV'

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
}
CONFIG_EXAMPLE = '{"net": "VGG16", "layers": ["CONV1-1", "FC8"]}'

# Far above any real config or net file (nets/ holds 2 kB files); what is larger is a mistake, and
# reading it to its end might never finish.
MAX_INPUT_BYTES = 16 * 2**20

# What an error message quotes of a value, and lists of choices.
MAX_QUOTED_CHARACTERS = 80
MAX_CHOICES_CHARACTERS = 1500
MAX_MESSAGE_CHARACTERS = 4000

# How much of a stream of configs is read at once, and how many networks' costs are kept.
READ_BYTES = 2**16
MAX_PRICES = 256

MODELLED_KEYS = ('published', 'modelled')
VALIDATE_KEYS = ('quantity', 'unit', *MODELLED_KEYS, 'error_percent', 'source')

# What a Cost is made of, as reports call it, and its units.
QUANTITY_UNITS = {'energy': 'J', 'latency': 's'}

FORMATS = ('json', 'csv', 'table')

LARGE_PREFIXES, SMALL_PREFIXES = 'kMGTP', 'munpf'
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
        """Return the Cost of drawing a power for a time."""
        return cls(power_w * latency_s, latency_s)

    @classmethod
    def sum(cls, costs):
        """Return the sum of `costs`, which does not depend on their order."""
        energies, latencies = zip(*costs) if costs else ((), ())
        return cls(math.fsum(energies), math.fsum(latencies))


# kind is None for a layer that FODLAM does not cost, such as a ReLU; macs is None just then.
Layer = namedtuple('Layer', 'name type kind macs')


class LayerCost(namedtuple('LayerCost', 'name kind macs source cost low high')):
    """What a layer costs, and where that comes from.

    source: "published" or "scaled"; cost, and the low and high that it may be: Costs.
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
        fields = {'name': self.name, 'kind': self.kind, 'macs': self.macs}
        return {**fields, **quantities(self.cost), 'source': self.source, **quantities(*costs)}


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


def read_table(filename, columns):
    """Return {row: {field: number}} of a CSV file in data/, in SI units, in the file's order.

    columns: {field: Column}, the columns wanted. Every row starts with a layer's name.
    Raises InputError, with file, row and column, if the file is damaged.
    """
    where = f'data/{filename}'
    lines = csv.reader(read_text(os.path.join(DATA_DIR, filename), where).splitlines(), strict=True)
    table = {}
    try:
        headings = next(lines, [])
        for heading in ['Layer'] + [column.heading for column in columns.values()]:
            if headings.count(heading) != 1:
                raise InputError(f'{where}, row 1: needs a column "{heading}", just one')
        for cells in lines:
            row = dict(zip(headings, cells))
            name = row.get('Layer')
            place = f'{where}, row {lines.line_num} ({quote(name)})'
            if not name or canonical(name) in map(canonical, table):
                raise InputError(f'{place}, column "Layer": expected a layer name, each just once')
            if len(cells) != len(headings):
                last = quote(headings[min(len(cells), len(headings)) - 1])
                raise InputError(
                    f'{place}: {len(cells)} cells, up to column {last}; expected {len(headings)}'
                )
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
                f'{where}: not in nets/; {choices(valid)}, or give a path with a separator in it'
            )
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
    elif not is_number(macs) or macs < 0:
        raise InputError(
            f'{where}: "macs" is {member(entry, "macs")}; expected a finite number, 0 or more'
        )
    return Layer(name, type_, kind, macs)


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
    result = []
    for name, cost in costs.items():
        _, _, kind, macs = layers[canonical(name)]
        result.append(LayerCost(name, kind, macs, 'published', cost, cost, cost))
    return result


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
        energies, latencies = zip(*(layer.cost / layer.macs for layer in of_kind))
        low, high = Cost(min(energies), min(latencies)), Cost(max(energies), max(latencies))
        per_mac[kind] = PerMac(average, low, high)
    return per_mac


def scaled_costs(layers, per_mac):
    """Return the LayerCosts of those of some Layers that FODLAM costs: their MACs times PerMac.

    per_mac: {kind: PerMac}.
    """
    return [
        LayerCost(name, kind, macs, 'scaled', *(cost * macs for cost in per_mac[kind]))
        for name, _, kind, macs in layers
        if kind is not None
    ]


# What a config's layers are chosen from. costs: [LayerCost]; sums: their group_sums without and
# with ranges; by_name: the
# LayerCosts by their names, as written and canonical; others: {canonical name: Layer} of those that
# cost nothing.
Prices = namedtuple('Prices', 'costs sums by_name others')


def load_prices(net, netfile, per_frame):
    """Return the Prices of all layers of a network of the papers, or else of a net file."""
    others = {}
    if net is not None:
        costs = published_costs(net, per_frame)
    else:
        layers = read_net(netfile)
        others = {key: layer for key, layer in layers.items() if layer.kind is None}
        published = [cost for net in NETWORKS for cost in published_costs(net, per_frame)]
        costs = scaled_costs(layers.values(), cost_per_mac(published))
    by_name = {canonical(layer.name): layer for layer in costs}
    by_name.update((layer.name, layer) for layer in costs)
    sums = {ranges: group_sums(costs, ranges) for ranges in (False, True)}
    return Prices(costs, sums, by_name, others)


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
    net, netfile, layers, process_nm = config
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
    if process_nm is not None and not (is_number(process_nm) and process_nm > 0):
        raise InputError(
            f'config "process_nm": {quote(process_nm)}; expected a positive, finite number'
        )
    return config


def select(names, prices):
    """Return the list of LayerCosts that a config's "layers" names, in its order.

    names: the config's list, in which a layer named twice counts twice; None for every layer.
    Raises InputError if a name is of no layer, or of a layer that has no cost.
    """
    if names is None:
        return prices.costs
    try:
        return [prices.by_name[name] for name in names]
    except (KeyError, TypeError):  # written in another way, or wrong
        return [select_one(name, index, prices) for index, name in enumerate(names)]


def select_one(name, index, prices):
    """Return the LayerCost of a name in a config's "layers"; raise InputError if there is none."""
    where = f'config "layers"[{index}]'
    if not isinstance(name, str):
        raise InputError(f'{where}: expected the name of a layer, not {quote(name)}')
    key = canonical(name)
    if key not in prices.by_name:
        valid = choices(layer.name for layer in prices.costs)
        if key in prices.others:
            type_ = quote(prices.others[key].type)
            raise InputError(
                f'{where}: {quote(name)} is of type {type_}, which has no cost; {valid}'
            )
        raise InputError(f'{where}: unknown layer {quote(name)}; {valid}')
    return prices.by_name[key]


# === Reports ===


def estimate(config, per_frame=False, per_layer=False, ranges=False, load=load_prices):
    """Return the report on a configuration: energy (J) and latency (s) of conv, fc and total.

    config: a dict with the keys of a JSON config (README, "Configuration"):
        {'net': 'VGG16', 'layers': ['CONV1-1', 'FC8']}.
    per_frame: count Eyeriss's layers for one frame, not for the batch that was measured.
    per_layer: add 'layers', a list of dicts in the config's order.
    ranges: add 'energy_range' and 'latency_range', [low, high], wherever there is a cost.
    load: what gives the Prices; other than by default, it may keep them.
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
    prices = load(config.net, config.netfile, per_frame)
    chosen = select(config.layers, prices)
    try:
        sums = prices.sums[ranges] if chosen is prices.costs else group_sums(chosen, ranges)
        if config.process_nm is not None:
            scale = dennard(EYERISS_PROCESS_NM, config.process_nm)
            chosen = (layer.at(scale) for layer in chosen)
            sums = {group: [cost.at(scale) for cost in costs] for group, costs in sums.items()}
        if not max(sums['total'][-1]) < math.inf:  # the most that it may be
            raise OverflowError
    except OverflowError:
        raise InputError(
            'config: the result is too large for a number; expected fewer MACs or a smaller process'
        ) from None
    return chosen, sums


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

    Each has 'quantity', 'unit', 'published', 'modelled', 'error_percent' and 'source': every
    network's conv and fc costs by MACs instead of looked up, from the average over both networks
    and from the other network's layers alone; and the frame rates that the papers report.
    per_frame: as for `estimate`.
    """
    published = {net: published_costs(net, per_frame) for net in NETWORKS}
    bases = {'both': [layer for layers in published.values() for layer in layers], **published}
    rows = []

    def compare(quantity, unit, figure, modelled, source):
        error_percent = (modelled / figure - 1) * 100
        row = (quantity, unit, figure, modelled, error_percent, source)
        rows.append(dict(zip(VALIDATE_KEYS, row)))

    for net, layers in published.items():
        for basis, of_basis in bases.items():
            if basis == net:
                continue
            per_mac = cost_per_mac(of_basis)
            for kind in KINDS:
                of_kind = [layer for layer in layers if layer.kind == kind]
                cost = Cost.sum([layer.cost for layer in of_kind])
                modelled = per_mac[kind].average * sum(layer.macs for layer in of_kind)
                source = NETWORKS[net].eyeriss_table if kind == 'conv' else EIE_TABLE
                for quantity, figure, number in zip(QUANTITY_UNITS, cost, modelled):
                    title = f'{net} {kind} {quantity} from {basis}'
                    compare(title, QUANTITY_UNITS[quantity], figure, number, source)
    for net, network in NETWORKS.items():
        conv = [layer.cost for layer in published_costs(net, True) if layer.kind == 'conv']
        rate, modelled = network.frames_per_s, 1 / Cost.sum(conv).latency_s
        compare(f'{net} conv frame rate', 'frame/s', rate, modelled, network.eyeriss_table)
    return rows


# === Formats ===


def to_json(report):
    """Return a report as JSON, as the original prints it."""
    return json.dumps(report, indent=2, sort_keys=True) + '\n'


def estimate_rows(report):
    """Return the rows of an `estimate` report that has layers: those, and the sums."""
    rows = []
    for layer in report['layers']:
        row = {'layer': layer['name'], **layer}
        del row['name']
        rows.append(row)
    for group in GROUPS:
        macs = sum(layer['macs'] for layer in report['layers'] if group in (layer['kind'], 'total'))
        row = {'layer': group, 'kind': group, 'macs': macs, **report[group], 'source': 'sum'}
        rows.append(row)
    return rows


def diagnose_rows(report):
    """Return the rows of a `diagnose` report: J and s per MAC of each layer, and the averages."""
    per_layer, average = report['per_layer'], report['average']
    quantities = list(average)
    rows = [
        {'net': net, 'layer': layer, **{q: per_layer[q][net][layer] for q in quantities}}
        for net, layers in per_layer[quantities[0]].items()
        for layer in layers
    ]
    for kind in KINDS:
        rows.append({'net': 'average', 'layer': kind, **{q: average[q][kind] for q in quantities}})
    return rows


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
    # The exponent after rounding, so that 999.99 m is 1.000 and not 1000 m.
    exponent = int(f'{value:.3e}'.partition('e')[2]) // 3 if value and '/' not in unit else 0
    exponent = max(-len(SMALL_PREFIXES), min(exponent, len(LARGE_PREFIXES)))
    prefix = (' ' + LARGE_PREFIXES + SMALL_PREFIXES[::-1])[exponent].strip()
    shown = f'{value / 1000**exponent:#.4g}' if value else '0'
    text = f'{shown.rstrip(".")} {prefix}{unit}'
    if limits and limits[0] != limits[1]:
        ends = (limit / 1000**exponent for limit in limits)
        low, high = (f'{end:.2g}' if end < 99.5 else f'{end:.0f}' for end in ends)
        text += f' ({low}..{high})'
    return text.rstrip()


def bar(share, width, plain):
    """Return a bar as long as a share of the width, in eighths unless plain ASCII is asked for."""
    if plain:
        return '#' * round(share * width)
    whole, eighths = divmod(round(share * width * 8), 8)
    return BAR_CHARACTERS[0] * whole + (BAR_CHARACTERS[eighths] if eighths else '')


def to_table(headings, rows, sums=0):
    """Return a table for people: columns aligned, the last `sums` rows set apart.

    headings: one a column; those of columns to be aligned on the right start with ">".
    rows: lists of strings, one a column.
    """
    right = [heading.startswith('>') for heading in headings]
    lines = [[heading.removeprefix('>') for heading in headings], *rows]
    lines = [[printable(cell) for cell in line] for line in lines]
    widths = [max(map(len, column)) for column in zip(*lines)]
    rule = ['-' * width for width in widths]
    lines[1:1] = [rule]
    if sums:
        lines[-sums:-sums] = [rule]
    return ''.join(
        '  '.join(
            cell.rjust(width) if on_right else cell.ljust(width)
            for cell, width, on_right in zip(line, widths, right)
        ).rstrip()
        + '\n'
        for line in lines
    )


def shortened(name, width):
    """Return a name, cut in its middle if it is longer than `width`."""
    half = (width - 2) // 2
    return name if len(name) <= width else f'{name[:half]}..{name[-half:]}'


def estimate_table(rows, plain):
    """Return the table of an `estimate` report: costs, ranges, and shares of the total as bars."""
    total = rows[-1]
    ranged = 'energy_range' in total
    headings = ['layer', 'kind', *([] if ranged else ['>MACs'])]
    cells = []
    for row in rows:
        kind = row['kind'] if row['source'] != 'sum' else ''
        cells.append([shortened(row['layer'], 16 if ranged else 20), kind])
        if not ranged:
            cells[-1].append(engineering(row['macs'], ''))
        for quantity, unit in QUANTITY_UNITS.items():
            limits = row.get(f'{quantity}_range', ())
            share = row[quantity] / total[quantity] if total[quantity] else 0
            cells[-1].append(engineering(row[quantity], unit, *limits))
            cells[-1].append(bar(share, 4 if ranged else 10, plain))
    for quantity in QUANTITY_UNITS:
        headings += [f'{quantity} (range)' if ranged else f'>{quantity}', 'share']
    return to_table(headings, cells, sums=len(GROUPS))


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
            row['source'],
        ]
        for row in rows
    ]
    return to_table(['quantity', '>published', '>modelled', '>error', 'source'], cells)


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
    load = functools.lru_cache(MAX_PRICES)(load_prices)
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
        raise InputError(f'{where}: {wrong} of {done} lines are wrong; their results say why')


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
    keys = '\n'.join(f'  {key:10}  {meaning}' for key, meaning in CONFIG_KEYS.items())
    parser = new_parser(
        prog='fodlam',
        description='Add up the energy (J) and latency (s) of the layers of a CNN on Eyeriss\n'
        '(conv) and EIE (fc), from the published figures. A config in JSON goes in,\n'
        'a report in JSON comes out.',
        epilog=f"""\
config keys:
{keys}

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
    add('--format', choices=list(FORMATS), help='table is for people; default: json')
    add('--lines', action='store_true', help='one config a line in, one JSON result a line out')
    add = parser.add_argument_group('other reports, which take no config').add_argument
    add('--diagnose', action='store_true', help='energy and latency per MAC')
    add('--validate', action='store_true', help='how far the model is from what is published')
    return parser


def check_options(options):
    """Raise InputError for options that do not go together, or a config that is not wanted."""

    def refuse(what):
        raise InputError(f'arguments: {what}; see fodlam --help', status=2)

    reports = [name for name in ('diagnose', 'validate') if getattr(options, name)]
    if len(reports) > 1:
        refuse('--diagnose and --validate are two reports; ask for one of them')
    if reports:
        if options.config != Options.config:
            refuse(f'--{reports[0]} takes no config, but got {quote(options.config)}')
        for name in ('per_layer', 'range', 'lines'):
            if getattr(options, name):
                refuse(f'--{name.replace("_", "-")} is for a config, not for --{reports[0]}')
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
            if not (text.isascii() or can_encode(text, stdout)):
                encoding = stdout.encoding or 'utf-8'
                text = text.encode(encoding, 'backslashreplace').decode(encoding)
            try:
                if stdout is None:  # as Python has it if it is closed from the start
                    raise OSError(None, 'closed')
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
