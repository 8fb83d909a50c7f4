"""The roofline of an accelerator with a dot for each layer, as elements of a picture.

Terms: the intensity of a layer is how many MACs it does for each byte of DRAM, and its rate how
many MACs it does per second. A roof is the highest rate that an accelerator allows by intensity: it
rises with its bandwidth, up to its ridge, and from there on is flat at its peak. Intensities go
across and rates go up, both by decades. All places and sizes are in px.
"""

import math
from collections import namedtuple

from fodlam.data import svg
from fodlam.data.svg import LABEL_HEIGHT, SMALL_SIZE, Box, LegendEntry
from fodlam.data.words import BOUNDS, engineering, percent, prefix_of, share_of, shortened

# What the legend above the axes takes, and what the numbers and the title under them take.
HEAD_HEIGHT, FOOT_HEIGHT = 26, 34

LEGEND_BASELINE = 12  # below the upper end of the box
LEGEND_SHARES = (0.01, 0.05, 0.1)  # of the time, of the dots that the legend shows
LEGEND_DOT_RISE = 4  # of the middle of such a dot above the baseline
LEGEND_DOT_GAP, LEGEND_DOT_ADVANCE = 4, 36  # from a dot to its text; from a dot to the next

FULL_RADIUS = 30  # of the dot of a layer that takes all of the time
MIN_RADIUS = 2

MAX_LABELS = 100  # of dots; no more fit, and each is held against all others
FIRST_SPOTS = 3  # that are labelled before roofs are
SAME_SPOT = 3  # between dots that are labelled together
MAX_NAMES_OF_SPOT, MAX_NAME_LENGTH, MAX_SPOT_NAME_LENGTH = 4, 20, 24  # names; characters

MAX_DECADES = 10  # of an axis, that have a number
MAJOR_TICK, MINOR_TICK = 7, 4  # lengths
MAX_PREFIXED_RATE = 1e18  # larger numbers have no prefix
INTENSITY_NUMBER_DROP, INTENSITY_TITLE_DROP = 14, 29  # below the axis, to the baseline
RATE_NUMBER_OFFSET = (-6, 4)  # (x, y) from the axis to the end of the number
RATE_TITLE_X = 24

# === Value types ===


