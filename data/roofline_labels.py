"""The labels of a roofline: where the names of roofs and layers stand so that all can be read.

The terms are those of data/roofline_plot.py, and one more:
  spot  a list of Dots in about the same place, which have one label; the first takes longest
All places and sizes are in px, as in data/svg.py.
"""

import math

from fodlam.data import svg
from fodlam.data.svg import LABEL_HEIGHT, SMALL_SIZE, Box
from fodlam.data.words import engineering, shortened

SAME_SPOT_DISTANCE = 3  # how far a dot of a spot may be from the first, across and up or down
MAX_SPOTS = 100  # with a label; more do not fit, and each dot is compared with all of them
FIRST_SPOTS = 3  # that are labelled before roofs are
MAX_NAMES_OF_SPOT = 4
MAX_NAME_LENGTH = 20  # characters
MAX_SPOT_NAME_LENGTH = 24  # characters

LABEL_RISE = 3  # of a label's baseline above the lower end of its Box
DOT_GAP = 3  # from a dot to a label beside, above or below it
# A label may also be aslant of a dot. It is then as far across from the middle of the dot as it is
# up or down: by this share of the radius, and by this gap more.
DOT_CORNER_SHARE = 0.7
DOT_CORNER_GAP = 2
# The label of a peak is near the flat part of its roof.
PEAK_LABEL_DROPS = (-2, 16, -16, 30)  # from the roof down to its lower end, the best first
PEAK_LABEL_STEPS = 8  # how many places there are for it along the roof
PEAK_LABEL_GAP = 4  # from its right end to that of the axes
# The label of a ridge is near the lower end of the axes, beside the line down from the ridge.
RIDGE_LABEL_GAP = 4  # from the line
RIDGE_LABEL_RISE = 5  # above the lower end of the axes
RIDGE_LABEL_ROWS = 4  # how many places there are for it, one above the other
# The label of a bandwidth goes along the part of the roof that rises. As Boxes are not turned, a
# row of squares stands for the place that it takes.
BANDWIDTH_RISE = 5  # of its baseline above the roof
BANDWIDTH_SQUARE_RISE = 9  # of the middles of squares above the roof
BANDWIDTH_SQUARE_HALF = 7  # half of the width of a square
BANDWIDTH_SQUARE_STEP = 8  # from one square to the next


def draw_labels(axes, roofs, dots):
    """Return the elements of the labels of Roofs and Dots.

    dots: the Dots, those that take longest first.
    """
    # The earlier a label is put, the more room there is for it.
    labels = Labels(axes, roofs)
    spots = spots_of(dots)
    label_bandwidth(labels, roofs[0])
    for spot in spots[:FIRST_SPOTS]:
        label_spot(labels, spot)
    for roof in roofs:
        label_peak(labels, roof, dots)
    for roof in roofs:
        # Roofs with an efficiency have the same ridges.
        if roof.bytes_per_s == roofs[0].bytes_per_s:
            label_ridge(labels, roof)
    for spot in spots[FIRST_SPOTS:]:
        label_spot(labels, spot)
    return labels.elements


class Labels:
    """The labels of a roofline, none of which runs into another, crosses a Roof or leaves the Axes.

    axes: the Axes. roofs: a list of Roofs. taken: the Boxes of the labels so far. elements: the
    labels so far.
    """

    def __init__(self, axes, roofs):
        self.axes = axes
        self.roofs = roofs
        self.taken = []
        self.elements = []

    def put(self, name, x, boxes, avoided=()):
        """Put a name in the first Box that is free; return whether one is.

        x: of the point that the name belongs to. boxes: the Boxes where the name may be, the best
        first. avoided: Boxes that the name must not overlap.
        """
        for box in boxes:
            if self.is_free(box, avoided):
                self.taken.append(box)
                self.elements.append(draw_label(name, x, box))
                return True
        return False

    def is_free(self, box, avoided):
        """Return whether a Box is inside the Axes, and overlaps no label, Roof or avoided Box."""
        left, top, right, bottom = self.axes.box
        if box.left <= left or box.right >= right:
            return False
        if box.top <= top or box.bottom >= bottom:
            return False
        if any(self.axes.crosses(roof, box) for roof in self.roofs):
            return False
        if any(overlap(box, other) for other in self.taken):
            return False
        return not any(overlap(box, other) for other in avoided)


def draw_label(name, x, box):
    """Return the element of a name in a Box, at the end of the Box that is nearest to x."""
    y = box.bottom - LABEL_RISE
    if box.left >= x:
        return svg.text(box.left, y, name, svg.LABEL)
    if box.right <= x:
        return svg.text(box.right, y, name, svg.LABEL, svg.END)
    return svg.text((box.left + box.right) / 2, y, name, svg.LABEL, svg.MIDDLE)


def label_boxes(name, corners):
    """Return the list of Boxes that fit a name; corners: the (x, y) of their lower left corners."""
    width = svg.text_width(name, SMALL_SIZE)
    return [Box(x, y - LABEL_HEIGHT, x + width, y) for x, y in corners]


def overlap(box, other):
    """Return whether two Boxes overlap."""
    across = box.left < other.right and other.left < box.right
    return across and box.top < other.bottom and other.top < box.bottom


