"""What users call from Python: names, hints, values of NumPy, renderings, and streams of any kind."""

import array
import copy
import fractions
import inspect
import io
import itertools
import json
import os
import pickle
import rlcompleter
import subprocess
import sys
import tempfile
import typing
import unittest
from unittest import mock

from support import PYTHON, ROOT, Terminal, extractor, fodlam, path, read, run, some, validator

from fodlam.data import formats

PUBLIC = 'HOME InputError calibrate csv diagnose estimate main svg sweep table'.split()
CONFIGS = (
    {'net': 'VGG16'},
    {'net': 'VGG16', 'layers': ['FC8'], 'title': 'The last layer'},
    {'netfile': 'resnet50.json', 'scaling': 'shape', 'per_frame': False},
    {'netfile': 'resnet50.json', 'accelerator': 'edge-tpu'},
    {'netfile': 'lenet.json', 'accelerator': {'macs': 64, 'clock_mhz': 100, 'dram_gbps': 1}},
    {'net': 'AlexNet', 'process_nm': 28, 'process_scaling': 'dennard'},
)
FORMATS = [name for name in formats.FORMATS if name != 'json']


def python(script, stdin=''):
    """Return what a script prints in a process of its own that can import fodlam."""
    result = subprocess.run(
        [*PYTHON, '-c', script], cwd=ROOT, input=stdin, capture_output=True, timeout=60,
        encoding='utf-8', env={**os.environ, 'PYTHONIOENCODING': 'utf-8'},
    )  # fmt: skip
    return result.stdout + result.stderr


class PathOf(os.PathLike):
    """An os.PathLike with any value as its path."""

    def __init__(self, value):
        self.value = value

    def __fspath__(self):
        return self.value


class Names(unittest.TestCase):
    def test_dir_is_what_is_public(self):
        self.assertEqual(dir(fodlam), PUBLIC)
        self.assertEqual(sorted(fodlam.__all__), PUBLIC)
        self.assertEqual(python('import fodlam; print(dir(fodlam))'), f'{PUBLIC}\n')

    def test_star(self):
        namespace = {}
        exec('from fodlam import *', namespace)
        self.assertEqual(sorted(namespace.keys() - {'__builtins__'}), PUBLIC)
        for name in PUBLIC:
            self.assertIs(namespace[name], getattr(fodlam, name))

    def test_completion(self):
        completer = rlcompleter.Completer({'fodlam': fodlam})
        found = []
        while completer.complete('fodlam.', len(found)):
            found.append(completer.complete('fodlam.', len(found)).partition('.')[2].rstrip('()'))
        self.assertEqual(sorted(found), PUBLIC)

    def test_no_other_name_comes_from_the_api(self):
        for name in ('estimates', 'Report', 'Iterable', 'json_config'):
            with self.assertRaisesRegex(
                AttributeError, f"module 'fodlam' has no attribute '{name}'"
            ):
                getattr(fodlam, name)

    def test_help(self):
        shown = python('import fodlam, pydoc; pydoc.help(fodlam)')
        for name in PUBLIC[2:]:
            self.assertIn(f'    {name}(', shown)

    def test_home(self):
        self.assertEqual(os.path.realpath(fodlam.HOME), os.path.realpath(ROOT))
        for document in (fodlam.__doc__, read('README.md')):
            self.assertIn('fodlam.HOME', document)


class Hints(unittest.TestCase):
    FUNCTIONS = ('calibrate', 'csv', 'diagnose', 'estimate', 'svg', 'sweep', 'table')

    def test_every_argument_and_result_has_one(self):
        for name in self.FUNCTIONS:
            function = getattr(fodlam, name)
            hints = typing.get_type_hints(function)
            self.assertEqual(set(hints), {*inspect.signature(function).parameters, 'return'})

    def test_arguments_are_called_like_flags(self):
        flags = ['per_frame', 'per_layer', 'range']
        for name, expected in (
            ('estimate', ['config', *flags]),
            ('sweep', ['configs', *flags]),
            ('diagnose', ['per_frame']),
            ('calibrate', ['accelerator', 'rates']),
            ('table', ['report_or_config', 'per_frame', 'range']),
            ('csv', ['report_or_config', 'per_frame', 'range']),
            ('svg', ['report_or_config', 'per_frame', 'range', 'theme']),
        ):
            self.assertEqual(list(inspect.signature(getattr(fodlam, name)).parameters), expected)
        for flag in flags:
            self.assertIn(f'--{flag.replace("_", "-")} ', fodlam.__doc__)

    def test_the_package_says_that_it_has_them(self):
        self.assertIn('".package/py.typed" = "fodlam/py.typed"', read('pyproject.toml'))
        self.assertEqual(read('.package', 'py.typed'), '')

    def test_they_import_nothing(self):
        script = 'import sys, fodlam; fodlam.sweep([]); print(set(sys.modules))'
        clean = [
            sys.executable,
            '-I',
            '-S',
            '-c',
            f'import sys; sys.path.append({ROOT!r}); {script}',
        ]
        result = subprocess.run(clean, capture_output=True, encoding='utf-8', timeout=60)
        self.assertIn("'fodlam.data.api'", result.stdout, result.stderr)
        self.assertNotIn("'typing'", result.stdout)


