"""Sizes against a simulated window, brute force, exhaustive search and PyTorch's golden figures."""

import csv
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from convcli.errors import SizeError
from convcli.sizes.adaptive import AdaptiveAxis
from convcli.sizes.axes import (
    adaptive_axes,
    output_size,
    pooling_axes,
    size_formulas,
    transposed_axes,
    window_axes,
)
from convcli.sizes.searching import fully_read_sides, paddings_and_strides
from convcli.sizes.text import NamedPadding, PaddingAmounts
from convcli.sizes.transposed import TransposedAxis
from convcli.sizes.windowed import Axis
from tests.support import oracles as reference
from tests.support.sampling import examples

with (Path(__file__).parents[1] / "data" / "sizes.csv").open(encoding="utf-8", newline="") as table:
    GOLDEN = list(csv.DictReader(table))

HUGE = 10**30


def simulated(axis: Axis) -> list[int]:
    return reference.window_starts(**axis._asdict())


def unread(axis: Axis) -> list[int]:
    read = reference.read_pixels(**axis._asdict())
    return [pixel for pixel in range(axis.side) if pixel not in read]


def axes(largest_side: int = 40, largest_dilation: int = 4) -> st.SearchStrategy[Axis]:
    return st.builds(
        Axis,
        side=st.integers(1, largest_side),
        window=st.integers(1, 7),
        before=st.integers(0, 5),
        after=st.integers(0, 5),
        stride=st.integers(1, 6),
        dilation=st.integers(1, largest_dilation),
        ceil=st.booleans(),
    )


# The output side ------------------------------------------------------------------------------------------


def golden_output(row: dict[str, str]) -> int:
    n, f, p, s, d = (int(row[key]) for key in "nfpsd")
    if row["op"] == "tconv":
        added = int(row["output_padding"])
        return transposed_axes((n, n), f, padding=p, stride=s, dilation=d, output_padding=added)[0].output
    if row["op"] == "conv":
        return window_axes((n, n), f, padding=p, stride=s, dilation=d)[0].output
    return pooling_axes((n, n), f, padding=p, stride=s or None, dilation=d, ceil=row["ceil"] == "1")[0].output


def test_golden_table_is_complete() -> None:
    assert len(GOLDEN) == 400
    assert sum(row["op"] == "tconv" for row in GOLDEN) == 102
    assert sum(row["out"] == "error" for row in GOLDEN) > 20


@pytest.mark.parametrize("row", GOLDEN, ids=lambda row: "-".join(row.values()))
def test_output_side_equals_pytorch(row: dict[str, str]) -> None:
    if row["out"] == "error":
        with pytest.raises(SizeError):
            golden_output(row)
    else:
        assert golden_output(row) == int(row["out"])


@given(axes(largest_side=60))
@settings(max_examples=examples(200), deadline=None)
def test_output_side_counts_window_positions(axis: Axis) -> None:
    places = len(simulated(axis))
    assert max(axis.output, 0) == places
    request: dict[str, Any] = {
        "p": ((axis.before, axis.after), (axis.before, axis.after)),
        "s": axis.stride,
        "d": axis.dilation,
        "ceil": axis.ceil,
    }
    if places:
        assert output_size(axis.side, axis.window, **request) == (places, places)
    else:
        with pytest.raises(SizeError, match="larger than the padded input"):
            output_size(axis.side, axis.window, **request)


@given(st.integers(1, 60), st.integers(1, 9), st.integers(1, 7), st.integers(1, 4))
@settings(max_examples=examples(200), deadline=None)
def test_same_padding_is_minimal(side: int, window: int, stride: int, dilation: int) -> None:
    axis, _ = window_axes((side, side), window, stride=stride, padding="same", dilation=dilation)
    assert (axis.before, axis.after) == reference.same_padding(side, window, stride, dilation)
    assert axis.output == len(range(0, side, stride))


def test_rows_and_columns_are_independent() -> None:
    rows, columns = window_axes(
        (20, 30), (3, 5), stride=(2, 4), padding=((1, 2), (3, 4)), dilation=(2, 1), ceil=True
    )
    assert rows == Axis(side=20, window=3, before=1, after=2, stride=2, dilation=2, ceil=True)
    assert columns == Axis(side=30, window=5, before=3, after=4, stride=4, dilation=1, ceil=True)


