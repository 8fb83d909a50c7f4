"""Reports as CSV, and as tables for people."""

import csv
import io
import math
import textwrap
from collections import namedtuple

from fodlam import QUANTITY_UNITS, frames_of, quantities
from fodlam.data.eyeriss_tables import add_bytes
from fodlam.data.ranges import range_of
from fodlam.data.words import (
    cost_text,
    engineering,
    has_energy_parts,
    percent,
    printable,
    remarks_on,
    share_of,
    shortened,
    subtitles_of,
    title_of,
)

SCREEN_WIDTH = 80  # in characters
GAP = '  '  # between columns

# A table that is too wide for the screen gets shorter bars, by these steps, and then fewer columns.
# This goes on until names have the room that they need, or the wanted width if they need more.
# Names that still do not fit are cut, but not below the minimum.
BAR_WIDTHS = (10, 8, 6, 4, 0)
WANTED_NAME_WIDTH = 16
MIN_NAME_WIDTH = 8

# A bar is made of full blocks, and at its end one of 0 to 7 eighths.
FULL_BLOCK = '█'
PARTIAL_BLOCKS = ('', '▏', '▎', '▍', '▌', '▋', '▊', '▉')

LARGEST_PART_HEADING = 'largest'

# What a cell must not begin with, or spreadsheets may take it for a formula; the last four are of
# full width, as Chinese and Japanese keyboards have them (owasp.org, "CSV Injection").
FORMULA_STARTS = ('=', '+', '-', '@', '\t', '\r', '\n', '\uff1d', '\uff0b', '\uff0d', '\uff20')

PICOS_PER_ONE = 1e12  # pJ per J, and ps per s

# === Rows ===


class Row(
    namedtuple(
        'Row',
        'name macs cost source kind low high frames bound energy_by details',
        defaults=[None] * 7,
    )
):
    """A line of a report: a layer, or the sum of some layers.

    name: such as "CONV1-1", "total" or "memory-bound". macs: the MACs of one frame.
    cost: a Cost. source: where the cost is from, such as "published" (fodlam.Layer), or "sum".
    kind: of the layer, such as "conv"; None for a sum.
    low, high: the least and the most Cost that it may be; None without ranges.
    frames: how many frames the cost is for; None for a sum.
    bound: what the layer waits for, such as "memory"; None if that is not known, and for a sum.
    energy_by: {part: J} of the energy, or None.
    details: {key: value} of what else reports say of the layer or the sum, or None.
    """

    __slots__ = ()

    @property
    def is_sum(self):
        """Whether this is a sum, and not a layer."""
        return self.source == 'sum'


def make_rows(estimate, layers):
    """Return the Rows of an Estimate: its layers, its sums by kind, and its sums by bound.

    layers: the Estimate's Layers.
    """
    rows = [layer_row(layer, estimate) for layer in layers]
    rows += [group_row(group, estimate, layers) for group in estimate.sums]
    rows += [bound_row(bound, estimate, layers) for bound in estimate.bounds or ()]
    return rows


def count_sums(estimate):
    """Return how many Rows of an Estimate are sums; they are the last ones."""
    return len(estimate.sums) + len(estimate.bounds or ())


def layer_row(layer, estimate):
    """Return the Row of a Layer of an Estimate."""
    low, high = range_of(layer) if estimate.ranges else (None, None)
    return Row(
        name=layer.name,
        kind=layer.kind,
        macs=layer.macs,
        cost=layer.cost,
        low=low,
        high=high,
        source=layer.source,
        frames=layer.frames,
        bound=layer.bound,
        details=layer.details,
        energy_by=layer.energy_by,
    )


