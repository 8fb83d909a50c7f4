"""Elements of a picture in SVG: texts, lines, bars, dots, legends, and the page that they are on.

All places and sizes are in px: x from the left end of the page, y from its upper end downwards.

An element is a text in SVG's language. An argument `css` is a class, or several with blanks between
them: STYLE says how elements of each class are drawn.
"""

import math
import os.path
from collections import namedtuple
from html import escape

from fodlam.data.words import printable

# === The page ===

# A column of a paper is 240 pt wide, or 85 mm, or 3.33 inches. A picture that fills it has px of
# half a point, and so text of 7 pt or more.
WIDTH = 480
LEFT = 8  # where titles and legends start
RIGHT = 472  # where they end at the latest
# Where axes start and end. Their numbers are left of them.
PLOT_LEFT = 60
PLOT_RIGHT = 464

# How elements of each class are drawn in any theme. Short classes: h is for headings, e and m for
# texts that end at x, or have their middle there; bg is the background.
# Not all programs know "font", "paint-order" and the like: only what is old and simple is used.
STYLE = """\
text { font-family: Helvetica, Arial, sans-serif; font-size: 14px }
.h { font-size: 15px; font-weight: bold } .e { text-anchor: end } .m { text-anchor: middle }
.halo { stroke-width: 3; stroke-linejoin: round }
.grid, .tick, .axis, .whisker, .size { fill: none } .axis { stroke-width: 1.5 }
.thin { stroke-width: 0.4 }
.dash { stroke-dasharray: 6 4 } .dotted { stroke-dasharray: 2 3 }
.dash-dotted { stroke-dasharray: 6 3 2 3 }
circle { fill-opacity: 0.7 }
"""
# The colours of either theme. Each kind of layer, bound and part of energy is a class. Classes that
# belong together have the same colour: conv, compute and mac; fc, memory and dram; buffer and
# sram; power and clock.
LIGHT_COLOURS = """\
text { fill: #222 } .bg { fill: #fff } .halo { fill: #fff; stroke: #fff } circle { stroke: #fff }
.grid { stroke: #ddd } .tick { stroke: #888 } .axis, .whisker, .size { stroke: #222 }
.conv, .compute, .mac { fill: #1f5fbf } .fc, .memory, .dram { fill: #d9630a }
.buffer, .sram { fill: #0b8f6c } .link { fill: #a0479b } .power, .clock { fill: #8a919c }
"""
DARK_COLOURS = """\
text { fill: #eee } .bg { fill: #16191f } .halo { fill: #16191f; stroke: #16191f }
circle { stroke: #16191f }
.grid { stroke: #33373f } .tick { stroke: #888 } .axis, .whisker, .size { stroke: #eee }
.conv, .compute, .mac { fill: #6ea8ff } .fc, .memory, .dram { fill: #ff9d4d }
.buffer, .sram { fill: #3cc79f } .link { fill: #dc8ad6 } .power, .clock { fill: #9aa1ac }
"""

# The looks of a text, as classes.
NORMAL = ''
HEADING = 'h'
HALO = 'halo'  # what is under a label
# Its anchors, as classes: whether its x is that of its start, middle or end.
START = ''
MIDDLE = 'm'
END = 'e'

# The sizes that STYLE gives to text.
HEADING_SIZE = 15
TEXT_SIZE = 14
BOLD = 1.15  # the factor by which bold text, as of headings, is wider

LINE_HEIGHT = 18  # from one line of text to the next
LABEL_HEIGHT = 17
# On an upright axis, (x, y) from the left end of a tick to the end of its number.
AXIS_NUMBER_OFFSET = (-6, 5)


class Box(namedtuple('Box', 'left top right bottom')):
    """A rectangle: the x of its left and right ends, and the y of its top and bottom."""

    __slots__ = ()

    @property
    def width(self):
        """How wide it is."""
        return self.right - self.left

    @property
    def height(self):
        """How high it is."""
        return self.bottom - self.top


def page(title, elements, height, theme):
    """Return a whole picture as text.

    title: what programs that show the picture call it. elements: a list of all that is on it.
    height: of the page. theme: "light" or "dark"; "auto" for what the program that shows the
    picture prefers, which is light for those that do not know of themes.
    """
    style = STYLE + (DARK_COLOURS if theme == 'dark' else LIGHT_COLOURS)
    if theme == 'auto':
        style += f'@media (prefers-color-scheme: dark) {{\n{DARK_COLOURS}}}\n'
    height = math.ceil(height)
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img">',
        f'<title>{safe(title)}</title>',
        f'<style>\n{style}</style>',
        f'<rect class="bg" width="{WIDTH}" height="{height}"/>',
    ]
    return ''.join(f'{element}\n' for element in [*head, *elements, '</svg>'])


# === The width of text ===

