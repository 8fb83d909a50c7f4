"""Mistakes in ONNX models: each is one line on stderr that says where, and nothing on stdout."""

import unittest

from extracted_onnx import (
    IMAGE,
    KERNEL,
    LARGE_IMAGE,
    LARGE_KERNEL,
    OnnxCase,
    error_of,
    foreign,
    result_of,
)  # fmt: skip
from onnx_encoder import field, fields, node, numbers, tensor, value


def unread(type_):
    """Return a node that reads "y" and has no outputs."""
    return fields(1, ['y', 'w']) + field(4, type_)


class Mistakes(OnnxCase):
    """What cannot be: rows of a model and of what is said of it."""

    def test_convolutions(self):
        """Of an input of some dims by weights of others, with some attributes."""
        place = "(Conv 'c')"
        large, kernel = [1, 3, 32, 24], [8, 3, 3, 3]
        same = {'auto_pad': 'SAME_UPPER'}
        for dims, weights, attributes, *parts in (
            (None, kernel, {}, place, '--input C,H,W'),
            ([1, 3, 'H', 'W'], kernel, {}, place, 'symbolic', '--input C,H,W'),
            ([1, 3, 0, 9], kernel, {}, 'symbolic, [1, 3, 0, 9]; give the size'),
            ([1, 3, -5, 9], kernel, {}, "the shape of 'x' is [1, 3, -5, 9]; expected 1 or more"),
            (
                [1, 3, 2, 9],
                kernel,
                {},
                'kernel of 3 with stride 1 does not fit 2 + 0; expected a smaller kernel',
            ),
            ([1, 4, 9, 9], kernel, {}, 'for 3 channels'),
            (large, [8, 3], {}, 'expected 4 dimensions'),
            ([1, 3], [8, 3], {}, 'expected 3 or 4 dimensions'),
            (large, [8, 3, 0, 3], {}, 'expected 1 or more'),
            ([], [], {}, 'expected a batch'),
            ([4], [4], {}, 'expected a batch'),
            ([1, 3, 2**32, 2**32], kernel, same, 'MACs of more than 9223372036854775807'),
            ([1, 3, 2**33, 9], kernel, same, 'sizes of more than 4294967296'),
            (large, kernel, {'strides': [0, 1]}, '"strides" is [0, 1]; expected 2 integers'),
            (large, kernel, {'strides': [1]}, '"strides" is [1]; expected 2 integers'),
            (large, kernel, {'pads': [1]}, '"pads" is [1]; expected 4'),
            (large, kernel, {'pads': [-1] * 4}, '"pads" is [-1, -1, -1, -1]; expected 4'),
            (large, kernel, {'group': 0}, '"group" is [0]; expected an integer'),
            (large, kernel, {'auto_pad': 'FULL'}, '"auto_pad" is \'FULL\'; expected one of'),
            (large, kernel, {'kernel_shape': [5, 5]}, '"kernel_shape"'),
        ):
            with self.subTest(parts):
                nodes = [node('Conv', 'x w', 'y', 'c', **attributes)]
                inputs, kernels = [value('x', dims)], [tensor('w', weights)]
                self.refused(nodes, inputs, kernels, 'm.onnx, byte ', *parts)

    def test_three_dimensions(self):
        inputs, kernels = [value('x', [1, 3, 9, 9, 9])], [tensor('w', [8, 3, 3, 3, 3])]
        error = error_of([node('Conv', 'x w', 'y', 'c')], inputs, kernels)
        said = (
            '3-D feature maps are not modelled; this one is [1, 3, 9, 9, 9], expected [N, C, H, W]'
        )
        self.assertIn(said, error)

    def test_nodes(self):
        conv = node('Conv', 'x w', 'y', 'c')
        cycle = [node('Conv', 'z w', 'y', 'c'), node('Relu', 'y', 'z')]
        odd = [node('Odd', 'x', 'z'), node('Conv', 'z w', 'y', 'c')]
        for nodes, *parts in (
            ([node('Conv', 'x nope', 'y', 'c')], "(Conv 'c'): reads 'nope', which nothing makes"),
            (cycle, "reads 'y', which is made of what it makes itself", 'nodes without cycles'),
            ([node('Relu', 'x', 'x')], "'x' is made twice"),
            ([node('Conv', 'x', 'y', 'c')], "(Conv 'c'): 1 inputs; expected two"),
            ([node('MatMul', 'x', 'y', 'f')], "(MatMul 'f'): 1 inputs; expected two"),
            (odd, "(Conv 'c'): the shape of 'z' is not in", 'run: python3 -c '),
            ([conv, unread('Relu')], 'no outputs; expected one'),
            ([conv, unread('MaxPool')], 'no outputs; expected one'),
            ([conv, unread('Conv')], 'no outputs; expected one'),
            ([conv, unread('MatMul')], 'no outputs; expected one'),
        ):
            with self.subTest(parts):
                self.refused(nodes, [LARGE_IMAGE], [LARGE_KERNEL], 'm.onnx, byte ', *parts)

    def test_matrices(self):
        for type_, dims, weights, said in (
            ('Gemm', [1, 4], [5, 6], "(Gemm 'f'): cannot multiply [1, 4] by [5, 6]; expected"),
            ('Gemm', [4], [5, 6], '2 dimensions'),
            ('MatMul', [1] * 11, [5, 6], 'a shape of more than 10 dimensions'),
        ):
            nodes, inputs = [node(type_, 'x w', 'y', 'f')], [value('x', dims)]
            self.refused(nodes, inputs, [tensor('w', weights)], 'm.onnx, byte ', said)

    def test_a_list_where_a_word_should_be(self):
        odd = field(1, 'auto_pad') + field(4, 'a') + field(1, 'strides') + field(3, 1)
        nodes = [node('Conv', 'x w', 'y', 'c') + field(5, odd), node('Relu', 'y', 'z')]
        self.refused(nodes, [LARGE_IMAGE], [LARGE_KERNEL], '"strides" is [1]; expected 2 integers')

    def test_a_declared_shape_that_is_not_what_the_node_makes(self):
        nodes, values = [node('Conv', 'x w', 'y', 'c')], [value('y', [1, 8, 32, 24])]
        said = 'the file says [1, 8, 32, 24]', 'makes [N, 8, 30, 22]'
        self.refused(nodes, [LARGE_IMAGE], [LARGE_KERNEL], *said, values=values)

    def test_attributes_of_another_type(self):
        tensor_, text = numbers('', 1), 'FULL'
        conv = {'inputs': 'x w', 'type_': 'Conv'}
        states = value('r', [5, 1, 4])
        weights = [
            KERNEL, numbers('n', 1, 3, 8, 8), numbers('k', 1), tensor('lw', [1, 8, 4]),
            tensor('lr', [1, 8, 2]),
        ]  # fmt: skip
        for step, said in (
            ({**conv, 'pads': tensor_}, '"pads" is a tensor; expected 4 integers, 0 or more'),
            ({**conv, 'pads': 0.5}, '"pads" is [0.5]; expected 4 integers'),
            ({**conv, 'strides': [1.0, 2.0]}, '"strides" is [1.0, 2.0]; expected 2 integers'),
            ({**conv, 'group': text}, '"group" is of a type that does not fit; expected an int'),
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
            ({'type_': 'Einsum', 'inputs': 'x w', 'equation': 3}, '"equation" is [3]; expected a str'),
            ({'type_': 'LSTM', 'inputs': 'r lw lr', 'direction': [1]}, '"direction" is [1]; expected one'),
            ({'type_': 'LSTM', 'inputs': 'r lw lr', 'direction': tensor_}, '"direction" is a tensor'),
            ({'type_': 'Flatten', 'inputs': 'x', 'axis': [1, 2]}, '"axis" is [1, 2]; expected an int'),
            ({'type_': 'If', 'inputs': 'k', 'then_branch': 7}, '"then_branch" is [7]; expected a gr'),
            ({'type_': 'Loop', 'inputs': 'k k', 'body': tensor_}, '"body" is a tensor; expected a g'),
            ({'type_': 'SequenceMap', 'inputs': 'x', 'body': 7}, '"body" is [7]; expected a graph'),
            ({'type_': 'Concat', 'inputs': 'x x', 'axis': -5},
             '"axis" is -5 where there are 4 dimensions; expected -4 or more, and less than 4'),
            ({'type_': 'Squeeze', 'inputs': 'x', 'axes': [4]},
             '"axes" is 4 where there are 4 dimensions; expected -4 or more, and less than 4'),
            ({'type_': 'Resize', 'inputs': 'x   n', 'keep_aspect_ratio_policy': 'x'},
             '"keep_aspect_ratio_policy" is \'x\'; expected one of stretch, not_larger'),
        ):  # fmt: skip
            with self.subTest(said):
                step = {'inputs': '', 'outputs': 'y', 'name': 'n', **step}
                result = result_of([node(**step)], [IMAGE, states], weights)
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
                result = result_of([make(type_, operands, 'y', **attributes)], read, weights)
                self.assertEqual((result.status, result.out), (1, ''))
                self.assertIn(said, result.err)


if __name__ == '__main__':
    unittest.main()
