"""ONNX's operators without MACs: the shapes that they make (nets/onnx_rules.py).

Shapes were counted by hand; those of most operators were also held against ONNX's backend tests.
"""

import unittest

from extracted_onnx import (
    IMAGE,
    KERNEL,
    LARGE_IMAGE,
    LARGE_KERNEL,
    OnnxCase,
    constant,
    follow,
    layers,
    shapes_of,
)
from onnx_encoder import node, numbers, tensor

from fodlam.nets.layers import BATCH
from fodlam.nets.onnx_op import UNKNOWN


class Operators(unittest.TestCase):
    """What operators make of shapes: of x, by attributes, and by numbers a, b, c and d."""

    def test_operators(self):
        for type_, dims, attributes, constants, expected in (
            ('Relu', [1, 2, 3], {}, [], (1, 2, 3)),
            ('Softmax', [1, 2], {'axis': 1}, [], (1, 2)),
            ('Flatten', [1, 2, 3, 4], {}, [], (1, 24)),
            ('Flatten', [1, 2, 3, 4], {'axis': -1}, [], (6, 4)),
            ('Flatten', [1, 2, 3], {'axis': 3}, [], (6, 1)),
            ('Transpose', [1, 2, 3], {}, [], (3, 2, 1)),
            ('Transpose', [1, 2, 3], {'perm': [0, 2, 1]}, [], (1, 3, 2)),
            ('Reshape', [1, 2, 12], {}, [(0, -1, 6)], (1, 4, 6)),
            ('Reshape', [1, 2, 12], {'shape': [0, -1, 6]}, [], (1, 4, 6)),
            ('OneHot', [1, 7], {}, [(10,)], (1, 7, 10)),
            ('OneHot', [1, 7], {}, [(2.5,)], None),
            ('ReduceL1', [1, 2, 3], {}, [(1,)], (1, 1, 3)),
            ('ReduceL2', [1, 2, 3], {}, [(1,)], (1, 1, 3)),
            ('ReduceLogSum', [1, 2, 3], {}, [(1,)], (1, 1, 3)),
            ('ReduceLogSumExp', [1, 2, 3], {}, [(1,)], (1, 1, 3)),
            ('Size', [1, 2, 3], {}, [], ()),
            ('Slice', [1, 'L', 8], {}, [(0, 0), (9, 3), (1, 2)], (1, UNKNOWN, 3)),
            ('Squeeze', [1, 2, 1], {'axes': [2]}, [], (1, 2)),
            ('Squeeze', ['N', 2, 1], {'axes': [0]}, [], (2, 1)),  # where N is 1
            ('Squeeze', [1, 2, 1], {}, [(-1,)], (1, 2)),
            ('Unsqueeze', [1, 2], {}, [(0, -1)], (1, 1, 2, 1)),
            ('Slice', [1, 9, 8], {}, [(1, 0), (9**9, -2), (1, 2), (3, 1)], (1, 3, 6)),
            ('Slice', [1, 9, 8], {'starts': [2], 'ends': [5]}, [], (0, 9, 8)),
            ('Gather', [1, 9, 8], {'axis': 1}, [(3, 4)], (1, 2, 8)),
            ('GatherElements', [1, 9], {'axis': 1}, [(3, 4)], (2,)),
            ('Pad', [1, 2, 5], {}, [(0, 0, 1, 0, 0, 2)], (1, 2, 8)),
            ('Pad', [1, 2, 5], {'pads': [0, 0, 1, 0, 0, -2]}, [], (1, 2, 4)),
            ('Expand', [1, 2, 1], {}, [(4, 1, 2, 3)], (4, 1, 2, 3)),
            ('Tile', [1, 2], {}, [(2, 3)], (2, 6)),
            ('ReduceMean', [1, 2, 3, 4], {'axes': [-1, 2]}, [], (1, 2, 1, 1)),
            ('ReduceSum', [1, 2, 3], {'keepdims': 0}, [(1,)], (1, 3)),
            ('ReduceMax', [1, 2, 3], {}, [], (1, 1, 1)),
            ('ReduceSum', [1, 2, 3], {'noop_with_empty_axes': 1}, [], (1, 2, 3)),
            ('Resize', [1, 2, 4, 4], {}, [(1.0,), (1.0, 1.0, 2.5, 0.5)], (1, 2, 10, 2)),
            ('Resize', [1, 2, 4, 4], {}, [(1.0,), (1.0,), (1, 2, 7, 8)], (1, 2, 7, 8)),
            ('Resize', [1, 2, 4, 4], {'axes': [3, 2]}, [(1.0,), (1.0,), (7, 8)], (1, 2, 8, 7)),
            ('Upsample', [1, 2, 4], {}, [(1.0, 1.0, 2.0)], (1, 2, 8)),
            (
                'MaxPool',
                [1, 2, 7, 7],
                {'kernel_shape': [2, 2], 'strides': [2, 2]},
                [],
                (1, 2, 3, 3),
            ),
            (
                'MaxPool',
                [1, 2, 7, 6],
                {'kernel_shape': [2, 2], 'strides': [2, 2], 'ceil_mode': 1},
                [],
                (1, 2, 4, 3),
            ),
            (
                'AveragePool',
                [1, 2, 5],
                {'kernel_shape': [2], 'strides': [2], 'pads': [1, 1], 'ceil_mode': 1},
                [],
                (1, 2, 3),
            ),
            (
                'AveragePool',
                [1, 2, 6],
                {'kernel_shape': [2], 'strides': [2], 'pads': [1, 1], 'ceil_mode': 1},
                [],
                (1, 2, 4),
            ),
            ('GlobalAveragePool', [1, 2, 7, 7], {}, [], (1, 2, 1, 1)),
            ('Reshape', [1, 1], {}, [()], ()),
            ('Reshape', [1, 1], {}, [], None),
            ('Add', [1, 2, 3], {}, [(1, 2, 3)], (1, 2, 3)),
            ('Where', [1, 2, 1], {}, [(1, 2, 3), (4,)], (1, 2, 3)),
            ('Shape', [1, 2, 3], {}, [], (3,)),
            ('MatMul', [4, 3], {}, [(1, 2, 3)], (4,)),
        ):
            with self.subTest(type_, dims=dims, constants=constants, **attributes):
                names = 'abcd'[: len(constants)]
                step = node(type_, ' '.join(['x', *names]), 'y', **attributes)
                weights = [numbers(name, *content) for name, content in zip(names, constants)]
                net = follow([step], {'x': dims}, weights)
                self.assertEqual(net.shapes.get('y'), expected)


