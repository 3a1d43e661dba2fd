"""Kernels against literal matrices, direct formulas and analytic images; invalid kernels."""

import io
import json
import math
import zipfile
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from convcli.convolution.engine import apply_filter, convolve
from convcli.errors import FilterError, KernelError, UsageError
from convcli.kernels.catalog import CATALOG
from convcli.kernels.filter import Combination, custom_filter, gain, kernel_array, separate
from convcli.kernels.lookup import get_filter, kernel
from convcli.kernels.parsing import parse_kernel, read_kernel

Array = NDArray[Any]

MAX_TAPS = 1024 * 1024
FAMILIES = ["prewitt", "sobel", "scharr", "roberts", "freichen"]
STEERED = [f"{family}-x" for family in FAMILIES]
MAGNITUDES = ["prewitt", "sobel", "scharr", "roberts"]
SMOOTHING = ["gaussian", "box"]
SUM_ONE = [*SMOOTHING, "sharpen", "emboss", "identity"]

# Published matrices, written out ---------------------------------------------------------------------------

LITERAL: dict[str, list[list[int]]] = {
    "vertical": [[1, 0, -1], [1, 0, -1], [1, 0, -1]],
    "horizontal": [[1, 1, 1], [0, 0, 0], [-1, -1, -1]],
    "prewitt-x": [[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]],
    "prewitt-y": [[-1, -1, -1], [0, 0, 0], [1, 1, 1]],
    "prewitt-x:size=5": [[-2, -1, 0, 1, 2]] * 5,
    "prewitt-x:size=7": [[-3, -2, -1, 0, 1, 2, 3]] * 7,
    "prewitt-y:size=5": [[-2] * 5, [-1] * 5, [0] * 5, [1] * 5, [2] * 5],
    "sobel-x": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
    "sobel-y": [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
    "sobel-x:size=3": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
    "sobel-x:size=5": [
        [-1, -2, 0, 2, 1],
        [-4, -8, 0, 8, 4],
        [-6, -12, 0, 12, 6],
        [-4, -8, 0, 8, 4],
        [-1, -2, 0, 2, 1],
    ],
    "sobel-y:size=5": [
        [-1, -4, -6, -4, -1],
        [-2, -8, -12, -8, -2],
        [0, 0, 0, 0, 0],
        [2, 8, 12, 8, 2],
        [1, 4, 6, 4, 1],
    ],
    "sobel-x:size=7": [
        [-1, -4, -5, 0, 5, 4, 1],
        [-6, -24, -30, 0, 30, 24, 6],
        [-15, -60, -75, 0, 75, 60, 15],
        [-20, -80, -100, 0, 100, 80, 20],
        [-15, -60, -75, 0, 75, 60, 15],
        [-6, -24, -30, 0, 30, 24, 6],
        [-1, -4, -5, 0, 5, 4, 1],
    ],
    "scharr-x": [[-3, 0, 3], [-10, 0, 10], [-3, 0, 3]],
    "scharr-y": [[-3, -10, -3], [0, 0, 0], [3, 10, 3]],
    "roberts-x": [[-1, 0], [0, 1]],
    "roberts-y": [[0, -1], [1, 0]],
    "laplacian": [[0, 1, 0], [1, -4, 1], [0, 1, 0]],
    "laplacian-8": [[1, 1, 1], [1, -8, 1], [1, 1, 1]],
    "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    "emboss": [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]],
    "identity": [[1]],
}
SIXTEENTHS = [[1, 2, 1], [2, 4, 2], [1, 2, 1]]
GAUSSIAN_5 = [[1, 4, 6, 4, 1], [4, 16, 24, 16, 4], [6, 24, 36, 24, 6], [4, 16, 24, 16, 4], [1, 4, 6, 4, 1]]
GAUSSIAN_7_MIDDLE = [20, 120, 300, 400, 300, 120, 20]


@pytest.mark.parametrize("name", LITERAL)
def test_a_filter_is_the_published_matrix(name: str) -> None:
    matrix = kernel(name)
    assert matrix.dtype == np.int64
    assert matrix.tolist() == LITERAL[name]


def test_the_binomial_gaussians_are_the_published_ones() -> None:
    assert (kernel("gaussian") * 16).tolist() == SIXTEENTHS
    assert (kernel("gaussian", size=5) * 256).tolist() == GAUSSIAN_5
    seven = kernel("gaussian", size=7) * 4096
    assert seven[3].tolist() == GAUSSIAN_7_MIDDLE
    assert seven[0].tolist() == [1, 6, 15, 20, 15, 6, 1]
    assert seven.tolist() == seven.T.tolist()


def test_frei_chen_weighs_the_middle_by_the_root_of_two() -> None:
    root = math.sqrt(2)
    assert kernel("freichen-x").tolist() == [[-1, 0, 1], [-root, 0, root], [-1, 0, 1]]
    assert kernel("freichen-y").tolist() == [[-1, -root, -1], [0, 0, 0], [1, root, 1]]


@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_a_box_weighs_all_pixels_alike(size: int) -> None:
    matrix = kernel("box", size=size)
    assert matrix.shape == (size, size)
    assert set(matrix.ravel().tolist()) == {1 / size**2}


def test_a_kernel_of_whole_numbers_is_int64_whatever_built_it() -> None:
    assert kernel("box", size=1).dtype == np.int64
    assert kernel("gaussian", size=1, sigma=1).dtype == np.int64


@pytest.mark.parametrize("name", sorted(CATALOG))
def test_a_kernel_cannot_be_written_to(name: str) -> None:
    for matrix in get_filter(name).kernels:
        with pytest.raises(ValueError, match="read-only"):
            matrix[0, 0] = 5


@pytest.mark.parametrize("name", sorted(CATALOG))
def test_every_filter_has_a_summary_and_a_source(name: str) -> None:
    built = get_filter(name)
    assert built.name == name
    assert built.summary
    assert built.responds_to
    assert built.source


# Sums, gains, divisors, separability ------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(set(CATALOG) - set(SUM_ONE)))
def test_derivatives_do_not_answer_to_flat_areas(name: str) -> None:
    for matrix in get_filter(name).kernels:
        assert abs(math.fsum(matrix.ravel().tolist())) <= 1e-12


@pytest.mark.parametrize("name", SUM_ONE)
def test_smoothing_and_sharpening_keep_flat_areas(name: str) -> None:
    assert math.fsum(kernel(name).ravel().tolist()) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "gain_"),
    [
        ("vertical", 3),
        ("prewitt-x", 3),
        ("prewitt-x:size=5", 15),
        ("sobel-x", 4),
        ("sobel", 4),
        ("sobel-x:size=5", 48),
        ("scharr-y", 16),
        ("roberts-x", 1),
        ("freichen-x", 2 + math.sqrt(2)),
        ("laplacian", 4),
        ("laplacian-8", 8),
        ("kirsch", 15),
        ("robinson", 4),
        ("gaussian", 1),
        ("gaussian:sigma=3.7", 1),
        ("box:size=7", 1),
        ("sharpen", 1),
        ("emboss", 1),
        ("identity", 1),
        ("gabor", 1),
        ("gabor:phase=90", 1),
    ],
)
def test_the_gain_is_what_a_step_or_a_flat_area_is_multiplied_by(name: str, gain_: float) -> None:
    assert get_filter(name).gain == pytest.approx(gain_, rel=1e-12)


