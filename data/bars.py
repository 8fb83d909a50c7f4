"""Bars of the energy and latency of layers, as elements of a picture.

All places and sizes are in px, as in data/svg.py; all values are in J or s.

Terms:
  panel    the bars of all layers for one quantity, energy or latency, with axes of their own
  slot     the part of a panel's width that one layer has
  segment  a part of a bar that has a colour of its own
  whisker  a line on a bar from the least to the most that its value may be
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
    cost_text,
    engineering,
    percent,
    prefix_of,
    share_of,
    shortened,
)

PANEL_HEIGHT = 140  # of the axes of a panel
PANEL_GAP = 10  # from the last line of a legend to the axes, and from axes to the next panel

MAX_TICKS = 5  # above 0

BAR_SHARE = 0.8  # of a slot's width
# Bars in narrower slots touch, as such gaps would only be shades; whiskers are thin, without caps.
MIN_SLOT_WITH_GAP = 4
MAX_BAR_WIDTH = 56
MIN_HEIGHT = 1  # of a bar that can be seen
# The names of layers whose bars are too small to see stand below the panel's legend.
MAX_SMALL_NAMES = 19
MAX_SMALL_LINES = 2
MAX_SMALL_NAME_WIDTH = 150

MAX_WHISKER_CAP = 4  # how far a cap reaches to either side
MAX_WHISKER_CAP_SHARE = 0.3  # of a slot's width

# Names of layers stand level under the lowest panel, or all turned if one is too long for its slot.
NAME_TURN = 60  # degrees
NAME_MARGIN = 6  # between a level name and the next
MAX_LEVEL_NAME_LENGTH = 100  # characters
MAX_TURNED_NAME_WIDTH = 160
TURNED_NAME_ASCENT = 12  # how far a turned name reaches to the left beyond its baseline
# (x, y) from the foot of a bar to the middle of a level name, or to the end of a turned one.
LEVEL_NAME_OFFSET = (0, 17)
TURNED_NAME_OFFSET = (5, 13)
TURNED_NAMES_MARGIN = 10  # below the lowest end of turned names

# Values stand on top of bars, level, or all upright if one is too long for its slot.
VALUE_RISE = 4  # from the top of a bar to the lower end of its value
VALUE_DIGITS = 3  # of the largest value
MAX_VALUE_DECIMALS = 9
VALUE_MARGIN = 4  # between a level value and the next
MAX_UPRIGHT_SHARE = 0.35  # of a panel's height
MIN_UPRIGHT_SLOT = 15  # the least width of a slot for upright values
UPRIGHT_OFFSET = 5  # from the middle of a bar to the baseline of an upright value
# Beside whiskers, values have only the right half of a slot.
WHISKER_MARGIN = 8  # the part of this half that level values leave free
WHISKER_OFFSET = 6  # from the middle of a bar to the start of a level value
WHISKER_MIN_UPRIGHT_SLOT = 40
WHISKER_UPRIGHT_OFFSET = 18
# The height above the highest bar that is kept free for its value.
LEVEL_VALUE_HEIGHT = 18
UPRIGHT_VALUE_MARGIN = 8  # more than the width of the longest value

# === Value types ===


class Segment(namedtuple('Segment', 'css value title')):
    """A part of a bar.

    css: its class. value: its part of the bar's value. title: shown when it is pointed at.
    """

    __slots__ = ()


class Bar(namedtuple('Bar', 'name value low high segments')):
    """The bar of a layer.

    name: of the layer. value: its energy or latency. low, high: the least and the most that the
    value may be. segments: the Segments that add up to the value, the lowest first.
    """

    __slots__ = ()


class Panel(namedtuple('Panel', 'plot slot scale step ticks value_texts value_style')):
    """The axes that bars are drawn in, and how values stand on the bars.

    plot: the Box of the axes. slot: the width of a slot.
    scale: the unit of the upright axis in J or s, such as 1e-3. step: from one tick of this axis to
    the next, in its unit. ticks: how many ticks there are above 0.
    value_texts: the value of each bar as a text. value_style: a ValueStyle, or None if there is no
    room for values.
    """

    __slots__ = ()

    def x(self, index):
        """Return the x of the middle of a bar; index: of the bar, from 0."""
        return slot_middle(index, self.slot)

    def y(self, value):
        """Return the y of a value on the upright axis."""
        top_value = self.scale * self.step * self.ticks
        return self.plot.bottom - self.plot.height * value / top_value

    def moved_to(self, top):
        """Return the Panel with the upper end of its axes at another y."""
        return self._replace(plot=self.plot._replace(top=top, bottom=top + self.plot.height))

    def can_show(self, bar):
        """Return whether a Bar is high enough to be seen."""
        return self.y(bar.value) <= self.plot.bottom - MIN_HEIGHT


class Names(namedtuple('Names', 'shown turn every')):
    """The names of layers under the panels.

    shown: {index of a layer: its name}. every: how many layers there are for each name, as 3 if
    every third is named. turn: by how many degrees names are turned; 0 if they are level.
    """

    __slots__ = ()


class ValueStyle(namedtuple('ValueStyle', 'turn anchor offset height')):
    """How values stand on top of bars.

    turn: by how many degrees they are turned; 0 if they are level. anchor: svg.START or svg.MIDDLE.
    offset: from the middle of a bar to the x of its value.
    height: that is kept free above the highest bar for its value.
    """

    __slots__ = ()


# === All panels ===


def draw_bars(estimate, layers, top, panel_quantities):
    """Return (elements, y of the lower end) of panels, with the names of layers under the lowest.

    layers: the Estimate's Layers. top: the y of the upper end.
    panel_quantities: the quantities that have a panel, such as ["energy", "latency"].
    """
    slot = (svg.PLOT_RIGHT - svg.PLOT_LEFT) / max(len(layers), 1)
    names = names_under_bars(layers, slot)
    legend = common_legend(estimate, panel_quantities, names)
    elements = []
    bottom = top
    if len(panel_quantities) > 1:
        # A single panel has these entries at the end of its own legend instead.
        elements, bottom = svg.legend(top, legend)
        legend = []
    for quantity in panel_quantities:
        bars = [make_bar(layer, quantity, estimate) for layer in layers]
        entries = panel_legend(estimate, quantity) + legend
        panel, bottom = draw_panel(bars, quantity, bottom + PANEL_GAP, slot, entries)
        elements += panel
    name_elements, bottom = draw_names(names, bottom, slot)
    return elements + name_elements, bottom


def slot_middle(index, slot):
    """Return the x of the middle of a slot; index: of the slot, from 0; slot: its width."""
    return svg.PLOT_LEFT + slot * (index + 0.5)


def names_under_bars(layers, slot):
    """Return the Names of Layers; slot: the width of a slot."""
    names = [shortened(layer.name, MAX_LEVEL_NAME_LENGTH) for layer in layers]
    widths = [svg.text_width(name, svg.TEXT_SIZE) for name in names]
    if all(width < slot - NAME_MARGIN for width in widths):
        return Names(dict(enumerate(names)), turn=0, every=1)
    sine = math.sin(math.radians(NAME_TURN))
    cosine = math.cos(math.radians(NAME_TURN))
    every = math.ceil(svg.LABEL_HEIGHT / (slot * sine))
    indexes = range(0, len(layers), every)
    named, rooms = [], []
    for index in indexes:
        named.append(layers[index].name)
        # Turned names start left of their bars: the first ones would leave the page.
        room_on_left = (slot_middle(index, slot) - TURNED_NAME_ASCENT) / cosine
        rooms.append(min(MAX_TURNED_NAME_WIDTH, room_on_left))
    shown = svg.fitted_names(named, rooms)
    return Names(dict(zip(indexes, shown)), NAME_TURN, every)


def draw_names(names, bottom, slot):
    """Return (elements, y of the lower end) of Names.

    bottom: the y of the lower end of the lowest axes. slot: the width of a slot.
    """
    x_offset, y_offset = TURNED_NAME_OFFSET if names.turn else LEVEL_NAME_OFFSET
    anchor = svg.END if names.turn else svg.MIDDLE
    y = bottom + y_offset
    elements = []
    longest = 0
    for index, name in names.shown.items():
        x = slot_middle(index, slot) + x_offset
        elements.append(svg.text(x, y, name, svg.NORMAL, anchor, names.turn))
        longest = max(longest, svg.text_width(name, svg.TEXT_SIZE))
    if not names.turn:
        return elements, y
    drop = longest * math.sin(math.radians(names.turn))
    return elements, y + drop + TURNED_NAMES_MARGIN


def common_legend(estimate, panel_quantities, names):
    """Return the LegendEntries that hold for all panels.

    panel_quantities: the quantities that have a panel, such as ["energy", "latency"].
    names: the Names under the panels.
    """
    entries = []
    if len(panel_quantities) > 1:
        for kind, cost in estimate.sums.items():
            if kind != 'total':
                texts = [cost_text(cost, quantity) for quantity in panel_quantities]
                entries.append(LegendEntry(kind, f'{kind} layers: {", ".join(texts)}'))
    if estimate.ranges:
        entries.append(LegendEntry('whisker', 'least to most'))
    if names.every > 1:
        entries.append(LegendEntry('', f'1 layer in {names.every} named'))
    return entries


# === Bars ===


def make_bar(layer, quantity, estimate):
    """Return the Bar of a Layer of an Estimate; quantity: "energy" or "latency"."""
    low_cost, high_cost = range_of(layer) if estimate.ranges else (layer.cost, layer.cost)
    value = quantities(layer.cost)[quantity]
    low, high = quantities(low_cost)[quantity], quantities(high_cost)[quantity]
    if quantity == 'energy' and layer.energy_by:
        segments = energy_segments(layer)
    else:
        has_bound = quantity == 'latency' and layer.bound is not None
        css = layer.bound if has_bound else layer.kind
        text = cost_text(layer.cost, quantity, low_cost, high_cost)
        segments = [Segment(css, value, f'{layer.name}: {text}')]
    return Bar(layer.name, value, low, high, segments)


def energy_segments(layer):
    """Return the list of Segments of a Layer's energy, one for each part of it."""
    segments = []
    for part, energy_j in layer.energy_by.items():
        name = ENERGY_PART_NAMES.get(part, part)
        text = engineering(energy_j, QUANTITY_UNITS['energy'])
        segments.append(Segment(part, energy_j, f'{layer.name}: {text} for {name}'))
    return segments


