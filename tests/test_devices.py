"""Rooflines against what real devices were measured to do.

The numbers are those of ../shared/facts/devices.md and more-devices.md.
"""

import csv
import io
import itertools
import json
import math
import os
import re
import shutil
import statistics
import tempfile
import unittest
from unittest import mock

from support import Terminal, fodlam, path, read, run, validate

from fodlam.data import accelerators, calibration, comparisons, demand, devices, eyeriss, roofline
from fodlam.data.sweeps import KeptCatalogs

# The share of its roofline's rate that each device attains, and their geometric mean.
SHARES = {
    'edge-tpu': ({'GoogLeNet': 0.262, 'MobileNet': 0.236}, 0.249),
    'jetson-tx2-fp16': ({'GoogLeNet': 0.470, 'ResNet-50': 0.552}, 0.509),
    'jetson-tx2-fp32': ({'GoogLeNet': 0.551, 'ResNet-50': 0.617}, 0.583),
    'ncs2': ({'ResNet-50': 0.285}, 0.285),
    'ultra96-dpu': ({'GoogLeNet': 0.311, 'ResNet-50': 0.362}, 0.336),
    'zcu102-dpu': ({'GoogLeNet': 0.470, 'ResNet-50': 0.537}, 0.502),
    'zcu104-dpu': ({'MobileNet': 0.177, 'ResNet-50': 0.413}, 0.270),
}
ROWS = list(csv.DictReader(read('data', 'devices.csv').splitlines()))
CHIP = {'macs': 1024, 'clock_mhz': 1000, 'dram_gbps': 10, 'power_mw': 100}


def estimate(accelerator, netfile='resnet50.json', **options):
    return fodlam.estimate({'netfile': netfile, 'accelerator': accelerator}, **options)


def total(accelerator, **options):
    return estimate(accelerator, **options)['total']


class Shares(unittest.TestCase):
    def test_are_the_facts(self):
        runs = calibration.measured_runs()
        for device, (of_networks, mean) in SHARES.items():
            found = {}
            for network, each in runs[device].items():
                found[network] = round(each.roof_s / each.measured_s, 3)
            self.assertEqual(found, of_networks)
            named = accelerators.named_accelerator(device)
            self.assertAlmostEqual(named.efficiency, mean, delta=0.0006)
            self.assertEqual(named.layer_us, 0)

    def test_a_roofline_by_itself_is_62_to_466_percent_too_fast(self):
        shares = [share for of_networks, _ in SHARES.values() for share in of_networks.values()]
        self.assertEqual(
            (round(1 / max(shares) - 1, 2), round(1 / min(shares) - 1, 2)), (0.62, 4.65)
        )

    def test_a_devices_rates_are_the_geometric_mean_of_what_was_measured(self):
        """With the efficiency, the errors of a device's networks cancel each other."""
        for device, (of_networks, _) in SHARES.items():
            ratios = []
            for network in of_networks:
                row = next(r for r in ROWS if r['Measurement'] == f'{device} {network}')
                netfile = devices.NETFILES[network]
                seconds = total(device, netfile=netfile)['latency']
                ratios.append(1 / seconds / float(row['Compute (frame/s)']))
            self.assertAlmostEqual(math.prod(ratios), 1)

    def test_power_is_the_mean_of_what_was_measured(self):
        for device in SHARES:
            rows = [row for row in ROWS if row['Measurement'].startswith(f'{device} ')]
            mean = math.fsum(float(row['Power (W)']) for row in rows) / len(rows)
            cost = total(device)
            self.assertAlmostEqual(cost['energy'] / cost['latency'] / mean, 1)

    def test_the_table_is_qutibenchs(self):
        """Every device has one peak and one bandwidth; a precision has its bytes."""
        sizes = {'int8': '1', 'fp16': '2', 'fp32': '4'}
        self.assertEqual(len(ROWS), 13)
        of_device = {}
        for row in ROWS:
            self.assertEqual(row['Bytes a Number'], sizes[row['Precision']])
            device = row['Measurement'].partition(' ')[0]
            facts = row['Precision'], row['Peak (TOP/s)'], row['DRAM Bandwidth (GB/s)']
            self.assertEqual(of_device.setdefault(device, facts), facts)

    def test_a_network_that_nobody_knows_is_an_error(self):
        table = dict.fromkeys(['edge-tpu VGG'], {})
        with (
            mock.patch('fodlam.data.devices.read_table', lambda *_: table),
            self.assertRaisesRegex(ValueError, "devices.csv: unknown network 'VGG'; expected Eff"),
        ):
            devices.read_devices()

    def test_a_damaged_table_is_one_line_in_every_format(self):
        """A table or picture of a bare roofline reads devices only for its last line."""
        chip = {'macs': 64, 'clock_mhz': 1000, 'dram_gbps': 10}
        for file, old, new, said in (
            ('devices.csv', 'GoogLeNet', 'VGG', "unknown network 'VGG'"),
            ('vitis.csv', 'VGG-19', 'VGG', "unknown network 'VGG'"),
            ('calibrated.csv', '0.2488902797697745', 'x', "row 2, column .Efficiency.: 'x'"),
            ('calibrated.csv', '0.2364350910045', '0', "row 2, column .Least Share.: '0'"),
            ('calibrated.csv', 'edge-tpu', 'cloud-tpu', "no device 'edge-tpu'"),
        ):
            with tempfile.TemporaryDirectory() as folder:
                shutil.copytree(path('data'), folder, dirs_exist_ok=True)
                with open(path(folder, file), 'w', encoding='utf-8') as table:
                    table.write(read('data', file).replace(old, new))
                with mock.patch('fodlam.DATA_DIR', folder):
                    cases = [('edge-tpu', 'json')]
                    if said.startswith('row'):
                        cases += [(chip, 'table'), (chip, 'svg')]
                    for value, form in cases:
                        config = json.dumps({'netfile': 'lenet.json', 'accelerator': value})
                        result = run('--format', form, stdin=config.encode())
                        self.assertEqual((result.status, result.out), (1, ''))
                        self.assertRegex(
                            result.err, rf'\Afodlam: [^\n]*data/{file}: {said}; expected [^\n]+\n\Z'
                        )


