"""Estimates on a config's "accelerator", which is a name or an object of its keys.

There are two families of names: NVDLA's published configurations, and devices that were measured
(data/devices.py). What is done with an Accelerator, and the class itself, is in data/roofline.py.
Source: NVDLA's primer (nvdla.org), and the performance estimator in its repository nvdla/hw.
"""

import functools

import fodlam
from fodlam import (
    MAX_NUMBER,
    MAX_SIZE,
    MIN_NUMBER,
    Estimate,
    is_number,
    place,
    quote,
    read_table,
    select,
)
from fodlam.data.devices import find_device, read_devices, time_limits
from fodlam.data.roofline import (
    ACCELERATOR_KEYS,
    ENERGY_DEFAULTS,
    REQUIRED_KEYS,
    Accelerator,
    DemandModel,
    Workload,
    cost_workload,
    price_layer,
)

# Other names of keys, which earlier versions had.
OTHER_NAMES = {'dram_gbps': 'dram_gb_per_s'}
# {key: (a number that no real machine is above, what the unit is)}. Clocks are below 10 GHz, and
# the largest arrays, on whole wafers, below 10^7 MACs.
USUAL_LIMITS = {
    'clock_mhz': (100_000, 'in MHz, not Hz: 1 GHz is 1000'),
    'macs': (10**8, 'MACs per cycle, not per second: 1 TMAC/s at 1000 MHz is 1000'),
}

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
    catalog = find_catalog(netfile, DemandModel, *accelerator.dataflow)
    if 'layers' in config:
        layers = select(config['layers'], catalog)
        workload = Workload([layer.cost for layer in layers])
    else:
        layers = catalog.layers.values()
        if catalog.whole is None:
            catalog.whole = Workload([layer.cost for layer in layers])
        workload = catalog.whole
    costs = cost_workload(workload, accelerator, limits)

    def make_layers():
        return [price_layer(layer, accelerator, limits) for layer in layers]

    estimate = Estimate(config, costs.sums, catalog.frames, make_layers, catalog.left_out)
    estimate.ranges = costs.ranges
    estimate.bounds = costs.bounds
    estimate.energy_by = costs.energy_by
    estimate.accelerator = accelerator
    if isinstance(config['accelerator'], dict):
        estimate.doubts = unit_doubts(config['accelerator'])
    return estimate


def unit_doubts(members):
    """Return the list of doubts about the units of an accelerator's numbers.

    members: {key: number}, as a config has them, checked.

    >>> unit_doubts({'macs': 1024, 'clock_mhz': 1e9, 'dram_gb_per_s': 20})
    ['config: "accelerator": "clock_mhz" is 1000000000.0, which is in MHz, not Hz: 1 GHz is 1000']
    """
    doubts = []
    for key, (most, unit) in USUAL_LIMITS.items():
        if members[key] > most:
            doubts.append(f'config: "accelerator": "{key}" is {members[key]}, which is {unit}')
    return doubts


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


def parse_accelerator(members):
    """Return the Accelerator with some keys; raise ValueError if a key or number is wrong.

    members: {key: number}, as a config has them.
    """
    numbers = {}
    for name, number in members.items():
        key = OTHER_NAMES.get(name, name)
        if key not in ACCELERATOR_KEYS:
            from fodlam.data.mistakes import choices

            raise ValueError(f'unknown key {quote(key)}; {choices(ACCELERATOR_KEYS, key)}')
        if key in numbers:
            others = [other for other in members if OTHER_NAMES.get(other) == key]
            raise ValueError(f'"{key}" and "{others[0]}" are two names of one key; give one')
        least = 0 if key == 'layer_us' or key in ENERGY_DEFAULTS else MIN_NUMBER
        most = 1 if key == 'efficiency' else MAX_NUMBER
        if not is_number(number, least, most):
            expected = f'a number from {least:g} to {most:g}'
            raise ValueError(f'"{name}" is {quote(number)}; expected {expected}')
        # 64, 64.0 and 6.4e1 all become 64. A sweep looks Catalogs up by these numbers, which are
        # equal, and computing with an int may round in other places than with a float: without
        # this, the digits of a report would depend on which form the sweep met first.
        is_whole = number % 1 == 0 and number <= MAX_SIZE
        numbers[key] = int(number) if is_whole else float(number)
    for key in REQUIRED_KEYS:
        if key not in numbers:
            required = ', '.join(REQUIRED_KEYS)
            raise ValueError(f'no "{key}"; expected a number for each of {required}')
    return Accelerator(**numbers)


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
NVDLA_DATAFLOW = {'channel_atom': 16, 'kernel_atom': 128, 'winograd_gain': 2.25}


def named_accelerator(name):
    """Return the Accelerator of a name; raise ValueError if no table in data/ has it."""
    return named_accelerator_in(fodlam.DATA_DIR, name)


@functools.cache  # for the lines of a sweep
def named_accelerator_in(data_dir, name):
    """Return the Accelerator of a name, by the tables in a folder.

    data_dir: fodlam.DATA_DIR, an argument because what is kept depends on it.
    Raises ValueError if no table has the name.
    """
    nvdla = read_table(NVDLA_FILE, NVDLA_COLUMNS, NVDLA_KEY)
    if name in nvdla:
        return Accelerator(**nvdla[name], **NVDLA_DATAFLOW)
    devices = read_devices()
    if name in devices:
        return find_device(name, devices)
    from fodlam.data.mistakes import choices

    known = choices([*nvdla, *devices], name)
    raise ValueError(f'unknown name {quote(name)}; {known}, or give an object')
