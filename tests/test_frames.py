"""How many frames a number is for."""

import json
import unittest

from results import layers_of
from support import GROUPS, NETFILES, fodlam, path, run

# Averages by MACs of Tables V and VI together, batched over one frame.
SCALED_FRAMES = 3.0197


def scaled(net, **options):
    """Return the report on a network of the papers as though nobody had measured it."""
    return fodlam.estimate({'netfile': NETFILES[net]}, **options)


class Frames(unittest.TestCase):
    def test_of_each_layer(self):
        for config, conv in (
            ({'net': 'AlexNet'}, 4),
            ({'net': 'VGG16'}, 3),
            ({'netfile': 'resnet50.json'}, SCALED_FRAMES),
            ({'netfile': 'resnet50.json', 'scaling': 'shape'}, 1),
            ({'netfile': 'resnet50.json', 'accelerator': 'nvdla-64'}, 1),
        ):
            for layer in layers_of(config):
                expected = conv if layer['kind'] == 'conv' else 1
                self.assertAlmostEqual(layer['frames'], expected, delta=0.00005)
            self.assertEqual({layer['frames'] for layer in layers_of(config, per_frame=True)}, {1})

    def test_of_a_scaled_layer_is_the_ratio_of_its_latencies(self):
        for batched, framed in zip(
            layers_of({'netfile': 'lenet.json'}),
            layers_of({'netfile': 'lenet.json'}, per_frame=True),
        ):
            self.assertAlmostEqual(batched['latency'] / framed['latency'], batched['frames'])

    def test_a_config_has_the_last_word(self):
        framed = fodlam.estimate({'net': 'VGG16'}, per_frame=True)
        batched = fodlam.estimate({'net': 'VGG16'})
        for flag in (False, True):
            for key, expected in ((True, framed), (False, batched)):
                config = {'net': 'VGG16', 'per_frame': key}
                self.assertEqual(fodlam.estimate(config, per_frame=flag), expected)
        stdin = b'{"net": "VGG16"}\n{"net": "VGG16", "per_frame": true}\n'
        results = list(map(json.loads, run('--lines', stdin=stdin).out.splitlines()))
        self.assertEqual(results, [batched, framed])

    def test_changes_nothing_by_shape(self):
        config = {'netfile': 'lenet.json', 'scaling': 'shape'}
        expected = fodlam.estimate(config, per_layer=True)
        for value in (True, False):
            self.assertEqual(
                fodlam.estimate({**config, 'per_frame': value}, per_layer=True), expected
            )


class InReports(unittest.TestCase):
    """What "frames" says."""

    def test_of_a_diagnosis(self):
        """Of batches, as of networks costed by the averages; the original's output lacks them."""
        frames = fodlam.diagnose()['frames']
        self.assertEqual(frames['fc'], 1)
        self.assertAlmostEqual(frames['conv'], SCALED_FRAMES, places=4)
        self.assertEqual(fodlam.diagnose(per_frame=True)['frames'], {'conv': 1, 'fc': 1})
        self.assertNotIn('frames', json.loads(run('--diagnose').out))
        for flags in (['--per-frame'], ['--format', 'json']):
            self.assertIn('frames', json.loads(run('--diagnose', *flags).out))

    def test_of_each_group(self):
        for config, conv in (
            ({'net': 'AlexNet'}, 4),
            ({'net': 'VGG16'}, 3),
            ({'net': 'VGG16', 'process_nm': 28}, 3),
            ({'net': 'VGG16', 'layers': ['FC6']}, 1),
            ({'net': 'VGG16', 'layers': ['CONV1-1']}, 3),
            ({'net': 'VGG16', 'per_frame': True}, 1),
            ({'netfile': 'resnet50.json'}, SCALED_FRAMES),
            ({'netfile': 'resnet50.json', 'per_frame': True}, 1),
            ({'netfile': 'resnet50.json', 'scaling': 'shape'}, 1),
            ({'netfile': 'resnet50.json', 'accelerator': 'nvdla-64'}, 1),
            ({'netfile': 'resnet50.json', 'accelerator': 'edge-tpu'}, 1),
            ({'netfile': [{'name': 'a', 'type': 'Convolution', 'macs': 9}]}, SCALED_FRAMES),
            ({'netfile': [{'name': 'a', 'type': 'InnerProduct', 'macs': 9}]}, 1),
        ):
            for report in (fodlam.estimate(config), *fodlam.sweep([config])):
                frames = report['frames']
                self.assertEqual(list(frames), ['conv', 'fc'])
                self.assertAlmostEqual(frames['conv'], conv, delta=0.00005)
                self.assertEqual(repr(frames['fc']), '1')
                if conv == 1:
                    self.assertEqual(repr(frames['conv']), '1')  # and not 1.0
            line = run('--lines', stdin=json.dumps(config).encode()).out
            self.assertEqual(json.loads(line)['frames'], frames)

    def test_are_those_of_its_layers(self):
        for config in ({'net': 'AlexNet'}, {'netfile': 'resnet50.json'}):
            report = fodlam.estimate(config, per_layer=True)
            for layer in report['layers']:
                self.assertEqual(report['frames'][layer['kind']], layer['frames'])

    def test_a_frame_costs_the_sum_over_the_frames(self):
        for net in ('AlexNet', 'VGG16'):
            batched, framed = fodlam.estimate({'net': net}), fodlam.estimate({'net': net}, True)
            for group, frames in batched['frames'].items():
                self.assertAlmostEqual(
                    batched[group]['latency'] / frames / framed[group]['latency'], 1
                )

    def test_not_in_the_default_report(self):
        for config in (b'{"net": "VGG16"}', b'{"netfile": "lenet.json", "layers": ["conv1"]}'):
            self.assertEqual(list(json.loads(run(stdin=config).out)), list(GROUPS))
        self.assertEqual(list(json.loads(run(path('config', 'vgg16.json')).out)), list(GROUPS))

    def test_with_any_flag_or_key(self):
        plain = b'{"net": "VGG16"}'
        for argv, stdin in (
            (['--per-frame'], plain),
            (['--per-layer'], plain),
            (['--range'], plain),
            (['--lines'], plain),
            (['--format', 'json'], plain),
            (['--per-frame', path('config', 'vgg16.json')], b''),
            ([], b'{"net": "VGG16", "per_frame": true}'),
            ([], b'{"net": "VGG16", "process_nm": 28}'),
            ([], b'{"net": "VGG16", "title": "A title"}'),
            ([], b'{"netfile": "lenet.json", "scaling": "mac"}'),
            ([], b'{"netfile": "lenet.json", "accelerator": "nvdla-32"}'),
        ):
            self.assertIn('frames', json.loads(run(*argv, stdin=stdin).out), (argv, stdin))

    def test_a_kind_that_costs_nothing(self):
        """Between lines of a sweep that share a network, or its kinds."""
        configs = [{'net': 'VGG16', 'layers': layers} for layers in (['FC6'], ['CONV1-1'], ['FC6'])]
        configs.append({'net': 'AlexNet'})
        stdin = '\n'.join(map(json.dumps, configs)).encode()
        results = [json.loads(line) for line in run('--lines', stdin=stdin).out.splitlines()]
        self.assertEqual([result['frames']['conv'] for result in results], [1, 3, 1, 4])


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


if __name__ == '__main__':
    unittest.main()
