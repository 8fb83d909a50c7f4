"""ONNX's operators with MACs, and the layers of a net file that they become.

MACS_RULES has a rule for each operator: a function of an Op and the index of its weights, or else
of its second operand, that returns a list of Entries, in the order in which they run, and a list of
the shapes of the outputs. Convolutions are here, and all others in rooms of their own.

A rule raises Refusal if the operator cannot take such inputs, or if it needs a shape that is not
known. It raises Unfollowed if the operator does something that is not modelled.

Source: Operators.md, github.com/onnx/onnx, and, for com.microsoft, ContribOperators.md,
github.com/microsoft/onnxruntime; quoted for each operator
"""

from collections import namedtuple

from fodlam.nets.layers import (
    Refusal,
    check_batch,
    deconvolution_size,
    feature_map,
    macs_and_shapes,
    window_size,
)
from fodlam.nets.onnx_attention import (
    attention,
    group_query_attention,
    multi_head_attention,
    projected_attention,
)
from fodlam.nets.onnx_op import following
from fodlam.nets.onnx_products import Entry, einsum, packed_product, product
from fodlam.nets.onnx_recurrent import recurrent

# === Convolutions ===


def convolution(op, index):
    """Conv, and operators that are like it: a feature map is convolved by weights.

    index: of the weights.
    "The convolution operator consumes an input tensor and a filter, and computes the output." For
    Conv, the filter "has size (M x C/group x kH x kW)"; for ConvTranspose, "(C x M/group x kH x
    kW)". M is the number of feature maps. Where channels are last in onnxruntime's own operators,
    they are so in the feature maps, but not in the filter.
    """
    op.need_inputs(0, index)
    is_transposed = op.node.type == 'ConvTranspose'
    is_channels_last = has_channels_last(op)
    shape = op.known_shape(0)
    if is_channels_last:
        shape = channels_second(shape)
    weights = op.known_shape(index, rank=len(shape))
    ifmap = feature_map(shape)
    image = shape[2:]
    if not image or not isinstance(weights[0], int):
        raise Refusal(f'data {list(shape)} and weights {list(weights)}; expected 3 or 4 dimensions')
    check_has_batch(op.net, shape)
    check_batch(shape[0], op.net.batch)
    groups = op.valid_integer('group', 1, low=1)
    if is_transposed:
        channels, filters = weights[0], weights[1] * groups
    else:
        channels, filters = weights[1] * groups, weights[0]
    if channels != ifmap[0]:
        raise Refusal(
            f'weights for {channels} channels, but the input has {ifmap[0]}; '
            'expected the same number'
        )
    kernel = op.valid_integers('kernel_shape', weights[2:], low=1)
    if kernel != list(weights[2:]):
        raise Refusal(
            f'"kernel_shape" is {kernel}, but the weights are {list(weights)}; '
            'expected the same size'
        )
    stride, sizes = move_window(op, image, kernel, is_transposed)
    dilation = op.valid_integers('dilations', [1] * len(image), low=1)
    output_shape = (shape[0], filters, *sizes)
    if len(image) == 1:  # a 1-D network is one of images of height 1
        kernel, stride, sizes = [1, *kernel], [1, *stride], [1, *sizes]
        dilation = [1, *dilation]
    type_ = 'Deconvolution' if is_transposed else 'Convolution'
    ofmap = [filters, *sizes]
    members = macs_and_shapes(type_, ifmap, ofmap, kernel, stride, groups, dilation)
    if is_channels_last:
        output_shape = channels_last(output_shape)
    return [Entry(type_, members)], [output_shape]


def fused_convolution(op, index):
    """com.microsoft.FusedConv: a Conv that adds its fourth input, which may be a feature map.

    index: of the weights.
    "The fused convolution operator schema is the same as Conv besides it includes an attribute
    activation."
    """
    entries, shapes = convolution(op, index)
    if op.has_input(3) and op.is_feature_map(3):
        entries[0].members['addend'] = True
    return entries, shapes


CHANNELS_LAST_TYPES = ('com.microsoft.NhwcConv', 'com.microsoft.NhwcFusedConv')


def has_channels_last(op):
    """Return whether a node's feature maps are [N, H, W, C], and not [N, C, H, W]."""
    return op.node.type in CHANNELS_LAST_TYPES or op.flag('channels_last')


def channels_second(shape):
    """Return a shape with its last dimension as the second one.

    >>> channels_second((1, 7, 9, 64))
    (1, 64, 7, 9)
    """
    return (*shape[:1], *shape[-1:], *shape[1:-1])


def channels_last(shape):
    """Return a shape with its second dimension as the last one.

    >>> channels_last((1, 64, 7, 9))
    (1, 7, 9, 64)
    """
    return (*shape[:1], *shape[2:], *shape[1:2])


def check_has_batch(net, shape):
    """Raise Refusal if the network's first input seems to be one image without a batch.

    net: the OnnxNet.
    shape: of the input of a convolution. If it has a dimension more than the network's input, a
    node in between has added a batch of 1.
    """
    first = net.shapes.get(net.first_input) or ()
    if len(first) == 3 and len(shape) == 4 and shape[0] != net.batch:
        raise Refusal(
            f'the first input is {list(first)}, without a batch; '
            f'give --batch 1, or export the model with one of {[1, *first]}'
        )


AUTO_PADS = ('NOTSET', 'SAME_UPPER', 'SAME_LOWER', 'VALID')


