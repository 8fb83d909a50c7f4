"""The model held against every figure in data/ that it models.

data/validate.py is the program that prints this, and says what the names of its rows mean.
"""

import math
from collections import namedtuple

from fodlam import (
    EYERISS_COLUMNS,
    KINDS,
    PUBLISHED,
    QUANTITY_UNITS,
    averaged_layers,
    cost_per_mac,
    estimate,
    make_estimate,
    place,
    published_layers,
    quantities,
    quote,
    read_net,
    read_table,
    sum_costs,
)
from fodlam.data.accelerators import NVDLA_FILE, NVDLA_KEY
from fodlam.data.devices import DEVICES_NETS, geometric_mean, read_devices, read_shares
from fodlam.data.eyeriss import (
    EYERISS_CALIBRATION,
    EYERISS_CLOCK_HZ,
    EYERISS_PES,
    Calibration,
    eyeriss_cost,
    partial_sum_bytes,
)

# === Constants ===


class Measured(namedtuple('Measured', 'table frames_per_s other')):
    """What a published network is held against.

    table: of its conv layers, in the Eyeriss paper. frames_per_s: the frame rate that the text
    reports for them. other: the network that is left for a model to go by, as though nobody had
    measured this one.
    """

    __slots__ = ()


# The networks that validate the model. Chen et al., JSSC 2017.
VALIDATED = {
    'AlexNet': Measured('Eyeriss Table V', 34.7, other='VGG16'),
    'VGG16': Measured('Eyeriss Table VI', 0.7, other='AlexNet'),
}
# "Processing" latency overlaps all DRAM traffic. A megabyte is 2^20 bytes
# (data/README.md).
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


def make_figures(per_layer):
    """Return the list of all Figures; per_layer: whether each published layer has its own."""
    figures = []
    for net in VALIDATED:
        figures += compare_network(net, per_layer)
    return figures + compare_nvdla() + compare_devices()


def compare_network(net, per_layer):
    """Return the Figures of a published network, by models that know it and by some that do not.

    per_layer: add the Figures of each layer.
    """
    other = VALIDATED[net].other
    published = published_layers(net, per_frame=True)
    per_mac = cost_per_mac(averaged_layers(per_frame=True))
    other_per_mac = cost_per_mac(published_layers(other, per_frame=True))
    other_calibration = calibrate(other)
    figures = []
    for kind in KINDS:
        layers = [layer for layer in published if layer.kind == kind]
        # {what the model goes by: the Cost of each layer}
        models = {'MACs': costs_by_macs(layers, per_mac[kind])}
        other_models = {f"{other}'s MACs": costs_by_macs(layers, other_per_mac[kind])}
        if kind == 'conv':
            source = VALIDATED[net].table
            models['shape'] = costs_by_shape(net, layers, EYERISS_CALIBRATION)
            other_models[f"{other}'s shape"] = costs_by_shape(net, layers, other_calibration)
        else:
            source = EIE_TABLE
            other_models['density'] = costs_by_density(net)
        measured = sum_costs([layer.cost for layer in layers])
        sums = {how: sum_costs(costs) for how, costs in {**models, **other_models}.items()}
        figures += compare(f'{net} {kind}', measured, sums, source)
        if kind == 'conv':
            rate = VALIDATED[net].frames_per_s
            name = f'{net} conv frame rate'
            figures.append(Figure(name, 'frame/s', rate, 1 / measured.latency_s, source))
        if per_layer:
            # Of a conv layer, by models that know both networks.
            shown = models if kind == 'conv' else {**models, **other_models}
            for index, layer in enumerate(layers):
                each = {how: costs[index] for how, costs in shown.items()}
                figures += compare(f'{net} {layer.name}', layer.cost, each, source)
    return figures


def costs_by_macs(layers, per_mac):
    """Return the list of the Costs of Layers by their MACs; per_mac: a value of cost_per_mac."""
    average, _ = per_mac
    return [average * layer.macs for layer in layers]


def costs_by_shape(net, layers, calibration):
    """Return the list of the Costs of a network's conv Layers by their shapes; with a Calibration.

    Raises InputError if the net file has no shape, or a wrong one, for a layer.
    """
    costs = []
    for layer in layers:
        with place(f'net file {quote(PUBLISHED[net]["netfile"])}, layer {layer.name!r}'):
            cost, _ = eyeriss_cost(layer.entry, calibration)
        costs.append(cost)
    return costs


