"""Numbers as tables and pictures say them: prefixes, digits, and ends of ranges."""

import random
import unittest

from support import fodlam

from fodlam.data import words


class Ends(unittest.TestCase):
    """The two digits of the ends of a range."""

    def test_never_leave_out_what_is_in_the_range(self):
        chance = random.Random(1)
        for _ in range(2000):
            number = 10 ** chance.uniform(-12, 12)
            low, high = words.two_digits(number, up=False), words.two_digits(number, up=True)
            self.assertLessEqual(float(low), number)
            self.assertGreaterEqual(float(high), number)
            # Two digits are off by less than 1 in 10, and whole numbers by less than 1.
            self.assertLess(float(high) - float(low), 0.11 * number)

    def test_numbers_with_two_digits_stay_as_they_are(self):
        for text in ('1.2', '0.3', '0.00012', '99', '10', '1234', '99999', '1.3e+06', '2e+05'):
            for up in (False, True):
                self.assertEqual(words.two_digits(float(text), up), text)
        self.assertEqual(words.two_digits(0, up=True), '0')

    def test_numbers_that_grow_by_a_digit(self):
        for number, up, expected in (
            (99.2, True, '100'), (99.2, False, '99'), (0.0999, True, '0.1'), (99_999.5, True, '1e+05'),
            (123_456, True, '1.3e+05'), (123_456, False, '1.2e+05'), (9.99, True, '10'),
        ):  # fmt: skip
            self.assertEqual(words.two_digits(number, up), expected)


class Titles(unittest.TestCase):
    def test_titles_of_more_than_1000_characters_are_cut(self):
        config = {'net': 'VGG16', 'layers': ['FC8']}
        for length, shown in ((1000, 'x' * 1000), (1001, 'x' * 1000 + '...')):
            estimate = fodlam.estimate({**config, 'title': 'x' * length}).estimate
            self.assertEqual(words.title_of(estimate, estimate.make_layers()), shown)


class Networks(unittest.TestCase):
    def test_names_of_more_than_40_characters_are_shortened(self):
        for length, shown in ((40, 40), (41, 40)):
            self.assertEqual(len(words.network_name({'netfile': 'x' * length})), shown)


class Shares(unittest.TestCase):
    def test_of_what_is_not_known(self):
        for cost, total, share in (
            (1, 4, 0.25), (None, 4, None), (1, None, None), (None, None, None), (0, 0, 0),
        ):  # fmt: skip
            self.assertEqual(words.share_of(cost, total), share, (cost, total))


if __name__ == '__main__':
    unittest.main()
