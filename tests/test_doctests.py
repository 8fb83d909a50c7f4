"""The examples in docstrings: they are right."""

import doctest
import importlib
import os
import unittest

from support import fodlam, path

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
        attempted = 0
        for module in load_all():
            with self.subTest(module.__name__):
                result = doctest.testmod(module)
                self.assertEqual(result.failed, 0)
                attempted += result.attempted
        self.assertGreater(attempted, 100)  # they are found


if __name__ == '__main__':
    unittest.main()
