"""Gradient direction as hue, and gradient magnitude as brightness.

Angles follow convcli's convention: at 0 brightness grows along x, to the right; angles grow counter-clockwise
as seen on the screen, so at 90 brightness grows upwards, against y. Hues run the same way: 0 is red, 120
green, 240 blue.
"""

import math
from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw

from convcli.convolution.fused import filter_pixels
from convcli.convolution.planning import WindowKeywords
from convcli.convolution.weighted import SampleWeights
from convcli.drawing.colors import BLACK, GRAY, WHITE
from convcli.drawing.fonts import font, wrap_text
from convcli.errors import FilterError
from convcli.figures.scaling import Scaling
from convcli.figures.sheet import Box
from convcli.kernels.catalog import CATALOG
from convcli.kernels.filter import Combination, Filter
from convcli.kernels.lookup import get_filter

__all__ = ["GRADIENT_FILTERS", "Gradient", "direction_colors", "draw_direction", "gradient"]

Array = NDArray[Any]
Point = tuple[int, int]  # x and y

GRADIENT_FILTERS = tuple(
    entry.name for entry in CATALOG.values() if entry.combination == Combination.MAGNITUDE
)
"""The filters that give a direction: they combine two perpendicular derivatives."""

STRIP = 1 << 16  # values per strip, which fit the cache
MARGIN = 16
MIN_RADIUS = 56  # minimum radius of the wheel, at which its labels have their normal size
FONT_SIZE = 13
TEXT_WIDTH = 19 * FONT_SIZE


@dataclass(frozen=True, eq=False)
class Gradient:
    """The brightness gradient at each pixel: its component to the right, and upwards."""

    right: Array
    up: Array

    @property
    def magnitudes(self) -> Array:
        """The magnitude of each gradient, float64."""
        with np.errstate(over="ignore"):
            return np.hypot(self.right, self.up, dtype=np.float64)


def gradient(
    image: ArrayLike,
    filter: Filter | str = "sobel",
    *,
    weights: SampleWeights | None = None,
    **window: Unpack[WindowKeywords],
) -> Gradient:
    """Return the gradient of a gray image, computed by a filter that combines two derivatives.

    Parameters
    ----------
    image : array (H, W)
    filter : Filter or str
        One of `GRADIENT_FILTERS`, with or without options.
    weights : SampleWeights, optional
        How much each pixel counts (default: all in full).
    **window
        Keywords, as for `apply_filter`.

    Returns
    -------
    Gradient

    Raises
    ------
    FilterError
        The filter has no direction.

    Examples
    --------
    >>> ramp = np.arange(5) + 10 * np.arange(5)[:, None]  # ten times brighter each row further down
    >>> slope = gradient(ramp, "sobel", padding="valid")
    >>> slope.right[0, 0].item(), slope.up[0, 0].item()
    (8, -80)
    """
    name = filter if isinstance(filter, str) else filter.name
    if get_filter(name).combination != Combination.MAGNITUDE:
        raise FilterError(name, f"gives no direction; use one of {', '.join(GRADIENT_FILTERS)}")
    right, up = (
        filter_pixels(image, get_filter(name, angle=angle), "raw", weights=weights, **window).pixels
        for angle in (0, 90)
    )
    return Gradient(right, up)


def direction_colors(slope: Gradient, max_magnitude: float) -> NDArray[np.uint8]:
    """Draw a gradient: the hue is its direction; magnitudes of `max_magnitude` or more have full brightness.

    Returns
    -------
    uint8 array (H, W, 3)
        Black where the gradient is zero, gray where it is NaN.

    Examples
    --------
    >>> direction_colors(Gradient(np.array([[2, 0, 0]]), np.array([[0, 1, 0]])), 2).tolist()
    [[[255, 0, 0], [64, 128, 0], [0, 0, 0]]]
    """
    colors = np.empty((slope.right.size, 3), np.uint8)
    for start in range(0, slope.right.size, STRIP):
        right, up = (
            np.asarray(component).reshape(-1)[start : start + STRIP].astype(np.float64)
            for component in (slope.right, slope.up)
        )
        colors[start : start + STRIP] = _colors(right, up, max_magnitude)
    return colors.reshape(*slope.right.shape, 3)


def _colors(right: Array, up: Array, max_magnitude: float) -> Array:
    """Return colors of full saturation, rounded half to even."""
    with np.errstate(invalid="ignore", over="ignore"):
        brightness = np.hypot(right, up) / (max_magnitude or 1.0)
        hue = np.arctan2(up, right) / math.tau * 6 % 6
    rgb = np.stack([np.abs(hue - 3) - 1, 2 - np.abs(hue - 2), 2 - np.abs(hue - 4)], axis=-1).clip(0, 1)
    colors = rgb * brightness.clip(0, 1)[..., None] * 255
    colors[np.isnan(right) | np.isnan(up)] = GRAY
    return np.asarray(colors.round())


