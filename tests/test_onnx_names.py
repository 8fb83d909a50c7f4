"""ONNX: names of layers, from nodes, weights and modules of PyTorch."""

import json
import unittest

from extracted_onnx import LARGE_IMAGE, LARGE_KERNEL, entries, layers, run
from onnx_encoder import field, model, modules, node, numbers, tensor, value
from support import extract


class Names(unittest.TestCase):
    """What layers are called."""

    def test_empty_names_fall_back_to_the_output(self):
        nodes = [node('Relu', 'x', 'y'), node('Dropout', 'y', ' mask'), node('Relu', 'y', '')]
        names = list(entries(nodes, [LARGE_IMAGE]))
        self.assertEqual(names[:2], ['y', 'mask'])
        self.assertRegex(names[2], r'Relu at byte \d+')

    def test_same_names(self):
        nodes = [node('Relu', 'x', 'y', 'a-b'), node('Relu', 'x', 'z', 'a_b')]
        self.assertEqual(list(entries(nodes, [LARGE_IMAGE])), ['a-b', 'a_b#2'])

    def test_names(self):
        """An exporter's own names give way to those of the weights, also by way of a Transpose."""
        weights = [tensor('layer1.0.conv1.weight', [8, 3, 3, 3]), tensor('fc.weight', [10, 5])]
        nodes = [
            node('Conv', 'x layer1.0.conv1.weight', 'a', 'node_Conv_754'),
            node('Conv', 'x layer1.0.conv1.weight', 'b'),
            node('Conv', 'x layer1.0.conv1.weight', 'c', '/conv1/Conv'),
            node('Transpose', 'fc.weight', 't', 'node_t'),
            node('MatMul', 'f t', 'd', 'node_linear'),
            node('MatMul', 'f val_3', 'e', 'node_linear_1'),
        ]
        inputs = [LARGE_IMAGE, value('f', [1, 5])]
        names = [e['name'] for e in layers(nodes, inputs, [*weights, tensor('val_3', [5, 10])])]
        conv = 'layer1.0.conv1'
        self.assertEqual(names, [conv, f'{conv}#2', '/conv1/Conv', 'fc', 'node_linear_1'])

    def test_modules(self):
        """PyTorch's exporter writes them where its own names say nothing."""
        path = ('', 'enc', 'enc.layer.0', 'enc.layer.0.query', 'linear_3')
        weights = [tensor('val_0', [8, 8]), tensor('v.weight', [8, 8])]
        for name, inputs, metadata, expected in (
            ('node_MatMul_85', 'x val_0', modules(*path), 'enc.layer.0.query'),
            ('', 'x val_0', modules(*path), 'enc.layer.0.query'),
            ('of the file', 'x val_0', modules(*path), 'of the file'),
            ('node_MatMul_85', 'x v.weight', modules(*path), 'v'),
            ('node_MatMul_85', 'x val_0', modules('', 'linear'), 'node_MatMul_85'),
            ('node_MatMul_85', 'x val_0', modules(), 'node_MatMul_85'),
            ('node_MatMul_85', 'x val_0', field(9, b''), 'node_MatMul_85'),
        ):
            nodes = [node('MatMul', inputs, 'y', name) + metadata]
            macs, _ = run(nodes, [value('x', [1, 8])], weights)
            self.assertEqual(macs, {expected: 64})

    def test_two_nodes_of_one_module_have_two_names(self):
        nodes = [node('MatMul', f'x{n} val_0', f'x{n + 1}', f'node_{n}') for n in range(2)]
        nodes = [content + modules('', 'att', 'linear') for content in nodes]
        macs, _ = run(nodes, [value('x0', [1, 8])], [tensor('val_0', [8, 8])])
        self.assertEqual(macs, {'att': 64, 'att#2': 64})

    def test_both_exporters_give_the_same_net_file(self):
        """The end of a ResNet: two names for weights, for pooling, for what makes it flat."""
        end = node('Gemm', 'f v', 'o', 'fc')
        old = [
            node('Identity', 'w', 'w2', 'identity'),
            node('Conv', 'x w2', 'y', 'c'),
            node('GlobalAveragePool', 'y', 'p', 'p'),
            node('Flatten', 'p', 'f', 'f'),
        ]
        new = [
            node('Conv', 'x w', 'y', 'c'),
            node('ReduceMean', 'y hw', 'p', 'p'),
            node('Reshape', 'p flat', 'f', 'f'),
        ]
        weights = [LARGE_KERNEL, tensor('v', [8, 5]), numbers('hw', -1, -2), numbers('flat', 1, 8)]
        image = [value('x', [1, 3, 32, 24])]
        files = [extract('m.onnx', model([*n, end], image, weights)) for n in (old, new)]
        self.assertEqual(files[0], files[1])
        types = [entry['type'] for entry in json.loads(files[0].out)]
        self.assertEqual(types, ['Convolution', 'GlobalAveragePool', 'Flatten', 'InnerProduct'])


if __name__ == '__main__':
    unittest.main()
