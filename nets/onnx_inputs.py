"""ONNX: a model's inputs: which of them are weights, their sizes, and which dimension is the batch.

MACs are for one frame, so a network must know how many frames its inputs hold. `read_inputs` finds
that, and the sizes of the inputs, from the file and from what the command line says of them. In
this order, an input's batch is

  - the dimension that --batch-axis names
  - the one that the file calls batch, as in ['sequence', 'batch', 64]
  - the one that an operator which reads the input has for it. A Conv has the batch first; an LSTM
    has the sequence first, unless its `layout` says otherwise. If the graph itself adds such a
    dimension to an image [C, H, W], the input is one frame
  - the second one of [100, 1, 64]: a sequence with a batch of 1 is more likely than 100 sequences
    of one step each
  - or else the first one

Where the file does not make it plain, a line for the user says which dimension was taken. If it
turns out to be another one, as attention multiplies its parts by one another, the model is refused
(check_frames_are_apart and check_holds_frames in onnx_products.py).
"""

import re
from collections import deque, namedtuple

from fodlam import InputError, quote
from fodlam.data.mistakes import choices
from fodlam.nets.layers import BATCH, Symbol
from fodlam.nets.network import excerpt
from fodlam.nets.onnx_attention import PAST_OF_PROJECTED
from fodlam.nets.onnx_file import Tensor
from fodlam.nets.onnx_macs import MACS_RULES, has_kernel, has_matrix
from fodlam.nets.onnx_op import is_integers
from fodlam.nets.onnx_rules import BROADCAST_TYPES, PASS_TYPES, POOL_TYPES, SAME_TYPES

# A size in the file, such as batch, 64*batch or batch*64.
PRODUCT = re.compile('(?:([0-9]{1,9})[*])?([^*]+)(?:[*]([0-9]{1,9}))?')

# Names of sizes that say that they are the batch; and those that the batch usually has if nothing
# says so, with those that exporters give to a size without a name.
BATCH_NAME = re.compile('[^*]*batch[^*]*', re.IGNORECASE)
USUAL_NAME = re.compile('[^*]*batch[^*]*|n|b|bs|none|[?]|unk_*[0-9]*|-1|0', re.IGNORECASE)

# In place of an axis: the input has no dimension for the batch, and is one frame.
NO_BATCH = -1

# Operators that keep the order of the dimensions of the first input, if not all sizes.
ORDER_TYPES = {*PASS_TYPES, *SAME_TYPES, 'Pad', 'Resize', 'Slice', 'Upsample'}
RECURRENT_TYPES = ('GRU', 'LSTM', 'RNN')

MAX_FOLLOWED = 100_000  # nodes that are looked at to find the batch of all inputs


class Batch(namedtuple('Batch', 'size name note is_guess', defaults=('', False))):
    """The batch of a model's inputs.

    size: a number of frames, BATCH if it is a symbol, or None if nothing tells it.
    name: what the file calls it.
    note: a sentence for the user on which dimension it is, or '' if that is plain.
    is_guess: whether neither the user, the file nor an operator tells which dimension it is.
    """

    __slots__ = ()


class Inputs(namedtuple('Inputs', 'dims symbols batch are_resized')):
    """A model's inputs that are not weights.

    dims: {input: dims}, as in Graph.shapes, but with the sizes from the command line.
    symbols: {name: size}, for names of sizes in the file, if they are known; BATCH is the batch's.
    batch: the Batch.
    are_resized: whether the command line gives a size where the file has another number.
    """

    __slots__ = ()


# === Weights ===


def find_stripped_weights(graph):
    """Return the set of a Graph's inputs that are weights, as in a file without their numbers.

    If the file has any weights, that is none. Otherwise, an input is taken for weights in two
    cases: if it is where a node has its kernel, or its matrix of two dimensions, or if it is a
    vector and another input has more dimensions. At least one input is not weights.
    """
    if graph.tensors or has_constant_weights(graph):
        return set()
    ranks = {name: len(graph.shapes[name] or ()) for name in graph.inputs}
    weights = set()
    if max(ranks.values(), default=0) > 1:
        for name, rank in ranks.items():
            if rank == 1:
                weights.add(name)
    for node in graph.nodes:
        if not has_kernel(node.type) and not has_matrix(node.type):
            continue
        index = MACS_RULES[node.type].weights
        if index >= len(node.inputs):
            continue
        value = node.inputs[index]
        if value in ranks and (has_kernel(node.type) or ranks[value] == 2):
            weights.add(value)
    if ranks and weights.issuperset(ranks):
        first_input = next(iter(ranks))
        weights.remove(first_input)
    return weights


