"""Diagrams of networks: every layer and edge is drawn, and nothing overlaps."""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from random import Random
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convcli.drawing.shapes import text_width
from convcli.drawing.svg import render_svg
from convcli.errors import SizeError, SpecError, UsageError
from convcli.networks.building import build
from convcli.networks.diagram.boxes import Box, BoxKind, format_short_count, truncate
from convcli.networks.diagram.diagram import MAX_BOXES, Diagram, network_diagram
from convcli.networks.diagram.drawing import network_drawing
from convcli.networks.diagram.layout import Bounds, Edge
from convcli.networks.layer_types.convolution import Convolution
from convcli.networks.layer_types.dense import Dense, Flatten
from convcli.networks.layer_types.file_operation import FileOperation
from convcli.networks.network import Network, Port, single_layer
from convcli.networks.rows import table_rows
from convcli.networks.sources import network, shipped_networks
from convcli.networks.tables import params_table
from convcli.networks.text.grammar import parse_spec
from tests.networks.test_layer_text import random_items, stripped
from tests.support.call_counting import calls_during
from tests.support.command_line import SVG
from tests.support.sampling import examples

NEAR = 0.01  # pixels that rounding may take
Size = tuple[int, ...]


@cache
def built(name: str) -> Network:
    return network(name)


@cache
def diagram_of(name: str, *, by_block: bool = False) -> Diagram:
    return network_diagram(built(name), by_block=by_block)


def drawn(diagram: Diagram, name: str = "net") -> ElementTree.Element:
    return ElementTree.fromstring(render_svg(network_drawing(diagram, name)))


every_network = pytest.mark.parametrize("name", sorted(shipped_networks()))
folded_or_not = pytest.mark.parametrize("by_block", [False, True])
LEVEL = "conv 8 f3 p1 @a, conv 8 f3 p1 @b, maxpool f3 s1 p1, add @b, add @a @c, relu, add @c"
INTO_BRANCHES = (
    "conv 8 f1 @a, add { relu | conv 8 f1, add @a, add { | tanh, add @a } @d | }, relu, add @d, cat @a"
)
FROM_BRANCHES = (
    "add { conv 8 f1 @a, mul { gap @g, relu | relu @b }, conv 8 f1 | conv 8 f1, add @a, "
    "add { relu, add @b | add { tanh @c, relu | } }, mul @g }, relu, add @b, add @c"
)
SPECS = [
    "relu",
    "dropout, identity, flatten, dropout",
    "flatten, fc 10, relu, fc 2",
    "add { | }",
    "add { | } @a, cat { add { | } | add { | } }, conv 8 f1, relu @x, add @x, add @a",
    "add { add { add { relu | } | } | }",
    "add { dropout | dropout }, mul { | gap, fc 8, sigmoid }",
    "cat { " + " | ".join(["conv 1 f1"] * 40) + " }",
    LEVEL,
    INTO_BRANCHES,
    FROM_BRANCHES,
]


def assert_layout_is_valid(diagram: Diagram) -> None:
    """Check all that holds for every diagram."""
    assert_boxes_do_not_overlap(diagram)
    assert_no_line_crosses_a_box(diagram)
    assert_lines_end_at_their_boxes(diagram)
    assert_lines_of_different_edges_do_not_overlap(diagram)


# Positions ------------------------------------------------------------------------------------------------


def all_bounds(diagram: Diagram) -> list[Bounds]:
    return [*(box.bounds for box in diagram.boxes), *diagram.inputs]


def assert_boxes_do_not_overlap(diagram: Diagram) -> None:
    """Check that boxes are within the diagram and never over each other."""
    bounds = sorted(all_bounds(diagram), key=lambda box: box.y)
    for number, box in enumerate(bounds):
        assert box.x >= -NEAR
        assert box.y >= 0
        assert box.x + box.width <= diagram.width + NEAR
        assert box.y + box.height <= diagram.height + NEAR
        for other in bounds[number + 1 :]:
            if other.y >= box.y + box.height:
                break
            assert other.x >= box.x + box.width or box.x >= other.x + other.width


