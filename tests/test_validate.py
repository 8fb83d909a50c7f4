"""data/validate.py: its rows and its command line."""

import csv
import functools
import io
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

from results import errors, table_of, validated, validation
from support import (
    NETFILES,
    TIME_LIMIT_S,
    clean_environment,
    copy_files,
    fodlam,
    path,
    read,
    run,
    validate,
    validator,
)

from fodlam.data import comparisons

KEYS = 'quantity unit published modelled error_percent source calibrated_on'.split()

# Of a network that the papers measured, in order; X is the other one.
CONV = ['MACs', 'shape', "X's MACs", "X's shape"]

# What energies alone depend on.
ENERGY = ['zeros', "X's zeros", 'time', 'time, zeros']
FC = ['MACs', "X's MACs", 'density']
VITIS = {
    'kv260-dpu': 19,
    'ultra96-dpu-b1600': 8,
    'zcu102-dpu-3xb4096': 19,
    'zcu104-dpu-2xb4096': 19,
}
DEVICES = list(csv.DictReader(read('data', 'devices.csv').splitlines()))


def names(net, other):
    """Return the quantities that are said of a network, without single layers."""
    rows = [f'{net} conv energy by {how}' for how in CONV + ENERGY]
    rows += [f'{net} conv latency by {how}' for how in CONV]
    rows.append(f'{net} conv frame rate')
    rows += [f'{net} fc {q} by {how}' for q in ('energy', 'latency') for how in FC]
    return [row.replace('X', other) for row in rows]


def device_names():
    """Return the quantities that are said of devices."""
    measured = [row['Measurement'].split(' ') for row in DEVICES]
    rows = []
    for device, network in measured:
        both = sum(name == device for name, _ in measured) == 2
        hows = ['roof', 'share', 'MACs'] if both else ['roof']
        rows += [f'{network} on {device} by {how}' for how in hows]
    for device in [*dict.fromkeys(name for name, _ in measured), *VITIS]:
        count = VITIS.get(device) or sum(name == device for name, _ in measured)
        hows = ['MACs', 'share', 'layer_us'] if device in VITIS else ['MACs', 'share']
        if count > 1:
            rows += summaries(f'{count} networks on {device}', hows)
    return rows + summaries('77 networks on all devices', ['MACs', 'share'])


def summaries(title, hows):
    """Return the quantities that are said of how far off networks are."""
    return [f'{title}, {error} by {how}' for how in hows for error in ('typically', 'at worst')]


