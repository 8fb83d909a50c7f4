"""ONNX: networks from models (.onnx), walked node by node.

`read_onnx` reads a model's graph (onnx_file.py) and adds its nodes to an OnnxNet, one by one. What
each operator takes and makes is in onnx_macs.py and onnx_rules.py.
"""

import mmap
import os
import re
import shlex

from fodlam import InputError, quote
from fodlam.nets.layers import BATCH, Refusal, Symbol, check_shape, sizes_differ
from fodlam.nets.network import MACS, POOL, Net, Node, excerpt
from fodlam.nets.onnx_file import Wire, read_graph
from fodlam.nets.onnx_follow import ALL_SHAPE_RULES, find_role, follow_numbers, follow_shapes
from fodlam.nets.onnx_macs import MACS_RULES, UNMODELLED_TYPES, follow_macs, has_kernel, has_matrix
from fodlam.nets.onnx_op import Op, Unfollowed
from fodlam.nets.onnx_repeats import follow_repeat

# A size in the file, such as batch, 64*batch or batch*64.
PRODUCT = re.compile('(?:([0-9]{1,9})[*])?([^*]+)(?:[*]([0-9]{1,9}))?')

# Names of weights that an exporter has made up, and that say nothing.
GENERATED = re.compile('onnx::|val_[0-9]|[0-9]+$')

# Gives an input of a model its size, and infers all other shapes: code for `python3 -c`, which
# writes another file beside the model, and leaves weights that are in files of their own there.
INFER_SHAPES = (
    'import onnx, sys; f = sys.argv[1]; m = onnx.load(f, load_external_data=False); '
    'm.graph.input[{index}].type.CopyFrom(onnx.helper.make_tensor_type_proto('
    'm.graph.input[{index}].type.tensor_type.elem_type, {dims})); '
    '[v.type.tensor_type.ClearField("shape") for v in m.graph.output]; '
    'onnx.save(onnx.shape_inference.infer_shapes(m, data_prop=True), f[:-5] + ".shapes.onnx")'
)


# === The network ===


def find_stripped_weights(graph):
    """Return the set of a Graph's inputs that are weights, as in a file without their numbers.

    An input is taken for weights in two cases: if it is where a node has its kernel, or its matrix
    of two dimensions, or if it is a vector and another input has more dimensions. At least one
    input is not weights.
    """
    ranks = {}
    for name in graph.inputs:
        if name not in graph.tensors:
            ranks[name] = len(graph.shapes[name] or ())
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
        if node.inputs[0] in graph.tensors:  # the first operand is the weights
            continue
        value = node.inputs[index]
        if value in ranks and (has_kernel(node.type) or ranks[value] == 2):
            weights.add(value)
    if ranks and weights.issuperset(ranks):
        first_input = next(iter(ranks))
        weights.remove(first_input)
    return weights


