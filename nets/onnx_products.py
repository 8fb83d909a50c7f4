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
    *stack, k, n = weights
    groups = math.prod(stack)
    if groups == 1:  # a single matrix, by which all rows are multiplied
        m = count_per_frame(features[:-1], batch)
        return Entry('InnerProduct', macs_and_shapes('InnerProduct', (k, m, 1), (n, m, 1)))
    m = count_rows(features, weights, batch) // groups
    members = macs_and_shapes('InnerProduct', (groups * k, m, 1), (groups * n, m, 1), groups=groups)
    return Entry('InnerProduct', members)


def multiply_features(left, right, batch, shared=1):
    """Return the Entry of a product of two feature maps, with a group for each pair of matrices.

    left: the shape of a stack of M x K matrices.
    right: the shape of a stack of K x N matrices.
    batch: the first dimension of the network's input, or None if it is not known.
    shared: how many matrices next to each other in the right stack are copies of one.

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
    """Return how many products of one frame have the same matrix as an operand.

    stack: the dimensions that number the products.
    operand_stack: those that number the matrices of the operand, which are broadcast to `stack`.
    batch: the first dimension of the network's input, or None if it is not known.

    >>> count_sharing((1, 8, 4), (1, 8, 1), batch=1), count_sharing((1, 8, 4), (8, 1), batch=1)
    (4, 4)
    >>> count_sharing((2, 8, 4), (1, 1, 4), batch=2)  # 8 products in each of 2 frames
    8
    """
    missing = len(stack) - len(operand_stack)
    operand_stack = (*[1] * missing, *operand_stack)
    sharing = 1
    for index, size in enumerate(stack):
        if operand_stack[index] == size:
            continue
        if index == 0 and batch and size % batch == 0:  # count one frame
            size //= batch
        sharing *= size
    return sharing


def count_rows(left, right, batch):
    """Return how many rows the products of two stacks of matrices have together, for one frame.

    left, right: the shapes of the stacks.
    batch: the first dimension of the network's input, or None if it is not known.

    >>> count_rows((2, 12, 197, 64), (2, 12, 64, 197), batch=2)  # 12 products of 197 rows
    2364
    """
    stack = broadcast([left[:-2], right[:-2]])
    return count_per_frame((*stack, left[-2]), batch)


def multiply(op, index, left, right, stack_axes):
    """Return the Entry of a product, of features by features, or by weights on either side.

    op: the Op of the node. Its first input is the left operand.
    index: of the input that is the right operand, where an operator's weights usually are.
    left, right: shapes of the operands as stacks of matrices.
    stack_axes: the axes of that input which number its matrices.
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
    if repeat is not None and repeat.axis in stack_axes:  # its matrices are repeated
        shared = repeat.count
    return multiply_features(left, right, op.net.batch, shared)


def check_holds_frames(net, features):
    """Raise Refusal if features that are multiplied by weights show that the batch is wrong.

    net: the OnnxNet; features: the shape of a stack of matrices.
    Only a guessed batch is checked. The rows of the features should be those of all frames. If they
    are no multiple of the batch, the guess was another dimension, such as the sequence of an RNN
    whose steps are written out: each step has a part of it. A single row passes, as it may be for
    all frames, such as a time.
    """
    if not net.is_batch_guessed or net.batch == BATCH:
        return
    rows = math.prod(features[:-1])
    if rows != 1 and rows % net.batch != 0:
        raise Refusal(wrong_batch_message(features[0], net.batch))


def check_frames_are_apart(net, left, right):
    """Raise Refusal if a product of two feature maps multiplies frames by one another.

    net: the OnnxNet; left, right: shapes of the operands as stacks of matrices.
    Only a guessed batch is checked. The matrices should be numbered by frames first, as in
    [frames, heads] or [frames * heads]. If they are not, the guess was another dimension, such as
    the 50 positions of a sequence [50, 64]: in attention within it, heads alone number matrices.
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

    index: of the input that is the second operand.
    One operand may be weights, the first or the second; if none is, both are feature maps.
    Returns ([Entry], [shape of the product]), as all rules of operators with MACs do.
    """
    op.need_inputs(0, index)
    rank = 2 if op.node.type in GEMM_TYPES else None
    first, second = op.known_shape(0, rank), op.known_shape(index, rank)
    left, right, shape = find_matrices(op, first, second)
    for size in right[-2:]:
        if not isinstance(size, int):  # the first dimension of a feature map, as others are known
            raise Refusal(wrong_batch_message(size, op.net.batch))
    stack_axes = range(len(second) - 2)
    if op.node.type in TRANSPOSED_BATCH_TYPES and op.flag('transBatchB'):
        stack_axes = range(1, len(second) - 1)
    return [multiply(op, index, left, right, stack_axes)], [shape]


