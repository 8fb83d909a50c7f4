"""nets/extract.py on Caffe's text format."""

import csv
import io
import json
import math
import os
import random
import tempfile
import time
import unittest
import warnings

import definitions
from definitions import convolution, inner_product, layer, pooling
from extracted import is_refused
from support import NETFILES, ROOT, extract, extractor, fodlam, path, read

MODELS = path(os.path.dirname(ROOT), 'shared', 'models')
DATA = 'input: "data" input_shape { dim: 2 dim: 3 dim: 32 dim: 24 }\n'
EMBED = 'embed_param { input_dim: 1000 num_output: 16 }'


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


class Networks(unittest.TestCase):
    """Whole networks, as they ship in nets/."""

    def shipped(self, name):
        return json.loads(read('nets', f'{name}.json'))

    def bare(self, name):
        """Return a shipped net file without the densities, which no definition has."""
        return fodlam.to_json(
            [
                {key: x for key, x in entry.items() if not key.endswith('_density')}
                for entry in self.shipped(name)
            ]
        )

    def test_vgg16(self):
        result = extract('vgg16.prototxt', definitions.vgg16())
        self.assertEqual(result, (0, self.bare('VGG_ILSVRC_16_layers_deploy'), ''))

    def test_vgg_cnn_m(self):
        result = extract('vgg_cnn_m.prototxt', definitions.vgg_cnn_m())
        self.assertEqual(result, (0, read('nets', 'VGG_CNN_M_deploy.json'), ''))

    @unittest.skipUnless(
        os.path.isdir(MODELS),
        f'no published definitions; fetch them as in nets/Makefile to {MODELS}',
    )
    def test_published_definitions(self):
        for model, name in (
            ('bvlc_alexnet', 'alexnet_deploy'),
            ('faster_rcnn_vgg16', 'faster_rcnn_vgg16'),
            ('faster_rcnn_vggm', 'faster_rcnn_vggm'),
            ('lenet', 'lenet'),
            ('bvlc_googlenet', 'googlenet'),
            ('resnet50', 'resnet50'),
            ('mobilenet_v1', 'mobilenet'),
        ):
            with open(path(MODELS, f'{model}.prototxt'), encoding='utf-8') as file:
                result = extract(f'{model}.prototxt', file.read())
            said = ''
            if model.startswith('faster'):
                said = (
                    f"extract.py: {model}.prototxt: behind 'roi_pool5' (ROIPooling), MACs are for "
                    'one region of interest, and not for one frame\n'
                )
            self.assertEqual(result, (0, self.bare(name), said), model)

    def test_densities_are_of_the_papers_table(self):
        """ISCA 2016, Table III, as in data/eie-layers.csv."""
        rows = csv.DictReader(read('data', 'eie-layers.csv').splitlines())
        table = {row['Layer']: row for row in rows}
        for net, netfile in NETFILES.items():
            entries = self.shipped(netfile.removesuffix('.json'))
            found = [entry for entry in entries if 'weight_density' in entry]
            self.assertEqual([entry['name'] for entry in found], ['fc6', 'fc7', 'fc8'])
            for entry in found:
                row = table[f'{net} {entry["name"].upper()}']
                sizes = [entry['ifmap'][0], entry['ofmap'][0]]
                self.assertEqual(sizes, [int(row['Inputs']), int(row['Outputs'])])
                for key, column in (('weight', 'Weights (%)'), ('activation', 'Activations (%)')):
                    self.assertAlmostEqual(entry[f'{key}_density'], float(row[column]) / 100)

    def test_macs_of_the_original(self):
        # Sums over the layers of the original's nets/*.json.
        for name, macs in (
            ('alexnet_deploy', 724406816),
            ('VGG_ILSVRC_16_layers_deploy', 15470264320),
            ('VGG_CNN_M_deploy', 1676172320),
            ('faster_rcnn_vgg16', 15934439424),
            ('faster_rcnn_vggm', 1861297696),
            # Howard et al., arXiv 1704.04861, Table 8: 569 million.
            ('mobilenet', 568740352),
        ):
            with self.subTest(name):
                self.assertEqual(sum(entry.get('macs', 0) for entry in self.shipped(name)), macs)

    def test_macs_of_the_papers(self):
        # LeNet and GoogLeNet: added up by hand from LeCun et al. 1998 as in Caffe's examples, and
        # from Szegedy et al. 2015, Table 1; ResNet-50: NVDLA's facts, 53 conv layers and fc1000.
        lenet = [20 * 24 * 24 * 25, 50 * 8 * 8 * 20 * 25, 800 * 500, 500 * 10]
        of = {name: [e['macs'] for e in self.shipped(name) if 'macs' in e] for name in
              ('lenet', 'googlenet', 'resnet50')}  # fmt: skip
        self.assertEqual(of['lenet'], lenet)
        self.assertEqual((len(of['resnet50']), sum(of['resnet50'])), (54, 3857973248))
        self.assertEqual(len(of['googlenet']), 58)
        self.assertAlmostEqual(sum(of['googlenet']), 1.58e9, delta=0.01e9)

    def test_shapes_account_for_the_macs(self):
        for file in os.listdir(path('nets')):
            if not file.endswith('.json'):
                continue
            for entry in json.loads(read('nets', file)):
                if 'macs' in entry:
                    (c, *_), (k, p, q) = entry['ifmap'], entry['ofmap']
                    per_pixel = c * k // entry.get('groups', 1) * math.prod(entry['kernel'])
                    self.assertEqual(entry['macs'], p * q * per_pixel, (file, entry['name']))

    def test_a_net_file_costs_the_same_with_and_without_shapes(self):
        for name in ('alexnet_deploy', 'faster_rcnn_vgg16'):
            bare = [
                {k: v for k, v in entry.items() if k in ('name', 'type', 'macs')}
                for entry in self.shipped(name)
            ]
            with tempfile.TemporaryDirectory() as folder:
                netfile = path(folder, 'bare.json')
                with open(netfile, 'w', encoding='utf-8') as file:
                    json.dump(bare, file)
                expected = fodlam.estimate({'netfile': f'{name}.json'}, per_layer=True)
                self.assertEqual(fodlam.estimate({'netfile': netfile}, per_layer=True), expected)

    def test_resnet50_fusion(self):
        """conv1 and the last block are pooled; each block's last branch adds the other."""
        net = {entry['name']: entry for entry in self.shipped('resnet50')}
        stored = {name: entry['stored'] for name, entry in net.items() if 'stored' in entry}
        self.assertEqual(stored, {'conv1': [64, 56, 56], 'res5c_branch2c': [2048, 1, 1]})
        blocks = [f'{s}{b}' for s, n in ((2, 3), (3, 4), (4, 6), (5, 3)) for b in 'abcdef'[:n]]
        addends = [name for name, entry in net.items() if 'addend' in entry]
        self.assertEqual(addends, [f'res{block}_branch2c' for block in blocks])


