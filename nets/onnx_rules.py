"""ONNX's operators without MACs: the shapes that they make.

A file often tells only the shapes of its inputs and weights. SHAPE_RULES has a rule for each
operator that tells the shapes of its outputs: a function of an Op that returns the shape of the
first output, or a list of the shapes of the outputs, from the first one on. A size that is not
known is a Symbol. SEQUENCE_RULES has rules for operators that make a sequence of tensors. Rules of
images and signals are in onnx_images.py.

If a rule cannot tell, it raises one of NOT_FOLLOWED (onnx_op.py), and the shape stays unknown. If
the operator cannot take such inputs, it raises Refusal, and the model is refused.

In the rules' examples, a tuple is the shape of a feature map, and a list is a constant.

Source: Operators.md, github.com/onnx/onnx, quoted where an example does not say it all
"""

import math
from collections import namedtuple

from fodlam.nets.layers import BATCH, broadcast, joined, reshaped, sizes_differ
from fodlam.nets.onnx_images import (
    affine_grid_shape,
    col2im_shape,
    conv_shape,
    depth_to_space_shape,
    dft_shape,
    global_pool_shape,
    grid_sample_shape,
    mel_weight_matrix_shape,
    non_max_suppression_shape,
    pool_shape,
    regions_shape,
    resize_shape,
    space_to_depth_shape,
    stft_shape,
    unpool_shape,
)
from fodlam.nets.onnx_op import (
    IMAGE,  # noqa: F401 (in examples)
    UNKNOWN,
    Unfollowed,
    count_axes,
    example,  # noqa: F401 (in examples)
    paired,
    single,
)
from fodlam.nets.onnx_products import einsum_shape, find_matrices

# === Kinds of operators ===

# Operators of one feature map that keep its shape and that an accelerator does on the way to DRAM.
PASS_TYPES = (
    'Abs BatchNormalization Cast CastLike Celu Ceil Clip DequantizeLinear Dropout Elu Erf Exp '
    'Floor Gelu HardSigmoid HardSwish Identity LRN LeakyRelu Log Mish Neg PRelu QuantizeLinear '
    'Reciprocal Relu Round Selu Sigmoid Sign Softplus Softsign Sqrt Swish Tanh ThresholdedRelu'
).split()

# Others that keep the shape of their first input.
SAME_TYPES = (
    'Acos Acosh Asin Asinh Atan Atanh Bernoulli BitCast BitwiseNot Cos Cosh '
    'CumProd CumSum EyeLike GroupNormalization Hardmax InstanceNormalization IsInf IsNaN '
    'LogSoftmax LpNormalization MeanVarianceNormalization Not '
    'OptionalGetElement RMSNormalization RandomNormalLike RandomUniformLike ReverseSequence '
    'RotaryEmbedding Scatter ScatterElements ScatterND Shrink Sin Sinh Softmax Tan TensorScatter '
    'Trilu'
).split()

# Operators whose operands are broadcast. If one of the operands is a constant, an accelerator does
# those in SCALE_TYPES on the way to DRAM.
SCALE_TYPES = 'Add Div Max Min Mul Pow Sub'.split()
BROADCAST_TYPES = [
    *SCALE_TYPES,
    *'And BitShift BitwiseAnd BitwiseOr BitwiseXor Equal Greater GreaterOrEqual Less'.split(),
    *'LessOrEqual Mean Mod Or Sum SwiGLU Where Xor'.split(),
]
SUM_TYPES = ('Add', 'Sum')

GLOBAL_POOL_TYPES = ('GlobalAveragePool', 'GlobalMaxPool', 'GlobalLpPool')
POOL_TYPES = ('AveragePool', 'LpPool', 'MaxPool', *GLOBAL_POOL_TYPES)

REDUCE_TYPES = (
    'ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd '
    'ReduceSum ReduceSumSquare'
).split()

# Operators whose first input is the shape of the output, or the size of a vector.
FILL_TYPES = ('BlackmanWindow', 'ConstantOfShape', 'HammingWindow', 'HannWindow')
RANDOM_TYPES = ('RandomNormal', 'RandomUniform')


# === Element by element ===


def same_shape(op):
    """Relu and many others keep the shape of their first input.

    >>> same_shape(example(IMAGE))
    (1, 64, 7, 7)
    """
    return op.shape()


