"""Thousands of damaged configs, lines and net files: an answer or one line, never a traceback."""

import json
import os
import random
import tempfile
import unittest

from damage import mutated
from support import GROUPS, path, read, run, seeds

CONFIGS = [read('config', name).encode() for name in sorted(os.listdir(path('config')))]


class Damaged(unittest.TestCase):
    def check(self, *argv, stdin=b'', seed):
        """Check that a run has a result or one line on stderr, and return its status."""
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
        failed, count = 0, len(seeds(3000))
        for seed in range(count):
            rng = random.Random(seed)
            failed += self.check(stdin=mutated(rng, rng.choice(CONFIGS)), seed=seed)
        self.assertTrue(count / 6 < failed < count, failed)

    def test_net_files(self):
        good = read('nets', 'alexnet_deploy.json').encode()
        failed, count = 0, len(seeds(1500))
        with tempfile.TemporaryDirectory() as folder:
            netfile = path(folder, 'net.json')
            for seed in range(count):
                with open(netfile, 'wb') as file:
                    file.write(mutated(random.Random(seed), good))
                failed += self.check(stdin=json.dumps({'netfile': netfile}).encode(), seed=seed)
        self.assertTrue(count / 3 < failed < count, failed)


class Lines(unittest.TestCase):
    def test_nothing_that_is_in_a_line_is_the_end_of_the_others(self):
        good = json.dumps(json.loads(CONFIGS[0])).encode()
        lines = []
        for seed in seeds(1000):
            rng = random.Random(seed)
            start = rng.randrange(len(good))
            end = start + rng.choice((0, 1, 5))
            lines.append(good[:start] + rng.randbytes(2).replace(b'\n', b'') + good[end:])
        result = run('--lines', stdin=b'\n'.join(lines))
        results = list(map(json.loads, result.out.splitlines()))
        self.assertEqual(len(results), len(lines))
        self.assertTrue(all(set(r) == {'error'} or set(r) == {*GROUPS, 'frames'} for r in results))


if __name__ == '__main__':
    unittest.main()
