"""Small models of many kinds that the extractor once refused or got wrong, one for each kind.

The name of a case is that of a file which somebody met. Each model is built here, and what is right
was counted by hand, or by ONNX's reference.
"""

import json
import unittest
from collections import namedtuple

from onnx_encoder import field, function, graph, model, node, numbers, tensor, value
from support import extract


class Case(namedtuple('Case', 'name content argv macs said')):
    """A model, and what is right.

    name: of its file, whose end tells the format.
    content: of the file.
    argv: more arguments of the extractor.
    macs: of the whole network, or {layer: MACs} of some layers, or None if it is refused.
    said: a part of what is on stderr, or '' if nothing is.
    """

    __slots__ = ()


IMAGE = value('x', [1, 3, 8, 8])
PADS = {'pads': [1, 1, 1, 1]}
BIG_IMAGE = value('x', [1, 3, 16, 16])


# === Inputs and the batch ===


def matmul(dims, *argv, macs, said=''):
    """Return the arguments of a Case of a MatMul of an input with these dims by a 16 x 4 matrix."""
    nodes = [node('MatMul', 'x w', 'y', 'fc')]
    return model(nodes, [value('x', dims)], [tensor('w', [16, 4])]), argv, macs, said


def two_inputs(*names):
    """Return a model of two products, whose inputs have different first dimensions."""
    dims = {'a': [1, 16], 'd': [10, 16]}
    nodes = [node('MatMul', 'a w', 'y', 'q'), node('MatMul', 'd w', 'z', 'docs')]
    return model(nodes, [value(name, dims[name]) for name in names], [tensor('w', [16, 8])])


def image_is_second():
    nodes = [node('Conv', 'image k', 'a', 'c', **PADS), node('Mul', 'a f', 'y')]
    inputs = [value('scale_factor', ['N', 2]), value('image', ['N', 3, 'h', 'w'])]
    return model(nodes, inputs, [tensor('k', [8, 3, 3, 3]), tensor('f', [1])])


def conv_of(dims):
    return model([node('Conv', 'x k', 'y', 'c')], [value('x', dims)], [tensor('k', [4, 3, 3, 3])])


def vector_beside_image():
    nodes = [
        node('Conv', 'x w', 'y', 'conv', **PADS),
        node('Unsqueeze', 't ax', 't2'),
        node('MatMul', 't2 e', 'u0', 'outer'),
        node('MatMul', 'u0 f', 'u', 'time_mlp'),
    ]
    weights = [tensor('w', [4, 3, 3, 3]), tensor('e', [1, 64]), tensor('f', [64, 64])]
    return model(nodes, [IMAGE, value('t', [1])], [*weights, numbers('ax', 1)])


def recommender():
    nodes = [
        node('MatMul', 'dense wd', 'd', 'bottom'),
        node('Gather', 'table user', 'e'),
        node('MatMul', 'e w1', 'e1', 'mlp1'),
        node('MatMul', 'e1 w2', 'e2', 'mlp2'),
        node('Concat', 'd e2', 'c', axis=1),
        node('MatMul', 'c wt', 'y', 'top'),
    ]
    sizes = {'wd': [13, 8], 'table': [1000, 64], 'w1': [64, 128], 'w2': [128, 64], 'wt': [72, 1]}
    inputs = [value('dense', [1, 13]), value('user', [1])]
    return model(nodes, inputs, [tensor(name, dims) for name, dims in sizes.items()])


def image_without_batch():
    nodes = [node('Unsqueeze', 'x ax', 'x4'), node('Conv', 'x4 w', 'y', 'c1', **PADS)]
    return model(nodes, [value('x', [3, 8, 8])], [tensor('w', [4, 3, 3, 3]), numbers('ax', 0)])


def cross_correlation():
    inputs = [value('x', [1, 4, 9, 9]), value('k', [4, 1, 5, 5])]
    return model([node('Conv', 'x k', 'y', 'xcorr', group=4)], inputs)


DISAGREE = "inputs disagree on the batch: 'd' is [10, 16], with a batch of 10, and 'a' is [1, 16]"
SECOND = ['--input', 'image=3,64,64']

