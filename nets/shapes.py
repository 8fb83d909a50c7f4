"""What a layer asks of a machine: Eyeriss by shape, EIE by density, and rooflines.

A leaf of fodlam.py, which loads it for configs with "accelerator" or "scaling": "shape". It takes
entries of net files as they are and returns plain numbers; what it needs of data/ and nets/, it
reads by the functions that it is given. Wrong shapes and keys raise ValueError, with what would be
right. nets/README.md derives the three models and says how far they are off.

Terms: a layer has an ifmap of C x H x W, K filters of R x S, stride sy x sx, g groups of channels,
and an ofmap of K x P x Q, of which A x B is stored after pooling. A cost is [J, s] or, with ranges,
[J, s, least J, least s, most J, most s]; energies are None if nobody knows them. Machines and
layers are as fodlam.py's ("Costs").

Sources:
  Eyeriss  Chen, Krishna, Emer, Sze, JSSC, January 2017
  EIE      Han, Liu, Mao, Pu, Pedram, Horowitz, Dally, ISCA 2016
  NVDLA    the primer (nvdla.org), and the performance estimator in its repository nvdla/hw
  AMAIX    Juenger, Zurstrassen, Kogel, Keding, Leupers, SAMOS 2020: rooflines of accelerators
"""

import bisect
import functools
import math
import operator
from collections import namedtuple

# === Shapes ===

# Above the size of any layer, and small enough that no product of sizes is too large for a float.
from fodlam import MAX_SIZE

Shape = namedtuple('Shape', 'C H W K P Q R S sy sx groups A B')


def parse_shape(entry):
    """Return the Shape of a net file's entry with MACs; raise ValueError if it does not tell."""

    def sizes(key, count, default=None):
        values = entry.get(key, default)
        if values is None:
            raise ValueError(f'no "{key}"; expected shapes, as nets/extract.py writes them')
        values = values if isinstance(values, list) else [values]
        if len(values) != count or not all(type(v) is int and 0 < v <= MAX_SIZE for v in values):
            expected = f'{count} whole numbers, from 1 to {MAX_SIZE}'
            raise ValueError(f'"{key}" is {short(entry[key])}; expected {expected}')
        return values

    (C, H, W), (K, P, Q), (R, S) = sizes('ifmap', 3), sizes('ofmap', 3), sizes('kernel', 2)
    (sy, sx), (groups,) = sizes('stride', 2, [1, 1]), sizes('groups', 1, 1)
    channels, A, B = sizes('stored', 3, [K, P, Q])
    if channels != K:
        raise ValueError(f'"stored" has {channels} channels; expected {K}, as "ofmap"')
    if not isinstance(entry.get('addend', False), bool):
        raise ValueError(f'"addend" is {short(entry["addend"])}; expected true or false')
    if C % groups or K % groups:
        raise ValueError(f'"groups" is {groups}; expected a divisor of the channels')
    pixels = H * W if entry['type'] == 'Deconvolution' else P * Q
    macs = pixels * C * K // groups * R * S
    if macs != entry['macs']:
        raise ValueError(f'"macs" is {short(entry["macs"])}; expected {macs} by its shapes')
    return Shape(C, H, W, K, P, Q, R, S, sy, sx, groups, A, B)


def is_number(value, least, most):
    """Return whether a value is a number, no boolean, within limits."""
    return isinstance(value, (int, float)) and type(value) is not bool and least <= value <= most


def short(value):
    """Return a value as Python writes it, cut to a length fit for a message."""
    text = ascii(value)
    return text if len(text) <= 80 else f'{text[:80]}...'


# === Eyeriss by shape ===

# The paper's (JSSC 2017, Tables III to VI and the text): PEs, clock, 16-bit words, a link of 64
# bits at 60 MHz, 64 filters at a time.
EYERISS_PES = 168
EYERISS_CLOCK_HZ = 200e6
EYERISS_WORD_BYTES = 2
EYERISS_LINK_BYTES_PER_S = 64 / 8 * 60e6
EYERISS_FILTERS = 64
# Calibrated on Table VI alone, so that AlexNet is a test: the share of their peak at which the PEs
# of compute-bound layers run; the rate of the global buffer in the others; mean power; and how many
# channels are summed between two accesses to it: 8, for 3 x 3 kernels and ofmaps of up to 14 x 14.
Calibration = namedtuple('Calibration', 'pe_efficiency buffer_bytes_per_s power_w')
EYERISS_CALIBRATION = Calibration(0.85, 3.0e9, 0.245)
EYERISS_SUMMED_CHANNELS = 8
EYERISS_SUMMED_KERNEL = 3
EYERISS_SUMMED_OFMAP = 14
# No published layer has 1 x 1 kernels, or one channel a group. What is known of these is MobileNet
# (width 0.5, 128 x 128): 79 frame/s by this model, where the Eyeriss v2 paper (Chen et al., JETCAS
# 2019) implies 117 for a version-1 design, rescaled to 192 PEs and narrower numbers.
MOBILENET_RATIO = 117 / 79  # modelled over implied time


