"""Results that tests of several files ask for, and the figures that they are held against."""

import csv
import functools

from support import fodlam, read, validate, validator

from fodlam.data import accelerators

# {device: ({network: the share of its roofline's rate that it attains}, their geometric mean)}
SHARES = {
    'edge-tpu': ({'GoogLeNet': 0.262, 'MobileNet': 0.236}, 0.249),
    'jetson-tx2-fp16': ({'GoogLeNet': 0.470, 'ResNet-50': 0.552}, 0.509),
    'jetson-tx2-fp32': ({'GoogLeNet': 0.551, 'ResNet-50': 0.617}, 0.583),
    'ncs2': ({'ResNet-50': 0.285}, 0.285),
    'ultra96-dpu': ({'GoogLeNet': 0.311, 'ResNet-50': 0.362}, 0.336),
    'zcu102-dpu': ({'GoogLeNet': 0.470, 'ResNet-50': 0.537}, 0.502),
    'zcu104-dpu': ({'MobileNet': 0.177, 'ResNet-50': 0.413}, 0.270),
}

# Accelerators: with power, without, and with all that a mapping can have.
CHIP = {'macs': 1024, 'clock_mhz': 1000, 'dram_gbps': 10, 'power_mw': 100}
PLAIN = {'macs': 1024, 'clock_mhz': 1000, 'dram_gb_per_s': 10}
FULL = {**PLAIN, 'buffer_kib': 256, **accelerators.NVDLA_MAPPING, 'power_mw': 100}


def estimate(accelerator, netfile='resnet50.json', **options):
    """Return the report on a network on an accelerator; options: arguments of fodlam.estimate."""
    return fodlam.estimate({'netfile': netfile, 'accelerator': accelerator}, **options)


def total(accelerator, **options):
    """Return the "total" of the report on ResNet-50 on an accelerator; options: as of `estimate`."""
    return estimate(accelerator, **options)['total']


def estimate_layers(accelerator, netfile='resnet50.json', **config):
    """Return the report, with its layers, on a network on an accelerator.

    config: other keys of the config.
    """
    config = {'netfile': netfile, 'accelerator': accelerator, **config}
    return fodlam.estimate(config, per_layer=True)


def layers_of(config, **options):
    """Return the "layers" of the report on a config; options: arguments of fodlam.estimate."""
    return fodlam.estimate(config, per_layer=True, **options)['layers']


def shaped(netfile, **options):
    """Return the report, with its layers, on a network by shape; options: of fodlam.estimate."""
    return fodlam.estimate({'netfile': netfile, 'scaling': 'shape'}, per_layer=True, **options)


def on_chip(entry, chip):
    """Return the layer of the report on a network of one layer, on an accelerator.

    entry: of the layer, as in a net file. chip: the config's "accelerator".
    """
    config = {'netfile': [entry], 'accelerator': chip}
    return fodlam.estimate(config, per_layer=True)['layers'][0]


def features(net, feature_kib, **keys):
    """Return {name: bytes of features that go to DRAM or come from there}, of the layers of a net file.

    net: the config's "netfile". feature_kib, keys: of the accelerator, beside those of PLAIN.
    """
    chip = {**PLAIN, 'feature_kib': feature_kib, **keys}
    report = fodlam.estimate({'netfile': net, 'accelerator': chip}, per_layer=True)
    return {layer['name']: layer['feature_traffic_bytes'] for layer in report['layers']}


make_rows = functools.cache(validator.validate)


def validated(per_layer=False):
    """Return the rows of data/validate.py. They are kept for all tests, so do not change them."""
    # A call without the argument would be another one to the cache.
    return make_rows(per_layer)


@functools.cache
def validation(*argv):
    """Return the Result of data/validate.py with these arguments."""
    return validate(*argv)


def errors(per_layer=False):
    """Return {quantity: error in percent} of the rows of data/validate.py."""
    return {row['quantity']: row['error_percent'] for row in validated(per_layer)}


def table_of(net):
    """Return the rows of the conv layers of Table V or VI, each {heading: cell}; net: of the table."""
    rows = csv.DictReader(read('data', fodlam.PUBLISHED[net]['eyeriss_file']).splitlines())
    return [row for row in rows if row['Layer'] != 'Total']
