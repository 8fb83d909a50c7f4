"""Estimates on a config's "accelerator", which is a name or an object of its keys.

Names are those of NVDLA's published configurations, of systolic arrays, and of devices that were
measured (data/devices.py). Here, a name or an object becomes an Accelerator; what that is, and what
layers cost on it, is in data/roofline.py.
Sources: NVDLA's primer (nvdla.org), and the performance estimator in its repository nvdla/hw;
Jouppi et al., ISCA 2017, on Google's first Tensor Processing Unit (TPU).
"""

import functools
import math

import fodlam
from fodlam import (
    MAX_NUMBER,
    MAX_SIZE,
    MIN_NUMBER,
    Estimate,
    is_number,
    net_place,
    place,
    quote,
    read_table,
    select,
)
from fodlam.data.array import DATAFLOWS
from fodlam.data.chain import doubt_chain
from fodlam.data.demand import DemandModel
from fodlam.data.devices import accuracy_notes, find_device, read_devices, time_limits
from fodlam.data.roofline import (
    ACCELERATOR_KEYS,
    ENERGY_DEFAULTS,
    REQUIRED_KEYS,
    Accelerator,
    Workload,
    cost_workload,
    price_layer,
)
from fodlam.data.words import engineering

# Other names of keys, which earlier versions had.
OTHER_NAMES = {'dram_gbps': 'dram_gb_per_s'}
# Numbers that no real machine is beyond. Clocks are from 1 MHz to 10 GHz, and the largest arrays,
# on whole wafers, have fewer than 10^7 MACs: the most of both is ten times as much. The memories of
# these arrays have less than 10^8 GB/s.
LEAST_CLOCK_MHZ, MOST_CLOCK_MHZ = 1, 100_000
MOST_MACS = 10**8
MOST_DRAM_GB_PER_S = 10**8
DRAM_UNIT = 'in 10^9 bytes per second: 20 GB/s is 20'
# [(key, the least and the most that a real machine has, what the unit is)]. A clock that is too low
# may be in GHz, and one that is too high in Hz.
USUAL_LIMITS = [
    ('clock_mhz', LEAST_CLOCK_MHZ, math.inf, 'in MHz, not GHz: 1 GHz is 1000'),
    ('clock_mhz', 0, MOST_CLOCK_MHZ, 'in MHz, not Hz: 1 GHz is 1000'),
    ('macs', 0, MOST_MACS, 'MACs per cycle, not per second: 1 TMAC/s at 1000 MHz is 1000'),
    ('dram_gb_per_s', 0, MOST_DRAM_GB_PER_S, DRAM_UNIT),
    ('dram_gbps', 0, MOST_DRAM_GB_PER_S, DRAM_UNIT),
]

# {key of a config that does not go together with "accelerator": why}
CONFLICTS = {
    'process_nm': 'scales the published tables, which an accelerator does not use',
    'process_scaling': 'is for published tables, not for an accelerator',
    'scaling': 'is for Eyeriss and EIE, and an accelerator has its roofline',
    'density': 'is for EIE, and an accelerator has its roofline',
}


def estimate_on_accelerator(config, netfile, ranges, find_catalog):
    """Return the Estimate of a config with "accelerator".

    config: a dict of its keys. netfile: of its network, as configs.find_any_net returns it.
    ranges: whether the Estimate has ranges.
    find_catalog: fodlam.Catalog, or a function with the same arguments that returns a Catalog.
    Raises ValueError if the accelerator is wrong, or another key does not go together with it.
    """
    for key, reason in CONFLICTS.items():
        if key in config:
            raise ValueError(f'"{key}" {reason}; leave one out')
    with place('config: "accelerator"'):
        accelerator = find_accelerator(config['accelerator'])
    limits = time_limits(accelerator) if ranges else None
    catalog = find_catalog(netfile, DemandModel, accelerator.mapping)
    if 'layers' in config:
        layers = select(config['layers'], catalog)
        workload = Workload([layer.cost for layer in layers], accelerator.batch)
    else:
        layers = catalog.layers.values()
        if catalog.whole is None:  # the lines of a sweep share the catalog, and all its layers
            catalog.whole = Workload([layer.cost for layer in layers], accelerator.batch)
        workload = catalog.whole
    costs = cost_workload(workload, accelerator, limits)

    def make_layers():
        return [price_layer(layer, accelerator, limits) for layer in layers]

    estimate = Estimate(config, costs.sums, catalog.frames, make_layers, catalog.left_out)
    estimate.ranges = costs.ranges
    estimate.bounds = costs.bounds
    estimate.energy_by = costs.energy_by
    estimate.traffic = costs.traffic
    estimate.accelerator = accelerator
    estimate.doubts = find_doubts(accelerator, config['accelerator'], catalog.entries, netfile)
    return estimate


def find_doubts(accelerator, value, entries, netfile):
    """Return the list of sentences on what may be wrong with an accelerator or its network.

    accelerator: the Accelerator. value: of the config's "accelerator".
    entries: {canonical name: entry}, all layers of the net file.
    netfile: as configs.find_any_net returns it.
    """
    doubts = []
    if isinstance(value, dict) and not has_usual_numbers(accelerator):
        doubts += unit_doubts(value)
    if accelerator.feature_kib:
        doubt = doubt_chain(entries)
        if doubt:
            doubts.append(f'{net_place(netfile)}: {doubt}')
    return doubts


