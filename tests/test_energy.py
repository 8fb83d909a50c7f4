"""Energy on accelerators, by MACs, DRAM and power."""

import json
import math
import unittest

from support import fodlam, run


class EnergyByLevel(unittest.TestCase):
    CHIP = {'macs': 1024, 'clock_mhz': 1000, 'dram_gbps': 10}

    def test_of_0_is_0_and_not_unknown(self):
        for key in ('power_mw', 'mac_pj', 'dram_pj_per_byte'):
            config = {'netfile': 'lenet.json', 'accelerator': {**self.CHIP, key: 0}}
            self.assertEqual(fodlam.estimate(config)['total']['energy'], 0)
            for form in ('table', 'csv', 'svg'):
                self.assertEqual(run('--format', form, stdin=json.dumps(config).encode()).status, 0)

    KEYS = {'mac': ('mac_pj', 0.5), 'dram': ('dram_pj_per_byte', 160), 'power': ('power_mw', 100)}

    def report(self, parts, **keys):
        chip = {**self.CHIP, **dict(self.KEYS[part] for part in parts), **keys}
        config = {'netfile': 'resnet50.json', 'accelerator': chip}
        return fodlam.estimate(config, per_layer=True)

    def test_parts_that_have_a_key_add_up(self):
        for parts in (['mac'], ['dram'], ['power'], ['mac', 'power'], list(self.KEYS)):
            report = self.report(parts)
            for cost, by in (
                (report['total'], report['energy_by']),
                *((layer, layer['energy_by']) for layer in report['layers']),
            ):
                self.assertEqual(list(by), parts)
                self.assertAlmostEqual(math.fsum(by.values()) / cost['energy'], 1)
            for part in parts:
                total = math.fsum(layer['energy_by'][part] for layer in report['layers'])
                self.assertAlmostEqual(total / report['energy_by'][part], 1)
                groups = math.fsum(report[kind]['energy'] for kind in fodlam.KINDS)
                self.assertAlmostEqual(groups / report['total']['energy'], 1)

    def test_what_each_part_is(self):
        report = self.report(list(self.KEYS))
        for layer in report['layers']:
            by = layer['energy_by']
            self.assertAlmostEqual(by['mac'] / (layer['macs'] * 0.5e-12), 1)
            self.assertAlmostEqual(by['dram'] / (layer['dram_bytes'] * 160e-12), 1)
            self.assertAlmostEqual(by['power'] / (layer['latency'] * 0.1), 1)

    def test_winograd_does_fewer_macs(self):
        plain, winograd = self.report(['mac']), self.report(['mac'], winograd_gain=2.25)
        for one, other in zip(plain['layers'], winograd['layers']):
            gain = one['energy_by']['mac'] / other['energy_by']['mac']
            self.assertIn(round(gain, 6), (1, 2.25))
        self.assertLess(winograd['total']['energy'], plain['total']['energy'])

    def test_without_any_it_is_null(self):
        report = self.report([])
        self.assertIsNone(report['total']['energy'])
        self.assertNotIn('energy_by', report)
        self.assertNotIn('energy_by', report['layers'][0])


if __name__ == '__main__':
    unittest.main()
