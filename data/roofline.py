"""Rooflines: what a layer asks of an accelerator, and how much time and energy that takes.

A layer takes the longer of two times: that of its MACs at the peak rate of the array of MAC units,
and that of its bytes at the bandwidth of DRAM. nets/README.md, "Rooflines", has all formulas.

They are worked out in two steps. First, the Demand of each layer: so many MACs and bytes, however
fast the accelerator is. It depends on the accelerator's Dataflow only. Then, the times and energies
of the Demands on the accelerator. In a sweep, many accelerators share a Dataflow: the Demands of a
network are made once and arranged as a Workload, with which the second step takes little time.

Terms:
  MAC slot  what one MAC unit of the array could do in one cycle; some of a layer's slots stay empty
            where its channels or filters do not fill the array
  atom      the size of the groups that channels, or filters, are handled in: 40 channels in atoms
            of 16 take as long as 48
  Winograd  an algorithm for 3 x 3 kernels that does fewer MACs; its gain is by what factor
  ridge     the MAC slots per DRAM byte from which on layers wait for the array, and not for DRAM

Sources:
  AMAIX  Juenger, Zurstrassen, Kogel, Keding, Leupers, SAMOS 2020: rooflines of accelerators
  NVDLA  the primer (nvdla.org), and the performance estimator in its repository nvdla/hw
"""

import bisect
import math
import operator
from collections import namedtuple

from fodlam import KINDS, Cost, Layer
from fodlam.data.shape import parse_shape

# === Accelerators ===

# The keys of an accelerator, with their defaults and units; fodlam.py's docstring says what they
# are. If no efficiency is given, it counts as 1, and times are lower bounds. If no key of energy is
# given, no energy is known.
REQUIRED_KEYS = ('macs', 'clock_mhz', 'dram_gb_per_s')
ENERGY_DEFAULTS = {'power_mw': None, 'mac_pj': None, 'dram_pj_per_byte': None}
DATAFLOW_DEFAULTS = {
    'buffer_kib': math.inf,
    'feature_bytes': 1,
    'weight_bytes': 1,
    'channel_atom': 1,
    'kernel_atom': 1,
    'winograd_gain': 1,
    'fc_batch': 1,
}
# Functions that return a tuple of the values that an Accelerator has for these keys.
dataflow_fields = operator.attrgetter(*DATAFLOW_DEFAULTS)
energy_fields = operator.attrgetter(*ENERGY_DEFAULTS)
NO_ENERGY = tuple(ENERGY_DEFAULTS.values())
DEFAULTS = {**ENERGY_DEFAULTS, 'efficiency': None, 'layer_us': 0, **DATAFLOW_DEFAULTS}
ACCELERATOR_KEYS = (*REQUIRED_KEYS, *DEFAULTS)


class Accelerator(
    namedtuple('Accelerator', (*ACCELERATOR_KEYS, 'device'), defaults=(*DEFAULTS.values(), None))
):
    """An accelerator with a roofline.

    Its fields are its keys, as fodlam.py's docstring has them, and
    device: its name in data/devices.py; None if it is not from there.
    """

    __slots__ = ()

    @property
    def peak_macs_per_s(self):
        """The rate of the array, without the gain of Winograd's algorithm."""
        return self.macs * self.clock_mhz * 1e6

    @property
    def bytes_per_s(self):
        """The bandwidth of DRAM, in bytes per second."""
        return self.dram_gb_per_s * 1e9

    @property
    def layer_s(self):
        """The time in s that each layer takes beside its roofline, before the efficiency."""
        return self.layer_us * 1e-6

    @property
    def dataflow(self):
        """The Dataflow of the Accelerator."""
        return Dataflow(*dataflow_fields(self))

    @property
    def has_energy(self):
        """Whether anything is known of the Accelerator's energy."""
        return energy_fields(self) != NO_ENERGY


# === Demands ===

# NVDLA's performance estimator (repository nvdla/hw, perf/): Winograd's algorithm reads a kernel of
# 3 x 3 weights as 4 x 4 numbers, and the buffer has room for at least 32 filters.
WINOGRAD_WEIGHTS = 16 / 9
LEAST_FILTERS = 32


class Dataflow(namedtuple('Dataflow', tuple(DATAFLOW_DEFAULTS))):
    """How an Accelerator computes layers, whatever its speed and energy.

    The fields are keys of accelerators, as fodlam.py's docstring has them.
    """

    __slots__ = ()


