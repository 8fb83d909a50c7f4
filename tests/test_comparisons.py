"""What data/comparisons.py compares: how far off the models are of the papers."""

import math
import statistics
import unittest

from results import errors, table_of, validated
from support import NETFILES, fodlam, read


class Numbers(unittest.TestCase):
    """JSSC 2017, Tables V and VI; ISCA 2016, Table IV; ../shared/facts/eyeriss-shape.md."""

    def test_known_errors(self):
        known = errors(per_layer=True)
        for quantity, percent in (
            ('AlexNet conv energy by shape', -7.4),
            ('AlexNet conv energy by zeros', 11.2),
            ('AlexNet conv energy by time', -12.0),
            ('AlexNet conv energy by time, zeros', 7.4),
            ("AlexNet conv energy by VGG16's shape", -8.2),
            ("AlexNet conv energy by VGG16's zeros", 11.1),
            ("VGG16 conv energy by AlexNet's shape", 29.3),
            ("VGG16 conv energy by AlexNet's zeros", 9.4),
            ('AlexNet conv latency by MACs', 111.4),
            ('AlexNet conv latency by shape', 5.2),
            ("AlexNet conv latency by VGG16's MACs", 116.2),
            ("AlexNet conv latency by VGG16's shape", 5.0),
            ("AlexNet fc latency by VGG16's MACs", -53.4),
            ('AlexNet CONV5 latency by shape', 27.2),
            ('VGG16 conv latency by MACs', -2.2),
            ('VGG16 conv latency by shape', -0.6),
            ("VGG16 conv latency by AlexNet's MACs", -53.7),
            ("VGG16 conv latency by AlexNet's shape", 12.3),
            ('AlexNet fc latency by density', 8.8),
            ('VGG16 fc latency by density', 5.8),
            ('VGG16 FC7 energy by density', 32.1),
            ("VGG16 fc latency by AlexNet's MACs", 114.6),
        ):
            self.assertEqual(round(known[quantity], 1), percent, quantity)

    def test_models_are_what_a_net_file_costs(self):
        rows = {row['quantity']: row for row in validated()}
        for net, netfile in NETFILES.items():
            measured = fodlam.estimate({'net': net}, per_frame=True)
            for scaling, how in (('mac', 'MACs'), ('shape', 'shape')):
                config = {'netfile': netfile, 'scaling': scaling}
                report = fodlam.estimate(config, per_frame=True)
                for kind in ('conv', 'fc') if scaling == 'mac' else ('conv',):
                    for quantity in ('energy', 'latency'):
                        row = rows[f'{net} {kind} {quantity} by {how}']
                        self.assertEqual(row['modelled'], report[kind][quantity])
                        self.assertEqual(row['published'], measured[kind][quantity])

    def test_frame_rates(self):
        """As the papers round them: tests/test_frames.py has the numbers."""
        rates = {r['quantity']: r for r in validated() if 'frame rate' in r['quantity']}
        self.assertEqual(len(rates), 2)
        for net in NETFILES:
            row = rates[f'{net} conv frame rate']
            self.assertEqual(row['published'], round(row['modelled'], 1))
            seconds = fodlam.estimate({'net': net}, per_frame=True)['conv']['latency']
            self.assertAlmostEqual(row['modelled'] * seconds, 1)

    def test_shape_predicts_better_what_it_was_not_calibrated_on(self):
        known = {quantity: abs(error) for quantity, error in errors().items()}
        for net, other in (('AlexNet', 'VGG16'), ('VGG16', 'AlexNet')):
            for quantity in ('energy', 'latency'):
                what = f"{net} conv {quantity} by {other}'s"
                self.assertLess(known[f'{what} shape'], known[f'{what} MACs'])


