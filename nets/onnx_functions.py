"""ONNX: the nodes inside functions and branches, and the order in which nodes run.

A file may define operators itself, as functions. `Inliner` replaces each call of a function by the
nodes inside it, and gives the nodes of a branch of an If; the values in there get names of their
own. `sort_nodes` puts nodes behind those that they read from, where a file does not have them so.

Source: IR.md, github.com/onnx/onnx
"""

from fodlam import InputError, quote
from fodlam.nets.onnx_file import (
    MAX_NODES,
    MAX_OUTPUTS,
    OnnxNode,
    Reference,
    place_of,
    read_inner_graph,
)
from fodlam.nets.onnx_macs import MACS_RULES

MAX_DEPTH = 20  # of calls inside functions, and of branches inside branches


def is_generated(name):
    """Return whether a node's name is empty, or one that an exporter has made up."""
    return not name or name.startswith('node_')


class Inliner:
    """Gives the nodes that are inside functions and branches, under names of their own.

    wire: the Wire of the file.
    functions: {(type, overload): Function}, as in Graph.
    nodes_left, outputs_left: how many nodes may still be given, with how many outputs, before they
    are too many: a few functions that call one another can make any number of nodes. What else the
    nodes hold is counted by the Wire.
    prefixes: {prefix: how often it has been asked for}, for names of values.
    """

    def __init__(self, wire, functions):
        self.wire = wire
        self.functions = functions
        self.nodes_left = MAX_NODES
        self.outputs_left = MAX_OUTPUTS
        self.prefixes = {}

    def expand(self, nodes):
        """Return a list of nodes in which the nodes inside a function stand for each call of it.

        nodes: [OnnxNode].
        Raises InputError if a function calls itself, if too many are inside one another, or if
        there are too many nodes, outputs or copies.
        """
        expanded = []
        waiting = [(None, iter(nodes))]  # the calls around a node, and the nodes that are left
        while waiting:
            node = next(waiting[-1][1], None)
            if node is None:
                waiting.pop()
                continue
            self.nodes_left -= 1
            if self.nodes_left < 0:
                raise InputError(
                    f'{place_of(self.wire, node)}: more than {MAX_NODES} nodes, with those inside '
                    'functions and branches; expected no more'
                )
            self.outputs_left -= len(node.outputs)
            if self.outputs_left < 0:
                raise InputError(
                    f'{place_of(self.wire, node)}: more than {MAX_OUTPUTS} outputs of nodes, with '
                    'those inside functions and branches; expected no more'
                )
            key = node.type, node.overload
            function = self.functions.get(key)
            if function is None or not function.nodes or node.type in MACS_RULES:
                expanded.append(node._replace(attributes=resolved(node.attributes, {})))
                continue
            if any(key == outer for outer, _ in waiting):
                raise InputError(
                    f'{place_of(self.wire, node)}: a function that calls itself; '
                    'expected functions without recursion'
                )
            if len(waiting) > MAX_DEPTH:
                raise InputError(
                    f'{place_of(self.wire, node)}: more than {MAX_DEPTH} functions inside one '
                    'another; expected no more'
                )
            waiting.append((key, iter(self.enter_call(node, function))))
        return expanded

    def enter_call(self, call, function):
        """Return the nodes of a Function, with the values and attributes of a call.

        call: the OnnxNode that calls it.
        Raises InputError if all calls together copy too much.
        """
        scope = '' if is_generated(call.name) else call.name
        prefix = self.new_prefix(call)
        self.count_copies(call, function, len(prefix) + len(scope))
        names = {}
        for node in function.nodes:
            for value in (*node.inputs, *node.outputs):
                names[value] = f'{prefix}/{value}'
        for index, value in enumerate(function.inputs):
            names[value] = call.inputs[index] if index < len(call.inputs) else ''
        names[''] = ''
        pairs = list(zip(function.outputs, call.outputs))
        copies = name_outputs(names, function.nodes, pairs, call)
        attributes = {**function.defaults, **call.attributes}
        nodes = []
        for node in function.nodes:
            name = '' if is_generated(node.name) else node.name
            if name and scope:
                name = f'{scope}/{name}'
            nodes.append(renamed(node, names, attributes)._replace(name=name, scope=scope))
        return nodes + copies

    def count_copies(self, call, function, prefix_length):
        """Count the fields and the bytes of names that a call of a function copies.

        call: the OnnxNode that calls it; function: the Function.
        prefix_length: how many characters are put before a name at most.
        Raises InputError if all calls together copy too much.
        """
        count = len(function.inputs) + len(function.outputs) + len(function.defaults)
        size = 0
        for node in function.nodes:
            count += 1 + len(node.inputs) + len(node.outputs) + len(node.metadata)
            count += len(node.bodies)
            size += prefix_length + len(node.name)
            for value in (*node.inputs, *node.outputs):
                size += prefix_length + len(value)
            for attribute in node.attributes.values():
                count += 1
                if isinstance(attribute, str):
                    size += len(attribute)
                elif isinstance(attribute, list):
                    count += len(attribute)
        self.wire.count_fields(call.offset, count)
        self.wire.count_names(call.offset, size)

    def enter_branch(self, node, body, outputs):
        """Return (nodes, Graph, names) of a branch of an If.

        node: the OnnxNode of the If.
        body: the Body of the branch.
        outputs: the values that the branch makes, in its order.
        The nodes are those of the Graph, in the order in which they run, with the names of values
        that `names` has for those in the Graph.
        """
        graph = read_inner_graph(self.wire, body.start, body.end)
        prefix = self.new_prefix(node)
        self.wire.count_fields(node.offset, len(body.names))
        names = dict(body.names)
        made = list(graph.tensors)
        for inner in graph.nodes:
            made.extend(inner.outputs)
        for value in made:
            self.wire.count_names(node.offset, len(prefix) + len(value))
            names[value] = f'{prefix}/{value}'
        names[''] = ''
        copies = name_outputs(names, graph.nodes, list(zip(graph.outputs, outputs)), node)
        nodes = [renamed(inner, names, {})._replace(scope=node.scope) for inner in graph.nodes]
        return sort_nodes(self.wire, self.expand(nodes + copies)), graph, names

    def new_prefix(self, node):
        """Return what the names of the values inside a node start with; no other node has it."""
        prefix = node.name or next(filter(None, node.outputs), node.type)
        count = self.prefixes.get(prefix, 0) + 1
        self.prefixes[prefix] = count
        return prefix if count == 1 else f'{prefix}#{count}'


