"""Mistakes in Caffe's definitions: each is one line that says where, and what would be right."""

import unittest

from definitions import DATA, convolution, inner_product, layer, pooling
from extracted_caffe import CaffeCase
from support import extract

CONV = layer('c', 'Convolution', convolution(8, 3), 'data')


def stacked(type_, parameters):
    """Return 64 layers of which each reads the one before it, twice if it is a Concat."""
    text = ''
    for number in range(64):
        below = str(number) if number else 'data'
        more = f'bottom: "{below}"' if type_ == 'Concat' else ''
        text += layer(str(number + 1), type_, parameters + more, below)
    return text


class Definitions(CaffeCase):
    """What a definition is, and which layers there are."""

    def test_other_files(self):
        for text, said in (
            (
                'net: "train_val.prototxt" base_lr: 0.01',
                "n.prototxt: a solver's settings, without layers; give deploy.prototxt, the ",
            ),
            (
                DATA + 'layers { layer { name: "c" type: "conv" } bottom: "data" top: "c" }',
                'line 2: in the V0 format of before 2014; run: upgrade_net_proto_text OLD NEW, which '
                'comes with Caffe\n',
            ),
            (
                DATA + CONV.replace('layer {', 'layers {').replace('"Convolution"', '40'),
                'line 2: "type" is 40; expected a number from 1 to 39, or a word',
            ),
            (
                DATA + CONV.replace('layer {', 'layers {').replace('"Convolution"', '0'),
                '"type" is 0; expected a number from 1 to 39',
            ),
        ):
            with self.subTest(said):
                self.refused(text, said)

    def test_layers_that_are_not_there(self):
        for text, *parts in (
            (
                layer('d', 'AnnotatedData', 'include { phase: TRAIN }', None, 'data') + CONV,
                "line 2 (Convolution 'c'): bottom 'data' is made by 'd' (AnnotatedData), which is "
                'for training alone; give deploy.prototxt',
            ),
            (
                layer('d', 'Data', 'exclude { phase: TEST }', None, 'data') + CONV,
                'which is for training alone; give deploy.prototxt',
            ),
            (
                layer('d', 'AnnotatedData', '', None, 'data') + CONV,
                "'d' (AnnotatedData) does not tell; give deploy.prototxt",
            ),
            (
                DATA
                + layer('r', 'ReLU', 'include { stage: "a" }', 'data')
                + layer('c', 'Convolution', convolution(1, 1), 'r'),
                "bottom 'r' is made by 'r' (ReLU), which its include and exclude rules leave out; "
                'give the stage that it is in, by --stage',
            ),
            (
                DATA + CONV.replace('}', 'include { } exclude { } }'),
                'line 2: has "include" and "exclude" rules; expected only one of them',
            ),
            (DATA + CONV.replace('"data"', '"nodata"'), "line 2 (Convolution 'c')", "'nodata'"),
            (DATA + layer('a', 'ReLU', '', 'b') + layer('b', 'ReLU', '', 'a'), 'line 2', "'b'"),
        ):
            with self.subTest(parts):
                self.refused(text, *parts)


class Inputs(CaffeCase):
    """Sizes of inputs and of data."""

    def test_sizes(self):
        row = layer('x', 'Reshape', 'reshape_param { shape { dim: [6, 1, 0, -1] } }', 'data')
        row += layer('c', 'Convolution', convolution(1, 1), 'x')
        for text, *parts in (
            (DATA + row, 'the first dimension is 6 where the batch'),
            (
                layer('x', 'Data', 'transform_param { crop_size: -5 }'),
                '"crop_size" is -5; expected',
            ),
            (layer('x', 'Data', 'data_param { crop_size: -5 }'), '"crop_size" is -5; expected 0'),
            (layer('x', 'ImageData', 'image_data_param { new_height: -5 }'), '"new_height" is -5;'),
            (DATA.replace('32', '0') + CONV, '"dim" is 0; expected 1 or more'),
            (DATA.replace('32', '-1') + CONV, '"dim" is -1; expected 1 or more'),
            (
                DATA.replace('dim: 24', '') + CONV,
                'line 2',
                'the input is [2, 3, 32]; expected an input of 4 dimensions',
            ),
            ('input: "data"\n' + CONV, 'line 2', "'input' (Input)", '--input C,H,W'),
            ('input: "data" input_dim: 5\n' + CONV, 'the input is [5]; expected a batch'),
            (DATA.replace('dim: 24', 'dim: 2 ' * 8) + CONV, 'a shape of 11 dimensions; expected'),
        ):
            with self.subTest(parts):
                self.refused(text, *parts)

    def test_three_dimensions(self):
        text = DATA + CONV.replace('size: 3', 'size: [1, 2, 3]')
        said = '"kernel_size" has 3 values; 3-D is not modelled, expected one or two'
        self.assertIn(said, extract('n.prototxt', text).err)
        text = DATA.replace('dim: 24', 'dim: 2 dim: 2') + CONV
        said = (
            '3-D feature maps are not modelled; this one is [2, 3, 32, 2, 2], expected [N, C, H, W]'
        )
        self.assertIn(said, extract('n.prototxt', text).err)


