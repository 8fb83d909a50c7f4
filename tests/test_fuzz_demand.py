"""Random layers on random accelerators, against formulas written down a second time."""

import math
import random
import unittest
import warnings
from fractions import Fraction

from random_nets import random_chip, random_layer
from results import on_chip
from support import fodlam, seeds


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


class Formulas(unittest.TestCase):
    def close(self, one, other, message):
        self.assertTrue(math.isclose(one, other, rel_tol=1e-9), f'{one} {other} {message}')

    def test_random_layers(self):
        for seed in seeds(400):
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
        for seed in seeds(120):
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


if __name__ == '__main__':
    unittest.main()
