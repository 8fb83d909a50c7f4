#!/usr/bin/env python3
"""Extract a net file from a network's definition, in Caffe's text format or in ONNX.

A net file is what FODLAM reads: a JSON list of a network's layers, with the multiply-accumulates
(MACs) and shapes of the convolutional and fully-connected ones. Neither Caffe nor ONNX is needed.

  python3 nets/extract.py lenet.prototxt --output nets/lenet.json
  python3 nets/extract.py model.onnx --output nets/model.json

Every layer has its name and type. Those that take MACs also have, per frame (the batch dimension
never counts), `macs` and shapes, as nets/README.md has them: ifmap [C, H, W], ofmap [K, P, Q],
kernel [R, S], stride, groups, stored and addend.

The file has three parts: net files, whatever the format; Caffe; ONNX. What layers make of shapes,
and what they cost, is in layers.py, a leaf.

Sources:
  Caffe  caffe.proto and the layers' Reshape functions, github.com/BVLC/caffe
  ONNX   onnx.proto and Operators.md, github.com/onnx/onnx
"""

if __name__ == '__main__':  # before the imports that take time, so that Ctrl-C just ends them
    import signal

    signal.signal(signal.SIGINT, signal.SIG_DFL)

import argparse
import contextlib
import functools
import itertools
import math
import mmap
import os
import re
import shlex
import stat
import struct
import sys
from collections import namedtuple

# The folder of fodlam.py, also if this file is run by way of a link to it.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))

from fodlam import (
    KIND_OF_TYPE,
    InputError,
    canonical,
    checked,
    choices,
    command,
    complain,
    load_leaf,
    new_parser,
    quote,
    read_text,
    to_json,
)
from fodlam import main as fodlam_main

rules = load_leaf('nets', 'layers')

# === Net files ===


def excerpt(text):
    """Return text from a file, on one line and cut to a length fit for a message."""
    return quote(text)[1:-1]


def net_file(nodes):
    """Return the net file of a definition: a list of dicts, in the order of its nodes."""
    entries = []
    numbers = {}  # canonical name: how many layers have been given it, as #2, #3 and so on
    for node in nodes:
        # FODLAM tells layers apart by their canonical names, Caffe and ONNX by their exact ones.
        name, key = node.name, canonical(node.name)
        while canonical(name) in numbers:
            numbers[key] += 1
            name = f'{node.name}#{numbers[key]}'
        numbers[canonical(name)] = 1
        # FODLAM wants MACs of these types; a product of constants has none that count.
        counts = node.members or node.type not in KIND_OF_TYPE
        type_ = node.type if counts else f'{node.type}, not counted'
        entries.append({'name': name, 'type': type_, **node.members})
    return entries


class Net:
    """What is known of a network, node by node.

    where: the file's name; nodes: [Node]; shapes: {value: shape}; batch: frames in the first
    input, None until known; symbol: what the file calls those; left_out: {type} of what takes MACs
    and is not modelled; assumed: sentences on what the file does not say.
    """

    def __init__(self, where):
        self.where, self.batch, self.symbol = where, None, '?'
        self.nodes, self.shapes, self.left_out, self.assumed = [], {}, {}, []

    def read(self, steps, results, notes):
        """Return the nodes that `add` makes of steps, each a place for errors and arguments.

        results: the values that the network puts out; notes: a list, to which lines are added that
        say what FODLAM does not model, or not on all accelerators.
        Raises InputError if a step fails, and if nothing is left that takes MACs.
        """
        for place, arguments in steps:
            try:
                self.add(*arguments)
            except ValueError as error:
                text = re.sub('[0-9]{19,99}', self.symbolic, str(error))
                raise InputError(f'{place}: {text}') from None
        left_out = 'left out, as FODLAM does not model it: whatever is in '
        left_out = f'{left_out}{", ".join(map(excerpt, self.left_out))}' if self.left_out else ''
        if all(node.role != rules.MACS for node in self.nodes):
            expected = 'expected convolutional or fully-connected layers'
            raise InputError(f'{self.where}: no layer with MACs; {left_out or expected}')
        products = [
            node.members['macs'] for node in self.nodes if node.type == 'MatMul' and node.members
        ]
        if products:
            what = f'{len(products)} MatMul of two feature maps'
            notes.append(f'{self.where}: {what} ({sum(products):,} MACs a frame)')
        notes += [f'{self.where}: {left_out}'] * bool(left_out)
        notes += [f'{self.where}: {assumed}' for assumed in self.assumed]
        rules.fuse(self.nodes, self.shapes, results)
        return self.nodes

    def symbolic(self, match):
        """Return the number in a match, with the batch's symbol if it is a multiple of that."""
        factor, rest = divmod(int(match.group()), rules.BATCH)
        return match.group() if rest else self.symbol if factor == 1 else f'{factor}*{self.symbol}'


# === Caffe ===

# The older `layers` have types in upper case; those of these do not follow from the words in them.
OLD_TYPES = 'AbsVal ArgMax BNLL HDF5Data HDF5Output LRN MVN ReLU TanH'.split()
OLD_TYPES = {'SOFTMAXLOSS': 'SoftmaxWithLoss', **{name.upper(): name for name in OLD_TYPES}}

# Types that take MACs, and those that do and are not modelled; so do others that have one of these
# parameters.
CAFFE_MACS_TYPES = ('Convolution', 'Deconvolution', 'InnerProduct')
CAFFE_UNMODELLED_TYPES = (
    'Attention DeformableConvolution Embed GRU LSTM MatMul RNN Recurrent'
).split()
MACS_PARAMETERS = ('convolution_param', 'inner_product_param', 'recurrent_param')

# Types with one input and an output of its shape that an accelerator does on the way to DRAM.
PASS_TYPES = (
    'AbsVal BNLL BatchNorm Bias Clip Dropout ELU Exp LRN Log PReLU Power ReLU ReLU6 Scale Sigmoid '
    'Swish TanH Threshold'
).split()

INPUT_TYPES = 'Input Data ImageData DummyData MemoryData HDF5Data WindowData'.split()

# A Data layer does not say what is in its database. Taken to be color images if they are cropped,
# and if not, the digits of MNIST, as in one of Caffe's examples, LeNet.
DATA_CHANNELS = 3
DIGIT_SHAPE = (1, 1, 28, 28)

# Definitions of hundreds of layers have some 100 kB and 50,000 tokens. Against files that fill the
# memory, as a token takes up to 200 bytes, and against braces that overflow Python's stack.
MAX_PROTOTXT_BYTES = 4 * 2**20
MAX_TOKENS = 500_000
MAX_DEPTH = 100

# The fields of caffe.proto that decide shapes and MACs, and those that stand with them. All others
# are errors, as they are to Caffe: `groups` for `group` would multiply the MACs.
SIDES = 'pad pad_h pad_w kernel_size kernel_h kernel_w stride stride_h stride_w engine'
FILLED = 'num_output axis bias_term weight_filler bias_filler'
CAFFE_FIELDS = {
    'concat_param': 'axis concat_dim',
    'convolution_param': f'{FILLED} {SIDES} dilation group force_nd_im2col',
    'crop_param': 'axis offset',
    'dummy_data_param': 'data_filler shape num channels height width',
    'eltwise_param': 'operation coeff stable_prod_grad',
    'flatten_param': 'axis end_axis',
    'inner_product_param': f'{FILLED} transpose',
    'input_param': 'shape',
    'memory_data_param': 'batch_size channels height width',
    'pooling_param': f'pool {SIDES} global_pooling round_mode ceil_mode',
    'reshape_param': 'shape axis num_axes',
    'roi_pooling_param': 'pooled_h pooled_w spatial_scale',
    'shape': 'dim',
    'slice_param': 'axis slice_dim slice_point',
}

