"""nets/extract.py on what exporters write: shapes that follow, products, names and activations."""

import functools
import json
import os
import random
import re
import shlex
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

from definitions import convolution, layer
from extracted import REMEDY, count_refused, is_refused, refusals
from onnx_encoder import field, fields, model, node, numbers, tensor, value, varint
from support import call, extract, extractor, fodlam, path

from fodlam.nets.layers import BATCH
from fodlam.nets.network import Given
from fodlam.nets.onnx_file import Wire, read_graph
from fodlam.nets.onnx_net import OnnxNet

IMAGE = value('x', [1, 3, 32, 24])
KERNEL = tensor('w', [8, 3, 3, 3])


def net(nodes, inputs=(IMAGE,), weights=(KERNEL,), *arguments, status=0, **keywords):
    """Return the entries with MACs of the net file of a model, or the error with status 1."""
    result = extract('m.onnx', model(nodes, list(inputs), list(weights), *arguments, **keywords))
    if result.status != status:
        raise AssertionError(result.err or result.out)
    return result.err if status else [e for e in json.loads(result.out) if 'macs' in e]


def follow(nodes, dims, weights=()):
    """Return the shapes of all values of a model whose input "x" has these dims."""
    wire = Wire(model(nodes, [value('x', dims)], list(weights)), 'm.onnx')
    graph = read_graph(wire)
    net = OnnxNet(graph, wire, 'm.onnx', Given())
    for step in net.graph.nodes:
        net.add(step)
    return net.shapes


class Rules(unittest.TestCase):
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
            ('Squeeze', [1, 2, 1], {'axes': [2]}, [], (1, 2)),
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
            ('Add', [1, 2, 3], {}, [(1, 2, 3)], (1, 2, 3)),
            ('Where', [1, 2, 1], {}, [(1, 2, 3), (4,)], (1, 2, 3)),
            ('Shape', [1, 2, 3], {}, [], (3,)),
            ('MatMul', [4, 3], {}, [(1, 2, 3)], (4,)),
        ):
            with self.subTest(type_, dims=dims, constants=constants, **attributes):
                names = 'abcd'[: len(constants)]
                step = node(type_, ' '.join(['x', *names]), 'y', **attributes)
                weights = [numbers(name, *content) for name, content in zip(names, constants)]
                self.assertEqual(follow([step], dims, weights)['y'], expected)

    def test_numbers_of_all_kinds(self):
        """Raw or in fields of their own, of 32 or 64 bits, packed; floats and booleans."""
        for kind, number, content in (
            (7, 9, struct.pack('<2q', -1, 6)),
            (6, 9, struct.pack('<2i', -1, 6)),
            (7, 7, varint(-1) + varint(6)),
            (6, 5, varint(-1) + varint(6)),
        ):
            shape = field(1, 2) + field(2, kind) + field(8, 'a') + field(number, content)
            shapes = follow([node('Reshape', 'x a', 'y')], [1, 2, 12], [shape])
            self.assertEqual(shapes['y'], (4, 6), (kind, number))
        for number in (4, 9):
            content = struct.pack('<3f', 1, 1, 2.5)
            scales = field(1, 3) + field(2, 1) + field(8, 'a') + field(number, content)
            self.assertEqual(
                follow([node('Upsample', 'x a', 'y')], [1, 2, 4], [scales])['y'][2], 10
            )

    def test_fields_that_are_skipped(self):
        """Floats, of 32 bits and of 64, as of an attribute: they are not read."""
        alpha = field(1, 'alpha') + varint(2 << 3 | 5) + b'abcd' + varint(30 << 3 | 1) + b'abcdefgh'
        step = node('Relu', 'x', 'y', axis=3) + field(5, alpha)
        self.assertEqual(follow([step, node('Flatten', 'y', 'z')], [1, 2, 3])['z'], (1, 6))

    def test_conv_and_matmul_of_constants(self):
        weights = [tensor('k', [1, 3, 9, 9]), KERNEL, tensor('m', [4, 5]), tensor('n', [5, 6])]
        steps = [node('Conv', 'k w', 'y'), node('MatMul', 'm n', 'z')]
        shapes = follow(steps, [1, 2], weights)
        self.assertEqual((shapes['y'], shapes['z']), ((1, 8, 7, 7), (4, 6)))

    def test_concat_and_split(self):
        shapes = follow([node('Concat', 'x x x', 'y', axis=-1)], [1, 2, 3])
        self.assertEqual(shapes['y'], (1, 2, 9))
        for sizes, attributes in (([2, 2, 1], {}), ([1, 3, 1], {'split': [1, 3, 1]})):
            shapes = follow([node('Split', 'x', 'a b c', axis=1, **attributes)], [1, 5])
            self.assertEqual([shapes[name] for name in 'abc'], [(1, size) for size in sizes])

    def test_what_is_computed_from_shapes(self):
        """A Reshape to [N, 8 / 2, 0.51 x 9 x 8 rounded down, -1], the batch a symbol."""
        integer = {'to': 7}
        nodes = [
            node('Shape', 'x', 's'),
            node('Gather', 's zero', 'n'),
            node('Gather', 's one', 'c'),
            node('Slice', 's two_ four', 'hw'),
            node('Div', 'c two', 'half'),
            node('ReduceProd', 'hw', 'pixels'),
            node('Cast', 'pixels', 'f', to=1),
            node('Mul', 'f scale', 'scaled'),
            node('Floor', 'scaled', 'floor'),
            node('Cast', 'floor', 'count', **integer),
            *(node('Unsqueeze', name, f'{name}1', axes=[0]) for name in ('n', 'half')),
            node('Concat', 'n1 half1 count rest', 'shape', axis=0),
            node('Reshape', 'x shape', 'y'),
            node('Identity', 'y', 'z'),
        ]
        weights = [
            *(numbers(name, n, scalar=True) for name, n in (('zero', 0), ('one', 1), ('two', 2))),
            numbers('two_', 2),
            numbers('four', 4),
            numbers('rest', -1),
            numbers('scale', 0.51),
        ]
        shapes = follow(nodes, ['N', 8, 9, 8], weights)
        self.assertEqual(shapes['z'], (BATCH, 4, 36, 4))

    def test_a_batch_of_symbols(self):
        """64*batch is 64 a frame; unk__6 is not a batch of 6; nor is a shape of constants."""
        gemm = [node('Gemm', 'y v', 'o', 'f')]
        weights = [tensor('v', [5, 7])]
        for first, rows in (('64*batch', 64), ('batch*64', 64), ('batch', 1), (1, 1)):
            inputs = [value('x', ['batch', 3]), value('y', [first, 5])]
            self.assertEqual(net(gemm, inputs, weights)[0]['ifmap'], [5, rows, 1])
        nodes = [node('Odd', 'x', 'y'), *gemm]
        for first in ('unk__6', '64*other', 64, None):
            values = [value('y', [first, 5])]
            error = net(nodes, [value('x', ['batch', 3])], weights, values, status=1)
            self.assertIn('where the batch of the first input is batch; fix the', error)

    def test_input_gives_sizes_to_symbols(self):
        nodes = [node('Conv', 'x w', 'y'), node('Conv', 'z w', 'o')]
        inputs = [value('x', ['N', 3, 'H', 'W']), value('z', ['N', 3, '2*H', 'W'])]
        content = model(nodes, inputs, [KERNEL])
        result = extract('m.onnx', content, '--input', '3,12,14')
        sizes = [entry['ifmap'] for entry in json.loads(result.out)]
        self.assertEqual(sizes, [[3, 12, 14], [3, 24, 14]])

    def test_limits_on_results(self):
        for count, steps in (
            (7, [node('Unsqueeze', f'y{i}', f'y{i + 1}', axes=[0]) for i in range(12)]),
            (32, [node('Concat', f'y{i} y{i}', f'y{i + 1}', axis=1) for i in range(40)]),
        ):
            shapes = follow([node('Relu', 'x', 'y0'), *steps], [1, 2, 3])
            self.assertIsNotNone(shapes.get(f'y{count - 1}'))
            self.assertIsNone(shapes.get(f'y{count + 1}'))
        doubled = [node('Concat', f's{i} s{i}', f's{i + 1}', axis=0) for i in range(8)]
        shapes = follow([node('Shape', 'x', 's0'), *doubled, node('Reshape', 'x s8', 'y')], [1, 2])
        self.assertIsNone(shapes.get('y'))  # of 512 numbers, which are not kept


