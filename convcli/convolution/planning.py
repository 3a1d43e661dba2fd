"""Planning a convolution: axes, result type and algorithm."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypedDict

from convcli.convolution.algorithms.core import CorePlan, plan_core
from convcli.convolution.algorithms.definitions import kernel_norm
from convcli.convolution.algorithms.strategy import (
    EXACT_IN_FLOAT32,
    Strategy,
    choose_strategy,
    choose_sum_type,
    strip_height,
)
from convcli.convolution.borders import Border, border_sources, parse_border
from convcli.errors import KernelError, SizeError
from convcli.kernels.filter import Combination, Filter, Matrix, kernel_array, matrix_array
from convcli.late_numpy import np
from convcli.parallel import thread_count
from convcli.pictures.arrays import image_array
from convcli.pictures.raster import Raster
from convcli.sizes.axes import window_axes
from convcli.sizes.per_axis import Padding, Pair
from convcli.sizes.text import counted
from convcli.sizes.windowed import Axis

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "TYPE_BYTES",
    "ConvolutionSettings",
    "Image",
    "ImageKind",
    "Plan",
    "PlannedConvolution",
    "WindowKeywords",
    "checked_axes",
    "kernel_norm",
    "largest_result",
    "parse_kernels",
    "plan_convolution",
    "plan_pixels",
    "result_type",
]

Image: TypeAlias = "NDArray[Any]"

LARGEST_FLOAT32 = (2 - 2.0**-23) * 2.0**127
TYPE_BYTES = {"int16": 2, "int32": 4, "int64": 8, "float32": 4, "float64": 8}
STRIP_NANOSECONDS, STRIP_VALUES, MIN_STRIPS = 8e6, 1 << 15, 8  # of the compiled core, and strips of an image
LEAST_COST = 0.3  # nanoseconds per value, however few taps

THREAD_BYTES = 1 << 22  # what a thread takes besides its strips (measured)
CORE_BYTES = 6  # what a thread of the core takes per value of a small strip
FOURIER_BYTES = 72  # what the transforms of a tile take per pixel, in numpy; in the core less
MAX_PADDED = 1 << 28  # pixels of a padded image; so much padding around a small image is a mistake


@dataclass(frozen=True)
class Plan:
    """How a convolution is computed.

    Attributes
    ----------
    strategy : Strategy
    sum_type : str
        Name of the dtype of the sums.
    shape : tuple of int
        Shape of the result.
    result_type : str
        Name of the dtype of the result.
    strip_rows : int
        Rows of the result per strip.
    threads : int
        Number of threads.
    """

    strategy: Strategy
    sum_type: str
    shape: tuple[int, ...]
    result_type: str
    strip_rows: int
    threads: int

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the result."""
        return np.dtype(self.result_type)

    @property
    def sum_dtype(self) -> np.dtype[Any]:
        """Dtype of the sums."""
        return np.dtype(self.sum_type)

    def __str__(self) -> str:
        threads = counted(self.threads, "thread")
        return f"{self.strategy} in {self.sum_type}, strips of {self.strip_rows} rows, {threads}"


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


class ImageKind(NamedTuple):
    """What planning needs to know of an image.

    Attributes
    ----------
    shape : tuple of int
        (H, W) or (H, W, C).
    dtype : str
        Name of the dtype.
    largest : int or None
        Largest absolute value that a pixel can have; None for floats.
    unbounded : bool
        Whether the largest is unknown, as the pixels are 64-bit integers that are not read yet.
    """

    shape: tuple[int, ...]
    dtype: str
    largest: int | None
    unbounded: bool = False

    @classmethod
    def of(cls, pixels: Image | Raster) -> ImageKind:
        """Describe an array or a raster; of 64-bit integers it looks for the largest."""
        if isinstance(pixels, Raster):
            return cls(pixels.shape, f"uint{pixels.depth}", 2**pixels.depth - 1)
        kind = cls.by_type(pixels.shape, pixels.dtype)
        if not kind.unbounded:
            return kind
        return kind._replace(largest=max(-int(pixels.min()), int(pixels.max())), unbounded=False)

    @classmethod
    def by_type(cls, shape: tuple[int, ...], dtype: np.dtype[Any]) -> ImageKind:
        """Describe an array of which only the shape and the dtype are known."""
        if dtype.kind == "f":
            return cls(shape, dtype.name, None)
        if dtype.itemsize == 8:
            return cls(shape, dtype.name, 1, unbounded=True)
        limits = np.iinfo(dtype)
        return cls(shape, dtype.name, max(-int(limits.min), int(limits.max)))


