"""ONNX: branches of If, and the bodies of loops (nets/onnx_functions.py)."""

import unittest
from unittest import mock

from extracted_onnx import (
    CONV_MACS,
    IMAGE,
    KERNEL,
    LARGE_IMAGE,
    LARGE_KERNEL,
    OnnxCase,
    entries,
    follow,
    run,
)
from onnx_encoder import branch, call, field, fields, function, node, numbers, tensor, value


class Branches(OnnxCase):
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
            net = [layer.name for layer in follow(nodes, [IMAGE], self.WEIGHTS).nodes]
            self.assertNotIn('if', net)  # the branch stands for it

    def test_a_condition_that_nodes_compute(self):
        """As PyTorch writes a squeeze of a dimension: only if it is 1.

        ONNX's inference states the shape of the size, and that there is a value y without a shape.
        """
        inferred = [value('y'), value('size', [1])]
        for height, rank, values in ((1, 3, ()), (2, 4, ()), (1, 3, inferred), (2, 4, inferred)):
            squeeze = branch(node('Squeeze', 'x axes', 'inner'))
            copy = branch(node('Identity', 'x', 'inner'))
            nodes = [
                node('Shape', 'x', 'shape'),
                node('Gather', 'shape axes', 'size'),
                node('Equal', 'size yes', 'equal'),
                node('Squeeze', 'equal no', 'condition'),
                self.if_('condition', squeeze, copy),
                node('Conv', 'y k', 'z', 'c'),
            ]
            kernel = tensor('k', [4, 3, 1, 1][:rank])
            weights = [kernel, numbers('axes', 2), numbers('yes', 1), numbers('no', 0)]
            macs, _ = run(nodes, [value('x', [1, 3, height, 9])], weights, values=values)
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
        steps = [self.if_('yes', self.CONV, self.RELU)]
        for _ in range(19):
            steps = [self.if_('yes', branch(*steps, outputs='y'), self.RELU)]
        self.assertEqual(run(steps, [IMAGE], self.WEIGHTS)[0], {'then': CONV_MACS})
        steps = [self.if_('yes', branch(*steps, outputs='y'), self.RELU)]
        said = 'more than 20 branches inside one another'
        self.refused(steps, [IMAGE], self.WEIGHTS, said)

    def test_too_many(self):
        """Where conditions are not known, each level tries both branches."""
        inner = branch(node('Relu', 'x', 'inner'))
        for _ in range(6):
            inner = branch(self.if_('q', inner, inner), outputs='y')
        nodes = [node('Odd', 'x', 'q'), self.if_('q', inner, inner)]
        with mock.patch('fodlam.nets.onnx_functions.MAX_NODES', 100):
            self.refused(nodes, [IMAGE], self.WEIGHTS, 'more than 100 nodes')

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

    def test_bodies_may_read_the_input(self):
        inside = fields(1, [node('Conv', 'x w', 'v')])
        body = fields(2, ['z']) + field(4, 'Loop') + field(5, field(1, 'body') + field(6, inside))
        nodes, values = [body, node('Conv', 'z w', 'y', 'c')], [value('z', ['N', 3, 9, 9])]
        net = entries(nodes, [LARGE_IMAGE], [LARGE_KERNEL], values, note='whatever is in Loop')
        self.assertEqual(net['c']['ofmap'], [8, 7, 7])


if __name__ == '__main__':
    unittest.main()
