"""Drawings: shapes in named colors, for pictures on light and dark pages.

Lengths are in pixels; x points right, y down.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from unicodedata import combining, east_asian_width

__all__ = [
    "BASELINE",
    "DASHES",
    "LETTER_WIDTH",
    "PALETTE",
    "Anchor",
    "Animation",
    "Color",
    "Drawing",
    "Ink",
    "Line",
    "Rectangle",
    "Shape",
    "Text",
    "left_aligned_text",
    "replace_unprintable",
    "text_width",
]

LETTER_WIDTH = 0.6  # width of a letter relative to the font size, as in common monospaced fonts
BASELINE = 0.35  # distance of the baseline below the middle of a letter, relative to the font size
DASHES = 4, 3  # length of the dashes and gaps of a dashed line, in pixels


class Ink(StrEnum):
    """A color by name; `PALETTE` has its values on light and dark pages.

    TEXT and FAINT are readable on the pale colors and on PAPER; the strong colors are for lines.
    """

    PAPER = "paper"
    TEXT = "text"
    FAINT = "faint"
    LINE = "line"
    BLUE = "blue"
    GREEN = "green"
    ORANGE = "orange"
    PURPLE = "purple"
    RED = "red"
    YELLOW = "yellow"
    GRAY = "grey"
    STRONG_BLUE = "strong-blue"
    STRONG_GREEN = "strong-green"
    STRONG_ORANGE = "strong-orange"
    STRONG_RED = "strong-red"


PALETTE: Mapping[Ink, tuple[str, str]] = {  # on a light page, on a dark page
    Ink.PAPER: ("#ffffff", "#16181d"),
    Ink.TEXT: ("#1b1f24", "#e8eaed"),
    Ink.FAINT: ("#57606a", "#a3abb6"),
    Ink.LINE: ("#b6bdc6", "#4b535d"),
    Ink.BLUE: ("#d3e5f8", "#1f3f63"),
    Ink.GREEN: ("#d3efd6", "#1f4a2c"),
    Ink.ORANGE: ("#fde4c8", "#5c3c16"),
    Ink.PURPLE: ("#e6dcf7", "#44306b"),
    Ink.RED: ("#fadcd9", "#64282a"),
    Ink.YELLOW: ("#faf0c4", "#3d3817"),
    Ink.GRAY: ("#e9ecef", "#2c3138"),
    Ink.STRONG_BLUE: ("#2166ac", "#74b2ee"),
    Ink.STRONG_GREEN: ("#1a7f37", "#5fc983"),
    Ink.STRONG_ORANGE: ("#c4600a", "#f5a94f"),
    Ink.STRONG_RED: ("#b2182b", "#f28b82"),
}

Color = Ink | str
"""A named color, or ``#rrggbb`` for a color that represents a value and is the same on every page."""


class Anchor(StrEnum):
    """Which point of a text lies at its x."""

    START = "start"
    MIDDLE = "middle"
    END = "end"


@dataclass(frozen=True, kw_only=True)
class Rectangle:
    """A box; `radius` rounds its corners, `title` is shown on hover.

    A `name`, unique in a drawing, lets a page refer to the box.
    """

    x: float
    y: float
    width: float
    height: float
    fill: Color | None = None
    stroke: Color | None = None
    thickness: float = 1
    radius: float = 0
    dashed: bool = False
    title: str = ""
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Line:
    """Straight lines from point to point; `arrow` puts an arrowhead on the last."""

    points: tuple[tuple[float, float], ...]
    stroke: Color = Ink.LINE
    thickness: float = 1
    dashed: bool = False
    arrow: bool = False

    def arrowhead(self) -> tuple[tuple[float, float], ...]:
        """Return the corners of the arrowhead.

        Examples
        --------
        >>> Line(points=((0, 0), (10, 0)), thickness=2).arrowhead()
        ((10, 0), (3.0, 3.5), (3.0, -3.5))
        """
        (x0, y0), (x, y) = self.points[-2:]
        length = ((x - x0) ** 2 + (y - y0) ** 2) ** 0.5 or 1
        along, size = ((x - x0) / length, (y - y0) / length), 3 + 2 * self.thickness
        base = x - along[0] * size, y - along[1] * size
        side = -along[1] * size / 2, along[0] * size / 2
        return (x, y), (base[0] + side[0], base[1] + side[1]), (base[0] - side[0], base[1] - side[1])


@dataclass(frozen=True, kw_only=True)
class Text:
    """A line of text, vertically centered at y."""

    x: float
    y: float
    text: str
    size: float = 12
    fill: Color = Ink.TEXT
    anchor: Anchor = Anchor.MIDDLE
    bold: bool = False


def left_aligned_text(
    x: float, y: float, text: str, size: float, *, bold: bool = False, fill: Ink = Ink.TEXT
) -> Text:
    """Return text that begins at a point."""
    return Text(x=x, y=y, text=text, size=size, anchor=Anchor.START, bold=bold, fill=fill)


Shape = Rectangle | Line | Text


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """Shapes, later ones over earlier ones, on paper; title and description are the text alternative."""

    width: float
    height: float
    shapes: tuple[Shape, ...]
    title: str
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class Animation:
    """Fixed shapes, and frames of shapes over them, each shown for `seconds`, in a loop.

    Attributes
    ----------
    background, overlay : tuple of shapes
        Shapes below and above all others, always shown.
    frames : tuple of tuples of shapes
        Shown one after the other; the last for `pause` seconds longer.
    persistent : tuple of tuples of shapes
        Shapes below the frames that appear with the frame of their index and stay until the loop restarts.
    """

    width: float
    height: float
    background: tuple[Shape, ...]
    frames: tuple[tuple[Shape, ...], ...]
    seconds: float
    title: str
    description: str = ""
    persistent: tuple[tuple[Shape, ...], ...] = ()
    overlay: tuple[Shape, ...] = ()
    pause: float = 0


def text_width(text: str, size: float) -> float:
    """Return the approximate width of a text in a monospaced font; wide characters count twice.

    Examples
    --------
    >>> text_width("conv 6 f5", 10), text_width("猫", 10)
    (54.0, 12.0)
    """
    cells = sum(2 if east_asian_width(char) in "WF" else 0 if combining(char) else 1 for char in text)
    return cells * size * LETTER_WIDTH


def replace_unprintable(text: str) -> str:
    """Replace characters that cannot be displayed, or that change the direction of text.

    Examples
    --------
    >>> replace_unprintable("a\x1b\u202eb")
    'a��b'
    """
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
