"""What the extractor makes of ONNX models that tests encode: net files, MACs, shapes and errors."""

import json
import struct
import unittest

from extracted import REMEDY
from onnx_encoder import field, fields, model, node, numbers, tensor, value
from support import extract

from fodlam.nets.network import Given
from fodlam.nets.onnx_file import Wire, read_graph
from fodlam.nets.onnx_net import OnnxNet

IMAGE = value('x', [1, 3, 8, 8])
KERNEL = tensor('w', [4, 3, 3, 3])
CONV_MACS = 4 * 6 * 6 * 3 * 9  # of a Conv of IMAGE by KERNEL, without padding

LARGE_IMAGE = value('x', ['N', 3, 32, 24])
LARGE_KERNEL = tensor('w', [8, 3, 3, 3])  # makes 8 x 30 x 22 of LARGE_IMAGE

MICROSOFT = 'com.microsoft'  # the domain of onnxruntime's operators


def foreign(type_, inputs, outputs, name='', domain=MICROSOFT, **attributes):
    """Return a NodeProto of a domain that is not ONNX's own."""
    return node(type_, inputs, outputs, name, **attributes) + field(7, domain)


def constant(name, dims, content, kind=7, format_='q'):
    """Return a TensorProto with numbers; kind, format_: its type in ONNX and in struct."""
    raw = struct.pack(f'<{len(content)}{format_}', *content)
    return fields(1, dims) + field(2, kind) + field(8, name) + field(9, raw)


def run(nodes, inputs, weights=(), *argv, **keywords):
    """Return ({name: MACs} of the layers that have some, what is on stderr) of a model.

    argv: options of the extractor. keywords: of `model`.
    """
    result = extract('m.onnx', model(nodes, inputs, weights, **keywords), *argv)
    if result.status:
        raise AssertionError(result.err)
    macs = {}
    for entry in json.loads(result.out):
        if 'macs' in entry:
            macs[entry['name']] = entry['macs']
    return macs, result.err


def entries(nodes, inputs, weights=(), *arguments, argv=(), note='', **keywords):
    """Return {name: entry} of the net file of a model, to which a layer with MACs is added.

    arguments, keywords: of `model`. argv: options of the extractor. note: a part of what is on
    stderr, or '' if nothing is.
    """
    inputs = [*inputs, value('its_input', [1])]  # a vector has no say on the batch
    weights = [*weights, tensor('its_weights', [1, 1])]
    last = node('MatMul', 'its_input its_weights', 'last', 'last')
    content = model([*nodes, last], inputs, weights, *arguments, **keywords)
    result = extract('m.onnx', content, *argv)
    if result.status or note not in result.err or bool(note) != bool(result.err):
        raise AssertionError(result.err or 'no note')
    return {entry['name']: entry for entry in json.loads(result.out) if entry['name'] != 'last'}


def result_of(nodes, inputs=(IMAGE,), weights=(), values=(), outputs=()):
    """Return the Result of the extractor on a model; inputs: ValueInfoProtos, or {name: dims}."""
    return extract('m.onnx', model(nodes, value_infos(inputs), weights, values, outputs))


def value_infos(inputs):
    """Return a list of ValueInfoProtos; inputs: such ones, or {name: dims}."""
    if isinstance(inputs, dict):
        return [value(name, dims) for name, dims in inputs.items()]
    return list(inputs)


def layers(nodes, inputs=(IMAGE,), weights=(), values=(), outputs=()):
    """Return the entries with MACs of the net file of a model; inputs: as of `result_of`."""
    result = result_of(nodes, inputs, weights, values, outputs)
    if result.status:
        raise AssertionError(result.err)
    return [entry for entry in json.loads(result.out) if 'macs' in entry]


def error_of(nodes, inputs=(IMAGE,), weights=(), values=()):
    """Return what is on stderr of a model that is refused; inputs: as of `result_of`."""
    result = result_of(nodes, inputs, weights, values)
    if (result.status, result.out) != (1, ''):
        raise AssertionError(result)
    return result.err


