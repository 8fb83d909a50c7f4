"""The roofline of an accelerator with a dot for each layer, as elements of a picture.

Terms: the intensity of a layer is how many MACs it does for each byte of DRAM, and its rate how
many MACs it does per second. A roof is the highest rate that an accelerator allows by intensity: it
rises with its bandwidth, up to its ridge, and from there on is flat at its peak. Intensities go
across and rates go up, both by decades. All places and sizes are in px.
"""

import math
from collections import namedtuple

from fodlam.data import svg
from fodlam.data.roofline_labels import draw_labels
from fodlam.data.svg import Box, LegendEntry
from fodlam.data.words import BOUNDS, engineering, percent, prefix_of, share_of

# Above the axes there is a legend; under them are numbers and a title.
HEAD_HEIGHT = 26
FOOT_HEIGHT = 34

LEGEND_BASELINE = 12  # from the upper end of the legend
LEGEND_SHARES = (0.01, 0.05, 0.1)  # of the time, of the dots that the legend shows
LEGEND_DOT_RISE = 4  # of the middle of such a dot above the baseline
LEGEND_DOT_GAP = 4  # from such a dot to its text
LEGEND_DOT_ADVANCE = 36  # from the right end of such a dot to the next

MAX_DECADES = 10  # of an axis, that have a number
MAJOR_TICK = 7  # length
MINOR_TICK = 4
MAX_PREFIXED_RATE = 1e18  # larger numbers have no prefix
LARGE_DOT_ROOM = 1.5  # by what factor the axis of intensities goes on after the highest
# From the lower end of the axes to baselines.
INTENSITY_NUMBER_DROP = 14
INTENSITY_TITLE_DROP = 29
RATE_NUMBER_OFFSET = (-6, 4)  # (x, y) from the axis to the end of the number
RATE_TITLE_X = 24

FULL_RADIUS = 30  # of the dot of a layer that takes all of the time
MIN_RADIUS = 2

# === Value types ===


class Roof(namedtuple('Roof', 'name peak_macs_per_s bytes_per_s css')):
    """A roof: its name, its peak, the bandwidth with which it rises, and the class of its line."""

    __slots__ = ()

    @property
    def ridge_intensity(self):
        """The intensity from which on the roof is flat, in MACs per byte."""
        return self.peak_macs_per_s / self.bytes_per_s


class Dot(namedtuple('Dot', 'layer x y radius share')):
    """The dot of a Layer: its middle (x, y), its radius, and the Layer's share of the time."""

    __slots__ = ()


class Tick(namedtuple('Tick', 'number length has_number')):
    """A tick of an axis: its number, its length in px, and whether the number is shown."""

    __slots__ = ()


class Axes(namedtuple('Axes', 'box min_intensity max_intensity min_rate max_rate')):
    """The axes: the Box that they fill, and the intensities and rates at their ends."""

    __slots__ = ()

    def x(self, intensity):
        """Return where an intensity is."""
        share = log_share(intensity, self.min_intensity, self.max_intensity)
        return self.box.left + self.box.width * share

    def y(self, rate):
        """Return where a rate is."""
        share = log_share(rate, self.min_rate, self.max_rate)
        return self.box.bottom - self.box.height * share

    def ridge(self, roof):
        """Return the (x, y) of a Roof's ridge."""
        return self.x(roof.ridge_intensity), self.y(roof.peak_macs_per_s)

    def foot(self, roof):
        """Return the (x, y) where a Roof starts, at the left or at the bottom."""
        intensity = max(self.min_intensity, self.min_rate / roof.bytes_per_s)
        return self.x(intensity), self.y(intensity * roof.bytes_per_s)

    def crosses(self, roof, box):
        """Return whether a Roof crosses a Box."""
        y_at_left, y_at_right = self.roof_y(roof, box.left), self.roof_y(roof, box.right)
        # A roof never falls: over the Box, it is lowest at the left. And y grows downwards.
        return box.top <= y_at_left and y_at_right <= box.bottom

    def roof_y(self, roof, x):
        """Return the y of a Roof at an x: up to the ridge it is a straight line, then flat."""
        ridge_x, ridge_y = self.ridge(roof)
        foot_x, foot_y = self.foot(roof)
        slope = (foot_y - ridge_y) / (ridge_x - foot_x)
        return ridge_y + slope * max(0, ridge_x - x)


def log_share(number, first, last):
    """Return how far a number is along a logarithmic axis, 0 at its first number and 1 at its last.

    >>> log_share(1000, 1, 1e6)
    0.5
    """
    return math.log(number / first) / math.log(last / first)


# === The plot ===


