"""What layers of any format make of shapes, and the MACs and shapes of a net file's entries.

A shape is a tuple of sizes, with the batch first: (N, C, H, W) for N frames of C channels, each H
pixels high and W pixels wide.

The batch. A network may take batches of any size, such as one with the input ['N', 3, 224, 224].
Its net file is for one frame, so the batch is divided out in the end. Until then, BATCH stands for
it: a prime number so large that no other size is a multiple of it by chance. Sizes are computed as
if the batch were known, and a size can always be divided among the frames:

>>> shape = reshaped((BATCH, 196, 64), (-1, 64))
>>> shape == (196 * BATCH, 64)
True
>>> count_per_frame(shape[:-1], BATCH)  # rows of one frame
196

In messages, the batch has the file's own name for it again:

>>> name_batch(f'cannot reshape {[BATCH, 8]} to {[3 * BATCH, 5]}', 'N')
'cannot reshape [N, 8] to [3*N, 5]'

Other sizes that are not known are Symbols, which are NaN: a size computed from them is NaN as well.
A shape that is not known at all is an Unknown, or None.

All functions take and return plain values. They raise Refusal, which is a ValueError, if a layer
cannot have such shapes. The message says what is wrong and what is valid; Net.add_all adds the
place in the file.
"""

import math
import re
from collections import namedtuple

from fodlam import MAX_SIZE

MAX_MACS = 2**63 - 1
MAX_RANK = 10  # or shapes could grow from node to node until they fill the memory


class Refusal(ValueError):
    """Raised where a layer cannot be as the model has it; the message is for the user.

    It has a class of its own, so that ONNX's rules can tell it from a ValueError of Python's own,
    such as that of int(math.nan). See NOT_FOLLOWED in onnx_op.py.
    """


# === Sizes ===

# Stands for a batch of any size; see above.
BATCH = 2**61 - 1


class Symbol(float):
    """A size that is not known: NaN, with the file's name for it.

    It may be the same as any other size, so it is never known to differ from one.

    >>> width = Symbol('W')
    >>> [1, 3, width]
    [1, 3, W]
    >>> sizes_differ(width, 224)
    False
    """

    def __new__(cls, name):
        symbol = super().__new__(cls, 'nan')
        symbol.name = name
        return symbol

    def __repr__(self):
        return self.name

    __str__ = __repr__


class Unknown(namedtuple('Unknown', 'name type remedy')):
    """In place of a shape: the name and type of the layer whose shape is not known.

    remedy: what the user can do about it, for a message.
    """

    __slots__ = ()


def name_batch(message, name):
    """Return a message in which BATCH and multiples of it are replaced by a name for the batch.

    name: what the file calls the batch.
    """

    def name_number(match):
        factor, rest = divmod(int(match.group()), BATCH)
        if rest:
            return match.group()
        if factor == 1:
            return name
        return f'{factor}*{name}'

    return re.sub('[0-9]{19,99}', name_number, message)  # BATCH has 19 digits


def sizes_differ(size, other):
    """Return whether two sizes are known to be different."""
    return size < other or size > other  # unlike !=, both are false of NaN


def is_known(shape):
    """Return whether all sizes of a shape but the batch are known, and small enough for a net file.

    shape: a tuple, an Unknown, or None.
    """
    if not shape or isinstance(shape, Unknown):
        return False
    for size in shape[1:]:
        if not isinstance(size, int) or size < 1:
            return False
        if size > MAX_SIZE and size % BATCH != 0:  # the batch may be in another place
            return False
    return True


def check_shape(shape):
    """Raise ValueError if a shape has too many dimensions, or one that is too large.

    Multiples of BATCH may be of any size.
    """
    if len(shape) > MAX_RANK:
        raise Refusal(f'a shape of {len(shape)} dimensions; expected at most {MAX_RANK}')
    for size in shape:
        if size > MAX_SIZE and size % BATCH != 0:
            raise Refusal(f'sizes of more than {MAX_SIZE}, {list(shape)}; expected no more')


# === The batch ===


def check_batch(first, batch):
    """Raise ValueError if a feature map's first dimension is not the batch of the input.

    first: the feature map's first dimension.
    batch: the first dimension of the network's input, or None if it is not known.

    If they differ, several frames could be taken for one, or a part of a frame for all of it.
    """
    if first == batch:
        return
    if first == 1 and batch in (None, BATCH):  # one frame, where the batch is not a number
        return
    raise Refusal(wrong_batch_message(first, batch))


def count_per_frame(leading, batch):
    """Return how many of the rows, or matrices, in a batch belong to one frame.

    leading: the dimensions of a shape that number the rows, which are all but the last one, or the
    matrices, which are all but the last two.
    batch: the first dimension of the network's input, or None if it is not known. It may be a
    factor of any of the leading dimensions, as after a Reshape.
    Raises Refusal if it cannot be told how many belong to one frame.

    >>> count_per_frame((8, 196), batch=8)  # 8 frames of 196 rows
    196
    >>> count_per_frame((1568,), batch=8)  # the same rows, after a Reshape
    196
    >>> count_per_frame((), batch=1)  # a single row
    1
    """
    first = leading[0] if leading else 1
    count = math.prod(leading)
    if isinstance(count, int):  # it is NaN if one of the dimensions is not known
        if batch is not None and count % batch == 0:
            return count // batch
        if first == 1:
            return count
    raise Refusal(wrong_batch_message(first, batch))