class Roof(namedtuple('Roof', 'name peak bandwidth css')):
    """A roof: its name, peak in MACs per second, bandwidth in bytes per second, and class."""

    __slots__ = ()

    @property
    def ridge_intensity(self):
        """The intensity from which on the roof is flat, in MACs per byte."""
        return self.peak / self.bandwidth


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
        decades = math.log(self.max_intensity / self.min_intensity)
        share = math.log(intensity / self.min_intensity) / decades
        return self.box.left + self.box.width * share

    def y(self, rate):
        """Return where a rate is."""
        decades = math.log(self.max_rate / self.min_rate)
        share = math.log(rate / self.min_rate) / decades
        return self.box.bottom - self.box.height * share

    def ridge(self, roof):
        """Return the (x, y) of a Roof's ridge."""
        return self.x(roof.ridge_intensity), self.y(roof.peak)

    def foot(self, roof):
        """Return the (x, y) where a Roof starts, at the left or at the bottom."""
        intensity = max(self.min_intensity, self.min_rate / roof.bandwidth)
        return self.x(intensity), self.y(intensity * roof.bandwidth)

    def is_crossed(self, box, roof):
        """Return whether a Roof crosses a Box."""
        ridge_x, ridge_y = self.ridge(roof)
        foot_x, foot_y = self.foot(roof)
        slope = (foot_y - ridge_y) / (ridge_x - foot_x)
        y_at_left = ridge_y + slope * max(0, ridge_x - box.left)
        y_at_right = ridge_y + slope * max(0, ridge_x - box.right)
        return box.top <= y_at_left and y_at_right <= box.bottom


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
    """Return the Roofs of an Accelerator, first that of all layers without an efficiency."""
    peak, bandwidth = accelerator.peak_macs_per_s, accelerator.bytes_per_s
    roofs = [Roof('peak', peak, bandwidth, 'axis')]
    if accelerator.winograd_gain != 1:
        winograd_peak = peak * accelerator.winograd_gain
        roofs.append(Roof('with Winograd', winograd_peak, bandwidth, 'axis dash'))
    efficiency = accelerator.efficiency
    if efficiency is None or efficiency == 1:
        return roofs
    attained = []
    for roof in roofs:
        name = f'efficiency {efficiency:.3g}'
        if roof.name != 'peak':
            name = f'{roof.name}, {name}'
        attained.append(
            Roof(name, roof.peak * efficiency, roof.bandwidth * efficiency, 'axis dotted')
        )
    return roofs + attained


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
    """Return Axes that fill a Box, and have in them all Layers and a decade around each ridge."""
    intensities, rates = [], []
    for layer in layers:
        if layer.macs:
            intensities += [intensity_of(layer), intensity_of(layer) * 1.5]  # room for large dots
            rates.append(rate_of(layer))
    for roof in roofs:
        intensities += [roof.ridge_intensity / 10, roof.ridge_intensity * 10]
        rates += [roof.peak / 10, roof.peak * 2]
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
    """Return the Ticks of an axis from one number to another.

    Each digit has one, if the axis is short enough for every power of ten to have its number shown.

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
    """Return the elements of Axes: lines, ticks with numbers and a grid, and titles."""
    left, top, right, bottom = axes.box
    elements = []
    for tick in ticks_between(axes.min_intensity, axes.max_intensity):
        x = axes.x(tick.number)
        elements.append(svg.line('tick', (x, bottom), (x, bottom - tick.length)))
        if tick.has_number:
            y = bottom + INTENSITY_NUMBER_DROP
            elements.append(svg.line('grid', (x, top), (x, bottom)))
            elements.append(svg.text(x, y, f'{tick.number:g}', svg.SMALL, svg.MIDDLE))
    for tick in ticks_between(axes.min_rate, axes.max_rate):
        y = axes.y(tick.number)
        elements.append(svg.line('tick', (left, y), (left + tick.length, y)))
        if tick.has_number:
            x_offset, y_offset = RATE_NUMBER_OFFSET
            elements.append(svg.line('grid', (left, y), (right, y)))
            elements.append(
                svg.text(left + x_offset, y + y_offset, rate_text(tick.number), svg.SMALL, svg.END)
            )
    elements.append(svg.line('tick', (left, top), (left, bottom), (right, bottom)))
    middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
    elements += [
        svg.text(middle_x, bottom + INTENSITY_TITLE_DROP, 'MACs per DRAM byte', anchor=svg.MIDDLE),
        svg.text(RATE_TITLE_X, middle_y, 'MACs per second', anchor=svg.MIDDLE, turn=90),
    ]
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


# === Labels ===

# Where the labels of roofs and dots may be; see the functions that use them.
LABEL_MARGIN = 3  # from the baseline of a label to the lower end of its Box
LABEL_SIDE = 4  # between a label and what is on its left or right
ROOF_LABEL_DISTANCES = (-2, 16, -16, 30)  # from a peak down to a label's lower end
ROOF_LABEL_STEPS = 8  # places along the flat part of a roof
RIDGE_LABEL_RISE = 5  # above the lower end of the axes
RIDGE_LABEL_ROWS = 4
BANDWIDTH_RISE = 5  # of a baseline above the roof that it goes along
BANDWIDTH_MIDDLE_RISE, BANDWIDTH_HALF_HEIGHT = 9, 7  # of the squares that cover that label
BANDWIDTH_STEP = 8  # from one such square to the next
DOT_SIDE = 3  # between a dot and a label that is level with it, above or below
DOT_CORNER_SHARE, DOT_CORNER_SIDE = 0.7, 2  # of the radius, and more, to a label at a corner


class Labels:
    """The labels of a roofline, none of which runs into another, crosses a Roof or leaves the Axes.

    taken: the Boxes that labels are in. elements: those labels.
    """

    def __init__(self, axes, roofs):
        self.axes = axes
        self.roofs = roofs
        self.taken = []
        self.elements = []

    def put(self, name, x, places, avoided=()):
        """Draw a name in the first of some Boxes that is free; return whether there is any.

        x: where the thing is that it names. places: the Boxes, the best first. avoided: Boxes that
        are not free either.
        """
        for place in places:
            if self.is_free(place, avoided):
                self.taken.append(place)
                self.elements.append(draw_label(place, name, x))
                return True
        return False

    def is_free(self, place, avoided):
        """Return whether a Box is inside the Axes, and overlaps no label, Roof or avoided Box."""
        left, top, right, bottom = self.axes.box
        if place.left <= left or place.right >= right:
            return False
        if place.top <= top or place.bottom >= bottom:
            return False
        if any(self.axes.is_crossed(place, roof) for roof in self.roofs):
            return False
        if any(overlap(place, other) for other in self.taken):
            return False
        return not any(overlap(place, other) for other in avoided)


def draw_labels(axes, roofs, dots):
    """Return the elements of the labels of Roofs and Dots; the first ones have the most room."""
    labels = Labels(axes, roofs)
    spots = spots_of(dots)
    label_bandwidth(labels, roofs[0])
    for spot in spots[:FIRST_SPOTS]:
        label_spot(labels, spot)
    for roof in roofs:
        label_peak(labels, roof, dots)
    for roof in roofs:
        if roof.bandwidth == roofs[0].bandwidth:
            label_ridge(labels, roof)
    for spot in spots[FIRST_SPOTS:]:
        label_spot(labels, spot)
    return labels.elements


def draw_label(place, name, x):
    """Return the element of a name in a Box, at the end of it that is nearest to x."""
    y = place.bottom - LABEL_MARGIN
    if place.left >= x:
        return svg.text(place.left, y, name, svg.LABEL)
    if place.right <= x:
        return svg.text(place.right, y, name, svg.LABEL, svg.END)
    return svg.text((place.left + place.right) / 2, y, name, svg.LABEL, svg.MIDDLE)


def label_boxes(name, places):
    """Return the Boxes of a name at some places, which are (left, bottom)."""
    width = svg.text_width(name, SMALL_SIZE)
    return [Box(left, bottom - LABEL_HEIGHT, left + width, bottom) for left, bottom in places]


def overlap(box, other):
    """Return whether two Boxes overlap."""
    across = box.left < other.right and other.left < box.right
    return across and box.top < other.bottom and other.top < box.bottom


# --- Labels of roofs ---


def label_bandwidth(labels, roof):
    """Put a Roof's bandwidth along the part of it that rises, if that is long enough."""
    foot_x, foot_y = labels.axes.foot(roof)
    ridge_x, ridge_y = labels.axes.ridge(roof)
    name = f'bandwidth: {engineering(roof.bandwidth, "B")}/s'
    width = svg.text_width(name, SMALL_SIZE)
    length = math.hypot(ridge_x - foot_x, foot_y - ridge_y)
    if width > length:
        return
    cosine, sine = (ridge_x - foot_x) / length, (foot_y - ridge_y) / length

    def point(along, above):
        """Return the (x, y) so far along the Roof from its foot, and so far above it."""
        x = foot_x + along * cosine - above * sine
        y = foot_y - along * sine - above * cosine
        return x, y

    start = (length - width) / 3
    half = BANDWIDTH_HALF_HEIGHT
    for along in range(0, int(width) + BANDWIDTH_STEP, BANDWIDTH_STEP):
        x, y = point(start + along, BANDWIDTH_MIDDLE_RISE)
        labels.taken.append(Box(x - half, y - half, x + half, y + half))
    x, y = point(start, BANDWIDTH_RISE)
    turn = math.degrees(math.atan2(sine, cosine))
    labels.elements.append(svg.text(x, y, name, svg.LABEL, turn=turn))


