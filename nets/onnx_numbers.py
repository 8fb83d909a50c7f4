"""ONNX's operators: the small constants that they make of shapes and of other constants.

Shapes depend on numbers. A model that flattens images in batches of any size computes the sizes for
its Reshape from the image's own sizes, by a Shape, a Gather and a Concat. NUMBER_RULES has a rule
for each operator that tells the numbers of its outputs, if they depend on nothing but shapes and
constants: a function of an Op and the shape of its first output. It returns the numbers of the
outputs, one output after the other, each in row-major order (the last index changes fastest).

If a rule cannot tell, it raises one of NOT_FOLLOWED (onnx_op.py). A single number that is not known
is NaN.

In the rules' examples, a tuple is the shape of a feature map, and a list is a constant; `matrix` is
a constant of two dimensions.

Source: Operators.md, github.com/onnx/onnx
"""

import itertools
import math
import operator

from fodlam.nets.layers import BATCH, MAX_SIZE
from fodlam.nets.onnx_file import MAX_NUMBERS
from fodlam.nets.onnx_images import round_to_float32
from fodlam.nets.onnx_op import Constant, Unfollowed, example, single  # noqa: F401 (in examples)
from fodlam.nets.onnx_rules import (
    IMAGE,  # noqa: F401 (in examples)
    find_order,
    find_position,
    find_sequence,
    find_slices,
    reduced_axes,
    sliced_shape,
)


class Double(float):
    """A 64-bit float; all other floats are 32-bit ones, as in most models."""


# TensorProto.DataType: {integer type: bits without the sign}, and floats.
INTEGER_BITS = {2: 8, 3: 7, 4: 16, 5: 15, 6: 31, 7: 63, 12: 32, 13: 64}
UNSIGNED_TYPES = (2, 4, 12, 13)
FLOAT32_TYPE, BOOL_TYPE, DOUBLE_TYPE = 1, 9, 11


# === Where numbers are in a tensor ===


def fill(shape, number_at):
    """Return the numbers of a tensor.

    shape: of the tensor.
    number_at: a function of an index, a tuple, that returns the number there.
    Raises Unfollowed if they are too many.

    >>> fill((2, 3), lambda index: 10 * index[0] + index[1])
    [0, 1, 2, 10, 11, 12]
    """
    if not 0 <= math.prod(shape) <= MAX_NUMBERS:
        raise Unfollowed
    return [number_at(index) for index in itertools.product(*map(range, shape))]


def matrix(*rows):
    """Return a Constant of two dimensions, for the examples."""
    return Constant((len(rows), len(rows[0])), tuple(itertools.chain(*rows)))


def same_numbers(op, shape):
    """Reshape and others that change nothing but the shape: the numbers of the first input.

    >>> same_numbers(example(matrix([1, 2], [3, 4])), (4,))
    (1, 2, 3, 4)
    """
    return op.constant().numbers


def concat_numbers(op, shape):
    """Concat: the numbers of all inputs, one behind the other along `axis`.

    >>> concat_numbers(example([1, 64], [49]), (3,))
    [1, 64, 49]
    >>> concat_numbers(example(matrix([1], [2]), matrix([3], [4]), axis=1), (2, 2))
    [1, 3, 2, 4]
    """
    axis = op.axis()
    parts = [op.constant(index) for index in range(op.input_count)]

    def number_at(index):
        place = index[axis]
        for part in parts:
            if place < part.shape[axis]:
                return part.at((*index[:axis], place, *index[axis + 1 :]))
            place -= part.shape[axis]
        raise Unfollowed

    return fill(shape, number_at)


def expand_numbers(op, shape):
    """Expand: each number as often as it takes to fill the shape.

    >>> expand_numbers(example([7], [3]), (3,))
    [7, 7, 7]
    """
    return fill(shape, op.constant().at)


def gather_numbers(op, shape):
    """Gather: the numbers at the indices in the second input, along `axis`.

    >>> gather_numbers(example([1, 64, 7, 7], [1, -1]), (2,))
    [64, 7]
    >>> gather_numbers(example(matrix([1, 2], [3, 4]), [1], axis=1), (2, 1))
    [2, 4]
    """
    axis = op.axis()
    data, indices = op.constant(), op.constant(1)
    end = axis + len(indices.shape)  # of the indices' dimensions in the result

    def number_at(index):
        place = indices.at(index[axis:end])
        if place < 0:
            place += data.shape[axis]
        if not 0 <= place < data.shape[axis]:
            raise Unfollowed
        return data.at((*index[:axis], place, *index[end:]))

    return fill(shape, number_at)


