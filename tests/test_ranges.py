"""--range: the least and the most, on Eyeriss and EIE, and on accelerators."""

import itertools
import json
import math
import unittest

from results import CHIP, SHARES, estimate, total
from support import GROUPS, NETFILES, fodlam, run

from fodlam.data import calibration, devices


class OnEyeriss(unittest.TestCase):
    def test_scaled(self):
        per_layer = fodlam.diagnose()['per_layer']
        report = fodlam.estimate({'netfile': 'resnet50.json'}, per_layer=True, range=True)
        for quantity in ('energy', 'latency'):
            published = {
                'conv': [
                    n for net in per_layer[quantity].values() for x, n in net.items() if x[0] == 'C'
                ],
                'fc': [
                    n for net in per_layer[quantity].values() for x, n in net.items() if x[0] == 'F'
                ],
            }
            for layer in report['layers']:
                numbers = published[layer['kind']]
                low, high = layer[f'{quantity}_range']
                self.assertAlmostEqual(low / (min(numbers) * layer['macs']), 1)
                self.assertAlmostEqual(high / (max(numbers) * layer['macs']), 1)
                self.assertTrue(low < layer[quantity] < high)

    def test_published(self):
        report = fodlam.estimate({'net': 'VGG16'}, per_layer=True, range=True)
        for cost in [*report['layers'], *(report[group] for group in GROUPS)]:
            for quantity in ('energy', 'latency'):
                self.assertEqual(cost[f'{quantity}_range'], [cost[quantity]] * 2)

    def test_sums_add_lows_and_highs(self):
        for config in ({'netfile': 'googlenet.json'}, {'net': 'AlexNet', 'process_nm': 28}):
            report = fodlam.estimate(config, per_layer=True, range=True)
            for group in GROUPS:
                layers = [x for x in report['layers'] if group in (x['kind'], 'total')]
                for quantity in ('energy', 'latency'):
                    for end in (0, 1):
                        total = math.fsum(layer[f'{quantity}_range'][end] for layer in layers)
                        expected = report[group][f'{quantity}_range'][end]
                        self.assertTrue(math.isclose(total, expected, rel_tol=1e-12))

    def test_the_published_networks_are_in_range_of_their_scaling(self):
        """What --range promises, for the only networks for which anybody knows."""
        for net in NETFILES:
            for published in fodlam.estimate({'net': net}, per_layer=True)['layers']:
                config = {'netfile': NETFILES[net], 'layers': [published['name']]}
                (layer,) = fodlam.estimate(config, per_layer=True, range=True)['layers']
                for quantity in ('energy', 'latency'):
                    low, high = layer[f'{quantity}_range']
                    self.assertTrue(low * 0.999999 <= published[quantity] <= high * 1.000001)

    def test_no_ranges_unless_asked_for(self):
        self.assertEqual(list(fodlam.estimate({'net': 'VGG16'})['total']), ['energy', 'latency'])


