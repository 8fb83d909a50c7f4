"""Share and time per layer: of devices, by `fodlam.calibrate`, and as keys of an accelerator."""

import functools
import json
import math
import statistics
import tempfile
import unittest
from unittest import mock

from results import CHIP, estimate, total
from support import documents, fodlam, path, read, run, validate

from fodlam.data import accelerators, calibration, devices
from fodlam.data.sweeps import KeptCatalogs


class Calibrated(unittest.TestCase):
    """What is stored, so that no estimate has to work it out, is what data/calibration.py says."""

    @classmethod
    def setUpClass(cls):
        """Work out the fit of the same networks once, as it takes long, and many tests need it."""
        fit = functools.cache(lambda runs, fit=calibration.fit_share_and_layer: fit(list(runs)))
        for name, kept in (
            ('fit_share_and_layer', lambda runs: fit(tuple(runs))),
            ('measured_runs', functools.cache(calibration.measured_runs)),
        ):
            patched = mock.patch.object(calibration, name, kept)
            patched.start()
            cls.addClassCleanup(patched.stop)

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
        board, all_runs = 'ultra96-dpu-b1600', calibration.measured_runs()
        six = dict(list(all_runs[board].items())[:6])
        each = calibration.leave_one_out(list(six.values()), calibration.fit_share)  # by five
        calibrated = calibration.calibrate_device(board, {board: six})
        self.assertEqual(calibrated.typical, calibration.summarize(each).typical)

    def test_a_percentile_is_that_of_the_standard_library(self):
        numbers = [math.sin(i) for i in range(40)]
        for i, cut in enumerate(statistics.quantiles(numbers, n=20)):
            self.assertAlmostEqual(calibration.percentile(numbers, (i + 1) / 20), cut)

    def test_ranges_hold_networks_that_the_calibration_did_not_know(self):
        """Of 77 networks, each left out, at least 90% are in the range that --range gives them.

        It takes a second, as every device is calibrated anew without each of its networks.
        """
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
        said = f'hold {sum(held)} of 77 measurements that they did not know'
        self.assertIn(said, documents())


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
            (
                f'netfile,frames_per_s\n{"a" * 131_073},1\n',
                'a cell of more than 131,072 characters; ex',
            ),
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


if __name__ == '__main__':
    unittest.main()
