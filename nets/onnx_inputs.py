"""ONNX: a model's inputs: which of them are weights, their sizes, and which dimension is the batch.

MACs are for one frame, so a network must know how many frames its inputs hold. `read_inputs` finds
that, and the sizes of the inputs, from the file and from what the command line says of them. In
this order, an input's batch is

  - the dimension that --batch-axis names
  - the one that the file calls batch, as in ['sequence', 'batch', 64]
  - the one that an operator takes for it. A Conv takes the first dimension of what it reads; an
    LSTM the second, unless its `layout` says otherwise. If the graph itself adds this dimension, as
    to an image [C, H, W], the input is one frame
  - the second one of [100, 1, 64]: a sequence with a batch of 1 is more likely than 100 sequences
    of one step each
  - or else the first one

Where the file does not make it plain, a line for the user says which dimension was taken. Some
operators show that this was wrong, such as an attention that multiplies parts of several frames by
one another. The model is then refused (check_frames_are_apart and check_holds_frames in
onnx_products.py).
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

# The name of a size in the file, which may have a factor: batch, 64*batch or batch*64.
PRODUCT = re.compile('(?:([0-9]{1,9})[*])?([^*]+)(?:[*]([0-9]{1,9}))?')

# Names of sizes that are surely those of a batch.
BATCH_NAME = re.compile('[^*]*batch[^*]*', re.IGNORECASE)
# Names that a batch usually has, also those that exporters write for a size without a name. Other
# sizes may have them, too.
USUAL_NAME = re.compile('[^*]*batch[^*]*|n|b|bs|none|[?]|unk_*[0-9]*|-1|0', re.IGNORECASE)

# In place of an axis: the input has no dimension for the batch, and is one frame.
NO_BATCH = -1

# Operators whose output has the dimensions of the first input in the same order. Their sizes may
# change.
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
    symbols: {name: size}, for those names of sizes in the file that are known. The size of the
    batch may be BATCH.
    batch: the Batch.
    are_resized: whether the command line gives a size where the file has another number.
    """

    __slots__ = ()


# === Weights ===


def find_stripped_weights(graph):
    """Return the set of a Graph's inputs that are weights.

    It is empty if the file has the numbers of any weights. In a file without them, weights are
    inputs like the others. An input is taken for weights in two cases: if a node has it for its
    kernel, or for its matrix of two dimensions, or if it is a vector and another input has more
    dimensions. At least one input is not weights.
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
    if ranks and weights.issuperset(ranks):  # then the first is the input of the network
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


def is_size(dim):
    """Return whether a dim in the file is a known size; some exporters write 0 or -1 for others."""
    return isinstance(dim, int) and dim not in (0, -1)


def size_of(dim, symbols):
    """Return the size of a dim in the file: an integer if it is known, or else a Symbol.

    symbols: {name: size}, of those that are known.

    >>> size_of('64*N', {'N': 2}), size_of('H', {'N': 2}), size_of(-1, {})
    (128, H, -1)
    """
    if is_size(dim):
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
        axes.setdefault(name, 0)  # if the file does not say how many dimensions the input has
        for dim, size in zip(known, dims[name]):
            if isinstance(dim, str):
                symbols.setdefault(dim, size)  # other inputs may have the same names
            elif is_size(dim) and dim != size:
                are_resized = True
    batch = find_batch(dims, axes, follower, given, where)
    if batch.size is not None:
        place_batch(dims, axes, batch, given, symbols)
    return Inputs(dims, symbols, batch, are_resized)


def read_symbols(graph, given, where):
    """Return {name: size}, of the symbols that the command line gives a size.

    graph: the Graph. given: the Given of the command line. where: the name of the file.
    Raises InputError if no size in the file has such a name.
    """
    symbols = {}  # {name: None}, of all symbols in the file, in their order
    for dims in graph.shapes.values():
        for dim in dims or ():
            if isinstance(dim, str):
                symbols[dim] = None
    for name in given.symbols:
        if name in symbols:
            continue
        valid = 'expected no --dim'
        if symbols:
            valid = choices([excerpt(symbol) for symbol in symbols])
        raise InputError(f'{where}: --dim {excerpt(name)}: no size has this name; {valid}')
    return dict(given.symbols)


def named_sizes(dims, axes, given, where):
    """Return {input: sizes} of the sizes that the command line gives.

    Sizes without a name are those of the first input that has as many dimensions, or else of the
    first input. Inputs that have sizes by their names are passed over, unless all have.
    dims: {input: dims}. axes: {input: the axis of its batch, NO_BATCH, or None if it is not told}.
    given: the Given of the command line. where: the name of the file, for messages.
    Raises InputError if there is no such input.
    """
    for name in given.inputs:
        if name not in dims:
            valid = 'expected no --input'
            if dims:
                valid = choices([excerpt(other) for other in dims])
            raise InputError(f'{where}: no input is called {quote(name)}; {valid}')
    sizes_of = dict(given.inputs)
    if given.frame:
        if not dims:
            raise InputError(f'{where}: the model has no inputs; expected no --input')
        left = [name for name in dims if name not in sizes_of]
        fitting = []
        for name in left:
            has_dims = dims[name] is not None
            if has_dims and len(given.frame) != frame_rank(len(dims[name]), axes.get(name)):
                continue
            fitting.append(name)
        candidates = fitting or left or list(dims)
        sizes_of[candidates[0]] = given.frame
    return sizes_of


def frame_rank(rank, axis):
    """Return how many dimensions one frame of an input has.

    rank: how many the input has. axis: of its batch, NO_BATCH, or None if it is not told.
    """
    return rank if axis == NO_BATCH else rank - 1


def resized(name, dims, axis, sizes, where):
    """Return the dims of an input with the sizes that the command line gives.

    name: of the input; dims: as in the file, or None if it has none, which are taken for one frame.
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
    if axis is None:
        axis = 0
    return (*sizes[:axis], dims[axis], *sizes[axis:])


