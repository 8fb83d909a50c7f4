"""The examples in docstrings: they are right."""

import doctest
import importlib
import os
import unittest

from support import fodlam, path

ROOMS = [
    f'fodlam.{folder}.{name.removesuffix(".py")}'
    for folder in ('nets',)
    for name in sorted(os.listdir(path(folder)))
    if name.endswith('.py')
]


class Examples(unittest.TestCase):
    def test_examples(self):
        for module in [fodlam, *map(importlib.import_module, ROOMS)]:
            with self.subTest(module.__name__):
                self.assertEqual(doctest.testmod(module).failed, 0)

    def test_there_are_some(self):
        count = sum(doctest.testmod(importlib.import_module(room)).attempted for room in ROOMS)
        self.assertGreater(count, 20)


if __name__ == '__main__':
    unittest.main()
