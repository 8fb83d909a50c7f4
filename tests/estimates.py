"""Estimates made by hand, which have all that a report can have."""

import copy
import itertools
import math

from support import fodlam

from fodlam import Cost, Estimate, Layer
from fodlam.data import tables
from fodlam.data.roofline import Accelerator

EYERISS_BOUNDS, ROOFLINE_BOUNDS = ('compute', 'buffer', 'link'), ('compute', 'memory')
PARTS = ('mac', 'dram', 'power')
# 24 layers, with 10^9 MACs in all.
LEFT_OUT = [{'type': 'MatMul', 'macs': macs} for macs in [10**9 - 23] + [1] * 23]
NOTES = [
    "conv: Eyeriss's batch of 3 frames; fc: 1 frame; --per-frame for one",
    'A roofline is a bound: ' + 'real devices attain 18 to 62% of it, and so do these; ' * 3,
]
ACCELERATOR = Accelerator(macs=1000, clock_mhz=1000, dram_gb_per_s=10)


def made(count=5, ranged=False, bounds=(), parts=(), left_out=(), frames=1, name='layer-{}'):
    """Return an Estimate of `count` layers, of which all but the last are conv layers.

    ranged: whether it has ranges. bounds: what its layers wait for, in turn; if memory is among
    these, it is on an accelerator. parts: what the energy of each layer is split into.
    left_out: as of `estimate_of`. frames: those of the conv layers. name: of layers, with a {} for
    the number, from 1.
    """
    layers = []
    for i in range(1, count + 1):
        entry = {'name': name.format(i), 'macs': 10**6 * i}
        energy, latency = 123.4e-6 * i, 12.34e-6 * i
        if i < count:
            layer = Layer(entry, 'conv', 'published', frames, Cost(energy, latency))
        else:
            layer = Layer(entry, 'fc', 'published', 1, Cost(energy, latency))
        if ranged:
            layer.low, layer.high = Cost(energy / 2, latency / 3), Cost(energy * 8, latency * 7)
        if bounds:
            layer.bound = bounds[i % len(bounds)]
        if 'memory' in bounds:
            layer.source = 'roofline'
            layer.details = {
                'utilization': 0.081 * i / count, 'dram_bytes': 10**5 * i,
                'operational_intensity': 10 * i, 'attainable_macs_per_s': 10**11 * i,
            }  # fmt: skip
        if parts:
            layer.energy_by = {part: energy * (3 - k) / 7 for k, part in enumerate(parts)}
            layer.cost = Cost(math.fsum(layer.energy_by.values()), latency)
        layers.append(layer)
    return estimate_of(layers, left_out)


def estimate_of(layers, left_out=()):
    """Return the Estimate that adds up Layers.

    left_out: the entries of layers with MACs that have no cost, as {'type': ..., 'macs': ...}.
    """
    groups = {kind: [] for kind in fodlam.KINDS}  # {kind or 'total': [Layer]}
    frames = dict.fromkeys(fodlam.KINDS, 1)
    for layer in layers:
        groups.setdefault(layer.kind, []).append(layer)
        frames[layer.kind] = layer.frames
    groups['total'] = layers
    config = {'netfile': 'X'}
    estimate = Estimate(
        config=config,
        sums={group: total(members, 'cost') for group, members in groups.items()},
        frames=frames,
        make_layers=lambda: layers,
        left_out=list(left_out),
    )
    if any(layer.low for layer in layers):
        estimate.ranges = {}
        for group, members in groups.items():
            estimate.ranges[group] = total(members, 'low'), total(members, 'high')
    waiting = {}  # {bound: [Layer]}
    for layer in layers:
        if layer.bound:
            waiting.setdefault(layer.bound, []).append(layer)
    if waiting:
        estimate.bounds = {bound: total(waiting[bound], 'cost') for bound in sorted(waiting)}
    if any(layer.energy_by for layer in layers):
        estimate.energy_by = {
            part: math.fsum(layer.energy_by[part] for layer in layers)
            for part in layers[0].energy_by
        }
    if any(layer.details for layer in layers):
        estimate.accelerator = ACCELERATOR
        config['accelerator'] = 'our chip'
    return estimate


def total(layers, field):
    """Return the sum of the Costs that Layers have in a field: 'cost', 'low' or 'high'."""
    costs = [getattr(layer, field) for layer in layers]
    energies = [cost.energy_j for cost in costs]
    energy = None if None in energies else math.fsum(energies)
    return Cost(energy, math.fsum(cost.latency_s for cost in costs))


def every_estimate():
    """Yield Estimates with all combinations of ranges, bounds, parts of energy and left out.

    Only a roofline has parts of energy.
    """
    bounds_and_parts = [
        ((), ()),
        (EYERISS_BOUNDS, ()),
        (ROOFLINE_BOUNDS, ()),
        (ROOFLINE_BOUNDS, PARTS[:1]),
        (ROOFLINE_BOUNDS, PARTS),
    ]
    for ranged, (bounds, parts), left_out in itertools.product(
        (False, True), bounds_and_parts, ((), LEFT_OUT)
    ):
        yield made(7, ranged, bounds, parts, left_out, frames=3)


def with_config(estimate, **config):
    """Return an Estimate with another config."""
    return changed(estimate, config=config)


def table_lines(estimate, notes=()):
    """Return the list of lines of an Estimate's table; notes: the sentences below it."""
    return tables.estimate_table(estimate, list(notes), 'utf-8').splitlines()


def changed(estimate, **attributes):
    """Return a copy of an Estimate in which some attributes are different."""
    estimate = copy.copy(estimate)
    vars(estimate).update(attributes)
    return estimate
