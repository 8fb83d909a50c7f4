"""ONNX: networks from models (.onnx), walked node by node.

`read_onnx` reads a model's graph (onnx_file.py), looks into its functions (onnx_functions.py),
finds the sizes of its inputs and the batch (onnx_inputs.py), and adds the nodes to an OnnxNet, one
by one. What each operator takes and makes is in onnx_macs.py and onnx_rules.py.
"""

import math
import mmap
import os
import re

from fodlam import InputError, quote
from fodlam.nets.layers import BATCH, Refusal, Symbol, check_shape, sizes_differ
from fodlam.nets.network import MACS, POOL, Net, Node
from fodlam.nets.onnx_file import Wire, place_of, read_graph, read_module
from fodlam.nets.onnx_follow import ALL_SHAPE_RULES, find_role, follow_numbers, follow_shapes
from fodlam.nets.onnx_functions import (
    MAX_DEPTH,
    Inliner,
    find_inner_types,
    is_generated,
    sort_nodes,
)
from fodlam.nets.onnx_inputs import find_stripped_weights, read_inputs, size_of
from fodlam.nets.onnx_macs import MACS_RULES, follow_macs
from fodlam.nets.onnx_op import MAX_COMPUTED, Op, Unfollowed, describe
from fodlam.nets.onnx_remedies import explain, find_remedy
from fodlam.nets.onnx_repeats import follow_repeat
from fodlam.nets.onnx_rules import POOL_TYPES
from fodlam.nets.onnx_unmodelled import COUNTS, count_left_out

# Names of weights that an exporter has made up, and that say nothing.
GENERATED = re.compile('onnx::|val_[0-9]|[0-9]+$')

# The names of the two branches of an If.
BRANCHES = ('then_branch', 'else_branch')
# The attributes that are graphs, of operators that run them.
GRAPH_ATTRIBUTES = {
    'If': BRANCHES,
    **dict.fromkeys(('Loop', 'Scan', 'SequenceMap'), ('body',)),
}


# === The network ===


