"""ONNX's operators without MACs on images and signals: the shapes that they make.

The rules are as in onnx_rules.py, whose SHAPE_RULES has them.

Source: Operators.md, github.com/onnx/onnx, quoted where an example does not say it all
"""

import math
import struct

from fodlam.nets.layers import BATCH
from fodlam.nets.onnx_macs import channels_last, channels_second, has_channels_last, move_window
from fodlam.nets.onnx_op import (
    IMAGE,  # noqa: F401 (in examples)
    UNKNOWN,
    Unfollowed,
    count_axes,
    example,  # noqa: F401 (in examples)
    paired,
)

# === Images ===


def global_pool_shape(op):
    """GlobalAveragePool and others: one pixel for each channel.

    >>> global_pool_shape(example(IMAGE))
    (1, 64, 1, 1)
    """
    shape = op.shape()
    ones = [1] * len(shape[2:])
    return (*shape[:2], *ones)


def pool_shape(op):
    """MaxPool and others: a window moves over the image (move_window).

    A second output of MaxPool, the indices of the largest numbers, has the same shape.

    >>> pool_shape(example(IMAGE, kernel_shape=[3, 3], strides=[2, 2]))
    [(1, 64, 3, 3), (1, 64, 3, 3)]
    """
    shape = image_shape(op)
    pooled = windowed_shape(op, shape, shape[1], [1] * len(shape[2:]))
    return [pooled, pooled]


def conv_shape(index):
    """Return the rule of Conv and others of constants, and of DeformConv.

    A window moves over the image, once for each filter (move_window). index: of the weights.

    >>> conv_shape(1)(example(IMAGE, (128, 64, 3, 3), type_='Conv'))
    (1, 128, 5, 5)
    >>> conv_shape(1)(example(IMAGE, (64, 32, 2, 2), type_='ConvTranspose', strides=[2, 2]))
    (1, 32, 14, 14)
    """

    def rule(op):
        weights = op.shape(index)
        channels = weights[0]
        if op.node.type == 'ConvTranspose':
            channels = weights[1] * op.integer('group', 1)
        return windowed_shape(op, image_shape(op), channels, weights[2:])

    return rule


def image_shape(op):
    """Return the shape of the first input, with its channels as the second dimension."""
    shape = op.shape()
    if len(shape) < 3:
        raise Unfollowed
    return channels_second(shape) if has_channels_last(op) else shape


def windowed_shape(op, shape, channels, kernel):
    """Return the shape of the output of a node that moves a kernel over an image.

    shape: of the input, with its channels as the second dimension.
    channels: of the output.
    kernel: its sizes, if the attribute `kernel_shape` is left out.
    """
    kernel = op.valid_integers('kernel_shape', kernel, low=1)
    _, sizes = move_window(op, shape[2:], kernel, op.node.type == 'ConvTranspose')
    result = (shape[0], channels, *sizes)
    return channels_last(result) if has_channels_last(op) else result


def unpool_shape(op):
    """MaxUnpool: what a MaxPool with the same attributes made smaller gets its size again.

    A third input may have the shape instead.

    >>> unpool_shape(example(IMAGE, IMAGE, kernel_shape=[2, 2], strides=[2, 2]))
    (1, 64, 14, 14)
    """
    if op.has_input(2):
        return op.input_integers(2)
    shape = op.shape()
    rank = len(shape) - 2
    kernel = op.valid_integers('kernel_shape', [1] * rank, low=1)
    strides = op.valid_integers('strides', [1] * rank, low=1)
    pads = op.valid_integers('pads', [0] * rank * 2, low=0)
    sizes = []
    for index in range(rank):
        padding = pads[index] + pads[rank + index]
        sizes.append((shape[2 + index] - 1) * strides[index] + kernel[index] - padding)
    return (*shape[:2], *sizes)


def regions_shape(op):
    """RoiAlign and MaxRoiPool: each region of interest gets the same size.

    A frame is taken to have one, as for Caffe's ROIPooling.

    >>> regions_shape(example(IMAGE, (1000, 4), (1000,), output_height=7, output_width=5))
    (1, 64, 7, 5)
    """
    if op.node.type == 'MaxRoiPool':
        height, width = op.valid_integers('pooled_shape', [0, 0], low=1)
    else:
        height = op.valid_integer('output_height', 1, low=1)
        width = op.valid_integer('output_width', 1, low=1)
    n, channels = op.shape()[:2]
    return (n, channels, height, width)


