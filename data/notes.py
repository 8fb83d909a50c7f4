"""Notes for people: for how many frames costs are, how far off they may be, and why.

Tables and pictures have them. Beside all other formats, those of `notes_beside` are told on stderr
(fodlam.tell_notes).
data/devices.py has the notes on the accuracy of accelerators other than Eyeriss and EIE.
"""

from fodlam import frames_of

ONE_FRAME_NOTE = 'all costs: 1 frame'
DIAGNOSE_NOTE = "conv: a batch's cost over a frame's MACs; --per-frame for one frame's"

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


def notes_beside(estimate):
    """Return the list of notes for numbers that have none beside them, as in JSON or CSV.

    estimate: the Estimate that they are of; None for a diagnosis of batches.
    """
    if estimate is None:
        return [DIAGNOSE_NOTE]
    notes = [frames_note(estimate)] if has_unchosen_frames(estimate) else []
    return notes + notes_besides_frames(estimate)


def notes_besides_frames(estimate):
    """Return the list of notes for numbers that have none beside them, but for that on frames."""
    if estimate.accelerator is not None:
        from fodlam.data.devices import power_notes  # which is loaded, as it made the estimate

        return power_notes(estimate.accelerator)
    return pruning_notes(estimate.make_layers())


def has_unchosen_frames(estimate):
    """Return whether costs of an Estimate are for more frames than one, though nobody said so."""
    return 'per_frame' not in estimate.config and max(frames_of(estimate).values()) > 1


def frames_note(estimate):
    """Return the note on how many frames the costs of an Estimate are for."""
    frames = max(frames_of(estimate).values())
    if frames <= 1:
        return ONE_FRAME_NOTE
    return f"conv: Eyeriss's batch of {frames:.3g} frames; fc: 1 frame; --per-frame for one"


def pruning_notes(layers):
    """Return a list of the note that some of the Layers are costed as pruned ones, if any are."""
    if any(layer.kind == 'fc' and layer.source == 'by MACs' for layer in layers):
        return [PRUNING_NOTE]
    return []


def unlike_notes(layers):
    """Return a list of the note on conv layers by shape that are unlike any published, if any are.

    The note says how much of the time of all Layers is theirs.
    """
    if not any(layer.kind == 'conv' and layer.source.startswith('by shape') for layer in layers):
        return []
    # Both are loaded, as they made the layers.
    from fodlam.data.by_shape import is_like_published, kernels_of, published_conv_layers
    from fodlam.data.eyeriss import MOBILENET_RATIO

    kernels = kernels_of(published_conv_layers())
    total_s = unlike_s = 0
    for layer in layers:
        total_s += layer.cost.latency_s
        if layer.kind == 'conv' and not is_like_published(layer.entry, kernels):
            unlike_s += layer.cost.latency_s
    percent = round(100 * unlike_s / total_s)
    if percent == 0:
        return []
    return [
        f'{percent}% of the time: conv layers unlike any published; MobileNet, which has many, '
        f'was modelled as {MOBILENET_RATIO:.2f} times too long'
    ]


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
