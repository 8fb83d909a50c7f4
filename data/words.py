"""The words of tables and pictures: numbers with units, titles, and remarks.

Terms: a share is a part of a total, as a number from 0 to 1.
"""

import math
import os
import re

from fodlam import EYERISS_PROCESS_NM, QUANTITY_UNITS, frames_of, quantities

# The order in which legends have the bounds of layers.
BOUNDS = ('compute', 'memory', 'buffer', 'link')

# {part of an energy: its name in pictures}. A part that is not here is called by its own name.
ENERGY_PART_NAMES = {
    'mac': 'MACs',
    'sram': 'SRAM',
    'dram': 'DRAM',
}

# {exponent of 1000: prefix of a unit}
PREFIXES = {
    -5: 'f',
    -4: 'p',
    -3: 'n',
    -2: 'u',
    -1: 'm',
    0: '',
    1: 'k',
    2: 'M',
    3: 'G',
    4: 'T',
    5: 'P',
}

MAX_ROUNDING = 1e-9  # a smaller share of an energy is what sums of floats are off by

MAX_TITLE_LENGTH = 1000  # of a config's own title, as tables and pictures show it
MAX_TITLE_NAME_LENGTH = 40  # of a network in a title

MAX_PLAIN_NUMBER = 10**12  # larger whole numbers are written as 1e+12

# {key of an accelerator: the words for a number there}. Titles have the keys that must be there and
# the shape of an array; notes (data/accelerators.py) have "batch" and "feature_kib".
ACCELERATOR_WORDS = {
    'efficiency': 'attains {} of its roofline',
    'layer_us': 'plus {} us a layer',
    'power_mw': '{} mW',
    'mac_pj': '{} pJ a MAC',
    'sram_pj_per_byte': '{} pJ a byte of SRAM',
    'dram_pj_per_byte': '{} pJ a byte of DRAM',
    'buffer_kib': 'buffer of {} KiB',
    'feature_bytes': 'bytes of a feature: {}',
    'weight_bytes': 'bytes of a weight: {}',
    'psum_bytes': 'bytes of a partial sum: {}',
    'channel_atom': 'channels in multiples of {}',
    'kernel_atom': 'filters in multiples of {}',
    'winograd_gain': 'gain by Winograd: {}',
    'fc_batch': 'frames that fc weights are read once for: {}',
}

# === Text ===


def printable(text):
    """Return a text with a blank in place of each character that would not show, such as a newline.

    >>> printable('two\\nlines')
    'two lines'
    """
    if text.isprintable():  # as nearly all are
        return text
    return ''.join(character if character.isprintable() else ' ' for character in text)


def shortened(name, length):
    """Return a name, with its beginning cut off if it has more characters than `length`.

    PyTorch ends names with an operator of ONNX, by which they do not differ. That goes first.

    >>> shortened('inception_3a/3x3_reduce', 12)
    '..3x3_reduce'
    >>> shortened('/features/features.2/Conv', 12)
    '..features.2'
    """
    if len(name) <= length:
        return name
    name = re.sub('/(Conv|ConvTranspose|Gemm|MatMul)$', '', name)
    if len(name) <= length:
        return name
    cut = len(name) - length + len('..')
    return f'..{name[cut:]}'


# === Numbers ===


def engineering(value, unit, low=None, high=None):
    """Return a number with four digits, a prefix and its unit; "-" if the number is None.

    value: the number. unit: such as "s"; '' for a plain number.
    low, high: the least and the most that the number may be. They stand behind it, with the same
    prefix, unless they are equal or None.
    A unit with a slash in it, such as "frame/s", takes no prefix.

    >>> engineering(0.0762, 's')
    '76.20 ms'
    >>> engineering(0.0762, 's', low=0.0123, high=0.1)
    '76.20 ms (12..100)'
    """
    if value is None:
        return '-'
    exponent, prefix = prefix_of(value)
    if '/' in unit:
        exponent, prefix = 0, ''
    scale = 1000**exponent
    digits = f'{value / scale:#.4g}'.rstrip('.') if value else '0'
    text = f'{digits} {prefix}{unit}'
    if low != high:
        text += f' ({two_digits(low / scale, up=False)}..{two_digits(high / scale, up=True)})'
    return text.rstrip()


