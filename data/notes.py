"""Notes on costs on Eyeriss and EIE, for tables and pictures: how far off they may be, and why.

data/devices.py has the notes on other accelerators.
"""

from fodlam import complain

# By what factor an fc layer takes longer on EIE if none of its weights and inputs are zero
# (data/eie.py), than by the average cost of a MAC.
DENSE_FC_FACTOR = 38
PRUNING_NOTE = (
    "fc: as if pruned like EIE's layers; dense ones take up to "
    f'{DENSE_FC_FACTOR} times longer: give densities'
)

# data/validate.py: by how many percent AlexNet's and VGG-16's costs come out too high. By MACs and
# by shape, each is costed by what is published of the other alone; by density, by neither.
# "By shape and density", which only energies depend on, is what data/validate.py calls "by zeros".
# {(kind, source): {quantity: (AlexNet's error, VGG-16's)}}
ERRORS_PERCENT = {
    ('conv', 'by MACs'): {'latency': (116, -54), 'energy': (83, -45)},
    ('conv', 'by shape'): {'latency': (5, 12), 'energy': (-8, 29)},
    ('conv', 'by shape and density'): {'latency': (5, 12), 'energy': (11, 9)},
    ('fc', 'by MACs'): {'latency': (-53, 115), 'energy': (-53, 115)},
    ('fc', 'by density'): {'latency': (9, 6), 'energy': (9, 6)},
}


def pruning_notes(layers):
    """Return a list of the note that some of the Layers are costed as pruned ones, if any are."""
    if any(layer.kind == 'fc' and layer.source == 'by MACs' for layer in layers):
        return [PRUNING_NOTE]
    return []


def tell_notes(estimate, stderr):
    """Print the notes that reports need in which there is no room for any, on lines of their own.

    estimate: the Estimate that the report is on. stderr: a text stream, or None if it is closed.
    """
    for note in pruning_notes(estimate.make_layers()):
        complain(note, stderr)


def error_notes(estimate, layers):
    """Return a list of the note on how far off an Estimate on Eyeriss and EIE may be.

    layers: the Estimate's Layers. There is no note for published costs, nor with ranges, which say
    the same in numbers.
    """
    if estimate.ranges:
        return []
    modelled = {(layer.kind, layer.source) for layer in layers}
    parts = []
    for (kind, source), by_quantity in ERRORS_PERCENT.items():
        if (kind, source) in modelled:
            verb = 'by' if parts else 'is off by'
            parts.append(f'{kind} {source} {verb} {errors_in_words(**by_quantity)}')
    if not parts:
        return []
    return [f'tested on AlexNet and VGG-16 as unknown networks, {", ".join(parts)}']


def errors_in_words(latency, energy):
    """Return errors in words; latency, energy: as ERRORS_PERCENT has them.

    >>> errors_in_words(latency=(5, 12), energy=(-8, 29))
    '+5% and +12% in latency (-8% and +29% in energy)'
    >>> errors_in_words(latency=(9, 6), energy=(9, 6))
    '+9% and +6%'
    """
    if latency == energy:
        return in_words(latency)
    return f'{in_words(latency)} in latency ({in_words(energy)} in energy)'


def in_words(errors):
    """Return "+5% and +12%" for (5, 12)."""
    return ' and '.join(f'{error:+}%' for error in errors)
