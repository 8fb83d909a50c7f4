"""The roofline of an accelerator with a dot for each layer, as elements of a picture.

The axis of intensities goes across, that of rates goes up; both are logarithmic. All places and
sizes are in px, as in data/svg.py.

Terms:
  intensity  of a layer: its MACs per byte of DRAM
  rate       of a layer: its MACs per second
  roof       the line of the highest rate that an accelerator allows at each intensity
  foot       the left end of a roof, from where on it rises with the bandwidth
  ridge      the corner of a roof, from where on it is flat
  peak       the rate of the flat part
"""

import math
from collections import namedtuple

from fodlam.data import svg
from fodlam.data.roofline_labels import draw_labels
from fodlam.data.svg import Box, LegendEntry
from fodlam.data.words import BOUNDS, engineering, percent, prefix_of, share_of

PLOT_HEIGHT = 270  # of the axes
RATE_TITLE_DROP = 22  # from the last baseline of the legend to that of the title of the rates
PLOT_DROP = 14  # from there to the upper end of the axes

# The legend shows the dots of layers with these shares of the time.
LEGEND_SHARES = (0.01, 0.05, 0.1)
LEGEND_DOTS_DROP = 22  # from the baseline above it to that of the line of dots
LEGEND_DOT_RISE = 5  # of the middle of such a dot above the baseline
LEGEND_DOT_GAP = 4  # from such a dot to its text
LEGEND_DOT_ADVANCE = 50  # from the right end of such a dot to the left end of the next

MAX_DECADES = 6  # that have a number on an axis
MAJOR_TICK_LENGTH = 7
MINOR_TICK_LENGTH = 4
MAX_PREFIXED_RATE = 1e18  # MAC/s; from here on, numbers have no prefix
# The factor from the highest intensity to the end of its axis, and from the lowest intensity and
# rate to the start of theirs, at least.
LARGE_DOT_ROOM = 2
# From the lower end of the axes down to baselines.
INTENSITY_NUMBER_DROP = 19
INTENSITY_TITLE_DROP = 38
NUMBER_GAP = 2  # from the number at the end of an axis to the edge of the page

FULL_RADIUS = 30  # of the dot of a layer that takes all of the time
MIN_RADIUS = 3

# === Value types ===


class Roof(namedtuple('Roof', 'name peak_macs_per_s bytes_per_s css')):
    """A roof.

    name: such as "peak". peak_macs_per_s: its peak. bytes_per_s: the bandwidth with which it rises.
    css: the class of its line.
    """

    __slots__ = ()

    @property
    def ridge_intensity(self):
        """The intensity of the ridge, in MACs per byte."""
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
        """Return the x of an intensity, in MACs per byte."""
        share = log_share(intensity, self.min_intensity, self.max_intensity)
        return self.box.left + self.box.width * share

    def y(self, rate):
        """Return the y of a rate, in MACs per second."""
        share = log_share(rate, self.min_rate, self.max_rate)
        return self.box.bottom - self.box.height * share

    def roof_line(self, roof):
        """Return the RoofLine of a Roof."""
        intensity = max(self.min_intensity, self.min_rate / roof.bytes_per_s)
        foot = self.x(intensity), self.y(intensity * roof.bytes_per_s)
        ridge = self.x(roof.ridge_intensity), self.y(roof.peak_macs_per_s)
        return RoofLine(foot, ridge)


class RoofLine(namedtuple('RoofLine', 'foot ridge')):
    """The line of a Roof: (x, y) of its foot, at the left or lower end of axes, and its ridge."""

    __slots__ = ()

    def crosses(self, box):
        """Return whether the line crosses a Box."""
        # A roof never falls: over the Box, it is lowest at the left. And y grows downwards.
        return box.top <= self.y(box.left) and self.y(box.right) <= box.bottom

    def y(self, x):
        """Return the y of the line at an x."""
        foot_x, foot_y = self.foot
        ridge_x, ridge_y = self.ridge
        slope = (foot_y - ridge_y) / (ridge_x - foot_x)
        return ridge_y + slope * max(0, ridge_x - x)


def log_share(number, first, last):
    """Return how far along a logarithmic axis a number is, as a share of the axis.

    first, last: the numbers at the ends of the axis.

    >>> log_share(1000, 1, 1e6)
    0.5
    """
    return math.log(number / first) / math.log(last / first)


# === The plot ===


