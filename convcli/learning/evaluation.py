"""How well learned weights reproduce the targets."""

import math
from collections.abc import Sequence

import numpy as np

from convcli.layers.convolution_layer import conv_forward
from convcli.learning.examples import Example
from convcli.learning.nearest import nearest_filter
from convcli.learning.problem import ScaledProblem
from convcli.learning.results import Array, LearnedFilter, TrainingStep

__all__ = ["evaluate"]


def evaluate(
    examples: Sequence[Example],
    weights: Array,
    scaling: ScaledProblem,
    *,
    bias: bool,
    absolute: bool,
    history: Sequence[TrainingStep] = (),
    steps: int = 0,
) -> LearnedFilter:
    """Scale the weights back, and measure the error on the held-out rows."""
    taps, offset, free = scaling.taps(weights), scaling.bias(weights), scaling.free
    if scaling.unit is not None and not bias:
        taps, offset, free = taps + offset * scaling.unit, 0.0, free - 1
    if absolute:
        nearest = nearest_filter(taps[..., 0]) if taps.shape[2] == 1 else None
        negate = taps.flat[np.abs(taps).argmax()] < 0
        if nearest is not None:
            negate = nearest.scale < 0 or not -90 < (nearest.angle or 0) <= 90
        taps, offset = (-taps, -offset) if negate else (taps, offset)
    errors, targets = [], []
    for example in examples:
        usable = example.usable[example.held_out :]
        pixels = example.pixels[None, example.held_out :]
        z = conv_forward(pixels, taps[..., None], [offset * bias])[0, ..., 0]
        errors.append((np.abs(z) if absolute else z)[usable] - example.target[example.held_out :][usable])
        targets.append(example.target[example.held_out :][usable])
    error = float(np.sqrt(np.square(np.concatenate(errors)).mean())) if sum(map(len, errors)) else math.nan
    spread = float(np.concatenate(targets).std()) if sum(map(len, targets)) else math.nan
    relevant = abs(offset) > 0.02 * scaling.target_scale and not bias
    return LearnedFilter(
        taps=taps[..., 0] if taps.shape[2] == 1 else taps,
        bias=offset if bias else 0.0,
        error=error,
        relative_error=error / spread if spread else math.nan,
        steps=steps,
        history=tuple(history),
        offset=offset if relevant else 0.0,
        free=free,
    )