def slice_numbers(op, shape):
    """Slice: the numbers from each start to before each end.

    >>> slice_numbers(example([1, 64, 7, 7], [2], [4]), (2,))
    [7, 7]
    >>> slice_numbers(example(matrix([1, 2], [3, 4]), [-1], [-9], [1], [-1]), (2, 2))
    [2, 1, 4, 3]
    """
    data = op.constant()
    places = [range(size) for size in data.shape]
    for axis, part in find_slices(op).items():
        places[axis] = places[axis][part]

    def number_at(index):
        return data.at([places[axis][place] for axis, place in enumerate(index)])

    return fill(shape, number_at)


def split_numbers(op, shape):
    """Split: the numbers of all parts, along `axis`.

    >>> split_numbers(example([1, 64, 7, 7], [2, 2], outputs=2), (2,))
    [1, 64, 7, 7]
    """
    axis = op.axis()
    data = op.constant()
    sizes = op.input_or_attribute(1, 'split', [shape[axis]] * len(op.node.outputs))
    numbers = []
    start = 0
    for size in sizes:
        end = min(start + size, data.shape[axis])
        part_shape = (*shape[:axis], end - start, *shape[axis + 1 :])
        numbers.extend(fill(part_shape, shifted(data, axis, start)))
        start = end
    return numbers


def shifted(data, axis, start):
    """Return a function from an index to the number of a Constant that is `start` further on."""
    return lambda index: data.at((*index[:axis], index[axis] + start, *index[axis + 1 :]))


def tile_numbers(op, shape):
    """Tile: all numbers again and again.

    >>> tile_numbers(example([1, 2], [2]), (4,))
    [1, 2, 1, 2]
    """
    data = op.constant()
    return fill(shape, lambda index: data.at([place % n for place, n in zip(index, data.shape)]))


def transpose_numbers(op, shape):
    """Transpose: columns become rows, or other axes change places by `perm`.

    >>> transpose_numbers(example(matrix([1, 2], [3, 4])), (2, 2))
    [1, 3, 2, 4]
    """
    data, order = op.constant(), find_order(op)

    def number_at(index):
        original = [0] * len(order)
        for place, axis in zip(index, order):
            original[axis] = place
        return data.at(original)

    return fill(shape, number_at)


# === Numbers from shapes and attributes ===


def constant_numbers(op, shape):
    """Constant: the numbers of its attribute.

    >>> constant_numbers(example(value_ints=[0, -1]), (2,))
    (0, -1)
    """
    for name in ('value_int', 'value_ints', 'value_float', 'value_floats'):
        if op.has_attribute(name):
            return op.floats(name)
    return tensor_numbers(op, 'value')


def tensor_numbers(op, name):
    """Return the numbers of an attribute that is a tensor."""
    numbers = op.net.wire.numbers(op.tensor(name))
    if numbers is None:
        raise Unfollowed
    return numbers


def constant_of_shape_numbers(op, shape):
    """ConstantOfShape: its attribute `value`, or 0, for each number of the shape.

    >>> constant_of_shape_numbers(example([2, 3]), (2, 3))
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """
    number = 0.0
    if op.has_attribute('value'):
        number = single(tensor_numbers(op, 'value'))
    return fill(shape, lambda index: number)


def range_numbers(op, shape):
    """Range of integers: numbers from the first input on, in steps of the third.

    >>> range_numbers(example([1], [9], [3]), (3,))
    [1, 4, 7]
    """
    start, delta = op.input_integer(0), op.input_integer(2)
    return fill(shape, lambda index: start + index[0] * delta)


def shape_numbers(op, shape):
    """Shape: the sizes of the input, from `start` to before `end`; by default, all of them.

    >>> shape_numbers(example(IMAGE), (4,))
    (1, 64, 7, 7)
    >>> shape_numbers(example(IMAGE, start=2), (2,))
    (7, 7)
    """
    return sliced_shape(op)


