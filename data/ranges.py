"""Ranges: the least and the most that costs may be, for --range.

By MACs, a layer's range goes from the least to the most that one MAC costs in any published layer of
the kind. A layer that has been measured has no range: its cost is both ends of it. All other models
give ranges to their layers by themselves.
"""

from fodlam import AverageModel, Cost, add_up, averaged_layers, quantities


class RangedAverageModel(AverageModel):
    """An AverageModel whose layers have ranges.

    per_frame, rule: as of AverageModel.
    """

    def __init__(self, per_frame, rule):
        super().__init__(per_frame, rule)
        self.range_per_mac = {}  # {kind: (least Cost of a MAC, most Cost of a MAC)}
        layers = averaged_layers(per_frame, rule)
        for kind in self.per_mac:
            costs = [layer.cost / layer.macs for layer in layers if layer.kind == kind]
            energies = [cost.energy_j for cost in costs]
            latencies = [cost.latency_s for cost in costs]
            low = Cost(min(energies), min(latencies))
            high = Cost(max(energies), max(latencies))
            self.range_per_mac[kind] = low, high

    def layer(self, entry, kind):
        """Return the Layer of an entry, with its range; None if its cost is not known."""
        layer = super().layer(entry, kind)
        if layer is None:
            return None
        low, high = self.range_per_mac[kind]
        return layer.replaced(low=low * layer.macs, high=high * layer.macs)


def range_of(layer):
    """Return (low, high) of a Layer, two Costs."""
    return layer.low or layer.cost, layer.high or layer.cost


def add_up_ranges(layers):
    """Return {kind or 'total': (low, high)}, the sums of Layers at the least and at the most."""
    lows, highs = [], []
    for layer in layers:
        low, high = range_of(layer)
        lows.append(layer.replaced(cost=low))
        highs.append(layer.replaced(cost=high))
    low_sums, high_sums = add_up(lows), add_up(highs)
    return {group: (low_sums[group], high_sums[group]) for group in low_sums}


def scale_ranges(estimate, power, time):
    """Multiply the ranges of an Estimate: all powers by `power`, and all times by `time`."""
    make_layers = estimate.make_layers

    def make_ranged_layers():
        layers = []
        for layer in make_layers():
            if layer.low:
                low, high = layer.low.scaled(power, time), layer.high.scaled(power, time)
                layer = layer.replaced(low=low, high=high)
            layers.append(layer)
        return layers

    estimate.make_layers = make_ranged_layers
    for group, (low, high) in estimate.ranges.items():
        estimate.ranges[group] = low.scaled(power, time), high.scaled(power, time)


def range_quantities(low, high):
    """Return two Costs as reports have them.

    >>> range_quantities(Cost(0.1, 2.0), Cost(0.3, 4.0))
    {'energy_range': [0.1, 0.3], 'latency_range': [2.0, 4.0]}
    """
    most = quantities(high)
    return {f'{key}_range': [least, most[key]] for key, least in quantities(low).items()}
