"""Resizing and cropping along one axis: which pixels each output reads."""

from collections.abc import Iterator
from enum import StrEnum
from math import gcd
from typing import TYPE_CHECKING, NamedTuple

from convcli.sizes.adaptive import quotient

if TYPE_CHECKING:
    from fractions import Fraction


__all__ = ["CroppedAxis", "Interpolation", "ResizedAxis"]


class Interpolation(StrEnum):
    """How values between pixels are found: the nearest pixel, or a weighted mean of 2 or 4 per axis."""

    NEAREST = "nearest"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"


class ResizedAxis(NamedTuple):
    """Resizing along one axis.

    Output i lies at ``(i + 1/2) n / out - 1/2``, as in PyTorch with ``align_corners=False``; with
    `align_corners` at ``i (n - 1) / (out - 1)``. ``nearest`` reads pixel ``floor(i n / out)``.

    Attributes
    ----------
    side, output : int
        Input and output pixels.
    interpolation : Interpolation
    align_corners : bool
        Whether the first and the last outputs lie on the first and the last pixels; not for ``nearest``.

    Examples
    --------
    >>> axis = ResizedAxis(side=14, output=28, interpolation=Interpolation.BILINEAR)
    >>> axis.formula(), str(axis.step), axis.input_range(3)
    ('14 pixels resized to 28', '1/2', (1, 2))
    """

    side: int
    output: int
    interpolation: Interpolation = Interpolation.NEAREST
    align_corners: bool = False
    before: int = 0
    after: int = 0

    def _position(self, unit: int) -> tuple[int, int]:
        """Return the position that an output interpolates at, as a numerator and a denominator."""
        if self.interpolation == Interpolation.NEAREST:
            return unit * self.side, self.output
        if self.align_corners:
            return unit * (self.side - 1), max(self.output - 1, 1)
        return (2 * unit + 1) * self.side - self.output, 2 * self.output

    @property
    def _denominator(self) -> int:
        """The smallest common denominator of all positions."""
        first, whole = self._position(0)
        return whole // gcd(whole, first, self._position(1)[0] - first)

    @property
    def spread(self) -> "int | Fraction":
        """Distance from the first pixel that an output reads to the last: an upper bound, not rounded."""
        denominator = self._denominator
        between = quotient(denominator - 1, denominator)
        if self.interpolation == Interpolation.NEAREST or denominator == 1:
            return between
        return 2 * between + 2 * (self.interpolation == Interpolation.BICUBIC)

    @property
    def step(self) -> "int | Fraction":
        """Pixels from one output to the next."""
        if self.interpolation != Interpolation.NEAREST and self.align_corners:
            return quotient(self.side - 1, max(self.output - 1, 1))
        return quotient(self.side, self.output)

    @property
    def twice_first_center(self) -> "int | Fraction":
        """Twice the position of the first output."""
        if self.interpolation != Interpolation.NEAREST and self.align_corners:
            return 0
        return quotient(self.side - self.output, self.output)

    @property
    def period(self) -> tuple[int, int]:
        """Period of the positions: in outputs, and in pixels."""
        first, whole = self._position(0)
        pixels = self._position(1)[0] - first
        common = gcd(whole, pixels)
        return whole // common, pixels // common

    def input_range(self, unit: int) -> tuple[int, int]:
        """Return the first and the last pixel that an output reads, repeated ones at the border included.

        Examples
        --------
        >>> ResizedAxis(side=4, output=8, interpolation=Interpolation.BICUBIC).input_range(0)
        (-2, 1)
        """
        position, whole = self._position(unit)
        first, rest = divmod(position, whole)
        if self.interpolation == Interpolation.NEAREST or not rest:
            return first, first
        wider = self.interpolation == Interpolation.BICUBIC
        return first - wider, first + 1 + wider

    def formula(self) -> str:
        """Return the sides, in words."""
        return f"{self.side} pixels resized to {self.output}"

    def unread_count(self) -> int:
        """Count the input pixels that no output reads: none unless the output is smaller."""
        return sum(last - first + 1 for first, last in self.unread_ranges())

    def unread_ranges(self) -> Iterator[tuple[int, int]]:
        """Yield the ranges of input pixels that no output reads, as ``(first, last)``.

        Examples
        --------
        >>> list(ResizedAxis(side=8, output=3).unread_ranges())
        [(1, 1), (3, 4), (6, 7)]
        """
        if self.output >= self.side:
            return
        end = 0
        for unit in range(self.output):
            first, last = self.input_range(unit)
            if first > end:
                yield end, first - 1
            end = max(end, last + 1)
        if end < self.side:
            yield end, self.side - 1


class CroppedAxis(NamedTuple):
    """Cropping along one axis: pixels cut off at the start (`before`) and at the end (`after`).

    Examples
    --------
    >>> axis = CroppedAxis(side=64, before=4, after=4)
    >>> axis.output, axis.formula(), axis.input_range(0)
    (56, '64 - 2·4 = 56', (4, 4))
    """

    side: int
    before: int = 0
    after: int = 0

    @property
    def output(self) -> int:
        """Output side; below 1 if nothing is left."""
        return self.side - self.before - self.after

    @property
    def spread(self) -> int:
        """Distance from the first pixel that an output reads to the last: 0."""
        return 0

    @property
    def step(self) -> int:
        """Pixels from one output to the next: 1."""
        return 1

    @property
    def twice_first_center(self) -> int:
        """Twice the position of the first output."""
        return 2 * self.before

    @property
    def period(self) -> tuple[int, int]:
        """Period of the positions: in outputs, and in pixels."""
        return 1, 1

    def input_range(self, unit: int) -> tuple[int, int]:
        """Return the first and the last pixel that an output reads: the same."""
        return unit + self.before, unit + self.before

    def formula(self) -> str:
        """Return the output side with the numbers of this axis."""
        cut = f"2·{self.before}" if self.before == self.after else f"{self.before} - {self.after}"
        return f"{self.side} - {cut} = {self.output}"

    def unread_count(self) -> int:
        """Return 0: what is cut off is not read on purpose."""
        return 0

    def unread_ranges(self) -> Iterator[tuple[int, int]]:
        """Yield nothing: what is cut off is not read on purpose."""
        yield from ()
