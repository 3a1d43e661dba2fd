"""Filtering and rendering in one pass, strip by strip: the wide intermediate result is never held in full."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, Unpack

from convcli.convolution.buffers import BufferPool
from convcli.convolution.compiled.fused import can_render, render_strips
from convcli.convolution.planning import (
    ConvolutionSettings,
    PlannedConvolution,
    WindowKeywords,
    plan_convolution,
)
from convcli.convolution.raster_filtering import Filtered
from convcli.convolution.rendering import (
    NEEDS_RANGE,
    Adjustment,
    Losses,
    Renderer,
    SignedMapping,
    ValueRange,
    pixel_dtype,
)
from convcli.convolution.statistics import RunningStatistics, measure
from convcli.convolution.strips import for_each_strip, run_convolution
from convcli.convolution.weighted import SampleWeights, WeightedStrips
from convcli.errors import parse_choice
from convcli.kernels.filter import Filter
from convcli.kernels.lookup import get_filter
from convcli.late_numpy import np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["filter_pixels"]

# Called with rows, their values, and buffers.
StripCallback: TypeAlias = "Callable[[slice, NDArray[Any], BufferPool], None]"


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
    weights: SampleWeights | None = None,
    **window: Unpack[WindowKeywords],
) -> Filtered[NDArray[Any]]:
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
        Compute statistics of the values, which takes some time.
    weights : SampleWeights, optional
        How much each pixel counts, from `sample_weights` (default: all in full).

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
    pixel_dtype(depth)  # raises if there is none
    if isinstance(filter, str):
        filter = get_filter(filter)
    mapping = mapping.without_signs(filter.combination, scale, bias)
    planned = plan_convolution(image, filter.kernels, filter.combination, ConvolutionSettings(**window))
    weighted = None if weights is None else WeightedStrips(planned, weights)
    dtype = planned.plan.dtype if weighted is None else weighted.dtype
    adjustment = Adjustment(scale, bias, planned.bound if dtype.kind == "i" else None, relu)
    strips = _AdjustedStrips(planned, weighted, adjustment, np.dtype(adjustment.result_type(dtype.name)))
    if mapping == SignedMapping.RAW:
        values = strips.values()
        statistics = measure(values) if with_statistics else None
        return Filtered(values, Losses(), statistics, values.dtype.name, planned.plan)
    if weighted is None and can_render(planned, mapping, adjustment):
        pixels = np.empty(planned.plan.shape, pixel_dtype(depth))
        counted = render_strips(planned, pixels, mapping, adjustment, with_statistics=with_statistics)
        if counted is not None:
            return Filtered(pixels, *counted, strips.dtype.name, planned.plan)
    value_range = ValueRange()
    if mapping in NEEDS_RANGE:  # computed twice, with at most half the memory
        strips.for_each(lambda _, values, __: value_range.add(values))
    return _render_strips(strips, Renderer(mapping, depth, value_range), with_statistics=with_statistics)


class _AdjustedStrips(NamedTuple):
    """The strips of a convolution, corrected where samples do not count in full, and adjusted."""

    planned: PlannedConvolution
    weighted: WeightedStrips | None
    adjustment: Adjustment
    dtype: np.dtype[Any]

    def for_each(self, process: StripCallback) -> None:
        """Compute the values of each strip, on threads."""
        plan = self.planned.plan

        def process_strip(rows: slice, buffers: BufferPool, compute: Callable[[NDArray[Any]], None]) -> None:
            values = buffers.array("values", (rows.stop - rows.start, *plan.shape[1:]), plan.dtype)
            compute(values)
            if self.weighted is not None:
                values = self.weighted.correct(rows, values)
            process(rows, self.adjustment.apply(values), buffers)

        for_each_strip(self.planned, process_strip)

    def values(self) -> NDArray[Any]:
        """Return all values unrendered."""
        if self.weighted is None and not self.adjustment.changes:
            return run_convolution(self.planned)
        values = np.empty(self.planned.plan.shape, self.dtype)

        def store_strip(rows: slice, strip: NDArray[Any], _: BufferPool) -> None:
            values[rows] = strip

        self.for_each(store_strip)
        return values


def _render_strips(
    strips: _AdjustedStrips, renderer: Renderer, *, with_statistics: bool
) -> Filtered[NDArray[Any]]:
    """Render each strip."""
    pixels = np.empty(strips.planned.plan.shape, pixel_dtype(renderer.depth))
    running = RunningStatistics() if with_statistics else None
    losses: list[Losses] = []

    def render_strip(rows: slice, values: NDArray[Any], buffers: BufferPool) -> None:
        if running is not None:
            running.add(rows.start, values)
        losses.append(renderer.render(values, pixels[rows], buffers))

    strips.for_each(render_strip)
    statistics = None if running is None else running.result()
    return Filtered(pixels, Losses.sum(losses), statistics, strips.dtype.name, strips.planned.plan)
