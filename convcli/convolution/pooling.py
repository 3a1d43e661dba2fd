"""Max and average pooling: each channel is pooled on its own, and there is nothing to learn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any, TypedDict, overload

from convcli.compiled.engine import is_compiled
from convcli.convolution.algorithms.compiled_pooling import pool_compiled
from convcli.convolution.algorithms.pooling import (
    average_strip,
    neutral,
    pool_strip,
    rows_read,
    sums_type,
)
from convcli.convolution.borders import BorderKind
from convcli.convolution.buffers import BufferPool
from convcli.convolution.parts.sources import is_in_memory
from convcli.convolution.statistics import Statistics
from convcli.convolution.weighted import SampleWeights, as_axes
from convcli.errors import parse_choice
from convcli.late_numpy import np
from convcli.parallel import WorkQueue, parallel_for, thread_count
from convcli.pictures.arrays import fill_array, image_array, is_core_readable
from convcli.pictures.raster import Raster
from convcli.sizes.axes import pooling_axes
from convcli.sizes.per_axis import Padding, Pair
from convcli.sizes.windowed import Axis

if TYPE_CHECKING:
    from typing import Unpack

    from numpy.typing import ArrayLike, NDArray

    from convcli.convolution.planning import ImageKind

__all__ = ["PoolMode", "measure_raster", "pool", "pool_raster", "pool_weighted"]

STRIP_BYTES = 1 << 21  # size of one strip of pixels, in numpy


class PoolMode(StrEnum):
    """What replaces a window: its largest value or its mean."""

    MAX = "max"
    AVG = "avg"


class PoolingKeywords(TypedDict, total=False):
    """The keywords of `pool` besides `out`."""

    mode: str
    size: Pair
    stride: Pair | None
    padding: Padding
    ceil: bool
    rounded: bool
    jobs: int | None


@overload
def pool(
    image: NDArray[Any] | Sequence[Any],
    *,
    out: NDArray[Any] | None = None,
    **settings: Unpack[PoolingKeywords],
) -> NDArray[Any]: ...
@overload
def pool(image: Any, *, out: Any = None, **settings: Unpack[PoolingKeywords]) -> Any: ...
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
    out: Any = None,
) -> Any:
    """Pool an image: take the largest value or the mean of each window.

    Parameters
    ----------
    image : array (H, W) or (H, W, C)
        Integers, float32 or float64; also stored, lazy or labeled, as for `convolve`.
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
    if not is_in_memory(image, out):
        from convcli.convolution.parts.running import run_in_parts  # late: most calls do not need it

        window: dict[str, Any] = {"size": size, "stride": stride, "padding": padding, "ceil": ceil}
        return run_in_parts(
            image,
            out,
            plan=partial(Pooling.of, mode, rounded, **window),
            apply=partial(pool, mode=mode, rounded=rounded, jobs=jobs, **window),
            jobs=jobs,
        )
    pixels = image_array(image)
    rows, columns = pooling_axes(
        (pixels.shape[0], pixels.shape[1]), size, stride=stride, padding=padding, ceil=ceil
    )
    return _pool_axes(pixels, rows, columns, mode, rounded, jobs, out)