def group_row(group, estimate, layers):
    """Return the Row of the sum of a group of layers.

    group: a kind, such as "conv", or "total". layers: the Estimate's Layers.
    """
    members = layers
    if group != 'total':
        members = [layer for layer in layers if layer.kind == group]
    low, high = estimate.ranges[group] if estimate.ranges else (None, None)
    return Row(
        name=group,
        macs=sum(layer.macs for layer in members),
        cost=estimate.sums[group],
        low=low,
        high=high,
        source='sum',
        energy_by=add_up_energy_parts(estimate, members),
        details=estimate.traffic.by_group[group] if estimate.traffic else None,
    )


def add_up_energy_parts(estimate, layers):
    """Return {part: J} of the energy of Layers; None if no part of it is known.

    layers: some of the Estimate's Layers.
    """
    parts_of_layers = [layer.energy_by for layer in layers if layer.energy_by is not None]
    if not estimate.energy_by or (layers and not parts_of_layers):
        return None
    sums = {}
    for part in estimate.energy_by:
        sums[part] = math.fsum(parts.get(part, 0) for parts in parts_of_layers)
    return sums


def bound_row(bound, estimate, layers):
    """Return the Row of the sum of the layers with a bound.

    bound: such as "memory". layers: the Estimate's Layers.
    """
    return Row(
        name=f'{bound}-bound',
        macs=sum(layer.macs for layer in layers if layer.bound == bound),
        cost=estimate.bounds[bound],
        source='sum',
    )


# === CSV ===


def estimate_csv(estimate):
    """Return an Estimate as CSV: its Rows, and a line for the layers that it left out, if any.

    A program that adds up layers passes over the lines of sums by their source. They have no kind
    and no bound, so that groups of layers do not count them either. What is left out is a sum, too:
    its MACs are not in the total.
    """
    total = estimate.sums['total']
    layers = estimate.make_layers()
    add_bytes(layers, estimate)
    lines = [csv_cells(row, total) for row in make_rows(estimate, layers)]
    if estimate.left_out:
        lines.append(
            {
                'layer': 'left out',
                'source': 'sum',
                'layers': len(estimate.left_out),
                'macs': sum(entry['macs'] for entry in estimate.left_out),
            }
        )
    return to_csv(lines)


def csv_cells(row, total):
    """Return {column: value} of a Row; total: the Cost of all layers, for shares."""
    cells = {'layer': row.name, 'kind': row.kind, 'macs': row.macs}
    cells |= quantities(row.cost)
    cells['source'] = row.source
    cells |= range_cells(row)
    cells['frames'] = row.frames
    if row.bound is not None:
        cells['bound'] = row.bound
    if row.details is not None:
        cells |= row.details
    if row.energy_by is not None:
        for part, energy_j in row.energy_by.items():
            cells[f'energy_{part}'] = energy_j
    for quantity, share in shares_of(row, total).items():
        cells[f'{quantity}_share'] = share
    return cells


def range_cells(row):
    """Return {column: value} of a Row's range: "energy_low", "energy_high" and so on."""
    cells = {}
    if row.low is not None:
        lows, highs = quantities(row.low), quantities(row.high)
        for quantity in QUANTITY_UNITS:
            cells[f'{quantity}_low'] = lows[quantity]
            cells[f'{quantity}_high'] = highs[quantity]
    return cells


def shares_of(row, total):
    """Return {quantity: share} of a Row; total: the Cost of all layers."""
    costs, totals = quantities(row.cost), quantities(total)
    return {quantity: share_of(costs[quantity], totals[quantity]) for quantity in QUANTITY_UNITS}


def diagnosis_csv(report):
    """Return a report of `fodlam.diagnose` as CSV, in J and s per MAC."""
    return to_csv(diagnosis_lines(report))


def diagnosis_lines(report):
    """Return [{column: value}] of a report of `fodlam.diagnose`: its layers, and the averages."""
    lines = []
    for net, energies in report['per_layer']['energy'].items():
        latencies = report['per_layer']['latency'][net]
        for layer, energy in energies.items():
            lines.append(
                {'net': net, 'layer': layer, 'energy': energy, 'latency': latencies[layer]}
            )
    latencies = report['average']['latency']
    for kind, energy in report['average']['energy'].items():
        lines.append(
            {'net': 'average', 'layer': kind, 'energy': energy, 'latency': latencies[kind]}
        )
    return lines


