"""What tests of the extractor share: whether FODLAM takes what it wrote, and how it refuses."""

import functools
import random
import re
import sys

from support import extract, fodlam, path, scratch, seeds

CONFIGS = ({}, {'accelerator': 'nvdla-2048'}, {'scaling': 'shape'})

# Every message says what is wrong, and then what would be right.
REMEDY = re.compile(
    r'; (expected|choose from|give|fix|run:|export|left out|save|this file fixes its size:) |; see '
)


@functools.cache
def refusals(text):
    """Return FODLAM's errors about a net file, by MACs, as a roofline and by shape.

    They are kept, as most changes of a definition make a net file that another one made, too.
    """
    found = []
    netfile = path(scratch(), 'net.json')
    with open(netfile, 'w', encoding='utf-8') as file:
        file.write(text)
    for config in CONFIGS:
        try:
            fodlam.estimate({'netfile': netfile, **config})
        except fodlam.InputError as error:
            found.append(f'{config}: {error}')
    return found


NOTES = r'\A(extract.py: [^\n]+\n)*\Z'  # what is on stderr, if a definition is not refused


def is_refused(test, result, seed, notes=NOTES):
    """Return whether the extractor refused a definition made by chance.

    Fails the TestCase unless it did so in one line with a remedy, or else wrote what FODLAM takes.
    result: of the extractor. seed: of the definition. notes: a pattern for what is on stderr then.
    """
    if result.status == 0:
        test.assertRegex(result.err, notes, seed)
        test.assertEqual(refusals(result.out), [], seed)
        return False
    test.assertEqual((result.status, result.out), (1, ''), seed)
    test.assertRegex(result.err, r'\Aextract.py: [^\n]+\n\Z', seed)
    test.assertRegex(result.err, REMEDY, seed)
    return True


def check_changed(test, model, content, cases, change, least, most, notes=NOTES):
    """Check that each change of a model is extracted, or refused in one line with a remedy.

    test: a TestCase. model: the file's name. content: its bytes, which are extracted as they are.
    cases: how many changes are tried; see `seeds`.
    change: a function of a random.Random and of the content, which returns other bytes.
    least, most: the share of changes that are refused is between them.
    notes: as of `is_refused`.
    """
    good = extract(model, content)
    test.assertEqual(good.status, 0, good.err)
    refused, tried = 0, seeds(cases)
    for seed in tried:
        changed = change(random.Random(seed), content)
        refused += is_refused(test, extract(model, changed), seed, notes)
    share = refused / len(tried)
    test.assertTrue(least < share < most, share)


def count_lines(function):
    """Return how many lines of Python a call of a function runs, those of loops each time.

    It is a measure of time that is the same on every machine, however busy that is.
    """
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        if event == 'line':
            count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)
    return count


def check_linear(test, run, step=30):
    """Check that a function takes as long for each more of something as for the one before.

    test: a TestCase. run: a function of a count. step: from one count to the next, of three.
    """
    run(step)  # what is loaded and kept the first time
    lines = []
    for count in (step, 2 * step, 3 * step):
        lines.append(count_lines(functools.partial(run, count)))
    first, second = lines[1] - lines[0], lines[2] - lines[1]
    test.assertLess(second, 1.03 * first)
