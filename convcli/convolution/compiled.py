"""Calling the compiled core: strips of values, or pixels rendered and counted on the way."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any, NamedTuple

from convcli.convolution.algorithms.definitions import EXACT_IN_FLOAT64
from convcli.convolution.borders import border_positions
from convcli.convolution.planning import PlannedConvolution
from convcli.convolution.rendering import NEEDS_RANGE, Adjustment, Losses, SignedMapping
from convcli.convolution.statistics import LARGE, RunningStatistics, Statistics
from convcli.drawing.gray_scale import GrayScale
from convcli.parallel import WorkQueue, parallel_for
from convcli.pictures.arrays import is_core_readable

if TYPE_CHECKING:
    from convcli.kernels.filter import Matrix

__all__ = ["CoreStrips", "can_render", "render_strips"]


class _Rendering(NamedTuple):
    """How the core renders values: `mapping` may also be ``range``, which only measures.

    The values of the image lie between `lowest` and `lowest` + `extent`, for ``stretch``. For ``gray`` the
    value `extent` is `lowest` levels above mid-gray.
    """

    mapping: str
    scale: float = 1.0
    bias: float = 0.0
    relu: bool = False
    with_statistics: bool = False
    lowest: float = 0.0
    extent: float = 0.0


class _Counts(NamedTuple):
    """What the core counted on a strip: pixels that do not show their value, statistics of finite values."""

    above: int
    below: int
    nan: int
    finite: int
    lowest: float
    highest: float
    total: float


class CoreStrips:
    """Computes strips of a planned convolution in the compiled core.

    Parameters
    ----------
    planned : PlannedConvolution
        One that has a plan for the core.
    """

    def __init__(self, planned: PlannedConvolution) -> None:
        assert planned.core is not None
        self._planned, self._core = planned, planned.core
        pixels: Any = planned.pixels
        is_readable = isinstance(pixels, memoryview) or is_core_readable(pixels)
        self._source = pixels if is_readable else pixels.copy(order="C")
        self._rows = memoryview(border_positions(planned.rows, planned.border.kind))
        self._columns = border_positions(planned.columns, planned.border.kind)
        factors = self._core.factors
        self._kernels: tuple[Any, ...] = (
            tuple(map(_matrix_buffer, planned.matrices))
            if factors is None
            else tuple((array("d", column), array("d", row)) for column, row in factors)
        )

    def compute(self, start: int, _buffers: object, _queue: object, out: Any) -> None:
        """Write the values of the rows from `start` on into an array; the core needs no buffers."""
        self._correlate(start, len(out), out, None)

    def render(self, out: Any, rendering: _Rendering) -> dict[int, _Counts]:
        """Write all pixels into `out`, which is None for ``range``; return what was counted by first row."""
        plan = self._planned.plan
        counts: dict[int, _Counts] = {}

        def work(starts: WorkQueue) -> None:
            for start in starts:
                stop = min(start + plan.strip_rows, plan.shape[0])
                target = None if out is None else out[start:stop]
                counts[start] = _Counts(*self._correlate(start, stop - start, target, rendering))

        parallel_for(range(0, plan.shape[0], plan.strip_rows), work, plan.threads)
        return counts

    def _correlate(self, start: int, height: int, out: Any, rendering: _Rendering | None) -> Any:
        from convcli.compiled import core  # late: it may not be installed

        planned = self._planned
        rows, columns = planned.rows, planned.columns
        first = start * rows.stride
        return core.correlate(
            self._source,
            out,
            channels=(*planned.kind.shape, 1)[2],
            rows=self._rows[first : first + (height - 1) * rows.stride + rows.extent],
            columns=self._columns,
            border=planned.border.value,
            kernels=self._kernels,
            stride=(rows.stride, columns.stride),
            dilation=(rows.dilation, columns.dilation),
            working=self._core.working,
            combination=str(planned.combination),
            single_squares=planned.square_type == "float32",
            rendering=rendering,
        )


def _matrix_buffer(matrix: Matrix) -> memoryview[float]:
    flat = memoryview(array("d", [tap for row in matrix for tap in row])).cast("B")
    return flat.cast("d", (len(matrix), len(matrix[0])))


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
    with_statistics: bool,
    known: Statistics | None = None,
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
    with_statistics : bool
        Measure the values.
    known : Statistics, optional
        Of the values that ``stretch`` and ``gray`` refer to (default: of those of this image).
    """
    strips = CoreStrips(planned)
    rendering = _Rendering(mapping, adjustment.scale, adjustment.bias, adjustment.relu, with_statistics)
    if mapping in NEEDS_RANGE:
        if known is not None:
            lowest, highest = float(known.lowest or 0), float(known.highest or 0)
        else:  # computed twice, so that no value is held
            measured = strips.render(None, rendering._replace(mapping="range")).values()
            lowest = min((strip.lowest for strip in measured if strip.finite), default=0.0)
            highest = max((strip.highest for strip in measured if strip.finite), default=0.0)
        if max(highest, -lowest) >= LARGE:  # their difference may overflow
            return None
        rendering = rendering._replace(lowest=lowest, extent=highest - lowest)
        if mapping == SignedMapping.GRAY:
            gray = GrayScale.of(lowest, highest, 8 * out.itemsize)
            rendering = rendering._replace(lowest=gray.levels, extent=gray.magnitude)
    counts = strips.render(out, rendering)
    losses = Losses.sum(Losses(strip.above, strip.below, strip.nan) for strip in counts.values())
    if not with_statistics:
        return losses, None
    if any(max(strip.highest, -strip.lowest) > LARGE for strip in counts.values()):
        return None
    running = RunningStatistics()
    number = float if adjustment.result_type(planned.plan.result_type).startswith("float") else int
    for start, strip in counts.items():
        running.add_measured(
            start, number(strip.lowest), number(strip.highest), number(strip.total), strip.finite
        )
    return losses, running.result()