INPUTS = [
    Case('56-image-is-second-input.onnx', image_is_second(), SECOND, 8 * 64 * 64 * 27, ''),
    Case('64-batch-0.onnx', conv_of([0, 3, 8, 8]), [], 3888, ''),
    Case('64-batch-0.onnx', conv_of([0, 3, 8, 8]), ['--input', '3,8,8'], 3888, ''),
    Case('64-dims-m1_3_8_8.onnx', conv_of([-1, 3, 8, 8]), [], 3888, ''),
    Case('r27_minus_one.onnx', conv_of([-1, 3, 8, 8]), ['--input', '3,8,8'], 3888, ''),
    Case('99-sequence-first.onnx', *matmul([100, 1, 16], macs=6400, said='1, dimension 1 of')),
    Case('99-sequence-first.onnx', *matmul([100, 1, 16], '--batch-axis', '1', macs=6400)),
    Case('99b-sequence-first-symbol.onnx', *matmul([100, 'batch', 16], macs=6400)),
    Case('99c-32.onnx', *matmul([100, 32, 16], macs=2048, said='100, dimension 0 of')),
    Case('99c-32.onnx', *matmul([100, 32, 16], '--batch-axis', '1', macs=6400, said='32, dim')),
    # Its product of 1 x 1 by 1 x 64 counts too.
    Case('r01_vector_input_is_weight.onnx', vector_beside_image(), [], 11008 + 64, ''),
    Case('r01b_ids_1d.onnx', recommender(), [], 16560, ''),
    Case('r06_chw_input.onnx', image_without_batch(), [], 6912, ''),
    Case('r06_chw_input.onnx', image_without_batch(), ['--input', '3,16,16'], 4 * 6912, ''),
    Case('r18_vector_first_input.onnx', *matmul([16], macs=64)),
    Case('r19_time_major.onnx', *matmul([8, 1, 16], macs=512, said='1, dimension 1 of')),
    Case('r20_seq_first_dim.onnx', *matmul([8, 16], macs=64, said='8, dimension 0 of')),
    Case('r20_seq_first_dim.onnx', *matmul([8, 16], '--batch', '1', macs=512)),
    Case('r21_two_inputs_batch.onnx', two_inputs('a', 'd'), [], None, DISAGREE),
    Case('r21b_two_inputs_batch.onnx', two_inputs('d', 'a'), [], None, DISAGREE),
    Case('r21_two_inputs_batch.onnx', two_inputs('a', 'd'), ['--batch', '1'], 1408, ''),
    Case('r26_xcorr.onnx', cross_correlation(), [], 2500, ''),
]


# === Functions, branches and the order of nodes ===


def squeeze_by_if(*values):
    """Return a model that squeezes a dimension if it is 1, as PyTorch writes it."""
    nodes = [
        node('Conv', 'x k', 'a', 'c', pads=[0, 1, 0, 1]),
        node('Shape', 'a', 'sh'),
        node('Gather', 'sh i2', 'd'),
        node('Equal', 'd one', 'eq'),
        node('Squeeze', 'eq z', 'cond'),
        node(
            'If',
            'cond',
            'q',
            then_branch=graph([node('Squeeze', 'a i2', 's')], outputs=[value('s')]),
            else_branch=graph([node('Identity', 'a', 's2')], outputs=[value('s2')]),
        ),
        node('Conv', 'q k1', 'y', 'after'),
    ]
    weights = [tensor('k', [8, 3, 1, 3]), tensor('k1', [4, 8, 3])]
    weights += [numbers('i2', 2), numbers('one', 1), numbers('z', 0)]
    return model(nodes, [value('x', [1, 3, 1, 64])], weights, values)


BLOCK = function(
    'Block', 'x k', 'y', [node('Conv', 'x k', 'a', **PADS), node('Relu', 'a', 'y')], 'local'
)


def local_function(*values):
    """Return a model that calls a function of its own, and a Conv behind it."""
    block = node('Block', 'x k', 'a', 'b1') + field(7, 'local')
    nodes = [block, node('Conv', 'a k2', 'y', 'after')]
    weights = [tensor('k', [8, 3, 3, 3]), tensor('k2', [4, 8, 1, 1])]
    return model(nodes, [BIG_IMAGE], weights, values, functions=[BLOCK])


def function_without_macs():
    relu = function('relu_like', 'a', 'b', [node('Relu', 'a', 'b')], 'pkg.torch')
    nodes = [
        node('Conv', 'x w', 'a', 'c1', **PADS),
        node('relu_like', 'a', 'b') + field(7, 'pkg.torch'),
        node('Conv', 'b w2', 'y', 'c2', **PADS),
    ]
    weights = [tensor('w', [4, 3, 3, 3]), tensor('w2', [4, 4, 3, 3])]
    return model(nodes, [IMAGE], weights, functions=[relu])


def not_sorted():
    nodes = [node('Conv', 'xc w', 'y', 'c1', **PADS), node('Cast', 'x', 'xc', to=1)]
    return model(nodes, [IMAGE], [tensor('w', [4, 3, 3, 3])])


BRANCHES = {'c': 8 * 64 * 9, 'after': 4 * 62 * 8 * 3}
CALLS = {'b1': 8 * 256 * 27, 'after': 4 * 256 * 8}

