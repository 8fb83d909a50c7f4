"""Caffe's definitions damaged at random: each is extracted, or refused in one line with a remedy."""

import re
import unittest

from definitions import chain, convolution, inner_product, layer, pooling
from extracted import check_changed

BITS = (b'{', b'}', b'"', b'-1', b'0', b'9' * 18, b'pad: 3 ', b'[', b']', b'\xff', b'<', b'#')
WORDS = b'{ } " -1 0 999999999 4294967296 [ ] < # \xff top: bottom: axis: dim: x 1 2 3'.split()
WORD = re.compile(rb'[\w.-]+|[^\s\w]')


def change_pieces(rng, text):
    """Return a definition with some pieces left out, written twice, or replaced by BITS."""
    for _ in range(rng.randint(1, 4)):
        start = rng.randrange(len(text))
        end = start + rng.choice((0, 1, 2, 10, 60))
        new = rng.choice((b'', rng.choice(BITS), text[start:end] * 2))
        text = text[:start] + new + text[end:]
    return text


def change_words(rng, text):
    """Return a definition with some words left out, or replaced by WORDS."""
    for _ in range(rng.randint(1, 3)):
        match = WORD.search(text, rng.randrange(len(text))) or WORD.search(text)
        start, end = match.span()
        text = text[:start] + rng.choice((b'', rng.choice(WORDS), b'7')) + text[end:]
    return text


def small():
    """Return a definition of a few layers that follow each other, and a Slice."""
    steps = [
        ('conv1', 'Convolution', convolution(8, 5, stride=2, pad=1)),
        ('relu1', 'ReLU', ''),
        ('norm1', 'LRN', ''),
        ('pool1', 'Pooling', pooling(3, 2)),
        ('fc2', 'InnerProduct', inner_product(10)),
        ('drop2', 'Dropout', ''),
        ('prob', 'Softmax', ''),
    ]
    return chain(steps, (3, 28, 28)) + layer('s', 'Slice', 'top: "t"', 'prob')


def all_types():
    """Return a definition with layers of many types, of which each reads the one before it."""
    text = 'input: "data" input_shape { dim: [1, 4, 32, 24] } '
    last = 'data'
    for type_, parameters in (
        ('Convolution', convolution(4, 3, 2, 1, 'group: 2')),
        ('Pooling', 'pooling_param { kernel_size: 2 stride: 2 }'),
        ('Slice', 'top: "s2" slice_param { axis: 1 slice_point: 2 }'),
        ('Concat', 'bottom: "Slice" concat_param { axis: 2 }'),
        ('Reshape', 'reshape_param { shape { dim: 0 dim: -1 dim: 3 dim: 4 } }'),
        ('Deconvolution', convolution(3, 3, 2)),
        ('Crop', 'bottom: "Reshape" crop_param { axis: 2 offset: 1 }'),
        ('Eltwise', 'bottom: "Crop"'),
        ('Split', ''),
        ('ROIPooling', 'bottom: "data" roi_pooling_param { pooled_h: 2 pooled_w: 3 }'),
        ('Flatten', 'flatten_param { axis: 1 end_axis: 2 }'),
        ('InnerProduct', 'inner_product_param { num_output: 5 axis: 1 }'),
    ):
        text += layer(type_, type_, parameters, last)
        last = 's2' if type_ == 'Slice' else type_
    return text


class Fuzz(unittest.TestCase):
    """They take a second or so, as each of hundreds of definitions is read anew."""

    def test_pieces(self):
        notes = r'\A(extract.py: [^\n]+ left out, [^\n]+\n)?\Z'
        check_changed(self, 'n.prototxt', small().encode(), 1500, change_pieces, 0.2, 1, notes)

    def test_words(self):
        check_changed(self, 'n.prototxt', all_types().encode(), 2500, change_words, 0.4, 1)


if __name__ == '__main__':
    unittest.main()
