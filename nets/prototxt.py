r"""Protobuf's text format, in which Caffe's definitions are written. `parse` makes Messages of it.

  layer {                       a field, whose value is a message
    name: "conv1"               a string
    bottom: "data"
    convolution_param { kernel_size: 11 kernel_size: 5 }      a field may have several values
  }

>>> network = parse('layer { name: "conv1" } layer { name: "conv2" }', 'net.prototxt')
>>> [layer.string('name') for layer in network.messages('layer')]
['conv1', 'conv2']
"""

import re
from collections import namedtuple

from fodlam import MAX_SIZE, InputError, quote

# Definitions of hundreds of layers have some 50,000 tokens. Each takes up to 200 bytes of memory.
MAX_TOKENS = 500_000
MAX_DEPTH = 100  # braces inside each other, or they could overflow Python's stack

# The groups are the kinds of a Token, and blanks and comments. What matches no other is wrong.
TOKEN = re.compile(
    r"""(?P<blank>\s+|\#[^\n]*)
      | (?P<string>"[^"\\\n]*(?:\\(?:[0-7abfnrtv\\'"?]|[xX][0-9a-fA-F]
                    |u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})[^"\\\n]*){0,999}"
                  |'[^'\\\n]*(?:\\(?:[0-7abfnrtv\\'"?]|[xX][0-9a-fA-F]
                    |u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})[^'\\\n]*){0,999}')
      | (?P<word>[\w.+-]+)
      | (?P<mark>[{}<>:;,\[\]])
      | (?P<wrong>.{1,10})""",
    re.VERBOSE | re.DOTALL,
)

