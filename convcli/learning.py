"""Learning a filter from examples: by gradient descent or, as a check, by least squares.

The model is a layer with one filter, ``z = w * x + b``, or its absolute value. It is trained on mini-batches
of patches of the inputs with `conv_forward` and `conv_backward`; the last fifth of the target's rows is held
out. The pixels of a patch, and their channels, are strongly correlated. Therefore inputs are centered, and
gradient descent runs in coordinates in which the pixels of a patch are uncorrelated.

Sources: D. P. Kingma and J. Ba, Adam: a method for stochastic optimization, 2015; Y. LeCun, L. Bottou, G. Orr
and K.-R. Müller, Efficient BackProp, 1998 (on centering and decorrelating).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from convcli.arrays import image_array, select_channels
from convcli.errors import FilterError, LearningError, SizeError, UsageError, chosen
from convcli.kernels import CATALOG, Combination, named_filter
from convcli.layers import conv_backward, conv_forward
from convcli.size_texts import format_size
from convcli.sizes import Pair, window_axes

__all__ = [
    "Learned",
    "Nearest",
    "Optimizer",
    "Step",
    "examples_of",
    "learn",
    "matrices_of",
    "nearest_filter",
    "solve",
]

Array = NDArray[Any]

HELD_OUT = 5  # one row in five is held out
CROP, BATCH = 24, 8  # outputs per side of a patch; patches per mini-batch
STEPS = 5000
INTERVAL = 100  # steps between checks of the mean loss
EARLY = (1, 10, 30)  # early steps that the history records in addition
EXACT = 1e-14  # loss, as a fraction of the target's variance, at which the fit counts as exact
STALLED, PATIENCE = 0.98, 3  # a loss must fall below this fraction of the best within so many intervals
CUT = 4  # otherwise the learning rate is divided by this
SMALLEST = 1e-3  # fraction of the first learning rate at which training ends
SAME = 1e-10  # fraction of the largest variance that counts as zero
DIVERGED = 1e4  # loss, as a multiple of the target's variance, that counts as divergence
TRIALS, TRIAL_STEPS = 4, 200  # restarts for absolute values, whose loss has local minima
LARGEST = 1e100
RECENT = 10  # steps over which the reported loss is averaged
MOST_WEIGHTS = 4096
MOST_SOLVED, MOST_CORRELATED = 1 << 23, 1 << 21  # matrix elements for least squares and for covariances
ROUNDS = 100  # maximum rounds of least squares to find the signs of absolute values


class Optimizer(StrEnum):
    """Update rules of gradient descent."""

    ADAM = "adam"
    MOMENTUM = "momentum"
    SGD = "sgd"


RATES = {Optimizer.ADAM: 0.1, Optimizer.MOMENTUM: 0.02, Optimizer.SGD: 0.1}


@dataclass(frozen=True, eq=False)
class Example:
    """An input and its filtered result, the target, cropped to pixels whose windows lie within the input.

    Attributes
    ----------
    pixels : array (h + f_h - 1, w + f_w - 1, C)
    target : array (h, w)
    usable : array (h, w)
        False for clipped pixels of the target, whose true value is unknown.
    """

    pixels: Array
    target: Array
    usable: Array

    @property
    def held_out(self) -> int:
        """The first held-out row."""
        return len(self.target) - max(1, len(self.target) // HELD_OUT)


class Step(NamedTuple):
    """The state of training at a step: the taps, and the recent loss relative to the target's variance."""

    number: int
    loss: float
    taps: Array


@dataclass(frozen=True, eq=False)
class Learned:
    """A learned filter.

    Attributes
    ----------
    taps : array (f_h, f_w), or (f_h, f_w, C) for inputs of C channels
    bias : float
        0 unless it was learned.
    error : float
        Root mean square error on the held-out rows, in the target's units.
    relative_error : float
        The same as a fraction of the standard deviation of those rows.
    steps : int
        Number of training steps; 0 for least squares.
    history : tuple of Step
    offset : float
        Constant offset of the targets that was found although no bias was learned; 0 if there is none.
    """

    taps: Array
    bias: float
    error: float
    relative_error: float
    steps: int
    history: tuple[Step, ...]
    offset: float = 0.0


