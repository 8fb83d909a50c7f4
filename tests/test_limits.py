"""Nothing unbounded: long titles and names, many layers, cells of CSV, members of entries.

Of models: what functions copy, small constants, sequences, and what layers read.
"""

import json
import time
import unittest
from unittest import mock

from onnx_encoder import field, function, model, node, numbers, tensor, value
from support import extract, files_read_anew, fodlam, run

from fodlam.data import chain
from fodlam.nets import fusing, network, onnx_follow, onnx_inputs, onnx_op, onnx_products

LONG = 'x' * 4000
SMALL = {'name': 'a', 'type': 'InnerProduct', 'macs': 5}


class Limits(unittest.TestCase):
    def test_a_title_is_cut_to_what_is_shown(self):
        config = {'net': 'VGG16', 'layers': ['FC8'], 'title': 'ab ' * 300_000}
        began = time.process_time()
        for format_ in 'table', 'svg':
            out = run('--format', format_, stdin=json.dumps(config).encode()).out
            self.assertLess(len(out), 50_000, format_)
        self.assertLess(time.process_time() - began, 1)  # wrapped as a whole: some seconds
        self.assertEqual(fodlam.estimate(config)['title'], config['title'])

    def test_a_config_names_so_many_layers(self):
        most = fodlam.MAX_LAYERS
        config = {'net': 'VGG16', 'layers': ['FC8'] * most}
        fodlam.estimate(config)
        config['layers'].append('FC8')
        said = f'config: "layers" names {most + 1} layers; expected at most {most}'
        for more in {}, {'per_frame': True}:
            with self.assertRaisesRegex(fodlam.InputError, said):
                fodlam.estimate({**config, **more})

    def test_names_are_cut_where_they_are_quoted(self):
        shape = {'scaling': 'shape'}
        for config in (
            {'netfile': [{**SMALL, 'name': LONG, 'type': 'Convolution', 'ifmap': [0]}], **shape},
            {'netfile': [{**SMALL, 'name': LONG, 'type': 'conv'}], **shape},
            {'netfile': [{'name': LONG, 'type': 'ReLU'}]},
            {'netfile': [SMALL], 'layers': [LONG]},
            {'netfile': [{**SMALL, 'name': LONG}], 'layers': ['y']},
            {'net': LONG},
            {'netfile': LONG},
            {'netfile': [{**SMALL, LONG: 1}]},
        ):
            with self.assertRaises(fodlam.InputError) as caught:
                fodlam.estimate(config)
            self.assertIn('; ', str(caught.exception))
            self.assertNotIn('x' * 500, str(caught.exception))

    def test_cells_that_spreadsheets_take_for_formulas(self):
        for start in '=', '+', '-', '@', '\t', '\r', '\n', '\uff1d', '\uff0b', '\uff0d', '\uff20':
            report = fodlam.csv({'netfile': [{**SMALL, 'name': f'{start}1+1'}]})
            shown = start if start.isprintable() else ' '
            self.assertEqual(report.splitlines()[1].split(',')[0], f"'{shown}1+1")

    def test_sizes_of_layers_without_macs_are_checked(self):
        for key, content in (
            ('ifmap', [1] * 1000),
            ('ofmap', 'wide'),
            ('kernel', [3, 0]),
            ('stride', {}),
            ('groups', [1, 2]),
        ):
            netfile = [SMALL, {'name': 'b', 'type': 'ReLU', key: content}]
            with self.assertRaisesRegex(
                fodlam.InputError, rf'\[1\]: "{key}" is .*; expected . whole'
            ):
                fodlam.estimate({'netfile': netfile})

    def test_a_net_file_has_so_many_layers(self):
        netfile = [{**SMALL, 'name': f'l{index}'} for index in range(50)]
        with mock.patch.object(fodlam, 'MAX_LAYERS', 50):
            fodlam.estimate({'netfile': netfile})
            with self.assertRaises(fodlam.InputError) as caught:
                fodlam.estimate({'netfile': [*netfile, SMALL]})
        said = 'config "netfile": 51 layers; expected at most 50'
        self.assertEqual(str(caught.exception), said)

    def test_rates_are_of_so_many_net_files(self):
        accelerator = {'macs': 256, 'clock_mhz': 1000, 'dram_gb_per_s': 10}
        rates = {f'{index}.json': 1 for index in range(501)}
        said = 'rates: 501 net files; expected at most 500'
        with self.assertRaisesRegex(fodlam.InputError, said):
            fodlam.calibrate(accelerator, rates)

    def test_a_table_has_so_many_lines(self):
        for config, table, lines in (
            ({'net': 'VGG16'}, 'eyeriss-vgg16.csv', 15),
            ({'netfile': [SMALL], 'accelerator': 'nvdla-33'}, 'nvdla.csv', 8),
        ):
            with (
                files_read_anew(),
                mock.patch.object(fodlam, 'MAX_TABLE_LINES', lines - 1),
                self.assertRaises(fodlam.InputError) as caught,
            ):
                fodlam.estimate(config)
            said = f'data/{table}: {lines} lines; expected at most {lines - 1}'
            self.assertEqual(str(caught.exception), said)


