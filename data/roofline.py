"""Rooflines: how much time and energy the layers of a network take on an accelerator.

A layer takes the longer of two times: that of its MACs at the peak rate of the array of MAC units,
and that of its bytes at the bandwidth of DRAM. data/README.md, "Rooflines", has all formulas.

They are worked out in two steps. First, the Demand of each layer (data/demand.py): so many MACs and
bytes, however fast the accelerator is. It depends on the accelerator's Mapping only. Then, the
times and energies of the Demands on the accelerator. In a sweep, many accelerators share a Mapping:
the Demands of a network are made once and arranged as a Workload, with which the second step takes
little time.

Terms:
  MAC slot  what one MAC unit of the array could do in one cycle
  ridge     the MAC slots per DRAM byte from which on layers wait for the array, and not for DRAM
  dense way groups of channels computed as one dense layer, with zeros in its weights; where
            channels are handled in atoms, it may be faster than one group after another

Sources:
  AMAIX  Juenger, Zurstrassen, Kogel, Keding, Leupers, SAMOS 2020: rooflines of accelerators
"""

import bisect
import math
import operator
from collections import namedtuple

from fodlam import KINDS, Cost
from fodlam.data.demand import MAPPING_DEFAULTS, Mapping

# === Accelerators ===

# The keys of an accelerator, with their defaults and units. data/README.md says what they are
# ("Rooflines"). If no efficiency is given, it counts as 1, and times are lower bounds. If no key of
# energy is given, no energy is known.
REQUIRED_KEYS = ('macs', 'clock_mhz', 'dram_gb_per_s')
ENERGY_DEFAULTS = {
    'power_mw': None,
    'mac_pj': None,
    'sram_pj_per_byte': None,
    'dram_pj_per_byte': None,
}
# Functions that return a tuple of the values that an Accelerator has for these keys.
mapping_fields = operator.attrgetter(*MAPPING_DEFAULTS)
energy_fields = operator.attrgetter(*ENERGY_DEFAULTS)
NO_ENERGY = tuple(ENERGY_DEFAULTS.values())
DEFAULTS = {**ENERGY_DEFAULTS, 'efficiency': None, 'layer_us': 0, **MAPPING_DEFAULTS}
ACCELERATOR_KEYS = (*REQUIRED_KEYS, *DEFAULTS)


class Accelerator(
    namedtuple('Accelerator', (*ACCELERATOR_KEYS, 'device'), defaults=(*DEFAULTS.values(), None))
):
    """An accelerator with a roofline.

    Its fields are its keys (data/README.md, "Rooflines"), and
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
        """The time in s of each layer beside its roofline, for one frame, before the efficiency.

        A layer is started once for all frames of a batch.
        """
        return self.layer_us * 1e-6 / (self.batch or 1)

    @property
    def mapping(self):
        """The Mapping of the Accelerator."""
        return Mapping._make(mapping_fields(self))

    @property
    def has_energy(self):
        """Whether anything is known of the Accelerator's energy."""
        return energy_fields(self) != NO_ENERGY


# === Workloads ===


class SortedDemands:
    """Demands that have no dense way, sorted by their MAC slots per DRAM byte.

    intensities, mac_slots, dram_bytes: lists of the MAC slots per DRAM byte, the MAC slots and the
    DRAM bytes of the Demands, all three in this order.
    """

    def __init__(self, demands):
        ordered = sorted(
            (intensity_of(demand), demand.mac_slots, demand.dram_bytes) for demand in demands
        )
        self.intensities = [intensity for intensity, _, _ in ordered]
        self.mac_slots = [mac_slots for _, mac_slots, _ in ordered]
        self.dram_bytes = [dram_bytes for _, _, dram_bytes in ordered]


def intensity_of(demand):
    """Return the MAC slots per DRAM byte of a Demand; infinite if all its maps stay on chip."""
    return demand.mac_slots / demand.dram_bytes if demand.dram_bytes else math.inf


class Traffic:
    """The bytes of some layers, by operand, as reports have them.

    by_group: {kind or 'total': {'weight_traffic_bytes': bytes, 'feature_traffic_bytes': bytes}},
    what is read from DRAM and written to it.
    sizes: {'all_weights_bytes': bytes, 'largest_map_bytes': bytes}, however often they are moved.
    batch: the frames that all layers are run for together; None if no batch is given.
    template: where data/sweeps.py keeps the JSON of this, once it is made.

    >>> from fodlam.data.demand import Demand
    >>> conv = Demand('conv', 9, 9, 1, dram_bytes=50, weight_traffic=20, all_weights=20)
    >>> traffic = Traffic([conv, conv._replace(kind='fc')], ['conv', 'fc'], batch=None)
    >>> traffic.by_group['conv'], traffic.by_group['total']['weight_traffic_bytes']
    ({'weight_traffic_bytes': 20, 'feature_traffic_bytes': 30}, 40)
    """

    def __init__(self, demands, kinds, batch):
        self.by_group = {}
        for kind in kinds:
            of_kind = [demand for demand in demands if demand.kind == kind]
            self.by_group[kind] = traffic_of(of_kind)
        self.by_group['total'] = traffic_of(demands)
        self.sizes = {
            'all_weights_bytes': sum([demand.all_weights for demand in demands]),
            'largest_map_bytes': max([demand.largest_map for demand in demands], default=0),
        }
        self.batch = batch
        self.template = None

    def add_to(self, report):
        """Add the bytes to the report on the layers, which has their sums, and the batch's time."""
        for group, traffic in self.by_group.items():
            report[group] |= traffic
        report['sizes'] = dict(self.sizes)  # which a sweep keeps, whatever becomes of reports
        if self.batch is not None:
            report['batch'] = self.batch
            report['batch_latency'] = self.batch_latency(report['total']['latency'])

    def batch_latency(self, latency_s):
        """Return the time in s that a batch takes; latency_s: the time of a frame."""
        return latency_s * self.batch


