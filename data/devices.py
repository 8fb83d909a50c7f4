"""Devices that were measured, and how far off estimates on any accelerator are.

A device attains a share of its roofline's rate, from 0 to 1. For other networks, the model assumes
the same share, and where many networks were measured, a time per layer beside the roofline. Both
numbers, and how far off they are, come from data/calibration.py. It takes longer than an estimate
may, so that what it found is stored in CALIBRATED_FILE.

Sources: QuTiBench and Vitis AI (data/README.md).
"""

import functools
import math
from collections import namedtuple

import fodlam
from fodlam import quote, read_table
from fodlam.data.roofline import Accelerator


class Source(namedtuple('Source', 'name filename columns')):
    """A table of measurements, whose rows are a device and a network, as "edge-tpu GoogLeNet".

    name: of who measured. filename: in data/. columns: see fodlam.read_table.
    """

    __slots__ = ()


DEVICES_KEY = 'Measurement'
DEVICES_COLUMNS = {
    'operations_per_s': ('Peak (TOP/s)', 1e12),
    'dram_gb_per_s': ('DRAM Bandwidth (GB/s)', 1),
    'bytes': ('Bytes a Number', 1),
}
# QuTiBench's rates are without the time that moves frames in and out of the host, Vitis AI's are
# with it. Vitis AI has no power.
SOURCES = (
    Source(
        'QuTiBench',
        'devices.csv',
        {
            **DEVICES_COLUMNS,
            'frames_per_s': ('Compute (frame/s)', 1),
            'power_mw': ('Power (W)', 1e3),
        },
    ),
    Source(
        'Vitis AI',
        'vitis.csv',
        {**DEVICES_COLUMNS, 'frames_per_s': ('End-to-End (frame/s)', 1)},
    ),
)
# {network in these tables: its file in nets/}
NETFILES = {
    'EfficientNet-B0': 'efficientnet_b0.json',
    'EfficientNet-EdgeTPU-L': 'efficientnet_edgetpu_l.json',
    'EfficientNet-EdgeTPU-M': 'efficientnet_edgetpu_m.json',
    'EfficientNet-EdgeTPU-S': 'efficientnet_edgetpu_s.json',
    'GoogLeNet': 'googlenet.json',
    'GoogLeNet-torchvision': 'googlenet_torchvision.json',
    'Inception-ResNet-v2': 'inception_resnet_v2.json',
    'Inception-v3': 'inception_v3.json',
    'Inception-v4': 'inception_v4.json',
    'MobileNet': 'mobilenet.json',
    'MobileNet-0.25-128': 'mobilenet_025_128.json',
    'MobileNet-0.5-160': 'mobilenet_050_160.json',
    'MobileNet-v2': 'mobilenet_v2.json',
    'MobileNet-v2-1.4': 'mobilenet_v2_140.json',
    'ResNet-18': 'resnet18.json',
    'ResNet-50': 'resnet50.json',
    'ResNet-50-torchvision': 'resnet50_torchvision.json',
    'SqueezeNet-1.1': 'squeezenet_1_1.json',
    'VGG-16': 'VGG_ILSVRC_16_layers_deploy.json',
    'VGG-19': 'vgg19.json',
}
DEVICES_CLOCK_MHZ = 1000  # any would do, as only MACs per cycle times the clock counts

# From so many measured networks on, a device has a time per layer, and a range by its own networks
# alone. The devices in SOURCES have one or two networks, or 8 or 19: limits from 3 to 8 make no
# difference to them.
MANY_NETWORKS = 6


def read_devices():
    """Return {device: {network: {field: number}}}, what all SOURCES measured.

    The fields are those of the columns of a Source. Raises InputError or ValueError if a table is
    damaged.
    """
    devices = {}
    for source in SOURCES:
        devices |= read_source(source)
    return devices


def read_source(source):
    """Return {device: {network: {field: number}}}, what one Source measured; see `read_devices`."""
    devices = {}
    for title, row in read_table(source.filename, source.columns, DEVICES_KEY).items():
        device, _, network = title.partition(' ')
        if network not in NETFILES:
            known = ', '.join(NETFILES)
            raise ValueError(
                f'data/{source.filename}: unknown network {quote(network)}; expected {known}'
            )
        devices.setdefault(device, {})[network] = row
    return devices


def bare_device(row):
    """Return the roofline of a device without an efficiency or power, as an Accelerator.

    row: {field: number} of the device with any network, as `read_devices` has it.
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
    The efficiency and the time per layer are those of CALIBRATED_FILE, and the power is the mean of
    the device's powers; None if they are not known.
    Raises ValueError if that file does not have the device.
    """
    rows = list(devices[name].values())
    calibrated = read_calibrated().get(name)
    if calibrated is None:
        made = 'a table made anew by python3 data/validate.py --calibrated'
        raise ValueError(f'data/{CALIBRATED_FILE}: no device {quote(name)}; expected {made}')
    power_mw = None
    if 'power_mw' in rows[0]:
        power_mw = math.fsum(row['power_mw'] for row in rows) / len(rows)
    return bare_device(rows[0])._replace(
        device=name,
        efficiency=calibrated.efficiency,
        layer_us=calibrated.layer_us,
        power_mw=power_mw,
    )


# === How far off estimates are ===


class Errors(namedtuple('Errors', 'least most typical worst')):
    """How far measured times are from modelled ones, over networks that the model did not know.

    least, most: the 5th and the 95th percentile of measured over modelled times.
    typical, worst: the geometric mean and the largest of these factors, where those below 1 count
    as their inverse.
    """

    __slots__ = ()


