"""ONNX: functions, which are looked into, and the order of nodes (nets/onnx_functions.py)."""

import json
import sys
import unittest
from unittest import mock

from extracted import check_linear
from extracted_onnx import CONV_MACS, IMAGE, KERNEL, OnnxCase, run
from onnx_encoder import (
    Reference,
    call,
    field,
    fields,
    function,
    graph,
    model,
    node,
    numbers,
    tensor,
    value,
)
from support import extract


class Functions(OnnxCase):
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

    def test_inputs_that_a_node_inside_leaves_out(self):
        resize = node('Resize', 'a  scales', 't')
        twice = function('Twice', 'a k scales', 'b', [resize, node('Conv', 't k', 'b')], 'my')
        weights = [KERNEL, numbers('s', 1.0, 1.0, 2.0, 2.0)]
        macs, _ = run([call('Twice', 'x w s', 'y', 'c')], [IMAGE], weights, functions=[twice])
        self.assertEqual(macs, {'c': 4 * 14 * 14 * 3 * 9})  # of 16 x 16 pixels

    def test_inside_one_another(self):
        inner = function('Inner', 'a k', 'b', [call('Block', 'a k', 'b', 'block')], 'my')
        outer = function('Outer', 'a k', 'b', [call('Inner', 'a k', 'b', 'in')], 'my')
        nodes = [call('Outer', 'x w', 'y', 'out'), node('Relu', 'y', 'z')]
        macs, _ = run(nodes, [IMAGE], [KERNEL], functions=[outer, self.BLOCK, inner])
        self.assertEqual(macs, {'out/in/block': CONV_MACS})

    def test_a_shape_that_the_file_states_for_a_result(self):
        """As ONNX's inference does; without one, it follows from what is inside."""
        nodes = [
            call('Block', 'x w', 'y', 'block', pads=[1] * 4),
            node('Conv', 'y v', 'z', 'after'),
        ]
        weights = [KERNEL, tensor('v', [2, 4, 1, 1])]
        for values in ([], [value('y', [1, 4, 8, 8])]):
            macs, said = run(nodes, [IMAGE], weights, functions=[self.BLOCK], values=values)
            self.assertEqual(macs, {'block': 4 * 64 * 27, 'after': 2 * 64 * 4})
            self.assertEqual(said, '')

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

    def test_at_most_20_are_inside_one_another(self):
        functions = [function('F20', 'a k', 'b', [node('Conv', 'a k', 'b')], 'my')]
        for index in range(20):
            inside = [call(f'F{index + 1}', 'a k', 'b')]
            functions.append(function(f'F{index}', 'a k', 'b', inside, 'my'))
        macs, _ = run([call('F1', 'x w', 'y', 'c')], [IMAGE], [KERNEL], functions=functions)
        self.assertEqual(list(macs.values()), [CONV_MACS])
        said = 'more than 20 functions inside one another'
        self.refused([call('F0', 'x w', 'y')], [IMAGE], [KERNEL], said, functions=functions)

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


class Order(OnnxCase):
    """Nodes are sorted by what they read."""

    def test_nodes_behind_those_that_are_sorted(self):
        nodes = [
            node('Conv', 'r w', 'y', 'a'),
            node('Relu', 'x', 'r'),
            node('Conv', 'x w', 'z', 'b'),
        ]
        macs, _ = run(nodes, [IMAGE], [KERNEL])
        self.assertEqual(macs, {'a': CONV_MACS, 'b': CONV_MACS})

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

    def run_chain(self, count):
        """Check a chain of nodes whose order in the file is reversed."""
        chain = [node('Relu', f'v{index}', f'v{index + 1}') for index in range(count)]
        nodes = [node('Conv', f'v{count} w', 'y', 'c'), *reversed(chain)]
        self.assertEqual(run(nodes, [value('v0', [1, 3, 8, 8])], [KERNEL])[0], {'c': CONV_MACS})

    def test_a_chain_of_any_length(self):
        """It is followed without recursion, and each node takes as long as the one before."""
        self.run_chain(sys.getrecursionlimit() + 100)
        check_linear(self, self.run_chain)

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


if __name__ == '__main__':
    unittest.main()
