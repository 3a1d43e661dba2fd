"""Learning a filter in closed form, by least squares."""

from collections.abc import Sequence

import numpy as np

from convcli.learning.evaluation import evaluate
from convcli.learning.examples import Example
from convcli.learning.gradient_descent import RESTARTS
from convcli.learning.problem import (
    MAX_LEAST_SQUARES_ELEMENTS,
    ScaledProblem,
    check_seed,
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

    For large pictures it uses a random sample of patches: 8 million matrix elements, or two patches per
    weight if that is more. For absolute values it alternates: the signs that the filter gives, then the
    filter that fits these signs best.

    Parameters, exceptions and result are those of `learn`, which has additional parameters.

    Examples
    --------
    >>> from convcli.learning.examples import make_examples
    >>> image = np.random.default_rng(1).integers(0, 256, (20, 20))
    >>> (fit_least_squares(make_examples(image, image[1:-1, :-2] * 3)).taps.round(6) + 0.0).tolist()[1]
    [3.0, 0.0, 0.0]
    """
    check_seed(seed)
    scaling = ScaledProblem.from_examples(examples, absolute=absolute)
    rng = np.random.default_rng(seed)
    scaled = [scaling.apply(example) for example in examples]
    max_elements = max(MAX_LEAST_SQUARES_ELEMENTS, min_matrix_elements(scaled, scaling.shape))
    patches, targets = patch_matrix(scaled, scaling.shape, rng, max_elements)

    patches[:, :-1] = patches[:, :-1] @ scaling.whitening  # as in training
    inverse = np.linalg.pinv(patches)
    if not absolute:
        return evaluate(examples, inverse @ targets, scaling, bias=bias, absolute=absolute)
    solutions: list[tuple[float, Array]] = []
    for _ in range(2 * RESTARTS):
        signs = np.sign(patches @ rng.standard_normal(patches.shape[1]))
        for _ in range(MAX_ROUNDS):
            weights: Array = inverse @ (targets * signs)
            new = np.sign(patches @ weights)
            if np.array_equal(new, signs):
                break
            signs = new
        solutions.append((float(np.square(np.abs(patches @ weights) - targets).mean()), weights))
    best = min(solutions, key=lambda pair: pair[0])[1]
    return evaluate(examples, best, scaling, bias=bias, absolute=absolute)
