"""Configs and net files: what is accepted, and the one line that each mistake gets."""

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
            (b'', 'config: empty'),
            (b' \n', 'config: empty'),
            (b'VGG16', 'config: not JSON at line 1, column 1'),
            (b'{"net": "VGG16"', 'config: not JSON at line 1, column 16'),
            (b'{"net": "VGG16"} {}', 'config: not JSON at line 1, column 18'),
            (b'{"net": "VGG\xff16"}', 'config: not UTF-8 at byte 12'),
            ('{"net": "VGG16"}'.encode('utf-16'), 'config: not UTF-8'),
            (b'[' * 100_000, 'config: nested too deep'),
            (b'{"net":' * 100_000, 'config: nested too deep'),
            (b'{"net": ' + b'1' * 10_000 + b'}', 'config: an integer has thousands of digits'),
            (b'{"net": NaN}', 'config: NaN is not JSON'),
            (b'{"layers": [-Infinity]}', 'config: -Infinity is not JSON'),
            (b'{"net": "VGG16", "net": "VGG16"}', "config: duplicate key 'net'"),
            (b' ' * (fodlam.MAX_INPUT_BYTES + 1), 'config: too large', '16777216 bytes'),
        ):
            with self.subTest(text[:40]):
                self.assert_mistake(text, *parts)

    def test_bad_members(self):
        for config, *parts in (
            ([], 'config: expected an object such as {"net": "VGG16"', 'not []'),
            (None, 'not None'),
            ('VGG16', "not 'VGG16'"),
            ({}, 'either "net" or "netfile", but got neither', 'AlexNet, VGG16'),
            ({'net': 'VGG16', 'netfile': 'x.json'}, '"netfile", but got both'),
            ({'nett': 'VGG16'}, "config: unknown key 'nett'; choose from net, netfile, layers"),
            ({'net': 5}, 'config "net": expected a string, not 5'),
            ({'netfile': ['x']}, 'config "netfile": expected a string, not [\'x\']'),
            ({'net': 'VGG19'}, "unknown network 'VGG19'; choose from AlexNet, VGG16"),
            ({'net': 'a\nb\u2028' * 1000}, 'unknown network', '...'),
            ({'net': 'VGG16', 'layers': 'FC6'}, '"layers": expected a list of layer names, not'),
            ({'net': 'VGG16', 'layers': {'FC6': 1}}, '"layers": expected a list of layer names'),
            ({'net': 'VGG16', 'layers': ['FC6', 7]}, '"layers"[1]: expected the name', 'not 7'),
            ({'net': 'VGG16', 'layers': ['FC6', True]}, '"layers"[1]', 'not True'),
            ({'net': 'VGG16', 'layers': [['FC6']]}, '"layers"[0]', "not ['FC6']"),
            ({'net': 'VGG16', 'layers': ['CONV9']}, "unknown layer 'CONV9'", VGG16_LAYERS),
            ({'net': 'VGG16', 'layers': ['\ud800']}, r"unknown layer '\ud800'", VGG16_LAYERS),
            (
                {'netfile': 'alexnet_deploy.json', 'layers': ['relu1']},
                "is of type 'ReLU'",
                'conv1, conv2',
            ),
            ({'netfile': 'alexnet_deploy.json', 'layers': ['relu99']}, "unknown layer 'relu99'"),
        ):
            with self.subTest(config=str(config)[:60]):
                self.assert_mistake(config, *parts)

    def test_net_file_that_cannot_be_read(self):
        with tempfile.TemporaryDirectory() as folder:
            for netfile, *parts in (
                (
                    'none.json',
                    'not in nets/; choose from VGG_CNN_M_deploy.json',
                    'alexnet_deploy.json',
                ),
                ('./none.json', 'cannot be read (No such file or directory)'),
                (folder + os.sep, 'cannot be read (Is a directory)'),
                ('', 'cannot be read (Is a directory)'),
                ('/a\0b', 'no file can have this name'),
                ('/\ud800', 'no file can have this name'),
            ):
                with self.subTest(netfile):
                    self.assert_mistake({'netfile': netfile}, 'net file ', *parts)


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

    def test_mistakes(self):
        conv = {'name': 'conv1', 'type': 'Convolution', 'macs': 10}
        for text, *parts in (
            (b'', 'net file', 'empty'),
            (b'[{', 'not JSON at line 1'),
            (b'\xff', 'not UTF-8'),
            (b'[' * 100_000, 'nested too deep'),
            ({}, 'expected a list of layers, not {}'),
            (['conv1'], '[0]: expected an object', "not 'conv1'"),
            ([conv, {'type': 'ReLU'}], '[1]: "name" is missing; expected a string'),
            ([conv, {'name': 'relu1'}], '[1]: "type" is missing; expected a string'),
            ([{**conv, 'type': []}], '[0]: "type" is []; expected a string'),
            (
                [{**conv, 'type': 'ReLU'}],
                "type 'ReLU' cannot have",
                'Convolution, Deconvolution, Inn',
            ),
            ([{**conv, 'macs': -1e-9}], '"macs" is -1e-09'),
            ([{**conv, 'macs': -1}], "[0] ('conv1')", '"macs" is -1'),
            ([{**conv, 'macs': '10'}], '"macs" is \'10\''),
            ([{**conv, 'macs': True}], '"macs" is True'),
            ([{**conv, 'macs': None}], '"macs" is None'),
            ([{'name': 'conv1', 'type': 'Convolution'}], '"macs" is missing'),
            ([{**conv, 'macs': 10**400}], '"macs" is 1000'),
            (
                [{**conv, 'macs': 1e308}],
                '"macs" is 1e+308; expected a finite number, from 0 to 1e+30',
            ),
            (b'[{"name": "a", "type": "Convolution", "macs": 1e999}]', '"macs" is inf'),
            (b'[{"name": "a", "type": "Convolution", "macs": NaN}]', 'NaN is not JSON'),
            (b'[{"name": "a", "name": "a", "type": "ReLU"}]', "duplicate key 'name'"),
            ([conv, {**conv, 'name': 'CONV1'}], "[1]: 'CONV1' is named like 'conv1'"),
            ([{**conv, 'name': 'a-b'}, {**conv, 'name': 'a_b'}], "'a_b' is named like 'a-b'"),
        ):
            with self.subTest(text=str(text)[:70]):
                result = self.estimate(text)
                self.assertEqual((result.status, result.out), (1, ''))
                self.assertRegex(result.err, r"\Afodlam: net file '[^\n]+: [^\n]+\n\Z")
                for part in parts:
                    self.assertIn(part, result.err)

    def test_long_types_and_no_choices(self):
        net = [{'name': 'a', 'type': 'x' * 100_000}]
        for layer, said in (('a', 'xxx...xxx'), ('b', 'there is none to choose from')):
            result = self.estimate(net, layers=[layer])
            self.assertIn(said, result.err)
            self.assertLess(len(result.err), 1000)

    def test_many_keys_take_no_longer_if_one_is_twice(self):
        members = ', '.join(f'"{index}": 0' for index in [*range(300_000), 299_999])
        self.assertIn("duplicate key '299999'", self.estimate(f'{{{members}}}'.encode()).err)

    def test_many_choices_are_cut(self):
        net = [{'name': f'conv{i}', 'type': 'Convolution', 'macs': 1} for i in range(5000)]
        result = self.estimate(net, layers=['fc1'])
        self.assertIn('... (5000 in all)', result.err)
        self.assertLess(len(result.err), 2000)

    def test_kind_is_that_of_the_type(self):
        net = [
            {'name': 'up', 'type': 'Deconvolution', 'macs': 1000},
            {'name': 'conv-named-fc', 'type': 'InnerProduct', 'macs': 10.5, 'comment': 'kept out'},
            {'name': 'relu', 'type': 'ReLU'},
        ]
        report = json.loads(self.estimate(net).out)
        average = fodlam.diagnose()['average']['energy']
        self.assertEqual(report['conv']['energy'], average['conv'] * 1000)
        self.assertEqual(report['fc']['energy'], average['fc'] * 10.5)

    def test_no_macs_cost_nothing(self):
        report = json.loads(self.estimate([{'name': 'a', 'type': 'Convolution', 'macs': 0}]).out)
        self.assertEqual(report['total'], {'energy': 0.0, 'latency': 0.0})

    def test_byte_order_mark(self):
        self.assertEqual(self.estimate(b'\xef\xbb\xbf[]').status, 0)

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
