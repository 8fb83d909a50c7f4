"""ONNX's products of matrices: what MatMul, Gemm, Einsum and operators like them multiply.

A product of features and weights is a fully-connected layer; one of two feature maps is a MatMul in
the net file. Shapes are those of stacks of matrices: the last two dimensions are rows and columns,
and all others number the matrices.

Source: Operators.md, github.com/onnx/onnx, and, for com.microsoft, ContribOperators.md,
github.com/microsoft/onnxruntime; quoted for each operator
"""

import math
import re
from collections import Counter, namedtuple

from fodlam.nets.layers import (
    BATCH,
    Refusal,
    broadcast,
    count_per_frame,
    macs_and_shapes,
    sizes_differ,
    wrong_batch_message,
)
from fodlam.nets.onnx_op import Unfollowed, example  # noqa: F401 (in examples)


class Entry(namedtuple('Entry', 'type members')):
    """A layer with MACs in the net file, without its name.

    type: Convolution, Deconvolution, InnerProduct or MatMul; members: its MACs and shapes.
    """

    __slots__ = ()


# === Entries ===


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


def multiply_features(left, right, batch, shared=1):
    """Return the Entry of a product of two feature maps, with a group for each pair of matrices.

    left: the shape of a stack of M x K matrices.
    right: the shape of a stack of K x N matrices.
    batch: the first dimension of the network's input, or None if it is not known.
    shared: how many matrices in a row of the right stack are copies of one.

    Queries by keys, of 12 heads with 64 features at 197 positions:

    >>> type_, members = multiply_features((1, 12, 197, 64), (1, 12, 64, 197), batch=1)
    >>> members['ifmap'], members['ofmap'], members['groups']
    ([768, 197, 1], [2364, 197, 1], 12)
    >>> members['macs'] == 12 * 197 * 64 * 197
    True

    Where several matrices on the left are multiplied by the same one on the right, the entry says
    how many. Queries of 32 heads, of which 4 at a time share their keys:

    >>> type_, members = multiply_features((1, 8, 4, 197, 64), (1, 8, 1, 64, 197), batch=1)
    >>> members['groups'], members['shared']
    (32, 4)
    """
    k, n = right[-2:]
    stack = broadcast([left[:-2], right[:-2]])
    rows = count_rows(left, right, batch)
    groups = count_per_frame(stack, batch)
    m = rows // groups
    members = macs_and_shapes('MatMul', (groups * k, m, 1), (groups * n, m, 1), groups=groups)
    shared *= count_sharing(stack, right[:-2], batch)
    if shared > 1 and groups % shared == 0:
        members['shared'] = shared
    return Entry('MatMul', members)


def count_sharing(stack, operand_stack, batch):
    """Return how many matrices of one frame share a matrix of an operand that is broadcast.

    stack: the dimensions that number the products.
    operand_stack: those of the operand, as they are broadcast to `stack`.
    batch: the first dimension of the network's input, or None if it is not known.

    >>> count_sharing((1, 8, 4), (1, 8, 1), batch=1)
    4
    """
    missing = len(stack) - len(operand_stack)
    sharing = 1
    for index, size in enumerate(stack):
        own_size = 1 if index < missing else operand_stack[index - missing]
        if own_size == size:
            continue
        if index == 0 and batch and size % batch == 0:  # frames are no heads
            size //= batch
        sharing *= size
    return sharing


def count_rows(left, right, batch):
    """Return how many rows all products of a stack's matrices have together, for one frame.

    left, right: the shapes of the stacks.
    batch: the first dimension of the network's input, or None if it is not known.
    """
    stack = broadcast([left[:-2], right[:-2]])
    return count_per_frame((*stack, left[-2]), batch)


def multiply(op, index, left, right, stack_axes):
    """Return the Entry of a product, of features by features, or by weights on either side.

    op: the Op of the node.
    index: of the second operand, where an operator's weights usually are.
    left, right: shapes of the operands as stacks of matrices.
    stack_axes: the axes of the second operand that number its matrices.
    """
    if not op.is_feature_map(0):
        # Weights by features is the transposed product of the transposed matrices.
        check_holds_frames(op.net, transposed(right))
        return multiply_weights(transposed(right), transposed(left), op.net.batch)
    if not op.is_feature_map(index):
        check_holds_frames(op.net, left)
        return multiply_weights(left, right, op.net.batch)
    check_frames_are_apart(op.net, left, right)
    shared = 1
    repeat = op.net.repeats.get(op.input(index))
    if repeat is not None and repeat.axis in stack_axes:
        shared = repeat.count
    return multiply_features(left, right, op.net.batch, shared)


