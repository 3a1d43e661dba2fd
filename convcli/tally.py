"""The smallest, the largest and the mean number of a result, taken together strip by strip."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Numbers", "Tally", "tally"]

STRIP = 1 << 20  # numbers at a time, for a float64 copy of all of them would be large
LARGE = 2.0**900  # sums of numbers beyond it could pass the floats, which their mean does not


@dataclass(frozen=True)
class Numbers:
    """What is told of a result; None where it has no finite number."""

    lowest: int | float | None
    highest: int | float | None
    mean: float | None


class Tally:
    """Takes strips together; threads may add theirs in any order, and the answer is the same.

    Examples
    --------
    >>> both = Tally()
    >>> both.add(2, np.array([5, np.nan]))
    >>> both.add(0, np.array([1, 3]))
    >>> both.numbers()
    Numbers(lowest=1, highest=5.0, mean=3.0)
    """

    def __init__(self) -> None:
        self._strips: dict[int, tuple[int | float, int | float, int | float, int]] = {}

    def add(self, start: int, values: NDArray[Any]) -> None:
        """Add the strip that starts at a row."""
        if not values.size:
            return
        low, high = values.min().item(), values.max().item()
        if not (math.isfinite(low) and math.isfinite(high)):  # NaN and infinity take no part
            values = values[np.isfinite(values)]
            if not values.size:
                return
            low, high = values.min().item(), values.max().item()
        self._strips[start] = (low, high, _total(values, large=max(high, -low) > LARGE), values.size)

    def numbers(self) -> Numbers:
        """Return what all strips have together."""
        if not self._strips:
            return Numbers(None, None, None)
        lows, highs, totals, counts = zip(
            *(self._strips[start] for start in sorted(self._strips)), strict=True
        )
        lowest, highest, count = min(lows), max(highs), sum(counts)
        if max(highest, -lowest) <= LARGE:
            return Numbers(lowest, highest, sum(totals) / count)
        mean = sum(map(int, totals)) // count  # rounded, and so perhaps a little beyond the largest
        return Numbers(lowest, highest, float(min(max(mean, int(lowest)), int(highest))))


def _total(values: NDArray[Any], *, large: bool) -> int | float:
    """Return the sum of finite numbers; of large ones as Python's integer, which has no end."""
    if large:
        return int((values * 2.0**-100).sum()) << 100
    narrow = values.dtype.kind in "iu" and values.dtype.itemsize < 8
    total: int | float = values.sum(dtype=np.int64 if narrow else np.float64).item()
    return total


def tally(values: NDArray[Any]) -> Numbers:
    """Return the smallest, the largest and the mean of an array's finite numbers.

    Examples
    --------
    >>> tally(np.array([[1, 2], [3, 6]], np.uint8))
    Numbers(lowest=1, highest=6, mean=3.0)
    """
    whole = Tally()
    rows = max(1, STRIP // max(1, values[0].size)) if values.ndim and values.size else 1
    for start in range(0, len(values), rows):
        whole.add(start, values[start : start + rows])
    return whole.numbers()
