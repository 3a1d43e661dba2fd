"""Notes on results that show little of what was computed: NaN, saturated pixels, hardly any contrast."""

from __future__ import annotations

import math
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from convcli.convolution.rendering import NEEDS_RANGE, Losses, SignedMapping
from convcli.convolution.statistics import Statistics, measure
from convcli.convolution.weighted import NanMode
from convcli.drawing.gray_scale import GrayScale
from convcli.late_numpy import np
from convcli.pictures.picture import Picture
from convcli.pictures.raster import Raster
from convcli.pipeline.recipes.rasters import pixel_range

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PixelNotes", "RenderedValues", "gray_scale"]

MOST_SATURATED = 0.1  # the share of saturated pixels above which a note says so
LEAST_RANGE = 0.01  # the share of the range of pixels below which a result shows nearly nothing
MIN_PIXELS = 4096  # in smaller pictures of pixels, one edge can be a tenth of them
ROUNDING_FACTOR = 64  # results that differ by up to this multiple of the float precision are uniform
SAMPLED_ROWS = 16
OUTLIERS = 0.01  # the share of pixels outside a range that are not looked at
MIN_INPUT_RANGE = 0.1  # pictures whose own pixels use less than this are flat, and so are their results


class RenderedValues(NamedTuple):
    """What is known about values that were rendered as pixels, without the values.

    Attributes
    ----------
    losses : Losses
    statistics : Statistics or None
        Of the values before rendering; None if they were not measured.
    mapping : SignedMapping
        How signed values became pixels.
    nan_mode : NanMode
    scale : float
    has_bias : bool
        How the values were adjusted.
    is_amplified : bool
        Whether dividing by the gain of the filter saturates fewer pixels.
    """

    losses: Losses
    statistics: Statistics | None
    mapping: SignedMapping
    nan_mode: NanMode
    scale: float
    has_bias: bool
    is_amplified: bool = False


class PixelNotes(NamedTuple):
    """Notes on a result that was rendered as pixels, and whether one of them is on saturated pixels."""

    notes: tuple[str, ...] = ()
    on_saturation: bool = False

    @classmethod
    def of(
        cls,
        picture: Picture,
        pixels: NDArray[Any] | Raster,
        values: RenderedValues,
        size: int | None = None,
    ) -> PixelNotes:
        """Return the notes on a result.

        Parameters
        ----------
        picture : Picture
            The input.
        pixels : array or raster
            The result: uint8 or uint16 pixels, or numbers, on which there are no notes.
        values : RenderedValues
        size : int, optional
            Number of pixels of the result, if `picture` and `pixels` are only some rows.
        """
        losses, statistics, mapping, nan_mode, scale, has_bias, is_amplified = values
        if mapping == SignedMapping.RAW:
            return cls()
        notes = []
        if mapping == SignedMapping.GRAY and statistics is not None:
            notes.append(f"{gray_scale(statistics, picture.depth)}")
        if losses.nan:
            hint = "; --nan ignore leaves NaN out of the windows" if nan_mode == NanMode.KEEP else ""
            notes.append(f"{losses.nan} NaN {'was' if losses.nan == 1 else 'were'} written as 0{hint}")
        white, size = _white(pixels), prod(pixels.shape) if size is None else size
        has_pixels = not picture.is_numeric
        if has_pixels and size < MIN_PIXELS:
            return cls(tuple(notes))
        # Cutting off negative values is what clip is for.
        saturated = losses.above + (0 if mapping == SignedMapping.CLIP else losses.below)
        fitting = None if has_pixels else _largest_scale(statistics, white, mapping, scale)
        ways = "--signed stretch"
        if not has_bias:
            ways += f" or {f'--scale {fitting}' if fitting else 'another --scale'}"
        is_saturated = saturated > MOST_SATURATED * size
        if is_saturated:
            helps = f"saturate; {ways} shows them,"
            if is_amplified and has_pixels:
                helps = "saturate; --scale gain divides by the gain of the filter,"
            elif mapping in NEEDS_RANGE:
                helps = "are infinite;"
            share = saturated / size
            notes.append(f"{share * 100:.0f} % of the pixels {helps} -o x.npy keeps the numbers")
        elif mapping not in NEEDS_RANGE and (
            _loses_contrast(picture.raster or picture.pixels, pixels)
            if has_pixels
            else _shows_nothing(picture.pixels, pixels, statistics, mapping)
        ):
            notes.append(
                f"the result uses less than 1 % of the range from 0 to {white}; {ways} makes it visible, "
                "-o x.npy keeps the numbers"
            )
        return cls(tuple(notes), is_saturated)


