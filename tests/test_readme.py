"""README.md: its commands, outputs and numbers. Of the other documents, commands, outputs and links.

tests/test_documents.py has their numbers.
"""

import doctest
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import onnx_encoder
from documents import DOCUMENTS, Says, anchors, blocks, blocks_in, layers, percent, total
from support import NETFILES, ROOT, fodlam, path, read, run, validator

from fodlam.data import devices, notes

README = 'README.md'


def shell(commands, cwd=ROOT):
    """Return what commands print, in a shell in which python3 is the one that runs the tests."""
    return subprocess.run(
        ['sh', '-c', f'python3() {{ "$PYTHON" "$@"; }}\n{commands}'],
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
                for command, expected in re.findall(r'^\$ (.*)\n((?:(?!\$ ).*\n)*)', session, re.M):
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

    def test_the_others_are_the_tests_and_the_extraction(self):
        tests, extraction = blocks_in('sh', README)
        self.assertIn(f"'{tests.strip()}'", read('.ci', 'run'))
        with tempfile.TemporaryDirectory() as folder:
            for name in ('nets', 'data'):
                shutil.copytree(path(name), os.path.join(folder, name))
            shutil.copy(path('fodlam.py'), folder)
            with open(os.path.join(folder, 'model.onnx'), 'wb') as file:
                gemm = onnx_encoder.node('Gemm', 'x w', 'y', 'fc')
                weights = onnx_encoder.tensor('w', [10**6, 1000])
                frame = onnx_encoder.value('x', [1, 10**6])
                file.write(onnx_encoder.model([gemm], [frame], [weights]))
            report = json.loads(shell(extraction, cwd=folder))
        per_mac = fodlam.diagnose()['average']['latency']['fc']
        self.assertEqual(report['total']['latency'], 10**9 * per_mac)


class Text(unittest.TestCase):
    def test_python_blocks(self):
        session = '\n'.join(blocks_in('python', README))
        example = doctest.DocTestParser().get_doctest(session, {}, 'README', 'README.md', 0)
        self.assertTrue(example.examples)
        self.assertEqual(doctest.DocTestRunner().run(example).failed, 0)

    def test_json_blocks(self):
        for block in blocks_in('json', README):
            self.assertEqual(len(fodlam.read_net(block.encode())), len(json.loads(block)))

    def test_first_screen(self):
        lines = read('README.md').splitlines()
        for command in (
            'python3 fodlam.py < config/vgg16.json',
            'python3 -m unittest discover -s tests',
        ):
            self.assertTrue(any(line.endswith(command) for line in lines[:40]), command)

    def test_where_things_live(self):
        section = read('README.md').partition('## Where things live\n')[2].partition('\n## ')[0]
        names = set(re.findall(r'\b(?:(?:data|nets)/)?\w+\.py\b', section))
        self.assertGreater(len(names), 15)
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

    def test_configs_are_what_the_readme_says(self):
        said = re.search(r'`config/` has(.*?)\sare\spublished', read('README.md'), re.DOTALL)
        published = re.findall(r'`([\w-]+\.json)`', said.group(1))
        self.assertEqual(len(published), 5)
        for name in os.listdir(path('config')):
            report = fodlam.estimate(json.loads(read('config', name)), per_layer=True)
            source = 'by MACs'
            for end, by in (('shape', 'shape'), ('nvdla', 'roofline'), ('edge-tpu', 'roofline')):
                source = f'by {by}' if name.endswith(f'-{end}.json') else source
            source = 'published' if name in published else source
            for layer in report['layers']:
                if layer['kind'] == 'conv' or source != 'by shape':
                    self.assertTrue(layer['source'].startswith(source), name)

    def test_what_is_easily_misread(self):
        said = ' '.join(read('README.md').split())
        self.assertIn(f'a dense one takes up to {notes.DENSE_FC_FACTOR} times longer', said)
        for rule, energy in (('dennard', '3.0'), ('stillmaker', '1.95')):
            power, time = fodlam.node_scale(45, 65, rule)
            self.assertEqual(f'{power * time:.{len(energy) - 2}f}', energy)
        self.assertIn('multiplied by 3.0, where [another rule](#accuracy) says 1.95', said)

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


def by_other(net, kind):
    """Return the error in percent of a network by the average that a MAC takes in the other one."""
    here, (there,) = layers(net, kind), (layers(x, kind) for x in NETFILES if x != net)
    return percent(total(here, 'macs') * total(there) / total(there, 'macs'), total(here))


class Numbers(Says, unittest.TestCase):
    """Sentences with numbers, with the numbers computed."""

    document = README

    def test_terms(self):
        macs = layers('VGG16', 'conv')[0]['macs']
        self.says(f"VGG-16's CONV1-1 takes {macs:,} of them a frame")

    def test_which_numbers_to_use(self):
        conv, fc = (
            ', '.join(f'{by_other(net, kind):+.0f}%' for net in ('VGG16', 'AlexNet'))
            for kind in ('conv', 'fc')
        )
        rows = {row['quantity']: row['error_percent'] for row in validator.validate()}
        shape = ', '.join(
            f'{rows[f"{net} conv latency by {other}"]:+.0f}%'
            for net, other in (('VGG16', "AlexNet's shape"), ('AlexNet', "VGG16's shape"))
        )
        batches = ' or '.join(str(fodlam.PUBLISHED[net]['batch_frames']) for net in NETFILES)
        self.says(f'conv {batches}, fc 1', f'| conv {conv}; fc {fc} |', f'| conv {shape} |')
        batched, framed = (fodlam.diagnose(x)['average']['latency']['conv'] for x in (False, True))
        self.says(f'| conv {batched / framed:.2f}, fc 1 |')

    def test_typical_errors_on_devices(self):
        one, two, many = set(), set(), []
        for row in devices.read_calibrated().values():
            if row.networks >= devices.MANY_NETWORKS:
                many.append(row.typical)
            else:
                (one if row.networks == 1 else two).add(f'{row.typical:.2f}')
        self.says(f'typically a factor of {two.pop()} to {one.pop()} |')
        self.says(f'typically a factor of {min(many):.2f} to {max(many):.2f} |')
        self.assertEqual((one, two), (set(), set()))
        self.says(
            devices.bound_note().partition('a roofline is ')[2].removeprefix('a bound: real ')
        )

    def test_densities(self):
        errors = [
            f'{row["error_percent"]:+.0f}%'
            for row in validator.validate()
            if row['quantity'].endswith('fc latency by density')
        ]
        self.says(f'fc {", ".join(reversed(errors))}')


if __name__ == '__main__':
    unittest.main()
