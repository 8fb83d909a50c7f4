"""Names in pictures of rooflines: where they are put."""

import itertools
import math
import unittest

from drawings import (
    apart,
    corners,
    drawn,
    is_halo,
    labels,
    of_class,
    picture,
    points,
    rooflines,
    roofs,
    texts,
    titled,
)
from estimates import ROOFLINE_BOUNDS, estimate_of, made


class Labels(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pictures = rooflines()

    def test_labels_are_apart_and_clear_of_roofs(self):
        """For random networks, those of the zoo, and all kinds of accelerators."""
        found = 0
        for name, root in self.pictures:
            boxes = [corners(e) for e in labels(root)]
            for (i, box), (j, other) in itertools.combinations(enumerate(boxes), 2):
                self.assertTrue(
                    apart(box, other), (name, labels(root)[i].text, labels(root)[j].text)
                )
            for label, box in zip(labels(root), boxes):
                for roof in roofs(root):
                    for part in zip(roof, roof[1:]):
                        self.assertTrue(apart(box, part), (name, label.text))
            found += len(boxes)
        self.assertGreater(found, 2 * len(self.pictures))

    def test_lines_lead_from_labels_to_dots(self):
        found = 0
        for name, root in self.pictures:
            dots = titled(root, 'circle')
            for line in of_class(root, 'polyline', 'tick'):
                if list(root)[list(root).index(line) + 1] not in [e for e in root if is_halo(e)]:
                    continue
                (x, y), end = points(line)
                gaps = []
                for dot in dots:
                    middle = float(dot.get('cx')), float(dot.get('cy'))
                    gaps.append(abs(math.dist((x, y), middle) - float(dot.get('r'))))
                self.assertLess(min(gaps), 0.5, name)
                found += 1
        self.assertGreater(found, len(self.pictures))

    def test_dots_on_one_spot_are_labelled_together(self):
        root = picture({'net': 'AlexNet', 'accelerator': 'nvdla-2048'})
        self.assertIn('fc6, fc7, fc8', texts(root))
        chip = {'macs': 4096, 'clock_mhz': 700, 'dram_gbps': 30}
        root = picture({'netfile': 'alexnet_deploy.json', 'accelerator': chip})
        names = {text.text for text in labels(root)}
        self.assertLessEqual({'fc6, fc7, fc8', 'conv1', 'conv2', 'conv3, conv4, conv5'}, names)
        layer = made(6, bounds=ROOFLINE_BOUNDS).make_layers()[2]
        estimate = estimate_of([layer.replaced(name=f'same-{i}') for i in range(6)])
        named = [text for text in texts(drawn(estimate)) if 'same' in text]
        self.assertEqual(named, ['same-0 and 5 more'])


if __name__ == '__main__':
    unittest.main()