def has_constant_weights(graph):
    """Return whether nodes of a Graph are weights: Constants of two dimensions or more."""
    for node in graph.nodes:
        tensor = node.attributes.get('value')
        if node.type == 'Constant' and isinstance(tensor, Tensor) and len(tensor.dims) > 1:
            return True
    return False


# === Sizes ===


def is_number(dim):
    """Return whether a dim in the file is a size; some exporters write 0 or -1 for a symbol."""
    return isinstance(dim, int) and dim not in (0, -1)


def size_of(dim, symbols):
    """Return the size of a dim in the file: an integer if it is known, or else a Symbol.

    symbols: {name: size}, of those that are known.

    >>> size_of('64*N', {'N': 2}), size_of('H', {'N': 2}), size_of(-1, {})
    (128, H, -1)
    """
    if is_number(dim):
        return dim
    if dim is None:
        return Symbol('?')
    dim = str(dim)
    if dim in symbols:
        return symbols[dim]
    product = PRODUCT.fullmatch(dim)
    if product:
        factor, name, other_factor = product.groups()
        if name in symbols:
            return int(factor or 1) * symbols[name] * int(other_factor or 1)
    return Symbol(excerpt(dim))


def read_inputs(graph, wire, names, given):
    """Return the Inputs of a model.

    graph: its Graph, with nodes in the order in which they run.
    wire: the Wire of the file.
    names: of the inputs that are not weights.
    given: the Given of the command line.
    Raises InputError if the command line gives a size that the model has no place for, or if the
    inputs do not agree on the batch.
    """
    where = wire.where
    symbols = read_symbols(graph, given, where)
    follower = Follower(graph, wire)
    dims = {}
    axes = {}  # {input: the axis of its batch, NO_BATCH, or None if it is not told}
    for name in names:
        dims[name] = None
        if graph.shapes[name] is not None:
            dims[name] = tuple(symbols.get(dim, dim) for dim in graph.shapes[name])
            axes[name] = told_axis(name, dims[name], follower, given)
    are_resized = False
    for name, sizes in named_sizes(dims, axes, given, where).items():
        known = dims[name] or ()
        dims[name] = resized(name, dims[name], axes.get(name), sizes, where)
        axes.setdefault(name, 0)
        for dim, size in zip(known, dims[name]):
            if isinstance(dim, str):
                symbols.setdefault(dim, size)  # other inputs may have the same names
            elif is_number(dim) and dim != size:
                are_resized = True
    batch = find_batch(dims, axes, follower, given, where)
    if batch.size is not None:
        place_batch(dims, axes, batch, given, symbols)
    return Inputs(dims, symbols, batch, are_resized)


def read_symbols(graph, given, where):
    """Return {name: size}, of the symbols that the command line gives a size.

    Raises InputError if no size in the file has such a name.
    """
    known = {}
    for dims in graph.shapes.values():
        for dim in dims or ():
            if isinstance(dim, str):
                known[dim] = None
    for name in given.symbols:
        if name in known:
            continue
        valid = choices([excerpt(symbol) for symbol in known]) if known else 'expected no --dim'
        raise InputError(f'{where}: --dim {excerpt(name)}: no size has this name; {valid}')
    return dict(given.symbols)


def named_sizes(dims, axes, given, where):
    """Return {input: sizes} of the sizes that the command line gives, all with names of inputs.

    Sizes without a name are those of the first input that has as many dimensions, or else of the
    first input.
    Raises InputError if there is no such input.
    """
    for name in given.inputs:
        if name not in dims:
            valid = choices([excerpt(other) for other in dims]) if dims else 'expected no --input'
            raise InputError(f'{where}: no input is called {quote(name)}; {valid}')
    sizes_of = dict(given.inputs)
    if given.frame:
        if not dims:
            raise InputError(f'{where}: the model has no inputs; expected no --input')
        left = [name for name in dims if name not in sizes_of]
        fitting = []
        for name in left:
            rank = len(dims[name] or ())
            if dims[name] is None or len(given.frame) == frame_rank(rank, axes.get(name)):
                fitting.append(name)
        target = (fitting or left or list(dims))[0]
        sizes_of[target] = given.frame
    return sizes_of


