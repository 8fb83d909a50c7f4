"""Measured devices: their tables, and what they attain of their rooflines.

The numbers are those of ../shared/facts/devices.md and more-devices.md.
"""

import csv
import json
import math
import os
import tempfile
import unittest
from unittest import mock

from results import SHARES, total
from support import copy_files, documents, fodlam, path, read, run

from fodlam.data import accelerators, calibration, comparisons, demand, devices

ROWS = list(csv.DictReader(read('data', 'devices.csv').splitlines()))


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
                folder = path(folder, 'data')
                copy_files(path('data'), folder, ['.csv'])
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
        self.assertIn('resnet50.json', seen.values())

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
        said = documents()
        for typicals, errors, percent, factor in (
            (typical_by_share, all_by_share, 39, 4.3),
            (typical_by_macs, all_by_macs, 102, 11.7),
        ):
            mean = calibration.geometric_mean(typicals)
            self.assertAlmostEqual((mean - 1) * 100, percent, delta=0.6)
            self.assertEqual(round(calibration.percentile(errors, 0.95), 1), factor)
        self.assertIn('the mean is 39%; by MACs, it is 102%', said)


if __name__ == '__main__':
    unittest.main()
