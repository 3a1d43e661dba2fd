"""The grammar on random networks that are written with the known position of each of their parts.

Parsing must give the same items, each with its line and column, and take work in proportion to the text.
"""

import re
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from convcli.errors import SizeError, SpecError
from convcli.networks.building import build
from convcli.networks.layer_types.base import Layer
from convcli.networks.layer_types.convolution import Convolution
from convcli.networks.layer_types.pooling import Pooling
from convcli.networks.text.grammar import parse_spec
from convcli.networks.text.spec import (
    From,
    Item,
    Join,
    JoinKind,
    JoinTag,
    LayerItem,
    Out,
    Position,
    Repeat,
    Tag,
    walk,
)
from tests.support.call_counting import calls_during
from tests.support.sampling import examples

# Writing with positions -----------------------------------------------------------------------------------


class Writer:
    """A text that knows the line and column of its next word."""

    def __init__(self) -> None:
        self.text = ""

    @property
    def position(self) -> Position:
        return Position(self.text.count("\n") + 1, len(self.text) - (self.text.rfind("\n") + 1) + 1)

    def write(self, text: str) -> Position:
        """Write a text and return where it begins."""
        position = self.position
        self.text += text
        return position


BLANKS = st.sampled_from(["", " ", "  ", "\t", "\r", "\u00a0"])
GAPS = st.sampled_from([" ", "  ", "\t", " \t "])
SEPARATORS = st.sampled_from([",", ", ", "\n", "\r\n", " ,\n\n", "\n# é, { | } @x\n  ", ",,", " # last\n"])
WORDS = st.sampled_from(
    [
        "conv 6 f5",
        "CONV 6 f3x1 s2 p0:1x2",
        "dw f3 x2",
        "maxpool f2",
        "bn",
        "ReLU",
        "gap 3",
        "fc 10 nobias",
        "flatten",
        "up to 3x4 bilinear",
        "slice 0:2",
        "leaky_relu",
    ]
)
NAMES = st.sampled_from(["a", "skip-1", "Ünicode", "x", "3", "add", "=", "f5"])
TIMES = st.sampled_from(["x", " x", "×", " X", "  ×"])


def layer_of(word: str) -> Layer:
    (item,) = parse_spec(word).items
    assert isinstance(item, LayerItem)
    return item.layer


def has_layers(items: tuple[Item, ...]) -> bool:
    return any(isinstance(item, LayerItem | Join | JoinTag) for item in walk(items))


def write_item(draw: st.DrawFn, page: Writer, depth: int) -> list[Item]:
    kinds = ["layer"] * 4 + ["tag", "from"] + ["join", "repeat", "split", "out"] * (depth < 3)
    kind = draw(st.sampled_from(kinds))
    items: list[Item]
    if kind == "layer":
        first, *rest = draw(WORDS).split()
        position = page.write(first)
        for word in rest:
            page.write(draw(GAPS) + word)
        items = [LayerItem(layer_of(" ".join([first, *rest])), position)]
    elif kind == "tag":
        join = draw(st.sampled_from(JoinKind))
        position = page.write(join.upper() if draw(st.booleans()) else join)
        name = draw(NAMES)
        page.write(f"{draw(BLANKS)}@{name}")
        items = [JoinTag(join, name, position)]
    elif kind == "from":
        position, name = page.write("from"), draw(NAMES)
        page.write(f"{draw(BLANKS)}@{name}")
        return [From(name, position)]
    elif kind == "out":
        position = page.write("out")
        page.write(draw(BLANKS) + "{")
        items = [Out(write_items(draw, page, depth + 1, minimum=0), position)]
        page.write("}")
        return items
    elif kind in ("join", "split"):
        join = draw(st.sampled_from(JoinKind)) if kind == "join" else JoinKind.CAT
        position = page.write(join if kind == "join" else "split")
        more = draw(st.integers(1, 2))
        page.write(f"{draw(GAPS)}{more + 1}" if kind == "split" and draw(st.booleans()) else "")
        page.write(draw(BLANKS) + "{")
        branches = [write_items(draw, page, depth + 1, minimum=0)]
        for _ in range(more):
            page.write("|")
            branches.append(write_items(draw, page, depth + 1, minimum=0))
        page.write("}")
        items = [Join(join, tuple(branches), position, kind == "split")]
    else:
        count = draw(st.integers(1, 3))
        position = page.write(f"{count}{draw(TIMES)}")
        page.write(draw(BLANKS) + "{")
        body = write_items(draw, page, depth + 1, minimum=1)
        assume(has_layers(body))
        items = [Repeat(count, body, position)]
        page.write("}")
    for _ in range(draw(st.integers(0, 2)) if draw(st.booleans()) else 0):
        page.write(draw(GAPS))
        name = draw(NAMES)
        items.append(Tag(name, page.write(f"@{name}")))
    return items


