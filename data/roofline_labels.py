"""The labels of a roofline: where names of layers, bandwidth and ridges can be read.

The terms are those of data/roofline_plot.py, and one more:
  spot  a list of Dots in about the same place, which have one label; the first takes longest
All places and sizes are in px, as in data/svg.py.
"""

import math

from fodlam.data import svg
from fodlam.data.svg import LABEL_HEIGHT, TEXT_SIZE, Box
from fodlam.data.words import engineering

SAME_SPOT_DISTANCE = 3  # how far a dot of a spot may be from the first, across and up or down
MAX_SPOTS = 100  # with a label; more do not fit, and each dot is compared with all of them
FIRST_SPOTS = 3  # that are labelled before ridges are, and may be labelled on dots
MAX_NAMES_OF_SPOT = 4
MAX_SPOT_NAMES_WIDTH = 160  # of several names of a spot together
# The widths of a name that are tried, the best first. They include " and 2 more" behind it, but
# leave at least MIN_NAME_WIDTH to the name itself. The first is only for rooflines with few spots.
NAME_WIDTHS = (360, 200, 150)
MIN_NAME_WIDTH = 100
MAX_SPOTS_WITH_LONG_NAMES = 6

LABEL_RISE = 4  # of a label's baseline above the lower end of its Box
LABEL_MARGIN = 5  # between a label and the next on a line
DOT_CLEARANCE = 4  # from a label to dots that it does not belong to
ROOF_GAP = 3  # from a Box to the nearest roof
DOT_GAP = 3  # from a dot to a label beside, above or below it
# A label may also be aslant of a dot. It is then as far across from the middle of the dot as it is
# up or down: by this share of the radius, and by this gap more.
DOT_CORNER_SHARE = 0.7
DOT_CORNER_GAP = 3
# A label of a layer that takes at least this share of the time may be farther away, with a line
# that leads to its dot: by these distances more.
MIN_LEADER_SHARE = 0.01
LEADER_LENGTHS = (16, 32, 48, 64)
# Where the line may go from its dot, as (across, down), the best first.
LEADER_DIRECTIONS = (
    (0.7, 0.7),
    (-0.7, -0.7),
    (0.3, 0.95),
    (-0.3, -0.95),
    (-0.7, 0.7),
    (0.7, -0.7),
    (-0.3, 0.95),
    (0.3, -0.95),
    (0.95, 0.3),
    (-0.95, 0.3),
    (0.95, -0.3),
    (-0.95, -0.3),
)
LEADER_STEP = 5  # along the line, from one square of the place that it takes to the next
LEADER_HALF = 2  # half of the width of such a square
# The label of a ridge is near the lower end of the axes, beside the line down from the ridge.
RIDGE_LABEL_GAP = 4  # from the line
RIDGE_LABEL_RISE = 8  # above the lower end of the axes
RIDGE_LABEL_ROWS = 4  # how many places there are for it, one above the other
# The label of a bandwidth goes along the part of the roof that rises. Rises of its baseline above
# the roof, or below it, the best first. No layer is above its roof, so that the largest rise leaves
# even the largest dots on the roof free.
BANDWIDTH_RISES = (6, 10, 14, 18, 22, 28, 34, -17, -23, -29, -35)
MAX_DOTS_OF_BANDWIDTH = 500  # that it looks out for
# As Boxes are not turned, a row of squares stands for the place that it takes.
BANDWIDTH_SQUARE_HALF = 10  # half of the width of a square
BANDWIDTH_SQUARE_STEP = 10  # from one square to the next
# How far along the roof it may be: shares of the length that it leaves free, the best first. It is
# nearer to the foot, as other labels are near the ridge.
BANDWIDTH_SHARES = (0.3, 0.2, 0.4, 0.1, 0.5, 0.6, 0.7, 0.8, 0.9)


