"""Costs by shape: of conv layers by data/eyeriss.py, of fc layers with a density by data/eie.py.

This is what "scaling": "shape" in a config asks for. Conv layers whose inputs have a known share of
zeros have their energy by two parts, and all others by one power. Fc layers without a density are
costed by their MACs, with a range that reaches to what a dense layer may cost.

Terms: a ratio is a modelled cost over the published one, as a Cost whose energy and latency are
ratios of energies and of latencies.
"""

import functools
import math

from fodlam import (
    AVERAGED,
    Cost,
    Layer,
    place,
    published_layers,
    quote,
    scale_eie,
    sum_costs,
)
from fodlam.data.density import (
    DENSE,
    UNKNOWN,
    parse_densities,
    parse_entry_activations,
    parse_entry_density,
)
from fodlam.data.eie import error_ratios, even_time, imbalance, read_eie_rows
from fodlam.data.eyeriss import MOBILENET_RATIO, energy_by_parts, eyeriss_cost
from fodlam.data.eyeriss_tables import read_activations
from fodlam.data.ranges import RangedAverageModel, limits_of

SCALINGS = ('mac', 'shape')  # the values that a config's "scaling" may have


def find_shape_catalog(config, netfile, find_catalog):
    """Return the Catalog, by a ShapeModel, of the network of a config with "scaling" or "density".

    config: a dict of its keys. netfile: of its network, as configs.find_any_net returns it.
    find_catalog: fodlam.Catalog, or a function with the same arguments that returns a Catalog.
    Raises ValueError or InputError if "scaling" or "density" is wrong, or does not go with the
    other keys.
    """
    if 'net' in config:  # and not "scaling", which configs.check_config has refused
        raise ValueError('"density" is for a netfile, and a net is published; leave one out')
    scaling = config.get('scaling', 'mac')
    if scaling not in SCALINGS:
        from fodlam.data.mistakes import choices

        raise ValueError(f'"scaling" is {quote(scaling)}; {choices(SCALINGS, scaling)}')
    densities = UNKNOWN
    if 'density' in config:
        with place('config: "density"'):
            densities = parse_densities(config['density'])
    if scaling != 'shape':
        raise ValueError(f'"density" is for "scaling": "shape", not "{scaling}"; give both')
    return find_catalog(netfile, ShapeModel, config.get('process_scaling'), densities)


def add_up_bounds(layers):
    """Return {bound: Cost}, the sum of the Layers with each bound, such as "buffer".

    >>> conv1 = Layer({'name': 'conv1', 'macs': 9}, 'conv', 'by shape', 1, Cost(1.0, 2.0))
    >>> conv1.bound = 'link'
    >>> conv2 = conv1.replaced(cost=Cost(3.0, 4.0))
    >>> [(bound, cost.energy_j) for bound, cost in add_up_bounds([conv1, conv2]).items()]
    [('link', 4.0)]
    """
    sums = {}
    for bound in sorted({layer.bound for layer in layers if layer.bound}):
        sums[bound] = sum_costs([layer.cost for layer in layers if layer.bound == bound])
    return sums


def add_up_energy_parts(layers):
    """Return {part: J}, the sums of the parts of the Layers' energies; None if no Layer has parts.

    >>> conv1 = Layer({'name': 'conv1', 'macs': 9}, 'conv', 'by shape', 1, Cost(3.0, 2.0))
    >>> conv2 = conv1.replaced(energy_by={'clock': 1.0, 'mac': 2.0})
    >>> add_up_energy_parts([conv1]), add_up_energy_parts([conv1, conv2, conv2])
    (None, {'clock': 2.0, 'mac': 4.0})
    """
    parts_of_layers = [layer.energy_by for layer in layers if layer.energy_by]
    if not parts_of_layers:
        return None
    return {
        part: math.fsum(energy_by[part] for energy_by in parts_of_layers)
        for part in parts_of_layers[0]
    }


def published_conv_layers():
    """Return {net: its list of conv Layers}, as published for Eyeriss and for one frame."""
    conv_layers = {}
    for net in AVERAGED:
        published = published_layers(net, per_frame=True)
        conv_layers[net] = [layer for layer in published if layer.kind == 'conv']
    return conv_layers


def kernels_of(conv_layers):
    """Return {(height, width)} of all kernels; conv_layers: {net: its list of conv Layers}.

    >>> sorted(kernels_of(published_conv_layers()))
    [(3, 3), (5, 5), (11, 11)]
    """
    kernels = set()
    for layers in conv_layers.values():
        kernels.update(tuple(layer.entry['kernel']) for layer in layers)
    return kernels


def is_like_published(entry, kernels):
    """Return whether the entry of a conv layer is like a layer that is published for Eyeriss.

    kernels: {(height, width)} of the published layers. None of them has a group for each channel.

    >>> conv = {'ifmap': [64, 56, 56], 'kernel': [3, 3]}
    >>> pointwise, depthwise = {**conv, 'kernel': [1, 1]}, {**conv, 'groups': 64}
    >>> [is_like_published(entry, {(3, 3), (5, 5)}) for entry in (conv, pointwise, depthwise)]
    [True, False, False]
    """
    if entry['ifmap'][0] == entry.get('groups', 1):
        return False
    return tuple(entry.get('kernel', (1, 1))) in kernels


