"""Networks without their text: branches, joins, tags and repeats are found, and the text reads back."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convcli.errors import SizeError, SpecError
from convcli.networks.building import build
from convcli.networks.layer_types.file_operation import FileOperation
from convcli.networks.layer_types.pooling import Pooling
from convcli.networks.network import Network, Port
from convcli.networks.sources import network, shipped_networks
from convcli.networks.text import repeating
from convcli.networks.text.grammar import parse_spec
from convcli.networks.text.tokens import TokenKind, tokenize
from convcli.networks.writing import as_layer_text
from tests.support.sampling import examples

COUNTED = (TokenKind.WORD, TokenKind.MARK, TokenKind.TAG)


def built(text: str) -> Network:
    return build(parse_spec(text))


def stripped(net: Network) -> Network:
    """Return a network as a model file gives it: layers and the tensors that they read."""
    layers = tuple(
        stage._replace(tags=(), position=None, depth=0, block=0, starts_branch=False, lead="")
        for stage in net.layers
    )
    return net.changed(layers=layers, items=(), blocks=())


def recovered(text: str) -> str:
    """Return the text of a network that is recovered from its layers, without its first line."""
    return as_layer_text(stripped(built(text))).partition("\n")[2]


def words(text: str) -> int:
    def fail(*_: object) -> None:
        pytest.fail("not a text")

    return sum(token.kind in COUNTED for token in tokenize(text, fail))  # type: ignore[arg-type]


def totals(net: Network) -> tuple[object, ...]:
    return net.output, net.params, net.macs, net.activations, net.statistics, len(net.layers)


@pytest.mark.parametrize("name", sorted(shipped_networks()))
def test_shipped_networks_come_back_as_short_as_they_were(name: str) -> None:
    net = network(name)
    text = as_layer_text(stripped(net), name)
    assert totals(built(text)) == totals(net)
    assert words(text) <= words(shipped_networks()[name].read_text("utf-8"))
    assert max(map(len, text.splitlines())) <= 110


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("conv 4 f1, conv 4 f1, conv 4 f1", "3 x { conv 4 f1 }\n"),
        ("relu, conv 4 f3 p1, relu, conv 4 f3 p1, relu", "relu\n2 x { conv 4 f3 p1, relu }\n"),
        (  # a repeat within a repeat
            "2 x { conv 4 f3 p1, relu, conv 4 f3 p1, relu, maxpool f2 }",
            "2 x { 2 x { conv 4 f3 p1, relu }, maxpool f2 }\n",
        ),
        ("conv 8 f3 p1 g4", "dw f3 p1 x2\n"),
        ("add { conv 4 f1 | }, relu", "add { conv 4 f1 | }, relu\n"),
        ("conv 4 f1 @a, relu, add @a", "conv 4 f1\nadd { relu | }\n"),
        ("mul { | gap, conv 4 f1, sigmoid }", "mul { | gap, conv 4 f1, sigmoid }\n"),
        ("split 2 { | conv 2 f1 }", "split 2 { | conv 2 f1 }\n"),
        (  # down and up again: a tag, not braces around everything
            "conv 4 f1 @a, maxpool f2, conv 4 f1, up 2, cat @a",
            "conv 4 f1 @skip1, maxpool f2\nconv 4 f1, up 2, cat @skip1\n",
        ),
        (  # an output that two later layers read
            "conv 4 f1 @a, maxpool f3 s1 p1 @b, maxpool f3 s1 p1, cat { from @a | from @b | }",
            "conv 4 f1 @skip1, maxpool f3 s1 p1 @skip2, maxpool f3 s1 p1\n"
            "cat { from @skip1 | from @skip2 | }\n",
        ),
        (  # what growing concatenations share
            "conv 4 f1 @a, conv 4 f3 p1 @b, cat { from @a | }, conv 4 f3 p1 @c, "
            "cat { from @a | from @b | }, conv 4 f3 p1, cat { from @a | from @b | from @c | }",
            "conv 4 f1\n3 x { cat { | conv 4 f3 p1 } }\n",
        ),
        ("conv 4 f1, out { relu }, out { conv 8 f1 }, tanh", "conv 4 f1\nout { relu }\nout { conv 8 f1 }\ntanh\n"),
        ("conv 4 f1, out { }, tanh", "conv 4 f1\nout { }\ntanh\n"),
        ("relu @a, conv 4 f1 @b, use @b, use @b", "relu, conv 4 f1 @skip1, use @skip1, use @skip1\n"),
        ("add { relu | tanh } @a, relu, cat { from @a, tanh | }", "add { relu | tanh }\ncat { tanh | relu }\n"),
        ("flatten, fc 4, relu, dropout, fc 4", "flatten, fc 4, relu, dropout, fc 4\n"),
        (  # what is read twice is no branch
            "conv 4 f1 @i, relu @a, from @i, tanh @b, add { from @a | from @a | from @b }",
            "conv 4 f1 @skip1, tanh @skip2\nfrom @skip1, relu\nadd { | | from @skip2 }\n",
        ),
        ("cat { slice 2:4 | slice 0:2 }", "cat { slice 2:4 | slice 0:2 }\n"),
        (  # a side output that is the sum of two earlier ones
            "conv 4 f1 @x, relu, out { add @x }, bn",
            "conv 4 f1 @skip1, relu @skip2\nout { from @skip1, add @skip2 }\nbn\n",
        ),
        (  # down and up again from the input, which has no tag
            "add { conv 4 f1, maxpool f2, 12 x { conv 4 f1, relu }, up 2 | conv 4 f1 }",
            "add { conv 4 f1, maxpool f2, 12 x { conv 4 f1, relu }, up 2 | conv 4 f1 }\n",
        ),
    ],
)  # fmt: skip
def test_structure_is_found(text: str, expected: str) -> None:
    assert recovered(f"in 8x8x4, {text}") == expected


def test_a_tag_within_a_repeat_stays_in_it() -> None:
    text = recovered("in 8x8x4, 5 x { conv 4 f1 @a, maxpool f2, up 2, cat @a, conv 4 f1 }, relu")
    assert text == "5 x { conv 4 f1 @skip1, maxpool f2, up 2, cat @skip1, conv 4 f1 }\nrelu\n"


def test_the_input_can_be_read_later() -> None:
    text = as_layer_text(stripped(built("in 8x8x4 @x, conv 4 f1, relu @a, tanh, add @a, cat @x")))
    assert text == "in 8x8x4\ncat { conv 4 f1, relu, add { tanh | } | }\n"
    crossed = "in 8x8x4 @x, relu @a, tanh @b, cat { from @x | from @a | from @b | relu }"
    assert totals(built(as_layer_text(stripped(built(crossed))))) == totals(built(crossed))


def test_joins_of_layers_within_another_branch_read_back() -> None:
    text = (
        "in 8x8x4, conv 4 f1 @i, relu @d, tanh @a, from @d, sigmoid @b, mul @a @y, from @a, add @b @x, "
        "cat { from @x | from @y | from @i }"
    )
    net = built(text)
    again = built(as_layer_text(stripped(net)))
    assert totals(again) == totals(net)
    assert sorted(stage.layer.type for stage in again.layers) == sorted(s.layer.type for s in net.layers)


def test_a_repetition_is_followed_to_both_sides() -> None:
    layers = ["relu" if letter == "r" else "conv 4 f1" for letter in "rrrrcrrrrrcr"]
    net = built(f"in 8x8x4, {', '.join(layers)}")
    assert [stage.text for stage in built(as_layer_text(stripped(net))).layers] == layers


def test_parts_that_read_from_the_part_before_are_no_repeat() -> None:
    skips = ", ".join(f"conv 4 f1 @t{number}, add @t{number - 2}" for number in range(2, 7))
    text = recovered(f"in 8x8x4, conv 4 f1 @t0, conv 4 f1 @t1, {skips}")
    assert text == (
        "conv 4 f1\nadd { conv 4 f1 @skip1, conv 4 f1 @skip2 | }\nconv 4 f1 @skip3, add @skip1, "
        "conv 4 f1 @skip4, add @skip2, conv 4 f1, add @skip3, conv 4 f1, add @skip4\n"
    )


def test_the_search_for_repeats_may_end_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeating, "MAX_ROUNDS", 1)
    text = "in 8x8x4, 5 x { 3 x { conv 4 f1, relu, bn, tanh }, sigmoid, gelu }"
    assert totals(built(as_layer_text(stripped(built(text))))) == totals(built(text))


def test_branches_nested_without_end_become_tags() -> None:
    depth = 150
    text = "in 2x2x4, " + "".join(f"relu @a{n}, conv 4 f1, " for n in range(depth))
    text += ", ".join(f"relu, add @a{n}" for n in reversed(range(depth)))
    net = built(text)
    assert totals(built(as_layer_text(stripped(net)))) == totals(net)


LONG: dict[str, Callable[[], str]] = {
    "equal": lambda: "100000 x { relu }",
    "residual": lambda: "4000 x { add { conv 4 f3 p1, bn, relu, conv 4 f3 p1, bn | }, relu }",
    "skips": lambda: ", ".join(f"conv 4 f1 @a{n}, relu, add @a{n * 7919 % max(n, 1)}" for n in range(10_000)),
    "random": lambda: ", ".join(Random(n).choice(["conv 4 f1", "relu", "bn"]) for n in range(99_999)),
    "outputs": lambda: ", ".join(["relu, out { conv 4 f1 }"] * 15_000),
}


@pytest.mark.thorough
@pytest.mark.parametrize("name", LONG)
def test_tens_of_thousands_of_layers(name: str) -> None:
    net = built(f"in 2x2x4, {LONG[name]()}")
    assert totals(built(as_layer_text(stripped(net)))) == totals(net)


# Any graph ------------------------------------------------------------------------------------------------

LAYERS = [
    "conv 4 f1",
    "conv 4 f3 p1",
    "conv 4 f1 g4",
    "dw f3 p1",
    "maxpool f3 s1 p1",
    "bn",
    "dropout",
    "relu",
]


def random_items(random: Random, tags: list[str], depth: int = 0) -> str:
    """Return random items that keep the size 6x6x4, with every word of the grammar for graphs."""

    def inner() -> str:
        return random_items(random, tags, depth + 1)

    items = []
    for _ in range(random.randint(1, 4)):
        kind = random.random()
        item = random.choice(LAYERS)
        if depth < 4 and kind < 0.15:
            item = f"{random.randint(1, 3)} x {{ {inner()} }}"
        elif depth < 4 and kind < 0.3:
            branches = [inner() if random.random() < 0.75 else "" for _ in range(random.randint(2, 4))]
            join = random.choice(["add", "cat", "mul"])
            item = f"{join} {{ {' | '.join(branches)} }}" + ", conv 4 f1" * (join == "cat")
        elif depth < 4 and kind < 0.35:
            item = f"split 2 {{ {inner()}, conv 2 f1 | relu }}, conv 4 f1"
        elif depth < 4 and kind < 0.4:
            item = f"out {{ {inner()} }}, relu"
        elif tags and kind < 0.5:
            item = f"{random.choice(['add', 'mul'])} @{random.choice(tags)}"
        elif tags and kind < 0.55:
            item = f"from @{random.choice(tags)}, relu"
        elif tags and kind < 0.6:
            item = f"use @{random.choice(tags)}"
        if random.random() < 0.2:
            tags.append(f"t{random.randint(0, 8)}")
            item += f" @{tags[-1]}"
        items.append(item)
    return ", ".join(items)


@settings(max_examples=examples(60), deadline=None)
@given(seed=st.integers(0, 10**9))
def test_any_graph_reads_back(seed: int) -> None:
    try:
        net = built(f"in 6x6x4, {random_items(Random(seed), [])}")
    except (SizeError, SpecError):  # a split of a split, or a tag that is out of reach
        return
    again = built(as_layer_text(stripped(net)))
    assert totals(again) == totals(net)
    assert sorted(stage.text.split(" ")[0] for stage in again.layers if stage.macs == 0) == sorted(
        stage.text.split(" ")[0] for stage in net.layers if stage.macs == 0
    )


# Model files ----------------------------------------------------------------------------------------------

MODELS = Path(__file__).parents[1] / "data" / "models"
FILES = sorted(
    path.name
    for path in MODELS.iterdir()
    if path.suffix in (".onnx", ".pt2") or path.name.endswith(".keras.config.json")
)


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize("name", [name for name in FILES if not name.startswith("vit")])
def test_model_files_read_back(name: str) -> None:
    net = network(MODELS / name, "224x224x3" if "_dyn." in name else None)
    again = built(as_layer_text(net, name))
    assert (again.output, again.params, again.macs) == (net.output, net.params, net.macs)
    assert len(again.layers) == len(net.layers)


def test_the_layers_of_a_model_file_are_written_as_a_person_would() -> None:
    text = as_layer_text(network(MODELS / "shufflenet_v2_x1_0.ts.onnx"))
    assert [line for line in text.splitlines() if "#" not in line][1:6] == [
        "conv 24 f3 s2 p1, relu",
        "maxpool f3 s2 p1",
        "cat { dw f3 s2 p1, conv 58 f1, relu | conv 58 f1, relu, dw f3 s2 p1, conv 58 f1, relu }, shuffle g2",
        "3 x { split 2 { | conv 58 f1, relu, dw f3 p1, conv 58 f1, relu }, shuffle g2 }",
        "cat { dw f3 s2 p1, conv 116 f1, relu | conv 116 f1, relu, dw f3 s2 p1, conv 116 f1, relu }, shuffle g2",
    ]


def test_modules_are_comments() -> None:
    text = as_layer_text(network(MODELS / "resnet18.pt2"), "resnet18")
    assert (
        text
        == """\
