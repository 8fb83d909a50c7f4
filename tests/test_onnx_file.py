"""ONNX's files: protobuf's wire format, its limits and kinds of fields (nets/onnx_file.py)."""

import struct
import unittest
from unittest import mock

from extracted_onnx import IMAGE, LARGE_IMAGE, LARGE_KERNEL, conv, entries, follow
from onnx_encoder import field, fields, floats, graph, model, node, tensor, value, varint
from support import extract

from fodlam.nets.onnx_file import Wire, read_graph


class WireFormat(unittest.TestCase):
    """What is no model is refused in one line, with the place in the file.

    Places by hand: a model of onnx_encoder.py starts with its version, 2 bytes, and its producer, 7
    bytes. Its graph is at byte 9, and its first node, behind a key and a length of one byte each, at
    byte 11. The fields of the node start at byte 13.
    """

    RELU = node('Relu', 'x', 'y')  # x: bytes 13 to 15, y: 16 to 18, Relu: 19 to 24

    def check(self, content, place, said):
        """Check the error on a file; place: the byte."""
        result = extract('m.onnx', content)
        expected = f'extract.py: m.onnx, byte {place}: {said}; expected an ONNX model\n'
        self.assertEqual(result, (1, '', expected))

    def test_what_is_no_model(self):
        relu = graph([self.RELU], [IMAGE])
        whole = model([self.RELU], [IMAGE])
        graph_size = len(relu)
        other_size = len(field(8, field(1, '') + field(2, 17)))  # that of the version of operators
        for content, place, said in (
            (b'PK\3\4 a zip file', 2, 'field 0 is not in use'),  # behind field 10, a number
            (b'<!DOCTYPE html>', 0, 'wire type 4 is not in use'),
            (b'{"not": "onnx"}', 0, 'wire type 3 is not in use'),
            (b'\0\0', 0, 'field 0 is not in use'),
            (whole[: -other_size - 1], 9, f'{graph_size} bytes run past the end'),
            (b'\x08' + b'\xff' * 20, 1, 'a number never ends'),
            (b'\x08' + b'\xff' * 9 + b'\1', 0, 'no graph in it'),  # ten bytes are a number
            (b'\x08' + b'\xff' * 10 + b'\1', 1, 'a number never ends'),
            (b'\x08\xff', 1, 'a number runs past the end'),
            (varint(7 << 3 | 2) + varint(2**63), 0, '9223372036854775808 bytes run past the end'),
            (field(1, 8), 0, 'no graph in it'),
            (field(8, b'') + field(7, 5), 2, 'a number stands where a message should'),
            (field(7, b''), 0, 'no nodes in its graph'),
            (field(7, field(1, b'')), 2, 'a node without op_type'),
            (field(7, field(5, fields(1, [1] * 11))), 4, 'a shape of more than 10 dimensions'),
            (field(7, field(5, fields(1, [1] * 10))), 0, 'no nodes in its graph'),
            (field(7, field(1, field(4, b'\xff'))), 6, 'a name is not UTF-8'),
        ):
            with self.subTest(said, content=content[:30]):
                self.check(content, place, said)

    def test_an_empty_file(self):
        result = extract('m.onnx', b'')
        self.assertEqual((result.status, result.out), (1, ''))
        self.assertRegex(result.err, r"\Aextract.py: '[^\n]*m\.onnx': empty; expected [^\n]+\n\Z")

    def test_a_file_that_ends_too_early(self):
        """Wherever it is cut: all of it is there only where a field behind the graph ends."""
        content = model([node('Conv', 'x w', 'y', 'c')], [LARGE_IMAGE], [LARGE_KERNEL])
        end_of_graph = len(content) - len(field(8, field(1, '') + field(2, 17)))
        for end in range(1, len(content)):
            result = extract('m.onnx', content[:end])
            if end == end_of_graph:
                self.assertEqual(result, extract('m.onnx', content))
                continue
            self.assertEqual((result.status, result.out), (1, ''), end)
            said = r'\Aextract.py: m.onnx, byte \d+: [^\n]+; expected an ONNX model\n\Z'
            self.assertRegex(result.err, said)

    def test_limits(self):
        """Each limit made small: what reaches it is read, and what is beyond it is an error."""
        inputs = node('Sum', 'x x x x', 'y')  # at bytes 13, 16, 19 and 22
        outputs = node('Split', 'x', 'a b c')  # at bytes 16, 19 and 22
        attributes = node('Relu', 'x', 'y', a=1, b=1)  # of 10 bytes each, at bytes 25 and 35
        names = node('Relu', 'x', 'y', 'name')
        for limit, size, step, place, said in (
            ('MAX_REPEATED', 4, inputs, None, ''),
            ('MAX_REPEATED', 3, inputs, 22, 'more than 3 inputs'),
            ('MAX_REPEATED', 2, inputs, 19, 'more than 2 inputs'),
            ('MAX_REPEATED', 2, outputs, 22, 'more than 2 outputs'),
            ('MAX_REPEATED', 1, attributes, 35, 'more than 1 attributes'),
            # Its names have 1 byte for x, 1 for y, 4 for its own and 4 for the type, at byte 27.
            # The second node has 9 more, and the input 1.
            ('MAX_NAME_BYTES', 20, names, None, ''),
            ('MAX_NAME_BYTES', 9, names, 27, 'names of more than 9 bytes'),
            # Four fields of the model come first: version, producer, graph, version of operators.
            ('MAX_FIELDS', 4, self.RELU, 11, 'more than 4 fields'),
        ):
            with self.subTest(limit, size=size), mock.patch(f'fodlam.nets.onnx_file.{limit}', size):
                content = model([step, node('MatMul', 'x x', 'z')], [IMAGE])
                if place is None:
                    self.assertEqual(len(read_graph(Wire(content, 'm.onnx')).nodes), 2)
                else:
                    self.check(content, place, said)

    def test_too_many_nodes(self):
        content = model([self.RELU] * 3, [IMAGE])
        third = 11 + 2 * (2 + len(self.RELU))
        with mock.patch('fodlam.nets.onnx_file.MAX_NODES', 2):
            self.check(content, third, 'more than 2 nodes')
        with mock.patch('fodlam.nets.onnx_file.MAX_NODES', 3):
            self.assertIn('is made twice', extract('m.onnx', content).err)

    def test_packed_numbers_are_fields(self):
        """A shape of 200 ones in one field: it is 200 numbers, the first of them at byte 9."""
        packed = field(7, field(5, field(1, b'\1' * 200)))  # keys and lengths: 3, 3 and 3 bytes
        with mock.patch('fodlam.nets.onnx_file.MAX_FIELDS', 100):
            self.check(packed, 9 + 97, 'more than 100 fields')  # three are around the numbers
        with mock.patch('fodlam.nets.onnx_file.MAX_FIELDS', 1000):
            self.check(field(1, 8) * 2000, 2000, 'more than 1000 fields')

    def test_floats_of_other_sizes(self):
        attribute = field(1, 'scales') + varint(7 << 3 | 2) + varint(3) + b'abc'
        content = field(7, field(1, field(4, 'Upsample') + field(5, attribute)))
        # Graph and node: keys and lengths at bytes 0 and 2; the type's 10 bytes, the attribute's key
        # and length, its name's 8 bytes.
        self.check(content, 4 + 10 + 2 + 8, '3 bytes stand where floats of 4 bytes should')


