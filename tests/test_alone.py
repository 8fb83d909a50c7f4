"""fodlam.py by itself, with every other Python file deleted."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest

from support import PYTHON, copy_files, path, python, read, run

# A script that runs fodlam.py with each of several arguments and inputs.
RUN_EACH = """
import io, json, sys
import fodlam
results = []
for argv, stdin in json.load(sys.stdin):
    stdin = io.TextIOWrapper(io.BytesIO(stdin.encode()))
    out, err = io.TextIOWrapper(io.BytesIO()), io.StringIO()
    status = fodlam.run_program(argv, stdin, out, err)
    results.append((status, out.buffer.getvalue().decode(), err.getvalue()))
print(json.dumps(results))
"""


class Alone(unittest.TestCase):
    """With every other Python file deleted, fodlam.py does what the card and the original do."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        for name in ('data', 'nets', 'config'):
            copy_files(path(name), path(cls.folder, name), ('.csv', '.json'))
        shutil.copyfile(path('fodlam.py'), path(cls.folder, 'fodlam.py'))

    def run_alone(self, *argv, stdin=''):
        return python('fodlam.py', *argv, stdin=stdin, cwd=self.folder)

    def run_each_alone(self, runs):
        """Return [[status, output, standard error]] of runs in one process; runs: (argv, stdin)."""
        process = python('-c', RUN_EACH, stdin=json.dumps(list(runs)), cwd=self.folder)
        self.assertEqual(process.stderr, '')
        return json.loads(process.stdout)

    def test_the_original(self):
        names = sorted(os.listdir(path('tests', 'original')))
        runs = []
        for name in names:
            diagnosed = name == 'diagnose.json'
            runs.append((['--diagnose'], '') if diagnosed else ([], read('config', name)))
        for name, result in zip(names, self.run_each_alone(runs), strict=True):
            self.assertEqual(result, [0, read('tests', 'original', name), ''], name)
        as_script = self.run_alone(stdin=read('config', 'vgg16.json')).stdout
        self.assertEqual(as_script, read('tests', 'original', 'vgg16.json'))
        as_script = self.run_alone('--diagnose').stdout
        self.assertEqual(as_script, read('tests', 'original', 'diagnose.json'))

    def test_what_needs_no_room(self):
        configs = [
            '{"net": "VGG16"}',
            '{"net": "AlexNet", "layers": ["conv1", "FC8"]}',
            '{"netfile": "resnet50.json"}',
        ]
        each_flags = [], ['--per-frame'], ['--per-layer'], ['--per-frame', '--per-layer']
        runs = [(flags, config) for flags in each_flags for config in configs]
        results = self.run_each_alone(
            [*runs, (['--diagnose', '--per-frame'], ''), (['--help'], '')]
        )
        for (flags, config), result in zip(runs, results):
            report = json.loads(run(*flags, stdin=config.encode()).out)
            for layer in report.get('layers', []):
                for key in ('buffer_bytes', 'dram_bytes'):  # which a room reads
                    self.assertEqual(key in layer, layer['name'].startswith('CONV'))
                    layer.pop(key, None)
            self.assertEqual(result, [0, json.dumps(report, indent=2) + '\n', ''])
        diagnosed, helped = results[len(runs) :]
        self.assertEqual(diagnosed[1], run('--diagnose', '--per-frame').out)
        self.assertIn('Usage', helped[1])

    @unittest.skipUnless(os.name == 'posix', 'pseudo-terminals are of Unix')
    def test_on_a_terminal(self):
        """There, notes would come from a room."""
        ours, theirs = os.openpty()
        self.addCleanup(os.close, ours)
        self.addCleanup(os.close, theirs)
        for flags, config, expected in (
            ([], '{"netfile": "resnet50.json"}', None),
            (['--diagnose'], '', read('tests', 'original', 'diagnose.json')),
        ):
            process = subprocess.run(
                [*PYTHON, 'fodlam.py', *flags], input=config.encode(),
                stdout=subprocess.PIPE, stderr=theirs, cwd=self.folder, timeout=60,
            )  # fmt: skip
            out = expected or run(*flags, stdin=config.encode()).out
            self.assertEqual((process.returncode, process.stdout.decode()), (0, out))
        os.set_blocking(ours, False)
        os.write(theirs, b'nothing else\n')
        self.assertEqual(os.read(ours, 1000), b'nothing else\r\n')

    def test_what_needs_a_room_says_which(self):
        cases = (
            ([], '{"netfile": "lenet.json", "accelerator": "nvdla-32"}', 'configs'),
            ([], '{"netfile": "lenet.json", "scaling": "shape"}', 'configs'),
            ([], '{"net": "VGG16", "process_nm": 28}', 'configs'),
            (['--format', 'table'], '{"net": "VGG16"}', 'options'),
            (['--diagnose', '--format', 'csv'], '', 'options'),
            (['--lines'], '{"net": "VGG16"}', 'options'),
            (['--range'], '{"net": "VGG16"}', 'options'),
        )
        for (_, _, room), result in zip(cases, self.run_each_alone(case[:2] for case in cases)):
            status, out, err = result
            self.assertEqual((status, out), (1, ''))
            self.assertRegex(
                err,
                rf"\Afodlam: [a-z]+: cannot be loaded [^\n]+'fodlam.data.{room}'\); expected [^\n]+\n\Z",
            )

    def test_a_mistake_is_one_line(self):
        """The words for it are in a room."""
        configs = (
            '',
            '[',
            '{"net": "VGG19"}',
            '{"netfile": "x.json"}',
            '{"net": "VGG16", "layers": ["x"]}',
        )
        results = self.run_each_alone(([], config) for config in configs)
        for config, (status, out, err) in zip(configs, results, strict=True):
            self.assertEqual((status, out), (1, ''), config)
            self.assertRegex(
                err,
                r"\Afodlam: [^\n]+: cannot be loaded [^\n]+'fodlam.data.mistakes'\); expected [^\n]+\n\Z",
            )


if __name__ == '__main__':
    unittest.main()
