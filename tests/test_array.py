"""Systolic arrays: SCALE-Sim's cycles, and the bytes between the array and its buffer."""

import json
import unittest

from support import fodlam, read, run

CHIP = {'rows': 32, 'cols': 32, 'clock_mhz': 1000, 'dram_gb_per_s': 1e6}


def conv(size, kernel, stride, channels, filters, **members):
    """Return the entry of a conv layer over a square ifmap that has its padding in it."""
    out = (size - kernel) // stride + 1
    groups = members.get('groups', 1)
    return {
        'name': 'layer', 'type': 'Convolution',
        'macs': out * out * kernel * kernel * channels * filters // groups,
        'ifmap': [channels, size, size], 'ofmap': [filters, out, out],
        'kernel': [kernel, kernel], 'stride': [stride, stride], **members,
    }  # fmt: skip


def on_array(entry, dataflow='ws', **keys):
    """Return the report on a layer alone on an array."""
    chip = {**CHIP, 'dataflow': dataflow, **keys}
    report = fodlam.estimate({'netfile': [entry], 'accelerator': chip}, per_layer=True)
    return report['layers'][0]


class ScaleSim(unittest.TestCase):
    """SCALE-Sim 3.0.0 on 32 x 32: its "Total Cycles", without stalls."""

    LAYERS = (  # ifmap, kernel, stride, channels, filters; cycles with ws, os, is
        ((16, 3, 1, 16, 32), (1449, 1441, 4409)),
        ((14, 1, 1, 64, 128), (2319, 3527, 3107)),
        ((28, 3, 1, 32, 48), (13859, 15399, 28115)),
        ((15, 3, 2, 20, 48), (1715, 967, 1703)),
        ((1, 1, 1, 256, 100), (3039, 1271, 1551)),
        ((23, 7, 2, 3, 40), (1749, 1253, 2009)),
    )

    def test_cycles(self):
        for sizes, published in self.LAYERS:
            for dataflow, cycles in zip(('ws', 'os', 'is'), published):
                layer = on_array(conv(*sizes), dataflow)
                self.assertEqual(layer['array_cycles'], cycles, (sizes, dataflow))
                self.assertAlmostEqual(layer['latency'] / (cycles * 1e-9), 1, 12)
                self.assertAlmostEqual(layer['utilization'], layer['macs'] / cycles / 1024, 12)
                self.assertEqual(layer['bound'], 'compute')

    def test_a_fully_connected_layer_is_layer_e(self):
        entry = {
            'name': 'fc', 'type': 'InnerProduct', 'macs': 25600,
            'ifmap': [256, 1, 1], 'ofmap': [100, 1, 1], 'kernel': [1, 1],
        }  # fmt: skip
        cycles = [on_array(entry, dataflow)['array_cycles'] for dataflow in ('ws', 'os', 'is')]
        self.assertEqual(cycles, [3039, 1271, 1551])

    def test_an_array_that_is_not_square(self):
        """2 x 5: Sr = 7 and Sc = 6 take 4 x 2 folds of 2 x 2 + 5 + 9 - 2 cycles."""
        layer = on_array(conv(3, 1, 1, 7, 6), rows=2, cols=5)
        self.assertEqual(layer['array_cycles'], 8 * 16 - 1)
        # Output stationary: 9 pixels and 6 filters take 5 x 2 folds of 2 + 5 + 7 - 2 cycles.
        layer = on_array(conv(3, 1, 1, 7, 6), 'os', rows=2, cols=5)
        self.assertEqual(layer['array_cycles'], 10 * 12 - 1)

    def test_groups_run_one_after_another(self):
        whole = on_array(conv(16, 3, 1, 16, 32))['array_cycles']
        groups = on_array(conv(16, 3, 1, 64, 128, groups=4))['array_cycles']
        self.assertEqual(groups, 4 * whole)

    def test_a_product_is_a_1x1_convolution_over_its_positions(self):
        product = {
            'name': 'qk', 'type': 'MatMul', 'macs': 3 * 196 * 64 * 128, 'groups': 3,
            'ifmap': [3 * 64, 196, 1], 'ofmap': [3 * 128, 196, 1], 'kernel': [1, 1],
        }  # fmt: skip
        self.assertEqual(on_array(product)['array_cycles'], 3 * 2319)

    def test_a_deconvolution_is_the_convolution_over_its_ifmap(self):
        deconvolution = {
            'name': 'd', 'type': 'Deconvolution', 'macs': 14 * 14 * 3 * 3 * 16 * 32,
            'ifmap': [16, 14, 14], 'ofmap': [32, 28, 28], 'kernel': [3, 3], 'stride': [2, 2],
        }  # fmt: skip
        self.assertEqual(on_array(deconvolution)['array_cycles'], 1449)

    def test_layers_that_wait_for_memory(self):
        layer = on_array(conv(16, 3, 1, 16, 32), dram_gb_per_s=0.001)
        self.assertEqual((layer['bound'], layer['array_cycles']), ('memory', 1449))
        self.assertAlmostEqual(layer['latency'], layer['dram_bytes'] / 1e6)

    def test_macs_may_be_given_if_they_fit(self):
        entry = conv(16, 3, 1, 16, 32)
        self.assertEqual(on_array(entry, macs=1024), on_array(entry))
        self.assertEqual(on_array(entry, rows=32.0, cols=3.2e1), on_array(entry))


