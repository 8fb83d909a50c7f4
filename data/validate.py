#!/usr/bin/env python3
"""Hold FODLAM against what is published: every figure in data/ that it models.

Usage:
  python3 data/validate.py [options]         or: python3 -m fodlam.data.validate

Options:
  --per-layer    single layers as well
  --format F     table (default), csv, json
  -h, --help

Each row has a quantity, its unit, the published and the modelled number, the
model's error in percent, and the source. All quantities are for one frame.

Names of quantities say what the model went by:
  by MACs            the average cost of a MAC, over both networks
  by VGG16's MACs    the average over VGG16 alone, so that AlexNet is a test
  by shape           what the shapes of conv layers ask of Eyeriss, by constants
                     that were read off VGG16's table
  by VGG16's shape   the same, by constants that VGG16's table alone gives
  by density         how dense fc layers are, calibrated on neither network
  conv frame rate    the published table, against the rate that the text reports
  on nvdla-2048      NVDLA's roofline, against the rate that NVDLA estimates
  on a device, by roof    its roofline by itself, against the rate measured
  on a device, by share   the share of it that the other network attains
  on a device, by MACs    the MACs per second of the other network on it
  devices, typically      the geometric mean of these errors, either way
"""

import functools
import math
import os
import sys
from collections import namedtuple

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))

from fodlam import (
    EYERISS_COLUMNS,
    EYERISS_FILES,
    KINDS,
    NETWORKS,
    NO_HELP,
    checked,
    command,
    cost_per_mac,
    estimate,
    load_leaf,
    new_parser,
    published_layers,
    quote,
    read_net,
    read_table,
    to_json,
)
from fodlam import main as fodlam_main

# === Constants ===

# Chen et al., JSSC 2017: the tables of conv layers, and the frame rates that the text reports.
Measured = namedtuple('Measured', 'table frames_per_s')
EYERISS_MEASURED = {
    'AlexNet': Measured('Eyeriss Table V', 34.7),
    'VGG16': Measured('Eyeriss Table VI', 0.7),
}
# "Processing" latency overlaps all DRAM traffic. Columns are (heading, scale), as in fodlam.py. A
# megabyte is 2^20 bytes (data/README.md).
EYERISS_BOUND_COLUMNS = {
    'processing_s': ('Processing Latency (ms)', 1e-3),
    'buffer_bytes': ('Global Buffer Accesses (MB)', 2**20),
}
# 16 bytes a cycle at 200 MHz, which VGG-16's CONV1 to CONV4 run at 97 to 100 percent of: layers
# that come so near are bound by the global buffer.
EYERISS_BUFFER_BYTES_PER_S = 16 * 200e6
NEARLY = 0.95

# Han et al., ISCA 2016.
EIE_TABLE = 'EIE Table IV'

# NVDLA primer (nvdla.org): NVDLA's own estimates of its rates of ResNet-50.
NVDLA_SOURCE = 'NVDLA primer'
NVDLA_NETFILE = 'resnet50.json'
NVDLA_RATE_COLUMNS = {'frames_per_s': ('ResNet-50 (frame/s)', 1)}

FORMATS = ('table', 'csv', 'json')

# QuTiBench (data/README.md).
DEVICES_SOURCE = 'QuTiBench'


class Figure(namedtuple('Figure', 'quantity unit published modelled source')):
    """A published number, and what the model makes of it, in the same unit.

    Where published is None, it is a typical error, and modelled is that over no error.
    """

    __slots__ = ()

    @property
    def error_percent(self):
        """The model's error."""
        return (self.modelled / (self.published or 1) - 1) * 100


# === Figures ===


def validate(per_layer=False):
    """Return how far the model is from what is published: a list of dicts, for one frame.

    Each has 'quantity', 'unit' (J, s or frame/s), 'published' and 'modelled' in that unit,
    'error_percent' and 'source'.
    per_layer: add each published layer, after the sum over its kind.
    Raises InputError if a file in data/ or nets/ is missing or damaged.
    """
    figures = []
    for net, other in zip(NETWORKS, reversed(NETWORKS)):
        figures += compare_network(net, other, per_layer)
    figures += compare_nvdla()
    figures += compare_devices()
    return [
        {
            'quantity': figure.quantity,
            'unit': figure.unit,
            'published': figure.published,
            'modelled': figure.modelled if figure.published else None,
            'error_percent': figure.error_percent,
            'source': figure.source,
        }
        for figure in figures
    ]


