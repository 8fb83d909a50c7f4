"""Caffe's text format: what nets/prototxt.py reads, and what it refuses."""

import unittest
import warnings
from unittest import mock

from definitions import DATA, convolution, layer
from extracted_caffe import CaffeCase, entries
from support import extract


class Format(unittest.TestCase):
    """Ways to write the same definition."""

    def test_ways_to_write_it(self):
        expected = entries(DATA + layer('c', 'Convolution', convolution(8, 3), 'data'))
        for text in (
            """input: 'data'  # the image
            input_dim: 2 input_dim: 3, input_dim: 32; input_dim: 24
            layer < name: "c" type: 'Convolution' bottom: "da" 'ta' top: "c"
              convolution_param: { num_output: 8 kernel_size: [3] pad: [] } >""",
            """input: "data" input_shape: {dim: [2, 3, 32, 24]}
            layers { name: "c" type: CONVOLUTION bottom: "\\144ata" top: "c" convolution_param {
              num_output: 8 kernel_h: 3 kernel_w: 3 stride_h: 1 stride_w: 1 } }""",
        ):
            with self.subTest(text):
                found = entries(text)
                found['c'].pop('from', None)  # layers of the old kind come behind the added one
                self.assertEqual(found, expected)
        self.assertEqual(expected['c']['ifmap'], [3, 32, 24])
        self.assertEqual(expected['c']['ofmap'], [8, 30, 22])
        self.assertEqual(expected['c']['macs'], 8 * 30 * 22 * 3 * 9)

    def test_lists_of_messages_and_escapes(self):
        conv = layer('c', 'Convolution', convolution(8, 0x10), 'data')
        expected = entries(DATA + conv)
        for old, new in (
            ('layer {', 'layer: [{'),
            ('16', '0x10'),
            ('16', '020'),
            ('"c"', '"\\x63"'),
            ('"c"', '"\\143"'),
        ):
            text = conv.replace(old, new) + (']' if '[' in new else '')
            self.assertEqual(entries(DATA + text), expected)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter('always')
            self.assertEqual(extract('n.prototxt', 'name: "\\q\\400"').status, 1)
        self.assertEqual(caught, [])
        names = list(entries(DATA + layer('\\"\\\\\\t', 'ReLU', '', 'data')))
        self.assertEqual(names, ['input', '"\\\t'])

    def test_unicode_escapes(self):
        """Bytes of UTF-8, units of UTF-16 (two for the smile) and numbers name one blob."""
        for name, same in (
            ('\u5377', '\\u5377'),
            ('\u5377', '\\345\\215\\267'),
            ('\u5377', '\\xe5\\x8d\\xb7'),
            ('\u5377', '\\U00005377'),
            ('\U0001f600', '\\ud83d\\ude00'),
            ('\U0001f600', '\\U0001F600'),
            ('\ufffd', '\\ud83d'),  # half of a pair is no character
            ('\\\\xff', '\\377'),  # nor is this byte alone
        ):
            text = DATA + layer('c', 'Convolution', convolution(8, 3), 'data', name)
            text += layer('\\u5377', 'ReLU', '', same)
            self.assertEqual(list(entries(text)), ['input', 'c', '\u5377'], same)

    def test_bytes_that_are_not_utf8(self):
        """In comments they may be of any encoding, here GBK; elsewhere they are an error."""
        good = DATA + layer('c', 'Convolution', convolution(8, 3), 'data')
        gbk = '# \u4e2d\u6587 "\n'.encode('gbk')
        with_comments = gbk + good.replace(' }', ' } # end', 1).encode() + gbk + gbk[:-1]
        self.assertEqual(extract('n.prototxt', with_comments), extract('n.prototxt', good))
        for text, line in (
            (good.encode() + b'name: "\xd6\xd0"', 3),
            (b'name: "#\xd6"' + good.encode(), 1),
            (b'\n\xd6' + good.encode(), 2),
            (good.encode('utf-16'), 1),
        ):
            result = extract('n.prototxt', text)
            said = f'extract.py: n.prototxt, line {line}: not UTF-8; save it as UTF-8, or leave '
            self.assertEqual((result.status, result.err), (1, said + 'it to comments\n'))


