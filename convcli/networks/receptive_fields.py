"""Receptive fields: the part of a network's input that affects each unit of a layer."""

from collections.abc import Sequence
from math import gcd
from typing import TYPE_CHECKING, NamedTuple

from convcli.networks.layer_types.base import AnyAxis
from convcli.sizes.adaptive import quotient

if TYPE_CHECKING:
    from fractions import Fraction


__all__ = ["ReceptiveField"]


PixelRanges = tuple[tuple[int, int], ...]

MAX_PERIOD = 1024  # units with different numbers of pixels that are followed one by one


class ReceptiveField(NamedTuple):
    """The receptive field of a layer's units in the network's input, along one axis.

    Attributes
    ----------
    spread : int, Fraction or None
        Distance from the first pixel that a unit sees to the last. After a transposed convolution, whose
        units see different numbers of pixels, an upper bound, not rounded. None: a unit sees all pixels.
    jump : int or Fraction
        Distance from one unit's center to the next.
    twice_center : int or Fraction
        Twice the position of the first unit's center; the center of pixel 0 is at 0, padding is negative.
    unit_ranges : tuple of (int, int)
        The first and the last pixel that each of the first units sees, for one period of their positions;
        empty if the period is too long.

    Source: A. Araujo, W. Norris, J. Sim, "Computing receptive fields of convolutional neural networks",
    Distill 2019.

    Examples
    --------
    >>> from convcli.sizes.windowed import Axis
    >>> pooled = ReceptiveField().through(Axis(side=224, window=3, before=1, after=1)).through(
    ...     Axis(side=224, window=2, stride=2)
    ... )
    >>> pooled.size, pooled.jump, pooled.center
    (4, 2, 0.5)
    """

    spread: "int | Fraction | None" = 0
    jump: "int | Fraction" = 1
    twice_center: "int | Fraction" = 0
    unit_ranges: PixelRanges = ((0, 0),)

    @property
    def size(self) -> int | None:
        """Maximum number of pixels that a unit sees; None: all of them."""
        if self.spread is None:
            return None
        if self.unit_ranges:
            return max(last - first for first, last in self.unit_ranges) + 1
        return int(self.spread // 1) + 1

    @property
    def center(self) -> "int | float | Fraction":
        """Position of the first unit's center."""
        center = quotient(self.twice_center, 2)
        return float(center) if not isinstance(center, int) and abs(center) < 1 << 50 else center

    def through(self, window: AnyAxis) -> "ReceptiveField":
        """Return the field of the units of the next layer."""
        spread = window.spread
        return ReceptiveField(
            None if self.spread is None or spread is None else self.spread + spread * self.jump,
            self.jump * window.step,
            self.twice_center + window.twice_first_center * self.jump,
            self._ranges_through(window),
        )

    def _ranges_through(self, window: AnyAxis) -> PixelRanges:
        units, inputs = window.period
        period = len(self.unit_ranges)
        count = units * (period // gcd(period, inputs)) if period else 0
        if count > MAX_PERIOD:
            return ()
        if count == 1 and period == 1 and (read := window.input_range(0)) is not None:
            first, last = self.unit_ranges[0]  # as for most layers: all units see alike
            return ((first + int(read[0] * self.jump), last + int(read[1] * self.jump)),)
        unit_ranges = []
        for unit in range(count):
            read = window.input_range(unit)
            if read is None:  # a unit that sees no pixel
                return ()
            unit_ranges.append(self._range_of_units(*read))
        return tuple(unit_ranges)

    def _range_of_units(self, first: int, last: int) -> tuple[int, int]:
        """Return the first and the last pixel that a range of units sees."""
        count = len(self.unit_ranges)
        # Positions repeat after a period, so the ends are among the units of one period.
        starts = (self._range_of_unit(unit)[0] for unit in range(first, min(first + count, last + 1)))
        ends = (self._range_of_unit(unit)[1] for unit in range(max(last - count + 1, first), last + 1))
        return min(starts), max(ends)

    def _range_of_unit(self, unit: int) -> tuple[int, int]:
        periods, phase = divmod(unit, len(self.unit_ranges))
        shift = periods * int(len(self.unit_ranges) * self.jump)
        return self.unit_ranges[phase][0] + shift, self.unit_ranges[phase][1] + shift

    @staticmethod
    def joined(
        fields: Sequence["ReceptiveField"], others: Sequence["ReceptiveField"] = ()
    ) -> "ReceptiveField":
        """Return the field of a join: the largest, at the position of the largest that slides.

        Parameters
        ----------
        fields : sequence of ReceptiveField
            Of the branches that slide over the image.
        others : sequence of ReceptiveField
            Of the branches that are broadcast, which have no position.

        Examples
        --------
        >>> unknown = ReceptiveField(spread=None)
        >>> ReceptiveField.joined([ReceptiveField(), ReceptiveField(spread=2)], [unknown]).size is None
        True
        """
        sliding, largest = (max(group, key=ReceptiveField._extent) for group in (fields, [*fields, *others]))
        return sliding if largest is sliding else sliding._replace(spread=largest.spread, unit_ranges=())

    def _extent(self) -> tuple[bool, "int | Fraction"]:
        return self.spread is None, self.spread or 0