def size_numbers(op, shape):
    """Size: how many numbers there are.

    >>> size_numbers(example(IMAGE), ())
    [3136]
    """
    return [math.prod(op.shape())]


def nonzero_numbers(op, shape):
    """NonZero: the first indices of all numbers that are not zero, then the second ones.

    >>> nonzero_numbers(example(matrix([0, 5], [6, 0])), (2, 2))
    [0, 1, 1, 0]
    """
    data = op.constant()
    indices = itertools.product(*map(range, data.shape))
    found = [index for index in indices if data.at(index)]
    return list(itertools.chain.from_iterable(zip(*found)))


def sequence_at_numbers(op, shape):
    """SequenceAt: the numbers of the element at a position."""
    sequence = find_sequence(op)
    numbers = sequence[find_position(op, sequence)].numbers
    if numbers is None:
        raise Unfollowed
    return numbers


def concat_from_sequence_numbers(op, shape):
    """ConcatFromSequence: the numbers of all elements, if they follow each other along axis 0."""
    if op.axis(rank=len(shape)) != 0:
        raise Unfollowed
    return itertools.chain.from_iterable(element.numbers for element in find_sequence(op))


def sequence_length_numbers(op, shape):
    """SequenceLength: how many elements there are."""
    return [len(find_sequence(op))]


# === Number by number ===


def elementwise(function):
    """Return the rule of an operator that applies a function to its operands, number by number.

    function: of as many numbers as there are operands. If one of them is NaN, so is the result.
    Operands are broadcast to the shape of the result.

    >>> elementwise(operator.mul)(example([2, 3], [10]), (2,))
    [20, 30]
    """

    def rule(op, shape):
        operands = [op.constant(index) for index in range(op.input_count)]
        return fill(shape, lambda index: compute(function, [each.at(index) for each in operands]))

    return rule


def folded(function):
    """Return a rule like `elementwise`, of a function of two numbers for any number of operands.

    >>> folded(operator.add)(example([2, 3], [10], [100]), (2,))
    [112, 113]
    """

    def fold(first, *others):
        for other in others:
            first = compute(function, [first, other])
        return first

    return elementwise(fold)


def reduced(function):
    """Return the rule of a reduction: a function of two numbers is applied to all along the axes.

    >>> reduced(operator.mul)(example([7, 7]), (1,))
    [49]
    >>> reduced(operator.add)(example(matrix([1, 2], [3, 4]), axes=[1], keepdims=0), (2,))
    [3, 7]
    """

    def rule(op, shape):
        data = op.constant()
        axes = reduced_axes(op)
        found = {}
        for index in itertools.product(*map(range, data.shape)):
            kept = tuple(place for axis, place in enumerate(index) if axis not in axes)
            number = data.at(index)
            found[kept] = compute(function, [found[kept], number]) if kept in found else number
        if len(found) != math.prod(shape):
            raise Unfollowed
        return list(found.values())  # in the order of their indices

    return rule


def compute(function, numbers):
    """Return a function of some numbers as a number, NaN if it is not known.

    Floats are rounded as runtimes do it. An integer that is too large, and no multiple of the
    batch, is not known: it may be a part of the batch.
    """
    if any(math.isnan(number) for number in numbers):
        return math.nan
    return rounded(function(*numbers), numbers)


def rounded(result, numbers):
    """Return a result as the type of number that it has; numbers: that it was computed from.

    >>> rounded(10 * 0.699999988079071, [10.0, 0.699999988079071])  # in 32 bits, 0.7 times 10
    7.0
    """
    if isinstance(result, float):
        if any(isinstance(number, Double) for number in numbers):
            return Double(result)
        return round_to_float32(result)
    if abs(result) > MAX_SIZE and result % BATCH != 0:
        return math.nan
    return result


def is_batch(number):
    """Return whether a number stands for a multiple of the batch, which may be of any size."""
    return isinstance(number, int) and abs(number) >= BATCH and number % BATCH == 0


