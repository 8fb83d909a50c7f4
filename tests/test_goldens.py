"""What this program printed before, for the example configs that the original does not have.

The files in tests/golden/ are this program's own results. When an output changes on purpose, they
are written anew: see tests/README.md.
"""

import json
import os
import unittest

from support import fodlam, path, read, run

GOLDENS = sorted(os.listdir(path('tests', 'golden')))


class Goldens(unittest.TestCase):
    def test_every_config_has_one_here_or_of_the_original(self):
        results = [name for name in GOLDENS if name.endswith('.json')]
        results += os.listdir(path('tests', 'original'))
        results.remove('diagnose.json')
        self.assertEqual(sorted(results), sorted(os.listdir(path('config'))))

    def test_configs(self):
        for name in GOLDENS:
            if name.endswith('.json'):
                with self.subTest(name):
                    config, golden = read('config', name), read('tests', 'golden', name)
                    self.assertEqual(run(path('config', name)), (0, golden, ''))
                    report, expected = fodlam.estimate(json.loads(config)), json.loads(golden)
                    frames = expected.get('frames', report['frames'])
                    self.assertEqual(report, {**expected, 'frames': frames})

    def test_pictures(self):
        """They stand in the documents."""
        names = [name for name in GOLDENS if name.endswith('.svg')]
        self.assertEqual(len(names), 2)
        for name in names:
            config = path('config', name.replace('.svg', '.json'))
            self.assertEqual(run('--format', 'svg', config), (0, read('tests', 'golden', name), ''))
            shown = [read(*parts) for parts in (['README.md'], ['data', 'README.md'])]
            self.assertTrue(any(f'tests/golden/{name})' in document for document in shown), name)


if __name__ == '__main__':
    unittest.main()
