"""Recipes that apply a filter."""

import math
from functools import partial

from convcli.convolution.engine import center_pixels
from convcli.convolution.fused import filter_pixels
from convcli.convolution.rendering import SignedMapping
from convcli.errors import KernelError, UsageError
from convcli.kernels.filter import Filter
from convcli.pictures.channels import Channels, select_channels
from convcli.pictures.picture import Picture
from convcli.pipeline.recipes.recipe import Recipe, Result
from convcli.pipeline.recipes.rendering import WORKING_BYTES, Rendering, render_values, result_record
from convcli.pipeline.recipes.window import SlidingWindow, result_size

__all__ = ["filter_recipe"]


def filter_recipe(one: Filter, window: SlidingWindow, rendering: Rendering, *, measured: bool) -> Recipe:
    """Make the operation that applies a filter; `measured` computes the statistics of its result.

    Raises
    ------
    KernelError
        The gain to divide by is zero.
    """
    scale = rendering.scale
    if scale is None:
        scale = 1 / one.gain if one.gain else math.inf
        if not math.isfinite(scale):
            raise KernelError(one.name, f"has a gain of {one.gain:g}, so --scale gain cannot divide by it")
    if len(rendering.biases) > 1:
        raise UsageError(
            "--bias", f"has {len(rendering.biases)} numbers, but there is one filter; give one number"
        )
    as_numbers = None if rendering.signed is None else rendering.signed == SignedMapping.RAW
    height, width = one.kernels[0].shape
    maps = None if rendering.channels == Channels.EACH else 1
    return Recipe(
        one.name,
        partial(_filter_picture, one, window, rendering, scale, measured),
        partial(result_size, (height, width), maps, window),
        as_numbers,
        extra_bytes=WORKING_BYTES if rendering.relu else 0,
    )


def _filter_picture(
    one: Filter,
    window: SlidingWindow,
    rendering: Rendering,
    scale: float,
    measured: bool,
    picture: Picture,
    as_numbers: bool,
) -> Result:
    """Select the channels, convolve, scale, and turn the result into pixels unless `as_numbers`."""
    pixels = select_channels(picture.pixels, rendering.channels)
    how = rendering.signed or (SignedMapping.RAW if as_numbers else SignedMapping.ABS)
    filtered = filter_pixels(
        pixels,
        one,
        SignedMapping.RAW if rendering.relu else how,
        scale=scale,
        bias=rendering.biases[0],
        depth=picture.depth,
        with_statistics=measured and not rendering.relu,
        stride=window.stride,
        padding=window.padding,
        border=window.border_for(rendering.channels, picture.pixels),
        dilation=window.dilation,
        flip=window.flip,
        jobs=window.jobs,
    )
    alpha = picture.alpha
    if alpha is not None:
        height, width = one.kernels[0].shape
        alpha = center_pixels(
            alpha, (height, width), stride=window.stride, padding=window.padding, dilation=window.dilation
        )
    made = filtered.pixels
    told: dict[str, object] = {"saturated": filtered.saturated}
    if rendering.relu:
        made, told = render_values(filtered.pixels, how, rendering, picture)
    elif filtered.statistics is not None:
        told = result_record(picture.pixels.shape, made.shape, filtered.dtype, filtered.statistics) | told
    result = picture.with_pixels(made, alpha)
    matrices = [matrix.tolist() for matrix in one.kernels]
    record = {
        "filter": one.name,
        "kernel": matrices[0] if len(matrices) == 1 else matrices,
        "gain": one.gain,
        **window.record(),
    }
    return Result(result, record | told | {"plan": str(filtered.plan)}, result.notes)
