"""Rendering: turns signed values into pixels. The only place that scales, rounds and saturates."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from convcli.convolution.buffers import BufferPool
from convcli.convolution.statistics import RunningStatistics, Statistics
from convcli.drawing.gray_scale import GrayScale
from convcli.errors import ImageError, UsageError, parse_choice
from convcli.kernels.filter import Combination
from convcli.late_numpy import np
from convcli.pictures.arrays import check_unmasked

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "NEEDS_RANGE",
    "Adjustment",
    "Losses",
    "Renderer",
    "SignedMapping",
    "adjust",
    "pixel_type",
    "render",
    "render_counted",
]

STRIP = 1 << 18  # values per strip, which fit the cache


class SignedMapping(StrEnum):
    """How signed values are mapped to pixels."""

    ABS = "abs"
    CLIP = "clip"
    CENTER = "center"
    STRETCH = "stretch"
    GRAY = "gray"
    RAW = "raw"

    def without_signs(self, combination: Combination, scale: float, bias: float) -> SignedMapping:
        """Return ``clip`` instead of ``abs`` where no value is negative: it takes less time."""
        is_nonnegative = combination.is_nonnegative and scale >= 0 and bias >= 0
        return SignedMapping.CLIP if self == SignedMapping.ABS and is_nonnegative else self


NEEDS_RANGE = SignedMapping.STRETCH, SignedMapping.GRAY
"""The mappings that depend on the range of all values."""


class Losses(NamedTuple):
    """How many pixels do not show their value: above white, below black, or NaN, which becomes 0."""

    above: int = 0
    below: int = 0
    nan: int = 0

    @property
    def saturated(self) -> int:
        """All of them."""
        return sum(self)

    @classmethod
    def sum(cls, parts: Iterable[Losses]) -> Losses:
        """Return the losses of all parts together."""
        return cls(*(sum(counts) for counts in zip(*parts, strict=True)))


class Rendered(NamedTuple):
    """Pixels, and how many of them do not show their value."""

    pixels: NDArray[Any]
    losses: Losses


def adjust(values: ArrayLike, *, scale: float = 1, bias: float = 0) -> NDArray[Any]:
    """Return ``scale · values + bias``.

    Returns
    -------
    array
        The same values and dtype if `scale` is 1 and `bias` is 0. Otherwise int64 if the values, `scale` and
        `bias` are whole numbers and the result fits, else float64.

    Raises
    ------
    ImageError
        The values are not real numbers.
    UsageError
        `scale` or `bias` is not finite.

    Examples
    --------
    >>> adjust(np.array([4, -8], np.int16), scale=0.25, bias=1)
    array([ 2., -1.])
    """
    array = _real_numbers(values)
    return Adjustment(scale, bias, _max_magnitude(array)).apply(array)


@dataclass(frozen=True)
class Adjustment:
    """``scale · values + bias`` for values whose absolute value is at most `largest`, then ReLU if requested.

    See `adjust`.
    """

    scale: float
    bias: float
    largest: int | None  # None for floats
    relu: bool = False

    def __post_init__(self) -> None:
        _check_finite("scale", self.scale)
        _check_finite("bias", self.bias)

    @property
    def changes(self) -> bool:
        """Whether it changes any value."""
        return self.is_scaled or self.relu

    @property
    def is_scaled(self) -> bool:
        """Whether it scales values or adds to them."""
        return self.scale != 1 or self.bias != 0

    @property
    def bound(self) -> int | None:
        """Upper bound of the absolute value of integer results; None if they are floats."""
        if self.largest is None or not (float(self.scale).is_integer() and float(self.bias).is_integer()):
            return None
        return max(self.largest, 1) * abs(int(self.scale)) + abs(int(self.bias))

    def result_type(self, dtype: str) -> str:
        """Return the name of the dtype of the result, for values of a dtype."""
        if not self.is_scaled:
            return dtype
        return "int64" if self.bound is not None and self.bound < 1 << 63 else "float64"

    def apply(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the result, which is `values` itself if nothing changes."""
        adjusted = self._scaled(values)
        return np.maximum(adjusted, 0) if self.relu else adjusted

    def _scaled(self, values: NDArray[Any]) -> NDArray[Any]:
        if not self.is_scaled:
            return values
        if self.result_type(values.dtype.name) == "int64":
            return values.astype(np.int64) * int(self.scale) + int(self.bias)
        with np.errstate(over="ignore", invalid="ignore"):  # overflow gives infinity, which rendering reports
            return values.astype(np.float64) * self.scale + self.bias