class Vitis(unittest.TestCase):
    """data/vitis.csv, and what is calibrated on it: ../shared/facts/more-devices.md."""

    ROWS = list(csv.DictReader(read('data', 'vitis.csv').splitlines()))

    def test_the_table(self):
        self.assertEqual(len(self.ROWS), 65)
        of_device, networks = {}, {}
        for row in self.ROWS:
            device, network = row['Measurement'].split(' ')
            networks.setdefault(device, []).append(network)
            cores, _, size = row['Cores'].partition(' x B')
            facts = row['Cores'], row['Peak (TOP/s)'], row['DRAM Bandwidth (GB/s)']
            self.assertEqual(of_device.setdefault(device, facts), facts)
            self.assertEqual(row['Bytes a Number'], '1')
            # Operations per second, over those per cycle: the clock, of 280 to 300 MHz.
            clock_mhz = float(row['Peak (TOP/s)']) * 1e6 / int(cores) / int(size)
            self.assertTrue(280 <= clock_mhz <= 300, row)
        self.assertEqual(
            {device: len(names) for device, names in networks.items()},
            {
                'kv260-dpu': 19,
                'ultra96-dpu-b1600': 8,
                'zcu102-dpu-3xb4096': 19,
                'zcu104-dpu-2xb4096': 19,
            },
        )
        used = {name for names in networks.values() for name in names}
        self.assertEqual(used, set(devices.NETFILES))

    def test_no_two_files_are_one_network(self):
        """Two of the same form would ask the same of an accelerator, layer by layer."""
        seen = {}
        for file in sorted(os.listdir(path('nets'))):
            if not file.endswith('.json'):
                continue
            mapping = demand.Mapping(**demand.MAPPING_DEFAULTS)
            catalog = fodlam.Catalog(file, demand.DemandModel, mapping)
            demands = tuple(layer.cost[1:] for layer in catalog.layers.values())
            self.assertNotIn(demands, seen)
            seen[demands] = file
        self.assertEqual(len(seen), 25)

    def test_macs_of_the_networks(self):
        """2 x MACs are 4.70, 7.32 and 19.32 G; width 0.5 of MobileNet has 76 M MACs (the paper)."""
        for netfile, giga in (
            ('efficientnet_edgetpu_s.json', 4.70),
            ('efficientnet_edgetpu_m.json', 7.32),
            ('efficientnet_edgetpu_l.json', 19.32),
            ('mobilenet_050_160.json', 0.153),
        ):
            macs = sum(entry.get('macs', 0) for entry in fodlam.read_net(netfile).values())
            self.assertAlmostEqual(2 * macs / 1e9, giga, delta=0.006)

    def test_leave_one_out_is_as_in_the_facts(self):
        """Typical and worst error by share alone and by share and time per layer, and this time.

        The facts have the time of a coarse grid, eight a decade, which is off by up to 15%, and with
        it the errors are a little other.
        """
        runs = calibration.measured_runs()
        for device, share, both, layer_us in (
            ('kv260-dpu', (48, 425), (24, 317), 13),
            ('zcu102-dpu-3xb4096', (26, 283), (23, 263), 3.2),
            ('zcu104-dpu-2xb4096', (26, 308), (20, 268), 4.2),
            ('ultra96-dpu-b1600', (13, 42), (12, 39), 18),
        ):
            of_device = list(runs[device].values())
            for fit, (typical, worst), typical_delta, worst_delta in (
                (calibration.fit_share, share, 0.6, 0.6),
                (calibration.fit_share_and_layer, both, 1, 12),
            ):
                errors = calibration.errors_of(calibration.leave_one_out(of_device, fit))
                mean = calibration.geometric_mean(errors)
                self.assertAlmostEqual((mean - 1) * 100, typical, delta=typical_delta)
                self.assertAlmostEqual((max(errors) - 1) * 100, worst, delta=worst_delta)
            named = accelerators.named_accelerator(device)
            self.assertAlmostEqual(named.layer_us / layer_us, 1, delta=0.15)

    def test_one_network_by_another_is_as_in_the_facts(self):
        """Typical error and 95th percentile, by MACs and by share, over ordered pairs.

        Of the four boards together, the facts have 39% and 102%, which are the geometric means of
        the boards' typical errors, and factors of 4.3 and 11.7, percentiles of all 1,082 pairs.
        """
        runs = calibration.measured_runs()
        typical_by_share, typical_by_macs, all_by_share, all_by_macs = [], [], [], []
        for device, by_macs, by_share in (
            ('kv260-dpu', 120, (66, 484)),
            ('zcu104-dpu-2xb4096', 124, (39, 320)),
            ('zcu102-dpu-3xb4096', 126, (37, 317)),
            ('ultra96-dpu-b1600', 52, (18, 47)),
        ):
            of_device = {device: runs[device]}
            errors = calibration.errors_of(calibration.from_one_to_another(of_device))
            typical = calibration.geometric_mean(errors)
            self.assertAlmostEqual((typical - 1) * 100, by_share[0], delta=0.6)
            typical_by_share.append(typical)
            all_by_share += errors
            highest = calibration.percentile(errors, 0.95)
            # Which number is a percentile of a few hundred is by one rule or another.
            self.assertAlmostEqual(highest, 1 + by_share[1] / 100, delta=0.15)
            rates = {n: comparisons.by_macs(each) for n, each in runs[device].items()}
            errors = calibration.errors_of(calibration.from_one_to_another({device: rates}))
            typical = calibration.geometric_mean(errors)
            self.assertAlmostEqual((typical - 1) * 100, by_macs, delta=0.6)
            typical_by_macs.append(typical)
            all_by_macs += errors
        self.assertEqual(len(all_by_share), 1082)
        said = ' '.join(read('README.md').split())
        for typicals, errors, percent, factor in (
            (typical_by_share, all_by_share, 39, 4.3),
            (typical_by_macs, all_by_macs, 102, 11.7),
        ):
            mean = calibration.geometric_mean(typicals)
            self.assertAlmostEqual((mean - 1) * 100, percent, delta=0.6)
            self.assertEqual(round(calibration.percentile(errors, 0.95), 1), factor)
        self.assertIn('the mean is 39%, by MACs 102%', said)