def draw_roofline(estimate, layers, top):
    """Return (elements, y of the lower end) of the roofline of an Estimate's accelerator.

    Each layer has a dot in it. layers: the Estimate's Layers. top: the y of the upper end.
    """
    roofs = roofs_of(estimate.accelerator)
    elements, y = draw_legend(estimate, roofs, top)
    y += RATE_TITLE_DROP
    elements.append(svg.text(svg.LEFT, y, 'MACs per second'))
    plot_top = y + PLOT_DROP
    plot = Box(svg.PLOT_LEFT, plot_top, svg.PLOT_RIGHT, plot_top + PLOT_HEIGHT)
    axes = make_axes(layers, roofs, plot)
    dots = dots_of(layers, estimate.sums['total'].latency_s, axes)
    elements += draw_axes(axes)
    for roof in roofs:
        elements += draw_roof(roof, axes)
    elements += [draw_dot(dot) for dot in dots]
    elements += draw_labels(axes, roofs, dots)
    return elements, plot.bottom + INTENSITY_TITLE_DROP


def roofs_of(accelerator):
    """Return the list of Roofs of an Accelerator.

    The first is the highest rate without Winograd's algorithm. If the Accelerator has a gain by
    this or an efficiency, there are Roofs with these.
    """
    peak, bandwidth = accelerator.peak_macs_per_s, accelerator.bytes_per_s
    gain, efficiency = accelerator.winograd_gain, accelerator.efficiency
    roofs = [Roof('peak', peak, bandwidth, 'axis')]
    if gain != 1:
        roofs.append(Roof('with Winograd', peak * gain, bandwidth, 'axis dash'))
    if efficiency is None or efficiency == 1:
        return roofs
    attained_bandwidth = bandwidth * efficiency
    name = f'efficiency {efficiency:.3g}'
    roofs.append(Roof(name, peak * efficiency, attained_bandwidth, 'axis dotted'))
    if gain != 1:
        name = f'with Winograd, {name}'
        roofs.append(Roof(name, peak * gain * efficiency, attained_bandwidth, 'axis dash-dotted'))
    return roofs


def draw_roof(roof, axes):
    """Return the elements of a Roof: its line, and a line down from its ridge."""
    foot, (x, y) = axes.roof_line(roof)
    return [
        svg.line(roof.css, foot, (x, y), (axes.box.right, y)),
        svg.line('tick dotted', (x, y), (x, axes.box.bottom)),
    ]


def draw_legend(estimate, roofs, top):
    """Return (elements, y of the last baseline) of what lines, and colours and sizes of dots mean.

    roofs: a list of Roofs. top: the y of the upper end of the legend.
    """
    entries = []
    for roof in roofs:
        peak = engineering(roof.peak_macs_per_s, 'MAC')
        entries.append(LegendEntry(roof.css, f'{roof.name}: {peak}/s'))
    total_s = estimate.sums['total'].latency_s
    for bound in BOUNDS:
        if bound in (estimate.bounds or {}):
            time_s = estimate.bounds[bound].latency_s
            share = percent(share_of(time_s, total_s))
            entries.append(
                LegendEntry(bound, f'{bound}-bound: {engineering(time_s, "s")}, {share}')
            )
    elements, y = svg.legend(top, entries)
    y += LEGEND_DOTS_DROP
    title = 'share of the time:'
    elements.append(svg.text(svg.LEFT, y, title))
    x = svg.LEFT + svg.text_width(title, svg.TEXT_SIZE) + svg.ENTRY_GAP
    for share in LEGEND_SHARES:
        radius = radius_of(share)
        elements.append(svg.dot('size', x + radius, y - LEGEND_DOT_RISE, radius))
        elements.append(svg.text(x + 2 * radius + LEGEND_DOT_GAP, y, f'{share:.0%}'))
        x += 2 * radius + LEGEND_DOT_ADVANCE
    return elements, y


# === Dots ===


def dots_of(layers, total_s, axes):
    """Return the list of Dots of the Layers that have MACs, those that take longest first.

    total_s: the time in s that all Layers take.
    """
    dots = []
    for layer in sorted(layers, key=lambda layer: layer.cost.latency_s, reverse=True):
        if layer.macs and intensity_of(layer) is not None:
            share = layer.cost.latency_s / total_s
            x, y = axes.x(intensity_of(layer)), axes.y(rate_of(layer))
            dots.append(Dot(layer, x, y, radius_of(share), share))
    return dots


def intensity_of(layer):
    """Return the intensity of a Layer, in MACs per byte of DRAM; None if it moves none."""
    return layer.details['operational_intensity']


def rate_of(layer):
    """Return the rate of a Layer, in MACs per second."""
    return layer.macs / layer.cost.latency_s


