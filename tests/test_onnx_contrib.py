"""Operators of onnxruntime and of ai.onnx.ml: their shapes and MACs (nets/onnx_contrib.py)."""

import unittest

from extracted_onnx import IMAGE, KERNEL, MICROSOFT, OnnxCase, foreign, result_of, shapes_of
from onnx_encoder import field, fields, node, numbers, tensor


class Shapes(OnnxCase):
    """Operators without MACs: the shapes that they make."""

    X = (1, 4, 6, 6)

    def test_operators_of_onnxruntime(self):
        """Those that keep a shape, and others; most have inputs on how they are quantized."""
        x, q = self.X, [0.5, 3]
        rows = (1, 5, 1)
        self.check_shapes((
            ('Gelu', [x], {}, x),
            ('BiasGelu', [x, (6,)], {}, x),
            ('FastGelu', [x], {}, x),
            ('QuickGelu', [x], {}, x),
            ('QLinearAdd', [x, *q, (4, 1, 1), *q, *q], {}, x),
            ('QLinearMul', [(4, 1, 1), *q, x, *q, *q], {}, x),
            ('QLinearWhere', [x, (6, 6), *q, (1,), *q, *q], {}, x),
            ('QLinearConcat', [*q, x, *q, x, *q], {'axis': 1}, (1, 8, 6, 6)),
            ('QLinearConcat', [*q, x, *q], {'axis': 1}, x),
            ('QLinearGlobalAveragePool', [x, *q, *q], {}, (1, 4, 1, 1)),
            ('QLinearGlobalAveragePool', [x, *q, *q], {'channels_last': 1}, (1, 1, 1, 6)),
            ('QLinearAveragePool', [x, *q, *q], {'kernel_shape': [3, 2]}, (1, 4, 4, 5)),
            ('QLinearAveragePool', [x, *q, *q], {'kernel_shape': [3, 2], 'channels_last': 1},
             (1, 2, 5, 6)),
            ('QLinearReduceMean', [x, *q, *q], {'axes': [2, 3], 'keepdims': 0}, (1, 4)),
            ('QLinearSigmoid', [x, *q, *q], {}, x),
            ('QLinearLeakyRelu', [x, *q, *q], {}, x),
            ('QLinearSoftmax', [x, *q, *q], {}, x),
            ('NhwcMaxPool', [x], {'kernel_shape': [3, 2]}, (1, 2, 5, 6)),
            ('SkipLayerNormalization', [(1, 5, 8)] * 2, {}, (1, 5, 8), rows, rows, (1, 5, 8)),
            ('SkipSimplifiedLayerNormalization', [(1, 5, 8)] * 2, {}, (1, 5, 8)),
            ('EmbedLayerNormalization', [(1, 5), (1, 5), (99, 8)], {}, (1, 5, 8), (1,), (1, 5, 8)),
            ('BiasSplitGelu', [(1, 5, 8), (8,)], {}, (1, 5, 4)),
            ('BiasAdd', [(1, 6, 4), (4,), (1, 6, 4)], {}, (1, 6, 4)),
            ('FusedMatMul', [(3,), (3, 5)], {'transA': 1}, (5,)),  # a vector has nothing to turn
            ('BiasSoftmax', [x, (1, 1, 6, 6)], {}, x),
            ('BiasDropout', [x, (6,)], {}, x),
            ('QuantizeLinear', [x, *q], {}, x),
            ('GroupNorm', [x, (4,), (4,)], {}, x),
            ('SkipGroupNorm', [x, (4,), (4,), x], {}, x),
            ('Inverse', [x], {}, x),
            ('RotaryEmbedding', [x, (5, 3), (5, 3)], {}, x),
            ('Trilu', [x], {}, x),
        ), MICROSOFT)  # fmt: skip
        self.check_shapes([('SimplifiedLayerNormalization', [x, (6,)], {}, x)])
        for type_ in ('Scaler', 'Normalizer', 'Imputer', 'Binarizer'):
            self.assertEqual(shapes_of(type_, [x], domain='ai.onnx.ml'), [x])

    def test_rows_of_a_quantized_embedding(self):
        """Two numbers of 4 bits in each byte, which is of type 2; or one number of type 21."""
        for kind, bits, size in ((2, 4, 16), (2, 8, 8), (21, 4, 8)):
            table = fields(1, [99, 8]) + field(2, kind) + field(8, 'i0')
            shapes = shapes_of('GatherBlockQuantized', [table, (1, 5)], 1, MICROSOFT, bits=bits)
            self.assertEqual(shapes, [(1, 5, size)])


