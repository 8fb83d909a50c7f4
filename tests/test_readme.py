"""The README's commands, outputs and numbers, run as they stand there."""

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
from support import ROOT, fodlam, read

README = read('README.md')


def blocks(language):
    """Return the text of each fenced block of the README in a language."""
    return re.findall(rf'^```{language}\n(.*?)^```$', README, re.DOTALL | re.MULTILINE)


class Readme(unittest.TestCase):
    def shell(self, commands, cwd=ROOT):
        """Run commands of the README in a shell, in which python3 is the one that runs the tests."""
        return subprocess.run(
            ['sh', '-c', f'python3() {{ "$PYTHON" "$@"; }}\n{commands}'],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=cwd,
            env={**os.environ, 'PYTHON': sys.executable},
            timeout=60,
        )

    @unittest.skipUnless(os.name == 'posix', 'needs a POSIX shell')
    def test_console_blocks(self):
        sessions = blocks('console')
        self.assertTrue(sessions)
        for session in sessions:
            for command, expected in re.findall(
                r'^\$ (.*)\n((?:(?!\$ ).*\n)*)', session, re.MULTILINE
            ):
                with self.subTest(command):
                    self.assertEqual(self.shell(command).stdout, expected)

    def test_python_blocks(self):
        sessions = blocks('python')
        self.assertTrue(sessions)
        for session in sessions:
            example = doctest.DocTestParser().get_doctest(session, {}, 'README', 'README.md', 0)
            self.assertTrue(example.examples)
            self.assertEqual(doctest.DocTestRunner().run(example).failed, 0)

    def test_other_commands_are_those_of_ci(self):
        ci = read('.ci', 'run')
        self.assertTrue(blocks('sh'))
        for command in blocks('sh'):
            # The package is tried by way of its wheel, the others have tests of their own.
            if not re.search(r'pip install|nets/extract.py|--lines', command):
                self.assertIn(f"'{command.strip()}'", ci)

    @unittest.skipUnless(os.name == 'posix', 'needs a POSIX shell')
    def test_scripts(self):
        """Scripts of several lines, and what they print."""
        scripts = re.findall(r'^```sh\n([^`]*)^```\n\n```text\n([^`]*)^```$', README, re.M)
        self.assertEqual(len(scripts), 2)
        for commands, expected in scripts:
            self.assertEqual(self.shell(commands).stdout, expected)

    @unittest.skipUnless(os.name == 'posix', 'needs a POSIX shell')
    def test_extract_in_two_commands(self):
        (commands,) = (block for block in blocks('sh') if 'nets/extract.py' in block)
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(os.path.join(ROOT, 'nets'), os.path.join(folder, 'nets'))
            shutil.copytree(os.path.join(ROOT, 'data'), os.path.join(folder, 'data'))
            shutil.copy(os.path.join(ROOT, 'fodlam.py'), folder)
            with open(os.path.join(folder, 'model.onnx'), 'wb') as file:
                gemm = onnx_encoder.node('Gemm', 'x w', 'y', 'fc')
                weights = onnx_encoder.tensor('w', [10**6, 1000])
                file.write(
                    onnx_encoder.model([gemm], [onnx_encoder.value('x', [1, 10**6])], [weights])
                )
            process = self.shell(commands, cwd=folder)
        macs = 10**9
        per_mac = fodlam.diagnose()['average']['latency']['fc']
        self.assertEqual(json.loads(process.stdout)['total']['latency'], macs * per_mac)

    def test_json_blocks(self):
        self.assertTrue(blocks('json'))
        for block in blocks('json'):
            for entry in json.loads(block):
                fodlam.parse_layer(entry, 'README')

    def test_first_screen(self):
        first_screen = '\n'.join(README.splitlines()[:40])
        for command in (
            'python3 fodlam.py < config/vgg16.json',
            'python3 -m unittest discover -s tests',
        ):
            self.assertIn(command, first_screen)

    def test_every_config_is_listed(self):
        for name in os.listdir(os.path.join(ROOT, 'config')):
            self.assertTrue(f'`{name}`' in README, name)

    def test_numbers_in_sentences(self):
        def bound_share(config, bound):
            layers = fodlam.estimate(config, per_layer=True)['layers']
            times = {
                b: sum(x['latency'] for x in layers if x['bound'] == b)
                for b in ('compute', 'memory')
            }
            return f'{times[bound] / sum(times.values()):.0%}'

        errors = {row['quantity']: row['error_percent'] for row in fodlam.validate()}
        shape = {q: e for q, e in errors.items() if 'CONV' in q and q.endswith('latency by shape')}
        by_macs = [e for q, e in errors.items() if 'CONV' in q and q.endswith('latency by MACs')]
        alexnet = [e for q, e in shape.items() if 'AlexNet' in q]
        vgg16 = max(abs(e) for q, e in shape.items() if 'VGG16' in q)
        vgg16_energy, alexnet_energy = (
            [e for q, e in errors.items() if f'{net} CONV' in q and q.endswith('energy by shape')]
            for net in ('VGG16', 'AlexNet')
        )
        nvdla = max(abs(e) for q, e in errors.items() if 'nvdla' in q)
        sentences = [
            f'memory-bound for {bound_share({"net": "AlexNet", "accelerator": "nvdla-2048"}, "memory")}',
            f'{bound_share({"netfile": "lenet.json", "accelerator": "nvdla-2048"}, "memory")} of its time, for',
            f'VGG-16 are within {math.ceil(vgg16)}% in time, of AlexNet from {min(alexnet):.0f}% to '
            f'+{max(alexnet):.0f}%; by MACs, from {min(by_macs):.0f}% to +{max(by_macs):.0f}%',
            f'In energy, by shape, VGG-16 is from {min(vgg16_energy):.0f}% to +{max(vgg16_energy):.0f}% and '
            f'AlexNet from {min(alexnet_energy):.0f}% to +{max(alexnet_energy):.0f}%',
            f'within {math.ceil(nvdla)}% of what NVDLA publishes',
        ]
        for name, netfile in (('GoogLeNet takes', 'googlenet'), ('ResNet-50', 'resnet50')):
            config = {'netfile': f'{netfile}.json', 'scaling': 'shape'}
            total = fodlam.estimate(config, ranges=True)['total']
            ms, low, high = (f'{s * 1e3:.0f}' for s in (total['latency'], *total['latency_range']))
            frame = ' a frame' if 'takes' in name else ''
            sentences.append(f'{name} {ms} ms{frame} ({low} to {high})')
        text = ' '.join(README.split())
        for sentence in sentences:
            self.assertTrue(sentence in text, sentence)

    def test_how_many_frames_a_net_file_counts(self):
        batched, framed = (fodlam.diagnose(x)['average']['latency']['conv'] for x in (False, True))
        self.assertIn(f'{batched / framed:.2f} frames', README)

    def test_frame_rates(self):
        for net, batch, rate in (('AlexNet', 4, 34.7), ('VGG16', 3, 0.7)):
            batched, framed = (
                fodlam.estimate({'net': net}, per_frame=x)['conv']['latency'] for x in (False, True)
            )
            self.assertEqual(round(batch / batched, 1), rate)
            self.assertRegex(README, rf'{batched:.4f} s, which is {rate} frame/s')
            self.assertIn(f'{framed:.4f} s', README)

    def test_how_far_cost_per_mac_spans(self):
        spans = []
        for quantity in ('latency', 'energy'):
            per_layer = fodlam.diagnose()['per_layer'][quantity]
            for prefix in ('CONV', 'FC'):
                per_mac = [
                    cost
                    for net in per_layer.values()
                    for name, cost in net.items()
                    if prefix in name
                ]
                spans.append(f'{max(per_mac) / min(per_mac):.1f}')
        conv_time, fc_time, conv_energy, fc_energy = spans
        self.assertEqual(fc_time, fc_energy)
        sentence = (
            f'{conv_time} in time and {conv_energy} in energy, among the fc layers {fc_time}.'
        )
        self.assertTrue(sentence in ' '.join(README.split()), sentence)

    def test_strided_layers_take_a_quarter_of_resnet50(self):
        net = json.loads(read('nets', 'resnet50.json'))
        strided = {x['name'] for x in net if x.get('kernel') == [1, 1] and x['stride'] == [2, 2]}
        config = {'netfile': 'resnet50.json', 'accelerator': 'nvdla-2048'}
        report = fodlam.estimate(config, per_layer=True)
        time = sum(x['latency'] for x in report['layers'] if x['name'] in strided)
        self.assertEqual(round(4 * time / report['total']['latency']), 1)


if __name__ == '__main__':
    unittest.main()
