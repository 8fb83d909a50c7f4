"""What the extractor knows of shapes, whatever it read them from (nets/layers.py)."""

import math
import unittest

from support import ROOT  # noqa: F401 (fodlam is found in it)

from fodlam.nets.layers import BATCH, MAX_SIZE, is_known


class Known(unittest.TestCase):
    def test_sizes(self):
        """The batch may be of any size, and in any place."""
        for size, known in (
            (1, True),
            (MAX_SIZE, True),
            (MAX_SIZE + 1, False),
            (7 * BATCH, True),
            (0, False),
            (math.nan, False),
        ):
            self.assertEqual(is_known((BATCH, 3, size)), known, size)


if __name__ == '__main__':
    unittest.main()
