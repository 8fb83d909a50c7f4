"""Ranges: the least and the most that costs may be, for --range.

A layer that is costed by its MACs has a range from the least to the most that a MAC costs in any
published layer of its kind. A dense fc layer costs more than that, as the published ones are pruned
(data/notes.py). A layer that has been measured has no range: both ends are its cost.
Models by shape and rooflines make their ranges themselves (data/by_shape.py, data/roofline.py).
"""

from fodlam import AverageModel, Cost, add_up, averaged_layers, quantities


class RangedAverageModel(AverageModel):
    """An AverageModel whose layers have ranges.

    per_frame: whether Eyeriss's costs are for one frame, and not for its batches.
    rule: a config's "process_scaling", by which EIE's costs are scaled from 45 to 65 nm.
    """

    def __init__(self, per_frame, rule):
        super().__init__(per_frame, rule)
        self.range_per_mac = {}  # {kind: (least Cost of a MAC, most Cost of a MAC)}
        layers = averaged_layers(per_frame, rule)
        for kind in self.per_mac:
            costs = [layer.cost / layer.macs for layer in layers if layer.kind == kind]
            self.range_per_mac[kind] = limits_of(costs)

    def layer(self, entry, kind):
        """Return the Layer of an entry, with its range; None if its cost is not known.

        entry: the layer's dict in its net file. kind: such as "conv".
        """
        layer = super().layer(entry, kind)
        if layer is None:
            return None
        low, high = self.range_per_mac[kind]
        return layer.replaced(low=low * layer.macs, high=high * layer.macs)


def limits_of(costs):
    """Return two Costs: the least energy and latency of some Costs, and the most."""
    energies = [cost.energy_j for cost in costs]
    latencies = [cost.latency_s for cost in costs]
    return Cost(min(energies), min(latencies)), Cost(max(energies), max(latencies))


def range_of(layer):
    """Return (low, high), the least and the most Cost of a Layer; both its cost without a range."""
    return layer.low or layer.cost, layer.high or layer.cost


def add_up_ranges(layers):
    """Return {kind or 'total': (low, high)}, the sums of the least and of the most Costs of Layers.

    low, high: Costs.
    """
    layers_at_least, layers_at_most = [], []
    for layer in layers:
        low, high = range_of(layer)
        layers_at_least.append(layer.replaced(cost=low))
        layers_at_most.append(layer.replaced(cost=high))
    low_sums, high_sums = add_up(layers_at_least), add_up(layers_at_most)
    return {group: (low_sums[group], high_sums[group]) for group in low_sums}


def add_ranges(report, estimate, layers):
    """Add the ranges of an Estimate to its report: to the sums, and to its layers if it has any.

    layers: the Layers that the report has under "layers".
    """
    for group, (low, high) in estimate.ranges.items():
        report[group] |= range_quantities(low, high)
    for layer_report, layer in zip(report.get('layers', []), layers):
        layer_report |= range_quantities(*range_of(layer))


def range_quantities(low, high):
    """Return a range as reports have it; low, high: its two ends, which are Costs.

    >>> range_quantities(Cost(0.1, 2.0), Cost(0.3, 4.0))
    {'energy_range': [0.1, 0.3], 'latency_range': [2.0, 4.0]}
    """
    least, most = quantities(low), quantities(high)
    return {f'{quantity}_range': [least[quantity], most[quantity]] for quantity in least}
