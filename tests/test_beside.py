"""The programs as scripts: files beside them, copies of fodlam.py under other names, and Ctrl-C."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
import zipfile

from support import PYTHON, copy_files, path

PROGRAMS = {
    'fodlam.py': ['--version'],
    os.path.join('nets', 'extract.py'): ['--version'],
    os.path.join('data', 'validate.py'): ['--help'],
}


# The import of a module sends SIGINT, as sitecustomize has a finder do.
FINDER = """
import os, signal, sys
class Finder:
    def find_spec(name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder)
"""


class Beside(unittest.TestCase):
    def test_no_file_of_a_folder_is_taken_for_a_module_of_python(self):
        """Such as a csv.py beside fodlam.py, or a signal.py beside extract.py."""
        with tempfile.TemporaryDirectory() as folder:
            root = path(folder, 'fodlam')
            os.mkdir(root)
            shutil.copyfile(path('fodlam.py'), path(root, 'fodlam.py'))
            for rooms in 'data', 'nets':
                copy_files(path(rooms), path(root, rooms))
            for beside in root, path(root, 'nets'), path(root, 'data'):
                for name in 'csv', 'signal', 'argparse', 're', 'json', 'stat', 'functools':
                    with open(path(beside, f'{name}.py'), 'w', encoding='utf-8') as file:
                        file.write('raise SystemExit(f"{__file__} was imported")\n')
            for program, arguments in PROGRAMS.items():
                done = subprocess.run(
                    [sys.executable, path(root, program), *arguments],
                    capture_output=True, encoding='utf-8', cwd=folder, timeout=60,
                )  # fmt: skip
                self.assertEqual((done.returncode, done.stderr), (0, ''), program)

    def test_importing_a_program_leaves_the_path_as_it_is(self):
        script = 'import sys; before = list(sys.path); import fodlam.data.validate; '
        script += 'import fodlam.nets.extract; assert sys.path == before'
        done = subprocess.run([*PYTHON, '-c', script], cwd=path(), capture_output=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, b''))


def python(script, *arguments):
    """Return what a script prints in a process of its own that does not find fodlam by itself."""
    done = subprocess.run(
        [*PYTHON, '-I', '-c', script, *arguments],
        capture_output=True, text=True, timeout=60, cwd=os.path.dirname(path()),
    )  # fmt: skip
    return done.stdout + done.stderr


LOAD = """
import importlib.util, sys

def load(root, name, is_known=True):
    spec = importlib.util.spec_from_file_location(name, root + '/fodlam.py')
    module = importlib.util.module_from_spec(spec)
    if is_known:
        sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
"""
USE = """
def use(module):
    config = {'netfile': 'lenet.json', 'accelerator': 'edge-tpu'}
    report = module.estimate(config)
    assert list(module.sweep([config])) == [report]
    assert module.table(report) and module.svg(report)
    try:
        module.estimate({'net': 'VGG19'})
    except module.InputError as error:
        print(str(error)[:24])
