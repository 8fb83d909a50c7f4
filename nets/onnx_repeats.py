"""Operands that several products share: feature maps that nodes repeat, followed to the products.

A model with fewer heads of keys and values than of queries repeats the former, by an Expand, a
Tile or a Concat of a value with itself. It then reshapes and transposes the result, until it is the
second operand of a product, whose entry in the net file says how many heads share a matrix.
"""

import math
from collections import namedtuple

from fodlam.nets.onnx_op import NOT_FOLLOWED, Unfollowed, example  # noqa: F401 (in examples)
from fodlam.nets.onnx_rules import find_order


class Repeat(namedtuple('Repeat', 'axis count')):
    """A feature map that holds several copies of another one.

    axis: the dimension along which they are, counted from the first; it may hold other matrices or
    frames as well.
    count: how many copies there are.
    """

    __slots__ = ()


def expanded(op, shape):
    """Expand: copies are along a dimension that was 1.

    >>> expanded(example((1, 8, 1, 197, 64), [1, 8, 4, 197, 64]), (1, 8, 4, 197, 64))
    Repeat(axis=2, count=4)
    """
    missing = len(shape) - len(op.shape())
    repeats = []
    for axis, size in enumerate(shape):
        old_size = 1 if axis < missing else op.shape()[axis - missing]
        repeats.append(size if old_size == 1 else 1)
    return find_repeat(op, repeats)


def tiled(op, shape):
    """Tile: the second input tells how many copies there are along each dimension.

    >>> tiled(example((1, 8, 197, 64), [1, 4, 1, 1]), (1, 32, 197, 64))
    Repeat(axis=1, count=4)
    """
    return find_repeat(op, op.input_integers(1))


def concatenated(op, shape):
    """Concat: copies, if all of its inputs are the same value."""
    if len(set(op.node.inputs)) > 1:
        raise Unfollowed
    repeats = [1] * len(shape)
    repeats[op.axis()] = op.input_count
    return find_repeat(op, repeats)


def find_repeat(op, repeats):
    """Return the Repeat of a node; repeats: how many copies there are along each dimension.

    Copies for each frame of a batch are none. Raises Unfollowed if there are copies along no
    dimension, or along several.
    """
    batch = op.net.batch
    found = []
    for axis, count in enumerate(repeats):
        if axis == 0 and batch and count % batch == 0:
            count //= batch
        if count > 1:
            found.append(Repeat(axis, count))
    if len(found) != 1:
        raise Unfollowed
    return found[0]


def kept(op, shape):
    """Mul, Cast and others: the copies stay, if all other inputs are single numbers.

    >>> op = example((1, 32, 197, 64), [0.125])
    >>> op.net.repeats['input 0'] = Repeat(axis=1, count=4)
    >>> kept(op, (1, 32, 197, 64))
    Repeat(axis=1, count=4)
    """
    found = None  # the index of the input that holds copies
    for index in range(op.input_count):
        if op.node.inputs[index] in op.net.repeats:
            found = index
        elif math.prod(op.shape(index)) != 1:
            raise Unfollowed
    if op.shape(found) != shape:
        raise Unfollowed
    return op.net.repeats[op.input(found)]


def transposed(op, shape):
    """Transpose: the dimension has another place.

    >>> op = example((1, 197, 32, 64), perm=[0, 2, 3, 1])
    >>> op.net.repeats['input 0'] = Repeat(axis=2, count=4)
    >>> transposed(op, (1, 32, 64, 197))
    Repeat(axis=1, count=4)
    """
    axis, count = op.net.repeats[op.input(0)]
    return Repeat(list(find_order(op)).index(axis), count)


def reshaped(op, shape):
    """Reshape and others: the dimension is merged with others, or has another place.

    >>> op = example((1, 8, 4, 197, 64))
    >>> op.net.repeats['input 0'] = Repeat(axis=2, count=4)
    >>> reshaped(op, (1, 32, 197, 64))
    Repeat(axis=1, count=4)
    """
    axis, count = op.net.repeats[op.input(0)]
    for old_axes, new_axes in match_axes(op.shape(), shape):
        if axis not in old_axes:
            continue
        candidates = [new_axis for new_axis in new_axes if shape[new_axis] != 1]
        if len(candidates) == 1:
            return Repeat(candidates[0], count)
    raise Unfollowed


def match_axes(old, new):
    """Return pairs (axes of a shape, axes of another one) that hold the same numbers.

    old, new: the shapes, before and after a reshape. Each pair has as few axes as possible.

    >>> match_axes((1, 8, 4, 197), (1, 32, 197))
    [([0], [0]), ([1, 2], [1]), ([3], [2])]
    """
    pairs = []
    old_end = new_end = 0
    while old_end < len(old) and new_end < len(new):
        old_start, new_start = old_end, new_end
        old_size, new_size = old[old_end], new[new_end]
        old_end += 1
        new_end += 1
        while old_size != new_size:
            if old_size < new_size:
                old_size *= old[old_end]
                old_end += 1
            else:
                new_size *= new[new_end]
                new_end += 1
        pairs.append((list(range(old_start, old_end)), list(range(new_start, new_end))))
    return pairs


MAKERS = {'Concat': concatenated, 'Expand': expanded, 'Tile': tiled}
KEEPERS = {
    **dict.fromkeys(
        'Cast CastLike DequantizeLinear Div Dropout Identity Mul QuantizeLinear'.split(), kept
    ),
    **dict.fromkeys('Flatten Reshape Squeeze Unsqueeze'.split(), reshaped),
    'Transpose': transposed,
}


def follow_repeat(op):
    """Return the Repeat of a node's first output, or None if no copies are known to be in it.

    op: the Op of the node; the shape of its output is known by now if it ever is.
    """
    shape = op.net.shapes.get(op.node.outputs[0])
    rule = MAKERS.get(op.node.type)
    if any(value in op.net.repeats for value in op.node.inputs):
        rule = KEEPERS.get(op.node.type)
    is_feature_map = op.node.outputs[0] in op.net.features
    if shape is None or rule is None or not is_feature_map:
        return None
    try:
        return rule(op, shape)
    except NOT_FOLLOWED:
        return None