def find_matrices(op, left, right):
    """Return (left, right, shape of the product) of a node that multiplies matrices.

    op: the Op of the node. left, right: the shapes of its operands.
    The left and right in the result are the shapes of the stacks of matrices that are multiplied.
    Raises Refusal if the shapes do not fit.

    MatMul: "Matrix product that behaves like numpy.matmul". If the first operand is a vector, it is
    a matrix of one row; if the second one is, it is a matrix of one column. The product has no
    dimension for this row or column.
    Gemm, FusedGemm and QGemm: "A' = transpose(A) if transA else A; B' = transpose(B) if transB else
    B; Compute Y = alpha * A' * B' + beta * C".
    FusedMatMul: "Matrix product that behaves like numpy.matmul", with `transA` and `transB`, and
    with `transBatchA` and `transBatchB`: "Whether A should be transposed on the 1st dimension and
    batch dimensions (dim-1 to dim-rank-2) before doing multiplication".

    >>> find_matrices(example(type_='MatMul'), (8, 5, 64), (64,))
    ((8, 5, 64), (64, 1), (8, 5))
    >>> find_matrices(example(type_='Gemm', transB=1), (1, 64), (10, 64))
    ((1, 64), (64, 10), (1, 10))
    >>> op = example(type_='com.microsoft.FusedMatMul', transBatchA=1)
    >>> find_matrices(op, (7, 4, 64), (64, 8))
    ((4, 7, 64), (64, 8), (4, 7, 8))
    """
    if op.node.type in TRANSPOSED_BATCH_TYPES:
        if op.flag('transBatchA'):
            left = with_first_as_rows(left)
        if op.flag('transBatchB'):
            right = with_first_as_rows(right)
    if op.node.type in (*GEMM_TYPES, *TRANSPOSED_BATCH_TYPES):
        if len(left) > 1 and op.flag('transA'):
            left = transposed(left)
        if len(right) > 1 and op.flag('transB'):
            right = transposed(right)
    # The dimensions of the product behind its stack: none for the row or column of a vector.
    rows = left[-2:-1]
    columns = right[-1:] if len(right) != 1 else ()
    if len(left) == 1:
        left = (1, *left)
    if len(right) == 1:
        right = (*right, 1)
    if not left or not right or sizes_differ(left[-1], right[-2]):
        raise Refusal(
            f'cannot multiply {list(left)} by {list(right)}; '
            'expected as many columns as there are rows'
        )
    stack = broadcast([left[:-2], right[:-2]])
    # The columns of the left and the rows of the right are as many, but one may not be known.
    inner = left[-1] if isinstance(left[-1], int) else right[-2]
    left = (*left[:-1], inner)
    right = (*right[:-2], inner, right[-1])
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
    if not op.flag('transB', default=1):  # of MatMulBnb4
        right = transposed(right)
    left, right, shape = find_matrices(op, left, right)
    return [multiply_weights(left, right, op.net.batch)], [shape]


# === Einsum ===


def einsum(op, index):
    """Einsum: "The contents of output for the given `equation`", a sum of products.

    index: of the input that is the second operand, if there is one. An Einsum of one operand
    transposes it, or sums it up, and has no MACs.
    """
    if op.input_count > MAX_OPERANDS:
        raise Unfollowed
    shapes = []
    for place in range(op.input_count):
        shapes.append(op.known_shape(place))
    terms, result = read_equation(op, shapes)
    if op.input_count != 2:
        return [], [einsum_shape(op, shapes)]
    left, right = find_operands(terms, result, shapes)
    first, second = terms
    stack_axes = []
    for axis, label in enumerate(second):
        if label in first and label in result:  # one that is not in the result is summed over
            stack_axes.append(axis)
    return [multiply(op, index, left, right, stack_axes)], [einsum_shape(op, shapes)]


