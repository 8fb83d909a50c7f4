"""Configs with more than a network and its layers: their check, and the Estimate of each.

fodlam.py by itself does a config that has no keys but those of fodlam.PLAIN_KEYS. Any other config
comes here, and so does a wrong one: `check_config` says what is wrong with it.
"""

import os

from fodlam import (
    MAX_LAYERS,
    PUBLISHED,
    AverageModel,
    PublishedModel,
    estimate_by_catalog,
    find_net,
    place,
    quote,
)
from fodlam.data.values import entries_json

CONFIG_KEYS = (
    'net netfile layers per_frame process_nm process_scaling scaling density accelerator title'
).split()
# {key: (type, the type in a message)}. Other keys are checked where they are used.
CONFIG_TYPES = {
    'net': (str, ' or '.join(PUBLISHED)),
    'netfile': ((str, os.PathLike, list), 'a file in nets/, a path, or a list of entries'),
    'layers': ((list, tuple), 'a list of layer names'),
    'per_frame': (bool, 'true or false'),
    'process_scaling': (str, 'dennard or stillmaker'),
    'title': (str, 'a string'),
}


def check_config(config):
    """Raise ValueError if a config's keys, their types, its network or its "layers" are wrong.

    Other values are checked where they are used.
    """
    if not isinstance(config, dict):
        from fodlam.data.mistakes import no_config

        raise ValueError(no_config(config))
    for key, value in config.items():
        if key in CONFIG_TYPES:
            types, expected = CONFIG_TYPES[key]
            if not isinstance(value, types):
                raise ValueError(f'"{key}" is {quote(value)}; expected {expected}')
        elif key not in CONFIG_KEYS:
            from fodlam.data.mistakes import choices

            raise ValueError(f'unknown key {quote(key)}; {choices(CONFIG_KEYS, key)}')
    if ('net' in config) == ('netfile' in config):
        from fodlam.data.mistakes import no_single_network

        raise ValueError(no_single_network(config))
    if 'layers' in config:
        count = len(config['layers'])
        if not count:
            expected = 'name at least one layer, or leave "layers" out for all'
            raise ValueError(f'"layers" is []; {expected}')
        if count > MAX_LAYERS:
            expected = f'expected at most {MAX_LAYERS}'
            raise ValueError(f'"layers" names {count} layers; {expected}')
    if 'net' in config and 'scaling' in config:
        raise ValueError('"scaling" is for a netfile, and a net is published; leave one out')


def estimate_by_config(config, per_frame, ranges, find_catalog):
    """Return the Estimate of a config, by the model that it asks for.

    config: a dict of its keys. per_frame: whether Eyeriss's costs are for one frame, unless the
    config says it. ranges: whether the Estimate has ranges.
    find_catalog: fodlam.Catalog, or a function with the same arguments that returns a Catalog.
    Raises ValueError if the config is wrong.
    """
    check_config(config)
    net, netfile = find_any_net(config)
    if 'accelerator' in config:
        from fodlam.data.accelerators import estimate_on_accelerator

        return estimate_on_accelerator(config, netfile, ranges, find_catalog)
    if 'density' in config or config.get('scaling', 'mac') != 'mac':
        from fodlam.data.by_shape import find_shape_catalog

        catalog = find_shape_catalog(config, netfile, find_catalog)
    else:
        per_frame = config.get('per_frame', per_frame)
        rule = config.get('process_scaling')
        if net:
            catalog = find_catalog(netfile, PublishedModel, net, per_frame, rule)
        elif ranges:
            from fodlam.data.ranges import RangedAverageModel

            catalog = find_catalog(netfile, RangedAverageModel, per_frame, rule)
        else:
            catalog = find_catalog(netfile, AverageModel, per_frame, rule)
    estimate = estimate_by_catalog(config, catalog)
    if ranges:
        from fodlam.data.ranges import add_up_ranges

        estimate.ranges = add_up_ranges(estimate.make_layers())
    if 'process_nm' in config:
        from fodlam.data.process import scale_to_node

        scale_to_node(estimate, config['process_nm'], config.get('process_scaling'))
    if config.get('scaling') == 'shape':
        from fodlam.data.by_shape import add_up_bounds, add_up_energy_parts

        layers = estimate.make_layers()
        estimate.bounds = add_up_bounds(layers)
        estimate.energy_by = add_up_energy_parts(layers)
    return estimate


def find_any_net(config):
    """Return (net, netfile) of a config; its "netfile" may be a list of entries, or an os.PathLike.

    net, netfile: see fodlam.find_net. A list becomes JSON in bytes, as a sweep finds Catalogs by
    their netfile, and a list cannot be a key of a dict.
    """
    netfile = config.get('netfile')
    if netfile is None or isinstance(netfile, str):
        return find_net(config)
    if isinstance(netfile, list):
        with place('config "netfile"'):
            return None, entries_json(netfile)
    try:
        return None, os.fsdecode(netfile)
    except TypeError:
        problem = f'"netfile" is {quote(netfile)}, whose path is no string'
        raise ValueError(f'{problem}; expected a path') from None