class Number:
    """A number that is no int and no float, as NumPy's are: it has `tolist`."""

    def __init__(self, value):
        self.value = value

    def tolist(self):
        return self.value


class Index:
    """A whole number by `__index__` alone."""

    def __init__(self, value):
        self.value = value

    def __index__(self):
        return self.value


class Odd(Number):
    """A number whose `tolist` is one of its own kind, as for NumPy's longdouble."""

    def tolist(self):
        return self

    def __float__(self):
        return float(self.value)


class Row:
    """A row of a table, as a Series of pandas: it has `to_dict`, and is no dict."""

    def __init__(self, members):
        self.members = members

    def to_dict(self):
        return self.members


class Unknown:
    """No number, although it has the method of one."""

    def __repr__(self):
        return 'unknown'

    def __float__(self):
        raise TypeError('no number')


class Table:
    """A value whose repr has several lines, as a DataFrame of pandas."""

    def __repr__(self):
        return '   net\n0  VGG16\n1  AlexNet'


class Values(unittest.TestCase):
    def same(self, config, expected):
        expected = fodlam.estimate(expected, per_layer=True, range=True)
        self.assertEqual(fodlam.estimate(config, per_layer=True, range=True), expected)
        self.assertEqual(list(fodlam.sweep([config], per_layer=True, range=True)), [expected])

    def test_in_configs(self):
        plain = {'net': 'VGG16', 'layers': ['FC6', 'CONV1-1'], 'process_nm': 28, 'per_frame': True}
        for keys in (
            {'layers': Number(['FC6', 'CONV1-1'])},
            {'layers': ('FC6', 'CONV1-1')},
            {'process_nm': Number(28)},
            {'process_nm': Index(28)},
            {'process_nm': Odd(28)},
            {'process_nm': fractions.Fraction(28)},
            {'per_frame': Number(True)},
            {'net': Number('VGG16')},
        ):
            self.same({**plain, **keys}, plain)

    def test_a_row_of_a_table(self):
        for plain in ({'net': 'VGG16'}, {'net': 'VGG16', 'process_nm': 28}):
            self.same(Row(plain), plain)
        with self.assertRaisesRegex(fodlam.InputError, "unknown key 'nett'"):
            fodlam.estimate(Row({'nett': 'VGG16'}))

    def test_in_accelerators_and_densities(self):
        chip = {'macs': 64, 'clock_mhz': 100, 'dram_gbps': 1.5, 'buffer_kib': 32}
        odd = {'macs': Index(64), 'clock_mhz': Number(100), 'dram_gbps': Odd(1.5), 'buffer_kib': 32}
        config = {'netfile': 'lenet.json'}
        self.same({**config, 'accelerator': odd}, {**config, 'accelerator': chip})
        found = fodlam.calibrate(odd, {'lenet.json': Number(500)})
        self.assertEqual(found, fodlam.calibrate(chip, {'lenet.json': 500}))
        by_shape = {**config, 'scaling': 'shape'}
        self.same(
            {**by_shape, 'density': {'weights': Odd(0.25), 'activations': Number(0.5)}},
            {**by_shape, 'density': {'weights': 0.25, 'activations': 0.5}},
        )

    def test_in_entries(self):
        entries = json.loads(read('nets', 'lenet.json'))
        odd = []
        for entry in entries:
            odd.append({})
            for key, value in entry.items():
                if isinstance(value, list):
                    value = array.array('l', value)
                elif isinstance(value, int):
                    value = Index(value)
                odd[-1][key] = value
        for keys in ({}, {'scaling': 'shape'}, {'accelerator': 'nvdla-32'}):
            for netfile in (odd, tuple(odd), Number(odd)):
                self.same({'netfile': netfile, **keys}, {'netfile': entries, **keys})

    def test_what_is_wrong_is_told_as_ever(self):
        for keys, problem in (
            ({'process_nm': Unknown()}, '"process_nm" is unknown; expected a number'),
            ({'process_nm': Number([28])}, '"process_nm" is \\[28\\]; expected a number'),
            ({'process_nm': Odd(float('nan'))}, '"process_nm" is nan; expected a number'),
            ({'per_frame': Index(1)}, '"per_frame" is 1; expected true or false'),
            ({'layers': Number([5])}, 'unknown layer 5;'),
            ({'layers': Index(5)}, '"layers" is 5; expected a list of layer names'),
        ):
            with self.assertRaisesRegex(fodlam.InputError, problem):
                fodlam.estimate({'net': 'VGG16', **keys})
        entry = {'name': 'a', 'type': 'Convolution', 'macs': Unknown()}
        with self.assertRaisesRegex(fodlam.InputError, '"macs" is .unknown.; expected a whole'):
            fodlam.estimate({'netfile': [entry]})
        circular = {'net': 'VGG16', 'title': []}
        circular['title'].append(circular)
        self.assertRaises(fodlam.InputError, fodlam.estimate, circular)

    def test_what_json_cannot_have(self):
        entry = {'name': 'a', 'type': 'InnerProduct', 'macs': 5}
        circle = []
        circle.append(circle)
        for netfile, said in (
            ([{(1, 2): 3}], 'a key that is no string; expected'),
            ([{b'name': 'a'}], 'a key that is no string; expected'),
            ([{**entry, 'ifmap': {1, 2}}], r'a set, \{1, 2\}; expected a list'),
            ([{**entry, 'ifmap': frozenset([3])}], 'a set, .*; expected a list'),
            (circle, 'nested too deep; expected'),
            (
                PathOf(5),
                '"netfile" is <[^>]*PathOf[^>]*>, whose path is no string; expected a path',
            ),
            (PathOf(None), 'whose path is no string; expected a path'),
        ):
            with self.assertRaisesRegex(fodlam.InputError, said):
                fodlam.estimate({'netfile': netfile})
        named = fodlam.estimate({'netfile': PathOf(b'lenet.json')})
        self.assertEqual(named, fodlam.estimate({'netfile': 'lenet.json'}))
        for show in (fodlam.table, fodlam.svg):
            self.assertIn('lenet', show({'netfile': PathOf(b'lenet.json')}))

    def test_what_calibrate_cannot_have(self):
        inside_itself = {}
        inside_itself['x'] = inside_itself
        for arguments, place in (
            ((inside_itself, {}), 'accelerator'),
            (({}, inside_itself), 'rates'),
        ):
            with self.assertRaisesRegex(fodlam.InputError, f'{place}: nested too deep; expected'):
                fodlam.calibrate(*arguments)

    def test_whole_numbers_of_thousands_of_digits(self):
        """Python writes none, so neither JSON nor messages can have them."""
        entry = {'name': 'a', 'type': 'InnerProduct', 'macs': 5}
        chip = {'macs': 64, 'clock_mhz': 100, 'dram_gbps': 1}
        lenet = {'netfile': 'lenet.json'}
        long = r'a number too long to show; expected'
        for number in (10**5000, -(10**5000)):
            for config, said in (
                (
                    {'netfile': [{**entry, 'macs': number}]},
                    '"netfile": a whole number of more than',
                ),
                ({'netfile': [{**entry, 'ifmap': [3, number, 1]}]}, 'a whole number of more than'),
                ({'net': 'VGG16', 'process_nm': number}, f'"process_nm" is {long}'),
                ({**lenet, 'title': number}, f'"title" is {long}'),
                ({**lenet, 'accelerator': {**chip, 'macs': number}}, f'"macs" is {long}'),
                ({**lenet, 'accelerator': {**chip, 'batch': number}}, f'"batch" is {long}'),
                (
                    {**lenet, 'scaling': 'shape', 'density': {'conv_activations': number}},
                    f'"conv_activations" is {long}',
                ),
            ):
                with self.assertRaisesRegex(fodlam.InputError, said):
                    fodlam.estimate(config)
            for rates in ({'lenet.json': number}, {number: 5}):
                with self.assertRaisesRegex(fodlam.InputError, 'too long to show'):
                    fodlam.calibrate(chip, rates)
        digits = '1' * 5000
        said = 'config: a whole number of more than [0-9]+ digits; expected one up to 1e\\+30'
        with self.assertRaisesRegex(fodlam.InputError, said):
            fodlam.estimate(f'{{"net": "VGG16", "process_nm": {digits}}}'.encode())

    def test_messages_are_of_one_line(self):
        """Whatever the repr of a value is, as of a table of pandas."""
        for config in (
            Table(),
            {'net': Table()},
            {'netfile': Table()},
            {'netfile': [Table()]},
            {'netfile': [{'name': 'a', 'type': 'InnerProduct', 'macs': Table()}]},
            {'net': 'VGG16', 'layers': [Table()]},
            {'net': 'VGG16', Table(): 1},
            {'netfile': 'lenet.json', 'accelerator': Table()},
        ):
            with self.assertRaises(fodlam.InputError) as caught:
                fodlam.estimate(config)
            self.assertTrue(str(caught.exception).isprintable(), config)
            (wrong,) = fodlam.sweep([config])
            self.assertEqual(wrong, {'error': str(caught.exception)})

    def test_a_value_without_a_repr(self):
        class Broken:
            def __repr__(self):
                raise RuntimeError

        for entry in ({'name': 'a', 'type': 'InnerProduct', 'macs': Broken()}, Broken()):
            with self.assertRaisesRegex(fodlam.InputError, '<Broken instance at .*; expected'):
                fodlam.estimate({'netfile': [entry]})

    def test_the_users_config_stays_as_it_is(self):
        layers = Number(['FC6'])
        config = {'net': 'VGG16', 'layers': layers}
        fodlam.estimate(config)
        self.assertIs(config['layers'], layers)


