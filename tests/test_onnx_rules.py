"""ONNX's operators: what nets/extract.py takes them to make, and the MACs behind them.

Sizes and MACs were counted by hand; shapes and numbers of most operators were also held against
ONNX's backend tests, and those of com.microsoft against onnxruntime.
"""

import json
import math
import random
import struct
import unittest

from extracted import is_refused, refusals
from onnx_encoder import field, fields, floats, model, node, numbers, tensor, value, varint
from support import extract

from fodlam.nets.layers import BATCH
from fodlam.nets.network import Given
from fodlam.nets.onnx_file import Wire, read_graph
from fodlam.nets.onnx_net import OnnxNet

MICROSOFT = 'com.microsoft'
IMAGE = {'x': [1, 3, 8, 8]}
KERNEL = tensor('w', [4, 3, 3, 3])  # makes 4 x 6 x 6 of IMAGE: 3,888 MACs


def foreign(type_, inputs, outputs, name='', domain=MICROSOFT, **attributes):
    """Return a NodeProto of a domain that is not ONNX's own."""
    return node(type_, inputs, outputs, name, **attributes) + field(7, domain)


def constant(name, dims, content, kind=7, format_='q'):
    """Return a TensorProto with numbers; kind, format_: its type in ONNX and in struct."""
    raw = struct.pack(f'<{len(content)}{format_}', *content)
    return fields(1, dims) + field(2, kind) + field(8, name) + field(9, raw)


def run(nodes, inputs=None, weights=(), values=()):
    """Return the Result of the extractor on a model; inputs: {name: dims}."""
    inputs = [value(name, dims) for name, dims in (inputs or IMAGE).items()]
    return extract('m.onnx', model(nodes, inputs, list(weights), list(values)))


def layers(nodes, inputs=None, weights=(), values=()):
    """Return the entries with MACs of the net file of a model."""
    result = run(nodes, inputs, weights, values)
    if result.status:
        raise AssertionError(result.err)
    return [entry for entry in json.loads(result.out) if 'macs' in entry]


def follow(nodes, inputs=None, weights=()):
    """Return the OnnxNet of a model after all of its nodes; inputs: {name: dims}."""
    inputs = [value(name, dims) for name, dims in (inputs or IMAGE).items()]
    wire = Wire(model(nodes, inputs, list(weights)), 'm.onnx')
    graph = read_graph(wire)
    net = OnnxNet(graph, wire, 'm.onnx', Given())
    for step in net.graph.nodes:
        net.add(step)
    return net


def shapes_of(type_, inputs, count=1, domain='', **attributes):
    """Return the shapes of a node's outputs.

    inputs: a shape, a tuple, of a feature map if it is the first, or else of weights; the numbers of
    a vector, a list; that of a scalar; the bytes of a TensorProto called by its place, i0 or i1;
    None for one left out.
    count: of the outputs.
    """
    dims, weights, names = {}, [], []
    for index, content in enumerate(inputs):
        name = '' if content is None else f'i{index}'
        names.append(name)
        if isinstance(content, tuple) and not dims:
            dims[name] = list(content)
        elif isinstance(content, tuple):
            weights.append(tensor(name, content))
        elif isinstance(content, list):
            weights.append(numbers(name, *content))
        elif isinstance(content, bytes):
            weights.append(content)
        elif content is not None:
            weights.append(numbers(name, content, scalar=True))
    outputs = [f'o{index}' for index in range(count)]
    operands = ' '.join(names)
    step = node(type_, operands, ' '.join(outputs), **attributes)
    if domain:
        step += field(7, domain)
    net = follow([step], dims or {'x': [1, 1]}, weights)
    return [net.shapes.get(name) for name in outputs]


