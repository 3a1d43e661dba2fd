"""Sheets: pictures and maps of values side by side, each with its label, and maps with a color bar."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw

from convcli.colors import BLACK, WHITE, diverging, limit_of
from convcli.lettering import font, wrapped
from convcli.render import Signed, render
from convcli.tally import tally

__all__ = [
    "Bar",
    "Colored",
    "Fit",
    "Panel",
    "Place",
    "Sheet",
    "Shown",
    "drawn_sheet",
    "largest_side",
    "levels",
    "number_text",
    "pixels_of",
    "signed_map",
]

Array = NDArray[Any]

STRIP = 1 << 18  # values per strip, which fit the cache
MANY = 12  # with more panels than this, each is smaller
LARGEST, LARGEST_OF_MANY = 512, 320  # maximum length of the longer side of a panel, in pixels
SMALL = 256  # small pictures are enlarged up to this many pixels per side
THIN = 24  # minimum length of a side, in pixels
SAME_SCALE = 1.75  # a result that is smaller than the input by this factor gets a scale of its own
ASPECT = 1.5  # preferred ratio of width to height of a sheet
EMPTY = 3  # penalty for an empty place

MARGIN, GAP = 16, 20
TITLE, TEXT, NUMBERS = 17, 13, 12  # font sizes
TITLE_LINE, TEXT_LINE = 22, 17
NARROWEST = 220  # minimum width of a column, in pixels: three numbers fit below its bar
BAR = 10
MOST_LINES = 3
LONG = 10_000_000  # integers from here on are abbreviated
SOFT, FRAME = (90, 90, 90), (200, 200, 200)
NO_NUMBER = (230, 159, 0)  # color of NaN among gray levels


class Shown(StrEnum):
    """How values are mapped to colors."""

    PIXELS = "pixels"
    SIGNED = "signed"
    LEVELS = "levels"


class Bar(NamedTuple):
    """The color scale of a map: its ends, and the range of the values, which may lie beyond them."""

    shown: Shown
    low: float
    high: float
    lowest: float
    highest: float


class Colored(NamedTuple):
    """Values as colors, uint8 (H, W, 3), and their color scale; None for pixels."""

    colors: NDArray[np.uint8]
    bar: Bar | None


class Place(NamedTuple):
    """The position of a panel in a sheet, in pixels."""

    left: int
    top: int
    width: int
    height: int


def largest_side(count: int) -> int:
    """Return the maximum length of the longer side of a panel, in a sheet of `count` panels."""
    return LARGEST if count <= MANY else LARGEST_OF_MANY


def signed_map(values: ArrayLike, least: float = 0.0) -> Colored:
    """Draw a map of signed values: negative blue, zero white, positive red, with a symmetric scale.

    The scale ends at `limit_of`, but not below `least` unless all values are zero. Values beyond the ends
    take their colors.

    Examples
    --------
    >>> signed_map([[-2, 0, 4]]).bar[:3]
    (<Shown.SIGNED: 'signed'>, -4.0, 4.0)
    """
    low, high = _ends(values)
    limit = limit_of(values)
    if limit:
        limit = max(limit, least)
    return Colored(diverging(values, limit), Bar(Shown.SIGNED, -limit, limit, low, high))


def levels(values: ArrayLike, limit: float) -> Colored:
    """Draw values as gray levels, or as colors if there are three channels, from 0 to the largest value.

    If any value is negative, the scale starts at the smallest. Neither end exceeds the limit; values beyond
    the ends take their levels. NaN is orange.

    Examples
    --------
    >>> levels([[0, 2, 4]], 4).colors[0, :, 0].tolist()
    [0, 128, 255]
    """
    numbers = np.asarray(values)
    lowest, highest = _ends(numbers)
    low, high = max(min(lowest, 0.0), -limit), min(max(highest, 0.0), limit)
    colors = np.empty((*numbers.shape[:2], 3), np.uint8)
    rows = max(1, STRIP // max(1, numbers[0].size))
    for start in range(0, len(numbers), rows):
        colors[start : start + rows] = _leveled(numbers[start : start + rows], low, high)
    return Colored(colors, Bar(Shown.LEVELS, low, high, lowest, highest))


def _leveled(numbers: Array, low: float, high: float) -> Array:
    """Return the colors of values drawn as levels."""
    unit = max(high, -low) or 1.0  # the difference of extreme floats would be infinite
    wide = numbers.astype(np.float64) / unit
    extent = (high / unit - low / unit) or 1.0
    shares = ((wide - low / unit) / extent).clip(0, 1)
    colors = _in_color(np.nan_to_num(np.round(255 * shares)).astype(np.uint8))
    unknown = np.isnan(wide)
    if unknown.any():
        colors[unknown if unknown.ndim == 2 else unknown.any(-1)] = NO_NUMBER
    return colors


def pixels_of(pixels: ArrayLike) -> Colored:
    """Show gray or color pixels unchanged, rounding 16 bits to 8.

    Examples
    --------
    >>> pixels_of(np.array([[7]], np.uint8)).colors.tolist()
    [[[7, 7, 7]]]
    """
    given = np.asarray(pixels)
    if given.dtype == np.uint16:
        given = render(given, Signed.CLIP, scale=1 / 257)
    return Colored(_in_color(given), None)


def _ends(values: ArrayLike) -> tuple[float, float]:
    """Return the smallest and the largest finite value; zeros if there is none."""
    numbers = tally(np.asarray(values))
    return float(numbers.lowest or 0), float(numbers.highest or 0)


def _in_color(pixels: Array) -> Array:
    if pixels.ndim == 3 and pixels.shape[2] == 3:
        return pixels
    return np.repeat(pixels.reshape(*pixels.shape[:2], 1), 3, axis=2)


@dataclass(frozen=True)
class Fit:
    """How a picture is scaled to fit: reduced by one integer factor, or enlarged by integer factors.

    Attributes
    ----------
    reduced : int
        Each pixel is the mean of a square of this side.
    down, across : int
        Each pixel is repeated this often vertically and horizontally.
    """

    reduced: int = 1
    down: int = 1
    across: int = 1

    @classmethod
    def within(cls, size: tuple[int, int], largest: int, small: int = SMALL) -> "Fit":
        """Fit a picture: no side becomes longer than `largest` pixels, or is enlarged beyond `small`.

        Examples
        --------
        >>> Fit.within((6, 6), 512), Fit.within((3000, 4000), 512)
        (Fit(reduced=1, down=42, across=42), Fit(reduced=8, down=1, across=1))
        """
        reduced = -(-max(size) // largest)
        height, width = (-(-side // reduced) for side in size)
        enlarged = max(1, small // max(height, width)) if reduced == 1 else 1
        # A thin picture would be a mere line.
        down, across = (max(enlarged, THIN // side) for side in (height, width))
        return cls(reduced, down, across)

    def size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the size at which a picture is drawn."""
        return -(-size[0] // self.reduced) * self.down, -(-size[1] // self.reduced) * self.across

    def for_result(self, size: tuple[int, int], of: tuple[int, int], largest: int) -> "Fit":
        """Return the fit of a result of this picture: the same, unless the result is far smaller."""
        drawn, reference = self.size(size), self.size(of)
        if max(drawn) > largest:
            return Fit.within(size, largest, max(reference))
        if max(of / own for of, own in zip(reference, drawn, strict=True)) < SAME_SCALE:
            return self
        return Fit.within(size, max(reference), max(reference))

    def drawn(self, colors: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Scale colors, (H, W, 3)."""
        if self.reduced > 1:
            colors = np.asarray(Image.fromarray(colors).reduce(self.reduced))
        return colors.repeat(self.down, axis=0).repeat(self.across, axis=1)

    def __str__(self) -> str:
        enlarged = f"{self.down}x" if self.down == self.across else f"{self.down}x{self.across}"
        if self.reduced == 1:
            return enlarged
        return f"1/{self.reduced}" + (f", then {enlarged}" if enlarged != "1x" else "")


@dataclass(frozen=True, eq=False)
class Panel:
    """A picture in a sheet.

    Attributes
    ----------
    title : str
    about : sequence of str
        Lines below the title.
    pixels : uint8 array (H, W, 3)
    bar : Bar or None
    """

    title: str
    about: Sequence[str]
    pixels: NDArray[np.uint8]
    bar: Bar | None


@dataclass(frozen=True, eq=False)
class Sheet:
    """A sheet: its pixels, uint8 (H, W, 3), and the position of each panel."""

    pixels: NDArray[np.uint8]
    places: tuple[Place, ...]


def drawn_sheet(panels: Sequence[Panel]) -> Sheet:
    """Draw panels in a grid, with the number of columns that gives the best aspect ratio.

    Examples
    --------
    >>> white = np.full((100, 300, 3), 255, np.uint8)
    >>> sheet = drawn_sheet([Panel("one", ["of two"], white, None), Panel("two", [], white, None)])
    >>> sheet.pixels.shape, sheet.places[0]
    ((338, 332, 3), Place(left=16, top=59, width=300, height=100))
    """
    width = max(NARROWEST, *(panel.pixels.shape[1] for panel in panels))
    worded = [_Worded.of(panel, width) for panel in panels]
    head = max(one.head for one in worded)
    foot = BAR + 26 if any(panel.bar for panel in panels) else 0
    height = head + max(panel.pixels.shape[0] for panel in panels) + foot
    columns = _columns(len(panels), width, height)
    rows = -(-len(panels) // columns)
    size = (
        2 * MARGIN + columns * width + (columns - 1) * GAP,
        2 * MARGIN + rows * height + (rows - 1) * GAP,
    )
    image = Image.new("RGB", size, WHITE)
    draw = ImageDraw.Draw(image)
    places = []
    for number, one in enumerate(worded):
        row, column = divmod(number, columns)
        left, top = MARGIN + column * (width + GAP), MARGIN + row * (height + GAP)
        _draw_words(draw, one, left, top)
        pixels = one.panel.pixels
        place = Place(left, top + head, pixels.shape[1], pixels.shape[0])
        _draw_panel(image, draw, one.panel, place)
        places.append(place)
    return Sheet(np.asarray(image), tuple(places))


class _Worded(NamedTuple):
    """A panel, and the lines of its title and of the text below it."""

    panel: Panel
    title: list[str]
    about: list[str]

    @classmethod
    def of(cls, panel: Panel, width: int) -> "_Worded":
        about = [line for text in panel.about for line in wrapped(text, TEXT, width, most=MOST_LINES)]
        return cls(panel, wrapped(panel.title, TITLE, width, most=MOST_LINES), about)

    @property
    def head(self) -> int:
        """Height of the lines above the picture, in pixels."""
        return TITLE_LINE * len(self.title) + TEXT_LINE * len(self.about) + 4


def _columns(count: int, width: int, height: int) -> int:
    """Return the number of columns that gives the best aspect ratio for so many places of that size."""

    def badness(columns: int) -> float:
        rows = -(-count // columns)
        aspect = columns * (width + GAP) / (rows * (height + GAP))
        empty = (rows * columns - count) / count
        return abs(math.log(aspect / ASPECT)) + EMPTY * empty

    return min(range(1, count + 1), key=badness)


def _draw_words(draw: ImageDraw.ImageDraw, one: _Worded, left: int, top: int) -> None:
    for line, text in enumerate(one.title):
        draw.text((left, top + line * TITLE_LINE), text, BLACK, font(TITLE))
    below = top + len(one.title) * TITLE_LINE
    for line, text in enumerate(one.about):
        draw.text((left, below + line * TEXT_LINE), text, SOFT, font(TEXT))


def _draw_panel(image: Image.Image, draw: ImageDraw.ImageDraw, panel: Panel, place: Place) -> None:
    left, top, width, height = place
    _draw_framed(image, draw, panel.pixels, (left, top))
    if panel.bar is None:
        return
    length, bar_top = max(width, NARROWEST), top + height + 8
    _draw_framed(image, draw, _bar_colors(panel.bar, length), (left, bar_top))
    for share, anchor, text in _bar_texts(panel.bar, length):
        x = left + share * (length - 1)
        draw.text((x, bar_top + BAR + 4), text, BLACK, font(NUMBERS), anchor=anchor)


def _draw_framed(
    image: Image.Image, draw: ImageDraw.ImageDraw, pixels: NDArray[np.uint8], corner: tuple[int, int]
) -> None:
    (left, top), (height, width, _) = corner, pixels.shape
    draw.rectangle([left - 1, top - 1, left + width, top + height], outline=FRAME)
    image.paste(Image.fromarray(pixels), corner)


def _bar_texts(bar: Bar, length: int) -> list[tuple[float, str, str]]:
    """Return the texts below a bar: position as a fraction of its length, anchor, and text."""
    low, high = bar.low, bar.high
    texts = [(0.0, "lt", number_text(low) + " or less" * (bar.lowest < low))]
    if low < high:
        unit = max(high, -low)  # differences of extremes would be infinite, halves of the smallest zero
        zero = -low / unit / (high / unit - low / unit)
        if 0.4 < zero < 0.6:  # only if it does not overlap the ends
            texts.append((zero, "mt", "0"))
        texts.append((1.0, "rt", number_text(high) + " or more" * (bar.highest > high)))
    if sum(font(NUMBERS).getlength(f"{text}  ") for _, _, text in texts) > length:
        texts = [(share, anchor, text.partition(" ")[0]) for share, anchor, text in texts]
    return texts


def number_text(number: float) -> str:
    """Format a number briefly: five digits, or all digits of an integer that is not too long.

    Examples
    --------
    >>> number_text(1048560.0), number_text(444.6759), number_text(-0.0)
    ('1048560', '444.68', '0')
    """
    return f"{number + 0.0:.7g}" if number % 1 == 0 and abs(number) < LONG else f"{number + 0.0:.5g}"


def _bar_colors(bar: Bar, length: int) -> NDArray[np.uint8]:
    """Return the colors of a bar: those that its values have in the map."""
    half = max(bar.high, -bar.low) or 1.0
    numbers = np.linspace(bar.low / half, bar.high / half, length)
    colors = diverging(numbers, 1.0) if bar.shown == Shown.SIGNED else levels(numbers[None], 1.0).colors[0]
    return np.repeat(colors[None], BAR, axis=0)
