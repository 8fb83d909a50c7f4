"""Bars of the energy and latency of layers, as elements of a picture.

Terms: a panel has the bars of one quantity, energy or latency, over axes of its own; a slot is what
a layer has of a panel's width; a whisker is a line on a bar from the least to the most that a cost
may be; a segment is a part of a bar with a colour of its own. All places and sizes are in px.
"""

import math
from collections import namedtuple

from fodlam import QUANTITY_UNITS, quantities
from fodlam.data import svg
from fodlam.data.ranges import range_of
from fodlam.data.svg import Box, LegendEntry
from fodlam.data.words import (
    BOUNDS,
    ENERGY_PART_NAMES,
    engineering,
    percent,
    prefix_of,
    share_of,
    shortened,
)

# Above the panels: the baseline of the legend of them all, and what it takes.
LEGEND_BASELINE, LEGEND_HEIGHT = 8, 16
# Above each panel: what its own legend takes, and how far the baseline of that is above the axes.
PANEL_LEGEND_HEIGHT, PANEL_LEGEND_RISE = 26, 8

BAR_SHARE = 0.8  # of a slot that a bar takes
MIN_HEIGHT = 1  # of a bar that can be seen
MAX_WHISKER_CAP, WHISKER_CAP_SHARE = 4, 0.3  # of a whisker: px to either side; at most of a slot

# Names of layers stand under the lowest panel, or hang at an angle if one is too long for its slot.
NAME_TURN = 60  # degrees
NAME_MARGIN = 4  # between a name and the next
MAX_NAME_WIDTH, MAX_NAME_SHARE = 96, 0.34  # of such a name: px; share of the height of all panels
TURNED_NAMES_MARGIN, LEVEL_NAMES_HEIGHT = 8, 18  # under the axes
TURNED_NAME_OFFSET, LEVEL_NAME_OFFSET = (4, 10), (0, 14)  # (x, y) from under the middle of the bar
MAX_NAME_LENGTH = 100  # characters of a name in its slot

# Values stand on top of bars, upright if they are too long for the slots, if there is room.
VALUE_RISE = 3  # of its baseline above the bar
VALUE_MARGIN = 2  # between a value and the next
MIN_UPRIGHT_SLOT, MAX_UPRIGHT_SHARE = 10, 0.25  # px of a slot; of the panel's height
UPRIGHT_OFFSET = 4  # from the middle of the bar to the baseline
# Beside a whisker, a value has half of a slot.
MIN_WHISKER_SLOT = 36  # for upright values
BESIDE_WHISKER_OFFSET, UPRIGHT_BESIDE_WHISKER_OFFSET = 6, 15  # from the middle of the bar
BESIDE_WHISKER_MARGIN = 8
# What the value on the highest bar takes, more than the text itself.
UPRIGHT_VALUE_MARGIN, LEVEL_VALUE_MARGIN = 6, 4
VALUE_DIGITS = 3  # of the largest value
MAX_DECIMALS = 9

MAX_TICKS = 5
AXIS_NUMBER_OFFSET = (-6, 4)  # (x, y) from the end of a tick to the end of its number

# The layers that are too small to see are named in one line.
MAX_SMALL_NAMES, MAX_SMALL_NAME_LENGTH = 20, 24


class Panel(
    namedtuple('Panel', 'plot slot quantity scale values limits step ticks value_texts value_style')
):
    """The bars of one quantity.

    plot: the Box of the axes. slot: the width that a layer has. quantity: "energy" or "latency".
    scale: the unit of the axis, in J or s. values: of the layers, in J or s.
    limits: (least, most) of each value. step: from a tick of the axis to the next, in its unit.
    ticks: how many come after that of 0. value_texts: what stands on top of the bars.
    value_style: a ValueStyle.
    """

    __slots__ = ()

    def x(self, index):
        """Return where the middle of a layer's bar is; index: of the layer."""
        return self.plot.left + self.slot * (index + 0.5)

    def y(self, value):
        """Return how high a value is, which is in J or s."""
        top_value = self.scale * self.step * self.ticks
        return self.plot.bottom - self.plot.height * value / top_value


class ValueStyle(namedtuple('ValueStyle', 'are_shown turn anchor offset height')):
    """How values stand on top of bars.

    are_shown: whether there is room for them. turn: degrees. anchor: as of a text.
    offset: how far they are to the right of the bar's middle. height: what the highest takes.
    """

    __slots__ = ()


