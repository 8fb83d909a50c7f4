"""What tables, pictures and standard error say of numbers: frames, pruning, errors, devices."""

import io
import json
import re
import unittest
from unittest import mock
from xml.etree import ElementTree

from results import CHIP, validated
from support import NETFILES, Terminal, fodlam, run

from fodlam.data import devices, notes
from fodlam.data.accelerators import find_accelerator
from fodlam.data.notes import DIAGNOSE_NOTE, PRUNING_NOTE


def written(stream):
    """Return what was written to a text stream that is above an io.BytesIO."""
    stream.flush()
    return stream.buffer.getvalue().decode()


class OnEyeriss(unittest.TestCase):
    """What tables, pictures and standard error say of layers on Eyeriss and EIE."""

    PRUNED = (
        "fc: as if pruned like EIE's layers; dense ones take up to 38 times longer: give densities"
    )
    BY_MACS = {'netfile': 'lenet.json'}
    BY_SHAPE = {**BY_MACS, 'scaling': 'shape'}
    BY_DENSITY = {**BY_SHAPE, 'density': {'weights': 0.1, 'activations': 0.3}}

    def shown(self, config, *flags):
        """Return the table and the picture of a config, each with its lines joined."""
        stdin = json.dumps(config).encode()
        table = run('--format', 'table', *flags, stdin=stdin).out.replace('\n', ' ')
        picture = run('--format', 'svg', *flags, stdin=stdin).out
        texts = [x.text or '' for x in ElementTree.fromstring(picture).iter()]
        return table, ' '.join(texts)

    def test_fc_layers_by_macs_are_as_if_pruned(self):
        conv = {**self.BY_MACS, 'layers': ['conv1']}
        fc = {**self.BY_MACS, 'layers': ['ip1']}
        for config, expected in (
            (self.BY_MACS, True),
            ({**self.BY_MACS, 'per_frame': True, 'title': 'Ours', 'process_nm': 28}, True),
            (fc, True),
            (self.BY_SHAPE, True),
            (conv, False),
            (self.BY_DENSITY, False),
            ({'netfile': NETFILES['AlexNet'], 'scaling': 'shape'}, False),
            ({'net': 'AlexNet'}, False),
            ({**self.BY_MACS, 'accelerator': 'nvdla-32'}, False),
        ):
            for flags in ([], ['--range']):
                for text in self.shown(config, *flags):
                    self.assertEqual(self.PRUNED in text, expected, config)

    def test_standard_error_of_a_terminal_says_so(self):
        for config, expected in ((self.BY_MACS, True), ({'net': 'AlexNet'}, False)):
            for argv in (
                [], ['--per-layer'], ['--format', 'csv'], ['--range'], ['--format', 'svg'], ['--lines']
            ):  # fmt: skip
                for stdout, stderr in (
                    (Terminal(io.BytesIO(), 'utf-8'), io.TextIOWrapper(io.BytesIO())),
                    (io.TextIOWrapper(io.BytesIO()), Terminal(io.BytesIO(), 'utf-8')),
                ):
                    stdin = io.TextIOWrapper(io.BytesIO(json.dumps(config).encode()))
                    self.assertEqual(fodlam.main(argv, stdin, stdout, stderr), 0)
                    self.assertEqual(self.PRUNED in written(stderr), expected, argv)
                piped = run(*argv, stdin=json.dumps(config).encode())
                self.assertEqual((piped.status, piped.err), (0, ''))

    def test_a_sweep_says_so_once(self):
        sweep = f'{{"net": "AlexNet", "per_frame": true}}\n{json.dumps(self.BY_MACS)}\n' * 2
        stdout, stderr = io.TextIOWrapper(io.BytesIO()), Terminal(io.BytesIO(), 'utf-8')
        stdin = io.TextIOWrapper(io.BytesIO(sweep.encode()))
        self.assertEqual(fodlam.main(['--lines'], stdin, stdout, stderr), 0)
        said = [line for line in written(stderr).splitlines() if self.PRUNED in line]
        self.assertEqual(said, [f'fodlam: line 2: {self.PRUNED}'])

    def test_errors(self):
        macs = 'conv by MACs is off by +116% and -54% in latency (+83% and -45% in energy)'
        shape = 'conv by shape is off by +5% and +12% in latency (-8% and +29% in energy)'
        for config, said in (
            (self.BY_MACS, f'{macs}, fc by MACs by -53% and +115%'),
            (self.BY_SHAPE, f'{shape}, fc by MACs by -53% and +115%'),
            (self.BY_DENSITY, f'{shape}, fc by density by +9% and +6%'),
            ({**self.BY_MACS, 'layers': ['ip1']}, 'fc by MACs is off by -53% and +115%'),
        ):
            expected = f'tested on AlexNet and VGG-16 as unknown networks, {said}'
            for text in self.shown(config):
                self.assertIn(expected, text)
            for text in self.shown(config, '--range'):  # which says it in numbers
                self.assertNotIn('tested on', text)
        for config in ({'net': 'AlexNet'}, {**self.BY_MACS, 'accelerator': 'nvdla-32'}):
            for text in self.shown(config):
                self.assertNotIn('tested on', text)

    def test_errors_are_those_of_validate(self):
        """Each network by the other alone; by density, by neither."""
        errors = {row['quantity']: row['error_percent'] for row in validated()}
        others = {'AlexNet': 'VGG16', 'VGG16': 'AlexNet'}
        for (kind, source), by_quantity in notes.ERRORS_PERCENT.items():
            for quantity, percents in by_quantity.items():
                for (net, other), percent in zip(others.items(), percents, strict=True):
                    how = source.replace('by ', f"by {other}'s ")
                    how = source if source == 'by density' else how
                    name = 'zeros' if quantity == 'energy' else 'shape'
                    how = how.replace('shape and density', name)
                    expected = errors[f'{net} {kind} {quantity} {how}']
                    self.assertEqual(percent, round(expected), how)


