"""Coefficients of every named filter: built without numpy, and equal to what numpy computes from the formulas."""

import math
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from convcli.kernels.catalog import CATALOG
from convcli.kernels.filter import Matrix, kernel_matrix, separate
from convcli.kernels.lookup import get_filter

Array = NDArray[Any]

EPSILON = float(np.finfo(np.float64).eps)
ANGLES = [0, 1e-3, 15, 30, 45, 60, 90, 123.4, 135, 180, 270, -33.3, 450, 1e6]
BINOMIAL = {3: [1, 2, 1], 5: [1, 4, 6, 4, 1], 7: [1, 6, 15, 20, 15, 6, 1]}
DIFFERENCE = {3: [-1, 0, 1], 5: [-1, -2, 0, 2, 1], 7: [-1, -4, -5, 0, 5, 4, 1]}
X_KERNELS = {
    "vertical": np.outer([1, 1, 1], [1, 0, -1]),
    "scharr-x": np.outer([3, 10, 3], [-1, 0, 1]),
    "freichen-x": np.outer([1, math.sqrt(2), 1], [-1, 0, 1]),
    **{f"sobel-x:size={size}": np.outer(BINOMIAL[size], DIFFERENCE[size]) for size in BINOMIAL},
    **{f"prewitt-x:size={size}": np.tile(np.arange(size) - size // 2, (size, 1)) for size in BINOMIAL},
}


def cosine_and_sine(degrees: float) -> tuple[float, float]:
    """Return cosine and sine: of the remainder in a quarter turn, then turned by quarters."""
    quarters, rest = divmod(degrees % 360, 90)
    turned = complex(math.cos(math.radians(rest)), math.sin(math.radians(rest)))
    for _ in range(int(quarters)):
        turned = complex(-turned.imag, turned.real)
    return turned.real, turned.imag


def exact_bits(matrix: Matrix) -> list[list[str]]:
    return [[float(tap).hex() for tap in row] for row in matrix]


# Derivatives: equal to the last bit -----------------------------------------------------------------------


@pytest.mark.parametrize("angle", ANGLES)
@pytest.mark.parametrize("name", X_KERNELS)
def test_a_steered_derivative_has_every_bit_of_the_formula(name: str, angle: float) -> None:
    x_kernel = X_KERNELS[name]
    cosine, sine = cosine_and_sine(angle)
    expected = cosine * x_kernel - sine * x_kernel.T
    expected[np.abs(expected) < 1e-15 * np.abs(expected).max()] = 0
    assert exact_bits(get_filter(name, angle=angle).matrices[0]) == exact_bits(expected.tolist())


@pytest.mark.parametrize("angle", ANGLES)
def test_steered_roberts_has_every_bit_of_the_formula(angle: float) -> None:
    cosine, sine = cosine_and_sine(angle + 45)
    expected = np.array([[-cosine, sine], [-sine, cosine]]) + 0.0
    assert exact_bits(get_filter("roberts", angle=angle).matrices[0]) == exact_bits(expected.tolist())


@pytest.mark.parametrize("size", [1, 2, 3, 7, 10, 49, 1024])
def test_a_box_has_every_bit_of_the_formula(size: int) -> None:
    assert get_filter("box", size=size).matrices == (((1 / size**2,) * size,) * size,)


# Waves and Gaussians: the exponentials and cosines of numpy and Python may differ in the last bit -----------


def positions(size: int) -> Array:
    return np.arange(size) - (size - 1) / 2


def gaussian(sigma: float, size: int) -> Array:
    taps: Array = np.exp(-0.5 * (positions(size) / sigma) ** 2)
    result: Array = np.outer(taps, taps) / taps.sum() ** 2
    return result


def zero_sum(matrix: Array, envelope: Array) -> Array:
    result: Array = matrix - envelope * (math.fsum(matrix.ravel()) / math.fsum(envelope.ravel()))
    return result


SIZES = [(0.05, 3), (0.3, 5), (0.7, 7), (1, 9), (1, 101), (2 / 3, 7), (2.3, 21), (3.7, 31), (10, 81)]


@pytest.mark.parametrize(("sigma", "size"), SIZES)
def test_a_gaussian_is_that_of_numpy(sigma: float, size: int) -> None:
    taps = get_filter("gaussian", sigma=sigma, size=size).kernels[0]
    np.testing.assert_allclose(taps, gaussian(sigma, size), rtol=16 * EPSILON, atol=1e-300)


@pytest.mark.parametrize(("sigma", "size"), SIZES)
def test_a_laplacian_of_gaussian_is_that_of_numpy(sigma: float, size: int) -> None:
    envelope, squares = gaussian(sigma, size), positions(size) ** 2
    radius = np.add.outer(squares, squares)
    expected = zero_sum((radius - 2 * sigma**2) / sigma**4 * envelope, envelope)
    taps = get_filter("log", sigma=sigma, size=size).kernels[0]
    np.testing.assert_allclose(taps, expected, rtol=0, atol=16 * EPSILON * np.abs(expected).max())


@pytest.mark.parametrize("ratio", [1.3, 1.6, 4])
@pytest.mark.parametrize(("sigma", "size"), SIZES)
def test_a_difference_of_gaussians_is_that_of_numpy(sigma: float, size: int, ratio: float) -> None:
    narrow, wide = gaussian(sigma, size), gaussian(sigma * ratio, size)
    taps = get_filter("dog", sigma=sigma, ratio=ratio, size=size).kernels[0]
    np.testing.assert_allclose(taps, zero_sum(wide - narrow, wide), rtol=0, atol=16 * EPSILON * narrow.max())


@pytest.mark.parametrize("phase", [0, 45, 90])
@pytest.mark.parametrize("angle", [0, 30, 45, 90, 117.5])
@pytest.mark.parametrize(("wavelength", "aspect", "size"), [(8, 0.5, 55), (3, 1.3, 7), (16, 0.4, 31)])
def test_a_gabor_filter_is_that_of_numpy(
    wavelength: float, aspect: float, size: int, angle: float, phase: float
) -> None:
    sigma = 0.56 * wavelength
    cosine, sine = cosine_and_sine(angle)
    y, x = np.meshgrid(positions(size), positions(size), indexing="ij")
    along, across = cosine * x - sine * y, sine * x + cosine * y
    envelope = np.exp(-0.5 * (along**2 + (aspect * across) ** 2) / sigma**2)
    wave = zero_sum(envelope * np.cos(2 * math.pi * along / wavelength + math.radians(phase)), envelope)
    expected = wave / wave[wave > 0].sum()
    options = {"wavelength": wavelength, "aspect": aspect, "size": size, "angle": angle, "phase": phase}
    taps = get_filter("gabor", **options).kernels[0]
    np.testing.assert_allclose(taps, expected, rtol=0, atol=16 * EPSILON * np.abs(expected).max())


# Matrices and arrays --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [*CATALOG, "freichen-x:angle=90", "gabor:phase=90", "sobel:angle=30", "box:size=1"]
)
def test_arrays_hold_the_matrices(name: str) -> None:
    built = get_filter(name)
    for matrix, array in zip(built.matrices, built.kernels, strict=True):
        kinds = {type(tap) for row in matrix for tap in row}
        assert array.shape == built.shape
        assert array.tolist() == [list(row) for row in matrix]
        assert kinds == ({int} if array.dtype == np.int64 else {float})
        assert kinds == {int} or any(tap % 1 for row in matrix for tap in row)
    assert built.kernels is built.kernels


@pytest.mark.parametrize(
    ("value", "matrix"),
    [
        ([[1, 2.0]], ((1, 2),)),
        (((0.5, 2),), ((0.5, 2.0),)),
        ([[-0.0, 2**53 - 1.0]], ((0, 2**53 - 1),)),
        ([[2.0**53]], ((2.0**53,),)),
        ([[2**62 + 1]], ((2**62 + 1,),)),
        ([[2**62 + 1, 0.5]], ((2.0**62, 0.5),)),
        ([[True, False]], ((1, 0),)),
        ([[np.float64(0.5)], (np.int8(3),)], ((0.5,), (3.0,))),
        (np.array([[1, 2]], np.uint8), ((1, 2),)),
        (np.array([[1.5, 2]], np.float16), ((1.5, 2.0),)),
    ],
)
def test_coefficients_are_integers_or_floats_as_arrays_have_them(value: Any, matrix: Matrix) -> None:
    found = kernel_matrix(value)
    assert repr(found) == repr(matrix)


@pytest.mark.parametrize("matrix", [[[-(2**63)]], [[-(2**63), 0]], [[-(2**63), 2**63 - 1]], [[2**63 - 1]]])
def test_factors_of_the_largest_integers_fit_in_64_bits(matrix: list[list[int]]) -> None:
    factors = separate(matrix)
    assert factors is not None
    assert np.multiply.outer(*(np.array(factor, object) for factor in factors)).tolist() == matrix
    assert all(np.array(factor).dtype == np.int64 for factor in factors)


def test_a_row_whose_sign_cannot_be_turned_is_not_separated() -> None:
    assert separate([[-(2**63), -1]]) is None


WITHOUT_NUMPY = """
import sys
from convcli.cli.options.kernels import parse_kernel_option
from convcli.kernels.catalog import CATALOG
from convcli.kernels.lookup import get_filter
filters = [get_filter(name) for name in CATALOG]
for entry in CATALOG.values():
    for key, value in {"size": 5, "sigma": 1.5, "angle": 70, "norm": "max", "ratio": 2, "phase": 90}.items():
        if key in entry.options and (entry.name, key) != ("gabor", "size"):
            filters.append(get_filter(entry.name, **{key: value}))
filters += map(parse_kernel_option, ["1 0 -1", "1/9 2/9; 1 0.5", "[[1, 0.5]]"], [None] * 3)
for one in filters:
    assert isinstance(one.matrices[0][0][0], int | float)
    one.gain, one.separable, one.shape, repr(one)
print(len(filters), "numpy" in sys.modules)
"""


def test_filters_are_built_without_numpy() -> None:
    ran = subprocess.run([sys.executable, "-c", WITHOUT_NUMPY], capture_output=True, text=True, check=False)
    count, loaded = ran.stdout.split()
    assert (loaded, ran.stderr) == ("False", "")
    assert int(count) > len(CATALOG) + 20
