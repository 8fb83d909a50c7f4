"""What the rules of ONNX's operators see of a node: an Op.

A rule is a function of an Op. The rules are in onnx_macs.py, of operators that take MACs, and in
onnx_rules.py, of what all others make of shapes and of small constants.
"""

import math

from fodlam.nets.layers import count_from_front
from fodlam.nets.onnx_file import OnnxNode, Tensor


class Unfollowed(LookupError):
    """Shapes or numbers that the file does not tell, or that no rule can tell."""


class Op:
    """A node of an ONNX model, with the shapes and the small constants that it reads.

    net: the OnnxNet that the node is added to.
    node: the OnnxNode.
    count: how many inputs it has.

    Most methods raise Unfollowed if they do not know; an input that is not there is an IndexError.
    Both are LookupErrors.
    """

    def __init__(self, net, node):
        self.net = net
        self.node = node
        self.count = len(node.inputs)

    # --- Inputs ---

    def shape(self, index=0):
        """Return the shape of an input, of which sizes may be Symbols."""
        shape = self.net.shapes.get(self.node.inputs[index])
        if shape is None:
            raise Unfollowed
        return shape

    def known_shape(self, index, rank=None):
        """Return the shape of an input, as OnnxNet.known_shape does, or raise ValueError."""
        return self.net.known_shape(self.node.inputs[index], rank)

    def is_feature_map(self, index):
        """Return whether an input depends on the network's input, unlike weights and constants."""
        return self.node.inputs[index] in self.net.dependent

    def shapes(self):
        """Return the shapes of all inputs."""
        return [self.shape(index) for index in range(self.count)]

    def numbers(self, index=0):
        """Return the numbers of an input that is a small constant."""
        numbers = self.net.numbers(self.node.inputs[index])
        if numbers is None:
            raise Unfollowed
        return numbers

    def all_numbers(self):
        """Return the numbers of all inputs, a tuple for each."""
        return [self.numbers(index) for index in range(self.count)]

    def rows(self):
        """Return the numbers of the first input, a tuple for each index of its first dimension."""
        size = math.prod(self.shape()[1:])
        numbers = self.numbers()
        rows = []
        for start in range(0, len(numbers), size):
            rows.append(numbers[start : start + size])
        return rows

    def input_integers(self, index, default=()):
        """Return the numbers of an input, which are integers; the default if it is left out."""
        if index >= self.count or not self.node.inputs[index]:
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
        """Return an attribute that is a list of integers; the default if it is left out."""
        return as_integers(self.node.attributes.get(name) or default)

    def integer(self, name, default):
        """Return an attribute that is one integer; the default if it is left out."""
        numbers = self.integers(name)
        return numbers[0] if numbers else default

    def input_or_attribute(self, index, name, default=()):
        """Return the integers of an input, which older versions of an operator had as an attribute.

        index: of the input, which counts if it is there; name: of the attribute.
        default: what is returned if there is neither.
        """
        if index < self.count and self.node.inputs[index]:
            return self.input_integers(index)
        return self.integers(name, default)

    def axis(self):
        """Return the attribute `axis`, counted from the first dimension of the first input."""
        axis = self.integer('axis', 0)
        return count_from_front('"axis"', axis, len(self.shape()))

    def valid_integers(self, name, default, low):
        """Return an attribute as a list of as many integers as the default, none less than `low`.

        For attributes that decide MACs: if it is anything else, that is a ValueError.
        """
        value = self.node.attributes.get(name) or default
        if isinstance(value, (str, Tensor)) or len(value) != len(default) or min(value) < low:
            raise ValueError(
                f'"{name}" is {str(value)[:80]}; expected {len(default)} integers, {low} or more'
            )
        return list(value)

    def flag(self, name):
        """Return an attribute that is one integer, which counts if it is not 0; 0 if left out."""
        return self.valid_integers(name, [0], low=0)[0]

    # --- Shapes of outputs ---

    def with_sizes(self, sizes):
        """Return the first input's shape with other sizes.

        sizes: {axis: size}; None for a dimension that goes.

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
    """Return a list of axes, counted from the first of `rank` dimensions; raise ValueError."""
    return [count_from_front('"axes"', axis, rank) for axis in axes]


# === Examples ===


class ExampleNet:
    """What an Op needs of a network, for examples: the shapes and the numbers of values."""

    def __init__(self):
        self.shapes = {}
        self.constants = {}

    def numbers(self, value):
        return self.constants.get(value)


def example(*inputs, outputs=1, **attributes):
    """Return an Op for the examples of rules.

    inputs: a tuple is the shape of a feature map; a list is a constant, its numbers.
    outputs: how many outputs it has.
    attributes: an integer or a list of integers each.

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
    node = OnnxNode('', '', names, ['output'] * outputs, lists, has_body=False, offset=0)
    return Op(net, node)
