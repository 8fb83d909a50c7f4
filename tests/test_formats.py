"""The formats of the reports: JSON, CSV and tables."""

import csv
import io
import json
import random
import tempfile
import unittest

from support import fodlam, path, run

VGG16 = path('config', 'vgg16.json')
FRCNN = path('config', 'faster-rcnn-vgg-m.json')


class Ascii(io.StringIO):
    encoding = 'ascii'


class Csv(unittest.TestCase):
    def rows(self, *argv):
        result = run('--format', 'csv', *argv)
        self.assertEqual((result.status, result.err), (0, ''))
        return list(csv.DictReader(io.StringIO(result.out)))

    def test_estimate_reads_back(self):
        rows = self.rows(VGG16)
        self.assertEqual(list(rows[0]), ['layer', 'kind', 'macs', 'energy', 'latency', 'source'])
        report = json.loads(run(VGG16, '--per-layer').out)
        self.assertEqual([r['layer'] for r in rows[:-3]], [x['name'] for x in report['layers']])
        for row, layer in zip(rows, report['layers']):
            for key in ('energy', 'latency', 'macs'):
                self.assertEqual(float(row[key]), layer[key])
        for row, group in zip(rows[-3:], fodlam.GROUPS):
            self.assertEqual(row['layer'], group)
            self.assertEqual(float(row['energy']), report[group]['energy'])
        self.assertEqual(int(rows[-1]['macs']), 15470264320)

    def test_ranges_are_columns(self):
        rows = self.rows(FRCNN, '--range')
        report = json.loads(run(FRCNN, '--range').out)
        for end, column in enumerate(('energy_low', 'energy_high')):
            self.assertEqual(float(rows[-1][column]), report['total']['energy_range'][end])

    def test_names_with_commas_quotes_and_line_ends(self):
        names = ['a,b', 'c"d', 'e\nf', '\u00e9\ud800']
        with tempfile.TemporaryDirectory() as folder:
            net = path(folder, 'net.json')
            with open(net, 'w', encoding='utf-8') as file:
                json.dump([{'name': n, 'type': 'Convolution', 'macs': 1} for n in names], file)
            config = json.dumps({'netfile': net}).encode()
            out = run('--format', 'csv', stdin=config).out
            read_back = [r['layer'] for r in csv.DictReader(io.StringIO(out))]
            self.assertEqual(read_back[:4], [*names[:3], '\u00e9\\ud800'])
            table = run('--format', 'table', stdin=config).out
            self.assertEqual(len(table.splitlines()), 2 + 4 + 1 + 3)
            self.assertIn('e f ', table)
            stdout = Ascii()
            stdin = io.TextIOWrapper(io.BytesIO(config))
            self.assertEqual(fodlam.main(['--format', 'csv'], stdin, stdout, None), 0)
            self.assertIn(r'\xe9\ud800', stdout.getvalue())

    def test_diagnose(self):
        rows = self.rows('--diagnose')
        report = fodlam.diagnose()
        self.assertEqual(list(rows[0]), ['net', 'layer', 'energy', 'latency'])
        self.assertEqual(len(rows), 26)
        for row in rows[:-2]:
            energy = report['per_layer']['energy'][row['net']][row['layer']]
            self.assertEqual(float(row['energy']), energy)
        self.assertEqual(float(rows[-1]['latency']), report['average']['latency']['fc'])

    def test_validate(self):
        rows = self.rows('--validate')
        self.assertEqual(list(rows[0]), list(fodlam.VALIDATE_KEYS))
        for row, expected in zip(rows, fodlam.validate()):
            self.assertEqual({k: str(v) for k, v in expected.items()}, row)
        self.assertEqual(json.loads(run('--validate').out), fodlam.validate())


