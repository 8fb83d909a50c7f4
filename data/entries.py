"""Entries of net files that a person wrote: what is wrong with one, and what is left to work out.

fodlam.py takes an entry as it is if it is as nets/extract.py writes it. Any other comes here.
"""

import re

from fodlam import (
    ENTRY_KEYS,
    KIND_OF_TYPE,
    TYPE_ENDS,
    TYPE_STARTS,
    canonical,
    is_macs,
    quote,
)
from fodlam.data.mistakes import LEAST_RATIO, choices, nearest
from fodlam.data.shape import (
    channels_first,
    channels_last_message,
    count_macs,
    fits,
    has_sizes,
    parse_sizes,
    read_shape,
)

# What else the types of KIND_OF_TYPE are called, as in PyTorch and ONNX; and in any case.
TYPE_NAMES = {
    'convolution': 'Convolution',
    'conv': 'Convolution',
    'conv1d': 'Convolution',
    'conv2d': 'Convolution',
    'deconvolution': 'Deconvolution',
    'convtranspose': 'Deconvolution',
    'convtranspose1d': 'Deconvolution',
    'convtranspose2d': 'Deconvolution',
    'conv2dtranspose': 'Deconvolution',
    'innerproduct': 'InnerProduct',
    'fullyconnected': 'InnerProduct',
    'gemm': 'InnerProduct',
    'linear': 'InnerProduct',
    'dense': 'InnerProduct',
    'matmul': 'MatMul',
}
# {key: how many sizes it has}
SIZE_COUNTS = {
    'ifmap': 3, 'ofmap': 3, 'stored': 3, 'kernel': 2, 'stride': 2, 'dilation': 2, 'groups': 1,
}  # fmt: skip
# With one of these keys, an entry is of a layer that does something with a feature map.
SIZE_KEYS = ('ifmap', 'ofmap', 'kernel', 'stride', 'dilation', 'groups')
# Of difflib's ratio, for types of entries with sizes alone. "Lineer" and "Linear" have 0.83; but
# "Transpose", which has no MACs, and "ConvTranspose" have 0.82.
LEAST_TYPE_RATIO = 0.83
# The types of so many entries of a net file are compared with those that have MACs, which takes
# longer than all else. No network has as many layers.
MAX_COMPARED = 10_000
CONVOLUTION = r'\w*conv(?!er)\w*'  # "DepthwiseConv2D" is one, but not "Convert"


def complete_entry(entry, entries):
    """Return an entry of a net file with a type that fodlam.py knows and with its MACs.

    entry: as the net file has it. entries: {canonical name: entry}, those before it.
    Raises ValueError if the entry is wrong, or does not have enough to work its MACs out.

    >>> conv1 = {'name': 'conv1', 'type': 'Conv2d',
    ...          'ifmap': [3, 224, 224], 'ofmap': [64, 224, 224], 'kernel': [3, 3]}
    >>> completed = complete_entry(conv1, {})
    >>> completed['type'], completed['macs']
    ('Convolution', 86704128)
    """
    has_name = isinstance(entry, dict) and isinstance(entry.get('name'), str)
    if not has_name or not isinstance(entry.get('type'), str):
        raise ValueError(f'{quote(entry)}; expected an object with strings for "name" and "type"')
    for key in entry:
        if key not in ENTRY_KEYS:
            raise ValueError(f'unknown key {quote(key)}; {choices(ENTRY_KEYS, key)}')
    if canonical(entry['name']) in entries:
        expected = 'names that differ without case, -, _'
        raise ValueError(f'a second {quote(entry["name"])}; expected {expected}')
    type_ = TYPE_NAMES.get(entry['type'].casefold())
    if 'shared' in entry:
        check_shared(entry['shared'], type_)
    if type_ is None:
        check_no_macs(entry, len(entries))
    for key, count in SIZE_COUNTS.items():
        if key in entry:
            parse_sizes(entry, key, count)
    if type_ is None:
        return entry
    entry = {**entry, 'type': type_}
    if 'macs' not in entry:
        return work_out_macs(entry)
    if not is_macs(entry['macs']):
        raise ValueError(f'"macs" is {quote(entry["macs"])}; expected a whole number, up to 1e30')
    return entry


