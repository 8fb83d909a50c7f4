"""Reports as pictures: a heading, and under it bars, a roofline, or both."""

from fodlam.data import svg
from fodlam.data.bars import draw_bars
from fodlam.data.roofline_plot import draw_roofline
from fodlam.data.svg import Box
from fodlam.data.words import cost_text, has_energy_parts, remarks_on, title_of

# All in px.
HEADING_LEFT = 16
HEADING_GAP = 8  # above the heading, and below it
TITLE_LINE_HEIGHT = 19
MAX_TITLE_LINES = 2
MAX_REMARK_LINES = 5

# The ends of plots. To the left of them are the numbers of axes.
LEFT = 72
RIGHT = 776
LOWEST = 492

ROOFLINE_SHARE = 0.5  # of the height that is left by the heading, if bars are under the roofline


def draw_picture(estimate, notes):
    """Return an Estimate as SVG: on an accelerator its roofline, on Eyeriss and EIE bars.

    The roofline has bars of the energy under it, if that has several parts.
    notes: sentences to put under the title.
    """
    layers = estimate.make_layers()
    title = title_of(estimate, layers)
    remarks = [total_remark(estimate), *remarks_on(estimate), *notes]
    elements, top = draw_heading(title, remarks)
    whole = Box(LEFT, top, RIGHT, LOWEST)
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
    """Return what the total of an Estimate is, in words: "total: 1.016 J, 4.310 s"."""
    total = estimate.sums['total']
    low, high = estimate.ranges['total'] if estimate.ranges else (None, None)
    texts = []
    if total.energy_j is not None:
        texts.append(cost_text(total, 'energy', low, high))
    texts.append(cost_text(total, 'latency', low, high))
    return f'total: {", ".join(texts)}'


def draw_heading(title, remarks):
    """Return (elements, y of the lower end) of a title, with remarks in small text under it."""
    elements = []
    width = RIGHT - HEADING_LEFT
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