class OnnxNet(Net):
    """A Net of an ONNX model.

    graph: its Graph, with nodes in the order in which they run.
    wire: the Wire that numbers of tensors are read from.
    path: the path of the file, for messages.
    given: the Given of the command line.
    inliner: the Inliner that gives the nodes inside branches.
    depth: how many branches the node is inside of that is being added.
    computable: how many numbers and elements may still be computed before they are too many.
    has_sizes: whether the command line gives sizes.
    are_resized: whether it gives a size where the file has another number.
    is_batch_guessed: whether nothing tells which dimension of the inputs is the batch.

    feature_inputs: names of the graph's inputs that are not weights.
    first_input: the first of these, or None.
    shapes: {value: shape or None}; the sizes in a shape may be Symbols.
    symbols: {name: size}, for names of sizes in the file, such as the batch's, if they are known.
    resized: the set of values that have other sizes here than the file says, for a good reason.
    made: the set of all values so far, with '', which stands for an input that is left out.
    makers: {value: OnnxNode}, the node that makes each value.
    features: the set of values so far that depend on the network's input.
    weights: the set of values so far that do not: weights and other constants.
    origins: {value: name of the weights that it was made from, or None}, for values in `weights`.
    constants: {value: numbers}, for small constants that nodes make of shapes and other constants.
    sequences: {value: [Element]}, for values that are sequences of tensors (onnx_rules.py).
    repeats: {value: Repeat}, for feature maps that hold copies of others (onnx_repeats.py).
    """

    def __init__(self, graph, wire, path, given):
        super().__init__(wire.where, given.same_shape_types)
        self.graph = graph
        self.wire = wire
        self.path = path
        self.given = given
        self.inliner = Inliner(wire, graph.functions)
        self.depth = 0
        self.computable = MAX_COMPUTED
        self.has_sizes = bool(given.frame or given.inputs or given.symbols)
        self.constants = {}
        self.makers = {}
        self.resized = set()
        self.sequences = {}
        self.repeats = {}
        self.results = set(graph.outputs)
        given_values = (*graph.inputs, *graph.tensors)
        nodes = sort_nodes(wire, self.inliner.expand(graph.nodes), given_values)
        self.graph = graph._replace(nodes=nodes)
        self.weights = {*graph.tensors, *find_stripped_weights(self.graph)}
        self.feature_inputs = [name for name in graph.inputs if name not in self.weights]
        self.first_input = self.feature_inputs[0] if self.feature_inputs else None
        self.features = set(self.feature_inputs)
        self.made = {'', *self.features, *self.weights}
        self.origins = {value: value for value in self.weights}
        self.read_shapes()

    def read_shapes(self):
        """Find the batch, and the shapes of all values that the file has shapes for."""
        inputs = read_inputs(self.graph, self.wire, self.feature_inputs, self.given)
        self.symbols = inputs.symbols
        self.are_resized = inputs.are_resized
        self.batch = inputs.batch.size
        self.batch_name = inputs.batch.name
        self.is_batch_guessed = inputs.batch.is_guess
        if inputs.batch.note:
            self.assumptions.append(inputs.batch.note)
        for value, dims in self.graph.shapes.items():
            if value in inputs.dims:
                dims = inputs.dims[value]
            elif inputs.are_resized and value not in self.weights:
                dims = None  # it was inferred from other sizes of the inputs
            self.shapes[value] = self.shape_of(dims, value in self.graph.tensors)

    def shape_of(self, dims, is_tensor=False):
        """Return the shape for dims in the file, or None.

        is_tensor: whether they are of a tensor, which may have no numbers, and so sizes of 0.
        """
        if dims is None or is_tensor:
            return dims
        return tuple(size_of(dim, self.symbols) for dim in dims)

    # --- What is known of a value ---

    def known_shape(self, value, rank=None):
        """Return the shape of a value, in which only the batch of a feature map may be a Symbol.

        rank: how many dimensions it must have, or None for any number.
        Raises Refusal if it is not known so far; the message says what the user can do.
        """
        shape = self.shapes.get(value)
        if not self.has_known_shape(value) or self.is_led_by_unknown_size(shape):
            state = f'symbolic, {list(shape)}' if shape else 'not in the file'
            raise Refusal(f'the shape of {quote(value)} is {state}; {find_remedy(self, value)}')
        for size in shape:
            if size < 1:
                raise Refusal(f'the shape of {quote(value)} is {list(shape)}; expected 1 or more')
        if rank is not None and len(shape) != rank:
            raise Refusal(f'{quote(value)} is {list(shape)}; expected {rank} dimensions')
        return shape

    def has_known_shape(self, value):
        """Return whether all sizes of a value are known, except for the batch of a feature map."""
        shape = self.shapes.get(value)
        if shape is None:
            return False
        is_batch_first = not any(size % BATCH == 0 for size in shape[1:])
        sizes = shape[1:] if value not in self.weights and is_batch_first else shape
        return all(isinstance(size, int) for size in sizes)

    def is_led_by_unknown_size(self, shape):
        """Return whether the first size of a shape may be one of an input that is not known.

        It may be no batch then, as where an input [1, 'sequence', 64] becomes ['sequence', 64].
        """
        if not shape or not isinstance(shape[0], Symbol):
            return False
        return any(not self.has_known_shape(name) for name in self.feature_inputs)

    def numbers(self, value):
        """Return the numbers of a value as a tuple, or None if it is not a small constant."""
        if value in self.graph.tensors:
            return self.wire.numbers(self.graph.tensors[value])
        return self.constants.get(value)

    def explain(self, error):
        """Return the message of a ValueError, with what helps if the user's sizes do not fit."""
        return explain(str(error), self.given)

    # --- Adding nodes ---

    def add(self, node):
        """Add an OnnxNode; raise ValueError if it cannot be added."""
        self.check_values(node)
        self.check_bodies(node)
        op = Op(self, node)
        if node.type == 'If' and self.add_branch(op):
            return
        inputs = [value for value in node.inputs if value in self.features]
        entries, shapes = self.apply_rules(op, inputs)
        self.declare_shapes(op, shapes)
        self.declare_values(node, inputs)
        repeat = follow_repeat(op)
        if repeat is not None:
            self.repeats[node.outputs[0]] = repeat
        if node.type == 'Identity' and not inputs:
            return  # a name for weights that layers share
        role = find_role(op, inputs, self.shapes)
        name = self.find_name(node, has_macs=bool(entries))
        self.wire.count_names(node.offset, len(name))  # many nodes may be called by one long name
        if not entries:
            type_ = self.find_type(op, role, inputs, shapes)
            self.nodes.append(Node(name, type_, role, inputs, node.outputs, {}))
            return
        for entry in entries:
            # The last one makes the node's outputs; what the others make has no name in the file.
            outputs = node.outputs if entry is entries[-1] else ['']
            self.nodes.append(Node(name, entry.type, MACS, inputs, outputs, entry.members))

    def check_values(self, node):
        """Raise ValueError if a node reads what is not there, or makes what is there already."""
        for value in node.inputs:
            if value not in self.made:
                raise ValueError(
                    f'reads {quote(value)}, which nothing makes; expected a node or an input for it'
                )
        for value in node.outputs:
            if value and value in self.made:
                raise ValueError(f'{quote(value)} is made twice; expected one node for it')
        if not node.outputs:
            raise ValueError('no outputs; expected one')

    def check_bodies(self, node):
        """Raise ValueError if a node has numbers, a string or a tensor where a graph belongs."""
        bodies = dict(node.bodies)
        for name in GRAPH_ATTRIBUTES.get(node.type, ()):
            value = node.attributes.get(name)  # None for a graph of a function's call
            if value is not None and name not in bodies:
                raise ValueError(f'"{name}" is {describe(value)}; expected a graph')

    def apply_rules(self, op, inputs):
        """Return ([Entry], shapes of the outputs) of a node, as far as rules tell.

        op: the Op of the node.
        inputs: the values that it reads and that depend on the network's input.
        The list of Entries is empty if the node has no MACs, or if they are not modelled; the
        latter is noted, and so are the numbers of the node's output, if they are known.
        """
        type_ = op.node.type
        entries, shapes = [], []
        if inputs and type_ in MACS_RULES:
            try:
                entries, shapes = follow_macs(op)
            except Unfollowed:
                self.leave_out(type_, count_left_out(op))
        else:
            shapes = follow_shapes(op)
            if not shapes and inputs and self.keeps_shape(type_):
                shape = self.shapes.get(inputs[0])
                shapes = [shape] if shape else []
            for value, numbers in zip(op.node.outputs, follow_numbers(op, shapes)):
                if value:
                    self.constants[value] = numbers
            if self.may_have_macs(op.node):
                self.leave_out(type_, count_left_out(op))
        return entries, shapes

    def may_have_macs(self, node):
        """Return whether a node that no rule for MACs is applied to may have some."""
        if node.type == 'If' and set(dict(node.bodies)) == set(BRANCHES):
            return False  # add_branch has noted it, if it has
        if node.bodies:
            return any(has_macs_type(type_) for type_ in find_inner_types(self.wire, node))
        if (node.type, node.overload) in self.graph.functions:
            return True  # one without nodes inside; the others are not there any more
        return node.type not in MACS_RULES and has_macs_type(node.type)

    # --- Branches ---

    def add_branch(self, op):
        """Add the nodes of one branch of an If, and return True; or return False.

        op: the Op of the If.
        A constant condition tells which branch runs. If it is not known, but both branches have the
        same MACs and outputs of the same shapes, it does not matter. Otherwise no branch is added;
        the larger number of MACs is noted as left out.
        """
        bodies = dict(op.node.bodies)
        if set(bodies) != set(BRANCHES) or not op.node.inputs:
            return False
        if self.depth >= MAX_DEPTH:
            raise ValueError(f'more than {MAX_DEPTH} branches inside one another; expected no more')
        condition = self.numbers(op.node.inputs[0])
        if condition and math.isnan(condition[0]):
            condition = None
        if condition is not None and len(condition) == 1:
            name = 'then_branch' if condition[0] else 'else_branch'
        else:
            name = self.find_equal_branch(op, bodies)
        if name is None:
            return False
        self.enter_branch(op.node, bodies[name], op.node.outputs)
        if condition is None:  # the numbers of the other branch may be others
            for value in op.node.outputs:
                self.constants.pop(value, None)
                self.weights.discard(value)
                self.features.add(value)
        return True

    def find_equal_branch(self, op, bodies):
        """Return the name of a branch that stands for both, or None.

        op: the Op of the If; bodies: {name: Body}, of both branches.
        """
        macs, shapes = {}, {}
        for name, body in bodies.items():
            macs[name], shapes[name] = self.try_branch(op.node, body)
        then_macs, else_macs = macs['then_branch'], macs['else_branch']
        if then_macs is None or else_macs is None:
            self.leave_out('If')
            return None
        if then_macs != else_macs:
            self.leave_out('If', max(then_macs, else_macs))
            return None
        if shapes['then_branch'] == shapes['else_branch']:
            return 'then_branch'
        for name in BRANCHES:  # the file may say which one it is
            if self.fit_the_file(op.node.outputs, shapes[name]):
                return name
        if then_macs:
            self.leave_out('If', then_macs)
        return None

    def fit_the_file(self, values, shapes):
        """Return whether shapes are those that the file has for values; it must have them."""
        for value, shape in zip(values, shapes):
            stated = self.shapes.get(value)
            if stated is None or shape is None or contradicts(stated, shape):
                return False
        return True

    def try_branch(self, node, body):
        """Return (MACs, shapes of the outputs) of a branch of an If, of which nothing is kept.

        The MACs are None if the branch cannot run, or if something in it is not modelled.
        node: the OnnxNode of the If; body: the Body of the branch.
        """
        count = len(self.nodes)
        left_out, depth = self.left_out, self.depth
        self.left_out = {}
        prefix = self.inliner.new_prefix(node)
        outputs = [f'{prefix}/{index}' for index in range(len(node.outputs))]
        macs = None
        try:
            self.enter_branch(node, body, outputs)
            if not self.left_out:
                macs = sum(added.members.get('macs', 0) for added in self.nodes[count:])
        except ValueError:
            pass
        del self.nodes[count:]
        self.left_out, self.depth = left_out, depth
        return macs, [self.shapes.get(value) for value in outputs]

    def enter_branch(self, node, body, outputs):
        """Add the nodes of a branch of an If.

        node: the OnnxNode of the If; body: the Body of the branch.
        outputs: the values that the branch makes.
        """
        nodes, graph, names = self.inliner.enter_branch(node, body, outputs)
        for value, dims in graph.shapes.items():
            name = names.get(value, value)
            tensor = graph.tensors.get(value)
            if tensor:
                self.graph.tensors[name] = tensor
                self.weights.add(name)
                self.made.add(name)
                self.origins[name] = value
            if self.shapes.get(name) is None and not self.are_resized:
                self.shapes[name] = self.shape_of(dims, bool(tensor))
        self.depth += 1
        for inner in nodes:
            self.add(inner)
        self.depth -= 1

    # --- What is noted of a node ---

    def declare_shapes(self, op, shapes):
        """Note the shapes of a node's outputs; sizes that are not known are taken from the file.

        op: the Op of the node; shapes: as its rule tells, or [].
        Raises ValueError if the file has a different shape for an output.
        """
        values = op.node.outputs
        if not self.resized.isdisjoint(op.node.inputs):
            for value in values:  # what the file says of it is inferred from other sizes
                self.resized.add(value)
                self.shapes[value] = None
        for value, shape in zip(values, shapes):
            if not value:  # an output that is left out
                continue
            check_shape(shape)
            stated = self.shapes.get(value)
            if stated is None:
                self.shapes[value] = shape
                continue
            if contradicts(stated, shape):
                if not self.has_sizes and not is_rounded_differently(op):
                    raise ValueError(
                        f'the file says {list(stated)}, but it makes {list(shape)}; '
                        'expected the same'
                    )
                self.resized.add(value)
                self.shapes[value] = shape
                continue
            sizes = []
            for stated_size, size in zip(stated, shape):
                sizes.append(size if isinstance(size, int) else stated_size)
            self.shapes[value] = tuple(sizes)

    def declare_values(self, node, inputs):
        """Note the values that a node makes, and whether they depend on the network's input.

        node: the OnnxNode.
        inputs: the values that it reads and that depend on the network's input.
        """
        outputs = [value for value in node.outputs if value]
        self.made.update(outputs)
        for value in outputs:
            self.makers[value] = node
        has_numbers = any(value in self.constants for value in outputs)
        if has_numbers or not (inputs or node.bodies):
            self.weights.update(outputs)
            if node.inputs:
                origin = self.origins.get(node.inputs[0])
                for value in outputs:
                    self.origins[value] = origin
        else:
            self.features.update(outputs)

    def find_type(self, op, role, inputs, shapes):
        """Return the type in the net file of a node without MACs.

        op: the Op of the node; role: its role.
        inputs: the values that it reads and that depend on the network's input.
        shapes: of its outputs, as far as they are known.

        Where one exporter of PyTorch writes a GlobalAveragePool or a Flatten, another writes a
        ReduceMean or a Reshape. Net files have the former names for both.
        """
        type_ = op.node.type
        if type_ == 'ReduceMean' and role == POOL:
            return 'GlobalAveragePool'
        if type_ == 'Reshape' and inputs and len(shapes) == 1 and len(shapes[0]) == 2:
            # Compared as tuples, in which a Symbol is the same as itself.
            keeps_batch = shapes[0][:1] == op.shape()[:1]
            if keeps_batch:
                return 'Flatten'
        return type_

    def find_name(self, node, has_macs):
        """Return the name of a node in the net file.

        A node with MACs that has no name, or one that an exporter has made up, such as
        node_conv2d_1, gets that of the function's call that it is inside of, or of its weights, or
        of its module in PyTorch. If there is no such name either, it is that of its output.
        """
        if has_macs and is_generated(node.name):
            weights = [value for value in node.inputs if value in self.weights]
            origin = self.origins.get(weights[0]) if weights else None
            if origin and not node.scope and not GENERATED.match(origin):
                return origin.removesuffix('.weight')
            module = node.scope or read_module(self.wire, node.metadata)
            if module:
                return module
        if node.name:
            return node.name
        for value in node.outputs:
            if value:
                return value
        return f'{node.type} at byte {node.offset}'


