"""``apply --sheet``: the input and the results of all filters side by side."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.convolution.rendering import SignedMapping, render_counted
from convcli.convolution.statistics import measure
from convcli.drawing.colors import WHITE, color_limit
from convcli.errors import ImageError, UsageError
from convcli.figures.color_maps import (
    ColorBar,
    ColoredMap,
    ScaleKind,
    gray_map,
    level_map,
    pixel_map,
    signed_map,
)
from convcli.figures.filters.swatches import swatch
from convcli.figures.matrices import as_matrix, draw_numbers, is_matrix, number_texts
from convcli.figures.scaling import ENLARGED_SIDE, Scaling, max_panel_side
from convcli.figures.sheet import Panel, draw_sheet, short_number
from convcli.kernels.banks import Bank
from convcli.kernels.filter import Filter
from convcli.pictures.arrays import PIXEL_DTYPES
from convcli.pictures.backgrounds import flatten, lay_over
from convcli.pictures.channels import Channels, select_channels
from convcli.pictures.picture import Picture, without_channel_axis
from convcli.pipeline.outputs import Destination
from convcli.pipeline.recipes.feature_maps import FeatureMap, SheetFilter, describe_filter
from convcli.pipeline.recipes.recipe import InputKind, Recipe, Result, Work
from convcli.pipeline.recipes.rendering import Rendering
from convcli.pipeline.recipes.window import SlidingWindow
from convcli.sizes.text import counted, format_size

__all__ = ["CHANNEL_NAMES", "filters_luma", "sheet_recipe"]

Array = NDArray[Any]

EXTRA_BYTES = 4  # bytes per value of a result while its panel is drawn (measured)
SHEET_BYTES = 12  # bytes per pixel of the sheet (measured)
MAX_PANELS = 256
MATRIX_SIDE = 320  # pixels per side to which matrices are enlarged, so that there is room for their numbers
SWATCH_SIDE = 42  # pixels per side of the pictures of kernels
ROUNDING_FACTOR = 16  # results up to this multiple of the float precision are rounding errors, drawn as 0
CHANNEL_NAMES = {
    Channels.GRAY: "luma", Channels.SUM: "the channels' sum", Channels.R: "red", Channels.G: "green",
    Channels.B: "blue",
}  # fmt: skip


def sheet_recipe(
    chosen: Sequence[Filter | Bank], window: SlidingWindow, rendering: Rendering, destination: Destination
) -> Recipe:
    """Make the recipe that draws a sheet.

    Raises
    ------
    KernelError, UsageError
        A result is not defined, or there are too many.
    """
    filters = [describe_filter(filter_, window, rendering) for filter_ in chosen]
    panels = 1 + sum(len(sheet_filter.maps) for sheet_filter in filters)
    if panels > MAX_PANELS:
        raise UsageError(
            destination.option, f"would have {panels} pictures, more than {MAX_PANELS}; choose fewer filters"
        )
    return Recipe(
        "sheet",
        partial(_draw_sheet, filters, window, rendering),
        partial(_estimate, [sheet_filter.recipe for sheet_filter in filters], panels),
        as_numbers=False,
        destination=destination,
    )


def _estimate(recipes: Sequence[Recipe], panels: int, picture: InputKind, _: bool) -> Work:
    """Estimate the largest result while its panel is drawn, and the sheet."""
    sheet_pixels = panels * max_panel_side(panels) ** 2
    works = [recipe.estimate(picture, True) for recipe in recipes]
    drawn_bytes = EXTRA_BYTES + 4 * min(picture.itemsize, 2) + 4 * picture.may_have_alpha
    largest = max(work.values * (work.itemsize + drawn_bytes) + work.extra for work in works)
    return Work(sheet_pixels, SHEET_BYTES, 1, largest)


def filters_luma(picture: Picture, channels: Channels) -> bool:
    """Whether a figure that shows one channel filters the luma, because the picture is in color.

    Raises
    ------
    ImageError
        The channels of the picture are not colors.
    """
    count = picture.pixels.shape[2] if picture.pixels.ndim == 3 else 1
    if channels in (Channels.EACH, Channels.DEPTHWISE) and count not in (1, 3):
        raise ImageError(
            f"{count} channels", "are not colors, so they cannot be shown; use --channels sum to add them up"
        )
    return channels == Channels.EACH and count == 3


class _SheetPanels:
    """The panels of a sheet, drawn one after the other; of each result only the panel is kept."""

    def __init__(self, size: tuple[int, int], count: int, *, is_matrix: bool) -> None:
        self.size, self.is_matrix = size, is_matrix
        self.max_side = max_panel_side(count)
        self.scaling = Scaling.to_fit(size, self.max_side, MATRIX_SIDE if is_matrix else ENLARGED_SIDE)
        self.panels: list[Panel] = []
        self.records: list[dict[str, object]] = []

    def add(
        self,
        title: str,
        name: str | None,
        channels: str,
        values: Array,
        colored: ColoredMap,
        notes: Sequence[str],
        kernels: Sequence[Array] = (),
    ) -> None:
        """Add the input, or a feature map of the filter of that name and these kernels."""
        height, width, _ = colored.colors.shape
        scaling = self.scaling.for_result((height, width), self.size, self.max_side)
        size = format_size((height, width))
        size_text = f"{size} at {scaling}" if scaling != Scaling() else size
        caption = [f"{size_text}, of {channels}" if channels else size_text, *filter(None, notes)]
        pixels = scaling.apply(colored.colors)
        texts = number_texts(values) if self.is_matrix else None
        if texts is not None:
            pixels = draw_numbers(pixels, texts)
        picture_of_filter = swatch(kernels, SWATCH_SIDE) if kernels else None
        self.panels.append(Panel(title, caption, pixels, colored.bar, picture_of_filter))
        bar = colored.bar
        self.records.append(
            {
                "title": title,
                "filter": name,
                "channels": channels or None,
                "size": size,
                "scale": str(scaling),
                "shown": bar.kind if bar else ScaleKind.PIXELS,
                "low": bar.low if bar else None,
                "high": bar.high if bar else None,
                "min": bar.lowest if bar else None,
                "max": bar.highest if bar else None,
            }
        )


def _draw_sheet(
    filters: Sequence[SheetFilter], window: SlidingWindow, rendering: Rendering, picture: Picture, _: bool
) -> Result:
    """Draw the input and every result."""
    luma = None
    if filters_luma(picture, rendering.channels):
        luma = replace(picture, pixels=select_channels(picture.pixels, Channels.GRAY))
    count = sum(len(sheet_filter.maps) for sheet_filter in filters)
    sides = picture.pixels.shape[0], picture.pixels.shape[1]
    panels = _SheetPanels(sides, 1 + count, is_matrix=is_matrix(picture))
    shown_input = picture
    if rendering.channels != Channels.DEPTHWISE:
        shown_input = replace(picture, pixels=select_channels(picture.pixels, rendering.channels))
    is_sum = rendering.channels == Channels.SUM
    shown_input = without_channel_axis(shown_input)
    panels.add(
        "input",
        None,
        CHANNEL_NAMES.get(rendering.channels, ""),
        shown_input.pixels,
        _unscaled_map(shown_input, as_numbers=is_sum),
        [],
    )
    statistics = measure(picture.pixels)
    max_magnitude = float(max(-(statistics.lowest or 0), statistics.highest or 0))
    for sheet_filter in filters:
        _draw_filter(panels, sheet_filter, rendering, picture, luma, max_magnitude)
    sheet = draw_sheet(panels.panels)
    size = format_size(sheet.pixels.shape)
    record = {
        **window.record(),
        "shape_in": format_size(picture.pixels.shape),
        "shape_out": size,
        "panels": [fact | box._asdict() for fact, box in zip(panels.records, sheet.boxes, strict=True)],
    }
    summary = f"({size}, the input and {counted(count, 'result')})"
    return Result(Picture(sheet.pixels), record, summary=summary)


def _draw_filter(
    panels: _SheetPanels,
    sheet_filter: SheetFilter,
    rendering: Rendering,
    picture: Picture,
    luma: Picture | None,
    max_magnitude: float,
) -> None:
    """Add a panel for each feature map of a filter."""
    channels = sheet_filter.rendering.channels
    # A gray picture has a single channel, which is not called luma.
    is_gray = luma is None and channels != rendering.channels
    label = "" if is_gray else CHANNEL_NAMES.get(channels, "")
    source = picture if luma is None or channels == Channels.EACH else luma
    maps = sheet_filter.recipe.run(source, sheet_filter.rendering.signed == SignedMapping.RAW).picture
    for number, feature_map in enumerate(sheet_filter.maps):
        result = maps
        if maps.maps:  # of several channels, a map of each
            count = len(sheet_filter.maps)
            result = replace(maps, pixels=maps.pixels[..., number::count], maps=False)
        result = without_channel_axis(result)
        if is_matrix(picture) and sheet_filter.rendering.signed in (SignedMapping.ABS, SignedMapping.CLIP):
            result = as_matrix(result)  # as pixels, numbers up to 30 are nearly black
        colored, details = _result_map(feature_map, result, sheet_filter.rendering, picture, max_magnitude)
        notes = [", ".join(filter(None, [feature_map.caption, *details])), _describe_adjustment(rendering)]
        panels.add(
            feature_map.title, sheet_filter.name, label, result.pixels, colored, notes, feature_map.kernels
        )


def _unscaled_map(picture: Picture, *, as_numbers: bool = False) -> ColoredMap:
    """Show a picture unchanged: pixels, on white where they are transparent, or else values."""
    pixels = picture.pixels
    if pixels.ndim == 2 and is_matrix(picture):
        return gray_map(pixels) if bool((pixels < 0).any()) else level_map(pixels, math.inf)
    if pixels.dtype in PIXEL_DTYPES and not as_numbers:
        return pixel_map(flatten(picture, WHITE).pixels)
    is_signed = pixels.ndim == 2 and bool((pixels < 0).any())
    return signed_map(pixels) if is_signed else level_map(pixels, math.inf)


def _result_map(
    feature_map: FeatureMap, result: Picture, rendering: Rendering, picture: Picture, max_magnitude: float
) -> tuple[ColoredMap, list[str]]:
    """Draw a result, and return notes for its caption."""
    values = result.pixels
    if rendering.signed != SignedMapping.RAW:
        colored = _unscaled_map(result)
        return colored, [f"--signed {rendering.signed}", *_describe_range(values, colored.bar)]
    has_pixels = picture.pixels.dtype in PIXEL_DTYPES and rendering.channels != Channels.SUM
    if feature_map.keeps_brightness and has_pixels:
        rendered = render_counted(values, SignedMapping.CLIP, depth=picture.depth)
        saturated = rendered.losses.saturated
        details = [f"{saturated} saturated"] if saturated else []
        return _unscaled_map(replace(result, pixels=rendered.pixels)), details
    rounding_error = _rounding_error(feature_map, picture.pixels.dtype, max_magnitude)
    may_be_negative = (feature_map.has_both_signs and not rendering.relu) or bool((values < 0).any())
    is_signed = values.ndim == 2 and may_be_negative
    if values.ndim == 2 and is_matrix(picture):
        colored = gray_map(values, rounding_error) if is_signed else level_map(values, math.inf)
    elif feature_map.keeps_brightness:
        colored = _unscaled_map(result, as_numbers=True)
    else:
        colored = signed_map(values, rounding_error) if is_signed else level_map(values, color_limit(values))
    visible = colored._replace(colors=lay_over(colored.colors, result.alpha, WHITE))
    return visible, _describe_range(values, colored.bar)


def _rounding_error(feature_map: FeatureMap, dtype: np.dtype[Any], max_magnitude: float) -> float:
    """Return how far from zero rounding errors can take a result, so that a flat area shows nothing."""
    if dtype.kind != "f" and feature_map.is_integer:
        return 0.0
    precision = np.finfo(np.float64 if dtype == np.float64 else np.float32).eps
    error = ROUNDING_FACTOR * float(precision) * max_magnitude * feature_map.max_gain
    return error if math.isfinite(error) else 0.0


def _describe_range(values: Array, bar: ColorBar | None) -> list[str]:
    """Return the range of the values, and the counts of NaN and infinity."""
    nans, infinite = 0, 0
    if values.dtype.kind == "f":
        nans, infinite = int(np.isnan(values).sum()), int(np.isinf(values).sum())
    details = []
    if bar is not None and nans + infinite < values.size:
        details.append(f"{short_number(bar.lowest)} to {short_number(bar.highest)}")
    return details + [f"{count} {what}" for count, what in ((nans, "NaN"), (infinite, "infinite")) if count]


def _describe_adjustment(rendering: Rendering) -> str:
    """Return how the values of a result were scaled and shifted."""
    parts = []
    if rendering.scale != 1:
        parts.append("divided by the gain" if rendering.scale is None else f"times {rendering.scale:.4g}")
    if rendering.biases != (0,):
        parts.append(f"plus {', '.join(f'{bias:.4g}' for bias in rendering.biases)}")
    return ", ".join([*parts, *["relu"] * rendering.relu])
