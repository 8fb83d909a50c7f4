"""Caffe's inputs and layers of data: the size of a frame, and the option --input."""

import json
import unittest

from definitions import convolution, inner_product, layer
from extracted_caffe import after, entries
from support import extract


class Inputs(unittest.TestCase):
    """Layers without bottoms, and what they make."""

    def test_data_layers(self):
        for type_, parameters, ifmap in (
            ('Input', 'input_param { shape { dim: 1 dim: 5 dim: 6 dim: 7 } }', [5, 6, 7]),
            ('Data', 'transform_param { crop_size: 227 }', [3, 227, 227]),
            ('Data', 'transform_param { crop_size: 99 force_gray: true }', [1, 99, 99]),
            ('Data', 'data_param { crop_size: 227 }', [3, 227, 227]),
            ('Data', 'data_param { batch_size: 64 }', [1, 28, 28]),
            ('MyData', 'transform_param { crop_size: 99 }', [3, 99, 99]),
            (
                'AnnotatedData',
                'transform_param { resize_param { height: 300 width: 200 } }',
                [3, 300, 200],
            ),
            ('ImageData', 'image_data_param { new_height: 8 new_width: 9 }', [3, 8, 9]),
            ('DummyData', 'dummy_data_param { shape { dim: 1 dim: 2 dim: 3 dim: 4 } }', [2, 3, 4]),
            ('DummyData', 'dummy_data_param { num: 1 channels: 2 height: 3 width: 4 }', [2, 3, 4]),
            (
                'MemoryData',
                'memory_data_param { batch_size: 9 channels: 2 height: 3 width: 4 }',
                [2, 3, 4],
            ),
        ):
            text = layer('x', type_, parameters)
            self.assertEqual(after(text), ifmap, (type_, parameters))
            self.assertEqual(after(text, '--input', '4,20,30'), [4, 20, 30])

    def test_a_size_that_nobody_gave_is_said(self):
        text = layer('x', 'Data', 'data_param { batch_size: 64 }')
        text += layer('c', 'Convolution', convolution(1, 1), 'x')
        said = (
            "extract.py: n.prototxt: 'x' (Data) does not say how large a frame is; taken to be "
            "1,28,28, as MNIST has it; --input C,H,W gives the first input's\n"
        )
        self.assertEqual(extract('n.prototxt', text).err, said)
        self.assertEqual(extract('n.prototxt', text, '--input', '3,32,32').err, '')
        cropped = text.replace('data_param {', 'transform_param { crop_size: 9 } data_param {')
        self.assertEqual(extract('n.prototxt', cropped).err, '')
        second = layer('y', 'HDF5Data', '') + layer('d', 'Convolution', convolution(1, 1), 'y')
        self.assertEqual(extract('n.prototxt', text + second).err.count('does not say'), 2)
        given = extract('n.prototxt', text + second, '--input', '3,32,32')
        self.assertRegex(given.err, r"\Aextract.py: n.prototxt: 'y' [^\n]+\n\Z")

    def test_labels_have_no_shape(self):
        for type_ in ('Data', 'HDF5Data', 'MemoryData'):
            parameters = 'memory_data_param { batch_size: 9 channels: 2 height: 3 width: 4 }'
            text = layer('x', type_, parameters + 'top: "label"')
            self.assertIn(
                'macs', entries(text + layer('c', 'InnerProduct', inner_product(1), 'x'))['c']
            )
            result = extract(
                'n.prototxt', text + layer('c', 'InnerProduct', inner_product(1), 'label')
            )
            self.assertIn(f"'x' ({type_}) does not tell", result.err)

    def test_input_option(self):
        """For a layer of any type without bottoms; the batch stays as it is."""
        for type_ in ('MyData', 'MemoryData', 'Input'):
            text = layer('x', type_, 'top: "label"')
            self.assertEqual(after(text, '--input', '4,20,30'), [4, 20, 30])
            result = extract('n.prototxt', text + layer('c', 'Convolution', convolution(1, 1), 'x'))
            self.assertIn(f"'x' ({type_}) does not tell", result.err)
        text = 'input: "x" input: "y" input_shape { dim: 8 dim: 3 dim: 9 dim: 9 }'
        text += 'input_shape { dim: 8 dim: 5 }' + layer('f', 'InnerProduct', inner_product(7), 'y')
        self.assertEqual(entries(text, '--input', '4,20,30')['f']['macs'], 35)

    def test_input_for_an_input_without_shape(self):
        self.assertEqual(after('input: "x"', '--input', '4,20,30'), [4, 20, 30])

    def test_train_val(self):
        """A Data layer for each phase, its labels, and a loss and an accuracy that use them."""
        text = ''.join(
            f'layer {{ name: "data" type: "Data" top: "x" top: "label" '
            f'include {{ phase: {phase} }} transform_param {{ crop_size: {size} }} }}'
            for phase, size in (('TRAIN', 200), ('TEST', 224))
        )
        text += layer('fc', 'InnerProduct', inner_product(10), 'x')
        for type_ in ('Accuracy', 'SoftmaxWithLoss'):
            text += layer(type_, type_, 'bottom: "label"', 'fc')
        self.assertEqual(entries(text)['fc']['macs'], 3 * 224 * 224 * 10)

    def test_a_crop_without_one_of_height_and_width(self):
        """An image that is given a height and no width has no size; LeNet's is taken."""
        for given in ('new_height: 8', 'new_width: 8'):
            text = layer('x', 'ImageData', f'image_data_param {{ {given} }}')
            text += layer('c', 'Convolution', convolution(1, 1), 'x')
            net = json.loads(extract('n.prototxt', text).out)
            self.assertEqual(net[-1]['ifmap'], [1, 28, 28])


if __name__ == '__main__':
    unittest.main()