@pytest.mark.parametrize(
    ("padding", "amounts"),
    [
        ("valid", ((0, 0), (0, 0))),
        ("VALID", ((0, 0), (0, 0))),
        (NamedPadding.VALID, ((0, 0), (0, 0))),
        ("same", ((1, 2), (2, 2))),
        (NamedPadding.SAME, ((1, 2), (2, 2))),
        (3, ((3, 3), (3, 3))),
        ("3", ((3, 3), (3, 3))),
        ((1, 2), ((1, 1), (2, 2))),
        ([1, 2], ((1, 1), (2, 2))),
        ("1x2", ((1, 1), (2, 2))),
        (((0, 1), (2, 3)), ((0, 1), (2, 3))),
        ("0:1x2:3", ((0, 1), (2, 3))),
        (((0, 1), 2), ((0, 1), (2, 2))),
    ],
)
def test_every_form_of_padding_is_accepted(padding: Any, amounts: PaddingAmounts) -> None:
    rows, columns = window_axes((10, 10), (4, 5), padding=padding)
    assert ((rows.before, rows.after), (columns.before, columns.after)) == amounts


def test_output_size_of_numbers_is_a_number() -> None:
    assert output_size(32, 5) == 28


@pytest.mark.parametrize(
    "arguments",
    [
        {"n": (32, 32), "f": 5},
        {"n": 32, "f": (5, 5)},
        {"n": 32, "f": 5, "p": (0, 0)},
        {"n": 32, "f": 5, "s": (1, 1)},
        {"n": 32, "f": 5, "d": (1, 1)},
    ],
)
def test_output_size_is_a_pair_if_any_argument_is(arguments: dict[str, Any]) -> None:
    assert output_size(**arguments) == (28, 28)


def test_numpy_integers_are_accepted() -> None:
    assert output_size(int(np.int64(32)), np.int64(5), p=np.uint8(2), s=np.int16(2)) == 16  # type: ignore[call-overload]


def test_sides_of_thirty_digits_are_exact() -> None:
    assert output_size(HUGE, 3, p=1, s=2) == 5 * 10**29
    assert output_size(HUGE + 1, 3, p=1, s=2) == 5 * 10**29 + 1
    assert output_size(HUGE, HUGE) == 1
    assert output_size(HUGE, 1, d=HUGE, s=7) == 142857142857142857142857142858
    assert output_size(HUGE, 2, d=HUGE - 1) == 1


def test_unread_pixels_of_sides_of_thirty_digits_are_exact() -> None:
    assert Axis(side=HUGE, window=3, stride=2).unread_count() == 1
    assert Axis(side=HUGE, window=1, stride=10).unread_count() == HUGE - HUGE // 10
    assert list(islice(Axis(side=HUGE, window=3, stride=5).unread_ranges(), 2)) == [(3, 4), (8, 9)]
    assert fully_read_sides(Axis(side=HUGE, window=3, stride=2)) == (HUGE - 1, HUGE + 1)


@pytest.mark.parametrize(
    ("argument", "name"),
    [("n", "input"), ("f", "filter"), ("p", "padding"), ("s", "stride"), ("d", "dilation")],
)
@pytest.mark.parametrize("value", [-1, 1.5, 2.0, None, True, float("nan"), float("inf"), b"3", -HUGE])
def test_values_that_are_not_whole_numbers_are_refused(argument: str, name: str, value: Any) -> None:
    arguments: dict[str, Any] = {"n": 32, "f": 5, argument: value}
    with pytest.raises(SizeError) as caught:
        output_size(**arguments)
    assert caught.value.what == f"{name} {value}"
    assert caught.value.why == f"must be a whole number, at least {0 if argument == 'p' else 1}"


