"""What the tests share: where the project is, and a way to run its command in this process."""

import io
import os
import sys
from collections import namedtuple

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)

import fodlam  # noqa: E402  (only now can it be found, from whatever folder the tests are run)

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
