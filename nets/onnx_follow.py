"""ONNX's nodes: what the rules tell of one, and its role.

The rules are in onnx_rules.py, onnx_contrib.py and onnx_numbers.py. Here they are applied. What a
rule cannot do is not followed: the shape or the numbers stay unknown. Neither are sizes and numbers
that nothing real has.
"""

import contextlib
import itertools
import math

from fodlam import MAX_SIZE, quote
from fodlam.nets.layers import BATCH, MAX_RANK, Symbol, is_known
from fodlam.nets.network import GATE, OTHER, PASS, POOL, SUM
from fodlam.nets.onnx_contrib import CONTRIB_RULES, MICROSOFT
from fodlam.nets.onnx_contrib import PASS_TYPES as CONTRIB_PASS_TYPES
from fodlam.nets.onnx_file import MAX_NUMBERS
from fodlam.nets.onnx_numbers import NUMBER_RULES
from fodlam.nets.onnx_op import NOT_FOLLOWED, Unfollowed, following
from fodlam.nets.onnx_rules import (
    PASS_TYPES,
    POOL_TYPES,
    SCALE_TYPES,
    SEQUENCE_RULES,
    SHAPE_RULES,
    SUM_TYPES,
    UNKNOWN,
    named_axes,
)

# === Roles ===

ALL_PASS_TYPES = {*PASS_TYPES, *(MICROSOFT + type_ for type_ in CONTRIB_PASS_TYPES)}
ALL_SUM_TYPES = {*SUM_TYPES, MICROSOFT + 'QLinearAdd'}
ALL_SCALE_TYPES = {*SCALE_TYPES, MICROSOFT + 'QLinearAdd', MICROSOFT + 'QLinearMul'}


def find_role(op, inputs, shapes):
    """Return the role of a node (nets/network.py).

    op: the Op of the node.
    inputs: the values that it reads and that depend on the network's input.
    shapes: {value: shape}, for its inputs and outputs.
    """
    type_ = op.node.type
    if len(inputs) == 1 and type_ in ALL_PASS_TYPES:
        return PASS
    # Operands of different shapes are broadcast: the result may be larger than a layer's ofmap.
    if have_one_shape([*inputs, *op.node.outputs[:1]], shapes):
        if len(inputs) == 1 and type_ in ALL_SCALE_TYPES:
            return PASS
        if len(inputs) > 1 and type_ in ALL_SUM_TYPES:
            return SUM
        if len(inputs) > 1 and type_ in ALL_SCALE_TYPES:
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
    with contextlib.suppress(*NOT_FOLLOWED):
        if len(op.shape()) == 4:
            return sorted(named_axes(op, rank=4)) == [2, 3]
    return False


# === Shapes ===

ALL_SHAPE_RULES = {**SHAPE_RULES, **CONTRIB_RULES}

REGION_TYPES = ('MaxRoiPool', 'RoiAlign')


def follow_shapes(op):
    """Return the shapes of a node's outputs, as a list; it is empty if no rule tells them.

    If an output is a sequence, what it holds is noted in op.net.sequences.
    Raises Refusal if the operator cannot take such inputs.
    """
    with contextlib.suppress(Unfollowed), following():
        follow_sequence(op)
    rule = ALL_SHAPE_RULES.get(op.node.type)
    shapes = []
    if rule is None:
        return shapes
    with contextlib.suppress(Unfollowed), following():
        made = rule(op)
        if not isinstance(made, list):
            made = [made]
        shapes = [cleaned(shape) for shape in made]
    if shapes and op.node.type in REGION_TYPES:
        op.net.assumptions.append(
            f'behind {quote(op.node.name or op.node.outputs[0])} ({op.node.type}), '
            'MACs are for one region of interest, and not for one frame'
        )
    return shapes


def follow_sequence(op):
    """Note in op.net.sequences what a node's first output holds, if it is a sequence.

    Raises one of NOT_FOLLOWED if the rule cannot tell, and Refusal if the operator cannot take such
    inputs.
    """
    rule = SEQUENCE_RULES.get(op.node.type)
    if rule is None:
        return
    elements = rule(op)
    op.count_computed(len(elements))
    for element in elements:
        if cleaned(element.shape) != element.shape:
            raise Unfollowed
    op.net.sequences[op.node.outputs[0]] = elements


def cleaned(shape):
    """Return a shape as a tuple of integers, in which sizes that are not known are Symbols.

    Raises Unfollowed for sizes that nothing real has: negative ones, and too large ones.

    >>> cleaned([1, True, Symbol('W'), math.nan])
    (1, 1, W, ?)
    """
    if len(shape) > MAX_RANK:
        raise Unfollowed
    sizes = []
    for size in shape:
        if isinstance(size, Symbol):
            sizes.append(size)
        elif math.isnan(size):
            sizes.append(UNKNOWN)
        elif isinstance(size, int) and is_possible(size):
            sizes.append(int(size))
        else:
            raise Unfollowed
    return tuple(sizes)


def is_possible(size):
    """Return whether something may have such a size; a multiple of the batch may be large.

    >>> is_possible(0), is_possible(-1), is_possible(2**40), is_possible(196 * BATCH)
    (True, False, False, True)
    """
    if size % BATCH == 0:
        return 0 <= size < BATCH**2
    return 0 <= size <= MAX_SIZE


# === Numbers ===


def follow_numbers(op, shapes):
    """Return the numbers of a node's outputs, as a list of tuples, from the first output on.

    op: the Op of the node. shapes: of its outputs, as far as they are known.
    The list is empty if no rule tells them, if they are more than MAX_NUMBERS, if they are made of
    more than MAX_NUMBERS inputs, or if one is too large.
    Raises Refusal if the operator cannot take such inputs.
    """
    rule = NUMBER_RULES.get(op.node.type)
    if rule is None or not shapes or op.input_count > MAX_NUMBERS:
        return []
    count = math.prod(shapes[0])
    if count <= MAX_NUMBERS and op.net.features.isdisjoint(op.node.inputs):
        op.count_computed(count * op.input_count)
    with contextlib.suppress(Unfollowed), following():
        numbers = tuple(itertools.islice(rule(op, shapes[0]), MAX_NUMBERS + 1))
        if len(numbers) > MAX_NUMBERS or any(abs(number) >= BATCH**2 for number in numbers):
            return []
        return cut(numbers, shapes)
    return []


def cut(numbers, shapes):
    """Return the numbers of several outputs, one tuple for each output that they suffice for.

    Raises Unfollowed if some are left, or missing.

    >>> cut((1, 64, 7, 7), [(2,), (2,)])
    [(1, 64), (7, 7)]
    """
    parts = []
    start = 0
    for shape in shapes:
        if parts and start == len(numbers):
            break
        end = start + math.prod(shape)
        parts.append(numbers[start:end])
        start = end
    if start != len(numbers):
        raise Unfollowed
    return parts
