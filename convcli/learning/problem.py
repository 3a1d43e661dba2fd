"""A learning problem scaled for numerical stability, and its patches as rows of a matrix."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from convcli.errors import LearningError, SizeError, UsageError
from convcli.learning.examples import Example
from convcli.learning.results import Array
from convcli.sizes.text import format_size

__all__ = [
    "MAX_LEAST_SQUARES_ELEMENTS",
    "MAX_PSEUDO_INVERSE_WEIGHTS",
    "ZERO_VARIANCE",
    "ScaledProblem",
    "check_examples",
    "check_seed",
    "has_few_patches",
    "min_matrix_elements",
    "patch_matrix",
    "too_few_patches",
]
ZERO_VARIANCE = 1e-10  # fraction of the largest variance that counts as zero
ZERO_UNIT = 1e-10  # fraction of the squared mean patch that counts as zero
MAX_VALUE = 1e100
MAX_WEIGHTS = 4096
MAX_PSEUDO_INVERSE_WEIGHTS = 1024  # for more, the pseudo-inverse takes too long
MAX_LEAST_SQUARES_ELEMENTS, MAX_COVARIANCE_ELEMENTS = 1 << 23, 1 << 21  # elements of a matrix


def check_seed(seed: int) -> None:
    """Refuse a negative seed."""
    if seed < 0:
        raise UsageError(f"seed {seed}", "must be a whole number, at least 0")


@dataclass(frozen=True, eq=False)
class ScaledProblem:
    """How inputs, targets and weights are centered and scaled, and how weights are scaled back.

    `shape` is that of the taps, (f_h, f_w, C). Training runs in coordinates in which patches are
    uncorrelated; `whitening` (taps, taps) times these coordinates gives the taps. Without whitening, the
    coordinates are the taps. `free` counts the directions in which patches do not vary, and the taps do not
    matter: it is known only after whitening. `unit` is the smallest filter that gives 1 for every patch,
    where these directions hold one: then the taps can do what a bias does.
    """

    shape: tuple[int, int, int]
    input_mean: Array
    input_scale: float
    whitening: Array | None
    target_mean: float
    target_scale: float
    free: int = 0
    unit: Array | None = None

    @classmethod
    def from_examples(cls, examples: Sequence[Example], *, absolute: bool) -> "ScaledProblem":
        """Scale a problem by the statistics of its examples, without whitening."""
        shape = check_examples(examples)
        if absolute and any(example.target.min() < 0 for example in examples):
            raise LearningError("target", "has negative values, so it does not hold absolute values")
        if has_few_patches(examples):
            raise too_few_patches(_count_patches(examples), shape)
        pixels = np.concatenate([example.pixels.reshape(-1, shape[2]) for example in examples])
        targets = np.concatenate(
            [example.target[: example.held_out][example.usable[: example.held_out]] for example in examples]
        )
        input_mean, input_scale = pixels.mean(0), float((pixels - pixels.mean(0)).std())
        target_mean = 0.0 if absolute else float(targets.mean())
        target_scale = float(np.sqrt(np.square(targets - target_mean).mean()))
        if input_scale <= 1e-12 * float(np.abs(pixels).max()):
            raise LearningError("input", "is constant, so there is nothing to learn from it")
        if float(targets.std()) <= 1e-12 * float(np.abs(targets).max()):
            raise LearningError("target", "is constant, so there is nothing to learn from it")
        return cls(shape, input_mean, input_scale, None, target_mean, target_scale)

    def whitened(self, examples: Sequence[Example]) -> "ScaledProblem":
        """Return the problem with the whitening of its examples."""
        rng = np.random.default_rng(0)
        max_elements = max(MAX_COVARIANCE_ELEMENTS, min_matrix_elements(examples, self.shape))
        scaled = [self.apply(example) for example in examples]
        patches, _ = patch_matrix(scaled, self.shape, rng, max_elements)
        count = math.prod(self.shape)
        covariance = np.cov(patches[:, :-1], rowvar=False, bias=True).reshape(count, count)
        variances, directions = np.linalg.eigh(covariance)
        # Gray in three channels varies in a third of the directions.
        varying = variances > ZERO_VARIANCE * variances[-1]
        whitening = directions[:, varying] / np.sqrt(variances[varying]) @ directions[:, varying].T
        constant = directions[:, ~varying]
        means = patches[:, :-1].mean(0) * self.input_scale + np.resize(self.input_mean, count)
        along = constant @ (constant.T @ means)
        squares = float(along @ along)
        has_unit = squares > ZERO_UNIT * float(means @ means)
        unit = (along / squares).reshape(self.shape) if has_unit else None
        return replace(self, whitening=whitening, free=constant.shape[1], unit=unit)

    def apply(self, example: Example) -> Example:
        """Return an example in the scaled units."""
        pixels = (example.pixels - self.input_mean) / self.input_scale
        return Example(pixels, (example.target - self.target_mean) / self.target_scale, example.usable)

    def taps(self, weights: Array) -> Array:
        """Return the taps for the unscaled inputs and targets; the last weight is the bias."""
        taps: Array = self.scaled_taps(weights) * (self.target_scale / self.input_scale)
        return taps

    def scaled_taps(self, weights: Array) -> Array:
        """Return the taps for examples scaled by `apply`."""
        coordinates = weights[:-1]
        taps: Array = coordinates if self.whitening is None else self.whitening @ coordinates
        return taps.reshape(self.shape)

    def gradient(self, of_taps: Array) -> Array:
        """Return the gradient with respect to the coordinates, from that with respect to the scaled taps."""
        gradient: Array = of_taps.ravel() if self.whitening is None else self.whitening.T @ of_taps.ravel()
        return gradient

    def bias(self, weights: Array) -> float:
        """Return the bias in the units of the examples."""
        return float(
            weights[-1] * self.target_scale
            + self.target_mean
            - (self.taps(weights).sum((0, 1)) * self.input_mean).sum()
        )


def check_examples(examples: Sequence[Example]) -> tuple[int, int, int]:
    """Check that examples can be learned from, however many patches they have, and return the filter's shape.

    Raises
    ------
    UsageError
        There are none.
    SizeError
        They belong to different filters, or to one that is too large.
    LearningError
        They hold values that are not finite, or are too large or too small.
    """
    if not examples:
        raise UsageError("examples", "must have at least one element")
    shapes = {_filter_shape(example) for example in examples}
    if len(shapes) > 1:
        raise SizeError("examples", f"belong to filters of different shapes: {sorted(shapes)}")
    shape = shapes.pop()
    if math.prod(shape) > MAX_WEIGHTS:
        raise SizeError(
            f"filter {format_size(shape)}", f"has more than {MAX_WEIGHTS} weights; use a smaller one"
        )
    arrays = [array for example in examples for array in (example.pixels, example.target)]
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
    return shape


def has_few_patches(examples: Sequence[Example]) -> bool:
    """Whether there are so few patches that none can be held out: at most two for each weight.

    Clipped patches and those of the held-out rows do not count.

    Examples
    --------
    >>> from convcli.learning.examples import make_examples
    >>> [has_few_patches(make_examples(np.zeros((side, side)), np.zeros((side, side)))) for side in (6, 8)]
    [True, False]
    """
    weights = math.prod(_filter_shape(examples[0])) if examples else 0
    return _count_patches(examples) <= 2 * weights


def _count_patches(examples: Sequence[Example]) -> int:
    return sum(int(example.usable[: example.held_out].sum()) for example in examples)


def too_few_patches(count: int, shape: tuple[int, int, int]) -> LearningError:
    """Return the error that there are too few patches."""
    return LearningError(
        f"only {count} patches for {math.prod(shape)} weights",
        "use a larger picture or a smaller filter (clipped and held-out patches do not count)",
    )


def _filter_shape(example: Example) -> tuple[int, int, int]:
    (height, width, channels), (rows, columns) = example.pixels.shape, example.target.shape
    return height - rows + 1, width - columns + 1, channels


def min_matrix_elements(examples: Sequence[Example], shape: tuple[int, int, int]) -> int:
    """Return how many matrix elements two patches per weight take, for every example."""
    return 2 * len(examples) * (math.prod(shape) + 1) ** 2


def patch_matrix(
    examples: Sequence[Example], shape: tuple[int, int, int], rng: np.random.Generator, max_elements: int
) -> tuple[Array, Array]:
    """Return patches as rows, with a last column of ones, and their targets; a sample if there are many."""
    count = math.prod(shape) + 1
    patches, targets = [], []
    max_patches = max(1, max_elements // count // len(examples))
    for example in examples:
        positions = np.flatnonzero(example.usable[: example.held_out])
        if len(positions) > max_patches:
            positions = np.sort(rng.choice(positions, max_patches, replace=False))
        rows, columns = np.divmod(positions, example.target.shape[1])
        windows = sliding_window_view(example.pixels, shape[:2], (0, 1))[rows, columns]  # (n, C, f_h, f_w)
        patch = np.ones((len(positions), count))
        patch[:, :-1] = windows.transpose(0, 2, 3, 1).reshape(len(positions), -1)
        patches.append(patch)
        targets.append(example.target[rows, columns])
    return np.concatenate(patches), np.concatenate(targets)