class Format(unittest.TestCase):
    """The text format itself."""

    def test_ways_to_write_it(self):
        expected = entries(DATA + layer('c', 'Convolution', convolution(8, 3), 'data'))
        for text in (
            """input: 'data'  # the image
            input_dim: 2 input_dim: 3, input_dim: 32; input_dim: 24
            layer < name: "c" type: 'Convolution' bottom: "da" 'ta' top: "c"
              convolution_param: { num_output: 8 kernel_size: [3] } >""",
            """input: "data" input_shape: {dim: [2, 3, 32, 24]}
            layers { name: "c" type: CONVOLUTION bottom: "\\144ata" top: "c" convolution_param {
              num_output: 8 kernel_h: 3 kernel_w: 3 stride_h: 1 stride_w: 1 } }""",
        ):
            with self.subTest(text):
                found = entries(text)
                found['c'].pop('from', None)  # layers of the old kind come behind the added one
                self.assertEqual(found, expected)
        self.assertEqual(expected['c']['ifmap'], [3, 32, 24])
        self.assertEqual(expected['c']['ofmap'], [8, 30, 22])
        self.assertEqual(expected['c']['macs'], 8 * 30 * 22 * 3 * 9)

    def test_lists_of_messages_and_escapes(self):
        conv = layer('c', 'Convolution', convolution(8, 0x10), 'data')
        expected = entries(DATA + conv)
        for old, new in (
            ('layer {', 'layer: [{'),
            ('16', '0x10'),
            ('16', '020'),
            ('"c"', '"\\x63"'),
            ('"c"', '"\\143"'),
        ):
            text = conv.replace(old, new) + (']' if '[' in new else '')
            self.assertEqual(entries(DATA + text), expected)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter('always')
            self.assertEqual(extract('n.prototxt', 'name: "\\q\\400"').status, 1)
        self.assertEqual(caught, [])
        names = list(entries(DATA + layer('\\"\\\\\\t', 'ReLU', '', 'data')))
        self.assertEqual(names, ['input', '"\\\t'])

    def test_unicode_escapes(self):
        """Bytes of UTF-8, units of UTF-16 (two for the smile) and numbers name one blob."""
        for name, same in (
            ('\u5377', '\\u5377'),
            ('\u5377', '\\345\\215\\267'),
            ('\u5377', '\\xe5\\x8d\\xb7'),
            ('\u5377', '\\U00005377'),
            ('\U0001f600', '\\ud83d\\ude00'),
            ('\U0001f600', '\\U0001F600'),
            ('\ufffd', '\\ud83d'),  # half of a pair is no character
            ('\\\\xff', '\\377'),  # nor is this byte alone
        ):
            text = DATA + layer('c', 'Convolution', convolution(8, 3), 'data', name)
            text += layer('\\u5377', 'ReLU', '', same)
            self.assertEqual(list(entries(text)), ['input', 'c', '\u5377'], same)

    def test_bytes_that_are_not_utf8(self):
        """In comments they may be of any encoding, here GBK; elsewhere they are an error."""
        good = DATA + layer('c', 'Convolution', convolution(8, 3), 'data')
        gbk = '# \u4e2d\u6587 "\n'.encode('gbk')
        with_comments = gbk + good.replace(' }', ' } # end', 1).encode() + gbk + gbk[:-1]
        self.assertEqual(extract('n.prototxt', with_comments), extract('n.prototxt', good))
        for text, line in (
            (good.encode() + b'name: "\xd6\xd0"', 3),
            (b'name: "#\xd6"' + good.encode(), 1),
            (b'\n\xd6' + good.encode(), 2),
            (good.encode('utf-16'), 1),
        ):
            result = extract('n.prototxt', text)
            said = f'extract.py: n.prototxt, line {line}: not UTF-8; save it as UTF-8, or leave '
            self.assertEqual((result.status, result.err), (1, said + 'it to comments\n'))

    def test_old_types(self):
        """V1 types, by their words and by their numbers in caffe.proto."""
        for old, number, new in (
            ('INNER_PRODUCT', 14, 'InnerProduct'),
            ('RELU', 18, 'ReLU'),
            ('LRN', 15, 'LRN'),
            ('SOFTMAX_LOSS', 21, 'SoftmaxWithLoss'),
            ('TANH', 23, 'TanH'),
            ('ACCURACY', 1, 'Accuracy'),
            ('BNLL', 2, 'BNLL'),
            ('DROPOUT', 6, 'Dropout'),
            ('FLATTEN', 8, 'Flatten'),
            ('HDF5_OUTPUT', 10, 'HDF5Output'),
            ('SIGMOID', 19, 'Sigmoid'),
            ('POWER', 26, 'Power'),
            ('ARGMAX', 30, 'ArgMax'),
            ('THRESHOLD', 31, 'Threshold'),
            ('MVN', 34, 'MVN'),
            ('ABSVAL', 35, 'AbsVal'),
            ('SILENCE', 36, 'Silence'),
            ('EXP', 38, 'Exp'),
            ('BN', None, 'BN'),
            ('PRELU', None, 'PReLU'),
        ):
            for type_ in (old, number):
                if type_ is not None:
                    text = DATA + layer('x', 'T', inner_product(4), 'data')
                    text = text.replace('"T"', str(type_)).replace('layer {', 'layers {')
                    self.assertEqual(entries(text)['x']['type'], new)

    def test_numbers_of_types_with_macs(self):
        """4 is a convolution, 39 a deconvolution, 17 a pooling, 12 a list of images."""
        text = (
            'layers { name: "i" type: 12 top: "i" image_data_param { new_height: 9 new_width: 8 } }'
            'layers { name: "c" type: 4 bottom: "i" top: "c" '
            'convolution_param { num_output: 8 kernel_size: 3 } }'
            'layers { name: "p" type: 17 bottom: "c" top: "p" '
            'pooling_param { kernel_size: 3 stride: 2 } }'
            'layers { name: "d" type: 39 bottom: "p" top: "d" '
            'convolution_param { num_output: 5 kernel_size: 2 } }'
        )
        net = entries(text)
        self.assertEqual(net['c']['macs'], 8 * 7 * 6 * 3 * 9)
        self.assertEqual((net['c']['stored'], net['d']['ifmap']), ([8, 3, 3], [8, 3, 3]))
        self.assertEqual(net['d']['macs'], 3 * 3 * 8 * 5 * 4)

    def test_types_of_today_are_not_converted(self):
        text = DATA + layer('x', 'ELU', '', 'data')
        self.assertEqual(entries(text)['x']['type'], 'ELU')

    def test_phases_stages_and_levels(self):
        """net.cpp, StateMeetsRule: the phase is TEST, the level 0, the stages those asked for."""
        for rule, without, with_deploy in (
            ('include { phase: TEST }', True, True),
            ('include { phase: TRAIN }', False, False),
            ('include { phase: 0 }', False, False),
            ('include { phase: TRAIN } include { phase: TEST }', True, True),
            ('exclude { phase: TEST }', False, False),
            ('exclude { phase: TRAIN }', True, True),
            ('include { min_level: 1 }', False, False),
            ('include { min_level: 0 max_level: 0 }', True, True),
            ('include { max_level: -1 }', False, False),
            ('include { phase: TEST stage: "deploy" }', False, True),
            ('include { phase: TRAIN stage: "deploy" }', False, False),
            ('include { stage: "deploy" stage: "fast" }', False, False),
            ('include { stage: "deploy" } include { stage: "val" }', False, True),
            ('include { not_stage: "deploy" }', True, False),
            ('include { stage: "deploy" not_stage: "fast" }', False, True),
            ('exclude { stage: "deploy" }', True, False),
            ('exclude { stage: "deploy" min_level: 1 }', True, True),
            ('exclude { not_stage: "deploy" }', False, True),
            ('', True, True),
        ):
            text = DATA + layer('c', 'Convolution', convolution(8, 3) + rule, 'data')
            self.assertEqual('c' in entries(text), without, rule)
            self.assertEqual('c' in entries(text, '--stage', 'deploy'), with_deploy, rule)

    def test_several_stages(self):
        rule = 'include { stage: "a" stage: "b" }'
        text = DATA + layer('c', 'Convolution', convolution(8, 3) + rule, 'data')
        self.assertNotIn('c', entries(text, '--stage', 'a'))
        self.assertIn('c', entries(text, '--stage', 'a', '--stage', 'b'))
        self.assertIn('c', entries('state { stage: "a" phase: TRAIN }' + text, '--stage', 'b'))

    def test_a_stage_that_no_rule_names_is_said(self):
        text = DATA + layer('c', 'Convolution', convolution(8, 3), 'data')
        said = (
            "extract.py: n.prototxt: --stage 'depoly' has no effect: "
            'no include or exclude rule names it\n'
        )
        result = extract('n.prototxt', text, '--stage', 'depoly')
        self.assertEqual(result, extract('n.prototxt', text)._replace(err=said))

    DIGITS = ''.join(
        f'layer {{ name: "{stage}-data" type: "Data" top: "data" top: "label" '
        f'include {{ stage: "{stage}" }} transform_param {{ crop_size: {size} }} }}\n'
        for stage, size in (('train', 200), ('val', 227))
    ) + (
        'layer { name: "c" type: "Convolution" bottom: "data" top: "c" '
        'convolution_param { num_output: 16 kernel_size: 11 stride: 4 } }\n'
        'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "c" bottom: "label" '
        'exclude { stage: "deploy" } }\n'
        'layer { name: "softmax" type: "Softmax" bottom: "c" top: "s" include { stage: "deploy" } }'
    )

    def test_digits(self):
        """Its input is in the stages of training alone; in use, it is as large as in validation."""
        result = extract('n.prototxt', self.DIGITS, '--stage', 'deploy')
        net = json.loads(result.out)
        self.assertEqual([entry['name'] for entry in net], ['val-data', 'c', 'softmax'])
        self.assertEqual(net[1]['macs'], 16 * 55 * 55 * 3 * 11 * 11)  # (227 - 11) / 4 + 1 = 55
        self.assertEqual(
            result.err,
            "extract.py: n.prototxt: 'data' is taken to be as 'val-data' (Data) makes it, which is "
            'not in these stages\n',
        )
        names = [entry['name'] for entry in json.loads(extract('n.prototxt', self.DIGITS).out)]
        self.assertEqual(names, ['val-data', 'c', 'loss'])
        train = extract('n.prototxt', self.DIGITS, '--stage', 'train')
        self.assertEqual((json.loads(train.out)[1]['ofmap'], train.err), ([16, 48, 48], ''))
        small = extract('n.prototxt', self.DIGITS, '--stage', 'deploy', '--input', '1,15,15')
        self.assertEqual(json.loads(small.out)[1]['macs'], 16 * 2 * 2 * 11 * 11)

    def test_old_input_is_a_layer(self):
        text = DATA + layer('c', 'Convolution', convolution(8, 3), 'data')
        self.assertEqual(entries(text)['input'], {'name': 'input', 'type': 'Input'})

    def test_names_that_fodlam_could_not_tell_apart(self):
        text = DATA + layer('a-b', 'ReLU', '', 'data') + layer('A_B', 'ReLU', '', 'data')
        self.assertEqual(list(entries(text)), ['input', 'a-b', 'A_B#2'])


