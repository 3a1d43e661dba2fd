"""Sizes, paddings and counts as text: parsing, printing, and errors."""

from itertools import takewhile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convcli.errors import SizeError
from convcli.sizes.searching import paddings_and_strides
from convcli.sizes.text import (
    NamedPadding,
    PaddingAmounts,
    format_padding,
    format_size,
    parse_count,
    parse_padding,
    parse_pair,
    parse_size,
)

HUGE = 10**30

GOOD_COUNTS = [("3", 3), (" 3 ", 3), ("+3", 3), ("007", 7), ("9" * 500, 10**500 - 1)]
NO_WHOLE_NUMBERS = [
    "",
    " ",
    "1.5",
    "1e3",
    "three",
    "nan",
    "inf",
    "0b1",
    "1_000",
    "- 1",
    "3,",
    "٣",
    "²",
    "３",
    "½",
]


@pytest.mark.parametrize(("text", "number"), GOOD_COUNTS)
def test_count_is_parsed(text: str, number: int) -> None:
    assert parse_count(text, "units") == number


@pytest.mark.parametrize("text", [*NO_WHOLE_NUMBERS, "-1"])
def test_invalid_count_is_refused(text: str) -> None:
    with pytest.raises(SizeError) as caught:
        parse_count(text, "units", minimum=0)
    assert str(caught.value) == f"units {text!r}: must be a whole number, at least 0"


def test_a_count_below_its_minimum_is_refused() -> None:
    with pytest.raises(SizeError, match="'1': must be a whole number, at least 2"):
        parse_count("1", "units", minimum=2)


@pytest.mark.parametrize("digits", [501, 600, 1_000_000])
def test_error_about_too_many_digits_is_short(digits: int) -> None:
    with pytest.raises(SizeError, match="has more than 500 digits") as caught:
        parse_count("9" * digits, "units")
    assert len(str(caught.value)) < 100


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("32", (32, 32)),
        ("32x24", (32, 24)),
        ("32X24", (32, 24)),
        ("32×24×3", (32, 24, 3)),
        ("32x24x3", (32, 24, 3)),
        (f"{HUGE}x1", (HUGE, 1)),
    ],
)
def test_size_is_parsed(text: str, size: tuple[int, ...]) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", [*NO_WHOLE_NUMBERS, "0", "3x0", "-3x3", "3x", "x3", "3xx3", "3*3", "3x4x5x6", "axb"]
)
def test_invalid_size_is_refused(text: str) -> None:
    with pytest.raises(SizeError, match="input"):
        parse_size(text, "input")


@given(st.lists(st.integers(1, HUGE), min_size=2, max_size=3).map(tuple))
@settings(max_examples=50, deadline=None)
def test_size_round_trip(size: tuple[int, ...]) -> None:
    assert parse_size(format_size(size)) == size


@pytest.mark.parametrize(("text", "pair"), [("2", (2, 2)), ("4x3", (4, 3))])
def test_pair_is_parsed(text: str, pair: tuple[int, int]) -> None:
    assert parse_pair(text, "stride") == pair


@pytest.mark.parametrize("text", ["1x2x3", "", "0", "2x-1"])
def test_invalid_pair_is_refused(text: str) -> None:
    with pytest.raises(SizeError, match="stride"):
        parse_pair(text, "stride")


@pytest.mark.parametrize(
    ("text", "padding"),
    [
        ("valid", NamedPadding.VALID),
        (" Same ", NamedPadding.SAME),
        ("0", ((0, 0), (0, 0))),
        ("2", ((2, 2), (2, 2))),
        ("1x2", ((1, 1), (2, 2))),
        ("1×2", ((1, 1), (2, 2))),
        ("0:1x2:3", ((0, 1), (2, 3))),
        ("0:1", ((0, 1), (0, 1))),
        ("0:1x3", ((0, 1), (3, 3))),
        ("3x0:1", ((3, 3), (0, 1))),
    ],
)
def test_padding_is_parsed(text: str, padding: NamedPadding | PaddingAmounts) -> None:
    assert parse_padding(text) == padding


@pytest.mark.parametrize(
    "text",
    [*NO_WHOLE_NUMBERS, "-1", "1x2x3", "1:2:3", "1:", ":1", "x", "1x", "samee", "1:-1", "9" * 600],
)
def test_invalid_padding_is_refused(text: str) -> None:
    with pytest.raises(SizeError, match="padding") as caught:
        parse_padding(text)
    assert len(str(caught.value)) < 250


amount = st.integers(0, 12) | st.integers(0, HUGE)


@given(st.tuples(st.tuples(amount, amount), st.tuples(amount, amount)) | st.sampled_from(NamedPadding))
@settings(max_examples=200, deadline=None)
def test_padding_round_trip(padding: NamedPadding | PaddingAmounts) -> None:
    assert parse_padding(format_padding(padding)) == padding


@pytest.mark.parametrize(
    ("amounts", "text"),
    [
        (((1, 1), (1, 1)), "1"),
        (((1, 1), (2, 2)), "1x2"),
        (((0, 1), (0, 1)), "0:1x0:1"),
        (((0, 1), (2, 2)), "0:1x2:2"),
    ],
)
def test_padding_is_written_in_its_shortest_form(amounts: PaddingAmounts, text: str) -> None:
    assert format_padding(amounts) == text


def test_solutions_are_sorted() -> None:
    pairs = list(takewhile(lambda pair: pair[0] < 4, paddings_and_strides(224, 7, 112)))
    assert pairs == sorted(pairs)
    assert (3, 2) in pairs
