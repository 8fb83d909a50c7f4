"""ONNX: what the user can do about a shape that is not known, or about sizes that do not fit."""

import shlex

from fodlam import quote
from fodlam.nets.layers import BATCH, Symbol
from fodlam.nets.network import excerpt

# Gives an input of a model its size, and infers all other shapes: code for `python3 -c`, which
# writes another file beside the model, and leaves weights that are in files of their own there.
INFER_SHAPES = (
    'import onnx, sys; f = sys.argv[1]; m = onnx.load(f, load_external_data=False); '
    'm.graph.input[{index}].type.CopyFrom(onnx.helper.make_tensor_type_proto('
    'm.graph.input[{index}].type.tensor_type.elem_type, {dims})); '
    '[v.type.tensor_type.ClearField("shape") for v in m.graph.output]; '
    'onnx.save(onnx.shape_inference.infer_shapes(m, data_prop=True), f[:-5] + ".shapes.onnx")'
)

# How messages start that say that sizes do not fit one another.
MISMATCHES = ('cannot broadcast', 'cannot multiply', 'cannot reshape', 'inputs differ')

# Operators whose outputs have sizes that depend on the numbers of a feature map. For an If
# or a Loop, such numbers decide which nodes run, or how often.
DATA_DEPENDENT_TYPES = ('Compress', 'If', 'Loop', 'NonMaxSuppression', 'NonZero', 'Unique')


def explain(message, given):
    """Return the message of an error in a node, with what helps in an ONNX model.

    given: the Given of the command line.
    """
    if message.endswith('an export with batch 1'):
        return f'{message}, or give the batch with --batch or --batch-axis'
    has_sizes = given.frame or given.inputs or given.symbols
    if has_sizes and message.startswith(MISMATCHES):
        problem = message.rpartition('; ')[0]
        return f'{problem}; this file fixes its size: export it at that size'
    return message


def find_remedy(net, value):
    """Return what the user can do if the shape of a value is not known.

    net: the OnnxNet.
    """
    for name in [value, *net.feature_inputs]:
        if name in net.feature_inputs and not net.has_known_shape(name):
            return size_remedy(net, name)
    if not net.feature_inputs:
        return 'export the model with inputs of fixed sizes'
    cause = find_cause(net, value)
    if cause is not None:
        shown = f'{excerpt(cause.type)} {quote(cause.name)}'
        if cause.type in DATA_DEPENDENT_TYPES:
            return (
                f'expected sizes that do not depend on numbers in the input, as of {shown}; '
                'export the parts of the model before and behind it as models of their own'
            )
        if '.' in cause.type:
            return (
                f'give --same-shape {shlex.quote(excerpt(cause.type))} if {shown}, which is not of '
                'ONNX, has an output of the shape of its input, or export the model without it'
            )
    if net.graph.has_inner_shapes:
        return (
            'export the model with inputs of fixed sizes, by torch.onnx.export(dynamo=True), '
            'or simplify it with onnxsim'
        )
    dims = [1 if size == BATCH else size for size in net.shapes[net.first_input] or ()]
    code = INFER_SHAPES.format(index=net.graph.inputs.index(net.first_input), dims=dims)
    return f'run: python3 -c {shlex.quote(code)} {shlex.quote(net.path)}'


def size_remedy(net, name):
    """Return how the user can give the size of an input of the model.

    net: the OnnxNet; name: of the input.
    """
    shape = net.shapes[name] or ()
    sizes = {2: 'C', 3: 'C,L'}.get(len(shape), 'C,H,W')
    if name == net.first_input:
        remedy = f'give the size of the first input with --input {sizes}'
    else:
        remedy = f'give the size of {quote(name)} with --input {shlex.quote(name)}={sizes}'
    dims = net.graph.shapes[name] or ()
    for size in shape:
        if isinstance(size, Symbol) and size.name in dims:
            return f'{remedy}, or of a symbol with --dim {shlex.quote(size.name)}=SIZE'
    return remedy


def find_cause(net, value):
    """Return the OnnxNode because of which the shape of a value is not known, or None.

    All that this node reads has a known shape. It is None if that is an input's.
    net: the OnnxNet.
    """
    seen = set()
    while value in net.makers:
        node = net.makers[value]
        seen.add(value)
        unknown = []
        for name in node.inputs:
            if name in net.features and name not in seen and not net.has_known_shape(name):
                unknown.append(name)
        if not unknown:
            return node
        value = unknown[0]
    return None
