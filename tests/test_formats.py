"""The formats of the reports: JSON, CSV and tables."""

import copy
import csv
import doctest
import io
import itertools
import json
import math
import random
import subprocess
import sys
import tempfile
import unittest
from xml.etree import ElementTree

from support import GROUPS, NETFILES, ROOT, Terminal, fodlam, path, read, run, validator

from fodlam import Cost, Estimate, Layer, quantities
from fodlam.data import (
    bars,
    formats,
    notes,
    pictures,
    roofline_labels,
    roofline_plot,
    svg,
    tables,
    words,
)
from fodlam.data.roofline import ACCELERATOR_KEYS, Accelerator

VGG16 = path('config', 'vgg16.json')
FRCNN = path('config', 'faster-rcnn-vgg-m.json')

EYERISS_BOUNDS, ROOFLINE_BOUNDS = ('compute', 'buffer', 'link'), ('compute', 'memory')
PARTS = ('mac', 'dram', 'power')
LEFT_OUT = [{'type': 'MatMul', 'macs': macs} for macs in [10**9 - 23] + [1] * 23]
NOTES = [
    "conv: Eyeriss's batch of 3 frames; fc: 1 frame; --per-frame for one",
    'A roofline is a bound: ' + 'real devices attain 18 to 62% of it, and so do these; ' * 3,
]
ACCELERATOR = Accelerator(macs=1000, clock_mhz=1000, dram_gb_per_s=10)
CHIP = {'macs': 4096, 'clock_mhz': 700, 'dram_gb_per_s': 30}


def made(count=5, ranged=False, bounds=(), parts=(), left_out=(), frames=1, name='layer-{}'):
    """Return an Estimate of `count` layers, of which all but the last are conv layers.

    It has ranges, bounds, energy by parts and layers left out as the arguments say; it is on an
    accelerator if layers wait for memory.
    """
    layers = []
    for i in range(1, count + 1):
        entry = {'name': name.format(i), 'macs': 10**6 * i}
        energy, latency = 123.4e-6 * i, 12.34e-6 * i
        if i < count:
            layer = Layer(entry, 'conv', 'published', frames, Cost(energy, latency))
        else:
            layer = Layer(entry, 'fc', 'published', 1, Cost(energy, latency))
        if ranged:
            layer.low, layer.high = Cost(energy / 2, latency / 3), Cost(energy * 8, latency * 7)
        if bounds:
            layer.bound = bounds[i % len(bounds)]
        if 'memory' in bounds:
            layer.source = 'roofline'
            layer.details = {
                'utilization': 0.081 * i / count, 'dram_bytes': 10**5 * i,
                'operational_intensity': 10 * i, 'attainable_macs_per_s': 10**11 * i,
            }  # fmt: skip
        if parts:
            layer.energy_by = {part: energy * (3 - k) / 7 for k, part in enumerate(parts)}
            layer.cost = Cost(math.fsum(layer.energy_by.values()), latency)
        layers.append(layer)
    return estimate_of(layers, left_out)


def estimate_of(layers, left_out=()):
    """Return the Estimate that adds up Layers; left_out: MACs of other layers."""
    groups = {kind: [] for kind in fodlam.KINDS}
    for layer in layers:
        groups.setdefault(layer.kind, []).append(layer)
    groups['total'] = layers
    config = {'netfile': 'X'}
    estimate = Estimate(
        config=config,
        sums={group: total(of_group, 'cost') for group, of_group in groups.items()},
        frames={**dict.fromkeys(fodlam.KINDS, 1), **{layer.kind: layer.frames for layer in layers}},
        make_layers=lambda: layers,
        left_out=list(left_out),
    )
    if any(layer.low for layer in layers):
        estimate.ranges = {}
        for group, of_group in groups.items():
            estimate.ranges[group] = total(of_group, 'low'), total(of_group, 'high')
    waiting = {layer.bound: [] for layer in layers if layer.bound}
    for layer in layers:
        if layer.bound:
            waiting[layer.bound].append(layer)
    if waiting:
        estimate.bounds = {bound: total(waiting[bound], 'cost') for bound in sorted(waiting)}
    if any(layer.energy_by for layer in layers):
        estimate.energy_by = {
            part: math.fsum(layer.energy_by[part] for layer in layers)
            for part in layers[0].energy_by
        }
    if any(layer.details for layer in layers):
        estimate.accelerator = ACCELERATOR
        config['accelerator'] = 'our chip'
    return estimate


