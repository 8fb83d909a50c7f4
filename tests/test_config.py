"""Configs and net files: what is accepted, and the one line that each mistake gets."""

import enum
import json
import os
import tempfile
import unittest
from unittest import mock

from support import fodlam, path, run

VGG16_LAYERS = 'CONV1-1, CONV1-2, CONV2-1,'


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


class NetFiles(unittest.TestCase):
    """Net files of the user's own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = path(folder.name, 'net.json')

    def estimate(self, text, **config):
        if not isinstance(text, bytes):
            text = json.dumps(text).encode()
        with open(self.path, 'wb') as file:
            file.write(text)
        return run(stdin=json.dumps({'netfile': self.path, **config}).encode())

    def test_not_text(self):
        for text, said in ((b'\xff', 'not UTF-8'), (b'[' * 100_000, 'nested too deep')):
            result = self.estimate(text)
            self.assertEqual((result.status, result.out), (1, ''))
            self.assertIn(said, result.err)

    def test_long_types(self):
        net = [
            {'name': 'a', 'type': 'x' * 100_000},
            {'name': 'c', 'type': 'Convolution', 'macs': 1},
        ]
        for layer, said in (('a', 'xxx...xxx'), ('b', 'choose from c')):
            result = self.estimate(net, layers=[layer])
            self.assertIn(said, result.err)
            self.assertLess(len(result.err), 1000)

    def test_many_keys_take_no_longer_if_one_is_twice(self):
        members = ', '.join(f'"{index}": 0' for index in [*range(300_000), 299_999])
        self.assertIn("duplicate key '299999'", self.estimate(f'{{{members}}}'.encode()).err)

    def test_many_choices_are_cut(self):
        net = [{'name': f'conv{i}', 'type': 'Convolution', 'macs': 1} for i in range(5000)]
        result = self.estimate(net, layers=['fc1'])
        self.assertIn('... and others', result.err)
        self.assertLess(len(result.err), 2000)

    def test_kind_is_that_of_the_type(self):
        net = [
            {'name': 'up', 'type': 'Deconvolution', 'macs': 1000},
            {'name': 'conv-named-fc', 'type': 'InnerProduct', 'macs': 10},
            {'name': 'relu', 'type': 'ReLU'},
        ]
        report = json.loads(self.estimate(net).out)
        average = fodlam.diagnose()['average']['energy']
        self.assertEqual(report['conv']['energy'], average['conv'] * 1000)
        self.assertEqual(report['fc']['energy'], average['fc'] * 10)

    def test_no_macs_cost_nothing(self):
        report = json.loads(self.estimate([{'name': 'a', 'type': 'Convolution', 'macs': 0}]).out)
        self.assertEqual(report['total'], {'energy': 0.0, 'latency': 0.0})

    def test_byte_order_mark(self):
        self.assertEqual(
            self.estimate(b'\xef\xbb\xbf[{"name": "a", "type": "Convolution", "macs": 1}]').status,
            0,
        )

    def test_bare_name_is_in_nets_and_a_path_is_the_users(self):
        with mock.patch('fodlam.NETS_DIR', os.path.dirname(self.path)):
            self.estimate([])
            self.assertEqual(fodlam.read_net('net.json'), {})
        self.assertRaises(fodlam.InputError, fodlam.read_net, 'net.json')
        here = os.getcwd()
        self.addCleanup(os.chdir, here)
        os.chdir(os.path.dirname(self.path))
        self.assertEqual(fodlam.read_net('./net.json'), {})
        self.assertEqual(len(fodlam.read_net('alexnet_deploy.json')), 24)


if __name__ == '__main__':
    unittest.main()
