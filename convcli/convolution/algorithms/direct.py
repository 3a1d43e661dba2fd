"""Direct convolution: shifted, weighted copies of the image are added."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from convcli.convolution.algorithms.steps import IDENTITY_AXIS, Algorithm, Array, Factors, Steps, add_into
from convcli.convolution.buffers import BufferPool
from convcli.late_numpy import np
from convcli.sizes.windowed import Axis

__all__ = ["columns_then_rows", "separable", "shifts"]


# Shifts -------------------------------------------------------------------------------------------------


def shifts(taps: Array, rows: Axis, columns: Axis) -> Algorithm:
    """Sum shifted images, grouped by the absolute value of their taps: each group is multiplied once."""
    groups = _group_by_magnitude(taps)

    def make_steps(strip: Array, target: Array, buffers: BufferPool) -> Steps:
        if not groups:
            return [partial(target.fill, 0)]
        height, width = target.shape[:2]

        def pixels_read(i: int, j: int) -> Array:
            """Return the pixel that a tap reads for each output."""
            top, left = i * rows.dilation, j * columns.dilation
            bottom, right = top + (height - 1) * rows.stride + 1, left + (width - 1) * columns.stride + 1
            return strip[top : bottom : rows.stride, left : right : columns.stride]

        steps: Steps = []
        for number, (value, positions) in enumerate(groups):
            views = [(pixels_read(i, j), negative) for i, j, negative in positions]
            tap = target.dtype.type(value)
            into = buffers.array("products", target.shape, target.dtype) if number else target
            if number and len(views) == 1:
                steps.append(partial(np.multiply, views[0][0], tap, out=into))
                steps.append(add_into(target, into, views[0][1]))
                continue
            steps += _sum_into(into, views)
            if value != 1:
                steps.append(partial(np.multiply, into, tap, out=into))
            if number:
                steps.append(add_into(target, into, False))
        return steps

    return make_steps


def _group_by_magnitude(taps: Array) -> list[tuple[Any, list[tuple[int, int, bool]]]]:
    """Return the taps by absolute value, ones first: (value, positions, each with whether it is negative)."""
    groups: dict[Any, list[tuple[int, int, bool]]] = {}
    for i, j in np.argwhere(taps):
        tap = taps[i, j].item()
        groups.setdefault(abs(tap), []).append((int(i), int(j), tap < 0))
    # A positive tap first, so that the sum can start with it.
    return sorted(
        ((value, sorted(positions, key=lambda position: position[2])) for value, positions in groups.items()),
        key=lambda group: group[0] != 1,
    )


def _sum_into(target: Array, views: list[tuple[Array, bool]]) -> Steps:
    (first, negative), *rest = views
    if negative:
        step: Callable[[], object] = partial(np.negative, first, out=target)
    elif rest:
        (second, minus), *rest = rest
        step = partial(np.subtract if minus else np.add, first, second, out=target)
    else:
        step = partial(np.copyto, target, first)
    return [step, *(add_into(target, view, minus) for view, minus in rest)]


# Separable kernels --------------------------------------------------------------------------------------


def separable(factors: Factors, rows: Axis, columns: Axis) -> Algorithm:
    """Apply a column of taps, then a row of taps, by shifts."""
    passes = [
        (shifts(column[:, None], rows, IDENTITY_AXIS), shifts(row[None, :], IDENTITY_AXIS, columns))
        for column, row in factors
    ]
    return columns_then_rows(passes)


def columns_then_rows(passes: Sequence[tuple[Algorithm, Algorithm]]) -> Algorithm:
    """Run a pass down the columns, then one across the rows, for each pair of passes; add the results."""

    def make_steps(strip: Array, target: Array, buffers: BufferPool) -> Steps:
        between = buffers.array("between", (target.shape[0], *strip.shape[1:]), strip.dtype)
        steps: Steps = []
        for number, (down, across) in enumerate(passes):
            into = buffers.array("summand", target.shape, target.dtype) if number else target
            steps += down(strip, between, buffers) + across(between, into, buffers)
            if number:
                steps.append(add_into(target, into, False))
        return steps

    return make_steps
