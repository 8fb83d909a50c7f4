"""nets/extract.py --output: a net file that is there whole, or not at all."""

import os
import signal
import stat
import subprocess
import tempfile
import unittest
from unittest import mock

from definitions import convolution, layer
from support import PYTHON, TIME_LIMIT_S, call, extract, extractor, heed_signals, path

SMALL = 'input: "x" input_shape { dim: 1 dim: 3 dim: 9 dim: 9 }\n'
SMALL += layer('c', 'Convolution', convolution(8, 3), 'x')


class Output(unittest.TestCase):
    """Each test has a folder of its own for what is written."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.out = path(folder.name, 'net.json')

    def write(self, text):
        """Write the file that is going to be written."""
        with open(self.out, 'w', encoding='utf-8') as file:
            file.write(text)

    def content(self):
        """Return what is in that file."""
        with open(self.out, encoding='utf-8') as file:
            return file.read()

    def test_is_what_goes_to_stdout(self):
        expected = extract('m.prototxt', SMALL)
        self.assertEqual(extract('m.prototxt', SMALL, '--output', self.out), (0, '', expected.err))
        self.assertEqual(self.content(), expected.out)

    def test_a_wrong_model_leaves_what_was_there(self):
        for before in (None, 'before'):
            if before:
                self.write(before)
            result = extract('m.prototxt', 'layer {', '--output', self.out)
            self.assertEqual((result.status, result.out), (1, ''))
            self.assertEqual(os.listdir(os.path.dirname(self.out)), ['net.json'] if before else [])
            self.assertEqual(self.content() if before else None, before)

    def test_where_nothing_can_be_written(self):
        for name in (path(self.out, 'no', 'such'), '/a\0b', os.path.dirname(self.out)):
            result = extract('m.prototxt', SMALL, '--output', name)
            self.assertEqual((result.status, result.out), (1, ''))
            self.assertRegex(result.err, r'\Aextract.py: [^\n]+; expected a path[^\n]*\n\Z')

    def test_the_model_is_not_overwritten(self):
        model, link = f'{self.out}.prototxt', f'{self.out}.link'
        with open(model, 'w', encoding='utf-8') as file:
            file.write(SMALL)
        os.link(model, link)
        for name in (model, link):
            result = call(extractor.main, [model, '--output', name])
            self.assertEqual((result.status, result.out), (1, ''))
            self.assertIn('it is the model; expected another path', result.err)
            with open(model, encoding='utf-8') as file:
                self.assertEqual(file.read(), SMALL)

    def test_a_link_is_followed_and_nothing_else_touched(self):
        link = f'{self.out}.link'
        os.symlink(self.out, link)
        with open(f'{self.out}.new', 'w', encoding='utf-8') as file:
            file.write('of the user')
        self.assertEqual(extract('m.prototxt', SMALL, '--output', link).status, 0)
        self.assertTrue(os.path.islink(link))
        self.assertEqual(self.content(), extract('m.prototxt', SMALL).out)
        with open(f'{self.out}.new', encoding='utf-8') as file:
            self.assertEqual(file.read(), 'of the user')
        names = sorted(os.listdir(os.path.dirname(self.out)))
        self.assertEqual(names, ['net.json', 'net.json.link', 'net.json.new'])

    def test_keeps_the_mode(self):
        self.write('before')
        os.chmod(self.out, 0o640)
        self.assertEqual(extract('m.prototxt', SMALL, '--output', self.out).status, 0)
        self.assertEqual(stat.S_IMODE(os.stat(self.out).st_mode), 0o640)
        self.assertNotEqual(self.content(), 'before')

    def test_what_would_lose_something_is_refused(self):
        for prepare, said in (
            (lambda: os.chmod(self.out, 0o444), 'it may not be written'),
            (lambda: os.link(self.out, f'{self.out}.other'), 'another name, a hard link'),
        ):
            self.write('before')
            prepare()
            result = extract('m.prototxt', SMALL, '--output', self.out)
            self.assertEqual((result.status, result.out, self.content()), (1, '', 'before'))
            self.assertIn(said, result.err)
            os.remove(self.out)

    def test_a_long_name(self):
        name = path(os.path.dirname(self.out), 'n' * 250)
        self.assertEqual(extract('m.prototxt', SMALL, '--output', name).status, 0)
        self.assertEqual(os.listdir(os.path.dirname(self.out)), ['n' * 250])

    @unittest.skipUnless(hasattr(os, 'mkfifo'), 'no pipes with names here; run it on Linux')
    def test_to_pipes_and_devices(self):
        expected = extract('m.prototxt', SMALL).out
        os.mkfifo(self.out)
        reader = os.open(self.out, os.O_RDONLY | os.O_NONBLOCK)
        self.assertEqual(extract('m.prototxt', SMALL, '--output', self.out).status, 0)
        self.assertEqual(os.read(reader, 65536).decode(), expected)
        os.close(reader)
        self.assertEqual(extract('m.prototxt', SMALL, '--output', os.devnull).status, 0)

    @unittest.skipUnless(os.path.exists('/dev/stdout'), 'no /dev/stdout here; run it on Linux')
    def test_to_dev_stdout(self):
        """What was in the file that stdout leads to stays."""
        model = f'{self.out}.prototxt'
        with open(model, 'w', encoding='utf-8') as file:
            file.write(SMALL)
        self.write('before\n')
        command = [*PYTHON, path('nets', 'extract.py'), model, '--output', '/dev/stdout']
        with open(self.out, 'a', encoding='utf-8') as file:
            subprocess.run(command, stdout=file, check=True, timeout=TIME_LIMIT_S)
        self.assertEqual(self.content(), 'before\n' + extract('m.prototxt', SMALL).out)

    @unittest.skipUnless(hasattr(signal, 'SIGHUP'), 'no such signals here; run it on Linux')
    def test_signals_leave_no_temporary_file(self):
        """Each comes while the file is written, and ends the process once it is whole."""
        model = f'{self.out}.prototxt'
        with open(model, 'w', encoding='utf-8') as file:
            file.write(SMALL)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            script = (
                f'import os, runpy, sys; sys.argv[1:] = [{model!r}, "--output", {self.out!r}]\n'
            )
            script += 'replace = os.replace\n'
            script += f'def killed(*names): os.kill(os.getpid(), {int(number)}); replace(*names)\n'
            script += 'os.replace = killed\n'
            script += f'runpy.run_path({path("nets", "extract.py")!r}, run_name="__main__")'
            done = subprocess.run(
                [*PYTHON, '-c', script], stderr=subprocess.PIPE, timeout=TIME_LIMIT_S,
                preexec_fn=heed_signals,
            )  # fmt: skip
            self.assertEqual((done.returncode, done.stderr), (-number, b''))
            names = sorted(os.listdir(os.path.dirname(self.out)))
            self.assertEqual(names, ['net.json', 'net.json.prototxt'])

    def test_an_interrupt_that_does_not_wait(self):
        with (
            mock.patch('os.replace', side_effect=KeyboardInterrupt),
            self.assertRaises(KeyboardInterrupt),
        ):
            extract('m.prototxt', SMALL, '--output', self.out)
        self.assertEqual(os.listdir(os.path.dirname(self.out)), [])


if __name__ == '__main__':
    unittest.main()
