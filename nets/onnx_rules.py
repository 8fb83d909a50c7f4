"""ONNX's operators: the shapes and the small constants that they make, and their roles.

A file often tells only the shapes of its inputs and weights. SHAPE_RULES has a rule for each
operator that tells the shapes of its outputs: a function of an Op that returns the shape of the
first output, or a list of the shapes of all outputs.

Shapes also depend on numbers. A model that flattens images in batches of any size computes the
sizes for its Reshape from the image's own sizes, by a Shape, a Gather and a Concat. NUMBER_RULES
has rules for the numbers of an operator's first output, if they depend on nothing but shapes and
constants.

If a rule cannot tell, it raises one of NOT_FOLLOWED, and the shape or the numbers stay unknown. If
the operator cannot take such inputs, it raises ValueError, and the model is refused.

In the rules' examples, a tuple is the shape of a feature map, and a list is a constant.

Source: Operators.md, github.com/onnx/onnx
"""

import contextlib
import itertools
import math
import operator

from fodlam.nets.layers import BATCH, broadcast, is_known, joined, reshaped
from fodlam.nets.network import GATE, OTHER, PASS, POOL, SUM
from fodlam.nets.onnx_file import MAX_NUMBERS
from fodlam.nets.onnx_macs import find_matrices, move_window
from fodlam.nets.onnx_op import Unfollowed, count_axes, example  # noqa: F401 (in examples)

IMAGE = (1, 64, 7, 7)  # for the examples

# Errors of a rule that does not know enough: a number that is not there, an operation on it that is
# impossible, or one of an unexpected type.
NOT_FOLLOWED = (LookupError, ArithmeticError, TypeError)

# === Kinds of operators ===

# Operators of one feature map that keep its shape and that an accelerator does on the way to DRAM.
PASS_TYPES = (
    'Abs BatchNormalization Cast CastLike Celu Ceil Clip DequantizeLinear Dropout Elu Erf Exp '
    'Floor Gelu HardSigmoid HardSwish Identity LRN LeakyRelu Log Mish Neg PRelu QuantizeLinear '
    'Reciprocal Relu Round Selu Sigmoid Sign Softplus Softsign Sqrt Swish Tanh ThresholdedRelu'
).split()

# Others that keep the shape of their first input.
SAME_TYPES = (
    'Cos CumSum GroupNormalization Hardmax InstanceNormalization IsNaN LayerNormalization '
    'LogSoftmax LpNormalization MeanVarianceNormalization Not RMSNormalization '
    'ScatterElements ScatterND Sin Softmax Trilu'
).split()

# Operators whose operands are broadcast. If one of the operands is a constant, an accelerator does
# those in SCALE_TYPES on the way to DRAM.
SCALE_TYPES = 'Add Div Max Min Mul Pow Sub'.split()
BROADCAST_TYPES = [
    *SCALE_TYPES,
    *'And Equal Greater GreaterOrEqual Less LessOrEqual Mean Mod Or Sum Where Xor'.split(),
]
SUM_TYPES = ('Add', 'Sum')

GLOBAL_POOL_TYPES = ('GlobalAveragePool', 'GlobalMaxPool', 'GlobalLpPool')
POOL_TYPES = ('AveragePool', 'LpPool', 'MaxPool', *GLOBAL_POOL_TYPES)

REDUCE_TYPES = (
    'ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd '
    'ReduceSum'
).split()


def find_role(op, inputs, shapes):
    """Return the role of a node (nets/network.py).

    op: the Op of the node.
    inputs: the values that it reads and that depend on the network's input.
    shapes: {value: shape}, for its inputs and outputs.
    """
    type_ = op.node.type
    if len(inputs) == 1 and type_ in PASS_TYPES:
        return PASS
    # Operands of different shapes are broadcast: the result may be larger than a layer's ofmap.
    if have_one_shape([*inputs, *op.node.outputs[:1]], shapes):
        if len(inputs) == 1 and type_ in SCALE_TYPES:
            return PASS
        if len(inputs) > 1 and type_ in SUM_TYPES:
            return SUM
        if len(inputs) > 1 and type_ in SCALE_TYPES:
            return GATE
    if type_ in POOL_TYPES or is_global_pooling(op):
        return POOL
    return OTHER


