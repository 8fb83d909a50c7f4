"""Pictures that tests look at, and what is found in them."""

import functools
import itertools
import json
import math
import os
import random
import re
import tempfile
import xml.etree.ElementTree as ET

from estimates import (
    EYERISS_BOUNDS,
    LEFT_OUT,
    NOTES,
    PARTS,
    ROOFLINE_BOUNDS,
    changed,
    every_estimate,
    made,
    with_config,
)
from support import path, read, run, seeds, some

from fodlam.data import pictures
from fodlam.data.roofline import Accelerator

SVG = '{http://www.w3.org/2000/svg}'
ODD_NAME = '<script>alert("1")</script>&\x00\ud800\n'

# Hundredths of the size that the characters from " " to "~" take in DejaVu Sans and in Liberation
# Sans (as wide as Arial and Helvetica), as Chromium 156 measured them, rounded up.
DEJAVU_SANS = [
    int(width)
    for width in (
        '32 41 46 84 64 96 78 28 40 40 50 84 32 37 32 34 64 64 64 64 64 64 64 64 64 64 34 34 84 84 84 54 '
        '100 69 69 70 78 64 58 78 76 30 30 66 56 87 75 79 61 79 70 64 62 74 69 99 69 62 69 40 34 40 84 50 '
        '50 62 64 55 64 62 36 64 64 28 28 58 28 98 64 62 64 64 42 53 40 64 60 82 60 60 53 64 34 64 84'
    ).split()
]
LIBERATION_SANS = [
    int(width)
    for width in (
        '28 28 36 56 56 89 67 20 34 34 39 59 28 34 28 28 56 56 56 56 56 56 56 56 56 56 28 28 59 59 59 56 '
        '102 67 67 73 73 67 62 78 73 28 50 67 56 84 73 78 67 78 73 67 62 73 67 95 67 67 62 28 28 28 47 56 '
        '34 56 56 50 56 56 28 56 56 23 23 50 23 84 56 56 56 56 34 50 28 56 50 73 50 50 50 34 26 34 59'
    ).split()
]


def picture(config, *flags):
    """Return the root element of a config's picture; it must be well-formed XML."""
    result = run('--format', 'svg', *flags, stdin=json.dumps(config).encode())
    if result.status:
        raise AssertionError(result.err)
    return ET.fromstring(result.out)


def drawn(estimate, notes=()):
    """Return the root element of an Estimate's picture."""
    return ET.fromstring(pictures.draw_picture(estimate, list(notes)))


def written(entries, **config):
    """Return the picture of a net file of these entries."""
    with tempfile.TemporaryDirectory() as folder:
        with open(path(folder, 'net.json'), 'w', encoding='utf-8') as file:
            json.dump(entries, file)
        return picture({'netfile': path(folder, 'net.json'), **config})


@functools.cache
def all_pictures():
    """Return [(what it is of, picture)] of all configs, of many Estimates, and of `rooflines`."""
    found = []
    for case in some(itertools.product(sorted(os.listdir(path('config'))), (False, True))):
        name, ranged = case
        flags = ['--range', '--per-frame'] if ranged else []
        found.append((case, picture(json.loads(read('config', name)), *flags)))
    for index, estimate in some(enumerate(every_estimate())):
        found.append((index, drawn(with_config(estimate, net='X', title='x' * 300), NOTES)))
    counts, names = (0, 1, 2, 12, 30, 60, 150, 500), ('{}', 'a/rather-long-Wide_name/{}')
    kinds = ((), ()), (EYERISS_BOUNDS, ()), (ROOFLINE_BOUNDS, PARTS)
    for case in some(itertools.product(counts, names, (False, True), kinds)):
        count, name, ranged, (bounds, parts) = case
        found.append((case, drawn(made(count, ranged, bounds, parts, LEFT_OUT, name=name), NOTES)))
    for case in some(itertools.product(odd_accelerators(), (0, 1, 7, 30))):
        accelerator, count = case
        estimate = made(count, bounds=ROOFLINE_BOUNDS, name='inception_{}/3x3_reduce')
        found.append((case, drawn(changed(estimate, accelerator=accelerator))))
    return found + rooflines()


def odd_accelerators():
    """Return Accelerators that differ in everything that a roofline shows."""
    found = []
    for macs, gbps, gain, efficiency in itertools.product(
        (1, 2048), (0.1, 1000), (1, 1.1, 2.25), (1, 0.95, 0.18)
    ):
        keys = {'winograd_gain': gain, 'efficiency': efficiency}
        found.append(Accelerator(macs=macs, clock_mhz=700, dram_gb_per_s=gbps, **keys))
    return found


