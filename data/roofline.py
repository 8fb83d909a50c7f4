"""Rooflines: what a layer asks of an accelerator, and what that takes.

A layer takes the longer of two times: that of its MACs at the peak rate of the array, and that of
its bytes at the bandwidth of DRAM. nets/README.md, "Rooflines", has all formulas.

First comes what a layer asks, however fast the accelerator is: its Demand, which depends only on
the accelerator's Dataflow. Then come times and energies. In a sweep, many accelerators have the
same Dataflow: a Workload holds the Demands of a network so that each of them costs little.

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

# The keys of an accelerator, with their defaults; fodlam.py's docstring says what they are. Without
# an efficiency, it is 1, and a bound. Without any of the keys of energy, no energy is known.
REQUIRED_KEYS = ('macs', 'clock_mhz', 'dram_gbps')
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
# Of an Accelerator, the values of these keys as a tuple.
dataflow_fields = operator.attrgetter(*DATAFLOW_DEFAULTS)
energy_fields = operator.attrgetter(*ENERGY_DEFAULTS)
NO_ENERGY = tuple(ENERGY_DEFAULTS.values())
DEFAULTS = {**ENERGY_DEFAULTS, 'efficiency': None, **DATAFLOW_DEFAULTS}
ACCELERATOR_KEYS = (*REQUIRED_KEYS, *DEFAULTS)


class Accelerator(
    namedtuple('Accelerator', (*ACCELERATOR_KEYS, 'device'), defaults=(*DEFAULTS.values(), None))
):
    """An accelerator with a roofline: its keys, and its name in data/devices.csv, or None."""

    __slots__ = ()

    @property
    def peak_macs_per_s(self):
        """The rate of the array, without Winograd's algorithm."""
        return self.macs * self.clock_mhz * 1e6

    @property
    def bytes_per_s(self):
        """The bandwidth of DRAM."""
        return self.dram_gbps * 1e9

    @property
    def dataflow(self):
        """The Dataflow of the Accelerator."""
        return Dataflow(*dataflow_fields(self))

    @property
    def has_energy(self):
        """Whether anything is known of the Accelerator's energy."""
        return energy_fields(self) != NO_ENERGY


# NVDLA's performance estimator (repository nvdla/hw, perf/): Winograd's weights take 4 x 4 for
# 3 x 3, and the buffer holds the weights of 32 filters at the least.
WINOGRAD_WEIGHTS = 16 / 9
LEAST_FILTERS = 32

# === Demands ===


class Dataflow(namedtuple('Dataflow', tuple(DATAFLOW_DEFAULTS))):
    """What an Accelerator's layers are computed with, whatever its speed and energy.

    The fields are keys of accelerators, as fodlam.py's docstring has them.
    """

    __slots__ = ()


class Demand(namedtuple('Demand', 'kind macs mac_slots gain dram_bytes dense', defaults=[None])):
    """What a layer asks of an accelerator with some Dataflow, for one frame.

    kind: of the layer. macs: of the layer.
    mac_slots: how many MACs the array could do in the cycles that the layer takes.
    gain: how many MACs are done in the place of one, by Winograd's algorithm.
    dram_bytes: what goes into DRAM and out of it.
    dense: the Demand of another way to compute the layer, of which the faster counts; or None.
    """

    __slots__ = ()