def have_one_shape(values, shapes):
    """Return whether values are known to have the same shape, except for the batch.

    shapes: {value: shape}.
    """
    sizes = []
    for value in values:
        shape = shapes.get(value)
        if not is_known(shape):
            return False
        sizes.append(shape[1:])
    return all(size == sizes[0] for size in sizes)


def is_global_pooling(op):
    """Return whether a node is a mean over the height and width of an image."""
    if op.node.type != 'ReduceMean':
        return False
    with contextlib.suppress(LookupError):
        if len(op.shape()) == 4:
            return sorted(named_axes(op, rank=4)) == [2, 3]
    return False


# === Shapes ===


def same_shape(op):
    """Relu and many others keep the shape of their first input.

    >>> same_shape(example(IMAGE))
    (1, 64, 7, 7)
    """
    return op.shape()


def broadcast_shape(op):
    """Add and other element-wise operators stretch their operands.

    >>> broadcast_shape(example(IMAGE, (64, 1, 1)))
    (1, 64, 7, 7)
    """
    return broadcast(op.shapes())


def concat_shape(op):
    """Concat: values one behind the other, along `axis`.

    >>> concat_shape(example(IMAGE, IMAGE, axis=1))
    (1, 128, 7, 7)
    """
    shapes = op.shapes()
    return joined(shapes, op.axis())


def constant_shape(op):
    """Constant: the shape of its attribute `value`."""
    return op.tensor('value').dims


def constant_of_shape_shape(op):
    """ConstantOfShape: the numbers in its input are the shape.

    >>> constant_of_shape_shape(example([2, 3]))
    (2, 3)
    """
    return op.input_integers(0)


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


def global_pool_shape(op):
    """GlobalAveragePool and others: one pixel for each channel.

    >>> global_pool_shape(example(IMAGE))
    (1, 64, 1, 1)
    """
    shape = op.shape()
    ones = [1] * len(shape[2:])
    return (*shape[:2], *ones)


def matmul_shape(op):
    """MatMul of constants; of features, it has MACs (onnx_macs.py)."""
    if op.input_count < 2:
        raise Unfollowed
    _, _, shape = find_matrices(op)
    return shape


def pad_shape(op):
    """Pad: the second input has the padding at the start of each axis, then at the end of each.

    A fourth input may name the axes; by default, all are padded.

    >>> pad_shape(example(IMAGE, [0, 0, 1, 1, 0, 0, 2, 2]))
    (1, 64, 10, 10)
    """
    pads = op.input_or_attribute(1, 'pads')
    rank = len(op.shape())
    axes = named_axes(op, rank, index=3)
    sizes = {}
    for axis, before, after in zip(axes, pads, pads[len(axes) :]):
        sizes[axis] = op.shape()[axis] + (before + after)
    return op.with_sizes(sizes)


def pool_shape(op):
    """MaxPool and others: a window moves over the image (move_window).

    >>> pool_shape(example(IMAGE, kernel_shape=[3, 3], strides=[2, 2]))
    (1, 64, 3, 3)
    """
    channels = op.shape()[1]
    return windowed_shape(op, channels, [1] * len(op.shape()[2:]))


def conv_shape(op):
    """Conv of constants: a window moves over the image, once for each filter (move_window).

    >>> conv_shape(example(IMAGE, (128, 64, 3, 3)))
    (1, 128, 5, 5)
    """
    weights = op.shape(1)
    return windowed_shape(op, weights[0], weights[2:])


def windowed_shape(op, channels, kernel):
    """Return the shape of the output of a node that moves a kernel over an image.

    channels: of the output.
    kernel: its sizes, if the attribute `kernel_shape` is left out.
    """
    shape = op.shape()
    if len(shape) < 3:
        raise Unfollowed
    kernel = op.valid_integers('kernel_shape', kernel, low=1)
    _, sizes = move_window(op, shape[2:], kernel)
    return (shape[0], channels, *sizes)


