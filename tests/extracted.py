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
    """Return the list of FODLAM's errors about a net file, one at most for each of CONFIGS.

    text: of the net file. Errors are kept by the text, as most of the changes that are made to a
    definition do not change what the extractor writes.
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


def check_extraction(test, result, seed, notes=NOTES):
    """Check what the extractor did with a definition made by chance; return whether it refused it.

    A refusal must be one line with a remedy. Otherwise, FODLAM must take what was written.
    test: a TestCase. result: the Result of the extractor. seed: of the definition, for messages.
    notes: a pattern for what is on stderr if the definition is not refused.
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

    test: a TestCase. model: the file's name. content: its bytes, which must not be refused.
    cases: how many changes are tried; see `seeds`.
    change: a function of a random.Random and of the content, which returns other bytes.
    least, most: limits of the share of changes that are refused.
    notes: as for `check_extraction`.
    """
    good = extract(model, content)
    test.assertEqual(good.status, 0, good.err)
    refused, tried = 0, seeds(cases)
    for seed in tried:
        changed = change(random.Random(seed), content)
        if check_extraction(test, extract(model, changed), seed, notes):
            refused += 1
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
    """Check that the time of a function is linear in the count that it is given.

    It may grow by as much from 2 to 3 times the step as from 1 to 2 times the step; 3% more passes.
    test: a TestCase. run: the function. step: an integer.
    """
    run(step)  # loads and keeps what is needed but once
    lines = []
    for count in (step, 2 * step, 3 * step):
        lines.append(count_lines(functools.partial(run, count)))
    first_growth, second_growth = lines[1] - lines[0], lines[2] - lines[1]
    test.assertLess(second_growth, 1.03 * first_growth)
