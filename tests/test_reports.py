"""What estimate and diagnose report: frames, ranges, process nodes, layers, errors."""

import json
import math
import tempfile
import unittest

from support import GROUPS, NETFILES, fodlam, path, run

from fodlam.data import process


def scaled(net, **options):
    """Return the report on a network of the papers as though nobody had measured it."""
    return fodlam.estimate({'netfile': NETFILES[net]}, **options)


class PerFrame(unittest.TestCase):
    """Eyeriss's batches, JSSC 2017, Tables V and VI: 34.7 frame/s for AlexNet, 0.7 for VGG-16."""

    def test_frame_rates(self):
        for net, rate in (('AlexNet', 34.7), ('VGG16', 0.7)):
            report = fodlam.estimate({'net': net}, per_frame=True)
            self.assertEqual(round(1 / report['conv']['latency'], 1), rate)

    def test_only_conv_is_divided_by_the_batch(self):
        for net, batch in (('AlexNet', 4), ('VGG16', 3)):
            batched, framed = (
                fodlam.estimate({'net': net}),
                fodlam.estimate({'net': net}, per_frame=True),
            )
            for quantity in ('energy', 'latency'):
                self.assertAlmostEqual(batched['conv'][quantity] / framed['conv'][quantity], batch)
                self.assertEqual(batched['fc'], framed['fc'])

    def test_vgg16_per_frame(self):
        conv = fodlam.estimate({'net': 'VGG16'}, per_frame=True)['conv']
        self.assertAlmostEqual(conv['latency'], 1.4365, delta=0.0001)
        self.assertAlmostEqual(conv['energy'], 0.33875, delta=0.00001)

    def test_diagnose(self):
        batched, framed = fodlam.diagnose(), fodlam.diagnose(per_frame=True)
        for net, batch in (('AlexNet', 4), ('VGG16', 3)):
            for layer, latency in framed['per_layer']['latency'][net].items():
                frames = batch if layer.startswith('CONV') else 1
                self.assertAlmostEqual(
                    batched['per_layer']['latency'][net][layer] / latency, frames
                )
        # AlexNet's conv layers: 28.83 ms a frame over its 665,784,864 MACs, 43.3 ps a MAC.
        macs = {x.name: x.macs for x in fodlam.published_layers('AlexNet', per_frame=True)}
        time = sum(
            latency * macs[layer]
            for layer, latency in framed['per_layer']['latency']['AlexNet'].items()
            if layer.startswith('CONV')
        )
        self.assertAlmostEqual(time, 28.83e-3, delta=0.01e-3)

    def test_scaled_layers(self):
        average = fodlam.diagnose(per_frame=True)['average']['latency']['conv']
        conv = scaled('VGG16', per_frame=True)['conv']['latency']
        self.assertAlmostEqual(conv / (average * 15346630656), 1)

    def test_example_config_files_are_there(self):
        self.assertEqual(run(path('config', 'alexnet.json'), '--per-frame').status, 0)


class Ranges(unittest.TestCase):
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


