"""The examples in docstrings: they are right."""

import doctest
import importlib
import os
import re
import unittest

from support import fodlam, path, read

FOLDERS = ('data', 'nets')


def load_all():
    """Return fodlam and all modules in FOLDERS."""
    modules = [fodlam]
    for folder in FOLDERS:
        for file in sorted(os.listdir(path(folder))):
            name, extension = os.path.splitext(file)
            if extension == '.py':
                modules.append(importlib.import_module(f'fodlam.{folder}.{name}'))
    return modules


class Examples(unittest.TestCase):
    def test_examples(self):
        for module in load_all():
            with self.subTest(module.__name__):
                result = doctest.testmod(module)
                self.assertEqual(result.failed, 0)
                written = len(re.findall('^ *>>> ', read(module.__file__), re.M))
                self.assertEqual(result.attempted, written)  # they are found


if __name__ == '__main__':
    unittest.main()