def draw_bars(estimate, layers, box, panel_quantities):
    """Return the elements of panels of bars, one below the other, with a bar for each layer.

    layers: the Estimate's Layers. box: the Box that the panels fill.
    panel_quantities: a list of the quantities that have a panel, "energy" and "latency".
    """
    slot = box.width / max(len(layers), 1)
    names = names_under_bars(layers, slot, box.height)
    legend = common_legend(estimate, panel_quantities, names.every)
    elements = []
    top = box.top
    if len(panel_quantities) > 1:
        elements, _ = svg.legend(box.left, top + LEGEND_BASELINE, legend)
        top += LEGEND_HEIGHT
        legend = []  # a single panel has it in its own
    bottom = box.bottom - names.height
    height = (bottom - top) / len(panel_quantities)
    for quantity in panel_quantities:
        panel_box = Box(box.left, top, box.right, top + height)
        elements += draw_panel(estimate, layers, panel_box, slot, quantity, legend)
        top += height
    return elements + draw_names(names, box.left, bottom, slot)


# === Names under bars ===


class Names(namedtuple('Names', 'shown turn every height')):
    """The names of layers under bars.

    shown: {index: name} of the layers that are named. turn: degrees. every: 3 if every third layer
    is named. height: what the names take.
    """

    __slots__ = ()


def names_under_bars(layers, slot, height):
    """Return the Names of Layers; slot: the width that each has; height: of names and panels."""
    names = [shortened(layer.name, MAX_NAME_LENGTH) for layer in layers]
    widths = [svg.text_width(name, svg.SMALL_SIZE) for name in names]
    if all(width < slot - NAME_MARGIN for width in widths):
        return Names(dict(enumerate(names)), turn=0, every=1, height=LEVEL_NAMES_HEIGHT)
    sine = math.sin(math.radians(NAME_TURN))
    room = min(MAX_NAME_SHARE * height / sine, MAX_NAME_WIDTH)
    every = math.ceil(svg.LABEL_HEIGHT / (slot * sine))
    shown = {}
    for index in range(0, len(names), every):
        shown[index] = svg.fitted(names[index], room, svg.SMALL_SIZE)
    longest = max(svg.text_width(name, svg.SMALL_SIZE) for name in shown.values())
    return Names(shown, NAME_TURN, every, height=TURNED_NAMES_MARGIN + longest * sine)


def draw_names(names, left, bottom, slot):
    """Return the elements of Names; left, bottom: of the axes; slot: the width of a layer."""
    elements = []
    for index, name in names.shown.items():
        middle = left + slot * (index + 0.5)
        if names.turn:
            x, y = TURNED_NAME_OFFSET
            anchor = svg.END
        else:
            x, y = LEVEL_NAME_OFFSET
            anchor = svg.MIDDLE
        elements.append(svg.text(middle + x, bottom + y, name, svg.SMALL, anchor, names.turn))
    return elements


# === Legends ===


def common_legend(estimate, panel_quantities, every):
    """Return the LegendEntries of what all panels have.

    panel_quantities: those that have a panel. every: as of Names.
    """
    entries = []
    if len(panel_quantities) > 1:  # then the bars of energy have the colours of kinds
        for kind, cost in estimate.sums.items():
            if kind != 'total':
                costs = quantities(cost)
                texts = [engineering(costs[q], QUANTITY_UNITS[q]) for q in panel_quantities]
                entries.append(LegendEntry(kind, f'{kind} layers: {", ".join(texts)}'))
    if estimate.ranges:
        entries.append(LegendEntry('whisker', 'least to most'))
    if every > 1:
        entries.append(LegendEntry('', f'1 layer in {every} named'))
    return entries


def panel_legend(estimate, panel):
    """Return the LegendEntries of a Panel: its unit, and the shares of the parts of its bars."""
    quantity = panel.quantity
    _, prefix = prefix_of(panel.scale)
    entries = [LegendEntry('', f'{quantity} ({prefix}{QUANTITY_UNITS[quantity]})')]
    total = quantities(estimate.sums['total'])[quantity]
    if quantity == 'latency':
        for bound in BOUNDS:
            if bound in (estimate.bounds or {}):
                share = share_of(estimate.bounds[bound].latency_s, total)
                entries.append(LegendEntry(bound, f'{bound}-bound {percent(share)}'))
    else:
        for part, energy_j in (estimate.energy_by or {}).items():
            name = ENERGY_PART_NAMES.get(part, part)
            share = share_of(energy_j, total)
            entries.append(LegendEntry(part, f'{name} {percent(share)}'))
    return entries


# === Panels ===


