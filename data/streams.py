"""Streams of any kind, made into what fodlam.run_program needs.

It reads bytes from a binary stream below standard input, and writes them to one below standard
output. Streams of text alone have none below: io.StringIO, and those of notebooks.
"""

import io

from fodlam import InputError


def adapted(stream, adapter):
    """Return a text stream with a binary stream below it; None if it is closed.

    stream: an object with the methods of text streams, as far as they are used, or None.
    adapter: TextInput or TextOutput, for a stream without a binary one below.
    """
    if stream is None or getattr(stream, 'closed', False):
        return None
    below = getattr(stream, 'buffer', None)
    return stream if isinstance(below, (io.BufferedIOBase, io.RawIOBase)) else adapter(stream)


class TextInput:
    """A stream of text that can be read, with a binary stream below it.

    stream: an object with the method `read`.
    """

    def __init__(self, stream):
        self.stream = stream

    def isatty(self):
        """Return whether the stream says that it is a terminal."""
        return hasattr(self.stream, 'isatty') and self.stream.isatty()

    @property
    def buffer(self):
        """A binary stream with all that is left in the stream of text.

        Raises InputError if that cannot be read.
        """
        try:
            text = self.stream.read()
        except OSError:  # as of pytest
            raise InputError(
                'config: standard input cannot be read; pipe a config in, or name a file'
            ) from None
        return io.BytesIO(text.encode('utf-8', 'surrogatepass'))


class TextOutput:
    """A stream of text that can be written, which takes texts, and bytes as the one below it.

    stream: an object with the method `write`. encoding: of the bytes.

    >>> text = io.StringIO()
    >>> TextOutput(text).buffer.write('naïve'.encode())  # returns how many bytes it took
    6
    >>> text.getvalue()
    'naïve'
    """

    def __init__(self, stream):
        self.stream = stream
        self.encoding = getattr(stream, 'encoding', None) or 'utf-8'
        self.buffer = self

    def isatty(self):
        """Return whether the stream says that it is a terminal."""
        return hasattr(self.stream, 'isatty') and self.stream.isatty()

    def write(self, content):
        """Write a text, or whole characters as bytes; return the length of `content`."""
        is_text = isinstance(content, str)
        self.stream.write(content if is_text else content.decode(self.encoding))
        return len(content)

    def flush(self):
        """Flush the stream, if it can be flushed."""
        if hasattr(self.stream, 'flush'):
            self.stream.flush()