class Shapes(unittest.TestCase):
    """Shapes of outputs, by (operator, inputs, attributes, shapes)."""

    X = (1, 4, 6, 6)

    def check(self, rows, domain=''):
        for type_, inputs, attributes, *expected in rows:
            with self.subTest(type_, inputs=inputs, **attributes):
                made = shapes_of(type_, inputs, len(expected), domain, **attributes)
                self.assertEqual(made, list(expected))

    def test_element_by_element(self):
        x = self.X
        self.check((
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

    def test_moving_numbers(self):
        x = self.X
        self.check((
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
        self.check((
            ('Constant', [], {'value_int': 7}, ()),
            ('Constant', [], {'value_ints': [7, 8]}, (2,)),
            ('Constant', [], {'value_float': 2.5}, ()),
            ('Constant', [], {'value_floats': [2.5, 1.0, 3.0]}, (3,)),
            ('HannWindow', [16], {}, (16,)),
            ('RandomNormal', [], {'shape': [2, 3]}, (2, 3)),
            ('Range', [7, 1, -2], {}, (3,)),
            ('Range', [0, 10, 0], {}, None),
            ('ConstantOfShape', [[-1]], {}, None),
            ('ConstantOfShape', [[2**40]], {}, None),
        ))  # fmt: skip

    def test_images(self):
        x = self.X
        self.check((
            ('DepthToSpace', [x], {'blocksize': 2}, (1, 1, 12, 12)),
            ('DepthToSpace', [x], {'blocksize': 3}, None),
            ('SpaceToDepth', [x], {'blocksize': 3}, (1, 36, 2, 2)),
            ('GridSample', [x, (1, 5, 7, 2)], {}, (1, 4, 5, 7)),
            ('AffineGrid', [(1, 2, 3), [1, 4, 5, 7]], {}, (1, 5, 7, 2)),
            ('Col2Im', [(1, 18, 12), [5, 4], [2, 3]], {}, (1, 3, 5, 4)),
            ('MaxUnpool', [x, x], {'kernel_shape': [2, 2], 'strides': [2, 2]}, (1, 4, 12, 12)),
            ('RoiAlign', [x, (9, 4), (9,)], {'output_height': 3, 'output_width': 2}, (1, 4, 3, 2)),
            ('MaxRoiPool', [x, (9, 5)], {'pooled_shape': [3, 2]}, (1, 4, 3, 2)),
            ('MaxPool', [x], {'kernel_shape': [2, 3], 'strides': [2, 1]}, *[(1, 4, 3, 4)] * 2),
            ('STFT', [(1, 40, 1), 8, None, 16], {}, (1, 4, 9, 2)),
            ('STFT', [(1, 40, 1), 8, (16,)], {'onesided': 0}, (1, 4, 16, 2)),
            ('DFT', [(1, 40, 1)], {'axis': 1}, (1, 40, 2)),
            ('DFT', [(1, 40, 1), None, 1], {'onesided': 1}, (1, 21, 2)),
            ('DFT', [(1, 21, 2)], {'onesided': 1, 'inverse': 1}, (1, 40, 1)),
            ('MelWeightMatrix', [8, 16, 8192], {}, (9, 8)),
        ))  # fmt: skip

    def test_resize(self):
        """By scales and by sizes, which may keep the ratio: the scale is 1/2, and 4/5."""
        x, not_larger = (1, 4, 10, 30), {'keep_aspect_ratio_policy': 'not_larger', 'axes': [2, 3]}
        not_smaller = {**not_larger, 'keep_aspect_ratio_policy': 'not_smaller'}
        self.check((
            ('Resize', [x, None, None, [8, 15]], not_larger, (1, 4, 5, 15)),
            ('Resize', [x, None, None, [8, 15]], not_smaller, (1, 4, 8, 24)),
            ('Resize', [x, None, None, [8, 15]], {'axes': [3, 2]}, (1, 4, 15, 8)),
            ('Resize', [x, None, None, [8, 15]], {}, None),  # for which axes?
            ('Resize', [x, None, None, [3, 9, 0]], {}, None),
            ('Resize', [x, None, [1.0, 1.0, 0.5, 0.7]], {}, (1, 4, 5, 21)),
            ('Resize', [x, None, [1.0, 1.0, 0.5, 0.7], []], {}, (1, 4, 5, 21)),
            ('Resize', [x, [1.0, 1.0, 1.25, 0.9]], {}, (1, 4, 12, 27)),
            ('Resize', [('N', 4, 10, 30), None, [1.0, 1.0, 2.0, 2.0]], {}, (BATCH, 4, 20, 60)),
            ('Resize', [('N', 4), None, [0.5, 1.0]], {}, None),
            ('Resize', [x], {}, None),
            ('Upsample', [x], {'scales': [1.0, 1.0, 2.0, 3.0]}, (1, 4, 20, 90)),
            ('Upsample', [x], {'height_scale': 2.0, 'width_scale': 3.0}, (1, 4, 20, 90)),
            ('Upsample', [x, [1.0, 1.0, 2.0, 3.0]], {}, (1, 4, 20, 90)),
        ))  # fmt: skip

    def test_scales_between_two_floats(self):
        """Runtimes make 7 of 10 * 0.7, ONNX's inference makes 6: a file that states 6 is taken."""
        step = node('Resize', 'x  scales', 'y')
        probe = node('Conv', 'y v', 'z', 'c')
        weights = [numbers('scales', 1.0, 1.0, 0.7, 0.7), tensor('v', [1, 4, 1, 1])]
        for stated, size in (([], 7), ([value('y', [1, 4, 6, 6])], 6)):
            entry = layers([step, probe], {'x': [1, 4, 10, 10]}, weights, stated)[0]
            self.assertEqual(entry['ifmap'], [4, size, size])

    def test_operators_of_onnxruntime(self):
        """Those that keep a shape, and others; most have inputs on how they are quantized."""
        x, q = self.X, [0.5, 3]
        rows = (1, 5, 1)
        self.check((
            ('Gelu', [x], {}, x),
            ('BiasGelu', [x, (6,)], {}, x),
            ('FastGelu', [x], {}, x),
            ('QuickGelu', [x], {}, x),
            ('QLinearAdd', [x, *q, (4, 1, 1), *q, *q], {}, x),
            ('QLinearMul', [(4, 1, 1), *q, x, *q, *q], {}, x),
            ('QLinearWhere', [x, (6, 6), *q, (1,), *q, *q], {}, x),
            ('QLinearConcat', [*q, x, *q, x, *q], {'axis': 1}, (1, 8, 6, 6)),
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
        ), MICROSOFT)  # fmt: skip
        self.check([('SimplifiedLayerNormalization', [x, (6,)], {}, x)])
        for type_ in ('Scaler', 'Normalizer', 'Imputer', 'Binarizer'):
            self.assertEqual(shapes_of(type_, [x], domain='ai.onnx.ml'), [x])

    def test_rows_of_a_quantized_embedding(self):
        """Two numbers of 4 bits in each byte, which is of type 2; or one number of type 21."""
        for kind, bits, size in ((2, 4, 16), (2, 8, 8), (21, 4, 8)):
            table = fields(1, [99, 8]) + field(2, kind) + field(8, 'i0')
            shapes = shapes_of('GatherBlockQuantized', [table, (1, 5)], 1, MICROSOFT, bits=bits)
            self.assertEqual(shapes, [(1, 5, size)])

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
        ):  # fmt: skip
            with self.subTest(expected, parts=parts, index=index):
                parts = numbers('p', *parts) if isinstance(parts, list) else numbers(
                    'p', parts, scalar=True)  # fmt: skip
                weights = [parts, numbers('i', index, scalar=True), numbers('big', -1, scalar=True)]
                net = follow(steps, {'x': list(x)}, weights)
                self.assertEqual(net.shapes.get('y'), expected)

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
            net = follow([step], None, [*weights, KERNEL])
            self.assertEqual((net.shapes['y'], net.nodes[0].members), (shape, {}))


class Numbers(unittest.TestCase):
    """Numbers of outputs, by (operator, constants, attributes, numbers)."""

    MATRIX = constant('i0', [2, 3], [1, 2, 3, 4, 5, 6])

    def numbers(self, type_, constants, count=1, **attributes):
        names, weights = [], []
        for index, content in enumerate(constants):
            names.append('' if content is None else f'i{index}')
            if isinstance(content, bytes):
                weights.append(content)
            elif content is not None:
                weights.append(numbers(names[-1], *content))
        outputs = [f'o{index}' for index in range(count)]
        step = node(type_, ' '.join(names), ' '.join(outputs), **attributes)
        net = follow([step], {'x': [1, 1]}, weights)
        found = [net.constants.get(name) for name in outputs]
        return found if count > 1 else found[0]

    def check(self, rows):
        for type_, constants, attributes, expected in rows:
            with self.subTest(type_, constants=constants, **attributes):
                self.assertEqual(self.numbers(type_, constants, **attributes), expected)

    def test_towards_zero(self):
        """Integers are divided so; a remainder has the divisor's sign, or the number's."""
        self.check((
            ('Div', [[7, -7, 7, -7], [2, 2, -2, -2]], {}, (3, -3, -3, 3)),
            ('Div', [[-7.0], [2.0]], {}, (-3.5,)),
            ('Div', [[7], [0]], {}, None),
            ('Mod', [[7, -7, 7, -7], [3, 3, -3, -3]], {}, (1, 2, -2, -1)),
            ('Mod', [[7, -7, 7, -7], [3, 3, -3, -3]], {'fmod': 1}, (1, -1, 1, -1)),
            ('Mod', [[7], [0]], {}, None),
            ('Cast', [[2.5, -2.5]], {'to': 7}, (2, -2)),
        ))  # fmt: skip

    def test_number_by_number(self):
        self.check((
            ('Abs', [[-2, 3]], {}, (2, 3)),
            ('Add', [self.MATRIX, [10, 20, 30]], {}, (11, 22, 33, 14, 25, 36)),
            ('Sub', [[10], [1, 2]], {}, (9, 8)),
            ('Mul', [[2, 3], [4, 5]], {}, (8, 15)),
            ('Sum', [[1, 2], [10], [100]], {}, (111, 112)),
            ('Neg', [[2, -3]], {}, (-2, 3)),
            ('Max', [[2, -3], [0], [1]], {}, (2, 1)),
            ('Min', [[2, -3], [0], [1]], {}, (0, -3)),
            ('Sqrt', [[9.0, 2.25]], {}, (3.0, 1.5)),
            ('Sqrt', [[-1.0]], {}, None),
            ('Reciprocal', [[4.0]], {}, (0.25,)),
            ('Reciprocal', [[0.0]], {}, None),
            ('Floor', [[2.5, -2.5]], {}, (2.0, -3.0)),
            ('Ceil', [[2.5, -2.5]], {}, (3.0, -2.0)),
            ('Round', [[2.5, 3.5, -0.5]], {}, (2.0, 4.0, 0.0)),
            ('Relu', [[-2.0, 2.0]], {}, (0.0, 2.0)),
            ('Sign', [[-2, 0, 2]], {}, (-1, 0, 1)),
            ('Clip', [[-2, 2, 9], [0], [5]], {}, (0, 2, 5)),
            ('Clip', [[-2, 9], None, [5]], {}, (-2, 5)),
            ('Pow', [[3], [2]], {}, (9,)),
            ('Pow', [[3], [9]], {}, None),
            ('Pow', [[3], [-1]], {}, None),
            ('Pow', [[-3.0], [0.5]], {}, None),
            ('Less', [[1, 2, 3], [2]], {}, (True, False, False)),
            ('LessOrEqual', [[1, 2, 3], [2]], {}, (True, True, False)),
            ('Greater', [[1, 2, 3], [2]], {}, (False, False, True)),
            ('GreaterOrEqual', [[1, 2, 3], [2]], {}, (False, True, True)),
            ('Equal', [[1, 2, 3], [2]], {}, (False, True, False)),
            ('Not', [[0, 1]], {}, (True, False)),
            ('And', [[0, 1, 1], [1, 1, 0]], {}, (False, True, False)),
            ('Or', [[0, 1, 0], [1, 1, 0]], {}, (True, True, False)),
            ('Xor', [[0, 1, 1], [1, 1, 0]], {}, (True, False, True)),
            ('Where', [[1, 0], [2, 3], [4]], {}, (2, 4)),
            ('Cast', [[0, 3]], {'to': 9}, (False, True)),
            ('Cast', [[3]], {'to': 1}, (3.0,)),
            ('Cast', [[3]], {'to': 10}, None),  # a float of 16 bits
        ))  # fmt: skip

    def test_moving_numbers(self):
        matrix = self.MATRIX
        self.check((
            ('Gather', [matrix, [2, -3]], {'axis': 1}, (3, 1, 6, 4)),
            ('Gather', [matrix, [1]], {}, (4, 5, 6)),
            ('Gather', [matrix, [2]], {}, None),
            ('Concat', [matrix, constant('i1', [2, 1], [8, 9])], {'axis': 1},
             (1, 2, 3, 8, 4, 5, 6, 9)),
            ('Slice', [matrix, [1], [9], [1]], {}, (2, 3, 5, 6)),
            ('Slice', [matrix, [-1, 2], [-9, -9], [0, 1], [-1, -2]], {}, (6, 4, 3, 1)),
            ('Transpose', [matrix], {}, (1, 4, 2, 5, 3, 6)),
            ('Tile', [matrix, [1, 2]], {}, (1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6)),
            ('Tile', [matrix, [99, 1]], {}, None),  # too many
            ('Expand', [[7], [2, 2]], {}, (7, 7, 7, 7)),
            ('Expand', [[7, 8], [2, 1]], {}, (7, 8, 7, 8)),
            ('Flatten', [matrix], {'axis': 2}, (1, 2, 3, 4, 5, 6)),
            ('ReduceSum', [matrix, [0]], {}, (5, 7, 9)),
            ('ReduceProd', [matrix, [1]], {'keepdims': 0}, (6, 120)),
            ('ReduceMax', [matrix], {'axes': [0]}, (4, 5, 6)),
            ('ReduceMin', [matrix], {}, (1,)),
            ('ReduceMin', [[]], {}, None),  # of nothing
            ('Range', [[5], [0], [-2]], {}, (5, 3, 1)),
            ('NonZero', [constant('i0', [2, 2], [0, 5, 6, 0])], {}, (0, 1, 1, 0)),
            ('ConstantOfShape', [[2]], {'value': numbers('', 7)}, (7, 7)),
            ('ConstantOfShape', [[2]], {}, (0.0, 0.0)),
        ))  # fmt: skip
        parts = self.numbers('Split', [matrix, [1, 2]], 2, axis=1)
        self.assertEqual(parts, [(1, 4), (2, 3, 5, 6)])

    def test_constants(self):
        for attributes, expected in (
            ({'value_int': 7}, (7,)),
            ({'value_ints': [7, -8]}, (7, -8)),
            ({'value_float': 2.5}, (2.5,)),
            ({'value_floats': [2.5, 1.0]}, (2.5, 1.0)),
        ):
            net = follow([node('Constant', '', 'y', **attributes)])
            self.assertEqual(net.constants['y'], expected)

    def test_32_bits(self):
        """0.7 in 32 bits times 10 is 7.0 in 32 bits, though it is less in 64."""
        steps = [node('Mul', 'ten scale', 'm'), node('Floor', 'm', 'y')]
        net = follow(steps, None, [numbers('ten', 10.0), numbers('scale', 0.7)])
        self.assertEqual(net.constants['y'], (7.0,))
        third = [node('Cast', 'one', 'd', to=11), node('Cast', 'three', 'e', to=11),
                 node('Div', 'd e', 'y')]  # fmt: skip
        net = follow(third, None, [numbers('one', 1), numbers('three', 3)])
        self.assertEqual(net.constants['y'], (1 / 3,))

    def test_what_depends_on_the_batch(self):
        """N is at least 1. What is known of it is followed, and no more."""
        size = node('Shape', 'x', 's', end=1)
        for step, expected in (
            (node('Max', 's one', 'y'), BATCH),
            (node('Max', 's five', 'y'), None),
            (node('Min', 's one', 'y'), 1),
            (node('Min', 's five', 'y'), None),
            (node('Mul', 's five', 'y'), 5 * BATCH),
            (node('Div', 's five', 'y'), None),
            (node('Mod', 's five', 'y'), None),
            (node('Sub', 's one', 'y'), None),
            (node('Greater', 's zero', 'y'), True),
            (node('Equal', 's five', 'y'), None),
            (node('Equal', 's s', 'y'), True),
            (node('Cast', 's', 'y', to=1), None),
            (node('Cast', 's', 'y', to=7), BATCH),
        ):
            with self.subTest(expected):
                weights = [numbers('zero', 0), numbers('one', 1), numbers('five', 5)]
                net = follow([size, step], {'x': ['N', 3]}, weights)
                (number,) = net.constants['y']
                if expected is None:
                    self.assertTrue(math.isnan(number), number)
                else:
                    self.assertEqual(number, expected)

    def test_numbers_that_are_not_known(self):
        """A symbol is none that a comparison or a Cast could tell."""
        steps = [
            node('Shape', 'm', 's'),
            node('Cast', 's', 'f', to=1),
            node('Cast', 'f', 'i', to=7),
            node('Equal', 's s', 'e'),
            node('Where', 'e s i', 'w'),
            node('NonZero', 's', 'n'),
        ]
        net = follow(steps, {'x': [1, 3], 'm': [1, 'L']})
        for name in 'fiew':
            self.assertTrue(math.isnan(net.constants[name][1]), name)
        self.assertEqual(net.constants['e'][0], True)
        self.assertEqual(str(list(net.shapes['n'])), '[1, ?]')


class Products(unittest.TestCase):
    """MACs of products, and of what has one inside."""

    def check(self, step, inputs, weights, *expected, shapes=()):
        """Check the entries of a node: (type, macs) each; shapes: of its outputs."""
        found = layers([step], inputs, weights)
        self.assertEqual([(entry['type'], entry['macs']) for entry in found], list(expected))
        net = follow([step], inputs, weights)
        for name, shape in shapes:
            self.assertEqual(net.shapes[name], shape)
        return found

    def test_einsum(self):
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

    def test_einsum_of_one_operand(self):
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

    def test_einsum_that_cannot_be(self):
        for equation in ('bij->bijk', 'bi->b', 'b.ij->b', 'bij->bb', 'b->b->b', 'bij,bij', ''):
            net = follow([node('Einsum', 'x', 'y', equation=equation)], {'x': [1, 3, 4]})
            self.assertEqual((net.shapes.get('y'), net.left_out), (None, {'Einsum': None}))

    def test_onnxruntime(self):
        x = {'x': [1, 7, 64]}
        inner = 'InnerProduct'
        for step, weights, macs, shape in (
            (foreign('MatMulNBits', 'x b s', 'y', K=64, N=32), [tensor('b', [32, 2, 16])],
             7 * 64 * 32, (1, 7, 32)),
            (foreign('MatMulBnb4', 'x b s', 'y', K=64, N=32), [tensor('b', [1024])],
             7 * 64 * 32, (1, 7, 32)),
            (foreign('MatMulIntegerToFloat', 'x b s s', 'y'), [tensor('b', [64, 5])],
             7 * 64 * 5, (1, 7, 5)),
            (foreign('DynamicQuantizeMatMul', 'x b s', 'y'), [tensor('b', [64, 5])],
             7 * 64 * 5, (1, 7, 5)),
            (foreign('FusedMatMul', 'x b', 'y', transB=1), [tensor('b', [5, 64])],
             7 * 64 * 5, (1, 7, 5)),
        ):  # fmt: skip
            weights = [*weights, numbers('s', 0.5)]
            self.check(step, x, weights, (inner, macs), shapes=[('y', shape)])
        step = foreign('QGemm', 'x s z b s z', 'y', transB=1)
        weights = [numbers('s', 0.5), numbers('z', 0), tensor('b', [5, 64])]
        self.check(step, {'x': [1, 64]}, weights, (inner, 64 * 5), shapes=[('y', (1, 5))])
        step = foreign('FusedGemm', 'x b', 'y', transB=1)
        self.check(step, {'x': [1, 64]}, weights, (inner, 64 * 5), shapes=[('y', (1, 5))])

    def test_batches_that_are_transposed(self):
        """The first dimension becomes the rows, behind those that number the matrices."""
        inputs = {'x': [1, 4, 7, 8], 'k': [1, 9, 4, 8]}
        steps = [
            node('Transpose', 'k', 'rows_first', perm=[1, 0, 2, 3]),
            foreign('FusedMatMul', 'x rows_first', 'y', transB=1, transBatchB=1),
        ]
        self.assertEqual(layers(steps, inputs)[0]['macs'], 4 * 7 * 8 * 9)
        self.assertEqual(follow(steps, inputs).shapes['y'], (1, 4, 7, 9))

    def test_convolutions_with_channels_last(self):
        x = {'x': [1, 8, 6, 3]}
        weights = [KERNEL, numbers('s', 0.5)]
        for step in (
            foreign('QLinearConv', 'x s s w s s s s', 'y', channels_last=1),
            foreign('NhwcFusedConv', 'x w', 'y'),
        ):
            shapes = [('y', (1, 6, 4, 4))]
            (entry,) = self.check(
                step, x, weights, ('Convolution', 6 * 4 * 4 * 3 * 9), shapes=shapes
            )
            self.assertEqual((entry['ifmap'], entry['ofmap']), ([3, 8, 6], [4, 6, 4]))

    def test_attention_with_projections(self):
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
            self.check(step, inputs, weights, projection, product, product, shapes=shapes)
        step = foreign('Attention', 'x w b', 'y', num_heads=4, qkv_hidden_sizes=[20, 20, 8])
        products = ('MatMul', 4 * 7 * 5 * 7), ('MatMul', 4 * 7 * 7 * 2)
        self.check(step, x, weights, projection, *products, shapes=[('y', (1, 7, 8))])

    def test_attention_without_projections(self):
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
                self.check(step, inputs, [], scores, result, shapes=[('y', shape)])

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
                for entry in self.check(step, inputs, weights, product, product, shapes=shapes):
                    self.assertEqual((entry['groups'], entry['shared']), (6, 3))

    def test_attention_with_a_cache(self):
        inputs = {'q': [1, 8, 5, 16], 'k': [1, 2, 5, 16], 'past': [1, 2, 7, 16]}
        step = node('Attention', 'q k k  past past', 'y k2 v2')
        product = ('MatMul', 8 * 5 * 16 * 12)
        shapes = [('y', (1, 8, 5, 16)), ('k2', (1, 2, 12, 16))]
        for entry in self.check(step, inputs, [], product, product, shapes=shapes):
            self.assertEqual(entry['shared'], 4)

    def test_recurrent(self):
        """Steps x gates x hidden x (input + hidden), for each direction."""
        for type_, gates, count in (('LSTM', 4, 3), ('GRU', 3, 2), ('RNN', 1, 2)):
            for layout in (0, 1):
                for directions, name in ((1, 'reverse'), (2, 'bidirectional')):
                    with self.subTest(type_, layout=layout, directions=directions):
                        w = tensor('w', [directions, gates * 32, 16])
                        r = tensor('r', [directions, gates * 32, 32])
                        outputs = 'y h c' if count == 3 else 'y h'
                        step = node(type_, 'x w r', outputs, layout=layout, direction=name)
                        states, last = (8, directions, 1, 32), (directions, 1, 32)
                        if layout:
                            states, last = (1, 8, directions, 32), (1, directions, 32)
                        inputs = {'i': [1, 1], 'x': [1, 8, 16] if layout else [8, 1, 16]}
                        macs = 8 * directions * gates * 32 * (16 + 32)
                        shapes = [('y', states), *((name, last) for name in outputs[2:].split())]
                        (entry,) = self.check(
                            step, inputs, [w, r], ('InnerProduct', macs), shapes=shapes
                        )
                        self.assertEqual(entry['ifmap'], [directions * 48, 8, 1])
                        self.assertEqual(entry['ofmap'], [directions * gates * 32, 8, 1])
                        self.assertEqual(entry.get('groups', 1), directions)

    def test_quantized_lstm(self):
        """Its weights have rows for columns."""
        weights = [tensor('w', [1, 16, 128]), tensor('r', [1, 32, 128])]
        step = foreign('DynamicQuantizeLSTM', 'x w r', 'y')
        macs = 8 * 128 * 48
        shapes = [('y', (8, 1, 1, 32))]
        inputs = {'i': [1, 1], 'x': [8, 1, 16]}
        self.check(step, inputs, weights, ('InnerProduct', macs), shapes=shapes)

    def test_regions_of_interest(self):
        """As behind Caffe's ROIPooling, MACs are for one region, and a line says so."""
        steps = [
            node('RoiAlign', 'x rois indices', 'r', 'align', output_height=2, output_width=2),
            node('Flatten', 'r', 'f'),
            node('Gemm', 'f v', 'y', 'fc'),
        ]
        inputs = {'x': ['N', 3, 8, 8], 'rois': ['R', 4], 'indices': ['R']}
        result = run(steps, inputs, [tensor('v', [12, 5])])
        self.assertEqual(json.loads(result.out)[-1]['macs'], 12 * 5)
        self.assertIn(
            "behind 'align' (RoiAlign), MACs are for one region of interest, and not for one frame",
            result.err,
        )


class Shared(unittest.TestCase):
    """Products of 8 heads with keys of 2, of which each is repeated 4 times."""

    WEIGHTS = [
        numbers('two', 2),
        numbers('five', 1, 1, 4, 1, 1),
        numbers('four', 1, 4, 1, 1),
        numbers('heads', 0, 8, 7, 16),
        numbers('flat', -1, 7, 16),
        numbers('flat_q', -1, 5, 16),
        numbers('half', 0.5),
    ]

    def product(self, *steps, q='q', batch=1):
        """Return the entry of q times a value "r" that the steps make of the keys "k"."""
        inputs = {'q': [batch, 8, 5, 16], 'k': [batch, 2, 7, 16]}
        (entry,) = layers([*steps, node('MatMul', f'{q} r', 'y')], inputs, self.WEIGHTS)
        self.assertEqual((entry['macs'], entry['groups']), (8 * 5 * 16 * 7, 8))
        return entry

    def test_ways_to_repeat(self):
        unsqueeze, merge = node('Unsqueeze', 'k two', 'u'), node('Reshape', 'e heads', 'm')
        turn = node('Transpose', 'm', 'r', perm=[0, 1, 3, 2])
        for batch in (1, 2, 'N'):
            for steps in (
                [unsqueeze, node('Expand', 'u five', 'e'), merge, turn],
                [unsqueeze, node('Tile', 'u five', 'e'), merge, turn],
                [unsqueeze, node('Concat', 'u u u u', 'e', axis=2), merge, turn],
                [node('Concat', 'k k k k', 'm', axis=1), turn],
                [node('Tile', 'k four', 'm'), turn],
                [
                    node('Tile', 'k four', 't'),
                    node('Mul', 'half t', 's'),
                    node('Cast', 's', 'm', to=1),
                    turn,
                ],
            ):
                self.assertEqual(self.product(*steps, batch=batch)['shared'], 4)

    def test_heads_that_are_folded_into_the_batch(self):
        steps = [
            node('Tile', 'k four', 't'),
            node('Reshape', 't flat', 'm'),
            node('Transpose', 'm', 'r', perm=[0, 2, 1]),
            node('Reshape', 'q flat_q', 'p'),
        ]
        self.assertEqual(self.product(*steps, q='p', batch='N')['shared'], 4)

    def test_a_broadcast_operand(self):
        inputs = {'q': ['N', 2, 4, 5, 16], 'k': ['N', 2, 1, 16, 7]}
        (entry,) = layers([node('MatMul', 'q k', 'y')], inputs)
        self.assertEqual((entry['groups'], entry['shared']), (8, 4))

    def test_einsum(self):
        inputs = {'q': [1, 8, 5, 16], 'k': [1, 2, 7, 16]}
        steps = [
            node('Tile', 'k four', 'r'),
            node('Einsum', 'q r', 'y', equation='bhqd,bhkd->bhqk'),
        ]
        self.assertEqual(layers(steps, inputs, self.WEIGHTS)[0]['shared'], 4)

    def test_nothing_is_shared(self):
        """Frames, rows, different values and what combines heads are no copies for heads."""
        inputs = {'q': [2, 8, 5, 16], 'k': [2, 8, 16, 7], 'n': [2, 2, 16, 7], 'm': [2, 2, 16, 7],
                  'row': [2, 8, 1, 7]}  # fmt: skip
        weights = [
            numbers('frames', 2, 1, 1, 1),
            numbers('rows', 1, 1, 16, 1),
            tensor('b', [8, 1, 1]),
        ]
        for steps in (
            [],
            [node('ReduceMax', 'k', 'one', axes=[0]), node('Expand', 'one frames', 'k2')],
            [node('Concat', 'n m n m', 'k2', axis=1)],
            [node('Tile', 'row rows', 'k2')],
            [node('Concat', 'n n n n', 'j', axis=1), node('Mul', 'j b', 'k2')],
            [node('Concat', 'n n n n', 'j', axis=1), node('Softmax', 'j', 'k2')],
        ):
            operand = 'k2' if steps else 'k'
            (entry,) = layers([*steps, node('MatMul', f'q {operand}', 'y')], inputs, weights)
            self.assertEqual(entry['groups'], 8)
            self.assertNotIn('shared', entry)

    def test_what_fodlam_makes_of_it(self):
        """It takes the entry, beside a layer that Eyeriss and EIE have a cost for."""
        inputs = {'q': [1, 8, 5, 16], 'k': [1, 2, 7, 16]}
        steps = [
            node('Tile', 'k four', 'r'),
            node('Einsum', 'q r', 'y', equation='bhqd,bhkd->bhqk'),
            node('MatMul', 'q m', 'z'),
        ]
        text = run(steps, inputs, [*self.WEIGHTS, tensor('m', [16, 5])]).out
        self.assertIn('"shared": 4', text)
        self.assertEqual(refusals(text), [])


class Cases(unittest.TestCase):
    """Small models of kinds that once failed: MACs of the network, or of its last layer."""

    POINTS = tensor('v', [5, 4, 1, 1])  # a 1 x 1 kernel

    def check(self, macs, steps, inputs=None, weights=(), values=()):
        found = layers(steps, inputs, weights, values)
        self.assertEqual(found[-1]['macs'], macs)
        return found

    def test_sizes_by_arithmetic(self):
        """The image is cut to -5 / 2 = -2 of its sizes: 6 x 6 of 8 x 8."""
        steps = [
            node('Div', 'minus_five two', 'end'),
            node('Slice', 'x zero end axis', 'a'),
            node('Slice', 'a zero end axis2', 'b'),
            node('Conv', 'b w', 'y', 'c'),
        ]
        weights = [KERNEL, numbers('minus_five', -5), numbers('two', 2), numbers('zero', 0),
                   numbers('axis', 2), numbers('axis2', 3)]  # fmt: skip
        self.check(4 * 4 * 4 * 27, steps, weights=weights)

    def test_padding_that_is_computed(self):
        """As PyTorch's SAME padding: max(0, 3 - 8 % 2) = 3, half of it before, rounded down."""
        steps = [
            node('Shape', 'x', 's', start=2),
            node('Mod', 's two', 'm'),
            node('Sub', 'three m', 'd'),
            node('Max', 'd zero', 'p'),
            node('Div', 'p two', 'before'),
            node('Sub', 'p before', 'after'),
            node('Concat', 'none before none after', 'pads', axis=0),
            node('Pad', 'x pads', 'a'),
            node('Conv', 'a w', 'y', 'c', strides=[2, 2]),
        ]
        weights = [KERNEL, numbers('two', 2), numbers('three', 3), numbers('zero', 0),
                   numbers('none', 0, 0)]  # fmt: skip
        self.check(4 * 5 * 5 * 27, steps, weights=weights)

    def test_padding_of_constants_side_by_side(self):
        """[[0, 0], [0, 0], [1, 2], [3, 4]], transposed: 1 above, 3 left, 2 below, 4 right."""
        steps = [
            node('Concat', 'before after', 'pairs', axis=1),
            node('Transpose', 'pairs', 't', perm=[1, 0]),
            node('Reshape', 't all', 'pads'),
            node('Pad', 'x pads', 'a'),
            node('Conv', 'a w', 'y', 'c'),
        ]
        weights = [KERNEL, constant('before', [4, 1], [0, 0, 1, 3]), numbers('all', -1),
                   constant('after', [4, 1], [0, 0, 2, 4])]  # fmt: skip
        self.check(4 * 9 * 13 * 27, steps, weights=weights)

    def test_sizes_of_another_axis(self):
        """Column 1 of [[1, 9], [4, 8]] is [9, 8], and not row 1."""
        steps = [
            node('Gather', 'table one', 'sizes', axis=1),
            node('Reshape', 'sizes all', 'hw'),
            node('Resize', 'x   hw', 'a', axes=[2, 3]),
            node('Conv', 'a w', 'y', 'c'),
        ]
        table = constant('table', [2, 2], [1, 9, 4, 8])
        weights = [KERNEL, table, numbers('one', 1), numbers('all', -1)]
        self.check(4 * 7 * 6 * 27, steps, weights=weights)

    def test_resize_by_scales_in_batches_of_any_size(self):
        steps = [node('Resize', 'x  scales', 'a'), node('Conv', 'a w', 'y', 'c')]
        weights = [KERNEL, numbers('scales', 1.0, 1.0, 2.0, 2.0)]
        self.check(4 * 14 * 14 * 27, steps, {'x': ['N', 3, 8, 8]}, weights)

    def test_resize_to_no_more_than_a_size(self):
        """800 / 8 = 100, but 500 / 10 = 50 times 8 x 10 is 400 x 500."""
        steps = [
            node('Shape', 'x', 's', start=2),
            node('Cast', 's', 'f', to=1),
            node('ReduceMin', 'f', 'low', keepdims=0),
            node('ReduceMax', 'f', 'high', keepdims=0),
            node('Div', 'least low', 'a'),
            node('Div', 'most high', 'b'),
            node('Min', 'a b', 'scale'),
            node('Mul', 'f scale', 'scaled'),
            node('Floor', 'scaled', 'down'),
            node('Cast', 'down', 'sizes', to=7),
            node('Resize', 'x   sizes', 'r', axes=[2, 3]),
            node('Conv', 'r w', 'y', 'c'),
        ]
        weights = [KERNEL, numbers('least', 800.0), numbers('most', 500.0)]
        self.check(4 * 398 * 498 * 27, steps, {'x': [1, 3, 8, 10]}, weights)

    def test_behind_operators_of_more_outputs(self):
        image = [node('DynamicQuantizeLinear', 'x', 'q s z'), node('ConvInteger', 'q w z', 'y')]
        self.check(3888, image, weights=[KERNEL])
        top = [node('TopK', 'x k', 'v i'), node('MatMul', 'v m', 'y')]
        self.check(4 * 7, top, {'x': [1, 9]}, [numbers('k', 4), tensor('m', [4, 7])])
        lstm = [
            node('LSTM', 'x l r', 'a'),
            node('Squeeze', 'a one', 'b'),
            node('MatMul', 'b m', 'y'),
        ]
        weights = [tensor('l', [1, 128, 16]), tensor('r', [1, 128, 32]), numbers('one', 1),
                   tensor('m', [32, 5])]  # fmt: skip
        found = self.check(8 * 32 * 5, lstm, {'i': [1, 1], 'x': [8, 1, 16]}, weights)
        self.assertEqual(found[0]['macs'], 8 * 128 * 48)

    def test_behind_operators_of_images(self):
        for step, macs in (
            (node('DepthToSpace', 'x', 'a', blocksize=2), None),
            (node('GridSample', 'x g', 'a'), 4 * 3 * 5 * 27),
            (node('Upsample', 'x', 'a', scales=[1.0, 1.0, 0.5, 0.5]), 4 * 2 * 2 * 27),
        ):
            steps = [step, node('Conv', 'a w', 'y', 'c')]
            inputs = {**IMAGE, 'g': [1, 5, 7, 2]}
            if macs is None:
                self.check(4 * 14 * 14 * 27, steps, {'x': [1, 12, 8, 8]}, [KERNEL])
            else:
                self.check(macs, steps, inputs, [KERNEL])

    def test_behind_a_product_of_constants(self):
        """[1, 5] by [5, 4] is added to 4 channels."""
        steps = [
            node('Conv', 'x w', 'a', 'c'),
            node('Gemm', 'k e', 'u'),
            node('Unsqueeze', 'u axes', 'u4'),
            node('Add', 'a u4', 'b'),
            node('Conv', 'b v', 'y', 'd'),
        ]
        weights = [KERNEL, tensor('k', [1, 5]), tensor('e', [5, 4]), numbers('axes', 2, 3),
                   self.POINTS]  # fmt: skip
        self.check(5 * 6 * 6 * 4, steps, weights=weights)

    def test_flattening_by_a_part_of_a_shape(self):
        steps = [
            node('Shape', 'x', 's', end=1),
            node('Constant', '', 'rest', value_ints=[-1]),
            node('Concat', 's rest', 'shape', axis=0),
            node('Reshape', 'x shape', 'f'),
            node('MatMul', 'f m', 'y'),
        ]
        self.check(192 * 5, steps, {'x': ['N', 3, 8, 8]}, [tensor('m', [192, 5])])

    def test_squeezing_what_is_1(self):
        steps = [node('GlobalAveragePool', 'x', 'a'), node('Squeeze', 'a', 'b'),
                 node('MatMul', 'b m', 'y')]  # fmt: skip
        for batch in (1, 'N'):
            self.check(3 * 5, steps, {'x': [batch, 3, 8, 8]}, [tensor('m', [3, 5])])

    def test_operators_without_macs_are_not_left_out(self):
        for type_, domain in (('Gelu', MICROSOFT), ('Scaler', 'ai.onnx.ml')):
            steps = [foreign(type_, 'x', 'a', domain=domain), node('Conv', 'a w', 'y')]
            self.assertEqual(run(steps, weights=[KERNEL]).err, '')

    def test_operators_with_macs_are_left_out(self):
        shapes = {'q': [1, 5, 16], 'x': [1, 3, 8, 8]}
        for step, type_ in (
            (node('LinearAttention', 'q q q', 'a', q_num_heads=2, kv_num_heads=2), 'LinearAtt'),
            (node('CausalConvWithState', 'q k', 'a'), 'CausalConvWithState'),
            (node('DeformConv', 'x w x', 'a'), 'DeformConv'),
            (foreign('MoE', 'q', 'a'), 'com.microsoft.MoE'),
        ):
            weights = [KERNEL, tensor('k', [5, 1, 3])]
            result = run([step, node('Conv', 'x w', 'y')], shapes, weights)
            self.assertIn(
                f'left out, as FODLAM does not model it: whatever is in {type_}', result.err
            )


class Mistakes(unittest.TestCase):
    """What cannot be is refused in a line that says where; what no rule can do is not followed."""

    def test_attributes_of_another_type(self):
        tensor_, text = numbers('', 1), 'FULL'
        conv = {'inputs': 'x w', 'type_': 'Conv'}
        for step, said in (
            ({**conv, 'pads': tensor_}, '"pads" is a tensor; expected 4 integers, 0 or more'),
            ({**conv, 'pads': 0.5}, '"pads" is [0.5]; expected 4 integers'),
            ({**conv, 'strides': [1.0, 2.0]}, '"strides" is [1.0, 2.0]; expected 2 integers'),
            ({**conv, 'group': text}, '"group" is of a type that does not fit; expected 1 integ'),
            ({**conv, 'auto_pad': text}, '"auto_pad" is \'FULL\'; expected one of NOTSET, SAME_'),
            ({**conv, 'auto_pad': 1}, '"auto_pad" is [1]; expected one of'),
            ({'type_': 'Constant', 'value': [1]}, '"value" is [1]; expected a tensor'),
            ({'type_': 'Constant', 'value': []}, '"value" is []; expected a tensor'),
            ({'type_': 'ConstantOfShape', 'inputs': 'n', 'value': 7}, '"value" is [7]; expected'),
            ({'type_': 'Transpose', 'inputs': 'x', 'perm': tensor_}, '"perm" is a tensor; expected'),
            ({'type_': 'Concat', 'inputs': 'x x', 'axis': 1.0}, '"axis" is [1.0]; expected integ'),
            ({'type_': 'Flatten', 'inputs': 'x', 'axis': text}, '"axis" is of a type that does not'),
            ({'type_': 'Upsample', 'inputs': 'x', 'scales': text}, '"scales" is of a type that'),
            ({'type_': 'DepthToSpace', 'inputs': 'x'}, '"blocksize" is left out; expected an int'),
            ({'type_': 'DepthToSpace', 'inputs': 'x', 'blocksize': 0}, '"blocksize" is [0]; exp'),
            ({'type_': 'Resize', 'inputs': 'x   n', 'keep_aspect_ratio_policy': 'x'},
             '"keep_aspect_ratio_policy" is \'x\'; expected one of stretch, not_larger'),
        ):  # fmt: skip
            with self.subTest(said):
                step = {'inputs': '', 'outputs': 'y', 'name': 'n', **step}
                result = run([node(**step)], weights=[KERNEL, numbers('n', 1, 3, 8, 8)])
                self.assertEqual((result.status, result.out), (1, ''))
                self.assertIn(f"({step['type_']} 'n'): {said}", result.err)
                self.assertRegex(result.err, r'\Aextract.py: m.onnx, byte \d+ [^\n]+\n\Z')

    def test_products_that_cannot_be(self):
        inputs = {'x': [1, 7, 16], 'k': [1, 7, 12]}
        weights = [tensor('w', [16, 48]), tensor('l', [1, 128, 16]), tensor('r', [1, 128, 32]),
                   tensor('b', [16, 2])]  # fmt: skip
        heads = {'num_heads': 4, 'kv_num_heads': 2}
        sizes = {'num_heads': 4, 'qkv_hidden_sizes': [16, 16, 8]}
        for make, type_, operands, attributes, said in (
            (foreign, 'Attention', 'x w', {'num_heads': 5}, '[1, 7, 16] with 5 heads; expected'),
            (foreign, 'Attention', 'k w', {'num_heads': 4}, 'expected as many columns as there'),
            (foreign, 'Attention', 'x w', {}, '"num_heads" is left out; expected'),
            (foreign, 'Attention', 'x w', sizes,
             'sizes [16, 16, 8], and 48 columns of weights; expected their sum'),
            (foreign, 'GroupQueryAttention', 'x k k', heads, 'expected keys of the size'),
            (foreign, 'MatMulNBits', 'x b', {'K': 16}, '"N" is left out; expected an integer'),
            (foreign, 'MatMulNBits', 'x b', {'K': 15, 'N': 4}, 'cannot multiply [1, 7, 16] by [15'),
            (node, 'LSTM', 'x l', {}, '2 inputs; expected three'),
            (node, 'LSTM', 'k l r', {}, 'W is [1, 128, 16] and R is [1, 128, 32] for an input'),
            (node, 'GRU', 'x l r', {}, 'expected [directions, 3 * hidden, input or hidden]'),
            (node, 'LSTM', 'x l r', {'direction': 'both'}, 'one of forward, reverse, bidirect'),
            (node, 'LSTM', 'x l r', {'direction': 'bidirectional'}, 'expected 2 as its first'),
            (node, 'Attention', 'x x', {}, '2 inputs; expected three'),
            (node, 'MatMul', 'x', {}, '1 inputs; expected two'),
        ):  # fmt: skip
            with self.subTest(said):
                read = {name: dims for name, dims in inputs.items() if name in operands.split()}
                result = run([make(type_, operands, 'y', **attributes)], read, weights)
                self.assertEqual((result.status, result.out), (1, ''))
                self.assertIn(said, result.err)

    def test_blocks_of_channels(self):
        """Files of onnxruntime's optimizer at its highest level."""
        for type_ in ('ReorderInput', 'Conv', 'MaxPool'):
            step = foreign(type_, 'x w', 'y', 'r', domain='com.microsoft.nchwc')
            self.assertIn(
                f"(com.microsoft.nchwc.{type_} 'r'): onnxruntime has optimized it for one CPU, with "
                'channels in blocks; export the model without ORT_ENABLE_ALL: with '
                'ORT_ENABLE_EXTENDED or less\n',
                run([step], weights=[KERNEL]).err,
            )

    def test_floats_of_other_sizes(self):
        attribute = field(1, 'scales') + varint(7 << 3 | 2) + varint(3) + b'abc'
        step = node('Upsample', 'x', 'y') + field(5, attribute)
        self.assertIn('3 bytes stand where floats of 4 bytes should; expected', run([step]).err)

    def test_packed_floats(self):
        packed = struct.pack('<4f', 1, 1, 2, 2)
        attribute = field(1, 'scales') + field(7, packed) + field(20, 6)
        step = node('Upsample', 'x', 'y') + field(5, attribute)
        self.assertEqual(follow([step]).shapes['y'], (1, 3, 16, 16))

    def test_long_lists_of_floats_are_cut(self):
        """As of the trees of ai.onnx.ml, which nothing reads."""
        attribute = field(1, 'values') + floats(7, [0.5] * 10_001) + field(20, 6)
        net = follow([node('Odd', 'x', 'y') + field(5, attribute)])
        self.assertEqual(net.nodes[0].type, 'Odd')

    def test_sizes_do_not_grow_without_end(self):
        steps = [node('Shape', 'x', 's0')]
        steps += [node('Mul', f's{index} s{index}', f's{index + 1}') for index in range(99)]
        net = follow(steps, {'x': ['N', 3]})
        self.assertEqual(net.constants.get('s99'), None)

    def test_fuzz(self):
        """Nodes of any operator with any inputs and attributes: one line, or a net file."""
        rng = random.Random(22)
        failed = 0
        for seed in range(200):
            failed += is_refused(self, run(*random_model(rng)), seed)
        self.assertTrue(20 < failed < 190, failed)


FUZZED_TYPES = (
    'Add ArgMax Attention AveragePool Cast CenterCropPad Clip Col2Im Compress Concat '
    'ConcatFromSequence Constant ConstantOfShape Conv ConvTranspose DFT DepthToSpace Det Div Einsum '
    'Equal Expand Flatten GRU Gather GatherND Gemm GridSample LSTM LayerNormalization MatMul Max '
    'MaxPool MaxUnpool Min Mod NonZero OneHot Pad Pow Range Reciprocal ReduceMax ReduceMin Reshape '
    'Resize RoiAlign STFT SequenceAt SequenceConstruct SequenceInsert Shape Slice SpaceToDepth Split '
    'SplitToSequence Sqrt Squeeze Tile TopK Transpose Unique Unsqueeze Upsample Where'
).split()
FUZZED_FOREIGN_TYPES = (
    'Attention EmbedLayerNormalization FusedGemm FusedMatMul GatherBlockQuantized '
    'GroupQueryAttention MatMulNBits MultiHeadAttention NhwcMaxPool QGemm QLinearAdd QLinearConcat '
    'QLinearConv QLinearGlobalAveragePool SkipLayerNormalization'
).split()
FUZZED_ATTRIBUTES = (
    'K N allowzero auto_pad axes axis batch_dims blocksize ceil_mode channels_last dilations '
    'direction end equation fmod group keep_aspect_ratio_policy keepdims kernel_shape kv_num_heads '
    'layout new_axis noop_with_empty_axes num_heads onesided output_height output_padding '
    'output_shape pads perm q_num_heads qkv_hidden_sizes scales shape split start strides to transA '
    'transB transBatchA value value_floats value_int value_ints'
).split()
ODD_INTEGERS = (0, 1, -1, 2, 3, 8, -3, 64, 2**31, 2**40, 2**63 - 1, -(2**63))
ODD_FLOATS = (1.0, 2.0, 0.5, -1.0, 1e30, math.nan, math.inf)


def random_integer(rng):
    return rng.choice(ODD_INTEGERS) if rng.random() < 0.3 else rng.randint(-2, 4)


def random_tensor(rng, name):
    content = [random_integer(rng) for _ in range(rng.randint(0, 4))]
    if rng.random() < 0.3:
        content = [rng.choice(ODD_FLOATS) for _ in content]
    return numbers(name, *content, scalar=len(content) == 1 and rng.random() < 0.5)


def random_attribute(rng):
    kind = rng.randrange(5)
    if kind == 0:
        return random_integer(rng)
    if kind == 1:
        return [random_integer(rng) for _ in range(rng.randint(0, 5))]
    if kind == 2:
        return [rng.choice(ODD_FLOATS) for _ in range(rng.randint(1, 4))]
    if kind == 3:
        return random_tensor(rng, '')
    return rng.choice(
        ('bij->bji', '...i,ij->...j', 'ij,jk', 'SAME_UPPER', 'bidirectional', 'x', '')
    )


def random_model(rng):
    """Return (nodes, inputs, weights) of a model, to which a layer with MACs is added."""
    weights = [random_tensor(rng, f'c{index}') for index in range(5)]
    weights += [KERNEL, tensor('m', [16, 10]), tensor('l', [1, 32, 16]), tensor('r', [1, 32, 8])]
    batch = rng.choice(('N', 1, 2))
    inputs = {'x': [batch, 3, 12, rng.choice((12, 'W'))], 'i': [batch, 5, 16]}
    values = [*inputs, 'c0', 'c1', 'c2', 'c3', 'c4', 'w', 'm', 'l', 'r', '']
    nodes = [node('MatMul', 'i m', 'last')]
    for index in range(rng.randint(1, 6)):
        outputs = [f'{index}_{count}' for count in range(rng.randint(1, 3))]
        operands = ' '.join(rng.choice(values) for _ in range(rng.randint(1, 5)))
        attributes = {}
        for name in rng.sample(FUZZED_ATTRIBUTES, rng.randint(0, 4)):
            attributes[name] = random_attribute(rng)
        if rng.random() < 0.25:
            type_ = rng.choice(FUZZED_FOREIGN_TYPES)
            nodes.append(foreign(type_, operands, ' '.join(outputs), **attributes))
        else:
            type_ = rng.choice(FUZZED_TYPES)
            nodes.append(node(type_, operands, ' '.join(outputs), **attributes))
        values += outputs * 3
    return nodes, inputs, weights


if __name__ == '__main__':
    unittest.main()
