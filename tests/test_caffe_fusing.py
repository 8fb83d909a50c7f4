"""Caffe's layers that an accelerator does on the way to DRAM, and sums: `stored` and `addend`."""

import json
import unittest

from definitions import DATA, convolution, layer, pooling
from extracted_caffe import entries
from support import extract


class Fusing(unittest.TestCase):
    """Pooling behind a convolution, and sums."""

    CONV = layer('c', 'Convolution', convolution(4, 3, pad=1), 'data')
    POOL = layer('p', 'Pooling', pooling(2, 2), 'r')

    def test_pooling_behind_activation(self):
        text = DATA + self.CONV + layer('r', 'ReLU', '', 'c')
        self.assertNotIn('stored', entries(text)['c'])
        self.assertEqual(entries(text + self.POOL)['c']['stored'], [4, 16, 12])
        second = layer('q', 'Pooling', pooling(2, 2), 'p')
        self.assertEqual(entries(text + self.POOL + second)['c']['stored'], [4, 16, 12])

    def test_not_if_something_else_reads_it(self):
        text = DATA + self.CONV + layer('r', 'ReLU', '', 'c') + self.POOL
        for blob in 'cr':
            self.assertNotIn('stored', entries(text + layer('o', 'Softmax', '', blob))['c'])
        split = layer('s', 'Split', '', 'c') + layer('r', 'ReLU', '', 's') + self.POOL
        self.assertIn('stored', entries(DATA + self.CONV + split)['c'])
        self.assertNotIn(
            'stored', entries(DATA + self.CONV + split + layer('o', 'ReLU', '', 'c'))['c']
        )

    def test_not_if_something_else_stands_between(self):
        for type_ in ('Softmax', 'MyLayer', 'Convolution'):
            parameters = convolution(4, 3, pad=1) if type_ == 'Convolution' else ''
            text = DATA + self.CONV + layer('r', type_, parameters, 'c')
            self.assertNotIn('stored', entries(text + self.POOL)['c'], type_)

    def test_in_place_layers_are_what_reads_next(self):
        text = DATA + self.CONV
        for type_ in ('BatchNorm', 'Scale', 'ReLU', 'Clip', 'Dropout'):
            text += layer(type_, type_, '', 'c', 'c')
        text += layer('p', 'Pooling', pooling(2, 2), 'c')
        self.assertEqual(entries(text)['c']['stored'], [4, 16, 12])

    def sum(self, order='cd', more='', operation='SUM'):
        """Return the entries of two convolutions, c and d, whose sum is pooled."""
        text = DATA
        for name in order:
            text += layer(name, 'Convolution', convolution(4, 3, pad=1), 'data')
        both = f'bottom: "d" eltwise_param {{ operation: {operation} }}'
        return entries(text + layer('r', 'Eltwise', both, 'c') + self.POOL + more)

    def test_the_last_producer_carries_the_addend(self):
        for order in ('cd', 'dc'):
            net = self.sum(order)
            first, last = net[order[0]], net[order[1]]
            self.assertIs(last['addend'], True)
            self.assertEqual(last['stored'], [4, 16, 12])
            self.assertNotIn('addend', first)
            self.assertNotIn('stored', first)

    def test_no_addend(self):
        self.assertNotIn('addend', self.sum(operation='PROD')['d'])
        self.assertNotIn('addend', self.sum(operation='MAX')['d'])
        self.assertNotIn('addend', self.sum(more=layer('o', 'Softmax', '', 'd'))['d'])
        self.assertIn('addend', self.sum(more=layer('o', 'Softmax', '', 'c'))['d'])

    def test_activation_written_out(self):
        text = DATA + layer('c', 'Convolution', convolution(4, 1), 'data')
        text += layer('s', 'Sigmoid', '', 'c')
        text += layer('m', 'Eltwise', 'bottom: "s" eltwise_param { operation: PROD }', 'c')
        text += layer('p', 'Pooling', 'pooling_param { global_pooling: true }', 'm')
        entry = json.loads(extract('n.prototxt', text).out)[1]
        self.assertEqual(entry['stored'], [4, 1, 1])


if __name__ == '__main__':
    unittest.main()