def has_usual_numbers(accelerator):
    """Return whether an Accelerator is within USUAL_LIMITS.

    In a sweep, this is faster than `unit_doubts`.
    """
    return (
        LEAST_CLOCK_MHZ <= accelerator.clock_mhz <= MOST_CLOCK_MHZ
        and accelerator.macs <= MOST_MACS
        and accelerator.dram_gb_per_s <= MOST_DRAM_GB_PER_S
    )


def unit_doubts(members):
    """Return the list of doubts about the units of an accelerator's numbers.

    members: {key: value}, as a config has them, checked.

    >>> unit_doubts({'macs': 1024, 'clock_mhz': 1e9, 'dram_gb_per_s': 20})
    ['config: "accelerator": "clock_mhz" is 1000000000.0, which is in MHz, not Hz: 1 GHz is 1000']
    """
    doubts = []
    for key, least, most, unit in USUAL_LIMITS:
        if key in members and not least <= members[key] <= most:
            doubts.append(f'config: "accelerator": "{key}" is {members[key]}, which is {unit}')
    return doubts


def notes_on(estimate):
    """Return the list of sentences that explain an Estimate on an accelerator to its readers."""
    accelerator = estimate.accelerator
    notes = []
    if accelerator.batch is not None:
        latency_s = estimate.traffic.batch_latency(estimate.sums['total'].latency_s)
        time = engineering(latency_s, 's')
        notes.append(f'a batch of {accelerator.batch:,} takes {time}; all costs are per frame')
    if accelerator.feature_kib:
        notes.append(
            f'feature maps of up to {accelerator.feature_kib:,} KiB that only the next layers read '
            'stay on chip: a bound on what a schedule could do'
        )
    return notes + accuracy_notes(estimate)


def find_accelerator(value):
    """Return the Accelerator that a config asks for.

    value: of the config's "accelerator", which should be a name or a dict of keys.
    Raises ValueError if it is not, or the name, a key or a number is wrong.
    """
    if isinstance(value, str):
        return named_accelerator(value)
    if not isinstance(value, dict):
        raise ValueError(f'got {quote(value)}; expected a name or an object')
    return parse_accelerator(value)


# The keys that say the shape of an array, all or none of which are given, and keys that do not go
# together with them.
ARRAY_KEYS = ('rows', 'cols', 'dataflow')
NOT_WITH_ARRAY = ('channel_atom', 'kernel_atom', 'winograd_gain')
# {key: (least, most)}, of the keys whose values are whole numbers. Nobody runs more frames together
# than 65,536.
WHOLE_LIMITS = {'batch': (1, 2**16), 'rows': (1, MAX_SIZE), 'cols': (1, MAX_SIZE)}
# The same, of the keys whose values are other numbers, which are all others but "dataflow".
NUMBER_KEYS = [key for key in ACCELERATOR_KEYS if key not in (*WHOLE_LIMITS, 'dataflow')]
LIMITS = {
    **dict.fromkeys(NUMBER_KEYS, (MIN_NUMBER, MAX_NUMBER)),
    **dict.fromkeys(ENERGY_DEFAULTS, (0, MAX_NUMBER)),
    'efficiency': (MIN_NUMBER, 1),
    'feature_kib': (0, MAX_NUMBER),
    'layer_us': (0, MAX_NUMBER),
}


def parse_accelerator(members):
    """Return the Accelerator with some keys; raise ValueError if a key or value is wrong.

    members: {key: value}, as a config has them.
    """
    values = {}
    for name, value in members.items():
        key = OTHER_NAMES.get(name, name)
        if key in values:  # by its other name
            (other_name,) = [other for other in members if OTHER_NAMES.get(other) == key]
            raise ValueError(f'"{key}" and "{other_name}" are two names of one key; give one')
        if key in LIMITS:
            values[key] = parse_number(name, value, LIMITS[key])
        elif key in WHOLE_LIMITS:
            values[key] = parse_whole(name, value, WHOLE_LIMITS[key])
        elif key == 'dataflow':
            values[key] = parse_dataflow(value)
        else:
            from fodlam.data.mistakes import choices

            raise ValueError(f'unknown key {quote(key)}; {choices(ACCELERATOR_KEYS, key)}')
    has_array_key = not values.keys().isdisjoint(ARRAY_KEYS)
    if has_array_key:
        values['macs'] = find_macs(values)
    if 'sram_pj_per_byte' in values and 'rows' not in values:
        raise ValueError('"sram_pj_per_byte" needs the shape of the array; give "rows" and "cols"')
    for key in REQUIRED_KEYS:
        if key not in values:
            required = ', '.join(REQUIRED_KEYS)
            raise ValueError(f'no "{key}"; expected a number for each of {required}')
    return Accelerator(**values)