def draw_bar(bar, panel, index):
    """Return the elements of a Bar: its segments, and a whisker if it has a range.

    index: of the bar in the Panel, from 0.
    """
    elements = []
    x = panel.x(index)
    width = panel.slot
    if panel.slot >= MIN_SLOT_WITH_GAP:
        width = min(BAR_SHARE * panel.slot, MAX_BAR_WIDTH)
    below = 0
    for segment in bar.segments:
        top = panel.y(below + segment.value)
        height = panel.y(below) - top
        elements.append(
            svg.rectangle(segment.css, x - width / 2, top, width, height, segment.title)
        )
        below += segment.value
    if bar.low == bar.high:
        return elements
    if panel.slot < MIN_SLOT_WITH_GAP:
        elements.append(svg.line('whisker thin', (x, panel.y(bar.high)), (x, panel.y(bar.low))))
    else:
        cap = min(MAX_WHISKER_CAP, MAX_WHISKER_CAP_SHARE * panel.slot)
        elements.append(svg.whisker(x, panel.y(bar.high), panel.y(bar.low), cap))
    return elements


# === A panel ===


def draw_panel(bars, quantity, top, slot, legend):
    """Return (elements, y of the lower end of the axes) of a panel of Bars.

    quantity: "energy" or "latency". top: the y of the upper end. slot: the width of a slot.
    legend: a list of LegendEntries, which stand after the name of the quantity.
    """
    panel = make_panel(bars, slot)
    _, prefix = prefix_of(panel.scale)
    title = LegendEntry('', f'{quantity} ({prefix}{QUANTITY_UNITS[quantity]})')
    elements, bottom = svg.legend(top, [title, *legend])
    small = [bar for bar in bars if not panel.can_show(bar)]
    for line in small_names(small, quantity):
        bottom += svg.LINE_HEIGHT
        elements.append(svg.text(svg.LEFT, bottom, line))
    panel = panel.moved_to(bottom + PANEL_GAP)
    elements += draw_grid(panel)
    for index, bar in enumerate(bars):
        elements += draw_bar(bar, panel, index)
    plot = panel.plot
    elements.append(
        svg.line('axis', (plot.left, plot.top), (plot.left, plot.bottom), (plot.right, plot.bottom))
    )
    return elements + draw_values(bars, panel), plot.bottom


