"""Slow, plain oracles: what the engine must give, worked out with loops and exact fractions.

Nothing here imports convcli. Images go in as arrays, results come out as arrays of Python numbers (object
arrays): integers and fractions, so that no type of numpy's can hide an overflow or a rounding.
"""

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import count, product, takewhile
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[Any]
Pair = tuple[int, int]
PaddingAmounts = tuple[Pair, Pair]

INTEGER_TYPES = (np.int16, np.int32, np.int64)


# Sizes: a window is moved until it no longer fits ---------------------------------------------------------


def window_starts(
    side: int,
    window: int,
    *,
    before: int = 0,
    after: int = 0,
    stride: int = 1,
    dilation: int = 1,
    ceil: bool = False,
) -> list[int]:
    """Return where each window starts in the padded axis.

    With `ceil` a window may stick out of the end by less than a stride; the last one is dropped if it starts
    beyond the input and the padding before it.
    """

    def fits(start: int) -> bool:
        last_tap = start
        for _ in range(window - 1):
            last_tap += dilation
        overhang = last_tap - (side + before + after - 1)
        return overhang <= 0 or (ceil and overhang < stride)

    starts = list(takewhile(fits, count(0, stride)))
    if ceil and starts and starts[-1] >= side + before:
        starts.pop()
    return starts


def read_pixels(
    side: int,
    window: int,
    *,
    before: int = 0,
    after: int = 0,
    stride: int = 1,
    dilation: int = 1,
    ceil: bool = False,
) -> set[int]:
    """Return the input pixels that some tap of some window reads."""
    starts = window_starts(
        side, window, before=before, after=after, stride=stride, dilation=dilation, ceil=ceil
    )
    places = {start + tap * dilation - before for start in starts for tap in range(window)}
    return places & set(range(side))


def same_padding(side: int, window: int, stride: int, dilation: int) -> Pair:
    """Return the least padding that gives an output for every `stride` pixels begun; an odd one goes last."""
    wanted = len(range(0, side, stride))
    total = next(
        padding
        for padding in count()
        if len(window_starts(side, window, after=padding, stride=stride, dilation=dilation)) >= wanted
    )
    return total // 2, total - total // 2


# Convolution ----------------------------------------------------------------------------------------------


def pad(image: Numbers, amounts: PaddingAmounts, border: str) -> Numbers:
    """Pad the first two axes with numpy's own modes, in Python numbers."""
    exact = as_python_numbers(image)
    widths = [*amounts, *[(0, 0)] * (image.ndim - 2)]
    kind, _, value = border.partition(":")
    if kind in ("zero", "constant"):
        filling: Any = Fraction(value or 0)
        return as_whole_numbers(np.pad(exact, widths, mode="constant", constant_values=filling))
    mode: Any = kind
    padded: Numbers = np.pad(exact, widths, mode=mode)
    return padded


def as_whole_numbers(values: Numbers) -> Numbers:
    """Return the same numbers, whole fractions as integers."""
    plain = np.empty(values.shape, object)
    for place in np.ndindex(values.shape):
        number = values[place]
        plain[place] = int(number) if number == int(number) else number
    return plain


def as_python_numbers(values: Numbers) -> Numbers:
    """Return an object array of Python integers, or of fractions for floats."""
    exact = np.empty(values.shape, object)
    for place in np.ndindex(values.shape):
        number = values[place].item()
        exact[place] = Fraction(number) if isinstance(number, float) else int(number)
    return exact


def convolve(
    image: Numbers,
    kernel: Numbers,
    *,
    amounts: PaddingAmounts = ((0, 0), (0, 0)),
    border: str = "zero",
    stride: Pair = (1, 1),
    dilation: Pair = (1, 1),
    flip: bool = False,
) -> Numbers:
    """Slide the kernel over the padded image: a loop over outputs and, inside it, a loop over taps."""
    taps = as_python_numbers(kernel)
    if flip:
        taps = np.array([row[::-1] for row in taps[::-1]], object)
    padded = pad(image, amounts, border)
    rows, columns = (
        window_starts(
            image.shape[axis],
            kernel.shape[axis],
            before=amounts[axis][0],
            after=amounts[axis][1],
            stride=stride[axis],
            dilation=dilation[axis],
        )
        for axis in (0, 1)
    )
    result = np.zeros((len(rows), len(columns), *image.shape[2:]), object)
    for y, top in enumerate(rows):
        for x, left in enumerate(columns):
            for i in range(kernel.shape[0]):
                for j in range(kernel.shape[1]):
                    result[y, x] = (
                        result[y, x] + taps[i, j] * padded[top + i * dilation[0], left + j * dilation[1]]
                    )
    return result


def integer_type(
    image: Numbers, kernel: Numbers, border_value: int = 0
) -> type[np.signedinteger[Any]] | None:
    """Return the smallest type that holds every possible result, None where not even int64 does."""
    if image.dtype == np.bool_:
        limits = [0, 255]  # booleans are taken as uint8
    elif image.dtype.itemsize < 8:
        limits = [int(np.iinfo(image.dtype).min), int(np.iinfo(image.dtype).max)]
    else:
        limits = [int(image.min()), int(image.max())]
    largest = max(abs(limit) for limit in [*limits, border_value])
    bound = sum(abs(int(tap)) for tap in kernel.ravel()) * largest
    return next((kind for kind in INTEGER_TYPES if bound <= int(np.iinfo(kind).max)), None)


