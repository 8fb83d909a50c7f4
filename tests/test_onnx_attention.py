"""Attention, of ONNX and of onnxruntime: its products and projections (nets/onnx_attention.py)."""

import unittest

from extracted_onnx import OnnxCase, error_of, follow, foreign, layers
from onnx_encoder import node, numbers, tensor, value


class Attention(OnnxCase):
    """ONNX's own Attention."""

    def test_two_products(self):
        """Two products; 8 heads of queries share 2 of keys and values."""
        inputs = [value('q', [1, 8, 5, 16]), value('k', [1, 2, 7, 16]), value('v', [1, 2, 7, 24])]
        first, second = layers([node('Attention', 'q k v', 'y', 'a')], inputs, [])
        self.assertEqual([first['name'], second['name']], ['a', 'a#2'])
        self.assertEqual((first['groups'], first['macs']), (8, 8 * 5 * 16 * 7))
        self.assertEqual((second['groups'], second['macs']), (8, 8 * 5 * 7 * 24))
        inputs = [value('q', [1, 5, 128]), value('k', [1, 7, 32]), value('v', [1, 7, 48])]
        heads = {'q_num_heads': 8, 'kv_num_heads': 2}
        flat = layers([node('Attention', 'q k v', 'y', 'a', **heads)], inputs, [])
        self.assertEqual(flat, [first, second])

    def test_one_head_where_none_are_said(self):
        inputs = {'q': [1, 5, 16], 'k': [1, 7, 16], 'v': [1, 7, 24]}
        products = ('MatMul', 5 * 16 * 7), ('MatMul', 5 * 7 * 24)
        step = node('Attention', 'q k v', 'y')
        for entry in self.check_layers(step, inputs, [], *products, shapes=[('y', (1, 5, 24))]):
            self.assertNotIn('groups', entry)

    def test_odd_ranks(self):
        for dims in ([], [1, 2], [1, 2, 3, 4, 5]):
            inputs = [value('i', [1, 1]), *(value(name, dims) for name in 'qkv')]
            error = error_of([node('Attention', 'q k v', 'y', 'a')], inputs, [])
            self.assertIn('; expected 3 or 4 dimensions each', error)

    def test_a_cache(self):
        inputs = {'q': [1, 8, 5, 16], 'k': [1, 2, 5, 16], 'past': [1, 2, 7, 16]}
        step = node('Attention', 'q k k  past past', 'y k2 v2')
        product = ('MatMul', 8 * 5 * 16 * 12)
        shapes = [('y', (1, 8, 5, 16)), ('k2', (1, 2, 12, 16))]
        for entry in self.check_layers(step, inputs, [], product, product, shapes=shapes):
            self.assertEqual(entry['shared'], 4)


class OnnxRuntime(OnnxCase):
    """Attention of com.microsoft, with and without projections."""

    def test_with_projections(self):
        """16 features become 3 x 16 at 7 positions, for 4 heads of 4; 5 positions are known."""
        x, past = {'x': [1, 7, 16]}, {'past': [2, 1, 4, 5, 4]}
        weights = [tensor('w', [16, 48]), tensor('b', [48]), numbers('s', 0.5)]
        projection = ('InnerProduct', 7 * 16 * 48)
        for step, inputs, positions in (
            (foreign('Attention', 'x w b', 'y present', num_heads=4), x, 7),
            (foreign('Attention', 'x w b  past', 'y present', num_heads=4), {**x, **past}, 12),
            (foreign('QAttention', 'x w b s s', 'y present', num_heads=4), x, 7),
        ):
            product = ('MatMul', 4 * 7 * 4 * positions)
            shapes = [('y', (1, 7, 16)), ('present', (2, 1, 4, positions, 4))]
            self.check_layers(step, inputs, weights, projection, product, product, shapes=shapes)
        step = foreign('Attention', 'x w b  past', 'y present', num_heads=4)
        net = follow([step], {**x, 'past': [1, 5, 4]}, weights)  # a dimension is missing
        self.assertEqual(list(net.left_out), ['com.microsoft.Attention'])
        step = foreign('Attention', 'x w b', 'y', num_heads=4, qkv_hidden_sizes=[20, 20, 8])
        products = ('MatMul', 4 * 7 * 5 * 7), ('MatMul', 4 * 7 * 7 * 2)
        self.check_layers(step, x, weights, projection, *products, shapes=[('y', (1, 7, 8))])

    def test_without_projections(self):
        q, k, cache = [1, 7, 16], [1, 9, 16], [1, 4, 5, 4]
        inputs = {'q': q, 'k': k, 'v': [1, 9, 8], 'c': cache, 'd': [1, 4, 5, 2],
                  'qkv': [1, 7, 4, 3, 4], 'kv': [1, 9, 4, 2, 4], 'k4': [1, 4, 9, 4]}  # fmt: skip
        for operands, length, value_size, shape in (
            ('q k v', 9, 2, (1, 7, 8)),
            ('q k v    c d', 14, 2, (1, 7, 8)),
            ('q k4 k4', 9, 4, (1, 7, 16)),
            ('q kv', 9, 4, (1, 7, 16)),
            ('qkv', 7, 4, (1, 7, 16)),
        ):
            with self.subTest(operands):
                step = foreign('MultiHeadAttention', operands, 'y', num_heads=4)
                scores = ('MatMul', 4 * 7 * 4 * length)
                result = ('MatMul', 4 * 7 * length * value_size)
                self.check_layers(step, inputs, [], scores, result, shapes=[('y', shape)])

    def test_grouped_queries(self):
        """6 heads of queries of 8 numbers share 2 of keys, three at a time."""
        inputs = {'q': [1, 5, 48], 'k': [1, 5, 16], 'packed': [1, 5, 80], 'past': [1, 2, 4, 8]}
        weights = [numbers('total', 20, scalar=True), numbers('lengths', 20)]
        heads = {'num_heads': 6, 'kv_num_heads': 2}
        for operands, length in (
            ('q k k', 5),
            ('packed', 5),
            ('q k k past past', 9),
            ('q k k past past lengths total', 20),
        ):
            with self.subTest(operands):
                step = foreign('GroupQueryAttention', operands, 'y c d', **heads)
                product = ('MatMul', 6 * 5 * 8 * length)
                shapes = [('y', (1, 5, 48)), ('c', (1, 2, length, 8))]
                for entry in self.check_layers(
                    step, inputs, weights, product, product, shapes=shapes
                ):
                    self.assertEqual((entry['groups'], entry['shared']), (6, 3))


if __name__ == '__main__':
    unittest.main()
