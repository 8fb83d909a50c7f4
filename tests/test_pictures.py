"""--format svg: the pictures in the README, and what must hold of every one."""

import json
import os
import re
import tempfile
import time
import unittest
import xml.etree.ElementTree as ET

from support import path, read, run

SVG = '{http://www.w3.org/2000/svg}'
ODD_NAME = '<script>alert("1")</script>&\x00\ud800\n'


def picture(config, *flags):
    """Return the root element of a config's picture; it must be well-formed XML."""
    result = run('--format', 'svg', *flags, stdin=json.dumps(config).encode())
    if result.status:
        raise AssertionError(result.err)
    return ET.fromstring(result.out)


def written(entries, **config):
    """Return the picture of a net file of these entries."""
    with tempfile.TemporaryDirectory() as folder:
        with open(path(folder, 'net.json'), 'w', encoding='utf-8') as file:
            json.dump(entries, file)
        return picture({'netfile': path(folder, 'net.json'), **config})


class Pictures(unittest.TestCase):
    CONFIGS = [json.loads(read('config', name)) for name in sorted(os.listdir(path('config')))]

    def test_goldens(self):
        names = [name for name in os.listdir(path('tests', 'golden')) if name.endswith('.svg')]
        self.assertEqual(sorted(names), ['resnet50-nvdla.svg', 'vgg16.svg'])
        for name in names:
            config = path('config', name.replace('.svg', '.json'))
            self.assertEqual(run('--format', 'svg', config), (0, read('tests', 'golden', name), ''))
            self.assertTrue(f'(tests/golden/{name})' in read('README.md'), name)

    def test_self_contained(self):
        for config in self.CONFIGS:
            root = picture(config)
            self.assertEqual(root.get('viewBox'), '0 0 800 500')
            allowed = {'title', 'style', 'rect', 'text', 'polyline', 'circle', 'svg'}
            for element in root.iter():
                self.assertIn(element.tag.removeprefix(SVG), allowed)
                self.assertFalse(re.search('href|^on', ' '.join(element.keys())))
            self.assertNotRegex(root.find(f'{SVG}style').text, 'url|import')

    def test_everything_is_inside(self):
        for config in self.CONFIGS:
            for element in picture(config).iter():
                for key, limit in (('x', 800), ('cx', 800), ('y', 500), ('cy', 500)):
                    self.assertTrue(0 <= float(element.get(key, 0)) <= limit)
                for point in element.get('points', '0,0').split():
                    x, y = map(float, point.split(','))
                    self.assertTrue(0 <= x <= 800 and 0 <= y <= 500)

    def test_bars_are_proportional_and_tell_kinds_apart(self):
        layers = json.loads(run('--per-layer', path('config', 'alexnet.json')).out)['layers']
        bars = [
            e
            for e in picture({'net': 'AlexNet'}).iter(f'{SVG}rect')
            if e.find(f'{SVG}title') is not None
        ]
        self.assertEqual(len(bars), 2 * 8)
        most = max(layer['latency'] for layer in layers)
        tallest = max(float(bar.get('height')) for bar in bars[8:])
        for bar, layer in zip(bars[8:], layers):
            self.assertEqual(bar.get('class'), layer['kind'])
            height = layer['latency'] / most * tallest
            self.assertAlmostEqual(float(bar.get('height')), height, delta=0.1)
            self.assertIn(layer['name'], bar.find(f'{SVG}title').text)

    def test_dots_are_sized_by_time_and_coloured_by_bound(self):
        config = {'netfile': 'resnet50.json', 'accelerator': 'nvdla-2048'}
        root = picture(config)
        dots = [e for e in root.iter(f'{SVG}circle') if e.find(f'{SVG}title') is not None]
        report = json.loads(run('--per-layer', stdin=json.dumps(config).encode()).out)
        layers = sorted(report['layers'], key=lambda layer: -layer['latency'])
        self.assertEqual(len(dots), 54)
        for dot, layer in zip(dots, layers):
            self.assertEqual(dot.get('class'), layer['bound'])
            self.assertTrue(dot.find(f'{SVG}title').text.startswith(layer['name'] + ': '))
            area = (float(dot.get('r')) - 3) ** 2 / 400
            self.assertAlmostEqual(area, layer['latency'] / report['total']['latency'], delta=0.002)

    def test_labels_do_not_overlap(self):
        root = picture({'netfile': 'googlenet.json', 'accelerator': 'nvdla-512'})
        labels = [e for e in root.iter(f'{SVG}text') if e.get('class') == 'label']
        self.assertGreater(len(labels), 5)
        boxes = [(float(e.get('x')), float(e.get('y')), 6.2 * len(e.text)) for e in labels]
        for i, (x, y, width) in enumerate(boxes):
            for x2, y2, width2 in boxes[:i]:
                apart = abs(y - y2) >= 11.9 or x + width <= x2 + 0.1 or x2 + width2 <= x + 0.1
                self.assertTrue(apart, (labels[i].text,))

    def test_odd_names_are_escaped(self):
        entry = {
            'name': ODD_NAME, 'type': 'Convolution', 'macs': 64, 'ifmap': [1, 8, 8],
            'ofmap': [1, 8, 8], 'kernel': [1, 1],
        }  # fmt: skip
        for config in ({}, {'accelerator': 'nvdla-32'}):
            root = written([entry], **config)
            self.assertTrue(any('<script>' in (e.text or '') for e in root.iter()))

    def test_few_and_many_layers(self):
        self.assertIsNotNone(picture({'net': 'VGG16', 'layers': []}))
        self.assertIsNotNone(picture({'net': 'VGG16', 'layers': [], 'accelerator': 'nvdla-32'}))
        entries = [{'name': f'layer-{i}', 'type': 'Convolution', 'macs': i} for i in range(500)]
        labels = [e for e in written(entries).iter(f'{SVG}text') if 'layer-' in (e.text or '')]
        self.assertTrue(20 < len(labels) < 80)

    def test_very_many_layers_take_no_longer_than_reading_them(self):
        shape = {'macs': 64, 'ifmap': [1, 8, 8], 'ofmap': [1, 8, 8], 'kernel': [1, 1]}
        entries = [{'name': f'l{i}', 'type': 'Convolution', **shape} for i in range(20_000)]
        start = time.process_time()
        root = written(entries, accelerator='nvdla-32')
        self.assertLess(time.process_time() - start, 20)  # held against all others: minutes
        labels = [e for e in root.iter(f'{SVG}text') if e.get('class') == 'label']
        self.assertTrue(1 <= len(labels) <= 100)

    def test_ranges_are_lines_on_the_bars(self):
        plain, ranged = (picture({'netfile': 'lenet.json'}, *flags) for flags in ([], ['--range']))
        lines = [len(list(root.iter(f'{SVG}polyline'))) for root in (plain, ranged)]
        self.assertGreaterEqual(lines[1] - lines[0], 4)

    def test_only_for_configs(self):
        for flags in (['--diagnose'], ['--validate'], ['--lines']):
            result = run('--format', 'svg', *flags)
            self.assertEqual((result.status, result.out), (2, ''))


if __name__ == '__main__':
    unittest.main()