class ShapeModel:
    """Conv layers cost what their shape asks of Eyeriss, fc layers what their density asks of EIE.

    All costs are for one frame. A layer's range allows for the ratios of all published layers.
    rule: a config's "process_scaling", by which EIE's costs are scaled from 45 to 65 nm.
    densities: the Densities of layers that do not have their own.
    """

    def __init__(self, rule, densities):
        self.densities = densities
        self.by_macs = RangedAverageModel(per_frame=True, rule=rule)
        self.conv_layers = published_conv_layers()
        self.known_kernels = kernels_of(self.conv_layers)
        self.conv_ratio_limits = limits_of(ratios_by_shape(sum(self.conv_layers.values(), [])))
        rows = read_eie_rows()
        self.imbalance = imbalance(rows)
        # On EIE, energy is power times time, so that both have one ratio.
        self.fc_ratio_limits = limits_of([Cost(ratio, ratio) for ratio in error_ratios(rows)])
        self.eie_power_w, self.eie_time = scale_eie(rule)

    @functools.cached_property  # as few configs have densities of conv layers
    def conv_ratio_limits_by_density(self):
        """The least and the most ratio of published conv layers, by shape and density."""
        ratios = []
        for net, layers in self.conv_layers.items():
            ratios += ratios_by_shape_and_density(layers, read_activations(net))
        return limits_of(ratios)

    def layer(self, entry, kind):
        """Return the Layer of an entry; None if its cost is not known.

        entry: the layer's dict in its net file. kind: such as "conv".
        """
        if kind == 'conv':
            return self.conv_layer(entry, kind)
        density = parse_entry_density(entry) or self.densities.fc
        if entry['type'] == 'MatMul':  # EIE was not measured on products of two feature maps
            return None
        if density is None:
            return self.layer_by_macs(entry, kind)
        return self.fc_layer(entry, kind, density)

    def conv_layer(self, entry, kind):
        """Return the Layer of an entry, by its shape; entry, kind: as for `layer`.

        If it is known how many of its inputs are not zero, its energy is known by its parts.
        """
        cost, bound = eyeriss_cost(entry)
        activations = parse_entry_activations(entry) or self.densities.conv_activations
        if activations is None:
            source, energy_by = 'by shape', None
            least, most = self.conv_ratio_limits
        else:
            source = 'by shape and density'
            energy_by = energy_by_parts(entry['macs'], cost.latency_s, activations)
            cost = Cost(math.fsum(energy_by.values()), cost.latency_s)
            least, most = self.conv_ratio_limits_by_density
        if not is_like_published(entry, self.known_kernels):
            # It may be modelled as much too high as MobileNet is.
            most = Cost(max(most.energy_j, MOBILENET_RATIO), max(most.latency_s, MOBILENET_RATIO))
        layer = Layer(entry, kind, source, 1, cost)
        # The more too high the model may be, the lower the actual cost.
        layer.low, layer.high = divided(cost, most), divided(cost, least)
        layer.bound = bound
        layer.energy_by = energy_by
        return layer

    def fc_layer(self, entry, kind, density):
        """Return the Layer of an entry, by its Density; entry, kind: as for `layer`."""
        latency_s = even_time(entry['macs'], density) * self.imbalance * self.eie_time
        cost = Cost(self.eie_power_w * latency_s, latency_s)
        least, most = self.fc_ratio_limits
        layer = Layer(entry, kind, 'by density', 1, cost)
        layer.low, layer.high = divided(cost, most), divided(cost, least)
        return layer

    def layer_by_macs(self, entry, kind):
        """Return the Layer of an entry without a density, by its MACs; entry, kind: as for `layer`.

        The layers that EIE published keep 4 to 25% of their weights. This one may keep more: its
        range ends where that of a dense layer does.
        """
        layer = self.by_macs.layer(entry, kind)
        if layer is None:
            return None
        return layer.replaced(high=self.fc_layer(entry, kind, DENSE).high)


def ratios_by_shape(layers):
    """Return the list of the ratios of published conv Layers, in their order."""
    ratios = []
    for layer in layers:
        modelled, _ = eyeriss_cost(layer.entry)
        ratios.append(divided(modelled, layer.cost))
    return ratios


def ratios_by_shape_and_density(layers, activations):
    """Return the list of the ratios of published conv Layers of a network, in their order.

    activations: {name of a layer: the share of its inputs that is not zero}.
    """
    ratios = []
    for layer in layers:
        modelled, _ = eyeriss_cost(layer.entry)
        latency_s = modelled.latency_s
        energy_by = energy_by_parts(layer.macs, latency_s, activations[layer.name])
        modelled = Cost(math.fsum(energy_by.values()), latency_s)
        ratios.append(divided(modelled, layer.cost))
    return ratios


def divided(cost, divisor):
    """Return a Cost of two quotients: of the energies and of the latencies of two Costs.

    >>> modelled, published = Cost(energy_j=3.0, latency_s=5.0), Cost(energy_j=2.0, latency_s=4.0)
    >>> ratio = divided(modelled, published)
    >>> ratio.energy_j, ratio.latency_s
    (1.5, 1.25)
    """
    return Cost(cost.energy_j / divisor.energy_j, cost.latency_s / divisor.latency_s)
