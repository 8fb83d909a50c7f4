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

# The networks that both papers measured: the Eyeriss table, and the net file with the MACs.
Network = namedtuple('Network', 'eyeriss_file netfile')
NETWORKS = {
    'AlexNet': Network('eyeriss-alexnet.csv', 'alexnet_deploy.json'),
    'VGG16': Network('eyeriss-vgg16.csv', 'VGG_ILSVRC_16_layers_deploy.json'),
}

KINDS = ('conv', 'fc')
KIND_OF_TYPE = {'Convolution': 'conv', 'Deconvolution': 'conv', 'InnerProduct': 'fc'}

CONFIG_KEYS = ('net', 'netfile', 'layers')
CONFIG_EXAMPLE = '{"net": "VGG16", "layers": ["CONV1-1", "FC8"]}'

# Far above any real config or net file (nets/ holds 2 kB files); what is larger is a mistake, and
# reading it to its end might never finish.
MAX_INPUT_BYTES = 16 * 2**20

# What an error message quotes of a value, and lists of choices.
MAX_QUOTED_CHARACTERS = 80
MAX_CHOICES_CHARACTERS = 1500
MAX_MESSAGE_CHARACTERS = 4000


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

    @classmethod
    def sum(cls, costs):
        """Return the sum of `costs`, which does not depend on their order."""
        costs = list(costs)
        return cls(math.fsum(c.energy_j for c in costs), math.fsum(c.latency_s for c in costs))

    def quantities(self):
        """Return the cost as reports have it: {'energy': joules, 'latency': seconds}."""
        return {'energy': self.energy_j, 'latency': self.latency_s}


# kind is None for a layer that FODLAM does not cost, such as a ReLU; macs is None just then.
Layer = namedtuple('Layer', 'name type kind macs')

LayerCost = namedtuple('LayerCost', 'name kind macs cost')


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
        if len(content) > MAX_INPUT_BYTES:
            raise InputError(f'{where}: too large; at most {MAX_INPUT_BYTES} bytes are read')
        return content.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        raise InputError(f'{where}: not UTF-8 at byte {error.start}; save it as UTF-8') from None
    except OSError as error:
        raise InputError(f'{where}: cannot be read ({error.strerror}); expected a file') from None
    except ValueError:  # what open() says to a path with a null character or half a surrogate pair
        raise InputError(f'{where}: no file can have this name; expected a path') from None


def parse_json(text, where):
    """Return the value that `text` holds, as strict JSON: no NaN, no key twice.

    where: what error messages call the text.
    Raises InputError if it is anything else.
    """

    def unique(pairs):
        members = dict(pairs)
        if len(members) < len(pairs):
            seen = set()
            twice = next(key for key, _ in pairs if key in seen or seen.add(key))
            raise InputError(f'{where}: duplicate key {quote(twice)}; give each key once')
        return members

    def refuse(constant):
        raise InputError(f'{where}: {constant} is not JSON; expected a finite number')

    if not text.strip():
        raise InputError(f'{where}: empty; expected JSON')
    try:
        return json.loads(text, object_pairs_hook=unique, parse_constant=refuse)
    except json.JSONDecodeError as error:
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


def dennard(power_w, latency_s, from_nm):
    """Return the Cost of some work at 65 nm, moved there from `from_nm` by Dennard scaling.

    Time scales by the ratio of the nodes and power by its square (README, "How it works").
    """
    ratio = EYERISS_PROCESS_NM / from_nm
    latency_s = latency_s * ratio
    return Cost(power_w * ratio**2 * latency_s, latency_s)


def published_costs(net):
    """Return {canonical name: LayerCost} of all layers of `net` that the papers report, at 65 nm.

    Eyeriss's costs are for the batch that it measured, EIE's are for a frame (README,
    "Assumptions"). The MACs are per frame, from the network's net file.
    """
    eyeriss_file, netfile = NETWORKS[net]
    rows = {}
    for name, row in read_table(eyeriss_file, EYERISS_COLUMNS).items():
        if name != EYERISS_TOTAL_ROW:
            rows[canonical(name)] = name, dennard(**row, from_nm=EYERISS_PROCESS_NM)
    for title, row in read_table(EIE_FILE, EIE_COLUMNS).items():
        owner, _, name = title.partition(' ')
        if owner == net:
            rows[canonical(name)] = name, dennard(EIE_POWER_W, **row, from_nm=EIE_PROCESS_NM)
    layers = {key: layer for key, layer in read_net(netfile).items() if layer.macs}
    if rows.keys() != layers.keys():
        raise InputError(
            f'data/{eyeriss_file}, data/{EIE_FILE}: the rows for {net} are not the layers of '
            f'nets/{netfile}; only one side has {quote(sorted(rows.keys() ^ layers.keys()))}'
        )
    return {
        key: LayerCost(name, layers[key].kind, layers[key].macs, cost)
        for key, (name, cost) in rows.items()
    }