@pytest.mark.parametrize("argument", ["n", "f", "s", "d"])
def test_zero_is_refused_except_as_padding(argument: str) -> None:
    arguments: dict[str, Any] = {"n": 32, "f": 5, "p": 0, argument: 0}
    with pytest.raises(SizeError, match="0: must be a whole number, at least 1"):
        output_size(**arguments)


@pytest.mark.parametrize("value", [(), (1, 2, 3), [1, 2, 3]])
@pytest.mark.parametrize("argument", ["n", "f", "p", "s", "d"])
def test_a_pair_has_two_numbers(argument: str, value: Any) -> None:
    arguments: dict[str, Any] = {"n": 32, "f": 5, argument: value}
    with pytest.raises(SizeError, match="must be one number, or a pair"):
        output_size(**arguments)


@pytest.mark.parametrize("value", [((1, 1), (1, 1), (1, 1)), ((1, 1, 1), (1, 1)), ((1,), 2)])
def test_nested_padding_has_two_pairs(value: Any) -> None:
    with pytest.raises(SizeError):
        output_size(32, 5, p=value)


@pytest.mark.parametrize("argument", ["n", "f"])
def test_number_too_long_to_print_is_refused(argument: str) -> None:
    arguments: dict[str, Any] = {"n": 3, "f": 3, argument: -(10**5000)}
    with pytest.raises(SizeError):
        output_size(**arguments)


def test_filter_too_long_to_print_is_refused() -> None:
    with pytest.raises(SizeError):
        output_size(3, 10**5000)


def test_error_shows_the_impossible_arithmetic() -> None:
    with pytest.raises(SizeError) as caught:
        output_size(5, 3, p=1, s=2, d=4)
    assert str(caught.value) == (
        "filter 3 on input 5: gives floor((5 + 2·1 - (4·(3 - 1) + 1))/2) + 1 = 0, because the filter is larger than the "
        "padded input (9 > 7); use a padding of at least 2 or a filter of at most 2"
    )