def depth_to_space_shape(op):
    """DepthToSpace: `blocksize` * `blocksize` channels become a block of pixels.

    >>> depth_to_space_shape(example(IMAGE, blocksize=2))
    (1, 16, 14, 14)
    """
    block = op.needed_integer('blocksize')
    n, channels, height, width = op.shape()
    if channels % block**2 != 0:
        raise Unfollowed
    return (n, channels // block**2, height * block, width * block)


def space_to_depth_shape(op):
    """SpaceToDepth: a block of pixels becomes `blocksize` * `blocksize` channels.

    >>> space_to_depth_shape(example((1, 16, 14, 14), blocksize=2))
    (1, 64, 7, 7)
    """
    block = op.needed_integer('blocksize')
    n, channels, height, width = op.shape()
    if height % block or width % block:
        raise Unfollowed
    return (n, channels * block**2, height // block, width // block)


def col2im_shape(op):
    """Col2Im: columns, one for each place of a block, are put together to an image.

    The second input is the image's size, and the third one the block's.

    >>> col2im_shape(example((1, 5 * 3, 10), [6, 4], [1, 5]))
    (1, 3, 6, 4)
    """
    n, channels, _ = op.shape()
    block = math.prod(op.input_integers(2))
    if channels % block:
        raise Unfollowed
    return (n, channels // block, *op.input_integers(1))


def grid_sample_shape(op):
    """GridSample: the image has a pixel for each row of the grid in the second input.

    >>> grid_sample_shape(example(IMAGE, (1, 9, 11, 2)))
    (1, 64, 9, 11)
    """
    n, channels = op.shape()[:2]
    grid = op.shape(1)
    return (n, channels, *grid[1:-1])


def affine_grid_shape(op):
    """AffineGrid: a grid for an image of the shape in the second input, for a GridSample.

    >>> affine_grid_shape(example((1, 2, 3), [1, 64, 9, 11]))
    (1, 9, 11, 2)
    """
    n, _, *image = op.input_integers(1)
    return (n, *image, len(image))


def resize_shape(op):
    """Resize and Upsample: the last input has sizes if it is the fourth, and scales if it is not.

    They are for the axes in the attribute `axes`; by default, for all. "output_dimension =
    floor(input_dimension * scale)". Upsample has `scales` as an attribute in version 7.

    >>> resize_shape(example(IMAGE, [1.0, 1.0, 2.0, 2.5]))
    (1, 64, 14, 17)
    >>> resize_shape(example(IMAGE, None, None, [1, 64, 9, 9]))
    (1, 64, 9, 9)
    """
    rank = len(op.shape())
    axes = count_axes(op.integers('axes', default=range(rank)), rank)
    if op.has_input(3) and op.shape(3) != (0,):
        sizes = paired(axes, op.input_integers(3))
        return op.with_sizes(keep_aspect_ratio(op, sizes))
    if op.node.type == 'Upsample' and op.input_count == 1:
        scales = op.floats('scales')
        if not scales:  # version 1
            scales = [1, 1, *op.floats('height_scale'), *op.floats('width_scale')]
    else:
        scales = op.numbers(1 if op.input_count == 2 else 2)
    stated = op.net.shapes.get(op.node.outputs[0]) or ()
    sizes = {}
    for axis, scale in paired(axes, scales).items():
        stated_size = stated[axis] if axis < len(stated) else None
        sizes[axis] = scaled_size(op.shape()[axis], scale, stated_size)
    return op.with_sizes(sizes)


def scaled_size(size, scale, stated=None):
    """Return a size times a scale, rounded down.

    stated: the size that the file says, or None.

    PyTorch and onnxruntime round the product to a 32-bit float before; ONNX's own inference of
    shapes does not. Where they differ, the former counts, but in a file that states the latter.

    >>> seven_tenths = round_to_float32(0.7)  # 0.699999988...
    >>> scaled_size(10, seven_tenths), scaled_size(10, seven_tenths, stated=6)
    (7, 6)
    """
    if math.isnan(size) or math.isnan(scale):
        return UNKNOWN
    if scale == int(scale):  # also where the size stands for a batch
        return size * int(scale)
    if size % BATCH == 0:
        raise Unfollowed
    exact = math.floor(size * scale)
    return exact if exact == stated else math.floor(round_to_float32(size * scale))


def round_to_float32(number):
    """Return the 32-bit float that is nearest to a number."""
    return struct.unpack('<f', struct.pack('<f', number))[0]


def keep_aspect_ratio(op, sizes):
    """Return {axis: size} of a Resize node, by its `keep_aspect_ratio_policy`.

    sizes: {axis: size}, as the node has them.

    "stretch (default): the original aspect ratio is disregarded". "not_larger: scale =
    Min(sizes[i] / in_size[i])". "not_smaller: scale = Max(sizes[i] / in_size[i])". For both,
    "out_size[i] = round_int(scale * in_size[i])", where "halfway cases are rounded up".

    >>> op = example((1, 8, 32, 64), keep_aspect_ratio_policy='not_larger')
    >>> keep_aspect_ratio(op, {2: 32, 3: 32})
    {2: 16, 3: 32}
    """
    policies = ('stretch', 'not_larger', 'not_smaller')
    policy = op.text('keep_aspect_ratio_policy', policies, default='stretch')
    if policy == 'stretch' or not sizes:
        return sizes
    scales = {}
    for axis, size in sizes.items():
        if math.isnan(op.shape()[axis]):
            raise Unfollowed
        scales[axis] = size / op.shape()[axis]
    choose = min if policy == 'not_larger' else max
    chosen = choose(scales, key=scales.get)
    size, old_size = sizes[chosen], op.shape()[chosen]
    result = {}
    for axis in sizes:  # size / old_size * shape[axis] + 1/2, without floats
        result[axis] = (2 * size * op.shape()[axis] + old_size) // (2 * old_size)
    return result


def non_max_suppression_shape(op):
    """NonMaxSuppression: three indices for each box that is selected."""
    return (UNKNOWN, 3)


# === Signals ===


def stft_shape(op):
    """STFT: the spectrum of each frame of a signal, as real and imaginary parts.

    Inputs are the signal, [N, length, 1], how far it is from one frame to the next, the window, and
    the length of a frame. "onesided: If onesided is 1, only values for w in [0, 1, 2, ...,
    floor(n_fft/2) + 1] are returned".

    >>> stft_shape(example((1, 128, 1), [8], None, [16]))
    (1, 15, 9, 2)
    """
    n, length = op.shape()[:2]
    step = op.input_integer(1)
    if op.has_input(3):
        frame_length = op.input_integer(3)
    else:
        (frame_length,) = op.shape(2)
    count = (length - frame_length) // step + 1
    bins = frame_length // 2 + 1 if op.integer('onesided', 1) else frame_length
    return (n, count, bins, 2)


def dft_shape(op):
    """DFT: a spectrum along an axis, as real and imaginary parts.

    The axis is the third input, by default the last but one; before version 20, it was an
    attribute. The second input is its length, by default as it is. With `onesided`, half of it is
    left.

    >>> dft_shape(example((1, 128, 1), onesided=1))
    (1, 65, 2)
    """
    rank = len(op.shape())
    axis = op.input_integer(2, default=op.integer('axis', rank - 2 if rank > 1 else 0))
    (axis,) = count_axes([axis], rank)
    is_inverse, is_onesided = op.integer('inverse', 0), op.integer('onesided', 0)
    length = op.input_integer(1, default=op.shape()[axis])
    if is_inverse and is_onesided:
        if not op.has_input(1):
            length = 2 * (length - 1)
        return op.with_sizes({axis: length, rank - 1: 1})
    if is_onesided:
        length = length // 2 + 1
    return op.with_sizes({axis: length, rank - 1: 2})


def mel_weight_matrix_shape(op):
    """MelWeightMatrix: a column for each of the bands in the first input.

    Rows are half of the length of the transform in the second input, and one.

    >>> mel_weight_matrix_shape(example([8], [16], [8192], [0], [4096]))
    (9, 8)
    """
    return (op.input_integer(1) // 2 + 1, op.input_integer(0))
