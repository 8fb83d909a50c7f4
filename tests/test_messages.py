"""What each mistake is answered with: the rows of messages.txt.

A section begins with "# ". Below it each line is an input, and the line below that, indented, its
whole message, without "fodlam: ". Lists that grow, such as {net files}, are filled in, and how to
run the programs from the folder of the test, and where the configs are: {fodlam}, {extract}, {config}.
"""

import functools
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

from support import PYTHON, call, fodlam, path, read, run

from fodlam.data import accelerators, configs, devices, mistakes, roofline
from fodlam.nets import extract

TABLE = 'Layer,Power (mW),Total Latency (ms)\nCONV1,250,4\nCONV2,300,8\n'
SHAPED = json.loads(read('nets', 'alexnet_deploy.json'))[1]
NVDLA = '{"netfile": "./net.json", "accelerator": "nvdla-32"}'


def lists():
    """Return {placeholder: the list that it stands for in messages.txt}."""
    families = (
        (accelerators.NVDLA_FILE, accelerators.NVDLA_KEY),
        (accelerators.ARRAYS_FILE, accelerators.ARRAYS_KEY),
        *((source.filename, devices.DEVICES_KEY) for source in devices.SOURCES),
    )
    names = [name for file, key in families for name in fodlam.read_table(file, {}, key)]
    found = {
        'net files': sorted(name for name in os.listdir(path('nets')) if name.endswith('.json')),
        'config keys': configs.CONFIG_KEYS,
        'accelerator keys': roofline.ACCELERATOR_KEYS,
        'accelerators': dict.fromkeys(name.partition(' ')[0] for name in names),
        'published': fodlam.PUBLISHED,
    }
    filled = {f'{{{placeholder}}}': ', '.join(each) for placeholder, each in found.items()}
    return {**filled, '{a published network}': ' or '.join(fodlam.PUBLISHED)}


def sections():
    """Return {title: [(input, message)]} of messages.txt, with lists filled in."""
    result, rows, given = {}, [], None
    text = read('tests', 'messages.txt')
    for placeholder, listed in lists().items():
        text = text.replace(placeholder, listed)
    for line in text.splitlines():
        if line.startswith('# '):
            rows = result.setdefault(line[2:], [])
        elif line.startswith('    '):
            rows.append((given, line[4:]))
        else:
            given = line
    return result


def quoted_config(match):
    """Return the path of a config for a shell; match: of "{config}/" and its name."""
    return shlex.quote(path('config', match[1]))