def check_shared(shared, type_):
    """Raise ValueError if "shared" is not how many groups of a MatMul share their second operand.

    shared: as the net file has it. type_: of the entry, a key of KIND_OF_TYPE, or None.
    """
    if type_ != 'MatMul':
        raise ValueError('"shared" of a layer that is no MatMul; leave it out')
    if type(shared) is not int or shared < 1:
        raise ValueError(f'"shared" is {quote(shared)}; expected a whole number, 1 or more')


def check_no_macs(entry, before):
    """Raise ValueError if an entry whose type has no MACs has some, or most likely should.

    A type that is nearly one with MACs is taken for a slip. A convolution under another name, such
    as "DeformConv", may stand there with a name alone: nets/extract.py writes that for a layer that
    it cannot count. Layers such as pooling have sizes, too.
    before: how many entries are before it.
    """
    type_ = entry['type']
    has_macs = entry.get('macs') is not None
    suggested = None
    if has_macs:
        suggested = type_like(type_, LEAST_RATIO)
    elif not any(key in entry for key in SIZE_KEYS):
        suggested = TYPE_NAMES.get(needs_macs(type_, before))
    elif before < MAX_COMPARED:
        suggested = type_like(type_, LEAST_TYPE_RATIO)
    if suggested:
        raise ValueError(f'unknown type {quote(type_)}; {choices(KIND_OF_TYPE, suggested)}')
    if has_macs:
        expected = f'leave them out, or {choices(KIND_OF_TYPE)}'
        raise ValueError(f'"macs" of type {quote(type_)}; {expected}')


def needs_macs(type_, before=0):
    """Return the key of TYPE_NAMES that a type is, or is nearly; None if it is like none.

    An entry with such a type is wrong without MACs, even if it has nothing but a name and the type.
    before: how many entries are before it; see MAX_COMPARED.

    >>> needs_macs('Conv2d'), needs_macs('Convolutoin'), needs_macs('ReLU')
    ('conv2d', 'convolution', None)
    """
    form = type_.casefold()
    if form in TYPE_NAMES:
        return form
    is_like = form.startswith(TYPE_STARTS) or form.endswith(TYPE_ENDS)
    if is_like and before < MAX_COMPARED:
        return nearest(type_, TYPE_NAMES, LEAST_TYPE_RATIO)
    return None


def type_like(type_, least_ratio):
    """Return the key of KIND_OF_TYPE that an unknown type is most like; None if it is like none.

    least_ratio: see `nearest`.

    >>> type_like('Lineer', LEAST_TYPE_RATIO), type_like('DepthwiseConv2D', LEAST_TYPE_RATIO)
    ('InnerProduct', 'Convolution')
    """
    suggested = nearest(type_, TYPE_NAMES, least_ratio)
    if suggested is not None:
        return TYPE_NAMES[suggested]
    return 'Convolution' if re.fullmatch(CONVOLUTION, type_.casefold()) else None


def work_out_macs(entry):
    """Return an entry of a layer with MACs, with "macs" worked out from its feature maps.

    entry: its type is a key of KIND_OF_TYPE. Raises ValueError if its sizes are missing or wrong.
    """
    for key in 'ifmap', 'ofmap':
        if key not in entry:
            raise ValueError(
                f'neither "macs" nor "{key}"; expected "macs", '
                'or "ifmap", "ofmap" and "kernel" to work it out'
            )
    shape = read_shape(entry)
    turned = channels_first(entry)
    if not fits(entry, shape) and has_sizes(turned) and fits(turned, read_shape(turned)):
        raise ValueError(channels_last_message(entry))
    return {**entry, 'macs': count_macs(entry, shape)}