# Bytes of UTF-8, in octal or in hexadecimal; units of UTF-16; a character's number; or a letter.
ESCAPE = re.compile(
    r"""((?:\\(?:[0-7]{1,3}|[xX][0-9a-fA-F]{1,2}))+)
      | ((?:\\u[0-9a-fA-F]{4})+)
      | \\U([0-9a-fA-F]{8})
      | \\([abfnrtv\\'"?])""",
    re.VERBOSE,
)
BYTE = re.compile(r'\\(?:([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2}))')
ESCAPED = {'a': '\a', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v'}

# What `decode` makes of bytes that are not UTF-8.
NOT_UTF_8 = re.compile('[\udc80-\udcff]')

INTEGER = re.compile('[+-]?(0[xX][0-9a-fA-F]{1,16}|0[0-7]{0,22}|[1-9][0-9]{0,18})')
BOOLEAN = re.compile('[Tt]rue|[Ff]alse|[tf01]')


class Message:
    """A message: what is in the braces behind a field, or the whole file.

    where: the file and the line that the message starts on, for errors.
    fields: {name: [value]}, in which a value is a string or a Message.

    The text does not tell the types of fields. Each method reads a field as one type, and raises
    InputError if a value is not of this type. The methods for a single value return the last one if
    there are several, as protobuf does.
    """

    __slots__ = ('fields', 'where')

    def __init__(self, where, fields):
        self.where = where
        self.fields = fields

    def error(self, problem):
        """Return an InputError for this message; problem: what is wrong and what is valid."""
        return InputError(f'{self.where}: {problem}')

    def strings(self, field):
        """Return all values of a field as strings, whatever type they have in the file."""
        values = self.fields.get(field, [])
        for value in values:
            if isinstance(value, Message):
                raise self.error(f'"{field}" is a message; expected a value')
        return list(values)

    def integers(self, field, low=None):
        """Return all values of a field as integers.

        low: the smallest value allowed, where MAX_SIZE is the largest; None for no limits.
        """
        found = []
        for text in self.fields.get(field, []):
            if isinstance(text, Message):
                raise self.error(f'"{field}" is a message; expected an integer')
            if not INTEGER.fullmatch(text):
                raise self.error(f'"{field}" is {quote(text)}; expected an integer')
            number = parse_integer(text)
            if low is not None and not low <= number <= MAX_SIZE:
                limits = f'{low} or more, and at most {MAX_SIZE}'
                raise self.error(f'"{field}" is {number}; expected {limits}')
            found.append(number)
        return found

    def messages(self, field):
        """Return all values of a field as Messages."""
        values = self.fields.get(field, [])
        for value in values:
            if not isinstance(value, Message):
                raise self.error(f'"{field}" is {quote(value)}; expected {{...}}')
        return list(values)

    def string(self, field, default=None):
        """Return the value of a field as a string, or the default if there is none."""
        values = self.strings(field)
        return values[-1] if values else default

    def integer(self, field, default=None, low=None):
        """Return the value of a field as an integer, or the default if there is none.

        low: the smallest value allowed in the file, or None; the default may be smaller.
        """
        values = self.integers(field, low)
        return values[-1] if values else default

    def needed_integer(self, field, low=None):
        """Return the value of a field as an integer; raise InputError if there is none.

        low: the smallest value allowed, or None.
        """
        values = self.integers(field, low)
        if not values:
            raise self.error(f'needs "{field}"; expected a value for it')
        return values[-1]

    def boolean(self, field, default=False):
        """Return the value of a field as a boolean, or the default if there is none."""
        value = default
        for text in self.fields.get(field, []):
            if isinstance(text, Message):
                raise self.error(f'"{field}" is a message; expected true or false')
            if not BOOLEAN.fullmatch(text):
                raise self.error(f'"{field}" is {quote(text)}; expected true or false')
            value = text in ('True', 'true', 't', '1')
        return value


def parse_integer(text):
    """Return the integer that is written in a text, which must match INTEGER.

    >>> parse_integer('-12'), parse_integer('0x1F'), parse_integer('017')  # the last one is octal
    (-12, 31, 15)
    """
    digits = text.lstrip('+-')
    if digits.startswith(('0x', '0X')):
        return int(text, 16)
    if digits.startswith('0'):
        return int(text, 8)
    return int(text)


# === Tokens ===

END_OF_FILE = 'end of file'  # the word of the last Token; words in a file have no spaces


class Token(namedtuple('Token', 'kind word place')):
    """A part of the text.

    kind: word, string, mark, wrong (none of these) or end (of the file).
    word: the text itself, a string with its quotes.
    place: the file and the line, for errors.
    """

    __slots__ = ()


def read_tokens(text, where):
    """Return the Tokens of a text; the last one is of the kind `end`.

    text: of a file; where: the file's name, for errors.
    Raises InputError, with the line, at a character that starts no token, and if there are more
    than MAX_TOKENS.
    """
    tokens = []
    line = 1
    place = f'{where}, line {line}'
    for match in TOKEN.finditer(text):
        kind, word = match.lastgroup, match.group()
        if kind == 'blank':
            if '\n' in word:
                line += word.count('\n')
                place = f'{where}, line {line}'
            continue
        if not word.isascii() and NOT_UTF_8.search(word):
            raise InputError(f'{place}: not UTF-8; save it as UTF-8, or leave it to comments')
        token = Token(kind, word, place)
        if kind == 'wrong':
            raise unexpected(token)
        tokens.append(token)
        if len(tokens) > MAX_TOKENS:
            raise InputError(f'{place}: more than {MAX_TOKENS} words and marks; expected a network')
    tokens.append(Token('end', END_OF_FILE, place))
    return tokens


def unexpected(token):
    """Return the InputError for a token that cannot stand where it does."""
    found = token.word if token.kind == 'end' else quote(token.word)
    expected = 'a field or balanced braces'
    if token.kind == 'wrong' and token.word[0] in '"\'':
        expected = 'a string that ends on its line, with escapes such as \\n'
    return InputError(f'{token.place}: unexpected {found}; expected {expected}')


def unescape(match):
    r"""Return the characters that a match of ESCAPE stands for.

    >>> ESCAPE.sub(unescape, r'a\tb\x41\101\?')
    'a\tbAA?'
    >>> print(ESCAPE.sub(unescape, r'\344\270\255 \u4e2d \U00004e2d \ud83d\ude00'))
    中 中 中 😀
    """
    utf_8, utf_16, number, mark = match.groups()
    if utf_8:
        codes = []
        for octal, hexadecimal in BYTE.findall(utf_8):
            codes.append(int(octal, 8) & 0xFF if octal else int(hexadecimal, 16))
        return bytes(codes).decode('utf-8', 'backslashreplace')
    if utf_16:
        return bytes.fromhex(utf_16.replace('\\u', '')).decode('utf-16-be', 'replace')
    if number:
        return bytes.fromhex(number).decode('utf-32-be', 'replace')
    return ESCAPED.get(mark, mark)  # quotes, backslash and question mark stand for themselves


# === Parser ===


class Parser:
    """Makes Messages of Tokens, which it takes one after the other.

    tokens: [Token], as read_tokens returns them; index: of the next one to take.
    """

    def __init__(self, tokens):
        self.tokens = tokens
        self.index = 0

    def peek(self):
        """Return the next token, without taking it."""
        return self.tokens[self.index]

    def take(self):
        """Take the next token and return it."""
        token = self.tokens[self.index]
        self.index += 1
        return token

    def skip(self, marks):
        """Take the next token if it is one of the characters in `marks`; return whether it was."""
        token = self.peek()
        if token.kind != 'mark' or token.word not in marks:
            return False
        self.index += 1
        return True

    def take_message(self, where, close, depth=0):
        """Take the rest of a message, behind its opening brace; return the Message.

        where: the place of the message.
        close: the word of the token that ends it.
        depth: how many braces are open.
        """
        message = Message(where, {})
        while self.peek().kind == 'word':
            field = self.take().word
            values = message.fields.setdefault(field, [])
            self.skip(':')
            if self.skip('['):
                values.extend(self.take_list(depth))
            else:
                values.append(self.take_value(depth))
            self.skip(',;')
        token = self.take()
        if token.kind == 'end' and depth > 0:
            raise message.error('the brace is never closed; expected a whole file')
        if token.word != close:
            raise unexpected(token)
        return message

    def take_list(self, depth):
        """Take the rest of a list, behind its opening bracket; return its values.

        depth: how many braces are open.
        """
        values = []
        if self.skip(']'):
            return values
        values.append(self.take_value(depth))
        while self.skip(','):
            values.append(self.take_value(depth))
        if not self.skip(']'):
            raise unexpected(self.peek())
        return values

    def take_value(self, depth):
        """Take a value, and return it: a string or a Message.

        depth: how many braces are open.
        """
        token = self.take()
        if token.kind == 'word':
            return token.word
        if token.kind == 'string':
            parts = [ESCAPE.sub(unescape, token.word[1:-1])]
            while self.peek().kind == 'string':  # strings next to each other are one
                parts.append(ESCAPE.sub(unescape, self.take().word[1:-1]))
            return ''.join(parts)
        if token.word not in ('{', '<'):
            raise unexpected(token)
        if depth == MAX_DEPTH:
            raise InputError(
                f'{token.place}: more than {MAX_DEPTH} braces inside each other; expected a network'
            )
        close = '}' if token.word == '{' else '>'
        return self.take_message(token.place, close, depth + 1)


def decode(data):
    r"""Return the text of a file, in which bytes that are not UTF-8 are characters of NOT_UTF_8.

    data: the bytes of the file. In a comment, they may be of any encoding.

    >>> decode(b'# \xd6\xd0')
    '# \udcd6\udcd0'
    """
    return data.decode(errors='surrogateescape').removeprefix('\ufeff')


def parse(text, where):
    """Return the Message of a whole file.

    text: of the file; where: its name, for errors.
    Raises InputError, with the line, if the text is malformed.
    """
    return Parser(read_tokens(text, where)).take_message(where, END_OF_FILE)
