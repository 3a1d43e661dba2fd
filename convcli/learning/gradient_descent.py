"""Learning a filter by gradient descent (back-propagation)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from enum import StrEnum

import numpy as np

from convcli.errors import LearningError, UsageError, parse_choice
from convcli.layers.convolution_layer import conv_backward, conv_forward
from convcli.learning.evaluation import evaluate
from convcli.learning.examples import Example
from convcli.learning.minimum_norm import fit_minimum_norm
from convcli.learning.problem import ScaledProblem, check_seed, has_few_patches
from convcli.learning.results import Array, LearnedFilter, TrainingStep

__all__ = ["RESTARTS", "Optimizer", "learn"]
PATCH_SIZE, BATCH_SIZE = 24, 8  # outputs per side of a patch; patches per mini-batch
MAX_STEPS = 5000
CHECK_INTERVAL = 100  # steps between checks of the mean loss
EARLY_STEPS = (1, 10, 30)  # early steps that the history records in addition
EXACT_LOSS = 1e-14  # loss, as a fraction of the target's variance, at which the fit counts as exact
STALL_RATIO, PATIENCE = 0.98, 3  # a loss must fall below this fraction of the best within so many intervals
RATE_DIVISOR = 4  # otherwise the learning rate is divided by this
MIN_RATE_RATIO = 1e-3  # fraction of the first learning rate at which training ends
DIVERGED_LOSS = 1e4  # loss, as a multiple of the target's variance, that counts as divergence
RESTARTS, RESTART_STEPS = 4, 200  # restarts for absolute values, whose loss has local minima
LOSS_WINDOW = 10  # steps over which the reported loss is averaged


class Optimizer(StrEnum):
    """Update rules of gradient descent."""

    ADAM = "adam"
    MOMENTUM = "momentum"
    SGD = "sgd"


RATES = {Optimizer.ADAM: 0.1, Optimizer.MOMENTUM: 0.02, Optimizer.SGD: 0.1}


def learn(
    examples: Sequence[Example],
    *,
    bias: bool = False,
    absolute: bool = False,
    optimizer: str = "adam",
    rate: float | None = None,
    steps: int = MAX_STEPS,
    seed: int = 0,
    watch: Callable[[int, float], object] | None = None,
    progress: Callable[[int], object] | None = None,
) -> LearnedFilter:
    """Learn a filter by gradient descent with back-propagation.

    With at most two patches for each weight, least squares finds it instead, unless targets are absolute: see
    `LearnedFilter.few_patches`.

    Parameters
    ----------
    examples : sequence of Example
        From `make_examples`; all for the same filter.
    bias : bool
        Learn a bias as well.
    absolute : bool
        The targets are absolute values. The filter then takes the sign of the nearest named filter.
    optimizer : ``"adam"``, ``"momentum"`` or ``"sgd"``
    rate : float, optional
        Learning rate (default: 0.1 for adam, 0.02 for momentum, 0.1 for sgd). It is divided by 4 whenever the
        loss stops falling. Training ends when the rate has fallen to a thousandth, when the fit is exact, or
        after `steps`.
    steps : int
        Maximum number of steps.
    seed : int
        Seed for the initial coefficients and the choice of patches: the same seed gives the same filter.
    watch : callable, optional
        Called every hundred steps with the step and the mean loss of the last ten.
    progress : callable, optional
        Called after each step with its number.

    Returns
    -------
    Learned

    Raises
    ------
    LearningError
        The inputs or targets are constant or not finite; absolute ones have too few pixels; or the training
        diverges.
    UsageError
        A number is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> import convcli
    >>> image = np.random.default_rng(1).integers(0, 256, (40, 40))
    >>> result = convcli.convolve(image, [[0, 1, 0], [2, 0, -2], [0, -1, 0]])
    >>> learned = convcli.learn(convcli.make_examples(image, result))
    >>> np.round(learned.taps, 3).astype(int).tolist(), learned.relative_error < 1e-3
    ([[0, 1, 0], [2, 0, -2], [0, -1, 0]], True)
    """
    update_rule = parse_choice(optimizer, Optimizer, "optimizer")
    first_rate = RATES[update_rule] if rate is None else rate
    if not (math.isfinite(first_rate) and first_rate > 0):
        raise UsageError(f"lr {rate}", "must be a number above 0, as in 0.1")
    if steps < 1:
        raise UsageError(f"steps {steps}", "must be at least 1")
    check_seed(seed)
    if not absolute and has_few_patches(examples):
        return fit_minimum_norm(examples, bias=bias)
    scaling = ScaledProblem.from_examples(examples, absolute=absolute).whitened(examples)
    scaled = [scaling.apply(example) for example in examples]
    starts = [seed] if not absolute else [seed + trial * 1_000_003 for trial in range(RESTARTS)]
    runs = [_Training(scaled, scaling, update_rule, first_rate, start, absolute=absolute) for start in starts]
    if absolute:
        for run in runs:
            run.train(min(RESTART_STEPS, steps), None, progress)
    best = min(runs, key=lambda run: run.history[-1].loss if run.history else 0)
    best.train(steps, watch, progress)
    return evaluate(
        examples, best.weights, scaling, bias=bias, absolute=absolute, history=best.history, steps=best.number
    )


class _Training:
    def __init__(
        self,
        examples: Sequence[Example],
        scaling: ScaledProblem,
        update_rule: Optimizer,
        rate: float,
        seed: int,
        *,
        absolute: bool,
    ) -> None:
        self.examples, self.scaling = examples, scaling
        self.update_rule, self.absolute = update_rule, absolute
        self.rate = self.first_rate = rate
        self.rng = np.random.default_rng(seed)
        count = math.prod(scaling.shape)
        self.weights = np.append(self.rng.standard_normal(count) / math.sqrt(count), 0.0)
        self.first_moment, self.second_moment = np.zeros(count + 1), np.zeros(count + 1)
        sides = [(example.held_out, example.target.shape[1]) for example in examples]
        self.patch_size = tuple(min(PATCH_SIZE, *side) for side in zip(*sides, strict=True))
        areas = np.array([example.held_out * example.target.shape[1] for example in examples], float)
        self.probabilities = areas / areas.sum()
        self.number = 0
        self.history: list[TrainingStep] = []
        self._losses: list[float] = []
        self._best, self._patience = math.inf, PATIENCE

    def train(
        self,
        steps: int,
        watch: Callable[[int, float], object] | None,
        progress: Callable[[int], object] | None,
    ) -> None:
        """Train until step `steps`, or until the loss no longer falls."""
        while self.number < steps and not self.done:
            self.number += 1
            loss, gradient = self.gradient()
            if not loss <= DIVERGED_LOSS:
                raise LearningError(
                    f"step {self.number}",
                    f"training diverged at a learning rate of {self.rate:g}; "
                    f"use a smaller one, such as --lr {self.first_rate / 10:g}",
                )
            self._losses.append(loss)
            at_end = self.number % CHECK_INTERVAL == 0 or self.number == steps
            if self.number in EARLY_STEPS and not at_end:
                self.history.append(TrainingStep(self.number, loss, self.scaling.taps(self.weights)))
            self.weights = self.weights - self.rate * self.direction(gradient)
            if progress is not None:
                progress(self.number)
            if at_end:
                self.check_progress(watch)

    @property
    def done(self) -> bool:
        exact = bool(self.history) and self.history[-1].loss < EXACT_LOSS
        return exact or self.rate < MIN_RATE_RATIO * self.first_rate

    def check_progress(self, watch: Callable[[int, float], object] | None) -> None:
        """Record the loss of the last steps, and cut the rate if the mean loss no longer falls."""
        loss, recent = float(np.mean(self._losses)), float(np.mean(self._losses[-LOSS_WINDOW:]))
        self._losses = []
        self.history.append(TrainingStep(self.number, recent, self.scaling.taps(self.weights)))
        self._patience -= 1
        if loss < STALL_RATIO * self._best:
            self._best, self._patience = loss, PATIENCE
        elif self._patience <= 0:
            self.rate, self._patience = self.rate / RATE_DIVISOR, PATIENCE
        if watch is not None:
            watch(self.number, recent)

    def gradient(self) -> tuple[float, Array]:
        """Return the loss of a mini-batch and its gradient with respect to the weights."""
        chosen = self.rng.choice(len(self.examples), BATCH_SIZE, p=self.probabilities)
        f_h, f_w, channels = self.scaling.shape
        height, width = self.patch_size
        a_prev = np.empty((BATCH_SIZE, height + f_h - 1, width + f_w - 1, channels))
        targets, usable = np.empty((BATCH_SIZE, height, width, 1)), np.empty((BATCH_SIZE, height, width, 1))
        for number, index in enumerate(chosen):
            example = self.examples[index]
            row = int(self.rng.integers(0, example.held_out - height + 1))
            column = int(self.rng.integers(0, example.target.shape[1] - width + 1))
            a_prev[number] = example.pixels[row : row + height + f_h - 1, column : column + width + f_w - 1]
            window = slice(row, row + height), slice(column, column + width)
            targets[number, ..., 0], usable[number, ..., 0] = example.target[window], example.usable[window]
        w = self.scaling.scaled_taps(self.weights)[..., None]
        # Divergence overflows, which the loss shows.
        with np.errstate(over="ignore", invalid="ignore"):
            z = conv_forward(a_prev, w, self.weights[-1:], jobs=1)
            error = ((np.abs(z) if self.absolute else z) - targets) * usable
            count = max(1.0, float(usable.sum()))
            d_z = 2 / count * error * (np.sign(z) if self.absolute else 1)
            _, d_w, d_b = conv_backward(d_z, a_prev, w, jobs=1)
            d_weights = np.append(self.scaling.gradient(d_w), d_b)
            return float(np.square(error).sum() / count), d_weights

    def direction(self, gradient: Array) -> Array:
        if self.update_rule == Optimizer.SGD:
            return gradient
        if self.update_rule == Optimizer.MOMENTUM:
            self.first_moment = 0.9 * self.first_moment + gradient
            return self.first_moment
        self.first_moment = 0.9 * self.first_moment + 0.1 * gradient
        self.second_moment = 0.999 * self.second_moment + 0.001 * np.square(gradient)
        mean = self.first_moment / (1 - 0.9**self.number)
        square = self.second_moment / (1 - 0.999**self.number)
        step: Array = mean / (np.sqrt(square) + 1e-12)
        return step
