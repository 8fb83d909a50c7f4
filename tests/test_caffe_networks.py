"""Caffe's definitions of whole networks, and the net files that ship in nets/."""

import csv
import json
import math
import os
import tempfile
import unittest

import definitions
from support import NETFILES, ROOT, extract, fodlam, path, read

MODELS = path(os.path.dirname(ROOT), 'shared', 'models')


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


if __name__ == '__main__':
    unittest.main()