def frame_rank(rank, axis):
    """Return how many dimensions a frame of an input has; axis: of the batch, or NO_BATCH."""
    return rank if axis == NO_BATCH else rank - 1


def resized(name, dims, axis, sizes, where):
    """Return the dims of an input with the sizes that the command line gives.

    name: of the input; dims: as in the file, or None.
    axis: of its batch, NO_BATCH, or None if it is not told.
    sizes: of one frame, or of all dimensions.
    Raises InputError if there are more or fewer sizes.

    >>> resized('x', ('N', 3, 'H', 'W'), 0, (3, 224, 224), 'm.onnx')
    ('N', 3, 224, 224)
    >>> resized('x', (3, 'H', 'W'), NO_BATCH, (3, 224, 224), 'm.onnx')
    (3, 224, 224)
    """
    if dims is None:
        return (1, *sizes)
    if len(sizes) == len(dims):
        return tuple(sizes)
    expected = frame_rank(len(dims), axis)
    if len(sizes) != expected:
        shape = [size_of(dim, {}) for dim in dims]
        raise InputError(
            f'{where}: --input has {len(sizes)} sizes for {quote(name)}, which is {shape}; '
            f'expected {expected}'
        )
    axis = axis or 0
    return (*sizes[:axis], dims[axis], *sizes[axis:])


# === The batch ===


def told_axis(name, dims, follower, given):
    """Return the axis of an input's batch, as the user, the file or an operator tells it.

    It is NO_BATCH if the input has no batch, and None if nothing tells.
    name: of the input; dims: of it.
    follower: the Follower of the graph.
    """
    if given.batch_axis is not None:
        return given.batch_axis if given.batch_axis < len(dims) else NO_BATCH
    for axis, dim in enumerate(dims):
        if isinstance(dim, str) and BATCH_NAME.fullmatch(dim):
            return axis
    if not dims or name in follower.kernels:
        return NO_BATCH
    return follower.find_axis(name, len(dims))


def likely_axis(dims):
    """Return the axis that is most likely that of the batch, if nothing tells.

    >>> likely_axis((8, 64)), likely_axis((100, 1, 64)), likely_axis((1, 100, 64))
    (0, 1, 0)
    """
    has_sequence = len(dims) == 3 and is_number(dims[0]) and dims[0] != 1
    return 1 if has_sequence and dims[1] == 1 else 0


