"""Rendering against Python numbers, with golden figures for halves, extremes and what is not finite."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from convcli.convolution.rendering import adjust, render, render_counted
from convcli.errors import UsageError
from tests.support import oracles as reference

PIXELS = {8: np.uint8, 16: np.uint16}
INTEGERS = [np.dtype(f"{kind}{size}") for kind in "ui" for size in (1, 2, 4, 8)]
SCALES = [Fraction(1), Fraction(2), Fraction(-1), Fraction(1, 2), Fraction(1, 4), Fraction(-3), Fraction(0)]
UNSCALED_MODES = ["abs", "clip", "center"]  # those whose levels are exact in binary fractions


def rendered(values: Any, how: str, **options: Any) -> tuple[list[Any], int]:
    result = render_counted(values, how, **options)
    assert result.pixels.dtype == PIXELS[options.get("depth", 8)]
    return result.pixels.tolist(), result.losses.saturated


# Python numbers -------------------------------------------------------------------------------------------


@given(
    st.sampled_from([dtype for dtype in INTEGERS if dtype.itemsize < 8]).flatmap(
        lambda dtype: hnp.arrays(dtype, st.integers(1, 12))
    ),
    st.sampled_from(UNSCALED_MODES),
    st.sampled_from(SCALES),
    st.sampled_from([8, 16]),
)
@settings(max_examples=200, deadline=None)
def test_integers_are_rendered_as_python_numbers_are(
    values: Any, how: str, scale: Fraction, depth: int
) -> None:
    expected = reference.render(values.tolist(), how, scale=scale, depth=depth)
    assert rendered(values, how, scale=float(scale), depth=depth) == expected


@given(
    hnp.arrays(
        np.float32,
        st.integers(1, 12),
        elements=st.floats(width=32) | st.integers(-600, 600).map(lambda n: n / 2),
    ),
    st.sampled_from([np.float32, np.float64]),
    st.sampled_from(UNSCALED_MODES),
    st.sampled_from(SCALES),
    st.sampled_from([8, 16]),
)
@settings(max_examples=200, deadline=None)
def test_floats_are_rendered_as_python_numbers_are(
    values: Any, dtype: Any, how: str, scale: Fraction, depth: int
) -> None:
    expected = reference.render(values.tolist(), how, scale=scale, depth=depth)
    assert rendered(values.astype(dtype), how, scale=float(scale), depth=depth) == expected


@given(
    hnp.arrays(np.int16, st.integers(1, 12))
    | hnp.arrays(np.float32, st.integers(1, 12), elements=st.floats(-1000, 1000, width=32)),
    st.sampled_from(SCALES),
    st.sampled_from([8, 16]),
)
@settings(max_examples=200, deadline=None)
def test_stretched_levels_are_the_nearest_to_the_exact_ones(values: Any, scale: Fraction, depth: int) -> None:
    white = 2**depth - 1
    numbers = [Fraction(value) * scale for value in values.tolist()]
    low, high = min(numbers), max(numbers)
    pixels, saturated = rendered(values, "stretch", scale=float(scale), depth=depth)
    assert saturated == 0
    for pixel, number in zip(pixels, numbers, strict=True):
        exact = (number - low) * white / (high - low) if high > low else Fraction(0)
        # Scaled numbers are rounded to 53 bits before their differences are taken.
        assert abs(pixel - exact) <= Fraction(1, 2) + Fraction(1, 1000)


@pytest.mark.parametrize("highest", [2, 10, 14, 34, 50, 510])
@pytest.mark.parametrize("depth", [8, 16])
def test_stretched_halves_are_rounded_to_even(highest: int, depth: int) -> None:
    values = list(range(highest + 1))
    expected = reference.render(values, "stretch", scale=Fraction(1), depth=depth)
    assert rendered(np.array(values), "stretch", depth=depth) == expected


@given(
    hnp.arrays(np.int16, st.integers(1, 12), elements=st.integers(-600, 600) | st.integers(-3, 3)),
    st.sampled_from([8, 16]),
)
@settings(max_examples=200, deadline=None)
def test_gray_levels_are_the_exact_ones(values: Any, depth: int) -> None:
    expected = reference.render(values.tolist(), "gray", scale=Fraction(1), depth=depth)
    assert rendered(values, "gray", depth=depth) == expected


@pytest.mark.parametrize(
    ("values", "levels"),
    [
        ([0, 30], [128, 255]),
        ([0, -30], [128, 0]),
        ([-30, 0, 30], [1, 128, 255]),
        ([-30, 0, 10], [0, 128, 171]),  # 128 + 10·128/30
        ([0, 0], [128, 128]),
        ([5, 10], [192, 255]),  # 128 + 63.5, rounded to even
        ([-1.7e308, 0, 1.7e308], [1, 128, 255]),
        ([0, 5e-324], [128, 255]),
        ([math.nan, 0, 2, math.inf, -math.inf], [0, 128, 255, 255, 0]),
    ],
)
def test_zero_is_mid_gray_and_the_largest_magnitude_black_or_white(
    values: list[float], levels: list[int]
) -> None:
    lost = sum(not math.isfinite(value) for value in values)
    assert rendered(np.array(values), "gray") == (levels, lost)


def test_stretching_float32_does_not_round_in_between() -> None:
    values = np.random.default_rng(0).normal(size=6000).astype(np.float32)
    expected = reference.render(values.tolist(), "stretch", scale=Fraction(1), depth=16)
    assert rendered(values, "stretch", depth=16) == expected


# The modes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "pixels", "saturated"),
    [
        ("abs", [255, 30, 0, 30, 255], 2),
        ("clip", [0, 0, 0, 30, 255], 3),
        ("center", [0, 98, 128, 158, 255], 2),
    ],
)
def test_signed_numbers_become_bytes(how: str, pixels: list[int], saturated: int) -> None:
    assert rendered(np.array([-700, -30, 0, 30, 700]), how) == (pixels, saturated)


@pytest.mark.parametrize(
    ("how", "pixels", "saturated"),
    [
        ("abs", [65535, 30, 0, 30, 65535], 2),
        ("clip", [0, 0, 0, 30, 65535], 3),
        ("center", [0, 32738, 32768, 32798, 65535], 2),
    ],
)
def test_signed_numbers_become_16_bits(how: str, pixels: list[int], saturated: int) -> None:
    assert rendered(np.array([-70000, -30, 0, 30, 70000]), how, depth=16) == (pixels, saturated)


def test_stretch_runs_from_the_smallest_to_white() -> None:
    assert rendered(np.array([-100, -50, 0, 100]), "stretch") == ([0, 64, 128, 255], 0)
    assert rendered(np.array([-100, -50, 0, 100]), "stretch", depth=16) == ([0, 16384, 32768, 65535], 0)


def test_stretch_is_over_all_channels_together() -> None:
    pixels, _ = rendered(np.array([[[0, 100]], [[50, 200]]]), "stretch")
    assert pixels == [[[0, 128]], [[64, 255]]]


@pytest.mark.parametrize("value", [-7, 0, 7, 1000])
def test_a_flat_image_stretches_to_black(value: int) -> None:
    assert rendered(np.full((2, 2), value), "stretch") == ([[0, 0], [0, 0]], 0)


def test_abs_and_8_bits_are_the_defaults() -> None:
    assert render(np.array([-3])).tolist() == [3]
    assert render(np.array([-3])).dtype == np.uint8


@pytest.mark.parametrize("values", [np.array([-3, 700], np.int16), np.array([-0.5, math.inf], np.float32)])
def test_raw_numbers_stay_numbers(values: Any) -> None:
    result = render_counted(values, "raw")
    assert result.pixels.dtype == values.dtype
    assert result.pixels.tolist() == values.tolist()
    assert result.losses.saturated == 0


def test_raw_numbers_are_scaled() -> None:
    assert render(np.array([-3, 700], np.int16), "raw", scale=0.5).tolist() == [-1.5, 350.0]


@pytest.mark.parametrize("how", ["abs", "clip", "center", "stretch", "gray", "raw"])
@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 3, 4), (0, 3)])
def test_the_shape_is_kept(how: str, shape: tuple[int, ...]) -> None:
    assert render(np.ones(shape, np.int16), how).shape == shape


def test_an_empty_array_can_be_scaled() -> None:
    assert render(np.ones((0, 3), np.int16), scale=2).shape == (0, 3)


def test_the_values_are_not_changed() -> None:
    values = np.array([-3.0, math.nan])
    for how in ("abs", "clip", "center", "stretch", "gray", "raw"):
        render(values, how)
    assert values[0] == -3
    assert math.isnan(values[1])


# Rounding and saturation ----------------------------------------------------------------------------------


def test_half_is_rounded_to_even() -> None:
    values = np.array([0.5, 1.5, 2.5, 253.5, 254.5, -0.5])
    assert rendered(values, "clip") == ([0, 2, 2, 254, 254, 0], 0)
    assert rendered(values - 128, "center") == ([0, 2, 2, 254, 254, 0], 0)


@pytest.mark.parametrize(
    ("value", "pixel", "saturated"), [(255.49, 255, 0), (255.5, 255, 1), (-0.5, 0, 0), (-0.51, 0, 1)]
)
def test_what_rounds_into_range_is_not_saturated(value: float, pixel: int, saturated: int) -> None:
    assert rendered(np.array([value]), "clip") == ([pixel], saturated)


def test_every_saturated_pixel_of_every_channel_counts() -> None:
    assert render_counted(np.full((3, 4, 2), 256)).losses.saturated == 24


def test_rendering_rounds_once_after_scaling() -> None:
    assert rendered(np.array([3]), "abs", scale=0.5) == ([2], 0)
    assert rendered(np.array([1.5]), "abs", scale=0.25) == ([0], 0)


# Extremes -------------------------------------------------------------------------------------------------


def test_the_smallest_int16_has_an_absolute_value() -> None:
    assert rendered(np.array([-32768], np.int16), "abs", depth=16) == ([32768], 0)
    assert rendered(np.array([-32768], np.int16), "abs", depth=8) == ([255], 1)


@pytest.mark.parametrize("how", ["abs", "clip", "center"])
@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("scale", [1, -1, 2])
def test_integer_extremes_saturate_and_never_turn_over(
    how: str, dtype: np.dtype[Any], depth: int, scale: int
) -> None:
    limits = np.iinfo(dtype)
    values = [int(limits.min), int(limits.max)]
    expected = reference.render(values, how, scale=Fraction(scale), depth=depth)
    assert rendered(np.array(values, dtype), how, depth=depth, scale=scale) == expected


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integer_extremes_stretch_from_black_to_white(dtype: np.dtype[Any]) -> None:
    limits = np.iinfo(dtype)
    assert rendered(np.array([limits.max, limits.min], dtype), "stretch") == ([255, 0], 0)


def test_large_neighbours_stretch_from_black_to_white() -> None:
    assert rendered(np.array([2**62, 2**62 + 1]), "stretch") == ([0, 255], 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_float_extremes_stretch_from_black_to_white(dtype: Any) -> None:
    largest = np.finfo(dtype).max
    assert rendered(np.array([-largest, 0, largest], dtype), "stretch") == ([0, 128, 255], 0)


def test_the_smallest_floats_stretch_from_black_to_white() -> None:
    assert rendered(np.array([0, 5e-324]), "stretch") == ([0, 255], 0)


def test_booleans_are_zero_and_one() -> None:
    assert rendered(np.array([True, False]), "abs") == ([1, 0], 0)
    assert rendered(np.array([True, False]), "center") == ([129, 128], 0)


# Not finite -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "pixels"), [("abs", [0, 255, 255]), ("clip", [0, 255, 0]), ("center", [0, 255, 0])]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nan_becomes_black_and_infinities_saturate(how: str, pixels: list[int], dtype: Any) -> None:
    assert rendered(np.array([math.nan, math.inf, -math.inf], dtype), how) == (pixels, 3)


def test_stretch_leaves_out_what_is_not_finite() -> None:
    values = np.array([math.nan, math.inf, -math.inf, 1, 2, 3])
    assert rendered(values, "stretch") == ([0, 255, 0, 0, 128, 255], 3)


def test_what_is_not_finite_counts_in_a_flat_stretch_too() -> None:
    assert rendered(np.array([5, 5, math.nan]), "stretch") == ([0, 0, 0], 1)


def test_infinities_saturate_in_a_flat_stretch_too() -> None:
    assert rendered(np.array([5, math.inf, -math.inf]), "stretch") == ([0, 255, 0], 2)


def test_nan_counts_where_nothing_is_finite() -> None:
    assert rendered(np.array([math.nan, math.nan]), "stretch") == ([0, 0], 2)


# Adjust ---------------------------------------------------------------------------------------------------


def test_nothing_to_adjust_returns_the_same_numbers() -> None:
    for dtype in (np.int16, np.uint8, np.float32):
        values = np.array([1, 100], dtype)
        assert adjust(values).dtype == dtype
        assert adjust(values).tolist() == [1, 100]


@given(
    hnp.arrays(np.int64, st.integers(1, 6), elements=st.integers(-(2**55), 2**55)),
    st.integers(-100, 100),
    st.integers(-(2**55), 2**55),
)
@settings(max_examples=150, deadline=None)
def test_whole_numbers_are_adjusted_exactly(values: Any, scale: int, bias: int) -> None:
    adjusted = adjust(values, scale=scale, bias=bias)
    assert adjusted.dtype == np.int64
    assert adjusted.tolist() == [scale * value + bias for value in values.tolist()]


@pytest.mark.parametrize(("scale", "bias"), [(0.5, 0), (1, 0.25), (2.0, 0.5)])
def test_fractions_are_adjusted_in_float64(scale: float, bias: float) -> None:
    adjusted = adjust(np.array([3, -8], np.int16), scale=scale, bias=bias)
    assert adjusted.dtype == np.float64
    assert adjusted.tolist() == [scale * 3 + bias, scale * -8 + bias]


def test_whole_numbers_beyond_int64_become_float64() -> None:
    adjusted = adjust(np.array([2**62], np.int64), scale=4)
    assert adjusted.dtype == np.float64
    assert adjusted.tolist() == [2.0**64]


def test_adjusted_floats_beyond_their_type_are_infinite_without_a_warning() -> None:
    assert adjust(np.array([1e300]), scale=1e300).tolist() == [math.inf]


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["scale", "bias"])
def test_scale_and_bias_are_finite(name: str, number: float) -> None:
    with pytest.raises(UsageError) as caught:
        adjust(np.array([1]), **{name: number})
    assert str(caught.value) == f"{name} {number}: must be a finite number"


def test_a_scale_beyond_the_floats_is_refused() -> None:
    with pytest.raises(UsageError, match="scale"):
        render(np.array([1]), scale=10**400)


# Errors ---------------------------------------------------------------------------------------------------


def test_an_unknown_mode_is_answered_by_the_nearest() -> None:
    with pytest.raises(UsageError, match="signed 'centered': unknown value; did you mean center"):
        render(np.array([1]), "centered")


@pytest.mark.parametrize("depth", [0, 1, 12, 32, -8])
def test_depth_is_8_or_16(depth: int) -> None:
    with pytest.raises(UsageError, match=f"depth {depth}: must be 8 or 16"):
        render(np.array([1]), depth=depth)
