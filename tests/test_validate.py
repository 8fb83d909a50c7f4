"""data/validate.py: its rows, its numbers against the papers, and its command line."""

import csv
import io
import itertools
import json
import math
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

from support import NETFILES, fodlam, path, read, run, validate, validator

from fodlam.data import comparisons, eyeriss
from fodlam.data.shape import parse_shape

KEYS = 'quantity unit published modelled error_percent source calibrated_on'.split()
# Of a network that the papers measured, in order; X is the other one.
CONV = ['MACs', 'shape', "X's MACs", "X's shape"]
# What energies alone depend on.
ENERGY = ['zeros', "X's zeros", 'time', 'time, zeros']
FC = ['MACs', "X's MACs", 'density']
VITIS = {
    'kv260-dpu': 19,
    'ultra96-dpu-b1600': 8,
    'zcu102-dpu-3xb4096': 19,
    'zcu104-dpu-2xb4096': 19,
}
DEVICES = list(csv.DictReader(read('data', 'devices.csv').splitlines()))


def names(net, other):
    """Return the quantities that are said of a network, without single layers."""
    rows = [f'{net} conv energy by {how}' for how in CONV + ENERGY]
    rows += [f'{net} conv latency by {how}' for how in CONV]
    rows.append(f'{net} conv frame rate')
    rows += [f'{net} fc {q} by {how}' for q in ('energy', 'latency') for how in FC]
    return [row.replace('X', other) for row in rows]


def device_names():
    """Return the quantities that are said of devices."""
    measured = [row['Measurement'].split(' ') for row in DEVICES]
    rows = []
    for device, network in measured:
        both = sum(name == device for name, _ in measured) == 2
        hows = ['roof', 'share', 'MACs'] if both else ['roof']
        rows += [f'{network} on {device} by {how}' for how in hows]
    for device in [*dict.fromkeys(name for name, _ in measured), *VITIS]:
        count = VITIS.get(device) or sum(name == device for name, _ in measured)
        hows = ['MACs', 'share', 'layer_us'] if device in VITIS else ['MACs', 'share']
        if count > 1:
            rows += summaries(f'{count} networks on {device}', hows)
    return rows + summaries('77 networks on all devices', ['MACs', 'share'])


def summaries(title, hows):
    """Return the quantities that are said of how far off networks are."""
    return [f'{title}, {error} by {how}' for how in hows for error in ('typically', 'at worst')]


def errors(per_layer=False):
    """Return {quantity: error in percent}."""
    return {row['quantity']: row['error_percent'] for row in validator.validate(per_layer)}


def table_of(net):
    """Return the conv layers of Table V or VI, as {heading: cell}."""
    rows = csv.DictReader(read('data', fodlam.PUBLISHED[net]['eyeriss_file']).splitlines())
    return [row for row in rows if row['Layer'] != 'Total']


