"""Feature maps that stay on chip: chains, graphs, and what the extractor says of them."""

import json
import unittest
from pathlib import Path

from onnx_encoder import model, node, tensor, value
from random_nets import pointwise
from results import features
from support import extract, fodlam, run

from fodlam.data import chain


class Chains(unittest.TestCase):
    """Nets without "from": each layer reads the one before."""

    NET = [pointwise('a', 3, 8), pointwise('b', 8, 20), pointwise('c', 20, 2)]

    def test_by_hand(self):
        self.assertEqual(features(self.NET, 0), {'a': 1100, 'b': 2800, 'c': 2200})
        # 800 bytes stay, 2000 do not; the first ifmap and the last ofmap never do.
        self.assertEqual(features(self.NET, 800 / 1024), {'a': 300, 'b': 2000, 'c': 2200})
        self.assertEqual(features(self.NET, 799 / 1024), features(self.NET, 0))
        self.assertEqual(features(self.NET, 1e9), {'a': 300, 'b': 0, 'c': 200})
        # With features of two bytes, nothing of that fits.
        two = features(self.NET, 800 / 1024, feature_bytes=2)
        self.assertEqual(two, {'a': 2200, 'b': 5600, 'c': 4400})

    def test_what_is_stored_counts(self):
        pooled = [pointwise('a', 3, 8, stored=[8, 10, 1]), pointwise('b', 8, 20, pixels=10)]
        self.assertEqual(features(pooled, 80 / 1024), {'a': 300, 'b': 200})

    def test_layers_without_macs_stand_in_between(self):
        net = [self.NET[0], {'name': 'relu', 'type': 'ReLU'}, *self.NET[1:]]
        self.assertEqual(features(net, 1e9), features(self.NET, 1e9))

    def test_weights_of_a_map_that_stays_are_read_once(self):
        """Else they are read again for each piece of the ifmap that the buffer holds."""
        net = [pointwise('a', 4, 4, pixels=9), pointwise('b', 4, 400, pixels=9)]
        reports = []
        for feature_kib in (0, 1):
            chip = {**CHIP, 'buffer_kib': 0.015625, 'feature_kib': feature_kib}  # 16 bytes
            config = {'netfile': net, 'accelerator': chip}
            reports.append(fodlam.estimate(config, per_layer=True)['layers'][1])
        again, once = (report['weight_traffic_bytes'] for report in reports)
        self.assertEqual((again, once), (5 * 1600, 1600))  # a slice takes half of the buffer

    def test_only_what_is_given_changes_a_number(self):
        for netfile in ('resnet50.json', 'googlenet.json'):
            plain = fodlam.estimate({'netfile': netfile, 'accelerator': CHIP})
            chip = {**CHIP, 'feature_kib': 0}
            self.assertEqual(fodlam.estimate({'netfile': netfile, 'accelerator': chip}), plain)


