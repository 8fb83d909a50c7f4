"""A systolic array of MAC units: the cycles that a layer takes, and the bytes that it streams.

The cycles are those that SCALE-Sim counts when nothing stalls. It streams a layer through the array
tile by tile, which without stalls is a closed form.

Terms:
  dataflow  what stays in the array while the rest streams by: the weights (ws, weight stationary),
            the partial sums of the ofmap (os, output stationary) or the ifmap (is, input
            stationary)
  fold      one filling of the array, where what stays is larger than the array
  psum      a partial sum, of some of the products that an element of the ofmap is the sum of

Source: SCALE-Sim 3.0.0 (scalesim-project/SCALE-Sim), with its default interface "CALC"; Samajdar,
Joseph, Zhu, Whatmough, Mattina, Krishna, ISPASS 2020.
"""

from collections import namedtuple

DATAFLOWS = ('ws', 'os', 'is')


class Product(namedtuple('Product', 'terms filters pixels')):
    """A convolution as a product of two matrices, which is what an array computes.

    terms: how many products each element of the ofmap is the sum of: R x S x C.
    filters: K. pixels: P x Q.
    """

    __slots__ = ()


def ceil_ratio(size, part):
    """Return how many parts a size takes, both whole numbers; exact, however large they are.

    >>> ceil_ratio(9, 4)
    3
    """
    return -(-size // part)


def array_cycles(product, rows, cols, dataflow):
    """Return the cycles that a Product takes on an array of rows x cols, if nothing stalls.

    dataflow: of DATAFLOWS.

    >>> conv = Product(terms=3 * 3 * 16, filters=32, pixels=14 * 14)  # 5 folds of 290 cycles each
    >>> array_cycles(conv, 32, 32, 'ws'), array_cycles(conv, 32, 32, 'os')
    (1449, 1441)
    """
    if dataflow == 'os':
        folds = ceil_ratio(product.pixels, rows) * ceil_ratio(product.filters, cols)
        # The array fills from two sides while it computes, and then is drained.
        return folds * (rows + cols + product.terms - 2) - 1
    columns, streamed = product.filters, product.pixels
    if dataflow == 'is':
        columns, streamed = product.pixels, product.filters
    folds = ceil_ratio(product.terms, rows) * ceil_ratio(columns, cols)
    # What stays is filled in before anything streams.
    return folds * (2 * rows + cols + streamed - 2) - 1


class Streamed(namedtuple('Streamed', 'weights features psums')):
    """How many weights, features and partial sums go between an array and its buffer."""

    __slots__ = ()


def count_streamed(product, rows, cols, dataflow):
    """Return the Streamed of a Product on an array of rows x cols; dataflow: of DATAFLOWS.

    What stays in the array is read once. What streams by is read for each fold across. A partial
    sum that does not stay is written in each fold along the terms, and read in all but the first.

    >>> conv = Product(terms=3 * 3 * 16, filters=32, pixels=14 * 14)  # 5 folds along the terms
    >>> count_streamed(conv, 32, 32, 'ws')
    Streamed(weights=4608, features=28224, psums=56448)
    """
    terms, filters, pixels = product
    if dataflow == 'os':
        weights = terms * filters * ceil_ratio(pixels, rows)
        ifmap = terms * pixels * ceil_ratio(filters, cols)
        ofmap = pixels * filters
        return Streamed(weights, ifmap + ofmap, psums=0)
    psums = pixels * filters * (2 * ceil_ratio(terms, rows) - 1)
    if dataflow == 'is':
        weights = terms * filters * ceil_ratio(pixels, cols)
        return Streamed(weights, terms * pixels, psums)
    return Streamed(terms * filters, terms * pixels * ceil_ratio(filters, cols), psums)
