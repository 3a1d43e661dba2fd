"""Pooling in numpy: windows are combined first vertically, then horizontally."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from convcli.convolution.buffers import BufferPool
from convcli.errors import ImageError
from convcli.late_numpy import np
from convcli.sizes.windowed import Axis

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["average_strip", "neutral", "pool_strip", "rows_read", "sums_type", "window_counts"]


def sums_type(pixels: NDArray[Any], rows: Axis, columns: Axis) -> np.dtype[Any]:
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


def average_strip(
    pixels: NDArray[Any],
    rows: Axis,
    columns: Axis,
    start: int,
    target: NDArray[Any],
    dtype: np.dtype[Any],
    buffers: BufferPool,
) -> None:
    """Write the means of windows into `target`, which begins at row `start` of the result."""
    sums = buffers.array("sums", target.shape, dtype)
    pool_strip(pixels, rows, columns, start, sums, np.add, buffers)
    down, across = window_counts(rows)[start : start + len(target)], window_counts(columns)
    if down.min() == down.max() and across.min() == across.max():
        counts: Any = down[0] * across[0]  # dividing by a scalar is faster
    else:
        counts = np.multiply.outer(down, across).reshape(*target.shape[:2], *[1] * (target.ndim - 2))
    if target.dtype.kind == "f":
        np.divide(sums, counts, out=target, casting="same_kind")
    elif dtype == np.int64:
        np.copyto(target, _round_half_even(sums, counts), casting="unsafe")
    else:
        # float64 resolves steps of 1/(2 count), which puts the quotient on the right side of a half.
        quotients = buffers.array("quotients", sums.shape, np.dtype(float))
        np.divide(sums, counts, out=quotients)
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


def pool_strip(
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
    read = rows_read(rows, start, len(target))
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


def rows_read(rows: Axis, start: int, count: int) -> slice:
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
        target[...] = neutral(operation, target.dtype)
    for outputs, inputs in taps:
        operation(target[outputs], source[inputs], out=target[outputs])


def neutral(operation: np.ufunc, dtype: np.dtype[Any]) -> Any:
    """Return what changes no result of an operation: no sum, or no maximum."""
    if operation is np.add:
        return -0.0 if dtype.kind == "f" else 0  # 0.0 would make -0.0 positive, in strips at a border alone
    return -math.inf if dtype.kind == "f" else np.iinfo(dtype).min
