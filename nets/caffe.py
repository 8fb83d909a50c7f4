"""Caffe: networks from definitions in its text format (.prototxt).

`read_caffe` reads a definition, and adds its layers to a CaffeNet one by one. What a type of layer
makes of shapes is in a table, LAYER_RULES.

Source: caffe.proto and the layers' Reshape functions, github.com/BVLC/caffe
"""

import math
import os
from collections import namedtuple

from fodlam import InputError, choices, place, quote, read_text
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
from fodlam.nets.prototxt import Message, parse

MAX_PROTOTXT_BYTES = 4 * 2**20  # definitions of hundreds of layers have some 100 kB

# === Types and fields ===

# Types that take MACs.
MACS_TYPES = ('Convolution', 'Deconvolution', 'InnerProduct')

# Types that take MACs and are not modelled, and parameters by which others tell that they do.
UNMODELLED_TYPES = 'Attention DeformableConvolution Embed GRU LSTM MatMul RNN Recurrent'.split()
MACS_PARAMETERS = ('convolution_param', 'inner_product_param', 'recurrent_param')

# Types with one input and an output of its shape that an accelerator does on the way to DRAM.
PASS_TYPES = (
    'AbsVal BNLL BatchNorm Bias Clip Dropout ELU Exp LRN Log PReLU Power ReLU ReLU6 Scale Sigmoid '
    'Swish TanH Threshold'
).split()

INPUT_TYPES = 'Input Data ImageData DummyData MemoryData HDF5Data WindowData'.split()

# The older field `layers` has types in upper case, such as INNER_PRODUCT. Most follow from their
# words: InnerProduct. These do not.
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

# A Data layer does not say what is in its database. If it crops, that is taken to be color images;
# if not, the digits of MNIST, as in one of Caffe's own examples, LeNet.
DATA_CHANNELS = 3
DIGIT_SHAPE = (1, 1, 28, 28)

# The fields of caffe.proto that decide shapes and MACs, and those that stand with them. Any other
# is an error, as it is to Caffe: `groups` for `group` would multiply the MACs.
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


def checked_messages(message, field):
    """Return the values of a field, which are Messages.

    Raises InputError if one of them has a field that it cannot have in Caffe, by FIELDS.
    """
    found = message.messages(field)
    if field in FIELDS:
        names = FIELDS[field].split()
        for parameters in found:
            for name in parameters.fields:
                if name not in names:
                    raise parameters.error(f'{field} has no field {quote(name)}; {choices(names)}')
    return found


def parameters_of(message, field):
    """Return the value of a field, which is a Message; an empty one if there is none.

    Raises InputError if it has a field that it cannot have in Caffe, by FIELDS.
    """
    found = checked_messages(message, field)
    if not found:
        return Message(message.where, {})
    return found[-1]


def read_shapes(parameters, low):
    """Return the values of the field `shape` as tuples, with dimensions not less than `low`."""
    shapes = []
    for shape in checked_messages(parameters, 'shape'):
        shapes.append(tuple(shape.integers('dim', low)))
    for shape in shapes:
        if not 1 <= len(shape) <= MAX_RANK:
            raise parameters.error(
                f'a shape of {len(shape)} dimensions; expected at least 1 and at most {MAX_RANK}'
            )
    return shapes


def read_axis(parameters, field, shape, default):
    """Return the value of a field that names a dimension of a shape, counted from the first."""
    return count_from_front(f'"{field}"', parameters.integer(field, default), len(shape))