class Buffer(unittest.TestCase):
    """What goes between the array and its buffer, counted by hand."""

    ENTRY = conv(3, 1, 1, 7, 6)  # 7 terms, 6 filters, 9 pixels
    KEYS = {'rows': 2, 'cols': 5, 'feature_bytes': 2, 'weight_bytes': 3, 'psum_bytes': 5}

    def test_by_hand(self):
        """Folds of 2 x 5: 4 along the terms, 2 along the filters, 5 or 2 along the pixels."""
        for dataflow, expected in (
            # Weights once; the ifmap for 2 folds of filters; psums written 4 and read 3 times.
            ('ws', 42 * 3 + 63 * 2 * 2 + 54 * 7 * 5),
            # Weights for 5 folds of pixels, the ifmap for 2 of filters, and the ofmap once.
            ('os', 42 * 5 * 3 + 63 * 2 * 2 + 54 * 2),
            # Weights for 2 folds of pixels; the ifmap once; psums as above.
            ('is', 42 * 2 * 3 + 63 * 2 + 54 * 7 * 5),
        ):
            layer = on_array(self.ENTRY, dataflow, **self.KEYS)
            self.assertEqual(layer['sram_bytes'], expected, dataflow)

    def test_both_operands_of_a_product_are_features(self):
        product = {**self.ENTRY, 'type': 'MatMul'}
        layer = on_array(product, **self.KEYS)
        self.assertEqual(layer['sram_bytes'], 42 * 2 + 63 * 2 * 2 + 54 * 7 * 5)

    def test_energy(self):
        keys = {**self.KEYS, 'sram_pj_per_byte': 2, 'mac_pj': 3, 'dram_pj_per_byte': 100}
        layer = on_array(self.ENTRY, **keys)
        parts = layer['energy_by']
        self.assertEqual(list(parts), ['mac', 'sram', 'dram'])
        self.assertAlmostEqual(parts['sram'] / (layer['sram_bytes'] * 2e-12), 1)
        self.assertAlmostEqual(layer['energy'] / sum(parts.values()), 1)
        config = {'netfile': 'lenet.json', 'accelerator': {**CHIP, 'dataflow': 'ws', **keys}}
        report = fodlam.estimate(config, per_layer=True)
        expected = sum(layer['sram_bytes'] for layer in report['layers']) * 2e-12
        self.assertAlmostEqual(report['energy_by']['sram'] / expected, 1)
        self.assertIn('energy_sram', run('--format', 'csv', stdin=json.dumps(config).encode()).out)

    def test_resnet50(self):
        """608 MB on 32 x 32, weight stationary, with partial sums of 2 bytes: 0.16 bytes a MAC."""
        chip = {**CHIP, 'dataflow': 'ws', 'psum_bytes': 2}
        config = {'netfile': 'resnet50.json', 'accelerator': chip}
        layers = fodlam.estimate(config, per_layer=True)['layers']
        moved = sum(layer['sram_bytes'] for layer in layers)
        self.assertEqual(round(moved / 1e6), 608)
        self.assertEqual(round(moved / sum(layer['macs'] for layer in layers), 2), 0.16)


class Tpu(unittest.TestCase):
    def test_the_first_one(self):
        """Jouppi et al., ISCA 2017: 256 x 256 at 700 MHz is 92 TOP/s; 34 GB/s."""
        from fodlam.data.accelerators import named_accelerator

        chip = named_accelerator('tpu-v1')
        self.assertEqual(round(chip.peak_macs_per_s * 2 / 1e12), 92)
        self.assertEqual((chip.rows, chip.cols, chip.dataflow), (256, 256, 'ws'))
        self.assertEqual((chip.bytes_per_s, chip.feature_kib), (34e9, 24 * 1024))
        self.assertIn('24 MiB', read('data', 'README.md'))


if __name__ == '__main__':
    unittest.main()