def total(layers, field):
    """Return the sum of the Costs that Layers have in a field."""
    costs = [getattr(layer, field) for layer in layers]
    energies = [cost.energy_j for cost in costs]
    energy = None if None in energies else math.fsum(energies)
    return Cost(energy, math.fsum(cost.latency_s for cost in costs))


def every_estimate():
    """Yield Estimates with all combinations of ranges, bounds, parts of energy and left out."""
    for ranged, bounds, left_out in itertools.product(
        (False, True), ((), EYERISS_BOUNDS, ROOFLINE_BOUNDS), ((), LEFT_OUT)
    ):
        for parts in ((), PARTS[:1], PARTS) if bounds == ROOFLINE_BOUNDS else ((),):
            yield made(7, ranged, bounds, parts, left_out, frames=3)


def with_config(estimate, **config):
    """Return an Estimate with another config."""
    return changed(estimate, config=config)


def changed(estimate, **attributes):
    """Return a copy of an Estimate in which some attributes are different."""
    estimate = copy.copy(estimate)
    vars(estimate).update(attributes)
    return estimate


def table(estimate, notes=()):
    """Return the lines of an Estimate's table."""
    return tables.estimate_table(estimate, list(notes), 'utf-8').splitlines()


class Ascii(io.TextIOWrapper):
    """A standard output that can show ASCII alone."""

    def __init__(self):
        super().__init__(io.BytesIO(), 'ascii')

    def getvalue(self):
        return self.buffer.getvalue().decode()


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
        self.assertRegex('\n'.join(table(estimate)), r'\ntotal +6.000 M +- +74.04 us +100% ')

    def test_diagnose(self):
        rows = self.rows('--diagnose')
        report = fodlam.diagnose()
        self.assertEqual(list(rows[0]), ['net', 'layer', 'energy', 'latency'])
        self.assertEqual(len(rows), 26)
        for row in rows[:-2]:
            energy = report['per_layer']['energy'][row['net']][row['layer']]
            self.assertEqual(float(row['energy']), energy)
        self.assertEqual(float(rows[-1]['latency']), report['average']['latency']['fc'])