def make_demand(entry, shape, kind, flow):
    """Return the Demand of a layer, as NVDLA's performance estimator has it.

    entry: the dict that a net file has of the layer. shape: its Shape. kind: of the layer.
    flow: a Dataflow.
    Each group is a layer of its own. Where channels go in atoms, all groups may instead be one dense
    layer with zeros in its weights, as NVDLA's compiler makes it.
    """
    macs, groups = entry['macs'], shape.groups
    group_shape = shape._replace(C=shape.C // groups, K=shape.K // groups)
    mac_slots, gain, dram_bytes = demand_of_group(entry, group_shape, kind, flow)
    dense = None
    if groups > 1 and flow.channel_atom != 1 and entry['type'] != 'MatMul':
        dense = Demand(kind, macs, *demand_of_group(entry, shape, kind, flow))
    return Demand(kind, macs, mac_slots * groups, gain, dram_bytes * groups, dense)


def demand_of_group(entry, shape, kind, flow):
    """Return (mac_slots, gain, dram_bytes) of one group of a layer, as of a Demand.

    entry: the dict that a net file has of the layer. shape: the Shape of the group. kind: of the
    layer. flow: a Dataflow.
    """
    P, Q, sy, sx = shape.P, shape.Q, shape.sy, shape.sx
    if entry['type'] == 'Deconvolution':
        # It is the convolution over its ifmap, with stride 1, that does the same MACs.
        P, Q, sy, sx = shape.H, shape.W, 1, 1
    batch = flow.fc_batch if entry['type'] == 'InnerProduct' else 1
    is_winograd = (shape.R, shape.S, sy, sx) == (3, 3, 1, 1)
    gain = flow.winograd_gain if is_winograd else 1
    # In a MatMul both operands are features; the second takes the place of the weights.
    weight_bytes = flow.feature_bytes if entry['type'] == 'MatMul' else flow.weight_bytes

    # Where channels go in atoms, strides fill them: each of the py x px phases of the ifmap is a
    # channel of its own, of a convolution with stride 1.
    py, px = (1, 1) if flow.channel_atom == 1 else (sy, sx)
    channels = round_up(shape.C * py * px, flow.channel_atom)
    h, w = math.ceil(shape.H / py), math.ceil(shape.W / px)
    r, s = math.ceil(shape.R / py), math.ceil(shape.S / px)

    ifmap = channels * h * w * flow.feature_bytes
    weights = channels * r * s * shape.K * weight_bytes
    if gain != 1:
        weights *= WINOGRAD_WEIGHTS
    weights /= batch
    ofmap = shape.A * shape.B * round_up(shape.K, flow.channel_atom) * flow.feature_bytes
    ofmap_accesses = 2 if entry.get('addend') else 1  # an element-wise sum reads as much

    # What does not fit the buffer beside the least slice of the other operand is used in pieces, and
    # the other operand is read again for each piece.
    buffer = flow.buffer_kib * 1024
    if ifmap >= weights:
        larger, smaller = ifmap, weights
        least_slice = channels * min(shape.R, h) * w * flow.feature_bytes
    else:
        larger, smaller = weights, ifmap
        least_slice = channels * r * s * min(shape.K, LEAST_FILTERS) * weight_bytes
    pieces = 1
    if kind == 'conv':
        pieces = max(1, math.ceil(smaller / (buffer - min(least_slice, buffer / 2))))
    dram_bytes = pieces * larger + smaller + ofmap_accesses * ofmap

    filters = round_up(shape.K * batch, flow.kernel_atom) / batch
    mac_slots = channels * P * Q * filters * shape.R * shape.S / (py * px) / gain
    return mac_slots, gain, dram_bytes


def round_up(size, multiple):
    """Return the least multiple that is no smaller than a size.

    >>> round_up(20, 16)
    32
    """
    return math.ceil(size / multiple) * multiple


class DemandModel:
    """A model whose Layers have a Demand in the place of a Cost.

    Their costs follow once an Accelerator is known: `price_layer`. The arguments are those of a
    Dataflow.
    """

    def __init__(self, *flow):
        self.flow = Dataflow(*flow)

    def layer(self, entry, kind):
        """Return the Layer of a net file's entry, of which the cost is a Demand."""
        demand = make_demand(entry, parse_shape(entry), kind, self.flow)
        return Layer(entry, kind, 'roofline', 1, demand)


class SortedDemands:
    """Demands that there is one way to compute, in the order of their MAC slots per DRAM byte.

    intensities: these numbers. mac_slots, dram_bytes: of the Demands. Three lists in one order.
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
    """Demands of layers, arranged so that it takes little to hold them against many accelerators.

    demands: all, in the order of the layers. with_dense: those that may also be computed as a dense
    layer. by_kind: {kind: SortedDemands} of all others.
    """

    def __init__(self, demands):
        self.demands = demands
        self.with_dense = [demand for demand in demands if demand.dense is not None]
        without_dense = [demand for demand in demands if demand.dense is None]
        kinds = dict.fromkeys([*KINDS, *(demand.kind for demand in demands)])
        self.by_kind = {
            kind: SortedDemands([demand for demand in without_dense if demand.kind == kind])
            for kind in kinds
        }


# === Times and energies ===


class WorkloadCosts(namedtuple('WorkloadCosts', 'sums ranges bounds energy_by')):
    """What all layers of a Workload cost on an Accelerator: see fodlam.Estimate."""

    __slots__ = ()


def cost_workload(workload, accelerator, limits):
    """Return the WorkloadCosts of a Workload on an Accelerator.

    limits: (least, most), factors from the time that a layer takes to what it may take; or None for
    no ranges.
    """
    peak, bandwidth = accelerator.peak_macs_per_s, accelerator.bytes_per_s
    ridge, efficiency = peak / bandwidth, accelerator.efficiency or 1
    macs_per_s, bytes_per_s = peak * efficiency, bandwidth * efficiency
    compute_s, memory_s = {}, {}  # {kind: [the time of each layer with that bound]}
    # In sweeps, most of the time goes by here. Layers wait for memory below the ridge.
    for kind, demands in workload.by_kind.items():
        first = bisect.bisect_left(demands.intensities, ridge)
        compute_s[kind] = [mac_slots / macs_per_s for mac_slots in demands.mac_slots[first:]]
        memory_s[kind] = [dram_bytes / bytes_per_s for dram_bytes in demands.dram_bytes[:first]]
    for demand in workload.with_dense:
        chosen = faster_way(demand, peak, bandwidth)
        if bound_of(chosen, ridge) == 'compute':
            compute_s[chosen.kind].append(chosen.mac_slots / macs_per_s)
        else:
            memory_s[chosen.kind].append(chosen.dram_bytes / bytes_per_s)

    times_s = {kind: compute_s[kind] + memory_s[kind] for kind in compute_s}
    times_s['total'] = sum(times_s.values(), [])
    latencies_s = {group: math.fsum(times) for group, times in times_s.items()}
    bounds_s = {}
    for bound, times in (('compute', compute_s), ('memory', memory_s)):
        times = sum(times.values(), [])
        if times:
            bounds_s[bound] = math.fsum(times)

    energies = {}  # {kind, bound or 'total': {part: J}}
    if accelerator.has_energy:
        groups = group_demands(workload, peak, bandwidth)
        for group, latency_s in {**latencies_s, **bounds_s}.items():
            energies[group] = energy_parts(groups.get(group, []), latency_s, accelerator)

    sums, ranges = {}, {}
    for group, latency_s in latencies_s.items():
        sums[group] = cost_of(energies.get(group), latency_s)
        if limits:
            ranges[group] = range_within(energies.get(group), latency_s, limits)
    bounds = {
        bound: cost_of(energies.get(bound), latency_s) for bound, latency_s in bounds_s.items()
    }
    return WorkloadCosts(sums, ranges or None, bounds, energies.get('total'))


def bound_of(demand, ridge):
    """Return what a layer waits for, "compute" or "memory".

    ridge: of the accelerator, in MACs at its peak for each byte at its bandwidth.
    """
    return 'compute' if demand.mac_slots / demand.dram_bytes >= ridge else 'memory'


def faster_way(demand, peak, bandwidth):
    """Return a Demand or its dense one, whichever takes less time.

    peak: of the accelerator, in MACs per second. bandwidth: of its DRAM, in bytes per second.
    """
    if demand.dense is None:
        return demand
    time_s = roof_time(demand, peak, bandwidth)
    return demand.dense if roof_time(demand.dense, peak, bandwidth) < time_s else demand


def roof_time(demand, peak, bandwidth):
    """Return the time in s that a Demand takes on a roofline that is attained.

    peak: of the accelerator, in MACs per second. bandwidth: of its DRAM, in bytes per second.
    """
    return max(demand.mac_slots / peak, demand.dram_bytes / bandwidth)


def group_demands(workload, peak, bandwidth):
    """Return {kind, bound or 'total': [Demand]} of a Workload, each Demand in its faster way.

    peak: of the accelerator, in MACs per second. bandwidth: of its DRAM, in bytes per second.
    """
    groups = {}
    for demand in workload.demands:
        chosen = faster_way(demand, peak, bandwidth)
        for group in (chosen.kind, bound_of(chosen, peak / bandwidth), 'total'):
            groups.setdefault(group, []).append(chosen)
    return groups


def energy_parts(demands, latency_s, accelerator):
    """Return {part: J} of the energy of some Demands, for each key of energy of an Accelerator.

    latency_s: the time that all Demands take together.
    """
    parts = {}
    if accelerator.mac_pj is not None:
        # By Winograd's algorithm, the hardware does fewer MACs.
        macs = math.fsum(demand.macs / demand.gain for demand in demands)
        parts['mac'] = macs * accelerator.mac_pj * 1e-12
    if accelerator.dram_pj_per_byte is not None:
        dram_bytes = math.fsum(demand.dram_bytes for demand in demands)
        parts['dram'] = dram_bytes * accelerator.dram_pj_per_byte * 1e-12
    if accelerator.power_mw is not None:
        parts['power'] = accelerator.power_mw * 1e-3 * latency_s
    return parts


def cost_of(parts, latency_s):
    """Return the Cost of {part: J} of energy, or of none that is known, and a time."""
    return Cost(math.fsum(parts.values()) if parts else None, latency_s)


def range_within(parts, latency_s, limits):
    """Return (low, high), the Costs of {part: J} of energy and a time, within limits of the time.

    limits: (least, most), factors from the time to what it may be.
    Of the energy, only power times time depends on the time.
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
    """Return a Layer of a DemandModel with its Cost on an Accelerator.

    limits: as of `cost_workload`. Its details are utilization (MACs done over those possible in its
    time, Winograd's counted), dram_bytes, operational_intensity (MACs per DRAM byte) and
    attainable_macs_per_s, which is the height of the roof there.
    """
    peak, bandwidth = accelerator.peak_macs_per_s, accelerator.bytes_per_s
    demand = faster_way(layer.cost, peak, bandwidth)
    latency_s = roof_time(demand, peak, bandwidth) / (accelerator.efficiency or 1)
    parts = energy_parts([demand], latency_s, accelerator)
    low, high = range_within(parts, latency_s, limits) if limits else (None, None)
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