def same_shapes(op):
    """Dropout: a second output, the mask, has the shape of the first input as well.

    >>> same_shapes(example(IMAGE))
    [(1, 64, 7, 7), (1, 64, 7, 7)]
    """
    return [op.shape(), op.shape()]


def broadcast_shape(op):
    """Add and other element-wise operators stretch their operands.

    >>> broadcast_shape(example(IMAGE, (64, 1, 1)))
    (1, 64, 7, 7)
    """
    return broadcast(op.shapes())


def dynamic_quantize_shapes(op):
    """DynamicQuantizeLinear: the quantized tensor, and its scale and zero point, both scalars.

    >>> dynamic_quantize_shapes(example(IMAGE))
    [(1, 64, 7, 7), (), ()]
    """
    return [op.shape(), (), ()]


def one_hot_shape(op):
    """OneHot: a dimension of the depth in the second input is inserted at `axis`, by default last.

    >>> one_hot_shape(example((1, 7), [10]))
    (1, 7, 10)
    >>> one_hot_shape(example((1, 7), [10], axis=1))
    (1, 10, 7)
    """
    indices = op.shape()
    axis = op.axis(default=-1, rank=len(indices) + 1)
    depth = single(op.numbers(1))
    if depth != int(depth):
        raise Unfollowed
    return (*indices[:axis], int(depth), *indices[axis:])


def layer_normalization_shapes(op):
    """LayerNormalization: the output, and means and deviations of what is behind `axis`.

    >>> layer_normalization_shapes(example((1, 197, 768)))
    [(1, 197, 768), (1, 197, 1), (1, 197, 1)]
    """
    shape = op.shape()
    axis = op.axis(default=-1)
    ones = [1] * (len(shape) - axis)
    return [shape, (*shape[:axis], *ones), (*shape[:axis], *ones)]


def batch_normalization_shapes(op):
    """BatchNormalization: the output, and in training a mean and a variance for each channel.

    >>> batch_normalization_shapes(example(IMAGE))
    [(1, 64, 7, 7), (64,), (64,)]
    """
    shape = op.shape()
    return [shape, shape[1:2], shape[1:2]]


def linear_attention_shapes(op):
    """LinearAttention: [N, positions, heads of queries * size of values], and the state.

    The state is "(B, H_kv, d_k, d_v)". Its MACs are not modelled.

    >>> heads = {'q_num_heads': 4, 'kv_num_heads': 2}
    >>> linear_attention_shapes(example((1, 7, 32), (1, 7, 16), (1, 7, 10), **heads))
    [(1, 7, 20), (1, 2, 8, 5)]
    """
    query_heads = op.valid_integer('q_num_heads', 1, low=1)
    heads = op.valid_integer('kv_num_heads', 1, low=1)
    n, length, _ = op.shape()
    key_size, value_size = op.shape(1)[2] // heads, op.shape(2)[2] // heads
    return [(n, length, query_heads * value_size), (n, heads, key_size, value_size)]


def causal_conv_shapes(op):
    """CausalConvWithState: the output, and the last numbers of each channel, one less than the
    kernel has.

    Its MACs are not modelled.

    >>> causal_conv_shapes(example((1, 64, 7), (64, 1, 3)))
    [(1, 64, 7), (1, 64, 2)]
    """
    n, channels, length = op.shape()
    return [(n, channels, length), (n, channels, op.shape(1)[2] - 1)]


# === Constants ===


def constant_shape(op):
    """Constant: the shape of its attribute.

    It is `value`, a tensor, or else one or several numbers.

    >>> constant_shape(example(value_ints=[0, -1])), constant_shape(example(value_float=2.5))
    ((2,), ())
    """
    for name in ('value_int', 'value_float'):
        if op.has_attribute(name):
            return ()
    for name in ('value_ints', 'value_floats'):
        if op.has_attribute(name):
            return (len(op.floats(name)),)
    return op.tensor('value').dims


def fill_shape(op):
    """ConstantOfShape, HannWindow and others: the numbers in the input are the shape.

    >>> fill_shape(example([2, 3]))
    (2, 3)
    """
    return op.input_integers(0)


def random_shape(op):
    """RandomNormal and RandomUniform: the attribute `shape`.

    >>> random_shape(example(shape=[2, 3]))
    (2, 3)
    """
    return op.integers('shape')


