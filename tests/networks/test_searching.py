"""Searching input sizes gives what building a network at each size gives, with less work."""

from collections.abc import Iterator

import pytest

from convcli.errors import SizeError, UsageError
from convcli.networks import searching
from convcli.networks.building import NetworkBuilder, build
from convcli.networks.searching import smallest_side, valid_sides
from convcli.networks.sources import read_spec
from convcli.networks.stages import Tensor
from convcli.networks.text.grammar import parse_spec
from convcli.networks.text.spec import JoinKind, Position, Spec
from tests.support.call_counting import calls_during

SPECS = [
    "conv 8 f11 s4, maxpool f3 s2",
    "2 x {conv 4 f3, maxpool f2}, flatten, fc 10",
    "conv 4 f3 s2 psame, avgpool f2 @a, 3 x {conv 4 f3 p1}, add @a",
    "cat { relu | conv 2 f3 p1 | conv 2 f5 p2, maxpool f3 s1 p1 }, conv 3 f2 s3",
    "add { conv 4 f3 s2 p1 | conv 4 f1 s2 }, gap, fc 5",
    "2 x {add { relu | conv 3 f3 }}",  # impossible
    "conv 4 f3 d2, 2 x {relu @a, conv 4 f3 p1, cat @a}, avgpool f4",
    "conv 4 f4 g2",  # impossible for three channels
    "conv 4 f3, add @missing",
    "mul { relu | gap, conv 3 f1 }, conv 2 f6 s2",
    "tconv 3 f4 s2 p1, conv 3 f3 s2",
    "maxpool f3 s2 ceil, conv 2 f2",
    "conv 4 f3 @a, out { maxpool f2, conv 4 f4 }, from @a, conv 2 f5 s2",
    "conv 3 f3 p1 @a, maxpool f2, use @a, out { }, use @a",
    "conv 2 f3 s2 @x, maxpool f2, 1 x { flatten, fc 4, out { relu } } @a, from @x, gap 2x2, use @a @b",
    "conv 4 f3 @a, split 2 { | conv 2 f1 }, cat { up 2, crop 6x6 | conv 2 f2 s2, up 4 bilinear, crop 6x6 }",
    "split 2 { relu | }",  # impossible for three channels
    "pixelunshuffle 3, conv 4 f2, pixelshuffle 2",
    "pad 3 mirror, conv 2 f5 s2, blurpool f5 s2, gmp 2x2",
    "conv 3 f2 s2 @a, use @a @b, 2 x { use @b }, up to 40x40, maxpool f3",
]


def sides_by_building(spec: Spec, sides: range, *, reads_all: bool) -> Iterator[int]:
    for side in sides:
        try:
            network = build(spec, (side, side, 3))
        except SizeError:
            continue
        unread = [axis.unread_count() for stage in network.layers for axis in stage.axes or ()]
        if not reads_all or not any(count != 0 for count in unread):
            yield side


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize("text", SPECS)
def test_the_sides_are_those_at_which_the_network_can_be_built(text: str) -> None:
    spec = parse_spec(text)
    expected = list(sides_by_building(spec, range(1, 70), reads_all=True))
    assert list(valid_sides(spec, (1, 1, 3), range(1, 70))) == expected
    works = list(sides_by_building(spec, range(1, 70), reads_all=False))
    if works:
        assert smallest_side(spec, (1, 1, 3)) == works[0]
    else:
        with pytest.raises(SizeError):
            smallest_side(spec, (1, 1, 3))


def test_the_specs_tell_sides_apart() -> None:
    found = [list(valid_sides(parse_spec(text), (1, 1, 3), range(1, 70))) for text in SPECS]
    assert sum(bool(sides) for sides in found) >= 12
    assert sum(len(sides) < 60 for sides in found) >= 15


def test_more_sides_of_a_deep_network_take_little_more_work() -> None:
    """Equal layers, groups and sizes are computed once."""
    spec = read_spec("in 8x8x3\nconv 4 f2 s2, 200 x {conv 4 f3 p1, add { relu | conv 4 f3 p1 }}")

    def work(count: int) -> int:
        return calls_during(lambda: list(valid_sides(spec, None, range(2, 2 + count))))

    at_four, at_forty = work(4), work(40)
    assert at_forty < 11 * at_four
    layers = len(build(spec).layers)
    assert at_forty < 40 * layers * 3  # building takes over a hundred calls a layer


@pytest.mark.parametrize("search", ["valid", "smallest"])
def test_a_search_that_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch, search: str) -> None:
    monkeypatch.setattr(searching, "MAX_WORK", 20_000)
    spec = read_spec("in 8x8x3\n500 x {conv 3 f3 p1}, add { relu | conv 3 f1 p200 }")  # impossible
    with pytest.raises(UsageError, match=r"^the network: has too many layers to try so many sides") as caught:
        list(valid_sides(spec, None, range(1, 1000))) if search == "valid" else smallest_side(spec, None)
    assert not isinstance(caught.value, SizeError)


class Size(tuple[int, ...]):
    """A size that counts how often sizes are compared."""

    __slots__ = ()
    comparisons = 0

    def __eq__(self, other: object) -> bool:
        Size.comparisons += 1
        return tuple.__eq__(self, other)

    __hash__ = tuple.__hash__


def test_branches_are_not_compared_with_each_other() -> None:
    of_input = Tensor.of_input((8, 8, 3))
    branches = [of_input._replace(size=Size((8, 8, 3)), number=number) for number in range(100)]
    joined = NetworkBuilder("").join(JoinKind.CAT, None, branches, Position(1, 1), depth=0)
    assert (joined.size, joined.fields) == ((8, 8, 300), of_input.fields)
    assert Size.comparisons <= 100


def test_all_tags_of_an_output_are_kept() -> None:
    network = build(parse_spec("in 8x8x3, relu @a @b, conv 3 f1 @c, add @b, cat { relu @d | tanh @e @f }"))
    assert [stage.tags for stage in network.layers] == [("a", "b"), ("c",), (), ("d",), ("e", "f"), ()]


def test_the_first_layer_that_skips_parts_of_a_sound() -> None:
    assert searching.first_unread_layer(read_spec("in 9x2 1d, maxpool f2"), None, 9) == (
        "at 9, maxpool f2 (line 1, column 12) never reads 1 of its 9 positions"
    )


def test_nothing_is_said_to_be_unread_where_all_is_read() -> None:
    spec = read_spec("conv 8 f3, maxpool f2")
    assert searching.first_unread_layer(spec, (1, 1, 3), 8) == "at 8, every row and column is read"
    assert searching.first_unread_layer(spec, (1, 1, 3), 2).startswith(
        "at 2, line 1, column 1, conv 8 f3 on 2x2x3: filter 3 on input 2 gives "
    )


def test_sides_are_the_same_where_few_outputs_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = read_spec("3 x { conv 8 f3, maxpool f2 }, add { relu | }")
    expected = list(valid_sides(spec, (1, 1, 3), range(1, 120)))
    monkeypatch.setattr(searching, "MAX_KEPT", 1)
    assert list(valid_sides(spec, (1, 1, 3), range(1, 120))) == expected
    assert expected[:3] == [22, 30, 38]