class Mutants(unittest.TestCase):
    """Small changes that once went unnoticed."""

    def test_a_batch_taken_from_an_initializer(self):
        inputs = [value('w', [8, 3, 3, 3]), value('x', [2, 3, 9, 9])]
        self.assertEqual(net([node('Conv', 'x w', 'y')], inputs)[0]['ofmap'], [8, 7, 7])

    def test_an_input_without_a_known_shape(self):
        error = net([node('Conv', 'x w', 'y')], [value('x')], status=1)
        self.assertIn("the shape of 'x' is not in the file; give the size", error)

    def test_conv_transpose_with_output_shape(self):
        weights = [tensor('w', [3, 5, 3, 3])]
        step = node('ConvTranspose', 'x w', 'y', strides=[2, 2], output_shape=[60, 40])
        self.assertEqual(net([step], weights=weights)[0]['ofmap'], [5, 60, 40])
        step = node('ConvTranspose', 'x w', 'y', strides=[2, 2], output_shape=[60, 0])
        self.assertIn('expected 2 integers, 1 or more', net([step], weights=weights, status=1))

    def caffe(self, text, last):
        text = f'input: "data" input_shape {{ dim: [1, 3, 32, 24] }} {text}'
        result = extract('n.prototxt', text + last)
        self.assertEqual(result.status, 0, result.err)
        return json.loads(result.out)[-1]['ifmap']

    def test_reshape_with_num_axes(self):
        """Only those dimensions are replaced: none before dimension 1, 3, 32, or 3 x 32."""
        probe = layer('c', 'Convolution', convolution(1, 1), 'x')
        merge = layer('x', 'Flatten', 'flatten_param { axis: 1 end_axis: 2 }', 'x', 'x')
        for parameters, more, shape in (
            ('axis: 1 num_axes: 0 shape { dim: 1 }', merge, [3, 32, 24]),
            ('axis: 2 num_axes: 1 shape { dim: 4 dim: 8 }', merge, [12, 8, 24]),
            ('axis: 1 num_axes: 2 shape { dim: 4 dim: 24 }', '', [4, 24, 24]),
            ('axis: -2 num_axes: 9 shape { dim: 24 }', '', [3, 32, 24]),
        ):
            text = layer('x', 'Reshape', f'reshape_param {{ {parameters} }}', 'data')
            self.assertEqual(self.caffe(text, more + probe), shape)

    def test_concat_looks_at_all_inputs(self):
        for bottoms in ('small', 'data small', 'small data', 'flat'):
            more = ''.join(f'bottom: "{bottom}" ' for bottom in bottoms.split())
            text = 'input: "data" input_shape { dim: [1, 3, 32, 24] } '
            text += layer('small', 'Input', 'input_param { shape { dim: [1, 3, 32, 23] } }')
            text += layer('flat', 'Flatten', '', 'data') + layer('x', 'Concat', more, 'data')
            result = extract('n.prototxt', text)
            self.assertEqual(result.status, 1, bottoms)
            self.assertIn('; expected the same but for dimension 1', result.err)

    def test_a_crop_without_one_of_height_and_width(self):
        """An image that is given a height and no width has no size; LeNet's is taken."""
        for given in ('new_height: 8', 'new_width: 8'):
            text = layer('x', 'ImageData', f'image_data_param {{ {given} }}')
            text += layer('c', 'Convolution', convolution(1, 1), 'x')
            net = json.loads(extract('n.prototxt', text).out)
            self.assertEqual(net[-1]['ifmap'], [1, 28, 28])


