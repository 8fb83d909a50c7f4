"""Products of two feature maps: left out on Eyeriss and EIE, features on accelerators."""

import json
import math
import unittest

from results import layers_of
from support import fodlam, run


class LeftOut(unittest.TestCase):
    """Products of two feature maps: ../shared/facts/devices.md, "Products of two feature maps"."""

    PRODUCT = {
        'name': 'qk', 'type': 'MatMul', 'macs': 12 * 128 * 64 * 128, 'ifmap': [768, 128, 1],
        'ofmap': [1536, 128, 1], 'kernel': [1, 1], 'groups': 12,
    }  # fmt: skip
    FC = {'name': 'fc', 'type': 'InnerProduct', 'macs': 100}

    def test_on_eyeriss_and_eie(self):
        config = {'netfile': [self.FC, self.PRODUCT]}
        report = fodlam.estimate(config, per_layer=True)
        self.assertEqual(report['left_out'], {'layers': 1, 'macs': 12582912})
        self.assertEqual([layer['name'] for layer in report['layers']], ['fc'])
        without = fodlam.estimate({'netfile': [self.FC]})
        self.assertEqual({key: report[key] for key in without}, without)
        line = run('--lines', stdin=json.dumps(config).encode()).out
        self.assertEqual(json.loads(line)['left_out'], report['left_out'])
        table = run('--format', 'table', stdin=json.dumps(config).encode()).out
        self.assertRegex(table, '(?i)left out')

    def test_one_without_macs_is_left_out_too(self):
        config = {'netfile': [self.FC, {**self.PRODUCT, 'macs': 0}]}
        self.assertEqual(fodlam.estimate(config)['left_out'], {'layers': 1, 'macs': 0})

    def test_naming_one_is_an_error_that_says_why(self):
        config = {'netfile': [self.FC, self.PRODUCT], 'layers': ['qk']}
        with self.assertRaisesRegex(fodlam.InputError, 'nothing published says.*MatMul.*qk'):
            fodlam.estimate(config)

    def test_on_an_accelerator_its_second_operand_is_features(self):
        """Two bytes a feature and one a weight, a batch of 16: it is read once a frame."""
        chip = {
            'macs': 1024,
            'clock_mhz': 1000,
            'dram_gbps': 10,
            'feature_bytes': 2,
            'fc_batch': 16,
        }
        config = {'netfile': [self.PRODUCT], 'accelerator': chip}
        report = fodlam.estimate(config, per_layer=True)
        self.assertNotIn('left_out', report)
        first, second, product = 128 * 64, 64 * 128, 128 * 128
        self.assertEqual(report['layers'][0]['dram_bytes'], 2 * 12 * (first + second + product))

    def test_bert(self):
        """BERT base, 128 tokens, on nvdla-2048: products take 2.7% of the MACs and 9% of the time."""
        entries = []
        for block in range(12):
            sizes = [(768, 768)] * 4 + [(768, 3072), (3072, 768)]
            for index, (inputs, outputs) in enumerate(sizes):
                shape = {'ifmap': [inputs, 128, 1], 'ofmap': [outputs, 128, 1], 'kernel': [1, 1]}
                macs = 128 * inputs * outputs
                name = f'fc{block}-{index}'
                entries.append({'name': name, 'type': 'InnerProduct', 'macs': macs, **shape})
            swapped = {'ifmap': [1536, 128, 1], 'ofmap': [768, 128, 1]}
            entries.append({**self.PRODUCT, 'name': f'qk{block}'})
            entries.append({**self.PRODUCT, 'name': f'av{block}', **swapped})
        config = {'netfile': entries, 'accelerator': 'nvdla-2048'}
        found = layers_of(config)
        products = [x for x in found if x['name'][:2] in ('qk', 'av')]
        macs, time = (
            math.fsum(x[key] for x in products)
            / math.fsum(x[key] for x in found if x not in products)
            for key in ('macs', 'latency')
        )
        self.assertAlmostEqual(macs / (1 + macs), 0.027, delta=0.002)
        self.assertAlmostEqual(time, 0.09, delta=0.01)


if __name__ == '__main__':
    unittest.main()