class Calibrated(unittest.TestCase):
    """What is stored, so that no estimate has to work it out, is what data/calibration.py says."""

    def test_the_table(self):
        runs = calibration.measured_runs()
        stored = devices.read_calibrated()
        self.assertEqual(list(stored), list(runs))
        for device in runs:
            for found, expected in zip(stored[device], calibration.calibrate_device(device, runs)):
                self.assertAlmostEqual(found, expected, delta=1e-5 * expected)

    def test_the_program_that_prints_it(self):
        result = validate('--calibrated')
        self.assertEqual(result.err, '')
        rows = [line.split(',')[:2] for line in result.out.splitlines()]
        self.assertEqual(
            rows, [x.split(',')[:2] for x in read('data', 'calibrated.csv').splitlines()]
        )
        result = validate('--calibrated', '--per-layer')
        self.assertEqual((result.status, result.out), (2, ''))
        self.assertRegex(result.err, 'takes no other option')

    def test_errors_of_other_accelerators(self):
        """To three digits, and the typical error to four."""
        runs = calibration.measured_runs()
        for stored, found in (
            (devices.ONE_NETWORK, calibration.from_one_to_another(runs)),
            (
                devices.TWO_NETWORKS,
                calibration.from_two_to_another(runs, calibration.fit_share_and_layer),
            ),
        ):
            found = calibration.summarize(found)
            for field, expected in zip(devices.Errors._fields, found):
                digits = 4 if field == 'typical' else 3
                self.assertEqual(f'{getattr(stored, field):.{digits}g}', f'{expected:.{digits}g}')

    def test_many_networks(self):
        """Any limit from 3 to 8 would choose the same for the devices that were measured."""
        numbers = {len(networks) for networks in devices.read_devices().values()}
        self.assertEqual(numbers, {1, 2, 8, 19})
        for device, runs in calibration.measured_runs().items():
            fit = calibration.fit_device(list(runs.values()))
            self.assertEqual(fit.layer_s > 0, len(runs) >= devices.MANY_NETWORKS, device)
        runs = list(calibration.measured_runs()['kv260-dpu'].values())
        self.assertEqual(calibration.fit_device(runs[-5:]), calibration.fit_share(runs[-5:]))
        both = calibration.fit_share_and_layer(runs[-6:])
        self.assertGreater(both.layer_s, 0)
        self.assertEqual(calibration.fit_device(runs[-6:]), both)

    def test_a_percentile_is_that_of_the_standard_library(self):
        numbers = [math.sin(i) for i in range(40)]
        for i, cut in enumerate(statistics.quantiles(numbers, n=20)):
            self.assertAlmostEqual(calibration.percentile(numbers, (i + 1) / 20), cut)

    def test_ranges_hold_networks_that_the_calibration_did_not_know(self):
        """Of 77 networks, each left out, at least 90% are in the range that --range gives them."""
        runs, measured, kept = calibration.measured_runs(), devices.read_devices(), KeptCatalogs()
        held = []
        for device, of_device in runs.items():
            for network, left_out in of_device.items():
                others = {name: each for name, each in of_device.items() if name != network}
                if not others:
                    continue
                row = calibration.calibrate_device(device, {**runs, device: others})
                with mock.patch.object(
                    devices, 'read_calibrated', lambda row=row, d=device: {d: row}
                ):
                    accelerator = devices.find_device(device, measured)
                    with mock.patch.object(
                        accelerators, 'named_accelerator', lambda name, a=accelerator: a
                    ):
                        config = {'netfile': devices.NETFILES[network], 'accelerator': device}
                        estimate = fodlam.make_estimate(config, False, True, kept.find)
                low, high = estimate.ranges['total']
                held.append(low.latency_s <= left_out.measured_s <= high.latency_s)
        self.assertEqual(len(held), 77)
        self.assertGreaterEqual(sum(held) / len(held), 0.9)
        said = ' '.join(read('README.md').split())
        self.assertIn(f'holds {sum(held)} of 77 networks that it did not know', said)


