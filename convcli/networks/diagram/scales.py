"""Scales of a diagram: the lengths of bars and the sizes of icons, relative to the largest."""

import math
from collections.abc import Callable
from operator import attrgetter
from typing import NamedTuple

from convcli.drawing.shapes import Ink
from convcli.networks.diagram.boxes import ICON_SIZE, PADDING, Box
from convcli.networks.diagram.diagram import Diagram
from convcli.networks.layer_types.base import Size, sides_of
from convcli.networks.network import Network

__all__ = ["BAR_HEIGHT", "Scales", "percent_text"]

BAR_HEIGHT = 4.0  # of the icon of a sound


class _Cost(NamedTuple):
    """What a bar shows: its color, how to read it from a box or network, the maximum and the total."""

    ink: Ink
    what: str
    count_of: Callable[[Box | Network], int | None]
    maximum: int
    total: int


class Scales:
    """The scales of sizes and costs in a diagram, relative to the largest."""

    def __init__(self, diagram: Diagram) -> None:
        self.network, boxes = diagram.network, diagram.boxes
        costs = (
            (Ink.STRONG_BLUE, "parameters", attrgetter("params")),
            (Ink.STRONG_ORANGE, "MACs", attrgetter("macs")),
        )
        self.costs = [
            _Cost(ink, what, count_of, max(count_of(box) or 0 for box in boxes), total)
            for ink, what, count_of in costs
            if (total := count_of(self.network))
        ]
        sizes = self.network.input, *(box.output for box in boxes)
        self.side = max((side for size in sizes for side in sides_of(size)[-2:]), default=1)
        self.bar = min(box.bounds.width for box in boxes) - 2 * PADDING

    def icon_size(self, size: Size) -> tuple[float, float]:
        """Return width and height of the square that represents an image, on a square-root scale.

        A sound is a bar, as long as the sound; a volume is one of its slices.
        """
        *heights, width = (max(2.0, ICON_SIZE * math.sqrt(side / self.side)) for side in sides_of(size)[-2:])
        return width, heights[0] if heights else BAR_HEIGHT


def percent_text(part: int, total: int) -> str:
    """Return a share in percent, to three digits."""
    return f"{100 * (part / total):.3g}%"
