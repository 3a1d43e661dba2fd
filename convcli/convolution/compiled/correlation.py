"""Calling the compiled core: strips of values, or pixels rendered and counted on the way."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any, NamedTuple

from convcli.convolution.borders import border_positions
from convcli.convolution.planning import PlannedConvolution
from convcli.pictures.arrays import is_core_readable

if TYPE_CHECKING:
    from convcli.kernels.filter import Matrix

__all__ = ["CoreRendering", "CoreStrips", "Counts"]


class CoreRendering(NamedTuple):
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


class Counts(NamedTuple):
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
    channels : int, optional
        How many samples of a pixel are filtered, the first ones (default: all).
    """

    def __init__(self, planned: PlannedConvolution, channels: int | None = None) -> None:
        assert planned.core is not None
        self._planned = planned
        pixels: Any = planned.pixels
        is_readable = isinstance(pixels, memoryview) or is_core_readable(pixels)
        self._source = pixels if is_readable else pixels.copy(order="C")
        self._channels = channels or (*planned.kind.shape, 1)[2]
        self._rows = memoryview(border_positions(planned.rows, planned.border.kind))
        self._columns = border_positions(planned.columns, planned.border.kind)
        if planned.core.factors is None:
            self._kernels: tuple[Any, ...] = tuple(map(_matrix_buffer, planned.matrices))
        else:
            self._kernels = tuple(
                (array("d", column), array("d", row)) for column, row in planned.core.factors
            )

    def compute(self, start: int, out: Any) -> None:
        """Write the values of the rows from `start` on into an array."""
        self._correlate(start, len(out), out, None)

    def render(self, start: int, stop: int, out: Any, rendering: CoreRendering) -> Counts:
        """Write the pixels of these rows into `out`, which is None for ``range``; return what was counted."""
        return Counts(*self._correlate(start, stop - start, out, rendering))

    def _correlate(self, start: int, height: int, out: Any, rendering: CoreRendering | None) -> Any:
        from convcli.compiled import core  # late: it may not be installed

        planned = self._planned
        assert planned.core is not None
        rows, columns = planned.rows, planned.columns
        first = start * rows.stride
        return core.correlate(
            self._source,
            out,
            channels=self._channels,
            rows=self._rows[first : first + (height - 1) * rows.stride + rows.extent],
            columns=self._columns,
            border=planned.border.value,
            kernels=self._kernels,
            stride=(rows.stride, columns.stride),
            dilation=(rows.dilation, columns.dilation),
            working=planned.core.working,
            combination=str(planned.combination),
            single_squares=planned.square_type == "float32",
            rendering=rendering,
        )


def _matrix_buffer(matrix: Matrix) -> memoryview[float]:
    flat = memoryview(array("d", [tap for row in matrix for tap in row])).cast("B")
    return flat.cast("d", (len(matrix), len(matrix[0])))
