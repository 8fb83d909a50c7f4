"""What people do wrong, in words: messages that say what to do, with the nearest valid name.

fodlam.py and other rooms see that something is wrong, and come here for the message. They import
this room only then, as a run without a mistake has no need of it. A function here returns a
message, or a part of one, and raises nothing.

Terms:
  ending  the last part of a file's name, which says its format, such as ".onnx"
"""

import csv
import json
import os
import re
import sys

import fodlam
from fodlam import (
    EIE_FILE,
    HOME,
    KIND_OF_TYPE,
    MAX_NUMBER,
    MAX_QUOTED_CHARACTERS,
    PUBLISHED,
    canonical,
    quote,
)

# === Names ===

MAX_CHOICES_CHARACTERS = 1500  # a longer list of names is cut
MAX_NAMES_COMPARED = 5000
MAX_NAME_CHARACTERS = 80  # a longer name is not compared with others, which would take long
MAX_PATH_CHARACTERS = 400  # a longer path is not in the commands of a message
# difflib's ratio says how alike two names are, from 0 to 1 for the same name. From this ratio on,
# one is suggested: "shpae" and "shape" have 0.8, "clock" and "clock_mhz" 0.71, "cvs" and "csv"
# 0.67.
LEAST_RATIO = 0.65


def choices(names, given=None):
    """Return what can be chosen, such as 'did you mean "mac"? choose from mac, shape'.

    names: an iterable of them, in the order to show; names and the list are cut if too long.
    given: what the user wrote instead, of any type; None: nothing is suggested.

    >>> choices(['mac', 'shape'], 'Shpae')
    'did you mean "shape"? choose from mac, shape'
    >>> choices(['mac', 'shape'], 'area')
    'choose from mac, shape'
    """
    names = list(names)
    shown = ', '.join(cut_name(name) for name in names)
    if len(shown) > MAX_CHOICES_CHARACTERS:
        shown = f'{shown[:MAX_CHOICES_CHARACTERS]}... and others'
    suggested = nearest(given, names)
    if suggested is None:
        return f'choose from {shown}'
    return f'did you mean "{cut_name(suggested)}"? choose from {shown}'


def cut_name(name):
    """Return a name as it is if it is short enough for a message, or else its beginning."""
    if len(name) <= MAX_QUOTED_CHARACTERS:
        return name
    return f'{name[:MAX_QUOTED_CHARACTERS]}...'


def nearest(given, names, least_ratio=LEAST_RATIO):
    """Return the name that is most like what the user wrote; None if none is much like it.

    given: what the user wrote, of any type; None is like no name. names: an iterable.
    least_ratio: of difflib, from which on two names are much alike; see LEAST_RATIO.

    >>> nearest('netfiel', ['net', 'netfile'])
    'netfile'
    """
    if not isinstance(given, str) or len(given) > MAX_NAME_CHARACTERS:
        return None
    import difflib  # takes long to load, and most runs make no mistake

    by_form = {}  # {canonical name: the first name with this form}
    for name in list(names)[:MAX_NAMES_COMPARED]:
        by_form.setdefault(canonical(name), name)
    matches = difflib.get_close_matches(canonical(given), by_form, 1, least_ratio)
    return by_form[matches[0]] if matches else None


# === Commands to run ===


def command_line(command, module):
    """Return how to run one of the programs from the current folder.

    command: its name once installed, such as "fodlam-extract".
    module: its path below the project's folder, such as "nets/extract.py".
    """
    import shutil

    if shutil.which(command):
        return command
    if not os.path.isfile(os.path.join(HOME, 'fodlam.py')):  # installed, but not on the PATH
        name = module.removesuffix('.py').replace('/', '.')
        return 'python3 -m fodlam' if name == 'fodlam' else f'python3 -m fodlam.{name}'
    return f'python3 {project_path(module)}'


def project_path(path):
    """Return the path of a file of the project from the current folder, as a word of a command.

    path: below the project's folder, such as "config/vgg16.json".
    """
    if os.path.realpath(os.getcwd()) == HOME:
        return path
    return quote_for_shell(os.path.join(HOME, *path.split('/')))


def quote_for_shell(text):
    """Return a text as one word of a command, such as a path with a space, between quotes."""
    import shlex

    return shlex.quote(text)


def fodlam_command():
    """Return how to run FODLAM, such as "python3 fodlam.py"."""
    return command_line('fodlam', 'fodlam.py')