def draw_labels(axes, roofs, dots):
    """Return the elements of the labels of Roofs and Dots.

    dots: the Dots, those that take longest first.
    """
    # The earlier a label is put, the more room there is for it.
    labels = Labels(axes, roofs, dots[:MAX_SPOTS])
    spots = spots_of(dots)
    names = names_of_spots(spots)
    label_bandwidth(labels, roofs[0], dots[:MAX_DOTS_OF_BANDWIDTH])
    for spot, spot_names in zip(spots[:FIRST_SPOTS], names):
        label_spot(labels, spot, spot_names, may_cover_dots=True)
    for roof in roofs:
        # Roofs with an efficiency have the same ridges.
        if roof.bytes_per_s == roofs[0].bytes_per_s:
            label_ridge(labels, roof)
    for spot, spot_names in zip(spots[FIRST_SPOTS:], names[FIRST_SPOTS:]):
        label_spot(labels, spot, spot_names, may_cover_dots=False)
    return labels.elements


class Labels:
    """The labels of a roofline, none of which runs into another, crosses a Roof or leaves the Axes.

    axes: the Axes. roof_lines: the RoofLines. dots: a list of Dots, as many as labels look out for.
    taken: the Boxes of the labels so far. elements: the labels so far.
    """

    def __init__(self, axes, roofs, dots):
        self.axes = axes
        self.roof_lines = [axes.roof_line(roof) for roof in roofs]
        self.dots = dots
        self.taken = []
        self.elements = []

    def put(self, name, x, boxes, avoided):
        """Put a name in the first Box that is free; return whether one is.

        x: of the point that the name belongs to. boxes: the Boxes where the name may be, the best
        first. avoided: the Dots that a name must not be near, as it might seem to be theirs.
        """
        for box in boxes:
            if self.is_free(box) and not is_near(box, avoided, DOT_CLEARANCE):
                self.taken.append(box)
                self.elements += draw_label(name, x, box)
                return True
        return False

    def put_with_leader(self, name, dot, avoided):
        """Put a name away from a Dot, with a line to it, if there is room; return whether there is.

        avoided: the Dots that the name must not be near, and the line must not run into.
        """
        width = svg.text_width(name, TEXT_SIZE)
        first_left, last_left = self.axes.box.left + 1, self.axes.box.right - width - 1
        for length in LEADER_LENGTHS:
            for across, down in LEADER_DIRECTIONS:
                # The line ends at the corner of the name, or where the name is moved into the axes,
                # at its upper or lower edge.
                start = dot.x + across * dot.radius, dot.y + down * dot.radius
                end = start[0] + across * length, start[1] + down * length
                left = end[0] if across > 0 else end[0] - width
                left = min(max(left, first_left), last_left)
                if not left <= end[0] <= left + width:
                    continue  # the line leaves the axes
                top = end[1] if down > 0 else end[1] - LABEL_HEIGHT
                box = Box(left, top, left + width, top + LABEL_HEIGHT)
                if not self.is_free(box) or is_near(box, avoided, DOT_CLEARANCE):
                    continue
                leader = leader_boxes(start, end)
                if self.is_open(leader, avoided):
                    self.taken += [box, *leader]
                    self.elements.append(svg.line('tick', start, end))
                    self.elements += draw_label(name, dot.x, box)
                    return True
        return False

    def is_open(self, leader, avoided):
        """Return whether a line runs into no label and none of some Dots.

        leader: the Boxes that the line takes. avoided: the Dots.
        """
        for box in leader:
            if any(overlap(box, other) for other in self.taken) or is_near(box, avoided, 0):
                return False
        return True

    def is_free(self, box):
        """Return whether a Box is inside the Axes, and overlaps no label and no Roof."""
        left, top, right, bottom = self.axes.box
        if box.left <= left or box.right >= right:
            return False
        if box.top <= top or box.bottom >= bottom:
            return False
        with_gap = Box(
            box.left - ROOF_GAP, box.top - ROOF_GAP, box.right + ROOF_GAP, box.bottom + ROOF_GAP
        )
        if any(roof_line.crosses(with_gap) for roof_line in self.roof_lines):
            return False
        with_margin = Box(box.left - LABEL_MARGIN, box.top, box.right + LABEL_MARGIN, box.bottom)
        return not any(overlap(with_margin, other) for other in self.taken)


def is_near(box, dots, clearance):
    """Return whether one of some Dots is nearer to a Box than `clearance`, or in it."""
    for dot in dots:
        # The point of the Box that is nearest to the middle of the Dot.
        x = min(max(dot.x, box.left), box.right)
        y = min(max(dot.y, box.top), box.bottom)
        if math.hypot(dot.x - x, dot.y - y) < dot.radius + clearance:
            return True
    return False


