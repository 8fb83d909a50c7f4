"""Sweeps: many configs in one run, in which each net file is read and costed once.

fodlam.sweep keeps Catalogs, as KeptCatalogs. So does the option --lines, for which `estimate_lines`
reads a config from each line of a stream, and yields a result on a line for each.
"""

import json
import time

from fodlam import (
    MAX_INPUT_BYTES,
    Catalog,
    InputError,
    complain,
    frames_of,
    make_estimate,
    place,
    to_report,
)
from fodlam.data.notes import frames_note, has_unchosen_frames, notes_besides_frames
from fodlam.data.reports import report_extras

READ_BYTES = 2**16  # how much of a stream is read at a time

# Of the net files of Catalogs that are kept, as many characters are allowed together. A character
# takes up to 20 bytes of memory, as [] does, so that 100 MB are enough; most net files take 10.
MAX_KEPT_CHARACTERS = 5_000_000


class KeptCatalogs:
    """The Catalogs that a sweep has made so far.

    catalogs: {(netfile, model, *arguments): Catalog}, by the arguments of Catalog.
    size: of their net files together; see `size_of`. Before it is more than MAX_KEPT_CHARACTERS,
    all Catalogs are forgotten; that of a larger net file is not kept at all.
    """

    def __init__(self):
        self.catalogs = {}
        self.size = 0

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
            catalog = Catalog(netfile, model, *arguments)
            size = size_of(key, catalog)
            if self.size + size > MAX_KEPT_CHARACTERS:
                self.catalogs.clear()
                self.size = 0
            if size <= MAX_KEPT_CHARACTERS:
                self.catalogs[key] = catalog
                self.size += size
        return catalog


def size_of(key, catalog):
    """Return the size of what is kept of a Catalog, in characters; key: it is kept by this."""
    return len(repr(key)) + len(repr(catalog.entries))


# === --lines ===