def matrices_of(taps: Array) -> list[Array]:
    """Return the taps of a filter as matrices (f_h, f_w), one per input channel.

    Examples
    --------
    >>> [matrix.shape for matrix in matrices_of(np.ones((3, 5, 2)))]
    [(3, 5), (3, 5)]
    """
    return list(np.moveaxis(np.atleast_3d(taps), 2, 0))


class Nearest(NamedTuple):
    """The named filter nearest to some taps: they are about `scale` times it, rotated to `angle`."""

    name: str
    angle: float | None
    scale: float
    similarity: float

    def __str__(self) -> str:
        turned = "" if self.angle is None else f" at {self.angle:.1f} degrees"
        return f"{self.name}{turned}, scaled {self.scale:.2f} (similarity {self.similarity:.4f})"


def examples_of(
    image: ArrayLike,
    target: ArrayLike,
    size: Pair = 3,
    *,
    channels: str | None = None,
    absolute: bool = False,
) -> list[Example]:
    """Align an input and its filtered result, the target, as training examples.

    Parameters
    ----------
    image : array (H, W) or (H, W, C)
    target : array (H, W), (H, W, C) or of the size without padding, (H - f_h + 1, W - f_w + 1)
        For unsigned integers, 0 and the largest value of the dtype count as clipped.
    size : int or (vertical, horizontal)
        Size of the filter.
    channels : str, optional
        ``each``: each channel of the target comes from the same channel of the input (default if both have
        equally many). ``sum``: the filter sums over all input channels (default if only the input has
        several). ``gray``, ``r``, ``g``, ``b``: the target comes from this channel of the input.
    absolute : bool
        The target holds absolute values, so 0 does not count as clipped.

    Returns
    -------
    list of Example
        One for each channel of the target.

    Raises
    ------
    ImageError
        The image or the target is invalid.
    SizeError
        The sizes or the channels do not match; the message says which padding would fit.

    Examples
    --------
    >>> [one.target.shape for one in examples_of(np.ones((9, 8)), np.ones((9, 8)))]
    [(7, 6)]
    """
    pixels, wanted = image_array(image), image_array(target)
    if channels not in (None, "each", "sum"):
        pixels = select_channels(pixels, channels or "")
    of_input, of_target = (array.shape[2] if array.ndim == 3 else 1 for array in (pixels, wanted))
    deep = channels == "sum" or (channels is None and of_target == 1 < of_input)
    if of_target != (1 if deep else of_input):
        raise SizeError(
            f"target {format_size(wanted.shape)}",
            f"has {of_target} channels and the input {of_input}: they must be equal, or 1 with channels sum",
        )
    inside = _inside(pixels.shape[:2], wanted.shape[:2], size)
    lowest, highest = -math.inf, math.inf
    if wanted.dtype.kind == "u":
        lowest, highest = -math.inf if absolute else 0, np.iinfo(wanted.dtype).max
    layers = wanted.reshape(*wanted.shape[:2], -1)[inside]
    volume = pixels.reshape(*pixels.shape[:2], -1).astype(np.float64)
    parts = [volume] if deep else [volume[..., channel : channel + 1] for channel in range(of_input)]
    return [
        Example(part, layer.astype(np.float64), (layer > lowest) & (layer < highest))
        for part, layer in zip(parts, np.moveaxis(layers, 2, 0), strict=True)
    ]


