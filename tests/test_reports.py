"""--per-layer: what a report says of each layer."""

import json
import math
import unittest

from support import fodlam, run


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