def has_macs_type(type_):
    """Return whether nodes of a type have MACs themselves; those inside them do not count.

    Operators that are not ONNX's own, and that have no rule, may have some.
    """
    if type_ in MACS_RULES or type_ in COUNTS:
        return True
    return '.' in type_ and type_ not in ALL_SHAPE_RULES


def is_rounded_differently(op):
    """Return whether runtimes and ONNX's own inference differ on the sizes of a node's output.

    With `ceil_mode`, a last window that would start in the padding is dropped, by PyTorch and
    onnxruntime; versions of ONNX's inference keep it. For a ConvTranspose, "output_shape[i] =
    input_shape[i] * strides[i]" with SAME padding; the inference adds `output_padding`.
    """
    attributes = op.node.attributes
    if op.node.type in POOL_TYPES:
        return attributes.get('ceil_mode') == [1]
    if op.node.type == 'ConvTranspose':
        is_same = str(attributes.get('auto_pad')).startswith('SAME')
        return is_same and any(attributes.get('output_padding') or [])
    return False


def contradicts(stated, shape):
    """Return whether two shapes of a value differ in more than the batch, as far as is known.

    stated: the shape that the file has; shape: the one that a rule tells.
    """
    if len(stated) != len(shape):
        return True
    for stated_size, size in zip(stated[1:], shape[1:]):
        # Some exporters write 0 or -1 for what they do not know.
        if stated_size > 0 and sizes_differ(stated_size, size):
            return True
    return False


# === Reading ===


def read_onnx(path, given):
    """Return the OnnxNet of a model.

    path: of the model; given: the Given of the command line.
    Raises InputError, with the byte's offset, for what is wrong in the file.
    """
    try:
        with open(path, 'rb') as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise InputError(f'{quote(path)}: {error.strerror}; expected an ONNX model') from None
    except ValueError:  # there is nothing to map
        raise InputError(f'{quote(path)}: empty; expected an ONNX model') from None
    with data:
        wire = Wire(data, os.path.basename(path))
        graph = read_graph(wire)
        network = OnnxNet(graph, wire, path, given)
        network.add_all((place_of(wire, node), node) for node in network.graph.nodes)
    return network
