"""Nothing lost: streams that are cut, full or slow, memory that runs out, and Ctrl-C."""

import contextlib
import functools
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import tracemalloc
import unittest
from unittest import mock

from support import PYTHON, call, extract, fodlam, heed_signals, path, run, started

from fodlam.data import api, sweeps

SWEEP = b'{"net": "VGG16"}\n' * 6000  # more than a pipe holds, and so is its output
EXPECTED = run('--lines', stdin=SWEEP).out


def start(*argv, **streams):
    """Start a process of fodlam.py, with output that Python does not buffer."""
    return started('-u', path('fodlam.py'), *argv, stderr=subprocess.PIPE, **streams)


class Trickle(io.BytesIO):
    """A binary stream that gives little at a time."""

    def read(self, size=-1):
        return super().read(min(size, 1448))


@unittest.skipUnless(os.name == 'posix', 'needs pipes that do not block: run it on Linux or macOS')
class Output(unittest.TestCase):
    def test_a_full_disk_is_an_error(self):
        """A file that may not grow takes a part of what is written, and then nothing."""
        with tempfile.TemporaryDirectory() as folder:
            net, out = path(folder, 'net.json'), path(folder, 'out')
            layers = [{'name': f'l{i}', 'type': 'Convolution', 'macs': i} for i in range(5000)]
            with open(net, 'w', encoding='utf-8') as file:
                json.dump(layers, file)
            line = 'ulimit -f 100; exec "$0" -S -u "$1" --per-layer > "$2"'
            process = subprocess.run(
                ['sh', '-c', line, sys.executable, path('fodlam.py'), out],
                input=json.dumps({'netfile': net}).encode(), stderr=subprocess.PIPE, timeout=60,
            )  # fmt: skip
        self.assertEqual(process.returncode, 1)
        said = rb'\Afodlam: standard output: cannot be used \([^\n]+\); expected [^\n]+\n\Z'
        self.assertRegex(process.stderr, said)

    def test_a_net_file_keeps_its_owner(self):
        """Where root writes it anew, as in a container, its user can still write it."""
        text = 'input: "x" input_shape { dim: 1 dim: 3 dim: 9 dim: 9 } layer { name: "c" '
        text += 'type: "InnerProduct" bottom: "x" top: "c" inner_product_param { num_output: 4 } }'
        with tempfile.TemporaryDirectory() as folder:
            out = path(folder, 'net.json')
            with open(out, 'w', encoding='utf-8') as file:
                file.write('old')
            try:
                os.chown(out, 1234, 2345)
            except OSError:
                self.skipTest('only root can give files to others')
            self.assertEqual(extract('m.prototxt', text, '--output', out), (0, '', ''))
            status = os.stat(out)
            self.assertGreater(status.st_size, len('old'))
        self.assertEqual((status.st_uid, status.st_gid), (1234, 2345))

    def test_a_pipe_that_does_not_block_gets_all(self):
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        with tempfile.TemporaryFile() as sweep:
            sweep.write(SWEEP)
            sweep.seek(0)
            with start('--lines', stdin=sweep, stdout=writer) as process:
                os.close(writer)
                time.sleep(0.2)  # until the pipe is full
                with open(reader, 'rb') as stream:
                    out = stream.read()
                self.assertEqual((process.wait(60), process.stderr.read()), (0, b''))
        self.assertTrue(out.decode() == EXPECTED, 'something was lost')

    def test_an_encoding_with_a_mark_at_its_beginning_has_it_once(self):
        stdout = io.TextIOWrapper(io.BytesIO(), encoding='utf-16')
        status = fodlam.main([], None, stdout, None, run=lambda *streams: iter(['a', 'b']))
        self.assertEqual((status, stdout.buffer.getvalue().decode('utf-16')), (0, 'ab'))


