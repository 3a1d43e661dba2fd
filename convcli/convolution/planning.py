"""Planning a convolution: axes, result type and algorithm."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convcli.convolution.algorithms.steps import l1_norm
from convcli.convolution.algorithms.strategy import (
    EXACT_IN_FLOAT32,
    Strategy,
    choose_strategy,
    strip_height,
    sum_dtype,
)
from convcli.convolution.borders import Border, parse_border
from convcli.errors import KernelError, SizeError
from convcli.kernels.filter import Combination, kernel_array
from convcli.parallel import thread_count
from convcli.pictures.arrays import image_array
from convcli.sizes.axes import Padding, Pair, window_axes
from convcli.sizes.windowed import Axis

__all__ = [
    "ConvolutionSettings",
    "Image",
    "Plan",
    "PlannedConvolution",
    "checked_axes",
    "largest_result",
    "plan_convolution",
    "result_dtype",
]

Image = NDArray[Any]

MAX_PADDED = 1 << 28  # pixels of a padded image; so much padding around a small image is a mistake


@dataclass(frozen=True)
class Plan:
    """How a convolution is computed.

    Attributes
    ----------
    strategy : Strategy
    sums : dtype
        Dtype of the sums.
    shape, dtype
        Shape and dtype of the result.
    strip : int
        Rows of the result per strip.
    threads : int
        Number of threads.
    """

    strategy: Strategy
    sums: np.dtype[Any]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    strip: int
    threads: int

    def __str__(self) -> str:
        threads = f"{self.threads} thread{'s'[: self.threads != 1]}"
        return f"{self.strategy} in {self.sums}, strips of {self.strip} rows, {threads}"


@dataclass(frozen=True)
class ConvolutionSettings:
    """The arguments that all public functions share."""

    stride: Pair
    padding: Padding
    border: str
    dilation: Pair
    flip: bool
    jobs: int | None

    def turned(self, taps: Image) -> Image:
        """Return the taps as applied: rotated by 180 degrees if `flip` is set."""
        return taps[::-1, ::-1] if self.flip else taps


@dataclass(frozen=True, eq=False)
class PlannedConvolution:
    """A convolution that is checked and ready to run."""

    pixels: Image
    kernels: Sequence[Image]
    combination: Combination
    rows: Axis
    columns: Axis
    border: Border
    bound: int | None  # largest possible absolute value of an integer result; None for floats
    responses: np.dtype[Any]  # dtype of one kernel's result, before results are combined
    squares: np.dtype[Any]  # dtype in which a magnitude is computed
    plan: Plan


def plan_convolution(
    image: ArrayLike, kernels: Sequence[ArrayLike], combination: Combination, how: ConvolutionSettings
) -> PlannedConvolution:
    """Check all arguments and plan the convolution."""
    pixels = image_array(image)
    taps = [how.turned(kernel_array(kernel)) for kernel in kernels]
    border = parse_border(how.border)
    rows, columns = checked_axes(pixels, taps[0], how)
    bound = largest_result(pixels, taps, border)
    responses = result_dtype(pixels, bound)
    largest = float(np.finfo(np.float32).max)
    if responses == np.float32 and any(l1_norm(each) > largest for each in taps):
        raise KernelError("kernel", "has taps beyond float32; use smaller ones or a float64 image")
    strategy = choose_strategy(taps, rows, columns, responses, bound)
    sums = sum_dtype(strategy, responses)
    shape = (rows.output, columns.output, *pixels.shape[2:])
    width = columns.before + columns.side + columns.after
    results = 1 if strategy == Strategy.SEPARABLE and combination == Combination.SINGLE else 2
    strip = strip_height(strategy, rows, width, math.prod(shape[2:]), sums.itemsize, results=results)
    plan = Plan(
        strategy=strategy,
        sums=sums,
        shape=shape,
        dtype=_combined_dtype(combination, responses),
        strip=strip,
        threads=thread_count(how.jobs, -(-rows.output // strip), math.prod(shape)),
    )
    # float32 holds the squares of small integers, and their sum, exactly.
    exact = bound is not None and len(taps) * bound**2 < EXACT_IN_FLOAT32
    squares = np.dtype(np.float32 if exact else np.float64)
    return PlannedConvolution(
        pixels, taps, combination, rows, columns, border, bound, responses, squares, plan
    )


def checked_axes(pixels: Image, taps: Image, how: ConvolutionSettings) -> tuple[Axis, Axis]:
    """Return the axes of rows and columns.

    Raises
    ------
    SizeError
        The filter does not fit, or the padded image is far larger than the image.
    """
    rows, columns = window_axes(
        (pixels.shape[0], pixels.shape[1]),
        (taps.shape[0], taps.shape[1]),
        stride=how.stride,
        padding=how.padding,
        dilation=how.dilation,
    )
    height, width = (axis.before + axis.side + axis.after for axis in (rows, columns))
    if height * width > max(MAX_PADDED, 4 * rows.side * columns.side):
        raise SizeError(
            f"padding {rows.before}:{rows.after}x{columns.before}:{columns.after}",
            f"enlarges a {rows.side}x{columns.side} image to {height * width} pixels; "
            f"the limit is {MAX_PADDED}",
        )
    return rows.with_bounded_steps(), columns.with_bounded_steps()


def largest_result(pixels: Image, kernels: Iterable[Image], border: Border) -> int | None:
    """Return an upper bound for the absolute value of every sum, partial or complete; None for floats.

    Examples
    --------
    >>> largest_result(np.zeros((2, 2), np.uint8), [np.array([[-1, 0, 1]])], parse_border("edge"))
    510
    """
    matrices = list(kernels)
    floats = any(array.dtype.kind == "f" for array in (pixels, *matrices))
    if floats or isinstance(border.value, float):
        return None
    if pixels.dtype.itemsize < 8:
        limits = np.iinfo(pixels.dtype)
        largest = max(-int(limits.min), int(limits.max))
    else:
        largest = max(-int(pixels.min()), int(pixels.max()))
    total = max(sum(abs(int(tap)) for tap in matrix.ravel()) for matrix in matrices)
    return max(total, 1) * max(largest, abs(border.value), 1)


def result_dtype(pixels: Image, bound: int | None) -> np.dtype[Any]:
    """Return the narrowest dtype that holds the results, see `convolve`.

    Examples
    --------
    >>> str(result_dtype(np.zeros((2, 2), np.uint8), 510))
    'int16'
    """
    if bound is None:
        return np.dtype(np.float64 if pixels.dtype == np.float64 else np.float32)
    for narrow in (np.int16, np.int32, np.int64):
        if bound <= np.iinfo(narrow).max:
            return np.dtype(narrow)
    raise KernelError(
        "kernel",
        f"results can reach {bound}, beyond int64's maximum {np.iinfo(np.int64).max}; use smaller taps "
        "or a float image",
    )


def _combined_dtype(combination: Combination, responses: np.dtype[Any]) -> np.dtype[Any]:
    if combination == Combination.MAGNITUDE and responses != np.float64:
        return np.dtype(np.float32)
    return responses
