"""Caffe: networks from definitions in its text format (.prototxt).

`read_caffe` reads a definition, and adds its layers to a CaffeNet one by one. The table LAYER_RULES
has, for each type of layer, how many inputs and outputs it has and how their shapes follow.

Source: caffe.proto and the layers' Reshape functions, github.com/BVLC/caffe
"""

import math
import os
import re
import shlex
from collections import namedtuple

from fodlam import InputError, place, quote
from fodlam.data.mistakes import choices
from fodlam.nets.layers import (
    MAX_RANK,
    Unknown,
    check_batch,
    check_shape,
    count_from_front,
    count_per_frame,
    deconvolution_size,
    feature_map,
    joined,
    macs_and_shapes,
    reshaped,
    window_size,
)
from fodlam.nets.network import GATE, MACS, OTHER, PASS, POOL, SUM, Net, Node, excerpt
from fodlam.nets.prototxt import Message, decode, parse

MAX_PYRAMID_HEIGHT = 16  # a last level of 2**32 bins
MAX_PROTOTXT_BYTES = 4 * 2**20  # definitions of hundreds of layers have some 100 kB

# === Types and fields ===

# Layers with MACs that are not modelled: these types, and any type without a rule (MACS_RULES) that
# has such parameters.
UNMODELLED_TYPES = 'Attention DeformableConvolution GRU MatMul Recurrent'.split()
MACS_PARAMETERS = ('convolution_param', 'inner_product_param', 'recurrent_param', 'lstm_param')

# Types that an accelerator does on the way to DRAM. Their output has the shape of their input.
PASS_TYPES = (
    'AbsVal BN BNLL BatchNorm Bias Clip Dropout ELU Exp LRN Log PReLU Power ReLU ReLU6 SELU Scale '
    'Sigmoid SpatialDropout Swish TanH Threshold'
).split()

INPUT_TYPES = 'Input Data ImageData DummyData MemoryData HDF5Data WindowData'.split()

# The older field `layers` has types in upper case. Most are today's types in other letters, such as
# INNER_PRODUCT for InnerProduct (see modern_type). These are not.
OLD_TYPES = {
    'ABSVAL': 'AbsVal',
    'ARGMAX': 'ArgMax',
    'BN': 'BN',
    'BNLL': 'BNLL',
    'ELU': 'ELU',
    'HDF5DATA': 'HDF5Data',
    'HDF5OUTPUT': 'HDF5Output',
    'LRN': 'LRN',
    'LSTM': 'LSTM',
    'MVN': 'MVN',
    'PRELU': 'PReLU',
    'RELU': 'ReLU',
    'RNN': 'RNN',
    'ROIPOOLING': 'ROIPooling',
    'SELU': 'SELU',
    'SOFTMAXLOSS': 'SoftmaxWithLoss',
    'SPP': 'SPP',
    'TANH': 'TanH',
}

# The same types by their numbers from 1 on: caffe.proto, V1LayerParameter.LayerType.
NUMBERED_TYPES = (
    'ACCURACY BNLL CONCAT CONVOLUTION DATA DROPOUT EUCLIDEAN_LOSS FLATTEN HDF5_DATA HDF5_OUTPUT '
    'IM2COL IMAGE_DATA INFOGAIN_LOSS INNER_PRODUCT LRN MULTINOMIAL_LOGISTIC_LOSS POOLING RELU '
    'SIGMOID SOFTMAX SOFTMAX_LOSS SPLIT TANH WINDOW_DATA ELTWISE POWER SIGMOID_CROSS_ENTROPY_LOSS '
    'HINGE_LOSS MEMORY_DATA ARGMAX THRESHOLD DUMMY_DATA SLICE MVN ABSVAL SILENCE CONTRASTIVE_LOSS '
    'EXP DECONVOLUTION'
).split()

# A Data layer does not say what is in its database. If the layer crops frames, they are taken to be
# color images; if not, the digits of MNIST, as in one of Caffe's own examples, LeNet.
DATA_CHANNELS = 3
DIGIT_SHAPE = (1, 1, 28, 28)

# The messages that decide shapes and MACs, with all of their fields: those of caffe.proto, and of
# networks that came with a Caffe of their own (see their rules). Any other field is an error, as it
# is to Caffe: `groups` for `group`, if ignored, would multiply the MACs.
KERNEL_FIELDS = 'pad pad_h pad_w kernel_size kernel_h kernel_w stride stride_h stride_w engine'
FILTER_FIELDS = 'num_output axis bias_term weight_filler bias_filler'
FIELDS = {
    'concat_param': 'axis concat_dim',
    'convolution_param': (
        f'{FILTER_FIELDS} {KERNEL_FIELDS} dilation hole hole_h hole_w group force_nd_im2col '
        'cudnn_convolution_algo_seeker conv_algos_override cudnn_math_override'  # NVCaffe
    ),
    'crop_param': 'axis offset',
    'dummy_data_param': 'data_filler shape num channels height width',
    'eltwise_param': 'operation coeff stable_prod_grad',
    'embed_param': 'num_output input_dim bias_term weight_filler bias_filler',
    'flatten_param': 'axis end_axis',
    'inner_product_param': f'{FILTER_FIELDS} transpose',
    'input_param': 'shape',
    'interp_param': 'height width zoom_factor shrink_factor pad_beg pad_end',
    'memory_data_param': 'batch_size channels height width',
    'pooling_param': f'pool {KERNEL_FIELDS} global_pooling round_mode ceil_mode',
    'recurrent_param': 'num_output weight_filler bias_filler debug_info expose_hidden',
    'reduction_param': 'operation axis coeff',
    'reshape_param': 'shape axis num_axes',
    'roi_pooling_param': 'pooled_h pooled_w spatial_scale',
    'shape': 'dim',
    'shuffle_channel_param': 'group',
    'slice_param': 'axis slice_dim slice_point',
    'spp_param': 'pyramid_height pool engine',
    'tile_param': 'axis tiles',
    'upsample_param': 'scale scale_h scale_w pad_out_h pad_out_w upsample_h upsample_w',
}

# === Reading parameters ===


def read_messages(message, field):
    """Return the Messages that are the values of a field.

    message: the Message that has the field.
    Raises InputError if one of the values has a field that is not in FIELDS.
    """
    found = message.messages(field)
    if field in FIELDS:
        names = FIELDS[field].split()
        for parameters in found:
            for name in parameters.fields:
                if name not in names:
                    raise parameters.error(f'{field} has no field {quote(name)}; {choices(names)}')
    return found