def read_sides(parameters, field, prefix, default, low):
    """Return what a field says for (height, width).

    parameters: a Message; field: such as kernel_size, with one value for both or one for each.
    prefix: of the two fields that replace these values, such as kernel for kernel_h and kernel_w.
    default: for what is not given; low: the smallest value allowed.
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
    """How a kernel moves over an image; each is (height, width), and padding is on each side."""

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

# Each rule is a function of a layer's parameters, the shapes of its inputs, and how many outputs it
# has. The first shape is known; others may be Unknown. It returns the shapes of the outputs, or
# None if they cannot be told. It raises ValueError if the layer cannot take such inputs.


def same_shapes(parameters, shapes, count):
    """Any number of outputs, with the shape of the first input."""
    return [shapes[0]] * count


def concat_shapes(parameters, shapes, count):
    """Concat: inputs one behind the other, along the channels unless it says otherwise."""
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
    for size, size_after in zip(first[axis:], second[axis:]):
        if size < size_after:
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
    """Pooling: the size is rounded up; a second output tells where each maximum was."""
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
    asked = read_shapes(parameters, low=-1)
    dims = asked[-1] if asked else ()
    start = read_axis(parameters, 'axis', (*shape, 1), 0)  # it may be behind the last dimension
    number = parameters.integer('num_axes', -1, low=-1)
    end = len(shape)
    if number != -1:
        end = min(start + number, len(shape))
    return [(*shape[:start], *reshaped(shape[start:end], dims), *shape[end:])]


def roi_pooling_shapes(parameters, shapes, count):
    """ROIPooling: one size for any region of interest, of which a frame is taken to have one."""
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
        part = size // count
        cuts = [part * index for index in range(1, count)]
    parts = []
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


class LayerRule(namedtuple('LayerRule', 'parameters bottoms tops shapes')):
    """What a type of layer takes, and what it makes of shapes.

    parameters: the field that has its parameters, or None if they do not matter.
    bottoms: (fewest, most) inputs.
    tops: (fewest, most) outputs.
    shapes: the rule for the shapes of its outputs, or None if there is none.
    """

    __slots__ = ()


ANY = math.inf

UNKNOWN_RULE = LayerRule(None, (0, ANY), (0, ANY), None)  # of types that are not in the table

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
LAYER_RULES.update(dict.fromkeys(PASS_TYPES, LayerRule(None, (1, 2), (1, 1), same_shapes)))


def check_count(ends, names, limits):
    """Raise ValueError if a layer has too few or too many inputs or outputs.

    ends: bottoms or tops, as messages call them; names: the layer's; limits: (fewest, most).
    """
    fewest, most = limits
    if fewest <= len(names) <= most:
        return
    expected = f'{fewest} to {most}'
    if most == fewest:
        expected = f'{fewest}'
    elif most == ANY:
        expected = f'{fewest} or more'
    raise ValueError(f'{len(names)} {ends}; expected {expected}')


# === Layers with MACs ===


def inner_product(parameters, shape, batch):
    """Return (members of the net file's entry, shape of the output) of an InnerProduct layer.

    shape: of its input, in which all dimensions from `axis` on are one row of a matrix.
    batch: the first dimension of the network's input.
    """
    filters = parameters.needed_integer('num_output', low=1)
    axis = read_axis(parameters, 'axis', shape, 1)
    rows = count_per_frame(shape[:axis], batch)
    row_size = math.prod(shape[axis:])
    members = macs_and_shapes('InnerProduct', (row_size, rows, 1), (filters, rows, 1))
    return members, (*shape[:axis], filters)


def convolution(type_, parameters, shape, batch):
    """Return (members of the net file's entry, shape of the output) of a layer that convolves.

    type_: Convolution or Deconvolution; shape: of its input.
    batch: the first dimension of the network's input.
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
    members = macs_and_shapes(type_, ifmap, ofmap, window.kernel, window.stride, groups)
    return members, (shape[0], *ofmap)


def find_role(message, type_, inputs):
    """Return the role of a layer (nets/network.py).

    message: the layer's own; inputs: the values that it reads.
    """
    if type_ in PASS_TYPES and len(inputs) == 1:
        return PASS
    # It is read whatever the type is, so that what is wrong in it is an error.
    operation = parameters_of(message, 'eltwise_param').string('operation', 'SUM')
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

    The last one stands for all further tops. Those of labels, and of all tops if the layer does not
    say what they are, are Unknown.
    """
    label = Unknown(layer.name, layer.type)
    if layer.type == 'Input':
        return given_shapes(parameters_of(layer.message, 'input_param'), 'num') or [label]
    if layer.type == 'DummyData':
        return given_shapes(parameters_of(layer.message, 'dummy_data_param'), 'num') or [label]
    if layer.type == 'MemoryData':
        parameters = parameters_of(layer.message, 'memory_data_param')
        return [*given_shapes(parameters, 'batch_size'), label]
    if layer.type in INPUT_TYPES:
        return [database_shape(layer.message), label]
    return [label]


def given_shapes(parameters, batch_field):
    """Return the shapes that an input layer's parameters give.

    They are in the field `shape`, or in a field for each dimension, that of the batch first.
    """
    batches = parameters.integers(batch_field, low=1)
    channels = parameters.integers('channels', low=1)
    heights = parameters.integers('height', low=1)
    widths = parameters.integers('width', low=1)
    shapes = read_shapes(parameters, low=1)
    shapes.extend(zip(batches, channels, heights, widths))
    return shapes


def database_shape(message):
    """Return the shape of what a layer reads from a database; DIGIT_SHAPE if it does not say."""
    transform = parameters_of(message, 'transform_param')
    image = parameters_of(message, 'image_data_param')
    data = parameters_of(message, 'data_param')
    # Before there was transform_param, its fields stood in data_param.
    crop = transform.integer('crop_size', 0, low=0)
    old_crop = data.integer('crop_size', 0, low=0)
    height = image.integer('new_height', 0, low=0)
    width = image.integer('new_width', 0, low=0)
    if crop or old_crop:
        height = width = crop or old_crop
    is_gray = transform.boolean('force_gray') or not image.boolean('is_color', default=True)
    if not height or not width:
        return DIGIT_SHAPE
    return (1, 1 if is_gray else DATA_CHANNELS, height, width)


# === The network ===


class Layer(namedtuple('Layer', 'name type message')):
    """A layer of a definition: its name, its type as Caffe calls it today, and its Message."""

    __slots__ = ()


class CaffeNet(Net):
    """A Net of a definition in Caffe's text format.

    shapes: {value: shape or Unknown}, in which a value is a number.
    frame_shape: (C, H, W) of the first input, whatever the definition says, or None.
    blobs: {name: value}, the value that goes by a name by now; layers may write to a name again.

    Caffe puts out whatever no layer reads, so that `results` is empty.
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
        rule = LAYER_RULES.get(layer.type, UNKNOWN_RULE)
        check_count('bottoms', bottoms, rule.bottoms)
        check_count('tops', tops, rule.tops)
        inputs = [self.blobs[bottom] for bottom in bottoms]
        parameters = None
        if rule.parameters:
            parameters = parameters_of(layer.message, rule.parameters)
        role = find_role(layer.message, layer.type, inputs)
        shapes = [self.shapes[value] for value in inputs]
        members = {}
        if role == MACS:
            members, shape = self.compute_macs(layer.type, parameters, shapes[0])
            made = [shape]
        elif layer.type in INPUT_TYPES or not bottoms:
            made = self.read_input(layer, len(tops))
        else:
            made = self.follow_shapes(layer, rule, parameters, shapes, len(tops))
        self.note_limits(layer)
        outputs = self.declare(made)
        self.blobs.update(zip(tops, outputs))
        if layer.type == 'Split':
            # Its outputs are its input under other names: who reads them reads its input.
            self.blobs.update(dict.fromkeys(tops, inputs[0]))
            inputs = []
        self.nodes.append(Node(layer.name, layer.type, role, inputs, outputs, members))

    def compute_macs(self, type_, parameters, shape):
        """Return (members of the net file's entry, shape of the output) of a layer with MACs."""
        if isinstance(shape, Unknown):
            raise ValueError(
                f'needs the shape of its input, which {quote(shape.name)} ({shape.type}) does not '
                'tell; give a network that starts after it, or --input C,H,W if it is an input'
            )
        if type_ == 'InnerProduct':
            return inner_product(parameters, shape, self.batch)
        return convolution(type_, parameters, shape, self.batch)

    def follow_shapes(self, layer, rule, parameters, shapes, count):
        """Return the shapes of the `count` outputs of a Layer without MACs, as its rule tells.

        rule: its LayerRule; parameters: its Message of parameters; shapes: those of its inputs.
        """
        made = None
        if rule.shapes and not isinstance(shapes[0], Unknown):
            made = rule.shapes(parameters, shapes, count)
        if made is not None:
            return made
        for shape in shapes:
            if isinstance(shape, Unknown):  # the layer to name, for whoever needs the shape
                return [shape] * count
        return [Unknown(layer.name, layer.type)] * count

    def declare(self, shapes):
        """Return the new values that have these shapes; raise ValueError if one is too large."""
        values = []
        for shape in shapes:
            if not isinstance(shape, Unknown):
                check_shape(shape)
            value = len(self.shapes)
            self.shapes[value] = shape
            values.append(value)
        return values

    def read_input(self, layer, count):
        """Return the shapes of the `count` tops of a layer that reads nothing."""
        shapes = input_shapes(layer)
        while len(shapes) < count:
            shapes.append(shapes[-1])
        if self.batch is None and count > 0:
            batch = 1 if isinstance(shapes[0], Unknown) else shapes[0][0]
            if self.frame_shape:
                shapes[0] = (batch, *self.frame_shape)
            if not isinstance(shapes[0], Unknown):
                self.batch = batch
        if shapes[0] is DIGIT_SHAPE:  # and not the same numbers, given by the definition
            size = ','.join(str(size) for size in DIGIT_SHAPE[1:])
            self.assumptions.append(
                f'{quote(layer.name)} ({layer.type}) does not say how large a frame is; taken to '
                f"be {size}, as MNIST has it; --input C,H,W gives the first input's"
            )
        return shapes[:count]

    def note_limits(self, layer):
        """Note if a layer has MACs that are not modelled, or that are not per frame."""
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
    """Yield (where it is in the file, Layer) of the layers that a network has when it is used.

    where: the name of the file, for messages.
    Raises InputError, with the line, for what is wrong in the file.
    """
    if os.path.getsize(path) > MAX_PROTOTXT_BYTES:
        raise InputError(
            f'{quote(path)}: too large; '
            f'expected a definition without weights, of at most {MAX_PROTOTXT_BYTES} bytes'
        )
    with place(quote(path)):
        text = read_text(path)
    definition = parse(text, where)
    new, old = definition.messages('layer'), definition.messages('layers')
    if not new and not old:
        raise InputError(f'{where}: no "layer" in it; expected a network in Caffe\'s text format')
    new = [*input_layers(definition), *new]
    for index, message in enumerate([*new, *old]):
        if not is_in_test_phase(message):
            continue
        name, type_ = message.string('name'), message.string('type')
        if name is None or type_ is None:
            raise message.error('needs "name" and "type"; expected a string for both')
        if index >= len(new):
            type_ = modern_type(type_)
        where_in_file = f'{message.where} ({excerpt(type_)} {quote(name)})'
        yield where_in_file, Layer(name, type_, message)


def modern_type(type_):
    """Return today's name of the type of a layer in the older field `layers`.

    >>> modern_type('INNER_PRODUCT'), modern_type('SOFTMAX_LOSS')
    ('InnerProduct', 'SoftmaxWithLoss')
    """
    if not type_.isupper():
        return type_
    words = type_.title().replace('_', '')
    return OLD_TYPES.get(type_.replace('_', ''), words)


def input_layers(definition):
    """Return a list of the Message of an Input layer, for a definition that has none itself.

    Older definitions have the names of their inputs in `input`, and the shapes in `input_shape` or
    `input_dim`. The list is empty if there are no such names.
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
    """Return whether a layer is in the network when it is used, and not only when it is trained."""
    included, excluded = message.messages('include'), message.messages('exclude')
    if included:
        return any(is_met(rule) for rule in included)
    return not any(is_met(rule) for rule in excluded)


def is_met(rule):
    """Return whether an include or exclude rule is met by the test phase, at level 0, no stage."""
    if rule.string('phase', 'TEST') not in ('TEST', '1'):
        return False
    if rule.integer('min_level', 0) > 0:
        return False
    if rule.integer('max_level', 0) < 0:
        return False
    return not rule.strings('stage')