# {character: its width in hundredths of the text's size}. It is at least that in Arial and in
# DejaVu Sans, the widest of the usual fonts.
GLYPH_WIDTHS = {
    **dict.fromkeys(" ',-./:;I\\fijl|", 37),
    **dict.fromkeys('!()[]rt', 42),
    **dict.fromkeys('"*_`sz', 56),
    **dict.fromkeys('&ABCDEFGHKLNOPQRSTUVXYZ', 80),
    **dict.fromkeys('#+<=>M^w~', 87),
    **dict.fromkeys('%@Wm', 102),
}
OTHER_ASCII_WIDTH = 65  # of the ASCII characters that are not in GLYPH_WIDTHS
OTHER_WIDTH = 102  # of all others


def text_width(content, size):
    """Return the width of a text in the widest of the usual fonts.

    content: the text. size: of its font.

    >>> text_width('illicit', 10) < text_width('massive', 10)
    True
    """
    return size / 100 * hundredths(content)


def hundredths(content):
    """Return the width of a text in hundredths of its font's size."""
    width = 0
    for character in content:
        other = OTHER_ASCII_WIDTH if character.isascii() else OTHER_WIDTH
        width += GLYPH_WIDTHS.get(character, other)
    return width


# The shares that its end may have of a name that is cut in two pieces, the best first.
END_SHARES = (0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2)


def fitted(name, width, size):
    """Return a name, with its beginning cut off if it would be wider than `width`.

    size: of its font.

    >>> fitted('inception_3a/3x3_reduce', 60, 10)
    '..3_reduce'
    """
    name = printable(name)
    if text_width(name, size) <= width:
        return name
    room = width - text_width('..', size)
    start = len(name)
    while start > 1:
        room -= text_width(name[start - 1], size)
        if room < 0:
            break
        start -= 1
    return f'..{name[start:]}'


def fitted_names(names, widths):
    """Return the list of names as they are shown in text of the normal size.

    names: a list of names. widths: the width that each may have, in the same order.
    A name that is too wide loses its beginning. If another name has the same end, it keeps before
    that the part that tells it from the other, where this fits.

    >>> fitted_names(['block1/sub/conv', 'block2/sub/conv', 'fc'], [90, 90, 90])
    ['block1..onv', 'block2..onv', 'fc']
    """
    names = [printable(name) for name in names]
    shown = []
    for name, width in zip(names, widths):
        short = fitted(name, width, TEXT_SIZE)
        if short != name and others_with_end(short, name, names):
            short = name_in_two_pieces(name, names, width)
        shown.append(short)
    return shown


def others_with_end(short, name, names):
    """Return the list of names that have the same end as a name.

    short: the name as `fitted` cuts it. names: a list with the name and others.
    """
    end = short.removeprefix('..')
    return [other for other in names if other.endswith(end) and other != name]


def name_in_two_pieces(name, names, width):
    """Return a name as the part that tells it from others, and as much of its end as fits.

    names: a list with the name and others. width: that the result may have.
    Returns as much of its end as fits, if there is no room for such a part.
    """
    for share in END_SHARES:
        others = others_with_end(fitted(name, share * width, TEXT_SIZE), name, names)
        start, stop = different_part(name, others)
        before = '..' if start else ''
        part = f'{before}{name[start:stop]}'
        room = width - text_width(part, TEXT_SIZE)
        if room >= share * width:
            return part + fitted(name[stop:], room, TEXT_SIZE)
    return fitted(name, width, TEXT_SIZE)


def different_part(name, others):
    """Return (start, stop) of the words of a name that tell it from all others.

    >>> start, stop = different_part('layer.10/sub/conv', ['layer.1/sub/conv', 'layer.2/sub/conv'])
    >>> 'layer.10/sub/conv'[start:stop]
    '10'
    """
    start = len(os.path.commonprefix([name, *others]))
    stop = len(name) - len(os.path.commonprefix([text[::-1] for text in [name, *others]]))
    while start > 0 and name[start - 1].isalnum():
        start -= 1
    while stop < len(name) and name[stop].isalnum():
        stop += 1
    return start, stop


def wrapped(content, width, size):
    """Return the lines of a text that is broken between words, none wider than `width`.

    content: the text. size: of its font. A word that is too wide for a line is cut.
    """
    lines = []
    last = ''
    for word in printable(content).split():
        longer = f'{last} {word}' if last else word
        if text_width(longer, size) <= width:
            last = longer
            continue
        if last:
            lines.append(last)
        last = fitted(word, width, size)
    if last:
        lines.append(last)
    return lines


# === Elements ===


def safe(content):
    """Return a text as it can stand in SVG.

    >>> safe('a<b')
    'a&lt;b'
    """
    return escape(printable(content))