def extract_command():
    """Return how to run the extractor, such as "fodlam-extract"."""
    return command_line('fodlam-extract', 'nets/extract.py')


def run_config(config):
    """Return the command that runs FODLAM on a config; config: its JSON."""
    return f'echo {quote_for_shell(config)} | {fodlam_command()}'


def run_netfile(path):
    """Return the command that runs FODLAM on a net file; path: of the file."""
    if not os.path.dirname(path):
        path = f'./{path}'  # or it would be looked for in nets/
    return f'{run_config(json.dumps({"netfile": path}))} --per-frame'


# === Models ===

BY_TORCH = 'export it to ONNX with torch.onnx.export'
BY_TF2ONNX = 'convert it to ONNX with tf2onnx'
BY_TORCH_WITH_CODE = 'load them into their model in PyTorch, and export that with torch.onnx.export'

# {ending: (what the file is, what makes a file of it that the extractor reads; None if it reads
# the file itself)}; fodlam.MODEL_ENDINGS are these endings
MODELS = {
    '.onnx': ('an ONNX model', None),
    '.prototxt': ('a Caffe definition', None),
    '.caffemodel': (
        'the weights of a Caffe model',
        'take its .prototxt, which has the layers',
    ),
    '.pt': ('a PyTorch model', BY_TORCH),
    '.pth': ('a PyTorch model', BY_TORCH),
    '.pt2': ('a PyTorch model', BY_TORCH),
    '.ckpt': ('weights without their layers', BY_TORCH_WITH_CODE),
    '.safetensors': ('weights without their layers', BY_TORCH_WITH_CODE),
    '.h5': ('a Keras model', BY_TF2ONNX),
    '.hdf5': ('a Keras model', BY_TF2ONNX),
    '.keras': ('a Keras model', BY_TF2ONNX),
    '.tflite': ('a TensorFlow Lite model', BY_TF2ONNX),
    '.pb': ('a TensorFlow model', BY_TF2ONNX),
}
# {ending: a pattern of the first bytes}. An ONNX file begins with its field 1, ir_version, a small
# number. One of its fields 2 to 8 follows; in most files that is 2, producer_name.
BINARY_STARTS = {
    '.onnx': rb'\x08[\x00-\x1f][\x12\x1a\x22\x28\x32\x3a\x42]',
    '.h5': rb'\x89HDF',
    '.pt': rb'PK\x03\x04|\x80[\x02-\x05]',  # a zip archive; an older one is a pickle
    '.tflite': rb'(?s:.{4})TFL3',
}
PROTOTXT_START = (
    r'\s*(#[^\n]*\n\s*)*(name|layers?|input|input_dim|input_shape|force_backward|state)\s*[:{]'
)


def binary_model(content):
    r"""Return the ending for a binary model, by its first bytes; None if it is no such model.

    >>> binary_model(b'\x08\x08\x12\x07pytorch')
    '.onnx'
    """
    for ending, start in BINARY_STARTS.items():
        if re.match(start, content):
            return ending
    return None


def ending_of(path):
    """Return the ending of a path if it is that of a model, or else None.

    >>> ending_of('nets/ResNet50.ONNX'), ending_of('nets/lenet.json')
    ('.onnx', None)
    """
    ending = os.path.splitext(path)[1].lower()
    return ending if ending in MODELS else None


def model_advice(ending, path=None, is_not='no JSON'):
    """Return the message for a model file, with the commands that make a net file of it and use it.

    ending: of the file's name. path: of the file; None if it is not known.
    is_not: what the file should have been and is not, with a "no" or "neither".
    """
    what, conversion = MODELS[ending]
    if path is None or len(path) > MAX_PATH_CHARACTERS:
        path = f'model{ending}'
    stem = os.path.splitext(os.path.basename(path))[0]
    convert_first = ''
    if conversion is not None:  # the extractor reads what is made of the file
        convert_first = f'{conversion}; then '
        path = 'model.prototxt' if ending == '.caffemodel' else f'{stem}.onnx'
    output = f'{stem}.json'
    if os.path.exists(output):  # or running the command would overwrite that file
        output = f'{stem}-net.json'
    extract = f'{extract_command()} {quote_for_shell(path)} --output {quote_for_shell(output)}'
    return (
        f'{what}, and {is_not}; {convert_first}make a net file of it: {extract}; '
        f'then run: {run_netfile(output)}'
    )