@unittest.skipUnless(os.name == 'posix', 'needs pipes that do not block: run it on Linux or macOS')
class Input(unittest.TestCase):
    def test_a_pipe_that_does_not_block_is_waited_for(self):
        half = len(SWEEP) // 2 + 5
        for flags, parts, expected in (
            (['--lines'], (SWEEP[:half], SWEEP[half:]), EXPECTED),
            ([], (b'{"net":', b' "VGG16"}'), run(stdin=b'{"net": "VGG16"}').out),
        ):
            reader, writer = os.pipe()
            os.set_blocking(reader, False)
            with (
                tempfile.TemporaryFile() as out,
                start(*flags, stdin=reader, stdout=out) as process,
            ):
                os.close(reader)
                with open(writer, 'wb', buffering=0) as stream:
                    for part in parts:
                        time.sleep(0.1)  # so that the process finds nothing to read
                        while part:
                            part = part[stream.write(part) :]
                self.assertEqual((process.wait(60), process.stderr.read()), (0, b''))
                out.seek(0)
                self.assertTrue(out.read().decode() == expected, flags)

    def test_a_long_line_in_small_reads_takes_time_in_proportion(self):
        line = b'{"net": "VGG16"' + b' ' * 8_000_000 + b'}\n'
        began = time.process_time()
        lines = list(sweeps.read_lines(Trickle(line), 'config'))
        self.assertLess(time.process_time() - began, 3)  # joined anew at each read: 15 s
        self.assertEqual(lines, [[line[:-1]], [b'']])