# === The batch ===


def told_axis(name, dims, follower, given):
    """Return the axis of an input's batch, as the user, the file or an operator tells it.

    It is NO_BATCH if the input has no batch, and None if nothing tells.
    name: of the input; dims: of it.
    follower: the Follower of the graph; given: the Given of the command line.
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
    if len(dims) == 3 and is_size(dims[0]) and dims[0] != 1 and dims[1] == 1:
        return 1  # a sequence of dims[0] steps, in a batch of 1
    return 0


class Follower:
    """Follows inputs through a graph to the operators that tell where the batch is.

    wire: the Wire of the file.
    kernels: the set of values that nodes move over images; they have no batch.
    readers: {value: [(OnnxNode, rank_of_constants)]}, the nodes that read each value. The rank is
    the largest number of dimensions of a constant that the node reads, or 0.
    tensors: {value: Tensor}, of constants.
    followed: how many nodes have been looked at, for all inputs.
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
        """Return the axis of an input that an operator takes for the batch.

        It is NO_BATCH if the graph adds this dimension itself, and None if no operator tells.
        name: of the input; rank: how many dimensions it has.

        The input is followed through operators that keep its dimensions, or just move them. `axes`
        says for each dimension of a value which axis of the input it is, or NO_BATCH if it is new:
        after a Transpose of [C, H, W] to [H, W, C], `axes` is [1, 2, 0].
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
                    return NO_BATCH  # a single row, or the graph itself adds the first dimension
                moved = self.move_axes(node, value, axes, rank_of_constants)
                if moved and node.outputs and node.outputs[0] not in seen:
                    seen.add(node.outputs[0])
                    waiting.append((node.outputs[0], moved))
        return None

    def move_axes(self, node, value, axes, rank_of_constants):
        """Return the `axes` of what a node makes, or None if they cannot be told.

        node: the OnnxNode. value: the one that it reads. axes: of this value, as in `find_axis`.
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
            moved = list(axes)
            for place in sorted(places):
                moved.insert(place, NO_BATCH)
            return moved
        if type_ == 'Squeeze':
            removed = {axis % len(axes) for axis in self.named_axes(node)}
            if not removed:
                return None
            return [axis for place, axis in enumerate(axes) if place not in removed]
        if type_ == 'Gather' and self.takes_first(node):
            return axes[1:]
        return None

    def named_axes(self, node):
        """Return the axes of a Squeeze or Unsqueeze, a tuple; empty if they are not constants.

        They are in an attribute or, in later versions of ONNX, in the second input.
        """
        axes = node.attributes.get('axes')
        if len(node.inputs) > 1 and node.inputs[1] in self.tensors:
            axes = self.wire.numbers(self.tensors[node.inputs[1]])
        axes = tuple(axes or ())
        for axis in axes:
            if not isinstance(axis, int):
                return ()
        return axes

    def takes_first(self, node):
        """Return whether a Gather takes one index of the first dimension, and removes that."""
        indices = self.tensors.get(node.inputs[-1])
        return indices is not None and indices.dims == () and node.attributes.get('axis') != [1]