class UnlikePublished(unittest.TestCase):
    """Conv layers by shape that nothing published is like: tables say how much of the time."""

    SAID = r'(\d+)% of the time: conv layers unlike any published'

    def share(self, entries, **config):
        """Return the percentage in the note of the table of some entries; None without a note."""
        stdin = json.dumps({'netfile': entries, 'scaling': 'shape', **config}).encode()
        said = re.search(self.SAID, run('--format', 'table', '--range', stdin=stdin).out)
        return said and int(said[1])

    def conv(self, name, kernel, **members):
        sizes = {'ifmap': [16, 8, 8], 'ofmap': [16, 8, 8], 'kernel': [kernel, kernel]}
        return {'name': name, 'type': 'Conv2d', **sizes, **members}

    def test_all_of_the_time(self):
        self.assertEqual(self.share([self.conv('a', 1)]), 100)
        self.assertEqual(self.share([self.conv('a', 3, groups=16)]), 100)

    def test_none_of_the_time(self):
        self.assertIsNone(self.share([self.conv('a', 3), self.conv('b', 5)]))
        self.assertIsNone(self.share([self.conv('a', 1)], scaling='mac'))

    def test_half_of_the_time(self):
        """Kernels of 7 x 7 are unlike any; so many layers of 3 x 3 that they take as long."""
        times = {}
        for kernel in (3, 7):
            config = {'netfile': [self.conv('a', kernel)], 'scaling': 'shape'}
            times[kernel] = fodlam.estimate(config)['total']['latency']
        layers = [self.conv(f'a{i}', 3) for i in range(round(100 * times[7] / times[3]))]
        layers += [self.conv(f'b{i}', 7) for i in range(100)]
        self.assertEqual(self.share(layers), 50)


