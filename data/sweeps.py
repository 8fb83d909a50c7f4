"""Sweeps: many configs in one run, in which each net file is read and costed once.

fodlam.sweep calls `sweep_reports`. The option --lines calls `estimate_lines`, which reads a config
from each line of a stream, and yields a result on a line for each.
"""

import json
import time

from fodlam import (
    MAX_INPUT_BYTES,
    Catalog,
    InputError,
    complain,
    make_estimate,
    place,
    report_extras,
    to_report,
)

READ_BYTES = 2**16  # how much of a stream is read at a time

# When the Catalogs that are kept have more entries of net files than this, in all some 50 MB, they
# are forgotten.
MAX_KEPT_ENTRIES = 20_000


class KeptCatalogs:
    """The Catalogs that a sweep has made so far.

    catalogs: {(netfile, model, *arguments): Catalog}, by the arguments of Catalog.
    entries: how many entries of net files they have together.
    """

    def __init__(self):
        self.catalogs = {}
        self.entries = 0

    def find(self, netfile, model, *arguments):
        """Return Catalog(netfile, model, *arguments), which is made only the first time.

        >>> from fodlam import AverageModel
        >>> kept = KeptCatalogs()
        >>> catalog = kept.find('lenet.json', AverageModel, True, None)
        >>> catalog is kept.find('lenet.json', AverageModel, True, None)
        True
        """
        key = (netfile, model, *arguments)
        catalog = self.catalogs.get(key)
        if catalog is None:
            if self.entries > MAX_KEPT_ENTRIES:
                self.catalogs.clear()
                self.entries = 0
            catalog = self.catalogs[key] = Catalog(netfile, model, *arguments)
            self.entries += len(catalog.entries)
        return catalog


def sweep_reports(configs, per_frame, per_layer, ranges):
    """Yield the report on each config, or {'error': message} if one is wrong.

    configs: an iterable of dicts, or of JSON as bytes. per_frame: whether costs are for one frame,
    unless a config says it. per_layer, ranges: whether reports have layers, and ranges.
    """
    kept = KeptCatalogs()
    warned = False
    for config in configs:
        try:
            estimate = make_estimate(config, per_frame, ranges, kept.find)
        except InputError as error:
            report = {'error': str(error)}
        else:
            report = to_report(estimate, per_layer)
            if estimate.doubts and not warned:
                import warnings

                warned = True
                doubt = f'{estimate.doubts[0]}; of later configs, nothing is said'
                warnings.warn(doubt, stacklevel=2)
        yield report


# === --lines ===


def estimate_lines(stream, where, progress, stderr, per_frame, per_layer, ranges):
    """Yield the results on the configs in a stream, as texts of one or more lines.

    stream: a binary stream, with a config on each line. where: what error messages call the stream.
    progress: a text stream, on which it says every second how many lines are done if that is a
    terminal; or None. stderr: a text stream, on which it prints the first doubt about units; or
    None. per_frame: whether costs are for one frame, unless a config says it.
    per_layer, ranges: whether results have layers, and ranges.
    Each line is the result on one config, in their order, as compact JSON; for a wrong config, it
    is {"error": "line 3: ..."}. A blank line has no result.
    Raises InputError after the last line if any config was wrong.

    >>> import io
    >>> configs = io.BytesIO(b'{"net": "VGG16", "layers": ["FC8"], "per_frame": true}')
    >>> for text in estimate_lines(configs, 'config', None, None, False, False, False):
    ...     print(text[:50], '...')
    {"conv":{"energy":0.0,"latency":0.0},"fc":{"energy ...
    """
    kept = KeptCatalogs()
    number = 0  # of the line
    wrong = 0  # how many lines so far are
    first_wrong = b''
    doubted = False  # whether a doubt has been told
    told = time.monotonic()  # when progress was told last
    for lines in read_lines(stream, where):
        results = []
        for line in lines:
            number += 1
            try:
                estimate = make_estimate(line, per_frame, ranges, kept.find)
            except InputError as error:
                is_blank = len(line) <= MAX_INPUT_BYTES and not line.strip()
                if is_blank:
                    continue
                wrong += 1
                first_wrong = first_wrong or line
                results.append(to_compact_json({'error': f'line {number}: {error}'}))
            else:
                results.append(report_line(estimate, per_layer))
                if estimate.doubts and not doubted:
                    doubted = True
                    doubt = f'{estimate.doubts[0]}; of later lines, nothing is said'
                    complain(f'line {number}: {doubt}', stderr)
        yield ''.join(f'{result}\n' for result in results)
        if progress and progress.isatty() and time.monotonic() - told >= 1:
            told = time.monotonic()
            complain(f'{number:,} lines done', progress)
    if wrong:
        from fodlam.data.mistakes import wrong_lines

        raise InputError(f'{where}: {wrong_lines(wrong, first_wrong)}')


def read_lines(stream, where):
    """Yield lists of the lines of a binary stream, as they come in, without their newlines.

    where: what error messages call the stream. What follows the last newline is a line, too.
    A line that is too long is cut, but not below MAX_INPUT_BYTES + 1, by which fodlam.read_text
    still sees that it is too large.

    >>> import io
    >>> list(read_lines(io.BytesIO(b'first\\nsecond\\nthi'), 'config'))
    [[b'first', b'second'], [b'thi']]
    """
    unfinished = bytearray()  # the beginning of a line that has not ended yet
    with stream:
        while True:
            with place(where):
                chunk = stream.read1(READ_BYTES)
            if not chunk:
                break
            unfinished += chunk
            if b'\n' in chunk:
                *lines, rest = bytes(unfinished).split(b'\n')
                yield lines
                unfinished = bytearray(rest)
            del unfinished[MAX_INPUT_BYTES + 1 :]
    yield [bytes(unfinished)]


to_compact_json = json.JSONEncoder(separators=(',', ':'), check_circular=False).encode
SUMS_TEMPLATES = {}  # {groups: the result of `sums_template` for them}, which fills up in a sweep


def report_line(estimate, per_layer):
    """Return the report on an Estimate as compact JSON; per_layer: whether it has layers.

    Most reports have little more than sums. For these, a template takes half as long as json.
    """
    if per_layer or estimate.ranges:
        return to_compact_json(to_report(estimate, per_layer))
    numbers = []
    for cost in estimate.sums.values():
        numbers += (cost.energy_j, cost.latency_s)
    groups = tuple(estimate.sums)
    if groups not in SUMS_TEMPLATES:
        SUMS_TEMPLATES[groups] = sums_template(groups)
    sums = (SUMS_TEMPLATES[groups] % tuple(numbers)).replace('None', 'null')
    if not (estimate.bounds or estimate.energy_by or estimate.left_out):  # as in most reports
        return sums + '}'
    # One object of two: the sums, which lack their brace, and the extras without theirs.
    return f'{sums},{to_compact_json(report_extras(estimate))[1:]}'


def sums_template(groups):
    """Return the beginning of a report's JSON, its sums, with %r for each number and no last brace.

    groups: the keys of the sums, such as "conv".

    >>> sums_template(['total'])
    '{"total":{"energy":%r,"latency":%r}'
    """
    parts = [f'"{group}":{{"energy":%r,"latency":%r}}' for group in groups]
    return '{' + ','.join(parts)