def eyeriss(entry, calibration=EYERISS_CALIBRATION):
    """Return (cost, bound) of a conv layer of one frame on Eyeriss, from nothing but its shape.

    Eyeriss computes, or waits for its global buffer, whichever takes longer, and then for the link
    that brings ifmaps and takes ofmaps. Its bound is the largest of the three times.
    """
    C, H, W, K, P, Q, R, _, sy, _, groups, _, _ = parse_shape(entry)
    is_deconvolution = entry['type'] == 'Deconvolution'
    # Rows of the ifmap that no kernel touches stay where they are; of the others all is read.
    rows = min(H, (P - 1) * sy + R if sy <= R else P * R)
    passes = math.ceil(K / groups / EYERISS_FILTERS)
    ifmap = C * (H if is_deconvolution else rows) * W * passes
    times = {
        'compute': entry['macs'] / (EYERISS_PES * EYERISS_CLOCK_HZ * calibration.pe_efficiency),
        'buffer': partial_sum_bytes(entry) / calibration.buffer_bytes_per_s,
        'link': EYERISS_WORD_BYTES * (ifmap + K * P * Q) / EYERISS_LINK_BYTES_PER_S,
    }
    latency_s = max(times['compute'], times['buffer']) + times['link']
    return [calibration.power_w * latency_s, latency_s], max(times, key=times.get)


def partial_sum_bytes(entry):
    """Return how many bytes of partial sums a conv layer moves through Eyeriss's global buffer."""
    C, H, W, _, P, Q, R, S, _, _, groups, _, _ = parse_shape(entry)
    size = max(H, W) if entry['type'] == 'Deconvolution' else max(P, Q)
    share = min(1, EYERISS_SUMMED_OFMAP / size) * EYERISS_SUMMED_KERNEL / R
    channels = min(max(1, EYERISS_SUMMED_CHANNELS * share), C / groups)
    # One is read and written for each row of the kernel, and for so many channels.
    return 2 * EYERISS_WORD_BYTES * entry['macs'] / (R * S * channels)


# === EIE by density ===

EIE_FILE = 'eie-layers.csv'
# ISCA 2016, Tables III (sizes, and what pruning keeps) and IV (times). Columns as fodlam.py's.
EIE_COLUMNS = {
    'inputs': ('Inputs', 1),
    'outputs': ('Outputs', 1),
    'weights': ('Weights (%)', 1e-2),
    'activations': ('Activations (%)', 1e-2),
    'actual_s': ('Actual Time (us)', 1e-6),
}
# From the text and Table V: 64 PEs at 800 MHz do a MAC a cycle each; the distance to the next
# weight is stored in 4 bits, so that a run of 16 zeros takes an entry of its own.
EIE_PES = 64
EIE_CLOCK_HZ = 800e6
EIE_RUN = 16
EIE_LEAST_KEPT = 1e-9  # with less, every entry is but the end of a run, to eight digits
# Of three networks in the tables, this one is no CNN: it calibrates, so that the CNNs are tests.
EIE_CALIBRATED_ON = 'NT-'


def eie_time(row):
    """Return the time in s of an fc layer on EIE at 45 nm, with its work spread evenly.

    row: a dict with "macs", or "inputs" and "outputs"; "weights" and "activations", the share of
    each that is not zero. With weights kept at random, each takes 1 / (1 - (1 - w)^16) entries.
    """
    macs = row.get('macs') or row['inputs'] * row['outputs']
    kept = row['weights']
    if kept < EIE_LEAST_KEPT:  # 1 - kept would be rounded
        return macs / EIE_RUN * row['activations'] / (EIE_PES * EIE_CLOCK_HZ)
    entries = macs * kept / (1 - (1 - kept) ** EIE_RUN)
    return entries * row['activations'] / (EIE_PES * EIE_CLOCK_HZ)


def eie_networks(table):
    """Return the rows of EIE's table that did not calibrate the model."""
    return [row for name, row in table.items() if not name.startswith(EIE_CALIBRATED_ON)]


def eie_imbalance(table):
    """Return how much longer layers take than with their work spread evenly, by NeuralTalk's."""
    rows = [row for name, row in table.items() if name.startswith(EIE_CALIBRATED_ON)]
    return math.fsum(row['actual_s'] for row in rows) / math.fsum(map(eie_time, rows))


def parse_densities(entry, default):
    """Return (weights, activations) of an entry, its own or the default; ValueError if wrong."""
    keys = 'weight_density', 'activation_density'
    own = [entry[key] for key in keys if key in entry]
    return check_pair(keys, own) if own else default