class OfFrames(unittest.TestCase):
    """The line on stderr where conv and fc costs are for different numbers of frames."""

    VGG16 = b'{"net": "VGG16"}'
    BATCH = "conv: Eyeriss's batch of 3 frames; fc: 1 frame; --per-frame for one"

    def said(self, argv, stdin, out=False, err=False):
        """Return what is said on stderr; out, err: whether stdout and stderr are terminals."""
        streams = []
        for is_terminal in (out, err):
            stream = Terminal if is_terminal else io.TextIOWrapper
            streams.append(stream(io.BytesIO(), encoding='utf-8'))
        stdin_stream = io.TextIOWrapper(io.BytesIO(stdin))
        self.assertEqual(fodlam.main(argv, stdin_stream, *streams), 0)
        printed, said = (stream.buffer.getvalue().decode() for stream in streams)
        self.assertEqual(printed, run(*argv, stdin=stdin).out)  # whoever reads it
        return said.replace(f'fodlam: {PRUNING_NOTE}\n', '')  # which tests/test_formats.py holds

    def test_of_json(self):
        for argv, stdin, said in (
            ([], self.VGG16, self.BATCH),
            (['--per-layer'], self.VGG16, self.BATCH),
            (['--format', 'json', '--range'], self.VGG16, self.BATCH),
            ([], b'{"net": "VGG16", "layers": ["CONV1-1"]}', self.BATCH),
            ([], b'{"netfile": "lenet.json"}', self.BATCH.replace('3', '3.02')),
            ([], b'{"netfile": "lenet.json", "process_nm": 28}', self.BATCH.replace('3', '3.02')),
            (['--format', 'csv'], self.VGG16, self.BATCH),
            (['--format', 'svg'], self.VGG16, self.BATCH),
            (['--diagnose'], b'', DIAGNOSE_NOTE),
            (['--diagnose', '--format', 'csv'], b'', DIAGNOSE_NOTE),
        ):
            for out, err in ((True, False), (False, True), (True, True)):
                self.assertEqual(self.said(argv, stdin, out, err), f'fodlam: {said}\n')
            self.assertEqual(self.said(argv, stdin), '')

    def test_names_the_flag(self):
        self.assertIn('--per-frame', self.BATCH)
        self.assertIn('--per-frame', DIAGNOSE_NOTE)

    def test_none_if_one_chose_or_all_is_for_one_frame(self):
        for argv, stdin in (
            (['--per-frame'], self.VGG16),
            (['--per-frame'], b'{"netfile": "lenet.json"}'),
            (['--per-frame'], b'{"net": "VGG16", "per_frame": false}'),
            ([], b'{"net": "VGG16", "per_frame": false}'),
            ([], b'{"net": "VGG16", "per_frame": true}'),
            ([], b'{"net": "VGG16", "layers": ["FC6"]}'),
            ([], b'{"netfile": "lenet.json", "scaling": "shape"}'),
            ([], b'{"netfile": "lenet.json", "accelerator": "nvdla-32"}'),
            (['--diagnose', '--per-frame'], b''),
            (['--lines', '--per-frame'], self.VGG16),
            (['--lines'], b'{"net": "VGG16", "per_frame": false}'),
        ):
            self.assertEqual(self.said(argv, stdin, True, True), '', (argv, stdin))

    def test_not_twice_on_one_screen(self):
        """A table has the note in itself; elsewhere, it may be cut, as by grep."""
        for argv, stdin, note in (
            (['--format', 'table'], self.VGG16, self.BATCH),
            (['--diagnose', '--format', 'table'], b'', DIAGNOSE_NOTE),
        ):
            self.assertIn(note, run(*argv, stdin=stdin).out)
            self.assertEqual(self.said(argv, stdin, out=True), '')
            self.assertEqual(self.said(argv, stdin, out=True, err=True), '')
            self.assertEqual(self.said(argv, stdin, err=True), f'fodlam: {note}\n')

    def test_once_in_a_sweep(self):
        sweep = b'{"net": "VGG16", "per_frame": true}\n' + self.VGG16 + b'\n{"net": "AlexNet"}\n'
        for out, err in ((True, False), (False, True), (True, True)):
            said = self.said(['--lines'], sweep, out, err)
            self.assertEqual(said, f'fodlam: line 2: {self.BATCH}\n')
        self.assertEqual(self.said(['--lines'], sweep), '')

    def test_after_the_report(self):
        """So that it is not scrolled away."""
        stream = Terminal(io.BytesIO(), encoding='utf-8', write_through=True)
        fodlam.main([], io.TextIOWrapper(io.BytesIO(self.VGG16)), stream, stream)
        self.assertRegex(
            stream.buffer.getvalue().decode(), r'(?s)\A\{.*\}\nfodlam: conv: .*one\n\Z'
        )


