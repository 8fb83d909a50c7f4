"""Pictures of networks on accelerators: axes, roofs and dots."""

import json
import math
import unittest
from unittest import mock

from drawings import SVG, drawn, of_class, picture, points, roofs, texts, titled, written
from estimates import ACCELERATOR, ROOFLINE_BOUNDS, changed, made
from support import count_calls, run

from fodlam.data import roofline_labels, roofline_plot, words


class Rooflines(unittest.TestCase):
    def test_ends_of_axes_are_round(self):
        """Also next to a power of ten, where its logarithm is rounded across it."""
        for exponent in range(-30, 60):
            for power in (10.0**exponent, float(f'1e{exponent}')):
                for number in (math.nextafter(power, 0), power, math.nextafter(power, math.inf)):
                    low = roofline_plot.round_number(number, up=False)
                    high = roofline_plot.round_number(number, up=True)
                    self.assertTrue(low <= number <= high < 2.6 * low, (number, low, high))

    def test_dots_are_sized_by_time_and_coloured_by_bound(self):
        config = {'netfile': 'resnet50.json', 'accelerator': 'nvdla-2048'}
        root = picture(config)
        dots = titled(root, 'circle')
        report = json.loads(run('--per-layer', stdin=json.dumps(config).encode()).out)
        layers = sorted(report['layers'], key=lambda layer: -layer['latency'])
        self.assertEqual(len(dots), 54)
        for dot, layer in zip(dots, layers):
            self.assertEqual(dot.get('class'), layer['bound'])
            self.assertTrue(dot.find(f'{SVG}title').text.startswith(layer['name'] + ': '))
            share = layer['latency'] / report['total']['latency']
            self.assertAlmostEqual(float(dot.get('r')), max(3, 30 * share**0.5), delta=0.051)
        for size, share in zip(of_class(root, 'circle', 'size'), (0.01, 0.05, 0.1)):
            self.assertAlmostEqual(float(size.get('r')), 30 * share**0.5, delta=0.051)
            self.assertIn(f'{share:.0%}', texts(root))

    def test_what_is_labelled(self):
        accelerator = ACCELERATOR._replace(winograd_gain=2.25, efficiency=0.3)
        estimate = changed(made(5, bounds=ROOFLINE_BOUNDS), accelerator=accelerator)
        root = drawn(estimate)
        for text in (
            'peak: 1.000 TMAC/s',
            'with Winograd: 2.250 TMAC/s',
            'efficiency 0.3: 300.0 GMAC/s',
            'with Winograd, efficiency 0.3: 675.0 GMAC/s',
            'bandwidth: 10.00 GB/s',
            'ridge: 100',
            'ridge: 225',
        ):
            self.assertIn(text, texts(root))
        samples = [e for e in of_class(root, 'polyline', 'axis') if len(points(e)) == 2]
        self.assertEqual(len({e.get('class') for e in samples}), 4)
        self.assertEqual(len(samples), len(roofs(root)))
        for bound, cost in estimate.bounds.items():
            share = words.percent(cost.latency_s / estimate.sums['total'].latency_s)
            time_s = words.engineering(cost.latency_s, 's')
            self.assertIn(f'{bound}-bound: {time_s}, {share}', texts(root))

    def test_minor_ticks(self):
        ticks = roofline_plot.ticks_between(1, 100)
        self.assertEqual([tick.number for tick in ticks], [*range(1, 10), *range(10, 100, 10), 100])
        self.assertEqual([tick.number for tick in ticks if tick.has_number], [1, 10, 100])
        long_axis = roofline_plot.ticks_between(1e-30, 1e60)
        self.assertLessEqual(sum(tick.has_number for tick in long_axis), 11)

    def test_very_many_layers_take_little_longer_than_many(self):
        """Labels look out for so many dots at the most. For all, twice the calls are made."""
        self.assertEqual(roofline_labels.MAX_SPOTS, 100)
        few, many = made(60, bounds=ROOFLINE_BOUNDS), made(240, bounds=ROOFLINE_BOUNDS)
        with mock.patch.object(roofline_labels, 'MAX_SPOTS', 50):
            ratio = count_calls(lambda: drawn(many)) / count_calls(lambda: drawn(few))
            named = [text for text in texts(drawn(many)) if text.startswith('layer-')]
        self.assertLess(ratio, 1.5)
        self.assertTrue(1 <= len(named) <= 50)

    def test_layers_on_one_spot_take_time_in_proportion(self):
        shape = {'macs': 64, 'ifmap': [1, 8, 8], 'ofmap': [1, 8, 8], 'kernel': [1, 1]}

        def draw(count):
            entries = [{'name': f'l{i}', 'type': 'Convolution', **shape} for i in range(count)]
            return written(entries, accelerator='nvdla-32')

        ratio = count_calls(lambda: draw(400)) / count_calls(lambda: draw(100))
        self.assertLess(ratio, 6)
        self.assertIn('l0 and 399 more', texts(draw(400)))


if __name__ == '__main__':
    unittest.main()