Token = namedtuple('Token', 'kind word place')  # place: file and line, for errors
TOKEN = re.compile(
    r"""(?P<blank>\s+|\#[^\n]*)
      | (?P<string>"[^"\\\n]*(?:\\(?:[0-7abfnrtv\\'"?]|[xX][0-9a-fA-F])[^"\\\n]*){0,999}"
                  |'[^'\\\n]*(?:\\(?:[0-7abfnrtv\\'"?]|[xX][0-9a-fA-F])[^'\\\n]*){0,999}')
      | (?P<word>[\w.+-]+)
      | (?P<mark>[{}<>:;,\[\]])
      | (?P<wrong>.{1,10})""",
    re.VERBOSE | re.DOTALL,
)
ESCAPE = re.compile(r"""\\(?:([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|([abfnrtv\\'"?]))""")
ESCAPES = dict(zip('abfnrtv', '\a\b\f\n\r\t\v'))  # all other marks stand for themselves

# What a word or string must be to be read as one of these types, and how a message calls that.
VALUES = {
    str: (re.compile('.*', re.DOTALL), 'a value'),
    int: (re.compile('[+-]?(0[xX][0-9a-fA-F]{1,16}|0[0-7]{0,22}|[1-9][0-9]{0,18})'), 'an integer'),
    bool: (re.compile('[Tt]rue|[Ff]alse|[tf01]'), 'true or false'),
}


class Message:
    """A message of the text format.

    fields: {name: [values]}; a value is a string or a Message.
    where: the file and the line that the message starts on, for errors.
    """

    __slots__ = ('fields', 'where')

    def __init__(self, where, **fields):
        self.where, self.fields = where, fields

    def wrong(self, what):
        """Return the InputError for what is wrong in a message."""
        return InputError(f'{self.where}: {what}')

    def every(self, field, type_=str, low=None):
        """Return all values of a field, each a str, int, bool or Message, none less than `low`."""
        found = []
        for value in self.fields.get(field, ()):
            is_message = isinstance(value, Message)
            pattern, expected = VALUES.get(type_, (None, '{...}'))
            right = is_message == (type_ is Message) and (is_message or pattern.fullmatch(value))
            if right and type_ is int:
                digits = value.lstrip('+-')
                base = 16 if digits[1:2] in ('x', 'X') else 8 if digits[0] == '0' else 10
                value = int(value, base)
                expected = f'{low} or more, and at most {rules.MAX_SIZE}'
                right = low is None or low <= value <= rules.MAX_SIZE
            if not right:
                shown = 'a message' if is_message else quote(value)
                raise self.wrong(f'"{field}" is {shown}; expected {expected}')
            found.append(value[0] in 'Tt1' if type_ is bool else value)
        return found

    def get(self, field, type_=str, default=None, low=None, needed=False):
        """Return the last value of a field, which counts if there are several, or the default."""
        values = self.every(field, type_, low)
        if needed and not values:
            raise self.wrong(f'needs "{field}"; expected a value for it')
        return values[-1] if values else default

    def subs(self, field):
        """Return all values of a field, which must be Messages without fields that Caffe lacks."""
        found = self.every(field, Message)
        for parameters in found:
            known = CAFFE_FIELDS.get(field, '').split() or parameters.fields
            for name in parameters.fields:
                if name not in known:
                    raise parameters.wrong(f'{field} has no field {quote(name)}; {choices(known)}')
        return found

    def sub(self, field):
        """Return the last value of a field, which is a Message; an empty one if there is none."""
        return (self.subs(field) or [Message(self.where)])[-1]

    def sides(self, field, default, low):
        """Return what a field says for height and width: both at once, or each by its own name."""
        both, prefix = self.every(field, int, low) or [default], field.partition('_')[0]
        if len(both) > 2:
            what = f'"{field}" has {len(both)} values; 3-D is not modelled'
            raise self.wrong(f'{what}, expected one or two')
        each = zip((f'{prefix}_h', f'{prefix}_w'), (both[0], both[-1]))
        return tuple(self.get(name, int, value, low) for name, value in each)

    def window(self):
        """Return kernel, stride, padding and dilation of a layer, each for height and width."""
        kernel = self.sides('kernel_size', None, low=1)
        if None in kernel:
            raise self.wrong('needs "kernel_size"; expected it, or "kernel_h" and "kernel_w"')
        others = (('stride', 1, 1), ('pad', 0, 0), ('dilation', 1, 1))
        return kernel, *(self.sides(*other) for other in others)

    def shapes(self, low):
        """Return the values of the field `shape`, of dimensions none less than `low`."""
        found = [tuple(shape.every('dim', int, low)) for shape in self.subs('shape')]
        for shape in found:
            if not 1 <= len(shape) <= rules.MAX_RANK:
                what = f'a shape of {len(shape)} dimensions'
                raise self.wrong(f'{what}; expected at least 1 and at most {rules.MAX_RANK}')
        return found

    def axis(self, field, shape, default):
        """Return a field that counts dimensions, from the last one if it is negative."""
        return rules.axis_of(f'"{field}"', self.get(field, int, default), len(shape))


def read_tokens(text, where):
    """Return the Tokens of a text, the last one first, so that pop() takes the next.

    Before all of them stands one of the kind `end`. Raises InputError, with the line, for what
    is no token, and if there are more than MAX_TOKENS.
    """
    tokens, line, place = [], 1, f'{where}, line 1'
    for match in TOKEN.finditer(text):
        kind, word = match.lastgroup, match.group()
        if kind == 'blank':
            line += word.count('\n')
            place = f'{where}, line {line}' if '\n' in word else place
            continue
        tokens.append(Token(kind, word, place))
        if kind == 'wrong':
            raise unexpected(tokens[-1])
        if len(tokens) > MAX_TOKENS:
            what = f'more than {MAX_TOKENS} words and marks'
            raise InputError(f'{place}: {what}; expected a network')
    return [*tokens, Token('end', 'end of file', place)][::-1]


def unexpected(token):
    """Return the InputError for a token that cannot stand where it does."""
    what = token.word if token.kind == 'end' else quote(token.word)
    if token.kind == 'wrong' and token.word[0] in '"\'':
        expected = 'a string that ends on its line, with escapes such as \\n'
    else:
        expected = 'a field or balanced braces'
    return InputError(f'{token.place}: unexpected {what}; expected {expected}')


def skip(tokens, marks):
    """Return whether the next token is one of some marks, and take it if so."""
    found = tokens[-1].kind == 'mark' and tokens[-1].word in marks
    return found and bool(tokens.pop())


def unescape(match):
    """Return the character that a match of ESCAPE stands for."""
    octal, hexadecimal, mark = match.groups()
    if mark:
        return ESCAPES.get(mark, mark)
    return chr(int(octal, 8) & 0xFF if octal else int(hexadecimal, 16))


