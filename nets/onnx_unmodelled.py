"""ONNX's operators with MACs that FODLAM does not model: how many MACs each of them has.

The note on what is left out of a net file says how much that is. COUNTS has a rule for each such
operator: a function of an Op that returns the MACs of one frame.

Source: Operators.md, github.com/onnx/onnx, quoted for each operator
"""

import math

from fodlam.nets.layers import count_per_frame


def deform_conv(op):
    """DeformConv: a convolution whose kernel's positions are a feature map, the third input.

    "W: Weight tensor that has shape (oC, C/group, kH, kW)", "offset: (N, offset_group * kH * kW *
    2, oH, oW)".
    """
    batch, _, *image = op.shape(2)
    return count_per_frame((batch, *image), op.net.batch) * math.prod(op.shape(1))


def causal_conv(op):
    """CausalConvWithState: a 1-D convolution of each channel by itself, with as many outputs.

    "input: (batch_size, channels, length)", "weight: (channels, 1, k)".
    """
    batch, _, length = op.shape(0)
    return count_per_frame((batch, length), op.net.batch) * math.prod(op.shape(1))


def linear_attention(op):
    """LinearAttention: a state of d_k x d_v for each head is updated and read at each position.

    "query: (B, T, H_q * d_k), key: (B, T, H_kv * d_k), value: (B, T, H_kv * d_v)". "S_t = S_{t-1} +
    k_t (x) v_t; o_t = scale * q_t^T S_t". By a rule with delta, "S_{t-1}^T k_t" is subtracted from
    v_t, which is a product more.
    """
    batch, length, _ = op.shape(0)
    key_heads = op.valid_integer('kv_num_heads', 1, low=1)
    query_heads = op.valid_integer('q_num_heads', 1, low=1)
    state = (op.shape(1)[2] // key_heads) * (op.shape(2)[2] // key_heads)
    updates = 2 if 'delta' in str(op.node.attributes.get('update_rule')) else 1
    per_position = state * (key_heads * updates + query_heads)
    return count_per_frame((batch, length), op.net.batch) * per_position


COUNTS = {
    'CausalConvWithState': causal_conv,
    'DeformConv': deform_conv,
    'LinearAttention': linear_attention,
}


def count_left_out(op):
    """Return the MACs of one frame of a node that is left out, or None if they are not known.

    op: the Op of the node.
    """
    rule = COUNTS.get(op.node.type)
    if rule is None:
        return None
    try:
        macs = rule(op)
    except (LookupError, TypeError, ValueError):  # also Unfollowed; shapes are of another rank
        return None
    return macs if isinstance(macs, int) and macs > 0 else None
