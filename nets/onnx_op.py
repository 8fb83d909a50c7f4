"""An Op: a node of an ONNX model, as the rules of operators see it.

A rule is a function of an Op. Rules for operators with MACs are in onnx_macs.py; rules for the
shapes and the small constants that all other operators make are in onnx_rules.py.
"""

import math

from fodlam.nets.layers import count_from_front
from fodlam.nets.onnx_file import OnnxNode, Tensor


class Unfollowed(LookupError):
    """Raised where a rule needs shapes or numbers that are not known, or that it cannot handle."""


class Op:
    """A node of an ONNX model, with the shapes and the small constants that it reads.

    net: the OnnxNet that the node is added to.
    node: the OnnxNode.
    input_count: how many inputs it has.

    Methods raise Unfollowed if what they should return is not known, and IndexError if the node has
    no such input. Both are LookupErrors, which follow_shapes and follow_numbers (onnx_rules.py)
    take for "not known". Where a method raises ValueError instead, the model is refused.
    """

    def __init__(self, net, node):
        self.net = net
        self.node = node
        self.input_count = len(node.inputs)

    # --- Inputs ---

    def shape(self, index=0):
        """Return the shape of an input, in which sizes may be Symbols."""
        shape = self.net.shapes.get(self.node.inputs[index])
        if shape is None:
            raise Unfollowed
        return shape

    def known_shape(self, index, rank=None):
        """Return the shape of an input, in which only the batch may be a Symbol.

        rank: how many dimensions it must have, or None for any number.
        Raises ValueError if it is not known so far.
        """
        return self.net.known_shape(self.node.inputs[index], rank)

    def is_feature_map(self, index):
        """Return whether an input depends on the network's input, unlike weights and constants."""
        return self.node.inputs[index] in self.net.features

    def shapes(self):
        """Return the shapes of all inputs."""
        return [self.shape(index) for index in range(self.input_count)]

    def numbers(self, index=0):
        """Return the numbers of an input that is a small constant."""
        numbers = self.net.numbers(self.node.inputs[index])
        if numbers is None:
            raise Unfollowed
        return numbers

    def all_numbers(self):
        """Return the numbers of all inputs, a tuple for each."""
        return [self.numbers(index) for index in range(self.input_count)]

    def rows(self):
        """Return the numbers of the first input, a tuple for each index of its first dimension."""
        size = math.prod(self.shape()[1:])
        numbers = self.numbers()
        rows = []
        for start in range(0, len(numbers), size):
            rows.append(numbers[start : start + size])
        return rows

    def input_integers(self, index, default=()):
        """Return the integers of an input that is a small constant, as a tuple.

        default: returned if the input is left out.
        """
        if index >= self.input_count or not self.node.inputs[index]:
            return tuple(default)
        return as_integers(self.numbers(index))

    # --- Attributes ---

    def tensor(self, name):
        """Return an attribute that is a Tensor."""
        value = self.node.attributes.get(name)
        if not isinstance(value, Tensor):
            raise Unfollowed
        return value

    def integers(self, name, default=()):
        """Return an attribute that is a list of integers, as a tuple; the default if left out."""
        return as_integers(self.node.attributes.get(name) or default)

    def integer(self, name, default):
        """Return an attribute that is one integer; the default if it is left out."""
        numbers = self.integers(name)
        return numbers[0] if numbers else default

    def input_or_attribute(self, index, name, default=()):
        """Return integers that newer versions of an operator have as an input, as a tuple.

        index: of the input.
        name: of the attribute that older versions have instead; it counts if there is no input.
        default: returned if there is neither.
        """
        if index < self.input_count and self.node.inputs[index]:
            return self.input_integers(index)
        return self.integers(name, default)

    def axis(self):
        """Return the attribute `axis`, counted from the first dimension of the first input."""
        axis = self.integer('axis', 0)
        return count_from_front('"axis"', axis, len(self.shape()))

    def valid_integers(self, name, default, low):
        """Return an attribute that is a list of integers, and refuse any other.

        For attributes that decide MACs, where a wrong one must not be passed over.
        default: a list, returned if the attribute is left out. The attribute must be as long.
        low: the smallest integer allowed.
        Raises ValueError if the attribute is no such list.
        """
        value = self.node.attributes.get(name) or default
        if isinstance(value, (str, Tensor)) or len(value) != len(default) or min(value) < low:
            raise ValueError(
                f'"{name}" is {str(value)[:80]}; expected {len(default)} integers, {low} or more'
            )
        return list(value)

    def valid_integer(self, name, default, low):
        """Return an attribute that is one integer, and refuse any other, as valid_integers does.

        default: returned if the attribute is left out; low: the smallest integer allowed.
        """
        return self.valid_integers(name, [default], low)[0]

    def flag(self, name):
        """Return whether an attribute that is one integer is there and is not 0."""
        return self.valid_integer(name, 0, low=0) != 0

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


def as_integers(numbers):
    """Return some numbers as a tuple of integers; raise Unfollowed if they are not integers."""
    for number in numbers:
        if not isinstance(number, int):
            raise Unfollowed
    return tuple(numbers)


def count_axes(axes, rank):
    """Return axes as a list of numbers from 0 on; negative axes are counted from the last one.

    rank: how many dimensions there are. Raises ValueError if there is no such dimension.
    """
    return [count_from_front('"axes"', axis, rank) for axis in axes]


# === Examples ===


class ExampleNet:
    """In place of an OnnxNet in examples: the shapes and the numbers of values, for an Op."""

    def __init__(self):
        self.shapes = {}
        self.constants = {}

    def numbers(self, value):
        return self.constants.get(value)


def example(*inputs, outputs=1, **attributes):
    """Return an Op for the examples of rules.

    inputs: a tuple for each feature map, its shape; a list for each constant, its numbers.
    outputs: how many outputs the node has.
    attributes: each is an integer or a list of integers.

    >>> op = example((1, 64, 7, 7), [0, -1], allowzero=0)
    >>> op.shape(0), op.numbers(1), op.integer('allowzero', default=1)
    ((1, 64, 7, 7), (0, -1), 0)
    """
    net = ExampleNet()
    names = []
    for index, content in enumerate(inputs):
        name = f'input {index}'
        names.append(name)
        if isinstance(content, list):
            net.shapes[name] = (len(content),)
            net.constants[name] = tuple(content)
        else:
            net.shapes[name] = content
    lists = {}
    for name, value in attributes.items():
        lists[name] = value if isinstance(value, list) else [value]
    node = OnnxNode('', '', names, ['output'] * outputs, lists, offset=0)
    return Op(net, node)