class Rows(unittest.TestCase):
    def test_names_and_their_order(self):
        expected = names('AlexNet', 'VGG16') + names('VGG16', 'AlexNet')
        expected += [f'ResNet-50 on nvdla-{2**i}' for i in range(11, 4, -1)]
        self.assertEqual(list(errors()), expected + device_names())
        self.assertEqual(len(expected), 45)

    def test_single_layers_only_if_asked_for(self):
        some, all_rows = validated(), validated(per_layer=True)
        self.assertEqual([row for row in all_rows if row in some], some)
        single = [row['quantity'] for row in all_rows if row not in some]
        expected = [
            f'{net} {name} {quantity} by {how}'
            for net in NETFILES
            for name in [*(row['Layer'] for row in table_of(net)), 'FC6', 'FC7', 'FC8']
            for quantity in ('energy', 'latency')
            for how in (FC if name.startswith('FC') else ['MACs', 'shape', *ENERGY])
            if quantity == 'energy' or how not in ENERGY
            if name.startswith('FC') or 'X' not in how
        ]
        other = dict(zip(NETFILES, reversed(NETFILES)))
        expected = [row.replace('X', other[row.split(' ')[0]]) for row in expected]
        self.assertEqual(single, expected)
        self.assertEqual(len(single), 18 * 7 + 6 * 6)

    def test_units_sources_and_errors(self):
        rows = validated(per_layer=True)
        for row in rows:
            self.assertEqual(list(row), KEYS)
            sources = (
                r'\A(Eyeriss Table VI?|EIE Table IV, scaled from 45 nm|NVDLA primer|QuTiBench|'
                r'Vitis AI|both)\Z'
            )
            self.assertRegex(row['source'], sources)
            if ' networks on ' in row['quantity']:
                self.assertEqual((row['published'], row['modelled']), (None, None))
                continue
            error = (row['modelled'] - row['published']) / row['published'] * 100
            self.assertAlmostEqual(row['error_percent'], error)
            unit = next((u for q, u in fodlam.QUANTITY_UNITS.items() if q in row['quantity']), None)
            self.assertEqual(row['unit'], unit or 'frame/s')
        sources = {row['quantity'].split(' energy')[0]: row['source'] for row in rows}
        for what, source in (
            ('AlexNet CONV1', 'Eyeriss Table V'),
            ('VGG16 conv', 'Eyeriss Table VI'),
            ('VGG16 FC6', 'EIE Table IV, scaled from 45 nm'),
        ):
            self.assertEqual(sources[what], source)

    def test_layers_add_up(self):
        rows = {row['quantity']: row for row in validated(per_layer=True)}
        for net in NETFILES:
            for kind, how in (('conv', 'MACs'), ('conv', 'shape'), ('fc', 'MACs')):
                pattern = rf'{net} {kind.upper()}[-\d]+ latency by {how}'
                for key in ('published', 'modelled'):
                    added = math.fsum(row[key] for q, row in rows.items() if re.match(pattern, q))
                    total = rows[f'{net} {kind} latency by {how}'][key]
                    self.assertTrue(math.isclose(added, total, rel_tol=1e-12))


