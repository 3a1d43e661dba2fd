"""Filtering a picture where its pixels lie: the compiled core reads and writes bytes, without numpy."""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar, Unpack

from convcli.compiled.engine import is_compiled
from convcli.convolution.compiled.fused import can_render, render_strips
from convcli.convolution.planning import ConvolutionSettings, ImageKind, Plan, WindowKeywords, plan_pixels
from convcli.convolution.rendering import Adjustment, Losses, SignedMapping
from convcli.convolution.statistics import Statistics
from convcli.errors import UsageError
from convcli.kernels.filter import Filter
from convcli.pictures.raster import Raster

__all__ = ["Filtered", "filter_raster"]

Pixels = TypeVar("Pixels")


class Filtered(NamedTuple, Generic[Pixels]):
    """Pixels of a filtered image, and statistics of the values that they were rendered from.

    Attributes
    ----------
    pixels : Raster or array
        Of 8 or 16 bits; for ``raw`` an array of the values themselves, in `dtype`.
    losses : Losses
        How many pixels do not show their value; none for ``raw``.
    statistics : Statistics or None
        Smallest, largest and mean value; None if not measured.
    dtype : str
        Dtype of the values before rendering, such as ``"int16"``.
    plan : Plan
    """

    pixels: Pixels
    losses: Losses
    statistics: Statistics | None
    dtype: str
    plan: Plan


def filter_raster(
    raster: Raster,
    filter: Filter,
    mapping: SignedMapping,
    *,
    scale: float = 1,
    bias: float = 0,
    relu: bool = False,
    depth: int = 8,
    with_statistics: bool = False,
    **window: Unpack[WindowKeywords],
) -> Filtered[Raster] | None:
    """Filter a raster and render the result as pixels, as `filter_pixels` does for an array.

    Parameters
    ----------
    raster : Raster
    filter : Filter
    mapping : SignedMapping
        Any but ``raw``, whose values are an array.
    scale, bias, relu, depth, with_statistics
        As for `filter_pixels`, as the remaining keywords are.

    Returns
    -------
    Filtered or None
        None if the core is not compiled or cannot compute it: then `filter_pixels` does. Where a pixel of the
        input has a fourth sample beside three channels, so have those of the result; it is opaque.

    Raises
    ------
    KernelError, SizeError, UsageError
        As `filter_pixels` does.
    """
    if not is_compiled():
        return None
    if depth not in (8, 16):
        raise UsageError(f"depth {depth}", "must be 8 or 16")
    kind = ImageKind(raster.shape, f"uint{raster.depth}", 2**raster.depth - 1)
    settings = ConvolutionSettings(**window)
    planned = plan_pixels(raster.samples, kind, filter.matrices, filter.combination, settings)
    mapping = mapping.without_signs(filter.combination, scale, bias)
    is_integer = planned.plan.result_type.startswith("int")
    adjustment = Adjustment(scale, bias, planned.bound if is_integer else None, relu)
    if not can_render(planned, mapping, adjustment):
        return None
    channels = raster.channels or 1
    has_fourth = channels == 3 and (raster.samples.shape or ())[2:] == (4,)
    height, width = planned.plan.shape[:2]
    samples = None if raster.channels is None else 4 if has_fourth else channels
    out = Raster.empty(height, width, samples, depth=depth)
    counted = render_strips(
        planned, out.samples, mapping, adjustment, channels=channels, with_statistics=with_statistics
    )
    if counted is None:
        return None
    result = out.with_channels(channels) if has_fourth else out
    return Filtered(result, *counted, adjustment.result_type(planned.plan.result_type), planned.plan)
