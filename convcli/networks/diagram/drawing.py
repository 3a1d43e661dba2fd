"""Drawings of network diagrams: header, legend, lines, and boxes with their text, icons and bars."""

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
    left_aligned_text,
    replace_unprintable,
    text_width,
)
from convcli.networks.diagram.boxes import (
    DETAIL_SIZE,
    ICON_SIZE,
    LABEL_SIZE,
    PADDING,
    SLIM,
    TALL,
    TEXT_LEFT,
    Box,
    BoxKind,
    cost_lines,
    size_line,
    truncate,
)
from convcli.networks.diagram.diagram import Diagram
from convcli.networks.diagram.layout import Edge, FrameBounds
from convcli.networks.diagram.legend import LEGEND_WIDTH, MARGIN, draw_legend
from convcli.networks.diagram.scales import Scales, percent_text
from convcli.networks.diagram.symbols import BAR_THICKNESS, FILLS, bar, image_icon
from convcli.networks.layer_types.base import Size, rank_of
from convcli.sizes.text import counted, format_size

__all__ = ["INPUT_NAME", "box_name", "network_drawing"]

TITLE_SIZE = 17  # size of letters
MIN_WIDTH = 480  # of a diagram, because of its header
MIN_ARROW_LENGTH = 8  # shorter lines have no arrowhead
MIN_BAR_LENGTH = 0.5
CARD_OFFSET = 3  # distance between the cards of a block
MAX_LISTED_LAYERS = 12  # layers of a block that its tooltip names
MAX_TOOLTIP_WIDTH = 1200  # pixels; tags may be of any length


def box_name(number: int) -> str:
    """Return the name of a box in a drawing; boxes count from 1, and the input is 0."""
    return f"layer-{number}"


INPUT_NAME = box_name(0)