def compare_network(net, other, per_layer):
    """Yield the Figures of a network of the papers, as though nobody had measured it.

    other: the network that some models are calibrated on alone.
    per_layer: add the Figures of each layer; of a conv layer, by models that are not the other's.
    """
    published = published_layers(per_frame=True)
    averages = cost_per_mac(sum(published.values(), [])), cost_per_mac(published[other])
    calibrations = load_leaf('nets', 'shapes').EYERISS_CALIBRATION, calibrate(other)
    for kind in KINDS:
        layers = [layer for layer in published[net] if layer['kind'] == kind]
        source = EYERISS_MEASURED[net].table if kind == 'conv' else EIE_TABLE
        own, others = (
            model_layers(net, layers, per_mac[kind][0][:2], calibration)
            for per_mac, calibration in zip(averages, calibrations)
        )
        models = {**own, **{f"{other}'s {how}": costs for how, costs in others.items()}}
        if kind == 'fc':
            models['density'] = density_layers(net)
        measured = sum_costs(layer['cost'][:2] for layer in layers)
        sums = {how: sum_costs(costs) for how, costs in models.items()}
        yield from compare(f'{net} {kind}', measured, sums, source)
        if kind == 'conv':
            rate = EYERISS_MEASURED[net].frames_per_s
            yield Figure(f'{net} conv frame rate', 'frame/s', rate, 1 / measured[1], source)
        for index, layer in enumerate(layers if per_layer else ()):
            of_layer = own if kind == 'conv' else models
            each = {how: costs[index] for how, costs in of_layer.items()}
            yield from compare(f'{net} {layer["name"]}', layer['cost'], each, source)


def model_layers(net, layers, per_mac, calibration):
    """Return {'MACs': costs, 'shape': costs}, what models make of a network's Layers.

    layers: all of one kind; only conv layers are costed by shape.
    per_mac: the cost of one MAC; calibration: a shapes.Calibration.
    Raises InputError if the net file has no shape, or a wrong one, for a conv layer.
    """
    models = {'MACs': [[x * layer['macs'] for x in per_mac] for layer in layers]}
    if layers[0]['kind'] == 'conv':
        models['shape'] = []
        for layer in layers:
            where = f'net file {quote(NETWORKS[net])}, layer {layer["name"]!r}'
            by_shape = load_leaf('nets', 'shapes').eyeriss
            cost, _ = checked(where, by_shape, layer['entry'], calibration)
            models['shape'].append(cost)
    return models


def sum_costs(costs):
    """Return the sum of some costs, which does not depend on their order."""
    return [*map(math.fsum, zip(*costs))]


def density_layers(net):
    """Return the costs of a network's fc layers by their densities."""
    config = {'netfile': NETWORKS[net], 'scaling': 'shape'}
    layers = estimate(config, per_layer=True)['layers']
    return [[x['energy'], x['latency']] for x in layers if x['source'] == 'density']


def compare(what, published, models, source):
    """Yield the Figures of the energy and of the latency of some work.

    published: its cost; models: {what the model goes by: cost}.
    """
    for index, (quantity, unit) in enumerate(load_leaf('nets', 'show').QUANTITY_UNITS.items()):
        for how, cost in models.items():
            name = f'{what} {quantity} by {how}'
            yield Figure(name, unit, published[index], cost[index], source)


def compare_nvdla():
    """Yield the Figures of NVDLA's configurations: frames of ResNet-50 per second."""
    shapes = load_leaf('nets', 'shapes')
    table = read_table(shapes.NVDLA_FILE, NVDLA_RATE_COLUMNS, shapes.NVDLA_KEY)
    for name, row in table.items():
        total = estimate({'netfile': NVDLA_NETFILE, 'accelerator': name})['total']
        rate = 1 / total['latency']
        yield Figure(f'ResNet-50 on {name}', 'frame/s', row['frames_per_s'], rate, NVDLA_SOURCE)


