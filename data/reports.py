"""Reports: what they have beside the sums and frames that fodlam.to_report puts in."""

from fodlam import quantities
from fodlam.data.eyeriss_tables import add_bytes
from fodlam.data.ranges import add_ranges


def add_extras(report, estimate, per_layer):
    """Add to the report on an Estimate its layers, and what only some have, such as a title.

    report: a dict, as fodlam.to_report begins it. per_layer: whether to add "layers".
    """
    layers = []
    if per_layer:
        layers = estimate.make_layers()
        add_bytes(layers, estimate)
        report['layers'] = [layer_report(layer) for layer in layers]
    report |= report_extras(estimate)
    if estimate.traffic is not None:
        estimate.traffic.add_to(report)
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


def layer_report(layer):
    """Return the report on a Layer as a dict, without its range."""
    report = {'name': layer.name, 'kind': layer.kind, 'macs': layer.macs}
    report |= quantities(layer.cost)
    report['source'] = layer.source
    report['frames'] = layer.frames
    if layer.bound:
        report['bound'] = layer.bound
    report |= layer.details or {}
    if layer.energy_by:
        report['energy_by'] = layer.energy_by
    return report
