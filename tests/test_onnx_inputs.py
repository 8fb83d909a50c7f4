"""nets/extract.py on an ONNX model's inputs, batch, functions, branches, order, names and notes."""

import json
import unittest
from unittest import mock

from extracted import REMEDY, count_refused
from onnx_encoder import (
    Reference,
    field,
    fields,
    function,
    graph,
    model,
    modules,
    node,
    numbers,
    tensor,
    value,
)
from support import extract

IMAGE = value('x', [1, 3, 8, 8])
KERNEL = tensor('w', [4, 3, 3, 3])
CONV_MACS = 4 * 6 * 6 * 3 * 9  # of a Conv of IMAGE by KERNEL, without padding


def run(nodes, inputs, weights=(), *argv, **keywords):
    """Return ({name: MACs} of the layers that have some, what is on stderr) of a model."""
    result = extract('m.onnx', model(nodes, inputs, weights, **keywords), *argv)
    if result.status:
        raise AssertionError(result.err)
    macs = {}
    for entry in json.loads(result.out):
        if 'macs' in entry:
            macs[entry['name']] = entry['macs']
    return macs, result.err


class Case(unittest.TestCase):
    def refused(self, nodes, inputs, weights, *parts, argv=(), **keywords):
        """Check that a model is refused, in one line that has all parts."""
        result = extract('m.onnx', model(nodes, inputs, weights, **keywords), *argv)
        self.assertEqual((result.status, result.out), (1, ''), result.err)
        self.assertRegex(result.err, r'\Aextract.py: [^\n]+\n\Z')
        self.assertRegex(result.err, REMEDY)
        for part in parts:
            self.assertIn(part, result.err)


