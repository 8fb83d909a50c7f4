"""A small Llama: from an ONNX model, by hand, and what one step of it takes."""

import json
import unittest

from onnx_encoder import model, node, numbers, tensor, value
from support import extract, fodlam

LAYERS, WIDTH, HEADS, SHARED, HIDDEN, WORDS = 2, 64, 8, 4, 160, 100
SIZE, KEY_HEADS = WIDTH // HEADS, HEADS // SHARED
MEMBERS = ('type', 'macs', 'ifmap', 'ofmap', 'groups', 'shared')  # that are compared


def onnx_llama(tokens):
    """Return a Llama for some tokens at once as an ONNX model, as an exporter writes it."""
    nodes, x = [], 'x'
    weights = [
        numbers('heads', 1, tokens, HEADS, SIZE),
        numbers('key_heads', 1, tokens, KEY_HEADS, SIZE),
        numbers('axis', 2),
        numbers('repeated', 1, KEY_HEADS, SHARED, tokens, SIZE),
        numbers('all_heads', 1, HEADS, tokens, SIZE),
        numbers('joined', 1, tokens, WIDTH),
    ]

    def linear(name, source, ins, outs):
        weights.append(tensor(f'{name}.w', [ins, outs]))
        nodes.append(node('MatMul', f'{source} {name}.w', name, name))
        return name

    def call(type_, inputs, output, **attributes):
        nodes.append(node(type_, ' '.join(inputs), output, output, **attributes))
        return output

    for i in range(LAYERS):
        q = linear(f'q{i}', x, WIDTH, WIDTH)
        q = call('Reshape', [q, 'heads'], f'qr{i}')
        q = call('Transpose', [q], f'qt{i}', perm=[0, 2, 1, 3])
        repeated = {}
        for part in 'kv':
            name = linear(f'{part}{i}', x, WIDTH, WIDTH // SHARED)
            name = call('Reshape', [name, 'key_heads'], f'{part}r{i}')
            name = call('Transpose', [name], f'{part}t{i}', perm=[0, 2, 1, 3])
            name = call('Unsqueeze', [name, 'axis'], f'{part}u{i}')
            name = call('Expand', [name, 'repeated'], f'{part}e{i}')
            repeated[part] = call('Reshape', [name, 'all_heads'], f'{part}a{i}')
        keys = call('Transpose', [repeated['k']], f'kk{i}', perm=[0, 1, 3, 2])
        scores = call('MatMul', [q, keys], f's{i}')
        scores = call('Softmax', [scores], f'p{i}', axis=-1)
        mixed = call('MatMul', [scores, repeated['v']], f'a{i}')
        mixed = call('Transpose', [mixed], f'at{i}', perm=[0, 2, 1, 3])
        mixed = call('Reshape', [mixed, 'joined'], f'aj{i}')
        x = call('Add', [linear(f'o{i}', mixed, WIDTH, WIDTH), x], f'x{i}')
        gate = call('Sigmoid', [linear(f'gate{i}', x, WIDTH, HIDDEN)], f'gs{i}')
        hidden = call('Mul', [gate, linear(f'up{i}', x, WIDTH, HIDDEN)], f'h{i}')
        x = call('Add', [linear(f'down{i}', hidden, HIDDEN, WIDTH), x], f'y{i}')
    linear('words', x, WIDTH, WORDS)
    inputs = [value('x', [1, tokens, WIDTH])]
    return model(nodes, inputs, weights, [], [value('words', [1, tokens, WORDS])])


def fc(ins, outs, tokens):
    """Return the entry of a fully-connected layer over some tokens."""
    return {
        'type': 'InnerProduct', 'macs': ins * outs * tokens,
        'ifmap': [ins, tokens, 1], 'ofmap': [outs, tokens, 1], 'kernel': [1, 1],
    }  # fmt: skip


def product(m, k, n, heads=HEADS, shared=SHARED):
    """Return the entry of a product of an m x k by a k x n matrix for each head."""
    return {
        'type': 'MatMul', 'macs': heads * m * k * n, 'groups': heads, 'shared': shared,
        'ifmap': [heads * k, m, 1], 'ofmap': [heads * n, m, 1], 'kernel': [1, 1],
    }  # fmt: skip


def llama(tokens, cached, layers=LAYERS, width=WIDTH, hidden=HIDDEN, words=WORDS, answers=1):
    """Return a Llama by hand, for some tokens beside some that are cached."""
    size, total, net = width // HEADS, tokens + cached, []
    for _ in range(layers):
        net += [fc(width, width, tokens), fc(width, width // SHARED, tokens)]
        net += [fc(width, width // SHARED, tokens)]
        net += [product(tokens, size, total), product(tokens, total, size)]
        net += [fc(width, width, tokens), fc(width, hidden, tokens), fc(width, hidden, tokens)]
        net += [fc(hidden, width, tokens)]
    net.append(fc(width, words, answers))
    return [{'name': f'l{number}', **entry} for number, entry in enumerate(net)]


class FromOnnx(unittest.TestCase):
    TOKENS = 5

    def extracted(self):
        result = extract('llama.onnx', onnx_llama(self.TOKENS))
        self.assertEqual(result.status, 0, result.err)
        return [entry for entry in json.loads(result.out) if 'macs' in entry]

    def test_it_is_the_net_by_hand(self):
        by_hand = llama(self.TOKENS, cached=0, answers=self.TOKENS)
        found = self.extracted()
        for one, other in zip(found, by_hand, strict=True):
            members = {key: one.get(key) for key in MEMBERS}
            self.assertEqual(members, {key: other.get(key) for key in MEMBERS}, one['name'])

    def test_what_reads_what(self):
        found = {entry['name']: entry for entry in self.extracted()}
        self.assertEqual(found['s1']['from'], ['q1', 'k1'])
        self.assertEqual(found['a1']['from'], ['s1', 'v1'])
        self.assertEqual(found['o1']['from'], ['a1', 'down0'])
        self.assertEqual(found['up1']['from'], ['o1'])
        self.assertEqual(found['down1']['from'], ['gate1', 'up1', 'o1'])
        chip = {'macs': 64, 'clock_mhz': 1000, 'dram_gb_per_s': 1, 'feature_kib': 64}
        config = {'netfile': list(found.values()), 'accelerator': chip}
        total = fodlam.estimate(config)['total']
        # The first three layers read what the network is given, and so does the first addend.
        given = 4 * self.TOKENS * WIDTH
        self.assertEqual(total['feature_traffic_bytes'], given + self.TOKENS * WORDS)


class Steps(unittest.TestCase):
    """Llama-3-8B's shape, two bytes a number, on 494.5 TMAC/s and 3,350 GB/s."""

    CHIP = {
        'macs': 494_500, 'clock_mhz': 1000, 'dram_gb_per_s': 3350, 'feature_bytes': 2,
        'weight_bytes': 2,
    }  # fmt: skip

    def step(self, tokens, cached, batch, shared=True):
        """Return the report on a step; shared: whether products say that they share operands."""
        layers, width, heads, key_heads, hidden, words = 32, 4096, 32, 8, 14336, 128_256
        size, total, net = width // heads, tokens + cached, []
        sharing = heads // key_heads if shared else 1
        for _ in range(layers):
            net += [fc(width, width, tokens), *[fc(width, key_heads * size, tokens)] * 2]
            net += [product(tokens, size, total, heads, sharing)]
            net += [product(tokens, total, size, heads, sharing)]
            net += [fc(width, width, tokens), *[fc(width, hidden, tokens)] * 2]
            net += [fc(hidden, width, tokens)]
        net.append(fc(width, words, 1))
        net = [{'name': str(number), **entry} for number, entry in enumerate(net)]
        return fodlam.estimate({'netfile': net, 'accelerator': {**self.CHIP, 'batch': batch}})

    def test_decoding_takes_its_weights_and_its_cache(self):
        for batch in (1, 8):
            for cached in (511, 8191):
                report = self.step(1, cached, batch)
                weights = report['sizes']['all_weights_bytes']
                self.assertEqual(weights, 2 * 7_504_658_432)  # 8.03 G, without the first embedding
                cache = 2 * 32 * (cached + 1) * 1024 * 2 * batch  # keys and values
                bound = (weights + cache) / 3350e9
                self.assertGreater(report['batch_latency'], bound)
                self.assertLess(report['batch_latency'], bound * 1.04)

    CONTEXTS = (
        (512, (1.01, 1.10, 1.65)),
        (8192, (1.20, 2.08, 3.39)),
        (32768, (1.66, 3.04, 3.76)),
    )

    def test_operands_that_are_not_shared_take_too_long(self):
        """As counted without "shared", over the truth."""
        for context, factors in self.CONTEXTS:
            for batch, factor in zip((1, 8, 64), factors):
                counted = self.step(1, context, batch, shared=False)['total']['latency']
                truth = self.step(1, context, batch)['total']['latency']
                self.assertAlmostEqual(counted / truth, factor, delta=0.02)

    def test_prefill_is_bound_by_its_macs(self):
        """Of 2,048 tokens, fc layers wait for the array, but for the last one, for one token."""
        report = self.step(2048, 0, 1)
        macs = 2048 * (7_504_658_432 - 4096 * 128_256)
        last_bytes = (4096 * 128_256 + 4096 + 128_256) * 2
        expected = macs / 494.5e12 + last_bytes / 3350e9
        self.assertAlmostEqual(report['fc']['latency'] / expected, 1)


if __name__ == '__main__':
    unittest.main()