def wrong_batch_message(first, batch):
    """Return the message of an error: a first dimension is not the batch of the network's input.

    first: the dimension; batch: the first dimension of the network's input, or None.
    """
    expected = '?' if batch is None else batch
    return (
        f'the first dimension is {first} where the batch of the first input is {expected}; '
        'fix the batch size, as by an export with batch 1'
    )


# === Layers with MACs ===


def feature_map(shape, rank=None):
    """Return (C, H, W), the shape of one frame, from the shape of a batch of feature maps.

    rank: how many dimensions the batch's shape must have; None for any number from 2 to 4.
    Raises ValueError if it has another number of dimensions.

    >>> feature_map((1, 3, 224, 224))
    (3, 224, 224)
    >>> feature_map((1, 64, 50))  # of a 1-D network: images of height 1
    (64, 1, 50)
    """
    if len(shape) < 2:
        raise Refusal(f'the input is {list(shape)}; expected a batch of feature maps')
    if len(shape) > 4:
        raise Refusal(
            f'3-D feature maps are not modelled; this one is {list(shape)}, expected [N, C, H, W]'
        )
    if rank is not None and len(shape) != rank:
        raise Refusal(
            f'the input is {list(shape)}; '
            f'expected an input of {rank} dimensions, such as [N, C, H, W]'
        )
    channels, *image = shape[1:]
    while len(image) < 2:
        image.insert(0, 1)
    return (channels, *image)


