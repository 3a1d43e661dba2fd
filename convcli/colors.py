"""Colours of signed numbers: negative blue, zero white, positive red."""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["BLACK", "BLUE", "GREY", "RED", "WHITE", "diverging", "limit_of", "nearest_colors"]

BLUE, WHITE, RED = (33, 102, 172), (255, 255, 255), (178, 24, 43)
BLACK = (0, 0, 0)
GREY = (127, 127, 127)  # of what is no number
STRIP = 1 << 16  # numbers at a time, which fit into the cache
BEYOND = 0.005  # the part of the numbers that may lie beyond the limit, and
AT_LEAST = 0.25  # the part of the largest that it is at least
# From linear sRGB to the responses of the eye's cones, and from their cube roots to OKLab.
CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
OKLAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
HUE_WEIGHT = 2  # of the two axes that hold hue and chroma, as in the color difference OK2


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


def nearest_colors(colors: ArrayLike, palette: ArrayLike) -> NDArray[np.uint8]:
    """Replace each color by the one of a palette that looks most like it.

    The distance is the color difference OK2: Euclidean in OKLab, hue and chroma counted twice. The nearest
    color in RGB may have another hue: where a palette is coarse, a strong red becomes magenta.

    Parameters
    ----------
    colors : uint8 array (H, W, 3)
        sRGB.
    palette : uint8 array (N, 3)

    Returns
    -------
    uint8 array (H, W, 3)

    Source: B. Ottosson, A perceptual color space for image processing, 2020; CSS Color Module Level 4, 2025.

    Examples
    --------
    >>> nearest_colors([[[183, 38, 56]]], [[175, 0, 95], [175, 0, 0], [88, 88, 88]]).tolist()
    [[[175, 0, 0]]]
    """
    known = np.asarray(palette, np.uint8)
    places = _perceived(known)
    nearest = [
        np.square(_perceived(row)[:, np.newaxis] - places).sum(axis=-1).argmin(axis=-1)
        for row in np.asarray(colors, np.uint8)  # row by row: there is a distance for each pair
    ]
    found: NDArray[np.uint8] = known[np.array(nearest)]
    return found


def _perceived(colors: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return OKLab coordinates, hue and chroma weighted, of sRGB colors (N, 3)."""
    shares = colors / 255
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    lab: NDArray[np.float64] = np.cbrt(linear @ CONES.T) @ OKLAB.T
    return lab * (1, HUE_WEIGHT, HUE_WEIGHT)