def assert_no_line_crosses_a_box(diagram: Diagram) -> None:
    """Check each part of each line against each box that it might meet, an edge not being the inside."""
    bounds = sorted(all_bounds(diagram), key=lambda box: box.y)
    tallest = max(box.height for box in bounds)
    tops = [box.y for box in bounds]
    for edge in diagram.edges:
        for (x0, y0), (x1, y1) in pairwise(edge.points):
            assert x0 == x1 or y0 == y1, "lines run along the axes"
            left, right, top, bottom = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
            assert -NEAR <= left <= right <= diagram.width + NEAR
            assert 0 <= top <= bottom <= diagram.height
            for box in bounds[bisect_left(tops, top - tallest) : bisect_left(tops, bottom)]:
                assert (
                    right <= box.x + NEAR
                    or left >= box.x + box.width - NEAR
                    or bottom <= box.y + NEAR
                    or top >= box.y + box.height - NEAR
                ), (edge, box)


def assert_lines_end_at_their_boxes(diagram: Diagram) -> None:
    """Check that a line leaves the bottom of a box for the top of another, or from side to side by a tag."""
    bounds = all_bounds(diagram)
    for edge in diagram.edges:
        source, target = bounds[edge.source], bounds[edge.target]
        (x0, y0), (x1, y1) = edge.points[0], edge.points[-1]
        if edge.is_tagged:
            assert (x0, x1) == (source.x + source.width, target.x + target.width)
            assert source.y < y0 < source.y + source.height
            assert target.y < y1 < target.y + target.height
        else:
            assert (x0, y0) == pytest.approx((source.x + source.width / 2, source.y + source.height))
            assert (x1, y1) == pytest.approx((target.x + target.width / 2, target.y))


def assert_lines_of_different_edges_do_not_overlap(diagram: Diagram) -> None:
    """Check that lines run over each other only where they come from, or lead to, one box."""
    rows: dict[tuple[int, float], list[tuple[float, float, Edge]]] = {}
    for edge in diagram.edges:
        for start, end in pairwise(edge.points):
            along = 0 if start[1] == end[1] else 1
            low, high = sorted((start[along], end[along]))
            rows.setdefault((along, start[1 - along]), []).append((low, high, edge))
    for segments in rows.values():
        segments.sort(key=lambda segment: segment[:2])
        for number, (_, high, edge) in enumerate(segments):
            for low, _, other in segments[number + 1 :]:
                if low >= high:
                    break
                assert edge.source == other.source or edge.target == other.target


def assert_every_input_is_drawn(diagram: Diagram) -> None:
    """Check the lines into each layer against the tensors that it reads."""
    writes = [*(stage.output_tensor for stage in diagram.network.layers), 0]
    for number, stage in enumerate(diagram.network.layers):
        sources = [edge.source for edge in diagram.edges if edge.target == number]
        assert Counter(writes[source] for source in sources) == Counter(stage.input_tensors)
        assert all(source < number for source in sources)


@every_network
@folded_or_not
def test_shipped_networks_have_no_overlaps(name: str, by_block: bool) -> None:
    assert_layout_is_valid(diagram_of(name, by_block=by_block))


@every_network
def test_every_input_of_a_layer_is_drawn_as_a_line(name: str) -> None:
    assert_every_input_is_drawn(diagram_of(name))


@pytest.mark.parametrize("spec", SPECS)
@folded_or_not
def test_nested_forks_and_tags_across_branches(spec: str, by_block: bool) -> None:
    diagram = network_diagram(network(spec, (9, 9, 8)), by_block=by_block)
    assert_layout_is_valid(diagram)
    if not by_block:
        assert_every_input_is_drawn(diagram)
    drawn(diagram)


@every_network
def test_boxes_outside_branches_share_an_axis(name: str) -> None:
    diagram = diagram_of(name)
    top_level = [box.bounds for box in diagram.boxes if box.stages[0].depth == 0]
    middles = [box.x + box.width / 2 for box in (*top_level, diagram.inputs[0])]
    assert middles == pytest.approx([middles[0]] * len(middles))


def test_branches_are_side_by_side_in_order() -> None:
    diagram = network_diagram(network("cat { conv 1 f1 | conv 2 f1 | conv 3 f1 | conv 4 f1 }", (9, 9, 8)))
    one, two, three, four, join = (box.bounds for box in diagram.boxes)
    assert one.x < two.x < three.x < four.x
    assert one.y == two.y == three.y == four.y < join.y


