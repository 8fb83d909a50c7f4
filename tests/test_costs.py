"""Costs by the published tables and by MACs: the papers' totals, and invariants."""

import json
import math
import os
import random
import unittest
from collections import namedtuple

from support import NETFILES, fodlam, path, read

Cost = namedtuple('Cost', 'energy latency')
CONFIGS = sorted(os.listdir(path('config')))


class Papers(unittest.TestCase):
    """What comes out, against what the papers' tables print."""

    def total(self, config, kind):
        return Cost(*fodlam.estimate(config)[kind].values())

    def test_eyeriss_table_v(self):
        cost = self.total({'net': 'AlexNet'}, 'conv')
        self.assertAlmostEqual(cost.latency, 115.3e-3, delta=0.05e-3)
        self.assertAlmostEqual(cost.energy / cost.latency, 278e-3, delta=0.5e-3)

    def test_eyeriss_table_vi(self):
        cost = self.total({'net': 'VGG16'}, 'conv')
        self.assertAlmostEqual(cost.latency, 4309.5e-3, delta=0.65e-3)
        self.assertAlmostEqual(cost.energy / cost.latency, 236e-3, delta=0.5e-3)

    def test_eie_table_iv(self):
        # Actual times in us at 45 nm; time scales by 1.444, energy by 3.014 from 45 to 65 nm.
        for net, times in (('AlexNet', (30.3, 12.2, 9.9)), ('VGG16', (34.4, 8.7, 8.4))):
            for layer, time in zip(('FC6', 'FC7', 'FC8'), times):
                cost = self.total({'net': net, 'layers': [layer]}, 'fc')
                self.assertAlmostEqual(cost.latency / (time * 1e-6), 1.444, delta=0.0005)
                self.assertAlmostEqual(cost.energy / (time * 1e-6 * 0.59), 3.014, delta=0.0005)


class Invariants(unittest.TestCase):
    VGG16 = [layer.name for layer in fodlam.published_layers('VGG16', per_frame=False)]

    def test_order_does_not_matter(self):
        expected = fodlam.estimate({'net': 'VGG16'})
        for seed in range(50):
            shuffled = random.Random(seed).sample(self.VGG16, len(self.VGG16))
            self.assertEqual(fodlam.estimate({'net': 'VGG16', 'layers': shuffled}), expected)

    def test_total_is_conv_and_fc(self):
        for name in CONFIGS:
            report = fodlam.estimate(json.loads(read('config', name)))
            for quantity, total in report['total'].items():
                parts = report['conv'][quantity] + report['fc'][quantity]
                self.assertTrue(math.isclose(parts, total, rel_tol=1e-15), name)

    def test_layers_add_up(self):
        each = [fodlam.estimate({'net': 'VGG16', 'layers': [x]})['total'] for x in self.VGG16]
        for quantity, total in fodlam.estimate({'net': 'VGG16'})['total'].items():
            self.assertEqual(math.fsum(cost[quantity] for cost in each), total)

    def test_a_layer_named_twice_counts_twice(self):
        once = fodlam.estimate({'net': 'VGG16', 'layers': ['CONV1-1']})['total']
        twice = fodlam.estimate({'net': 'VGG16', 'layers': ['CONV1-1', 'conv1_1']})['total']
        self.assertEqual(twice, {quantity: 2 * number for quantity, number in once.items()})

    def test_names_match_in_any_case_with_dash_or_underscore(self):
        expected = fodlam.estimate({'net': 'VGG16', 'layers': ['CONV1-1', 'FC6']})
        for names in (['conv1_1', 'fc6'], ['Conv1-1', 'Fc6'], ['CONV1_1', 'FC6']):
            self.assertEqual(fodlam.estimate({'net': 'VGG16', 'layers': names}), expected)

    def test_layers_left_out_are_all_that_have_a_cost(self):
        for config in ({'net': 'AlexNet'}, {'netfile': 'alexnet_deploy.json'}):
            layers = [f'conv{i}' for i in range(1, 6)] + ['fc6', 'fc7', 'fc8']
            self.assertEqual(fodlam.estimate(config), fodlam.estimate({**config, 'layers': layers}))

    def test_average_weighs_every_mac_the_same(self):
        # Scaling all published layers of a kind must give back what they cost together.
        published = [fodlam.estimate({'net': net}) for net in NETFILES]
        scaled = [fodlam.estimate({'netfile': netfile}) for netfile in NETFILES.values()]
        for kind in (*fodlam.KINDS, 'total'):
            for quantity in ('energy', 'latency'):
                self.assertAlmostEqual(
                    sum(r[kind][quantity] for r in scaled)
                    / sum(r[kind][quantity] for r in published),
                    1,
                )

    def test_scaled_cost_is_proportional_to_macs(self):
        per_mac = fodlam.diagnose()['average']
        for entry in fodlam.read_net('faster_rcnn_vgg16.json').values():
            kind = fodlam.KIND_OF_TYPE.get(entry['type'])
            if kind:
                config = {'netfile': 'faster_rcnn_vgg16.json', 'layers': [entry['name']]}
                for quantity, number in fodlam.estimate(config)[kind].items():
                    self.assertEqual(number, per_mac[quantity][kind] * entry['macs'])

    def test_dennard_scaling_at_its_own_node_changes_nothing(self):
        self.assertEqual(fodlam.node_scale(65, 65, None), (1, 1))


class OtherNetworks(unittest.TestCase):
    """What a published network may lack."""

    def setUp(self):
        self.model = fodlam.PublishedModel('VGG16', per_frame=True, rule='dennard')

    def test_layers_that_its_tables_lack(self):
        for kind in 'conv', 'fc':
            with self.assertRaisesRegex(ValueError, "'fc9'"):
                self.model.layer({'name': 'fc9', 'macs': 1}, kind)

    def test_eie_may_not_have_measured_it(self):
        """Its fc layers have no cost then."""
        self.model.network = {**self.model.network, 'eie_name': None}
        self.assertIsNone(self.model.layer({'name': 'fc9', 'macs': 1}, 'fc'))
        with self.assertRaisesRegex(ValueError, "'conv9'"):
            self.model.layer({'name': 'conv9', 'macs': 1}, 'conv')


if __name__ == '__main__':
    unittest.main()
