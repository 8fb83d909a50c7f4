"""What the reports of some configs have beside sums, frames and layers."""

from fodlam import quantities
from fodlam.data.eyeriss_tables import add_bytes
from fodlam.data.ranges import add_ranges


def add_extras(report, estimate, layers):
    """Add to the report on an Estimate what only some reports have, such as a title and ranges.

    report: a dict, as fodlam.to_report makes it. layers: the Layers that it has under "layers".
    """
    add_bytes(layers, estimate)
    report |= report_extras(estimate)
    if estimate.traffic is not None:
        estimate.traffic.add_to(report)
    for layer_report, layer in zip(report.get('layers', []), layers):
        layer_report |= layer_extras(layer)
    if estimate.ranges:
        add_ranges(report, estimate, layers)


def report_extras(estimate):
    """Return what the report on an Estimate has beside sums, frames, layers and ranges, as a dict.

    It is empty for most CNNs on Eyeriss and EIE.
    """
    extras = {}
    if 'title' in estimate.config:
        extras['title'] = estimate.config['title']
    if estimate.bounds:
        extras['bounds'] = {bound: quantities(cost) for bound, cost in estimate.bounds.items()}
    if estimate.energy_by:
        extras['energy_by'] = estimate.energy_by
    if estimate.left_out:
        macs = sum(entry['macs'] for entry in estimate.left_out)
        extras['left_out'] = {'layers': len(estimate.left_out), 'macs': macs}
    return extras


def layer_extras(layer):
    """Return what the report on a Layer has beside what all Layers have, as a dict."""
    extras = {}
    if layer.bound:
        extras['bound'] = layer.bound
    extras |= layer.details or {}
    if layer.energy_by:
        extras['energy_by'] = layer.energy_by
    return extras