def cost_per_mac(layers):
    """Return {kind: Cost}, the average cost of one MAC over the LayerCosts of each kind.

    It is the sum of their costs over the sum of their MACs, so that every MAC weighs the same;
    not a mean of the layers' ratios.
    """
    per_mac = {}
    for kind in KINDS:
        of_kind = [layer for layer in layers if layer.kind == kind]
        total = Cost.sum(layer.cost for layer in of_kind)
        per_mac[kind] = total / sum(layer.macs for layer in of_kind)
    return per_mac


def scaled_costs(layers):
    """Return {canonical name: LayerCost} of those of `layers` that FODLAM costs, by their MACs.

    layers: {canonical name: Layer}.
    The cost of a MAC is the average of its kind over all layers that the papers report.
    """
    per_mac = cost_per_mac([layer for net in NETWORKS for layer in published_costs(net).values()])
    return {
        key: LayerCost(layer.name, layer.kind, layer.macs, per_mac[layer.kind] * layer.macs)
        for key, layer in layers.items()
        if layer.kind is not None
    }


# === Configuration ===

Config = namedtuple('Config', CONFIG_KEYS, defaults=(None,) * len(CONFIG_KEYS))


def check_config(members):
    """Return the Config that a dict of JSON members describes.

    net: a name in NETWORKS, or else netfile: a net file (see read_net); just one of the two.
    layers: a list of layer names, or None for every layer that has a cost.
    Raises InputError for anything else.
    """
    if not isinstance(members, dict):
        raise InputError(
            f'config: expected an object such as {CONFIG_EXAMPLE}, not {quote(members)}'
        )
    for key in members:
        if key not in CONFIG_KEYS:
            raise InputError(f'config: unknown key {quote(key)}; {choices(CONFIG_KEYS)}')
    config = Config(**members)
    if (config.net is None) == (config.netfile is None):
        got = 'neither' if config.net is None else 'both'
        raise InputError(
            f'config: expected either "net" or "netfile", but got {got}; '
            f'"net" is one of {", ".join(NETWORKS)}, "netfile" a file in nets/ or a path'
        )
    for key in ('net', 'netfile'):
        value = getattr(config, key)
        if value is not None and not isinstance(value, str):
            raise InputError(f'config "{key}": expected a string, not {quote(value)}')
    if config.net is not None and config.net not in NETWORKS:
        raise InputError(f'config "net": unknown network {quote(config.net)}; {choices(NETWORKS)}')
    if config.layers is not None and not isinstance(config.layers, (list, tuple)):
        raise InputError(
            f'config "layers": expected a list of layer names, not {quote(config.layers)}'
        )
    return config


def select(names, costs, layers):
    """Return the list of LayerCosts that a config's "layers" names, in its order.

    names: the config's list, in which a layer named twice counts twice; None for every layer.
    costs: {canonical name: LayerCost}.
    layers: {canonical name: Layer} of the net file, whose layers need not all have a cost; {}
        for a network of the papers.
    Raises InputError if a name is of no layer, or of a layer that has no cost.
    """
    if names is None:
        return list(costs.values())
    chosen = []
    for index, name in enumerate(names):
        where = f'config "layers"[{index}]'
        if not isinstance(name, str):
            raise InputError(f'{where}: expected the name of a layer, not {quote(name)}')
        key = canonical(name)
        if key not in costs:
            valid = choices(layer.name for layer in costs.values())
            if key in layers:
                type_ = quote(layers[key].type)
                raise InputError(
                    f'{where}: {quote(name)} is of type {type_}, which has no cost; {valid}'
                )
            raise InputError(f'{where}: unknown layer {quote(name)}; {valid}')
        chosen.append(costs[key])
    return chosen


# === Reports ===