class Batch(Case):
    """Which dimension is the batch, and what is said of it."""

    FC = [node('MatMul', 'x v', 'y', 'fc')]
    WEIGHTS = [tensor('v', [16, 4])]  # 64 MACs for each row of 16

    def fc(self, dims, *argv, nodes=(), weights=()):
        """Return (rows of a frame, what is on stderr) for a MatMul of an input of these dims."""
        macs, said = run([*nodes, *self.FC], [value('x', dims)], [*self.WEIGHTS, *weights], *argv)
        return macs['fc'] // 64, said

    def test_the_dimension_that_is_taken(self):
        for dims, argv, rows, taken in (
            ([1, 16], [], 1, None),
            ([1, 100, 16], [], 100, None),
            ([50, 16], [], 1, '50, dimension 0'),
            ([50, 16], ['--batch', '1'], 50, None),
            ([50, 16], ['--batch', '10'], 5, None),
            ([100, 1, 16], [], 100, '1, dimension 1'),
            ([100, 1, 16], ['--batch-axis', '1'], 100, None),
            ([100, 1, 16], ['--batch-axis', '0'], 1, '100, dimension 0'),
            ([100, 1, 16], ['--batch', '1'], 100, None),
            ([100, 32, 16], [], 32, '100, dimension 0'),
            ([100, 32, 16], ['--batch-axis', '1'], 100, '32, dimension 1'),
            ([100, 32, 16], ['--batch', '1'], 3200, None),
            ([16], [], 1, None),
            ([16], ['--batch', '1'], 1, None),
        ):
            with self.subTest(dims=dims, argv=argv):
                found, said = self.fc(dims, *argv)
                self.assertEqual(found, rows)
                if taken is None:
                    self.assertEqual(said, '')
                else:
                    self.assertEqual(
                        said,
                        f"extract.py: m.onnx: the batch is taken to be {taken} of 'x', which is "
                        f'{dims}; --batch-axis takes another dimension, --batch another number, 1 '
                        'for none\n',
                    )

    def test_symbols(self):
        for dims, argv, rows, is_said in (
            (['N', 16], [], 1, False),
            (['batch_size', 16], [], 1, False),
            (['unk__6', 16], [], 1, False),
            ([None, 16], [], 1, False),
            ([-1, 16], [], 1, False),
            ([0, 16], [], 1, False),
            ([0, 16], ['--batch', '4'], 1, False),
            (['seq', 16], [], 1, True),
            (['seq', 16], ['--dim', 'seq=7', '--batch', '1'], 7, False),
            (['seq', 16], ['--dim', 'seq=7'], 1, True),
            ([100, 'batch', 16], [], 100, False),
            ([100, 'N', 16], ['--batch-axis', '1'], 100, False),
            (['seq', 'batch', 16], ['--dim', 'seq=7'], 7, False),
            (['seq', 'batch', 16], ['--input', '7,16'], 7, False),
            (['seq', 1, 16], ['--dim', 'seq=7'], 7, True),
            (['N', 100, 16], ['--batch', '1'], 100, False),
        ):
            with self.subTest(dims=dims, argv=argv):
                found, said = self.fc(dims, *argv)
                self.assertEqual(found, rows)
                self.assertEqual('the batch is taken to be' in said, is_said, said)

    def test_a_sequence_of_unknown_length(self):
        for dims in (['seq', 'batch', 16], ['batch', 'seq', 16]):
            said = 'with --input C,L, or of a symbol with --dim seq=SIZE'
            self.refused(self.FC, [value('x', dims)], self.WEIGHTS, 'is symbolic', said)

    def test_a_sum_is_done_on_the_way_wherever_the_batch_is(self):
        """As in a residual connection of a transformer."""
        nodes = [node('MatMul', 'x v', 'y', 'fc'), node('Add', 'x y', 'z')]
        for dims in (['batch', 9, 16], [9, 'batch', 16], [9, 1, 16]):
            result = extract('m.onnx', model(nodes, [value('x', dims)], [tensor('v', [16, 16])]))
            (entry,) = [entry for entry in json.loads(result.out) if 'macs' in entry]
            self.assertEqual((entry['macs'], entry.get('addend')), (9 * 256, True))

    def test_recurrent_operators_tell(self):
        """They have the sequence first, unless their layout is 1."""
        weights = [tensor('wl', [1, 128, 16]), tensor('rl', [1, 128, 32]), numbers('zero', 0)]
        transpose = node('Transpose', 'x', 't', perm=[1, 0, 2])
        for type_, gates in (('LSTM', 4), ('GRU', 3), ('RNN', 1)):
            sizes = [tensor('wl', [1, gates * 32, 16]), tensor('rl', [1, gates * 32, 32])]
            for dims, nodes, rows in (
                ([8, 4, 16], [node(type_, 'x wl rl', 'r', hidden_size=32)], 8),
                ([8, 1, 16], [node(type_, 'x wl rl', 'r', hidden_size=32)], 8),
                ([8, 4, 16], [node(type_, 'x wl rl', 'r', hidden_size=32, layout=1)], 4),
                ([8, 4, 16], [transpose, node(type_, 't wl rl', 'r', hidden_size=32)], 4),
            ):
                with self.subTest(type_, dims=dims):
                    found, said = self.fc(dims, nodes=nodes, weights=sizes)
                    self.assertEqual(found, rows)
                    self.assertNotIn("dimension 1 of 'x', which is [8, 1", said)
        unsqueeze = [node('Unsqueeze', 'x zero', 'u'), node('LSTM', 'u wl rl', 'r', hidden_size=32)]
        self.assertEqual(self.fc([8, 16], nodes=unsqueeze, weights=weights)[0], 1)  # 8 frames
        unsqueeze[0] = node('Unsqueeze', 'x one', 'u')
        weights.append(numbers('one', 1))
        self.assertEqual(self.fc([8, 16], nodes=unsqueeze, weights=weights), (8, mock.ANY))

    def test_states_of_recurrent_operators(self):
        """[directions, batch, features]: they agree with an input of a batch of 4."""
        lstm = node('LSTM', 'x wl rl   h', 'r', hidden_size=32, direction='bidirectional')
        nodes = [lstm, *self.FC]
        weights = [tensor('wl', [2, 128, 16]), tensor('rl', [2, 128, 32]), *self.WEIGHTS]
        macs, said = run(nodes, [value('h', [2, 4, 32]), value('x', [8, 4, 16])], weights)
        self.assertEqual(macs['fc'], 8 * 64)
        self.assertIn("4, dimension 1 of 'h'", said)

    def test_inputs_that_disagree(self):
        nodes = [node('MatMul', 'a v', 'y', 'q'), node('MatMul', 'd v', 'z', 'docs')]
        one, ten = value('a', [1, 16]), value('d', [10, 16])
        for inputs in ([one, ten], [ten, one]):
            self.refused(
                nodes,
                inputs,
                self.WEIGHTS,
                "inputs disagree on the batch: 'd' is [10, 16], with a batch of 10, and 'a' is "
                '[1, 16], with a batch of 1; give the number',
            )
            macs, _ = run(nodes, inputs, self.WEIGHTS, '--batch', '1')
            self.assertEqual(macs, {'q': 64, 'docs': 640})
        for inputs in ([value('a', ['N', 16]), ten], [ten, value('a', ['N', 16])]):
            self.refused(nodes, inputs, self.WEIGHTS, "'a' is [N, 16]", "'d' is [10, 16]")
        for inputs in (
            [value('a', ['N', 16]), value('d', [1, 16])],
            [value('a', [1, 16]), value('d', ['N', 16])],
            [value('a', ['N', 16]), value('d', ['unk__7', 16])],
            [value('a', [-1, 16]), value('d', [None, 16])],
        ):
            macs, said = run(nodes, inputs, self.WEIGHTS)
            self.assertEqual((macs, said), ({'q': 64, 'docs': 64}, ''))

    def test_a_guess_is_said_whichever_input_it_is_of(self):
        nodes = [*self.FC, node('MatMul', 'z v', 'u', 'other')]
        sequence, plain = value('x', [9, 1, 16]), value('z', [1, 16])
        for inputs in ([sequence, plain], [plain, sequence]):
            macs, said = run(nodes, inputs, self.WEIGHTS)
            self.assertEqual(macs, {'fc': 9 * 64, 'other': 64})
            self.assertIn("1, dimension 1 of 'x', which is [9, 1, 16]", said)

    def test_vectors_beside_other_inputs_have_no_say(self):
        nodes = [*self.FC, node('Unsqueeze', 't one', 'u'), node('MatMul', 'u e', 'z', 'time')]
        weights = [*self.WEIGHTS, tensor('e', [1, 64]), numbers('one', 1)]
        for dims, batch in (([1], 'N'), (['N'], 'N'), ([None], 'N'), ([1], 1), ([4], 4)):
            macs, _ = run(nodes, [value('t', dims), value('x', [batch, 16])], weights)
            self.assertEqual(macs, {'fc': 64, 'time': 64})
        macs, said = run(nodes, [value('t', [4]), value('x', [1, 16])], weights)
        self.assertEqual((macs, said), ({'fc': 64, 'time': 4 * 64}, ''))

    def test_vectors_are_no_weights_where_the_file_has_some(self):
        """A recommender, 13 x 8, 64 x 128 and 72 x 1: what follows from the vector counts."""
        nodes = [
            node('MatMul', 'dense a', 'd', 'bottom'),
            node('Gather', 'table user', 'e'),
            node('MatMul', 'e b', 'f', 'mlp'),
        ]
        weights = [tensor('a', [13, 8]), tensor('b', [64, 128]), tensor('table', [1000, 64])]
        macs, _ = run(nodes, [value('dense', [1, 13]), value('user', [1])], weights)
        self.assertEqual(macs, {'bottom': 13 * 8, 'mlp': 64 * 128})
        big = node('Constant', '', 'b', value=tensor('', [64, 128]))
        inputs = [value('user', [64]), value('x', [1, 2])]
        macs, _ = run([big, node('MatMul', 'user b', 'f', 'mlp')], inputs)
        self.assertEqual(macs, {'mlp': 64 * 128})

    def test_an_image_that_the_graph_adds_a_batch_to(self):
        unsqueeze = [node('Unsqueeze', 'x zero', 'u'), node('Conv', 'u w', 'y', 'c')]
        weights = [KERNEL, numbers('zero', 0), tensor('mean', [3, 1, 1])]
        detector = [
            node('Sub', 'x mean', 'a'),
            node('Unsqueeze', 'a', 'b', axes=[0]),
            node('Resize', 'b   sizes', 'b2'),
            node('Constant', '', 'first', value=numbers('', 0, scalar=True)),
            node('Gather', 'b2 first', 'd', axis=0),
            node('Unsqueeze', 'd', 'e', axes=[0]),
            node('Concat', 'e', 'f', axis=0),
            node('Conv', 'f w', 'y', 'c'),
        ]
        sizes = [*weights, numbers('sizes', 1, 3, 8, 8)]
        for nodes, parts in ((unsqueeze, weights), (detector, sizes)):
            for dims, argv in (([3, 8, 8], []), (['C', 'H', 'W'], ['--input', '3,8,8'])):
                macs, said = run(nodes, [value('x', dims)], parts, *argv)
                self.assertEqual((macs, said), ({'c': CONV_MACS}, ''))
        macs, _ = run(unsqueeze, [value('x', [3, 8, 8])], weights, '--input', '3,4,5')
        self.assertEqual(macs, {'c': 4 * 2 * 3 * 27})

    def test_frames_are_not_multiplied_by_one_another(self):
        """Attention tells what is a sequence: what numbers the matrices of its products is not."""
        one = [node('Transpose', 'x', 't', perm=[1, 0]), node('MatMul', 'x t', 'y', 'qk')]
        several = [
            node('Transpose', 'x', 'q', perm=[1, 0, 2]),
            node('Transpose', 'x', 't', perm=[1, 2, 0]),
            node('MatMul', 'q t', 'y', 'qk'),
        ]
        heads = [
            node('Reshape', 'x shape', 'h'),
            node('Transpose', 'h', 'q', perm=[1, 2, 0, 3]),
            node('Transpose', 'h', 't', perm=[1, 2, 3, 0]),
            node('MatMul', 'q t', 'y', 'qk'),
        ]
        split = numbers('shape', 32, 8, 4, 4)
        for dims, nodes, argv, macs in (
            ([50, 16], one, ['--batch', '1'], 50 * 16 * 50),
            ([50, 16], one, ['--batch', '50'], 16 * 50),
            ([50, 2, 16], several, ['--batch-axis', '1'], 50 * 16 * 50),
            ([32, 8, 16], heads, ['--batch-axis', '1'], 4 * 32 * 4 * 32),
        ):
            with self.subTest(dims=dims, argv=argv):
                inputs = [value('x', dims)]
                frames = f'multiplies parts of {dims[0]} frames by one another; give --batch 1'
                self.refused(nodes, inputs, [split], frames)
                self.assertEqual(run(nodes, inputs, [split], *argv)[0], {'qk': macs})

    def test_a_step_of_a_sequence_holds_no_frames(self):
        """As in an RNN whose steps are written out: one of 10 steps, of 3 frames."""
        nodes = [node('Slice', 'x zero one zero', 's'), node('MatMul', 's v', 'y', 'fc')]
        inputs, weights = [value('x', [10, 3, 16])], [numbers('zero', 0), numbers('one', 1)]
        said = 'the first dimension is 1 where the batch of the first input is 10', '--batch-axis'
        self.refused(nodes, inputs, [*self.WEIGHTS, *weights], *said)
        argv = ['--batch-axis', '1']
        self.assertEqual(run(nodes, inputs, [*self.WEIGHTS, *weights], *argv)[0], {'fc': 64})

    def test_frames_of_a_convolution(self):
        """Frames that a convolution gets at once are its batch, whatever the user says."""
        nodes = [node('Conv', 'x w', 'y', 'c')]
        inputs = [value('x', [5, 3, 8, 8])]
        macs, said = run(nodes, inputs, [KERNEL])
        self.assertEqual(macs, {'c': CONV_MACS})
        self.assertIn("5, dimension 0 of 'x'", said)
        self.refused(nodes, inputs, [KERNEL], 'the first dimension is 5', argv=['--batch', '1'])

    def test_a_kernel_has_no_batch(self):
        nodes = [node('Conv', 'x k', 'y', 'xcorr', group=4), *self.FC[:0]]
        inputs = [value('x', [1, 4, 9, 9]), value('k', [4, 1, 5, 5])]
        for weights in ([], self.WEIGHTS):
            self.assertEqual(run(nodes, inputs, weights), ({'xcorr': 4 * 25 * 25}, ''))

    def test_options(self):
        for argv, status, part in (
            (['--batch', '0'], 2, "--batch is '0'; expected 1 or more"),
            (['--batch', 'two'], 2, "--batch is 'two'"),
            (['--batch-axis', '-1'], 2, '--batch-axis'),
            (['--batch-axis', 'x'], 2, "--batch-axis is 'x'; expected 0 to 9"),
            (['--batch-axis', '2'], 1, '--batch-axis 2: no input has such a dimension; expected'),
        ):
            content = model(self.FC, [value('x', [1, 16])], self.WEIGHTS)
            result = extract('m.onnx', content, *argv)
            self.assertEqual((result.status, result.out), (status, ''), argv)
            self.assertIn(part, result.err)
        for argv in (['--batch', '1'], ['--batch-axis', '0'], ['--dim', 'a=1'], ['--input', 'x=1']):
            result = extract('n.prototxt', 'input: "x"', *argv)
            self.assertEqual(result.status, 1)
            self.assertIn('a Caffe definition', result.err)