class Calibrate(unittest.TestCase):
    """fodlam.calibrate and --calibrate."""

    CHIP = {'macs': 1000, 'clock_mhz': 1000, 'dram_gbps': 1e6}  # 1e12 MAC/s, and no wait for DRAM

    def net(self, name, macs, layers):
        """Write a net file of 1 x 1 convolutions, and return its path."""
        shape = {'ifmap': [1, 1, 1], 'ofmap': [macs, 1, 1], 'kernel': [1, 1]}
        entries = []
        for i in range(layers):
            entries.append({'name': f'c{i}', 'type': 'Convolution', 'macs': macs, **shape})
        with open(path(self.folder, name), 'w', encoding='utf-8') as file:
            json.dump(entries, file)
        return path(self.folder, name)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.light = self.net('light.json', 10**6, 10)  # 10 layers of 1 us
        self.heavy = self.net('heavy.json', 10**7, 20)  # 20 layers of 10 us

    def test_one_network_tells_the_share_alone(self):
        found = fodlam.calibrate({**self.CHIP, 'layer_us': 9}, {self.light: 25_000})
        self.assertAlmostEqual(found.pop('efficiency'), 0.25)  # 10 us of 40
        self.assertEqual(found, self.CHIP)

    def test_a_batch_takes_its_time_per_layer_once(self):
        chip = {**self.CHIP, 'batch': 4}
        found = fodlam.calibrate(chip, {self.light: 1 / 80e-6, self.heavy: 1 / 520e-6})
        self.assertAlmostEqual(found['layer_us'], 4 * 3, places=4)
        self.assertAlmostEqual(total(found, netfile=self.light)['latency'] / 80e-6, 1, places=5)

    def test_two_networks_are_met_exactly(self):
        """With 3 us a layer and a share of a half: (10 + 30) x 2 us, and (200 + 60) x 2 us."""
        found = fodlam.calibrate(self.CHIP, {self.light: 1 / 80e-6, self.heavy: 1 / 520e-6})
        self.assertAlmostEqual(found['efficiency'], 0.5, places=5)
        self.assertAlmostEqual(found['layer_us'], 3, places=4)
        for netfile, seconds in ((self.light, 80e-6), (self.heavy, 520e-6)):
            self.assertAlmostEqual(total(found, netfile=netfile)['latency'] / seconds, 1, places=5)

    def test_a_time_per_layer_is_not_negative(self):
        """The light network attains a larger share than the heavy one: no layer takes time."""
        found = fodlam.calibrate(self.CHIP, {self.light: 1 / 20e-6, self.heavy: 1 / 800e-6})
        self.assertEqual(found['layer_us'], 0)
        self.assertAlmostEqual(found['efficiency'], (0.5 * 0.25) ** 0.5)

    def test_a_share_above_1_tells_no_time_per_layer(self):
        """10 us of 100 and 200 of 210: t = roofline + 9 us a layer would take 380 us for the heavy."""
        found = fodlam.calibrate(self.CHIP, {self.light: 1 / 100e-6, self.heavy: 1 / 210e-6})
        self.assertEqual(found['layer_us'], 0)
        self.assertAlmostEqual(found['efficiency'], (0.1 * 200 / 210) ** 0.5)

    def test_as_many_as_a_board_has(self):
        """A named board's own peak, bandwidth and rates give its own efficiency and time."""
        table = devices.read_devices()['kv260-dpu']
        chip = {'macs': 614.4, 'clock_mhz': 1000, 'dram_gbps': 19.2}
        rates = {devices.NETFILES[name]: row['frames_per_s'] for name, row in table.items()}
        found, named = fodlam.calibrate(chip, rates), accelerators.named_accelerator('kv260-dpu')
        self.assertAlmostEqual(found['efficiency'], named.efficiency, places=6)
        self.assertAlmostEqual(found['layer_us'], named.layer_us, places=3)

    def test_the_command_line(self):
        measured = path(self.folder, 'measured.csv')
        with open(measured, 'w', encoding='utf-8') as file:
            file.write(f'netfile, frames_per_s\n{self.light},12500\n\n{self.heavy}, {1 / 520e-6}\n')
        config = json.dumps({'netfile': 'lenet.json', 'accelerator': self.CHIP}).encode()
        result = run('--calibrate', measured, stdin=config)
        self.assertEqual((result.status, result.err), (0, ''))
        found = fodlam.calibrate(self.CHIP, {self.light: 12500, self.heavy: 1 / 520e-6})
        self.assertEqual(json.loads(result.out), found)

    def test_a_clock_in_hz_gets_a_line_on_stderr_or_a_warning(self):
        chip = {**self.CHIP, 'clock_mhz': 1e9}
        with self.assertWarnsRegex(UserWarning, '"clock_mhz" is 1000000000.0, which is in MHz'):
            found = fodlam.calibrate(chip, {self.light: 12500})
        measured = path(self.folder, 'measured.csv')
        with open(measured, 'w', encoding='utf-8') as file:
            file.write(f'netfile,frames_per_s\n{self.light},12500\n')
        result = run('--calibrate', measured, stdin=json.dumps({'accelerator': chip}).encode())
        self.assertEqual((result.status, json.loads(result.out)), (0, found))
        self.assertRegex(result.err, r'\Afodlam: [^\n]+ is 1000000000.0, which is in MHz[^\n]+\n\Z')

    def test_wrong_rates(self):
        for rates, said in (
            ({}, r'rates: got \{\}; expected frames'),
            ([5], r'rates: got \[5\]; expected frames'),
            ({3: 5}, 'rates: 3 is no net file; expected its name'),
            ({self.light: 0}, 'has 0; expected frames per second'),
            ({self.light: '5'}, "has '5'; expected frames per second"),
            ({self.light: math.nan}, 'has nan; expected frames per second'),
            ({self.light: 1e6}, 'has 1000000.0; expected at most 1e[+]05 frames per second'),
            ({'nothing.json': 5}, 'nothing.json'),
        ):
            with self.assertRaisesRegex(fodlam.InputError, said):
                fodlam.calibrate(self.CHIP, rates)
        for chip in ('edge-tpu', None, [1]):
            with self.assertRaisesRegex(
                fodlam.InputError, '^accelerator: got .*; expected an object'
            ):
                fodlam.calibrate(chip, {self.light: 5})
        with self.assertRaisesRegex(fodlam.InputError, '^accelerator: no "dram_'):
            fodlam.calibrate({'macs': 5, 'clock_mhz': 4}, {self.light: 5})

    def test_wrong_files_are_one_line(self):
        config = json.dumps({'accelerator': self.CHIP}).encode()
        measured = path(self.folder, 'measured.csv')
        for text, said in (
            ('', "begins with ''; expected netfile,frames_per_s"),
            ('a,b\n', "begins with 'a,b'; expected netfile,frames_per_s"),
            ('netfile,frames_per_s\n', 'no rates; expected a line for each net file'),
            ('netfile,frames_per_s\na.json\n', ", line 2: 'a.json'; expected a net file, and"),
            ('netfile,frames_per_s\na.json,x\n', ", line 2: 'a.json,x'; expected a net file, and"),
            ('netfile,frames_per_s\n,1\n', ", line 2: ',1'; expected a net file, and"),
            ('netfile,frames_per_s\na.json,1,2\n', ', line 2: .* expected a net file, and'),
            ('netfile,frames_per_s\na.json,1\na.json,2\n', ", line 3: 'a.json' is there twice; ex"),
        ):
            with open(measured, 'w', encoding='utf-8') as file:
                file.write(text)
            result = run('--calibrate', measured, stdin=config)
            self.assertEqual((result.status, result.out), (1, ''))
            self.assertRegex(result.err, rf'\Afodlam: file [^\n]*{said}[^\n]*\n\Z')
        for config, said in ((b'{}', 'config: .* with an "accelerator"'), (b'3', 'config: 3; exp')):
            result = run('--calibrate', measured, stdin=config)
            self.assertRegex(result.err, rf'\Afodlam: {said}[^\n]*\n\Z')
        result = run('--calibrate', path(self.folder, 'none.csv'), stdin=config)
        self.assertEqual(result.status, 1)
        result = run('--calibrate', measured, '--range', stdin=config)
        self.assertEqual((result.status, result.out), (2, ''))