def parse_number(name, value, limits):
    """Return the number of a key, as an int if it is whole and not too large, or else as a float.

    name: of the key, in the config. value: the config's. limits: (least, most) of the number.
    Raises ValueError if the value is no number, or is outside of the limits.

    A sweep looks Catalogs up by these numbers, and 64 and 64.0 are equal. But computing with an int
    may round in other places than with a float, so that the last digits of a report would depend on
    which of them the sweep met first.

    >>> parse_number('feature_kib', 64.0, (0, 100)), parse_number('feature_kib', 64.5, (0, 100))
    (64, 64.5)
    """
    least, most = limits
    if not is_number(value, least, most):
        expected = f'a number from {least:g} to {most:g}'
        raise ValueError(f'"{name}" is {quote(value)}; expected {expected}')
    is_whole = value % 1 == 0 and value <= MAX_SIZE
    return int(value) if is_whole else float(value)


def parse_whole(name, value, limits):
    """Return the whole number of a key, as an int; arguments: as for `parse_number`.

    Raises ValueError if the value is no whole number, or is outside of the limits.

    >>> parse_whole('rows', 256.0, (1, 1000))
    256
    """
    least, most = limits
    if not is_number(value, least, most) or value % 1 != 0:
        expected = f'a whole number from {least} to {most}'
        raise ValueError(f'"{name}" is {quote(value)}; expected {expected}')
    return int(value)


def parse_dataflow(value):
    """Return the dataflow of an array; raise ValueError if it is none of DATAFLOWS."""
    if value not in DATAFLOWS:
        raise ValueError(f'"dataflow" is {quote(value)}; choose from {", ".join(DATAFLOWS)}')
    return value


def find_macs(values):
    """Return the MACs per cycle of an array with a shape.

    values: {key: value}, as `parse_accelerator` has them, with at least one of ARRAY_KEYS.
    Raises ValueError if one of these is missing, or does not go together with another key.
    """
    for key in ARRAY_KEYS:
        if key not in values:
            raise ValueError(f'no "{key}"; expected all of {", ".join(ARRAY_KEYS)}, or none')
    for key in NOT_WITH_ARRAY:
        if key in values:
            raise ValueError(f'"{key}" does not go with "rows" and "cols"; leave one out')
    macs = values['rows'] * values['cols']
    if values.get('macs', macs) != macs:
        problem = f'"macs" is {values["macs"]}, but rows x cols is {macs}'
        raise ValueError(f'{problem}; leave "macs" out')
    return macs


# === Named accelerators ===

# NVDLA's primer: its seven configurations.
NVDLA_FILE = 'nvdla.csv'
NVDLA_KEY = 'Configuration'
NVDLA_COLUMNS = {
    'macs': ('MACs per Cycle', 1),
    'clock_mhz': ('Clock (MHz)', 1),
    'dram_gb_per_s': ('DRAM Bandwidth (GB/s)', 1),
    'buffer_kib': ('Convolution Buffer (KiB)', 1),
    'power_mw': ('Average Power at 16 nm (mW)', 1),
}
# NVDLA's performance estimator (perf/): channels and filters are handled in groups of these sizes,
# and 3 x 3 kernels with stride 1 by Winograd's algorithm, which does 2.25 times fewer MACs.
NVDLA_MAPPING = {'channel_atom': 16, 'kernel_atom': 128, 'winograd_gain': 2.25}

# Jouppi et al., ISCA 2017: the array is weight stationary. The unified buffer is for activations,
# so that a map that fits stays in it.
ARRAYS_FILE = 'arrays.csv'
ARRAYS_KEY = 'Accelerator'
ARRAYS_COLUMNS = {
    'rows': ('Rows', 1),
    'cols': ('Columns', 1),
    'clock_mhz': ('Clock (MHz)', 1),
    'dram_gb_per_s': ('DRAM Bandwidth (GB/s)', 1),
    'feature_kib': ('Unified Buffer (KiB)', 1),
}
ARRAYS_DATAFLOW = 'ws'


def named_accelerator(name):
    """Return the Accelerator of a name; raise ValueError if no table in data/ has it."""
    return named_accelerator_in(fodlam.DATA_DIR, name)


@functools.cache  # for the lines of a sweep
def named_accelerator_in(data_dir, name):
    """Return the Accelerator of a name, by the tables in data/; raise ValueError if none has it.

    data_dir: fodlam.DATA_DIR, where `read_table` looks by itself. It is an argument so that once it
    is set to another folder, nothing is returned that was read from the one before.
    """
    nvdla = read_table(NVDLA_FILE, NVDLA_COLUMNS, NVDLA_KEY)
    if name in nvdla:
        return Accelerator(**nvdla[name], **NVDLA_MAPPING)
    arrays = read_table(ARRAYS_FILE, ARRAYS_COLUMNS, ARRAYS_KEY)
    if name in arrays:
        return parse_accelerator({**arrays[name], 'dataflow': ARRAYS_DATAFLOW})
    devices = read_devices()
    if name in devices:
        return find_device(name, devices)
    from fodlam.data.mistakes import choices

    known = choices([*nvdla, *arrays, *devices], name)
    raise ValueError(f'unknown name {quote(name)}; {known}, or give an object')
