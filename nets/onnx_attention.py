"""ONNX's and onnxruntime's operators of attention: products of feature maps, and projections.

Scaled dot-product attention is two products: queries by keys, which makes scores, and scores by
values. There may be more heads of queries than of keys and values; then several heads of queries
share one of keys and values, and the entries of the products say how many.

Source: Operators.md, github.com/onnx/onnx, and, for com.microsoft, ContribOperators.md,
github.com/microsoft/onnxruntime; quoted for each operator
"""

from fodlam.nets.layers import Refusal
from fodlam.nets.onnx_op import Unfollowed
from fodlam.nets.onnx_products import multiply_features, multiply_weights


def attention(op, index):
    """Attention: "Computes scaled dot product attention on query, key and value tensors".

    index: not used.
    Each of the three is [N, heads, positions, size] or [N, positions, heads * size]. Earlier keys
    and values, if there are any, are inputs 4 and 5, [N, heads, positions, size].
    """
    op.need_inputs(0, 1, 2)
    shapes = [op.known_shape(index) for index in range(3)]
    ranks = [len(shape) for shape in shapes]
    query, key, value = shapes
    is_flat = ranks == [3, 3, 3]
    if is_flat:
        query_heads = op.valid_integer('q_num_heads', 1, low=1)
        key_heads = op.valid_integer('kv_num_heads', 1, low=1)
        query = split_heads(query, query_heads)
        key = split_heads(key, key_heads)
        value = split_heads(value, key_heads)
    elif ranks != [4, 4, 4]:
        raise Refusal(f'query, key and value are {show(shapes)}; expected 3 or 4 dimensions each')
    n, heads, m, _ = query
    past = count_past(op, 4)
    entries, length = multiply_heads(op, query, key, value, past)
    size = value[3]
    shape = (n, m, heads * size) if is_flat else (n, heads, m, size)
    key_cache = (n, key[1], length, key[3])
    value_cache = (n, value[1], length, size)
    return entries, [shape, key_cache, value_cache, (n, heads, m, length)]


def multi_head_attention(op, index):
    """com.microsoft.MultiHeadAttention: attention without projections, of `num_heads` heads.

    index: not used.
    The query is [N, positions, heads * size]; key and value are the same, or [N, heads, positions,
    size], from another part of the model. "key ... or packed kv with shape (batch_size,
    kv_sequence_length, num_heads, 2, head_size)"; "query ... or packed QKV with shape (batch_size,
    kv_sequence_length, num_heads, 3, head_size)". Input 6 is "past_key", [N, heads, positions,
    size].
    """
    op.need_inputs(0)
    heads = op.needed_integer('num_heads')
    shape = op.known_shape(0)
    if len(shape) == 5:
        n, length, heads, _, size = shape
        query = key = value = (n, heads, length, size)
    else:
        query = split_heads(shape, heads)
        key = op.known_shape(1)
        if len(key) == 5:
            n, length, heads, _, size = key
            key = value = (n, heads, length, size)
        else:
            key = split_heads(key, heads)
            value = split_heads(op.known_shape(2), heads)
    n, heads, m, _ = query
    entries, length = multiply_heads(op, query, key, value, count_past(op, 6))
    size = value[3]
    cache = (n, heads, length)
    return entries, [(n, m, heads * size), (*cache, key[3]), (*cache, size)]


def group_query_attention(op, index):
    """com.microsoft.GroupQueryAttention: `num_heads` heads of queries, `kv_num_heads` of keys.

    index: not used.
    "query: Query with shape (batch_size, sequence_length, hidden_size), or packed QKV with shape
    (batch_size, sequence_length, d) where d is (num_heads * head_size + 2 * kv_num_heads *
    head_size)." Input 3 is "past state key with support for format BNSH", and input 6
    "total_sequence_length: Scalar tensor equivalent to the maximum total sequence length".
    """
    op.need_inputs(0)
    heads = op.needed_integer('num_heads')
    key_heads = op.needed_integer('kv_num_heads')
    shape = op.known_shape(0, rank=3)
    if op.has_input(1):
        query = split_heads(shape, heads)
        key = split_heads(op.known_shape(1, rank=3), key_heads)
        value = split_heads(op.known_shape(2, rank=3), key_heads)
    else:
        all_heads = heads + 2 * key_heads
        n, _, length, size = split_heads(shape, all_heads)
        query = (n, heads, length, size)
        key = value = (n, key_heads, length, size)
    past = count_past(op, 3)
    if op.has_input(6) and op.net.numbers(op.input(6)):
        past = op.input_integer(6) - key[2]
    n, heads, m, _ = query
    entries, length = multiply_heads(op, query, key, value, past)
    cache = (n, key_heads, length, value[3])
    return entries, [(n, m, heads * value[3]), cache, cache]