def draw_panel(estimate, layers, box, slot, quantity, legend):
    """Return the elements of a panel of bars in a Box: its legend, axes, bars and values.

    layers: the Estimate's Layers. slot: the width of each. quantity: "energy" or "latency".
    legend: LegendEntries to put behind the panel's own.
    """
    plot = box._replace(top=box.top + PANEL_LEGEND_HEIGHT)
    panel = make_panel(estimate, layers, plot, slot, quantity)
    legend_y = plot.top - PANEL_LEGEND_RISE
    entries = panel_legend(estimate, panel) + legend
    elements, legend_end = svg.legend(plot.left, legend_y, entries)
    small = too_small_to_see(panel)
    if small and legend_end > (box.left + box.right) / 2:
        # The legend leaves little room, so that the names of small layers have a line of their own.
        legend_end = box.left
        plot = plot._replace(top=plot.top + svg.LINE_HEIGHT)
        panel = make_panel(estimate, layers, plot, slot, quantity)
        small = too_small_to_see(panel)
    elements.append(draw_small_names(layers, panel, small, legend_end))
    elements += draw_grid(panel)
    for index, layer in enumerate(layers):
        elements += draw_bar(layer, panel, index)
    elements.append(
        svg.line('axis', (plot.left, plot.top), (plot.left, plot.bottom), (plot.right, plot.bottom))
    )
    return elements + draw_values(panel)


def make_panel(estimate, layers, plot, slot, quantity):
    """Return the Panel of a quantity; layers: the Estimate's Layers; plot: the Box of its axes.

    slot: the width of a layer. quantity: "energy" or "latency".
    """
    values = [quantities(layer.cost)[quantity] for layer in layers]
    limits = [limits_of(layer, quantity, estimate) for layer in layers]
    most = max((high for _, high in limits), default=0) or 1
    exponent, _ = prefix_of(most)
    scale = 1000.0**exponent
    texts = texts_of_values(values, scale)
    style = style_of_values(texts, limits, plot, slot)
    # The highest bar and the value on it must fit below the last tick.
    share_below_value = 1 - style.height / plot.height
    step, ticks = ticks_above(most / scale / share_below_value)
    return Panel(plot, slot, quantity, scale, values, limits, step, ticks, texts, style)


def limits_of(layer, quantity, estimate):
    """Return (least, most) that a quantity of a Layer may be."""
    low, high = range_of(layer) if estimate.ranges else (layer.cost, layer.cost)
    return quantities(low)[quantity], quantities(high)[quantity]


def ticks_above(most):
    """Return (step, count) of ticks, the last of which is above `most`.

    >>> ticks_above(206.6)  # 50, 100, 150, 200, 250
    (50.0, 5)
    """
    decade = 10.0 ** math.floor(math.log10(most / MAX_TICKS))
    for factor in (1, 2, 5, 10):
        step = decade * factor
        if step * MAX_TICKS >= most:
            break
    return step, math.floor(most / step + 1e-9) + 1


def draw_grid(panel):
    """Return the elements of a Panel's ticks, each a line across it with a number on the left."""
    elements = []
    plot = panel.plot
    x_offset, y_offset = AXIS_NUMBER_OFFSET
    for tick in range(panel.ticks + 1):
        number = tick * panel.step
        y = panel.y(number * panel.scale)
        elements.append(svg.line('grid', (plot.left, y), (plot.right, y)))
        elements.append(
            svg.text(plot.left + x_offset, y + y_offset, f'{number:.6g}', svg.SMALL, svg.END)
        )
    return elements


# === Bars ===


class Segment(namedtuple('Segment', 'css value title')):
    """A part of a bar: its class, its value in J or s, and what it says when it is pointed at."""

    __slots__ = ()


def draw_bar(layer, panel, index):
    """Return the elements of a Layer's bar: its segments, and a whisker if its cost has a range."""
    elements = []
    x = panel.x(index)
    width = BAR_SHARE * panel.slot
    below = 0
    for segment in segments_of(layer, panel, index):
        top = panel.y(below + segment.value)
        height = panel.y(below) - top
        elements.append(
            svg.rectangle(segment.css, x - width / 2, top, width, height, segment.title)
        )
        below += segment.value
    low, high = panel.limits[index]
    if low != high:
        cap = min(MAX_WHISKER_CAP, WHISKER_CAP_SHARE * panel.slot)
        elements.append(svg.whisker(x, panel.y(high), panel.y(low), cap))
    return elements


