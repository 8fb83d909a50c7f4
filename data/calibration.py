"""How a device's share of its roofline and its time per layer are chosen, and how far off both are.

A network takes the time

    t = (roofline + layers * layer_us) / efficiency

where `layers` counts those with MACs, as a device has to start each of them. Both numbers are
chosen on networks that were measured on the device. To tell how far off the model is for any other
network, each measured network is left out in turn, and modelled by what the others tell.

Terms:
  run     a network on a device
  factor  a measured time over the modelled one: 1.25 if a network took a quarter more time
  error   a factor or its inverse, whichever is above 1
"""

import csv
import functools
import itertools
import math
from collections import namedtuple

import fodlam
from fodlam import MAX_NUMBER, MIN_NUMBER, Catalog, is_number, place, quote, read_text
from fodlam.data.accelerators import parse_accelerator
from fodlam.data.demand import DemandModel
from fodlam.data.devices import (
    CALIBRATED_COLUMNS,
    CALIBRATED_KEY,
    MANY_NETWORKS,
    NETFILES,
    Calibrated,
    Errors,
    bare_device,
    read_devices,
)
from fodlam.data.roofline import Workload, cost_workload
from fodlam.data.sweeps import KeptCatalogs

# The part of all factors that a range leaves out at either end.
LEFT_OUT = 0.05

# The search for the time per layer tries the ends of STEPS equal steps, and goes on between the two
# beside the best. It does so ZOOMS times, each in a fifth of the interval before: that finds the
# time to 10^-7 of the first interval.
STEPS = 10
ZOOMS = 10


class Run(namedtuple('Run', 'roof_s layers macs measured_s')):
    """A network on a device.

    roof_s: the time of its roofline. layers: how many layers have MACs. macs: of all of them.
    measured_s: the time that was measured.
    """

    __slots__ = ()


class Fit(namedtuple('Fit', 'efficiency layer_s')):
    """What was chosen for a device: its share of the roofline, and its time per layer in s."""

    __slots__ = ()

    def factor(self, run):
        """Return the measured time of a Run over the modelled one."""
        return run.measured_s * self.efficiency / (run.roof_s + run.layers * self.layer_s)


# === Choosing ===


def fit_share(runs):
    """Return the Fit without a time per layer: the geometric mean of the shares of some Runs.

    >>> fit_share([Run(roof_s=1, layers=9, macs=1, measured_s=2), Run(1, 9, 1, 8)])
    Fit(efficiency=0.25, layer_s=0)
    """
    return Fit(geometric_mean([run.roof_s / run.measured_s for run in runs]), 0)


def fit_share_and_layer(runs):
    """Return the Fit of two Runs or more with which the logarithms of their factors spread least.

    Two networks, a light and a heavy one, are met exactly. The time per layer is never negative.
    Where that would take an efficiency of 1 or more, as with two networks much alike, the Runs do
    not tell a time per layer, and the Fit is that of `fit_share`.

    >>> light, heavy = Run(roof_s=1, layers=10, macs=1, measured_s=4), Run(8, 20, 8, 20)
    >>> fit = fit_share_and_layer([light, heavy])  # (1 + 10 x 0.1) / 0.5, (8 + 20 x 0.1) / 0.5
    >>> round(fit.efficiency, 6), round(fit.layer_s, 6)
    (0.5, 0.1)
    """

    # With a time per layer, a Run attains a larger share: (roof_s + layers * layer_s) / measured_s.
    # That is a straight line over layer_s; these are (its height at 0, its slope).
    lines = [(run.roof_s / run.measured_s, run.layers / run.measured_s) for run in runs]

    def spread(layer_s):
        logarithms = [math.log(at_0 + slope * layer_s) for at_0, slope in lines]
        mean = sum(logarithms) / len(logarithms)
        return sum([(logarithm - mean) ** 2 for logarithm in logarithms])

    # The longest time is one with which the layers alone take as long as the networks did.
    shortest, longest = 0, geometric_mean([run.measured_s / run.layers for run in runs])
    for _ in range(ZOOMS):
        step = (longest - shortest) / STEPS
        best = min((shortest + i * step for i in range(STEPS + 1)), key=spread)
        shortest, longest = max(shortest, best - step), min(longest, best + step)
    efficiency = geometric_mean([at_0 + slope * best for at_0, slope in lines])
    return Fit(efficiency, best) if efficiency < 1 else fit_share(runs)


def fit_device(runs):
    """Return the Fit of a named device; runs: its Runs. Few networks tell nothing but a share."""
    return fit_share_and_layer(runs) if len(runs) >= MANY_NETWORKS else fit_share(runs)


def geometric_mean(numbers):
    """Return the geometric mean of some numbers above 0.

    >>> geometric_mean([1, 4])
    2.0
    """
    return math.exp(math.fsum(math.log(number) for number in numbers) / len(numbers))


# === How far off it is ===


