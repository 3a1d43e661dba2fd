"""Learning from few patches: the smallest of all filters that fit best."""

import math
from collections.abc import Sequence

import numpy as np

from convcli.errors import LearningError
from convcli.learning.examples import Example
from convcli.learning.nearest import NearestFilter, named_kernels
from convcli.learning.problem import (
    MAX_PSEUDO_INVERSE_WEIGHTS,
    check_examples,
    patch_matrix,
    too_few_patches,
)
from convcli.learning.results import Array, LearnedFilter

__all__ = ["equally_good_filters", "fit_minimum_norm"]

ZERO_SINGULAR_VALUE = 1e-10  # fraction of the largest singular value that counts as zero
DIGITS = 12  # that are exact, of the largest coefficient or of the smallest that could give the targets
SAME_SIMILARITY = 0.9999  # from which on a filter is the learned one, scaled


def fit_minimum_norm(examples: Sequence[Example], *, bias: bool = False) -> LearnedFilter:
    """Find the filter of the least squared error on all patches; if there are several, the smallest of them.

    Nothing is held out: even a picture of 6x6, in which patches recur, is enough. The smallest filter has the
    least sum of squared coefficients (with the bias, if it is learned).

    Parameters
    ----------
    examples : sequence of Example
    bias : bool
        Learn a bias as well.

    Raises
    ------
    LearningError
        The inputs or targets are constant or not finite; every patch is clipped; or there are more than 1024
        weights.

    Source: R. Penrose, On best approximate solutions of linear matrix equations, Proc. Cambridge Phil. Soc.
    52 (1956).

    Examples
    --------
    >>> from convcli.learning.examples import make_examples
    >>> half = np.repeat([[10, 10, 10, 0, 0, 0]], 6, axis=0)
    >>> edges = np.repeat([[0, 30, 30, 0]], 4, axis=0)
    >>> learned = fit_minimum_norm(make_examples(half, edges))
    >>> learned.taps.tolist(), learned.free
    ([[1.0, 0.0, -1.0], [1.0, 0.0, -1.0], [1.0, 0.0, -1.0]], 6)
    """
    shape = check_examples(examples)
    usable = sum(int(example.usable.sum()) for example in examples)
    if not usable or math.prod(shape) > MAX_PSEUDO_INVERSE_WEIGHTS:
        raise too_few_patches(usable, shape)
    patches, targets = _all_patches(examples, shape)
    if np.ptp(patches[:, :-1]) == 0:
        raise LearningError("input", "is constant, so there is nothing to learn from it")
    if np.ptp(targets) == 0:
        raise LearningError("target", "is constant, so there is nothing to learn from it")
    matrix = patches if bias else patches[:, :-1]
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    rank = int((values > ZERO_SINGULAR_VALUE * values[0]).sum())
    weights = right[:rank].T @ ((left[:, :rank].T @ targets) / values[:rank])
    largest = max(float(np.abs(weights).max()), float(np.linalg.norm(targets)) / float(values[0]))
    digits = DIGITS - 1 - math.floor(math.log10(largest))
    weights = np.round(weights, digits) + 0.0  # + 0.0 turns -0.0 into 0.0
    taps = weights[: math.prod(shape)].reshape(shape)
    error = _root_mean_square(matrix @ weights - targets)
    return LearnedFilter(
        taps=taps[..., 0] if shape[2] == 1 else taps,
        bias=float(weights[-1]) if bias else 0.0,
        error=error,
        relative_error=error / float(targets.std()),
        steps=0,
        history=(),
        free=matrix.shape[1] - rank,
        few_patches=len(targets),
    )


def equally_good_filters(learned: LearnedFilter, examples: Sequence[Example]) -> list[NearestFilter]:
    """Return the named filters, each scaled, that fit few patches as well as the learned one does.

    Without those that are the learned one itself, scaled.

    Examples
    --------
    >>> from convcli.learning.examples import make_examples
    >>> examples = make_examples([[10, 10, 10, 0, 0, 0]] * 3, [[0, 30, 30, 0]])
    >>> print(*equally_good_filters(fit_minimum_norm(examples), examples)[1:2])
    sobel-x, scaled -0.75 (similarity 0.9428)
    """
    if learned.taps.ndim != 2 or not learned.taps.any():
        return []
    patches, targets = _all_patches(examples, (*learned.taps.shape, 1))
    targets = targets - learned.bias
    found = []
    for name, coefficients in named_kernels(learned.taps.shape):
        outputs = patches[:, :-1] @ coefficients.ravel()
        squares = float(outputs @ outputs)
        scale = float(outputs @ targets) / squares if squares else 0.0
        lengths = float(np.linalg.norm(coefficients) * np.linalg.norm(learned.taps))
        similarity = abs(float(np.vdot(coefficients, learned.taps))) / lengths
        tolerance = learned.error + ZERO_SINGULAR_VALUE * _root_mean_square(targets)
        fits = _root_mean_square(scale * outputs - targets) <= tolerance
        if fits and similarity < SAME_SIMILARITY:
            found.append(NearestFilter(name, None, scale, similarity))
    return sorted(found, key=lambda near: -near.similarity)


def _all_patches(examples: Sequence[Example], shape: tuple[int, int, int]) -> tuple[Array, Array]:
    """Return all usable patches as rows with a last column of ones, none held out, and their targets."""
    whole = [Example(one.pixels, one.target, one.usable, holds_out=False) for one in examples]
    count = sum(one.target.size for one in examples) * (math.prod(shape) + 1)
    return patch_matrix(whole, shape, np.random.default_rng(0), count * len(examples))


def _root_mean_square(errors: Array) -> float:
    return float(np.sqrt(np.square(errors).mean()))
