"""Side outputs, going on from a tag, weights used again, and split channels: by hand and by properties."""

import json

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from convcli.cli.reports.summaries import CostUnits, params_summary, shape_summary
from convcli.errors import SizeError, SpecError
from convcli.networks.network import Port
from convcli.networks.rows import table_rows
from convcli.networks.searching import smallest_side
from convcli.networks.sources import network, read_spec
from convcli.networks.tables import params_table
from tests.support.command_line import Runner
from tests.support.sampling import examples


def labels(text: str, *, by_block: bool = False) -> list[str]:
    return [row.label for row in table_rows(network(text, (8, 8, 4)), by_block=by_block)]


def test_a_side_output_goes_on_with_its_input() -> None:
    net = network("conv 6 f3 @a, out { conv 2 f1, relu }, conv 5 f3, out { } , maxpool f2", (10, 10, 3))
    assert [stage.input for stage in net.layers] == [(10, 10, 3), (8, 8, 6), (8, 8, 2), (8, 8, 6), (6, 6, 5)]
    assert [port.size for port in net.outputs] == [(8, 8, 2), (6, 6, 5), (3, 3, 5)]
    assert (net.output, net.params) == ((3, 3, 5), 168 + 14 + 275)
    assert net.receptive_field == (6, 6)  # of the main output


def test_an_output_has_the_name_of_its_tag() -> None:
    net = network("conv 6 f3 @a, out { conv 2 f1 @side }, relu, out { } , conv 5 f3 @main", (10, 10, 3))
    assert [port.name for port in net.outputs] == ["side", "", "main"]
    assert [port.tensor for port in net.outputs] == [net.layers[n].output_tensor for n in (1, 2, 3)]


def test_from_goes_on_from_a_tag() -> None:
    net = network("in 8x8x3 @image, conv 6 f3 @a, conv 2 f5, from @a, relu, from @image, conv 4 f1", None)
    assert [stage.input_tensors for stage in net.layers] == [(0,), (1,), (1,), (0,)]
    assert (net.output, net.layers[2].output) == ((8, 8, 4), (6, 6, 6))
    assert labels("relu @a, bn, from @a, cat { sigmoid | tanh }") == [
        "relu @a", "bn", "from @a: sigmoid", "| tanh", "cat",
    ]  # fmt: skip


def test_the_main_output_may_be_an_earlier_one() -> None:
    net = network("in 8x8x3 @image, conv 6 f3 @a, conv 2 f5, from @a", None)
    assert (net.output, net.outputs) == ((6, 6, 6), (Port("a", (6, 6, 6), 1),))
    net = network("in @image, conv 6 f3, from @image", (8, 8, 3))
    assert (net.output, net.receptive_field) == ((8, 8, 3), None)


def test_weights_used_again_count_once_and_work_again() -> None:
    once = network("conv 4 f3 p1, bn", (8, 8, 4))
    twice = network("1 x { conv 4 f3 p1, bn } @block, use @block, 2 x { use @block }", (8, 8, 4))
    assert (twice.params, twice.statistics) == (once.params, once.statistics)
    assert twice.macs == 4 * (once.macs or 0)
    assert [stage.shares for stage in twice.layers] == [None, None, 0, 1, 0, 1, 0, 1]
    assert all(stage.weights is not None for stage in twice.layers)  # the shapes remain


def test_running_statistics_used_again_count_once() -> None:
    net = network("bn noaffine @a, use @a @b, use @b", (8, 8, 4))
    assert (net.statistics, [stage.shares for stage in net.layers]) == (8, [None, 0, 0])
    with pytest.raises(SizeError, match="bn noaffine has running statistics of 4 channels, but 6x6x3 has 3"):
        network("bn noaffine @a, conv 3 f3, use @a", (8, 8, 4))


def test_siamese_branches_share_all_weights() -> None:
    text = """in 32x32x6 @pair
        slice 0:3, 1 x { conv 8 f3 s2, relu, add { conv 8 f1 | } , gap, flatten } @left
        from @pair, slice 3:6, use @left
        cat @left, fc 1, sigmoid"""
    net = network(text)
    assert net.params == 224 + 72 + 17
    assert net.macs == 2 * (15 * 15 * 8 * 27 + 15 * 15 * 64) + 16
    assert net.layers[-3].input_tensors == (net.layers[-4].output_tensor, net.layers[5].output_tensor)


def test_what_is_used_is_the_last_item_above_with_that_tag() -> None:
    net = network("conv 4 f1 @a, conv 4 f3 p1 @a @b, use @a, use @a @c, use @c, conv 4 f5 p2 @a", (8, 8, 4))
    assert [stage.text for stage in net.layers[2:5]] == ["conv 4 f3 p1"] * 3
    assert [stage.shares for stage in net.layers[2:5]] == [1, 1, 1]


