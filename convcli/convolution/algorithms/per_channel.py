"""Wide integers split into planes that float32 holds exactly."""

import numpy as np

from convcli.convolution.algorithms.direct import shifts
from convcli.convolution.algorithms.steps import HEADROOM, Algorithm, Array, Steps, l1_norm
from convcli.convolution.buffers import BufferPool
from convcli.sizes.windowed import Axis

__all__ = ["per_channel"]


def per_channel(slide: Algorithm, taps: Array, rows: Axis, columns: Axis) -> Algorithm:
    """Apply to each channel separately; use shifts for strips with values that would spread to other outputs.

    These values are NaN and infinity, and values so large that intermediate sums may overflow.
    """
    beyond_reach, total = shifts(taps, rows, columns), l1_norm(taps)

    def slide_planes(strip: Array, target: Array, scratch: BufferPool) -> Steps:
        if strip.ndim == 2:
            steps = slide(strip, target, scratch)
        else:
            steps = []
            for channel in range(strip.shape[2]):
                steps += slide(strip[:, :, channel], target[:, :, channel], scratch)
        if target.dtype.kind == "i":
            return steps
        largest = float(np.finfo(strip.dtype).max) / HEADROOM / max(total, 1)

        def choose() -> Steps:
            within = -largest < strip.min() <= strip.max() < largest  # False for NaN
            return steps if within else beyond_reach(strip, target, scratch)

        return [choose]

    return slide_planes
