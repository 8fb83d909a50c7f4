"""Eyeriss from a layer's shape: against Tables V and VI, and in reports."""

import csv
import json
import statistics
import tempfile
import unittest

import definitions
from support import NETFILES, extract, fodlam, path, read, run

from fodlam.data.words import engineering


def flat(text):
    """Return a text with one blank for each gap or end of a line."""
    return ' '.join(text.split())


def shaped(netfile, **options):
    return fodlam.estimate({'netfile': netfile, 'scaling': 'shape'}, per_layer=True, **options)


class Tables(unittest.TestCase):
    """JSSC 2017, Tables V and VI; what the model makes of them: ../shared/facts/eyeriss-shape.md."""

    def ratios(self, quantity):
        """Return {net: [modelled over published of each conv layer]}, per frame."""
        result = {}
        for net, netfile in NETFILES.items():
            published = fodlam.estimate({'net': net}, per_frame=True, per_layer=True)['layers']
            modelled = shaped(netfile)['layers']
            result[net] = [
                m[quantity] / p[quantity]
                for m, p in zip(modelled, published)
                if m['kind'] == 'conv'
            ]
        return result

    def test_table_v(self):
        conv = shaped('alexnet_deploy.json')['conv']
        self.assertAlmostEqual(conv['latency'] / (115.3e-3 / 4) - 1, 0.052, delta=0.0005)
        self.assertAlmostEqual(conv['energy'] / (0.278 * 115.3e-3 / 4) - 1, -0.074, delta=0.0015)

    def test_table_vi(self):
        conv = shaped('VGG_ILSVRC_16_layers_deploy.json')['conv']
        self.assertAlmostEqual(conv['latency'] / (4309.5e-3 / 3) - 1, -0.006, delta=0.0005)
        self.assertAlmostEqual(conv['energy'] / (0.236 * 4309.5e-3 / 3) - 1, 0.033, delta=0.0015)

    def test_each_layer(self):
        ratios = self.ratios('latency')
        self.assertTrue(all(0.88 < ratio < 1.12 for ratio in ratios['VGG16']))
        self.assertTrue(all(0.87 < ratio < 1.28 for ratio in ratios['AlexNet']))
        both = ratios['AlexNet'] + ratios['VGG16']
        self.assertEqual((round(min(both), 3), round(max(both), 3), len(both)), (0.878, 1.272, 18))
        self.assertAlmostEqual(
            statistics.mean(abs(ratio - 1) for ratio in both), 0.075, delta=0.0005
        )

    def test_bounds_are_the_papers(self):
        """VGG-16's CONV1 to CONV4 wait for the buffer, CONV5 and AlexNet compute.

        But CONV1-1 waits longest for the link: its 64 ofmaps take 13.4 ms of the 26.85 ms.
        """
        for layer in shaped('VGG_ILSVRC_16_layers_deploy.json')['layers']:
            if layer['kind'] == 'conv':
                bound = 'compute' if layer['name'].startswith('conv5') else 'buffer'
                bound = 'link' if layer['name'] == 'conv1_1' else bound
                self.assertEqual(layer['bound'], bound, layer['name'])
        bounds = {
            x.get('bound') for x in shaped('alexnet_deploy.json')['layers'] if x['kind'] == 'conv'
        }
        self.assertEqual(bounds, {'compute'})

    def test_range_is_that_of_the_ratios(self):
        net = fodlam.read_net('googlenet.json').values()
        kernels = {entry['name']: entry.get('kernel') for entry in net}
        self.assertIn([7, 7], kernels.values())
        for quantity in ('energy', 'latency'):
            both = sum(self.ratios(quantity).values(), [])
            for layer in shaped('googlenet.json', range=True)['layers']:
                if layer['kind'] == 'conv':
                    low, high = layer[f'{quantity}_range']
                    # 1 x 1 and 7 x 7 kernels no paper measured: MobileNet widens the low end.
                    known = kernels[layer['name']] in ([3, 3], [5, 5], [11, 11])
                    most = max(both) if known else max(*both, 117 / 79)
                    self.assertAlmostEqual(layer[quantity] / low, most)
                    self.assertAlmostEqual(layer[quantity] / high, min(both))


# A depthwise layer with a dilation of 8 and no padding: 64 - 8 * (3 - 1) = 48 pixels a side.
DILATED = {
    'name': 'c', 'type': 'Convolution', 'macs': 256 * 48 * 48 * 9, 'ifmap': [256, 64, 64],
    'ofmap': [256, 48, 48], 'kernel': [3, 3], 'groups': 256, 'dilation': [8, 8],
}  # fmt: skip


