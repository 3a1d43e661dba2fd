"""Sheets: pictures and maps of values side by side, each with its label, and maps with a color bar."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from convcli.drawing.colors import BLACK, WHITE, diverging_colors
from convcli.drawing.fonts import font, wrap_text
from convcli.figures.color_maps import ColorBar, ScaleKind, level_map
from convcli.figures.matrices import gray_pixels

__all__ = ["Box", "Panel", "draw_sheet", "short_number"]
PREFERRED_ASPECT = 1.5  # preferred ratio of width to height of a sheet
EMPTY_PENALTY = 3  # penalty for an empty place

MARGIN, GAP = 16, 20
TITLE, TEXT, NUMBERS = 17, 13, 12  # font sizes
TITLE_LINE, TEXT_LINE = 22, 17
MIN_COLUMN_WIDTH = 220  # minimum width of a column, in pixels: three numbers fit below its bar
BAR_HEIGHT = 10
SWATCH_GAP = 8  # pixels between text and swatch
MAX_LINES = 3
ABBREVIATED_FROM = 10_000_000  # integers from here on are abbreviated
TEXT_COLOR, FRAME_COLOR = (90, 90, 90), (200, 200, 200)


class Box(NamedTuple):
    """The position of a panel in a sheet, in pixels."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, eq=False)
class Panel:
    """A picture in a sheet.

    Attributes
    ----------
    title : str
    lines : sequence of str
        Lines below the title.
    pixels : uint8 array (H, W, 3)
    bar : Bar or None
    swatch : uint8 array (h, w, 3), optional
        A small picture of the filter, at the right end of the caption.
    """

    title: str
    lines: Sequence[str]
    pixels: NDArray[np.uint8]
    bar: ColorBar | None
    swatch: NDArray[np.uint8] | None = None


@dataclass(frozen=True, eq=False)
class Sheet:
    """A sheet: its pixels, uint8 (H, W, 3), and the position of each panel."""

    pixels: NDArray[np.uint8]
    boxes: tuple[Box, ...]


