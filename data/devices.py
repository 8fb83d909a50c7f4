"""Devices that were measured, and what the figures of any accelerator are worth.

A device attains some share of its roofline, which carries over from one network to another. How far
it carries is read off the devices that were measured with two networks.

QuTiBench (data/README.md): Blott et al., IEEE Transactions on Computers, 2020.
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
    'dram_gbps': ('DRAM Bandwidth (GB/s)', 1),
    'bytes': ('Bytes a Number', 1),
    'frames_per_s': ('Compute (frame/s)', 1),
    'power_mw': ('Power (W)', 1e3),
}
DEVICES_NETS = {
    'GoogLeNet': 'googlenet.json',
    'MobileNet': 'mobilenet.json',
    'ResNet-50': 'resnet50.json',
}
DEVICES_CLOCK_MHZ = 1000  # any will do, as only the peak counts


def read_devices():
    """Return {device: {network: {field of DEVICES_COLUMNS: number}}}.

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
    """Return the plain roofline of a device, as an Accelerator; a MAC is two operations.

    row: {field of DEVICES_COLUMNS: number}, as measured with any network.
    """
    return Accelerator(
        macs=row['operations_per_s'] / 2 / (DEVICES_CLOCK_MHZ * 1e6),
        clock_mhz=DEVICES_CLOCK_MHZ,
        dram_gbps=row['dram_gbps'],
        feature_bytes=row['bytes'],
        weight_bytes=row['bytes'],
    )


def find_device(name, devices):
    """Return a device as an Accelerator.

    Its efficiency is the geometric mean of the shares that its networks attain, and its power the
    mean of theirs. devices: the result of `read_devices`, which has the name.
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

    They are worked out once, which takes as long as 20 networks, and kept.
    """
    return shares_in(fodlam.DATA_DIR, fodlam.NETS_DIR)


@functools.cache
def shares_in(data_dir, nets_dir):
    """Return the shares of `read_shares`, by the tables and net files in two folders.

    The folders are fodlam.DATA_DIR and fodlam.NETS_DIR: arguments tell what is kept of others.
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
            key = network, accelerator.dataflow
            if key not in workloads:
                demands = [make_demand(*x, accelerator.dataflow) for x in networks[network]]
                workloads[key] = Workload(demands)
            costs = cost_workload(workloads[key], accelerator, limits=None)
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
    """Return the geometric mean of some numbers above 0."""
    return math.prod(numbers) ** (1 / len(numbers))


# === What figures are worth ===


def time_limits(accelerator):
    """Return (least, most), factors from the time of a layer on an Accelerator to what it may be.

    A device goes from the most to the least that its networks attain. Any other efficiency is off
    by as much as that of two networks on one device may be, but nothing is faster than its
    roofline. Without an efficiency, the roofline is a bound, of which devices attain some share.
    """
    shares = read_shares()
    own = shares.get(accelerator.device, {}).values()
    if len(own) > 1:
        return accelerator.efficiency / max(own), accelerator.efficiency / min(own)
    if accelerator.efficiency is None:
        return 1, 1 / min(all_shares(shares))
    factor = max(factors_apart(shares))
    return max(1 / factor, accelerator.efficiency), factor


def all_shares(shares):
    """Return the list of all shares in {device: {network: share}}."""
    return [share for by_network in shares.values() for share in by_network.values()]


def factors_apart(shares):
    """Return the factor between the shares of two networks on one device, for each device.

    shares: {device: {network: share}}. Devices with one network do not count.

    >>> factors_apart({'a': {'x': 0.25, 'y': 0.5}, 'b': {'x': 0.3}})
    [2.0]
    """
    factors = []
    for by_network in shares.values():
        if len(by_network) > 1:
            factors.append(max(by_network.values()) / min(by_network.values()))
    return factors


def accuracy_notes(estimate):
    """Return sentences on what an Estimate on an accelerator is worth."""
    accelerator = estimate.accelerator
    # Ranges say as much in numbers, but for those of a device, which are of its own networks alone.
    if estimate.ranges and accelerator.device is None:
        return []
    shares = read_shares()
    if accelerator.efficiency is None:
        return [bound_note(shares)]
    return [share_note(shares)]


def bound_note(shares):
    """Return a sentence on what a roofline is worth; shares: {device: {network: share}}."""
    every = all_shares(shares)
    return f'a roofline is a bound: real devices attain {min(every):.0%} to {max(every):.0%} of it'


def share_note(shares):
    """Return a sentence on what a device's share is worth; shares: {device: {network: share}}."""
    factors = factors_apart(shares)
    typical = geometric_mean(factors)
    return (
        'from one network to another, the share of its roofline that a device attains '
        f'typically differs by a factor of {typical:.2f}, at worst {max(factors):.2f}'
    )
