"""Thousands of accelerators with numbers of any size: an answer or one line."""

import json
import unittest

from support import run, seeds

from fodlam.data import accelerators, roofline

SHAPE_KEYS = (*accelerators.ARRAY_KEYS, 'sram_pj_per_byte')


class Accelerators(unittest.TestCase):
    def test_any_mix_of_numbers(self):
        """It takes a second, as keys are mixed with one another, and with formats and batches."""
        values = (1e-30, 1e-10, 0.3, 1, 7, 1e10, 1e30)
        for index in seeds(2000):
            accelerator = {
                key: values[(index * 7919 >> shift) % len(values)]
                for shift, key in enumerate(roofline.ACCELERATOR_KEYS)
            }
            accelerator['efficiency'] = min(accelerator['efficiency'], 1)
            accelerator['batch'] = 2**16 if index % 300 == 100 else (1, 7, 100)[index % 3]
            # An array has a shape, or else a number of MACs.
            rows, cols = (1, 7, 2**32)[index // 3 % 3], (1, 100)[index % 2]
            accelerator |= {'rows': rows, 'cols': cols, 'dataflow': ('ws', 'os', 'is')[index % 3]}
            for key in ('macs', *accelerators.NOT_WITH_ARRAY) if index % 2 else SHAPE_KEYS:
                del accelerator[key]
            config = json.dumps({'netfile': 'lenet.json', 'accelerator': accelerator}).encode()
            result = run('--format', ('json', 'csv', 'table', 'svg')[index // 18 % 4], stdin=config)
            self.assertEqual(result.status, 0)
            self.assertRegex(
                result.err, r'\A(fodlam: [^\n]+ which is (in MHz|MACs|in 10\^9 bytes)[^\n]+\n)*\Z'
            )
            self.assertNotRegex(result.out, r'(?i)\b(nan|inf|infinity)\b')


if __name__ == '__main__':
    unittest.main()
