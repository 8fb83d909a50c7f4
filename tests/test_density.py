"""Conv layers on Eyeriss by the density of their inputs."""

import csv
import unittest

from results import shaped
from support import NETFILES, fodlam, read, run_lines


def flat(text):
    """Return a text with one blank for each gap or end of a line."""
    return ' '.join(text.split())


CONV = {
    'name': 'c', 'type': 'Convolution', 'macs': 64 * 14 * 14 * 512 * 9, 'ifmap': [512, 14, 14],
    'ofmap': [64, 14, 14], 'kernel': [3, 3],
}  # fmt: skip
FC = {'name': 'f', 'type': 'InnerProduct', 'macs': 4096 * 4096}


class Densities(unittest.TestCase):
    """Conv layers whose inputs have a known share of zeros: ../shared/facts/eyeriss-energy.md."""

    LENET = {'netfile': 'lenet.json', 'scaling': 'shape', 'density': {'conv_activations': 0.5}}

    def layer(self, entry=CONV, **keys):
        config = {'netfile': [entry], 'scaling': 'shape', **keys}
        return fodlam.estimate(config, per_layer=True, range=True)['layers'][0]

    def test_energy_is_that_of_two_parts(self):
        layer = self.layer({**CONV, 'activation_density': 0.25})
        self.assertEqual(layer['source'], 'by shape and density')
        self.assertEqual(list(layer['energy_by']), ['clock', 'mac'])
        self.assertAlmostEqual(layer['energy_by']['clock'] / (0.2039 * layer['latency']), 1)
        self.assertAlmostEqual(layer['energy_by']['mac'] / (8.46e-12 * CONV['macs'] / 4), 1)
        self.assertAlmostEqual(sum(layer['energy_by'].values()) / layer['energy'], 1)
        without = self.layer()
        self.assertEqual(without['source'], 'by shape')
        self.assertNotIn('energy_by', without)
        self.assertAlmostEqual(without['energy'] / (0.245 * without['latency']), 1)
        for key in ('latency', 'latency_range', 'bound', 'macs', 'frames'):
            self.assertEqual(layer[key], without[key])

    def test_whose_density(self):
        own = {**CONV, 'activation_density': 0.25}
        by_config = self.layer(density={'conv_activations': 0.25})
        self.assertEqual(by_config, self.layer(own))
        self.assertEqual(self.layer(own, density={'conv_activations': 0.9}), self.layer(own))
        # What a config says of fc layers is not for conv layers, and the other way round.
        fc_density = {'weights': 0.1, 'activations': 0.3}
        self.assertEqual(self.layer(density=fc_density), self.layer())
        self.assertEqual(self.layer(FC, density={'conv_activations': 0.3}), self.layer(FC))
        both = {**fc_density, 'conv_activations': 0.25}
        self.assertEqual(self.layer(density=both), by_config)
        self.assertEqual(self.layer(FC, density=both), self.layer(FC, density=fc_density))
        by_macs = fodlam.estimate({'netfile': [own]})
        self.assertEqual(by_macs, fodlam.estimate({'netfile': [CONV]}))

    def test_wrong(self):
        for share in (0, -0.1, 1.01, True, '0.5', None, [0.5]):
            with self.assertRaisesRegex(
                fodlam.InputError,
                r'layer \'c\': "activation_density" is .*; expected a number above 0 and up to 1',
            ):
                self.layer({**CONV, 'activation_density': share})

    def test_more_zeros_never_cost_more(self):
        energies = [
            self.layer({**CONV, 'activation_density': share / 20})['energy']
            for share in range(1, 21)
        ]
        self.assertEqual(energies, sorted(energies))
        self.assertLess(energies[0], energies[-1])

    def test_range_is_that_of_the_18_layers(self):
        """Each with the zeros of its table, at its modelled time."""
        ratios = []
        for net, netfile in NETFILES.items():
            table = csv.DictReader(read('data', fodlam.PUBLISHED[net]['eyeriss_file']).splitlines())
            modelled = shaped(netfile)['layers']
            published = fodlam.estimate({'net': net}, per_frame=True, per_layer=True)['layers']
            for row, layer, measured in zip(table, modelled, published):
                if layer['kind'] == 'conv':
                    busy = layer['macs'] * (1 - float(row['Zeros in Ifmaps'].rstrip('%')) / 100)
                    energy = 0.2039 * layer['latency'] + 8.46e-12 * busy
                    ratios.append(energy / measured['energy'])
        self.assertEqual(len(ratios), 18)
        self.assertEqual((round(min(ratios), 3), round(max(ratios), 3)), (0.912, 1.328))
        for kernel, most in (([3, 3], max(ratios)), ([1, 1], 117 / 79)):
            macs = 64 * 14 * 14 * 512 * kernel[0] * kernel[1]
            layer = self.layer({**CONV, 'kernel': kernel, 'macs': macs, 'activation_density': 0.5})
            low, high = layer['energy_range']
            self.assertAlmostEqual(layer['energy'] / low, most)
            self.assertAlmostEqual(layer['energy'] / high, min(ratios))

    def test_sums_and_process_nodes(self):
        """Of a network with fc layers, whose parts nobody knows, and at another node."""
        for keys, factor in (({}, 1), ({'process_nm': 130}, 8)):
            report = fodlam.estimate({**self.LENET, **keys}, per_layer=True)
            conv = [layer for layer in report['layers'] if layer['kind'] == 'conv']
            self.assertEqual(len(conv), 2)
            for part, total in report['energy_by'].items():
                added = sum(layer['energy_by'][part] for layer in conv)
                self.assertAlmostEqual(added / total, 1)
            self.assertAlmostEqual(sum(report['energy_by'].values()) / report['conv']['energy'], 1)
            macs = sum(layer['macs'] for layer in conv)
            self.assertAlmostEqual(report['energy_by']['mac'] / (8.46e-12 * macs / 2 * factor), 1)
        self.assertNotIn('energy_by', fodlam.estimate({**self.LENET, 'layers': ['ip1']}))

    def test_tables_csv_and_pictures(self):
        table = fodlam.table(self.LENET)
        self.assertIn('lenet by shape and density (fc by MACs) on Eyeriss and EIE', table)
        self.assertRegex(table, r'\nconv2 .* clock ')
        self.assertRegex(table, r'\nenergy: \d+% clock, \d+% mac, 1% of layers whose parts are')
        self.assertIn('conv by shape and density is off by +5% and +12% in latency', flat(table))
        self.assertIn('(+11% and +9% in energy)', flat(table))
        rows = {row['layer']: row for row in csv.DictReader(fodlam.csv(self.LENET).splitlines())}
        by = fodlam.estimate(self.LENET)['energy_by']
        for name in ('conv', 'total'):
            for part, energy in by.items():
                self.assertAlmostEqual(float(rows[name][f'energy_{part}']) / energy, 1)
        for name in ('ip1', 'fc'):
            self.assertEqual((rows[name]['energy_clock'], rows[name]['energy_mac']), ('', ''))
        picture = fodlam.svg(self.LENET)
        self.assertRegex(picture, r'conv1: [^<]+ for clock<')
        self.assertRegex(picture, r'>clock \d+%<')
        self.assertIn('.power, .clock {', picture)

    def test_lines(self):
        configs = [{**self.LENET, 'density': {'conv_activations': x}} for x in (0.1, 1, 0.1)]
        expected = [fodlam.estimate(config) for config in configs]
        self.assertEqual(run_lines(configs), expected)
        self.assertNotEqual(expected[0], expected[1])


if __name__ == '__main__':
    unittest.main()
