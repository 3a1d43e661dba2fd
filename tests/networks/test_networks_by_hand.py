"""Networks against figures by hand: PyTorch's rows, and calculations independent of ours.

The random networks are drawn as text together with the sizes, costs and memory that they must have.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convcli.errors import SizeError
from convcli.networks.building import build
from convcli.networks.searching import valid_sides
from convcli.networks.sources import network, read_spec, shipped_networks
from convcli.networks.stages import Stage
from convcli.networks.tables import shape_table
from convcli.networks.text.grammar import parse_spec
from convcli.sizes.windowed import Axis
from tests.support import oracles as reference
from tests.support.call_counting import calls_during
from tests.support.sampling import examples

GOLDEN = Path(__file__).parents[1] / "data" / "networks"
HUGE = 10**30

# PyTorch's rows -------------------------------------------------------------------------------------------


TYPES = {
    "AdaptiveAvgPool2d": "gap",
    "AvgPool2d": "avgpool",
    "BatchNorm2d": "bn",
    "Conv2d": "conv",
    "Dropout": "dropout",
    "Flatten": "flatten",
    "Linear": "fc",
    "MaxPool2d": "maxpool",
    "ReLU": "relu",
    "ReLU6": "relu6",
    "SiLU": "silu",
    "Sigmoid": "sigmoid",
    "StochasticDepth": "dropout",
    "Tanh": "tanh",
}
DOCUMENTED_ROWS = {"lenet5", "alexnet", "vgg16", "resnet18", "mobilenet_v2"}
ROWS = sorted(DOCUMENTED_ROWS | {path.stem for path in GOLDEN.glob("*.json")})  # a missing file fails


def rows_of(name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    return rows


def type_of(stage: Stage) -> str:
    return "conv" if stage.layer.type == "dw" else str(stage.layer.type)


def paired(rows: list[dict[str, Any]], stages: tuple[Stage, ...]) -> Iterator[tuple[dict[str, Any], Stage]]:
    """Pair every golden row with a layer; what PyTorch does by a function has no row, and costs nothing."""
    remaining = iter(stages)
    for row in rows:
        for stage in remaining:
            if type_of(stage) == TYPES[row["type"]]:
                yield row, stage
                break
            assert (stage.params, stage.macs) == (0, 0), (row["name"], stage.text)
        else:
            pytest.fail(f"the network ends before {row['name']}")
    assert all((stage.params, stage.macs) == (0, 0) for stage in remaining)


def both(value: int | list[int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def statistics_of(row: dict[str, Any]) -> int:
    """Return the running statistics: PyTorch keeps besides them a counter of the batches it has seen."""
    return int(row["buffers"]) - int(row["type"] == "BatchNorm2d")


@pytest.mark.parametrize("name", ROWS)
def test_rows_equal_pytorch(name: str) -> None:
    rows = rows_of(name)
    pairs = list(paired(rows, network(name).layers))
    assert len(pairs) == len(rows)
    for row, stage in pairs:
        _, *rest = row["out"]
        assert stage.output == (*rest[1:], rest[0]), row["name"]
        assert (stage.params, stage.macs) == (row["params"], row["macs"]), row["name"]
        assert stage.statistics == statistics_of(row), row["name"]


@pytest.mark.parametrize("name", ROWS)
def test_axes_equal_pytorch(name: str) -> None:
    for row, stage in paired(rows_of(name), network(name).layers):
        if row["type"] not in ("Conv2d", "MaxPool2d", "AvgPool2d"):
            continue
        padding, dilation = both(row["padding"]), both(row.get("dilation", 1))
        for axis, f, s, p, d in zip(
            stage.axes or (), both(row["kernel_size"]), both(row["stride"]), padding, dilation, strict=True
        ):
            assert (axis.window, axis.stride, axis.before, axis.after, axis.dilation) == (f, s, p, p, d)  # type: ignore[union-attr]


@pytest.mark.parametrize("name", sorted(shipped_networks()))
def test_weights_and_biases_hold_the_parameters(name: str) -> None:
    for stage in network(name).layers:
        shapes = [shape for shape in (stage.weights, stage.biases) if shape is not None]
        assert stage.params == sum(prod(shape) for shape in shapes)


# Receptive fields -----------------------------------------------------------------------------------------


Branch = list[tuple[int, int, int, int]]  # filter, dilation, padding before and after


@st.composite
def branches(draw: st.DrawFn) -> Branch:
    """Draw convolutions that keep the side."""
    branch = []
    for _ in range(draw(st.integers(0, 3))):
        window, dilation = draw(st.integers(1, 4)), draw(st.integers(1, 2))
        before = draw(st.integers(0, dilation * (window - 1)))
        branch.append((window, dilation, before, dilation * (window - 1) - before))
    return branch


def read_by(branch: Branch, unit: int) -> set[int]:
    """Return the places that a unit behind the branch is computed from, tap by tap."""
    positions = {unit}
    for window, dilation, before, _ in reversed(branch):
        positions = {position - before + tap * dilation for position in positions for tap in range(window)}
    return positions


@given(st.lists(branches(), min_size=2, max_size=3))
@settings(max_examples=examples(150))
def test_branches_are_misaligned_where_their_centers_differ(drawn: list[Branch]) -> None:
    texts = [
        ", ".join(f"conv 2 f{f}x1 d{d} p{before}:{after}x0" for f, d, before, after in branch)
        for branch in drawn
    ]
    net = network(f"add {{ {' | '.join(texts)} }}", (40, 5, 2))
    read = [read_by(branch, 0) for branch in drawn]
    centers = {(min(positions) + max(positions)) / 2 for positions in read}
    join = net.layers[-1]
    assert join.output == (40, 5, 2)
    assert bool(join.misaligned) == (len(centers) > 1)
    assert join.fields is not None
    together = set().union(*read)
    assert join.fields[0].size is not None
    assert max(max(positions) - min(positions) for positions in read) < join.fields[0].size
    assert join.fields[0].size <= max(together) - min(together) + 1
    assert join.fields[0].center in centers
    assert (join.fields[1].size, join.fields[1].center) == (1, 0)


# Sequences ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "n", "size"),
    [
        ("in 32x24x3\nrelu", None, (32, 24, 3)),
        ("in 32x24x3\nrelu", (8, 9, 3), (8, 9, 3)),
        ("in 32x24x3\nrelu", (8, 9), (8, 9, 3)),
        ("in 32x24x3\nrelu", 8, (8, 8, 3)),
        ("in 32x24x3\nrelu", "8", (8, 8, 3)),
        ("in 32x24x3\nrelu", [8, 9], (8, 9, 3)),
        ("in 32\nrelu", None, (32, 32)),
        ("in 32\nrelu", (8, 9), (8, 9)),
        ("relu", (8, 9), (8, 9)),
    ],
)
def test_given_size_overrides_the_spec(text: str, n: Any, size: tuple[int, ...]) -> None:
    assert network(text, n).input == size


def test_repeats_are_written_out() -> None:
    written = network("conv 4 f3, bn, relu, conv 4 f3, bn, relu, conv 4 f3, bn, relu", (32, 32, 3))
    repeated = network("3 x { conv 4 f3, bn, relu }", (32, 32, 3))
    assert [stage.output for stage in repeated.layers] == [stage.output for stage in written.layers]
    assert (repeated.params, repeated.macs) == (written.params, written.macs)
    assert {stage.depth for stage in repeated.layers} == {1}
    assert {str(stage.position) for stage in repeated.layers if stage.layer.type == "bn"} == {
        "line 1, column 18"
    }


def test_a_depthwise_layer_keeps_channels_unknown() -> None:
    assert network("dw f3, maxpool f2", 32).output == (15, 15)


# Joins ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("add { conv 3 f3 p1 | }", (8, 8, 3)),
        ("add { | | }", (8, 8, 3)),
        ("cat { conv 4 f1 | conv 5 f3 p1 | }", (8, 8, 12)),
        ("cat { | }", (8, 8, 6)),
        ("mul { | gap, conv 3 f1 }", (8, 8, 3)),
        ("mul { gap, conv 3 f1 | }", (8, 8, 3)),
        ("mul { gap | | gap }", (8, 8, 3)),
        ("mul { gap | gap }", (1, 1, 3)),
        ("mul { relu | }", (8, 8, 3)),
        ("relu @a, conv 5 f1, cat @a", (8, 8, 8)),
        ("relu @a @b, conv 5 f3 p1, conv 3 f1, add @b", (8, 8, 3)),
        ("gap @gate, tconv 3 f8, mul @gate", (8, 8, 3)),
        ("add { relu @inside | }, conv 2 f1, cat @inside", (8, 8, 5)),
        ("conv 4 f1 @a, conv 6 f1 @a, cat @a", (8, 8, 12)),
        ("flatten, cat { fc 10 | fc 20 | }", (222,)),
        ("flatten, add { fc 5 | fc 5 }", (5,)),
        ("add { add { | } | cat { conv 1 f1 | conv 2 f1 } }", (8, 8, 3)),
        ("3 x { cat { conv 2 f1 | } }", (8, 8, 9)),
    ],
)
def test_joined_sizes(text: str, output: tuple[int, ...]) -> None:
    net = network(text, (8, 8, 3))
    assert net.output == output
    joins = [stage for stage in net.layers if stage.layer.type in ("add", "cat", "mul")]
    assert all((stage.params, stage.macs, stage.statistics, stage.axes) == (0, 0, 0, None) for stage in joins)


def test_branches_share_their_input_and_precede_their_join() -> None:
    net = network("conv 4 f3, cat { relu, conv 5 f1 | conv 6 f1 }", (8, 8, 3))
    assert [(stage.text, stage.input, stage.depth) for stage in net.layers] == [
        ("conv 4 f3", (8, 8, 3), 0),
        ("relu", (6, 6, 4), 1),
        ("conv 5 f1", (6, 6, 4), 1),
        ("conv 6 f1", (6, 6, 4), 1),
        ("cat", (6, 6, 5), 0),
    ]


@pytest.mark.parametrize(
    ("text", "n", "message"),
    [
        (
            "add { conv 4 f1 | }", (8, 8, 3),
            "line 1, column 1, add: its branches give 8x8x4 and 8x8x3; they must have the same size",
        ),
        (
            "relu,\n cat { conv 4 f3 | maxpool f2 | }", (8, 8, 3),
            "line 2, column 2, cat: its branches give 6x6x4 and 4x4x3 and 8x8x3; "
            "they must have the same height and width",
        ),
        (
            "mul { | gap, conv 4 f1 }", (8, 8, 3),
            "line 1, column 1, mul: its branches give 8x8x3 and 1x1x4; they must have the same size, or 1x1",
        ),
        (
            "relu @a, conv 3 f3, add @a", (8, 8, 3),
            "line 1, column 21, add @a: its branches give 6x6x3 and 8x8x3; they must have the same size",
        ),
        (
            "cat { flatten | }", (8, 8, 3),
            "line 1, column 1, cat: its branches give 192 and 8x8x3; "
            "they must have the same height and width",
        ),
        (
            "cat { | flatten }", (8, 8, 3),
            "line 1, column 1, cat: its branches give 8x8x3 and 192; "
            "they must have the same height and width",
        ),
        ("relu, add @a", (8, 8, 3), "line 1, column 7, add @a: unknown tag; no earlier layer has a tag; put @a after the layer to join with"),
        (
            "relu @skip, cat @skap", (8, 8, 3),
            "line 1, column 13, cat @skap: unknown tag; did you mean skip?",
        ),
        (
            "add @b, relu @b", (8, 8, 3),
            "line 1, column 1, add @b: unknown tag; no earlier layer has a tag; put @b after the layer to join with",
        ),
        (
            "flatten", (8, 8),
            "line 1, column 1, flatten on 8x8: flatten on 8x8 needs to know the channels, as in --n 8x8x3",
        ),
        (
            "flatten, relu\nconv 3 f3", (2, 2, 3),
            "line 2, column 1, conv 3 f3 on 12: conv on 12 values needs an image, "
            "not a vector; put it before the flatten",
        ),
        (
            "in 5x5x2\nconv 3 f7", None,
            "line 2, column 1, conv 3 f7 on 5x5x2: filter 7 on input 5 gives floor((5 + 2·0 - 7)/1) + 1 = -1, because "
            "the filter is larger than the padded input (7 > 5); "
            "use a padding of at least 1 or a filter of at most 5",
        ),
        (
            "2 x { maxpool f2 }\n\n  conv 6 f1 g4", (8, 8, 6),
            "line 3, column 3, conv 6 f1 g4 on 2x2x6: groups 4 must divide the 6 input channels, but "
            "6 / 4 leaves a remainder of 2; the nearest number of groups that does is 3",
        ),
    ],
)  # fmt: skip
def test_errors_show_position_and_arithmetic(text: str, n: Any, message: str) -> None:
    with pytest.raises(SizeError) as caught:
        network(text, n)
    assert str(caught.value) == message


# Huge numbers ---------------------------------------------------------------------------------------------


def test_sizes_of_thirty_digits_are_exact() -> None:
    net = network(f"conv {HUGE} f3 p1, bn, flatten, fc {HUGE}", (HUGE, HUGE, HUGE))
    assert net.layers[0].output == (HUGE, HUGE, HUGE)
    assert net.layers[0].macs == 9 * HUGE**4
    assert net.params == (9 * HUGE + 1) * HUGE + 2 * HUGE + (HUGE**3 + 1) * HUGE
    assert net.statistics == 2 * HUGE
    assert net.peak_activations == 2 * HUGE**3


def test_five_hundred_digits_are_exact_and_printed() -> None:
    maximum = 10**500 - 1
    net = network(f"conv {maximum} f3 p1, flatten, fc {maximum}", (maximum, maximum, maximum))
    assert net.layers[0].macs == 9 * maximum**4
    assert net.params == (9 * maximum + 1) * maximum + (maximum**3 + 1) * maximum
    assert str(net.params)
    assert f"{net.params:,}" in str(net)


@pytest.mark.parametrize(
    ("text", "n", "start"),
    [
        (f"tconv 1 f1 s{10**30}", (10**480, 1, 1), "line 1, column 1, tconv 1 f1 s10000"),
        (f"tconv 1 f1 s1x{10**30}", (1, 10**480, 1), "line 1, column 1, tconv 1 f1 s1x1000"),
        ("2 x { cat { | | | | } }", (1, 1, 10**499), "line 1, column 7, cat: makes a size"),
        (f"pad {10**499}, " * 6, (10**499, 1, 1), "line 1, column"),
    ],
)
def test_sizes_of_more_than_five_hundred_digits_are_refused(text: str, n: Any, start: str) -> None:
    with pytest.raises(SizeError) as caught:
        network(text, n)
    assert str(caught.value).startswith(start)
    assert str(caught.value).endswith("makes a size of more than 500 digits")


@pytest.mark.parametrize(
    "n", [10**500, 10**5000, -(10**5000), (3, 10**5000)], ids=["500", "5000", "negative", "pair"]
)
def test_side_too_long_to_print_is_refused(n: Any) -> None:
    with pytest.raises(SizeError) as caught:
        network("conv 6 f5", n)
    assert str(caught.value) == "input: has more than 500 digits"


def test_uncountable_pixels_are_not_reported_as_read() -> None:
    text = "conv 3 f3 d2 s2"
    header, row = shape_table(network(text, (HUGE, HUGE, 1))).as_tsv().splitlines()
    assert dict(zip(header.split("\t"), row.split("\t"), strict=True))["unread"] == "? rows, ? cols"
    assert list(valid_sides(parse_spec(text), (1, 1, 1), range(HUGE, HUGE + 4))) == []


@pytest.mark.parametrize("unit", ["conv 8 f3 p1, bn, relu\n", "add { conv 8 f3 p1 | } @a, add @a\n"])
def test_building_takes_linear_work(unit: str) -> None:
    short, long = parse_spec(unit * 200), parse_spec(unit * 2000)
    build(short, (16, 16, 8))
    few = calls_during(lambda: build(short, (16, 16, 8)))
    many = calls_during(lambda: build(long, (16, 16, 8)))
    assert 9 * few < many < 11 * few


# Memory ---------------------------------------------------------------------------------------------------


@dataclass
class Written:
    """A network as it is typed, and the steps in which its numbers come and go, written down by hand.

    A step names the stores that it reads and the one that it writes; a view writes what it reads.
    """

    channels: int
    side: int
    text: list[str] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    steps: list[tuple[list[int], int]] = field(default_factory=list)
    params: int = 0
    macs: int = 0
    tags: dict[str, tuple[int, int, int]] = field(default_factory=dict)  # store, channels, side

    def store(self, channels: int, side: int) -> int:
        self.sizes.append(channels * side * side)
        return len(self.sizes) - 1


Here = tuple[int, int, int]  # store, channels, side


def write_layer(draw: st.DrawFn, net: Written, here: Here, *, shrink: bool) -> tuple[str, Here]:
    store, channels, side = here
    kind = draw(st.sampled_from(["conv", "relu", "dropout", "identity", "bn"] + ["maxpool"] * shrink))
    if kind in ("dropout", "identity"):
        net.steps.append(([store], store))
        return kind, here
    filters = draw(st.integers(1, 6)) if kind == "conv" else channels
    after = side // 2 if kind == "maxpool" else side
    written = net.store(filters, after)
    net.steps.append(([store], written))
    if kind == "conv":
        net.params += 9 * channels * filters + filters
        net.macs += 9 * channels * filters * side * side
    net.params += 2 * channels * (kind == "bn")
    words = {"conv": f"conv {filters} f3 p1", "maxpool": "maxpool f2"}
    return words.get(kind, kind), (written, filters, after)


def write_projection(net: Written, here: Here, filters: int) -> tuple[str, Here]:
    store, channels, side = here
    written = net.store(filters, side)
    net.steps.append(([store], written))
    net.params += channels * filters
    net.macs += channels * filters * side * side
    return f"conv {filters} f1 nobias", (written, filters, side)


def write_join(draw: st.DrawFn, net: Written, here: Here, depth: int) -> tuple[str, Here]:
    kind = draw(st.sampled_from(["add", "cat", "mul"]))
    ends, texts = [], []
    for _ in range(draw(st.integers(2, 3))):
        words, end = write_items(draw, net, here, depth + 1, maximum=2)
        if kind != "cat" and end[1] != here[1]:
            word, end = write_projection(net, end, here[1])
            words.append(word)
        ends.append(end)
        texts.append(", ".join(words))
    channels = sum(end[1] for end in ends) if kind == "cat" else here[1]
    written = net.store(channels, here[2])
    net.steps.append(([end[0] for end in ends], written))
    return f"{kind} {{ {' | '.join(texts)} }}", (written, channels, here[2])


def write_items(
    draw: st.DrawFn, net: Written, here: Here, depth: int, *, maximum: int
) -> tuple[list[str], Here]:
    words: list[str] = []
    for _ in range(draw(st.integers(0 if depth else 1, maximum))):
        choice = draw(st.sampled_from(["layer", "layer", "join", "tag", "use"]))
        fitting = [name for name, (_, _, side) in net.tags.items() if side == here[2]]
        if choice == "join" and depth < 2:
            word, here = write_join(draw, net, here, depth)
        elif choice == "use" and fitting:
            name = draw(st.sampled_from(fitting))
            store, channels, _ = net.tags[name]
            written = net.store(here[1] + channels, here[2])
            net.steps.append(([here[0], store], written))
            word, here = f"cat @{name}", (written, here[1] + channels, here[2])
        else:
            word, here = write_layer(draw, net, here, shrink=depth == 0 and here[2] > 1)
            if choice == "tag":
                name = draw(st.sampled_from(["a", "b"]))
                net.tags[name] = here
                word += f" @{name}"
        words.append(word)
    return words, here


@st.composite
def written_networks(draw: st.DrawFn) -> Written:
    net = Written(channels=draw(st.integers(1, 4)), side=draw(st.sampled_from([1, 4, 8])))
    first = net.store(net.channels, net.side)
    net.text, _ = write_items(draw, net, (first, net.channels, net.side), 0, maximum=8)
    return net


def peak_by_hand(net: Written) -> int:
    """At every step, add up all that has been made and is still to be used, the final result included."""
    made = {0: -1}
    for number, (_, written) in enumerate(net.steps):
        made.setdefault(written, number)
    result = net.steps[-1][1]
    peak = net.sizes[0]
    for now in range(len(net.steps)):
        still = {store for reads, _ in net.steps[now:] for store in reads} | {net.steps[now][1], result}
        peak = max(peak, sum(net.sizes[store] for store in still if made[store] <= now))
    return peak


@given(written_networks())
@settings(max_examples=examples(400))
def test_costs_of_random_networks_match_sums_by_hand(net: Written) -> None:
    worked_out = network(", ".join(net.text), (net.side, net.side, net.channels))
    assert len(worked_out.layers) == len(net.steps)
    assert [prod(stage.output) for stage in worked_out.layers] == [net.sizes[out] for _, out in net.steps]
    assert worked_out.params == net.params
    assert worked_out.macs == net.macs
    assert worked_out.peak_activations == peak_by_hand(net)


@pytest.mark.parametrize(
    ("text", "peak"),
    [
        ("relu", 2 * 48),
        ("dropout, identity", 48),
        ("flatten, dropout", 48),
        ("relu, relu, relu", 2 * 48),
        ("conv 1 f1, conv 6 f1", 16 + 96),
        ("relu @a, relu, relu, add @a", 3 * 48),
        ("relu @a, relu, add @a, relu, relu", 3 * 48),
        ("add { | }", 2 * 48),
        ("add { relu | relu }", 3 * 48),
        ("conv 1 f1, add { relu, relu | }", 48 + 16),
        ("dropout @a, relu, add @a", 3 * 48),
        ("gap, flatten, fc 1000", 1003),
    ],
)
def test_peaks_worked_out_by_hand(text: str, peak: int) -> None:
    assert network(text, (4, 4, 3)).peak_activations == peak


@pytest.mark.parametrize("name", sorted(shipped_networks()))
def test_the_peak_is_between_the_largest_step_and_all_activations(name: str) -> None:
    net = network(name)
    largest = max(prod(stage.input) + prod(stage.output) for stage in net.layers if stage.axes is not None)
    assert largest <= (net.peak_activations or 0) <= (net.activations or 0) + prod(net.input)


# A convolution as a dense layer, blocks, single layers ----------------------------------------------------


@pytest.mark.parametrize(
    ("text", "bias"),
    [("conv 6 f5", True), ("dw f3 x2 nobias", False), ("tconv 4 f2 s2", True), ("conv 6 f3 g3 s2 p1", True)],
)
def test_a_convolution_as_a_dense_layer_connects_everything(text: str, bias: bool) -> None:
    stage = network(text, (8, 9, 3)).layers[0]
    twin = stage.dense_equivalent
    assert twin is not None
    inputs, outputs = 8 * 9 * 3, prod(stage.output)
    assert (twin.input, twin.output) == ((inputs,), (outputs,))
    assert twin.macs == inputs * outputs
    assert twin.params == inputs * outputs + outputs * bias


@pytest.mark.parametrize("text", ["relu", "maxpool f2", "fc 10", "gap", "bn", "flatten", "pad 1"])
def test_only_convolutions_have_a_dense_equivalent(text: str) -> None:
    assert network(text, (8, 8, 3)).layers[0].dense_equivalent is None


def test_blocks_are_the_items_of_the_top_level() -> None:
    net = network(
        "conv 4 f3 @a\n3 x { conv 4 f3 p1, bn, relu }, add { conv 4 f1, bn | }, "
        "2 x { relu }, cat @a, mul { | gap, conv 8 f1, silu, sigmoid }",
        (8, 8, 3),
    )
    labels: dict[str, list[str]] = {}
    for stage in net.layers:
        labels.setdefault(" ".join(net.blocks[stage.block].split()), []).append(stage.text)
    assert labels == {
        "conv 4 f3": ["conv 4 f3"],
        "3 x { conv, ..., relu }": ["conv 4 f3 p1", "bn", "relu"] * 3,
        "add { conv, bn | }": ["conv 4 f1", "bn", "add"],
        "2 x { relu }": ["relu", "relu"],
        "": ["cat @a"],
        "mul { | gap, ..., sigmoid }": ["gap", "conv 8 f1", "silu", "sigmoid", "mul"],
    }
    assert [stage.block for stage in net.layers] == sorted(stage.block for stage in net.layers)


# Fully read inputs ----------------------------------------------------------------------------------------


def reads_everything(stage: Stage) -> bool:
    """Whether the windows, laid one by one, touch every row and column; no formula of ours is asked."""
    return all(
        reference.read_pixels(**axis._asdict()) == set(range(axis.side))
        for axis in stage.axes or ()
        if isinstance(axis, Axis)
    )


@pytest.mark.parametrize(
    ("text", "sides"),
    [
        ("alexnet", range(220, 240)),
        ("resnet18", range(200, 232)),
        ("conv 4 f11 s4, maxpool f3 s2", range(1, 90)),
        ("conv 4 f3 d2 s2, avgpool f3 s2 ceil", range(1, 60)),
        ("conv 4 f5 s3 psame, maxpool f2", range(1, 60)),
        ("conv 4 f3 p1 @a, maxpool f2, conv 8 f3 p1, tconv 4 f2 s2, cat @a", range(1, 40)),
        ("add { conv 3 f3 | }", range(1, 20)),
    ],
)
def test_valid_sides_match_brute_force(text: str, sides: range) -> None:
    lossless = []
    for side in sides:
        try:
            net = network(text, (side, side, 3))
        except SizeError:
            continue
        if all(map(reads_everything, net.layers)):
            lossless.append(side)
    assert list(valid_sides(read_spec(text), (1, 1, 3), sides)) == lossless
