"""A network in the making: what Caffe's and ONNX's readers build, node by node.

Each format has a subclass of Net, whose method `add` adds one layer of a definition. The result is
a list of Nodes, which `net_file` turns into the entries of a net file.

Values connect the nodes: a value is a feature map that comes in or that one node makes, and that
others read. ONNX's values are the names in the file, Caffe's are numbers.
"""

from collections import namedtuple

from fodlam import MAX_INPUT_BYTES, InputError, canonical, quote
from fodlam.data.entries import meant_type
from fodlam.nets.layers import name_batch

# The role of a node says what an accelerator can do with it if it follows a layer with MACs
# (nets/fusing.py).
PASS = 'pass'  # done on the way to DRAM: one input, and an output of its shape, such as ReLU
POOL = 'pool'  # done on the way to DRAM, and makes what is written smaller
SUM = 'sum'  # adds feature maps of one shape: done on the way to DRAM once all of them are there
GATE = 'gate'  # such as a product of maps: done on the way if it is a part of an activation
MACS = 'macs'  # a layer with MACs itself
OTHER = 'other'  # not done on the way


class Node(namedtuple('Node', 'name type role inputs outputs members')):
    """One layer of a network.

    name: its name in the definition.
    type: its type in the net file.
    role: one of the roles above.
    inputs: the values that it reads, without weights and other constants.
    outputs: the values that it makes; no other node makes them.
    members: a dict of its MACs and shapes, as in the net file; empty if it has no MACs.
    """

    __slots__ = ()


GIVEN_DEFAULTS = {
    'frame': None,
    'inputs': {},
    'symbols': {},
    'batch': None,
    'batch_axis': None,
    'stages': (),
    'same_shape_types': (),
}


class Given(namedtuple('Given', GIVEN_DEFAULTS, defaults=GIVEN_DEFAULTS.values())):
    """What the command line says of a model.

    frame: the sizes of one frame of the first input, such as (3, 224, 224), or None.
    inputs: {name: sizes}, of one frame of other inputs.
    symbols: {name: size}, for names that stand for sizes in the model.
    batch: how many frames the MACs are divided by, or None.
    batch_axis: the dimension of the inputs that is the batch, or None.
    stages: the names of stages that a Caffe network is in.
    same_shape_types: types of layers whose outputs have the shape of their first input.
    """

    __slots__ = ()


def excerpt(text):
    """Return text from a file, cut to one short line for a message, without quotes around it."""
    return quote(text)[1:-1]