MAX_OPERANDS = 100  # of an Einsum; real ones have two or three

# The term of an operand: letters, such as "bij", or letters around an ellipsis, such as "b...ij".
TERM = re.compile(r'([a-zA-Z]*)(?:([.]{3})([a-zA-Z]*))?')


def read_equation(op, shapes):
    """Return (terms, result) of an Einsum: lists of labels, of each operand and of the result.

    op: the Op of the node. shapes: of its operands.
    A label stands for a dimension. It is a letter of the equation, or a number, if an ellipsis
    stands for the dimension: of the dimensions of an ellipsis, the last is 0, the one before 1.
    Raises Unfollowed if the equation is none, does not fit the shapes, or has more terms than
    MAX_OPERANDS. Raises Refusal if it is no string, or if too much is computed for the model.

    "The equation may contain a comma-separated term for each operand, and an arrow and an output
    term. If the equation has no arrow, the output has the indices that appear exactly once, in
    alphabetical order; dimensions of an ellipsis come first."

    >>> read_equation(example(equation='...qd,...kd->...qk'), [(12, 7, 64), (12, 9, 64)])
    ([[0, 'q', 'd'], [0, 'k', 'd']], [0, 'q', 'k'])
    >>> read_equation(example(equation='ij,jk'), [(7, 64), (64, 9)])
    ([['i', 'j'], ['j', 'k']], ['i', 'k'])
    """
    inputs, arrow, output = op.any_text('equation').replace(' ', '').partition('->')
    texts = inputs.split(',')
    if len(texts) != len(shapes) or len(texts) > MAX_OPERANDS:
        raise Unfollowed
    terms = []
    for text, shape in zip(texts, shapes):
        op.count_computed(len(shape))
        terms.append(read_term(text, len(shape)))
    numbers = set()
    letters = Counter()  # {letter: how often it is in the terms}
    for term in terms:
        for label in term:
            if isinstance(label, int):
                numbers.add(label)
            else:
                letters[label] += 1
    if arrow:
        rank = len(output)
        if '...' in output:
            rank += len(numbers) - len('...')
        result = read_term(output, rank)
    else:
        once = [letter for letter in letters if letters[letter] == 1]
        result = [*sorted(numbers, reverse=True), *sorted(once)]
    labels = set(result)
    if len(labels) != len(result) or not labels <= {*numbers, *letters}:
        raise Unfollowed
    return terms, result


def read_term(text, rank):
    """Return the list of labels of a term of an equation, as `read_equation` explains them.

    text: of the term. rank: how many dimensions its operand has.
    Raises Unfollowed if the text is no term, or does not fit the rank.

    >>> read_term('b...ij', 5)
    ['b', 1, 0, 'i', 'j']
    """
    match = TERM.fullmatch(text)
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

    terms: as read_equation returns them. shapes: of the operands.
    Raises Unfollowed if a label has two sizes.

    >>> find_sizes([['i', 'j'], ['j', 'k']], [(7, 1), (64, 9)])
    {'i': 7, 'j': 64, 'k': 9}
    """
    sizes = {}
    for labels, shape in zip(terms, shapes):
        for label, size in zip(labels, shape):
            known = sizes.get(label, 1)
            if known == 1:
                sizes[label] = size
            elif size != 1 and sizes_differ(known, size):
                raise Unfollowed
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
    # Each operand has its own sizes in its stack, as one of 1 may be broadcast.
    sizes_of_first = dict(zip(first, shapes[0]))
    sizes_of_second = dict(zip(second, shapes[1]))
    left_stack = [sizes_of_first[label] for label in stacked]
    right_stack = [sizes_of_second[label] for label in stacked]
    m = math.prod(sizes[label] for label in rows)
    k = math.prod(sizes[label] for label in summed)
    n = math.prod(sizes[label] for label in columns)
    return (*left_stack, m, k), (*right_stack, k, n)