class Rows(unittest.TestCase):
    def test_names_and_their_order(self):
        expected = names('AlexNet', 'VGG16') + names('VGG16', 'AlexNet')
        expected += [f'ResNet-50 on nvdla-{2**i}' for i in range(11, 4, -1)]
        self.assertEqual(list(errors()), expected + device_names())
        self.assertEqual(len(expected), 45)

    def test_single_layers_only_if_asked_for(self):
        some, all_rows = validator.validate(), validator.validate(per_layer=True)
        self.assertEqual([row for row in all_rows if row in some], some)
        single = [row['quantity'] for row in all_rows if row not in some]
        expected = [
            f'{net} {name} {quantity} by {how}'
            for net in NETFILES
            for name in [*(row['Layer'] for row in table_of(net)), 'FC6', 'FC7', 'FC8']
            for quantity in ('energy', 'latency')
            for how in (FC if name.startswith('FC') else ['MACs', 'shape', *ENERGY])
            if quantity == 'energy' or how not in ENERGY
            if name.startswith('FC') or 'X' not in how
        ]
        other = dict(zip(NETFILES, reversed(NETFILES)))
        expected = [row.replace('X', other[row.split(' ')[0]]) for row in expected]
        self.assertEqual(single, expected)
        self.assertEqual(len(single), 18 * 7 + 6 * 6)

    def test_units_sources_and_errors(self):
        rows = validator.validate(per_layer=True)
        for row in rows:
            self.assertEqual(list(row), KEYS)
            sources = (
                r'\A(Eyeriss Table VI?|EIE Table IV, scaled from 45 nm|NVDLA primer|QuTiBench|'
                r'Vitis AI|both)\Z'
            )
            self.assertRegex(row['source'], sources)
            if ' networks on ' in row['quantity']:
                self.assertEqual((row['published'], row['modelled']), (None, None))
                continue
            error = (row['modelled'] - row['published']) / row['published'] * 100
            self.assertAlmostEqual(row['error_percent'], error)
            unit = next((u for q, u in fodlam.QUANTITY_UNITS.items() if q in row['quantity']), None)
            self.assertEqual(row['unit'], unit or 'frame/s')
        sources = {row['quantity'].split(' energy')[0]: row['source'] for row in rows}
        for what, source in (
            ('AlexNet CONV1', 'Eyeriss Table V'),
            ('VGG16 conv', 'Eyeriss Table VI'),
            ('VGG16 FC6', 'EIE Table IV, scaled from 45 nm'),
        ):
            self.assertEqual(sources[what], source)

    def test_layers_add_up(self):
        rows = {row['quantity']: row for row in validator.validate(per_layer=True)}
        for net in NETFILES:
            for kind, how in (('conv', 'MACs'), ('conv', 'shape'), ('fc', 'MACs')):
                pattern = rf'{net} {kind.upper()}[-\d]+ latency by {how}'
                for key in ('published', 'modelled'):
                    added = math.fsum(row[key] for q, row in rows.items() if re.match(pattern, q))
                    total = rows[f'{net} {kind} latency by {how}'][key]
                    self.assertTrue(math.isclose(added, total, rel_tol=1e-12))