def test_lines_of_one_tag_share_a_lane() -> None:
    spec = "relu @a, 9 x { add @a }, add { tanh | relu, add @a, add @a | add @a }"
    diagram = network_diagram(network(spec, (9, 9, 8)))
    assert_layout_is_valid(diagram)
    lanes = {
        x0
        for edge in diagram.edges
        if edge.is_tagged
        for (x0, _), (x1, _) in pairwise(edge.points)
        if x0 == x1
    }
    assert len(lanes) == 3  # that of the network, and one in each of two branches


def test_blocks_are_connected_only_by_tags_between_them() -> None:
    spec = "2 x { conv 8 f1, relu } @a, 2 x { conv 8 f1 @b, add @b }, relu, cat @a"
    diagram = network_diagram(network(spec, (9, 9, 8)), by_block=True)
    assert [box.label for box in diagram.boxes] == [
        "2 x { conv, relu } @a", "2 x { conv }", "relu", "cat @a",
    ]  # fmt: skip
    connections = [(edge.source, edge.target) for edge in diagram.edges]
    assert connections == [(-1, 0), (0, 1), (1, 2), (2, 3), (0, 3)]


# Random networks ------------------------------------------------------------------------------------------

LAYERS = ["conv 8 f3 p1", "conv 8 f1 nobias", "dw f3 p1", "relu", "bn", "dropout", "maxpool f3 s1 p1"]


@st.composite
def specs(draw: st.DrawFn) -> str:
    """Draw a network of branches, repeats and tags, of which every layer gives what it gets in size."""
    tags: list[str] = []

    def items(depth: int, *, minimum: int) -> str:
        return ", ".join(item(depth) for _ in range(draw(st.integers(minimum, 3))))

    def item(depth: int) -> str:
        kinds = ["layer"] * 3 + ["join", "cat", "repeat"] * (depth < 3) + ["tag"] * bool(tags)
        kind = draw(st.sampled_from(kinds))
        if kind == "repeat":
            return f"{draw(st.integers(1, 3))} x {{ {items(depth + 1, minimum=1)} }}"
        if kind == "tag":
            return f"add @{draw(st.sampled_from(tags))}"
        if kind == "layer":
            text = draw(st.sampled_from(LAYERS))
        else:
            branches = [items(depth + 1, minimum=0) for _ in range(draw(st.integers(2, 3)))]
            text = f"{'add' if kind == 'join' else 'cat'} {{ {' | '.join(branches)} }}"
            if kind == "cat":
                return f"{text}, conv 8 f1"
        if draw(st.booleans()):
            tags.append(f"t{len(tags)}")
            text += f" @{tags[-1]}"
        return text

    return items(0, minimum=1)


@settings(max_examples=examples(100))
@given(specs())
def test_diagrams_of_random_networks(spec: str) -> None:
    net = network(spec, (9, 9, 8))
    diagram = network_diagram(net)
    assert_layout_is_valid(diagram)
    assert_every_input_is_drawn(diagram)
    assert_layout_is_valid(network_diagram(net, by_block=True))
    assert_texts_fit(drawn(diagram))


# What is drawn --------------------------------------------------------------------------------------------


def drawn_boxes(root: ElementTree.Element) -> Iterator[tuple[ElementTree.Element, list[ElementTree.Element]]]:
    """Yield the frame of each layer and what is drawn in it."""
    elements = list(root)
    starts = [n for n, element in enumerate(elements) if re.match(r"layer-\d", element.get("id", ""))]
    for start, end in zip(starts, [*starts[1:], len(elements)], strict=True):
        yield elements[start], elements[start + 1 : end]


def extent(text: ElementTree.Element) -> tuple[float, float]:
    """Return where a text begins and ends."""
    x = float(text.attrib["x"])
    width = text_width(text.text or "", float(text.attrib["font-size"]))
    return (x, x + width) if text.attrib["text-anchor"] == "start" else (x - width, x)