def conv(
    inputs='x w', shape=LARGE_IMAGE, weights=LARGE_KERNEL, type_='Conv', argv=(), **attributes
):
    """Return the entry of a model of one conv node.

    inputs: of the node. shape: a ValueInfoProto. weights: a TensorProto. type_: of the node.
    argv: options of the extractor. attributes: of the node.
    """
    nodes = [node(type_, inputs, 'y', 'c', **attributes)]
    return entries(nodes, [shape], [weights], argv=argv)['c']


def follow(nodes, inputs=(IMAGE,), weights=()):
    """Return the OnnxNet of a model after all of its nodes; inputs: as of `result_of`."""
    wire = Wire(model(nodes, value_infos(inputs), weights), 'm.onnx')
    graph = read_graph(wire)
    net = OnnxNet(graph, wire, 'm.onnx', Given())
    for step in net.graph.nodes:
        net.add(step)
    return net


def shapes_of(type_, inputs, count=1, domain='', **attributes):
    """Return the shapes of a node's outputs.

    inputs: a shape, a tuple, of a feature map if it is the first, or else of weights; the numbers of
    a vector, a list; that of a scalar; the bytes of a TensorProto called by its place, i0 or i1;
    None for one left out.
    count: of the outputs.
    """
    dims, weights, names = {}, [], []
    for index, content in enumerate(inputs):
        name = '' if content is None else f'i{index}'
        names.append(name)
        if isinstance(content, tuple) and not dims:
            dims[name] = list(content)
        elif isinstance(content, tuple):
            weights.append(tensor(name, content))
        elif isinstance(content, list):
            weights.append(numbers(name, *content))
        elif isinstance(content, bytes):
            weights.append(content)
        elif content is not None:
            weights.append(numbers(name, content, scalar=True))
    outputs = [f'o{index}' for index in range(count)]
    operands = ' '.join(names)
    step = node(type_, operands, ' '.join(outputs), **attributes)
    if domain:
        step += field(7, domain)
    net = follow([step], dims or {'x': [1, 1]}, weights)
    return [net.shapes.get(name) for name in outputs]


class OnnxCase(unittest.TestCase):
    """A TestCase with checks of models."""

    def refused(self, nodes, inputs, weights, *parts, argv=(), **keywords):
        """Check that a model is refused, in one line that has a remedy and all parts."""
        result = extract('m.onnx', model(nodes, inputs, weights, **keywords), *argv)
        self.assertEqual((result.status, result.out), (1, ''), result.err)
        self.assertRegex(result.err, r'\Aextract.py: [^\n]+\n\Z')
        self.assertRegex(result.err, REMEDY)
        for part in parts:
            self.assertIn(part, result.err)

    def check_layers(self, step, inputs, weights, *expected, shapes=()):
        """Check the entries that a node makes, and return them.

        expected: (type, macs) of each. shapes: pairs of an output's name and its shape.
        """
        found = layers([step], inputs, weights)
        self.assertEqual([(entry['type'], entry['macs']) for entry in found], list(expected))
        net = follow([step], inputs, weights)
        for name, shape in shapes:
            self.assertEqual(net.shapes[name], shape)
        return found

    def check_macs(self, macs, nodes, inputs=(IMAGE,), weights=(), values=()):
        """Check the MACs of the last layer of a model that has some; return all such entries."""
        found = layers(nodes, inputs, weights, values)
        self.assertEqual(found[-1]['macs'], macs)
        return found

    def check_shapes(self, rows, domain=''):
        """Check shapes of operators; rows: (operator, inputs, attributes, shapes of outputs...).

        inputs: as of `shapes_of`. domain: of the operators.
        """
        for type_, inputs, attributes, *expected in rows:
            with self.subTest(type_, inputs=inputs, **attributes):
                made = shapes_of(type_, inputs, len(expected), domain, **attributes)
                self.assertEqual(made, list(expected))
