"""What is left out of ONNX models, how many MACs it has, and what the notes say of it."""

import json
import unittest

from extracted_onnx import (
    CONV_MACS,
    IMAGE,
    KERNEL,
    LARGE_IMAGE,
    LARGE_KERNEL,
    OnnxCase,
    entries,
    foreign,
    result_of,
    run,
)
from onnx_encoder import field, node, tensor, value


class Notes(OnnxCase):
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

    def test_what_is_not_known_has_no_share(self):
        """A Conv and a DeformConv of one MAC each, beside an operator that nothing is known of."""
        nodes = [
            node('Conv', 'x w', 'y', 'c'),
            node('DeformConv', 'x w offset', 'z'),
            node('Odd', 'x', 'p') + field(7, 'mine'),
        ]
        inputs = [value('x', [1, 1, 1, 1]), value('offset', [1, 2, 1, 1])]
        macs, said = run(nodes, inputs, [tensor('w', [1, 1, 1, 1])])
        self.assertEqual(macs, {'c': 1})
        self.assertIn('whatever is in DeformConv (50.0% of known MACs), mine.Odd\n', said)

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

    def test_no_share_where_the_macs_are_not_known(self):
        nodes = [node('Conv', 'x w', 'y', 'c'), node('DeformConv', 'x v offset', 'z')]
        weights = [KERNEL, tensor('v', [0, 3, 3, 3])]
        _, said = run(nodes, [IMAGE, value('offset', [1, 18, 6, 6])], weights)
        self.assertIn('whatever is in DeformConv\n', said)

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

    def test_operators_with_macs_are_left_out(self):
        shapes = {'q': [1, 5, 16], 'x': [1, 3, 8, 8]}
        for step, type_ in (
            (node('LinearAttention', 'q q q', 'a', q_num_heads=2, kv_num_heads=2), 'LinearAtt'),
            (node('CausalConvWithState', 'q k', 'a'), 'CausalConvWithState'),
            (node('DeformConv', 'x w x', 'a'), 'DeformConv'),
            (foreign('MoE', 'q', 'a'), 'com.microsoft.MoE'),
        ):
            weights = [KERNEL, tensor('k', [5, 1, 3])]
            result = result_of([step, node('Conv', 'x w', 'y')], shapes, weights)
            self.assertIn(
                f'left out, as FODLAM does not model it: whatever is in {type_}', result.err
            )

    def test_regions_of_interest(self):
        """As behind Caffe's ROIPooling, MACs are for one region, and a line says so."""
        steps = [
            node('RoiAlign', 'x rois indices', 'r', 'align', output_height=2, output_width=2),
            node('Flatten', 'r', 'f'),
            node('Gemm', 'f v', 'y', 'fc'),
        ]
        inputs = {'x': ['N', 3, 8, 8], 'rois': ['R', 4], 'indices': ['R']}
        result = result_of(steps, inputs, [tensor('v', [12, 5])])
        self.assertEqual(json.loads(result.out)[-1]['macs'], 12 * 5)
        self.assertIn(
            "behind 'align' (RoiAlign), MACs are for one region of interest, and not for one frame",
            result.err,
        )


class SameShape(unittest.TestCase):
    """--same-shape, for operators that only the user knows."""

    NODES = [
        node('MyOp', 'x', 'z', 'odd') + field(7, 'custom'),
        node('Conv', 'z w', 'y', 'c'),
    ]

    def test_it_passes_the_shape_through(self):
        """Whether the operator's domain is given or not."""
        note = 'left out, as FODLAM does not model it: whatever is in custom.MyOp\n'
        for type_ in ('custom.MyOp', 'MyOp'):
            argv = ['--same-shape', type_, '--same-shape', type_]
            net = entries(self.NODES, [LARGE_IMAGE], [LARGE_KERNEL], argv=argv, note=note)
            self.assertEqual(net['c']['macs'], 8 * 30 * 22 * 3 * 9)
            self.assertNotIn('macs', net['odd'])

    def test_it_is_said_to_have_no_effect(self):
        for type_ in ('NoSuch', 'Conv', 'Relu'):
            net = entries(
                [node('Relu', 'x', 'r'), node('Conv', 'r w', 'y', 'c')], [LARGE_IMAGE], [LARGE_KERNEL],
                argv=['--same-shape', type_], note=f'--same-shape {type_!r} has no effect',
            )  # fmt: skip
            self.assertIn('macs', net['c'])


if __name__ == '__main__':
    unittest.main()
