#!/usr/bin/env python3
"""Extract a net file from a network's definition, in Caffe's text format or in ONNX.

A net file is what FODLAM reads: a JSON list of a network's layers, with the multiply-accumulates
(MACs) and shapes of the convolutional and fully-connected ones. Neither Caffe nor ONNX is needed.

  python3 nets/extract.py lenet.prototxt --output nets/lenet.json
  python3 nets/extract.py model.onnx --output nets/model.json

Once installed, the command is fodlam-extract.

Every layer has a name and a type. A layer with MACs also has `macs`, their number, and its shapes,
such as ifmap [C, H, W], ofmap [K, P, Q] and kernel [R, S]. All of these are for one frame: the
batch is left out. nets/README.md explains each of them.

This file is the program: it reads the command line and writes the net file. The work on a model is
done in the other files of this folder, here in the order in which a model goes through them:

  caffe.py, prototxt.py         Caffe: its layers; its text format
  onnx_net.py, onnx_file.py     ONNX: its nodes; its binary format
  onnx_inputs.py                ONNX: sizes of its inputs, and which dimension is the batch
  onnx_functions.py             ONNX: nodes inside functions and branches, and the order of nodes
  onnx_op.py, onnx_follow.py    ONNX: a node as rules see it, and what the rules tell of it
  onnx_macs.py                  ONNX: operators with MACs, convolutions among them
  onnx_products.py, onnx_attention.py, onnx_recurrent.py     ONNX: others with MACs
  onnx_unmodelled.py            ONNX: how many MACs operators have that are left out
  onnx_rules.py, onnx_images.py, onnx_contrib.py     ONNX: the shapes that all others make
  onnx_numbers.py               ONNX: the numbers that they make, as shapes depend on numbers
  onnx_repeats.py               ONNX: copies of feature maps, which products share
  onnx_remedies.py              ONNX: what helps if a shape is not known
  layers.py                     what layers of any format make of shapes, and their MACs
  network.py                    the network that every format builds, and its net file
  fusing.py                     what accelerators do to an ofmap before they store it

Sources:
  Caffe  caffe.proto and the layers' Reshape functions, github.com/BVLC/caffe
  ONNX   onnx.proto and Operators.md, github.com/onnx/onnx
"""

if __name__ == '__main__':
    # Before the imports, which take time: let Ctrl-C end this process silently, as fodlam.py does.
    import _signal

    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)

import os
import sys

if not __package__:
    # It is run as a script, perhaps by a link. No folder of the project may be in sys.path, or a
    # csv.py there would be taken for Python's own. So fodlam.py is loaded by its path.
    FOLDER = os.path.dirname(os.path.realpath(__file__))
    if FOLDER in sys.path:
        sys.path.remove(FOLDER)
    from importlib import util

    if 'fodlam' not in sys.modules:  # as it is where a notebook runs this file
        spec = util.spec_from_file_location('fodlam', f'{os.path.dirname(FOLDER)}/fodlam.py')
        sys.modules['fodlam'] = util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules['fodlam'])

import argparse
import contextlib
import functools
import re
import signal
import stat

from fodlam import InputError, __version__, command, complain, place, quote, to_json
from fodlam import main as fodlam_main
from fodlam.data.arguments import new_parser
from fodlam.data.mistakes import not_extractable
from fodlam.nets.fusing import fuse
from fodlam.nets.network import Given, net_file

SCRIPT, COMMAND = 'extract.py', 'fodlam-extract'  # what it is called, also once installed

# === Reading models ===


def read_network(path, given):
    """Return the Net of a model; the end of its name tells its format.

    path: of the model; given: the Given of the command line.
    Raises InputError if the model cannot be read.
    """
    extension = os.path.splitext(path)[1].lower()
    if extension == '.prototxt':
        check_file(path)
        from fodlam.nets.caffe import read_caffe

        if given.inputs or given.symbols or given.batch or given.batch_axis is not None:
            raise InputError(
                f'{quote(path)}: a Caffe definition, whose batch and symbols need no options; '
                'expected none of --batch, --batch-axis, --dim and --input NAME='
            )
        return read_caffe(path, given.frame, given.stages, given.same_shape_types)
    if extension == '.onnx':
        check_file(path)
        if given.stages:
            raise InputError(f'{quote(path)}: --stage is for Caffe; expected a .prototxt file')
        from fodlam.nets.onnx_net import read_onnx

        return read_onnx(path, given)
    raise InputError(f'{quote(path)}: {not_extractable(path)}')


def check_file(path):
    """Raise InputError if a path leads to nothing, or to a folder or a pipe."""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise InputError(
            f'{quote(path)}: cannot be read ({error.strerror}); expected a file'
        ) from None
    except ValueError:  # a null character, or half a surrogate pair
        raise InputError(f'{quote(path)}: no file can have this name; expected a path') from None
    if not stat.S_ISREG(mode):
        raise InputError(f'{quote(path)}: a folder, pipe or device; expected a file')