def _inside(sides: tuple[int, ...], wanted: tuple[int, ...], size: Pair) -> tuple[slice, slice]:
    """Return the pixels of a target whose windows lie within the input."""
    try:
        same = window_axes((sides[0], sides[1]), size, padding="same")
        valid = window_axes((sides[0], sides[1]), size)
    except SizeError as error:
        raise SizeError(f"input {format_size(sides)}", f"{error.what}: {error.why}") from None
    if wanted == tuple(axis.output for axis in valid):
        return slice(None), slice(None)
    if wanted == tuple(sides):
        rows, columns = (
            slice(axis.before, axis.before + inner.output) for axis, inner in zip(same, valid, strict=True)
        )
        return rows, columns
    fitting = format_size(axis.output for axis in valid)
    lacking = {want - inner.output for want, inner in zip(wanted, valid, strict=True)}
    amount = lacking.pop() if len(lacking) == 1 else -1
    hint = f"; padding {amount // 2} gives it" if amount >= 0 and amount % 2 == 0 else ""
    raise SizeError(
        f"target {format_size(wanted)}",
        f"does not fit the input {format_size(sides)}: a filter of {valid[0].window}x{valid[1].window} gives "
        f"{format_size(sides)} with padding same, {fitting} with padding valid{hint}",
    )


def learn(
    examples: Sequence[Example],
    *,
    bias: bool = False,
    absolute: bool = False,
    optimizer: str = "adam",
    rate: float | None = None,
    steps: int = STEPS,
    seed: int = 0,
    watch: Callable[[int, float], object] | None = None,
) -> Learned:
    """Learn a filter by gradient descent with back-propagation.

    Parameters
    ----------
    examples : sequence of Example
        From `examples_of`; all for the same filter.
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
        Seed for the initial taps and the choice of patches: the same seed gives the same filter.
    watch : callable, optional
        Called every hundred steps with the step and the mean loss of the last ten.

    Returns
    -------
    Learned

    Raises
    ------
    LearningError
        The inputs or targets are constant, not finite, or have too few pixels; or the training diverges.
    UsageError
        A number is out of range.

    Examples
    --------
    >>> from convcli.convolve import convolve
    >>> image = np.random.default_rng(1).integers(0, 256, (40, 40))
    >>> learned = learn(examples_of(image, convolve(image, [[0, 1, 0], [2, 0, -2], [0, -1, 0]])))
    >>> np.round(learned.taps, 3).astype(int).tolist(), learned.relative_error < 1e-3
    ([[0, 1, 0], [2, 0, -2], [0, -1, 0]], True)
    """
    kind = chosen(optimizer, Optimizer, "optimizer")
    first_rate = RATES[kind] if rate is None else rate
    if not (math.isfinite(first_rate) and first_rate > 0):
        raise UsageError(f"lr {rate}", "must be a number above 0, as in 0.1")
    if steps < 1:
        raise UsageError(f"steps {steps}", "must be at least 1")
    _check_seed(seed)
    scaling = _Scaling.of(examples, absolute=absolute)
    scaled = [scaling.apply(example) for example in examples]
    starts = [seed] if not absolute else [seed + trial * 1_000_003 for trial in range(TRIALS)]
    runs = [_Training(scaled, scaling, kind, first_rate, start, absolute=absolute) for start in starts]
    if absolute:
        for run in runs:
            run.go(min(TRIAL_STEPS, steps), None)
    best = min(runs, key=lambda run: run.history[-1].loss if run.history else 0)
    best.go(steps, watch)
    return _judged(examples, best.weights, scaling, best, bias=bias, absolute=absolute)


def solve(
    examples: Sequence[Example], *, bias: bool = False, absolute: bool = False, seed: int = 0
) -> Learned:
    """Find the filter by linear least squares, as a check of `learn`.

    For large pictures it uses a random sample of patches: 8 million matrix elements, or two patches per
    weight if that is more. For absolute values it alternates: the signs that the filter gives, then the
    filter that fits these signs best.

    Parameters, exceptions and result are those of `learn`, which has additional parameters.

    Examples
    --------
    >>> image = np.random.default_rng(1).integers(0, 256, (20, 20))
    >>> (solve(examples_of(image, image[1:-1, :-2] * 3)).taps.round(6) + 0.0).tolist()[1]
    [3.0, 0.0, 0.0]
    """
    _check_seed(seed)
    scaling = _Scaling.of(examples, absolute=absolute)
    rng = np.random.default_rng(seed)
    scaled = [scaling.apply(example) for example in examples]
    numbers = max(MOST_SOLVED, _enough_numbers(scaled, scaling.weights))
    patches, targets = _rows_of(scaled, scaling.weights, rng, numbers)

    patches[:, :-1] = patches[:, :-1] @ scaling.mix  # as in training
    inverse = np.linalg.pinv(patches)
    if not absolute:
        return _judged(examples, inverse @ targets, scaling, None, bias=bias, absolute=absolute)
    found: list[tuple[float, Array]] = []
    for _ in range(2 * TRIALS):
        signs = np.sign(patches @ rng.standard_normal(patches.shape[1]))
        for _ in range(ROUNDS):
            weights: Array = inverse @ (targets * signs)
            new = np.sign(patches @ weights)
            if np.array_equal(new, signs):
                break
            signs = new
        found.append((float(np.square(np.abs(patches @ weights) - targets).mean()), weights))
    best = min(found, key=lambda pair: pair[0])[1]
    return _judged(examples, best, scaling, None, bias=bias, absolute=absolute)