@pytest.mark.parametrize(
    ("matrix", "gain_"),
    [([[-1, -1], [-1, -1]], 4), ([[0, 0]], 0), ([[1, -1, 5]], 5), ([[0.1, 0.2, -0.3]], 0.3), ([[-7]], 7)],
)
def test_the_gain_of_any_kernel(matrix: list[list[float]], gain_: float) -> None:
    assert gain(matrix) == pytest.approx(gain_, rel=1e-12)


@pytest.mark.parametrize(
    "name", ["prewitt-x", "sobel-x", "sobel-x:size=5", "scharr-x", "freichen-x", "vertical"]
)
def test_the_gain_of_a_derivative_is_its_answer_to_a_step_of_one(name: str) -> None:
    step = np.zeros((11, 12))
    step[:, 6:] = 1
    assert np.abs(convolve(step, kernel(name))).max() == pytest.approx(get_filter(name).gain, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "divisor"),
    [
        ("sobel-x", 1),
        ("gaussian", 16),
        ("gaussian:size=5", 256),
        ("gaussian:size=7", 4096),
        ("gaussian:sigma=2", 1),
        ("box", 9),
        ("box:size=7", 49),
        ("sharpen", 1),
    ],
)
def test_the_divisor_makes_whole_numbers(name: str, divisor: int) -> None:
    built = get_filter(name)
    assert built.divisor == divisor
    if divisor > 1:
        whole = built.kernels[0] * divisor
        assert np.abs(whole - np.rint(whole)).max() < 1e-12


@pytest.mark.parametrize(
    ("name", "separable"),
    [
        ("sobel-x", True),
        ("sobel", True),
        ("sobel-x:size=7", True),
        ("gaussian:sigma=2.3", True),
        ("gaussian:sigma=1,size=101", True),
        ("box:size=9", True),
        ("freichen-y", True),
        ("identity", True),
        ("sobel-x:angle=90", True),
        ("sobel-x:angle=45", False),
        ("laplacian", False),
        ("roberts-x", False),
        ("kirsch", False),
        ("emboss", False),
        ("log", False),
    ],
)
def test_separable_says_whether_a_kernel_is_a_column_times_a_row(name: str, separable: bool) -> None:
    built = get_filter(name)
    assert built.separable is separable
    assert all(np.linalg.matrix_rank(matrix) == 1 for matrix in built.kernels) is separable


@given(
    hnp.arrays(np.int64, st.integers(1, 5), elements=st.integers(-50, 50)),
    hnp.arrays(np.int64, st.integers(1, 5), elements=st.integers(-50, 50)),
)
@settings(max_examples=150, deadline=None)
def test_a_product_of_whole_numbers_is_separated_exactly(column: Array, row: Array) -> None:
    matrix = np.outer(column, row)
    factors = separate(matrix.tolist())
    if not matrix.any():
        assert factors is None
    else:
        assert factors is not None
        assert np.outer(*factors).tolist() == matrix.tolist()
        assert all(isinstance(tap, int) for factor in factors for tap in factor)


def test_the_largest_taps_are_distinguished() -> None:
    assert separate([[1e308] * 3] * 3) is not None
    assert separate([[0, 1e308, 1e308], [1e308, 0, 1e308], [1e308, 1e308, 0]]) is None
    assert separate([[1.7e308, 1.7e308], [1.7e308, -1.7e308]]) is None


@given(hnp.arrays(np.int64, st.tuples(st.integers(1, 4), st.integers(1, 4)), elements=st.integers(-3, 3)))
@settings(max_examples=150, deadline=None)
def test_a_kernel_is_separated_where_its_rank_is_one_and_only_there(matrix: Array) -> None:
    minors = [
        matrix[i, k] * matrix[j, m] - matrix[i, m] * matrix[j, k]
        for i in range(matrix.shape[0])
        for j in range(i)
        for k in range(matrix.shape[1])
        for m in range(k)
    ]
    assert (separate(matrix.tolist()) is not None) == (matrix.any() and not any(minors))


@given(
    hnp.arrays(np.float64, st.integers(1, 5), elements=st.floats(0.01, 100)),
    hnp.arrays(np.float64, st.integers(1, 5), elements=st.floats(-100, -0.01)),
)
@settings(max_examples=100, deadline=None)
def test_a_product_of_fractions_is_separated_within_four_roundings(column: Array, row: Array) -> None:
    matrix = np.outer(column, row)
    factors = separate(matrix.tolist())
    assert factors is not None
    assert (np.abs(np.outer(*factors) - matrix) <= 4 * 2.0**-52 * np.abs(matrix)).all()


def test_a_tap_far_smaller_than_the_others_is_not_lost() -> None:
    assert separate([[1, 0], [0, 1e-14]]) is None


# Signs ------------------------------------------------------------------------------------------------------

RIGHT = np.tile(np.arange(9), (9, 1))
DOWN = RIGHT.T


def answer(name: str, image: Array) -> float:
    """Return the filter's answer in the middle of an image."""
    result = apply_filter(image, get_filter(name))
    return float(result[4, 4])


@pytest.mark.parametrize("family", ["prewitt", "sobel", "scharr", "freichen"])
def test_x_is_positive_where_it_gets_brighter_to_the_right(family: str) -> None:
    assert answer(f"{family}-x", RIGHT) > 0
    assert answer(f"{family}-x", -RIGHT) < 0
    assert answer(f"{family}-x", DOWN) == 0


@pytest.mark.parametrize("family", ["prewitt", "sobel", "scharr", "freichen"])
def test_y_is_positive_where_it_gets_brighter_downwards(family: str) -> None:
    assert answer(f"{family}-y", DOWN) > 0
    assert answer(f"{family}-y", -DOWN) < 0
    assert answer(f"{family}-y", RIGHT) == 0


def test_roberts_is_positive_along_its_diagonals() -> None:
    assert answer("roberts-x", RIGHT + DOWN) > 0
    assert answer("roberts-x", RIGHT - DOWN) == 0
    assert answer("roberts-y", DOWN - RIGHT) > 0
    assert answer("roberts-y", DOWN + RIGHT) == 0


def test_the_textbook_pair_is_positive_from_bright_to_dark() -> None:
    assert answer("vertical", -RIGHT) > 0
    assert answer("horizontal", -DOWN) > 0


