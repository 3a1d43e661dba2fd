"""Normalized convolution: missing samples do not count, and transparent ones count by their alpha.

A kernel that averages divides by the weights that it finds: ``sum(k w v) / sum(k w) · sum(k)`` for
coefficients k, weights w and values v. With coefficients of both signs, what is missing of a sample counts as
the mean of the window, so that a constant image still gives a constant result. Windows in which nothing is
missing give the bits of a plain convolution.

Source: H. Knutsson and C.-F. Westin, Normalized and differential convolution, CVPR 1993.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from convcli.convolution.algorithms.definitions import kernel_norm
from convcli.convolution.borders import Border, BorderKind, fill_strip
from convcli.convolution.planning import (
    THREAD_BYTES,
    ConvolutionSettings,
    PlannedConvolution,
    plan_convolution,
)
from convcli.convolution.strips import run_convolution
from convcli.kernels.filter import Combination, Matrix
from convcli.late_numpy import np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "AlphaMode",
    "NanMode",
    "SampleWeights",
    "WeightedStrips",
    "as_axes",
    "averages",
    "sample_weights",
    "weighting_bytes",
]

Array: TypeAlias = "NDArray[Any]"

MAX_EXACT_NORM = 1 << 30  # sum of |coefficients| up to which sums of weighted 16-bit pixels fit in int64
BLOCK_VALUES = 1 << 17  # values of a result that are corrected at a time
READ_ARRAYS, RESULT_ARRAYS = 3, 4  # float64 arrays of what a block reads, and of its results, held at once
NEGLIGIBLE = 1e-12  # share of the largest sum of weights that counts as none: transforms leave such errors
ZERO_SUM = 1e-6  # a kernel whose sum is below this share of its sum of |coefficients| is a derivative


class AlphaMode(StrEnum):
    """What alpha does to the pixels that a filter reads."""

    WEIGHTED = "weighted"
    STRAIGHT = "straight"
    FILTER = "filter"


class NanMode(StrEnum):
    """What a filter does with NaN: it gives NaN, or it leaves it out."""

    KEEP = "keep"
    IGNORE = "ignore"


class SampleWeights(NamedTuple):
    """How much each sample of an image counts.

    Attributes
    ----------
    array : array (H, W) or (H, W, C)
        Weights from 0 to `full`.
    full : int or float
        The weight of a sample that counts in full.
    nan_if_empty : bool
        Whether windows without any weight give NaN; otherwise they give what all their samples give.
    """

    array: Array
    full: int | float
    nan_if_empty: bool


def averages(kernels: Iterable[Matrix | Array]) -> bool:
    """Whether the coefficients of every kernel have a sum that is not zero, so that a flat area stays flat.

    Examples
    --------
    >>> averages([np.ones((3, 3))]), averages([((-1, 0, 1),)])
    (True, False)
    """
    for kernel in kernels:
        taps = list(chain(*kernel)) if isinstance(kernel, tuple) else kernel.ravel().tolist()
        if abs(sum(taps)) <= ZERO_SUM * sum(map(abs, taps)):
            return False
    return True


def sample_weights(pixels: Array, alpha: Array | None, *, ignore_nan: bool = False) -> SampleWeights | None:
    """Return the weights of pixels by their alpha, and 0 for NaN; None if all of them count in full.

    Parameters
    ----------
    pixels : array (H, W) or (H, W, C)
    alpha : array (H, W) or None
        0 is transparent; the largest integer or 1.0 is opaque.
    ignore_nan : bool
        Whether NaN counts nothing.

    Examples
    --------
    >>> sample_weights(np.zeros((1, 2)), np.array([[255, 255]], np.uint8)) is None
    True
    >>> sample_weights(np.array([[np.nan, 3]]), None, ignore_nan=True).array.tolist()
    [[0, 1]]
    """
    weights = None if alpha is None else _alpha_weights(alpha)
    if not ignore_nan or pixels.dtype.kind != "f" or not np.isnan(pixels.min()):
        return weights
    valid = ~np.isnan(pixels)
    if weights is None:
        return SampleWeights(valid.view(np.uint8), 1, nan_if_empty=True)
    return SampleWeights(as_axes(weights.array, pixels) * valid, weights.full, nan_if_empty=True)


def _alpha_weights(alpha: Array) -> SampleWeights | None:
    if alpha.dtype.kind == "u":
        full = int(np.iinfo(alpha.dtype).max)
        return None if alpha.min() == full else SampleWeights(alpha, full, nan_if_empty=False)
    shares = np.nan_to_num(alpha.astype(np.float64), nan=0.0).clip(0, 1)
    return None if shares.min() == 1 else SampleWeights(shares, 1.0, nan_if_empty=False)


class _Samples(NamedTuple):
    """The samples of a strip, each times its weight, and the weights; `full` as in `SampleWeights`."""

    products: Array
    weights: Array
    full: int | float


class WeightedStrips:
    """Corrects the strips of a planned convolution where a window holds samples that do not count in full.

    Attributes
    ----------
    planned : PlannedConvolution
    weights : SampleWeights
    dtype : dtype
        Dtype of the corrected result: float64 where the plan has integers.
    """

    def __init__(self, planned: PlannedConvolution, weights: SampleWeights) -> None:
        self.planned = planned
        self.weights = weights
        self.dtype = planned.plan.dtype if planned.plan.dtype.kind == "f" else np.dtype(np.float64)
        has_value = planned.border.kind in (BorderKind.ZERO, BorderKind.CONSTANT)
        self._weight_border = Border(BorderKind.CONSTANT, self.weights.full) if has_value else planned.border
        arrays = planned.pixels, self.weights.array
        self._exact = (
            planned.bound is not None
            and all(array.dtype in (np.uint8, np.uint16) for array in arrays)
            and 0 <= planned.border.value <= np.iinfo(planned.pixels.dtype).max
            and max(map(kernel_norm, planned.kernels)) < MAX_EXACT_NORM
        )

    def correct(self, rows: slice, values: Array) -> Array:
        """Return the values of these rows, given those of a convolution in which all samples count in full.

        `values` may be changed.
        """
        result = values.astype(self.dtype, copy=False)
        height = _block_rows(self.planned)
        for start in range(rows.start, rows.stop, height):
            block = slice(start, min(start + height, rows.stop))
            self._correct_block(block, result[start - rows.start : block.stop - rows.start])
        return result

    def _correct_block(self, rows: slice, values: Array) -> None:
        """Correct the values of so few rows that the intermediate arrays are small."""
        weights = self._padded(self.weights.array, rows, self._weight_border)
        missing = weights != self.weights.full
        if not missing.any():
            return
        samples = self._weigh(self._padded(self.planned.pixels, rows, self.planned.border), weights)
        window = np.ones(self.planned.kernels[0].shape, np.int64)
        is_corrected = as_axes(self._sums(missing.view(np.uint8), window) > 0, values)
        with np.errstate(over="ignore", invalid="ignore"):  # the image may hold infinity
            responses, has_weight = zip(
                *(self._response(samples, taps) for taps in self.planned.kernels), strict=True
            )
            corrected = _combined(self.planned.combination, responses)
            is_empty = ~np.logical_and.reduce(has_weight)
            if not self.weights.nan_if_empty:
                is_corrected = is_corrected & ~is_empty
            elif is_empty.any():
                corrected = np.where(is_empty, np.nan, corrected)
            np.copyto(values, corrected, where=is_corrected, casting="same_kind")

    def _padded(self, image: Array, rows: slice, border: Border) -> Array:
        """Return the part of an image that the windows of these rows of the result read, with its border."""
        axis, (source_rows, source_columns) = self.planned.rows, self.planned.sources
        first, last = rows.start * axis.stride, (rows.stop - 1) * axis.stride + axis.extent
        dtype = image.dtype if self._exact else np.dtype(np.float64)
        strip = np.empty((last - first, len(source_columns), *image.shape[2:]), dtype)
        fill_strip(strip, image, source_rows[first:last], source_columns, self.planned.columns, border)
        return strip

    def _weigh(self, pixels: Array, weights: Array) -> _Samples:
        """Return the samples times their weights; what has no weight is 0, even NaN and infinity."""
        full = self.weights.full
        if self._exact:
            wide = np.uint16 if pixels.itemsize == weights.itemsize == 1 else np.uint32
            return _Samples(np.multiply(pixels, as_axes(weights, pixels), dtype=wide), weights, full)
        shares = weights / full
        factors = as_axes(shares, pixels)
        with np.errstate(over="ignore", invalid="ignore"):
            return _Samples(np.where(factors == 0, 0.0, pixels * factors), shares, 1.0)

    def _response(self, samples: _Samples, taps: Array) -> tuple[Array, Array]:
        """Return the response of one kernel, and where its window has weights."""
        has_one_sign = bool((taps >= 0).all() or (taps <= 0).all())
        means = np.abs(taps) if has_one_sign else np.ones(taps.shape, np.int64)
        found, sums = self._sums(samples.weights, means), self._sums(samples.products, means)
        least = 0 if self._exact else NEGLIGIBLE * kernel_norm(means)
        has_weight = as_axes(found > least, sums)
        found, total = np.where(has_weight, as_axes(found, sums), 1), float(taps.sum())
        if has_one_sign:  # a product of integers is exact, but one of floats could overflow
            return (sums * total / found if self._exact else sums / found * total), has_weight
        seen, share = self._sums(samples.products, taps), as_axes(self._sums(samples.weights, taps), sums)
        if self._exact:
            return (seen * found + sums * (total * samples.full - share)) / (samples.full * found), has_weight
        return seen + sums / found * (total - share), has_weight

    def _sums(self, image: Array, taps: Array) -> Array:
        """Return the sums of products of each window as float64."""
        rows, columns = self.planned.rows, self.planned.columns
        settings = ConvolutionSettings(
            stride=(rows.stride, columns.stride),
            padding="valid",
            dilation=(rows.dilation, columns.dilation),
            jobs=1,
        )
        sums = run_convolution(plan_convolution(image, taps, settings))
        return sums.astype(np.float64, copy=False)


def _block_rows(planned: PlannedConvolution) -> int:
    """Return how many rows of the result are corrected at a time: several times as many as overlap."""
    fitting = BLOCK_VALUES // max(1, math.prod(planned.plan.shape[1:]))
    overlapping = 2 * planned.rows.extent // planned.rows.stride
    return min(max(fitting, overlapping, 1), planned.plan.strip_rows)


def weighting_bytes(planned: PlannedConvolution, channels: int) -> int:
    """Return the bytes that weights take while an image of `channels` channels is filtered."""
    rows, columns, block_rows = planned.rows, planned.columns, _block_rows(planned)
    read = ((block_rows - 1) * rows.stride + rows.extent) * (columns.before + columns.side + columns.after)
    arrays = READ_ARRAYS * read + RESULT_ARRAYS * block_rows * columns.output
    return planned.plan.threads * (arrays * channels * 8 + (THREAD_BYTES if planned.core is None else 0))


def as_axes(array: Array, other: Array) -> Array:
    """Return an array with as many axes as another; weights may be for all channels."""
    return array if array.ndim == other.ndim else array[..., None]


def _combined(combination: Combination, responses: Sequence[Array]) -> Array:
    """Combine the responses of several kernels."""
    stacked = np.stack(responses)
    if combination == Combination.MAGNITUDE:
        return np.asarray(np.sqrt(np.square(stacked).sum(0)))
    if combination.is_nonnegative:
        stacked = np.abs(stacked)
    return np.asarray(stacked.sum(0) if combination == Combination.ABSOLUTE_SUM else stacked.max(0))