@dataclass(frozen=True, eq=False)
class PlannedConvolution:
    """A convolution that is checked and ready to run.

    Attributes
    ----------
    pixels : array or memoryview
        The image; a memoryview only if the core computes it.
    kind : ImageKind
    matrices : sequence of Matrix
        The kernels as applied.
    combination : Combination
    rows, columns : Axis
    border : Border
    bound : int or None
        Largest possible absolute value of an integer result; None for floats.
    response_type : str
        Dtype of one kernel's result, before results are combined.
    square_type : str
        Dtype in which a magnitude is computed.
    plan : Plan
    core : CorePlan or None
        How the compiled core computes it; None if numpy does.
    """

    pixels: Any
    kind: ImageKind
    matrices: Sequence[Matrix]
    combination: Combination
    rows: Axis
    columns: Axis
    border: Border
    bound: int | None
    response_type: str
    square_type: str
    plan: Plan
    core: CorePlan | None

    @cached_property
    def kernels(self) -> tuple[NDArray[Any], ...]:
        """The kernels as arrays."""
        return tuple(map(matrix_array, self.matrices))

    @cached_property
    def sources(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Which row and column of the image each one of the padded image shows, see `border_sources`."""
        kind = self.border.kind
        return border_sources(self.rows, kind), border_sources(self.columns, kind)

    def working_bytes(self, value_bytes: int) -> int:
        """Return an upper bound on what the threads hold while they work, besides the result.

        Parameters
        ----------
        value_bytes : int
            Bytes that processing the strips takes per value; 0 if the core does that on the way.
        """
        plan, columns = self.plan, self.columns
        values = plan.strip_rows * math.prod(plan.shape[1:])
        if self.core is not None:
            return plan.threads * (min(THREAD_BYTES, CORE_BYTES * values) + values * value_bytes)
        width = columns.before + columns.side + columns.after
        rows = (plan.strip_rows - 1) * self.rows.stride + self.rows.extent
        strip = rows * width * math.prod(plan.shape[2:]) * TYPE_BYTES[plan.sum_type]
        if len(self.matrices) > 1:
            value_bytes += TYPE_BYTES[self.response_type] + 2 * TYPE_BYTES[self.square_type]
        tile = FOURIER_BYTES * rows**2 if plan.strategy == Strategy.FOURIER else 0
        return plan.threads * (min(THREAD_BYTES, 4 * strip) + strip + tile + values * value_bytes)


def plan_convolution(
    image: ArrayLike | Raster, kernel: ArrayLike | Filter, settings: ConvolutionSettings
) -> PlannedConvolution:
    """Check all arguments and plan the convolution."""
    source = image if isinstance(image, Raster) else image_array(image)
    pixels, kind = source.samples if isinstance(source, Raster) else source, ImageKind.of(source)
    return plan_pixels(pixels, kind, *parse_kernels(kernel), settings)


def parse_kernels(kernel: ArrayLike | Filter) -> tuple[Sequence[Matrix], Combination]:
    """Return the kernels of a filter and how they are combined, or the single kernel that an array holds."""
    if isinstance(kernel, Filter):
        return kernel.matrices, kernel.combination
    return [tuple(map(tuple, kernel_array(kernel).tolist()))], Combination.SINGLE


def plan_pixels(
    pixels: Image | memoryview | None,
    kind: ImageKind,
    matrices: Sequence[Matrix],
    combination: Combination,
    settings: ConvolutionSettings,
) -> PlannedConvolution:
    """Plan the convolution of pixels of a kind, without numpy if the core computes it; they may follow later.

    Raises
    ------
    KernelError, SizeError, UsageError
        As `convolve` does.
    """
    if settings.flip:
        matrices = [tuple(row[::-1] for row in reversed(matrix)) for matrix in matrices]
    border = parse_border(settings.border)
    window = len(matrices[0]), len(matrices[0][0])
    rows, columns = checked_axes(kind.shape, window, settings)
    norms = [sum(abs(tap) for row in matrix for tap in row) for matrix in matrices]
    bound = largest_result(kind.largest, norms, border)
    response_type = result_type(kind.dtype, bound)
    if response_type == "float32" and max(norms) > LARGEST_FLOAT32:
        raise KernelError("kernel", "has coefficients beyond float32; use smaller ones or a float64 image")
    combined_bound = largest_result(kind.largest, norms, border, combination)
    combined_type = result_type(kind.dtype, combined_bound)
    if combination == Combination.MAGNITUDE and response_type != "float64":
        combined_type = "float32"
    shape = (rows.output, columns.output, *kind.shape[2:])
    core_plans = plan_core(kind.dtype, matrices, rows, columns, combined_bound, border.value)
    core_costs = {strategy: core_plan.cost for strategy, core_plan in core_plans.items()}
    strategy = choose_strategy(matrices, rows, columns, response_type, bound, core_costs)
    core = core_plans.get(strategy)
    sum_type = choose_sum_type(strategy, response_type) if core is None else core.sum_type
    width = columns.before + columns.side + columns.after
    channels = math.prod(shape[2:])
    if core is None:
        strip_rows = strip_height(strategy, rows, width, channels, TYPE_BYTES[sum_type])
    else:
        strip_rows = _core_strip_height(rows, columns.output * channels, core.cost)
    plan = Plan(
        strategy=strategy,
        sum_type=sum_type,
        shape=shape,
        result_type=combined_type,
        strip_rows=strip_rows,
        threads=thread_count(settings.jobs, -(-rows.output // strip_rows), math.prod(shape)),
    )
    # float32 holds the squares of small integers, and their sum, exactly.
    exact = bound is not None and len(matrices) * bound**2 < EXACT_IN_FLOAT32
    square_type = "float32" if exact else "float64"
    return PlannedConvolution(
        pixels, kind, matrices, combination, rows, columns, border, combined_bound, response_type,
        square_type, plan, core,
    )  # fmt: skip


def checked_axes(
    shape: Sequence[int], window: tuple[int, int], settings: ConvolutionSettings
) -> tuple[Axis, Axis]:
    """Return the axes of the rows and the columns of an image, for a kernel of this size.

    Raises
    ------
    SizeError
        The filter does not fit, or the padded image is far larger than the image.
    """
    rows, columns = window_axes(
        (shape[0], shape[1]),
        window,
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


def largest_result(
    largest_pixel: int | None,
    norms: Iterable[int | float],
    border: Border,
    combination: Combination = Combination.SINGLE,
) -> int | None:
    """Return an upper bound for the absolute value of every sum, partial or complete; None for floats.

    Parameters
    ----------
    largest_pixel : int or None
        See `ImageKind`.
    norms : iterable of numbers
        The sum of |taps| of each kernel.
    border : Border
    combination : Combination
        Bounds the sum over all kernels if it adds their results.

    Examples
    --------
    >>> largest_result(255, [2], parse_border("edge"))
    510
    """
    totals = list(norms)
    if largest_pixel is None or isinstance(border.value, float) or any(isinstance(t, float) for t in totals):
        return None
    bounds = [max(int(total), 1) * max(largest_pixel, abs(border.value), 1) for total in totals]
    return sum(bounds) if combination == Combination.ABSOLUTE_SUM else max(bounds)


def result_type(dtype: str, bound: int | None) -> str:
    """Return the name of the narrowest dtype that holds the results of an image of a dtype, see `convolve`.

    Examples
    --------
    >>> result_type("uint8", 510)
    'int16'
    """
    if bound is None:
        return "float64" if dtype == "float64" else "float32"
    for bits in (16, 32, 64):
        if bound < 1 << (bits - 1):
            return f"int{bits}"
    raise KernelError(
        "kernel",
        f"results can reach {bound}, beyond int64's maximum {(1 << 63) - 1}; use smaller "
        "coefficients or a float image",
    )


def _core_strip_height(rows: Axis, row_values: int, cost: float) -> int:
    """Return the number of result rows per strip of the compiled core: some milliseconds of work.

    It does not depend on the number of threads, as the order of a sum of floats depends on it.
    """
    most = max(1, int(STRIP_NANOSECONDS / (row_values * max(cost, LEAST_COST))))
    least = max(-(-STRIP_VALUES // row_values), rows.extent // (2 * rows.stride))
    return min(max(most, least, 1), max(-(-rows.output // MIN_STRIPS), least), rows.output)