@dataclass(frozen=True)
class ColorWheel:
    """The position of the color wheel: its center and radius, in pixels."""

    x: int
    y: int
    radius: int


@dataclass(frozen=True, eq=False)
class DirectionFigure:
    """A picture of directions: its pixels, uint8 (H, W, 3), and the positions of the map and the wheel."""

    pixels: NDArray[np.uint8]
    box: Box
    wheel: ColorWheel


def draw_direction(colors: NDArray[np.uint8], notes: list[str]) -> DirectionFigure:
    """Draw a map of directions with its color wheel: below it, or beside it if the map is higher than wide.

    Parameters
    ----------
    colors : uint8 array (H, W, 3)
        The map; small ones are enlarged by an integer factor.
    notes : list of str
        Lines of text beside the wheel.

    Returns
    -------
    DrawnDirection
    """
    size = (colors.shape[0], colors.shape[1])
    drawn_map = Scaling.to_fit(size, max(size)).apply(colors)
    height, width, _ = drawn_map.shape
    radius = max(MIN_RADIUS, math.isqrt(height * width) // 12)
    unit = radius / MIN_RADIUS
    text, label = round(FONT_SIZE * unit), round(3 * FONT_SIZE * unit)
    margin = round(MARGIN * unit)
    lines = [line for note in notes for line in wrap_text(note, text, round(TEXT_WIDTH * unit), max_lines=3)]
    legend_text = math.ceil(max(font(text).getlength(line) for line in lines))
    side, line_height = 2 * (radius + label), round(1.4 * text)
    text_size = legend_text, len(lines) * line_height
    canvas, wheel_corner, text_corner = _arrange((width, height), side, text_size, margin)
    image = Image.new("RGB", canvas, WHITE)
    image.paste(Image.fromarray(drawn_map), (margin, margin))
    draw = ImageDraw.Draw(image)
    wheel = ColorWheel(wheel_corner[0] + side // 2, wheel_corner[1] + side // 2, radius)
    _draw_wheel(image, draw, wheel, text)
    for number, line in enumerate(lines):
        draw.text((text_corner[0], text_corner[1] + number * line_height), line, BLACK, font(text))
    return DirectionFigure(np.asarray(image), Box(margin, margin, width, height), wheel)


def _arrange(map_size: Point, side: int, text_size: Point, margin: int) -> tuple[Point, Point, Point]:
    """Return the size of the picture, including its margin, and the corners of the wheel and of the text.

    Beside a map that is higher than wide the text is below the wheel, otherwise beside it.
    """
    width, height = map_size
    if height > width:
        left = 2 * margin + width
        right = left + max(side, text_size[0]) + margin
        bottom = max(height, side + margin + text_size[1]) + 2 * margin
        return (right, bottom), (left, margin), (left, 2 * margin + side)
    legend_height = max(side, text_size[1])
    canvas = max(width, side + margin + text_size[0]) + 2 * margin, height + 3 * margin + legend_height
    top = 2 * margin + height
    return canvas, (margin, top), (2 * margin + side, top + (legend_height - text_size[1]) // 2)


def _draw_wheel(image: Image.Image, draw: ImageDraw.ImageDraw, wheel: ColorWheel, text: int) -> None:
    """Draw the color wheel of all directions, black at the center, with angles around it."""
    steps = np.arange(-wheel.radius - 1, wheel.radius + 2)
    right, up = np.broadcast_arrays(steps[None, :], -steps[:, None])
    colors = direction_colors(Gradient(right, up), wheel.radius)
    inside = (wheel.radius + 0.5 - np.hypot(right, up)).clip(0, 1)[..., None]  # antialiased rim
    disc = np.round(colors * inside + 255 * (1 - inside)).astype(np.uint8)
    image.paste(Image.fromarray(disc), (wheel.x - wheel.radius - 1, wheel.y - wheel.radius - 1))
    label_radius = wheel.radius + text // 2
    for angle, anchor in ((0, "lm"), (90, "mb"), (180, "rm"), (270, "mt")):
        x = wheel.x + label_radius * math.cos(math.radians(angle))
        y = wheel.y - label_radius * math.sin(math.radians(angle))
        draw.text((x, y), f"{angle}°", BLACK, font(text), anchor=anchor)
