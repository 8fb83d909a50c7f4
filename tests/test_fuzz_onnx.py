"""ONNX models damaged or made at random: each is extracted, or refused in one line with a remedy."""

import math
import random
import unittest

from extracted import check_changed, check_extraction
from extracted_onnx import IMAGE, KERNEL, LARGE_IMAGE, LARGE_KERNEL, foreign, result_of
from onnx_encoder import (
    Reference,
    branch,
    call,
    function,
    model,
    modules,
    node,
    numbers,
    tensor,
    value,
)
from support import seeds

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
    """Return a small integer, or one of ODD_INTEGERS."""
    return rng.choice(ODD_INTEGERS) if rng.random() < 0.3 else rng.randint(-2, 4)


def random_tensor(rng, name):
    """Return a TensorProto of up to 4 integers or floats."""
    content = [random_integer(rng) for _ in range(rng.randint(0, 4))]
    if rng.random() < 0.3:
        content = [rng.choice(ODD_FLOATS) for _ in content]
    return numbers(name, *content, scalar=len(content) == 1 and rng.random() < 0.5)


def random_attribute(rng):
    """Return the content of an attribute, as of `attribute`."""
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


def change_numbers(rng, content):
    """Return a model with a byte or two replaced by other ones, by sums of powers of two."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2))):
        place = rng.randrange(len(changed))
        changed[place] = (changed[place] + rng.choice((1, -1, 2, 8, 32, 128))) % 256
    return bytes(changed)


def change_pieces(rng, content):
    """Return a model with some pieces replaced by others, which may be shorter or longer."""
    changed = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        start = rng.randrange(len(changed))
        end = start + rng.choice((0, 0, 1, 1, 5))
        changed[start:end] = rng.randbytes(rng.choice((0, 1, 1, 3)))
    return bytes(changed)


def small_model():
    """Return a model of a convolution, a pooling and a fully-connected layer."""
    nodes = [
        node('Conv', 'x w', 'y', 'c', strides=[2, 2], pads=[1, 1, 1, 1], group=1),
        node('Relu', 'y', 'r'),
        node('MaxPool', 'r', 'p', kernel_shape=[2, 2], strides=[2, 2]),
        node('Flatten', 'p', 'f'),
        node('Gemm', 'f v', 'o', 'fc', transB=1),
    ]
    values = [value('p', [1, 8, 8, 6]), value('f', [1, 384])]
    weights = [LARGE_KERNEL, tensor('v', [10, 384], raw=b'\1\2\3\4' * 20)]
    return model(nodes, [LARGE_IMAGE], weights, values, [value('o', [1, 10])])


def large_model():
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


def nested_model():
    """Return a model with a function, branches and the modules of PyTorch."""
    inside = branch(
        node('Conv', 'a k', 'inner', 'conv'), node('Relu', 'inner', 'relu'), outputs='relu'
    )
    block = function(
        'Block',
        'a k yes',
        'y',
        [
            node('Conv', 'a k', 't', strides=Reference('strides')),
            node('If', 'yes', 'y', then_branch=inside, else_branch=inside),
        ],
        'my',
        strides=[1, 1],
    )
    nodes = [
        node('Conv', 'y v', 'z', 'after') + modules('', 'layer', 'conv'),
        node('Transpose', 'x', 'xt', perm=[0, 1, 3, 2]),
        call('Block', 'xt w yes', 'y', 'b', strides=[2, 2]),
        node('Squeeze', 'z axes', 's'),
        node('LSTM', 's wl rl', 'l', hidden_size=4, layout=1),
    ]
    weights = [
        KERNEL,
        tensor('v', [4, 4, 1, 1]),
        numbers('yes', 1),
        numbers('axes', 0),
        tensor('wl', [1, 16, 6]),
        tensor('rl', [1, 16, 4]),
    ]
    return model(nodes, [IMAGE], weights, functions=[block])


class Fuzz(unittest.TestCase):
    """They take a second or two, as each of hundreds of models is read anew."""

    def test_pieces(self):
        check_changed(self, 'm.onnx', small_model(), 3000, change_pieces, 0.33, 1)

    def test_numbers(self):
        check_changed(self, 'm.onnx', large_model(), 3000, change_numbers, 0.33, 0.97)

    def test_functions_branches_and_metadata(self):
        check_changed(self, 'm.onnx', nested_model(), 1500, change_numbers, 0.2, 0.97)

    def test_random_models(self):
        """Nodes of any operator with any inputs and attributes."""
        refused, tried = 0, seeds(200)
        for seed in tried:
            refused += check_extraction(self, result_of(*random_model(random.Random(seed))), seed)
        self.assertTrue(0.1 < refused / len(tried) < 0.95, refused)


if __name__ == '__main__':
    unittest.main()
