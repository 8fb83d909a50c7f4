"""Reports as text in a format other than JSON: which room makes which format.

For a new format, add its name to FORMATS in fodlam.py, and here a branch that calls its room. A
room is imported in the branch that needs it, so that a table does not load what draws pictures.
"""


def render(estimate, report, note, format_, encoding):
    """Return an Estimate as text, or a report of fodlam.diagnose if there is no Estimate.

    estimate: an Estimate, or None. report: the result of fodlam.diagnose if there is no Estimate;
    otherwise it is not used. note: a sentence on the frames that the costs are for.
    format_: "csv", "table" or "svg".
    encoding: of the stream that the text is for, or None if any character can be written there.
    """
    if estimate is None:
        return render_diagnosis(report, note, format_)
    return render_estimate(estimate, note, format_, encoding)


def render_estimate(estimate, note, format_, encoding):
    """Return an Estimate as text.

    note: a sentence on the frames that the costs are for. format_: "csv", "table" or "svg".
    encoding: of the stream that the text is for, or None if any character can be written there.
    """
    if format_ == 'csv':
        from fodlam.data.tables import estimate_csv

        return estimate_csv(estimate)
    notes = [note]
    if estimate.accelerator is not None:
        from fodlam.data.devices import accuracy_notes

        notes += accuracy_notes(estimate)
    if format_ == 'svg':
        from fodlam.data.pictures import draw_picture

        return draw_picture(estimate, notes)
    assert format_ == 'table', f'{format_} has no branch here'
    from fodlam.data.tables import estimate_table

    return estimate_table(estimate, notes, encoding)


def render_diagnosis(report, note, format_):
    """Return a report of fodlam.diagnose as text.

    note: a sentence on the frames that the costs are for. format_: "csv" or "table".
    """
    if format_ == 'csv':
        from fodlam.data.tables import diagnosis_csv

        return diagnosis_csv(report)
    assert format_ == 'table', f'{format_} has no branch here'
    from fodlam.data.tables import diagnosis_table

    return diagnosis_table(report, [note])