def estimate(config):
    """Return the report on a configuration: energy (J) and latency (s) of conv, fc and total.

    config: a dict with the keys of a JSON config (README, "Configuration"):
        {'net': 'VGG16', 'layers': ['CONV1-1', 'FC8']}.
    Returns {'conv': {'energy': ..., 'latency': ...}, 'fc': {...}, 'total': {...}}.
    Raises InputError if anything in the config, or in a file that it names, is wrong.
    """
    config = check_config(config)
    if config.net is not None:
        layers, costs = {}, published_costs(config.net)
    else:
        layers = read_net(config.netfile)
        costs = scaled_costs(layers)
    chosen = select(config.layers, costs, layers)
    report = {
        kind: Cost.sum(layer.cost for layer in chosen if layer.kind == kind).quantities()
        for kind in KINDS
    }
    report['total'] = Cost.sum(layer.cost for layer in chosen).quantities()
    return report


def diagnose():
    """Return the report on costs per MAC: what `estimate` scales by, and what that averages.

    Returns {'average': {quantity: {kind: number}}, 'per_layer': {quantity: {net: {layer:
    number}}}}, where quantity is 'energy' (J per MAC) or 'latency' (s per MAC).
    """
    published = {net: published_costs(net) for net in NETWORKS}
    per_mac = cost_per_mac([layer for layers in published.values() for layer in layers.values()])
    average, per_layer = {}, {}
    for kind, cost in per_mac.items():
        for quantity, number in cost.quantities().items():
            average.setdefault(quantity, {})[kind] = number
    for net, layers in published.items():
        for layer in layers.values():
            for quantity, number in (layer.cost / layer.macs).quantities().items():
                per_layer.setdefault(quantity, {}).setdefault(net, {})[layer.name] = number
    return {'average': average, 'per_layer': per_layer}


# === Command line ===


class Options:
    """What the command line asks for; a run without arguments is the class itself."""

    config = '-'
    diagnose = False
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
    parser = new_parser(
        prog='fodlam',
        description='Add up the energy (J) and latency (s) of the layers of a CNN on Eyeriss\n'
        '(conv) and EIE (fc), from the published figures. A config in JSON goes in,\n'
        'a report in JSON comes out.',
        epilog=f"""\
config keys:
  net       a network that the papers measured: {', '.join(NETWORKS)}
  netfile   or else a net file: a name in nets/, or a path with a separator
  layers    a list of layer names; left out, every layer that has a cost

examples:
  echo '{CONFIG_EXAMPLE}' | fodlam
  echo '{{"netfile": "VGG_CNN_M_deploy.json"}}' | fodlam
  fodlam config.json
  fodlam --diagnose
""",
    )
    parser.add_argument(
        'config', nargs='?', help='file with the config; "-" or nothing for standard input'
    )
    parser.add_argument(
        '--diagnose',
        action='store_true',
        help='print energy and latency per MAC, for each published layer and on average',
    )
    parser.add_argument('-h', '--help', action='store_true', help='print this help')
    parser.add_argument('--version', action='store_true', help='print the version')
    return parser


def read_config(path, stdin, stderr):
    """Return what the config at `path` holds, parsed but not checked; '-' is standard input."""
    if path != '-':
        where = f'config {quote(path)}'
        return parse_json(read_text(path, where), where)
    if stdin is None:
        raise InputError('config: standard input is closed; pipe a config in, or name a file')
    if stdin.isatty():
        complain('waiting for a config in JSON on standard input; see fodlam --help', stderr)
    return parse_json(read_text(stdin.buffer, 'config'), 'config')


def run(argv, stdin, stderr):
    """Return the text that the command line asks for; raise InputError if there is none."""
    options = Options
    if argv:
        parser = make_parser()
        options = parser.parse_args(argv, Options())
        if options.help:
            return parser.format_help()
        if options.version:
            return f'fodlam {__version__}\n'
    if options.diagnose:
        if options.config != Options.config:
            raise InputError(
                f'arguments: --diagnose takes no config, but got {quote(options.config)}; '
                'leave one of them out',
                status=2,
            )
        report = diagnose()
    else:
        report = estimate(read_config(options.config, stdin, stderr))
    return json.dumps(report, indent=2, sort_keys=True) + '\n'


def complain(message, stderr, program='fodlam'):
    """Print one line about `message` to stderr, if that is open."""
    message = message[:MAX_MESSAGE_CHARACTERS]
    line = ''.join(character if character.isprintable() else ' ' for character in message)
    try:
        if stderr is not None:
            print(f'{program}:', line, file=stderr, flush=True)
    except OSError:
        pass  # there is nowhere left to say it; the exit status tells


def deliver(make_text, stdout, stderr, program='fodlam'):
    """Write the text that a function makes to stdout; return the exit status.

    What goes wrong is one line on stderr, and then nothing is written to stdout.
    """
    try:
        text = make_text()
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
    return deliver(lambda: run(argv, stdin, stderr), stdout, stderr)


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
