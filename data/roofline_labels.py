"""The labels of a roofline: where names of layers, bandwidth and ridges can be read.

The terms are those of data/roofline_plot.py, and one more:
  spot  a list of Dots in about the same place, which get one label. The layer of the first Dot
        takes longest
All places and sizes are in px, as in data/svg.py.
"""

import math
from collections import namedtuple

from fodlam.data import svg
from fodlam.data.svg import LABEL_HEIGHT, TEXT_SIZE, Box
from fodlam.data.words import engineering

SAME_SPOT_DISTANCE = 3  # from a dot of a spot to its first, at most, both across and up or down
MAX_SPOTS = 100  # no more labels fit, and finding spots takes a time that grows with their number
FIRST_SPOTS = 3  # so many spots get labels before the ridges do, on top of dots if need be
MAX_NAMES_OF_SPOT = 4  # a spot of more dots is called by the first, "and 4 more"
MAX_SPOT_NAMES_WIDTH = 160  # of the names of all dots of a spot, in one label
# The widths of a name that are tried, the best first. They include " and 4 more" behind it, but
# leave at least MIN_NAME_WIDTH to the name itself. The first is only for rooflines with few spots.
NAME_WIDTHS = (360, 200, 150)
MIN_NAME_WIDTH = 100
MAX_SPOTS_WITH_LONG_NAMES = 6

LABEL_RISE = 4  # from the lower end of a label's Box up to its baseline
LABEL_MARGIN = 5  # between a label and the next on a line
DOT_CLEARANCE = 4  # from a label to dots that it does not belong to
ROOF_GAP = 3  # from a Box to the nearest roof
DOT_GAP = 3  # from a dot to a label beside, above or below it
# A label may also be to the upper right of a dot, or another corner. Its nearest corner is then as
# far across from the middle of the dot as it is up or down: this share of the radius, and this gap
# more.
DOT_CORNER_SHARE = 0.7
DOT_CORNER_GAP = 3
# The label of a spot whose layers take at least this share of the time may be farther away, with a
# line that leads to the dot. The lengths of the line that are tried, the best first:
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
# The label of a bandwidth goes along the part of the roof that rises. How far its baseline may be
# above the roof, or below it, if negative; the best first. No layer is above its roof, so that a
# label as high as the largest of these is free even of the largest dots on the roof.
BANDWIDTH_RISES = (6, 10, 14, 18, 22, 28, 34, -17, -23, -29, -35)
MAX_DOTS_OF_BANDWIDTH = 500  # more are not kept clear of
# As Boxes are not turned, a row of squares stands for the place that it takes.
BANDWIDTH_SQUARE_HALF = 10  # half of the width of a square
BANDWIDTH_SQUARE_STEP = 10  # from one square to the next
# Where along the roof it may be: how much of the roof that it leaves free is before it, as a share;
# the best first. It is nearer to the foot, as other labels are near the ridge.
BANDWIDTH_SHARES = (0.3, 0.2, 0.4, 0.1, 0.5, 0.6, 0.7, 0.8, 0.9)


def draw_labels(axes, roofs, dots):
    """Return the list of SVG elements of the labels of Roofs and Dots.

    axes: the Axes. roofs: the list of Roofs, the main one first.
    dots: the list of Dots, those whose layers take longest first.
    """
    # The earlier a label is put, the more room there is for it.
    labels = Labels(axes, roofs, dots[:MAX_SPOTS])
    spots = spots_of(dots)
    names = names_of_spots(spots)
    label_bandwidth(labels, roofs[0], dots[:MAX_DOTS_OF_BANDWIDTH])
    for spot, spot_names in zip(spots[:FIRST_SPOTS], names):
        label_spot(labels, spot, spot_names, may_cover_dots=True)
    for roof in roofs:
        # Roofs with an efficiency have another bandwidth, and ridges at the same intensities.
        if roof.bytes_per_s == roofs[0].bytes_per_s:
            label_ridge(labels, roof)
    for spot, spot_names in zip(spots[FIRST_SPOTS:], names[FIRST_SPOTS:]):
        label_spot(labels, spot, spot_names, may_cover_dots=False)
    return labels.elements