class TwoParts(unittest.TestCase):
    """Why one power stays the model of layers whose zeros are not given (nets/README.md)."""

    def of_layers(self, net, how):
        """Return the errors in percent of the energies of a network's conv layers."""
        known = errors(per_layer=True)
        return [known[f'{net} {row["Layer"]} energy by {how}'] for row in table_of(net)]

    def by_share(self, net, activations):
        """Return (error of all conv layers, [error of each]) with one share for all of them."""
        config = {'netfile': NETFILES[net], 'scaling': 'shape'}
        config['density'] = {'conv_activations': activations}
        layers = fodlam.estimate(config, per_layer=True)['layers']
        modelled = [layer['energy'] for layer in layers if layer['kind'] == 'conv']
        published = [
            float(row['Power (mW)']) * float(row['Total Latency (ms)']) * 1e-6
            for row in table_of(net)
        ]
        frames = fodlam.PUBLISHED[net]['batch_frames']
        each = [(m / p * frames - 1) * 100 for m, p in zip(modelled, published)]
        return (math.fsum(modelled) / math.fsum(published) * frames - 1) * 100, each

    def test_table_in_the_readme(self):
        said = read('nets', 'README.md')
        for title, how in (
            ('one power, published times', 'time'),
            ('two parts, published times', 'time, zeros'),
            ('one power, modelled times', 'shape'),
            ('two parts, modelled times', 'zeros'),
            ('two parts, modelled times, 41% for all layers', None),
        ):
            cells = []
            for net in NETFILES:
                if how is None:
                    total, each = self.by_share(net, 0.41)
                else:
                    total, each = errors()[f'{net} conv energy by {how}'], self.of_layers(net, how)
                sizes = [abs(error) for error in each]
                cells.append(
                    f'{total:+.1f}%, layers {statistics.mean(sizes):.1f}% (worst {max(sizes):.1f}%)'
                )
            self.assertIn(f'| {title} | {" | ".join(cells)} |', said)
        for net, other in (('VGG16', 'AlexNet'), ('AlexNet', 'VGG16')):
            zeros, shape = (
                errors()[f"{net} conv energy by {other}'s {how}"] for how in ('zeros', 'shape')
            )
            self.assertIn(f'alone, {zeros:+.0f}% against {shape:+.0f}%)', said)
        late = errors()['AlexNet conv latency by shape']
        self.assertIn(f'its modelled time is {late:.1f}% too long', said)

    def test_alexnet_gets_worse(self):
        """Else, two parts would be the model: ../shared/facts/eyeriss-energy.md."""
        known = errors()
        before, after = (abs(known[f'AlexNet conv energy by {x}']) for x in ('shape', 'zeros'))
        self.assertGreater(after, before)
        for netfile in NETFILES.values():
            for entry in fodlam.read_net(netfile).values():
                if entry['type'] == 'Convolution':
                    self.assertNotIn('activation_density', entry)

    def test_41_percent(self):
        """59% of the MACs of both networks have an input of zero; layers have 0 to 88.5%."""
        macs, busy, shares = [], [], []
        for net in NETFILES:
            layers = fodlam.published_layers(net, per_frame=True)
            for layer, row in zip(layers, table_of(net)):
                share = 1 - float(row['Zeros in Ifmaps'].rstrip('%')) / 100
                shares.append(share)
                macs.append(layer.macs)
                busy.append(layer.macs * share)
        self.assertEqual(round(sum(busy) / sum(macs), 2), 0.41)
        self.assertEqual((f'{min(shares):.1%}', f'{max(shares):.2%}'), ('11.5%', '99.99%'))
        self.assertIn('from 11.5% to 99.99% in single layers', read('nets', 'README.md'))

    def test_calibrated_on(self):
        rows = {row['quantity']: row['calibrated_on'] for row in validated(per_layer=True)}
        for quantity, known in (
            ('AlexNet conv energy by MACs', 'AlexNet, VGG16'),
            ('AlexNet conv energy by shape', 'VGG16'),
            ("AlexNet conv energy by VGG16's zeros", 'VGG16'),
            ("VGG16 conv energy by AlexNet's zeros", 'AlexNet'),
            ('VGG16 CONV1-1 energy by time, zeros', 'VGG16'),
            ("VGG16 fc latency by AlexNet's MACs", 'AlexNet'),
            ('VGG16 FC6 energy by density', 'NeuralTalk'),
            ('VGG16 conv frame rate', None),
            ('ResNet-50 on nvdla-2048', None),
        ):
            self.assertEqual(rows[quantity], known, quantity)


if __name__ == '__main__':
    unittest.main()
