"""Receptive fields against the exact set of pixels that each unit is computed from, layer by layer.

The image has no ends here: positions may be negative, so that padding does not cut a field short.
"""

from collections.abc import Iterable
from fractions import Fraction
from math import prod
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convcli.networks.receptive_fields import ReceptiveField
from convcli.sizes.adaptive import AdaptiveAxis
from convcli.sizes.axes import adaptive_axes, transposed_axes
from convcli.sizes.searching import fully_read_sides
from convcli.sizes.text import format_number
from convcli.sizes.transposed import TransposedAxis
from convcli.sizes.windowed import Axis
from tests.support.sampling import examples

HUGE = 10**30
Layer = Axis | TransposedAxis


def read_by(layer: Layer, unit: int) -> set[int]:
    """Return the inputs of a unit: of a sliding window, or of all windows that a transposed layer adds to it."""
    taps = [tap * layer.dilation for tap in range(layer.window)]
    if isinstance(layer, Axis):
        return {unit * layer.stride - layer.before + tap for tap in taps}
    products = [unit + layer.before - tap for tap in taps]  # stride times the inputs whose windows cover it
    return {position // layer.stride for position in products if position % layer.stride == 0}


def seen_by(chain: list[Layer], unit: int) -> set[int]:
    positions = {unit}
    for layer in reversed(chain):
        positions = {position for other in positions for position in read_by(layer, other)}
    return positions


def field_of(chain: Iterable[Layer | AdaptiveAxis]) -> ReceptiveField:
    field = ReceptiveField()
    for layer in chain:
        field = field.through(layer)
    return field


def geometry(maximum: int = 3) -> dict[str, st.SearchStrategy[int]]:
    return {
        "side": st.just(9),
        "window": st.integers(1, 4),
        "before": st.integers(0, 3),
        "after": st.integers(0, 3),
        "stride": st.integers(1, maximum),
        "dilation": st.integers(1, 3),
    }


SLIDING = st.builds(Axis, **geometry(), ceil=st.booleans())
TRANSPOSED = st.builds(TransposedAxis, **geometry())
UNDILATED = st.builds(TransposedAxis, **{**geometry(), "dilation": st.just(1)})


@given(st.lists(SLIDING, max_size=5), st.integers(-5, 5))
@settings(max_examples=examples(300))
def test_receptive_field_matches_brute_force(chain: list[Layer], unit: int) -> None:
    field, seen = field_of(chain), seen_by(chain, unit)
    assert field.size == max(seen) - min(seen) + 1
    assert field.center + unit * field.jump == Fraction(min(seen) + max(seen), 2)
    assert field.jump == prod(layer.stride for layer in chain)


@given(st.lists(SLIDING | TRANSPOSED, max_size=5), st.integers(-5, 30))
@settings(max_examples=examples(500))
def test_field_after_transposed_layers_contains_every_pixel_seen(chain: list[Layer], unit: int) -> None:
    field, seen = field_of(chain), seen_by(chain, unit)
    assert field.spread is not None
    assert field.size is not None
    center = Fraction(field.twice_center) / 2 + unit * field.jump
    assert all(abs(position - center) <= Fraction(field.spread) / 2 for position in seen)
    assert not seen or max(seen) - min(seen) + 1 <= field.size


@given(st.lists(SLIDING | TRANSPOSED, max_size=4))
@settings(max_examples=examples(200))
def test_units_a_period_apart_see_shifted_pixels(chain: list[Layer]) -> None:
    period = prod(layer.stride for layer in chain if isinstance(layer, TransposedAxis))
    moved = field_of(chain).jump * period
    assert moved == int(moved)
    for unit in range(min(period, 6)):
        assert seen_by(chain, unit + period) == {position + int(moved) for position in seen_by(chain, unit)}


@given(UNDILATED)
@settings(max_examples=examples(200))
def test_field_of_a_transposed_layer_is_its_largest(layer: TransposedAxis) -> None:
    seen = [positions for unit in range(layer.stride) if (positions := read_by(layer, unit))]
    assert field_of([layer]).size == max(max(positions) - min(positions) for positions in seen) + 1


@given(UNDILATED.filter(lambda layer: layer.window >= layer.stride))
@settings(max_examples=examples(200))
def test_center_of_a_transposed_layer_is_right_on_average(layer: TransposedAxis) -> None:
    field = field_of([layer])
    seen = [read_by(layer, unit) for unit in range(layer.stride)]
    middles = sum(Fraction(min(positions) + max(positions), 2) for positions in seen)
    expected = sum(Fraction(field.twice_center) / 2 + unit * field.jump for unit in range(layer.stride))
    assert middles == expected


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 4))
def test_transposed_layer_restores_positions(f: int, s: int, p: int) -> None:
    geometry_: dict[str, Any] = {"side": 9, "window": f, "stride": s, "before": p, "after": p}
    field = field_of([Axis(**geometry_), TransposedAxis(**geometry_)])
    assert (field.jump, field.center) == (1, 0)


@given(st.lists(st.tuples(SLIDING, st.booleans()), min_size=1, max_size=4), st.integers(1, 4))
def test_through_is_associative(drawn: list[tuple[Axis, bool]], parts: int) -> None:
    chain: list[Layer] = [layer for layer, _ in drawn]
    first, rest = field_of(chain[:parts]), chain[parts:]
    for layer in rest:
        first = first.through(layer)
    assert first == field_of(chain)


# Joined fields --------------------------------------------------------------------------------------------