def read_value(tokens, depth):
    """Return the next value, a string or a Message, and take its tokens. depth: of braces."""
    token = tokens.pop()
    if token.kind == 'word':
        return token.word
    if token.kind == 'string':
        parts = [token.word]
        while tokens[-1].kind == 'string':  # strings next to each other are one
            parts.append(tokens.pop().word)
        return ''.join(ESCAPE.sub(unescape, part[1:-1]) for part in parts)
    if token.word not in ('{', '<'):
        raise unexpected(token)
    if depth == MAX_DEPTH:
        what = f'more than {MAX_DEPTH} braces inside each other'
        raise InputError(f'{token.place}: {what}; expected a network')
    return read_message(tokens, token.place, '}' if token.word == '{' else '>', depth + 1)


def read_message(tokens, where, close, depth=0):
    """Return the Message that starts at the next token, and take its tokens, up to `close`.

    Raises InputError, with the line, for what is malformed.
    """
    message = Message(where)
    while tokens[-1].kind == 'word':
        values = message.fields.setdefault(tokens.pop().word, [])
        skip(tokens, ':')
        if not skip(tokens, '['):
            values.append(read_value(tokens, depth))
        elif not skip(tokens, ']'):
            values.append(read_value(tokens, depth))
            while skip(tokens, ','):
                values.append(read_value(tokens, depth))
            if not skip(tokens, ']'):
                raise unexpected(tokens[-1])
        skip(tokens, ',;')
    token = tokens.pop()
    if token.kind == 'end' and depth:
        raise message.wrong('the brace is never closed; expected a whole file')
    if token.word != close:
        raise unexpected(token)
    return message


def in_test_phase(layer):
    """Return whether a layer is in the network as it is used, not only as it is trained."""

    def met(rule):
        return (
            rule.get('phase', default='TEST') in ('TEST', '1')
            and rule.get('min_level', int, 0) <= 0 <= rule.get('max_level', int, 0)
            and not rule.every('stage')
        )

    include, exclude = layer.every('include', Message), layer.every('exclude', Message)
    return any(map(met, include)) if include else not any(map(met, exclude))


def caffe_inputs(net):
    """Return the layers, one or none, that stand for the inputs of a net without Input layers."""
    names, dims = net.every('input'), net.fields.get('input_dim', [])
    shapes = net.fields.get('input_shape') or [
        Message(net.where, dim=dims[start : start + 4]) for start in range(0, len(dims), 4)
    ]
    parameters = [Message(net.where, shape=shapes)]
    layer = Message(net.where, name=['input'], type=['Input'], top=names, input_param=parameters)
    return [layer] if names else []


def input_shapes(layer, type_):
    """Return the shapes of an input layer's tops, of which the last may stand for all others.

    Those of labels, and of all tops if the layer does not say, are Unknown.
    """
    label = rules.Unknown(layer.get('name'), type_)
    fields = {'Input': 'input_param', 'DummyData': 'dummy_data_param'}
    if type_ in fields or type_ == 'MemoryData':
        parameters = layer.sub(fields.get(type_, 'memory_data_param'))
        names = ('num' if type_ in fields else 'batch_size', 'channels', 'height', 'width')
        each = zip(*(parameters.every(name, int, low=1) for name in names))
        shapes = [*parameters.shapes(low=1), *each]
        return shapes if shapes and type_ in fields else [*shapes, label]
    if type_ not in INPUT_TYPES:
        return [label]
    transform, image = layer.sub('transform_param'), layer.sub('image_data_param')
    # Before there was transform_param, its fields stood in data_param.
    crop = [sub.get('crop_size', int, 0, low=0) for sub in (transform, layer.sub('data_param'))]
    sizes = [image.get(name, int, 0, low=0) for name in ('new_height', 'new_width')]
    height, width = [crop[0] or crop[1]] * 2 if any(crop) else sizes
    gray = transform.get('force_gray', bool) or not image.get('is_color', bool, default=True)
    shape = (1, 1 if gray else DATA_CHANNELS, height, width)
    return [shape if height and width else DIGIT_SHAPE, label]


# What the layers make of shapes. Functions from a layer's parameters, the shapes of its inputs, of
# which the first is known, and how many outputs it has, to their shapes, or None if they cannot be
# told. They raise ValueError if the inputs are not what the layer can take.


def eltwise_shapes(parameters, shapes, count):
    """Return the shape of a sum, product or maximum of inputs, which have that shape."""
    for shape in shapes:
        if shape != shapes[0] and not isinstance(shape, rules.Unknown):
            what = f'operands differ: {list(shapes[0])} and {list(shape)}'
            raise ValueError(f'{what}; expected the same shape')
    return shapes[:1]


def pooling_shapes(parameters, shapes, count):
    """Return the shapes of a Pooling layer's outputs: rounded up, as Caffe does."""
    channels, *image = rules.frame(shapes[0], rank=4)
    if parameters.get('global_pooling', bool):
        return [(shapes[0][0], channels, 1, 1)] * count
    floor = parameters.get('round_mode') in ('FLOOR', '1')
    up = not floor and parameters.get('ceil_mode', bool, default=True)
    kernel, stride, padding, _ = parameters.window()
    sizes = []
    for size, k, s, p in zip(image, kernel, stride, padding):
        result = rules.window_size('Pooling', size, k, s, 2 * p, 1, up=up)
        # Caffe starts no window in the padding.
        sizes.append(result - (any(padding) and (result - 1) * s >= size + p))
    return [(shapes[0][0], channels, *sizes)] * count


def roi_pooling_shapes(parameters, shapes, count):
    """Return the shape of an ROIPooling layer's output, of one region of interest a frame."""
    sizes = (parameters.get(name, int, low=1, needed=True) for name in ('pooled_h', 'pooled_w'))
    return [(shapes[0][0], rules.frame(shapes[0], rank=4)[0], *sizes)]


def flatten_shapes(parameters, shapes, count):
    """Return the shape of a Flatten layer's output, in which several dimensions become one."""
    shape, start = shapes[0], parameters.axis('axis', shapes[0], 1)
    end = parameters.axis('end_axis', shape, -1) + 1
    return [(*shape[:start], math.prod(shape[start:end]), *shape[end:])]


def reshape_shapes(parameters, shapes, count):
    """Return the shape of a Reshape layer's output: 0 copies a dimension, -1 takes what is left."""
    shape, dims = shapes[0], (parameters.shapes(low=-1) or [()])[-1]
    start = parameters.axis('axis', (*shape, 1), 0)
    number = parameters.get('num_axes', int, -1, low=-1)
    end = len(shape) if number == -1 else min(start + number, len(shape))
    return [(*shape[:start], *rules.reshaped(shape[start:end], dims), *shape[end:])]


