"""What the tests share: where the project is, and ways to run its commands in this process."""

import atexit
import contextlib
import cProfile
import functools
import gc
import io
import json
import math
import os
import pstats
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections import namedtuple

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)

# Only now can they be found, from whatever folder the tests are run.
import fodlam  # noqa: E402

HOMES = {'data': fodlam.DATA_DIR, 'nets': fodlam.NETS_DIR}
keeps_files = True  # see `files_read_anew`

# Reports and pictures that are kept for other tests are no garbage: to look for it 70 times less
# often saves a twentieth of the time.
gc.set_threshold(50_000)


def keep(function, folder, constant):
    """Return a function like `function`, a reader of files, that reads each file once.

    Thousands of tests need the same tables and net files, and would take longer to read them than
    for all else. This is for files of the project alone: folder is 'data' or 'nets', constant the
    name of its path in fodlam.py, by which tests have other files read.
    """
    names, results = set(os.listdir(HOMES[folder])), {}

    @functools.wraps(function)
    def kept(name, *arguments, **options):
        is_ours = isinstance(name, str) and name in names
        if not is_ours or not keeps_files or getattr(fodlam, constant) != HOMES[folder]:
            return function(name, *arguments, **options)
        key = name, repr(arguments), repr(options)
        if key not in results:
            results[key] = function(name, *arguments, **options)
        return {row: dict(content) for row, content in results[key].items()}

    return kept


@contextlib.contextmanager
def files_read_anew():
    """Let files be read anew for a while, for tests of how they are read, and how often."""
    global keeps_files
    keeps_files = False
    try:
        yield
    finally:
        keeps_files = True


# Before the rooms are imported, as they import these functions.
fodlam.read_table = keep(fodlam.read_table, 'data', 'DATA_DIR')
fodlam.read_net = keep(fodlam.read_net, 'nets', 'NETS_DIR')

from fodlam.data import validate as validator  # noqa: E402
from fodlam.nets import extract as extractor  # noqa: E402

# The command line's parser is always the same, and to make it takes as long as a small model does.
extractor.make_parser = functools.cache(extractor.make_parser)

# The two networks of the papers, by their net files.
NETFILES = {net: fodlam.PUBLISHED[net]['netfile'] for net in fodlam.AVERAGED}
GROUPS = (*fodlam.KINDS, 'total')  # the keys of a CNN's report that are sums of layers
TIME_LIMIT_S = 60  # for a process that a test starts
# Python without the packages that were installed: FODLAM needs none, and this starts sooner.
PYTHON = (sys.executable, '-S')

# What a program did: its exit status, and the texts on standard output and standard error.
Result = namedtuple('Result', 'status out err')


class Terminal(io.TextIOWrapper):
    """A text stream that says that it is a terminal."""

    def isatty(self):
        return True


class Ascii(io.TextIOWrapper):
    """A standard output that can show ASCII alone."""

    def __init__(self):
        super().__init__(io.BytesIO(), 'ascii')

    def getvalue(self):
        return self.buffer.getvalue().decode()


def path(*parts):
    """Return the path of a file of the project."""
    return os.path.join(ROOT, *parts)


def read(*parts):
    """Return the text of a file of the project."""
    with open(path(*parts), encoding='utf-8') as file:
        return file.read()


def documents():
    """Return the text of the three READMEs, in which each run of blanks and line ends is one blank."""
    texts = (read('README.md'), read('nets', 'README.md'), read('data', 'README.md'))
    return ' '.join(' '.join(texts).split())


def copy_files(source, folder, endings=('',)):
    """Copy files of a folder of the project into a new folder, where they may be changed.

    source, folder: their paths. endings: only files whose names end so are copied; by default all.
    Where the project is without write permission, shutil.copytree would make copies without it.
    """
    os.makedirs(folder)
    for name in os.listdir(source):
        if os.path.isfile(path(source, name)) and name.endswith(tuple(endings)):
            shutil.copyfile(path(source, name), path(folder, name))


def seeds(count):
    """Return the seeds of `count` random cases; only the first fifth without FODLAM_ALL_SEEDS."""
    if os.environ.get('FODLAM_ALL_SEEDS'):
        return range(count)
    return range(math.ceil(count / 5))


