"""Learning a filter in closed form, by least squares."""

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from convcli.learning.evaluation import evaluate
from convcli.learning.examples import Example
from convcli.learning.gradient_descent import RESTARTS
from convcli.learning.minimum_norm import fit_minimum_norm
from convcli.learning.normal_equations import NormalEquations
from convcli.learning.problem import (
    MAX_LEAST_SQUARES_ELEMENTS,
    MAX_PSEUDO_INVERSE_WEIGHTS,
    ZERO_VARIANCE,
    ScaledProblem,
    check_seed,
    has_few_patches,
    min_matrix_elements,
    patch_matrix,
)
from convcli.learning.results import Array, LearnedFilter

__all__ = ["fit_least_squares"]
MAX_ROUNDS = 100  # maximum rounds of least squares to find the signs of absolute values


def fit_least_squares(
    examples: Sequence[Example], *, bias: bool = False, absolute: bool = False, seed: int = 0
) -> LearnedFilter:
    """Find the filter by linear least squares, as a check of `learn`.

    For up to 1024 weights and a large picture, it uses a random sample of patches: 8 million matrix elements,
    or two patches per weight if that is more. For more weights it uses all patches, or such a sample if many
    pixels of the target are clipped. For absolute values it alternates: the signs that the filter gives, then
    the filter that fits these signs best.

    Parameters, exceptions and result are those of `learn`, which has additional parameters.

    Examples
    --------
    >>> from convcli.learning.examples import make_examples
    >>> image = np.random.default_rng(1).integers(0, 256, (20, 20))
    >>> (fit_least_squares(make_examples(image, image[1:-1, :-2] * 3)).taps.round(6) + 0.0).tolist()[1]
    [3.0, 0.0, 0.0]
    """
    check_seed(seed)
    if not absolute and has_few_patches(examples):
        return fit_minimum_norm(examples, bias=bias)
    scaling = ScaledProblem.from_examples(examples, absolute=absolute)
    rng = np.random.default_rng(seed)
    max_elements = max(MAX_LEAST_SQUARES_ELEMENTS, min_matrix_elements(examples, scaling.shape))
    equations: _Equations
    if math.prod(scaling.shape) > MAX_PSEUDO_INVERSE_WEIGHTS:
        scaled = [scaling.apply(example) for example in examples]
        equations = NormalEquations(scaled, scaling.shape, rng, max_elements)
    else:
        scaling = scaling.whitened(examples)  # as in training
        scaled = [scaling.apply(example) for example in examples]
        equations = _PseudoInverse(*patch_matrix(scaled, scaling.shape, rng, max_elements), scaling)
    weights = _fit_signs(equations, rng) if absolute else equations.solve(equations.targets)
    return evaluate(examples, weights, scaling, bias=bias, absolute=absolute)


class _Equations(Protocol):
    """An output for each patch, which depends linearly on the weights, and the target of each."""

    count: int  # of the weights
    targets: Array

    def outputs(self, weights: Array) -> Array:
        """Return the output for each patch."""

    def solve(self, targets: Array) -> Array:
        """Return the weights of least squared error."""


class _PseudoInverse:
    """The equations of a matrix of patches."""

    def __init__(self, patches: Array, targets: Array, scaling: ScaledProblem) -> None:
        self.patches, self.targets = patches, targets
        self.count = patches.shape[1]
        self.patches[:, :-1] = patches[:, :-1] @ scaling.whitening
        # Directions in which patches do not vary hold rounding errors.
        self._inverse = np.linalg.pinv(self.patches, rcond=ZERO_VARIANCE)

    def outputs(self, weights: Array) -> Array:
        return np.asarray(self.patches @ weights)

    def solve(self, targets: Array) -> Array:
        return np.asarray(self._inverse @ targets)


def _fit_signs(equations: _Equations, rng: np.random.Generator) -> Array:
    """Return the weights whose outputs have the absolute values of the targets, as far as they can."""
    solutions: list[tuple[float, Array]] = []
    for _ in range(2 * RESTARTS):
        signs = np.sign(equations.outputs(rng.standard_normal(equations.count)))
        for _ in range(MAX_ROUNDS):
            weights = equations.solve(equations.targets * signs)
            new = np.sign(equations.outputs(weights))
            if np.array_equal(new, signs):
                break
            signs = new
        error = np.abs(equations.outputs(weights)) - equations.targets
        solutions.append((float(np.square(error).mean()), weights))
    return min(solutions, key=lambda pair: pair[0])[1]