@pytest.mark.parametrize(
    "name", ["laplacian", "laplacian-8", "log", "dog", "log:sigma=2", "dog:sigma=2,ratio=3"]
)
def test_laplacians_are_positive_on_dark_spots(name: str) -> None:
    spot = np.zeros((41, 41))
    spot[20, 20] = 1
    assert convolve(-spot, kernel(name))[20, 20] > 0
    assert convolve(spot, kernel(name))[20, 20] < 0


@pytest.mark.parametrize("family", MAGNITUDES)
@pytest.mark.parametrize("image", [RIGHT, DOWN, -RIGHT, RIGHT + DOWN, RIGHT - DOWN])
def test_a_magnitude_does_not_depend_on_the_sign(family: str, image: Array) -> None:
    assert answer(family, image) == answer(family, -image) > 0


def test_sharpening_keeps_a_ramp_and_exaggerates_a_step() -> None:
    step = np.repeat([[0] * 5 + [10] * 4], 9, axis=0)
    assert convolve(RIGHT, kernel("sharpen"))[4, 2:7].tolist() == [2, 3, 4, 5, 6]
    assert convolve(step, kernel("sharpen"))[4].tolist() == [0, 0, 0, 0, -10, 20, 10, 10, 10]


def test_embossing_brightens_what_rises_to_the_lower_right() -> None:
    flat = np.full((9, 9), 4)
    assert answer("emboss", flat) == 4
    assert answer("emboss", flat + RIGHT + DOWN) > answer("emboss", flat + 8)


# Steering ---------------------------------------------------------------------------------------------------


def ramp(degrees: float, side: int = 9) -> Array:
    """Return an image that gets brighter towards an angle, counter-clockwise from x as seen on the screen."""
    middle = np.arange(side) - side // 2
    x, up = middle[None, :], -middle[:, None]
    return math.cos(math.radians(degrees)) * x + math.sin(math.radians(degrees)) * up


@pytest.mark.parametrize("family", ["prewitt", "sobel", "scharr", "freichen"])
def test_the_quarter_turns_of_a_steered_filter_are_exact(family: str) -> None:
    x, y = kernel(f"{family}-x"), kernel(f"{family}-y")
    expected = {0: x, 90: -y, 180: -x, 270: y, 360: x, -90: y, 450: -y, 3600: x}
    for angle, matrix in expected.items():
        steered = kernel(f"{family}-x", angle=angle)
        assert steered.dtype == x.dtype
        assert steered.tolist() == matrix.tolist()


def test_ninety_degrees_point_up() -> None:
    assert kernel("sobel-x", angle=90).tolist() == [[1, 2, 1], [0, 0, 0], [-1, -2, -1]]


def test_a_steered_quarter_turn_has_no_negative_zeros() -> None:
    steered = kernel("freichen-x", angle=180)
    assert not np.signbit(steered[:, 1]).any()


@pytest.mark.parametrize("family", ["prewitt", "sobel", "scharr", "freichen"])
@pytest.mark.parametrize("angle", [70, 45, 1e-3, -33.3, 123.4])
def test_a_steered_filter_is_cosine_x_less_sine_y(family: str, angle: float) -> None:
    radians = math.radians(angle)
    expected = math.cos(radians) * kernel(f"{family}-x") - math.sin(radians) * kernel(f"{family}-y")
    assert np.abs(kernel(f"{family}-x", angle=angle) - expected).max() <= 1e-14 * np.abs(expected).max()


@pytest.mark.parametrize("size", [3, 5, 7])
def test_larger_filters_are_steered_too(size: int) -> None:
    expected = 0.5 * kernel("sobel-x", size=size) - math.sqrt(0.75) * kernel("sobel-y", size=size)
    assert np.allclose(kernel("sobel-x", size=size, angle=60), expected, rtol=1e-14, atol=1e-12)


@pytest.mark.thorough(every=5)
@pytest.mark.parametrize("name", [*STEERED, *MAGNITUDES])
@pytest.mark.parametrize("direction", [0, 30, 75, 90, 135, 195, 285, 330])
def test_a_ramp_is_answered_most_by_the_filter_steered_along_it(name: str, direction: int) -> None:
    answers = {angle: answer(f"{name}:angle={angle}", ramp(direction)) for angle in range(0, 360, 15)}
    strongest = max(answers.values())
    assert answers[direction] == pytest.approx(strongest, rel=1e-12)
    for angle, value in answers.items():
        cosine = math.cos(math.radians(angle - direction))
        assert value == pytest.approx(cosine * strongest, abs=1e-12 * strongest)


@pytest.mark.parametrize("angle", [0, 70, 180, 301])
def test_the_textbook_filter_is_steered_from_bright_to_dark(angle: float) -> None:
    assert answer(f"vertical:angle={angle}", -ramp(angle)) > 0
    assert np.allclose(kernel("vertical", angle=angle), -kernel("prewitt-x", angle=angle), atol=1e-15)


@pytest.mark.parametrize("family", MAGNITUDES)
def test_an_angle_makes_a_magnitude_a_single_derivative(family: str) -> None:
    built = get_filter(family, angle=70)
    assert built.combination == Combination.SINGLE
    assert [matrix.tolist() for matrix in built.kernels] == [kernel(f"{family}-x", angle=70).tolist()]
    assert "70 degrees" in built.responds_to


# Compass filters --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "east", "north_east"),
    [
        ("kirsch", [[-3, -3, 5], [-3, 0, 5], [-3, -3, 5]], [[-3, 5, 5], [-3, 0, 5], [-3, -3, -3]]),
        ("robinson", [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], [[0, 1, 2], [-1, 0, 1], [-2, -1, 0]]),
    ],
)
def test_a_compass_has_eight_distinct_turns(
    name: str, east: list[list[int]], north_east: list[list[int]]
) -> None:
    built = get_filter(name)
    matrices = {tuple(matrix.ravel().tolist()) for matrix in built.kernels}
    turns = {
        tuple(np.rot90(np.array(matrix), quarter).ravel().tolist())
        for matrix in (east, north_east)
        for quarter in range(4)
    }
    assert built.combination == Combination.STRONGEST
    assert len(built.kernels) == len(matrices) == 8
    assert matrices == turns


@pytest.mark.parametrize("name", ["kirsch", "robinson"])
def test_a_compass_answers_alike_to_all_quarter_turns_of_an_image(name: str) -> None:
    image = np.random.default_rng(1).integers(0, 255, (9, 9))
    assert len({answer(name, np.rot90(image, quarter)) for quarter in range(4)}) == 1


# Gaussians --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sigma", "size"), [(1, 9), (0.5, 5), (2.3, 21), (10, 81), (0.05, 3)])
def test_a_gaussian_reaches_to_four_standard_deviations(sigma: float, size: int) -> None:
    assert kernel("gaussian", sigma=sigma).shape == (size, size)


