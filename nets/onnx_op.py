"""An Op: a node of an ONNX model, as the rules of operators see it.

A rule is a function of an Op. The rules are in four rooms:

  onnx_macs.py      operators with MACs, among them onnx_products.py, onnx_attention.py and
                    onnx_recurrent.py
  onnx_rules.py     the shapes that ONNX's other operators make, with onnx_images.py
  onnx_contrib.py   the shapes that onnxruntime's operators make
  onnx_numbers.py   the small constants that operators make of shapes and other constants

They are applied by follow_macs (onnx_macs.py) and by onnx_follow.py.
"""

import contextlib
import math
from collections import namedtuple

from fodlam.nets.layers import Refusal, Symbol, count_from_front
from fodlam.nets.onnx_file import OnnxNode, Tensor


class Unfollowed(LookupError):
    """Raised where a rule needs shapes or numbers that are not known, or that it cannot handle."""


UNKNOWN = Symbol('?')  # a size that has no name
NUMBER_WORDS = {1: 'one', 2: 'two', 3: 'three'}  # of inputs, in messages
MAX_SHOWN_CHARACTERS = 80  # of an attribute, in messages

# How many numbers of small constants, elements of sequences and dimensions of operands of Einsums
# are computed for a model. Models of 2,000 nodes have some 6,500.
MAX_COMPUTED = 500_000

# Errors of a rule that does not know enough, or that Python raises in it: for a number that is not
# there, an operation on it that is impossible, one of an unexpected type, or one such as NaN. What
# the rule was to tell then stays unknown. A Refusal is a ValueError as well; see following.
NOT_FOLLOWED = (LookupError, ArithmeticError, TypeError, ValueError)


@contextlib.contextmanager
def following():
    """A context for a rule: what it cannot do becomes Unfollowed, and a Refusal stays one.

    >>> with following():
    ...     int(math.nan)
    Traceback (most recent call last):
    fodlam.nets.onnx_op.Unfollowed
    """
    try:
        yield
    except Refusal:
        raise
    except NOT_FOLLOWED:
        raise Unfollowed from None


class Constant(namedtuple('Constant', 'shape numbers')):
    """A small constant.

    shape: its shape, a tuple of integers.
    numbers: its numbers, a tuple in row-major order: the last index changes fastest.
    """

    __slots__ = ()

    def at(self, index):
        """Return the number at an index, a tuple of as many integers as there are dimensions.

        As in the broadcasting of ONNX, the index may have more integers, of which the first ones do
        not count, and a dimension of size 1 has the same number at all of its indices.

        >>> matrix = Constant((2, 3), (10, 11, 12, 20, 21, 22))
        >>> matrix.at((1, 0))
        20
        >>> Constant((3,), (7, 8, 9)).at((1, 2)), Constant((), (5,)).at((1, 2))
        (9, 5)
        """
        position = 0
        for size, place in zip(self.shape, index[len(index) - len(self.shape) :]):
            if size == 1:
                place = 0
            elif not 0 <= place < size:
                raise Unfollowed
            position = position * size + place
        return self.numbers[position]