class Sizes(Case):
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

    def test_remedies_name_the_input_and_its_symbols(self):
        self.refused(
            self.NODES,
            self.INPUTS,
            [KERNEL],
            "'image' is symbolic, [N, 3, h, w]; give the size of 'image' with --input "
            'image=C,H,W, or of a symbol with --dim h=SIZE',
        )

    def test_remedies_name_a_size_that_has_become_the_first_one(self):
        nodes = [node('Reshape', 'x rows', 'r'), node('MatMul', 'r v', 'y')]
        self.refused(
            nodes,
            [value('x', [1, 'sequence', 64])],
            [tensor('v', [64, 8]), numbers('rows', -1, 64)],
            "the shape of 'r' is symbolic, [?, 64]; give the size of the first input with --input",
            '--dim sequence=SIZE',
        )

    def test_no_command_where_it_cannot_help(self):
        odd = node('Odd', 'x', 'y', 'o') + field(7, 'mine')
        conv = node('Conv', 'y w', 'z')
        sign = node('ReduceMax', 'x', 'c', keepdims=0)
        then = graph([node('ReduceMax', 'x', 't', axes=[2])], outputs=[value('t')])
        otherwise = graph([node('Identity', 'x', 'e')], outputs=[value('e')])
        branch = node('If', 'c', 'q', 'if', then_branch=then, else_branch=otherwise)
        for nodes, part in (
            ([odd, conv], "give --same-shape mine.Odd if mine.Odd 'o', which is not of ONNX, has"),
            (
                [node('NonZero', 'x', 'q', 'nz'), node('Odd', 'q', 'y'), conv],
                "expected sizes that do not depend on numbers in the input, as of NonZero 'nz'",
            ),
            (
                [sign, branch, node('Odd', 'q', 'y'), conv],
                "in the input, as of If 'if'; export the",
            ),
        ):
            self.refused(nodes, [IMAGE], [KERNEL], part)


