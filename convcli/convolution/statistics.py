"""Statistics of a result, collected strip by strip: the smallest, the largest and the mean value."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from convcli.late_numpy import np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RunningStatistics", "Statistics", "measure"]

STRIP = 1 << 20  # values per strip; a float64 copy of all values would be large
LARGE = 2.0**900  # sums of larger values could overflow although their mean does not


class Statistics(NamedTuple):
    """Statistics of the finite values of a result, and how many these are; None if there are none."""

    lowest: int | float | None
    highest: int | float | None
    mean: float | None
    values: int = 0


class RunningStatistics:
    """Collects statistics of strips; threads may add strips in any order with the same result.

    Examples
    --------
    >>> both = RunningStatistics()
    >>> both.add(2, np.array([5, np.nan]))
    >>> both.add(0, np.array([1, 3]))
    >>> both.result()
    Statistics(lowest=1, highest=5.0, mean=3.0, values=3)
    """

    def __init__(self) -> None:
        self._strips: dict[int, tuple[int | float, int | float, int | float, int]] = {}

    def add(self, start: int, values: NDArray[Any]) -> None:
        """Add the strip that starts at row `start`."""
        if not values.size:
            return
        low, high = values.min().item(), values.max().item()
        if not (math.isfinite(low) and math.isfinite(high)):  # leave out NaN and infinity
            values = values[np.isfinite(values)]
            if not values.size:
                return
            low, high = values.min().item(), values.max().item()
        self._strips[start] = (low, high, _total(values, large=max(high, -low) > LARGE), values.size)

    def add_measured(
        self, start: int, lowest: int | float, highest: int | float, total: int | float, count: int
    ) -> None:
        """Add the strip that starts at row `start`, of which these statistics are known."""
        if count:
            self._strips[start] = (lowest, highest, total, count)

    def result(self) -> Statistics:
        """Return the statistics of all strips."""
        if not self._strips:
            return Statistics(None, None, None)
        lows, highs, totals, counts = zip(
            *(self._strips[start] for start in sorted(self._strips)), strict=True
        )
        lowest, highest, count = min(lows), max(highs), sum(counts)
        if max(highest, -lowest) <= LARGE:
            return Statistics(lowest, highest, sum(totals) / count, count)
        mean = sum(map(int, totals)) // count  # rounded, so it may lie slightly outside the range
        return Statistics(lowest, highest, float(min(max(mean, int(lowest)), int(highest))), count)


def _total(values: NDArray[Any], *, large: bool) -> int | float:
    """Return the sum of finite values; for large ones as a Python integer, which cannot overflow."""
    if large:
        return int((values * 2.0**-100).sum()) << 100
    narrow = values.dtype.kind in "iu" and values.dtype.itemsize < 8
    total: int | float = values.sum(dtype=np.int64 if narrow else np.float64).item()
    return total


def measure(values: NDArray[Any]) -> Statistics:
    """Return the smallest, the largest and the mean of an array's finite values.

    Examples
    --------
    >>> measure(np.array([[1, 2], [3, 6]], np.uint8))
    Statistics(lowest=1, highest=6, mean=3.0, values=4)
    """
    running = RunningStatistics()
    rows = max(1, STRIP // max(1, values[0].size)) if values.ndim and values.size else 1
    for start in range(0, len(values), rows):
        running.add(start, values[start : start + rows])
    return running.result()
