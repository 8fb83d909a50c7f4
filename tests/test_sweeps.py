"""--lines and `fodlam.sweep`: many configs in one process."""

import io
import json
import os
import random
import subprocess
import tempfile
import unittest
from unittest import mock

from support import PYTHON, Terminal, files_read_anew, fodlam, path, read, run, seeds, started

from fodlam.data import sweeps

CONFIGS = [json.loads(read('config', name)) for name in sorted(os.listdir(path('config')))]
CONFIGS = [config for config in CONFIGS if 'accelerator' not in config]
ALEXNET = {**json.loads(read('tests', 'original', 'alexnet.json')), 'frames': {'conv': 4, 'fc': 1}}


class Lines(unittest.TestCase):
    def test_results_are_those_of_single_runs(self):
        configs = []
        for seed in seeds(100):
            rng = random.Random(seed)
            configs.append(rng.choice(({}, {'process_nm': 28})) | rng.choice(CONFIGS))
        stdin = ''.join(json.dumps(config) + '\n' for config in configs).encode()
        for flags in ([], ['--per-frame'], ['--range'], ['--per-layer', '--range', '--per-frame']):
            result = run('--lines', *flags, stdin=stdin)
            self.assertEqual((result.status, result.err), (0, ''))
            for line, config in zip(result.out.splitlines(), configs, strict=True):
                single = run('--format', 'json', *flags, stdin=json.dumps(config).encode())
                self.assertEqual(json.loads(line), json.loads(single.out))
                compact = json.dumps(json.loads(line), separators=(',', ':'))
                self.assertEqual(line, compact)

    def test_bad_lines_are_answered_in_their_place(self):
        stdin = b'{"net": "VGG16"}\n\n{"net": "VGG11"}\n \t\r\n[\n\xff\n{"net": "VGG16"}\r\n{"net": "AlexNet"}'
        result = run('--lines', stdin=stdin)
        results = list(map(json.loads, result.out.splitlines()))
        good = {
            **json.loads(read('tests', 'original', 'vgg16.json')),
            'frames': {'conv': 3, 'fc': 1},
        }
        self.assertEqual([results[0], results[4]], [good, good])
        self.assertEqual(results[5], ALEXNET)
        for index, start in (
            (1, 'line 3: config: "net" is \'VGG11\';'),
            (2, 'line 5: config: not JSON'),
        ):
            self.assertEqual(list(results[index]), ['error'])
            self.assertTrue(results[index]['error'].startswith(start), results[index])
        self.assertTrue(results[3]['error'].startswith('line 6: config: not UTF-8'))
        self.assertEqual(result.status, 1)
        self.assertEqual(
            result.err,
            'fodlam: config: wrong lines: 3, as their results say; '
            'expected a config on each line, all of it on that line\n',
        )

    def test_results_do_not_depend_on_hashes(self):
        """Of several things that are wrong in a config, the same is told each time."""
        config = {'netfile': 'lenet.json', 'accelerator': 'nvdla-32'}
        config |= {'density': {}, 'scaling': 'shape', 'process_scaling': 'dennard', 'process_nm': 7}
        told = set()
        for seed in '1', '2', '3':
            process = subprocess.run(
                [*PYTHON, path('fodlam.py')], input=json.dumps(config).encode(),
                capture_output=True, env={**os.environ, 'PYTHONHASHSEED': seed}, timeout=60,
            )  # fmt: skip
            told.add(process.stderr)
        self.assertEqual(len(told), 1, told)
        self.assertIn(b'"process_nm" scales the published tables', told.pop())

    def test_from_a_file(self):
        with tempfile.TemporaryDirectory() as folder:
            name = path(folder, 'configs.txt')
            with open(name, 'w', encoding='utf-8') as file:
                file.write('{"net": "VGG16"}\n' * 3)
            self.assertEqual(len(run('--lines', name).out.splitlines()), 3)
        self.assertEqual(run('--lines', name).status, 1)

    def test_no_lines(self):
        for stdin in (b'', b'\n\n'):
            self.assertEqual(run('--lines', stdin=stdin), (0, '', ''))

    def test_lines_that_are_too_long_are_cut_and_passed_over(self):
        with (
            mock.patch('fodlam.MAX_INPUT_BYTES', 10_000),
            mock.patch('fodlam.data.sweeps.MAX_INPUT_BYTES', 10_000),
            mock.patch('fodlam.data.sweeps.READ_BYTES', 64),
        ):
            stdin = (
                b'{"net": "VGG16"}\n' + b' ' * 50_000 + b'x\n\n{"net": "AlexNet"}\n' + b'y' * 30_000
            )
            results = list(map(json.loads, run('--lines', stdin=stdin).out.splitlines()))
        self.assertEqual(len(results), 4)
        self.assertTrue(results[1]['error'].startswith('line 2: config: too large'))
        self.assertEqual(results[2], ALEXNET)
        self.assertTrue(results[3]['error'].startswith('line 5: config: too large'))

    def test_chunks_do_not_matter(self):
        stdin = ''.join(json.dumps(config) + '\n' for config in CONFIGS).encode()
        expected = run('--lines', stdin=stdin)
        for size in (1, 7, 100):
            with mock.patch('fodlam.data.sweeps.READ_BYTES', size):
                self.assertEqual(run('--lines', stdin=stdin), expected)

    def test_files_are_read_once(self):
        stdin = b'{"netfile": "lenet.json"}\n{"net": "VGG16"}\n' * 50
        with (
            files_read_anew(),
            mock.patch('fodlam.read_text', wraps=fodlam.read_text) as reads,
        ):
            run('--lines', stdin=stdin)
        # Each line, also the empty one at the end; the net file, the tables and net files of both
        # networks, and VGG-16's once more by itself.
        self.assertLessEqual(reads.call_count, 101 + 10)

    def test_as_many_characters_are_kept_as_may_be(self):
        names = ('lenet.json', 'alexnet_deploy.json')
        key = (
            (names[0], fodlam.AverageModel, True, None),
            (names[1], fodlam.AverageModel, True, None),
        )
        size = sum(sweeps.size_of(each, fodlam.Catalog(*each)) for each in key)
        for most, is_kept in ((size, True), (size - 1, False)):
            with mock.patch('fodlam.data.sweeps.MAX_KEPT_CHARACTERS', most):
                kept = sweeps.KeptCatalogs()
                first = kept.find(*key[0])
                kept.find(*key[1])
                self.assertEqual(kept.find(*key[0]) is first, is_kept, most)

    def test_a_pipe_can_be_followed(self):
        pipes = dict.fromkeys(('stdin', 'stdout'), subprocess.PIPE)
        with started(path('fodlam.py'), '--lines', **pipes) as process:
            for _ in range(3):
                process.stdin.write(b'{"net": "VGG16"}\n')
                process.stdin.flush()
                self.assertIn(b'4.309474388888889', process.stdout.readline())
            process.stdin.close()
            self.assertEqual(process.wait(timeout=60), 0)

    def test_progress(self):
        """Once a second to a terminal, unless the results go there too."""
        clock = iter(range(10**6))
        for stdout, expected in (
            (io.TextIOWrapper(io.BytesIO()), r'(fodlam: [\d,]+ lines done\n)+'),
            (Terminal(io.BytesIO()), ''),
        ):
            stdin = io.TextIOWrapper(io.BytesIO(b'{"net": "VGG16", "per_frame": true}\n' * 1500))
            err = Terminal(io.BytesIO())
            with mock.patch('time.monotonic', lambda: next(clock)):
                fodlam.main(['--lines'], stdin, stdout, err)
            self.assertRegex(err.buffer.getvalue().decode(), rf'\A{expected}\Z')


class FromPython(unittest.TestCase):
    def test_sweep(self):
        configs = [{'net': 'VGG16'}, {'net': 'VGG19'}, {'netfile': 'lenet.json'}, None]
        first, wrong, third, none = fodlam.sweep(configs, per_frame=True, range=True)
        self.assertEqual(first, fodlam.estimate(configs[0], per_frame=True, range=True))
        self.assertEqual(third, fodlam.estimate(configs[2], per_frame=True, range=True))
        self.assertIn('VGG19', wrong['error'])
        self.assertIn('expected an object', none['error'])

    def test_sweep_is_lazy(self):
        def endless():
            while True:
                yield {'net': 'AlexNet'}

        self.assertEqual(next(fodlam.sweep(endless())), fodlam.estimate({'net': 'AlexNet'}))


if __name__ == '__main__':
    unittest.main()