class Messages(unittest.TestCase):
    SECTIONS = sections()

    def check(self, title, answer, status=1):
        """Hold what `answer`, a function of an input, returns against a section's messages."""
        rows = self.SECTIONS[title]
        self.assertTrue(rows)
        for given, message in rows:
            message = message.replace('{extract}', mistakes.extract_command())
            message = message.replace('{fodlam}', mistakes.fodlam_command())
            message = re.sub(r'\{config\}/(\S+)', quoted_config, message)
            # In a locale without the characters of its path, a message has blanks in their place.
            message = ''.join(c if c.isprintable() else ' ' for c in message)
            with self.subTest(given):
                result = answer(given)
                self.assertEqual(result, (status, '', f'fodlam: {message}\n'))

    def test_configs(self):
        self.check('configs', lambda given: run(stdin=given.encode()))

    def test_the_places_of_files(self):
        wrong = 'cannot be used (No such file or directory); expected a file or pipe that is there, open, not full'
        self.assertEqual(run('none.json'), (1, '', f"fodlam: config 'none.json': {wrong}\n"))

    def test_arguments(self):
        self.check('arguments', lambda given: run(*shlex.split(given)), status=2)

    def net(self, text, config='{"netfile": "./net.json"}'):
        with open('net.json', 'w', encoding='utf-8') as file:
            file.write(text)
        return run(stdin=config.encode())

    def test_net_files(self):
        self.in_folder()
        self.check('net files', self.net)

    def test_shapes(self):
        """The input is what differs from AlexNet's conv1; null leaves a key out."""
        self.in_folder()

        def answer(given):
            members = {**SHAPED, **json.loads(given)}
            members = {key: value for key, value in members.items() if value is not None}
            return self.net(json.dumps([members]), NVDLA)

        self.check('shapes of conv1', answer)

    def test_tables(self):
        """The input is what stands in a table, and what is put in its place."""
        self.in_folder()

        def answer(given):
            good, bad = given.split(' -> ')
            with open('t.csv', 'w', encoding='utf-8') as file:
                file.write(TABLE.replace(good, bad.strip("'")))
            try:
                fodlam.read_table('t.csv', fodlam.EYERISS_COLUMNS)
            except fodlam.InputError as error:
                return 1, '', f'fodlam: {error}\n'

        with mock.patch('fodlam.DATA_DIR', '.'):
            self.check('tables', answer)

    def test_paths(self):
        """The input is a path on the command line, where some files are."""
        self.in_folder()
        for name, content in (
            ('config.json', '{"net": "VGG16"}'),
            ('layers.json', '[{"name": "conv1", "type": "Convolution", "macs": 10}]'),
            ('configs.json', '[{"net": "VGG16"}]'),
            ('my net.json', '[{"name": "conv1", "type": "Convolution", "macs": 10}]'),
            ('taken.json', ''),
            ('taken.onnx', ''),
        ):
            with open(name, 'w', encoding='utf-8') as file:
                file.write(content)
        self.check('paths', lambda given: run(given))
        extractor = functools.partial(extract.main, program='fodlam')
        self.check('models for the extractor', lambda given: call(extractor, [given]))
        self.assertEqual(run('config.json').status, 0)

    @unittest.skipUnless(os.name == 'posix', 'needs hard links and their messages: run it on Linux')
    def test_where_the_extractor_writes(self):
        """The input is a path for --output, where some files are; none of them changes."""
        self.in_folder()
        os.mkdir('folder')
        model = 'input: "x" input_shape { dim: 1 dim: 3 dim: 9 dim: 9 } '
        model += 'layer { name: "c" type: "InnerProduct" bottom: "x" top: "c" '
        model += 'inner_product_param { num_output: 4 } }'
        contents = {'model.prototxt': model, 'read-only.json': 'old', 'one-name.json': 'old'}
        for name, content in contents.items():
            with open(name, 'w', encoding='utf-8') as file:
                file.write(content)
        os.chmod('read-only.json', 0o444)
        os.link('one-name.json', 'other-name.json')
        extractor = functools.partial(extract.main, program='fodlam')
        title = 'where the extractor writes'
        self.check(title, lambda given: call(extractor, ['model.prototxt', '--output', given]))
        names = ['folder', 'model.prototxt', 'one-name.json', 'other-name.json', 'read-only.json']
        self.assertEqual(sorted(os.listdir()), names)
        for name, content in contents.items():
            with open(name, encoding='utf-8') as file:
                self.assertEqual(file.read(), content)

    def test_long_arguments_and_paths_are_cut(self):
        """So that what is wrong, and what would be right, is still shown."""
        long = 'x' * 4000
        for argv, said in (
            (['--format', long], '; choose from json, csv, table, svg; see fodlam --help'),
            ([f'--{long}'], 'x; see fodlam --help'),
            ([f'--diagnose={long}'], "x'; see fodlam --help"),
            (['a', long], 'x; see fodlam --help'),
            ([f'{long}.onnx'], '--per-frame'),
            ([f'{long}.json'], '; expected a file or pipe that is there, open, not full'),
        ):
            error = run(*argv).err
            self.assertTrue(error.endswith(f'{said}\n'), error)
            self.assertNotIn('x' * 100, error)
        for key in 'net', 'netfile':
            for name in f'{long}.onnx', f'./{long}.pt', f'{long}.json', f'./{long}':
                error = run(stdin=json.dumps({key: name}).encode()).err
                self.assertNotIn('x' * 401, error)
                self.assertRegex(error, '; (choose from|make a net file|export it)')

    def test_ends_of_models_are_known_to_both(self):
        self.assertEqual(fodlam.MODEL_ENDINGS, tuple(mistakes.MODELS))

    def test_models_on_standard_input(self):
        """An ONNX file is binary, and often too large for a config; some are UTF-8 by accident."""
        onnx = b'\x08\x0a\x12\x07pytorch\x1a\x052.1.0:'
        for content, said in (
            (onnx + b'\xff', 'an ONNX model'),
            (onnx, 'an ONNX model'),
            (onnx + bytes(fodlam.MAX_INPUT_BYTES), 'an ONNX model'),
            (b'\x89HDF\r\n\x1a\n', 'a Keras model'),
            (b'PK\x03\x04\x00\x00\x08\x08\xff', 'a PyTorch model'),
            (b'\x80\x02\x8a\n', 'a PyTorch model'),
            (b'\x1c\x00\x00\x00TFL3\xff', 'a TensorFlow Lite model'),
            (b'# LeNet\nname: "LeNet"\n', 'a Caffe definition'),
        ):
            for flags in ([], ['-'], ['--format', 'table']):
                result = run(*flags, stdin=content)
                self.assertEqual((result.status, result.out), (1, ''), said)
                self.assertIn(f'fodlam: config: {said}, and no JSON; ', result.err)
                self.assertIn(f'{mistakes.extract_command()} model.', result.err)
                self.assertIn('"netfile": "./model.json"', result.err)
                self.assertEqual(result.err.count('\n'), 1)

    def test_other_bytes(self):
        for content, said in (
            (b'{"net": "VGG\xff16"}', 'not UTF-8 at byte 12; save it as UTF-8'),
            (
                '{"net": "VGG16"}'.encode('utf-16'),
                'not UTF-8 at byte 0, but UTF-16, which PowerShell writes; save it as UTF-8',
            ),
        ):
            self.assertEqual(run(stdin=content).err, f'fodlam: config: {said}\n')

    def test_net_file_beside_the_user(self):
        """A bare name is one in nets/; a file of that name in the current folder needs a path."""
        self.in_folder()
        self.net('[{"name": "conv1", "type": "Convolution", "macs": 10}]')
        for name in 'net.json', 'net':
            error = run(stdin=json.dumps({'netfile': name}).encode()).err
            self.assertIn('but one in this folder; write {"netfile": "./net.json"}\n', error)
        self.assertEqual(run(stdin=b'{"netfile": "./net.json"}').status, 0)
        for name, said in (
            ('lennet.json', 'did you mean "lenet.json"? choose from '),
            ('resnet-50', 'did you mean "resnet50.json"? choose from '),
            ('x.json', '; choose from '),
            ('./lenet.json', '; choose from '),
        ):
            self.assertIn(said, run(stdin=json.dumps({'netfile': name}).encode()).err)

    def test_how_many_names_are_compared(self):
        """The 5,000th may be suggested; the next is not looked at."""
        others = [str(number) for number in range(4999)]
        self.assertEqual(mistakes.nearest('layre', [*others, 'layer']), 'layer')
        self.assertIsNone(mistakes.nearest('layre', [*others, 'other', 'layer']))

    def test_a_list_of_names_is_cut_at_1500_characters(self):
        names = ['x' * 58] * 24 + ['x' * 60]
        listed = ', '.join(names)
        self.assertEqual(len(listed), 1500)
        self.assertEqual(mistakes.choices(names), f'choose from {listed}')
        names[-1] += 'x'
        self.assertEqual(mistakes.choices(names), f'choose from {listed}... and others')

    def test_a_long_path_is_in_no_command(self):
        for length, said in (
            (400, ', which is a net file; write {"netfile": '),
            (401, '; choose from '),
        ):
            config = {'net': 'x' * (length - 5) + '.json'}
            self.assertIn(said, run(stdin=json.dumps(config).encode()).err)

    def test_pretty_printed_configs_with_lines(self):
        config = json.dumps({'net': 'VGG16', 'layers': ['FC6']}, indent=2).encode()
        result = run('--lines', stdin=config)
        self.assertEqual(result.status, 1)
        self.assertEqual(
            result.err,
            'fodlam: config: wrong lines: 6, as their results say; with --lines, each line is a '
            'whole config, and this one goes over several: leave --lines out, or make it one line '
            'with python3 -m json.tool --compact\n',
        )
        process = subprocess.run(
            [*PYTHON, '-m', 'json.tool', '--compact'], input=config, capture_output=True,
            timeout=60,
        )  # fmt: skip
        self.assertEqual(run('--lines', stdin=process.stdout).status, 0)
        self.assertEqual(run(stdin=config).status, 0)

    def test_a_list_of_configs_with_lines(self):
        result = run('--lines', stdin=b'[\n{"net": "VGG16"}\n]\n')
        self.assertEqual(result.status, 1)
        self.assertIn('; with --lines, each line is a config, with no list around them', result.err)

    def test_how_to_run_the_programs(self):
        """By their names once installed; or else by their paths, which work from any folder."""
        with mock.patch('shutil.which', lambda name: f'/usr/bin/{name}'):
            self.assertEqual(mistakes.extract_command(), 'fodlam-extract')
            self.assertEqual(mistakes.fodlam_command(), 'fodlam')
            self.assertIn('then run: echo', run('m.onnx').err)
            self.assertIn('of it: fodlam-extract m.onnx --output m.json;', run('m.onnx').err)
            self.assertIn('| fodlam --per-frame\n', run('m.onnx').err)
        self.in_folder()
        with mock.patch('shutil.which', lambda name: None):
            self.assertEqual(
                mistakes.extract_command(), f'python3 {shlex.quote(path("nets", "extract.py"))}'
            )
            self.assertEqual(mistakes.fodlam_command(), f'python3 {shlex.quote(path("fodlam.py"))}')
            with mock.patch('fodlam.data.mistakes.HOME', '/a b'):  # no fodlam.py: it is a package
                self.assertEqual(mistakes.extract_command(), 'python3 -m fodlam.nets.extract')
                self.assertEqual(mistakes.fodlam_command(), 'python3 -m fodlam')
            os.chdir(path())
            self.assertEqual(mistakes.extract_command(), 'python3 nets/extract.py')
            self.assertEqual(mistakes.fodlam_command(), 'python3 fodlam.py')

    @unittest.skipIf(os.name == 'nt', 'the commands are for a POSIX shell')
    def test_the_commands_work(self):
        """Those of a message, run as they are, cost the model that was given as a config."""
        if not path().isprintable():
            self.skipTest('this locale lacks characters of the path of the project')
        self.in_folder()
        with open('my model.prototxt', 'w', encoding='utf-8') as file:
            file.write(
                'name: "n" input: "data" input_dim: 1 input_dim: 3 input_dim: 8 input_dim: 8 '
                'layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1" '
                'convolution_param { num_output: 4 kernel_size: 3 } }'
            )
        message = run('my model.prototxt').err
        extract, costs = re.search('of it: (.*); then run: (.*)\n', message).groups()
        for command in extract, costs:
            result = subprocess.run(
                command.replace('python3', shlex.quote(sys.executable)), shell=True,
                capture_output=True, encoding='utf-8', timeout=60,
            )  # fmt: skip
            self.assertEqual((result.returncode, result.stderr), (0, ''), command)
        self.assertGreater(json.loads(result.stdout)['conv']['latency'], 0)
        message = run('my model.json').err
        command = re.search('give its path in one: (.*)\n', message).group(1)
        self.assertIn('"./my model.json"', command)

    def in_folder(self):
        """Run the rest of a test in a folder of its own."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder.name)


if __name__ == '__main__':
    unittest.main()
