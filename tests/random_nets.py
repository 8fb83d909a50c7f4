"""Layers, networks and accelerators at random."""


def random_layer(chance):
    """Return the entry of a layer of any kind; chance: a random.Random. Letters: data/shape.py."""
    kind = chance.choice(
        ['conv', 'conv', 'grouped', 'depthwise', 'deconv', 'fc', 'fc over T', 'product']
    )
    conv_groups, product_groups = chance.choice([2, 3, 4]), chance.choice([1, 2, 6, 12])
    groups = 1
    if kind == 'grouped':
        groups = conv_groups
    elif kind == 'product':
        groups = product_groups
    C, K = groups * chance.randint(1, 70), groups * chance.randint(1, 70)
    if kind == 'depthwise':
        C = K = groups = chance.randint(1, 100)
    if kind in ('fc', 'fc over T', 'product'):
        rows = 1 if kind == 'fc' else chance.randint(2, 60)
        entry = random_matrix_layer(chance, kind, C, K, rows, groups)
    else:
        entry = random_convolution(chance, kind, C, K, groups)
    if chance.random() < 0.3:
        entry['addend'] = True
    if groups > 1:
        entry['groups'] = groups
    return {'name': 'layer', **entry}


def random_matrix_layer(chance, kind, C, K, rows, groups):
    """Return the entry of a layer of kind 'fc', 'fc over T' or 'product', without name and groups.

    rows: how many there are in each group, T for 'fc over T'.
    """
    entry = {
        'macs': rows * C * K // groups, 'type': 'InnerProduct',
        'ifmap': [C, rows, 1], 'ofmap': [K, rows, 1], 'kernel': [1, 1],
    }  # fmt: skip
    if kind == 'product':
        entry['type'] = 'MatMul'
        divisors = [number for number in range(1, groups + 1) if groups % number == 0]
        entry['shared'] = chance.choice(divisors)
    return entry


def random_convolution(chance, kind, C, K, groups):
    """Return the entry of a convolution, or of a deconvolution, without name and groups."""
    P, Q = chance.randint(1, 40), chance.randint(1, 40)
    R, S = chance.randint(1, 5), chance.choice([1, 3, 7])
    sy, sx = chance.choice([(1, 1), (1, 1), (2, 2), (1, 2), (3, 1)])
    entry = {
        'macs': P * Q * C * K // groups * R * S, 'type': 'Convolution',
        'ifmap': [C, (P - 1) * sy + R, (Q - 1) * sx + S], 'ofmap': [K, P, Q],
        'kernel': [R, S], 'stride': [sy, sx],
    }  # fmt: skip
    if kind == 'deconv':
        entry |= {'type': 'Deconvolution', 'ifmap': [C, P, Q], 'ofmap': [K, P * sy, Q * sx]}
    elif chance.random() < 0.3:
        entry['stored'] = [K, max(1, P // 2), max(1, Q // 2)]
    return entry


def random_chip(chance):
    """Return the keys of an accelerator; chance: a random.Random."""
    chip = {'clock_mhz': 1000, 'dram_gb_per_s': 10 ** chance.uniform(-1, 3)}
    if chance.random() < 0.4:
        chip |= {'rows': chance.choice([1, 8, 32]), 'cols': chance.choice([3, 16, 100])}
        chip['dataflow'] = chance.choice(['ws', 'os', 'is'])
    else:
        chip['macs'] = chance.choice([1, 64, 1000])
        if chance.random() < 0.4:
            chip['channel_atom'] = chance.choice([8, 16])
            chip['kernel_atom'] = chance.choice([16, 128])
        if chance.random() < 0.4:
            chip['winograd_gain'] = 2.25
    for key, values in (
        ('buffer_kib', [1, 4, 30, 200]), ('feature_bytes', [1, 2, 4]), ('weight_bytes', [0.5, 1, 2]),
        ('fc_batch', [4, 16]), ('batch', [1, 2, 3, 8, 64]), ('psum_bytes', [2, 3]),
    ):  # fmt: skip
        if chance.random() < 0.5:
            chip[key] = chance.choice(values)
    return chip


def pointwise(name, channels, filters, pixels=100, **members):
    """Return the entry of a 1 x 1 convolution over a map of pixels x 1."""
    return {
        'name': name, 'type': 'Convolution', 'macs': channels * filters * pixels,
        'ifmap': [channels, pixels, 1], 'ofmap': [filters, pixels, 1], 'kernel': [1, 1], **members,
    }  # fmt: skip


def random_graph(chance):
    """Return a net of 6 to 9 layers, as a list of entries; chance: a random.Random.

    Each layer reads one or two of the eight before it, or the input of the network, and some add
    the ofmap of a layer before.
    """
    sizes = [chance.randint(1, 9) for _ in range(chance.randint(6, 9))]  # the filters of each layer
    net = []
    for index, size in enumerate(sizes):
        earlier = list(range(max(0, index - 8), index))
        sources = chance.sample(earlier, min(len(earlier), chance.choice([1, 1, 1, 2])))
        members = {'from': [f'l{source}' for source in sources] or [None]}
        if sources and chance.random() < 0.2:
            members['result'] = True
        if index and chance.random() < 0.3:
            addend = chance.choice(earlier)
            size = sizes[addend]  # an addend has the shape of the ofmap
            sizes[index] = size
            members['from'].append(f'l{addend}')
            members['addend'] = True
        channels = sum(sizes[source] for source in sources) or 3
        net.append(pointwise(f'l{index}', channels, size, **members))
    return net
