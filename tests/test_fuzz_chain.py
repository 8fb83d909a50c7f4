"""Random networks whose feature maps stay on chip, against a search of all sets of maps."""

import itertools
import random
import unittest

from random_nets import random_graph
from results import features
from support import seeds


def features_by_sets(net, room):
    """Return {name: bytes of features} of a random graph, from the largest set of maps that stay.

    room: for maps, in bytes.
    """
    names = [entry['name'] for entry in net]
    places = {name: place for place, name in enumerate(names)}
    ofmaps = {entry['name']: entry['ofmap'][0] * 100 for entry in net}
    inputs, addends = {}, {}
    for entry in net:
        read = [name for name in entry['from'] if name]
        addends[entry['name']] = [read.pop()] if entry.get('addend') else []
        inputs[entry['name']] = read

    def is_allowed(chosen):
        for entry in net:
            name = entry['name']
            read, added = inputs[name], addends[name]
            if chosen & set(read) and not set(read) <= chosen:
                return False
            if chosen & set(read) and entry['ifmap'][0] * 100 > room:
                return False
            if chosen & set(added) and ofmaps[added[0]] + ofmaps[name] > room:
                return False
            if any(places[name] - places[source] > 6 for source in chosen & {*read, *added}):
                return False
        for name in chosen:
            entry = net[places[name]]
            needed = ofmaps[name] * (2 if entry.get('addend') else 1)
            is_read = any(name in inputs[other] + addends[other] for other in names)
            if needed > room or entry.get('result') or not is_read:
                return False
        return True

    largest = set()
    for count in range(len(names) + 1):
        for chosen in itertools.combinations(names, count):
            if is_allowed(set(chosen)):
                largest |= set(chosen)
    moved = {}
    for entry in net:
        name = entry['name']
        read, added = inputs[name], addends[name]
        moved[name] = 0
        if not read or not set(read) <= largest:
            moved[name] += entry['ifmap'][0] * 100
        if added and added[0] not in largest:
            moved[name] += ofmaps[name]
        if name not in largest:
            moved[name] += ofmaps[name]
    return moved


class RandomGraphs(unittest.TestCase):
    def test_random_graphs(self):
        """What stays is the largest set of maps that meets all conditions, by trying all sets."""
        for seed in seeds(150):
            chance = random.Random(seed)
            net = random_graph(chance)
            room = chance.choice([200, 500, 900, 1500, 1e9])
            with self.subTest(seed):
                expected = features_by_sets(net, room)
                self.assertEqual(features(net, room / 1024), expected)

    def test_more_room_never_costs_bytes(self):
        rooms = [0, 100, 200, 300, 500, 800, 1300, 2100, 1e9]
        nets = [random_graph(random.Random(seed)) for seed in seeds(40)]
        for net in [*nets, 'resnet50.json', 'googlenet.json', 'faster_rcnn_vgg16.json']:
            scale = 1000 if isinstance(net, str) else 1
            moved = [features(net, room * scale / 1024) for room in rooms]
            for less, more in zip(moved, moved[1:]):
                self.assertTrue(all(more[name] <= less[name] for name in less))


if __name__ == '__main__':
    unittest.main()