def errors_of(factors):
    """Return the list of the errors of some factors.

    >>> errors_of([0.5, 4])
    [2.0, 4]
    """
    return [max(factor, 1 / factor) for factor in factors]


def leave_one_out(runs, fit):
    """Return the list of the factor of each Run by a Fit of all others.

    runs: a list of at least two. fit: a function that returns the Fit of a list of Runs.
    """
    factors = []
    for index, run in enumerate(runs):
        others = runs[:index] + runs[index + 1 :]
        factors.append(fit(others).factor(run))
    return factors


def from_one_to_another(devices):
    """Return the list of the factor of each network, by the share of each other on its device.

    devices: {device: {network: Run}}.
    """
    factors = []
    for runs in devices.values():
        for known, run in itertools.permutations(runs.values(), 2):
            factors.append(fit_share([known]).factor(run))
    return factors


def from_two_to_another(devices, fit):
    """Return the list of the factor of each network, by each two others on its device.

    devices: {device: {network: Run}}. fit: a function that returns the Fit of a list of Runs.
    """
    factors = []
    for runs in devices.values():
        for known in itertools.combinations(runs, 2):
            fitted = fit([runs[network] for network in known])
            factors += [fitted.factor(runs[network]) for network in runs if network not in known]
    return factors


def percentile(numbers, part):
    """Return the number that a part of all numbers is below, such as 0.05; for few, an extreme.

    That is Python's statistics.quantiles, by the method "exclusive": numbers that were measured are
    a sample, and what was not measured may lie outside of it.

    >>> percentile([30, 10, 20], 0.5), percentile([30, 10, 20], 0.6), percentile([30, 10, 20], 0.95)
    (20.0, 24.0, 30)
    """
    ordered = sorted(numbers)
    position = part * (len(ordered) + 1) - 1
    if position <= 0:
        return ordered[0]
    if position >= len(ordered) - 1:
        return ordered[-1]
    below = math.floor(position)
    return ordered[below] + (position - below) * (ordered[below + 1] - ordered[below])


def summarize(factors):
    """Return the Errors of some factors."""
    errors = errors_of(factors)
    return Errors(
        percentile(factors, LEFT_OUT),
        percentile(factors, 1 - LEFT_OUT),
        geometric_mean(errors),
        max(errors),
    )


# === Devices of your own ===

# The columns of the file that --calibrate reads.
MEASURED_COLUMNS = ('netfile', 'frames_per_s')
MAX_RATES = 500  # each takes about as long as an estimate


def calibrate(accelerator, rates):
    """Return an accelerator's keys with the efficiency, and the time per layer, that rates tell.

    accelerator: {key: value}, as a config has them. rates: {netfile: frames per second}.
    One network tells the efficiency alone; two or more, the time per layer as well.
    Raises InputError if a key, a net file or a rate is wrong.
    """
    with place('accelerator'):
        if not isinstance(accelerator, dict):
            raise ValueError(f'got {quote(accelerator)}; expected an object with its keys')
        members = {}
        for key, value in accelerator.items():
            if key not in ('efficiency', 'layer_us'):  # which are chosen anew
                members[key] = value
        bare = parse_accelerator(members)
    with place('rates'):
        runs = runs_of_rates(bare, rates)
    if len(runs) == 1:
        return {**members, 'efficiency': fit_share(runs).efficiency}
    fit = fit_share_and_layer(runs)
    layer_us = fit.layer_s * 1e6 * (bare.batch or 1)  # a layer is started once for a batch
    return {**members, 'efficiency': fit.efficiency, 'layer_us': layer_us}


def runs_of_rates(accelerator, rates):
    """Return the list of the Runs of some networks on an accelerator.

    accelerator: an Accelerator without an efficiency and a time per layer. rates: see `calibrate`.
    Raises ValueError if a rate is wrong, or InputError if a net file is.
    """
    if not isinstance(rates, dict) or not rates:
        raise ValueError(f'got {quote(rates)}; expected frames per second of some net files')
    if len(rates) > MAX_RATES:
        raise ValueError(f'{len(rates)} net files; expected at most {MAX_RATES}')
    runs = []
    for netfile, rate in rates.items():
        if not isinstance(netfile, str):
            raise ValueError(f'{quote(netfile)} is no net file; expected its name or path')
        if not is_number(rate, MIN_NUMBER, MAX_NUMBER):
            expected = f'frames per second, from {MIN_NUMBER:g} to {MAX_NUMBER:g}'
            raise ValueError(f'{quote(netfile)} has {quote(rate)}; expected {expected}')
        run = make_run(accelerator, netfile, rate, Catalog)
        if run.roof_s > run.measured_s:
            most = f'at most {1 / run.roof_s:.4g} frames per second, which is its roofline'
            raise ValueError(f'{quote(netfile)} has {quote(rate)}; expected {most}')
        runs.append(run)
    return runs