class Rounding(Case):
    """Where runtimes and ONNX's inference differ, the size that runtimes have is right."""

    def test_sizes(self):
        same = {'auto_pad': 'SAME_UPPER', 'strides': [2, 2], 'output_padding': [1, 1]}
        for type_, size, attributes, inferred, right in (
            ('MaxPool', 5, {'kernel_shape': [2, 2], 'pads': [1] * 4, 'strides': [2, 2]}, 4, 3),
            ('MaxPool', 32, {'kernel_shape': [1, 1], 'strides': [2, 2]}, 17, 16),
            ('AveragePool', 5, {'kernel_shape': [3, 3], 'pads': [1] * 4, 'strides': [3, 3]}, 3, 2),
            ('ConvTranspose', 3, same, 7, 6),
        ):
            is_pool = type_ != 'ConvTranspose'
            nodes = [
                node(type_, 'x' if is_pool else 'x k', 'a', **attributes, ceil_mode=int(is_pool)),
                node('Relu', 'a', 'b'),
                node('Conv', 'b v', 'y', 'after'),
            ]
            weights = [tensor('k', [2, 1, 3, 3]), tensor('v', [1, 2 if is_pool else 1, 1, 1])]
            values = []
            for name, channels in (
                ('a', 2 if is_pool else 1),
                ('b', 2 if is_pool else 1),
                ('y', 1),
            ):
                values.append(value(name, [1, channels, inferred, inferred]))
            for stated in ([], values):
                inputs = [value('x', [1, 2, size, size])]
                macs, _ = run(nodes, inputs, weights, values=stated)
                self.assertEqual(macs['after'], right**2 * (2 if is_pool else 1), type_)

    def test_others_are_refused(self):
        pool = node('MaxPool', 'x', 'a', kernel_shape=[2, 2], strides=[2, 2])
        values = [value('a', [1, 3, 5, 5])]
        self.refused([pool], [IMAGE], [KERNEL], 'the file says [1, 3, 5, 5]', values=values)