class Layers(unittest.TestCase):
    """What Caffe would not take: rows of a definition behind DATA, and what is said of it."""

    DATA = 'input: "data" input_shape { dim: [1, 4, 32, 24] } '
    ONE, TWO = 'bottom: "data" top: "x"', 'bottom: "data" top: "x" top: "y"'
    BOTH = 'bottom: "data" bottom: "data" top: "x"'
    MISTAKES = (
        ('Flatten', TWO, '', '2 tops; expected 1'),
        ('Concat', TWO, '', '2 tops; expected 1'),
        ('Reshape', TWO, 'reshape_param { shape { dim: -1 } }', '2 tops; expected 1'),
        ('Crop', TWO + ' bottom: "data"', '', '2 tops; expected 1'),
        ('ROIPooling', TWO, '', '1 bottoms; expected 2'),
        ('ReLU', TWO, '', '2 tops; expected 1'),
        ('Eltwise', TWO, '', '2 tops; expected 1'),
        ('InnerProduct', TWO, 'inner_product_param { num_output: 1 }', '2 tops; expected 1'),
        ('Convolution', BOTH, convolution(1, 1), '2 bottoms, but 1 tops; expected as many'),
        ('Pooling', TWO + ' top: "z"', '', '3 tops; expected 1 to 2'),
        ('Split', BOTH, '', '2 bottoms; expected 1'),
        ('Pooling', BOTH, '', '2 bottoms; expected 1'),
        ('Reshape', BOTH, '', '2 bottoms; expected 1'),
        ('Crop', ONE, '', '1 bottoms; expected 2'),
        ('Convolution', ONE, 'convolution_param { num_output: 4 kernel_size: 1 groups: 2 }',
         "convolution_param has no field 'groups'; choose from num_output", 'group,'),
        ('Convolution', ONE, 'convolution_param { num_output: 4 kernel_size: 1 strid: 2 }',
         "no field 'strid'; choose from"),
        ('Convolution', ONE, convolution(4, 1, more='axis: 2'), '"axis" is not that'),
        ('Pooling', ONE, 'pooling_param { kernel: 2 }', "pooling_param has no field 'kernel'"),
        ('InnerProduct', ONE, 'inner_product_param { num_output: 4 axes: 2 }', "'axes'; choose"),
        ('Reshape', ONE, 'reshape_param { dim: 0 }', "'dim'; choose from shape, axis, num_axes"),
        ('Reshape', ONE, 'reshape_param { shape { dims: 0 } }', "shape has no field 'dims'"),
        ('Reshape', ONE, 'reshape_param { shape { dim: 1 dim: 0 dim: 0 dim: 0 dim: 0 } }',
         'cannot reshape'),
        ('Slice', ONE, 'slice_param { slice_points: 1 }', "no field 'slice_points'"),
        ('Slice', TWO + ' top: "z"', 'slice_param { slice_point: 1 }', 'at [1] into 3 slices'),
        ('Slice', TWO, 'slice_param { slice_point: 4 }', 'cannot cut 4 at [4] into 2 slices'),
        ('Concat', ONE, 'concat_param { axes: 1 }', "no field 'axes'; choose from axis"),
        ('Crop', BOTH, 'crop_param { offsets: 1 }', "no field 'offsets'"),
        ('Flatten', ONE, 'flatten_param { start: 1 }', "no field 'start'"),
        ('ROIPooling', BOTH, 'roi_pooling_param { pool_h: 1 }', "no field 'pool_h'"),
        ('ROIPooling', BOTH, 'roi_pooling_param { pooled_h: 1 }', 'needs "pooled_w"; expected'),
        ('Eltwise', ONE, 'eltwise_param { op: SUM }', "no field 'op'"),
        ('Input', 'top: "x"', 'input_param { dim: 1 }', "input_param has no field 'dim'"),
        ('Input', 'top: "x"', 'input_param { shape { } }', 'a shape of 0 dimensions; expected'),
        ('Input', 'top: "x"', 'input_param { shape { dim: 4294967297 } }', 'most 4294967296'),
        ('DummyData', 'top: "x"', 'dummy_data_param { shape { } }', 'a shape of 0 dimensions'),
    )  # fmt: skip

    def test_mistakes(self):
        for type_, ends, parameters, *parts in self.MISTAKES:
            with self.subTest(type_, parameters=parameters):
                text = f'layer {{ name: "x" type: "{type_}" {ends} {parameters} }}'
                result = extract('n.prototxt', self.DATA + text)
                self.assertEqual((result.status, result.out), (1, ''))
                self.assertRegex(result.err, REMEDY)
                for part in parts:
                    self.assertIn(part, result.err)

    def test_a_type_that_has_macs_elsewhere(self):
        """FODLAM would want the MACs of an entry of the type MatMul."""
        text = self.DATA + layer(
            'f', 'InnerProduct', 'inner_product_param { num_output: 2 }', 'data'
        )
        result = extract('n.prototxt', text + layer('m', 'MatMul', 'bottom: "f"', 'f'))
        self.assertIn('left out, as FODLAM does not model it: whatever is in MatMul', result.err)
        self.assertEqual(json.loads(result.out)[-1], {'name': 'm', 'type': 'MatMul, not counted'})
        self.assertEqual(refusals(result.out), [])

    def test_concat_of_different_ranks(self):
        text = self.DATA + layer('flat', 'Flatten', '', 'data')
        result = extract('n.prototxt', text + layer('x', 'Concat', 'bottom: "flat"', 'data'))
        self.assertIn('inputs differ: [1, 4, 32, 24] and [1, 3072]; expected', result.err)

    def test_pooling_of_a_number(self):
        """A Reshape has taken all dimensions away."""
        start = 'input: "data" input_shape { dim: 1 dim: 1 } '
        start += layer('r', 'Reshape', 'reshape_param { axis: 0 num_axes: 2 }', 'data')
        for type_, parameters in (
            ('Pooling', 'pooling_param { kernel_size: 1 }'),
            ('ROIPooling', 'bottom: "data" roi_pooling_param { pooled_h: 1 pooled_w: 1 }'),
        ):
            result = extract('n.prototxt', start + layer('p', type_, parameters, 'r'))
            self.assertIn("'p'): the input is []; expected a batch of feature maps", result.err)

    def test_fields_of_real_definitions(self):
        more = (
            'group: 1 dilation: 1 weight_filler { type: "xavier" } bias_filler { } engine: CUDNN '
        )
        more += 'bias_term: false axis: 1 force_nd_im2col: false'
        text = self.DATA + layer('c', 'Convolution', convolution(4, 3, more=more), 'data')
        fc = 'inner_product_param { num_output: 4 bias_term: true weight_filler { } axis: 1 '
        text += layer('f', 'InnerProduct', f'{fc} bias_filler {{ }} transpose: true }}', 'c')
        pool = 'pooling_param { pool: AVE kernel_size: 2 engine: CAFFE round_mode: CEIL }'
        result = extract('n.prototxt', text + layer('p', 'Pooling', pool, 'c'))
        self.assertEqual((result.status, result.err), (0, ''))

    def test_ranks_and_values_stay_few(self):
        """Reshape with num_axes 0 adds dimensions, and each top of a Split could be any bottom."""
        text = self.DATA
        for index in range(20):
            parameters = 'reshape_param { num_axes: 0 shape { dim: 1 dim: 1 } }'
            text += layer(str(index), 'Reshape', parameters, str(index - 1) if index else 'data')
        result = extract('n.prototxt', text)
        self.assertIn("(Reshape '3'): a shape of 12 dimensions; expected at most 10", result.err)

    def test_activation_written_out(self):
        text = self.DATA + layer('c', 'Convolution', convolution(4, 1), 'data')
        text += layer('s', 'Sigmoid', '', 'c')
        text += layer('m', 'Eltwise', 'bottom: "s" eltwise_param { operation: PROD }', 'c')
        text += layer('p', 'Pooling', 'pooling_param { global_pooling: true }', 'm')
        entry = json.loads(extract('n.prototxt', text).out)[1]
        self.assertEqual(entry['stored'], [4, 1, 1])

    def test_fuzz(self):
        good = self.DATA + layer('c', 'Convolution', convolution(4, 3, 2, 1, 'group: 2'), 'data')
        for type_, parameters in (
            ('Pooling', 'pooling_param { kernel_size: 2 stride: 2 }'),
            ('Slice', 'top: "s2" slice_param { axis: 1 slice_point: 2 }'),
            ('Concat', 'bottom: "Slice" concat_param { axis: 2 }'),
            ('Reshape', 'reshape_param { shape { dim: 0 dim: -1 dim: 3 dim: 4 } }'),
            ('Deconvolution', convolution(3, 3, 2)),
            ('Crop', 'bottom: "Reshape" crop_param { axis: 2 offset: 1 }'),
            ('Eltwise', 'bottom: "Crop"'),
            ('Split', ''),
            ('ROIPooling', 'bottom: "data" roi_pooling_param { pooled_h: 2 pooled_w: 3 }'),
            ('Flatten', 'flatten_param { axis: 1 end_axis: 2 }'),
            ('InnerProduct', 'inner_product_param { num_output: 5 axis: 1 }'),
        ):
            good += layer(type_, type_, parameters, re.findall('top: "(.*?)"', good or '')[-1])
        good = good.encode()
        self.assertEqual(extract('n.prototxt', good).status, 0, extract('n.prototxt', good).err)
        bits = (
            b'{ } " -1 0 999999999 4294967296 [ ] < # \xff top: bottom: axis: dim: x 1 2 3'.split()
        )
        failed = 0
        for seed in range(2500):
            rng = random.Random(seed)
            text = good
            for _ in range(rng.randint(1, 3)):
                spans = [match.span() for match in re.finditer(rb'[\w.-]+|[^\s\w]', text)]
                start, end = rng.choice(spans)
                text = text[:start] + rng.choice((b'', rng.choice(bits), b'7')) + text[end:]
            failed += is_refused(self, extract('n.prototxt', text), seed)
        self.assertTrue(1000 < failed < 2500, failed)


