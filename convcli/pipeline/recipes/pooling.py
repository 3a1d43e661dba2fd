"""Recipes that pool."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from convcli.compiled.engine import is_compiled
from convcli.convolution.pooling import (
    STRIP_BYTES,
    PoolMode,
    measure_raster,
    pool,
    pool_raster,
    pool_weighted,
)
from convcli.convolution.statistics import Statistics, measure
from convcli.convolution.weighted import AlphaMode, NanMode, sample_weights
from convcli.errors import UsageError, parse_choice
from convcli.networks.layer_types.base import Sides
from convcli.networks.layer_types.pooling import Pooling
from convcli.parallel import thread_count
from convcli.pictures.picture import Picture, PictureKind
from convcli.pictures.raster import Raster
from convcli.pipeline.recipes.rasters import pixel_range
from convcli.pipeline.recipes.recipe import InputKind, Recipe, Result, Work
from convcli.pipeline.recipes.rendering import result_record
from convcli.sizes.text import format_padding, format_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convcli.pipeline.recipes.strips import Strips

__all__ = ["halve", "parse_pool_alpha", "pool_recipe"]

SUMS, WEIGHTED_SUMS = 3, 6  # times the bytes of a strip that its sums and means take (measured)


def parse_pool_alpha(text: str, option: str = "alpha") -> AlphaMode:
    """Read what alpha does when pictures are pooled.

    Raises
    ------
    UsageError
        It is neither ``weighted`` nor ``straight``.
    """
    mode = parse_choice(text, AlphaMode, option)
    if mode == AlphaMode.FILTER:
        raise UsageError(f"{option} filter", "is for filters; pooling always pools alpha, too")
    return mode


def pool_recipe(
    layer: Pooling,
    mode: PoolMode,
    jobs: int | None = None,
    *,
    alpha: AlphaMode = AlphaMode.WEIGHTED,
    nan: NanMode = NanMode.KEEP,
) -> Recipe:
    """Make the recipe that pools as a layer of a network does, every channel and alpha on its own."""
    return Recipe(
        f"{layer.type}-{format_size(layer.window)}",
        partial(_pool_picture, layer, mode, alpha, nan, jobs),
        partial(_estimate, layer, mode, nan, jobs),
        strips=partial(_strips, layer, mode, jobs, alpha, nan),
    )


def _strips(layer: Pooling, mode: PoolMode, jobs: int | None, alpha: AlphaMode, nan: NanMode) -> Strips:
    from convcli.pipeline.recipes.strips import pool_strips  # late: most pictures are small

    return pool_strips(pool_recipe, layer, mode, jobs, alpha, nan)


def _estimate(
    layer: Pooling, mode: PoolMode, nan: NanMode, jobs: int | None, picture: InputKind, as_numbers: bool
) -> Work:
    rows, columns = layer.axes(picture.size)
    values = prod(picture.size)
    uses_numpy = not is_compiled() or (picture.is_numeric and nan == NanMode.IGNORE)
    strip = min(STRIP_BYTES, 2 * values * picture.itemsize) if uses_numpy else 0
    if mode == PoolMode.AVG:
        strip *= WEIGHTED_SUMS if picture.may_have_alpha else SUMS
    exact = as_numbers and picture.is_numeric and mode == PoolMode.AVG
    return Work(
        rows.output * columns.output,
        picture.size[2],
        8 if exact else picture.itemsize,
        thread_count(jobs, rows.output) * strip,
    )


class _Pooled(NamedTuple):
    """Pooled pixels and alpha, and the statistics of the pixels."""

    pixels: NDArray[Any] | Raster
    alpha: NDArray[Any] | Raster | None
    statistics: Statistics
    dtype: str


def _pool_picture(
    layer: Pooling,
    mode: PoolMode,
    alpha_mode: AlphaMode,
    nan: NanMode,
    jobs: int | None,
    picture: Picture,
    as_numbers: bool,
) -> Result:
    """Pool every channel and alpha. Means of a matrix are exact; those of a picture keep its dtype."""
    rows, columns = layer.axes(Sides(picture.shape[:2]))
    window: dict[str, Any] = {
        "mode": mode,
        "size": layer.window,
        "stride": layer.stride,
        "padding": layer.padding,
        "ceil": layer.ceil,
        "jobs": jobs,
    }
    rounded = not (as_numbers and picture.kind in (PictureKind.ARRAY, PictureKind.TEXT))
    pooled = _pool_rasters(picture, alpha_mode, window) if rounded else None
    if pooled is None:
        pooled = _pool_arrays(picture, alpha_mode, nan, {**window, "rounded": rounded})
    result = picture.with_pixels(pooled.pixels, pooled.alpha)
    record = {
        "filter": layer.text,
        "kernel": None,
        "gain": None,
        "padding": format_padding(layer.padding),
        "border": None,
        "stride": format_size((rows.stride, columns.stride)),
        "dilation": "1x1",
        **result_record(picture.shape, pooled.pixels.shape, pooled.dtype, pooled.statistics),
        "saturated": 0,
        **({"alpha": alpha_mode} if picture.has_alpha else {}),
    }
    return Result(result, record, result.notes)


def _pool_rasters(picture: Picture, alpha_mode: AlphaMode, window: dict[str, Any]) -> _Pooled | None:
    """Pool pixels in the compiled core; None if they are numbers."""
    pixels, alpha = picture.raster, picture.alpha_raster
    if pixels is None or not is_compiled() or (alpha is None and picture.has_alpha):
        return None
    weights = None
    if alpha is not None:
        if alpha_mode == AlphaMode.WEIGHTED and pixel_range(alpha)[0] < 2**alpha.depth - 1:
            weights = alpha
        alpha = pool_raster(alpha, **window)
    pixels = pool_raster(pixels, weights=weights, **window)
    return _Pooled(pixels, alpha, measure_raster(pixels), f"uint{pixels.depth}")


def _pool_arrays(picture: Picture, alpha_mode: AlphaMode, nan: NanMode, window: dict[str, Any]) -> _Pooled:
    visible = picture.alpha if alpha_mode == AlphaMode.WEIGHTED else None
    weights = sample_weights(picture.pixels, visible, ignore_nan=nan == NanMode.IGNORE)
    values: NDArray[Any] = (
        pool(picture.pixels, **window)
        if weights is None
        else pool_weighted(picture.pixels, weights, **window)
    )
    alpha = None if picture.alpha is None else pool(picture.alpha, **window)
    return _Pooled(values, alpha, measure(values), str(values.dtype))


def halve(picture: Picture, jobs: int | None = None) -> Picture:
    """Return a picture of half the size: the rounded mean of every two by two pixels.

    An odd last row or column is left out, as pooling does. Colors of pixels count as much as these are
    opaque.

    Examples
    --------
    >>> import numpy as np
    >>> halve(Picture(np.array([[1, 2, 9], [3, 4, 9]], np.uint8))).pixels.tolist()
    [[2]]
    """
    window: dict[str, Any] = {"mode": "avg", "size": 2, "rounded": True, "jobs": jobs}
    weights = sample_weights(picture.pixels, picture.alpha, ignore_nan=False)
    if weights is None:
        pixels = pool(picture.pixels, **window)
    else:
        pixels = pool_weighted(picture.pixels, weights, **window)
    alpha = None if picture.alpha is None else pool(picture.alpha, **window)
    return picture.changed(pixels=pixels, alpha=alpha)
