"""Eyeriss's three limits, layer by layer: rows, dilations, deconvolutions, depthwise layers."""

import csv
import json
import unittest

import definitions
from results import layers_of, shaped
from support import extract, fodlam, read

from fodlam.data import eyeriss
from fodlam.data.eyeriss_tables import parse_percentage
from fodlam.data.shape import parse_shape

# A depthwise layer with a dilation of 8 and no padding: 64 - 8 * (3 - 1) = 48 pixels a side.
DILATED = {
    'name': 'c', 'type': 'Convolution', 'macs': 256 * 48 * 48 * 9, 'ifmap': [256, 64, 64],
    'ofmap': [256, 48, 48], 'kernel': [3, 3], 'groups': 256, 'dilation': [8, 8],
}  # fmt: skip


class Dilation(unittest.TestCase):
    """A dilated kernel touches rows that lie apart."""

    def latency(self, **changes):
        return shaped([{**DILATED, **changes}])['layers'][0]['latency']

    def test_all_rows_are_brought(self):
        buffer_s = DILATED['macs'] * 4 / 9 / 3e9  # one channel a group: q is 1
        link_s = 2 * (256 * 64 * 64 + 256 * 48 * 48) / 0.48e9
        self.assertAlmostEqual(self.latency(), buffer_s + link_s, places=12)
        self.assertEqual(round(self.latency() * 1e3, 2), 7.61)

    def test_rows(self):
        """With 48 rows of places and no dilation, 50 rows are touched; what is apart is not."""
        ofmap = [256, 48, 48]
        for kernel, stride, dilation, rows in (
            ([3, 3], [1, 1], [1, 1], 50),
            ([3, 3], [1, 1], [8, 1], 47 + 2 * 8 + 1),
            ([3, 3], [1, 1], [1, 8], 50),  # columns do not matter: whole rows are brought
            ([3, 3], [2, 2], [8, 8], 48 + 2 * 4),  # every other row
            ([3, 3], [3, 3], [8, 8], 3 * 48),  # 8 is no multiple of 3: no row is touched twice
            ([3, 3], [1, 1], [100, 1], 3 * 48),  # three stripes
            ([1, 3], [1, 1], [8, 8], 48),  # a kernel of one row has nothing to space out
        ):
            with self.subTest(kernel=kernel, stride=stride, dilation=dilation):
                shape = {'kernel': kernel, 'stride': stride, 'dilation': dilation}
                shape['macs'] = 256 * 48 * 48 * kernel[0] * kernel[1]
                ifmap = [256, 47 * stride[0] + dilation[0] * (kernel[0] - 1) + 1, 64]
                one = self.latency(**shape, ifmap=ifmap, ofmap=ofmap)
                buffer_s = 256 * 48 * 48 * 4 / 3e9
                link_s = 2 * (256 * rows * 64 + 256 * 48 * 48) / 0.48e9
                self.assertAlmostEqual(one, buffer_s + link_s, places=12)

    def test_a_net_file_from_before_it_had_dilations(self):
        """With ofmaps as small as here, the kernel must be dilated."""
        entry = {key: value for key, value in DILATED.items() if key != 'dilation'}
        self.assertEqual(shaped([entry])['layers'][0]['latency'], self.latency())

    def test_from_a_definition(self):
        text = 'input: "data" input_shape { dim: 1 dim: 256 dim: 64 dim: 64 }'
        more = 'dilation: 8 group: 256'
        text += definitions.layer('c', 'Convolution', definitions.convolution(256, 3, more=more),
                                  'data')  # fmt: skip
        entry = json.loads(extract('n.prototxt', text).out)[1]
        self.assertEqual(entry, {**DILATED, 'stride': [1, 1]})

    def test_wrong(self):
        for dilation in (8, [8], [0, 1], ['8', 8], [8.0, 8]):
            with self.assertRaisesRegex(fodlam.InputError, '"dilation" is .*expected 2 whole numb'):
                self.latency(dilation=dilation)


