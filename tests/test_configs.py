"""Configs: what is accepted, and the one line that each mistake gets."""

import enum
import json
import os
import tempfile
import unittest

from support import fodlam, run


class Mistakes(unittest.TestCase):
    """Each mistake is one line on stderr, nothing on stdout, and exit status 1."""

    def assert_mistake(self, config, *parts):
        text = config if isinstance(config, bytes) else json.dumps(config).encode()
        result = run(stdin=text)
        self.assertEqual((result.status, result.out), (1, ''), config)
        self.assertRegex(result.err, r'\Afodlam: [^\n]+: [^\n]+\n\Z')
        self.assertLess(len(result.err), 2000)
        for part in parts:
            self.assertIn(part, result.err)

    def test_not_json(self):
        for text, *parts in (
            (b' \n', 'config: empty; '),
            (b'{\n"net": "VGG16",\n}', 'config: not JSON at line 2, column 15: a comma before'),
            (b'[' * 100_000, 'config: nested too deep'),
            (b'{"net":' * 100_000, 'config: nested too deep'),
            (b'{"net": ' + b'1' * 10_000 + b'}', 'config: ', 'digits'),
            (b' ' * (fodlam.MAX_INPUT_BYTES + 1), 'config: too large', '16777216 bytes'),
        ):
            with self.subTest(text[:40]):
                self.assert_mistake(text, *parts)

    def test_a_net_file_that_is_no_name(self):
        expected = 'expected a file in nets/, a path, or a list of entries'
        for value in (5, 1.5, None, True, {}):
            result = run(stdin=json.dumps({'netfile': value}).encode())
            said = f'fodlam: config: "netfile" is {value}; {expected}\n'
            self.assertEqual(result, (1, '', said))

    def test_long_names_are_cut(self):
        self.assert_mistake(
            {'net': 'a\nb\u2028' * 1000}, 'choose from AlexNet, VGG16', 'lenet.json', '...'
        )

    def test_layers_are_named_by_strings(self):
        """A string is one, whatever it prints as; a number is none, also if a layer is called so."""

        class Layer(str, enum.Enum):
            FC6 = 'FC6'

        named, plain = ({'net': 'VGG16', 'layers': [name]} for name in (Layer.FC6, 'FC6'))
        self.assertEqual(fodlam.estimate(named), fodlam.estimate(plain))
        net = [{'name': name, 'type': 'InnerProduct', 'macs': 9} for name in ('6', 'None', 'True')]
        for name in (6, None, True, [], {}):
            self.assert_mistake(
                {'netfile': net, 'layers': [name]}, f'"layers"[0]: unknown layer {name}'
            )

    def test_net_file_that_cannot_be_read(self):
        with tempfile.TemporaryDirectory() as folder:
            for netfile in ('./none.json', folder + os.sep, '', '/a\0b', '/\ud800', '/dev/null'):
                with self.subTest(netfile):
                    self.assert_mistake(
                        {'netfile': netfile}, 'no file', 'choose from', 'lenet.json'
                    )


if __name__ == '__main__':
    unittest.main()
