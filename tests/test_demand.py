"""What layers ask of accelerators: slices, batches, shared operands, groups and bytes."""

import json
import math
import random
import unittest
from fractions import Fraction

from results import CHIP, on_chip, total
from support import count_calls, fodlam, read, run, seeds

from fodlam.data.demand import Buffered, least_fraction


class Batch(unittest.TestCase):
    CHIP = {'macs': 4096, 'clock_mhz': 1000, 'dram_gb_per_s': 20}

    def total(self, **keys):
        config = {'netfile': 'resnet50.json', 'accelerator': {**self.CHIP, **keys}}
        return fodlam.estimate(config)

    def test_weights_are_read_once(self):
        one, many = self.total()['total'], self.total(batch=64)['total']
        self.assertEqual(many['feature_traffic_bytes'], one['feature_traffic_bytes'])
        self.assertEqual(many['weight_traffic_bytes'], one['weight_traffic_bytes'] / 64)
        fc = self.total(fc_batch=64)
        self.assertEqual(fc['fc']['weight_traffic_bytes'], 2048 * 1000 / 64)
        self.assertEqual(fc['conv'], self.total()['conv'])
        self.assertEqual(self.total(fc_batch=64, batch=8)['fc'], fc['fc'])

    def test_what_reports_say(self):
        report = self.total(batch=8)
        self.assertEqual(report['batch'], 8)
        self.assertEqual(report['batch_latency'], report['total']['latency'] * 8)
        self.assertNotIn('batch', self.total())
        one = self.total(batch=1)
        self.assertEqual(one['batch_latency'], one['total']['latency'])
        self.assertEqual(one['total'], self.total()['total'])
        config = {'netfile': 'resnet50.json', 'accelerator': {**self.CHIP, 'batch': 8}}
        part = fodlam.estimate({**config, 'layers': ['conv1']})
        self.assertEqual(part['batch_latency'], part['total']['latency'] * 8)

    def test_lines_and_tables_say_the_same(self):
        config = {'netfile': 'lenet.json', 'accelerator': {**self.CHIP, 'batch': 4}}
        text = json.dumps(config).encode()
        self.assertEqual(json.loads(run('--lines', stdin=text).out), fodlam.estimate(config))
        self.assertIn('a batch of 4 takes ', run('--format', 'table', stdin=text).out)

    def test_products_are_not_changed(self):
        product = {
            'name': 'qk', 'type': 'MatMul', 'macs': 8 * 5 * 64 * 7, 'groups': 8,
            'ifmap': [512, 5, 1], 'ofmap': [56, 5, 1], 'kernel': [1, 1],
        }  # fmt: skip
        self.assertEqual(on_chip(product, {**self.CHIP, 'batch': 8}), on_chip(product, self.CHIP))

    def test_all_frames_share_the_buffer(self):
        """2000 bytes of a frame and 8000 of weights, 1024 of buffer, a slice of up to half of it."""
        entry = {
            'name': 'c', 'type': 'Convolution', 'macs': 100 * 20 * 400,
            'ifmap': [20, 100, 1], 'ofmap': [400, 100, 1], 'kernel': [1, 1],
        }  # fmt: skip
        for batch, reads in ((1, 4), (2, 4), (3, 4)):  # 512 bytes hold a quarter of a frame, or so
            layer = on_chip(entry, {**self.CHIP, 'buffer_kib': 1, 'batch': batch})
            self.assertEqual(layer['weight_traffic_bytes'], reads * 8000, batch)
        # From four frames on, weights stay: a slice has 20 bytes, and 8 pieces fit.
        layer = on_chip(entry, {**self.CHIP, 'buffer_kib': 1, 'batch': 8})
        self.assertEqual(layer['weight_traffic_bytes'], 8000 / 8)
        self.assertEqual(layer['feature_traffic_bytes'], 8 * 2000 + 40000)


class Shared(unittest.TestCase):
    """Heads that share the second operand of a product, as in grouped-query attention."""

    CHIP = {'macs': 64, 'clock_mhz': 1000, 'dram_gb_per_s': 1, 'feature_bytes': 2}

    def product(self, **members):
        return {
            'name': 'qk', 'type': 'MatMul', 'macs': 8 * 5 * 64 * 7, 'groups': 8,
            'ifmap': [8 * 64, 5, 1], 'ofmap': [8 * 7, 5, 1], 'kernel': [1, 1], **members,
        }  # fmt: skip

    def test_bytes(self):
        for shared in (1, 2, 4, 8):
            layer = on_chip(self.product(shared=shared), self.CHIP)
            read = 8 * 64 * 5 + 8 // shared * 64 * 7
            self.assertEqual(layer['dram_bytes'], (read + 8 * 7 * 5) * 2)
            self.assertEqual((layer['macs'], layer['kind']), (17920, 'product'))
        self.assertEqual(
            on_chip(self.product(), self.CHIP), on_chip(self.product(shared=1), self.CHIP)
        )

    def test_a_divisor_of_the_groups(self):
        with self.assertRaises(fodlam.InputError) as caught:
            on_chip(self.product(shared=3), self.CHIP)
        expected = '"shared" is 3; expected a divisor of the 8 groups'
        self.assertEqual(str(caught.exception), f'config "netfile", layer \'qk\': {expected}')