def not_extractable(path):
    """Return the message for a path that the extractor was given, but in no format it reads."""
    model_ending = ending_of(path)
    if model_ending:
        return model_advice(model_ending, path, is_not='neither ONNX nor .prototxt')
    ending = os.path.splitext(path)[1]
    if ending.lower() == '.json':
        return f'JSON, and no model; if it is a net file, run: {run_netfile(path)}'
    return f'unknown format {quote(ending)}; {choices([".prototxt", ".onnx"], ending)}'


# === What cannot be read ===

JSON_EXAMPLES = (
    '{"net": "VGG16"} in a config, or '
    '[{"name": "conv1", "type": "Convolution", "macs": 105415200}] in a net file'
)


def advice_on(error):
    """Return the message for an exception of fodlam.MISTAKES, with what would be right."""
    if isinstance(error, json.JSONDecodeError):
        return json_advice(error)
    if isinstance(error, UnicodeDecodeError):
        return bytes_advice(error)
    if isinstance(error, UnicodeEncodeError):
        return 'no file can have this name; expected a path'
    if isinstance(error, csv.Error):
        if 'field limit' in str(error):
            found = f'a cell of more than {csv.field_size_limit():,} characters'
        else:
            found = 'a NUL or a line break in a cell without quotes'
        return f'{found}; expected a table as spreadsheets write it'
    if isinstance(error, RecursionError):
        return 'nested too deep; expected a few levels of JSON'
    if isinstance(error, OSError):
        return (
            f'cannot be used ({error.strerror}); '
            'expected a file or pipe that is there, open, not full'
        )
    if str(error).startswith('Exceeds the limit'):  # as Python says of an int, from 3.10.7 on
        digits = sys.get_int_max_str_digits()
        return f'a whole number of more than {digits} digits; expected one up to {MAX_NUMBER:g}'
    return str(error)


def too_large(content, limit):
    """Return the message for a file of which no more than `limit` bytes are read.

    content: the bytes at its beginning.
    """
    ending = binary_model(content)
    if ending:
        return model_advice(ending)
    return f'too large; at most {limit} bytes are read'


def bytes_advice(error):
    """Return the message for a UnicodeDecodeError; it says what the bytes may be, if not UTF-8."""
    content = error.object
    ending = binary_model(content)
    if ending:
        return model_advice(ending)
    problem = f'not UTF-8 at byte {error.start}'
    if content.startswith((b'\xff\xfe', b'\xfe\xff')):
        problem += ', but UTF-16, which PowerShell writes'
    return f'{problem}; save it as UTF-8'


def json_advice(error):
    """Return the message for a JSONDecodeError, with the place and what would be right."""
    text, position = error.doc, error.pos
    if not text.strip():
        return f'empty; expected JSON, such as {JSON_EXAMPLES}'
    if re.match(PROTOTXT_START, text):
        return model_advice('.prototxt')
    # A binary file may be UTF-8 all the same, and so have become a text.
    ending = binary_model(text[:8].encode(errors='replace'))
    if ending:
        return model_advice(ending)
    before = text[:position].rstrip()
    if text[position : position + 1] in ('}', ']') and before.endswith(','):
        # Later versions of Python say that the comma is wrong, and not the bracket behind it.
        position = len(before) - 1
        error = json.JSONDecodeError(error.msg, text, position)
    place = f'not JSON at line {error.lineno}, column {error.colno}'
    return f'{place}: {json_problem(text, position, error.msg)}'


PYTHON_WORDS = {'True': 'true', 'False': 'false', 'None': 'null'}  # and what JSON has for them


