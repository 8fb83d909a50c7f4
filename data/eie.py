"""EIE: what a fully-connected layer costs, from its densities.

nets/README.md, "EIE from a layer's densities", derives the model and says how far it is off.
Source: Han, Liu, Mao, Pu, Pedram, Horowitz, Dally, ISCA 2016.

A density is the share of a layer's weights, or of its inputs, that is not zero.
"""

import math
from collections import namedtuple

from fodlam import EIE_FILE, choices, is_number, quote, read_table

# Tables III (sizes, and what pruning keeps) and IV (times) of the paper.
EIE_COLUMNS = {
    'inputs': ('Inputs', 1),
    'outputs': ('Outputs', 1),
    'weights': ('Weights (%)', 1e-2),
    'activations': ('Activations (%)', 1e-2),
    'actual_s': ('Actual Time (us)', 1e-6),
}
# From the text and Table V: 64 PEs at 800 MHz do a MAC a cycle each. The distance to the next weight
# is stored in 4 bits, so that a run of 16 zeros takes an entry of its own.
EIE_PES = 64
EIE_CLOCK_HZ = 800e6
EIE_RUN = 16
# With fewer weights than this, all entries are ends of runs, to eight digits.
EIE_LEAST_KEPT = 1e-9
# Of the three networks in the tables, NeuralTalk is no CNN: it calibrates, and the CNNs are tests.
EIE_CALIBRATED_ON = 'NT-'

LEAST_DENSITY = math.ulp(0.0)  # the smallest number above 0


class Density(namedtuple('Density', 'weights activations')):
    """The shares of a layer's weights and of its inputs that are not zero."""

    __slots__ = ()


def even_time(macs, density):
    """Return the time in s of an fc layer on EIE at 45 nm, if its work is spread evenly.

    macs: of the layer without pruning. density: its Density.
    With a share w of the weights kept at random, each takes 1 / (1 - (1 - w)^16) entries; each
    entry is multiplied for the share of the inputs that is not zero.

    >>> dense = even_time(4096 * 4096, Density(weights=1, activations=1))
    >>> round(dense * 1e6, 2)  # in us: 16.8 million MACs, 64 a cycle, at 800 MHz
    327.68
    """
    kept = density.weights
    if kept < EIE_LEAST_KEPT:  # 1 - kept would be rounded
        entries = macs / EIE_RUN
    else:
        entries = macs * kept / (1 - (1 - kept) ** EIE_RUN)
    return entries * density.activations / (EIE_PES * EIE_CLOCK_HZ)


class EieRow(namedtuple('EieRow', 'name even_s actual_s')):
    """An fc layer of EIE's table: its time in s with its work spread evenly, and as reported."""

    __slots__ = ()


def read_eie_rows():
    """Return the list of EieRows in EIE's table."""
    rows = []
    for name, row in read_table(EIE_FILE, EIE_COLUMNS).items():
        density = Density(row['weights'], row['activations'])
        even_s = even_time(row['inputs'] * row['outputs'], density)
        rows.append(EieRow(name, even_s, row['actual_s']))
    return rows


def imbalance(rows):
    """Return by what factor layers take longer than with their work spread evenly.

    rows: EieRows, of which those of NeuralTalk tell.
    """
    calibrating = [row for row in rows if row.name.startswith(EIE_CALIBRATED_ON)]
    actual_s = math.fsum(row.actual_s for row in calibrating)
    return actual_s / math.fsum(row.even_s for row in calibrating)


def error_ratios(rows):
    """Return modelled over published time of each EieRow that does not calibrate the model."""
    factor = imbalance(rows)
    tests = [row for row in rows if not row.name.startswith(EIE_CALIBRATED_ON)]
    return [row.even_s * factor / row.actual_s for row in tests]


def parse_entry_density(entry):
    """Return the Density that a net file's entry has, or None; raise ValueError if it is wrong."""
    keys = ('weight_density', 'activation_density')
    values = [entry[key] for key in keys if key in entry]
    return check_density(keys, values) if values else None


def parse_density(members):
    """Return the Density that a config's "density" is; raise ValueError if it is wrong."""
    keys = Density._fields
    if not isinstance(members, dict):
        expected = '{"weights": 0.1, "activations": 0.35}'
        raise ValueError(f'"density": got {quote(members)}; expected {expected}')
    for key in members:
        if key not in keys:
            raise ValueError(f'"density": unknown key {quote(key)}; {choices(keys)}')
    values = [members[key] for key in keys if key in members]
    try:
        return check_density(keys, values)
    except ValueError as error:
        raise ValueError(f'"density": {error}') from None


def check_density(keys, values):
    """Return two values as a Density; raise ValueError unless both are there, and are shares.

    keys: what a message calls them.
    """
    are_shares = all(is_number(value, LEAST_DENSITY, 1) for value in values)
    if len(values) != 2 or not are_shares:
        both = ' and '.join(f'"{key}"' for key in keys)
        raise ValueError(f'{both} are {quote(values)}; expected both, above 0 and up to 1')
    return Density(*values)