class Inputs(unittest.TestCase):
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


class Layers(unittest.TestCase):
    """MACs and shapes, layer type by layer type."""

    def conv(self, parameters, type_='Convolution', data=DATA):
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

    def test_pooling(self):
        for parameters, size in (
            (pooling(2, 2), [16, 12]),
            (pooling(3, 2), [16, 12]),  # rounded up
            (pooling(3, 2, 'round_mode: FLOOR'), [15, 11]),
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

    def test_slices_are_each_their_own(self):
        text = DATA + layer('s', 'Slice', 'top: "b" slice_param { slice_point: 1 }', 'data', 'a')
        for top in 'ab':
            text += layer(f'conv_{top}', 'Convolution', convolution(1, 1), top)
        net = entries(text)
        self.assertEqual([net[f'conv_{top}']['ifmap'][0] for top in 'ab'], [1, 2])

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
        text += layer('x', 'ShuffleChannel', 'shuffle_channel_param { group: 3 }', 'c')
        self.assertEqual(after(text), [6, 32, 24])
        self.assertNotIn('stored', entries(text + layer('p', 'Pooling', pooling(2, 2), 'x'))['c'])

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

    def test_embed(self):
        """Indices become vectors of 16 numbers, without MACs."""
        text = 'input: "words" input_shape { dim: 1 dim: 7 }\n'
        text += layer('e', 'Embed', EMBED, 'words')
        text += layer('f', 'InnerProduct', inner_product(10), 'e')
        net = entries(text)
        self.assertEqual((net['e'], net['f']['macs']), (
            {'name': 'e', 'type': 'Embed'}, 7 * 16 * 10
        ))  # fmt: skip

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


def sequence(shape, *layers, cont=(7, 2)):
    """Return a definition with inputs x, of a shape, and cont, and with layers."""
    text = ''
    for name, sizes in (('x', shape), ('cont', cont)):
        dims = ' '.join(f'dim: {size}' for size in sizes)
        text += layer(name, 'Input', f'input_param {{ shape {{ {dims} }} }}')
    return text + ''.join(layers)


def recurrent(type_, more='', parameters=''):
    """Return a recurrent layer of 32 outputs that reads x and cont."""
    return layer(
        'r', type_, f'bottom: "cont" {more} recurrent_param {{ num_output: 32 {parameters} }}', 'x'
    )


class Recurrent(unittest.TestCase):
    """LSTM and RNN: 7 steps of 2 sequences, of 16 features each, and a state of 32."""

    def test_lstm(self):
        """Four gates, each of the input and of the state."""
        net = entries(sequence((7, 2, 16), recurrent('LSTM')))
        self.assertEqual(net['r'], {
            'name': 'r', 'type': 'InnerProduct', 'macs': 7 * 4 * 32 * (16 + 32),
            'ifmap': [16 + 32, 7, 1], 'ofmap': [4 * 32, 7, 1], 'kernel': [1, 1], 'stride': [1, 1],
        })  # fmt: skip

    def test_rnn(self):
        """One gate, and the output made of the state: rnn_layer.cpp, W_xh, W_hh and W_ho."""
        net = entries(sequence((7, 2, 16), recurrent('RNN')))
        self.assertEqual(net['r']['macs'], 7 * 32 * (16 + 32))
        self.assertEqual(net['r/W_ho']['macs'], 7 * 32 * 32)
        self.assertEqual(net['r/W_ho']['ifmap'], [32, 7, 1])

    def test_static_input(self):
        """It is multiplied once, not in each step; here it has 5 features."""
        static = layer('s', 'Input', 'input_param { shape { dim: 2 dim: 5 } }')
        for type_, gates, name in (('LSTM', 4, 'r/W_xc_static'), ('RNN', 1, 'r/W_xh_static')):
            net = entries(sequence((7, 2, 16), static, recurrent(type_, 'bottom: "s"')))
            self.assertEqual(net[name]['macs'], gates * 32 * 5)
            self.assertEqual(net['r']['macs'], 7 * gates * 32 * (16 + 32))

    def test_exposed_state(self):
        """The state is of two vectors in an LSTM, and of one in an RNN."""
        state = layer('h', 'Input', 'input_param { shape { dim: 1 dim: 2 dim: 32 } }')
        for type_, more, name in (
            ('LSTM', 'bottom: "h" bottom: "h" top: "h1" top: "c1"', 'c1'),
            ('RNN', 'bottom: "h" top: "h1"', 'h1'),
        ):
            last = layer('f', 'InnerProduct', 'inner_product_param { num_output: 9 axis: 2 }', name)
            text = sequence((7, 2, 16), state, recurrent(type_, more, 'expose_hidden: true'), last)
            self.assertEqual(entries(text)['f']['macs'], 32 * 9)

    def test_what_follows(self):
        """A fully-connected layer on each of the 7 steps; features of 4 x 4 count as 16."""
        last = layer('f', 'InnerProduct', 'inner_product_param { num_output: 9 axis: 2 }', 'r')
        for shape in ((7, 2, 16), (7, 2, 4, 4)):
            net = entries(sequence(shape, recurrent('LSTM'), last))
            self.assertEqual(net['r']['macs'], 7 * 4 * 32 * (16 + 32))
            self.assertEqual((net['f']['macs'], net['f']['ifmap']), (7 * 32 * 9, [32, 7, 1]))

    def test_the_batch_is_the_second_dimension(self):
        """Of x, or of what x is made of, whichever input comes first."""
        last = layer('f', 'InnerProduct', 'inner_product_param { num_output: 9 axis: 2 }', 'r')
        x = sequence((7, 2, 16), recurrent('LSTM'), last)
        cont_first = ''.join(
            sorted(x.splitlines(True), key=lambda line: 'name: "cont"' not in line)
        )
        words = layer('w', 'Input', 'input_param { shape { dim: 7 dim: 2 } }')
        words += layer('e', 'Embed', EMBED, 'w', 'x0') + layer('d', 'Dropout', '', 'x0', 'x')
        words += layer('cont', 'Input', 'input_param { shape { dim: 7 dim: 2 } }')
        for text in (x, cont_first, words + recurrent('LSTM') + last):
            net = entries(text)
            self.assertEqual(net['r']['macs'], 7 * 4 * 32 * (16 + 32))
            self.assertEqual(net['f']['macs'], 7 * 32 * 9)

    def test_frames_of_a_video(self):
        """With 14 images first, there is one step for each of them; with 2, there are 7."""
        for images, steps in ((14, 1), (2, 7)):
            text = DATA.replace('dim: 2 ', f'dim: {images} ')
            text += layer('c', 'Convolution', convolution(16, 3), 'data')
            text += layer(
                's', 'Input', 'input_param { shape { dim: 7 dim: 2 dim: 16 } }', None, 'x'
            )
            text += layer('cont', 'Input', 'input_param { shape { dim: 7 dim: 2 } }')
            net = entries(text + recurrent('LSTM'))
            self.assertEqual(net['r']['macs'], steps * 4 * 32 * (16 + 32))
            self.assertEqual(net['c']['macs'], 16 * 30 * 22 * 3 * 9)

    def test_input_option(self):
        """--input gives the steps and the features; the batch stays between them."""
        text = sequence((7, 2, 16), recurrent('LSTM'), cont=(9, 2))
        self.assertEqual(entries(text, '--input', '9,20')['r']['macs'], 9 * 4 * 32 * (20 + 32))

    def test_mistakes(self):
        for text, said in (
            (sequence((7, 2, 16), recurrent('LSTM'), cont=(7, 3)), 'cont is [7, 3] for x of [7, '),
            (sequence((7, 2), recurrent('LSTM')), 'x is [7, 2]; expected steps, sequences'),
            (sequence((7, 2, 16), recurrent('LSTM', 'top: "b"')), '2 tops; expected 2 or 3 bot'),
            (sequence((7, 2, 16), recurrent('RNN', 'bottom: "x" bottom: "x"')), '4 bottoms and'),
            (sequence((7, 2, 16), layer('r', 'LSTM', 'bottom: "cont"', 'x')), 'needs "num_output"'),
            (sequence((7, 2, 16), recurrent('RNN', '', 'expose_hidden: true')), 'expected 3 or 4'),
            (
                sequence((7, 2, 16), layer('p', 'Python'), recurrent('RNN', 'bottom: "p"')),
                "'p' (Python) does not tell",
            ),
        ):
            result = extract('n.prototxt', text)
            self.assertEqual((result.status, result.out), (1, ''))
            self.assertIn(said, result.err)


class Fusion(unittest.TestCase):
    """What an accelerator does with an ofmap on its way to DRAM: `stored` and `addend`."""

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


def chain(type_, parameters):
    """Return 64 layers of which each reads the one before it, twice if it is a Concat."""
    text = ''
    for number in range(64):
        below = str(number) if number else 'data'
        more = f'bottom: "{below}"' if type_ == 'Concat' else ''
        text += layer(str(number + 1), type_, parameters + more, below)
    return text


class Mistakes(unittest.TestCase):
    """Each mistake is one line on stderr that names file and line, and nothing on stdout."""

    def test_mistakes(self):
        conv = layer('c', 'Convolution', convolution(8, 3), 'data')
        for text, *parts in (
            ('', 'n.prototxt: no "layer" in it'),
            (
                'net: "train_val.prototxt" base_lr: 0.01',
                "n.prototxt: a solver's settings, without layers; give deploy.prototxt, the ",
            ),
            (
                DATA + 'layers { layer { name: "c" type: "conv" } bottom: "data" top: "c" }',
                'line 2: in the V0 format of before 2014; run: upgrade_net_proto_text OLD NEW',
            ),
            (
                DATA + conv.replace('layer {', 'layers {').replace('"Convolution"', '40'),
                'line 2: "type" is 40; expected a number from 1 to 39, or a word',
            ),
            (
                DATA + conv.replace('layer {', 'layers {').replace('"Convolution"', '0'),
                '"type" is 0; expected a number from 1 to 39',
            ),
            (
                layer('d', 'AnnotatedData', 'include { phase: TRAIN }', None, 'data') + conv,
                "line 2 (Convolution 'c'): bottom 'data' is made by 'd' (AnnotatedData), which is "
                'for training alone; give deploy.prototxt',
            ),
            (
                layer('d', 'Data', 'exclude { phase: TEST }', None, 'data') + conv,
                'which is for training alone; give deploy.prototxt',
            ),
            (
                layer('d', 'AnnotatedData', '', None, 'data') + conv,
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
                DATA + conv.replace('}', 'include { } exclude { } }'),
                'line 2: has "include" and "exclude" rules; expected only one of them',
            ),
            (
                DATA + layer('p', 'Flatten', 'flatten_param { axis: 2 end_axis: 1 }', 'data'),
                '"axis" is dimension 2, behind "end_axis", 1; expected it before',
            ),
            (
                DATA + layer('p', 'Flatten', 'flatten_param { axis: 3 end_axis: -3 }', 'data'),
                '"axis" is dimension 3, behind "end_axis", 1',
            ),
            (
                DATA + conv.replace('pad: 0', 'dilation: 2 hole: 2'),
                'has "hole" and "dilation", which are the same; expected one',
            ),
            (DATA + conv.replace('pad: 0', 'hole: 0'), '"hole" is 0; expected 1 or more'),
            (
                DATA + conv.replace('bottom', 'bottom: "data" bottom'),
                '2 bottoms, but 1 tops; expected as many of both',
            ),
            (
                DATA
                + layer('s', 'Slice', 'top: "t" slice_param { slice_point: 1 }', 'data')
                + layer('c', 'Convolution', convolution(1, 1) + 'bottom: "t" top: "d"', 's'),
                'operands differ: [2, 1, 32, 24] and [2, 2, 32, 24]',
            ),
            (
                DATA + layer('a', 'Axpy', 'bottom: "data" bottom: "data"', 'data'),
                'factors of [2, 3, 32, 24] for [2, 3, 32, 24]; expected one for each channel',
            ),
            (
                DATA + layer('a', 'ShuffleChannel', 'shuffle_channel_param { group: 2 }', 'data'),
                '3 channels in 2 groups; expected a divisor',
            ),
            (
                DATA + layer('a', 'Interp', 'interp_param { height: 5 }', 'data'),
                'no size; expected "height" and "width", or a factor',
            ),
            (
                DATA + layer('a', 'Interp', 'interp_param { zoom_factor: 2 pad_end: 1 }', 'data'),
                '"pad_beg" or "pad_end" is positive; expected 0, or less for cropping',
            ),
            (
                DATA + layer('a', 'Interp', 'interp_param { zoom_factor: 2 pad_end: -24 }', 'data'),
                'nothing is left of 24 pixels; expected less cropping',
            ),
            (
                DATA + layer('a', 'Interp', 'interp_param { zoom: 2 }', 'data'),
                "interp_param has no field 'zoom'; choose from height, width, zoom_factor",
            ),
            (
                DATA
                + layer('b', 'Pooling', pooling(2, 2), 'data')
                + layer('a', 'Upsample', 'bottom: "b"', 'data'),
                'a mask of [2, 3, 16, 12] for [2, 3, 32, 24]; expected the same shape',
            ),
            (DATA + layer('a', 'SPP', '', 'data'), 'needs "pyramid_height"'),
            (
                DATA + layer('a', 'SPP', 'spp_param { pyramid_height: 17 }', 'data'),
                '"pyramid_height" is 17; expected at most 16',
            ),
            (DATA + layer('a', 'Tile', '', 'data'), 'needs "tiles"'),
            (DATA + layer('a', 'Tile', 'tile_param { axis: 4 tiles: 2 }', 'data'), '"axis" is 4'),
            (
                DATA + layer('a', 'Reduction', 'reduction_param { axis: 4 }', 'data'),
                '"axis" is 4 where there are 4 dimensions',
            ),
            ('name: "x"', 'n.prototxt: no "layer" in it'),
            (DATA + conv[:-3], 'line 2: the brace is never closed'),
            (DATA + conv + '}', "line 3: unexpected '}'"),
            (DATA + conv.replace('}', '>', 1), "line 2: unexpected '>'"),
            (DATA + conv + 'layer', 'line 3: unexpected end of file; expected a field'),
            (DATA + 'layer { name: }', "line 2: unexpected '}'"),
            (DATA + 'layer { name: "a }', 'line 2: unexpected'),
            (DATA + 'layer { "a" }', 'line 2: unexpected \'"a"\'; expected a field'),
            (DATA + 'layer { name: "\\x" type: "y" }', 'line 2: unexpected', 'escape'),
            (DATA + '\0', 'line 2: unexpected'),
            (DATA + 'layer: 5', 'n.prototxt: "layer" is \'5\''),
            (DATA + 'layer { type: "ReLU" }', 'line 2: needs "name" and "type"'),
            (DATA + 'layer { name { } type: "ReLU" }', 'line 2: "name" is a message'),
            (DATA + conv.replace('"data"', '"nodata"'), "line 2 (Convolution 'c')", "'nodata'"),
            (DATA + layer('a', 'ReLU', '', 'b') + layer('b', 'ReLU', '', 'a'), 'line 2', "'b'"),
            (
                DATA
                + layer(
                    'x',
                    'Reshape',
                    'reshape_param { shape { dim: 6 dim: 1 dim: 0 dim: -1 } }',
                    'data',
                )
                + layer('c', 'Convolution', convolution(1, 1), 'x'),
                'the first dimension is 6 where the batch',
            ),
            (
                layer('x', 'Data', 'transform_param { crop_size: -5 }'),
                '"crop_size" is -5; expected 0',
            ),
            (layer('x', 'Data', 'data_param { crop_size: -5 }'), '"crop_size" is -5; expected 0'),
            (layer('x', 'ImageData', 'image_data_param { new_height: -5 }'), '"new_height" is -5;'),
            (DATA + conv.replace('num_output: 8', ''), 'line 2', 'needs "num_output"'),
            (DATA + conv.replace('kernel_size: 3', ''), 'line 2', 'needs "kernel_size"'),
            (DATA + conv.replace('convolution_param', 'x'), 'line 2', 'needs "num_output"'),
            (
                DATA + conv.replace('convolution_param', 'convolution_param: 1 x'),
                'line 2',
                "is '1'",
            ),
            (DATA + conv.replace('8', '0'), '"num_output" is 0; expected 1 or more'),
            (DATA + conv.replace('8', '-8'), '"num_output" is -8; expected 1 or more'),
            (DATA + conv.replace('8', '8.5'), '"num_output" is \'8.5\'; expected an integer'),
            (DATA + conv.replace('8', '9' * 5000), '"num_output" is \'999'),
            (DATA + conv.replace('8', '9' * 19), '"num_output" is 9999999999999999999;'),
            (DATA + conv.replace('stride: 1', 'stride: 0'), '"stride" is 0; expected 1 or more'),
            (DATA + conv.replace('pad: 0', 'pad: -1'), '"pad" is -1; expected 0 or more'),
            (DATA + conv.replace('size: 3', 'size: 25'), 'line 2', 'kernel of 25', 'fit 24 + 0'),
            (DATA + conv.replace('pad: 0', 'group: 2'), 'do not divide into 2 groups'),
            (DATA + conv.replace('size: 3', 'size: [1, 2, 3]'), '3-D is not modelled'),
            (DATA.replace('32', '0') + conv, '"dim" is 0; expected 1 or more'),
            (DATA.replace('32', '-1') + conv, '"dim" is -1; expected 1 or more'),
            (DATA.replace('dim: 24', '') + conv, 'line 2', 'expected an input of 4 dimensions'),
            (DATA.replace('dim: 24', 'dim: 2 dim: 2') + conv, '3-D feature maps are not modelled'),
            ('input: "data"\n' + conv, 'line 2', "'input' (Input)", '--input C,H,W'),
            (DATA + layer('p', 'Pooling', pooling(33, 1), 'data'), 'kernel of 33'),
            (DATA + layer('p', 'Pooling', '', 'data'), 'needs "kernel_size"'),
            (DATA + layer('p', 'Slice', 'top: "q"', 'data'), '3 channels do not divide into 2'),
            (
                DATA + layer('p', 'Slice', 'slice_param { slice_point: 9 }', 'data'),
                'cannot cut 3 at',
            ),
            (
                DATA + layer('p', 'Reshape', 'reshape_param { shape { dim: 7 } }', 'data'),
                'cannot reshape',
            ),
            (
                DATA + layer('p', 'Flatten', 'flatten_param { axis: 9 }', 'data'),
                '"axis" is 9',
            ),
            (
                DATA + conv + 'layer { name: "r" type: "ReLU" bottom: "c" }',
                "(ReLU 'r'): 0 tops; expected 1",
            ),
            (
                DATA + conv + 'layer { name: "p" type: "Pooling" bottom: "c" }',
                '0 tops; expected 1 to 2',
            ),
            (DATA + chain('Deconvolution', convolution(1, 1, stride=2**32)), 'sizes of more than'),
            (DATA + chain('Concat', ''), 'sizes of more than'),
            (DATA + chain('InnerProduct', inner_product(2**32)), 'MACs of more than'),
            ('input: "data" input_dim: 5\n' + conv, 'the input is [5]; expected a batch'),
            (b'\xff', 'not UTF-8'),
            (DATA.replace('dim: 24', 'dim: 2 ' * 99) + conv, 'a shape of 102 dimensions; expected'),
            ('name: ' + '"a" ' * 10**5, 'no "layer" in it'),
            ('layer {' * 100_000, 'line 1: more than 100 braces inside each other'),
            ('a {\n b {\n', 'line 2: the brace is never closed'),
            ('a {}' * 400_000, 'line 1: more than 500000 words and marks'),
            (';' * 4_000_000, 'line 1: more than 500000 words and marks'),
            ('a: "' + 'x' * 4_000_000, 'line 1: unexpected', 'expected a string that ends'),
            ('a: "' + '\\n' * 2_000_000 + '"', 'expected a string'),
            (' ' * (4 * 2**20 + 1), 'too large; expected', '4194304 bytes'),
            (
                DATA + conv.replace('size: 3', 'size: 09'),
                '"kernel_size" is \'09\'; expected an int',
            ),
            (DATA + conv.replace('}', 'exclude: 5 }'), '"exclude" is \'5\'; expected {...}'),
            (
                DATA + layer('p', 'Pooling', 'pooling_param { global_pooling: 2 }', 'data'),
                'true or',
            ),
        ):
            with self.subTest(text=text[-80:]):
                result = extract('n.prototxt', text)
                self.assertEqual((result.status, result.out), (1, ''))
                self.assertRegex(result.err, r'\Aextract.py: [^\n]+[:;] [^\n]+\n\Z')
                self.assertLess(len(result.err), 600)
                for part in parts:
                    self.assertIn(part, result.err)

    @unittest.skipUnless(hasattr(os, 'mkfifo'), 'no pipes here')
    def test_only_files_are_read(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ('n.prototxt', 'n.onnx'):
                os.mkfifo(path(folder, name))
                err = io.StringIO()
                self.assertEqual(extractor.main([path(folder, name)], None, None, err), 1)
                self.assertRegex(err.getvalue(), 'a folder, pipe or device; expected a file\n$')

    def test_files_and_arguments(self):
        for name, argv, status, said in (
            ('n.prototxt', ['--input', '3,0,5'], 2, "--input is '3,0,5'"),
            (
                'n.prototxt',
                ['--inputs', '3,5,5'],
                2,
                'unknown option --inputs; did you mean --input?',
            ),
            ('n.caffemodel', [], 1, 'the weights of a Caffe model, and neither ONNX nor .prototxt'),
        ):
            result = extract(name, DATA, *argv)
            self.assertEqual((result.status, result.out), (status, ''))
            self.assertIn(said, result.err)

    def test_hostile_files_take_little_time(self):
        many = range(10_000)
        for text in (
            DATA
            + layer('same', 'Other') * 20_000
            + layer('f', 'InnerProduct', inner_product(1), 'data'),
            DATA
            + ''.join(layer(str(n), 'Convolution', convolution(1, 1), 'data') for n in many)
            + layer('sum', 'Eltwise', ''.join(f'bottom: "{n}" ' for n in many)),
        ):
            start = time.process_time()
            self.assertEqual(extract('n.prototxt', text).status, 0)
            self.assertLess(time.process_time() - start, 10)

    def test_fuzz(self):
        good = (definitions.vgg_cnn_m() + layer('s', 'Slice', 'top: "t"', 'prob')).encode()
        bits = [
            b'{',
            b'}',
            b'"',
            b'-1',
            b'0',
            b'9' * 18,
            b'pad: 3 ',
            b'[',
            b']',
            b'\xff',
            b'<',
            b'#',
        ]
        failed = 0
        for seed in range(1500):
            rng = random.Random(seed)
            text = good
            for _ in range(rng.randint(1, 4)):
                start = rng.randrange(len(text))
                end = start + rng.choice((0, 1, 2, 10, 60))
                text = (
                    text[:start]
                    + rng.choice((b'', rng.choice(bits), text[start:end] * 2))
                    + text[end:]
                )
            result = extract('n.prototxt', text)
            if result.status == 0:
                self.assertRegex(result.err, r'\A(extract.py: [^\n]+ left out, [^\n]+\n)?\Z', seed)
            failed += is_refused(self, result, seed)
        self.assertTrue(300 < failed < 1500, failed)


if __name__ == '__main__':
    unittest.main()