class Reports(unittest.TestCase):
    def test_title(self):
        titled = {'netfile': 'lenet.json', 'title': 'A\ntitle'}
        for report in (fodlam.estimate(titled), *fodlam.sweep([titled])):
            self.assertEqual(report['title'], 'A\ntitle')
        for argv in ([], ['--lines'], ['--lines', '--per-layer']):
            printed = run(*argv, stdin=json.dumps(titled).encode()).out
            self.assertEqual(json.loads(printed)['title'], 'A\ntitle')
        self.assertNotIn('title', fodlam.estimate({'netfile': 'lenet.json'}))

    def test_are_dicts(self):
        for config in CONFIGS:
            report = fodlam.estimate(config, per_layer=True, range=True)
            self.assertIsInstance(report, dict)
            for copied in (
                json.loads(json.dumps(report)),
                pickle.loads(pickle.dumps(report)),
                copy.copy(report),
                copy.deepcopy(report),
            ):
                self.assertIs(type(copied), dict)
                self.assertEqual(copied, report)

    def test_from_bytes(self):
        self.assertEqual(fodlam.estimate(b'{"net": "VGG16"}'), fodlam.estimate({'net': 'VGG16'}))


class Renderings(unittest.TestCase):
    """fodlam.table, csv and svg."""

    maxDiff = None

    def test_are_what_the_formats_print(self):
        each_options = (
            ([], {}),
            (['--per-frame'], {'per_frame': True}),
            (['--range', '--per-frame'], {'range': True, 'per_frame': True}),
        )
        for config, (flags, options) in some(itertools.product(CONFIGS, each_options)):
            stdin = json.dumps(config).encode()
            reports = [fodlam.estimate(config, per_layer=x, **options) for x in (False, True)]
            reports += fodlam.sweep([config], **options)
            for form in FORMATS:
                render = getattr(fodlam, form)
                printed = run('--format', form, *flags, stdin=stdin).out
                self.assertEqual(render(config, **options), printed)
                for report in reports:
                    self.assertEqual(render(report), printed)

    def test_theme(self):
        config = path('config', 'vgg16.json')
        for theme in formats.THEMES:
            printed = run('--format', 'svg', '--theme', theme, config).out
            self.assertEqual(fodlam.svg(json.loads(read(config)), theme=theme), printed)
        for theme in ('blue', 5):
            with self.assertRaisesRegex(fodlam.InputError, r'\Atheme: .*; choose from auto, light'):
                fodlam.svg({'net': 'VGG16'}, theme=theme)

    def test_of_a_config_that_changes_afterwards(self):
        chip = {'macs': 64, 'clock_mhz': 100, 'dram_gbps': 1}
        for config, change in (
            ({'net': 'VGG16'}, {'net': 'AlexNet'}),
            ({'netfile': 'lenet.json', 'scaling': 'shape'}, {'netfile': 'resnet50.json'}),
            ({'netfile': 'lenet.json', 'accelerator': chip}, {'title': 'Another'}),
        ):
            expected, report = fodlam.table(config), fodlam.estimate(config)
            config.update(change)
            chip['macs'] = 128
            self.assertEqual(fodlam.table(report), expected)

    def test_not_of_copies(self):
        report = fodlam.estimate({'net': 'VGG16'}, per_layer=True)
        for value in (
            dict(report), report.copy(), json.loads(json.dumps(report)), fodlam.diagnose(),
            {**report, 'more': 1},
        ):  # fmt: skip
            for form in FORMATS:
                with self.assertRaisesRegex(
                    fodlam.InputError, r'\Areport: a copy .*expected a report'
                ):
                    getattr(fodlam, form)(value)

    def test_not_of_errors(self):
        (wrong,) = fodlam.sweep([{'net': 'VGG19'}])
        for form in FORMATS:
            for value in (wrong, {'net': 'VGG19'}):
                with self.assertRaises(fodlam.InputError) as raised:
                    getattr(fodlam, form)(value)
                self.assertEqual(str(raised.exception), wrong['error'])
        self.assertRaisesRegex(fodlam.InputError, 'config: 5; expected', fodlam.table, 5)

    def test_blanks_before_a_formula_in_csv(self):
        for name in ' =1+1', '  @a', '\u00a0+1', '\u200b=1', '\ufeff@a':
            entry = {'name': name, 'type': 'InnerProduct', 'macs': 5}
            cell = fodlam.csv({'netfile': [entry]}).splitlines()[1].split(',')[0]
            self.assertEqual(cell[:2], "' ")

    def test_a_report_has_its_options_already(self):
        report = fodlam.estimate({'net': 'VGG16'})
        for options in ({'per_frame': True}, {'range': True}):
            with self.assertRaisesRegex(
                fodlam.InputError, 'report: .* for a config; leave them out'
            ):
                fodlam.table(report, **options)


