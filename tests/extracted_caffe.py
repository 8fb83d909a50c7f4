"""What the extractor makes of Caffe's definitions that tests write: entries of net files."""

import json
import unittest

from definitions import convolution, layer
from extracted import REMEDY
from support import extract


def entries(text, *argv):
    """Return {name: entry} of the net file of a definition, to which a layer with MACs is added."""
    last = 'layer { name: "last" type: "InnerProduct" top: "last" bottom: "its input" '
    last += 'inner_product_param { num_output: 1 } }'
    source = layer('its input', 'Input', 'input_param { shape { dim: [1, 1] } }')
    result = extract('net.prototxt', text + source + last, *argv)
    if result.status:
        raise AssertionError(result.err)
    net = {entry['name']: entry for entry in json.loads(result.out)}
    return {name: entry for name, entry in net.items() if name not in ('its input', 'last')}


def after(text, *argv):
    """Return the ifmap of a conv layer put behind the blob "x" that `text` makes."""
    probe = layer('probe', 'Convolution', convolution(1, 1), 'x')
    return entries(text + probe, *argv)['probe']['ifmap']


class CaffeCase(unittest.TestCase):
    """A TestCase of definitions that are refused."""

    def refused(self, text, *parts):
        """Check that a definition is refused, in one short line that has a remedy and all parts."""
        result = extract('n.prototxt', text)
        self.assertEqual((result.status, result.out), (1, ''))
        self.assertRegex(result.err, r'\Aextract.py: [^\n]+\n\Z')
        self.assertRegex(result.err, REMEDY)
        self.assertLess(len(result.err), 600)
        for part in parts:
            self.assertIn(part, result.err)