class Labels:
    """The labels of a roofline, none of which runs into another, crosses a Roof or leaves the Axes.

    axes: the Axes. roof_lines: the RoofLines. dots: the list of Dots that labels are kept clear of.
    taken: the Boxes of the labels so far. elements: their SVG elements.
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
        for length in LEADER_LENGTHS:
            for across, down in LEADER_DIRECTIONS:
                start = dot.x + across * dot.radius, dot.y + down * dot.radius
                end = start[0] + across * length, start[1] + down * length
                box = self.box_at_end(end, width, is_right=across > 0, is_below=down > 0)
                if not box.left <= end[0] <= box.right:
                    continue  # the line leaves the axes
                if not self.is_free(box) or is_near(box, avoided, DOT_CLEARANCE):
                    continue
                leader = leader_boxes(start, end)
                if self.is_open(leader, avoided):
                    self.taken += [box, *leader]
                    self.elements.append(svg.line('tick', start, end))
                    self.elements += draw_label(name, dot.x, box)
                    return True
        return False

    def box_at_end(self, end, width, is_right, is_below):
        """Return the Box of a name at the end of a line from a dot.

        end: its (x, y). width: of the name.
        is_right, is_below: whether the end is to the right of the dot, and whether it is below it.
        A corner of the Box is at the end, unless it is moved across to be within the Axes. The end
        should then be on its upper or lower edge.
        """
        x, y = end
        left = x if is_right else x - width
        first_left = self.axes.box.left + 1
        last_left = self.axes.box.right - width - 1
        left = min(max(left, first_left), last_left)
        top = y if is_below else y - LABEL_HEIGHT
        return Box(left, top, left + width, top + LABEL_HEIGHT)

    def is_open(self, leader, avoided):
        """Return whether there is room for a line: it runs into no label, and into no avoided Dot.

        leader: the Boxes that the line takes. avoided: the Dots.
        """
        for box in leader:
            if any(overlap(box, other) for other in self.taken):
                return False
            if is_near(box, avoided, 0):
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
        reach = dot.radius + clearance
        if dot.y <= box.top - reach or dot.y >= box.bottom + reach:
            continue  # as most are, which is quickly seen
        # The point of the Box that is nearest to the middle of the Dot.
        x = min(max(dot.x, box.left), box.right)
        y = min(max(dot.y, box.top), box.bottom)
        if math.hypot(dot.x - x, dot.y - y) < reach:
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

    It goes to the first place where it touches no Dot, or else to the one where it touches fewest.
    labels: the Labels. roof: the Roof. dots: the list of the Dots that it should not touch.
    """
    foot, ridge = labels.axes.roof_line(roof)
    name = f'bandwidth: {engineering(roof.bytes_per_s, "B")}/s'
    width = svg.text_width(name, TEXT_SIZE)
    if width > math.dist(foot, ridge):
        return
    slope = Slope(foot, ridge)
    dot_places = [(*slope.place(dot.x, dot.y), dot.radius) for dot in dots]
    best, fewest = None, math.inf
    for rise in BANDWIDTH_RISES:
        for share in BANDWIDTH_SHARES:
            along = (slope.length - width) * share
            strip = strip_of_label(along, rise, width)
            if fewest == 0 or not is_strip_inside(strip, slope, labels.axes.box):
                continue
            count = count_touching(strip, dot_places)
            if count < fewest:
                best, fewest = (along, rise), count
    if best is None:
        return
    along, rise = best
    for step in range(0, int(width) + BANDWIDTH_SQUARE_STEP, BANDWIDTH_SQUARE_STEP):
        middle = slope.point(along + step, rise - LABEL_RISE + LABEL_HEIGHT / 2)
        labels.taken.append(square_around(middle))
    x, y = slope.point(along, rise)
    turn = math.degrees(math.atan2(slope.sine, slope.cosine))
    labels.elements += svg.label(x, y, name, turn=turn)


class Slope:
    """The part of a roof that rises, from its foot to its ridge, two different points (x, y).

    A place is where a point is as seen from the foot: (how far along the slope, how far above it).
    length: of the slope. cosine, sine: of its angle.
    """

    def __init__(self, foot, ridge):
        self.foot_x, self.foot_y = foot
        across, up = ridge[0] - self.foot_x, self.foot_y - ridge[1]
        self.length = math.hypot(across, up)
        self.cosine, self.sine = across / self.length, up / self.length

    def point(self, along, above):
        """Return the (x, y) of a place."""
        x = self.foot_x + along * self.cosine - above * self.sine
        y = self.foot_y - along * self.sine - above * self.cosine
        return x, y

    def place(self, x, y):
        """Return the place of a point."""
        across, up = x - self.foot_x, self.foot_y - y
        return across * self.cosine + up * self.sine, up * self.cosine - across * self.sine


class Strip(namedtuple('Strip', 'start end low high')):
    """What a label takes along a Slope: from start to end along it, from low to high above it."""

    __slots__ = ()


def strip_of_label(along, rise, width):
    """Return the Strip of a label.

    along, rise: the place where its baseline begins. width: of the label.
    """
    low = rise - LABEL_RISE
    return Strip(along, along + width, low, low + LABEL_HEIGHT)