def panel_legend(estimate, quantity):
    """Return the list of LegendEntries of a panel: the colours of its segments, and their shares.

    quantity: "energy" or "latency".
    """
    entries = []
    total = quantities(estimate.sums['total'])[quantity]
    if quantity == 'latency' and estimate.bounds:
        for bound in BOUNDS:
            if bound in estimate.bounds:
                share = share_of(estimate.bounds[bound].latency_s, total)
                entries.append(LegendEntry(bound, f'{bound}-bound {percent(share)}'))
    if quantity == 'energy' and estimate.energy_by:
        for part, energy_j in estimate.energy_by.items():
            name = ENERGY_PART_NAMES.get(part, part)
            entries.append(LegendEntry(part, f'{name} {percent(share_of(energy_j, total))}'))
    return entries


def make_panel(bars, slot):
    """Return the Panel for Bars, at the upper end of the page; slot: the width of a slot."""
    plot = Box(svg.PLOT_LEFT, 0, svg.PLOT_RIGHT, PANEL_HEIGHT)
    most = max((bar.high for bar in bars), default=0)
    if most == 0:
        most = 1  # as no axis goes from 0 to 0
    exponent, _ = prefix_of(most)
    scale = 1000.0**exponent
    texts = texts_of_values(bars, scale)
    style = style_of_values(bars, texts, slot)
    value_height = LEVEL_VALUE_HEIGHT if style is None else style.height
    share_below_value = 1 - value_height / PANEL_HEIGHT
    step, ticks = ticks_above(most / scale / share_below_value)
    return Panel(plot, slot, scale, step, ticks, texts, style)