# Pooling --------------------------------------------------------------------------------------------------


def pool_windows(
    image: Numbers,
    size: Pair,
    *,
    stride: Pair,
    amounts: PaddingAmounts = ((0, 0), (0, 0)),
    ceil: bool = False,
) -> list[list[Numbers]]:
    """Return the pixels of each window, padding left out, as ``(pixels, channels)``."""
    starts = [
        window_starts(
            image.shape[axis],
            size[axis],
            before=amounts[axis][0],
            after=amounts[axis][1],
            stride=stride[axis],
            ceil=ceil,
        )
        for axis in (0, 1)
    ]
    windows: list[list[Numbers]] = []
    for top in starts[0]:
        windows.append([])
        for left in starts[1]:
            inside = [
                image[y, x]
                for y in range(top - amounts[0][0], top - amounts[0][0] + size[0])
                for x in range(left - amounts[1][0], left - amounts[1][0] + size[1])
                if 0 <= y < image.shape[0] and 0 <= x < image.shape[1]
            ]
            windows[-1].append(np.array(inside))
    return windows


def largest(pixels: Numbers) -> Any:
    """Return the largest pixel, of each channel."""
    return pixels.max(axis=0)


def rounded_mean(pixels: Numbers) -> Any:
    """Return the mean of integers, rounded half to even, of each channel."""
    sums = as_python_numbers(pixels).sum(axis=0)
    if isinstance(sums, np.ndarray):
        return [round(Fraction(total, len(pixels))) for total in sums]
    return round(Fraction(sums, len(pixels)))


# Rendering ------------------------------------------------------------------------------------------------


def render(values: Sequence[int | float], how: str, *, scale: Fraction, depth: int) -> tuple[list[int], int]:
    """Return the pixels and how many were saturated or NaN, number by number."""
    white = 2**depth - 1
    finite = [Fraction(value) * scale for value in values if math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (Fraction(0), Fraction(0))
    pixels, saturated = [], 0
    for value in values:
        if math.isnan(value) or (math.isinf(value) and scale == 0):
            pixels.append(0)
            saturated += 1
            continue
        if math.isinf(value):
            upwards = how == "abs" or (value > 0) == (scale > 0)
            pixels.append(white if upwards else 0)
            saturated += 1
            continue
        number = Fraction(value) * scale
        if how == "abs":
            number = abs(number)
        elif how == "center":
            number += 2 ** (depth - 1)
        elif how == "gray":
            half = 2 ** (depth - 1)
            per_level = max(high / (half - 1), -low / half)
            number = half + (number / per_level if per_level > 0 else 0)
        elif how == "stretch":
            number = (number - low) * white / (high - low) if high > low else Fraction(0)
        level = round(number)
        saturated += not 0 <= level <= white
        pixels.append(min(max(level, 0), white))
    return pixels, saturated


# Colours of signed numbers --------------------------------------------------------------------------------

BLUE, RED, GRAY = (33, 102, 172), (178, 24, 43), (127, 127, 127)


def diverging_color(value: float, limit: float) -> tuple[int, ...]:
    """Interpolate exactly from white to the colour of an end; Python rounds half to even."""
    if math.isnan(value):
        return GRAY
    share = Fraction(min(abs(value), limit)) / Fraction(limit) if limit else Fraction(int(value != 0))
    return tuple(round(255 + (end - 255) * share) for end in (BLUE if value < 0 else RED))


def color_limit(values: Numbers) -> float:
    """Leave one number in 200 beyond, at most; but no less than a quarter of the largest."""
    sizes = sorted(abs(value) for value in values.ravel().tolist() if math.isfinite(value))
    return float(max(sizes[len(sizes) - 1 - len(sizes) // 200], sizes[-1] / 4)) if sizes else 0.0


# Small pictures -------------------------------------------------------------------------------------------


def means_of_parts(values: Numbers, size: Pair) -> NDArray[np.float64]:
    """Return the mean of each part, one after another; sides must not grow."""
    height, width = values.shape[:2]
    channels = values.reshape(height, width, -1)
    result = np.empty((*size, channels.shape[2]))
    for row, column in product(*map(range, size)):
        top, bottom = row * height // size[0], (row + 1) * height // size[0]
        left, right = column * width // size[1], (column + 1) * width // size[1]
        part = channels[top:bottom, left:right].reshape(-1, channels.shape[2])
        result[row, column] = [sum(channel) / len(part) for channel in part.T.tolist()]
    return result.reshape(*size, *values.shape[2:])


def color_difference(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the color difference OK2 of two sRGB colors of 8 bits, by CSS Color Module Level 4."""

    def oklab(color: Sequence[float]) -> tuple[float, float, float]:
        r, g, b = (
            c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in color
        )
        l_cone = (0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b) ** (1 / 3)
        m_cone = (0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b) ** (1 / 3)
        s_cone = (0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b) ** (1 / 3)
        return (
            0.2104542553 * l_cone + 0.7936177850 * m_cone - 0.0040720468 * s_cone,
            1.9779984951 * l_cone - 2.4285922050 * m_cone + 0.4505937099 * s_cone,
            0.0259040371 * l_cone + 0.7827717662 * m_cone - 0.8086757660 * s_cone,
        )

    (l_1, a_1, b_1), (l_2, a_2, b_2) = oklab(first), oklab(second)
    return math.hypot(l_1 - l_2, 2 * (a_1 - a_2), 2 * (b_1 - b_2))