class Products(unittest.TestCase):
    def test_einsum(self):
        for equation, x, y, expected in (
            ('bhqd,bhkd->bhqk', [1, 4, 7, 8], [1, 4, 9, 8], ('MatMul', 4, 7, 8, 9)),
            ('bqhd,bkhd->bhqk', [1, 7, 4, 8], [1, 9, 4, 8], ('MatMul', 4, 7, 8, 9)),
            ('bij, bjk -> bik', [1, 7, 8], [1, 8, 9], ('MatMul', 1, 7, 8, 9)),
        ):
            nodes = [node('Einsum', 'x y', 'z', equation=equation)]
            (entry,) = net(nodes, [value('x', x), value('y', y)], [])
            type_, heads, m, k, n = expected
            self.assertEqual((entry['type'], entry.get('groups', 1)), (type_, heads))
            self.assertEqual(
                (entry['ifmap'], entry['ofmap']), ([heads * k, m, 1], [heads * n, m, 1])
            )
            self.assertEqual(entry['macs'], heads * m * k * n)
        nodes = [node('Einsum', 'x v', 'z', equation='bsd,dhk->bshk')]
        (entry,) = net(nodes, [value('x', [1, 7, 8])], [tensor('v', [8, 4, 5])])
        self.assertEqual((entry['type'], entry['macs']), ('InnerProduct', 7 * 8 * 20))

    def test_einsum_that_is_no_product_of_two(self):
        conv = node('Conv', 'x w', 'y')
        for equation in (
            '...ij,...jk->...ik',
            'bchw,bchw->bc,x',
            'bchw,bchw->bchwx',
            'bccw,bchw->bchw',
        ):
            content = model(
                [conv, node('Einsum', 'x x', 'z', equation=equation)], [IMAGE], [KERNEL]
            )
            result = extract('m.onnx', content)
            self.assertIn(
                'left out, as FODLAM does not model it: whatever is in Einsum', result.err
            )

    def test_attention(self):
        """Two products; 8 heads of queries share 2 of keys and values."""
        inputs = [value('q', [1, 8, 5, 16]), value('k', [1, 2, 7, 16]), value('v', [1, 2, 7, 24])]
        first, second = net([node('Attention', 'q k v', 'y', 'a')], inputs, [])
        self.assertEqual([first['name'], second['name']], ['a', 'a#2'])
        self.assertEqual((first['groups'], first['macs']), (8, 8 * 5 * 16 * 7))
        self.assertEqual((second['groups'], second['macs']), (8, 8 * 5 * 7 * 24))
        inputs = [value('q', [1, 5, 128]), value('k', [1, 7, 32]), value('v', [1, 7, 48])]
        heads = {'q_num_heads': 8, 'kv_num_heads': 2}
        flat = net([node('Attention', 'q k v', 'y', 'a', **heads)], inputs, [])
        self.assertEqual(flat, [first, second])

    def test_attention_of_odd_ranks(self):
        for dims in ([], [1, 2], [1, 2, 3, 4, 5]):
            inputs = [value('i', [1, 1]), *(value(name, dims) for name in 'qkv')]
            error = net([node('Attention', 'q k v', 'y', 'a')], inputs, [], status=1)
            self.assertIn('; expected 3 or 4 dimensions each', error)

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
            weights = [KERNEL, numbers('zero', 0)]
            entries = net([step, node('Conv', 'x w', 'z')], weights=weights)
            self.assertEqual(entries[0]['ofmap'], [8, 30, 22])

    def test_a_tensor_where_integers_should_be(self):
        error = net([node('Conv', 'x w', 'y', 'c', pads=numbers('', 1))], status=1)
        self.assertIn('"pads" is a tensor', error)
        self.assertIn('; expected 4 integers, 0 or more', error)

    def test_quantised_operators_are_like_their_plain_ones(self):
        constants = [tensor(name, [1]) for name in 's z'.split()]
        plain = net([node('Conv', 'x w', 'y', 'n', strides=[2, 2])])
        domain = field(7, 'com.microsoft')
        for step in (
            node('QLinearConv', 'x s z w s z s z', 'y', 'n', strides=[2, 2]),
            node('ConvInteger', 'x w', 'y', 'n', strides=[2, 2]),
            node('FusedConv', 'x w', 'y', 'n', strides=[2, 2]) + domain,
        ):
            self.assertEqual(net([step], weights=[KERNEL, *constants]), plain)
        inputs, weights = [value('x', [1, 7, 50])], [tensor('w', [50, 10]), *constants]
        plain = net([node('MatMul', 'x w', 'y', 'n')], inputs, weights)
        for step in (
            node('MatMulInteger', 'x w', 'y', 'n'),
            node('QLinearMatMul', 'x s z w s z s z', 'y', 'n'),
        ):
            self.assertEqual(net([step], inputs, weights), plain)

    def test_a_fused_conv_that_adds_another_feature_map(self):
        other = node('Conv', 'x w', 'z', 'first')
        step = node('FusedConv', 'x w b z', 'y', 'second') + field(7, 'com.microsoft')
        first, second = net([other, step], weights=[KERNEL, tensor('b', [8])])
        self.assertNotIn('addend', first)
        self.assertIs(second['addend'], True)