class Net:
    """A network, as far as its layers have been added.

    where: the file's name, for messages.
    nodes: [Node], in the order in which they run.
    shapes: {value: shape}. A shape that is not known is an Unknown in Caffe, and None in ONNX.
    results: the values that the network puts out.
    batch: how many frames the first input has, or None until it is known.
    batch_name: what the file calls that number.
    left_out: {type: MACs or None}, the types of layers that have MACs and are not modelled, with
    the MACs of one frame where they can be told.
    assumptions: sentences, each about something that the file does not say.
    same_shape_types: types of layers whose outputs have the shape of their first input, as the user
    says; kept_types: the set of those that were met so far.
    """

    def __init__(self, where, same_shape_types=()):
        self.where = where
        self.same_shape_types = same_shape_types
        self.kept_types = set()
        self.nodes = []
        self.shapes = {}
        self.results = set()
        self.batch = None
        self.batch_name = '?'
        self.left_out = {}
        self.assumptions = []

    def keeps_shape(self, type_):
        """Return whether the user says that layers of a type have the shape of their first input.

        If so, the type is noted in kept_types.
        type_: of a layer whose shapes no rule tells. The user may leave out the domain of an ONNX
        operator, as in "Gelu" for "com.microsoft.Gelu".
        """
        name_without_domain = type_.rpartition('.')[2]
        for name in (type_, name_without_domain):
            if name in self.same_shape_types:
                self.kept_types.add(name)
                return True
        return False

    def add(self, layer):
        """Add a layer of the format; raise ValueError if it cannot be added."""
        raise NotImplementedError

    def add_all(self, layers):
        """Add all layers of a definition.

        layers: pairs (where, layer); where: its place in the file, for messages.
        Raises InputError if a layer cannot be added, or if no layer has MACs.
        """
        for where, layer in layers:
            try:
                self.add(layer)
            except ValueError as error:
                message = name_batch(self.explain(error), self.batch_name)
                raise InputError(f'{where}: {message}') from None
        for node in self.nodes:
            if node.role == MACS:
                return
        reason = self.left_out_note() or 'expected convolutional or fully-connected layers'
        raise InputError(f'{self.where}: no layer with MACs; {reason}')

    def explain(self, error):
        """Return the message of a ValueError. A subclass may add what helps in its format."""
        return str(error)

    def leave_out(self, type_, macs=None):
        """Note that a layer has MACs and is not modelled.

        type_: its type; macs: of one frame, or None if they cannot be told.
        """
        known = self.left_out.get(type_, 0)
        if macs is None or known is None:
            self.left_out[type_] = None
        else:
            self.left_out[type_] = known + macs

    def left_out_note(self):
        """Return the sentence that says what is left out, or ''.

        It has the share of all MACs that each type of layers has, if that is known.
        """
        if not self.left_out:
            return ''
        total = sum(macs or 0 for macs in self.left_out.values())
        for node in self.nodes:
            total += node.members.get('macs', 0)
        parts = []
        for type_, macs in self.left_out.items():
            part = excerpt(type_)
            if macs is not None:
                part += f' ({macs / total:.1%} of known MACs)'
            parts.append(part)
        return f'left out, as FODLAM does not model it: whatever is in {", ".join(parts)}'

    def check_nothing_left_out(self):
        """Raise InputError if anything that has MACs is left out."""
        if self.left_out:
            raise InputError(
                f'{self.where}: {self.left_out_note()}; expected nothing to be left out (--strict)'
            )

    def notes(self):
        """Return lines for the user, on what a reader of the net file should know.

        They are on products of feature maps, which neither Eyeriss nor EIE was measured on, on
        layers that are left out, on assumptions, and on types in --same-shape that did nothing.
        """
        notes = self.notes_on_products()
        if self.left_out:
            notes.append(self.left_out_note())
        notes.extend(self.assumptions)
        for type_ in self.same_shape_types:
            if type_ not in self.kept_types:
                notes.append(
                    f'--same-shape {quote(type_)} has no effect: no layer is of this type, or '
                    'FODLAM knows its shapes'
                )
        return [f'{self.where}: {note}' for note in notes]

    def notes_on_products(self):
        """Return a list with the note on products of two feature maps, empty if there are none."""
        macs_of_products = []
        other_count = 0  # of layers with MACs that are no such products
        for node in self.nodes:
            if node.type == 'MatMul' and node.members:
                macs_of_products.append(node.members['macs'])
            elif node.members:
                other_count += 1
        if not macs_of_products:
            return []
        count, macs = len(macs_of_products), sum(macs_of_products)
        note = f'{count} MatMul of two feature maps ({macs:,} MACs a frame)'
        if other_count == 0:
            note += (
                ', and nothing else with MACs: Eyeriss and EIE have no cost for these; '
                'give the config an "accelerator"'
            )
        return [note]