def to_csv(lines):
    """Return lines as CSV, below a line of headings.

    lines: a list of {column: value}. A cell is empty if its line does not have the column, or None
    there. Columns are in the order of the first lines that have them.

    >>> print(to_csv([{'layer': 'fc6', 'macs': 4}, {'layer': 'left out', 'layers': 2}]), end='')
    layer,macs,layers
    fc6,4,
    left out,,2
    """
    columns = dict.fromkeys(column for line in lines for column in line)  # a set that keeps order
    result = io.StringIO()
    writer = csv.DictWriter(result, columns, lineterminator='\n')
    writer.writeheader()
    for line in lines:
        cells = {}
        for column, value in line.items():
            cells[column] = harmless(value) if isinstance(value, str) else value
        writer.writerow(cells)
    return result.getvalue()


def harmless(text):
    """Return a text as a cell on one line that no spreadsheet takes for a formula.

    >>> harmless('=1+1')
    "'=1+1"
    """
    shown = printable(text)  # in which also a mark without width is a blank
    if text.startswith(FORMULA_STARTS) or shown.lstrip().startswith(FORMULA_STARTS):
        return f"'{shown}"
    return shown


# === Tables for people ===


class Column(
    namedtuple('Column', 'heading cells on_right gives_way shares', defaults=[False, None, None])
):
    """A column of a table.

    heading: its text. cells: a text for each row. on_right: whether texts are aligned on the right.
    gives_way: from a table that is too wide, the column with 1 is left out first, then that with 2,
    and so on; one with None never is. The CSV has them all.
    shares: a share for each row, which is drawn as a bar behind the cell, or None if the share is
    not known; None for a column without bars.
    """

    __slots__ = ()


def estimate_table(estimate, notes, encoding):
    """Return an Estimate as a title, a table and some sentences.

    notes: sentences to end with. encoding: of the stream that the table is for, or None if any
    character can be written there.
    """
    layers = estimate.make_layers()
    rows = make_rows(estimate, layers)
    names = [row.name for row in rows]
    wanted_width = min(max(len(name) for name in names), WANTED_NAME_WIDTH)
    columns, bar_width = fit_to_screen(estimate_columns(rows, estimate), wanted_width)
    columns = [add_bars(column, bar_width, has_blocks(encoding)) for column in columns]
    table = to_table([Column('layer', names), *columns], count_sums(estimate))
    headings = {column.heading for column in columns}
    remarks = remarks_on(estimate, layers) + column_remarks(headings, estimate)
    heading = ''
    for line in [title_of(estimate, layers), *subtitles_of(estimate, layers)]:
        heading += textwrap.fill(line, SCREEN_WIDTH) + '\n'
    return f'{heading}\n{table}{paragraphs(remarks + notes)}'


def column_remarks(headings, estimate):
    """Return the sentences that say what columns of a table are.

    headings: the set of the headings of its columns. estimate: the Estimate that it shows.
    """
    remarks = []
    if LARGEST_PART_HEADING in headings:
        remarks.append(f'{LARGEST_PART_HEADING}: the largest part of the energy')
    if 'MACs' in headings and max(frames_of(estimate).values()) > 1:
        remarks.append('MACs: 1 frame')
    return remarks