def calibrate_config(config, path):
    """Return the accelerator of a config, as `calibrate` does by the rates in a file.

    config: a dict with an "accelerator"; its other keys do not matter. path: of the file.
    Raises ValueError if the config has no accelerator, or InputError as `calibrate` does.
    """
    if not isinstance(config, dict) or 'accelerator' not in config:
        raise ValueError(f'{quote(config)}; expected an object with an "accelerator"')
    return calibrate(config['accelerator'], read_rates(path))


def read_rates(path):
    """Return {netfile: frames per second} of a CSV file with MEASURED_COLUMNS.

    Raises InputError if it cannot be read, or a line of it is wrong.
    """
    where = f'file {quote(path)}'
    with place(where):
        reader = csv.reader(read_text(path).splitlines(), skipinitialspace=True)
        heading = next(reader, [])
        if heading != list(MEASURED_COLUMNS):
            found, expected = ','.join(heading), ','.join(MEASURED_COLUMNS)
            raise ValueError(f'begins with {quote(found)}; expected {expected}')
        rates = {}
        for cells in reader:
            if not cells:
                continue
            with place(f'{where}, line {reader.line_num}'):
                netfile, rate = parse_rate(cells)
                if netfile in rates:
                    raise ValueError(f'{quote(netfile)} is there twice; expected it once')
            rates[netfile] = rate
        if not rates:
            raise ValueError('no rates; expected a line for each net file')
    return rates


def parse_rate(cells):
    """Return (netfile, frames per second) of a line; raise ValueError if it is wrong.

    cells: the list of its texts.
    """
    expected = 'a net file, and its frames per second, such as googlenet.json,400'
    problem = f'{quote(",".join(cells))}; expected {expected}'
    if len(cells) != len(MEASURED_COLUMNS) or not cells[0]:
        raise ValueError(problem)
    try:
        return cells[0], float(cells[1])
    except ValueError:
        raise ValueError(problem) from None


# === Devices ===


def measured_runs():
    """Return {device: {network: Run}} of all devices; they are made once, and kept."""
    return kept_measured_runs(fodlam.DATA_DIR, fodlam.NETS_DIR)


@functools.cache
def kept_measured_runs(data_dir, nets_dir):
    """Return `measured_runs`; data_dir, nets_dir: where fodlam reads files, which may change."""
    find_catalog = KeptCatalogs().find
    runs = {}
    for device, rows in read_devices().items():
        runs[device] = {}
        for network, row in rows.items():
            netfile, rate = NETFILES[network], row['frames_per_s']
            runs[device][network] = make_run(bare_device(row), netfile, rate, find_catalog)
    return runs


def make_run(accelerator, netfile, frames_per_s, find_catalog):
    """Return the Run of a network on an accelerator.

    accelerator: an Accelerator without an efficiency and a time per layer. netfile: see
    fodlam.read_net. frames_per_s: as measured.
    find_catalog: fodlam.Catalog, or a function with the same arguments that returns a Catalog.
    Raises InputError if the net file is wrong.
    """
    catalog = find_catalog(netfile, DemandModel, accelerator.mapping)
    if catalog.whole is None:
        catalog.whole = Workload([layer.cost for layer in catalog.layers.values()])
    roof_s = cost_workload(catalog.whole, accelerator, limits=None).sums['total'].latency_s
    macs = sum(layer.macs for layer in catalog.layers.values())
    return Run(roof_s, len(catalog.layers), macs, 1 / frames_per_s)


def calibrate_device(device, devices):
    """Return the Calibrated of a device; devices: {device: {network: Run}} of all of them.

    The errors of a device with MANY_NETWORKS or more are those of its own networks, each by all
    others. Fewer say little, so the errors are those of the networks of all devices: each by one
    other on its device if this device has one network, and else each by two others.
    """
    runs = list(devices[device].values())
    fit = fit_device(runs)
    shares = [run.roof_s / run.measured_s for run in runs]
    if len(runs) >= MANY_NETWORKS:
        factors = leave_one_out(runs, fit_device)
    elif len(runs) == 1:
        factors = from_one_to_another(devices)
    else:
        factors = from_two_to_another(devices, fit_share)
    errors = summarize(factors)
    # No range leaves out what is known of the device itself.
    known = [fit.factor(run) for run in runs]
    errors = errors._replace(least=min(errors.least, *known), most=max(errors.most, *known))
    return Calibrated(
        len(runs), fit.efficiency, fit.layer_s * 1e6, min(shares), max(shares), *errors
    )


def calibrated_csv():
    """Return the text of CALIBRATED_FILE, by what was measured."""
    headings = [CALIBRATED_KEY, *(heading for heading, _ in CALIBRATED_COLUMNS.values())]
    devices = measured_runs()
    lines = [','.join(headings)]
    for device in devices:
        calibrated = calibrate_device(device, devices)
        numbers = [getattr(calibrated, field) for field in CALIBRATED_COLUMNS]
        lines.append(','.join([device, *map(str, numbers)]))
    return ''.join(f'{line}\n' for line in lines)