def slice_shapes(parameters, shapes, count):
    """Return the shapes of a Slice layer's outputs, in equal parts unless it says where to cut."""
    field = 'slice_dim' if 'slice_dim' in parameters.fields else 'axis'
    axis = parameters.axis(field, shapes[0], 1)
    size, cuts = shapes[0][axis], parameters.every('slice_point', int, low=1)
    if not cuts and size % count:
        what = f'{size} channels do not divide into {count} slices'
        raise ValueError(f'{what}; give "slice_point", or as many tops as divide them')
    cuts = cuts or [size // count * index for index in range(1, count)]
    parts = [after - before for before, after in zip([0, *cuts], [*cuts, size])]
    if len(parts) != count or min(parts) < 1:
        what = f'cannot cut {size} at {quote(cuts)} into {count} slices'
        raise ValueError(f'{what}; expected one cut less than tops, in ascending order')
    return [(*shapes[0][:axis], part, *shapes[0][axis + 1 :]) for part in parts]


def concat_shapes(parameters, shapes, count):
    """Return the shape of a Concat layer's output, whose inputs differ in one dimension."""
    if any(isinstance(shape, rules.Unknown) for shape in shapes):
        return None
    field = 'concat_dim' if 'concat_dim' in parameters.fields else 'axis'
    return [rules.joined(shapes, parameters.axis(field, shapes[0], 1))]


def crop_shapes(parameters, shapes, count):
    """Return the shape of a Crop layer's output: that of its second input, from an axis on."""
    first, second = shapes
    if isinstance(second, rules.Unknown):
        return None
    axis = parameters.axis('axis', first, 2)
    if len(first) != len(second) or any(a < b for a, b in zip(first[axis:], second[axis:])):
        what = f'cannot crop {list(first)} to {list(second)}'
        raise ValueError(f'{what}; expected a second bottom that is no larger')
    return [first[:axis] + second[axis:]]


def same_shapes(parameters, shapes, count):
    """Return the shapes of outputs that are all like the first input."""
    return shapes[:1] * count


# {type: (field with its parameters, [least, most] bottoms, most tops, what it makes of shapes)}
CAFFE_TYPES = {
    **dict.fromkeys(PASS_TYPES, (None, [1, 2], 1, same_shapes)),
    **dict.fromkeys(('MVN', 'Normalize', 'Softmax'), (None, [1, 1], 1, same_shapes)),
    'Concat': ('concat_param', [1, math.inf], 1, concat_shapes),
    'Convolution': ('convolution_param', [1, 1], 1, None),
    'Crop': ('crop_param', [2, 2], 1, crop_shapes),
    'Deconvolution': ('convolution_param', [1, 1], 1, None),
    'Eltwise': ('eltwise_param', [1, math.inf], 1, eltwise_shapes),
    'Flatten': ('flatten_param', [1, 1], 1, flatten_shapes),
    'InnerProduct': ('inner_product_param', [1, 1], 1, None),
    'Pooling': ('pooling_param', [1, 1], 2, pooling_shapes),  # the second top is a mask
    'ROIPooling': ('roi_pooling_param', [2, 2], 1, roi_pooling_shapes),
    'Reshape': ('reshape_param', [1, 1], 1, reshape_shapes),
    'Slice': ('slice_param', [1, 1], math.inf, slice_shapes),
    'Split': (None, [1, 1], math.inf, same_shapes),
}


def caffe_macs(parameters, type_, shape, batch):
    """Return (members, shape of the output) of a layer with MACs, from its input's shape."""
    filters = parameters.get('num_output', int, low=1, needed=True)
    if type_ == 'InnerProduct':
        axis = parameters.axis('axis', shape, 1)
        rows, size = rules.positions(shape[:axis], batch), math.prod(shape[axis:])
        return rules.conv_members(type_, (size, rows, 1), (filters, rows, 1)), (
            *shape[:axis],
            filters,
        )
    ifmap = rules.frame(shape, rank=4)
    rules.check_batch(shape[0], batch)
    if parameters.axis('axis', shape, 1) != 1:
        raise ValueError('"axis" is not that of the channels; expected 1')
    kernel, stride, padding, dilation = parameters.window()
    each = zip(shape[2:], kernel, stride, padding, dilation)
    ofmap = (filters, *(rules.window_size(type_, n, k, s, 2 * p, d) for n, k, s, p, d in each))
    groups = parameters.get('group', int, 1, low=1)
    return rules.conv_members(type_, ifmap, ofmap, kernel, stride, groups), (shape[0], *ofmap)


def caffe_role(layer, type_, inputs):
    """Return what a Caffe layer is to the layer before it."""
    if type_ in PASS_TYPES and len(inputs) == 1:
        return rules.PASS
    operation = layer.sub('eltwise_param').get('operation', default='SUM')
    if type_ == 'Eltwise' and operation in ('SUM', '1') and len(inputs) > 1:
        return rules.SUM
    if type_ == 'Eltwise' and len(inputs) > 1:
        return rules.GATE
    return rules.POOL if type_ == 'Pooling' else rules.OTHER


def caffe_layers(path, where):
    """Yield (place, (layer, name, type)) of the layers of a definition in Caffe's text format.

    Only those of the network as it is used, with types as Caffe has them today.
    Raises InputError, with the line, for what is wrong in the file.
    """
    if os.path.getsize(path) > MAX_PROTOTXT_BYTES:
        what = f'a definition without weights, of at most {MAX_PROTOTXT_BYTES} bytes'
        raise InputError(f'{quote(path)}: too large; expected {what}')
    tokens = read_tokens(checked(quote(path), read_text, path), where)
    net = read_message(tokens, where, close=tokens[0].word)
    new, old = net.every('layer', Message), net.every('layers', Message)
    if not new + old:
        raise InputError(f'{where}: no "layer" in it; expected a network in Caffe\'s text format')
    layers = [*caffe_inputs(net), *new, *old]
    for index, layer in enumerate(layers, len(old) - len(layers)):  # old ones from 0 on
        if not in_test_phase(layer):
            continue
        name, type_ = layer.get('name'), layer.get('type')
        if name is None or type_ is None:
            raise InputError(f'{layer.where}: needs "name" and "type"; expected a string for both')
        if index >= 0 and type_.isupper():
            type_ = OLD_TYPES.get(type_.replace('_', ''), type_.title().replace('_', ''))
        yield f'{layer.where} ({excerpt(type_)} {quote(name)})', (layer, name, type_)


class CaffeNet(Net):
    """A Net of a definition in Caffe's text format.

    shapes: {value: shape or Unknown}, where values are numbers; blobs: {name: its value by now}.
    """

    def __init__(self, where, frame_shape):
        super().__init__(where)
        self.frame_shape, self.blobs = frame_shape, {}

    def add(self, layer, name, type_):
        """Add a layer. Raises ValueError if it cannot be."""
        tops, bottoms = layer.every('top'), layer.every('bottom')
        for bottom in bottoms:
            if bottom not in self.blobs:
                what = f'bottom {quote(bottom)} is not made by any layer before'
                raise ValueError(f'{what}; expected a top of one')
        field, ends, most, follow = CAFFE_TYPES.get(type_, (None, [0, math.inf], math.inf, None))
        limits = ('bottoms', bottoms, *ends), ('tops', tops, min(ends[0], 1), most)
        for what, found, low, high in limits:
            if not low <= len(found) <= high:
                most = '' if high == low else ' or more' if high == math.inf else f' to {high}'
                raise ValueError(f'{len(found)} {what}; expected {low}{most}')
        values = [self.blobs[bottom] for bottom in bottoms]
        known = [self.shapes[value] for value in values]
        parameters = layer.sub(field) if field else None
        blame = next((shape for shape in known if isinstance(shape, rules.Unknown)), None)
        found, members, role = None, {}, caffe_role(layer, type_, values)
        if type_ in CAFFE_MACS_TYPES:
            if blame:
                what = f'needs the shape of its input, which {quote(blame.name)} ({blame.type})'
                give = 'give a network that starts after it, or --input C,H,W if it is an input'
                raise ValueError(f'{what} does not tell; {give}')
            (members, shape), role = caffe_macs(parameters, type_, known[0], self.batch), rules.MACS
            found = [shape]
        elif type_ in INPUT_TYPES or not bottoms:
            found = self.input(layer, name, type_, len(tops))
        elif follow and known[0] != blame:
            found = follow(parameters, known, len(tops))
        has_macs = any(parameters in layer.fields for parameters in MACS_PARAMETERS)
        if type_ in CAFFE_UNMODELLED_TYPES or (has_macs and not members):
            self.left_out[type_] = None
        if type_ == 'ROIPooling':
            one = 'MACs are for one region of interest, and not for one frame'
            self.assumed.append(f'behind {quote(name)} (ROIPooling), {one}')
        found = found or [blame or rules.Unknown(name, type_)] * len(tops)
        for shape in found:
            if not isinstance(shape, rules.Unknown):
                rules.check_shape(shape)
        outputs = list(range(len(self.shapes), len(self.shapes) + len(tops)))
        self.shapes.update(zip(outputs, found))
        # A Split's outputs are its input under other names: what reads them, reads that.
        split = type_ == 'Split'
        self.blobs.update(zip(tops, values * len(tops) if split else outputs))
        self.nodes.append(rules.Node(name, type_, role, [] if split else values, outputs, members))

    def input(self, layer, name, type_, count):
        """Return the shapes of the `count` tops of a layer that reads nothing."""
        found = input_shapes(layer, type_)
        found += found[-1:] * (count - len(found))
        if self.batch is None and count:
            batch = 1 if isinstance(found[0], rules.Unknown) else found[0][0]
            if self.frame_shape:
                found[0] = (batch, *self.frame_shape)
            self.batch = None if isinstance(found[0], rules.Unknown) else batch
        if found[0] is DIGIT_SHAPE:
            size = ','.join(map(str, DIGIT_SHAPE[1:]))
            say = f'does not say how large a frame is; taken to be {size}, as MNIST has it'
            self.assumed.append(
                f"{quote(name)} ({type_}) {say}; --input C,H,W gives the first input's"
            )
        return found[:count]


def read_caffe(path, frame_shape, notes):
    """Return the nodes of a definition in Caffe's text format. Arguments are as for read_onnx."""
    where = os.path.basename(path)
    net = CaffeNet(where, frame_shape)
    # What Caffe puts out is what nothing reads.
    return net.read(caffe_layers(path, where), results=(), notes=notes)


# === ONNX ===

# Fields of ONNX's messages that carry structure, shapes and small constants (onnx.proto), as
# {message: {number: (name, type)}}. A type is int, str, a message, or bytes for a span that is read
# only if it is needed. Nothing else is read, the numbers of large tensors above all.
# fmt: off
ONNX_FIELDS = {
    'Model': {7: ('graph', bytes), 25: ('functions', 'Function')},
    'Function': {1: ('name', str)},
    'Graph': {1: ('nodes', 'Node'), 5: ('initializers', 'Tensor'), 11: ('inputs', 'Value'),
              12: ('outputs', 'Value'), 13: ('values', 'Value'), 15: ('initializers', 'Sparse')},
    'Node': {1: ('inputs', str), 2: ('outputs', str), 3: ('name', str), 4: ('type', str),
             5: ('attributes', 'Attribute'), 7: ('domain', str)},
    'Attribute': {1: ('name', str), 3: ('ints', int), 4: ('text', bytes), 5: ('tensor', 'Tensor'),
                  6: ('bodies', bytes), 8: ('ints', int), 11: ('bodies', bytes)},
    'Tensor': {1: ('dims', int), 2: ('kind', int), 4: ('packed', bytes), 5: ('packed', bytes),
               7: ('packed', bytes), 8: ('name', str), 9: ('raw', bytes)},
    'Sparse': {1: ('values', 'Tensor'), 3: ('dims', int)},
    'Value': {1: ('name', str), 2: ('type', 'Type')},
    'Type': {1: ('tensor', 'TensorType')},
    'TensorType': {2: ('shape', 'Shape')},
    'Shape': {1: ('dims', 'Dim')},
    'Dim': {1: ('size', int), 2: ('symbol', str)},
}
# fmt: on
TENSOR_KINDS = {1: 'f', 6: 'i', 7: 'q', 9: '?'}  # TensorProto.DataType, as struct has them
TEXTS = ('auto_pad', 'equation')  # the attributes that are read as strings

# Against files of many small messages, which would take minutes and, of what is kept, gigabytes.
# Large models have some 500,000 fields, 20,000 nodes, and names of 2 MB altogether.
MAX_FIELDS = 2_500_000
MAX_NODES = 100_000
MAX_NAME_BYTES = 16 * 2**20
MAX_REPEATED = 10_000  # values of a field in one message; the graph is not read as one

LARGE_BYTES = 2**20  # see Wire.message

# Gives an input of a model its size, and infers all other shapes: code for `python3 -c`, which
# writes another file beside the model, and leaves weights that are in files of their own there.
INFER_SHAPES = (
    'import onnx, sys; f = sys.argv[1]; m = onnx.load(f, load_external_data=False); '
    'm.graph.input[{index}].type.CopyFrom(onnx.helper.make_tensor_type_proto('
    'm.graph.input[{index}].type.tensor_type.elem_type, {dims})); '
    '[v.type.tensor_type.ClearField("shape") for v in m.graph.output]; '
    'onnx.save(onnx.shape_inference.infer_shapes(m, data_prop=True), f[:-5] + ".shapes.onnx")'
)

# A node of the file; has_body: whether there are nodes inside, which may read any value.
OnnxNode = namedtuple('OnnxNode', 'name type inputs outputs attributes has_body offset')

# A tensor: its shape, its TensorProto.DataType, and the spans of its numbers.
Tensor = namedtuple('Tensor', 'dims kind raw packed')

# What a model's graph says. shapes: {value: dims or None}, where a symbolic dim is a string, or
# None without a name; tensors: {value: Tensor}; weights: names of what is no feature map;
# functions: names of those that the model brings along; index: of the first input that is no
# weight, among all that the file calls inputs; is_inferred: whether it has shapes in between.
Graph = namedtuple(
    'Graph', 'nodes shapes tensors weights inputs outputs functions index is_inferred'
)


class Wire:
    """Protobuf's wire format, read from bytes that are mapped and not copied.

    Whatever is malformed raises InputError with the byte offset.
    """

    def __init__(self, data, where):
        self.data, self.where = data, where
        self.fields_left, self.names_left = MAX_FIELDS, MAX_NAME_BYTES

    def wrong(self, offset, what):
        """Return the InputError for what is wrong at an offset."""
        return InputError(f'{self.where}, byte {offset}: {what}; expected an ONNX model')

    def varint(self, offset, end):
        """Return (number, offset after it) of a varint: unsigned, at most 64 bits."""
        number = 0
        for index in range(10):
            if offset + index >= end:
                raise self.wrong(offset, 'a number runs past the end')
            byte = self.data[offset + index]
            number |= (byte & 0x7F) << 7 * index
            if byte < 0x80:
                return number & 0xFFFFFFFFFFFFFFFF, offset + index + 1
        raise self.wrong(offset, 'a number never ends')

    def count(self, offset):
        """Count a field, or a packed number. Raises InputError if it is one too many."""
        self.fields_left -= 1
        if self.fields_left < 0:
            raise self.wrong(offset, f'more than {MAX_FIELDS} fields')

    def integers(self, start, end):
        """Yield the signed integers that are packed in a span."""
        while start < end:
            self.count(start)
            number, start = self.varint(start, end)
            yield number - 2**64 if number >= 2**63 else number

    def each(self, message, start, end):
        """Yield (name, offset, value) of the fields in ONNX_FIELDS of the message in a span."""
        while start < end:
            offset = start
            self.count(offset)
            key, start = self.varint(start, end)
            field, wire_type = key >> 3, key & 7
            if wire_type not in (0, 1, 2, 5) or field == 0:
                what = f'wire type {wire_type}' if field else 'field 0'
                raise self.wrong(offset, f'{what} is not in use')
            size = {1: 8, 5: 4}.get(wire_type)
            if wire_type == 2:
                size, start = self.varint(start, end)
            elif wire_type == 0:
                size = self.varint(start, end)[1] - start
            span, start = (start, start + size), start + size
            if start > end:
                raise self.wrong(offset, f'{size} bytes run past the end')
            name, type_ = ONNX_FIELDS[message].get(field, (None, None))
            if type_ is int:
                yield from ((name, offset, number) for number in self.integers(*span))
            elif type_ and wire_type == 0:
                raise self.wrong(offset, 'a number stands where a message should')
            elif type_ is str:
                yield name, offset, self.string(*span)
            elif type_:
                yield name, offset, span if type_ is bytes else self.message(type_, *span)

    def message(self, message, start, end):
        """Return {name: [values]} of the fields in ONNX_FIELDS of the message in a span.

        Of more numbers than MAX_REPEATED, the rest is dropped.
        """
        found = {name: [] for name, _ in ONNX_FIELDS[message].values()}
        for name, offset, value in self.each(message, start, end):
            if len(found[name]) < MAX_REPEATED:
                found[name].append(value)
            elif not isinstance(value, int):
                raise self.wrong(offset, f'more than {MAX_REPEATED} {name}')
        if len(found.get('dims', ())) > rules.MAX_RANK:
            raise self.wrong(start, f'a shape of more than {rules.MAX_RANK} dimensions')
        if end - start > LARGE_BYTES and hasattr(mmap, 'MADV_DONTNEED'):
            # To look at a few bytes of a mapped file can bring in megabytes around them.
            self.data.madvise(mmap.MADV_DONTNEED)
        return found

    def string(self, start, end):
        """Return the string in a span."""
        self.names_left -= end - start
        if self.names_left < 0:
            raise self.wrong(start, f'names of more than {MAX_NAME_BYTES} bytes')
        try:
            return self.data[start:end].decode('utf-8')
        except UnicodeDecodeError:
            raise self.wrong(start, 'a name is not UTF-8') from None

    def numbers(self, tensor):
        """Return the numbers of a Tensor as a tuple; None if they are many, or of an odd type."""
        count, kind = math.prod(tensor.dims), TENSOR_KINDS.get(tensor.kind)
        if kind is None or not 0 <= count <= rules.MAX_NUMBERS:
            return None
        for start, end in (tensor.raw or tensor.packed)[-1:]:
            if not tensor.raw and kind != 'f':
                return tuple(itertools.islice(self.integers(start, end), count))
            if end - start == struct.calcsize(f'<{count}{kind}'):
                return struct.unpack(f'<{count}{kind}', self.data[start:end])
        return None


def last(values, default=''):
    """Return the last of a field's values, which counts if there are several, or the default."""
    return values[-1] if values else default


def onnx_tensor(tensor):
    """Return (name, Tensor) of a TensorProto or SparseTensorProto, read as Wire.message does."""
    dense = last(tensor.get('values'), tensor)
    name, dims = last(dense.get('name')), tuple(tensor['dims'])
    return name, Tensor(dims, last(tensor.get('kind'), 0), tensor.get('raw'), tensor.get('packed'))


def onnx_value(value):
    """Return (name, dims) of a ValueInfoProto; dims are None if there are none in it."""
    name, found = last(value['name']), value
    for field in ('type', 'tensor', 'shape'):
        found = last(found[field], None)
        if found is None:
            return name, None
    return name, tuple(last(dim['size'] + dim['symbol'], None) for dim in found['dims'])


def onnx_node(wire, node, offset):
    """Return the OnnxNode of a NodeProto. Attributes are a string, a Tensor or a list of integers.

    The type of an operator that is not ONNX's own has its domain before it.
    """
    attributes = {}
    for attribute in node['attributes']:
        name, value = last(attribute['name']), attribute['ints']
        if name in TEXTS and attribute['text']:
            value = wire.string(*last(attribute['text']))
        elif attribute['tensor']:
            value = onnx_tensor(last(attribute['tensor']))[1]
        attributes[name] = value
    type_, domain = last(node['type']), last(node['domain'])
    if not type_:
        raise wire.wrong(offset, 'a node without op_type')
    type_ = type_ if domain in ('', 'ai.onnx') else f'{domain}.{type_}'
    has_body = any(attribute['bodies'] for attribute in node['attributes'])
    names = last(node['name']), node['inputs'], node['outputs']
    return OnnxNode(names[0], type_, *names[1:], attributes, has_body, offset)


def read_graph(wire):
    """Return the Graph of a model."""
    graph, functions = None, set()
    for name, _, value in wire.each('Model', 0, len(wire.data)):
        if name == 'graph':
            graph = value
        else:
            functions.update(value['name'])
    if graph is None:
        raise wire.wrong(0, 'no graph in it')
    nodes, shapes, tensors = [], {}, {}
    ends = {'inputs': [], 'outputs': [], 'values': []}
    for name, offset, value in wire.each('Graph', *graph):
        if name == 'nodes':
            nodes.append(onnx_node(wire, value, offset))
            if len(nodes) > MAX_NODES:
                raise wire.wrong(offset, f'more than {MAX_NODES} nodes')
        elif name == 'initializers':
            tensors.update([onnx_tensor(value)])
        else:
            value, dims = onnx_value(value)
            ends[name].append(value)
            if dims is not None or value not in shapes:
                shapes[value] = dims
    if not nodes:
        raise wire.wrong(0, 'no nodes in its graph')
    shapes.update((name, tensor.dims) for name, tensor in tensors.items())
    weights = {*tensors, *stripped_weights(nodes, shapes, tensors, ends['inputs'])}
    inputs = [name for name in ends['inputs'] if name not in weights]
    index = ends['inputs'].index(inputs[0]) if inputs else None
    outputs, is_inferred = ends['outputs'], bool(ends['values'])
    return Graph(nodes, shapes, tensors, weights, inputs, outputs, functions, index, is_inferred)


def stripped_weights(nodes, shapes, initializers, inputs):
    """Return the inputs that stand for weights, in a model that was saved without them."""
    ranks = {name: len(shapes[name] or ()) for name in inputs if name not in initializers}
    # Kernels and matrices where a node has its weights, and vectors beside feature maps.
    weights = {name for name, rank in ranks.items() if rank == 1 < max(ranks.values())}
    for node in nodes:
        index = rules.MATRIX_TYPES.get(node.type, rules.CONV_TYPES.get(node.type, (None, None))[1])
        value = node.inputs[index] if index and index < len(node.inputs) else None
        matrix = node.type in rules.CONV_TYPES or ranks.get(value) == 2
        if value in ranks and matrix and node.inputs[0] not in initializers:
            weights.add(value)
    feature_maps = [name for name in ranks if name not in weights] or list(ranks)
    return weights.difference(feature_maps[:1])


class OnnxNet(Net):
    """A Net of an ONNX model.

    shapes: {value: dims or None}; constants: {value: its numbers}; made: the values that there are
    by now, of which `depends` depend on the network's input and `weights` do not; origins: {value:
    the weights that it was made from}.
    """

    def __init__(self, graph, wire, path, frame_shape):
        super().__init__(wire.where)
        self.graph, self.wire, self.path = graph, wire, path
        self.constants, self.symbols = {}, {}
        self.weights, self.depends = set(graph.weights), set(graph.inputs)
        self.made = {'', *graph.inputs, *graph.weights}
        self.origins = {value: value for value in graph.weights}
        first = graph.inputs[0] if graph.inputs else None
        dims = graph.shapes.get(first)
        if frame_shape:
            self.symbols = dict(zip((dims or ())[1:], frame_shape))
            dims = graph.shapes[first] = (*(dims or (1,))[:1], *frame_shape)
        if dims:
            self.batch, self.symbol = dims[0], str(dims[0] or '?')
            if not isinstance(self.batch, int) or self.batch < 1:
                self.symbols[self.batch] = self.batch = rules.BATCH
        self.shapes = {
            value: dims and tuple(self.size(dim) for dim in dims)
            for value, dims in graph.shapes.items()
        }
        if dims and self.batch == rules.BATCH and dims[0] is None:
            self.shapes[first] = (rules.BATCH, *self.shapes[first][1:])

    def size(self, dim):
        """Return a dim of the file as an integer, or as a Symbol."""
        product = rules.PRODUCT.fullmatch(dim) if isinstance(dim, str) else None
        if product and product[2] in self.symbols:
            return int(product[1] or 1) * self.symbols[product[2]] * int(product[3] or 1)
        symbol = rules.Symbol('nan')
        symbol.name = excerpt(dim) if isinstance(dim, str) else '?'
        return dim if isinstance(dim, int) else symbol

    def shape(self, value, rank=None):
        """Return the shape of a value, of which only the batch of a feature map may be a Symbol.

        rank: how many dimensions it must have. Raises ValueError if it is not all known.
        """
        dims = self.shapes.get(value)
        if not self.is_known(value):
            what = f'symbolic, {list(dims)}' if dims else 'not in the file'
            raise ValueError(f'the shape of {quote(value)} is {what}; {self.remedy(value)}')
        if any(size < 1 for size in dims):
            raise ValueError(f'the shape of {quote(value)} is {list(dims)}; expected 1 or more')
        if rank is not None and len(dims) != rank:
            raise ValueError(f'{quote(value)} is {list(dims)}; expected {rank} dimensions')
        return dims

    def is_known(self, value):
        """Return whether a value's shape is, all but the batch of a feature map."""
        dims = self.shapes.get(value)
        sizes = () if dims is None else dims if value in self.weights else dims[1:]
        return dims is not None and all(isinstance(size, int) for size in sizes)

    def numbers(self, value):
        """Return the numbers of a small constant, or None."""
        if value in self.graph.tensors:
            return self.wire.numbers(self.graph.tensors[value])
        return self.constants.get(value)

    def remedy(self, value):
        """Return what the user can do about a shape that is not known."""
        inputs = self.graph.inputs
        if inputs and (value == inputs[0] or not self.is_known(inputs[0])):
            return 'give the size of the first input with --input C,H,W'
        if not inputs or value in inputs:
            return 'export the model with inputs of fixed sizes'
        if self.graph.is_inferred:
            what = 'export the model with inputs of fixed sizes, by torch.onnx.export(dynamo=True)'
            return f'{what}, or simplify it with onnxsim'
        batch, *image = self.shapes[inputs[0]] or (1,)
        dims = [1 if batch == rules.BATCH else batch, *image]
        code = INFER_SHAPES.format(index=self.graph.index, dims=dims)
        return f'run: python3 -c {shlex.quote(code)} {shlex.quote(self.path)}'

    def add(self, node):
        """Add an OnnxNode. Raises ValueError if it cannot be."""
        for value in node.inputs:
            if value not in self.made:
                what = f'reads {quote(value)}, which nothing before it makes'
                raise ValueError(f'{what}; expected nodes in their order, without cycles')
        outputs = [value for value in node.outputs if value]
        for value in outputs:
            if value in self.made:
                raise ValueError(f'{quote(value)} is made twice; expected one node for it')
        if not node.outputs:
            raise ValueError('no outputs; expected one')
        inputs = [value for value in node.inputs if value in self.depends]
        op, entries, shapes = rules.Op(self, node), [], []
        try:
            if inputs and node.type in rules.MACS_TYPES:
                entries, shape = self.macs(node)
                shapes = [shape]
            else:
                shapes = self.follow(op)
        except rules.Unfollowed:
            self.left_out[node.type] = None
        self.declare(node.outputs, shapes)
        if not entries and (
            node.type in rules.UNMODELLED_TYPES
            or node.type in self.graph.functions
            or '.' in node.type
        ):
            self.left_out[node.type] = None
        self.made.update(outputs)
        is_constant = not (inputs or node.has_body) or self.constants.keys() & set(outputs)
        (self.weights if is_constant else self.depends).update(outputs)
        if is_constant and node.inputs:
            self.origins.update(dict.fromkeys(outputs, self.origins.get(node.inputs[0])))
        if node.type == 'Identity' and not inputs:
            return  # a name for weights that layers share
        role, type_ = rules.onnx_role(op, inputs, self.shapes), node.type
        # By one name what one exporter of PyTorch calls so and the other does not.
        if type_ == 'ReduceMean' and role == rules.POOL:
            type_ = 'GlobalAveragePool'
        elif type_ == 'Reshape' and inputs and [len(shape) for shape in shapes] == [2]:
            type_ = 'Flatten' if shapes[0][:1] == op.dims()[:1] else type_
        name = self.name(node, bool(entries))
        # Of an Attention's two products, the first makes no value that there is.
        for index, (kind, members) in enumerate(entries or [(type_, {})], 1):
            outputs = node.outputs if index >= len(entries) else ['']
            self.nodes.append(
                rules.Node(name, kind, rules.MACS if members else role, inputs, outputs, members)
            )

    def name(self, node, has_macs):
        """Return the name of a node; if it is the exporter's own, that of its weights instead."""
        if has_macs and (not node.name or node.name.startswith('node_')):
            weights = [value for value in node.inputs if value in self.weights]
            origin = self.origins.get(weights[0]) if weights else None
            if origin and not rules.GENERATED.match(origin):
                return origin.removesuffix('.weight')
        place = f'{node.type} at byte {node.offset}'
        return node.name or next(filter(None, node.outputs), place)

    def macs(self, node):
        """Return ([(type, members)], shape of the output) of a node that takes MACs."""
        index = rules.MATRIX_TYPES.get(node.type, rules.CONV_TYPES.get(node.type, (None, 1))[1])
        if len(node.inputs) <= index or not node.inputs[index]:
            raise ValueError(f'{len(node.inputs)} inputs; expected two')
        if node.type == 'Attention':
            return rules.attention(node, self)
        if node.type in rules.CONV_TYPES:
            type_, members, shape = rules.onnx_conv(node, self)
            if self.depends.intersection(node.inputs[3:4]) and 'Fused' in node.type:
                members['addend'] = True
            return [(type_, members)], shape
        left, right, shape = rules.onnx_matrices(node, self)
        are_weights = [node.inputs[i] not in self.depends for i in (0, index)]
        weights = are_weights.index(True) if any(are_weights) else None
        return [rules.product(left, right, self.batch, weights)], shape

    def follow(self, op):
        """Return the shapes of a node's outputs, as far as rules tell, and note small constants."""
        # What the file does not tell is not followed, nor what an operator could not do.
        with contextlib.suppress(LookupError, ArithmeticError, TypeError):
            numbers = tuple(
                itertools.islice(rules.ONNX_NUMBERS[op.node.type](op), rules.MAX_NUMBERS + 1)
            )
            if len(numbers) <= rules.MAX_NUMBERS and all(
                not abs(x) >= rules.BATCH**2 for x in numbers
            ):
                self.constants[op.node.outputs[0]] = numbers
        with contextlib.suppress(LookupError, ArithmeticError, TypeError):
            shapes = rules.ONNX_SHAPES[op.node.type](op)
            return shapes if isinstance(shapes, list) else [shapes]
        return []

    def declare(self, values, shapes):
        """Note shapes of values. Raises ValueError if the file says others, but for the batch."""
        for value, shape in zip(values, shapes):
            rules.check_shape(shape)
            said = self.shapes.get(value)
            said = shape if said is None else said
            if (
                len(said) != len(shape)
                or any(
                    rules.is_other(a, b) and a > 0  # some write 0 or -1 for what they do not know
                    for a, b in zip(said[1:], shape[1:])
                )
            ):
                what = f'the file says {list(said)}, but it makes {list(shape)}'
                raise ValueError(f'{what}; expected the same')
            self.shapes[value] = tuple(b if isinstance(b, int) else a for a, b in zip(said, shape))


def read_onnx(path, frame_shape, notes):
    """Return the nodes of an ONNX model.

    frame_shape: (C, H, W) of the first input instead of what the file says, or None.
    notes: see Net.read. Raises InputError, with the byte offset, for what is wrong in it.
    """
    try:
        with open(path, 'rb') as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        reason = getattr(error, 'strerror', None) or 'empty'
        raise InputError(f'{quote(path)}: {reason}; expected an ONNX model') from None
    with data:
        wire = Wire(data, os.path.basename(path))
        graph = read_graph(wire)
        places = (
            f'{wire.where}, byte {node.offset} ({excerpt(node.type)} {quote(node.name)})'
            for node in graph.nodes
        )
        net = OnnxNet(graph, wire, path, frame_shape)
        return net.read(zip(places, zip(graph.nodes)), set(graph.outputs), notes)


# === Command line ===


def make_parser():
    """Return the parser of the extractor's command line."""
    parser = new_parser(
        prog='extract.py',
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Extract the MACs and shapes of a network's layers, as a net file for FODLAM.",
        epilog="""examples:
  python3 nets/extract.py lenet.prototxt --output nets/lenet.json
  python3 nets/extract.py model.onnx --input 3,224,224 --output nets/model.json
""",
    )
    parser.add_argument(
        'model',
        nargs='?',
        default=None,
        help="a definition in Caffe's text format (.prototxt) or ONNX (.onnx)",
    )
    parser.add_argument(
        '--input',
        metavar='C,H,W',
        default=None,
        help='channels, height and width of the first input, whatever the model says',
    )
    parser.add_argument(
        '--output',
        metavar='FILE',
        default=None,
        help='where the net file goes, whole or not at all; default: standard output',
    )
    parser.add_argument('-h', '--help', action='store_true', default=False, help='print this help')
    return parser


def parse_frame(text, parser):
    """Return the (C, H, W) that --input gives; (C, L) for a 1-D network; None for None."""
    if text is None:
        return None
    if not re.fullmatch(r'[1-9][0-9]{0,8}(,[1-9][0-9]{0,8}){0,2}', text):
        parser.error(f'--input is {quote(text)}; expected C,H,W such as 3,224,224')
    return tuple(map(int, text.split(',')))


def check_file(path):
    """Raise InputError if there is no file to read, as opposed to a folder or a pipe."""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        reason = error.strerror
        raise InputError(f'{quote(path)}: cannot be read ({reason}); expected a file') from None
    except ValueError:  # a null character, or half a surrogate pair
        raise InputError(f'{quote(path)}: no file can have this name; expected a path') from None
    if not stat.S_ISREG(mode):
        raise InputError(f'{quote(path)}: a folder, pipe or device; expected a file')


def run(argv, stdin, stdout, stderr):
    """Yield the text that the command line asks for; print notes on the model to stderr.

    stdin and stdout are not used; fodlam.main hands them on to every program.
    """
    parser = make_parser()
    options = parser.parse_args(argv)
    if options.help:
        yield parser.format_help()
        return
    if options.model is None:
        parser.error('no model; expected a .prototxt or .onnx file')
    frame_shape = parse_frame(options.input, parser)
    extension = os.path.splitext(options.model)[1].lower()
    if extension in ('.prototxt', '.onnx'):
        check_file(options.model)
    notes = []
    if extension == '.prototxt':
        nodes = read_caffe(options.model, frame_shape, notes)
    elif extension == '.onnx':
        nodes = read_onnx(options.model, frame_shape, notes)
    else:
        raise InputError(
            f'{quote(options.model)}: unknown format {quote(extension)}; '
            f'{choices([".prototxt", ".onnx"])}'
        )
    text = to_json(net_file(nodes))
    if options.output is None:
        yield text
    else:
        write_whole(text, options.output, options.model)
    for note in notes:
        complain(note, stderr, program='extract.py')


def write_whole(text, path, model):
    """Write text to a file, which is there with all of it or as it was; raise InputError if not.

    model: the path of a file that it may not be.
    """
    try:
        target = os.path.realpath(path)  # what a link leads to
        if os.path.exists(target):
            if not os.path.isfile(target):
                raise OSError(None, 'it is no regular file')
            if os.path.samefile(target, model):
                raise InputError(f'{quote(path)}: it is the model; expected another path')
        new = f'{target}.{os.getpid()}.new'
        try:
            with open(new, 'x', encoding='utf-8') as file:
                file.write(text)
            os.replace(new, target)
        except FileExistsError:
            raise
        except OSError:
            with contextlib.suppress(OSError):
                os.remove(new)
            raise
    except OSError as error:
        what = f'cannot be written ({error.strerror}); expected a path for a file, with room'
        raise InputError(f'{quote(path)}: {what}') from None
    except ValueError:  # a null character, or half a surrogate pair
        raise InputError(f'{quote(path)}: no file can have this name; expected a path') from None


main = functools.partial(fodlam_main, run=run, program='extract.py')


def extract_command():
    """Run the extractor on the process's own arguments, once installed as fodlam-extract."""
    command(main)


if __name__ == '__main__':
    extract_command()