def estimate_columns(rows, estimate):
    """Return the Columns of an Estimate's table, without that of the names; rows: its Rows."""
    layers_wait = any(row.bound is not None for row in rows)
    columns = [Column('kind', layer_cells(rows, 'kind'), gives_way=1)]
    if not estimate.ranges:  # which take the room
        macs = [engineering(row.macs, '') for row in rows]
        columns.append(Column('MACs', macs, on_right=True, gives_way=2))
    columns.append(cost_column('energy', rows, estimate))
    # On an accelerator, layers have bounds, and their energy is power times time: it has the same
    # shares as the latency, unless it has other parts as well.
    if has_energy_parts(estimate) or not layers_wait:
        columns.append(share_column('energy', rows, estimate, gives_way=5))
    if has_energy_parts(estimate):
        parts = [largest_part(row) for row in rows]
        columns.append(Column(LARGEST_PART_HEADING, parts, gives_way=4))
    columns.append(cost_column('latency', rows, estimate))
    columns.append(share_column('latency', rows, estimate, gives_way=None))
    if layers_wait:
        columns.append(Column('bound', layer_cells(rows, 'bound')))
    used = [utilization_cell(row) for row in rows]
    if any(used):
        columns.append(Column('used', used, on_right=True, gives_way=3))
    return columns


def layer_cells(rows, attribute):
    """Return a cell for each Row: an attribute of a layer, and nothing for a sum."""
    cells = []
    for row in rows:
        value = None if row.is_sum else getattr(row, attribute)
        cells.append(value or '')
    return cells


def cost_column(quantity, rows, estimate):
    """Return the Column of the costs of Rows, with ranges if the Estimate has any.

    quantity: "energy" or "latency".
    """
    cells = [cost_text(row.cost, quantity, row.low, row.high) for row in rows]
    if estimate.ranges:
        return Column(f'{quantity} (range)', cells)
    return Column(quantity, cells, on_right=True)


def share_column(quantity, rows, estimate, gives_way):
    """Return the Column of the shares of energy or latency that Rows have of the Estimate's total.

    quantity: "energy" or "latency". gives_way: as for a Column.
    """
    total = estimate.sums['total']
    shares = [shares_of(row, total)[quantity] for row in rows]
    cells = ['' if share is None else f'{percent(share):>4}' for share in shares]
    return Column('share', cells, gives_way=gives_way, shares=shares)


def utilization_cell(row):
    """Return the utilization of a Row in percent; nothing if it is not known."""
    if row.details is None or 'utilization' not in row.details:
        return ''
    return percent(row.details['utilization'])


def largest_part(row):
    """Return the name of the largest part of a Row's energy; nothing if there is no energy."""
    parts = row.energy_by
    if parts is None or not any(parts.values()):
        return ''
    return max(parts, key=parts.get)


# --- Bars ---


def has_blocks(encoding):
    """Return whether an encoding has the blocks of bars; encoding: its name, or None for any."""
    blocks = FULL_BLOCK + ''.join(PARTIAL_BLOCKS)
    try:
        blocks.encode(encoding or 'utf-8')
    except UnicodeEncodeError:
        return False
    return True


def add_bars(column, width, blocks):
    """Return a Column with bars behind its cells, if it has shares.

    width: of the bar of a share of 1, in characters. blocks: whether bars are made of blocks.
    """
    if column.shares is None:
        return column
    cells = []
    for cell, share in zip(column.cells, column.shares):
        cells.append(cell if share is None else f'{cell} {bar(share, width, blocks)}'.rstrip())
    return column._replace(cells=cells)


def bar(share, width, blocks):
    """Return the bar of a share, as a text.

    width: of the bar of a share of 1, in characters.
    blocks: whether it is made of blocks, to an eighth of one, and not of "#".

    >>> bar(0.5125, 10, blocks=True), bar(0.5125, 10, blocks=False)
    ('█████▏', '#####')
    """
    if not blocks:
        return '#' * round(share * width)
    whole, eighths = divmod(round(share * width * 8), 8)
    return FULL_BLOCK * whole + PARTIAL_BLOCKS[eighths]


# --- Layout ---


