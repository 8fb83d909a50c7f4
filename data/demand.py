"""Demands: what a layer asks of an accelerator, in MACs and bytes, however fast that is.

A Demand depends on the Mapping of an accelerator only, and is for one frame. data/README.md,
"Rooflines", has all formulas.

Terms:
  MAC slot  what one MAC unit of the array could do in one cycle; some of a layer's slots stay empty
            where its channels or filters do not fill the array
  atom      the size of the groups that channels, or filters, are handled in: 40 channels in atoms
            of 16 take as long as 48
  Winograd  an algorithm for 3 x 3 kernels that does fewer MACs; its gain is by what factor
  pieces    what a map, or weights, are split into where the buffer cannot hold them

Sources:
  NVDLA  the primer (nvdla.org), and the performance estimator in its repository nvdla/hw
"""

import math
from collections import namedtuple

from fodlam import Layer, canonical
from fodlam.data.array import Product, array_cycles, count_streamed
from fodlam.data.chain import NOTHING_STAYS, find_staying, map_bytes, parse_reads
from fodlam.data.shape import count_places, dilated, parse_shape

# The keys of an accelerator that Demands depend on, with their defaults. data/README.md says what
# they are ("Rooflines").
MAPPING_DEFAULTS = {
    'buffer_kib': math.inf,
    'feature_kib': 0,
    'feature_bytes': 1,
    'weight_bytes': 1,
    'psum_bytes': 4,
    'channel_atom': 1,
    'kernel_atom': 1,
    'winograd_gain': 1,
    'fc_batch': 1,
    'batch': None,
    'rows': None,
    'cols': None,
    'dataflow': None,
}

# NVDLA's performance estimator (repository nvdla/hw, perf/): Winograd's algorithm reads a kernel of
# 3 x 3 weights as 4 x 4 numbers, and the buffer has room for at least 32 filters.
WINOGRAD_WEIGHTS = 16 / 9
LEAST_FILTERS = 32


class Mapping(namedtuple('Mapping', tuple(MAPPING_DEFAULTS))):
    """How an Accelerator computes layers, whatever its speed and energy.

    The fields are keys of accelerators (data/README.md, "Rooflines").
    """

    __slots__ = ()


class Demand(
    namedtuple(
        'Demand',
        'kind macs mac_slots gain dram_bytes weight_traffic sram_bytes all_weights largest_map '
        'dense',
        defaults=[0, 0, 0, 0, None],
    )
):
    """What a layer asks of an accelerator with some Mapping, for one frame.

    kind: such as "conv". macs: the layer's MACs.
    mac_slots: the MAC slots that the layer takes, which are fewer by the gain.
    gain: of Winograd's algorithm; 1 without it.
    dram_bytes: how many bytes are read from DRAM and written to it.
    weight_traffic: how many of these are weights; the others are features.
    sram_bytes: how many bytes go between the array and its buffer; 0 if its shape is not known.
    all_weights, largest_map: the bytes of the layer's weights, and of the largest of its maps.
    dense: the Demand of the dense way to compute the layer, with all its groups as one layer; None
    if there is none. The faster way counts.
    """

    __slots__ = ()


class DemandModel:
    """A model whose Layers have a Demand in the place of a Cost.

    They get a Cost when the Accelerator is known, from `roofline.price_layer`.
    mapping: a Mapping.
    """

    def __init__(self, mapping):
        self.mapping = mapping
        self.entries = {}  # {canonical name: entry}, all of the network; the Catalog sets it
        self.before = {}  # the canonical names of the layers so far, as keys
        self.staying = None  # {canonical name: Staying}, once it is known

    def layer(self, entry, kind):
        """Return the Layer of an entry, with a Demand as its cost.

        entry: the layer's dict in its net file. kind: such as "conv".
        """
        shape = parse_shape(entry)
        staying = NOTHING_STAYS
        if self.mapping.feature_kib:
            name = canonical(entry['name'])
            parse_reads(entry, self.before)  # raises a ValueError if it is wrong
            self.before[name] = None
            staying = self.find_staying()[name]
        demand = make_demand(entry, shape, kind, self.mapping, staying)
        return Layer(entry, kind, 'by roofline', 1, demand)

    def find_staying(self):
        """Return {canonical name: Staying} of all layers with MACs, which is worked out once."""
        if self.staying is None:
            mapping = self.mapping
            self.staying = find_staying(self.entries, mapping.feature_kib, mapping.feature_bytes)
        return self.staying


