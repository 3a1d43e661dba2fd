"""Max and average pooling: each channel on its own, no parameters."""

import math
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convcli.arrays import image_array
from convcli.errors import ImageError, chosen
from convcli.sizes import Axis, Padding, Pair, pooling_axes

__all__ = ["PoolMode", "pool"]


class PoolMode(StrEnum):
    """What a window becomes."""

    MAX = "max"
    AVG = "avg"


def pool(
    image: ArrayLike,
    *,
    mode: str = "max",
    size: Pair = 2,
    stride: Pair | None = None,
    padding: Padding = 0,
    ceil: bool = False,
) -> NDArray[Any]:
    """Pool an image: the largest value or the mean of each window.

    Parameters
    ----------
    image : array (H, W) or (H, W, C)
        Integers, float32 or float64.
    mode : ``"max"`` or ``"avg"``
    size : int or (vertical, horizontal)
        Side of the window.
    stride : int or pair, optional
        Step of the window; its size unless given.
    padding : as for `convolve`
        At most half the window. Padding is never counted: neither as a largest value nor in a mean.
    ceil : bool
        Round the output size up; a last window then holds fewer pixels.

    Returns
    -------
    array (H', W') or (H', W', C)
        Of the image's type. Means of integers are exact and round half to even; means of floats are
        computed in float64.

    Raises
    ------
    ImageError
        The image is none, or its 64-bit integers could overflow.
    SizeError
        The window does not fit, or a number is out of range.
    UsageError
        The mode is unknown.

    Source: PyTorch's MaxPool2d and AvgPool2d with ``count_include_pad=False``.

    Examples
    --------
    >>> image = np.array([[1, 3, 2, 1], [2, 9, 1, 1], [1, 3, 2, 3], [5, 6, 1, 2]])
    >>> pool(image).tolist(), pool(image, mode="avg").tolist()
    ([[9, 2], [6, 3]], [[4, 1], [4, 2]])
    """
    mode = chosen(mode, PoolMode, "mode")
    pixels = image_array(image)
    rows, columns = pooling_axes(
        (pixels.shape[0], pixels.shape[1]), size, stride=stride, padding=padding, ceil=ceil
    )
    if mode == PoolMode.MAX:
        return _reduce(_reduce(pixels, rows, 0, np.maximum), columns, 1, np.maximum)
    return _average(pixels, rows, columns)


def _average(pixels: NDArray[Any], rows: Axis, columns: Axis) -> NDArray[Any]:
    whole = pixels.dtype.kind in "iu"
    if whole and pixels.dtype.itemsize == 8:
        largest = max(-int(pixels.min()), int(pixels.max()))
        if 2 * largest * rows.window * columns.window > np.iinfo(np.int64).max:
            raise ImageError(
                f"value {largest}", "the sum of a window could overflow int64; use a float image"
            )
    wide = pixels.astype(np.int64 if whole else np.float64)
    with np.errstate(over="ignore", invalid="ignore"):  # infinite pixels may meet
        sums = _reduce(_reduce(wide, rows, 0, np.add), columns, 1, np.add)
        counts = np.multiply.outer(_counts(rows), _counts(columns))
        counts = counts.reshape(counts.shape + (1,) * (pixels.ndim - 2))
        means = _round_half_even(sums, counts) if whole else sums / counts
        return means.astype(pixels.dtype)


def _round_half_even(sums: NDArray[Any], counts: NDArray[Any]) -> NDArray[Any]:
    quotient, rest = np.divmod(sums, counts)
    up = (2 * rest > counts) | ((2 * rest == counts) & (quotient % 2 == 1))
    rounded: NDArray[Any] = quotient + up
    return rounded


def _counts(axis: Axis) -> NDArray[np.int64]:
    """Return how many pixels, padding left out, each window holds."""
    counts = np.zeros(axis.output, np.int64)
    for outputs, _ in axis.taps():
        counts[outputs] += 1
    return counts


def _reduce(pixels: NDArray[Any], axis: Axis, along: int, operation: np.ufunc) -> NDArray[Any]:
    """Combine the pixels of each window along one axis; padding takes no part."""
    neutral: Any = 0
    if operation is np.maximum:
        neutral = -math.inf if pixels.dtype.kind == "f" else np.iinfo(pixels.dtype).min
    shape = list(pixels.shape)
    shape[along] = axis.output
    result = np.full(shape, neutral, pixels.dtype)
    source, target = np.moveaxis(pixels, along, 0), np.moveaxis(result, along, 0)
    for outputs, inputs in axis.taps():
        operation(target[outputs], source[inputs], out=target[outputs])
    return result
