"""Network definitions in Caffe's text format: layers, and networks by the papers' lists of layers."""

DATA = 'input: "data" input_shape { dim: 2 dim: 3 dim: 32 dim: 24 }\n'  # a batch of 2
EMBED = 'embed_param { input_dim: 1000 num_output: 16 }'


def layer(name, type_, parameters='', bottom=None, top=None):
    """Return one layer; it reads `bottom` and makes `top`, which is called like the layer."""
    bottom = '' if bottom is None else f'bottom: "{bottom}" '
    return f'layer {{ name: "{name}" type: "{type_}" {bottom}top: "{top or name}" {parameters} }}\n'


def convolution(outputs, kernel, stride=1, pad=0, more=''):
    return (
        f'convolution_param {{ num_output: {outputs} kernel_size: {kernel} '
        f'stride: {stride} pad: {pad} {more} }}'
    )


def pooling(kernel, stride, more=''):
    return f'pooling_param {{ pool: MAX kernel_size: {kernel} stride: {stride} {more} }}'


def inner_product(outputs):
    return f'inner_product_param {{ num_output: {outputs} }}'


def chain(steps, shape=(3, 224, 224)):
    """Return a definition whose layers follow each other.

    steps: (name, type, parameters); ReLU and Dropout layers work in place.
    """
    dims = ' '.join(f'input_dim: {dim}' for dim in (10, *shape))
    text, blob = f'name: "chain"\ninput: "data"\n{dims}\n', 'data'
    for name, type_, parameters in steps:
        top = blob if type_ in ('ReLU', 'Dropout') else name
        text += layer(name, type_, parameters, blob, top)
        blob = top
    return text


def sequence(shape, *layers, cont=(7, 2)):
    """Return a definition with inputs x, of a shape, and cont, and with layers."""
    text = ''
    for name, sizes in (('x', shape), ('cont', cont)):
        dims = ' '.join(f'dim: {size}' for size in sizes)
        text += layer(name, 'Input', f'input_param {{ shape {{ {dims} }} }}')
    return text + ''.join(layers)


def recurrent(type_, more='', parameters=''):
    """Return a recurrent layer of 32 outputs that reads x and cont."""
    return layer(
        'r', type_, f'bottom: "cont" {more} recurrent_param {{ num_output: 32 {parameters} }}', 'x'
    )


def fully_connected(outputs):
    """Return the steps of the last layers of the VGG networks: fc6, fc7 and fc8."""
    steps = []
    for number, size in zip((6, 7, 8), outputs):
        steps.append((f'fc{number}', 'InnerProduct', inner_product(size)))
        if number < 8:
            steps += [(f'relu{number}', 'ReLU', ''), (f'drop{number}', 'Dropout', '')]
    return [*steps, ('prob', 'Softmax', '')]


def vgg16():
    """Return VGG-16: Simonyan and Zisserman, ICLR 2015, Table 1, column D."""
    steps = []
    for block, (outputs, count) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)), 1):
        for number in range(1, count + 1):
            steps.append((f'conv{block}_{number}', 'Convolution', convolution(outputs, 3, pad=1)))
            steps.append((f'relu{block}_{number}', 'ReLU', ''))
        steps.append((f'pool{block}', 'Pooling', pooling(2, 2)))
    return chain(steps + fully_connected((4096, 4096, 1000)))


def vgg_cnn_m():
    """Return VGG CNN M: Chatfield et al., BMVC 2014, Table 1."""
    steps = []
    for number, (parameters, normed, pooled) in enumerate(
        (
            (convolution(96, 7, stride=2), True, True),
            (convolution(256, 5, stride=2, pad=1), True, True),
            (convolution(512, 3, pad=1), False, False),
            (convolution(512, 3, pad=1), False, False),
            (convolution(512, 3, pad=1), False, True),
        ),
        1,
    ):
        steps.append((f'conv{number}', 'Convolution', parameters))
        steps.append((f'relu{number}', 'ReLU', ''))
        if normed:
            steps.append((f'norm{number}', 'LRN', ''))
        if pooled:
            steps.append((f'pool{number}', 'Pooling', pooling(3, 2)))
    return chain(steps + fully_connected((4096, 4096, 1000)))


def mobilenet():
    """Return MobileNet, width 0.5, for 128 x 128: Howard et al., arXiv 1704.04861, Table 1."""
    steps = [('conv1', 'Convolution', convolution(16, 3, stride=2, pad=1))]
    channels = 16
    pointwise = [
        (32, 1),
        (64, 2),
        (64, 1),
        (128, 2),
        (128, 1),
        (256, 2),
        *[(256, 1)] * 5,
        (512, 2),
        (512, 1),
    ]
    for index, (outputs, stride) in enumerate(pointwise, 2):
        depthwise = convolution(channels, 3, stride, 1, f'group: {channels}')
        steps.append((f'conv{index}/dw', 'Convolution', depthwise))
        steps.append((f'conv{index}/pw', 'Convolution', convolution(outputs, 1)))
        channels = outputs
    steps.append(('pool', 'Pooling', 'pooling_param { global_pooling: true }'))
    steps.append(('fc', 'InnerProduct', inner_product(1000)))
    return chain(steps, (3, 128, 128))
