"""The model compared with every figure in data/ that it models.

data/validate.py is the program that prints this. Its docstring says what the names of figures mean,
such as "AlexNet conv energy by VGG16's MACs".
"""

import math
from collections import namedtuple

from fodlam import (
    AVERAGED,
    KINDS,
    PUBLISHED,
    QUANTITY_UNITS,
    Cost,
    averaged_layers,
    cost_per_mac,
    estimate,
    make_estimate,
    place,
    published_layers,
    quantities,
    quote,
    read_table,
    sum_costs,
)
from fodlam.data.accelerators import NVDLA_FILE, NVDLA_KEY
from fodlam.data.calibration import (
    errors_of,
    fit_share,
    fit_share_and_layer,
    from_one_to_another,
    geometric_mean,
    leave_one_out,
    measured_runs,
)
from fodlam.data.devices import MANY_NETWORKS, SOURCES, read_source
from fodlam.data.eyeriss import (
    EYERISS_CALIBRATION,
    EYERISS_CLOCK_HZ,
    EYERISS_ENERGY_PARTS,
    EYERISS_PES,
    Calibration,
    EnergyParts,
    energy_by_parts,
    eyeriss_cost,
    partial_sum_bytes,
)
from fodlam.data.eyeriss_tables import read_activations, read_eyeriss_table
from fodlam.data.shape import parse_shape

# === Constants ===


class Measured(namedtuple('Measured', 'table frames_per_s other')):
    """How a published network was measured.

    table: that of its conv layers, in the Eyeriss paper. frames_per_s: the frame rate of these that
    the paper's text reports. other: another published network, which models go by that do not know
    this one.
    """

    __slots__ = ()


# The networks that validate the model. Chen et al., JSSC 2017.
VALIDATED = {
    'AlexNet': Measured('Eyeriss Table V', 34.7, other='VGG16'),
    'VGG16': Measured('Eyeriss Table VI', 0.7, other='AlexNet'),
}
# The network whose table has the constants of data/eyeriss.py.
SHAPE_CALIBRATED_ON = 'VGG16'
# The peak rate of the global buffer: 16 bytes a cycle at 200 MHz. VGG-16's CONV1 to CONV4 attain 97
# to 100 percent of it, all other layers much less: above this share, a layer is buffer-bound.
EYERISS_BUFFER_BYTES_PER_S = 16 * 200e6
BUFFER_BOUND_SHARE = 0.95

# The networks that average costs of a MAC are taken over.
ALL_AVERAGED = ', '.join(AVERAGED)

# Han et al., ISCA 2016.
DENSITY_CALIBRATED_ON = 'NeuralTalk'
EIE_TABLE = 'EIE Table IV, scaled from 45 nm'

# NVDLA primer (nvdla.org): NVDLA's own estimates of its rates of ResNet-50.
NVDLA_SOURCE = 'NVDLA primer'
NVDLA_NETFILE = 'resnet50.json'
NVDLA_RATE_COLUMNS = {'frames_per_s': ('ResNet-50 (frame/s)', 1)}

ALL_DEVICES = 'all devices'  # in the place of a device