# --- Labels of roofs ---


def label_bandwidth(labels, roof):
    """Put the bandwidth of a Roof along the part of it that rises, if that is long enough."""
    foot_x, foot_y = labels.axes.foot(roof)
    ridge_x, ridge_y = labels.axes.ridge(roof)
    name = f'bandwidth: {engineering(roof.bytes_per_s, "B")}/s'
    width = svg.text_width(name, SMALL_SIZE)
    length = math.hypot(ridge_x - foot_x, foot_y - ridge_y)
    if width > length:
        return
    cosine, sine = (ridge_x - foot_x) / length, (foot_y - ridge_y) / length

    def point(along, above):
        """Return the (x, y) of a point.

        along: how far it is from the foot along the Roof. above: how far it is above the Roof.
        """
        x = foot_x + along * cosine - above * sine
        y = foot_y - along * sine - above * cosine
        return x, y

    start = (length - width) / 3  # nearer to the foot, as other labels are near the ridge
    half = BANDWIDTH_SQUARE_HALF
    for along in range(0, int(width) + BANDWIDTH_SQUARE_STEP, BANDWIDTH_SQUARE_STEP):
        x, y = point(start + along, BANDWIDTH_SQUARE_RISE)
        labels.taken.append(Box(x - half, y - half, x + half, y + half))
    x, y = point(start, BANDWIDTH_RISE)
    turn = math.degrees(math.atan2(sine, cosine))
    labels.elements.append(svg.text(x, y, name, svg.LABEL, turn=turn))


def label_peak(labels, roof, dots):
    """Put the peak of a Roof near its flat part: where no Dots are, or else over Dots."""
    x, y = labels.axes.ridge(roof)
    right = labels.axes.box.right
    name = f'{roof.name}: {engineering(roof.peak_macs_per_s, "MAC")}/s'
    last = right - PEAK_LABEL_GAP - svg.text_width(name, SMALL_SIZE)
    corners = []
    for drop in PEAK_LABEL_DROPS:
        for step in range(PEAK_LABEL_STEPS):
            corners.append((last - (right - x) * step / PEAK_LABEL_STEPS, y + drop))
    boxes = label_boxes(name, corners)
    if not labels.put(name, right, boxes, avoided=dot_boxes(dots)):
        labels.put(name, right, boxes)


def dot_boxes(dots):
    """Return the list of Boxes around Dots, for no more Dots than there are labels."""
    boxes = []
    for dot in dots[:MAX_SPOTS]:
        boxes.append(
            Box(dot.x - dot.radius, dot.y - dot.radius, dot.x + dot.radius, dot.y + dot.radius)
        )
    return boxes


def label_ridge(labels, roof):
    """Put the intensity of a Roof's ridge to the right or left of the line down from the ridge."""
    x, _ = labels.axes.ridge(roof)
    bottom = labels.axes.box.bottom - RIDGE_LABEL_RISE
    name = f'ridge: {roof.ridge_intensity:.4g} MACs per byte'
    corners = []
    for left in (x + RIDGE_LABEL_GAP, x - RIDGE_LABEL_GAP - svg.text_width(name, SMALL_SIZE)):
        for row in range(RIDGE_LABEL_ROWS):
            corners.append((left, bottom - LABEL_HEIGHT * row))
    labels.put(name, x, label_boxes(name, corners))


# --- Labels of dots ---


def spots_of(dots):
    """Return the list of the first spots of Dots, up to MAX_SPOTS."""
    spots = []
    for dot in dots:
        spot = find_spot(dot, spots)
        if spot is not None:
            spot.append(dot)
        elif len(spots) < MAX_SPOTS:
            spots.append([dot])
    return spots


def find_spot(dot, spots):
    """Return the spot that a Dot belongs to; None if it belongs to none of the spots."""
    for spot in spots:
        across, up = abs(spot[0].x - dot.x), abs(spot[0].y - dot.y)
        if across <= SAME_SPOT_DISTANCE and up <= SAME_SPOT_DISTANCE:
            return spot
    return None


def label_spot(labels, spot):
    """Put the name of a spot beside its first Dot, if there is room."""
    x, y, radius = spot[0].x, spot[0].y, spot[0].radius
    name = spot_name([dot.layer.name for dot in spot])
    width = svg.text_width(name, SMALL_SIZE)
    aside = radius + DOT_GAP
    aslant = DOT_CORNER_SHARE * radius + DOT_CORNER_GAP
    level_bottom = y + LABEL_HEIGHT / 2
    upper_bottom = y - aslant
    lower_bottom = y + aslant + LABEL_HEIGHT
    # The best first: right, left, lower right, upper left, upper right, lower left, below, above.
    corners = [
        (x + aside, level_bottom),
        (x - aside - width, level_bottom),
        (x + aslant, lower_bottom),
        (x - aslant - width, upper_bottom),
        (x + aslant, upper_bottom),
        (x - aslant - width, lower_bottom),
        (x - width / 2, y + aside + LABEL_HEIGHT),
        (x - width / 2, y - aside),
    ]
    labels.put(name, x, label_boxes(name, corners))


def spot_name(names):
    """Return the name of a spot; names: of the layers whose Dots it has.

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
