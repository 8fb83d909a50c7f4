"""The three programs as scripts: files beside them, and Ctrl-C."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

from support import copy_files, path

PROGRAMS = {
    'fodlam.py': ['--version'],
    os.path.join('nets', 'extract.py'): ['--version'],
    os.path.join('data', 'validate.py'): ['--help'],
}


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
        done = subprocess.run(
            [sys.executable, '-c', script], cwd=path(), capture_output=True, timeout=60
        )
        self.assertEqual((done.returncode, done.stderr), (0, b''))


@unittest.skipUnless(os.name == 'posix', 'needs signals: run it on Linux or macOS')
class Interrupts(unittest.TestCase):
    def test_from_the_first_lines_on(self):
        """There are no tracebacks once a program's first lines have run, whatever it loads."""
        for program, arguments in PROGRAMS.items():
            for module in ('csv', 'json', 'importlib.util', 'argparse'):
                # The import of a module sends SIGINT, as sitecustomize has a finder do.
                finder = f"""
import os, signal, sys
class Finder:
    def find_spec(name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder)
"""
                with tempfile.TemporaryDirectory() as folder:
                    with open(path(folder, 'sitecustomize.py'), 'w', encoding='utf-8') as file:
                        file.write(finder)
                    done = subprocess.run(
                        [sys.executable, path(program), *arguments],
                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60,
                        env={**os.environ, 'PYTHONPATH': folder}, preexec_fn=heed_interrupts,
                    )  # fmt: skip
                self.assertIn(done.returncode, (0, -signal.SIGINT), (program, module))
                self.assertEqual(done.stderr, b'', (program, module))


def heed_interrupts():
    """Let a process that is about to start heed SIGINT, even if this one would not."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


if __name__ == '__main__':
    unittest.main()
