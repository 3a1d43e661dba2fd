"""The colors of signed numbers, against the formula written out number by number."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convcli.drawing.colors import color_limit, diverging_colors, nearest_colors
from tests.support import oracles as reference
from tests.support.oracles import BLUE, GRAY, RED

WHITE = (255, 255, 255)


def test_ends_and_zero_have_their_colors() -> None:
    assert diverging_colors([-3, 0, 3], 3).tolist() == [list(BLUE), list(WHITE), list(RED)]


@given(st.lists(st.integers(-300, 300), min_size=1, max_size=20), st.sampled_from([1, 2, 64, 128, 256]))
def test_colors_are_linear_in_the_number_and_rounded_half_to_even(values: list[int], limit: int) -> None:
    # Limits of powers of two: the shares are exact, and so are halves.
    assert diverging_colors(values, limit).tolist() == [
        list(reference.diverging_color(value, limit)) for value in values
    ]


def test_values_beyond_the_limits_have_the_color_of_the_limit() -> None:
    values = [-math.inf, -4.0, 4.0, math.inf]
    assert diverging_colors(values, 2).tolist() == [list(BLUE), list(BLUE), list(RED), list(RED)]


@pytest.mark.parametrize("limit", [0, 5e-324, 1e308])
def test_no_limit_is_too_small_or_too_large(limit: float) -> None:
    values = [-math.inf, 0.0, math.inf, math.nan]
    assert diverging_colors(values, limit).tolist() == [list(BLUE), list(WHITE), list(RED), list(GRAY)]


def test_nan_is_gray() -> None:
    assert diverging_colors([math.nan], 1).tolist() == [list(GRAY)]


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (2, 3, 4), (400, 400)])
def test_the_shape_is_kept_and_a_last_axis_added(shape: tuple[int, ...]) -> None:
    drawn = diverging_colors(np.full(shape, 7, np.int16), 7)
    assert drawn.shape == (*shape, 3)
    assert drawn.dtype == np.uint8
    assert (drawn == RED).all()


def test_integers_of_any_type_are_taken() -> None:
    values = np.array([-(2**63), 0, 2**63 - 1])
    assert diverging_colors(values, 2.0**63).tolist() == [list(BLUE), list(WHITE), list(RED)]
    assert diverging_colors(np.array([2**64 - 1], np.uint64), 1).tolist() == [list(RED)]


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=500))
def test_limit_leaves_out_one_number_in_200(values: list[int]) -> None:
    assert color_limit(np.array(values)) == reference.color_limit(np.array(values))


@pytest.mark.parametrize("values", [[], [math.nan], [math.inf, -math.inf]])
def test_limit_of_no_finite_number_is_zero(values: list[float]) -> None:
    assert color_limit(values) == 0


def test_limit_of_the_smallest_integers() -> None:
    assert color_limit(np.array([-128], np.int8)) == 128
    assert color_limit(np.array([-(2**63)])) == 2.0**63


@pytest.mark.parametrize(
    ("color", "nearest"),
    [
        ((183, 38, 56), (175, 0, 0)),  # in RGB (175, 0, 95), magenta, is nearer
        ((190, 40, 50), (175, 0, 0)),
        ((220, 20, 60), (215, 0, 0)),
        ((33, 102, 172), (0, 95, 175)),
        ((4, 4, 4), (8, 8, 8)),
        ((120, 121, 119), (118, 118, 118)),
        ((254, 255, 255), (255, 255, 255)),
        ((0, 255, 0), (0, 255, 0)),
    ],
)
def test_the_nearest_color_of_a_palette_looks_most_like_it(
    color: tuple[int, int, int], nearest: tuple[int, int, int]
) -> None:
    levels = 0, 95, 135, 175, 215, 255
    palette = [*product(levels, levels, levels), *((8 + 10 * step,) * 3 for step in range(24))]
    assert nearest_colors([[color, color]], palette).tolist() == [[list(nearest)] * 2]
    least = min(palette, key=lambda one: reference.color_difference(color, one))
    assert least == nearest
