"""Scales of a diagram: how wide a box is and how long a bar."""

import math
from collections.abc import Callable
from operator import attrgetter
from typing import NamedTuple

from convcli.drawing.shapes import Anchor, Ink, Line, Text
from convcli.networks.diagram.boxes import GLYPH, PADDING, Box, Kind
from convcli.networks.diagram.layout import Spot, Wire
from convcli.networks.layer_types.base import Size
from convcli.networks.network import Network

__all__ = [
    "BAR",
    "FILLS",
    "SHORTEST_BAR",
    "Diagram",
    "Scales",
    "bar_shape",
    "box_name",
    "box_outline",
    "percent_text",
    "text_start",
]
BAR, SHORTEST_BAR = 3, 0.5  # thickness, and the shortest visible length
FILLS = {
    Kind.CONVOLUTION: Ink.BLUE,
    Kind.OTHER_CONVOLUTION: Ink.GREEN,
    Kind.DENSE: Ink.PURPLE,
    Kind.POOLING: Ink.ORANGE,
    Kind.NORMALISATION: Ink.GRAY,
    Kind.ACTIVATION: Ink.PAPER,
    Kind.JOIN: Ink.RED,
    Kind.SHAPE: Ink.PAPER,
}


class Diagram(NamedTuple):
    """Boxes and lines with their positions.

    Attributes
    ----------
    network : Network
    boxes : tuple of Box
    input : Spot
        Position of the input's box.
    wires : tuple of Wire
    width, height : float
    """

    network: Network
    boxes: tuple[Box, ...]
    input: Spot
    wires: tuple[Wire, ...]
    width: float
    height: float


def box_name(number: int) -> str:
    """Return the name of a box in a drawing; boxes count from 1, and the input is 0."""
    return f"layer-{number}"


class _Cost(NamedTuple):
    """What a bar shows: its color, how to read it from a box or network, the maximum and the total."""

    ink: Ink
    what: str
    of: Callable[[Box | Network], int | None]
    most: int
    whole: int


class Scales:
    """The scales of sizes and costs in a diagram, relative to the largest."""

    def __init__(self, diagram: Diagram) -> None:
        self.network, boxes = diagram.network, diagram.boxes
        costs = (
            (Ink.STRONG_BLUE, "parameters", attrgetter("params")),
            (Ink.STRONG_ORANGE, "MACs", attrgetter("macs")),
        )
        self.costs = [
            _Cost(ink, what, of, max(of(box) or 0 for box in boxes), whole)
            for ink, what, of in costs
            if (whole := of(self.network))
        ]
        images = [size for size in (self.network.input, *(box.output for box in boxes)) if len(size) > 1]
        self.side = max((side for size in images for side in size[:2]), default=1)
        self.bar = min(box.spot.width for box in boxes) - 2 * PADDING

    def glyph(self, size: Size) -> tuple[float, float]:
        """Return width and height of the square that represents an image, on a square-root scale."""
        height, width = (max(2.0, GLYPH * math.sqrt(side / self.side)) for side in size[:2])
        return width, height


def percent_text(part: int, whole: int) -> str:
    """Return a share in percent, to three digits."""
    return f"{100 * (part / whole):.3g}%"


def text_start(
    x: float, y: float, text: str, size: float, *, bold: bool = False, fill: Ink = Ink.TEXT
) -> Text:
    """Return text that begins at a point."""
    return Text(x=x, y=y, text=text, size=size, anchor=Anchor.START, bold=bold, fill=fill)


def box_outline(x: float, y: float, width: float, height: float) -> Line:
    """Return the rectangle that represents an image, around a point."""
    corners = ((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1))
    points = tuple((x + a * width / 2, y + b * height / 2) for a, b in corners)
    return Line(points=points, stroke=Ink.FAINT, thickness=1.5)


def bar_shape(x: float, y: float, length: float, ink: Ink) -> Line:
    """Return a bar of that length."""
    return Line(points=((x, y), (x + length, y)), stroke=ink, thickness=BAR)
