"""ONNX: sizes of a model's inputs, the options --input and --dim, and which inputs are weights."""

import json
import unittest

from extracted_onnx import (
    CONV_MACS,
    IMAGE,
    KERNEL,
    LARGE_IMAGE,
    LARGE_KERNEL,
    OnnxCase,
    conv,
    entries,
    error_of,
    layers,
    run,
)
from onnx_encoder import field, fields, model, node, numbers, tensor, value
from support import extract


class Sizes(OnnxCase):
    """--input and --dim."""

    NODES = [node('Conv', 'image w', 'y', 'c'), node('Mul', 'y scale', 'z')]
    INPUTS = [value('scale', ['N', 1, 1, 1]), value('image', ['N', 3, 'h', 'w'])]

    def test_of_any_input(self):
        macs = {'c': 4 * 8 * 10 * 27}
        for argv in (
            ['--input', 'image=3,10,12'],
            ['--input', '1,1,1', '--input', 'image=3,10,12'],
            ['--input', 'image=3,10,12', '--input', 'scale=1,1,1'],
            ['--dim', 'h=10', '--dim', 'w=12'],
            ['--input', 'image=1,3,10,12'],
        ):
            self.assertEqual(run(self.NODES, self.INPUTS, [KERNEL], *argv), (macs, ''), argv)
        inputs = [value('scale', ['N', 2]), self.INPUTS[1]]
        nodes = self.NODES[:1]
        self.assertEqual(run(nodes, inputs, [KERNEL], '--input', '3,10,12'), (macs, ''))

    def test_a_batch_that_is_not_first(self):
        nodes = [node('MatMul', 'x v', 'y', 'fc')]
        inputs = [value('x', ['T', 'batch', 'F'])]
        macs, _ = run(nodes, inputs, [tensor('v', [16, 4])], '--input', '9,16')
        self.assertEqual(macs, {'fc': 9 * 64})

    def test_sizes_that_the_file_has_for_what_follows(self):
        """They were inferred from another size of the input."""
        nodes = [node('Conv', 'x w', 'y', 'c'), node('Odd', 'y', 'z'), node('Conv', 'z v', 'o')]
        weights = [KERNEL, tensor('v', [4, 4, 1, 1])]
        values = [value('y', [1, 4, 6, 6]), value('z', [1, 4, 6, 6])]
        macs, _ = run(nodes, [IMAGE], weights, '--input', '3,8,8', values=values)
        self.assertEqual(macs, {'c': CONV_MACS, 'v': 16 * 36})
        argv = ['--input', '3,16,16']
        macs, _ = run(nodes[:1], [IMAGE], weights, *argv, values=values)
        self.assertEqual(macs, {'c': 4 * 14 * 14 * 27})
        self.refused(nodes, [IMAGE], weights, "shape of 'z' is not in", argv=argv, values=values)

    def test_sizes_in_constants(self):
        nodes = [
            node('Conv', 'x w', 'y'),
            node('Reshape', 'y flat', 'z'),
            node('Gemm', 'z v', 'o', 'fc'),
        ]
        weights = [KERNEL, tensor('v', [144, 5]), numbers('flat', 1, 144)]
        self.assertEqual(run(nodes, [IMAGE], weights)[0]['fc'], 144 * 5)
        for argv in (['--input', '3,16,16'], ['--input', 'x=3,16,16']):
            self.refused(
                nodes,
                [IMAGE],
                weights,
                'cannot reshape [1, 4, 14, 14] to [1, 144]; '
                'this file fixes its size: export it at that size',
                argv=argv,
            )

    def test_mistakes(self):
        for argv, status, part in (
            (['--input', 'im=3,9,9'], 1, "no input is called 'im'; choose from scale, image"),
            (['--dim', 'q=3'], 1, '--dim q: no size has this name; choose from N, h, w'),
            (['--input', 'image=3,9'], 1, "2 sizes for 'image', which is [N, 3, h, w]; expected 3"),
            (['--input', 'image=3,9,9', '--input', 'image=3,8,8'], 2, 'expected one --input'),
            (['--input', '3,9,9', '--input', '3,8,8'], 2, 'expected one --input for an input'),
            (['--input', '=3,9,9'], 2, "--input is '=3,9,9'; expected C,H,W"),
            (['--input', 'image='], 2, "--input is 'image='; expected C,H,W"),
            (['--dim', 'h=9', '--dim', 'h=8'], 2, 'expected one --dim for a name'),
            (['--dim', 'h'], 2, "--dim is 'h'; expected NAME=SIZE"),
            (['--dim', 'h=0'], 2, "--dim is 'h=0'; expected NAME=SIZE"),
        ):
            result = extract('m.onnx', model(self.NODES, self.INPUTS, [KERNEL]), *argv)
            self.assertEqual((result.status, result.out), (status, ''), argv)
            self.assertIn(part, result.err)

    def test_input_gives_sizes_to_symbols(self):
        nodes = [node('Conv', 'x w', 'y'), node('Conv', 'z w', 'o')]
        inputs = [value('x', ['N', 3, 'H', 'W']), value('z', ['N', 3, '2*H', 'W'])]
        content = model(nodes, inputs, [LARGE_KERNEL])
        result = extract('m.onnx', content, '--input', '3,12,14')
        sizes = [entry['ifmap'] for entry in json.loads(result.out)]
        self.assertEqual(sizes, [[3, 12, 14], [3, 24, 14]])

    def test_input_option(self):
        for shape in (LARGE_IMAGE, value('x', ['N', 'C', 'H', 'W']), value('x')):
            self.assertEqual(conv(shape=shape, argv=['--input', '3,12,14'])['ifmap'], [3, 12, 14])

    def test_input_option_keeps_the_batch(self):
        nodes = [
            node('Conv', 'x w', 'y', 'c'),
            node('Flatten', 'y', 'z'),
            node('Gemm', 'z v', 'o', 'f'),
        ]
        weights, values = [LARGE_KERNEL, tensor('v', [960, 7])], [value('z', [4, 960])]
        argv = ['--input', '3,12,14']
        inputs = [value('x', [4, 3, 32, 24])]
        net = entries(nodes, inputs, weights, values, argv=argv, note='the batch is taken to be 4')
        self.assertEqual(net['f']['macs'], 960 * 7)


