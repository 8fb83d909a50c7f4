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
import time

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


if __name__ == '__main__':
    main()