def conv(output, read='x', **attributes):
    return node('Conv', f'{read} w', output, kernel_shape=[1, 1], **attributes)


def conv_model(*nodes, inputs=(), initializers=(), functions=()):
    """Return a model of a conv layer and other nodes."""
    weights = tensor('w', [3, 3, 1, 1])
    image = value('x', [1, 3, 8, 8])
    nodes = [conv('y'), *nodes]
    return model(nodes, [image, *inputs], [weights, *initializers], functions=functions)


class Chains(unittest.TestCase):
    def test_maps_that_are_joined_are_dropped_in_so_many_steps(self):
        # Of each pair, one stays only if that of the pair behind it does; the last one does not.
        looked_at = 0

        class Names(tuple):
            def __iter__(self):
                nonlocal looked_at
                looked_at += 1
                return tuple.__iter__(self)

        layers = {}
        for index in range(200):
            reads = chain.Reads(Names((f'l{index}', f'l{index + 1}')), (), ())
            layers[f'l{index}'] = chain.MapLayer(index, {}, reads, 0, 0, 0)
        staying = {f'l{index}' for index in range(200)}
        chain.drop_partial(staying, layers)
        self.assertEqual(staying, set())
        self.assertLess(looked_at, 10 * 200)  # or some 200 * 200

    def test_a_layer_that_reads_one_map_many_times(self):
        layers = [{**SMALL, 'name': 'a'}, {**SMALL, 'name': 'b', 'from': ['a'] * 50_000}]
        began = time.process_time()
        entries = {entry['name']: entry for entry in layers}
        before = {}
        for name, entry in entries.items():
            reads = chain.parse_reads(entry, before)
            before[name] = None
        self.assertEqual(reads.ifmap, ('a',) * 50_000)
        self.assertLess(time.process_time() - began, 1)  # joined one by one: some ten seconds