class LayerTime(unittest.TestCase):
    """The key layer_us."""

    def test_each_layer_takes_it_before_the_share(self):
        for efficiency in (1, 0.5):
            chip = {**CHIP, 'efficiency': efficiency}
            without, with_time = (
                estimate(chip, per_layer=True),
                estimate({**chip, 'layer_us': 20}, per_layer=True),
            )
            more = 20e-6 / efficiency
            for one, other in zip(without['layers'], with_time['layers']):
                self.assertAlmostEqual(other['latency'] - one['latency'], more)
                self.assertEqual(one['bound'], other['bound'])
                used = one['utilization'] * one['latency']
                self.assertAlmostEqual(other['utilization'] * other['latency'] / used, 1)
            count = len(without['layers'])
            self.assertEqual(count, 54)
            total_more = with_time['total']['latency'] - without['total']['latency']
            self.assertAlmostEqual(total_more / (count * more), 1)
            bounds = sum(bound['latency'] for bound in with_time['bounds'].values())
            self.assertAlmostEqual(bounds / with_time['total']['latency'], 1)
            self.assertAlmostEqual(
                with_time['total']['energy'] / with_time['total']['latency'], 0.1
            )

    def test_a_layer_of_groups_is_one(self):
        keys = {'channel_atom': 16, 'kernel_atom': 64}
        for chip in (CHIP, {**CHIP, **keys}):
            seconds = [
                total({**chip, 'layer_us': us}, netfile='mobilenet.json')['latency']
                for us in (0, 7)
            ]
            self.assertAlmostEqual((seconds[1] - seconds[0]) / 28, 7e-6)

    def test_a_batch_takes_it_once(self):
        seconds = [total({**CHIP, 'batch': 8, 'layer_us': us})['latency'] for us in (0, 40)]
        self.assertAlmostEqual((seconds[1] - seconds[0]) / 54, 5e-6)

    def test_0_is_the_default(self):
        for options in ({'per_layer': True}, {'range': True}):
            for chip in (CHIP, {**CHIP, 'efficiency': 0.4}):
                self.assertEqual(
                    estimate({**chip, 'layer_us': 0}, **options), estimate(chip, **options)
                )

    def test_wrong(self):
        for value in (-1, '5', True, None):
            with self.assertRaisesRegex(fodlam.InputError, '"layer_us" is .* from 0 to 1e'):
                estimate({**CHIP, 'layer_us': value})


