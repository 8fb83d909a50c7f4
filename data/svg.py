"""Elements of a picture in SVG: texts, lines, bars, dots, legends, and the page that they are on.

All places and sizes are in px: x from the left end of the page, y from its upper end downwards.

An element is a text in SVG's language. An argument `css` is a class, or several with blanks between
them: STYLE says how elements of each class are drawn.
"""

from collections import namedtuple
from html import escape

from fodlam.data.words import printable, shortened

# === The page ===

WIDTH = 800
HEIGHT = 500

# The picture is light or dark, as the program that shows it prefers. Each kind of layer, bound and
# part of energy is a class, and has a colour for either. Classes that belong together have the same
# colour: conv, compute and mac; fc, memory and dram.
# Other short classes: h is for headings, s for small text; e and m for texts that end at x, or have
# their middle there; bg is the background.
STYLE = """\
text { font: 11px Helvetica, Arial, sans-serif; fill: #222 }
.h { font-size: 15px; font-weight: bold } .s, .label { font-size: 10px }
.e { text-anchor: end } .m { text-anchor: middle }
.label { paint-order: stroke; stroke: #fff; stroke-width: 3px; stroke-linejoin: round }
.bg { fill: #fff } .grid { stroke: #ddd; fill: none } .tick { stroke: #888; fill: none }
.axis { stroke: #222; fill: none; stroke-width: 1.5 } .whisker { stroke: #222; fill: none }
.dash { stroke-dasharray: 6 4 } .dotted { stroke-dasharray: 2 3 }
circle { fill-opacity: 0.7; stroke: #fff } .size { fill: none; stroke: #222 }
.conv, .compute, .mac { fill: #1f5fbf } .fc, .memory, .dram { fill: #d9630a }
.buffer { fill: #0b8f6c } .link { fill: #a0479b } .power { fill: #8a919c }
@media (prefers-color-scheme: dark) {
text { fill: #eee } .label, circle { stroke: #16191f } .bg { fill: #16191f }
.grid { stroke: #33373f } .axis, .whisker, .size { stroke: #eee }
.conv, .compute, .mac { fill: #6ea8ff } .fc, .memory, .dram { fill: #ff9d4d }
.buffer { fill: #3cc79f } .link { fill: #dc8ad6 } .power { fill: #9aa1ac }
}
"""

# The looks of a text, as classes.
NORMAL = ''
HEADING = 'h'
SMALL = 's'
LABEL = 'label'  # small, with a halo
# Its anchors, as classes: whether its x is that of its start, middle or end.
START = ''
MIDDLE = 'm'
END = 'e'

# The sizes that STYLE gives to texts of these looks; that of labels is small.
HEADING_SIZE = 15
NORMAL_SIZE = 11
SMALL_SIZE = 10
BOLD = 1.15  # the factor by which bold text, as of headings, is wider

LINE_HEIGHT = 14  # from one line of small text to the next
LABEL_HEIGHT = 12
# On an upright axis, (x, y) from the left end of a tick to the end of its number, in small text.
AXIS_NUMBER_OFFSET = (-6, 4)


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


def page(title, elements):
    """Return a whole picture as text.

    title: what programs that show the picture call it. elements: a list of all that is on it.
    """
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" role="img">',
        f'<title>{safe(title)}</title>',
        f'<style>\n{STYLE}</style>',
        f'<rect class="bg" width="{WIDTH}" height="{HEIGHT}"/>',
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
    hundredths = 0
    for character in content:
        other = OTHER_ASCII_WIDTH if character.isascii() else OTHER_WIDTH
        hundredths += GLYPH_WIDTHS.get(character, other)
    return size / 100 * hundredths


MAX_FITTED_LENGTH = 200  # characters, as more never fit; `fitted` tries one after the other


def fitted(name, width, size):
    """Return a name, with its beginning cut off if it would be wider than `width`.

    size: of its font.

    >>> fitted('inception_3a/3x3_reduce', 60, 10)
    '..3_reduce'
    """
    name = printable(shortened(name, MAX_FITTED_LENGTH))
    if text_width(name, size) <= width:
        return name
    for start in range(1, len(name)):
        shown = f'..{name[start:]}'
        if text_width(shown, size) <= width:
            return shown
    return '..'


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
    style: NORMAL, HEADING, SMALL or LABEL. anchor: START, MIDDLE or END.
    turn: by how many degrees it is turned around (x, y), counterclockwise.

    >>> text(8, 20, 'fc6', SMALL, MIDDLE)
    '<text class="s m" x="8.0" y="20.0">fc6</text>'
    """
    css = f'{style} {anchor}'.strip()
    turned = f' transform="rotate({-turn:.1f} {x:.1f} {y:.1f})"' if turn else ''
    return f'<text class="{css}" x="{x:.1f}" y="{y:.1f}"{turned}>{safe(content)}</text>'


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

SWATCH = 10  # the width and height of a square of colour
SWATCH_ADVANCE = 14  # from the left end of a square to the start of its text
WHISKER_CAP = 3
ENTRY_GAP = 8  # from the end of a text to the next entry


class LegendEntry(namedtuple('LegendEntry', 'css text')):
    """An entry of a legend.

    css: a class whose colour is shown before the text; "whisker" for a whisker, '' for nothing.
    text: what the colour or whisker means.
    """

    __slots__ = ()


def legend(x, y, entries):
    """Return (elements, x of the right end) of a legend on one line.

    x: of its left end. y: of its baseline. entries: a list of LegendEntries.
    """
    elements = []
    top, bottom = y - SWATCH + 1, y + 1
    for entry in entries:
        if entry.css == 'whisker':
            elements.append(whisker(x + SWATCH / 2, top, bottom, WHISKER_CAP))
        elif entry.css:
            elements.append(rectangle(entry.css, x, top, SWATCH, SWATCH))
        if entry.css:
            x += SWATCH_ADVANCE
        elements.append(text(x, y, entry.text))
        x = x + text_width(entry.text, NORMAL_SIZE) + ENTRY_GAP
    return elements, x