def make_demand(entry, shape, kind, mapping, staying=NOTHING_STAYS):
    """Return the Demand of a layer, by the rules of NVDLA's performance estimator.

    entry: the layer's dict in its net file. shape: its Shape. kind: such as "conv".
    mapping: a Mapping. staying: which of the layer's maps stay on chip, as a Staying.
    Each group is a layer of its own. Where channels are handled in atoms, all groups may instead be
    computed as one dense layer with zeros in its weights, as NVDLA's compiler does.

    >>> entry = {
    ...     'type': 'InnerProduct', 'macs': 4096 * 1000,
    ...     'ifmap': [4096, 1, 1], 'ofmap': [1000, 1, 1], 'kernel': [1, 1],
    ... }
    >>> mapping = Mapping(**{**MAPPING_DEFAULTS, 'kernel_atom': 128})
    >>> demand = make_demand(entry, parse_shape(entry), 'fc', mapping)
    >>> demand.mac_slots  # 1000 filters in atoms of 128 take as long as 1024: 4096 x 1024
    4194304.0
    >>> demand.dram_bytes  # the weights are read, and 4096 and 1000 features moved
    4101096.0
    """
    macs, groups = entry['macs'], shape.groups
    group_shape = shape._replace(C=shape.C // groups, K=shape.K // groups)
    mac_slots, gain, dram_bytes, weight_traffic = demand_of_group(
        entry, group_shape, kind, mapping, staying
    )
    sram_bytes = 0
    if mapping.rows is not None:
        mac_slots, sram_bytes = demand_of_array(entry, group_shape, mapping)
    all_weights = 0
    if entry['type'] != 'MatMul':
        all_weights = group_shape.C * shape.K * shape.R * shape.S * mapping.weight_bytes
    largest_map = max(map_bytes(entry, shape, mapping.feature_bytes))
    dense = None
    if groups > 1 and mapping.channel_atom != 1 and entry['type'] != 'MatMul':
        dense = Demand(
            kind,
            macs,
            *demand_of_group(entry, shape, kind, mapping, staying),
            all_weights=all_weights,
            largest_map=largest_map,
        )
    return Demand(
        kind,
        macs,
        mac_slots * groups,
        gain,
        dram_bytes * groups,
        weight_traffic * groups,
        sram_bytes=sram_bytes * groups,
        all_weights=all_weights,
        largest_map=largest_map,
        dense=dense,
    )


def demand_of_group(entry, shape, kind, mapping, staying):
    """Return (mac_slots, gain, dram_bytes, weight_traffic) of one group, as a Demand has them.

    entry: the layer's dict in its net file. shape: the Shape of the group. kind: such as "conv".
    mapping: a Mapping. staying: a Staying.
    """
    sy, sx = shape.sy, shape.sx
    if entry['type'] == 'Deconvolution':
        # It does the same MACs as a convolution with stride 1 and an ofmap as large as its ifmap.
        sy, sx = 1, 1
    fc_batch = mapping.fc_batch if entry['type'] == 'InnerProduct' else 1
    is_dense_kernel = (shape.dy, shape.dx) == (1, 1)
    can_use_winograd = is_dense_kernel and (shape.R, shape.S, sy, sx) == (3, 3, 1, 1)
    gain = mapping.winograd_gain if can_use_winograd else 1
    weight_bytes = bytes_of_weight(entry, mapping)

    # With a stride, only every py-th row and px-th column of the ifmap meets the same weights.
    # Where channels are handled in atoms, each of these py x px parts becomes a channel of its own,
    # which fills atoms better. Then the layer has stride 1, an ifmap of `channels` x h x w and
    # kernels of r x s.
    py, px = (1, 1) if mapping.channel_atom == 1 else (sy, sx)
    channels = round_up(shape.C * py * px, mapping.channel_atom)
    h, w = math.ceil(shape.H / py), math.ceil(shape.W / px)
    r, s = math.ceil(shape.R / py), math.ceil(shape.S / px)

    # In bytes.
    ifmap = channels * h * w * mapping.feature_bytes
    weights = channels * r * s * shape.K * weight_bytes
    if gain != 1:
        weights *= WINOGRAD_WEIGHTS
    ofmap = shape.A * shape.B * round_up(shape.K, mapping.channel_atom) * mapping.feature_bytes

    # How many frames, or in a MatMul groups, the weights are read once for.
    sharers = fc_batch
    if entry['type'] == 'MatMul':
        sharers = shape.shared
    elif mapping.batch is not None:
        sharers = max(mapping.batch, fc_batch)
    if staying.operand:
        weights = 0
    ifmap_traffic, weight_traffic = ifmap, weights / sharers
    if staying.ifmap:
        ifmap_traffic = 0
    elif kind == 'conv' and mapping.buffer_kib < math.inf:
        least_rows = channels * min(dilated(shape.R, shape.dy), h) * w * mapping.feature_bytes
        least_filters = channels * r * s * min(shape.K, LEAST_FILTERS) * weight_bytes
        buffered = Buffered(ifmap, weights, least_rows, least_filters, mapping.buffer_kib * 1024)
        ifmap_traffic, weight_traffic = buffered.least_traffic(sharers)
    ofmap_accesses = 0 if staying.ofmap else 1
    if entry.get('addend') and not staying.addend:
        ofmap_accesses += 1  # an addend is as large, and is read
    dram_bytes = ifmap_traffic + weight_traffic + ofmap_accesses * ofmap

    filters = round_up(shape.K * fc_batch, mapping.kernel_atom) / fc_batch
    places = count_places(entry, shape)
    mac_slots = channels * places * filters * shape.R * shape.S / (py * px) / gain
    if entry['type'] == 'MatMul':
        weight_traffic = 0
    return mac_slots, gain, dram_bytes, weight_traffic


def bytes_of_weight(entry, mapping):
    """Return the bytes of a weight of a layer, or of a number of a MatMul's second operand.

    entry: the layer's dict in its net file. mapping: a Mapping.
    In a MatMul both operands are features; the second takes the place of the weights.
    """
    return mapping.feature_bytes if entry['type'] == 'MatMul' else mapping.weight_bytes


def demand_of_array(entry, shape, mapping):
    """Return (mac_slots, sram_bytes) of one group of a layer on an array, as a Demand has them.

    entry: the layer's dict in its net file. shape: the Shape of the group.
    mapping: a Mapping with rows, cols and a dataflow.
    All MAC units of the array are taken for as long as the group runs.
    """
    product = Product(shape.R * shape.S * shape.C, shape.K, count_places(entry, shape))
    array = mapping.rows, mapping.cols, mapping.dataflow
    streamed = count_streamed(product, *array)
    sram_bytes = (
        streamed.weights * bytes_of_weight(entry, mapping)
        + streamed.features * mapping.feature_bytes
        + streamed.psums * mapping.psum_bytes
    )
    return array_cycles(product, *array) * mapping.rows * mapping.cols, sram_bytes


def round_up(size, multiple):
    """Return the smallest multiple of a number that is at least a size.

    >>> round_up(20, 16)
    32
    """
    return math.ceil(size / multiple) * multiple


# === Pieces ===


class Buffered(namedtuple('Buffered', 'ifmap weights least_rows least_filters buffer')):
    """What goes through the on-chip buffer for a layer, all in bytes.

    ifmap, weights: of the layer. least_rows, least_filters: the least slices of the two that must
    be in the buffer. buffer: its size.

    The smaller of ifmap and weights should stay in the buffer, beside a slice of the larger: some
    rows of the ifmap, or some filters. If it does not fit, it is split into pieces that do, and the
    larger is read once for each piece.
    """

    __slots__ = ()

    def least_traffic(self, frames):
        """Return (bytes of the ifmap, bytes of weights) that DRAM moves for a frame.

        frames: the most that are computed together, so that weights are read once for them. Fewer
        are if that moves fewer bytes, so that a larger batch never costs time.

        >>> layer = Buffered(ifmap=600, weights=9000, least_rows=9, least_filters=100, buffer=1000)
        >>> for frames in 1, 2, 3, 4:  # of 600 bytes each; they take pieces of 900 bytes
        ...     print(layer.traffic(frames), layer.least_traffic(frames))
        (600, 9000.0) (600, 9000.0)
        (600, 9000.0) (600, 9000.0)
        (600, 6000.0) (600, 6000.0)
        (600, 6750.0) (600, 6000.0)
        """
        least = self.traffic(frames)
        # As soon as all ifmaps are larger than the weights, these stay, and more is never worse.
        most_fewer = min(frames, math.ceil(self.weights / self.ifmap)) - 1
        if most_fewer < 1:
            return least
        # `fewer` frames read the weights ceil(fewer * ifmap / room) / fewer times each. This is the
        # least fraction, of those with denominators that small, that is no less than ifmap / room.
        ifmap, ifmap_divisor = (self.ifmap * (1 - ROUNDING)).as_integer_ratio()
        room, room_divisor = self.room(self.least_filters).as_integer_ratio()
        fewer = least_fraction(ifmap * room_divisor, room * ifmap_divisor, most_fewer)[1]
        return min(least, self.traffic(fewer), key=sum)

    def traffic(self, frames):
        """Return (bytes of the ifmap, bytes of weights) that DRAM moves for a frame.

        frames: as for `least_traffic`, but all of them are computed together in any case.
        """
        ifmaps = self.ifmap * frames
        if ifmaps >= self.weights:
            return self.pieces(self.weights, self.least_rows) * self.ifmap, self.weights / frames
        return self.ifmap, self.pieces(ifmaps, self.least_filters) * self.weights / frames

    def pieces(self, smaller, least_slice):
        """Return how many pieces the smaller part is split into.

        smaller: the bytes of the part that stays. least_slice: of the other part.
        """
        return max(1, math.ceil(smaller / self.room(least_slice) * (1 - ROUNDING)))

    def room(self, least_slice):
        """Return the bytes of the buffer beside a slice, which takes half of it at most."""
        return self.buffer - min(least_slice, self.buffer / 2)


# Bytes need not be whole, and 10 x 0.3 bytes must fit where there is room for 3.
ROUNDING = 1e-14


def least_fraction(numerator, denominator, most):
    """Return the least fraction, as (p, q), that is no less than another; q is `most` or less.

    numerator, denominator: of the other fraction; both are integers, and more than 0.
    This is a walk in the tree of Stern and Brocot: the fraction is above `low`, and not above
    `high`, and of all fractions between the two, the sum of both parts has the smallest q. Steps in
    the same direction are taken at once.

    >>> least_fraction(314159, 100000, 10), least_fraction(314159, 100000, 100)
    ((22, 7), (22, 7))
    >>> least_fraction(600, 900, 2), least_fraction(600, 900, 3)
    ((1, 1), (2, 3))
    """
    low_p, low_q = 0, 1
    high_p, high_q = 1, 0
    while True:
        below = numerator * low_q - denominator * low_p  # how far `low` is below, more than 0
        above = denominator * high_p - numerator * high_q
        if above == 0:
            return high_p, high_q
        steps = (below - 1) // above  # that `low` can take and still be below
        if high_q:
            steps = min(steps, (most - low_q) // high_q)
        low_p, low_q = low_p + steps * high_p, low_q + steps * high_q
        below -= steps * above
        steps_down = min(above // below, (most - high_q) // low_q)
        high_p, high_q = high_p + steps_down * low_p, high_q + steps_down * low_q
        if steps == steps_down == 0:
            return high_p, high_q
