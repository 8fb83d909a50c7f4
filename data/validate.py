#!/usr/bin/env python3
"""Hold FODLAM against what is published: every figure in data/ that it models.

Usage:
  python3 data/validate.py [options]         or: python3 -m fodlam.data.validate

Options:
  --per-layer    single layers as well
  --calibrated   data/calibrated.csv, made anew of what was measured on devices,
                 and nothing else
  --format F     table (default), csv, json
  -h, --help

Each row has a quantity, its unit, the published and the modelled number, the
model's error in percent, the source, and in csv and json the networks that a
model of Eyeriss or EIE is calibrated on. All quantities are for one frame.
EIE's published numbers are scaled from 45 to 65 nm: energy times 3.01, which is
Dennard's rule; the fit of Stillmaker and Baas says 1.95. The model's numbers
are scaled the same way, so that the errors do not depend on the rule.

Names of quantities say what the model went by:
  by MACs            the average cost of a MAC, over both networks
  by VGG16's MACs    the average over VGG16 alone, so that AlexNet is a test
  by shape           what the shapes of conv layers ask of Eyeriss, by constants
                     that were read off VGG16's table; energy by one power
  by VGG16's shape   the same, by constants that VGG16's table alone gives
  by zeros           times by shape; energy by two parts, of which the second is
                     for MACs whose input is not zero: calibrated on VGG16
  by VGG16's zeros   the same, by constants that VGG16's table alone gives
  by time            energy of published times, by one power
  by time, zeros     energy of published times, by two parts
  by density         how dense fc layers are, calibrated on neither network
  conv frame rate    the published table, against the rate that the text reports
  on nvdla-2048      NVDLA's roofline, against the rate that NVDLA estimates
  on a device, by roof    its roofline by itself, against the rate measured
  on a device, by share   the share of it that the other network attains
  on a device, by MACs    the MACs per second of the other network on it
  networks on a device    how far off each network is by all others on it, or on
                     all devices by one other: "typically" is the geometric mean
                     of these factors, either way, and "at worst" the largest
    by layer_us      by the others' share of the roofline and a time per layer
"""

if __name__ == '__main__':
    # Before the imports, which take time: let Ctrl-C end this process silently, as fodlam.py does.
    import _signal

    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)

import os
import sys

if not __package__:
    # As in nets/extract.py, no folder of the project is in sys.path.
    FOLDER = os.path.dirname(os.path.realpath(__file__))
    if FOLDER in sys.path:
        sys.path.remove(FOLDER)
    from importlib import util

    if 'fodlam' not in sys.modules:  # as it is where a notebook runs this file
        spec = util.spec_from_file_location('fodlam', f'{os.path.dirname(FOLDER)}/fodlam.py')
        sys.modules['fodlam'] = util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules['fodlam'])

from fodlam import NO_HELP, command, place, to_json

PROGRAM = 'validate.py'
FORMATS = ('table', 'csv', 'json')
DEVICES_NOTE = """\
Networks on a device, each modelled by all others that were measured on it; on
all devices, each by one other: the typical error (the worst one).
layer_us: by their share of the roofline and a time per layer."""

# What the table calls sources whose names are too long for it.
SHORT_SOURCES = {
    'Eyeriss Table V': 'Eyeriss V',
    'Eyeriss Table VI': 'Eyeriss VI',
    'EIE Table IV, scaled from 45 nm': 'EIE scaled',
    'NVDLA primer': 'NVDLA',
}
TABLE_NOTE = (
    "EIE scaled: EIE Table IV, scaled from 45 to 65 nm: energy times 3.01, by Dennard's rule; "
    'another rule says 1.95 (--help)'
)
CALIBRATION_NOTE = (
    "by shape, zeros, time: calibrated on VGG16, so that AlexNet is a test; by VGG16's or "
    "AlexNet's: on that network alone; by MACs: on both"
)