def label_peak(labels, roof, dots):
    """Put the peak of a Roof above or below its flat part, where no Dots are if there is room."""
    x, y = labels.axes.ridge(roof)
    right = labels.axes.box.right
    name = f'{roof.name}: {engineering(roof.peak, "MAC")}/s'
    last = right - LABEL_SIDE - svg.text_width(name, SMALL_SIZE)
    places = []
    for distance in ROOF_LABEL_DISTANCES:
        for step in range(ROOF_LABEL_STEPS):
            places.append((last - (right - x) * step / ROOF_LABEL_STEPS, y + distance))
    boxes = label_boxes(name, places)
    if not labels.put(name, right, boxes, avoided=dot_boxes(dots)):
        labels.put(name, right, boxes)


def dot_boxes(dots):
    """Return the Boxes that Dots are in, of no more Dots than can have labels."""
    boxes = []
    for dot in dots[:MAX_LABELS]:
        boxes.append(
            Box(dot.x - dot.radius, dot.y - dot.radius, dot.x + dot.radius, dot.y + dot.radius)
        )
    return boxes


def label_ridge(labels, roof):
    """Put the intensity of a Roof's ridge at the bottom, to the right or left of the line there."""
    x, _ = labels.axes.ridge(roof)
    bottom = labels.axes.box.bottom - RIDGE_LABEL_RISE
    name = f'ridge: {roof.ridge_intensity:.4g} MACs per byte'
    places = []
    for left in (x + LABEL_SIDE, x - LABEL_SIDE - svg.text_width(name, SMALL_SIZE)):
        for row in range(RIDGE_LABEL_ROWS):
            places.append((left, bottom - LABEL_HEIGHT * row))
    labels.put(name, x, label_boxes(name, places))