def move_window(op, image, kernel, is_transposed=False):
    """Return (stride, sizes of the output) of a node that moves a kernel over an image.

    op: the Op of the node; its attributes say how the kernel moves.
    image: the sizes of the input, without batch and channels: (H, W), or (L,) in a 1-D network.
    kernel: the sizes of the kernel, as many as of the image.
    is_transposed: whether it is a ConvTranspose, which goes from a small image to a larger one.
    The stride and the sizes of the output are lists of as many numbers.
    Raises Refusal if there is no room for the kernel, or if an attribute is wrong.

    "`pads` format should be as follow [x1_begin, x2_begin...x1_end, x2_end,...]". "SAME_UPPER or
    SAME_LOWER mean pad the input so that `output_shape[i] = ceil(input_shape[i] / strides[i])`";
    for ConvTranspose, "`output_shape[i] = input_shape[i] * strides[i]`".
    """
    rank = len(image)
    ones, zeros = [1] * rank, [0] * rank
    stride = op.valid_integers('strides', ones, low=1)
    dilation = op.valid_integers('dilations', ones, low=1)
    pads = op.valid_integers('pads', zeros * 2, low=0)
    extra = op.valid_integers('output_padding', zeros, low=0)
    auto_pad = op.text('auto_pad', AUTO_PADS, default='NOTSET')
    if is_transposed and op.integers('output_shape'):
        return stride, op.valid_integers('output_shape', ones, low=1)
    sizes = []
    if auto_pad in ('SAME_UPPER', 'SAME_LOWER'):
        for index in range(rank):
            if is_transposed:
                sizes.append(image[index] * stride[index])
            else:
                sizes.append(-(-image[index] // stride[index]))  # rounded up
        return stride, sizes
    if auto_pad == 'VALID':
        pads = zeros * 2
    round_up = op.flag('ceil_mode')
    for index in range(rank):
        before, after = pads[index], pads[rank + index]
        padding = before + after
        if is_transposed:
            result = deconvolution_size(
                image[index], kernel[index], stride[index], padding, dilation[index], extra[index]
            )
        else:
            result = window_size(
                image[index], kernel[index], stride[index], padding, dilation[index], round_up
            )
        if round_up and (result - 1) * stride[index] >= image[index] + before:
            result -= 1  # the last window would start in the padding
        sizes.append(result)
    return stride, sizes


# === Operators ===


class MacsRule(namedtuple('MacsRule', 'function weights')):
    """How an operator with MACs is read.

    function: the rule, a function of (Op, weights) that returns ([Entry], shapes of the outputs).
    weights: the index of the second operand, where an operator's weights usually are.
    """

    __slots__ = ()


# QLinearConv, QLinearMatMul and QGemm have two inputs between their operands, on how they are
# quantized.
MACS_RULES = {
    'Attention': MacsRule(attention, weights=1),
    'Conv': MacsRule(convolution, weights=1),
    'ConvInteger': MacsRule(convolution, weights=1),
    'ConvTranspose': MacsRule(convolution, weights=1),
    'Einsum': MacsRule(einsum, weights=1),
    'GRU': MacsRule(recurrent, weights=1),
    'Gemm': MacsRule(product, weights=1),
    'LSTM': MacsRule(recurrent, weights=1),
    'MatMul': MacsRule(product, weights=1),
    'MatMulInteger': MacsRule(product, weights=1),
    'QLinearConv': MacsRule(convolution, weights=3),
    'QLinearMatMul': MacsRule(product, weights=3),
    'RNN': MacsRule(recurrent, weights=1),
    'com.microsoft.Attention': MacsRule(projected_attention, weights=1),
    'com.microsoft.DynamicQuantizeMatMul': MacsRule(product, weights=1),
    'com.microsoft.DynamicQuantizeLSTM': MacsRule(recurrent, weights=1),
    'com.microsoft.FusedConv': MacsRule(fused_convolution, weights=1),
    'com.microsoft.FusedGemm': MacsRule(product, weights=1),
    'com.microsoft.FusedMatMul': MacsRule(product, weights=1),
    'com.microsoft.GemmFastGelu': MacsRule(product, weights=1),
    'com.microsoft.GroupQueryAttention': MacsRule(group_query_attention, weights=1),
    'com.microsoft.MatMulBnb4': MacsRule(packed_product, weights=1),
    'com.microsoft.MatMulInteger16': MacsRule(product, weights=1),
    'com.microsoft.MatMulIntegerToFloat': MacsRule(product, weights=1),
    'com.microsoft.MatMulNBits': MacsRule(packed_product, weights=1),
    'com.microsoft.MultiHeadAttention': MacsRule(multi_head_attention, weights=1),
    'com.microsoft.NhwcConv': MacsRule(convolution, weights=1),
    'com.microsoft.NhwcFusedConv': MacsRule(fused_convolution, weights=1),
    'com.microsoft.QAttention': MacsRule(projected_attention, weights=1),
    'com.microsoft.QGemm': MacsRule(product, weights=3),
    'com.microsoft.QLinearConv': MacsRule(convolution, weights=3),
    'com.microsoft.TransposeMatMul': MacsRule(product, weights=1),
}


def has_kernel(type_):
    """Return whether an operator's weights are a kernel, which moves over an image."""
    return type_ in MACS_RULES and MACS_RULES[type_].function in (convolution, fused_convolution)


def has_matrix(type_):
    """Return whether an operator's weights are a matrix, or a stack of them."""
    return type_ in MACS_RULES and MACS_RULES[type_].function in (einsum, product)


def follow_macs(op):
    """Return ([Entry], shapes of the outputs) of a node whose type is in MACS_RULES.

    The list of Entries is empty if the node has no MACs, such as an Einsum of one operand.
    Raises Refusal if the operator cannot take such inputs, and Unfollowed if it is not modelled.
    """
    rule = MACS_RULES[op.node.type]
    with following():
        return rule.function(op, rule.weights)
