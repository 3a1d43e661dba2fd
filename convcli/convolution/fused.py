"""Filtering and rendering in one pass, strip by strip: the wide intermediate result is never held in full."""

from collections.abc import Callable
from typing import Any, NamedTuple, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convcli.convolution.buffers import BufferPool
from convcli.convolution.planning import (
    ConvolutionSettings,
    Plan,
    PlannedConvolution,
    WindowKeywords,
    plan_convolution,
)
from convcli.convolution.rendering import Adjustment, Renderer, SignedMapping, ValueRange, pixel_dtype
from convcli.convolution.statistics import RunningStatistics, Statistics, measure
from convcli.convolution.strips import for_each_strip, run_convolution
from convcli.errors import parse_choice
from convcli.kernels.filter import Filter
from convcli.kernels.lookup import get_filter

__all__ = ["filter_pixels"]

# Called with rows, their values, and buffers.
StripCallback = Callable[[slice, NDArray[Any], BufferPool], None]


class Filtered(NamedTuple):
    """Pixels of a filtered image, and statistics of the values that they were rendered from.

    Attributes
    ----------
    pixels : array
        uint8 or uint16; for ``raw`` the values themselves, in `dtype`.
    saturated : int
        Number of saturated pixels; 0 if not measured.
    statistics : Statistics or None
        Smallest, largest and mean value; None if not measured.
    dtype : dtype
        Dtype of the values before rendering.
    plan : Plan
    """

    pixels: NDArray[Any]
    saturated: int
    statistics: Statistics | None
    dtype: np.dtype[Any]
    plan: Plan


def filter_pixels(
    image: ArrayLike,
    filter: Filter | str,
    signed: str = "abs",
    *,
    scale: float = 1,
    bias: float = 0,
    relu: bool = False,
    depth: int = 8,
    with_statistics: bool = False,
    **window: Unpack[WindowKeywords],
) -> Filtered:
    """Filter an image and render the result as pixels: `apply_filter`, `adjust` and `render` in one pass.

    Parameters
    ----------
    image, filter
        As for `apply_filter`, as the remaining keywords are.
    signed, depth
        As for `render`. For ``raw`` the values are returned unrendered, so they are held in full.
    scale, bias
        As for `adjust`.
    relu : bool
        Replace negative values by 0 after scaling.
    with_statistics : bool
        Compute statistics of the values and count saturated pixels, which takes some time.

    Returns
    -------
    Filtered

    Raises
    ------
    ImageError, FilterError, KernelError, SizeError, UsageError
        As these functions do.

    Examples
    --------
    >>> ramp = np.tile(np.arange(0, 250, 50, dtype=np.uint8), (3, 1))
    >>> filter_pixels(ramp, "sobel", padding="valid", scale=0.25, with_statistics=True).statistics
    Statistics(lowest=100.0, highest=100.0, mean=100.0)
    """
    mapping = parse_choice(signed, SignedMapping, "signed")
    dtype = pixel_dtype(depth)
    if isinstance(filter, str):
        filter = get_filter(filter)
    planned = plan_convolution(image, filter.kernels, filter.combination, ConvolutionSettings(**window))
    adjustment = Adjustment(scale, bias, planned.bound if planned.plan.dtype.kind == "i" else None, relu)
    if mapping == SignedMapping.RAW:
        values = _adjusted_values(planned, adjustment)
        return Filtered(values, 0, measure(values) if with_statistics else None, values.dtype, planned.plan)
    nonnegative = filter.combination.is_nonnegative and scale >= 0 and bias >= 0
    if mapping == SignedMapping.ABS and nonnegative:
        mapping = SignedMapping.CLIP
    value_range = ValueRange()
    if mapping == SignedMapping.STRETCH:  # computed twice, with at most half the memory
        _for_each_adjusted_strip(planned, adjustment, lambda _, values, __: value_range.add(values))
    return _render_strips(
        planned, adjustment, Renderer(mapping, depth, value_range, count_saturated=with_statistics), dtype
    )


def _adjusted_values(planned: PlannedConvolution, adjustment: Adjustment) -> NDArray[Any]:
    """Return the values unrendered."""
    if not adjustment.changes:
        return run_convolution(planned)
    values = np.empty(planned.plan.shape, adjustment.result_dtype(planned.plan.dtype))

    def store_strip(rows: slice, strip: NDArray[Any], _: BufferPool) -> None:
        values[rows] = strip

    _for_each_adjusted_strip(planned, adjustment, store_strip)
    return values


def _render_strips(
    planned: PlannedConvolution, adjustment: Adjustment, renderer: Renderer, dtype: np.dtype[Any]
) -> Filtered:
    """Render each strip; if saturated pixels are counted, collect statistics as well."""
    pixels = np.empty(planned.plan.shape, dtype)
    running = RunningStatistics() if renderer.count_saturated else None
    saturated: list[int] = []

    def render_strip(rows: slice, values: NDArray[Any], buffers: BufferPool) -> None:
        if running is not None:
            running.add(rows.start, values)
        saturated.append(renderer.render(values, pixels[rows], buffers))

    _for_each_adjusted_strip(planned, adjustment, render_strip)
    statistics = None if running is None else running.result()
    return Filtered(
        pixels, sum(saturated), statistics, adjustment.result_dtype(planned.plan.dtype), planned.plan
    )


def _for_each_adjusted_strip(
    planned: PlannedConvolution, adjustment: Adjustment, process: StripCallback
) -> None:
    """Compute the adjusted values of each strip, on threads."""

    def process_strip(rows: slice, buffers: BufferPool, compute: Callable[[NDArray[Any]], None]) -> None:
        height = rows.stop - rows.start
        values = buffers.array("values", (height, *planned.plan.shape[1:]), planned.plan.dtype)
        compute(values)
        process(rows, adjustment.apply(values), buffers)

    for_each_strip(planned, process_strip)