class Numbers(unittest.TestCase):
    """JSSC 2017, Tables V and VI; ISCA 2016, Table IV; ../shared/facts/eyeriss-shape.md."""

    def test_known_errors(self):
        known = errors(per_layer=True)
        for quantity, percent in (
            ('AlexNet conv energy by shape', -7.4),
            ('AlexNet conv energy by zeros', 11.2),
            ('AlexNet conv energy by time', -12.0),
            ('AlexNet conv energy by time, zeros', 7.4),
            ("AlexNet conv energy by VGG16's shape", -8.2),
            ("AlexNet conv energy by VGG16's zeros", 11.1),
            ("VGG16 conv energy by AlexNet's shape", 29.3),
            ("VGG16 conv energy by AlexNet's zeros", 9.4),
            ('AlexNet conv latency by MACs', 111.4),
            ('AlexNet conv latency by shape', 5.2),
            ("AlexNet conv latency by VGG16's MACs", 116.2),
            ("AlexNet conv latency by VGG16's shape", 5.0),
            ("AlexNet fc latency by VGG16's MACs", -53.4),
            ('AlexNet CONV5 latency by shape', 27.2),
            ('VGG16 conv latency by MACs', -2.2),
            ('VGG16 conv latency by shape', -0.6),
            ("VGG16 conv latency by AlexNet's MACs", -53.7),
            ("VGG16 conv latency by AlexNet's shape", 12.3),
            ('AlexNet fc latency by density', 8.8),
            ('VGG16 fc latency by density', 5.8),
            ('VGG16 FC7 energy by density', 32.1),
            ("VGG16 fc latency by AlexNet's MACs", 114.6),
        ):
            self.assertEqual(round(known[quantity], 1), percent, quantity)

    def test_models_are_what_a_net_file_costs(self):
        rows = {row['quantity']: row for row in validator.validate()}
        for net, netfile in NETFILES.items():
            measured = fodlam.estimate({'net': net}, per_frame=True)
            for scaling, how in (('mac', 'MACs'), ('shape', 'shape')):
                config = {'netfile': netfile, 'scaling': scaling}
                report = fodlam.estimate(config, per_frame=True)
                for kind in ('conv', 'fc') if scaling == 'mac' else ('conv',):
                    for quantity in ('energy', 'latency'):
                        row = rows[f'{net} {kind} {quantity} by {how}']
                        self.assertEqual(row['modelled'], report[kind][quantity])
                        self.assertEqual(row['published'], measured[kind][quantity])

    def test_frame_rates(self):
        rates = {r['quantity']: r for r in validator.validate() if 'frame rate' in r['quantity']}
        for net, rate in (('AlexNet', 34.7), ('VGG16', 0.7)):
            row = rates[f'{net} conv frame rate']
            self.assertEqual(row['published'], rate)
            self.assertLess(abs(row['error_percent']), 1)

    def test_nvdla_has_the_published_figures(self):
        published = {
            f'ResNet-50 on {row["Configuration"]}': float(row['ResNet-50 (frame/s)'])
            for row in csv.DictReader(read('data', 'nvdla.csv').splitlines())
        }
        rows = [row for row in validator.validate() if row['source'] == 'NVDLA primer']
        self.assertEqual({row['quantity']: row['published'] for row in rows}, published)
        for row in rows:
            self.assertLess(abs(row['error_percent']), 1.4)

    def test_shape_predicts_better_what_it_was_not_calibrated_on(self):
        known = {quantity: abs(error) for quantity, error in errors().items()}
        for net, other in (('AlexNet', 'VGG16'), ('VGG16', 'AlexNet')):
            for quantity in ('energy', 'latency'):
                what = f"{net} conv {quantity} by {other}'s"
                self.assertLess(known[f'{what} shape'], known[f'{what} MACs'])


