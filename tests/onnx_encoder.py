"""A small encoder of ONNX models, for tests: protobuf's wire format, field numbers of onnx.proto."""

import struct

FLOAT, INT64 = 1, 7  # TensorProto.DataType


class Reference(str):
    """The name of a call's attribute, in place of an attribute of a node inside a function."""


class Graph(bytes):
    """A GraphProto."""


def varint(number):
    number &= 2**64 - 1  # negative numbers are written as 64-bit two's complement
    result = bytearray()
    while number > 0x7F:
        result.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*result, number])


def field(number, value):
    """Return a field: an integer as a varint, a string or bytes with their length before them."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def fields(number, values):
    return b''.join(field(number, value) for value in values)


def tensor(name, dims, raw=b'', packed=False, external=False):
    """Return a TensorProto; external data is a reference to a file instead of the numbers."""
    content = field(1, b''.join(map(varint, dims))) if packed else fields(1, dims)
    content += field(2, FLOAT) + field(8, name)
    if external:
        return content + field(13, field(1, 'location') + field(2, 'weights.bin')) + field(14, 1)
    return content + field(9, raw)


def numbers(name, *content, scalar=False):
    """Return a TensorProto of 64-bit integers, or of floats."""
    is_float = any(isinstance(number, float) for number in content)
    format_, kind = ('f', FLOAT) if is_float else ('q', INT64)
    raw = struct.pack(f'<{len(content)}{format_}', *content)
    dims = [] if scalar else [len(content)]
    return fields(1, dims) + field(2, kind) + field(8, name) + field(9, raw)


def floats(number, content):
    """Return a field of floats for each number, as of an attribute."""
    return b''.join(varint(number << 3 | 5) + struct.pack('<f', each) for each in content)


def value(name, dims=None):
    """Return a ValueInfoProto; a string among the dims is a symbolic one, None one without a name.

    None for dims is no shape.
    """
    shape = b''
    if dims is not None:
        shape = field(
            2,
            b''.join(
                field(1, b'' if dim is None else field(2 if isinstance(dim, str) else 1, dim))
                for dim in dims
            ),
        )
    return field(1, name) + field(2, field(1, field(1, FLOAT) + shape))


def attribute(name, content):
    """Return an AttributeProto: a number, a string, a list of numbers, a tensor in bytes, a Graph or
    a Reference."""
    if isinstance(content, Reference):
        return field(1, name) + field(20, 0) + field(21, content)
    if isinstance(content, Graph):
        return field(1, name) + field(6, content) + field(20, 5)
    if isinstance(content, int):
        return field(1, name) + field(3, content) + field(20, 2)
    if isinstance(content, str):
        return field(1, name) + field(4, content) + field(20, 3)
    if isinstance(content, float):
        return field(1, name) + floats(2, [content]) + field(20, 1)
    if isinstance(content, list) and any(isinstance(number, float) for number in content):
        return field(1, name) + floats(7, content) + field(20, 6)
    if isinstance(content, bytes):
        return field(1, name) + field(5, content) + field(20, 4)
    return field(1, name) + fields(8, content) + field(20, 7)


def node(type_, inputs, outputs, name='', **attributes):
    """Return a NodeProto; inputs and outputs are names with blanks between them."""
    return (
        fields(1, inputs.split(' ') if inputs else [])
        + fields(2, outputs.split(' '))
        + (field(3, name) if name else b'')
        + field(4, type_)
        + fields(5, [attribute(key, content) for key, content in attributes.items()])
    )


def modules(*path):
    """Return the metadata of a node, the modules around it in PyTorch, as a field of a NodeProto."""
    return field(9, field(1, 'namespace') + field(2, 'x' * 9)) + field(
        9, field(1, 'pkg.torch.onnx.name_scopes') + field(2, str(list(path)))
    )


def function(name, inputs='', outputs='', nodes=(), domain='', overload='', **defaults):
    """Return a FunctionProto; inputs and outputs are names with blanks between them."""
    return (
        field(1, name)
        + fields(4, inputs.split())
        + fields(5, outputs.split())
        + fields(7, nodes)
        + field(10, domain)
        + fields(11, [attribute(key, content) for key, content in defaults.items()])
        + (field(13, overload) if overload else b'')
    )


def graph(nodes, inputs=(), initializers=(), values=(), outputs=(), sparse=()):
    """Return a Graph of such messages; inputs, values and outputs are ValueInfoProtos."""
    return Graph(
        fields(1, nodes)
        + field(2, 'graph')
        + fields(5, initializers)
        + fields(11, inputs)
        + fields(12, outputs)
        + fields(13, values)
        + fields(15, sparse)
    )


def model(nodes, inputs, initializers=(), values=(), outputs=(), functions=(), sparse=()):
    """Return a ModelProto of such messages; functions are FunctionProtos."""
    return (
        field(1, 8)
        + field(2, 'tests')
        + field(7, graph(nodes, inputs, initializers, values, outputs, sparse))
        + field(8, field(1, '') + field(2, 17))
        + fields(25, functions)
    )


def branch(*nodes, outputs='inner', initializers=()):
    """Return a Graph of nodes, for a branch; outputs: names with blanks between them."""
    return graph(
        nodes, initializers=initializers, outputs=[value(name) for name in outputs.split()]
    )


def call(type_, inputs, outputs, name='', **attributes):
    """Return a NodeProto that calls a function of the domain "my"."""
    return node(type_, inputs, outputs, name, **attributes) + field(7, 'my')
