"""--format table: tables for people."""

import json
import random
import tempfile
import unittest
from xml.etree import ElementTree

from estimates import (
    EYERISS_BOUNDS,
    LEFT_OUT,
    NOTES,
    PARTS,
    ROOFLINE_BOUNDS,
    changed,
    estimate_of,
    every_estimate,
    made,
    table_lines,
    with_config,
)
from support import GROUPS, Ascii, fodlam, path, read, run

from fodlam import Cost
from fodlam.data import formats, notes, tables, words
from fodlam.data.roofline import ACCELERATOR_KEYS

VGG16 = path('config', 'vgg16.json')
FRCNN = path('config', 'faster-rcnn-vgg-m.json')
CHIP = {'macs': 4096, 'clock_mhz': 700, 'dram_gb_per_s': 30}


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
                lines = table_lines(
                    changed(estimate, make_layers=lambda layers=layers: layers), NOTES
                )
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
            self.assertEqual(table_lines(estimate)[:2], [title, ''])
        estimate = with_config(made(frames=3), net='VGG16', title='Ours\n2')
        description = 'VGG16 on Eyeriss and EIE, a batch of 3 frames'
        self.assertEqual(table_lines(estimate)[:3], ['Ours 2', description, ''])
        for frames, expected in (
            (1, 'one frame'),
            (3.0197, '3.02 frames'),
            (4, 'a batch of 4 frames'),
        ):
            self.assertEqual(
                table_lines(made(frames=frames))[0], f'X on Eyeriss and EIE, {expected}'
            )
        self.assertEqual(table_lines(made(0))[0], 'X on Eyeriss and EIE, one frame')

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
        self.assertNotIn('published', '\n'.join(table_lines(made(0))))

    def test_keys_of_an_accelerator_in_words(self):
        keys = {'mac_pj': 0.5, 'efficiency': 0.4, 'buffer_kib': 512, 'fc_batch': 8}
        for accelerator, expected in (
            (CHIP, None),
            ('nvdla-64', None),
            ('edge-tpu', 'accelerator: attains 25% of its roofline'),
            ('kv260-dpu', 'accelerator: attains 66% of its roofline, plus 13.7 us a layer'),
            ({**CHIP, 'layer_us': 0.25}, 'accelerator: plus 0.25 us a layer'),
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
            self.assertIn(expected, table_lines(with_config(made(), net='VGG16', **keys))[0])

    def test_little_is_not_nothing_and_nothing_goes_nowhere(self):
        layers = made(5, bounds=ROOFLINE_BOUNDS, parts=PARTS).make_layers()
        layers[0].details['utilization'] = 0.004
        for layer in layers:
            if layer.kind == 'fc':
                layer.cost = Cost(0.0, layer.cost.latency_s)
                layer.energy_by = dict.fromkeys(PARTS, 0.0)
        rows = {
            line.split()[0]: line.split() for line in table_lines(estimate_of(layers))[2:] if line
        }
        headings = 'layer MACs energy share largest latency share bound used'.split()
        self.assertEqual(rows['layer'], headings)
        self.assertEqual((rows['layer-1'][-1], rows['layer-1'][6]), ('<1%', 'mac'))
        self.assertFalse(set(rows['fc']) & set(PARTS))

    def test_last_lines(self):
        lines = table_lines(
            made(7, bounds=ROOFLINE_BOUNDS, parts=PARTS, left_out=LEFT_OUT), notes=NOTES
        )
        end = lines[lines.index('', 2) + 1 :]
        self.assertEqual(end[0], 'energy: 50% mac, 33% dram, 17% power')
        self.assertRegex(end[1], '^left out: 24 products of two feature maps, 1.000 G MACs')
        self.assertIn('largest: the largest part of the energy', end)
        self.assertIn(NOTES[0], end)
        self.assertTrue(' '.join(end).endswith(NOTES[1].strip()))
        sources = 'conv: published; fc: published'
        self.assertEqual(table_lines(made(), notes=NOTES[:1])[-3:], ['', sources, NOTES[0]])
        self.assertNotEqual(table_lines(made())[-1], '')
        self.assertNotIn('largest', '\n'.join(table_lines(made())))
        self.assertEqual(
            table_lines(made(frames=3), notes=NOTES[:1])[-2:], ['MACs: 1 frame', NOTES[0]]
        )
        for estimate in (made(), made(3, True, frames=3)):  # no batch; no column of MACs
            self.assertNotIn('MACs: 1 frame', table_lines(estimate, notes=NOTES[:1]))
        sources = 'fc: published, scaled from 45 nm'
        for per_frame, note in ((False, notes.DIAGNOSE_NOTE), (True, 'all costs: 1 frame')):
            diagnosed = formats.render_diagnosis(fodlam.diagnose(per_frame), per_frame, 'table')
            self.assertTrue(diagnosed.endswith(f'\n\n{note}\n{sources}\n'))
            headings = diagnosed.splitlines()[0].split()
            self.assertEqual(headings, 'net layer pJ per MAC ps per MAC'.split())

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
            lines = table_lines(changed(estimate, make_layers=lambda layers=layers: layers))
            self.check(lines)
            self.assertEqual(lines[2].split()[1:], headings.split(), length)

    def test_columns_that_give_way_to_ranges(self):
        """Of 80 characters, these take, with their gaps: 22 each range, 7 each share, 9 each bound
        and largest part, and 6 what is used. Kinds are gone, and then it is used, largest, share.
        """
        for length, headings in (
            (7, 'energy (range) share latency (range) share bound used'),  # 80; largest: 83
            (8, 'energy (range) share latency (range) share bound'),
            (13, 'energy (range) share latency (range) share bound'),
            (14, 'energy (range) latency (range) share bound used'),
            (15, 'energy (range) latency (range) share bound'),
        ):
            estimate = made(7, ranged=True, bounds=ROOFLINE_BOUNDS, parts=PARTS)
            estimate.bounds = {}
            layers = [x.replaced(name='x' * length) for x in estimate.make_layers()]
            lines = table_lines(changed(estimate, make_layers=lambda layers=layers: layers))
            self.assertEqual(lines[2].split()[1:], headings.split(), length)

    def test_sums_by_bound(self):
        estimate = made(7, bounds=EYERISS_BOUNDS)
        lines = table_lines(estimate)
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

    def test_names_keep_8_characters_in_a_table_that_is_too_wide(self):
        columns = [tables.Column('layer', ['x' * 20]), tables.Column('is', ['y' * 100])]
        rule = tables.to_table(columns).splitlines()[1]
        self.assertEqual(rule.split(), ['-' * 8, '-' * 100])

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


if __name__ == '__main__':
    unittest.main()