def json_problem(text, position, python_says):
    """Return what is wrong at a position of a text that should be JSON, and what would be right.

    python_says: the message of Python's JSONDecodeError, which differs between versions: only its
    beginning is looked at, and after what the text itself shows.

    >>> json_problem('{"layers": ["FC6", ]}', 17, 'Expecting value')
    'a comma before the closing "]"; leave it out'
    """
    rest = text[position:].strip()
    following = rest[1:].lstrip()[:1]  # the character behind the first one of the rest
    word_match = re.match(r'[A-Za-z_][\w.-]*', rest)
    word = word_match.group() if word_match else ''
    if rest.startswith(',') and following in ('}', ']'):
        return f'a comma before the closing "{following}"; leave it out'
    if python_says.startswith('Unterminated string'):
        return 'a string does not end; expected a closing double quote'
    if text.strip() in ('{', '['):
        return 'nothing but a bracket; expected all up to the closing one, with --lines on one line'
    if not rest:
        return 'it ends too early; expected the rest, up to the closing bracket'
    if python_says.startswith('Invalid control character'):
        return 'a line break or a tab in a string; write \\n or \\t'
    if python_says.startswith(('Invalid \\escape', 'Invalid \\uXXXX')):
        return 'a single backslash in a string; write two, or / in a path'
    if rest.startswith(('//', '/*', '#')):
        return 'a comment, which JSON does not have; leave it out'
    if rest.startswith("'"):
        return 'a single quote; put strings in double quotes, as in {"net": "VGG16"}'
    if rest[0] in '‘’“”':
        return 'a curly quote; put strings in straight double quotes, as in {"net": "VGG16"}'
    if word in PYTHON_WORDS:
        return f'{word}; write {PYTHON_WORDS[word]}'
    if python_says.startswith('Extra data'):
        if rest.startswith('{'):
            return 'a second object; expected one, or configs on a line each with --lines'
        return f'{quote(rest)} after the end; expected nothing more'
    if python_says.startswith("Expecting ':'"):
        return f'{quote(rest)}; expected a colon after the key'
    if python_says.startswith("Expecting ','"):
        return f'{quote(rest)}; expected a comma, or the closing bracket'
    if word and python_says.startswith('Expecting property name'):
        return f'a key without quotes; write "{word[:80]}"'
    if python_says.startswith('Expecting property name'):
        return f'{quote(rest)}; expected a key in double quotes'
    if not text[:position].strip():
        return f'{quote(rest)}; expected JSON, such as {JSON_EXAMPLES}'
    return f'{quote(rest)}; expected a value: a string in double quotes, a number, true, false, ...'


# === Tables in data/ ===


def wrong_row(number, cells, key, headings):
    """Return the message for a row that lacks a cell or has one too many, or a name twice.

    number: of the line that it ends on. cells: a list. key: the heading of the column of names.
    headings: a list.
    """
    expected = f'a new "{key}", and a cell for each of {headings}'
    return f'row {number}: {quote(cells)}; expected {expected}'


def wrong_cell(number, heading, cell, least):
    """Return the message for a cell that is no number, or too small or too large a one.

    number: of the line that it is on. heading: of its column. cell: its text, or None.
    least: the smallest number allowed.
    """
    expected = f'a number from {least:g} to {MAX_NUMBER:g}'
    return f'row {number}, column "{heading}": {quote(cell)}; expected {expected}'


def no_row(file, name):
    """Return the message for a layer that the tables of its network lack.

    file: Eyeriss's table in data/. name: of the layer.
    """
    return f'data/{file} and data/{EIE_FILE} have no {quote(name)}; expected its row'


# === Configs ===

CONFIG_EXAMPLE = (
    'an object with one of "net" and "netfile", such as {"net": "VGG16", "layers": ["FC8"]} or '
    '{"netfile": "lenet.json"}'
)


def advice_on_path(path):
    """Return the message for a path that is given as a config, but is a model, or leads to no file.

    It is None if the path is not that of a model, nor a name of anything in this project.
    """
    ending = ending_of(path)
    if ending:
        return model_advice(ending, path)
    for net in PUBLISHED:
        if plain(net) == plain(path):
            return f'no file, but a network; run: {run_config(json.dumps({"net": net}))}'
    if os.path.isfile(os.path.join(HOME, 'config', path)):
        return f'no file here; run: {fodlam_command()} {project_path("config/" + path)}'
    file = find_by_stem(path)
    if file:
        return f'no file here, but a net file; run: {run_config(json.dumps({"netfile": file}))}'
    return None


def no_config(value, path='-'):
    """Return the message for a value that is no object, where a config should be.

    path: of the file that holds the value; "-" if it is not known.
    """
    if isinstance(value, list) and value and isinstance(value[0], dict):
        if 'net' in value[0] or 'netfile' in value[0]:
            return 'a list of configs; expected one, or one on each line with --lines'
        if 'name' in value[0]:
            if path == '-':
                path = 'model.json'
            return f'a net file, and no config; give its path in one: {run_netfile(path)}'
    if isinstance(value, str) and value.lstrip().startswith('{'):
        return f'{quote(value)}, a string that holds JSON; expected the object itself'
    return f'{quote(value)}; expected {CONFIG_EXAMPLE}'


def no_single_network(config):
    """Return the message for a config that has both or neither of "net" and "netfile"."""
    if 'net' in config:
        return 'both "net" and "netfile" are there, and a config is of one network; leave one out'
    return f'the keys are {quote(list(config))}; expected {CONFIG_EXAMPLE}'


