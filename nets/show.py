"""Reports for people: tables, CSV and pictures (SVG).

A leaf of fodlam.py, which loads it for a format other than JSON. It takes reports as `estimate` and
`diagnose` return them, and returns text. It knows nothing of files and streams.

Terms: a share is a part of the total; a whisker, the line on a bar from the least to the most that
a cost may be; a roof, the most MACs per second that an accelerator can do, by how many it does for
each byte of its DRAM; its ridge, where that stops growing.
"""

import csv
import io
import math
import os
import textwrap
from collections import namedtuple
from html import escape

# What a cost is made of, as reports call it, and its units.
QUANTITY_UNITS = {'energy': 'J', 'latency': 's'}
KINDS = ('conv', 'fc')
GROUPS = (*KINDS, 'total')  # what a report sums over

LARGE_PREFIXES, SMALL_PREFIXES = 'kMGTP', 'munpf'
SCREEN_WIDTH, GAP, LEAST_NAME_WIDTH = 80, '  ', 8
TITLE_NAME_LENGTH = 40  # of a network in a title, at the most
BAR_CHARACTERS = '█▏▎▍▌▋▊▉'


def text(format_, report, config, machine, encoding, notes=()):
    """Return a report as "csv", "table" or "svg".

    report: of `estimate`, with layers, or of `diagnose`.
    config: what was estimated, as for `estimate`; empty for a report of `diagnose`.
    machine: the accelerator of the config, with its keys as attributes, or None.
    encoding: of the stream that a table is for; bars are plain if it does not have them. None: any.
    notes: sentences that end a table, and that a picture has under its title.
    """
    if format_ == 'svg':
        return picture(report, config, machine, notes)
    if format_ == 'csv':
        rows = estimate_rows(report) + left_out_rows(report) if config else diagnose_rows(report)
        return to_csv(rows)
    if not config:
        return diagnose_table(diagnose_rows(report)) + paragraphs(notes)
    title = textwrap.fill(title_of(report, config), SCREEN_WIDTH) + '\n\n'
    remarks = remarks_on(report)
    # With ranges, there is no room for MACs.
    if most_frames(report['layers']) > 1 and 'energy_range' not in report['total']:
        remarks.append('MACs: 1 frame')
    return title + estimate_table(report, is_plain(encoding)) + paragraphs([*remarks, *notes])


def is_plain(encoding):
    """Return whether an encoding lacks the characters of bars."""
    try:
        BAR_CHARACTERS.encode(encoding or 'utf-8')
    except UnicodeEncodeError:
        return True
    return False


def printable(text):
    """Return text with a blank for each character that would not show, such as a line's end."""
    return ''.join(character if character.isprintable() else ' ' for character in text)


def shortened(name, width):
    """Return a name with its beginning cut off if it is longer than `width`."""
    return name if len(name) <= width else f'..{name[2 - width :]}'


def percent(share):
    """Return a share as a whole percentage; what is there but rounds to nothing is "<1%"."""
    shown = f'{share:.0%}'
    return '<1%' if shown == '0%' and share else shown


# === Words ===


def title_of(report, config):
    """Return a config's "title", or else one that names its network, machine and frames."""
    if config.get('title'):
        return printable(config['title'])
    netfile = config.get('net') or config.get('netfile')
    name, machine = 'a network', 'Eyeriss and EIE'
    if not isinstance(netfile, list):
        name = shortened(os.path.basename(netfile).removesuffix('.json'), TITLE_NAME_LENGTH)
    if config.get('accelerator'):
        named = isinstance(config['accelerator'], str)
        machine = config['accelerator'] if named else 'an accelerator'
    rule = config.get('process_scaling', 'dennard')
    if 'process_nm' in config:
        machine += f' at {config["process_nm"]:g} nm by {rule}'
    elif rule != 'dennard':
        machine += f' at 65 nm by {rule}'  # by which EIE has come there
    return ', '.join([f'{printable(name)} on {machine}', *frames_of(report['layers'])])


def frames_of(layers):
    """Return [how many frames the costs of layers are for, in words], or [] if they do not say.

    >>> frames_of([{'frames': 3}, {'frames': 1}])  # VGG-16: fc layers are never for a batch
    ['a batch of 3 frames']
    """
    frames = most_frames(layers)
    if frames <= 1:
        return ['one frame'] if frames else []
    return [f'{"a batch of " if frames % 1 == 0 else ""}{frames:.4g} frames']


def most_frames(layers):
    """Return the most frames that the cost of a layer is for, 0 if no layer says."""
    return max((layer.get('frames', 0) for layer in layers), default=0)


def remarks_on(report):
    """Return sentences on a report as a whole: what its energy goes into, and what it left out."""
    remarks, parts = [], report.get('energy_by', {})
    if len(parts) > 1:
        energy = math.fsum(parts.values())
        by_size = sorted(parts.items(), key=lambda part: -part[1])
        shares = (f'{percent(joules / energy if energy else 0)} {part}' for part, joules in by_size)
        remarks.append(f'energy: {", ".join(shares)}')
    if 'left_out' in report:
        layers, macs = report['left_out']['layers'], report['left_out']['macs']
        what = 'a product' if layers == 1 else f'{layers} products'
        remarks.append(
            f'left out: {what} of two feature maps, {engineering(macs, "")} MACs, '
            'which nobody has published a cost of'
        )
    return remarks


def paragraphs(sentences):
    """Return an empty line and some sentences, each from a new line on; or nothing."""
    lines = [textwrap.fill(printable(sentence), SCREEN_WIDTH) for sentence in sentences]
    return '\n'.join(['', *lines, '']) if lines else ''


# === Rows ===


def estimate_rows(report):
    """Return the rows of an `estimate` report that has layers: those, and sums of several kinds."""
    layers = [
        {'layer' if key == 'name' else key: value for key, value in layer.items()}
        for layer in report['layers']
    ]
    rows = [*layers, *sum_rows(report, layers), *bound_rows(report, layers)]
    for row in rows:
        for quantity in QUANTITY_UNITS:
            row[f'{quantity}_share'] = share_of(row[quantity], report['total'][quantity])
    return rows