class Order(Case):
    def test_nodes_are_sorted_and_otherwise_keep_their_order(self):
        cast, conv, relu = (
            node('Cast', 'x', 'xc', 'cast', to=1),
            node('Conv', 'xc w', 'y', 'c'),
            node('Relu', 'x', 'r', 'relu'),
        )
        for nodes, names in (
            ([conv, relu, cast], ['cast', 'c', 'relu']),
            ([relu, cast, conv], ['relu', 'cast', 'c']),
            ([cast, relu, conv], ['cast', 'relu', 'c']),
        ):
            result = extract('m.onnx', model(nodes, [IMAGE], [KERNEL]))
            self.assertEqual([entry['name'] for entry in json.loads(result.out)], names)

    def test_a_long_chain(self):
        """Iteratively, and in linear time."""
        chain = [node('Relu', f'v{index}', f'v{index + 1}') for index in range(5000)]
        nodes = [node('Conv', 'v5000 w', 'y', 'c'), *reversed(chain)]
        self.assertEqual(run(nodes, [value('v0', [1, 3, 8, 8])], [KERNEL])[0], {'c': CONV_MACS})

    def test_what_a_branch_reads_comes_before_it(self):
        branch = graph([node('Conv', 'z w', 'inner', 'c')], outputs=[value('inner')])
        if_ = node('If', 'yes', 'y', 'if', then_branch=branch, else_branch=branch)
        nodes = [if_, node('Relu', 'x', 'z', 'relu')]
        macs, _ = run(nodes, [IMAGE], [KERNEL, numbers('yes', 1)])
        self.assertEqual(macs, {'c': CONV_MACS})

    def test_cycles(self):
        nodes = [node('Add', 'x b', 'a'), node('Relu', 'a', 'b')]
        self.refused(nodes, [IMAGE], [KERNEL], "reads 'a'", 'expected nodes without cycles')
        nodes = [node('Add', 'x a', 'a')]
        self.refused(nodes, [IMAGE], [KERNEL], "reads 'a'", 'expected nodes without cycles')

    def test_what_nothing_makes(self):
        nodes = [node('Add', 'x b', 'a')]
        self.refused(nodes, [IMAGE], [KERNEL], "reads 'b', which nothing makes; expected")


def call(type_, inputs, outputs, name='', **attributes):
    """Return a NodeProto that calls a function of the domain "my"."""
    return node(type_, inputs, outputs, name, **attributes) + field(7, 'my')