def test_a_repeat_uses_what_it_made_last() -> None:
    net = network("3 x { conv 4 f3 p1 @a, use @a, relu }", (8, 8, 4))
    assert [stage.shares for stage in net.layers] == [None, 0, None, None, 3, None, None, 6, None]
    assert net.params == 3 * 148


def test_tags_within_what_is_used_name_the_new_outputs() -> None:
    net = network("1 x { relu @in, conv 4 f3 p1, add @in } @block, use @block, cat @in", (8, 8, 4))
    relu = net.layers[3]
    assert (relu.text, net.layers[5].input_tensors[1], net.layers[6].input_tensors[1]) == (
        "relu", relu.output_tensor, relu.output_tensor,
    )  # fmt: skip


def test_split_gives_each_branch_a_part_and_concatenates() -> None:
    net = network("split 2 { conv 5 f1 | }, split { | relu | }", (8, 8, 8))
    assert [(stage.text, stage.output[-1]) for stage in net.layers] == [
        ("slice 0:4", 4), ("conv 5 f1", 5), ("slice 4:8", 4), ("cat", 9),
        ("slice 0:3", 3), ("slice 3:6", 3), ("relu", 3), ("slice 6:9", 3), ("cat", 9),
    ]  # fmt: skip
    assert net.params == 25


def test_rows_say_what_they_read() -> None:
    text = "conv 4 f1 @a, out { conv 2 f1 }, out { relu, bn }, split 2 { relu | }, use @a, from @a, fc 3"
    assert labels(text) == [
        "conv 4 f1 @a", "out: conv 2 f1", "out: relu", "bn", "slice 0:2", "relu", "| slice 2:4", "cat",
        "use @a: conv 4 f1", "from @a: fc 3",
    ]  # fmt: skip
    assert labels(text, by_block=True) == [
        "conv 4 f1 @a", "out: conv 2 f1", "out { relu, bn }", "split 2 { relu | }", "use @a: conv 4 f1",
        "from @a: fc 3",
    ]  # fmt: skip
    nested = "1 x { out { relu }, out { }, split 3 { | | } } @b, use @b, 2 x { use @b, out { bn, relu } }"
    assert [row.label for row in table_rows(network(nested, (4, 4, 3)), by_block=True)] == [
        "1 x { out, ..., split }", "use @b", "2 x { use @b, out }",
    ]  # fmt: skip


def test_outputs_are_held_to_the_end() -> None:
    held = network("conv 8 f1, out { }, conv 1 f1, conv 1 f1", (8, 8, 1))
    free = network("conv 8 f1, conv 1 f1, conv 1 f1", (8, 8, 1))
    assert (free.peak_activations, held.peak_activations) == (64 * 9, 64 * 10)
    tagged = network("conv 8 f1 @a, conv 1 f1, conv 1 f1, cat @a", (8, 8, 1))
    assert tagged.peak_activations == 64 * 18


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("relu @skip, from @skp", "line 1, column 13, from @skp: unknown tag; did you mean skip?"),
        (
            "conv 4 f3 @a, conv 3 f1, use @a",
            "line 1, column 26, use @a: the weights of conv 4 f3 are 3x3x4x4 on an input of 8x8x4, but 6x6x3 needs "
            "3x3x3x4; give it the same number of channels",
        ),
        (
            "1 x { add { conv 4 f1 | } } @a,\n bn, maxpool f9 @b, use @a",
            "line 2, column 6, maxpool f9 on 8x8x4: filter 9 on input 8 gives floor((8 + 2·0 - 9)/9) + 1 = 0, because "
            "the filter is larger than the padded input (9 > 8); use a padding of at least 1 or a filter of at "
            "most 8",
        ),
        (
            "1 x { add { conv 4 f1 | } } @a, conv 3 f1, 2 x { use @a }",
            "line 1, column 50, add: its branches give 8x8x4 and 8x8x3; they must have the same size",
        ),
        ("conv 4 f5 @a, use @a", "line 1, column 15, conv 4 f5 on 4x4x4: filter 5 on input 4 gives "),
        ("split 3 { | | }", "line 1, column 1, split 3 on 8x8x4: needs channels that 3 divides, but 4 / 3 leaves a "
         "remainder of 1"),
    ],
)  # fmt: skip
def test_errors_name_what_the_text_says(text: str, message: str) -> None:
    with pytest.raises(SizeError) as caught:
        network(text, (8, 8, 4))
    assert str(caught.value).startswith(message)