class Follower:
    """Follows inputs through a graph to the operators that tell where the batch is.

    kernels: the set of values that nodes move over images; they have no batch.
    readers: {value: [(OnnxNode, rank)]}, the nodes that read each value. The rank is the largest
    number of dimensions of a constant that the node reads, or 0.
    tensors: {value: Tensor}, of constants.
    followed: how many nodes have been looked at.
    """

    def __init__(self, graph, wire):
        self.wire = wire
        self.followed = 0
        self.kernels = set()
        self.readers = {}
        self.tensors = dict(graph.tensors)
        for node in graph.nodes:
            values = dict.fromkeys(node.inputs)  # each once, even if the node reads it twice
            ranks = [len(self.tensors[value].dims) for value in values if value in self.tensors]
            for value in values:
                self.readers.setdefault(value, []).append((node, max(ranks, default=0)))
            if has_kernel(node.type):
                index = MACS_RULES[node.type].weights
                self.kernels.update(node.inputs[index : index + 1])
            tensor = node.attributes.get('value')
            if node.type == 'Constant' and isinstance(tensor, Tensor):
                self.tensors[node.outputs[0]] = tensor

    def find_axis(self, name, rank):
        """Return the axis of an input that an operator which reads it has for the batch.

        It is NO_BATCH if the graph adds this dimension itself, and None if no operator tells.
        name: of the input; rank: how many dimensions it has.

        The input is followed through operators that keep its dimensions, or just move them. For
        each value, there is a list of the input's axes in the value's order, in which NO_BATCH is
        for dimensions that are new.
        """
        waiting = deque([(name, list(range(rank)))])
        seen = {name}
        while waiting:
            value, axes = waiting.popleft()
            for node, rank_of_constants in self.readers.get(value, ()):
                self.followed += 1
                if self.followed > MAX_FOLLOWED:
                    return None
                place = batch_place(node, value, len(axes))
                if place is not None:
                    return axes[place]
                if has_matrix(node.type) and (len(axes) == 1 or axes[0] == NO_BATCH):
                    return NO_BATCH  # it has one row, or one matrix
                moved = self.move_axes(node, value, axes, rank_of_constants)
                if moved and node.outputs and node.outputs[0] not in seen:
                    seen.add(node.outputs[0])
                    waiting.append((node.outputs[0], moved))
        return None

    def move_axes(self, node, value, axes, rank_of_constants):
        """Return the list of an input's axes behind a node, or None if the node mixes them.

        value: the one that the node reads; axes: the list for this value.
        rank_of_constants: as in `readers`.
        """
        type_ = node.type
        if type_ in BROADCAST_TYPES or type_ == 'Concat':
            return axes if len(axes) >= rank_of_constants else None
        if type_ == 'Gather' and value in node.inputs[1:2]:  # an embedding of each index
            return [*axes, NO_BATCH]
        if node.inputs[0] != value:
            return None
        if type_ in ORDER_TYPES:
            return axes
        if type_ == 'Transpose':
            order = node.attributes.get('perm') or list(range(len(axes) - 1, -1, -1))
            if not is_integers(order) or sorted(order) != list(range(len(axes))):
                return None
            return [axes[index] for index in order]
        if type_ == 'Unsqueeze':
            added = self.named_axes(node)
            rank = len(axes) + len(added)
            places = {axis % rank for axis in added}
            if len(places) != len(added):
                return None
            left = iter(axes)
            return [NO_BATCH if place in places else next(left) for place in range(rank)]
        if type_ == 'Squeeze':
            removed = {axis % len(axes) for axis in self.named_axes(node)}
            return [axis for place, axis in enumerate(axes) if removed and place not in removed]
        if type_ == 'Gather' and self.takes_first(node):
            return axes[1:]
        return None

    def named_axes(self, node):
        """Return the axes of a Squeeze or Unsqueeze, or () if they are not constants."""
        axes = node.attributes.get('axes')
        if len(node.inputs) > 1 and node.inputs[1] in self.tensors:
            axes = self.wire.numbers(self.tensors[node.inputs[1]])
        axes = tuple(axes or ())
        return axes if all(isinstance(axis, int) for axis in axes) else ()

    def takes_first(self, node):
        """Return whether a Gather takes one index of the first dimension, and removes that."""
        indices = self.tensors.get(node.inputs[-1])
        return indices is not None and indices.dims == () and node.attributes.get('axis') != [1]


def batch_place(node, value, rank):
    """Return where an operator expects the batch in a value of so many dimensions, or None.

    LSTM, GRU and RNN: "layout: If 0, X.shape = [seq_length, batch_size, input_size],
    initial_h.shape = [num_directions, batch_size, hidden_size]; If 1, X.shape = [batch_size,
    seq_length, input_size], initial_h.shape = [batch_size, num_directions, hidden_size]".
    com.microsoft.Attention: "past state for key and value with shape (2, batch_size, num_heads,
    past_sequence_length, head_size)".
    """
    is_first = node.inputs[0] == value
    is_first_or_state = is_first or value in node.inputs[5:7]
    if node.type in RECURRENT_TYPES and is_first_or_state and rank == 3:
        return 0 if node.attributes.get('layout') == [1] else 1
    past = PAST_OF_PROJECTED.get(node.type, len(node.inputs))
    if value in node.inputs[past : past + 1] and rank == 5:
        return 1
    if is_first and rank > 2 and (has_kernel(node.type) or node.type in POOL_TYPES):
        return 0
    return None