def range_shape(op):
    """Range: numbers from the first input to before the second, in steps of the third.

    "number_of_elements = max( ceil( (limit - start) / delta ) , 0 )".

    >>> range_shape(example([0], [10], [3]))
    (4,)
    """
    numbers = []
    for operand in op.all_numbers():
        numbers.extend(operand)
    start, limit, delta = numbers
    return (max(-((start - limit) // delta), 0),)  # rounded up


def reduce_shape(op):
    """ReduceMean and others: each of the axes that are named gets the size 1, or is removed.

    >>> reduce_shape(example(IMAGE, axes=[2, 3]))
    (1, 64, 1, 1)
    >>> reduce_shape(example(IMAGE, [2, 3], keepdims=0))
    (1, 64)
    """
    is_noop = op.integers('noop_with_empty_axes') == (1,) and op.input_count < 2
    size = 1 if op.integer('keepdims', 1) else None
    if is_noop:
        return op.shape()
    axes = named_axes(op, len(op.shape()))
    return op.with_sizes(dict.fromkeys(axes, size))


def named_axes(op, rank, index=1):
    """Return the axes that a node names as `axes`, an input or an attribute; all if it names none.

    rank: how many dimensions there are.
    index: of the input.
    """
    return count_axes(op.input_or_attribute(index, 'axes', default=range(rank)), rank)


def reshape_shape(op):
    """Reshape: the second input is the shape, in which 0 and -1 have a meaning (see reshaped).

    >>> reshape_shape(example(IMAGE, [0, -1]))
    (1, 3136)
    """
    shape = op.shape()
    return reshaped(shape, op.input_or_attribute(1, 'shape'))


def resize_shape(op):
    """Resize and Upsample: the last input has sizes if it is the fourth, and scales if it is not.

    They are for the axes in the attribute `axes`; by default, for all. "output_dimension =
    floor(input_dimension * scale)".

    >>> resize_shape(example(IMAGE, [1.0, 1.0, 2.0, 2.5]))
    (1, 64, 14, 17)
    >>> resize_shape(example(IMAGE, [], [], [1, 64, 9, 9]))
    (1, 64, 9, 9)
    """
    rank = len(op.shape())
    axes = count_axes(op.integers('axes', default=range(rank)), rank)
    if op.input_count == 4:
        return op.with_sizes(dict(zip(axes, op.input_or_attribute(3, 'sizes'))))
    sizes = {}
    for axis, scale in zip(axes, op.numbers(op.input_count - 1)):
        sizes[axis] = int(op.shape()[axis] * scale)
    return op.with_sizes(sizes)


def shape_shape(op):
    """Shape: a vector, with a number for each dimension.

    >>> shape_shape(example(IMAGE))
    (4,)
    """
    return (len(op.shape()),)


def slice_shape(op):
    """Slice: inputs are the starts, ends, axes and steps.

    >>> slice_shape(example(IMAGE, [1], [9], [1], [2]))  # channels 1, 3, 5 and 7
    (1, 4, 7, 7)
    """
    sizes = {}
    for axis, part in find_slices(op).items():
        indices = range(*part.indices(op.shape()[axis]))
        sizes[axis] = len(indices)
    return op.with_sizes(sizes)


def find_slices(op):
    """Return {axis: slice} of a Slice node; starts and ends may lie outside of the dimension."""
    rank = len(op.shape())
    starts, ends = op.input_or_attribute(1, 'starts'), op.input_or_attribute(2, 'ends')
    axes = count_axes(op.input_or_attribute(3, 'axes', default=range(len(starts))), rank)
    steps = op.input_integers(4, default=[1] * len(starts))
    slices = {}
    for axis, start, end, step in zip(axes, starts, ends, steps):
        slices[axis] = slice(start, end, step or 1)  # a step of 0 is an error to Python
    return slices


def split_shapes(op):
    """Split: parts along `axis`, whose sizes are a second input or an attribute.

    If no sizes are given, all parts are of one size: "If the tensor is not evenly splittable into
    num_outputs, the last chunk will be smaller."

    >>> split_shapes(example(IMAGE, [16, 48], axis=1))
    [(1, 16, 7, 7), (1, 48, 7, 7)]
    >>> split_shapes(example(IMAGE, axis=2, outputs=2))
    [(1, 64, 4, 7), (1, 64, 3, 7)]
    """
    axis = op.axis()
    parts = op.input_or_attribute(1, 'split')
    if not parts:
        count = len(op.node.outputs)
        size = op.shape()[axis]
        part = -(-size // count)  # rounded up
        rest = size - part * (count - 1)
        parts = [part] * (count - 1) + [rest]
    return [op.with_sizes({axis: part}) for part in parts]


def squeeze_shape(op):
    """Squeeze: the axes that are named are removed.

    >>> squeeze_shape(example(IMAGE, [0]))
    (64, 7, 7)
    """
    axes = named_axes(op, len(op.shape()))
    return op.with_sizes(dict.fromkeys(axes, None))


def tile_shape(op):
    """Tile: the second input tells how often the values are repeated along each dimension.

    >>> tile_shape(example(IMAGE, [1, 1, 2, 2]))
    (1, 64, 14, 14)
    """
    return tuple(size * repeats for size, repeats in zip(op.shape(), op.input_integers(1)))


def transpose_shape(op):
    """Transpose: dimensions in the order of `perm`; by default, reversed.

    >>> transpose_shape(example(IMAGE, perm=[0, 2, 3, 1]))
    (1, 7, 7, 64)
    """
    shape = op.shape()
    reverse = range(len(shape) - 1, -1, -1)
    return tuple(shape[axis] for axis in op.integers('perm', default=reverse))


def unsqueeze_shape(op):
    """Unsqueeze: new dimensions of 1, at these axes of the result.

    >>> unsqueeze_shape(example(IMAGE, [0, -1]))
    (1, 1, 64, 7, 7, 1)
    """
    sizes = list(op.shape())
    rank = len(sizes) + len(op.input_or_attribute(1, 'axes'))
    axes = named_axes(op, rank)
    result = []
    for axis in range(rank):
        if axis in axes:
            result.append(1)
        elif sizes:
            result.append(sizes.pop(0))
        else:  # an axis is named twice, so that there are more dimensions than sizes
            result.append(math.nan)
    return tuple(result)


SHAPE_RULES = {
    **dict.fromkeys([*PASS_TYPES, *SAME_TYPES], same_shape),
    **dict.fromkeys(BROADCAST_TYPES, broadcast_shape),
    **dict.fromkeys(REDUCE_TYPES, reduce_shape),
    **dict.fromkeys(GLOBAL_POOL_TYPES, global_pool_shape),
    'AveragePool': pool_shape,
    'Concat': concat_shape,
    'Constant': constant_shape,
    'ConstantOfShape': constant_of_shape_shape,
    'Conv': conv_shape,
    'Expand': expand_shape,
    'Flatten': flatten_shape,
    'Gather': gather_shape,
    'GatherElements': gather_elements_shape,
    'LpPool': pool_shape,
    'MatMul': matmul_shape,
    'MaxPool': pool_shape,
    'Pad': pad_shape,
    'Range': range_shape,
    'Reshape': reshape_shape,
    'Resize': resize_shape,
    'Shape': shape_shape,
    'Slice': slice_shape,
    'Split': split_shapes,
    'Squeeze': squeeze_shape,
    'Tile': tile_shape,
    'Transpose': transpose_shape,
    'Unsqueeze': unsqueeze_shape,
    'Upsample': resize_shape,
}


# === Numbers ===


def same_numbers(op):
    """Reshape and others that change nothing but the shape: the numbers of the first input."""
    return op.numbers()


def cast_numbers(op):
    """Cast: to integers, rounded towards zero, if it is to int32 or int64; or else to floats.

    >>> cast_numbers(example([2.5, -2.5], to=7))
    [2, -2]
    """
    is_integer = op.integers('to') in ((6,), (7,))  # int32, int64: TensorProto.DataType
    convert = int if is_integer else float
    return [convert(number) for number in op.numbers()]


def concat_numbers(op):
    """Concat: the numbers of all inputs. They are an iterator, as there may be very many.

    >>> tuple(concat_numbers(example([1, 64], [49])))
    (1, 64, 49)
    """
    return itertools.chain.from_iterable(op.all_numbers())


def constant_numbers(op):
    """Constant: the numbers of its attribute `value`."""
    numbers = op.net.wire.numbers(op.tensor('value'))
    if numbers is None:
        raise Unfollowed
    return numbers


def constant_of_shape_numbers(op):
    """ConstantOfShape: its attribute `value`, or 0, for each number of the shape.

    >>> constant_of_shape_numbers(example([2, 3]))
    (0, 0, 0, 0, 0, 0)
    """
    numbers = (0,)
    if op.node.attributes.get('value'):
        numbers = constant_numbers(op)
    count = math.prod(op.input_integers(0))
    return numbers * min(count, MAX_NUMBERS + 1)  # one more than allowed tells that they are many


def gather_numbers(op):
    """Gather: the numbers or, of a matrix, the rows at the indices in the second input.

    >>> gather_numbers(example([1, 64, 7, 7], [1]))
    [64]
    """
    numbers = []
    for index in op.input_integers(1):
        numbers.extend(op.rows()[index])
    return numbers


def product_of_numbers(op):
    """ReduceProd: the product of all numbers.

    >>> product_of_numbers(example([7, 7]))
    [49]
    """
    return [math.prod(op.numbers())]


def shape_numbers(op):
    """Shape: the sizes of the input, from `start` to before `end`; by default, all of them.

    >>> shape_numbers(example(IMAGE))
    (1, 64, 7, 7)
    >>> shape_numbers(example(IMAGE, start=2))
    (7, 7)
    """
    start, end = op.integer('start', 0), op.integer('end', None)
    return op.shape()[start:end]


def size_numbers(op):
    """Size: how many numbers there are.

    >>> size_numbers(example(IMAGE))
    [3136]
    """
    return [math.prod(op.shape())]


def slice_numbers(op):
    """Slice: a part of the numbers or, of a matrix, of the rows.

    >>> tuple(slice_numbers(example([1, 64, 7, 7], [2], [4])))
    (7, 7)
    """
    rows = op.rows()
    return itertools.chain.from_iterable(rows[find_slices(op)[0]])


def transpose_numbers(op):
    """Transpose of a matrix: its columns become rows."""
    numbers = []
    for column in zip(*op.rows()):
        numbers.extend(column)
    return numbers


def elementwise(function):
    """Return the rule of an operator that applies a function to its operands, number by number.

    function: of as many numbers as there are operands.
    An operand of a single number is used with each number of the others.

    >>> elementwise(operator.mul)(example([2, 3], [10]))
    [20, 30]
    """

    def rule(op):
        operands = op.all_numbers()
        if not operands:
            raise Unfollowed
        count = max(len(numbers) for numbers in operands)
        stretched = []
        for numbers in operands:
            stretched.append(numbers * count if len(numbers) == 1 else numbers)
        return [function(*numbers) for numbers in zip(*stretched)]

    return rule


def ceil(number):
    """Ceil: rounded up."""
    return -(-number // 1)


def divide(number, divisor):
    """Div: of integers, the quotient is rounded down.

    >>> divide(7, 2), divide(7.0, 2.0)
    (3, 3.5)
    """
    if isinstance(number, int):
        return number // divisor
    return number / divisor


def floor(number):
    """Floor: rounded down."""
    return number // 1


def power(number, exponent):
    """Pow: no higher power than a square is followed, or numbers could grow without end."""
    if exponent <= 2:
        return number**exponent
    return math.nan


def select(condition, number, other):
    """Where: the one number where the condition is true, and the other where it is false."""
    return number if condition else other


NUMBER_RULES = {
    'Add': elementwise(operator.add),
    'Cast': cast_numbers,
    'Ceil': elementwise(ceil),
    'Concat': concat_numbers,
    'Constant': constant_numbers,
    'ConstantOfShape': constant_of_shape_numbers,
    'Div': elementwise(divide),
    'Equal': elementwise(operator.eq),
    'Floor': elementwise(floor),
    'Gather': gather_numbers,
    'Identity': same_numbers,
    'Mod': elementwise(operator.mod),
    'Mul': elementwise(operator.mul),
    'Pow': elementwise(power),
    'ReduceProd': product_of_numbers,
    'Reshape': same_numbers,
    'Shape': shape_numbers,
    'Size': size_numbers,
    'Slice': slice_numbers,
    'Squeeze': same_numbers,
    'Sub': elementwise(operator.sub),
    'Transpose': transpose_numbers,
    'Unsqueeze': same_numbers,
    'Where': elementwise(select),
}


# === Following ===


def follow_shapes(op):
    """Return the shapes of a node's outputs, as a list; it is empty if no rule tells them."""
    rule = SHAPE_RULES.get(op.node.type)
    if rule is None:
        return []
    try:
        shapes = rule(op)
    except NOT_FOLLOWED:
        return []
    return shapes if isinstance(shapes, list) else [shapes]


def follow_numbers(op):
    """Return the numbers of a node's first output, as a tuple.

    It is None if no rule tells them, if they are more than MAX_NUMBERS, or if one is too large.
    """
    rule = NUMBER_RULES.get(op.node.type)
    if rule is None:
        return None
    try:
        numbers = tuple(itertools.islice(rule(op), MAX_NUMBERS + 1))
        if len(numbers) > MAX_NUMBERS:
            return None
        for number in numbers:
            if abs(number) >= BATCH**2:
                return None
    except NOT_FOLLOWED:
        return None
    return numbers