def assert_texts_fit(root: ElementTree.Element) -> None:
    """Check that texts are within the boxes that they belong to, and all of them within the drawing."""
    for frame, shapes in drawn_boxes(root):
        left, top = float(frame.attrib["x"]), float(frame.attrib["y"])
        right, bottom = left + float(frame.attrib["width"]), top + float(frame.attrib["height"])
        texts = [shape for shape in shapes if shape.tag == f"{SVG}text"]
        extents = [extent(text) for text in texts]
        for text, (start, end) in zip(texts, extents, strict=True):
            assert left < start < end < right
            baseline = float(text.attrib["y"])
            assert top < baseline - 0.7 * float(text.attrib["font-size"]) < baseline < bottom
        for (one, (_, end)), (other, (start, _)) in pairwise(zip(texts, extents, strict=True)):
            assert one.attrib["y"] != other.attrib["y"] or end < start
    for text in root.findall(f"{SVG}text"):
        assert 0 < extent(text)[0] < extent(text)[1] < float(root.attrib["width"])


def counted(title: str, what: str) -> int:
    """Return a number that the title of a box tells."""
    (number,) = re.findall(rf"^{what} ([\d,]+)", title, re.MULTILINE)
    return int(number.replace(",", ""))


def value(text: str) -> float:
    """Read a number in its exact or its short form."""
    units = {"K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
    return float(text.rstrip("KMGTP").replace(",", "")) * units.get(text[-1], 1)


@pytest.mark.thorough(every=3)
@every_network
@folded_or_not
def test_every_table_row_has_a_box_with_exact_numbers(name: str, by_block: bool) -> None:
    header, *rows, total = (
        line.split("\t")
        for line in params_table(built(name), table_rows(built(name), by_block=by_block))
        .as_tsv()
        .splitlines()
    )
    boxes = list(drawn_boxes(drawn(diagram_of(name, by_block=by_block))))[1:]  # the first is the input
    assert [frame.attrib["id"] for frame, _ in boxes] == [f"layer-{n}" for n in range(1, len(rows) + 1)]
    sums = Counter[str]()
    for (frame, shapes), row in zip(boxes, rows, strict=True):
        cells = dict(zip(header, row, strict=True))
        title = frame.findtext(f"{SVG}title") or ""
        label, sizes, *_ = title.splitlines()
        texts = [shape.text or "" for shape in shapes if shape.tag == f"{SVG}text"]
        assert label.partition(" @")[0] == cells["layer"].removeprefix("| ").partition(" @")[0]
        assert texts[0] == label
        assert sizes.endswith(f"output {cells['output']}")
        for what in ("params", "MACs"):
            assert counted(title, what) == int(cells[what])
            sums[what] += int(cells[what])
        if float(frame.attrib["height"]) > 20:  # a slim one has the size of the box above it
            assert texts[1].partition(" ")[0] == cells["output"]
        if int(cells["MACs"]):
            costs = re.fullmatch(r"(\S+) params · (\S+) MACs", texts[2])
            assert costs is not None
            assert value(costs[1]) == pytest.approx(int(cells["params"]), rel=0.005)
            assert value(costs[2]) == pytest.approx(int(cells["MACs"]), rel=0.005)
    assert [str(sums["params"]), str(sums["MACs"])] == [total[2], total[3]]


@pytest.mark.thorough(every=3)
@every_network
@folded_or_not
def test_texts_fit_into_their_boxes(name: str, by_block: bool) -> None:
    assert_texts_fit(drawn(diagram_of(name, by_block=by_block), "a long name " * 40))


@every_network
def test_lines_are_drawn_where_the_layout_puts_them(name: str) -> None:
    diagram = diagram_of(name)
    root = drawn(diagram)
    frame = next(element for element in root if element.get("id") == "layer-0")
    left, top = float(frame.attrib["x"]) - diagram.inputs[0].x, float(frame.attrib["y"]) - diagram.inputs[0].y
    polylines = {line.attrib["points"]: line for line in root.findall(f"{SVG}polyline")}
    for edge in diagram.edges:
        points = " ".join(f"{round(x + left, 2):.10g},{round(y + top, 2):.10g}" for x, y in edge.points)
        assert ("strong-green" in polylines[points].attrib["class"]) == edge.is_tagged


@every_network
@folded_or_not
def test_boxes_with_more_channels_are_wider(name: str, by_block: bool) -> None:
    diagram = diagram_of(name, by_block=by_block)
    widths = sorted((box.output[-1], box.bounds.width) for box in diagram.boxes)
    for (fewer, narrow), (more, wide) in pairwise(widths):
        assert narrow <= wide
        assert narrow == wide or fewer < more
    images = [width for channels, width in widths if channels <= 1000]
    assert len(set(images)) > 2


def icon_size(shapes: list[ElementTree.Element]) -> tuple[float, float]:
    """Return width and height of the square of a box."""
    (points,) = (
        [tuple(map(float, point.split(","))) for point in shape.attrib["points"].split()]
        for shape in shapes
        if shape.tag == f"{SVG}polyline" and shape.attrib["points"].count(",") == 5
    )
    xs, ys = zip(*points, strict=True)
    return max(xs) - min(xs), max(ys) - min(ys)


def test_icons_are_to_scale() -> None:
    net = network("conv 4 f1 s2x1, maxpool f2, conv 4 f1 s4", (64, 16, 3))  # 32x16, 16x8, 4x2
    boxes = dict(enumerate(shapes for _, shapes in drawn_boxes(drawn(network_diagram(net)))))
    assert icon_size(boxes[0]) == pytest.approx((13, 26), abs=0.02)
    assert icon_size(boxes[1]) == pytest.approx((13, 26 / 2**0.5), abs=0.02)
    assert icon_size(boxes[2]) == pytest.approx((26 / 8**0.5, 13), abs=0.02)
    assert icon_size(boxes[3]) == pytest.approx((26 / 32**0.5, 6.5), abs=0.02)


def bars(shapes: list[ElementTree.Element]) -> dict[str, float]:
    """Return how long the bars of a box are, by their colors."""
    lengths = {}
    for shape in shapes:
        if shape.tag == f"{SVG}polyline" and shape.get("stroke-width") == "3":
            (x0, _), (x1, _) = (map(float, point.split(",")) for point in shape.attrib["points"].split())
            lengths[shape.attrib["class"].removeprefix("s-strong-")] = x1 - x0
    return lengths


def test_bar_lengths_are_proportional_to_costs() -> None:
    net = built("lenet5")
    lengths = [bars(shapes) for _, shapes in drawn_boxes(drawn(diagram_of("lenet5")))][1:]
    full = max(lengths_of_box.get("blue", 0) for lengths_of_box in lengths)
    assert full == max(lengths_of_box.get("orange", 0) for lengths_of_box in lengths) > 100
    for stage, lengths_of_box in zip(net.layers, lengths, strict=True):
        for color, count, maximum in (("blue", stage.params, 48_120), ("orange", stage.macs, 240_000)):
            assert lengths_of_box.get(color, 0) == pytest.approx(full * (count or 0) / maximum, abs=0.51)


def test_legend_explains_exactly_what_is_drawn() -> None:
    def legend(name: str) -> set[str]:
        root = drawn(diagram_of(name))
        before = [element.text or "" for element in root if element.tag == f"{SVG}text"]
        return set(before[3 : before.index("input")])

    assert legend("lenet5") == {
        "convolution", "dense", "pooling", "activation, dropout", "flatten, pad, slice, resize",
        "height x width (square-root scale)", "width: channels (log scale)",
        "share of the parameters (longest: 78%)", "share of the MACs (longest: 57.6%)",
    }  # fmt: skip
    assert legend("unet") - legend("lenet5") >= {"add, cat, mul", "normalization", "@tag, used later"}


# Any graph ------------------------------------------------------------------------------------------------


@every_network
def test_networks_without_text_are_drawn_as_those_with(name: str) -> None:
    diagram = network_diagram(stripped(built(name)))
    assert_layout_is_valid(diagram)
    assert_every_input_is_drawn(diagram)
    assert Counter(box.output for box in diagram.boxes) == Counter(
        stage.output for stage in built(name).layers
    )


GRAPHS = [
    "relu, out { conv 8 f1, relu }, out { tanh }, conv 8 f1, out { conv 2 f1 }, conv 8 f1",
    "relu @a, out { }, tanh, out { from @a, conv 8 f1, add @a @b }, cat @b",
    "relu @a, tanh @b, from @a, conv 8 f1, add { from @b, relu | from @a | }, from @b, out { relu }, silu",
    "conv 8 f1 @a, cat { from @a | from @a, relu }, cat { relu | out { gelu } }, from @a, add { | relu }",
    "conv 8 f1 @a, relu, use @a, 2 x { use @a, out { split 2 { relu | } } }, split 4 { | | tanh | relu }",
    "add { relu @a, conv 8 f1 | tanh, out { silu, add @a @c }, from @a }, from @c, relu, from @a, mul @c",
]


@pytest.mark.parametrize("spec", GRAPHS)
def test_side_outputs_and_jumps(spec: str) -> None:
    net = network(spec, (9, 9, 8))
    for found in (net, stripped(net)):
        diagram = network_diagram(found)
        assert_layout_is_valid(diagram)
        assert_every_input_is_drawn(diagram)
        assert_layout_is_valid(network_diagram(found, by_block=True))
        assert_layout_is_valid(network_diagram(found, repeats_once=True))


@settings(max_examples=examples(60), deadline=None)
@given(seed=st.integers(0, 10**9))
def test_diagrams_of_random_graphs(seed: int) -> None:
    try:
        net = network(random_items(Random(seed), []), (6, 6, 4))
    except (SizeError, SpecError):
        return
    diagram = network_diagram(net)
    assert_layout_is_valid(diagram)
    assert_every_input_is_drawn(diagram)
    assert_layout_is_valid(network_diagram(net, by_block=True))
    once = network_diagram(net, repeats_once=True)
    assert_layout_is_valid(once)
    assert sum(len(box.stages) for box in once.boxes) == len(net.layers)
    assert_layout_is_valid(network_diagram(stripped(net)))


def test_the_input_is_read_by_tags() -> None:
    net = build(parse_spec("in 9x9x8 @x, relu, add @x, add { from @x | tanh }"))
    assert_every_input_is_drawn(network_diagram(net))
    assert_layout_is_valid(network_diagram(net))


def two_inputs() -> Network:
    """Return a network that adds what it computes from two inputs, and reads one of them again."""
    net = stripped(build(parse_spec("in 9x9x8 @x, add { conv 8 f1 | relu, tanh }, cat @x")))
    relu = next(number for number, stage in enumerate(net.layers) if stage.text == "relu")
    layers = list(net.layers)
    layers[relu] = layers[relu]._replace(input_tensors=(99,))
    inputs = (Port("left", net.input, 0), Port("right", net.input, 99))
    return net.changed(layers=tuple(layers), inputs=inputs)


def test_several_inputs_have_boxes() -> None:
    diagram = network_diagram(two_inputs())
    assert_layout_is_valid(diagram)
    texts = [element.text for element in drawn(diagram).iter(f"{SVG}text")]
    assert [texts.count("input left"), texts.count("input right")] == [1, 1]
    makers = {-2: 0, -1: 99}
    for number, stage in enumerate(diagram.network.layers):
        sources = [edge.source for edge in diagram.edges if edge.target == number]
        assert Counter(
            makers[source] if source < 0 else diagram.network.layers[source].output_tensor
            for source in sources
        ) == Counter(stage.input_tensors)


def test_an_input_that_nothing_reads_has_no_box() -> None:
    net = two_inputs()
    diagram = network_diagram(net.changed(inputs=(*net.inputs, Port("unread", (9, 9, 8), 98))))
    texts = [element.text for element in drawn(diagram).iter(f"{SVG}text")]
    assert [texts.count(f"input {name}") for name in ("left", "right", "unread")] == [1, 1, 0]


def test_a_repeat_drawn_once_has_a_frame() -> None:
    net = network("conv 8 f1, 3 x { conv 8 f3 p1, 2 x { relu, bn } }, add { 2 x { tanh } | }", (9, 9, 4))
    diagram = network_diagram(net, repeats_once=True)
    assert_layout_is_valid(diagram)
    boxes = [(box.label, box.times, box.params, box.height) for box in diagram.boxes]
    assert boxes[:4] == [
        ("conv 8 f1", 1, 40, 56), ("conv 8 f3 p1", 3, 3 * 584, 56), ("relu", 6, 0, 17), ("bn", 6, 96, 17),
    ]  # fmt: skip
    inner, outer, branch = diagram.frames
    assert (inner.times, outer.times, branch.times) == (2, 3, 2)
    for frame, numbers in ((inner, (2, 3)), (outer, (1, 2, 3)), (branch, (4,))):
        x, y, width, height = frame.bounds
        for number, box in enumerate(diagram.boxes):
            bounds = box.bounds
            inside = x < bounds.x and bounds.x + bounds.width < x + width
            inside &= y < bounds.y and bounds.y + bounds.height < y + height
            assert inside == (number in numbers)
    assert inner.bounds.y > outer.bounds.y
    texts = [element.text for element in drawn(diagram).iter(f"{SVG}text")]
    assert [texts.count("2 x"), texts.count("3 x")] == [2, 1]
    assert "9x9x8 · 3 x" in texts


def test_the_first_layer_drawn_counts_shared_weights() -> None:
    net = build(parse_spec("in 9x9x4, conv 4 f1 @a, add { maxpool f3 s1 p1, use @a | use @a, relu }"))
    layers = net.layers
    assert [stage.shares for stage in layers] == [None, None, 0, 0, None, None]
    swapped = (  # the last of the three has the weights
        layers[0]._replace(shares=3, params=0), layers[1], layers[2]._replace(shares=3),
        layers[3]._replace(shares=None, params=20), *layers[4:],
    )  # fmt: skip
    boxes = network_diagram(stripped(net).changed(layers=swapped)).boxes
    assert [(box.label, box.params) for box in boxes if box.kind == BoxKind.CONVOLUTION] == [
        ("conv 4 f1 @a", 20), ("use @a: conv 4 f1", 0), ("use @a: conv 4 f1", 0),
    ]  # fmt: skip


def test_operations_of_model_files_have_a_kind() -> None:
    net = stripped(network("relu, tanh", (9, 9, 8)))
    attention = FileOperation(type="attention", size=(9, 9, 8), products=648)
    net = net.changed(layers=(net.layers[0], net.layers[1]._replace(layer=attention, macs=648)))
    box = network_diagram(net).boxes[1]
    assert (box.kind, box.macs, box.height) == (BoxKind.OTHER, 648, 56)


# Hard cases -----------------------------------------------------------------------------------------------


def one_box(text: str, size: Size) -> tuple[Box, ElementTree.Element]:
    diagram = network_diagram(network(text, size))
    assert_layout_is_valid(diagram)
    root = drawn(diagram)
    assert_texts_fit(root)
    (box,) = diagram.boxes
    return box, root


def test_layer_given_by_options() -> None:
    diagram = network_diagram(single_layer(Convolution(window=(5, 5), filters=6), (32, 32, 3)))
    assert_layout_is_valid(diagram)
    (box,) = diagram.boxes
    assert (box.label, box.params, box.kind) == ("conv 6 f5", 456, BoxKind.CONVOLUTION)
    assert network_diagram(diagram.network, by_block=True) == diagram


def test_single_vector() -> None:
    diagram = network_diagram(single_layer(Dense(units=10), (4,)))
    assert_layout_is_valid(diagram)
    root = drawn(diagram)
    assert_texts_fit(root)
    assert diagram.boxes[0].params == 50
    assert not [line for line in root.findall(f"{SVG}polyline") if line.attrib["points"].count(",") == 5]


def test_unknown_channels() -> None:
    diagram = network_diagram(single_layer(Convolution(window=(3, 3), stride=(2, 2)), (224, 224)))
    assert_layout_is_valid(diagram)
    root = drawn(diagram)
    assert_texts_fit(root)
    assert (diagram.boxes[0].output, diagram.boxes[0].params) == ((111, 111), None)
    assert "? params · ? MACs" in [text.text for text in root.findall(f"{SVG}text")]
    assert "params unknown" in (list(drawn_boxes(root))[1][0].findtext(f"{SVG}title") or "")


def test_numbers_of_five_hundred_digits() -> None:
    huge = 10**499
    box, root = one_box(f"conv {huge} f1", (huge, 1, huge))
    assert box.params == (huge + 1) * huge
    title = list(drawn_boxes(root))[1][0].findtext(f"{SVG}title") or ""
    assert (counted(title, "params"), counted(title, "MACs")) == (box.params, huge**3)
    assert [text.text for text in root.findall(f"{SVG}text")][-1] == "1.00e998 params · 1.00e1497 MACs"


@pytest.mark.parametrize("size", [(1, 20_000, 3), (20_000, 1, 3), (1, 1, 1)])
def test_extreme_aspect_ratios(size: Size) -> None:
    _, root = one_box("conv 4 f1", size)
    width, height = icon_size(list(drawn_boxes(root))[1][1])
    assert 2 <= min(width, height) <= max(width, height) == 26


@pytest.mark.parametrize(
    "tag", ["<script>alert(1)</script>", "&amp;\"'", "\x1b[31m", "a\u202eb", "猫" * 300, "\udcff"]
)
def test_unusual_tags(tag: str) -> None:
    diagram = network_diagram(network(f"conv 8 f1 @{tag}, relu, add @{tag}", (9, 9, 8)))
    assert_layout_is_valid(diagram)
    root = drawn(diagram, f"net {tag}")
    assert_texts_fit(root)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        "svg", "title", "desc", "style", "rect", "polyline", "polygon", "text",
    }  # fmt: skip
    assert not re.search("[\x1b\u202e]", "".join(root.itertext()))


