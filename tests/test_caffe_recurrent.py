"""Caffe's recurrent layers: LSTM and RNN."""

import unittest

from definitions import DATA, EMBED, convolution, layer, recurrent, sequence
from extracted_caffe import entries
from support import extract


class Recurrent(unittest.TestCase):
    """LSTM and RNN: 7 steps of 2 sequences, of 16 features each, and a state of 32."""

    def test_lstm(self):
        """Four gates, each of the input and of the state."""
        net = entries(sequence((7, 2, 16), recurrent('LSTM')))
        self.assertEqual(net['r'], {
            'name': 'r', 'type': 'InnerProduct', 'macs': 7 * 4 * 32 * (16 + 32),
            'ifmap': [16 + 32, 7, 1], 'ofmap': [4 * 32, 7, 1], 'kernel': [1, 1], 'stride': [1, 1],
        })  # fmt: skip

    def test_rnn(self):
        """One gate, and the output made of the state: rnn_layer.cpp, W_xh, W_hh and W_ho."""
        net = entries(sequence((7, 2, 16), recurrent('RNN')))
        self.assertEqual(net['r']['macs'], 7 * 32 * (16 + 32))
        self.assertEqual(net['r/W_ho']['macs'], 7 * 32 * 32)
        self.assertEqual(net['r/W_ho']['ifmap'], [32, 7, 1])

    def test_static_input(self):
        """It is multiplied once, not in each step; here it has 5 features."""
        static = layer('s', 'Input', 'input_param { shape { dim: 2 dim: 5 } }')
        for type_, gates, name in (('LSTM', 4, 'r/W_xc_static'), ('RNN', 1, 'r/W_xh_static')):
            net = entries(sequence((7, 2, 16), static, recurrent(type_, 'bottom: "s"')))
            self.assertEqual(net[name]['macs'], gates * 32 * 5)
            self.assertEqual(net['r']['macs'], 7 * gates * 32 * (16 + 32))

    def test_exposed_state(self):
        """The state is of two vectors in an LSTM, and of one in an RNN."""
        state = layer('h', 'Input', 'input_param { shape { dim: 1 dim: 2 dim: 32 } }')
        for type_, more, name in (
            ('LSTM', 'bottom: "h" bottom: "h" top: "h1" top: "c1"', 'c1'),
            ('RNN', 'bottom: "h" top: "h1"', 'h1'),
        ):
            last = layer('f', 'InnerProduct', 'inner_product_param { num_output: 9 axis: 2 }', name)
            text = sequence((7, 2, 16), state, recurrent(type_, more, 'expose_hidden: true'), last)
            self.assertEqual(entries(text)['f']['macs'], 32 * 9)

    def test_what_follows(self):
        """A fully-connected layer on each of the 7 steps; features of 4 x 4 count as 16."""
        last = layer('f', 'InnerProduct', 'inner_product_param { num_output: 9 axis: 2 }', 'r')
        for shape in ((7, 2, 16), (7, 2, 4, 4)):
            net = entries(sequence(shape, recurrent('LSTM'), last))
            self.assertEqual(net['r']['macs'], 7 * 4 * 32 * (16 + 32))
            self.assertEqual((net['f']['macs'], net['f']['ifmap']), (7 * 32 * 9, [32, 7, 1]))

    def test_the_batch_is_the_second_dimension(self):
        """Of x, or of what x is made of, whichever input comes first."""
        last = layer('f', 'InnerProduct', 'inner_product_param { num_output: 9 axis: 2 }', 'r')
        x = sequence((7, 2, 16), recurrent('LSTM'), last)
        cont_first = ''.join(
            sorted(x.splitlines(True), key=lambda line: 'name: "cont"' not in line)
        )
        words = layer('w', 'Input', 'input_param { shape { dim: 7 dim: 2 } }')
        words += layer('e', 'Embed', EMBED, 'w', 'x0') + layer('d', 'Dropout', '', 'x0', 'x')
        words += layer('cont', 'Input', 'input_param { shape { dim: 7 dim: 2 } }')
        for text in (x, cont_first, words + recurrent('LSTM') + last):
            net = entries(text)
            self.assertEqual(net['r']['macs'], 7 * 4 * 32 * (16 + 32))
            self.assertEqual(net['f']['macs'], 7 * 32 * 9)

    def test_what_sequences_may_be_made_of(self):
        """Their steps come first, and their batch second, in all inputs on the way."""
        for size, type_, parameters in (
            (8, 'Concat', 'bottom: "y" concat_param { axis: 2 }'),
            (16, 'Eltwise', 'bottom: "y"'),
            (5, 'InnerProduct', 'inner_product_param { num_output: 16 axis: 2 }'),
            (32, 'Slice', 'top: "z" slice_param { axis: 2 }'),
            (16, 'Split', 'top: "z"'),
        ):
            shape = f'input_param {{ shape {{ dim: 7 dim: 2 dim: {size} }} }}'
            text = layer('y', 'Input', shape) + layer('x', type_, parameters, 'y')
            text += layer('cont', 'Input', 'input_param { shape { dim: 7 dim: 2 } }')
            net = entries(text + recurrent('LSTM'))
            self.assertEqual(net['r']['macs'], 7 * 4 * 32 * (16 + 32), type_)

    def test_frames_of_a_video(self):
        """With 14 images first, there is one step for each of them; with 2, there are 7."""
        for images, steps in ((14, 1), (2, 7)):
            text = DATA.replace('dim: 2 ', f'dim: {images} ')
            text += layer('c', 'Convolution', convolution(16, 3), 'data')
            text += layer(
                's', 'Input', 'input_param { shape { dim: 7 dim: 2 dim: 16 } }', None, 'x'
            )
            text += layer('cont', 'Input', 'input_param { shape { dim: 7 dim: 2 } }')
            net = entries(text + recurrent('LSTM'))
            self.assertEqual(net['r']['macs'], steps * 4 * 32 * (16 + 32))
            self.assertEqual(net['c']['macs'], 16 * 30 * 22 * 3 * 9)

    def test_input_option(self):
        """--input gives the steps and the features; the batch stays between them."""
        text = sequence((7, 2, 16), recurrent('LSTM'), cont=(9, 2))
        self.assertEqual(entries(text, '--input', '9,20')['r']['macs'], 9 * 4 * 32 * (20 + 32))

    def test_mistakes(self):
        for text, said in (
            (sequence((7, 2, 16), recurrent('LSTM'), cont=(7, 3)), 'cont is [7, 3] for x of [7, '),
            (sequence((7, 2), recurrent('LSTM')), 'x is [7, 2]; expected steps, sequences'),
            (sequence((7, 2, 16), recurrent('LSTM', 'top: "b"')), '2 tops; expected 2 or 3 bot'),
            (sequence((7, 2, 16), recurrent('RNN', 'bottom: "x" bottom: "x"')), '4 bottoms and'),
            (sequence((7, 2, 16), layer('r', 'LSTM', 'bottom: "cont"', 'x')), 'needs "num_output"'),
            (sequence((7, 2, 16), recurrent('RNN', '', 'expose_hidden: true')), 'expected 3 or 4'),
            (
                sequence((7, 2, 16), layer('p', 'Python'), recurrent('RNN', 'bottom: "p"')),
                "'p' (Python) does not tell",
            ),
        ):
            result = extract('n.prototxt', text)
            self.assertEqual((result.status, result.out), (1, ''))
            self.assertIn(said, result.err)


if __name__ == '__main__':
    unittest.main()
