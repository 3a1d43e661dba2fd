"""core.fourier: products of transforms are correlations that wrap around, the same on all instruction sets."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.engines import NEEDS_CORE, instruction_sets, use_instruction_set

pytestmark = NEEDS_CORE

SHAPES = [(8, 8), (8, 256), (16, 32), (64, 8), (512, 64), (128, 1024)]


def correlated(first: NDArray[Any], second: NDArray[Any], kernel: NDArray[Any]) -> NDArray[Any]:
    """Return two matrices correlated with a kernel by core.fourier."""
    from convcli.compiled import core  # late: it may not be built

    real, imaginary = np.zeros(first.shape), np.zeros(first.shape)
    real[: len(kernel), : kernel.shape[1]] = kernel / first.size
    core.fourier(real.data, imaginary.data)
    parts = np.array([first, second])
    core.fourier(parts[0].data, parts[1].data, real.data, (-imaginary).data)
    return parts


@pytest.mark.parametrize("shape", SHAPES)
def test_products_of_transforms_are_correlations(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(shape[1])
    matrices = random.integers(0, 256, (2, *shape)).astype(float)
    kernel = random.integers(-9, 10, (5, 3)).astype(float)
    expected = sum(
        kernel[i, j] * np.roll(matrices, (-i, -j), axis=(1, 2)) for i in range(5) for j in range(3)
    )
    results = []
    for name in instruction_sets():
        with use_instruction_set(name):
            results.append(correlated(matrices[0], matrices[1], kernel))
    assert np.abs(results[0] - expected).max() < 1e-9
    assert all(np.array_equal(result, results[0]) for result in results)


@pytest.mark.parametrize(
    ("shapes", "why"),
    [
        ([(8, 12), (8, 12)], "powers of two"),
        ([(4, 8), (4, 8)], "powers of two"),
        ([(8, 16), (16, 8)], "one shape"),
        ([(8, 8), (8, 8), (8, 16), (8, 16)], "one shape"),
        ([(8, 8), (8, 8), (8, 8)], "two parts"),
        ([(8, 8, 8), (8, 8, 8)], "float64"),
    ],
)
def test_matrices_that_do_not_fit_are_refused(shapes: list[tuple[int, ...]], why: str) -> None:
    from convcli.compiled import core  # late: it may not be built

    with pytest.raises(ValueError, match=why):
        core.fourier(*(np.zeros(shape).data for shape in shapes))


def test_a_matrix_is_not_both_parts() -> None:
    from convcli.compiled import core  # late: it may not be built

    matrix, other = np.zeros((8, 8)).data, np.zeros((8, 8)).data
    with pytest.raises(ValueError, match="overlap"):
        core.fourier(matrix, matrix)
    with pytest.raises(ValueError, match="overlap"):
        core.fourier(matrix, other, matrix, other)
