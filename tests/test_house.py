"""Where things live: fodlam.py by itself, and the rooms that it loads when a run asks for them."""

import ast
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

from support import ROOT, path, read

ORIGINAL = [  # what the original has, and prints
    'alexnet', 'alexnet-scale', 'vgg16', 'vgg16-scale', 'vgg16-after-pool1', 'vgg16-fconly',
    'vgg-m', 'faster-rcnn-vgg16', 'faster-rcnn-vgg-m',
]  # fmt: skip


def python(*argv, stdin='', cwd=ROOT):
    """Return the finished process of this Python with some arguments, without its settings."""
    env = {name: value for name, value in os.environ.items() if not name.startswith('PYTHON')}
    return subprocess.run(
        [sys.executable, *argv], input=stdin, capture_output=True, text=True, cwd=cwd, env=env,
        timeout=60,
    )  # fmt: skip


class Alone(unittest.TestCase):
    """With every other Python file deleted, fodlam.py does what the card and the original do."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        for name in ('data', 'nets', 'config'):
            skip = shutil.ignore_patterns('*.py', '__pycache__')
            shutil.copytree(path(name), path(cls.folder, name), ignore=skip)
        shutil.copy(path('fodlam.py'), cls.folder)

    def run_alone(self, *argv, stdin=''):
        return python('fodlam.py', *argv, stdin=stdin, cwd=self.folder)

    def test_the_original(self):
        for name in ORIGINAL:
            out = self.run_alone(stdin=read('config', f'{name}.json')).stdout
            self.assertEqual(out, read('tests', 'golden', f'{name}.json'), name)
        diagnosed = self.run_alone('--diagnose').stdout
        self.assertEqual(diagnosed, read('tests', 'golden', 'diagnose.json'))

    def test_what_needs_no_room(self):
        configs = [
            '{"net": "VGG16"}',
            '{"net": "AlexNet", "layers": ["conv1", "FC8"]}',
            '{"netfile": "resnet50.json"}',
        ]
        for flags in ([], ['--per-frame'], ['--per-layer'], ['--per-frame', '--per-layer']):
            for config in configs:
                result = self.run_alone(*flags, stdin=config)
                self.assertEqual((result.returncode, result.stderr), (0, ''))
                report = json.loads(python('fodlam.py', *flags, stdin=config).stdout)
                for layer in report.get('layers', []):
                    for key in ('buffer_bytes', 'dram_bytes'):  # which a room reads
                        self.assertEqual(key in layer, layer['name'].startswith('CONV'))
                        layer.pop(key, None)
                self.assertEqual(result.stdout, json.dumps(report, indent=2) + '\n')
        diagnosed = self.run_alone('--diagnose', '--per-frame').stdout
        self.assertEqual(diagnosed, python('fodlam.py', '--diagnose', '--per-frame').stdout)
        self.assertIn('Usage', self.run_alone('--help').stdout)

    @unittest.skipUnless(os.name == 'posix', 'pseudo-terminals are of Unix')
    def test_on_a_terminal(self):
        """There, notes would come from a room."""
        ours, theirs = os.openpty()
        self.addCleanup(os.close, ours)
        self.addCleanup(os.close, theirs)
        for flags, config, expected in (
            ([], '{"netfile": "resnet50.json"}', None),
            (['--diagnose'], '', read('tests', 'golden', 'diagnose.json')),
        ):
            process = subprocess.run(
                [sys.executable, 'fodlam.py', *flags], input=config.encode(),
                stdout=subprocess.PIPE, stderr=theirs, cwd=self.folder, timeout=60,
            )  # fmt: skip
            out = expected or python('fodlam.py', *flags, stdin=config).stdout
            self.assertEqual((process.returncode, process.stdout.decode()), (0, out))
        os.write(theirs, b'nothing else\n')
        self.assertEqual(os.read(ours, 1000), b'nothing else\r\n')

    def test_what_needs_a_room_says_which(self):
        for flags, config, room in (
            ([], '{"netfile": "lenet.json", "accelerator": "nvdla-32"}', 'configs'),
            ([], '{"netfile": "lenet.json", "scaling": "shape"}', 'configs'),
            ([], '{"net": "VGG16", "process_nm": 28}', 'configs'),
            (['--format', 'table'], '{"net": "VGG16"}', 'options'),
            (['--diagnose', '--format', 'csv'], '', 'options'),
            (['--lines'], '{"net": "VGG16"}', 'options'),
            (['--range'], '{"net": "VGG16"}', 'options'),
        ):
            result = self.run_alone(*flags, stdin=config)
            self.assertEqual((result.returncode, result.stdout), (1, ''))
            self.assertRegex(
                result.stderr,
                rf"\Afodlam: [a-z]+: cannot be loaded [^\n]+'fodlam.data.{room}'\); expected [^\n]+\n\Z",
            )

    def test_a_mistake_is_one_line(self):
        """The words for it are in a room."""
        for config in (
            '',
            '[',
            '{"net": "VGG19"}',
            '{"netfile": "x.json"}',
            '{"net": "VGG16", "layers": ["x"]}',
        ):
            result = self.run_alone(stdin=config)
            self.assertEqual((result.returncode, result.stdout), (1, ''), config)
            self.assertRegex(
                result.stderr,
                r"\Afodlam: [^\n]+: cannot be loaded [^\n]+'fodlam.data.mistakes'\); expected [^\n]+\n\Z",
            )


class OldPythons(unittest.TestCase):
    """A Python before 3.10 gets one line, from every program."""

    PROGRAMS = ('fodlam.py', 'nets/extract.py', 'data/validate.py')
    LINE = r'\Afodlam: Python 3\.10 or newer is needed; this is Python 3\.[0-9.]+\n\Z'

    def test_on_those_that_are_there(self):
        versions = os.path.expanduser('~/.pyenv/versions')
        there = sorted(os.listdir(versions)) if os.path.isdir(versions) else []
        there = [name for name in there if name.startswith(('3.6.', '3.7.', '3.8.', '3.9.'))]
        if not there:
            self.skipTest('no Python before 3.10 is here')
        for version in there:
            for argv in (
                *([name] for name in self.PROGRAMS),
                ['-m', 'fodlam'],
                ['-c', 'import fodlam'],
            ):
                process = subprocess.run(
                    [path(versions, version, 'bin', 'python3'), '-B', *argv],
                    stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=ROOT, timeout=60,
                )  # fmt: skip
                self.assertEqual((process.returncode, process.stdout), (1, ''), (version, argv))
                self.assertRegex(process.stderr, self.LINE)

    def test_when_the_version_is_another(self):
        """The version is looked at before anything is loaded that an older Python lacks."""
        for name in self.PROGRAMS:
            script = (
                'import runpy, sys\n'
                'sys.version_info, sys.version = (3, 8, 18), "3.8.18 (default)"\n'
                f'runpy.run_path({name!r}, run_name="__main__")\n'
            )
            result = python('-c', script)
            self.assertEqual((result.returncode, result.stdout), (1, ''), name)
            self.assertRegex(result.stderr, self.LINE)

    def test_older_pythons_can_read_the_programs(self):
        """A file with newer syntax would be a SyntaxError before its first line is run."""
        for name in self.PROGRAMS:
            ast.parse(read(name), feature_version=(3, 7))


class Rooms(unittest.TestCase):
    """Wherever fodlam.py is started from, it finds its rooms, and each just once."""

    CONFIG = '{"netfile": "lenet.json", "accelerator": "nvdla-32"}'
    REPORT = """