def net_file(nodes, sums, results):
    """Return the net file of a network: a list of dicts, one for each Node, in their order.

    nodes: [Node], in the order in which they run.
    sums: {value: index}, the fused sums, from fusing.fuse.
    results: the values that the network puts out.
    Raises ValueError if `from` would become too long, see Joiner.
    FODLAM tells layers apart by their canonical names, while definitions tell them apart by their
    exact names, or not at all. So a layer gets a number if one before has its canonical name:

    >>> nodes = [Node(name, 'ReLU', PASS, [], [], {}) for name in ('relu', 'ReLU', 'relu')]
    >>> [entry['name'] for entry in net_file(nodes, sums={}, results=set())]
    ['relu', 'ReLU#2', 'relu#3']
    """
    entries = []
    last_numbers = {}  # {canonical name: the last number given to a layer of this name}
    for node in nodes:
        name = node.name
        key = canonical(node.name)
        while canonical(name) in last_numbers:  # a definition may have a "relu#2" of its own
            last_numbers[key] += 1
            name = f'{node.name}#{last_numbers[key]}'
        last_numbers[canonical(name)] = 1
        type_ = node.type
        if not node.members and meant_type(type_, len(entries)):
            # FODLAM refuses such a type without MACs. A product of constants, for one, has none.
            type_ = f'{type_}, not counted'
        entries.append({'name': name, 'type': type_, **node.members})
    add_sources(entries, nodes, sums, results)
    return entries


# === What a layer reads ===

# The sources of a feature map are the layers with MACs whose ofmaps it is made of: a tuple of their
# indices in the list of Nodes, with None for the input of the network.
NETWORK_INPUT = (None,)

# In a long chain of nodes, each may join all before it, so that sources grow with the square of its
# length. A DenseNet with 121 layers has 1,249.
MAX_SOURCES = 3_000_000


class Joiner:
    """Joins the sources of several maps, and limits how much a network may have of them in all.

    sources_left: how many sources may still be joined or read.
    name_characters_left: how many characters their names in `from` may still have.
    """

    def __init__(self):
        self.sources_left = MAX_SOURCES
        self.name_characters_left = MAX_INPUT_BYTES

    def count(self, sources):
        """Count some sources; raise ValueError if there are too many with those before."""
        self.sources_left -= len(sources)
        if self.sources_left < 0:
            raise ValueError(
                f'what its layers read is made of more than {MAX_SOURCES} others; expected no more'
            )

    def count_name(self, name):
        """Count the characters of a name in `from`; raise ValueError if there are too many by now.

        name: a string, or None for the input of the network.
        """
        if name is not None:
            self.name_characters_left -= len(name)
        if self.name_characters_left < 0:
            raise ValueError(
                f'the names of what its layers read have more than {MAX_INPUT_BYTES} characters; '
                'expected shorter names'
            )

    def join(self, several):
        """Return the sources of a map that is made of others, each source once.

        several: a list of the sources of each of the others.
        Raises ValueError if there are too many.

        >>> Joiner().join([(0, 1), (1, 4)])
        (0, 1, 4)
        """
        if len(several) == 1:
            return several[0]
        joined = {}
        for sources in several:
            self.count(sources)
            joined.update(dict.fromkeys(sources))
        return tuple(joined)


def add_sources(entries, nodes, sums, results):
    """Add `from` and `result` to the entries of layers with MACs, where they apply.

    `from` names the layers whose ofmaps a layer reads, unless that is just the one before it.
    `result` is true where others read an ofmap that the network puts out as well.
    entries: of the net file, one for each of the nodes; they are changed.
    nodes, sums, results: as for `net_file`.
    Raises ValueError if there are too many sources, or their names are too long.

    The `from` of a product q * k, to which x is added, where k joins the layers a and b, is
    ['q', ['a', 'b'], 'x'].
    """
    joiner = Joiner()
    sources = find_sources(nodes, sums, joiner)
    addends = find_addends(nodes, sums, sources, joiner)
    before = NETWORK_INPUT  # the sources of what a layer reads in a chain
    parts_before = 0  # how many nodes before belong to the same layer of the definition
    read = set()  # the indices of the nodes whose ofmaps others read
    for index, node in enumerate(nodes):
        if node.role != MACS:
            continue
        operands = [sources.get(value, NETWORK_INPUT) for value in node.inputs]
        if parts_before > 0:
            # A layer such as attention became several nodes, which all have its inputs. The first
            # one reads the first two. Each later one reads what the one before made, and the next.
            operands = [before, *operands[parts_before + 1 :]]
        is_followed_by_part = node.outputs == ['']
        parts_before = parts_before + 1 if is_followed_by_part else 0
        others = []  # what is read besides the ifmap: the sources of each
        if node.type == 'MatMul':
            ifmap = joiner.join(operands[:1])
            others.append(operands[1] if len(operands) > 1 else NETWORK_INPUT)
        else:
            ifmap = joiner.join(operands)
        if index in addends:
            others.append(addends[index])
        for origin in [ifmap, *others]:
            joiner.count(origin)
            read.update(origin)
        if ifmap != before or any(other != NETWORK_INPUT for other in others):
            named = source_names(ifmap, entries, joiner)
            for other in others:
                names = source_names(other, entries, joiner)
                named.append(names if len(names) > 1 else names[0])
            entries[index]['from'] = named
        before = (index,)
    for value in results:
        for source in sources.get(value, ()):
            if source is not None and source in read:
                entries[source]['result'] = True