class Efficiency(unittest.TestCase):
    def test_times_are_divided_by_it(self):
        full, half = (
            estimate({**CHIP, **keys}, per_layer=True)['layers']
            for keys in ({}, {'efficiency': 0.5})
        )
        for one, other in zip(full, half):
            self.assertAlmostEqual(other['latency'] / one['latency'], 2)
            self.assertAlmostEqual(other['utilization'] / one['utilization'], 0.5)
            for key in ('attainable_macs_per_s', 'dram_bytes', 'bound', 'macs'):
                self.assertEqual(one[key], other[key])

    def test_one_is_the_default(self):
        expected = estimate(CHIP, per_layer=True)
        self.assertEqual(estimate({**CHIP, 'efficiency': 1}, per_layer=True), expected)

    def test_wrong(self):
        for value in (0, -1, 1.01, '0.5', True, None):
            with self.assertRaisesRegex(fodlam.InputError, '"efficiency" is .* to 1$'):
                estimate({**CHIP, 'efficiency': value})


class Ranges(unittest.TestCase):
    def factors(self, accelerator):
        cost = total(accelerator, range=True)
        return [limit / cost['latency'] for limit in cost['latency_range']]

    def test_a_device_with_few_networks_goes_by_two_on_all_devices(self):
        """It was 9.7 to 11 ms for ResNet-50 on an Edge TPU, which nothing known supported."""
        for device, (of_networks, mean) in SHARES.items():
            if len(of_networks) > 1:
                low, high = self.factors(device)
                self.assertAlmostEqual(high, 3.54, delta=0.005)
                self.assertAlmostEqual(low, max(0.45, mean), delta=0.003)
                # What is known of the device itself is inside.
                self.assertLess(low, mean / max(of_networks.values()))
                self.assertGreater(high, mean / min(of_networks.values()))

    def test_a_device_with_many_goes_by_its_own(self):
        """Percentiles of 8 or 19 networks, each by all others, are the least and the most."""
        for device, low, high in (
            ('kv260-dpu', 0.41, 4.06),
            ('zcu102-dpu-3xb4096', 0.63, 3.61),
            ('zcu104-dpu-2xb4096', 0.51, 3.68),
            ('ultra96-dpu-b1600', 0.78, 1.39),
        ):
            row = devices.read_calibrated()[device]
            self.assertEqual((round(row.least, 2), round(row.most, 2)), (low, high))
            runs = list(calibration.measured_runs()[device].values())
            factors = calibration.leave_one_out(runs, calibration.fit_share_and_layer)
            self.assertAlmostEqual(row.least, min(factors), places=6)
            self.assertAlmostEqual(row.most, max(factors), places=6)
            self.assertEqual(round(self.factors(device)[1], 2), high)

    def test_any_other_share_goes_by_one_network_on_all_devices(self):
        for accelerator in ('ncs2', {**CHIP, 'efficiency': 0.2}):
            low, high = self.factors(accelerator)
            self.assertAlmostEqual(high, 3.49, delta=0.005)
            self.assertAlmostEqual(low, 0.287, delta=0.001)

    def test_a_time_per_layer_is_known_by_two(self):
        low, high = self.factors({**CHIP, 'efficiency': 0.2, 'layer_us': 1})
        self.assertEqual((round(low, 3), round(high, 2)), (0.434, 2.38))

    def test_a_time_per_layer_may_be_nothing_and_a_roofline_may_not(self):
        """Each layer is at least its roofline, and at least 0.434 times what the model says."""
        bare = estimate(CHIP, per_layer=True)['layers']
        chip = {**CHIP, 'efficiency': 0.8, 'layer_us': 50}
        report = estimate(chip, range=True, per_layer=True)
        for roof, layer in zip(bare, report['layers']):
            expected = max(roof['latency'], 0.434 * layer['latency'])
            self.assertAlmostEqual(layer['latency_range'][0] / expected, 1)
        for end in (0, 1):
            each = math.fsum(layer['latency_range'][end] for layer in report['layers'])
            self.assertAlmostEqual(each / report['total']['latency_range'][end], 1)
            each = math.fsum(layer['energy_range'][end] for layer in report['layers'])
            self.assertAlmostEqual(each / report['total']['energy_range'][end], 1)

    def test_nothing_is_faster_than_its_roofline(self):
        bare = total(CHIP)['latency']
        for efficiency in (0.43, 0.5, 0.9, 1):
            cost = total({**CHIP, 'efficiency': efficiency}, range=True)
            self.assertAlmostEqual(cost['latency_range'][0] / bare, 1)

    def test_a_bare_roofline_is_a_bound(self):
        for accelerator in (CHIP, 'nvdla-2048'):
            low, high = self.factors(accelerator)
            self.assertEqual((low, round(1 / high, 3)), (1, 0.098))

    def test_of_the_energy_only_power_times_time_has_one(self):
        keys = {'mac_pj': 1, 'dram_pj_per_byte': 100, 'efficiency': 0.5}
        report = estimate({**CHIP, **keys}, range=True, per_layer=True)
        low, high = self.factors({**CHIP, **keys})
        for cost, by in (
            (report['total'], report['energy_by']),
            *((layer, layer['energy_by']) for layer in report['layers']),
        ):
            fixed = by['mac'] + by['dram']
            for limit, factor in zip(cost['energy_range'], (low, high)):
                self.assertAlmostEqual(limit / (fixed + by['power'] * factor), 1)
        del keys['efficiency']
        no_power = {key: value for key, value in {**CHIP, **keys}.items() if key != 'power_mw'}
        cost = total(no_power, range=True)
        self.assertEqual(cost['energy_range'], [cost['energy']] * 2)

    def test_sums_add_up_and_null_stays_null(self):
        bare = {key: value for key, value in CHIP.items() if key != 'power_mw'}
        report = estimate(bare, range=True, per_layer=True)
        self.assertEqual(report['total']['energy_range'], [None, None])
        for end in (0, 1):
            each = math.fsum(layer['latency_range'][end] for layer in report['layers'])
            self.assertAlmostEqual(each / report['total']['latency_range'][end], 1)

    def test_formats_and_lines(self):
        for accelerator in ('edge-tpu', 'kv260-dpu', 'nvdla-64', CHIP):
            config = {'netfile': 'lenet.json', 'accelerator': accelerator}
            stdin = json.dumps(config).encode()
            line = json.loads(run('--lines', '--range', stdin=stdin).out)
            self.assertEqual(line, fodlam.estimate(config, range=True))
            for form, flags in itertools.product(('csv', 'table', 'svg'), ([], ['--range'])):
                result = run('--format', form, *flags, stdin=stdin)
                self.assertEqual((result.status, result.err), (0, ''))

    def test_notes_say_what_a_roofline_or_a_share_of_it_is_worth(self):
        bound = 'a roofline is a bound: real devices attain 10% to 74% of it'
        one, two = (
            f'networks on one device, each by {known}, are typically off by a factor of {factors}'
            for known, factors in (('one other', '1.45, at worst 7.35'), ('two others', '1.41, at'))
        )
        layers = 'each by two others, are typically off by a factor of 1.33, at worst 8.77'
        many = (
            '19 networks on kv260-dpu, each by all others, are typically off by a factor of 1.24, '
            'at worst 4.06'
        )
        power = 'the power of edge-tpu is that of GoogLeNet and MobileNet: the energy of others may'
        chip = {**CHIP, 'efficiency': 0.4}
        for accelerator, flags, said in (
            ('nvdla-64', [], [bound]),
            (CHIP, [], [bound]),
            ('nvdla-64', ['--range'], []),
            (chip, [], [one]),
            ({**chip, 'layer_us': 3}, [], [layers]),
            (chip, ['--range'], []),
            ('edge-tpu', [], [two, power]),
            ('edge-tpu', ['--range'], [two, power]),
            ('zcu104-dpu', [], [two]),
            ('ncs2', [], [one]),
            ('kv260-dpu', [], [many]),
            ('kv260-dpu', ['--range'], [many]),
        ):
            stdin = json.dumps({'netfile': 'lenet.json', 'accelerator': accelerator}).encode()
            for form in ('table', 'svg'):
                out = run('--format', form, *flags, stdin=stdin).out
                out = ' '.join(re.sub('<[^>]*>', ' ', out).split())  # notes are broken into lines
                found = [note for note in (bound, one, two, layers, many, power) if note in out]
                self.assertEqual(found, said, (accelerator, flags, form))

    def test_json_on_a_terminal_says_what_its_energy_is_worth(self):
        said_of_edge_tpu = (
            'fodlam: the power of edge-tpu is that of GoogLeNet and MobileNet: the energy of others '
            'may be off by a factor of 5\n'
        )
        for accelerator, said in (('edge-tpu', said_of_edge_tpu), ('ncs2', ''), (CHIP, '')):
            config = json.dumps({'netfile': 'lenet.json', 'accelerator': accelerator})
            for flags in ([], ['--range'], ['--format', 'csv']):
                out, err = Terminal(io.BytesIO(), encoding='utf-8'), io.StringIO()
                self.assertEqual(fodlam.main(flags, io.StringIO(config), out, err), 0)
                self.assertEqual(err.getvalue(), said)
            self.assertEqual(run(*flags, stdin=config.encode()).err, '')

    def test_a_sweep_says_once_what_its_energy_is_worth(self):
        tpu = json.dumps({'netfile': 'lenet.json', 'accelerator': 'edge-tpu'})
        pruned = json.dumps({'netfile': 'lenet.json', 'per_frame': True})
        sweep = f'{pruned}\n{tpu}\n{tpu}\n{pruned}\n'
        out, err = Terminal(io.BytesIO(), encoding='utf-8'), io.StringIO()
        self.assertEqual(fodlam.main(['--lines'], io.StringIO(sweep), out, err), 0)
        first, second = err.getvalue().splitlines()
        self.assertRegex(first, r"\Afodlam: line 1: fc: as if pruned like EIE's layers; ")
        self.assertRegex(second, r'\Afodlam: line 2: the power of edge-tpu is that of GoogLeNet ')
        self.assertEqual(run('--lines', stdin=sweep.encode()).err, '')