LEAST_DENSITY = math.ulp(0.0)  # whatever is above 0


def check_pair(keys, values):
    """Return two densities as a tuple; raise ValueError unless both are there, and shares."""
    if len(values) != 2 or not all(is_number(x, LEAST_DENSITY, 1) for x in values):
        both = ' and '.join(f'"{key}"' for key in keys)
        raise ValueError(f'{both} are {short(values)}; expected both, above 0 and up to 1')
    return tuple(values)


# === The machine of shapes and densities ===


def machine_of_shapes(rule, density, read_table, published_layers, average_machine, scale_eie):
    """Return the machine that costs conv layers by shape, and fc layers with densities by these.

    Ranges are as far from costs as published layers are from what the model says of them. Fc layers
    without a density are costed by their MACs.
    rule: of scaling EIE's process node; density: of fc layers that do not have their own, (weights,
    activations) or None; the others: fodlam.py's.
    """
    published = sum(published_layers(True, rule).values(), [])
    conv = [layer for layer in published if layer['kind'] == 'conv']
    ratios = [[a / b for a, b in zip(eyeriss(x['entry'])[0], x['cost'])] for x in conv]
    kernels = {tuple(layer['entry']['kernel']) for layer in conv}
    least, most = ([limit(column) for column in zip(*ratios)] for limit in (min, max))
    unknown_most = [max(ratio, MOBILENET_RATIO) for ratio in most]
    by_macs = average_machine(True, rule)
    table = read_table(EIE_FILE, EIE_COLUMNS)
    imbalance = eie_imbalance(table)
    times = [eie_time(row) * imbalance / row['actual_s'] for row in eie_networks(table)]
    power_w, time = scale_eie(rule)

    def machine(entry, kind):
        if kind == 'conv':
            cost, bound = eyeriss(entry)
            one_channel = entry['ifmap'][0] == entry.get('groups', 1)
            known = tuple(entry['kernel']) in kernels and not one_channel
            ends = (most if known else unknown_most), least
            return {
                'source': 'shape', 'cost': with_range(cost, *ends), 'frames': 1, 'bound': bound,
            }  # fmt: skip
        densities = parse_densities(entry, density)
        if densities is None or entry['type'] == 'MatMul':
            return by_macs(entry, kind)
        weights, activations = densities
        row = {'macs': entry['macs'], 'weights': weights, 'activations': activations}
        latency_s = eie_time(row) * imbalance * time
        cost = [power_w * latency_s, latency_s]
        ends = [max(times)] * 2, [min(times)] * 2
        return {'source': 'density', 'cost': with_range(cost, *ends), 'frames': 1}

    return machine


def with_range(cost, most, least):
    """Return a cost with its range: divided by how far a model is above and below what is known."""
    return [*cost, *(x / r for end in (most, least) for x, r in zip(cost, end))]


def sum_bounds(layers, sums):
    """Return (layers, their sums, {'bounds': {bound: {'energy': J, 'latency': s}}}).

    The last is {} if no layer has a bound; layers may be made when asked for.
    """
    layers, costs = [*layers], {}
    for layer in layers:
        if 'bound' in layer:
            costs.setdefault(layer['bound'], []).append(layer['cost'][:2])
    bounds = {bound: map(math.fsum, zip(*of)) for bound, of in sorted(costs.items())}
    report = {bound: dict(zip(('energy', 'latency'), total)) for bound, total in bounds.items()}
    return layers, sums, {'bounds': report} if report else {}


# === Accelerators ===

# What an accelerator's keys are: fodlam.py's docstring says it. Without an efficiency, it is 1.
REQUIRED_KEYS = ('macs', 'clock_mhz', 'dram_gbps')
ENERGY_KEYS = ('power_mw', 'mac_pj', 'dram_pj_per_byte')
ACCELERATOR_DEFAULTS = {
    **dict.fromkeys(ENERGY_KEYS),
    'efficiency': None,
    'buffer_kib': math.inf,
    'feature_bytes': 1,
    'weight_bytes': 1,
    'channel_atom': 1,
    'kernel_atom': 1,
    'winograd_gain': 1,
    'fc_batch': 1,
}
ACCELERATOR_KEYS = dict.fromkeys([*REQUIRED_KEYS, *ACCELERATOR_DEFAULTS])  # quick to search
# device: its name in data/devices.csv, if it has one.
Accelerator = namedtuple(
    'Accelerator', (*ACCELERATOR_KEYS, 'device'), defaults=(*ACCELERATOR_DEFAULTS.values(), None)
)

# The least and the most that a key can be: far beyond any real one, and small enough that no result
# is too large or too small for a float.
MIN_NUMBER, MAX_NUMBER = 1e-30, 1e30