def fit_to_screen(columns, name_width):
    """Return (the Columns that fit the screen beside the names, the width of their bars).

    columns: Columns, of which those that never give way are returned even if they do not fit.
    name_width: of the names, in characters.
    """
    for bar_width in BAR_WIDTHS:
        if table_width(columns, bar_width, name_width) <= SCREEN_WIDTH:
            return columns, bar_width
    narrowest = BAR_WIDTHS[-1]

    def fit_without(numbers):
        left = [column for column in columns if column.gives_way not in numbers]
        return table_width(left, narrowest, name_width) <= SCREEN_WIDTH

    gone = []  # the numbers of columns that are left out
    for number in sorted({column.gives_way for column in columns} - {None}):
        gone.append(number)
        if fit_without(gone):
            break
    # The last column to go may have left room for one that went before it.
    for number in reversed(gone[:-1]):
        fewer = [other for other in gone if other != number]
        if fit_without(fewer):
            gone = fewer
    return [column for column in columns if column.gives_way not in gone], narrowest


def table_width(columns, bar_width, name_width):
    """Return the width of a table in characters.

    columns: its Columns, without that of the names. bar_width: of the bar of a share of 1.
    name_width: of the names.
    """
    width = name_width
    for column in columns:
        longest = max(len(text) for text in [column.heading, *column.cells])
        if column.shares is not None:
            longest = max(longest, len('100% ') + bar_width)
        width += len(GAP) + longest
    return width


def to_table(columns, sums=0):
    """Return a table of Columns for people.

    sums: how many rows at the end are sums, which are set apart by a rule.
    If the table does not fit the screen, the cells of the first column are cut.

    >>> columns = [Column('layer', ['fc6', 'total']), Column('MACs', ['9', '10'], on_right=True)]
    >>> print(to_table(columns, sums=1), end='')
    layer  MACs
    -----  ----
    fc6       9
    -----  ----
    total    10
    """
    columns = [
        column._replace(cells=[printable(cell) for cell in column.cells]) for column in columns
    ]
    widths = [max(len(text) for text in [column.heading, *column.cells]) for column in columns]
    others = sum(len(GAP) + width for width in widths[1:])
    widths[0] = min(widths[0], max(SCREEN_WIDTH - others, MIN_NAME_WIDTH))
    columns[0] = columns[0]._replace(
        cells=[shortened(name, widths[0]) for name in columns[0].cells]
    )
    headings = table_line([column.heading for column in columns], columns, widths)
    rule = GAP.join('-' * width for width in widths)
    lines = [headings, rule]
    rows = len(columns[0].cells)
    for index in range(rows):
        if sums and index == rows - sums:
            lines.append(rule)
        cells = [column.cells[index] for column in columns]
        lines.append(table_line(cells, columns, widths))
    return ''.join(f'{line}\n' for line in lines)


def table_line(texts, columns, widths):
    """Return a line of a table.

    texts: a heading or cell for each column. columns: the Columns. widths: theirs, in characters.
    """
    aligned = []
    for text, column, width in zip(texts, columns, widths):
        aligned.append(text.rjust(width) if column.on_right else text.ljust(width))
    return GAP.join(aligned).rstrip()


def paragraphs(sentences):
    """Return an empty line and below it each sentence on lines of its own; '' for no sentences."""
    if not sentences:
        return ''
    lines = [textwrap.fill(printable(sentence), SCREEN_WIDTH) for sentence in sentences]
    return ''.join(f'{line}\n' for line in ['', *lines])


def diagnosis_table(report, notes):
    """Return a report of `fodlam.diagnose` as a table, in pJ and ps per MAC.

    notes: sentences to end with.
    """
    lines = diagnosis_lines(report)
    columns = [
        Column('net', [line['net'] for line in lines]),
        Column('layer', [line['layer'] for line in lines]),
        per_mac_column('pJ per MAC', [line['energy'] for line in lines]),
        per_mac_column('ps per MAC', [line['latency'] for line in lines]),
    ]
    averages = len(report['average']['energy'])
    return to_table(columns, averages) + paragraphs(notes)


def per_mac_column(heading, numbers):
    """Return the Column of numbers of J or s per MAC, as pJ or ps per MAC."""
    cells = [f'{number * PICOS_PER_ONE:.3f}' for number in numbers]
    return Column(heading, cells, on_right=True)
