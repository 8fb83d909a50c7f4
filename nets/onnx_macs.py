"""ONNX's operators with MACs, and the layers of a net file that they become.

MACS_RULES has a rule for each operator: a function of an Op that returns a list of Entries, in the
order in which they run, and the shape of the output. A rule raises ValueError if the operator
cannot take such inputs, or if it needs a shape that is not known. It raises Unfollowed if the
operator does something that is not modelled.

Source: Operators.md, github.com/onnx/onnx, quoted for each operator
"""

import math
import re
from collections import namedtuple

from fodlam.nets.layers import (
    broadcast,
    check_batch,
    count_per_frame,
    deconvolution_size,
    feature_map,
    macs_and_shapes,
    window_size,
)
from fodlam.nets.onnx_op import Unfollowed


class Entry(namedtuple('Entry', 'type members')):
    """A layer with MACs in the net file, without its name.

    type: Convolution, Deconvolution, InnerProduct or MatMul; members: its MACs and shapes.
    """

    __slots__ = ()


# === Convolutions ===


def convolution(op):
    """Conv, and operators that are like it: a feature map is convolved by weights.

    "The convolution operator consumes an input tensor and a filter, and computes the output." For
    Conv, the filter "has size (M x C/group x kH x kW)"; for ConvTranspose, "(C x M/group x kH x
    kW)". M is the number of feature maps.
    """
    is_transposed = op.node.type == 'ConvTranspose'
    shape = op.known_shape(0)
    weights = op.known_shape(MACS_RULES[op.node.type].weights, rank=len(shape))
    ifmap = feature_map(shape)
    image = shape[2:]
    if not image or not isinstance(weights[0], int):
        raise ValueError(
            f'data {list(shape)} and weights {list(weights)}; expected 3 or 4 dimensions'
        )
    check_has_batch(op.net, shape)
    check_batch(shape[0], op.net.batch)
    groups = op.valid_integer('group', 1, low=1)
    if is_transposed:
        channels, filters = weights[0], weights[1] * groups
    else:
        channels, filters = weights[1] * groups, weights[0]
    if channels != ifmap[0]:
        raise ValueError(
            f'weights for {channels} channels, but the input has {ifmap[0]}; '
            'expected the same number'
        )
    kernel = op.valid_integers('kernel_shape', weights[2:], low=1)
    if kernel != list(weights[2:]):
        raise ValueError(
            f'"kernel_shape" is {kernel}, but the weights are {list(weights)}; '
            'expected the same size'
        )
    stride, sizes = move_window(op, image, kernel, is_transposed)
    dilation = op.valid_integers('dilations', [1] * len(image), low=1)
    output_shape = (shape[0], filters, *sizes)
    if len(image) == 1:  # a 1-D network is one of images of height 1
        kernel, stride, sizes = [1, *kernel], [1, *stride], [1, *sizes]
        dilation = [1, *dilation]
    type_ = 'Deconvolution' if is_transposed else 'Convolution'
    ofmap = [filters, *sizes]
    members = macs_and_shapes(type_, ifmap, ofmap, kernel, stride, groups, dilation)
    return [Entry(type_, members)], output_shape


def fused_convolution(op):
    """com.microsoft.FusedConv: a Conv that adds its fourth input, which may be a feature map.

    "The fused convolution operator schema is the same as Conv besides it includes an attribute
    activation."
    """
    entries, shape = convolution(op)
    if op.input_count > 3 and op.is_feature_map(3):
        entries[0].members['addend'] = True
    return entries, shape


def check_has_batch(net, shape):
    """Raise ValueError if the network's first input seems to be one image without a batch.

    net: the OnnxNet.
    shape: of the input of a convolution. If it has a dimension more than the network's input, a
    node in between has added a batch of 1.
    """
    first = net.shapes.get(net.first_input) or ()
    if len(first) == 3 and len(shape) == 4 and shape[0] != net.batch:
        raise ValueError(
            f'the first input is {list(first)}, without a batch; '
            f'give --batch 1, or export the model with one of {[1, *first]}'
        )