def name_outputs(names, nodes, pairs, outer):
    """Put the names around a graph for the values that it puts out into `names`.

    names: {name inside: value}.
    nodes: [OnnxNode] inside, with the names inside.
    pairs: [(name inside, value around it)].
    outer: the OnnxNode that the graph is inside of.
    Returns OnnxNodes to run after the others: copies of values that no node inside makes.
    """
    made = set()
    for node in nodes:
        made.update(node.outputs)
    copies = []
    for name, value in pairs:
        if not value:
            continue
        if name in made:
            made.remove(name)  # a second output of this name is a copy
            names[name] = value
        else:
            source = names.get(name, name)
            copies.append(OnnxNode('', 'Identity', [source], [value], {}, outer.offset))
    return copies


def renamed(node, names, attributes):
    """Return an OnnxNode with other names of values, and with attributes in place of References.

    names: {name: value}; a name that is not there stays.
    attributes: {name: attribute}, of the call around the node.
    """
    bodies = []
    for name, body in node.bodies:
        bodies.append((name, body._replace(names=names)))
    return node._replace(
        inputs=[names.get(value, value) for value in node.inputs],
        outputs=[names.get(value, value) for value in node.outputs],
        attributes=resolved(node.attributes, attributes),
        bodies=tuple(bodies),
    )


def resolved(attributes, outer):
    """Return a node's attributes with those of the call around it in place of References.

    attributes: {name: attribute}; outer: {name: attribute}, of the call. A Reference to an
    attribute that the call does not have is left out.
    """
    result = {}
    for name, attribute in attributes.items():
        if not isinstance(attribute, Reference):
            result[name] = attribute
        elif attribute.name in outer:
            result[name] = outer[attribute.name]
    return result


# === Bodies ===


def read_bodies(wire, node):
    """Yield (Body, Graph) of all graphs inside a node, with those inside of them."""
    waiting = [body for _, body in node.bodies]
    while waiting:
        body = waiting.pop()
        graph = read_inner_graph(wire, body.start, body.end)
        yield body, graph
        for inner in graph.nodes:
            for _, inner_body in inner.bodies:
                waiting.append(inner_body._replace(names=body.names))


def find_inner_types(wire, node):
    """Return the set of the types of all nodes inside a node."""
    types = set()
    for _, graph in read_bodies(wire, node):
        types.update(inner.type for inner in graph.nodes)
    return types


def find_reads(wire, node):
    """Return the names of the values that a node reads, also in the graphs inside it.

    Names of values that are two graphs further inside may be among them: no other value has them.
    """
    reads = list(node.inputs)
    for body, graph in read_bodies(wire, node):
        inside = {*graph.tensors, *graph.inputs}
        for inner in graph.nodes:
            inside.update(inner.outputs)
        names = [value for inner in graph.nodes for value in inner.inputs]
        for name in (*names, *graph.outputs):
            if name not in inside:
                reads.append(body.names.get(name, name))
    return reads


# === Order ===


def sort_nodes(wire, nodes, given=()):
    """Return a list of nodes in which each is behind those that make what it reads.

    wire: the Wire of the file; nodes: [OnnxNode], in any order.
    given: values that no node needs to make, such as the inputs of the graph.
    Nodes that are in such an order already keep it.
    Raises InputError if nodes read one another's outputs in a cycle.
    """
    makers = {}
    for index, node in enumerate(nodes):
        for value in node.outputs:
            makers.setdefault(value, index)
    for value in ('', *given):
        makers.pop(value, None)
    done = [False] * len(nodes)
    ordered = []
    for start in range(len(nodes)):
        if done[start]:
            continue
        path = [start]  # each is read by the one before it
        on_path = {start}
        reads_left = [iter(find_reads(wire, nodes[start]))]
        while path:
            maker = None
            for value in reads_left[-1]:
                maker = makers.get(value)
                if maker is not None and not done[maker]:
                    break
                maker = None
            if maker is None:  # all that it reads has been made
                index = path.pop()
                on_path.remove(index)
                reads_left.pop()
                done[index] = True
                ordered.append(nodes[index])
            elif maker in on_path:
                raise InputError(
                    f'{place_of(wire, nodes[path[-1]])}: reads {quote(value)}, which is made of '
                    'what it makes itself; expected nodes without cycles'
                )
            else:
                path.append(maker)
                on_path.add(maker)
                reads_left.append(iter(find_reads(wire, nodes[maker])))
    return ordered