def draw_sheet(panels: Sequence[Panel]) -> Sheet:
    """Draw panels in a grid, with the number of columns that gives the best aspect ratio.

    Examples
    --------
    >>> white = np.full((100, 300, 3), 255, np.uint8)
    >>> sheet = draw_sheet([Panel("one", ["of two"], white, None), Panel("two", [], white, None)])
    >>> sheet.pixels.shape, sheet.boxes[0]
    ((338, 332, 3), Box(left=16, top=59, width=300, height=100))
    """
    width = max(MIN_COLUMN_WIDTH, *(panel.pixels.shape[1] for panel in panels))
    captioned_panels = [_CaptionedPanel.of(panel, width) for panel in panels]
    caption_height = max(captioned.caption_height for captioned in captioned_panels)
    bar_space = BAR_HEIGHT + 26 if any(panel.bar for panel in panels) else 0
    height = caption_height + max(panel.pixels.shape[0] for panel in panels) + bar_space
    columns = _columns(len(panels), width, height)
    rows = -(-len(panels) // columns)
    size = (2 * MARGIN + columns * width + (columns - 1) * GAP, 2 * MARGIN + rows * height + (rows - 1) * GAP)
    image = Image.new("RGB", size, WHITE)
    draw = ImageDraw.Draw(image)
    boxes = []
    for number, captioned in enumerate(captioned_panels):
        row, column = divmod(number, columns)
        left, top = MARGIN + column * (width + GAP), MARGIN + row * (height + GAP)
        _draw_caption(draw, captioned, left, top)
        pixels, swatch = captioned.panel.pixels, captioned.panel.swatch
        if swatch is not None:
            right = left + max(pixels.shape[1], MIN_COLUMN_WIDTH)
            image.paste(Image.fromarray(swatch), (right - swatch.shape[1], top))
        box = Box(left, top + caption_height, pixels.shape[1], pixels.shape[0])
        _draw_panel(image, draw, captioned.panel, box)
        boxes.append(box)
    return Sheet(np.asarray(image), tuple(boxes))


class _CaptionedPanel(NamedTuple):
    """A panel, and the lines of its title and of the text below it."""

    panel: Panel
    title: list[str]
    lines: list[str]

    @classmethod
    def of(cls, panel: Panel, width: int) -> "_CaptionedPanel":
        if panel.swatch is not None:
            width = max(panel.pixels.shape[1], MIN_COLUMN_WIDTH) - panel.swatch.shape[1] - SWATCH_GAP
        lines = [line for text in panel.lines for line in wrap_text(text, TEXT, width, max_lines=MAX_LINES)]
        return cls(panel, wrap_text(panel.title, TITLE, width, max_lines=MAX_LINES), lines)

    @property
    def caption_height(self) -> int:
        """Height of the lines above the picture, in pixels."""
        text_height = TITLE_LINE * len(self.title) + TEXT_LINE * len(self.lines)
        swatch_height = 0 if self.panel.swatch is None else self.panel.swatch.shape[0] + 2
        return max(text_height, swatch_height) + 4


def _columns(count: int, width: int, height: int) -> int:
    """Return the number of columns that gives the best aspect ratio for so many places of that size."""

    def penalty(columns: int) -> float:
        rows = -(-count // columns)
        aspect = columns * (width + GAP) / (rows * (height + GAP))
        empty = (rows * columns - count) / count
        return abs(math.log(aspect / PREFERRED_ASPECT)) + EMPTY_PENALTY * empty

    return min(range(1, count + 1), key=penalty)


def _draw_caption(draw: ImageDraw.ImageDraw, captioned: _CaptionedPanel, left: int, top: int) -> None:
    for line, text in enumerate(captioned.title):
        draw.text((left, top + line * TITLE_LINE), text, BLACK, font(TITLE))
    below = top + len(captioned.title) * TITLE_LINE
    for line, text in enumerate(captioned.lines):
        draw.text((left, below + line * TEXT_LINE), text, TEXT_COLOR, font(TEXT))


def _draw_panel(image: Image.Image, draw: ImageDraw.ImageDraw, panel: Panel, box: Box) -> None:
    left, top, width, height = box
    _draw_framed(image, draw, panel.pixels, (left, top))
    if panel.bar is None:
        return
    length, bar_top = max(width, MIN_COLUMN_WIDTH), top + height + 8
    _draw_framed(image, draw, _bar_colors(panel.bar, length), (left, bar_top))
    for fraction, anchor, text in _bar_texts(panel.bar, length):
        x = left + fraction * (length - 1)
        draw.text((x, bar_top + BAR_HEIGHT + 4), text, BLACK, font(NUMBERS), anchor=anchor)


def _draw_framed(
    image: Image.Image, draw: ImageDraw.ImageDraw, pixels: NDArray[np.uint8], corner: tuple[int, int]
) -> None:
    (left, top), (height, width, _) = corner, pixels.shape
    draw.rectangle([left - 1, top - 1, left + width, top + height], outline=FRAME_COLOR)
    image.paste(Image.fromarray(pixels), corner)


def _bar_texts(bar: ColorBar, length: int) -> list[tuple[float, str, str]]:
    """Return the texts below a bar: position as a fraction of its length, anchor, and text."""
    low, high = bar.low, bar.high
    texts = [(0.0, "lt", short_number(low) + " or less" * (bar.lowest < low))]
    if low < high:
        unit = max(high, -low)  # differences of extremes would be infinite, halves of the smallest zero
        zero = -low / unit / (high / unit - low / unit)
        if 0.4 < zero < 0.6:  # only if it does not overlap the ends
            texts.append((zero, "mt", "0"))
        texts.append((1.0, "rt", short_number(high) + " or more" * (bar.highest > high)))
    if sum(font(NUMBERS).getlength(f"{text}  ") for _, _, text in texts) > length:
        texts = [(fraction, anchor, text.partition(" ")[0]) for fraction, anchor, text in texts]
    return texts


def short_number(number: float) -> str:
    """Format a number briefly: five digits, or all digits of an integer that is not too long.

    Examples
    --------
    >>> short_number(1048560.0), short_number(444.6759), short_number(-0.0)
    ('1048560', '444.68', '0')
    """
    return (
        f"{number + 0.0:.7g}" if number % 1 == 0 and abs(number) < ABBREVIATED_FROM else f"{number + 0.0:.5g}"
    )


def _bar_colors(bar: ColorBar, length: int) -> NDArray[np.uint8]:
    """Return the colors of a bar: those that its values have in the map."""
    half = max(bar.high, -bar.low) or 1.0
    if bar.kind == ScaleKind.GRAY:
        return np.repeat(gray_pixels(np.linspace(-1, 1, length)[None]), BAR_HEIGHT, axis=0)
    numbers = np.linspace(bar.low / half, bar.high / half, length)
    colors = (
        diverging_colors(numbers, 1.0)
        if bar.kind == ScaleKind.SIGNED
        else level_map(numbers[None], 1.0).colors[0]
    )
    return np.repeat(colors[None], BAR_HEIGHT, axis=0)
