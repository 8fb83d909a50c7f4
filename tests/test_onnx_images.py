"""ONNX's operators on images and signals: shapes, and sizes that runtimes differ on."""

import unittest

from extracted_onnx import IMAGE, KERNEL, OnnxCase, layers, run
from onnx_encoder import node, numbers, tensor, value

from fodlam.nets.layers import BATCH
from fodlam.nets.onnx_op import UNKNOWN


class Shapes(OnnxCase):
    """Shapes of outputs, by (operator, inputs, attributes, shapes)."""

    X = (1, 4, 6, 6)

    def test_images(self):
        x = self.X
        self.check_shapes((
            ('DepthToSpace', [x], {'blocksize': 2}, (1, 1, 12, 12)),
            ('DepthToSpace', [x], {'blocksize': 3}, None),
            ('SpaceToDepth', [x], {'blocksize': 3}, (1, 36, 2, 2)),
            ('SpaceToDepth', [x], {'blocksize': 4}, None),
            ('GridSample', [x, (1, 5, 7, 2)], {}, (1, 4, 5, 7)),
            ('AffineGrid', [(1, 2, 3), [1, 4, 5, 7]], {}, (1, 5, 7, 2)),
            ('Col2Im', [(1, 18, 12), [5, 4], [2, 3]], {}, (1, 3, 5, 4)),
            ('MaxUnpool', [x, x], {'kernel_shape': [2, 2], 'strides': [2, 2]}, (1, 4, 12, 12)),
            ('MaxUnpool', [x, x], {'kernel_shape': [2, 2], 'strides': [2, 2], 'pads': [1, 1, 1, 0]},
             (1, 4, 10, 11)),
            ('RoiAlign', [x, (9, 4), (9,)], {'output_height': 3, 'output_width': 2}, (1, 4, 3, 2)),
            ('MaxRoiPool', [x, (9, 5)], {'pooled_shape': [3, 2]}, (1, 4, 3, 2)),
            ('DeformConv', [x, (5, 4, 3, 3), (1, 18, 4, 4)], {}, (1, 5, 4, 4)),
            ('MaxPool', [x], {'kernel_shape': [2, 3], 'strides': [2, 1]}, *[(1, 4, 3, 4)] * 2),
            ('LpPool', [x], {'kernel_shape': [2, 3]}, (1, 4, 5, 4)),
            ('GlobalMaxPool', [x], {}, (1, 4, 1, 1)),
            ('GlobalLpPool', [x], {}, (1, 4, 1, 1)),
            ('DeformConv', [x, (8, 4, 3, 3), (1, 18, 4, 4)], {}, (1, 8, 4, 4)),
            ('STFT', [(1, 40, 1), 8, None, 16], {}, (1, 4, 9, 2)),
            ('STFT', [(1, 40, 1), 8, (16,)], {'onesided': 0}, (1, 4, 16, 2)),
            ('DFT', [(1, 40, 1)], {'axis': 1}, (1, 40, 2)),
            ('DFT', [(1, 40, 1), None, 1], {'onesided': 1}, (1, 21, 2)),
            ('DFT', [(1, 21, 2)], {'onesided': 1, 'inverse': 1}, (1, 40, 1)),
            ('MelWeightMatrix', [8, 16, 8192], {}, (9, 8)),
        ))  # fmt: skip

    def test_resize(self):
        """By scales and by sizes, which may keep the ratio: the scale is 1/2, and 4/5."""
        x, not_larger = (1, 4, 10, 30), {'keep_aspect_ratio_policy': 'not_larger', 'axes': [2, 3]}
        not_smaller = {**not_larger, 'keep_aspect_ratio_policy': 'not_smaller'}
        self.check_shapes((
            ('Resize', [x, None, None, [8, 15]], not_larger, (1, 4, 5, 15)),
            ('Resize', [x, None, None, [8, 15]], not_smaller, (1, 4, 8, 24)),
            ('Resize', [x, None, None, [8, 15]], {'axes': [3, 2]}, (1, 4, 15, 8)),
            ('Resize', [x, None, None, [8, 15]], {}, None),  # for which axes?
            ('Resize', [x, None, None, [3, 9, 0]], {}, None),
            ('Resize', [x, None, [1.0, 1.0, 0.5, 0.7]], {}, (1, 4, 5, 21)),
            ('Resize', [x, None, [1.0, 1.0, 0.5, 0.7], []], {}, (1, 4, 5, 21)),
            ('Resize', [x, [1.0, 1.0, 1.25, 0.9]], {}, (1, 4, 12, 27)),
            ('Resize', [('N', 4, 10, 30), None, [1.0, 1.0, 2.0, 2.0]], {}, (BATCH, 4, 20, 60)),
            ('Resize', [('N', 4), None, [0.5, 1.0]], {}, None),
            ('Resize', [(1, 4, 'H', 30), None, [1.0, 1.0, 1.5, 0.5]], {}, (1, 4, UNKNOWN, 15)),
            ('Resize', [x], {}, None),
            ('Upsample', [x], {'scales': [1.0, 1.0, 2.0, 3.0]}, (1, 4, 20, 90)),
            ('Upsample', [x], {'height_scale': 2.0, 'width_scale': 3.0}, (1, 4, 20, 90)),
            ('Upsample', [x, [1.0, 1.0, 2.0, 3.0]], {}, (1, 4, 20, 90)),
        ))  # fmt: skip

    def test_scales_between_two_floats(self):
        """Runtimes make 7 of 10 * 0.7, ONNX's inference makes 6: a file that states 6 is taken."""
        step = node('Resize', 'x  scales', 'y')
        probe = node('Conv', 'y v', 'z', 'c')
        weights = [numbers('scales', 1.0, 1.0, 0.7, 0.7), tensor('v', [1, 4, 1, 1])]
        for stated, size in (([], 7), ([value('y', [1, 4, 6, 6])], 6)):
            entry = layers([step, probe], {'x': [1, 4, 10, 10]}, weights, stated)[0]
            self.assertEqual(entry['ifmap'], [4, size, size])