class Functions(Case):
    BLOCK = function(
        'Block',
        'a k',
        'b',
        [node('Conv', 'a k', 't', pads=Reference('pads')), node('Relu', 't', 'b')],
        'my',
    )

    def test_names(self):
        """A layer has the name of the call, with its own if it has one."""
        second = function('Two', 'a k', 'b', [node('Conv', 'a k', 'b', 'conv')], 'my')
        weights = [KERNEL, tensor('v', [4, 4, 1, 1])]
        nodes = [
            call('Block', 'x w', 'p', 'stem'),
            call('Two', 'p v', 'q', 'head'),
            call('Two', 'q v', 'r', 'node_Two_1'),
            call('Block', 'r v', 's'),
        ]
        macs, said = run(nodes, [IMAGE], weights, functions=[self.BLOCK, second])
        expected = {'stem': CONV_MACS, 'head/conv': 16 * 36, 'conv': 16 * 36, 'v': 16 * 36}
        self.assertEqual((macs, said), (expected, ''))
        result = extract('m.onnx', model(nodes[:1], [IMAGE], weights, functions=[self.BLOCK]))
        self.assertEqual([entry['name'] for entry in json.loads(result.out)], ['stem', 'p'])

    def test_attributes(self):
        """Of the call, or the function's default, or the operator's own."""
        with_default = self.BLOCK + field(11, field(1, 'pads') + fields(8, [2, 2, 2, 2]))
        for attributes, block, size in (
            ({'pads': [1, 1, 1, 1]}, with_default, 8),
            ({}, self.BLOCK, 6),
            ({}, with_default, 10),
        ):
            nodes = [call('Block', 'x w', 'y', 'c', **attributes)]
            macs, _ = run(nodes, [IMAGE], [KERNEL], functions=[block])
            self.assertEqual(macs, {'c': 4 * size * size * 27})

    def test_inside_one_another(self):
        inner = function('Inner', 'a k', 'b', [call('Block', 'a k', 'b', 'block')], 'my')
        outer = function('Outer', 'a k', 'b', [call('Inner', 'a k', 'b', 'in')], 'my')
        nodes = [call('Outer', 'x w', 'y', 'out'), node('Relu', 'y', 'z')]
        macs, _ = run(nodes, [IMAGE], [KERNEL], functions=[outer, self.BLOCK, inner])
        self.assertEqual(macs, {'out/in/block': CONV_MACS})

    def test_values_of_two_calls_are_apart(self):
        nodes = [
            call('Block', 'x w', 'y', 'one'),
            call('Block', 'x w', 'z', 'one'),
            node('Add', 'y z', 'o'),
        ]
        macs, _ = run(nodes, [IMAGE], [KERNEL], functions=[self.BLOCK])
        self.assertEqual(macs, {'one': CONV_MACS, 'one#2': CONV_MACS})

    def test_one_without_macs_does_not_stop_what_follows(self):
        relu = function('relu_like', 'a', 'b', [node('Relu', 'a', 'b')], 'my')
        nodes = [call('relu_like', 'x', 'y'), node('Conv', 'y w', 'z', 'c')]
        macs, said = run(nodes, [IMAGE], [KERNEL], functions=[relu])
        self.assertEqual((macs, said), ({'c': CONV_MACS}, ''))

    def test_outputs_that_are_inputs_and_inputs_that_are_left_out(self):
        both = function('Both', 'a m b', 'a a c', [node('Clip', 'a m b', 'c')], 'my')
        nodes = [call('Both', 'x', 'p q r'), node('Add', 'p q', 's'), node('Add', 'r s', 't')]
        nodes.append(node('Conv', 't w', 'y', 'c'))
        macs, _ = run(nodes, [IMAGE], [KERNEL], functions=[both])
        self.assertEqual(macs, {'c': CONV_MACS})

    def test_overloads_and_domains(self):
        conv, relu = [node('Conv', 'a k', 'b')], [node('Relu', 'a', 'b')]
        functions = [
            function('F', 'a k', 'b', conv, 'my', 'one'),
            function('F', 'a k', 'b', relu, 'my', 'two'),
            function('F', 'a k', 'b', relu, 'other', 'one'),
            function('Conv', 'a k', 'b', relu),  # ONNX's own is meant
        ]
        nodes = [
            call('F', 'x w', 'y', 'one') + field(8, 'one'),
            call('F', 'x w', 'z', 'two') + field(8, 'two'),
            node('F', 'x w', 'u', 'three') + field(7, 'other') + field(8, 'one'),
            node('Conv', 'x w', 'v', 'four'),
        ]
        macs, _ = run(nodes, [IMAGE], [KERNEL], functions=functions)
        self.assertEqual(macs, {'one': CONV_MACS, 'four': CONV_MACS})

    def test_names_that_nothing_makes_are_not_those_around_the_function(self):
        leak = function('Leak', 'a', 'b', [node('Add', 'a w', 'b')], 'my')
        nodes = [call('Leak', 'x', 'y', 'l')]
        self.refused(nodes, [IMAGE], [KERNEL], "reads 'l/w', which nothing", functions=[leak])
        missing = function('Missing', 'a', 'b', [node('Relu', 'a', 'c')], 'my')
        nodes = [call('Missing', 'x', 'y', 'm')]
        self.refused(nodes, [IMAGE], [KERNEL], 'which nothing makes', functions=[missing])

    def test_recursion(self):
        for functions in (
            [function('A', 'a', 'b', [call('A', 'a', 'b')], 'my')],
            [
                function('A', 'a', 'b', [call('B', 'a', 'b')], 'my'),
                function('B', 'a', 'b', [call('A', 'a', 'b')], 'my'),
            ],
        ):
            nodes = [call('A', 'x', 'y')]
            said = 'a function that calls itself; expected functions without recursion'
            self.refused(nodes, [IMAGE], [KERNEL], said, functions=functions)

    def test_limits(self):
        """40 functions that each call the next one twice would make a million million nodes."""
        functions = []
        for index in range(40):
            calls = [call(f'F{index + 1}', 'a', 'b'), call(f'F{index + 1}', 'b', 'c')]
            functions.append(function(f'F{index}', 'a', 'c', calls, 'my'))
        functions.append(function('F40', 'a', 'c', [node('Relu', 'a', 'c')], 'my'))
        nodes = [call('F0', 'x', 'y')]
        said = 'more than 20 functions inside one another'
        self.refused(nodes, [IMAGE], [KERNEL], said, functions=functions)
        nodes = [call('F24', 'x', 'y')]
        with mock.patch('fodlam.nets.onnx_functions.MAX_NODES', 1000):
            said = 'more than 1000 nodes, with those inside functions and branches'
            self.refused(nodes, [IMAGE], [KERNEL], said, functions=functions)


def branch(*nodes, outputs='inner', initializers=()):
    """Return a Graph of nodes, for a branch."""
    return graph(
        nodes, initializers=initializers, outputs=[value(name) for name in outputs.split()]
    )


