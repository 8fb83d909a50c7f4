"""Reports as text in a format other than JSON: which room makes which format.

For a new format, add its name to FORMATS, and a branch that calls its room to the functions below.
A room is imported in the branch that needs it, so that a table does not load what draws pictures.
"""

from fodlam import EIE_SOURCE

FORMATS = ('json', 'csv', 'table', 'svg')  # of --format
DIAGNOSE_FORMATS = ('json', 'csv', 'table')  # those of them that --diagnose has
THEMES = ('auto', 'light', 'dark')  # of --theme


def render_estimate(estimate, format_, encoding, theme='auto'):
    """Return an Estimate as text.

    format_: "csv", "table" or "svg".
    encoding: of the stream that the text is for, or None if any character can be written there.
    theme: one of THEMES; only pictures have one.
    """
    if format_ == 'csv':
        from fodlam.data.tables import estimate_csv

        return estimate_csv(estimate)
    from fodlam.data.notes import error_notes, frames_note, pruning_notes, unlike_notes

    layers = estimate.make_layers()
    notes = [frames_note(estimate), *unlike_notes(layers), *pruning_notes(layers)]
    if estimate.accelerator is None:
        notes += error_notes(estimate, layers)
    else:
        from fodlam.data.accelerators import notes_on

        notes += notes_on(estimate)
    if format_ == 'svg':
        from fodlam.data.pictures import draw_picture

        return draw_picture(estimate, notes, theme)
    assert format_ == 'table', f'{format_} has no branch here'
    from fodlam.data.tables import estimate_table

    return estimate_table(estimate, notes, encoding)


def render_diagnosis(report, per_frame, format_):
    """Return a report of fodlam.diagnose as text.

    per_frame: whether its costs are for one frame. format_: "csv" or "table".
    """
    if format_ == 'csv':
        from fodlam.data.tables import diagnosis_csv

        return diagnosis_csv(report)
    assert format_ == 'table', f'{format_} has no branch here'
    from fodlam.data.notes import DIAGNOSE_NOTE, ONE_FRAME_NOTE
    from fodlam.data.tables import diagnosis_table

    note = ONE_FRAME_NOTE if per_frame else DIAGNOSE_NOTE
    return diagnosis_table(report, [note, f'fc: {EIE_SOURCE}'])
