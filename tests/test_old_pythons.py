"""A Python that is too old gets one line."""

import ast
import itertools
import os
import subprocess
import unittest

from support import ROOT, path, python, read, some


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
        programs = [[name] for name in self.PROGRAMS]
        programs += [['-m', 'fodlam'], ['-c', 'import fodlam']]
        for version, argv in some(itertools.product(there, programs)):
            process = subprocess.run(
                [path(versions, version, 'bin', 'python3'), '-B', *argv],
                stdin=subprocess.DEVNULL, capture_output=True, encoding='utf-8', cwd=ROOT,
                timeout=60,
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


if __name__ == '__main__':
    unittest.main()