class OnnxNet(Net):
    """A Net of an ONNX model.

    graph: its Graph.
    wire: the Wire that numbers of tensors are read from.
    path: the path of the file, for messages.
    frame_shape: (C, H, W) of the first input, whatever the file says, or None.

    feature_inputs: names of the graph's inputs that are not weights.
    first_input: the first of these, or None.
    shapes: {value: shape or None}; the sizes in a shape may be Symbols.
    symbols: {name: size}, for names of sizes in the file, such as the batch's, if they are known.
    made: the set of all values so far, with '', which stands for an input that is left out.
    features: the set of values so far that depend on the network's input.
    weights: the set of values so far that do not: weights and other constants.
    origins: {value: name of the weights that it was made from, or None}, for values in `weights`.
    constants: {value: numbers}, for small constants that nodes make of shapes and other constants.
    sequences: {value: [Element]}, for values that are sequences of tensors (onnx_rules.py).
    repeats: {value: Repeat}, for feature maps that hold copies of others (onnx_repeats.py).
    """

    def __init__(self, graph, wire, path, frame_shape, same_shape_types=()):
        super().__init__(wire.where, same_shape_types)
        self.graph = graph
        self.wire = wire
        self.path = path
        self.constants = {}
        self.sequences = {}
        self.repeats = {}
        self.results = set(graph.outputs)
        self.weights = {*graph.tensors, *find_stripped_weights(graph)}
        self.feature_inputs = [name for name in graph.inputs if name not in self.weights]
        self.first_input = self.feature_inputs[0] if self.feature_inputs else None
        self.features = set(self.feature_inputs)
        self.made = {'', *self.features, *self.weights}
        self.origins = {value: value for value in self.weights}
        self.symbols = {}
        self.read_shapes(frame_shape)

    def read_shapes(self, frame_shape):
        """Find the batch, and the shapes of all values that the file has shapes for.

        frame_shape: (C, H, W) of the first input, whatever the file says, or None.
        """
        dims_of = dict(self.graph.shapes)
        first = dims_of.get(self.first_input)
        if frame_shape:
            batch, *image = first or [1]
            self.symbols.update(zip(image, frame_shape))  # other inputs may have the same names
            first = (batch, *frame_shape)
            dims_of[self.first_input] = first
        if first:
            self.batch = first[0]
            self.batch_name = str(first[0] or '?')
            if not isinstance(self.batch, int) or self.batch < 1:  # not a number of frames
                self.symbols[self.batch] = BATCH
                self.batch = BATCH
        for value, dims in dims_of.items():
            self.shapes[value] = None
            if dims is not None:
                self.shapes[value] = tuple(self.size_of(dim) for dim in dims)
        if first and first[0] is None:  # the batch has no name, by which size_of could find it
            self.shapes[self.first_input] = (BATCH, *self.shapes[self.first_input][1:])

    def size_of(self, dim):
        """Return the size of a dim in the file: an integer if it is known, or else a Symbol.

        With a batch called N, '64*N' is 64 * BATCH.
        """
        if isinstance(dim, int):
            return dim
        if dim is None:
            return Symbol('?')
        product = PRODUCT.fullmatch(dim)
        if product:
            factor, name, other_factor = product.groups()
            if name in self.symbols:
                return int(factor or 1) * self.symbols[name] * int(other_factor or 1)
        return Symbol(excerpt(dim))

    # --- What is known of a value ---

    def known_shape(self, value, rank=None):
        """Return the shape of a value, in which only the batch of a feature map may be a Symbol.

        rank: how many dimensions it must have, or None for any number.
        Raises Refusal if it is not known so far; the message says what the user can do.
        """
        shape = self.shapes.get(value)
        if not self.has_known_shape(value):
            state = f'symbolic, {list(shape)}' if shape else 'not in the file'
            raise Refusal(f'the shape of {quote(value)} is {state}; {self.find_remedy(value)}')
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
        sizes = shape if value in self.weights else shape[1:]
        return all(isinstance(size, int) for size in sizes)

    def numbers(self, value):
        """Return the numbers of a value as a tuple, or None if it is not a small constant."""
        if value in self.graph.tensors:
            return self.wire.numbers(self.graph.tensors[value])
        return self.constants.get(value)

    def find_remedy(self, value):
        """Return what the user can do if the shape of a value is not known."""
        if not self.feature_inputs:
            return 'export the model with inputs of fixed sizes'
        if value == self.first_input or not self.has_known_shape(self.first_input):
            return 'give the size of the first input with --input C,H,W'
        if value in self.feature_inputs:
            return 'export the model with inputs of fixed sizes'
        if self.graph.has_inner_shapes:
            return (
                'export the model with inputs of fixed sizes, by torch.onnx.export(dynamo=True), '
                'or simplify it with onnxsim'
            )
        batch, *image = self.shapes[self.first_input] or (1,)
        dims = [1 if batch == BATCH else batch, *image]
        code = INFER_SHAPES.format(index=self.graph.inputs.index(self.first_input), dims=dims)
        return f'run: python3 -c {shlex.quote(code)} {shlex.quote(self.path)}'

    # --- Adding nodes ---

    def add(self, node):
        """Add an OnnxNode; raise ValueError if it cannot be added."""
        self.check_values(node)
        op = Op(self, node)
        inputs = [value for value in node.inputs if value in self.features]
        entries, shapes = self.apply_rules(op, inputs)
        self.declare_shapes(node.outputs, shapes)
        self.declare_values(node, inputs)
        repeat = follow_repeat(op)
        if repeat is not None:
            self.repeats[node.outputs[0]] = repeat
        if node.type == 'Identity' and not inputs:
            return  # a name for weights that layers share
        role = find_role(op, inputs, self.shapes)
        name = self.find_name(node, has_macs=bool(entries))
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
                    f'reads {quote(value)}, which nothing before it makes; '
                    'expected nodes in their order, without cycles'
                )
        for value in node.outputs:
            if value and value in self.made:
                raise ValueError(f'{quote(value)} is made twice; expected one node for it')
        if not node.outputs:
            raise ValueError('no outputs; expected one')

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
                self.left_out[type_] = None
        else:
            shapes = follow_shapes(op)
            if not shapes and inputs and self.keeps_shape(type_):
                shape = op.net.shapes.get(inputs[0])
                shapes = [shape] if shape else []
            for value, numbers in zip(op.node.outputs, follow_numbers(op, shapes)):
                if value:
                    self.constants[value] = numbers
        is_foreign = '.' in type_ or type_ in self.graph.functions
        has_no_rule = is_foreign and type_ not in MACS_RULES and type_ not in ALL_SHAPE_RULES
        if not entries and (has_no_rule or type_ in UNMODELLED_TYPES):
            self.left_out[type_] = None
        return entries, shapes

    def declare_shapes(self, values, shapes):
        """Note the shapes of values; sizes that are not known are taken from the file.

        values: the outputs of a node; shapes: as its rule tells, or [].
        Raises ValueError if the file has a different shape for a value.
        """
        for value, shape in zip(values, shapes):
            if not value:  # an output that is left out
                continue
            check_shape(shape)
            stated = self.shapes.get(value)
            if stated is None:
                self.shapes[value] = shape
                continue
            if contradicts(stated, shape):
                raise ValueError(
                    f'the file says {list(stated)}, but it makes {list(shape)}; expected the same'
                )
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
        has_numbers = any(value in self.constants for value in outputs)
        if has_numbers or not (inputs or node.has_body):
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

        A node with MACs gets the name of its weights if it has none, or one that an exporter has
        made up, such as node_conv2d_1. If there is no such name either, it is that of its output.
        """
        if has_macs and (not node.name or node.name.startswith('node_')):
            weights = [value for value in node.inputs if value in self.weights]
            origin = self.origins.get(weights[0]) if weights else None
            if origin and not GENERATED.match(origin):
                return origin.removesuffix('.weight')
        if node.name:
            return node.name
        for value in node.outputs:
            if value:
                return value
        return f'{node.type} at byte {node.offset}'


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


def read_onnx(path, frame_shape, same_shape_types=()):
    """Return the OnnxNet of a model.

    frame_shape: (C, H, W) of the first input, whatever the file says, or None.
    same_shape_types: types of operators whose outputs have the shape of their first input.
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
        network = OnnxNet(graph, wire, path, frame_shape, same_shape_types)
        network.add_all(locate(graph.nodes, wire.where))
    return network


def locate(nodes, where):
    """Yield (place in the file, OnnxNode) of each node; where: the name of the file."""
    for node in nodes:
        yield f'{where}, byte {node.offset} ({excerpt(node.type)} {quote(node.name)})', node