def check_holds_frames(net, features):
    """Raise Refusal if features that are multiplied by weights do not hold all frames.

    net: the OnnxNet; features: the shape of a stack of matrices.
    If the batch was guessed, it is then another dimension: in an RNN whose steps are written out,
    each step has a part of the sequence. A single row may be for all frames, such as a time.
    """
    if not net.is_batch_guessed or net.batch == BATCH:
        return
    rows = math.prod(features[:-1])
    if rows != 1 and rows % net.batch != 0:
        raise Refusal(wrong_batch_message(features[0], net.batch))


def check_frames_are_apart(net, left, right):
    """Raise Refusal if a product of two feature maps multiplies frames by one another.

    net: the OnnxNet; left, right: shapes of the operands as stacks of matrices.
    Frames come first among what numbers the matrices: [frames, heads] or [frames * heads]. If they
    do not, the dimension that was guessed to be the batch is another one. In attention within a
    sequence of 50 positions, [50, 64], matrices are numbered by heads alone.
    """
    if not net.is_batch_guessed or net.batch == BATCH:
        return
    stack = broadcast([left[:-2], right[:-2]])
    first = next((size for size in stack if size != 1), 1)
    if first % net.batch != 0:
        raise Refusal(
            f'multiplies parts of {net.batch} frames by one another; give --batch 1 if the inputs '
            'are one frame, or the dimension that is the batch with --batch-axis'
        )


# === MatMul and Gemm ===

GEMM_TYPES = ('Gemm', 'com.microsoft.FusedGemm', 'com.microsoft.QGemm')
TRANSPOSED_BATCH_TYPES = ('com.microsoft.FusedMatMul', 'com.microsoft.TransposeMatMul')


def product(op, index):
    """MatMul, Gemm and operators like them: a product of matrices, or of stacks of them.

    index: of the second operand.
    One operand may be weights, the first or the second; if none is, both are feature maps.
    """
    op.need_inputs(0, index)
    rank = 2 if op.node.type in GEMM_TYPES else None
    shapes = op.known_shape(0, rank), op.known_shape(index, rank)
    left, right, shape = find_matrices(op, *shapes)
    for size in right[-2:]:
        if not isinstance(size, int):  # the first dimension of a feature map, as others are known
            raise Refusal(wrong_batch_message(size, op.net.batch))
    stack_axes = range(len(shapes[1]) - 2)
    if op.node.type in TRANSPOSED_BATCH_TYPES and op.flag('transBatchB'):
        stack_axes = range(1, len(shapes[1]) - 1)
    return [multiply(op, index, left, right, stack_axes)], [shape]


def find_matrices(op, left, right):
    """Return (left, right, shape of the product) of a node that multiplies matrices.

    left, right: the shapes of its operands; those in the result are of stacks of matrices.
    Raises Refusal if the shapes do not fit.

    MatMul: "Matrix product that behaves like numpy.matmul". If the first operand is a vector, it is
    a matrix of one row; if the second one is, it is a matrix of one column. The product has no
    dimension for this row or column.
    Gemm, FusedGemm and QGemm: "A' = transpose(A) if transA else A; B' = transpose(B) if transB else
    B; Compute Y = alpha * A' * B' + beta * C".
    FusedMatMul: "Matrix product that behaves like numpy.matmul", with `transA` and `transB`, and
    with `transBatchA` and `transBatchB`: "Whether A should be transposed on the 1st dimension and
    batch dimensions (dim-1 to dim-rank-2) before doing multiplication".

    >>> find_matrices(example(type_='Gemm', transB=1), (1, 64), (10, 64))
    ((1, 64), (64, 10), (1, 10))
    >>> op = example(type_='com.microsoft.FusedMatMul', transBatchA=1)
    >>> find_matrices(op, (7, 4, 64), (64, 8))
    ((4, 7, 64), (64, 8), (4, 7, 8))
    """
    if op.node.type in TRANSPOSED_BATCH_TYPES:
        left = with_first_as_rows(left) if op.flag('transBatchA') else left
        right = with_first_as_rows(right) if op.flag('transBatchB') else right
    if op.node.type in (*GEMM_TYPES, *TRANSPOSED_BATCH_TYPES):
        left = transposed(left) if len(left) > 1 and op.flag('transA') else left
        right = transposed(right) if len(right) > 1 and op.flag('transB') else right
    rows, columns = left[-2:-1], right[-1:]  # as in the shape of the product
    if len(left) == 1:
        left = (1, *left)
    if len(right) == 1:
        columns = ()
        right = (*right, 1)
    if not left or not right or sizes_differ(left[-1], right[-2]):
        raise Refusal(
            f'cannot multiply {list(left)} by {list(right)}; '
            'expected as many columns as there are rows'
        )
    stack = broadcast([left[:-2], right[:-2]])
    inner = left[-1] if isinstance(left[-1], int) else right[-2]  # one of them may not be known
    left, right = (*left[:-1], inner), (*right[:-2], inner, right[-1])
    return left, right, (*stack, *rows, *columns)