GRAPHS = [
    Case('26-if-squeeze.onnx', squeeze_by_if(), [], BRANCHES, ''),
    Case(
        '26-if-squeeze-inferred.onnx', squeeze_by_if(value('q'), value('d', [1])), [], BRANCHES, ''
    ),
    Case('28-local-function.onnx', local_function(), [], CALLS, ''),
    Case('28-inferred.onnx', local_function(value('a', [1, 8, 16, 16])), [], CALLS, ''),
    Case('r03_not_sorted.onnx', not_sorted(), [], 6912, ''),
    Case('r15b_function_without_macs.onnx', function_without_macs(), [], 6912 + 9216, ''),
]


# === Sizes that runtimes and ONNX's inference differ on ===


def pooled(size, inferred, **attributes):
    """Return a model of a pool that rounds up and a Conv; inferred: the size in the file, if any."""
    nodes = [
        node('MaxPool', 'x', 'a', ceil_mode=1, **attributes),
        node('Conv', 'a k', 'y', 'after'),
    ]
    shape = [1, 1, inferred, inferred]
    stated = [value('a', shape), value('y', shape)] if inferred else []
    return model(nodes, [value('x', [1, 1, size, size])], [tensor('k', [1, 1, 1, 1])], stated)


def upscaled(inferred):
    same = {'auto_pad': 'SAME_UPPER', 'strides': [2, 2], 'output_padding': [1, 1]}
    nodes = [node('ConvTranspose', 'x k', 'a', **same), node('Conv', 'a k2', 'y', 'after')]
    weights = [tensor('k', [2, 1, 3, 3]), tensor('k2', [1, 1, 1, 1])]
    shape = [1, 1, inferred, inferred]
    stated = [value('a', shape), value('y', shape)] if inferred else []
    return model(nodes, [value('x', [1, 2, 3, 3])], weights, stated)


PADDED = {'kernel_shape': [2, 2], 'strides': [2, 2], **PADS}
STRIDED = {'kernel_shape': [1, 1], 'strides': [2, 2]}
TRIPLE = {'kernel_shape': [3, 3], 'strides': [3, 3], **PADS}

ROUNDING = [
    Case('30-convtranspose.onnx', upscaled(None), [], {'after': 36}, ''),
    Case('30-convtranspose-inferred.onnx', upscaled(7), [], {'after': 36}, ''),
    Case('31-maxpool-ceil.onnx', pooled(5, None, **PADDED), [], {'after': 9}, ''),
    Case('31-maxpool-ceil-inferred.onnx', pooled(5, 4, **PADDED), [], {'after': 9}, ''),
    Case('32-maxpool-k1s2-ceil.onnx', pooled(32, None, **STRIDED), [], {'after': 256}, ''),
    Case('32-maxpool-k1s2-ceil-inferred.onnx', pooled(32, 17, **STRIDED), [], {'after': 256}, ''),
    Case('33-maxpool-ceil-webnn.onnx', pooled(5, None, **TRIPLE), [], {'after': 4}, ''),
    Case('33-maxpool-ceil-webnn-inferred.onnx', pooled(5, 3, **TRIPLE), [], {'after': 4}, ''),
]


# === What is left out ===


def left_out(last, *weights):
    """Return a model of a MatMul, 4 x 16 x 16, and a node that is not modelled."""
    nodes = [node('MatMul', 'x w', 'q', 'q'), node('Transpose', 'q', 'qt', perm=[0, 2, 1]), last]
    return model(nodes, [value('x', [1, 4, 16])], [tensor('w', [16, 16]), *weights])


ATTENTION = node('LinearAttention', 'q q q', 'y st', q_num_heads=2, kv_num_heads=2)
CAUSAL = node('CausalConvWithState', 'qt k', 'y st')

LEFT_OUT = [
    Case('r16_linear_attention.onnx', left_out(ATTENTION), [], 1024, 'is in LinearAttention (50.0'),
    Case(
        'r16b_causal_conv.onnx',
        left_out(CAUSAL, tensor('k', [16, 1, 3])),
        [],
        1024,
        'is in CausalConvWithState (15.8',
    ),
]


class Cases(unittest.TestCase):
    def check(self, cases):
        for case in cases:
            with self.subTest(case.name, argv=case.argv):
                result = extract(case.name, case.content, *case.argv)
                self.assertIn(case.said, result.err)
                if case.macs is None:
                    self.assertEqual((result.status, result.out), (1, ''))
                    continue
                self.assertEqual(result.status, 0, result.err)
                self.assertEqual(bool(case.said), bool(result.err), result.err)
                found = {}
                for entry in json.loads(result.out):
                    if 'macs' in entry:
                        found[entry['name']] = entry['macs']
                if isinstance(case.macs, dict):
                    self.assertEqual({name: found[name] for name in case.macs}, case.macs)
                else:
                    self.assertEqual(sum(found.values()), case.macs)

    def test_inputs(self):
        self.check(INPUTS)

    def test_graphs(self):
        self.check(GRAPHS)

    def test_rounding(self):
        self.check(ROUNDING)

    def test_left_out(self):
        self.check(LEFT_OUT)


if __name__ == '__main__':
    unittest.main()
