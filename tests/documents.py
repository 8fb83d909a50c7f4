"""What the tests of README.md, nets/README.md and data/README.md share."""

import re

from support import NETFILES, fodlam, read

DOCUMENTS = ('README.md', 'nets/README.md', 'data/README.md')


def blocks(document):
    """Return the fenced blocks of a document, as [(language, text)]."""
    return re.findall(r'^```(\w+)\n(.*?)^```$', read(document), re.DOTALL | re.MULTILINE)


def blocks_in(language, document):
    """Return the texts of a document's blocks in one language."""
    return [text for other, text in blocks(document) if other == language]


class Says:
    """A mixin of tests: whether a document has sentences."""

    document = None  # a class that is a test says which

    def says(self, *sentences):
        text = ' '.join(read(self.document).split())
        for sentence in sentences:
            self.assertTrue(sentence in text, f'{self.document}: {sentence}')


def layers(net, kind, scaling=None):
    """Return a published network's layers of a kind, for one frame: as published, or scaled."""
    config = {'net': net}
    if scaling:
        config = {'netfile': NETFILES[net], 'scaling': scaling}
    report = fodlam.estimate(config, per_frame=True, per_layer=True)
    return [layer for layer in report['layers'] if layer['kind'] == kind]


def total(of, key='latency'):
    return sum(layer[key] for layer in of)


def percent(modelled, measured):
    """Return the error of a modelled number, in percent."""
    return (modelled / measured - 1) * 100


def anchors(document):
    """Return the list of what links to a document's headings end in, as GitHub makes them."""
    text = re.sub(r'^```.*?^```$', '', read(document), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r'^#+ (.*)$', text, re.MULTILINE)
    return [re.sub(r'[^\w -]', '', heading.lower()).replace(' ', '-') for heading in headings]


def rows_below(document, *heading):
    """Return the rows of the table of a document whose first columns have a heading, as lists.

    heading: the headings of the first column, and perhaps of others after it.
    """
    found = None
    for line in read(document).splitlines():
        cells = [cell.strip() for cell in line.strip('|').split('|')] if line[:1] == '|' else None
        if found is not None and cells is None:
            return found[1:]  # without the line below the headings
        if found is not None:
            found.append(cells)
        elif cells is not None and tuple(cells[: len(heading)]) == heading:
            found = []
    raise AssertionError(f'{document}: no table of {heading}')
