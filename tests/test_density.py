"""EIE from densities, energy by level, and processes after Dennard's rule."""

import csv
import json
import math
import unittest

from support import NETFILES, fodlam, path, read, run

from fodlam.data import eie, notes, process

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


def fc(**densities):
    return {'name': 'fc', 'type': 'InnerProduct', 'macs': 4096 * 4096, **densities}


def one(entry, **config):
    """Return what a report says of a net of one layer, by shape and with ranges."""
    config = {'netfile': [entry], 'scaling': 'shape', **config}
    return fodlam.estimate(config, per_layer=True, range=True)['layers'][0]


class Density(unittest.TestCase):
    """ISCA 2016, Tables III and IV, and ../shared/facts/eyeriss-eie.md."""

    ROWS = list(csv.DictReader(read('data', 'eie-layers.csv').splitlines()))

    def formula(self, row):
        """Return the time in us of a row of the table, with its work spread evenly."""
        w, a = float(row['Weights (%)']) / 100, float(row['Activations (%)']) / 100
        macs = int(row['Inputs']) * int(row['Outputs'])
        return macs * a * w / (1 - (1 - w) ** 16) / (64 * 800)

    def test_imbalance_is_neuraltalks(self):
        """29.4 us actual over 26.2."""
        rows = [row for row in self.ROWS if row['Layer'].startswith('NT-')]
        actual = math.fsum(float(row['Actual Time (us)']) for row in rows)
        even = math.fsum(map(self.formula, rows))
        self.assertEqual((len(rows), round(actual, 1), round(even, 1)), (3, 29.4, 26.2))
        self.assertAlmostEqual(eie.imbalance(eie.read_eie_rows()), actual / even)
        self.assertEqual(round(actual / even, 2), 1.12)

    def test_both_cnns_are_tests(self):
        """AlexNet +9% (+11, +23, -14), VGG-16 +6% (0, +32, +3)."""
        for net, total, each in (('AlexNet', 9, (11, 23, -14)), ('VGG16', 6, (0, 32, 3))):
            config = {'netfile': NETFILES[net], 'scaling': 'shape'}
            modelled = [
                layer['latency'] * 45 / 65
                for layer in fodlam.estimate(config, per_layer=True)['layers']
                if layer['source'] == 'by density'
            ]
            rows = [row for row in self.ROWS if row['Layer'].startswith(net)]
            actual = [float(row['Actual Time (us)']) * 1e-6 for row in rows]
            errors = [round((m / t - 1) * 100) for m, t in zip(modelled, actual)]
            self.assertEqual(tuple(errors), each)
            self.assertEqual(round((math.fsum(modelled) / math.fsum(actual) - 1) * 100), total)

    def test_energy_is_power_times_time(self):
        layer = one(fc(weight_density=0.1, activation_density=0.3))
        self.assertAlmostEqual(layer['energy'] / layer['latency'] / (0.59 * (65 / 45) ** 2), 1)

    def test_not_pruned_is_not_padded(self):
        layer = one(fc(weight_density=1, activation_density=1))
        self.assertAlmostEqual(
            layer['latency'] * 45 / 65 / (4096 * 4096 / 51.2e9), 1.1216, places=4
        )

    def test_range_is_that_of_the_six_published_layers(self):
        rows = [row for row in self.ROWS if row['Layer'].startswith(('AlexNet', 'VGG16'))]
        imbalance = eie.imbalance(eie.read_eie_rows())
        ratios = [self.formula(row) * imbalance / float(row['Actual Time (us)']) for row in rows]
        layer = one(fc(weight_density=0.1, activation_density=0.3))
        for quantity in ('energy', 'latency'):
            low, high = layer[f'{quantity}_range']
            self.assertAlmostEqual(layer[quantity] / low, max(ratios))
            self.assertAlmostEqual(layer[quantity] / high, min(ratios))

    def test_dense_layers_take_38_times_as_long_as_by_macs(self):
        """328 us at 45 nm for 4096 x 4096 MACs, times 1.12, against the average of six layers."""
        dense = one(fc(weight_density=1, activation_density=1))
        actual = [float(row['Actual Time (us)']) for row in self.ROWS if row['Layer'][0] != 'N']
        macs = [
            int(row['Inputs']) * int(row['Outputs']) for row in self.ROWS if row['Layer'][0] != 'N'
        ]
        self.assertEqual(len(macs), 6)
        by_macs = sum(actual) / sum(macs) * 4096 * 4096
        factor = 4096 * 4096 / 64 / 800 * 1.1216 / by_macs
        self.assertEqual(round(factor, 1), 38.4)
        for quantity in ('energy', 'latency'):
            self.assertAlmostEqual(dense[quantity] / one(fc())[quantity], factor, places=2)
        self.assertEqual(notes.DENSE_FC_FACTOR, math.floor(factor))
        self.assertIn('up to 38 times longer', notes.PRUNING_NOTE)

    def test_without_densities_a_range_reaches_to_the_dense_layer(self):
        dense = one(fc(weight_density=1, activation_density=1))
        unknown = one(fc())
        by_macs = fodlam.estimate({'netfile': [fc()]}, per_layer=True, range=True)['layers'][0]
        self.assertEqual(unknown['latency'], by_macs['latency'])
        for quantity in ('energy', 'latency'):
            least, most = unknown[f'{quantity}_range']
            self.assertEqual(least, by_macs[f'{quantity}_range'][0])
            self.assertEqual(most, dense[f'{quantity}_range'][1])
            self.assertGreater(most, dense[quantity])
        report = fodlam.estimate(
            {'netfile': [fc()], 'scaling': 'shape', 'process_nm': 130}, range=True
        )
        self.assertAlmostEqual(report['total']['latency_range'][1] / most, 2)

    def test_products_of_feature_maps_are_left_out_of_ranges_too(self):
        matmul = {**fc(), 'name': 'qk', 'type': 'MatMul'}
        for keys in ({}, {'density': {'weights': 1, 'activations': 1}}):
            config = {'netfile': [fc(), matmul], 'scaling': 'shape', **keys}
            alone = fodlam.estimate({**config, 'netfile': [fc()]}, range=True)
            both = fodlam.estimate(config, range=True)
            self.assertEqual(both.pop('left_out'), {'layers': 1, 'macs': matmul['macs']})
            self.assertEqual(both, alone)

    def test_whose_densities(self):
        own = fc(weight_density=0.1, activation_density=0.3)
        other = {'weights': 0.5, 'activations': 0.5}
        self.assertEqual(one(own, density=other), one(own))
        self.assertEqual(one(fc(), density={'weights': 0.1, 'activations': 0.3}), one(own))
        self.assertEqual(one(fc())['source'], 'by MACs')
        self.assertEqual(one(own)['source'], 'by density')
        by_macs = fodlam.estimate({'netfile': [own]})
        self.assertEqual(by_macs, fodlam.estimate({'netfile': [fc()]}))

    def test_a_denser_layer_never_costs_less(self):
        times = [
            one(fc(weight_density=w / 20, activation_density=0.5))['latency'] for w in range(1, 21)
        ]
        self.assertEqual(times, sorted(times))

    def test_next_to_nothing_kept(self):
        """A run of 16 zeros takes an entry, so that of 10^-6 weights or less 1/16 is read."""
        least = 4096 * 4096 / 16 * 0.5 / 51.2e9 * 1.1216
        for weights in (1e-6, 1e-9, 0.99e-9, 1e-17, 5e-324):
            layer = one(fc(weight_density=weights, activation_density=0.5))
            self.assertAlmostEqual(layer['latency'] * 45 / 65 / least, 1, places=4)

    def test_lines(self):
        configs = [
            {
                'netfile': 'lenet.json',
                'scaling': 'shape',
                'density': {'weights': w, 'activations': 1},
            }
            for w in (0.1, 1, 0.1)
        ]
        out = run('--lines', stdin='\n'.join(map(json.dumps, configs)).encode()).out
        expected = [fodlam.estimate(config) for config in configs]
        self.assertEqual(list(map(json.loads, out.splitlines())), expected)
        self.assertNotEqual(expected[0], expected[1])


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

    def test_what_dram_would_add_to_eyeriss(self):
        """8 to 16% for AlexNet and 5 to 11% for VGG-16, at 160 to 320 pJ a byte; MB are 2^20."""
        for net, least, most in (('AlexNet', 8, 16), ('VGG16', 5, 11)):
            rows = csv.DictReader(read('data', fodlam.PUBLISHED[net]['eyeriss_file']).splitlines())
            total = list(rows)[-1]
            dram_bytes = float(total['DRAM Accesses (MB)']) * 2**20
            energy = float(total['Power (mW)']) * float(total['Total Latency (ms)']) * 1e-6
            added = [round(dram_bytes * pj * 1e-12 / energy * 100) for pj in (160, 320)]
            self.assertEqual(added, [least, most], net)


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
        import subprocess
        import sys

        out = subprocess.run([sys.executable, '-c', code], capture_output=True, cwd=path()).stdout
        self.assertEqual(out, b'False\n')

    def test_by_shape_and_ranges(self):
        config = {'netfile': 'lenet.json', 'scaling': 'shape', 'process_nm': 16}
        base = fodlam.estimate({**config, 'process_nm': 65, 'process_scaling': 'stillmaker'})
        scaled = fodlam.estimate({**config, 'process_scaling': 'stillmaker'}, range=True)
        ratio = scaled['total']['latency'] / base['total']['latency']
        self.assertAlmostEqual(ratio, fodlam.node_scale(65, 16, 'stillmaker')[1])


if __name__ == '__main__':
    unittest.main()
