"""The arguments of the programs: a parser whose messages say which option was meant."""

import argparse
import re

from fodlam import MAX_QUOTED_CHARACTERS, InputError


def new_parser(**settings):
    """Return an argparse.ArgumentParser that raises InputError if the arguments are wrong.

    settings: more of its arguments. Options must be written out in full. The namespace has no
    attribute for an option that is not given.
    """

    def refuse(message):
        advice = reworded(message, parser.format_help())
        separator = '' if advice.endswith('?') else ';'
        error = InputError(f'arguments: {advice}{separator} see {parser.prog} --help')
        error.status = 2  # the exit status, as argparse has it; for any other error it is 1
        raise error

    parser = argparse.ArgumentParser(
        argument_default=argparse.SUPPRESS, allow_abbrev=False, add_help=False, **settings
    )
    parser.error = refuse
    return parser


def reworded(message, help_text):
    """Return an error message of argparse in this project's words; any other message as it is.

    help_text: argparse's, with the names of all options, and their choices in braces.

    >>> help_text = 'usage: fodlam [--format {json,csv}] [--per-frame] [config]'
    >>> reworded('unrecognized arguments: --perframe', help_text)
    'unknown option --perframe; did you mean --per-frame?'
    >>> reworded("argument --format: invalid choice: 'cvs' (choose from ...)", help_text)
    '--format is \\'cvs\\'; did you mean "csv"? choose from json, csv'
    """
    unknown = re.match(r'unrecognized arguments: (.*)', message, re.DOTALL)
    if unknown:
        return unknown_argument(unknown.group(1), re.findall(r'(?<!\w)--?[a-z][a-z-]*', help_text))
    from fodlam.data.mistakes import choices

    wrong = re.match(r"argument (\S+): invalid choice: '(.*)' \(choose from", message, re.DOTALL)
    if wrong:
        option, value = wrong.groups()
        listed = re.search(rf'{option} {{(.*?)}}', help_text, re.DOTALL).group(1)
        return f"{option} is '{shortened(value)}'; {choices(listed.split(','), value)}"
    missing = re.match(r'argument (\S+): expected one argument', message)
    if missing:
        return f'{missing.group(1)} has no value; expected one after it'
    needless = re.match(r'argument (\S+): ignored explicit argument (.*)', message, re.DOTALL)
    if needless:
        return f'{needless.group(1)} takes no value, but got {shortened(needless.group(2))}'
    return message


def shortened(text):
    """Return an argument, with its middle cut out if it is too long for a message."""
    if len(text) <= MAX_QUOTED_CHARACTERS:
        return text
    half = MAX_QUOTED_CHARACTERS // 2
    return f'{text[:half]}...{text[-half:]}'


def unknown_argument(arguments, options):
    """Return the message for arguments that nothing is known of.

    arguments: joined by spaces. options: a list of the names of all options.
    """
    if not arguments.startswith('-'):
        return f'too many: {shortened(arguments)}'
    from fodlam.data.mistakes import nearest

    option = re.split('[ =]', arguments)[0]
    suggested = nearest(option, options)
    if suggested is None:
        return f'unknown option {shortened(option)}'
    return f'unknown option {option}; did you mean {suggested}?'
