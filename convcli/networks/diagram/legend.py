"""The legend of a network diagram: what colors, icons, widths and bars mean."""

from collections.abc import Callable, Iterator
from functools import partial

from convcli.drawing.shapes import Ink, Line, Rectangle, Shape, left_aligned_text, text_width
from convcli.networks.diagram.boxes import DETAIL_SIZE, BoxKind
from convcli.networks.diagram.diagram import Diagram
from convcli.networks.diagram.scales import BAR_HEIGHT, Scales, percent_text
from convcli.networks.diagram.symbols import FILLS, bar, image_icon
from convcli.networks.layer_types.base import rank_of

__all__ = ["LEGEND_WIDTH", "MARGIN", "draw_legend"]

MARGIN = 24
LINE_HEIGHT, LEGEND_WIDTH = 18, 900
SAMPLE_WIDTH = 22  # width of a bar in the legend

Sample = Callable[[float, float], list[Shape]]


def draw_legend(diagram: Diagram, scales: Scales, y: float, right: float) -> tuple[list[Shape], float]:
    """Return the legend, in lines from the left margin to a right one, and its bottom."""
    shapes: list[Shape] = []
    x: float = MARGIN
    for width, text, sample in _entries(diagram, scales):
        needed = width + 6 + text_width(text, DETAIL_SIZE)
        if x > MARGIN and x + needed > right:
            x, y = MARGIN, y + LINE_HEIGHT
        shapes += [*sample(x, y), left_aligned_text(x + width + 6, y, text, DETAIL_SIZE, fill=Ink.FAINT)]
        x += needed + 18
    return shapes, y


def _entries(diagram: Diagram, scales: Scales) -> Iterator[tuple[float, str, Sample]]:
    """Yield the width of each sample, its meaning, and a function that draws it at a position."""
    found = {box.kind for box in diagram.boxes}
    for kind in BoxKind:
        if kind in found:
            yield 13, kind.value, partial(_kind_sample, kind)
    if rank := max(map(rank_of, (diagram.network.input, *(box.output for box in diagram.boxes)))):
        height = 12 if rank > 1 else BAR_HEIGHT
        what = "height x width" if rank > 1 else "length"
        yield 13, f"{what} (square-root scale)", partial(_size_sample, height)
    if len({box.bounds.width for box in diagram.boxes}) > 1:
        yield SAMPLE_WIDTH, "width: channels (log scale)", _width_sample
    for cost in scales.costs:
        share = percent_text(cost.maximum, cost.total)
        yield SAMPLE_WIDTH, f"share of the {cost.what} (longest: {share})", partial(_bar_sample, cost.ink)
    if any(edge.is_tagged for edge in diagram.edges):
        yield SAMPLE_WIDTH, "@tag, used later", _tag_sample


def _kind_sample(kind: BoxKind, x: float, y: float) -> list[Shape]:
    fill, dashed = FILLS[kind], kind == BoxKind.SHAPE
    return [Rectangle(x=x, y=y - 6, width=13, height=12, fill=fill, stroke=Ink.LINE, radius=3, dashed=dashed)]


def _size_sample(height: float, x: float, y: float) -> list[Shape]:
    return [image_icon(x + 6.5, y, 12, height)]


def _bar_sample(ink: Ink, x: float, y: float) -> list[Shape]:
    return [bar(x, y, SAMPLE_WIDTH, ink)]


def _width_sample(x: float, y: float) -> list[Shape]:
    ends = [Line(points=((at, y - 4), (at, y + 4)), stroke=Ink.FAINT) for at in (x, x + SAMPLE_WIDTH)]
    return [Line(points=((x, y), (x + SAMPLE_WIDTH, y)), stroke=Ink.FAINT), *ends]


def _tag_sample(x: float, y: float) -> list[Shape]:
    return [Line(points=((x, y), (x + SAMPLE_WIDTH, y)), stroke=Ink.STRONG_GREEN, thickness=1.5, arrow=True)]
