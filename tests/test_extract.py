"""nets/extract.py, the program: its options, files, names and messages."""

import functools
import os
import signal
import subprocess
import tempfile
import unittest
from unittest import mock

from definitions import DATA, chain, convolution, inner_product, layer
from extracted import check_linear
from extracted_onnx import IMAGE, KERNEL
from onnx_encoder import model, node
from support import (
    PYTHON,
    TIME_LIMIT_S,
    call,
    clean_environment,
    extract,
    extractor,
    fodlam,
    heed_signals,
    path,
    python,
    scratch,
)


class Files(unittest.TestCase):
    """What is no file of a network, in this process."""

    def refused(self, argv, status, said):
        """Check a status, and the whole line on stderr."""
        self.assertEqual(call(extractor.main, argv), (status, '', f'extract.py: {said}\n'))

    def test_a_model_that_is_not_there(self):
        for name in ('no such.prototxt', 'no such.onnx'):
            model_path = path(scratch(), name)
            said = 'cannot be read (No such file or directory); expected a file'
            self.refused([model_path], 1, f'{model_path!r}: {said}')

    def test_a_name_that_no_file_can_have(self):
        for name in ('a\0b.onnx', 'a\0b.prototxt', '\ud800\0.onnx'):
            result = call(extractor.main, [name])
            self.assertEqual((result.status, result.out), (1, ''))
            self.assertRegex(
                result.err,
                r'\Aextract.py: [^\n]+: no file can have this name; expected a path\n\Z',
            )

    @unittest.skipUnless(os.path.exists('/dev/null'), 'no /dev/null here; run it on Linux')
    def test_folders_and_devices(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ('n.prototxt', 'n.onnx'):
                device, inner = path(folder, name), path(folder, f'folder.{name}')
                os.symlink('/dev/null', device)
                os.mkdir(inner)
                for model_path in (device, inner):
                    said = f'{model_path!r}: a folder, pipe or device; expected a file'
                    self.refused([model_path], 1, said)

    def test_other_files(self):
        """By the end of the name; capitals are as good."""
        result = extract('n.caffemodel', DATA)
        self.assertEqual((result.status, result.out), (1, ''))
        said = 'the weights of a Caffe model, and neither ONNX nor .prototxt'
        self.assertIn(said, result.err)
        text = DATA + layer('c', 'Convolution', convolution(8, 3), 'data')
        self.assertEqual(extract('N.PROTOTXT', text), extract('n.prototxt', text))
        onnx = model([node('Conv', 'x w', 'y', 'c')], [IMAGE], [KERNEL])
        self.assertEqual(extract('M.ONNX', onnx), extract('m.onnx', onnx))


class Options(unittest.TestCase):
    """Options that are wrong, or that the format of the model has no use for."""

    def refused(self, name, content, argv, status, said):
        """Check that a model with options is refused, in a line that says so."""
        result = extract(name, content, *argv)
        self.assertEqual((result.status, result.out), (status, ''))
        self.assertRegex(result.err, r'\Aextract.py: [^\n]+\n\Z')
        self.assertIn(said, result.err)

    def test_wrong_options(self):
        for argv, said in (
            (['--input', '3,0,5'], "--input is '3,0,5'; expected C,H,W such as 3,224,224"),
            (['--inputs', '3,5,5'], 'unknown option --inputs; did you mean --input?'),
        ):
            self.refused('n.prototxt', DATA, argv, 2, said)

    def test_options_of_onnx(self):
        for argv in (['--batch', '1'], ['--batch-axis', '0'], ['--dim', 'a=1'], ['--input', 'x=1']):
            self.refused('n.prototxt', 'input: "x"', argv, 1, 'a Caffe definition, whose batch and')

    def test_options_of_caffe(self):
        content = model([node('Conv', 'x w', 'y', 'c')], [IMAGE], [KERNEL])
        said = "m.onnx': --stage is for Caffe; expected a .prototxt file"
        self.refused('m.onnx', content, ['--stage', 'deploy'], 1, said)


class Script(unittest.TestCase):
    """The program as a process of its own."""

    @unittest.skipUnless(hasattr(signal, 'SIGKILL'), 'no such signals here; run it on Linux')
    def test_ctrl_c_during_imports(self):
        """A module that is imported stops the process as Ctrl-C would: no traceback."""
        with tempfile.TemporaryDirectory() as folder:
            with open(path(folder, 'argparse.py'), 'w', encoding='utf-8') as file:
                file.write('import os, signal; os.kill(os.getpid(), signal.SIGINT)')
            done = subprocess.run(
                [*PYTHON, path('nets', 'extract.py'), '--help'], capture_output=True,
                env={**clean_environment(), 'PYTHONPATH': folder}, preexec_fn=heed_signals,
                timeout=TIME_LIMIT_S, encoding='utf-8',
            )  # fmt: skip
            found = done.returncode, done.stdout, done.stderr
            self.assertEqual(found, (-signal.SIGINT, '', ''))

    def test_loads_what_it_needs(self):
        """The rooms of one format, each once, and the program itself just as __main__."""
        script = 'import runpy, sys; sys.argv[1:] = sys.argv[2:]; '
        script += f'sys.path[0] = {path("nets")!r}; import os; os._exit = lambda status: None; '
        script += f'runpy.run_path({path("nets", "extract.py")!r}, run_name="__main__"); '
        script += 'print("loaded", *sys.modules)'
        text = layer('c', 'Convolution', convolution(8, 3), 'x')
        text = f'input: "x" input_shape {{ dim: [1, 3, 9, 9] }} {text}'.encode()
        onnx = model([node('Conv', 'x w', 'y', 'c')], [IMAGE], [KERNEL])
        shared = {'layers', 'network', 'fusing'}
        shipped = [name.removesuffix('.py') for name in os.listdir(path('nets'))]
        for name, content, rooms in (
            ('m.prototxt', text, {'caffe', 'prototxt'}),
            ('m.onnx', onnx, {room for room in shipped if room.startswith('onnx_')}),
        ):
            with tempfile.TemporaryDirectory() as folder:
                with open(path(folder, name), 'wb') as file:
                    file.write(content)
                done = python('-c', script, '', path(folder, name))
            self.assertEqual(done.stderr, '')
            loaded = done.stdout.partition('loaded')[2].split()
            found = {module for module in loaded if module.startswith('fodlam.nets.')}
            self.assertEqual(found, {f'fodlam.nets.{room}' for room in rooms | shared})
            self.assertFalse({*rooms, *shared, 'extract'}.intersection(loaded))

    @unittest.skipUnless(hasattr(os, 'mkfifo'), 'no pipes here; run it on Linux')
    def test_pipes(self):
        """Who opened one would wait for ever."""
        with tempfile.TemporaryDirectory() as folder:
            os.mkfifo(path(folder, 'n.onnx'))
            done = python(path('nets', 'extract.py'), path(folder, 'n.onnx'))
        self.assertEqual((done.returncode, done.stdout), (1, ''))
        self.assertIn('a folder, pipe or device; expected a file', done.stderr)

    def test_by_way_of_a_link(self):
        with tempfile.TemporaryDirectory() as folder:
            link = path(folder, 'extract')
            try:
                os.symlink(path('nets', 'extract.py'), link)
            except OSError:
                self.skipTest('no links here; run as a user who may make them')
            done = python(link, '--help')
            self.assertEqual((done.returncode, done.stderr), (0, ''))


class Names(unittest.TestCase):
    """What the extractor calls itself: as it is run."""

    def run_installed(self, *argv):
        """Return the Result of the command fodlam-extract with some arguments."""
        with mock.patch('fodlam.nets.extract.command') as command:
            extractor.extract_command()
        run_as, program = command.call_args.args
        main = functools.partial(fodlam.main, run=run_as, program=program)
        return call(main, argv)

    def test_version(self):
        version = fodlam.__version__
        self.assertEqual(self.run_installed('--version'), (0, f'fodlam-extract {version}\n', ''))
        result = call(extractor.main, ['--version'])
        self.assertEqual(result, (0, f'extract.py {version}\n', ''))

    def test_help(self):
        out = self.run_installed('--help').out
        self.assertIn('usage: fodlam-extract [', out)
        self.assertIn('\n  fodlam-extract lenet.prototxt --output lenet.json\n', out)
        self.assertNotIn('extract.py', out)
        out = call(extractor.main, ['--help']).out
        self.assertIn('usage: extract.py [', out)
        self.assertIn('\n  python3 nets/extract.py lenet.prototxt --output nets/lenet.json\n', out)

    def test_messages(self):
        for argv, said in (
            ((), 'arguments: no model; expected a .prototxt or .onnx file; see {} --help'),
            (
                ('--outptu', 'x'),
                'arguments: unknown option --outptu; did you mean --output? see {} --help',
            ),
            (('--hlp',), 'arguments: unknown option --hlp; did you mean --help? see {} --help'),
            (
                ('a.onnx', 'b.onnx'),
                'arguments: too many: b.onnx; see {} --help',
            ),
        ):
            for program, result in (
                ('fodlam-extract', self.run_installed(*argv)),
                ('extract.py', call(extractor.main, argv)),
            ):
                self.assertEqual(result, (2, '', f'{program}: {said.format(program)}\n'))


class Hostile(unittest.TestCase):
    """Files of very many layers: each more takes as long as the one before."""

    def check(self, definition):
        """Check the lines of Python that are run for each layer more of a definition."""

        def run(count):
            self.assertEqual(extract('n.prototxt', definition(count)).status, 0)

        check_linear(self, run)

    def test_many_layers_of_one_name(self):
        def definition(count):
            last = layer('f', 'InnerProduct', inner_product(1), 'data')
            return DATA + layer('same', 'Other') * count + last

        self.check(definition)

    def test_a_sum_of_many_layers(self):
        def definition(count):
            text = DATA
            for number in range(count):
                text += layer(str(number), 'Convolution', convolution(1, 1), 'data')
            return text + layer('sum', 'Eltwise', ''.join(f'bottom: "{n}" ' for n in range(count)))

        self.check(definition)

    def test_a_chain_of_many_layers(self):
        def definition(count):
            steps = [(f'c{n}', 'Convolution', convolution(1, 1)) for n in range(count)]
            return chain(steps)

        self.check(definition)


if __name__ == '__main__':
    unittest.main()
