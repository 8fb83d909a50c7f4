"""What layers wait for: the sums by bound."""

import json
import math
import unittest

from support import GROUPS, fodlam, run


class Bounds(unittest.TestCase):
    CONFIGS = (
        {'netfile': 'resnet50.json', 'scaling': 'shape'},
        {'netfile': 'resnet50.json', 'scaling': 'shape', 'process_nm': 130},
        {'net': 'VGG16', 'accelerator': 'nvdla-64'},
        {'netfile': 'googlenet.json', 'accelerator': 'edge-tpu', 'layers': ['conv1/7x7_s2']},
        {'netfile': 'lenet.json', 'accelerator': {'macs': 9, 'clock_mhz': 1, 'dram_gbps': 1}},
        {  # energies by MACs and bytes
            'netfile': 'resnet50.json',
            'accelerator': {
                'macs': 4096, 'clock_mhz': 700, 'dram_gbps': 30, 'mac_pj': 1,
                'dram_pj_per_byte': 20,
            },
        },
    )  # fmt: skip

    def test_are_the_sums_of_layers(self):
        for config in self.CONFIGS:
            report = fodlam.estimate(config, per_layer=True)
            found = {layer['bound'] for layer in report['layers'] if 'bound' in layer}
            self.assertEqual(set(report['bounds']), found)
            for bound, sums in report['bounds'].items():
                for quantity, total in sums.items():
                    each = [x[quantity] for x in report['layers'] if x.get('bound') == bound]
                    if total is None:
                        self.assertEqual(set(each), {None})
                    else:
                        self.assertAlmostEqual(math.fsum(each) / total, 1)
            line = run('--lines', stdin=json.dumps(config).encode()).out
            self.assertEqual(json.loads(line)['bounds'], report['bounds'])

    def test_only_where_layers_have_one(self):
        for config in ({'net': 'VGG16'}, {'netfile': 'lenet.json'}):
            self.assertEqual(list(fodlam.estimate(config)), [*GROUPS, 'frames'])


if __name__ == '__main__':
    unittest.main()
