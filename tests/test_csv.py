"""--format csv: tables for programs."""

import csv
import io
import json
import math
import tempfile
import unittest

from estimates import LEFT_OUT, PARTS, ROOFLINE_BOUNDS, changed, estimate_of, made, table_lines
from support import GROUPS, Ascii, fodlam, path, read, run

from fodlam import Cost, quantities
from fodlam.data import formats, tables

VGG16 = path('config', 'vgg16.json')
FRCNN = path('config', 'faster-rcnn-vgg-m.json')
CHIP = {'macs': 4096, 'clock_mhz': 700, 'dram_gb_per_s': 30}


class Csv(unittest.TestCase):
    def rows(self, *argv, stdin=b''):
        result = run('--format', 'csv', *argv, stdin=stdin)
        self.assertEqual((result.status, result.err), (0, ''))
        return list(csv.DictReader(io.StringIO(result.out)))

    def test_estimate_reads_back(self):
        rows = self.rows(VGG16)
        columns = 'layer kind macs energy latency source buffer_bytes dram_bytes'.split()
        columns += ['energy_share', 'latency_share']
        self.assertEqual([name for name in rows[0] if name != 'frames'], columns)
        report = json.loads(run(VGG16, '--per-layer').out)
        self.assertEqual([r['layer'] for r in rows[:-3]], [x['name'] for x in report['layers']])
        for row, layer in zip(rows, report['layers']):
            for key in ('energy', 'latency', 'macs'):
                self.assertEqual(float(row[key]), layer[key])
            for key in ('buffer_bytes', 'dram_bytes'):
                self.assertEqual(row[key], str(layer.get(key, '')))
            self.assertEqual(
                float(row['energy_share']), layer['energy'] / report['total']['energy']
            )
        for row, group in zip(rows[-3:], GROUPS):
            self.assertEqual(row['layer'], group)
            self.assertEqual(float(row['energy']), report[group]['energy'])
        self.assertEqual(int(rows[-1]['macs']), 15470264320)

    def test_ranges_are_columns(self):
        rows = self.rows(FRCNN, '--range')
        report = json.loads(run(FRCNN, '--range').out)
        order = 'latency source energy_low energy_high latency_low latency_high frames'.split()
        self.assertEqual([key for key in rows[0] if key in order], order)
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
            self.assertEqual(read_back[:4], ['a,b', 'c"d', 'e f', '\u00e9 '])
            self.assertIn('\ne f ', run('--format', 'table', stdin=config).out)
            stdout = Ascii()
            stdin = io.TextIOWrapper(io.BytesIO(config))
            self.assertEqual(fodlam.main(['--format', 'csv'], stdin, stdout, None), 0)
            self.assertIn('\n\\xe9 ,', stdout.getvalue())

    def test_no_cell_is_a_formula(self):
        for name in ('=1+1', '+1', '-1', '@x', ' =1'):
            rows = tables.estimate_csv(made(2, name=name + '{}'))
            self.assertNotRegex(rows, r'(?m)^[=+@-]')

    def test_everything_that_a_table_says(self):
        """Shares, sums by bound, parts of energy and what is left out are in the CSV."""
        estimate = made(7, True, ROOFLINE_BOUNDS, PARTS, LEFT_OUT, frames=3)
        out = formats.render_estimate(estimate, 'csv', 'utf-8')
        rows = {row['layer']: row for row in csv.DictReader(io.StringIO(out))}
        self.assertEqual(
            list(rows)[-6:], 'conv fc total compute-bound memory-bound'.split() + ['left out']
        )
        totals = quantities(estimate.sums['total'])
        for layer in estimate.make_layers():
            row = rows[layer.name]
            self.assertEqual(float(row['frames']), layer.frames)
            for quantity, cost in quantities(layer.cost).items():
                self.assertEqual(float(row[f'{quantity}_share']), cost / totals[quantity])
            for part, energy in layer.energy_by.items():
                self.assertEqual(float(row[f'energy_{part}']), energy)
        for part, energy in estimate.energy_by.items():
            self.assertEqual(float(rows['total'][f'energy_{part}']), energy)
            by_kind = [float(rows[kind][f'energy_{part}']) for kind in fodlam.KINDS]
            self.assertAlmostEqual(sum(by_kind), energy, places=12)
        for bound, cost in estimate.bounds.items():
            self.assertEqual(float(rows[f'{bound}-bound']['latency']), cost.latency_s)
        self.assertEqual(
            [rows['left out'][key] for key in ('layers', 'macs')], ['24', '1000000000']
        )
        self.assertNotIn('a roofline is', out)
        self.assertNotIn('--per-frame', out)

    def test_adds_up(self):
        """By source != "sum", and by the groups of any column, layers are counted once."""
        matmul = {
            'name': 'qk', 'type': 'MatMul', 'macs': 8, 'ifmap': [2, 2, 1], 'ofmap': [2, 2, 1],
            'kernel': [1, 1],
        }  # fmt: skip
        entries = [*json.loads(read('nets', 'lenet.json')), matmul]
        for config, *flags in (
            ({'net': 'AlexNet'},),
            ({'net': 'AlexNet', 'layers': ['conv1', 'conv1', 'fc8']}, '--range'),
            ({'netfile': entries}, '--per-frame'),
            ({'netfile': 'googlenet.json', 'scaling': 'shape'}, '--range'),
            ({'netfile': 'resnet50.json', 'accelerator': 'nvdla-64'},),
            ({'netfile': entries, 'accelerator': {**CHIP, 'mac_pj': 1, 'power_mw': 5}}, '--range'),
        ):
            rows = self.rows(*flags, stdin=json.dumps(config).encode())
            layers = [row for row in rows if row['source'] != 'sum']
            sums = {row['layer']: row for row in rows if row['source'] == 'sum'}
            self.assertEqual({row['kind'] for row in sums.values()}, {''})
            self.assertEqual({row.get('bound', '') for row in sums.values()}, {''})
            groups = {'total': layers}
            for row in layers:
                groups.setdefault(row['kind'], []).append(row)
                if row.get('bound'):
                    groups.setdefault(f'{row["bound"]}-bound', []).append(row)
            self.assertLessEqual(set(groups) | {'left out'}, set(sums) | {'left out'})
            for name, members in groups.items():
                for column, cell in sums[name].items():
                    is_number = column not in ('layer', 'kind', 'source', 'frames', 'bound')
                    if is_number and cell and column != 'layers':
                        added = math.fsum(float(row[column]) for row in members)
                        self.assertTrue(math.isclose(added, float(cell), rel_tol=1e-9), column)

    def test_one_order_of_columns(self):
        """Also if there are no layers, and then sums come first."""
        some = made(3, ranged=True)
        none = changed(some, make_layers=list)
        headings = [tables.estimate_csv(estimate).splitlines()[0] for estimate in (some, none)]
        self.assertEqual(headings[0], headings[1])

    def test_energy_that_nobody_knows(self):
        layers = made(3, bounds=ROOFLINE_BOUNDS).make_layers()
        layers = [x.replaced(cost=Cost(None, x.cost.latency_s)) for x in layers]
        estimate = estimate_of(layers)
        for row in csv.DictReader(io.StringIO(tables.estimate_csv(estimate))):
            self.assertEqual((row['energy'], row['energy_share']), ('', ''))
        self.assertRegex('\n'.join(table_lines(estimate)), r'\ntotal +6.000 M +- +74.04 us +100% ')

    def test_diagnose(self):
        rows = self.rows('--diagnose')
        report = fodlam.diagnose()
        self.assertEqual(list(rows[0]), ['net', 'layer', 'energy', 'latency'])
        self.assertEqual(len(rows), 26)
        for row in rows[:-2]:
            energy = report['per_layer']['energy'][row['net']][row['layer']]
            self.assertEqual(float(row['energy']), energy)
        self.assertEqual(float(rows[-1]['latency']), report['average']['latency']['fc'])


if __name__ == '__main__':
    unittest.main()
