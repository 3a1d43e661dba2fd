"""Recipes that pool."""

from functools import partial
from typing import Any

from numpy.typing import NDArray

from convcli.convolution.pooling import PoolMode, pool
from convcli.convolution.statistics import measure
from convcli.networks.layer_types.pooling import Pooling
from convcli.pictures.limits import Size
from convcli.pictures.picture import Picture, PictureKind
from convcli.pipeline.recipes.recipe import Recipe, Result
from convcli.pipeline.recipes.rendering import result_record
from convcli.sizes.text import format_padding, format_size

__all__ = ["pool_recipe"]


def pool_recipe(layer: Pooling, mode: PoolMode, jobs: int | None = None) -> Recipe:
    """Make the recipe that pools as a layer of a network does, every channel and alpha on its own."""
    return Recipe(
        f"{layer.type}-{format_size(layer.window)}",
        partial(_pool_picture, layer, mode, jobs),
        partial(_result_size, layer),
        itemsize=8 if mode == PoolMode.AVG else 4,
    )


def _result_size(layer: Pooling, size: Size) -> Size:
    rows, columns = layer.axes(size)
    return rows.output, columns.output, size[2]


def _pool_picture(
    layer: Pooling, mode: PoolMode, jobs: int | None, picture: Picture, as_numbers: bool
) -> Result:
    """Pool every channel and alpha. Means of a matrix are exact; those of a picture keep its dtype."""
    rows, columns = layer.axes(picture.pixels.shape)

    def pooled(channel: NDArray[Any]) -> NDArray[Any]:
        return pool(
            channel,
            mode=mode,
            size=layer.window,
            stride=layer.stride,
            padding=layer.padding,
            ceil=layer.ceil,
            rounded=not (as_numbers and picture.kind in (PictureKind.ARRAY, PictureKind.TEXT)),
            jobs=jobs,
        )

    values = pooled(picture.pixels)
    alpha = None if picture.alpha is None else pooled(picture.alpha)
    result = picture.with_pixels(values, alpha)
    record = {
        "filter": layer.text,
        "kernel": None,
        "gain": None,
        "padding": format_padding(layer.padding),
        "border": None,
        "stride": format_size((rows.stride, columns.stride)),
        "dilation": "1x1",
        **result_record(picture.pixels.shape, values.shape, values.dtype, measure(values)),
        "saturated": 0,
    }
    return Result(result, record, result.notes)