def ceil(number):
    """Ceil: rounded up.

    >>> ceil(2.5)
    3.0
    """
    return -(-number // 1)


def floor(number):
    """Floor: rounded down."""
    return number // 1


def divide(number, divisor):
    """Div: of integers, the quotient is rounded towards zero.

    >>> divide(7, 2), divide(-7, 2), divide(7.0, 2.0)
    (3, -3, 3.5)
    """
    if not isinstance(number, int):
        return number / divisor
    if (is_batch(number) or is_batch(divisor)) and number % divisor != 0:
        return math.nan
    quotient = abs(number) // abs(divisor)
    return quotient if (number < 0) == (divisor < 0) else -quotient


def modulo_numbers(op, shape):
    """Mod: the remainder has the sign of the divisor; with `fmod`, that of the number.

    >>> modulo_numbers(example([-7], [3]), (1,)), modulo_numbers(example([-7], [3], fmod=1), (1,))
    ([2], [-1])
    """
    is_fmod = op.integer('fmod', 0)

    def modulo(number, divisor):
        if (is_batch(number) or is_batch(divisor)) and number % divisor != 0:
            return math.nan
        if not is_fmod:
            return number % divisor
        remainder = abs(number) % abs(divisor)
        return -remainder if number < 0 else remainder

    return elementwise(modulo)(op, shape)


def power(number, exponent):
    """Pow: no higher power than a square is followed, or numbers could grow without end.

    >>> power(3, 2), power(9.0, 0.5)
    (9, 3.0)
    """
    if exponent > 2 or (number < 0 and exponent != int(exponent)):
        raise Unfollowed
    if isinstance(number, int) and not (isinstance(exponent, int) and exponent >= 0):
        raise Unfollowed
    return number**exponent


def depends_on_batch(number, other, least):
    """Return whether the result of a Max, a Min or a comparison depends on the batch.

    number, other: one of them may be a multiple of the batch, which is 1 or more.
    least: a batch that is compared with this number or a larger one decides the result. With
    smaller numbers, the result is the same for all batches.
    """
    if is_batch(number) == is_batch(other):
        return False
    batch, plain = (number, other) if is_batch(number) else (other, number)
    return plain >= least if batch > 0 else plain <= -least


def larger(number, other):
    """Max: the larger of two numbers. A batch is never less than 1.

    >>> larger(3, 5), larger(BATCH, 1) == BATCH, larger(BATCH, 5)
    (5, True, nan)
    """
    if depends_on_batch(number, other, least=2):
        return math.nan
    return max(number, other)


def smaller(number, other):
    """Min: the smaller of two numbers.

    >>> smaller(3, 5), smaller(BATCH, 5)
    (3, nan)
    """
    if depends_on_batch(number, other, least=2):
        return math.nan
    return min(number, other)


def compared(function):
    """Return the function that compares two numbers, if it does not depend on the batch.

    A batch is more than 0; whether it is more than 1 is not known.

    >>> compared(operator.gt)(BATCH, 0), compared(operator.eq)(BATCH, 8)
    (True, nan)
    """

    def compare(number, other):
        if depends_on_batch(number, other, least=1):
            return math.nan
        return function(number, other)

    return compare


def negate(flag):
    """Not.

    >>> negate(True)
    False
    """
    return not flag


def both(flag, other):
    """And.

    >>> both(True, False)
    False
    """
    return bool(flag and other)


def either(flag, other):
    """Or.

    >>> either(True, False)
    True
    """
    return bool(flag or other)


def sign(number):
    """Sign: 1, 0 or -1.

    >>> sign(-2.5), sign(7)
    (-1.0, 1)
    """
    return type(number)((number > 0) - (number < 0))


def rectify(number):
    """Relu: what is less than 0 becomes 0."""
    return max(number, type(number)(0))


def where_numbers(op, shape):
    """Where: numbers of the second input where the first one is true, and of the third elsewhere.

    >>> where_numbers(example([True, False], [2, 3], [math.nan]), (2,))
    [2, nan]
    """
    condition, chosen, other = (op.constant(index) for index in range(3))

    def number_at(index):
        flag = condition.at(index)
        if math.isnan(flag):
            return math.nan
        return chosen.at(index) if flag else other.at(index)

    return fill(shape, number_at)


def clip_numbers(op, shape):
    """Clip: not less than the second input, nor more than the third.

    >>> clip_numbers(example([0, 5, 9], [1], [7]), (3,))
    [1, 5, 7]
    """
    low = [op.constant(1)] if op.has_input(1) else []
    high = [op.constant(2)] if op.has_input(2) else []
    if op.has_attribute('min') or op.has_attribute('max'):  # of versions before 11
        raise Unfollowed
    data = op.constant()

    def number_at(index):
        number = data.at(index)
        for limit in low:
            number = compute(larger, [number, limit.at(())])
        for limit in high:
            number = compute(smaller, [number, limit.at(())])
        return number

    return fill(shape, number_at)


def cast_numbers(op, shape):
    """Cast: to integers, rounded towards zero, to 32-bit or 64-bit floats, or to truth values.

    A number that does not fit the type is not known.

    >>> cast_numbers(example([2.5, -2.5], to=7), (2,))
    [2, -2]
    >>> cast_numbers(example([2, 0], to=1), (2,)), cast_numbers(example([2, 0], to=9), (2,))
    ([2.0, 0.0], [True, False])
    """
    to = op.integer('to', 0)
    numbers = op.constant().numbers
    return [cast(number, to) for number in numbers]


def cast(number, to):
    """Return a number as another type; to: a TensorProto.DataType. NaN stays as it is."""
    if math.isnan(number):
        return math.nan
    if to == BOOL_TYPE:
        return bool(number)
    if to in INTEGER_BITS:
        number = int(number)
        low = 0 if to in UNSIGNED_TYPES else -(2 ** INTEGER_BITS[to])
        if is_batch(number) or low <= number < 2 ** INTEGER_BITS[to]:
            return number
        return math.nan
    if to not in (FLOAT32_TYPE, DOUBLE_TYPE):
        raise Unfollowed
    if is_batch(number):
        return math.nan
    if to == DOUBLE_TYPE:
        return Double(number)
    return round_to_float32(number)


NUMBER_RULES = {
    'Abs': elementwise(abs),
    'Add': elementwise(operator.add),
    'And': elementwise(both),
    'Cast': cast_numbers,
    'Ceil': elementwise(ceil),
    'Clip': clip_numbers,
    'Concat': concat_numbers,
    'ConcatFromSequence': concat_from_sequence_numbers,
    'Constant': constant_numbers,
    'ConstantOfShape': constant_of_shape_numbers,
    'Div': elementwise(divide),
    'Equal': elementwise(compared(operator.eq)),
    'Expand': expand_numbers,
    'Flatten': same_numbers,
    'Floor': elementwise(floor),
    'Gather': gather_numbers,
    'Greater': elementwise(compared(operator.gt)),
    'GreaterOrEqual': elementwise(compared(operator.ge)),
    'Identity': same_numbers,
    'Less': elementwise(compared(operator.lt)),
    'LessOrEqual': elementwise(compared(operator.le)),
    'Max': folded(larger),
    'Min': folded(smaller),
    'Mod': modulo_numbers,
    'Mul': elementwise(operator.mul),
    'Neg': elementwise(operator.neg),
    'NonZero': nonzero_numbers,
    'Not': elementwise(negate),
    'Or': elementwise(either),
    'Pow': elementwise(power),
    'Range': range_numbers,
    'Reciprocal': elementwise(lambda number: 1 / number),
    'ReduceMax': reduced(larger),
    'ReduceMin': reduced(smaller),
    'ReduceProd': reduced(operator.mul),
    'ReduceSum': reduced(operator.add),
    'Relu': elementwise(rectify),
    'Reshape': same_numbers,
    'Round': elementwise(lambda number: float(round(number))),
    'SequenceAt': sequence_at_numbers,
    'SequenceLength': sequence_length_numbers,
    'Shape': shape_numbers,
    'Sign': elementwise(sign),
    'Size': size_numbers,
    'Slice': slice_numbers,
    'Split': split_numbers,
    'Sqrt': elementwise(math.sqrt),
    'Squeeze': same_numbers,
    'Sub': elementwise(operator.sub),
    'Sum': folded(operator.add),
    'Tile': tile_numbers,
    'Transpose': transpose_numbers,
    'Unsqueeze': same_numbers,
    'Where': where_numbers,
    'Xor': elementwise(operator.ne),
}