class PerLayer(unittest.TestCase):
    def test_layers_in_the_order_of_the_config(self):
        config = {'net': 'VGG16', 'layers': ['fc7', 'CONV1-1', 'FC7']}
        report = json.loads(run('--per-layer', stdin=json.dumps(config).encode()).out)
        fc7, conv1_1 = report['layers'][:2]
        source = 'published, scaled from 45 nm'
        expected = {'name': 'FC7', 'kind': 'fc', 'macs': 16777216, 'source': source}
        self.assertEqual(expected, {key: fc7[key] for key in expected})
        self.assertAlmostEqual(fc7['latency'] / (8.7e-6 * 65 / 45), 1)
        expected = {
            'name': 'CONV1-1',
            'kind': 'conv',
            'macs': 86704128,
            'energy': 0.247 * 0.0762,
            'latency': 0.0762,
            'source': 'published',
            'frames': 3,
            'buffer_bytes': 112.6 * 2**20,
            'dram_bytes': 15.4 * 2**20,
        }
        self.assertEqual(conv1_1, expected)
        self.assertEqual(report['layers'][2], report['layers'][0])

    def test_bytes_of_published_layers(self):
        """JSSC 2017, Tables V and VI: of all conv layers; a megabyte is 2^20 bytes."""
        for net, frames, megabytes in (
            ('AlexNet', 4, {'buffer_bytes': 208.5, 'dram_bytes': 15.4}),
            ('vgg-16', 3, {'buffer_bytes': 11035.8, 'dram_bytes': 321.1}),
        ):
            for per_frame in (False, True):
                report = fodlam.estimate({'net': net}, per_frame=per_frame, per_layer=True)
                conv = [layer for layer in report['layers'] if layer['kind'] == 'conv']
                for key, of_batch in megabytes.items():
                    added = math.fsum(layer[key] for layer in conv) / 2**20
                    expected = of_batch / (frames if per_frame else 1)
                    # Each row, and the total, is off by up to half of its last digit.
                    self.assertAlmostEqual(added, expected, delta=0.05 * (len(conv) + 1))
                for layer in report['layers']:
                    if layer['kind'] == 'fc':
                        self.assertNotIn('dram_bytes', layer)

    def test_bytes_are_the_same_at_any_node_and_with_ranges(self):
        config = {'net': 'AlexNet', 'layers': ['CONV2', 'FC6', 'conv2']}
        moved = {'buffer_bytes': 77.6 * 2**20, 'dram_bytes': 4.0 * 2**20}
        for keys in ({}, {'process_nm': 28}, {'process_nm': 28, 'title': 'x'}):
            for ranged in (False, True):
                report = fodlam.estimate({**config, **keys}, per_layer=True, range=ranged)
                for layer, expected in zip(report['layers'], (moved, {}, moved), strict=True):
                    found = {key: layer[key] for key in layer if 'bytes' in key}
                    self.assertEqual(found, expected)

    def test_only_published_layers_have_published_bytes(self):
        for keys in ({}, {'scaling': 'shape'}):
            config = {'netfile': 'alexnet_deploy.json', **keys}
            for layer in fodlam.estimate(config, per_layer=True)['layers']:
                self.assertNotIn('dram_bytes', layer)
        config = {'net': 'AlexNet', 'accelerator': 'nvdla-32'}
        conv1 = fodlam.estimate(config, per_layer=True)['layers'][0]
        self.assertNotIn('buffer_bytes', conv1)
        self.assertNotEqual(conv1['dram_bytes'], 5.0 * 2**20)

    def test_scaled_layers(self):
        report = fodlam.estimate({'netfile': 'lenet.json'}, per_layer=True)
        self.assertEqual([x['name'] for x in report['layers']], ['conv1', 'conv2', 'ip1', 'ip2'])
        self.assertEqual({x['source'] for x in report['layers']}, {'by MACs'})
        self.assertEqual(
            list(report['layers'][0]),
            ['name', 'kind', 'macs', 'energy', 'latency', 'source', 'frames'],
        )

    def test_published_at_the_node_of_the_chip_alone(self):
        """Eyeriss is a 65 nm chip, EIE a 45 nm one."""
        for keys, conv, fc in (
            ({}, 'published', 'published, scaled from 45 nm'),
            ({'process_nm': 65}, 'published', 'published, scaled from 45 nm'),
            ({'process_nm': 45}, 'published, scaled from 65 nm', 'published'),
            ({'process_nm': 28}, 'published, scaled from 65 nm', 'published, scaled from 45 nm'),
            ({'process_scaling': 'stillmaker'}, 'published', 'published, scaled from 45 nm'),
            (
                {'process_nm': 45, 'process_scaling': 'stillmaker'},
                'published, scaled from 65 nm',
                'published',
            ),
        ):
            config = {'net': 'AlexNet', 'layers': ['CONV1', 'FC6'], **keys}
            layers = fodlam.estimate(config, per_layer=True)['layers']
            self.assertEqual([layer['source'] for layer in layers], [conv, fc], keys)
            as_published = math.isclose(layers[1]['latency'], 30.3e-6)  # ISCA 2016, Table IV
            self.assertEqual(as_published, fc == 'published', keys)
            as_published = math.isclose(layers[0]['latency'], 20.9e-3)  # JSSC 2017, Table V
            self.assertEqual(as_published, conv == 'published', keys)

    def test_a_node_does_not_make_other_sources_published(self):
        config = {'netfile': 'lenet.json', 'scaling': 'shape', 'process_nm': 45}
        layers = fodlam.estimate(config, per_layer=True)['layers']
        sources = ['by shape', 'by shape', 'by MACs', 'by MACs']
        self.assertEqual([layer['source'] for layer in layers], sources)

    def test_the_sums_are_the_same_with_and_without(self):
        for config in ({'net': 'VGG16', 'process_nm': 28}, {'netfile': 'lenet.json'}):
            report = fodlam.estimate(config, per_layer=True, range=True, per_frame=True)
            for group, sums in fodlam.estimate(config, per_frame=True).items():
                self.assertEqual({key: report[group][key] for key in sums}, sums)


if __name__ == '__main__':
    unittest.main()
