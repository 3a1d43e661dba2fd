"""Recipes that apply a filter or a bank of filters; those of banks are made in `banks`."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from convcli.convolution.compiled import can_render
from convcli.convolution.fused import Filtered, filter_pixels
from convcli.convolution.planning import (
    TYPE_BYTES,
    ConvolutionSettings,
    ImageKind,
    plan_pixels,
)
from convcli.convolution.rendering import NEEDS_RANGE, Adjustment, SignedMapping, adjust
from convcli.convolution.weighted import AlphaMode, weighting_bytes
from convcli.errors import KernelError, UsageError
from convcli.kernels.filter import Filter
from convcli.late_numpy import np
from convcli.pictures.channels import select_channels
from convcli.pictures.picture import Picture
from convcli.pictures.raster import Raster
from convcli.pipeline.recipes.notes import PixelNotes, RenderedValues, gray_scale
from convcli.pipeline.recipes.rasters import center_raster, pixel_range, select_raster
from convcli.pipeline.recipes.recipe import InputKind, Recipe, Result, Work
from convcli.pipeline.recipes.rendering import Rendering, check_no_depthwise, result_record
from convcli.pipeline.recipes.window import SlidingWindow, result_pixels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convcli.kernels.banks import Bank
    from convcli.pipeline.recipes.strips import Strips

__all__ = ["convolution_recipe"]

WIDE_BYTES = 32  # bytes per value of a strip that is scaled, or becomes pixels, in 64 bits (measured)
SMALL_RESULT = 1 << 20  # values; for fewer, memory matters little


def convolution_recipe(
    filter_or_bank: Filter | Bank, window: SlidingWindow, rendering: Rendering, *, measured: bool
) -> Recipe:
    """Make the recipe that applies a filter or a bank; `measured` computes statistics of the result.

    Raises
    ------
    KernelError, UsageError
        An option is not defined for it.
    """
    if isinstance(filter_or_bank, Filter):
        recipe = _filter_recipe(filter_or_bank, window, rendering, measured=measured)
    else:
        from convcli.pipeline.recipes.banks import bank_recipe  # late: most runs apply filters

        recipe = bank_recipe(filter_or_bank, window, rendering)
    return recipe._replace(strips=partial(_strips, filter_or_bank, window, rendering, measured))


def _strips(
    filter_or_bank: Filter | Bank, window: SlidingWindow, rendering: Rendering, measured: bool
) -> Strips:
    from convcli.pipeline.recipes.strips import filter_strips  # late: most pictures are small

    return filter_strips(convolution_recipe, filter_or_bank, window, rendering, measured)


def _filter_recipe(filter_: Filter, window: SlidingWindow, rendering: Rendering, *, measured: bool) -> Recipe:
    """Make the recipe that applies a filter; `measured` computes the statistics of its result.

    Raises
    ------
    KernelError, UsageError
        The gain to divide by is zero, or there are several numbers for --bias.
    """
    check_no_depthwise(filter_.name, rendering.channels)
    scale = rendering.scale
    if scale is None:
        scale = 1 / filter_.gain if filter_.gain else math.inf
        if not math.isfinite(scale):
            raise KernelError(
                filter_.name, f"has a gain of {filter_.gain:g}, so --scale gain cannot divide by it"
            )
    if len(rendering.biases) > 1:
        raise UsageError(
            "--bias", f"has {len(rendering.biases)} numbers, but there is one filter; give one number"
        )
    as_numbers = None if rendering.signed is None else rendering.signed == SignedMapping.RAW
    return Recipe(
        filter_.name,
        partial(_filter_picture, filter_, window, rendering, scale, measured),
        partial(_estimate, filter_, window, rendering, scale),
        as_numbers,
    )


def _estimate(
    filter_: Filter,
    window: SlidingWindow,
    rendering: Rendering,
    scale: float,
    picture: InputKind,
    as_numbers: bool,
) -> Work:
    """Plan the convolution of an empty picture, which takes no memory."""
    selected = rendering.selected(picture)
    mapping = rendering.mapping(as_numbers)
    itemsize = 1 if picture.is_numeric else picture.itemsize
    pixels, channels = result_pixels(filter_.shape, window, selected.size), selected.size[2]
    values = pixels * channels
    adjustment = Adjustment(scale, rendering.biases[0], None, rendering.relu)
    if values < SMALL_RESULT:  # a bound takes less time than a plan
        itemsize = 8 if mapping == SignedMapping.RAW else itemsize
        extra = values * (_strip_bytes(adjustment, mapping, 4) + 8) + rendering.selection_bytes(picture)
        return Work(pixels, channels, itemsize, extra)
    settings = ConvolutionSettings(**window._asdict())
    is_weighed = rendering.may_weigh(picture, filter_.matrices)
    colors = channels if picture.is_numeric or not is_weighed else max(1, channels - 1)
    kind = _image_kind(selected._replace(size=(*selected.size[:2], colors)))
    planned = plan_pixels(None, kind, filter_.matrices, filter_.combination, settings)
    bounded = replace(adjustment, largest=planned.bound)
    if mapping == SignedMapping.RAW:
        itemsize = TYPE_BYTES[bounded.result_type(planned.plan.result_type)]
    if can_render(planned, mapping, bounded) and not is_weighed:
        value_bytes = 0
    else:
        value_bytes = _strip_bytes(adjustment, mapping, TYPE_BYTES[planned.plan.result_type])
    extra = planned.working_bytes(value_bytes) + rendering.selection_bytes(picture)
    if is_weighed:
        is_widened = mapping == SignedMapping.RAW and planned.plan.result_type.startswith("int")
        itemsize = 8 if is_widened else itemsize
        extra += weighting_bytes(planned, colors)
    return Work(pixels, channels, itemsize, extra)


def _image_kind(selected: InputKind) -> ImageKind:
    """Return the kind of image that planning takes for what a recipe knows of a picture."""
    bits = 8 * int(selected.dtype[1:])
    if selected.dtype.startswith("f"):
        return ImageKind(selected.size, f"float{bits}", None)
    return ImageKind(selected.size, f"uint{bits}", 2**bits - 1 if bits < 64 else 0)


def _strip_bytes(adjustment: Adjustment, mapping: SignedMapping, itemsize: int) -> int:
    """Return the bytes per value that a strip takes while it is scaled and becomes pixels."""
    scaled = WIDE_BYTES if adjustment.changes else 0
    if mapping == SignedMapping.RAW:
        return scaled
    is_wide = mapping in (SignedMapping.CENTER, *NEEDS_RANGE)
    return scaled + (WIDE_BYTES if is_wide else 2 * itemsize + 2)


def _filter_picture(
    filter_: Filter,
    window: SlidingWindow,
    rendering: Rendering,
    scale: float,
    measured: bool,
    picture: Picture,
    as_numbers: bool,
) -> Result:
    """Select the channels, convolve, scale, and turn the result into pixels unless `as_numbers`."""
    mapping = rendering.mapping(as_numbers)
    filtered = _filtered(filter_, window, rendering, scale, mapping, measured, picture)
    values_record: dict[str, object] = {"saturated": filtered.losses.saturated}
    if filtered.statistics is not None:
        values_record = (
            result_record(picture.shape, filtered.pixels.shape, filtered.dtype, filtered.statistics)
            | values_record
        )
        if mapping == SignedMapping.GRAY:
            scale_of = rendering.known or filtered.statistics
            values_record["gray"] = gray_scale(scale_of, picture.depth).record()
    facts = RenderedValues(
        filtered.losses,
        filtered.statistics,
        mapping,
        rendering.nan,
        scale,
        bool(rendering.biases[0]),
        is_amplified=scale == 1 and not rendering.biases[0] and filter_.gain > 1,
    )
    notes, on_saturation = PixelNotes.of(picture, filtered.pixels, facts)
    alpha = _alpha_of_result(filter_, window, rendering, scale, picture)
    result = picture.with_pixels(filtered.pixels, alpha)
    result = result.changed(notes=(*result.notes, *notes))
    matrices = [list(map(list, matrix)) for matrix in filter_.matrices]
    record = {
        "filter": filter_.name,
        "kernel": matrices[0] if len(matrices) == 1 else matrices,
        "gain": filter_.gain,
        **window.record(),
        **values_record,
        "plan": str(filtered.plan),
        **rendering.missing_record(picture, filter_.matrices, filtered.losses),
    }
    return Result(
        result, record, result.notes, is_amplified=facts.is_amplified,
        is_saturation_noted=on_saturation, values=facts, pixel_notes=notes,
    )  # fmt: skip


def _filtered(
    filter_: Filter,
    window: SlidingWindow,
    rendering: Rendering,
    scale: float,
    mapping: SignedMapping,
    measured: bool,
    picture: Picture,
) -> Filtered:
    """Filter a raster if the picture is one and all its pixels count in full, otherwise arrays."""
    keywords: dict[str, Any] = {
        "scale": scale,
        "bias": rendering.biases[0],
        "relu": rendering.relu,
        "depth": picture.depth,
        # A note on numbers says by which factor they fit,
        # and the scale of gray levels depends on them.
        "with_statistics": measured
        or mapping == SignedMapping.GRAY
        or (mapping != SignedMapping.RAW and picture.is_numeric),
        "known": rendering.known,
        **window.for_channels(rendering.channels, picture.shape)._asdict(),
    }
    if mapping != SignedMapping.RAW and not _is_weighted(rendering, filter_, picture):
        raster = select_raster(picture, rendering.channels, window.jobs)
        if raster is not None:
            return filter_pixels(raster, filter_, mapping, **keywords)
    pixels = select_channels(picture.pixels, rendering.channels)
    weights = rendering.weights(pixels, picture.alpha, filter_.kernels)
    return filter_pixels(pixels, filter_, mapping, weights=weights, **keywords)


def _is_weighted(rendering: Rendering, filter_: Filter, picture: Picture) -> bool:
    """Whether pixels may count by their alpha; fully opaque ones count in full."""
    if not picture.has_alpha or rendering.alpha_mode(filter_.matrices) == AlphaMode.STRAIGHT:
        return False
    alpha = picture.alpha_raster
    return alpha is None or pixel_range(alpha)[0] < 2**alpha.depth - 1


def _alpha_of_result(
    filter_: Filter, window: SlidingWindow, rendering: Rendering, scale: float, picture: Picture
) -> NDArray[Any] | Raster | None:
    """Return alpha where the windows are centered; or filtered, scaled, absolute, rounded and saturated."""
    raster = picture.alpha_raster
    if rendering.alpha != AlphaMode.FILTER:
        if raster is not None:
            return center_raster(raster, window, filter_.shape)
        return window.sample(picture.alpha, filter_.shape)
    if raster is not None:
        keywords = window.with_constant_border(2**raster.depth - 1)._asdict()
        pixels: NDArray[Any] | Raster = filter_pixels(
            raster, filter_, scale=scale, depth=raster.depth, **keywords
        ).pixels
        return pixels
    alpha = picture.alpha
    if alpha is None:
        return None
    from convcli.convolution.engine import apply_filter  # late: few pictures have numbers as alpha

    opaque = int(np.iinfo(alpha.dtype).max) if alpha.dtype.kind == "u" else 1
    keywords = window.with_constant_border(opaque)._asdict()
    shares = np.abs(adjust(apply_filter(alpha, filter_, **keywords), scale=scale)).clip(0, opaque)
    filtered: NDArray[Any] = (shares if opaque == 1 else np.rint(shares)).astype(alpha.dtype)
    return filtered