def net_files():
    """Return the list of the names of the net files in nets/."""
    return sorted(name for name in os.listdir(fodlam.NETS_DIR) if name.endswith('.json'))


def find_by_stem(name):
    """Return the net file in nets/ that a name without its ending may mean, or None.

    >>> find_by_stem('ResNet-50')
    'resnet50.json'
    """
    for file in net_files():
        if plain(file.removesuffix('.json')) == plain(name.removesuffix('.json')):
            return file
    return None


def plain(name):
    """Return a name in lower case, without - and _."""
    return canonical(name).replace('_', '')


def unknown_net(name):
    """Return the message for a "net" that no paper measured; name: a string."""
    problem = f'"net" is {quote(name)}'
    if ending_of(name):
        return f'{problem}: {model_advice(ending_of(name), name)}'
    file = find_by_stem(name)
    is_path = name.endswith('.json') or os.path.dirname(name)
    if file is None and is_path and len(name) <= MAX_PATH_CHARACTERS:
        file = name  # a net file that is not in nets/
    if file is not None:
        return f'{problem}, which is a net file; write {{"netfile": {json.dumps(file)}}}'
    files = ', '.join(net_files())
    return f'{problem}; {choices(PUBLISHED, name)}, or as "netfile" choose from {files}'


def no_net_file(netfile, path):
    """Return the message for a "netfile" that is no file, or a model.

    netfile: as the config has it. path: where the file should be.
    """
    ending = ending_of(netfile)
    if ending:
        return model_advice(ending, netfile)
    for net in PUBLISHED:
        if plain(net) == plain(netfile):
            file = PUBLISHED[net]['netfile']
            return (
                f'a network that the papers measured, and no file; write {{"net": "{net}"}}, '
                f'or the name of its net file, {file}'
            )
    problem = f'no file {path!r:.400} from {os.getcwd()!r}'
    suggested = None
    if netfile == os.path.basename(netfile):  # a name without a folder, which is one in nets/
        file_here = find_here(netfile)
        if file_here is not None:
            written = f'{{"netfile": {json.dumps("./" + file_here)}}}'
            return f'{problem}, but one in this folder; write {written}'
        suggested = find_by_stem(netfile) or netfile
    return f'{problem}; {choices(net_files(), suggested)}, or give a path with a /'


def find_here(name):
    """Return the name of the file in the current folder with a name, or with this and ".json".

    It is None if there is no such file.
    """
    if not name:
        return None
    for file in (name, f'{name}.json'):
        if os.path.isfile(file):
            return file
    return None


def no_entries(value):
    """Return the message for a net file that holds no list."""
    if isinstance(value, dict) and ('net' in value or 'netfile' in value):
        return 'a config, and no net file; a net file is a list of layers'
    return f'{quote(value)}; expected a list of layers'


def unknown_layer(name, key, catalog):
    """Return the message for a name in "layers" that is not that of a layer with a known cost.

    name: as the config has it. key: its canonical form, None if it is no string.
    catalog: of the network.
    """
    known = choices([layer.name for layer in catalog.layers.values()], name)
    if key not in catalog.entries:
        return f'unknown layer {quote(name)}; {known}'
    type_ = catalog.entries[key]['type']
    if type_ in KIND_OF_TYPE:
        reason = f'nothing published says the cost of {quote(type_)} layers, like'
    else:
        reason = f'layers of type {quote(type_)} have no MACs and cost nothing, like'
    return f'{reason} {quote(name)}; {known}'


def no_costs(entries):
    """Return the message for a net file without a layer that has a cost.

    entries: {canonical name: entry}, of all layers.
    """
    return f'no cost is known of any of {quote(list(entries))}; expected conv or fc layers'


def wrong_lines(count, first):
    """Return the message at the end of a sweep by --lines, with wrong lines among the others.

    count: how many lines are wrong. first: the first of them, as bytes.
    """
    problem = f'wrong lines: {count}, as their results say'
    if first.strip() == b'{':  # such a line begins a config that json.dumps has indented
        return (
            f'{problem}; with --lines, each line is a whole config, and this one goes over several:'
            ' leave --lines out, or make it one line with python3 -m json.tool --compact'
        )
    if first.strip() == b'[':
        return f'{problem}; with --lines, each line is a config, with no list around them'
    return f'{problem}; expected a config on each line, all of it on that line'