import sys
MODULE
fodlam.main(['--format', 'table', '-'], sys.stdin, sys.stdout, sys.stderr)
print([name for name in sys.modules if name.endswith(('roofline', '.tables', 'fodlam'))])
"""

    def test_from_anywhere(self):
        expected = python('fodlam.py', '--format', 'table', stdin=self.CONFIG).stdout
        self.assertIn('conv2', expected)
        with tempfile.TemporaryDirectory() as folder:
            link = path(folder, 'link.py')
            os.symlink(path('fodlam.py'), link)
            # What would be found by luck of sys.path.
            for name in ('accelerators', 'data', 'formats', 'nets', 'roofline', 'tables'):
                with open(path(folder, f'{name}.py'), 'w', encoding='utf-8') as file:
                    file.write('raise SystemExit("the wrong one")')
            for argv, cwd in (
                ([path('fodlam.py')], folder),
                ([link], folder),
                (['-I', path('fodlam.py')], folder),
                (['-m', 'fodlam'], ROOT),
            ):
                result = python(*argv, '--format', 'table', stdin=self.CONFIG, cwd=cwd)
                self.assertEqual((result.stdout, result.stderr), (expected, ''), argv)

    def test_nothing_beside_it_is_taken_for_pythons(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ('data', 'nets'):
                shutil.copytree(path(name), path(folder, name))
            shutil.copy(path('fodlam.py'), folder)
            for name in ('csv', 'json', 'argparse', 'textwrap'):
                with open(path(folder, f'{name}.py'), 'w', encoding='utf-8') as file:
                    file.write('raise SystemExit("the wrong one")')
            for argv in (['fodlam.py'], ['-m', 'fodlam']):
                result = python(*argv, '--format', 'table', stdin=self.CONFIG, cwd=folder)
                self.assertEqual((result.returncode, result.stderr), (0, ''), argv)
                self.assertIn('conv2', result.stdout)

    def test_imported_under_one_name(self):
        names = "['fodlam', 'fodlam.data.roofline', 'fodlam.data.tables']"
        for module in ('import fodlam', 'import fodlam.nets.extract, fodlam.data.validate'):
            result = python('-c', self.REPORT.replace('MODULE', module), stdin=self.CONFIG)
            self.assertEqual(result.stdout.splitlines()[-1], names)

    def test_loaded_when_asked_for(self):
        run = 'fodlam.run_program([], sys.stdin, sys.stderr, None)'
        api = ['fodlam.data', 'fodlam.data.api', 'fodlam.data.streams', 'fodlam.data.values']
        for use, rooms in ((run, []), ('fodlam.estimate({"net": "VGG16"})', api)):
            script = f'import sys, fodlam; {use}; print(*sys.modules)'
            loaded = python('-c', script, stdin='{"net": "VGG16"}').stdout.split()
            self.assertIn('fodlam', loaded)
            self.assertEqual(sorted(name for name in loaded if name.startswith('fodlam.')), rooms)
            for name in ('argparse', 'glob'):
                self.assertNotIn(name, loaded)

    def test_a_devices_table_works_out_no_shares(self):
        """They are stored. It made 106,643 calls when it worked them out four times."""
        script = (
            'import cProfile, io, pstats, sys, fodlam\n'
            'profile = cProfile.Profile(builtins=False)\n'
            'profile.enable()\n'
            "fodlam.main(['--format', 'table', '-'], sys.stdin, sys.stdout, sys.stderr)\n"
            'profile.disable()\n'
            'print(pstats.Stats(profile, stream=io.StringIO()).total_calls)\n'
        )
        script += "print('fodlam.data.calibration' in sys.modules)\n"
        for device in ('edge-tpu', 'kv260-dpu'):
            config = f'{{"netfile": "resnet50.json", "accelerator": "{device}"}}'
            *_, calls, computed = python('-c', script, stdin=config).stdout.splitlines()
            self.assertLess(int(calls), 30_000)
            self.assertEqual(computed, 'False')


if __name__ == '__main__':
    unittest.main()