class OnDevices(unittest.TestCase):
    def test_how_many_networks_say_how_far_off(self):
        """From six on, each network of a device is held against all others of it."""
        accelerator = find_accelerator('kv260-dpu')
        row = devices.read_calibrated()['kv260-dpu']
        for networks, said in (
            (1, 'networks on one device, each by one other, are'),
            (5, 'networks on one device, each by two others, are'),
            (6, '6 networks on kv260-dpu, each by all others, are'),
        ):
            rows = {'kv260-dpu': row._replace(networks=networks)}
            with mock.patch.object(devices, 'read_calibrated', return_value=rows):
                self.assertTrue(devices.share_note(accelerator).startswith(said), networks)

    def test_notes_say_what_a_roofline_or_a_share_of_it_is_worth(self):
        bound = 'a roofline is a bound: real devices attain 10% to 74% of it'
        one, two = (
            f'networks on one device, each by {known}, are typically off by a factor of {factors}'
            for known, factors in (('one other', '1.45, at worst 7.35'), ('two others', '1.41, at'))
        )
        layers = 'each by two others, are typically off by a factor of 1.33, at worst 8.77'
        many = (
            '19 networks on kv260-dpu, each by all others, are typically off by a factor of 1.24, '
            'at worst 4.06'
        )
        power = 'the power of edge-tpu is that of GoogLeNet and MobileNet: the energy of others may'
        chip = {**CHIP, 'efficiency': 0.4}
        for accelerator, flags, said in (
            ('nvdla-64', [], [bound]),
            (CHIP, [], [bound]),
            ('nvdla-64', ['--range'], []),
            (chip, [], [one]),
            ({**chip, 'layer_us': 3}, [], [layers]),
            (chip, ['--range'], []),
            ('edge-tpu', [], [two, power]),
            ('edge-tpu', ['--range'], [two, power]),
            ('zcu104-dpu', [], [two]),
            ('ncs2', [], [one]),
            ('kv260-dpu', [], [many]),
            ('kv260-dpu', ['--range'], [many]),
        ):
            stdin = json.dumps({'netfile': 'lenet.json', 'accelerator': accelerator}).encode()
            for form in ('table', 'svg'):
                out = run('--format', form, *flags, stdin=stdin).out
                out = ' '.join(re.sub('<[^>]*>', ' ', out).split())  # notes are broken into lines
                found = [note for note in (bound, one, two, layers, many, power) if note in out]
                self.assertEqual(found, said, (accelerator, flags, form))

    def test_networks_with_products(self):
        """No measured device ran one, so that no range and no error is known to hold for it."""
        sizes = {'ifmap': [8, 4, 1], 'ofmap': [4, 4, 1]}
        product = {'name': 'qk', 'type': 'MatMul', 'macs': 128, **sizes}
        fc = {'name': 'fc', 'type': 'InnerProduct', 'macs': 64}
        for entries, expected in (([product], True), ([fc], False)):
            for accelerator in (CHIP, 'edge-tpu'):
                stdin = json.dumps({'netfile': entries, 'accelerator': accelerator}).encode()
                out = run('--format', 'table', '--range', stdin=stdin).out
                said = 'no measured device ran a network with products, as in attention' in out
                self.assertEqual(said, expected, (entries, accelerator, out))

    def test_json_on_a_terminal_says_what_its_energy_is_worth(self):
        said_of_edge_tpu = (
            'fodlam: the power of edge-tpu is that of GoogLeNet and MobileNet: the energy of others '
            'may be off by a factor of 5\n'
        )
        for accelerator, said in (('edge-tpu', said_of_edge_tpu), ('ncs2', ''), (CHIP, '')):
            config = json.dumps({'netfile': 'lenet.json', 'accelerator': accelerator})
            for flags in ([], ['--range'], ['--format', 'csv']):
                out, err = Terminal(io.BytesIO(), encoding='utf-8'), io.StringIO()
                self.assertEqual(fodlam.main(flags, io.StringIO(config), out, err), 0)
                self.assertEqual(err.getvalue(), said)
            self.assertEqual(run(*flags, stdin=config.encode()).err, '')

    def test_a_sweep_says_once_what_its_energy_is_worth(self):
        tpu = json.dumps({'netfile': 'lenet.json', 'accelerator': 'edge-tpu'})
        pruned = json.dumps({'netfile': 'lenet.json', 'per_frame': True})
        sweep = f'{pruned}\n{tpu}\n{tpu}\n{pruned}\n'
        out, err = Terminal(io.BytesIO(), encoding='utf-8'), io.StringIO()
        self.assertEqual(fodlam.main(['--lines'], io.StringIO(sweep), out, err), 0)
        first, second = err.getvalue().splitlines()
        self.assertRegex(first, r"\Afodlam: line 1: fc: as if pruned like EIE's layers; ")
        self.assertRegex(second, r'\Afodlam: line 2: the power of edge-tpu is that of GoogLeNet ')
        self.assertEqual(run('--lines', stdin=sweep.encode()).err, '')


if __name__ == '__main__':
    unittest.main()