class Mistakes(CaffeCase):
    """What is no text of this format, and values of another type; the line is said."""

    CONV = layer('c', 'Convolution', convolution(8, 3), 'data')

    def test_marks_and_words(self):
        conv = self.CONV
        for text, *parts in (
            (DATA + conv[:-3], 'line 2: the brace is never closed; expected a whole file'),
            ('a {\n b {\n', 'line 2: the brace is never closed'),
            (DATA + conv + '}', "line 3: unexpected '}'"),
            (DATA + conv.replace('}', '>', 1), "line 2: unexpected '>'"),
            (DATA + conv + 'layer', 'line 3: unexpected end of file; expected a field'),
            (DATA + 'layer { name: }', "line 2: unexpected '}'"),
            (DATA + 'layer { name: "a }', 'line 2: unexpected \'"a }'),
            (DATA + 'layer { "a" }', 'line 2: unexpected \'"a"\'; expected a field'),
            (DATA + 'layer { name: "\\x" type: "y" }', 'line 2: unexpected', 'escape'),
            (DATA + '\0', 'line 2: unexpected'),
            (b'\xff', 'line 1: not UTF-8'),
            ('a: "' + 'x' * 100_000, 'line 1: unexpected', 'expected a string that ends'),
            ('a: "' + '\\n' * 50_000 + '"', 'line 1: unexpected', 'expected a string'),
        ):
            with self.subTest(text[-80:]):
                self.refused(text, *parts)

    def test_values(self):
        conv = self.CONV
        for text, *parts in (
            ('', 'n.prototxt: no "layer" in it'),
            ('name: "x"', 'n.prototxt: no "layer" in it'),
            ('name: ' + '"a" ' * 10_000, 'n.prototxt: no "layer" in it'),
            (DATA + 'layer: 5', 'n.prototxt: "layer" is \'5\'; expected {...}'),
            (DATA + 'layer { type: "ReLU" }', 'line 2: needs "name" and "type"'),
            (DATA + 'layer { name { } type: "ReLU" }', 'line 2: "name" is a message; expected a'),
            (DATA + conv.replace('}', 'exclude: 5 }'), '"exclude" is \'5\'; expected {...}'),
            (DATA + conv.replace('convolution_param', 'convolution_param: 1 x'), "is '1'"),
            (DATA + conv.replace('8', '8.5'), '"num_output" is \'8.5\'; expected an integer'),
            (DATA + conv.replace('8', '9' * 5000), '"num_output" is \'999'),
            (DATA + conv.replace('8', '9' * 19), '"num_output" is 9999999999999999999; expected 1'),
            (DATA + conv.replace('8', '4294967297'), 'or more, and at most 4294967296'),
            (DATA + conv.replace('8', '0'), '"num_output" is 0; expected 1 or more'),
            (DATA + conv.replace('8', '-8'), '"num_output" is -8; expected 1 or more'),
            (
                DATA + conv.replace('size: 3', 'size: 09'),
                '"kernel_size" is \'09\'; expected an int',
            ),
            (
                DATA + layer('p', 'Pooling', 'pooling_param { global_pooling: 2 }', 'data'),
                '"global_pooling" is \'2\'; expected true or false',
            ),
        ):
            with self.subTest(text[-80:]):
                self.refused(text, *parts)

    def test_limits(self):
        """What is as large as a limit is read, and what is larger is an error in one line."""
        empty = 'no "layer" in it; expected'
        self.refused('a {' * 101, 'line 1: more than 100 braces inside each other; expected')
        self.refused('a {' * 100 + '}' * 100, empty)
        with mock.patch('fodlam.nets.prototxt.MAX_TOKENS', 10):
            self.refused('a { }\n' * 3 + 'b', 'line 4: unexpected end of file')
            self.refused('a { }\n' * 3 + 'b { }', 'line 4: more than 10 words and marks; expected')
            self.refused(';' * 11, 'line 1: more than 10 words and marks')
        size = len(DATA + self.CONV)
        with mock.patch('fodlam.nets.caffe.MAX_PROTOTXT_BYTES', size):
            self.assertEqual(extract('n.prototxt', DATA + self.CONV).status, 0)
            self.refused(DATA + self.CONV + ' ', 'too large; expected', f'of at most {size} bytes')


if __name__ == '__main__':
    unittest.main()
