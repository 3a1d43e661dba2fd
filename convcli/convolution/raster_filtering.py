"""Filtering a picture where its pixels lie: the compiled core reads and writes bytes, without numpy."""

from __future__ import annotations

from typing import NamedTuple, Unpack

from convcli.convolution.planning import Plan, WindowKeywords
from convcli.convolution.rendering import Losses, SignedMapping
from convcli.convolution.statistics import Statistics
from convcli.kernels.filter import Filter
from convcli.pictures.raster import Raster

__all__ = ["FilteredRaster", "filter_raster"]


class FilteredRaster(NamedTuple):
    """Pixels of a filtered picture, and statistics of the values that they were rendered from.

    Attributes
    ----------
    raster : Raster
        With as many samples per pixel as the input, of the requested depth.
    losses : Losses
        How many pixels do not show their value.
    statistics : Statistics or None
        Smallest, largest and mean value; None if not measured.
    dtype : str
        Dtype of the values before rendering, such as ``"int16"``.
    plan : Plan
    """

    raster: Raster
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
) -> FilteredRaster | None:
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
    FilteredRaster or None
        None if the core is not compiled or cannot compute it: then `filter_pixels` does.

    Raises
    ------
    KernelError, SizeError, UsageError
        As `filter_pixels` does.
    """
    del raster, filter, mapping, scale, bias, relu, depth, with_statistics, window
    return None
