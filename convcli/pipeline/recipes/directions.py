"""``apply --direction``: the direction of the gradient as hue, its magnitude as brightness."""

from dataclasses import asdict
from functools import partial

from convcli.convolution.statistics import measure
from convcli.drawing.colors import WHITE, color_limit
from convcli.figures.gradient_direction import direction_colors, draw_direction, gradient
from convcli.figures.sheet import short_number
from convcli.kernels.filter import Filter
from convcli.pictures.backgrounds import lay_over
from convcli.pictures.channels import Channels, select_channels
from convcli.pictures.picture import Picture
from convcli.pipeline.outputs import Destination
from convcli.pipeline.recipes.recipe import InputKind, Recipe, Result, Work
from convcli.pipeline.recipes.rendering import Rendering, check_no_depthwise
from convcli.pipeline.recipes.sheets import CHANNEL_NAMES, filters_luma
from convcli.pipeline.recipes.window import SlidingWindow, result_pixels
from convcli.sizes.text import format_size

__all__ = ["direction_recipe"]

EXTRA_BYTES = 28  # bytes per pixel of the figure while it is drawn (measured)


def direction_recipe(
    filter_: Filter, window: SlidingWindow, rendering: Rendering, destination: Destination
) -> Recipe:
    """Make the recipe that draws the direction of a filter's gradient.

    Raises
    ------
    UsageError
        The channels are those of a bank.
    """
    check_no_depthwise(filter_.name, rendering.channels)
    taps = filter_.kernels[0].shape
    return Recipe(
        filter_.name,
        partial(_draw_direction, filter_, window, rendering),
        partial(_estimate, (taps[0], taps[1]), window, rendering),
        as_numbers=False,
        destination=destination,
    )


def _estimate(
    taps: tuple[int, int], window: SlidingWindow, rendering: Rendering, picture: InputKind, _: bool
) -> Work:
    pixels = result_pixels(taps, window, picture.size)
    return Work(pixels, 3, 1, pixels * EXTRA_BYTES + rendering.selection_bytes(picture))


def _draw_direction(
    filter_: Filter, window: SlidingWindow, rendering: Rendering, picture: Picture, _: bool
) -> Result:
    channels = rendering.channels
    if filters_luma(picture, channels):
        channels = Channels.GRAY
    pixels = select_channels(picture.pixels, channels)
    if pixels.ndim == 3:
        pixels = pixels[..., 0]
    weights = rendering.weights(pixels, picture.alpha, filter_.kernels)
    keywords = window.for_channels(channels, picture.shape)._asdict()
    gradients = gradient(pixels, filter_, weights=weights, **keywords)
    magnitudes = gradients.magnitudes
    full, largest = color_limit(magnitudes), measure(magnitudes).highest or 0
    del magnitudes
    or_more = " or more" if largest > full else ""
    caption = [
        f"{filter_.name}, of {CHANNEL_NAMES[channels]}" if channels in CHANNEL_NAMES else filter_.name,
        "hue: toward brighter pixels",
        "brightness: the magnitude,",
        f"black 0, full {short_number(full)}{or_more}",
    ]
    alpha = window.sample(picture.alpha, filter_.kernels[0].shape)
    figure = draw_direction(lay_over(direction_colors(gradients, full), alpha, WHITE), caption)
    size = format_size(figure.pixels.shape)
    record = {
        "filter": filter_.name,
        "channels": CHANNEL_NAMES.get(channels),
        **window.record(),
        "shape_in": format_size(picture.pixels.shape),
        "shape_out": size,
        "full": full,
        "max": largest,
        "place": figure.box._asdict(),
        "wheel": asdict(figure.wheel),
    }
    return Result(
        Picture(figure.pixels), record, summary=f"({size}, magnitudes up to {short_number(largest)})"
    )