@pytest.mark.parametrize(("sigma", "size"), [(1.0, 9), (0.7, 5), (2.3, 3), (3.0, 31), (50.0, 7)])
def test_a_gaussian_is_its_formula(sigma: float, size: int) -> None:
    middle = size // 2
    weights = [
        [math.exp(-((x - middle) ** 2 + (y - middle) ** 2) / (2 * sigma**2)) for x in range(size)]
        for y in range(size)
    ]
    total = math.fsum(weight for row in weights for weight in row)
    expected = np.array(weights) / total
    assert np.abs(kernel("gaussian", sigma=sigma, size=size) - expected).max() <= 1e-15


def second_moment(matrix: Array) -> float:
    """Return the answer to the image x², whose Laplacian is 2 everywhere."""
    place = np.arange(matrix.shape[0]) - matrix.shape[0] // 2
    return float((matrix * place[None, :] ** 2).sum())


@pytest.mark.parametrize("sigma", [1.0, 2.0, 5.0])
def test_the_laplacian_of_gaussian_measures_the_laplacian(sigma: float) -> None:
    assert second_moment(kernel("log", sigma=sigma)) == pytest.approx(2, rel=0.01)


@pytest.mark.parametrize(("sigma", "ratio"), [(1.0, 1.6), (2.0, 1.6), (3.0, 2.5)])
def test_the_difference_of_gaussians_is_wide_less_narrow(sigma: float, ratio: float) -> None:
    expected = (sigma * ratio) ** 2 - sigma**2
    assert second_moment(kernel("dog", sigma=sigma, ratio=ratio)) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("name", ["log", "dog", "gabor"])
@pytest.mark.parametrize("options", [{}, {"size": 5}, {"size": 101}, {"sigma": 0.6}, {"sigma": 4, "size": 9}])
def test_waves_and_blobs_have_no_sum(name: str, options: dict[str, float]) -> None:
    assert abs(math.fsum(kernel(name, **options).ravel().tolist())) <= 1e-12


# Gabor ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("angle", [0, 30, 90, 117])
@pytest.mark.parametrize("phase", [0, 45, 90])
def test_a_gabors_positive_taps_add_up_to_one(angle: float, phase: float) -> None:
    matrix = kernel("gabor", angle=angle, phase=phase)
    assert math.fsum(tap for tap in matrix.ravel().tolist() if tap > 0) == pytest.approx(1, abs=1e-12)


