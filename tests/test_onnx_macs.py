"""ONNX's convolutions and fully-connected layers: their MACs and shapes (nets/onnx_macs.py)."""

import unittest

from extracted_onnx import (
    LARGE_IMAGE,
    LARGE_KERNEL,
    MICROSOFT,
    conv,
    entries,
    error_of,
    foreign,
    layers,
)
from onnx_encoder import field, node, tensor, value


class Conv(unittest.TestCase):
    """Convolutions, deconvolutions, and in one dimension."""

    def test_conv(self):
        self.assertEqual(
            conv(kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
            {
                'name': 'c',
                'type': 'Convolution',
                'macs': 8 * 16 * 12 * 3 * 9,
                'ifmap': [3, 32, 24],
                'ofmap': [8, 16, 12],
                'kernel': [3, 3],
                'stride': [2, 2],
            },
        )

    def test_attributes(self):
        for attributes, size in (
            ({}, [30, 22]),
            ({'dilations': [2, 3]}, [28, 18]),
            ({'strides': [1, 3]}, [30, 8]),
            ({'pads': [0, 1, 2, 3]}, [32, 26]),
            ({'auto_pad': 'VALID'}, [30, 22]),
            ({'auto_pad': 'SAME_UPPER', 'strides': [3, 3]}, [11, 8]),
            ({'auto_pad': 'SAME_LOWER'}, [32, 24]),
            ({'auto_pad': 'NOTSET', 'pads': [1, 1, 1, 1]}, [32, 24]),
        ):
            entry = conv(**attributes)
            self.assertEqual(entry['ofmap'], [8, *size], attributes)
            self.assertEqual(entry.get('dilation'), attributes.get('dilations'), attributes)

    def test_groups(self):
        depthwise = conv(weights=tensor('w', [6, 1, 3, 3]), group=3)
        self.assertEqual((depthwise['groups'], depthwise['macs']), (3, 6 * 30 * 22 * 9))

    def test_1d_has_height_1(self):
        entry = conv(
            shape=value('x', [1, 4, 50]), weights=tensor('w', [8, 4, 5]), strides=[2], pads=[4, 4],
            dilations=[2],
        )  # fmt: skip
        self.assertEqual((entry['ifmap'], entry['ofmap']), ([4, 1, 50], [8, 1, 25]))
        self.assertEqual((entry['kernel'], entry['stride']), ([1, 5], [1, 2]))
        self.assertEqual(entry['dilation'], [1, 2])
        self.assertEqual(entry['macs'], 8 * 25 * 4 * 5)

    def test_transposed(self):
        for attributes, size in (
            ({'strides': [2, 2]}, [65, 49]),
            ({'strides': [2, 2], 'pads': [1, 1, 1, 1], 'output_padding': [1, 1]}, [64, 48]),
            ({'strides': [2, 2], 'auto_pad': 'SAME_UPPER'}, [64, 48]),
            ({'strides': [2, 2], 'output_shape': [60, 48]}, [60, 48]),
        ):
            entry = conv(type_='ConvTranspose', weights=tensor('w', [3, 5, 3, 3]), **attributes)
            self.assertEqual((entry['type'], entry['ofmap']), ('Deconvolution', [5, *size]))
            self.assertEqual(entry['macs'], 32 * 24 * 3 * 5 * 9)  # for each pixel that it reads

    def test_shapes_are_carried_from_one_node_to_the_next_by_value_info(self):
        nodes = [
            node('Conv', 'x w', 'y', 'a'),
            node('Relu', 'y', 'z'),
            node('Conv', 'z v', 'o', 'b'),
        ]
        weights = [LARGE_KERNEL, tensor('v', [4, 8, 1, 1])]
        net = entries(nodes, [LARGE_IMAGE], weights, [value('z', [1, 8, 30, 22])])
        self.assertEqual(net['b']['ofmap'], [4, 30, 22])

    def test_conv_transpose_with_output_shape(self):
        weights = [tensor('w', [3, 5, 3, 3])]
        step = node('ConvTranspose', 'x w', 'y', strides=[2, 2], output_shape=[60, 40])
        self.assertEqual(layers([step], [LARGE_IMAGE], weights)[0]['ofmap'], [5, 60, 40])
        step = node('ConvTranspose', 'x w', 'y', strides=[2, 2], output_shape=[60, 0])
        self.assertIn('expected 2 integers, 1 or more', error_of([step], [LARGE_IMAGE], weights))


class Matrix(unittest.TestCase):
    """Gemm and MatMul with weights."""

    def fc(self, x, batch):
        """Return the entry of a MatMul of a feature map inside a network, and weights."""
        nodes = [node('Odd', 'image', 'x'), node('MatMul', 'x w', 'y', 'f')]
        image, weights = value('image', [batch, 3]), tensor('w', [50, 10])
        note = 'the batch is taken to be 2' if batch == 2 else ''
        return entries(nodes, [image], [weights], [value('x', x)], note=note)['f']

    def test_fully_connected(self):
        for type_, inputs, x, w, attributes in (
            ('Gemm', 'x w b', ['N', 50], [50, 10], {}),
            ('Gemm', 'x w', [4, 50], [10, 50], {'transB': 1}),
            ('Gemm', 'x w', [50, 1], [10, 50], {'transA': 1, 'transB': 1}),
            ('MatMul', 'x w', ['N', 50], [50, 10], {}),
            ('MatMul', 'x w', ['N', 1, 50], [1, 50, 10], {}),
            ('MatMul', 'w x', [50, 1], [10, 50], {}),
        ):
            with self.subTest(type_ + inputs, x=x, w=w):
                batch = {50: 1, 'N': 1}.get(x[0], x[0])
                net = entries(
                    [node(type_, inputs, 'y', 'f', **attributes)],
                    [value('x', x)],
                    [tensor('w', w), tensor('b', [10])],
                    argv=['--batch', str(batch)],
                )
                self.assertEqual(
                    net['f'],
                    {
                        'name': 'f',
                        'type': 'InnerProduct',
                        'macs': 500,
                        'ifmap': [50, 1, 1],
                        'ofmap': [10, 1, 1],
                        'kernel': [1, 1],
                        'stride': [1, 1],
                    },
                )

    def test_positions(self):
        """A transformer's layer is applied to each token, also if the batch is folded into them."""
        for x, batch in (
            (['N', 197, 50], 'N'),
            ([2, 197, 50], 2),
            ([197 * 2, 50], 2),
            ([1, 197, 50], 'N'),
        ):
            entry = self.fc(x, batch)
            self.assertEqual((entry['macs'], entry['ifmap']), (197 * 500, [50, 197, 1]))
        self.assertEqual(self.fc([197, 2, 50], batch=2)['macs'], 197 * 500)

    def test_a_product_of_constants_is_none_of_the_network(self):
        nodes = [node('MatMul', 'a a', 'w', 'k'), node('Relu', 'x', 'y', 'r')]
        net = entries(nodes, [LARGE_IMAGE], [tensor('a', [3, 3])])
        self.assertEqual(net['k'], {'name': 'k', 'type': 'MatMul, not counted'})


class Quantized(unittest.TestCase):
    """Quantized and fused operators, which are like their plain ones."""

    def test_quantized(self):
        constants = [tensor(name, [1]) for name in 's z'.split()]
        weights = [LARGE_KERNEL, *constants]
        plain = layers([node('Conv', 'x w', 'y', 'n', strides=[2, 2])], [LARGE_IMAGE], weights)
        for step in (
            node('QLinearConv', 'x s z w s z s z', 'y', 'n', strides=[2, 2]),
            node('ConvInteger', 'x w', 'y', 'n', strides=[2, 2]),
            foreign('FusedConv', 'x w', 'y', 'n', strides=[2, 2]),
        ):
            self.assertEqual(layers([step], [LARGE_IMAGE], weights), plain)
        inputs, weights = [value('x', [1, 7, 50])], [tensor('w', [50, 10]), *constants]
        plain = layers([node('MatMul', 'x w', 'y', 'n')], inputs, weights)
        for step in (
            node('MatMulInteger', 'x w', 'y', 'n'),
            node('QLinearMatMul', 'x s z w s z s z', 'y', 'n'),
        ):
            self.assertEqual(layers([step], inputs, weights), plain)


class NoMacs(unittest.TestCase):
    """Operators that FODLAM does not model, and networks of nothing else."""

    def test_no_macs(self):
        for nodes, said in (
            ([node('Relu', 'x', 'y')], 'expected convolutional or fully-connected layers'),
            (
                [node('DeformConv', 'x', 'y')],
                'left out, as FODLAM does not model it: whatever is in DeformConv',
            ),
        ):
            error = error_of(nodes, [LARGE_IMAGE], [LARGE_KERNEL])
            self.assertEqual(error, f'extract.py: m.onnx: no layer with MACs; {said}\n')

    def test_operators_that_are_not_of_onnx(self):
        own, other = field(7, 'ai.onnx'), field(7, MICROSOFT)
        self.assertIn(
            'macs',
            entries([node('Conv', 'x w', 'y', 'c') + own], [LARGE_IMAGE], [LARGE_KERNEL])['c'],
        )
        for nodes in (
            [node('Conv', 'x w', 'y', 'c') + other],
            [node('Gemm', 'x', 'y', 'c') + other],
        ):
            net = entries(
                nodes, [LARGE_IMAGE], [LARGE_KERNEL], note='whatever is in com.microsoft.'
            )
            self.assertNotIn('macs', net['c'])
        unknown = node('PackedAttention', 'x', 'y') + other
        entries([unknown], [LARGE_IMAGE], note='whatever is in com.microsoft.PackedAttention')


if __name__ == '__main__':
    unittest.main()
