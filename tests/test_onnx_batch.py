"""ONNX: which dimension of an input is the batch, and what is said of it."""

import json
import unittest
from unittest import mock

from extracted_onnx import CONV_MACS, KERNEL, LARGE_KERNEL, OnnxCase, error_of, layers, run
from onnx_encoder import model, node, numbers, tensor, value
from support import extract

FC = [node('MatMul', 'x v', 'y', 'fc')]
WEIGHTS = [tensor('v', [16, 4])]  # 64 MACs for each row of 16


class Batch(OnnxCase):
    def fc(self, dims, *argv, nodes=(), weights=()):
        """Return (rows of a frame, what is on stderr) for a MatMul of an input of these dims."""
        macs, said = run([*nodes, *FC], [value('x', dims)], [*WEIGHTS, *weights], *argv)
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
            self.refused(FC, [value('x', dims)], WEIGHTS, 'is symbolic', said)

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

    def test_how_far_an_input_is_followed(self):
        """Over two nodes, to an LSTM; if that is too far, the first dimension is guessed."""
        lstm = node('LSTM', 't wl rl', 'r', hidden_size=32)
        nodes = [node('Relu', 'x', 't'), lstm]
        weights = [tensor('wl', [1, 128, 16]), tensor('rl', [1, 128, 32])]
        for most, rows in ((3, 8), (1, 4)):
            with mock.patch('fodlam.nets.onnx_inputs.MAX_FOLLOWED', most):
                found, _ = self.fc([8, 4, 16], nodes=nodes, weights=weights)
            self.assertEqual(found, rows, most)

    def test_states_of_recurrent_operators(self):
        """[directions, batch, features]: they agree with an input of a batch of 4."""
        lstm = node('LSTM', 'x wl rl   h', 'r', hidden_size=32, direction='bidirectional')
        nodes = [lstm, *FC]
        weights = [tensor('wl', [2, 128, 16]), tensor('rl', [2, 128, 32]), *WEIGHTS]
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
                WEIGHTS,
                "inputs disagree on the batch: 'd' is [10, 16], with a batch of 10, and 'a' is "
                '[1, 16], with a batch of 1; give the number',
            )
            macs, _ = run(nodes, inputs, WEIGHTS, '--batch', '1')
            self.assertEqual(macs, {'q': 64, 'docs': 640})
        for inputs in ([value('a', ['N', 16]), ten], [ten, value('a', ['N', 16])]):
            self.refused(nodes, inputs, WEIGHTS, "'a' is [N, 16]", "'d' is [10, 16]")
        for inputs in (
            [value('a', ['N', 16]), value('d', [1, 16])],
            [value('a', [1, 16]), value('d', ['N', 16])],
            [value('a', ['N', 16]), value('d', ['unk__7', 16])],
            [value('a', [-1, 16]), value('d', [None, 16])],
        ):
            macs, said = run(nodes, inputs, WEIGHTS)
            self.assertEqual((macs, said), ({'q': 64, 'docs': 64}, ''))

    def test_a_guess_is_said_whichever_input_it_is_of(self):
        nodes = [*FC, node('MatMul', 'z v', 'u', 'other')]
        sequence, plain = value('x', [9, 1, 16]), value('z', [1, 16])
        for inputs in ([sequence, plain], [plain, sequence]):
            macs, said = run(nodes, inputs, WEIGHTS)
            self.assertEqual(macs, {'fc': 9 * 64, 'other': 64})
            self.assertIn("1, dimension 1 of 'x', which is [9, 1, 16]", said)

    def test_vectors_beside_other_inputs_have_no_say(self):
        nodes = [*FC, node('Unsqueeze', 't one', 'u'), node('MatMul', 'u e', 'z', 'time')]
        weights = [*WEIGHTS, tensor('e', [1, 64]), numbers('one', 1)]
        for dims, batch in (([1], 'N'), (['N'], 'N'), ([None], 'N'), ([1], 1), ([4], 4)):
            macs, _ = run(nodes, [value('t', dims), value('x', [batch, 16])], weights)
            self.assertEqual(macs, {'fc': 64, 'time': 64})
        macs, said = run(nodes, [value('t', [4]), value('x', [1, 16])], weights)
        self.assertEqual((macs, said), ({'fc': 64, 'time': 4 * 64}, ''))

    def test_a_vector_by_itself(self):
        """One number for each frame: 1 x 4 MACs, and not N times as many."""
        nodes = [node('Unsqueeze', 't one', 'u'), node('MatMul', 'u e', 'z', 'time')]
        macs, _ = run(nodes, [value('t', ['N'])], [tensor('e', [1, 4]), numbers('one', 1)])
        self.assertEqual(macs, {'time': 4})

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

    def test_options(self):
        for argv, status, part in (
            (['--batch', '0'], 2, "--batch is '0'; expected 1 or more"),
            (['--batch', 'two'], 2, "--batch is 'two'"),
            (['--batch-axis', '-1'], 2, '--batch-axis'),
            (['--batch-axis', 'x'], 2, "--batch-axis is 'x'; expected 0 to 9"),
            (['--batch-axis', '2'], 1, '--batch-axis 2: no input has such a dimension; expected'),
        ):
            content = model(FC, [value('x', [1, 16])], WEIGHTS)
            result = extract('m.onnx', content, *argv)
            self.assertEqual((result.status, result.out), (status, ''), argv)
            self.assertIn(part, result.err)