class Models(unittest.TestCase):
    """Each limit is a lower one here, and reached by a model that is fine without it."""

    def assert_limited(self, limit, most, content, said):
        """Check that a model can be read, and cannot with a lower limit, which the message says."""
        self.assertEqual(extract('m.onnx', content).status, 0)
        with mock.patch(f'fodlam.nets.{limit}', most):
            result = extract('m.onnx', content)
        self.assertEqual((result.status, result.out), (1, ''))
        self.assertEqual(result.err.count('\n'), 1)
        self.assertIn(said, result.err)
        self.assertIn('; expected ', result.err)

    def test_what_functions_copy(self):
        calls = [node('F', 'x', f'o{index}', name='call' * 50) for index in range(20)]
        inner = [node('Sum', ' '.join(['a'] * 50), 'b')]
        attributes = [node('Relu', 'a', 'b', axes=[0] * 50)]
        for function_ in (
            function('F', 'a', 'b', inner),
            function(
                'F', ' '.join(f'a{index}' for index in range(50)), 'b', [node('Id', 'a0', 'b')]
            ),
            function('F', 'a', 'b', attributes),
            function('F', 'a', 'b', [node('Relu', 'a', 'b')], **{f'd{i}': 1 for i in range(50)}),
            function('F', 'a', 'b', [node('Relu', 'a', 'b') + field(9, b'') * 50]),
        ):
            content = conv_model(*calls, functions=[function_])
            said = 'than 1000 fields'
            self.assert_limited('onnx_file.MAX_FIELDS', 1000, content, said)
        content = conv_model(*calls, functions=[function('F', 'a', 'b', inner)])
        said = 'names of more than 20000 bytes'
        self.assert_limited('onnx_file.MAX_NAME_BYTES', 20_000, content, said)

    def test_outputs_of_all_nodes(self):
        outputs = [' '.join(f'{letter}{index}' for index in range(30)) for letter in 'ab']
        content = conv_model(*[node('Split', 'x', names, axis=1) for names in outputs])
        said = 'more than 40 outputs of nodes'
        self.assert_limited('onnx_functions.MAX_OUTPUTS', 40, content, said)

    def test_layers_that_are_called_by_one_name(self):
        weights = 'w' * 200
        nodes = [node('Identity', weights, 'v')]
        nodes += [node('Conv', 'x v', f'c{index}') for index in range(50)]
        content = conv_model(*nodes, initializers=[tensor(weights, [3, 3, 1, 1])])
        said = 'names of more than 8000 bytes'
        self.assert_limited('onnx_file.MAX_NAME_BYTES', 8000, content, said)

    def test_numbers_and_elements_that_are_computed(self):
        said = 'numbers of small constants, elements of sequences and'
        constant = numbers('k', *range(60))
        adds = [node('Add', 'k k', f'k{index}') for index in range(10)]
        content = conv_model(*adds, initializers=[constant])
        self.assert_limited('onnx_net.MAX_COMPUTED', 1000, content, said)
        parts = [node('SplitToSequence', 'k', f's{index}') for index in range(20)]
        parts += [node('Identity', 's0', f't{index}') for index in range(20)]
        content = conv_model(*parts, initializers=[constant])
        self.assert_limited('onnx_net.MAX_COMPUTED', 1000, content, said)
        equation = ','.join(['abcd'] * 9) + '->a'
        sums = [
            node('Einsum', ' '.join('x' * 9), f'e{index}', equation=equation) for index in range(9)
        ]
        self.assert_limited('onnx_net.MAX_COMPUTED', 300, conv_model(*sums), said)

    def test_sums_of_very_many_constants_are_not_followed(self):
        for count, known in ((64, [(64, 64)]), (65, [])):
            op = onnx_op.example(*[[1, 1]] * count, type_='Sum')
            self.assertEqual(onnx_follow.follow_numbers(op, [(2,)]), known)

    def test_equations_of_very_many_operands_are_not_followed(self):
        most = onnx_products.MAX_OPERANDS
        op = onnx_op.example(*[(1, 1)] * most, equation=','.join(['ab'] * most))
        self.assertEqual(onnx_products.einsum(op, 1), ([], [()]))
        op = onnx_op.example(*[(1, 1)] * (most + 1), equation=','.join(['ab'] * (most + 1)))
        with self.assertRaises(onnx_op.Unfollowed):
            onnx_products.einsum(op, 1)
        with self.assertRaises(onnx_op.Unfollowed):
            onnx_products.einsum_shape(op, op.shapes())

    def test_maps_that_are_joined_again_and_again(self):
        nodes, before = [], 'y'
        for index in range(30):
            nodes.append(conv(f'c{index}'))
            nodes.append(node('Concat', f'{before} c{index}', f'd{index}', axis=1))
            before = f'd{index}'
        content = conv_model(*nodes)
        self.assert_limited('network.MAX_SOURCES', 200, content, 'made of more than 200 others')

    def test_what_is_added_to_a_layer_is_joined_once(self):
        nodes = []
        for index in range(31):
            made = [f'c{index}']
            nodes.append(network.Node('c', 'Conv', network.MACS, ['x'], made, {}))
        before = 'c30'  # the last layer, on whose way all others are added
        for index in range(30):
            made = [f's{index}']
            inputs = [before, f'c{index}']
            nodes.append(network.Node('s', 'Sum', network.SUM, inputs, made, {}))
            before = f's{index}'
        sums = fusing.fuse(nodes, {}, set())
        joiner = network.Joiner()
        sources = network.find_sources(nodes, sums, joiner)
        left = joiner.sources_left
        addends = network.find_addends(nodes, sums, sources, joiner)
        self.assertEqual(addends, {30: tuple(range(30))})
        self.assertEqual(left - joiner.sources_left, 30)

    def test_names_of_what_layers_read(self):
        nodes = [node('Conv', 'x w', 'c', name='c' * 200)]
        nodes += [conv(f'd{index}', 'c') for index in range(50)]
        content = conv_model(*nodes)
        said = 'names of what its layers read have more than 5000'
        self.assert_limited('network.MAX_INPUT_BYTES', 5000, content, said)

    def test_an_input_that_a_node_reads_many_times_is_followed_once(self):
        sums = [node('Sum', ' '.join(['v'] * 100), f's{index}') for index in range(30)]
        content = conv_model(*sums, inputs=[value('v', [1, 3])])
        look = mock.Mock(wraps=onnx_inputs.batch_place)
        with mock.patch.object(onnx_inputs, 'batch_place', look):
            self.assertEqual(extract('m.onnx', content).status, 0)
        self.assertLess(look.call_count, 100)

    def test_what_many_layers_make_is_added_in_so_many_steps(self):
        compared = 0

        class Value(str):
            __hash__ = str.__hash__

            def __eq__(self, other):
                nonlocal compared
                compared += 1
                return str.__eq__(self, other)

        for readers in 1, 2:
            values = [Value(f'c{index}') for index in range(200)]
            nodes = []
            for made in values:
                members = {'ofmap': [3, 8, 8]}
                nodes.append(network.Node(made, 'Conv', network.MACS, ['x'], [made], members))
            for index in range(readers):
                total = [Value(f's{index}')]
                inputs = [Value(made) for made in values]
                nodes.append(network.Node('s', 'Sum', network.SUM, inputs, total, {}))
            fusing.fuse(nodes, {}, set())
        self.assertLess(compared, 10 * 200)  # or some 200 * 200


if __name__ == '__main__':
    unittest.main()
