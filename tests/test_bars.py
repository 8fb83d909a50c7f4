"""Pictures of costs as bars."""

import json
import re
import unittest

from drawings import SVG, drawn, labels, of_class, picture, points, texts, titled, written
from estimates import EYERISS_BOUNDS, PARTS, ROOFLINE_BOUNDS, estimate_of, made
from support import path, run

from fodlam import Cost
from fodlam.data import bars, svg, words


class Bars(unittest.TestCase):
    def test_proportional_and_told_apart_by_kind(self):
        layers = json.loads(run('--per-layer', path('config', 'alexnet.json')).out)['layers']
        rectangles = titled(picture({'net': 'AlexNet'}), 'rect')
        self.assertEqual(len(rectangles), 2 * 8)
        most = max(layer['latency'] for layer in layers)
        tallest = max(float(bar.get('height')) for bar in rectangles[8:])
        for bar, layer in zip(rectangles[8:], layers):
            self.assertEqual(bar.get('class'), layer['kind'])
            height = layer['latency'] / most * tallest
            self.assertAlmostEqual(float(bar.get('height')), height, delta=0.1)
            self.assertIn(layer['name'], bar.find(f'{SVG}title').text)

    def test_bounds_have_colours_in_the_latency(self):
        estimate = made(7, bounds=EYERISS_BOUNDS)
        root = drawn(estimate)
        classes = [bar.get('class') for bar in titled(root, 'rect')]
        self.assertEqual(classes[:7], [layer.kind for layer in estimate.make_layers()])
        self.assertEqual(classes[7:], [layer.bound for layer in estimate.make_layers()])
        for bound, cost in estimate.bounds.items():
            share = words.percent(cost.latency_s / estimate.sums['total'].latency_s)
            self.assertIn(f'{bound}-bound {share}', texts(root))

    def test_stacks_add_up(self):
        estimate = made(6, bounds=ROOFLINE_BOUNDS, parts=PARTS)
        root = drawn(estimate)
        rectangles = titled(root, 'rect')
        self.assertEqual([e.get('class') for e in rectangles], [*PARTS] * 6)
        tallest = sum(float(e.get('height')) for e in rectangles[-3:])
        layers = estimate.make_layers()
        for index, layer in enumerate(layers):
            stack = rectangles[3 * index : 3 * index + 3]
            height = sum(float(e.get('height')) for e in stack)
            share = layer.cost.energy_j / layers[-1].cost.energy_j
            self.assertAlmostEqual(height, share * tallest, delta=0.3)
            for lower, upper in zip(stack, stack[1:]):
                end = float(upper.get('y')) + float(upper.get('height'))
                self.assertAlmostEqual(end, float(lower.get('y')), delta=0.11)
        self.assertTrue({'MACs 50%', 'DRAM 33%', 'power 17%'} <= set(texts(root)))
        self.assertEqual(len(titled(root, 'circle')), 6)

    def test_one_part_is_no_stack(self):
        root = drawn(made(6, bounds=ROOFLINE_BOUNDS, parts=PARTS[2:]))
        self.assertEqual(titled(root, 'rect'), [])

    def test_whiskers_have_caps_and_are_explained(self):
        plain, ranged = drawn(made(5)), drawn(made(5, ranged=True))
        self.assertEqual(of_class(plain, 'polyline', 'whisker'), [])
        self.assertNotIn('least to most', texts(plain))
        self.assertIn('least to most', texts(ranged))
        legend, *whiskers = of_class(ranged, 'polyline', 'whisker')
        self.assertEqual(len(whiskers), 2 * 5)
        for whisker in (legend, *whiskers):
            a, b, top, bottom, c, d = points(whisker)
            self.assertEqual(a[0] + b[0], 2 * top[0])
            self.assertEqual((a[0], a[1], b[1], top[1]), (c[0], top[1], top[1], b[1]))
            self.assertEqual((c[1], d[1], top[0]), (bottom[1], bottom[1], bottom[0]))
            self.assertGreaterEqual(b[0] - a[0], 4)

    def test_whiskers_of_very_narrow_bars_are_thin(self):
        _, *whiskers = of_class(drawn(made(200, ranged=True)), 'polyline', 'whisker')
        self.assertEqual(len(whiskers), 2 * 200)
        for whisker in whiskers:
            self.assertEqual(whisker.get('class'), 'whisker thin')
            (x, top), (x2, bottom) = points(whisker)
            self.assertEqual(x, x2)
            self.assertLess(top, bottom)

    def test_values_where_there_is_room(self):
        for count, turn in ((5, None), (20, 'rotate(-90.0 '), (200, '')):
            values = labels(drawn(made(count)))
            self.assertEqual(len(values), 0 if turn == '' else 2 * count)
            for value in values if turn else ():
                self.assertTrue(value.get('transform').startswith(turn))

    def test_values_are_beside_whiskers(self):
        root = drawn(made(5, ranged=True))
        legend, *whiskers = of_class(root, 'polyline', 'whisker')
        values = labels(root)
        self.assertEqual(len(values), 2 * 5)
        for value, whisker in zip(values, whiskers):
            self.assertGreater(float(value.get('x')), points(whisker)[1][0])
        self.assertEqual(labels(drawn(made(40, ranged=True))), [])

    def test_layers_too_small_to_see_are_named_with_their_sum(self):
        root = picture({'net': 'VGG16'})
        self.assertIn('too small to see: FC6, FC7, FC8; in all 91.57 uJ', texts(root))
        self.assertIn('too small to see: FC6, FC7, FC8; in all 74.39 us', texts(root))
        estimate = made(3)
        self.assertFalse(any('too small' in text for text in texts(drawn(estimate))))
        first, _, last = estimate.make_layers()
        small = first.replaced(cost=Cost(1e-9, 1e-9))
        layers = [small.replaced(name=f'name-of-{i}') for i in range(50)]
        said = [text for text in texts(drawn(estimate_of([*layers, last]))) if 'too small' in text]
        first = texts(drawn(estimate_of([*layers, last]))).index(said[0])
        both = ' '.join(texts(drawn(estimate_of([*layers, last])))[first : first + 2])
        self.assertRegex(both, r': name-of-0, .*, 4\d more; in all 50.00 nJ$')

    def test_every_nth_layer_is_named(self):
        entries = [{'name': f'layer-{i}', 'type': 'Convolution', 'macs': i} for i in range(500)]
        root = written(entries)
        named = [text for text in texts(root) if re.fullmatch(r'layer-\d+', text)]
        self.assertTrue(15 < len(named) < 80)
        every = int(named[1].removeprefix('layer-'))
        self.assertEqual(named, [f'layer-{i}' for i in range(0, 500, every)])
        self.assertIn(f'1 layer in {every} named', texts(root))

    def test_ticks(self):
        for most, ticks in ((206.6, (50, 5)), (1, (0.2, 6)), (0.3, (0.1, 4)), (99, (20, 5))):
            step, count = bars.ticks_above(most)
            self.assertAlmostEqual(step, ticks[0])
            self.assertEqual(count, ticks[1])

    def test_a_picture_ends_below_the_names(self):
        """Level names at their baseline; turned ones 10 below the lower end of the longest."""
        shown = {0: 'a', 1: 'long name'}
        level = bars.Names(shown, turn=0, every=1)
        self.assertEqual(bars.draw_names(level, 100, slot=80)[1], 100 + 17)
        turned = bars.Names(shown, turn=30, every=1)
        drop = svg.text_width('long name', 14) / 2  # the sine of 30 degrees is a half
        self.assertAlmostEqual(bars.draw_names(turned, 100, slot=80)[1], 100 + 13 + drop + 10)

    def test_lines_on_small_layers_end_where_titles_do(self):
        """Whatever the length of names: a page is 480 wide, with margins of 8."""
        longest = 0
        for length in range(1, 21):
            bar = bars.Bar('i' * length, 1e-9, 1e-9, 1e-9, [])
            for line in bars.small_names([bar] * 50, 'energy'):
                longest = max(longest, svg.text_width(line, 14))
        self.assertTrue(455 < longest <= 464, longest)

    def test_a_bar_of_one_pixel_can_be_seen(self):
        panel = bars.Panel(
            svg.Box(0, 0, 100, 100), 10, 1, step=10, ticks=10, value_texts=[], value_style=None
        )
        for value, can_be_seen in ((1, True), (0.99, False)):
            bar = bars.Bar('a', value, value, value, [])
            self.assertEqual(panel.can_show(bar), can_be_seen, value)


if __name__ == '__main__':
    unittest.main()
