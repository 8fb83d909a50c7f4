"""--format svg: what holds of every picture, themes, titles and notes."""

import itertools
import re
import unittest

from drawings import (
    ODD_NAME,
    SVG,
    all_pictures,
    apart,
    corners,
    drawn,
    height_of,
    is_halo,
    of_class,
    picture,
    points,
    text_elements,
    texts,
    titled,
    written,
)
from estimates import LEFT_OUT, NOTES, ROOFLINE_BOUNDS, made, with_config
from support import run

from fodlam.data import pictures


class Every(unittest.TestCase):
    """What holds of every picture."""

    @classmethod
    def setUpClass(cls):
        cls.pictures = all_pictures()

    def test_self_contained(self):
        for name, root in self.pictures:
            height = root.get('height')
            self.assertEqual(root.get('viewBox'), f'0 0 480 {height}')
            self.assertEqual(root.get('width'), '480')
            allowed = {'title', 'style', 'rect', 'text', 'polyline', 'circle', 'svg'}
            for element in root.iter():
                self.assertIn(element.tag.removeprefix(SVG), allowed, name)
                self.assertFalse(re.search('href|^on', ' '.join(element.keys())))
            self.assertNotRegex(root.find(f'{SVG}style').text, 'url|import')

    def test_everything_is_inside(self):
        for name, root in self.pictures:
            bottom = height_of(root)
            for e in root.iter(f'{SVG}rect'):
                x, y, width, height = (float(e.get(key, 0)) for key in 'x y width height'.split())
                self.assertTrue(min(x, y) >= 0 and x + width <= 480 and y + height <= bottom, name)
            for e in root.iter(f'{SVG}circle'):
                x, y, r = (float(e.get(key)) for key in 'cx cy r'.split())
                self.assertTrue(r <= x <= 480 - r and r <= y <= bottom - r, name)
            places = [point for e in root.iter(f'{SVG}polyline') for point in points(e)]
            places += [corner for e in root.iter(f'{SVG}text') for corner in corners(e)]
            for x, y in places:
                self.assertTrue(0 <= x <= 480 and 0 <= y <= bottom, name)

    def test_no_text_runs_into_another(self):
        for name, root in self.pictures:
            covered = [(e.text, corners(e)) for e in text_elements(root)]
            for (text, box), (text2, box2) in itertools.combinations(covered, 2):
                self.assertTrue(apart(box, box2), (name, text, text2))

    def test_halos_are_under_their_labels(self):
        """paint-order is ignored by many programs that export: they would paint halos over text."""
        for name, root in self.pictures:
            self.assertNotIn('paint-order', root.find(f'{SVG}style').text)
            for halo, label in zip(root, [*root[1:], None]):
                if is_halo(halo):
                    css = halo.get('class').removeprefix('halo').strip() or None
                    place = {**halo.attrib, 'class': css, 'text': halo.text}
                    self.assertEqual(
                        place, {'class': None, **label.attrib, 'text': label.text}, name
                    )
            for element in root:
                css = element.get('class', '').split()
                if element.tag != f'{SVG}text':
                    self.assertNotIn('halo', css)

    def test_text_is_7_pt_in_a_column_of_a_paper(self):
        for name, root in self.pictures:
            style = root.find(f'{SVG}style').text
            sizes = [float(size) for size in re.findall(r'font-size: (\S+)px', style)]
            self.assertEqual(len(sizes), 2)
            self.assertNotIn('font:', style)
            points_per_px = 240 / float(root.get('width'))
            self.assertGreaterEqual(min(sizes) * points_per_px, 7, name)

    def test_axes_end_on_a_tick_above_all_bars(self):
        for name, root in self.pictures:
            for axis in of_class(root, 'polyline', 'axis'):
                (x, top), (x2, bottom), *_ = points(axis)
                if x != x2:  # a roof
                    continue
                grid = [points(e)[0][1] for e in of_class(root, 'polyline', 'grid')]
                self.assertIn(top, grid, name)
                ends = [float(e.get('y')) for e in titled(root, 'rect')]
                ends += [points(e)[0][1] for e in of_class(root, 'polyline', 'whisker')[1:]]
                inside = [y for y in ends if top - 20 <= y <= bottom]
                self.assertTrue(all(y > top for y in inside), name)

    def test_both_colour_schemes_have_all_colours(self):
        for name, root in self.pictures:
            light, dark = root.find(f'{SVG}style').text.split('@media (prefers-color-scheme: dark)')
            for tag in ('rect', 'circle'):
                for element in root.iter(SVG + tag):
                    self.assertRegex(light, rf'\.{element.get("class")}\b', name)
                    self.assertRegex(dark, rf'\.{element.get("class")}\b', name)


