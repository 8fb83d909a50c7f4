"""What the original FODLAM printed (Sampson and Buckler, 2017), which this program prints too.

The files in tests/original/ are the results of the ORIGINAL program, not of this one. They are
never generated anew: if one of them differs, this program is wrong.
"""

import json
import os
import unittest

from support import fodlam, path, read, run

NAMES = sorted(os.listdir(path('tests', 'original')))
CONFIGS = [name for name in NAMES if name != 'diagnose.json']


class Original(unittest.TestCase):
    """Results of the original program, to the last digit."""

    def test_all_are_there(self):
        self.assertEqual(len(CONFIGS), 9)
        self.assertLess(set(CONFIGS), set(os.listdir(path('config'))))

    def test_configs(self):
        for name in CONFIGS:
            with self.subTest(name):
                config, expected = read('config', name), read('tests', 'original', name)
                self.assertEqual(run(stdin=config.encode()), (0, expected, ''))
                report = fodlam.estimate(json.loads(config))
                del report['frames']  # which the original does not say
                self.assertEqual(report, json.loads(expected))

    def test_diagnose(self):
        expected = read('tests', 'original', 'diagnose.json')
        self.assertEqual(run('--diagnose'), (0, expected, ''))
        report = fodlam.diagnose()
        del report['frames']  # which the original does not have
        self.assertEqual(report, json.loads(expected))


if __name__ == '__main__':
    unittest.main()