def cost_text(cost, quantity, low=None, high=None):
    """Return the energy or latency of a Cost with its unit, and its range if that is given.

    quantity: "energy" or "latency". low, high: the least and the most Cost that the Cost may be, or
    both None.

    >>> from fodlam import Cost
    >>> cost_text(Cost(0.5, 0.0762), 'latency')
    '76.20 ms'
    """
    value, unit = quantities(cost)[quantity], QUANTITY_UNITS[quantity]
    if low is None:
        return engineering(value, unit)
    return engineering(value, unit, quantities(low)[quantity], quantities(high)[quantity])


def prefix_of(value):
    """Return (exponent of 1000, prefix) that suit a number.

    >>> prefix_of(0.0762)
    (-1, 'm')
    """
    if not value:
        return 0, ''
    # The exponent is that of the number as it is shown, with four digits: 999.96e-3 is 1.000, and
    # not 1000 m.
    _, _, decimal_exponent = f'{value:.3e}'.partition('e')
    exponent = int(decimal_exponent) // 3
    exponent = max(min(PREFIXES), min(exponent, max(PREFIXES)))
    return exponent, PREFIXES[exponent]


def two_digits(number, up):
    """Return a number with two digits, or with more if it has more before the point.

    number: 0 or more. up: whether it is rounded up, and not down. The ends of a range are rounded
    away from each other, so that no number of the range is outside of them.

    >>> two_digits(1.234, up=False), two_digits(1.234, up=True)
    ('1.2', '1.3')
    >>> two_digits(1234.5, up=False), two_digits(1234.5, up=True)
    ('1234', '1235')
    """
    if not number:
        return '0'
    second_digit = 10.0 ** (math.floor(math.log10(number)) - 1)
    # Numbers from 1e5 on are too long to be written out: 2e+05.
    step = second_digit if number >= 1e5 else min(second_digit, 1)
    steps = round(number / step, 6)  # as 0.3 / 0.1 is a little less than 3
    steps = math.ceil(steps) if up else math.floor(steps)
    number = steps * step
    return f'{number:.0f}' if 99.5 <= number < 1e5 else f'{number:.2g}'


def percent(share):
    """Return a share as a whole percentage.

    >>> percent(0.206), percent(0.001), percent(0)
    ('21%', '<1%', '0%')
    """
    text = f'{share:.0%}'
    return '<1%' if text == '0%' and share else text


def share_of(cost, total):
    """Return the share that a cost has of a total; None if one of them is not known.

    cost, total: numbers in the same unit, or None.
    """
    if cost is None or total is None:
        return None
    return cost / total if total else 0


# === Titles ===


def title_of(estimate, layers):
    """Return the title of an Estimate: the config's own, or else a description.

    layers: the Estimate's Layers.
    """
    if estimate.config.get('title'):
        title = estimate.config['title']
        if len(title) > MAX_TITLE_LENGTH:
            title = f'{title[:MAX_TITLE_LENGTH]}...'
        return printable(title)
    return description_of(estimate, layers)


def subtitles_of(estimate, layers):
    """Return the list of the lines under the title of an Estimate.

    layers: the Estimate's Layers.
    Under the config's own title, there is a description; any other title is one already.
    """
    if estimate.config.get('title'):
        return [description_of(estimate, layers)]
    return []


def description_of(estimate, layers):
    """Return a text on an Estimate: its network, how it was costed, its hardware and frames.

    layers: the Estimate's Layers.
    """
    words = [network_name(estimate.config)]
    method = method_of(layers)
    if method:
        words.append(method)
    words.append(f'on {hardware_name(estimate)}')
    description = ' '.join(words)
    frames = max(frames_of(estimate).values())
    return f'{description}, {frames_in_words(frames)}'