def compare_devices():
    """Yield the Figures of devices: frames per second of networks that they were measured with.

    Each by its roofline, and by what the other network says that the same device was measured with.
    """
    shapes = load_leaf('nets', 'shapes')
    attained = shapes.shares(read_table, read_net)
    macs = {
        network: sum(entry.get('macs', 0) for entry in read_net(netfile).values())
        for network, netfile in shapes.DEVICES_NETS.items()
    }
    ratios = {'share': [], 'MACs': []}
    for device, rows in shapes.read_devices(read_table).items():
        for network, row in rows.items():
            rate, title = row['frames_per_s'], f'{network} on {device} by'
            roof = rate / attained[device][network]
            yield Figure(f'{title} roof', 'frame/s', rate, roof, DEVICES_SOURCE)
            for other in rows.keys() - {network}:
                by_macs = rows[other]['frames_per_s'] * macs[other] / macs[network]
                for how, modelled in (('share', roof * attained[device][other]), ('MACs', by_macs)):
                    ratios[how].append(max(modelled / rate, rate / modelled))
                    yield Figure(f'{title} {how}', 'frame/s', rate, modelled, DEVICES_SOURCE)
    for how, errors in ratios.items():
        typical = math.prod(errors) ** (1 / len(errors))
        yield Figure(f'devices, typically, by {how}', '', None, typical, DEVICES_SOURCE)


# === Calibration ===


def calibrate(net):
    """Return the shapes.Calibration that the Eyeriss table of one network gives by itself.

    The buffer's rate is that of partial sums, by shape, of the layers that are bound by it. Where
    none is, as in AlexNet, it is the highest rate of all bytes that was seen: it may be more.
    """
    shapes = load_leaf('nets', 'shapes')
    filename, batch_frames = EYERISS_FILES[net]
    table = read_table(filename, {**EYERISS_COLUMNS, **EYERISS_BOUND_COLUMNS})
    rows = [
        {
            'macs': layer['macs'] * batch_frames,
            'partial_sum_bytes': shapes.partial_sum_bytes(layer['entry']) * batch_frames,
            **table[layer['name']],
        }
        for layer in published_layers(per_frame=False)[net]
        if layer['kind'] == 'conv'
    ]
    rates = [row['buffer_bytes'] / row['processing_s'] for row in rows]
    by_buffer, by_compute = [], []
    for row, rate in zip(rows, rates):
        is_bound = rate > NEARLY * EYERISS_BUFFER_BYTES_PER_S
        (by_buffer if is_bound else by_compute).append(row)

    def total(field, of_rows):
        return math.fsum(row[field] for row in of_rows)

    rate = max(rates)
    if by_buffer:
        rate = total('partial_sum_bytes', by_buffer) / total('processing_s', by_buffer)
    macs_per_s = total('macs', by_compute) / total('processing_s', by_compute)
    return shapes.Calibration(
        macs_per_s / (shapes.EYERISS_PES * shapes.EYERISS_CLOCK_HZ),
        rate,
        total('power_w', rows) / len(rows),
    )


# === Command line ===


def to_table(rows):
    """Return the rows of `validate` as a table for people."""
    show = load_leaf('nets', 'show')
    cells = [
        [
            row['quantity'],
            *(
                show.engineering(row[key], row['unit'].removeprefix('frame'))
                for key in ('published', 'modelled')
            ),
            f'{row["error_percent"]:+.1f}%',
            row['source'].replace(' Table', '').removesuffix(' primer'),
        ]
        for row in rows
    ]
    return show.to_table(['quantity', '>published', '>modelled', '>error', 'source'], cells)


def run(argv, stdin, stdout, stderr):
    """Yield the text that the command line asks for; raise InputError for what is wrong.

    The streams are not used; fodlam.main hands them on to every program.
    """
    parser = new_parser(prog='validate.py')
    parser.add_argument('--format', choices=FORMATS)
    parser.add_argument('--per-layer', action='store_true')
    parser.add_argument('-h', '--help', action='store_true')
    asked = vars(parser.parse_args(argv))
    if 'help' in asked:
        yield __doc__ or NO_HELP
        return
    rows = validate('per_layer' in asked)
    format_ = asked.get('format', 'table')
    if format_ == 'json':
        yield to_json(rows)
    elif format_ == 'csv':
        yield load_leaf('nets', 'show').to_csv(rows)
    else:
        yield to_table(rows)


main = functools.partial(fodlam_main, run=run, program='validate.py')

if __name__ == '__main__':
    command(main)
