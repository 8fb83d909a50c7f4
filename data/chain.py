"""Feature maps that stay on chip, and so are neither written to DRAM nor read from it again.

A map stays if it is small enough, and if only layers that run soon read it. Each map is looked at
as if it were alone on the chip, so that what stays is a bound on what a schedule could do. Only an
addend must fit beside the ofmap that it is added to. With a batch, the map of one frame counts.

Terms:
  source  of a map that a layer reads: the layer that made it, by its canonical name, or None if the
          map is the input of the network. A map that is joined of several has several sources.
"""

import itertools
from collections import namedtuple

from fodlam import KIND_OF_TYPE, canonical, quote
from fodlam.data.shape import parse_shape

# How many layers with MACs after the one that makes a map may read it for it to stay. In attention,
# the sixth layer adds the map that the first one reads: three projections, two products, and the
# projection that adds.
NEAR_LAYERS = 6

# Types of layers without MACs that read more maps than one.
JOINING_TYPES = ('Concat', 'Eltwise')


class Staying(namedtuple('Staying', 'ifmap operand addend ofmap')):
    """Whether the maps of a layer stay on chip: four bools.

    ifmap, operand, addend: whether what it reads stays; operand: the second operand of a MatMul.
    ofmap: whether what it makes stays.
    """

    __slots__ = ()


NOTHING_STAYS = Staying(False, False, False, False)


class Reads(namedtuple('Reads', 'ifmap operand addend')):
    """The sources of what a layer reads: three tuples, of canonical names and None.

    ifmap: the sources of its ifmap.
    operand: those of the second operand, if it is a MatMul.
    addend: those of its addend, if it has one.
    The last two are empty if the layer has no such map, or if "from" does not name its sources.
    """

    __slots__ = ()


def parse_reads(entry, before):
    """Return the Reads of an entry.

    entry: the layer's dict in its net file.
    before: the canonical names of the layers with MACs before it, in their order, as keys of a
    dict: in a list, it would take long to find a name.
    Raises ValueError if its "from" or its "result" is wrong.

    >>> before = dict.fromkeys(['past', 'q', 'k'])
    >>> parse_reads({'type': 'MatMul', 'from': ['q', ['past', 'k']]}, before)
    Reads(ifmap=('q',), operand=('past', 'k'), addend=())
    >>> parse_reads({'type': 'Convolution'}, before)  # a chain
    Reads(ifmap=('k',), operand=(), addend=())
    """
    if not isinstance(entry.get('result', False), bool):
        raise ValueError(f'"result" is {quote(entry["result"])}; expected true or false')
    if 'from' not in entry:
        return Reads((next(reversed(before), None),), (), ())
    items = entry['from']
    if not isinstance(items, list):
        raise ValueError(f'"from" is {quote(items)}; expected a list of names of layers')
    sources = []
    for item in items:
        names = item if isinstance(item, list) else [item]
        sources.append(tuple(find_source(name, before) for name in names))
    # "from" names the ifmap's sources, then the second operand of a product, then the addend. The
    # last two may be left out.
    is_product = entry['type'] == 'MatMul'
    least_before_addend = 2 if is_product else 1
    operand = addend = ()
    if entry.get('addend') and len(sources) > least_before_addend:
        addend = sources.pop()
    if is_product and len(sources) > 1:
        operand = sources.pop()
    return Reads(tuple(itertools.chain(*sources)), operand, addend)


def find_source(name, before):
    """Return the canonical name of a layer that "from" names; None if the name is None.

    before: as for `parse_reads`. Raises ValueError if no layer before has the name.
    """
    if name is None:
        return None
    if not isinstance(name, str) or canonical(name) not in before:
        expected = 'layers with MACs that stand before it, or null for the input of the network'
        raise ValueError(f'"from" names {quote(name)}; expected {expected}')
    return canonical(name)


def doubt_chain(entries):
    """Return what may be wrong with taking a network for a chain, as a sentence, or None.

    entries: {canonical name: entry}, all layers of its net file.
    A network is taken for a chain if no layer has "from": each then counts as reading only the one
    before, which is wrong for a layer that reads several maps.

    >>> doubt_chain({'a': {'name': 'a', 'type': 'Convolution'}})
    >>> print(doubt_chain({'a': {'name': 'a', 'type': 'Convolution', 'addend': True}}))
    no layer has "from", so each counts as reading the one before; but 'a' may read more
    """
    reads_more = None
    for entry in entries.values():
        if 'from' in entry:
            return None
        is_joining = entry['type'] in JOINING_TYPES or entry['type'] == 'MatMul'
        if reads_more is None and (is_joining or entry.get('addend')):
            reads_more = entry['name']
    if reads_more is None:
        return None
    problem = 'no layer has "from", so each counts as reading the one before'
    return f'{problem}; but {quote(reads_more)} may read more'


class MapLayer(namedtuple('MapLayer', 'number entry reads ifmap operand ofmap')):
    """A layer with MACs, as far as its maps go.

    number: its number among the layers with MACs, in their order.
    entry: its dict in the net file. reads: its Reads.
    ifmap, operand, ofmap: the bytes of its ifmap, of the second operand of a MatMul, and of its
    ofmap as it is stored.
    """

    __slots__ = ()