class Table(unittest.TestCase):
    REPORTS = ([VGG16], [FRCNN], [FRCNN, '--range'], ['--diagnose'])

    def test_fits_the_screen_and_is_aligned(self):
        for argv in self.REPORTS:
            result = run('--format', 'table', *argv)
            self.assertEqual((result.status, result.err), (0, ''))
            self.check(result.out.splitlines())

    def check(self, lines):
        """Check that lines fit, and that nothing stands in the gaps between a table's columns."""
        self.assertLessEqual(max(map(len, lines)), 80, lines)
        rule = next(line for line in lines if line.startswith('--'))
        gaps = [i for i, c in enumerate(rule) if c == ' ']
        rules = [i for i, line in enumerate(lines) if line == rule]
        end = lines.index('', rules[-1]) if '' in lines[rules[-1] :] else len(lines)
        for line in lines[rules[0] - 1 : end]:
            self.assertTrue(all(line[i : i + 1] in ('', ' ') for i in gaps), line)

    def test_fits_with_all_that_a_report_can_have(self):
        for estimate in every_estimate():
            for name in ('x', 'inception_3a/3x3_reduce'):
                layers = [
                    layer.replaced(name=f'{name}{i}')
                    for i, layer in enumerate(estimate.make_layers())
                ]
                lines = table(changed(estimate, make_layers=lambda layers=layers: layers), NOTES)
                self.check(lines)
                heading = next(line for line in lines if line.startswith('layer')).split()
                self.assertTrue({'share', 'latency'} <= set(heading))
                self.assertEqual('bound' in heading, estimate.bounds is not None)

    def test_title(self):
        for config, title in (
            ({'net': 'VGG16'}, 'VGG16 on Eyeriss and EIE, a batch of 3 frames'),
            (
                {'netfile': '/a/b/my.json', 'accelerator': 'nvdla-32'},
                'my on nvdla-32, a batch of 3 frames',
            ),
            (
                {'netfile': [{}]},
                'a network on Eyeriss and EIE, a batch of 3 frames',
            ),
        ):
            estimate = with_config(made(frames=3), **config)
            self.assertEqual(table(estimate)[:2], [title, ''])
        estimate = with_config(made(frames=3), net='VGG16', title='Ours\n2')
        description = 'VGG16 on Eyeriss and EIE, a batch of 3 frames'
        self.assertEqual(table(estimate)[:3], ['Ours 2', description, ''])
        for frames, expected in (
            (1, 'one frame'),
            (3.0197, '3.02 frames'),
            (4, 'a batch of 4 frames'),
        ):
            self.assertEqual(table(made(frames=frames))[0], f'X on Eyeriss and EIE, {expected}')
        self.assertEqual(table(made(0))[0], 'X on Eyeriss and EIE, one frame')

    def test_titles_say_how_layers_are_costed(self):
        fc8 = {'layers': ['fc8']}
        for config, expected in (
            ({'netfile': 'lenet.json'}, 'lenet by MACs on Eyeriss and EIE, 3.02 frames'),
            (
                {'netfile': 'lenet.json', 'process_nm': 28},
                'lenet by MACs on Eyeriss and EIE at 28 nm by dennard, 3.02 frames',
            ),
            (
                {'netfile': 'lenet.json', 'scaling': 'shape'},
                'lenet by shape (fc by MACs) on Eyeriss and EIE, one frame',
            ),
            (
                {'netfile': 'alexnet_deploy.json', 'scaling': 'shape'},
                'alexnet_deploy by shape (fc by density) on Eyeriss and EIE, one frame',
            ),
            (
                {'netfile': 'alexnet_deploy.json', 'scaling': 'shape', **fc8},
                'alexnet_deploy by density on Eyeriss and EIE, one frame',
            ),
            (
                {'netfile': 'mobilenet.json', 'scaling': 'shape'},
                'mobilenet by shape on Eyeriss and EIE, one frame',
            ),
            ({'net': 'AlexNet'}, 'AlexNet on Eyeriss and EIE, a batch of 4 frames'),
            (
                {'netfile': 'lenet.json', 'accelerator': 'nvdla-64'},
                'lenet by roofline on nvdla-64, one frame',
            ),
            (
                {'netfile': 'lenet.json', 'accelerator': {**CHIP, 'dram_gb_per_s': 30.5}},
                'lenet by roofline on 4096 MACs at 700 MHz, 30.5 GB/s, one frame',
            ),
            (
                {'netfile': 'lenet.json', 'accelerator': {**CHIP, 'macs': 2**20}},
                'lenet by roofline on 1048576 MACs at 700 MHz, 30 GB/s, one frame',
            ),
        ):
            stdin = json.dumps(config).encode()
            self.assertEqual(run('--format', 'table', stdin=stdin).out.splitlines()[0], expected)
            self.assertIn(f'<title>{expected}</title>', run('--format', 'svg', stdin=stdin).out)
            stdin = json.dumps({**config, 'title': 'Ours'}).encode()
            lines = run('--format', 'table', stdin=stdin).out.splitlines()
            self.assertEqual(lines[:3], ['Ours', expected, ''])
            picture = ElementTree.fromstring(run('--format', 'svg', stdin=stdin).out)
            self.assertIn(expected, ' '.join(x.text or '' for x in picture.iter()))

    def test_two_sources_of_one_kind(self):
        pruned = {'weight_density': 0.1, 'activation_density': 0.3}
        entries = json.loads(read('nets', 'lenet.json'))
        entries = [{**x, **pruned} if x['name'] == 'ip1' else x for x in entries]
        stdin = json.dumps({'netfile': entries, 'scaling': 'shape'}).encode()
        title = run('--format', 'table', stdin=stdin).out.splitlines()[0]
        self.assertIn('a network by shape (fc by density and by MACs) on Eyeriss', title)

    def test_published_costs_say_where_they_are_scaled(self):
        for keys, expected in (
            ({}, 'conv: published; fc: published, scaled from 45 nm'),
            ({'process_nm': 45}, 'conv: published, scaled from 65 nm; fc: published'),
            ({'layers': ['CONV1-1']}, 'conv: published'),
            ({'layers': ['FC8']}, 'fc: published, scaled from 45 nm'),
        ):
            stdin = json.dumps({'net': 'VGG16', **keys}).encode()
            self.assertIn(expected, run('--format', 'table', stdin=stdin).out.splitlines())
            self.assertIn(f'>{expected}<', run('--format', 'svg', stdin=stdin).out)
        out = run('--format', 'table', stdin=b'{"netfile": "lenet.json"}').out
        self.assertNotIn('published', out)
        self.assertNotIn('published', '\n'.join(table(made(0))))

    def test_keys_of_an_accelerator_in_words(self):
        keys = {'mac_pj': 0.5, 'efficiency': 0.4, 'buffer_kib': 512, 'fc_batch': 8}
        for accelerator, expected in (
            (CHIP, None),
            ('nvdla-64', None),
            ('edge-tpu', 'accelerator: attains 25% of its roofline'),
            ('kv260-dpu', 'accelerator: attains 66% of its roofline, 13.7 us a layer beside it'),
            ({**CHIP, 'layer_us': 0.25}, 'accelerator: 0.25 us a layer beside it'),
            (
                {**CHIP, **keys},
                'accelerator: attains 40% of its roofline, 0.5 pJ a MAC, buffer of 512 KiB, '
                'frames that fc weights are read once for: 8',
            ),
        ):
            stdin = json.dumps({'netfile': 'lenet.json', 'accelerator': accelerator}).encode()
            out = run('--format', 'table', stdin=stdin).out.replace('\n', ' ')
            if expected is None:
                self.assertNotIn('accelerator: ', out)
            else:
                self.assertIn(expected, out)
        in_titles = {'macs', 'clock_mhz', *(key for key in ACCELERATOR_KEYS if 'gb' in key)}
        in_titles |= {'rows', 'cols', 'dataflow'}
        in_notes = {'batch', 'feature_kib'}  # data/accelerators.py
        said_elsewhere = in_titles | in_notes
        self.assertEqual(set(words.ACCELERATOR_WORDS), set(ACCELERATOR_KEYS) - said_elsewhere)

    def test_arrays_and_batches_in_words(self):
        keys = {'rows': 8, 'cols': 16, 'dataflow': 'ws', 'clock_mhz': 700, 'dram_gb_per_s': 30}
        keys |= {'batch': 4, 'feature_kib': 0.5, 'sram_pj_per_byte': 2, 'psum_bytes': 3}
        config = {'netfile': 'lenet.json', 'accelerator': keys}
        out = run('--format', 'table', stdin=json.dumps(config).encode()).out.replace('\n', ' ')
        self.assertTrue('on ws array of 8 x 16 MACs at 700 MHz, 30 GB/s' in out)
        self.assertIn('2 pJ a byte of SRAM, bytes of a partial sum: 3', out)
        latency_s = fodlam.estimate(config)['batch_latency']
        self.assertIn(f'a batch of 4 takes {words.engineering(latency_s, "s")}; all', out)
        self.assertIn('feature maps of up to 0.5 KiB that only the next layers read stay', out)
        self.assertIn('a bound on what a schedule could do', out)

    def test_titles_say_the_process(self):
        for keys, expected in (
            ({}, 'Eyeriss and EIE,'),
            ({'process_nm': 16}, 'Eyeriss and EIE at 16 nm by dennard,'),
            ({'process_scaling': 'dennard'}, 'Eyeriss and EIE,'),
            ({'process_scaling': 'stillmaker'}, 'Eyeriss and EIE at 65 nm by stillmaker,'),
        ):
            self.assertIn(expected, table(with_config(made(), net='VGG16', **keys))[0])

    def test_little_is_not_nothing_and_nothing_goes_nowhere(self):
        layers = made(5, bounds=ROOFLINE_BOUNDS, parts=PARTS).make_layers()
        layers[0].details['utilization'] = 0.004
        for layer in layers:
            if layer.kind == 'fc':
                layer.cost = Cost(0.0, layer.cost.latency_s)
                layer.energy_by = dict.fromkeys(PARTS, 0.0)
        rows = {line.split()[0]: line.split() for line in table(estimate_of(layers))[2:] if line}
        headings = 'layer MACs energy share largest latency share bound used'.split()
        self.assertEqual(rows['layer'], headings)
        self.assertEqual((rows['layer-1'][-1], rows['layer-1'][6]), ('<1%', 'mac'))
        self.assertFalse(set(rows['fc']) & set(PARTS))

    def test_last_lines(self):
        lines = table(made(7, bounds=ROOFLINE_BOUNDS, parts=PARTS, left_out=LEFT_OUT), notes=NOTES)
        end = lines[lines.index('', 2) + 1 :]
        self.assertEqual(end[0], 'energy: 50% mac, 33% dram, 17% power')
        self.assertRegex(end[1], '^left out: 24 products of two feature maps, 1.000 G MACs')
        self.assertIn('largest: the largest part of the energy', end)
        self.assertIn(NOTES[0], end)
        self.assertTrue(' '.join(end).endswith(NOTES[1].strip()))
        sources = 'conv: published; fc: published'
        self.assertEqual(table(made(), notes=NOTES[:1])[-3:], ['', sources, NOTES[0]])
        self.assertNotEqual(table(made())[-1], '')
        self.assertNotIn('largest', '\n'.join(table(made())))
        self.assertEqual(table(made(frames=3), notes=NOTES[:1])[-2:], ['MACs: 1 frame', NOTES[0]])
        for estimate in (made(), made(3, True, frames=3)):  # no batch; no column of MACs
            self.assertNotIn('MACs: 1 frame', table(estimate, notes=NOTES[:1]))
        sources = 'fc: published, scaled from 45 nm'
        for per_frame, note in ((False, notes.DIAGNOSE_NOTE), (True, 'all costs: 1 frame')):
            diagnosed = formats.render_diagnosis(fodlam.diagnose(per_frame), per_frame, 'table')
            self.assertTrue(diagnosed.endswith(f'\n\n{note}\n{sources}\n'))

    def test_columns_that_give_way(self):
        """Kinds go before MACs, and what fits after all stays.

        All columns but the names take 55 characters, of which kinds are 4 and MACs 7, and 2 for
        each of the 9 gaps.
        """
        for length, headings in (
            (7, 'kind MACs energy share largest latency share bound used'),
            (8, 'MACs energy share largest latency share bound used'),
            (13, 'MACs energy share largest latency share bound used'),
            (14, 'kind energy share largest latency share bound used'),
            (16, 'kind energy share largest latency share bound used'),
        ):
            estimate = made(7, bounds=ROOFLINE_BOUNDS, parts=PARTS)
            estimate.bounds = {}  # as the names of sums are long, too
            layers = [x.replaced(name='x' * length) for x in estimate.make_layers()]
            lines = table(changed(estimate, make_layers=lambda layers=layers: layers))
            self.check(lines)
            self.assertEqual(lines[2].split()[1:], headings.split(), length)

    def test_sums_by_bound(self):
        estimate = made(7, bounds=EYERISS_BOUNDS)
        lines = table(estimate)
        for bound, cost in estimate.bounds.items():
            share = f'{cost.latency_s / estimate.sums["total"].latency_s:.0%}'
            time = words.engineering(cost.latency_s, 's')
            self.assertTrue(
                any(
                    line.startswith(f'{bound}-bound ') and time in line and share in line
                    for line in lines
                )
            )

    def test_percent(self):
        for share, text in ((0, '0%'), (1e-9, '<1%'), (0.005, '<1%'), (0.006, '1%'), (1, '100%')):
            self.assertEqual(words.percent(share), text)

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
        self.assertIn(
            'CONV1-2  conv  1.850 G  198.4 mJ   20% ██          910.3 ms   21% ██▏', lines
        )
        self.assertIn('fc             123.6 M  91.57 uJ   <1%             74.39 us   <1%', lines)

    def test_plain_ascii_where_bars_cannot_be_shown(self):
        for argv in self.REPORTS:
            stdout = Ascii()
            self.assertEqual(fodlam.main(['--format', 'table', *argv], None, stdout, None), 0)
            self.assertTrue(stdout.getvalue().isascii())
        stdout = Ascii()
        fodlam.main(['--format', 'table', VGG16], None, stdout, None)
        self.assertIn(
            'CONV1-2  conv  1.850 G  198.4 mJ   20% ##          910.3 ms   21% ##',
            stdout.getvalue(),
        )

    def test_nothing_to_show(self):
        config = b'{"netfile": [{"name": "a", "type": "Convolution", "macs": 0}]}'
        out = run('--format', 'table', stdin=config).out
        lines = [line.split() for line in out.splitlines()]
        self.assertEqual(len([line for line in lines if line and line[0] in GROUPS]), 3)
        self.assertIn(['total', '0', '0', 'J', '0%', '0', 's', '0%'], lines)

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
            self.assertEqual(words.engineering(value, unit), text)
        self.assertEqual(words.engineering(0.02, 's', 0.001, 0.1), '20.00 ms (1..100)')

    def test_bars(self):
        for share, bar, plain in (
            (0, '', ''),
            (1, '█' * 10, '#' * 10),
            (0.5, '█' * 5, '#' * 5),
            (0.5125, '█████▏', '#' * 5),
            (0.04, '▍', ''),
        ):
            self.assertEqual(tables.bar(share, 10, blocks=True), bar)
            self.assertEqual(tables.bar(share, 10, blocks=False), plain)


