"""The shape of a layer: its sizes, read from its entry in a net file.

nets/README.md, "Net files", lists the members of an entry. The letters are those of the field: a
layer has an ifmap of C x H x W, K filters of R x S, a stride of sy x sx, a dilation of dy x dx and
an ofmap of K x P x Q.
"""

import math
from collections import namedtuple

from fodlam import MAX_SIZE, quote


class Shape(namedtuple('Shape', 'C H W K P Q R S sy sx dy dx groups A B shared')):
    """The sizes of a layer.

    C, H, W: channels, height and width of the ifmap.
    K, P, Q: channels, height and width of the ofmap; each of its channels is made by a filter.
    R, S: height and width of the kernel.
    sy, sx: the vertical and the horizontal stride.
    dy, dx: the vertical and the horizontal dilation, the distance between neighbors in the kernel.
    groups: how many groups the channels are split into; each is convolved by itself.
    A, B: height and width of the ofmap as it is stored, after a pooling layer that follows.
    shared: of a MatMul, how many groups have one second operand; of other layers, 1.
    """

    __slots__ = ()


def parse_shape(entry):
    """Return the Shape of a layer that has MACs.

    entry: the layer's dict in its net file.
    Raises ValueError if a size is missing or wrong, or the sizes do not give the entry's MACs.

    >>> shape = parse_shape(
    ...     {'type': 'Convolution', 'macs': 2 * 2 * 3 * 8 * 3 * 3,
    ...      'ifmap': [3, 4, 4], 'ofmap': [8, 2, 2], 'kernel': [3, 3], 'stored': [8, 1, 1]}
    ... )
    >>> shape[:8], shape[8:]  # C to S, and sy to shared
    ((3, 4, 4, 8, 2, 2, 3, 3), (1, 1, 1, 1, 1, 1, 1, 1))
    """
    shape = read_shape(entry)
    macs = count_macs(entry, shape)
    if macs == entry['macs']:
        return shape
    turned = channels_first(entry)
    if has_sizes(turned) and count_macs(turned, read_shape(turned)) == entry['macs']:
        raise ValueError(channels_last_message(entry))
    problem = f'"macs" is {quote(entry["macs"])}; expected {macs} by its shapes'
    if 'kernel' not in entry:
        problem += f', with the kernel [{shape.R}, {shape.S}], as there is no "kernel"'
    raise ValueError(problem)


def read_shape(entry):
    """Return the Shape of a layer that has MACs, however many these are.

    entry: the layer's dict in its net file.
    Raises ValueError if a size is missing or wrong.
    """
    C, H, W = parse_sizes(entry, 'ifmap', 3)
    K, P, Q = parse_sizes(entry, 'ofmap', 3)
    R, S = parse_sizes(entry, 'kernel', 2, default=[1, 1])
    if entry['type'] == 'InnerProduct' and 'kernel' not in entry and (P, Q) == (1, 1):
        C, H, W = C * H * W, 1, 1  # each of its outputs is a sum over the whole ifmap
    dy, dx = parse_sizes(entry, 'dilation', 2, default=[1, 1])
    default_stride = [1, 1]
    if entry['type'] == 'Convolution':
        default_stride = [
            smallest_stride(H, P, dilated(R, dy)),
            smallest_stride(W, Q, dilated(S, dx)),
        ]
    sy, sx = parse_sizes(entry, 'stride', 2, default=default_stride)
    if entry['type'] == 'Convolution' and 'dilation' not in entry:
        dy, dx = least_dilation(H, P, R, sy), least_dilation(W, Q, S, sx)
    (groups,) = parse_sizes(entry, 'groups', 1, default=1)
    stored_channels, A, B = parse_sizes(entry, 'stored', 3, default=[K, P, Q])
    if stored_channels != K:
        raise ValueError(f'"stored" has {stored_channels} channels; expected {K}, as "ofmap"')
    if not isinstance(entry.get('addend', False), bool):
        raise ValueError(f'"addend" is {quote(entry["addend"])}; expected true or false')
    if C % groups or K % groups:
        raise ValueError(f'"groups" is {groups}; expected a divisor of the channels')
    (shared,) = parse_sizes(entry, 'shared', 1, default=1)
    if groups % shared:
        raise ValueError(f'"shared" is {shared}; expected a divisor of the {groups} groups')
    return Shape(C, H, W, K, P, Q, R, S, sy, sx, dy, dx, groups, A, B, shared)


def count_macs(entry, shape):
    """Return the MACs of a layer; entry: its dict in its net file. shape: its Shape."""
    return count_places(entry, shape) * shape.C * shape.K // shape.groups * shape.R * shape.S


