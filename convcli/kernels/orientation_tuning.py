"""Orientation tuning: how strongly a filter responds to an edge and to a bar at each angle."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from convcli.errors import KernelError
from convcli.kernels.filter import Combination, Filter
from convcli.late_numpy import np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["Stimulus", "TuningCurve", "tuning_curves"]

MAX_TAP = 1e150
ANGLES = 180  # one per degree
POSITIONS_PER_PIXEL = {31: 128, 127: 32, 1024: 8}  # of the stimulus, by largest kernel size
MAX_BAR_WIDTHS = 64  # maximum number of bar widths to try
TIE_TOLERANCE = 1e-3  # responses within this fraction of the strongest count as equally strong


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
        ranges = self._angle_ranges((1 - TIE_TOLERANCE) * strongest)
        return tuple(sorted(round((begin + end) / 2, 3) % 180 for begin, end in ranges))

    @property
    def half_width(self) -> float | None:
        """Half the range of angles around the first preferred one with over half its response, or None."""
        for best in self.preferred[:1]:
            for begin, end in self._angle_ranges(self.responses.max() / 2):
                if begin <= best + 180 * (best < begin) <= end:
                    return (end - begin) / 2
        return None

    def _angle_ranges(self, level: float) -> list[tuple[float, float]]:
        """Return the ranges of angles whose response exceeds a level; empty if all angles do, or none."""
        below = np.flatnonzero(self.responses <= level)
        if not 0 < below.size < len(self.responses):
            return []
        rotated = np.append(np.roll(self.responses, -below[0]), self.responses[below[0]])
        steps = np.flatnonzero((rotated[:-1] > level) != (rotated[1:] > level))
        crossings = steps + (level - rotated[steps]) / (rotated[steps + 1] - rotated[steps])
        angles = ((below[0] + crossings) * 180 / len(self.responses)).tolist()
        return list(zip(angles[::2], angles[1::2], strict=True))  # starts below the level: up, down, ...


def tuning_curves(tuned: Filter) -> tuple[TuningCurve, TuningCurve]:
    """Measure the orientation tuning of a filter, as Hubel and Wiesel did in the visual cortex.

    An edge between 0 and 1, with either side bright, and a bar of 1 on 0 are rotated through 180 degrees in
    steps of one degree and moved across the filter; the strongest response at each angle counts. The
    brightness of a pixel is the fraction of it that the stimulus covers.

    Parameters
    ----------
    tuned : Filter

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
    >>> from convcli.kernels.lookup import get_filter
    >>> edge, bar = tuning_curves(get_filter("sobel-x"))
    >>> edge.preferred, edge.responses[[0, 90]].tolist()
    ((0.0,), [4.0, 0.0])
    """
    size = max(tuned.shape)
    grid = next((grid for largest, grid in POSITIONS_PER_PIXEL.items() if size <= largest), None)
    if grid is None:
        limit = max(POSITIONS_PER_PIXEL)
        raise KernelError(tuned.name, f"has a kernel size of {size}; tuning is measured up to {limit}")
    if max(float(np.abs(taps).max()) for taps in tuned.kernels) > MAX_TAP:
        raise KernelError(tuned.name, f"has coefficients beyond {MAX_TAP:g}, whose sums would overflow")
    angles = np.arange(ANGLES) * 180 / ANGLES
    edges = [np.stack([_edge_responses(taps, angle, grid) for taps in tuned.kernels]) for angle in angles]
    edge_curve = np.array([_strongest(_both_polarities(edge), tuned.combination) for edge in edges])
    widths = range(grid, size * grid + 1, grid // 2 * math.ceil(2 * size / MAX_BAR_WIDTHS))
    bar_curves = np.array(
        [[_strongest(_bar_responses(edge, width), tuned.combination) for edge in edges] for width in widths]
    )
    peaks = bar_curves.max(1)
    best = int(np.argmax(peaks >= (1 - TIE_TOLERANCE) * peaks.max()))
    return (
        TuningCurve(Stimulus.EDGE, math.inf, angles, edge_curve),
        TuningCurve(Stimulus.BAR, widths[best] / grid, angles, bar_curves[best]),
    )


def _edge_responses(matrix: Array, degrees: float, grid: int) -> Array:
    """Return the responses to an edge that moves across a kernel, from all bright to all dark."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    rows, columns = (np.arange(size) - (size - 1) / 2 for size in matrix.shape)
    radius = math.ceil(grid * (math.hypot(*matrix.shape) / 2 + 1))
    positions = (grid * (columns * cosine - rows[:, None] * sine) + radius).ravel()
    before = np.floor(positions).astype(np.intp)
    fraction, taps = positions - before, matrix.astype(np.float64).ravel()
    # A tap between two positions is distributed over both.
    taps_at = np.bincount(before, taps * (1 - fraction), 2 * radius + 2)
    taps_at[1:] += np.bincount(before, taps * fraction, 2 * radius + 2)[:-1]
    bright = np.cumsum(taps_at[::-1])[::-1]
    rise = np.diff(_bright_fraction(np.arange(-grid, grid + 1) / grid, abs(cosine), abs(sine)))
    padded = np.pad(bright, (grid, grid), constant_values=(bright[0], 0))
    return np.convolve(padded, rise[::-1], "valid")


def _bright_fraction(distance: Array, cosine: float, sine: float) -> Array:
    """Return the bright fraction of a pixel whose center lies at this distance behind an edge."""
    small, large = sorted((cosine, sine))
    if small < 1e-9:
        flat: Array = np.clip(distance / large + 0.5, 0, 1)
        return flat

    def ramp(shift: float) -> Array:
        squared: Array = np.maximum(distance + shift, 0) ** 2
        return squared

    outer, inner = (large + small) / 2, (large - small) / 2
    covered: Array = (ramp(outer) - ramp(inner) - ramp(-inner) + ramp(-outer)) / (2 * small * large)
    return covered


def _both_polarities(edge: Array) -> Array:
    """Return the responses to an edge with one side bright, and with the other side bright."""
    return np.concatenate([edge, edge[:, :1] - edge], axis=1)


def _bar_responses(edge: Array, width: int) -> Array:
    """Return the responses to a bar: the difference of the responses to its two edges."""
    padded = np.pad(edge, ((0, 0), (width, width)), mode="edge")
    difference: Array = padded[:, :-width] - padded[:, width:]
    return difference


def _strongest(responses: Array, combination: Combination) -> float:
    """Return the strongest response at any position, with the kernels' responses combined."""
    if combination == Combination.MAGNITUDE:
        return float(np.sqrt((responses**2).sum(0)).max())
    if combination == Combination.ABSOLUTE_SUM:
        return float(np.abs(responses).sum(0).max())
    if combination == Combination.ABSOLUTE_MAXIMUM:
        return float(np.abs(responses).max())
    return float(np.abs(responses.max(0)).max())