def draw_roofline(estimate, layers, box):
    """Return the elements of the roofline of an Estimate's accelerator, with a dot for each layer.

    layers: the Estimate's Layers. box: the Box that it fills, with a legend.
    """
    roofs = roofs_of(estimate.accelerator)
    plot = Box(box.left, box.top + HEAD_HEIGHT, box.right, box.bottom - FOOT_HEIGHT)
    axes = make_axes(layers, roofs, plot)
    dots = dots_of(layers, estimate.sums['total'].latency_s, axes)
    elements = draw_legend(estimate, box)
    elements += draw_axes(axes)
    for roof in roofs:
        elements += draw_roof(roof, axes)
    elements += [draw_dot(dot) for dot in dots]
    return elements + draw_labels(axes, roofs, dots)


def roofs_of(accelerator):
    """Return the Roofs of an Accelerator; the first is that without Winograd or an efficiency."""
    peak, bandwidth = accelerator.peak_macs_per_s, accelerator.bytes_per_s
    gain, efficiency = accelerator.winograd_gain, accelerator.efficiency
    roofs = [Roof('peak', peak, bandwidth, 'axis')]
    if gain != 1:
        roofs.append(Roof('with Winograd', peak * gain, bandwidth, 'axis dash'))
    if efficiency is None or efficiency == 1:
        return roofs
    lower_peak, lower_bandwidth = peak * efficiency, bandwidth * efficiency
    name = f'efficiency {efficiency:.3g}'
    roofs.append(Roof(name, lower_peak, lower_bandwidth, 'axis dotted'))
    if gain != 1:
        lower_peak = peak * gain * efficiency
        roofs.append(Roof(f'with Winograd, {name}', lower_peak, lower_bandwidth, 'axis dotted'))
    return roofs


def draw_roof(roof, axes):
    """Return the elements of a Roof: its line, and one down from its ridge."""
    x, y = axes.ridge(roof)
    return [
        svg.line(roof.css, axes.foot(roof), (x, y), (axes.box.right, y)),
        svg.line('tick dotted', (x, y), (x, axes.box.bottom)),
    ]


def draw_legend(estimate, box):
    """Return the elements of the legend: what the colours and the sizes of dots mean."""
    entries = []
    total_s = estimate.sums['total'].latency_s
    for bound in BOUNDS:
        if bound in (estimate.bounds or {}):
            time_s = estimate.bounds[bound].latency_s
            share = percent(share_of(time_s, total_s))
            entries.append(
                LegendEntry(bound, f'{bound}-bound: {engineering(time_s, "s")}, {share}')
            )
    entries.append(LegendEntry('', 'share of the time:'))
    y = box.top + LEGEND_BASELINE
    elements, x = svg.legend(box.left, y, entries)
    for share in LEGEND_SHARES:
        radius = radius_of(share)
        elements.append(svg.dot('size', x + radius, y - LEGEND_DOT_RISE, radius))
        elements.append(svg.text(x + 2 * radius + LEGEND_DOT_GAP, y, f'{share:.0%}'))
        x += 2 * radius + LEGEND_DOT_ADVANCE
    return elements


# === Dots ===


def dots_of(layers, total_s, axes):
    """Return the Dots of the Layers that have MACs, those that take longest first.

    total_s: the time that all Layers take.
    """
    dots = []
    for layer in sorted(layers, key=lambda layer: layer.cost.latency_s, reverse=True):
        if layer.macs:
            share = layer.cost.latency_s / total_s
            x, y = axes.x(intensity_of(layer)), axes.y(rate_of(layer))
            dots.append(Dot(layer, x, y, radius_of(share), share))
    return dots


def intensity_of(layer):
    """Return the intensity of a Layer, in MACs per byte of DRAM."""
    return layer.details['operational_intensity']


def rate_of(layer):
    """Return the rate of a Layer, in MACs per second."""
    return layer.macs / layer.cost.latency_s


def radius_of(share):
    """Return the radius of a dot whose area is in proportion to a share of the time."""
    return max(MIN_RADIUS, FULL_RADIUS * math.sqrt(share))


def draw_dot(dot):
    """Return the element of a Dot."""
    layer = dot.layer
    title = (
        f'{layer.name}: {engineering(layer.cost.latency_s, "s")}, {dot.share:.1%} of the time, '
        f'{layer.bound}-bound, {percent(layer.details["utilization"])} used'
    )
    return svg.dot(layer.bound, dot.x, dot.y, dot.radius, title)


# === Axes ===


