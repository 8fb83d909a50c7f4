"""Operators without MACs of other domains than ONNX's own: the shapes that they make.

onnxruntime's optimizer and its quantizer write operators of the domain com.microsoft; those with
MACs are in onnx_macs.py. The rules are as in onnx_rules.py. Operators of a foreign domain that have
no rule are taken to have MACs, and named as left out.

Source: ContribOperators.md, github.com/microsoft/onnxruntime; Operators-ml.md, github.com/onnx/onnx
"""

from fodlam.nets.layers import Refusal, broadcast, count_from_front, joined
from fodlam.nets.onnx_images import global_pool_shape, image_shape, windowed_shape
from fodlam.nets.onnx_macs import channels_last, channels_second, has_channels_last, move_window
from fodlam.nets.onnx_op import IMAGE, Unfollowed, count_axes, example  # noqa: F401 (in examples)
from fodlam.nets.onnx_rules import same_shape, same_shapes

MICROSOFT = 'com.microsoft.'

UINT8_TYPE = 2  # TensorProto.DataType

# As PASS_TYPES and others in onnx_rules.py, without the domain in front.
PASS_TYPES = (
    'BiasGelu DequantizeLinear FastGelu Gelu QLinearLeakyRelu QLinearSigmoid QuantizeLinear '
    'QuickGelu'
).split()
SAME_TYPES = (
    'BiasAdd BiasSoftmax GroupNorm Inverse QLinearSoftmax RotaryEmbedding '
    'SimplifiedLayerNormalization Trilu'
).split()
# Normalizations of the sum of a feature map and an earlier one, which is the fourth output.
SKIP_TYPES = ('SkipLayerNormalization', 'SkipSimplifiedLayerNormalization')

# Element-wise operators of quantized values, and the indices of their operands.
QUANTIZED_OPERANDS = {'QLinearAdd': (0, 3), 'QLinearMul': (0, 3), 'QLinearWhere': (0, 1, 4)}

# Of the domain ai.onnx.ml: those that keep the shape of their input.
ML_SAME_TYPES = ('Binarizer', 'Imputer', 'Normalizer', 'Scaler')

# What onnxruntime makes of convolutional networks for one CPU: tensors in blocks of channels.
BLOCKED_TYPES = (
    'AveragePool Conv GlobalAveragePool GlobalMaxPool MaxPool ReorderInput ReorderOutput Upsample'
).split()


def skip_shapes(op):
    """SkipLayerNormalization: output, mean, inverse standard deviation, and the sum.

    >>> skip_shapes(example((1, 197, 768), (1, 197, 768)))
    [(1, 197, 768), (1, 197, 1), (1, 197, 1), (1, 197, 768)]
    """
    shape = op.shape()
    rows = (*shape[:-1], 1)
    return [shape, rows, rows, shape]


def quantized_broadcast_shape(indices):
    """Return the rule of an element-wise operator of quantized values.

    indices: of its operands; behind each are inputs on how it is quantized.

    >>> quantized_broadcast_shape((0, 3))(example(IMAGE, [0.1], [0], (64, 1, 1), [0.2], [0]))
    (1, 64, 7, 7)
    """

    def rule(op):
        return broadcast([op.shape(index) for index in indices])

    return rule


def quantized_concat_shape(op):
    """QLinearConcat: two inputs on how the output is quantized, then three for each operand.

    >>> quantized_concat_shape(example([0.1], [0], IMAGE, [0.1], [0], IMAGE, [0.1], [0], axis=1))
    (1, 128, 7, 7)
    """
    shapes = [op.shape(index) for index in range(2, op.input_count, 3)]
    return joined(shapes, op.axis(rank=len(shapes[0])))


def quantized_global_pool_shape(op):
    """QLinearGlobalAveragePool: one pixel for each channel; channels may be last.

    >>> quantized_global_pool_shape(example((1, 7, 7, 64), channels_last=1))
    (1, 1, 1, 64)
    """
    if not has_channels_last(op):
        return global_pool_shape(op)
    shape = op.shape()
    return (shape[0], *[1] * len(shape[1:-1]), shape[-1])


def quantized_pool_shape(op):
    """QLinearAveragePool: a window moves over the image; channels may be last.

    >>> quantized_pool_shape(example((1, 7, 7, 64), kernel_shape=[3, 3], channels_last=1))
    (1, 5, 5, 64)
    """
    shape = image_shape(op)
    return windowed_shape(op, shape, shape[1], [1] * len(shape[2:]))