def move_window(op, image, kernel, is_transposed=False):
    """Return (stride, sizes of the output) of a node that moves a kernel over an image.

    op: the Op of the node; its attributes say how the kernel moves.
    image: the sizes of the input, without batch and channels: (H, W), or (L,) in a 1-D network.
    kernel: the sizes of the kernel, as many as of the image.
    is_transposed: whether it is a ConvTranspose, which goes from a small image to a larger one.
    The stride and the sizes of the output are lists of as many numbers.
    Raises ValueError if there is no room for the kernel, or if an attribute is wrong.

    "`pads` format should be as follow [x1_begin, x2_begin...x1_end, x2_end,...]". "SAME_UPPER or
    SAME_LOWER mean pad the input so that `output_shape[i] = ceil(input_shape[i] / strides[i])`";
    for ConvTranspose, "`output_shape[i] = input_shape[i] * strides[i]`".
    """
    rank = len(image)
    ones, zeros = [1] * rank, [0] * rank
    stride = op.valid_integers('strides', ones, low=1)
    dilation = op.valid_integers('dilations', ones, low=1)
    pads = op.valid_integers('pads', zeros * 2, low=0)
    extra = op.valid_integers('output_padding', zeros, low=0)
    auto_pad = op.node.attributes.get('auto_pad') or 'NOTSET'
    if is_transposed and op.node.attributes.get('output_shape'):
        return stride, op.valid_integers('output_shape', ones, low=1)
    sizes = []
    if auto_pad in ('SAME_UPPER', 'SAME_LOWER'):
        for index in range(rank):
            if is_transposed:
                sizes.append(image[index] * stride[index])
            else:
                sizes.append(-(-image[index] // stride[index]))  # rounded up
        return stride, sizes
    if auto_pad not in ('NOTSET', 'VALID'):
        raise ValueError(
            f'"auto_pad" is {str(auto_pad)[:80]!r}; expected NOTSET, SAME_... or VALID'
        )
    if auto_pad == 'VALID':
        pads = zeros * 2
    round_up = op.flag('ceil_mode')
    for index in range(rank):
        before, after = pads[index], pads[rank + index]
        padding = before + after
        if is_transposed:
            result = deconvolution_size(
                image[index], kernel[index], stride[index], padding, dilation[index], extra[index]
            )
        else:
            result = window_size(
                image[index], kernel[index], stride[index], padding, dilation[index], round_up
            )
        if round_up and (result - 1) * stride[index] >= image[index] + before:
            result -= 1  # the last window would start in the padding
        sizes.append(result)
    return stride, sizes


# === Products of matrices ===


def product(op):
    """MatMul, Gemm, Einsum and operators like them: a product of matrices, or of stacks of them.

    One operand may be weights, the first or the second; if none is, both are feature maps.
    """
    left, right, shape = find_matrices(op)
    if not op.is_feature_map(0):
        # Weights by features is the transposed product of the transposed matrices.
        entry = multiply_weights(transposed(right), transposed(left), op.net.batch)
    elif not op.is_feature_map(MACS_RULES[op.node.type].weights):
        entry = multiply_weights(left, right, op.net.batch)
    else:
        entry = multiply_features(left, right, op.net.batch)
    return [entry], shape


def find_matrices(op):
    """Return (left, right, shape of the product) of a node that multiplies matrices.

    left, right: shapes of stacks of matrices, in which the last two dimensions are rows and
    columns. A single matrix has no others.
    Raises ValueError if the shapes do not fit.

    MatMul: "Matrix product that behaves like numpy.matmul". If the first operand is a vector, it is
    a matrix of one row; if the second one is, it is a matrix of one column. The product has no
    dimension for this row or column.
    Gemm: "A' = transpose(A) if transA else A; B' = transpose(B) if transB else B; Compute Y =
    alpha * A' * B' + beta * C".
    """
    rank = 2 if op.node.type == 'Gemm' else None
    left = op.known_shape(0, rank)
    right = op.known_shape(MACS_RULES[op.node.type].weights, rank)
    if op.node.type == 'Einsum':
        return einsum_matrices(op.node.attributes.get('equation'), left, right)
    if op.node.type == 'Gemm':
        if op.flag('transA'):
            left = transposed(left)
        if op.flag('transB'):
            right = transposed(right)
    rows, columns = left[-2:-1], right[-1:]  # as in the shape of the product
    if len(left) == 1:
        rows = ()
        left = (1, *left)
    if len(right) == 1:
        columns = ()
        right = (*right, 1)
    if not left or not right or left[-1] != right[-2]:
        raise ValueError(
            f'cannot multiply {list(left)} by {list(right)}; '
            'expected as many columns as there are rows'
        )
    stack = broadcast([left[:-2], right[:-2]])
    return left, right, (*stack, *rows, *columns)


def transposed(shape):
    """Return the shape of a stack of matrices, each of which is transposed.

    >>> transposed((8, 5, 7))
    (8, 7, 5)
    """
    *stack, rows, columns = shape
    return (*stack, columns, rows)


EQUATION = re.compile('([a-zA-Z]+),([a-zA-Z]+)->([a-zA-Z]*)')


def einsum_matrices(equation, left, right):
    """Return (left, right, shape of the product) of an Einsum, with operands as stacks of matrices.

    equation: letters for the dimensions of both operands and of the result, such as 'ij,jk->ik'.
    left, right: the shapes of the operands, in the order of the letters.
    Raises Unfollowed if the Einsum is no product of two stacks of matrices.

    A letter that is in both operands and in the result numbers the matrices of the stacks. A letter
    that is only in both operands is summed over. A letter of one operand and the result is for the
    rows, if it is the first operand, or for the columns, if it is the second.

    Queries of 4 heads with 8 features at 7 positions, by keys at 9 positions:

    >>> einsum_matrices('bqhd,bkhd->bhqk', (1, 7, 4, 8), (1, 9, 4, 8))
    ((1, 4, 7, 8), (1, 4, 8, 9), (1, 4, 7, 9))
    """
    first = second = result = ''  # as for operands without dimensions
    terms = EQUATION.fullmatch(str(equation).replace(' ', ''))
    if terms:
        first, second, result = terms.groups()
    if len(first) != len(left) or len(second) != len(right):
        raise Unfollowed
    if len(set(first)) != len(first):  # a diagonal
        raise Unfollowed
    sizes = dict(zip(second, right))
    sizes.update(zip(first, left))
    if right != tuple(sizes[letter] for letter in second):  # a letter has two sizes
        raise Unfollowed
    rows, stacked, summed = [], [], []
    for letter in first:
        if letter not in second:
            rows.append(letter)
        elif letter in result:
            stacked.append(letter)
        else:
            summed.append(letter)
    columns = [letter for letter in second if letter not in first]
    if sorted(stacked + rows + columns) != sorted(result):
        raise Unfollowed
    stack = [sizes[letter] for letter in stacked]
    m = math.prod(sizes[letter] for letter in rows)
    k = math.prod(sizes[letter] for letter in summed)
    n = math.prod(sizes[letter] for letter in columns)
    return (*stack, m, k), (*stack, k, n), tuple(sizes[letter] for letter in result)


def multiply_weights(features, weights, batch):
    """Return the Entry of features multiplied by weights, which is a fully-connected layer.

    If the weights are a stack of matrices, the layer has a group for each.
    features: the shape of a stack of M x K matrices.
    weights: the shape of a stack of K x N matrices.
    batch: the first dimension of the network's input, or None if it is not known.

    >>> type_, members = multiply_weights((1, 197, 768), (768, 3072), batch=1)
    >>> type_, members['ifmap'], members['ofmap']
    ('InnerProduct', [768, 197, 1], [3072, 197, 1])
    """
    stack = weights[:-2]
    k, n = weights[-2:]
    if math.prod(stack) == 1:  # a single matrix, which all rows go through
        rows = count_per_frame(features[:-1], batch)
        return Entry('InnerProduct', macs_and_shapes('InnerProduct', (k, rows, 1), (n, rows, 1)))
    groups = math.prod(stack)
    m = count_rows(features, weights, batch) // groups
    members = macs_and_shapes('InnerProduct', (groups * k, m, 1), (groups * n, m, 1), groups=groups)
    return Entry('InnerProduct', members)


def multiply_features(left, right, batch):
    """Return the Entry of a product of two feature maps, with a group for each pair of matrices.

    left: the shape of a stack of M x K matrices.
    right: the shape of a stack of K x N matrices.
    batch: the first dimension of the network's input, or None if it is not known.

    Queries by keys, of 12 heads with 64 features at 197 positions:

    >>> type_, members = multiply_features((1, 12, 197, 64), (1, 12, 64, 197), batch=1)
    >>> members['ifmap'], members['ofmap'], members['groups']
    ([768, 197, 1], [2364, 197, 1], 12)
    >>> members['macs'] == 12 * 197 * 64 * 197
    True
    """
    k, n = right[-2:]
    rows = count_rows(left, right, batch)
    groups = count_per_frame(broadcast([left[:-2], right[:-2]]), batch)
    m = rows // groups
    members = macs_and_shapes('MatMul', (groups * k, m, 1), (groups * n, m, 1), groups=groups)
    return Entry('MatMul', members)


def count_rows(left, right, batch):
    """Return how many rows all products of a stack's matrices have together, for one frame.

    left, right: the shapes of the stacks.
    batch: the first dimension of the network's input, or None if it is not known.
    """
    stack = broadcast([left[:-2], right[:-2]])
    return count_per_frame((*stack, left[-2]), batch)


def attention(op):
    """Attention: two products, of queries by keys, and of the result by values.

    "Computes scaled dot product attention on query, key and value tensors". Each of the three is
    [N, heads, positions, size] or [N, positions, heads * size]. There may be more heads of queries
    than of keys and values; then several heads of queries share one of keys and values.
    """
    shapes = [op.known_shape(index) for index in range(min(op.input_count, 3))]
    has_cache = any(op.node.inputs[4:6])  # of earlier keys and values, which are not in the file
    if len(shapes) != 3 or has_cache:
        raise Unfollowed
    ranks = [len(shape) for shape in shapes]
    is_flat = ranks == [3, 3, 3]
    if is_flat:
        query_heads = op.valid_integer('q_num_heads', 1, low=1)
        key_heads = op.valid_integer('kv_num_heads', 1, low=1)
        query, key, value = shapes
        query = split_heads(query, query_heads)
        key = split_heads(key, key_heads)
        value = split_heads(value, key_heads)
    elif ranks == [4, 4, 4]:
        query, key, value = shapes
    else:
        shown = ', '.join(str(list(shape)) for shape in shapes)
        raise ValueError(f'query, key and value are {shown}; expected 3 or 4 dimensions each')
    n, heads, m, k = query
    length = key[2]
    size = value[3]
    scores = multiply_features((n, heads, m, k), (n, heads, k, length), op.net.batch)
    result = multiply_features((n, heads, m, length), (n, heads, length, size), op.net.batch)
    if is_flat:
        return [scores, result], (n, m, heads * size)
    return [scores, result], (n, heads, m, size)


def split_heads(shape, heads):
    """Return the shape (N, heads, positions, size) for a shape (N, positions, heads * size).

    >>> split_heads((1, 197, 768), heads=12)
    (1, 12, 197, 64)
    """
    n, length, size = shape
    return n, heads, length, size // heads


# === Operators ===


class MacsRule(namedtuple('MacsRule', 'function weights')):
    """How an operator with MACs is read.

    function: the rule, a function of an Op that returns ([Entry], shape of the output).
    weights: the index of the second operand, where an operator's weights usually are.
    """

    __slots__ = ()


# QLinearConv and QLinearMatMul have two inputs between their operands, on how they are quantized.
MACS_RULES = {
    'Attention': MacsRule(attention, weights=1),
    'Conv': MacsRule(convolution, weights=1),
    'ConvInteger': MacsRule(convolution, weights=1),
    'ConvTranspose': MacsRule(convolution, weights=1),
    'Einsum': MacsRule(product, weights=1),
    'Gemm': MacsRule(product, weights=1),
    'MatMul': MacsRule(product, weights=1),
    'MatMulInteger': MacsRule(product, weights=1),
    'QLinearConv': MacsRule(convolution, weights=3),
    'QLinearMatMul': MacsRule(product, weights=3),
    'com.microsoft.FusedConv': MacsRule(fused_convolution, weights=1),
}


def has_kernel(type_):
    """Return whether an operator's weights are a kernel, which moves over an image."""
    return type_ in MACS_RULES and MACS_RULES[type_].function in (convolution, fused_convolution)


def has_matrix(type_):
    """Return whether an operator's weights are a matrix, or a stack of them."""
    return type_ in MACS_RULES and MACS_RULES[type_].function is product


# Operators that are not modelled, and that have MACs, or may have nodes inside that do. Operators
# that are not ONNX's own may have MACs as well (see OnnxNet.apply_rules).
UNMODELLED_TYPES = (
    'CausalConvWithState DeformConv DynamicQuantizeMatMul FusedConv FusedGemm FusedMatMul GRU '
    'GroupQueryAttention If LSTM LinearAttention Loop MatMulNBits MultiHeadAttention QAttention '
    'QGemm RNN Scan'
).split()