def ticks_above(most):
    """Return (step, count) of the ticks above 0 of an axis that ends above a number.

    most: the number. The step is 1, 2 or 5 times a power of ten.

    >>> ticks_above(206.6)  # 50, 100, 150, 200, 250
    (50.0, 5)
    """
    decade = 10.0 ** math.floor(math.log10(most / MAX_TICKS))
    for factor in (1, 2, 5, 10):
        step = decade * factor
        if step * MAX_TICKS >= most:
            break
    # 1e-9 is added, as a quotient that is rounded down might put the last tick on `most` itself.
    return step, math.floor(most / step + 1e-9) + 1


def draw_grid(panel):
    """Return the elements of a Panel's ticks: lines across it, each with its number on the left."""
    elements = []
    plot = panel.plot
    x_offset, y_offset = svg.AXIS_NUMBER_OFFSET
    for tick in range(panel.ticks + 1):
        number = tick * panel.step
        y = panel.y(number * panel.scale)
        elements.append(svg.line('grid', (plot.left, y), (plot.right, y)))
        elements.append(
            svg.text(plot.left + x_offset, y + y_offset, f'{number:.6g}', anchor=svg.END)
        )
    return elements


def small_names(small, quantity):
    """Return the lines of a text on the Bars that are too small to see; [] if there are none.

    quantity: "energy" or "latency".
    """
    if not small:
        return []
    total = math.fsum(bar.value for bar in small)
    first = [bar.name for bar in small[:MAX_SMALL_NAMES]]
    return fitted_list(
        svg.fitted_names(first, [MAX_SMALL_NAME_WIDTH] * len(first)),
        count=len(small),
        before='too small to see: ',
        after=f'; in all {engineering(total, QUANTITY_UNITS[quantity])}',
        width=svg.RIGHT - svg.LEFT,
    )


