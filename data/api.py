"""What users call from Python: estimates, sweeps, and what --format prints.

fodlam.py finds these functions when they are asked for, as in fodlam.estimate. Their arguments are
called like the options of the command line.
"""

import contextlib
import warnings
from collections.abc import Callable, Iterable, Iterator

from fodlam import (
    Catalog,
    InputError,
    make_estimate,
    place,
    quote,
    run,
    run_program,
    to_report,
)
from fodlam.data.streams import TextInput, TextOutput, adapted
from fodlam.data.values import json_config, json_value

# === Reports ===


class Report(dict):
    """A report, which is a dict, and beside it the Estimate that tables and pictures are made of.

    A copy of it, also by pickle or JSON, is only a dict: an Estimate holds functions, which cannot
    be pickled.
    """

    __slots__ = ('estimate',)

    def __reduce__(self):
        return dict, (dict(self),)


def estimate(
    config: dict | bytes,
    per_frame: bool = False,
    per_layer: bool = False,
    range: bool = False,
) -> dict:
    """Return the report on a configuration: energy (J) and latency (s) of conv, fc and total.

    config: a dict with the keys of a JSON config, such as {'net': 'VGG16', 'layers': ['FC8']}, or
    the JSON as bytes. NumPy's numbers, booleans and arrays count as numbers, booleans and lists.
    per_frame: count Eyeriss's layers for one frame, not for the batch that was measured.
    per_layer: add 'layers', a list of dicts in the config's order.
    range: add 'energy_range' and 'latency_range', [low, high], to layers and groups.
    Returns {'conv': {'energy': ..., 'latency': ...}, 'fc': {...}, 'total': {...}, 'frames':
    {'conv': ..., 'fc': ...}}, where frames are how many the costs of each kind are for; 'title' if
    the config has one. Some networks and accelerators add other keys, such as 'bounds', 'energy_by'
    or 'left_out' (data/README.md, "Reports").
    Raises InputError if anything in the config, or in a file that it names, is wrong. Warns of what
    looks like a mistake in either, such as a clock in Hz.

    >>> report = estimate({'net': 'VGG16', 'layers': ['CONV1-1']}, per_frame=True)
    >>> report['total']
    {'energy': 0.0062738, 'latency': 0.025400000000000002}
    >>> report['frames']
    {'conv': 1, 'fc': 1}
    """
    report = make_report(config, per_frame, per_layer, range, Catalog)
    for doubt in report.estimate.doubts:
        warnings.warn(doubt, stacklevel=2)
    return report


def sweep(
    configs: Iterable[dict | bytes],
    per_frame: bool = False,
    per_layer: bool = False,
    range: bool = False,
) -> Iterator[dict]:
    """Yield the report on each config, or {'error': message} if one is wrong.

    configs: an iterable of what `estimate` takes. Files that several need are read once.
    per_frame, per_layer, range: see `estimate`.
    """
    from fodlam.data.sweeps import KeptCatalogs

    kept = KeptCatalogs()
    warned = False
    for config in configs:
        try:
            report = make_report(config, per_frame, per_layer, range, kept.find)
        except InputError as error:
            report = {'error': str(error)}
        else:
            if report.estimate.doubts and not warned:
                warned = True
                doubt = f'{report.estimate.doubts[0]}; of later configs, nothing is said'
                warnings.warn(doubt, stacklevel=2)
        yield report


def calibrate(accelerator: dict, rates: dict) -> dict:
    """Return an accelerator's keys with its 'efficiency' and 'layer_us', as measured rates tell.

    accelerator: a dict of its keys, as in a config. rates: {netfile: frames per second}, measured
    on it. One network tells the efficiency alone, and two or more the time per layer as well
    (data/README.md, "Devices").
    Warns of numbers that look like a wrong unit. Raises InputError if a key, a net file or a rate
    is wrong, or a rate is above what the roofline allows.

    >>> chip = {'macs': 1000, 'clock_mhz': 1000, 'dram_gb_per_s': 25}
    >>> round(calibrate(chip, {'googlenet.json': 400})['efficiency'], 3)
    0.661
    """
    from fodlam.data.accelerators import unit_doubts
    from fodlam.data.calibration import calibrate

    with place('accelerator'):
        accelerator = json_value(accelerator)
    with place('rates'):
        rates = json_value(rates)
    calibrated = calibrate(accelerator, rates)
    for doubt in unit_doubts(calibrated):
        warnings.warn(doubt, stacklevel=2)
    return calibrated


