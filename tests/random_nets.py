"""Layers, networks and accelerators at random."""


def random_layer(chance):
    """Return the entry of a layer of any kind, by a Random."""
    kind = chance.choice(
        ['conv', 'conv', 'grouped', 'depthwise', 'deconv', 'fc', 'fc over T', 'product']
    )
    groups = {'grouped': chance.choice([2, 3, 4]), 'product': chance.choice([1, 2, 6, 12])}.get(
        kind, 1
    )
    C, K = (groups * chance.randint(1, 70) for _ in range(2))
    if kind == 'depthwise':
        C = K = groups = chance.randint(1, 100)
    if kind in ('fc', 'fc over T', 'product'):
        H = 1 if kind == 'fc' else chance.randint(2, 60)
        type_ = 'MatMul' if kind == 'product' else 'InnerProduct'
        entry = {'type': type_, 'ifmap': [C, H, 1], 'ofmap': [K, H, 1], 'kernel': [1, 1]}
        if kind == 'product':
            entry['shared'] = chance.choice([n for n in range(1, groups + 1) if groups % n == 0])
        macs = H * C * K // groups
    else:
        P, Q, R, S = (
            chance.randint(1, 40),
            chance.randint(1, 40),
            chance.randint(1, 5),
            chance.choice([1, 3, 7]),
        )
        sy, sx = chance.choice([(1, 1), (1, 1), (2, 2), (1, 2), (3, 1)])
        entry = {
            'type': 'Convolution', 'ifmap': [C, (P - 1) * sy + R, (Q - 1) * sx + S],
            'ofmap': [K, P, Q], 'kernel': [R, S], 'stride': [sy, sx],
        }  # fmt: skip
        macs = P * Q * C * K // groups * R * S
        if kind == 'deconv':
            entry |= {'type': 'Deconvolution', 'ifmap': [C, P, Q], 'ofmap': [K, P * sy, Q * sx]}
        elif chance.random() < 0.3:
            entry['stored'] = [K, max(1, P // 2), max(1, Q // 2)]
    if chance.random() < 0.3:
        entry['addend'] = True
    if groups > 1:
        entry['groups'] = groups
    return {'name': 'layer', 'macs': macs, **entry}


def random_chip(chance):
    """Return the keys of an accelerator, by a Random."""
    chip = {'clock_mhz': 1000, 'dram_gb_per_s': 10 ** chance.uniform(-1, 3)}
    if chance.random() < 0.4:
        chip |= {'rows': chance.choice([1, 8, 32]), 'cols': chance.choice([3, 16, 100])}
        chip['dataflow'] = chance.choice(['ws', 'os', 'is'])
    else:
        chip['macs'] = chance.choice([1, 64, 1000])
        if chance.random() < 0.4:
            chip |= {
                'channel_atom': chance.choice([8, 16]),
                'kernel_atom': chance.choice([16, 128]),
            }
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
    """Return a net of 6 to 9 layers, which read each other, some with addends; chance: a Random."""
    sizes = [chance.randint(1, 9) for _ in range(chance.randint(6, 9))]
    net = []
    for index, size in enumerate(sizes):
        earlier = list(range(max(0, index - 8), index))
        sources = chance.sample(earlier, min(len(earlier), chance.choice([1, 1, 1, 2])))
        members = {'from': [f'l{source}' for source in sources] or [None]}
        if sources and chance.random() < 0.2:
            members['result'] = True
        if index and chance.random() < 0.3:
            addend = chance.choice(earlier)
            size = sizes[addend]
            sizes[index] = size
            members['from'].append(f'l{addend}')
            members['addend'] = True
        channels = sum(sizes[source] for source in sources) or 3
        net.append(pointwise(f'l{index}', channels, size, **members))
    return net
