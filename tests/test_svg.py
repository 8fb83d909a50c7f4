"""Texts in pictures: how wide they are, and how names are cut to fit."""

import unittest

from drawings import DEJAVU_SANS, LIBERATION_SANS

from fodlam.data import svg


class Text(unittest.TestCase):
    def test_measured_widths(self):
        """No text is wider than it is taken to be."""
        for widths in (DEJAVU_SANS, LIBERATION_SANS):
            for width, code in zip(widths, range(32, 127)):
                self.assertLessEqual(width - 1, svg.text_width(chr(code), 100), chr(code))

    def test_fitted(self):
        self.assertEqual(svg.fitted('conv1', 100, 10), 'conv1')
        short = svg.fitted('inception_3a/3x3_reduce', 60, 10)
        self.assertTrue(short.startswith('..') and short.endswith('reduce'))
        self.assertLessEqual(svg.text_width(short, 10), 60)

    def test_names_are_whole_where_there_is_room(self):
        self.assertEqual(svg.fitted_names(['conv1', 'a/b/c'], [200, 200]), ['conv1', 'a/b/c'])

    def test_names_keep_what_tells_them_apart(self):
        """Their end, and if others have the same, the part that differs."""
        names = [f'/features/features.{i}/conv/conv.0/conv.0.0/Conv' for i in range(1, 18)]
        names += ['/features/features.18/features.18.0/Conv', '/classifier/classifier.1/Gemm']
        for i in range(12):
            for last in (
                'attention/self/query/MatMul',
                'attention/self/key/MatMul',
                'dense/MatMul',
            ):
                names.append(f'/bert/encoder/layer.{i}/{last}')
        for width in (130, 160):
            shown = svg.fitted_names(names, [width] * len(names))
            self.assertEqual(len(set(shown)), len(names))
            for name, short in zip(names, shown):
                self.assertLessEqual(svg.text_width(short, 14), width)
                *_, end = short.split('..')
                self.assertTrue(name.endswith(end), short)
        shown = svg.fitted_names(names, [160] * len(names))
        self.assertRegex(shown[9], r'^\.\.10\.\..*0/Conv$')
        self.assertRegex(shown[-3], r'^\.\.11\.\..*query/MatMul$')

    def test_wrapped(self):
        lines = svg.wrapped('a line of words ' * 20, 200, 10)
        self.assertEqual(' '.join(lines).split(), ('a line of words ' * 20).split())
        self.assertTrue(all(svg.text_width(line, 10) <= 200 for line in lines))


class Legends(unittest.TestCase):
    def test_one_without_entries_takes_no_room(self):
        self.assertEqual(svg.legend(100, []), ([], 100))


if __name__ == '__main__':
    unittest.main()