def test_a_hundred_nested_braces() -> None:
    spec = "relu"
    for _ in range(99):
        spec = f"add {{ {spec} | }}"
    diagram = network_diagram(network(spec, (9, 9, 8)))
    assert_layout_is_valid(diagram)
    assert_every_input_is_drawn(diagram)


def test_too_many_boxes_are_refused() -> None:
    net = network(f"{MAX_BOXES + 1} x {{ relu }}", (9, 9, 8))
    with pytest.raises(
        UsageError,
        match="of 5,001 boxes: is too large: at most 5,000 are drawn; --repeats once draws repeats once; --by",
    ):
        network_diagram(net)
    (box,) = network_diagram(net, by_block=True).boxes
    assert box.label == "5001 x { relu }"
    (box,) = network_diagram(net, repeats_once=True).boxes
    assert (box.label, box.times, len(box.stages)) == ("relu", 5001, 5001)
    flat = network(", ".join(["relu"] * (MAX_BOXES + 1)), (9, 9, 8))
    with pytest.raises(UsageError, match=r"at most 5,000 are drawn$"):
        network_diagram(flat, by_block=True)


def test_kinds_of_layers() -> None:
    spec = "conv 8 f1, conv 8 f1 g2, dw f1, tconv 8 f1, maxpool f1, gap 4x4, bn, relu, pad 1, add { | }, flatten, fc 2"
    boxes = network_diagram(network(spec, (9, 9, 8))).boxes
    other = BoxKind.OTHER_CONVOLUTION
    assert [box.kind for box in boxes] == [
        BoxKind.CONVOLUTION, other, other, other, BoxKind.POOLING, BoxKind.POOLING, BoxKind.NORMALIZATION,
        BoxKind.ACTIVATION, BoxKind.SHAPE, BoxKind.JOIN, BoxKind.SHAPE, BoxKind.DENSE,
    ]  # fmt: skip
    assert isinstance(boxes[-2].stages[0].layer, Flatten)