class CommandLine(unittest.TestCase):
    """What is printed of the rows, which are worked out once for all of these tests."""

    @classmethod
    def setUpClass(cls):
        for target, kept in (
            ('fodlam.data.validate.validate', validated),
            ('fodlam.data.comparisons.device_errors', functools.cache(comparisons.device_errors)),
        ):
            patched = mock.patch(target, kept)
            patched.start()
            cls.addClassCleanup(patched.stop)

    def test_formats_agree(self):
        for flags in ([], ['--per-layer']):
            rows = validated(per_layer=bool(flags))
            result = validation('--format', 'json', *flags)
            self.assertEqual((result.status, result.err), (0, ''))
            self.assertEqual(json.loads(result.out), rows)
            read_back = list(csv.DictReader(io.StringIO(validation('--format', 'csv', *flags).out)))
            self.assertEqual(
                read_back,
                [{k: '' if v is None else str(v) for k, v in row.items()} for row in rows],
            )
            self.assertEqual(list(read_back[0]), KEYS)

    def test_table_is_the_default_and_fits_the_screen(self):
        for flags in ([], ['--per-layer']):
            result = validation(*flags)
            self.assertEqual((result.status, result.err), (0, ''))
            self.assertEqual(validate('--format', 'table', *flags), result)
            self.assertTrue(result.out.isascii())
            lines = result.out.splitlines()
            self.assertLessEqual(max(map(len, lines)), 80)
            self.assertNotIn('..', result.out)  # no name is cut
            note = lines.index(
                'Networks on a device, each modelled by all others that were measured on it; on'
            )
            tables = lines[: lines.index('')], lines[note + 4 :]
            for table in tables:
                gaps = [i for i, c in enumerate(table[1]) if c == ' ']
                for line in table:
                    self.assertTrue(all(line[i : i + 1] in ('', ' ') for i in gaps), line)
            rows = validated(per_layer=bool(flags))
            figures = [row for row in rows if row['published'] is not None]
            self.assertEqual(len(tables[0]), 2 + len(figures))
            self.assertEqual(len(tables[1]), 2 + 6 + 4 + 1)  # QuTiBench's, Vitis AI's and all

    def test_eie_is_scaled(self):
        """By (65/45)^3, or by the fit's 1 / 0.512; a paper's own number is 0.59 W x 8.0 us."""
        self.assertEqual((round((65 / 45) ** 3, 2), round(1 / 0.512, 2)), (3.01, 1.95))
        out = validation().out
        end = out[out.index('\n\n') :]
        for text in (validator.__doc__, end):
            said = ' '.join(text.split())
            self.assertIn('scaled from 45 to 65 nm: energy times 3.01', said)
            self.assertIn('says 1.95', said)
        for line in out.splitlines():
            self.assertEqual(line.endswith('  EIE scaled'), ' fc ' in line, line)
        rows = {row['quantity']: row for row in validated(per_layer=True)}
        row = rows['VGG16 FC8 energy by MACs']
        table = csv.DictReader(read('data', fodlam.EIE_FILE).splitlines())
        (time,) = (float(r['Actual Time (us)']) for r in table if r['Layer'] == 'VGG16 FC8')
        self.assertAlmostEqual(row['published'] / (0.59 * time * 1e-6), 3.0137, places=4)

    def test_help_is_the_docstring(self):
        for flag in ('-h', '--help'):
            self.assertEqual(validate(flag), (0, validator.__doc__, ''))
        self.assertLessEqual(max(map(len, validator.__doc__.splitlines())), 80)
        for name in (*validator.FORMATS, '--per-layer', '--calibrated', '--format', '--help'):
            self.assertIn(name, validator.__doc__)

    def test_wrong_arguments(self):
        for argv, said in (
            (
                ['--format', 'svg'],
                '--format is \'svg\'; did you mean "csv"? choose from table, csv, json',
            ),
            (['--format'], '--format has no value; expected one'),
            (['--per-frame'], 'unknown option --per-frame; did you mean --per-layer?'),
            (['--per'], 'unknown option --per;'),
            (['a\nb'], 'too many: a b;'),
        ):
            result = validate(*argv)
            self.assertEqual((result.status, result.out), (2, ''), argv)
            self.assertRegex(
                result.err, r'\Avalidate.py: arguments: [^\n]+[;?] see validate.py --help\n\Z'
            )
            self.assertIn(said, result.err)

    def test_fodlam_names_the_program(self):
        for flags in ([], ['--format', 'json'], ['--per-layer'], ['--diagnose'], ['a.json']):
            result = run('--validate', *flags)
            self.assertEqual((result.status, result.out), (2, ''))
            self.assertEqual(len(result.err.splitlines()), 1)
            self.assertIn('python3 data/validate.py', result.err)
            self.assertIn('python3 -m fodlam.data.validate', result.err)

    def test_closed_streams(self):
        err = io.StringIO()
        self.assertEqual(validator.main([], None, None, err), 1)
        self.assertRegex(
            err.getvalue(), r'\Avalidate.py: standard output: cannot be used [^\n]+\n\Z'
        )
        self.assertEqual(validator.main(['--wrong'], None, io.StringIO(), None), 2)


class Damage(unittest.TestCase):
    def test_is_one_line(self):
        """A file that is missing or damaged is one line on stderr."""

        def change(file, old, new):
            name = path(folder, *file.split('/'))
            with open(name, encoding='utf-8') as stream:
                text = stream.read()
            self.assertIn(old, text)
            with open(name, 'w', encoding='utf-8') as stream:
                stream.write(text.replace(old, new))

        for file, old, new in (
            ('data/eyeriss-alexnet.csv', '\nCONV3,', '\nCONV9,'),
            ('data/eyeriss-vgg16.csv', 'Processing Latency (ms)', 'Processing'),
            ('data/eyeriss-vgg16.csv', 'Zeros in Ifmaps', 'Zeros'),
            ('data/eyeriss-vgg16.csv', '47.7%', '47.7'),
            ('data/eyeriss-vgg16.csv', '47.7%', '477%'),
            ('data/eie-layers.csv', 'VGG16 FC8', 'VGG16 FC9'),
            ('data/nvdla.csv', 'ResNet-50', 'ResNet-51'),
            ('nets/alexnet_deploy.json', '"ifmap"', '"imap"'),
        ):
            with tempfile.TemporaryDirectory() as folder:
                for name in ('data', 'nets'):
                    copy_files(path(name), path(folder, name), ['.csv', '.json'])
                change(file, old, new)
                with (
                    mock.patch('fodlam.DATA_DIR', os.path.join(folder, 'data')),
                    mock.patch('fodlam.NETS_DIR', os.path.join(folder, 'nets')),
                ):
                    result = validate()
                self.assertEqual((result.status, result.out), (1, ''), file)
                self.assertRegex(result.err, r'\Avalidate.py: [^\n]+\n\Z', file)

    def test_a_room_that_is_missing(self):
        with mock.patch.dict('sys.modules', {'fodlam.data.comparisons': None}):
            result = validate()
        self.assertEqual((result.status, result.out), (1, ''))
        said = (
            r'\Avalidate.py: validate.py: cannot be loaded [^\n]*fodlam.data.comparisons[^\n]*\n\Z'
        )
        self.assertRegex(result.err, said)


