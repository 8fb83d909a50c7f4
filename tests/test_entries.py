"""Entries of net files as people write them: other names of types, and MACs that are worked out."""

import json
import os
import unittest
from unittest import mock

from support import fodlam, path, read

from fodlam.data.entries import TYPE_NAMES, complete_entry
from fodlam.data.shape import fits, parse_shape, read_shape

ZOO = sorted(name for name in os.listdir(path('nets')) if name.endswith('.json'))


def macs(type_, ifmap, ofmap, **members):
    """Return the MACs that are worked out for an entry."""
    entry = {'name': 'a', 'type': type_, 'ifmap': ifmap, 'ofmap': ofmap, **members}
    return complete_entry(entry, {})['macs']


class WorkedOutMacs(unittest.TestCase):
    def test_all_net_files_have_the_macs_of_their_shapes(self):
        counted = 0
        for name in ZOO:
            entries = json.loads(read('nets', name))
            bare = [{key: entry[key] for key in entry if key != 'macs'} for entry in entries]
            self.assertEqual(
                list(fodlam.read_net(json.dumps(bare).encode()).values()),
                list(fodlam.read_net(name).values()),
                name,
            )
            counted += sum('macs' in entry for entry in entries)
        self.assertGreater(counted, 150)

    def test_by_hand(self):
        for expected, *arguments, members in (
            # AlexNet's conv1 and conv2, the latter in two groups
            (55 * 55 * 96 * 3 * 11 * 11, 'Convolution', [3, 227, 227], [96, 55, 55], {'kernel': [11, 11]}),
            (27 * 27 * 256 * 48 * 5 * 5, 'Conv', [96, 27, 27], [256, 27, 27], {'kernel': [5, 5], 'groups': 2}),
            # a 1 x 1 kernel; a depthwise layer; one that is padded by more than its kernel
            (56 * 56 * 64 * 256, 'Conv2d', [64, 56, 56], [256, 56, 56], {}),
            (112 * 112 * 32 * 3 * 3, 'Conv2d', [32, 112, 112], [32, 112, 112], {'kernel': [3, 3], 'groups': 32}),
            (15 * 15 * 512 * 1000, 'conv', [512, 13, 13], [1000, 15, 15], {}),
            # each pixel of the ifmap counts
            (8 * 8 * 64 * 32 * 2 * 2, 'ConvTranspose2d', [64, 8, 8], [32, 16, 16], {'kernel': [2, 2]}),
            (4096 * 1000, 'Linear', [4096, 1, 1], [1000, 1, 1], {}),
            (768 * 3072 * 197, 'Gemm', [768, 197, 1], [3072, 197, 1], {}),  # 197 positions
            (512 * 7 * 7 * 4096, 'Dense', [512, 7, 7], [4096, 1, 1], {}),  # flattened
            (12 * 197 * 64 * 197, 'MatMul', [768, 197, 1], [2364, 197, 1], {'groups': 12}),
        ):  # fmt: skip
            with self.subTest(arguments):
                self.assertEqual(macs(*arguments, **members), expected)

    def test_costs_are_those_of_the_whole_entries(self):
        whole = json.loads(read('nets', 'resnet50.json'))
        bare = []
        for entry in whole:
            if 'macs' in entry:
                left_out = ['macs', 'stride'] + ['kernel'] * (entry['kernel'] == [1, 1])
                entry = {key: entry[key] for key in entry if key not in left_out}
            bare.append(entry)
        for options in ({}, {'scaling': 'shape'}, {'accelerator': 'nvdla-2048'}):
            expected = fodlam.estimate({'netfile': whole, **options}, per_layer=True, range=True)
            found = fodlam.estimate({'netfile': bare, **options}, per_layer=True, range=True)
            self.assertEqual(found, expected, options)

    def test_strides_of_all_net_files(self):
        """The smallest stride that fits is the one that the definition has."""
        for name in ZOO:
            for entry in fodlam.read_net(name).values():
                if 'stride' in entry:
                    bare = {key: entry[key] for key in entry if key != 'stride'}
                    self.assertEqual(parse_shape(bare), parse_shape(entry), (name, entry))

    def test_flattened_layers_on_accelerators(self):
        """That an fc layer reads a feature map of 512 x 7 x 7 makes no difference."""
        reports = []
        for members in (
            {'ifmap': [512, 7, 7], 'ofmap': [4096, 1, 1]},
            {'ifmap': [25088, 1, 1], 'ofmap': [4096, 1, 1], 'macs': 102760448},
        ):
            netfile = [{'name': 'fc6', 'type': 'InnerProduct', **members}]
            config = {'netfile': netfile, 'accelerator': 'nvdla-2048'}
            reports.append(fodlam.estimate(config, per_layer=True))
        self.assertEqual(*reports)