class Calibrated(unittest.TestCase):
    """The constants that are calibrated on Table VI must be what Table VI says."""

    CONSTANTS = eyeriss.EYERISS_CALIBRATION

    def test_pe_efficiency(self):
        """CONV5 is bound by computing: its MACs over what 168 PEs at 200 MHz could do."""
        bound = [row for row in table_of('VGG16') if row['Layer'].startswith('CONV5')]
        macs = sum(float(row['Num. of MACs (G)']) for row in bound) * 1e9
        time = sum(float(row['Processing Latency (ms)']) for row in bound) * 1e-3
        measured = macs / (168 * 200e6 * time)
        self.assertAlmostEqual(self.CONSTANTS.pe_efficiency / measured, 1, delta=0.03)

    def test_buffer_rate(self):
        """CONV1 to CONV4 are bound by the buffer: 3.11 to 3.21 GB/s, nearly 16 bytes a cycle.

        Of that, partial sums are 2.93 to 3.04, and 3.02 together.
        """
        layers = fodlam.published_layers('VGG16', per_frame=False)
        rates, sums, times = [], [], []
        for layer, row in zip(layers, table_of('VGG16')):
            if not row['Layer'].startswith('CONV5'):
                times.append(float(row['Processing Latency (ms)']) * 1e-3)
                all_bytes = float(row['Global Buffer Accesses (MB)']) * 2**20
                rates.append(all_bytes / times[-1] / 1e9)
                sums.append(
                    3 * eyeriss.partial_sum_bytes(layer.entry, parse_shape(layer.entry)) / 1e9
                )
        self.assertEqual((round(min(rates), 2), round(max(rates), 2)), (3.11, 3.21))
        of_sums = [x / time for x, time in zip(sums, times)]
        self.assertEqual((round(min(of_sums), 2), round(max(of_sums), 2)), (2.93, 3.04))
        together = math.fsum(sums) / math.fsum(times)
        self.assertEqual(round(together, 2), 3.02)
        self.assertAlmostEqual(comparisons.calibrate('VGG16').buffer_bytes_per_s / 1e9, together)

    def test_megabytes_are_of_2_to_the_20(self):
        """CONV1-2's partial sums alone are 2466 x 10^6 bytes, more than 2402.8 x 10^6."""
        layer, row = fodlam.published_layers('VGG16', per_frame=True)[1], table_of('VGG16')[1]
        self.assertEqual(layer.name, 'CONV1-2')
        sums = 3 * eyeriss.partial_sum_bytes(layer.entry, parse_shape(layer.entry))
        self.assertEqual(round(sums / 1e6), 2466)
        published = float(row['Global Buffer Accesses (MB)'])
        self.assertGreater(sums, published * 1e6)
        self.assertLess(sums, published * 2**20)

    def test_macs_are_rounded(self):
        """CONV2 of AlexNet is 4 x 223.9488 M = 0.8958 G, printed 0.90."""
        for net in NETFILES:
            batch_frames = fodlam.PUBLISHED[net]['batch_frames']
            layers = fodlam.published_layers(net, per_frame=True)
            for layer, row in zip(layers, table_of(net)):
                macs = layer.macs * batch_frames / 1e9
                printed = float(row['Num. of MACs (G)'])
                # VGG-16's 5.549 is printed as 5.55, and its half of 2.774 as 2.77.
                self.assertAlmostEqual(macs, printed, delta=0.0051, msg=layer.name)

    def test_power(self):
        power = statistics.mean(float(row['Power (mW)']) for row in table_of('VGG16')) * 1e-3
        self.assertAlmostEqual(self.CONSTANTS.power_w / power, 1, delta=0.03)

    def test_bytes_of_the_buffer(self):
        """The rule for summed channels gives the bytes that CONV1 to CONV4 moved."""
        no_buffer, one_byte = eyeriss.Calibration(1e30, 1e30, 1), eyeriss.Calibration(1e30, 1, 1)
        layers = fodlam.published_layers('VGG16', per_frame=True)
        for layer, row in zip(layers, table_of('VGG16')):
            link_s, both_s = (
                eyeriss.eyeriss_cost(layer.entry, calibration)[0].latency_s
                for calibration in (no_buffer, one_byte)
            )
            published = float(row['Global Buffer Accesses (MB)']) * 2**20 / 3
            if not layer.name.startswith('CONV5'):
                # Ifmaps and filters are in the published bytes too.
                share = (both_s - link_s) / published
                self.assertTrue(0.9 < share < 1, (layer.name, share))

    def test_calibrating_on_table_vi_gives_the_constants(self):
        calibrated = comparisons.calibrate('VGG16')
        self.assertIsInstance(calibrated, eyeriss.Calibration)
        for constant, measured in zip(self.CONSTANTS, calibrated):
            self.assertAlmostEqual(constant / measured, 1, delta=0.01)

    def test_calibrating_on_table_v_finds_another_buffer(self):
        """No layer of AlexNet is bound by it: what they show is no more than the highest rate."""
        calibrated = comparisons.calibrate('AlexNet')
        self.assertLess(calibrated.buffer_bytes_per_s, 0.9 * self.CONSTANTS.buffer_bytes_per_s)

    def test_energy_parts(self):
        """The fit to Table VI is 203.9 mW and 8.46 pJ; ../shared/facts/eyeriss-energy.md."""
        fitted = comparisons.fit_energy_parts('VGG16')
        self.assertEqual(f'{fitted.clock_w * 1e3:.1f} {fitted.mac_j * 1e12:.2f}', '203.9 8.46')
        constants = eyeriss.EYERISS_ENERGY_PARTS
        self.assertEqual((constants.clock_w, constants.mac_j), (0.2039, 8.46e-12))

    def test_energy_parts_have_the_least_squares(self):
        """No other two constants fit a table better, however little they are apart from these."""

        def squares(net, clock_w, mac_j):
            total = 0
            for row in table_of(net):
                time = float(row['Total Latency (ms)']) * 1e-3
                energy = float(row['Power (mW)']) * 1e-3 * time
                zeros = float(row['Zeros in Ifmaps'].rstrip('%')) / 100
                macs = float(row['Num. of MACs (G)']) * 1e9 * (1 - zeros)
                total += ((clock_w * time + mac_j * macs) / energy - 1) ** 2
            return total

        for net in NETFILES:
            clock_w, mac_j = comparisons.fit_energy_parts(net)
            least = squares(net, clock_w, mac_j)
            for clock, mac in itertools.product((0.999, 1, 1.001), repeat=2):
                if (clock, mac) != (1, 1):
                    self.assertGreater(squares(net, clock_w * clock, mac_j * mac), least)

    def test_papers_constants(self):
        raw = read('raw', 'eyeriss-tableIV.txt')
        self.assertIn(f'Number of PEs\n\n{eyeriss.EYERISS_PES}\n', raw)
        self.assertIn('16-bit', raw)
        self.assertEqual(eyeriss.EYERISS_WORD_BYTES * 8, 16)
        self.assertEqual(eyeriss.EYERISS_LINK_BYTES_PER_S, 0.48e9)
        self.assertEqual(
            eyeriss.EYERISS_PES * eyeriss.EYERISS_CLOCK_HZ, 33.6e9
        )  # the peak, in MAC/s


