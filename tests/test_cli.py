"""The command line: arguments, streams and exit statuses."""

import functools
import io
import os
import re
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

from support import NETFILES, PYTHON, Terminal, clean_environment, fodlam, path, python, read, run

from fodlam.data import by_shape, configs, formats, options, roofline

VGG16 = read('config', 'vgg16.json').encode()
GOLDEN = read('tests', 'original', 'vgg16.json')
FLAGS = [names.split(',')[-1] for names in options.FLAGS if names != '--validate']


class CommandLine(unittest.TestCase):
    def test_config_from_stdin(self):
        self.assertEqual(run(stdin=VGG16), (0, GOLDEN, ''))
        self.assertEqual(run('-', stdin=VGG16), (0, GOLDEN, ''))

    def test_config_from_a_file(self):
        self.assertEqual(run(path('config', 'vgg16.json')), (0, GOLDEN, ''))

    def test_diagnose(self):
        self.assertEqual(run('--diagnose'), (0, read('tests', 'original', 'diagnose.json'), ''))

    def test_version(self):
        self.assertEqual(run('--version'), (0, f'fodlam {fodlam.__version__}\n', ''))

    def test_help_whatever_else_is_asked(self):
        help_ = run('--help')
        for flags in ('--diagnose -h', '--help --version', '--lines --help --format csv'):
            self.assertEqual(run(*flags.split()), help_)

    def test_without_docstrings(self):
        for script in (path('fodlam.py'), path('data', 'validate.py')):
            process = subprocess.run(
                [*PYTHON, '-OO', script, '--help'], capture_output=True, timeout=60
            )
            self.assertEqual((process.returncode, process.stderr), (0, b''))
            said = process.stdout.decode().replace(os.linesep, '\n')
            self.assertEqual(said, 'python -OO leaves help out; run it without\n')

    def test_help(self):
        status, out, err = run('--help')
        self.assertEqual((status, err), (0, ''))
        for part in (
            'Usage:',
            'Config keys:',
            '--diagnose',
            *configs.CONFIG_KEYS,
            *roofline.ACCELERATOR_KEYS,
            *formats.FORMATS,
            *by_shape.SCALINGS,
            *FLAGS,
            '--format',
            *NETFILES,
        ):
            self.assertIn(part, out)
        self.assertLessEqual(max(map(len, out.splitlines())), 80)

    def test_examples_in_help_run(self):
        lines = run('--help').out.splitlines()
        piped = [re.fullmatch(r"  echo '(.*)' \| fodlam(.*)", line) for line in lines]
        self.assertGreaterEqual(sum(map(bool, piped)), 2)
        for match in filter(None, piped):
            self.assertEqual(run(*match[2].split(), stdin=match[1].encode()).status, 0)

    def test_terminal_is_told_what_is_awaited(self):
        out, err = io.TextIOWrapper(io.BytesIO()), io.StringIO()
        self.assertEqual(fodlam.main([], Terminal(io.BytesIO(VGG16)), out, err), 0)
        self.assertEqual(out.buffer.getvalue().decode(), GOLDEN)
        said = 'fodlam: waiting for a config in JSON on standard input; see fodlam --help\n'
        self.assertEqual(err.getvalue(), said)

    def test_closed_streams_in_process(self):
        err = io.StringIO()
        self.assertEqual(fodlam.main([], None, io.StringIO(), err), 1)
        self.assertRegex(err.getvalue(), r'\Afodlam: config: standard input is closed; [^\n]+\n\Z')
        with mock.patch('sys.stdout', io.StringIO()) as stdout:
            self.assertEqual(fodlam.main(['none.json'], None, io.StringIO(), None), 1)
        self.assertEqual(stdout.getvalue(), '')

    def test_closed_stdout_and_text_that_no_encoding_has(self):
        err = io.StringIO()
        broken = functools.partial(fodlam.main, run=lambda *streams: iter(['\ud800']))
        self.assertEqual(broken([], None, None, err), 1)
        self.assertIn('standard output: cannot be used (closed)', err.getvalue())


@unittest.skipUnless(os.name == 'posix', 'needs a POSIX shell')
class Process(unittest.TestCase):
    """What can only be seen from outside."""

    def shell(self, line, env=(), **options):
        return subprocess.run(
            ['sh', '-c', line, sys.executable, path('fodlam.py'), path('config', 'vgg16.json')],
            capture_output=True,
            encoding='utf-8',
            errors='replace',  # of UTF-16
            timeout=60,
            env={**clean_environment(), **dict(env)},
            **options,
        )

    def test_from_any_folder_in_any_locale(self):
        with tempfile.TemporaryDirectory() as folder:
            for env in ({}, {'LC_ALL': 'C'}, {'PYTHONIOENCODING': 'utf-16'}):
                process = self.shell('"$0" -S "$1" < "$2"', cwd=folder, env=env)
                self.assertEqual(process.returncode, 0, process.stderr)
                if 'PYTHONIOENCODING' not in env:
                    self.assertEqual(process.stdout, GOLDEN)

    def test_stdout_that_cannot_be_written(self):
        reader, writer = os.pipe()
        os.close(reader)
        self.addCleanup(os.close, writer)
        said = r'\Afodlam: standard output: cannot be used \([^\n]+\nstatus 1\n\Z'
        for target in (f'&{writer}', '&-', '/dev/full'):
            line = f'"$0" -S "$1" < "$2" >{target}; echo "status $?" >&2'
            self.assertRegex(self.shell(line, pass_fds=[writer]).stderr, said, target)

    def test_stderr_that_cannot_be_written(self):
        for target in ('&-', '/dev/full'):
            self.assertEqual(self.shell(f'"$0" -S "$1" --wrong 2>{target}').returncode, 2, target)

    def test_head(self):
        process = self.shell('"$0" -S "$1" < "$2" | head -1')
        self.assertEqual((process.stdout, process.stderr), ('{\n', ''))

    def test_closed_stdin(self):
        process = self.shell('"$0" -S "$1" <&-')
        self.assertEqual((process.returncode, process.stdout), (1, ''))
        self.assertRegex(process.stderr, r'\Afodlam: config: [^\n]+\n\Z')

    def test_import_reads_no_file_and_says_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(path(folder, 'fodlam.py'), 'w', encoding='utf-8') as file:
                file.write(read('fodlam.py'))
            process = python('-c', 'import fodlam; print(fodlam.__version__)', cwd=folder)
        self.assertEqual((process.stdout, process.stderr), (f'{fodlam.__version__}\n', ''))


if __name__ == '__main__':
    unittest.main()