class Graphs(unittest.TestCase):
    def test_an_addend_must_fit_beside_the_ofmap(self):
        net = [
            pointwise('a', 3, 8),
            pointwise('b', 8, 4),
            pointwise('c', 4, 8, addend=True, **{'from': ['b', 'a']}),
            pointwise('d', 8, 1),
        ]
        self.assertEqual(features(net, 0)['c'], 400 + 800 + 800)
        fits = features(net, 1600 / 1024)
        self.assertEqual(fits, {'a': 300, 'b': 0, 'c': 0, 'd': 100})
        # By one byte, both a's and c's ofmap go to DRAM, and b's stays.
        almost = features(net, 1599 / 1024)
        self.assertEqual(almost, {'a': 1100, 'b': 800, 'c': 1600, 'd': 900})

    def test_what_is_read_late_goes_to_dram(self):
        for between, stays in ((5, True), (6, False)):
            net = [pointwise('a', 3, 8)]
            net += [pointwise(f'b{index}', 8, 8) for index in range(between)]
            net += [pointwise('c', 8, 8, **{'from': ['a']})]
            expected = 300 if stays else 1100
            self.assertEqual(features(net, 1)['a'], expected, between)
        self.assertEqual(chain.NEAR_LAYERS, 6)

    def test_what_the_network_puts_out_goes_to_dram(self):
        net = [pointwise('a', 3, 8, result=True), pointwise('b', 8, 8)]
        self.assertEqual(features(net, 1), {'a': 1100, 'b': 1600})
        net = [pointwise('a', 3, 8), pointwise('b', 3, 8, **{'from': [None]})]
        self.assertEqual(features(net, 1), {'a': 1100, 'b': 1100})

    def test_what_is_joined_stays_together(self):
        net = [
            pointwise('a', 3, 8),
            pointwise('b', 8, 2),
            pointwise('c', 10, 1, **{'from': ['a', 'b']}),
        ]
        self.assertEqual(features(net, 1000 / 1024), {'a': 300, 'b': 0, 'c': 100})
        # The ifmap of c, which has 1000 bytes, does not fit, and so neither a nor b stays.
        self.assertEqual(features(net, 999 / 1024), features(net, 0))

    def test_operands_of_a_product(self):
        def net(**members):
            return [
                pointwise('q', 6, 4, pixels=5),
                pointwise('k', 6, 4, pixels=7, **{'from': [None]}),
                {
                    'name': 'qk', 'type': 'MatMul', 'macs': 2 * 5 * 2 * 7, 'groups': 2,
                    'ifmap': [4, 5, 1], 'ofmap': [14, 5, 1], 'kernel': [1, 1], **members,
                },
            ]  # fmt: skip

        self.assertEqual(features(net(), 0)['qk'], 20 + 28 + 70)
        both = net(**{'from': ['q', 'k']})
        self.assertEqual(features(both, 1), {'q': 30, 'k': 42, 'qk': 70})
        self.assertEqual(features(both, 20 / 1024), {'q': 30, 'k': 42 + 28, 'qk': 28 + 70})
        # A cache of earlier keys is not on the chip.
        cached = net(**{'from': ['q', [None, 'k']]})
        self.assertEqual(features(cached, 1), {'q': 30, 'k': 42 + 28, 'qk': 28 + 70})

    def test_a_product_of_maps_that_all_stay_moves_nothing(self):
        product = {
            'name': 'qk', 'type': 'MatMul', 'macs': 100 * 8 * 100,
            'ifmap': [8, 100, 1], 'ofmap': [100, 100, 1], 'kernel': [1, 1], 'from': ['a', 'a'],
        }  # fmt: skip
        net = [pointwise('a', 3, 8), product, pointwise('b', 100, 1)]
        chip = {**CHIP, 'feature_kib': 1e6, 'power_mw': 1}
        config = {'netfile': net, 'accelerator': chip}
        layer = fodlam.estimate(config, per_layer=True)['layers'][1]
        self.assertEqual((layer['dram_bytes'], layer['operational_intensity']), (0, None))
        self.assertEqual(layer['bound'], 'compute')
        self.assertEqual(layer['attainable_macs_per_s'], 1024e9)
        for format_ in ('json', 'csv', 'table', 'svg'):
            result = run('--format', format_, stdin=json.dumps(config).encode())
            self.assertEqual((result.status, result.err), (0, ''))

    def test_mistakes(self):
        for members, message in (
            ({'from': 'a'}, '"from" is \'a\'; expected a list of names of layers'),
            (
                {'from': ['none']},
                '"from" names \'none\'; expected layers with MACs that stand before it, '
                'or null for the input of the network',
            ),
            (
                {'from': ['relu']},
                '"from" names \'relu\'; expected layers with MACs that stand before it, '
                'or null for the input of the network',
            ),
            (
                {'from': ['b']},
                '"from" names \'b\'; expected layers with MACs that stand before it, '
                'or null for the input of the network',
            ),
            (
                {'from': [5]},
                '"from" names 5; expected layers with MACs that stand before it, '
                'or null for the input of the network',
            ),
            (
                {'from': [[['a']]]},
                '"from" names [\'a\']; expected layers with MACs that stand before it, '
                'or null for the input of the network',
            ),
            ({'result': 1}, '"result" is 1; expected true or false'),
        ):
            net = [
                pointwise('a', 3, 8),
                {'name': 'relu', 'type': 'ReLU'},
                pointwise('b', 8, 8, **members),
            ]
            config = {'netfile': net, 'accelerator': {**CHIP, 'feature_kib': 1}}
            with self.assertRaises(fodlam.InputError) as caught:
                fodlam.estimate(config)
            expected = f'config "netfile", layer \'b\': {message}'
            self.assertEqual(str(caught.exception), expected)
        # By a plain roofline, nothing reads it.
        fodlam.estimate({'netfile': net, 'accelerator': CHIP})

    def test_names_in_any_spelling(self):
        net = [pointwise('conv-1', 3, 8), pointwise('b', 8, 8, **{'from': ['CONV_1']})]
        self.assertEqual(features(net, 1)['conv-1'], 300)