class TwoParts(unittest.TestCase):
    """Why one power stays the model of layers whose zeros are not given (data/README.md)."""

    def of_layers(self, net, how):
        """Return the errors in percent of the energies of a network's conv layers."""
        known = errors(per_layer=True)
        return [known[f'{net} {row["Layer"]} energy by {how}'] for row in table_of(net)]

    def by_share(self, net, activations):
        """Return (error of all conv layers, [error of each]) with one share for all of them."""
        config = {'netfile': NETFILES[net], 'scaling': 'shape'}
        config['density'] = {'conv_activations': activations}
        layers = fodlam.estimate(config, per_layer=True)['layers']
        modelled = [layer['energy'] for layer in layers if layer['kind'] == 'conv']
        published = [
            float(row['Power (mW)']) * float(row['Total Latency (ms)']) * 1e-6
            for row in table_of(net)
        ]
        frames = fodlam.PUBLISHED[net]['batch_frames']
        each = [(m / p * frames - 1) * 100 for m, p in zip(modelled, published)]
        return (math.fsum(modelled) / math.fsum(published) * frames - 1) * 100, each

    def test_table_in_the_readme(self):
        said = ' '.join(read('data', 'README.md').split())
        for title, how in (
            ('one power, published times', 'time'),
            ('two parts, published times', 'time, zeros'),
            ('one power, modelled times', 'shape'),
            ('two parts, modelled times', 'zeros'),
            ('two parts, modelled times, 41% for all layers', None),
        ):
            for net, name in (('AlexNet', 'AlexNet'), ('VGG16', 'VGG-16')):
                if how is None:
                    total, each = self.by_share(net, 0.41)
                else:
                    total, each = errors()[f'{net} conv energy by {how}'], self.of_layers(net, how)
                sizes = [abs(error) for error in each]
                cells = f'{total:+.1f}% | {statistics.mean(sizes):.1f}% | {max(sizes):.1f}%'
                self.assertIn(f'| {title} | {name} | {cells} |', said)
        for net, other, sentence in (
            ('VGG16', 'AlexNet', 'AlexNet alone, VGG-16'),
            ('AlexNet', 'VGG16', 'VGG-16 alone, it'),
        ):
            zeros, shape = (
                errors()[f"{net} conv energy by {other}'s {how}"] for how in ('zeros', 'shape')
            )
            self.assertIn(f'{sentence} comes out {zeros:+.0f}% instead of {shape:+.0f}%', said)
        late = errors()['AlexNet conv latency by shape']
        self.assertIn(f"AlexNet's modelled time, which is {late:.1f}% too long", said)

    def test_alexnet_gets_worse(self):
        """Else, two parts would be the model: ../shared/facts/eyeriss-energy.md."""
        known = errors()
        before, after = (abs(known[f'AlexNet conv energy by {x}']) for x in ('shape', 'zeros'))
        self.assertGreater(after, before)
        for netfile in NETFILES.values():
            for entry in fodlam.read_net(netfile).values():
                if entry['type'] == 'Convolution':
                    self.assertNotIn('activation_density', entry)

    def test_41_percent(self):
        """59% of the MACs of both networks have an input of zero; layers have 0 to 88.5%."""
        macs, busy, shares = [], [], []
        for net in NETFILES:
            layers = fodlam.published_layers(net, per_frame=True)
            for layer, row in zip(layers, table_of(net)):
                share = 1 - float(row['Zeros in Ifmaps'].rstrip('%')) / 100
                shares.append(share)
                macs.append(layer.macs)
                busy.append(layer.macs * share)
        self.assertEqual(round(sum(busy) / sum(macs), 2), 0.41)
        self.assertEqual((f'{min(shares):.1%}', f'{max(shares):.2%}'), ('11.5%', '99.99%'))
        said = ' '.join(read('data', 'README.md').split())
        self.assertIn('Single layers have 11.5% to 99.99%.', said)

    def test_calibrated_on(self):
        rows = {row['quantity']: row['calibrated_on'] for row in validator.validate(per_layer=True)}
        for quantity, known in (
            ('AlexNet conv energy by MACs', 'AlexNet, VGG16'),
            ('AlexNet conv energy by shape', 'VGG16'),
            ("AlexNet conv energy by VGG16's zeros", 'VGG16'),
            ("VGG16 conv energy by AlexNet's zeros", 'AlexNet'),
            ('VGG16 CONV1-1 energy by time, zeros', 'VGG16'),
            ("VGG16 fc latency by AlexNet's MACs", 'AlexNet'),
            ('VGG16 FC6 energy by density', 'NeuralTalk'),
            ('VGG16 conv frame rate', None),
            ('ResNet-50 on nvdla-2048', None),
        ):
            self.assertEqual(rows[quantity], known, quantity)


