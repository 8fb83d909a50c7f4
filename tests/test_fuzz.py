"""Thousands of damaged configs, net files and tables: an answer or one line, never a traceback."""

import json
import os
import random
import shutil
import tempfile
import unittest
from unittest import mock

from support import path, read, run

CONFIGS = [read('config', name).encode() for name in sorted(os.listdir(path('config')))]
SNIPPETS = [
    b'"', b'{', b'}', b'[', b']', b',', b':', b'null', b'true', b'-1', b'1e999', b'NaN', b'\\ud800',
    b'\0', b'\xff', b'\n', b' ', b'"net"', b'"layers"', b'"CONV1"', b'[[[[', b'9' * 5000, b'0.5',
]  # fmt: skip


def mutated(rng, text):
    """Return `text` with one to four random edits: bytes cut, repeated, changed or put in."""
    for _ in range(rng.randint(1, 4)):
        start = rng.randrange(len(text) + 1)
        end = min(len(text), start + rng.choice((0, 1, 1, 5, 50)))
        insert = rng.choice(
            (b'', bytes([rng.randrange(256)]), rng.choice(SNIPPETS), text[start:end] * 2)
        )
        text = text[:start] + insert + text[end:]
    return text


class Fuzz(unittest.TestCase):
    def check(self, *argv, stdin=b'', seed):
        result = run(*argv, stdin=stdin)
        if result.status == 0:
            self.assertEqual(result.err, '', seed)
            json.loads(result.out)
        else:
            self.assertEqual((result.status, result.out), (1, ''), seed)
            self.assertRegex(result.err, r'\Afodlam: [^\n]+\n\Z', seed)
            self.assertLess(len(result.err), 5000, seed)
        return result.status

    def test_configs(self):
        failed = 0
        for seed in range(3000):
            rng = random.Random(seed)
            failed += self.check(stdin=mutated(rng, rng.choice(CONFIGS)), seed=seed)
        self.assertTrue(500 < failed < 3000, failed)

    def test_net_files(self):
        good = read('nets', 'alexnet_deploy.json').encode()
        failed = 0
        with tempfile.TemporaryDirectory() as folder:
            netfile = path(folder, 'net.json')
            for seed in range(1500):
                with open(netfile, 'wb') as file:
                    file.write(mutated(random.Random(seed), good))
                failed += self.check(stdin=json.dumps({'netfile': netfile}).encode(), seed=seed)
        self.assertTrue(500 < failed < 1500, failed)

    def test_tables(self):
        failed = 0
        with tempfile.TemporaryDirectory() as folder, mock.patch('fodlam.DATA_DIR', folder):
            tables = [name for name in os.listdir(path('data')) if name.endswith('.csv')]
            for name in tables:
                shutil.copy(path('data', name), folder)
            for seed in range(1000):
                rng = random.Random(seed)
                name = rng.choice(tables)
                with open(path(folder, name), 'wb') as file:
                    file.write(mutated(rng, read('data', name).encode()))
                failed += self.check('--diagnose', seed=seed)
                shutil.copy(path('data', name), folder)
        self.assertTrue(200 < failed < 1000, failed)


if __name__ == '__main__':
    unittest.main()