def transposed(shape):
    """Return the shape of a stack of matrices, each of which is transposed.

    >>> transposed((8, 5, 7))
    (8, 7, 5)
    """
    *stack, rows, columns = shape
    return (*stack, columns, rows)


def with_first_as_rows(shape):
    """Return a shape whose first dimension has become the rows of its matrices.

    >>> with_first_as_rows((7, 4, 12, 64))
    (4, 12, 7, 64)
    """
    if len(shape) < 3:
        return shape
    return (*shape[1:-1], shape[0], shape[-1])


def packed_product(op, index):
    """MatMulNBits and MatMulBnb4: a product by packed weights, of `K` rows and `N` columns.

    "MatMulNBits performs a matrix multiplication where the right-hand-side matrix (weights) is
    quantized to N bits." The attributes K and N are the "Input feature dimension" and the "Output
    feature dimension of the weight matrix".
    """
    op.need_inputs(0, index)
    left = op.known_shape(0)
    right = op.needed_integer('K'), op.needed_integer('N')
    if op.node.attributes.get('transB') == [0]:  # of MatMulBnb4
        right = transposed(right)
    left, right, shape = find_matrices(op, left, right)
    return [multiply_weights(left, right, op.net.batch)], [shape]


# === Einsum ===


def einsum(op, index):
    """Einsum: "The contents of output for the given `equation`", a sum of products.

    index: of the second operand, if there is one. An Einsum of one operand transposes
    it, or sums it up, and has no MACs.
    """
    if op.input_count > MAX_OPERANDS:
        raise Unfollowed
    shapes = [op.known_shape(index) for index in range(op.input_count)]
    terms, result = read_equation(op, shapes)
    if op.input_count != 2:
        return [], [einsum_shape(op, shapes)]
    left, right = find_operands(terms, result, shapes)
    stack_axes = []
    for axis, label in enumerate(terms[1]):
        if label in terms[0] and label in result:  # one that is not in the result is summed over
            stack_axes.append(axis)
    return [multiply(op, index, left, right, stack_axes)], [einsum_shape(op, shapes)]


MAX_OPERANDS = 100  # of an Einsum; real ones have two or three

TERM = re.compile(r'([a-zA-Z]*)(?:([.]{3})([a-zA-Z]*))?')


