"""Transposed convolution along one axis: the sizes of a windowed axis, reversed."""

from collections.abc import Iterator
from math import gcd
from typing import TYPE_CHECKING, NamedTuple

from convcli.sizes.adaptive import quotient

if TYPE_CHECKING:
    from fractions import Fraction


__all__ = ["TransposedAxis"]


class TransposedAxis(NamedTuple):
    """A transposed convolution along one axis: each input pixel adds its window to the output.

    Attributes
    ----------
    side, window, stride, dilation : int
        Input pixels, filter taps, outputs from one pixel's window to the next, distance between taps.
    before, after : int
        Outputs cut off at the start and at the end.
    output_padding : int
        Outputs added at the end; it selects one of the sizes that a strided convolution maps to the same.

    Examples
    --------
    >>> axis = TransposedAxis(side=14, window=2, stride=2)
    >>> axis.output, axis.formula()
    (28, '(14 - 1)·2 - 2·0 + (2 - 1) + 0 + 1 = 28')
    """

    side: int
    window: int
    before: int = 0
    after: int = 0
    stride: int = 1
    dilation: int = 1
    output_padding: int = 0

    @property
    def extent(self) -> int:
        """Outputs from the filter's first tap to its last: ``d(f - 1) + 1``."""
        return self.dilation * (self.window - 1) + 1

    @property
    def output(self) -> int:
        """Output side; below 1 if the layer is impossible."""
        kept = self.extent - self.before - self.after
        return (self.side - 1) * self.stride + kept + self.output_padding

    @property
    def spread(self) -> "int | Fraction":
        """Distance from the first pixel that an output reads to the last, not rounded down."""
        return quotient(self.extent - 1, self.stride)

    @property
    def step(self) -> "int | Fraction":
        """Pixels from one output to the next."""
        return quotient(1, self.stride)

    @property
    def twice_first_center(self) -> "int | Fraction":
        """Twice the position of the first output."""
        return quotient(2 * self.before - self.extent + 1, self.stride)

    @property
    def period(self) -> tuple[int, int]:
        """Period of the window positions: in outputs, and in pixels."""
        return self.stride, 1

    def input_range(self, unit: int) -> tuple[int, int] | None:
        """Return the first and the last pixel whose window has a tap on an output; None if no pixel has."""
        common = gcd(self.dilation, self.stride)
        offset, step = unit + self.before, self.stride // common
        if offset % common:
            return None
        first_tap = offset // common * pow(self.dilation // common, -1, step) % step
        if first_tap >= self.window:
            return None
        last_tap = first_tap + (self.window - 1 - first_tap) // step * step
        first, last = ((offset - tap * self.dilation) // self.stride for tap in (last_tap, first_tap))
        return first, last

    def formula(self) -> str:
        """Return the output-size formula with the numbers of this axis."""
        padding = f"2·{self.before}" if self.before == self.after else f"{self.before} - {self.after}"
        taps = f"({self.window} - 1)" if self.dilation == 1 else f"{self.dilation}·({self.window} - 1)"
        return (
            f"({self.side} - 1)·{self.stride} - {padding} + {taps} + {self.output_padding} + 1 "
            f"= {self.output}"
        )

    def unread_count(self) -> int:
        """Count the input pixels whose windows are cut off."""
        return sum(last - first + 1 for first, last in self.unread_ranges())

    def unread_ranges(self) -> Iterator[tuple[int, int]]:
        """Yield the input pixels whose windows are cut off, at the start and at the end.

        Examples
        --------
        >>> list(TransposedAxis(side=5, window=1, before=1).unread_ranges())
        [(0, 0)]
        """
        first_kept = max(0, -((self.extent - 1 - self.before) // self.stride))
        last_kept = (self.output - 1 + self.before) // self.stride
        if first_kept > 0:
            yield 0, min(first_kept, self.side) - 1
        if max(last_kept, first_kept - 1) + 1 < self.side:
            yield max(last_kept, first_kept - 1) + 1, self.side - 1