class Behind(OnnxCase):
    """A Conv behind them."""

    def test_behind_operators_of_images(self):
        for step, macs in (
            (node('DepthToSpace', 'x', 'a', blocksize=2), None),
            (node('GridSample', 'x g', 'a'), 4 * 3 * 5 * 27),
            (node('Upsample', 'x', 'a', scales=[1.0, 1.0, 0.5, 0.5]), 4 * 2 * 2 * 27),
        ):
            steps = [step, node('Conv', 'a w', 'y', 'c')]
            inputs = {'x': [1, 3, 8, 8], 'g': [1, 5, 7, 2]}
            if macs is None:
                self.check_macs(4 * 14 * 14 * 27, steps, {'x': [1, 12, 8, 8]}, [KERNEL])
            else:
                self.check_macs(macs, steps, inputs, [KERNEL])

    def test_resize_by_scales_in_batches_of_any_size(self):
        steps = [node('Resize', 'x  scales', 'a'), node('Conv', 'a w', 'y', 'c')]
        weights = [KERNEL, numbers('scales', 1.0, 1.0, 2.0, 2.0)]
        self.check_macs(4 * 14 * 14 * 27, steps, {'x': ['N', 3, 8, 8]}, weights)

    def test_resize_to_no_more_than_a_size(self):
        """800 / 8 = 100, but 500 / 10 = 50 times 8 x 10 is 400 x 500."""
        steps = [
            node('Shape', 'x', 's', start=2),
            node('Cast', 's', 'f', to=1),
            node('ReduceMin', 'f', 'low', keepdims=0),
            node('ReduceMax', 'f', 'high', keepdims=0),
            node('Div', 'least low', 'a'),
            node('Div', 'most high', 'b'),
            node('Min', 'a b', 'scale'),
            node('Mul', 'f scale', 'scaled'),
            node('Floor', 'scaled', 'down'),
            node('Cast', 'down', 'sizes', to=7),
            node('Resize', 'x   sizes', 'r', axes=[2, 3]),
            node('Conv', 'r w', 'y', 'c'),
        ]
        weights = [KERNEL, numbers('least', 800.0), numbers('most', 500.0)]
        self.check_macs(4 * 398 * 498 * 27, steps, {'x': [1, 3, 8, 10]}, weights)


class Rounding(OnnxCase):
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

    def test_transposed_convolutions_that_do_not_differ(self):
        """It takes SAME padding and `output_padding` as well."""
        weights, inputs = [tensor('k', [3, 1, 3, 3])], [value('x', [1, 3, 3, 3])]
        for attributes, right in (
            ({'auto_pad': 'SAME_UPPER'}, 6),
            ({'output_padding': [1, 1]}, 8),  # 2 * 2 + 3 + 1
        ):
            step = node('ConvTranspose', 'x k', 'a', strides=[2, 2], **attributes)
            said = f'the file says [1, 1, 7, 7], but it makes [1, 1, {right}, {right}]'
            self.refused([step], inputs, weights, said, values=[value('a', [1, 1, 7, 7])])

    def test_others_are_refused(self):
        pool = node('MaxPool', 'x', 'a', kernel_shape=[2, 2], strides=[2, 2])
        values = [value('a', [1, 3, 5, 5])]
        self.refused([pool], [IMAGE], [KERNEL], 'the file says [1, 3, 5, 5]', values=values)


if __name__ == '__main__':
    unittest.main()