def read_parameters(message, field):
    """Return the last Message that is a value of a field, or an empty Message if there is none.

    message: the Message that has the field, such as a layer's with "convolution_param".
    Raises InputError if one of the values has a field that is not in FIELDS.
    """
    found = read_messages(message, field)
    if not found:
        return Message(message.where, {})
    return found[-1]


def read_shapes(parameters, low):
    """Return the values of the field `shape`, as a list of tuples.

    parameters: the Message that has the field.
    low: the smallest dimension allowed.
    """
    shapes = []
    for shape in read_messages(parameters, 'shape'):
        shapes.append(tuple(shape.integers('dim', low)))
    for shape in shapes:
        if not 1 <= len(shape) <= MAX_RANK:
            raise parameters.error(
                f'a shape of {len(shape)} dimensions; expected at least 1 and at most {MAX_RANK}'
            )
    return shapes


def read_axis(parameters, field, shape, default):
    """Return the value of a field that is a dimension of a shape, counted from the first.

    parameters: the Message that has the field.
    shape: the shape; default: the value if the field is not there.
    Both the value and the default may be negative, and are then counted from the last dimension.
    """
    return count_from_front(f'"{field}"', parameters.integer(field, default), len(shape))


def read_sides(parameters, field, prefix, default, low):
    """Return (height, width) of a kernel, stride, padding or dilation.

    parameters: the Message that has the fields.
    field: such as kernel_size, with one value for both sides or one for each.
    prefix: of two fields that count instead, such as kernel for kernel_h and kernel_w.
    default: for a side that is not given.
    low: the smallest value allowed.
    """
    values = parameters.integers(field, low) or [default]
    if len(values) > 2:
        raise parameters.error(
            f'"{field}" has {len(values)} values; 3-D is not modelled, expected one or two'
        )
    height = parameters.integer(f'{prefix}_h', values[0], low)
    width = parameters.integer(f'{prefix}_w', values[-1], low)
    return height, width


class Window(namedtuple('Window', 'kernel stride padding dilation')):
    """How a kernel moves over an image.

    kernel, stride, padding, dilation: (height, width) each; the padding is as large on either side.
    """

    __slots__ = ()


def read_window(parameters):
    """Return the Window of a layer; raise InputError if it has no kernel."""
    kernel = read_sides(parameters, 'kernel_size', 'kernel', None, low=1)
    if None in kernel:
        raise parameters.error('needs "kernel_size"; expected it, or "kernel_h" and "kernel_w"')
    stride = read_sides(parameters, 'stride', 'stride', 1, low=1)
    padding = read_sides(parameters, 'pad', 'pad', 0, low=0)
    dilation = read_dilation(parameters)
    return Window(kernel, stride, padding, dilation)


def read_dilation(parameters):
    """Return the dilation of a layer, (height, width); DeepLab's Caffe called it a hole."""
    dilation = read_sides(parameters, 'dilation', 'dilation', 1, low=1)
    hole = read_sides(parameters, 'hole', 'hole', None, low=1)
    if hole == (None, None):
        return dilation
    if 'dilation' in parameters.fields:
        raise parameters.error('has "hole" and "dilation", which are the same; expected one')
    height, width = hole
    return height or 1, width or 1


# === Rules: the shapes of outputs ===

# Each rule is a function that returns the shapes of a layer's outputs as a list, or None if they
# cannot be told. It raises ValueError if the layer cannot take such inputs. Its arguments:
#
# parameters: the Message of the layer's parameters, or None if no parameter matters.
# shapes: of the layer's inputs. The first one is known; others may be Unknown.
# count: how many outputs the layer has.


def same_shapes(parameters, shapes, count):
    """ReLU and many others: all outputs have the shape of the first input."""
    return [shapes[0]] * count


def axpy_shapes(parameters, shapes, count):
    """Axpy: a * x + y for each channel, in SENet (hujie-frank/SENet, axpy_layer.cpp).

    The inputs are a, of one number for each channel, x and y.

    >>> axpy_shapes(None, [(1, 8, 1, 1), (1, 8, 16, 16), (1, 8, 16, 16)], 1)
    [(1, 8, 16, 16)]
    """
    factors, image, addend = shapes
    if isinstance(image, Unknown):
        return None
    if factors[:2] != image[:2] or math.prod(factors[2:]) != 1:
        raise ValueError(
            f'factors of {list(factors)} for {list(image)}; expected one for each channel'
        )
    return eltwise_shapes(parameters, [image, addend], count)


def concat_shapes(parameters, shapes, count):
    """Concat: the inputs one behind the other along `axis`; by default, along the channels."""
    for shape in shapes:
        if isinstance(shape, Unknown):
            return None
    field = 'concat_dim' if 'concat_dim' in parameters.fields else 'axis'
    axis = read_axis(parameters, field, shapes[0], 1)
    return [joined(shapes, axis)]


def crop_shapes(parameters, shapes, count):
    """Crop: the first input, cut to the size of the second from an axis on."""
    first, second = shapes
    if isinstance(second, Unknown):
        return None
    axis = read_axis(parameters, 'axis', first, 2)
    fits = len(first) == len(second)
    for size, cut_size in zip(first[axis:], second[axis:]):
        if cut_size > size:
            fits = False
    if not fits:
        raise ValueError(
            f'cannot crop {list(first)} to {list(second)}; '
            'expected a second bottom that is no larger'
        )
    return [first[:axis] + second[axis:]]


def eltwise_shapes(parameters, shapes, count):
    """Eltwise: a sum, product or maximum of inputs, which all have one shape."""
    for shape in shapes:
        if shape != shapes[0] and not isinstance(shape, Unknown):
            raise ValueError(
                f'operands differ: {list(shapes[0])} and {list(shape)}; expected the same shape'
            )
    return [shapes[0]]


def embed_shapes(parameters, shapes, count):
    """Embed: each index becomes a vector, which is looked up and takes no MACs."""
    return [(*shapes[0], parameters.needed_integer('num_output', low=1))]


def flatten_shapes(parameters, shapes, count):
    """Flatten: the dimensions from `axis` to `end_axis`, which is included, become one."""
    shape = shapes[0]
    start = read_axis(parameters, 'axis', shape, 1)
    end = read_axis(parameters, 'end_axis', shape, -1) + 1
    if start >= end:
        raise ValueError(
            f'"axis" is dimension {start}, behind "end_axis", {end - 1}; expected it before'
        )
    return [(*shape[:start], math.prod(shape[start:end]), *shape[end:])]