def batch_place(node, value, rank):
    """Return which dimension of a value an operator takes for the batch, or None if for none.

    node: the OnnxNode. value: one that it reads. rank: how many dimensions the value has.

    LSTM, GRU and RNN: "layout: If 0, X.shape = [seq_length, batch_size, input_size],
    initial_h.shape = [num_directions, batch_size, hidden_size]; If 1, X.shape = [batch_size,
    seq_length, input_size], initial_h.shape = [batch_size, num_directions, hidden_size]".
    com.microsoft.Attention: "past state for key and value with shape (2, batch_size, num_heads,
    past_sequence_length, head_size)".
    """
    is_first = node.inputs[0] == value
    if node.type in RECURRENT_TYPES and rank == 3:
        is_state = value in node.inputs[5:7]  # initial_h, or an LSTM's initial_c
        if is_first or is_state:
            return 0 if node.attributes.get('layout') == [1] else 1
    if node.type in PAST_OF_PROJECTED and rank == 5:
        index = PAST_OF_PROJECTED[node.type]
        if value in node.inputs[index : index + 1]:  # which is empty if there is no such input
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
    Raises InputError if --batch-axis is too large, or if the inputs disagree on the batch and the
    user does not say what is right.
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
    frames = frames_of_inputs(dims, axes, follower.kernels)
    if not frames:
        return Batch(None, '?')
    unusual = {name for name in untold if axes[name] > 0}
    leader = find_leader(frames, unusual)
    check_agreement(dims, frames, leader, where)
    frame_count = frames[leader]
    is_guess = leader in untold
    if is_size(frame_count):
        size, name = frame_count, str(frame_count)
        is_plain = frame_count == 1 and leader not in unusual
    else:
        size = BATCH
        name = frame_count if isinstance(frame_count, str) else '?'  # None, 0 and -1 are no names
        is_plain = not is_guess or USUAL_NAME.fullmatch(name) is not None
    note = ''
    if not is_plain:
        note = batch_note(leader, dims[leader], axes[leader], name)
    return Batch(size, name, note, is_guess)


def frames_of_inputs(dims, axes, kernels):
    """Return {input: how many frames it holds, a dim}, of the inputs that tell the batch.

    dims: {input: dims}; axes: {input: the axis of its batch, or NO_BATCH}.
    kernels: the inputs that are moved over images, and have no batch.
    A vector does not tell it if another input has more dimensions: it may be a time, or lengths.
    """
    has_matrices = any(len(dims[name]) > 1 for name in axes)
    frames = {}
    for name, axis in axes.items():
        if name in kernels:
            continue
        if has_matrices and len(dims[name]) < 2:
            continue
        frames[name] = 1 if axis == NO_BATCH else dims[name][axis]
    return frames


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
    """Return how much a dim says on the batch, 0 to 3: one frame says least, a usual name most."""
    if frame_count == 1:
        return 0
    if is_size(frame_count):
        return 1
    return 3 if USUAL_NAME.fullmatch(str(frame_count)) else 2


def check_agreement(dims, frames, leader, where):
    """Raise InputError if an input holds another number of frames than the leader.

    dims: {input: dims}; frames: {input: how many frames it holds, a dim}.
    leader: the input that says most on the batch.
    where: the name of the file, for messages.
    """
    for name, frame_count in frames.items():
        if not is_size(frame_count) or frame_count == frames[leader]:
            continue
        if frame_count == 1 and not is_size(frames[leader]):
            continue  # a symbol may stand for any number, also for 1
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
    """Put the size of the batch into the dims of the inputs, where the file has a symbol for it.

    dims: {input: dims}, which are changed; axes: {input: the axis of its batch, or NO_BATCH}.
    batch: the Batch; given: the Given of the command line.
    symbols: {name: size}, of those that are known; symbols for the batch are added.
    """
    for name, axis in axes.items():
        if axis == NO_BATCH or is_size(dims[name][axis]):
            continue
        dim = dims[name][axis]
        if isinstance(dim, str):
            is_batch = dim == batch.name or USUAL_NAME.fullmatch(dim)
            if not is_batch and not given.batch:
                continue
            symbols.setdefault(dim, batch.size)
        dims[name] = (*dims[name][:axis], batch.size, *dims[name][axis + 1 :])