def read_equation(op, shapes):
    """Return (labels of each operand, labels of the result) of an Einsum.

    op: the Op of the node. shapes: of its operands.
    A label is a letter of the equation, or a number for a dimension that an ellipsis stands for;
    these are counted from the last one back.
    Raises Unfollowed if the equation is none, or does not fit the shapes.

    "The equation may contain a comma-separated term for each operand, and an arrow and an output
    term. If the equation has no arrow, the output has the indices that appear exactly once, in
    alphabetical order; dimensions of an ellipsis come first."

    >>> read_equation(example(equation='...qd,...kd->...qk'), [(12, 7, 64), (12, 9, 64)])
    ([[0, 'q', 'd'], [0, 'k', 'd']], [0, 'q', 'k'])
    >>> read_equation(example(equation='ij,jk'), [(7, 64), (64, 9)])
    ([['i', 'j'], ['j', 'k']], ['i', 'k'])
    """
    equation = op.node.attributes.get('equation')
    if not isinstance(equation, str):
        raise Unfollowed
    inputs, arrow, output = equation.replace(' ', '').partition('->')
    terms = inputs.split(',')
    if len(terms) != len(shapes) or len(terms) > MAX_OPERANDS:
        raise Unfollowed
    labels = []
    for term, shape in zip(terms, shapes):
        labels.append(read_term(term, len(shape)))
    numbers = set()
    letters = Counter()
    for labels_of_one in labels:
        for label in labels_of_one:
            if isinstance(label, int):
                numbers.add(label)
            else:
                letters[label] += 1
    hidden = sorted(numbers, reverse=True)
    if arrow:
        rank = len(output.replace('...', '')) + len(hidden)
        result = read_term(output, rank if '...' in output else len(output))
    else:
        result = [*hidden, *sorted(letter for letter in letters if letters[letter] == 1)]
    if not set(result) <= {*hidden, *letters} or len(set(result)) != len(result):
        raise Unfollowed
    return labels, result


def read_term(term, rank):
    """Return the labels of an operand's term in an equation; rank: how many dimensions it has.

    >>> read_term('b...ij', 5)
    ['b', 1, 0, 'i', 'j']
    """
    match = TERM.fullmatch(term)
    if not match:
        raise Unfollowed
    before, ellipsis, after = match.groups()
    after = after or ''
    hidden = rank - len(before) - len(after)
    if hidden < 0 or (hidden > 0 and not ellipsis):
        raise Unfollowed
    return [*before, *range(hidden - 1, -1, -1), *after]


def find_sizes(terms, shapes):
    """Return {label: size} of an Einsum's operands, in which a size of 1 fits any other.

    Raises Unfollowed if a label has two sizes.
    """
    sizes = {}
    for labels, shape in zip(terms, shapes):
        for label, size in zip(labels, shape):
            known = sizes.get(label, 1)
            if 1 not in (known, size) and sizes_differ(known, size):
                raise Unfollowed
            sizes[label] = size if known == 1 else known
    return sizes


def einsum_shape(op, shapes):
    """Return the shape of the result of an Einsum; op: its Op. shapes: of its operands.

    >>> einsum_shape(example(equation='bij->bji'), [(1, 7, 9)])
    (1, 9, 7)
    """
    terms, result = read_equation(op, shapes)
    sizes = find_sizes(terms, shapes)
    return tuple(sizes[label] for label in result)


def find_operands(terms, result, shapes):
    """Return (left, right), the operands of an Einsum as stacks of matrices.

    terms, result: as read_equation returns them. shapes: of the operands.
    Raises Unfollowed if the Einsum is no product of two stacks of matrices.

    A label that is in both operands and in the result numbers the matrices of the stacks. A label
    that is only in both operands is summed over. A label of one operand and the result is for the
    rows, if it is the first operand, or for the columns, if it is the second.

    Queries of 4 heads with 8 features at 7 positions, by keys at 9 positions:

    >>> terms = [list('bqhd'), list('bkhd')]
    >>> find_operands(terms, list('bhqk'), [(1, 7, 4, 8), (1, 9, 4, 8)])
    ((1, 4, 7, 8), (1, 4, 8, 9))
    """
    first, second = terms
    if len(set(first)) != len(first) or len(set(second)) != len(second):  # a diagonal
        raise Unfollowed
    sizes = find_sizes(terms, shapes)
    rows, stacked, summed = [], [], []
    for label in first:
        if label not in second:
            rows.append(label)
        elif label in result:
            stacked.append(label)
        else:
            summed.append(label)
    columns = [label for label in second if label not in first]
    if set(stacked + rows + columns) != set(result):
        raise Unfollowed
    own_sizes = [dict(zip(labels, shape)) for labels, shape in zip(terms, shapes)]
    left_stack, right_stack = ([own[label] for label in stacked] for own in own_sizes)
    m = math.prod(sizes[label] for label in rows)
    k = math.prod(sizes[label] for label in summed)
    n = math.prod(sizes[label] for label in columns)
    return (*left_stack, m, k), (*right_stack, k, n)
