"""``apply --sheet``: the input and the results of all filters side by side."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.convolution.rendering import SignedMapping, render_counted
from convcli.convolution.statistics import measure
from convcli.drawing.colors import WHITE, color_limit
from convcli.errors import ImageError, UsageError
from convcli.figures.color_maps import ColorBar, ColoredMap, ScaleKind, level_map, pixel_map, signed_map
from convcli.figures.scaling import Scaling, max_panel_side
from convcli.figures.sheet import Panel, draw_sheet, short_number
from convcli.kernels.banks import Bank
from convcli.kernels.filter import Filter
from convcli.pictures.backgrounds import flatten
from convcli.pictures.channels import Channels, select_channels
from convcli.pictures.limits import Size
from convcli.pictures.picture import Picture
from convcli.pipeline.outputs import Destination
from convcli.pipeline.recipes.recipe import Recipe, Result
from convcli.pipeline.recipes.rendering import Rendering
from convcli.pipeline.recipes.sheet_maps import DrawnFilter, FilterMap, drawn_filter
from convcli.pipeline.recipes.window import SlidingWindow
from convcli.sizes.text import format_size

__all__ = ["CHANNEL_NAMES", "sheet_recipe", "takes_luma"]

Array = NDArray[Any]

WORKING_BYTES = 12  # bytes per value of a result while its panel is drawn
MAX_PANELS = 256
ROUNDING = 16  # results up to this multiple of the float precision count as rounding errors, drawn as 0
CHANNEL_NAMES = {
    Channels.GRAY: "luma", Channels.SUM: "the channels' sum", Channels.R: "red", Channels.G: "green",
    Channels.B: "blue",
}  # fmt: skip


def sheet_recipe(
    chosen: Sequence[Filter | Bank], window: SlidingWindow, rendering: Rendering, destination: Destination
) -> Recipe:
    """Make the operation that draws a sheet.

    Raises
    ------
    KernelError, UsageError
        A result is not defined, or there are too many.
    """
    filters = [drawn_filter(one, window, rendering) for one in chosen]
    panels = 1 + sum(len(one.maps) for one in filters)
    if panels > MAX_PANELS:
        raise UsageError(
            destination.option, f"would have {panels} pictures, more than {MAX_PANELS}; choose fewer filters"
        )
    return Recipe(
        "sheet",
        partial(_draw, filters, window, rendering),
        partial(_largest, [one.operation for one in filters], panels),
        as_numbers=False,
        extra_bytes=WORKING_BYTES,
        destination=destination,
    )


def _largest(operations: Sequence[Recipe], panels: int, size: Size) -> Size:
    """Return the size of the largest result, or a size that takes as much memory as the sheet."""
    rows, columns, _ = max((one.result_size(size) for one in operations), key=prod)
    side = max_panel_side(panels)
    # A pixel of the sheet takes about a quarter of the bytes of a value of a result.
    return max((rows, columns, 3), (panels * side // 4, side, 3), key=prod)


def takes_luma(picture: Picture, channels: Channels) -> bool:
    """Whether drawing one channel of a picture means its luma, as the picture is in color.

    Raises
    ------
    ImageError
        The channels of the picture are not colors.
    """
    count = picture.pixels.shape[2] if picture.pixels.ndim == 3 else 1
    if channels == Channels.EACH and count not in (1, 3):
        raise ImageError(
            f"{count} channels", "are not colors, so they cannot be shown; use --channels sum to add them up"
        )
    return channels == Channels.EACH and count == 3


class Panels:
    """The panels of a sheet, drawn one after the other; of each result only the panel is kept."""

    def __init__(self, size: tuple[int, int], count: int) -> None:
        self.size = size
        self.largest = max_panel_side(count)
        self.fit = Scaling.to_fit(size, self.largest)
        self.made: list[Panel] = []
        self.records: list[dict[str, object]] = []

    def add(
        self, title: str, name: str | None, channels: str, colored: ColoredMap, about: Sequence[str]
    ) -> None:
        """Add the input, or a feature map of the filter of that name."""
        height, width, _ = colored.colors.shape
        fit = self.fit.for_result((height, width), self.size, self.largest)
        size = format_size((height, width))
        first = f"{size} at {fit}" if fit != Scaling() else size
        lines = [f"{first}, of {channels}" if channels else first, *filter(None, about)]
        self.made.append(Panel(title, lines, fit.apply(colored.colors), colored.bar))
        bar = colored.bar
        self.records.append(
            {
                "title": title,
                "filter": name,
                "channels": channels or None,
                "size": size,
                "scale": str(fit),
                "shown": bar.kind if bar else ScaleKind.PIXELS,
                "low": bar.low if bar else None,
                "high": bar.high if bar else None,
                "min": bar.lowest if bar else None,
                "max": bar.highest if bar else None,
            }
        )


def _draw(
    filters: Sequence[DrawnFilter], window: SlidingWindow, rendering: Rendering, picture: Picture, _: bool
) -> Result:
    """Draw the input and every result."""
    luma = None
    if takes_luma(picture, rendering.channels):
        luma = replace(picture, pixels=select_channels(picture.pixels, Channels.GRAY))
    count = sum(len(one.maps) for one in filters)
    panels = Panels(_sides(picture.pixels), 1 + count)
    whole = _flat(replace(picture, pixels=select_channels(picture.pixels, rendering.channels)))
    is_sum = rendering.channels == Channels.SUM
    panels.add(
        "input", None, CHANNEL_NAMES.get(rendering.channels, ""), _natural(whole, as_numbers=is_sum), []
    )
    ends = measure(picture.pixels)
    largest = float(max(-(ends.lowest or 0), ends.highest or 0))
    for one in filters:
        _draw_filter(panels, one, rendering, picture, luma, largest)
    sheet = draw_sheet(panels.made)
    size = format_size(sheet.pixels.shape)
    record = {
        **window.record(),
        "shape_in": format_size(picture.pixels.shape),
        "shape_out": size,
        "panels": [fact | box._asdict() for fact, box in zip(panels.records, sheet.boxes, strict=True)],
    }
    summary = f"({size}, the input and {count} result{'s'[: count != 1]})"
    return Result(Picture(sheet.pixels), record, summary=summary)


def _draw_filter(
    panels: Panels,
    one: DrawnFilter,
    rendering: Rendering,
    picture: Picture,
    luma: Picture | None,
    largest: float,
) -> None:
    """Add a panel for each feature map of a filter."""
    channels = one.rendering.channels
    # A gray picture has a single channel, which is not called luma.
    is_gray = luma is None and channels != rendering.channels
    label = "" if is_gray else CHANNEL_NAMES.get(channels, "")
    source = picture if luma is None or channels == Channels.EACH else luma
    made = one.operation.run(source, one.rendering.signed == SignedMapping.RAW).picture
    for number, one_map in enumerate(one.maps):
        result = replace(made, pixels=made.pixels[..., number], maps=False) if made.maps else _flat(made)
        colored, told = _colored(one_map, result, one.rendering, picture, largest)
        about = [", ".join(filter(None, [one_map.about, *told])), _adjusted(rendering)]
        panels.add(one_map.title, one.name, label, colored, about)


def _sides(pixels: Array) -> tuple[int, int]:
    return pixels.shape[0], pixels.shape[1]


def _flat(picture: Picture) -> Picture:
    """Return a picture of one channel without the channel axis."""
    one = picture.pixels.ndim == 3 and picture.pixels.shape[2] == 1
    return replace(picture, pixels=picture.pixels[..., 0]) if one else picture


def _natural(picture: Picture, *, as_numbers: bool = False) -> ColoredMap:
    """Show a picture unchanged: pixels, on white where they are transparent, or else values."""
    pixels = picture.pixels
    if pixels.dtype in (np.uint8, np.uint16) and not as_numbers:
        return pixel_map(flatten(picture, WHITE).pixels)
    is_signed = pixels.ndim == 2 and bool((pixels < 0).any())
    return signed_map(pixels) if is_signed else level_map(pixels, math.inf)


def _colored(
    one_map: FilterMap, result: Picture, rendering: Rendering, picture: Picture, largest: float
) -> tuple[ColoredMap, list[str]]:
    """Draw a result, and return notes for its caption."""
    values = result.pixels
    if rendering.signed != SignedMapping.RAW:
        return _natural(result), [f"--signed {rendering.signed}"]
    of_pixels = picture.pixels.dtype in (np.uint8, np.uint16) and rendering.channels != Channels.SUM
    if one_map.picture and of_pixels:
        rendered = render_counted(values, SignedMapping.CLIP, depth=picture.depth)
        told = [f"{rendered.saturated} saturated"] if rendered.saturated else []
        return _natural(replace(result, pixels=rendered.pixels)), told
    if one_map.picture:
        colored = _natural(result, as_numbers=True)
    else:
        may_be_negative = (one_map.signed and not rendering.relu) or bool((values < 0).any())
        is_signed = values.ndim == 2 and may_be_negative
        least = _rounding(one_map, picture.pixels.dtype, largest)
        colored = signed_map(values, least) if is_signed else level_map(values, color_limit(values))
    return colored, _numbers(values, colored.bar)


def _rounding(one_map: FilterMap, dtype: np.dtype[Any], largest: float) -> float:
    """Return how far from zero rounding errors can take a result, so that a flat area shows nothing."""
    if dtype.kind != "f" and one_map.whole:
        return 0.0
    precision = np.finfo(np.float64 if dtype == np.float64 else np.float32).eps
    beyond = ROUNDING * float(precision) * largest * one_map.weight
    return beyond if math.isfinite(beyond) else 0.0


def _numbers(values: Array, bar: ColorBar | None) -> list[str]:
    """Return the range of the values, and the counts of NaN and infinity."""
    unknown, infinite = 0, 0
    if values.dtype.kind == "f":
        unknown, infinite = int(np.isnan(values).sum()), int(np.isinf(values).sum())
    told = []
    if bar is not None and unknown + infinite < values.size:
        told.append(f"{short_number(bar.lowest)} to {short_number(bar.highest)}")
    return told + [f"{count} {what}" for count, what in ((unknown, "NaN"), (infinite, "infinite")) if count]


def _adjusted(rendering: Rendering) -> str:
    """Return how the values of a result were scaled and shifted."""
    parts = []
    if rendering.scale != 1:
        parts.append("divided by the gain" if rendering.scale is None else f"times {rendering.scale:.4g}")
    if rendering.biases != (0,):
        parts.append(f"plus {', '.join(f'{bias:.4g}' for bias in rendering.biases)}")
    return ", ".join([*parts, *["relu"] * rendering.relu])
