#!/usr/bin/env python3
"""Extract a net file from a network's definition, in Caffe's text format or in ONNX.

A net file is what FODLAM reads: a JSON list of a network's layers, with the multiply-accumulates
(MACs) and shapes of the convolutional and fully-connected ones. Neither Caffe nor ONNX is needed.

  python3 nets/extract.py lenet.prototxt > nets/lenet.json
  python3 nets/extract.py model.onnx > nets/model.json

Every layer has its name and type. Those that take MACs also have, per frame (the batch dimension
never counts):

  macs     multiply-accumulates
  ifmap    [C, H, W], the input feature map: channels, height, width
  ofmap    [K, P, Q], the output feature map
  kernel   [R, S], height and width
  stride   [vertical, horizontal]
  groups   of channels, each convolved by itself; left out if there is one
  stored   [K, A, B], what is left of the ofmap after the pooling that follows; left out if the same
  addend   true if an element-wise sum with another feature map follows; left out if not

A fully-connected layer is a convolution with a 1 x 1 kernel over a 1 x 1 ifmap; one that is applied
to T positions of a frame, as in transformers, is one over a T x 1 ifmap.

The file has three parts: what a layer costs, whatever the format; Caffe; ONNX.

Sources:
  Caffe  caffe.proto and the layers' Reshape functions, github.com/BVLC/caffe
  ONNX   onnx.proto and Operators.md, github.com/onnx/onnx
"""

import itertools
import math
import mmap
import os
import re
import shlex
import stat
import sys
from collections import namedtuple

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from fodlam import (
    KIND_OF_TYPE,
    InputError,
    canonical,
    choices,
    command,
    complain,
    deliver,
    new_parser,
    quote,
    read_text,
    to_json,
)

# === Nodes ===

# What a node is to the layer whose output it reads: something that an accelerator does on the way
# to DRAM (PASS, POOL, and SUM once it has the other operand), a layer with MACs, or none of these.
PASS, POOL, SUM, MACS, OTHER = 'pass', 'pool', 'sum', 'macs', 'other'

# One layer of a definition. inputs and outputs are values, each written by just one node;
# members: the layer's own entries in the net file.
Node = namedtuple('Node', 'name type role inputs outputs members')

# In the place of a shape: the node that made a value, and did not say its shape.
Unknown = namedtuple('Unknown', 'name type')

# The largest number that a size can be: a signed 64-bit integer, as both formats have it at most.
MAX_SIZE = 2**63 - 1

# Limits that no model comes near, so that a file made to do harm ends in an error soon.
MAX_RANK = 16
MAX_STRING_BYTES = 65536

MAX_PARTS = 30  # how many types the note on what was left out has at most


def check_sizes(what, sizes):
    """Raise ValueError if one of some numbers, called `what`, is too large."""
    if max(sizes, default=0) > MAX_SIZE:
        raise ValueError(f'{what} of more than {MAX_SIZE}; expected no more')