def network_name(config):
    """Return what a title calls the network of a config, which is a dict of its keys.

    >>> network_name({'netfile': 'nets/resnet50.json'})
    'resnet50'
    """
    network = config.get('net') or config.get('netfile')
    if isinstance(network, list):  # of entries, which have no name together
        return 'a network'
    name = os.fsdecode(os.path.basename(network)).removesuffix('.json')
    return printable(shortened(name, MAX_TITLE_NAME_LENGTH))


def sources_by_kind(layers):
    """Return {kind: text} of the sources of the costs of Layers; conv layers come first.

    >>> from fodlam import Cost, Layer
    >>> entry, cost = {'name': 'x', 'macs': 9}, Cost(1.0, 2.0)
    >>> conv = Layer(entry, 'conv', 'by shape', 1, cost)
    >>> pruned, other = (Layer(entry, 'fc', by, 1, cost) for by in ('by density', 'by MACs'))
    >>> sources_by_kind([conv, pruned, other, other])
    {'conv': 'by shape', 'fc': 'by density and by MACs'}
    """
    sources = {}  # {kind: [source]}
    for layer in layers:
        of_kind = sources.setdefault(layer.kind, [])
        if layer.source not in of_kind:
            of_kind.append(layer.source)
    return {kind: ' and '.join(sources[kind]) for kind in sorted(sources)}


def method_of(layers):
    """Return how Layers were costed, such as "by shape (fc by MACs)"; '' for published costs."""
    if is_published(layers):  # or if there are none
        return ''
    (_, method), *others = sources_by_kind(layers).items()
    differing = [f'{kind} {source}' for kind, source in others if source != method]
    return f'{method} ({", ".join(differing)})' if differing else method


def is_published(layers):
    """Return whether the costs of Layers are published ones."""
    return all(layer.source.startswith('published') for layer in layers)


def hardware_name(estimate):
    """Return what a title calls the hardware of an Estimate.

    >>> from fodlam import make_estimate
    >>> config = {'net': 'VGG16', 'process_nm': 28}
    >>> hardware_name(make_estimate(config, per_frame=False, ranges=False))
    'Eyeriss and EIE at 28 nm by dennard'
    >>> config = {
    ...     'netfile': 'lenet.json',
    ...     'accelerator': {'macs': 4096, 'clock_mhz': 700, 'dram_gb_per_s': 30},
    ... }
    >>> hardware_name(make_estimate(config, per_frame=False, ranges=False))
    '4096 MACs at 700 MHz, 30 GB/s'
    """
    config, accelerator = estimate.config, estimate.accelerator
    if isinstance(config.get('accelerator'), str):
        return config['accelerator']
    if accelerator is not None:
        macs, clock = plain(accelerator.macs), plain(accelerator.clock_mhz)
        if accelerator.rows is not None:
            macs = f'{accelerator.dataflow} array of {accelerator.rows} x {accelerator.cols}'
        return f'{macs} MACs at {clock} MHz, {plain(accelerator.bytes_per_s / 1e9)} GB/s'
    rule = config.get('process_scaling', 'dennard')
    if 'process_nm' in config:
        return f'Eyeriss and EIE at {config["process_nm"]:g} nm by {rule}'
    if rule != 'dennard':  # EIE is scaled to Eyeriss's node in any case
        return f'Eyeriss and EIE at {EYERISS_PROCESS_NM} nm by {rule}'
    return 'Eyeriss and EIE'


def plain(number):
    """Return a number as it would be written by hand, with up to six digits.

    >>> plain(700.0), plain(0.1 + 0.2), plain(1048576)
    ('700', '0.3', '1048576')
    """
    if number % 1 == 0 and number < MAX_PLAIN_NUMBER:
        return f'{number:.0f}'
    return f'{number:.6g}'


