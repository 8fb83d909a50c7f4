"""What the tests share: where the project is, and ways to run its commands in this process."""

import atexit
import functools
import io
import math
import os
import sys
import tempfile
from collections import namedtuple

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)

# Only now can they be found, from whatever folder the tests are run.
import fodlam  # noqa: E402
from fodlam.data import validate as validator  # noqa: E402
from fodlam.nets import extract as extractor  # noqa: E402

# The command line's parser is always the same, and to make it takes as long as a small model does.
extractor.make_parser = functools.cache(extractor.make_parser)

# The two networks of the papers, by their net files.
NETFILES = {net: fodlam.PUBLISHED[net]['netfile'] for net in fodlam.AVERAGED}
GROUPS = (*fodlam.KINDS, 'total')  # that the reports of CNNs sum over

Result = namedtuple('Result', 'status out err')


class Terminal(io.TextIOWrapper):
    """A text stream that says that it is a terminal."""

    def isatty(self):
        return True


def path(*parts):
    """Return the path of a file of the project."""
    return os.path.join(ROOT, *parts)


def read(*parts):
    """Return the text of a file of the project."""
    with open(path(*parts), encoding='utf-8') as file:
        return file.read()


def seeds(count):
    """Return the seeds of `count` random cases; only the first fifth without FODLAM_ALL_SEEDS."""
    return range(count if os.environ.get('FODLAM_ALL_SEEDS') else math.ceil(count / 5))


def call(main, argv, stdin=None):
    """Return the Result of a program's `main` with these arguments and bytes on standard input."""
    out, err = io.TextIOWrapper(io.BytesIO(), encoding='utf-8'), io.StringIO()
    stdin = None if stdin is None else io.TextIOWrapper(io.BytesIO(stdin), encoding='ascii')
    status = main(list(argv), stdin, out, err)
    return Result(status, out.buffer.getvalue().decode(), err.getvalue())


def run(*argv, stdin=b''):
    """Return the Result of `fodlam` with these arguments and bytes on standard input."""
    return call(fodlam.main, argv, stdin)


def validate(*argv):
    """Return the Result of `data/validate.py` with these arguments."""
    return call(validator.main, argv)


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