def _check_seed(seed: int) -> None:
    if seed < 0:
        raise UsageError(f"seed {seed}", "must be a whole number, at least 0")


def nearest_filter(taps: ArrayLike) -> Nearest | None:
    """Find the named filter nearest to some taps, up to a factor; None if no filter has their size.

    Examples
    --------
    >>> str(nearest_filter([[-2, 0, 2], [-4, 0, 4], [-2, 0, 2]]))
    'sobel-x, scaled 2.00 (similarity 1.0000)'
    >>> str(nearest_filter(named_filter("scharr-x", angle=70).kernels[0]))
    'scharr-x at 70.0 degrees, scaled 1.00 (similarity 1.0000)'
    """
    matrix = np.asarray(taps, np.float64)
    length = float(np.linalg.norm(matrix))
    if matrix.ndim != 2 or not length or not math.isfinite(length):
        return None
    found = []
    for name, entry in CATALOG.items():
        if entry.combination != Combination.SINGLE:
            continue
        sizes = {"size": float(matrix.shape[0])} if "size" in entry.parameters else {}
        try:
            plain = named_filter(name, **sizes).kernels[0].astype(np.float64)
            if plain.shape != matrix.shape or not plain.any():
                continue
            steered = "angle" in entry.parameters and name != "gabor"
            turned = [named_filter(name, **sizes, angle=angle) for angle in (0, 90)] if steered else []
        except FilterError:
            continue
        usual = not sizes or entry.parameters["size"].default == sizes["size"]
        shown = name if usual else f"{name}:size={len(matrix)}"
        scale = float(np.vdot(matrix, plain) / np.vdot(plain, plain))
        found.append(Nearest(shown, None, scale, abs(scale) * float(np.linalg.norm(plain)) / length))
        if turned:  # cosine and sine of the angle are the weights of these two
            both = np.stack([one.kernels[0].ravel() for one in turned], axis=1).astype(np.float64)
            along, across = np.linalg.lstsq(both, matrix.ravel(), rcond=None)[0].tolist()
            similarity = float(np.linalg.norm(both @ [along, across])) / length
            angle = math.degrees(math.atan2(across, along))
            found.append(Nearest(shown, angle, math.hypot(along, across), similarity))
    # Prefer a named direction to an angle, unless another filter is clearly nearer.
    return max(found, key=lambda one: one.similarity - 1e-3 * (one.angle is not None), default=None)