class Exporters(unittest.TestCase):
    def test_names(self):
        """An exporter's own names give way to those of the weights, also by way of a Transpose."""
        weights = [tensor('layer1.0.conv1.weight', [8, 3, 3, 3]), tensor('fc.weight', [10, 5])]
        nodes = [
            node('Conv', 'x layer1.0.conv1.weight', 'a', 'node_Conv_754'),
            node('Conv', 'x layer1.0.conv1.weight', 'b'),
            node('Conv', 'x layer1.0.conv1.weight', 'c', '/conv1/Conv'),
            node('Transpose', 'fc.weight', 't', 'node_t'),
            node('MatMul', 'f t', 'd', 'node_linear'),
            node('MatMul', 'f val_3', 'e', 'node_linear_1'),
        ]
        inputs = [IMAGE, value('f', [1, 5])]
        names = [e['name'] for e in net(nodes, inputs, [*weights, tensor('val_3', [5, 10])])]
        conv = 'layer1.0.conv1'
        self.assertEqual(names, [conv, f'{conv}#2', '/conv1/Conv', 'fc', 'node_linear_1'])

    def conv(self, *nodes, **keywords):
        first = node('Conv', 'x w', 'y', 'c', pads=[1] * 4)
        weights = [KERNEL, numbers('hw', 2, 3), tensor('k', [1]), numbers('minus', -1, -2)]
        return net([first, *nodes], weights=weights, **keywords)[0]

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
        entry = net([first, *nodes], [IMAGE, value('x8', [1, 8, 30, 22])])[0]
        self.assertIs(entry['addend'], True)

    def test_a_mean_over_height_and_width_is_a_global_pooling(self):
        """As by the exporters' old and new ways of ResNet-50."""
        old = extract('m.onnx', model([node('Conv', 'x w', 'y', 'c'),
                                       node('GlobalAveragePool', 'y', 'p', 'p')], [IMAGE], [KERNEL]))  # fmt: skip
        for axes in ((2, 3), (-1, -2)):
            mean = [node('Conv', 'x w', 'y', 'c'), node('ReduceMean', 'y axes', 'p', 'p')]
            content = model(mean, [IMAGE], [KERNEL, numbers('axes', *axes)])
            self.assertEqual(extract('m.onnx', content), old)
        for axes in ((1,), (1, 2, 3), (2,)):
            mean = [node('Conv', 'x w', 'y', 'c'), node('ReduceMean', 'y axes', 'p', 'p')]
            self.assertNotIn('stored', net(mean, weights=[KERNEL, numbers('axes', *axes)])[0])

    def test_both_exporters_give_the_same_net_file(self):
        """The end of a ResNet: two names for weights, for pooling, for what makes it flat."""
        conv, end = 'Conv', node('Gemm', 'f v', 'o', 'fc')
        old = [
            node('Identity', 'w', 'w2', 'identity'),
            node(conv, 'x w2', 'y', 'c'),
            node('GlobalAveragePool', 'y', 'p', 'p'),
            node('Flatten', 'p', 'f', 'f'),
        ]
        new = [
            node(conv, 'x w', 'y', 'c'),
            node('ReduceMean', 'y hw', 'p', 'p'),
            node('Reshape', 'p flat', 'f', 'f'),
        ]
        weights = [KERNEL, tensor('v', [8, 5]), numbers('hw', -1, -2), numbers('flat', 1, 8)]
        files = [extract('m.onnx', model([*n, end], [IMAGE], weights)) for n in (old, new)]
        self.assertEqual(files[0], files[1])
        types = [entry['type'] for entry in json.loads(files[0].out)]
        self.assertEqual(types, ['Convolution', 'GlobalAveragePool', 'Flatten', 'InnerProduct'])

    def test_no_inputs_but_a_body(self):
        body = fields(2, ['z']) + field(4, 'If') + field(5, field(1, 'then_branch') + field(6, b''))
        values = [value('z', [1, 3, 9, 9])]
        nodes = [body, node('Conv', 'z w', 'y', 'c')]
        self.assertEqual(net(nodes, [], (KERNEL,), values)[0]['ofmap'], [8, 7, 7])

    def test_an_input_without_a_batch(self):
        nodes = [node('Reshape', 'x dims', 'y'), node('Conv', 'y w', 'z')]
        weights = [KERNEL, numbers('dims', 1, 3, 32, 24)]
        error = net(nodes, [value('x', [3, 32, 24])], weights, status=1)
        self.assertIn('the first input is [3, 32, 24], without a batch; give --batch 1', error)
        self.assertIn('[1, 3, 32, 24]', error)

    def test_no_macs(self):
        for nodes, said in (
            ([node('Relu', 'x', 'y')], 'expected convolutional or fully-connected layers'),
            (
                [node('DeformConv', 'x', 'y')],
                'left out, as FODLAM does not model it: whatever is in DeformConv',
            ),
        ):
            error = net(nodes, status=1)
            self.assertEqual(error, f'extract.py: m.onnx: no layer with MACs; {said}\n')

    def test_weights_made_from_a_shape(self):
        """As in the models of the zoo that the package onnx ships without weights."""
        nodes = [node('ConstantOfShape', 'dims', 'v'), node('Conv', 'x v', 'y', 'c')]
        made = net(nodes, weights=[numbers('dims', 8, 3, 3, 3)])
        self.assertEqual(made, net([node('Conv', 'x w', 'y', 'c')]))

    def test_vectors_among_the_inputs_are_weights(self):
        inputs = [value('bias', [8]), value('w', [8, 3, 3, 3]), IMAGE]
        nodes = [node('Conv', 'x w bias', 'y', 'c')]
        self.assertEqual(net(nodes, inputs, []), net([node('Conv', 'x w', 'y', 'c')]))

    def test_the_line_that_mends_a_file(self):
        """It writes another file; it is not offered for a file that has shapes, but not enough."""
        nodes = [node('Odd', 'x', 'z'), node('Conv', 'z w', 'y', 'c')]
        code = shlex.split(net(nodes, status=1).partition('run: ')[2])[2]
        for part in ('load_external_data=False', '".shapes.onnx"', '[1, 3, 32, 24]'):
            self.assertIn(part, code)
        values = [value('z', [1, 3, 'unk__4', 'unk__5'])]
        error = net(nodes, (IMAGE,), (KERNEL,), values, status=1)
        self.assertIn("'z' is symbolic, [1, 3, unk__4, unk__5]; export the model", error)
        for part in ('dynamo=True', 'fixed sizes', 'onnxsim'):
            self.assertIn(part, error)