def leader_boxes(start, end):
    """Return the list of small Boxes that stand for a line between two points (x, y).

    >>> [box.left + LEADER_HALF for box in leader_boxes((0, 0), (9, 0))]
    [4.5, 9.0]
    """
    length = math.dist(start, end)
    steps = math.ceil(length / LEADER_STEP)
    boxes = []
    for step in range(1, steps + 1):
        x = start[0] + (end[0] - start[0]) * step / steps
        y = start[1] + (end[1] - start[1]) * step / steps
        boxes.append(Box(x - LEADER_HALF, y - LEADER_HALF, x + LEADER_HALF, y + LEADER_HALF))
    return boxes


def draw_label(name, x, box):
    """Return the elements of a name in a Box, at the end of the Box that is nearest to x."""
    y = box.bottom - LABEL_RISE
    if box.left >= x:
        return svg.label(box.left, y, name)
    if box.right <= x:
        return svg.label(box.right, y, name, svg.END)
    return svg.label((box.left + box.right) / 2, y, name, svg.MIDDLE)


def label_boxes(name, corners):
    """Return the list of Boxes that fit a name; corners: the (x, y) of their lower left corners."""
    width = svg.text_width(name, TEXT_SIZE)
    return [Box(x, y - LABEL_HEIGHT, x + width, y) for x, y in corners]


def overlap(box, other):
    """Return whether two Boxes overlap.

    >>> overlap(Box(0, 0, 10, 10), Box(5, 5, 20, 20)), overlap(Box(0, 0, 10, 10), Box(0, 10, 9, 20))
    (True, False)
    """
    across = box.left < other.right and other.left < box.right
    return across and box.top < other.bottom and other.top < box.bottom


# --- Labels of roofs ---


def label_bandwidth(labels, roof, dots):
    """Put the bandwidth of a Roof along the part of it that rises, if that is long enough.

    dots: the list of the Dots that it should not touch.
    """
    (foot_x, foot_y), (ridge_x, ridge_y) = labels.axes.roof_line(roof)
    name = f'bandwidth: {engineering(roof.bytes_per_s, "B")}/s'
    width = svg.text_width(name, TEXT_SIZE)
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

    places = []  # of the dots: (how far along the Roof, how far above it, radius)
    for dot in dots:
        across, up = dot.x - foot_x, foot_y - dot.y
        places.append((across * cosine + up * sine, up * cosine - across * sine, dot.radius))

    def count_dots(along, rise):
        """Return how many Dots a label touches, by where its baseline begins."""
        count, bottom = 0, rise - LABEL_RISE
        for dot_along, dot_above, radius in places:
            aside = max(along - dot_along, 0, dot_along - along - width)
            apart = max(bottom - dot_above, 0, dot_above - bottom - LABEL_HEIGHT)
            count += math.hypot(aside, apart) < radius
        return count

    def fits(along, rise):
        """Return whether a label is inside the axes, by where its baseline begins."""
        left, top, right, bottom = labels.axes.box
        for end in along, along + width:
            for above in rise - LABEL_RISE, rise - LABEL_RISE + LABEL_HEIGHT:
                x, y = point(end, above)
                if not (left < x < right and top < y < bottom):
                    return False
        return True

    best, fewest = None, math.inf
    for rise in BANDWIDTH_RISES:
        for share in BANDWIDTH_SHARES:
            along = (length - width) * share
            if fewest == 0 or not fits(along, rise):
                continue
            count = count_dots(along, rise)
            if count < fewest:
                best, fewest = (along, rise), count
    if best is None:
        return
    along, rise = best
    for step in range(0, int(width) + BANDWIDTH_SQUARE_STEP, BANDWIDTH_SQUARE_STEP):
        middle = point(along + step, rise - LABEL_RISE + LABEL_HEIGHT / 2)
        labels.taken.append(square_around(middle))
    x, y = point(along, rise)
    turn = math.degrees(math.atan2(sine, cosine))
    labels.elements += svg.label(x, y, name, turn=turn)


def square_around(middle):
    """Return the Box of a square of a bandwidth's label; middle: the (x, y) of its middle."""
    x, y = middle
    half = BANDWIDTH_SQUARE_HALF
    return Box(x - half, y - half, x + half, y + half)


