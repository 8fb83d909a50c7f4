#!/usr/bin/env python3
"""How long FODLAM takes, as ratios in paired runs: python3 tests/benchmark.py

A script, not a test: it measures, and judges nothing. In a pair, the two commands run one right
after the other, so that whatever else the machine is doing falls on both; what is printed is the
median over the pairs.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time

from onnx_encoder import model, node, tensor, value

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAIRS = 101


def seconds(args, stdin_path):
    """Return how long a command takes, from start to exit."""
    with open(stdin_path, 'rb') as stdin:
        start = time.perf_counter()
        subprocess.run(args, stdin=stdin, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - start


def report(title, baseline, measured):
    """Print the median ratio of two functions' seconds over paired runs, and the medians."""
    pairs = [(baseline(), measured()) for _ in range(PAIRS)]
    ratio = statistics.median(b / a for a, b in pairs)
    before, after = (statistics.median(times) * 1e3 for times in zip(*pairs))
    print(f'{title}: {ratio:.2f} ({after:.1f} ms against {before:.1f} ms, {PAIRS} pairs)')


def write_large_model(path):
    """Write an ONNX model of 50 fully-connected layers, whose weights take 500 MB, to a file."""
    size = 1581  # 50 matrices of 1581 x 1581 floats are 500 MB
    names = ['x', *(f'y{index}' for index in range(50))]
    nodes = [node('MatMul', f'{a} w{b}', b) for a, b in zip(names, names[1:])]
    values = [value(name, [1, size]) for name in names]
    raw = bytes(size * size * 4)
    weights = [tensor(f'w{name}', [size, size], raw) for name in names[1:]]
    with open(path, 'wb') as file:
        file.write(model(nodes, values[:1], weights, values[1:]))


def large_model():
    """Print how long the extractor takes for a model of 500 MB, and its memory at the most."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'large.onnx')
        write_large_model(path)
        megabytes = os.path.getsize(path) / 1e6
        script = (
            'import os, resource, subprocess, sys\n'
            'subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)\n'
            'print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)'
        )
        extract = [sys.executable, os.path.join(ROOT, 'nets', 'extract.py'), path]
        times = [seconds(extract, os.devnull) for _ in range(11)]
        kilobytes = subprocess.run(
            [sys.executable, '-c', script, *extract], capture_output=True, check=True
        ).stdout
    print(
        f'extracting an ONNX model of {megabytes:.0f} MB: {statistics.median(times) * 1e3:.0f} ms, '
        f'{int(kilobytes) / 1024:.0f} MB of memory'
    )


def main():
    print(f'Python {sys.version.split()[0]}')
    report(
        'main job, against python3 -c "import json, csv"',
        lambda: seconds([sys.executable, '-c', 'import json, csv'], os.devnull),
        lambda: seconds(
            [sys.executable, os.path.join(ROOT, 'fodlam.py')],
            os.path.join(ROOT, 'config', 'vgg16.json'),
        ),
    )
    large_model()


if __name__ == '__main__':
    main()