class Script(unittest.TestCase):
    @unittest.skipUnless(hasattr(signal, 'SIGKILL'), 'no such signals here; run it on Linux')
    def test_ctrl_c_during_imports(self):
        """A module that is imported stops the process as Ctrl-C would: no traceback."""
        with tempfile.TemporaryDirectory() as folder:
            with open(path(folder, 'argparse.py'), 'w', encoding='utf-8') as file:
                file.write('import os, signal; os.kill(os.getpid(), signal.SIGINT)')
            command = [sys.executable, path('nets', 'extract.py'), '--help']
            environment = {**os.environ, 'PYTHONPATH': folder}
            done = subprocess.run(command, capture_output=True, text=True, env=environment)
            found = done.returncode, done.stdout, done.stderr
            self.assertEqual(found, (-signal.SIGINT, '', ''))

    def test_loads_what_it_needs(self):
        """The rooms of one format, each once, and the program itself just as __main__."""
        script = 'import runpy, sys; sys.argv[1:] = sys.argv[2:]; '
        script += f'sys.path[0] = {path("nets")!r}; import os; os._exit = lambda status: None; '
        script += f'runpy.run_path({path("nets", "extract.py")!r}, run_name="__main__"); '
        script += 'print("loaded", *sys.modules)'
        text = layer('c', 'Convolution', convolution(8, 3), 'x')
        text = f'input: "x" input_shape {{ dim: [1, 3, 9, 9] }} {text}'.encode()
        onnx = model([node('Conv', 'x w', 'y', 'c')], [IMAGE], [KERNEL])
        shared = {'layers', 'network', 'fusing'}
        shipped = [name.removesuffix('.py') for name in os.listdir(path('nets'))]
        for name, content, rooms in (
            ('m.prototxt', text, {'caffe', 'prototxt'}),
            ('m.onnx', onnx, {room for room in shipped if room.startswith('onnx_')}),
        ):
            with tempfile.TemporaryDirectory() as folder:
                with open(path(folder, name), 'wb') as file:
                    file.write(content)
                command = [sys.executable, '-c', script, '', path(folder, name)]
                done = subprocess.run(command, capture_output=True, text=True)
            self.assertEqual(done.stderr, '')
            loaded = done.stdout.partition('loaded')[2].split()
            found = {module for module in loaded if module.startswith('fodlam.nets.')}
            self.assertEqual(found, {f'fodlam.nets.{room}' for room in rooms | shared})
            self.assertFalse({*rooms, *shared, 'extract'}.intersection(loaded))

    def test_by_way_of_a_link(self):
        with tempfile.TemporaryDirectory() as folder:
            link = path(folder, 'extract')
            try:
                os.symlink(path('nets', 'extract.py'), link)
            except OSError:
                self.skipTest('no links here; run as a user who may make them')
            done = subprocess.run([sys.executable, link, '--help'], capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr), (0, ''))


class Names(unittest.TestCase):
    """What the extractor calls itself: as it is run."""

    def run_installed(self, *argv):
        """Return the Result of the command fodlam-extract with some arguments."""
        with mock.patch('fodlam.nets.extract.command') as command:
            extractor.extract_command()
        run_as, program = command.call_args.args
        main = functools.partial(fodlam.main, run=run_as, program=program)
        return call(main, argv)

    def test_version(self):
        version = fodlam.__version__
        self.assertEqual(self.run_installed('--version'), (0, f'fodlam-extract {version}\n', ''))
        result = call(extractor.main, ['--version'])
        self.assertEqual(result, (0, f'extract.py {version}\n', ''))

    def test_help(self):
        out = self.run_installed('--help').out
        self.assertIn('usage: fodlam-extract [', out)
        self.assertIn('\n  fodlam-extract lenet.prototxt --output lenet.json\n', out)
        self.assertNotIn('extract.py', out)
        out = call(extractor.main, ['--help']).out
        self.assertIn('usage: extract.py [', out)
        self.assertIn('\n  python3 nets/extract.py lenet.prototxt --output nets/lenet.json\n', out)

    def test_messages(self):
        for argv, said in (
            ((), 'arguments: no model; expected a .prototxt or .onnx file; see {} --help'),
            (
                ('--outptu', 'x'),
                'arguments: unknown option --outptu; did you mean --output? see {} --help',
            ),
            (('--hlp',), 'arguments: unknown option --hlp; did you mean --help? see {} --help'),
            (
                ('a.onnx', 'b.onnx'),
                'arguments: too many: b.onnx; see {} --help',
            ),
        ):
            for program, result in (
                ('fodlam-extract', self.run_installed(*argv)),
                ('extract.py', call(extractor.main, argv)),
            ):
                self.assertEqual(result, (2, '', f'{program}: {said.format(program)}\n'))