def left_out_rows(report):
    """Return [the row of what a report left out], or [] if that is nothing."""
    if 'left_out' not in report:
        return []
    return [{'layer': 'left out', 'source': 'left out', **report['left_out']}]


def sum_rows(report, layers):
    """Return the rows of a report's groups; layers: its rows of layers."""
    rows = []
    for group in GROUPS:
        members = [row for row in layers if group in (row['kind'], 'total')]
        row = {'layer': group, 'kind': group, 'macs': sum(row['macs'] for row in members)}
        row |= report[group] | {'source': 'sum'}
        if 'energy_by' in report:
            row['energy_by'] = {
                part: math.fsum(row.get('energy_by', {}).get(part, 0) for row in members)
                for part in report['energy_by']
            }
        rows.append(row)
    return rows


def bound_rows(report, layers):
    """Return the rows of a report's bounds, which have the layers that wait for the same."""
    return [
        {
            'layer': f'{bound}-bound',
            'macs': sum(row['macs'] for row in layers if row.get('bound') == bound),
            **cost,
            'source': 'sum',
            'bound': bound,
        }
        for bound, cost in report.get('bounds', {}).items()
    ]


def share_of(cost, total):
    """Return the part of a total that a cost is; None if nobody knows."""
    if cost is None or total is None:
        return None
    return cost / total if total else 0


def diagnose_rows(report):
    """Return the rows of a `diagnose` report: J and s per MAC of each layer, and the averages."""
    per_layer, average = report['per_layer'], report['average']
    nets = {net: {q: per_layer[q][net] for q in average} for net in per_layer['energy']}
    return [
        {'net': net, 'layer': layer, **{q: numbers[q][layer] for q in average}}
        for net, numbers in {**nets, 'average': average}.items()
        for layer in numbers['energy']
    ]


def to_csv(rows):
    """Return rows, a list of dicts, as CSV: a column for each key that a row has.

    A range becomes two columns, "energy_low" and "energy_high", and a dict one for each key.
    """
    flat = [flattened(row) for row in rows]
    result = io.StringIO()
    columns = dict.fromkeys(key for row in flat for key in row)
    writer = csv.DictWriter(result, columns, lineterminator='\n')
    writer.writeheader()
    writer.writerows(flat)
    return result.getvalue()


def flattened(row):
    """Return a row in which every value is a cell's."""
    flat = {}
    for key, value in row.items():
        if key.endswith('_range'):
            quantity = key.removesuffix('_range')
            flat[f'{quantity}_low'], flat[f'{quantity}_high'] = value
        elif isinstance(value, dict):
            stem = key.removesuffix('_by')
            flat |= {f'{stem}_{part}': number for part, number in value.items()}
        else:
            flat[key] = harmless(value) if isinstance(value, str) else value
    return flat


def harmless(text):
    """Return a CSV cell's text on one line, and not as the formula that a spreadsheet would see."""
    return "'" * text.startswith(('=', '+', '-', '@')) + printable(text)


# === Tables ===


def engineering(value, unit, *limits):
    """Return a number with four digits and a prefix: 0.0762 in s is "76.20 ms".

    limits: the least and the most that it may be, to be put behind it, with the same prefix.
    """
    if value is None:
        return '-'
    exponent, prefix = prefix_of(value) if '/' not in unit else (0, '')
    shown = f'{value / 1000**exponent:#.4g}' if value else '0'
    text = f'{shown.rstrip(".")} {prefix}{unit}'
    if limits and limits[0] != limits[1]:
        low, high = (limit / 1000**exponent for limit in limits)
        text += f' ({two_digits(low, math.floor)}..{two_digits(high, math.ceil)})'
    return text.rstrip()


def two_digits(number, to_whole):
    """Return a positive number with two digits, or without a fraction if it has more.

    to_whole: math.floor or math.ceil, so that a range never leaves out what is in it.
    """
    if not number:
        return '0'
    digit = min(10.0 ** (math.floor(math.log10(number)) - 1), 1)
    number = to_whole(round(number / digit, 6)) * digit
    return f'{number:.0f}' if 99.5 <= number < 1e5 else f'{number:.2g}'


def prefix_of(value):
    """Return (exponent of 1000, prefix) of a number: (-1, "m") of 0.0762."""
    # The exponent after rounding, so that 999.99 m is 1.000 and not 1000 m.
    exponent = int(f'{value:.3e}'.partition('e')[2]) // 3 if value else 0
    exponent = max(-len(SMALL_PREFIXES), min(exponent, len(LARGE_PREFIXES)))
    return exponent, (' ' + LARGE_PREFIXES + SMALL_PREFIXES[::-1])[exponent].strip()


def bar(share, width, plain):
    """Return a bar as long as a share of the width, in eighths unless plain ASCII is asked for."""
    if plain:
        return '#' * round(share * width)
    whole, eighths = divmod(round(share * width * 8), 8)
    return BAR_CHARACTERS[0] * whole + (BAR_CHARACTERS[eighths] if eighths else '')


def to_table(headings, rows, sums=0):
    """Return a table for people: columns aligned, the last `sums` rows set apart.

    headings: one a column; those of columns to be aligned on the right start with ">".
    rows: lists of strings, one a column; the first is cut where the table would not fit the screen.
    """
    right = [heading.startswith('>') for heading in headings]
    lines = [[heading.removeprefix('>') for heading in headings], *rows]
    lines = [[printable(cell) for cell in line] for line in lines]
    widths = [max(map(len, column)) for column in zip(*lines)]
    room = max(SCREEN_WIDTH - sum(widths[1:]) - len(GAP) * len(widths[1:]), LEAST_NAME_WIDTH)
    widths[0] = min(widths[0], room)
    rule = ['-' * width for width in widths]
    lines[1:1] = [rule]
    if sums:
        lines[-sums:-sums] = [rule]
    text = ''
    for name, *line in lines:
        cells = zip([shortened(name, room), *line], widths, right)
        padded = (
            cell.rjust(width) if on_right else cell.ljust(width) for cell, width, on_right in cells
        )
        text += GAP.join(padded).rstrip() + '\n'
    return text