def gray_scale(statistics: Statistics, depth: int) -> GrayScale:
    """Return the scale on which ``gray`` renders values of these statistics.

    Examples
    --------
    >>> str(gray_scale(Statistics(lowest=-1020, highest=508, mean=0), 8))
    'zero is gray 128, black -1020, white 1012.03'
    """
    return GrayScale.of(statistics.lowest or 0, statistics.highest or 0, depth)


def _largest_scale(
    statistics: Statistics | None, white: int, mapping: SignedMapping, scale: float
) -> str | None:
    """Return the largest scale of one digit by which values fit that were scaled by `scale`."""
    if statistics is None or statistics.lowest is None or statistics.highest is None:
        return None
    largest = max(0 if mapping == SignedMapping.CLIP else -statistics.lowest, statistics.highest)
    most = white // 2 if mapping == SignedMapping.CENTER else white  # zero becomes mid-gray
    factor = abs(scale) * most / largest if largest else 0
    if not 0 < factor < math.inf:
        return None
    unit = 10.0 ** math.floor(math.log10(factor))
    rounded = math.floor(factor / unit) * unit
    return f"{rounded:.0f}" if rounded >= 1 else f"{rounded:.1g}"


def _loses_contrast(pixels_in: NDArray[Any] | Raster, pixels: NDArray[Any] | Raster) -> bool:
    """Whether the result of a picture with contrast has hardly any, but some; an empty one is natural."""
    if _range(pixels, SAMPLED_ROWS) >= LEAST_RANGE:  # enough to know that a result has contrast
        return False
    return 0 < _range(pixels) < LEAST_RANGE and _range(pixels_in) >= MIN_INPUT_RANGE


def _shows_nothing(
    numbers: NDArray[Any],
    pixels: NDArray[Any] | Raster,
    statistics: Statistics | None,
    mapping: SignedMapping,
) -> bool:
    """Whether values that differ by more than rounding errors become pixels that hardly do."""
    if statistics is None or statistics.lowest is None or statistics.highest is None:
        return False
    lowest = max(statistics.lowest, 0) if mapping == SignedMapping.CLIP else statistics.lowest
    if lowest >= statistics.highest or _range(pixels) > 4 * LEAST_RANGE:
        return False
    span = measure(numbers)
    rounding = np.finfo(numbers.dtype if numbers.dtype.kind == "f" else np.float32).eps * ROUNDING_FACTOR
    if statistics.highest - lowest <= rounding * max(-(span.lowest or 0), span.highest or 0):
        return False
    levels = pixels.array() if isinstance(pixels, Raster) else pixels
    lows, highs = np.quantile(levels, [[0, OUTLIERS / 2, OUTLIERS], [1 - OUTLIERS, 1 - OUTLIERS / 2, 1]])
    return bool((highs - lows).min() < LEAST_RANGE * _white(pixels))


def _white(pixels: NDArray[Any] | Raster) -> int:
    return int(2 ** (pixels.depth if isinstance(pixels, Raster) else 8 * pixels.itemsize) - 1)


def _range(pixels: NDArray[Any] | Raster, rows: int | None = None) -> float:
    """Return the share of their range that pixels use, or about so many rows of them."""
    lowest, highest = pixel_range(pixels, rows)
    return (highest - lowest) / _white(pixels)