def write_items(draw: st.DrawFn, page: Writer, depth: int, *, minimum: int) -> tuple[Item, ...]:
    items: list[Item] = []
    page.write(draw(SEPARATORS | BLANKS))
    for number in range(draw(st.integers(minimum, 3))):
        page.write(draw(SEPARATORS) if number else "")
        page.write(draw(BLANKS))
        items += write_item(draw, page, depth)
        page.write(draw(BLANKS))
    page.write(draw(SEPARATORS | BLANKS))
    return tuple(items)


@st.composite
def networks(draw: st.DrawFn) -> tuple[str, tuple[int, ...] | None, tuple[Item, ...]]:
    """Draw a text, the input size that it states, and its items."""
    page, size = Writer(), None
    page.write(draw(st.sampled_from(["", "\n", "# a title\n", "  ", ",\n"])))
    if draw(st.booleans()):
        size = draw(st.tuples(st.integers(1, 99), st.integers(1, 99), st.integers(1, 9)))
        page.write(f"in {'x'.join(map(str, size))}")
        page.write(draw(SEPARATORS))
    items = write_items(draw, page, 0, minimum=1)
    assume(has_layers(items))
    return page.text, size, items


@given(networks())
@settings(max_examples=examples(400))
def test_parsed_items_have_the_positions_they_were_written_at(
    network: tuple[str, tuple[int, ...] | None, tuple[Item, ...]],
) -> None:
    text, size, items = network
    spec = parse_spec(text, "a.net")
    assert (spec.input, spec.source) == (size, "a.net")
    assert spec.items == items


@given(networks())
@settings(max_examples=examples(100))
def test_byte_order_mark_does_not_shift_positions(
    network: tuple[str, tuple[int, ...] | None, tuple[Item, ...]],
) -> None:
    text, _, items = network
    assert parse_spec("\ufeff" + text).items == items


# Positions in errors --------------------------------------------------------------------------------------


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """Draw a network, of which a few characters are lost, changed or doubled."""
    text, _, _ = draw(networks())
    for _ in range(draw(st.integers(1, 3))):
        position = draw(st.integers(0, len(text)))
        lost = draw(st.integers(0, 3))
        text = (
            text[:position]
            + draw(st.sampled_from(["", "{", "}", "|", "@", ",", "9", "x", " "]))
            + text[position + lost :]
        )
    return text


def error_of(text: str) -> str:
    """Return why a text is refused; empty where it is not."""
    try:
        build(parse_spec(text), (64, 64, 3))
    except (SpecError, SizeError) as error:
        return str(error)
    return ""


@given(damaged())
@settings(max_examples=examples(500))
def test_error_names_a_position_in_the_text(text: str) -> None:
    refusal = error_of(text)
    if refusal and not refusal.startswith('input 64x64x3: has 3 channels, but the network begins with "in '):
        found = re.match("line ([0-9]+), column ([0-9]+)", refusal)
        assert found, refusal
        lines = text.split("\n")
        assert 1 <= int(found[1]) <= len(lines)
        assert 1 <= int(found[2]) <= len(lines[int(found[1]) - 1]) + 1
        assert "\n" not in refusal


# Words in any order, by any name --------------------------------------------------------------------------

