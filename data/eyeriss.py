"""Eyeriss: what a conv layer costs, by its shape, and by how many of its inputs are zero.

data/README.md, "By shape" and "Energy by two parts", derives the models and says how far they are
off.
Source: Chen, Krishna, Emer, Sze, JSSC, January 2017.
"""

import math
from collections import namedtuple

from fodlam import Cost
from fodlam.data.shape import parse_shape

# The paper's text and Tables III to VI.
EYERISS_PES = 168  # processing elements; each does a MAC per cycle
EYERISS_CLOCK_HZ = 200e6
EYERISS_WORD_BYTES = 2
EYERISS_LINK_BYTES_PER_S = 64 / 8 * 60e6  # to DRAM: 64 bits at 60 MHz
EYERISS_FILTERS_AT_ONCE = 64  # for more filters, the ifmap is brought again


class Calibration(namedtuple('Calibration', 'pe_efficiency buffer_bytes_per_s power_w')):
    """The constants of the model that are read off a published network.

    pe_efficiency: the share of their peak rate that PEs attain in compute-bound layers.
    buffer_bytes_per_s: the rate at which the global buffer moves partial sums in buffer-bound ones.
    power_w: the mean power of all layers.
    """

    __slots__ = ()


class EnergyParts(namedtuple('EnergyParts', 'clock_w mac_j')):
    """The two parts of Eyeriss's energy that published layers tell apart.

    clock_w: the power of the clock, and of all else that takes its energy whatever the data are.
    mac_j: the energy of a MAC whose input is not zero. Eyeriss stops the data path of all others.
    """

    __slots__ = ()


# Read off Table VI, VGG-16, alone, so that Table V, AlexNet, is a test.
EYERISS_CALIBRATION = Calibration(pe_efficiency=0.85, buffer_bytes_per_s=3.0e9, power_w=0.245)
# The fit to the same table that data/comparisons.py, fit_energy_parts, makes.
EYERISS_ENERGY_PARTS = EnergyParts(clock_w=0.2039, mac_j=8.46e-12)
# Read off the same table: over how many channels Eyeriss adds up before it puts a partial sum into
# the global buffer. It is 8 for kernels of height 3 and ofmaps of up to 14 x 14, and falls in
# proportion as kernels or ofmaps get larger.
EYERISS_SUMMED_CHANNELS = 8
EYERISS_SUMMED_KERNEL_HEIGHT = 3
EYERISS_SUMMED_OFMAP_SIZE = 14

# By what factor the model's times may be too long for layers with 1 x 1 kernels, or with one
# channel a group. No published layer is of these, but MobileNet (width 0.5, 128 x 128) has many: it
# runs at 79 frame/s by this model, and the Eyeriss v2 paper (Chen et al., JETCAS 2019) implies 117
# frame/s for a version-1 design, rescaled to 192 PEs and narrower numbers.
MOBILENET_RATIO = 117 / 79  # modelled over implied time, the inverse of the rates


def eyeriss_cost(entry, calibration=EYERISS_CALIBRATION):
    """Return (Cost, bound) of a conv layer for one frame.

    entry: the layer's dict in its net file. calibration: a Calibration.
    Eyeriss computes or moves partial sums, whichever takes longer, and then waits for the link that
    brings ifmaps and takes ofmaps. The bound is the longest of the three: "compute", "buffer" or
    "link".
    Raises ValueError if the entry has no shape, or a wrong one.

    >>> conv1_1 = {
    ...     'type': 'Convolution', 'macs': 86704128,
    ...     'ifmap': [3, 224, 224], 'ofmap': [64, 224, 224], 'kernel': [3, 3],
    ... }
    >>> cost, bound = eyeriss_cost(conv1_1)  # Table VI of the paper has 25.4 ms a frame
    >>> round(cost.latency_s * 1e3, 1), bound
    (26.9, 'link')
    """
    shape = parse_shape(entry)
    macs_per_s = EYERISS_PES * EYERISS_CLOCK_HZ * calibration.pe_efficiency
    times_s = {
        'compute': entry['macs'] / macs_per_s,
        'buffer': partial_sum_bytes(entry, shape) / calibration.buffer_bytes_per_s,
        'link': link_bytes(entry, shape) / EYERISS_LINK_BYTES_PER_S,
    }
    latency_s = max(times_s['compute'], times_s['buffer']) + times_s['link']
    bound = max(times_s, key=times_s.get)
    return Cost(calibration.power_w * latency_s, latency_s), bound