# NVDLA primer (nvdla.org): seven configurations. Columns are (heading, scale), as fodlam.py's.
NVDLA_FILE = 'nvdla.csv'
NVDLA_KEY = 'Configuration'
NVDLA_COLUMNS = {
    'macs': ('MACs per Cycle', 1),
    'clock_mhz': ('Clock (MHz)', 1),
    'dram_gbps': ('DRAM Bandwidth (GB/s)', 1),
    'buffer_kib': ('Convolution Buffer (KiB)', 1),
    'power_mw': ('Average Power at 16 nm (mW)', 1),
}
# NVDLA's performance estimator (repository nvdla/hw, perf/): channels and filters go in groups of
# these sizes, and 3 x 3 kernels with stride 1 by Winograd's algorithm.
NVDLA_DATAFLOW = {'channel_atom': 16, 'kernel_atom': 128, 'winograd_gain': 2.25}
# From the same: Winograd's weights take 4 x 4 for 3 x 3; the buffer has 32 filters at the least.
WINOGRAD_WEIGHTS = 16 / 9
LEAST_FILTERS = 32

# QuTiBench (data/README.md): what devices were measured to do. A row is a device and a network.
DEVICES_FILE = 'devices.csv'
DEVICES_KEY = 'Measurement'
DEVICES_COLUMNS = {
    'operations_per_s': ('Peak (TOP/s)', 1e12),
    'dram_gbps': ('DRAM Bandwidth (GB/s)', 1),
    'bytes': ('Bytes a Number', 1),
    'frames_per_s': ('Compute (frame/s)', 1),
    'power_mw': ('Power (W)', 1e3),
}
DEVICES_NETS = {
    'GoogLeNet': 'googlenet.json',
    'MobileNet': 'mobilenet.json',
    'ResNet-50': 'resnet50.json',
}
DEVICES_CLOCK_MHZ = 1000  # any will do, as the peak is what counts


def find_accelerator(value, load, read_table, read_net):
    """Return the Accelerator that a config's "accelerator" is, a name or a dict of its keys.

    load: a function that returns what another returns for some arguments, and may have kept it;
    read_table, read_net: fodlam.py's. Raises ValueError if the name or a key is wrong.
    """
    if isinstance(value, str):
        return load(named_accelerator, value, read_table, read_net)
    if not isinstance(value, dict):
        raise ValueError(f'got {short(value)}; expected a name or an object')
    return make_accelerator(value)


def make_accelerator(members):
    """Return the Accelerator that a dict of its keys describes; raise ValueError if it is wrong."""
    plain = {}
    for key, number in members.items():
        if key not in ACCELERATOR_KEYS:
            known = ', '.join(ACCELERATOR_KEYS)
            raise ValueError(f'unknown key {short(key)}; choose from {known}')
        least = 0 if key in ENERGY_KEYS else MIN_NUMBER
        most = 1 if key == 'efficiency' else MAX_NUMBER
        if not is_number(number, least, most):
            expected = f'a number from {least:g} to {most:g}'
            raise ValueError(f'"{key}" is {short(number)}; expected {expected}')
        # In the one form that it has here, 64 for 64.0 and 6.4e1: so what is equal is the same, and
        # what is kept of one accelerator is right for the other.
        is_whole = number % 1 == 0 and number <= MAX_SIZE
        plain[key] = int(number) if is_whole else float(number)
    for key in REQUIRED_KEYS:
        if key not in members:
            raise ValueError(
                f'no "{key}"; expected a number for each of {", ".join(REQUIRED_KEYS)}'
            )
    return Accelerator(**plain)


def named_accelerator(name, read_table, read_net):
    """Return the Accelerator that is called so in data/; raise ValueError if there is none.

    read_table, read_net: fodlam.py's. A device has as its efficiency the geometric mean of what
    its networks attain, and as its power the mean of theirs.
    """
    nvdla = read_table(NVDLA_FILE, NVDLA_COLUMNS, NVDLA_KEY)
    devices = read_devices(read_table)
    if name in nvdla:
        return Accelerator(**nvdla[name], **NVDLA_DATAFLOW)
    if name not in devices:
        known = ', '.join([*nvdla, *devices])
        raise ValueError(f'unknown name {short(name)}; choose from {known}, or give an object')
    attained = shares(read_table, read_net)[name].values()
    rows = devices[name].values()
    return bare_device(next(iter(rows)))._replace(
        device=name,
        efficiency=math.prod(attained) ** (1 / len(attained)),
        power_mw=math.fsum(row['power_mw'] for row in rows) / len(rows),
    )