# === Writing net files ===


# Signals that end a process. They wait while a net file is written.
ENDING_SIGNALS = ('SIGINT', 'SIGTERM', 'SIGHUP')


def is_open_as(path, stream):
    """Return whether a path leads to what a stream writes to, as /dev/stdout does for stdout.

    stream: a text stream, perhaps without a file below it, or None.
    """
    try:
        return os.path.samestat(os.stat(path), os.fstat(stream.fileno()))
    except (AttributeError, OSError, ValueError):
        return False


def write_net_file(text, path, model_path):
    """Write the whole text of a net file; if that fails, leave the file as it was before.

    text: of the net file.
    path: of the net file; if it is a link, the file that it leads to is written. If it is a pipe or
    a device, that is written to.
    model_path: of the model, which is never overwritten.
    Raises InputError if the net file cannot be written.
    """
    try:
        if not os.path.basename(path):
            raise OSError(None, 'it is that of a folder')
        target = os.path.realpath(path)
        status = None  # of the file that is there
        if os.path.exists(path):
            status = os.stat(path)
            if not stat.S_ISREG(status.st_mode):
                with open(path, 'w', encoding='utf-8') as file:
                    file.write(text)
                return
            if os.path.samefile(path, model_path):
                raise InputError(f'{quote(path)}: it is the model; expected another path')
            if not status.st_mode & 0o222 or not os.access(path, os.W_OK):
                raise InputError(
                    f'{quote(path)}: it may not be written; make it writable, or give another path'
                )
            if status.st_nlink > 1:
                raise InputError(
                    f'{quote(path)}: it has another name, a hard link, which would keep the old '
                    'content; remove one of the two, or give another path'
                )
        with ending_signals_wait():
            write_and_rename(text, target, status)
    except OSError as error:
        raise InputError(
            f'{quote(path)}: cannot be written ({error.strerror}); '
            'expected a path for a file, with room'
        ) from None
    except ValueError:  # a null character, or half a surrogate pair
        raise InputError(f'{quote(path)}: no file can have this name; expected a path') from None


@contextlib.contextmanager
def ending_signals_wait():
    """A context in which ENDING_SIGNALS wait until its end; on Windows, they do not."""
    if not hasattr(signal, 'pthread_sigmask'):
        yield
        return
    signals = [getattr(signal, name) for name in ENDING_SIGNALS]
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def write_and_rename(text, path, before):
    """Write text to a temporary file beside a path, then give it the name of the path.

    before: the os.stat of the file that was there, whose mode is kept, and also its owner if this
    process may give files to others; None: there was none, and the system has its defaults.
    Raises OSError if that fails; the temporary file is then removed.
    """
    # A short name, as that of the path may be as long as names can be.
    temporary = os.path.join(os.path.dirname(path), f'.{os.urandom(8).hex()}.new')
    # Outside the try: if the file is there already, somebody else wrote it, and it is not removed.
    file = open(temporary, 'x', encoding='utf-8')  # noqa: SIM115
    try:
        with file:
            file.write(text)
        if before is not None:
            if hasattr(os, 'chown'):  # not on Windows
                with contextlib.suppress(OSError):
                    os.chown(temporary, before.st_uid, before.st_gid)
            os.chmod(temporary, stat.S_IMODE(before.st_mode))
        os.replace(temporary, path)
    except BaseException:  # also KeyboardInterrupt, where signals do not wait
        with contextlib.suppress(OSError):
            os.remove(temporary)
        raise


# === Command line ===