def quantized_mean_shape(op):
    """QLinearReduceMean: as ReduceMean, but `axes` is always an attribute.

    >>> quantized_mean_shape(example(IMAGE, [0.1], [0], [0.1], [0], axes=[2, 3], keepdims=0))
    (1, 64)
    """
    rank = len(op.shape())
    axes = count_axes(op.integers('axes', range(rank)), rank)
    return op.with_sizes(dict.fromkeys(axes, 1 if op.integer('keepdims', 1) else None))


def nhwc_pool_shape(op):
    """NhwcMaxPool: a MaxPool of images with their channels last.

    >>> nhwc_pool_shape(example((1, 7, 7, 64), kernel_shape=[3, 3], strides=[2, 2]))
    (1, 3, 3, 64)
    """
    n, channels, *image = channels_second(op.shape())
    if not image:
        raise Unfollowed
    kernel = op.valid_integers('kernel_shape', [1] * len(image), low=1)
    _, sizes = move_window(op, image, kernel)
    return channels_last((n, channels, *sizes))


def embedding_shapes(op):
    """EmbedLayerNormalization: a row of the word embedding, the third input, for each word.

    The second output is the mask's index, and the third one the sum before it is normalized.

    >>> embedding_shapes(example((1, 128), (1, 128), (30522, 768)))
    [(1, 128, 768), (1,), (1, 128, 768)]
    """
    words = op.shape()
    shape = (*words, op.shape(2)[-1])
    return [shape, words[:1], shape]


def bias_split_gelu_shape(op):
    """BiasSplitGelu: one half of the last dimension gates the other.

    >>> bias_split_gelu_shape(example((1, 4096, 2560), (2560,)))
    (1, 4096, 1280)
    """
    shape = op.shape()
    return (*shape[:-1], shape[-1] // 2)


def gather_quantized_shape(op):
    """GatherBlockQuantized: a Gather along `gather_axis` of numbers of 4 or 8 bits.

    "If data is uint8 and bits is 4, two numbers are packed into each byte, along the last axis."
    """
    shape = op.shape()
    axis = count_from_front('"gather_axis"', op.integer('gather_axis', 0), len(shape))
    is_packed = op.tensor_type(0) == UINT8_TYPE and op.integer('bits', 4) == 4
    last = shape[-1] * 2 if is_packed else shape[-1]
    unpacked = (*shape[:-1], last)
    return (*unpacked[:axis], *op.shape(1), *unpacked[axis + 1 :])


def refuse_blocked(op):
    """Operators of com.microsoft.nchwc: their weights are in an order of onnxruntime's own."""
    raise Refusal(
        'onnxruntime has optimized it for one CPU, with channels in blocks; '
        'export the model without ORT_ENABLE_ALL: with ORT_ENABLE_EXTENDED or less'
    )


def with_domain(domain, rules):
    """Return {type: rule} with a domain in front of each type.

    >>> with_domain('com.microsoft.', {'Gelu': None})
    {'com.microsoft.Gelu': None}
    """
    return {domain + type_: rule for type_, rule in rules.items()}


MICROSOFT_RULES = {
    **dict.fromkeys([*PASS_TYPES, *SAME_TYPES], same_shape),
    **dict.fromkeys(SKIP_TYPES, skip_shapes),
    **{type_: quantized_broadcast_shape(QUANTIZED_OPERANDS[type_]) for type_ in QUANTIZED_OPERANDS},
    'BiasDropout': same_shapes,
    'BiasSplitGelu': bias_split_gelu_shape,
    'EmbedLayerNormalization': embedding_shapes,
    'GatherBlockQuantized': gather_quantized_shape,
    'NhwcMaxPool': nhwc_pool_shape,
    'QEmbedLayerNormalization': embedding_shapes,
    'QLinearAveragePool': quantized_pool_shape,
    'QLinearConcat': quantized_concat_shape,
    'QLinearGlobalAveragePool': quantized_global_pool_shape,
    'QLinearReduceMean': quantized_mean_shape,
    'SkipGroupNorm': same_shapes,
}

CONTRIB_RULES = {
    'SimplifiedLayerNormalization': same_shape,  # onnxruntime's own, in ONNX's domain
    **with_domain(MICROSOFT, MICROSOFT_RULES),
    **with_domain('com.microsoft.nchwc.', dict.fromkeys(BLOCKED_TYPES, refuse_blocked)),
    **with_domain('ai.onnx.ml.', dict.fromkeys(ML_SAME_TYPES, same_shape)),
}