class Notebook:
    """A stream as notebooks have it: it takes texts, and is no file."""

    encoding = 'UTF-8'

    def __init__(self):
        self.text = ''

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError('a text is needed')
        self.text += text
        return len(text)

    def fileno(self):
        raise io.UnsupportedOperation('fileno')


class Keyboard(io.StringIO):
    """Standard input as pytest has it: it cannot be read, and is its own buffer."""

    @property
    def buffer(self):
        return self

    def read(self, *_):
        raise OSError('reading from stdin while output is captured')


class Streams(unittest.TestCase):
    CONFIG = '{"net": "VGG16", "layers": ["FC8"], "title": "Größe"}'

    def test_of_text(self):
        for argv in (
            [],
            ['--format', 'table'],
            ['--lines'],
            ['--diagnose'],
            ['--format', 'svg', '-'],
        ):
            expected = run(*argv, stdin=self.CONFIG.encode())
            for stdout in (io.StringIO(), Notebook()):
                err = io.StringIO()
                status = fodlam.main(argv, io.StringIO(self.CONFIG), stdout, err)
                printed = stdout.getvalue() if isinstance(stdout, io.StringIO) else stdout.text
                self.assertEqual((status, printed, err.getvalue()), expected)

    def test_other_programs(self):
        out, err = io.StringIO(), Notebook()
        self.assertEqual(validator.main([], None, out, err), 0)
        self.assertIn('all devices', out.getvalue())
        out = Notebook()
        self.assertEqual(extractor.main(['--help'], io.StringIO(), out, err), 0)
        self.assertIn('usage', out.text)
        self.assertEqual(extractor.main(['none.onnx'], io.StringIO(), out, err), 1)
        self.assertIn('none.onnx', err.text)

    def test_errors(self):
        for argv, stdin, status in (
            (['--wrong'], '', 2),
            ([], '{', 1),
            ([], '\ud800', 1),
            (['--lines'], '{"net": "VGG19"}', 1),
        ):
            out, err = Notebook(), Notebook()
            self.assertEqual(fodlam.main(argv, io.StringIO(stdin), out, err), status)
            self.assertRegex(err.text, r'\Afodlam: [^\n]+\n\Z')

    def test_input_that_cannot_be_read(self):
        for argv in ([], ['--lines']):
            out, err = io.StringIO(), io.StringIO()
            self.assertEqual(fodlam.main(argv, Keyboard(), out, err), 1)
            self.assertRegex(
                err.getvalue(), r'\Afodlam: config: standard input cannot be read; [^\n]+\n\Z'
            )
        config = path('config', 'vgg16.json')
        self.assertEqual(fodlam.main([config], Keyboard(), out, err), 0)
        self.assertEqual(out.getvalue(), read('tests', 'original', 'vgg16.json'))

    def test_closed_ones(self):
        out, closed = io.StringIO(), io.StringIO()
        closed.close()
        err = io.StringIO()
        self.assertEqual(fodlam.main([], closed, out, err), 1)
        self.assertIn('standard input is closed', err.getvalue())
        err = io.StringIO()
        self.assertEqual(fodlam.main([], io.StringIO(self.CONFIG), closed, err), 1)
        self.assertIn('standard output: cannot be used (closed)', err.getvalue())
        self.assertEqual(fodlam.main([], closed, out, closed), 1)

    def test_a_terminal_of_text(self):
        out, err = Notebook(), Notebook()
        out.isatty = lambda: True
        self.assertEqual(fodlam.main([], io.StringIO('{"net": "VGG16"}'), out, err), 0)
        self.assertRegex(err.text, r'\Afodlam: conv: [^\n]+--per-frame[^\n]+\n\Z')

    def test_an_encoding_without_blocks(self):
        out = Notebook()
        out.encoding = 'ascii'
        self.assertEqual(fodlam.main(['--format', 'table'], io.StringIO(self.CONFIG), out, None), 0)
        self.assertIn('####', out.text)
        self.assertTrue(out.text.isascii())

    def test_what_was_printed_before_comes_before(self):
        raw = io.BytesIO()
        out = io.TextIOWrapper(raw, encoding='utf-8')
        out.write('before\n')
        fodlam.main(['--version'], None, out, None)
        out.write('after\n')
        out.flush()
        self.assertEqual(raw.getvalue().decode(), f'before\nfodlam {fodlam.__version__}\nafter\n')

    def test_commands_where_streams_are_replaced(self):
        """As in a notebook, or a test under pytest; the process goes on."""
        for command, argv, expected in (
            (fodlam.command, [], read('tests', 'original', 'vgg16.json')),
            (fodlam.command, ['--format', 'table', '-'], fodlam.table({'net': 'VGG16'})),
            (extractor.extract_command, ['-h'], None),
        ):
            out, err = Notebook(), Notebook()
            with (
                mock.patch('sys.argv', ['program', *argv]),
                mock.patch('sys.stdin', io.StringIO(read('config', 'vgg16.json'))),
                mock.patch('sys.stdout', out),
                mock.patch('sys.stderr', err),
                self.assertRaises(SystemExit) as ended,
            ):
                command()
            self.assertEqual(ended.exception.code, 0)
            if expected is None:
                self.assertIn('usage', out.text)
            else:
                self.assertEqual(out.text.partition('\n')[2], expected.partition('\n')[2])

    def test_errors_of_a_command_where_streams_are_replaced(self):
        err = Notebook()
        with (
            mock.patch('sys.argv', ['program', 'none.onnx']),
            mock.patch('sys.stderr', err),
            self.assertRaises(SystemExit) as ended,
        ):
            extractor.extract_command()
        self.assertEqual(ended.exception.code, 1)
        self.assertTrue(err.text.startswith("fodlam-extract: 'none.onnx': "), err.text)

    def test_scripts_where_streams_are_replaced(self):
        """As %run does in a notebook."""
        for script, argv in (('fodlam.py', ['--version']), ('data/validate.py', ['-h'])):
            text = python(
                'import io, runpy, sys\n'
                f'sys.argv, out, sys.stdout = {[script, *argv]}, sys.stdout, io.StringIO()\n'
                'try:\n'
                f'    runpy.run_path({path(script)!r}, run_name="__main__")\n'
                'except SystemExit as end:\n'
                '    print(end.code, len(sys.stdout.getvalue()) > 10, file=out)\n'
            )
            self.assertEqual(text, '0 True\n', script)

    def test_a_file_of_text(self):
        with tempfile.TemporaryDirectory() as folder:
            name = path(folder, 'config.json')
            with open(name, 'w', encoding='utf-8') as file:
                file.write(self.CONFIG)
            with open(name, encoding='utf-8') as stdin, open(name + '.out', 'w') as stdout:
                self.assertEqual(fodlam.main([], stdin, stdout, Terminal(io.BytesIO())), 0)
            with open(name + '.out', 'rb') as file:
                self.assertEqual(file.read(), run(stdin=self.CONFIG.encode()).out.encode())


if __name__ == '__main__':
    unittest.main()
