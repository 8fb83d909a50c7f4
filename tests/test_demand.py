"""What layers ask of accelerators: against formulas written down a second time, on random layers."""

import json
import math
import random
import unittest
import warnings
from fractions import Fraction

from support import fodlam, run

SEEDS = range(400)


def random_layer(chance):
    """Return the entry of a layer of any kind, by a Random."""
    kind = chance.choice(
        ['conv', 'conv', 'grouped', 'depthwise', 'deconv', 'fc', 'fc over T', 'product']
    )
    groups = {'grouped': chance.choice([2, 3, 4]), 'product': chance.choice([1, 2, 6, 12])}.get(
        kind, 1
    )
    C, K = (groups * chance.randint(1, 70) for _ in range(2))
    if kind == 'depthwise':
        C = K = groups = chance.randint(1, 100)
    if kind in ('fc', 'fc over T', 'product'):
        H = 1 if kind == 'fc' else chance.randint(2, 60)
        type_ = 'MatMul' if kind == 'product' else 'InnerProduct'
        entry = {'type': type_, 'ifmap': [C, H, 1], 'ofmap': [K, H, 1], 'kernel': [1, 1]}
        if kind == 'product':
            entry['shared'] = chance.choice([n for n in range(1, groups + 1) if groups % n == 0])
        macs = H * C * K // groups
    else:
        P, Q, R, S = (
            chance.randint(1, 40),
            chance.randint(1, 40),
            chance.randint(1, 5),
            chance.choice([1, 3, 7]),
        )
        sy, sx = chance.choice([(1, 1), (1, 1), (2, 2), (1, 2), (3, 1)])
        entry = {
            'type': 'Convolution', 'ifmap': [C, (P - 1) * sy + R, (Q - 1) * sx + S],
            'ofmap': [K, P, Q], 'kernel': [R, S], 'stride': [sy, sx],
        }  # fmt: skip
        macs = P * Q * C * K // groups * R * S
        if kind == 'deconv':
            entry |= {'type': 'Deconvolution', 'ifmap': [C, P, Q], 'ofmap': [K, P * sy, Q * sx]}
        elif chance.random() < 0.3:
            entry['stored'] = [K, max(1, P // 2), max(1, Q // 2)]
    if chance.random() < 0.3:
        entry['addend'] = True
    if groups > 1:
        entry['groups'] = groups
    return {'name': 'layer', 'macs': macs, **entry}


def random_chip(chance):
    """Return the keys of an accelerator, by a Random."""
    chip = {'clock_mhz': 1000, 'dram_gb_per_s': 10 ** chance.uniform(-1, 3)}
    if chance.random() < 0.4:
        chip |= {'rows': chance.choice([1, 8, 32]), 'cols': chance.choice([3, 16, 100])}
        chip['dataflow'] = chance.choice(['ws', 'os', 'is'])
    else:
        chip['macs'] = chance.choice([1, 64, 1000])
        if chance.random() < 0.4:
            chip |= {
                'channel_atom': chance.choice([8, 16]),
                'kernel_atom': chance.choice([16, 128]),
            }
        if chance.random() < 0.4:
            chip['winograd_gain'] = 2.25
    for key, values in (
        ('buffer_kib', [1, 4, 30, 200]), ('feature_bytes', [1, 2, 4]), ('weight_bytes', [0.5, 1, 2]),
        ('fc_batch', [4, 16]), ('batch', [1, 2, 3, 8, 64]), ('psum_bytes', [2, 3]),
    ):  # fmt: skip
        if chance.random() < 0.5:
            chip[key] = chance.choice(values)
    return chip


# --- The formulas of data/README.md, a second time, in whole numbers and fractions ---


def up(number, multiple):
    while number % multiple:
        number += 1
    return number


def least_reads(n, smaller_of_one, larger, room):
    """Return how often a frame's share reads the larger part, with up to n frames together."""
    best = None
    for frames in range(1, n + 1):
        reads = max(1, math.ceil(frames * smaller_of_one / room)) / Fraction(frames)
        best = reads if best is None else min(best, reads)
    return best


def way_of(entry, chip, dense):
    """Return (cycles, weight bytes, feature bytes) of a layer, group by group or as one dense one."""
    get = lambda key, default=1: Fraction(chip.get(key, default))  # noqa: E731
    product, fc = entry['type'] == 'MatMul', entry['type'] == 'InnerProduct'
    groups = entry.get('groups', 1)
    (C, H, W), (K, P, Q) = entry['ifmap'], entry['ofmap']
    (_, A, B), (R, S), (sy, sx) = (
        entry.get('stored', entry['ofmap']),
        entry['kernel'],
        entry.get('stride', [1, 1]),
    )
    if entry['type'] == 'Deconvolution':
        P, Q, sy, sx = H, W, 1, 1
    if not dense:
        C, K = C // groups, K // groups
    ef, ew = get('feature_bytes'), get('feature_bytes' if product else 'weight_bytes')
    atom = chip.get('channel_atom', 1)
    ty, tx = (sy, sx) if atom > 1 else (1, 1)
    c = up(C * ty * tx, atom)
    h, w, r, s = -(-H // ty), -(-W // tx), -(-R // ty), -(-S // tx)
    gain = get('winograd_gain') if (R, S, sy, sx) == (3, 3, 1, 1) else 1
    X, F, Z = c * h * w * ef, c * r * s * K * ew, A * B * up(K, atom) * ef
    F *= Fraction(16, 9) if gain != 1 else 1
    n = entry.get('shared', 1) if product else chip.get('batch', 1)
    n = max(n, chip.get('fc_batch', 1)) if fc else n
    weights, ifmap = F / n, X
    if not product and not fc and 'buffer_kib' in chip:
        buffer = get('buffer_kib') * 1024
        Y = min(c * min(R, h) * w * ef, buffer / 2)
        V = min(c * r * s * min(K, 32) * ew, buffer / 2)
        fewer = [frames for frames in range(1, n + 1) if frames * X < F]
        ways = []
        if n * X >= F:
            ways.append((F / n, X * max(1, math.ceil(F / (buffer - Y)))))
        if fewer:
            ways.append((F * least_reads(fewer[-1], X, F, buffer - V), X))
        weights, ifmap = min(ways, key=sum)
    features = ifmap + Z * (2 if entry.get('addend') else 1)
    if product:
        weights, features = 0, features + weights
    n_k = chip.get('fc_batch', 1) if fc else 1
    filters = Fraction(up(K * n_k, chip.get('kernel_atom', 1)), n_k)
    cycles = c * P * Q * filters * R * S / (ty * tx) / gain / chip.get('macs', 1)
    if 'rows' in chip:
        rows, cols, flow = chip['rows'], chip['cols'], chip['dataflow']
        across = {
            'ws': (R * S * C, K, P * Q),
            'os': (P * Q, K, R * S * C),
            'is': (R * S * C, P * Q, K),
        }
        Sr, Sc, T = across[flow]
        folds = sum(1 for _ in range(0, Sr, rows)) * sum(1 for _ in range(0, Sc, cols))
        cycles = Fraction(folds * ((rows if flow == 'os' else 2 * rows) + cols + T - 2) - 1)
    times = 1 if dense else groups
    return cycles * times, weights * times, features * times


def expected_of(entry, chip):
    """Return (latency in s, weight bytes, feature bytes) of a layer on an accelerator."""
    ways = [way_of(entry, chip, dense=False)]
    if entry.get('groups', 1) > 1 and chip.get('channel_atom', 1) > 1 and entry['type'] != 'MatMul':
        ways.append(way_of(entry, chip, dense=True))
    best = None
    for cycles, weights, features in ways:
        seconds = max(cycles / 10**9, (weights + features) / Fraction(chip['dram_gb_per_s'] * 1e9))
        if best is None or seconds < best[0]:
            best = seconds, weights, features
    return best


def on_chip(entry, chip):
    config = {'netfile': [entry], 'accelerator': chip}
    return fodlam.estimate(config, per_layer=True)['layers'][0]


class Formulas(unittest.TestCase):
    def close(self, one, other, message):
        self.assertTrue(math.isclose(one, other, rel_tol=1e-9), f'{one} {other} {message}')

    def test_random_layers(self):
        for seed in SEEDS:
            chance = random.Random(seed)
            entry, chip = random_layer(chance), random_chip(chance)
            seconds, weights, features = expected_of(entry, chip)
            layer = on_chip(entry, chip)
            self.close(layer['latency'], seconds, (seed, entry, chip))
            self.close(layer['weight_traffic_bytes'], weights, (seed, entry, chip))
            self.close(layer['feature_traffic_bytes'], features, (seed, entry, chip))
            self.close(layer['dram_bytes'], weights + features, (seed, entry, chip))

    def test_more_never_costs_time(self):
        series = {
            'dram_gb_per_s': [0.1, 1, 3, 10, 1000],
            'buffer_kib': [0.5, 1, 3, 5, 20, 21, 100, 1e6],
            'batch': [1, 2, 3, 4, 5, 6, 7, 8, 11, 16, 64, 65, 1000],
            'feature_kib': [0, 1, 4, 20, 100, 1e6],
            'fc_batch': [1, 2, 4, 8],
        }
        for seed in SEEDS[:120]:
            chance = random.Random(seed)
            chip = random_chip(chance)
            net = [{**random_layer(chance), 'name': f'l{index}'} for index in range(4)]
            for key, values in series.items():
                chips = [{**chip, key: value} for value in values]
                configs = [{'netfile': net, 'accelerator': each} for each in chips]
                with warnings.catch_warnings():
                    warnings.simplefilter('ignore')  # these networks are no chains
                    times = [report['total']['latency'] for report in fodlam.sweep(configs)]
                for less, more in zip(times, times[1:]):
                    self.assertLessEqual(more, less * (1 + 1e-12), (seed, key, times))


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


if __name__ == '__main__':
    unittest.main()
