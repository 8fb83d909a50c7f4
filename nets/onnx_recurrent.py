"""ONNX's recurrent layers: LSTM, GRU and RNN, which are fully-connected layers in steps.

At each step of the sequence, the input of this step and the state of the last one are multiplied by
weights W and R. With the input and the state one behind the other, this is one matrix. EIE's
authors count the LSTM of NeuralTalk so (Han et al., ISCA 2016, Table III).

Source: Operators.md, github.com/onnx/onnx, quoted for each operator
"""

from fodlam.nets.layers import Refusal, count_per_frame, macs_and_shapes
from fodlam.nets.onnx_op import example  # noqa: F401 (in examples)
from fodlam.nets.onnx_products import Entry, transposed

# How many rows of W and R there are for each number of the state. LSTM: "W[iofc]", "R[iofc]"; GRU:
# "W[zrh]", "R[zrh]"; RNN: "Wi", "Ri".
GATES = {'LSTM': 4, 'GRU': 3, 'RNN': 1, 'com.microsoft.DynamicQuantizeLSTM': 4}

# Operators whose W and R have rows for columns: "[num_directions, input_size, 4*hidden_size]".
TRANSPOSED_TYPES = ('com.microsoft.DynamicQuantizeLSTM',)

DIRECTIONS = {'forward': 1, 'reverse': 1, 'bidirectional': 2}  # `direction`: how many there are


def recurrent(op, index):
    """LSTM, GRU and RNN: weights W, "[num_directions, 4*hidden_size, input_size]", and R.

    index: of W; R is behind it, "[num_directions, 4*hidden_size, hidden_size]".
    "direction: Specify if the RNN is forward, reverse, or bidirectional." A bidirectional layer has
    a group for each direction.
    "layout: If 0, the following shapes are expected: X.shape = [seq_length, batch_size,
    input_size], Y.shape = [seq_length, num_directions, batch_size, hidden_size], Y_h.shape =
    [num_directions, batch_size, hidden_size]. If 1: X.shape = [batch_size, seq_length, input_size],
    Y.shape = [batch_size, seq_length, num_directions, hidden_size], Y_h.shape = [batch_size,
    num_directions, hidden_size]." An LSTM's third output, Y_c, is like Y_h.

    MACs are steps x gates x hidden x (input + hidden), for each direction. Eight steps of 16
    numbers, with a state of 32:

    >>> op = example((8, 1, 16), [], [], type_='LSTM')
    >>> op.net.shapes.update({'input 1': (1, 4 * 32, 16), 'input 2': (1, 4 * 32, 32)})
    >>> entries, shapes = recurrent(op, 1)
    >>> entries[0].members['macs'] == 8 * (4 * 32) * (16 + 32)
    True
    >>> shapes
    [(8, 1, 1, 32), (1, 1, 32), (1, 1, 32)]
    """
    op.need_inputs(0, index, index + 1)
    is_batch_first = op.flag('layout')
    shape = op.known_shape(0, rank=3)
    w = op.known_shape(index, rank=3)
    r = op.known_shape(index + 1, rank=3)
    if op.node.type in TRANSPOSED_TYPES:
        w, r = transposed(w), transposed(r)
    length, n, size = shape
    if is_batch_first:
        n, length, size = shape
    directions, rows, columns = w
    hidden = r[2]
    gates = GATES[op.node.type]
    if (rows, columns) != (gates * hidden, size) or r[:2] != (directions, rows):
        raise Refusal(
            f'W is {list(w)} and R is {list(r)} for an input of {size}; '
            f'expected [directions, {gates} * hidden, input or hidden]'
        )
    direction = op.text('direction', DIRECTIONS, default='forward')
    if directions != DIRECTIONS[direction]:
        raise Refusal(
            f'W is {list(w)}, and "direction" is {direction!r}; '
            f'expected {DIRECTIONS[direction]} as its first dimension'
        )
    steps = count_per_frame((n, length), op.net.batch)
    ifmap = (directions * (size + hidden), steps, 1)
    ofmap = (directions * rows, steps, 1)
    members = macs_and_shapes('InnerProduct', ifmap, ofmap, groups=directions)
    if is_batch_first:
        all_states, last_state = (n, length, directions, hidden), (n, directions, hidden)
    else:
        all_states, last_state = (length, directions, n, hidden), (directions, n, hidden)
    return [Entry('InnerProduct', members)], [all_states, last_state, last_state]