@unittest.skipUnless(os.name == 'posix', 'needs a POSIX shell')
class Process(unittest.TestCase):
    """What can only be seen from outside."""

    SCRIPT = path('data', 'validate.py')

    def shell(self, line, script=SCRIPT, **options):
        return subprocess.run(
            ['sh', '-c', line, sys.executable, script], capture_output=True, encoding='utf-8',
            timeout=TIME_LIMIT_S, env=clean_environment(), **options,
        )  # fmt: skip

    def test_from_any_folder_and_through_a_link(self):
        expected = validation().out
        with tempfile.TemporaryDirectory() as folder:
            link = os.path.join(folder, 'check')
            os.symlink(self.SCRIPT, link)
            process = self.shell('"$0" -I -S "$1"', script=link, cwd=folder)
        self.assertEqual((process.stdout, process.stderr), (expected, ''))

    def test_as_a_module_of_the_package(self):
        """As it is once installed: fodlam.py is the package's __init__.py."""
        with tempfile.TemporaryDirectory() as folder:
            package = os.path.join(folder, 'fodlam')
            for name in ('data', 'nets'):
                copy_files(path(name), path(package, name))
            shutil.copyfile(path('fodlam.py'), path(package, '__init__.py'))
            process = self.shell('"$0" -S -m fodlam.data.validate', cwd=folder)
        self.assertEqual((process.stdout, process.stderr), (validation().out, ''))

    def test_without_its_rooms(self):
        """Help still works, and what is missing is named."""
        with tempfile.TemporaryDirectory() as folder:
            for name in ('data', 'nets'):
                copy_files(path(name), path(folder, name), ['.csv', '.json', 'validate.py'])
            shutil.copyfile(path('fodlam.py'), path(folder, 'fodlam.py'))
            script = os.path.join(folder, 'data', 'validate.py')
            self.assertEqual(self.shell('"$0" -S "$1" -h', script=script).stdout, validator.__doc__)
            process = self.shell('"$0" -S "$1"', script=script)
        self.assertEqual((process.returncode, process.stdout), (1, ''))
        self.assertRegex(
            process.stderr,
            r"\Avalidate.py: validate.py: cannot be loaded [^\n]+'fodlam.data.arguments'[^\n]+\n\Z",
        )

    def test_stdout_that_cannot_be_written(self):
        said = r'\Avalidate.py: standard output: cannot be used \([^\n]+\nstatus 1\n\Z'
        for target in ('&-', '/dev/full'):
            process = self.shell(f'"$0" -S "$1" --help >{target}; echo "status $?" >&2')
            self.assertRegex(process.stderr, said, target)

    def test_head_and_closed_stdin(self):
        process = self.shell('"$0" -S "$1" --help <&- | head -1')
        first, _ = validator.__doc__.split('\n', 1)
        self.assertEqual((process.stdout, process.stderr), (first + '\n', ''))


if __name__ == '__main__':
    unittest.main()
