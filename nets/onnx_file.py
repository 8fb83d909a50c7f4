"""ONNX's files: protobuf's wire format, and what a model's graph says.

A protobuf message is a row of fields. Each starts with a key, which has the field's number and its
wire type. The wire type tells what follows: a number; 4 or 8 bytes; or a length and so many bytes,
which are a string, several numbers or a message. The names and types of fields are not in the
file, but in onnx.proto. `Wire` reads such messages, and `read_graph` makes a Graph of them.

Source: onnx.proto, github.com/onnx/onnx; protobuf.dev/programming-guides/encoding
"""

import itertools
import math
import mmap
import re
import struct
from collections import namedtuple

from fodlam import InputError, quote
from fodlam.nets.layers import MAX_RANK
from fodlam.nets.network import excerpt

# The fields of ONNX's messages that are read, as {message: {number: (name, type)}}: those that have
# the nodes, shapes and small constants (onnx.proto). The numbers of large tensors are skipped.
# A type is int, float, str, a message, or bytes for a span that is read later, if it is needed.
# Fields that are read in the same way share a name: 3, an attribute's one integer `i`, is read as
# `ints`, a list of one.
# fmt: off
FIELDS = {
    'Model': {7: ('graph', bytes), 25: ('functions', bytes)},
    'Function': {1: ('name', str), 4: ('inputs', str), 5: ('outputs', str), 7: ('nodes', 'Node'),
                 10: ('domain', str), 11: ('defaults', 'Attribute'), 13: ('overload', str)},
    'Graph': {1: ('nodes', 'Node'), 5: ('initializers', 'Tensor'), 11: ('inputs', 'Value'),
              12: ('outputs', 'Value'), 13: ('values', 'Value'), 15: ('initializers', 'Sparse')},
    'Node': {1: ('inputs', str), 2: ('outputs', str), 3: ('name', str), 4: ('type', str),
             5: ('attributes', 'Attribute'), 7: ('domain', str), 8: ('overload', str),
             9: ('metadata', bytes)},
    'Metadata': {1: ('key', str), 2: ('value', bytes)},
    'Attribute': {1: ('name', str), 2: ('floats', float), 3: ('ints', int), 4: ('text', bytes),
                  5: ('tensor', 'Tensor'), 6: ('bodies', bytes), 7: ('floats', float),
                  8: ('ints', int), 11: ('bodies', bytes), 20: ('kind', int),
                  21: ('reference', str)},
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

# The wire types of numbers and of bytes with a length, and {wire type: bytes} of fixed size.
VARINT, LENGTH = 0, 2
FIXED_BYTES = {1: 8, 5: 4}

# TensorProto.DataType, and the struct format of its numbers: float, int32, int64 and bool.
TENSOR_FORMATS = {1: 'f', 6: 'i', 7: 'q', 9: '?'}

# The key of a node's metadata that has the PyTorch modules around it, and their names in its text.
MODULES_KEY = 'pkg.torch.onnx.name_scopes'
QUOTED = re.compile("'([^']*)'")

# The attributes that are read as strings.
TEXT_ATTRIBUTES = 'auto_pad direction equation keep_aspect_ratio_policy mode update_rule'.split()

# AttributeProto.AttributeType: float, int, floats and ints; 0 if the file does not say.
NUMERIC_ATTRIBUTES = (0, 1, 2, 6, 7)

# The fields of each message, in which nothing has been found yet.
NOTHING_FOUND = {}
for _message, _fields in FIELDS.items():
    NOTHING_FOUND[_message] = {_name: () for _name, _ in _fields.values()}

# A file of very many small messages could take minutes and gigabytes. Large models have some
# 500,000 fields, 20,000 nodes, and names of 2 MB altogether. What calls of functions copy counts
# as well.
MAX_FIELDS = 1_500_000
MAX_NODES = 50_000
MAX_OUTPUTS = 200_000  # of all nodes
MAX_NAME_BYTES = 16 * 2**20
MAX_REPEATED = 10_000  # values of a field in one message, except in the Graph itself

MAX_NUMBERS = 64  # in a constant; if it has more, it is not followed, or it could grow forever

LARGE_BYTES = 2**20  # after a message of more bytes, the memory of the mapped file is given back


class Tensor(namedtuple('Tensor', 'dims kind raw packed')):
    """A tensor of the file.

    dims: its shape.
    kind: its TensorProto.DataType.
    raw: [(start, end)], spans of the file; the last one has its numbers, all of one size.
    packed: [(start, end)], used if `raw` is empty; the last one has its numbers in the wire format.
    """

    __slots__ = ()


class Reference(namedtuple('Reference', 'name')):
    """In place of an attribute of a node inside a function: the call's attribute that it is.

    name: of the call's attribute.
    """

    __slots__ = ()


class Body(namedtuple('Body', 'start end names')):
    """A graph inside a node, such as a branch of an If, which is read when it is needed.

    start, end: its span in the file.
    names: {name in the body: value}, what the names of values around the body stand for if the node
    is a part of a function or of another body, and its values have other names here.
    """

    __slots__ = ()


NODE_FIELDS = 'name type inputs outputs attributes offset overload bodies metadata scope'


class OnnxNode(namedtuple('OnnxNode', NODE_FIELDS, defaults=('', (), (), ''))):
    """A node of the file.

    name: its name in the file, or ''.
    type: its operator, after its domain if that is not ONNX's own: com.microsoft.FusedConv.
    inputs: names of the values that it reads, '' for one that is left out.
    outputs: names of the values that it makes, '' for one that is left out.
    attributes: {name: a list of integers, a list of floats, a string, a Tensor or a Reference}. It
    is None for an attribute of another type, and for a string whose name is not in TEXT_ATTRIBUTES.
    offset: the byte in the file where it starts.
    overload: which of several functions of one name it calls, or ''.
    bodies: ((attribute, Body), ...), of the graphs inside it; these may read any value.
    metadata: spans of the file, each with a key and a text.
    scope: the name of the function's call that it is inside of, or ''.
    """

    __slots__ = ()


class Function(namedtuple('Function', 'inputs outputs nodes defaults')):
    """An operator that the file defines itself.

    inputs, outputs: the names of its values inside, in the order of a call's inputs and outputs.
    nodes: [OnnxNode], in which names are the function's own. It may have none.
    defaults: {name: attribute}, for those that a call leaves out.
    """

    __slots__ = ()


class Graph(namedtuple('Graph', 'nodes shapes tensors inputs outputs functions has_inner_shapes')):
    """A model's graph, or a graph inside a node, as the file has it.

    nodes: [OnnxNode], in the order of the file.
    shapes: {value: dims}, a tuple of an integer, a name such as 'N' or None for each dimension.
    The dims are None if the file lists the value without a shape.
    tensors: {value: Tensor}, the file's own constants.
    inputs: names of the graph's inputs; in some files, its weights are among them.
    outputs: names of the values that the graph puts out.
    functions: {(type, overload): Function}; none in a graph inside a node.
    has_inner_shapes: whether the file lists values between the inputs and the outputs.
    """

    __slots__ = ()


# === Wire format ===


class Wire:
    """Protobuf's wire format, read from bytes that are mapped and not copied.

    data: the mapped bytes.
    where: the file's name, for messages.
    fields_left, name_bytes_left: how much may still be read or copied before it is too much.

    An offset is a byte's place in the file. Methods that read raise InputError, with the offset, if
    something is malformed or too much.
    """

    def __init__(self, data, where):
        self.data = data
        self.where = where
        self.fields_left = MAX_FIELDS
        self.name_bytes_left = MAX_NAME_BYTES

    def error(self, offset, problem):
        """Return the InputError for a problem at an offset."""
        return InputError(f'{self.where}, byte {offset}: {problem}; expected an ONNX model')

    def varint(self, offset, end):
        """Return (number, offset after it) of a varint: an unsigned number of at most 64 bits.

        Each byte has seven of its bits, and the first byte the lowest ones. The last byte is less
        than 0x80.
        offset: of its first byte; end: of the span that it is in.

        >>> Wire(bytes([0xAC, 0x02]), 'm.onnx').varint(0, 2)  # 0x2C + (2 << 7)
        (300, 2)
        """
        if offset < end and self.data[offset] < 0x80:  # as most are
            return self.data[offset], offset + 1
        number = 0
        for index in range(10):
            if offset + index >= end:
                raise self.error(offset, 'a number runs past the end')
            byte = self.data[offset + index]
            number |= (byte & 0x7F) << 7 * index
            if byte < 0x80:
                return number & 0xFFFFFFFFFFFFFFFF, offset + index + 1
        raise self.error(offset, 'a number never ends')

    def count_fields(self, offset, count=1):
        """Count fields, or packed numbers; raise InputError if they are too many."""
        self.fields_left -= count
        if self.fields_left < 0:
            raise self.error(offset, f'more than {MAX_FIELDS} fields')

    def count_names(self, offset, size):
        """Count the bytes of names; raise InputError if they are too many."""
        self.name_bytes_left -= size
        if self.name_bytes_left < 0:
            raise self.error(offset, f'names of more than {MAX_NAME_BYTES} bytes')

    def integers(self, start, end):
        """Yield the signed integers that are packed in a span, one varint after the other."""
        offset = start
        while offset < end:
            self.count_fields(offset)
            number, offset = self.varint(offset, end)
            if number >= 2**63:
                number -= 2**64
            yield number

    def floats(self, offset, start, end):
        """Yield the floats in a span, one after the other, as a field at an offset has them."""
        if (end - start) % 4:
            raise self.error(offset, f'{end - start} bytes stand where floats of 4 bytes should')
        for start_of_float in range(start, end, 4):
            self.count_fields(start_of_float)
            yield struct.unpack('<f', self.data[start_of_float : start_of_float + 4])[0]

    def fields(self, message_type, start, end):
        """Yield (name, offset, value) of the fields in a span that is a message.

        message_type: the name of the message in FIELDS; fields that are not there are skipped.
        start, end: the span.
        A value is an integer, a float, a string, the span (start, end) of bytes, or the dict that
        `message` returns for a message inside.
        """
        known = FIELDS[message_type]
        offset = start
        while offset < end:
            self.count_fields(offset)
            key, value_start = self.varint(offset, end)
            number, wire_type = key >> 3, key & 7
            if number == 0:
                raise self.error(offset, 'field 0 is not in use')
            if wire_type == VARINT:
                _, after = self.varint(value_start, end)
                size = after - value_start
            elif wire_type == LENGTH:
                size, value_start = self.varint(value_start, end)
            elif wire_type in FIXED_BYTES:
                size = FIXED_BYTES[wire_type]
            else:
                raise self.error(offset, f'wire type {wire_type} is not in use')
            value_end = value_start + size
            if value_end > end:
                raise self.error(offset, f'{size} bytes run past the end')
            if number in known:
                name, type_ = known[number]
                if type_ is int:  # a single one is read like packed ones: the span is a varint
                    for integer in self.integers(value_start, value_end):
                        yield name, offset, integer
                elif wire_type == VARINT:
                    raise self.error(offset, 'a number stands where a message should')
                elif type_ is float:  # a single one is read like packed ones
                    for number in self.floats(offset, value_start, value_end):
                        yield name, offset, number
                elif type_ is str:
                    yield name, offset, self.string(value_start, value_end)
                elif type_ is bytes:
                    yield name, offset, (value_start, value_end)
                else:
                    yield name, offset, self.message(type_, value_start, value_end)
            offset = value_end

    def message(self, message_type, start, end):
        """Return {name: [value]} of the fields in a span that is a message.

        message_type: the name of the message in FIELDS, whose names are all in the dict; a field
        that is not in the file has (), no values.
        start, end: the span.
        Numbers beyond MAX_REPEATED are dropped; so many other values are an error.
        """
        found = NOTHING_FOUND[message_type].copy()
        for name, offset, value in self.fields(message_type, start, end):
            values = found[name]
            if not values:
                found[name] = [value]
            elif len(values) < MAX_REPEATED:
                values.append(value)
            elif not isinstance(value, (int, float)):
                raise self.error(offset, f'more than {MAX_REPEATED} {name}')
        if len(found.get('dims', ())) > MAX_RANK:
            raise self.error(start, f'a shape of more than {MAX_RANK} dimensions')
        if end - start > LARGE_BYTES and hasattr(mmap, 'MADV_DONTNEED'):
            # To look at a few bytes of a mapped file can bring in megabytes around them.
            self.data.madvise(mmap.MADV_DONTNEED)
        return found

    def string(self, start, end):
        """Return the string in a span."""
        self.count_names(start, end - start)
        try:
            return self.data[start:end].decode('utf-8')
        except UnicodeDecodeError:
            raise self.error(start, 'a name is not UTF-8') from None

    def numbers(self, tensor):
        """Return the numbers of a Tensor as a tuple, or None if they are not followed.

        They are not if there are more than MAX_NUMBERS, or if TENSOR_FORMATS lacks their type.
        """
        count = math.prod(tensor.dims)
        format_ = TENSOR_FORMATS.get(tensor.kind)
        if format_ is None or not 0 <= count <= MAX_NUMBERS:
            return None
        spans = tensor.raw or tensor.packed
        if not spans:
            return None
        start, end = spans[-1]
        if not tensor.raw and format_ != 'f':  # the wire format packs integers as varints
            return tuple(itertools.islice(self.integers(start, end), count))
        layout = f'<{count}{format_}'  # little-endian
        if end - start != struct.calcsize(layout):
            return None
        return struct.unpack(layout, self.data[start:end])


# === What the file says ===


def last(values, default=''):
    """Return the last of a field's values, or the default if there are none.

    Protobuf has the last value count if a field is there several times.
    """
    return values[-1] if values else default


def read_tensor(message):
    """Return (name, Tensor) of a TensorProto; message: the dict of it from Wire.message."""
    tensor = Tensor(
        dims=tuple(message['dims']),
        kind=last(message['kind'], 0),
        raw=message['raw'],
        packed=message['packed'],
    )
    return last(message['name']), tensor


def read_sparse_tensor(message):
    """Return (name, Tensor) of a SparseTensorProto, without its numbers.

    message: the dict of it from Wire.message. The name is that of its values.
    """
    name = ''
    if message['values']:
        name = last(last(message['values'])['name'])
    return name, Tensor(dims=tuple(message['dims']), kind=0, raw=[], packed=[])


def read_value(message):
    """Return (name, dims) of a ValueInfoProto; the dims are as in Graph.shapes.

    message: the dict of it from Wire.message.
    """
    name = last(message['name'])
    inner = message
    for field in ('type', 'tensor', 'shape'):
        if not inner[field]:
            return name, None
        inner = inner[field][-1]
    dims = []
    for dim in inner['dims']:
        size = last(dim['size'], None)
        dims.append(last(dim['symbol'], size))
    return name, tuple(dims)


def read_attribute(wire, message):
    """Return (name, value) of an AttributeProto; the value is as in OnnxNode.attributes.

    wire: the Wire that it is read from.
    message: the dict of it from Wire.message.
    """
    name = last(message['name'])
    if message['reference']:
        return name, Reference(last(message['reference']))
    if name in TEXT_ATTRIBUTES and message['text']:
        start, end = message['text'][-1]
        return name, wire.string(start, end)
    if message['tensor']:
        _, tensor = read_tensor(message['tensor'][-1])
        return name, tensor
    if last(message['kind'], 0) in NUMERIC_ATTRIBUTES:
        return name, message['ints'] or message['floats']
    return name, None


def read_node(wire, message, offset):
    """Return the OnnxNode of a NodeProto.

    wire: the Wire that it is read from.
    message: the dict of it from Wire.message.
    offset: where it starts in the file.
    """
    attributes = {}
    bodies = []
    for attribute in message['attributes']:
        name, attributes[name] = read_attribute(wire, attribute)
        for start, end in attribute['bodies']:
            bodies.append((name, Body(start, end, {})))
    type_ = last(message['type'])
    if not type_:
        raise wire.error(offset, 'a node without op_type')
    return OnnxNode(
        name=last(message['name']),
        type=with_domain(last(message['domain']), type_),
        inputs=list(message['inputs']),
        outputs=list(message['outputs']),
        attributes=attributes,
        offset=offset,
        overload=last(message['overload']),
        bodies=tuple(bodies),
        metadata=message['metadata'],
    )


def place_of(wire, node):
    """Return the place in the file of an OnnxNode, for messages."""
    return f'{wire.where}, byte {node.offset} ({excerpt(node.type)} {quote(node.name)})'


def with_domain(domain, type_):
    """Return an operator's type as in OnnxNode; domain: '' or 'ai.onnx' if it is ONNX's own."""
    if domain in ('', 'ai.onnx'):
        return type_
    return f'{domain}.{type_}'


def read_function(wire, start, end):
    """Return ((type, overload), Function) of a FunctionProto.

    wire: the Wire that it is read from; start, end: its span.
    """
    texts = {'name': '', 'domain': '', 'overload': ''}
    function = Function([], [], [], {})
    for field, offset, value in wire.fields('Function', start, end):
        if field == 'nodes':
            function.nodes.append(read_node(wire, value, offset))
        elif field == 'inputs':
            function.inputs.append(value)
        elif field == 'outputs':
            function.outputs.append(value)
        elif field == 'defaults':
            name, attribute = read_attribute(wire, value)
            function.defaults[name] = attribute
        else:
            texts[field] = value
    type_ = with_domain(texts['domain'], texts['name'])
    return (type_, texts['overload']), function


def read_module(wire, metadata):
    """Return the path of the PyTorch module that a node comes from, or '' if it is not known.

    wire: the Wire that it is read from; metadata: of the OnnxNode.
    PyTorch's exporter writes a list of the modules around an operation, from the outermost to the
    innermost, and then of the operation: "['', 'encoder', 'encoder.layer.0', 'linear_3']".
    """
    for start, end in metadata:
        entry = wire.message('Metadata', start, end)
        if last(entry['key']) == MODULES_KEY and entry['value']:
            start, end = entry['value'][-1]
            modules = QUOTED.findall(wire.string(start, end))
            return modules[-2] if len(modules) > 1 else ''
    return ''


def read_graph(wire):
    """Return the Graph of a model.

    wire: the Wire of the whole file.
    Raises InputError, with the offset, if something is wrong in the file.
    """
    span = None
    functions = {}
    for field, _, (start, end) in wire.fields('Model', 0, len(wire.data)):
        if field == 'graph':
            span = start, end
        else:
            key, function = read_function(wire, start, end)
            functions[key] = function
    if span is None:
        raise wire.error(0, 'no graph in it')
    graph = read_inner_graph(wire, *span)
    if not graph.nodes:
        raise wire.error(0, 'no nodes in its graph')
    return graph._replace(functions=functions)


def read_inner_graph(wire, start, end):
    """Return the Graph of a GraphProto, without functions.

    wire: the Wire that it is read from; start, end: its span.
    Raises InputError, with the offset, if something is wrong in it.
    """
    nodes = []
    shapes = {}
    tensors = {}
    names = {'inputs': [], 'outputs': [], 'values': []}
    for field, offset, message in wire.fields('Graph', start, end):
        if field == 'nodes':
            nodes.append(read_node(wire, message, offset))
            if len(nodes) > MAX_NODES:
                raise wire.error(offset, f'more than {MAX_NODES} nodes')
        elif field == 'initializers':
            if 'values' in message:
                name, tensor = read_sparse_tensor(message)
            else:
                name, tensor = read_tensor(message)
            tensors[name] = tensor
        else:  # a Value
            name, dims = read_value(message)
            names[field].append(name)
            if dims is not None or name not in shapes:
                shapes[name] = dims
    for name, tensor in tensors.items():
        shapes[name] = tensor.dims
    has_inner_shapes = bool(names['values'])
    return Graph(nodes, shapes, tensors, names['inputs'], names['outputs'], {}, has_inner_shapes)