class Dilation(unittest.TestCase):
    """A dilated kernel touches rows that lie apart."""

    def latency(self, **changes):
        return shaped([{**DILATED, **changes}])['layers'][0]['latency']

    def test_all_rows_are_brought(self):
        buffer_s = DILATED['macs'] * 4 / 9 / 3e9  # one channel a group: q is 1
        link_s = 2 * (256 * 64 * 64 + 256 * 48 * 48) / 0.48e9
        self.assertAlmostEqual(self.latency(), buffer_s + link_s, places=12)
        self.assertEqual(round(self.latency() * 1e3, 2), 7.61)

    def test_rows(self):
        """With 48 rows of places and no dilation, 50 rows are touched; what is apart is not."""
        ofmap = [256, 48, 48]
        for kernel, stride, dilation, rows in (
            ([3, 3], [1, 1], [1, 1], 50),
            ([3, 3], [1, 1], [8, 1], 47 + 2 * 8 + 1),
            ([3, 3], [1, 1], [1, 8], 50),  # columns do not matter: whole rows are brought
            ([3, 3], [2, 2], [8, 8], 48 + 2 * 4),  # every other row
            ([3, 3], [3, 3], [8, 8], 3 * 48),  # 8 is no multiple of 3: no row is touched twice
            ([3, 3], [1, 1], [100, 1], 3 * 48),  # three stripes
            ([1, 3], [1, 1], [8, 8], 48),  # a kernel of one row has nothing to space out
        ):
            with self.subTest(kernel=kernel, stride=stride, dilation=dilation):
                shape = {'kernel': kernel, 'stride': stride, 'dilation': dilation}
                shape['macs'] = 256 * 48 * 48 * kernel[0] * kernel[1]
                ifmap = [256, 47 * stride[0] + dilation[0] * (kernel[0] - 1) + 1, 64]
                one = self.latency(**shape, ifmap=ifmap, ofmap=ofmap)
                buffer_s = 256 * 48 * 48 * 4 / 3e9
                link_s = 2 * (256 * rows * 64 + 256 * 48 * 48) / 0.48e9
                self.assertAlmostEqual(one, buffer_s + link_s, places=12)

    def test_a_net_file_from_before_it_had_dilations(self):
        """With ofmaps as small as here, the kernel must be dilated."""
        entry = {key: value for key, value in DILATED.items() if key != 'dilation'}
        self.assertEqual(shaped([entry])['layers'][0]['latency'], self.latency())

    def test_from_a_definition(self):
        text = 'input: "data" input_shape { dim: 1 dim: 256 dim: 64 dim: 64 }'
        more = 'dilation: 8 group: 256'
        text += definitions.layer('c', 'Convolution', definitions.convolution(256, 3, more=more),
                                  'data')  # fmt: skip
        entry = json.loads(extract('n.prototxt', text).out)[1]
        self.assertEqual(entry, {**DILATED, 'stride': [1, 1]})

    def test_wrong(self):
        for dilation in (8, [8], [0, 1], ['8', 8], [8.0, 8]):
            with self.assertRaisesRegex(fodlam.InputError, '"dilation" is .*expected 2 whole numb'):
                self.latency(dilation=dilation)


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
        out = run('--lines', stdin='\n'.join(map(json.dumps, configs)).encode()).out
        expected = [fodlam.estimate(config) for config in configs]
        self.assertEqual(list(map(json.loads, out.splitlines())), expected)
        self.assertNotEqual(expected[0], expected[1])


class Reports(unittest.TestCase):
    def test_per_frame_throughout(self):
        for flag in (False, True):
            report = fodlam.estimate(
                {'netfile': 'resnet50.json', 'scaling': 'shape'}, per_frame=flag
            )
            self.assertEqual(
                report, fodlam.estimate({'netfile': 'resnet50.json', 'scaling': 'shape'})
            )
        by_macs = fodlam.estimate({'netfile': 'resnet50.json'})
        self.assertEqual(report['fc'], by_macs['fc'])

    def test_mac_is_the_default(self):
        for netfile in ('googlenet.json', 'alexnet_deploy.json'):
            expected = fodlam.estimate({'netfile': netfile})
            self.assertEqual(fodlam.estimate({'netfile': netfile, 'scaling': 'mac'}), expected)

    def test_layers(self):
        layers = shaped('lenet.json')['layers']
        sources = ['by shape', 'by shape', 'by MACs', 'by MACs']
        self.assertEqual([x['source'] for x in layers], sources)
        self.assertEqual([x.get('bound') for x in layers[2:]], [None, None])
        self.assertEqual(list(layers[0])[-2:], ['frames', 'bound'])

    def test_process_node(self):
        config = {'netfile': 'resnet50.json', 'scaling': 'shape'}
        one, two = (fodlam.estimate({**config, 'process_nm': node}) for node in (65, 130))
        self.assertEqual(one, fodlam.estimate(config))
        self.assertAlmostEqual(two['total']['latency'] / one['total']['latency'], 2)
        self.assertAlmostEqual(two['total']['energy'] / one['total']['energy'], 8)

    def test_table(self):
        config = path('config', 'googlenet-shape.json')
        for flags in ([], ['--range']):
            out = run('--format', 'table', *flags, config).out
            self.assertLessEqual(max(map(len, out.splitlines())), 80)
            self.assertRegex(out, r'\nbuffer-bound .*\ncompute-bound ')
        layers = shaped('googlenet.json')['layers']
        time = sum(x['latency'] for x in layers if x.get('bound') == 'buffer')
        self.assertRegex(out, rf'buffer-bound .*{engineering(time, "s")}')

    def test_csv(self):
        out = run('--format', 'csv', path('config', 'resnet50-shape.json')).out
        read_back = list(csv.DictReader(out.splitlines()))
        self.assertEqual({row['bound'] for row in read_back}, {'compute', 'buffer', 'link', ''})

    def test_lines(self):
        configs = [{'netfile': 'lenet.json', 'scaling': x} for x in ('mac', 'shape', 'mac')]
        out = run('--lines', stdin='\n'.join(map(json.dumps, configs)).encode()).out
        self.assertEqual(
            list(map(json.loads, out.splitlines())), list(map(fodlam.estimate, configs))
        )

    def test_mobilenet(self):
        """Where it is weak: 79 frame/s, by average 225; the Eyeriss v2 paper implies about 117."""
        with tempfile.TemporaryDirectory() as folder:
            netfile = path(folder, 'mobilenet.json')
            with open(netfile, 'w', encoding='utf-8') as file:
                file.write(extract('mobilenet.prototxt', definitions.mobilenet()).out)
            by_macs = fodlam.estimate({'netfile': netfile}, per_frame=True)
            self.assertEqual(round(1 / shaped(netfile)['conv']['latency']), 79)
            self.assertEqual(round(1 / by_macs['conv']['latency']), 225)


if __name__ == '__main__':
    unittest.main()