class Weights(unittest.TestCase):
    """Inputs that are weights, or that have no shape."""

    def test_weights_that_are_not_in_the_file(self):
        nodes = [node('Gemm', 'x w b', 'y', 'f')]
        inputs = [value('x', ['N', 50]), value('w', [50, 10]), value('b', [10])]
        (entry,) = json.loads(extract('m.onnx', model(nodes, inputs)).out)
        self.assertEqual((entry['type'], entry['macs']), ('InnerProduct', 500))

    def test_weights_made_by_nodes(self):
        for maker in (
            node('Constant', '', 'w', 'k', value=tensor('', [8, 3, 3, 3])),
            node('DequantizeLinear', 'q s', 'w', 'k'),
        ):
            nodes = [maker, node('Conv', 'x w', 'y', 'c')]
            known = [value('w', [8, 3, 3, 3])] if b'Dequ' in maker else []
            net = entries(
                nodes, [LARGE_IMAGE], [tensor('q', [8, 3, 3, 3]), tensor('s', [1])], known
            )
            self.assertEqual(net['c'], conv())
            self.assertNotIn('macs', net['k'])

    def test_vectors_among_the_inputs_are_weights(self):
        inputs = [value('bias', [8]), value('w', [8, 3, 3, 3]), LARGE_IMAGE]
        nodes = [node('Conv', 'x w bias', 'y', 'c')]
        self.assertEqual(layers(nodes, inputs), [conv()])

    def test_weights_made_from_a_shape(self):
        """As in the models of the zoo that the package onnx ships without weights."""
        nodes = [node('ConstantOfShape', 'dims', 'v'), node('Conv', 'x v', 'y', 'c')]
        made = layers(nodes, [LARGE_IMAGE], [numbers('dims', 8, 3, 3, 3)])
        self.assertEqual(made, [conv()])

    def test_an_input_without_a_batch(self):
        nodes = [node('Reshape', 'x dims', 'y'), node('Conv', 'y w', 'z')]
        weights = [LARGE_KERNEL, numbers('dims', 1, 3, 32, 24)]
        error = error_of(nodes, [value('x', [3, 32, 24])], weights)
        self.assertIn('the first input is [3, 32, 24], without a batch; give --batch 1', error)
        self.assertIn('[1, 3, 32, 24]', error)

    def test_no_inputs_but_a_body(self):
        body = fields(2, ['z']) + field(4, 'If') + field(5, field(1, 'then_branch') + field(6, b''))
        values = [value('z', [1, 3, 9, 9])]
        nodes = [body, node('Conv', 'z w', 'y', 'c')]
        self.assertEqual(layers(nodes, [], [LARGE_KERNEL], values)[0]['ofmap'], [8, 7, 7])

    def test_a_batch_taken_from_an_initializer(self):
        inputs = [value('w', [8, 3, 3, 3]), value('x', [2, 3, 9, 9])]
        (entry,) = layers([node('Conv', 'x w', 'y')], inputs, [LARGE_KERNEL])
        self.assertEqual(entry['ofmap'], [8, 7, 7])

    def test_an_input_without_a_known_shape(self):
        error = error_of([node('Conv', 'x w', 'y')], [value('x')], [LARGE_KERNEL])
        self.assertIn("the shape of 'x' is not in the file; give the size", error)


if __name__ == '__main__':
    unittest.main()
