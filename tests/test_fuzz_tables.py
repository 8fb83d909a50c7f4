"""Thousands of damaged tables: an answer or one line, never a traceback."""

import json
import os
import random
import tempfile
import unittest
from unittest import mock

from damage import mutated
from support import copy_files, path, read, run, seeds

# For each table, a config that needs it; the others are read by --diagnose.
CONFIGS = {
    'arrays.csv': {'netfile': 'lenet.json', 'accelerator': 'tpu-v1'},
    'calibrated.csv': {'netfile': 'lenet.json', 'accelerator': 'edge-tpu'},
    'devices.csv': {'netfile': 'lenet.json', 'accelerator': 'edge-tpu'},
    'nvdla.csv': {'netfile': 'lenet.json', 'accelerator': 'nvdla-64'},
    'process.csv': {'net': 'AlexNet', 'process_nm': 32, 'process_scaling': 'stillmaker'},
    'vitis.csv': {'netfile': 'lenet.json', 'accelerator': 'kv260-dpu'},
}


class Damaged(unittest.TestCase):
    def test_tables(self):
        tables = sorted(name for name in os.listdir(path('data')) if name.endswith('.csv'))
        failed, count = 0, len(seeds(1000))
        with tempfile.TemporaryDirectory() as folder:
            copy_files(path('data'), path(folder, 'data'), ['.csv'])
            with mock.patch('fodlam.DATA_DIR', path(folder, 'data')):
                for seed in range(count):
                    rng = random.Random(seed)
                    name = rng.choice(tables)
                    good = read('data', name).encode()
                    for content in (mutated(rng, good), good):
                        with open(path(folder, 'data', name), 'wb') as file:
                            file.write(content)
                        if content != good:
                            failed += self.check(name, seed)
        self.assertTrue(count / 5 < failed < count, failed)

    def check(self, name, seed):
        """Check what is said where a table is damaged, and return the exit status."""
        if name in CONFIGS:
            result = run(stdin=json.dumps(CONFIGS[name]).encode())
        else:
            result = run('--diagnose')
        if result.status == 0:
            json.loads(result.out)
            # A clock or a number of MACs may look like one in another unit.
            self.assertRegex(result.err, r'\A(fodlam: [^\n]+ is [^\n]+\n)*\Z', seed)
        else:
            self.assertEqual((result.status, result.out), (1, ''), seed)
            self.assertRegex(result.err, r'\Afodlam: [^\n]+\n\Z', seed)
            self.assertLess(len(result.err), 5000, seed)
        return result.status


if __name__ == '__main__':
    unittest.main()