def make_parser(program):
    """Return the parser of the extractor's command line; program: what the extractor is called."""
    to_run, folder = ('python3 nets/extract.py', 'nets/') if program == SCRIPT else (program, '')
    parser = new_parser(
        prog=program,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Extract the MACs and shapes of a network's layers, as a net file for FODLAM.",
        epilog=f"""examples:
  {to_run} lenet.prototxt --output {folder}lenet.json
  {to_run} model.onnx --input 3,224,224 --output {folder}model.json
  {to_run} detector.onnx --input image=3,640,640 --input scale=2
  {to_run} bert.onnx --dim sequence=128    for inputs [batch, sequence]
  {to_run} encoder.onnx --batch-axis 1     for an input [sequence, batch, features]
  {to_run} encoder.onnx --batch 1          for an input [sequence, features]
""",
    )
    parser.add_argument(
        'model',
        nargs='?',
        default=None,
        help="a definition in Caffe's text format (.prototxt) or ONNX (.onnx)",
    )
    parser.add_argument(
        '--input',
        metavar='[NAME=]C,H,W',
        action='append',
        default=[],
        help='channels, height and width of the first input, or of the input of that name, '
        'whatever the model says; may be repeated',
    )
    parser.add_argument(
        '--dim',
        metavar='NAME=SIZE',
        action='append',
        default=[],
        help='the size that a name stands for in an ONNX model, such as seq in [1, seq, 64]; may '
        'be repeated',
    )
    parser.add_argument(
        '--batch',
        metavar='N',
        default=None,
        help='how many frames the inputs of an ONNX model hold, by which its MACs are divided; 1 '
        'for none; default: the size of the dimension that is the batch',
    )
    parser.add_argument(
        '--batch-axis',
        metavar='A',
        default=None,
        help='the dimension of the inputs of an ONNX model that is the batch; default: as its '
        'operators tell, or else 0, the first',
    )
    parser.add_argument(
        '--strict',
        action='store_true',
        default=False,
        help='make it an error if anything that has MACs is left out',
    )
    parser.add_argument(
        '--stage',
        metavar='NAME',
        action='append',
        default=[],
        help="a stage of Caffe's include and exclude rules, such as deploy; may be repeated",
    )
    parser.add_argument(
        '--same-shape',
        metavar='TYPE',
        action='append',
        default=[],
        help='a type of custom layer whose output has the shape of its input; may be repeated',
    )
    parser.add_argument(
        '--output',
        metavar='FILE',
        default=None,
        help='where the net file goes, whole or not at all; default: standard output',
    )
    parser.add_argument('-h', '--help', action='store_true', default=False, help='print this help')
    parser.add_argument(
        '--version', action='store_true', default=False, help='print the version of FODLAM'
    )
    return parser


SIZE = '[1-9][0-9]{0,8}'


def parse_given(options, parser):
    """Return the Given of the command line.

    options: the namespace from the parser.
    parser: refuses what is no size, and what is given twice.
    """
    frame = None
    inputs, symbols = {}, {}
    for text in options.input:
        name, _, sizes = text.rpartition('=')
        if not re.fullmatch(f'{SIZE}(,{SIZE}){{0,8}}', sizes) or text.startswith('='):
            parser.error(
                f'--input is {quote(text)}; expected C,H,W such as 3,224,224, or NAME=C,H,W'
            )
        shape = tuple(int(size) for size in sizes.split(','))
        if name in inputs or (frame and not name):
            parser.error(f'--input {quote(text)}; expected one --input for an input')
        if name:
            inputs[name] = shape
        else:
            frame = shape
    for text in options.dim:
        name, _, size = text.rpartition('=')
        if not name or not re.fullmatch(SIZE, size):
            parser.error(f'--dim is {quote(text)}; expected NAME=SIZE such as seq=128')
        if name in symbols:
            parser.error(f'--dim {quote(text)}; expected one --dim for a name')
        symbols[name] = int(size)
    batch = parse_number(options.batch, '--batch', SIZE, '1 or more', parser)
    batch_axis = parse_number(options.batch_axis, '--batch-axis', '[0-9]', '0 to 9', parser)
    return Given(frame, inputs, symbols, batch, batch_axis, options.stage, options.same_shape)


def parse_number(text, option, pattern, expected, parser):
    """Return the integer that an option has, or None if it is not given.

    text: of the option, or None.
    option: its name; pattern: of the text; expected: the numbers that it may be, in words.
    parser: refuses any other text.
    """
    if text is None:
        return None
    if not re.fullmatch(pattern, text):
        parser.error(f'{option} is {quote(text)}; expected {expected}')
    return int(text)


def run(argv, stdin, stdout, stderr, program):
    """Yield the text that the command line asks for; print notes on the model to stderr.

    argv: the arguments. stdin is not used; fodlam.main hands it to every program.
    stdout: a text stream, to tell whether --output is the same.
    program: what the extractor is called.
    """
    parser = make_parser(program)
    options = parser.parse_args(argv)
    if options.help:
        yield parser.format_help()
        return
    if options.version:
        yield f'{program} {__version__}\n'
        return
    if options.model is None:
        parser.error('no model; expected a .prototxt or .onnx file')
    network = read_network(options.model, parse_given(options, parser))
    if options.strict:
        network.check_nothing_left_out()
    sums = fuse(network.nodes, network.shapes, network.results)
    with place(network.where):
        text = to_json(net_file(network.nodes, sums, network.results))
    if options.output is None or is_open_as(options.output, stdout):
        yield text
    else:
        write_net_file(text, options.output, options.model)
    for note in network.notes():
        complain(note, stderr, program)


def main(argv, stdin, stdout, stderr, program=SCRIPT):
    """Run the extractor on the arguments `argv` and three text streams; return the exit status.

    program: what the extractor is called.
    """
    run_as = functools.partial(run, program=program)
    return fodlam_main(argv, stdin, stdout, stderr, run=run_as, program=program)


def extract_command(program=COMMAND):
    """Run the extractor on the process's own arguments; program: what it is called."""
    command(functools.partial(run, program=program), program)


if __name__ == '__main__':
    extract_command(SCRIPT)
