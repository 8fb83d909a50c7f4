"""Caffe's layers without MACs: the shapes that they make."""

import math
import unittest

from definitions import DATA, convolution, inner_product, layer, pooling
from extracted_caffe import after, entries
from support import extract


class Shapes(unittest.TestCase):
    """Shapes, layer type by layer type."""

    def test_shapes_of_other_types(self):
        for type_, parameters, shape in (
            ('Flatten', '', [3 * 32 * 24]),
            ('Flatten', 'flatten_param { axis: 2 }', [3, 32 * 24]),
            ('Reshape', 'reshape_param { shape { dim: 0 dim: 6 dim: -1 dim: 0 } }', [6, 16, 24]),
            ('Reshape', 'reshape_param { shape { dim: 0 dim: -1 } }', [3 * 32 * 24]),
            ('Reshape', 'reshape_param { shape { dim: -1 } axis: 1 num_axes: 2 }', [96, 24]),
            ('Softmax', '', [3, 32, 24]),
            ('ReLU', '', [3, 32, 24]),
            ('Concat', 'bottom: "data"', [6, 32, 24]),
            ('Concat', 'bottom: "data" concat_param { axis: 2 }', [3, 64, 24]),
            ('Eltwise', 'bottom: "data"', [3, 32, 24]),
            (
                'ROIPooling',
                'bottom: "roi" roi_pooling_param { pooled_h: 7 pooled_w: 6 }',
                [3, 7, 6],
            ),
            ('Crop', 'bottom: "small"', [3, 4, 5]),
            ('Crop', 'bottom: "data"', [3, 32, 24]),
            ('Crop', 'bottom: "small" crop_param { axis: 3 offset: 2 }', [3, 32, 5]),
            ('Slice', 'top: "y" top: "z"', [1, 32, 24]),
            ('Slice', 'top: "y" slice_param { axis: 2 slice_point: 10 }', [3, 10, 24]),
        ):
            with self.subTest(type_ + parameters):
                text = DATA + layer('roi', 'Python', '', 'data')
                text += layer(
                    'small', 'Input', 'input_param { shape { dim: 1 dim: 9 dim: 4 dim: 5 } }'
                )
                text += layer('x', type_, parameters, 'data')
                text += layer(
                    'fc', 'InnerProduct', 'inner_product_param { num_output: 1 axis: 1 }', 'x'
                )
                self.assertEqual(entries(text)['fc']['ifmap'], [math.prod(shape), 1, 1])
                if len(shape) == 3:
                    self.assertEqual(after(text), shape)

    def test_pooling(self):
        for parameters, size in (
            (pooling(2, 2), [16, 12]),
            (pooling(3, 2), [16, 12]),  # rounded up
            (pooling(3, 2, 'round_mode: FLOOR'), [15, 11]),
            (pooling(3, 2, 'round_mode: 1'), [15, 11]),
            (pooling(3, 2, 'round_mode: CEIL'), [16, 12]),
            (pooling(3, 2, 'ceil_mode: false'), [15, 11]),  # NVIDIA's word for it
            (pooling(3, 2, 'ceil_mode: true'), [16, 12]),
            (pooling(3, 2, 'ceil_mode: true round_mode: FLOOR'), [15, 11]),
            (pooling(3, 2, 'pad: 1'), [17, 13]),
            (pooling(2, 2, 'pad: 1'), [17, 13]),
            (pooling(1, 2, 'pad: 1'), [17, 13]),
            (pooling(1, 3, 'pad: 1'), [11, 9]),
            ('pooling_param { global_pooling: true }', [1, 1]),
            ('pooling_param { global_pooling: 1 }', [1, 1]),
            (pooling(33, 10), [1, 1]),
            ('pooling_param { kernel_h: 4 kernel_w: 2 stride_h: 4 stride_w: 2 }', [8, 12]),
        ):
            self.assertEqual(after(DATA + layer('x', 'Pooling', parameters, 'data')), [3, *size])

    def test_caffe_starts_no_pooling_window_in_the_padding(self):
        # (5 + 2 - 2) / 2 rounded up, and one: the fourth window would start past the image.
        data = DATA.replace('dim: 32 dim: 24', 'dim: 5 dim: 5')
        self.assertEqual(
            after(data + layer('x', 'Pooling', pooling(2, 2, 'pad: 1'), 'data')), [3, 3, 3]
        )

    def test_slices_are_each_their_own(self):
        text = DATA + layer('s', 'Slice', 'top: "b" slice_param { slice_point: 1 }', 'data', 'a')
        for top in 'ab':
            text += layer(f'conv_{top}', 'Convolution', convolution(1, 1), top)
        net = entries(text)
        self.assertEqual([net[f'conv_{top}']['ifmap'][0] for top in 'ab'], [1, 2])

    def test_types_that_keep_shapes(self):
        """Those done on the way to DRAM, and the others."""
        for type_, parameters in (
            ('BN', 'bn_param { bn_mode: INFERENCE }'),
            ('BN', 'bn_param { frozen: true slope_filler { value: 1 } }'),
            ('SELU', ''),
            ('ELU', ''),
        ):
            text = DATA + layer('c', 'Convolution', convolution(6, 1), 'data')
            text += layer('x', type_, parameters, 'c')
            self.assertEqual(after(text), [6, 32, 24])
            text += layer('p', 'Pooling', pooling(2, 2), 'x')
            self.assertEqual(entries(text)['c']['stored'], [6, 16, 12])
        text = DATA + layer('c', 'Convolution', convolution(6, 1), 'data')
        for type_, parameters in (
            ('ShuffleChannel', 'shuffle_channel_param { group: 3 }'),
            ('Normalize', 'norm_param { across_spatial: false }'),  # SSD's
            ('MVN', ''),
        ):
            behind = text + layer('x', type_, parameters, 'c')
            self.assertEqual(after(behind), [6, 32, 24])
            behind += layer('p', 'Pooling', pooling(2, 2), 'x')
            self.assertNotIn('stored', entries(behind)['c'], type_)

    def test_fields_that_shapes_do_not_depend_on(self):
        """They are of caffe.proto, and taken; all other fields are mistakes."""
        filler = '{ type: "constant" }'
        for type_, parameters, size in (
            ('Convolution', 'convolution_param { num_output: 3 kernel_size: 1 bias_term: false '
             f'weight_filler {filler} bias_filler {filler} engine: CAFFE axis: 1 '
             'force_nd_im2col: false }', [3, 32, 24]),
            ('Pooling', 'pooling_param { pool: AVE global_pooling: true engine: CAFFE }', [3, 1, 1]),
            ('Eltwise', 'bottom: "data" eltwise_param { operation: SUM coeff: 1 coeff: -1 '
             'stable_prod_grad: true }', [3, 32, 24]),
            ('ROIPooling', 'bottom: "r" roi_pooling_param { pooled_h: 6 pooled_w: 5 '
             'spatial_scale: 0.0625 }', [3, 6, 5]),
        ):  # fmt: skip
            regions = layer('r', 'Input', 'input_param { shape { dim: 9 dim: 5 } }')
            text = DATA + regions + layer('x', type_, parameters, 'data')
            self.assertEqual(after(text), size, type_)
        fc = f'weight_filler {filler} bias_filler {filler} bias_term: false axis: 1 transpose: true'
        last = layer('f', 'InnerProduct', f'inner_product_param {{ num_output: 5 {fc} }}', 'x')
        for type_, parameters, size in (
            ('Reduction', 'reduction_param { operation: MEAN axis: 2 coeff: 2 }', 3),
            ('SPP', 'spp_param { pyramid_height: 1 pool: MAX engine: CAFFE }', 3),
            ('SPP', 'spp_param { pyramid_height: 16 }', 3 * sum(4**level for level in range(16))),
            ('ReLU', '', 3 * 32 * 24),
        ):
            net = entries(DATA + layer('x', type_, parameters, 'data') + last)
            self.assertEqual(net['f']['macs'], size * 5, type_)

    def test_channels_that_are_not_shuffled(self):
        """By default they are in one group, whatever their number."""
        self.assertEqual(after(DATA + layer('x', 'ShuffleChannel', '', 'data')), [3, 32, 24])

    def test_axpy(self):
        """SENet: factors of the pooled input, times the input, and the input added."""
        for pooled in ('', 'flatten_param { }'):
            text = DATA + layer('g', 'Pooling', 'pooling_param { global_pooling: true }', 'data')
            factors = 'g'
            if pooled:
                text += layer('f', 'Flatten', pooled, 'g')
                factors = 'f'
            text += layer('x', 'Axpy', 'bottom: "data" bottom: "data"', factors)
            self.assertEqual(after(text), [3, 32, 24])

    def test_interp(self):
        """interp_layer.cpp; 32 x 24 pixels come in."""
        for parameters, size in (
            ('height: 38 width: 39', [38, 39]),
            ('zoom_factor: 2', [63, 47]),  # 32 + 31 * (2 - 1)
            ('zoom_factor: 8', [249, 185]),  # 32 + 31 * 7, 24 + 23 * 7
            ('shrink_factor: 2', [16, 12]),  # 31 / 2 + 1
            ('shrink_factor: 3', [11, 8]),
            ('shrink_factor: 3 zoom_factor: 2', [21, 15]),  # 11 + 10, 8 + 7
            ('shrink_factor: 3 zoom_factor: 2 height: 5 width: 6', [5, 6]),
            ('shrink_factor: 3 height: 5 width: 6', [11, 8]),
            ('zoom_factor: 2 height: 5 width: 6', [63, 47]),
            ('zoom_factor: 2 height: 5', [63, 47]),
            ('zoom_factor: 1', [32, 24]),
            ('zoom_factor: 2 pad_beg: -1', [61, 45]),  # 31 + 30, 23 + 22
            ('shrink_factor: 2 pad_beg: -1 pad_end: -2', [15, 11]),  # 28 / 2 + 1, 20 / 2 + 1
        ):
            text = DATA + layer('x', 'Interp', f'interp_param {{ {parameters} }}', 'data')
            self.assertEqual(after(text), [3, *size], parameters)

    def test_upsample(self):
        """SegNet's, with the mask of a pooling, and one without; 16 x 12 pixels come in."""
        text = DATA + layer('p', 'Pooling', pooling(2, 2) + 'top: "mask"', 'data')
        for parameters, size in (
            ('', [32, 24]),
            ('upsample_param { scale: 2 }', [32, 24]),
            ('upsample_param { scale: 4 }', [64, 48]),
            ('upsample_param { scale: 2 pad_out_h: true }', [31, 24]),
            ('upsample_param { scale: 2 pad_out_w: true }', [32, 23]),
            ('upsample_param { scale_h: 3 scale_w: 2 }', [48, 24]),
            ('upsample_param { upsample_h: 45 upsample_w: 60 }', [45, 60]),
            ('upsample_param { scale: 2 upsample_h: 45 upsample_w: 60 }', [45, 60]),
            ('upsample_param { upsample_h: 45 }', [32, 24]),
        ):
            for mask in ('', 'bottom: "mask"'):
                up = layer('x', 'Upsample', parameters + mask, 'p')
                self.assertEqual(after(text + up), [3, *size], parameters)

    def test_spp(self):
        """Of 3 channels and 1 + 4 + 16 bins; of one level, it is a pooling, not flattened."""
        for levels, features in ((1, 3), (2, 3 * 5), (3, 3 * 21), (4, 3 * 85)):
            text = DATA + layer('x', 'SPP', f'spp_param {{ pyramid_height: {levels} }}', 'data')
            text += layer('f', 'InnerProduct', inner_product(10), 'x')
            self.assertEqual(entries(text)['f']['macs'], features * 10)
        one = layer('x', 'SPP', 'spp_param { pyramid_height: 1 pool: AVE }', 'data')
        self.assertEqual(after(DATA + one), [3, 1, 1])

    def test_tile(self):
        for parameters, shape in (
            ('tiles: 2', [6, 32, 24]),
            ('axis: 1 tiles: 5', [15, 32, 24]),
            ('axis: 2 tiles: 3', [3, 96, 24]),
            ('axis: -1 tiles: 3', [3, 32, 72]),
            ('tiles: 1', [3, 32, 24]),
        ):
            text = DATA + layer('x', 'Tile', f'tile_param {{ {parameters} }}', 'data')
            self.assertEqual(after(text), shape, parameters)

    def test_reduction(self):
        """All dimensions from `axis` on, by default all, become one number."""
        for axis, features in ((2, 3), (3, 3 * 32), (-1, 3 * 32), (-2, 3)):
            parameters = f'reduction_param {{ operation: MEAN axis: {axis} }}'
            text = DATA + layer('x', 'Reduction', parameters, 'data')
            last = layer('f', 'InnerProduct', inner_product(10), 'x')
            self.assertEqual(entries(text + last)['f']['macs'], features * 10, axis)
        text = DATA + layer('x', 'Reduction', '', 'data')
        result = extract('n.prototxt', text + layer('f', 'InnerProduct', inner_product(1), 'x'))
        self.assertIn('where there are 0 dimensions', result.err)

    def test_reshape_with_num_axes(self):
        """Only those dimensions are replaced: none before dimension 1, 3, 32, or 3 x 32."""
        merge = layer('x', 'Flatten', 'flatten_param { axis: 1 end_axis: 2 }', 'x', 'x')
        for parameters, more, shape in (
            ('axis: 1 num_axes: 0 shape { dim: 1 }', merge, [3, 32, 24]),
            ('axis: 2 num_axes: 1 shape { dim: 4 dim: 8 }', merge, [12, 8, 24]),
            ('axis: 1 num_axes: 2 shape { dim: 4 dim: 24 }', '', [4, 24, 24]),
            ('axis: -2 num_axes: 9 shape { dim: 24 }', '', [3, 32, 24]),
        ):
            text = DATA + layer('x', 'Reshape', f'reshape_param {{ {parameters} }}', 'data')
            self.assertEqual(after(text + more), shape)


if __name__ == '__main__':
    unittest.main()
