"""Filtering and rendering in one pass, strip by strip: the wide intermediate result is never held in full."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, Unpack

from convcli.convolution.buffers import BufferPool
from convcli.convolution.compiled import can_render, render_strips
from convcli.convolution.planning import (
    ConvolutionSettings,
    Plan,
    PlannedConvolution,
    WindowKeywords,
    plan_convolution,
)
from convcli.convolution.rendering import (
    NEEDS_RANGE,
    Adjustment,
    Losses,
    Renderer,
    SignedMapping,
    pixel_type,
)
from convcli.convolution.statistics import RunningStatistics, Statistics, measure
from convcli.convolution.strips import for_each_strip, run_convolution
from convcli.convolution.weighted import SampleWeights, WeightedStrips
from convcli.errors import parse_choice
from convcli.kernels.filter import Filter
from convcli.kernels.lookup import get_filter
from convcli.late_numpy import np
from convcli.pictures.raster import Raster

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Filtered", "filter_pixels"]

# Called with rows, their values, and buffers.
StripCallback: TypeAlias = "Callable[[slice, NDArray[Any], BufferPool], None]"


class Filtered(NamedTuple):
    """Pixels of a filtered image, and statistics of the values that they were rendered from.

    Attributes
    ----------
    pixels : array or Raster
        Of 8 or 16 bits; for ``raw`` an array of the values themselves, in `dtype`.
    losses : Losses
        How many pixels do not show their value; none for ``raw``.
    statistics : Statistics or None
        Smallest, largest and mean value; None if not measured.
    dtype : str
        Dtype of the values before rendering, such as ``"int16"``.
    plan : Plan
    """

    pixels: Any
    losses: Losses
    statistics: Statistics | None
    dtype: str
    plan: Plan


def filter_pixels(
    image: ArrayLike | Raster,
    filter: Filter | str,
    signed: str = "abs",
    *,
    scale: float = 1,
    bias: float = 0,
    relu: bool = False,
    depth: int = 8,
    with_statistics: bool = False,
    weights: SampleWeights | None = None,
    known: Statistics | None = None,
    **window: Unpack[WindowKeywords],
) -> Filtered:
    """Filter an image and render the result as pixels: `apply_filter`, `adjust` and `render` in one pass.

    Parameters
    ----------
    image : array or Raster
        The core reads and writes a raster where its pixels lie, without numpy.
    filter
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
    known : Statistics, optional
        Of the values that ``stretch`` and ``gray`` refer to, if the image is a part of a larger one.

    Returns
    -------
    Filtered
        With a raster for a raster if the core computes it, otherwise with an array.

    Raises
    ------
    ImageError, FilterError, KernelError, SizeError, UsageError
        As these functions do.

    Examples
    --------
    >>> ramp = np.tile(np.arange(0, 250, 50, dtype=np.uint8), (3, 1))
    >>> filter_pixels(ramp, "sobel", padding="valid", scale=0.25, with_statistics=True).statistics
    Statistics(lowest=100.0, highest=100.0, mean=100.0, values=3)
    """
    mapping = parse_choice(signed, SignedMapping, "signed")
    pixel_type(depth)  # raises if there is none
    if isinstance(filter, str):
        filter = get_filter(filter)
    mapping = mapping.without_signs(filter.combination, scale, bias)
    planned = plan_convolution(image, filter, ConvolutionSettings(**window))
    is_integer = weights is None and planned.plan.result_type.startswith("int")
    adjustment = Adjustment(scale, bias, planned.bound if is_integer else None, relu)
    if weights is None and can_render(planned, mapping, adjustment):
        pixels, out = _allocate(image, planned.plan, depth)
        counted = render_strips(
            planned, out, mapping, adjustment, with_statistics=with_statistics, known=known
        )
        if counted is not None:
            dtype = adjustment.result_type(planned.plan.result_type)
            return Filtered(pixels, *counted, dtype, planned.plan)
    if isinstance(image, Raster):
        planned = replace(planned, pixels=image.array())
    weighted = None if weights is None else WeightedStrips(planned, weights)
    strips = _AdjustedStrips(planned, weighted, adjustment)
    if mapping != SignedMapping.RAW:
        return _render_strips(strips, mapping, depth, with_statistics=with_statistics, known=known)
    values = strips.values()
    statistics = measure(values) if with_statistics else None
    return Filtered(values, Losses(), statistics, values.dtype.name, planned.plan)


def _allocate(image: ArrayLike | Raster, plan: Plan, depth: int) -> tuple[Any, Any]:
    """Return memory for the pixels of an image, and where the core writes to.

    A fourth sample beside three channels stays, and is opaque.
    """
    if not isinstance(image, Raster):
        array = np.empty(plan.shape, pixel_type(depth))
        return array, array
    height, width = plan.shape[:2]
    if image.channels is None:
        raster = Raster.empty(height, width, depth=depth)
    else:
        has_fourth = image.channels == 3 and (image.samples.shape or ())[2:] == (4,)
        samples = 4 if has_fourth else image.channels
        raster = Raster.empty(height, width, samples, depth=depth).with_channels(image.channels)
    return raster, raster.samples


class _AdjustedStrips(NamedTuple):
    """The strips of a convolution, corrected where samples do not count in full, and adjusted."""

    planned: PlannedConvolution
    weighted: WeightedStrips | None
    adjustment: Adjustment

    @property
    def dtype(self) -> str:
        """Name of the dtype of the values."""
        dtype = self.planned.plan.dtype if self.weighted is None else self.weighted.dtype
        return self.adjustment.result_type(dtype.name)

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
    strips: _AdjustedStrips,
    mapping: SignedMapping,
    depth: int,
    *,
    with_statistics: bool,
    known: Statistics | None,
) -> Filtered:
    """Render each strip."""
    plan = strips.planned.plan
    pixels = np.empty(plan.shape, pixel_type(depth))
    running, losses = RunningStatistics(), list[Losses]()

    def measure_strip(rows: slice, values: NDArray[Any], _: BufferPool) -> None:
        running.add(rows.start, values)

    if mapping in NEEDS_RANGE and known is None:  # computed twice, with at most half the memory
        strips.for_each(measure_strip)
    renderer = Renderer(mapping, depth, running.result() if known is None else known)

    def render_strip(rows: slice, values: NDArray[Any], buffers: BufferPool) -> None:
        if with_statistics:
            running.add(rows.start, values)
        losses.append(renderer.render(values, pixels[rows], buffers))

    strips.for_each(render_strip)
    statistics = running.result() if with_statistics else None
    return Filtered(pixels, Losses.sum(losses), statistics, strips.dtype, plan)