NAMES_OF = {
    "window": ["f{}", "k{}", "kernel_size={}", "kernel={}", "filter_size={}", "window={}", "pool_size={}"],
    "stride": ["s{}", "stride={}", "strides={}"],
    "padding": ["p{}", "padding={}", "Padding='{}'"],
    "dilation": ["d{}", "dilation={}", "dilation_rate={}"],
}
LAYER_NAMES = ["conv", "Conv2d", "Conv2D", "convolution"]
POOL_NAMES = ["maxpool", "MaxPool2d", "MaxPooling2D"]


def spelled(draw: st.DrawFn, attribute: str, value: tuple[int, int]) -> str:
    text = f"{value[0]}x{value[1]}" if value[0] != value[1] or draw(st.booleans()) else f"{value[0]}"
    word = draw(st.sampled_from(NAMES_OF[attribute])).format(text)
    return word.upper() if draw(st.booleans()) else word


@st.composite
def spellings(draw: st.DrawFn) -> tuple[str, Layer]:
    """Draw a layer and one of the many ways to write it."""
    pair = st.tuples(st.integers(1, 12), st.integers(1, 12))
    numbers: dict[str, Any] = {name: draw(pair) for name in ("window", "stride", "dilation")}
    amounts = draw(st.tuples(st.integers(0, 5), st.integers(0, 5)))
    padding = ((amounts[0], amounts[0]), (amounts[1], amounts[1]))
    words = [spelled(draw, name, value) for name, value in numbers.items()]
    words.append(spelled(draw, "padding", amounts))
    layer: Layer
    if draw(st.booleans()):
        name, ceil = draw(st.sampled_from(POOL_NAMES)), draw(st.booleans())
        words += draw(st.sampled_from([["ceil"], ["ceil_mode=true"], ["CEIL"]])) if ceil else []
        layer = Pooling(**numbers, padding=padding, ceil=ceil)
    else:
        name, bias, filters = (
            draw(st.sampled_from(LAYER_NAMES)),
            draw(st.booleans()),
            draw(st.integers(1, 10**30)),
        )
        words.append(draw(st.sampled_from(["{}", "filters={}", "out_channels={}"])).format(filters))
        spelled_bias = [["nobias"], ["bias=false"], ["use_bias=False"]]
        words += draw(st.sampled_from([[], ["bias=true"], ["use_bias=True"]] if bias else spelled_bias))
        groups = draw(st.integers(1, 5))
        words += [draw(st.sampled_from(["g{}", "groups={}"])).format(groups)] if groups > 1 else []
        layer = Convolution(**numbers, padding=padding, filters=filters, groups=groups, bias=bias)
    return " ".join([name, *draw(st.permutations(words))]), layer


@given(spellings())
@settings(max_examples=examples(300))
def test_spellings_of_a_layer_are_equivalent(spelling: tuple[str, Layer]) -> None:
    text, layer = spelling
    assert layer_of(text) == layer


# Work -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "unit",
    [
        "conv 64 f3 p1 # as in the paper\n",
        "add { relu, 2 x { bn } | } @a, cat @a,",
        ",,,, \n",
        "relu @a @b @c,",
        "# nothing but words\n",
    ],
)
def test_parsing_takes_linear_work(unit: str) -> None:
    short, long = f"{unit * 200}\nrelu", f"{unit * 2000}\nrelu"
    parse_spec(long)  # fills what is remembered of words
    few, many = calls_during(lambda: parse_spec(short)), calls_during(lambda: parse_spec(long))
    assert many < 11 * few


def test_repeat_is_parsed_once() -> None:
    few = calls_during(lambda: parse_spec("2 x { conv 8 f3, relu }"))
    many = calls_during(lambda: parse_spec("50000 x { conv 8 f3, relu }"))
    assert many <= few + 5


def test_repeat_bomb_is_refused_without_running() -> None:
    bomb = "9 x { " * 100 + "relu" + " }" * 100

    def read() -> None:
        with pytest.raises(SpecError, match=r"makes more than 10\^30 layers with repeats written out"):
            parse_spec(bomb)

    assert calls_during(read) < 100_000