def test_a_gabor_is_even_at_phase_zero_and_odd_at_ninety() -> None:
    even, odd = kernel("gabor"), kernel("gabor", phase=90)
    assert np.allclose(even, even[::-1, ::-1], rtol=0, atol=1e-15)
    assert np.allclose(odd, -odd[::-1, ::-1], rtol=0, atol=1e-15)
    assert even[even.shape[0] // 2, even.shape[1] // 2] == even.max()


@pytest.mark.parametrize("direction", [0, 30, 60, 90, 150])
def test_a_gabor_answers_most_to_stripes_of_its_wavelength_and_direction(direction: int) -> None:
    stripes = np.cos(2 * math.pi * ramp(direction, side=81) / 10)

    def answer_to_stripes(**options: float) -> float:
        matrix = kernel("gabor", size=41, **options)
        return abs(float((matrix * stripes[20:61, 20:61]).sum()))

    by_angle = {angle: answer_to_stripes(wavelength=10, angle=angle) for angle in range(0, 180, 30)}
    by_wavelength = {length: answer_to_stripes(wavelength=length, angle=direction) for length in (5, 10, 20)}
    assert max(by_angle, key=lambda angle: by_angle[angle]) == direction
    assert max(by_wavelength, key=lambda length: by_wavelength[length]) == 10


def test_the_phase_of_a_gabor_filter_is_periodic() -> None:
    once = kernel("gabor", phase=30)
    assert kernel("gabor", phase=3630).tolist() == once.tolist()
    assert (
        kernel("gabor", phase=1e308, size=7).tolist() == kernel("gabor", phase=1e308 % 360, size=7).tolist()
    )


def test_a_gabors_aspect_is_sigma_along_over_sigma_across_the_wave() -> None:
    matrix = np.abs(kernel("gabor", sigma=3, aspect=0.5, size=61, wavelength=1000, phase=90))
    # At this wavelength the wave is x itself: the tap at (x, y) is x times the envelope.
    assert matrix[30 + 6, 31] / matrix[30, 31] == pytest.approx(math.exp(-0.5 * (0.5 * 6 / 3) ** 2), rel=1e-6)


def test_a_gabor_too_small_to_hold_a_wave_is_refused() -> None:
    with pytest.raises(FilterError, match="gabor:size=1: is too small to hold any of the wave"):
        kernel("gabor", size=1)


# Names and parameters ---------------------------------------------------------------------------------------


def test_parameters_are_typed_behind_the_name_or_given_apart() -> None:
    assert kernel("gaussian:sigma=2,size=5").tolist() == kernel("gaussian", sigma=2, size=5).tolist()
    assert kernel(" Sobel-X : size = 5 ").tolist() == LITERAL["sobel-x:size=5"]


def test_none_means_the_default() -> None:
    assert kernel("sobel-x", angle=None, size=None).tolist() == LITERAL["sobel-x"]


@pytest.mark.parametrize("value", [np.int64(5), np.float32(5), 5.0])
def test_numpy_numbers_are_parameters(value: Any) -> None:
    assert kernel("sobel-x", size=value).tolist() == LITERAL["sobel-x:size=5"]


@pytest.mark.parametrize(
    "name",
    ["gaussian:sigma=2", "sobel-x:size=5,angle=70", "gabor:wavelength=6,angle=30,phase=90", "box:size=4"],
)
def test_the_name_of_a_filter_builds_it_again(name: str) -> None:
    built = get_filter(name)
    assert built.name == name
    assert get_filter(built.name).kernels[0].tolist() == built.kernels[0].tolist()


def test_a_name_holds_its_parameters_to_the_last_digit() -> None:
    built = get_filter("gaussian", sigma=2 / 3)
    assert built.name == "gaussian:sigma=0.6666666666666666"
    assert np.array_equal(get_filter(built.name).kernels[0], built.kernels[0])


@pytest.mark.parametrize(
    ("name", "meant"), [("sobelx", "sobel-x"), ("gausian", "gaussian"), ("SOBBEL", "sobel")]
)
def test_an_unknown_filter_is_answered_by_the_nearest(name: str, meant: str) -> None:
    with pytest.raises(FilterError) as caught:
        get_filter(name)
    assert caught.value.what == name.lower()
    assert f"did you mean {meant}" in caught.value.why


@pytest.mark.parametrize("name", ["", "   ", "?", "\x00"])
def test_a_name_like_no_filter_is_answered_by_all_names(name: str) -> None:
    with pytest.raises(FilterError, match="choose from vertical, horizontal, prewitt-x"):
        get_filter(name)


WRONG_PARAMETERS = [
    ("sobel-x", {"size": 4}, "sobel-x:size=4: must be an odd number from 3 to 7 (kernel size)"),
    ("sobel-x", {"size": 9}, "sobel-x:size=9: must be an odd number from 3 to 7 (kernel size)"),
    ("sobel-x", {"size": 3.5}, "sobel-x:size=3.5"),
    ("sobel-x", {"size": -3}, "sobel-x:size=-3"),
    ("sobel-x", {"size": 0}, "sobel-x:size=0"),
    ("sobel-x", {"size": math.nan}, "sobel-x:size=nan"),
    ("sobel-x", {"size": math.inf}, "sobel-x:size=inf"),
    ("sobel-x", {"size": True}, "sobel-x:size=True: is not a number"),
    ("sobel-x", {"size": "5"}, "sobel-x:size='5': is not a number"),
    ("sobel-x", {"angle": math.nan}, "sobel-x:angle=nan"),
    ("sobel-x", {"angle": math.inf}, "sobel-x:angle=inf: must be a finite number (direction of the derivative"),
    ("gaussian", {"sigma": 0.01}, "gaussian:sigma=0.01: must be a number from 0.05 to 1000 (standard deviation in pixels)"),
    ("gaussian", {"sigma": -1}, "gaussian:sigma=-1"),
    ("gaussian", {"sigma": 1001}, "gaussian:sigma=1001"),
    ("gaussian", {"size": 9}, "gaussian:size=9: must be 3, 5 or 7"),
    ("gaussian", {"sigma": 1, "size": 4}, "gaussian:size=4"),
    ("gaussian", {"sigma": 1, "size": 1025}, "gaussian:size=1025"),
    ("box", {"size": 0}, "box:size=0: must be a whole number from 1 to 1024 (kernel size)"),
    ("box", {"size": 1025}, "box:size=1025"),
    ("box", {"size": 1234567}, "box:size=1234567"),
    ("dog", {"ratio": 1}, "dog:ratio=1"),
    ("gabor", {"wavelength": 1}, "gabor:wavelength=1"),
    ("gabor", {"aspect": 0}, "gabor:aspect=0"),
    ("gaussian", {"sgima": 2}, "gaussian: has no option sgima: did you mean sigma"),
    ("laplacian", {"size": 5}, "laplacian: has no options, not even size"),
    ("sobel:power=2", {}, "sobel: has no option power; it takes size (an odd number from 3 to 7), angle (a finite number), norm (l1, l2 or max)"),
    ("sobel", {"norm": 1}, "sobel:norm=1: must be l1, l2 or max (magnitude of the gradient: l2 is sqrt(x² + y²), l1 is"),
    ("sobel:norm=l3", {}, "sobel:norm=l3: must be l1, l2 or max"),
    ("sobel-x:norm=l1", {}, "sobel-x: has no option norm: use sobel, which has it"),
    ("sobel:norm=l1,angle=30", {}, "sobel:norm=l1,angle=30: norm=l1 combines two derivatives, but angle gives a single one; leave out one of them"),
    ("sobel:norm=l2", {"angle": 30}, "sobel:angle=30: norm=l2 combines two derivatives, but angle gives a single one"),
    ("sobel:sise=l1", {}, "sobel: has no option sise: did you mean size?"),
    ("sobel:size=l1", {}, "sobel:size=l1: must be an odd number from 3 to 7 (kernel size)"),
    ("sobel:angle=up", {}, "sobel:angle=up: must be a finite number (direction of the derivative in degrees, counter-clockwise from x)"),
    ("sobell:norm=l1", {}, "sobell: unknown filter: did you mean sobel?"),
    ("dog:norm=l1", {}, "dog: has no option norm; it takes sigma (a number from 0.05 to 1000), ratio (a number from 1.001 to 100), size (an odd number from 1 to 1023)"),
    ("box:norm=l1", {}, "box: has no option norm; it takes size (a whole number from 1 to 1024)"),
    ("laplacian:norm=l1", {}, "laplacian: has no options, not even norm"),
    ("sobel-y", {"angle": 70}, "sobel-y: has no option angle: use sobel, which has it"),
    ("horizontal", {"angle": 70}, "horizontal: has no option angle; these filters have it: vertical, prewitt-x"),
    ("gaussian:sigma=x", {}, "gaussian:sigma=x: must be a number from 0.05 to 1000 (standard deviation in pixels)"),
    ("gaussian:sigma=", {}, "gaussian:sigma=: must be a number from 0.05 to 1000 (standard deviation in pixels)"),
    ("gaussian:sigma=nan", {}, "gaussian:sigma=nan"),
    ("gaussian:sigma=1e999", {}, "gaussian:sigma=1e999: must be a number from 0.05 to 1000 (standard deviation in pixels)"),
    ("gaussian:sigma", {}, "gaussian:sigma: options are written by name"),
    ("gaussian:", {}, "gaussian:: options are written by name"),
    ("gaussian:=2", {}, "gaussian:=2: options are written by name, as in gaussian:sigma=2"),
    ("gaussian:1.5", {}, "gaussian:1.5: options are written by name, as in gaussian:sigma=1.5"),
    ("gaussian:sigma=2;", {}, "gaussian:sigma=2;: must be a number from 0.05 to 1000 (standard deviation in pixels)"),
    ("gaussian:sigma=2,", {}, "gaussian:sigma=2,: options are written by name"),
    ("gaussian:sigma=2,sigma=3", {}, "gaussian:sigma=2,sigma=3: gives sigma twice"),
    ("gaussian:sigma=2", {"sigma": 3}, "gaussian:sigma=2: sets sigma, which is also given as 3"),
    ("gaussian:sigma=2", {"sigma": "x"}, "gaussian:sigma"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "parameters", "message"), WRONG_PARAMETERS)
def test_a_wrong_parameter_is_named_with_its_value(
    name: str, parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(FilterError) as caught:
        get_filter(name, **parameters)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(("name", "key"), [("box", "size"), ("gaussian", "sigma"), ("sobel-x", "angle")])
def test_a_parameter_beyond_the_floats_is_refused(name: str, key: str) -> None:
    with pytest.raises(FilterError, match=f"{name}:{key}"):
        get_filter(name, **{key: 10**400})


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("gaussian", {"sigma": 200}),
        ("log", {"sigma": 1000}),
        ("dog", {"sigma": 100, "ratio": 100}),
        ("gabor", {"wavelength": 1000}),
    ],
)
def test_a_kernel_that_would_be_too_large_names_its_sigma(name: str, parameters: dict[str, float]) -> None:
    with pytest.raises(
        UsageError, match=r"sigma .* needs a \d+x\d+ kernel, more than 1048576 coefficients; lower sigma"
    ):
        get_filter(name, **parameters)


@pytest.mark.parametrize(("name", "count"), [("sobel", 2), ("roberts", 2), ("kirsch", 8), ("robinson", 8)])
def test_a_filter_of_several_kernels_is_not_a_kernel(name: str, count: int) -> None:
    with pytest.raises(FilterError) as caught:
        kernel(name)
    assert caught.value.what == name
    assert f"combines {count} kernels" in caught.value.why


