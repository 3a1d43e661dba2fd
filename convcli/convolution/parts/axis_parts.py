"""Parts of an axis: the pixels that some outputs read, and these outputs as an axis of these pixels."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from convcli.convolution.borders import BorderKind, positions_between
from convcli.late_numpy import np
from convcli.sizes.windowed import Axis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["AxisPart", "axis_part", "split_outputs"]

MIN_GAP = 32  # pixels between taps that no output of a part needs are only skipped from so many on


@dataclass(frozen=True, eq=False)
class AxisPart:
    """Some consecutive outputs of an axis.

    Attributes
    ----------
    start, stop : int
        The outputs: from the first to before the last.
    reads : tuple of (int, int)
        The ranges of source pixels that the outputs read, in increasing order.
    picks : array of int or None
        What to take of these pixels, one after another, for a block; None to take them as they are.
    axis : Axis
        How the window slides over the block. Its padding is where the outputs read the border's value. A
        block without pixels counts as one, and the last output is then one too many.
    """

    start: int
    stop: int
    reads: tuple[tuple[int, int], ...]
    picks: NDArray[np.int64] | None
    axis: Axis

    @property
    def count(self) -> int:
        """Number of outputs."""
        return self.stop - self.start


def axis_part(axis: Axis, kind: BorderKind, start: int, stop: int) -> AxisPart:
    """Return the outputs from `start` to before `stop` of an axis whose padding a border fills.

    Examples
    --------
    >>> part = axis_part(Axis(side=99, window=3, before=1, after=1), BorderKind.WRAP, 0, 4)
    >>> part.reads, part.picks.tolist()
    (((0, 5), (98, 99)), [5, 0, 1, 2, 3, 4])
    """
    first, length = start * axis.stride - axis.before, (stop - start - 1) * axis.stride + axis.extent
    sources = np.frombuffer(positions_between(axis, kind, first, first + length), np.int64)
    is_read = _is_read(axis, stop - start, length)
    inside = np.flatnonzero(is_read & (sources >= 0))
    if not inside.size:
        return AxisPart(start, stop, (), None, axis._replace(side=1, before=length, after=0, ceil=False))
    before, end = int(inside[0]), int(inside[-1]) + 1
    block = axis._replace(side=end - before, before=before, after=length - end, ceil=False)
    sources = sources[before:end]
    needed = np.unique(sources[is_read[before:end]])
    breaks = np.flatnonzero(np.diff(needed) > MIN_GAP) + 1
    bounds = pairwise([0, *breaks.tolist(), len(needed)])
    reads = tuple([(int(needed[low]), int(needed[high - 1]) + 1) for low, high in bounds])
    picks = _places(sources, reads)
    is_plain = len(reads) == 1 and np.array_equal(picks, np.arange(len(picks)))
    return AxisPart(start, stop, reads, None if is_plain else picks, block)


def _is_read(axis: Axis, outputs: int, length: int) -> NDArray[np.bool_]:
    """Return for each position under the windows of so many outputs whether a tap reads it."""
    is_read = np.zeros(length, np.bool_)
    for offset in range(0, axis.extent, axis.dilation):
        is_read[offset : offset + (outputs - 1) * axis.stride + 1 : axis.stride] = True
    return is_read


def _places(sources: NDArray[np.int64], reads: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
    """Return where sources stand among the pixels read; what is not read shows the nearest read before it."""
    starts, stops = np.array(reads).T
    offsets = np.cumsum(stops - starts) - (stops - starts)
    run = np.maximum(np.searchsorted(starts, sources, "right") - 1, 0)
    places: NDArray[np.int64] = np.clip(sources, starts[run], stops[run] - 1) - starts[run] + offsets[run]
    return places


def split_outputs(axis: Axis, chunks: Sequence[int]) -> list[tuple[int, int]]:
    """Divide the outputs of an axis as its pixels are divided: each output goes where its center is.

    Parameters
    ----------
    axis : Axis
    chunks : sequence of int
        The numbers of pixels in each part of the axis.

    Returns
    -------
    list of (start, stop)
        None is empty. Outputs centered on padding go to the first or last chunk, but no more of them than
        make a chunk.

    Examples
    --------
    >>> split_outputs(Axis(side=10, window=3, before=1, after=1, stride=2), (4, 1, 5))
    [(0, 2), (2, 3), (3, 5)]
    """
    center = (axis.extent - 1) // 2 - axis.before
    longest, last = max(chunks), center + (axis.output - 1) * axis.stride
    inner = [int(bound) for bound in np.cumsum(chunks[:-1])]
    bounds = (
        [*range(-longest, center, -longest)][::-1] + inner + [*range(axis.side + longest, last + 1, longest)]
    )
    firsts = [min(max(-((center - bound) // axis.stride), 0), axis.output) for bound in bounds]
    edges = sorted({0, *firsts, axis.output})
    return list(pairwise(edges))
