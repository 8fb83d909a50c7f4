"""The words of tables and pictures: numbers with units, titles, and remarks.

Terms: a share is a part of a total, as a number from 0 to 1.
"""

import math
import os

from fodlam import EYERISS_PROCESS_NM, QUANTITY_UNITS, quantities

# The order in which legends have the bounds of layers.
BOUNDS = ('compute', 'memory', 'buffer', 'link')

# {part of an energy: its name in pictures}. A part that is not here is called by its own name.
ENERGY_PART_NAMES = {'mac': 'MACs', 'dram': 'DRAM', 'power': 'power'}

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

MAX_TITLE_NAME_LENGTH = 40  # of a network in a title

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

    >>> shortened('inception_3a/3x3_reduce', 12)
    '..3x3_reduce'
    """
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
    step = min(second_digit, 1)
    steps = round(number / step, 6)  # as 0.3 / 0.1 is a little less than 3
    steps = math.ceil(steps) if up else math.floor(steps)
    number = steps * step
    # Numbers from 1e5 on are too long to be written out: 2e+05.
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
    """Return the title of an Estimate: the config's own, or else its network, hardware and frames.

    layers: the Estimate's Layers.
    """
    config = estimate.config
    if config.get('title'):
        return printable(config['title'])
    title = f'{network_name(config)} on {hardware_name(config)}'
    frames = most_frames(layers)
    return f'{title}, {frames_in_words(frames)}' if frames else title


def network_name(config):
    """Return what a title calls the network of a config, which is a dict of its keys.

    >>> network_name({'netfile': 'nets/resnet50.json'})
    'resnet50'
    """
    network = config.get('net') or config.get('netfile')
    if isinstance(network, list):  # of entries, which have no name together
        return 'a network'
    name = os.path.basename(network).removesuffix('.json')
    return printable(shortened(name, MAX_TITLE_NAME_LENGTH))


def hardware_name(config):
    """Return what a title calls the accelerator of a config, which is a dict of its keys.

    >>> hardware_name({'net': 'VGG16', 'process_nm': 28})
    'Eyeriss and EIE at 28 nm by dennard'
    """
    accelerator = config.get('accelerator')
    if isinstance(accelerator, str):
        return accelerator
    if accelerator is not None:
        return 'an accelerator'
    rule = config.get('process_scaling', 'dennard')
    if 'process_nm' in config:
        return f'Eyeriss and EIE at {config["process_nm"]:g} nm by {rule}'
    if rule != 'dennard':  # EIE is scaled to Eyeriss's node in any case
        return f'Eyeriss and EIE at {EYERISS_PROCESS_NM} nm by {rule}'
    return 'Eyeriss and EIE'


def most_frames(layers):
    """Return the most frames that the cost of a Layer is for; 0 if there are no Layers."""
    return max((layer.frames for layer in layers), default=0)


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


def remarks_on(estimate):
    """Return sentences on the parts of an Estimate's energy, and on layers that it leaves out."""
    remarks = []
    if has_energy_parts(estimate):
        remarks.append(energy_remark(estimate.energy_by))
    if estimate.left_out:
        remarks.append(left_out_remark(estimate.left_out))
    return remarks


def has_energy_parts(estimate):
    """Return whether the energy of an Estimate is known by several parts."""
    return bool(estimate.energy_by) and len(estimate.energy_by) > 1


def energy_remark(energy_by):
    """Return a sentence on the shares of an energy's parts, the largest first.

    energy_by: {part: J}.

    >>> energy_remark({'mac': 1e-6, 'dram': 3e-6})
    'energy: 75% dram, 25% mac'
    """
    energy_j = math.fsum(energy_by.values())
    shares = []
    for part in sorted(energy_by, key=energy_by.get, reverse=True):
        shares.append(f'{percent(share_of(energy_by[part], energy_j))} {part}')
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
