"""The options of the command line: formats, ranges, sweeps, and a config in a file.

fodlam.py by itself takes a config on standard input, and the flags of fodlam.PLAIN_FLAGS. A run
with any other argument comes here.
"""

import os

import fodlam
from fodlam import (
    MODEL_ENDINGS,
    NO_HELP,
    complain,
    diagnose,
    make_estimate,
    open_stdin,
    place,
    quote,
    read_json,
    show_estimate,
    tell_doubts,
    tell_notes,
    to_json,
)
from fodlam.data.arguments import new_parser
from fodlam.data.formats import DIAGNOSE_FORMATS, FORMATS, THEMES, render_diagnosis, render_estimate

FLAGS = (
    '-h,--help --diagnose --validate --per-frame --per-layer --range --lines --version'
).split()


def parse_options(argv):
    """Return {option: value} with only the options that the arguments give.

    argv: the list of arguments. Raises InputError if they are wrong or contradict one another.

    >>> sorted(parse_options(['--format', 'csv', '--per-frame', 'vgg16.json']).items())
    [('config', 'vgg16.json'), ('format', 'csv'), ('per_frame', True)]
    """
    parser = new_parser(prog='fodlam')
    parser.add_argument('config', nargs='?')
    parser.add_argument('--format', choices=FORMATS)
    parser.add_argument('--theme', choices=THEMES)
    parser.add_argument('--calibrate', metavar='measured.csv')
    for names in FLAGS:
        parser.add_argument(*names.split(','), action='store_true')
    asked = vars(parser.parse_args(argv))
    if 'help' in asked or 'version' in asked:
        return asked
    format_ = asked.get('format', 'json')
    if 'theme' in asked and format_ != 'svg':
        parser.error(f'--theme is for --format svg, but got --format {format_}')
    if 'validate' in asked:
        parser.error('--validate is now python3 data/validate.py (python3 -m fodlam.data.validate)')
    others = asked.keys() - {'diagnose', 'per_frame', 'format'}
    if 'diagnose' in asked and (format_ not in DIAGNOSE_FORMATS or others):
        parser.error('--diagnose takes no config; only --per-frame, --format json, csv or table')
    if 'calibrate' in asked and not {'calibrate', 'config'}.issuperset(asked):
        parser.error('--calibrate prints an accelerator, and takes no other option')
    if 'lines' in asked and format_ != 'json':
        parser.error(f'--lines prints JSON, but got --format {format_}')
    if asked.get('config', '').lstrip().startswith('{'):
        from fodlam.data.mistakes import run_config

        parser.error(f'pipe JSON in: {run_config(asked["config"])}')
    return asked


def open_config(path, stdin, stderr):
    """Return (binary stream, its name in error messages); path: of a config, "-" for stdin."""
    if path == '-':
        with place('config'):
            return open_stdin(stdin, stderr), 'config'
    where = f'config {quote(path)}'
    with place(where):
        if not os.path.exists(path) or path.lower().endswith(MODEL_ENDINGS):
            from fodlam.data.mistakes import advice_on_path

            advice = advice_on_path(path)
            if advice:
                raise ValueError(advice)
        return open(path, 'rb'), where


def run_with_options(argv, stdin, stdout, stderr):
    """Yield the texts to print; the arguments are those of fodlam.run."""
    asked = parse_options(argv)
    if 'help' in asked:
        yield fodlam.__doc__ or NO_HELP
        return
    if 'version' in asked:
        yield f'fodlam {fodlam.__version__}\n'
        return
    per_frame, per_layer, ranges = 'per_frame' in asked, 'per_layer' in asked, 'range' in asked
    format_ = asked.get('format', 'json')
    if 'diagnose' in asked:
        report = diagnose(per_frame)
        is_json = format_ == 'json'
        yield to_json(report) if is_json else render_diagnosis(report, per_frame, format_)
        if not (per_frame or shows_notes(format_, stdout)):
            tell_notes(None, stdout, stderr)
        return
    stream, where = open_config(asked.get('config', '-'), stdin, stderr)
    if 'calibrate' in asked:
        from fodlam.data.accelerators import unit_doubts
        from fodlam.data.calibration import calibrate_config

        with place(where):
            config = read_json(stream)
            accelerator = calibrate_config(config, asked['calibrate'])
        for doubt in unit_doubts(accelerator):
            complain(doubt, stderr)
        yield to_json(accelerator)
        return
    if 'lines' in asked:
        from fodlam.data.sweeps import estimate_lines

        yield from estimate_lines(stream, where, stdout, stderr, per_frame, per_layer, ranges)
        return
    with place(where):
        config = read_json(stream)
        if isinstance(config, list):
            from fodlam.data.mistakes import no_config

            raise ValueError(no_config(config, asked.get('config', '-')))
    estimate = make_estimate(config, per_frame, ranges)
    tell_doubts(estimate, stderr)
    if format_ == 'json':
        has_flags = bool(asked.keys() - {'config'})
        yield from show_estimate(estimate, per_layer, has_flags, stdout, stderr)
        return
    theme = asked.get('theme', 'auto')
    encoding = getattr(stdout, 'encoding', None)
    with place('config'):
        yield render_estimate(estimate, format_, encoding, theme)
    if not shows_notes(format_, stdout):
        tell_notes(estimate, stdout, stderr)


def shows_notes(format_, stdout):
    """Return whether notes are on the screen, as a table has them; stdout: None if it is closed.

    format_: of what was printed on stdout. A table in a pipe may lose its notes, as by grep.
    """
    return format_ == 'table' and stdout and stdout.isatty()