# A column of a table. cells: strings, or numbers for shares; gives_way: where a table is too wide,
# columns are left out in this order (the CSV has them all), those with 0 never.
Column = namedtuple('Column', 'heading cells gives_way', defaults=[0])
BAR_WIDTHS = (10, 8, 6, 4, 0)  # the best first
WANTED_NAME_WIDTH = 16  # of layers' names, for which other columns give way


def estimate_table(report, plain):
    """Return the table of an `estimate` report: costs with ranges, and shares of the total.

    Where layers have a bound, it sums up by that as well.
    """
    rows = estimate_rows(report)
    names = [row['layer'] for row in rows]
    columns = fitting(table_columns(rows, report), min(max(map(len, names)), WANTED_NAME_WIDTH))
    headings, cells = ['layer'], [names]
    for heading, of, bar_width in columns:
        headings.append(heading)
        cells.append([share_cell(x, bar_width, plain) for x in of] if heading == 'share' else of)
    return to_table(headings, list(zip(*cells)), sums=len(GROUPS) + len(report.get('bounds', ())))


def table_columns(rows, report):
    """Return the Columns of an `estimate` report's table, without the layers' names."""
    ranged, bounded = 'energy_range' in report['total'], any('bound' in row for row in rows)
    parts = len(report.get('energy_by', ())) > 1
    columns = [Column('kind', [row.get('kind', '') * (row['source'] != 'sum') for row in rows], 2)]
    if not ranged:
        columns.append(Column('>MACs', [engineering(row['macs'], '') for row in rows], 1))
    for quantity, unit in QUANTITY_UNITS.items():
        costs = [engineering(r[quantity], unit, *r.get(f'{quantity}_range', ())) for r in rows]
        columns.append(Column(f'{quantity} (range)' if ranged else f'>{quantity}', costs))
        # What is bound costs its time times a power, so that energy would have the same shares.
        if quantity == 'latency' or parts or not bounded:
            shares = [row[f'{quantity}_share'] for row in rows]
            columns.append(Column('share', shares, 0 if quantity == 'latency' else 5))
    if bounded:
        of_layers = [row.get('bound', '') * (row['source'] != 'sum') for row in rows]
        columns.append(Column('bound', of_layers))
    if any('utilization' in row for row in rows):
        used = [percent(row['utilization']) if 'utilization' in row else '' for row in rows]
        columns.append(Column('>used', used, 3))
    if parts:
        parts_of = [row.get('energy_by', {}) for row in rows]
        mostly = [max(of, key=of.get) if any(of.values()) else '' for of in parts_of]
        columns.append(Column('mostly', mostly, 4))
    return columns


def fitting(columns, name_width):
    """Return [(heading, cells, width of bars)] of the Columns that fit the screen beside names.

    First bars get shorter, then columns give way. If that is not enough, to_table cuts names.
    """
    steps = sorted(column.gives_way for column in columns if column.gives_way)
    ways = [(width, 0) for width in BAR_WIDTHS] + [(0, step) for step in steps]
    for bar_width, step in ways:
        shown = [column for column in columns if not 0 < column.gives_way <= step]
        width = name_width
        for heading, cells, _ in shown:
            share_width = len(share_cell(1, bar_width, True))
            of = [share_width] if heading == 'share' else map(len, cells)
            width += len(GAP) + max(len(heading.removeprefix('>')), *of)
        if width <= SCREEN_WIDTH:
            break
    return [(heading, cells, bar_width) for heading, cells, _ in shown]


def share_cell(share, bar_width, plain):
    """Return a share as a percentage and a bar."""
    if share is None:
        return ''
    return f'{percent(share):>4} {bar(share, bar_width, plain)}'.rstrip()


def diagnose_table(rows):
    """Return the table of a `diagnose` report, in pJ and ps a MAC."""
    cells = [
        [row['net'], row['layer'], f'{row["energy"] * 1e12:.3f}', f'{row["latency"] * 1e12:.3f}']
        for row in rows
    ]
    return to_table(['net', 'layer', '>pJ per MAC', '>ps per MAC'], cells, sums=len(KINDS))


# === Pictures ===

