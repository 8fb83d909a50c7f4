"""Devices that were measured, and how far off estimates on any accelerator are.

A device attains a share of its roofline's rate, from 0 to 1. For other networks, the model assumes
the same share. How wrong that is can be told by devices that were measured with two networks.

Source: QuTiBench (data/README.md), Blott et al., IEEE Transactions on Computers, 2020.
"""

import functools
import math

import fodlam
from fodlam import KIND_OF_TYPE, quote, read_net, read_table
from fodlam.data.roofline import Accelerator, Workload, cost_workload, make_demand
from fodlam.data.shape import parse_shape

DEVICES_FILE = 'devices.csv'
DEVICES_KEY = 'Measurement'  # a device and a network, such as "edge-tpu GoogLeNet"
DEVICES_COLUMNS = {
    'operations_per_s': ('Peak (TOP/s)', 1e12),
    'dram_gb_per_s': ('DRAM Bandwidth (GB/s)', 1),
    'bytes': ('Bytes a Number', 1),
    'frames_per_s': ('Compute (frame/s)', 1),
    'power_mw': ('Power (W)', 1e3),
}
DEVICES_NETS = {
    'GoogLeNet': 'googlenet.json',
    'MobileNet': 'mobilenet.json',
    'ResNet-50': 'resnet50.json',
}
DEVICES_CLOCK_MHZ = 1000  # any would do, as only MACs per cycle times the clock counts


def read_devices():
    """Return {device: {network: {field of DEVICES_COLUMNS: number}}}, what was measured.

    Raises InputError or ValueError if the table is damaged.
    """
    devices = {}
    for title, row in read_table(DEVICES_FILE, DEVICES_COLUMNS, DEVICES_KEY).items():
        device, _, network = title.partition(' ')
        if network not in DEVICES_NETS:
            known = ', '.join(DEVICES_NETS)
            raise ValueError(
                f'data/{DEVICES_FILE}: unknown network {quote(network)}; expected {known}'
            )
        devices.setdefault(device, {})[network] = row
    return devices


def bare_device(row):
    """Return the roofline of a device without an efficiency or power, as an Accelerator.

    row: {field of DEVICES_COLUMNS: number} of the device with any network.
    """
    return Accelerator(
        # A MAC is two operations.
        macs=row['operations_per_s'] / 2 / (DEVICES_CLOCK_MHZ * 1e6),
        clock_mhz=DEVICES_CLOCK_MHZ,
        dram_gb_per_s=row['dram_gb_per_s'],
        feature_bytes=row['bytes'],
        weight_bytes=row['bytes'],
    )


def find_device(name, devices):
    """Return a device as an Accelerator.

    name: of the device. devices: the result of `read_devices`, which must have the name.
    The efficiency is the geometric mean of the device's shares over the networks that it was
    measured with, and the power is the mean of its powers.
    """
    rows = list(devices[name].values())
    powers = [row['power_mw'] for row in rows]
    return bare_device(rows[0])._replace(
        device=name,
        efficiency=geometric_mean(read_shares()[name].values()),
        power_mw=math.fsum(powers) / len(powers),
    )


def read_shares():
    """Return {device: {network: share}}, the share of its roofline's rate that a device attains.

    They are worked out once, which takes as long as estimates of 20 networks, and kept.
    """
    return shares_in(fodlam.DATA_DIR, fodlam.NETS_DIR)


@functools.cache
def shares_in(data_dir, nets_dir):
    """Return {device: {network: share}}, as `read_shares` does.

    data_dir, nets_dir: fodlam.DATA_DIR and fodlam.NETS_DIR, where everything is read from. They are
    arguments only so that the cache keeps the shares of each pair of folders apart.
    """
    networks = {}  # {network: [(entry, Shape, kind)]}
    workloads = {}  # {(network, Dataflow): Workload}, as several devices have one Dataflow
    shares = {}
    for device, rows in read_devices().items():
        shares[device] = {}
        for network, row in rows.items():
            if network not in networks:
                networks[network] = read_shapes(DEVICES_NETS[network])
            accelerator = bare_device(row)
            flow = accelerator.dataflow
            if (network, flow) not in workloads:
                demands = []
                for entry, shape, kind in networks[network]:
                    demands.append(make_demand(entry, shape, kind, flow))
                workloads[network, flow] = Workload(demands)
            costs = cost_workload(workloads[network, flow], accelerator, limits=None)
            shares[device][network] = row['frames_per_s'] * costs.sums['total'].latency_s
    return shares


def read_shapes(netfile):
    """Return [(entry, Shape, kind)] of the layers with MACs of a net file."""
    layers = []
    for entry in read_net(netfile).values():
        kind = KIND_OF_TYPE.get(entry['type'])
        if kind is not None:
            layers.append((entry, parse_shape(entry), kind))
    return layers


def geometric_mean(numbers):
    """Return the geometric mean of some numbers above 0.

    >>> geometric_mean([1, 4])
    2.0
    """
    return math.prod(numbers) ** (1 / len(numbers))


# === How far off estimates are ===


def time_limits(accelerator):
    """Return (least, most), the factors from a layer's modelled time to what it may be.

    accelerator: the Accelerator that the layer runs on.
    """
    shares = read_shares()
    own_shares = shares.get(accelerator.device, {}).values()
    if len(own_shares) > 1:
        # From the highest to the lowest share that the device was measured to attain.
        efficiency = accelerator.efficiency
        return efficiency / max(own_shares), efficiency / min(own_shares)
    if accelerator.efficiency is None:
        # The time is a bound. At worst, as low a share is attained as by any device.
        return 1, 1 / min(all_shares(shares))
    # The efficiency may be as far off as from one network to another on the same device; but
    # nothing is faster than its roofline.
    factor = max(factors_apart(shares))
    return max(1 / factor, accelerator.efficiency), factor


def all_shares(shares):
    """Return the list of all shares of all devices; shares: {device: {network: share}}."""
    return [share for by_network in shares.values() for share in by_network.values()]


def factors_apart(shares):
    """Return the list of the factors between the highest and the lowest share of each device.

    shares: {device: {network: share}}. Devices that have only one share are left out.

    >>> factors_apart({'a': {'x': 0.25, 'y': 0.5}, 'b': {'x': 0.3}})
    [2.0]
    """
    factors = []
    for by_network in shares.values():
        if len(by_network) > 1:
            factors.append(max(by_network.values()) / min(by_network.values()))
    return factors


def accuracy_notes(estimate):
    """Return the list of sentences on how far off an Estimate on an accelerator may be."""
    accelerator = estimate.accelerator
    # Ranges say the same in numbers. Only those of a device do not: they go by the networks that it
    # was measured with, and not by all devices.
    if estimate.ranges and accelerator.device is None:
        return []
    shares = read_shares()
    if accelerator.efficiency is None:
        return [bound_note(shares)]
    return [share_note(shares)]


def bound_note(shares):
    """Return a sentence on the shares that devices attain; shares: {device: {network: share}}."""
    attained = all_shares(shares)
    low, high = min(attained), max(attained)
    return f'a roofline is a bound: real devices attain {low:.0%} to {high:.0%} of it'


def share_note(shares):
    """Return a sentence on how shares differ by network; shares: {device: {network: share}}."""
    factors = factors_apart(shares)
    typical = geometric_mean(factors)
    return (
        'from one network to another, the share of its roofline that a device attains '
        f'typically differs by a factor of {typical:.2f}, at worst {max(factors):.2f}'
    )