def fitted_list(names, count, before, after, width):
    """Return the lines of a text that lists as many names as fit, and says how many more there are.

    names: the first names. count: how many there are in all. before, after: texts that stand before
    and after the list. width: that lines may have; there are no more than MAX_SMALL_LINES.

    >>> names = ['conv_1', 'conv_2', 'conv_3']
    >>> fitted_list(names, count=9, before='small: ', after='.', width=140)
    ['small: conv_1,', 'conv_2, 7 more.']
    """
    for listed in range(len(names), -1, -1):
        words = names[:listed]
        if listed < count:
            words.append(f'{count - listed} more')
        lines = svg.wrapped(f'{before}{", ".join(words)}{after}', width, svg.TEXT_SIZE)
        if len(lines) <= MAX_SMALL_LINES:
            break
    return lines


# === Values on top of bars ===


def texts_of_values(bars, scale):
    """Return the list of the values of Bars as texts, all with the same number of decimals.

    scale: the unit of the texts in J or s, such as 1e-3. The largest value has three digits.
    """
    most = max((bar.value for bar in bars), default=0) / scale
    decimals = 0
    if most:
        digits_before_point = math.floor(math.log10(most)) + 1
        decimals = min(max(0, VALUE_DIGITS - digits_before_point), MAX_VALUE_DECIMALS)
    return [f'{bar.value / scale:.{decimals}f}' for bar in bars]


def style_of_values(bars, texts, slot):
    """Return the ValueStyle of Bars; None if there is no room for values.

    texts: the values as texts. slot: the width of a slot.
    """
    width = max((svg.text_width(content, svg.TEXT_SIZE) for content in texts), default=0)
    if any(bar.low != bar.high for bar in bars):
        level_room = slot / 2 - WHISKER_MARGIN
        level = ValueStyle(0, svg.START, offset=WHISKER_OFFSET, height=LEVEL_VALUE_HEIGHT)
        min_upright_slot = WHISKER_MIN_UPRIGHT_SLOT
        upright_offset = WHISKER_UPRIGHT_OFFSET
    else:
        level_room = slot - VALUE_MARGIN
        level = ValueStyle(0, svg.MIDDLE, offset=0, height=LEVEL_VALUE_HEIGHT)
        min_upright_slot = MIN_UPRIGHT_SLOT
        upright_offset = UPRIGHT_OFFSET
    if width < level_room:
        return level
    if slot >= min_upright_slot and width < MAX_UPRIGHT_SHARE * PANEL_HEIGHT:
        height = width + UPRIGHT_VALUE_MARGIN
        return ValueStyle(90, svg.START, offset=upright_offset, height=height)
    return None


def draw_values(bars, panel):
    """Return the elements of the values of those Bars of a Panel that can be seen."""
    style = panel.value_style
    if style is None:
        return []
    elements = []
    for index, bar in enumerate(bars):
        if panel.can_show(bar):
            x = panel.x(index) + style.offset
            y = panel.y(bar.value) - VALUE_RISE
            content = panel.value_texts[index]
            elements += svg.label(x, y, content, style.anchor, style.turn)
    return elements
