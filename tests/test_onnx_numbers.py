"""ONNX's operators: the numbers that they make of shapes and of constants (nets/onnx_numbers.py)."""

import math
import unittest

from extracted_onnx import CONV_MACS, IMAGE, KERNEL, OnnxCase, constant, follow
from onnx_encoder import node, numbers, tensor

from fodlam.nets.layers import BATCH


class Numbers(unittest.TestCase):
    """Numbers of outputs, by (operator, constants, attributes, numbers)."""

    MATRIX = constant('i0', [2, 3], [1, 2, 3, 4, 5, 6])

    def numbers(self, type_, constants, count=1, **attributes):
        names, weights = [], []
        for index, content in enumerate(constants):
            names.append('' if content is None else f'i{index}')
            if isinstance(content, bytes):
                weights.append(content)
            elif content is not None:
                weights.append(numbers(names[-1], *content))
        outputs = [f'o{index}' for index in range(count)]
        step = node(type_, ' '.join(names), ' '.join(outputs), **attributes)
        net = follow([step], {'x': [1, 1]}, weights)
        found = [net.constants.get(name) for name in outputs]
        return found if count > 1 else found[0]

    def check(self, rows):
        for type_, constants, attributes, expected in rows:
            with self.subTest(type_, constants=constants, **attributes):
                self.assertEqual(self.numbers(type_, constants, **attributes), expected)

    def test_towards_zero(self):
        """Integers are divided so; a remainder has the divisor's sign, or the number's."""
        self.check((
            ('Div', [[7, -7, 7, -7], [2, 2, -2, -2]], {}, (3, -3, -3, 3)),
            ('Div', [[-7.0], [2.0]], {}, (-3.5,)),
            ('Div', [[7], [0]], {}, None),
            ('Mod', [[7, -7, 7, -7], [3, 3, -3, -3]], {}, (1, 2, -2, -1)),
            ('Mod', [[7, -7, 7, -7], [3, 3, -3, -3]], {'fmod': 1}, (1, -1, 1, -1)),
            ('Mod', [[7], [0]], {}, None),
            ('Cast', [[2.5, -2.5]], {'to': 7}, (2, -2)),
        ))  # fmt: skip

    def test_number_by_number(self):
        self.check((
            ('Abs', [[-2, 3]], {}, (2, 3)),
            ('Add', [self.MATRIX, [10, 20, 30]], {}, (11, 22, 33, 14, 25, 36)),
            ('Sub', [[10], [1, 2]], {}, (9, 8)),
            ('Mul', [[2, 3], [4, 5]], {}, (8, 15)),
            ('Sum', [[1, 2], [10], [100]], {}, (111, 112)),
            ('Neg', [[2, -3]], {}, (-2, 3)),
            ('Max', [[2, -3], [0], [1]], {}, (2, 1)),
            ('Min', [[2, -3], [0], [1]], {}, (0, -3)),
            ('Sqrt', [[9.0, 2.25]], {}, (3.0, 1.5)),
            ('Sqrt', [[-1.0]], {}, None),
            ('Reciprocal', [[4.0]], {}, (0.25,)),
            ('Reciprocal', [[0.0]], {}, None),
            ('Floor', [[2.5, -2.5]], {}, (2.0, -3.0)),
            ('Ceil', [[2.5, -2.5]], {}, (3.0, -2.0)),
            ('Round', [[2.5, 3.5, -0.5]], {}, (2.0, 4.0, 0.0)),
            ('Relu', [[-2.0, 2.0]], {}, (0.0, 2.0)),
            ('Sign', [[-2, 0, 2]], {}, (-1, 0, 1)),
            ('Clip', [[-2, 2, 9], [0], [5]], {}, (0, 2, 5)),
            ('Clip', [[-2, 9], None, [5]], {}, (-2, 5)),
            ('Pow', [[3], [2]], {}, (9,)),
            ('Pow', [[3], [9]], {}, None),
            ('Pow', [[3], [-1]], {}, None),
            ('Pow', [[-3.0], [0.5]], {}, None),
            ('Less', [[1, 2, 3], [2]], {}, (True, False, False)),
            ('LessOrEqual', [[1, 2, 3], [2]], {}, (True, True, False)),
            ('Greater', [[1, 2, 3], [2]], {}, (False, False, True)),
            ('GreaterOrEqual', [[1, 2, 3], [2]], {}, (False, True, True)),
            ('Equal', [[1, 2, 3], [2]], {}, (False, True, False)),
            ('Not', [[0, 1]], {}, (True, False)),
            ('And', [[0, 1, 1], [1, 1, 0]], {}, (False, True, False)),
            ('Or', [[0, 1, 0], [1, 1, 0]], {}, (True, True, False)),
            ('Xor', [[0, 1, 1], [1, 1, 0]], {}, (True, False, True)),
            ('Where', [[1, 0], [2, 3], [4]], {}, (2, 4)),
            ('Cast', [[0, 3]], {'to': 9}, (False, True)),
            ('Cast', [[3]], {'to': 1}, (3.0,)),
            ('Cast', [[3]], {'to': 10}, None),  # a float of 16 bits
        ))  # fmt: skip

    def test_moving_numbers(self):
        matrix = self.MATRIX
        self.check((
            ('Gather', [matrix, [2, -3]], {'axis': 1}, (3, 1, 6, 4)),
            ('Gather', [matrix, [1]], {}, (4, 5, 6)),
            ('Gather', [matrix, [2]], {}, None),
            ('Concat', [matrix, constant('i1', [2, 1], [8, 9])], {'axis': 1},
             (1, 2, 3, 8, 4, 5, 6, 9)),
            ('Slice', [matrix, [1], [9], [1]], {}, (2, 3, 5, 6)),
            ('Slice', [matrix, [-1, 2], [-9, -9], [0, 1], [-1, -2]], {}, (6, 4, 3, 1)),
            ('Transpose', [matrix], {}, (1, 4, 2, 5, 3, 6)),
            ('Tile', [matrix, [1, 2]], {}, (1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6)),
            ('Tile', [matrix, [99, 1]], {}, None),  # too many
            ('Expand', [[7], [2, 2]], {}, (7, 7, 7, 7)),
            ('Expand', [[7, 8], [2, 1]], {}, (7, 8, 7, 8)),
            ('Flatten', [matrix], {'axis': 2}, (1, 2, 3, 4, 5, 6)),
            ('ReduceSum', [matrix, [0]], {}, (5, 7, 9)),
            ('ReduceProd', [matrix, [1]], {'keepdims': 0}, (6, 120)),
            ('ReduceMax', [matrix], {'axes': [0]}, (4, 5, 6)),
            ('ReduceMin', [matrix], {}, (1,)),
            ('ReduceMin', [[]], {}, None),  # of nothing
            ('Range', [[5], [0], [-2]], {}, (5, 3, 1)),
            ('NonZero', [constant('i0', [2, 2], [0, 5, 6, 0])], {}, (0, 1, 1, 0)),
            ('ConstantOfShape', [[2]], {'value': numbers('', 7)}, (7, 7)),
            ('ConstantOfShape', [[2]], {}, (0.0, 0.0)),
            ('ConstantOfShape', [[2, 3]], {'value': numbers('', 7)}, (7,) * 6),
            ('ConstantOfShape', [[64]], {'value': numbers('', 7)}, (7,) * 64),
            ('ConstantOfShape', [[65]], {'value': numbers('', 7)}, None),  # too many
        ))  # fmt: skip
        parts = self.numbers('Split', [matrix, [1, 2]], 2, axis=1)
        self.assertEqual(parts, [(1, 4), (2, 3, 5, 6)])

    def test_constants(self):
        for attributes, expected in (
            ({'value': numbers('', 4, 6)}, (4, 6)),
            ({'value_int': 7}, (7,)),
            ({'value_ints': [7, -8]}, (7, -8)),
            ({'value_float': 2.5}, (2.5,)),
            ({'value_floats': [2.5, 1.0]}, (2.5, 1.0)),
        ):
            net = follow([node('Constant', '', 'y', **attributes)])
            self.assertEqual(net.constants['y'], expected)

    def test_constants_of_another_size_than_they_say(self):
        for dims in ([1], [3]):
            net = follow([node('ReduceSum', 'a', 'y')], weights=[constant('a', dims, [5, 6])])
            self.assertNotIn('y', net.constants, dims)

    def test_integers_of_few_bits(self):
        """What does not fit is not known, as some runtimes wrap it and others do not."""
        for to, least, most in (
            (2, 0, 255), (3, -128, 127), (4, 0, 65535), (5, -32768, 32767),
            (6, -(2**31), 2**31 - 1), (12, 0, 2**32 - 1),
        ):  # fmt: skip
            found = self.numbers('Cast', [[least - 1, least, most, most + 1]], to=to)
            self.assertEqual([math.isnan(number) for number in found], [True, False, False, True])
            self.assertEqual(found[1:3], (least, most))

    def test_32_bits(self):
        """0.7 in 32 bits times 10 is 7.0 in 32 bits, though it is less in 64."""
        steps = [node('Mul', 'ten scale', 'm'), node('Floor', 'm', 'y')]
        net = follow(steps, [IMAGE], [numbers('ten', 10.0), numbers('scale', 0.7)])
        self.assertEqual(net.constants['y'], (7.0,))
        third = [node('Cast', 'one', 'd', to=11), node('Cast', 'three', 'e', to=11),
                 node('Div', 'd e', 'y')]  # fmt: skip
        net = follow(third, [IMAGE], [numbers('one', 1), numbers('three', 3)])
        self.assertEqual(net.constants['y'], (1 / 3,))

    def test_what_depends_on_the_batch(self):
        """N is at least 1. What is known of it is followed, and no more."""
        size = node('Shape', 'x', 's', end=1)
        for step, expected in (
            (node('Max', 's one', 'y'), BATCH),
            (node('Max', 's five', 'y'), None),
            (node('Min', 's one', 'y'), 1),
            (node('Min', 's five', 'y'), None),
            (node('Mul', 's five', 'y'), 5 * BATCH),
            (node('Div', 's five', 'y'), None),
            (node('Div', 'five s', 'y'), None),
            (node('Mod', 's five', 'y'), None),
            (node('Sub', 's one', 'y'), None),
            (node('Greater', 's zero', 'y'), True),
            (node('Equal', 's five', 'y'), None),
            (node('Equal', 's s', 'y'), True),
            (node('Cast', 's', 'y', to=1), None),
            (node('Cast', 's', 'y', to=7), BATCH),
        ):
            with self.subTest(expected):
                weights = [numbers('zero', 0), numbers('one', 1), numbers('five', 5)]
                net = follow([size, step], {'x': ['N', 3]}, weights)
                (number,) = net.constants['y']
                if expected is None:
                    self.assertTrue(math.isnan(number), number)
                else:
                    self.assertEqual(number, expected)

    def test_numbers_that_are_not_known(self):
        """A symbol is none that a comparison or a Cast could tell."""
        steps = [
            node('Shape', 'm', 's'),
            node('Cast', 's', 'f', to=1),
            node('Cast', 'f', 'i', to=7),
            node('Equal', 's s', 'e'),
            node('Where', 'e s i', 'w'),
            node('NonZero', 's', 'n'),
            node('Max', 'five s', 'l'),
        ]
        net = follow(steps, {'x': [1, 3], 'm': [1, 'L']}, [numbers('five', 5)])
        for name in 'fiewl':
            self.assertTrue(math.isnan(net.constants[name][1]), name)
        self.assertEqual(net.constants['e'][0], True)
        self.assertEqual(net.constants['l'][0], 5)
        self.assertEqual(str(list(net.shapes['n'])), '[1, ?]')

    def test_a_number_that_is_too_large_leaves_all_unknown(self):
        """The batch times the batch, as beside 3 x 3."""
        steps = [node('Shape', 'x', 's'), node('Mul', 's s', 'y')]
        self.assertNotIn('y', follow(steps, {'x': ['N', 3]}).constants)

    def test_sizes_do_not_grow_without_end(self):
        steps = [node('Shape', 'x', 's0')]
        steps += [node('Mul', f's{index} s{index}', f's{index + 1}') for index in range(99)]
        net = follow(steps, {'x': ['N', 3]})
        self.assertEqual(net.constants.get('s99'), None)