class Calibrated(
    namedtuple(
        'Calibrated',
        ('networks', 'efficiency', 'layer_us', 'least_share', 'most_share', *Errors._fields),
    )
):
    """What is known of a device.

    networks: how many were measured on it. efficiency, layer_us: as chosen on all of them.
    least_share, most_share: the shares of its roofline that it attained with the one that got least
    of it, and with the one that got most.
    The other fields are those of Errors, to expect of networks that were not measured on it.
    """

    __slots__ = ()


# By `python3 data/validate.py --calibrated`; a test holds it against data/calibration.py.
CALIBRATED_FILE = 'calibrated.csv'
CALIBRATED_KEY = 'Device'
CALIBRATED_COLUMNS = {
    'networks': ('Networks', 1),
    'efficiency': ('Efficiency', 1),
    'layer_us': ('Time per Layer (us)', 1),
    'least_share': ('Least Share', 1),
    'most_share': ('Most Share', 1),
    'least': ('Least Time', 1),
    'most': ('Most Time', 1),
    'typical': ('Typical Error', 1),
    'worst': ('Worst Error', 1),
}
# For accelerators without a name, whose numbers may come from one network or from two: how far off
# the networks of all devices are, each by the share that its device attains with one other; and
# each by the share and the time per layer that two others give. These are results of
# data/calibration.py, and a test holds them against it.
ONE_NETWORK = Errors(least=0.287, most=3.49, typical=1.448, worst=7.35)
TWO_NETWORKS = Errors(least=0.434, most=2.38, typical=1.332, worst=8.77)

# {device: a sentence on its power}, where that may be far off. On an Edge TPU, QuTiBench has 0.53 W
# for GoogLeNet and MobileNet, and 2.0 to 2.9 W for EfficientNets, with an idle power of 0.81 W
# instead of 0.25 W: evidently another set-up. On other devices, the power of a network is 1% to 7%
# from their mean, and 21% on zcu104-dpu.
POWER_NOTES = {
    'edge-tpu': (
        'the power of edge-tpu is that of GoogLeNet and MobileNet: the energy of others may be off '
        'by a factor of 5'
    ),
}

PRODUCTS_NOTE = 'no measured device ran a network with products, as in attention'


def read_calibrated():
    """Return {device: Calibrated}; raise InputError if their table is damaged."""
    return calibrated_in(fodlam.DATA_DIR)


@functools.cache  # for the lines of a sweep
def calibrated_in(data_dir):
    """Return {device: Calibrated}; data_dir: fodlam.DATA_DIR, where their table is read from."""
    above_0 = dict(CALIBRATED_COLUMNS)
    from_0 = {'layer_us': above_0.pop('layer_us')}  # the only column in which 0 is right
    rows = read_table(CALIBRATED_FILE, above_0, CALIBRATED_KEY)
    for device, row in read_table(CALIBRATED_FILE, from_0, CALIBRATED_KEY, least=0).items():
        rows[device] |= row
    return {device: Calibrated(**row) for device, row in rows.items()}


def errors_on(accelerator):
    """Return the Errors on an Accelerator that has an efficiency."""
    if accelerator.device is not None:
        row = read_calibrated()[accelerator.device]
        return Errors(row.least, row.most, row.typical, row.worst)
    # One network does not tell a time per layer.
    return TWO_NETWORKS if accelerator.layer_us else ONE_NETWORK


def time_limits(accelerator):
    """Return (least, most), the factors from a layer's modelled time to what it may be.

    accelerator: the Accelerator that the layer runs on. That a layer may not be faster than its
    roofline is not in these factors: data/roofline.py sees to it.
    """
    if accelerator.efficiency is None:
        # The modelled time is a bound. The most is what the device with the least share would take.
        least_share, _ = shares_attained()
        return 1, 1 / least_share
    return errors_on(accelerator)[:2]


def shares_attained():
    """Return (least, most), the shares of their rooflines that devices attain with any network."""
    calibrated = read_calibrated().values()
    return min(row.least_share for row in calibrated), max(row.most_share for row in calibrated)


def accuracy_notes(estimate):
    """Return the list of sentences on how far off an Estimate on an accelerator may be."""
    accelerator = estimate.accelerator
    notes = [PRODUCTS_NOTE] if 'product' in estimate.sums else []
    # Ranges say the same in numbers, but not what a device was measured with.
    if estimate.ranges and accelerator.device is None:
        return notes
    if accelerator.efficiency is None:
        return [*notes, bound_note()]
    return [*notes, share_note(accelerator), *power_notes(accelerator)]


def power_notes(accelerator):
    """Return a list of the sentence on how far off an Accelerator's energy is, if it is far off."""
    if accelerator.device in POWER_NOTES:
        return [POWER_NOTES[accelerator.device]]
    return []


def bound_note():
    """Return a sentence on the shares of their rooflines that devices attain."""
    least, most = shares_attained()
    return f'a roofline is a bound: real devices attain {least:.0%} to {most:.0%} of it'


def share_note(accelerator):
    """Return a sentence on how far off times on an Accelerator that has an efficiency are."""
    errors = errors_on(accelerator)
    how_far = f'typically off by a factor of {errors.typical:.2f}, at worst {errors.worst:.2f}'
    networks = 2 if accelerator.layer_us else 1
    if accelerator.device is not None:
        networks = int(read_calibrated()[accelerator.device].networks)
    if networks >= MANY_NETWORKS:
        return f'{networks} networks on {accelerator.device}, each by all others, are {how_far}'
    known = 'one other' if networks == 1 else 'two others'
    return f'networks on one device, each by {known}, are {how_far}'