class Branches(Case):
    CONV = branch(node('Conv', 'x w', 'inner', 'then'))
    SAME = branch(node('Conv', 'x u', 'inner', 'else'))
    LARGER = branch(node('Conv', 'x u2', 'inner', 'else'))
    RELU = branch(node('Relu', 'x', 'inner'))
    AFTER = node('Conv', 'y v', 'z', 'after')
    WEIGHTS = [
        KERNEL,
        tensor('u', [4, 3, 3, 3]),
        tensor('u2', [8, 3, 3, 3]),
        tensor('v', [1, 4, 1, 1]),
        numbers('yes', 1),
        numbers('no', 0),
    ]

    def if_(self, condition, then_branch, else_branch):
        return node('If', condition, 'y', 'if', then_branch=then_branch, else_branch=else_branch)

    def test_a_constant_condition(self):
        for condition, then_branch, else_branch, name in (
            ('yes', self.CONV, self.LARGER, 'then'),
            ('no', self.LARGER, self.SAME, 'else'),
        ):
            nodes = [self.if_(condition, then_branch, else_branch), self.AFTER]
            macs, said = run(nodes, [IMAGE], self.WEIGHTS)
            self.assertEqual((macs, said), ({name: CONV_MACS, 'after': 4 * 36}, ''))

    def test_a_condition_that_nodes_compute(self):
        """As PyTorch writes a squeeze of a dimension: only if it is 1."""
        for height, rank in ((1, 3), (2, 4)):
            squeeze = branch(node('Squeeze', 'x axes', 'inner'))
            copy = branch(node('Identity', 'x', 'inner'))
            nodes = [
                node('Shape', 'x', 'shape'),
                node('Gather', 'shape axes', 'size'),
                node('Equal', 'size yes', 'condition'),
                self.if_('condition', squeeze, copy),
                node('Conv', 'y k', 'z', 'c'),
            ]
            kernel = tensor('k', [4, 3, 1, 1][:rank])
            weights = [kernel, numbers('axes', 2), numbers('yes', 1)]
            macs, _ = run(nodes, [value('x', [1, 3, height, 9])], weights)
            self.assertEqual(macs, {'c': 12 * 9 * height})

    def unknown(self, then_branch, else_branch, *more, values=()):
        """Return what `run` does, if the condition depends on the input."""
        nodes = [node('Odd', 'x', 'q'), self.if_('q', then_branch, else_branch), *more]
        return run([*nodes, node('Conv', 'x w', 'o', 'o')], [IMAGE], self.WEIGHTS, values=values)

    def test_branches_of_equal_macs(self):
        macs, said = self.unknown(self.CONV, self.SAME, self.AFTER)
        self.assertEqual((macs, said), ({'then': CONV_MACS, 'after': 144, 'o': CONV_MACS}, ''))

    def test_branches_of_other_macs(self):
        macs, said = self.unknown(self.CONV, self.LARGER)
        self.assertEqual(macs, {'o': CONV_MACS})
        self.assertIn('whatever is in If (66.7% of known MACs)\n', said)  # 2 of 3 times CONV_MACS

    def test_branches_of_other_shapes(self):
        """The file may say which one it is; if it does not, nothing is known."""
        squeezed = branch(node('Squeeze', 'x axes', 'inner'))
        for dims, fits in (([1, 3, 8, 8], True), ([3, 8, 8], True), (None, False)):
            values = [value('y', dims)]
            nodes = [node('Odd', 'x', 'q'), self.if_('q', self.RELU, squeezed)]
            nodes += [node('Unsqueeze', 'y axes', 'y5'), node('Conv', 'y w', 'z', 'c')]
            weights = [*self.WEIGHTS, numbers('axes', 0)]
            if fits:
                is_image = len(dims) == 4
                end = [] if is_image else [node('Conv', 'y5 w', 'z', 'c')]
                macs, _ = run(
                    [*nodes[: 4 if is_image else 3], *end], [IMAGE], weights, values=values
                )
                self.assertEqual(macs, {'c': CONV_MACS})
            else:
                self.refused(nodes, [IMAGE], weights, "shape of 'y' is not in", values=values)

    def test_constants_of_one_branch_are_not_those_of_both(self):
        """Were the first branch's numbers followed, the Reshape would have 4 rows."""
        made = [
            branch(node('Constant', '', 'inner', value=numbers('', *n)))
            for n in ((4, 48), (1, 192))
        ]
        nodes = [
            node('Odd', 'x', 'q'),
            self.if_('q', *made),
            node('Reshape', 'x y', 'r'),
            node('MatMul', 'r m', 's', 'fc'),
        ]
        weights = [tensor('m', [48, 2])]
        self.refused(nodes, [IMAGE], weights, "shape of 'r' is not in the file")

    def test_initializers_and_values_inside(self):
        inside = branch(
            node('Relu', 'x', 'x1'),
            node('Conv', 'x1 w', 'inner'),
            initializers=[tensor('w', [2, 3, 1, 1])],
        )
        nodes = [self.if_('yes', inside, inside), node('Relu', 'x', 'x1')]
        macs, _ = run(nodes, [IMAGE], [numbers('yes', 1)])
        self.assertEqual(macs, {'w': 2 * 64 * 3})

    def test_outputs_that_no_node_inside_makes(self):
        outer = branch(outputs='x')
        nodes = [self.if_('yes', outer, outer), node('Conv', 'y w', 'z', 'c')]
        self.assertEqual(run(nodes, [IMAGE], self.WEIGHTS)[0], {'c': CONV_MACS})

    def test_inside_functions_and_one_another(self):
        inner = branch(
            self.if_('yes', branch(node('Conv', 'a k', 'inner')), branch(outputs='a')), outputs='y'
        )
        outer = function('F', 'a k yes', 'y', [self.if_('yes', inner, branch(outputs='a'))], 'my')
        nodes = [call('F', 'x w yes', 'out', 'f')]
        macs, _ = run(nodes, [IMAGE], self.WEIGHTS, functions=[outer])
        self.assertEqual(macs, {'f': CONV_MACS})

    def test_too_deep(self):
        inner = branch(node('Relu', 'x', 'inner'))
        for _ in range(30):
            inner = branch(self.if_('yes', inner, self.RELU), outputs='y')
        said = 'more than 20 branches inside one another'
        self.refused([self.if_('yes', inner, self.RELU)], [IMAGE], self.WEIGHTS, said)

    def test_too_many(self):
        """Where conditions are not known, each level tries both branches."""
        inner = branch(node('Relu', 'x', 'inner'))
        for _ in range(12):
            inner = branch(self.if_('q', inner, inner), outputs='y')
        nodes = [node('Odd', 'x', 'q'), self.if_('q', inner, inner)]
        with mock.patch('fodlam.nets.onnx_functions.MAX_NODES', 1000):
            self.refused(nodes, [IMAGE], self.WEIGHTS, 'more than 1000 nodes')

    def test_bodies_without_macs_are_not_left_out(self):
        for type_, body, said in (
            ('Loop', branch(node('Relu', 'x', 'inner')), ''),
            ('Loop', self.CONV, 'left out, as FODLAM does not model it: whatever is in Loop'),
            ('Scan', branch(self.if_('q', self.CONV, self.RELU), outputs='y'), 'is in Scan'),
        ):
            nodes = [node('Conv', 'x w', 'o', 'o'), node(type_, '', 'p', body=body)]
            macs, found = run(nodes, [IMAGE], self.WEIGHTS)
            self.assertEqual(macs, {'o': CONV_MACS})
            self.assertIn(said, found)
            self.assertEqual(bool(said), bool(found))


