"""Names in pictures of rooflines: where they are put."""

import itertools
import math
import unittest
from unittest import mock

from drawings import (
    SVG,
    apart,
    corners,
    drawn,
    is_halo,
    labels,
    picture,
    points,
    rooflines,
    roofs,
    texts,
    titled,
)
from estimates import ROOFLINE_BOUNDS, estimate_of, made

from fodlam import Layer
from fodlam.data import roofline_labels, roofline_plot, svg


class Pictures(unittest.TestCase):
    """Labels in the pictures of random networks, those of the zoo, and all kinds of accelerators."""

    @classmethod
    def setUpClass(cls):
        cls.pictures = rooflines()

    def test_labels_are_apart_and_clear_of_roofs(self):
        found = 0
        for name, root in self.pictures:
            labelled = [(label.text, corners(label)) for label in labels(root)]
            for (text, box), (other, its_box) in itertools.combinations(labelled, 2):
                self.assertTrue(apart(box, its_box), (name, text, other))
            for text, box in labelled:
                for roof in roofs(root):
                    for part in zip(roof, roof[1:]):
                        self.assertTrue(apart(box, part), (name, text))
            found += len(labelled)
        self.assertGreater(found, 2 * len(self.pictures))

    def test_the_label_of_a_bandwidth_touches_no_dot(self):
        found = 0
        for name, root in self.pictures:
            for label in labels(root):
                if not label.text.startswith('bandwidth'):
                    continue
                start, end, below, _ = corners(label)
                for dot in titled(root, 'circle'):
                    middle = complex(float(dot.get('cx')), float(dot.get('cy')))
                    # As seen by who reads the label: how far it is aside of it, and above or below.
                    along = (complex(*end) - complex(*start)) / math.dist(start, end)
                    seen = (middle - complex(*start)) / along
                    width, height = math.dist(start, end), math.dist(end, below)
                    aside = max(-seen.real, 0, seen.real - width)
                    apart_by = math.hypot(aside, max(-seen.imag, 0, seen.imag - height))
                    self.assertGreater(apart_by, float(dot.get('r')) - 0.1, name)
                found += 1
        self.assertGreater(found, 10)

    def test_lines_lead_from_labels_to_dots(self):
        found = 0
        for name, root in self.pictures:
            dots = titled(root, 'circle')
            for line, after in zip(root, root[1:]):
                is_tick = line.tag == f'{SVG}polyline' and 'tick' in line.get('class', '').split()
                if not is_tick or not is_halo(after):
                    continue
                (x, y), end = points(line)
                gaps = []
                for dot in dots:
                    middle = float(dot.get('cx')), float(dot.get('cy'))
                    gaps.append(abs(math.dist((x, y), middle) - float(dot.get('r'))))
                self.assertLess(min(gaps), 0.5, name)
                found += 1
        self.assertGreater(found, len(self.pictures))

    def test_dots_on_one_spot_are_labelled_together(self):
        root = picture({'net': 'AlexNet', 'accelerator': 'nvdla-2048'})
        self.assertIn('fc6, fc7, fc8', texts(root))
        chip = {'macs': 4096, 'clock_mhz': 700, 'dram_gbps': 30}
        root = picture({'netfile': 'alexnet_deploy.json', 'accelerator': chip})
        names = {text.text for text in labels(root)}
        self.assertLessEqual({'fc6, fc7, fc8', 'conv1', 'conv2', 'conv3, conv4, conv5'}, names)
        layer = made(6, bounds=ROOFLINE_BOUNDS).make_layers()[2]
        estimate = estimate_of([layer.replaced(name=f'same-{i}') for i in range(6)])
        named = [text for text in texts(drawn(estimate)) if 'same' in text]
        self.assertEqual(named, ['same-0 and 5 more'])


def spot_of(*names):
    """Return a spot of the Dots of layers with these names."""
    return [
        roofline_plot.Dot(Layer({'name': name, 'macs': 1}, 'conv', '', 1, None), 200, 50, 5, 0.1)
        for name in names
    ]


class Spots(unittest.TestCase):
    def test_dots_up_to_3_pixels_apart_are_one_spot(self):
        (first,) = spot_of('a')
        for across, up, is_same in (
            (3, -3, True), (-3, 3, True), (3.1, 0, False), (0, 3.1, False), (-3.1, 0, False),
        ):  # fmt: skip
            dot = first._replace(x=first.x + across, y=first.y + up)
            self.assertEqual(roofline_labels.is_same_spot(dot, first), is_same, (across, up))