class Groups(unittest.TestCase):
    """../shared/facts/devices.md, "Groups"."""

    def test_mobilenet_on_nvdla(self):
        self.assertAlmostEqual(
            total('nvdla-2048', netfile='mobilenet.json')['latency'], 2.37e-3, delta=0.005e-3
        )

    def test_macs_of_mobilenet(self):
        net = json.loads(read('nets', 'mobilenet.json'))
        macs = sum(entry.get('macs', 0) for entry in net)
        self.assertAlmostEqual(macs, 569e6, delta=0.5e6)

    def test_the_others_do_not_change(self):
        """As they were before: 303 frame/s for AlexNet, 890 for GoogLeNet, 265.4 for ResNet-50."""
        for netfile, seconds in (
            ('alexnet_deploy.json', 3.3029580875e-3),
            ('googlenet.json', 1.1237048e-3),
            ('resnet50.json', 3.7677176e-3),
        ):
            self.assertAlmostEqual(total('nvdla-2048', netfile=netfile)['latency'] / seconds, 1)

    def test_the_faster_way_is_taken_and_its_slots_and_bytes(self):
        shape = {'ifmap': [64, 8, 8], 'ofmap': [64, 8, 8], 'kernel': [1, 1]}
        dense = {'name': 'dense', 'type': 'Convolution', 'macs': 64 * 64 * 64, **shape}
        grouped = {**dense, 'name': 'grouped', 'groups': 64, 'macs': 64 * 64}
        chip = {**CHIP, 'channel_atom': 16, 'kernel_atom': 64}
        config = {'netfile': [dense, grouped], 'accelerator': chip}
        one, other = fodlam.estimate(config, per_layer=True)['layers']
        self.assertEqual(one['latency'], other['latency'])
        self.assertEqual(one['dram_bytes'], other['dram_bytes'])
        self.assertAlmostEqual(one['utilization'] / other['utilization'], 64)
        # Without atoms of channels, groups are layers of their own, and nothing is wasted.
        config['accelerator'] = CHIP
        one, other = fodlam.estimate(config, per_layer=True)['layers']
        self.assertLess(other['dram_bytes'], one['dram_bytes'])


