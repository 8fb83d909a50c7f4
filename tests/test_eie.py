"""Fc layers on EIE by their densities."""

import csv
import math
import unittest

from support import NETFILES, fodlam, read, run_lines

from fodlam.data import eie, notes


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

    def test_products_of_feature_maps_have_no_density(self):
        """Also where they say one themselves, beside an fc layer that has its own."""
        own = {'weight_density': 0.1, 'activation_density': 0.3}
        config = {'netfile': [fc(**own), {**fc(**own), 'name': 'qk', 'type': 'MatMul'}]}
        report = fodlam.estimate({**config, 'scaling': 'shape'}, per_layer=True)
        sources = {layer['name']: layer['source'] for layer in report['layers']}
        self.assertEqual(sources, {'fc': 'by density'})
        self.assertEqual(report['left_out'], {'layers': 1, 'macs': 4096 * 4096})

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
        expected = [fodlam.estimate(config) for config in configs]
        self.assertEqual(run_lines(configs), expected)
        self.assertNotEqual(expected[0], expected[1])


if __name__ == '__main__':
    unittest.main()
