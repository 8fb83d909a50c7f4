"""Reports as pictures: a heading, and under it bars, a roofline, or both.

All places and sizes are in px, as in data/svg.py.
"""

from fodlam.data import svg
from fodlam.data.bars import draw_bars
from fodlam.data.roofline_plot import draw_roofline
from fodlam.data.svg import Box
from fodlam.data.words import cost_text, has_energy_parts, remarks_on, title_of

HEADING_LEFT = 16
HEADING_GAP = 8  # above the heading, and below it
TITLE_LINE_HEIGHT = 19
MAX_TITLE_LINES = 2
MAX_REMARK_LINES = 5

# Where plots end on the left, on the right and at the bottom. The numbers of axes are left of them.
PLOT_LEFT = 72
PLOT_RIGHT = 776
PLOT_BOTTOM = 492

ROOFLINE_SHARE = 0.5  # of the height under the heading, if bars are under the roofline


def draw_picture(estimate, notes):
    """Return an Estimate as SVG, with a roofline on an accelerator, and with bars otherwise.

    Under a roofline, there are bars of the energy if that has several parts.
    notes: a list of sentences to put under the title.
    """
    layers = estimate.make_layers()
    title = title_of(estimate, layers)
    remarks = [total_remark(estimate), *remarks_on(estimate), *notes]
    elements, top = draw_heading(title, remarks)
    whole = Box(PLOT_LEFT, top, PLOT_RIGHT, PLOT_BOTTOM)
    if estimate.accelerator is None:
        elements += draw_bars(estimate, layers, whole, ['energy', 'latency'])
    elif has_energy_parts(estimate):
        middle = top + whole.height * ROOFLINE_SHARE
        elements += draw_roofline(estimate, layers, whole._replace(bottom=middle))
        elements += draw_bars(estimate, layers, whole._replace(top=middle), ['energy'])
    else:
        elements += draw_roofline(estimate, layers, whole)
    return svg.page(title, elements)


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
    """Return (elements, y of the lower end) of a title with remarks in small text under it.

    remarks: a list of sentences. What is too long for the heading is left out.
    """
    elements = []
    width = PLOT_RIGHT - HEADING_LEFT
    y = HEADING_GAP
    for line in svg.wrapped(title, width / svg.BOLD, svg.HEADING_SIZE)[:MAX_TITLE_LINES]:
        y += TITLE_LINE_HEIGHT
        elements.append(svg.text(HEADING_LEFT, y, line, svg.HEADING))
    lines = []
    for remark in remarks:
        lines += svg.wrapped(remark, width, svg.SMALL_SIZE)
    for line in lines[:MAX_REMARK_LINES]:
        y += svg.LINE_HEIGHT
        elements.append(svg.text(HEADING_LEFT, y, line, svg.SMALL))
    return elements, y + HEADING_GAP
