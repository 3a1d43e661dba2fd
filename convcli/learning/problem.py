"""A learning problem scaled for numerical stability, and how well a filter solves it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from convcli.errors import LearningError, SizeError, UsageError
from convcli.learning.examples import Example
from convcli.learning.results import Array
from convcli.sizes.text import format_size

__all__ = ["MAX_LEAST_SQUARES_ELEMENTS", "ScaledProblem", "check_seed", "min_matrix_elements", "patch_matrix"]
ZERO_VARIANCE = 1e-10  # fraction of the largest variance that counts as zero
MAX_VALUE = 1e100
MAX_WEIGHTS = 4096
MAX_LEAST_SQUARES_ELEMENTS, MAX_COVARIANCE_ELEMENTS = (
    1 << 23,
    1 << 21,
)  # matrix elements for least squares and for covariances


def check_seed(seed: int) -> None:
    """Refuse a negative seed."""
    if seed < 0:
        raise UsageError(f"seed {seed}", "must be a whole number, at least 0")


# Training -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class ScaledProblem:
    """How inputs, targets and weights are centered and scaled, and how weights are scaled back.

    `weights` is the shape of the taps, (f_h, f_w, C). Training runs in coordinates in which patches are
    uncorrelated; `mix` (taps, taps) times these coordinates gives the taps.
    """

    weights: tuple[int, int, int]
    center: Array
    spread: float
    mix: Array
    level: float
    height: float

    @classmethod
    def of(cls, examples: Sequence[Example], *, absolute: bool) -> "ScaledProblem":
        """Scale a problem by the statistics of its examples."""
        if not examples:
            raise UsageError("examples", "must have at least one element")
        shapes = {_filter_shape(one) for one in examples}
        if len(shapes) > 1:
            raise SizeError("examples", f"belong to filters of different shapes: {sorted(shapes)}")
        weights = shapes.pop()
        if math.prod(weights) > MAX_WEIGHTS:
            raise SizeError(
                f"filter {format_size(weights)}",
                f"has more than {MAX_WEIGHTS} weights; use a smaller one",
            )
        arrays = [array for one in examples for array in (one.pixels, one.target)]
        if not all(np.isfinite(array).all() for array in arrays):
            raise LearningError("examples", "hold values that are not finite (NaN or infinity)")
        if any(np.abs(array).max() > MAX_VALUE for array in arrays):
            raise LearningError(
                "examples", f"hold values above {MAX_VALUE:g}, whose squares overflow; scale them down"
            )
        if any(0 < np.abs(array).max() < 1 / MAX_VALUE for array in arrays):
            raise LearningError(
                "examples",
                f"hold no value above {1 / MAX_VALUE:g}, so their squares underflow; scale them up",
            )
        if absolute and any(one.target.min() < 0 for one in examples):
            raise LearningError("target", "has negative values, so it does not hold absolute values")
        count = sum(int(one.usable[: one.held_out].sum()) for one in examples)
        if count <= 2 * math.prod(weights):
            raise LearningError(
                f"only {count} patches for {math.prod(weights)} weights",
                "use a larger picture or a smaller filter (clipped and held-out patches do not count)",
            )
        pixels = np.concatenate([one.pixels.reshape(-1, weights[2]) for one in examples])
        targets = np.concatenate([one.target[: one.held_out][one.usable[: one.held_out]] for one in examples])
        center, spread = pixels.mean(0), float((pixels - pixels.mean(0)).std())
        level = 0.0 if absolute else float(targets.mean())
        height = float(np.sqrt(np.square(targets - level).mean()))
        if spread <= 1e-12 * float(np.abs(pixels).max()):
            raise LearningError("input", "is constant, so there is nothing to learn from it")
        if float(targets.std()) <= 1e-12 * float(np.abs(targets).max()):
            raise LearningError("target", "is constant, so there is nothing to learn from it")
        plain = cls(weights, center, spread, np.eye(math.prod(weights)), level, height)
        rng = np.random.default_rng(0)
        numbers = max(MAX_COVARIANCE_ELEMENTS, min_matrix_elements(examples, weights))
        patches, _ = patch_matrix([plain.apply(one) for one in examples], weights, rng, numbers)
        covariance = np.cov(patches[:, :-1], rowvar=False, bias=True).reshape(plain.mix.shape)
        variances, directions = np.linalg.eigh(covariance)
        kept = (
            variances > ZERO_VARIANCE * variances[-1]
        )  # gray in three channels varies in a third of the directions
        return replace(plain, mix=directions[:, kept] / np.sqrt(variances[kept]) @ directions[:, kept].T)

    def apply(self, example: Example) -> Example:
        """Return an example in the scaled units."""
        pixels = (example.pixels - self.center) / self.spread
        return Example(pixels, (example.target - self.level) / self.height, example.usable)

    def taps(self, weights: Array) -> Array:
        """Return the taps for the unscaled inputs and targets; the last weight is the bias."""
        taps: Array = self.scaled_taps(weights) * (self.height / self.spread)
        return taps

    def scaled_taps(self, weights: Array) -> Array:
        """Return the taps for examples scaled by `apply`."""
        taps: Array = (self.mix @ weights[:-1]).reshape(self.weights)
        return taps

    def bias(self, weights: Array) -> float:
        """Return the bias in the units of the examples."""
        return float(
            weights[-1] * self.height + self.level - (self.taps(weights).sum((0, 1)) * self.center).sum()
        )


def _filter_shape(example: Example) -> tuple[int, int, int]:
    (height, width, channels), (rows, columns) = example.pixels.shape, example.target.shape
    return height - rows + 1, width - columns + 1, channels


def min_matrix_elements(examples: Sequence[Example], weights: tuple[int, int, int]) -> int:
    """Return how many matrix elements two patches per weight take, for every example."""
    return 2 * len(examples) * (math.prod(weights) + 1) ** 2


def patch_matrix(
    examples: Sequence[Example], weights: tuple[int, int, int], rng: np.random.Generator, numbers: int
) -> tuple[Array, Array]:
    """Return patches as rows, with a last column of ones, and their targets; a sample if there are many."""
    count = math.prod(weights) + 1
    patches, targets = [], []
    most = max(1, numbers // count // len(examples))
    for one in examples:
        places = np.flatnonzero(one.usable[: one.held_out])
        if len(places) > most:
            places = np.sort(rng.choice(places, most, replace=False))
        rows, columns = np.divmod(places, one.target.shape[1])
        seen = sliding_window_view(one.pixels, weights[:2], (0, 1))[rows, columns]  # (n, C, f_h, f_w)
        patch = np.ones((len(places), count))
        patch[:, :-1] = seen.transpose(0, 2, 3, 1).reshape(len(places), -1)
        patches.append(patch)
        targets.append(one.target[rows, columns])
    return np.concatenate(patches), np.concatenate(targets)