def label_ridge(labels, roof):
    """Put the intensity of a Roof's ridge to the right or left of the line down from the ridge."""
    x, _ = labels.axes.roof_line(roof).ridge
    bottom = labels.axes.box.bottom - RIDGE_LABEL_RISE
    name = f'ridge: {roof.ridge_intensity:.4g}'
    corners = []
    for left in (x + RIDGE_LABEL_GAP, x - RIDGE_LABEL_GAP - svg.text_width(name, TEXT_SIZE)):
        for row in range(RIDGE_LABEL_ROWS):
            corners.append((left, bottom - LABEL_HEIGHT * row))
    boxes = label_boxes(name, corners)
    if not labels.put(name, x, boxes, avoided=labels.dots):
        labels.put(name, x, boxes, avoided=[])


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
        if is_same_spot(dot, spot[0]):
            return spot
    return None


def is_same_spot(dot, first):
    """Return whether a Dot belongs to the spot of another, the first of that spot."""
    across, up = abs(first.x - dot.x), abs(first.y - dot.y)
    return across <= SAME_SPOT_DISTANCE and up <= SAME_SPOT_DISTANCE


def label_spot(labels, spot, names, may_cover_dots):
    """Put a name of a spot beside its first Dot, if there is room.

    names: what the spot may be called, the best first. may_cover_dots: whether the name may be on
    Dots where all places have some.
    """
    x, y, radius = spot[0].x, spot[0].y, spot[0].radius
    aside = radius + DOT_GAP
    aslant = DOT_CORNER_SHARE * radius + DOT_CORNER_GAP
    level_bottom = y + LABEL_HEIGHT / 2
    upper_bottom = y - aslant
    lower_bottom = y + aslant + LABEL_HEIGHT
    tries = []
    for name in names:
        width = svg.text_width(name, TEXT_SIZE)
        # The best first: right, left, lower right, below, above, upper left, upper right, lower
        # left.
        corners = [
            (x + aside, level_bottom),
            (x - aside - width, level_bottom),
            (x + aslant, lower_bottom),
            (x - width / 2, y + aside + LABEL_HEIGHT),
            (x - width / 2, y - aside),
            (x - aslant - width, upper_bottom),
            (x + aslant, upper_bottom),
            (x - aslant - width, lower_bottom),
        ]
        tries.append((name, label_boxes(name, corners)))
    others = [dot for dot in labels.dots if not is_same_spot(dot, spot[0])]
    may_be_away = math.fsum(dot.share for dot in spot) >= MIN_LEADER_SHARE
    for name, boxes in tries:
        if labels.put(name, x, boxes, avoided=others):
            return
        if may_be_away and labels.put_with_leader(name, spot[0], avoided=others):
            return
    if may_cover_dots:
        for name, boxes in tries:
            if labels.put(name, x, boxes, avoided=[]):
                return


def names_of_spots(spots):
    """Return a list for each spot: what it may be called, the best first."""
    names = [several_names(spot) for spot in spots]
    widths = NAME_WIDTHS if len(spots) <= MAX_SPOTS_WITH_LONG_NAMES else NAME_WIDTHS[1:]
    for width in widths:
        for of_spot, name in zip(names, first_names(spots, width)):
            if name not in of_spot:
                of_spot.append(name)
    return names


def several_names(spot):
    """Return a list with the names of all Dots of a spot as one text; empty if that is too long."""
    together = ', '.join(dot.layer.name for dot in spot[:MAX_NAMES_OF_SPOT])
    is_short = svg.text_width(together, TEXT_SIZE) <= MAX_SPOT_NAMES_WIDTH
    return [together] if 1 < len(spot) <= MAX_NAMES_OF_SPOT and is_short else []


def first_names(spots, width):
    """Return the list of the names of each spot's first Dot, with how many others there are.

    width: that each may have.
    """
    names, others, rooms = [], [], []
    for spot in spots:
        names.append(spot[0].layer.name)
        others.append(f' and {len(spot) - 1} more' if len(spot) > 1 else '')
        rooms.append(max(MIN_NAME_WIDTH, width - svg.text_width(others[-1], TEXT_SIZE)))
    shown = svg.fitted_names(names, rooms)
    return [name + other for name, other in zip(shown, others)]