def costs_by_density(net):
    """Return the list of the Costs of a network's fc layers by their densities."""
    config = {'netfile': PUBLISHED[net]['netfile'], 'scaling': 'shape'}
    layers = make_estimate(config, per_frame=True, ranges=False).make_layers()
    return [layer.cost for layer in layers if layer.source == 'density']


def compare(subject, published, models, source):
    """Return the Figures of the energy and of the latency of a layer or of several together.

    subject: what they are called, such as "AlexNet conv". published: their Cost. models: {what a
    model goes by: their Cost}. source: the table of the published Cost.
    """
    figures = []
    for quantity, unit in QUANTITY_UNITS.items():
        for how, cost in models.items():
            name = f'{subject} {quantity} by {how}'
            numbers = quantities(published)[quantity], quantities(cost)[quantity]
            figures.append(Figure(name, unit, *numbers, source))
    return figures


def compare_nvdla():
    """Return the Figures of NVDLA's configurations: frames of ResNet-50 per second."""
    figures = []
    for name, row in read_table(NVDLA_FILE, NVDLA_RATE_COLUMNS, NVDLA_KEY).items():
        total = estimate({'netfile': NVDLA_NETFILE, 'accelerator': name})['total']
        title, rate = f'ResNet-50 on {name}', row['frames_per_s']
        figures.append(Figure(title, 'frame/s', rate, 1 / total['latency'], NVDLA_SOURCE))
    return figures


def compare_devices():
    """Return the Figures of devices: frames per second of networks that they were measured with.

    Each by its roofline, and by what the other network says that the same device was measured with.
    """
    shares = read_shares()
    macs = {}
    for network, netfile in DEVICES_NETS.items():
        macs[network] = sum(entry.get('macs', 0) for entry in read_net(netfile).values())
    figures, errors = [], {'share': [], 'MACs': []}  # how many times too high or too low
    for device, rows in read_devices().items():
        for network, row in rows.items():
            rate = row['frames_per_s']
            roof = rate / shares[device][network]
            title = f'{network} on {device} by'
            figures.append(Figure(f'{title} roof', 'frame/s', rate, roof, DEVICES_SOURCE))
            for other in rows:
                if other == network:
                    continue
                by_share = roof * shares[device][other]
                by_macs = rows[other]['frames_per_s'] * macs[other] / macs[network]
                for how, modelled in (('share', by_share), ('MACs', by_macs)):
                    errors[how].append(max(modelled / rate, rate / modelled))
                    name = f'{title} {how}'
                    figures.append(Figure(name, 'frame/s', rate, modelled, DEVICES_SOURCE))
    for how, factors in errors.items():
        name = f'devices, typically, by {how}'
        figures.append(Figure(name, '', None, geometric_mean(factors), DEVICES_SOURCE))
    return figures


# === Calibration ===


def calibrate(net):
    """Return the Calibration that the Eyeriss table of one network gives by itself.

    The buffer's rate is that of partial sums, by shape, in the layers that are bound by it. Where
    none is, as in AlexNet, it is the highest rate of all bytes that was seen: it may be more.
    """
    frames = PUBLISHED[net]['batch_frames']
    columns = {**EYERISS_COLUMNS, **EYERISS_BOUND_COLUMNS}
    table = read_table(PUBLISHED[net]['eyeriss_file'], columns)
    conv_layers = [x for x in published_layers(net, per_frame=False) if x.kind == 'conv']
    rates, powers = [], []
    compute_macs, compute_s, sum_bytes, sum_s = [], [], [], []  # of layers by what bounds them
    for layer in conv_layers:
        row = table[layer.name]
        rate = row['buffer_bytes'] / row['processing_s']
        rates.append(rate)
        powers.append(row['power_w'])
        if rate > NEARLY * EYERISS_BUFFER_BYTES_PER_S:
            sum_bytes.append(partial_sum_bytes(layer.entry) * frames)
            sum_s.append(row['processing_s'])
        else:
            compute_macs.append(layer.macs * frames)
            compute_s.append(row['processing_s'])
    macs_per_s = math.fsum(compute_macs) / math.fsum(compute_s)
    return Calibration(
        pe_efficiency=macs_per_s / (EYERISS_PES * EYERISS_CLOCK_HZ),
        buffer_bytes_per_s=math.fsum(sum_bytes) / math.fsum(sum_s) if sum_s else max(rates),
        power_w=math.fsum(powers) / len(powers),
    )
