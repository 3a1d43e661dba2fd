"""The ways to slide a kernel over a strip of the image, and what each costs.

A strip is a few padded rows that stay in the processor's cache, already in the type of the sums. Every
strategy gives the same integers, bit by bit; for floats they differ by rounding.
"""

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from convcli.kernels import separate
from convcli.sizes import Axis

__all__ = ["Scratch", "Slide", "Strategy", "choose", "prepare", "sums_type"]

Array = NDArray[Any]

EXACT_IN_FLOAT32 = 1 << 24  # whole numbers up to here, and so their sums, are exact
UNSTRIDED = Axis(side=1, window=1)  # one tap, step one: the axis that a separable pass leaves alone

# Measured on one core (AVX-512), in nanoseconds: they only have to be right in relation to each other.
PASS_COST = 0.045  # a pass over the strip, per byte of a number
PRODUCT_COST = 0.031  # a multiply-accumulate of float32 in a matrix product; float64 takes twice that


class Strategy(StrEnum):
    """How a kernel is applied to a strip."""

    SHIFTS = "shifts"  # shifted images added up, each times its tap
    SEPARABLE = "separable"  # the same twice: a column of taps, then a row
    MATRIX = "matrix"  # products with the kernel's rows as banded matrices


class Scratch:
    """Memory that is used again for every strip of a thread."""

    def __init__(self) -> None:
        self._blocks: dict[str, NDArray[np.uint8]] = {}

    def array(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """Return an array of any content; the next call with the same name takes it back."""
        size = int(np.prod(shape)) * dtype.itemsize
        block = self._blocks.get(name)
        if block is None or block.size < size:
            block = self._blocks[name] = np.empty(size, np.uint8)
        return block[:size].view(dtype).reshape(shape)


Slide = Callable[[Array, Array, Scratch], None]
"""Called with a padded strip, the rows of the result that it makes, and scratch memory."""


def sums_type(strategy: Strategy, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type that a strategy adds up in, for results of a type."""
    return np.dtype(np.float32) if strategy == Strategy.MATRIX and dtype.kind == "i" else dtype


def choose(
    kernels: Sequence[Array], rows: Axis, columns: Axis, dtype: np.dtype[Any], bound: int | None
) -> Strategy:
    """Choose the cheapest strategy that is exact for all of the kernels.

    Parameters
    ----------
    kernels : 2-D arrays of one shape
    rows, columns : Axis
    dtype : dtype of the results
    bound : int or None
        No sum of an integer result, partial or whole, is beyond it; None for floats.
    """
    costs: dict[Strategy, float] = {Strategy.SHIFTS: sum(_cost_of_shifts(taps, dtype) for taps in kernels)}
    factors = [separate(taps) for taps in kernels]
    if min(kernels[0].shape) > 1 and all(factors):
        costs[Strategy.SEPARABLE] = sum(
            _cost_of_shifts(column[:, None], dtype) + _cost_of_shifts(row[None, :], dtype)
            for column, row in filter(None, factors)
        )
    undilated = rows.dilation == columns.dilation == 1
    if undilated and (bound is None or bound < EXACT_IN_FLOAT32):
        costs[Strategy.MATRIX] = sum(_cost_of_matrix(taps, columns, dtype) for taps in kernels)
    return min(costs, key=lambda strategy: costs[strategy])


def _cost_of_shifts(taps: Array, dtype: np.dtype[Any]) -> float:
    passes = sum(len(places) + (value != 1) for value, places in _groups(taps))
    return float(passes * dtype.itemsize * PASS_COST)


def _cost_of_matrix(taps: Array, columns: Axis, dtype: np.dtype[Any]) -> float:
    itemsize = 8 if dtype == np.float64 else 4
    products = len(taps) * _used(columns) * PRODUCT_COST * itemsize / 4
    return products + (len(taps) + 1) * itemsize * PASS_COST


def _block(columns: Axis) -> int:
    """Return how many outputs a banded matrix makes: narrow ones waste fewer zeros, wide ones run faster."""
    return 16 if columns.window <= 8 else 32 if columns.window <= 48 else 64


def _used(columns: Axis) -> int:
    """Return how many pixels of a row a banded matrix reads."""
    return (_block(columns) - 1) * columns.stride + columns.extent


def prepare(strategy: Strategy, taps: Array, rows: Axis, columns: Axis, dtype: np.dtype[Any]) -> Slide:
    """Return the function that applies the kernel to a strip by a strategy."""
    if strategy == Strategy.MATRIX:
        return _matrix(taps, rows, columns, sums_type(strategy, dtype))
    if strategy == Strategy.SHIFTS:
        return _shifts(taps, rows, columns)
    factors = separate(taps)
    assert factors is not None, "only kernels of rank one are separable"
    down = _shifts(factors[0][:, None], rows, UNSTRIDED)
    across = _shifts(factors[1][None, :], UNSTRIDED, columns)

    def slide(strip: Array, target: Array, scratch: Scratch) -> None:
        partial = scratch.array("partial", (target.shape[0], *strip.shape[1:]), strip.dtype)
        down(strip, partial, scratch)
        across(partial, target, scratch)

    return slide


def _groups(taps: Array) -> list[tuple[Any, list[tuple[int, int, bool]]]]:
    """Return the taps by size, the unit ones first: (size, places with whether the tap is negative)."""
    groups: dict[Any, list[tuple[int, int, bool]]] = {}
    for i, j in np.argwhere(taps):
        tap = taps[i, j].item()
        groups.setdefault(abs(tap), []).append((int(i), int(j), tap < 0))
    # A positive tap first, so that a sum can begin with it.
    return sorted(
        ((value, sorted(places, key=lambda place: place[2])) for value, places in groups.items()),
        key=lambda group: group[0] != 1,
    )


def _shifts(taps: Array, rows: Axis, columns: Axis) -> Slide:
    """Add up shifted images: those with taps of one size first, so that each size is multiplied once."""
    groups = _groups(taps)

    def slide(strip: Array, target: Array, scratch: Scratch) -> None:
        if not groups:
            target[...] = 0
        for number, (value, places) in enumerate(groups):
            views = [(_shifted(strip, i, j, rows, columns, target), negative) for i, j, negative in places]
            if number == 0:
                _sum_into(target, views)
                if value != 1:
                    np.multiply(target, target.dtype.type(value), out=target)
            elif len(views) == 1:
                products = scratch.array("products", target.shape, target.dtype)
                np.multiply(views[0][0], target.dtype.type(value), out=products)
                _add(target, products, views[0][1])
            else:
                products = scratch.array("products", target.shape, target.dtype)
                _sum_into(products, views)
                np.multiply(products, target.dtype.type(value), out=products)
                np.add(target, products, out=target)

    return slide


def _shifted(strip: Array, i: int, j: int, rows: Axis, columns: Axis, target: Array) -> Array:
    """Return the pixels that a tap meets, for every output of the strip."""
    top, left = i * rows.dilation, j * columns.dilation
    return strip[
        top : top + (target.shape[0] - 1) * rows.stride + 1 : rows.stride,
        left : left + (target.shape[1] - 1) * columns.stride + 1 : columns.stride,
    ]


def _sum_into(target: Array, views: list[tuple[Array, bool]]) -> None:
    (first, negative), *rest = views
    if negative:
        np.negative(first, out=target)
    elif rest:
        (second, minus), *rest = rest
        (np.subtract if minus else np.add)(first, second, out=target)
    else:
        np.copyto(target, first)
    for view, minus in rest:
        _add(target, view, minus)


def _add(target: Array, view: Array, minus: bool) -> None:
    (np.subtract if minus else np.add)(target, view, out=target)


def _matrix(taps: Array, rows: Axis, columns: Axis, sums: np.dtype[Any]) -> Slide:
    """Multiply blocks of each image row by a band that holds a row of the kernel at every place it can have.

    The products are small enough for BLAS to stay in one thread, and in the cache.
    """
    block = _block(columns)
    bands = np.zeros((len(taps), _used(columns), block), sums)
    for output in range(block):
        start = output * columns.stride
        bands[:, start : start + columns.window, output] = taps
    beyond_reach = _shifts(taps, rows, columns)

    def slide(strip: Array, target: Array, scratch: Scratch) -> None:
        if target.dtype.kind == "f" and not np.isfinite(strip).all():
            beyond_reach(strip, target, scratch)  # a band's zeros would carry NaN and infinity too far
            return
        for plane, result in _planes(strip, target):
            _multiply_bands(plane, bands, rows, columns, result, scratch)

    return slide


def _planes(strip: Array, target: Array) -> Iterator[tuple[Array, Array]]:
    if strip.ndim == 2:
        yield strip, target
    else:
        for channel in range(strip.shape[2]):
            yield strip[:, :, channel], target[:, :, channel]


def _multiply_bands(
    plane: Array, bands: Array, rows: Axis, columns: Axis, target: Array, scratch: Scratch
) -> None:
    height, width = target.shape
    used, block = bands.shape[1:]
    blocks = -(-width // block)
    item = bands.itemsize
    step = block * columns.stride
    line = (blocks - 1) * step + used
    source = scratch.array("plane", (plane.shape[0], line), bands.dtype)
    source[:, : plane.shape[1]] = plane[:, :line]
    source[:, plane.shape[1] :] = 0  # the last block may reach beyond the padded row
    sums, products = (
        scratch.array(name, (height, blocks * block), bands.dtype) for name in ("sums", "products")
    )
    for i, band in enumerate(bands):
        windows = as_strided(
            source[i:],
            (blocks, height, used),
            (step * item, rows.stride * line * item, item),
            writeable=False,
        )
        into = products if i else sums
        np.matmul(
            windows,
            band,
            out=as_strided(into, (blocks, height, block), (block * item, blocks * block * item, item)),
        )
        if i:
            np.add(sums, products, out=sums)
    np.copyto(target, sums[:, :width], casting="unsafe")