SMALL = 'input: "x" input_shape { dim: 1 dim: 3 dim: 9 dim: 9 }\n'
SMALL += layer('c', 'Convolution', convolution(8, 3), 'x')


class Output(unittest.TestCase):
    """--output: a net file that is there whole, or not at all."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.out = path(folder.name, 'net.json')

    def write(self, text):
        with open(self.out, 'w', encoding='utf-8') as file:
            file.write(text)

    def content(self):
        with open(self.out, encoding='utf-8') as file:
            return file.read()

    def test_is_what_goes_to_stdout(self):
        text = 'input: "x" input_shape { dim: 1 dim: 3 dim: 9 dim: 9 }\n'
        text += layer('c', 'Convolution', convolution(8, 3), 'x')
        expected = extract('m.prototxt', text)
        self.assertEqual(extract('m.prototxt', text, '--output', self.out), (0, '', expected.err))
        with open(self.out, encoding='utf-8') as file:
            self.assertEqual(file.read(), expected.out)

    def test_a_wrong_model_leaves_what_was_there(self):
        for before in (None, 'before'):
            if before:
                with open(self.out, 'w', encoding='utf-8') as file:
                    file.write(before)
            result = extract('m.prototxt', 'layer {', '--output', self.out)
            self.assertEqual((result.status, result.out), (1, ''))
            self.assertEqual(os.listdir(os.path.dirname(self.out)), ['net.json'] if before else [])

    def test_where_nothing_can_be_written(self):
        text = 'input: "x" input_shape { dim: 1 dim: 3 dim: 9 dim: 9 }\n'
        text += layer('c', 'Convolution', convolution(8, 3), 'x')
        for name in (path(self.out, 'no', 'such'), '/a\0b', os.path.dirname(self.out)):
            result = extract('m.prototxt', text, '--output', name)
            self.assertEqual((result.status, result.out), (1, ''))
            self.assertRegex(result.err, r'\Aextract.py: [^\n]+; expected a path[^\n]*\n\Z')

    def test_the_model_is_not_overwritten(self):
        text = 'input: "x" input_shape { dim: 1 dim: 3 dim: 9 dim: 9 }\n'
        text += layer('c', 'Convolution', convolution(8, 3), 'x')
        model, link = f'{self.out}.prototxt', f'{self.out}.link'
        with open(model, 'w', encoding='utf-8') as file:
            file.write(text)
        os.link(model, link)
        for name in (model, link):
            result = call(extractor.main, [model, '--output', name])
            self.assertEqual((result.status, result.out), (1, ''))
            self.assertIn('it is the model; expected another path', result.err)
            with open(model, encoding='utf-8') as file:
                self.assertEqual(file.read(), text)

    def test_a_link_is_followed_and_nothing_else_touched(self):
        text = 'input: "x" input_shape { dim: 1 dim: 3 dim: 9 dim: 9 }\n'
        text += layer('c', 'Convolution', convolution(8, 3), 'x')
        link = f'{self.out}.link'
        os.symlink(self.out, link)
        with open(f'{self.out}.new', 'w', encoding='utf-8') as file:
            file.write('of the user')
        self.assertEqual(extract('m.prototxt', text, '--output', link).status, 0)
        self.assertTrue(os.path.islink(link))
        with open(self.out, encoding='utf-8') as file:
            self.assertEqual(file.read(), extract('m.prototxt', text).out)
        with open(f'{self.out}.new', encoding='utf-8') as file:
            self.assertEqual(file.read(), 'of the user')
        names = sorted(os.listdir(os.path.dirname(self.out)))
        self.assertEqual(names, ['net.json', 'net.json.link', 'net.json.new'])

    def test_keeps_the_mode(self):
        self.write('before')
        os.chmod(self.out, 0o640)
        self.assertEqual(extract('m.prototxt', SMALL, '--output', self.out).status, 0)
        self.assertEqual(stat.S_IMODE(os.stat(self.out).st_mode), 0o640)
        self.assertNotEqual(self.content(), 'before')

    def test_what_would_lose_something_is_refused(self):
        for prepare, said in (
            (lambda: os.chmod(self.out, 0o444), 'it may not be written'),
            (lambda: os.link(self.out, f'{self.out}.other'), 'another name, a hard link'),
        ):
            self.write('before')
            prepare()
            result = extract('m.prototxt', SMALL, '--output', self.out)
            self.assertEqual((result.status, result.out, self.content()), (1, '', 'before'))
            self.assertIn(said, result.err)
            os.remove(self.out)

    def test_a_long_name(self):
        name = path(os.path.dirname(self.out), 'n' * 250)
        self.assertEqual(extract('m.prototxt', SMALL, '--output', name).status, 0)
        self.assertEqual(os.listdir(os.path.dirname(self.out)), ['n' * 250])

    @unittest.skipUnless(hasattr(os, 'mkfifo'), 'no pipes with names here; run it on Linux')
    def test_to_pipes_and_devices(self):
        expected = extract('m.prototxt', SMALL).out
        os.mkfifo(self.out)
        reader = os.open(self.out, os.O_RDONLY | os.O_NONBLOCK)
        self.assertEqual(extract('m.prototxt', SMALL, '--output', self.out).status, 0)
        self.assertEqual(os.read(reader, 65536).decode(), expected)
        os.close(reader)
        self.assertEqual(extract('m.prototxt', SMALL, '--output', os.devnull).status, 0)

    @unittest.skipUnless(os.path.exists('/dev/stdout'), 'no /dev/stdout here; run it on Linux')
    def test_to_dev_stdout(self):
        """What was in the file that stdout leads to stays."""
        model = f'{self.out}.prototxt'
        with open(model, 'w', encoding='utf-8') as file:
            file.write(SMALL)
        self.write('before\n')
        command = [sys.executable, path('nets', 'extract.py'), model, '--output', '/dev/stdout']
        with open(self.out, 'a', encoding='utf-8') as file:
            subprocess.run(command, stdout=file, check=True)
        self.assertEqual(self.content(), 'before\n' + extract('m.prototxt', SMALL).out)

    @unittest.skipUnless(hasattr(signal, 'SIGHUP'), 'no such signals here; run it on Linux')
    def test_signals_leave_no_temporary_file(self):
        """Each comes while the file is written, and ends the process once it is whole."""
        model = f'{self.out}.prototxt'
        with open(model, 'w', encoding='utf-8') as file:
            file.write(SMALL)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            script = (
                f'import os, runpy, sys; sys.argv[1:] = [{model!r}, "--output", {self.out!r}]\n'
            )
            script += 'replace = os.replace\n'
            script += f'def killed(*names): os.kill(os.getpid(), {int(number)}); replace(*names)\n'
            script += 'os.replace = killed\n'
            script += f'runpy.run_path({path("nets", "extract.py")!r}, run_name="__main__")'
            done = subprocess.run(
                [sys.executable, '-c', script], stderr=subprocess.PIPE,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            )  # fmt: skip
            self.assertEqual((done.returncode, done.stderr), (-number, b''))
            names = sorted(os.listdir(os.path.dirname(self.out)))
            self.assertEqual(names, ['net.json', 'net.json.prototxt'])

    def test_an_interrupt_that_does_not_wait(self):
        with (
            mock.patch('os.replace', side_effect=KeyboardInterrupt),
            self.assertRaises(KeyboardInterrupt),
        ):
            extract('m.prototxt', SMALL, '--output', self.out)
        self.assertEqual(os.listdir(os.path.dirname(self.out)), [])


class Fuzz(unittest.TestCase):
    def good(self):
        """Return a model with an operator of every kind."""
        nodes = [
            node('Conv', 'x w', 'c1', '', strides=[2, 2], pads=[1, 1, 1, 1], group=1),
            node('Sigmoid', 'c1', 's1'),
            node('Mul', 'c1 s1', 'a1'),
            node('MaxPool', 'a1', 'p1', kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
            node('QLinearConv', 'p1 sc sc w2 sc sc sc sc', 'c2', 'q', pads=[1, 1, 1, 1]),
            node('Add', 'c2 p1', 'a2'),
            node('ReduceMean', 'a2 hw', 'gp', keepdims=1),
            node('Reshape', 'gp flat', 'fl'),
            node('Gemm', 'fl v', 'o', 'fc', transB=1),
            node('Shape', 'a2', 'sh'),
            node('Gather', 'sh zero', 'n0', axis=0),
            node('Unsqueeze', 'n0 zeros', 'n1'),
            node('Concat', 'n1 rest', 'full', axis=0),
            node('Reshape', 'a2 full', 'tok'),
            node('Transpose', 'tok', 'tt', perm=[0, 2, 1]),
            node('MatMul', 'tt tok', 'qk', 'qk'),
            node('Einsum', 'qk tt', 'av', 'av', equation='bij,bjk->bik'),
            node('Split', 'tt', 'k1 k2', axis=2),
            node('Slice', 'a2 zeros four hw2', 'sl'),
            node('Pad', 'a2 pads', 'pd'),
            node('Squeeze', 'gp hw', 'sqz'),
            node('Resize', 'a2 sc sc sizes', 'rz'),
            node('Attention', 'a4 a4 a4', 'att', 'att'),
            node('Expand', 'n1 n1', 'ex'),
            node('Range', 'zero four0 one', 'rg'),
            node('ConvTranspose', 'a2 wt', 'ct', 'ct', strides=[2, 2]),
        ]
        shapes = {'w': [8, 3, 3, 3], 'w2': [8] * 2 + [3] * 2, 'v': [10, 8], 'wt': [8, 4, 2, 2]}
        constants = {'hw': (2, 3), 'flat': (-1, 8), 'zeros': (0,), 'rest': (8, -1), 'four': (4,)}
        constants |= {'hw2': (2,), 'pads': (0, 0, 1, 1) * 2, 'sizes': (1, 8, 5, 6)}
        weights = [
            *(tensor(name, dims) for name, dims in shapes.items()),
            tensor('sc', [1]),
            *(numbers(name, *content) for name, content in constants.items()),
            *(numbers(k, n, scalar=True) for k, n in (('zero', 0), ('one', 1), ('four0', 4))),
        ]
        inputs = [value('x', ['N', 3, 32, 24]), value('a4', ['N', 2, 7, 8])]
        values, outputs = [value('a2', [1, 8, 8, 6])], [value('o', ['N', 10])]
        return model(nodes, inputs, weights, values, outputs)

    def test_every_message_has_a_remedy_and_every_net_file_is_accepted(self):
        good = self.good()
        self.assertEqual(extract('m.onnx', good).status, 0)
        failed = count_refused(self, good, variants=3000)
        self.assertTrue(1000 < failed < 2900, failed)


class Limits(unittest.TestCase):
    """Limits that stop attacks, made small here."""

    def test_limits(self):
        layers = 'layer { name: "a" type: "b" top: "a" } ' * 3
        relu = model([node('Relu', 'x', 'y')], [IMAGE])
        relus = model([node('Relu', 'x', 'y')] * 2, [IMAGE])
        many = model([node('Sum', 'x x x x', 'y')], [IMAGE])
        for limit, size, name, content, said in (
            ('prototxt.MAX_TOKENS', 10, 'n.prototxt', layers, 'more than 10 words and marks'),
            ('caffe.MAX_PROTOTXT_BYTES', 10, 'n.prototxt', layers, 'too large'),
            ('prototxt.MAX_DEPTH', 2, 'n.prototxt', 'a { b { c { } } }', 'more than 2 braces'),
            ('onnx_file.MAX_NODES', 1, 'm.onnx', relus, 'than 1 nodes'),
            ('onnx_file.MAX_REPEATED', 3, 'm.onnx', many, 'than 3 in'),
            ('onnx_file.MAX_NAME_BYTES', 3, 'm.onnx', relu, 'names of'),
            ('onnx_file.MAX_FIELDS', 3, 'm.onnx', relu, 'than 3 fields'),
        ):
            with self.subTest(limit), mock.patch(f'fodlam.nets.{limit}', size):
                result = extract(name, content)
                self.assertEqual(result.status, 1)
                self.assertIn(said, result.err)
                self.assertRegex(result.err, REMEDY)


if __name__ == '__main__':
    unittest.main()
