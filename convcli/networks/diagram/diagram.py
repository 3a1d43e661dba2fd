"""Diagrams of networks: one box per layer, wider for more channels, with its size and costs."""

from collections.abc import Iterator
from dataclasses import replace

from convcli.drawing.shapes import (
    Anchor,
    Drawing,
    Ink,
    Line,
    Rectangle,
    Shape,
    Text,
    replace_unprintable,
    text_width,
)
from convcli.errors import UsageError
from convcli.networks.diagram.boxes import (
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
from convcli.networks.diagram.layout import Wire, lay_out
from convcli.networks.diagram.legend import LEGEND_WIDTH, MARGIN, draw_legend
from convcli.networks.diagram.scales import (
    BAR,
    FILLS,
    SHORTEST_BAR,
    Diagram,
    Scales,
    bar_shape,
    box_name,
    box_outline,
    percent_text,
    text_start,
)
from convcli.networks.diagram.trees import block_tree, layer_tree
from convcli.networks.layer_types.base import Size
from convcli.networks.network import Network
from convcli.sizes.text import format_size

__all__ = ["INPUT_NAME", "MAX_BOXES", "network_diagram", "network_drawing"]

MAX_BOXES = 5_000  # a file of 5 MB
HEADLINE = 17  # size of letters
MIN_WIDTH = 480  # of a diagram, because of its header
SHORTEST_ARROW = 8  # shorter lines have no arrowhead
CARDS = 3  # distance between the cards of a block
MAX_LISTED = 12  # layers of a block that its tooltip names
WIDEST_OF_TITLE = 1200  # pixels; tags may be of any length


def network_diagram(network: Network, *, by_block: bool = False) -> Diagram:
    """Lay out the layers of a network, or the items of its spec's top level.

    Raises
    ------
    UsageError
        There are too many boxes to draw.

    Examples
    --------
    >>> from convcli.networks.sources import network
    >>> diagram = network_diagram(network("conv 6 f5, tanh", (32, 32, 1)))
    >>> [(box.label, box.params, box.spot.height) for box in diagram.boxes]
    [('conv 6 f5', 156, 56), ('tanh', 0, 17)]
    """
    tree = block_tree(network) if by_block else layer_tree(network)
    count = len(tree.boxes)
    if count > MAX_BOXES:
        hint = "" if by_block else "; --by-block draws one box per repeat or join"
        raise UsageError(
            f"a diagram of {count:,} boxes", f"is too large: at most {MAX_BOXES:,} are drawn{hint}"
        )
    boxes = [Box(label, stages) for label, stages in zip(tree.labels, tree.boxes, strict=True)]
    layout = lay_out(tree, measures(network, boxes))
    *spots, of_input = layout.spots
    placed = tuple(box._replace(spot=spot) for box, spot in zip(boxes, spots, strict=True))
    return Diagram(network, placed, of_input, layout.wires, layout.width, layout.height)


INPUT_NAME = box_name(0)


def network_drawing(diagram: Diagram, name: str) -> Drawing:
    """Draw a diagram below a header: the network's name, its totals and a legend.

    Examples
    --------
    >>> from convcli.networks.sources import network
    >>> diagram = network_diagram(network("conv 6 f5, tanh", (32, 32, 1)))
    >>> drawing = network_drawing(diagram, "two layers")
    >>> drawing.title, drawing.description
    ('two layers', '2 layers; input 32x32x1, output 28x28x6; 156 parameters, 117,600 MACs')
    """
    network = diagram.network
    width = max(diagram.width, MIN_WIDTH) + 2 * MARGIN
    totals = (network.params, "parameters"), (network.macs, "MACs")
    lines = [
        f"input {format_size(network.input)}, output {format_size(network.output)}",
        ", ".join(f"{'unknown' if total is None else f'{total:,}'} {what}" for total, what in totals),
    ]
    count = len(network.layers)
    scales = Scales(diagram)
    room = width - 2 * MARGIN
    header = [
        text_start(MARGIN, MARGIN, fitted(name, room, HEADLINE), HEADLINE, bold=True),
        *(
            text_start(MARGIN, MARGIN + 24 + 17 * number, fitted(line, room, LABEL + 1), LABEL + 1)
            for number, line in enumerate(lines)
        ),
    ]
    legend, bottom = draw_legend(diagram, scales, MARGIN + 64, min(width, LEGEND_WIDTH) - MARGIN)
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
        title=replace_unprintable(name),
        description="; ".join([f"{count:,} layer{'s'[: count != 1]}", *lines]),
    )


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


def _input(diagram: Diagram, scales: Scales, left: float, top: float) -> list[Shape]:
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


def _drawn_box(box: Box, number: int, scales: Scales, left: float, top: float) -> Iterator[Shape]:
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


def _bars(box: Box, scales: Scales, x: float, y: float) -> Iterator[Shape]:
    for row, cost in enumerate(scales.costs):
        length = scales.bar * ((cost.of(box) or 0) / cost.most)
        if length >= SHORTEST_BAR:
            yield bar_shape(x, y + (BAR + 1) * row, length, cost.ink)


def _glyph(size: Size, scales: Scales, x: float, y: float) -> list[Shape]:
    return [box_outline(x + PADDING + GLYPH / 2, y, *scales.glyph(size))] if len(size) > 1 else []


def _texts(lines: list[str], x: float, y: float, width: float) -> list[Shape]:
    """Return the lines of text in a box; the first is its label."""
    room = width - TEXT_FROM - PADDING
    sizes = [LABEL, *[DETAIL] * (len(lines) - 1)]
    return [
        text_start(
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
    yield text_start(x + TEXT_FROM, middle, label, DETAIL)
    left = room - text_width(label + "  ", DETAIL)
    costs = next((form for form in cost_lines(box) if text_width(form, DETAIL) <= left), "")
    if costs:
        end = x + width - PADDING
        yield Text(x=end, y=middle, text=costs, size=DETAIL, anchor=Anchor.END, fill=Ink.FAINT)


def _title(box: Box, scales: Scales) -> str:
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
        texts = [fitted(stage.text, WIDEST_OF_TITLE, DETAIL) for stage in box.stages[:MAX_LISTED]]
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
    return f"{count:,}" + (f", {percent_text(count, whole)} of all" if count and whole else "")