def text(x, y, content, style=NORMAL, anchor=START, turn=0):
    """Return the element of a text.

    x: of its start, middle or end, as the anchor says. y: of its baseline. content: the text.
    style: NORMAL, HEADING or HALO. anchor: START, MIDDLE or END.
    turn: by how many degrees it is turned around (x, y), counterclockwise.

    >>> text(8, 20, 'fc6', HEADING, MIDDLE)
    '<text class="h m" x="8.0" y="20.0">fc6</text>'
    """
    css = f'{style} {anchor}'.strip()
    has_class = f' class="{css}"' if css else ''
    turned = f' transform="rotate({-turn:.1f} {x:.1f} {y:.1f})"' if turn else ''
    return f'<text{has_class} x="{x:.1f}" y="{y:.1f}"{turned}>{safe(content)}</text>'


def label(x, y, content, anchor=START, turn=0):
    """Return the two elements of a label, a text that may stand on lines and bars.

    The first is a halo: the same text with broad strokes in the colour of the background.
    x, y, content, anchor, turn: as for `text`.
    """
    return [
        text(x, y, content, HALO, anchor, turn),
        text(x, y, content, NORMAL, anchor, turn),
    ]


def line(css, *points):
    """Return the element of a line; points: the (x, y) that it goes through."""
    path = ' '.join(f'{x:.1f},{y:.1f}' for x, y in points)
    return f'<polyline class="{css}" points="{path}"/>'


def rectangle(css, x, y, width, height, title=''):
    """Return the element of a rectangle.

    x, y: of its upper left corner. title: the text that is shown when it is pointed at, or ''.
    """
    where = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect class="{css}" {where}>{title_element(title)}</rect>'


def dot(css, x, y, radius, title=''):
    """Return the element of a circle.

    x, y: of its middle. title: the text that is shown when it is pointed at, or ''.
    """
    where = f'cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"'
    return f'<circle class="{css}" {where}>{title_element(title)}</circle>'


def title_element(title):
    """Return the element that gives a title to the element that it is in; '' for no title."""
    return f'<title>{safe(title)}</title>' if title else ''


def whisker(x, top, bottom, cap):
    """Return the element of an upright line with a cap, a short level line, at either end.

    x: of the line. top, bottom: the y of its ends. cap: how far caps reach to the left and right.
    """
    # It is drawn without lifting the pen.
    return line(
        'whisker',
        (x - cap, top),
        (x + cap, top),
        (x, top),
        (x, bottom),
        (x - cap, bottom),
        (x + cap, bottom),
    )


# === Legends ===

SWATCH = 11  # the width and height of a square of colour
SWATCH_ADVANCE = 16  # from the left end of a square to the start of its text
WHISKER_CAP = 3
ENTRY_GAP = 10  # from the end of a text to the next entry
SAMPLE = 24  # the length of a piece of a line
SAMPLE_ADVANCE = 30  # from the left end of a piece of a line to the start of its text
SAMPLE_RISE = 5  # of a piece of a line above the baseline of its text


class LegendEntry(namedtuple('LegendEntry', 'css text')):
    """An entry of a legend.

    css: a class whose colour is shown before the text; "whisker" for a whisker, '' for nothing; or
    the classes of a line, the first of which is "axis".
    text: what the colour, whisker or line means.
    """

    __slots__ = ()

    @property
    def is_line(self):
        """Whether a piece of a line is shown before the text."""
        return self.css.startswith('axis')

    @property
    def advance(self):
        """How far the start of the text is from the left end of the entry."""
        if self.is_line:
            return SAMPLE_ADVANCE
        return SWATCH_ADVANCE if self.css else 0

    def draw_sample(self, x, y):
        """Return the list of elements before the text; x: of the left end; y: of the baseline."""
        top, bottom = y - SWATCH + 1, y + 1
        if self.is_line:
            return [line(self.css, (x, y - SAMPLE_RISE), (x + SAMPLE, y - SAMPLE_RISE))]
        if self.css == 'whisker':
            return [whisker(x + SWATCH / 2, top, bottom, WHISKER_CAP)]
        return [rectangle(self.css, x, top, SWATCH, SWATCH)] if self.css else []


def legend(top, entries):
    """Return (elements, y of the lower end) of a legend, which takes as many lines as it needs.

    top: the y of its upper end. entries: a list of LegendEntries.
    """
    elements = []
    if not entries:
        return elements, top
    x, y = LEFT, top + LINE_HEIGHT
    for entry in entries:
        width = entry.advance + text_width(entry.text, TEXT_SIZE)
        if x + width > RIGHT and x > LEFT:
            x = LEFT
            y += LINE_HEIGHT
        elements += entry.draw_sample(x, y)
        content = fitted(entry.text, RIGHT - x - entry.advance, TEXT_SIZE)
        elements.append(text(x + entry.advance, y, content))
        x += width + ENTRY_GAP
    return elements, y