class Arithmetic(OnnxCase):
    """Sizes that nodes compute."""

    POINTS = tensor('v', [5, 4, 1, 1])  # a 1 x 1 kernel

    def test_what_is_computed_from_shapes(self):
        """A Reshape to [N, 8 / 2, 0.51 x 9 x 8 rounded down, -1], the batch a symbol."""
        nodes = [
            node('Shape', 'x', 's'),
            node('Gather', 's zero', 'n'),
            node('Gather', 's one', 'c'),
            node('Slice', 's two_ four', 'hw'),
            node('Div', 'c two', 'half'),
            node('ReduceProd', 'hw', 'pixels'),
            node('Cast', 'pixels', 'f', to=1),
            node('Mul', 'f scale', 'scaled'),
            node('Floor', 'scaled', 'floor'),
            node('Cast', 'floor', 'count', to=7),
            *(node('Unsqueeze', name, f'{name}1', axes=[0]) for name in ('n', 'half')),
            node('Concat', 'n1 half1 count rest', 'shape', axis=0),
            node('Reshape', 'x shape', 'y'),
            node('Identity', 'y', 'z'),
        ]
        weights = [
            *(numbers(name, n, scalar=True) for name, n in (('zero', 0), ('one', 1), ('two', 2))),
            numbers('two_', 2),
            numbers('four', 4),
            numbers('rest', -1),
            numbers('scale', 0.51),
        ]
        net = follow(nodes, {'x': ['N', 8, 9, 8]}, weights)
        self.assertEqual(net.shapes['z'], (BATCH, 4, 36, 4))

    def test_sizes_by_arithmetic(self):
        """The image is cut to -5 / 2 = -2 of its sizes: 6 x 6 of 8 x 8."""
        steps = [
            node('Div', 'minus_five two', 'end'),
            node('Slice', 'x zero end axis', 'a'),
            node('Slice', 'a zero end axis2', 'b'),
            node('Conv', 'b w', 'y', 'c'),
        ]
        weights = [KERNEL, numbers('minus_five', -5), numbers('two', 2), numbers('zero', 0),
                   numbers('axis', 2), numbers('axis2', 3)]  # fmt: skip
        self.check_macs(4 * 4 * 4 * 27, steps, weights=weights)

    def test_padding_that_is_computed(self):
        """As PyTorch's SAME padding: max(0, 3 - 8 % 2) = 3, half of it before, rounded down."""
        steps = [
            node('Shape', 'x', 's', start=2),
            node('Mod', 's two', 'm'),
            node('Sub', 'three m', 'd'),
            node('Max', 'd zero', 'p'),
            node('Div', 'p two', 'before'),
            node('Sub', 'p before', 'after'),
            node('Concat', 'none before none after', 'pads', axis=0),
            node('Pad', 'x pads', 'a'),
            node('Conv', 'a w', 'y', 'c', strides=[2, 2]),
        ]
        weights = [KERNEL, numbers('two', 2), numbers('three', 3), numbers('zero', 0),
                   numbers('none', 0, 0)]  # fmt: skip
        self.check_macs(4 * 5 * 5 * 27, steps, weights=weights)

    def test_padding_of_constants_side_by_side(self):
        """[[0, 0], [0, 0], [1, 2], [3, 4]], transposed: 1 above, 3 left, 2 below, 4 right."""
        steps = [
            node('Concat', 'before after', 'pairs', axis=1),
            node('Transpose', 'pairs', 't', perm=[1, 0]),
            node('Reshape', 't all', 'pads'),
            node('Pad', 'x pads', 'a'),
            node('Conv', 'a w', 'y', 'c'),
        ]
        weights = [KERNEL, constant('before', [4, 1], [0, 0, 1, 3]), numbers('all', -1),
                   constant('after', [4, 1], [0, 0, 2, 4])]  # fmt: skip
        self.check_macs(4 * 9 * 13 * 27, steps, weights=weights)

    def test_sizes_of_another_axis(self):
        """Column 1 of [[1, 9], [4, 8]] is [9, 8], and not row 1."""
        steps = [
            node('Gather', 'table one', 'sizes', axis=1),
            node('Reshape', 'sizes all', 'hw'),
            node('Resize', 'x   hw', 'a', axes=[2, 3]),
            node('Conv', 'a w', 'y', 'c'),
        ]
        table = constant('table', [2, 2], [1, 9, 4, 8])
        weights = [KERNEL, table, numbers('one', 1), numbers('all', -1)]
        self.check_macs(4 * 7 * 6 * 27, steps, weights=weights)

    def test_behind_a_product_of_constants(self):
        """[1, 5] by [5, 4] is added to 4 channels."""
        steps = [
            node('Conv', 'x w', 'a', 'c'),
            node('Gemm', 'k e', 'u'),
            node('Unsqueeze', 'u axes', 'u4'),
            node('Add', 'a u4', 'b'),
            node('Conv', 'b v', 'y', 'd'),
        ]
        weights = [KERNEL, tensor('k', [1, 5]), tensor('e', [5, 4]), numbers('axes', 2, 3),
                   self.POINTS]  # fmt: skip
        self.check_macs(5 * 6 * 6 * 4, steps, weights=weights)

    def test_expanding_to_what_a_mask_chooses(self):
        """As PyTorch writes x.expand(-1, 3, -1, -1), where -1 keeps a size."""
        steps = [
            node('Shape', 'target', 'rank'),
            node('ConstantOfShape', 'rank', 'ones', value=numbers('', 1)),
            node('Mul', 'ones minus_one', 'minus_ones'),
            node('Equal', 'target minus_ones', 'kept'),
            node('Where', 'kept ones target', 'sizes'),
            node('Expand', 'x sizes', 'a'),
            node('Conv', 'a w', 'y', 'c'),
        ]
        weights = [KERNEL, numbers('target', -1, 3, -1, -1), numbers('minus_one', -1)]
        self.check_macs(CONV_MACS, steps, {'x': ['N', 1, 8, 8]}, weights)

    def test_expanding_to_the_shape_of_another(self):
        """Sizes are compared with themselves, the batch too, which is a symbol."""
        steps = [
            node('Shape', 'x', 'sizes'),
            node('Equal', 'sizes sizes', 'same'),
            node('Where', 'same sizes one', 'chosen'),
            node('Expand', 'mean chosen', 'a'),
            node('Conv', 'a w', 'y', 'c'),
        ]
        inputs = {'x': ['N', 1, 8, 8], 'mean': ['N', 3, 1, 1]}
        self.check_macs(CONV_MACS, steps, inputs, [KERNEL, numbers('one', 1)])

    def test_flattening_by_a_part_of_a_shape(self):
        steps = [
            node('Shape', 'x', 's', end=1),
            node('Constant', '', 'rest', value_ints=[-1]),
            node('Concat', 's rest', 'shape', axis=0),
            node('Reshape', 'x shape', 'f'),
            node('MatMul', 'f m', 'y'),
        ]
        self.check_macs(192 * 5, steps, {'x': ['N', 3, 8, 8]}, [tensor('m', [192, 5])])


if __name__ == '__main__':
    unittest.main()