@given(st.lists(st.lists(SLIDING, max_size=3), min_size=1, max_size=4))
@settings(max_examples=examples(200))
def test_joined_field_is_between_the_largest_and_the_union(chains: list[list[Layer]]) -> None:
    fields = [field_of(chain) for chain in chains]
    seen = [seen_by(chain, 0) for chain in chains]
    sizes = [max(positions) - min(positions) + 1 for positions in seen]
    together = set().union(*seen)
    joined = ReceptiveField.joined(fields)
    positions = [(field.spread, field.jump, field.twice_center) for field in fields]
    assert (joined.spread, joined.jump, joined.twice_center) in positions
    assert joined.spread == max(sizes) - 1
    assert joined.size is not None
    assert max(sizes) <= joined.size <= max(together) - min(together) + 1


def test_first_of_equally_large_fields_gives_the_position() -> None:
    left, right = ReceptiveField(spread=3, twice_center=-1), ReceptiveField(spread=3, twice_center=1)
    assert (ReceptiveField.joined([left, right]), ReceptiveField.joined([right, left])) == (left, right)


# Adaptive pooling -----------------------------------------------------------------------------------------


@given(st.integers(1, 60), st.integers(2, 60), st.lists(SLIDING, max_size=2))
@settings(max_examples=examples(200))
def test_spread_of_adaptive_windows_is_the_longest(side: int, output: int, chain: list[Layer]) -> None:
    pooled = adaptive_axes((side, side), output)[0]
    field = field_of([*chain, pooled])
    extents = []
    for unit in range(output):
        window = [n for n in range(side) if (unit * side) // output <= n < -((-(unit + 1) * side) // output)]
        seen = {position for n in window for position in seen_by(chain, n)}
        extents.append(max(seen) - min(seen) + 1)
        if unit == 0:
            assert field.center == Fraction(min(seen) + max(seen), 2)
    assert field.size == max(extents)
    assert field.jump == Fraction(side * prod(layer.stride for layer in chain), output)


@pytest.mark.parametrize(
    ("side", "output", "spread"),
    [
        (HUGE, HUGE, 0),
        (HUGE, 2, HUGE // 2 - 1),
        (HUGE, 1, None),
        (HUGE + 1, HUGE, 1),
        (HUGE + 2, 3, HUGE // 3),
    ],
)
def test_adaptive_windows_of_thirty_digits(side: int, output: int, spread: int | None) -> None:
    assert AdaptiveAxis(side=side, output=output).spread == spread


# Exact at any size ----------------------------------------------------------------------------------------


def test_transposed_sides_of_thirty_digits_are_exact() -> None:
    axis = transposed_axes((HUGE, HUGE), 3, stride=2, padding=1, output_padding=1)[0]
    assert (axis.output, axis.unread_count()) == (2 * HUGE, 0)
    cut = TransposedAxis(side=HUGE, window=1, before=HUGE // 2)
    assert (cut.output, cut.unread_count(), list(cut.unread_ranges())) == (
        HUGE // 2,
        HUGE // 2,
        [(0, HUGE // 2 - 1)],
    )


@pytest.mark.parametrize("dilation", [2, 7, 10**20])
def test_dilated_filter_at_stride_one_is_counted_at_any_size(dilation: int) -> None:
    assert Axis(side=HUGE, window=3, dilation=dilation).unread_count() == 0
    assert list(Axis(side=HUGE, window=3, dilation=dilation).unread_ranges()) == []
    assert fully_read_sides(Axis(side=HUGE, window=3, dilation=dilation)) in [(HUGE, HUGE), (None, None)]


@given(st.integers(1, 60), st.integers(1, 5), st.integers(1, 6), st.integers(0, 9), st.integers(0, 9))
@settings(max_examples=examples(300))
def test_unread_pixels_of_a_dilated_filter_at_stride_one(
    side: int, window: int, dilation: int, before: int, after: int
) -> None:
    axis = Axis(side=side, window=window, dilation=dilation, before=before, after=after)
    read = {position for unit in range(axis.output) for position in read_by(axis, unit)}
    left = [pixel for pixel in range(side) if pixel not in read]
    if axis.output > 0:
        assert axis.unread_count() == len(left)
        assert [n for first, last in axis.unread_ranges() for n in range(first, last + 1)] == left


def test_fields_of_thirty_digits_are_exact() -> None:
    chain: list[Layer] = [
        Axis(side=HUGE, window=HUGE, stride=HUGE),
        TransposedAxis(side=3, window=2, stride=HUGE),
    ]
    field = field_of(chain)
    assert field.spread == HUGE - 1 + 1  # the second layer's last tap is a pixel of the first layer further
    assert field.jump == 1
    assert Fraction(field.twice_center) == HUGE - 1 - 1


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (32, "32"),
        (-3, "-3"),
        (HUGE, str(HUGE)),
        (15.5, "15.5"),
        (-0.5, "-0.5"),
        (0.0, "0"),
        (Fraction(1, 3), "1/3"),
        (Fraction(2 * HUGE + 1, 2), f"{2 * HUGE + 1}/2"),
    ],
)
def test_numbers_are_formatted_exactly(number: float | Fraction, text: str) -> None:
    assert format_number(number) == text


@given(st.integers(-(10**9), 10**9))
def test_halves_round_trip(twice: int) -> None:
    written = format_number(ReceptiveField(twice_center=twice).center)
    assert Fraction(written) == Fraction(twice, 2)
