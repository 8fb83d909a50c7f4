"""ONNX's products of two feature maps: MatMul and Einsum (nets/onnx_products.py)."""

import unittest

from extracted_onnx import (
    IMAGE,
    KERNEL,
    LARGE_IMAGE,
    LARGE_KERNEL,
    entries,
    follow,
    foreign,
    layers,
)
from onnx_encoder import function, model, node, tensor, value
from support import extract


class MatMul(unittest.TestCase):
    """MatMul of two feature maps, in stacks of matrices."""

    def test_two_feature_maps(self):
        """Attention of 12 heads over 197 positions, and what is left out: the note says both."""
        shapes = [value('x', [2, 12, 197, 64]), value('k', [2, 12, 64, 197])]
        nodes = [
            node('MatMul', 'x k', 'scores', 'qk'),
            node('MatMul', 'scores x', 'y', 'av'),
            node('DeformConv', 'x', 'z', 'deform'),
            node('Mine', 'x', 'm', 'mine'),
        ]
        note = (
            f'extract.py: m.onnx: 2 MatMul of two feature maps ({2 * 12 * 197 * 197 * 64:,} MACs a '
            'frame)\nextract.py: m.onnx: left out, as FODLAM does not model it: whatever is in '
            'DeformConv, Mine\nextract.py: m.onnx: the batch is taken to be 2, dimension 0 of '
        )
        net = entries(nodes, shapes, functions=[function('Mine')], note=note)
        common = {'type': 'MatMul', 'kernel': [1, 1], 'stride': [1, 1], 'groups': 12}
        k, v = [12 * 64, 197, 1], [12 * 197, 197, 1]
        macs = 12 * 197 * 197 * 64
        self.assertEqual(net['qk'], {'name': 'qk', 'macs': macs, 'ifmap': k, 'ofmap': v, **common})
        self.assertEqual(net['av'], {'name': 'av', 'macs': macs, 'ifmap': v, 'ofmap': k, **common})
        self.assertEqual(len(net), 4)

    def test_products(self):
        """(type, heads, M, K, N) of stacks, of weights and of feature maps, and of vectors."""
        for inputs, x, w, *expected in (
            ('w x', ['N', 8, 64, 196], [1, 8, 100, 64], 'InnerProduct', 8, 196, 64, 100),
            ('w x', ['N', 8, 64, 196], [8, 100, 64], 'InnerProduct', 8, 196, 64, 100),
            ('x w', ['N', 8, 7, 64], [8, 64, 5], 'InnerProduct', 8, 7, 64, 5),
            ('x w', ['N', 7, 64], [64], 'InnerProduct', 1, 7, 64, 1),
            ('x x', ['N', 3, 7, 7], [1], 'MatMul', 3, 7, 7, 7),
            ('x k', ['N', 1, 7, 7], [1], 'MatMul', 5, 7, 7, 7),
            ('x k', [1, 1, 7, 7], [1], 'MatMul', 5, 7, 7, 7),
        ):
            with self.subTest(inputs, x=x, w=w):
                shapes = [value('image', ['N', 3]), value('x', x), value('k', [1, 5, 7, 7])]
                note = 'MACs a frame)\n' if 'MatMul' in expected else ''
                nodes = [node('MatMul', inputs, 'y', 'f')]
                entry = entries(nodes, shapes, [tensor('w', w)], note=note)['f']
                type_, heads, m, k, n = expected
                self.assertEqual((entry['type'], entry.get('groups', 1)), (type_, heads))
                self.assertEqual(entry['ifmap'], [heads * k, m, 1])
                self.assertEqual(entry['ofmap'], [heads * n, m, 1])
                self.assertEqual(entry['macs'], m * heads * k * n)

    def test_products_that_cannot_be_told(self):
        for inputs, x, *parts in (
            ('x k', ['N', 'T', 7, 7], "'x' is symbolic, [N, T, 7, 7]", 'with --dim T=SIZE'),
            ('x k', ['N', 2, 7, 7], 'cannot broadcast [N, 2] and [1, 5]; expected'),
            ('x k', ['T', 5, 7, 7], 'the first dimension is T where', 'fix the batch size'),
            ('image x', ['N', 3, 3, 4], 'sizes of more than 4294967296', 'N, 1'),
            ('x k', ['N', 5, 7, 6], 'cannot multiply [N, 5, 7, 6] by [1, 5, 7, 7]; expected'),
        ):
            shapes = [value('image', ['N', 3]), value('x', x), value('k', [1, 5, 7, 7])]
            content = model([node('MatMul', inputs, 'y', 'f')], shapes)
            result = extract('m.onnx', content)
            self.assertEqual(result.status, 1, x)
            for part in parts:
                self.assertIn(part, result.err)


