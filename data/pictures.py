"""Reports as pictures: a heading, and under it bars, a roofline, or both.

All places and sizes are in px, as in data/svg.py.
"""

from fodlam.data import svg
from fodlam.data.bars import draw_bars
from fodlam.data.roofline_plot import draw_roofline
from fodlam.data.words import cost_text, has_energy_parts, remarks_on, subtitles_of, title_of

HEADING_TOP = 4  # above the heading
HEADING_GAP = 4  # below it
TITLE_LINE_HEIGHT = 20
MAX_TITLE_LINES = 3

BOTTOM_GAP = 6  # below the last element


def draw_picture(estimate, notes, theme='auto'):
    """Return an Estimate as SVG, with a roofline on an accelerator, and with bars otherwise.

    Under a roofline, there are bars of the energy if that has several parts.
    notes: a list of sentences to put under the title. theme: "light", "dark" or "auto", as for
    svg.page.
    """
    layers = estimate.make_layers()
    title = title_of(estimate, layers)
    subtitles = subtitles_of(estimate, layers)
    remarks = [*subtitles, total_remark(estimate), *remarks_on(estimate, layers), *notes]
    elements, bottom = draw_heading(title, remarks)
    panel_quantities = ['energy', 'latency']
    if estimate.accelerator is not None:
        roofline, bottom = draw_roofline(estimate, layers, bottom)
        elements += roofline
        panel_quantities = ['energy'] if has_energy_parts(estimate) else []
    if panel_quantities:
        bars, bottom = draw_bars(estimate, layers, bottom, panel_quantities)
        elements += bars
    return svg.page(title, elements, bottom + BOTTOM_GAP, theme)


def total_remark(estimate):
    """Return a sentence on the total of an Estimate, such as "total: 1.016 J, 4.310 s"."""
    total = estimate.sums['total']
    low, high = estimate.ranges['total'] if estimate.ranges else (None, None)
    texts = []
    if total.energy_j is not None:
        texts.append(cost_text(total, 'energy', low, high))
    texts.append(cost_text(total, 'latency', low, high))
    return f'total: {", ".join(texts)}'


def draw_heading(title, remarks):
    """Return (elements, y of the lower end) of a title with remarks under it.

    remarks: a list of sentences. A title that is too long loses its end.
    """
    elements = []
    width = svg.RIGHT - svg.LEFT
    y = HEADING_TOP
    for line in svg.wrapped(title, width / svg.BOLD, svg.HEADING_SIZE)[:MAX_TITLE_LINES]:
        y += TITLE_LINE_HEIGHT
        elements.append(svg.text(svg.LEFT, y, line, svg.HEADING))
    for remark in remarks:
        for line in svg.wrapped(remark, width, svg.TEXT_SIZE):
            y += svg.LINE_HEIGHT
            elements.append(svg.text(svg.LEFT, y, line))
    return elements, y + HEADING_GAP
