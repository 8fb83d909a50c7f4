"""Costs by shape: conv layers as data/eyeriss.py says, fc layers as data/eie.py does.

This is what "scaling": "shape" in a config asks for. Fc layers without a density are costed by
their MACs.
"""

from fodlam import (
    Cost,
    Layer,
    averaged_layers,
    choices,
    estimate_by_catalog,
    find_net,
    quote,
    scale_eie,
    sum_costs,
)
from fodlam.data.eie import (
    error_ratios,
    even_time,
    imbalance,
    parse_density,
    parse_entry_density,
    read_eie_rows,
)
from fodlam.data.eyeriss import MOBILENET_RATIO, eyeriss_cost
from fodlam.data.ranges import RangedAverageModel

SCALINGS = ('mac', 'shape')  # that a config's "scaling" may be


def estimate_by_shape(config, ranges, find_catalog):
    """Return the Estimate of a config with "scaling" or "density", which is a dict of its keys.

    ranges, find_catalog: see fodlam.make_estimate. Raises ValueError if these keys are wrong.
    """
    for key in ('scaling', 'density'):
        if key in config and 'net' in config:
            raise ValueError(f'"{key}" is for a netfile, and a net is published; leave one out')
    scaling = config.get('scaling', 'mac')
    if scaling not in SCALINGS:
        raise ValueError(f'"scaling" is {quote(scaling)}; {choices(SCALINGS)}')
    density = parse_density(config['density']) if 'density' in config else None
    if scaling != 'shape':
        raise ValueError(f'"density" is for "scaling": "shape", not "{scaling}"; give both')
    _, netfile = find_net(config)
    catalog = find_catalog(netfile, ShapeModel, config.get('process_scaling'), density)
    estimate = estimate_by_catalog(catalog, config, ranges)
    estimate.bounds = add_up_bounds(estimate.make_layers())
    return estimate


def add_up_bounds(layers):
    """Return {bound: Cost}, the sums of the Layers that wait for the same."""
    bounds = sorted({layer.bound for layer in layers if layer.bound})
    return {
        bound: sum_costs([layer.cost for layer in layers if layer.bound == bound])
        for bound in bounds
    }


class ShapeModel:
    """Conv layers cost what their shape asks of Eyeriss, fc layers what their density asks of EIE.

    All costs are for one frame. A range is as far from the cost as published layers are from what
    the model says of them.
    rule: by which EIE comes from 45 to 65 nm (see fodlam.node_scale).
    density: the Density of fc layers that do not have their own, or None.
    """

    def __init__(self, rule, density):
        self.density = density
        self.by_macs = RangedAverageModel(per_frame=True, rule=rule)
        published = averaged_layers(per_frame=True, rule=rule)
        conv_layers = [layer for layer in published if layer.kind == 'conv']
        self.known_kernels = {tuple(layer.entry['kernel']) for layer in conv_layers}
        self.conv_ratios = limits_of(ratios_by_shape(conv_layers))
        rows = read_eie_rows()
        self.imbalance = imbalance(rows)
        self.fc_ratios = limits_of([Cost(ratio, ratio) for ratio in error_ratios(rows)])
        self.eie_power_w, self.eie_time = scale_eie(rule)

    def layer(self, entry, kind):
        """Return the Layer of a net file's entry; None if its cost is not known."""
        if kind == 'conv':
            return self.conv_layer(entry, kind)
        density = parse_entry_density(entry) or self.density
        if density is None or entry['type'] == 'MatMul':
            return self.by_macs.layer(entry, kind)
        return self.fc_layer(entry, kind, density)

    def conv_layer(self, entry, kind):
        """Return the Layer of a conv layer's entry, by its shape."""
        cost, bound = eyeriss_cost(entry)
        least, most = self.conv_ratios
        one_channel_a_group = entry['ifmap'][0] == entry.get('groups', 1)
        if one_channel_a_group or tuple(entry['kernel']) not in self.known_kernels:
            most = Cost(max(most.energy_j, MOBILENET_RATIO), max(most.latency_s, MOBILENET_RATIO))
        layer = Layer(entry, kind, 'shape', 1, cost)
        layer.low = divided(cost, most)
        layer.high = divided(cost, least)
        layer.bound = bound
        return layer

    def fc_layer(self, entry, kind, density):
        """Return the Layer of an fc layer's entry, by its Density."""
        latency_s = even_time(entry['macs'], density) * self.imbalance * self.eie_time
        cost = Cost(self.eie_power_w * latency_s, latency_s)
        least, most = self.fc_ratios
        layer = Layer(entry, kind, 'density', 1, cost)
        layer.low = divided(cost, most)
        layer.high = divided(cost, least)
        return layer


def ratios_by_shape(layers):
    """Return modelled over published energy and latency of conv Layers, as a Cost for each."""
    ratios = []
    for layer in layers:
        modelled, _ = eyeriss_cost(layer.entry)
        ratios.append(divided(modelled, layer.cost))
    return ratios


def limits_of(ratios):
    """Return (least, most) of ratios of energies and latencies, which are Costs."""
    energies = [ratio.energy_j for ratio in ratios]
    latencies = [ratio.latency_s for ratio in ratios]
    return Cost(min(energies), min(latencies)), Cost(max(energies), max(latencies))


def divided(cost, ratio):
    """Return a Cost whose energy and latency are each divided by those of another."""
    return Cost(cost.energy_j / ratio.energy_j, cost.latency_s / ratio.latency_s)
