"""The shape of a layer: its sizes, read from its entry in a net file.

nets/README.md lists the members of an entry. The letters are those of the field: a layer has an
ifmap of C x H x W, K filters of R x S, a stride of sy x sx, a dilation of dy x dx and an ofmap of
K x P x Q.
"""

import math
from collections import namedtuple

from fodlam import MAX_SIZE, quote


class Shape(namedtuple('Shape', 'C H W K P Q R S sy sx dy dx groups A B')):
    """The sizes of a layer.

    C, H, W: channels, height and width of the ifmap.
    K, P, Q: channels, height and width of the ofmap; each of its channels is made by a filter.
    R, S: height and width of the kernel.
    sy, sx: the vertical and the horizontal stride.
    dy, dx: the vertical and the horizontal dilation, the distance between neighbors in the kernel.
    groups: how many groups the channels are split into; each is convolved by itself.
    A, B: height and width of the ofmap as it is stored, after a pooling layer that follows.
    """

    __slots__ = ()


def parse_shape(entry):
    """Return the Shape of a layer that has MACs.

    entry: the layer's dict in its net file.
    Raises ValueError if a size is missing or wrong, or the sizes do not give the entry's MACs.

    >>> parse_shape(
    ...     {'type': 'Convolution', 'macs': 2 * 2 * 3 * 8 * 3 * 3,
    ...      'ifmap': [3, 4, 4], 'ofmap': [8, 2, 2], 'kernel': [3, 3], 'stored': [8, 1, 1]}
    ... )
    Shape(C=3, H=4, W=4, K=8, P=2, Q=2, R=3, S=3, sy=1, sx=1, dy=1, dx=1, groups=1, A=1, B=1)
    """
    C, H, W = parse_sizes(entry, 'ifmap', 3)
    K, P, Q = parse_sizes(entry, 'ofmap', 3)
    R, S = parse_sizes(entry, 'kernel', 2)
    sy, sx = parse_sizes(entry, 'stride', 2, default=[1, 1])
    dilation = [1, 1]
    if entry['type'] == 'Convolution':
        dilation = [least_dilation(H, P, R, sy), least_dilation(W, Q, S, sx)]
    dy, dx = parse_sizes(entry, 'dilation', 2, default=dilation)
    (groups,) = parse_sizes(entry, 'groups', 1, default=1)
    stored_channels, A, B = parse_sizes(entry, 'stored', 3, default=[K, P, Q])
    if stored_channels != K:
        raise ValueError(f'"stored" has {stored_channels} channels; expected {K}, as "ofmap"')
    if not isinstance(entry.get('addend', False), bool):
        raise ValueError(f'"addend" is {quote(entry["addend"])}; expected true or false')
    if C % groups or K % groups:
        raise ValueError(f'"groups" is {groups}; expected a divisor of the channels')
    # A convolution applies its kernels once for each pixel of the ofmap, a deconvolution once for
    # each pixel of the ifmap.
    pixels = H * W if entry['type'] == 'Deconvolution' else P * Q
    macs = pixels * C * K // groups * R * S
    if macs != entry['macs']:
        raise ValueError(f'"macs" is {quote(entry["macs"])}; expected {macs} by its shapes')
    return Shape(C, H, W, K, P, Q, R, S, sy, sx, dy, dx, groups, A, B)


def least_dilation(size, places, kernel, stride):
    """Return the dilation of a convolution in one direction, as far as its sizes tell.

    size: of the ifmap in this direction. places: of the kernel, which is the size of the ofmap.
    kernel: its size. stride: from one place to the next.
    Net files did not always have dilations. But a kernel has all the places that the ifmap has room
    for, so one that would fit once more behind the last must be larger than it seems.

    >>> least_dilation(size=64, places=62, kernel=3, stride=1)
    1
    >>> least_dilation(size=64, places=48, kernel=3, stride=1)  # 48 places of 2 * 8 + 1 pixels
    8
    """
    if kernel == 1:
        return 1
    rest = size - places * stride  # less than the kernel, from its first pixel to its last
    return max(1, math.ceil(rest / (kernel - 1)))


def parse_sizes(entry, key, count, default=None):
    """Return the list of sizes that an entry has under a key; a single number is a list of one.

    entry: a layer's dict in its net file. count: how many sizes there must be.
    default: the size or sizes of an entry without the key; None: the key must be there.
    Raises ValueError if the sizes are missing or wrong.

    >>> parse_sizes({'groups': 2}, 'groups', 1), parse_sizes({}, 'stride', 2, default=[1, 1])
    ([2], [1, 1])
    """
    sizes = entry.get(key, default)
    if sizes is None:
        raise ValueError(f'no "{key}"; expected shapes, as nets/extract.py writes them')
    if not isinstance(sizes, list):
        sizes = [sizes]
    is_valid = len(sizes) == count
    for size in sizes:
        if type(size) is not int or not 0 < size <= MAX_SIZE:
            is_valid = False
    if not is_valid:
        expected = f'{count} whole numbers, from 1 to {MAX_SIZE}'
        raise ValueError(f'"{key}" is {quote(entry[key])}; expected {expected}')
    return sizes
