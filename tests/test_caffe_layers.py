"""Caffe's layers with MACs: convolutions and fully-connected layers; and those that are left out."""

import json
import unittest

from definitions import DATA, EMBED, convolution, inner_product, layer, pooling
from extracted import refusals
from extracted_caffe import entries
from support import extract


class Layers(unittest.TestCase):
    """MACs, layer type by layer type."""

    def conv(self, parameters, type_='Convolution', data=DATA):
        """Return the entry of a layer that reads the input of a definition."""
        return entries(data + layer('c', type_, parameters, 'data'))['c']

    def test_convolution(self):
        data = DATA.replace('dim: 3 ', 'dim: 4 ')
        grouped = self.conv(convolution(8, 3, stride=2, pad=1, more='group: 2'), data=data)
        self.assertEqual(grouped['ofmap'], [8, 16, 12])
        self.assertEqual((grouped['groups'], grouped['macs']), (2, 8 * 16 * 12 * 2 * 9))
        self.assertEqual((grouped['kernel'], grouped['stride']), ([3, 3], [2, 2]))
        dilated = self.conv(convolution(8, 3, more='dilation: 2'))
        self.assertEqual(dilated['ofmap'], [8, 28, 20])
        oblong = self.conv(
            'convolution_param { num_output: 8 kernel_h: 1 kernel_w: 7 pad_h: 0 pad_w: 3 '
            'stride_h: 2 stride_w: 1 }'
        )
        self.assertEqual(oblong['ofmap'], [8, 16, 24])
        self.assertEqual((oblong['kernel'], oblong['stride']), ([1, 7], [2, 1]))
        two = self.conv('convolution_param { num_output: 8 kernel_size: 1 kernel_size: 5 }')
        self.assertEqual(two['ofmap'], [8, 32, 20])

    def test_dilation(self):
        """`hole` is DeepLab's word for it."""
        for parameters, dilation, size in (
            ('dilation: 2', [2, 2], [28, 20]),
            ('hole: 2', [2, 2], [28, 20]),
            ('hole_h: 2 hole_w: 3', [2, 3], [28, 18]),
            ('hole_w: 3', [1, 3], [30, 18]),
            ('hole: 2 hole_w: 3', [2, 3], [28, 18]),
            ('dilation: 1 dilation: 3', [1, 3], [30, 18]),
            ('hole: 1', None, [30, 22]),
            ('dilation: 1', None, [30, 22]),
        ):
            entry = self.conv(convolution(8, 3, more=parameters))
            self.assertEqual(entry.get('dilation'), dilation, parameters)
            self.assertEqual(entry['ofmap'], [8, *size], parameters)
            self.assertEqual(entry['macs'], 8 * size[0] * size[1] * 3 * 9, parameters)
        up = self.conv(convolution(6, 3, more='hole: 2'), 'Deconvolution')
        self.assertEqual((up['ofmap'], up['dilation']), ([6, 36, 28], [2, 2]))

    def test_deconvolution_counts_input_pixels(self):
        up = self.conv(convolution(6, 4, stride=2, pad=1, more='group: 3'), 'Deconvolution')
        self.assertEqual(up['ofmap'], [6, 64, 48])
        self.assertEqual(up['macs'], 32 * 24 * 3 * 2 * 16)

    def test_inner_product(self):
        fc = self.conv(inner_product(10), 'InnerProduct')
        self.assertEqual(fc['ifmap'], [3 * 32 * 24, 1, 1])
        self.assertEqual((fc['ofmap'], fc['kernel']), ([10, 1, 1], [1, 1]))
        self.assertEqual(fc['macs'], 3 * 32 * 24 * 10)
        each = self.conv(inner_product(10).replace('}', 'axis: -1 }'), 'InnerProduct')
        self.assertEqual(each['ifmap'], [24, 3 * 32, 1])
        self.assertEqual(each['macs'], 3 * 32 * 24 * 10)

    def test_depthwise_types(self):
        """One filter a channel: 3 * 3 MACs for each pixel of each of 3 channels."""
        for type_ in ('DepthwiseConvolution', 'ConvolutionDepthwise'):
            for parameters in (
                convolution(3, 3, pad=1, more='group: 3'),
                convolution(3, 3, pad=1),
                convolution(3, 3, pad=1).replace('num_output: 3', ''),
            ):
                entry = self.conv(parameters, type_)
                self.assertEqual((entry['type'], entry['groups']), ('Convolution', 3))
                self.assertEqual(entry['macs'], 3 * 32 * 24 * 9)
        twice = self.conv(convolution(6, 3, pad=1), 'DepthwiseConvolution')  # two filters each
        self.assertEqual((twice['ofmap'], twice['macs']), ([6, 32, 24], 6 * 32 * 24 * 9))
        dense = self.conv(convolution(6, 3, pad=1, more='group: 1'), 'DepthwiseConvolution')
        self.assertEqual(dense['macs'], 6 * 32 * 24 * 3 * 9)
        text = DATA + layer('c', 'ConvolutionDepthwise', convolution(3, 3, pad=1), 'data')
        text += layer('r', 'ReLU', '', 'c') + layer('p', 'Pooling', pooling(2, 2), 'r')
        self.assertEqual(entries(text)['c']['stored'], [3, 16, 12])

    def test_several_inputs(self):
        """A convolution with two inputs does its work twice, on each by itself."""
        for type_, pixels in (
            ('Convolution', 30 * 22),
            ('Deconvolution', 32 * 24),
            ('ConvolutionDepthwise', 30 * 22),
        ):
            text = DATA.replace('\n', 'input: "b" input_shape { dim: 2 dim: 3 dim: 32 dim: 24 }\n')
            text += layer('c', type_, convolution(6, 3) + 'bottom: "b" top: "d"', 'data')
            text += layer('e', 'Convolution', convolution(5, 1), 'd')
            text += layer('p', 'Pooling', pooling(2, 2), 'c')
            net = entries(text)
            channels = 1 if type_ == 'ConvolutionDepthwise' else 3
            self.assertEqual(
                [net[name]['macs'] for name in ('c', 'c#2')], [pixels * channels * 6 * 9] * 2
            )
            self.assertEqual(net['e']['ifmap'][0], 6)
            self.assertIn('stored', net['c'])
            self.assertNotIn('stored', net['c#2'])

    def test_embed(self):
        """Indices become vectors of 16 numbers, without MACs."""
        text = 'input: "words" input_shape { dim: 1 dim: 7 }\n'
        text += layer('e', 'Embed', EMBED, 'words')
        text += layer('f', 'InnerProduct', inner_product(10), 'e')
        net = entries(text)
        self.assertEqual((net['e'], net['f']['macs']), (
            {'name': 'e', 'type': 'Embed'}, 7 * 16 * 10
        ))  # fmt: skip

    def test_fields_of_real_definitions(self):
        more = (
            'group: 1 dilation: 1 weight_filler { type: "xavier" } bias_filler { } engine: CUDNN '
        )
        more += 'bias_term: false axis: 1 force_nd_im2col: false'
        text = DATA + layer('c', 'Convolution', convolution(4, 3, more=more), 'data')
        fc = 'inner_product_param { num_output: 4 bias_term: true weight_filler { } axis: 1 '
        text += layer('f', 'InnerProduct', f'{fc} bias_filler {{ }} transpose: true }}', 'c')
        pool = 'pooling_param { pool: AVE kernel_size: 2 engine: CAFFE round_mode: CEIL }'
        result = extract('n.prototxt', text + layer('p', 'Pooling', pool, 'c'))
        self.assertEqual((result.status, result.err), (0, ''))


