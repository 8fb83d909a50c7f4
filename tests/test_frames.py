"""How many frames a number is for, what bounds a network, and sweeps from Python."""

import io
import json
import math
import pathlib
import unittest
from unittest import mock

from support import GROUPS, Terminal, fodlam, path, run

from fodlam.data import eyeriss
from fodlam.data.notes import DIAGNOSE_NOTE, PRUNING_NOTE

# Averages by MACs of Tables V and VI together, batched over one frame.
SCALED_FRAMES = 3.0197


def layers(config, **options):
    return fodlam.estimate(config, per_layer=True, **options)['layers']


class Frames(unittest.TestCase):
    def test_of_each_layer(self):
        for config, conv in (
            ({'net': 'AlexNet'}, 4),
            ({'net': 'VGG16'}, 3),
            ({'netfile': 'resnet50.json'}, SCALED_FRAMES),
            ({'netfile': 'resnet50.json', 'scaling': 'shape'}, 1),
            ({'netfile': 'resnet50.json', 'accelerator': 'nvdla-64'}, 1),
        ):
            for layer in layers(config):
                expected = conv if layer['kind'] == 'conv' else 1
                self.assertAlmostEqual(layer['frames'], expected, delta=0.00005)
            self.assertEqual({layer['frames'] for layer in layers(config, per_frame=True)}, {1})

    def test_of_a_scaled_layer_is_the_ratio_of_its_latencies(self):
        for batched, framed in zip(
            layers({'netfile': 'lenet.json'}), layers({'netfile': 'lenet.json'}, per_frame=True)
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


class Notes(unittest.TestCase):
    """The line on stderr where conv and fc costs are for different numbers of frames."""

    VGG16 = b'{"net": "VGG16"}'
    BATCH = "conv: Eyeriss's batch of 3 frames; fc: 1 frame; --per-frame for one"

    def said(self, argv, stdin, out=False, err=False):
        """Return what is said on stderr; out, err: whether stdout and stderr are terminals."""
        streams = []
        for is_terminal in (out, err):
            stream = Terminal if is_terminal else io.TextIOWrapper
            streams.append(stream(io.BytesIO(), encoding='utf-8'))
        stdin_stream = io.TextIOWrapper(io.BytesIO(stdin))
        self.assertEqual(fodlam.main(argv, stdin_stream, *streams), 0)
        printed, said = (stream.buffer.getvalue().decode() for stream in streams)
        self.assertEqual(printed, run(*argv, stdin=stdin).out)  # whoever reads it
        return said.replace(f'fodlam: {PRUNING_NOTE}\n', '')  # which tests/test_formats.py holds

    def test_of_json(self):
        for argv, stdin, said in (
            ([], self.VGG16, self.BATCH),
            (['--per-layer'], self.VGG16, self.BATCH),
            (['--format', 'json', '--range'], self.VGG16, self.BATCH),
            ([], b'{"net": "VGG16", "layers": ["CONV1-1"]}', self.BATCH),
            ([], b'{"netfile": "lenet.json"}', self.BATCH.replace('3', '3.02')),
            ([], b'{"netfile": "lenet.json", "process_nm": 28}', self.BATCH.replace('3', '3.02')),
            (['--format', 'csv'], self.VGG16, self.BATCH),
            (['--format', 'svg'], self.VGG16, self.BATCH),
            (['--diagnose'], b'', DIAGNOSE_NOTE),
            (['--diagnose', '--format', 'csv'], b'', DIAGNOSE_NOTE),
        ):
            for out, err in ((True, False), (False, True), (True, True)):
                self.assertEqual(self.said(argv, stdin, out, err), f'fodlam: {said}\n')
            self.assertEqual(self.said(argv, stdin), '')

    def test_names_the_flag(self):
        self.assertIn('--per-frame', self.BATCH)
        self.assertIn('--per-frame', DIAGNOSE_NOTE)

    def test_none_if_one_chose_or_all_is_for_one_frame(self):
        for argv, stdin in (
            (['--per-frame'], self.VGG16),
            (['--per-frame'], b'{"netfile": "lenet.json"}'),
            (['--per-frame'], b'{"net": "VGG16", "per_frame": false}'),
            ([], b'{"net": "VGG16", "per_frame": false}'),
            ([], b'{"net": "VGG16", "per_frame": true}'),
            ([], b'{"net": "VGG16", "layers": ["FC6"]}'),
            ([], b'{"netfile": "lenet.json", "scaling": "shape"}'),
            ([], b'{"netfile": "lenet.json", "accelerator": "nvdla-32"}'),
            (['--diagnose', '--per-frame'], b''),
            (['--lines', '--per-frame'], self.VGG16),
            (['--lines'], b'{"net": "VGG16", "per_frame": false}'),
        ):
            self.assertEqual(self.said(argv, stdin, True, True), '', (argv, stdin))

    def test_not_twice_on_one_screen(self):
        """A table has the note in itself; elsewhere, it may be cut, as by grep."""
        for argv, stdin, note in (
            (['--format', 'table'], self.VGG16, self.BATCH),
            (['--diagnose', '--format', 'table'], b'', DIAGNOSE_NOTE),
        ):
            self.assertIn(note, run(*argv, stdin=stdin).out)
            self.assertEqual(self.said(argv, stdin, out=True), '')
            self.assertEqual(self.said(argv, stdin, out=True, err=True), '')
            self.assertEqual(self.said(argv, stdin, err=True), f'fodlam: {note}\n')

    def test_once_in_a_sweep(self):
        sweep = b'{"net": "VGG16", "per_frame": true}\n' + self.VGG16 + b'\n{"net": "AlexNet"}\n'
        for out, err in ((True, False), (False, True), (True, True)):
            said = self.said(['--lines'], sweep, out, err)
            self.assertEqual(said, f'fodlam: line 2: {self.BATCH}\n')
        self.assertEqual(self.said(['--lines'], sweep), '')

    def test_after_the_report(self):
        """So that it is not scrolled away."""
        stream = Terminal(io.BytesIO(), encoding='utf-8', write_through=True)
        fodlam.main([], io.TextIOWrapper(io.BytesIO(self.VGG16)), stream, stream)
        self.assertRegex(
            stream.buffer.getvalue().decode(), r'(?s)\A\{.*\}\nfodlam: conv: .*one\n\Z'
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


class Bounds(unittest.TestCase):
    CONFIGS = (
        {'netfile': 'resnet50.json', 'scaling': 'shape'},
        {'netfile': 'resnet50.json', 'scaling': 'shape', 'process_nm': 130},
        {'net': 'VGG16', 'accelerator': 'nvdla-64'},
        {'netfile': 'googlenet.json', 'accelerator': 'edge-tpu', 'layers': ['conv1/7x7_s2']},
        {'netfile': 'lenet.json', 'accelerator': {'macs': 9, 'clock_mhz': 1, 'dram_gbps': 1}},
    )

    def test_are_the_sums_of_layers(self):
        for config in self.CONFIGS:
            report = fodlam.estimate(config, per_layer=True)
            found = {layer['bound'] for layer in report['layers'] if 'bound' in layer}
            self.assertEqual(set(report['bounds']), found)
            for bound, sums in report['bounds'].items():
                for quantity, total in sums.items():
                    each = [x[quantity] for x in report['layers'] if x.get('bound') == bound]
                    if total is None:
                        self.assertEqual(set(each), {None})
                    else:
                        self.assertAlmostEqual(math.fsum(each) / total, 1)
            line = run('--lines', stdin=json.dumps(config).encode()).out
            self.assertEqual(json.loads(line)['bounds'], report['bounds'])

    def test_only_where_layers_have_one(self):
        for config in ({'net': 'VGG16'}, {'netfile': 'lenet.json'}):
            self.assertEqual(list(fodlam.estimate(config)), [*GROUPS, 'frames'])

    def test_half_of_resnet50_is_bound_by_the_link(self):
        """../shared/facts/eyeriss-shape.md; 49% before rows that nothing touches stayed away."""
        found = layers(self.CONFIGS[0])
        link = [layer for layer in found if layer.get('bound') == 'link']
        self.assertAlmostEqual(len(link) / 53, 0.5, delta=0.1)

    def latency_and_bound(self, entry):
        cost, bound = eyeriss.eyeriss_cost(entry)
        return cost.latency_s, bound

    def test_rows_that_no_kernel_touches(self):
        """1 x 1 kernels with stride 2 touch every other row of 8: 4; whole rows are read."""
        shape = {'ifmap': [64, 8, 8], 'ofmap': [64, 4, 4], 'kernel': [1, 1], 'stride': [2, 2]}
        entry = {'name': 'c', 'type': 'Convolution', 'macs': 64 * 64 * 16, **shape}
        halved = {**entry, 'ifmap': [64, 4, 8], 'stride': [1, 2]}
        self.assertEqual(self.latency_and_bound(entry), self.latency_and_bound(halved))
        touched = {**entry, 'kernel': [3, 3], 'macs': entry['macs'] * 9}
        halved = {**touched, 'ifmap': [64, 4, 8]}
        self.assertGreater(self.latency_and_bound(touched), self.latency_and_bound(halved))

    def test_depthwise_layers_have_a_wider_range(self):
        shape = {'ifmap': [8, 8, 8], 'ofmap': [8, 6, 6], 'kernel': [3, 3]}
        entry = {'name': 'a', 'type': 'Convolution', 'macs': 8 * 36 * 9, 'groups': 8, **shape}
        dense = {**entry, 'name': 'b', 'groups': 1, 'macs': 8 * 8 * 36 * 9}
        one, other = layers({'netfile': [entry, dense], 'scaling': 'shape'}, range=True)
        for quantity in ('energy', 'latency'):
            ratios = [x[quantity] / x[f'{quantity}_range'][0] for x in (one, other)]
            self.assertAlmostEqual(ratios[0], 117 / 79)
            self.assertLess(ratios[1], 117 / 79)


class FromPython(unittest.TestCase):
    def test_sweep(self):
        configs = [{'net': 'VGG16'}, {'net': 'VGG19'}, {'netfile': 'lenet.json'}, None]
        first, wrong, third, none = fodlam.sweep(configs, per_frame=True, range=True)
        self.assertEqual(first, fodlam.estimate(configs[0], per_frame=True, range=True))
        self.assertEqual(third, fodlam.estimate(configs[2], per_frame=True, range=True))
        self.assertIn('VGG19', wrong['error'])
        self.assertIn('expected an object', none['error'])

    def test_sweep_is_lazy(self):
        def endless():
            while True:
                yield {'net': 'AlexNet'}

        self.assertEqual(next(fodlam.sweep(endless())), fodlam.estimate({'net': 'AlexNet'}))

    def test_a_path_or_entries_as_net_file(self):
        expected = fodlam.estimate({'netfile': 'lenet.json'})
        with open(path('nets', 'lenet.json'), encoding='utf-8') as file:
            entries = json.load(file)
        for netfile in (pathlib.Path(path('nets', 'lenet.json')), entries):
            self.assertEqual(fodlam.estimate({'netfile': netfile}), expected)
        piped = json.dumps({'netfile': entries, 'accelerator': 'nvdla-64'}).encode()
        result = json.loads(run(stdin=piped).out)
        config = {'netfile': 'lenet.json', 'accelerator': 'nvdla-64'}
        self.assertEqual(result, fodlam.estimate(config))
        for form in ('csv', 'table', 'svg'):
            self.assertEqual(run('--format', form, stdin=piped).status, 0)

    def test_entries_are_as_long_as_the_config_that_has_them(self):
        """Not as JSON in ASCII would be, with blanks."""
        entry = {'name': 'é' * 2500, 'type': 'InnerProduct', 'macs': 1}
        config = json.dumps({'netfile': [entry]}, ensure_ascii=False, separators=(',', ':'))
        with (
            mock.patch('fodlam.MAX_INPUT_BYTES', 6000),
            mock.patch('fodlam.data.sweeps.MAX_INPUT_BYTES', 6000),
        ):
            for flags in ([], ['--lines']):
                self.assertEqual(run(*flags, stdin=config.encode()).status, 0)

    def test_entries_that_json_cannot_hold(self):
        entry = {'name': 'a', 'type': 'Convolution', 'macs': {1}}
        with self.assertRaisesRegex(fodlam.InputError, r'"netfile": a set, \{1\}; expected a list'):
            fodlam.estimate({'netfile': [entry]})
        entries = []
        entries.append(entries)
        self.assertRaises(fodlam.InputError, fodlam.estimate, {'netfile': entries})


class LeftOut(unittest.TestCase):
    """Products of two feature maps: ../shared/facts/devices.md, "Products of two feature maps"."""

    PRODUCT = {
        'name': 'qk', 'type': 'MatMul', 'macs': 12 * 128 * 64 * 128, 'ifmap': [768, 128, 1],
        'ofmap': [1536, 128, 1], 'kernel': [1, 1], 'groups': 12,
    }  # fmt: skip
    FC = {'name': 'fc', 'type': 'InnerProduct', 'macs': 100}

    def test_on_eyeriss_and_eie(self):
        config = {'netfile': [self.FC, self.PRODUCT]}
        report = fodlam.estimate(config, per_layer=True)
        self.assertEqual(report['left_out'], {'layers': 1, 'macs': 12582912})
        self.assertEqual([layer['name'] for layer in report['layers']], ['fc'])
        without = fodlam.estimate({'netfile': [self.FC]})
        self.assertEqual({key: report[key] for key in without}, without)
        line = run('--lines', stdin=json.dumps(config).encode()).out
        self.assertEqual(json.loads(line)['left_out'], report['left_out'])
        table = run('--format', 'table', stdin=json.dumps(config).encode()).out
        self.assertRegex(table, '(?i)left out')

    def test_one_without_macs_is_left_out_too(self):
        config = {'netfile': [self.FC, {**self.PRODUCT, 'macs': 0}]}
        self.assertEqual(fodlam.estimate(config)['left_out'], {'layers': 1, 'macs': 0})

    def test_naming_one_is_an_error_that_says_why(self):
        config = {'netfile': [self.FC, self.PRODUCT], 'layers': ['qk']}
        with self.assertRaisesRegex(fodlam.InputError, 'nothing published says.*MatMul.*qk'):
            fodlam.estimate(config)

    def test_on_an_accelerator_its_second_operand_is_features(self):
        """Two bytes a feature and one a weight, a batch of 16: it is read once a frame."""
        chip = {
            'macs': 1024,
            'clock_mhz': 1000,
            'dram_gbps': 10,
            'feature_bytes': 2,
            'fc_batch': 16,
        }
        config = {'netfile': [self.PRODUCT], 'accelerator': chip}
        report = fodlam.estimate(config, per_layer=True)
        self.assertNotIn('left_out', report)
        first, second, product = 128 * 64, 64 * 128, 128 * 128
        self.assertEqual(report['layers'][0]['dram_bytes'], 2 * 12 * (first + second + product))

    def test_bert(self):
        """BERT base, 128 tokens, on nvdla-2048: products take 2.7% of the MACs and 9% of the time."""
        entries = []
        for block in range(12):
            sizes = [(768, 768)] * 4 + [(768, 3072), (3072, 768)]
            for index, (inputs, outputs) in enumerate(sizes):
                shape = {'ifmap': [inputs, 128, 1], 'ofmap': [outputs, 128, 1], 'kernel': [1, 1]}
                macs = 128 * inputs * outputs
                name = f'fc{block}-{index}'
                entries.append({'name': name, 'type': 'InnerProduct', 'macs': macs, **shape})
            swapped = {'ifmap': [1536, 128, 1], 'ofmap': [768, 128, 1]}
            entries.append({**self.PRODUCT, 'name': f'qk{block}'})
            entries.append({**self.PRODUCT, 'name': f'av{block}', **swapped})
        config = {'netfile': entries, 'accelerator': 'nvdla-2048'}
        found = layers(config)
        products = [x for x in found if x['name'][:2] in ('qk', 'av')]
        macs, time = (
            math.fsum(x[key] for x in products)
            / math.fsum(x[key] for x in found if x not in products)
            for key in ('macs', 'latency')
        )
        self.assertAlmostEqual(macs / (1 + macs), 0.027, delta=0.002)
        self.assertAlmostEqual(time, 0.09, delta=0.01)


if __name__ == '__main__':
    unittest.main()