def interp_shapes(parameters, shapes, count):
    """Interp: the image is cropped and resized, in DeepLab and PSPNet (interp_layer.cpp of both).

    "height_in_eff_ = height_in_ + pad_beg_ + pad_end_", where the pads are not positive;
    "height_out_ = (height_in_eff_ - 1) / shrink_factor + 1"; for a zoom, "height_out_ =
    height_in_eff_ + (height_in_eff_ - 1) * (zoom_factor - 1)". The `height` and `width` count if
    there are not just one of the two factors; a shrinking comes before a zoom.

    >>> interp_shapes(Message('', {'zoom_factor': ['8']}), [(1, 21, 41, 41)], 1)
    [(1, 21, 321, 321)]
    """
    channels, *image = feature_map(shapes[0], rank=4)
    pads = parameters.integer('pad_beg', 0), parameters.integer('pad_end', 0)
    if max(pads) > 0:
        raise ValueError('"pad_beg" or "pad_end" is positive; expected 0, or less for cropping')
    shrink = parameters.integer('shrink_factor', None, low=1)
    zoom = parameters.integer('zoom_factor', None, low=1)
    height = parameters.integer('height', None, low=1)
    width = parameters.integer('width', None, low=1)
    has_size = height is not None and width is not None
    if has_size and (shrink is None) == (zoom is None):
        return [(shapes[0][0], channels, height, width)]
    if shrink is None and zoom is None:
        raise ValueError('no size; expected "height" and "width", or a factor')
    sizes = []
    for size in image:
        cropped = size + sum(pads)
        if cropped < 1:
            raise ValueError(f'nothing is left of {size} pixels; expected less cropping')
        shrunk = (cropped - 1) // (shrink or 1) + 1
        sizes.append((shrunk - 1) * (zoom or 1) + 1)
    return [(shapes[0][0], channels, *sizes)]


def pooling_shapes(parameters, shapes, count):
    """Pooling: the size is rounded up by default. A second output tells where each maximum was."""
    channels, height, width = feature_map(shapes[0], rank=4)
    batch = shapes[0][0]
    if parameters.boolean('global_pooling'):
        return [(batch, channels, 1, 1)] * count
    round_up = False
    if parameters.string('round_mode') not in ('FLOOR', '1'):
        round_up = parameters.boolean('ceil_mode', default=True)
    window = read_window(parameters)
    sizes = []
    for size, kernel, stride, padding in zip(
        (height, width), window.kernel, window.stride, window.padding
    ):
        result = window_size(size, kernel, stride, 2 * padding, round_up=round_up)
        # Caffe starts no window in the padding, if there is any on either side.
        if any(window.padding) and (result - 1) * stride >= size + padding:
            result -= 1
        sizes.append(result)
    return [(batch, channels, *sizes)] * count


def reduction_shapes(parameters, shapes, count):
    """Reduction: the dimensions from `axis` on become one number; by default, all of them."""
    return [shapes[0][: read_axis(parameters, 'axis', shapes[0], 0)]]


def reshape_shapes(parameters, shapes, count):
    """Reshape: the `num_axes` dimensions from `axis` on are replaced; by default, all of them."""
    shape = shapes[0]
    given = read_shapes(parameters, low=-1)
    dims = given[-1] if given else ()
    start = read_axis(parameters, 'axis', (*shape, 1), 0)  # it may be behind the last dimension
    replaced = parameters.integer('num_axes', -1, low=-1)  # -1 for all from `start` on
    end = len(shape)
    if replaced != -1:
        end = min(start + replaced, len(shape))
    return [(*shape[:start], *reshaped(shape[start:end], dims), *shape[end:])]


def roi_pooling_shapes(parameters, shapes, count):
    """ROIPooling: every region of interest gets the same size. A frame is taken to have one."""
    channels, _, _ = feature_map(shapes[0], rank=4)
    height = parameters.needed_integer('pooled_h', low=1)
    width = parameters.needed_integer('pooled_w', low=1)
    return [(shapes[0][0], channels, height, width)]


def shuffle_shapes(parameters, shapes, count):
    """ShuffleChannel: the channels in another order (farmingyard/ShuffleNet, its layer's .cpp)."""
    channels, _, _ = feature_map(shapes[0])
    groups = parameters.integer('group', 1, low=1)
    if channels % groups:
        raise ValueError(f'{channels} channels in {groups} groups; expected a divisor')
    return same_shapes(parameters, shapes, count)


def slice_shapes(parameters, shapes, count):
    """Slice: cut at each `slice_point`, or into equal parts."""
    shape = shapes[0]
    field = 'slice_dim' if 'slice_dim' in parameters.fields else 'axis'
    axis = read_axis(parameters, field, shape, 1)
    size = shape[axis]
    cuts = parameters.integers('slice_point', low=1)
    if not cuts:
        if size % count:
            raise ValueError(
                f'{size} channels do not divide into {count} slices; '
                'give "slice_point", or as many tops as divide them'
            )
        equal_part = size // count
        cuts = [equal_part * index for index in range(1, count)]
    parts = []  # the sizes between the cuts
    start = 0
    for end in [*cuts, size]:
        parts.append(end - start)
        start = end
    if len(parts) != count or min(parts) < 1:
        raise ValueError(
            f'cannot cut {size} at {quote(cuts)} into {count} slices; '
            'expected one cut less than tops, in ascending order'
        )
    return [(*shape[:axis], part, *shape[axis + 1 :]) for part in parts]


def spp_shapes(parameters, shapes, count):
    """SPP: poolings to 1 x 1, 2 x 2, 4 x 4, ... pixels, flattened, one behind the other.

    "if (pyramid_height_ == 1)", it is a pooling to 1 x 1, which is not flattened.

    >>> spp_shapes(Message('', {'pyramid_height': ['3']}), [(1, 8, 30, 30)], 1)  # 8 * (1 + 4 + 16)
    [(1, 168)]
    """
    channels, _, _ = feature_map(shapes[0], rank=4)
    levels = parameters.needed_integer('pyramid_height', low=1)
    if levels == 1:
        return [(shapes[0][0], channels, 1, 1)]
    if levels > MAX_PYRAMID_HEIGHT:
        raise ValueError(f'"pyramid_height" is {levels}; expected at most {MAX_PYRAMID_HEIGHT}')
    bins = sum(4**level for level in range(levels))
    return [(shapes[0][0], channels * bins)]


