"""Planning a convolution: axes, result type and algorithm."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypedDict

from convcli.convolution.algorithms.steps import l1_norm
from convcli.convolution.algorithms.strategy import (
    EXACT_IN_FLOAT32,
    Strategy,
    choose_strategy,
    choose_sum_dtype,
    strip_height,
)
from convcli.convolution.borders import Border, parse_border
from convcli.errors import KernelError, SizeError
from convcli.kernels.filter import Combination, kernel_array
from convcli.late_numpy import np
from convcli.parallel import thread_count
from convcli.pictures.arrays import image_array
from convcli.sizes.axes import window_axes
from convcli.sizes.per_axis import Padding, Pair
from convcli.sizes.text import counted
from convcli.sizes.windowed import Axis

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "ConvolutionSettings",
    "Image",
    "Plan",
    "PlannedConvolution",
    "WindowKeywords",
    "checked_axes",
    "largest_result",
    "largest_sum",
    "plan_convolution",
    "result_dtype",
]

Image: TypeAlias = "NDArray[Any]"

THREAD_BYTES = 1 << 22  # what a thread takes besides its strips (measured)
FOURIER_BYTES = 40  # what the transforms of a tile take per pixel
MAX_PADDED = 1 << 28  # pixels of a padded image; so much padding around a small image is a mistake


@dataclass(frozen=True)
class Plan:
    """How a convolution is computed.

    Attributes
    ----------
    strategy : Strategy
    sum_dtype : dtype
        Dtype of the sums.
    shape, dtype
        Shape and dtype of the result.
    strip_rows : int
        Rows of the result per strip.
    threads : int
        Number of threads.
    """

    strategy: Strategy
    sum_dtype: np.dtype[Any]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    strip_rows: int
    threads: int

    def __str__(self) -> str:
        threads = counted(self.threads, "thread")
        return f"{self.strategy} in {self.sum_dtype}, strips of {self.strip_rows} rows, {threads}"


class WindowKeywords(TypedDict, total=False):
    """The keywords of `convolve` that describe how the kernel slides, and on how many threads."""

    stride: Pair
    padding: Padding
    border: str
    dilation: Pair
    flip: bool
    jobs: int | None


class ConvolutionSettings(NamedTuple):
    """The arguments that all public functions share, with their defaults."""

    stride: Pair = 1
    padding: Padding = "same"
    border: str = "edge"
    dilation: Pair = 1
    flip: bool = False
    jobs: int | None = None

    def apply_flip(self, taps: Image) -> Image:
        """Return the taps as applied: rotated by 180 degrees if `flip` is set."""
        return taps[::-1, ::-1] if self.flip else taps


class PlannedConvolution(NamedTuple):
    """A convolution that is checked and ready to run."""

    pixels: Image
    kernels: Sequence[Image]
    combination: Combination
    rows: Axis
    columns: Axis
    border: Border
    bound: int | None  # largest possible absolute value of an integer result; None for floats
    response_dtype: np.dtype[Any]  # dtype of one kernel's result, before results are combined
    square_dtype: np.dtype[Any]  # dtype in which a magnitude is computed
    plan: Plan

    def working_bytes(self, value_bytes: int) -> int:
        """Return an upper bound on what the threads hold while they work, besides the result.

        Parameters
        ----------
        value_bytes : int
            Bytes that processing the strips takes per value.
        """
        plan, columns = self.plan, self.columns
        width = columns.before + columns.side + columns.after
        rows = (plan.strip_rows - 1) * self.rows.stride + self.rows.extent
        strip = rows * width * math.prod(plan.shape[2:]) * plan.sum_dtype.itemsize
        values = plan.strip_rows * math.prod(plan.shape[1:])
        if len(self.kernels) > 1:
            value_bytes += self.response_dtype.itemsize + 2 * self.square_dtype.itemsize
        tile = FOURIER_BYTES * rows**2 if plan.strategy == Strategy.FOURIER else 0
        return plan.threads * (min(THREAD_BYTES, 4 * strip) + strip + tile + values * value_bytes)


def plan_convolution(
    image: ArrayLike, kernels: Sequence[ArrayLike], combination: Combination, settings: ConvolutionSettings
) -> PlannedConvolution:
    """Check all arguments and plan the convolution."""
    pixels = image_array(image)
    taps = [settings.apply_flip(kernel_array(kernel)) for kernel in kernels]
    border = parse_border(settings.border)
    rows, columns = checked_axes(pixels, taps[0], settings)
    bound = largest_result(pixels, taps, border)
    response_dtype = result_dtype(pixels, bound)
    largest = float(np.finfo(np.float32).max)
    if response_dtype == np.float32 and any(l1_norm(kernel) > largest for kernel in taps):
        raise KernelError("kernel", "has coefficients beyond float32; use smaller ones or a float64 image")
    combined_bound, dtype = bound, _combined_dtype(combination, response_dtype)
    if combination == Combination.ABSOLUTE_SUM:
        combined_bound = largest_sum(pixels, taps, border)
        dtype = result_dtype(pixels, combined_bound)
    strategy = choose_strategy(taps, rows, columns, response_dtype, bound)
    sum_dtype = choose_sum_dtype(strategy, response_dtype)
    shape = (rows.output, columns.output, *pixels.shape[2:])
    width = columns.before + columns.side + columns.after
    results = 1 if strategy == Strategy.SEPARABLE and combination == Combination.SINGLE else 2
    channels = math.prod(shape[2:])
    strip_rows = strip_height(strategy, rows, width, channels, sum_dtype.itemsize, results=results)
    plan = Plan(
        strategy=strategy,
        sum_dtype=sum_dtype,
        shape=shape,
        dtype=dtype,
        strip_rows=strip_rows,
        threads=thread_count(settings.jobs, -(-rows.output // strip_rows), math.prod(shape)),
    )
    # float32 holds the squares of small integers, and their sum, exactly.
    exact = bound is not None and len(taps) * bound**2 < EXACT_IN_FLOAT32
    square_dtype = np.dtype(np.float32 if exact else np.float64)
    return PlannedConvolution(
        pixels, taps, combination, rows, columns, border, combined_bound, response_dtype, square_dtype, plan
    )


def checked_axes(pixels: Image, taps: Image, settings: ConvolutionSettings) -> tuple[Axis, Axis]:
    """Return the axes of rows and columns.

    Raises
    ------
    SizeError
        The filter does not fit, or the padded image is far larger than the image.
    """
    rows, columns = window_axes(
        (pixels.shape[0], pixels.shape[1]),
        (taps.shape[0], taps.shape[1]),
        stride=settings.stride,
        padding=settings.padding,
        dilation=settings.dilation,
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


def largest_sum(pixels: Image, kernels: Iterable[Image], border: Border) -> int | None:
    """Return an upper bound for the sum of the absolute results of all kernels; None for floats.

    Examples
    --------
    >>> largest_sum(np.zeros((2, 2), np.uint8), [np.array([[-1, 0, 1]])] * 2, parse_border("edge"))
    1020
    """
    bounds = [largest_result(pixels, [kernel], border) for kernel in kernels]
    return None if None in bounds else sum(bound or 0 for bound in bounds)


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
        f"results can reach {bound}, beyond int64's maximum {np.iinfo(np.int64).max}; use smaller "
        "coefficients or a float image",
    )


def _combined_dtype(combination: Combination, response_dtype: np.dtype[Any]) -> np.dtype[Any]:
    if combination == Combination.MAGNITUDE and response_dtype != np.float64:
        return np.dtype(np.float32)
    return response_dtype
