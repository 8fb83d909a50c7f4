"""What layers make of shapes, and what they cost: MACs and shapes of a net file's entries.

What Caffe's layers and ONNX's operators have in common comes first; then come the rules for ONNX's.
All are functions of plain values, which raise ValueError with what is wrong and what is valid.
Sizes that are not known are NaN, and a batch that is a symbol is BATCH.
"""

import contextlib
import itertools
import math
import operator
import re
from collections import namedtuple

# What a node is to the layer whose output it reads: something that an accelerator does on the way
# to DRAM (PASS, POOL, SUM once it has the other operand, and GATE if it has no other but that
# output), a layer with MACs, or none of these.
PASS, POOL, SUM, GATE, MACS, OTHER = 'pass', 'pool', 'sum', 'gate', 'macs', 'other'

# One layer of a definition. inputs and outputs are values, each written by just one node;
# members: the layer's own entries in the net file.
Node = namedtuple('Node', 'name type role inputs outputs members')

# In the place of a shape: the node that made a value, and did not say its shape.
Unknown = namedtuple('Unknown', 'name type')

MAX_SIZE = 2**32  # of what is in a net file, as FODLAM has it
MAX_MACS = 2**63 - 1
MAX_RANK = 10  # against shapes that grow from node to node until they fill the memory
MAX_ACTIVATION_NODES = 12  # an approximate GELU has eight

# The batch, in the place of its symbol: a prime number that no size is a multiple of by chance.
BATCH = 2**61 - 1


def check_shape(shape):
    """Raise ValueError if a shape has too many dimensions, or too large ones per frame."""
    if len(shape) > MAX_RANK:
        raise ValueError(f'a shape of {len(shape)} dimensions; expected at most {MAX_RANK}')
    if any(size > MAX_SIZE and size % BATCH for size in shape):
        raise ValueError(f'sizes of more than {MAX_SIZE}, {list(shape)}; expected no more')


