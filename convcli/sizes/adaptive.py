"""Adaptive pooling along one axis: windows chosen by the output size."""

from collections.abc import Iterator
from math import gcd
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from fractions import Fraction


__all__ = ["AdaptiveAxis", "quotient"]


class AdaptiveAxis(NamedTuple):
    """Adaptive pooling along one axis: one window per output, all of nearly the same length.

    Window i covers the pixels from ``floor(i n / out)`` to ``ceil((i + 1) n / out)``, as in PyTorch.

    Examples
    --------
    >>> axis = AdaptiveAxis(side=7, output=3)
    >>> axis.spread, axis.formula()
    (2, '3 windows of at most 3 of 7 pixels')
    """

    side: int
    output: int
    before: int = 0
    after: int = 0

    @property
    def spread(self) -> int | None:
        """Distance from the first pixel to the last in the longest window; None: all pixels."""
        if self.output == 1:
            return None
        whole, rest = divmod(self.side, self.output)
        if not rest:
            return whole - 1
        return whole + (rest > gcd(rest, self.output))

    @property
    def step(self) -> "int | Fraction":
        """Pixels from one output's window to the next, on average."""
        return quotient(self.side, self.output)

    @property
    def twice_first_center(self) -> int:
        """Twice the position of the first window's center."""
        return -(-self.side // self.output) - 1

    @property
    def period(self) -> tuple[int, int]:
        """Period of the window positions: in outputs, and in pixels."""
        common = gcd(self.side, self.output)
        return self.output // common, self.side // common

    def input_range(self, unit: int) -> tuple[int, int]:
        """Return the first and the last pixel of a window."""
        return unit * self.side // self.output, -(-(unit + 1) * self.side // self.output) - 1

    def formula(self) -> str:
        """Return the number of windows and their length, in words."""
        if self.spread is None:
            return f"1 window of {self.side} pixels"
        return f"{self.output} windows of at most {self.spread + 1} of {self.side} pixels"

    def unread_count(self) -> int:
        """Return 0: the windows cover every pixel."""
        return 0

    def unread_ranges(self) -> Iterator[tuple[int, int]]:
        """Yield nothing: the windows cover every pixel."""
        yield from ()


def quotient(dividend: "int | Fraction", divisor: int) -> "int | Fraction":
    """Return a quotient, as an int if it is whole.

    Examples
    --------
    >>> quotient(6, 2), str(quotient(1, 2))
    (3, '1/2')
    """
    if isinstance(dividend, int) and dividend % divisor == 0:
        return dividend // divisor
    from fractions import Fraction

    quotient = Fraction(dividend) / divisor
    return int(quotient) if quotient.denominator == 1 else quotient