def _pool_axes(
    pixels: NDArray[Any],
    rows: Axis,
    columns: Axis,
    mode: PoolMode,
    rounded: bool,
    jobs: int | None,
    out: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Pool pixels with windows that slide along these axes."""
    shape = (rows.output, columns.output, *pixels.shape[2:])
    sums = pixels.dtype if mode == PoolMode.MAX else sums_type(pixels, rows, columns)

    def make_strip(start: int, target: NDArray[Any], buffers: BufferPool) -> None:
        if mode == PoolMode.MAX:
            pool_strip(pixels, rows, columns, start, target, np.maximum, buffers)
        else:
            average_strip(pixels, rows, columns, start, target, sums, buffers)

    def make(result: NDArray[Any]) -> None:
        if is_compiled():
            pool_compiled(_readable(pixels).data, result.data, mode, rows, columns, jobs)
        else:
            _for_each_strip(result, pixels[0].size * sums.itemsize * rows.stride, jobs, make_strip)

    return fill_array(make, shape, _pooled_dtype(pixels.dtype, mode, rounded), out, source=pixels)


def _pooled_dtype(dtype: np.dtype[Any], mode: PoolMode, rounded: bool) -> np.dtype[Any]:
    exact = mode == PoolMode.AVG and dtype.kind != "f" and not rounded
    return np.dtype(float) if exact else dtype


@dataclass(frozen=True, eq=False)
class Pooling:
    """A pooling as it is computed part by part: an `Operation`, of whose parts the padding is not counted."""

    kind: ImageKind
    rows: Axis
    columns: Axis
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    mode: PoolMode
    rounded: bool
    border: BorderKind = BorderKind.ZERO
    name: str = "pool"
    joins_channels: bool = False
    counts_padding: bool = False

    @classmethod
    def of(cls, mode: PoolMode, rounded: bool, kind: ImageKind, *, size: Pair, **window: Any) -> Pooling:
        """Plan the pooling of an image of a kind."""
        rows, columns = pooling_axes(kind.shape[:2], size, **window)
        shape = (rows.output, columns.output, *kind.shape[2:])
        dtype = _pooled_dtype(np.dtype(kind.dtype), mode, rounded)
        return cls(kind, rows, columns, shape, dtype, mode, rounded)

    def run(self, block: NDArray[Any], rows: Axis, columns: Axis, jobs: int | None) -> NDArray[Any]:
        """Return the result for a block, see `Operation`."""
        return _pool_axes(block, rows, columns, self.mode, self.rounded, jobs)


def _for_each_strip(
    result: NDArray[Any],
    bytes_per_row: int,
    jobs: int | None,
    compute: Callable[[int, NDArray[Any], BufferPool], None],
) -> None:
    """Call `compute` with the first row of each strip of the result, the strip, and buffers, on threads."""
    height = max(1, STRIP_BYTES // bytes_per_row)

    def work(starts: WorkQueue) -> None:
        with BufferPool.borrow() as buffers, np.errstate(over="ignore", invalid="ignore"):  # inf - inf
            for start in starts:
                compute(start, result[start : start + height], buffers)

    strips = range(0, len(result), height)
    parallel_for(strips, work, thread_count(jobs, len(strips), result.size))


def _readable(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return an image as the core pools it: also with its pixels in order, and near each other."""
    size = pixels.itemsize * prod(pixels.shape[2:])
    is_near = size <= pixels.strides[1] <= 4 * size
    return pixels if is_near and is_core_readable(pixels) else np.ascontiguousarray(pixels)


def pool_raster(
    raster: Raster,
    *,
    mode: PoolMode,
    size: Pair,
    stride: Pair | None = None,
    padding: Padding = 0,
    ceil: bool = False,
    jobs: int | None = None,
    weights: Raster | None = None,
) -> Raster:
    """Pool a raster in the compiled core as `pool` does an array, without numpy; means are rounded.

    With `weights`, a raster (H, W) of the same depth, it does as `pool_weighted`.

    Returns
    -------
    Raster
        With as many samples per pixel as the input.

    Raises
    ------
    SizeError, UsageError
        As `pool` does.

    Examples
    --------
    >>> raster = Raster.packed(bytes([1, 3, 2, 1, 2, 9, 1, 2]), 2, 4)
    >>> not is_compiled() or pool_raster(raster, mode=PoolMode.AVG, size=2).samples.tolist() == [[4, 2]]
    True
    """
    samples = raster.samples.shape or ()
    rows, columns = pooling_axes(samples[:2], size, stride=stride, padding=padding, ceil=ceil)
    result = Raster.empty(rows.output, columns.output, *samples[2:], depth=raster.depth)
    shares = None if weights is None else weights.samples
    pool_compiled(raster.samples, result.samples, mode, rows, columns, jobs, shares)
    return result._replace(channels=raster.channels)


def measure_raster(raster: Raster) -> Statistics:
    """Return the smallest, the largest and the mean value of a raster, as `measure` does for an array.

    Works in the compiled core, without numpy.

    Examples
    --------
    >>> raster = Raster.packed(bytes([1, 2, 3, 6]), 2, 2)
    >>> not is_compiled() or measure_raster(raster) == Statistics(1, 6, 3.0, 4)
    True
    """
    from convcli.compiled import core  # late: it may not be installed

    lowest, highest, total = core.measure(raster.samples, raster.channels or 1)
    return Statistics(lowest, highest, total / prod(raster.shape), prod(raster.shape))


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
    result: NDArray[Any] = pool(
        image, mode=mode, size=size, stride=stride, padding=padding, ceil=ceil, rounded=rounded, jobs=jobs
    )
    rows, columns = pooling_axes(
        (image.shape[0], image.shape[1]), size, stride=stride, padding=padding, ceil=ceil
    )

    def correct(start: int, target: NDArray[Any], buffers: BufferPool) -> None:
        axes = rows, columns
        target[...] = _weighted_strip(image, weights, axes, start, target, PoolMode(mode), buffers)

    _for_each_strip(result, image[0].size * 8 * rows.stride, jobs, correct)
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
    read = rows_read(axes[0], start, len(plain))
    pixels, shares, full = image[read], weights.array[read], weights.full
    if (shares == full).all():
        return plain

    def pooled(source: NDArray[Any], operation: np.ufunc, dtype: Any) -> NDArray[Any]:
        target = np.empty((*plain.shape[:2], *source.shape[2:]), dtype)
        pool_strip(source, *axes, start, target, operation, buffers, top=read.start)
        return as_axes(target, plain)

    is_missing = pooled((shares != full).view(np.uint8), np.maximum, np.uint8) > 0
    is_seen = pooled((shares > 0).view(np.uint8), np.maximum, np.uint8) > 0
    if mode == PoolMode.MAX:
        seen = np.where(as_axes(shares > 0, pixels), pixels, neutral(np.maximum, pixels.dtype))
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
