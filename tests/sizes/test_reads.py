"""How often pixels are read, held against windows that are moved over them."""

from itertools import product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from convcli.errors import SizeError
from convcli.sizes.axes import pooling_axes, window_axes
from convcli.sizes.reads import MAX_SIDE, ReadCounts
from convcli.sizes.windowed import Axis
from tests.support.sampling import examples

Pair = tuple[int, int]
sides = st.integers(1, 9)
few = st.integers(1, 4)


@settings(max_examples=examples(80))
@given(st.tuples(sides, sides), st.tuples(few, few), st.tuples(few, few), st.tuples(few, few), few)
@example((1, 2), (1, 1), (2, 2), (1, 1), 1)  # the windows read padding alone
def test_counts_are_those_of_moved_windows(n: Pair, f: Pair, s: Pair, d: Pair, p: int) -> None:
    padding = ((p, 0), (p - 1, p))
    try:
        rows, columns = window_axes(n, f, stride=s, dilation=d, padding=padding)
    except SizeError:
        return
    found = dict.fromkeys(product(range(n[0]), range(n[1])), 0)
    top = -p
    while top + d[0] * (f[0] - 1) < n[0]:
        left = 1 - p
        while left + d[1] * (f[1] - 1) < n[1] + p:
            for row, column in product(range(f[0]), range(f[1])):
                place = top + row * d[0], left + column * d[1]
                if place in found:
                    found[place] += 1
            left += s[1]
        top += s[0]
    counts = ReadCounts(rows, columns)
    assert [count for line in counts.matrix for count in line] == list(found.values())
    values = list(found.values())
    assert (counts.corner, counts.most, counts.pixels) == (values[0], max(values), len(values))
    assert (counts.most_count, counts.unread) == (values.count(max(values)), values.count(0))


def test_the_textbook_case_and_its_remedy() -> None:
    assert ReadCounts(*window_axes((6, 6), 3)).matrix[0] == [1, 2, 3, 3, 2, 1]
    assert ReadCounts(*window_axes((6, 6), 3, padding=1)).corner == 4
    assert ReadCounts(*window_axes((6, 6), 3, padding=2)).matrix == [[9] * 6] * 6
    assert ReadCounts(*pooling_axes((5, 4), 2)).unread == 4


def test_inputs_too_large_to_count() -> None:
    ReadCounts(Axis(side=MAX_SIDE, window=3), Axis(side=1, window=1))
    with pytest.raises(SizeError, match=f"input {MAX_SIDE + 1}x1: is too large to count reads; the limit is"):
        ReadCounts(Axis(side=MAX_SIDE + 1, window=3), Axis(side=1, window=1))