class Shapes(OnnxCase):
    """Shapes of outputs, by (operator, inputs, attributes, shapes)."""

    X = (1, 4, 6, 6)

    def test_element_by_element(self):
        x = self.X
        self.check_shapes((
            ('Acos', [x], {}, x),
            ('BitwiseXor', [x, (6,)], {}, x),
            ('Dropout', [x], {}, x, x),
            ('DynamicQuantizeLinear', [x], {}, x, (), ()),
            ('LayerNormalization', [x, (6, 6)], {'axis': 2}, x, (1, 4, 1, 1), (1, 4, 1, 1)),
            ('OneHot', [(1, 5), 10, [0, 1]], {}, (1, 5, 10)),
            ('OneHot', [(1, 5), 10, [0, 1]], {'axis': 0}, (10, 1, 5)),
            ('LinearAttention', [(1, 5, 32), (1, 5, 16), (1, 5, 10)],
             {'q_num_heads': 4, 'kv_num_heads': 2}, (1, 5, 20), (1, 2, 8, 5)),
            ('CausalConvWithState', [(1, 8, 5), (8, 1, 3)], {}, (1, 8, 5), (1, 8, 2)),
        ))  # fmt: skip

    def test_operators_that_keep_shapes(self):
        """By Operators.md: of one input, or with others that have no say."""
        x = self.X
        for type_ in (
            'Celu Elu Exp HardSwish LRN LeakyRelu Log Mish Selu Softplus Softsign Swish '
            'ThresholdedRelu Acosh Asin Asinh Atan Atanh Bernoulli BitCast BitwiseNot Cos Cosh '
            'EyeLike Hardmax IsInf IsNaN LogSoftmax LpNormalization MeanVarianceNormalization '
            'OptionalGetElement RandomNormalLike RandomUniformLike Shrink Sin Sinh Tan Trilu'
        ).split():
            self.assertEqual(shapes_of(type_, [x]), [x], type_)
        for type_, *others in (
            ('CastLike', (1,)),
            ('PRelu', (4, 1, 1)),
            ('QuantizeLinear', (1,), (1,)),
            ('GroupNormalization', (4,), (4,)),
            ('InstanceNormalization', (4,), (4,)),
            ('RMSNormalization', (6,)),
            ('RotaryEmbedding', (5, 3), (5, 3)),
            ('ReverseSequence', (4,)),
            ('Scatter', x, x),
            ('ScatterElements', x, x),
            ('ScatterND', x, x),
            ('TensorScatter', x),
            ('CumSum', [1]),
            ('CumProd', [1]),
            ('BitShift', x),
            ('BitwiseAnd', (6,)),
            ('BitwiseOr', (6,)),
            ('Mean', (6,)),
        ):
            self.assertEqual(shapes_of(type_, [x, *others]), [x], type_)

    def test_moving_numbers(self):
        x = self.X
        self.check_shapes((
            ('Shape', [x], {'start': 1, 'end': 3}, (2,)),
            ('Shape', [x], {'start': -9, 'end': 9}, (4,)),
            ('Shape', [x], {'start': 3, 'end': 1}, (0,)),
            ('Squeeze', [(1, 4, 1, 1)], {}, (4,)),
            ('Squeeze', [('N', 4, 1, 1)], {}, (BATCH, 4)),
            ('Squeeze', [x, [1]], {}, None),  # it is not 1
            ('Squeeze', [(1, 4, 'W')], {}, None),
            ('Split', [x, [1, 3]], {'axis': 1}, (1, 1, 6, 6), (1, 3, 6, 6)),
            ('Split', [x, [1, 2]], {'axis': 1}, None, None),  # it does not add up
            ('Pad', [x, [1, 2]], {}, None),
            ('Pad', [x, [1, 2], None, [-1]], {}, (1, 4, 6, 9)),
            ('Pad', [x], {'paddings': [0, 0, 1, 1, 0, 0, 1, 1]}, (1, 4, 8, 8)),
            ('CenterCropPad', [x, [3, 9]], {'axes': [2, 3]}, (1, 4, 3, 9)),
            ('GatherND', [x, constant('i1', [2, 1], [0, 0])], {}, (2, 4, 6, 6)),
            ('GatherND', [x, (1, 5, 2)], {'batch_dims': 1}, (1, 5, 6)),
            ('Reshape', [x, [0, -1, 0]], {}, (1, 24, 6)),
            ('Reshape', [x, [-1, -1]], {}, None),
            ('Reshape', [(0, 4), [0, 7]], {'allowzero': 1}, (0, 7)),
            ('Slice', [('N', 4), [0], [1], [0]], {}, (1, 4)),
            ('Slice', [x, [0], [3], [1], [0]], {}, None),
            ('Tile', [x, [1, 2]], {}, None),
            ('Transpose', [x], {'perm': [0, 0, 1, 2]}, None),
            ('Flatten', [x], {'axis': 5}, None),
            ('TopK', [(1, 9), [4]], {}, (1, 4), (1, 4)),
            ('TopK', [(9, 2)], {'axis': 0, 'k': 3}, (3, 2), (3, 2)),
            ('ArgMax', [x], {}, (1, 4, 6, 6)),
            ('ArgMin', [x], {'axis': 1, 'keepdims': 0}, (1, 6, 6)),
            ('ReduceSum', [x, []], {'noop_with_empty_axes': 1}, x),
            ('ReduceSumSquare', [x, []], {'keepdims': 0}, ()),
            ('Det', [(4, 3, 3)], {}, (4,)),
        ))  # fmt: skip

    def test_sizes_that_depend_on_numbers_are_symbols(self):
        for type_, inputs, attributes, shown in (
            ('NonZero', [self.X], {}, '[4, ?]'),
            ('NonMaxSuppression', [(1, 9, 4), (1, 2, 9)], {}, '[?, 3]'),
            ('Compress', [self.X, (4,)], {'axis': 1}, '[1, ?, 6, 6]'),
            ('Unique', [self.X], {'axis': 1}, '[1, ?, 6, 6]'),
        ):
            (shape,) = shapes_of(type_, inputs, **attributes)
            self.assertEqual(str(list(shape)), shown)

    def test_constants(self):
        self.check_shapes((
            ('Constant', [], {'value_int': 7}, ()),
            ('Constant', [], {'value_ints': [7, 8]}, (2,)),
            ('Constant', [], {'value_float': 2.5}, ()),
            ('Constant', [], {'value_floats': [2.5, 1.0, 3.0]}, (3,)),
            ('HannWindow', [16], {}, (16,)),
            ('RandomNormal', [], {'shape': [2, 3]}, (2, 3)),
            ('RandomUniform', [], {'shape': [2, 3]}, (2, 3)),
            ('HammingWindow', [7], {}, (7,)),
            ('BlackmanWindow', [7], {}, (7,)),
            ('Range', [7, 1, -2], {}, (3,)),
            ('Range', [0, 10, 0], {}, None),
            ('ConstantOfShape', [[2, 3]], {}, (2, 3)),
            ('ConstantOfShape', [[-1]], {}, None),
            ('ConstantOfShape', [[2**40]], {}, None),
        ))  # fmt: skip

    def test_sequences(self):
        x = self.X
        at = node('SequenceAt', 's i', 'y')
        join = node('ConcatFromSequence', 's', 'y', axis=1)
        split = node('SplitToSequence', 'x p', 's', axis=1)
        make = node('SequenceConstruct', 'x x', 's')
        for steps, parts, index, expected in (
            ([split, at], [1, 3], 1, (1, 3, 6, 6)),
            ([split, at], [1, 3], -2, (1, 1, 6, 6)),
            ([split, at], [1, 3], 2, None),
            ([split, at], 3, 1, (1, 1, 6, 6)),
            ([split, join], 3, 0, x),
            ([node('SplitToSequence', 'x', 's', axis=2), at], 0, 0, (1, 4, 1, 6)),
            ([node('SplitToSequence', 'x', 's', axis=2, keepdims=0), at], 0, 0, (1, 4, 6)),
            ([make, join], 0, 0, (1, 8, 6, 6)),
            ([make, node('ConcatFromSequence', 's', 'y', axis=-1, new_axis=1)], 0, 0, (*x, 2)),
            ([make, node('Identity', 's', 't'), node('SequenceErase', 't', 'u'),
              node('SequenceInsert', 'u x i', 'v'), node('ConcatFromSequence', 'v', 'y', axis=0)],
             0, 0, (2, 4, 6, 6)),
            ([node('SequenceEmpty', '', 's'), at], 0, 0, None),
            ([node('SequenceEmpty', '', 's'), node('SequenceInsert', 's x', 't'),
              node('SequenceAt', 't i', 'y')], 0, 0, x),
            ([node('SplitToSequence', 'x big', 's'), at], 0, 0, None),
            ([split, node('SequenceInsert', 's x i', 't'), node('SequenceAt', 't i', 'y')],
             [1, 3], 0, x),
            ([split, node('SequenceInsert', 's x', 't'), node('SequenceAt', 't i', 'y')],
             [1, 3], 0, (1, 1, 6, 6)),
        ):  # fmt: skip
            with self.subTest(expected, parts=parts, index=index):
                parts = numbers('p', *parts) if isinstance(parts, list) else numbers(
                    'p', parts, scalar=True)  # fmt: skip
                weights = [parts, numbers('i', index, scalar=True), numbers('big', -1, scalar=True)]
                net = follow(steps, {'x': list(x)}, weights)
                self.assertEqual(net.shapes.get('y'), expected)

    def test_sequences_of_more_than_256_are_not_followed(self):
        steps = [node('SplitToSequence', 'x', 's', axis=1), node('SequenceAt', 's i', 'y')]
        for count, expected in ((256, (1, 1, 2)), (257, None)):
            net = follow(steps, {'x': [1, count, 2]}, [numbers('i', 0, scalar=True)])
            self.assertEqual(net.shapes.get('y'), expected, count)

    def test_numbers_in_sequences(self):
        steps = [
            node('Shape', 'x', 'a', end=1),
            node('Shape', 'x', 'b', start=1),
            node('SequenceConstruct', 'b a', 's'),
            node('ConcatFromSequence', 's', 'c', axis=0),
            node('SequenceLength', 's', 'n'),
            node('SequenceAt', 's one', 'd'),
        ]
        net = follow(steps, {'x': [5, 6, 7]}, [numbers('one', 1, scalar=True)])
        self.assertEqual(net.constants['c'], (6, 7, 5))
        self.assertEqual((net.constants['n'], net.constants['d']), ((2,), (5,)))