def estimate_lines(stream, where, stdout, stderr, per_frame, per_layer, ranges):
    """Yield the results on the configs in a stream, as texts of one or more lines.

    stream: a binary stream, with a config on each line. where: what error messages call the stream.
    stdout, stderr: text streams, or None if closed. On stderr it says every second how many lines
    are done, if only that is a terminal; if any of the two is, it says once that costs are for
    several frames, that fc layers are costed as pruned, and where the power of a device is far off.
    In any case, it says the first doubt about a config or its net file.
    per_frame: whether costs are for one frame, unless a config says it. per_layer, ranges: whether
    results have layers, and ranges.
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
    writer = ReportWriter()
    number = 0  # of the line
    wrong = 0  # how many lines so far are
    first_wrong = b''
    doubted = False  # whether a doubt has been told
    told_notes = set()
    told = time.monotonic()  # when progress was told last
    people_read_results = is_terminal(stdout)
    people_read_notes = is_terminal(stderr)
    tells_notes = people_read_results or people_read_notes
    told_frames = False  # whether the note on frames has been told
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
                results.append(writer.write(estimate, per_layer))
                if tells_notes and not told_frames and has_unchosen_frames(estimate):
                    told_frames = True
                    complain(f'line {number}: {frames_note(estimate)}', stderr)
                if tells_notes:
                    for note in notes_besides_frames(estimate):
                        if note not in told_notes:
                            told_notes.add(note)
                            complain(f'line {number}: {note}', stderr)
                if estimate.doubts and not doubted:
                    doubted = True
                    doubt = f'{estimate.doubts[0]}; of later lines, nothing is said'
                    complain(f'line {number}: {doubt}', stderr)
        results.append('')  # so that the last line ends, too
        yield '\n'.join(results)
        tells_progress = people_read_notes and not people_read_results
        if tells_progress and time.monotonic() - told >= 1:
            told = time.monotonic()
            complain(f'{number:,} lines done', stderr)
    if wrong:
        from fodlam.data.mistakes import wrong_lines

        raise InputError(f'{where}: {wrong_lines(wrong, first_wrong)}')


def is_terminal(stream):
    """Return whether a text stream is a terminal; None, for a closed one, is not."""
    return stream is not None and stream.isatty()


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


class ReportWriter:
    """What makes reports into compact JSON.

    It keeps what many reports of a sweep have in common:
    sums_templates: {groups: the result of `sums_template` for them};
    frames, frames_text: {kind: frames} of the last network, and their JSON without braces.
    """

    def __init__(self):
        self.sums_templates = {}
        self.frames = None
        self.frames_text = None

    def write(self, estimate, per_layer):
        """Return the report on an Estimate as compact JSON; per_layer: whether it has layers.

        Most reports have little more than sums. For these, a template takes half as long as json.
        """
        if per_layer or estimate.ranges:
            return to_compact_json(to_report(estimate, per_layer))
        numbers = []
        for cost in estimate.sums.values():
            numbers += (cost.energy_j, cost.latency_s)
        traffic = estimate.traffic
        if traffic is None:
            template = self.find_template(estimate.sums)
        else:
            template = traffic.template
            if template is None:
                template = traffic.template = traffic_template(traffic)
            if traffic.batch is not None:
                numbers.append(traffic.batch_latency(estimate.sums['total'].latency_s))
        sums = (template % tuple(numbers)).replace('None', 'null')
        if 0.0 in numbers:  # a kind that costs nothing, of which frames do not count
            frames_text = members_text({'frames': frames_of(estimate)})
        else:
            if estimate.frames is not self.frames:
                self.frames = estimate.frames
                self.frames_text = members_text({'frames': estimate.frames})
            frames_text = self.frames_text
        if estimate.energy_by or estimate.left_out or 'title' in estimate.config:
            return f'{sums},{frames_text},{members_text(report_extras(estimate))}}}'
        if estimate.bounds:
            return f'{sums},{frames_text},"bounds":{self.costs_text(estimate.bounds)}}}'
        return f'{sums},{frames_text}}}'

    def costs_text(self, costs):
        """Return {name: Cost} as compact JSON."""
        numbers = []
        for cost in costs.values():
            numbers += (cost.energy_j, cost.latency_s)
        text = self.find_template(costs) % tuple(numbers)
        return text.replace('None', 'null') + '}'

    def find_template(self, costs):
        """Return the result of `sums_template` for the names of {name: Cost}."""
        names = tuple(costs)
        template = self.sums_templates.get(names)
        if template is None:
            template = self.sums_templates[names] = sums_template(names)
        return template


def members_text(members):
    """Return a dict as compact JSON without its braces.

    >>> members_text({'frames': {'conv': 3, 'fc': 1}})
    '"frames":{"conv":3,"fc":1}'
    """
    return to_compact_json(members)[1:-1]


def sums_template(groups):
    """Return the beginning of a report's JSON, its sums, with %r for each number and no last brace.

    groups: the keys of the sums, such as "conv".

    >>> sums_template(['total'])
    '{"total":{"energy":%r,"latency":%r}'
    """
    parts = [f'"{group}":{{"energy":%r,"latency":%r}}' for group in groups]
    return '{' + ','.join(parts)


def traffic_template(traffic):
    """Return the beginning of a report's JSON, as `sums_template` does, for one with a Traffic.

    The bytes are in the text, as they are the same for all accelerators with one Mapping. With a
    batch, there is one more %r, for the time of the batch.
    """
    parts = []
    for group, members in traffic.by_group.items():
        rest = to_compact_json(members)[1:]
        parts.append(f'"{group}":{{"energy":%r,"latency":%r,{rest}')
    parts.append(f'"sizes":{to_compact_json(traffic.sizes)}')
    if traffic.batch is not None:
        parts.append(f'"batch":{traffic.batch},"batch_latency":%r')
    return '{' + ','.join(parts)