# --- Labels of dots ---


def spots_of(dots):
    """Return lists of the Dots that are on one spot, in the order of their first."""
    spots = []
    for dot in dots:
        spot = find_spot(dot, spots)
        if spot is not None:
            spot.append(dot)
        elif len(spots) < MAX_LABELS:
            spots.append([dot])
    return spots


def find_spot(dot, spots):
    """Return the first of some lists of Dots whose first Dot is where a Dot is; None if none is."""
    for spot in spots:
        first = spot[0]
        if abs(first.x - dot.x) <= SAME_SPOT and abs(first.y - dot.y) <= SAME_SPOT:
            return spot
    return None


def label_spot(labels, spot):
    """Put the name of the Dots on one spot beside the first; it has none if there is no room."""
    x, y, radius = spot[0].x, spot[0].y, spot[0].radius
    name = spot_name([dot.layer.name for dot in spot])
    width = svg.text_width(name, SMALL_SIZE)
    aside = radius + DOT_SIDE
    corner = DOT_CORNER_SHARE * radius + DOT_CORNER_SIDE
    level_bottom = y + LABEL_HEIGHT / 2
    upper_bottom = y - corner
    lower_bottom = y + corner + LABEL_HEIGHT
    places = [
        (x + aside, level_bottom),
        (x - aside - width, level_bottom),
        (x + corner, lower_bottom),
        (x - corner - width, upper_bottom),
        (x + corner, upper_bottom),
        (x - corner - width, lower_bottom),
        (x - width / 2, y + aside + LABEL_HEIGHT),
        (x - width / 2, y - aside),
    ]
    labels.put(name, x, label_boxes(name, places))


def spot_name(names):
    """Return what the dots of layers on one spot are called; names: of the layers.

    >>> spot_name(['fc6', 'fc7', 'fc8'])
    'fc6, fc7, fc8'
    >>> spot_name([f'inception_3a/{i}' for i in range(5)])
    'inception_3a/0 and 4 more'
    """
    shown = [shortened(name, MAX_NAME_LENGTH) for name in names[:MAX_NAMES_OF_SPOT]]
    together = ', '.join(shown)
    if len(names) <= MAX_NAMES_OF_SPOT and len(together) <= MAX_SPOT_NAME_LENGTH:
        return together
    if len(names) == 1:
        return shown[0]
    return f'{shown[0]} and {len(names) - 1} more'
