"""Net files of the user's own, as paths or as lists of entries."""

import json
import os
import pathlib
import tempfile
import unittest
from unittest import mock

from support import fodlam, path, run


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
        members = ', '.join(f'"{index}": 0' for index in [*range(60_000), 59_999])
        self.assertIn("duplicate key '59999'", self.estimate(f'{{{members}}}'.encode()).err)

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


class Entries(unittest.TestCase):
    def test_a_path_or_entries_as_net_file(self):
        expected = fodlam.estimate({'netfile': 'lenet.json'})
        with open(path('nets', 'lenet.json'), encoding='utf-8') as file:
            entries = json.load(file)
        for netfile in (pathlib.Path(path('nets', 'lenet.json')), entries):
            self.assertEqual(fodlam.estimate({'netfile': netfile}), expected)
        piped = json.dumps({'netfile': entries, 'accelerator': 'nvdla-64'}).encode()
        result = json.loads(run(stdin=piped).out)
        config = {'netfile': 'lenet.json', 'accelerator': 'nvdla-64'}
        self.assertEqual(result, fodlam.estimate(config))
        for form in ('csv', 'table', 'svg'):
            self.assertEqual(run('--format', form, stdin=piped).status, 0)

    def test_entries_are_as_long_as_the_config_that_has_them(self):
        """Not as JSON in ASCII would be, with blanks."""
        entry = {'name': 'é' * 2500, 'type': 'InnerProduct', 'macs': 1}
        config = json.dumps({'netfile': [entry]}, ensure_ascii=False, separators=(',', ':'))
        with (
            mock.patch('fodlam.MAX_INPUT_BYTES', 6000),
            mock.patch('fodlam.data.sweeps.MAX_INPUT_BYTES', 6000),
        ):
            for flags in ([], ['--lines']):
                self.assertEqual(run(*flags, stdin=config.encode()).status, 0)

    def test_entries_that_json_cannot_hold(self):
        entry = {'name': 'a', 'type': 'Convolution', 'macs': {1}}
        with self.assertRaisesRegex(fodlam.InputError, r'"netfile": a set, \{1\}; expected a list'):
            fodlam.estimate({'netfile': [entry]})
        entries = []
        entries.append(entries)
        self.assertRaises(fodlam.InputError, fodlam.estimate, {'netfile': entries})


if __name__ == '__main__':
    unittest.main()