def source_names(sources, entries, joiner):
    """Return the list of the names of sources, in which None is the input of the network.

    entries: of the net file. joiner: the Joiner that counts names.
    """
    names = []
    for source in sources:
        name = None if source is None else entries[source]['name']
        joiner.count_name(name)
        names.append(name)
    return names


def find_sources(nodes, sums, joiner):
    """Return {value: its sources}; nodes, sums: as for `net_file`; joiner: the Joiner.

    The sources of a map that a node without MACs makes are those of its inputs. The input of the
    network counts among them where maps are joined along an axis. Where it is added or multiplied,
    as the mask of an attention is, it does not count beside others.

    >>> nodes = [
    ...     Node('conv', 'Convolution', MACS, ['image'], ['a'], {}),
    ...     Node('mask', 'Mul', GATE, ['a', 'mask'], ['b'], {}),
    ...     Node('cache', 'Concat', OTHER, ['past', 'b'], ['c'], {}),
    ... ]
    >>> find_sources(nodes, sums={}, joiner=Joiner())
    {'a': (0,), 'b': (0,), 'c': (None, 0)}
    """
    sources = {}
    for index, node in enumerate(nodes):
        if node.role == MACS:
            made = (index,)
        else:
            operands = [sources.get(value, NETWORK_INPUT) for value in node.inputs]
            if node.type != 'Concat':
                operands = [operand for operand in operands if operand != NETWORK_INPUT]
            made = joiner.join(operands) or NETWORK_INPUT
        for value in node.outputs:
            if value in sums:  # a fused sum is a part of the ofmap of its layer
                sources[value] = (sums[value],)
            else:
                sources[value] = made
    return sources


def find_addends(nodes, sums, sources, joiner):
    """Return {index: sources}: what fused sums add to the ofmap of each node with MACs.

    nodes, sums: as for `net_file`. sources: of all values, from `find_sources`.
    joiner: the Joiner.

    >>> nodes = [
    ...     Node('conv1', 'Convolution', MACS, ['image'], ['a'], {}),
    ...     Node('conv2', 'Convolution', MACS, ['a'], ['b'], {}),
    ...     Node('add', 'Add', SUM, ['a', 'b'], ['c'], {}),
    ... ]
    >>> sums = {'c': 1}  # conv2 does the addition
    >>> find_addends(nodes, sums, find_sources(nodes, sums, Joiner()), Joiner())
    {1: (0,)}
    """
    addends = {}  # {index: {source: None}}, sets that keep their order
    for node in nodes:
        for value in node.outputs:
            if value not in sums:
                continue
            index = sums[value]
            added = addends.setdefault(index, {})
            for operand in node.inputs:
                origin = sources.get(operand, NETWORK_INPUT)
                if origin != (index,):  # it is not the ofmap itself
                    joiner.count(origin)
                    added.update(dict.fromkeys(origin))
    return {index: tuple(added) for index, added in addends.items()}
