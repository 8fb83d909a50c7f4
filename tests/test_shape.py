"""Eyeriss from a layer's shape: against Tables V and VI, and its calibration against the tables."""

import csv
import json
import statistics
import tempfile
import unittest

import definitions
from support import extract, fodlam, path, read, run


def shaped(netfile, **options):
    return fodlam.estimate({'netfile': netfile, 'scaling': 'shape'}, per_layer=True, **options)


def rows(net):
    return [
        row
        for row in csv.DictReader(read('data', fodlam.NETWORKS[net].eyeriss_file).splitlines())
        if row['Layer'] != 'Total'
    ]


class Tables(unittest.TestCase):
    """JSSC 2017, Tables V and VI; what the model makes of them: ../shared/facts/eyeriss-shape.md."""

    def ratios(self, quantity):
        """Return {net: [modelled over published of each conv layer]}, per frame."""
        result = {}
        for net, network in fodlam.NETWORKS.items():
            published = fodlam.estimate({'net': net}, per_frame=True, per_layer=True)['layers']
            modelled = shaped(network.netfile)['layers']
            result[net] = [
                m[quantity] / p[quantity]
                for m, p in zip(modelled, published)
                if m['kind'] == 'conv'
            ]
        return result

    def test_table_v(self):
        conv = shaped('alexnet_deploy.json')['conv']
        self.assertAlmostEqual(conv['latency'] / (115.3e-3 / 4) - 1, 0.052, delta=0.0005)
        self.assertAlmostEqual(conv['energy'] / (0.278 * 115.3e-3 / 4) - 1, -0.074, delta=0.0015)

    def test_table_vi(self):
        conv = shaped('VGG_ILSVRC_16_layers_deploy.json')['conv']
        self.assertAlmostEqual(conv['latency'] / (4309.5e-3 / 3) - 1, -0.006, delta=0.0005)
        self.assertAlmostEqual(conv['energy'] / (0.236 * 4309.5e-3 / 3) - 1, 0.033, delta=0.0015)

    def test_each_layer(self):
        ratios = self.ratios('latency')
        self.assertTrue(all(0.88 < ratio < 1.12 for ratio in ratios['VGG16']))
        self.assertTrue(all(0.87 < ratio < 1.28 for ratio in ratios['AlexNet']))
        both = ratios['AlexNet'] + ratios['VGG16']
        self.assertEqual((round(min(both), 3), round(max(both), 3), len(both)), (0.878, 1.272, 18))
        self.assertAlmostEqual(
            statistics.mean(abs(ratio - 1) for ratio in both), 0.075, delta=0.0005
        )

    def test_bounds_are_the_papers(self):
        """VGG-16's CONV1 to CONV4 are bound by the buffer, CONV5 and AlexNet by computing."""
        for layer in shaped('VGG_ILSVRC_16_layers_deploy.json')['layers']:
            if layer['kind'] == 'conv':
                compute = layer['name'].startswith('conv5')
                self.assertEqual(layer['bound'], 'compute' if compute else 'buffer', layer['name'])
        bounds = {
            x.get('bound') for x in shaped('alexnet_deploy.json')['layers'] if x['kind'] == 'conv'
        }
        self.assertEqual(bounds, {'compute'})

    def test_range_is_that_of_the_ratios(self):
        for quantity in ('energy', 'latency'):
            both = sum(self.ratios(quantity).values(), [])
            for layer in shaped('googlenet.json', ranges=True)['layers']:
                if layer['kind'] == 'conv':
                    low, high = layer[f'{quantity}_range']
                    self.assertAlmostEqual(layer[quantity] / low, max(both))
                    self.assertAlmostEqual(layer[quantity] / high, min(both))


