r"""Protobuf's text format, in which Caffe's definitions are written: text in, Messages out.

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

# Definitions of hundreds of layers have some 50,000 tokens. A token takes up to 200 bytes, so that
# files with many more could fill the memory, and braces in braces could overflow Python's stack.
MAX_TOKENS = 500_000
MAX_DEPTH = 100

TOKEN = re.compile(
    r"""(?P<blank>\s+|\#[^\n]*)
      | (?P<string>"[^"\\\n]*(?:\\(?:[0-7abfnrtv\\'"?]|[xX][0-9a-fA-F])[^"\\\n]*){0,999}"
                  |'[^'\\\n]*(?:\\(?:[0-7abfnrtv\\'"?]|[xX][0-9a-fA-F])[^'\\\n]*){0,999}')
      | (?P<word>[\w.+-]+)
      | (?P<mark>[{}<>:;,\[\]])
      | (?P<wrong>.{1,10})""",
    re.VERBOSE | re.DOTALL,
)
ESCAPE = re.compile(r"""\\(?:([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|([abfnrtv\\'"?]))""")
ESCAPED = {'a': '\a', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v'}

INTEGER = re.compile('[+-]?(0[xX][0-9a-fA-F]{1,16}|0[0-7]{0,22}|[1-9][0-9]{0,18})')
BOOLEAN = re.compile('[Tt]rue|[Ff]alse|[tf01]')


class Message:
    """A message: what is in the braces behind a field, or the whole file.

    where: the file and the line that the message starts on, for errors.
    fields: {name: [value]}, in which a value is a string or a Message.

    Its methods return the values of a field, in one of four types. If the field must have just one
    value and has several, the last one counts. A value of another type raises InputError.
    """

    __slots__ = ('fields', 'where')

    def __init__(self, where, fields):
        self.where = where
        self.fields = fields

    def error(self, what):
        """Return the InputError that says where this message is, and what is wrong with it."""
        return InputError(f'{self.where}: {what}')

    def strings(self, field):
        """Return all values of a field, none of which is a message."""
        values = self.fields.get(field, [])
        for value in values:
            if isinstance(value, Message):
                raise self.error(f'"{field}" is a message; expected a value')
        return list(values)

    def integers(self, field, low=None):
        """Return all values of a field as integers, none less than `low`, if that is not None."""
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
        """Return all values of a field, which are Messages."""
        values = self.fields.get(field, [])
        for value in values:
            if not isinstance(value, Message):
                raise self.error(f'"{field}" is {quote(value)}; expected {{...}}')
        return list(values)

    def string(self, field, default=None):
        """Return the value of a field, or the default if there is none."""
        values = self.strings(field)
        return values[-1] if values else default

    def integer(self, field, default=None, low=None):
        """Return the value of a field as an integer, not less than `low`, or the default."""
        values = self.integers(field, low)
        return values[-1] if values else default

    def needed_integer(self, field, low=None):
        """Return the value of a field as an integer; raise InputError if there is none."""
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
    """Return the integer that a text matching INTEGER stands for.

    >>> parse_integer('-12'), parse_integer('0x1F'), parse_integer('017')  # the last one is octal
    (-12, 31, 15)
    """
    digits = text.lstrip('+-')
    if digits.startswith(('0x', '0X')):
        return int(text, 16)
    if digits.startswith('0'):
        return int(text, 8)
    return int(text)


def parse(text, where):
    """Return the Message of a whole text; where: the name of the file, for errors.

    Raises InputError, with the line, for what is malformed.
    """
    return Parser(read_tokens(text, where)).take_message(where, END_OF_FILE)


# === Tokens ===

END_OF_FILE = 'end of file'


class Token(namedtuple('Token', 'kind word place')):
    """A part of the text.

    kind: word, string, mark, wrong (none of these) or end (of the file).
    word: the text itself, a string with its quotes.
    place: the file and the line, for errors.
    """

    __slots__ = ()


def read_tokens(text, where):
    """Return the Tokens of a text; the last one is of the kind `end`.

    Raises InputError, with the line, for what is no token, and if there are more than MAX_TOKENS.
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
    what = token.word if token.kind == 'end' else quote(token.word)
    expected = 'a field or balanced braces'
    if token.kind == 'wrong' and token.word[0] in '"\'':
        expected = 'a string that ends on its line, with escapes such as \\n'
    return InputError(f'{token.place}: unexpected {what}; expected {expected}')


def unescape(match):
    r"""Return the character that a match of ESCAPE stands for.

    >>> ESCAPE.sub(unescape, r'a\tb\x41\101\?')
    'a\tbAA?'
    """
    octal, hexadecimal, mark = match.groups()
    if octal:
        return chr(int(octal, 8) & 0xFF)
    if hexadecimal:
        return chr(int(hexadecimal, 16))
    return ESCAPED.get(mark, mark)  # quotes, backslash and question mark stand for themselves


# === Parser ===


class Parser:
    """Makes Messages of Tokens, which it takes one after the other."""

    def __init__(self, tokens):
        self.tokens = tokens
        self.index = 0  # of the next token

    def peek(self):
        """Return the next token, without taking it."""
        return self.tokens[self.index]

    def take(self):
        """Take the next token and return it."""
        token = self.tokens[self.index]
        self.index += 1
        return token

    def skip(self, marks):
        """Take the next token if it is one of some marks; return whether it was."""
        token = self.peek()
        if token.kind != 'mark' or token.word not in marks:
            return False
        self.index += 1
        return True

    def take_message(self, where, close, depth=0):
        """Take a message, whose opening brace has been taken, up to its closing one; return it.

        where: the place of the message; close: the word of the token that ends it.
        depth: how many braces it is inside of.
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
        """Take a list of values, whose opening bracket has been taken; return the values."""
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
        """Take a value, and return it: a string or a Message."""
        token = self.take()
        if token.kind == 'word':
            return token.word
        if token.kind == 'string':
            text = ESCAPE.sub(unescape, token.word[1:-1])
            if self.peek().kind != 'string':
                return text
            parts = [text]  # strings next to each other are one
            while self.peek().kind == 'string':
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
