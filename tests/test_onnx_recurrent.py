"""ONNX's recurrent layers: LSTM, GRU and RNN (nets/onnx_recurrent.py)."""

import unittest

from extracted_onnx import OnnxCase, foreign
from onnx_encoder import node, tensor, value


class Recurrent(OnnxCase):
    def test_all_directions_and_layouts(self):
        """Steps x gates x hidden x (input + hidden), for each direction."""
        for type_, gates, count in (('LSTM', 4, 3), ('GRU', 3, 2), ('RNN', 1, 2)):
            for layout in (0, 1):
                for directions, name in ((1, 'reverse'), (2, 'bidirectional')):
                    with self.subTest(type_, layout=layout, directions=directions):
                        w = tensor('w', [directions, gates * 32, 16])
                        r = tensor('r', [directions, gates * 32, 32])
                        outputs = 'y h c' if count == 3 else 'y h'
                        step = node(type_, 'x w r', outputs, layout=layout, direction=name)
                        states, last = (8, directions, 1, 32), (directions, 1, 32)
                        if layout:
                            states, last = (1, 8, directions, 32), (1, directions, 32)
                        inputs = {'i': [1, 1], 'x': [1, 8, 16] if layout else [8, 1, 16]}
                        macs = 8 * directions * gates * 32 * (16 + 32)
                        shapes = [('y', states), *((name, last) for name in outputs[2:].split())]
                        (entry,) = self.check_layers(
                            step, inputs, [w, r], ('InnerProduct', macs), shapes=shapes
                        )
                        self.assertEqual(entry['ifmap'], [directions * 48, 8, 1])
                        self.assertEqual(entry['ofmap'], [directions * gates * 32, 8, 1])
                        self.assertEqual(entry.get('groups', 1), directions)

    def test_directions_that_are_not_those_of_the_weights(self):
        weights = [tensor('w', [1, 128, 16]), tensor('r', [1, 128, 32])]
        step = node('LSTM', 'x w r', 'y', direction='bidirectional')
        said = 'W is [1, 128, 16], and "direction" is \'bidirectional\'; expected 2 as its first'
        self.refused([step], [value('x', [8, 1, 16])], weights, said)

    def test_quantized_lstm(self):
        """Its weights have rows for columns."""
        weights = [tensor('w', [1, 16, 128]), tensor('r', [1, 32, 128])]
        step = foreign('DynamicQuantizeLSTM', 'x w r', 'y')
        macs = 8 * 128 * 48
        shapes = [('y', (8, 1, 1, 32))]
        inputs = {'i': [1, 1], 'x': [8, 1, 16]}
        self.check_layers(step, inputs, weights, ('InnerProduct', macs), shapes=shapes)


if __name__ == '__main__':
    unittest.main()