class Ends(unittest.TestCase):
    @unittest.skipUnless(os.name == 'posix', 'needs signals: run it on Linux or macOS')
    def test_interrupt_while_importing(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(path(folder, 'json.py'), 'w', encoding='utf-8') as file:
                file.write('import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n')
            process = subprocess.run(
                [*PYTHON, path('fodlam.py')], capture_output=True, timeout=60,
                env={**os.environ, 'PYTHONPATH': folder}, preexec_fn=heed_signals,
            )  # fmt: skip
        ended = process.returncode, process.stdout, process.stderr
        self.assertEqual(ended, (-signal.SIGINT, b'', b''))

    @unittest.skipUnless(os.name == 'posix', 'needs signals: run it on Linux or macOS')
    def test_interrupt_where_it_is_ignored(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(path(folder, 'json.py'), 'w', encoding='utf-8') as file:
                file.write('import os, signal, sys\nos.kill(os.getpid(), signal.SIGINT)\n')
                file.write('sys.exit(9)\n')
            ignore = functools.partial(signal.signal, signal.SIGINT, signal.SIG_IGN)
            process = subprocess.run(
                [*PYTHON, path('fodlam.py')], capture_output=True, timeout=60,
                env={**os.environ, 'PYTHONPATH': folder}, preexec_fn=ignore,
            )  # fmt: skip
        self.assertEqual((process.returncode, process.stderr), (9, b''))

    @unittest.skipUnless(os.name == 'posix', 'needs signals: run it on Linux or macOS')
    def test_interrupt(self):
        """Nothing is printed, and the process dies of it, so that a shell's loop ends as well."""
        installed = "import fodlam, sys; sys.argv[1:] = ['--lines']; fodlam.command()"
        pipes = dict.fromkeys(('stdin', 'stdout', 'stderr'), subprocess.PIPE)
        for command in (['fodlam.py', '--lines'], ['-m', 'fodlam', '--lines'], ['-c', installed]):
            with started(*command, cwd=path(), **pipes) as process:
                process.stdin.write(b'{"net": "VGG16"}\n')
                process.stdin.flush()
                self.assertTrue(process.stdout.readline())  # by now it waits for more
                process.send_signal(signal.SIGINT)
                out, err = process.stdout.read(), process.stderr.read()
            self.assertEqual((process.returncode, out, err), (-signal.SIGINT, b'', b''))

    def test_out_of_memory_is_one_line(self):
        def texts(*streams):
            raise MemoryError
            yield

        result = call(functools.partial(fodlam.main, run=texts), [])
        said = 'fodlam: out of memory; expected a smaller input\n'
        self.assertEqual(result, (1, '', said))


class Kept(unittest.TestCase):
    """What --lines keeps from one line to the next."""

    def sweep(self, configs):
        """Return (results of a sweep, how many net files it read)."""
        stdin = '\n'.join(map(json.dumps, configs)).encode()
        with mock.patch('fodlam.read_net', wraps=fodlam.read_net) as reads:
            results = [json.loads(line) for line in run('--lines', stdin=stdin).out.splitlines()]
        return results, reads.call_count

    def designs(self, **keys):
        chip = {'macs': 64, 'clock_mhz': 1000, 'dram_gbps': 10}
        return {'netfile': 'lenet.json', 'accelerator': {**chip, **keys}}

    def test_is_bounded_by_what_it_holds(self):
        configs = [self.designs(buffer_kib=1 + i % 20) for i in range(100)]
        results, reads = self.sweep(configs)
        self.assertEqual(reads, 20)
        with mock.patch('fodlam.data.sweeps.MAX_KEPT_CHARACTERS', 5000):
            few, more_reads = self.sweep(configs)
        self.assertEqual(few, results)
        self.assertGreater(more_reads, 80)

    def test_entries_without_a_cost_count_too(self):
        others = [{'name': f'relu{i}', 'type': 'ReLU'} for i in range(50)]
        nets = [[*others, {'name': 'a', 'type': 'InnerProduct', 'macs': i}] for i in range(5)]
        with mock.patch('fodlam.data.sweeps.MAX_KEPT_CHARACTERS', 5000):
            _, reads = self.sweep([{'netfile': net} for net in nets * 2])
        self.assertGreaterEqual(reads, 10)

    def test_takes_time_in_proportion(self):
        kept = sweeps.KeptCatalogs()
        empty = mock.Mock(entries=())
        began = time.process_time()
        with mock.patch('fodlam.data.sweeps.Catalog', lambda *_: empty):
            for number in range(20_000):
                kept.find('lenet.json', None, number)
        self.assertLess(time.process_time() - began, 3)  # counted anew for each: 30 s

    def test_takes_memory_of_a_few_lines(self):
        """Of lines with 15 kB each, 15 kB are kept: long names and members, and wrong lines."""
        layer = {'name': 'a', 'type': 'InnerProduct', 'macs': 5}
        long, sizes = 'x' * 15_000, [1] * 4500
        for make in (
            lambda i: {'net': 'VGG16', 'layers': [f'{i}{long}']},
            lambda i: {'netfile': [{**layer, 'name': f'{i}{long}'}]},
            lambda i: {'netfile': [{**layer, 'macs': i, 'ifmap': sizes}]},
            lambda i: {'netfile': [{**layer, 'macs': i}, {'name': 'b', 'type': long}]},
        ):
            kept = sweeps.KeptCatalogs()
            with mock.patch('fodlam.data.sweeps.MAX_KEPT_CHARACTERS', 15_000):
                tracemalloc.start()
                for number in range(8):
                    with contextlib.suppress(fodlam.InputError):
                        api.make_report(make(number), False, False, False, kept.find)
                now, _ = tracemalloc.get_traced_memory()
                tracemalloc.stop()
            self.assertLess(now, 150_000)  # if all were kept: 270 kB or more

    def test_numbers_that_are_equal_give_the_same(self):
        for one, other in ((1, 1.0), (10**22, 1e22), (64, 6.4e1)):
            for key in ('kernel_atom', 'buffer_kib', 'feature_bytes'):
                pair = [self.designs(**{key: number}) for number in (one, other)]
                (a, b), _ = self.sweep(pair)
                (c, d), _ = self.sweep(pair[::-1])
                alone = fodlam.estimate(pair[0], per_layer=True)
                self.assertEqual([a, b, c, d], [a] * 4)
                self.assertEqual(fodlam.estimate(pair[1], per_layer=True), alone)


if __name__ == '__main__':
    unittest.main()