@st.composite
def geometries_that_do_not_fit(draw: st.DrawFn) -> Axis:
    """Draw a filter that is larger than its padded input."""
    window, dilation, stride = draw(st.integers(2, 7)), draw(st.integers(1, 4)), draw(st.integers(1, 6))
    padding = draw(st.integers(0, (dilation * (window - 1) - 1) // 2))
    side = draw(st.integers(1, dilation * (window - 1) - 2 * padding))
    return Axis(side=side, window=window, before=padding, after=padding, stride=stride, dilation=dilation)


@given(geometries_that_do_not_fit())
@settings(max_examples=examples(150), deadline=None)
def test_error_suggests_the_smallest_change_that_works(axis: Axis) -> None:
    with pytest.raises(SizeError) as caught:
        output_size(axis.side, axis.window, p=axis.before, s=axis.stride, d=axis.dilation)
    words = caught.value.why.split()
    padding, window = int(words[words.index("padding") + 4]), int(words[-1])
    assert simulated(axis._replace(before=padding, after=padding))
    assert not simulated(axis._replace(before=padding - 1, after=padding - 1))
    assert simulated(axis._replace(window=window))
    assert not simulated(axis._replace(window=window + 1))


@pytest.mark.parametrize(
    ("axis", "text"),
    [
        (Axis(side=32, window=5), "floor((32 + 2·0 - 5)/1) + 1 = 28"),
        (Axis(side=7, window=3, before=1, after=1, stride=2), "floor((7 + 2·1 - 3)/2) + 1 = 4"),
        (Axis(side=7, window=4, before=1, after=2), "floor((7 + 1 + 2 - 4)/1) + 1 = 7"),
        (Axis(side=9, window=3, dilation=2), "floor((9 + 2·0 - (2·(3 - 1) + 1))/1) + 1 = 5"),
        (Axis(side=9, window=1, dilation=2), "floor((9 + 2·0 - 1)/1) + 1 = 9"),
        (Axis(side=6, window=3, stride=2, ceil=True), "ceil((6 + 2·0 - 3)/2) + 1 = 3"),
        (
            Axis(side=4, window=2, before=1, after=1, stride=3, ceil=True),
            "ceil((4 + 2·1 - 2)/3) + 1 = 3, less a window that starts beyond the input",
        ),
    ],
)
def test_formula_shows_the_numbers_of_the_axis(axis: Axis, text: str) -> None:
    assert axis.formula() == text


def test_long_formulas_begin_a_line_with_their_numbers() -> None:
    axes = window_axes((32, 17), (5, 3), stride=(2, 3), padding=((1, 2), (0, 3)), dilation=(1, 2))
    assert size_formulas(axes) == [
        ("height", "floor((n + p1 + p2 - f)/s) + 1 = floor((32 + 1 + 2 - 5)/2) + 1 = 16"),
        ("width", "floor((n + p1 + p2 - (d·(f - 1) + 1))/s) + 1"),
        ("", "= floor((17 + 0 + 3 - (2·(3 - 1) + 1))/3) + 1 = 6"),
    ]


def test_pooling_stride_defaults_to_the_window() -> None:
    rows, columns = pooling_axes((28, 28), (2, 4))
    assert (rows.stride, columns.stride) == (2, 4)
    assert [axis.stride for axis in pooling_axes((28, 28), 2, stride=1)] == [1, 1]


@pytest.mark.parametrize("padding", [2, (0, 2), ((0, 2), (0, 0)), ((0, 0), (2, 0))])
def test_pooling_refuses_padding_above_half_its_window(padding: Any) -> None:
    with pytest.raises(SizeError) as caught:
        pooling_axes((9, 9), 3, padding=padding)
    assert caught.value.what == "padding 2"
    assert "use at most 1" in caught.value.why


def test_pooling_names_the_axis_whose_padding_is_too_large() -> None:
    with pytest.raises(SizeError, match=r"window of 2 vertically, .* use at most 1 vertically") as caught:
        pooling_axes((9, 9), (2, 6), padding=2)
    assert caught.value.what == "padding 2"


# Unread pixels --------------------------------------------------------------------------------------------


@given(axes())
@settings(max_examples=examples(300), deadline=None)
def test_unread_pixels_match_brute_force(axis: Axis) -> None:
    assume(axis.output > 0)
    left = unread(axis)
    assert axis.unread_count() == len(left)
    ranges = list(axis.unread_ranges())
    assert [pixel for first, last in ranges for pixel in range(first, last + 1)] == left
    assert all(end + 1 < start for (_, end), (start, _) in pairwise(ranges))


@given(axes())
@settings(max_examples=examples(200), deadline=None)
def test_taps_match_brute_force(axis: Axis) -> None:
    assume(axis.output > 0)
    brought = sorted(
        pair
        for outputs, inputs in axis.taps()
        for pair in zip(
            range(axis.output)[outputs], range(axis.side)[inputs], strict=True
        )
    )  # fmt: skip
    expected = sorted(
        (index, start + tap * axis.dilation - axis.before)
        for index, start in enumerate(simulated(axis))
        for tap in range(axis.window)
        if 0 <= start + tap * axis.dilation - axis.before < axis.side
    )
    assert brought == expected


def test_unread_count_is_none_for_a_huge_dilated_filter() -> None:
    axis = Axis(side=HUGE, window=3, dilation=2, stride=2)
    assert axis.unread_count() is None
    assert list(axis.unread_ranges()) == []


def reads_every_pixel(axis: Axis, side: int) -> bool:
    other = axis._replace(side=side)
    return bool(simulated(other)) and not unread(other)


def nearest_fully_read(axis: Axis, reach: int) -> tuple[int | None, int | None]:
    """Try every side up to `reach` away."""
    below = range(axis.side, max(axis.side - reach, 0), -1)
    above = range(axis.side, axis.side + reach)
    return (
        next((side for side in below if reads_every_pixel(axis, side)), None),
        next((side for side in above if reads_every_pixel(axis, side)), None),
    )


@given(axes(largest_dilation=1))
@settings(max_examples=examples(200), deadline=None)
def test_fully_read_sides_are_the_nearest(axis: Axis) -> None:
    assume(axis.output > 0)
    assume(axis.stride <= axis.window or max(axis.before, axis.after) < axis.window)
    assert fully_read_sides(axis) == nearest_fully_read(axis, 60)


@given(axes(largest_side=30))
@settings(max_examples=examples(150), deadline=None)
def test_fully_read_sides_of_a_dilated_filter_are_within_two_periods(axis: Axis) -> None:
    assume(axis.output > 0)
    assume(not axis.undilated)
    assert fully_read_sides(axis) == nearest_fully_read(axis, 2 * axis.stride * axis.dilation)


def test_no_fully_read_side_is_below_one() -> None:
    assert fully_read_sides(Axis(side=1, window=2, before=2, stride=2)) == (None, 2)


def test_single_window_reads_everything_at_any_stride() -> None:
    assert fully_read_sides(Axis(side=3, window=3, stride=5)) == (3, 3)


def test_fully_read_side_below_is_a_single_window_where_strides_leave_gaps() -> None:
    assert fully_read_sides(Axis(side=5, window=3, stride=5)) == (3, None)


def test_a_stride_above_the_filter_leaves_gaps_at_every_larger_side() -> None:
    assert fully_read_sides(Axis(side=50, window=3, stride=5))[1] is None


def test_no_larger_fully_read_side_where_strides_leave_gaps() -> None:
    assert fully_read_sides(Axis(side=50, window=3, stride=2, dilation=2))[1] is None


# Strides and paddings -------------------------------------------------------------------------------------


def exhaustive_search(n: int, f: int, d: int) -> dict[int, list[tuple[int, int]]]:
    """Return the paddings below the filter's extent and strides up to a single window's, by output side."""
    extent = d * (f - 1) + 1
    found: dict[int, list[tuple[int, int]]] = {}
    for padding in range(extent):
        for stride in range(1, n + 2 * padding + 2):
            side = len(
                reference.window_starts(n, f, before=padding, after=padding, stride=stride, dilation=d)
            )
            if side:
                found.setdefault(side, []).append((padding, stride))
            if side <= 1:
                break
    return found


@given(st.integers(1, 20), st.integers(1, 5), st.integers(1, 3))
@settings(max_examples=examples(80), deadline=None)
def test_paddings_and_strides_match_exhaustive_search(n: int, f: int, d: int) -> None:
    solutions = exhaustive_search(n, f, d)
    for want, pairs in solutions.items():
        assert list(paddings_and_strides(n, f, want, d)) == pairs


def test_filters_larger_than_the_input_need_padding() -> None:
    assert list(paddings_and_strides(2, 5, 1)) == [(2, 2), (3, 4), (4, 6)]


@given(st.integers(1, 20), st.integers(1, 5), st.integers(1, 3), st.integers(0, 14))
@settings(max_examples=examples(60), deadline=None)
def test_fixed_padding(n: int, f: int, d: int, padding: int) -> None:
    padding %= d * (f - 1) + 1
    for want, pairs in exhaustive_search(n, f, d).items():
        kept = [pair for pair in pairs if pair[0] == padding]
        if kept:
            assert list(paddings_and_strides(n, f, want, d, p=padding)) == kept
        else:
            with pytest.raises(SizeError, match=f"padding {padding}"):
                paddings_and_strides(n, f, want, d, p=padding)


@given(st.integers(1, 20), st.integers(1, 5), st.integers(1, 3), st.integers(1, 40))
@settings(max_examples=examples(60), deadline=None)
def test_fixed_stride(n: int, f: int, d: int, stride: int) -> None:
    sides = {
        padding: len(reference.window_starts(n, f, before=padding, after=padding, stride=stride, dilation=d))
        for padding in range(d * (f - 1) + 1)
    }
    for want in range(1, n + d * f):
        kept = [(padding, stride) for padding, side in sides.items() if side == want]
        if kept:
            assert list(paddings_and_strides(n, f, want, d, s=stride)) == kept
        else:
            with pytest.raises(SizeError, match=f"stride {stride}"):
                paddings_and_strides(n, f, want, d, s=stride)


@pytest.mark.parametrize("given_", [{"p": -1}, {"p": 1.5}, {"s": 0}, {"s": -2}, {"s": 1.5}])
def test_fixed_padding_or_stride_must_be_a_whole_number(given_: dict[str, Any]) -> None:
    with pytest.raises(SizeError, match="must be a whole number"):
        paddings_and_strides(32, 5, 28, **given_)


@given(st.integers(1, 20), st.integers(1, 5), st.integers(1, 3), st.integers(1, 50))
@settings(max_examples=examples(100), deadline=None)
def test_error_names_the_nearest_reachable_sides(n: int, f: int, d: int, want: int) -> None:
    solutions = exhaustive_search(n, f, d)
    assume(want not in solutions)
    with pytest.raises(SizeError) as caught:
        paddings_and_strides(n, f, want, d)
    near = [
        max((s for s in solutions if s < want), default=0),
        min((s for s in solutions if s > want), default=0),
    ]
    texts = [f"{s} (padding {solutions[s][0][0]}, stride {solutions[s][0][1]})" for s in near if s]
    assert caught.value.what == f"output side {want}"
    assert caught.value.why.partition("nearest: ")[2].startswith(" or ".join(texts))


@pytest.mark.parametrize(("n", "f", "want", "d"), [(0, 3, 1, 1), (7, 0, 1, 1), (7, 3, 0, 1), (7, 3, 1, 0)])
def test_paddings_and_strides_refuses_zero(n: int, f: int, want: int, d: int) -> None:
    with pytest.raises(SizeError, match="0: must be a whole number, at least 1"):
        paddings_and_strides(n, f, want, d)


@pytest.mark.parametrize(("n", "f"), [(HUGE, 3), (3, HUGE)])
def test_side_too_long_to_search_is_refused(n: int, f: int) -> None:
    with pytest.raises(SizeError, match="too large to search"):
        paddings_and_strides(n, f, 5)


# Transposed convolutions ----------------------------------------------------------------------------------


def meetings(axis: Axis | TransposedAxis | AdaptiveAxis, units: range) -> dict[int, set[int]]:
    """Return for each unit the input places that it is computed from, by hand; those outside count, too."""
    if isinstance(axis, AdaptiveAxis):
        n, out = axis.side, axis.output
        return {unit: set(range(unit * n // out, -(-(unit + 1) * n // out))) for unit in units}
    taps = [tap * axis.dilation for tap in range(axis.window)]
    if isinstance(axis, Axis):
        return {unit: {unit * axis.stride - axis.before + tap for tap in taps} for unit in units}
    places = range(units.start - 200, units.stop + 200)
    found: dict[int, set[int]] = {unit: set() for unit in units}
    for place in places:
        for tap in taps:
            unit = place * axis.stride - axis.before + tap
            if unit in found:
                found[unit].add(place)
    return found


def transposed(largest_side: int = 20) -> st.SearchStrategy[TransposedAxis]:
    return st.builds(
        TransposedAxis,
        side=st.integers(1, largest_side),
        window=st.integers(1, 6),
        before=st.integers(0, 4),
        after=st.integers(0, 4),
        stride=st.integers(1, 4),
        dilation=st.integers(1, 3),
        output_padding=st.integers(0, 2),
    )


@given(transposed())
@settings(max_examples=examples(300), deadline=None)
def test_transposed_output_covers_all_windows(axis: TransposedAxis) -> None:
    laid = {
        pixel * axis.stride + tap * axis.dilation for pixel in range(axis.side) for tap in range(axis.window)
    }
    assert axis.output == max(laid) + 1 - axis.before - axis.after + axis.output_padding
    assert eval(axis.formula().partition(" = ")[0].replace("·", "*")) == axis.output
    assert axis.formula().endswith(f" = {axis.output}")


@given(transposed())
@settings(max_examples=examples(300), deadline=None)
def test_transposed_unread_pixels_are_cut_off(axis: TransposedAxis) -> None:
    assume(axis.output >= axis.dilation)
    kept = [
        pixel
        for pixel in range(axis.side)
        if any(
            0 <= pixel * axis.stride + tap * axis.dilation - axis.before < axis.output
            for tap in range(axis.window)
        )
    ]
    cut = [pixel for first, last in axis.unread_ranges() for pixel in range(first, last + 1)]
    assert cut == [pixel for pixel in range(axis.side) if pixel not in kept]
    assert axis.unread_count() == len(cut)


@given(st.integers(1, 40), st.integers(1, 7), st.integers(1, 6))
@settings(max_examples=examples(200), deadline=None)
def test_transposed_same_padding_multiplies_the_side_by_the_stride(n: int, f: int, s: int) -> None:
    for padding in ("same", "same_lower"):
        assert [axis.output for axis in transposed_axes((n, n), f, stride=s, padding=padding)] == [n * s] * 2


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (
            {"padding": 3},
            "padding 3:3 on input 2: gives (2 - 1)·2 - 2·3 + (3 - 1) + 0 + 1 = -1, because the padding cuts off the whole output; "
            "use a padding of at most 2",
        ),
        (
            {"output_padding": 2},
            "output padding 2: must be less than the stride or the dilation; use at most 1",
        ),
        (
            {"output_padding": (1, 5)},
            "output padding 5 horizontally: must be less than the stride or the dilation; use at most 1",
        ),
        (
            {"stride": (1, 5), "output_padding": 1},
            "output padding 1: must be less than the stride or the dilation of its axis: "
            "at most 0 vertically and 4 horizontally; 0x1 works",
        ),
        (
            {"stride": (5, 2), "output_padding": (3, 4)},
            "output padding 3x4: must be less than the stride or the dilation of its axis: "
            "at most 4 vertically and 1 horizontally; 3x1 works",
        ),
        (
            {"padding": "same", "output_padding": 1},
            "output padding 1x1: needs a padding given as a number, not same",
        ),
    ],
)
def test_impossible_transposed_layers(request_: dict[str, Any], why: str) -> None:
    with pytest.raises(SizeError) as caught:
        transposed_axes((2, 2), 3, **{"stride": 2, **request_})
    assert str(caught.value) == why


def test_error_names_the_largest_possible_padding() -> None:
    assert [axis.output for axis in transposed_axes((2, 2), 3, stride=2, padding=2)] == [1, 1]


# SAME with the odd pixel at the start, and adaptive pooling -----------------------------------------------


@given(st.integers(1, 40), st.integers(1, 9), st.integers(1, 5), st.integers(1, 3))
@settings(max_examples=examples(200), deadline=None)
def test_same_lower_is_same_with_its_ends_swapped(n: int, f: int, s: int, d: int) -> None:
    upper, lower = (
        window_axes((n, n), f, stride=s, dilation=d, padding=padding)[0] for padding in ("same", "same_lower")
    )
    assert (lower.before, lower.after, lower.output) == (upper.after, upper.before, upper.output)
    assert lower.before - lower.after in (0, 1)


@given(st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=examples(300), deadline=None)
def test_adaptive_windows(n: int, out: int) -> None:
    axis = adaptive_axes((n, 1), (out, 1))[0]
    windows = meetings(axis, range(out))
    if out > 1:
        assert axis.spread == max(max(window) - min(window) for window in windows.values())
    assert axis.twice_first_center == min(windows[0]) + max(windows[0])
    assert axis.unread_count() == 0
    assert set().union(*windows.values()) == set(range(n))
    assert axis.step * out == n


def test_a_single_adaptive_window_sees_everything() -> None:
    axis = AdaptiveAxis(side=7, output=1)
    assert (axis.spread, axis.formula()) == (None, "1 window of 7 pixels")


@given(st.integers(1, 12), st.integers(1, 6), st.data(), st.integers(1, 30), st.booleans())
def test_bounded_steps_give_the_same_output(
    side: int, window: int, data: st.DataObject, stride: int, ceil: bool
) -> None:
    before, after = (data.draw(st.integers(0, window // 2)) for _ in range(2))
    axis = Axis(side, window, before, after, stride, ceil=ceil)
    assume(axis.output >= 1)
    bounded = axis.with_bounded_steps()
    assert bounded.output == axis.output
    assert bounded.stride <= max(side + window, axis.stride)
    assert 1 <= axis._replace(stride=10**30).with_bounded_steps().stride <= side + 2 * window
