"""Eyeriss: what a conv layer costs, from nothing but its shape.

nets/README.md, "Eyeriss from a layer's shape", derives the model and says how far it is off.
Source: Chen, Krishna, Emer, Sze, JSSC, January 2017.
"""

import math
from collections import namedtuple

from fodlam import Cost
from fodlam.data.shape import parse_shape

# Tables III to VI of the paper and its text: processing elements (PEs), clock, 16-bit words, a link
# to DRAM of 64 bits at 60 MHz, and how many filters are worked on at a time.
EYERISS_PES = 168
EYERISS_CLOCK_HZ = 200e6
EYERISS_WORD_BYTES = 2
EYERISS_LINK_BYTES_PER_S = 64 / 8 * 60e6
EYERISS_FILTERS = 64


class Calibration(namedtuple('Calibration', 'pe_efficiency buffer_bytes_per_s power_w')):
    """What the model has from a published network.

    pe_efficiency: the share of their peak at which the PEs of compute-bound layers run.
    buffer_bytes_per_s: the rate of the global buffer in all other layers. power_w: mean power.
    """

    __slots__ = ()


# Read off Table VI, VGG-16, alone, so that Table V, AlexNet, is a test.
EYERISS_CALIBRATION = Calibration(0.85, 3.0e9, 0.245)
# From the same table: how many channels are summed between two accesses of a partial sum to the
# global buffer. It is 8 for 3 x 3 kernels and ofmaps of up to 14 x 14.
EYERISS_SUMMED_CHANNELS = 8
EYERISS_SUMMED_KERNEL = 3
EYERISS_SUMMED_OFMAP = 14

# No published layer has 1 x 1 kernels, or one channel a group. What is known of these is MobileNet
# (width 0.5, 128 x 128): 79 frame/s by this model, where the Eyeriss v2 paper (Chen et al., JETCAS
# 2019) implies 117 for a version-1 design, rescaled to 192 PEs and narrower numbers.
MOBILENET_RATIO = 117 / 79  # modelled over implied time


def eyeriss_cost(entry, calibration=EYERISS_CALIBRATION):
    """Return (Cost, bound) of a conv layer for one frame.

    entry: the dict that a net file has of the layer. calibration: a Calibration.
    Eyeriss computes or waits for its global buffer, whichever takes longer, and then for the link
    that brings ifmaps and takes ofmaps. The bound is what takes longest of these three.
    Raises ValueError if the entry has no shape, or a wrong one.
    """
    shape = parse_shape(entry)
    macs_per_s = EYERISS_PES * EYERISS_CLOCK_HZ * calibration.pe_efficiency
    times_s = {
        'compute': entry['macs'] / macs_per_s,
        'buffer': partial_sum_bytes(entry) / calibration.buffer_bytes_per_s,
        'link': link_bytes(shape, entry['type']) / EYERISS_LINK_BYTES_PER_S,
    }
    latency_s = max(times_s['compute'], times_s['buffer']) + times_s['link']
    bound = max(times_s, key=times_s.get)
    return Cost(calibration.power_w * latency_s, latency_s), bound


def link_bytes(shape, type_):
    """Return how many bytes go over the link: the ifmap once for each 64 filters, and the ofmap.

    shape: a Shape. type_: of the layer, as in its net file.
    """
    rows = shape.H
    if type_ != 'Deconvolution':
        # Rows that no kernel touches stay where they are, as between kernels of 3 with stride 4.
        if shape.sy <= shape.R:
            touched = (shape.P - 1) * shape.sy + shape.R
        else:
            touched = shape.P * shape.R
        rows = min(shape.H, touched)
    passes = math.ceil(shape.K / shape.groups / EYERISS_FILTERS)
    ifmap = shape.C * rows * shape.W * passes
    ofmap = shape.K * shape.P * shape.Q
    return EYERISS_WORD_BYTES * (ifmap + ofmap)


def partial_sum_bytes(entry):
    """Return how many bytes of partial sums a conv layer moves through the global buffer.

    entry: the dict that a net file has of the layer.
    """
    shape = parse_shape(entry)
    if entry['type'] == 'Deconvolution':
        size = max(shape.H, shape.W)
    else:
        size = max(shape.P, shape.Q)
    share = min(1, EYERISS_SUMMED_OFMAP / size) * EYERISS_SUMMED_KERNEL / shape.R
    channels = min(max(1, EYERISS_SUMMED_CHANNELS * share), shape.C / shape.groups)
    # A partial sum is written once and read once for each row of the kernel and so many channels.
    accesses = entry['macs'] / (shape.R * shape.S * channels)
    return 2 * EYERISS_WORD_BYTES * accesses
