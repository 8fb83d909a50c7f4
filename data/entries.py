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

# {name in lower case: the type of KIND_OF_TYPE that it means}. People also write the names that
# PyTorch, ONNX and Keras have for these types, in upper or lower case.
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
# An entry with one of these keys says what its layer does with feature maps.
SIZE_KEYS = ('ifmap', 'ofmap', 'kernel', 'stride', 'dilation', 'groups')
# From this ratio of difflib on, the type of an entry without "macs" is taken for a misspelled one
# with MACs. "Lineer" and "Linear" have 0.83. "Transpose", which has no MACs, and "ConvTranspose"
# have 0.82.
LEAST_TYPE_RATIO = 0.83
# To look for misspelled types takes longer than all else, so it is done for so many entries of a
# net file, the first ones. No network has as many layers.
MAX_COMPARED = 10_000
# The types of convolutions, in lower case: "depthwiseconv2d" is one, and "convert" is not.
CONVOLUTION = r'\w*conv(?!er)\w*'


def complete_entry(entry, entries):
    """Return an entry of a net file as nets/extract.py would have written it.

    If the layer has MACs, the result has a type of KIND_OF_TYPE, and "macs". If it has none, the
    entry is returned as it is.
    entry: as the net file has it. entries: {canonical name: entry}, those before it.
    Raises ValueError if the entry is wrong, or says too little to work its MACs out.

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
    type_with_macs = TYPE_NAMES.get(entry['type'].casefold())  # None if the layer has no MACs
    if 'shared' in entry:
        check_shared(entry['shared'], type_with_macs)
    if type_with_macs is None:
        check_no_macs(entry, len(entries))
    for key, count in SIZE_COUNTS.items():
        if key in entry:
            parse_sizes(entry, key, count)
    if type_with_macs is None:
        return entry
    completed = {**entry, 'type': type_with_macs}
    if 'macs' not in entry:
        completed['macs'] = work_out_macs(completed)
    elif not is_macs(entry['macs']):
        raise ValueError(f'"macs" is {quote(entry["macs"])}; expected a whole number, up to 1e30')
    return completed


def check_shared(shared, type_):
    """Raise ValueError if the "shared" of an entry is wrong, or its layer is no MatMul.

    shared: as the net file has it. It should be how many groups have one second operand.
    type_: of the entry, a key of KIND_OF_TYPE, or None if its layer has no MACs.
    """
    if type_ != 'MatMul':
        raise ValueError('"shared" of a layer that is no MatMul; leave it out')
    if type(shared) is not int or shared < 1:
        raise ValueError(f'"shared" is {quote(shared)}; expected a whole number, 1 or more')


def check_no_macs(entry, before):
    """Raise ValueError if the type of an entry is wrong, or has no MACs while the entry has "macs".

    entry: its type is no key of TYPE_NAMES. before: how many entries are before it.
    A type may be none of FODLAM's, such as "Pooling", and is wrong only if it seems to be meant for
    one that has MACs. How like it must be to that depends on what else the entry has.
    """
    type_ = entry['type']
    has_macs = entry.get('macs') is not None
    has_sizes_of_maps = any(key in entry for key in SIZE_KEYS)
    suggested = None
    if has_macs:  # so its layer has a type with MACs, whatever that is called here
        suggested = type_like(type_, LEAST_RATIO)
    elif not has_sizes_of_maps:
        # Only a slip is wrong here, and not "DeformConv": nets/extract.py writes an entry with a
        # name and a type alone for a layer that it cannot count.
        suggested = meant_type(type_, before)
    elif before < MAX_COMPARED:  # layers without MACs, such as pooling, may have sizes, too
        suggested = type_like(type_, LEAST_TYPE_RATIO)
    if suggested:
        raise ValueError(f'unknown type {quote(type_)}; {choices(KIND_OF_TYPE, suggested)}')
    if has_macs:
        expected = f'leave them out, or {choices(KIND_OF_TYPE)}'
        raise ValueError(f'"macs" of type {quote(type_)}; {expected}')


def meant_type(type_, before=0):
    """Return the type with MACs that a type is another name of, or a misspelled one; else None.

    The result is a key of KIND_OF_TYPE. An entry of a net file that has such a type needs MACs.
    before: how many entries are before it; see MAX_COMPARED.

    >>> meant_type('Conv2d'), meant_type('Convolutoin'), meant_type('DeformConv')
    ('Convolution', 'Convolution', None)
    """
    form = type_.casefold()
    if form in TYPE_NAMES:
        return TYPE_NAMES[form]
    # The beginning and the end are looked at first, as that is much faster.
    may_be_misspelled = form.startswith(TYPE_STARTS) or form.endswith(TYPE_ENDS)
    if may_be_misspelled and before < MAX_COMPARED:
        return TYPE_NAMES.get(nearest(type_, TYPE_NAMES, LEAST_TYPE_RATIO))
    return None


def type_like(type_, least_ratio):
    """Return the type with MACs that an unknown type is like; None if it is like none.

    The result is a key of KIND_OF_TYPE. Unlike `meant_type`, it takes every type with "conv" in it
    for a convolution, but for those like "Convert".
    least_ratio: see `nearest`.

    >>> type_like('Lineer', LEAST_TYPE_RATIO), type_like('DeformConv', LEAST_TYPE_RATIO)
    ('InnerProduct', 'Convolution')
    """
    suggested = nearest(type_, TYPE_NAMES, least_ratio)
    if suggested is not None:
        return TYPE_NAMES[suggested]
    if re.fullmatch(CONVOLUTION, type_.casefold()):
        return 'Convolution'
    return None


def work_out_macs(entry):
    """Return the MACs of an entry without "macs", by the sizes of its feature maps.

    entry: its type is a key of KIND_OF_TYPE. Raises ValueError if its sizes are missing or wrong.
    """
    for key in 'ifmap', 'ofmap':
        if key not in entry:
            raise ValueError(
                f'neither "macs" nor "{key}"; expected "macs", '
                'or "ifmap", "ofmap" and "kernel" to work it out'
            )
    shape = read_shape(entry)
    if not fits(entry, shape):
        # They are refused only if they fit as [H, W, C]: some layer may be as nobody expects.
        turned = channels_first(entry)
        if has_sizes(turned) and fits(turned, read_shape(turned)):
            raise ValueError(channels_last_message(entry))
    return count_macs(entry, shape)
