"""Sweeps: many configs, of which each uses again what the ones before it have read.

`sweep_reports` is fodlam.sweep; `estimate_lines` is --lines, which has a config on each line in and
a result on each line out.
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

# How many entries of net files are kept from one config to the next: some 50 MB.
MAX_KEPT_ENTRIES = 20_000


class KeptCatalogs:
    """The Catalogs that a sweep has made so far."""

    def __init__(self):
        self.catalogs = {}  # {(netfile, model, *arguments): Catalog}
        self.entries = 0  # of all net files together

    def find(self, netfile, model, *arguments):
        """Return Catalog(netfile, model, *arguments), which is made the first time."""
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

    The arguments are those of fodlam.sweep.
    """
    kept = KeptCatalogs()
    for config in configs:
        try:
            report = to_report(make_estimate(config, per_frame, ranges, kept.find), per_layer)
        except InputError as error:
            report = {'error': str(error)}
        yield report


# === --lines ===


def estimate_lines(stream, where, progress, per_frame, per_layer, ranges):
    """Yield texts of one compact JSON result a line, in the order of the configs in a stream.

    stream: a binary stream. where: what error messages call it.
    progress: a text stream to tell every second how many lines are done, if it is a terminal; or
    None. per_frame, per_layer, ranges: as for fodlam.estimate.
    A config that is wrong gives {"error": "line 3: ..."}. Raises InputError in the end if any was.
    """
    kept = KeptCatalogs()
    number = wrong = 0
    told = time.monotonic()
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
                results.append(to_compact_json({'error': f'line {number}: {error}'}))
            else:
                results.append(to_line(estimate, per_layer))
        yield ''.join(f'{result}\n' for result in results)
        if progress and progress.isatty() and time.monotonic() - told >= 1:
            told = time.monotonic()
            complain(f'{number:,} lines done', progress)
    if wrong:
        raise InputError(
            f'{where}: wrong lines: {wrong}, as their results say; '
            'expected a config on each line, all of it on that line'
        )


def read_lines(stream, where):
    """Yield lists of the lines of a binary stream, as they come in; the last may be without end.

    where: what error messages call the stream.
    Of a line longer than MAX_INPUT_BYTES, only so much is kept that it can be seen to be.
    """
    unfinished = bytearray()  # the line that has not ended yet
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


def to_line(estimate, per_layer):
    """Return the report on an Estimate as JSON on one line; per_layer: whether it has layers.

    Of most results, the sums are most: json takes twice as long to print these as a template does.
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
    if not estimate.bounds and not estimate.left_out:
        return sums + '}'
    return f'{sums},{to_compact_json(report_extras(estimate))[1:]}'


SUMS_TEMPLATES = {}  # {groups: what `sums_template` returns of them}


def sums_template(groups):
    """Return what the JSON of a report begins with, with %r for each number.

    >>> sums_template(['total'])
    '{"total":{"energy":%r,"latency":%r}'
    """
    parts = [f'"{group}":{{"energy":%r,"latency":%r}}' for group in groups]
    return '{' + ','.join(parts)
