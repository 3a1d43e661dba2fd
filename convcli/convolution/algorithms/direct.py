"""Direct convolution: shifted, weighted copies of the image are added."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from convcli.convolution.algorithms.steps import IDENTITY_AXIS, Algorithm, Array, Factors, Steps, add_into
from convcli.convolution.buffers import BufferPool
from convcli.late_numpy import np
from convcli.sizes.windowed import Axis

__all__ = ["columns_then_rows", "factor_pair_sums", "is_unstrided_line", "separable", "shifts"]


# Shifts -------------------------------------------------------------------------------------------------


def shifts(taps: Array, rows: Axis, columns: Axis) -> Algorithm:
    """Sum shifted images, grouped by the absolute value of their taps, so that each value is multiplied once.

    A line of taps that is (1, 1) convolved with a shorter line, such as a binomial, is applied in two passes.
    """
    line = rows if taps.shape[1] == 1 else columns
    pairs, quotient = factor_pair_sums(taps.ravel()) if is_unstrided_line(taps, rows, columns) else (0, taps)
    groups = _group_by_magnitude(
        quotient.reshape([-1 if side > 1 else 1 for side in taps.shape]) if pairs else taps
    )
    is_complete = pairs > 0 and quotient.tolist() == [1]

    def make_steps(strip: Array, target: Array, buffers: BufferPool) -> Steps:
        steps: Steps = []
        for number in range(pairs):
            distance = line.dilation
            shifted = np.s_[distance:] if line is rows else np.s_[:, distance:]
            unshifted = np.s_[:-distance] if line is rows else np.s_[:, :-distance]
            first, second = strip[unshifted], strip[shifted]
            last = is_complete and number == pairs - 1
            strip = target if last else buffers.array(f"pairs {number % 2}", first.shape, strip.dtype)
            overlap = np.s_[: strip.shape[0], : strip.shape[1]]
            steps.append(partial(np.add, first[overlap], second[overlap], out=strip))
        return steps if is_complete else steps + _add_groups(groups, strip, target, rows, columns, buffers)

    return make_steps


def is_unstrided_line(taps: Array, rows: Axis, columns: Axis) -> bool:
    """Whether a kernel is a row or a column with stride 1, so that `factor_pair_sums` applies."""
    return 1 in taps.shape and rows.stride == columns.stride == 1


def factor_pair_sums(taps: Array) -> tuple[int, Array]:
    """Return how often a line of taps can be divided by (1, 1), and the quotient.

    Stops before a tap becomes negative, so that every sum stays within the bound of the complete sum.

    Examples
    --------
    >>> pairs, quotient = factor_pair_sums(np.array([1, 3, 3, 1]))
    >>> pairs, quotient.tolist()
    (3, [1])
    """
    count = 0
    while taps.dtype.kind == "i" and len(taps) > 1 and (taps >= 0).all():
        signs = np.resize([1, -1], len(taps))
        quotient = signs * np.cumsum(signs * taps)
        if quotient[-1] != 0 or (quotient < 0).any():
            break
        taps, count = quotient[:-1], count + 1
    return count, taps


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


def _add_groups(
    groups: list[tuple[Any, list[tuple[int, int, bool]]]],
    strip: Array,
    target: Array,
    rows: Axis,
    columns: Axis,
    buffers: BufferPool,
) -> Steps:
    if not groups:
        return [partial(target.fill, 0)]
    height, width = target.shape[:2]
    lefts = [j * columns.dilation for _, positions in groups for _, j, _ in positions]
    planes, steps = _split_by_phase(strip, lefts, columns, width, buffers)

    def pixels_read(i: int, j: int) -> Array:
        """Return the pixel that a tap reads for each output."""
        top = i * rows.dilation
        left, phase = divmod(j * columns.dilation, columns.stride)
        return planes[phase][top : top + (height - 1) * rows.stride + 1 : rows.stride, left : left + width]

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


def _split_by_phase(
    strip: Array, lefts: list[int], columns: Axis, width: int, buffers: BufferPool
) -> tuple[dict[int, Array], Steps]:
    """Return the columns grouped by phase of the stride: taps read contiguous columns much faster."""
    step = columns.stride
    if step == 1:
        return {0: strip}, []
    planes: dict[int, Array] = {}
    steps: Steps = []
    for phase in sorted({left % step for left in lefts}):
        reach = max(left // step for left in lefts if left % step == phase) + width
        source = strip[:, phase : phase + (reach - 1) * step + 1 : step]
        planes[phase] = buffers.array(f"phase {phase}", source.shape, strip.dtype)
        steps.append(partial(np.copyto, planes[phase], source))
    return planes, steps


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
