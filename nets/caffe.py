"""Caffe: networks from definitions in its text format (.prototxt).

`read_caffe` reads a definition, and adds its layers to a CaffeNet one by one. The table LAYER_RULES
has, for each type of layer, how many inputs and outputs it has and how their shapes follow.

Source: caffe.proto and the layers' Reshape functions, github.com/BVLC/caffe
"""

import math
import os
from collections import namedtuple

from fodlam import InputError, choices, place, quote
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

MAX_PROTOTXT_BYTES = 4 * 2**20  # definitions of hundreds of layers have some 100 kB

# === Types and fields ===

# Types that take MACs.
MACS_TYPES = ('Convolution', 'Deconvolution', 'InnerProduct')

# Layers with MACs that are not modelled: these types, and any other type with such parameters.
UNMODELLED_TYPES = 'Attention DeformableConvolution Embed GRU LSTM MatMul RNN Recurrent'.split()
MACS_PARAMETERS = ('convolution_param', 'inner_product_param', 'recurrent_param')

# Types that an accelerator does on the way to DRAM. Their output has the shape of their input.
PASS_TYPES = (
    'AbsVal BNLL BatchNorm Bias Clip Dropout ELU Exp LRN Log PReLU Power ReLU ReLU6 Scale Sigmoid '
    'Swish TanH Threshold'
).split()

INPUT_TYPES = 'Input Data ImageData DummyData MemoryData HDF5Data WindowData'.split()

# The older field `layers` has types in upper case. Most are today's types in other letters, such as
# INNER_PRODUCT for InnerProduct (see modern_type). These are not.
OLD_TYPES = {
    'ABSVAL': 'AbsVal',
    'ARGMAX': 'ArgMax',
    'BNLL': 'BNLL',
    'HDF5DATA': 'HDF5Data',
    'HDF5OUTPUT': 'HDF5Output',
    'LRN': 'LRN',
    'MVN': 'MVN',
    'RELU': 'ReLU',
    'SOFTMAXLOSS': 'SoftmaxWithLoss',
    'TANH': 'TanH',
}

# A Data layer does not say what is in its database. If the layer crops frames, they are taken to be
# color images; if not, the digits of MNIST, as in one of Caffe's own examples, LeNet.
DATA_CHANNELS = 3
DIGIT_SHAPE = (1, 1, 28, 28)