def is_strip_inside(strip, slope, box):
    """Return whether a Strip along a Slope is inside of a Box."""
    for along in strip.start, strip.end:
        for above in strip.low, strip.high:
            x, y = slope.point(along, above)
            if not (box.left < x < box.right and box.top < y < box.bottom):
                return False
    return True


def count_touching(strip, dot_places):
    """Return how many Dots touch a Strip.

    dot_places: [(how far along the Slope, how far above it, radius)] of the Dots.

    >>> count_touching(Strip(100, 200, 2, 16), [(150, 0, 3), (150, 0, 1), (90, 10, 12)])
    2
    """
    count = 0
    for along, above, radius in dot_places:
        # How far the middle of the Dot is beside the Strip, and below or above it.
        aside = max(strip.start - along, 0, along - strip.end)
        apart = max(strip.low - above, 0, above - strip.high)
        if math.hypot(aside, apart) < radius:
            count += 1
    return count


def square_around(middle):
    """Return the Box of a square of a bandwidth's label; middle: the (x, y) of its middle."""
    x, y = middle
    half = BANDWIDTH_SQUARE_HALF
    return Box(x - half, y - half, x + half, y + half)


def label_ridge(labels, roof):
    """Put the intensity of a Roof's ridge to the right or left of the line down from the ridge.

    If there is no room, it may be on Dots, and if there is still none, it is left out.
    """
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
    """Return the list of spots of Dots, as many as get labels.

    dots: those whose layers take longest first. Dots that are in none of the spots are left out.
    """
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

    labels: the Labels. names: what the spot may be called, the best first.
    may_cover_dots: whether the name may be on other Dots if there is no room beside them.
    """
    first = spot[0]
    others = [dot for dot in labels.dots if not is_same_spot(dot, first)]
    may_be_away = math.fsum(dot.share for dot in spot) >= MIN_LEADER_SHARE
    for name in names:
        if labels.put(name, first.x, boxes_beside(first, name), avoided=others):
            return
        if may_be_away and labels.put_with_leader(name, first, avoided=others):
            return
    if may_cover_dots:
        for name in names:
            if labels.put(name, first.x, boxes_beside(first, name), avoided=[]):
                return


def boxes_beside(dot, name):
    """Return the list of the Boxes that a name may have beside a Dot, the best first."""
    x, y = dot.x, dot.y
    aside = dot.radius + DOT_GAP
    aslant = DOT_CORNER_SHARE * dot.radius + DOT_CORNER_GAP
    width = svg.text_width(name, TEXT_SIZE)
    level_bottom = y + LABEL_HEIGHT / 2
    upper_bottom = y - aslant
    lower_bottom = y + aslant + LABEL_HEIGHT
    lower_left_corners = [
        (x + aside, level_bottom),  # to the right of the dot
        (x - aside - width, level_bottom),  # to the left
        (x + aslant, lower_bottom),  # to the lower right
        (x - width / 2, y + aside + LABEL_HEIGHT),  # below
        (x - width / 2, y - aside),  # above
        (x - aslant - width, upper_bottom),  # to the upper left
        (x + aslant, upper_bottom),  # to the upper right
        (x - aslant - width, lower_bottom),  # to the lower left
    ]
    return label_boxes(name, lower_left_corners)


def names_of_spots(spots):
    """Return a list for each spot: what it may be called, the best first."""
    names_of_each = []
    for spot in spots:
        together = names_together(spot)
        names_of_each.append([] if together is None else [together])
    widths = NAME_WIDTHS if len(spots) <= MAX_SPOTS_WITH_LONG_NAMES else NAME_WIDTHS[1:]
    for width in widths:
        for names, name in zip(names_of_each, first_names(spots, width)):
            if name not in names:
                names.append(name)
    return names_of_each


def names_together(spot):
    """Return the names of all Dots of a spot, such as "fc6, fc7".

    It is None if there is only one name, or too much for a label.
    """
    if not 1 < len(spot) <= MAX_NAMES_OF_SPOT:
        return None
    together = ', '.join(dot.layer.name for dot in spot)
    if svg.text_width(together, TEXT_SIZE) > MAX_SPOT_NAMES_WIDTH:
        return None
    return together


def first_names(spots, width):
    """Return a list with a text for each spot: the name of its first Dot, as in "fc6 and 2 more".

    width: how wide each may be. Names that are too long are cut.
    """
    names, endings, rooms = [], [], []
    for spot in spots:
        ending = f' and {len(spot) - 1} more' if len(spot) > 1 else ''
        names.append(spot[0].layer.name)
        endings.append(ending)
        rooms.append(max(MIN_NAME_WIDTH, width - svg.text_width(ending, TEXT_SIZE)))
    fitted = svg.fitted_names(names, rooms)
    return [name + ending for name, ending in zip(fitted, endings)]
