"""Running a planned convolution strip by strip on several threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from convcli.convolution.algorithms.strategy import PER_CHANNEL, make_algorithm
from convcli.convolution.borders import fill_strip
from convcli.convolution.buffers import BufferPool
from convcli.convolution.compiled import CoreStrips
from convcli.convolution.planning import Image, PlannedConvolution
from convcli.kernels.filter import Combination
from convcli.late_numpy import np
from convcli.parallel import WorkQueue, parallel_for
from convcli.pictures.arrays import fill_array

__all__ = ["for_each_strip", "run_convolution"]


def run_convolution(planned: PlannedConvolution, out: Image | None = None) -> Image:
    """Run the convolution and write its strips directly into the result."""
    plan = planned.plan

    def fill_result(result: Image) -> None:
        for_each_strip(planned, lambda rows, _, compute: compute(result[rows]))

    return fill_array(fill_result, plan.shape, plan.dtype, out, source=planned.pixels)


def for_each_strip(
    planned: PlannedConvolution, process: Callable[[slice, BufferPool, Callable[[Image], None]], None]
) -> None:
    """Run the convolution strip by strip, on the planned number of threads.

    Parameters
    ----------
    planned : PlannedConvolution
    process : callable
        Called with the rows of a strip, buffers that it may use, and a function that writes these rows of the
        result into an array.
    """
    plan = planned.plan
    strips = _NumpyStrips(planned) if planned.core is None else CoreStrips(planned)

    def run_worker(starts: WorkQueue) -> None:
        with BufferPool.borrow() as buffers, np.errstate(over="ignore", invalid="ignore"):  # inf - inf
            for start in starts:
                rows = slice(start, min(start + plan.strip_rows, plan.shape[0]))
                process(rows, buffers, partial(strips.compute, start, buffers, starts))

    parallel_for(range(0, plan.shape[0], plan.strip_rows), run_worker, plan.threads)


class _NumpyStrips:
    """Computes strips of a planned convolution with numpy."""

    def __init__(self, planned: PlannedConvolution) -> None:
        plan = planned.plan
        self._planned = planned
        self._algorithms = [
            make_algorithm(plan.strategy, taps, planned.rows, planned.columns, plan.sum_dtype)
            for taps in planned.kernels
        ]

    def compute(self, start: int, buffers: BufferPool, queue: WorkQueue, target: Image) -> None:
        """Write the values of the rows from `start` on into the target."""
        planned, (rows, columns) = self._planned, self._planned.sources
        strip = self._empty_strip(len(target), buffers)
        first = start * planned.rows.stride
        source_rows = rows[first : first + len(strip)]
        fill_strip(strip, planned.pixels, source_rows, columns, planned.columns, planned.border)
        for _ in self._passes(strip, target, buffers):
            if queue.stopped:  # a strip can take seconds
                return

    def _empty_strip(self, height: int, buffers: BufferPool) -> Image:
        rows, channels = self._planned.rows, self._planned.pixels.shape[2:]
        shape = ((height - 1) * rows.stride + rows.extent, len(self._planned.sources[1]))
        if self._planned.plan.strategy in PER_CHANNEL:
            planes = buffers.array("strip", (*channels, *shape), self._planned.plan.sum_dtype)
            return np.moveaxis(planes, range(-2, 0), (0, 1))
        return buffers.array("strip", (*shape, *channels), self._planned.plan.sum_dtype)

    def _passes(self, strip: Image, target: Image, buffers: BufferPool) -> Iterator[None]:
        """Compute the target, and yield between passes."""
        planned, combination = self._planned, self._planned.combination
        if combination == Combination.SINGLE:
            yield from self._algorithms[0](strip, target, buffers)
            return
        response = buffers.array("response", target.shape, np.dtype(planned.response_type))
        square, total = (
            buffers.array(name, target.shape, np.dtype(planned.square_type)) for name in ("square", "total")
        )
        for number, algorithm in enumerate(self._algorithms):
            yield from algorithm(strip, response, buffers)
            if combination == Combination.MAGNITUDE:
                np.copyto(square, response)
                np.multiply(square, square, out=square if number else total)
                if number:
                    np.add(total, square, out=total)
                continue
            if combination != Combination.STRONGEST:
                np.abs(response, out=response)
            if not number:
                np.copyto(target, response)
            elif combination == Combination.ABSOLUTE_SUM:
                np.add(target, response, out=target)
            else:
                np.maximum(target, response, out=target)
        if combination == Combination.MAGNITUDE:
            np.sqrt(total, out=target)