class CommandLine(unittest.TestCase):
    def test_formats_agree(self):
        for flags in ([], ['--per-layer']):
            rows = validator.validate(per_layer=bool(flags))
            result = validate('--format', 'json', *flags)
            self.assertEqual((result.status, result.err), (0, ''))
            self.assertEqual(json.loads(result.out), rows)
            read_back = list(csv.DictReader(io.StringIO(validate('--format', 'csv', *flags).out)))
            self.assertEqual(
                read_back,
                [{k: '' if v is None else str(v) for k, v in row.items()} for row in rows],
            )
            self.assertEqual(list(read_back[0]), KEYS)

    def test_table_is_the_default_and_fits_the_screen(self):
        for flags in ([], ['--per-layer']):
            result = validate(*flags)
            self.assertEqual((result.status, result.err), (0, ''))
            self.assertEqual(validate('--format', 'table', *flags), result)
            self.assertTrue(result.out.isascii())
            lines = result.out.splitlines()
            self.assertLessEqual(max(map(len, lines)), 80)
            self.assertNotIn('..', result.out)  # no name is cut
            note = lines.index(
                'Networks on a device, each modelled by all others that were measured on it; on'
            )
            tables = lines[: lines.index('')], lines[note + 4 :]
            for table in tables:
                gaps = [i for i, c in enumerate(table[1]) if c == ' ']
                for line in table:
                    self.assertTrue(all(line[i : i + 1] in ('', ' ') for i in gaps), line)
            rows = validator.validate(per_layer=bool(flags))
            figures = [row for row in rows if row['published'] is not None]
            self.assertEqual(len(tables[0]), 2 + len(figures))
            self.assertEqual(len(tables[1]), 2 + 6 + 4 + 1)  # QuTiBench's, Vitis AI's and all

    def test_eie_is_scaled(self):
        """By (65/45)^3, or by the fit's 1 / 0.512; a paper's own number is 0.59 W x 8.0 us."""
        self.assertEqual((round((65 / 45) ** 3, 2), round(1 / 0.512, 2)), (3.01, 1.95))
        out = validate().out
        end = out[out.index('\n\n') :]
        for text in (validator.__doc__, end):
            said = ' '.join(text.split())
            self.assertIn('scaled from 45 to 65 nm: energy times 3.01', said)
            self.assertIn('says 1.95', said)
        for line in out.splitlines():
            self.assertEqual(line.endswith('  EIE scaled'), ' fc ' in line, line)
        rows = {row['quantity']: row for row in validator.validate(per_layer=True)}
        row = rows['VGG16 FC8 energy by MACs']
        table = csv.DictReader(read('data', fodlam.EIE_FILE).splitlines())
        (time,) = (float(r['Actual Time (us)']) for r in table if r['Layer'] == 'VGG16 FC8')
        self.assertAlmostEqual(row['published'] / (0.59 * time * 1e-6), 3.0137, places=4)

    def test_help_is_the_docstring(self):
        for flag in ('-h', '--help'):
            self.assertEqual(validate(flag), (0, validator.__doc__, ''))
        self.assertLessEqual(max(map(len, validator.__doc__.splitlines())), 80)
        for name in (*validator.FORMATS, '--per-layer', '--calibrated', '--format', '--help'):
            self.assertIn(name, validator.__doc__)

    def test_wrong_arguments(self):
        for argv, said in (
            (
                ['--format', 'svg'],
                '--format is \'svg\'; did you mean "csv"? choose from table, csv, json',
            ),
            (['--format'], '--format has no value; expected one'),
            (['--per-frame'], 'unknown option --per-frame; did you mean --per-layer?'),
            (['--per'], 'unknown option --per;'),
            (['a\nb'], 'too many: a b;'),
        ):
            result = validate(*argv)
            self.assertEqual((result.status, result.out), (2, ''), argv)
            self.assertRegex(
                result.err, r'\Avalidate.py: arguments: [^\n]+[;?] see validate.py --help\n\Z'
            )
            self.assertIn(said, result.err)

    def test_fodlam_names_the_program(self):
        for flags in ([], ['--format', 'json'], ['--per-layer'], ['--diagnose'], ['a.json']):
            result = run('--validate', *flags)
            self.assertEqual((result.status, result.out), (2, ''))
            self.assertEqual(len(result.err.splitlines()), 1)
            self.assertIn('python3 data/validate.py', result.err)
            self.assertIn('python3 -m fodlam.data.validate', result.err)

    def test_closed_streams(self):
        err = io.StringIO()
        self.assertEqual(validator.main([], None, None, err), 1)
        self.assertRegex(
            err.getvalue(), r'\Avalidate.py: standard output: cannot be used [^\n]+\n\Z'
        )
        self.assertEqual(validator.main(['--wrong'], None, io.StringIO(), None), 2)

    def test_damage(self):
        """A file that is missing or damaged is one line on stderr."""

        def change(file, old, new):
            name = path(folder, *file.split('/'))
            with open(name, encoding='utf-8') as stream:
                text = stream.read()
            self.assertIn(old, text)
            with open(name, 'w', encoding='utf-8') as stream:
                stream.write(text.replace(old, new))

        for file, old, new in (
            ('data/eyeriss-alexnet.csv', '\nCONV3,', '\nCONV9,'),
            ('data/eyeriss-vgg16.csv', 'Processing Latency (ms)', 'Processing'),
            ('data/eyeriss-vgg16.csv', 'Zeros in Ifmaps', 'Zeros'),
            ('data/eyeriss-vgg16.csv', '47.7%', '47.7'),
            ('data/eyeriss-vgg16.csv', '47.7%', '477%'),
            ('data/eie-layers.csv', 'VGG16 FC8', 'VGG16 FC9'),
            ('data/nvdla.csv', 'ResNet-50', 'ResNet-51'),
            ('nets/alexnet_deploy.json', '"ifmap"', '"imap"'),
        ):
            with tempfile.TemporaryDirectory() as folder:
                for name in ('data', 'nets'):
                    shutil.copytree(path(name), os.path.join(folder, name))
                change(file, old, new)
                with (
                    mock.patch('fodlam.DATA_DIR', os.path.join(folder, 'data')),
                    mock.patch('fodlam.NETS_DIR', os.path.join(folder, 'nets')),
                ):
                    result = validate()
                self.assertEqual((result.status, result.out), (1, ''), file)
                self.assertRegex(result.err, r'\Avalidate.py: [^\n]+\n\Z', file)