# resnet18
in 224x224x3
# conv1, bn1, relu, maxpool
conv 64 f7 s2 p3 nobias, bn, relu, maxpool f3 s2 p1
# layer1
2 x { add { conv 64 f3 p1 nobias, bn, relu, conv 64 f3 p1 nobias, bn | }, relu }
# layer2
add { conv 128 f3 s2 p1 nobias, bn, relu, conv 128 f3 p1 nobias, bn | conv 128 f1 s2 nobias, bn }, relu
add { conv 128 f3 p1 nobias, bn, relu, conv 128 f3 p1 nobias, bn | }, relu
# layer3
add { conv 256 f3 s2 p1 nobias, bn, relu, conv 256 f3 p1 nobias, bn | conv 256 f1 s2 nobias, bn }, relu
add { conv 256 f3 p1 nobias, bn, relu, conv 256 f3 p1 nobias, bn | }, relu
# layer4
add { conv 512 f3 s2 p1 nobias, bn, relu, conv 512 f3 p1 nobias, bn | conv 512 f1 s2 nobias, bn }, relu
add { conv 512 f3 p1 nobias, bn, relu, conv 512 f3 p1 nobias, bn | }, relu
# avgpool, fc
gap, flatten, fc 1000
"""
    )


def test_the_comment_of_a_module_is_above_its_jump() -> None:
    crossed = (
        "relu @x, conv 4 f1 @a, bn, from @x, tanh @b, add @a @c, from @b, mul @a, relu, cat @c, conv 4 f1"
    )
    net = stripped(built(f"in 8x8x4, {crossed}"))
    names = [f"{module}.{number}" for number, module in enumerate("aaaacaacc")]
    net = net.changed(layers=tuple(s._replace(name=n) for s, n in zip(net.layers, names, strict=True)))
    assert as_layer_text(net).splitlines() == [
        "in 8x8x4",
        "# a",
        "relu",
        "mul { tanh @a.3 | conv 4 f1 @a.1, out { bn } }, relu @a.6",
        "# c",
        "from @a.3, add @a.1, cat @a.6, conv 4 f1",
    ]


def test_modules_of_single_layers_are_no_comments() -> None:
    net = stripped(built("in 8x8x4, conv 4 f1, relu, conv 8 f1"))
    net = net.changed(layers=tuple(s._replace(name=f"{n}.0") for s, n in zip(net.layers, "abc", strict=True)))
    assert as_layer_text(net) == "in 8x8x4\nconv 4 f1, relu, conv 8 f1\n"


def test_tags_are_the_ends_of_modules_paths_with_a_number_if_they_are_taken() -> None:
    net = stripped(built("in 8x8x4, 2 x { conv 4 f1 @a, maxpool f2, conv 4 f1, up 2, cat @a, conv 6 f1 }"))
    name = "backbone.features.stages.block.convolution"
    net = net.changed(layers=tuple(s._replace(name=name) for s in net.layers))
    tags = [word for word in as_layer_text(net).replace(",", "").split() if word.startswith("@")]
    assert tags == ["@stages.block.convolution"] * 2


def test_a_bias_that_another_layer_counts_is_not_written() -> None:
    net = stripped(built("in 8x8x4, conv 4 f1, fc 4"))
    net = net.changed(layers=(net.layers[0], net.layers[1]._replace(params=16)))
    assert as_layer_text(net) == "in 8x8x4\nconv 4 f1, fc 4 nobias\n"


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("vit")][:1])
def test_attention_is_named(name: str) -> None:
    with pytest.raises(SpecError, match=r"layer `.*cannot be written as text: layer text has no word for it"):
        as_layer_text(network(MODELS / name))


# What cannot be said --------------------------------------------------------------------------------------


def test_an_operation_without_words_is_named() -> None:
    net = stripped(built("in 8x8x4, conv 4 f1, relu"))
    attention = FileOperation(type="attention", size=(8, 8, 4))
    net = net.changed(layers=(net.layers[0], net.layers[1]._replace(layer=attention, name="encoder.0.self")))
    with pytest.raises(SpecError) as error:
        as_layer_text(net)
    assert str(error.value) == (
        "layer `encoder.0.self` (attention): cannot be written as text: layer text has no word for it"
    )


def test_a_reshape_between_layers_is_named() -> None:
    net = stripped(built("in 8x8x4, conv 4 f1, relu"))
    net = net.changed(layers=(net.layers[0], net.layers[1]._replace(input=(64, 4), output=(64, 4))))
    with pytest.raises(SpecError, match=r"layer `relu`.* reads 64x4, but the layer before it gives 8x8x4"):
        as_layer_text(net)


def test_several_inputs_are_refused() -> None:
    net = stripped(built("in 8x8x4, relu")).changed(inputs=(Port("a", (8, 8, 4), 0), Port("b", (8,), 9)))
    with pytest.raises(SpecError, match=r"a network of 2 inputs \(a, b\): .* layer text has one input"):
        as_layer_text(net)


def test_a_layer_of_two_inputs_is_named() -> None:
    net = stripped(built("in 8x8x4, conv 4 f1, relu"))
    net = net.changed(layers=(net.layers[0], net.layers[1]._replace(input_tensors=(0, 1))))
    with pytest.raises(SpecError, match=r"layer `relu`: .* it reads 2 arrays, where layer text has one"):
        as_layer_text(net)


def test_a_network_without_layers_is_refused() -> None:
    with pytest.raises(SpecError, match="there are no layers; write some"):
        as_layer_text(Network((8, 8, 4), ()))


def test_a_layer_that_reads_back_differently_is_named() -> None:
    net = stripped(built("in 8x8x4, conv 4 f1, relu"))
    more = net.layers[0]._replace(params=21)
    with pytest.raises(SpecError, match=r"layer `conv 4 f1`.* it would read back with 20 parameters, not 21"):
        as_layer_text(net.changed(layers=(more, net.layers[1])))
    other = net.layers[0]._replace(macs=7)
    with pytest.raises(SpecError, match="it would read back as 8x8x4 with 1,024 MACs"):
        as_layer_text(net.changed(layers=(other, net.layers[1])))
    unreadable = net.layers[1]._replace(layer=Pooling(window=(3, 3), type="medianpool"))
    with pytest.raises(SpecError, match=r"layer `medianpool f3`: cannot be written as text: .*medianpool"):
        as_layer_text(net.changed(layers=(net.layers[0], unreadable)))


@pytest.mark.parametrize(
    "text",
    [
        "out { }, conv 4 f3",  # the input is an output
        "in 8x8x4 @image, out { conv 2 f3 }, from @image",  # the main one
        "conv 4 f3, out { }, out { }, out { }",  # one output several times
        "relu, out { }, out { }, flatten, fc 5",  # the output is the image, not its view as a vector
        "flatten, out { }, fc 5",
    ],
)
def test_outputs_come_back(text: str) -> None:
    net = built(text if text.startswith("in") else f"in 8x8x4\n{text}")
    again = built(as_layer_text(stripped(net)))
    assert [port.size for port in again.outputs] == [port.size for port in net.outputs]
    assert totals(again) == totals(net)


def test_tags_that_cannot_be_printed_are_renamed() -> None:
    for tag, name in (("\x1b[31m", "skip1"), ("\u202ea", "skip1"), ("größe", "größe")):
        text = f"in 8x8x4\nmaxpool f2 @{tag}, maxpool f2, conv 4 f1, up 2, cat @{tag}"
        assert f"cat @{name}\n" in as_layer_text(built(text))


def test_numbered_tags_are_not_those_of_the_text() -> None:
    text = "in 8x8x4\nmaxpool f2 @skip1, relu @\u202ea, maxpool f2, conv 4 f1, up 2, cat @\u202ea, cat @skip1"
    assert as_layer_text(built(text)) == (
        "in 8x8x4\nmaxpool f2 @skip1\nrelu @skip2, maxpool f2\nconv 4 f1, up 2, cat @skip2, cat @skip1\n"
    )