# The messages in caffe.proto that decide shapes and MACs, with all of their fields. Any other field
# is an error, as it is to Caffe: `groups` for `group`, if ignored, would multiply the MACs.
KERNEL_FIELDS = 'pad pad_h pad_w kernel_size kernel_h kernel_w stride stride_h stride_w engine'
FILTER_FIELDS = 'num_output axis bias_term weight_filler bias_filler'
FIELDS = {
    'concat_param': 'axis concat_dim',
    'convolution_param': f'{FILTER_FIELDS} {KERNEL_FIELDS} dilation group force_nd_im2col',
    'crop_param': 'axis offset',
    'dummy_data_param': 'data_filler shape num channels height width',
    'eltwise_param': 'operation coeff stable_prod_grad',
    'flatten_param': 'axis end_axis',
    'inner_product_param': f'{FILTER_FIELDS} transpose',
    'input_param': 'shape',
    'memory_data_param': 'batch_size channels height width',
    'pooling_param': f'pool {KERNEL_FIELDS} global_pooling round_mode ceil_mode',
    'reshape_param': 'shape axis num_axes',
    'roi_pooling_param': 'pooled_h pooled_w spatial_scale',
    'shape': 'dim',
    'slice_param': 'axis slice_dim slice_point',
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
    dilation = read_sides(parameters, 'dilation', 'dilation', 1, low=1)
    return Window(kernel, stride, padding, dilation)


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


def flatten_shapes(parameters, shapes, count):
    """Flatten: the dimensions from `axis` to `end_axis`, which is included, become one."""
    shape = shapes[0]
    start = read_axis(parameters, 'axis', shape, 1)
    end = read_axis(parameters, 'end_axis', shape, -1) + 1
    return [(*shape[:start], math.prod(shape[start:end]), *shape[end:])]


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

# Convolution, Deconvolution and InnerProduct have no rule here: their shapes and their MACs are
# computed together, below.
LAYER_RULES = {
    'Concat': LayerRule('concat_param', (1, ANY), (1, 1), concat_shapes),
    'Convolution': LayerRule('convolution_param', (1, 1), (1, 1), None),
    'Crop': LayerRule('crop_param', (2, 2), (1, 1), crop_shapes),
    'Deconvolution': LayerRule('convolution_param', (1, 1), (1, 1), None),
    'Eltwise': LayerRule('eltwise_param', (1, ANY), (1, 1), eltwise_shapes),
    'Flatten': LayerRule('flatten_param', (1, 1), (1, 1), flatten_shapes),
    'InnerProduct': LayerRule('inner_product_param', (1, 1), (1, 1), None),
    'MVN': LayerRule(None, (1, 1), (1, 1), same_shapes),
    'Normalize': LayerRule(None, (1, 1), (1, 1), same_shapes),
    'Pooling': LayerRule('pooling_param', (1, 1), (1, 2), pooling_shapes),
    'ROIPooling': LayerRule('roi_pooling_param', (2, 2), (1, 1), roi_pooling_shapes),
    'Reshape': LayerRule('reshape_param', (1, 1), (1, 1), reshape_shapes),
    'Slice': LayerRule('slice_param', (1, 1), (1, ANY), slice_shapes),
    'Softmax': LayerRule(None, (1, 1), (1, 1), same_shapes),
    'Split': LayerRule(None, (1, 1), (1, ANY), same_shapes),
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


def inner_product(parameters, shape, batch):
    """Return (members of the net file's entry, shape of the output) of an InnerProduct layer.

    parameters: the Message of its parameters.
    shape: of its input. All dimensions from `axis` on make one row, which is multiplied by the
    weights; those before `axis` number the rows.
    batch: the first dimension of the network's input, or None if it is not known.
    """
    filters = parameters.needed_integer('num_output', low=1)
    axis = read_axis(parameters, 'axis', shape, 1)
    rows = count_per_frame(shape[:axis], batch)
    row_size = math.prod(shape[axis:])
    members = macs_and_shapes('InnerProduct', (row_size, rows, 1), (filters, rows, 1))
    return members, (*shape[:axis], filters)


def convolution(type_, parameters, shape, batch):
    """Return (members of the net file's entry, shape of the output) of a convolution.

    type_: Convolution or Deconvolution.
    parameters: the Message of its parameters.
    shape: of its input.
    batch: the first dimension of the network's input, or None if it is not known.
    """
    filters = parameters.needed_integer('num_output', low=1)
    ifmap = feature_map(shape, rank=4)
    check_batch(shape[0], batch)
    if read_axis(parameters, 'axis', shape, 1) != 1:
        raise ValueError('"axis" is not that of the channels; expected 1')
    window = read_window(parameters)
    output_size = deconvolution_size if type_ == 'Deconvolution' else window_size
    sizes = []
    for size, kernel, stride, padding, dilation in zip(shape[2:], *window):
        sizes.append(output_size(size, kernel, stride, 2 * padding, dilation))
    ofmap = (filters, *sizes)
    groups = parameters.integer('group', 1, low=1)
    members = macs_and_shapes(
        type_, ifmap, ofmap, window.kernel, window.stride, groups, window.dilation
    )
    return members, (shape[0], *ofmap)


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
    if type_ in MACS_TYPES:
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
    label = Unknown(layer.name, layer.type)
    if layer.type == 'Input':
        return given_shapes(read_parameters(layer.message, 'input_param'), 'num') or [label]
    if layer.type == 'DummyData':
        return given_shapes(read_parameters(layer.message, 'dummy_data_param'), 'num') or [label]
    if layer.type == 'MemoryData':
        parameters = read_parameters(layer.message, 'memory_data_param')
        return [*given_shapes(parameters, 'batch_size'), label]
    if layer.type in INPUT_TYPES:
        return [database_shape(layer.message), label]
    return [label]


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

    The shape is DIGIT_SHAPE if the layer does not tell a size.
    message: the Message of the layer.
    """
    transform = read_parameters(message, 'transform_param')
    image = read_parameters(message, 'image_data_param')
    data = read_parameters(message, 'data_param')
    # Before there was transform_param, its fields stood in data_param.
    crop = transform.integer('crop_size', 0, low=0)
    old_crop = data.integer('crop_size', 0, low=0)
    height = image.integer('new_height', 0, low=0)
    width = image.integer('new_width', 0, low=0)
    if crop or old_crop:
        height = width = crop or old_crop
    is_gray = transform.boolean('force_gray') or not image.boolean('is_color', default=True)
    channels = 1 if is_gray else DATA_CHANNELS
    if not height or not width:
        return DIGIT_SHAPE
    return (1, channels, height, width)


# === The network ===


class Layer(namedtuple('Layer', 'name type message')):
    """A layer of a definition: its name, its type as Caffe calls it today, and its Message."""

    __slots__ = ()


class CaffeNet(Net):
    """A Net of a definition in Caffe's text format.

    shapes: {value: shape or Unknown}, in which a value is a number.
    frame_shape: (C, H, W) of the first input, whatever the definition says, or None.
    blobs: {name: value}, the value that each name stands for so far. A layer may give its output
    the name of an earlier one, as a ReLU in place does.
    results: empty, as Caffe puts out just those values that no layer reads.
    """

    def __init__(self, where, frame_shape):
        super().__init__(where)
        self.frame_shape = frame_shape
        self.blobs = {}

    def add(self, layer):
        """Add a Layer; raise ValueError if it cannot be added."""
        tops, bottoms = layer.message.strings('top'), layer.message.strings('bottom')
        for bottom in bottoms:
            if bottom not in self.blobs:
                raise ValueError(
                    f'bottom {quote(bottom)} is not made by any layer before; expected a top of one'
                )
        rule = LAYER_RULES.get(layer.type, DEFAULT_RULE)
        check_count('bottoms', bottoms, rule.bottoms)
        check_count('tops', tops, rule.tops)
        inputs = [self.blobs[bottom] for bottom in bottoms]
        parameters = None
        if rule.parameters:
            parameters = read_parameters(layer.message, rule.parameters)
        role = find_role(layer.message, layer.type, inputs)
        shapes = [self.shapes[value] for value in inputs]
        members = {}
        if role == MACS:
            members, shape = self.compute_macs(layer.type, parameters, shapes[0])
            output_shapes = [shape]
        elif layer.type in INPUT_TYPES or not bottoms:
            output_shapes = self.read_input(layer, len(tops))
        else:
            output_shapes = self.follow_shapes(layer, rule, parameters, shapes, len(tops))
        self.note_limits(layer)
        outputs = self.add_values(output_shapes)
        self.blobs.update(zip(tops, outputs))
        if layer.type == 'Split':
            # Its tops are other names for its input: a layer that reads a top reads the input.
            self.blobs.update(dict.fromkeys(tops, inputs[0]))
            inputs = []
        self.nodes.append(Node(layer.name, layer.type, role, inputs, outputs, members))

    def compute_macs(self, type_, parameters, shape):
        """Return (members of the net file's entry, shape of the output) of a layer with MACs.

        type_: of the layer; parameters: the Message of its parameters; shape: of its input.
        """
        if isinstance(shape, Unknown):
            raise ValueError(
                f'needs the shape of its input, which {quote(shape.name)} ({shape.type}) does not '
                'tell; give a network that starts after it, or --input C,H,W if it is an input'
            )
        if type_ == 'InnerProduct':
            return inner_product(parameters, shape, self.batch)
        return convolution(type_, parameters, shape, self.batch)

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
        return [Unknown(layer.name, layer.type)] * count

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

    def read_input(self, layer, count):
        """Return the shapes of the tops of a layer that reads nothing, and note the batch.

        layer: the Layer; count: how many tops it has.
        """
        shapes = input_shapes(layer)
        while len(shapes) < count:
            shapes.append(shapes[-1])
        if self.batch is None and count > 0:
            batch = 1 if isinstance(shapes[0], Unknown) else shapes[0][0]
            if self.frame_shape:
                shapes[0] = (batch, *self.frame_shape)
            if not isinstance(shapes[0], Unknown):
                self.batch = batch
        if shapes[0] is DIGIT_SHAPE:  # `is`, as a definition may give the same numbers itself
            size = ','.join(str(size) for size in DIGIT_SHAPE[1:])
            self.assumptions.append(
                f'{quote(layer.name)} ({layer.type}) does not say how large a frame is; taken to '
                f"be {size}, as MNIST has it; --input C,H,W gives the first input's"
            )
        return shapes[:count]

    def note_limits(self, layer):
        """Note if MACs of a layer are not modelled, or if those behind it are not for a frame."""
        if layer.type not in MACS_TYPES:
            has_macs = layer.type in UNMODELLED_TYPES
            for field in MACS_PARAMETERS:
                if field in layer.message.fields:
                    has_macs = True
            if has_macs:
                self.left_out[layer.type] = None
        if layer.type == 'ROIPooling':
            self.assumptions.append(
                f'behind {quote(layer.name)} (ROIPooling), '
                'MACs are for one region of interest, and not for one frame'
            )


# === Reading ===


def read_caffe(path, frame_shape):
    """Return the CaffeNet of a definition in Caffe's text format.

    frame_shape: (C, H, W) of the first input, whatever the definition says, or None.
    Raises InputError, with the line, for what is wrong in it.
    """
    where = os.path.basename(path)
    network = CaffeNet(where, frame_shape)
    network.add_all(read_layers(path, where))
    return network


def read_layers(path, where):
    """Yield (place in the file, Layer) for the layers that a network has when it is used.

    path: of the file; where: its name, for messages.
    Raises InputError, with the line, if something is wrong in the file.
    """
    if os.path.getsize(path) > MAX_PROTOTXT_BYTES:
        raise InputError(
            f'{quote(path)}: too large; '
            f'expected a definition without weights, of at most {MAX_PROTOTXT_BYTES} bytes'
        )
    with place(quote(path)), open(path, 'rb') as file:
        definition = parse(decode(file.read()), where)
    new, old = definition.messages('layer'), definition.messages('layers')
    if not new and not old:
        raise InputError(f'{where}: no "layer" in it; expected a network in Caffe\'s text format')
    for message in [*input_layers(definition), *new]:
        if is_in_test_phase(message):
            yield locate(read_layer(message))
    for message in old:
        if is_in_test_phase(message):
            layer = read_layer(message)
            yield locate(layer._replace(type=modern_type(layer.type)))


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

    >>> modern_type('INNER_PRODUCT'), modern_type('SOFTMAX_LOSS')
    ('InnerProduct', 'SoftmaxWithLoss')
    """
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


def is_in_test_phase(message):
    """Return whether a layer is in the network when it is used, and not only when it is trained.

    message: the Message of the layer. Its `include` rules say when it is in the network; if it has
    none, its `exclude` rules say when it is not.
    """
    included, excluded = message.messages('include'), message.messages('exclude')
    if included:
        return any(is_met(rule) for rule in included)
    return not any(is_met(rule) for rule in excluded)


def is_met(rule):
    """Return whether a network that is used meets an include or exclude rule.

    rule: the Message of the rule. The network is in the test phase, at level 0, without stages.
    """
    if rule.string('phase', 'TEST') not in ('TEST', '1'):
        return False
    if rule.integer('min_level', 0) > 0:
        return False
    if rule.integer('max_level', 0) < 0:
        return False
    return not rule.strings('stage')