def written(stream):
    """Return what was written to a text stream that is above an io.BytesIO."""
    stream.flush()
    return stream.buffer.getvalue().decode()


class Notes(unittest.TestCase):
    """What tables, pictures and standard error say of layers on Eyeriss and EIE."""

    PRUNED = (
        "fc: as if pruned like EIE's layers; dense ones take up to 38 times longer: give densities"
    )
    BY_MACS = {'netfile': 'lenet.json'}
    BY_SHAPE = {**BY_MACS, 'scaling': 'shape'}
    BY_DENSITY = {**BY_SHAPE, 'density': {'weights': 0.1, 'activations': 0.3}}

    def shown(self, config, *flags):
        """Return the table and the picture of a config, each with its lines joined."""
        stdin = json.dumps(config).encode()
        table = run('--format', 'table', *flags, stdin=stdin).out.replace('\n', ' ')
        picture = run('--format', 'svg', *flags, stdin=stdin).out
        texts = [x.text or '' for x in ElementTree.fromstring(picture).iter()]
        return table, ' '.join(texts)

    def test_fc_layers_by_macs_are_as_if_pruned(self):
        conv = {**self.BY_MACS, 'layers': ['conv1']}
        fc = {**self.BY_MACS, 'layers': ['ip1']}
        for config, expected in (
            (self.BY_MACS, True),
            ({**self.BY_MACS, 'per_frame': True, 'title': 'Ours', 'process_nm': 28}, True),
            (fc, True),
            (self.BY_SHAPE, True),
            (conv, False),
            (self.BY_DENSITY, False),
            ({'netfile': NETFILES['AlexNet'], 'scaling': 'shape'}, False),
            ({'net': 'AlexNet'}, False),
            ({**self.BY_MACS, 'accelerator': 'nvdla-32'}, False),
        ):
            for flags in ([], ['--range']):
                for text in self.shown(config, *flags):
                    self.assertEqual(self.PRUNED in text, expected, config)

    def test_standard_error_of_a_terminal_says_so(self):
        for config, expected in ((self.BY_MACS, True), ({'net': 'AlexNet'}, False)):
            for argv in (
                [], ['--per-layer'], ['--format', 'csv'], ['--range'], ['--format', 'svg'], ['--lines']
            ):  # fmt: skip
                for stdout, stderr in (
                    (Terminal(io.BytesIO(), 'utf-8'), io.TextIOWrapper(io.BytesIO())),
                    (io.TextIOWrapper(io.BytesIO()), Terminal(io.BytesIO(), 'utf-8')),
                ):
                    stdin = io.TextIOWrapper(io.BytesIO(json.dumps(config).encode()))
                    self.assertEqual(fodlam.main(argv, stdin, stdout, stderr), 0)
                    self.assertEqual(self.PRUNED in written(stderr), expected, argv)
                piped = run(*argv, stdin=json.dumps(config).encode())
                self.assertEqual((piped.status, piped.err), (0, ''))

    def test_a_sweep_says_so_once(self):
        sweep = f'{{"net": "AlexNet", "per_frame": true}}\n{json.dumps(self.BY_MACS)}\n' * 2
        stdout, stderr = io.TextIOWrapper(io.BytesIO()), Terminal(io.BytesIO(), 'utf-8')
        stdin = io.TextIOWrapper(io.BytesIO(sweep.encode()))
        self.assertEqual(fodlam.main(['--lines'], stdin, stdout, stderr), 0)
        said = [line for line in written(stderr).splitlines() if self.PRUNED in line]
        self.assertEqual(said, [f'fodlam: line 2: {self.PRUNED}'])

    def test_errors(self):
        macs = 'conv by MACs is off by +116% and -54% in latency (+83% and -45% in energy)'
        shape = 'conv by shape is off by +5% and +12% in latency (-8% and +29% in energy)'
        for config, said in (
            (self.BY_MACS, f'{macs}, fc by MACs by -53% and +115%'),
            (self.BY_SHAPE, f'{shape}, fc by MACs by -53% and +115%'),
            (self.BY_DENSITY, f'{shape}, fc by density by +9% and +6%'),
            ({**self.BY_MACS, 'layers': ['ip1']}, 'fc by MACs is off by -53% and +115%'),
        ):
            expected = f'tested on AlexNet and VGG-16 as unknown networks, {said}'
            for text in self.shown(config):
                self.assertIn(expected, text)
            for text in self.shown(config, '--range'):  # which says it in numbers
                self.assertNotIn('tested on', text)
        for config in ({'net': 'AlexNet'}, {**self.BY_MACS, 'accelerator': 'nvdla-32'}):
            for text in self.shown(config):
                self.assertNotIn('tested on', text)

    def test_errors_are_those_of_validate(self):
        """Each network by the other alone; by density, by neither."""
        errors = {row['quantity']: row['error_percent'] for row in validator.validate()}
        others = {'AlexNet': 'VGG16', 'VGG16': 'AlexNet'}
        for (kind, source), by_quantity in notes.ERRORS_PERCENT.items():
            for quantity, percents in by_quantity.items():
                for (net, other), percent in zip(others.items(), percents, strict=True):
                    how = source.replace('by ', f"by {other}'s ")
                    how = source if source == 'by density' else how
                    name = 'zeros' if quantity == 'energy' else 'shape'
                    how = how.replace('shape and density', name)
                    expected = errors[f'{net} {kind} {quantity} {how}']
                    self.assertEqual(percent, round(expected), how)


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
            command = [sys.executable, '-c', script.format(argv) + loaded]
            out = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout
            names = [f'fodlam.data.{room}' for room in rooms.split()]
            self.assertEqual(out.splitlines()[-1].split(), names)

    def test_a_third_kind(self):
        layers = made(3).make_layers()
        layers[0].kind = 'norm'
        estimate = estimate_of(layers)
        sums = [row['layer'] for row in csv.DictReader(io.StringIO(tables.estimate_csv(estimate)))]
        self.assertEqual(sums[-4:], ['conv', 'fc', 'norm', 'total'])
        self.assertRegex('\n'.join(table(estimate)), r'\nnorm +1.000 M +123.4 uJ +17% ')
        picture = pictures.draw_picture(estimate, [])
        self.assertIn('>norm layers: 123.4 uJ, 12.34 us<', picture)
        self.assertIn('<rect class="norm"', picture)

    def test_one_more_part_of_energy(self):
        estimate = made(3, bounds=ROOFLINE_BOUNDS, parts=('mac', 'dram', 'leak'))
        self.assertIn('energy: 50% mac, 33% dram, 17% leak', table(estimate))
        self.assertIn('energy_leak', tables.estimate_csv(estimate).splitlines()[0])
        picture = pictures.draw_picture(estimate, [])
        self.assertIn('>leak 17%<', picture)
        self.assertRegex(picture, r'<rect class="leak" [^<]*><title>layer-1: \S+ uJ for leak<')


class Examples(unittest.TestCase):
    def test_in_docstrings(self):
        for room in (words, tables, notes, svg, bars, roofline_plot, roofline_labels):
            results = doctest.testmod(room)
            self.assertEqual(results.failed, 0, room)
            self.assertGreaterEqual(results.attempted, 2, room)


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