class Einsum(unittest.TestCase):
    """Einsum: a product if one can be made of it; else it is left out."""

    def test_dots(self):
        x, k = {'x': [1, 3, 7, 8]}, {'x': [1, 3, 7, 8], 'k': [1, 3, 9, 8]}
        for equation, inputs, operands, macs, shape in (
            ('...i,ij->...j', x, 'x w', 3 * 7 * 8 * 5, (1, 3, 7, 5)),
            ('b...i,ij', x, 'x w', 3 * 7 * 8 * 5, (3, 7, 1, 5)),
            ('...qd,...kd->...qk', k, 'x k', 3 * 7 * 9 * 8, (1, 3, 7, 9)),
            ('bhqd,bhkd', k, 'x k', 3 * 7 * 9 * 8, (9, 7)),  # summed over b, h and d
        ):
            step = node('Einsum', operands, 'y', equation=equation)
            weights = [tensor('w', [8, 5])]
            self.assertEqual(sum(entry['macs'] for entry in layers([step], inputs, weights)), macs)
            self.assertEqual(follow([step], inputs, weights).shapes['y'], shape)

    def test_one_operand(self):
        """It transposes or sums up, and is not left out."""
        for equation, shape in (
            ('bij->bji', (1, 4, 3)),
            ('bij', (1, 3, 4)),
            ('bji', (1, 4, 3)),
            ('b...->b', (1,)),
            ('b...->...', (3, 4)),
            ('cab->', ()),
        ):
            step = node('Einsum', 'x', 'y', equation=equation)
            net = follow([step], {'x': [1, 3, 4]})
            self.assertEqual((net.shapes['y'], net.left_out), (shape, {}), equation)

    def test_what_cannot_be(self):
        for equation in ('bij->bijk', 'bi->b', 'b.ij->b', 'bij->bb', 'b->b->b', 'bij,bij', ''):
            net = follow([node('Einsum', 'x', 'y', equation=equation)], {'x': [1, 3, 4]})
            self.assertEqual((net.shapes.get('y'), net.left_out), (None, {'Einsum': None}))

    def test_products(self):
        for equation, x, y, expected in (
            ('bhqd,bhkd->bhqk', [1, 4, 7, 8], [1, 4, 9, 8], ('MatMul', 4, 7, 8, 9)),
            ('bqhd,bkhd->bhqk', [1, 7, 4, 8], [1, 9, 4, 8], ('MatMul', 4, 7, 8, 9)),
            ('bij, bjk -> bik', [1, 7, 8], [1, 8, 9], ('MatMul', 1, 7, 8, 9)),
        ):
            nodes = [node('Einsum', 'x y', 'z', equation=equation)]
            (entry,) = layers(nodes, [value('x', x), value('y', y)], [])
            type_, heads, m, k, n = expected
            self.assertEqual((entry['type'], entry.get('groups', 1)), (type_, heads))
            self.assertEqual(
                (entry['ifmap'], entry['ofmap']), ([heads * k, m, 1], [heads * n, m, 1])
            )
            self.assertEqual(entry['macs'], heads * m * k * n)
        nodes = [node('Einsum', 'x v', 'z', equation='bsd,dhk->bshk')]
        (entry,) = layers(nodes, [value('x', [1, 7, 8])], [tensor('v', [8, 4, 5])])
        self.assertEqual((entry['type'], entry['macs']), ('InnerProduct', 7 * 8 * 20))

    def test_no_product_of_two(self):
        conv = node('Conv', 'x w', 'y')
        for equation in (
            '...ij,...jk->...ik',
            'bchw,bchw->bc,x',
            'bchw,bchw->bchwx',
            'bchw,bcij->bchwi',  # j is of one operand, and summed by itself
            'bccw,bchw->bchw',
        ):
            content = model(
                [conv, node('Einsum', 'x x', 'z', equation=equation)], [LARGE_IMAGE], [LARGE_KERNEL]
            )
            result = extract('m.onnx', content)
            self.assertIn(
                'left out, as FODLAM does not model it: whatever is in Einsum', result.err
            )


class OtherProducts(unittest.TestCase):
    """Products of transposed batches, and of constants."""

    def test_batches_that_are_transposed(self):
        """The first dimension becomes the rows, behind those that number the matrices."""
        inputs = {'x': [1, 4, 7, 8], 'k': [1, 9, 4, 8]}
        steps = [
            node('Transpose', 'k', 'rows_first', perm=[1, 0, 2, 3]),
            foreign('FusedMatMul', 'x rows_first', 'y', transB=1, transBatchB=1),
        ]
        self.assertEqual(layers(steps, inputs)[0]['macs'], 4 * 7 * 8 * 9)
        self.assertEqual(follow(steps, inputs).shapes['y'], (1, 4, 7, 9))

    def test_products_of_constants(self):
        """They make shapes, and have no MACs of the network's."""
        weights = [tensor('a', [2, 5]), tensor('b', [5, 7]), tensor('k', [1, 3, 9, 9]),
                   tensor('t', [3, 2, 2, 2])]  # fmt: skip
        for step, shape in (
            (node('Gemm', 'a b', 'y'), (2, 7)),
            (node('Gemm', 'b a', 'y', transA=1, transB=1), (7, 2)),
            (node('MatMulInteger', 'a b', 'y'), (2, 7)),
            (node('QLinearMatMul', 'a   b', 'y'), (2, 7)),
            (node('Einsum', 'a b', 'y', equation='ij,jk->ki'), (7, 2)),
            (node('ConvTranspose', 'k t', 'y', strides=[2, 2]), (1, 2, 18, 18)),
            (node('ConvInteger', 'k w', 'y'), (1, 4, 7, 7)),
        ):
            net = follow([step], [IMAGE], [*weights, KERNEL])
            self.assertEqual((net.shapes['y'], net.nodes[0].members), (shape, {}))


if __name__ == '__main__':
    unittest.main()