def _real_numbers(values: ArrayLike) -> NDArray[Any]:
    check_unmasked(values, "array", ImageError)
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise ImageError(f"array of {array.dtype}", "only real numbers can be rendered as pixels")
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.dtype in (np.bool_, np.float16):
        array = array.astype(np.uint8 if array.dtype == np.bool_ else np.float32)
    return array


def _max_magnitude(array: NDArray[Any]) -> int | None:
    """Return the largest absolute value of integers; None for floats."""
    if array.dtype.kind == "f":
        return None
    return max(abs(int(array.min())), abs(int(array.max()))) if array.size else 0


def _check_finite(name: str, number: float) -> None:
    try:
        finite = math.isfinite(number)
    except (OverflowError, TypeError):  # an integer beyond float64, or not a number
        finite = False
    if not finite:
        raise UsageError(
            f"{name} {number:.6g}" if isinstance(number, float) else name, "must be a finite number"
        )


def render(values: ArrayLike, mapping: str = "abs", *, scale: float = 1, depth: int = 8) -> NDArray[Any]:
    """Turn signed values into pixels: scale, map, round half to even, then saturate.

    Parameters
    ----------
    values : array
        Results of `convolve`, of any shape.
    mapping : str
        ``abs``: the absolute value. ``clip``: negative values become 0. ``center``: zero becomes mid-gray,
        128 at depth 8. ``stretch``: the smallest value becomes black and the largest white, across all
        channels. ``gray``: zero becomes mid-gray, and the value farthest from zero black or white. ``raw``:
        values are not rendered.
    scale : float
        Factor for the values, applied first.
    depth : 8 or 16
        Bits per pixel.

    Returns
    -------
    array of the same shape
        uint8 or uint16. For ``raw`` the scaled values, see `adjust`. NaN becomes 0.

    Raises
    ------
    ImageError
        The values are not real numbers.
    UsageError
        `mapping` or `depth` is unknown, or `scale` is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> import convcli
    >>> convcli.render(np.array([-30, 0, 30, 700])).tolist()
    [30, 0, 30, 255]
    >>> convcli.render(np.array([-30, 0, 30, 700]), "center").tolist()
    [98, 128, 158, 255]
    """
    return render_counted(values, mapping, scale=scale, depth=depth).pixels


def render_counted(
    values: ArrayLike,
    mapping: str = "abs",
    *,
    scale: float = 1,
    depth: int = 8,
    known: Statistics | None = None,
) -> Rendered:
    """Render like `render`, and count the pixels that do not show their value.

    Parameters
    ----------
    values, mapping, scale, depth : as for `render`
    known : Statistics, optional
        Of the scaled values that ``stretch`` and ``gray`` refer to (default: of these values).

    Returns
    -------
    Rendered

    Raises
    ------
    ImageError, UsageError
        As `render` does.

    Examples
    --------
    >>> render_counted(np.array([-30, 0, 30, 700])).losses
    Losses(above=1, below=0, nan=0)
    """
    mapping = parse_choice(mapping, SignedMapping, "signed")
    numbers = _real_numbers(values)
    adjustment = Adjustment(scale, 0, _max_magnitude(numbers) if scale != 1 else None)
    dtype = pixel_type(depth)
    if mapping == SignedMapping.RAW:
        return Rendered(adjustment.apply(numbers), Losses())
    flat = numbers.reshape(-1)
    strips = [slice(start, start + STRIP) for start in range(0, flat.size, STRIP)]
    running = RunningStatistics()
    if mapping in NEEDS_RANGE and known is None:
        for strip in strips:
            running.add(strip.start, adjustment.apply(flat[strip]))
    renderer = Renderer(mapping, depth, running.result() if known is None else known)
    pixels = np.empty(flat.shape, dtype)
    with BufferPool.borrow() as buffers:
        losses = Losses.sum(
            renderer.render(adjustment.apply(flat[strip]), pixels[strip], buffers) for strip in strips
        )
    return Rendered(pixels.reshape(numbers.shape), losses)