class Fields(unittest.TestCase):
    """Numbers and floats in all the ways that a file may hold them."""

    def test_numbers_of_all_kinds(self):
        """Raw or in fields of their own, of 32 or 64 bits, packed; floats and booleans."""
        for kind, number, content in (
            (7, 9, struct.pack('<2q', -1, 6)),
            (6, 9, struct.pack('<2i', -1, 6)),
            (7, 7, varint(-1) + varint(6)),
            (6, 5, varint(-1) + varint(6)),
        ):
            shape = field(1, 2) + field(2, kind) + field(8, 'a') + field(number, content)
            net = follow([node('Reshape', 'x a', 'y')], {'x': [1, 2, 12]}, [shape])
            self.assertEqual(net.shapes['y'], (4, 6), (kind, number))
        for number in (4, 9):
            content = struct.pack('<3f', 1, 1, 2.5)
            scales = field(1, 3) + field(2, 1) + field(8, 'a') + field(number, content)
            net = follow([node('Upsample', 'x a', 'y')], {'x': [1, 2, 4]}, [scales])
            self.assertEqual(net.shapes['y'], (1, 2, 10))

    def test_fields_that_are_skipped(self):
        """Floats, of 32 bits and of 64, as of an attribute: they are not read."""
        alpha = field(1, 'alpha') + varint(2 << 3 | 5) + b'abcd' + varint(30 << 3 | 1) + b'abcdefgh'
        step = node('Relu', 'x', 'y', axis=3) + field(5, alpha)
        net = follow([step, node('Flatten', 'y', 'z')], {'x': [1, 2, 3]})
        self.assertEqual(net.shapes['z'], (1, 6))

    def test_packed_floats(self):
        packed = struct.pack('<4f', 1, 1, 2, 2)
        attribute = field(1, 'scales') + field(7, packed) + field(20, 6)
        step = node('Upsample', 'x', 'y') + field(5, attribute)
        self.assertEqual(follow([step]).shapes['y'], (1, 3, 16, 16))

    def test_long_lists_of_floats_are_cut(self):
        """As of the trees of ai.onnx.ml, which nothing reads."""
        attribute = field(1, 'values') + floats(7, [0.5] * 5) + field(20, 6)
        with mock.patch('fodlam.nets.onnx_file.MAX_REPEATED', 4):
            net = follow([node('Odd', 'x', 'y') + field(5, attribute)])
        self.assertEqual(net.graph.nodes[0].attributes, {'values': [0.5] * 4})

    def test_where_shapes_come_from(self):
        """Initializers of every kind, initializers that are inputs, and value_info alone."""
        expected = conv()
        nodes, dims = [node('Conv', 'x w', 'y', 'c')], [8, 3, 3, 3]
        for initializers, inputs, values, sparse in (
            ([tensor('w', dims, packed=True)], [], [], []),
            ([tensor('w', dims, external=True)], [], [], []),
            ([LARGE_KERNEL], [value('w', dims)], [], []),
            ([LARGE_KERNEL], [value('w')], [], []),
            ([], [value('w', dims)], [], []),
            ([], [], [], [field(1, tensor('w', [5])) + fields(3, dims)]),
        ):
            net = entries(nodes, [LARGE_IMAGE, *inputs], initializers, values, sparse=sparse)
            self.assertEqual(net['c'], expected)


if __name__ == '__main__':
    unittest.main()