def traffic_of(demands):
    """Return the DRAM traffic of Demands by operand, with the keys of reports."""
    weight_traffic = sum([demand.weight_traffic for demand in demands])
    dram_bytes = sum([demand.dram_bytes for demand in demands])
    return {
        'weight_traffic_bytes': weight_traffic,
        'feature_traffic_bytes': dram_bytes - weight_traffic,
    }


class Workload:
    """The Demands of layers, arranged so that `cost_workload` is fast.

    demands: the list of all Demands, in the order of the layers.
    batch: the frames that all layers are run for together; None if no batch is given.
    with_dense: the list of those that have a dense way.
    by_kind: {kind: SortedDemands} of those that have none.
    traffic: the Traffic of all Demands; None if some have a dense way, as it depends on the way.
    """

    def __init__(self, demands, batch=None):
        self.demands = demands
        self.batch = batch
        self.with_dense = [demand for demand in demands if demand.dense is not None]
        without_dense = [demand for demand in demands if demand.dense is None]
        self.by_kind = {}
        for kind in [*KINDS, *(demand.kind for demand in demands)]:
            if kind not in self.by_kind:
                of_kind = [demand for demand in without_dense if demand.kind == kind]
                self.by_kind[kind] = SortedDemands(of_kind)
        self.traffic = None if self.with_dense else Traffic(demands, self.by_kind, batch)


# === Times and energies ===


class WorkloadCosts(namedtuple('WorkloadCosts', 'sums ranges bounds energy_by traffic')):
    """What all layers of a Workload cost on an Accelerator.

    sums: {kind or 'total': Cost}. ranges: {kind or 'total': (low, high)}, the least and the most
    Cost, or None without limits. bounds: {bound: Cost} of the layers with each bound.
    energy_by: {part: J} of all energy, or None if it is not known. traffic: a Traffic.
    """

    __slots__ = ()


def cost_workload(workload, accelerator, limits):
    """Return the WorkloadCosts of a Workload on an Accelerator.

    limits: (least, most), the factors from the modelled time of a layer to the least and the most
    that it may be, unless its roofline takes longer than the least; or None for no ranges.

    >>> from fodlam.data.demand import Demand
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
    traffic = workload.traffic or chosen_traffic(workload, accelerator)
    return WorkloadCosts(sums, ranges or None, bounds, energies.get('total'), traffic)


def chosen_traffic(workload, accelerator):
    """Return the Traffic of a Workload, with each layer in its faster way on an Accelerator."""
    peak, bandwidth = accelerator.peak_macs_per_s, accelerator.bytes_per_s
    chosen = [faster_way(demand, peak, bandwidth) for demand in workload.demands]
    return Traffic(chosen, workload.by_kind, workload.batch)


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
    return 'compute' if intensity_of(demand) >= ridge else 'memory'


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
    The parts are "mac" (mac_pj), "sram" (sram_pj_per_byte), "dram" (dram_pj_per_byte) and "power"
    (power_mw). One is left out if the Accelerator does not have its key.
    """
    parts = {}
    if accelerator.mac_pj is not None:
        # With Winograd's algorithm, the hardware does fewer MACs.
        macs = math.fsum(demand.macs / demand.gain for demand in demands)
        parts['mac'] = macs * accelerator.mac_pj * 1e-12
    if accelerator.sram_pj_per_byte is not None:
        sram_bytes = math.fsum(demand.sram_bytes for demand in demands)
        parts['sram'] = sram_bytes * accelerator.sram_pj_per_byte * 1e-12
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
    the gain of Winograd's algorithm;
    dram_bytes: read and written; weight_traffic_bytes, feature_traffic_bytes: its two parts;
    operational_intensity: MACs per DRAM byte; None if all maps of a product stay on chip;
    attainable_macs_per_s: the height of the roof at this intensity;
    and, if the array has a shape, array_cycles: while it computes; sram_bytes: to it and from it.
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
    possible_macs_per_s = attainable = peak * demand.gain
    intensity = None
    if demand.dram_bytes:
        intensity = demand.macs / demand.dram_bytes
        attainable = min(possible_macs_per_s, intensity * bandwidth)
    details = {
        'utilization': demand.macs / (possible_macs_per_s * latency_s),
        'dram_bytes': demand.dram_bytes,
        **traffic_of([demand]),
        'operational_intensity': intensity,
        'attainable_macs_per_s': attainable,
    }
    if accelerator.rows is not None:
        details['array_cycles'] = demand.mac_slots // accelerator.macs
        details['sram_bytes'] = demand.sram_bytes
    return layer.replaced(
        cost=cost_of(parts, latency_s),
        low=low,
        high=high,
        bound=bound_of(demand, peak / bandwidth),
        energy_by=parts or None,
        details=details,
    )