# Kernels of one's own ---------------------------------------------------------------------------------------


def test_a_kernel_of_ones_own_is_a_filter() -> None:
    own = custom_filter("mine", [[1, -2, 1]])
    assert own.kernels[0].tolist() == [[1, -2, 1]]
    assert own.kernels[0].dtype == np.int64
    assert (own.name, own.gain, own.separable, own.divisor) == ("mine", 2, True, 1)
    assert own.combination == Combination.SINGLE


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        ([[1, 0, -1]], np.int64),
        ([[True, False]], np.int64),
        (np.ones((2, 2), np.uint8), np.int64),
        (np.full((1, 1), 2**63 - 1, np.uint64), np.int64),
        ([[0.5]], np.float64),
        (np.ones((2, 2), np.float16), np.float64),
    ],
)
def test_kernels_are_int64_or_float64(value: Any, dtype: Any) -> None:
    taps = kernel_array(value)
    assert taps.dtype == dtype
    assert taps.tolist() == np.asarray(value).tolist()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("sobel-x", "kernel 'sobel-x': is text"),
        ([[1, 2], [3]], "kernel: has rows of different lengths"),
        ([[1, [2]], [3]], "kernel: has rows of different lengths"),
        ([[[1], [2, 3]]], "kernel: is nested too deeply; must have two axes (rows, columns)"),
        ([], "kernel: must have two axes (rows, columns); it is empty"),
        ([[1 + 2j]], "kernel: must hold real numbers, not complex128"),
        ([["1"]], "kernel: must hold real numbers"),
        ([[None]], "kernel: must hold real numbers"),
        ([1, 2, 3], "kernel: must have two axes (rows, columns); its shape is (3,)"),
        (5, "kernel: must have two axes (rows, columns); its shape is ()"),
        ([[[1]]], "kernel: must have two axes (rows, columns); its shape is (1, 1, 1)"),
        ([[]], "kernel: is 1x0; must have 1 to 1048576 coefficients"),
        (np.zeros((0, 3)), "kernel: is 0x3; must have 1 to 1048576 coefficients"),
        (np.broadcast_to(0, (1024, 1025)), "kernel: is 1024x1025; must have 1 to 1048576 coefficients"),
        ([[1, 2], [3, math.nan]], "kernel: row 2, column 2 is nan, not finite"),
        ([[1, -math.inf]], "kernel: row 1, column 2 is -inf, not finite"),
        (
            np.full((1, 1), 2**63, np.uint64),
            "kernel: the coefficient 9223372036854775808 does not fit in int64; write it as a float",
        ),
    ],
)
def test_invalid_kernels_are_refused(value: Any, message: str) -> None:
    with pytest.raises(KernelError) as caught:
        kernel_array(value)
    assert str(caught.value).startswith(message)


# Typed kernels ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("1 0 -1; 2 0 -2; 1 0 -1", [[1, 0, -1], [2, 0, -2], [1, 0, -1]]),
        ("1,0,-1;2,0,-2", [[1, 0, -1], [2, 0, -2]]),
        ("1, 0,\t-1\n2 0 -2\n", [[1, 0, -1], [2, 0, -2]]),
        ("1 0 -1; 2 0 -2;", [[1, 0, -1], [2, 0, -2]]),
        ("1 0;\n2 0;\n", [[1, 0], [2, 0]]),
        ("\N{MINUS SIGN}1 +2", [[-1, 2]]),
        ("# a comment\n1 2\n  # another\n3 4\n\n", [[1, 2], [3, 4]]),
        ("7", [[7]]),
        ("[[1, 0, -1], [2.0, 0, -2]]", [[1, 0, -1], [2, 0, -2]]),
        (" [[1,\n0]]", [[1, 0]]),
        ("2.0 1e1 4/2", [[2, 10, 2]]),
        ("9223372036854775807 -9223372036854775808", [[2**63 - 1, -(2**63)]]),
    ],
)
def test_a_typed_kernel_of_whole_numbers_is_read(text: str, rows: list[list[int]]) -> None:
    taps = parse_kernel(text)
    assert taps.dtype == np.int64
    assert taps.tolist() == rows


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("1/9 2/9", [[1 / 9, 2 / 9]]),
        ("-1/4 \N{MINUS SIGN}1/2 1.5/.5", [[-0.25, -0.5, 3]]),
        (".5 5. 5e-1", [[0.5, 5, 0.5]]),
        ("9223372036854775808 1", [[2.0**63, 1]]),
    ],
)
def test_a_typed_kernel_of_fractions_is_read(text: str, rows: list[list[float]]) -> None:
    taps = parse_kernel(text)
    assert taps.dtype == np.float64
    assert taps.tolist() == rows


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "kernel: is empty"),
        (" \n ", "kernel: is empty"),
        ("# only a comment", "kernel: is empty"),
        (";", "kernel: has an empty row in ';'"),
        ("1 2;;3 4", "kernel: has an empty row in '1 2;;3 4'"),
        ("1 2; 3", "kernel: row 2 has 1 number, but row 1 has 2"),
        ("1 2\n3 4\n5 6 7", "kernel: row 3 has 3 numbers, but row 1 has 2"),
        ("1 2; 3 x", "kernel: row 2, column 2 is 'x', not a number"),
        ("1,,2", "kernel: row 1, column 2 is empty"),
        ("1,2,", "kernel: row 1, column 3 is empty"),
        ("1 0x10", "kernel: row 1, column 2 is '0x10', not a number"),
        ("1_0", "kernel: row 1, column 1 is '1_0', not a number"),
        ("٣", "kernel: row 1, column 1 is '٣', not a number"),
        ("1 2/0", "kernel: row 1, column 2 is '2/0', a division by zero"),
        ("1/2/3", "kernel: row 1, column 1 is '1/2/3', not a number"),
        ("nan", "kernel: row 1, column 1 is nan, not finite"),
        ("1 -inf", "kernel: row 1, column 2 is -inf, not finite"),
        ("1e400", "kernel: row 1, column 1 is inf, not finite"),
        ("--1", "kernel: row 1, column 1 is '--1', not a number"),
        ("[[1 0]]", "kernel: is not JSON"),
        ("[[1, 0], [2]]", "kernel: has rows of different lengths"),
        ("[1, 2]", "kernel: must have two axes"),
        ("[[1, NaN]]", "kernel: row 1, column 2 is nan, not finite"),
        ("[" * 100_000, "kernel: is nested too deeply; write rows of numbers, as in [[1, 0, -1]]"),
        ("1 2; 3 4\n5 6", "kernel: separates rows with both ; and newlines"),
    ],
)
def test_an_invalid_typed_kernel_is_refused_with_its_position(text: str, message: str) -> None:
    with pytest.raises(KernelError) as caught:
        parse_kernel(text)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("digits", [308, 309, 350, 400, 401, 5000])