class Table(unittest.TestCase):
    REPORTS = ([VGG16], [FRCNN], [FRCNN, '--range'], ['--diagnose'], ['--validate', '--per-frame'])

    def test_fits_the_screen_and_is_aligned(self):
        for argv in self.REPORTS:
            result = run('--format', 'table', *argv)
            self.assertEqual((result.status, result.err), (0, ''))
            lines = result.out.splitlines()
            self.assertLessEqual(max(map(len, lines)), 80, argv)
            rule = lines[1]
            gaps = [i for i, c in enumerate(rule) if c == ' ']
            for line in lines:
                self.assertTrue(all(line[i : i + 1] in ('', ' ') for i in gaps), line)

    def test_long_names_fit_too(self):
        rng = random.Random(1)
        net = [
            {'name': f'{i}/' + 'x' * rng.randrange(60), 'type': 'Convolution', 'macs': 10**i}
            for i in range(16)
        ]
        with tempfile.TemporaryDirectory() as folder:
            with open(path(folder, 'net.json'), 'w', encoding='utf-8') as file:
                json.dump(net, file)
            config = json.dumps({'netfile': path(folder, 'net.json')}).encode()
            for argv in ([], ['--range']):
                out = run('--format', 'table', *argv, stdin=config).out
                self.assertLessEqual(max(map(len, out.splitlines())), 80)

    def test_a_line_of_vgg16(self):
        lines = run('--format', 'table', VGG16).out.splitlines()
        self.assertIn('CONV1-2  conv  1.850 G  198.4 mJ  ██          910.3 ms  ██▏', lines)
        self.assertIn('fc             123.6 M  91.57 uJ              74.39 us', lines)

    def test_plain_ascii_where_bars_cannot_be_shown(self):
        for argv in self.REPORTS:
            stdout = Ascii()
            self.assertEqual(fodlam.main(['--format', 'table', *argv], None, stdout, None), 0)
            self.assertTrue(stdout.getvalue().isascii())
        stdout = Ascii()
        fodlam.main(['--format', 'table', VGG16], None, stdout, None)
        self.assertIn(
            'CONV1-2  conv  1.850 G  198.4 mJ  ##          910.3 ms  ##', stdout.getvalue()
        )

    def test_nothing_to_show(self):
        out = run('--format', 'table', stdin=b'{"net": "VGG16", "layers": []}').out
        self.assertEqual(len(out.splitlines()), 2 + 1 + 3)
        self.assertEqual(out.splitlines()[-1].split(), ['total', '0', '0', 'J', '0', 's'])

    def test_engineering(self):
        for value, unit, text in (
            (0.0762, 's', '76.20 ms'),
            (1.0163585, 'J', '1.016 J'),
            (0, 'J', '0 J'),
            (999.949e-3, 's', '999.9 ms'),
            (999.96e-3, 's', '1.000 s'),
            (86704128, '', '86.70 M'),
            (1234, '', '1.234 k'),
            (5, '', '5.000'),
            (123.4e-15, 'J', '123.4 fJ'),
            (0.7, 'frame/s', '0.7000 frame/s'),
            (None, 'J', '-'),
        ):
            self.assertEqual(fodlam.engineering(value, unit), text)
        self.assertEqual(fodlam.engineering(0.02, 's', 0.001, 0.1), '20.00 ms (1..100)')

    def test_bars(self):
        for share, bar, plain in (
            (0, '', ''),
            (1, '█' * 10, '#' * 10),
            (0.5, '█' * 5, '#' * 5),
            (0.5125, '█████▏', '#' * 5),
            (0.04, '▍', ''),
        ):
            self.assertEqual(fodlam.bar(share, 10, plain=False), bar)
            self.assertEqual(fodlam.bar(share, 10, plain=True), plain)


class Combinations(unittest.TestCase):
    def test_refused(self):
        for argv, said in (
            (['--diagnose', '--validate'], 'two reports'),
            (['--diagnose', '--range'], '--range is for a config, not for --diagnose'),
            (['--validate', '--per-layer'], '--per-layer is for a config, not for --validate'),
            (['--validate', '--lines'], '--lines is for a config'),
            (['--validate', VGG16], '--validate takes no config, but got'),
            (['--lines', '--format', 'csv'], '--lines prints JSON, but got --format csv'),
            (['--format', 'xml'], "invalid choice: 'xml' (choose from"),
        ):
            result = run(*argv)
            self.assertEqual((result.status, result.out), (2, ''), argv)
            self.assertRegex(result.err, r'\Afodlam: arguments: [^\n]+; see fodlam --help\n\Z')
            self.assertIn(said, result.err)

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
