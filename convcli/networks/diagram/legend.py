"""The legend of a network diagram."""

from collections.abc import Callable, Iterator
from functools import partial

from convcli.drawing.shapes import Ink, Line, Rectangle, Shape, text_width
from convcli.networks.diagram.boxes import DETAIL, Kind
from convcli.networks.diagram.scales import (
    FILLS,
    Diagram,
    Scales,
    bar_shape,
    box_outline,
    percent_text,
    text_start,
)

__all__ = ["LEGEND_WIDTH", "MARGIN", "draw_legend"]

MARGIN = 24
LEGEND_LINE, LEGEND_WIDTH = 18, 900
SAMPLE = 22  # width of a bar in the legend


Sample = Callable[[float, float], list[Shape]]


# Legend ---------------------------------------------------------------------------------------------------


def draw_legend(diagram: Diagram, scales: Scales, y: float, right: float) -> tuple[list[Shape], float]:
    """Return the legend, in lines from the left margin to a right one, and its bottom."""
    shapes: list[Shape] = []
    x: float = MARGIN
    for width, text, sample in _entries(diagram, scales):
        needed = width + 6 + text_width(text, DETAIL)
        if x > MARGIN and x + needed > right:
            x, y = MARGIN, y + LEGEND_LINE
        shapes += [*sample(x, y), text_start(x + width + 6, y, text, DETAIL, fill=Ink.FAINT)]
        x += needed + 18
    return shapes, y


def _entries(diagram: Diagram, scales: Scales) -> Iterator[tuple[float, str, Sample]]:
    """Yield the width of each sample, its meaning, and a function that draws it at a position."""
    found = {box.kind for box in diagram.boxes}
    for kind in Kind:
        if kind in found:
            yield 13, kind.value, partial(_swatch, kind)
    images = [
        size for size in (diagram.network.input, *(box.output for box in diagram.boxes)) if len(size) > 1
    ]
    if images:
        yield 13, "height x width (square-root scale)", _square
    if len({box.spot.width for box in diagram.boxes}) > 1:
        yield SAMPLE, "width: channels (log scale)", _ruler
    for cost in scales.costs:
        share = percent_text(cost.most, cost.whole)
        yield SAMPLE, f"share of the {cost.what} (longest: {share})", partial(_bar_sample, cost.ink)
    if any(wire.of_tag for wire in diagram.wires):
        yield SAMPLE, "@tag, used later", _tag_sample


def _swatch(kind: Kind, x: float, y: float) -> list[Shape]:
    fill, dashed = FILLS[kind], kind == Kind.SHAPE
    return [Rectangle(x=x, y=y - 6, width=13, height=12, fill=fill, stroke=Ink.LINE, radius=3, dashed=dashed)]


def _square(x: float, y: float) -> list[Shape]:
    return [box_outline(x + 6.5, y, 12, 12)]


def _bar_sample(ink: Ink, x: float, y: float) -> list[Shape]:
    return [bar_shape(x, y, SAMPLE, ink)]


def _ruler(x: float, y: float) -> list[Shape]:
    ends = [Line(points=((at, y - 4), (at, y + 4)), stroke=Ink.FAINT) for at in (x, x + SAMPLE)]
    return [Line(points=((x, y), (x + SAMPLE, y)), stroke=Ink.FAINT), *ends]


def _tag_sample(x: float, y: float) -> list[Shape]:
    return [Line(points=((x, y), (x + SAMPLE, y)), stroke=Ink.STRONG_GREEN, thickness=1.5, arrow=True)]