class OnAccelerators(unittest.TestCase):
    def factors(self, accelerator):
        cost = total(accelerator, range=True)
        return [limit / cost['latency'] for limit in cost['latency_range']]

    def test_a_device_with_few_networks_goes_by_two_on_all_devices(self):
        """It was 9.7 to 11 ms for ResNet-50 on an Edge TPU, which nothing known supported."""
        for device, (of_networks, mean) in SHARES.items():
            if len(of_networks) > 1:
                low, high = self.factors(device)
                self.assertAlmostEqual(high, 3.54, delta=0.005)
                self.assertAlmostEqual(low, max(0.45, mean), delta=0.003)
                # What is known of the device itself is inside.
                self.assertLess(low, mean / max(of_networks.values()))
                self.assertGreater(high, mean / min(of_networks.values()))

    def test_a_device_with_many_goes_by_its_own(self):
        """Percentiles of 8 or 19 networks, each by all others, are the least and the most."""
        for device, low, high in (
            ('kv260-dpu', 0.41, 4.06),
            ('zcu102-dpu-3xb4096', 0.63, 3.61),
            ('zcu104-dpu-2xb4096', 0.51, 3.68),
            ('ultra96-dpu-b1600', 0.78, 1.39),
        ):
            row = devices.read_calibrated()[device]
            self.assertEqual((round(row.least, 2), round(row.most, 2)), (low, high))
            runs = list(calibration.measured_runs()[device].values())
            factors = calibration.leave_one_out(runs, calibration.fit_share_and_layer)
            self.assertAlmostEqual(row.least, min(factors), places=6)
            self.assertAlmostEqual(row.most, max(factors), places=6)
            self.assertEqual(round(self.factors(device)[1], 2), high)

    def test_any_other_share_goes_by_one_network_on_all_devices(self):
        for accelerator in ('ncs2', {**CHIP, 'efficiency': 0.2}):
            low, high = self.factors(accelerator)
            self.assertAlmostEqual(high, 3.49, delta=0.005)
            self.assertAlmostEqual(low, 0.287, delta=0.001)

    def test_a_time_per_layer_is_known_by_two(self):
        low, high = self.factors({**CHIP, 'efficiency': 0.2, 'layer_us': 1})
        self.assertEqual((round(low, 3), round(high, 2)), (0.434, 2.38))

    def test_a_time_per_layer_may_be_nothing_and_a_roofline_may_not(self):
        """Each layer is at least its roofline, and at least 0.434 times what the model says."""
        bare = estimate(CHIP, per_layer=True)['layers']
        chip = {**CHIP, 'efficiency': 0.8, 'layer_us': 50}
        report = estimate(chip, range=True, per_layer=True)
        for roof, layer in zip(bare, report['layers']):
            expected = max(roof['latency'], 0.434 * layer['latency'])
            self.assertAlmostEqual(layer['latency_range'][0] / expected, 1)
        for end in (0, 1):
            each = math.fsum(layer['latency_range'][end] for layer in report['layers'])
            self.assertAlmostEqual(each / report['total']['latency_range'][end], 1)
            each = math.fsum(layer['energy_range'][end] for layer in report['layers'])
            self.assertAlmostEqual(each / report['total']['energy_range'][end], 1)

    def test_nothing_is_faster_than_its_roofline(self):
        bare = total(CHIP)['latency']
        for efficiency in (0.43, 0.5, 0.9, 1):
            cost = total({**CHIP, 'efficiency': efficiency}, range=True)
            self.assertAlmostEqual(cost['latency_range'][0] / bare, 1)

    def test_a_bare_roofline_is_a_bound(self):
        for accelerator in (CHIP, 'nvdla-2048'):
            low, high = self.factors(accelerator)
            self.assertEqual((low, round(1 / high, 3)), (1, 0.098))

    def test_of_the_energy_only_power_times_time_has_one(self):
        keys = {'mac_pj': 1, 'dram_pj_per_byte': 100, 'efficiency': 0.5}
        report = estimate({**CHIP, **keys}, range=True, per_layer=True)
        low, high = self.factors({**CHIP, **keys})
        for cost, by in (
            (report['total'], report['energy_by']),
            *((layer, layer['energy_by']) for layer in report['layers']),
        ):
            fixed = by['mac'] + by['dram']
            for limit, factor in zip(cost['energy_range'], (low, high)):
                self.assertAlmostEqual(limit / (fixed + by['power'] * factor), 1)
        del keys['efficiency']
        no_power = {key: value for key, value in {**CHIP, **keys}.items() if key != 'power_mw'}
        cost = total(no_power, range=True)
        self.assertEqual(cost['energy_range'], [cost['energy']] * 2)

    def test_sums_add_up_and_null_stays_null(self):
        bare = {key: value for key, value in CHIP.items() if key != 'power_mw'}
        report = estimate(bare, range=True, per_layer=True)
        self.assertEqual(report['total']['energy_range'], [None, None])
        for end in (0, 1):
            each = math.fsum(layer['latency_range'][end] for layer in report['layers'])
            self.assertAlmostEqual(each / report['total']['latency_range'][end], 1)

    def test_formats_and_lines(self):
        for accelerator in ('edge-tpu', 'kv260-dpu', 'nvdla-64', CHIP):
            config = {'netfile': 'lenet.json', 'accelerator': accelerator}
            stdin = json.dumps(config).encode()
            line = json.loads(run('--lines', '--range', stdin=stdin).out)
            self.assertEqual(line, fodlam.estimate(config, range=True))
            for form, flags in itertools.product(('csv', 'table', 'svg'), ([], ['--range'])):
                result = run('--format', form, *flags, stdin=stdin)
                self.assertEqual((result.status, result.err), (0, ''))


if __name__ == '__main__':
    unittest.main()