class Bytes(unittest.TestCase):
    """The bytes of reports, by operand."""

    NET = [
        {
            'name': 'c', 'type': 'Convolution', 'macs': 4 * 4 * 3 * 8 * 9,
            'ifmap': [3, 6, 6], 'ofmap': [8, 4, 4], 'kernel': [3, 3],
        },
        {
            'name': 'f', 'type': 'InnerProduct', 'macs': 128 * 10,
            'ifmap': [128, 1, 1], 'ofmap': [10, 1, 1], 'kernel': [1, 1],
        },
        {
            'name': 'm', 'type': 'MatMul', 'macs': 5 * 2 * 60,
            'ifmap': [2, 5, 1], 'ofmap': [60, 5, 1], 'kernel': [1, 1],
        },
    ]  # fmt: skip
    CONFIG = {
        'netfile': NET,
        'accelerator': {'macs': 64, 'clock_mhz': 1000, 'dram_gb_per_s': 1, 'weight_bytes': 2},
    }

    def test_sums(self):
        report = fodlam.estimate(self.CONFIG)
        expected = {
            'conv': (216 * 2, 108 + 128),
            'fc': (1280 * 2, 128 + 10),
            'product': (0, 10 + 120 + 300),
        }
        expected['total'] = tuple(map(sum, zip(*expected.values())))
        for group, (weights, features) in expected.items():
            self.assertEqual(report[group]['weight_traffic_bytes'], weights)
            self.assertEqual(report[group]['feature_traffic_bytes'], features)
        sizes = {'all_weights_bytes': (216 + 1280) * 2, 'largest_map_bytes': 300}
        self.assertEqual(report['sizes'], sizes)

    def test_groups_with_zeros_are_chosen_by_time(self):
        for dram_gb_per_s in (0.01, 1000):
            config = {'netfile': 'mobilenet.json'}
            chip = {
                'macs': 256,
                'clock_mhz': 1000,
                'dram_gb_per_s': dram_gb_per_s,
                'channel_atom': 16,
            }
            report = fodlam.estimate({**config, 'accelerator': chip}, per_layer=True)
            for key in ('weight_traffic_bytes', 'feature_traffic_bytes'):
                summed = sum(layer[key] for layer in report['layers'])
                self.assertAlmostEqual(report['total'][key] / summed, 1)
            weights = sum(
                layer['weight_traffic_bytes'] for layer in report['layers'] if layer['kind'] == 'fc'
            )
            self.assertEqual(report['fc']['weight_traffic_bytes'], weights)

    def test_tables_have_products_beside_conv_and_fc(self):
        text = json.dumps(self.CONFIG).encode()
        self.assertRegex(run('--format', 'table', stdin=text).out, r'\nproduct +600\.0 ')
        lines = run('--format', 'csv', stdin=text).out.splitlines()
        self.assertIn('weight_traffic_bytes,feature_traffic_bytes', lines[0])
        self.assertTrue(any(line.startswith('product,,600,') for line in lines))

    def test_layers_of_a_config(self):
        report = fodlam.estimate({**self.CONFIG, 'layers': ['c']})
        self.assertEqual(report['sizes']['all_weights_bytes'], 432)
        self.assertEqual(report['fc']['weight_traffic_bytes'], 0)

    def test_eyeriss_and_eie_leave_products_out_as_before(self):
        report = fodlam.estimate({'netfile': self.NET})
        self.assertEqual(list(report), ['conv', 'fc', 'total', 'frames', 'left_out'])
        self.assertEqual(report['left_out'], {'layers': 1, 'macs': 600})
        self.assertEqual(set(report['conv']), {'energy', 'latency'})

    def test_lines(self):
        text = json.dumps(self.CONFIG).encode()
        self.assertEqual(json.loads(run('--lines', stdin=text).out), fodlam.estimate(self.CONFIG))


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


class Slices(unittest.TestCase):
    """What is in the buffer at a time, by shapes made for it."""

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


class LeastTraffic(unittest.TestCase):
    def test_fractions(self):
        for seed in seeds(1000):
            chance = random.Random(seed)
            p, q = chance.randint(1, 10 ** chance.randint(0, 8)), chance.randint(1, 10**6)
            most = chance.randint(1, 60)
            fractions = [Fraction(-(-n * p // q), n) for n in range(1, most + 1)]
            found = Fraction(*least_fraction(p, q, most))
            self.assertEqual(found, min(fractions), (seed, p, q, most))

    def test_is_that_of_the_best_number_of_frames(self):
        for seed in seeds(1000):
            chance = random.Random(seed)
            channels, side, kernel = (
                chance.randint(1, 999),
                chance.randint(1, 60),
                chance.choice('135'),
            )
            row, kernel_bytes = channels * side, channels * int(kernel) ** 2
            filters = chance.randint(1, 3000)
            layer = Buffered(
                ifmap=row * side,
                weights=kernel_bytes * filters,
                least_rows=row * min(side, int(kernel)),
                least_filters=kernel_bytes * min(filters, 32),
                buffer=chance.choice((0.5, 2, 32, 512, chance.random() * 99)) * 1024,
            )
            frames = chance.randint(1, 400)
            tried = [layer.traffic(fewer) for fewer in (frames, *range(1, frames))]
            self.assertEqual(layer.least_traffic(frames), min(tried, key=sum), (seed, layer))

    def test_rounding_makes_no_piece(self):
        layer = Buffered(ifmap=0.3, weights=900, least_rows=1, least_filters=3, buffer=6)
        self.assertGreater(0.1 * 3 * 10, 3)  # in floats
        self.assertEqual(layer._replace(ifmap=0.1 * 3).traffic(10), (0.1 * 3, 90))

    def test_many_frames_take_no_longer(self):
        layer = Buffered(1000, 10**9, 1000, 10**6, 1024)
        few = count_calls(lambda: layer.least_traffic(2))
        self.assertLess(count_calls(lambda: layer.least_traffic(2**16)), few + 50)


if __name__ == '__main__':
    unittest.main()