class Frames(OnnxCase):
    """Frames that are in the batch, and what would mix them."""

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
            ([2, 16], one, ['--batch', '1'], 2 * 16 * 2),
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
        self.refused(nodes, inputs, [*WEIGHTS, *weights], *said)
        argv = ['--batch-axis', '1']
        self.assertEqual(run(nodes, inputs, [*WEIGHTS, *weights], *argv)[0], {'fc': 64})

    def test_frames_of_a_convolution(self):
        """Frames that a convolution gets at once are its batch, whatever the user says."""
        nodes = [node('Conv', 'x w', 'y', 'c')]
        inputs = [value('x', [5, 3, 8, 8])]
        macs, said = run(nodes, inputs, [KERNEL])
        self.assertEqual(macs, {'c': CONV_MACS})
        self.assertIn("5, dimension 0 of 'x'", said)
        self.refused(nodes, inputs, [KERNEL], 'the first dimension is 5', argv=['--batch', '1'])

    def test_a_batch_that_exporters_leave_open(self):
        """They write a size of 0 or -1 for any."""
        nodes = [node('Conv', 'x w', 'y', 'c')]
        for size in (0, -1):
            for argv in ([], ['--input', '3,8,8']):
                found = run(nodes, [value('x', [size, 3, 8, 8])], [KERNEL], *argv)
                self.assertEqual(found, ({'c': CONV_MACS}, ''), (size, argv))

    def test_a_kernel_has_no_batch(self):
        nodes = [node('Conv', 'x k', 'y', 'xcorr', group=4)]
        inputs = [value('x', [1, 4, 9, 9]), value('k', [4, 1, 5, 5])]
        for weights in ([], WEIGHTS):
            self.assertEqual(run(nodes, inputs, weights), ({'xcorr': 4 * 25 * 25}, ''))

    def test_frames_in_the_batch(self):
        for first, batch in ((8, 1), (1, 4), (8, 'N'), ('unk__0', 'N')):
            nodes = [node('Odd', 'image', 'x'), node('Conv', 'x w', 'y', 'c')]
            image, inner = value('image', [batch, 8, 3, 9, 9]), value('x', [first, 3, 9, 9])
            result = extract('m.onnx', model(nodes, [image], [LARGE_KERNEL], [inner]))
            self.assertEqual(result.status, 1, first)
            self.assertIn(f'the first dimension is {first} where the batch', result.err)

    def test_one_frame_of_a_batch_that_is_no_number(self):
        """A first dimension of 1 is one frame; of 2, it could be anything."""
        nodes, weights = [node('Odd', 'image', 'x'), node('Conv', 'x w', 'y', 'c')], [KERNEL]
        inputs = [value('image', ['N', 8, 3, 8, 8])]
        macs, _ = run(nodes, inputs, weights, values=[value('x', [1, 3, 8, 8])])
        self.assertEqual(macs, {'c': CONV_MACS})
        said = 'the first dimension is 2 where the batch of the first input is N'
        self.refused(nodes, inputs, weights, said, values=[value('x', [2, 3, 8, 8])])

    def test_rows_that_may_hold_a_batch(self):
        """[N, 197, 50] as [-1, 50] has an unknown number of rows, or one that holds N times 197."""
        for x, batch in (
            (['unk__0', 50], 'N'),
            ([197, 50], 'N'),
            ([197, 50], 2),
            ([None, 50], None),
            ([4, 50], 0),
            ([4, 50], -1),
            ([None, 50], 'N'),
        ):
            nodes = [node('Odd', 'image', 'x'), node('Gemm', 'x w', 'y', 'f')]
            image, inner = value('image', [batch, 3]), value('x', x)
            content = model(nodes, [image], [tensor('w', [50, 10])], [inner])
            result = extract('m.onnx', content)
            self.assertEqual(result.status, 1, x)
            self.assertIn('fix the batch size', result.err)

    def test_a_batch_of_symbols(self):
        """64*batch is 64 a frame; unk__6 is not a batch of 6; nor is a shape of constants."""
        gemm = [node('Gemm', 'y v', 'o', 'f')]
        weights = [tensor('v', [5, 7])]
        for first, rows in (('64*batch', 64), ('batch*64', 64), ('batch', 1), (1, 1)):
            inputs = [value('x', ['batch', 3]), value('y', [first, 5])]
            self.assertEqual(layers(gemm, inputs, weights)[0]['ifmap'], [5, rows, 1])
        nodes = [node('Odd', 'x', 'y'), *gemm]
        for first in ('unk__6', '64*other', 64, None):
            values = [value('y', [first, 5])]
            error = error_of(nodes, [value('x', ['batch', 3])], weights, values)
            self.assertIn('where the batch of the first input is batch; fix the', error)


if __name__ == '__main__':
    unittest.main()