def read_devices(read_table):
    """Return {device: {network: row of DEVICES_COLUMNS}}."""
    devices = {}
    for title, row in read_table(DEVICES_FILE, DEVICES_COLUMNS, DEVICES_KEY).items():
        device, _, network = title.partition(' ')
        if network not in DEVICES_NETS:
            known = ', '.join(DEVICES_NETS)
            raise ValueError(
                f'data/{DEVICES_FILE}: unknown network {short(network)}; expected {known}'
            )
        devices.setdefault(device, {})[network] = row
    return devices


def bare_device(row):
    """Return the plain roofline of a row of DEVICES_COLUMNS, as an Accelerator; a MAC is two."""
    macs = row['operations_per_s'] / 2 / (DEVICES_CLOCK_MHZ * 1e6)
    sizes = {'feature_bytes': row['bytes'], 'weight_bytes': row['bytes']}
    return Accelerator(macs, DEVICES_CLOCK_MHZ, row['dram_gbps'], **sizes)


# === Demands ===

# What a layer asks of an accelerator, however fast that is. mac_slots: the MACs that it could do in
# the cycles that the layer takes; gain: how many it does in the place of one, by Winograd's
# algorithm; dram_bytes: what goes into DRAM and out of it; dense: the Demand of another way to do
# it, or None.
Demand = namedtuple('Demand', 'kind macs mac_slots gain dram_bytes dense')

DATAFLOW_KEYS = (
    'buffer_kib feature_bytes weight_bytes channel_atom kernel_atom winograd_gain fc_batch'
).split()


class Dataflow(namedtuple('Dataflow', DATAFLOW_KEYS)):
    """What demands depend on: an Accelerator without its speed and energy. It is a machine.

    What it made of a network serves however many Accelerators. It knows no costs yet: its layers
    have a "demand" instead.
    """

    __slots__ = ()

    def __call__(self, entry, kind):
        return {'source': 'roofline', 'cost': [], 'demand': demand(entry, kind, self)}


FLOW_OF = operator.attrgetter(*DATAFLOW_KEYS)  # an Accelerator