def macs_and_shapes(type_, ifmap, ofmap, kernel=(1, 1), stride=(1, 1), groups=1, dilation=(1, 1)):
    """Return the MACs and shapes of a layer with MACs, as a dict with the keys of a net file.

    An InnerProduct and a MatMul are convolutions of an image, with a kernel of one pixel.
    type_: of the layer in the net file: Convolution, Deconvolution, InnerProduct or MatMul.
    ifmap: its input, (channels, height, width) of one frame.
    ofmap: its output, (channels, height, width) of one frame.
    kernel: (height, width).
    stride: (vertical, horizontal).
    groups: the number of groups of channels; each group is convolved by itself.
    dilation: (vertical, horizontal) distance between neighbors in the kernel; 1 if they touch.
    Raises ValueError if the groups do not divide the channels, or if a number is too large.

    >>> macs_and_shapes('Convolution', (96, 27, 27), (256, 27, 27), (5, 5), (1, 1), groups=2)
    ... # doctest: +NORMALIZE_WHITESPACE
    {'macs': 223948800, 'ifmap': [96, 27, 27], 'ofmap': [256, 27, 27],
     'kernel': [5, 5], 'stride': [1, 1], 'groups': 2}
    >>> 27 * 27 * 96 * (256 // 2) * 5 * 5  # AlexNet's conv2: each filter sees half of the channels
    223948800
    """
    channels, filters = ifmap[0], ofmap[0]
    if channels % groups or filters % groups:
        raise Refusal(
            f'{channels} to {filters} channels do not divide into {groups} groups; '
            'expected a divisor of both'
        )
    # A deconvolution does its work once for every pixel that it reads, not that it writes.
    image = ifmap[1:] if type_ == 'Deconvolution' else ofmap[1:]
    macs = math.prod(image) * channels * (filters // groups) * math.prod(kernel)
    shapes = {'ifmap': ifmap, 'ofmap': ofmap, 'kernel': kernel, 'stride': stride}
    if tuple(dilation) != (1, 1):
        shapes['dilation'] = dilation
    for name, shape in shapes.items():
        for size in shape:
            if not 1 <= size <= MAX_SIZE:
                raise Refusal(
                    f'sizes of more than {MAX_SIZE}, or none, in {name} {list(shape)}; '
                    f'expected from 1 to {MAX_SIZE}'
                )
    if macs > MAX_MACS:
        raise Refusal(f'MACs of more than {MAX_MACS}; expected no more')
    members = {'macs': macs}
    for name, shape in shapes.items():
        members[name] = list(shape)
    if groups != 1:
        members['groups'] = groups
    return members


def window_size(size, kernel, stride, padding, dilation=1, round_up=False):
    """Return the size of a convolution's or pooling's output in one direction.

    The kernel moves over the image by one stride at a time; the result is how many places it has.

    size: of the image in this direction.
    kernel: its size in this direction.
    stride: in pixels.
    padding: pixels around the image, on both sides together.
    dilation: the distance between neighbors in the kernel, in pixels; 1 if they touch.
    round_up: whether the last place may reach beyond the end, as in Caffe's pooling layers.
    Raises ValueError if there is no room for the kernel.

    >>> window_size(224, kernel=7, stride=2, padding=2 * 3)
    112
    >>> window_size(112, kernel=3, stride=2, padding=0)
    55
    >>> window_size(112, kernel=3, stride=2, padding=0, round_up=True)
    56
    """
    extent = dilation * (kernel - 1) + 1
    room = size + padding - extent
    steps = room // stride
    if round_up and room % stride:
        steps += 1
    result = steps + 1
    check_output_size(result, size, extent, stride, padding)
    return result


def deconvolution_size(size, kernel, stride, padding, dilation=1, extra=0):
    """Return the size of a deconvolution's output in one direction.

    size: of its input in this direction.
    kernel: its size in this direction.
    stride: in pixels of the output, for each pixel of the input.
    padding: pixels that are cut off the output, on both sides together.
    dilation: the distance between neighbors in the kernel, in pixels; 1 if they touch.
    extra: pixels that are added to the output, on one side.
    Raises ValueError if nothing is left of the output.

    >>> deconvolution_size(32, kernel=4, stride=2, padding=2 * 1)
    64
    """
    extent = dilation * (kernel - 1) + 1
    result = stride * (size - 1) + extent - padding + extra
    check_output_size(result, size, extent, stride, padding)
    return result


def check_output_size(result, size, extent, stride, padding):
    """Raise ValueError if an output has no pixels.

    result: the size of the output in one direction.
    size: the size of the input.
    extent: pixels from one end of the kernel to the other, with its dilation.
    stride, padding: as the caller has them, for the message.
    """
    if result < 1:
        raise Refusal(
            f'kernel of {extent} with stride {stride} does not fit {size} + {padding}; '
            'expected a smaller kernel, or more padding'
        )


# === Layers that change shapes ===


def count_from_front(name, axis, rank):
    """Return an axis as a number from 0 on; a negative axis is counted from the last dimension.

    name: of the axis, for messages.
    axis: as the file has it.
    rank: how many dimensions there are.
    Raises ValueError if there is no such dimension.

    >>> count_from_front('"axis"', -1, rank=4)
    3
    """
    if not -rank <= axis < rank:
        raise Refusal(
            f'{name} is {axis} where there are {rank} dimensions; '
            f'expected {-rank} or more, and less than {rank}'
        )
    return axis % rank


def joined(shapes, axis):
    """Return the shape of feature maps that are put one behind the other along an axis.

    shapes: of the feature maps.
    axis: the dimension that grows, counted from the first.
    Raises ValueError if they differ in another dimension.

    >>> joined([(1, 64, 28, 28), (1, 32, 28, 28)], axis=1)
    (1, 96, 28, 28)
    """
    first = shapes[0]
    for shape in shapes:
        if not can_be_joined(first, shape, axis):
            raise Refusal(
                f'inputs differ: {list(first)} and {list(shape)}; '
                f'expected the same but for dimension {axis}'
            )
    total = sum(shape[axis] for shape in shapes)
    return (*first[:axis], total, *first[axis + 1 :])


def can_be_joined(first, second, axis):
    """Return whether two shapes are the same but for the dimension `axis`, as far as is known."""
    if len(first) != len(second):
        return False
    for index in range(len(first)):
        if index != axis and sizes_differ(first[index], second[index]):
            return False
    return True


def reshaped(shape, dims):
    """Return the shape that a reshape makes of another, by the rules of Caffe and ONNX.

    shape: before the reshape.
    dims: the sizes asked for. A 0 copies the size that `shape` has in the same place, and a -1 is
    the size that keeps the product of all sizes as it was.
    Raises ValueError if the product of all sizes would change.

    >>> reshaped((1, 64, 7, 7), (0, -1))
    (1, 3136)
    """
    copied = list(dims)
    for index, dim in enumerate(dims):
        if dim == 0 and index < len(shape):
            copied[index] = shape[index]
    count = math.prod(shape)
    count_of_others = math.prod(dim for dim in copied if dim != -1)
    result = []
    for dim in copied:
        if dim == -1 and count_of_others:
            result.append(count // count_of_others)
        else:
            result.append(dim)
    if sizes_differ(math.prod(result), count):
        raise Refusal(
            f'cannot reshape {list(shape)} to {list(dims)}; expected dimensions of the same product'
        )
    return tuple(result)


def broadcast(shapes):
    """Return the shape of the result of an element-wise operator, such as a sum.

    shapes: of its operands, which are stretched to the result. Their dimensions are compared from
    the last one back; a dimension that is missing or 1 fits any size.
    Raises ValueError if two sizes do not fit.

    >>> broadcast([(1, 64, 7, 7), (64, 1, 1)])
    (1, 64, 7, 7)
    """
    rank = max((len(shape) for shape in shapes), default=0)
    aligned = []
    for shape in shapes:
        missing = rank - len(shape)
        aligned.append([1] * missing + list(shape))
    result = []
    for sizes in zip(*aligned):
        larger = {size for size in sizes if size > 1}
        if len(larger) > 1:
            operands = ' and '.join(str(list(shape)) for shape in shapes)
            raise Refusal(f'cannot broadcast {operands}; expected sizes that are the same, or 1')
        if larger:  # sizes that are not known are taken to fit it
            result.append(larger.pop())
        else:  # all are 1, or else the result has the first that is 0 or not known
            others = [size for size in sizes if size != 1]
            result.append(others[0] if others else 1)
    return tuple(result)