def segments_of(layer, panel, index):
    """Return the Segments of a Layer's bar, the lowest first; index: of the layer."""
    unit = QUANTITY_UNITS[panel.quantity]
    if panel.quantity == 'energy' and layer.energy_by is not None:
        segments = []
        for part, energy_j in layer.energy_by.items():
            name = ENERGY_PART_NAMES.get(part, part)
            title = f'{layer.name}: {engineering(energy_j, unit)} for {name}'
            segments.append(Segment(part, energy_j, title))
        return segments
    css = layer.kind
    if panel.quantity == 'latency' and layer.bound is not None:
        css = layer.bound
    value = panel.values[index]
    low, high = panel.limits[index]
    title = f'{layer.name}: {engineering(value, unit, low, high)}'
    return [Segment(css, value, title)]


def too_small_to_see(panel):
    """Return the indices of the layers whose bars are too small to see."""
    lowest = panel.plot.bottom - MIN_HEIGHT
    return [index for index, value in enumerate(panel.values) if panel.y(value) > lowest]


def draw_small_names(layers, panel, small, left):
    """Return a text on layers that are too small to see: their names, and their cost together.

    small: the indices of these Layers; if there are none, the text is no element, but empty.
    left: where it may start. Names that do not fit are counted.
    """
    if not small:
        return ''
    total = math.fsum(panel.values[index] for index in small)
    total_text = engineering(total, QUANTITY_UNITS[panel.quantity])
    names = [shortened(layers[i].name, MAX_SMALL_NAME_LENGTH) for i in small[:MAX_SMALL_NAMES]]
    content = f'too small to see: {", ".join(names)}; in all {total_text}'
    room = panel.plot.right - left
    while names and (
        svg.text_width(content, svg.SMALL_SIZE) > room or len(names) == MAX_SMALL_NAMES
    ):
        names.pop()
        listed = ', '.join([*names, f'{len(small) - len(names)} more'])
        content = f'too small to see: {listed}; in all {total_text}'
    y = panel.plot.top - PANEL_LEGEND_RISE
    return svg.text(panel.plot.right, y, content, svg.SMALL, svg.END)


# === Values on top of bars ===


def texts_of_values(values, scale):
    """Return values as texts, with so many decimals that the largest has three digits.

    scale: the unit of the texts, in J or s.

    >>> texts_of_values([0.01, 0.002], 1e-3)
    ['10.0', '2.0']
    """
    most = max(values, default=0) / scale
    decimals = 0
    if most:
        digits = math.floor(math.log10(most)) + 1  # before the point
        decimals = min(max(0, VALUE_DIGITS - digits), MAX_DECIMALS)
    return [f'{value / scale:.{decimals}f}' for value in values]


def style_of_values(texts, limits, plot, slot):
    """Return the ValueStyle of values with some texts.

    limits: (least, most) of each. plot: the Box of the axes. slot: the width of a layer.
    """
    width = max((svg.text_width(content, svg.SMALL_SIZE) for content in texts), default=0)
    level_height = svg.SMALL_SIZE + LEVEL_VALUE_MARGIN
    fits_upright = width < MAX_UPRIGHT_SHARE * plot.height
    if any(low != high for low, high in limits):
        room, min_upright_slot = slot / 2 - BESIDE_WHISKER_MARGIN, MIN_WHISKER_SLOT
        level_offset, upright_offset = BESIDE_WHISKER_OFFSET, UPRIGHT_BESIDE_WHISKER_OFFSET
        level_anchor = svg.START
    else:
        room, min_upright_slot = slot - VALUE_MARGIN, MIN_UPRIGHT_SLOT
        level_offset, upright_offset = 0, UPRIGHT_OFFSET
        level_anchor = svg.MIDDLE
    if width < room:
        return ValueStyle(True, 0, level_anchor, level_offset, level_height)
    if slot >= min_upright_slot and fits_upright:
        height = width + UPRIGHT_VALUE_MARGIN
        return ValueStyle(True, 90, svg.START, upright_offset, height)
    return ValueStyle(False, 0, level_anchor, level_offset, level_height)


def draw_values(panel):
    """Return the elements of the values on top of the bars that can be seen, if there is room."""
    style = panel.value_style
    if not style.are_shown:
        return []
    elements = []
    small = set(too_small_to_see(panel))
    for index, content in enumerate(panel.value_texts):
        if index not in small:
            x = panel.x(index) + style.offset
            y = panel.y(panel.values[index]) - VALUE_RISE
            elements.append(svg.text(x, y, content, svg.LABEL, style.anchor, style.turn))
    return elements