def frames_in_words(frames):
    """Return a number of frames in words.

    >>> frames_in_words(1), frames_in_words(3), frames_in_words(3.0197)
    ('one frame', 'a batch of 3 frames', '3.02 frames')
    """
    if frames <= 1:
        return 'one frame'
    if frames % 1 == 0:
        return f'a batch of {frames:.4g} frames'
    return f'{frames:.4g} frames'  # an average over several batches


# === Remarks ===


def remarks_on(estimate, layers):
    """Return sentences on an Estimate.

    They are on the sources of published costs, on the keys of the accelerator, on the parts of the
    energy, and on layers that are left out. layers: the Estimate's Layers.
    """
    remarks = []
    if layers and is_published(layers):
        remarks.append(published_remark(layers))
    if estimate.accelerator is not None:
        remarks += accelerator_remarks(estimate)
    if has_energy_parts(estimate):
        remarks.append(energy_remark(estimate.energy_by, estimate.sums['total'].energy_j))
    if estimate.left_out:
        remarks.append(left_out_remark(estimate.left_out))
    return remarks


def published_remark(layers):
    """Return a sentence on the sources of published Layers, by their kinds."""
    sources = sources_by_kind(layers)
    return '; '.join(f'{kind}: {source}' for kind, source in sources.items())


def accelerator_remarks(estimate):
    """Return a list of at most one sentence on the keys of an accelerator that no title has.

    estimate: an Estimate on an accelerator. Of a named one, only the efficiency and the time per
    layer are told.
    """
    keys = estimate.config.get('accelerator')
    if not isinstance(keys, dict):
        keys = {'efficiency': estimate.accelerator.efficiency}
        if estimate.accelerator.layer_us:
            keys['layer_us'] = round(estimate.accelerator.layer_us, 1)
    parts = []
    for key, words in ACCELERATOR_WORDS.items():
        number = keys.get(key)
        if number is not None:
            text = percent(number) if key == 'efficiency' else plain(number)
            parts.append(words.format(text))
    return [f'accelerator: {", ".join(parts)}'] if parts else []


def has_energy_parts(estimate):
    """Return whether the energy of an Estimate is known by several parts."""
    return bool(estimate.energy_by) and len(estimate.energy_by) > 1


def energy_remark(energy_by, energy_j):
    """Return a sentence on the shares of an energy's parts, the largest first.

    energy_by: {part: J}. energy_j: the whole energy. On Eyeriss and EIE, the parts of some layers
    may not be known; what these take stands at the end.

    >>> energy_remark({'mac': 1e-6, 'dram': 3e-6}, 4e-6)
    'energy: 75% dram, 25% mac'
    >>> energy_remark({'mac': 1e-6, 'clock': 3e-6}, 5e-6)
    'energy: 60% clock, 20% mac, 20% of layers whose parts are not known'
    """
    shares = []
    for part in sorted(energy_by, key=energy_by.get, reverse=True):
        shares.append(f'{percent(share_of(energy_by[part], energy_j))} {part}')
    unknown = 1 - math.fsum(energy_by.values()) / energy_j if energy_j else 0
    if unknown > MAX_ROUNDING:
        shares.append(f'{percent(unknown)} of layers whose parts are not known')
    return f'energy: {", ".join(shares)}'


def left_out_remark(left_out):
    """Return a sentence on the layers that are left out.

    left_out: the list of their entries in the net file.
    """
    count = len(left_out)
    if any(entry['type'] != 'MatMul' for entry in left_out):
        layers = 'a layer' if count == 1 else f'{count} layers'
    elif count == 1:
        layers = 'a product of two feature maps'
    else:
        layers = f'{count} products of two feature maps'
    macs = engineering(sum(entry['macs'] for entry in left_out), '')
    return f'left out: {layers}, {macs} MACs, which nobody has published a cost of'
