"""README.md: its commands, outputs and numbers. Of the other documents, commands, outputs and links.

tests/test_documents.py has their numbers.
"""

import doctest
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import onnx_encoder
from documents import DOCUMENTS, Says, anchors, blocks, blocks_in, layers, total
from results import validated
from support import NETFILES, ROOT, copy_files, fodlam, path, read, run

from fodlam.data import calibration, devices, notes

README = 'README.md'

# In a console block: a command after "$ ", whose further lines are after "> ", and what it prints.
SESSION = r'^\$ (.*(?:\n> .*)*)\n((?:(?!\$ ).*\n)*)'


def shell(commands, cwd=ROOT):
    """Return what commands print, in a shell in which python3 is the one that runs the tests."""
    return subprocess.run(
        ['sh', '-c', f'python3() {{ "$PYTHON" -S "$@"; }}\n{commands}'],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding='utf-8',
        cwd=cwd,
        env={**os.environ, 'PYTHON': sys.executable, 'PYTHONIOENCODING': 'utf-8'},
        timeout=60,
    ).stdout


@unittest.skipUnless(os.name == 'posix', 'needs a POSIX shell')
class Commands(unittest.TestCase):
    maxDiff = None

    def test_console_blocks(self):
        for document in DOCUMENTS:
            for session in blocks_in('console', document):
                for lines, expected in re.findall(SESSION, session, re.MULTILINE):
                    command = lines.replace('\n> ', '\n')
                    with self.subTest(command):
                        self.assertEqual(shell(command), expected)

    def test_scripts(self):
        """Scripts of several lines, each before the block of what it prints."""
        for document in DOCUMENTS:
            listed = blocks(document)
            for (language, script), (after, expected) in zip(listed, listed[1:]):
                if (language, after) == ('sh', 'text'):
                    with self.subTest(script):
                        self.assertEqual(shell(script), expected)

    def test_the_others_are_the_tests_the_export_and_the_extraction(self):
        tests, export, extraction = blocks_in('sh', README)
        self.assertIn(f"'{tests.strip()}'", read('.ci', 'run'))
        self.assertIn("'model.onnx'", export)  # which needs PyTorch, and is tried by hand
        with tempfile.TemporaryDirectory() as folder:
            for name in ('nets', 'data'):
                copy_files(path(name), os.path.join(folder, name))
            shutil.copyfile(path('fodlam.py'), os.path.join(folder, 'fodlam.py'))
            with open(os.path.join(folder, 'model.onnx'), 'wb') as file:
                conv = onnx_encoder.node('Conv', 'x w', 'y', 'first')
                weights = onnx_encoder.tensor('w', [8, 3, 1, 1])
                frame = onnx_encoder.value('x', [1, 3, 10, 10])
                file.write(onnx_encoder.model([conv], [frame], [weights]))
            table = shell(extraction, cwd=folder)
        self.assertRegex(table, r'\nfirst .*\(.*\.\..*\)')
        self.assertIn('\nall costs: 1 frame\n', table)


