"""Colors for signed values: negative blue, zero white, positive red."""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["BLACK", "BLUE", "GRAY", "RED", "WHITE", "color_limit", "diverging_colors", "nearest_colors"]

BLUE, WHITE, RED = (33, 102, 172), (255, 255, 255), (178, 24, 43)
BLACK = (0, 0, 0)
GRAY = (127, 127, 127)  # color of NaN
STRIP_VALUES = 1 << 16  # which fit in the cache
CLIPPED_FRACTION = 0.005  # of the values, which may lie beyond the limit
MIN_LIMIT_FRACTION = 0.25  # of the largest value
# Matrices from linear sRGB to the responses of the eye's cones, and from their cube roots to OKLab.
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
HUE_WEIGHT = 2  # weight of the two axes that hold hue and chroma, as in the color difference OK2


def diverging_colors(values: ArrayLike, limit: float) -> NDArray[np.uint8]:
    """Map signed values to colors, linearly from white at zero to blue at ``-limit`` and red at ``limit``.

    Parameters
    ----------
    values : array of any shape
        Real numbers. Values beyond the limits, including infinity, take the color of the limit; NaN is gray.
    limit : float
        Not negative. With 0, zero is white and all other values take the color of their limit.

    Returns
    -------
    uint8 array (..., 3)
        Red, green and blue, rounded half to even.

    Examples
    --------
    >>> diverging_colors([[-2, 0, 1]], 2).tolist()
    [[[33, 102, 172], [255, 255, 255], [216, 140, 149]]]
    """
    numbers = np.asarray(values)
    flat = numbers.reshape(-1)
    colors = np.empty((flat.size, 3), np.uint8)
    # Narrow integers have few different values: look them up in a table.
    table = _color_table(numbers.dtype, limit) if numbers.size > 2 * STRIP_VALUES else None
    for start in range(0, flat.size, STRIP_VALUES):
        part = slice(start, start + STRIP_VALUES)
        if table is None:
            colors[part] = _interpolate_colors(flat[part].astype(np.float64), limit)
        else:
            np.take(table, flat[part], axis=0, out=colors[part], mode="wrap")
    return colors.reshape(*numbers.shape, 3)


def color_limit(values: ArrayLike) -> float:
    """Return a limit for `diverging_colors` that keeps most values distinguishable.

    The smallest absolute value that at most one value in 200 exceeds, but at least a quarter of the largest.
    For few values it is the largest.

    Parameters
    ----------
    values : array
        Real numbers; infinity and NaN do not count.

    Examples
    --------
    >>> color_limit([-3, 2, np.inf])
    3.0
    >>> color_limit(np.arange(1001))
    995.0
    """
    numbers = np.asarray(values)
    exact = numbers.dtype == np.float32 or numbers.dtype.itemsize < 4
    magnitudes = numbers.ravel().astype(np.float32 if exact else np.float64)  # a copy, modified below
    np.abs(magnitudes, out=magnitudes)
    if magnitudes.size and not math.isfinite(magnitudes.max()):
        magnitudes = magnitudes[np.isfinite(magnitudes)]
    if not magnitudes.size:
        return 0.0
    position = magnitudes.size - 1 - int(CLIPPED_FRACTION * magnitudes.size)
    magnitudes.partition(position)
    return max(float(magnitudes[position]), MIN_LIMIT_FRACTION * float(magnitudes[position:].max()))


def _color_table(dtype: np.dtype[Any], limit: float) -> NDArray[np.uint8] | None:
    """Return the colors of all values of a narrow integer dtype, negative ones indexed from the end."""
    if dtype.kind not in "iu" or dtype.itemsize > 2:
        return None
    limits = np.iinfo(dtype)
    order = np.r_[0 : int(limits.max) + 1, int(limits.min) : 0]
    return _interpolate_colors(order.astype(np.float64), limit).astype(np.uint8)


def _interpolate_colors(numbers: NDArray[np.float64], limit: float) -> NDArray[np.float64]:
    is_nan = np.isnan(numbers)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        fractions = np.where(numbers == 0, 0, numbers / limit).clip(-1, 1)
    ends = np.where(fractions[:, None] < 0, BLUE, RED)
    colors: NDArray[np.float64] = 255 + (ends - 255) * np.abs(fractions)[:, None]
    colors[is_nan] = GRAY
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
    palette_colors = np.asarray(palette, np.uint8)
    palette_points = _weighted_oklab(palette_colors)
    nearest = [
        np.square(_weighted_oklab(row)[:, np.newaxis] - palette_points).sum(axis=-1).argmin(axis=-1)
        for row in np.asarray(colors, np.uint8)  # row by row, as there is a distance for each pair
    ]
    found: NDArray[np.uint8] = palette_colors[np.array(nearest)]
    return found


def _weighted_oklab(colors: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return OKLab coordinates, hue and chroma weighted, of sRGB colors (N, 3)."""
    fractions = colors / 255
    linear = np.where(fractions <= 0.04045, fractions / 12.92, ((fractions + 0.055) / 1.055) ** 2.4)
    lab: NDArray[np.float64] = np.cbrt(linear @ CONES.T) @ OKLAB.T
    return lab * (1, HUE_WEIGHT, HUE_WEIGHT)