@functools.cache
def rooflines():
    """Return [(what it is of, picture)] of networks of the zoo and of random ones on accelerators."""
    chips = [
        {'macs': 4096, 'clock_mhz': 700, 'dram_gbps': 30},
        {'macs': 4096, 'clock_mhz': 700, 'dram_gbps': 30, 'winograd_gain': 2.25, 'efficiency': 0.3},
        'nvdla-2048',
    ]
    zoo = 'alexnet_deploy', 'mobilenet', 'resnet50', 'googlenet', 'lenet'
    found = []
    for case in some(itertools.product(zoo, chips)):
        name, chip = case
        found.append((case, picture({'netfile': f'{name}.json', 'accelerator': chip})))
    for case in some(itertools.product(odd_accelerators(), (7, 80))):
        accelerator, count = case
        estimate = made(count, bounds=ROOFLINE_BOUNDS)
        found.append((case, drawn(changed(estimate, accelerator=accelerator))))
    for seed in seeds(20):
        chance = random.Random(seed)
        config = {'netfile': random_convolutions(chance), 'accelerator': chance.choice(chips)}
        found.append((seed, picture(config)))
    return found


def random_convolutions(chance):
    """Return entries of up to 200 conv layers of any size; chance: a Random."""
    pattern = chance.choice(['conv{}', 'inception_{}/3x3_reduce', '/layer{0}/layer{0}.0/Conv'])
    entries = []
    for index in range(chance.choice([1, 5, 20, 60, 200])):
        size, kernel = chance.choice([1, 7, 28, 112]), chance.choice([1, 3, 5])
        before, after = 2 ** chance.randrange(11), 2 ** chance.randrange(11)
        entry = {
            'name': pattern.format(index), 'type': 'Convolution',
            'macs': before * after * (size * kernel) ** 2, 'ifmap': [before, size, size],
            'ofmap': [after, size, size], 'kernel': [kernel, kernel],
        }  # fmt: skip
        entries.append(entry)
    return entries


def of_class(root, tag, css):
    """Return the elements that have a tag and a class."""
    return [e for e in root.iter(SVG + tag) if css in e.get('class', '').split()]


def titled(root, tag):
    """Return the elements with a tag that say what they are: bars, or dots."""
    return [e for e in root.iter(SVG + tag) if e.find(f'{SVG}title') is not None]


def is_halo(element):
    """Return whether an element is the halo of a label."""
    return 'halo' in element.get('class', '').split()


def text_elements(root):
    """Return the elements of the texts of a picture, without halos."""
    return [e for e in root.iter(f'{SVG}text') if not is_halo(e)]


def texts(root):
    """Return what is written in a picture."""
    return [e.text for e in text_elements(root)]


def labels(root):
    """Return the elements of the texts that have a halo."""
    return [label for halo, label in zip(root, root[1:]) if is_halo(halo)]


def height_of(root):
    """Return the height of a picture."""
    return float(root.get('height'))


def roofs(root):
    """Return the lines of the roofs of a picture, as [(x, y)]."""
    lines = [points(e) for e in of_class(root, 'polyline', 'axis')]
    # Axes of bars start upright; samples in legends have two points.
    return [line for line in lines if len(line) > 2 and line[0][0] != line[1][0]]


def points(line):
    """Return the [(x, y)] of a line."""
    return [tuple(map(float, point.split(','))) for point in line.get('points').split()]


def corners(text, widths=DEJAVU_SANS):
    """Return the corners of what a text covers in a picture, by the measured widths."""
    css = text.get('class', '').split()
    size = 15 if 'h' in css else 14
    width = size / 100 * sum(widths[ord(c) - 32] for c in text.text) * (1.15 if 'h' in css else 1)
    start = -width if 'e' in css else -width / 2 if 'm' in css else 0
    x, y = float(text.get('x')), float(text.get('y'))
    turn = re.match(r'rotate\((\S+) ', text.get('transform', 'rotate(0 '))[1]
    cos, sin = math.cos(math.radians(float(turn))), math.sin(math.radians(float(turn)))
    box = [
        (start, -0.74 * size),
        (start + width, -0.74 * size),
        (start + width, 0.2 * size),
        (start, 0.2 * size),
    ]
    return [(x + a * cos - b * sin, y + a * sin + b * cos) for a, b in box]


def apart(one, other):
    """Return whether a line can be drawn between two rectangles, turned or not.

    one, other: their corners.
    """
    for axis in (0, 1):  # most are apart upright or across, which is quickly seen
        a, b = [point[axis] for point in one], [point[axis] for point in other]
        if max(a) <= min(b) or max(b) <= min(a):
            return True
    for (x0, y0), (x1, y1) in [*zip(one, one[1:]), *zip(other, other[1:])]:
        a, b = ([(x - x0) * (y1 - y0) - (y - y0) * (x1 - x0) for x, y in of] for of in (one, other))
        if max(a) <= min(b) + 1e-6 or max(b) <= min(a) + 1e-6:
            return True
    return False
