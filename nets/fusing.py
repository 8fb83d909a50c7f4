"""Fusing: what an accelerator does to a layer's output on its way to DRAM.

Activations, sums and poolings that follow a layer with MACs can be done before its ofmap is
written. Then only their result is written, if no other layer reads the feature maps in between.
`fuse` adds this to the members of the layer's Node:

  stored   the shape that is written, if a pooling has made it smaller than the ofmap
  addend   true if another feature map is added on the way, which must then be read

It returns which sums were fused, by which nets/network.py tells what a layer reads.
"""

from fodlam.nets.layers import feature_map, is_known
from fodlam.nets.network import GATE, MACS, PASS, POOL, SUM

MAX_ACTIVATION_NODES = 12  # an approximate GELU has eight


def fuse(nodes, shapes, results):
    """Add `stored` and `addend` to the members of the nodes with MACs, where they apply.

    nodes: [Node], in the order in which they run.
    shapes: {value: shape}, as in Net.
    results: the values that the network puts out, which must all be written.
    Returns the fused sums, {value: index}. The value is what a sum makes, and the index is that of
    the node with MACs that does the sum.

    >>> from fodlam.nets.network import Node
    >>> conv = Node('conv', 'Convolution', MACS, ['image'], ['a'], {'ofmap': [64, 112, 112]})
    >>> relu = Node('relu', 'Relu', PASS, ['a'], ['b'], {})
    >>> pool = Node('pool', 'MaxPool', POOL, ['b'], ['c'], {})
    >>> fuse([conv, relu, pool], {'c': (1, 64, 56, 56)}, results={'c'})
    {}
    >>> conv.members
    {'ofmap': [64, 112, 112], 'stored': [64, 56, 56]}
    """
    readers = find_readers(nodes)
    doubled = find_doubled(nodes)
    last_macs = find_last_macs(nodes)
    sums = {}
    for index, node in enumerate(nodes):
        if node.role == MACS:
            for value in fuse_followers(index, node, readers, doubled, last_macs, shapes, results):
                sums[value] = index
    return sums


def find_readers(nodes):
    """Return {value: {index: Node}}, the nodes that read each value."""
    readers = {}
    for index, node in enumerate(nodes):
        for value in node.inputs:
            readers.setdefault(value, {})[index] = node
    return readers


def find_doubled(nodes):
    """Return {value: the set of the indices of nodes that read it more than once}.

    >>> from fodlam.nets.network import Node
    >>> find_doubled([Node('double', 'Add', SUM, ['x', 'y', 'x'], ['z'], {})])
    {'x': {0}}
    """
    doubled = {}
    for index, node in enumerate(nodes):
        seen = set()
        for value in node.inputs:
            if value in seen:
                doubled.setdefault(value, set()).add(index)
            seen.add(value)
    return doubled


def find_last_macs(nodes):
    """Return {value: index}, the last of the nodes with MACs that each value depends on.

    nodes: [Node], in the order in which they run; an index is a place in it.
    The index is -1 for a value that depends on no node with MACs.
    """
    last_macs = {}
    for index, node in enumerate(nodes):
        last = -1
        for value in node.inputs:
            last = max(last, last_macs.get(value, -1))
        if node.role == MACS:
            last = index
        for value in node.outputs:
            last_macs[value] = last
    return last_macs


def fuse_followers(index, node, readers, doubled, last_macs, shapes, results):
    """Add `stored` and `addend` to the members of one node with MACs.

    index: of the node, in the order in which nodes run.
    node: the Node.
    readers: {value: {index: Node}}, from find_readers.
    doubled: {value: {index}}, from find_doubled.
    last_macs: {value: index}, from find_last_macs.
    shapes: {value: shape}, as in Net.
    results: the values that the network puts out.
    Returns the list of the values that fused sums make.

    From the node's ofmap on, each value is followed to what its reader makes of it, until one is
    found that must be written.
    """
    sums = []
    value = node.outputs[0]
    while value in readers and value not in results:
        followers = list(readers[value].items())
        if len(followers) > 1:  # they read it from DRAM, unless together they are an activation
            value = find_activation(value, readers, results)
            if value is None:
                return sums
            continue
        follower_index, follower = followers[0]
        if not follower.outputs:  # such as Caffe's Silence
            return sums
        if follower_index in doubled.get(value, ()):  # as in x + x, which adds no other map
            return sums
        made = follower.outputs[0]
        if follower.role == POOL:
            add_stored(node, shapes.get(made))
            return sums
        if follower.role == SUM:
            if last_macs[made] != index:
                return sums  # the layer that runs last adds; this one's ofmap waits for it in DRAM
            node.members['addend'] = True
            sums.append(made)
        elif follower.role != PASS:
            return sums
        value = made
    return sums


def add_stored(node, pooled):
    """Add `stored` to the members of a node whose ofmap is pooled, if that makes it smaller.

    pooled: the shape after the pooling, or None or an Unknown.
    """
    if node.type in ('InnerProduct', 'MatMul'):  # their ofmap is no image
        return
    if not is_known(pooled) or len(pooled) not in (3, 4):
        return
    stored = list(feature_map(pooled))
    ofmap = node.members['ofmap']
    if stored != ofmap and stored[0] == ofmap[0]:
        node.members['stored'] = stored


def find_activation(value, readers, results):
    """Return the result of an activation that is made of several nodes, or None if there is none.

    In x * sigmoid(x), two nodes read x: the sigmoid and the product. The activation ends at the
    node that is left when no other node reads x or a value made of it: here, at the product.

    value: the input of the activation, x.
    readers: {value: {index: Node}}, from find_readers.
    results: the values that the network puts out, which cannot be inside the activation.

    >>> from fodlam.nets.network import Node
    >>> sigmoid = Node('sigmoid', 'Sigmoid', PASS, ['x'], ['s'], {})
    >>> product = Node('product', 'Mul', GATE, ['x', 's'], ['y'], {})
    >>> find_activation('x', find_readers([sigmoid, product]), results={'y'})
    'y'
    """
    inside = {value}  # the values that are x, or made of nothing but x
    waiting = dict(readers[value])  # {index: Node}: those that read a value inside, to be looked at
    for _ in range(MAX_ACTIVATION_NODES):
        node = waiting.pop(min(waiting))  # the first to run
        if node.role not in (PASS, SUM, GATE):
            return None
        if any(operand not in inside for operand in node.inputs):
            return None
        made = node.outputs[0]
        if not waiting:
            return made
        if made in results:
            return None
        inside.add(made)
        waiting.update(readers.get(made, {}))
    return None
