"""Color maps: values drawn as gray levels or colors, each with its color bar."""

from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convcli.convolution.rendering import SignedMapping, render
from convcli.convolution.statistics import measure
from convcli.drawing.colors import color_limit, diverging_colors
from convcli.figures.matrices import NAN_COLOR, gray_pixels, gray_scale

__all__ = ["ColorBar", "ColoredMap", "ScaleKind", "gray_map", "level_map", "pixel_map", "signed_map"]

Array = NDArray[Any]

STRIP = 1 << 18  # values per strip, which fit the cache


class ScaleKind(StrEnum):
    """How values are mapped to colors."""

    PIXELS = "pixels"
    SIGNED = "signed"
    LEVELS = "levels"
    GRAY = "gray"


class ColorBar(NamedTuple):
    """The color scale of a map: its ends, and the range of the values, which may lie beyond them."""

    kind: ScaleKind
    low: float
    high: float
    lowest: float
    highest: float


class ColoredMap(NamedTuple):
    """Values as colors, uint8 (H, W, 3), and their color scale; None for pixels."""

    colors: NDArray[np.uint8]
    bar: ColorBar | None


def signed_map(values: ArrayLike, min_limit: float = 0.0) -> ColoredMap:
    """Draw a map of signed values: negative blue, zero white, positive red, with a symmetric scale.

    The scale ends at `color_limit`, but not below `min_limit` unless all values are zero. Values beyond the
    ends take their colors.

    Examples
    --------
    >>> signed_map([[-2, 0, 4]]).bar[:3]
    (<ScaleKind.SIGNED: 'signed'>, -4.0, 4.0)
    """
    low, high = _finite_range(values)
    limit = color_limit(values)
    if limit:
        limit = max(limit, min_limit)
    return ColoredMap(diverging_colors(values, limit), ColorBar(ScaleKind.SIGNED, -limit, limit, low, high))


def gray_map(values: ArrayLike, min_magnitude: float = 0.0) -> ColoredMap:
    """Draw signed values as gray levels: zero is mid-gray, the value farthest from zero black or white.

    Black and white are at least `min_magnitude` from zero, so that rounding errors do not show.

    Examples
    --------
    >>> colored = gray_map([[0, -2, 4]])
    >>> colored.colors[0, :, 0].tolist(), colored.bar[:3]
    ([128, 64, 255], (<ScaleKind.GRAY: 'gray'>, -4.0, 4.0))
    """
    numbers = np.asarray(values)
    scale = gray_scale(numbers)
    if numbers.any() and scale.magnitude < min_magnitude:
        scale = scale._replace(magnitude=min_magnitude)
    lowest, highest = _finite_range(numbers)
    end = max(float(scale.magnitude), highest, -lowest)
    bar = ColorBar(ScaleKind.GRAY, -end, end, lowest, highest)
    return ColoredMap(gray_pixels(numbers, scale), bar)


def level_map(values: ArrayLike, limit: float) -> ColoredMap:
    """Draw values as gray levels, or as colors if there are three channels, from 0 to the largest value.

    If any value is negative, the scale starts at the smallest. Neither end exceeds the limit; values beyond
    the ends take their levels. NaN is orange.

    Examples
    --------
    >>> level_map([[0, 2, 4]], 4).colors[0, :, 0].tolist()
    [0, 128, 255]
    """
    numbers = np.asarray(values)
    lowest, highest = _finite_range(numbers)
    low, high = max(min(lowest, 0.0), -limit), min(max(highest, 0.0), limit)
    colors = np.empty((*numbers.shape[:2], 3), np.uint8)
    rows = max(1, STRIP // max(1, numbers[0].size))
    for start in range(0, len(numbers), rows):
        colors[start : start + rows] = _level_colors(numbers[start : start + rows], low, high)
    return ColoredMap(colors, ColorBar(ScaleKind.LEVELS, low, high, lowest, highest))


def _level_colors(numbers: Array, low: float, high: float) -> Array:
    """Return the colors of values drawn as levels."""
    unit = max(high, -low) or 1.0  # the difference of extreme floats would be infinite
    wide = numbers.astype(np.float64) / unit
    extent = (high / unit - low / unit) or 1.0
    shares = ((wide - low / unit) / extent).clip(0, 1)
    colors = _as_rgb(np.nan_to_num(np.round(255 * shares)).astype(np.uint8))
    is_nan = np.isnan(wide)
    if is_nan.any():
        colors[is_nan if is_nan.ndim == 2 else is_nan.any(-1)] = NAN_COLOR
    return colors


def pixel_map(pixels: ArrayLike) -> ColoredMap:
    """Show gray or color pixels unchanged, rounding 16 bits to 8.

    Examples
    --------
    >>> pixel_map(np.array([[7]], np.uint8)).colors.tolist()
    [[[7, 7, 7]]]
    """
    values = np.asarray(pixels)
    if values.dtype == np.uint16:
        values = render(values, SignedMapping.CLIP, scale=1 / 257)
    return ColoredMap(_as_rgb(values), None)


def _finite_range(values: ArrayLike) -> tuple[float, float]:
    """Return the smallest and the largest finite value; zeros if there is none."""
    numbers = measure(np.asarray(values))
    return float(numbers.lowest or 0), float(numbers.highest or 0)


def _as_rgb(pixels: Array) -> Array:
    if pixels.ndim == 3 and pixels.shape[2] == 3:
        return pixels
    return np.repeat(pixels.reshape(*pixels.shape[:2], 1), 3, axis=2)