class Following(OnnxCase):
    """Shapes followed from node to node."""

    def test_conv_and_matmul_of_constants(self):
        weights = [
            tensor('k', [1, 3, 9, 9]),
            LARGE_KERNEL,
            tensor('m', [4, 5]),
            tensor('n', [5, 6]),
        ]
        steps = [node('Conv', 'k w', 'y'), node('MatMul', 'm n', 'z')]
        shapes = follow(steps, [IMAGE], weights).shapes
        self.assertEqual((shapes['y'], shapes['z']), ((1, 8, 7, 7), (4, 6)))
        quantized = [
            node('QLinearConv', 'k s s w s s s s', 'y'),
            node('ConvInteger', 'k w', 'z'),
            node('QLinearMatMul', 'm s s n s s s s', 'p'),
            node('MatMulInteger', 'm n', 'q'),
        ]
        shapes = follow(quantized, [IMAGE], [*weights, numbers('s', 1)]).shapes
        self.assertEqual((shapes['y'], shapes['z']), ((1, 8, 7, 7), (1, 8, 7, 7)))
        self.assertEqual((shapes['p'], shapes['q']), ((4, 6), (4, 6)))

    def test_concat_and_split(self):
        shapes = follow([node('Concat', 'x x x', 'y', axis=-1)], {'x': [1, 2, 3]}).shapes
        self.assertEqual(shapes['y'], (1, 2, 9))
        for sizes, attributes in (([2, 2, 1], {}), ([1, 3, 1], {'split': [1, 3, 1]})):
            step = node('Split', 'x', 'a b c', axis=1, **attributes)
            shapes = follow([step], {'x': [1, 5]}).shapes
            self.assertEqual([shapes[name] for name in 'abc'], [(1, size) for size in sizes])

    def test_limits_on_results(self):
        """At most 10 dimensions, sizes of 2**32, and 64 numbers."""
        inputs = {'x': [1, 2, 3]}
        for count, steps in (
            (7, [node('Unsqueeze', f'y{i}', f'y{i + 1}', axes=[0]) for i in range(9)]),
            (31, [node('Concat', f'y{i} y{i}', f'y{i + 1}', axis=1) for i in range(33)]),
        ):
            shapes = follow([node('Relu', 'x', 'y0'), *steps], inputs).shapes
            self.assertIsNotNone(shapes.get(f'y{count}'))
            self.assertIsNone(shapes.get(f'y{count + 1}'))
        doubled = [node('Concat', f's{i} s{i}', f's{i + 1}', axis=0) for i in range(6)]
        constants = follow([node('Shape', 'x', 's0'), *doubled], {'x': [1, 2]}).constants
        self.assertEqual(constants.get('s5'), (1, 2) * 32)
        self.assertIsNone(constants.get('s6'))

    def test_operators_that_cannot_be(self):
        """What no rule can follow is no traceback, and matters only to what needs its shape."""
        for step in (
            node('Unsqueeze', 'x', 'y', axes=[0, 0]),
            node('Add', '', 'y'),
            node('Concat', '', 'y', axis=0),
            node('Transpose', 'x', 'y', perm=[9]),
            node('Range', 'zero zero zero', 'y'),
            node('Slice', 'x zero zero zero zero', 'y'),
            node('Gather', 'x', 'y'),
            node('MaxPool', 'zero', 'y', kernel_shape=[2]),
            node('Split', 'x', 'y', axis=1, split=[1, 2]),
        ):
            weights = [LARGE_KERNEL, numbers('zero', 0)]
            entries = layers([step, node('Conv', 'x w', 'z')], [LARGE_IMAGE], weights)
            self.assertEqual(entries[0]['ofmap'], [8, 30, 22])

    def test_behind_operators_of_more_outputs(self):
        image = [node('DynamicQuantizeLinear', 'x', 'q s z'), node('ConvInteger', 'q w z', 'y')]
        self.check_macs(3888, image, [IMAGE], [KERNEL])
        top = [node('TopK', 'x k', 'v i'), node('MatMul', 'v m', 'y')]
        self.check_macs(4 * 7, top, {'x': [1, 9]}, [numbers('k', 4), tensor('m', [4, 7])])
        lstm = [
            node('LSTM', 'x l r', 'a'),
            node('Squeeze', 'a one', 'b'),
            node('MatMul', 'b m', 'y'),
        ]
        weights = [tensor('l', [1, 128, 16]), tensor('r', [1, 128, 32]), numbers('one', 1),
                   tensor('m', [32, 5])]  # fmt: skip
        found = self.check_macs(8 * 32 * 5, lstm, {'i': [1, 1], 'x': [8, 1, 16]}, weights)
        self.assertEqual(found[0]['macs'], 8 * 128 * 48)

    def test_squeezing_what_is_1(self):
        steps = [node('GlobalAveragePool', 'x', 'a'), node('Squeeze', 'a', 'b'),
                 node('MatMul', 'b m', 'y')]  # fmt: skip
        for batch in (1, 'N'):
            self.check_macs(3 * 5, steps, {'x': [batch, 3, 8, 8]}, [tensor('m', [3, 5])])


if __name__ == '__main__':
    unittest.main()