def energy_by_parts(macs, latency_s, activations, parts=EYERISS_ENERGY_PARTS):
    """Return {'clock': J, 'mac': J}, the energy of a conv layer by its parts.

    macs: the MACs of the layer, zeros and all. latency_s: its time in s.
    activations: the share of its inputs that is not zero. parts: EnergyParts.

    >>> energy_by = energy_by_parts(macs=10**9, latency_s=0.1, activations=0.5)
    >>> [f'{part}: {energy_j * 1e3:.2f} mJ' for part, energy_j in energy_by.items()]
    ['clock: 20.39 mJ', 'mac: 4.23 mJ']
    """
    return {'clock': parts.clock_w * latency_s, 'mac': parts.mac_j * macs * activations}


def partial_sum_bytes(entry, shape):
    """Return how many bytes of partial sums a conv layer moves through the global buffer.

    entry: the layer's dict in its net file. shape: its Shape.
    """
    # A deconvolution makes its sums pixel by pixel of the ifmap.
    is_deconvolution = entry['type'] == 'Deconvolution'
    height, width = (shape.H, shape.W) if is_deconvolution else (shape.P, shape.Q)
    size = max(height, width)
    share = min(1, EYERISS_SUMMED_OFMAP_SIZE / size) * EYERISS_SUMMED_KERNEL_HEIGHT / shape.R
    # This is q in data/README.md.
    summed_channels = min(max(1, EYERISS_SUMMED_CHANNELS * share), shape.C / shape.groups)
    # The pixels of the ofmap are sums over MACs / (R x S) channels in all. After every
    # `summed_channels` of these, a partial sum is written, and read back later.
    partial_sums = entry['macs'] / (shape.R * shape.S * summed_channels)
    return 2 * EYERISS_WORD_BYTES * partial_sums


def link_bytes(entry, shape):
    """Return how many bytes of a conv layer go over the link to DRAM: its ifmap and its ofmap.

    entry: the layer's dict in its net file. shape: its Shape.
    """
    times_brought = math.ceil(shape.K / shape.groups / EYERISS_FILTERS_AT_ONCE)
    ifmap = shape.C * rows_brought(entry, shape) * shape.W * times_brought
    ofmap = shape.K * shape.P * shape.Q
    return EYERISS_WORD_BYTES * (ifmap + ofmap)


def rows_brought(entry, shape):
    """Return how many rows of the ifmap go over the link: those that a kernel touches.

    entry: the layer's dict in its net file. shape: its Shape.
    Between kernels of height 1 with stride 2, every other row stays in DRAM.
    """
    if entry['type'] == 'Deconvolution':
        return shape.H
    return min(shape.H, rows_touched(shape.P, shape.R, shape.sy, shape.dy))


def rows_touched(P, R, sy, dy):
    """Return how many rows a kernel of height R touches at P places, one below the other.

    sy: the stride from one place to the next. dy: the dilation, from one row of the kernel to the
    next.

    >>> rows_touched(P=6, R=3, sy=1, dy=1)  # rows 0 to 7
    8
    >>> rows_touched(P=6, R=3, sy=2, dy=8)  # every other row from 0 to 26 = 5 * 2 + 2 * 8
    14
    >>> len({place * 2 + row * 8 for place in range(6) for row in range(3)})
    14
    """
    # Row r of the kernel touches the rows r * dy, r * dy + sy, ...: P of them. Another row of the
    # kernel meets these only if it is a multiple of sy / divisor below it. So the first `apart`
    # rows of the kernel touch P rows each, which no other does. Every further one touches the rows
    # of one of these again, but for as many as it is strides below it, at most P.
    divisor = math.gcd(sy, dy)
    apart = min(R, sy // divisor)
    return apart * P + (R - apart) * min(P, dy // divisor)
