"""Reports as pictures: a heading, and under it bars, a roofline, or both."""

from fodlam import QUANTITY_UNITS, quantities
from fodlam.data import svg
from fodlam.data.svg import Box
from fodlam.data.words import engineering, has_energy_parts, remarks_on, title_of

MARGIN = 16  # of the heading
LEFT, RIGHT, LOWEST = 72, 776, 492  # of plots; left of them are the numbers of axes

HEADING_TOP, HEADING_BOTTOM = 8, 8  # what is left free above the heading and below it
TITLE_LINE_HEIGHT = 19
MAX_TITLE_LINES, MAX_REMARK_LINES = 2, 5

ROOFLINE_SHARE = 0.5  # of the height, if bars are under it


def draw_picture(estimate, notes):
    """Return an Estimate as SVG: on an accelerator its roofline, on Eyeriss and EIE bars.

    The roofline has bars of the energy under it, if that has several parts.
    notes: sentences to put under the title.
    """
    layers = estimate.make_layers()
    title = title_of(estimate, layers)
    elements, top = draw_heading(title, [total_remark(estimate), *remarks_on(estimate), *notes])
    if estimate.accelerator is None:
        from fodlam.data.bars import draw_bars

        box = Box(LEFT, top, RIGHT, LOWEST)
        elements += draw_bars(estimate, layers, box, list(QUANTITY_UNITS))
    elif has_energy_parts(estimate):
        from fodlam.data.bars import draw_bars
        from fodlam.data.roofline_plot import draw_roofline

        middle = top + (LOWEST - top) * ROOFLINE_SHARE
        elements += draw_roofline(estimate, layers, Box(LEFT, top, RIGHT, middle))
        elements += draw_bars(estimate, layers, Box(LEFT, middle, RIGHT, LOWEST), ['energy'])
    else:
        from fodlam.data.roofline_plot import draw_roofline

        elements += draw_roofline(estimate, layers, Box(LEFT, top, RIGHT, LOWEST))
    return svg.page(title, elements)


def total_remark(estimate):
    """Return what the total of an Estimate is, in words: "total: 1.016 J, 4.310 s"."""
    costs = quantities(estimate.sums['total'])
    texts = []
    for quantity, unit in QUANTITY_UNITS.items():
        if costs[quantity] is None:
            continue
        if estimate.ranges:
            low, high = estimate.ranges['total']
            ends = quantities(low)[quantity], quantities(high)[quantity]
            texts.append(engineering(costs[quantity], unit, *ends))
        else:
            texts.append(engineering(costs[quantity], unit))
    return f'total: {", ".join(texts)}'


def draw_heading(title, remarks):
    """Return (elements, y of the lower end) of a title, with remarks in small text under it."""
    elements = []
    width = RIGHT - MARGIN
    y = HEADING_TOP
    for line in svg.wrapped(title, width / svg.BOLD, svg.HEADING_SIZE)[:MAX_TITLE_LINES]:
        y += TITLE_LINE_HEIGHT
        elements.append(svg.text(MARGIN, y, line, svg.HEADING))
    lines = []
    for remark in remarks:
        lines += svg.wrapped(remark, width, svg.SMALL_SIZE)
    for line in lines[:MAX_REMARK_LINES]:
        y += svg.LINE_HEIGHT
        elements.append(svg.text(MARGIN, y, line, svg.SMALL))
    return elements, y + HEADING_BOTTOM
