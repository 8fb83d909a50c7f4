"""Keys of accelerators: names, units, defaults, and numbers that look like another unit."""

import json
import math
import unittest
import warnings

from results import PLAIN, estimate_layers
from support import GROUPS, fodlam, run

from fodlam.data import accelerators, roofline


class Units(unittest.TestCase):
    """Names of keys say the unit, and numbers that only fit another unit are told."""

    HZ = {'macs': 1024, 'clock_mhz': 1_000_000_000, 'dram_gb_per_s': 10}
    PER_SECOND = {'macs': 4e12, 'clock_mhz': 1000, 'dram_gb_per_s': 10}
    HZ_DOUBT = (
        'config: "accelerator": "clock_mhz" is 1000000000, which is in MHz, not Hz: 1 GHz is 1000'
    )
    PER_SECOND_DOUBT = (
        'config: "accelerator": "macs" is 4000000000000.0, which is MACs per cycle, not per second: '
        '1 TMAC/s at 1000 MHz is 1000'
    )

    def test_two_names_of_bandwidth(self):
        other = {'dram_gbps' if key == 'dram_gb_per_s' else key: PLAIN[key] for key in PLAIN}
        self.assertEqual(estimate_layers(PLAIN), estimate_layers(other))
        self.assertEqual(roofline.Accelerator(**PLAIN).bytes_per_s, 10e9)

    def test_doubts_from_python(self):
        for accelerator, doubt in (
            (self.HZ, self.HZ_DOUBT),
            (self.PER_SECOND, self.PER_SECOND_DOUBT),
            (
                {'macs': 1024, 'clock_mhz': 0.7, 'dram_gb_per_s': 10},
                'config: "accelerator": "clock_mhz" is 0.7, which is in MHz, not GHz: 1 GHz is 1000',
            ),
            (
                {'macs': 1024, 'clock_mhz': 700, 'dram_gbps': 3e10},
                'config: "accelerator": "dram_gbps" is 30000000000.0, which is in 10^9 bytes per '
                'second: 20 GB/s is 20',
            ),
        ):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter('always')
                fodlam.estimate({'netfile': 'lenet.json', 'accelerator': accelerator})
            self.assertEqual([str(each.message) for each in caught], [doubt])
            self.assertEqual(caught[0].filename, __file__)  # where the user called it

    def test_no_doubts(self):
        limit = {'macs': 10**8, 'clock_mhz': 100_000, 'dram_gb_per_s': 1e6}
        for accelerator in (PLAIN, limit, 'nvdla-2048', 'edge-tpu'):
            with warnings.catch_warnings():
                warnings.simplefilter('error')
                estimate_layers(accelerator)

    def test_doubts_on_stderr(self):
        """A line in any format, and the first of a sweep only; the output is as without it."""
        config = {'netfile': 'lenet.json', 'accelerator': {**self.HZ, 'macs': 4e12}}
        stdin = json.dumps(config).encode()
        both = f'fodlam: {self.HZ_DOUBT}\nfodlam: {self.PER_SECOND_DOUBT}\n'
        for flags in ([], ['--per-layer'], ['--format', 'csv'], ['--format', 'table'], ['--range']):
            result = run(*flags, stdin=stdin)
            self.assertEqual((result.status, result.err), (0, both), flags)
        keys = {*GROUPS, 'bounds', 'frames', 'sizes'}
        self.assertEqual(set(json.loads(run(stdin=stdin).out)), keys)
        result = run('--lines', stdin=b'{"net": "VGG16"}\n' + (stdin + b'\n') * 3)
        self.assertEqual((result.status, len(result.out.splitlines())), (0, 4))
        self.assertEqual(
            result.err, f'fodlam: line 2: {self.HZ_DOUBT}; of later lines, nothing is said\n'
        )

    def test_doubts_of_a_sweep_from_python(self):
        configs = [{'netfile': 'lenet.json', 'accelerator': self.HZ}] * 3
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter('always')
            self.assertEqual(len(list(fodlam.sweep(configs))), 3)
        self.assertEqual(
            [str(each.message) for each in caught],
            [f'{self.HZ_DOUBT}; of later configs, nothing is said'],
        )
        self.assertEqual(caught[0].filename, __file__)

    def test_from_where_on_a_number_is_doubted(self):
        for key, most in (('macs', 10**8), ('clock_mhz', 10**5)):
            self.assertEqual(accelerators.unit_doubts({key: most}), [], key)
            self.assertEqual(len(accelerators.unit_doubts({key: most + 1})), 1, key)


class Defaults(unittest.TestCase):
    def test_defaults_of_optional_keys(self):
        """Each key that may be left out is as though it had its default."""
        bare = {'macs': 64, 'clock_mhz': 1000, 'dram_gbps': 1}
        expected = estimate_layers(bare)
        for key, default in roofline.DEFAULTS.items():
            if default not in (None, math.inf):
                self.assertEqual(estimate_layers({**bare, key: default}), expected, key)
        self.assertEqual(estimate_layers({**bare, 'buffer_kib': 1e9}), expected)
        self.assertEqual(estimate_layers({**bare, 'efficiency': 1}), expected)

    def test_by_default_channels_and_filters_are_not_rounded_up(self):
        """3 x 5 x 2 x 2 MACs, one in a cycle of 1 us: 60 us, and the DRAM takes less."""
        chip = {'macs': 1, 'clock_mhz': 1, 'dram_gb_per_s': 1000}
        conv = {
            'name': 'c', 'type': 'Convolution', 'macs': 60, 'ifmap': [3, 2, 2], 'ofmap': [5, 2, 2],
            'kernel': [1, 1],
        }  # fmt: skip
        report = fodlam.estimate({'netfile': [conv], 'accelerator': chip})
        self.assertAlmostEqual(report['conv']['latency'], 60e-6, places=12)


if __name__ == '__main__':
    unittest.main()