def tile_shapes(parameters, shapes, count):
    """Tile: `tiles` copies of the input, one behind the other along `axis`."""
    shape = shapes[0]
    axis = read_axis(parameters, 'axis', shape, 1)
    tiles = parameters.needed_integer('tiles', low=1)
    return [(*shape[:axis], shape[axis] * tiles, *shape[axis + 1 :])]


def upsample_shapes(parameters, shapes, count):
    """Upsample: `scale` times as large, or as large as said (alexgkendall/caffe-segnet).

    SegNet's puts pixels where the maxima were that the second input tells of. "upsample_h_ =
    bottom[0]->height() * scale_h_ - int(pad_out_h_)", for images whose size was odd before.

    >>> odd = Message('', {'scale': ['2'], 'pad_out_h': ['true']})
    >>> upsample_shapes(odd, [(1, 64, 23, 30)], 1)
    [(1, 64, 45, 60)]
    """
    channels, height, width = feature_map(shapes[0], rank=4)
    mask = shapes[-1]
    if mask != shapes[0] and not isinstance(mask, Unknown):
        raise ValueError(f'a mask of {list(mask)} for {list(shapes[0])}; expected the same shape')
    scale = read_sides(parameters, 'scale', 'scale', 2, low=1)
    sizes = (
        height * scale[0] - parameters.boolean('pad_out_h'),
        width * scale[1] - parameters.boolean('pad_out_w'),
    )
    given = read_sides(parameters, 'upsample', 'upsample', None, low=1)
    if None not in given:  # only both of them count
        sizes = given
    return [(shapes[0][0], channels, *sizes)]


class LayerRule(namedtuple('LayerRule', 'parameters bottoms tops output_shapes')):
    """How layers of a type are read.

    parameters: the name of the field with their parameters, or None if no parameter matters.
    bottoms: (fewest, most) inputs.
    tops: (fewest, most) outputs.
    output_shapes: the rule for the shapes of their outputs, or None if there is none.
    """

    __slots__ = ()


ANY = math.inf

DEFAULT_RULE = LayerRule(None, (0, ANY), (0, ANY), None)  # for types that are not in LAYER_RULES

# For a layer that nobody knows but the user, who says that its output has its input's shape.
SAME_SHAPE_RULE = LayerRule(None, (1, ANY), (0, ANY), same_shapes)

# Layers with MACs have no rule for shapes here: these and their MACs are computed together, by
# MACS_RULES below.
LAYER_RULES = {
    'Axpy': LayerRule(None, (3, 3), (1, 1), axpy_shapes),
    'Concat': LayerRule('concat_param', (1, ANY), (1, 1), concat_shapes),
    'Convolution': LayerRule('convolution_param', (1, ANY), (1, ANY), None),
    'ConvolutionDepthwise': LayerRule('convolution_param', (1, ANY), (1, ANY), None),
    'Crop': LayerRule('crop_param', (2, 2), (1, 1), crop_shapes),
    'Deconvolution': LayerRule('convolution_param', (1, ANY), (1, ANY), None),
    'DepthwiseConvolution': LayerRule('convolution_param', (1, ANY), (1, ANY), None),
    'Eltwise': LayerRule('eltwise_param', (1, ANY), (1, 1), eltwise_shapes),
    'Embed': LayerRule('embed_param', (1, 1), (1, 1), embed_shapes),
    'Flatten': LayerRule('flatten_param', (1, 1), (1, 1), flatten_shapes),
    'InnerProduct': LayerRule('inner_product_param', (1, 1), (1, 1), None),
    'Interp': LayerRule('interp_param', (1, 1), (1, 1), interp_shapes),
    'LSTM': LayerRule('recurrent_param', (2, 5), (1, 3), None),
    'MVN': LayerRule(None, (1, 1), (1, 1), same_shapes),
    'Normalize': LayerRule(None, (1, 1), (1, 1), same_shapes),
    'Pooling': LayerRule('pooling_param', (1, 1), (1, 2), pooling_shapes),
    'RNN': LayerRule('recurrent_param', (2, 4), (1, 2), None),
    'ROIPooling': LayerRule('roi_pooling_param', (2, 2), (1, 1), roi_pooling_shapes),
    'Reduction': LayerRule('reduction_param', (1, 1), (1, 1), reduction_shapes),
    'Reshape': LayerRule('reshape_param', (1, 1), (1, 1), reshape_shapes),
    'SPP': LayerRule('spp_param', (1, 1), (1, 1), spp_shapes),
    'ShuffleChannel': LayerRule('shuffle_channel_param', (1, 1), (1, 1), shuffle_shapes),
    'Slice': LayerRule('slice_param', (1, 1), (1, ANY), slice_shapes),
    'Softmax': LayerRule(None, (1, 1), (1, 1), same_shapes),
    'Split': LayerRule(None, (1, 1), (1, ANY), same_shapes),
    'Tile': LayerRule('tile_param', (1, 1), (1, 1), tile_shapes),
    'Upsample': LayerRule('upsample_param', (1, 2), (1, 1), upsample_shapes),
}
# A Scale or a Bias may read its factors or addends from a second input.
LAYER_RULES.update(dict.fromkeys(PASS_TYPES, LayerRule(None, (1, 2), (1, 1), same_shapes)))


def check_count(field, names, limits):
    """Raise ValueError if a layer has too few or too many inputs or outputs.

    field: "bottoms" or "tops", for messages.
    names: the layer's own bottoms or tops.
    limits: (fewest, most).
    """
    fewest, most = limits
    if fewest <= len(names) <= most:
        return
    expected = f'{fewest} to {most}'
    if most == fewest:
        expected = f'{fewest}'
    elif most == ANY:
        expected = f'{fewest} or more'
    raise ValueError(f'{len(names)} {field}; expected {expected}')


# === Layers with MACs ===


class Part(namedtuple('Part', 'suffix type members bottoms tops')):
    """What a layer with MACs does in one step; it has an entry of its own in the net file.

    suffix: of its name, behind the layer's.
    type: in the net file; members: its MACs and shapes there.
    bottoms: which of the layer's inputs it reads, as numbers from 0 on.
    tops: the shapes of the layer's outputs that it makes, in their order. If it makes none, the
    part behind it reads its result.
    """

    __slots__ = ()


# Each rule in MACS_RULES is a function that returns the Parts of a layer, as a list. It raises
# ValueError if the layer cannot take such inputs. Its arguments:
#
# type_: of the layer; parameters: the Message of its parameters.
# shapes: of the layer's inputs. The first one is known; others may be Unknown.
# count: how many outputs the layer has.
# batch: of the network's input, or None if it is not known.


