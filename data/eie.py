"""EIE: what a fully-connected (fc) layer costs, by its densities.

data/README.md, "By density", derives the model and says how far it is off.
Source: Han, Liu, Mao, Pu, Pedram, Horowitz, Dally, ISCA 2016.
"""

import math
from collections import namedtuple

from fodlam import AVERAGED, EIE_FILE, PUBLISHED, read_table
from fodlam.data.density import Density

# Columns of EIE_FILE: Tables III (sizes, and what pruning keeps) and IV (times) of the paper.
EIE_LAYER_COLUMNS = {
    'inputs': ('Inputs', 1),
    'outputs': ('Outputs', 1),
    'weights': ('Weights (%)', 1e-2),
    'activations': ('Activations (%)', 1e-2),
    'actual_s': ('Actual Time (us)', 1e-6),
}
# The paper's text and Table V.
EIE_PES = 64  # processing elements; each does a MAC per cycle
EIE_CLOCK_HZ = 800e6
# The distance to the next weight is stored in 4 bits, so that 16 zeros in a row take an entry of
# their own.
EIE_ZEROS_PER_ENTRY = 16
# If a smaller share of the weights is kept, an fc layer has an entry for each 16 zeros and, to
# eight digits, no others.
EIE_MIN_WEIGHTS = 1e-9
# What the names of the layers begin with that the model is calibrated on. They are of NeuralTalk,
# which is no CNN, so that the CNNs in the tables are tests.
EIE_CALIBRATED_ON = 'NT-'


def even_time(macs, density):
    """Return the time in s of an fc layer on EIE at 45 nm, with its work spread evenly over PEs.

    macs: the MACs of the layer, zeros and all. density: its Density.
    If a share w of the weights is kept, at random places, each of these takes 1 / (1 - (1 - w)^16)
    entries on average, as runs of zeros take entries as well. An entry takes a PE one cycle if its
    input is not zero, and no time if it is.

    >>> dense_s = even_time(4096 * 4096, Density(weights=1, activations=1))
    >>> round(dense_s * 1e6, 2)  # in us: 16.8 million MACs, 64 a cycle, at 800 MHz
    327.68
    """
    entries = count_entries(macs, density.weights)
    return entries * density.activations / (EIE_PES * EIE_CLOCK_HZ)


def count_entries(weights, kept):
    """Return how many entries the weights of an fc layer take in EIE's memory.

    weights: how many there are, zeros and all. kept: the share that is not zero.

    >>> count_entries(1600, kept=1), round(count_entries(1600, kept=0.1))  # 160 weights, 36 runs
    (1600.0, 196)
    """
    if kept < EIE_MIN_WEIGHTS:  # 1 - kept would be rounded
        return weights / EIE_ZEROS_PER_ENTRY
    return weights * kept / (1 - (1 - kept) ** EIE_ZEROS_PER_ENTRY)


class EieRow(namedtuple('EieRow', 'name even_s actual_s')):
    """An fc layer of EIE's table.

    name: such as "AlexNet FC6". even_s: its time by `even_time`. actual_s: its time as reported.
    """

    __slots__ = ()


def read_eie_rows():
    """Return the list of EieRows in EIE's table."""
    rows = []
    for name, row in read_table(EIE_FILE, EIE_LAYER_COLUMNS).items():
        density = Density(row['weights'], row['activations'])
        even_s = even_time(row['inputs'] * row['outputs'], density)
        rows.append(EieRow(name, even_s, row['actual_s']))
    return rows


def imbalance(rows):
    """Return the factor by which layers take longer than with their work spread evenly.

    rows: EieRows. Only those that the model is calibrated on count.
    """
    calibrating = [row for row in rows if row.name.startswith(EIE_CALIBRATED_ON)]
    actual_s = math.fsum(row.actual_s for row in calibrating)
    return actual_s / math.fsum(row.even_s for row in calibrating)


def error_ratios(rows):
    """Return the list of modelled over published times of layers.

    rows: EieRows. Those of the networks in fodlam.AVERAGED count, which are CNNs.
    """
    factor = imbalance(rows)
    networks = [PUBLISHED[net]['eie_name'] for net in AVERAGED]
    ratios = []
    for row in rows:
        network = row.name.partition(' ')[0]
        if network in networks:
            ratios.append(row.even_s * factor / row.actual_s)
    return ratios
