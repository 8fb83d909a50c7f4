"""--format: which flags go with it, what a format loads, and kinds that nobody knows yet."""

import csv
import io
import unittest

from estimates import ROOFLINE_BOUNDS, estimate_of, made, table_lines
from support import path, python, run

from fodlam.data import pictures, tables

VGG16 = path('config', 'vgg16.json')


class Rooms(unittest.TestCase):
    """What a format loads, and what it shows of kinds and parts that nobody knows yet."""

    def test_a_table_loads_no_picture(self):
        script = 'import sys, fodlam; fodlam.run_program({}, sys.stdin, sys.stdout, sys.stderr)'
        loaded = '; print(*sorted(x for x in sys.modules if x.startswith("fodlam.data.")))'
        for format_, rooms in (
            ('csv', 'arguments eyeriss_tables formats options ranges tables words'),
            ('table', 'arguments eyeriss_tables formats notes options ranges tables words'),
            (
                'svg',
                'arguments bars formats notes options pictures ranges roofline_labels '
                'roofline_plot svg words',
            ),
        ):
            argv = ['--format', format_, VGG16]
            out = python('-c', script.format(argv) + loaded).stdout
            names = [f'fodlam.data.{room}' for room in rooms.split()]
            self.assertEqual(out.splitlines()[-1].split(), names)

    def test_a_third_kind(self):
        layers = made(3).make_layers()
        layers[0].kind = 'norm'
        estimate = estimate_of(layers)
        sums = [row['layer'] for row in csv.DictReader(io.StringIO(tables.estimate_csv(estimate)))]
        self.assertEqual(sums[-4:], ['conv', 'fc', 'norm', 'total'])
        self.assertRegex('\n'.join(table_lines(estimate)), r'\nnorm +1.000 M +123.4 uJ +17% ')
        picture = pictures.draw_picture(estimate, [])
        self.assertIn('>norm layers: 123.4 uJ, 12.34 us<', picture)
        self.assertIn('<rect class="norm"', picture)

    def test_one_more_part_of_energy(self):
        estimate = made(3, bounds=ROOFLINE_BOUNDS, parts=('mac', 'dram', 'leak'))
        self.assertIn('energy: 50% mac, 33% dram, 17% leak', table_lines(estimate))
        self.assertIn('energy_leak', tables.estimate_csv(estimate).splitlines()[0])
        picture = pictures.draw_picture(estimate, [])
        self.assertIn('>leak 17%<', picture)
        self.assertRegex(picture, r'<rect class="leak" [^<]*><title>layer-1: \S+ uJ for leak<')


class Combinations(unittest.TestCase):
    def test_all_others_combine(self):
        for bits in range(8):
            flags = [
                f for i, f in enumerate(('--per-frame', '--per-layer', '--range')) if bits >> i & 1
            ]
            for last in (['--lines'], *(['--format', name] for name in ('json', 'csv', 'table'))):
                result = run(*flags, *last, stdin=b'{"net": "AlexNet"}\n')
                self.assertEqual((result.status, result.err), (0, ''), flags + last)


if __name__ == '__main__':
    unittest.main()