def inner_product(type_, parameters, shapes, count, batch):
    """InnerProduct: all dimensions from `axis` on make one row, which the weights multiply."""
    shape = shapes[0]
    filters = parameters.needed_integer('num_output', low=1)
    axis = read_axis(parameters, 'axis', shape, 1)
    rows = count_per_frame(shape[:axis], batch)  # the dimensions before `axis` number the rows
    row_size = math.prod(shape[axis:])
    return [fully_connected('', row_size, filters, rows, [0], [(*shape[:axis], filters)])]


def fully_connected(suffix, row_size, filters, rows, bottoms, tops):
    """Return the Part of a product with a matrix of row_size x filters weights.

    rows: of one frame, each of which is multiplied. suffix, bottoms, tops: of the Part.
    """
    members = macs_and_shapes('InnerProduct', (row_size, rows, 1), (filters, rows, 1))
    return Part(suffix, 'InnerProduct', members, bottoms, tops)


def convolution(type_, parameters, shapes, count, batch):
    """Convolution and Deconvolution: each input makes an output of its own, by the same weights."""
    filters = parameters.needed_integer('num_output', low=1)
    groups = parameters.integer('group', 1, low=1)
    return convolve_each(type_, parameters, shapes, count, batch, filters, groups)


def depthwise_convolution(type_, parameters, shapes, count, batch):
    """DepthwiseConvolution, ConvolutionDepthwise: a filter for each channel, in a group of its own.

    The former is yonghenglh6/DepthwiseConvolution, a Convolution whose `group` is its number of
    channels. The latter needs no `group`. Where a definition has the fields, they count.
    """
    channels, _, _ = feature_map(shapes[0], rank=4)
    filters = parameters.integer('num_output', channels, low=1)
    groups = parameters.integer('group', channels, low=1)
    return convolve_each('Convolution', parameters, shapes, count, batch, filters, groups)


def convolve_each(type_, parameters, shapes, count, batch, filters, groups):
    """Return the Parts of a convolution: one for each of its inputs, which have one shape.

    type_: Convolution or Deconvolution. filters: how many. groups: of its channels.
    parameters, shapes, count, batch: as for a rule in MACS_RULES.
    """
    shape = shapes[0]
    ifmap = feature_map(shape, rank=4)
    if count != len(shapes):
        raise ValueError(f'{len(shapes)} bottoms, but {count} tops; expected as many of both')
    eltwise_shapes(None, shapes, count)  # base_conv_layer.cpp: "All inputs must have same shape"
    check_batch(shape[0], batch)
    if read_axis(parameters, 'axis', shape, 1) != 1:
        raise ValueError('"axis" is not that of the channels; expected 1')
    window = read_window(parameters)
    output_size = deconvolution_size if type_ == 'Deconvolution' else window_size
    sizes = []
    for size, kernel, stride, padding, dilation in zip(shape[2:], *window):
        sizes.append(output_size(size, kernel, stride, 2 * padding, dilation))
    ofmap = (filters, *sizes)
    members = macs_and_shapes(
        type_, ifmap, ofmap, window.kernel, window.stride, groups, window.dilation
    )
    parts = []
    for index in range(count):
        parts.append(Part('', type_, dict(members), [index], [(shape[0], *ofmap)]))
    return parts


class Recurrence(namedtuple('Recurrence', 'gates hidden_count static_suffix output_suffix')):
    """What a type of recurrent layer computes in each step of a sequence.

    gates: how many vectors of `num_output` numbers it makes of its input and its last state.
    hidden_count: how many vectors its state has.
    static_suffix: what Caffe calls the weights of an input that is the same in all steps.
    output_suffix: what it calls those that make the output of the state, or None without them.
    """

    __slots__ = ()


# rnn_layer.cpp: "h_t := tanh(W_hh * h_{t-1} + W_xh * x_t + b_h)", "o_t := tanh(W_ho * h_t + b_o)".
# lstm_layer.cpp: "gate_input_t := W_hc * h_conted_{t-1} + W_xc * x_t + b_c", of 4 * num_output.
RECURRENCES = {
    'LSTM': Recurrence(4, hidden_count=2, static_suffix='/W_xc_static', output_suffix=None),
    'RNN': Recurrence(1, hidden_count=1, static_suffix='/W_xh_static', output_suffix='/W_ho'),
}


def recurrent(type_, parameters, shapes, count, batch):
    """LSTM and RNN: fully-connected layers, once for each step of each sequence.

    recurrent_layer.cpp: the inputs are x, of [T, N, ...] for T steps of N sequences; cont, of
    [T, N]; perhaps an input that is the same in all steps, of [N, ...], which is multiplied once;
    and the state before the first step, if it is exposed. The outputs are of [T, N, num_output].
    """
    rule = RECURRENCES[type_]
    shape, cont = shapes[:2]
    filters = parameters.needed_integer('num_output', low=1)
    exposed = rule.hidden_count if parameters.boolean('expose_hidden') else 0
    has_static = len(shapes) > 2 + exposed
    if len(shapes) - has_static != 2 + exposed or count != 1 + exposed:
        raise ValueError(
            f'{len(shapes)} bottoms and {count} tops; expected {2 + exposed} or {3 + exposed} '
            f'bottoms and {1 + exposed} tops'
        )
    if len(shape) < 3:
        raise ValueError(f'x is {list(shape)}; expected steps, sequences and features')
    if not isinstance(cont, Unknown) and cont != shape[:2]:
        raise ValueError(f'cont is {list(cont)} for x of {list(shape)}; expected its first two')
    steps = count_per_frame(shape[:2], batch)
    gate_inputs = rule.gates * filters
    bottoms = list(range(len(shapes)))
    tops = [(*shape[:2], filters)] + [(1, shape[1], filters)] * exposed
    parts = []
    if has_static:
        static = shapes[2]
        if isinstance(static, Unknown):
            raise ValueError(unknown_shape_message(static))
        bottoms.remove(2)
        size, rows = math.prod(static[1:]), count_per_frame(static[:1], batch)
        parts.append(fully_connected(rule.static_suffix, size, gate_inputs, rows, [2], []))
    # One product does for x and the state, one behind the other: their weights are one matrix.
    size = math.prod(shape[2:]) + filters
    if rule.output_suffix is None:
        parts.append(fully_connected('', size, gate_inputs, steps, bottoms, tops))
        return parts
    parts.append(fully_connected('', size, gate_inputs, steps, bottoms, []))
    parts.append(fully_connected(rule.output_suffix, filters, filters, steps, [], tops))
    return parts