class Op:
    """A node of an ONNX model, with the shapes and the small constants that it reads.

    net: the OnnxNet that the node is added to.
    node: the OnnxNode.
    input_count: how many inputs it has.

    Methods raise Unfollowed if what they should return is not known, or not there. Where a method
    raises Refusal instead, the model is refused.
    """

    def __init__(self, net, node):
        self.net = net
        self.node = node
        self.input_count = len(node.inputs)

    def count_computed(self, count):
        """Count what is computed, as MAX_COMPUTED says; raise Refusal if it is too much."""
        self.net.computable -= count
        if self.net.computable < 0:
            raise Refusal(
                f'more than {MAX_COMPUTED} numbers of small constants, elements of sequences and '
                'dimensions of operands of Einsums; expected no more in a model'
            )

    # --- Inputs ---

    def has_input(self, index):
        """Return whether there is such an input; one that is left out may have the name ''."""
        return index < self.input_count and self.node.inputs[index] != ''

    def need_inputs(self, *indices):
        """Raise Refusal unless these inputs of an operator with MACs are there."""
        for index in indices:
            if not self.has_input(index):
                raise Refusal(f'{self.input_count} inputs; expected {NUMBER_WORDS[len(indices)]}')

    def input(self, index):
        """Return the name of an input."""
        if not self.has_input(index):
            raise Unfollowed
        return self.node.inputs[index]

    def shape(self, index=0):
        """Return the shape of an input, in which sizes may be Symbols."""
        shape = self.net.shapes.get(self.input(index))
        if shape is None:
            raise Unfollowed
        return shape

    def known_shape(self, index, rank=None):
        """Return the shape of an input, in which only the batch may be a Symbol.

        rank: how many dimensions it must have, or None for any number.
        Raises Refusal if it is not known so far.
        """
        return self.net.known_shape(self.input(index), rank)

    def is_feature_map(self, index):
        """Return whether an input depends on the network's input, unlike weights and constants."""
        return self.input(index) in self.net.features

    def shapes(self):
        """Return the shapes of all inputs."""
        return [self.shape(index) for index in range(self.input_count)]

    def numbers(self, index=0):
        """Return the numbers of an input that is a small constant."""
        numbers = self.net.numbers(self.input(index))
        if numbers is None:
            raise Unfollowed
        return numbers

    def constant(self, index=0):
        """Return an input that is a small constant."""
        shape, numbers = self.shape(index), self.numbers(index)
        if math.prod(shape) != len(numbers):
            raise Unfollowed
        self.count_computed(len(numbers))
        return Constant(shape, numbers)

    def tensor_type(self, index):
        """Return the TensorProto.DataType of an input that is a tensor of the file."""
        tensor = self.net.graph.tensors.get(self.input(index))
        if tensor is None:
            raise Unfollowed
        return tensor.kind

    def input_integers(self, index, default=()):
        """Return the integers of an input that is a small constant, as a tuple.

        default: returned if the input is left out.
        """
        if not self.has_input(index):
            return tuple(default)
        return as_integers(self.numbers(index))

    def input_integer(self, index, default=None):
        """Return an input that is one integer; the default if it is left out."""
        if not self.has_input(index) and default is not None:
            return default
        return single(self.input_integers(index))

    # --- Attributes ---

    def has_attribute(self, name):
        """Return whether there is such an attribute, with any content."""
        return name in self.node.attributes

    def tensor(self, name):
        """Return an attribute that is a Tensor; raise Refusal if it is anything else."""
        if not self.has_attribute(name):
            raise Unfollowed
        value = self.node.attributes[name]
        if not isinstance(value, Tensor):
            raise Refusal(f'"{name}" is {describe(value)}; expected a tensor')
        return value

    def text(self, name, choices, default):
        """Return an attribute that is one of some strings; the default if it is left out.

        choices: the strings. Raises Refusal if the attribute is anything else.
        """
        value = self.node.attributes.get(name, default)
        if not isinstance(value, str) or value not in choices:
            raise Refusal(f'"{name}" is {describe(value)}; expected one of {", ".join(choices)}')
        return value

    def any_text(self, name):
        """Return an attribute that is a string.

        Raises Unfollowed if it is left out, and Refusal if it is anything else.
        """
        if not self.has_attribute(name):
            raise Unfollowed
        value = self.node.attributes[name]
        if not isinstance(value, str):
            raise Refusal(f'"{name}" is {describe(value)}; expected a string')
        return value

    def floats(self, name, default=()):
        """Return an attribute that is a list of numbers, as a tuple; the default if left out."""
        value = self.node.attributes.get(name, default)
        if value is None or isinstance(value, (str, Tensor)):
            raise Refusal(f'"{name}" is {describe(value)}; expected numbers')
        return tuple(value)

    def integers(self, name, default=()):
        """Return an attribute that is a list of integers, as a tuple; the default if left out.

        A list without integers counts as left out, as some exporters write it.
        Raises Refusal if the attribute is anything else.
        """
        value = self.node.attributes.get(name, ())
        if not is_integers(value):
            raise Refusal(f'"{name}" is {describe(value)}; expected integers')
        return tuple(value) or tuple(default)

    def integer(self, name, default):
        """Return an attribute that is one integer; the default if it is left out.

        Raises Refusal if the attribute is anything else.
        """
        numbers = self.integers(name)
        if len(numbers) > 1:
            raise Refusal(f'"{name}" is {describe(numbers)}; expected an integer')
        return numbers[0] if numbers else default

    def input_or_attribute(self, index, name, default=()):
        """Return integers that newer versions of an operator have as an input, as a tuple.

        index: of the input.
        name: of the attribute that older versions have instead; it counts if there is no input.
        default: returned if there is neither.
        """
        if self.has_input(index):
            return self.input_integers(index)
        return self.integers(name, default)

    def axis(self, default=0, rank=None):
        """Return the attribute `axis`, counted from the first dimension.

        default: the axis if it is left out.
        rank: how many dimensions there are; by default, as many as the first input has.
        """
        rank = len(self.shape()) if rank is None else rank
        return count_from_front('"axis"', self.integer('axis', default), rank)

    def valid_integers(self, name, default, low):
        """Return an attribute that is a list of integers, and refuse any other.

        For attributes that decide MACs, where a wrong one must not be passed over.
        default: a list, returned if the attribute is left out. The attribute must be as long.
        low: the smallest integer allowed.
        Raises Refusal if the attribute is no such list.
        """
        value = self.node.attributes.get(name, ())
        if is_integers(value):
            value = value or default
            if len(value) == len(default) and all(number >= low for number in value):
                return list(value)
        expected = 'an integer' if len(default) == 1 else f'{len(default)} integers'
        raise Refusal(f'"{name}" is {describe(value)}; expected {expected}, {low} or more')

    def valid_integer(self, name, default, low):
        """Return an attribute that is one integer, and refuse any other, as valid_integers does.

        default: returned if the attribute is left out; low: the smallest integer allowed.
        """
        return self.valid_integers(name, [default], low)[0]

    def needed_integer(self, name, low=1):
        """Return an attribute that is one integer and that must be there.

        low: the smallest integer allowed. Raises Refusal if the attribute is anything else.
        """
        value = self.node.attributes.get(name, ())
        if is_integers(value) and len(value) == 1 and value[0] >= low:
            return value[0]
        state = describe(value) if self.has_attribute(name) else 'left out'
        raise Refusal(f'"{name}" is {state}; expected an integer, {low} or more')

    def flag(self, name, default=0):
        """Return whether an attribute that is one integer is not 0; default: if it is left out."""
        return self.valid_integer(name, default, low=0) != 0

    # --- Shapes of outputs ---

    def with_sizes(self, sizes):
        """Return the first input's shape with other sizes.

        sizes: {axis: size}; a dimension of size None is removed.

        >>> example((1, 64, 7, 7)).with_sizes({1: 32})
        (1, 32, 7, 7)
        >>> example((1, 64, 7, 7)).with_sizes({2: None, 3: None})
        (1, 64)
        """
        result = []
        for axis, size in enumerate(self.shape()):
            size = sizes.get(axis, size)
            if size is not None:
                result.append(size)
        return tuple(result)


