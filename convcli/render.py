"""Signed results to pixels: the one place where numbers are scaled, rounded and saturated."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convcli.errors import ImageError, UsageError, chosen

__all__ = ["Rendered", "Signed", "adjust", "render", "render_counted"]


class Signed(StrEnum):
    """What becomes of signed numbers when they are made into pixels."""

    ABS = "abs"
    CLIP = "clip"
    CENTER = "center"
    STRETCH = "stretch"
    RAW = "raw"


@dataclass(frozen=True, eq=False)
class Rendered:
    """Pixels, and how many of them were saturated (or were NaN, which becomes 0)."""

    pixels: NDArray[Any]
    saturated: int


def adjust(values: ArrayLike, *, scale: float = 1, bias: float = 0) -> NDArray[Any]:
    """Return ``scale · values + bias``.

    Returns
    -------
    array
        The same integers where `scale` is 1 and `bias` 0; int64 where both are whole and the result fits;
        else float64 (float32 values with scale 1 and bias 0 stay float32).

    Examples
    --------
    >>> adjust(np.array([4, -8], np.int16), scale=0.25, bias=1)
    array([ 2., -1.])
    """
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise ImageError(f"array of {array.dtype}", "only real numbers become pixels")
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.dtype in (np.bool_, np.float16):
        array = array.astype(np.uint8 if array.dtype == np.bool_ else np.float32)
    _check_finite("scale", scale)
    _check_finite("bias", bias)
    if (scale == 1 and bias == 0) or not array.size:
        return array
    if array.dtype.kind in "iu" and float(scale).is_integer() and float(bias).is_integer():
        largest = max(abs(int(array.min())), abs(int(array.max())))
        if max(largest, 1) * abs(int(scale)) + abs(int(bias)) <= np.iinfo(np.int64).max:
            return array.astype(np.int64) * int(scale) + int(bias)
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is infinite, and said when rendered
        return array.astype(np.float64) * scale + bias


def _check_finite(name: str, number: float) -> None:
    try:
        finite = math.isfinite(number)
    except (OverflowError, TypeError):  # a whole number beyond the floats, or no number
        finite = False
    if not finite:
        raise UsageError(
            f"{name} {number:.6g}" if isinstance(number, float) else name, "must be a finite number"
        )


def render(values: ArrayLike, how: str = "abs", *, scale: float = 1, depth: int = 8) -> NDArray[Any]:
    """Turn signed results into pixels: scale, map, round half to even, then saturate.

    Parameters
    ----------
    values : array
        Results of `convolve`, of any shape.
    how : str
        ``abs``: the distance from zero. ``clip``: negative becomes 0. ``center``: zero becomes mid-grey, 128
        at depth 8. ``stretch``: the smallest value becomes 0 and the largest white, over all channels
        together. ``raw``: numbers stay numbers.
    scale : float
        The values are multiplied by this first.
    depth : 8 or 16
        Bits a pixel.

    Returns
    -------
    array of the same shape
        uint8 or uint16. For ``raw`` the scaled numbers, see `adjust`. NaN becomes 0.

    Raises
    ------
    UsageError
        `how` or `depth` is unknown, or `scale` is not finite.

    Examples
    --------
    >>> render(np.array([-30, 0, 30, 700])).tolist()
    [30, 0, 30, 255]
    >>> render(np.array([-30, 0, 30, 700]), "center").tolist()
    [98, 128, 158, 255]
    """
    return render_counted(values, how, scale=scale, depth=depth).pixels


def render_counted(values: ArrayLike, how: str = "abs", *, scale: float = 1, depth: int = 8) -> Rendered:
    """Do what `render` does, and count the pixels that did not fit.

    Examples
    --------
    >>> render_counted(np.array([-30, 0, 30, 700])).saturated
    1
    """
    how = chosen(how, Signed, "signed")
    if depth not in (8, 16):
        raise UsageError(f"depth {depth}", "must be 8 or 16")
    numbers = adjust(values, scale=scale)
    if how == Signed.RAW:
        return Rendered(numbers, 0)
    white = 2**depth - 1
    with np.errstate(over="ignore", invalid="ignore"):  # infinite pixels are counted as saturated below
        mapped = _map(numbers, how, white)
        if mapped.dtype.kind == "f":
            mapped = np.rint(mapped)
    fits = (mapped >= 0) & (mapped <= white)  # false for NaN, too
    pixels = np.clip(mapped, 0, white)
    pixels = np.where(np.isnan(pixels), 0, pixels) if pixels.dtype.kind == "f" else pixels
    return Rendered(pixels.astype(np.uint8 if depth == 8 else np.uint16), fits.size - int(fits.sum()))


def _map(numbers: NDArray[Any], how: Signed, white: int) -> NDArray[Any]:
    if how == Signed.CLIP:
        return numbers
    if how == Signed.ABS:
        # The smallest integer has no positive twin of its own type, but one of the unsigned type.
        unsigned = f"u{numbers.itemsize}" if numbers.dtype.kind == "i" else numbers.dtype
        absolute: NDArray[Any] = np.abs(numbers).view(unsigned)
        return absolute
    if how == Signed.CENTER:
        wide = numbers.astype(np.float64) if numbers.dtype.kind == "f" else _near_zero(numbers)
        wide += (white + 1) // 2
        return wide
    return _stretch(numbers, white)


def _near_zero(numbers: NDArray[Any]) -> NDArray[np.int64]:
    """Return int64 numbers that nothing small makes overflow; those that are moved saturate in any case."""
    limits = np.iinfo(numbers.dtype)
    clipped: NDArray[Any] = np.clip(numbers, max(limits.min, -(1 << 40)), min(limits.max, 1 << 40))
    return clipped.astype(np.int64)


def _stretch(numbers: NDArray[Any], white: int) -> NDArray[Any]:
    finite = numbers[np.isfinite(numbers)]
    if not finite.size or finite.min() == finite.max():
        return np.where(np.isfinite(numbers), 0.0, numbers)
    if numbers.dtype.kind in "iu":  # differences are exact as unsigned numbers
        integers = numbers.astype(np.uint64 if numbers.dtype == np.uint64 else np.int64)
        differences = (integers - integers.min()).view(np.uint64).astype(np.float64)
        stretched: NDArray[Any] = differences * white / differences.max()
        return stretched
    wide = numbers.astype(np.float64)
    lowest, highest = float(finite.min()), float(finite.max())
    if highest / 4 - lowest / 4 > 1e300:  # differences of extremes would be infinite
        return (wide / 4 - lowest / 4) / (highest / 4 - lowest / 4) * white
    return (wide - lowest) * white / (highest - lowest)