class Figure(
    namedtuple('Figure', 'quantity unit published modelled source calibrated_on', defaults=[None])
):
    """A published number, and the modelled one for the same quantity.

    quantity: its name. unit: "J", "s" or "frame/s", of both numbers. source: of the published one.
    published: None if this is the typical or the worst error of many networks. Then modelled is
    that error, a factor from 1 on, and the unit is ''.
    calibrated_on: the networks whose published numbers a model of Eyeriss or EIE knows, such as
    "AlexNet, VGG16"; None for what is not such a model.
    """

    __slots__ = ()

    @property
    def error_percent(self):
        """By how much the modelled number is too high.

        >>> Figure('VGG16 fc latency', 's', published=2.0, modelled=2.5, source='').error_percent
        25.0
        """
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

    net: a key of VALIDATED. per_layer: whether each layer has its own Figures as well.
    """
    published = published_layers(net, per_frame=True)
    figures = []
    for kind in KINDS:
        layers = [layer for layer in published if layer.kind == kind]
        if kind == 'conv':
            models, source = conv_models(net, layers), VALIDATED[net].table
        else:
            models, source = fc_models(net, layers), EIE_TABLE
        measured = sum_costs([layer.cost for layer in layers])
        sums = [sum_costs(model.costs) for model in models]
        figures += compare(f'{net} {kind}', measured, models, sums, source)
        if kind == 'conv':
            rate = VALIDATED[net].frames_per_s
            name = f'{net} conv frame rate'
            figures.append(Figure(name, 'frame/s', rate, 1 / measured.latency_s, source))
        if per_layer:
            shown = [model for model in models if model.of_single_layers]
            for index, layer in enumerate(layers):
                costs = [model.costs[index] for model in shown]
                figures += compare(f'{net} {layer.name}', layer.cost, shown, costs, source)
    return figures


class Model(
    namedtuple(
        'Model',
        'how calibrated_on costs only_energy of_single_layers',
        defaults=[False, True],
    )
):
    """What a model makes of some layers of a published network.

    how: what it goes by, such as "VGG16's MACs". calibrated_on: as for a Figure.
    costs: a Cost for each of the layers. only_energy: whether only the energies are of interest, as
    another Model has the same latencies.
    of_single_layers: whether single layers have Figures by this model.
    """

    __slots__ = ()


def conv_models(net, layers):
    """Return the Models of the conv layers of a published network; net: a key of VALIDATED."""
    other = VALIDATED[net].other
    average = cost_per_mac(averaged_layers(per_frame=True))['conv']
    other_average = cost_per_mac(published_layers(other, per_frame=True))['conv']
    by_shape = costs_by_shape(net, layers, EYERISS_CALIBRATION)
    by_other_shape = costs_by_shape(net, layers, calibrate(other))
    published = [layer.cost for layer in layers]
    power_w = EYERISS_CALIBRATION.power_w
    by_time = [Cost(power_w * cost.latency_s, cost.latency_s) for cost in published]
    known = SHAPE_CALIBRATED_ON

    def with_zeros(costs, parts):
        return costs_by_zeros(net, layers, costs, parts)

    return [
        Model('MACs', ALL_AVERAGED, costs_by_macs(layers, average)),
        Model('shape', known, by_shape),
        Model(
            f"{other}'s MACs", other, costs_by_macs(layers, other_average), of_single_layers=False
        ),
        Model(f"{other}'s shape", other, by_other_shape, of_single_layers=False),
        Model('zeros', known, with_zeros(by_shape, EYERISS_ENERGY_PARTS), only_energy=True),
        Model(
            f"{other}'s zeros",
            other,
            with_zeros(by_other_shape, fit_energy_parts(other)),
            only_energy=True,
            of_single_layers=False,
        ),
        Model('time', known, by_time, only_energy=True),
        Model('time, zeros', known, with_zeros(published, EYERISS_ENERGY_PARTS), only_energy=True),
    ]


def fc_models(net, layers):
    """Return the Models of the fc layers of a published network; net: a key of VALIDATED."""
    other = VALIDATED[net].other
    average = cost_per_mac(averaged_layers(per_frame=True))['fc']
    other_average = cost_per_mac(published_layers(other, per_frame=True))['fc']
    return [
        Model('MACs', ALL_AVERAGED, costs_by_macs(layers, average)),
        Model(f"{other}'s MACs", other, costs_by_macs(layers, other_average)),
        Model('density', DENSITY_CALIBRATED_ON, costs_by_density(net)),
    ]


def costs_by_macs(layers, per_mac):
    """Return the list of the Costs of Layers by their MACs.

    per_mac: (Cost of one MAC, frames), as fodlam.cost_per_mac has it for the layers' kind.
    """
    average, _ = per_mac
    return [average * layer.macs for layer in layers]


def costs_by_shape(net, layers, calibration):
    """Return the list of the Costs of conv Layers by their shapes.

    net: a key of PUBLISHED, the network that the Layers are of. calibration: a Calibration.
    Raises InputError if the net file has no shape, or a wrong one, for a layer.
    """
    costs = []
    for layer in layers:
        with place(f'net file {quote(PUBLISHED[net]["netfile"])}, layer {layer.name!r}'):
            cost, _ = eyeriss_cost(layer.entry, calibration)
        costs.append(cost)
    return costs


def costs_by_zeros(net, layers, costs, parts):
    """Return the list of the Costs of conv Layers with their energy by two parts.

    net: a key of PUBLISHED, the network that the Layers are of. costs: those of the Layers, of
    which the latencies are taken. parts: EnergyParts.
    The shares of zeros are those in the network's table.
    """
    activations = read_activations(net)
    result = []
    for layer, cost in zip(layers, costs):
        energy_by = energy_by_parts(layer.macs, cost.latency_s, activations[layer.name], parts)
        result.append(Cost(math.fsum(energy_by.values()), cost.latency_s))
    return result


def costs_by_density(net):
    """Return the list of the Costs of a network's fc layers by their densities.

    net: a key of PUBLISHED.
    """
    config = {'netfile': PUBLISHED[net]['netfile'], 'scaling': 'shape'}
    layers = make_estimate(config, per_frame=True, ranges=False).make_layers()
    return [layer.cost for layer in layers if layer.source == 'by density']


def compare(subject, published, models, costs, source):
    """Return the Figures of the energy and of the latency of a layer, or of several together.

    subject: what the layers are called, such as "AlexNet conv". published: their published Cost.
    models: Models. costs: the Cost that each of them gives the layers. source: of the published
    Cost.
    """
    figures = []
    for quantity, unit in QUANTITY_UNITS.items():
        for model, cost in zip(models, costs):
            if model.only_energy and quantity != 'energy':
                continue
            name = f'{subject} {quantity} by {model.how}'
            measured, modelled = quantities(published)[quantity], quantities(cost)[quantity]
            figures.append(Figure(name, unit, measured, modelled, source, model.calibrated_on))
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
    """Return the Figures of devices that were measured (data/README.md, "Devices").

    Single networks are compared on devices with few, where a table of them is not too long.
    """
    devices = measured_runs()
    figures = []
    for source in SOURCES:
        for device in read_source(source):
            runs = devices[device]
            if len(runs) < MANY_NETWORKS:
                for network in runs:
                    figures += compare_network_on_device(network, device, runs, source.name)
    for row in device_errors():
        title = f'{row.networks} networks on {row.device}'
        for how, (typical, worst) in row.errors.items():
            for name, error in (('typically', typical), ('at worst', worst)):
                figures.append(Figure(f'{title}, {name} by {how}', '', None, error, row.source))
    return figures


def compare_network_on_device(network, device, runs, source):
    """Return the Figures of a network on a device: frames per second.

    runs: {network: calibration.Run} of the device. source: of what was measured.
    The network is modelled by the roofline, and for each other network that the device was measured
    with by the share that it attains, and by its MACs per second.
    """
    run = runs[network]
    rate = 1 / run.measured_s
    title = f'{network} on {device} by'
    figures = [Figure(f'{title} roof', 'frame/s', rate, 1 / run.roof_s, source)]
    for other in runs:
        if other == network:
            continue
        factor = fit_share([runs[other]]).factor(run)
        figures.append(Figure(f'{title} share', 'frame/s', rate, rate * factor, source))
        factor = fit_share([by_macs(runs[other])]).factor(by_macs(run))
        figures.append(Figure(f'{title} MACs', 'frame/s', rate, rate * factor, source))
    return figures


class DeviceErrors(namedtuple('DeviceErrors', 'device networks errors source')):
    """How far off the networks on a device are, each by all others that were measured on it.

    device: its name, or ALL_DEVICES. networks: how many were measured on it.
    errors: {what the model went by: (typical error, worst error)}, as factors from 1 on.
    source: of what was measured.
    """

    __slots__ = ()


def device_errors():
    """Return the list of the DeviceErrors of devices with two networks or more, and of all.

    Those of all devices are of each network by one other on its device.
    """
    devices = measured_runs()
    devices_by_macs = {}
    for device, runs in devices.items():
        devices_by_macs[device] = {network: by_macs(run) for network, run in runs.items()}
    rows = []
    for source in SOURCES:
        for device in read_source(source):
            runs = list(devices[device].values())
            if len(runs) == 1:
                continue
            runs_by_macs = list(devices_by_macs[device].values())
            errors = {
                'MACs': typical_and_worst(leave_one_out(runs_by_macs, fit_share)),
                'share': typical_and_worst(leave_one_out(runs, fit_share)),
            }
            if len(runs) >= MANY_NETWORKS:
                factors = leave_one_out(runs, fit_share_and_layer)
                errors['layer_us'] = typical_and_worst(factors)
            rows.append(DeviceErrors(device, len(runs), errors, source.name))
    errors = {
        'MACs': typical_and_worst(from_one_to_another(devices_by_macs)),
        'share': typical_and_worst(from_one_to_another(devices)),
    }
    networks = sum(row.networks for row in rows)
    rows.append(DeviceErrors(ALL_DEVICES, networks, errors, 'both'))
    return rows


def typical_and_worst(factors):
    """Return (typical error, worst error) of some factors; data/calibration.py says what both are.

    >>> typical_and_worst([0.5, 1, 4])
    (2.0, 4)
    """
    errors = errors_of(factors)
    return geometric_mean(errors), max(errors)


def by_macs(run):
    """Return a calibration.Run with MACs for a roofline, whose share is then a rate of MACs."""
    return run._replace(roof_s=run.macs)


# === Calibration ===


def calibrate(net):
    """Return the Calibration that the Eyeriss table of one network gives by itself.

    net: a key of PUBLISHED.
    The buffer's rate is that of the partial sums, by shape, in buffer-bound layers. If there are no
    such layers, as in AlexNet, it is the highest rate of all bytes in any layer: the least that the
    buffer must be able to do.
    """
    frames = PUBLISHED[net]['batch_frames']
    table = read_eyeriss_table(net)
    rates, powers = [], []
    compute_macs, compute_s = [], []  # of compute-bound layers
    sum_bytes, sum_s = [], []  # of buffer-bound layers
    for layer in published_layers(net, per_frame=False):
        if layer.kind != 'conv':
            continue
        row = table[layer.name]
        rate = row['buffer_bytes'] / row['processing_s']
        rates.append(rate)
        powers.append(row['power_w'])
        if rate > BUFFER_BOUND_SHARE * EYERISS_BUFFER_BYTES_PER_S:
            sum_bytes.append(partial_sum_bytes(layer.entry, parse_shape(layer.entry)) * frames)
            sum_s.append(row['processing_s'])
        else:
            compute_macs.append(layer.macs * frames)
            compute_s.append(row['processing_s'])
    macs_per_s = math.fsum(compute_macs) / math.fsum(compute_s)
    buffer_bytes_per_s = math.fsum(sum_bytes) / math.fsum(sum_s) if sum_s else max(rates)
    return Calibration(
        pe_efficiency=macs_per_s / (EYERISS_PES * EYERISS_CLOCK_HZ),
        buffer_bytes_per_s=buffer_bytes_per_s,
        power_w=math.fsum(powers) / len(powers),
    )


def fit_energy_parts(net):
    """Return the EnergyParts that fit the Eyeriss table of one network best.

    net: a key of PUBLISHED.
    They have the least sum of the squares of relative errors over its layers, each of which says

        energy = clock_w x latency + mac_j x MACs whose input is not zero

    Both sides are divided by the energy, so that the sum of two terms should be 1.
    """
    activations = read_activations(net)
    latencies, macs = [], []  # over energies: the factors of clock_w and of mac_j
    for name, row in read_eyeriss_table(net).items():
        if name != 'Total':
            energy_j = row['power_w'] * row['latency_s']
            latencies.append(row['latency_s'] / energy_j)
            macs.append(row['macs'] * activations[name] / energy_j)
    # The sum of squares is least where its derivatives by clock_w and by mac_j are 0. These are two
    # linear equations, of which this is the solution.
    latencies_squared, macs_squared = dot(latencies, latencies), dot(macs, macs)
    mixed = dot(latencies, macs)
    determinant = latencies_squared * macs_squared - mixed * mixed
    return EnergyParts(
        clock_w=(macs_squared * math.fsum(latencies) - mixed * math.fsum(macs)) / determinant,
        mac_j=(latencies_squared * math.fsum(macs) - mixed * math.fsum(latencies)) / determinant,
    )


def dot(numbers, others):
    """Return the sum of the products of two lists of numbers, member by member."""
    return math.fsum(number * other for number, other in zip(numbers, others))