def find_staying(entries, feature_kib, feature_bytes):
    """Return {canonical name: Staying} of the layers with MACs of a net file.

    entries: {canonical name: entry}, all layers, in their order. feature_kib: the room for maps.
    feature_bytes: the bytes of a feature.
    An entry that is wrong is passed over without an error: DemandModel.layer raises one for it.

    >>> layer = {'type': 'Convolution', 'macs': 800, 'kernel': [1, 1]}
    >>> a = {'name': 'a', **layer, 'ifmap': [2, 10, 10], 'ofmap': [4, 10, 10]}
    >>> b = {'name': 'b', **layer, 'ifmap': [4, 10, 10], 'ofmap': [2, 10, 10]}
    >>> staying = find_staying({'a': a, 'b': b}, feature_kib=1, feature_bytes=1)
    >>> staying['a']  # its ofmap has 400 bytes; the ifmap is the input of the network
    Staying(ifmap=False, operand=False, addend=False, ofmap=True)
    """
    layers = list_layers(entries, feature_bytes)
    readers = {}  # {source: [MapLayer]}
    for layer in layers.values():
        for source in set(itertools.chain(*layer.reads)):
            readers.setdefault(source, []).append(layer)
    room = feature_kib * 1024
    staying = set()  # the names of the layers whose ofmaps stay
    for name, layer in layers.items():
        if stays_by_itself(name, layer, readers.get(name, ()), room):
            staying.add(name)
    drop_partial(staying, layers)
    staying_by_name = {}
    for name, layer in layers.items():
        ifmap, operand, addend = layer.reads
        staying_by_name[name] = Staying(
            ifmap=all_stay(ifmap, staying),
            operand=all_stay(operand, staying),
            addend=all_stay(addend, staying),
            ofmap=name in staying,
        )
    return staying_by_name


def all_stay(sources, staying):
    """Return whether there are sources, and the ofmaps of all of them stay on chip.

    sources: a tuple of canonical names and None. staying: the set of the names of the layers whose
    ofmaps stay.
    """
    return len(sources) > 0 and staying.issuperset(sources)


def list_layers(entries, feature_bytes):
    """Return {canonical name: MapLayer} of the layers with MACs of a net file, without wrong ones.

    entries: {canonical name: entry}, all layers, in their order.
    feature_bytes: the bytes of a feature.
    """
    layers = {}
    before = {}  # as for `parse_reads`; wrong layers are in it, too
    for name, entry in entries.items():
        if entry['type'] not in KIND_OF_TYPE:
            continue
        number = len(before) + 1
        try:
            shape = parse_shape(entry)
            reads = parse_reads(entry, before)
        except ValueError:
            continue
        finally:
            before[name] = None
        ifmap, operand, ofmap = map_bytes(entry, shape, feature_bytes)
        layers[name] = MapLayer(number, entry, reads, ifmap, operand, ofmap)
    return layers


def map_bytes(entry, shape, feature_bytes):
    """Return the bytes of the maps of a layer: (ifmap, second operand, ofmap as it is stored).

    entry: its dict in the net file. shape: its Shape. feature_bytes: the bytes of a feature.
    The second operand has 0 bytes in all layers but a MatMul.
    """
    ifmap = shape.C * shape.H * shape.W * feature_bytes
    ofmap = shape.K * shape.A * shape.B * feature_bytes
    operand = 0
    if entry['type'] == 'MatMul':
        operand = shape.C * shape.K // (shape.groups * shape.shared) * feature_bytes
    return ifmap, operand, ofmap


def stays_by_itself(name, layer, readers, room):
    """Return whether the ofmap of a layer may stay on chip, by its size and its readers alone.

    name: the canonical name of the layer. layer: its MapLayer. readers: the MapLayers that read it.
    room: for maps, in bytes.
    An ofmap that is joined with others must also stay with these, see `drop_partial`.
    """
    if not readers or layer.entry.get('result'):  # the network puts it out
        return False
    needed = layer.ofmap
    if layer.entry.get('addend'):  # it must fit beside the ofmap, and is as large
        needed += layer.ofmap
    if needed > room:
        return False
    for reader in readers:
        if reader.number - layer.number > NEAR_LAYERS:
            return False
        if name in reader.reads.ifmap and reader.ifmap > room:
            return False
        if name in reader.reads.operand and reader.operand > room:
            return False
        if name in reader.reads.addend and layer.ofmap + reader.ofmap > room:
            return False
    return True


def drop_partial(staying, layers):
    """Remove the names of ofmaps that are joined with one that does not stay.

    staying: the set of the names of layers whose ofmaps stay, which is changed.
    layers: {canonical name: MapLayer}.
    What is joined, as by a concatenation, is read as one map: it stays as a whole, or goes to DRAM.

    >>> staying = {'a', 'c'}
    >>> reads = Reads(ifmap=('a', 'b'), operand=(), addend=())  # 'b' does not stay
    >>> drop_partial(staying, {'c': MapLayer(3, {}, reads, 100, 0, 100)})
    >>> staying
    {'c'}
    """
    maps = []  # of all maps that layers read, the sources
    maps_of = {}  # {source: the indices of the maps that it is a source of}
    for layer in layers.values():
        for sources in layer.reads:
            for source in set(sources):
                maps_of.setdefault(source, []).append(len(maps))
            maps.append(sources)
    # Sources that do not stay, so that what is joined with them is yet to be removed.
    dropped = [source for source in maps_of if source not in staying]
    while dropped:
        for index in maps_of[dropped.pop()]:
            for source in maps[index]:
                if source in staying:
                    staying.remove(source)
                    dropped.append(source)
            maps[index] = ()  # all have been removed, and need not be looked at again