class Themes(unittest.TestCase):
    """--theme."""

    def style(self, *flags):
        """Return the style of a picture with these flags."""
        return picture({'net': 'AlexNet'}, *flags).find(f'{SVG}style').text

    def test_light_and_dark_do_not_ask_what_a_program_prefers(self):
        light, dark = self.style('--theme', 'light'), self.style('--theme', 'dark')
        self.assertNotIn('@media', light + dark)
        self.assertIn('.bg { fill: #fff }', light)
        self.assertNotIn('.bg { fill: #fff }', dark)
        self.assertIn('.bg { fill: #16191f }', dark)

    def test_auto_is_light_where_nothing_else_is_preferred(self):
        auto = self.style()
        self.assertEqual(auto, self.style('--theme', 'auto'))
        before, in_the_dark = auto.split('@media (prefers-color-scheme: dark) {')
        self.assertEqual(before.strip(), self.style('--theme', 'light').strip())
        for line in in_the_dark.strip().removesuffix('}').strip().splitlines():
            self.assertIn(line, self.style('--theme', 'dark'))

    def test_only_pictures_have_one(self):
        for flags, message in (
            (['--theme', 'light'], '--theme is for --format svg, but got --format json'),
            (
                ['--format', 'table', '--theme', 'dark'],
                '--theme is for --format svg, but got --format table',
            ),
            (['--lines', '--theme', 'dark'], '--theme is for --format svg, but got --format json'),
            (
                ['--format', 'svg', '--theme', 'blue'],
                "--theme is 'blue'; choose from auto, light, dark",
            ),
        ):
            result = run(*flags, stdin=b'{"net": "AlexNet"}')
            self.assertEqual((result.status, result.out), (2, ''))
            self.assertEqual(len(result.err.splitlines()), 1)
            self.assertIn(message, result.err)


class Text(unittest.TestCase):
    def test_a_title_has_three_lines_at_the_most(self):
        for words, lines in ((4, 1), (10, 2), (18, 3), (40, 3), (500, 3)):
            elements, bottom = pictures.draw_heading('a word ' * words, [])
            self.assertEqual(len(elements), lines, words)
            _, higher = pictures.draw_heading('a', [])
            self.assertEqual(bottom - higher, (lines - 1) * pictures.TITLE_LINE_HEIGHT)
        remarks = ['a word ' * 500]
        self.assertGreater(len(pictures.draw_heading('a', remarks)[0]), 30)  # all of a remark

    def test_title_and_notes(self):
        root = drawn(made(frames=3), notes=NOTES[:1])
        self.assertEqual(root.find(f'{SVG}title').text, 'X on Eyeriss and EIE, a batch of 3 frames')
        self.assertEqual(
            texts(root)[:3],
            [
                'X on Eyeriss and EIE, a batch of 3 frames',
                'total: 1.851 mJ, 185.1 us',
                'conv: published; fc: published',
            ],
        )
        self.assertEqual(' '.join(texts(root)[3:5]), NOTES[0])
        estimate = made(bounds=ROOFLINE_BOUNDS, left_out=LEFT_OUT)
        root = drawn(with_config(estimate, net='X', title=ODD_NAME))
        self.assertIn('<script>', texts(root)[0])
        self.assertTrue(any(text.startswith('left out: 24 products') for text in texts(root)))

    def test_odd_names_are_escaped(self):
        entry = {
            'name': ODD_NAME, 'type': 'Convolution', 'macs': 64, 'ifmap': [1, 8, 8],
            'ofmap': [1, 8, 8], 'kernel': [1, 1],
        }  # fmt: skip
        for config in ({}, {'accelerator': 'nvdla-32'}):
            root = written([entry], **config)
            self.assertTrue(any('<script>' in (e.text or '') for e in root.iter()))

    def test_only_for_configs(self):
        for flags in (['--diagnose'], ['--lines']):
            result = run('--format', 'svg', *flags)
            self.assertEqual((result.status, result.out), (2, ''))


if __name__ == '__main__':
    unittest.main()