def total_mb(net, feature_kib):
    """Return the millions of bytes that DRAM moves for a frame."""
    chip = {**CHIP, 'feature_kib': feature_kib}
    total = fodlam.estimate({'netfile': net, 'accelerator': chip})['total']
    return (total['weight_traffic_bytes'] + total['feature_traffic_bytes']) / 1e6


def transformer(blocks=12, tokens=128, width=768, heads=12):
    """Return the layers of a transformer of BERT base's size, without embeddings and pooler."""
    net = []

    def add(name, channels, filters, sources, **members):
        net.append({
            'name': name, 'type': 'InnerProduct', 'ifmap': [channels, tokens, 1],
            'ofmap': [filters, tokens, 1], 'from': sources, **members,
        })  # fmt: skip

    before = None
    for number in range(blocks):
        q, k, v, scores, mixed, out, wide, last = (f'{name}{number}' for name in 'qkvsmowl')
        for name in q, k, v:
            add(name, width, width, [before])
        product = {'type': 'MatMul', 'groups': heads}
        add(scores, width, heads * tokens, [q, k], **product)
        add(mixed, heads * tokens, width, [scores, v], **product)
        add(out, width, width, [mixed, before], addend=True)
        add(wide, width, 4 * width, [out])
        add(last, 4 * width, width, [wide, out], addend=True)
        before = last
    return net


class Networks(unittest.TestCase):
    def test_resnet50(self):
        """With 2 MiB all maps stay: the weights, the image and 1000 scores are left."""
        torchvision = [total_mb('resnet50_torchvision.json', kib) for kib in (0, 1024, 2048)]
        self.assertEqual([round(total, 1) for total in torchvision], [52.0, 34.5, 25.7])
        weights = 25_502_912  # of 53 conv layers and the fc layer
        self.assertEqual(torchvision[2] * 1e6, weights + 3 * 224 * 224 + 1000)
        self.assertAlmostEqual(total_mb('resnet50.json', 2048), torchvision[2])

    def test_a_transformer(self):
        """BERT base: 12 blocks of 12 x 768 x 768 weights, and 98,304 bytes in and out."""
        net = transformer()
        map_mb, scores_mb = 128 * 768 / 1e6, 12 * 128 * 128 / 1e6
        weights_mb = 12 * 12 * 768 * 768 / 1e6
        # Written: q, k, v, m, o, l, and w four times; read: q, k, v, m, w (4), o twice, and what
        # comes before a block four times. Scores are written and read.
        everything = weights_mb + 12 * (10 * map_mb + 14 * map_mb + 2 * scores_mb)
        self.assertAlmostEqual(total_mb(net, 0), everything)
        # The first ifmap is read by q, k, v and o.
        self.assertAlmostEqual(total_mb(net, 2048), weights_mb + 5 * map_mb)

    def test_nets_here_are_chains_or_say_what_they_read(self):
        paths = list(Path(fodlam.NETS_DIR).glob('*.json'))
        self.assertGreater(len(paths), 20)
        for path in paths:
            self.assertIsNone(chain.doubt_chain(fodlam.read_net(path.name)), path.name)


CHIP = {'macs': 1024, 'clock_mhz': 1000, 'dram_gb_per_s': 10}


class Doubts(unittest.TestCase):
    """Nets without "from" that are no chains."""

    def told(self, net, **keys):
        config = {'netfile': net, 'accelerator': {**CHIP, **keys}}
        result = run(stdin=json.dumps(config).encode())
        self.assertEqual(result.status, 0)
        return result.err

    def test_what_is_said(self):
        expected = (
            'fodlam: config "netfile": no layer has "from", so each counts as reading the one '
            "before; but 'b' may read more\n"
        )
        first = pointwise('a', 3, 8)
        for more in (
            pointwise('b', 8, 8, addend=True),
            {**pointwise('b', 8, 8), 'type': 'MatMul'},
            {'name': 'b', 'type': 'Concat'},
            {'name': 'b', 'type': 'Eltwise'},
        ):
            self.assertEqual(self.told([first, more], feature_kib=1), expected)
            self.assertEqual(self.told([first, more]), '')
        known = pointwise('b', 8, 8, addend=True, **{'from': ['a', None]})
        self.assertEqual(self.told([first, known], feature_kib=1), '')
        self.assertEqual(self.told([first, pointwise('b', 8, 8)], feature_kib=1), '')


