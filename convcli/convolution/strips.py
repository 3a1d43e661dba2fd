"""Running a planned convolution strip by strip on several threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from convcli.convolution.algorithms.steps import Algorithm, Steps
from convcli.convolution.algorithms.strategy import PER_CHANNEL, make_algorithm
from convcli.convolution.borders import border_sources, fill_strip
from convcli.convolution.buffers import BufferPool
from convcli.convolution.compiled import CoreStrips
from convcli.convolution.planning import Image, PlannedConvolution
from convcli.kernels.filter import Combination
from convcli.late_numpy import np
from convcli.parallel import WorkQueue, parallel_for
from convcli.pictures.arrays import fill_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

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
    worker_for = _numpy_workers(planned) if planned.core is None else _core_workers(planned)

    def run_worker(starts: WorkQueue) -> None:
        with BufferPool.borrow() as buffers, np.errstate(over="ignore", invalid="ignore"):  # inf - inf
            worker = worker_for(buffers, starts)
            for start in starts:
                strip = slice(start, min(start + plan.strip_rows, plan.shape[0]))
                process(strip, buffers, partial(worker.compute, start))

    parallel_for(range(0, plan.shape[0], plan.strip_rows), run_worker, plan.threads)


def _core_workers(planned: PlannedConvolution) -> Callable[[BufferPool, WorkQueue], CoreStrips]:
    strips = CoreStrips(planned)
    return lambda _buffers, _starts: strips


def _numpy_workers(planned: PlannedConvolution) -> Callable[[BufferPool, WorkQueue], _StripWorker]:
    plan = planned.plan
    algorithms = [
        make_algorithm(plan.strategy, taps, planned.rows, planned.columns, plan.sum_dtype)
        for taps in planned.kernels
    ]
    rows, columns = (border_sources(axis, planned.border.kind) for axis in (planned.rows, planned.columns))
    return lambda buffers, starts: _StripWorker(planned, algorithms, (rows, columns), buffers, starts)


@dataclass(eq=False)
class _StripWorker:
    """Computes strips of the result on one thread."""

    planned: PlannedConvolution
    algorithms: Sequence[Algorithm]
    sources: tuple[NDArray[np.int64], NDArray[np.intp]]
    buffers: BufferPool
    queue: WorkQueue
    _prepared: tuple[Image, Image, Steps] | None = None

    def compute(self, start: int, target: Image) -> None:
        """Write the rows from `start` on into the target; the steps are prepared once for each target."""
        if self._prepared is None or self._prepared[0] is not target:
            strip = self._empty_strip(len(target))
            self._prepared = target, strip, self._build_steps(strip, target)
        _, strip, steps = self._prepared
        first = start * self.planned.rows.stride
        source_rows = self.sources[0][first : first + len(strip)]
        planned = self.planned
        fill_strip(strip, planned.pixels, source_rows, self.sources[1], planned.columns, planned.border)
        self._run_steps(steps)

    def _run_steps(self, steps: Steps) -> None:
        for step in steps:
            if self.queue.stopped:  # a strip can take seconds
                return
            next_steps = step()
            if isinstance(next_steps, list):
                self._run_steps(next_steps)

    def _empty_strip(self, height: int) -> Image:
        rows, channels = self.planned.rows, self.planned.pixels.shape[2:]
        shape = ((height - 1) * rows.stride + rows.extent, len(self.sources[1]))
        if self.planned.plan.strategy in PER_CHANNEL:
            planes = self.buffers.array("strip", (*channels, *shape), self.planned.plan.sum_dtype)
            return np.moveaxis(planes, range(-2, 0), (0, 1))
        return self.buffers.array("strip", (*shape, *channels), self.planned.plan.sum_dtype)

    def _build_steps(self, strip: Image, target: Image) -> Steps:
        planned, buffers = self.planned, self.buffers
        if planned.combination == Combination.SINGLE:
            return self.algorithms[0](strip, target, buffers)
        steps: Steps = []
        response = buffers.array("response", target.shape, np.dtype(planned.response_type))
        if planned.combination != Combination.MAGNITUDE:
            for number, algorithm in enumerate(self.algorithms):
                result = response if number else target
                if result.dtype != response.dtype:  # a sum, which takes more bits than a response
                    result = response
                steps += algorithm(strip, result, buffers)
                steps += self._accumulate(result, target, is_first=not number)
            return steps
        total = buffers.array("total", target.shape, np.dtype(planned.square_type))
        for number, algorithm in enumerate(self.algorithms):
            square = buffers.array("square", target.shape, np.dtype(planned.square_type)) if number else total
            steps += algorithm(strip, response, buffers)
            steps += [partial(np.copyto, square, response), partial(np.multiply, square, square, out=square)]
            if number:
                steps.append(partial(np.add, total, square, out=total))
        if target.dtype == total.dtype:
            return [*steps, partial(np.sqrt, total, out=target)]
        return [
            *steps,
            partial(np.sqrt, total, out=total),
            partial(np.copyto, target, total, casting="same_kind"),
        ]

    def _accumulate(self, response: Image, target: Image, *, is_first: bool) -> Steps:
        """Return the steps that combine a response with those in the target; none need floats."""
        combination = self.planned.combination
        steps: Steps = []
        if combination != Combination.STRONGEST:
            steps.append(partial(np.abs, response, out=target if is_first else response))
        if not is_first:
            join = np.add if combination == Combination.ABSOLUTE_SUM else np.maximum
            steps.append(partial(join, target, response, out=target))
        return steps