def demand(entry, kind, flow):
    """Return the Demand of a net file's entry on a Dataflow, as NVDLA's performance estimator says.

    Every group is a layer of its own; where channels go in atoms, all may instead be one dense
    layer with zeros in its weights, as NVDLA's compiler makes it.
    """
    shape, macs = parse_shape(entry), entry['macs']
    groups, dense = shape.groups, None
    part = shape._replace(C=shape.C // groups, K=shape.K // groups)
    mac_slots, gain, dram_bytes = demand_of_group(entry, part, kind, flow)
    if groups > 1 and flow.channel_atom != 1 and entry['type'] != 'MatMul':
        dense = Demand(kind, macs, *demand_of_group(entry, shape, kind, flow), None)
    return Demand(kind, macs, mac_slots * groups, gain, dram_bytes * groups, dense)


def demand_of_group(entry, shape, kind, flow):
    """Return (mac_slots, gain, dram_bytes) of the channels and filters of a Shape.

    A deconvolution is the convolution over its ifmap, with stride 1, that does the same MACs. What
    a product of two feature maps has for weights are features, which no batch shares.
    """
    C, H, W, K, P, Q, R, S, sy, sx, _, A, B = shape
    if entry['type'] == 'Deconvolution':
        P, Q, sy, sx = H, W, 1, 1
    is_fc, is_product = kind == 'fc', entry['type'] == 'MatMul'
    batch = flow.fc_batch if is_fc and not is_product else 1
    gain = flow.winograd_gain if (R, S, sy, sx) == (3, 3, 1, 1) else 1
    feature = flow.feature_bytes
    weight = feature if is_product else flow.weight_bytes

    def padded(size, atom):
        return math.ceil(size / atom) * atom

    # Where channels go in atoms, strides fill them: each of the py x px phases of the ifmap is a
    # channel of its own, of a convolution with stride 1.
    py, px = (sy, sx) if flow.channel_atom != 1 else (1, 1)
    channels = padded(C * py * px, flow.channel_atom)
    h, w, r, s = math.ceil(H / py), math.ceil(W / px), math.ceil(R / py), math.ceil(S / px)
    ifmap = channels * h * w * feature
    weights = channels * r * s * K * weight * (WINOGRAD_WEIGHTS if gain != 1 else 1) / batch
    ofmap = A * B * padded(K, flow.channel_atom) * feature
    # What does not fit the buffer beside the least slice of the other is read again for each piece.
    buffer = flow.buffer_kib * 1024
    ifmap_slice = min(channels * min(R, h) * w * feature, buffer / 2)
    weight_slice = min(channels * r * s * min(K, LEAST_FILTERS) * weight, buffer / 2)
    if ifmap >= weights:
        larger, smaller, least = ifmap, weights, ifmap_slice
    else:
        larger, smaller, least = weights, ifmap, weight_slice
    pieces = 1 if is_fc else max(1, math.ceil(smaller / (buffer - least)))
    stores = 2 if entry.get('addend') else 1
    traffic = pieces * larger + smaller + stores * ofmap
    padded_filters = padded(K * batch, flow.kernel_atom) / batch
    mac_slots = channels * P * Q * padded_filters * R * S / (py * px) / gain
    return mac_slots, gain, traffic


# === Rooflines ===

KINDS = ('conv', 'fc')
BOUNDS = ('compute', 'memory')


def speeds(accelerator):
    """Return (peak in MAC/s, DRAM bandwidth in bytes/s) of an Accelerator: its roofline."""
    return accelerator.macs * accelerator.clock_mhz * 1e6, accelerator.dram_gbps * 1e9


# Demands, sorted so that it takes little to know what each of many accelerators makes of them.
# fixed: {kind: (intensities, mac_slots, dram_bytes)} of those that there is one way to do: three
# lists, in the order of the first, which is mac_slots for each byte; others: the Demands that have
# a dense way as well; all: all, in the order of layers.
Sorted = namedtuple('Sorted', 'fixed others all')


def sort_demands(demands):
    """Return the Sorted of some Demands."""
    fixed = {kind: [] for kind in KINDS}
    for x in demands:
        if x.dense is None:
            fixed[x.kind].append((x.mac_slots / x.dram_bytes, x.mac_slots, x.dram_bytes))
    columns = {kind: [*zip(*sorted(rows))] or [()] * 3 for kind, rows in fixed.items()}
    return Sorted(columns, [x for x in demands if x.dense], demands)


def roofline(demands, accelerator, limits):
    """Return (sums, extras) of Sorted Demands on an Accelerator.

    limits: (least, most) of what times may be, relative to what they are, or None for no ranges.
    sums: {kind or 'total': cost}; extras: {'bounds': {bound: {'energy': J, 'latency': s}}}, and
    'energy_by' if energy is known.
    A layer takes the longer of its computing time and its memory time, over the efficiency.
    """
    peak, bandwidth = speeds(accelerator)
    ridge, efficiency = peak / bandwidth, accelerator.efficiency or 1
    macs_per_s, bytes_per_s = peak * efficiency, bandwidth * efficiency
    compute, memory = {}, {}
    # In sweeps, most of the time goes by here.
    for kind, (intensities, mac_slots, dram_bytes) in demands.fixed.items():
        first = bisect.bisect_left(intensities, ridge)
        compute[kind] = [x / macs_per_s for x in mac_slots[first:]]
        memory[kind] = [x / bytes_per_s for x in dram_bytes[:first]]
    for demand in demands.others:
        chosen = faster(demand, peak, bandwidth)
        if bound_of(chosen, ridge) == BOUNDS[0]:
            compute[chosen.kind].append(chosen.mac_slots / macs_per_s)
        else:
            memory[chosen.kind].append(chosen.dram_bytes / bytes_per_s)
    times = {kind: compute[kind] + memory[kind] for kind in KINDS}
    times['total'] = sum(times.values(), [])
    for bound, of_kinds in zip(BOUNDS, (compute, memory)):
        if of_bound := sum(of_kinds.values(), []):
            times[bound] = of_bound
    latencies, parts = {name: math.fsum(of) for name, of in times.items()}, {}
    if (accelerator.power_mw, accelerator.mac_pj, accelerator.dram_pj_per_byte) != (None,) * 3:
        groups = group_demands([faster(x, peak, bandwidth) for x in demands.all], ridge, times)
        parts = {name: energy_parts(groups[name], latencies[name], accelerator) for name in times}
    sums, extras, bounds = {}, {}, {}
    for name, latency_s in latencies.items():
        cost = ranged(parts.get(name), latency_s, limits)
        if name in BOUNDS:
            bounds[name] = {'energy': cost[0], 'latency': cost[1]}
        else:
            sums[name] = cost
    if bounds:
        extras['bounds'] = bounds
    if parts:
        extras['energy_by'] = parts['total']
    return sums, extras


def bound_of(demand, ridge):
    """Return what a layer waits for; ridge: the slots for each byte from which on it computes."""
    return BOUNDS[0] if demand.mac_slots / demand.dram_bytes >= ridge else BOUNDS[1]


def group_demands(demands, ridge, names):
    """Return {name: [Demand]} of kinds, bounds and the total, by their names."""
    groups = {name: [] for name in names}
    for demand in demands:
        for name in (demand.kind, bound_of(demand, ridge), 'total'):
            groups[name].append(demand)
    return groups


def faster(demand, peak, bandwidth):
    """Return the Demand of the faster way to do a layer, by an accelerator's speeds."""
    if demand.dense is None:
        return demand
    ways = demand, demand.dense
    return min(ways, key=lambda way: max(way.mac_slots / peak, way.dram_bytes / bandwidth))


def energy_parts(demands, latency_s, accelerator):
    """Return {'mac': J, 'dram': J, 'power': J} of some Demands: what the Accelerator has keys for.

    By Winograd's algorithm, the hardware does fewer MACs.
    """
    parts = {}
    if accelerator.mac_pj is not None:
        macs = math.fsum(demand.macs / demand.gain for demand in demands)
        parts['mac'] = macs * accelerator.mac_pj * 1e-12
    if accelerator.dram_pj_per_byte is not None:
        dram_bytes = math.fsum(demand.dram_bytes for demand in demands)
        parts['dram'] = dram_bytes * accelerator.dram_pj_per_byte * 1e-12
    if accelerator.power_mw is not None:
        parts['power'] = accelerator.power_mw * 1e-3 * latency_s
    return parts


def ranged(parts, latency_s, limits):
    """Return the cost of a time and of energy parts, if these are known, with ranges by limits."""
    cost = [math.fsum(parts.values()) if parts else None, latency_s]
    for limit in limits or ():
        # Of the energy only what is power times time depends on the time.
        energy_j = cost[0] + parts.get('power', 0) * (limit - 1) if parts else None
        cost += [energy_j, latency_s * limit]
    return cost


def price_layer(layer, accelerator, limits):
    """Return a layer with its cost on an Accelerator, and what a report says of it, for its Demand.

    That is the bound, utilization (MACs done over those possible, Winograd's counted), DRAM bytes,
    MACs per DRAM byte, the MACs per second that the roof allows, and energy by its parts.
    """
    peak, bandwidth = speeds(accelerator)
    demand = faster(layer['demand'], peak, bandwidth)
    roof_s = max(demand.mac_slots / peak, demand.dram_bytes / bandwidth)
    latency_s = roof_s / (accelerator.efficiency or 1)
    possible_per_s = peak * demand.gain
    intensity = demand.macs / demand.dram_bytes
    parts = energy_parts([demand], latency_s, accelerator)
    priced = {
        **layer,
        'cost': ranged(parts, latency_s, limits),
        'frames': 1,
        'bound': bound_of(demand, peak / bandwidth),
        'utilization': demand.macs / (possible_per_s * latency_s),
        'dram_bytes': demand.dram_bytes,
        'operational_intensity': intensity,
        'attainable_macs_per_s': min(possible_per_s, intensity * bandwidth),
    }
    del priced['demand']
    return {**priced, 'energy_by': parts} if parts else priced


def price_layers(accelerator, limits, kept, key, layers, _):
    """Return (layers with costs, made when asked for, sums, extras) on an Accelerator.

    layers: dicts with a "demand"; all else is as for `roofline`. Their sums, the last argument, are
    of no use, as they have no costs. kept: {key: their Sorted}, or where to put it.
    """
    if key not in kept:
        kept[key] = sort_demands([layer['demand'] for layer in layers])
    sums, extras = roofline(kept[key], accelerator, limits)
    return (price_layer(layer, accelerator, limits) for layer in layers), sums, extras


def shares(read_table, read_net):
    """Return {device: {network: the share of its roofline's rate that it attains}}."""
    entries = {
        network: [entry for entry in read_net(netfile).values() if 'macs' in entry]
        for network, netfile in DEVICES_NETS.items()
    }
    return {
        device: {
            network: row['frames_per_s'] * frame_time(entries[network], bare_device(row))
            for network, row in rows.items()
        }
        for device, rows in read_devices(read_table).items()
    }


def frame_time(entries, accelerator):
    """Return the time in s of a frame of a network, as entries with MACs, on an Accelerator."""
    flow = Dataflow(*FLOW_OF(accelerator))
    demands = [demand(x, KINDS[x['type'] == 'InnerProduct'], flow) for x in entries]
    sums, _ = roofline(sort_demands(demands), accelerator, None)
    return sums['total'][1]


def time_limits(accelerator, attained):
    """Return (least, most) of what an Accelerator may take, relative to what it is said to take.

    attained: the result of `shares`. A device goes from the most to the least that its networks
    attain; another efficiency is off by as much as that of two networks on one device may be, but
    nothing is faster than its roofline; and without an efficiency, the roofline is a bound, of
    which devices attain some share.
    """
    own = [*attained.get(accelerator.device, {}).values()]
    if len(own) > 1:
        return accelerator.efficiency / max(own), accelerator.efficiency / min(own)
    if accelerator.efficiency is None:
        return 1, 1 / min(min(of_device.values()) for of_device in attained.values())
    most = max(factors_apart(attained))
    return max(1 / most, accelerator.efficiency), most


def factors_apart(attained):
    """Return by what factor the shares of two networks on one device differ, for each device.

    attained: the result of `shares`; devices with one network do not count.
    """
    pairs = [of_device.values() for of_device in attained.values() if len(of_device) > 1]
    return [max(pair) / min(pair) for pair in pairs]


def bound_note(attained):
    """Return a sentence on what a roofline is worth; attained: the result of `shares`."""
    every = [share for of_device in attained.values() for share in of_device.values()]
    return f'a roofline is a bound: real devices attain {min(every):.0%} to {max(every):.0%} of it'


def share_note(attained):
    """Return a sentence on what a device's share is worth; attained: the result of `shares`.

    The typical factor is the geometric mean over the devices.
    """
    factors = factors_apart(attained)
    typical = math.prod(factors) ** (1 / len(factors))
    return (
        'from one network to another, the share of its roofline that a device attains '
        f'typically differs by a factor of {typical:.2f}, at worst {max(factors):.2f}'
    )


# === What a config asks for ===

SCALINGS = ('mac', 'shape')  # what a config's "scaling" may be
# What keys of a config do not go together with an accelerator, or a network of the papers, and why.
CONFLICTS = {
    'accelerator': {
        'process_nm': 'scales the published tables, which an accelerator does not use',
        'process_scaling': 'is for published tables, not for an accelerator',
        'scaling': 'is for Eyeriss and EIE, and an accelerator has its roofline',
        'density': 'is for EIE, and an accelerator has its roofline',
    },
    'net': {'density': 'is for a netfile, and a net is published'},
}


def plan(config, netfile, load, ranges, read_table, read_net, *published):
    """Return (machine, finish) of a config with "accelerator", "density" or "scaling".

    machine: a function that makes it, and its arguments, which tell it from others.
    finish: a function from layers that the machine costed, and their sums, to the same (the layers
    may be made when asked for) and what else a report says of them all.
    netfile: what tells the config's network from others; load: a function that returns what another
    returns for some arguments, and may have kept it; ranges: whether reports have any; all else is
    fodlam.py's: its functions published_layers, average_machine and scale_eie as well.
    Raises ValueError if what these keys say is wrong, or if there are others that they exclude.
    """
    for other, reasons in CONFLICTS.items():
        for key in reasons if other in config else ():
            if key in config:
                raise ValueError(f'"{key}" {reasons[key]}; leave one out')
    if 'accelerator' in config:
        value, readers = config['accelerator'], (read_table, read_net)
        accelerator = of_key('accelerator', find_accelerator, value, load, *readers)
        limits = ranges and time_limits(accelerator, load(shares, *readers))
        flow = FLOW_OF(accelerator)
        # A sweep asks the same of many accelerators: of a whole network, it sorts demands once.
        kept = {} if 'layers' in config else load(dict)
        key = netfile, flow
        finish = functools.partial(price_layers, accelerator, limits, kept, key)
        return (Dataflow, *flow), finish
    scaling, density = config.get('scaling', SCALINGS[0]), None
    if scaling not in SCALINGS:
        raise ValueError(f'"scaling" is {short(scaling)}; choose from {", ".join(SCALINGS)}')
    if 'density' in config:
        density = of_key('density', check_density, config['density'])
        if scaling != 'shape':
            raise ValueError(f'"density" is for "scaling": "shape", not "{scaling}"; give both')
    rule = config.get('process_scaling')
    return (machine_of_shapes, rule, density, read_table, *published), sum_bounds


def of_key(key, function, *arguments):
    """Return function(*arguments); a ValueError says as well which key of a config it is of."""
    try:
        return function(*arguments)
    except ValueError as error:
        raise ValueError(f'"{key}": {error}') from None


def check_density(members):
    """Return (weights, activations) of a config's "density"; raise ValueError if it is wrong."""
    keys = 'weights', 'activations'
    if not isinstance(members, dict):
        raise ValueError(f'got {short(members)}; expected {{"weights": 0.1, "activations": 0.35}}')
    unknown = [key for key in members if key not in keys]
    if unknown:
        raise ValueError(f'unknown key {short(unknown[0])}; choose from {", ".join(keys)}')
    return check_pair(keys, [members[key] for key in keys if key in members])


def to_show(value, report, load, read_table, read_net):
    """Return (Accelerator, sentences on what a report on it is worth) for tables and pictures.

    value, and the functions: as for `find_accelerator`.
    """
    accelerator = find_accelerator(value, load, read_table, read_net)
    # A range says as much in numbers, but for that of a device, which is of its own networks alone.
    if 'energy_range' in report['total'] and not accelerator.device:
        return accelerator, []
    note = bound_note if accelerator.efficiency is None else share_note
    return accelerator, [note(shares(read_table, read_net))]
