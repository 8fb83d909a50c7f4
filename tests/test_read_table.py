"""Reading tables: a damaged one is an error that names file, row and column."""

import tempfile
import unittest
from unittest import mock

from support import fodlam, path


class ReadTable(unittest.TestCase):
    """A damaged table is an error that names file, row and column."""

    GOOD = 'Layer,Power (mW),Total Latency (ms)\nCONV1,250,4\nCONV2,300,8\n'

    def table(self, text):
        with tempfile.TemporaryDirectory() as folder, mock.patch('fodlam.DATA_DIR', folder):
            with open(path(folder, 't.csv'), 'wb') as file:
                file.write(text if isinstance(text, bytes) else text.encode())
            return fodlam.read_table('t.csv', fodlam.EYERISS_COLUMNS)

    def test_si_units(self):
        table = self.table(self.GOOD)
        self.assertEqual(table['CONV1'], {'power_w': 0.25, 'latency_s': 0.004})
        self.assertEqual(list(table), ['CONV1', 'CONV2'])

    def test_blank_lines_are_passed_over(self):
        blank = '\n' + self.GOOD.replace('\n', '\n\n')
        self.assertEqual(self.table(blank), self.table(self.GOOD))

    def test_damage(self):
        good = self.GOOD
        for text, *said in (
            ('', 'no rows'),
            ('Layer,Power (mW)\n', 'no rows'),
            (good.encode() + b'\xff', 'not UTF-8 at byte 60'),
        ):
            with self.subTest(text), self.assertRaises(fodlam.InputError) as caught:
                self.table(text)
            for part in ('data/t.csv', *said):
                self.assertIn(part, str(caught.exception), text)

    def test_rows_are_the_lines_of_the_file(self):
        blank = self.GOOD.replace('\n', '\n\n').replace('300', '3oo')
        with self.assertRaisesRegex(fodlam.InputError, 'row 5, column "Power'):
            self.table(blank)

    def test_missing(self):
        with self.assertRaisesRegex(fodlam.InputError, 'data/none.csv: cannot be used'):
            fodlam.read_table('none.csv', fodlam.EYERISS_COLUMNS)

    def test_rows_that_are_not_the_networks_layers(self):
        table = fodlam.read_table
        for change in (
            lambda rows: rows.pop('CONV3'),
            lambda rows: rows.update(CONV6=rows.pop('CONV3')),
        ):

            def changed(file, columns, change=change):
                rows = table(file, columns)
                if file == 'eyeriss-alexnet.csv':
                    change(rows)
                return rows

            with mock.patch('fodlam.read_table', changed):
                self.assertRaisesRegex(
                    fodlam.InputError,
                    "layer 'conv3': data/eyeriss-alexnet.csv .* no 'conv3'; expected its row",
                    fodlam.published_layers,
                    'AlexNet',
                    per_frame=False,
                )


if __name__ == '__main__':
    unittest.main()
