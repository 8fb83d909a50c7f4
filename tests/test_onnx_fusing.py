"""ONNX: what an accelerator does on the way to DRAM (nets/fusing.py): `stored` and `addend`."""

import unittest

from extracted_onnx import LARGE_IMAGE, LARGE_KERNEL, entries, error_of, foreign, layers, result_of
from onnx_encoder import node, numbers, tensor, value


class Fusing(unittest.TestCase):
    """Pooling behind a Conv, and sums."""

    def net(self, *nodes, outputs=()):
        """Return {name: entry} of a Conv that makes y, of 8 x 32 x 24, with nodes behind it."""
        nodes = [node('Conv', 'x w', 'y', 'c', pads=[1, 1, 1, 1]), *nodes]
        values = [value(name, [1, 8, 16, 12]) for name in 'pq'] + [value('g', [1, 8, 1, 1])]
        values += [value(name, [1, 8, 32, 24]) for name in 'ybrs'] + [value('big', [1, 8, 64, 48])]
        initializers = [LARGE_KERNEL, tensor('bias', [8, 1, 1])]
        return entries(
            nodes, [LARGE_IMAGE], initializers, values, [value(name) for name in outputs]
        )

    def test_pooling(self):
        for between in (
            [node('BatchNormalization', 'y bias bias bias bias', 'b'), node('Relu', 'b', 'r')],
            [node('Add', 'y bias', 'b'), node('Mul', 'bias b', 'r')],
        ):
            pool = node('MaxPool', 'r', 'p', kernel_shape=[2, 2], strides=[2, 2])
            net = self.net(*between, pool, outputs=['p'])
            self.assertEqual(net['c']['stored'], [8, 16, 12])
        net = self.net(node('GlobalAveragePool', 'y', 'g'))
        self.assertEqual(net['c']['stored'], [8, 1, 1])

    def test_pooling_in_one_dimension(self):
        """46 numbers in a row become 23; in a net file, they are an image of height 1."""
        nodes = [
            node('Conv', 'x v', 'y', 'c'),
            node('MaxPool', 'y', 'p', kernel_shape=[2], strides=[2]),
        ]
        (entry,) = layers(nodes, {'x': ['N', 4, 50]}, [tensor('v', [8, 4, 5])])
        self.assertEqual((entry['ofmap'], entry['stored']), ([8, 1, 46], [8, 1, 23]))

    def test_no_pooling(self):
        relu = node('Relu', 'y', 'r')
        pool = node('MaxPool', 'r', 'p', kernel_shape=[2, 2], strides=[2, 2])
        self.assertNotIn('stored', self.net(relu, pool, node('Relu', 'y', 's'))['c'])
        self.assertNotIn('stored', self.net(relu, pool, outputs=['r', 'p'])['c'])
        self.assertNotIn('stored', self.net(node('Softmax', 'y', 'r'), pool)['c'])
        self.assertNotIn('stored', self.net(node('Mul', 'y y', 'r'), pool)['c'])
        # An unknown operator does not tell the shape of what is pooled.
        odd = node('Odd', 'y', 'u'), node('MaxPool', 'u', 'v', kernel_shape=[2, 2])
        self.assertNotIn('stored', self.net(*odd)['c'])
        two = node('Mul', 'y unknown', 'u'), node('MaxPool', 'u', 'v', kernel_shape=[2, 2])
        self.assertNotIn('stored', self.net(node('Odd', 'x', 'unknown'), *two)['c'])

    def test_pooling_to_another_shape_than_the_file_says(self):
        nodes = [node('Conv', 'x w', 'y', 'c'), node('MaxPool', 'y', 'p', kernel_shape=[2, 2])]
        for shape in ([], [5], [1, 8, 4, 4, 4], [1, 8, -4, 4], [1, 8, 4, 'W']):
            error = error_of(nodes, [LARGE_IMAGE], [LARGE_KERNEL], [value('p', shape)])
            self.assertIn('but it makes [N, 8, 29, 21]; expected the same', error)
        for shape in ([1, 8, 'H', 21], ['N', 8, None, 'W'], [1, 8, -1, 0], None):
            net = entries(nodes, [LARGE_IMAGE], [LARGE_KERNEL], [value('p', shape)])
            self.assertEqual(net['c']['stored'], [8, 29, 21], shape)

    def test_matrices_make_no_image_to_pool(self):
        nodes = [
            node('MatMul', 'x w', 'y', 'm'),
            node('Relu', 'y', 'r'),
            node('GlobalAveragePool', 'r', 'p'),
        ]
        for image in ([8, 4, 4], [8, 4]):
            values = [value('p', [1, image[0], *[1] * len(image)])]
            net = entries(nodes, [value('x', [1, *image, 64])], [tensor('w', [64, 9])], values)
            self.assertNotIn('stored', net['m'])

    def test_addend(self):
        other = node('Conv', 'x w', 's', 'd', pads=[1, 1, 1, 1])
        for type_ in ('Add', 'Sum'):
            pool = node('MaxPool', 'r', 'p', kernel_shape=[2, 2], strides=[2, 2])
            net = self.net(other, node(type_, 'y s', 'r'), pool)
            self.assertIs(net['d']['addend'], True)
            self.assertEqual(net['d']['stored'], [8, 16, 12])
            self.assertEqual(set(net['c']) & {'addend', 'stored'}, set())
        self.assertNotIn('addend', self.net(other, node('Mul', 'y s', 'r'))['d'])
        self.assertNotIn('addend', self.net(node('Add', 'y bias', 'r'))['c'])
        for broadcast in 'g', 'unknown':
            nodes = node('Odd', 'x', broadcast), node('Add', f'y {broadcast}', 'r')
            self.assertNotIn('addend', self.net(*nodes)['c'])