def test_uses_cannot_make_endless_or_huge_networks() -> None:
    doubled = "relu @a" + "".join(", cat { use @a | use @a } @a" for _ in range(60))
    with pytest.raises(SpecError, match="makes 131,071 layers with repeats written out; at most 100,000"):
        network(doubled, (8, 8, 1))
    tripled = "1000 x { relu } @a, 200 x { bn, use @a }"
    with pytest.raises(SpecError, match="column 21: makes 201,200 layers with repeats"):
        network(tripled, (8, 8, 1))
    nested = "relu @a0" + "".join(f", 1 x {{ use @a{n} }} @a{n + 1}" for n in range(120))
    with pytest.raises(SpecError, match="braces are nested more than 100 deep, with those of @a"):
        network(nested, (8, 8, 1))
    chained = "relu @a0" + "".join(f", use @a{n} @a{n + 1}" for n in range(2000))
    assert len(network(chained, (8, 8, 1)).layers) == 2001
    inner = "conv 1 f1 @a, 2 x { use @a, conv 1 f1 } @a, use @a"  # the inner use is of the first a
    assert [stage.shares for stage in network(inner, (8, 8, 1)).layers] == [
        None, 0, None, 0, None, 0, 2, 0, 4,
    ]  # fmt: skip


PARTS = st.sampled_from(
    [
        "conv 4 f3 p1", "relu @t", "conv 4 f1 nobias, bn @t", "out { conv 2 f1 }", "out { }", "add { relu | }",
        "split 2 { conv 2 f1 | }", "2 x { conv 4 f1 @t }", "cat { slice 0:2 | slice 2: }",
    ]
)  # fmt: skip


@given(st.lists(PARTS, min_size=1, max_size=5))
@settings(max_examples=examples(60), deadline=None)
def test_using_an_item_again_is_writing_it_again_but_for_parameters(parts: list[str]) -> None:
    assume(any(part != "out { }" for part in parts))  # a repeat has a layer
    block = f"1 x {{ {', '.join(parts)} }}"
    written, used = network(f"{block}, {block}", (6, 6, 4)), network(f"{block} @b, use @b", (6, 6, 4))
    for one, other in zip(written.layers, used.layers, strict=True):
        assert one[2:5] == other[2:5]  # sizes and axes
        assert (one.macs, one.fields, one.input_tensors) == (other.macs, other.fields, other.input_tensors)
    half = network(block, (6, 6, 4))
    assert (used.params, used.statistics) == (half.params, half.statistics)
    assert used.macs == written.macs
    assert [port[1:] for port in used.outputs] == [port[1:] for port in written.outputs]
    assert used.peak_activations == written.peak_activations


def test_the_smallest_side_of_weights_used_again() -> None:
    text = "conv 4 f3 s2 @x, maxpool f2, 1 x { flatten, fc 3 } @a, from @x, gap 2x2, use @a"
    assert smallest_side(read_spec(text), (1, 1, 3)) == 9  # the sides behind maxpool are 2 then


def test_layers_that_nothing_reads_are_pointed_out() -> None:
    net = network("conv 3 f1 @a, conv 2 f3 @b, from @a, out { relu }, tanh, bn", (9, 9, 3))
    line = (
        "unused",
        "conv 2 f3 (line 1, column 15): no layer reads it; write out { } after it to make its output one of the "
        "network",
    )
    assert shape_summary(net)[-1] == params_summary(net, CostUnits())[-1] == line
    for text in ("relu", "relu @a, from @a", "relu @a, out { }, from @a, bn", "relu, dropout"):
        assert network(text, (9, 9, 3)).unused == ()


def test_outputs_on_the_command_line(convcli: Runner) -> None:
    spec = "conv 4 f3, out { conv 2 f1 @side }, maxpool f2"
    record = json.loads(convcli("shape", "--n", "8x8x3", spec, "--json").out)
    assert record["outputs"] == [{"name": "side", "size": "6x6x2"}, {"name": None, "size": "3x3x4"}]
    assert record["output"] == "3x3x4"
    assert [layer["reads"] for layer in record["layers"]] == [[0], [1], [1]]
    assert convcli("shape", "--n", "8x8x3", spec, "--last").out == "3x3x4\n"
    assert "out: conv 2 f1 @side" in params_table(network(spec, (8, 8, 3))).as_text()


@pytest.mark.parametrize("text", ["in 8x8x3, out { }", "in 8x8x3 @x, from @x"])
def test_outputs_alone_make_no_network(text: str) -> None:
    with pytest.raises(SpecError, match="line 1, column 1: there are no layers"):
        read_spec(text)


def test_many_tags_are_not_listed() -> None:
    text = ", ".join(f"relu @tag{number}" for number in range(300))
    with pytest.raises(SpecError, match=r"use @missing: unknown tag; 300 other tags are defined before it$"):
        read_spec(f"{text}, use @missing")