class Demand(namedtuple('Demand', 'kind macs mac_slots gain dram_bytes dense', defaults=[None])):
    """What a layer asks of an accelerator with some Dataflow, for one frame.

    kind: such as "conv". macs: the layer's MACs.
    mac_slots: the MAC slots that the layer takes, which are fewer by the gain.
    gain: of Winograd's algorithm; 1 without it.
    dram_bytes: how many bytes are read from DRAM and written to it.
    dense: the Demand of another way to compute the layer, as one dense layer, or None. The faster
    way counts.
    """

    __slots__ = ()


def make_demand(entry, shape, kind, flow):
    """Return the Demand of a layer, by the rules of NVDLA's performance estimator.

    entry: the layer's dict in its net file. shape: its Shape. kind: such as "conv".
    flow: a Dataflow.
    Each group is a layer of its own. Where channels are handled in atoms, all groups may instead be
    computed as one dense layer with zeros in its weights, as NVDLA's compiler does.

    >>> entry = {
    ...     'type': 'InnerProduct', 'macs': 4096 * 1000,
    ...     'ifmap': [4096, 1, 1], 'ofmap': [1000, 1, 1], 'kernel': [1, 1],
    ... }
    >>> flow = Dataflow(**{**DATAFLOW_DEFAULTS, 'kernel_atom': 128})
    >>> demand = make_demand(entry, parse_shape(entry), 'fc', flow)
    >>> demand.mac_slots  # 1000 filters in atoms of 128 take as long as 1024: 4096 x 1024
    4194304.0
    >>> demand.dram_bytes  # the weights are read, and 4096 and 1000 features moved
    4101096.0
    """
    macs, groups = entry['macs'], shape.groups
    group_shape = shape._replace(C=shape.C // groups, K=shape.K // groups)
    mac_slots, gain, dram_bytes = demand_of_group(entry, group_shape, kind, flow)
    dense = None
    if groups > 1 and flow.channel_atom != 1 and entry['type'] != 'MatMul':
        dense = Demand(kind, macs, *demand_of_group(entry, shape, kind, flow))
    return Demand(kind, macs, mac_slots * groups, gain, dram_bytes * groups, dense)


def demand_of_group(entry, shape, kind, flow):
    """Return (mac_slots, gain, dram_bytes) of one group of a layer, which are those of a Demand.

    entry: the layer's dict in its net file. shape: the Shape of the group. kind: such as "conv".
    flow: a Dataflow.
    """
    P, Q, sy, sx = shape.P, shape.Q, shape.sy, shape.sx
    if entry['type'] == 'Deconvolution':
        # It does the same MACs as a convolution with stride 1 and an ofmap as large as its ifmap.
        P, Q, sy, sx = shape.H, shape.W, 1, 1
    batch = flow.fc_batch if entry['type'] == 'InnerProduct' else 1
    is_dense_kernel = (shape.dy, shape.dx) == (1, 1)
    can_use_winograd = is_dense_kernel and (shape.R, shape.S, sy, sx) == (3, 3, 1, 1)
    gain = flow.winograd_gain if can_use_winograd else 1
    # In a MatMul both operands are features; the second takes the place of the weights.
    weight_bytes = flow.feature_bytes if entry['type'] == 'MatMul' else flow.weight_bytes

    # With a stride, only every py-th row and px-th column of the ifmap meets the same weights.
    # Where channels are handled in atoms, each of these py x px parts becomes a channel of its own,
    # which fills atoms better. Then the layer has stride 1, an ifmap of `channels` x h x w and
    # kernels of r x s.
    py, px = (1, 1) if flow.channel_atom == 1 else (sy, sx)
    channels = round_up(shape.C * py * px, flow.channel_atom)
    h, w = math.ceil(shape.H / py), math.ceil(shape.W / px)
    r, s = math.ceil(shape.R / py), math.ceil(shape.S / px)

    # In bytes.
    ifmap = channels * h * w * flow.feature_bytes
    weights = channels * r * s * shape.K * weight_bytes
    if gain != 1:
        weights *= WINOGRAD_WEIGHTS
    weights /= batch
    ofmap = shape.A * shape.B * round_up(shape.K, flow.channel_atom) * flow.feature_bytes
    ofmap_accesses = 2 if entry.get('addend') else 1  # an addend is as large, and is read

    # The smaller of ifmap and weights should stay in the buffer, beside a slice of the larger: some
    # rows of the ifmap, or some filters. If it does not fit, it is split into pieces that do, and
    # the larger is read once for each piece.
    buffer = flow.buffer_kib * 1024
    if ifmap >= weights:
        larger, smaller = ifmap, weights
        extent = shape.dy * (shape.R - 1) + 1  # of the kernel, from its first row to its last
        least_slice = channels * min(extent, h) * w * flow.feature_bytes
    else:
        larger, smaller = weights, ifmap
        least_slice = channels * r * s * min(shape.K, LEAST_FILTERS) * weight_bytes
    pieces = 1
    if kind == 'conv':
        # Some room must be left for the pieces: a slice takes half of the buffer at most.
        pieces = max(1, math.ceil(smaller / (buffer - min(least_slice, buffer / 2))))
    dram_bytes = pieces * larger + smaller + ofmap_accesses * ofmap

    filters = round_up(shape.K * batch, flow.kernel_atom) / batch
    mac_slots = channels * P * Q * filters * shape.R * shape.S / (py * px) / gain
    return mac_slots, gain, dram_bytes


def round_up(size, multiple):
    """Return the smallest multiple of a number that is at least a size.

    >>> round_up(20, 16)
    32
    """
    return math.ceil(size / multiple) * multiple


class DemandModel:
    """A model whose Layers have a Demand in the place of a Cost.

    They get a Cost when the Accelerator is known, from `price_layer`.
    flow: the fields of a Dataflow, in their order.
    """

    def __init__(self, *flow):
        self.flow = Dataflow(*flow)

    def layer(self, entry, kind):
        """Return the Layer of an entry, with a Demand as its cost.

        entry: the layer's dict in its net file. kind: such as "conv".
        """
        demand = make_demand(entry, parse_shape(entry), kind, self.flow)
        return Layer(entry, kind, 'by roofline', 1, demand)


class SortedDemands:
    """Demands that have no dense way, sorted by their MAC slots per DRAM byte.

    intensities, mac_slots, dram_bytes: lists of the MAC slots per DRAM byte, the MAC slots and the
    DRAM bytes of the Demands, all three in this order.
    """

    def __init__(self, demands):
        ordered = sorted(
            (demand.mac_slots / demand.dram_bytes, demand.mac_slots, demand.dram_bytes)
            for demand in demands
        )
        self.intensities = [intensity for intensity, _, _ in ordered]
        self.mac_slots = [mac_slots for _, mac_slots, _ in ordered]
        self.dram_bytes = [dram_bytes for _, _, dram_bytes in ordered]


class Workload:
    """The Demands of layers, arranged so that `cost_workload` is fast.

    demands: the list of all Demands, in the order of the layers.
    with_dense: the list of those that have a dense way.
    by_kind: {kind: SortedDemands} of those that have none.
    """

    def __init__(self, demands):
        self.demands = demands
        self.with_dense = [demand for demand in demands if demand.dense is not None]
        without_dense = [demand for demand in demands if demand.dense is None]
        self.by_kind = {}
        for kind in [*KINDS, *(demand.kind for demand in demands)]:
            if kind not in self.by_kind:
                of_kind = [demand for demand in without_dense if demand.kind == kind]
                self.by_kind[kind] = SortedDemands(of_kind)


# === Times and energies ===


class WorkloadCosts(namedtuple('WorkloadCosts', 'sums ranges bounds energy_by')):
    """What all layers of a Workload cost on an Accelerator.

    sums: {kind or 'total': Cost}. ranges: {kind or 'total': (low, high)}, the least and the most
    Cost, or None without limits. bounds: {bound: Cost} of the layers with each bound.
    energy_by: {part: J} of all energy, or None if it is not known.
    """

    __slots__ = ()


def cost_workload(workload, accelerator, limits):
    """Return the WorkloadCosts of a Workload on an Accelerator.

    limits: (least, most), the factors from the modelled time of a layer to the least and the most
    that it may be, unless its roofline takes longer than the least; or None for no ranges.

    >>> compute = Demand('conv', macs=6e9, mac_slots=8e9, gain=1, dram_bytes=1e6)
    >>> memory = Demand('fc', macs=1e6, mac_slots=1e6, gain=1, dram_bytes=2e9)
    >>> accelerator = Accelerator(macs=1000, clock_mhz=1000, dram_gb_per_s=10)  # 1e12 MAC/s
    >>> costs = cost_workload(Workload([compute, memory]), accelerator, limits=None)
    >>> {group: round(cost.latency_s, 3) for group, cost in costs.sums.items()}
    {'conv': 0.008, 'fc': 0.2, 'total': 0.208}
    """
    compute_s, memory_s = layer_times(workload, accelerator)
    times_s = {kind: compute_s[kind] + memory_s[kind] for kind in compute_s}
    times_s['total'] = sum(times_s.values(), [])
    latencies_s = {group: math.fsum(times) for group, times in times_s.items()}
    bounds_s = {}
    for bound, times_of_kinds in (('compute', compute_s), ('memory', memory_s)):
        times = sum(times_of_kinds.values(), [])
        if times:
            bounds_s[bound] = math.fsum(times)

    energies = {}  # {kind, bound or 'total': {part: J}}
    if accelerator.has_energy:
        groups = group_demands(workload, accelerator)
        for group, latency_s in {**latencies_s, **bounds_s}.items():
            energies[group] = energy_parts(groups.get(group, []), latency_s, accelerator)

    sums, ranges, bounds = {}, {}, {}
    for group, latency_s in latencies_s.items():
        sums[group] = cost_of(energies.get(group), latency_s)
        if limits:
            group_limits = limits_within_roofline(times_s[group], accelerator, limits)
            ranges[group] = range_within(energies.get(group), latency_s, group_limits)
    for bound, latency_s in bounds_s.items():
        bounds[bound] = cost_of(energies.get(bound), latency_s)
    return WorkloadCosts(sums, ranges or None, bounds, energies.get('total'))


def layer_times(workload, accelerator):
    """Return (compute_s, memory_s), the times of compute-bound and of memory-bound layers.

    compute_s, memory_s: {kind: [s]}, not in the order of the layers. This is where sweeps spend
    most of their time.
    """
    peak, bandwidth = accelerator.peak_macs_per_s, accelerator.bytes_per_s
    ridge, efficiency = peak / bandwidth, accelerator.efficiency or 1
    macs_per_s, bytes_per_s = peak * efficiency, bandwidth * efficiency
    compute_s, memory_s = {}, {}
    for kind, demands in workload.by_kind.items():
        # The Demands are sorted: those below the ridge, which wait for memory, come first.
        at_ridge = bisect.bisect_left(demands.intensities, ridge)
        compute_s[kind] = [mac_slots / macs_per_s for mac_slots in demands.mac_slots[at_ridge:]]
        memory_s[kind] = [dram_bytes / bytes_per_s for dram_bytes in demands.dram_bytes[:at_ridge]]
    for demand in workload.with_dense:
        chosen = faster_way(demand, peak, bandwidth)
        if bound_of(chosen, ridge) == 'compute':
            compute_s[chosen.kind].append(chosen.mac_slots / macs_per_s)
        else:
            memory_s[chosen.kind].append(chosen.dram_bytes / bytes_per_s)
    if accelerator.layer_us:
        start_s = accelerator.layer_s / efficiency
        for times_of_kinds in (compute_s, memory_s):
            for kind, times in times_of_kinds.items():
                times_of_kinds[kind] = [time_s + start_s for time_s in times]
    return compute_s, memory_s


def bound_of(demand, ridge):
    """Return what the layer of a Demand waits for, "compute" or "memory".

    ridge: of the accelerator, in MAC slots per DRAM byte.
    """
    return 'compute' if demand.mac_slots / demand.dram_bytes >= ridge else 'memory'


def faster_way(demand, peak, bandwidth):
    """Return a Demand, or that of its dense way if this takes less time.

    peak: of the accelerator, in MACs per second. bandwidth: of its DRAM, in bytes per second.
    """
    if demand.dense is None:
        return demand
    time_s = roof_time(demand, peak, bandwidth)
    return demand.dense if roof_time(demand.dense, peak, bandwidth) < time_s else demand


def roof_time(demand, peak, bandwidth):
    """Return the time in s that a Demand takes if the accelerator attains all of its roofline.

    peak: of the accelerator, in MACs per second. bandwidth: of its DRAM, in bytes per second.
    """
    return max(demand.mac_slots / peak, demand.dram_bytes / bandwidth)


def group_demands(workload, accelerator):
    """Return {kind, bound or 'total': [Demand]}, the Demands of a Workload by their groups.

    Of a layer with a dense way, the Demand is that of the faster way on the Accelerator.
    """
    peak, bandwidth = accelerator.peak_macs_per_s, accelerator.bytes_per_s
    groups = {}
    for demand in workload.demands:
        chosen = faster_way(demand, peak, bandwidth)
        for group in (chosen.kind, bound_of(chosen, peak / bandwidth), 'total'):
            groups.setdefault(group, []).append(chosen)
    return groups


def energy_parts(demands, latency_s, accelerator):
    """Return {part: J} of the energy of Demands on an Accelerator.

    demands: a list of Demands, each in its faster way. latency_s: the time that they take together.
    The parts are "mac" (mac_pj), "dram" (dram_pj_per_byte) and "power" (power_mw). One is left out
    if the Accelerator does not have its key.
    """
    parts = {}
    if accelerator.mac_pj is not None:
        # With Winograd's algorithm, the hardware does fewer MACs.
        macs = math.fsum(demand.macs / demand.gain for demand in demands)
        parts['mac'] = macs * accelerator.mac_pj * 1e-12
    if accelerator.dram_pj_per_byte is not None:
        dram_bytes = math.fsum(demand.dram_bytes for demand in demands)
        parts['dram'] = dram_bytes * accelerator.dram_pj_per_byte * 1e-12
    if accelerator.power_mw is not None:
        parts['power'] = accelerator.power_mw * 1e-3 * latency_s
    return parts


def cost_of(parts, latency_s):
    """Return the Cost of some layers.

    parts: {part: J} of their energy; None or empty if it is not known. latency_s: their time.
    """
    return Cost(math.fsum(parts.values()) if parts else None, latency_s)


def limits_within_roofline(times_s, accelerator, limits):
    """Return the limits of the sum of some layers' times, of which none is below its roofline.

    times_s: the modelled times, in s. limits: as for `cost_workload`.

    >>> chip = Accelerator(1000, 1000, 10, efficiency=0.5, layer_us=1e6)  # 1 s
    >>> limits_within_roofline([4, 14], chip, (0.4, 3))  # rooflines of 1 and 6 s: 1.6 and 6 s
    (0.4222222222222222, 3)
    """
    least, most = limits
    efficiency, layer_s = accelerator.efficiency or 1, accelerator.layer_s
    least_s = [max(least * time_s, time_s * efficiency - layer_s) for time_s in times_s]
    total_s = math.fsum(times_s)
    return (math.fsum(least_s) / total_s if total_s else least), most


def range_within(parts, latency_s, limits):
    """Return (low, high), the least and the most Cost of some layers.

    parts: {part: J} of their energy; None or empty if it is not known. latency_s: their time.
    limits: (least, most), the factors from this time to the least and the most that it may be. Of
    the energy, only the part "power", which is power times time, changes with the time.
    """
    cost = cost_of(parts, latency_s)
    ends = []
    for limit in limits:
        energy_j = cost.energy_j
        if parts:
            energy_j += parts.get('power', 0) * (limit - 1)
        ends.append(Cost(energy_j, latency_s * limit))
    return tuple(ends)


def price_layer(layer, accelerator, limits):
    """Return a Layer of a DemandModel with its Cost on an Accelerator, and with details.

    limits: as for `cost_workload`. The details are
    utilization: the layer's MACs over those that the array could do in its time, which are more by
    the gain of Winograd's algorithm; dram_bytes: read and written;
    operational_intensity: MACs per DRAM byte;
    attainable_macs_per_s: the height of the roof at this intensity.
    """
    peak, bandwidth = accelerator.peak_macs_per_s, accelerator.bytes_per_s
    demand = faster_way(layer.cost, peak, bandwidth)
    roof_s = roof_time(demand, peak, bandwidth)
    latency_s = (roof_s + accelerator.layer_s) / (accelerator.efficiency or 1)
    parts = energy_parts([demand], latency_s, accelerator)
    low = high = None
    if limits:
        limits = limits_within_roofline([latency_s], accelerator, limits)
        low, high = range_within(parts, latency_s, limits)
    possible_macs_per_s = peak * demand.gain
    intensity = demand.macs / demand.dram_bytes
    return layer.replaced(
        cost=cost_of(parts, latency_s),
        low=low,
        high=high,
        bound=bound_of(demand, peak / bandwidth),
        energy_by=parts or None,
        details={
            'utilization': demand.macs / (possible_macs_per_s * latency_s),
            'dram_bytes': demand.dram_bytes,
            'operational_intensity': intensity,
            'attainable_macs_per_s': min(possible_macs_per_s, intensity * bandwidth),
        },
    )