MACS_RULES = {
    'Convolution': convolution,
    'ConvolutionDepthwise': depthwise_convolution,
    'Deconvolution': convolution,
    'DepthwiseConvolution': depthwise_convolution,
    'InnerProduct': inner_product,
    'LSTM': recurrent,
    'RNN': recurrent,
}


def unknown_shape_message(shape):
    """Return the message of an error: a layer with MACs needs a shape that is Unknown."""
    return (
        f'needs the shape of its input, which {quote(shape.name)} ({excerpt(shape.type)}) does not '
        f'tell; {shape.remedy}'
    )


def find_role(message, type_, inputs):
    """Return the role of a layer (nets/network.py).

    message: the Message of the layer.
    type_: of the layer.
    inputs: the values that it reads.
    """
    if type_ in PASS_TYPES and len(inputs) == 1:
        return PASS
    # Read for all types, so that a mistake in it is an error even where it is not used.
    operation = read_parameters(message, 'eltwise_param').string('operation', 'SUM')
    if type_ in MACS_RULES:
        return MACS
    if type_ == 'Pooling':
        return POOL
    if type_ == 'Eltwise' and len(inputs) > 1:
        return SUM if operation in ('SUM', '1') else GATE
    return OTHER


# === Inputs ===


def input_shapes(layer):
    """Return the shapes of the tops of a layer that reads nothing.

    layer: the Layer.
    If it has more tops than there are shapes, the last shape is that of all others. The shape of a
    label is Unknown, and so are all shapes that the layer does not tell.
    """
    label = Unknown(
        layer.name,
        layer.type,
        'give deploy.prototxt, or another definition that tells it, or --input C,H,W if it is the '
        'first input',
    )
    if layer.type == 'Input':
        return given_shapes(read_parameters(layer.message, 'input_param'), 'num') or [label]
    if layer.type == 'DummyData':
        return given_shapes(read_parameters(layer.message, 'dummy_data_param'), 'num') or [label]
    if layer.type == 'MemoryData':
        parameters = read_parameters(layer.message, 'memory_data_param')
        return [*given_shapes(parameters, 'batch_size'), label]
    shape = database_shape(layer.message)
    if shape is None and layer.type in INPUT_TYPES:
        shape = DIGIT_SHAPE
    return [label] if shape is None else [shape, label]


def given_shapes(parameters, batch_field):
    """Return the shapes that an input layer gives, as a list of tuples.

    A shape is in the field `shape`, or its sizes are in a field for each dimension.
    parameters: the Message that has the fields.
    batch_field: the name of the field for the batch.
    """
    batches = parameters.integers(batch_field, low=1)
    channels = parameters.integers('channels', low=1)
    heights = parameters.integers('height', low=1)
    widths = parameters.integers('width', low=1)
    shapes = read_shapes(parameters, low=1)
    shapes.extend(zip(batches, channels, heights, widths))
    return shapes


def database_shape(message):
    """Return the shape of the frames that a layer reads from a database, in a batch of 1.

    It is None if the layer does not tell a size.
    message: the Message of the layer. Some networks have a type of data layer of their own, which
    crops or, as SSD's AnnotatedData does, resizes frames by `transform_param`.
    """
    transform = read_parameters(message, 'transform_param')
    resize = read_parameters(transform, 'resize_param')
    image = read_parameters(message, 'image_data_param')
    data = read_parameters(message, 'data_param')
    # Before there was transform_param, its fields stood in data_param.
    crop = transform.integer('crop_size', 0, low=0)
    old_crop = data.integer('crop_size', 0, low=0)
    height = image.integer('new_height', 0, low=0) or resize.integer('height', 0, low=0)
    width = image.integer('new_width', 0, low=0) or resize.integer('width', 0, low=0)
    if crop or old_crop:
        height = width = crop or old_crop
    is_gray = transform.boolean('force_gray') or not image.boolean('is_color', default=True)
    channels = 1 if is_gray else DATA_CHANNELS
    if not height or not width:
        return None
    return (1, channels, height, width)


# === The network ===


class Layer(namedtuple('Layer', 'name type message')):
    """A layer of a definition: its name, its type as Caffe calls it today, and its Message."""

    __slots__ = ()