def range_shape(op):
    """Range: numbers from the first input to before the second, in steps of the third.

    "number_of_elements = max( ceil( (limit - start) / delta ) , 0 )".

    >>> range_shape(example([0], [10], [3]))
    (4,)
    """
    numbers = []
    for index in range(3):
        numbers.extend(op.numbers(index))
    start, limit, delta = numbers
    count = -((start - limit) // delta)  # rounded up
    if math.isnan(count):
        return (UNKNOWN,)
    return (max(int(count), 0),)


def shape_shape(op):
    """Shape: a vector, with a number for each dimension from `start` to before `end`.

    >>> shape_shape(example(IMAGE)), shape_shape(example(IMAGE, start=-2))
    ((4,), (2,))
    """
    return (len(sliced_shape(op)),)


def sliced_shape(op):
    """Return the sizes of a Shape node's input, from `start` to before `end`; by default, all.

    "Negative value means counting dimensions from the back", and what is outside is left out.
    """
    start, end = op.integer('start', 0), op.integer('end', None)
    return op.shape()[start:end]


def scalar_shape(op):
    """Size, SequenceLength: one number."""
    return ()


# === Moving numbers ===


def concat_shape(op):
    """Concat: values one behind the other, along `axis`.

    >>> concat_shape(example(IMAGE, IMAGE, axis=1))
    (1, 128, 7, 7)
    """
    return joined(op.shapes(), op.axis())


def expand_shape(op):
    """Expand: broadcast to the shape in the second input.

    >>> expand_shape(example(IMAGE, [8, 1, 1, 1]))
    (8, 64, 7, 7)
    """
    return broadcast([op.shape(), op.input_integers(1)])


def flatten_shape(op):
    """Flatten: a matrix. The dimensions from `axis` on become its columns, by default from 1 on.

    >>> flatten_shape(example(IMAGE))
    (1, 3136)
    >>> flatten_shape(example(IMAGE, axis=2))
    (64, 49)
    """
    axis = op.integer('axis', 1)
    shape = op.shape()
    if not -len(shape) <= axis <= len(shape):
        raise Unfollowed
    return math.prod(shape[:axis]), math.prod(shape[axis:])


def gather_shape(op):
    """Gather: the indices in the second input are looked up along `axis`.

    >>> gather_shape(example(IMAGE, [3, 5], axis=1))
    (1, 2, 7, 7)
    """
    shape = op.shape()
    axis = op.axis()
    return (*shape[:axis], *op.shape(1), *shape[axis + 1 :])


def gather_elements_shape(op):
    """GatherElements: the shape of the indices in the second input.

    >>> gather_elements_shape(example(IMAGE, (1, 64, 3, 7)))
    (1, 64, 3, 7)
    """
    return op.shape(1)


def gather_nd_shape(op):
    """GatherND: each row of the second input has the first indices of a part of the data.

    The parts are of the dimensions that are not indexed. The first `batch_dims` dimensions of both
    are the same.

    >>> gather_nd_shape(example(IMAGE, (5, 2)))
    (5, 7, 7)
    >>> gather_nd_shape(example(IMAGE, (1, 5, 1), batch_dims=1))
    (1, 5, 7, 7)
    """
    shape, indices = op.shape(), op.shape(1)
    indexed = op.integer('batch_dims', 0) + indices[-1]
    if indexed > len(shape):
        raise Unfollowed
    return (*indices[:-1], *shape[indexed:])


def compress_shape(op):
    """Compress: some indices along `axis` are kept; without it, some of all numbers are.

    >>> compress_shape(example(IMAGE, (64,), axis=1))
    (1, ?, 7, 7)
    """
    if not op.has_attribute('axis'):
        return (UNKNOWN,)
    return op.with_sizes({op.axis(): UNKNOWN})


def nonzero_shape(op):
    """NonZero: a column of indices for each number that is not zero.

    >>> nonzero_shape(example(IMAGE)), nonzero_shape(example([3, 0, 5]))
    ((4, ?), (1, 2))
    """
    rank = len(op.shape())
    try:
        numbers = op.constant().numbers
    except Unfollowed:
        return (rank, UNKNOWN)
    if any(math.isnan(number) for number in numbers):
        return (rank, UNKNOWN)
    return (rank, len([number for number in numbers if number]))


def unique_shapes(op):
    """Unique: the different numbers, or parts along `axis`, and three vectors of indices.

    >>> unique_shapes(example(IMAGE, axis=1, outputs=4))
    [(1, ?, 7, 7), (?,), (64,), (?,)]
    """
    if op.has_attribute('axis'):
        axis = op.axis()
        kept, count = op.with_sizes({axis: UNKNOWN}), op.shape()[axis]
    else:
        kept, count = (UNKNOWN,), math.prod(op.shape())
    return [kept, (UNKNOWN,), (count,), (UNKNOWN,)]


def pad_shape(op):
    """Pad: the second input has the padding at the start of each axis, then at the end of each.

    A fourth input may name the axes; by default, all are padded.

    >>> pad_shape(example(IMAGE, [0, 0, 1, 1, 0, 0, 2, 2]))
    (1, 64, 10, 10)
    >>> pad_shape(example(IMAGE, [1, 2], None, [-1]))
    (1, 64, 7, 10)
    """
    pads = op.input_or_attribute(1, 'pads', op.integers('paddings'))  # `paddings` in version 1
    axes = named_axes(op, len(op.shape()), index=3)
    befores, afters = pads[: len(axes)], pads[len(axes) :]
    sizes = {}
    for (axis, before), after in zip(paired(axes, befores).items(), afters):
        sizes[axis] = op.shape()[axis] + (before + after)
    if len(afters) != len(axes):
        raise Unfollowed
    return op.with_sizes(sizes)


def center_crop_pad_shape(op):
    """CenterCropPad: the second input has the sizes along `axes`; by default, all sizes.

    >>> center_crop_pad_shape(example(IMAGE, [9, 5], axes=[2, 3]))
    (1, 64, 9, 5)
    """
    rank = len(op.shape())
    axes = count_axes(op.integers('axes', range(rank)), rank)
    return op.with_sizes(paired(axes, op.input_integers(1)))


def reshape_shape(op):
    """Reshape: the second input is the shape, in which 0 and -1 have a meaning (see reshaped).

    "allowzero=1 indicates that if any value in the 'shape' input is set to zero, the zero value is
    honored".

    >>> reshape_shape(example(IMAGE, [0, -1]))
    (1, 3136)
    """
    dims = op.input_or_attribute(1, 'shape')
    if dims.count(-1) > 1 or min(dims, default=0) < -1:
        raise Unfollowed
    if op.integer('allowzero', 0) and 0 in dims:
        return dims
    if not op.has_input(1) and not op.has_attribute('shape'):
        raise Unfollowed
    return reshaped(op.shape(), dims)


def slice_shape(op):
    """Slice: inputs are the starts, ends, axes and steps.

    >>> slice_shape(example(IMAGE, [1], [9], [1], [2]))  # channels 1, 3, 5 and 7
    (1, 4, 7, 7)
    """
    sizes = {}
    for axis, part in find_slices(op).items():
        size = op.shape()[axis]
        if math.isnan(size):
            sizes[axis] = UNKNOWN
            continue
        count = len(range(*part.indices(size)))
        if size % BATCH == 0 and count > 1 and count != size:  # it depends on the batch
            count = UNKNOWN
        sizes[axis] = count
    return op.with_sizes(sizes)


def find_slices(op):
    """Return {axis: slice} of a Slice node; starts and ends may lie outside of the dimension."""
    rank = len(op.shape())
    starts, ends = op.input_or_attribute(1, 'starts'), op.input_or_attribute(2, 'ends')
    axes = count_axes(op.input_or_attribute(3, 'axes', default=range(len(starts))), rank)
    steps = op.input_integers(4, default=[1] * len(starts))
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise Unfollowed
    slices = {}
    for axis, start, end, step in zip(axes, starts, ends, steps):
        slices[axis] = slice(start, end, step)
    return slices


def split_shapes(op):
    """Split: parts along `axis`, whose sizes are a second input or an attribute.

    If no sizes are given, all parts are of one size: "If the tensor is not evenly splittable into
    num_outputs, the last chunk will be smaller."

    >>> split_shapes(example(IMAGE, [16, 48], axis=1, outputs=2))
    [(1, 16, 7, 7), (1, 48, 7, 7)]
    >>> split_shapes(example(IMAGE, axis=2, outputs=2))
    [(1, 64, 4, 7), (1, 64, 3, 7)]
    """
    axis = op.axis()
    parts = op.input_or_attribute(1, 'split')
    count = len(op.node.outputs)
    if not parts:
        size = op.shape()[axis]
        part = -(-size // count)  # rounded up
        rest = size - part * (count - 1)
        parts = [part] * (count - 1) + [rest]
    if len(parts) != count or sizes_differ(sum(parts), op.shape()[axis]):
        raise Unfollowed
    return [op.with_sizes({axis: part}) for part in parts]


def squeeze_shape(op):
    """Squeeze: the axes that are named are removed.

    "If `axes` is not provided, all the single dimensions will be removed from the shape."

    >>> squeeze_shape(example(IMAGE, [0]))
    (64, 7, 7)
    >>> squeeze_shape(example((BATCH, 64, 1, 1))) == (BATCH, 64)
    True
    """
    shape = op.shape()
    if op.has_input(1) or op.integers('axes'):
        axes = named_axes(op, len(shape))
    elif any(math.isnan(size) for size in shape):
        raise Unfollowed
    else:
        axes = [axis for axis, size in enumerate(shape) if size == 1]
    for axis in axes:
        if sizes_differ(shape[axis], 1) and shape[axis] % BATCH != 0:
            raise Unfollowed
    return op.with_sizes(dict.fromkeys(axes, None))


def tile_shape(op):
    """Tile: the second input tells how often the values are repeated along each dimension.

    >>> tile_shape(example(IMAGE, [1, 1, 2, 2]))
    (1, 64, 14, 14)
    """
    shape, repeats = op.shape(), op.input_integers(1)
    if len(shape) != len(repeats):
        raise Unfollowed
    return tuple(size * repeat for size, repeat in zip(shape, repeats))


def transpose_shape(op):
    """Transpose: dimensions in the order of `perm`; by default, reversed.

    >>> transpose_shape(example(IMAGE, perm=[0, 2, 3, 1]))
    (1, 7, 7, 64)
    """
    shape = op.shape()
    return tuple(shape[axis] for axis in find_order(op))


def find_order(op):
    """Return the axes of a Transpose node's input, in the order in which they are in the output."""
    rank = len(op.shape())
    order = op.integers('perm', default=range(rank - 1, -1, -1))
    if sorted(order) != list(range(rank)):
        raise Unfollowed
    return order


def unsqueeze_shape(op):
    """Unsqueeze: new dimensions of 1, at these axes of the result.

    >>> unsqueeze_shape(example(IMAGE, [0, -1]))
    (1, 1, 64, 7, 7, 1)
    """
    sizes = list(op.shape())
    axes = op.input_or_attribute(1, 'axes')
    rank = len(sizes) + len(axes)
    axes = count_axes(axes, rank)
    if len(set(axes)) != len(axes):
        raise Unfollowed
    result = []
    for axis in range(rank):
        result.append(1 if axis in axes else sizes.pop(0))
    return tuple(result)


# === Reductions ===


def reduce_shape(op):
    """ReduceMean and others: each of the axes that are named gets the size 1, or is removed.

    Without axes, all are reduced, or none if `noop_with_empty_axes` is 1.

    >>> reduce_shape(example(IMAGE, axes=[2, 3]))
    (1, 64, 1, 1)
    >>> reduce_shape(example(IMAGE, [2, 3], keepdims=0))
    (1, 64)
    """
    size = 1 if op.integer('keepdims', 1) else None
    return op.with_sizes(dict.fromkeys(reduced_axes(op), size))


def reduced_axes(op):
    """Return the axes that a ReduceMean and its like reduces, as a list."""
    rank = len(op.shape())
    axes = op.input_or_attribute(1, 'axes')
    if not axes and not op.integer('noop_with_empty_axes', 0):
        axes = range(rank)
    return count_axes(axes, rank)


def named_axes(op, rank, index=1):
    """Return the axes that a node names as `axes`, an input or an attribute; all if it names none.

    rank: how many dimensions there are.
    index: of the input.
    """
    return count_axes(op.input_or_attribute(index, 'axes', default=range(rank)), rank)


def arg_shape(op):
    """ArgMax and ArgMin: as a reduction of `axis`, by default of the first one.

    >>> arg_shape(example(IMAGE, axis=1, keepdims=0))
    (1, 7, 7)
    """
    size = 1 if op.integer('keepdims', 1) else None
    return op.with_sizes({op.axis(): size})


def top_k_shapes(op):
    """TopK: the K largest numbers along `axis`, by default the last one, and their indices.

    >>> top_k_shapes(example((1, 100), [5]))
    [(1, 5), (1, 5)]
    """
    k = op.input_integer(1) if op.has_input(1) else op.needed_integer('k')  # `k` in version 1
    shape = op.with_sizes({op.axis(default=-1): k})
    return [shape, shape]


def det_shape(op):
    """Det: a number for each matrix of a stack.

    >>> det_shape(example((4, 3, 3)))
    (4,)
    """
    return op.shape()[:-2]


# === Products of constants ===


def product_shape(index):
    """Return the rule of MatMul and others of constants; of features, they have MACs.

    index: of the second operand.

    >>> product_shape(1)(example((8, 5), (5, 7), type_='MatMul'))
    (8, 7)
    """

    def rule(op):
        _, _, shape = find_matrices(op, op.shape(), op.shape(index))
        return shape

    return rule


def einsum_of_constants_shape(op):
    """Einsum of constants: the sizes of the letters in the result.

    >>> einsum_of_constants_shape(example((8, 5), (5, 7), equation='ij,jk->ki'))
    (7, 8)
    """
    return einsum_shape(op, op.shapes())


# === Sequences ===


class Element(namedtuple('Element', 'shape numbers')):
    """A tensor in a sequence: its shape, and its numbers if it is a small constant, or None."""

    __slots__ = ()


def find_sequence(op, index=0):
    """Return the list of Elements of an input that is a sequence."""
    sequence = op.net.sequences.get(op.input(index))
    if sequence is None:
        raise Unfollowed
    op.count_computed(len(sequence))
    return sequence


def find_position(op, sequence, index=1):
    """Return the position in a sequence that an input has.

    "Negative value means counting positions from the back."
    """
    position = op.input_integer(index)
    if not -len(sequence) <= position < len(sequence):
        raise Unfollowed
    return position


def construct_sequence(op):
    """SequenceConstruct: the inputs."""
    elements = []
    for index in range(check_count(op.input_count)):
        elements.append(Element(op.shape(index), op.net.numbers(op.input(index))))
    return elements


def empty_sequence(op):
    """SequenceEmpty: nothing."""
    return []


def same_sequence(op):
    """Identity: the sequence that it reads."""
    return find_sequence(op)


def split_sequence(op):
    """SplitToSequence: parts along `axis`; the second input has their sizes, or one for all.

    "If 'split' is a scalar, the last chunk may be smaller." Without it, all parts are of size 1,
    and the dimension is removed if `keepdims` is 0.

    >>> [element.shape for element in split_sequence(example((1, 6, 8), [2, 4], axis=1))]
    [(1, 2, 8), (1, 4, 8)]
    """
    axis = op.axis()
    size = op.shape()[axis]
    if not op.has_input(1):
        part = 1 if op.integer('keepdims', 1) else None
        parts = [part] * check_count(size)
    elif op.shape(1) == ():
        step = op.input_integer(1)
        whole = check_count(size // step)
        rest = size - step * whole
        parts = [step] * whole + ([rest] if rest else [])
    else:
        parts = op.input_integers(1)
    return [Element(op.with_sizes({axis: part}), None) for part in parts]


def check_count(count):
    """Return a number of elements; raise Unfollowed if they are too many for a sequence."""
    if not isinstance(count, int) or not 0 <= count <= MAX_ELEMENTS:
        raise Unfollowed
    return count


def insert_in_sequence(op):
    """SequenceInsert: the second input is inserted before a position, by default at the end."""
    sequence = list(find_sequence(op))
    check_count(len(sequence) + 1)
    element = Element(op.shape(1), op.net.numbers(op.input(1)))
    position = find_position(op, sequence, 2) if op.has_input(2) else len(sequence)
    sequence.insert(position, element)
    return sequence


def erase_in_sequence(op):
    """SequenceErase: without the element at a position, by default the last one."""
    sequence = list(find_sequence(op))
    del sequence[find_position(op, sequence) if op.has_input(1) else -1]
    return sequence


MAX_ELEMENTS = 256  # in a sequence; a longer one is not followed, or it could grow forever

SEQUENCE_RULES = {
    'Identity': same_sequence,
    'SequenceConstruct': construct_sequence,
    'SequenceEmpty': empty_sequence,
    'SequenceErase': erase_in_sequence,
    'SequenceInsert': insert_in_sequence,
    'SplitToSequence': split_sequence,
}


def sequence_at_shape(op):
    """SequenceAt: the shape of the element at a position; if all are the same, of any of them."""
    sequence = find_sequence(op)
    shapes = {element.shape for element in sequence}
    if len(shapes) == 1:
        return sequence[0].shape
    return sequence[find_position(op, sequence)].shape


def concat_from_sequence_shape(op):
    """ConcatFromSequence: elements one behind the other along `axis`.

    With `new_axis`, the elements are stacked along an axis of their own.
    """
    shapes = [element.shape for element in find_sequence(op)]
    rank = len(shapes[0])
    if not op.integer('new_axis', 0):
        return joined(shapes, op.axis(rank=rank))
    axis = op.axis(rank=rank + 1)
    stacked = [(*shape[:axis], 1, *shape[axis:]) for shape in shapes]
    return joined(stacked, axis)


# === All of them ===

SHAPE_RULES = {
    **dict.fromkeys([*PASS_TYPES, *SAME_TYPES], same_shape),
    **dict.fromkeys(BROADCAST_TYPES, broadcast_shape),
    **dict.fromkeys(FILL_TYPES, fill_shape),
    **dict.fromkeys(GLOBAL_POOL_TYPES, global_pool_shape),
    **dict.fromkeys(RANDOM_TYPES, random_shape),
    **dict.fromkeys(REDUCE_TYPES, reduce_shape),
    'AffineGrid': affine_grid_shape,
    'ArgMax': arg_shape,
    'ArgMin': arg_shape,
    'AveragePool': pool_shape,
    'BatchNormalization': batch_normalization_shapes,
    'CausalConvWithState': causal_conv_shapes,
    'CenterCropPad': center_crop_pad_shape,
    'Col2Im': col2im_shape,
    'Compress': compress_shape,
    'Concat': concat_shape,
    'ConcatFromSequence': concat_from_sequence_shape,
    'Constant': constant_shape,
    'Conv': conv_shape(1),
    'ConvInteger': conv_shape(1),
    'ConvTranspose': conv_shape(1),
    'DFT': dft_shape,
    'DeformConv': conv_shape(1),
    'DepthToSpace': depth_to_space_shape,
    'Det': det_shape,
    'Dropout': same_shapes,
    'DynamicQuantizeLinear': dynamic_quantize_shapes,
    'Einsum': einsum_of_constants_shape,
    'Expand': expand_shape,
    'Flatten': flatten_shape,
    'Gather': gather_shape,
    'GatherElements': gather_elements_shape,
    'GatherND': gather_nd_shape,
    'Gemm': product_shape(1),
    'GridSample': grid_sample_shape,
    'LayerNormalization': layer_normalization_shapes,
    'LinearAttention': linear_attention_shapes,
    'LpPool': pool_shape,
    'MatMul': product_shape(1),
    'MatMulInteger': product_shape(1),
    'MaxPool': pool_shape,
    'MaxRoiPool': regions_shape,
    'MaxUnpool': unpool_shape,
    'MelWeightMatrix': mel_weight_matrix_shape,
    'NonMaxSuppression': non_max_suppression_shape,
    'NonZero': nonzero_shape,
    'OneHot': one_hot_shape,
    'Pad': pad_shape,
    'QLinearConv': conv_shape(3),
    'QLinearMatMul': product_shape(3),
    'Range': range_shape,
    'Reshape': reshape_shape,
    'Resize': resize_shape,
    'RoiAlign': regions_shape,
    'STFT': stft_shape,
    'SequenceAt': sequence_at_shape,
    'SequenceLength': scalar_shape,
    'Shape': shape_shape,
    'Size': scalar_shape,
    'Slice': slice_shape,
    'SpaceToDepth': space_to_depth_shape,
    'Split': split_shapes,
    'Squeeze': squeeze_shape,
    'Tile': tile_shape,
    'TopK': top_k_shapes,
    'Transpose': transpose_shape,
    'Unique': unique_shapes,
    'Unsqueeze': unsqueeze_shape,
    'Upsample': resize_shape,
}
