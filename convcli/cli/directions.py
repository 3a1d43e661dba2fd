"""``apply --direction``: the direction of the gradient as hue, its magnitude as brightness."""

from dataclasses import asdict
from functools import partial

from convcli.arrays import Channels, select_channels
from convcli.cli.destinations import Destination
from convcli.cli.filtering import Rendering, Window, result_size
from convcli.cli.one_input import Operation, Outcome
from convcli.cli.sheets import CHANNEL_NAMES, takes_luma
from convcli.colors import limit_of
from convcli.directions import direction_colors, drawn_direction, gradient
from convcli.kernels import Filter
from convcli.pictures import Picture
from convcli.sheets import number_text
from convcli.size_texts import format_size
from convcli.tally import tally

__all__ = ["direction_operation"]

BETWEEN = 12  # bytes per value of the figure while it is drawn


def direction_operation(one: Filter, window: Window, rendering: Rendering, where: Destination) -> Operation:
    """Make the operation that draws the direction of a filter's gradient."""
    taps = one.kernels[0].shape
    return Operation(
        one.name,
        partial(_draw, one, window, rendering.channels),
        partial(result_size, (taps[0], taps[1]), 3, window),
        numbers=False,
        between=BETWEEN,
        where=where,
    )


def _draw(one: Filter, window: Window, channels: Channels, picture: Picture, _: bool) -> Outcome:
    if takes_luma(picture, channels):
        channels = Channels.GRAY
    pixels = select_channels(picture.pixels, channels)
    if pixels.ndim == 3:
        pixels = pixels[..., 0]
    slope = gradient(
        pixels,
        one,
        stride=window.stride,
        padding=window.padding,
        border=window.border_for(channels, picture.pixels),
        dilation=window.dilation,
        flip=window.flip,
        jobs=window.jobs,
    )
    magnitudes = slope.magnitudes
    full, largest = limit_of(magnitudes), tally(magnitudes).highest or 0
    del magnitudes
    more = " or more" if largest > full else ""
    about = [
        f"{one.name}, of {CHANNEL_NAMES[channels]}" if channels in CHANNEL_NAMES else one.name,
        "hue: where it gets brighter",
        "brightness: the magnitude,",
        f"black 0, full {number_text(full)}{more}",
    ]
    figure = drawn_direction(direction_colors(slope, full), about)
    size = format_size(figure.pixels.shape)
    facts = {
        "filter": one.name,
        "channels": CHANNEL_NAMES.get(channels),
        **window.facts(),
        "shape_in": format_size(picture.pixels.shape),
        "shape_out": size,
        "full": full,
        "max": largest,
        "place": figure.place._asdict(),
        "wheel": asdict(figure.wheel),
    }
    return Outcome(
        Picture(figure.pixels), facts, summary=f"({size}, magnitudes up to {number_text(largest)})"
    )