# Light and dark as the viewer has it. What is alike has one colour: conv layers, computing and the
# energy of MACs; fc layers, memory and the energy of DRAM.
SVG_HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 500" width="800" height="500" role="img">
<title>{title}</title>
<style>
text {{ font: 11px Helvetica, Arial, sans-serif; fill: #222 }}
.h {{ font-size: 15px; font-weight: bold }} .s, .label {{ font-size: 10px }}
.e {{ text-anchor: end }} .m {{ text-anchor: middle }}
.label {{ paint-order: stroke; stroke: #fff; stroke-width: 3px; stroke-linejoin: round }}
.bg {{ fill: #fff }} .grid {{ stroke: #ddd; fill: none }} .tick {{ stroke: #888; fill: none }}
.axis {{ stroke: #222; fill: none; stroke-width: 1.5 }} .whisker {{ stroke: #222; fill: none }}
.dash {{ stroke-dasharray: 6 4 }} .dotted {{ stroke-dasharray: 2 3 }}
circle {{ fill-opacity: 0.7; stroke: #fff }} .size {{ fill: none; stroke: #222 }}
.conv, .compute, .mac {{ fill: #1f5fbf }} .fc, .memory, .dram {{ fill: #d9630a }}
.buffer {{ fill: #0b8f6c }} .link {{ fill: #a0479b }} .power {{ fill: #8a919c }}
@media (prefers-color-scheme: dark) {{
text {{ fill: #eee }} .label, circle {{ stroke: #16191f }} .bg {{ fill: #16191f }}
.grid {{ stroke: #33373f }} .axis, .whisker, .size {{ stroke: #eee }}
.conv, .compute, .mac {{ fill: #6ea8ff }} .fc, .memory, .dram {{ fill: #ff9d4d }}
.buffer {{ fill: #3cc79f }} .link {{ fill: #dc8ad6 }} .power {{ fill: #9aa1ac }}
}}
</style>
<rect class="bg" width="800" height="500"/>
"""
PART_NAMES = {'mac': 'MACs', 'dram': 'DRAM', 'power': 'power'}  # of energy
BOUNDS = ('compute', 'memory', 'buffer', 'link')  # as legends have them

# All in px, in a picture of 800 x 500. Plots are LEFT to RIGHT, and end at LOWEST.
LEFT, RIGHT, LOWEST, MARGIN = 72, 776, 492, 16
HEADING_SIZE, TEXT_SIZE, SMALL_SIZE, LINE_HEIGHT = 15, 11, 10, 14
MAX_HEADING_LINES, MAX_REMARK_LINES = 2, 5
ROOFLINE_SHARE = 0.5  # of the height, above bars
LABEL_HEIGHT = 12
BOLD = 1.15  # how much wider bold text is

Box = namedtuple('Box', 'left top right bottom')


def picture(report, config, machine, notes=()):
    """Return an `estimate` report that has layers as a picture: a roofline, or bars.

    A machine has a roofline, and bars under it if its energy has several parts.
    """
    title, total = title_of(report, config), report['total']
    costs = [
        engineering(total[q], unit, *total.get(f'{q}_range', ()))
        for q, unit in QUANTITY_UNITS.items()
    ]
    in_all = 'total: ' + ', '.join(cost for cost in costs if cost != '-')
    y, heading = svg_heading(title, [in_all, *remarks_on(report), *notes])
    if machine is None:
        plot = svg_bars(report, Box(LEFT, y, RIGHT, LOWEST), QUANTITY_UNITS)
    elif len(report.get('energy_by', ())) > 1:
        middle = y + (LOWEST - y) * ROOFLINE_SHARE
        plot = svg_roofline(report, machine, Box(LEFT, y, RIGHT, middle))
        plot += svg_bars(report, Box(LEFT, middle, RIGHT, LOWEST), ['energy'])
    else:
        plot = svg_roofline(report, machine, Box(LEFT, y, RIGHT, LOWEST))
    parts = ''.join(f'{part}\n' for part in [*heading, *plot])
    return f'{SVG_HEAD.format(title=safe(title))}{parts}</svg>\n'


def svg_heading(title, remarks):
    """Return (y of its lower end, the elements) of a title with remarks in small text under it."""
    y, parts = 8, []
    width = RIGHT - MARGIN
    for line in wrapped(title, width / BOLD, HEADING_SIZE)[:MAX_HEADING_LINES]:
        y += 19
        parts.append(svg_text(MARGIN, y, line, 'h'))
    lines = [line for remark in remarks for line in wrapped(remark, width, SMALL_SIZE)]
    for line in lines[:MAX_REMARK_LINES]:
        y += LINE_HEIGHT
        parts.append(svg_text(MARGIN, y, line, 's'))
    return y + 8, parts


# --- Text and shapes ---

# In hundredths of the text's size, at least as wide as in Arial and in DejaVu Sans, the widest of
# the usual fonts. All other characters of ASCII take 65.
GLYPH_WIDTHS = {
    **dict.fromkeys(" ',-./:;I\\fijl|", 37),
    **dict.fromkeys('!()[]rt', 42),
    **dict.fromkeys('"*_`sz', 56),
    **dict.fromkeys('&ABCDEFGHKLNOPQRSTUVXYZ', 80),
    **dict.fromkeys('#+<=>M^w~', 87),
    **dict.fromkeys('%@Wm', 102),
}


def text_width(text, size):
    """Return the most that a text takes in px."""
    return size / 100 * sum(GLYPH_WIDTHS.get(c, 65 if c.isascii() else 102) for c in text)


def fitted(name, width, size):
    """Return a name with its beginning cut off if it would be wider than that in px."""
    name = printable(shortened(name, 200))
    shown, cut = name, 0
    while text_width(shown, size) > width and cut < len(name):
        cut += 1
        shown = f'..{name[cut:]}'
    return shown


def wrapped(text, width, size):
    """Return the lines of a text that are no wider than that in px."""
    lines = ['']
    for word in printable(text).split():
        longer = f'{lines[-1]} {word}'.strip()
        if text_width(longer, size) <= width:
            lines[-1] = longer
        else:
            lines.append(fitted(word, width, size))
    return [line for line in lines if line]


def safe(text):
    """Return text as it can stand in a picture."""
    return escape(printable(text))


def svg_text(x, y, text, css='', turn=0):
    """Return a text element; turn: by how many degrees, counterclockwise."""
    turned = f' transform="rotate({-turn:.1f} {x:.1f} {y:.1f})"' if turn else ''
    return f'<text class="{css}" x="{x:.1f}" y="{y:.1f}"{turned}>{safe(text)}</text>'


def svg_line(css, *points):
    """Return a line through some points."""
    return f'<polyline class="{css}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}"/>'


def svg_rect(css, x, y, width, height, title=''):
    """Return a rectangle; title: what it says when it is pointed at."""
    place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect class="{css}" {place}>{titled(title)}</rect>'


def svg_dot(css, x, y, radius, title=''):
    """Return a circle; title: what it says when it is pointed at."""
    place = f'cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"'
    return f'<circle class="{css}" {place}>{titled(title)}</circle>'


def titled(title):
    """Return the element that says what another is, or nothing."""
    return f'<title>{safe(title)}</title>' if title else ''


def svg_whisker(x, top, bottom, cap):
    """Return a line from top to bottom, with caps that reach as far to both sides."""
    ends = [(x - cap, top), (x + cap, top), (x, top), (x, bottom), (x - cap, bottom)]
    return svg_line('whisker', *ends, (x + cap, bottom))


def svg_legend(x, y, entries):
    """Return (x of its right end, elements) of a line of a legend; entries: (class, text)."""
    parts = []
    for css, text in entries:
        if css == 'whisker':
            parts.append(svg_whisker(x + 5, y - 9, y + 1, 3))
        elif css:
            parts.append(svg_rect(css, x, y - 9, 10, 10))
        start = x + 14 if css else x
        parts.append(svg_text(start, y, text))
        x = start + text_width(text, TEXT_SIZE) + 8
    return x, parts


# --- Bars ---

LEAST_HEIGHT = 1  # of a bar that can be seen
NAME_TURN = 60  # degrees, of names under bars that are too long for what a layer has
NAME_SHARE, MAX_NAME_WIDTH = 0.34, 96  # what such names may take: of the height, in px
UPRIGHT_SLOT, UPRIGHT_SHARE = 10, 0.25  # for values on end: px of a layer; of the height, at most
LEGEND_HEIGHT, PANEL_HEAD = 16, 26  # of the legend of all panels, and of one
MAX_TICKS = 5


class Panel(namedtuple('Panel', 'plot slot quantity scale values limits step ticks')):
    """Bars of one quantity: the Box of their axes, and the px that each has across.

    scale: what the axis's unit is in J or s; values, limits: numbers and (least, most) of layers;
    step: between two of the axis's ticks, in its unit; ticks: how many come after 0.
    """

    __slots__ = ()

    def x(self, index):
        """Return where the middle of a layer's bar is."""
        return self.plot.left + self.slot * (index + 0.5)

    def y(self, value):
        """Return how high a value is."""
        plot = self.plot
        return plot.bottom - (plot.bottom - plot.top) * value / (
            self.scale * self.step * self.ticks
        )


def svg_bars(report, box, quantities):
    """Return panels of bars, one below the other, each with a bar a layer; in a Box."""
    layers, (left, top, right, bottom) = report['layers'], box
    slot, sin = (right - left) / max(len(layers), 1), math.sin(math.radians(NAME_TURN))
    room = min(NAME_SHARE * (bottom - top) / sin, MAX_NAME_WIDTH)
    names, turn, every = names_under(layers, slot, room)
    longest = max((text_width(name, SMALL_SIZE) for _, name in names), default=0)
    bottom -= 8 + longest * sin if turn else 18
    parts, entries = [], bars_legend(report, quantities, every)
    if len(quantities) > 1:
        parts, entries, top = svg_legend(left, top + 8, entries)[1], [], top + LEGEND_HEIGHT
    height = (bottom - top) / len(quantities)
    for quantity in quantities:
        parts += svg_panel(report, Box(left, top, right, top + height), slot, quantity, entries)
        top += height
    for index, name in names:
        x, y, css = (4, 10, 's e') if turn else (0, 14, 's m')
        parts.append(svg_text(left + slot * (index + 0.5) + x, bottom + y, name, css, turn))
    return parts


def names_under(layers, slot, room):
    """Return ([(index, name) of layers that are labelled], degrees to turn them, one in how many).

    slot: the px that each layer has; room: the px that a name may take if it is turned.
    """
    names = [shortened(layer['name'], 100) for layer in layers]
    if all(text_width(name, SMALL_SIZE) < slot - 4 for name in names):
        return list(enumerate(names)), 0, 1
    every = math.ceil(LABEL_HEIGHT / (slot * math.sin(math.radians(NAME_TURN))))
    labelled = range(0, len(names), every)
    return [(i, fitted(names[i], room, SMALL_SIZE)) for i in labelled], NAME_TURN, every


def bars_legend(report, quantities, every):
    """Return the entries (class, text) of the legend of all panels."""
    entries = []
    if len(quantities) > 1:
        for kind in KINDS:
            costs = [engineering(report[kind][q], QUANTITY_UNITS[q]) for q in quantities]
            entries.append((kind, f'{kind} layers: {", ".join(costs)}'))
    if 'energy_range' in report['total']:
        entries.append(('whisker', 'least to most'))
    if every > 1:
        entries.append(('', f'1 layer in {every} named'))
    return entries


def panel_of(layers, plot, slot, quantity):
    """Return the Panel of one quantity of layers in a Box."""
    values = [layer[quantity] for layer in layers]
    limits = [layer.get(f'{quantity}_range', [layer[quantity]] * 2) for layer in layers]
    most = max((high for _, high in limits), default=0) or 1
    scale = 1000.0 ** prefix_of(most)[0]
    panel = Panel(plot, slot, quantity, scale, values, limits, 1, 1)
    width, turn = value_width(panel)
    room = width + 6 if turn else SMALL_SIZE + 4  # for the value of the highest bar
    step, ticks = ticks_above(most / scale / (1 - room / (plot.bottom - plot.top)))
    return panel._replace(step=step, ticks=ticks)


def ticks_above(most):
    """Return (step, how many) of ticks the last of which is above `most`.

    >>> ticks_above(206.6)  # 50, 100, 150, 200, 250
    (50.0, 5)
    """
    step = 10.0 ** math.floor(math.log10(most / MAX_TICKS))
    step *= next(factor for factor in (1, 2, 5, 10) if step * factor * MAX_TICKS >= most)
    return step, math.floor(most / step + 1e-9) + 1


def svg_panel(report, box, slot, quantity, entries):
    """Return a panel of bars in a Box: its legend, with some more entries, axes and bars."""
    layers, plot = report['layers'], box._replace(top=box.top + PANEL_HEAD)
    panel = panel_of(layers, plot, slot, quantity)
    x, parts = svg_legend(plot.left, plot.top - 8, panel_legend(report, panel) + entries)
    if unseen(panel) and x > (box.left + box.right) / 2:  # their names are on a line of their own
        x, plot = box.left, plot._replace(top=plot.top + LINE_HEIGHT)
        panel = panel_of(layers, plot, slot, quantity)
    parts.append(svg_unseen(layers, panel, x))
    for tick in range(panel.ticks + 1):
        y = panel.y(tick * panel.step * panel.scale)
        parts.append(svg_line('grid', (plot.left, y), (plot.right, y)))
        parts.append(svg_text(plot.left - 6, y + 4, f'{tick * panel.step:.6g}', 's e'))
    for index, layer in enumerate(layers):
        parts += svg_bar(layer, panel, index)
    corners = (plot.left, plot.top), (plot.left, plot.bottom), (plot.right, plot.bottom)
    return [*parts, svg_line('axis', *corners), *svg_values(panel)]


def panel_legend(report, panel):
    """Return the entries (class, text) of a Panel's own legend: its unit, and parts of bars."""
    quantity, total = panel.quantity, report['total'][panel.quantity]
    unit = prefix_of(panel.scale)[1] + QUANTITY_UNITS[quantity]
    costs, named = report.get('energy_by', {}), PART_NAMES
    if quantity == 'latency':
        costs = {bound: cost[quantity] for bound, cost in report.get('bounds', {}).items()}
        named = {bound: f'{bound}-bound' for bound in BOUNDS}
    shares = [
        (part, f'{name} {percent(share_of(costs[part], total))}')
        for part, name in named.items()
        if part in costs
    ]
    return [('', f'{quantity} ({unit})'), *shares]


def unseen(panel):
    """Return the indices of the layers whose bars are too small to see."""
    lowest = panel.plot.bottom - LEAST_HEIGHT
    return [index for index, value in enumerate(panel.values) if panel.y(value) > lowest]


def svg_unseen(layers, panel, x):
    """Return the sum of the layers that are too small to see, with the names that fit."""
    small = unseen(panel)
    if not small:
        return ''
    in_all = engineering(math.fsum(panel.values[i] for i in small), QUANTITY_UNITS[panel.quantity])
    names = [shortened(layers[i]['name'], 24) for i in small[:20]]
    text = f'too small to see: {", ".join(names)}; in all {in_all}'
    while names and (text_width(text, SMALL_SIZE) > panel.plot.right - x or len(names) == 20):
        names.pop()
        rest = f'{len(small) - len(names)} more'
        text = f'too small to see: {", ".join([*names, rest])}; in all {in_all}'
    return svg_text(panel.plot.right, panel.plot.top - 8, text, 's e')


def svg_bar(layer, panel, index):
    """Return a layer's bar, in the parts that it has, and its whisker."""
    quantity, unit, value = panel.quantity, QUANTITY_UNITS[panel.quantity], panel.values[index]
    parts = {layer['kind']: value}
    if quantity == 'latency' and 'bound' in layer:
        parts = {layer['bound']: value}
    elif quantity == 'energy' and 'energy_by' in layer:
        parts = layer['energy_by']
    shapes, below = [], 0
    for part, cost in parts.items():
        what = f' for {PART_NAMES[part]}' if part in PART_NAMES else ''
        limits = [] if what else panel.limits[index]
        title = f'{layer["name"]}: {engineering(cost, unit, *limits)}{what}'
        y, height = panel.y(below + cost), panel.y(below) - panel.y(below + cost)
        x, width = panel.x(index) - 0.4 * panel.slot, 0.8 * panel.slot
        shapes.append(svg_rect(part, x, y, width, height, title))
        below += cost
    low, high = panel.limits[index]
    if low != high:
        cap = min(4, 0.3 * panel.slot)
        shapes.append(svg_whisker(panel.x(index), panel.y(high), panel.y(low), cap))
    return shapes


def value_texts(panel):
    """Return the values of bars, in the axis's unit, so that the largest has three digits."""
    most = max(panel.values, default=0) / panel.scale
    decimals = max(0, 2 - math.floor(math.log10(most))) if most else 0
    return [f'{value / panel.scale:.{min(decimals, 9)}f}' for value in panel.values]


def value_width(panel):
    """Return (the width in px of the longest value, degrees to turn values); 0 if none has room."""
    width = max((text_width(text, SMALL_SIZE) for text in value_texts(panel)), default=0)
    room, least = panel.slot - 2, UPRIGHT_SLOT
    if has_whiskers(panel):
        room, least = panel.slot / 2 - 8, 3.6 * UPRIGHT_SLOT
    if width < room:
        return width, 0
    fits = width < UPRIGHT_SHARE * (panel.plot.bottom - panel.plot.top)
    return (width, 90) if panel.slot >= least and fits else (0, 0)


def has_whiskers(panel):
    """Return whether a Panel has costs with ranges."""
    return any(low != high for low, high in panel.limits)


def svg_values(panel):
    """Return the values on top of bars, beside whiskers, if there is room."""
    (width, turn), parts = value_width(panel), []
    if has_whiskers(panel):
        across, css = 15 if turn else 6, 'label'
    else:
        across, css = (4, 'label') if turn else (0, 'label m')
    texts = value_texts(panel) if width else []
    for index, (text, value) in enumerate(zip(texts, panel.values)):
        y = panel.y(value)
        if y <= panel.plot.bottom - LEAST_HEIGHT:
            parts.append(svg_text(panel.x(index) + across, y - 3, text, css, turn))
    return parts


# --- Rooflines ---

MAX_LABELS = 100  # of dots; no more fit, and each is held against all others
FULL_RADIUS, LEAST_RADIUS = 30, 2  # of the dot of a layer that takes all of the time, and of any
LEGEND_SHARES = (0.01, 0.05, 0.1)  # of the time, of the dots that the legend shows
FIRST_SPOTS = 3  # are labelled before what may be elsewhere
SAME_SPOT = 3  # px between dots that are labelled together
MAX_DECADES, MAJOR_TICK, MINOR_TICK = 10, 7, 4  # labelled on an axis; px
MOST_PREFIXED = 1e18  # larger numbers have no prefix

# peak: MACs per second at the most; bandwidth: bytes per second.
Roof = namedtuple('Roof', 'name peak bandwidth css')
Dot = namedtuple('Dot', 'layer x y radius share')


class Axes(namedtuple('Axes', 'box least most')):
    """Axes on which both ways go in decades. least, most: (MACs per byte, MACs per second)."""

    __slots__ = ()

    def place(self, *point):
        """Return (x, y) of (MACs per byte, MACs per second)."""
        across, up = (
            math.log(at / low) / math.log(high / low)
            for at, low, high in zip(point, self.least, self.most)
        )
        left, top, right, bottom = self.box
        return left + (right - left) * across, bottom - (bottom - top) * up

    def foot(self, roof):
        """Return where a Roof starts, at the left or at the bottom."""
        intensity = max(self.least[0], self.least[1] / roof.bandwidth)
        return self.place(intensity, intensity * roof.bandwidth)

    def ridge(self, roof):
        """Return where a Roof's ridge is."""
        return self.place(roof.peak / roof.bandwidth, roof.peak)

    def crossed(self, roof, box):
        """Return whether a Roof crosses a Box."""
        (x, y), (left, foot) = self.ridge(roof), self.foot(roof)
        slope = (foot - y) / (x - left)
        above, below = (y + slope * max(0, x - end) for end in (box.right, box.left))
        return box.bottom >= above and box.top <= below


def svg_roofline(report, machine, box):
    """Return an accelerator's roofline, and a dot for each layer; in a Box."""
    layers, total_s = report['layers'], report['total']['latency']
    roofs = roofs_of(machine)
    plot = Box(box.left, box.top + 26, box.right, box.bottom - 34)
    axes = axes_of(layers, roofs, plot)
    dots, labels = dots_of(layers, total_s, axes), Labels(axes, roofs)
    spots = spots_of(dots)
    label_bandwidth(labels, roofs[0])
    label_spots(labels, spots[:FIRST_SPOTS])
    label_peaks(labels, dots)
    label_ridges(labels)
    label_spots(labels, spots[FIRST_SPOTS:])
    return [
        *svg_roofline_legend(report, box),
        *svg_axes(axes),
        *(part for roof in roofs for part in svg_roof(roof, axes)),
        *map(svg_layer, dots),
        *labels.drawn,
    ]


def roofs_of(machine):
    """Return the Roofs of an accelerator, the one that all layers have first."""
    peak, bandwidth = machine.macs * machine.clock_mhz * 1e6, machine.dram_gbps * 1e9
    gain, efficiency = machine.winograd_gain, getattr(machine, 'efficiency', None) or 1
    roofs = [Roof('peak', peak, bandwidth, 'axis')]
    if gain != 1:
        roofs.append(Roof('with Winograd', peak * gain, bandwidth, 'axis dash'))
    if efficiency != 1:
        by = f'efficiency {efficiency:.3g}'
        roofs += [
            Roof(
                by if roof is roofs[0] else f'{roof.name}, {by}',
                roof.peak * efficiency,
                roof.bandwidth * efficiency,
                'axis dotted',
            )
            for roof in roofs
        ]
    return roofs


def axes_of(layers, roofs, plot):
    """Return the Axes that have all layers in them, and a decade to either side of each ridge."""
    points = [dot_at(layer) for layer in layers if layer['macs']]
    points += [(intensity * 1.5, rate) for intensity, rate in points]  # room for large dots
    for _, peak, bandwidth, _ in roofs:
        ridge = peak / bandwidth
        points += [(ridge / 10, peak / 10), (ridge * 10, peak * 2)]
    least, most = zip(
        *((round_number(min(of)), round_number(max(of), True)) for of in zip(*points))
    )
    return Axes(plot, least, most)


def round_number(number, up=False):
    """Return the next 1, 2 or 5 times a power of ten below a number, or above it."""
    decade = 10.0 ** math.floor(math.log10(number))
    # One more at either end, as the logarithm of a power of ten may be rounded across it.
    steps = [decade * factor for factor in (0.5, 1, 2, 5, 10, 20)]
    return next(x for x in steps if x >= number) if up else max(x for x in steps if x <= number)


def dots_of(layers, total_s, axes):
    """Return the Dots of layers, those that take longest first; areas are shares of the time."""
    dots = []
    for layer in sorted(layers, key=lambda layer: -layer['latency']):
        if layer['macs']:
            x, y = axes.place(*dot_at(layer))
            share = layer['latency'] / total_s
            dots.append(Dot(layer, x, y, radius_of(share), share))
    return dots


def dot_at(layer):
    """Return (MACs per byte, MACs per second) of a layer."""
    return layer['operational_intensity'], layer['macs'] / layer['latency']


def radius_of(share):
    """Return the radius of the dot of a layer that takes that share of the time."""
    return max(LEAST_RADIUS, FULL_RADIUS * math.sqrt(share))


def svg_layer(dot):
    """Return a layer's dot."""
    layer = dot.layer
    title = (
        f'{layer["name"]}: {engineering(layer["latency"], "s")}, {dot.share:.1%} of the time, '
        f'{layer["bound"]}-bound, {percent(layer["utilization"])} used'
    )
    return svg_dot(layer['bound'], dot.x, dot.y, dot.radius, title)


def svg_roofline_legend(report, box):
    """Return what dots' colours and sizes mean."""
    entries = []
    for bound in BOUNDS:
        if bound in report.get('bounds', {}):
            time_s = report['bounds'][bound]['latency']
            share = percent(share_of(time_s, report['total']['latency']))
            entries.append((bound, f'{bound}-bound: {engineering(time_s, "s")}, {share}'))
    x, parts = svg_legend(box.left, box.top + 12, [*entries, ('', 'share of the time:')])
    for share in LEGEND_SHARES:
        radius = radius_of(share)
        parts.append(svg_dot('size', x + radius, box.top + 8, radius))
        parts.append(svg_text(x + 2 * radius + 4, box.top + 12, f'{share:.0%}'))
        x += 2 * radius + 36
    return parts


def svg_axes(axes):
    """Return the axes, with ticks and grids, and what they are."""
    left, top, right, bottom = axes.box
    parts = []
    for intensity, length, labelled in ticks_between(axes.least[0], axes.most[0]):
        x, _ = axes.place(intensity, axes.least[1])
        parts.append(svg_line('tick', (x, bottom), (x, bottom - length)))
        if labelled:
            parts.append(svg_line('grid', (x, top), (x, bottom)))
            parts.append(svg_text(x, bottom + 14, f'{intensity:g}', 's m'))
    for rate, length, labelled in ticks_between(axes.least[1], axes.most[1]):
        _, y = axes.place(axes.least[0], rate)
        parts.append(svg_line('tick', (left, y), (left + length, y)))
        if labelled:
            exponent, prefix = prefix_of(rate) if rate < MOST_PREFIXED else (0, '')
            parts.append(svg_line('grid', (left, y), (right, y)))
            parts.append(svg_text(left - 6, y + 4, f'{rate / 1000**exponent:g} {prefix}', 's e'))
    parts.append(svg_line('tick', (left, top), (left, bottom), (right, bottom)))
    parts.append(svg_text((left + right) / 2, bottom + 29, 'MACs per DRAM byte', 'm'))
    parts.append(svg_text(MARGIN + 8, (top + bottom) / 2, 'MACs per second', 'm', 90))
    return parts


def ticks_between(least, most):
    """Return [(number, px of the tick, whether it is labelled)] of an axis in decades."""
    first, last = math.floor(math.log10(least)), math.ceil(math.log10(most))
    every = math.ceil((last - first) / MAX_DECADES)
    ticks = []
    for exponent in range(first, last + 1):
        for digit in range(1, 10 if every == 1 else 2):
            number = float(f'{digit}e{exponent}')
            if least <= number * 1.000001 and number <= most * 1.000001:
                labelled = digit == 1 and exponent % every == 0
                ticks.append((number, MAJOR_TICK if digit == 1 else MINOR_TICK, labelled))
    return ticks


def svg_roof(roof, axes):
    """Return a Roof's line, and one down from its ridge."""
    x, y = axes.ridge(roof)
    line = svg_line(roof.css, axes.foot(roof), (x, y), (axes.box.right, y))
    return [line, svg_line('tick dotted', (x, y), (x, axes.box.bottom))]


class Labels:
    """The labels of a roofline, none of which runs into another, crosses a Roof or leaves the Axes.

    taken: the Boxes of those that there are; drawn: their elements.
    """

    def __init__(self, axes, roofs):
        self.axes, self.roofs, self.taken, self.drawn = axes, roofs, [], []

    def put(self, name, x, places, avoided=()):
        """Return whether a name found a free one of some Boxes, and draw it there.

        x: where what it names is; avoided: Boxes that are not free either.
        """
        for place in places:
            if self.is_free(place, [*self.taken, *avoided]):
                self.taken.append(place)
                self.drawn.append(svg_label(place, name, x))
                return True
        return False

    def is_free(self, place, taken):
        """Return whether a Box is inside and overlaps none of those that are taken, and no Roof."""
        left, top, right, bottom = self.axes.box
        inside = left < place.left and place.right < right
        if not inside or place.top <= top or place.bottom >= bottom:
            return False
        crossed = any(self.axes.crossed(roof, place) for roof in self.roofs)
        return not crossed and not any(overlap(place, other) for other in taken)


def svg_label(place, name, x):
    """Return a name in a Box, at the end of it that is nearest to x."""
    y = place.bottom - 3
    if place.left >= x:
        return svg_text(place.left, y, name, 'label')
    if place.right <= x:
        return svg_text(place.right, y, name, 'label e')
    return svg_text((place.left + place.right) / 2, y, name, 'label m')


def boxes_for(name, starts):
    """Return the Boxes of a name that starts at some places (left, bottom)."""
    width = text_width(name, SMALL_SIZE)
    return [Box(left, bottom - LABEL_HEIGHT, left + width, bottom) for left, bottom in starts]


def overlap(box, other):
    """Return whether two Boxes overlap."""
    across = box.left < other.right and other.left < box.right
    return across and box.top < other.bottom and other.top < box.bottom


def label_bandwidth(labels, roof):
    """Put a Roof's bandwidth along it, if it is long enough."""
    (left, low), (right, high) = labels.axes.foot(roof), labels.axes.ridge(roof)
    name = f'bandwidth: {engineering(roof.bandwidth, "B")}/s'
    width, length = text_width(name, SMALL_SIZE), math.hypot(right - left, low - high)
    if width > length:
        return
    cos, sin = (right - left) / length, (low - high) / length
    start = (length - width) / 3

    def place(along, above):
        return left + along * cos - above * sin, low - along * sin - above * cos

    for along in range(0, int(width) + 8, 8):
        x, y = place(start + along, 9)
        labels.taken.append(Box(x - 7, y - 7, x + 7, y + 7))
    turn = math.degrees(math.atan2(sin, cos))
    labels.drawn.append(svg_text(*place(start, 5), name, 'label', turn))


def label_peaks(labels, dots):
    """Put the peak of each Roof above it or below, where no Dots are if there is such a place."""
    under_dots = [Box(x - r, y - r, x + r, y + r) for _, x, y, r, _ in dots[:MAX_LABELS]]
    for roof in labels.roofs:
        (x, y), right = labels.axes.ridge(roof), labels.axes.box.right
        name = f'{roof.name}: {engineering(roof.peak, "MAC")}/s'
        last = right - 4 - text_width(name, SMALL_SIZE)
        steps = [last - (right - x) * step / 8 for step in range(8)]
        starts = [(left, bottom) for bottom in (y - 2, y + 16, y - 16, y + 30) for left in steps]
        places = boxes_for(name, starts)
        if not labels.put(name, right, places, under_dots):
            labels.put(name, right, places)


def label_ridges(labels):
    """Put the ridges of the Roofs of one bandwidth at the bottom."""
    for roof in labels.roofs:
        if roof.bandwidth == labels.roofs[0].bandwidth:
            (x, _), bottom = labels.axes.ridge(roof), labels.axes.box.bottom - 5
            name = f'ridge: {roof.peak / roof.bandwidth:.4g} MACs per byte'
            lefts = x + 4, x - 4 - text_width(name, SMALL_SIZE)
            starts = [(left, bottom - LABEL_HEIGHT * i) for left in lefts for i in range(4)]
            labels.put(name, x, boxes_for(name, starts))


def label_spots(labels, spots):
    """Put names beside Dots, those on one spot together; what finds no place has none."""
    for spot in spots:
        _, x, y, radius, _ = spot[0]
        name = name_of(spot)
        width, aside, corner = text_width(name, SMALL_SIZE), radius + 3, 0.7 * radius + 2
        above, level = y - corner, y + LABEL_HEIGHT / 2
        below = y + corner + LABEL_HEIGHT
        starts = [
            (x + aside, level),
            (x - aside - width, level),
            (x + corner, below),
            (x - corner - width, above),
            (x + corner, above),
            (x - corner - width, below),
            (x - width / 2, y + aside + LABEL_HEIGHT),
            (x - width / 2, y - aside),
        ]
        labels.put(name, x, boxes_for(name, starts))


def spots_of(dots):
    """Return lists of the Dots that are on one spot, in the order of their first."""
    spots = []
    for dot in dots:
        for spot in spots:
            if abs(spot[0].x - dot.x) <= SAME_SPOT and abs(spot[0].y - dot.y) <= SAME_SPOT:
                spot.append(dot)
                break
        else:
            if len(spots) < MAX_LABELS:
                spots.append([dot])
    return spots


def name_of(spot):
    """Return what Dots on one spot are labelled with."""
    names = [shortened(dot.layer['name'], 20) for dot in spot[:4]]
    together = ', '.join(names)
    if len(spot) <= len(names) and len(together) <= 24:
        return together
    return f'{names[0]} and {len(spot) - 1} more' if len(spot) > 1 else names[0]
