"""A network in the making: what Caffe's and ONNX's readers build, node by node.

A format has a subclass of Net, with a method `add` for one layer of a definition. What comes out is
a list of Nodes, which `net_file` turns into the entries of a net file.
"""

from collections import namedtuple

from fodlam import KIND_OF_TYPE, InputError, canonical, quote
from fodlam.nets.layers import name_batch

# The role of a node says what an accelerator can do with it if it follows a layer with MACs
# (nets/fusing.py).
PASS = 'pass'  # done on the way to DRAM: one input, and an output of its shape, such as ReLU
POOL = 'pool'  # done on the way to DRAM, and makes what is written smaller
SUM = 'sum'  # adds feature maps of one shape: done on the way to DRAM once all of them are there
GATE = 'gate'  # combines them in another way: done on the way only within an activation
MACS = 'macs'  # a layer with MACs itself
OTHER = 'other'  # not done on the way


class Node(namedtuple('Node', 'name type role inputs outputs members')):
    """One layer of a network.

    name: its name in the definition.
    type: its type in the net file.
    role: one of the roles above.
    inputs: the values that it reads, but for weights and other constants.
    outputs: the values that it makes; no other node makes them.
    members: its own entries in the net file: MACs and shapes, if it has MACs.
    """

    __slots__ = ()


def excerpt(text):
    """Return text from a file as a message has it: on one line, cut to a length, without quotes."""
    return quote(text)[1:-1]


class Net:
    """A network, as far as its layers have been added.

    where: the file's name, for messages.
    nodes: [Node], in the order in which they run.
    shapes: {value: shape}, of which each format says what else may stand for a shape.
    results: the values that the network puts out.
    batch: how many frames the first input has, or None until it is known.
    batch_name: what the file calls that number.
    left_out: types of layers that have MACs and are not modelled; a dict of None, to keep their
    order.
    assumptions: sentences about what the file does not say.
    """

    def __init__(self, where):
        self.where = where
        self.nodes = []
        self.shapes = {}
        self.results = set()
        self.batch = None
        self.batch_name = '?'
        self.left_out = {}
        self.assumptions = []

    def add(self, layer):
        """Add a layer of the format; raise ValueError if it cannot be added."""
        raise NotImplementedError

    def add_all(self, layers):
        """Add all layers of a definition.

        layers: pairs of where in the file a layer is, for messages, and the layer.
        Raises InputError if one cannot be added, and if none of them has MACs.
        """
        for where, layer in layers:
            try:
                self.add(layer)
            except ValueError as error:
                message = name_batch(str(error), self.batch_name)
                raise InputError(f'{where}: {message}') from None
        for node in self.nodes:
            if node.role == MACS:
                return
        reason = self.left_out_note() or 'expected convolutional or fully-connected layers'
        raise InputError(f'{self.where}: no layer with MACs; {reason}')

    def left_out_note(self):
        """Return the sentence that says which types of layers are left out, or ''."""
        if not self.left_out:
            return ''
        types = ', '.join(excerpt(type_) for type_ in self.left_out)
        return f'left out, as FODLAM does not model it: whatever is in {types}'

    def notes(self):
        """Return lines on what FODLAM does not model, or not on all accelerators, or assumes."""
        macs_of_products = []
        for node in self.nodes:
            if node.type == 'MatMul' and node.members:
                macs_of_products.append(node.members['macs'])
        notes = []
        if macs_of_products:
            count, macs = len(macs_of_products), sum(macs_of_products)
            notes.append(f'{count} MatMul of two feature maps ({macs:,} MACs a frame)')
        if self.left_out:
            notes.append(self.left_out_note())
        notes.extend(self.assumptions)
        return [f'{self.where}: {note}' for note in notes]


def net_file(nodes):
    """Return the net file of a network: a list of dicts, one for each Node, in their order.

    FODLAM tells layers apart by their canonical names, while definitions tell them apart by their
    exact names, or not at all. So layers after the first of a canonical name get a number:

    >>> nodes = [Node(name, 'ReLU', PASS, [], [], {}) for name in ('relu', 'ReLU', 'relu')]
    >>> [entry['name'] for entry in net_file(nodes)]
    ['relu', 'ReLU#2', 'relu#3']
    """
    entries = []
    counts = {}  # {canonical name: how many layers have asked for it}
    for node in nodes:
        name = node.name
        key = canonical(node.name)
        while canonical(name) in counts:
            counts[key] += 1
            name = f'{node.name}#{counts[key]}'
        counts[canonical(name)] = 1
        type_ = node.type
        if type_ in KIND_OF_TYPE and not node.members:
            # FODLAM wants MACs of these types. A product of constants, for one, has none.
            type_ = f'{type_}, not counted'
        entries.append({'name': name, 'type': type_, **node.members})
    return entries
