"""Diagrams of networks: one box per layer, wider for more channels, with its size and costs."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from operator import attrgetter
from typing import NamedTuple

from convcli.drawing import Anchor, Drawing, Ink, Line, Rectangle, Shape, Text, printable, text_width
from convcli.errors import UsageError
from convcli.network.boxes import (
    DETAIL,
    GLYPH,
    LABEL,
    PADDING,
    SLIM,
    TALL,
    TEXT_FROM,
    Box,
    Kind,
    cost_lines,
    fitted,
    measures,
    size_line,
)
from convcli.network.layers import Size
from convcli.network.layouts import Spot, Wire, lay_out
from convcli.network.networks import Network
from convcli.network.trees import block_tree, layer_tree
from convcli.size_texts import format_size

__all__ = ["INPUT_NAME", "MOST_BOXES", "Diagram", "box_name", "network_diagram", "network_drawing"]

MOST_BOXES = 5_000  # a file of 5 MB

MARGIN = 24
HEADLINE = 17  # size of letters
LEAST_WIDTH = 480  # of a diagram, because of its header
SHORTEST_ARROW = 8  # shorter lines have no arrowhead
LEGEND_LINE, LEGEND_WIDTH = 18, 900
BAR, SHORTEST_BAR = 3, 0.5  # thickness, and the shortest visible length
CARDS = 3  # distance between the cards of a block
SAMPLE = 22  # width of a bar in the legend
MOST_LISTED = 12  # layers of a block that its tooltip names
WIDEST_OF_TITLE = 1200  # pixels; tags may be of any length
FILLS = {
    Kind.CONVOLUTION: Ink.BLUE,
    Kind.OTHER_CONVOLUTION: Ink.GREEN,
    Kind.DENSE: Ink.PURPLE,
    Kind.POOLING: Ink.ORANGE,
    Kind.NORMALISATION: Ink.GREY,
    Kind.ACTIVATION: Ink.PAPER,
    Kind.JOIN: Ink.RED,
    Kind.SHAPE: Ink.PAPER,
}


Sample = Callable[[float, float], list[Shape]]


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


def network_diagram(network: Network, *, by_block: bool = False) -> Diagram:
    """Lay out the layers of a network, or the items of its spec's top level.

    Raises
    ------
    UsageError
        There are too many boxes to draw.

    Examples
    --------
    >>> from convcli.network.sources import network
    >>> diagram = network_diagram(network("conv 6 f5, tanh", (32, 32, 1)))
    >>> [(box.label, box.params, box.spot.height) for box in diagram.boxes]
    [('conv 6 f5', 156, 56), ('tanh', 0, 17)]
    """
    tree = block_tree(network) if by_block else layer_tree(network)
    count = len(tree.boxes)
    if count > MOST_BOXES:
        hint = "" if by_block else "; --by-block draws one box per repeat or join"
        raise UsageError(
            f"a diagram of {count:,} boxes", f"is too large: at most {MOST_BOXES:,} are drawn{hint}"
        )
    boxes = [Box(label, stages) for label, stages in zip(tree.labels, tree.boxes, strict=True)]
    layout = lay_out(tree, measures(network, boxes))
    *spots, of_input = layout.spots
    placed = tuple(box._replace(spot=spot) for box, spot in zip(boxes, spots, strict=True))
    return Diagram(network, placed, of_input, layout.wires, layout.width, layout.height)


def box_name(number: int) -> str:
    """Return the name of a box in a drawing; boxes count from 1, and the input is 0."""
    return f"layer-{number}"


INPUT_NAME = box_name(0)


def network_drawing(diagram: Diagram, name: str) -> Drawing:
    """Draw a diagram below a header: the network's name, its totals and a legend.

    Examples
    --------
    >>> from convcli.network.sources import network
    >>> diagram = network_diagram(network("conv 6 f5, tanh", (32, 32, 1)))
    >>> drawing = network_drawing(diagram, "two layers")
    >>> drawing.title, drawing.description
    ('two layers', '2 layers; input 32x32x1, output 28x28x6; 156 parameters, 117,600 MACs')
    """
    network = diagram.network
    width = max(diagram.width, LEAST_WIDTH) + 2 * MARGIN
    totals = (network.params, "parameters"), (network.macs, "MACs")
    lines = [
        f"input {format_size(network.input)}, output {format_size(network.output)}",
        ", ".join(f"{'unknown' if total is None else f'{total:,}'} {what}" for total, what in totals),
    ]
    count = len(network.layers)
    scales = _Scales(diagram)
    room = width - 2 * MARGIN
    header = [
        _start(MARGIN, MARGIN, fitted(name, room, HEADLINE), HEADLINE, bold=True),
        *(
            _start(MARGIN, MARGIN + 24 + 17 * number, fitted(line, room, LABEL + 1), LABEL + 1)
            for number, line in enumerate(lines)
        ),
    ]
    legend, bottom = _legend(diagram, scales, MARGIN + 64, min(width, LEGEND_WIDTH) - MARGIN)
    left, top = (width - diagram.width) / 2, bottom + 24
    shapes = [
        *header,
        *legend,
        *(_line(wire, left, top) for wire in diagram.wires),
        *_input(diagram, scales, left, top),
    ]
    for number, box in enumerate(diagram.boxes, 1):
        shapes += _drawn_box(box, number, scales, left, top)
    return Drawing(
        width=width,
        height=top + diagram.height + MARGIN,
        shapes=tuple(shapes),
        title=printable(name),
        description="; ".join([f"{count:,} layer{'s'[: count != 1]}", *lines]),
    )


class _Cost(NamedTuple):
    """What a bar shows: its color, how to read it from a box or network, the maximum and the total."""

    ink: Ink
    what: str
    of: Callable[[Box | Network], int | None]
    most: int
    whole: int


class _Scales:
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


def _percent(part: int, whole: int) -> str:
    return f"{100 * (part / whole):.3g}%"


def _start(x: float, y: float, text: str, size: float, *, bold: bool = False, fill: Ink = Ink.TEXT) -> Text:
    return Text(x=x, y=y, text=text, size=size, anchor=Anchor.START, bold=bold, fill=fill)


def _outline(x: float, y: float, width: float, height: float) -> Line:
    """Return the rectangle that represents an image, around a point."""
    corners = ((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1))
    points = tuple((x + a * width / 2, y + b * height / 2) for a, b in corners)
    return Line(points=points, stroke=Ink.FAINT, thickness=1.5)


def _bar(x: float, y: float, length: float, ink: Ink) -> Line:
    return Line(points=((x, y), (x + length, y)), stroke=ink, thickness=BAR)


def _line(wire: Wire, left: float, top: float) -> Line:
    """Return the line of a wire, with an arrowhead if it is long enough."""
    points = tuple((x + left, y + top) for x, y in wire.points)
    (x0, y0), (x1, y1) = wire.points[-2:]
    return Line(
        points=points,
        stroke=Ink.STRONG_GREEN if wire.of_tag else Ink.FAINT,
        thickness=1.5 if wire.of_tag else 1.2,
        arrow=abs(x1 - x0) + abs(y1 - y0) >= SHORTEST_ARROW,
    )


# Boxes ----------------------------------------------------------------------------------------------------


def _input(diagram: Diagram, scales: _Scales, left: float, top: float) -> list[Shape]:
    size = diagram.network.input
    x, y, width, height = diagram.input
    x, y = x + left, y + top
    frame = Rectangle(
        x=x, y=y, width=width, height=height, fill=Ink.PAPER, stroke=Ink.LINE, radius=4,
        title=f"input {format_size(size)}", name=INPUT_NAME,
    )  # fmt: skip
    return [
        frame,
        *_glyph(size, scales, x, y + height / 2),
        *_texts(["input", format_size(size)], x, y, width),
    ]


def _drawn_box(box: Box, number: int, scales: _Scales, left: float, top: float) -> Iterator[Shape]:
    x, y, width, height = box.spot
    x, y = x + left, y + top
    frame = Rectangle(
        x=x,
        y=y,
        width=width,
        height=height,
        fill=FILLS[box.kind],
        stroke=Ink.LINE,
        radius=min(height / 2, 9) if height == SLIM else 4,
        dashed=box.kind == Kind.SHAPE,
        title=_title(box, scales),
        name=box_name(number),
    )
    if len(box.stages) > 1:  # a stack of cards
        yield replace(frame, x=x + CARDS, y=y + CARDS, title="", name="")
    yield frame
    if height == SLIM:
        yield from _slim_texts(box, x, y, width)
        return
    room, forms = width - TEXT_FROM - PADDING, cost_lines(box)
    costs = next((form for form in forms if text_width(form, DETAIL) <= room), forms[-1])
    yield from _glyph(box.output, scales, x, y + (height - 2 * BAR * (height == TALL)) / 2)
    yield from _texts([box.label, size_line(box), costs], x, y, width)
    if height == TALL:
        yield from _bars(box, scales, x + PADDING, y + height - 9)


def _bars(box: Box, scales: _Scales, x: float, y: float) -> Iterator[Shape]:
    for row, cost in enumerate(scales.costs):
        length = scales.bar * ((cost.of(box) or 0) / cost.most)
        if length >= SHORTEST_BAR:
            yield _bar(x, y + (BAR + 1) * row, length, cost.ink)


def _glyph(size: Size, scales: _Scales, x: float, y: float) -> list[Shape]:
    return [_outline(x + PADDING + GLYPH / 2, y, *scales.glyph(size))] if len(size) > 1 else []


def _texts(lines: list[str], x: float, y: float, width: float) -> list[Shape]:
    """Return the lines of text in a box; the first is its label."""
    room = width - TEXT_FROM - PADDING
    sizes = [LABEL, *[DETAIL] * (len(lines) - 1)]
    return [
        _start(
            x + TEXT_FROM,
            y + 11 + 13 * number,
            fitted(line, room, size),
            size,
            bold=number == 0,
            fill=Ink.FAINT if number else Ink.TEXT,
        )
        for number, (line, size) in enumerate(zip(lines, sizes, strict=True))
        if line
    ]


def _slim_texts(box: Box, x: float, y: float, width: float) -> Iterator[Shape]:
    """Yield label and parameters in one line; only the label if there is no room for both."""
    room, middle = width - TEXT_FROM - PADDING, y + SLIM / 2
    label = fitted(box.label, room, DETAIL)
    yield _start(x + TEXT_FROM, middle, label, DETAIL)
    left = room - text_width(label + "  ", DETAIL)
    costs = next((form for form in cost_lines(box) if text_width(form, DETAIL) <= left), "")
    if costs:
        end = x + width - PADDING
        yield Text(x=end, y=middle, text=costs, size=DETAIL, anchor=Anchor.END, fill=Ink.FAINT)


def _title(box: Box, scales: _Scales) -> str:
    """Return the tooltip of a box: its exact values."""
    first = box.stages[0]
    network = scales.network
    costs = ("params", box.params, network.params), ("MACs", box.macs, network.macs)
    lines = [
        fitted(box.label, WIDEST_OF_TITLE, DETAIL),
        f"input {format_size(first.input)}, output {format_size(box.output)}",
        *(f"{what} {_counted(count, whole)}" for what, count, whole in costs),
    ]
    if len(box.stages) > 1:
        texts = [fitted(stage.text, WIDEST_OF_TITLE, DETAIL) for stage in box.stages[:MOST_LISTED]]
        more = len(box.stages) - len(texts)
        return "\n".join([*lines, ", ".join(texts) + f", and {more:,} more" * (more > 0)])
    if first.activations is not None:
        lines.append(f"activations {first.activations:,}")
    if first.weights is not None:
        bias = "no bias" if first.biases is None else f"bias {format_size(first.biases)}"
        lines.append(f"weights {format_size(first.weights)}, {bias}")
    if first.statistics:
        lines.append(f"running statistics {first.statistics:,}")
    return "\n".join(lines)


def _counted(count: int | None, whole: int | None) -> str:
    if count is None:
        return "unknown"
    return f"{count:,}" + (f", {_percent(count, whole)} of all" if count and whole else "")


# Legend ---------------------------------------------------------------------------------------------------


def _legend(diagram: Diagram, scales: _Scales, y: float, right: float) -> tuple[list[Shape], float]:
    """Return the legend, in lines from the left margin to a right one, and its bottom."""
    shapes: list[Shape] = []
    x: float = MARGIN
    for width, text, sample in _entries(diagram, scales):
        needed = width + 6 + text_width(text, DETAIL)
        if x > MARGIN and x + needed > right:
            x, y = MARGIN, y + LEGEND_LINE
        shapes += [*sample(x, y), _start(x + width + 6, y, text, DETAIL, fill=Ink.FAINT)]
        x += needed + 18
    return shapes, y


def _entries(diagram: Diagram, scales: _Scales) -> Iterator[tuple[float, str, Sample]]:
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
        share = _percent(cost.most, cost.whole)
        yield SAMPLE, f"share of the {cost.what} (longest: {share})", partial(_bar_sample, cost.ink)
    if any(wire.of_tag for wire in diagram.wires):
        yield SAMPLE, "@tag, used later", _tag_sample


def _swatch(kind: Kind, x: float, y: float) -> list[Shape]:
    fill, dashed = FILLS[kind], kind == Kind.SHAPE
    return [Rectangle(x=x, y=y - 6, width=13, height=12, fill=fill, stroke=Ink.LINE, radius=3, dashed=dashed)]


def _square(x: float, y: float) -> list[Shape]:
    return [_outline(x + 6.5, y, 12, 12)]


def _bar_sample(ink: Ink, x: float, y: float) -> list[Shape]:
    return [_bar(x, y, SAMPLE, ink)]


def _ruler(x: float, y: float) -> list[Shape]:
    ends = [Line(points=((at, y - 4), (at, y + 4)), stroke=Ink.FAINT) for at in (x, x + SAMPLE)]
    return [Line(points=((x, y), (x + SAMPLE, y)), stroke=Ink.FAINT), *ends]


def _tag_sample(x: float, y: float) -> list[Shape]:
    return [Line(points=((x, y), (x + SAMPLE, y)), stroke=Ink.STRONG_GREEN, thickness=1.5, arrow=True)]
