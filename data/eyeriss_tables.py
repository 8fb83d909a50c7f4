"""Eyeriss's Tables V and VI beyond the costs that fodlam.py reads: zeros, and bytes moved.

Source: Chen, Krishna, Emer, Sze, JSSC, January 2017.
"""

import csv
import functools
from os.path import join

import fodlam
from fodlam import (
    EYERISS_COLUMNS,
    PUBLISHED,
    find_net,
    place,
    quote,
    read_table,
    read_text,
)

# A megabyte is 2^20 bytes (data/README.md, "Eyeriss"). "Processing" latency has all DRAM traffic
# overlapped with computing.
EYERISS_BYTES_COLUMNS = {
    'buffer_bytes': ('Global Buffer Accesses (MB)', 2**20),
    'dram_bytes': ('DRAM Accesses (MB)', 2**20),
}
EYERISS_ALL_COLUMNS = {
    **EYERISS_COLUMNS,
    **EYERISS_BYTES_COLUMNS,
    'processing_s': ('Processing Latency (ms)', 1e-3),
    'macs': ('Num. of MACs (G)', 1e9),
}
EYERISS_ZEROS_HEADING = 'Zeros in Ifmaps'  # a percentage, with its sign


def read_eyeriss_table(net):
    """Return {layer: {field of EYERISS_ALL_COLUMNS: number}} of a network, for the whole batch.

    net: a key of PUBLISHED. The last row is "Total". Raises InputError if the file is damaged.
    """
    return read_table(PUBLISHED[net]['eyeriss_file'], EYERISS_ALL_COLUMNS)


def read_activations(net):
    """Return {layer: the share of its inputs that is not zero} of a published network.

    net: a key of PUBLISHED. The last row is "Total". Raises InputError if the file is damaged.
    """
    filename = PUBLISHED[net]['eyeriss_file']
    shares = {}
    with place(f'data/{filename}'):
        for row in csv.DictReader(read_text(join(fodlam.DATA_DIR, filename)).splitlines()):
            shares[row['Layer']] = 1 - parse_percentage(row.get(EYERISS_ZEROS_HEADING))
    return shares


def parse_percentage(cell):
    """Return the share that a cell of the column of zeros has; raise ValueError if it is wrong.

    cell: its text; None if there is no such column.

    >>> parse_percentage('25%')
    0.25
    """
    number = (cell or '').removesuffix('%')
    try:
        share = float(number) / 100
    except ValueError:
        share = -1
    if number == cell or not 0 <= share < 1:
        expected = 'a percentage from 0% to less than 100%'
        raise ValueError(f'column "{EYERISS_ZEROS_HEADING}": {quote(cell)}; expected {expected}')
    return share


@functools.lru_cache  # for sweeps, which report the layers of a network again and again
def read_bytes(data_dir, net):
    """Return {layer: {field of EYERISS_BYTES_COLUMNS: number}} of a network, for the whole batch.

    data_dir: fodlam.DATA_DIR, an argument because what is kept depends on it.
    net: a key of PUBLISHED.
    """
    return read_table(PUBLISHED[net]['eyeriss_file'], EYERISS_BYTES_COLUMNS)


def add_bytes(layers, estimate):
    """Give published conv layers the bytes that they moved, as details.

    layers: the Estimate's Layers. The bytes are for as many frames as the cost of the layer.
    Nothing is done to other layers, nor to those of which it is done: a sweep keeps its Layers.
    """
    config = estimate.config
    if 'net' not in config or estimate.accelerator is not None:
        return
    without = [layer for layer in layers if layer.kind == 'conv' and layer.details is None]
    if not without:
        return
    net, _ = find_net(config)
    table, batch_frames = read_bytes(fodlam.DATA_DIR, net), PUBLISHED[net]['batch_frames']
    for layer in without:
        share = layer.frames / batch_frames
        row = table[layer.name]
        layer.details = {field: of_batch * share for field, of_batch in row.items()}
