"""Pooling in the compiled core: parts of the rows on several threads."""

from __future__ import annotations

from math import prod

from convcli.parallel import WorkQueue, parallel_for, thread_count
from convcli.sizes.windowed import Axis

__all__ = ["pool_compiled"]

PART_BYTES = 1 << 22  # of the image that one call of the core reads at most: after each, threads take turns


def pool_compiled(
    source: memoryview,
    out: memoryview,
    mode: str,
    rows: Axis,
    columns: Axis,
    jobs: int | None,
    weights: memoryview | None = None,
) -> None:
    """Pool with the compiled core: means of integers are rounded unless `out` is float64."""
    from convcli.compiled import core  # late: it may not be installed

    down, across = _core_window(rows), _core_window(columns)
    window, stride, _ = down
    row_bytes = prod((source.shape or ())[1:]) * source.itemsize
    if mode == "avg" and source.format not in ("f", "d") and weights is None:
        # Sums of columns follow the window down the image, but each part begins with all rows of a window.
        most = max(1, PART_BYTES // (row_bytes * stride), 2 * window // stride)
    else:
        most = max(1, PART_BYTES // (row_bytes * max(window, stride)))
    threads = thread_count(jobs, rows.output, prod(out.shape or ()))
    per_thread = -(-rows.output // (most * threads))
    part = -(-rows.output // (per_thread * threads))

    def work(starts: WorkQueue) -> None:
        for start in starts:
            stop = min(start + part, rows.output)
            core.pool(
                source, out, mode=mode, rows=down, columns=across, start=start, stop=stop, weights=weights
            )

    parallel_for(range(0, rows.output, part), work, threads)


def _core_window(axis: Axis) -> tuple[int, int, int]:
    """Return window, stride and padding without their excess, which may exceed any integer of the core."""
    whole = axis.side + axis.before
    return min(axis.window, whole), min(axis.stride, whole), axis.before