@given(st.integers(0, 10**40))
def test_short_counts_have_three_digits(count: int) -> None:
    text = format_short_count(count)
    assert value(text) == pytest.approx(count, rel=0.005)
    assert sum(map(str.isdigit, text.partition("e")[0])) == 3 or count < 10_000


@pytest.mark.thorough
@given(st.text(max_size=60), st.floats(10, 200))
def test_truncated_texts_fit(text: str, width: float) -> None:
    truncated = truncate(text, width, 10)
    assert text_width(truncated, 10) <= width
    assert truncated == text or "…" in truncated or "\N{REPLACEMENT CHARACTER}" in truncated


def test_an_array_without_channels_is_drawn_as_narrow_as_one_with_a_single_channel() -> None:
    net = network("relu, conv 1 f1, conv 64 f1", (9, 9, 8))
    layers = [
        stage._replace(output=(9, 9, 0)) if not number else stage for number, stage in enumerate(net.layers)
    ]
    empty, single, wide = (
        box.bounds.width for box in network_diagram(net.changed(layers=tuple(layers))).boxes
    )
    assert empty == single < wide


def test_drawing_takes_linear_work() -> None:
    def work(count: int) -> int:
        net = network(", ".join(["conv 2 f3 p1, out { conv 2 f1 }"] * count), (9, 9, 2))
        return calls_during(lambda: network_drawing(network_diagram(net), ""))

    work(5)
    assert work(200) < 5 * work(50)
