"""Any accelerator by its roofline: its limits, and what reports say."""

import csv
import itertools
import json
import tempfile
import unittest

from results import FULL, PLAIN, estimate_layers
from support import GROUPS, NETFILES, fodlam, path, run, some

from fodlam.data.words import engineering

NETS = ('alexnet_deploy.json', 'googlenet.json', 'resnet50.json', 'lenet.json')


class Limits(unittest.TestCase):
    def test_infinite_bandwidth_gives_the_compute_bound(self):
        for netfile in NETS:
            report = estimate_layers({**PLAIN, 'dram_gb_per_s': 1e8}, netfile)
            macs = sum(layer['macs'] for layer in report['layers'])
            self.assertAlmostEqual(report['total']['latency'] / (macs / (1024 * 1e9)), 1)
            for layer in report['layers']:
                self.assertEqual(layer['bound'], 'compute')
                self.assertAlmostEqual(layer['utilization'], 1)

    def test_infinite_macs_give_the_memory_bound(self):
        for netfile in NETS:
            report = estimate_layers({**PLAIN, 'macs': 1e8}, netfile)
            dram_bytes = sum(layer['dram_bytes'] for layer in report['layers'])
            self.assertAlmostEqual(report['total']['latency'] / (dram_bytes / 10e9), 1)
            self.assertEqual({layer['bound'] for layer in report['layers']}, {'memory'})

    def test_plain_traffic_is_everything_once(self):
        layer = estimate_layers(PLAIN, 'alexnet_deploy.json', layers=['conv3'])['layers'][0]
        ifmap, weights, ofmap = 256 * 13 * 13, 384 * 256 * 9, 384 * 13 * 13
        self.assertEqual(layer['dram_bytes'], ifmap + weights + ofmap)
        self.assertAlmostEqual(layer['operational_intensity'], layer['macs'] / layer['dram_bytes'])
        fc6 = estimate_layers(PLAIN, 'alexnet_deploy.json', layers=['fc6'])['layers'][0]
        self.assertEqual(fc6['dram_bytes'], 9216 + 9216 * 4096 + 4096)

    def test_time_never_falls_when_something_shrinks(self):
        keys = 'dram_gb_per_s', 'macs', 'clock_mhz', 'buffer_kib'
        for netfile, base, key in some(itertools.product(NETS, (PLAIN, FULL), keys)):
            times = []
            for value in (4096, 1000, 512, 300, 128, 77, 64, 32, 10, 3, 1):
                layers = estimate_layers({**base, key: value}, netfile)['layers']
                times.append([layer['latency'] for layer in layers])
            for more, less in zip(times, times[1:]):
                self.assertTrue(all(b >= a * (1 - 1e-12) for a, b in zip(more, less)), key)

    def test_a_layer_split_in_two_groups_costs_what_its_halves_cost(self):
        entry = {
            'name': 'both', 'type': 'Convolution', 'macs': 2 * 96 * 27 * 27 * 48 * 25,
            'ifmap': [96, 31, 31], 'ofmap': [192, 27, 27], 'kernel': [5, 5], 'groups': 2,
        }  # fmt: skip
        half = {**entry, 'name': 'half', 'macs': entry['macs'] // 2, 'groups': 1}
        half |= {'ifmap': [48, 31, 31], 'ofmap': [96, 27, 27]}
        for accelerator in (PLAIN, FULL, {**FULL, 'buffer_kib': 10}):
            both, one = write_and_estimate([entry, half], accelerator)['layers']
            for key in ('latency', 'dram_bytes', 'macs'):
                self.assertAlmostEqual(both[key] / one[key], 2)
            for key in ('operational_intensity', 'utilization', 'bound'):
                self.assertEqual(both[key], one[key])

    def test_a_dilated_kernel(self):
        """It has no Winograd, and the least slice of its ifmap reaches further."""
        entry = {
            'name': 'c', 'type': 'Convolution', 'macs': 64 * 56 * 56 * 64 * 9,
            'ifmap': [64, 56, 56], 'ofmap': [64, 56, 56], 'kernel': [3, 3],
        }  # fmt: skip
        dilated = {**entry, 'name': 'd', 'dilation': [4, 4]}
        plain = {**PLAIN, 'dram_gb_per_s': 1e8}
        one, two = write_and_estimate([entry, dilated], {**plain, 'winograd_gain': 2})['layers']
        self.assertAlmostEqual(two['latency'] / one['latency'], 2)
        # The ifmap is the larger: a slice of 3 rows of 64 * 56 bytes, or of 4 * 2 + 1 rows, stays
        # beside 36,864 bytes of weights, in pieces; 67 KiB hold the former, not the latter.
        ifmap, weights = 64 * 56 * 56, 64 * 64 * 9
        small = {**PLAIN, 'buffer_kib': 67}
        one, two = write_and_estimate([entry, dilated], small)['layers']
        self.assertEqual(one['dram_bytes'], ifmap + weights + ifmap)
        self.assertEqual(two['dram_bytes'], 2 * ifmap + weights + ifmap)

    def test_nothing_is_faster_than_the_roof(self):
        for netfile in NETS:
            for accelerator in ('nvdla-2048', 'nvdla-64', PLAIN, FULL):
                for layer in estimate_layers(accelerator, netfile)['layers']:
                    rate = layer['macs'] / layer['latency']
                    self.assertLessEqual(rate, layer['attainable_macs_per_s'] * (1 + 1e-12))
                    self.assertLessEqual(layer['utilization'], 1 + 1e-12)

    def test_each_refinement_alone(self):
        fast = {**PLAIN, 'dram_gb_per_s': 100}
        plain = estimate_layers(fast)['total']['latency']
        for key, value, slower in (
            ('buffer_kib', 64, True),
            ('channel_atom', 16, True),
            ('kernel_atom', 128, True),
            ('feature_bytes', 2, True),
            ('weight_bytes', 2, True),
            ('winograd_gain', 2.25, False),
            ('fc_batch', 16, False),
        ):
            changed = estimate_layers({**fast, key: value})['total']['latency']
            self.assertEqual(changed > plain, slower, key)
            self.assertNotEqual(changed, plain, key)

    def test_stored_and_addend(self):
        entry = {
            'name': 'c', 'type': 'Convolution', 'macs': 8 * 8 * 8 * 8,
            'ifmap': [8, 8, 8], 'ofmap': [8, 8, 8], 'kernel': [1, 1],
        }  # fmt: skip
        stored = {**entry, 'name': 's', 'stored': [8, 4, 4]}
        added = {**stored, 'name': 'a', 'addend': True}
        layers = write_and_estimate([entry, stored, added], PLAIN)['layers']
        self.assertEqual([x['dram_bytes'] for x in layers], [512 + 64 + n for n in (512, 128, 256)])

    def test_deconvolution_is_the_convolution_over_its_ifmap(self):
        deconv = {
            'name': 'd', 'type': 'Deconvolution', 'macs': 8 * 8 * 4 * 6 * 16,
            'ifmap': [4, 8, 8], 'ofmap': [6, 16, 16], 'kernel': [4, 4], 'stride': [2, 2],
        }  # fmt: skip
        conv = {**deconv, 'name': 'c', 'type': 'Convolution', 'ofmap': [6, 8, 8], 'stride': [1, 1]}
        conv['stored'] = [6, 16, 16]
        one, other = write_and_estimate([deconv, conv], PLAIN)['layers']
        self.assertEqual({**one, 'name': 'c'}, other)


def write_and_estimate(entries, accelerator, **config):
    """Return the report on a net file of these entries."""
    with tempfile.TemporaryDirectory() as folder:
        with open(path(folder, 'net.json'), 'w', encoding='utf-8') as file:
            json.dump(entries, file)
        return estimate_layers(accelerator, path(folder, 'net.json'), **config)


class Reports(unittest.TestCase):
    def test_energy_needs_power(self):
        report = estimate_layers(PLAIN)
        for cost in [*report['layers'], *(report[group] for group in GROUPS)]:
            self.assertIsNone(cost['energy'])
        config = json.dumps({'netfile': 'lenet.json', 'accelerator': PLAIN}).encode()
        self.assertIn('"energy": null', run(stdin=config).out)
        self.assertIn('"energy":null', run('--lines', stdin=config).out)
        self.assertRegex(run('--format', 'table', stdin=config).out, r'conv1 +conv +288.0 k +- +')
        self.assertIn('conv1,conv,288000,,', run('--format', 'csv', stdin=config).out)

    def test_energy_is_power_times_latency(self):
        report = estimate_layers(FULL)
        for cost in [*report['layers'], *(report[group] for group in GROUPS)]:
            self.assertAlmostEqual(cost['energy'] / cost['latency'], 0.1)

    def test_net_and_netfile_are_the_same_network(self):
        for net, netfile in NETFILES.items():
            by_net = fodlam.estimate({'net': net, 'accelerator': 'nvdla-512'})
            self.assertEqual(
                by_net, fodlam.estimate({'netfile': netfile, 'accelerator': 'nvdla-512'})
            )
        layers = fodlam.estimate(
            {'net': 'VGG16', 'accelerator': PLAIN, 'layers': ['CONV1-1']}, per_layer=True
        )
        self.assertEqual(layers['layers'][0]['name'], 'conv1_1')

    def test_members(self):
        layer = estimate_layers('nvdla-2048')['layers'][0]
        self.assertEqual(
            list(layer),
            ['name', 'kind', 'macs', 'energy', 'latency', 'source', 'frames', 'bound',
             'utilization', 'dram_bytes', 'weight_traffic_bytes', 'feature_traffic_bytes',
             'operational_intensity', 'attainable_macs_per_s', 'energy_by'],
        )  # fmt: skip
        self.assertEqual(layer['source'], 'by roofline')

    def test_table_sums_time_by_bound(self):
        out = run('--format', 'table', path('config', 'resnet50-nvdla.json')).out
        report = estimate_layers('nvdla-2048')
        for bound in ('compute', 'memory'):
            time = sum(x['latency'] for x in report['layers'] if x['bound'] == bound)
            self.assertRegex(out, rf'{bound}-bound .* {engineering(time, "s")}')
        self.assertLessEqual(max(map(len, out.splitlines())), 80)

    def test_csv(self):
        out = run('--format', 'csv', path('config', 'alexnet-nvdla.json')).out
        rows = list(csv.DictReader(out.splitlines()))
        self.assertEqual(rows[0]['bound'], 'compute')
        self.assertEqual(rows[-1]['layer'], 'memory-bound')
        for row in rows[-5:]:
            self.assertEqual((row['source'], row['kind'], row['bound']), ('sum', '', ''))
        self.assertEqual(len(rows), 8 + 3 + 2)

    def test_lines(self):
        configs = [
            {'netfile': 'resnet50.json', 'accelerator': {**FULL, 'macs': macs}}
            for macs in (1, 64, 64)
        ]
        stdin = '\n'.join(map(json.dumps, configs)).encode()
        for flags in ([], ['--per-layer']):
            out = run('--lines', *flags, stdin=stdin).out.splitlines()
            for line, config in zip(out, configs, strict=True):
                self.assertEqual(json.loads(line), fodlam.estimate(config, per_layer=bool(flags)))


class OneFrame(unittest.TestCase):
    def test_per_frame_changes_nothing(self):
        """A roofline is for one frame by nature."""
        config = {'net': 'VGG16', 'accelerator': 'nvdla-64'}
        expected = fodlam.estimate(config, per_layer=True)
        self.assertEqual(fodlam.estimate(config, per_frame=True, per_layer=True), expected)
        for value in (True, False):
            changed = {**config, 'per_frame': value}
            self.assertEqual(fodlam.estimate(changed, per_layer=True), expected)


if __name__ == '__main__':
    unittest.main()
