"""Another process node, by Dennard's rule and by Stillmaker and Baas."""

import json
import math
import tempfile
import unittest

from support import GROUPS, fodlam, path, python, run

from fodlam.data import process

# ../shared/facts/process.md, relative to 65 nm: time and energy by the fit, and by Dennard's rule.
FACTORS = {
    130: (1.669, 3.749, 2.000, 8.000),
    90: (1.232, 1.911, 1.385, 2.654),
    45: (0.653, 0.512, 0.692, 0.332),
    32: (0.436, 0.272, 0.492, 0.119),
    20: (0.494, 0.120, 0.308, 0.029),
    16: (0.334, 0.0824, 0.246, 0.0149),
    14: (0.235, 0.0572, 0.215, 0.0100),
    10: (0.201, 0.0418, 0.154, 0.0036),
    7: (0.169, 0.0284, 0.108, 0.0012),
}


class Processes(unittest.TestCase):
    """Stillmaker and Baas (2017), and Dennard's rule; ../shared/facts/process.md."""

    def test_factors(self):
        for nm, (time, energy, dennard_time, dennard_energy) in FACTORS.items():
            for rule, t, e in (
                ('stillmaker', time, energy),
                ('dennard', dennard_time, dennard_energy),
                (None, dennard_time, dennard_energy),
            ):
                power, factor = fodlam.node_scale(65, nm, rule)
                self.assertLess(abs(factor / t - 1), 0.005, (nm, rule))
                # Three digits, or as many as the facts have.
                digits = len(f'{e}'.partition('.')[2])
                delta = 0.6 * 10**-digits if e != 0.12 else 0.0006
                self.assertAlmostEqual(power * factor, e, delta=delta, msg=(nm, rule))

    def test_the_erratums_example(self):
        """32 nm: 0.8367 V^2 - 0.4341 V + 0.1701 at 0.9 V is 0.4571."""
        _, energy = process.delay_and_energy(32)
        self.assertEqual(round(energy, 4), 0.4571)

    def test_there_and_back_is_nothing(self):
        for rule in ('dennard', 'stillmaker'):
            for nm in FACTORS:
                there, back = fodlam.node_scale(65, nm, rule), fodlam.node_scale(nm, 65, rule)
                for a, b in zip(there, back):
                    self.assertAlmostEqual(a * b, 1)

    def test_dennard_is_the_default_to_the_last_digit(self):
        for config in ({'net': 'VGG16'}, {'netfile': 'lenet.json', 'process_nm': 28}):
            expected = fodlam.estimate(config, per_layer=True)
            config = {**config, 'process_scaling': 'dennard'}
            self.assertEqual(fodlam.estimate(config, per_layer=True), expected)

    def test_eie_comes_to_65_nm_by_the_rule(self):
        dennard, fit = (
            fodlam.estimate({'net': 'AlexNet', 'process_scaling': rule})
            for rule in ('dennard', 'stillmaker')
        )
        self.assertEqual(dennard['conv'], fit['conv'])
        for net in ('AlexNet', 'VGG16'):
            config = {'net': net, 'process_scaling': 'stillmaker'}
            seconds = fodlam.estimate({**config, 'process_nm': 45})['fc']['latency']
            table = fodlam.read_table(fodlam.EIE_FILE, fodlam.EIE_COLUMNS)
            actual = math.fsum(row['latency_s'] for x, row in table.items() if x.startswith(net))
            self.assertAlmostEqual(seconds / actual, 1)
        # EIE, 45 to 65 nm: time x 1.53 and energy x 1.95.
        power, time = fodlam.node_scale(45, 65, 'stillmaker')
        self.assertEqual((round(time, 2), round(power * time, 2)), (1.53, 1.95))

    def test_a_node_that_the_fit_does_not_have(self):
        config = {'net': 'VGG16', 'process_nm': 28, 'process_scaling': 'stillmaker'}
        with self.assertRaisesRegex(
            fodlam.InputError, '28; .*130, 90, 65, 45, 32, 20, 16, 14, 10, 7'
        ):
            fodlam.estimate(config)

    def test_read_only_if_asked_for(self):
        room = 'fodlam.data.process'
        code = f'import sys, fodlam; fodlam.estimate({{"net": "VGG16"}}); print("{room}" in sys.modules)'

        self.assertEqual(python('-c', code).stdout, 'False\n')

    def test_by_shape_and_ranges(self):
        config = {'netfile': 'lenet.json', 'scaling': 'shape', 'process_nm': 16}
        base = fodlam.estimate({**config, 'process_nm': 65, 'process_scaling': 'stillmaker'})
        scaled = fodlam.estimate({**config, 'process_scaling': 'stillmaker'}, range=True)
        ratio = scaled['total']['latency'] / base['total']['latency']
        self.assertAlmostEqual(ratio, fodlam.node_scale(65, 16, 'stillmaker')[1])


class ProcessNode(unittest.TestCase):
    def test_65_is_the_default(self):
        for config in ({'net': 'VGG16'}, {'netfile': 'googlenet.json'}):
            expected = fodlam.estimate(config, per_layer=True, range=True)
            for node in (65, 65.0):
                report = fodlam.estimate({**config, 'process_nm': node}, per_layer=True, range=True)
                self.assertEqual(report, expected)

    def test_each_chip_at_its_own_node(self):
        """At 45 nm EIE's layers cost what Table IV says; at 65 nm Eyeriss's are as in Table V."""
        fc6 = fodlam.estimate({'net': 'VGG16', 'layers': ['FC6'], 'process_nm': 45})['fc']
        self.assertAlmostEqual(fc6['latency'] / 34.4e-6, 1)
        self.assertAlmostEqual(fc6['energy'] / (0.59 * 34.4e-6), 1)
        conv1 = fodlam.estimate({'net': 'AlexNet', 'layers': ['CONV1'], 'process_nm': 65})['conv']
        self.assertEqual(conv1['latency'], 20.9e-3)

    def test_time_by_the_ratio_energy_by_its_cube(self):
        for config in ({'net': 'VGG16'}, {'netfile': 'resnet50.json'}):
            one, two = (fodlam.estimate({**config, 'process_nm': node}) for node in (20, 40))
            for group in GROUPS:
                self.assertAlmostEqual(two[group]['latency'] / one[group]['latency'], 2)
                self.assertAlmostEqual(two[group]['energy'] / one[group]['energy'], 8)

    def test_the_least_and_the_most_are_numbers(self):
        """No result overflows, vanishes or widens the table beyond the screen by much."""
        entries = [
            {'name': f'a{i}', 'type': 'Convolution', 'macs': 10 ** (3 * i)} for i in range(11)
        ]
        with tempfile.TemporaryDirectory() as folder:
            with open(path(folder, 'net.json'), 'w', encoding='utf-8') as file:
                json.dump(entries, file)
            for node in (process.MIN_PROCESS_NM, process.MAX_PROCESS_NM):
                config = json.dumps(
                    {'netfile': path(folder, 'net.json'), 'process_nm': node}
                ).encode()
                for form in ('json', 'csv', 'table', 'svg'):
                    result = run('--range', '--format', form, stdin=config)
                    self.assertEqual((result.status, result.err), (0, ''))
                    self.assertNotRegex(result.out, r'(?i)\b(nan|inf|infinity)\b')
                    if form == 'table':
                        self.assertLess(max(map(len, result.out.splitlines())), 120)


if __name__ == '__main__':
    unittest.main()