def conv_members(type_, ifmap, ofmap, kernel=(1, 1), stride=(1, 1), groups=1):
    """Return the members of a layer with MACs: shapes, and MACs per frame.

    type_: as in the net file; the rest as in the module's docstring.
    Raises ValueError if the groups do not divide the channels, or a number is too large.
    """
    channels, filters = ifmap[0], ofmap[0]
    if channels % groups or filters % groups:
        what = f'{channels} to {filters} channels do not divide into {groups} groups'
        raise ValueError(f'{what}; expected a divisor of both')
    # A deconvolution does its work once for every pixel that it reads, not that it writes.
    pixels = math.prod(ifmap[1:] if type_ == 'Deconvolution' else ofmap[1:])
    macs = pixels * channels * (filters // groups) * math.prod(kernel)
    sizes = {'ifmap': ifmap, 'ofmap': ofmap, 'kernel': kernel, 'stride': stride}
    if not all(1 <= size <= MAX_SIZE for size in itertools.chain(*sizes.values())):
        what = f'sizes of more than {MAX_SIZE}, or none, in {sizes}'
        raise ValueError(f'{what}; expected from 1 to {MAX_SIZE}')
    if macs > MAX_MACS:
        raise ValueError(f'MACs of more than {MAX_MACS}; expected no more')
    members = {'macs': macs, **{key: list(numbers) for key, numbers in sizes.items()}}
    return {**members, 'groups': groups} if groups != 1 else members


def window_size(type_, size, kernel, stride, padding, dilation, extra=0, up=False):
    """Return the size of an ofmap in one direction, rounded down, or up if so told.

    padding: on both sides together; extra: what a deconvolution adds to its ofmap.
    Raises ValueError if there is no room for the kernel.
    """
    extent = dilation * (kernel - 1) + 1
    if type_ == 'Deconvolution':
        result = stride * (size - 1) + extent - padding + extra
    else:
        room = size + padding - extent
        result = (-(-room // stride) if up else room // stride) + 1
    if result < 1:
        what = f'kernel of {extent} with stride {stride} does not fit {size} + {padding}'
        raise ValueError(f'{what}; expected a smaller kernel, or more padding')
    return result


def frame(shape, rank=None):
    """Return the [C, H, W] of a shape, whose first dimension is the batch.

    rank: how many dimensions it must have. Raises ValueError if it is no feature map.
    """
    if len(shape) < 2:
        raise ValueError(f'the input is {list(shape)}; expected a batch of feature maps')
    if len(shape) > 4:
        what = f'3-D feature maps are not modelled; this one is {list(shape)}'
        raise ValueError(f'{what}, expected [N, C, H, W]')
    if rank not in (None, len(shape)):
        what = f'expected an input of {rank} dimensions, such as [N, C, H, W]'
        raise ValueError(f'the input is {list(shape)}; {what}')
    return (shape[1], *(1,) * (4 - len(shape)), *shape[2:])


def axis_of(name, axis, rank):
    """Return an axis, counted from the last one if it is negative. Raises ValueError."""
    if not -rank <= axis < rank:
        what = f'{name} is {axis} where there are {rank} dimensions'
        raise ValueError(f'{what}; expected {-rank} or more, and less than {rank}')
    return axis % rank


def joined(shapes, axis):
    """Return the shape of values put one behind the other along an axis. Raises ValueError."""
    first = shapes[0]
    for shape in shapes:
        pairs = [*zip(shape[:axis], first), *zip(shape[axis + 1 :], first[axis + 1 :])]
        if len(shape) != len(first) or any(is_other(*pair) for pair in pairs):
            what = f'inputs differ: {list(first)} and {list(shape)}'
            raise ValueError(f'{what}; expected the same but for dimension {axis}')
    return (*first[:axis], sum(shape[axis] for shape in shapes), *first[axis + 1 :])


def is_other(size, expected):
    """Return whether two sizes are known, and not the same. Those not known are NaN."""
    return size < expected or size > expected


def reshaped(shape, dims):
    """Return dims, in which 0 copies a dimension and -1 takes what is left. Raises ValueError."""
    new = [shape[i] if dim == 0 and i < len(shape) else dim for i, dim in enumerate(dims)]
    size, rest = math.prod(shape), math.prod(dim for dim in new if dim != -1)
    new = [size // rest if dim == -1 and rest else dim for dim in new]
    if is_other(math.prod(new), size):
        what = f'cannot reshape {list(shape)} to {list(dims)}'
        raise ValueError(f'{what}; expected dimensions of the same product')
    return tuple(new)


def positions(leading, batch):
    """Return how often a frame goes through a matrix: its share of the rows.

    leading: a shape without the dimension that is multiplied, of which the first may not be known.
    batch: the first dimension of the network's input, or None; it may be a factor of any of these.
    Raises ValueError if what is a frame's share cannot be told.
    """
    first, rows = (*leading, 1)[0], math.prod(leading)
    if isinstance(rows, int):
        if batch is not None and rows % batch == 0:
            return rows // batch
        if first == 1:
            return rows
    raise batch_error(first, batch)


def check_batch(first, batch):
    """Raise ValueError if a feature map's first dimension is not the batch of the input.

    There would be frames, or parts of them, in what counts for one.
    """
    if first != batch and (first != 1 or batch not in (None, BATCH)):
        raise batch_error(first, batch)


def batch_error(first, batch):
    """Return the ValueError for a first dimension that is not the batch."""
    batch = '?' if batch is None else batch
    return ValueError(
        f'the first dimension is {first} where the batch of the first input is {batch}; '
        'fix the batch size, as by an export with batch 1'
    )


def activation(value, readers, results):
    """Return the value of an activation written out, such as x * sigmoid(x), or None.

    value: the x, which several nodes read; readers: {value: {index: Node}}.
    """
    inside, waiting = {value}, dict(readers[value])
    for _ in range(MAX_ACTIVATION_NODES):
        node = waiting.pop(min(waiting))  # in the order in which they run
        if node.role not in (PASS, SUM, GATE) or not inside.issuperset(node.inputs):
            return None
        result = node.outputs[0]
        if not waiting or result in results:
            return None if waiting else result
        inside.add(result)
        waiting.update(readers.get(result, {}))
    return None


def fuse(nodes, shapes, results):
    """Add `stored` and `addend` to the members of nodes with MACs.

    shapes: {value: shape or Unknown}; results: the values that the network puts out.
    An accelerator need not store an ofmap before what follows it, if nothing else reads it.
    """
    readers = {}
    last_run = {}  # value: the index of the last node with MACs that must have run to have it
    for index, node in enumerate(nodes):
        before = max((last_run.get(value, -1) for value in node.inputs), default=-1)
        for value in node.inputs:
            readers.setdefault(value, {})[index] = node
        for value in node.outputs:
            last_run[value] = index if node.role == MACS else before
    for index, node in enumerate(nodes):
        value = node.outputs[0] if node.role == MACS else None
        while value in readers and value not in results:
            (follower, *others) = readers[value].values()
            if others:
                value = activation(value, readers, results)
                continue
            if not follower.outputs or follower.inputs.count(value) > 1:
                break
            value = follower.outputs[0]
            if follower.role == SUM and last_run[value] == index:
                node.members['addend'] = True
            elif follower.role == POOL and node.type not in ('InnerProduct', 'MatMul'):  # no image
                stored = shapes.get(value)
                if is_known(stored) and len(stored) in (3, 4):
                    stored = list(frame(stored))
                    if stored != node.members['ofmap'] and stored[0] == node.members['ofmap'][0]:
                        node.members['stored'] = stored
                break
            elif follower.role != PASS:
                break


def is_known(shape):
    """Return whether all of a shape but the batch is known, and can be in a net file."""
    sizes = shape[1:] if shape and not isinstance(shape, Unknown) else [None]
    return all(isinstance(size, int) and 1 <= size <= MAX_SIZE for size in sizes)


# === ONNX ===

# Operators that take MACs: what a net file calls them, and which input has their weights.
CONV_TYPES = {
    **dict.fromkeys(('Conv', 'ConvInteger', 'com.microsoft.FusedConv'), ('Convolution', 1)),
    'ConvTranspose': ('Deconvolution', 1),
    'QLinearConv': ('Convolution', 3),
}
MATRIX_TYPES = {
    **dict.fromkeys(('Gemm', 'MatMul', 'MatMulInteger', 'Einsum'), 1),
    'QLinearMatMul': 3,
}
MACS_TYPES = {*CONV_TYPES, *MATRIX_TYPES, 'Attention'}
EQUATION = re.compile('([a-zA-Z]+),([a-zA-Z]+)->([a-zA-Z]*)')  # of an Einsum
PRODUCT = re.compile('(?:([0-9]{1,9})[*])?([^*]+)(?:[*]([0-9]{1,9}))?')  # a dim such as 64*batch
GENERATED = re.compile('onnx::|val_[0-9]|[0-9]+$')  # names of weights that say nothing

# Operators of one feature map that keep its shape: those that an accelerator does on the way to
# DRAM, and others; operators of several that are broadcast; and poolings.
ONNX_PASS_TYPES = (
    'Abs BatchNormalization Cast CastLike Celu Ceil Clip DequantizeLinear Dropout Elu Erf Exp '
    'Floor Gelu HardSigmoid HardSwish Identity LRN LeakyRelu Log Mish Neg PRelu QuantizeLinear '
    'Reciprocal Relu Round Selu Sigmoid Sign Softplus Softsign Sqrt Swish Tanh ThresholdedRelu'
).split()
SAME_TYPES = (
    'Cos CumSum GroupNormalization Hardmax InstanceNormalization IsNaN LayerNormalization '
    'LogSoftmax LpNormalization MeanVarianceNormalization Not RMSNormalization '
    'ScatterElements ScatterND Sin Softmax Trilu'
).split()
SCALE_TYPES = ('Add', 'Div', 'Max', 'Min', 'Mul', 'Pow', 'Sub')  # with one operand a constant
BROADCAST_TYPES = (
    *SCALE_TYPES,
    *'And Equal Greater GreaterOrEqual Less LessOrEqual Mean Mod Or Sum Where Xor'.split(),
)
ONNX_SUM_TYPES = ('Add', 'Sum')
GLOBAL_POOL_TYPES = ('GlobalAveragePool', 'GlobalMaxPool', 'GlobalLpPool')
ONNX_POOL_TYPES = ('AveragePool', 'LpPool', 'MaxPool', *GLOBAL_POOL_TYPES)
REDUCE_TYPES = [f'Reduce{name}' for name in 'L1 L2 LogSum LogSumExp Max Mean Min Prod Sum'.split()]

# What takes MACs, or may have nodes inside that do, and is not modelled; so may all operators that
# are not ONNX's own.
UNMODELLED_TYPES = (
    'DeformConv DynamicQuantizeMatMul FusedConv FusedGemm FusedMatMul GRU GroupQueryAttention If '
    'LSTM Loop MatMulNBits MultiHeadAttention QAttention QGemm RNN Scan'
).split()

MAX_NUMBERS = 64  # of a tensor that is followed: against constants that grow from node to node


class Unfollowed(LookupError):
    """A shape, or numbers, that the file does not tell."""


class Symbol(float):
    """A size that is not known: NaN, of which nothing can be computed, with a name for messages."""

    name = '?'

    def __repr__(self):
        return self.name

    __str__ = __repr__


class Op:
    """What the rules below see of a node: shapes and small constants, as far as they are known."""

    def __init__(self, net, node):
        self.net, self.node, self.count = net, node, len(node.inputs)

    def dims(self, index=0):
        """Return the shape of an input, of which sizes may be Symbols. Raises Unfollowed."""
        dims = self.net.shapes.get(self.node.inputs[index])
        if dims is None:
            raise Unfollowed
        return dims

    def numbers(self, index=0):
        """Return the numbers of an input. Raises Unfollowed."""
        found = self.net.numbers(self.node.inputs[index])
        if found is None:
            raise Unfollowed
        return found

    def every(self, what):
        """Return the shapes, or the numbers, of all inputs; what: Op.dims or Op.numbers."""
        return [what(self, index) for index in range(self.count)]

    def rows(self):
        """Return the numbers of the first input, in tuples of as many as one step of its axis 0."""
        step, numbers = math.prod(self.dims()[1:]), self.numbers()
        return [numbers[start : start + step] for start in range(0, len(numbers), step)]

    def ints(self, name, index=None, default=()):
        """Return the integers of an attribute, or of the input that has replaced it since."""
        if index is not None and index < self.count and self.node.inputs[index]:
            found = self.numbers(index)
        else:
            found = self.node.attributes.get(name) or default
        if not all(isinstance(number, int) for number in found):
            raise Unfollowed
        return tuple(found)

    def axis(self):
        """Return the attribute `axis`, counted from the front."""
        return axis_of('"axis"', (*self.ints('axis'), 0)[0], len(self.dims()))

    def axes(self, rank=None, index=1, default=None):
        """Return the axes that a node names, counted from the front; all if it names none."""
        rank = len(self.dims()) if rank is None else rank
        default = range(rank) if default is None else default
        return [axis_of('"axes"', axis, rank) for axis in self.ints('axes', index, default)]

    def replaced(self, sizes):
        """Return the first input's shape with other sizes, {axis: size, or None for none left}."""
        new = (sizes.get(axis, size) for axis, size in enumerate(self.dims()))
        return tuple(size for size in new if size is not None)

    def slices(self):
        """Return {axis: slice} of a Slice node."""
        starts, ends = self.ints('starts', 1), self.ints('ends', 2)
        axes = self.axes(index=3, default=range(len(starts)))
        steps = (step or 1 for step in self.ints('', 4, [1] * len(starts)))
        return dict(zip(axes, map(slice, starts, ends, steps)))


def onnx_ints(node, name, default, low):
    """Return an attribute that is a list of as many integers as the default, none below `low`."""
    numbers = node.attributes.get(name) or default
    if not isinstance(numbers, (list, tuple)) or len(numbers) != len(default) or min(numbers) < low:
        what = f'"{name}" is {str(numbers)[:80]}'
        raise ValueError(f'{what}; expected {len(default)} integers, {low} or more')
    return list(numbers)


def onnx_window(node, type_, image, kernel):
    """Return (stride, sizes of the output) of a node that moves a kernel over an n-D image."""
    ones, zeros = [1] * len(image), [0] * len(image)
    stride, dilation = (onnx_ints(node, name, ones, 1) for name in ('strides', 'dilations'))
    pads, extra = onnx_ints(node, 'pads', zeros * 2, 0), onnx_ints(node, 'output_padding', zeros, 0)
    auto_pad = node.attributes.get('auto_pad') or 'NOTSET'
    if type_ == 'Deconvolution' and node.attributes.get('output_shape'):
        return stride, onnx_ints(node, 'output_shape', ones, 1)
    if auto_pad in ('SAME_UPPER', 'SAME_LOWER'):
        up = type_ == 'Deconvolution'
        return stride, [size * s if up else -(-size // s) for size, s in zip(image, stride)]
    if auto_pad not in ('NOTSET', 'VALID'):
        raise ValueError(
            f'"auto_pad" is {str(auto_pad)[:80]!r}; expected NOTSET, SAME_... or VALID'
        )
    sizes, (up,) = [], onnx_ints(node, 'ceil_mode', [0], 0)
    for index, (size, k, s) in enumerate(zip(image, kernel, stride)):
        before, after = (0, 0) if auto_pad == 'VALID' else pads[index :: len(image)]
        numbers = size, k, s, before + after, dilation[index], extra[index]
        result = window_size(type_, *numbers, up=up)
        sizes.append(result - (up and (result - 1) * s >= size + before))  # none in the padding
    return stride, sizes


def onnx_conv(node, net):
    """Return (type, members, shape of the output) of a node that convolves."""
    type_, index = CONV_TYPES[node.type]
    shape = net.shape(node.inputs[0])
    weights = net.shape(node.inputs[index], rank=len(shape))
    ifmap, n = frame(shape), len(shape) - 2  # dimensions of the image; of one, the height is 1
    if n < 1 or not isinstance(weights[0], int):
        what = f'data {list(shape)} and weights {list(weights)}'
        raise ValueError(f'{what}; expected 3 or 4 dimensions')
    first = net.shapes.get((*net.graph.inputs, None)[0]) or ()
    if len(first) == 3 and n == 2 and shape[0] != net.batch:
        what = f'the first input is {list(first)}, without a batch'
        raise ValueError(f'{what}; export the model with one of {[1, *first]}')
    check_batch(shape[0], net.batch)
    (groups,) = onnx_ints(node, 'group', [1], 1)
    channels, filters = weights[1] * groups, weights[0]
    if type_ == 'Deconvolution':
        channels, filters = filters, channels
    if channels != ifmap[0]:
        what = f'weights for {channels} channels, but the input has {ifmap[0]}'
        raise ValueError(f'{what}; expected the same number')
    kernel = onnx_ints(node, 'kernel_shape', weights[2:], 1)
    if kernel != list(weights[2:]):
        what = f'"kernel_shape" is {kernel}, but the weights are {list(weights)}'
        raise ValueError(f'{what}; expected the same size')
    stride, sizes = onnx_window(node, type_, shape[2:], kernel)
    ones = [1] * (2 - n)
    ofmap = [filters, *ones, *sizes]
    members = conv_members(type_, ifmap, ofmap, [*ones, *kernel], [*ones, *stride], groups)
    return type_, members, (shape[0], filters, *sizes)


def onnx_matrices(node, net):
    """Return (left, right, shape of the product) of a node that multiplies stacks of matrices."""
    rank = 2 if node.type == 'Gemm' else None
    values = node.inputs[0], node.inputs[MATRIX_TYPES[node.type]]
    left, right = (net.shape(value, rank) for value in values)
    if node.type == 'Einsum':
        return einsum_matrices(node.attributes.get('equation'), left, right)
    if node.type == 'Gemm':
        left, right = (
            shape[::-1] if onnx_ints(node, flag, [0], 0)[0] else shape
            for shape, flag in ((left, 'transA'), (right, 'transB'))
        )
    # A vector is a row if it comes first, and a column if it comes second.
    rows, columns = left[-2:-1], right[-1:] * (len(right) > 1)
    left = (1, *left) if len(left) == 1 else left
    right = (*right, 1) if len(right) == 1 else right
    if not left or not right or left[-1] != right[-2]:
        what = f'cannot multiply {list(left)} by {list(right)}'
        raise ValueError(f'{what}; expected as many columns as there are rows')
    return left, right, (*broadcast([left[:-2], right[:-2]]), *rows, *columns)


def einsum_matrices(equation, left, right):
    """Return (left, right, shape of the product) of an Einsum, as stacks of matrices.

    Raises Unfollowed if it is no product of two matrices, with letters for all dimensions.
    """
    terms = EQUATION.fullmatch(str(equation).replace(' ', ''))
    a, b, out = terms.groups() if terms else ('', '', '')
    if (len(a), len(b)) != (len(left), len(right)) or len(set(a)) != len(a):
        raise Unfollowed
    sizes = {**dict(zip(b, right)), **dict(zip(a, left))}
    stack, inner = ([x for x in a if x in b and (x in out) == kept] for kept in (True, False))
    rows, columns = [x for x in a if x not in b], [x for x in b if x not in a]
    if right != tuple(sizes[x] for x in b) or sorted(stack + rows + columns) != sorted(out):
        raise Unfollowed
    heads = [sizes[x] for x in stack]
    m, k, n = (math.prod(sizes[x] for x in part) for part in (rows, inner, columns))
    return (*heads, m, k), (*heads, k, n), tuple(sizes[x] for x in out)


def product(left, right, batch, weights=None):
    """Return (type, members) of a product of stacks of matrices.

    weights: which of both is no feature map, 0 or 1; None if both are.
    """
    if weights == 0:  # the product is transposed, so that they come second
        left, right = (*right[:-2], *right[:-3:-1]), (*left[:-2], *left[:-3:-1])
    (k, n), type_ = right[-2:], 'MatMul' if weights is None else 'InnerProduct'
    if weights is not None and math.prod(right[:-2]) == 1:
        rows = positions(left[:-1], batch)
        return type_, conv_members(type_, (k, rows, 1), (n, rows, 1))
    stack = broadcast([left[:-2], right[:-2]])
    rows = positions((*stack, left[-2]), batch)
    heads = positions(stack, batch) if weights is None else math.prod(right[:-2])
    m = rows // heads
    return type_, conv_members(type_, (heads * k, m, 1), (heads * n, m, 1), groups=heads)


def attention(node, net):
    """Return (type, members) of each of the two products of an Attention node, and its shape.

    Of [N, heads, positions, size], or [N, positions, heads * size].
    """
    shapes = [net.shape(value) for value in node.inputs[:3]]
    if len(shapes) != 3 or any(node.inputs[4:6]):
        raise Unfollowed  # with a cache of keys and values that are not in the file
    is_flat = [len(shape) for shape in shapes] == [3, 3, 3]
    if is_flat:
        names = ('q_num_heads', 'kv_num_heads', 'kv_num_heads')
        counts = [onnx_ints(node, name, [1], 1)[0] for name in names]
        shapes = [(n, heads, m, k // heads) for (n, m, k), heads in zip(shapes, counts)]
    if [len(shape) for shape in shapes] != [4, 4, 4]:
        what = f'query, key and value are {", ".join(str(list(shape)) for shape in shapes)}'
        raise ValueError(f'{what}; expected 3 or 4 dimensions each')
    # A head of keys and values may serve several of queries.
    (n, heads, m, k), (_, _, length, size) = shapes[0], (*shapes[1][:3], shapes[2][3])
    scores = product((n, heads, m, k), (n, heads, k, length), net.batch)
    result = product((n, heads, m, length), (n, heads, length, size), net.batch)
    return [scores, result], (n, m, heads * size) if is_flat else (n, heads, m, size)


def broadcast(shapes):
    """Return the shape of an element-wise operator's output. Raises ValueError."""
    result = []
    for sizes in itertools.zip_longest(*(shape[::-1] for shape in shapes), fillvalue=1):
        larger = {size for size in sizes if size > 1}
        if len(larger) > 1:
            what = f'cannot broadcast {" and ".join(str(list(shape)) for shape in shapes)}'
            raise ValueError(f'{what}; expected sizes that are the same, or 1')
        # What is not known may be 1, or the larger size.
        result.append(max(larger) if larger else next((s for s in sizes if s != 1), 1))
    return tuple(result[::-1])


# The rules: what an operator makes of an Op, of shapes first and then of numbers.


def flattened(op):
    axis = (*op.ints('axis'), 1)[0]
    return math.prod(op.dims()[:axis]), math.prod(op.dims()[axis:])


def padded(op):
    pads, axes = op.ints('pads', 1), op.axes(index=3)
    each = zip(axes, pads, pads[len(axes) :])
    return op.replaced({axis: op.dims()[axis] + sum(ends) for axis, *ends in each})


def pooled(op):
    dims = op.dims()
    is_conv = op.node.type == 'Conv'
    filters = op.dims(1)[0] if is_conv else dims[1]
    if len(dims) < 3:
        raise Unfollowed
    kernel = onnx_ints(
        op.node, 'kernel_shape', op.dims(1)[2:] if is_conv else [1] * len(dims[2:]), 1
    )
    return (dims[0], filters, *onnx_window(op.node, op.node.type, dims[2:], kernel)[1])


def ranged(op):
    start, limit, delta = itertools.chain(*op.every(Op.numbers))
    return (max(-((start - limit) // delta), 0),)


def reduced(op):
    is_noop = op.ints('noop_with_empty_axes') == (1,) and op.count < 2
    kept = op.ints('keepdims', default=[1])[0]
    return op.replaced(dict.fromkeys([] if is_noop else op.axes(), 1 if kept else None))


def resized(op):
    axes = op.axes(index=None)
    if op.count == 4:
        return op.replaced(dict(zip(axes, op.ints('sizes', 3))))
    scales = zip(axes, op.numbers(op.count - 1))
    return op.replaced({axis: int(op.dims()[axis] * scale) for axis, scale in scales})


def sliced(op):
    dims, slices = op.dims(), op.slices().items()
    return op.replaced({axis: len(range(*cut.indices(dims[axis]))) for axis, cut in slices})


def split(op):
    axis, count, parts = op.axis(), len(op.node.outputs), op.ints('split', 1)
    if not parts:  # equal ones, and a smaller one if that does not work out
        size, part = op.dims()[axis], -(-op.dims()[axis] // count)
        parts = [part] * (count - 1) + [size - part * (count - 1)]
    return [op.replaced({axis: part}) for part in parts]


def unsqueezed(op):
    rank, rest = len(op.dims()) + len(op.ints('axes', 1)), iter(op.dims())
    axes = op.axes(rank)
    return tuple(1 if axis in axes else next(rest, math.nan) for axis in range(rank))


# {type: function from an Op to the shape of its first output, or a list of those of all}
ONNX_SHAPES = {
    **dict.fromkeys([*ONNX_PASS_TYPES, *SAME_TYPES], Op.dims),
    **dict.fromkeys(BROADCAST_TYPES, lambda op: broadcast(op.every(Op.dims))),
    **dict.fromkeys(('AveragePool', 'Conv', 'LpPool', 'MaxPool'), pooled),
    **dict.fromkeys(GLOBAL_POOL_TYPES, lambda op: (*op.dims()[:2], *(1 for _ in op.dims()[2:]))),
    **dict.fromkeys(REDUCE_TYPES, reduced),
    'Concat': lambda op: joined(op.every(Op.dims), op.axis()),
    'Constant': lambda op: op.node.attributes['value'].dims,
    'ConstantOfShape': lambda op: op.ints('', 0),
    'Expand': lambda op: broadcast([op.dims(), op.ints('', 1)]),
    'Flatten': flattened,
    'Gather': lambda op: (*op.dims()[: op.axis()], *op.dims(1), *op.dims()[op.axis() + 1 :]),
    'GatherElements': lambda op: op.dims(1),
    'MatMul': lambda op: onnx_matrices(op.node, op.net)[2],
    'Pad': padded,
    'Range': ranged,
    'Reshape': lambda op: reshaped(op.dims(), op.ints('shape', 1)),
    'Resize': resized,
    'Shape': lambda op: (len(op.dims()),),
    'Slice': sliced,
    'Split': split,
    'Squeeze': lambda op: op.replaced(dict.fromkeys(op.axes())),
    'Tile': lambda op: tuple(map(operator.mul, op.dims(), op.ints('', 1))),
    'Transpose': lambda op: tuple(
        op.dims()[axis] for axis in op.ints('perm', default=range(len(op.dims()))[::-1])
    ),
    'Unsqueeze': unsqueezed,
    'Upsample': resized,
}


def elementwise(operate):
    """Return the rule for the numbers of an operator on numbers, or lists of as many."""

    def rule(op):
        operands = op.every(Op.numbers)
        size = max(map(len, operands), default=0)
        return map(operate, *(x * size if len(x) == 1 else x for x in operands))

    return rule


def repeated(op):
    value, count = op.node.attributes.get('value'), math.prod(op.ints('', 0))
    return (op.net.wire.numbers(value) if value else (0,)) * min(count, MAX_NUMBERS + 1)


# {type: function from an Op to the numbers of its output}, for what is computed from shapes
ONNX_NUMBERS = {
    **dict.fromkeys(('Identity', 'Reshape', 'Squeeze', 'Unsqueeze'), Op.numbers),
    'Add': elementwise(operator.add),
    'Cast': lambda op: map(int if op.ints('to') in ((6,), (7,)) else float, op.numbers()),
    'Ceil': elementwise(lambda x: -(-x // 1)),
    'Concat': lambda op: itertools.chain(*op.every(Op.numbers)),
    'Constant': lambda op: op.net.wire.numbers(op.node.attributes['value']),
    'ConstantOfShape': repeated,
    'Div': elementwise(lambda x, y: x // y if isinstance(x, int) else x / y),
    'Equal': elementwise(operator.eq),
    'Floor': elementwise(lambda x: x // 1),
    'Gather': lambda op: itertools.chain(*(op.rows()[index] for index in op.ints('', 1))),
    'Mod': elementwise(operator.mod),
    'Mul': elementwise(operator.mul),
    'Pow': elementwise(lambda x, y: x**y if y <= 2 else math.nan),  # against huge numbers
    'ReduceProd': lambda op: [math.prod(op.numbers())],
    'Shape': lambda op: op.dims()[slice(*(*op.ints('start'), 0)[:1], *op.ints('end') or (None,))],
    'Size': lambda op: [math.prod(op.dims())],
    'Slice': lambda op: itertools.chain(*op.rows()[op.slices()[0]]),
    'Sub': elementwise(operator.sub),
    'Transpose': lambda op: itertools.chain(*zip(*op.rows())),
    'Where': elementwise(lambda is_first, x, y: x if is_first else y),
}


def onnx_role(op, inputs, shapes):
    """Return what an ONNX node is to the node before it; inputs: those that are not constants."""
    type_, values = op.node.type, [*inputs, *op.node.outputs[:1]]
    known = [shapes.get(value) for value in values]
    same = all(is_known(shape) and shape[1:] == known[0][1:] for shape in known)
    if len(inputs) == 1 and (type_ in ONNX_PASS_TYPES or (type_ in SCALE_TYPES and same)):
        return PASS  # operands that differ are broadcast: the result may be larger than the ofmap
    if len(inputs) > 1 and same and type_ in ONNX_SUM_TYPES:
        return SUM
    if len(inputs) > 1 and same and type_ in SCALE_TYPES:
        return GATE
    with contextlib.suppress(LookupError):  # a mean over height and width is a global pooling
        if type_ == 'ReduceMean' and len(op.dims()) == 4 and sorted(op.axes(4)) == [2, 3]:
            return POOL
    return POOL if type_ in ONNX_POOL_TYPES else OTHER
