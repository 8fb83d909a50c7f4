"""What this program printed before, for the example configs that the original does not have.

The files in tests/golden/ are this program's own results. When an output changes on purpose, they
are written anew: see tests/README.md.
"""

import json
import os
import re
import unittest

from support import documents, fodlam, path, read, run

GOLDENS = sorted(os.listdir(path('tests', 'golden')))
PICTURES = {  # the config of each picture, and flags
    'resnet50-nvdla.svg': (read('config', 'resnet50-nvdla.json'),),
    'vgg16.svg': (read('config', 'vgg16.json'),),
}


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
        names = [name for name in GOLDENS if name.endswith('.svg')]
        self.assertEqual(names, sorted(PICTURES))
        for name, (config, *flags) in PICTURES.items():
            golden = read('tests', 'golden', name)
            self.assertEqual(run('--format', 'svg', *flags, stdin=config.encode()), (0, golden, ''))

    def test_pictures_in_the_documents_are_goldens(self):
        shown = re.findall(r'\(tests/golden/([^)]+)\)', documents())
        self.assertTrue(shown)
        self.assertLessEqual(set(shown), set(PICTURES))


if __name__ == '__main__':
    unittest.main()