class Activations(unittest.TestCase):
    """Activations that exporters write out."""

    def conv(self, *nodes, outputs=()):
        """Return the entry of a Conv with nodes behind it."""
        first = node('Conv', 'x w', 'y', 'c', pads=[1] * 4)
        weights = [LARGE_KERNEL, numbers('hw', 2, 3), tensor('k', [1]), numbers('minus', -1, -2)]
        return layers([first, *nodes], [LARGE_IMAGE], weights, outputs=outputs)[0]

    def test_activations_written_out(self):
        pool = node('GlobalAveragePool', 'end', 'p')
        for nodes in (
            [node('Sigmoid', 'y', 's'), node('Mul', 'y s', 'end')],
            [node('Sigmoid', 'y', 's'), node('Mul', 's y', 'm'), node('Relu', 'm', 'end')],
            [node('HardSigmoid', 'y', 's'), node('Mul', 'y s', 'end')],
            [  # hard-swish
                node('Add', 'y k', 'a'),
                node('Clip', 'a', 'b'),
                node('Div', 'b k', 'd'),
                node('Mul', 'y d', 'end'),
            ],
            [  # GELU
                node('Div', 'y k', 'a'),
                node('Erf', 'a', 'b'),
                node('Add', 'b k', 'd'),
                node('Mul', 'y d', 'e'),
                node('Mul', 'e k', 'end'),
            ],
            [  # and its approximation by tanh
                node('Pow', 'y k', 'a'),
                node('Mul', 'a k', 'b'),
                node('Add', 'y b', 'd'),
                node('Mul', 'd k', 'e'),
                node('Tanh', 'e', 'f'),
                node('Add', 'f k', 'g'),
                node('Mul', 'y k', 'h'),
                node('Mul', 'h g', 'end'),
            ],
        ):
            with self.subTest(len(nodes)):
                self.assertEqual(self.conv(*nodes, pool)['stored'], [8, 1, 1])

    def test_no_activation(self):
        pool, silu = node('GlobalAveragePool', 'end', 'p'), node('Sigmoid', 'y', 's')
        gate = node('Mul', 'y s', 'end')
        for nodes, outputs in (
            ([silu, gate, node('Softmax', 'y', 'o')], []),
            ([silu, gate, node('Softmax', 's', 'o')], []),
            ([silu, gate], ['s']),
            ([silu, gate], ['y']),
            ([silu, gate], ['end']),
            ([node('GlobalAveragePool', 'y', 's'), gate], []),  # squeeze and excitation
            ([node('Softmax', 'y', 's'), gate], []),
        ):
            entry = self.conv(*nodes, pool, outputs=[value(name) for name in outputs])
            self.assertNotIn('stored', entry)

    def test_a_sum_behind_an_activation(self):
        nodes = [node('Sigmoid', 'y', 's'), node('Mul', 'y s', 'm'), node('Add', 'm x8', 'z')]
        first = node('Conv', 'x w', 'y', 'c')
        inputs = [LARGE_IMAGE, value('x8', ['N', 8, 30, 22])]
        entry = layers([first, *nodes], inputs, [LARGE_KERNEL])[0]
        self.assertIs(entry['addend'], True)

    def test_a_mean_over_height_and_width_is_a_global_pooling(self):
        """As by the exporters' old and new ways of ResNet-50."""
        conv = node('Conv', 'x w', 'y', 'c')
        pooled = [conv, node('GlobalAveragePool', 'y', 'p', 'p')]
        old = result_of(pooled, [LARGE_IMAGE], [LARGE_KERNEL])
        mean = [conv, node('ReduceMean', 'y axes', 'p', 'p')]
        for axes in ((2, 3), (-1, -2)):
            weights = [LARGE_KERNEL, numbers('axes', *axes)]
            self.assertEqual(result_of(mean, [LARGE_IMAGE], weights), old)
        for axes in ((1,), (1, 2, 3), (2,)):
            weights = [LARGE_KERNEL, numbers('axes', *axes)]
            self.assertNotIn('stored', layers(mean, [LARGE_IMAGE], weights)[0])

    def test_a_fused_conv_that_adds_another_feature_map(self):
        other = node('Conv', 'x w', 'z', 'first')
        step = foreign('FusedConv', 'x w b z', 'y', 'second')
        weights = [LARGE_KERNEL, tensor('b', [8])]
        first, second = layers([other, step], [LARGE_IMAGE], weights)
        self.assertNotIn('addend', first)
        self.assertIs(second['addend'], True)


if __name__ == '__main__':
    unittest.main()