class Limits(unittest.TestCase):
    """Computing, the buffer and the link."""

    def test_half_of_resnet50_is_bound_by_the_link(self):
        """../shared/facts/eyeriss-shape.md; 49% before rows that nothing touches stayed away."""
        found = layers_of({'netfile': 'resnet50.json', 'scaling': 'shape'})
        link = [layer for layer in found if layer.get('bound') == 'link']
        self.assertAlmostEqual(len(link) / 53, 0.5, delta=0.1)

    def latency_and_bound(self, entry):
        cost, bound = eyeriss.eyeriss_cost(entry)
        return cost.latency_s, bound

    def test_rows_that_no_kernel_touches(self):
        """1 x 1 kernels with stride 2 touch every other row of 8: 4; whole rows are read."""
        shape = {'ifmap': [64, 8, 8], 'ofmap': [64, 4, 4], 'kernel': [1, 1], 'stride': [2, 2]}
        entry = {'name': 'c', 'type': 'Convolution', 'macs': 64 * 64 * 16, **shape}
        halved = {**entry, 'ifmap': [64, 4, 8], 'stride': [1, 2]}
        self.assertEqual(self.latency_and_bound(entry), self.latency_and_bound(halved))
        touched = {**entry, 'kernel': [3, 3], 'macs': entry['macs'] * 9}
        halved = {**touched, 'ifmap': [64, 4, 8]}
        self.assertGreater(self.latency_and_bound(touched), self.latency_and_bound(halved))

    def test_rows_between_kernels_stay_away(self):
        """Kernels of 2 rows with stride 3 at 4 places touch rows 0, 1, 3, 4, 6, 7, 9, 10 of 12."""
        entry = {
            'name': 'c', 'type': 'Convolution', 'macs': 1000 * 4 * 5 * 2 * 2, 'ifmap': [1000, 12, 7],
            'ofmap': [1, 4, 5], 'kernel': [2, 2], 'stride': [3, 1],
        }  # fmt: skip
        cost, bound = eyeriss.eyeriss_cost(entry)
        link_s = 2 * (1000 * 8 * 7 + 1 * 4 * 5) / 0.48e9
        # Partial sums: q is 8 * 3 / 2 = 12 channels, for an ofmap of up to 14 x 14.
        buffer_s = 4 * (1000 / 12 * 4 * 5) / 3e9
        compute_s = 80_000 / (168 * 200e6 * 0.85)
        self.assertGreater(compute_s, buffer_s)
        self.assertAlmostEqual(cost.latency_s / (compute_s + link_s), 1)
        self.assertEqual(bound, 'link')

    def test_an_oblong_ofmap_is_as_large_as_its_longer_side(self):
        """q is 8 * 14 / 28 = 4 channels, for 7 x 28 as for 28 x 7 and for 28 x 28."""
        for height, width in ((7, 28), (28, 7), (28, 28)):
            entry = {
                'name': 'c', 'type': 'Convolution', 'macs': 64 * height * width * 9 * 10,
                'ifmap': [64, height + 2, width + 2], 'ofmap': [10, height, width], 'kernel': [3, 3],
            }  # fmt: skip
            cost, bound = eyeriss.eyeriss_cost(entry)
            buffer_s = 4 * (64 / 4 * 10 * height * width) / 3e9
            ifmap = 64 * (height + 2) * (width + 2)
            link_s = 2 * (ifmap + 10 * height * width) / 0.48e9
            self.assertAlmostEqual(cost.latency_s / (buffer_s + link_s), 1, msg=entry)

    def test_depthwise_layers_have_a_wider_range(self):
        shape = {'ifmap': [8, 8, 8], 'ofmap': [8, 6, 6], 'kernel': [3, 3]}
        entry = {'name': 'a', 'type': 'Convolution', 'macs': 8 * 36 * 9, 'groups': 8, **shape}
        dense = {**entry, 'name': 'b', 'groups': 1, 'macs': 8 * 8 * 36 * 9}
        one, other = layers_of({'netfile': [entry, dense], 'scaling': 'shape'}, range=True)
        for quantity in ('energy', 'latency'):
            ratios = [x[quantity] / x[f'{quantity}_range'][0] for x in (one, other)]
            self.assertAlmostEqual(ratios[0], 117 / 79)
            self.assertLess(ratios[1], 117 / 79)


class Deconvolution(unittest.TestCase):
    def test_goes_pixel_by_pixel_of_its_ifmap(self):
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

    def test_its_partial_sums_go_by_the_ifmap(self):
        """6 channels are summed, 8 x 14 / 14 x 3 / 4: all else is written, and read, in 2 bytes."""
        entry = {
            'name': 'd', 'type': 'Deconvolution', 'macs': 14 * 14 * 64 * 64 * 16,
            'ifmap': [64, 14, 14], 'ofmap': [64, 28, 28], 'kernel': [4, 4], 'stride': [2, 2],
        }  # fmt: skip
        size = eyeriss.partial_sum_bytes(entry, parse_shape(entry))
        self.assertAlmostEqual(size, 14 * 14 * 64 * (64 / 6) * 2 * 2)


class Dram(unittest.TestCase):
    def test_what_dram_would_add_to_eyeriss(self):
        """8 to 16% for AlexNet and 5 to 11% for VGG-16, at 160 to 320 pJ a byte; MB are 2^20."""
        for net, least, most in (('AlexNet', 8, 16), ('VGG16', 5, 11)):
            rows = csv.DictReader(read('data', fodlam.PUBLISHED[net]['eyeriss_file']).splitlines())
            total = list(rows)[-1]
            dram_bytes = float(total['DRAM Accesses (MB)']) * 2**20
            energy = float(total['Power (mW)']) * float(total['Total Latency (ms)']) * 1e-6
            added = [round(dram_bytes * pj * 1e-12 / energy * 100) for pj in (160, 320)]
            self.assertEqual(added, [least, most], net)


class Zeros(unittest.TestCase):
    def test_what_is_no_percentage(self):
        for cell in ('25', '100%', '-1%', 'x%', '', None):
            with self.assertRaises(ValueError) as caught:
                parse_percentage(cell)
            said = f'column "Zeros in Ifmaps": {cell!r}; expected a percentage from 0% to less '
            self.assertEqual(str(caught.exception), said + 'than 100%')
        self.assertEqual(parse_percentage('0%'), 0)


if __name__ == '__main__':
    unittest.main()