"""
WRONG = 'config: "net" is \'VGG19\'\n'


class Copies(unittest.TestCase):
    """fodlam.py loaded by its path, as programs do that are not installed."""

    def test_under_any_name(self):
        for name in 'fodlam', 'accelerators':
            for is_known in True, False:
                script = f'{LOAD}{USE}use(load(sys.argv[1], sys.argv[2], {is_known}))'
                self.assertEqual(python(script, path(), name), WRONG, (name, is_known))

    def test_run_as_a_path(self):
        script = f'{USE}import runpy, sys, types\n'
        script += 'names = runpy.run_path(sys.argv[1])\n'
        script += 'for name in "estimate", "sweep", "table", "svg":\n'
        script += '    names[name] = names["__getattr__"](name)\n'
        script += 'use(types.SimpleNamespace(**names))'
        self.assertEqual(python(script, path('fodlam.py')), WRONG)

    def test_a_second_copy_shares_the_errors_of_the_first(self):
        script = f'{LOAD}{USE}first = load(sys.argv[1], "fodlam")\nuse(first)\n'
        script += 'second = load(sys.argv[1], "second", False)\nuse(second)\n'
        script += 'assert second.InputError is first.InputError'
        self.assertEqual(python(script, path()), WRONG * 2)

    def test_programs_after_an_import(self):
        """As where a notebook runs them: what is wrong is told in one line."""
        script = f'{LOAD}load(sys.argv[1], "fodlam").estimate({{"net": "VGG16"}})\n'
        script += 'import io, runpy\n'
        script += 'sys.argv, sys.stdout = sys.argv[2:], io.StringIO()\n'
        script += 'runpy.run_path(sys.argv[0], run_name="__main__")'
        for program, status in (('fodlam.py', 2), ('nets/extract.py', 2), ('data/validate.py', 2)):
            done = subprocess.run(
                [*PYTHON, '-I', '-c', script, path(), path(program), '--wrong'],
                capture_output=True, text=True, timeout=60,
            )  # fmt: skip
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertRegex(
                done.stderr, r'\A[a-z.]+: arguments: unknown option --wrong; [^\n]+\n\Z'
            )

    def test_in_a_zip_archive(self):
        """It cannot find its tables there, and says so."""
        with tempfile.TemporaryDirectory() as folder:
            archive = path(folder, 'archive.zip')
            with zipfile.ZipFile(archive, 'w') as file:
                file.write(path('fodlam.py'), 'fodlam.py')
                file.write(path('data', 'api.py'), 'data/api.py')
            script = 'import sys; sys.path.insert(0, sys.argv[1]); import fodlam\n'
            script += 'try:\n    fodlam.estimate({"net": "VGG16"})\n'
            script += 'except fodlam.InputError as error:\n    print(error)'
            said = python(script, archive)
        self.assertRegex(said, r'\Afodlam.estimate: cannot be [^\n]+; expected [^\n]+\n\Z')


@unittest.skipUnless(os.name == 'posix', 'needs signals: run it on Linux or macOS')
class Interrupts(unittest.TestCase):
    def check(self, command, module):
        """Check that a process ends silently if SIGINT comes while it begins to load a module."""
        with tempfile.TemporaryDirectory() as folder:
            with open(path(folder, 'sitecustomize.py'), 'w', encoding='utf-8') as file:
                file.write(FINDER.format(module=module))
            done = subprocess.run(
                [sys.executable, *command],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                env={**os.environ, 'PYTHONPATH': f'{folder}{os.pathsep}{path()}'},
                timeout=60, preexec_fn=heed_interrupts,
            )  # fmt: skip
        self.assertIn(done.returncode, (0, -signal.SIGINT), (command, module))
        self.assertEqual(done.stderr, b'', (command, module))
        return done.returncode

    def test_from_the_first_lines_on(self):
        """There are no tracebacks once a program's first lines have run, whatever it loads."""
        for program, arguments in PROGRAMS.items():
            for module in ('csv', 'json', 'importlib.util', 'argparse'):
                self.check([path(program), *arguments], module)

    def test_installed_commands(self):
        """They import fodlam.py, or a room, and call a function of it."""
        for command, room, function in (
            ('fodlam', 'fodlam', 'command'),
            ('fodlam-extract', 'fodlam.nets.extract', 'extract_command'),
        ):
            with tempfile.TemporaryDirectory() as folder:
                script = path(folder, command)
                with open(script, 'w', encoding='utf-8') as file:
                    file.write(f'from {room} import {function}\n{function}()\n')
                for module in ('csv', 'json'):
                    status = self.check([script, '--version'], module)
                    self.assertEqual(status, -signal.SIGINT)

    def test_an_import_leaves_the_handler_as_it_is(self):
        script = 'import signal, fodlam; print(signal.getsignal(signal.SIGINT).__name__)'
        done = subprocess.run(
            [*PYTHON, '-c', script],
            cwd=path(), capture_output=True, text=True, timeout=60, preexec_fn=heed_interrupts,
        )  # fmt: skip
        self.assertEqual((done.stdout, done.stderr), ('default_int_handler\n', ''))


def heed_interrupts():
    """Let a process that is about to start heed SIGINT, even if this one would not."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


if __name__ == '__main__':
    unittest.main()