class CaffeNet(Net):
    """A Net of a definition in Caffe's text format.

    shapes: {value: shape or Unknown}, in which a value is a number.
    frame_shape: (C, H, W) of the first input, whatever the definition says, or None.
    sequences: the names of blobs that have the batch as their second dimension (find_sequences).
    absent: {name of a blob: Layer}, what makes it in other phases, stages and levels only.
    blobs: {name: value}, the value that each name stands for so far. A layer may give its output
    the name of an earlier one, as a ReLU in place does.
    results: empty, as Caffe puts out just those values that no layer reads.
    """

    def __init__(self, where, frame_shape, same_shape_types):
        super().__init__(where, same_shape_types)
        self.frame_shape = frame_shape
        self.sequences = set()
        self.absent = {}
        self.blobs = {}

    def add(self, layer):
        """Add a Layer; raise ValueError if it cannot be added."""
        tops, bottoms = layer.message.strings('top'), layer.message.strings('bottom')
        for bottom in bottoms:
            if bottom not in self.blobs:
                self.add_absent(bottom)
        rule = self.find_rule(layer.type)
        check_count('bottoms', bottoms, rule.bottoms)
        check_count('tops', tops, rule.tops)
        inputs = [self.blobs[bottom] for bottom in bottoms]
        parameters = None
        if rule.parameters:
            parameters = read_parameters(layer.message, rule.parameters)
        role = find_role(layer.message, layer.type, inputs)
        shapes = [self.shapes[value] for value in inputs]
        self.note_limits(layer)
        if role == MACS:
            outputs = self.add_parts(layer, parameters, inputs, shapes, len(tops))
            self.blobs.update(zip(tops, outputs))
            return
        if layer.type in INPUT_TYPES or not bottoms:
            output_shapes = self.read_input(layer, tops)
        else:
            output_shapes = self.follow_shapes(layer, rule, parameters, shapes, len(tops))
        outputs = self.add_values(output_shapes)
        self.blobs.update(zip(tops, outputs))
        if layer.type == 'Split':
            # Its tops are other names for its input: a layer that reads a top reads the input.
            self.blobs.update(dict.fromkeys(tops, inputs[0]))
            inputs = []
        self.nodes.append(Node(layer.name, layer.type, role, inputs, outputs, {}))

    def find_rule(self, type_):
        """Return the LayerRule of a type."""
        if type_ in LAYER_RULES:
            return LAYER_RULES[type_]
        if type_ not in INPUT_TYPES and self.keeps_shape(type_):
            return SAME_SHAPE_RULE
        return DEFAULT_RULE

    def add_absent(self, blob):
        """Add the layer that a blob comes from in other stages or at other levels.

        blob: a name that no layer so far has made.
        DIGITS, for one, has an input for each stage of training, and reads its blob in use as well.
        Raises ValueError if there is no such layer, if it is for training, or if it is no input.
        """
        layer = self.absent.get(blob)
        if layer is None:
            raise ValueError(
                f'bottom {quote(blob)} is not made by any layer before; expected a top of one'
            )
        maker = f'{quote(layer.name)} ({excerpt(layer.type)})'
        if is_for_training(layer.message):
            raise ValueError(
                f'bottom {quote(blob)} is made by {maker}, which is for training alone; '
                'give deploy.prototxt, the definition of the network in use'
            )
        if layer.message.strings('bottom'):
            raise ValueError(
                f'bottom {quote(blob)} is made by {maker}, which its include and exclude rules '
                'leave out; give the stage that it is in, by --stage'
            )
        self.assumptions.append(
            f'{quote(blob)} is taken to be as {maker} makes it, which is not in these stages'
        )
        self.add(layer)

    def add_parts(self, layer, parameters, inputs, shapes, count):
        """Add a Node for each Part of a layer with MACs, and return the values of its outputs.

        layer: the Layer; parameters: the Message of its parameters.
        inputs: the values that it reads; shapes: their shapes. count: how many outputs it has.
        """
        if isinstance(shapes[0], Unknown):
            raise ValueError(unknown_shape_message(shapes[0]))
        parts = MACS_RULES[layer.type](layer.type, parameters, shapes, count, self.batch)
        outputs, between = [], []
        for part in parts:
            read = [inputs[index] for index in part.bottoms] + between
            made = self.add_values(part.tops)
            outputs.extend(made)
            between = []
            if not made:
                between = made = self.add_values([Unknown(layer.name, layer.type, '')])
            name = f'{layer.name}{part.suffix}'
            self.nodes.append(Node(name, part.type, MACS, read, made, part.members))
        return outputs

    def follow_shapes(self, layer, rule, parameters, shapes, count):
        """Return the shapes of the outputs of a layer without MACs.

        layer: the Layer.
        rule: its LayerRule.
        parameters: the Message of its parameters, or None.
        shapes: of its inputs.
        count: how many outputs it has.
        """
        output_shapes = None
        if rule.output_shapes and not isinstance(shapes[0], Unknown):
            output_shapes = rule.output_shapes(parameters, shapes, count)
        if output_shapes is not None:
            return output_shapes
        # The outputs are Unknown because of the layer that a message should name: the one that an
        # input is Unknown because of, or else this one.
        for shape in shapes:
            if isinstance(shape, Unknown):
                return [shape] * count
        remedy = (
            f'give --same-shape {shlex.quote(excerpt(layer.type))} if its output has the shape of '
            'its input, or a network that starts after it'
        )
        return [Unknown(layer.name, layer.type, remedy)] * count

    def add_values(self, shapes):
        """Return a new value for each shape; raise ValueError if a shape is too large."""
        values = []
        for shape in shapes:
            if not isinstance(shape, Unknown):
                check_shape(shape)
            value = len(self.shapes)
            self.shapes[value] = shape
            values.append(value)
        return values

    def read_input(self, layer, tops):
        """Return the shapes of the tops of a layer that reads nothing, and note the batch.

        layer: the Layer; tops: their names.
        """
        shapes = input_shapes(layer)
        while len(shapes) < len(tops):
            shapes.append(shapes[-1])
        if self.batch is None and tops:
            is_known = not isinstance(shapes[0], Unknown)
            batch_axis = 0
            if tops[0] in self.sequences and not (is_known and len(shapes[0]) == 1):
                batch_axis = 1
            batch = shapes[0][batch_axis] if is_known else 1
            if self.frame_shape:
                frame = list(self.frame_shape)
                frame.insert(batch_axis, batch)
                shapes[0] = tuple(frame)
            if not isinstance(shapes[0], Unknown):
                self.batch = batch
        if shapes[0] is DIGIT_SHAPE:  # `is`, as a definition may give the same numbers itself
            size = ','.join(str(size) for size in DIGIT_SHAPE[1:])
            self.assumptions.append(
                f'{quote(layer.name)} ({layer.type}) does not say how large a frame is; taken to '
                f"be {size}, as MNIST has it; --input C,H,W gives the first input's"
            )
        return shapes[: len(tops)]

    def note_limits(self, layer):
        """Note if MACs of a layer are not modelled, or if those behind it are not for a frame."""
        if layer.type not in MACS_RULES:
            has_macs = layer.type in UNMODELLED_TYPES
            for field in MACS_PARAMETERS:
                if field in layer.message.fields:
                    has_macs = True
            if has_macs:
                self.leave_out(layer.type)
        if layer.type == 'ROIPooling':
            self.assumptions.append(
                f'behind {quote(layer.name)} (ROIPooling), '
                'MACs are for one region of interest, and not for one frame'
            )


# === Reading ===


def read_caffe(path, frame_shape, stages=(), same_shape_types=()):
    """Return the CaffeNet of a definition in Caffe's text format.

    frame_shape: (C, H, W) of the first input, whatever the definition says, or None.
    stages: the names of stages that the network is in, for `include` and `exclude` rules.
    same_shape_types: types of layers whose outputs have the shape of their first input.
    Raises InputError, with the line, for what is wrong in it.
    """
    where = os.path.basename(path)
    definition = read_definition(path, where)
    network = CaffeNet(where, frame_shape, same_shape_types)
    # Net::Net in net.cpp adds the stages asked for to those of the definition itself.
    state = read_parameters(definition, 'state')
    state_stages = {*stages, *state.strings('stage')}
    present = []
    named_stages = set()
    for layer in read_layers(definition):
        named_stages.update(rule_stages(layer.message))
        if is_in_network(layer.message, state_stages):
            present.append(layer)
            continue
        for top in layer.message.strings('top'):
            if not is_for_training(layer.message) or top not in network.absent:
                network.absent[top] = layer
    for stage in stages:
        if stage not in named_stages:
            network.assumptions.append(
                f'--stage {quote(stage)} has no effect: no include or exclude rule names it'
            )
    network.sequences = find_sequences(present)
    network.add_all([locate(layer) for layer in present])
    return network