def find_batch(dims, axes, follower, given, where):
    """Return the Batch of the inputs.

    dims: {input: dims}.
    axes: {input: the axis of its batch, NO_BATCH, or None}; each None gets the most likely axis.
    follower: the Follower of the graph; given: the Given of the command line.
    where: the name of the file, for messages.
    Raises InputError if the inputs disagree, and the user does not say what is right.

    A vector has no say if other inputs have more dimensions: it may be a time, or lengths.
    """
    ranks = [len(shape or ()) for shape in dims.values()]
    if given.batch_axis is not None and given.batch_axis >= max(ranks, default=0):
        raise InputError(
            f'{where}: --batch-axis {given.batch_axis}: no input has such a dimension; '
            'expected 0 for the first'
        )
    untold = {name for name, axis in axes.items() if axis is None}
    for name in untold:
        axes[name] = likely_axis(dims[name])
    if given.batch:
        return Batch(given.batch, str(given.batch))
    has_matrices = any(len(dims[name]) > 1 for name in axes)
    frames = {}  # {input: how many frames it holds, a dim}
    for name, axis in axes.items():
        if name in follower.kernels or has_matrices and len(dims[name]) < 2:
            continue
        frames[name] = 1 if axis == NO_BATCH else dims[name][axis]
    if not frames:
        return Batch(None, '?')
    unusual = {name for name in untold if axes[name] > 0}
    leader = find_leader(frames, unusual)
    check_agreement(dims, frames, leader, where)
    frame_count = frames[leader]
    is_guess = leader in untold
    if is_number(frame_count):
        is_plain = frame_count == 1 and leader not in unusual
        size, name = frame_count, str(frame_count)
    else:
        name = frame_count if isinstance(frame_count, str) else '?'
        is_plain = not is_guess or USUAL_NAME.fullmatch(name)
        size = BATCH
    note = '' if is_plain else batch_note(leader, dims[leader], axes[leader], name)
    return Batch(size, name, note, is_guess)


def find_leader(frames, unusual):
    """Return the input that says most on the batch, which is then that of all inputs.

    frames: {input: how many frames it holds, a dim}.
    unusual: the set of inputs whose batch is a guess, and not the first dimension. If all inputs
    hold one frame, the user should hear of one of these.

    >>> find_leader({'scale': 1, 'image': 'N', 'mask': 8}, unusual={'mask'})
    'image'
    >>> find_leader({'scale': 1, 'sequence': 1}, unusual={'sequence'})
    'sequence'
    """
    leader = next(iter(frames))
    for name in frames:
        says_more = strength(frames[name]) > strength(frames[leader])
        is_to_be_named = frames[name] == frames[leader] == 1 and name in unusual
        if says_more or is_to_be_named:
            leader = name
    return leader


def strength(frame_count):
    """Return how much a dim says on the batch: a symbol says more than a number, and 1 least."""
    if frame_count == 1:
        return 0
    if is_number(frame_count):
        return 1
    return 3 if USUAL_NAME.fullmatch(str(frame_count)) else 2


def check_agreement(dims, frames, leader, where):
    """Raise InputError if an input holds another number of frames than the leader.

    dims: {input: dims}; frames: {input: how many frames it holds, a dim}.
    leader: the input that says most on the batch.
    where: the name of the file, for messages.
    """
    for name, frame_count in frames.items():
        if not is_number(frame_count) or frame_count == frames[leader]:
            continue
        if frame_count == 1 and not is_number(frames[leader]):
            continue  # any number, and 1 is one
        shapes = []
        for value in (leader, name):
            shown = [size_of(dim, {}) for dim in dims[value]]
            shapes.append(f'{quote(value)} is {shown}, with a batch of {frames[value]}')
        raise InputError(
            f'{where}: inputs disagree on the batch: {", and ".join(shapes)}; '
            'give the number that MACs are divided by with --batch, 1 for none'
        )


def batch_note(name, dims, axis, frame_count):
    """Return the sentence that says which dimension of an input is taken for the batch.

    name: of the input; dims: of it; axis: of the batch; frame_count: its size, or its name.
    """
    shown = [size_of(dim, {}) for dim in dims]
    return (
        f'the batch is taken to be {frame_count}, dimension {axis} of {quote(name)}, which is '
        f'{shown}; --batch-axis takes another dimension, --batch another number, 1 for none'
    )


def place_batch(dims, axes, batch, given, symbols):
    """Put the batch in the place of symbols for it.

    dims: {input: dims}; axes: {input: the axis of its batch, or NO_BATCH}.
    batch: the Batch; given: the Given of the command line.
    symbols: {name: size}, of those that are known.
    """
    for name, axis in axes.items():
        if axis == NO_BATCH or is_number(dims[name][axis]):
            continue
        dim = dims[name][axis]
        if isinstance(dim, str):
            is_batch = dim == batch.name or USUAL_NAME.fullmatch(dim)
            if not is_batch and not given.batch:
                continue
            symbols.setdefault(dim, batch.size)
        dims[name] = (*dims[name][:axis], batch.size, *dims[name][axis + 1 :])