class Text(unittest.TestCase):
    def test_python_blocks(self):
        """It takes a second or two, as one of them costs a thousand designs of a chip."""
        session = '\n'.join(blocks_in('python', README))
        example = doctest.DocTestParser().get_doctest(session, {}, 'README', 'README.md', 0)
        self.assertTrue(example.examples)
        self.assertEqual(doctest.DocTestRunner().run(example).failed, 0)

    def test_first_screen(self):
        lines = read('README.md').splitlines()
        for command in (
            '"VGG16"}\' | python3 fodlam.py',
            'python3 -m unittest discover -s tests',
        ):
            self.assertTrue(any(line.endswith(command) for line in lines[:40]), command)

    def test_where_things_live(self):
        section = read('README.md').partition('**Where things live.**')[2].partition('\n**')[0]
        names = set(re.findall(r'\b(?:(?:data|nets)/)?\w+\.py\b', section))
        self.assertGreater(len(names), 10)
        for name in names:
            folders = [''] if '/' in name else ['', 'data', 'nets']
            there = [folder for folder in folders if os.path.exists(path(folder, name))]
            self.assertEqual(len(there), 1, name)

    def test_links(self):
        for document in DOCUMENTS:
            for target, anchor in re.findall(r'\]\((?!http)([^)#]*)#?([^)]*)\)', read(document)):
                with self.subTest(target=target, anchor=anchor):
                    linked = os.path.normpath(os.path.join(os.path.dirname(document), target))
                    self.assertTrue(os.path.exists(path(linked)) or not target)
                    if anchor:
                        self.assertIn(anchor, anchors(linked if target else document))

    def test_columns_of_csv(self):
        """The table has all columns of CSV, in their order, and no others."""
        rows = re.findall(r'^\| (`.*?) \|.*$', read('README.md').split('**CSV**')[1], re.M)
        said = re.findall(r'`(\w+)`', ' '.join(rows[: rows.index('`layers`') + 1]))
        entries = json.loads(read('nets', 'lenet.json'))
        shape = {'ifmap': [2, 2, 1], 'ofmap': [2, 2, 1], 'kernel': [1, 1]}
        entries.append({'name': 'qk', 'type': 'MatMul', 'macs': 8, **shape})
        chip = {'macs': 64, 'clock_mhz': 500, 'dram_gb_per_s': 5, 'mac_pj': 1, 'power_mw': 5}
        array = {'rows': 8, 'cols': 8, 'dataflow': 'ws', 'sram_pj_per_byte': 2}
        density = {'conv_activations': 0.5}
        found = []
        for config in (
            {'netfile': entries},
            {'net': 'AlexNet'},
            {'netfile': 'lenet.json', 'scaling': 'shape', 'density': density},
            {'netfile': entries, 'accelerator': {**chip, 'dram_pj_per_byte': 9}},
            {'netfile': entries, 'accelerator': {**chip, **array}},
        ):
            stdin = json.dumps(config).encode()
            columns = run('--format', 'csv', '--range', stdin=stdin).out.splitlines()[0].split(',')
            self.assertEqual(columns, [name for name in said if name in columns])
            found += columns
        self.assertEqual(set(said), set(found))


