"""Filtering and rendering in one pass of the compiled core: no intermediate result is held."""

from __future__ import annotations

from typing import Any

from convcli.convolution.algorithms.steps import EXACT_IN_FLOAT64
from convcli.convolution.compiled.correlation import CoreRendering, CoreStrips, Counts
from convcli.convolution.planning import PlannedConvolution
from convcli.convolution.rendering import NEEDS_RANGE, Adjustment, Losses, SignedMapping
from convcli.convolution.statistics import LARGE, RunningStatistics, Statistics
from convcli.drawing.gray_scale import GrayScale
from convcli.parallel import WorkQueue, parallel_for

__all__ = ["can_render", "render_strips"]


def can_render(planned: PlannedConvolution, mapping: SignedMapping, adjustment: Adjustment) -> bool:
    """Whether the core computes the convolution and renders it as numpy would; of float64 images numpy does.

    Their values can be so large that numpy takes care not to overflow.
    """
    is_float64 = planned.kind.dtype == "float64"
    is_exact = adjustment.bound is None or adjustment.bound < EXACT_IN_FLOAT64  # in which the core scales
    return planned.core is not None and mapping != SignedMapping.RAW and is_exact and not is_float64


def render_strips(
    planned: PlannedConvolution,
    out: Any,
    mapping: SignedMapping,
    adjustment: Adjustment,
    *,
    channels: int | None = None,
    with_statistics: bool = False,
) -> tuple[Losses, Statistics | None] | None:
    """Compute and render all strips; return None if the values turn out to be too large for the core.

    Parameters
    ----------
    planned : PlannedConvolution
        One that `can_render`.
    out : array or memoryview of uint8 or uint16
        Receives the pixels.
    mapping, adjustment
        What is done to the values.
    channels : int, optional
        How many samples of a pixel are filtered (default: all).
    with_statistics : bool
        Measure the values.
    """
    strips = CoreStrips(planned, channels)
    rendering = CoreRendering(mapping, adjustment.scale, adjustment.bias, adjustment.relu, with_statistics)
    if mapping in NEEDS_RANGE:  # computed twice, so that no value is held
        measured = _for_each_strip(strips, planned, None, rendering._replace(mapping="range"))
        value_range = _value_range(measured)
        if value_range is None:
            return None
        lowest, highest = value_range
        rendering = rendering._replace(lowest=lowest, extent=highest - lowest)
        if mapping == SignedMapping.GRAY:
            gray = GrayScale.of(lowest, highest, 8 * out.itemsize)
            rendering = rendering._replace(lowest=gray.levels, extent=gray.magnitude)
    counts = _for_each_strip(strips, planned, out, rendering)
    losses = Losses.sum(Losses(strip.above, strip.below, strip.nan) for strip in counts.values())
    if not with_statistics:
        return losses, None
    if any(max(strip.highest, -strip.lowest) > LARGE for strip in counts.values() if strip.finite):
        return None
    running = RunningStatistics()
    number = float if adjustment.result_type(planned.plan.result_type).startswith("float") else int
    for start, strip in counts.items():
        if strip.finite:
            running.add_measured(
                start, number(strip.lowest), number(strip.highest), number(strip.total), strip.finite
            )
    return losses, running.result()


def _for_each_strip(
    strips: CoreStrips, planned: PlannedConvolution, out: Any, rendering: CoreRendering
) -> dict[int, Counts]:
    """Render each strip on threads; return what was counted by first row."""
    plan = planned.plan
    counts: dict[int, Counts] = {}

    def render(starts: WorkQueue) -> None:
        for start in starts:
            stop = min(start + plan.strip_rows, plan.shape[0])
            counts[start] = strips.render(start, stop, None if out is None else out[start:stop], rendering)

    parallel_for(range(0, plan.shape[0], plan.strip_rows), render, plan.threads)
    return counts


def _value_range(counts: dict[int, Counts]) -> tuple[float, float] | None:
    """Return the smallest and the largest finite value, or None if their difference may overflow."""
    finite = [strip for strip in counts.values() if strip.finite]
    lowest = min((strip.lowest for strip in finite), default=0.0)
    highest = max((strip.highest for strip in finite), default=0.0)
    return (lowest, highest) if max(highest, -lowest) < LARGE else None
