"""What surrounds a run: threads, other processes, little memory, closed streams, and its results."""

import copy
import itertools
import json
import os
import subprocess
import sys
import unittest

from support import ROOT, TIME_LIMIT_S, clean_environment, fodlam, path, python, scratch, some

CONFIGS = (
    {'net': 'VGG16'},
    {'netfile': 'lenet.json', 'scaling': 'shape'},
    {'netfile': 'resnet18.json', 'accelerator': 'edge-tpu'},
)

# Each thread or process prints what the first estimates of a process are, so that nothing is loaded
# before they begin.
MANY = f"""
import json, multiprocessing, sys, threading
sys.path.insert(0, {ROOT!r})
import fodlam

def reports(_=None):
    configs = {CONFIGS!r}
    return json.dumps([fodlam.estimate(config, per_layer=True, range=True) for config in configs])

def in_threads(count):
    found = []
    start = threading.Barrier(count)
    def run():
        start.wait()
        found.append(reports())
    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found

def in_processes(method):
    with multiprocessing.get_context(method).Pool(2) as pool:
        return pool.map(reports, range(4))

if __name__ == '__main__':
    way = sys.argv[1]
    for text in in_threads(16) if way == 'threads' else in_processes(way):
        print(text)
"""

AGAIN = """
import fodlam, importlib
importlib.reload(fodlam)
total = fodlam.estimate({'net': 'VGG16'})['total']
importlib.reload(fodlam)
print(total == fodlam.estimate({'net': 'VGG16'})['total'])
try:
    fodlam.estimate({'net': 'VGG19'})
except fodlam.InputError as error:
    print(str(error)[:11])
print([list(result) for result in fodlam.sweep([{'net': 'VGG19'}])])
"""


class Surroundings(unittest.TestCase):
    def test_threads_and_processes(self):
        script = path(scratch(), 'many.py')
        with open(script, 'w', encoding='utf-8') as file:
            file.write(MANY)
        self.addCleanup(os.remove, script)
        expected = [fodlam.estimate(config, per_layer=True, range=True) for config in CONFIGS]
        for way, count in ('threads', 16), ('fork', 4), ('spawn', 4):
            if way == 'fork' and not hasattr(os, 'fork'):
                continue
            with self.subTest(way):
                result = python(script, way)
                self.assertEqual(result.stderr, '')
                found = [json.loads(line) for line in result.stdout.splitlines()]
                self.assertEqual(found, [json.loads(json.dumps(expected))] * count)

    def test_a_module_that_is_loaded_again(self):
        """In a process of its own, as the other tests go on with what they have loaded."""
        result = python('-c', AGAIN)
        said = "True\nconfig: \"ne\n[['error']]\n"
        self.assertEqual((result.stdout, result.stderr), (said, ''))

    def test_results_that_the_user_changes(self):
        for config in CONFIGS:
            reports = list(fodlam.sweep([config, config], per_layer=True, range=True))
            kept = copy.deepcopy(reports[1])
            for member in reports[0].values():
                member.clear()
            reports[0]['total']['energy'] = 0
            self.assertEqual(reports[1], kept)
            self.assertEqual(fodlam.estimate(config, per_layer=True, range=True), kept)

    @unittest.skipUnless(sys.platform == 'linux', 'other systems do not keep to RLIMIT_AS')
    def test_little_memory(self):
        import resource

        def limit():
            resource.setrlimit(resource.RLIMIT_AS, (120 * 2**20, 120 * 2**20))

        entries = '[' + '[],' * 5_000_000 + '[]]'
        result = python('fodlam.py', stdin=f'{{"netfile": {entries}}}', preexec_fn=limit)
        said = 'fodlam: out of memory; expected a smaller input\n'
        self.assertEqual((result.returncode, result.stdout, result.stderr), (1, '', said))

    @unittest.skipUnless(os.name == 'posix', 'no shell that closes streams')
    def test_closed_streams(self):
        programs = ('fodlam.py', 'nets/extract.py --help', 'data/validate.py --help')
        closings = itertools.product(('', '<&-'), ('', '>&-'), ('', '2>&-'))
        for program, closing in some(itertools.product(programs, closings)):
            command = f'"{sys.executable}" {program} {" ".join(closing)}'
            with self.subTest(command):
                result = subprocess.run(
                    command, shell=True, cwd=ROOT, input=b'{"net": "VGG16"}', capture_output=True,
                    timeout=TIME_LIMIT_S, env=clean_environment(),
                )  # fmt: skip
                lacks_input = '<&-' in closing and program == 'fodlam.py'
                fails = lacks_input or '>&-' in closing
                self.assertEqual(result.returncode, int(fails))
                has_line = fails and '2>&-' not in closing
                self.assertRegex(
                    result.stderr.decode(), r'\A\w+(\.py)?: [^\n]+\n\Z' if has_line else r'\A\Z'
                )
                self.assertEqual(bool(result.stdout), not fails)


if __name__ == '__main__':
    unittest.main()