class Calibrated(unittest.TestCase):
    """The constants that are calibrated on Table VI must be what Table VI says."""

    def test_pe_efficiency(self):
        """CONV5 is bound by computing: its MACs over what 168 PEs at 200 MHz could do."""
        bound = [row for row in rows('VGG16') if row['Layer'].startswith('CONV5')]
        macs = sum(float(row['Num. of MACs (G)']) for row in bound) * 1e9
        time = sum(float(row['Processing Latency (ms)']) for row in bound) * 1e-3
        measured = macs / (168 * 200e6 * time)
        self.assertAlmostEqual(fodlam.EYERISS_CALIBRATION.pe_efficiency / measured, 1, delta=0.03)

    def test_buffer_rate(self):
        """CONV1 to CONV4 are bound by the global buffer: their bytes over their time."""
        bound = [row for row in rows('VGG16') if not row['Layer'].startswith('CONV5')]
        rates = [
            float(row['Global Buffer Accesses (MB)'])
            * 1e6
            / float(row['Processing Latency (ms)'])
            * 1e3
            for row in bound
        ]
        self.assertLess(max(rates) / min(rates), 1.04)
        calibrated = fodlam.EYERISS_CALIBRATION.buffer_bytes_per_s
        self.assertAlmostEqual(calibrated / statistics.mean(rates), 1, delta=0.03)

    def test_power(self):
        power = statistics.mean(float(row['Power (mW)']) for row in rows('VGG16')) * 1e-3
        self.assertAlmostEqual(fodlam.EYERISS_CALIBRATION.power_w / power, 1, delta=0.03)

    def test_bytes_of_the_buffer(self):
        """The rule for summed channels gives the bytes that CONV1 to CONV4 moved."""
        no_buffer, one_byte = fodlam.Calibration(1e30, 1e30, 1), fodlam.Calibration(1e30, 1, 1)
        for (_, layer, shape), row in zip(fodlam.published_shapes('VGG16'), rows('VGG16')):
            link_s, both_s = (
                fodlam.shape_cost(layer, shape, calibration)[0].latency_s
                for calibration in (no_buffer, one_byte)
            )
            published = float(row['Global Buffer Accesses (MB)']) * 1e6 / 3
            if not layer.name.startswith('conv5'):
                self.assertAlmostEqual((both_s - link_s) / published, 1, delta=0.05)

    def test_calibrating_on_table_vi_gives_the_constants(self):
        for constant, measured in zip(fodlam.EYERISS_CALIBRATION, fodlam.calibrate('VGG16')):
            self.assertAlmostEqual(constant / measured, 1, delta=0.01)

    def test_papers_constants(self):
        raw = read('raw', 'eyeriss-tableIV.txt')
        self.assertIn(f'Number of PEs\n\n{fodlam.EYERISS_PES}\n', raw)
        self.assertIn('16-bit', raw)
        self.assertEqual(fodlam.EYERISS_WORD_BYTES * 8, 16)
        self.assertEqual(fodlam.EYERISS_LINK_BYTES_PER_S, 0.48e9)
        self.assertEqual(fodlam.EYERISS_PES * fodlam.EYERISS_CLOCK_HZ, 33.6e9)  # the peak, in MAC/s


class Validation(unittest.TestCase):
    def test_rows(self):
        errors = {row['quantity']: row['error_percent'] for row in fodlam.validate()}
        for quantity, percent in (
            ('AlexNet conv latency by shape', 5.2),
            ('VGG16 conv latency by shape', -0.6),
            ('AlexNet conv latency by VGG16 MACs', 116.2),
            ('VGG16 conv latency by AlexNet MACs', -53.7),
            ('AlexNet CONV5 latency by shape', 27.2),
        ):
            self.assertEqual(round(errors[quantity], 1), percent, quantity)
        for net in fodlam.NETWORKS:
            for row in rows(net):
                for quantity in ('energy', 'latency'):
                    for model in ('MACs', 'shape'):
                        self.assertIn(f'{net} {row["Layer"]} {quantity} by {model}', errors)

    def test_shape_predicts_better_what_it_was_not_calibrated_on(self):
        errors = {row['quantity']: abs(row['error_percent']) for row in fodlam.validate()}
        for net, other in (('AlexNet', 'VGG16'), ('VGG16', 'AlexNet')):
            for quantity in ('energy', 'latency'):
                what = f'{net} conv {quantity} by'
                self.assertLess(errors[f'{what} {other} shape'], errors[f'{what} {other} MACs'])