class Types(unittest.TestCase):
    def test_names_of_other_tools(self):
        known = {
            'Convolution': 'Convolution CONVOLUTION Conv conv Conv1d Conv2d Conv2D',
            'Deconvolution': 'deconvolution ConvTranspose ConvTranspose2d Conv2DTranspose',
            'InnerProduct': 'innerproduct FullyConnected Gemm Linear linear Dense',
            'MatMul': 'MatMul matmul',
        }
        for type_, names in known.items():
            expected = {'name': 'a', 'type': type_, 'macs': 10}
            for name in names.split():
                entry = {'name': 'a', 'type': name, 'macs': 10}
                found = fodlam.read_net(json.dumps([entry]).encode())
                self.assertEqual(found, {'a': expected}, name)

    def test_layers_without_macs_may_have_shapes(self):
        pool = {'name': 'pool1', 'type': 'MaxPool2d', 'ifmap': [64, 8, 8], 'ofmap': [64, 4, 4]}
        pool |= {'kernel': [2, 2], 'stride': [2, 2]}
        relu = {'name': 'relu1', 'type': 'ReLU', 'macs': None}
        uncounted = {'name': 'a', 'type': 'Convolution, not counted', 'kernel': [1, 1]}
        swapped = {'name': 'b', 'type': 'Transpose', 'ifmap': [64, 8, 1], 'ofmap': [8, 64, 1]}
        converted = {'name': 'c', 'type': 'Convert', 'ifmap': [64, 8, 1]}
        bare = {'name': 'd', 'type': 'DeformConv'}  # as nets/extract.py writes a layer it left out
        netfile = [pool, relu, uncounted, swapped, converted, bare]
        found = fodlam.read_net(json.dumps(netfile).encode())
        self.assertEqual(list(found.values()), netfile)

    def test_slips_are_looked_for_in_a_real_number_of_layers(self):
        """Each takes some 50 us, and a file of 16 MB has room for 400,000."""
        net = [{'name': 'a', 'type': 'InnerProduct', 'macs': 5}]
        net += [{'name': f'b{i}', 'type': 'Convex'} for i in range(9)]
        slips = [{'name': 'c', 'type': 'Convolutoin'}, {'name': 'd', 'type': 'Lineer', 'groups': 1}]
        with mock.patch('fodlam.data.entries.MAX_COMPARED', 10):
            found = fodlam.read_net(json.dumps(net + slips).encode())
            self.assertEqual(list(found.values()), net + slips)
            for slip in slips:
                with self.assertRaisesRegex(fodlam.InputError, f"unknown type '{slip['type']}'"):
                    fodlam.read_net(json.dumps([*net[:9], slip]).encode())

    def test_types_with_macs_begin_as_is_plain_entry_expects(self):
        for name in TYPE_NAMES:
            self.assertTrue(name.startswith(fodlam.TYPE_STARTS), name)
            self.assertFalse(fodlam.is_plain_entry({'name': 'a', 'type': name}), name)

    def test_no_real_type_is_taken_for_a_slip(self):
        """Types of Caffe, PyTorch and ONNX that begin or end as those with MACs."""
        for type_ in (
            'Concat Convert ConvInteger DeformConv CausalConvWithState ConstantOfShape Constant '
            'ContrastiveLoss Deconcat DequantizeLinear QuantizeLinear DynamicQuantizeLinear Flatten '
            'LinearClassifier LinearRegressor MatMulInteger QLinearMatMul InnerNorm FullPad Resolution'
        ).split():
            net = [{'name': 'a', 'type': 'InnerProduct', 'macs': 5}, {'name': 'b', 'type': type_}]
            self.assertEqual(list(fodlam.read_net(json.dumps(net).encode()).values()), net)

    def test_uncounted_layers_of_definitions_are_told_apart(self):
        """An ONNX Gemm of constants has no MACs, and is no fc layer in a net file."""
        from fodlam.nets.network import Node, net_file

        types = 'Gemm', 'Conv', 'ConvTranspo{e', 'Relu'
        nodes = [Node(type_, type_, 'pass', [], [], {}) for type_ in types]
        entries = net_file(nodes, sums={}, results=set())
        self.assertEqual(
            [entry['type'] for entry in entries],
            ['Gemm, not counted', 'Conv, not counted', 'ConvTranspo{e, not counted', 'Relu'],
        )
        self.assertEqual(len(fodlam.read_net(json.dumps(entries).encode())), 4)

    def test_whole_numbers_may_be_floats(self):
        entry = {'name': 'a', 'type': 'Convolution', 'macs': 1e9}
        self.assertTrue(fodlam.is_plain_entry(entry))
        self.assertFalse(fodlam.is_plain_entry({**entry, 'macs': 1e-400}))


class Likely(unittest.TestCase):
    def test_sizes(self):
        """Whether a layer may make its ofmap of its ifmap, or sizes are mixed up."""
        for type_, before, after, members, is_likely in (
            ('Convolution', [9, 9], [3, 3], {'stride': [3, 3]}, True),
            ('Convolution', [9, 9], [3, 3], {}, False),  # pixels that no kernel touches
            ('Convolution', [9, 9], [5, 5], {}, True),  # but for a stride of 2
            ('Convolution', [9, 9], [11, 11], {'kernel': [3, 3]}, True),  # padded by 2 at each end
            ('Convolution', [9, 9], [12, 12], {'kernel': [3, 3]}, False),
            ('Convolution', [9, 9], [5, 5], {'kernel': [3, 3], 'stride': [1, 1]}, False),
            (
                'Convolution',
                [9, 9],
                [5, 5],
                {'kernel': [3, 3], 'stride': [1, 1], 'dilation': [2, 2]},
                True,
            ),
            ('InnerProduct', [4, 1], [4, 1], {}, True),
            ('InnerProduct', [4, 1], [2, 1], {}, False),  # a position each
            ('Deconvolution', [3, 3], [9, 9], {'stride': [3, 3], 'kernel': [3, 3]}, True),
        ):
            entry = {
                'name': 'a', 'type': type_, 'ifmap': [8, *before], 'ofmap': [8, *after],
                'kernel': [1, 1], 'macs': 1, **members,
            }  # fmt: skip
            self.assertEqual(fits(entry, read_shape(entry)), is_likely, entry)


if __name__ == '__main__':
    unittest.main()