def pixel_type(depth: int) -> str:
    """Return the name of the dtype of pixels with `depth` bits.

    Raises
    ------
    UsageError
        The depth is neither 8 nor 16.
    """
    if depth not in (8, 16):
        raise UsageError(f"depth {depth}", "must be 8 or 16")
    return f"uint{depth}"


class Renderer(NamedTuple):
    """Renders values as pixels, strip by strip.

    Attributes
    ----------
    mapping : SignedMapping
        Any but raw.
    depth : 8 or 16
        Bits per pixel.
    statistics : Statistics
        Of all values, for ``stretch`` and ``gray``.
    """

    mapping: SignedMapping
    depth: int
    statistics: Statistics

    def render(self, numbers: NDArray[Any], pixels: NDArray[Any], buffers: BufferPool) -> Losses:
        """Write the pixels, and return how many of them do not show their value."""
        white, nan = 2**self.depth - 1, 0
        with np.errstate(over="ignore", invalid="ignore"):  # infinity counts as saturated
            mapped = self._mapped(numbers, white, buffers)
            levels = mapped if mapped is not numbers else buffers.array("levels", mapped.shape, mapped.dtype)
            if mapped.dtype.kind == "f":
                mapped = np.rint(mapped, out=levels)
            highest = mapped.max()
            if mapped.dtype.kind == "f" and np.isnan(highest):
                is_nan = np.isnan(mapped)
                nan = int(np.count_nonzero(is_nan))
                mapped[is_nan] = 0
                highest = mapped.max()
        # Most strips hold none of these, and looking for extremes takes less time than counting.
        above = int(np.count_nonzero(mapped > white)) if highest > white else 0
        has_negative = self.mapping != SignedMapping.ABS and mapped.dtype.kind != "u" and mapped.min() < 0
        below = int(np.count_nonzero(mapped < 0)) if has_negative else 0
        np.clip(mapped, 0, white, out=levels)  # np.minimum with a scalar takes three times as long
        np.copyto(pixels, levels, casting="unsafe")
        return Losses(above, below, nan)

    def _mapped(self, numbers: NDArray[Any], white: int, buffers: BufferPool) -> NDArray[Any]:
        """Return the levels before rounding and saturation: `numbers` itself, or an array that may change."""
        if self.mapping == SignedMapping.CLIP:
            return numbers
        if self.mapping == SignedMapping.STRETCH:
            return _stretched(numbers, white, self.statistics)
        if self.mapping == SignedMapping.GRAY:
            gray = GrayScale.of(self.statistics.lowest or 0, self.statistics.highest or 0, self.depth)
            return gray.map(numbers)
        if self.mapping == SignedMapping.CENTER:
            wide = numbers.astype(np.float64) if numbers.dtype.kind == "f" else _widened(numbers)
            wide += (white + 1) // 2
            return wide
        mapped = buffers.array("levels", numbers.shape, numbers.dtype)
        np.abs(numbers, out=mapped)
        # The absolute value of the smallest integer fits only the unsigned dtype.
        return mapped.view(f"u{mapped.itemsize}") if mapped.dtype.kind == "i" else mapped


def _widened(numbers: NDArray[Any]) -> NDArray[Any]:
    """Return the integers in a dtype wide enough to add the offset; clipped ones saturate anyway."""
    if numbers.itemsize < 4:
        return numbers.astype(np.int32)
    limits = np.iinfo(numbers.dtype)
    clipped: NDArray[Any] = np.clip(numbers, max(limits.min, -(1 << 40)), min(limits.max, 1 << 40))
    return clipped.astype(np.int64)


def _stretched(numbers: NDArray[Any], white: int, statistics: Statistics) -> NDArray[Any]:
    lowest, highest = statistics.lowest, statistics.highest
    if lowest is None or highest is None or lowest == highest:
        return np.where(np.isfinite(numbers), 0.0, numbers)
    if numbers.dtype.kind in "iu":  # unsigned differences are exact
        integers = numbers.astype(np.uint64 if numbers.dtype == np.uint64 else np.int64)
        differences = (integers - lowest).view(np.uint64).astype(np.float64)
        return np.asarray(differences * white / float(highest - lowest))
    # The difference of extreme floats would be infinite.
    quarter = 4 if highest / 4 - lowest / 4 > 1e300 else 1
    wide = numbers.astype(np.float64) / quarter - lowest / quarter
    extent = highest / quarter - lowest / quarter
    return np.asarray(wide * white / extent if quarter == 1 else wide / extent * white)
