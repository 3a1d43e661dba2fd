"""Running a planned convolution strip by strip on several threads."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from convcli.convolution.algorithms.steps import Algorithm, Steps
from convcli.convolution.algorithms.strategy import PER_CHANNEL, make_algorithm
from convcli.convolution.borders import border_sources, fill_strip
from convcli.convolution.buffers import BufferPool
from convcli.convolution.planning import Image, PlannedConvolution
from convcli.kernels.filter import Combination
from convcli.parallel import WorkQueue, parallel_for
from convcli.pictures.arrays import filled_array

__all__ = ["for_each_strip", "run_convolution"]


def run_convolution(work: PlannedConvolution, out: Image | None = None) -> Image:
    """Run the convolution and write its strips directly into the result."""
    plan = work.plan

    def make_strips(result: Image) -> None:
        for_each_strip(work, lambda rows, _, make: make(result[rows]))

    return filled_array(make_strips, plan.shape, plan.dtype, out, source=work.pixels)


def for_each_strip(
    work: PlannedConvolution, use: Callable[[slice, BufferPool, Callable[[Image], None]], None]
) -> None:
    """Run the convolution strip by strip, on the planned number of threads.

    Parameters
    ----------
    work : Work
    use : callable
        Called with the rows of a strip, buffers that it may use, and a function that writes these rows of the
        result into an array.
    """
    plan = work.plan
    slides = [
        make_algorithm(plan.strategy, taps, work.rows, work.columns, work.responses) for taps in work.kernels
    ]
    sources = border_sources(work.rows, work.border.kind), border_sources(work.columns, work.border.kind)

    def work_on(starts: WorkQueue) -> None:
        with BufferPool.lent() as scratch, np.errstate(over="ignore", invalid="ignore"):  # inf - inf
            maker = _StripMaker(work, slides, sources, scratch, starts)
            for start in starts:
                rows = slice(start, min(start + plan.strip, plan.shape[0]))
                use(rows, scratch, partial(maker.make, start))

    parallel_for(range(0, plan.shape[0], plan.strip), work_on, plan.threads)


class _StripMaker:
    """Computes strips of the result on one thread."""

    def __init__(
        self,
        work: PlannedConvolution,
        slides: Sequence[Algorithm],
        sources: tuple[NDArray[np.intp], NDArray[np.intp]],
        scratch: BufferPool,
        parts: WorkQueue,
    ) -> None:
        self.parts = parts
        self.work = work
        self.slides = slides
        self.sources = sources
        self.scratch = scratch
        self._made: tuple[Image, Image, Steps] | None = None

    def make(self, start: int, target: Image) -> None:
        """Write the rows from `start` on into the target; the steps are prepared once for each target."""
        if self._made is None or self._made[0] is not target:
            strip = self._empty_strip(len(target))
            self._made = target, strip, self._steps(strip, target)
        _, strip, steps = self._made
        first = start * self.work.rows.stride
        lines = self.sources[0][first : first + len(strip)]
        fill_strip(strip, self.work.pixels, lines, self.sources[1], self.work.columns, self.work.border)
        self._do(steps)

    def _do(self, steps: Steps) -> None:
        for step in steps:
            if self.parts.stopped:  # a strip can take seconds
                return
            more = step()
            if isinstance(more, list):
                self._do(more)

    def _empty_strip(self, height: int) -> Image:
        rows, channels = self.work.rows, self.work.pixels.shape[2:]
        shape = ((height - 1) * rows.stride + rows.extent, len(self.sources[1]))
        if self.work.plan.strategy in PER_CHANNEL:
            planes = self.scratch.array("strip", (*channels, *shape), self.work.plan.sums)
            return np.moveaxis(planes, range(-2, 0), (0, 1))
        return self.scratch.array("strip", (*shape, *channels), self.work.plan.sums)

    def _steps(self, strip: Image, target: Image) -> Steps:
        work, scratch = self.work, self.scratch
        steps = self.slides[0](strip, target, scratch) if work.combination != Combination.MAGNITUDE else []
        if work.combination == Combination.SINGLE:
            return steps
        response = scratch.array("response", target.shape, work.responses)
        if work.combination == Combination.STRONGEST:
            for slide in self.slides[1:]:
                steps += slide(strip, response, scratch)
                steps.append(partial(np.maximum, target, response, out=target))
            return steps
        total = scratch.array("total", target.shape, work.squares)
        for number, slide in enumerate(self.slides):
            square = scratch.array("square", target.shape, work.squares) if number else total
            steps += slide(strip, response, scratch)
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