def test_a_whole_number_of_any_length_is_read_or_refused(digits: int) -> None:
    text = "9" * digits
    if digits <= 308:
        assert parse_kernel(text).tolist() == [[float(text)]]
    else:
        with pytest.raises(KernelError, match="row 1, column 1"):
            parse_kernel(text)


def test_a_long_cell_is_quoted_short() -> None:
    with pytest.raises(KernelError) as caught:
        parse_kernel("x" * 10**6)
    assert len(str(caught.value)) < 120


def test_a_typed_kernel_of_too_many_taps_is_refused() -> None:
    with pytest.raises(KernelError, match="has more than 1048576 numbers"):
        parse_kernel("1 " * (1024 * 1024 + 1))


def test_the_name_of_a_typed_kernel_is_in_its_message() -> None:
    with pytest.raises(KernelError, match="--kernel: is empty"):
        parse_kernel("", "--kernel")


@given(
    hnp.arrays(np.int64, st.tuples(st.integers(1, 4), st.integers(1, 4)))
    | hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 4), st.integers(1, 4)),
        elements=st.floats(allow_nan=False, allow_infinity=False),
    )
)
@settings(max_examples=100, deadline=None)
def test_typed_numbers_are_read_as_they_are(matrix: Array) -> None:
    text = ";".join(" ".join(repr(value) for value in row) for row in matrix.tolist())
    assert parse_kernel(text).tolist() == matrix.tolist()


@given(st.fractions(-1000, 1000, max_denominator=1000))
@settings(max_examples=60, deadline=None)
def test_typed_fractions_are_rounded_once(fraction: Fraction) -> None:
    assert parse_kernel(f"{fraction.numerator}/{fraction.denominator}").tolist() == [[float(fraction)]]


# Kernel files -----------------------------------------------------------------------------------------------

ROWS = [[1, 0, -1], [2, 0, -2]]


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def npy_bytes(matrix: Array) -> bytes:
    stream = io.BytesIO()
    np.save(stream, matrix, allow_pickle=True)
    return stream.getvalue()


def npy_with_header(header: str, data: bytes = bytes(8)) -> bytes:
    text = header.encode("latin-1") + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


def npy_of_shape(shape: str, descr: str = "<f8", data: bytes = bytes(8)) -> bytes:
    return npy_with_header(f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}}}", data)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.csv", "1,0,-1\n2,0,-2\n"),
        ("rows.CSV", "1,0,-1\r\n2,0,-2\r\n"),
        ("rows.txt", "# mine\n1 0 -1\n2 0 -2"),
        ("rows.txt", "\ufeff1 0 -1; 2 0 -2"),
        ("rows.json", "[[1, 0, -1], [2, 0, -2]]"),
        ("rows.json", '{"kernel": [[1, 0, -1], [2, 0, -2]], "loss": 0.5}'),
        ("rows.json", "\ufeff[[1, 0, -1], [2, 0, -2]]"),
        ("rows.npy", npy_bytes(np.array(ROWS))),
        ("rows.npy", npy_bytes(np.array(ROWS, ">i2"))),
        ("rows.npy", npy_bytes(np.asfortranarray(ROWS))),
    ],
)
def test_a_kernel_file_of_whole_numbers_is_read(tmp_path: Path, name: str, content: str | bytes) -> None:
    taps = read_kernel(written(tmp_path, name, content))
    assert taps.dtype == np.int64
    assert taps.tolist() == ROWS


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("half.csv", "0.5,1\n"),
        ("half.txt", "1/2 1"),
        ("half.json", "[[0.5, 1]]"),
        ("half.npy", npy_bytes(np.array([[0.5, 1]], np.float32))),
    ],
)
def test_a_kernel_file_of_fractions_is_read(tmp_path: Path, name: str, content: str | bytes) -> None:
    taps = read_kernel(written(tmp_path, name, content))
    assert taps.dtype == np.float64
    assert taps.tolist() == [[0.5, 1]]


@pytest.mark.parametrize("tap", ["9223372036854775808", "18446744073709551615", "-1" + "0" * 30])
@pytest.mark.parametrize(("name", "form"), [("large.csv", "{}"), ("large.json", "[[{}]]")])
def test_a_whole_tap_beyond_int64_is_read_as_a_float(tmp_path: Path, name: str, form: str, tap: str) -> None:
    taps = read_kernel(written(tmp_path, name, form.format(tap)))
    assert taps.dtype == np.float64
    assert taps.tolist() == [[float(tap)]]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("whole.csv", "1.0,-1.0\n"),
        ("whole.json", "[[1.0, -1.0]]"),
        ("whole.npy", npy_bytes(np.array([[1.0, -1.0]]))),
    ],
)
def test_whole_numbers_written_as_floats_are_whole_numbers(
    tmp_path: Path, name: str, content: str | bytes
) -> None:
    taps = read_kernel(written(tmp_path, name, content))
    assert taps.dtype == np.int64
    assert taps.tolist() == [[1, -1]]


def test_a_kernel_read_from_npy_does_not_keep_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "k.npy", npy_bytes(np.array(ROWS)))
    taps = read_kernel(str(path))
    written(tmp_path, "k.npy", npy_bytes(np.zeros((2, 3), np.int64)))
    assert taps.tolist() == ROWS