def make_report(config, per_frame, per_layer, ranges, find_catalog):
    """Return the Report on a config.

    config, per_frame, per_layer: see `estimate`. ranges: whether the report has ranges.
    find_catalog: fodlam.Catalog, or a function with the same arguments that returns a Catalog.
    Raises InputError if the config is wrong.
    """
    with place('config'):
        config = json_config(config)  # a copy, as users change a config and estimate again
    made = make_estimate(config, per_frame, ranges, find_catalog)
    report = Report(to_report(made, per_layer))
    report.estimate = made
    return report


# === What --format prints ===


def table(report_or_config: dict | bytes, per_frame: bool = False, range: bool = False) -> str:
    """Return a report, or the one on a config, as a table for people: what --format table prints.

    report_or_config: a report as `estimate` and `sweep` return it, with or without layers, and not
    a copy of one; or a config.
    per_frame, range: of a config; see `estimate`.
    Raises InputError if the config is wrong, or if no table can be made of the report.

    >>> print(table({'net': 'VGG16', 'layers': ['FC8'], 'title': 'The last layer'})[:14])
    The last layer
    """
    return render(report_or_config, 'table', per_frame, range)


def csv(report_or_config: dict | bytes, per_frame: bool = False, range: bool = False) -> str:
    """Return a report, or the one on a config, as CSV: what --format csv prints.

    Arguments and errors: see `table`.
    """
    return render(report_or_config, 'csv', per_frame, range)


def svg(
    report_or_config: dict | bytes,
    per_frame: bool = False,
    range: bool = False,
    theme: str = 'auto',
) -> str:
    """Return a picture of a report, or of the one on a config, as SVG: what --format svg prints.

    theme: 'light', 'dark', or 'auto', for what the program that shows it prefers.
    Other arguments, and errors: see `table`.
    """
    return render(report_or_config, 'svg', per_frame, range, theme)


def render(report_or_config, format_, per_frame, ranges, theme='auto'):
    """Return a report, or the one on a config, in a format of data/formats.py.

    ranges: whether the report has ranges. Other arguments, and errors: see `table` and `svg`.
    """
    from fodlam.data.formats import THEMES, render_estimate

    if theme not in THEMES:
        from fodlam.data.mistakes import choices

        raise InputError(f'theme: {quote(theme)}; {choices(THEMES, theme)}')
    if isinstance(report_or_config, Report):
        if per_frame or ranges:
            raise InputError('report: per_frame and range are for a config; leave them out')
        made = report_or_config.estimate
    else:
        check_no_copy(report_or_config)
        made = make_report(report_or_config, per_frame, False, ranges, Catalog).estimate
    return render_estimate(made, format_, None, theme)


def check_no_copy(value):
    """Raise InputError if a value is a report that no table or picture can be made of."""
    if not isinstance(value, dict):
        return
    if 'error' in value:
        raise InputError(value['error'])
    if 'total' in value or 'average' in value:
        raise InputError(
            'report: a copy of one, or one of diagnose, which lack what tables and pictures are '
            'made of; expected a report as estimate or sweep returned it, or a config'
        )


# === Programs ===


def main(
    argv: list[str],
    stdin: object,
    stdout: object,
    stderr: object,
    run: Callable = run,
    program: str = 'fodlam',
) -> int:
    """Run a program and return its exit status, with text streams of any kind.

    argv: the list of arguments. stdin, stdout, stderr: text streams, such as io.StringIO or those
    of a notebook; None stands for one that is closed.
    run, program: see fodlam.run_program.

    >>> import io
    >>> out = io.StringIO()
    >>> main([], io.StringIO('{"net": "VGG16", "layers": ["FC8"]}'), out, None)
    0
    >>> out.getvalue()[:8]
    '{\\n  "con'
    """
    stdin, stdout = adapted(stdin, TextInput), adapted(stdout, TextOutput)
    stderr = adapted(stderr, TextOutput)
    if stdout is not None:
        with contextlib.suppress(OSError):  # which comes again, and is told, if anything is printed
            stdout.flush()  # what was printed before comes before
    return run_program(argv, stdin, stdout, stderr, run, program)
