"""Densities: the shares of a layer's weights and of its inputs that are not zero.

An fc layer with both is costed by them (data/eie.py), a conv layer with that of its inputs has the
energy of its MACs apart (data/eyeriss.py). They are in net files, or else in the config.
"""

import math
from collections import namedtuple

from fodlam import is_number, quote

MIN_DENSITY = math.ulp(0.0)  # the smallest number above 0
EXPECTED_SHARE = 'a number above 0 and up to 1'

CONV_KEY = 'conv_activations'  # of a config's "density"
ENTRY_CONV_KEY = 'activation_density'  # of the entry of a conv layer


class Density(namedtuple('Density', 'weights activations')):
    """The shares of an fc layer's weights and of its inputs that are not zero."""

    __slots__ = ()


DENSE = Density(weights=1, activations=1)


class Densities(namedtuple('Densities', 'fc conv_activations')):
    """What a config says of layers whose entries do not say it themselves.

    fc: the Density of fc layers, or None. conv_activations: the share of the inputs of conv layers
    that is not zero, or None.
    """

    __slots__ = ()


UNKNOWN = Densities(fc=None, conv_activations=None)


def parse_entry_density(entry):
    """Return the Density of an fc layer; None if its entry does not have one.

    entry: the layer's dict in its net file.
    Raises ValueError if the density is wrong, or only one of its two shares is there.
    """
    keys = ('weight_density', 'activation_density')
    if not any(key in entry for key in keys):
        return None
    return read_density(entry, keys)


def parse_entry_activations(entry):
    """Return the share of a conv layer's inputs that is not zero; None if its entry does not say.

    entry: the layer's dict in its net file. Raises ValueError if the share is wrong.
    """
    if ENTRY_CONV_KEY not in entry:
        return None
    return read_share(entry, ENTRY_CONV_KEY)


def parse_densities(value):
    """Return the Densities that a config asks for.

    value: of the config's "density", which should be an object with both shares of fc layers, with
    that of conv layers, or with all three.
    Raises ValueError if it is not.

    >>> parse_densities({'conv_activations': 0.41})
    Densities(fc=None, conv_activations=0.41)
    """
    if not isinstance(value, dict):
        expected = '{"weights": 0.1, "activations": 0.35}'
        raise ValueError(f'got {quote(value)}; expected {expected}')
    keys = (*Density._fields, CONV_KEY)
    for key in value:
        if key not in keys:
            from fodlam.data.mistakes import choices

            raise ValueError(f'unknown key {quote(key)}; {choices(keys, key)}')
    fc = conv_activations = None
    if CONV_KEY in value:
        conv_activations = read_share(value, CONV_KEY)
    if value.keys() != {CONV_KEY}:
        fc = read_density(value, Density._fields)
    return Densities(fc, conv_activations)


def read_density(members, keys):
    """Return the Density whose two shares a dict has; raise ValueError if one is missing or wrong.

    members: the dict. keys: under which it has the share of weights, and that of activations.
    """
    shares = [members[key] for key in keys if key in members]
    if len(shares) != 2 or not all(is_share(share) for share in shares):
        both = ' and '.join(f'"{key}"' for key in keys)
        raise ValueError(f'{both} are {quote(shares)}; expected both, above 0 and up to 1')
    return Density(*shares)


def read_share(members, key):
    """Return the share that a dict has under a key; raise ValueError if it is wrong."""
    if not is_share(members[key]):
        raise ValueError(f'"{key}" is {quote(members[key])}; expected {EXPECTED_SHARE}')
    return members[key]


def is_share(value):
    """Return whether a value is a number above 0 and up to 1."""
    return is_number(value, MIN_DENSITY, 1)
