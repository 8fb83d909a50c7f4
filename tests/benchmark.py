#!/usr/bin/env python3
"""How long FODLAM takes, as ratios in paired runs: python3 tests/benchmark.py

A script, not a test: it measures, and judges nothing. In a pair, the two commands run one right
after the other, so that whatever else the machine is doing falls on both; what is printed is the
median over the pairs. tests/README.md has what came out.
"""

import importlib.util
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time

from onnx_encoder import model, node, tensor, value

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FODLAM = [sys.executable, os.path.join(ROOT, 'fodlam.py')]

# What json alone takes to parse the configs of a sweep and to print a result for each.
JSON_ALONE = """
import json, sys
result = json.load(open(sys.argv[1]))
for line in sys.stdin:
    json.loads(line)
    sys.stdout.write(json.dumps(result) + "\\n")
"""


def seconds(args, stdin_path):
    """Return how long a command takes, from start to exit."""
    # As Python is without settings, such as PYTHONUNBUFFERED, by which every write is a system call.
    env = {name: value for name, value in os.environ.items() if not name.startswith('PYTHON')}
    with open(stdin_path, 'rb') as stdin:
        start = time.perf_counter()
        subprocess.run(args, stdin=stdin, stdout=subprocess.DEVNULL, check=True, env=env)
        return time.perf_counter() - start


def megabytes(args, stdin_path=os.devnull):
    """Return the memory that a command takes at the most."""
    script = (
        'import os, resource, subprocess, sys\n'
        'subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)\n'
        'print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)'
    )
    with open(stdin_path, 'rb') as stdin:
        measure = [sys.executable, '-c', script, *args]
        return int(subprocess.run(measure, stdin=stdin, capture_output=True).stdout) / 1024


def compare(title, baseline, measured, pairs):
    """Print the median ratio of two functions' seconds over paired runs, and the medians."""
    times = [(baseline(), measured()) for _ in range(pairs)]
    ratio = statistics.median(b / a for a, b in times)
    before, after = (statistics.median(column) * 1e3 for column in zip(*times))
    print(f'{title}: {ratio:.2f} ({after:.1f} ms against {before:.1f} ms, {pairs} pairs)')


def kept_byte_code():
    """Return what Python keeps of fodlam.py, in words: nothing of a script, byte code of a module."""
    kept = importlib.util.cache_from_source(os.path.join(ROOT, 'fodlam.py'))
    return (
        'byte code kept' if os.path.exists(kept) else 'no byte code kept: is the folder read-only?'
    )


def main_job():
    """Compare the README's first command with what Python itself takes."""
    config = os.path.join(ROOT, 'config', 'vgg16.json')
    os.chdir(ROOT)
    module = [sys.executable, '-m', 'fodlam']
    seconds(module, config)  # so that there is byte code
    for title, command in (
        (' as a script, compiled at each start', FODLAM),
        (f' by python3 -m fodlam, {kept_byte_code()}', module),
    ):
        compare(
            f'main job{title}, against python3 -c "import json, csv"',
            lambda: seconds([sys.executable, '-c', 'import json, csv'], os.devnull),
            lambda command=command: seconds(command, config),
            pairs=101,
        )


def sweep(title, make_config, result):
    """Compare a sweep of many configs with what json alone takes, and print its memory.

    title: what the configs are. make_config: a function of a Random that returns one.
    result: a file in tests/ with a report like theirs, which json prints for each.
    """
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for count in (1000, 100_000):
            paths.append(os.path.join(folder, f'{count}.txt'))
            rng = random.Random(count)
            with open(paths[-1], 'w', encoding='utf-8') as file:
                file.writelines(json.dumps(make_config(rng)) + '\n' for _ in range(count))
        printed = os.path.join(ROOT, 'tests', *result.split('/'))
        compare(
            f'100,000 configs with {title}, against json alone',
            lambda: seconds([sys.executable, '-c', JSON_ALONE, printed], paths[1]),
            lambda: seconds([*FODLAM, '--lines'], paths[1]),
            pairs=5,
        )
        few, many = (megabytes([*FODLAM, '--lines'], path) for path in paths)
        print(f'  memory: {many:.0f} MB, against {few:.0f} MB for 1,000')


def sweeps():
    """Compare several kinds of sweeps."""
    with open(os.path.join(ROOT, 'config', 'vgg16.json'), encoding='utf-8') as file:
        vgg16 = json.load(file)
    layers = vgg16['layers']
    sweep('all 16 layers of VGG-16', lambda rng: vgg16, 'original/vgg16.json')
    sweep(
        '8 layers of VGG-16',
        lambda rng: {**vgg16, 'layers': rng.sample(layers, 8)},
        'original/vgg16.json',
    )
    sweep(
        'a process node',
        lambda rng: {'net': 'VGG16', 'process_nm': 1 + 100 * rng.random()},
        'original/vgg16.json',
    )
    chip = {'macs': 1024, 'clock_mhz': 1000, 'buffer_kib': 512, 'kernel_atom': 128}
    sweep(
        'an accelerator each, for all of ResNet-50',
        lambda rng: {
            'netfile': 'resnet50.json',
            'accelerator': {
                **chip,
                'dram_gbps': 100 * rng.random(),
                'macs': rng.choice([64, 1024]),
            },
        },
        'golden/resnet50.json',
    )
    sweep('all of ResNet-50', lambda rng: {'netfile': 'resnet50.json'}, 'golden/resnet50.json')


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
        extract = [sys.executable, os.path.join(ROOT, 'nets', 'extract.py'), path]
        milliseconds = statistics.median(seconds(extract, os.devnull) for _ in range(11)) * 1e3
        print(
            f'extracting an ONNX model of {os.path.getsize(path) / 1e6:.0f} MB: '
            f'{milliseconds:.0f} ms, {megabytes(extract):.0f} MB of memory'
        )


def main():
    print(f'Python {sys.version.split()[0]}')
    main_job()
    sweeps()
    large_model()


if __name__ == '__main__':
    main()
