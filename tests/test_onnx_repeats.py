"""ONNX: operands that products share, as nodes repeat them (nets/onnx_repeats.py)."""

import unittest

from extracted import refusals
from extracted_onnx import layers, result_of
from onnx_encoder import node, numbers, tensor


class Shared(unittest.TestCase):
    """Products of 8 heads with keys of 2, of which each is repeated 4 times."""

    WEIGHTS = [
        numbers('two', 2),
        numbers('five', 1, 1, 4, 1, 1),
        numbers('four', 1, 4, 1, 1),
        numbers('heads', 0, 8, 7, 16),
        numbers('flat', -1, 7, 16),
        numbers('flat_q', -1, 5, 16),
        numbers('half', 0.5),
    ]

    def product(self, *steps, q='q', batch=1):
        """Return the entry of q times a value "r" that the steps make of the keys "k"."""
        inputs = {'q': [batch, 8, 5, 16], 'k': [batch, 2, 7, 16]}
        (entry,) = layers([*steps, node('MatMul', f'{q} r', 'y')], inputs, self.WEIGHTS)
        self.assertEqual((entry['macs'], entry['groups']), (8 * 5 * 16 * 7, 8))
        return entry

    def test_ways_to_repeat(self):
        unsqueeze, merge = node('Unsqueeze', 'k two', 'u'), node('Reshape', 'e heads', 'm')
        turn = node('Transpose', 'm', 'r', perm=[0, 1, 3, 2])
        for batch in (1, 2, 'N'):
            for steps in (
                [unsqueeze, node('Expand', 'u five', 'e'), merge, turn],
                [unsqueeze, node('Tile', 'u five', 'e'), merge, turn],
                [unsqueeze, node('Concat', 'u u u u', 'e', axis=2), merge, turn],
                [node('Concat', 'k k k k', 'm', axis=1), turn],
                [node('Tile', 'k four', 'm'), turn],
                [
                    node('Tile', 'k four', 't'),
                    node('Mul', 'half t', 's'),
                    node('Cast', 's', 'm', to=1),
                    turn,
                ],
            ):
                self.assertEqual(self.product(*steps, batch=batch)['shared'], 4)

    def test_heads_that_are_folded_into_the_batch(self):
        steps = [
            node('Tile', 'k four', 't'),
            node('Reshape', 't flat', 'm'),
            node('Transpose', 'm', 'r', perm=[0, 2, 1]),
            node('Reshape', 'q flat_q', 'p'),
        ]
        self.assertEqual(self.product(*steps, q='p', batch='N')['shared'], 4)

    def test_a_broadcast_operand(self):
        inputs = {'q': ['N', 2, 4, 5, 16], 'k': ['N', 2, 1, 16, 7]}
        (entry,) = layers([node('MatMul', 'q k', 'y')], inputs)
        self.assertEqual((entry['groups'], entry['shared']), (8, 4))

    def test_einsum(self):
        inputs = {'q': [1, 8, 5, 16], 'k': [1, 2, 7, 16]}
        steps = [
            node('Tile', 'k four', 'r'),
            node('Einsum', 'q r', 'y', equation='bhqd,bhkd->bhqk'),
        ]
        self.assertEqual(layers(steps, inputs, self.WEIGHTS)[0]['shared'], 4)

    def test_nothing_is_shared(self):
        """Frames, rows, different values and what combines heads are no copies for heads."""
        inputs = {'q': [2, 8, 5, 16], 'k': [2, 8, 16, 7], 'n': [2, 2, 16, 7], 'm': [2, 2, 16, 7],
                  'row': [2, 8, 1, 7]}  # fmt: skip
        weights = [
            numbers('frames', 2, 1, 1, 1),
            numbers('rows', 1, 1, 16, 1),
            tensor('b', [8, 1, 1]),
        ]
        for steps in (
            [],
            [node('ReduceMax', 'k', 'one', axes=[0]), node('Expand', 'one frames', 'k2')],
            [node('Concat', 'n m n m', 'k2', axis=1)],
            [node('Tile', 'row rows', 'k2')],
            [node('Concat', 'n n n n', 'j', axis=1), node('Mul', 'j b', 'k2')],
            [node('Concat', 'n n n n', 'j', axis=1), node('Softmax', 'j', 'k2')],
        ):
            operand = 'k2' if steps else 'k'
            (entry,) = layers([*steps, node('MatMul', f'q {operand}', 'y')], inputs, weights)
            self.assertEqual(entry['groups'], 8)
            self.assertNotIn('shared', entry)

    def test_what_fodlam_makes_of_it(self):
        """It takes the entry, beside a layer that Eyeriss and EIE have a cost for."""
        inputs = {'q': [1, 8, 5, 16], 'k': [1, 2, 7, 16]}
        steps = [
            node('Tile', 'k four', 'r'),
            node('Einsum', 'q r', 'y', equation='bhqd,bhkd->bhqk'),
            node('MatMul', 'q m', 'z'),
        ]
        text = result_of(steps, inputs, [*self.WEIGHTS, tensor('m', [16, 5])]).out
        self.assertIn('"shared": 4', text)
        self.assertEqual(refusals(text), [])


if __name__ == '__main__':
    unittest.main()
