"""What the tests share: where the project is, and a way to run its command in this process."""

import io
import os
import sys
import tempfile
from collections import namedtuple

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [ROOT, os.path.join(ROOT, 'nets')]

# Only now can they be found, from whatever folder the tests are run.
import extract as extractor  # noqa: E402

import fodlam  # noqa: E402

Result = namedtuple('Result', 'status out err')


def path(*parts):
    """Return the path of a file of the project."""
    return os.path.join(ROOT, *parts)


def read(*parts):
    """Return the text of a file of the project."""
    with open(path(*parts), encoding='utf-8') as file:
        return file.read()


def run(*argv, stdin=b''):
    """Return the Result of `fodlam` with these arguments and bytes on standard input."""
    out, err = io.StringIO(), io.StringIO()
    text_stdin = io.TextIOWrapper(io.BytesIO(stdin), encoding='ascii')
    status = fodlam.main(list(argv), text_stdin, out, err)
    return Result(status, out.getvalue(), err.getvalue())


def extract(model, text, *argv):
    """Return the Result of `nets/extract.py` on a file called `model` that holds `text`."""
    out, err = io.StringIO(), io.StringIO()
    with tempfile.TemporaryDirectory() as folder:
        name = path(folder, model)
        with open(name, 'wb') as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        status = extractor.main([name, *argv], None, out, err)
    return Result(status, out.getvalue(), err.getvalue())
