"""Orientation tuning: how strongly a filter responds to an edge and to a bar at each angle."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.errors import KernelError
from convcli.kernels.filter import Combination, Filter

__all__ = ["Stimulus", "TuningCurve", "tuning_curves"]

Array = NDArray[Any]

LARGEST = 1e150
STEPS = 180  # one per degree
GRIDS = {31: 128, 127: 32, 1024: 8}  # by largest kernel size: positions of the stimulus per pixel
WIDTHS = 64  # maximum number of bar widths to try
TIED = 1e-3  # responses within this fraction of the strongest count as equally strong


class Stimulus(StrEnum):
    """The patterns that are shown to a filter."""

    EDGE = "edge"
    BAR = "bar"


@dataclass(frozen=True, eq=False)
class TuningCurve:
    """The strongest response to a stimulus of height one at each angle, over all positions.

    Attributes
    ----------
    stimulus : Stimulus
    width : float
        Width of the bar in pixels: the smallest of those with the strongest response. Infinite for an edge.
    angles : array (180,)
        Degrees counter-clockwise, as for `--angle`. At 0 brightness changes along x, as at a vertical edge.
    responses : array (180,)
        Absolute values.
    """

    stimulus: Stimulus
    width: float
    angles: Array
    responses: Array

    @property
    def name(self) -> str:
        """A description of the stimulus, as in ``bar 2 px wide``."""
        return "edge" if self.stimulus == Stimulus.EDGE else f"bar {self.width:g} px wide"

    @property
    def selectivity(self) -> float:
        """One minus weakest over strongest response: 0 if all angles are equal, 1 if some get no response."""
        strongest = self.responses.max()
        return float(1 - self.responses.min() / strongest) if strongest else 0.0

    @property
    def preferred(self) -> tuple[float, ...]:
        """The centers of the ranges of strongest response, in degrees below 180.

        Empty if the response never falls to half of the strongest: such a filter responds to all directions.
        """
        strongest = self.responses.max()
        if not (self.responses <= strongest / 2).any():
            return ()
        arcs = self._arcs((1 - TIED) * strongest)
        return tuple(sorted(round((begin + end) / 2, 3) % 180 for begin, end in arcs))

    @property
    def half_width(self) -> float | None:
        """Half the range of angles around the first preferred one with over half its response, or None."""
        for best in self.preferred[:1]:
            for begin, end in self._arcs(self.responses.max() / 2):
                if begin <= best + 180 * (best < begin) <= end:
                    return (end - begin) / 2
        return None

    def _arcs(self, level: float) -> list[tuple[float, float]]:
        """Return the ranges of angles whose response exceeds a level; empty if all angles do, or none."""
        below = np.flatnonzero(self.responses <= level)
        if not 0 < below.size < len(self.responses):
            return []
        turned = np.append(np.roll(self.responses, -below[0]), self.responses[below[0]])
        steps = np.flatnonzero((turned[:-1] > level) != (turned[1:] > level))
        crossings = steps + (level - turned[steps]) / (turned[steps + 1] - turned[steps])
        angles = ((below[0] + crossings) * 180 / len(self.responses)).tolist()
        return list(zip(angles[::2], angles[1::2], strict=True))  # starts below the level: up, down, ...


def tuning_curves(one: Filter) -> tuple[TuningCurve, TuningCurve]:
    """Measure the orientation tuning of a filter, as Hubel and Wiesel did in the visual cortex.

    An edge between 0 and 1, with either side bright, and a bar of 1 on 0 are rotated through 180 degrees in
    steps of one degree and moved across the filter; the strongest response at each angle counts. The
    brightness of a pixel is the fraction of it that the stimulus covers.

    Parameters
    ----------
    one : Filter

    Returns
    -------
    edge, bar : Curve
        The bar has the width with the strongest response, out of up to 64 widths from 1 pixel to the kernel
        size. Positions are at most 1/32 of a pixel apart, for kernels larger than 127 pixels 1/8.

    Raises
    ------
    KernelError
        The kernel is larger than 1024 pixels on a side, or has a tap beyond 1e150.

    Source: D. Hubel and T. Wiesel, Receptive fields of single neurones in the cat's striate cortex,
    J. Physiol. 148 (1959).

    Examples
    --------
    >>> from convcli.kernels.named import get_filter
    >>> edge, bar = tuning_curves(get_filter("sobel-x"))
    >>> edge.preferred, edge.responses[[0, 90]].tolist()
    ((0.0,), [4.0, 0.0])
    """
    side = max(max(matrix.shape) for matrix in one.kernels)
    grid = next((grid for most, grid in GRIDS.items() if side <= most), None)
    if grid is None:
        raise KernelError(one.name, f"has a kernel size of {side}; tuning is measured up to {max(GRIDS)}")
    angles = np.arange(STEPS) * 180 / STEPS
    if max(float(np.abs(taps).max()) for taps in one.kernels) > LARGEST:
        raise KernelError(one.name, f"has taps beyond {LARGEST:g}, whose sums would overflow")
    edges = [np.stack([_swept(taps, angle, grid) for taps in one.kernels]) for angle in angles]
    strongest = np.array([_strongest(_either_way(swept), one.combination) for swept in edges])
    widths = range(grid, side * grid + 1, grid // 2 * math.ceil(2 * side / WIDTHS))
    bars = np.array(
        [[_strongest(_bar(swept, width), one.combination) for swept in edges] for width in widths]
    )
    peaks = bars.max(1)
    best = int(np.argmax(peaks >= (1 - TIED) * peaks.max()))
    return (
        TuningCurve(Stimulus.EDGE, math.inf, angles, strongest),
        TuningCurve(Stimulus.BAR, widths[best] / grid, angles, bars[best]),
    )


def _swept(matrix: Array, degrees: float, grid: int) -> Array:
    """Return the responses to an edge that moves across a kernel, from all bright to all dark."""
    across, up = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    rows, columns = (np.arange(side) - (side - 1) / 2 for side in matrix.shape)
    reach = math.ceil(grid * (math.hypot(*matrix.shape) / 2 + 1))
    places = (grid * (columns * across - rows[:, None] * up) + reach).ravel()
    before = np.floor(places).astype(np.intp)
    part, taps = places - before, matrix.astype(np.float64).ravel()
    # A tap between two positions is distributed over both.
    taps_at = np.bincount(before, taps * (1 - part), 2 * reach + 2)
    taps_at[1:] += np.bincount(before, taps * part, 2 * reach + 2)[:-1]
    bright = np.cumsum(taps_at[::-1])[::-1]
    rise = np.diff(_covered(np.arange(-grid, grid + 1) / grid, abs(across), abs(up)))
    padded = np.pad(bright, (grid, grid), constant_values=(bright[0], 0))
    return np.convolve(padded, rise[::-1], "valid")


def _covered(distance: Array, across: float, up: float) -> Array:
    """Return the bright fraction of a pixel whose center lies at this distance behind an edge."""
    small, large = sorted((across, up))
    if small < 1e-9:
        flat: Array = np.clip(distance / large + 0.5, 0, 1)
        return flat

    def ramp(shift: float) -> Array:
        past: Array = np.maximum(distance + shift, 0) ** 2
        return past

    both, apart = (large + small) / 2, (large - small) / 2
    part: Array = (ramp(both) - ramp(apart) - ramp(-apart) + ramp(-both)) / (2 * small * large)
    return part


def _either_way(swept: Array) -> Array:
    """Return the responses to an edge with one side bright, and with the other side bright."""
    return np.concatenate([swept, swept[:, :1] - swept], axis=1)


def _bar(swept: Array, width: int) -> Array:
    """Return the responses to a bar: the difference of the responses to its two edges."""
    padded = np.pad(swept, ((0, 0), (width, width)), mode="edge")
    behind: Array = padded[:, :-width] - padded[:, width:]
    return behind


def _strongest(swept: Array, combination: Combination) -> float:
    """Return the strongest response at any position, with the kernels' responses combined."""
    if combination == Combination.MAGNITUDE:
        return float(np.sqrt((swept**2).sum(0)).max())
    return float(np.abs(swept.max(0)).max())
