"""Shapes that boxes and legend share: bars and icons, and the color of each kind of layer."""

from convcli.drawing.shapes import Ink, Line
from convcli.networks.diagram.boxes import BoxKind

__all__ = ["BAR_THICKNESS", "FILLS", "bar", "image_icon"]

BAR_THICKNESS = 3
FILLS = {
    BoxKind.CONVOLUTION: Ink.BLUE,
    BoxKind.OTHER_CONVOLUTION: Ink.GREEN,
    BoxKind.DENSE: Ink.PURPLE,
    BoxKind.POOLING: Ink.ORANGE,
    BoxKind.NORMALIZATION: Ink.GRAY,
    BoxKind.ACTIVATION: Ink.PAPER,
    BoxKind.JOIN: Ink.RED,
    BoxKind.OTHER: Ink.YELLOW,
    BoxKind.SHAPE: Ink.PAPER,
}


def image_icon(x: float, y: float, width: float, height: float) -> Line:
    """Return the rectangle that represents an image, around a point."""
    corners = ((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1))
    points = tuple((x + a * width / 2, y + b * height / 2) for a, b in corners)
    return Line(points=points, stroke=Ink.FAINT, thickness=1.5)


def bar(x: float, y: float, length: float, ink: Ink) -> Line:
    """Return a bar of that length."""
    return Line(points=((x, y), (x + length, y)), stroke=ink, thickness=BAR_THICKNESS)