class Mutations(unittest.TestCase):
    """What changes of the code had once gone unnoticed."""

    def test_defaults_of_optional_keys(self):
        """Each key that may be left out is as though it had its default."""
        bare = {'macs': 64, 'clock_mhz': 1000, 'dram_gbps': 1}
        expected = estimate(bare, per_layer=True)
        for key, default in roofline.DEFAULTS.items():
            if default not in (None, math.inf):
                self.assertEqual(estimate({**bare, key: default}, per_layer=True), expected, key)
        self.assertEqual(estimate({**bare, 'buffer_kib': 1e9}, per_layer=True), expected)
        self.assertEqual(estimate({**bare, 'efficiency': 1}, per_layer=True), expected)

    def layer(self, kernel, ifmap, filters, **keys):
        """Return a conv layer's DRAM bytes on a small chip, by hand-made shapes."""
        (channels, height, width), (r, s) = ifmap, kernel
        ofmap = [filters, height - r + 1, width - s + 1]
        macs = math.prod(ofmap) * channels * r * s
        entry = {
            'name': 'c', 'type': 'Convolution', 'macs': macs, 'ifmap': ifmap, 'ofmap': ofmap,
            'kernel': kernel,
        }  # fmt: skip
        config = {'netfile': [entry], 'accelerator': {**CHIP, **keys}}
        return fodlam.estimate(config, per_layer=True)['layers'][0]['dram_bytes']

    def test_a_slice_takes_half_of_the_buffer_at_most(self):
        """64 ifmap rows of 64 x 64 bytes, 4 of them 16 KiB: half of 16 KiB; weights 32 KiB: 4 pieces."""
        x, f, z = 64 * 64 * 64, 64 * 16 * 32, 32 * 61 * 61
        self.assertEqual((x, f), (262144, 32768))
        bytes_ = self.layer([4, 4], [64, 64, 64], 32, buffer_kib=16)
        self.assertEqual(bytes_, 4 * x + f + z)

    def test_weights_of_two_bytes_in_a_slice(self):
        """Weights 256 KiB and more than the ifmap; a slice of 32 of 64 filters is half of them."""
        x = 64 * 8 * 8
        f = 64 * 16 * 64 * 2
        z = 64 * 5 * 5
        self.assertEqual((x, f), (4096, 131072))
        # 68 KiB less the 64 KiB, which are more than half of it: 34 KiB hold the ifmap in one piece.
        self.assertEqual(
            self.layer([4, 4], [64, 8, 8], 64, buffer_kib=68, weight_bytes=2), x + f + z
        )
        # Of 5 KiB half is for the slice, and the 4 KiB of ifmap take two pieces of what is left.
        two = self.layer([4, 4], [64, 8, 8], 64, buffer_kib=5, weight_bytes=2)
        self.assertEqual(two, x + 2 * f + z)
        # 32 filters of one channel and one weight are 64 bytes: beside them 1 KiB holds 960 bytes.
        one = self.layer([1, 1], [1, 31, 31], 2000, buffer_kib=1, weight_bytes=2)
        self.assertEqual(one, 2 * 4000 + 961 + 2000 * 961)

    def test_a_deconvolutions_ifmap_in_the_shape_model(self):
        """All of it is read, and the rule for summed channels goes by it."""
        entry = {
            'name': 'd', 'type': 'Deconvolution', 'macs': 14 * 14 * 64 * 64 * 16,
            'ifmap': [64, 14, 14], 'ofmap': [64, 28, 28], 'kernel': [4, 4], 'stride': [2, 2],
        }  # fmt: skip
        cost, bound = eyeriss.eyeriss_cost(entry)
        compute = entry['macs'] / (168 * 200e6 * 0.85)
        summed = 8 * 3 / 4  # channels, for ifmaps of 14 x 14
        buffer = entry['macs'] * 4 / (16 * summed) / 3e9
        link = 2 * (64 * 14 * 14 + 64 * 28 * 28) / 0.48e9
        self.assertAlmostEqual(cost.latency_s / (max(compute, buffer) + link), 1)
        self.assertEqual(bound, 'compute')


if __name__ == '__main__':
    unittest.main()