def make_axes(layers, roofs, plot):
    """Return Axes that fill a Box, with room for all Layers and around the ridges of all Roofs."""
    intensities, rates = [], []
    for layer in layers:
        if layer.macs:
            intensities += [intensity_of(layer), intensity_of(layer) * LARGE_DOT_ROOM]
            rates.append(rate_of(layer))
    for roof in roofs:
        intensities += [roof.ridge_intensity / 10, roof.ridge_intensity * 10]
        rates += [roof.peak_macs_per_s / 10, roof.peak_macs_per_s * 2]
    return Axes(
        plot,
        min_intensity=round_number(min(intensities), up=False),
        max_intensity=round_number(max(intensities), up=True),
        min_rate=round_number(min(rates), up=False),
        max_rate=round_number(max(rates), up=True),
    )


def round_number(number, up):
    """Return the next 1, 2 or 5 times a power of ten above a number, or below it.

    >>> round_number(3456.0, up=False), round_number(3456.0, up=True)
    (2000.0, 5000.0)
    """
    decade = 10.0 ** math.floor(math.log10(number))
    # One more at either end, as the logarithm of a power of ten may be rounded across it.
    candidates = [decade * factor for factor in (0.5, 1, 2, 5, 10, 20)]
    if up:
        return min(candidate for candidate in candidates if candidate >= number)
    return max(candidate for candidate in candidates if candidate <= number)


def ticks_between(first, last):
    """Return the Ticks of an axis from one number to another, which go in decades.

    On a long axis only some powers of ten have their number shown; only on an axis where all have,
    there are ticks between them.

    >>> [tick.number for tick in ticks_between(5, 20)]
    [5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 20.0]
    >>> [tick.number for tick in ticks_between(5, 20) if tick.has_number]
    [10.0]
    """
    first_exponent = math.floor(math.log10(first))
    last_exponent = math.ceil(math.log10(last))
    every = math.ceil((last_exponent - first_exponent) / MAX_DECADES)
    digits = range(1, 10) if every == 1 else [1]
    ticks = []
    for exponent in range(first_exponent, last_exponent + 1):
        for digit in digits:
            number = float(f'{digit}e{exponent}')
            is_between = first <= number * 1.000001 and number <= last * 1.000001
            if is_between and digit == 1:
                ticks.append(Tick(number, MAJOR_TICK, has_number=exponent % every == 0))
            elif is_between:
                ticks.append(Tick(number, MINOR_TICK, has_number=False))
    return ticks


def draw_axes(axes):
    """Return the elements of Axes: ticks with numbers and a grid, lines, and titles."""
    left, top, right, bottom = axes.box
    elements = draw_intensity_ticks(axes) + draw_rate_ticks(axes)
    elements.append(svg.line('tick', (left, top), (left, bottom), (right, bottom)))
    middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
    title_y = bottom + INTENSITY_TITLE_DROP
    elements.append(svg.text(middle_x, title_y, 'MACs per DRAM byte', anchor=svg.MIDDLE))
    elements.append(svg.text(RATE_TITLE_X, middle_y, 'MACs per second', anchor=svg.MIDDLE, turn=90))
    return elements


def draw_intensity_ticks(axes):
    """Return the elements of the ticks at the bottom of Axes, with numbers and grid lines."""
    _, top, _, bottom = axes.box
    elements = []
    for tick in ticks_between(axes.min_intensity, axes.max_intensity):
        x = axes.x(tick.number)
        elements.append(svg.line('tick', (x, bottom), (x, bottom - tick.length)))
        if tick.has_number:
            y = bottom + INTENSITY_NUMBER_DROP
            elements.append(svg.line('grid', (x, top), (x, bottom)))
            elements.append(svg.text(x, y, f'{tick.number:g}', svg.SMALL, svg.MIDDLE))
    return elements


def draw_rate_ticks(axes):
    """Return the elements of the ticks at the left of Axes, with numbers and grid lines."""
    left, _, right, _ = axes.box
    x_offset, y_offset = RATE_NUMBER_OFFSET
    elements = []
    for tick in ticks_between(axes.min_rate, axes.max_rate):
        y = axes.y(tick.number)
        elements.append(svg.line('tick', (left, y), (left + tick.length, y)))
        if tick.has_number:
            x, number = left + x_offset, rate_text(tick.number)
            elements.append(svg.line('grid', (left, y), (right, y)))
            elements.append(svg.text(x, y + y_offset, number, svg.SMALL, svg.END))
    return elements


def rate_text(rate):
    """Return a rate as an axis has it.

    >>> rate_text(1e12)
    '1 T'
    """
    if rate >= MAX_PREFIXED_RATE:
        return f'{rate:g} '
    exponent, prefix = prefix_of(rate)
    return f'{rate / 1000**exponent:g} {prefix}'
