"""What the extractor's tests share: whether FODLAM takes what it wrote, how it refuses."""

import os
import random
import re
import tempfile

from support import extract, fodlam

CONFIGS = ({}, {'accelerator': 'nvdla-2048'}, {'scaling': 'shape'})

# Every message says what is wrong, and then what would be right.
REMEDY = re.compile(
    r'; (expected|choose from|give|fix|run:|export|left out|save|this file fixes its size:) |; see '
)


def refusals(text):
    """Return FODLAM's errors about a net file, by MACs, as a roofline and by shape."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'net.json')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        for config in CONFIGS:
            try:
                fodlam.estimate({'netfile': path, **config})
            except fodlam.InputError as error:
                found.append(f'{config}: {error}')
    return found


def is_refused(test, result, seed):
    """Return whether the extractor refused a definition made by chance.

    Fails the TestCase unless it did so in one line with a remedy, or else wrote what FODLAM takes.
    """
    if result.status == 0:
        test.assertEqual(refusals(result.out), [], seed)
        return False
    test.assertEqual((result.status, result.out), (1, ''), seed)
    test.assertRegex(result.err, r'\Aextract.py: [^\n]+\n\Z', seed)
    test.assertRegex(result.err, REMEDY, seed)
    return True


def count_refused(test, model, variants):
    """Return how many variants of an ONNX model, with a byte or two changed, the extractor refuses.

    model: its bytes. variants: how many are tried. Each is held against `is_refused`.
    """
    refused = 0
    for seed in range(variants):
        rng = random.Random(seed)
        content = bytearray(model)
        for _ in range(rng.choice((1, 1, 2))):
            place = rng.randrange(len(content))
            content[place] = (content[place] + rng.choice((1, -1, 2, 8, 32, 128))) % 256
        refused += is_refused(test, extract('m.onnx', bytes(content)), seed)
    return refused