def read_definition(path, where):
    """Return the Message of a definition; path: of the file; where: its name, for messages.

    Raises InputError, with the line, if it is malformed, or has no layers.
    """
    if os.path.getsize(path) > MAX_PROTOTXT_BYTES:
        raise InputError(
            f'{quote(path)}: too large; '
            f'expected a definition without weights, of at most {MAX_PROTOTXT_BYTES} bytes'
        )
    with place(quote(path)), open(path, 'rb') as file:
        definition = parse(decode(file.read()), where)
    if 'layer' in definition.fields or 'layers' in definition.fields:
        return definition
    for field in ('net', 'train_net', 'test_net'):
        if field in definition.fields:
            raise InputError(
                f"{where}: a solver's settings, without layers; give deploy.prototxt, the "
                'definition of the network in use'
            )
    raise InputError(f'{where}: no "layer" in it; expected a network in Caffe\'s text format')


def read_layers(definition):
    """Yield the Layers of a definition, whether they are in the network in use or not.

    definition: the Message of the whole file.
    """
    for message in [*input_layers(definition), *definition.messages('layer')]:
        yield read_layer(message)
    for message in definition.messages('layers'):
        if 'layer' in message.fields:  # V0LayerParameter
            raise message.error(
                'in the V0 format of before 2014; run: upgrade_net_proto_text OLD NEW, which comes '
                'with Caffe'
            )
        layer = read_layer(message)
        with place(message.where):
            layer = layer._replace(type=modern_type(layer.type))
        yield layer


def read_layer(message):
    """Return the Layer of a Message, with the type that the file has; raise InputError."""
    name, type_ = message.string('name'), message.string('type')
    if name is None or type_ is None:
        raise message.error('needs "name" and "type"; expected a string for both')
    return Layer(name, type_, message)


def locate(layer):
    """Return (place in the file, Layer) of a Layer."""
    return f'{layer.message.where} ({excerpt(layer.type)} {quote(layer.name)})', layer


def modern_type(type_):
    """Return the type that a layer in the older field `layers` has today.

    type_: the word or the number that it has there. Raises ValueError if there is no such number.

    >>> modern_type('INNER_PRODUCT'), modern_type('SOFTMAX_LOSS'), modern_type('4')
    ('InnerProduct', 'SoftmaxWithLoss', 'Convolution')
    """
    if re.fullmatch('[0-9]{1,9}', type_):
        number = int(type_)
        if not 1 <= number <= len(NUMBERED_TYPES):
            raise ValueError(
                f'"type" is {number}; expected a number from 1 to {len(NUMBERED_TYPES)}, or a word'
            )
        type_ = NUMBERED_TYPES[number - 1]
    if not type_.isupper():
        return type_
    words = type_.title().replace('_', '')
    return OLD_TYPES.get(type_.replace('_', ''), words)


def input_layers(definition):
    """Return a list with the Message of an Input layer for a definition without such a layer.

    Older definitions have the names of their inputs in `input`, and the shapes in `input_shape` or
    `input_dim`. The list is empty if the definition has no `input`.
    """
    names = definition.strings('input')
    if not names:
        return []
    shapes = list(definition.fields.get('input_shape', []))
    if not shapes:
        dims = definition.fields.get('input_dim', [])  # four for each input, one after the other
        for start in range(0, len(dims), 4):
            shapes.append(Message(definition.where, {'dim': dims[start : start + 4]}))
    fields = {
        'name': ['input'],
        'type': ['Input'],
        'top': names,
        'input_param': [Message(definition.where, {'shape': shapes})],
    }
    return [Message(definition.where, fields)]


# === Phases, stages and levels ===

TEST_PHASES = ('TEST', '1')  # its name and its number in caffe.proto


def is_in_network(message, stages):
    """Return whether a layer is in the network when it is used.

    message: the Message of the layer. Its `include` rules say when it is in the network; if it has
    none, its `exclude` rules say when it is not.
    stages: the set of the names of stages that the network is in.
    """
    included, excluded = message.messages('include'), message.messages('exclude')
    if included and excluded:
        raise message.error('has "include" and "exclude" rules; expected only one of them')
    if included:
        return any(is_met(rule, stages) for rule in included)
    return not any(is_met(rule, stages) for rule in excluded)


def is_met(rule, stages):
    """Return whether a network that is used meets an include or exclude rule.

    rule: the Message of the rule. The network is in the test phase and at level 0.
    stages: the set of the names of stages that the network is in; net.cpp, StateMeetsRule: it must
    be in each `stage` of the rule, and in no `not_stage`.
    """
    if rule.string('phase', 'TEST') not in TEST_PHASES:
        return False
    if rule.integer('min_level', 0) > 0:
        return False
    if rule.integer('max_level', 0) < 0:
        return False
    return stages.issuperset(rule.strings('stage')) and stages.isdisjoint(rule.strings('not_stage'))


def rule_stages(message):
    """Return the names of stages in a layer's include and exclude rules, as a list."""
    names = []
    for rule in [*message.messages('include'), *message.messages('exclude')]:
        names.extend(rule.strings('stage') + rule.strings('not_stage'))
    return names


def is_for_training(message):
    """Return whether a layer is for training alone, in whatever stage and at whatever level.

    message: the Message of the layer.
    """
    included = message.messages('include')
    for rule in included:
        if rule.string('phase', 'TEST') in TEST_PHASES:
            return False
    for rule in message.messages('exclude'):
        if rule.string('phase') in TEST_PHASES:
            return True
    return bool(included)


# === Sequences ===

# What may stand between an input and a recurrent layer that reads it as steps of sequences, without
# a change to its first two dimensions.
SEQUENCE_TYPES = (*PASS_TYPES, 'Concat', 'Eltwise', 'Embed', 'InnerProduct', 'Slice', 'Split')


def find_sequences(layers):
    """Return the names of blobs that are [T, N, ...]: the steps of N sequences, as a set.

    layers: [Layer], in the order in which they run.
    These are the first two inputs of recurrent layers, and what these are made of.
    """
    names = set()
    for layer in reversed(layers):
        bottoms = layer.message.strings('bottom')
        if layer.type in RECURRENCES:
            names.update(bottoms[:2])
        elif layer.type in SEQUENCE_TYPES and not names.isdisjoint(layer.message.strings('top')):
            names.update(bottoms)
    return names