def conv_members(type_, ifmap, ofmap, kernel, stride=(1, 1), groups=1):
    """Return the members of a conv or fc layer: shapes, and MACs per frame.

    type_: Convolution, Deconvolution or InnerProduct; the rest as in the module's docstring.
    Raises ValueError if the groups do not divide the channels, or a number is too large.
    """
    channels, filters = ifmap[0], ofmap[0]
    if channels % groups or filters % groups:
        raise ValueError(f'{channels} to {filters} channels do not divide into {groups} groups')
    # A deconvolution does its work once for every pixel that it reads, not that it writes.
    pixels = math.prod(ifmap[1:] if type_ == 'Deconvolution' else ofmap[1:])
    macs = pixels * channels * (filters // groups) * math.prod(kernel)
    check_sizes('MACs', [macs])
    check_sizes('sizes', [*ifmap, *ofmap])
    members = {
        'macs': macs,
        'ifmap': list(ifmap),
        'ofmap': list(ofmap),
        'kernel': list(kernel),
        'stride': list(stride),
    }
    if groups != 1:
        members['groups'] = groups
    return members


def fc_members(inputs, outputs, positions):
    """Return the members of a fully-connected layer, applied to each of a frame's positions."""
    return conv_members('InnerProduct', (inputs, positions, 1), (outputs, positions, 1), (1, 1))


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
        raise ValueError(
            f'kernel of {extent} with stride {stride} does not fit {size} + {padding}; '
            'expected a smaller kernel, or more padding'
        )
    return result


def frame(shape):
    """Return the [C, H, W] of a value's shape, whose first dimension is the batch."""
    if len(shape) < 2:
        raise ValueError(f'the input is {list(shape)}; expected a batch of feature maps')
    channels, *image = shape[1:]
    if len(image) > 2:
        raise ValueError(
            f'3-D feature maps are not modelled; this one is {list(shape)}, expected [N, C, H, W]'
        )
    return channels, *(1,) * (2 - len(image)), *image


def positions(leading, batch):
    """Return how often a frame goes through a matrix: its share of the rows.

    leading: a shape without the dimension that is multiplied, of which only the first, the batch,
    may be a string, its symbol, or None, which says nothing.
    batch: the same of the network's input; it may have become part of the first dimension.
    Raises ValueError if what is a frame's share cannot be told.
    """
    if not leading:
        return 1
    first, rest = leading[0], math.prod(leading[1:])
    if first is not None and first == batch:
        return rest
    if isinstance(first, int):
        if isinstance(batch, int) and first * rest % batch == 0:
            return first * rest // batch
        if first == 1:
            return rest
    raise batch_error(first, batch)


def check_batch(first, batch):
    """Raise ValueError if a feature map's first dimension is not the batch of the input.

    Both may be symbols. There would be frames, or parts of them, in what counts for one.
    """
    if first != batch and (first != 1 or isinstance(batch, int)):
        raise batch_error(first, batch)


def batch_error(first, batch):
    """Return the ValueError for a first dimension that is not the batch."""
    first, batch = ('?' if dim is None else dim for dim in (first, batch))
    return ValueError(
        f'the first dimension is {first} where the batch of the first input is {batch}; '
        'fix the batch size, as by an export with batch 1'
    )


def excerpt(text):
    """Return text from a file, on one line and cut to a length fit for a message."""
    return quote(text)[1:-1]


def left_out_note(where, left_out):
    """Return the lines, one or none, that say what FODLAM does not model.

    left_out: {type: [MACs per frame, or None if not known]} of products of two feature maps, or
    of whatever else if the list is empty.
    """
    parts = []
    for type_, macs in left_out.items():
        type_ = excerpt(type_)
        part = f'{len(macs)} {type_} of two feature maps' if macs else f'whatever is in {type_}'
        if macs and None not in macs:
            part += f' ({sum(macs):,} MACs a frame)'
        parts.append(part)
    if not parts:
        return []
    parts[MAX_PARTS:] = ['and more'] * (len(parts) > MAX_PARTS)
    return [f'{where}: left out, as FODLAM does not model it: {"; ".join(parts)}']


def pooled(shape):
    """Return the [K, A, B] of a pooled value, or None if its shape does not tell."""
    if isinstance(shape, tuple) and len(shape) in (3, 4):
        sizes = shape[1:]
        if all(isinstance(size, int) and 1 <= size <= MAX_SIZE for size in sizes):
            return list(frame(shape))
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
            readers.setdefault(value, []).append(node)
        for value in node.outputs:
            last_run[value] = index if node.role == MACS else before
    for index, node in enumerate(nodes):
        if node.role != MACS:
            continue
        value = node.outputs[0]
        while len(readers.get(value, ())) == 1 and value not in results:
            follower = readers[value][0]
            if not follower.outputs:
                break
            value = follower.outputs[0]
            if follower.role == SUM and last_run[value] == index:
                node.members['addend'] = True
            elif follower.role == POOL and node.type != 'InnerProduct':  # which makes no image
                stored = pooled(shapes.get(value))
                if stored not in (None, node.members['ofmap']):
                    node.members['stored'] = stored
                break
            elif follower.role != PASS:
                break


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
        entries.append({'name': name, 'type': node.type, **node.members})
    return entries


# === Caffe ===

# The older `layers` have their types in upper case; these do not follow from the words in them.
OLD_TYPES = {
    'ABSVAL': 'AbsVal',
    'ARGMAX': 'ArgMax',
    'BNLL': 'BNLL',
    'HDF5_DATA': 'HDF5Data',
    'HDF5_OUTPUT': 'HDF5Output',
    'LRN': 'LRN',
    'MVN': 'MVN',
    'RELU': 'ReLU',
    'SOFTMAX_LOSS': 'SoftmaxWithLoss',
    'TANH': 'TanH',
}

# Types that take MACs and are not modelled; so do others that have one of these parameters.
CAFFE_UNMODELLED_TYPES = 'Attention DeformableConvolution Embed GRU LSTM RNN Recurrent'.split()
MACS_PARAMETERS = ('convolution_param', 'inner_product_param', 'recurrent_param')

# Types with one input and an output of its shape that an accelerator does on the way to DRAM, and
# others of that shape.
PASS_TYPES = (
    'AbsVal BNLL BatchNorm Bias Clip Dropout ELU Exp LRN Log PReLU Power ReLU ReLU6 Scale Sigmoid '
    'Swish TanH Threshold'
).split()
SAME_SHAPE_TYPES = [*PASS_TYPES, 'MVN', 'Normalize', 'Softmax', 'Split']

INPUT_TYPES = 'Input Data ImageData DummyData MemoryData HDF5Data WindowData'.split()

# A Data layer does not say what is in its database. Taken to be color images if they are cropped,
# and if not, the digits of MNIST, as in one of Caffe's examples, LeNet.
DATA_CHANNELS = 3
DIGIT_SHAPE = (1, 1, 28, 28)

TOKEN = re.compile(
    r"""(?P<blank>\s+|\#[^\n]*)
      | (?P<string>"[^"\\\n]*(?:\\.[^"\\\n]*)*"|'[^'\\\n]*(?:\\.[^'\\\n]*)*')
      | (?P<word>[\w.+-]+)
      | (?P<mark>[{}<>:;,\[\]])""",
    re.VERBOSE,
)
TRUE, FALSE = ('true', 'True', 't', '1'), ('false', 'False', 'f', '0')
ESCAPE = re.compile(r'\\(?:([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|(.))')
ESCAPES = {**dict(zip('abfnrtv', '\a\b\f\n\r\t\v')), **{mark: mark for mark in '\\\'"?'}}
INTEGER = re.compile(r'[+-]?(0[xX][0-9a-fA-F]{1,16}|0[0-7]{0,22}|[1-9][0-9]{0,18})')

# More limits: definitions of hundreds of layers have some 100 kB and 50,000 tokens.
MAX_PROTOTXT_BYTES = 4 * 2**20
MAX_TOKENS = 1_000_000  # blanks count
MAX_DEPTH = 100


class Message(dict):
    """A message of the text format: {field: [values]}; a value is a string or a Message.

    where: the file and the line that the message starts on, for errors.
    """

    __slots__ = ('where',)

    def __init__(self, where):
        super().__init__()
        self.where = where

    def texts(self, field):
        """Return all values of a field, as strings."""
        values = self.get(field, [])
        for value in values:
            if isinstance(value, Message):
                raise InputError(f'{value.where}: "{field}" is a message; expected a value')
        return values

    def text(self, field, default=None):
        """Return a field's last value, which counts if there are several, as a string."""
        return (self.texts(field) or [default])[-1]

    def message(self, field):
        """Return a field's last value, which must be a Message; an empty one if there is none."""
        return (self.messages(field) or [Message(self.where)])[-1]

    def numbers(self, field, low=None):
        """Return all values of a field, as integers, none less than `low`."""
        numbers = []
        for value in self.get(field, []):
            if isinstance(value, Message) or not INTEGER.fullmatch(value):
                raise InputError(f'{self.where}: "{field}" is {quote(value)}; expected an integer')
            digits = value.lstrip('+-')
            base = 16 if digits[1:2] in ('x', 'X') else 8 if digits[0] == '0' else 10
            numbers.append(int(value, base))
            if low is not None and not low <= numbers[-1] <= MAX_SIZE:
                raise InputError(f'{self.where}: "{field}" is {value}; expected {low} or more')
        return numbers

    def number(self, field, default=None, low=None):
        """Return a field's last value, as an integer not less than `low`, or the default."""
        return (self.numbers(field, low) or [default])[-1]

    def flag(self, field, default=False):
        """Return a field's last value, as a truth value."""
        value = self.text(field)
        if value not in (None, *TRUE, *FALSE):
            raise InputError(f'{self.where}: "{field}" is {quote(value)}; expected true or false')
        return default if value is None else value in TRUE

    def messages(self, field):
        """Return all values of a field, which must be Messages."""
        for value in self.get(field, []):
            if not isinstance(value, Message):
                raise InputError(f'{self.where}: "{field}" is {quote(value)}; expected {{...}}')
        return self.get(field, [])

    def dims(self, low):
        """Return the dimensions of a shape, none less than `low`."""
        dims = self.numbers('dim', low)
        if len(dims) > MAX_RANK:
            raise InputError(f'{self.where}: {len(dims)} dimensions; expected at most {MAX_RANK}')
        return tuple(dims)

    def pair(self, field, default, low):
        """Return what a field says for height and width: both at once, or each by its own name."""
        prefix = field.partition('_')[0]
        both = self.numbers(field, low) or [default]
        if len(both) > 2:
            raise InputError(f'{self.where}: "{field}" has {len(both)} values; 3-D is not modelled')
        return (
            self.number(f'{prefix}_h', both[0], low),
            self.number(f'{prefix}_w', both[-1], low),
        )


class Parser:
    """A reader of protobuf's text format, one token ahead.

    kind, word, line: of the next token; kind is None and word '' at the end of the file.
    """

    def __init__(self, text, where):
        self.where = where
        self.tokens = self.read(text)
        self.kind = self.word = None
        self.line = 1
        next(self.tokens)

    def wrong(self, what):
        """Return the InputError for what is wrong on this line."""
        return InputError(f'{self.where}, line {self.line}: {what}')

    def unexpected(self):
        """Return the InputError for the next token."""
        return self.wrong(f'unexpected {quote(self.word)}; expected a field or balanced braces')

    def read(self, text):
        """Take up the tokens of a text, one at each step."""
        position = 0
        for _ in range(MAX_TOKENS):
            token = TOKEN.match(text, position)
            if token is None:
                break
            position = token.end()
            self.kind, self.word = token.lastgroup, token.group()
            if self.kind != 'blank':
                yield
            self.line += self.word.count('\n') if self.kind == 'blank' else 0
        else:
            raise self.wrong(f'more than {MAX_TOKENS} words and marks; expected a network')
        if position < len(text):
            found = quote(text[position : position + 10])
            raise self.wrong(f'unexpected {found}; expected a field')
        self.kind, self.word = None, ''
        yield

    def skip(self, marks):
        """Return whether the next token is one of some marks, and go past it if so."""
        found = self.kind == 'mark' and self.word in marks
        if found:
            next(self.tokens)
        return found

    def message(self, close, depth=0):
        """Return the Message from the next token, an open brace, to the mark `close`.

        depth: how many braces it is in; at 0, it is the whole file, and `close` is ''.
        """
        message = Message(f'{self.where}, line {self.line}' if depth else self.where)
        if depth > MAX_DEPTH:
            raise self.wrong(f'more than {MAX_DEPTH} braces inside each other; expected a network')
        if depth:
            next(self.tokens)
        while self.kind == 'word':
            field = self.word
            next(self.tokens)
            self.skip(':')
            if self.kind is None:
                raise self.wrong(f'"{field}" has no value; expected a whole file')
            values = message.setdefault(field, [])
            if not self.skip('['):
                values.append(self.value(depth))
            elif not self.skip(']'):
                values.append(self.value(depth))
                while self.skip(','):
                    values.append(self.value(depth))
                if not self.skip(']'):
                    raise self.unexpected()
            self.skip(',;')
        if self.kind is None and close:
            raise InputError(f'{message.where}: the brace is never closed; expected a whole file')
        if self.kind == 'string':
            raise self.wrong(f'unexpected string {quote(self.word)}; expected a field')
        if self.word != close:
            raise self.unexpected()
        return message

    def value(self, depth):
        """Return the value of a field: a string or a Message."""
        if self.kind == 'string':
            return self.string()
        word = self.word
        if self.kind == 'word':
            next(self.tokens)
            return word
        if word not in ('{', '<'):
            raise self.unexpected()
        message = self.message('}' if word == '{' else '>', depth + 1)
        next(self.tokens)
        return message

    def string(self):
        """Return what strings next to each other stand for; they are one."""
        parts, size = [], 0
        while self.kind == 'string':
            size += len(self.word)
            if size > MAX_STRING_BYTES:
                raise self.wrong(f'a string of more than {MAX_STRING_BYTES} bytes; expected a name')
            parts.append(ESCAPE.sub(self.escape, self.word[1:-1]))
            next(self.tokens)
        return ''.join(parts)

    def escape(self, match):
        """Return the character that a match of ESCAPE stands for."""
        octal, hexadecimal, mark = match.groups()
        if mark is None:
            return chr(int(octal, 8) & 0xFF if octal else int(hexadecimal, 16))
        if mark not in ESCAPES:
            raise self.wrong(f'string {quote(self.word)} has a wrong escape; expected \\n or so')
        return ESCAPES[mark]


def parse_prototxt(text, where):
    """Return the Message that a file in protobuf's text format holds.

    Raises InputError, with the line, if the text is malformed.
    """
    return Parser(text, where).message(close='')


def in_test_phase(layer):
    """Return whether a layer is in the network as it is used, not only as it is trained."""

    def met(rule):
        return (
            rule.text('phase', 'TEST') in ('TEST', '1')
            and rule.number('min_level', 0) <= 0 <= rule.number('max_level', 0)
            and not rule.get('stage')
        )

    include, exclude = layer.messages('include'), layer.messages('exclude')
    return any(map(met, include)) if include else not any(map(met, exclude))


def caffe_inputs(net):
    """Return the layer that stands for the inputs of a net without an Input layer, or None."""
    names = net.texts('input')
    if not names:
        return None
    layer = Message(net.where)
    layer.update(name=['input'], type=['Input'], top=names)
    shapes = net.get('input_shape', [])
    dims = net.get('input_dim', [])
    if not shapes:
        for start in range(0, len(dims), 4):
            shape = Message(net.where)
            shape['dim'] = dims[start : start + 4]
            shapes.append(shape)
    parameters = Message(net.where)
    parameters['shape'] = shapes
    layer['input_param'] = [parameters]
    return layer


def input_shapes(layer, type_):
    """Return the shapes of an input layer's tops, of which the last may stand for all others.

    Those of labels are Unknown, and there are none at all if the layer does not say.
    """
    label = Unknown(layer.text('name'), type_)
    if type_ not in INPUT_TYPES:
        return []
    if type_ in ('Input', 'DummyData'):
        parameters = layer.message('input_param' if type_ == 'Input' else 'dummy_data_param')
        shapes = [shape.dims(low=1) for shape in parameters.messages('shape')]
        names = ('num', 'channels', 'height', 'width')
        return shapes or list(zip(*(parameters.numbers(name, low=1) for name in names)))
    if type_ == 'MemoryData':
        parameters = layer.message('memory_data_param')
        names = ('batch_size', 'channels', 'height', 'width')
        return [*zip(*(parameters.numbers(name, low=1)[-1:] for name in names)), label]
    transform = layer.message('transform_param')
    image = layer.message('image_data_param')
    # Before there was transform_param, its fields stood in data_param.
    crop = transform.number('crop_size', 0, low=0)
    crop = crop or layer.message('data_param').number('crop_size', 0, low=0)
    channels = DATA_CHANNELS
    if transform.flag('force_gray') or not image.flag('is_color', default=True):
        channels = 1
    height, width = (image.number(name, 0, low=0) for name in ('new_height', 'new_width'))
    if crop:
        height = width = crop
    return [(1, channels, height, width) if height and width else DIGIT_SHAPE, label]


def caffe_window(parameters, type_, image):
    """Return (kernel, stride, [P, Q]) of a conv or deconv layer over an ifmap of H x W."""
    kernel = parameters.pair('kernel_size', None, low=1)
    if None in kernel:
        raise InputError(f'{parameters.where}: needs "kernel_size", or "kernel_h" and "kernel_w"')
    stride = parameters.pair('stride', 1, low=1)
    padding = parameters.pair('pad', 0, low=0)
    dilation = parameters.pair('dilation', 1, low=1)
    sizes = [
        window_size(type_, size, k, s, 2 * p, d)
        for size, k, s, p, d in zip(image, kernel, stride, padding, dilation)
    ]
    return kernel, stride, sizes


def caffe_macs(layer, type_, shape, batch):
    """Return (members, shape of the output) of a layer with MACs, from its input's shape."""
    if type_ == 'InnerProduct':
        parameters = layer.message('inner_product_param')
        filters = parameters.number('num_output', low=1)
        axis = axis_of(parameters, 'axis', shape, 1)
        if filters is None:
            raise InputError(f'{layer.where}: needs "num_output"')
        rows = positions(shape[:axis], batch)
        members = fc_members(math.prod(shape[axis:]), filters, rows)
        return members, (*shape[:axis], filters)
    parameters = layer.message('convolution_param')
    filters = parameters.number('num_output', low=1)
    if filters is None:
        raise InputError(f'{layer.where}: needs "num_output"')
    ifmap = frame(shape)
    if len(shape) != 4:
        raise ValueError(f'expected an input of 4 dimensions, not {list(shape)}')
    check_batch(shape[0], batch)
    kernel, stride, sizes = caffe_window(parameters, type_, ifmap[1:])
    groups = parameters.number('group', 1, low=1)
    ofmap = (filters, *sizes)
    return conv_members(type_, ifmap, ofmap, kernel, stride, groups), (shape[0], *ofmap)


def axis_of(parameters, field, shape, default):
    """Return a field that counts dimensions, from the last one if it is negative."""
    axis = parameters.number(field, default)
    if not -len(shape) <= axis < len(shape):
        raise ValueError(f'"{field}" is {axis}, but the input is {list(shape)}')
    return axis % len(shape)


def pooled_shape(layer, shape):
    """Return the shape of a Pooling layer's output: rounded up, as Caffe does."""
    parameters = layer.message('pooling_param')
    if len(shape) != 4:
        raise ValueError(f'expected an input of 4 dimensions, not {list(shape)}')
    if parameters.flag('global_pooling'):
        return (*shape[:2], 1, 1)
    kernel = parameters.pair('kernel_size', None, low=1)
    if None in kernel:
        raise InputError(f'{parameters.where}: needs "kernel_size", or "kernel_h" and "kernel_w"')
    floor = parameters.text('round_mode') in ('FLOOR', '1')
    up = not floor and parameters.flag('ceil_mode', default=True)
    stride, padding = parameters.pair('stride', 1, low=1), parameters.pair('pad', 0, low=0)
    sizes = []
    for size, k, s, p in zip(shape[2:], kernel, stride, padding):
        result = window_size('Pooling', size, k, s, 2 * p, 1, up=up)
        if any(padding) and (result - 1) * s >= size + p:
            result -= 1
        sizes.append(result)
    return (*shape[:2], *sizes)


def reshaped(layer, shape):
    """Return the shape of a Reshape layer's output: 0 copies a dimension, -1 takes what is left."""
    parameters = layer.message('reshape_param')
    dims = parameters.message('shape').dims(low=-1)
    start = axis_of(parameters, 'axis', (*shape, 1), 0)
    count = parameters.number('num_axes', -1)
    end = len(shape) if count == -1 else min(start + count, len(shape))
    old, new = shape[start:end], []
    for index, dim in enumerate(dims):
        if dim == 0 and index >= len(old):
            raise ValueError(f'no dimension {index} to copy from {list(old)}')
        new.append(dim or old[index])
    rest = math.prod(dim for dim in new if dim != -1)
    new = tuple(math.prod(old) // rest if dim == -1 else dim for dim in new)
    if math.prod(new) != math.prod(old):
        raise ValueError(f'cannot reshape {list(old)} to {list(dims)}')
    return (*shape[:start], *new, *shape[end:])


def sliced_shapes(layer, shape, count):
    """Return the shapes of a Slice layer's outputs, in equal parts unless it says where to cut."""
    parameters = layer.message('slice_param')
    axis = axis_of(parameters, 'slice_dim' if 'slice_dim' in parameters else 'axis', shape, 1)
    cuts = parameters.numbers('slice_point', low=1)
    if not cuts:
        if shape[axis] % count:
            raise ValueError(f'{shape[axis]} channels do not divide into {count} slices')
        cuts = range(shape[axis] // count, shape[axis], shape[axis] // count)
    edges = [0, *cuts, shape[axis]]
    sizes = [after - before for before, after in zip(edges, edges[1:])]
    if len(sizes) != count or min(sizes) < 1:
        raise ValueError(f'cannot cut {shape[axis]} at {list(cuts)} into {count} slices')
    return [(*shape[:axis], size, *shape[axis + 1 :]) for size in sizes]


def caffe_shapes(layer, type_, inputs, count, batch):
    """Return the shapes of a layer's `count` outputs, from those of its inputs.

    None if the type is not known, or if an input that it needs is Unknown.
    Raises ValueError if the inputs are not what the layer can take.
    """
    if not inputs or not count or isinstance(inputs[0], Unknown):
        return None
    first = inputs[0]
    if type_ in SAME_SHAPE_TYPES or type_ == 'Eltwise':
        for other in inputs[1:]:
            if type_ == 'Eltwise' and not isinstance(other, Unknown) and other != first:
                raise ValueError(f'operands differ: {list(first)} and {list(other)}')
        return [first] * count
    if type_ == 'Pooling':
        return [pooled_shape(layer, first)] * count
    if type_ == 'ROIPooling':
        parameters = layer.message('roi_pooling_param')
        sizes = [parameters.number(f'pooled_{side}', low=1) for side in 'hw']
        if None in sizes or len(first) != 4:
            raise ValueError('needs "pooled_h", "pooled_w" and an input of 4 dimensions')
        return [(batch, first[1], *sizes)]  # one region of interest for each frame
    if type_ == 'Flatten':
        parameters = layer.message('flatten_param')
        start = axis_of(parameters, 'axis', first, 1)
        end = axis_of(parameters, 'end_axis', first, -1) + 1
        return [(*first[:start], math.prod(first[start:end]), *first[end:])]
    if type_ == 'Reshape':
        return [reshaped(layer, first)]
    if type_ == 'Slice':
        return sliced_shapes(layer, first, count)
    if any(isinstance(shape, Unknown) for shape in inputs):
        return None
    if type_ == 'Concat':
        parameters = layer.message('concat_param')
        field = 'concat_dim' if 'concat_dim' in parameters else 'axis'
        axis = axis_of(parameters, field, first, 1)
        for other in inputs:
            if other[:axis] + other[axis + 1 :] != first[:axis] + first[axis + 1 :]:
                raise ValueError(f'inputs differ: {list(first)} and {list(other)}')
        return [(*first[:axis], sum(shape[axis] for shape in inputs), *first[axis + 1 :])]
    if type_ == 'Crop' and len(inputs) == 2:
        axis = axis_of(layer.message('crop_param'), 'axis', first, 2)
        if any(size < crop for size, crop in zip(first[axis:], inputs[1][axis:])):
            raise ValueError(f'cannot crop {list(first)} to {list(inputs[1])}')
        return [first[:axis] + inputs[1][axis:]]
    return None


def caffe_role(layer, type_, inputs):
    """Return what a Caffe layer is to the layer before it."""
    if type_ in PASS_TYPES and len(inputs) == 1:
        return PASS
    operation = layer.message('eltwise_param').text('operation', 'SUM')
    if type_ == 'Eltwise' and operation in ('SUM', '1') and len(inputs) > 1:
        return SUM
    return POOL if type_ == 'Pooling' else OTHER


def caffe_layers(path):
    """Yield (layer, name, type) of the layers of a definition in Caffe's text format.

    Only those of the network as it is used, with types as Caffe has them today.
    Raises InputError, with the line, for what is wrong in the file.
    """
    where = os.path.basename(path)
    if os.path.getsize(path) > MAX_PROTOTXT_BYTES:
        raise InputError(f'{quote(path)}: too large; at most {MAX_PROTOTXT_BYTES} bytes are read')
    net = parse_prototxt(read_text(path, quote(path)), where)
    new, old = net.messages('layer'), net.messages('layers')
    if not new + old:
        raise InputError(f'{where}: no "layer" in it; expected a network in Caffe\'s text format')
    inputs = caffe_inputs(net)
    for index, layer in enumerate([*([inputs] if inputs else []), *new, *old]):
        if not in_test_phase(layer):
            continue
        name, type_ = layer.text('name'), layer.text('type')
        if name is None or type_ is None:
            raise InputError(f'{layer.where}: needs "name" and "type"')
        if type_.isupper() and index >= bool(inputs) + len(new):
            type_ = OLD_TYPES.get(type_, type_.title().replace('_', ''))
        yield layer, name, type_


class CaffeNet:
    """What is known of a network, layer by layer.

    nodes: [Node]; shapes: {value: shape or Unknown}; blobs: {name: the value that it is by now};
    batch: frames in the first input, once its shape is known; left_out: see left_out_note.
    """

    def __init__(self, frame_shape):
        self.frame_shape, self.batch = frame_shape, None
        self.nodes, self.shapes, self.blobs, self.left_out = [], {}, {}, {}

    def add(self, layer, name, type_):
        """Add a layer. Raises ValueError if it cannot be."""
        tops, bottoms = layer.texts('top'), layer.texts('bottom')
        for bottom in bottoms:
            if bottom not in self.blobs:
                raise ValueError(
                    f'bottom {quote(bottom)} is not made by any layer before; expected a top'
                )
        values = [self.blobs[bottom] for bottom in bottoms]
        known = [self.shapes[value] for value in values]
        members, role = {}, caffe_role(layer, type_, values)
        if type_ in KIND_OF_TYPE:
            members, shape = self.macs(layer, type_, known, len(tops))
            found, role = [shape], MACS
        elif type_ in INPUT_TYPES or not bottoms:
            found = self.input(layer, type_, len(tops))
        else:
            if role != OTHER and not tops:
                raise ValueError('no top; expected one')
            found = caffe_shapes(layer, type_, known, len(tops), self.batch)
            if type_ in CAFFE_UNMODELLED_TYPES or any(p in layer for p in MACS_PARAMETERS):
                self.left_out[type_] = []
        if not found:
            blame = next((shape for shape in known if isinstance(shape, Unknown)), None)
            found = [blame or Unknown(name, type_)] * len(tops)
        for shape in found:
            if not isinstance(shape, Unknown):
                check_sizes('sizes', shape)
        outputs = list(range(len(self.shapes), len(self.shapes) + len(tops)))
        self.shapes.update(zip(outputs, found))
        # A Split's outputs are its input under other names: what reads them, reads that.
        split = type_ == 'Split'
        self.blobs.update(zip(tops, values * len(tops) if split else outputs))
        self.nodes.append(Node(name, type_, role, [] if split else values, outputs, members))

    def input(self, layer, type_, count):
        """Return the shapes of the `count` tops of a layer that reads nothing."""
        found = input_shapes(layer, type_)
        if not found or isinstance(found[0], Unknown):
            first, others = None, [Unknown(layer.text('name'), type_)]
        else:
            first, others = found[0], found[1:] or found
        if self.batch is None and count:
            if self.frame_shape:
                first = (*(first or (1,))[:1], *self.frame_shape)
            self.batch = first[0] if first else None
        return [others[-1] if first is None else first, *others, *others[-1:] * count][:count]

    def macs(self, layer, type_, known, count):
        """Return (members, shape of the output) of a layer with MACs."""
        if len(known) != 1 or count != 1:
            raise ValueError(f'{len(known)} inputs and {count} outputs; expected one')
        if isinstance(known[0], Unknown):
            raise ValueError(
                f'needs the shape of its input, which {quote(known[0].name)} '
                f'({known[0].type}) does not tell; give a network that starts after it, '
                'or --input C,H,W if it is an input'
            )
        return caffe_macs(layer, type_, known[0], self.batch)


def read_caffe(path, frame_shape, notes):
    """Return the nodes of a definition in Caffe's text format.

    frame_shape: (C, H, W) of the first input instead of what the file says, or None.
    notes: a list, to which a line is added that says what was left out, if anything was.
    Raises InputError, with the line, for what is wrong in it.
    """
    net = CaffeNet(frame_shape)
    for layer, name, type_ in caffe_layers(path):
        try:
            net.add(layer, name, type_)
        except ValueError as error:
            raise InputError(f'{layer.where} ({excerpt(type_)} {quote(name)}): {error}') from None
    notes += left_out_note(os.path.basename(path), net.left_out)
    fuse(net.nodes, net.shapes, results=())  # what Caffe puts out is what nothing reads
    return net.nodes


# === ONNX ===

# Fields of ONNX's messages that carry structure and shapes, by number (onnx.proto). All else,
# tensors above all, is skipped over without being read.
MODEL_GRAPH, MODEL_FUNCTIONS = 7, 25
GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_INPUT, GRAPH_OUTPUT, GRAPH_VALUE_INFO = 1, 5, 11, 12, 13
GRAPH_SPARSE_INITIALIZER = 15
NODE_INPUT, NODE_OUTPUT, NODE_NAME, NODE_OP_TYPE, NODE_ATTRIBUTE, NODE_DOMAIN = 1, 2, 3, 4, 5, 7
ATTRIBUTE_NAME, ATTRIBUTE_I, ATTRIBUTE_S, ATTRIBUTE_T, ATTRIBUTE_INTS = 1, 3, 4, 5, 8
ATTRIBUTE_GRAPHS = (6, 11)  # one, and several
TENSOR_DIMS, TENSOR_NAME = 1, 8
SPARSE_TENSOR_VALUES, SPARSE_TENSOR_DIMS = 1, 3
FUNCTION_NAME = 1
VALUE_NAME, VALUE_TYPE, TYPE_TENSOR, TENSOR_TYPE_SHAPE, SHAPE_DIM = 1, 2, 1, 2, 1
DIM_VALUE, DIM_PARAM = 1, 2

# More limits that no model comes near.
MAX_FIELDS = 2_500_000
MAX_NODES = 100_000
MAX_INTS = 16  # the most that an attribute of a 3-D convolution has is 6

LARGE_BYTES = 2**20  # see Wire.forget

CONV_TYPES = {'Conv': 'Convolution', 'ConvTranspose': 'Deconvolution'}
MATRIX_TYPES = ('Gemm', 'MatMul')
ONNX_PASS_TYPES = (
    'BatchNormalization Cast Celu Clip DequantizeLinear Dropout Elu Gelu HardSigmoid HardSwish '
    'Identity LRN LeakyRelu Mish PRelu QuantizeLinear Relu Selu Sigmoid Softplus Softsign Swish '
    'Tanh ThresholdedRelu'
).split()
SCALE_TYPES = ('Add', 'Div', 'Mul', 'Sub')  # with one operand that is a constant
ONNX_SUM_TYPES = ('Add', 'Sum')
ONNX_POOL_TYPES = ('AveragePool', 'GlobalAveragePool', 'GlobalMaxPool', 'LpPool', 'MaxPool')

# What takes MACs, or may have nodes inside that do, and is not modelled; so may all operators that
# are not ONNX's own.
UNMODELLED_TYPES = (
    'Attention ConvInteger DeformConv DynamicQuantizeMatMul Einsum FusedConv FusedGemm FusedMatMul '
    'GRU GroupQueryAttention If LSTM Loop MatMulInteger MatMulNBits MultiHeadAttention QAttention '
    'QGemm QLinearConv QLinearMatMul RNN Scan'
).split()

# Gives an input of a model its size, and infers all other shapes anew: code for `python3 -c`.
INFER_SHAPES = (
    'import onnx, sys; f = sys.argv[1]; m = onnx.load(f); '
    'm.graph.input[{index}].type.CopyFrom(onnx.helper.make_tensor_type_proto('
    'm.graph.input[{index}].type.tensor_type.elem_type, {dims})); '
    'del m.graph.value_info[:]; '
    '[v.type.tensor_type.ClearField("shape") for v in m.graph.output]; '
    'onnx.save(onnx.shape_inference.infer_shapes(m, data_prop=True), f)'
)

# has_body: whether there are nodes inside, which may read any value.
OnnxNode = namedtuple('OnnxNode', 'name type inputs outputs attributes has_body offset')


class Wire:
    """Protobuf's wire format, read from bytes that are mapped and not copied.

    Whatever is malformed raises InputError with the byte offset.
    """

    def __init__(self, data, where):
        self.data = data
        self.where = where
        self.fields_left = MAX_FIELDS
        self.offset = 0  # of the field that was read last

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

    def fields(self, start, end):
        """Yield (field, value) of the message in a span: a number, or a span (start, end)."""
        while start < end:
            self.fields_left -= 1
            if self.fields_left < 0:
                raise self.wrong(start, f'more than {MAX_FIELDS} fields')
            offset = self.offset = start
            key, start = self.varint(start, end)
            field, wire_type = key >> 3, key & 7
            if wire_type == 0:
                value, start = self.varint(start, end)
            else:
                if wire_type == 2:
                    size, start = self.varint(start, end)
                elif wire_type in (1, 5):
                    size = 8 if wire_type == 1 else 4
                else:
                    raise self.wrong(offset, f'wire type {wire_type} is not in use')
                value = start, start + size
                start += size
                if start > end:
                    raise self.wrong(offset, f'{size} bytes run past the end')
            if field == 0:
                raise self.wrong(offset, 'field 0 is not in use')
            yield field, value

    def forget(self, value):
        """Give back the memory of a large message that has been read.

        To look at a few bytes of a mapped file can bring in megabytes around them.
        """
        start, end = self.span(value)
        if end - start > LARGE_BYTES and hasattr(mmap, 'MADV_DONTNEED'):
            self.data.madvise(mmap.MADV_DONTNEED)

    def message(self, value):
        """Yield (field, value) of a message that is a field's value."""
        return self.fields(*self.span(value))

    def span(self, value):
        """Return a field's value, which must be a span of bytes."""
        if isinstance(value, int):
            raise self.wrong(self.offset, f'the number {value} stands where a message should')
        return value

    def string(self, value):
        """Return the string that is a field's value."""
        start, end = self.span(value)
        if end - start > MAX_STRING_BYTES:
            raise self.wrong(start, f'a name of {end - start} bytes')
        try:
            return self.data[start:end].decode('utf-8')
        except UnicodeDecodeError:
            raise self.wrong(start, 'a name is not UTF-8') from None

    def integers(self, value):
        """Return the signed integers that are a field's value: one, or several packed."""
        numbers = [value]
        if not isinstance(value, int):
            start, end = value
            numbers = []
            while start < end:
                number, start = self.varint(start, end)
                numbers.append(number)
                if len(numbers) > MAX_INTS:
                    break
        return [number - 2**64 if number >= 2**63 else number for number in numbers]


def onnx_shape(wire, dims):
    """Return dims as a tuple, unless they are too many."""
    if len(dims) > MAX_RANK:
        raise wire.wrong(wire.offset, f'a shape of more than {MAX_RANK} dimensions')
    return tuple(dims)


def onnx_tensor(wire, value):
    """Return (name, dims) of a TensorProto, of which nothing else is read."""
    name, dims = '', []
    for field, content in wire.message(value):
        if field == TENSOR_NAME:
            name = wire.string(content)
        elif field == TENSOR_DIMS:
            dims += wire.integers(content)
    return name, onnx_shape(wire, dims)


def onnx_sparse_tensor(wire, value):
    """Return (name, dims) of a SparseTensorProto: the name of its values, and its own dims."""
    name, dims = '', []
    for field, content in wire.message(value):
        if field == SPARSE_TENSOR_VALUES:
            name, _ = onnx_tensor(wire, content)
        elif field == SPARSE_TENSOR_DIMS:
            dims += wire.integers(content)
    return name, onnx_shape(wire, dims)


def onnx_value(wire, value):
    """Return (name, dims) of a ValueInfoProto: dims as onnx_dims has them, or None for no shape."""
    name, dims = '', None
    for field, content in wire.message(value):
        if field == VALUE_NAME:
            name = wire.string(content)
        elif field == VALUE_TYPE:
            for number, tensor in wire.message(content):
                if number == TYPE_TENSOR:
                    for number, shape in wire.message(tensor):
                        if number == TENSOR_TYPE_SHAPE:
                            dims = onnx_shape(wire, list(onnx_dims(wire, shape)))
    return name, dims


def onnx_dims(wire, value):
    """Yield the dims of a TensorShapeProto; a symbolic one is a string, or None without a name."""
    for field, dim in wire.message(value):
        if field == SHAPE_DIM:
            size = None
            for number, content in wire.message(dim):
                if number == DIM_VALUE:
                    (size,) = wire.integers(content)[:1] or (None,)
                elif number == DIM_PARAM:
                    size = wire.string(content) or None
            yield size


def onnx_attribute(wire, value):
    """Return (name, value, whether it is a graph) of an AttributeProto.

    auto_pad is a string, value the dims of a tensor, and all else a list of integers, or of none.
    """
    name, numbers, text, dims, is_graph = '', [], None, None, False
    for field, content in wire.message(value):
        if field == ATTRIBUTE_NAME:
            name = wire.string(content)
        elif field in (ATTRIBUTE_I, ATTRIBUTE_INTS) and len(numbers) < MAX_INTS:
            numbers += wire.integers(content)
        elif field == ATTRIBUTE_S:
            text = content
        elif field == ATTRIBUTE_T:
            dims = onnx_tensor(wire, content)[1]
        elif field in ATTRIBUTE_GRAPHS:
            is_graph = True
    if name == 'auto_pad':
        return name, 'NOTSET' if text is None else wire.string(text), is_graph
    return name, dims if name == 'value' else numbers, is_graph


def onnx_node(wire, value):
    """Return the OnnxNode of a NodeProto, with attributes as {name: value}.

    The type of an operator that is not ONNX's own has its domain before it.
    """
    inputs, outputs, name, type_, domain, attributes, has_body = [], [], '', '', '', {}, False
    for field, content in wire.message(value):
        if field == NODE_INPUT:
            inputs.append(wire.string(content))
        elif field == NODE_OUTPUT:
            outputs.append(wire.string(content))
        elif field == NODE_NAME:
            name = wire.string(content)
        elif field == NODE_OP_TYPE:
            type_ = wire.string(content)
        elif field == NODE_DOMAIN:
            domain = wire.string(content)
        elif field == NODE_ATTRIBUTE:
            key, found, is_graph = onnx_attribute(wire, content)
            attributes[key] = found
            has_body = has_body or is_graph
    offset = wire.span(value)[0]
    if not type_:
        raise wire.wrong(offset, 'a node without op_type')
    if domain not in ('', 'ai.onnx'):
        type_ = f'{domain}.{type_}'
    name = name or next(filter(None, outputs), '') or f'{type_} at byte {offset}'
    return OnnxNode(name, type_, inputs, outputs, attributes, has_body, offset)


class Graph:
    """What a model's graph says.

    nodes: [OnnxNode]; shapes: {value: dims or None}; weights: names of what is no feature map;
    inputs and outputs: names, in order; functions: names of those that the model brings along;
    index: of the first input that is no weight, among all that the file calls inputs.
    """

    def __init__(self, wire):
        self.nodes, self.shapes = [], {}
        self.inputs, self.outputs, self.functions = [], [], set()
        graph = None
        for field, value in wire.fields(0, len(wire.data)):
            if field == MODEL_GRAPH:
                graph = value
            elif field == MODEL_FUNCTIONS:
                for number, content in wire.message(value):
                    if number == FUNCTION_NAME:
                        self.functions.add(wire.string(content))
        if graph is None:
            raise wire.wrong(0, 'no graph in it')
        initializers = {}
        for field, value in wire.message(graph):
            if field == GRAPH_NODE:
                if len(self.nodes) == MAX_NODES:
                    raise wire.wrong(wire.offset, f'more than {MAX_NODES} nodes')
                self.nodes.append(onnx_node(wire, value))
            elif field == GRAPH_INITIALIZER:
                initializers.update([onnx_tensor(wire, value)])
                wire.forget(value)
            elif field == GRAPH_SPARSE_INITIALIZER:
                initializers.update([onnx_sparse_tensor(wire, value)])
            elif field in (GRAPH_INPUT, GRAPH_OUTPUT, GRAPH_VALUE_INFO):
                name, dims = onnx_value(wire, value)
                if dims is not None or name not in self.shapes:
                    self.shapes[name] = dims
                if field == GRAPH_INPUT:
                    self.inputs.append(name)
                elif field == GRAPH_OUTPUT:
                    self.outputs.append(name)
        if not self.nodes:
            raise wire.wrong(0, 'no nodes in its graph')
        self.shapes.update(initializers)
        self.weights = set(initializers) | self.stripped_weights(initializers)
        all_inputs = self.inputs
        self.inputs = [name for name in all_inputs if name not in self.weights]
        self.index = all_inputs.index(self.inputs[0]) if self.inputs else None

    def stripped_weights(self, initializers):
        """Return the inputs that stand for weights, in a model that was saved without them."""
        weights = set()
        for node in self.nodes:
            data, value = (*node.inputs, '', '')[:2]
            matrix = node.type in MATRIX_TYPES and len(self.shapes.get(value) or ()) == 2
            if data not in initializers and (node.type in CONV_TYPES or matrix):
                weights.add(value)
        return weights.intersection(self.inputs[1:])


def onnx_ints(node, name, default, low):
    """Return an attribute that is a list of as many integers as the default, none below `low`."""
    numbers = node.attributes.get(name) or default
    if len(numbers) != len(default) or min(numbers) < low:
        raise ValueError(f'"{name}" is {numbers}; expected {len(default)} integers, {low} or more')
    return list(numbers)


def onnx_conv(node, net):
    """Return (members, shape of the output) of a Conv or ConvTranspose node."""
    type_ = CONV_TYPES[node.type]
    shape = net.shape(node.inputs[0])
    weights = net.shape(node.inputs[1], rank=len(shape))
    ifmap = frame(shape)
    image = len(shape) - 2  # dimensions; a 1-D image has height 1
    if image < 1 or not isinstance(weights[0], int):
        raise ValueError(
            f'data {quote(list(shape))} and weights {quote(list(weights))}; '
            'expected 3 or 4 dimensions'
        )
    check_batch(shape[0], net.batch)

    def spatial(numbers, fill):
        return (*(fill,) * (2 - len(numbers)), *numbers)

    (groups,) = onnx_ints(node, 'group', [1], 1)
    channels, filters = weights[1] * groups, weights[0]
    if type_ == 'Deconvolution':
        channels, filters = filters, channels
    if channels != ifmap[0]:
        raise ValueError(f'weights for {channels} channels, but the input has {ifmap[0]}')
    kernel = spatial(onnx_ints(node, 'kernel_shape', weights[2:], 1), 1)
    if kernel != spatial(weights[2:], 1):
        raise ValueError(f'"kernel_shape" is {list(kernel)}, but the weights are {list(weights)}')
    stride = spatial(onnx_ints(node, 'strides', [1] * image, 1), 1)
    dilation = spatial(onnx_ints(node, 'dilations', [1] * image, 1), 1)
    pads = onnx_ints(node, 'pads', [0] * 2 * image, 0)
    padding = spatial([pads[i] + pads[i + image] for i in range(image)], 0)
    extra = spatial(onnx_ints(node, 'output_padding', [0] * image, 0), 0)
    auto_pad = node.attributes.get('auto_pad', 'NOTSET')
    if type_ == 'Deconvolution' and node.attributes.get('output_shape'):
        sizes = spatial(onnx_ints(node, 'output_shape', [1] * image, 1), 1)
    elif auto_pad in ('SAME_UPPER', 'SAME_LOWER'):
        each = zip(ifmap[1:], stride)
        sizes = [size * s if type_ == 'Deconvolution' else -(-size // s) for size, s in each]
    elif auto_pad in ('NOTSET', 'VALID'):
        padding = (0, 0) if auto_pad == 'VALID' else padding
        each = zip(ifmap[1:], kernel, stride, padding, dilation, extra)
        sizes = [window_size(type_, *numbers) for numbers in each]
    else:
        raise ValueError(f'"auto_pad" is {quote(auto_pad)}; expected NOTSET, SAME_... or VALID')
    ofmap = (filters, *sizes)
    return (
        conv_members(type_, ifmap, ofmap, kernel, stride, groups),
        (shape[0], filters, *sizes[2 - image :]),
    )


def onnx_matrices(node, net):
    """Return the shapes of the two matrices, or stacks of them, that a node multiplies."""
    left, right = (
        net.shape(value, 2 if node.type == 'Gemm' else None) for value in node.inputs[:2]
    )
    if node.type == 'Gemm':
        left, right = (
            shape[::-1] if node.attributes.get(flag, [])[:1] not in ([], [0]) else shape
            for shape, flag in ((left, 'transA'), (right, 'transB'))
        )
    # A vector is a row if it comes first, and a column if it comes second.
    left = (1, *left) if len(left) == 1 else left
    right = (*right, 1) if len(right) == 1 else right
    if not left or not right or left[-1] != right[-2]:
        raise ValueError(f'cannot multiply {quote(list(left))} by {quote(list(right))}')
    return left, right


def onnx_fc(node, net):
    """Return the members of a Gemm or MatMul node, or None if it has no matrix of weights."""
    left, right = onnx_matrices(node, net)
    if min(len(net.shape(value)) for value in node.inputs[:2]) < 2:
        return None
    if node.inputs[0] in net.depends:
        weights, rows = right, left[:-1]
    else:
        weights, rows = (*left[:-2], left[-1], left[-2]), (*right[:-2], right[-1])
    if math.prod(weights[:-2]) != 1:
        return None
    return fc_members(weights[-2], weights[-1], positions(rows, net.batch))


def onnx_product(node, net):
    """Return the MACs per frame of a product without weights, or None if they cannot be told."""
    try:
        left, right = onnx_matrices(node, net)
        stack = []  # dimensions of the result without its matrices, from the last
        for pair in itertools.zip_longest(left[-3::-1], right[-3::-1], fillvalue=1):
            stack.append(pair[pair[0] == 1])
            if pair[1] not in (1, stack[-1]):
                raise ValueError(f'cannot broadcast {pair}')
        rows = (*stack[::-1], left[-2])
        if not all(isinstance(size, int) for size in (*rows[1:], left[-1], right[-1])):
            raise ValueError('the batch is not the first dimension')
        macs = positions(rows, net.batch) * left[-1] * right[-1]
        check_sizes('MACs', [macs])
    except ValueError:
        return None
    return macs


def same_size(shapes, values):
    """Return whether values are known to have the same shape, whatever their batch."""
    known = [shapes.get(value) for value in values]
    return all(shape and shape[1:] == known[0][1:] and None not in shape[1:] for shape in known)


def onnx_role(node, inputs, shapes):
    """Return what an ONNX node is to the node before it; inputs: those that are not constants."""
    if len(inputs) == 1 and node.type in ONNX_PASS_TYPES:
        return PASS
    # Operands that differ are broadcast: the result may be larger than the ofmap.
    if len(inputs) == 1 and node.type in SCALE_TYPES and same_size(shapes, inputs + node.outputs):
        return PASS
    if len(inputs) > 1 and node.type in ONNX_SUM_TYPES and same_size(shapes, inputs):
        return SUM
    return POOL if node.type in ONNX_POOL_TYPES else OTHER


class OnnxNet:
    """What is known of a model, node by node.

    nodes: [Node]; shapes: {value: dims or None}; made: the values that there are by now, of which
    `depends` depend on the network's input and `weights` do not; batch: the first dimension of the
    first input; left_out: see left_out_note.
    """

    def __init__(self, graph, path, frame_shape):
        self.graph, self.path = graph, path
        self.nodes, self.left_out = [], {}
        self.shapes = dict(graph.shapes)
        self.weights = set(graph.weights)
        self.depends = set(graph.inputs)
        self.made = {'', *graph.inputs, *graph.weights}
        self.batch = None
        if graph.inputs:
            first = graph.inputs[0]
            if frame_shape:
                self.shapes[first] = (*(self.shapes.get(first) or (1,))[:1], *frame_shape)
            self.batch = (self.shapes.get(first) or (None,))[0]
            if isinstance(self.batch, int) and self.batch < 1:
                self.batch = None

    def shape(self, value, rank=None):
        """Return the shape of a value, of which only the first dimension may be no number.

        rank: how many dimensions it must have. Raises ValueError if it is not all known.
        """
        dims = self.shapes.get(value)
        if not self.is_known(value):
            what = f'symbolic in the file, {quote(list(dims))}' if dims else 'not in the file'
            raise ValueError(f'the shape of {quote(value)} is {what}; {self.remedy(value)}')
        if any(isinstance(size, int) and size < 1 for size in dims):
            raise ValueError(f'the shape of {quote(value)} is {list(dims)}; expected 1 or more')
        if rank is not None and len(dims) != rank:
            raise ValueError(f'{quote(value)} is {quote(list(dims))}; expected {rank} dimensions')
        return dims

    def is_known(self, value):
        """Return whether a value's shape is, all but the batch of a feature map."""
        dims = self.shapes.get(value)
        sizes = dims and dims[0 if value in self.weights else 1 :]
        return dims is not None and all(isinstance(size, int) for size in sizes)

    def remedy(self, value):
        """Return what the user can do about a shape that is not known."""
        inputs = self.graph.inputs
        if inputs and (value == inputs[0] or not self.is_known(inputs[0])):
            return 'give the size of the first input with --input C,H,W'
        if not inputs or value in inputs:
            return 'export the model with inputs of fixed sizes'
        batch, *image = self.shapes[inputs[0]] or (1,)
        dims = [batch if isinstance(batch, int) else 1, *image]
        code = INFER_SHAPES.format(index=self.graph.index, dims=dims)
        return f'run: python3 -c {shlex.quote(code)} {shlex.quote(self.path)}'

    def add(self, node):
        """Add an OnnxNode. Raises ValueError if it cannot be."""
        for value in node.inputs:
            if value not in self.made:
                raise ValueError(
                    f'reads {quote(value)}, which nothing before it makes; '
                    'expected nodes in their order, without cycles'
                )
        for value in filter(None, node.outputs):
            if value in self.made:
                raise ValueError(f'{quote(value)} is made twice; expected one node for it')
        inputs = [value for value in node.inputs if value in self.depends]
        type_, members, role = node.type, {}, onnx_role(node, inputs, self.shapes)
        takes_macs = type_ in CONV_TYPES or type_ in MATRIX_TYPES
        if not node.outputs and (takes_macs or role != OTHER):
            raise ValueError('no outputs; expected one')
        if takes_macs and inputs:
            if len(node.inputs) < 2:
                raise ValueError(f'{len(node.inputs)} inputs; expected two')
            type_, members = self.conv(node) if type_ in CONV_TYPES else self.matrix(node)
        elif type_ == 'Constant' and node.attributes.get('value') is not None:
            self.shapes.update(dict.fromkeys(node.outputs, node.attributes['value']))
        elif type_ in UNMODELLED_TYPES or type_ in self.graph.functions or '.' in type_:
            self.left_out[type_] = []
        self.made.update(node.outputs)
        of_input = inputs or node.has_body
        (self.depends if of_input else self.weights).update(filter(None, node.outputs))
        role = MACS if members else role
        self.nodes.append(Node(node.name, type_, role, inputs, node.outputs, members))

    def conv(self, node):
        """Return (type, members) of a Conv or ConvTranspose node, and note its output's shape."""
        members, shape = onnx_conv(node, self)
        declared = self.shapes.get(node.outputs[0]) or shape
        if len(declared) != len(shape) or any(
            isinstance(said, int) and said != dim for said, dim in zip(declared[1:], shape[1:])
        ):
            said = quote(list(declared))
            raise ValueError(f'the file says {said}, but it makes {quote(list(shape))}')
        self.shapes[node.outputs[0]] = shape
        return CONV_TYPES[node.type], members

    def matrix(self, node):
        """Return (type, members) of a Gemm or MatMul node, which is left out without weights."""
        with_weights = not self.depends.issuperset(node.inputs[:2])
        members = onnx_fc(node, self) if with_weights else None
        if members is None:
            self.left_out.setdefault(node.type, []).append(onnx_product(node, self))
            return node.type, {}
        return 'InnerProduct', members


def read_graph(path):
    """Return the Graph of an ONNX file. Raises InputError, with the byte offset."""
    try:
        with open(path, 'rb') as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        reason = error.strerror
        raise InputError(f'{quote(path)}: cannot be read ({reason}); expected a file') from None
    except ValueError:
        raise InputError(f'{quote(path)}: empty; expected an ONNX model') from None
    with data:
        return Graph(Wire(data, os.path.basename(path)))


def read_onnx(path, frame_shape, notes):
    """Return the nodes of an ONNX model.

    frame_shape: (C, H, W) of the first input instead of what the file says, or None.
    notes: a list, to which a line is added that says which MACs were left out, if any were.
    Raises InputError, with the byte offset, for what is wrong in it.
    """
    where = os.path.basename(path)
    graph = read_graph(path)
    net = OnnxNet(graph, path, frame_shape)
    for node in graph.nodes:
        try:
            net.add(node)
        except ValueError as error:
            place = f'{where}, byte {node.offset} ({excerpt(node.type)} {quote(node.name)})'
            raise InputError(f'{place}: {error}') from None
    notes += left_out_note(where, net.left_out)
    fuse(net.nodes, net.shapes, results=set(graph.outputs))
    return net.nodes


# === Command line ===


class Options:
    """What the command line asks for."""

    model = None
    input = None
    help = False


def make_parser():
    """Return the parser of the extractor's command line."""
    parser = new_parser(
        prog='extract.py',
        description="Extract the MACs and shapes of a network's layers, as a net file for FODLAM.",
        epilog="""examples:
  python3 nets/extract.py lenet.prototxt > nets/lenet.json
  python3 nets/extract.py model.onnx --input 3,224,224 > nets/model.json
""",
    )
    parser.add_argument(
        'model', nargs='?', help="a definition in Caffe's text format (.prototxt) or ONNX (.onnx)"
    )
    parser.add_argument(
        '--input',
        metavar='C,H,W',
        help='channels, height and width of the first input, where the model does not say',
    )
    parser.add_argument('-h', '--help', action='store_true', help='print this help')
    return parser


def parse_frame(text):
    """Return the (C, H, W) that --input gives; (C, L) for a 1-D network; None for None."""
    if text is None:
        return None
    if not re.fullmatch(r'[1-9][0-9]{0,8}(,[1-9][0-9]{0,8}){0,2}', text):
        raise InputError(
            f'arguments: --input is {quote(text)}; expected C,H,W such as 3,224,224', status=2
        )
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


def run(argv, notes):
    """Yield the text that the command line asks for; add to `notes` what stderr should say."""
    parser = make_parser()
    options = parser.parse_args(argv, Options())
    if options.help:
        yield parser.format_help()
        return
    if options.model is None:
        parser.error('no model; expected a .prototxt or .onnx file')
    frame_shape = parse_frame(options.input)
    extension = os.path.splitext(options.model)[1].lower()
    if extension in ('.prototxt', '.onnx'):
        check_file(options.model)
    if extension == '.prototxt':
        nodes = read_caffe(options.model, frame_shape, notes)
    elif extension == '.onnx':
        nodes = read_onnx(options.model, frame_shape, notes)
    else:
        raise InputError(
            f'{quote(options.model)}: unknown format {quote(extension)}; '
            f'{choices([".prototxt", ".onnx"])}'
        )
    yield to_json(net_file(nodes))


def main(argv, stdin, stdout, stderr):
    """Run the extractor on the arguments `argv`; return the exit status. stdin is not read."""
    notes = []
    status = deliver(run(argv, notes), stdout, stderr, program='extract.py')
    if status == 0:
        for note in notes:
            complain(note, stderr, program='extract.py')
    return status


if __name__ == '__main__':
    command(main)