def validate(per_layer=False):
    """Return the list of the rows that this program prints, as dicts.

    Each has 'quantity', which is for one frame; 'unit' (J, s or frame/s); 'published' and
    'modelled', in that unit, or both None for the typical or the worst error of many networks;
    'error_percent'; 'source'; and 'calibrated_on', the networks whose numbers a model of Eyeriss or
    EIE knows, or else None.
    per_layer: add rows for each published layer, after those of the sum over its kind.
    Raises InputError if a file in data/ or nets/ is missing or damaged.
    """
    with place('validate.py'):
        from fodlam.data.comparisons import make_figures

    rows = []
    for figure in make_figures(per_layer):
        row = {'quantity': figure.quantity, 'unit': figure.unit, 'published': figure.published}
        row['modelled'] = figure.modelled if figure.published else None
        row |= {'error_percent': figure.error_percent, 'source': figure.source}
        row['calibrated_on'] = figure.calibrated_on
        rows.append(row)
    return rows


def rows_table(rows):
    """Return the rows of `validate` as a table for people."""
    from fodlam.data.tables import Column, paragraphs, to_table
    from fodlam.data.words import engineering

    published, modelled, errors, sources = [], [], [], []
    for row in rows:
        unit = row['unit'].removeprefix('frame')  # "/s" for frame/s
        published.append(engineering(row['published'], unit))
        modelled.append(engineering(row['modelled'], unit))
        errors.append(f'{row["error_percent"]:+.1f}%')
        sources.append(SHORT_SOURCES.get(row['source'], row['source']))
    table = to_table(
        [
            Column('quantity', [row['quantity'] for row in rows]),
            Column('published', published, on_right=True),
            Column('modelled', modelled, on_right=True),
            Column('error', errors, on_right=True),
            Column('source', sources),
        ]
    )
    return table + paragraphs([CALIBRATION_NOTE, TABLE_NOTE])


def devices_table():
    """Return how far off the networks on each device are, as a table for people."""
    from fodlam.data.comparisons import device_errors
    from fodlam.data.tables import Column, to_table

    rows = device_errors()
    columns = [
        Column('device', [row.device for row in rows]),
        Column('networks', [str(row.networks) for row in rows], on_right=True),
    ]
    for how in ('MACs', 'share', 'layer_us'):
        cells = []
        for row in rows:
            if how in row.errors:
                typical, worst = row.errors[how]
                cells.append(f'{typical - 1:.0%} ({worst - 1:.0%})')
            else:
                cells.append('-')
        columns.append(Column(f'by {how}', cells, on_right=True))
    columns.append(Column('source', [row.source for row in rows]))
    return to_table(columns)


def run(argv, stdin, stdout, stderr):
    """Yield the text that the command line asks for; raise InputError for what is wrong.

    stdin, stdout and stderr are not used: fodlam.main hands them to every program.
    """
    if argv in (['-h'], ['--help']):  # which works without any room
        yield __doc__ or NO_HELP
        return
    with place(PROGRAM):
        from fodlam.data.arguments import new_parser

    parser = new_parser(prog=PROGRAM)
    parser.add_argument('--format', choices=FORMATS)
    parser.add_argument('--per-layer', action='store_true')
    parser.add_argument('--calibrated', action='store_true')
    parser.add_argument('-h', '--help', action='store_true')
    asked = vars(parser.parse_args(argv))
    if 'help' in asked:
        yield __doc__ or NO_HELP
        return
    if 'calibrated' in asked:
        if len(asked) > 1:
            parser.error('--calibrated prints CSV, and takes no other option')
        with place('validate.py'):
            from fodlam.data.calibration import calibrated_csv

        yield calibrated_csv()
        return
    rows = validate('per_layer' in asked)
    format_ = asked.get('format', 'table')
    if format_ == 'json':
        yield to_json(rows)
    elif format_ == 'csv':
        from fodlam.data.tables import to_csv

        yield to_csv(rows)
    else:
        # Typical and worst errors, which have no published number, are in the second table.
        yield rows_table([row for row in rows if row['published'] is not None])
        yield f'\n{DEVICES_NOTE}\n\n'
        yield devices_table()


def main(argv, stdin, stdout, stderr):
    """Run this program on the arguments `argv` and three text streams; return the exit status."""
    from fodlam import main as fodlam_main

    return fodlam_main(argv, stdin, stdout, stderr, run, PROGRAM)


if __name__ == '__main__':
    command(run, PROGRAM)