def radius_of(share):
    """Return the radius of a layer's dot, whose area is in proportion to the layer's time.

    share: of the time of all layers that this layer takes.

    >>> radius_of(1), radius_of(0.25)  # a quarter of the area
    (30.0, 15.0)
    """
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
    """Return Axes that have all Layers in them, and some room around the ridges of all Roofs.

    plot: the Box that the Axes fill.
    """
    intensities, rates = [], []
    for layer in layers:
        if layer.macs and intensity_of(layer) is not None:
            intensity = intensity_of(layer)
            intensities += [intensity / LARGE_DOT_ROOM, intensity * LARGE_DOT_ROOM]
            rates += [rate_of(layer) / LARGE_DOT_ROOM, rate_of(layer)]
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
    """Return a number rounded to 1, 2 or 5 times a power of ten; up: whether it is rounded up.

    >>> round_number(3456.0, up=False), round_number(3456.0, up=True)
    (2000.0, 5000.0)
    """
    decade = 10.0 ** math.floor(math.log10(number))
    # 0.5 and 20 are for powers of ten, whose logarithm may be rounded to below or above their
    # exponent.
    candidates = [decade * factor for factor in (0.5, 1, 2, 5, 10, 20)]
    if up:
        return min(candidate for candidate in candidates if candidate >= number)
    return max(candidate for candidate in candidates if candidate <= number)


def ticks_between(first, last):
    """Return the list of Ticks of a logarithmic axis.

    first, last: the numbers at its ends.
    Powers of ten have long ticks with a number. On an axis that is too long for that, only every
    second or third power has a number shown. On others, there are short ticks for 2 to 9 times a
    power of ten.

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
            # An end of the axis counts, even if it is rounded a little.
            is_between = first <= number * 1.000001 and number <= last * 1.000001
            if is_between and digit == 1:
                ticks.append(Tick(number, MAJOR_TICK_LENGTH, has_number=exponent % every == 0))
            elif is_between:
                ticks.append(Tick(number, MINOR_TICK_LENGTH, has_number=False))
    return ticks


def draw_axes(axes):
    """Return the elements of Axes: ticks with numbers and grid lines, the two axes, and a title."""
    left, top, right, bottom = axes.box
    elements = draw_intensity_ticks(axes) + draw_rate_ticks(axes)
    elements.append(svg.line('tick', (left, top), (left, bottom), (right, bottom)))
    x, y = (left + right) / 2, bottom + INTENSITY_TITLE_DROP
    elements.append(svg.text(x, y, 'MACs per DRAM byte', anchor=svg.MIDDLE))
    return elements


def draw_intensity_ticks(axes):
    """Return the elements of the ticks at the bottom of Axes, with numbers and grid lines."""
    _, top, _, bottom = axes.box
    elements = []
    for tick in ticks_between(axes.min_intensity, axes.max_intensity):
        x = axes.x(tick.number)
        elements.append(svg.line('tick', (x, bottom), (x, bottom - tick.length)))
        if tick.has_number:
            number = f'{tick.number:g}'
            y = bottom + INTENSITY_NUMBER_DROP
            elements.append(svg.line('grid', (x, top), (x, bottom)))
            half = svg.text_width(number, svg.TEXT_SIZE) / 2
            number_x = min(x, svg.WIDTH - NUMBER_GAP - half)
            elements.append(svg.text(number_x, y, number, anchor=svg.MIDDLE))
    return elements


def draw_rate_ticks(axes):
    """Return the elements of the ticks at the left of Axes, with numbers and grid lines."""
    left, _, right, _ = axes.box
    x_offset, y_offset = svg.AXIS_NUMBER_OFFSET
    elements = []
    for tick in ticks_between(axes.min_rate, axes.max_rate):
        y = axes.y(tick.number)
        elements.append(svg.line('tick', (left, y), (left + tick.length, y)))
        if tick.has_number:
            x, number = left + x_offset, rate_text(tick.number)
            elements.append(svg.line('grid', (left, y), (right, y)))
            elements.append(svg.text(x, y + y_offset, number, anchor=svg.END))
    return elements


def rate_text(rate):
    """Return the number of a tick on the axis of rates; rate: in MACs per second.

    >>> rate_text(1e12), rate_text(1e20)
    ('1 T', '1e+20 ')
    """
    if rate >= MAX_PREFIXED_RATE:
        return f'{rate:g} '
    exponent, prefix = prefix_of(rate)
    return f'{rate / 1000**exponent:g} {prefix}'
