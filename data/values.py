"""Values from Python that JSON does not have, such as NumPy's numbers and arrays.

A config from Python may have them wherever one in JSON has a number, true, false or a list. Neither
NumPy nor pandas is imported: the methods of a value tell what it is.
"""

import json
import operator

from fodlam import is_plain, quote

JSON_TYPES = {str, int, float, bool, type(None)}  # those that hold no other values


def json_config(config):
    """Return a copy of a config with values as JSON has them; anything but a config as it is.

    A row of a table of pandas is a config, too. Entries in a list as "netfile" stay as they are:
    they are written as JSON later, with `json_default`.

    >>> json_config({'net': 'VGG16', 'layers': ('FC6', 'FC8')})
    {'net': 'VGG16', 'layers': ['FC6', 'FC8']}
    """
    if is_plain(config):
        return dict(config)
    if hasattr(type(config), 'to_dict'):
        config = config.to_dict()
    if not isinstance(config, dict):
        return config
    copy = {}
    for key, value in config.items():
        has_entries = key == 'netfile' and isinstance(value, list)
        copy[key] = value if has_entries else json_value(value)
    return copy


def json_value(value):
    """Return a value as JSON has it, or the value itself if JSON has nothing like it.

    Arrays, and NumPy's numbers and booleans, have a method `tolist`; other whole numbers have
    `__index__`, and other numbers `__float__`.

    >>> import array, fractions
    >>> json_value({'ifmap': array.array('i', [3, 224, 224]), 'mac_pj': fractions.Fraction(1, 4)})
    {'ifmap': [3, 224, 224], 'mac_pj': 0.25}
    """
    type_ = type(value)
    if type_ in JSON_TYPES:
        return value
    if isinstance(value, dict):
        return {key: json_value(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_value(member) for member in value]
    try:
        if hasattr(type_, 'tolist'):
            listed = value.tolist()
            if type(listed) is not type_:  # as it is for NumPy's longdouble
                return json_value(listed)
        if hasattr(type_, '__index__'):
            return operator.index(value)
        if hasattr(type_, '__float__'):
            return float(value)
    except (TypeError, ValueError, OverflowError):
        pass  # a number that has no value as an int or a float
    return value


def json_default(value):
    """Return a value that json cannot write as one that it can: as JSON has it, or quoted.

    Raises ValueError for a set, which has no order, as lists of sizes must.
    """
    if isinstance(value, (set, frozenset)):
        raise ValueError(f'a set, {quote(value)}; expected a list')
    converted = json_value(value)
    return quote(value) if converted is value else converted


def entries_json(entries):
    """Return the JSON of a list of entries, as bytes; raise ValueError if it cannot be written.

    >>> entries_json([{'name': 'conv1', 'ifmap': (3, 224, 224)}])
    b'[{"name": "conv1", "ifmap": [3, 224, 224]}]'
    """
    try:
        # A list inside itself is found out by its depth.
        return json.dumps(entries, default=json_default, check_circular=False).encode()
    except TypeError:  # of json.dumps, as of a key that is a tuple
        raise ValueError('a key that is no string; expected objects with strings as keys') from None
