"""Caffe's definitions: old types, names, and which layers there are by phases, stages and levels."""

import json
import unittest

from definitions import DATA, convolution, inner_product, layer
from extracted_caffe import entries
from support import extract


class OldTypes(unittest.TestCase):
    """Types of before 2014, by their words and by their numbers in caffe.proto."""

    def test_types(self):
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

    def test_old_input_is_a_layer(self):
        text = DATA + layer('c', 'Convolution', convolution(8, 3), 'data')
        self.assertEqual(entries(text)['input'], {'name': 'input', 'type': 'Input'})


class Names(unittest.TestCase):
    """Names of layers."""

    def test_names_that_fodlam_could_not_tell_apart(self):
        text = DATA + layer('a-b', 'ReLU', '', 'data') + layer('A_B', 'ReLU', '', 'data')
        self.assertEqual(list(entries(text)), ['input', 'a-b', 'A_B#2'])


class Stages(unittest.TestCase):
    """Layers that are there in some phases, stages and levels alone."""

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


if __name__ == '__main__':
    unittest.main()