def is_integers(value):
    """Return whether the value of an attribute is a list of integers, perhaps an empty one."""
    if value is None or isinstance(value, (str, Tensor)):
        return False
    return all(isinstance(number, int) for number in value)


def describe(value):
    """Return what an attribute's value is, for a message.

    >>> describe([1, 2]), describe(Tensor((3,), 1, [], [])), describe('FULL'), describe(None)
    ('[1, 2]', 'a tensor', "'FULL'", 'of a type that does not fit')
    """
    if value is None:
        return 'of a type that does not fit'
    if isinstance(value, Tensor):
        return 'a tensor'
    if isinstance(value, str):
        return repr(value[:MAX_SHOWN_CHARACTERS])
    return str(list(value)[:MAX_SHOWN_CHARACTERS])[:MAX_SHOWN_CHARACTERS]


def as_integers(numbers):
    """Return some numbers as a tuple of integers; raise Unfollowed if they are not integers."""
    for number in numbers:
        if not isinstance(number, int):
            raise Unfollowed
    return tuple(numbers)


def single(numbers):
    """Return the only one of some numbers; raise Unfollowed if there are none or several."""
    if len(numbers) != 1:
        raise Unfollowed
    return numbers[0]


def paired(axes, values):
    """Return {axis: value}; raise Unfollowed unless there is one value for each axis."""
    if len(axes) != len(values):
        raise Unfollowed
    return dict(zip(axes, values))


def count_axes(axes, rank):
    """Return axes as a list of numbers from 0 on; negative axes are counted from the last one.

    rank: how many dimensions there are. Raises Refusal if there is no such dimension.
    """
    return [count_from_front('"axes"', axis, rank) for axis in axes]


# === Examples ===

IMAGE = (1, 64, 7, 7)


class ExampleNet:
    """In place of an OnnxNet in examples: what is known of values, for an Op."""

    def __init__(self):
        self.shapes = {}
        self.constants = {}
        self.features = set()
        self.sequences = {}
        self.repeats = {}
        self.assumptions = []
        self.batch = 1
        self.is_batch_guessed = False
        self.computable = MAX_COMPUTED

    def numbers(self, value):
        return self.constants.get(value)

    def known_shape(self, value, rank=None):
        return self.shapes[value]


def example(*inputs, outputs=1, type_='', **attributes):
    """Return an Op for the examples of rules.

    inputs: a tuple for each feature map, its shape; a list for each constant, its numbers; a
    Constant; None for an input that is left out.
    outputs: how many outputs the node has.
    type_: the operator.
    attributes: each is a number, a list of numbers or a string.

    >>> op = example((1, 64, 7, 7), [0, -1], allowzero=0)
    >>> op.shape(0), op.numbers(1), op.integer('allowzero', default=1)
    ((1, 64, 7, 7), (0, -1), 0)
    """
    net = ExampleNet()
    names = []
    for index, content in enumerate(inputs):
        name = '' if content is None else f'input {index}'
        names.append(name)
        if isinstance(content, list):
            content = Constant((len(content),), tuple(content))
        if isinstance(content, Constant):
            net.shapes[name] = content.shape
            net.constants[name] = content.numbers
        elif content is not None:
            net.shapes[name] = content
            net.features.add(name)
    values = {}
    for name, value in attributes.items():
        values[name] = value if isinstance(value, (list, str)) else [value]
    made = [f'output {index}' for index in range(outputs)]
    node = OnnxNode('', type_, names, made, values, offset=0)
    return Op(net, node)