BAD_FILES: list[tuple[str, str | bytes, str]] = [
    ("k.csv", "", "is empty"),
    ("k.csv", "1,2\n3\n", "row 2 has 1 number, but row 1 has 2"),
    ("k.txt", "1 x", "row 1, column 2 is 'x'"),
    ("k.txt", b"\xff\xfe1\x00", "is not UTF-8 text"),
    ("k.txt", b"\x93NUMPY", "is not UTF-8 text"),
    ("k.json", "", "is not JSON"),
    ("k.json", "[[1, 0", "is not JSON"),
    ("k.json", "[" * 100_000, "is nested too deeply; write rows of numbers, as in [[1, 0, -1]]"),
    ("k.json", "[" * 100 + "1" + "]" * 100, "is nested too deeply; must have two axes"),
    ("k.json", "[[" + "1" * 5000 + "]]", "row 1, column 1 is inf, not finite"),
    ("k.json", "[[" + "1," * 2**21 + "1, 1]]", "is too long for a kernel of at most 1048576 coefficients"),
    ("k.json", "{}", 'has no "kernel"'),
    ("k.json", "null", 'has no "kernel"'),
    ("k.json", '{"kernel": null}', 'has no "kernel"'),
    ("k.json", '{"kernel": "sobel-x"}', "has text as its kernel, 'sobel-x'; write "),
    ("k.json", '{"kernel": {"a": 1}}', "must hold real numbers"),
    ("k.json", "[1, 2]", "must have two axes"),
    ("k.json", "5", "must have two axes"),
    ("k.json", "[[1], [2, 3]]", "has rows of different lengths"),
    ("k.json", "[[1, null]]", "must hold real numbers"),
    ("k.json", "[[NaN]]", "row 1, column 1 is nan, not finite"),
    ("k.json", "[[1, 1e999]]", "row 1, column 2 is inf, not finite"),
    ("k.json", "[]", "must have two axes (rows, columns); it is empty"),
    ("k.npy", b"", "is not a .npy file"),
    ("k.npy", b"\x93NUMPY", "is not a .npy file"),
    ("k.npy", npy_bytes(np.array(ROWS))[:-1], "is truncated: it holds 47 of 48 bytes"),
    ("k.npy", npy_bytes(np.array(ROWS))[:40], "is not a .npy file"),
    ("k.npy", npy_bytes(np.array([[{}]])), "is not a .npy file of real numbers: its dtype is |O"),
    ("k.npy", b"\x80\x04N.", "is not a .npy file"),
    ("k.npy", b"1 0 -1", "is not a .npy file"),
    ("k.npy", npy_bytes(np.ones(3)), "must have two axes"),
    ("k.npy", npy_bytes(np.array(5)), "must have two axes"),
    ("k.npy", npy_bytes(np.ones((0, 3))), ""),
    ("k.npy", npy_bytes(np.ones((1, 1), complex)), "holds complex numbers (dtype <c16); real numbers are required"),
    ("k.npy", npy_bytes(np.zeros((1, 1), [("a", "<f8")])), "is not a .npy file"),
    ("k.npy", npy_bytes(np.array([[1, math.nan]])), "row 1, column 2 is nan, not finite"),
    ("k.npy", npy_of_shape("(10000, 10000)"), "numbers, more than 1048576"),
    ("k.npy", npy_of_shape("(-1, 3)"), "is not a .npy file"),
    ("k.npy", npy_of_shape(f"({10**17}, 3)"), "numbers, more than 1048576"),
    ("k.npy", npy_of_shape(f"({10**30}, 3)"), "is not a .npy file of plain numbers"),
    ("k.npy", npy_of_shape("(2 3)"), "is not a .npy file"),
    ("k.npy", npy_of_shape("(" + "9" * 5000 + ", 1)"), ""),
    ("k.npy", npy_of_shape("(True, 1)"), "is not a .npy file"),
    ("k.npy", npy_of_shape("(4294967296, 4294967296)"), "numbers, more than 1048576"),
    ("k.npy", npy_of_shape("(1, 1)", descr="|O"), "is not a .npy file"),
    ("k.npy", npy_of_shape("(1, 1)", descr="|,1"), "is not a .npy file"),
    ("k.npy", npy_with_header("{'descr': '<f8'"), "is not a .npy file"),
    ("k.npy", npy_with_header("((((" * 100), "is not a .npy file"),
    ("k.npy", npy_with_header("{b'descr': '<f8', 'shape': (1, 1)}"), "is not a .npy file"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "why"), BAD_FILES, ids=map(str, range(len(BAD_FILES))))
def test_a_bad_kernel_file_is_refused_by_its_name(
    tmp_path: Path, name: str, content: str | bytes, why: str
) -> None:
    path = written(tmp_path, name, content)
    with pytest.raises(KernelError) as caught:
        read_kernel(path)
    assert caught.value.what.startswith(str(path))
    assert why in caught.value.why


def test_an_empty_name_of_a_kernel_file_is_refused() -> None:
    with pytest.raises(KernelError, match=r"^--kernel @: a file name is missing"):
        read_kernel("")


def test_an_archive_of_arrays_named_npy_is_refused(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("kernel.npy", npy_bytes(np.array(ROWS)))
    with pytest.raises(KernelError, match=r"is not a \.npy file"):
        read_kernel(written(tmp_path, "k.npy", stream.getvalue()))


@given(
    st.lists(st.tuples(st.integers(0, 127), st.integers(0, 255)), min_size=1, max_size=4), st.integers(0, 200)
)
@settings(max_examples=150, deadline=None)
def test_a_damaged_npy_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, damages: list[tuple[int, int]], length: int
) -> None:
    content = bytearray(npy_bytes(np.array(ROWS, np.int8)))
    for place, byte in damages:
        content[place] = byte
    path = written(tmp_path_factory.getbasetemp(), "damaged.npy", bytes(content[:length]))
    with suppress(KernelError):
        taps = read_kernel(path)
        assert taps.ndim == 2
        assert taps.dtype in (np.int64, np.float64)


def test_a_huge_npy_is_refused_without_being_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.npy"
    header = npy_of_shape("(10000, 10000)", data=b"")
    with path.open("wb") as stream:
        stream.write(header)
        stream.truncate(len(header) + 8 * 10**8)
    with pytest.raises(KernelError, match="holds 100000000 numbers, more than 1048576"):
        read_kernel(path)


@pytest.mark.parametrize("suffix", ["csv", "txt", "json"])
def test_a_huge_text_is_refused_without_being_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"huge.{suffix}"
    with path.open("wb") as stream:
        stream.truncate(10**11)
    with pytest.raises(KernelError, match="is too long for a kernel of at most 1048576 coefficients"):
        read_kernel(path)


@pytest.mark.parametrize("name", ["missing.csv", "missing.json", "missing.npy", "no/such/folder.txt"])
def test_a_missing_file_is_reported(tmp_path: Path, name: str) -> None:
    with pytest.raises(KernelError, match="no such file or directory") as caught:
        read_kernel(tmp_path / name)
    assert caught.value.what == str(tmp_path / name)


@pytest.mark.parametrize("name", ["folder.csv", "folder.json", "folder.npy"])
def test_a_folder_is_no_kernel(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(KernelError, match="is a folder"):
        read_kernel(tmp_path / name)


@pytest.mark.parametrize("name", ["kernel", "kernel.png", "kernel.npz", ".csv", "kernel.csv.gz"])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(
        KernelError, match=r"the name of a kernel file must end in \.csv, \.txt, \.json or \.npy"
    ):
        read_kernel(written(tmp_path, name, "1 2"))


@given(hnp.arrays(np.int64, st.tuples(st.integers(1, 4), st.integers(1, 4))))
@settings(max_examples=30, deadline=None)
def test_a_saved_kernel_is_read_back(tmp_path_factory: pytest.TempPathFactory, matrix: Array) -> None:
    text = json.dumps({"kernel": matrix.tolist()})
    assert read_kernel(written(tmp_path_factory.getbasetemp(), "k.json", text)).tolist() == matrix.tolist()


def test_taps_that_were_learned_have_the_gain_of_the_filter_that_they_are_near() -> None:
    """A sum of 2e-9 of their sizes is no sum: divided by it, everything would be saturated."""
    taps = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) + 2e-9
    assert gain(taps.tolist()) == pytest.approx(4, rel=1e-6)
    assert gain([[-1.0, 1.001]]) == pytest.approx(0.001)