class Numbers(Says, unittest.TestCase):
    """Sentences and cells with numbers, with the numbers computed."""

    document = README

    def errors(self, kind, how, quantity='latency'):
        """Return '<network> <error>, ...' of the costs of both networks' layers of a kind.

        how: the end of the name of a figure in data/validate.py, with OTHER for the other network.
        """
        rows = {row['quantity']: row['error_percent'] for row in validated()}
        cells = []
        for net, name, other in (('VGG16', 'VGG-16', 'AlexNet'), ('AlexNet', 'AlexNet', 'VGG16')):
            figure = f'{net} {kind} {quantity} {how.replace("OTHER", other)}'
            cells.append(f'{name} {rows[figure]:+.0f}%')
        return ', '.join(cells)

    def test_first_example(self):
        costs = fodlam.estimate({'net': 'VGG16'}, per_frame=True)['total']
        self.says(f'{costs["energy"]:.3f} J and {costs["latency"]:.2f} s in total')
        self.assertEqual(fodlam.PUBLISHED['VGG16']['batch_frames'], 3)

    def test_macs_of_vgg16(self):
        macs = total(layers('VGG16', 'conv') + layers('VGG16', 'fc'), 'macs')
        self.says(f'VGG-16 does {macs / 1e9:.2f} billion of them for one image')

    def test_net_files(self):
        netfiles = [name for name in os.listdir(path('nets')) if name.endswith('.json')]
        self.says(f'`nets/` has {len(netfiles)} net files already')

    def test_errors_by_macs(self):
        how = "by OTHER's MACs"
        conv, fc = (self.errors(kind, how) for kind in ('conv', 'fc'))
        energy = self.errors('conv', how, 'energy')
        self.says(f'| conv: {conv}; fc: {fc} | conv: {energy}; fc: the same as in time |')
        self.assertEqual(self.errors('fc', how, 'energy'), fc)

    def test_errors_by_shape(self):
        how = "by OTHER's shape"
        time, energy = (self.errors('conv', how, quantity) for quantity in ('latency', 'energy'))
        self.says(f'| conv layers on Eyeriss | {time} | {energy} |')

    def test_errors_by_density(self):
        time = self.errors('fc', 'by density')
        self.says(f'| fc layers on EIE | {time} | the same as in time |')
        self.assertEqual(self.errors('fc', 'by density', 'energy'), time)

    def test_nvdla(self):
        rows = [row for row in validated() if ' on nvdla-' in row['quantity']]
        worst = max(abs(row['error_percent']) for row in rows)
        self.assertEqual(len(rows), 7)
        self.says(f"ResNet-50 is within {math.ceil(worst * 10) / 10}% of NVDLA's own figures")

    def test_errors_on_devices(self):
        rows = devices.read_calibrated().values()
        for are_many in (False, True):
            group = [row for row in rows if (row.networks >= devices.MANY_NETWORKS) == are_many]
            typical = [row.typical for row in group]
            worst = max(row.worst for row in group)
            self.says(
                f': typically a factor of {min(typical):.2f} to {max(typical):.2f}, '
                f'at worst {worst:.1f} |'
            )

    def test_measured_networks(self):
        by_device = calibration.measured_runs().values()
        compared = sum(len(runs) for runs in by_device if len(runs) > 1)
        self.says(f'| {compared} measurements, each from 1 or 2 others on the device: ')

    def test_rooflines(self):
        attained = re.search(r'attain (\d+)% to (\d+)% of', devices.bound_note())
        least, most = int(attained[1]), int(attained[2])
        self.says(
            f'Measured devices attain {least}% to {most}% of their rooflines',
            f'| devices take {100 / most:.2g} to {100 / least:.2g} times as long |',
        )

    def test_networks_of_devices(self):
        counts = {name: row.networks for name, row in devices.read_calibrated().items()}
        few = {count for count in counts.values() if count < devices.MANY_NETWORKS}
        many = {count for count in counts.values() if count >= devices.MANY_NETWORKS}
        self.assertEqual(few, {1, 2})
        self.says(
            '| devices with 1 or 2 measured networks |',
            f'| devices with {min(many):.0f} to {max(many):.0f} measured networks |',
        )
        self.assertIn(counts['edge-tpu'], few)
        self.assertIn(counts['kv260-dpu'], many)

    def test_batches(self):
        frames = {net: fodlam.PUBLISHED[net]['batch_frames'] for net in NETFILES}
        self.says(
            f'Eyeriss ran {frames["VGG16"]} frames of VGG-16, or {frames["AlexNet"]} of AlexNet'
        )
        batched, framed = (fodlam.diagnose(x)['average']['latency']['conv'] for x in (False, True))
        self.says(f'and by MACs for {batched / framed:.2f} frames of any network')

    def test_dense_layers(self):
        kept = [
            entry['weight_density']
            for netfile in NETFILES.values()
            for entry in json.loads(read('nets', netfile))
            if entry['type'] == 'InnerProduct'
        ]
        self.says(
            f'keep {min(kept):.0%} to {max(kept):.0%} of their weights',
            f'A dense one takes up to {notes.DENSE_FC_FACTOR} times longer',
        )

    def test_processes(self):
        factors = []
        for rule in ('dennard', 'stillmaker'):
            power, time = fodlam.node_scale(45, 65, rule)
            factors += [time, power * time]
        self.says(
            "multiplies EIE's time by {:.2f} and its energy by {:.1f}. "
            '`"process_scaling": "stillmaker"` multiplies them by {:.2f} and {:.2f}.'.format(
                *factors
            ),
            '| conv: none; fc: not known, scaled by {:.2f} | conv: none; fc: not known, scaled by '
            '{:.1f} |'.format(*factors),
        )

    def test_macs_by_hand(self):
        """A transformer's block has 4 d x d and 2 d x 4 d weights, and 2 products of n x n x d."""

        def transformer(blocks, n, d):
            return blocks * (n * 12 * d * d + 2 * n * n * d)

        resnet50 = json.loads(read('nets', 'resnet50_torchvision.json'))
        # Before its blocks, ViT-B/16 multiplies 196 patches of 16 x 16 x 3, and after them, one token
        # by 1,000 classes. BERT has a pooler of d x d behind them, for one token.
        for name, macs in (
            (
                'ResNet-50 v1.5 (`resnet50_torchvision.json`)',
                sum(x.get('macs', 0) for x in resnet50),
            ),
            ('ViT-B/16', 196 * 768 * 768 + transformer(12, 197, 768) + 768 * 1000),
            ('BERT base, 128 tokens', transformer(12, 128, 768) + 768 * 768),
        ):
            self.says(f'| {name} | {macs / 1e9:.3f} | **{macs / 1e9:.3f}** |')

    def test_arrays(self):
        said = []
        for dataflow in ('ws', 'os'):
            array = {'rows': 32, 'cols': 32, 'dataflow': dataflow}
            chip = {**array, 'clock_mhz': 1000, 'dram_gb_per_s': 20}
            report = fodlam.estimate({'netfile': 'resnet50.json', 'accelerator': chip})
            said.append(f'{report["total"]["latency"] * 1e3:.2f} ms')
        self.says(
            f'ResNet-50 takes {said[0]}. If the partial sums stay there (`os`), it takes {said[1]}'
        )


if __name__ == '__main__':
    unittest.main()
