"""The rooms beside fodlam.py: found from anywhere, and loaded when a run asks for them."""

import os
import shutil
import tempfile
import unittest

from support import ROOT, copy_files, path, python


class Rooms(unittest.TestCase):
    """Wherever fodlam.py is started from, it finds its rooms, and each just once."""

    CONFIG = '{"netfile": "lenet.json", "accelerator": "nvdla-32"}'
    REPORT = """
import sys
MODULE
fodlam.main(['--format', 'table', '-'], sys.stdin, sys.stdout, sys.stderr)
print([name for name in sys.modules if name.endswith(('roofline', '.tables', 'fodlam'))])
"""

    def test_from_anywhere(self):
        expected = python('fodlam.py', '--format', 'table', stdin=self.CONFIG).stdout
        self.assertIn('conv2', expected)
        with tempfile.TemporaryDirectory() as folder:
            link = path(folder, 'link.py')
            os.symlink(path('fodlam.py'), link)
            # What would be found by luck of sys.path.
            for name in ('accelerators', 'data', 'formats', 'nets', 'roofline', 'tables'):
                with open(path(folder, f'{name}.py'), 'w', encoding='utf-8') as file:
                    file.write('raise SystemExit("the wrong one")')
            for argv, cwd in (
                ([path('fodlam.py')], folder),
                ([link], folder),
                (['-I', path('fodlam.py')], folder),
                (['-m', 'fodlam'], ROOT),
            ):
                result = python(*argv, '--format', 'table', stdin=self.CONFIG, cwd=cwd)
                self.assertEqual((result.stdout, result.stderr), (expected, ''), argv)

    def test_nothing_beside_it_is_taken_for_pythons(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ('data', 'nets'):
                copy_files(path(name), path(folder, name))
            shutil.copyfile(path('fodlam.py'), path(folder, 'fodlam.py'))
            for name in ('csv', 'json', 'argparse', 'textwrap'):
                with open(path(folder, f'{name}.py'), 'w', encoding='utf-8') as file:
                    file.write('raise SystemExit("the wrong one")')
            for argv in (['fodlam.py'], ['-m', 'fodlam']):
                result = python(*argv, '--format', 'table', stdin=self.CONFIG, cwd=folder)
                self.assertEqual((result.returncode, result.stderr), (0, ''), argv)
                self.assertIn('conv2', result.stdout)

    def test_imported_under_one_name(self):
        names = "['fodlam', 'fodlam.data.roofline', 'fodlam.data.tables']"
        for module in ('import fodlam', 'import fodlam.nets.extract, fodlam.data.validate'):
            result = python('-c', self.REPORT.replace('MODULE', module), stdin=self.CONFIG)
            self.assertEqual(result.stdout.splitlines()[-1], names)

    def test_loaded_when_asked_for(self):
        run = 'fodlam.run_program([], sys.stdin, sys.stderr, None)'
        api = ['fodlam.data', 'fodlam.data.api', 'fodlam.data.streams', 'fodlam.data.values']
        for use, rooms in ((run, []), ('fodlam.estimate({"net": "VGG16"})', api)):
            script = f'import sys, fodlam; {use}; print(*sys.modules)'
            loaded = python('-c', script, stdin='{"net": "VGG16"}').stdout.split()
            self.assertIn('fodlam', loaded)
            self.assertEqual(sorted(name for name in loaded if name.startswith('fodlam.')), rooms)
            for name in ('argparse', 'glob'):
                self.assertNotIn(name, loaded)

    def test_a_devices_table_works_out_no_shares(self):
        """They are stored. It made 106,643 calls when it worked them out four times."""
        script = (
            'import cProfile, io, pstats, sys, fodlam\n'
            'profile = cProfile.Profile(builtins=False)\n'
            'profile.enable()\n'
            "fodlam.main(['--format', 'table', '-'], sys.stdin, sys.stdout, sys.stderr)\n"
            'profile.disable()\n'
            'print(pstats.Stats(profile, stream=io.StringIO()).total_calls)\n'
        )
        script += "print('fodlam.data.calibration' in sys.modules)\n"
        for device in ('edge-tpu', 'kv260-dpu'):
            config = f'{{"netfile": "resnet50.json", "accelerator": "{device}"}}'
            *_, calls, computed = python('-c', script, stdin=config).stdout.splitlines()
            self.assertLess(int(calls), 30_000)
            self.assertEqual(computed, 'False')


if __name__ == '__main__':
    unittest.main()