def projected_attention(op, index):
    """com.microsoft.Attention and QAttention: projections, and products of what they make.

    index: of the weights, [input_hidden_size, hidden_size + hidden_size +
    v_hidden_size]: "Merged Q/K/V weights". The input is [N, positions, input_hidden_size].
    `qkv_hidden_sizes` are the "Hidden dimension of Q, K, V"; by default, they are the same. "past
    state for key and value with shape (2, batch_size, num_heads, past_sequence_length, head_size)"
    is an input.
    """
    op.need_inputs(0, index)
    shape = op.known_shape(0, rank=3)
    matrix = op.known_shape(index, rank=2)
    heads = op.needed_integer('num_heads')
    if shape[2] != matrix[0] or op.is_feature_map(index):
        raise Refusal(
            f'input {list(shape)} and weights {list(matrix)}; '
            'expected as many columns as there are rows'
        )
    sizes = op.valid_integers('qkv_hidden_sizes', [matrix[1] // 3] * 3, low=1)
    if sum(sizes) != matrix[1]:
        raise Refusal(f'sizes {sizes}, and {matrix[1]} columns of weights; expected their sum')
    projection = multiply_weights(shape, matrix, op.net.batch)
    n, m, _ = shape
    query, key, value = (split_heads((n, m, size), heads) for size in sizes)
    past = count_past(op, PAST_OF_PROJECTED[op.node.type])
    entries, length = multiply_heads(op, query, key, value, past)
    cache = (2, n, heads, length, key[3])
    return [projection, *entries], [(n, m, sizes[2]), cache]


# The index of the input that has earlier keys and values.
PAST_OF_PROJECTED = {'com.microsoft.Attention': 4, 'com.microsoft.QAttention': 8}


def multiply_heads(op, query, key, value, past):
    """Return ([Entry], number of positions that queries attend to): the two products of attention.

    op: the Op of the node.
    query, key, value: [N, heads, positions, size].
    past: the number of earlier positions whose keys and values are known already.
    Raises Refusal if they do not fit.
    """
    n, heads, m, k = query
    key_heads = key[1]
    if key[3] != k or value[1] != key_heads or value[2] != key[2] or heads % key_heads:
        raise Refusal(
            f'query, key and value are {show([query, key, value])} with their heads; '
            'expected keys of the size of queries, and as many values as keys'
        )
    length = past + key[2]
    size = value[3]
    shared = heads // key_heads
    scores = multiply_features((n, heads, m, k), (n, heads, k, length), op.net.batch, shared)
    result = multiply_features(
        (n, heads, m, length), (n, heads, length, size), op.net.batch, shared
    )
    return [scores, result], length


def count_past(op, index):
    """Return how many positions an input with earlier keys has: its dimension before the last.

    index: of the input; if it is left out, there are no earlier keys.
    """
    if not op.has_input(index):
        return 0
    past = op.shape(index)
    if len(past) < 4:
        raise Unfollowed
    if past[-2] == 0:
        return 0
    return op.known_shape(index)[-2]


def split_heads(shape, heads):
    """Return the shape (N, heads, positions, size) for a shape (N, positions, heads * size).

    A shape of four dimensions stays as it is.
    Raises Refusal if the features do not divide into heads.

    >>> split_heads((1, 197, 768), heads=12)
    (1, 12, 197, 64)
    """
    if len(shape) == 4:
        return shape
    if len(shape) != 3 or shape[2] % heads:
        raise Refusal(
            f'{list(shape)} with {heads} heads; expected [N, positions, a multiple of {heads}]'
        )
    n, length, size = shape
    return n, heads, length, size // heads


def show(shapes):
    """Return shapes as a list for a message."""
    return ', '.join(str(list(shape)) for shape in shapes)