class Extracted(unittest.TestCase):
    """What nets/extract.py writes as "from"."""

    def test_attention_and_residuals(self):
        """A transformer's block: which maps are read, by which layers."""
        matrix = [tensor(name, [8, 8]) for name in ('wq', 'wk', 'wv', 'wo')]
        content = model(
            [
                node('MatMul', 'x wq', 'q', 'q'),
                node('MatMul', 'x wk', 'k', 'k'),
                node('MatMul', 'x wv', 'v', 'v'),
                node('Transpose', 'k', 'kt', 'kt', perm=[0, 2, 1]),
                node('MatMul', 'q kt', 's', 's'),
                node('Add', 's mask', 'm', 'm'),
                node('Softmax', 'm', 'p', 'p'),
                node('MatMul', 'p v', 'a', 'a'),
                node('MatMul', 'a wo', 'o', 'o'),
                node('Add', 'o x', 'y', 'y'),
                node('MatMul', 'y wq', 'z', 'z'),
                node('Add', 'z y', 'r', 'r'),
            ],
            [value('x', [1, 5, 8]), value('mask', [1, 5, 5])],
            matrix,
            [],
            [value('r', [1, 5, 8]), value('v', [1, 5, 8])],
        )
        result = extract('m.onnx', content)
        self.assertEqual(result.status, 0, result.err)
        net = {entry['name']: entry for entry in json.loads(result.out)}
        self.assertEqual(
            {name: entry['from'] for name, entry in net.items() if 'from' in entry},
            {
                'k': [None],
                'v': [None],
                's': ['q', 'k', None],  # the mask is an addend
                'a': ['s', 'v'],
                'z': ['o', 'o'],
            },
        )
        self.assertEqual([name for name, entry in net.items() if 'result' in entry], ['v'])
        self.assertTrue(net['o']['addend'] and net['z']['addend'])

    def test_attention_in_one_node(self):
        """It becomes two products; the second reads what the first makes."""
        linear = [node('MatMul', f'x w{name}', name, name) for name in 'qkv']
        attention = node('Attention', 'q k v', 'y', 'a', q_num_heads=4, kv_num_heads=2)
        content = model(
            [*linear, attention, node('MatMul', 'y wq', 'z', 'z')],
            [value('x', [1, 5, 8])],
            [tensor('wq', [8, 8]), tensor('wk', [8, 4]), tensor('wv', [8, 4])],
            [],
            [value('z', [1, 5, 8])],
        )
        net = {entry['name']: entry for entry in json.loads(extract('m.onnx', content).out)}
        self.assertEqual(net['a']['from'], ['q', 'k'])
        self.assertEqual(net['a#2']['from'], ['a', 'v'])
        self.assertNotIn('from', net['z'])

    def test_a_cache_comes_from_outside(self):
        content = model(
            [
                node('MatMul', 'x w', 'k', 'k'),
                node('Concat', 'past k', 'keys', 'cat', axis=1),
                node('Transpose', 'keys', 'kt', 'kt', perm=[0, 2, 1]),
                node('MatMul', 'x kt', 's', 's'),
            ],
            [value('x', [1, 1, 8]), value('past', [1, 9, 8])],
            [tensor('w', [8, 8])],
            [],
            [value('s', [1, 1, 10]), value('keys', [1, 10, 8])],
        )
        net = {entry['name']: entry for entry in json.loads(extract('m.onnx', content).out)}
        self.assertEqual(net['s']['from'], [None, [None, 'k']])
        self.assertTrue(net['k']['result'])

    def test_the_nets_here(self):
        net = {entry['name']: entry for entry in fodlam.read_net('resnet50.json').values()}
        self.assertEqual(net['res2a_branch2a']['from'], ['conv1'])
        self.assertEqual(net['res2a_branch2c']['from'], ['res2a_branch2b', 'res2a_branch1'])
        self.assertEqual(net['res2b_branch2c']['from'], ['res2b_branch2b', 'res2a_branch2c'])
        self.assertNotIn('from', net['res2b_branch2a'])


if __name__ == '__main__':
    unittest.main()