class Layers(CaffeCase):
    """What Caffe would not take: rows of a layer that reads DATA, and what is said of it."""

    # Of 4 channels, which divide into two halves.
    DATA = 'input: "data" input_shape { dim: [1, 4, 32, 24] } '
    ONE, TWO = 'bottom: "data" top: "x"', 'bottom: "data" top: "x" top: "y"'
    BOTH = 'bottom: "data" bottom: "data" top: "x"'
    MISTAKES = (
        ('Flatten', TWO, '', '2 tops; expected 1'),
        ('Concat', TWO, '', '2 tops; expected 1'),
        ('Reshape', TWO, 'reshape_param { shape { dim: -1 } }', '2 tops; expected 1'),
        ('Crop', TWO + ' bottom: "data"', '', '2 tops; expected 1'),
        ('ROIPooling', TWO, '', '1 bottoms; expected 2'),
        ('ReLU', TWO, '', '2 tops; expected 1'),
        ('Eltwise', TWO, '', '2 tops; expected 1'),
        ('InnerProduct', TWO, 'inner_product_param { num_output: 1 }', '2 tops; expected 1'),
        ('Convolution', BOTH, convolution(1, 1), '2 bottoms, but 1 tops; expected as many'),
        ('Pooling', TWO + ' top: "z"', '', '3 tops; expected 1 to 2'),
        ('Split', BOTH, '', '2 bottoms; expected 1'),
        ('Interp', BOTH, 'interp_param { zoom_factor: 2 }', '2 bottoms; expected 1'),
        ('Interp', TWO, 'interp_param { zoom_factor: 2 }', '2 tops; expected 1'),
        ('Normalize', BOTH, '', '2 bottoms; expected 1'),
        ('Normalize', TWO, '', '2 tops; expected 1'),
        ('Pooling', BOTH, '', '2 bottoms; expected 1'),
        ('Reshape', BOTH, '', '2 bottoms; expected 1'),
        ('Crop', ONE, '', '1 bottoms; expected 2'),
        ('Convolution', ONE, 'convolution_param { num_output: 4 kernel_size: 1 groups: 2 }',
         "convolution_param has no field 'groups'; choose from num_output", 'group,'),
        ('Convolution', ONE, 'convolution_param { num_output: 4 kernel_size: 1 strid: 2 }',
         "no field 'strid'; choose from"),
        ('Convolution', ONE, convolution(4, 1, more='axis: 2'), '"axis" is not that'),
        ('Pooling', ONE, 'pooling_param { kernel: 2 }', "pooling_param has no field 'kernel'"),
        ('InnerProduct', ONE, 'inner_product_param { num_output: 4 axes: 2 }', "'axes'; choose"),
        ('Reshape', ONE, 'reshape_param { dim: 0 }', "'dim'; choose from shape, axis, num_axes"),
        ('Reshape', ONE, 'reshape_param { shape { dims: 0 } }', "shape has no field 'dims'"),
        ('Reshape', ONE, 'reshape_param { shape { dim: 1 dim: 0 dim: 0 dim: 0 dim: 0 } }',
         'cannot reshape'),
        ('Slice', ONE, 'slice_param { slice_points: 1 }', "no field 'slice_points'"),
        ('Slice', TWO + ' top: "z"', 'slice_param { slice_point: 1 }', 'at [1] into 3 slices'),
        ('Slice', TWO, 'slice_param { slice_point: 4 }', 'cannot cut 4 at [4] into 2 slices'),
        ('Concat', ONE, 'concat_param { axes: 1 }', "no field 'axes'; choose from axis"),
        ('Crop', BOTH, 'crop_param { offsets: 1 }', "no field 'offsets'"),
        ('Flatten', ONE, 'flatten_param { start: 1 }', "no field 'start'"),
        ('ROIPooling', BOTH, 'roi_pooling_param { pool_h: 1 }', "no field 'pool_h'"),
        ('ROIPooling', BOTH, 'roi_pooling_param { pooled_h: 1 }', 'needs "pooled_w"; expected'),
        ('Eltwise', ONE, 'eltwise_param { op: SUM }', "no field 'op'"),
        ('Input', 'top: "x"', 'input_param { dim: 1 }', "input_param has no field 'dim'"),
        ('Input', 'top: "x"', 'input_param { shape { } }', 'a shape of 0 dimensions; expected'),
        ('Input', 'top: "x"', 'input_param { shape { dim: 4294967297 } }', 'most 4294967296'),
        ('DummyData', 'top: "x"', 'dummy_data_param { shape { } }', 'a shape of 0 dimensions'),
    )  # fmt: skip

    def test_fields_and_tops(self):
        for type_, ends, parameters, *parts in self.MISTAKES:
            with self.subTest(type_, parameters=parameters):
                text = f'layer {{ name: "x" type: "{type_}" {ends} {parameters} }}'
                self.refused(self.DATA + text, *parts)

    def test_convolutions(self):
        """CONV, with a word replaced by others."""
        for old, new, *parts in (
            (
                'pad: 0',
                'dilation: 2 hole: 2',
                '"hole" and "dilation", which are the same; expected',
            ),
            ('pad: 0', 'hole: 0', '"hole" is 0; expected 1 or more'),
            ('bottom', 'bottom: "data" bottom', '2 bottoms, but 1 tops; expected as many of both'),
            ('num_output: 8', '', 'line 2', 'needs "num_output"'),
            ('kernel_size: 3', '', 'line 2', 'needs "kernel_size"'),
            ('convolution_param', 'x', 'line 2', 'needs "num_output"'),
            ('stride: 1', 'stride: 0', '"stride" is 0; expected 1 or more'),
            ('pad: 0', 'pad: -1', '"pad" is -1; expected 0 or more'),
            ('size: 3', 'size: 25', 'line 2', 'kernel of 25', 'does not fit 24 + 0'),
            ('pad: 0', 'group: 2', 'do not divide into 2 groups'),
        ):
            with self.subTest(parts):
                self.refused(DATA + CONV.replace(old, new), *parts)

    def test_parameters(self):
        for type_, parameters, said in (
            ('Flatten', 'flatten_param { axis: 2 end_axis: 1 }',
             '"axis" is dimension 2, behind "end_axis", 1; expected it before'),
            ('Flatten', 'flatten_param { axis: 3 end_axis: -3 }',
             '"axis" is dimension 3, behind "end_axis", 1'),
            ('Flatten', 'flatten_param { axis: 9 }', '"axis" is 9'),
            ('Axpy', 'bottom: "data" bottom: "data"',
             'factors of [2, 3, 32, 24] for [2, 3, 32, 24]; expected one for each channel'),
            ('ShuffleChannel', 'shuffle_channel_param { group: 2 }',
             '3 channels in 2 groups; expected a divisor'),
            ('Interp', 'interp_param { height: 5 }',
             'no size; expected "height" and "width", or a factor'),
            ('Interp', 'interp_param { zoom_factor: 2 pad_end: 1 }',
             '"pad_beg" or "pad_end" is positive; expected 0, or less for cropping'),
            ('Interp', 'interp_param { zoom_factor: 2 pad_end: -24 }',
             'nothing is left of 24 pixels; expected less cropping'),
            ('Interp', 'interp_param { shrink_factor: 0 }',
             '"shrink_factor" is 0; expected 1 or more'),
            ('Interp', 'interp_param { zoom: 2 }',
             "interp_param has no field 'zoom'; choose from height, width, zoom_factor"),
            ('SPP', '', 'needs "pyramid_height"'),
            ('SPP', 'spp_param { pyramid_height: 17 }',
             '"pyramid_height" is 17; expected at most 16'),
            ('SPP', 'spp_param { pyramid_height: 0 }', '"pyramid_height" is 0; expected 1 or more'),
            ('Tile', '', 'needs "tiles"'),
            ('Tile', 'tile_param { axis: 4 tiles: 2 }', '"axis" is 4'),
            ('Reduction', 'reduction_param { axis: 4 }', '"axis" is 4 where there are 4 dimensions'),
            ('Pooling', pooling(33, 1), 'kernel of 33'),
            ('Pooling', '', 'needs "kernel_size"'),
            ('Slice', 'top: "q"', '3 channels do not divide into 2'),
            ('Slice', 'slice_param { slice_point: 9 }', 'cannot cut 3 at'),
            ('Reshape', 'reshape_param { shape { dim: 7 } }', 'cannot reshape'),
        ):  # fmt: skip
            with self.subTest(said):
                self.refused(DATA + layer('p', type_, parameters, 'data'), said)

    def test_no_tops(self):
        for type_, said in (
            ('ReLU', "(ReLU 'p'): 0 tops; expected 1"),
            ('Pooling', '0 tops; expected 1 to 2'),
        ):
            self.refused(f'{DATA}{CONV} layer {{ name: "p" type: "{type_}" bottom: "c" }}', said)

    def test_shapes_that_differ(self):
        text = DATA + layer('s', 'Slice', 'top: "t" slice_param { slice_point: 1 }', 'data')
        text += layer('c', 'Convolution', convolution(1, 1) + 'bottom: "t" top: "d"', 's')
        self.refused(text, 'operands differ: [2, 1, 32, 24] and [2, 2, 32, 24]')
        large = DATA + layer('l', 'Input', 'input_param { shape { dim: [2, 3, 33, 24] } }')
        said = (
            'cannot crop [2, 3, 32, 24] to [2, 3, 33, 24]; expected a second bottom that is no la'
        )
        self.refused(large + layer('a', 'Crop', 'bottom: "l"', 'data'), said)
        flat = DATA + layer('f', 'Flatten', '', 'data')
        said = 'cannot crop [2, 3, 32, 24] to [2, 2304]; expected a second bottom that is no larger'
        self.refused(flat + layer('a', 'Crop', 'bottom: "f"', 'data'), said)
        text = DATA + layer('b', 'Pooling', pooling(2, 2), 'data')
        text += layer('a', 'Upsample', 'bottom: "b"', 'data')
        self.refused(text, 'a mask of [2, 3, 16, 12] for [2, 3, 32, 24]; expected the same shape')

    def test_sizes_without_end(self):
        for type_, parameters, said in (
            ('Deconvolution', convolution(1, 1, stride=2**32), 'sizes of more than 4294967296'),
            ('Concat', '', 'sizes of more than 4294967296'),
            ('InnerProduct', inner_product(2**32), 'MACs of more than 9223372036854775807'),
        ):
            self.refused(DATA + stacked(type_, parameters), said)

    def test_concat_looks_at_all_inputs(self):
        for bottoms in ('small', 'data small', 'small data', 'flat'):
            more = ''.join(f'bottom: "{bottom}" ' for bottom in bottoms.split())
            text = 'input: "data" input_shape { dim: [1, 3, 32, 24] } '
            text += layer('small', 'Input', 'input_param { shape { dim: [1, 3, 32, 23] } }')
            text += layer('flat', 'Flatten', '', 'data') + layer('x', 'Concat', more, 'data')
            self.refused(text, '; expected the same but for dimension 1')

    def test_concat_of_different_ranks(self):
        text = self.DATA + layer('flat', 'Flatten', '', 'data')
        text += layer('x', 'Concat', 'bottom: "flat"', 'data')
        self.refused(text, 'inputs differ: [1, 4, 32, 24] and [1, 3072]; expected')

    def test_pooling_of_a_number(self):
        """A Reshape has taken all dimensions away."""
        start = 'input: "data" input_shape { dim: 1 dim: 1 } '
        start += layer('r', 'Reshape', 'reshape_param { axis: 0 num_axes: 2 }', 'data')
        for type_, parameters in (
            ('Pooling', 'pooling_param { kernel_size: 1 }'),
            ('ROIPooling', 'bottom: "data" roi_pooling_param { pooled_h: 1 pooled_w: 1 }'),
        ):
            text = start + layer('p', type_, parameters, 'r')
            self.refused(text, "'p'): the input is []; expected a batch of feature maps")

    def test_ranks_stay_few(self):
        """Reshape with num_axes 0 adds dimensions, here two each time."""
        text = self.DATA
        for index in range(4):
            parameters = 'reshape_param { num_axes: 0 shape { dim: 1 dim: 1 } }'
            text += layer(str(index), 'Reshape', parameters, str(index - 1) if index else 'data')
        self.refused(text, "(Reshape '3'): a shape of 12 dimensions; expected at most 10")


if __name__ == '__main__':
    unittest.main()