def count_places(entry, shape):
    """Return at how many places a layer applies its kernels.

    entry: its dict in its net file. shape: its Shape.
    That is once for each pixel of the ofmap, but in a deconvolution once for each of the ifmap.
    """
    if entry['type'] == 'Deconvolution':
        return shape.H * shape.W
    return shape.P * shape.Q


def dilated(kernel, dilation):
    """Return how far a kernel reaches: 3 pixels, each 2 from the next, reach over 5."""
    return dilation * (kernel - 1) + 1


def fits_stride(before, after, kernel, stride):
    """Return whether a convolution can make one size of another.

    before, after: heights, or widths, of the ifmap and the ofmap. kernel: its height, or width, as
    far as it reaches with its dilation. stride: in the same direction. At each end of the ifmap,
    there may be up to kernel - 1 pixels of padding.

    >>> fits_stride(224, 112, kernel=7, stride=2), fits_stride(224, 112, kernel=7, stride=1)
    (True, False)
    """
    # With a padding of p pixels, (before + p - kernel) // stride + 1 pixels are made.
    least, most = max(before - kernel, 0), before + kernel - 2
    return stride * (after - 1) <= most and stride * after > least


def smallest_stride(before, after, kernel):
    """Return the smallest stride by which a convolution makes one size of another; 1 if none does.

    before, after, kernel: see `fits_stride`. To a single pixel of the ofmap, no stride matters.

    >>> smallest_stride(227, 55, kernel=11), smallest_stride(7, 1, kernel=3)
    (4, 1)
    """
    if after == 1:
        return 1
    stride = max(before - kernel, 0) // after + 1  # by a smaller one, too many pixels are made
    return stride if fits_stride(before, after, kernel, stride) else 1


def fits(entry, shape):
    """Return whether a layer is likely to make its ofmap of its ifmap; else, sizes may be mixed up.

    entry: its dict in its net file. shape: its Shape.
    """
    before, after = (shape.H, shape.W), (shape.P, shape.Q)
    if entry['type'] in ('InnerProduct', 'MatMul'):
        return before == after
    if entry['type'] == 'Deconvolution':
        before, after = after, before
    kernel, strides = (shape.R, shape.S), (shape.sy, shape.sx)
    if 'dilation' in entry:
        kernel = dilated(shape.R, shape.dy), dilated(shape.S, shape.dx)
    for index in range(2):
        stride = strides[index]
        if 'stride' not in entry:
            stride = smallest_stride(before[index], after[index], kernel[index])
            # Hardly any layer passes over pixels, but for 1 x 1 kernels with stride 2.
            if stride > max(2, kernel[index]):
                return False
        if not fits_stride(before[index], after[index], kernel[index], stride):
            return False
    return True


def has_sizes(entry):
    """Return whether the sizes of an entry are there and right; see `read_shape`."""
    try:
        read_shape(entry)
    except ValueError:
        return False
    return True


def channels_first(entry):
    """Return an entry with feature maps [H, W, C], as in TensorFlow, turned to [C, H, W].

    >>> channels_first({'name': 'conv1', 'ifmap': [224, 224, 3]})
    {'name': 'conv1', 'ifmap': [3, 224, 224]}
    """
    turned = dict(entry)
    for key in 'ifmap', 'ofmap', 'stored':
        if isinstance(entry.get(key), list):
            turned[key] = entry[key][-1:] + entry[key][:-1]
    return turned


def channels_last_message(entry):
    """Return the message for an entry whose feature maps are [H, W, C]."""
    turned = channels_first(entry)
    return (
        f'"ifmap" is {quote(entry["ifmap"])} and "ofmap" {quote(entry["ofmap"])}, '
        'which fit as height, width, channels; expected channels, height, width: '
        f'{turned["ifmap"]} and {turned["ofmap"]}'
    )


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
    if key not in entry and default is None:
        expected = '[channels, height, width], which only costs by MACs do without'
        raise ValueError(f'no "{key}"; expected {expected}')
    if not are_sizes(sizes, count):
        numbers = 'a whole number' if count == 1 else f'{count} whole numbers'
        raise ValueError(f'"{key}" is {quote(sizes)}; expected {numbers}, from 1 to {MAX_SIZE}')
    return sizes if isinstance(sizes, list) else [sizes]


def are_sizes(value, count):
    """Return whether a value is a list of `count` sizes; a single size counts as a list of one."""
    sizes = value if isinstance(value, list) else [value]
    for size in sizes[: count + 1]:
        if type(size) is not int or not 0 < size <= MAX_SIZE:
            return False
    return len(sizes) == count
