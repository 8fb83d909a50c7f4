"""The labels of a roofline: where the names of roofs and layers stand so that all can be read.

The terms are those of data/roofline_plot.py. A spot is a list of Dots in one place, of which the
first takes longest. All places and sizes are in px.
"""

import math

from fodlam.data import svg
from fodlam.data.svg import LABEL_HEIGHT, SMALL_SIZE, Box
from fodlam.data.words import engineering, shortened

SAME_SPOT = 3  # the most between dots that are labelled together
MAX_SPOTS = 100  # that are labelled; no more fit, and each dot is held against all of them
FIRST_SPOTS = 3  # that are labelled before roofs are
MAX_NAMES_OF_SPOT = 4
MAX_NAME_LENGTH = 20  # characters
MAX_SPOT_NAME_LENGTH = 24

LABEL_RISE = 3  # of a label's baseline above the lower end of its Box
DOT_GAP = 3  # from a dot to a label that is level with it, above it or below it
# From the middle of a dot across, and as far up or down, to the corner of a label: a share of the
# radius, and some px more.
DOT_CORNER_SHARE = 0.7
DOT_CORNER_GAP = 2
# From a peak down to the lower end of its label, the best first.
PEAK_LABEL_DROPS = (-2, 16, -16, 30)
PEAK_LABEL_STEPS = 8  # places for the label along the flat part of a roof
PEAK_LABEL_GAP = 4  # between the label and the right end of the axes
RIDGE_LABEL_GAP = 4  # between the label and the line down from the ridge
RIDGE_LABEL_RISE = 5  # above the lower end of the axes
RIDGE_LABEL_ROWS = 4  # places for the label, one above the other
BANDWIDTH_RISE = 5  # of the baseline of the label that goes along a roof
# As this label is turned, a row of squares stands for the place that it takes.
BANDWIDTH_SQUARE_RISE = 9  # of their middles above the roof
BANDWIDTH_SQUARE_HALF = 7  # half of their width and height
BANDWIDTH_SQUARE_STEP = 8  # from one to the next


def draw_labels(axes, roofs, dots):
    """Return the elements of the labels of Roofs and Dots.

    dots: those that take longest first. The earlier a label is put, the more room there is for it.
    """
    labels = Labels(axes, roofs)
    spots = spots_of(dots)
    label_bandwidth(labels, roofs[0])
    for spot in spots[:FIRST_SPOTS]:
        label_spot(labels, spot)
    for roof in roofs:
        label_peak(labels, roof, dots)
    for roof in roofs:
        if roof.bytes_per_s == roofs[0].bytes_per_s:
            label_ridge(labels, roof)
    for spot in spots[FIRST_SPOTS:]:
        label_spot(labels, spot)
    return labels.elements


class Labels:
    """The labels of a roofline, none of which runs into another, crosses a Roof or leaves the Axes.

    taken: the Boxes that labels are in. elements: those labels.
    """

    def __init__(self, axes, roofs):
        self.axes = axes
        self.roofs = roofs
        self.taken = []
        self.elements = []

    def put(self, name, x, boxes, avoided=()):
        """Draw a name in the first of some Boxes that is free; return whether any is free.

        x: of the roof or dot that has the name. boxes: where the name may be, the best first.
        avoided: Boxes where it may not be.
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
    """Return the Boxes of a name whose lower left corners are some (x, y)."""
    width = svg.text_width(name, SMALL_SIZE)
    return [Box(x, y - LABEL_HEIGHT, x + width, y) for x, y in corners]


def overlap(box, other):
    """Return whether two Boxes overlap."""
    across = box.left < other.right and other.left < box.right
    return across and box.top < other.bottom and other.top < box.bottom


# --- Labels of roofs ---


def label_bandwidth(labels, roof):
    """Put a Roof's bandwidth along the part of it that rises, if that is long enough."""
    foot_x, foot_y = labels.axes.foot(roof)
    ridge_x, ridge_y = labels.axes.ridge(roof)
    name = f'bandwidth: {engineering(roof.bytes_per_s, "B")}/s'
    width = svg.text_width(name, SMALL_SIZE)
    length = math.hypot(ridge_x - foot_x, foot_y - ridge_y)
    if width > length:
        return
    cosine, sine = (ridge_x - foot_x) / length, (foot_y - ridge_y) / length

    def point(along, above):
        """Return the (x, y) that is some px along the Roof from its foot, and some above it."""
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
    """Put the peak of a Roof above or below its flat part, where no Dots are if there is room."""
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
    """Return the Boxes of Dots, of no more than can have labels."""
    boxes = []
    for dot in dots[:MAX_SPOTS]:
        boxes.append(
            Box(dot.x - dot.radius, dot.y - dot.radius, dot.x + dot.radius, dot.y + dot.radius)
        )
    return boxes


def label_ridge(labels, roof):
    """Put the intensity of a Roof's ridge at the bottom, to the right or left of the line there."""
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
    """Return the spots that Dots are on, no more than can have labels."""
    spots = []
    for dot in dots:
        spot = find_spot(dot, spots)
        if spot is not None:
            spot.append(dot)
        elif len(spots) < MAX_SPOTS:
            spots.append([dot])
    return spots


def find_spot(dot, spots):
    """Return the one of some spots that a Dot is on; None if it is on none of them."""
    for spot in spots:
        first = spot[0]
        if abs(first.x - dot.x) <= SAME_SPOT and abs(first.y - dot.y) <= SAME_SPOT:
            return spot
    return None


def label_spot(labels, spot):
    """Put the name of the Dots on a spot beside the first of them; there may be no room for it."""
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