class Reports(unittest.TestCase):
    def test_per_frame_throughout(self):
        for flag in (False, True):
            report = fodlam.estimate(
                {'netfile': 'resnet50.json', 'scaling': 'shape'}, per_frame=flag
            )
            self.assertEqual(
                report, fodlam.estimate({'netfile': 'resnet50.json', 'scaling': 'shape'})
            )
        by_macs = fodlam.estimate({'netfile': 'resnet50.json'})
        self.assertEqual(report['fc'], by_macs['fc'])

    def test_mac_is_the_default(self):
        for netfile in ('googlenet.json', 'alexnet_deploy.json'):
            expected = fodlam.estimate({'netfile': netfile})
            self.assertEqual(fodlam.estimate({'netfile': netfile, 'scaling': 'mac'}), expected)

    def test_layers(self):
        layers = shaped('lenet.json')['layers']
        self.assertEqual([x['source'] for x in layers], ['shape', 'shape', 'scaled', 'scaled'])
        self.assertEqual([x.get('bound') for x in layers[2:]], [None, None])
        self.assertEqual(list(layers[0])[-2:], ['source', 'bound'])

    def test_process_node(self):
        config = {'netfile': 'resnet50.json', 'scaling': 'shape'}
        one, two = (fodlam.estimate({**config, 'process_nm': node}) for node in (65, 130))
        self.assertEqual(one, fodlam.estimate(config))
        self.assertAlmostEqual(two['total']['latency'] / one['total']['latency'], 2)
        self.assertAlmostEqual(two['total']['energy'] / one['total']['energy'], 8)

    def test_table(self):
        config = path('config', 'googlenet-shape.json')
        for flags in ([], ['--range']):
            out = run('--format', 'table', *flags, config).out
            self.assertLessEqual(max(map(len, out.splitlines())), 80)
            self.assertRegex(out, r'\nbuffer-bound .*\ncompute-bound ')
        layers = shaped('googlenet.json')['layers']
        time = sum(x['latency'] for x in layers if x.get('bound') == 'buffer')
        self.assertRegex(out, rf'buffer-bound .*{fodlam.engineering(time, "s")}')

    def test_csv(self):
        out = run('--format', 'csv', path('config', 'resnet50-shape.json')).out
        read_back = list(csv.DictReader(out.splitlines()))
        self.assertEqual({row['bound'] for row in read_back}, {'compute', 'buffer', ''})

    def test_lines(self):
        configs = [{'netfile': 'lenet.json', 'scaling': x} for x in ('mac', 'shape', 'mac')]
        out = run('--lines', stdin='\n'.join(map(json.dumps, configs)).encode()).out
        self.assertEqual(
            list(map(json.loads, out.splitlines())), list(map(fodlam.estimate, configs))
        )

    def test_refused(self):
        for config, said in (
            ({'netfile': 'lenet.json', 'scaling': 'area'}, "'area'; choose from mac, shape"),
            ({'netfile': 'lenet.json', 'scaling': ['mac']}, "['mac']; choose from mac, shape"),
            (
                {'net': 'VGG16', 'scaling': 'shape'},
                'is for a netfile; a net is published, so leave it out',
            ),
            (
                {'netfile': 'lenet.json', 'scaling': 'mac', 'accelerator': 'nvdla-32'},
                'is for a netfile; an accelerator has its roofline, so leave it out',
            ),
        ):
            result = run(stdin=json.dumps(config).encode())
            self.assertEqual((result.status, result.out), (1, ''))
            self.assertIn(f'config "scaling": {said}', result.err)

    def test_mobilenet(self):
        """Where it is weak: 79 frame/s, by average 225; the Eyeriss v2 paper implies about 117."""
        with tempfile.TemporaryDirectory() as folder:
            netfile = path(folder, 'mobilenet.json')
            with open(netfile, 'w', encoding='utf-8') as file:
                file.write(extract('mobilenet.prototxt', definitions.mobilenet()).out)
            by_macs = fodlam.estimate({'netfile': netfile}, per_frame=True)
            self.assertEqual(round(1 / shaped(netfile)['conv']['latency']), 79)
            self.assertEqual(round(1 / by_macs['conv']['latency']), 225)


if __name__ == '__main__':
    unittest.main()
