"""Max and average pooling: each channel is pooled on its own, and there is nothing to learn."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convcli.convolution.buffers import BufferPool
from convcli.convolution.weighted import SampleWeights, as_axes
from convcli.errors import ImageError, parse_choice
from convcli.parallel import WorkQueue, parallel_for, thread_count
from convcli.pictures.arrays import fill_array, image_array
from convcli.sizes.axes import pooling_axes
from convcli.sizes.per_axis import Padding, Pair
from convcli.sizes.windowed import Axis

__all__ = ["PoolMode", "pool", "pool_weighted", "window_counts"]

STRIP_BYTES = 1 << 21  # size of one strip of pixels


class PoolMode(StrEnum):
    """What replaces a window: its largest value or its mean."""

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
    rounded: bool = False,
    jobs: int | None = None,
    out: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Pool an image: take the largest value or the mean of each window.

    Parameters
    ----------
    image : array (H, W) or (H, W, C)
        Integers, float32 or float64.
    mode : ``"max"`` or ``"avg"``
    size : int or (vertical, horizontal)
        Size of the window in pixels.
    stride : int or pair, optional
        Step of the window (default: its size).
    padding : as for `convolve`
        At most half the window. Padding is never counted, neither as a maximum nor in a mean.
    ceil : bool
        Round the output size up; the last window then holds fewer pixels.
    rounded : bool
        Round means of integers half to even and return them in the image's own dtype, as pixels need it.
    jobs, out : as for `convolve`

    Returns
    -------
    array (H', W') or (H', W', C)
        In the image's dtype; means of integers are float64 unless `rounded`. Integers are summed exactly and
        divided once, in float64: a sum of 2**53 or more is rounded to float64 first. Floats are averaged in
        float64.

    Raises
    ------
    ImageError
        The image is invalid, or the sum of its 64-bit integers could overflow.
    SizeError
        The window does not fit the image, or a number is out of range.
    UsageError
        The mode is unknown, or `out` does not fit.

    Source: PyTorch's MaxPool2d and AvgPool2d with ``count_include_pad=False``.

    Examples
    --------
    >>> import numpy as np
    >>> import convcli
    >>> image = np.array([[1, 3, 2, 1], [2, 9, 1, 1], [1, 3, 2, 3], [5, 6, 1, 2]])
    >>> convcli.pool(image).tolist(), convcli.pool(image, mode="avg").tolist()
    ([[9, 2], [6, 3]], [[3.75, 1.25], [3.75, 2.0]])
    >>> convcli.pool(image, mode="avg", rounded=True).tolist()
    [[4, 1], [4, 2]]
    """
    mode = parse_choice(mode, PoolMode, "mode")
    pixels = image_array(image)
    rows, columns = pooling_axes(
        (pixels.shape[0], pixels.shape[1]), size, stride=stride, padding=padding, ceil=ceil
    )
    shape = (rows.output, columns.output, *pixels.shape[2:])
    sums = pixels.dtype if mode == PoolMode.MAX else _sums_type(pixels, rows, columns)
    exact = mode == PoolMode.AVG and pixels.dtype.kind != "f" and not rounded
    strip = max(1, STRIP_BYTES // (pixels[0].size * sums.itemsize * rows.stride))

    counts = (window_counts(rows), window_counts(columns)) if mode == PoolMode.AVG else None

    def make(result: NDArray[Any]) -> None:
        def work(starts: WorkQueue) -> None:
            with BufferPool.borrow() as buffers, np.errstate(over="ignore", invalid="ignore"):  # inf - inf
                for start in starts:
                    target = result[start : start + strip]
                    if counts is None:
                        _pool_strip(pixels, rows, columns, start, target, np.maximum, buffers)
                    else:
                        _average_strip(pixels, rows, columns, start, target, sums, counts, buffers)

        parts = range(0, rows.output, strip)
        parallel_for(parts, work, thread_count(jobs, len(parts), math.prod(shape)))

    return fill_array(make, shape, np.dtype(float) if exact else pixels.dtype, out, source=pixels)


def _sums_type(pixels: NDArray[Any], rows: Axis, columns: Axis) -> np.dtype[Any]:
    """Return the narrowest type that holds twice the sum of any window; float64 for floats."""
    if pixels.dtype.kind == "f":
        return np.dtype(np.float64)
    twice = 2 * min(rows.window, rows.side) * min(columns.window, columns.side)
    limits = np.iinfo(pixels.dtype)
    for dtype in (np.int16, np.int32, np.int64):
        if twice * max(-int(limits.min), int(limits.max)) <= np.iinfo(dtype).max:
            return np.dtype(dtype)
    largest = max(-int(pixels.min()), int(pixels.max()))
    if twice * largest > np.iinfo(np.int64).max:
        raise ImageError(f"value {largest}", "the sum of a window could overflow int64; use a float image")
    return np.dtype(np.int64)


def _average_strip(
    pixels: NDArray[Any],
    rows: Axis,
    columns: Axis,
    start: int,
    target: NDArray[Any],
    dtype: np.dtype[Any],
    axis_counts: tuple[NDArray[np.int64], NDArray[np.int64]],
    buffers: BufferPool,
) -> None:
    sums = buffers.array("sums", target.shape, dtype)
    _pool_strip(pixels, rows, columns, start, sums, np.add, buffers)
    down, across = axis_counts[0][start : start + len(target)], axis_counts[1]
    if down.min() == down.max() and across.min() == across.max():
        counts: Any = down[0] * across[0]  # dividing by a scalar is faster
    else:
        counts = np.multiply.outer(down, across).reshape(*target.shape[:2], *[1] * (target.ndim - 2))
    if target.dtype.kind == "f":
        np.divide(sums, counts, out=target, casting="same_kind")
    elif dtype == np.int64:
        np.copyto(target, _round_half_even(sums, counts), casting="unsafe")
    else:
        # A float that resolves steps of 1/(2 count) puts the quotient on the right side of a half.
        quotients = buffers.array(
            "quotients", sums.shape, np.dtype(np.float32 if dtype == np.int16 else float)
        )
        np.copyto(quotients, sums)
        np.divide(quotients, quotients.dtype.type(counts), out=quotients)
        np.copyto(target, np.rint(quotients, out=quotients), casting="unsafe")


def _round_half_even(sums: NDArray[Any], counts: NDArray[Any]) -> NDArray[Any]:
    quotient, rest = np.divmod(sums, counts)
    up = (2 * rest > counts) | ((2 * rest == counts) & (quotient % 2 == 1))
    rounded: NDArray[Any] = quotient + up
    return rounded


def window_counts(axis: Axis) -> NDArray[np.int64]:
    """Return how many pixels each window holds, without padding."""
    counts = np.zeros(axis.output, np.int64)
    for outputs, _ in axis.taps():
        counts[outputs] += 1
    return counts


def _pool_strip(
    pixels: NDArray[Any],
    rows: Axis,
    columns: Axis,
    start: int,
    target: NDArray[Any],
    operation: np.ufunc,
    buffers: BufferPool,
    *,
    top: int = 0,
) -> None:
    """Combine the pixels of each window, first vertically, then horizontally; padding is left out.

    `pixels` begins at row `top` of the image, and `target` at row `start` of the result.
    """
    read = _rows_read(rows, start, len(target))
    source = pixels[read.start - top : read.stop - top]
    if source.dtype != target.dtype:
        wide = buffers.array("wide", source.shape, target.dtype)
        np.copyto(wide, source, casting="unsafe")
        source = wide
    between = buffers.array("between", (len(target), *source.shape[1:]), target.dtype)
    taps = [
        (outputs, slice(inputs.start - read.start, inputs.stop - read.start, inputs.step))
        for outputs, inputs in _taps_within(rows, start, start + len(target))
    ]
    _reduce(source, taps, between, operation)
    across = list(columns.taps())
    for channel in np.ndindex(source.shape[2:]):  # numpy is slow on a short last axis
        _reduce(between[:, :, *channel].T, across, target[:, :, *channel].T, operation)


def _rows_read(rows: Axis, start: int, count: int) -> slice:
    """Return the rows of the image that `count` rows of the result read, starting with row `start`."""
    down = [inputs for _, inputs in _taps_within(rows, start, start + count)]
    return slice(min(inputs.start for inputs in down), max(inputs.stop for inputs in down))


def _taps_within(axis: Axis, first: int, stop: int) -> Iterator[tuple[slice, slice]]:
    """Yield the taps that reach the outputs from `first` to before `stop`, counted from `first`."""
    for outputs, inputs in axis.taps():
        low, high = max(outputs.start, first), min(outputs.stop, stop)
        if low < high:
            begin = inputs.start + (low - outputs.start) * axis.stride
            end = begin + (high - 1 - low) * axis.stride + 1
            yield slice(low - first, high - first), slice(begin, end, axis.stride)


def _reduce(
    source: NDArray[Any], taps: Sequence[tuple[slice, slice]], target: NDArray[Any], operation: np.ufunc
) -> None:
    """Combine, into each row of the target, the source rows that its taps read."""
    reads_all_outputs = all(outputs == slice(0, len(target)) for outputs, _ in taps)
    if reads_all_outputs and len(taps) > 1:
        (_, first), (_, second), *taps = taps
        operation(source[first], source[second], out=target)
    elif reads_all_outputs:
        target[...], taps = source[taps[0][1]], ()
    else:
        target[...] = _neutral(operation, target.dtype)
    for outputs, inputs in taps:
        operation(target[outputs], source[inputs], out=target[outputs])


def _neutral(operation: np.ufunc, dtype: np.dtype[Any]) -> Any:
    if operation is np.add:
        return -0.0 if dtype.kind == "f" else 0  # 0.0 would make -0.0 positive, in strips at a border alone
    return -math.inf if dtype.kind == "f" else np.iinfo(dtype).min


def pool_weighted(
    image: NDArray[Any],
    weights: SampleWeights,
    *,
    mode: str,
    size: Pair,
    stride: Pair | None = None,
    padding: Padding = 0,
    ceil: bool = False,
    rounded: bool = False,
    jobs: int | None = None,
) -> NDArray[Any]:
    """Pool an image whose pixels do not all count in full.

    Parameters
    ----------
    image : array (H, W) or (H, W, C)
    weights : SampleWeights
        A mean weights the pixels, and is rounded once; a maximum is that of the pixels that have a weight.
    mode, size, stride, padding, ceil, rounded, jobs : as for `pool`

    Examples
    --------
    >>> image = np.array([[9, 1, 5, 5]], np.uint8)
    >>> weights = SampleWeights(np.array([[0, 255, 255, 255]], np.uint8), 255, nan_if_empty=False)
    >>> pool_weighted(image, weights, mode="max", size=(1, 2)).tolist()
    [[1, 5]]
    """
    result = pool(
        image, mode=mode, size=size, stride=stride, padding=padding, ceil=ceil, rounded=rounded, jobs=jobs
    )
    rows, columns = pooling_axes(
        (image.shape[0], image.shape[1]), size, stride=stride, padding=padding, ceil=ceil
    )
    axes = rows, columns
    strip = max(1, STRIP_BYTES // (image[0].size * 8 * rows.stride))

    def work(starts: WorkQueue) -> None:
        with BufferPool.borrow() as buffers, np.errstate(over="ignore", invalid="ignore"):
            for start in starts:
                target = result[start : start + strip]
                target[...] = _weighted_strip(image, weights, axes, start, target, PoolMode(mode), buffers)

    parts = range(0, rows.output, strip)
    parallel_for(parts, work, thread_count(jobs, len(parts), result.size))
    return result


def _weighted_strip(
    image: NDArray[Any],
    weights: SampleWeights,
    axes: tuple[Axis, Axis],
    start: int,
    plain: NDArray[Any],
    mode: PoolMode,
    buffers: BufferPool,
) -> NDArray[Any]:
    """Return the rows of the result from `start` on, given what they are if all pixels count in full."""
    read = _rows_read(axes[0], start, len(plain))
    pixels, shares, full = image[read], weights.array[read], weights.full
    if (shares == full).all():
        return plain

    def pooled(source: NDArray[Any], operation: np.ufunc, dtype: Any) -> NDArray[Any]:
        target = np.empty((*plain.shape[:2], *source.shape[2:]), dtype)
        _pool_strip(source, *axes, start, target, operation, buffers, top=read.start)
        return as_axes(target, plain)

    is_missing = pooled((shares != full).view(np.uint8), np.maximum, np.uint8) > 0
    is_seen = pooled((shares > 0).view(np.uint8), np.maximum, np.uint8) > 0
    if mode == PoolMode.MAX:
        seen = np.where(as_axes(shares > 0, pixels), pixels, _neutral(np.maximum, pixels.dtype))
        weighted = pooled(seen.astype(pixels.dtype, copy=False), np.maximum, pixels.dtype)
    else:
        exact = all(array.dtype in (np.uint8, np.uint16) for array in (pixels, shares))
        factors = shares.astype(np.int64) if exact else shares / full
        products = pixels * as_axes(factors, pixels)
        products = products if exact else np.where(as_axes(factors, pixels) == 0, 0.0, products)
        sums, total = (pooled(array, np.add, array.dtype) for array in (products, factors))
        weighted = sums / np.where(is_seen, total, 1)
        weighted = weighted if plain.dtype.kind == "f" else np.rint(weighted)
    empty = np.nan if weights.nan_if_empty else plain
    chosen: NDArray[Any] = np.where(is_missing, np.where(is_seen, weighted, empty), plain)
    return chosen