class Macs(OnnxCase):
    """Products and convolutions, and what is not left out."""

    def test_products(self):
        x = {'x': [1, 7, 64]}
        inner = 'InnerProduct'
        for step, weights, macs, shape in (
            (foreign('MatMulNBits', 'x b s', 'y', K=64, N=32), [tensor('b', [32, 2, 16])],
             7 * 64 * 32, (1, 7, 32)),
            (foreign('MatMulBnb4', 'x b s', 'y', K=64, N=32), [tensor('b', [1024])],
             7 * 64 * 32, (1, 7, 32)),
            (foreign('MatMulIntegerToFloat', 'x b s s', 'y'), [tensor('b', [64, 5])],
             7 * 64 * 5, (1, 7, 5)),
            (foreign('GemmFastGelu', 'x b', 'y'), [tensor('b', [64, 5])], 7 * 64 * 5, (1, 7, 5)),
            (foreign('MatMulInteger16', 'x b', 'y'), [tensor('b', [64, 5])], 7 * 64 * 5, (1, 7, 5)),
            (foreign('TransposeMatMul', 'x b', 'y', transB=1), [tensor('b', [5, 64])],
             7 * 64 * 5, (1, 7, 5)),
            (foreign('DynamicQuantizeMatMul', 'x b s', 'y'), [tensor('b', [64, 5])],
             7 * 64 * 5, (1, 7, 5)),
            (foreign('FusedMatMul', 'x b', 'y', transB=1), [tensor('b', [5, 64])],
             7 * 64 * 5, (1, 7, 5)),
        ):  # fmt: skip
            weights = [*weights, numbers('s', 0.5)]
            self.check_layers(step, x, weights, (inner, macs), shapes=[('y', shape)])
        step = foreign('QGemm', 'x s z b s z', 'y', transB=1)
        weights = [numbers('s', 0.5), numbers('z', 0), tensor('b', [5, 64])]
        self.check_layers(step, {'x': [1, 64]}, weights, (inner, 64 * 5), shapes=[('y', (1, 5))])
        step = foreign('FusedGemm', 'x b', 'y', transB=1)
        self.check_layers(step, {'x': [1, 64]}, weights, (inner, 64 * 5), shapes=[('y', (1, 5))])

    def test_convolutions_with_channels_last(self):
        x = {'x': [1, 8, 6, 3]}
        weights = [KERNEL, numbers('s', 0.5)]
        for step in (
            foreign('QLinearConv', 'x s s w s s s s', 'y', channels_last=1),
            foreign('NhwcFusedConv', 'x w', 'y'),
            foreign('NhwcConv', 'x w', 'y'),
        ):
            shapes = [('y', (1, 6, 4, 4))]
            (entry,) = self.check_layers(
                step, x, weights, ('Convolution', 6 * 4 * 4 * 3 * 9), shapes=shapes
            )
            self.assertEqual((entry['ifmap'], entry['ofmap']), ([3, 8, 6], [4, 6, 4]))

    def test_blocks_of_channels(self):
        """Files of onnxruntime's optimizer at its highest level."""
        for type_ in ('ReorderInput', 'Conv', 'MaxPool'):
            step = foreign(type_, 'x w', 'y', 'r', domain='com.microsoft.nchwc')
            self.assertIn(
                f"(com.microsoft.nchwc.{type_} 'r'): onnxruntime has optimized it for one CPU, with "
                'channels in blocks; export the model without ORT_ENABLE_ALL: with '
                'ORT_ENABLE_EXTENDED or less\n',
                result_of([step], [IMAGE], [KERNEL]).err,
            )

    def test_operators_without_macs_are_not_left_out(self):
        for type_, domain in (('Gelu', MICROSOFT), ('Scaler', 'ai.onnx.ml')):
            steps = [foreign(type_, 'x', 'a', domain=domain), node('Conv', 'a w', 'y')]
            self.assertEqual(result_of(steps, [IMAGE], [KERNEL]).err, '')


if __name__ == '__main__':
    unittest.main()