class LeftOut(unittest.TestCase):
    """Types that FODLAM does not model."""

    def test_what_is_left_out_is_said(self):
        text = DATA + layer('r', 'GRU', '', 'data') + layer('e', 'Embed', EMBED, 'data')
        text += layer('d', 'MyConvolution', convolution(3, 3), 'data')
        text += layer('f', 'InnerProduct', inner_product(3), 'data')
        result = extract('n.prototxt', text + layer('p', 'Python', '', 'data'))
        note = (
            'extract.py: n.prototxt: left out, as FODLAM does not model it: whatever is in GRU, '
            'MyConvolution\n'
        )
        self.assertEqual((result.status, result.err), (0, note))

    def test_a_type_that_has_macs_elsewhere(self):
        """FODLAM would want the MACs of an entry of the type MatMul."""
        text = DATA + layer('f', 'InnerProduct', 'inner_product_param { num_output: 2 }', 'data')
        result = extract('n.prototxt', text + layer('m', 'MatMul', 'bottom: "f"', 'f'))
        self.assertIn('left out, as FODLAM does not model it: whatever is in MatMul', result.err)
        self.assertEqual(json.loads(result.out)[-1], {'name': 'm', 'type': 'MatMul, not counted'})
        self.assertEqual(refusals(result.out), [])

    def test_unknown_types_matter_only_to_layers_that_need_their_shape(self):
        text = DATA + layer('odd', 'MyLayer', '', 'data') + layer('r', 'ReLU', '', 'odd')
        self.assertEqual(entries(text)['odd'], {'name': 'odd', 'type': 'MyLayer'})
        result = extract('n.prototxt', text + layer('c', 'Convolution', convolution(1, 1), 'r'))
        self.assertEqual(result.status, 1)
        for part in ('line 4', "Convolution 'c'", "'odd' (MyLayer)"):
            self.assertIn(part, result.err)


class SameShape(unittest.TestCase):
    """--same-shape, for types that only the user knows."""

    TEXT = DATA + layer('odd', 'MyLayer', '', 'data') + layer('m', 'MyMix', 'bottom: "odd"', 'odd')
    TEXT += layer('c', 'Convolution', convolution(8, 3), 'm')

    def test_it_passes_the_shape_through(self):
        argv = ['--same-shape', 'MyLayer', '--same-shape', 'MyMix']
        result = extract('n.prototxt', self.TEXT, *argv)
        self.assertEqual((result.status, result.err), (0, ''))
        self.assertEqual(json.loads(result.out)[-1]['macs'], 8 * 30 * 22 * 3 * 9)
        self.assertEqual(json.loads(result.out)[1], {'name': 'odd', 'type': 'MyLayer'})

    def test_it_is_advised(self):
        for argv, type_ in (([], 'MyLayer'), (['--same-shape', 'MyLayer'], 'MyMix')):
            result = extract('n.prototxt', self.TEXT, *argv)
            self.assertEqual(result.status, 1)
            self.assertRegex(
                result.err, rf'\({type_}\) does not tell; give --same-shape {type_} if'
            )

    def test_it_is_said_to_have_no_effect(self):
        for type_ in ('NoSuch', 'Convolution', 'Input'):
            text = DATA + layer('c', 'Convolution', convolution(8, 3), 'data')
            result = extract('n.prototxt', text, '--same-shape', type_)
            self.assertEqual(result.out, extract('n.prototxt', text).out)
            self.assertEqual(
                result.err,
                f'extract.py: n.prototxt: --same-shape {type_!r} has no effect: no layer is of '
                'this type, or FODLAM knows its shapes\n',
            )


if __name__ == '__main__':
    unittest.main()
