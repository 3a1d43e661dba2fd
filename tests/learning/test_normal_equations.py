"""Normal equations from correlations are those of the matrix of all patches."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from convcli.learning import least_squares
from convcli.learning.examples import Example, make_examples
from convcli.learning.least_squares import fit_least_squares
from convcli.learning.normal_equations import NormalEquations, patch_gram

Array = NDArray[Any]

SHAPES = [(1, 1, 1), (3, 3, 1), (1, 5, 2), (5, 1, 2), (3, 4, 3), (7, 2, 1)]


@pytest.fixture
def many_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Solve small problems in the way of large ones."""
    monkeypatch.setattr(least_squares, "MAX_PSEUDO_INVERSE_WEIGHTS", 0)


def patch_rows(pixels: Array, shape: tuple[int, int, int]) -> Array:
    windows = sliding_window_view(pixels, shape[:2], (0, 1)).transpose(0, 1, 3, 4, 2)
    return windows.reshape(-1, int(np.prod(shape)))


def example(seed: int, shape: tuple[int, int, int], taps: Array, unusable: float = 0.0) -> Example:
    """Return noise filtered by the taps, with an offset of 7 and noise."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (24 + shape[0], 21 + shape[1], shape[2])).astype(np.float64)
    target = (patch_rows(pixels, shape) @ taps.ravel()).reshape(25, 22) + 7
    target += rng.standard_normal(target.shape)
    return Example(pixels, target, rng.random(target.shape) >= unusable)


def solved_directly(examples: list[Example], shape: tuple[int, int, int]) -> tuple[Array, float]:
    """Return taps and bias by numpy's least squares on all usable patches that are not held out."""
    rows, targets = [], []
    for one in examples:
        usable = one.usable[: one.held_out]
        patches = patch_rows(one.pixels, shape)[: usable.size][usable.ravel()]
        rows.append(np.column_stack([patches, np.ones(len(patches))]))
        targets.append(one.target[: one.held_out][usable])
    weights = np.linalg.lstsq(np.concatenate(rows), np.concatenate(targets), rcond=None)[0]
    return weights[:-1].reshape(shape), float(weights[-1])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("more", [0, 1, 12])
def test_the_products_of_patches_are_those_of_their_matrix(shape: tuple[int, int, int], more: int) -> None:
    pixels = np.random.default_rng(3).standard_normal((shape[0] + more, shape[1] + 2 * more, shape[2]))
    rows = patch_rows(pixels, shape)
    np.testing.assert_allclose(patch_gram(pixels, shape), rows.T @ rows, rtol=0, atol=1e-11)


@pytest.mark.usefixtures("many_weights")
@pytest.mark.parametrize("shape", [(3, 4, 1), (5, 5, 1), (3, 3, 3)], ids=str)
@pytest.mark.parametrize("unusable", [0.0, 0.3], ids=["all", "some unusable"])
@pytest.mark.parametrize("count", [1, 3])
def test_the_solution_is_that_of_all_patches(
    shape: tuple[int, int, int], unusable: float, count: int
) -> None:
    taps = np.random.default_rng(4).standard_normal(shape)
    examples = [example(seed, shape, taps, unusable) for seed in range(count)]
    expected, bias = solved_directly(examples, shape)
    learned = fit_least_squares(examples, bias=True)
    np.testing.assert_allclose(
        learned.taps, expected[..., 0] if shape[2] == 1 else expected, rtol=0, atol=1e-11
    )
    assert learned.bias == pytest.approx(bias, abs=1e-8)
    assert (learned.steps, learned.offset) == (0, 0)
    without = fit_least_squares(examples)
    assert np.array_equal(without.taps, learned.taps)
    assert without.bias == 0


@pytest.mark.usefixtures("many_weights")
def test_a_row_alone_is_held_out_and_teaches_nothing() -> None:
    taps = np.random.default_rng(4).standard_normal((3, 3, 1))
    whole = example(0, (3, 3, 1), taps)
    row = Example(whole.pixels[:3], whole.target[:1], whole.usable[:1])
    learned, expected = fit_least_squares([whole, row]), fit_least_squares([whole])
    np.testing.assert_allclose(learned.taps, expected.taps, rtol=0, atol=1e-11)


@pytest.mark.usefixtures("many_weights")
def test_of_several_solutions_the_shortest_is_found() -> None:
    """Gray in three channels: each gets a third of the taps, as by the pseudo-inverse."""
    image = np.random.default_rng(5).integers(0, 256, (30, 30, 1)).repeat(3, 2)
    taps = np.random.default_rng(6).standard_normal((3, 3))
    target = (patch_rows(image[..., :1], (3, 3, 1)) @ taps.ravel()).reshape(28, 28)
    learned = fit_least_squares(make_examples(image, target))
    np.testing.assert_allclose(learned.taps, np.stack([taps / 3] * 3, 2), rtol=0, atol=1e-9)


@pytest.mark.usefixtures("many_weights")
def test_absolute_values_come_back() -> None:
    image = np.random.default_rng(7).integers(0, 256, (40, 40, 1)).astype(np.float64)
    taps = np.array([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]])
    target = np.abs(patch_rows(image, (3, 3, 1)) @ taps.ravel()).reshape(38, 38)
    learned = fit_least_squares(make_examples(image[..., 0], target), absolute=True)
    np.testing.assert_allclose(np.abs(learned.taps), np.abs(taps), rtol=0, atol=1e-9)


def test_with_many_clipped_pixels_a_sample_is_solved() -> None:
    shape, rng = (4, 4, 1), np.random.default_rng(8)
    taps = rng.standard_normal(shape)
    whole = replace(example(9, shape, taps), target=np.zeros((25, 22)))
    target = (patch_rows(whole.pixels, shape) @ taps.ravel()).reshape(25, 22) + 7
    clipped = Example(whole.pixels, target, target > np.median(target))
    equations = NormalEquations([clipped], shape, rng, max_elements=17 * 100)
    assert len(equations.targets) == 100
    weights = equations.solve(equations.targets)
    np.testing.assert_allclose(weights, np.append(taps, 7), rtol=0, atol=1e-9)
    np.testing.assert_allclose(equations.outputs(weights), equations.targets, rtol=0, atol=1e-9)