class Notes(Case):
    """What is said of what is left out, and of networks that nothing published has costs for."""

    def test_shares(self):
        """A DeformConv of as many MACs as the Conv beside it, and one that nothing is known of."""
        odd = node('Odd', 'x', 'p') + field(7, 'mine')
        nodes = [
            node('Conv', 'x w', 'y', 'c'),
            node('DeformConv', 'x w offset', 'z', 'd'),
            node('DeformConv', 'x w offset', 'u', 'e'),
            odd,
        ]
        inputs = [IMAGE, value('offset', [1, 18, 6, 6])]
        expected = (
            'm.onnx: left out, as FODLAM does not model it: whatever is in DeformConv (66.7% of '
            'known MACs), mine.Odd'
        )
        self.assertEqual(
            run(nodes, inputs, [KERNEL]), ({'c': CONV_MACS}, f'extract.py: {expected}\n')
        )
        said = f'{expected}; expected nothing to be left out (--strict)'
        self.refused(nodes, inputs, [KERNEL], said, argv=['--strict'])
        self.assertEqual(run(nodes[:1], [IMAGE], [KERNEL], '--strict'), ({'c': CONV_MACS}, ''))

    def test_linear_attention_and_causal_convolution(self):
        """2 heads with a state of 8 x 8, at 4 positions; by delta, there is a product more."""
        weights = [tensor('m', [16, 16]), tensor('k', [16, 1, 3])]
        fc = node('MatMul', 'x m', 'y', 'fc')  # 4 x 16 x 16, 1024 MACs
        heads = {'q_num_heads': 2, 'kv_num_heads': 2}
        for last, share in (
            (node('LinearAttention', 'y y y', 'z', update_rule='linear', **heads), '50.0%'),
            (node('LinearAttention', 'y y y', 'z', update_rule='gated_delta', **heads), '60.0%'),
            (node('CausalConvWithState', 'x16 k', 'z'), '15.8%'),  # 192 of 1216
        ):
            inputs = [value('x', [1, 4, 16]), value('x16', [1, 16, 4])]
            _, said = run([fc, last], inputs, weights)
            self.assertIn(f'({share} of known MACs)', said)

    def test_nothing_but_products_of_feature_maps(self):
        nodes = [node('MatMul', 'x x', 'y', 'm')]
        said = (
            'extract.py: m.onnx: 1 MatMul of two feature maps (1,536 MACs a frame), and nothing '
            'else with MACs: Eyeriss and EIE have no cost for these; give the config an '
            '"accelerator"\n'
        )
        self.assertEqual(run(nodes, [IMAGE]), ({'m': 3 * 8 * 8 * 8}, said))
        nodes.append(node('Conv', 'x w', 'z', 'c'))
        self.assertNotIn('nothing else', run(nodes, [IMAGE], [KERNEL])[1])


class Names(Case):
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


class Fuzz(unittest.TestCase):
    def test_functions_branches_and_metadata(self):
        """A model damaged by chance is extracted, or refused in one line."""
        inside = branch(
            node('Conv', 'a k', 'inner', 'conv'), node('Relu', 'inner', 'relu'), outputs='relu'
        )
        block = function(
            'Block',
            'a k yes',
            'y',
            [
                node('Conv', 'a k', 't', strides=Reference('strides')),
                node('If', 'yes', 'y', then_branch=inside, else_branch=inside),
            ],
            'my',
            strides=[1, 1],
        )
        nodes = [
            node('Conv', 'y v', 'z', 'after') + modules('', 'layer', 'conv'),
            node('Transpose', 'x', 'xt', perm=[0, 1, 3, 2]),
            call('Block', 'xt w yes', 'y', 'b', strides=[2, 2]),
            node('Squeeze', 'z axes', 's'),
            node('LSTM', 's wl rl', 'l', hidden_size=4, layout=1),
        ]
        weights = [
            KERNEL,
            tensor('v', [4, 4, 1, 1]),
            numbers('yes', 1),
            numbers('axes', 0),
            tensor('wl', [1, 16, 6]),
            tensor('rl', [1, 16, 4]),
        ]
        good = model(nodes, [IMAGE], weights, functions=[block])
        self.assertEqual(extract('m.onnx', good).status, 0)
        failed = count_refused(self, good, variants=1500)
        self.assertTrue(300 < failed < 1450, failed)


if __name__ == '__main__':
    unittest.main()