def network_drawing(diagram: Diagram, name: str) -> Drawing:
    """Draw a diagram below a header: the network's name, its totals and a legend.

    Examples
    --------
    >>> from convcli.networks.diagram.diagram import network_diagram
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
    available = width - 2 * MARGIN
    header = [
        left_aligned_text(MARGIN, MARGIN, truncate(name, available, TITLE_SIZE), TITLE_SIZE, bold=True),
        *(
            left_aligned_text(MARGIN, y, truncate(line, available, LABEL_SIZE + 1), LABEL_SIZE + 1)
            for y, line in zip((MARGIN + 24, MARGIN + 41), lines, strict=True)
        ),
    ]
    legend, bottom = draw_legend(diagram, scales, MARGIN + 64, min(width, LEGEND_WIDTH) - MARGIN)
    left, top = (width - diagram.width) / 2, bottom + 24
    shapes = [
        *header,
        *legend,
        *(shape for frame in reversed(diagram.frames) for shape in _draw_frame(frame, left, top)),
        *(_draw_edge(edge, left, top) for edge in diagram.edges),
    ]
    for number in range(len(diagram.inputs)):
        shapes += _draw_input(diagram, number, scales, left, top)
    for number, box in enumerate(diagram.boxes, 1):
        shapes += _draw_box(box, number, scales, left, top)
    return Drawing(
        width=width,
        height=top + diagram.height + MARGIN,
        shapes=tuple(shapes),
        title=replace_unprintable(name),
        description="; ".join([counted(count, "layer"), *lines]),
    )


def _draw_edge(edge: Edge, left: float, top: float) -> Line:
    """Return the line of an edge, with an arrowhead if it is long enough."""
    points = tuple((x + left, y + top) for x, y in edge.points)
    (x0, y0), (x1, y1) = edge.points[-2:]
    return Line(
        points=points,
        stroke=Ink.STRONG_GREEN if edge.is_tagged else Ink.FAINT,
        thickness=1.5 if edge.is_tagged else 1.2,
        arrow=abs(x1 - x0) + abs(y1 - y0) >= MIN_ARROW_LENGTH,
    )


# Boxes ----------------------------------------------------------------------------------------------------


def _draw_frame(frame: FrameBounds, left: float, top: float) -> Iterator[Shape]:
    """Yield the frame of a repeat and its label."""
    x, y, width, height = frame.bounds
    x, y = x + left, y + top
    yield Rectangle(
        x=x, y=y, width=width, height=height, fill=None, stroke=Ink.STRONG_BLUE, radius=6,
        title=f"repeated {frame.times:,} times; each box sums up all of them",
    )  # fmt: skip
    label = truncate(f"{frame.times:,} x", width / 2 - 12, LABEL_SIZE)
    yield left_aligned_text(x + 6, y + 9, label, LABEL_SIZE, bold=True)


def _draw_input(diagram: Diagram, number: int, scales: Scales, left: float, top: float) -> list[Shape]:
    """Return the box of an input: the first in the order of the network is the main one."""
    ports = diagram.network.inputs
    size = ports[number].size if ports else diagram.network.input
    name = f"input {ports[number].name}" if len(ports) > 1 and ports[number].name else "input"
    x, y, width, height = diagram.inputs[number]
    if not width:  # nothing reads it
        return []
    x, y = x + left, y + top
    frame = Rectangle(
        x=x, y=y, width=width, height=height, fill=Ink.PAPER, stroke=Ink.LINE, radius=4,
        title=f"{name} {format_size(size)}", name=INPUT_NAME if number == 0 else "",
    )  # fmt: skip
    return [
        frame,
        *_draw_icon(size, scales, x, y + height / 2),
        *_draw_texts([name, format_size(size)], x, y, width),
    ]


def _draw_box(box: Box, number: int, scales: Scales, left: float, top: float) -> Iterator[Shape]:
    x, y, width, height = box.bounds
    x, y = x + left, y + top
    frame = Rectangle(
        x=x,
        y=y,
        width=width,
        height=height,
        fill=FILLS[box.kind],
        stroke=Ink.LINE,
        radius=min(height / 2, 9) if height == SLIM else 4,
        dashed=box.kind == BoxKind.SHAPE,
        title=_tooltip(box, scales),
        name=box_name(number),
    )
    if box.is_block:  # a stack of cards
        yield replace(frame, x=x + CARD_OFFSET, y=y + CARD_OFFSET, title="", name="")
    yield frame
    if height == SLIM:
        yield from _draw_slim_texts(box, x, y, width)
        return
    available, forms = width - TEXT_LEFT - PADDING, cost_lines(box)
    costs = next((form for form in forms if text_width(form, DETAIL_SIZE) <= available), forms[-1])
    yield from _draw_icon(box.output, scales, x, y + (height - 2 * BAR_THICKNESS * (height == TALL)) / 2)
    yield from _draw_texts([box.label, size_line(box), costs], x, y, width)
    if height == TALL:
        yield from _draw_bars(box, scales, x + PADDING, y + height - 9)


def _draw_bars(box: Box, scales: Scales, x: float, y: float) -> Iterator[Shape]:
    for row, cost in enumerate(scales.costs):
        length = scales.bar * ((cost.count_of(box) or 0) / cost.maximum)
        if length >= MIN_BAR_LENGTH:
            yield bar(x, y + (BAR_THICKNESS + 1) * row, length, cost.ink)


def _draw_icon(size: Size, scales: Scales, x: float, y: float) -> list[Shape]:
    return [image_icon(x + PADDING + ICON_SIZE / 2, y, *scales.icon_size(size))] if rank_of(size) else []


def _draw_texts(lines: list[str], x: float, y: float, width: float) -> list[Shape]:
    """Return the lines of text in a box; the first is its label."""
    available = width - TEXT_LEFT - PADDING
    sizes = [LABEL_SIZE, *[DETAIL_SIZE] * (len(lines) - 1)]
    return [
        left_aligned_text(
            x + TEXT_LEFT,
            y + 11 + 13 * number,
            truncate(line, available, size),
            size,
            bold=number == 0,
            fill=Ink.FAINT if number else Ink.TEXT,
        )
        for number, (line, size) in enumerate(zip(lines, sizes, strict=True))
        if line
    ]


def _draw_slim_texts(box: Box, x: float, y: float, width: float) -> Iterator[Shape]:
    """Yield label and parameters in one line; only the label if there is no room for both."""
    available, middle = width - TEXT_LEFT - PADDING, y + SLIM / 2
    label = truncate(box.label, available, DETAIL_SIZE)
    yield left_aligned_text(x + TEXT_LEFT, middle, label, DETAIL_SIZE)
    left = available - text_width(label + "  ", DETAIL_SIZE)
    costs = next((form for form in cost_lines(box) if text_width(form, DETAIL_SIZE) <= left), "")
    if costs:
        end = x + width - PADDING
        yield Text(x=end, y=middle, text=costs, size=DETAIL_SIZE, anchor=Anchor.END, fill=Ink.FAINT)


def _tooltip(box: Box, scales: Scales) -> str:
    """Return the tooltip of a box: its exact values."""
    first = box.stages[0]
    network = scales.network
    costs = ("params", box.params, network.params), ("MACs", box.macs, network.macs)
    lines = [
        truncate(box.label, MAX_TOOLTIP_WIDTH, DETAIL_SIZE),
        f"input {format_size(first.input)}, output {format_size(box.output)}",
        *(f"{what} {_format_count(count, total)}" for what, count, total in costs),
    ]
    if box.is_block:
        texts = [
            truncate(stage.text, MAX_TOOLTIP_WIDTH, DETAIL_SIZE) for stage in box.stages[:MAX_LISTED_LAYERS]
        ]
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


def _format_count(count: int | None, total: int | None) -> str:
    if count is None:
        return "unknown"
    return f"{count:,}" + (f", {percent_text(count, total)} of all" if count and total else "")