def some(cases):
    """Return the list of some cases in their order: all, or a fifth of them, as `seeds` does."""
    cases = list(cases)
    chosen = random.Random(1).sample(range(len(cases)), len(seeds(len(cases))))
    return [cases[index] for index in sorted(chosen)]


def call(main, argv, stdin=None):
    """Return the Result of a program's `main` with these arguments and bytes on standard input."""
    out = io.TextIOWrapper(io.BytesIO(), encoding='utf-8')
    err = io.StringIO()
    stdin_stream = None
    if stdin is not None:  # FODLAM reads the bytes: the encoding should not matter
        stdin_stream = io.TextIOWrapper(io.BytesIO(stdin), encoding='ascii')
    status = main(list(argv), stdin_stream, out, err)
    return Result(status, out.buffer.getvalue().decode(), err.getvalue())


def run(*argv, stdin=b''):
    """Return the Result of `fodlam` with these arguments and bytes on standard input."""
    return call(fodlam.main, argv, stdin)


def run_lines(configs):
    """Return the list of the reports that `fodlam --lines` prints for some configs."""
    stdin = '\n'.join(map(json.dumps, configs)).encode()
    return list(map(json.loads, run('--lines', stdin=stdin).out.splitlines()))


def validate(*argv):
    """Return the Result of `data/validate.py` with these arguments."""
    return call(validator.main, argv)


def python(*argv, stdin='', cwd=ROOT, **options):
    """Run this Python with some arguments, and return the process when it has finished.

    stdin: a text. cwd: the folder to run it in. options: for subprocess.run.
    """
    return subprocess.run(
        [*PYTHON, *argv], input=stdin, capture_output=True, cwd=cwd, env=clean_environment(),
        timeout=TIME_LIMIT_S, encoding='utf-8', **options,
    )  # fmt: skip


@contextlib.contextmanager
def started(*argv, **options):
    """Start a process of this Python; a context whose value is the subprocess.Popen.

    At its end, the process is waited for. It is killed after TIME_LIMIT_S, so that a test that reads
    what it writes does not wait for ever. It heeds Ctrl-C, also where this process ignores it.
    options: for subprocess.Popen.
    """
    command = [*PYTHON, *argv]
    prepare = heed_signals if os.name == 'posix' else None
    process = subprocess.Popen(command, preexec_fn=prepare, **options)
    timer = threading.Timer(TIME_LIMIT_S, process.kill)
    timer.start()
    try:
        with process:
            yield process
    finally:
        timer.cancel()
        timer.join()


def clean_environment():
    """Return the environment variables of this process without those that change what Python does.

    PYTHONUNBUFFERED is one, by which every write is a system call. PYTHONIOENCODING is set, so that
    Python writes UTF-8 wherever the tests run.
    """
    env = {name: value for name, value in os.environ.items() if not name.startswith('PYTHON')}
    return {**env, 'PYTHONIOENCODING': 'utf-8'}


def heed_signals():
    """Let SIGINT, SIGTERM and SIGHUP end this process; called in one that is about to start.

    It inherits the signals that the tests' own process ignores: SIGINT, if a script of a shell has
    started the tests in the background, or SIGHUP, if nohup has.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def count_calls(function):
    """Return how many calls of functions a call of `function` makes.

    It is a measure of time that is the same on every machine, however busy it is.
    """
    profile = cProfile.Profile()
    profile.runcall(function)
    return pstats.Stats(profile, stream=io.StringIO()).total_calls


@functools.cache
def scratch():
    """Return the path of a folder that is removed when the tests end.

    Thousands of tests write a file there: a folder for each of them takes longer than the tests.
    """
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    return folder.name


def extract(model, text, *argv):
    """Return the Result of `nets/extract.py` on a file called `model` that holds `text`."""
    name = path(scratch(), model)
    with open(name, 'wb') as file:
        file.write(text if isinstance(text, bytes) else text.encode())
    try:
        return call(extractor.main, [name, *argv])
    finally:
        os.remove(name)
