"""Colours of signed numbers: negative blue, zero white, positive red."""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["BLACK", "BLUE", "GREY", "RED", "WHITE", "diverging", "limit_of"]

BLUE, WHITE, RED = (33, 102, 172), (255, 255, 255), (178, 24, 43)
BLACK = (0, 0, 0)
GREY = (127, 127, 127)  # of what is no number
STRIP = 1 << 16  # numbers at a time, which fit into the cache
BEYOND = 0.005  # the part of the numbers that may lie beyond the limit, and
AT_LEAST = 0.25  # the part of the largest that it is at least


def diverging(values: ArrayLike, limit: float) -> NDArray[np.uint8]:
    """Draw signed numbers as colours, linear from white at zero to blue at ``-limit`` and red at ``limit``.

    Parameters
    ----------
    values : array of any shape
        Real numbers. What lies beyond the limits, infinities too, has the colour of its end; NaN is grey.
    limit : float
        Not negative. With 0, zero is white and all else has the colour of its end.

    Returns
    -------
    uint8 array of that shape and a last axis of 3
        Red, green and blue, rounded half to even.

    Examples
    --------
    >>> diverging([[-2, 0, 1]], 2).tolist()
    [[[33, 102, 172], [255, 255, 255], [216, 140, 149]]]
    """
    numbers = np.asarray(values)
    flat = numbers.reshape(-1)
    colors = np.empty((flat.size, 3), np.uint8)
    # Of narrow integers the few that there are need drawing once.
    table = _table(numbers.dtype, limit) if numbers.size > 2 * STRIP else None
    for start in range(0, flat.size, STRIP):
        part = slice(start, start + STRIP)
        if table is None:
            colors[part] = _drawn(flat[part].astype(np.float64), limit)
        else:
            np.take(table, flat[part], axis=0, out=colors[part], mode="wrap")
    return colors.reshape(*numbers.shape, 3)


def limit_of(values: ArrayLike) -> float:
    """Return a limit at which the colours of numbers may end, so that most of them are told apart.

    The largest distance from zero that at most one number in 200 passes, but no less than a quarter of the
    largest of all: of few numbers it is the largest.

    Parameters
    ----------
    values : array
        Real numbers; those that are not finite do not count.

    Examples
    --------
    >>> limit_of([-3, 2, np.inf])
    3.0
    >>> limit_of(np.arange(1001))
    995.0
    """
    numbers = np.asarray(values)
    exact = numbers.dtype == np.float32 or numbers.dtype.itemsize < 4
    sizes = numbers.ravel().astype(np.float32 if exact else np.float64)  # a copy, which may be changed
    np.abs(sizes, out=sizes)
    if sizes.size and not math.isfinite(sizes.max()):
        sizes = sizes[np.isfinite(sizes)]
    if not sizes.size:
        return 0.0
    place = sizes.size - 1 - int(BEYOND * sizes.size)
    sizes.partition(place)
    return max(float(sizes[place]), AT_LEAST * float(sizes[place:].max()))


def _table(dtype: np.dtype[Any], limit: float) -> NDArray[np.uint8] | None:
    """Return the colours of all numbers of a narrow type of integers, negative ones counted from the end."""
    if dtype.kind not in "iu" or dtype.itemsize > 2:
        return None
    limits = np.iinfo(dtype)
    order = np.r_[0 : int(limits.max) + 1, int(limits.min) : 0]
    return _drawn(order.astype(np.float64), limit).astype(np.uint8)


def _drawn(numbers: NDArray[np.float64], limit: float) -> NDArray[np.float64]:
    unknown = np.isnan(numbers)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        shares = np.where(numbers == 0, 0, numbers / limit).clip(-1, 1)
    ends = np.where(shares[:, None] < 0, BLUE, RED)
    colors: NDArray[np.float64] = 255 + (ends - 255) * np.abs(shares)[:, None]
    colors[unknown] = GREY
    return np.round(colors)