# Training -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Scaling:
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
    def of(cls, examples: Sequence[Example], *, absolute: bool) -> "_Scaling":
        if not examples:
            raise UsageError("examples", "must have at least one element")
        shapes = {_weights_of(one) for one in examples}
        if len(shapes) > 1:
            raise SizeError("examples", f"belong to filters of different shapes: {sorted(shapes)}")
        weights = shapes.pop()
        if math.prod(weights) > MOST_WEIGHTS:
            raise SizeError(
                f"filter {format_size(weights)}",
                f"has more than {MOST_WEIGHTS} weights; use a smaller one",
            )
        arrays = [array for one in examples for array in (one.pixels, one.target)]
        if not all(np.isfinite(array).all() for array in arrays):
            raise LearningError("examples", "hold values that are not finite (NaN or infinity)")
        if any(np.abs(array).max() > LARGEST for array in arrays):
            raise LearningError(
                "examples", f"hold values above {LARGEST:g}, whose squares overflow; scale them down"
            )
        if any(0 < np.abs(array).max() < 1 / LARGEST for array in arrays):
            raise LearningError(
                "examples", f"hold no value above {1 / LARGEST:g}, so their squares underflow; scale them up"
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
        numbers = max(MOST_CORRELATED, _enough_numbers(examples, weights))
        patches, _ = _rows_of([plain.apply(one) for one in examples], weights, rng, numbers)
        covariance = np.cov(patches[:, :-1], rowvar=False, bias=True).reshape(plain.mix.shape)
        variances, directions = np.linalg.eigh(covariance)
        kept = variances > SAME * variances[-1]  # gray in three channels varies in a third of the directions
        return replace(plain, mix=directions[:, kept] / np.sqrt(variances[kept]) @ directions[:, kept].T)

    def apply(self, example: Example) -> Example:
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
        return float(
            weights[-1] * self.height + self.level - (self.taps(weights).sum((0, 1)) * self.center).sum()
        )


class _Training:
    def __init__(
        self,
        examples: Sequence[Example],
        scaling: _Scaling,
        kind: Optimizer,
        rate: float,
        seed: int,
        *,
        absolute: bool,
    ) -> None:
        self.examples, self.scaling, self.kind, self.absolute = examples, scaling, kind, absolute
        self.rate = self.first_rate = rate
        self.rng = np.random.default_rng(seed)
        count = math.prod(scaling.weights)
        self.weights = np.append(self.rng.standard_normal(count) / math.sqrt(count), 0.0)
        self.mean, self.square = np.zeros(count + 1), np.zeros(count + 1)
        sides = [(one.held_out, one.target.shape[1]) for one in examples]
        self.crop = tuple(min(CROP, *side) for side in zip(*sides, strict=True))
        areas = np.array([one.held_out * one.target.shape[1] for one in examples], float)
        self.shares = areas / areas.sum()
        self.number = 0
        self.history: list[Step] = []
        self._losses: list[float] = []
        self._best, self._patience = math.inf, PATIENCE

    def go(self, steps: int, watch: Callable[[int, float], object] | None) -> None:
        """Train until step `steps`, or until the loss no longer falls."""
        while self.number < steps and not self.done:
            self.number += 1
            loss, gradient = self.gradient()
            if not loss <= DIVERGED:
                raise LearningError(
                    f"step {self.number}",
                    f"training diverged at a learning rate of {self.rate:g}; "
                    f"use a smaller one, such as --lr {self.first_rate / 10:g}",
                )
            self._losses.append(loss)
            at_end = self.number % INTERVAL == 0 or self.number == steps
            if self.number in EARLY and not at_end:
                self.history.append(Step(self.number, loss, self.scaling.taps(self.weights)))
            self.weights = self.weights - self.rate * self.direction(gradient)
            if at_end:
                self.look(watch)

    @property
    def done(self) -> bool:
        exact = bool(self.history) and self.history[-1].loss < EXACT
        return exact or self.rate < SMALLEST * self.first_rate

    def look(self, watch: Callable[[int, float], object] | None) -> None:
        """Record the loss of the last steps, and cut the rate if the mean loss no longer falls."""
        loss, recent = float(np.mean(self._losses)), float(np.mean(self._losses[-RECENT:]))
        self._losses = []
        self.history.append(Step(self.number, recent, self.scaling.taps(self.weights)))
        self._patience -= 1
        if loss < STALLED * self._best:
            self._best, self._patience = loss, PATIENCE
        elif self._patience <= 0:
            self.rate, self._patience = self.rate / CUT, PATIENCE
        if watch is not None:
            watch(self.number, recent)

    def gradient(self) -> tuple[float, Array]:
        """Return the loss of a mini-batch and its gradient with respect to the weights."""
        which = self.rng.choice(len(self.examples), BATCH, p=self.shares)
        f_h, f_w, channels = self.scaling.weights
        height, width = self.crop
        a_prev = np.empty((BATCH, height + f_h - 1, width + f_w - 1, channels))
        wanted, usable = np.empty((BATCH, height, width, 1)), np.empty((BATCH, height, width, 1))
        for number, index in enumerate(which):
            one = self.examples[index]
            row = int(self.rng.integers(0, one.held_out - height + 1))
            column = int(self.rng.integers(0, one.target.shape[1] - width + 1))
            a_prev[number] = one.pixels[row : row + height + f_h - 1, column : column + width + f_w - 1]
            place = slice(row, row + height), slice(column, column + width)
            wanted[number, ..., 0], usable[number, ..., 0] = one.target[place], one.usable[place]
        w = self.scaling.scaled_taps(self.weights)[..., None]
        # Divergence overflows, which the loss shows.
        with np.errstate(over="ignore", invalid="ignore"):
            z = conv_forward(a_prev, w, self.weights[-1:], jobs=1)
            error = ((np.abs(z) if self.absolute else z) - wanted) * usable
            count = max(1.0, float(usable.sum()))
            d_z = 2 / count * error * (np.sign(z) if self.absolute else 1)
            _, d_w, d_b = conv_backward(d_z, a_prev, w, jobs=1)
            return float(np.square(error).sum() / count), np.append(self.scaling.mix.T @ d_w.ravel(), d_b)

    def direction(self, gradient: Array) -> Array:
        if self.kind == Optimizer.SGD:
            return gradient
        if self.kind == Optimizer.MOMENTUM:
            self.mean = 0.9 * self.mean + gradient
            return self.mean
        self.mean = 0.9 * self.mean + 0.1 * gradient
        self.square = 0.999 * self.square + 0.001 * np.square(gradient)
        mean, square = self.mean / (1 - 0.9**self.number), self.square / (1 - 0.999**self.number)
        step: Array = mean / (np.sqrt(square) + 1e-12)
        return step


def _weights_of(example: Example) -> tuple[int, int, int]:
    (height, width, channels), (rows, columns) = example.pixels.shape, example.target.shape
    return height - rows + 1, width - columns + 1, channels


def _enough_numbers(examples: Sequence[Example], weights: tuple[int, int, int]) -> int:
    """Return how many matrix elements two patches per weight take, for every example."""
    return 2 * len(examples) * (math.prod(weights) + 1) ** 2


def _rows_of(
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


def _judged(
    examples: Sequence[Example],
    weights: Array,
    scaling: _Scaling,
    run: _Training | None,
    *,
    bias: bool,
    absolute: bool,
) -> Learned:
    """Scale the weights back, and measure the error on the held-out rows."""
    taps, offset = scaling.taps(weights), scaling.bias(weights)
    if absolute:
        nearest = nearest_filter(taps[..., 0]) if taps.shape[2] == 1 else None
        turned = taps.flat[np.abs(taps).argmax()] < 0
        if nearest is not None:
            turned = nearest.scale < 0 or not -90 < (nearest.angle or 0) <= 90
        taps, offset = (-taps, -offset) if turned else (taps, offset)
    errors, goals = [], []
    for one in examples:
        usable = one.usable[one.held_out :]
        z = conv_forward(one.pixels[None, one.held_out :], taps[..., None], [offset * bias])[0, ..., 0]
        errors.append((np.abs(z) if absolute else z)[usable] - one.target[one.held_out :][usable])
        goals.append(one.target[one.held_out :][usable])
    error = float(np.sqrt(np.square(np.concatenate(errors)).mean())) if sum(map(len, errors)) else math.nan
    spread = float(np.concatenate(goals).std()) if sum(map(len, goals)) else math.nan
    relevant = abs(offset) > 0.02 * scaling.height and not bias
    return Learned(
        taps=taps[..., 0] if taps.shape[2] == 1 else taps,
        bias=offset if bias else 0.0,
        error=error,
        relative_error=error / spread if spread else math.nan,
        steps=0 if run is None else run.number,
        history=() if run is None else tuple(run.history),
        offset=offset if relevant else 0.0,
    )