@unittest.skipUnless(os.name == 'posix', 'needs a POSIX shell')
class Process(unittest.TestCase):
    """What can only be seen from outside."""

    SCRIPT = path('data', 'validate.py')

    def shell(self, line, script=SCRIPT, **options):
        clean = {name: value for name, value in os.environ.items() if not name.startswith('PYTHON')}
        return subprocess.run(
            ['sh', '-c', line, sys.executable, script],
            capture_output=True,
            text=True,
            timeout=60,
            env=clean,
            **options,
        )

    def test_from_any_folder_and_through_a_link(self):
        expected = validate().out
        with tempfile.TemporaryDirectory() as folder:
            link = os.path.join(folder, 'check')
            os.symlink(self.SCRIPT, link)
            for script in (self.SCRIPT, link):
                for flags in ('', '-I', '-S'):
                    process = self.shell(f'"$0" {flags} "$1"', script=script, cwd=folder)
                    self.assertEqual((process.stdout, process.stderr), (expected, ''))

    def test_as_a_module_of_the_package(self):
        """As it is once installed: fodlam.py is the package's __init__.py."""
        with tempfile.TemporaryDirectory() as folder:
            package = os.path.join(folder, 'fodlam')
            for name in ('data', 'nets'):
                shutil.copytree(path(name), os.path.join(package, name))
            shutil.copy(path('fodlam.py'), os.path.join(package, '__init__.py'))
            process = self.shell('"$0" -m fodlam.data.validate', cwd=folder)
        self.assertEqual((process.stdout, process.stderr), (validate().out, ''))

    def test_without_its_rooms(self):
        """Help still works, and what is missing is named."""
        with tempfile.TemporaryDirectory() as folder:
            for name in ('data', 'nets'):
                shutil.copytree(
                    path(name),
                    os.path.join(folder, name),
                    ignore=shutil.ignore_patterns('[a-u]*.py'),
                )
            shutil.copy(path('fodlam.py'), folder)
            script = os.path.join(folder, 'data', 'validate.py')
            self.assertEqual(self.shell('"$0" "$1" -h', script=script).stdout, validator.__doc__)
            process = self.shell('"$0" "$1"', script=script)
        self.assertEqual((process.returncode, process.stdout), (1, ''))
        self.assertRegex(
            process.stderr,
            r"\Avalidate.py: validate.py: cannot be loaded [^\n]+'fodlam.data.arguments'[^\n]+\n\Z",
        )

    def test_stdout_that_cannot_be_written(self):
        said = r'\Avalidate.py: standard output: cannot be used \([^\n]+\nstatus 1\n\Z'
        for target in ('&-', '/dev/full'):
            process = self.shell(f'"$0" "$1" >{target}; echo "status $?" >&2')
            self.assertRegex(process.stderr, said, target)

    def test_head_and_closed_stdin(self):
        process = self.shell('"$0" "$1" --format csv <&- | head -1')
        self.assertEqual((process.stdout, process.stderr), (','.join(KEYS) + '\n', ''))


if __name__ == '__main__':
    unittest.main()