class Places(unittest.TestCase):
    def test_are_all_around_the_dot(self):
        """Right, left, lower right, below, above, upper left, upper right, lower left."""
        labels = mock.Mock(dots=[])
        (dot,) = spot_of('conv1')
        roofline_labels.label_spot(labels, [dot], ['conv1'], may_cover_dots=False)
        boxes = labels.put.call_args.args[2]
        sides = []
        for box in boxes:
            across = 'right' if box.left > dot.x else 'left' if box.right < dot.x else 'middle'
            up = 'below' if box.top > dot.y else 'above' if box.bottom < dot.y else 'level'
            sides.append((across, up))
            if across == 'middle':
                self.assertAlmostEqual(box.left + box.width / 2, dot.x)
        self.assertEqual(
            sides,
            [
                ('right', 'level'), ('left', 'level'), ('right', 'below'), ('middle', 'below'),
                ('middle', 'above'), ('left', 'above'), ('right', 'above'), ('left', 'below'),
            ],
        )  # fmt: skip


class Names(unittest.TestCase):
    """What the layers of a spot may be called, the best first."""

    def test_up_to_four_layers_are_all_named(self):
        for count, first in ((1, 'a0'), (2, 'a0, a1'), (4, 'a0, a1, a2, a3'), (5, 'a0 and 4 more')):
            (names,) = roofline_labels.names_of_spots([spot_of(*(f'a{i}' for i in range(count)))])
            self.assertEqual(names[0], first)

    def test_their_names_take_160_pixels_together(self):
        fits = 'x' * 8  # of 8.9 px each, with 6 and 7 px for a comma and a blank
        while svg.text_width(f'{fits}x, b', svg.TEXT_SIZE) <= 160:
            fits += 'x'
        self.assertGreater(len(fits), 8)
        ((best, *_),) = roofline_labels.names_of_spots([spot_of(fits, 'b')])
        self.assertEqual(best, f'{fits}, b')
        ((best, *_),) = roofline_labels.names_of_spots([spot_of(f'{fits}x', 'b')])
        self.assertEqual(best, f'{fits}x and 1 more')

    def test_widths_that_are_tried(self):
        """Long names are for rooflines of up to 6 spots; the end of a name is always there."""
        for count, limits in ((6, (360, 200, 150)), (7, (200, 150))):
            spots = [spot_of(f'{"long-name/" * 10}{index}') for index in range(count)]
            for index, names in enumerate(roofline_labels.names_of_spots(spots)):
                self.assertEqual(len(names), len(limits))
                for name, limit in zip(names, limits):
                    width = svg.text_width(name, svg.TEXT_SIZE)
                    self.assertTrue(limit - 20 < width <= limit, (name, width))
                    self.assertTrue(name.endswith(str(index)))

    def test_a_name_has_100_pixels_whatever_is_behind_it(self):
        spot = spot_of('long-name/' * 10, *map(str, range(10_000)))
        for shown in roofline_labels.names_of_spots([spot])[0][1:]:
            name, _, others = shown.partition(' and ')
            self.assertEqual(others, '10000 more')
            self.assertGreater(svg.text_width(name, svg.TEXT_SIZE), 80)
        self.assertLessEqual(svg.text_width(name, svg.TEXT_SIZE), 100)


class Ridges(unittest.TestCase):
    """The label of a ridge, beside the line down from it."""

    BOX = svg.Box(60, 10, 460, 210)
    ROOF = roofline_plot.Roof('peak', 1e12, 1e10, 'axis')  # 100 MACs per byte

    def put(self, min_intensity, max_intensity, *taken):
        """Return the label's Box; None if it has no place. taken: Boxes that others have."""
        axes = roofline_plot.Axes(self.BOX, min_intensity, max_intensity, 1e9, 1e13)
        places = roofline_labels.Labels(axes, [self.ROOF], [])
        places.taken += taken
        roofline_labels.label_ridge(places, self.ROOF)
        put = places.taken[len(taken) :]
        return put[0] if put else None

    def test_is_right_of_the_line(self):
        box = self.put(1, 10_000)  # the line is in the middle, at 260
        self.assertEqual(box.left, 264)
        self.assertEqual(box.bottom, 202)

    def test_is_left_of_it_where_the_right_is_taken(self):
        box = self.put(1, 10_000, svg.Box(261, 10, 460, 210))
        self.assertEqual(box.right, 256)

    def test_is_left_of_it_at_the_right_edge(self):
        x = 60 + 400 * 2 / 2.1
        box = self.put(1, 10**2.1)
        self.assertAlmostEqual(box.right, x - 4)

    def test_never_leaves_the_axes_at_the_left_edge(self):
        """There, the only place is on the right; it is left out if that is taken."""
        right = svg.Box(101, 10, 460, 210)  # of the line, which is at 100
        self.assertAlmostEqual(self.put(10**1.5, 10**6.5).left, 104)
        self.assertIsNone(self.put(10**1.5, 10**6.5, right))


if __name__ == '__main__':
    unittest.main()
