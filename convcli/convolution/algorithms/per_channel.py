"""Algorithms for one channel, applied to each channel of an image."""

from __future__ import annotations

from convcli.convolution.algorithms.direct import shifts
from convcli.convolution.algorithms.steps import HEADROOM, Algorithm, Array, Steps, l1_norm
from convcli.convolution.buffers import BufferPool
from convcli.late_numpy import np
from convcli.sizes.windowed import Axis

__all__ = ["per_channel"]


def per_channel(algorithm: Algorithm, taps: Array, rows: Axis, columns: Axis) -> Algorithm:
    """Apply to each channel separately; use shifts for strips with values that would spread to other outputs.

    These values are NaN and infinity, and values so large that intermediate sums may overflow.
    """
    fallback, norm = shifts(taps, rows, columns), l1_norm(taps)

    def make_steps(strip: Array, target: Array, buffers: BufferPool) -> Steps:
        if strip.ndim == 2:
            steps = algorithm(strip, target, buffers)
        else:
            steps = []
            for channel in range(strip.shape[2]):
                steps += algorithm(strip[:, :, channel], target[:, :, channel], buffers)
        if target.dtype.kind == "i":
            return steps
        largest = float(np.finfo(strip.dtype).max) / HEADROOM / max(norm, 1)

        def choose_steps() -> Steps:
            in_range = -largest < strip.min() <= strip.max() < largest  # False for NaN
            return steps if in_range else fallback(strip, target, buffers)

        return [choose_steps]

    return make_steps
