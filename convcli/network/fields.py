"""Receptive fields: what the units of a layer see of a network's input."""

from collections.abc import Sequence
from math import gcd
from typing import TYPE_CHECKING, NamedTuple, Protocol

from convcli.sizes import quotient

if TYPE_CHECKING:
    from fractions import Fraction

__all__ = ["Field", "Window"]


class Window(Protocol):
    """What `Field` asks of a layer's axis, in pixels of its input."""

    @property
    def spread(self) -> "int | Fraction | None":
        """From the first pixel that an output reads to the last; None where it reads all."""

    @property
    def step(self) -> "int | Fraction":
        """From an output to the next."""

    @property
    def twice_first(self) -> "int | Fraction":
        """Twice the place of the first output's centre."""

    @property
    def period(self) -> tuple[int, int]:
        """After how many outputs the windows lie as before, and how many pixels further."""

    def reads(self, unit: int) -> tuple[int, int] | None:
        """Return the first and the last pixel that an output reads; None if there is none."""


Seen = tuple[tuple[int, int], ...]

MOST_PHASES = 1024  # units that see different numbers of pixels, which are followed one by one


class Field(NamedTuple):
    """What the units of a layer see of a network's input, along one axis.

    Attributes
    ----------
    spread : int, Fraction or None
        Pixels from the first that a unit sees to the last: behind a transposed convolution, where units see
        different numbers of them, a bound that is not yet rounded. None: it sees all of them.
    jump : int or Fraction
        From one unit's centre to the next one's.
    twice_centre : int or Fraction
        Twice the place of the first unit's centre; pixel 0's centre is at 0, the padding is below.
    seen : tuple of (int, int)
        The first and the last pixel that each of the first units sees, as many as there are until they lie as
        before; empty where these are too many.

    Source: A. Araujo, W. Norris, J. Sim, "Computing receptive fields of convolutional neural networks",
    Distill 2019.

    Examples
    --------
    >>> from convcli.sizes import Axis
    >>> pooled = Field().through(Axis(side=224, window=3, before=1, after=1)).through(
    ...     Axis(side=224, window=2, stride=2)
    ... )
    >>> pooled.size, pooled.jump, pooled.centre
    (4, 2, 0.5)
    """

    spread: "int | Fraction | None" = 0
    jump: "int | Fraction" = 1
    twice_centre: "int | Fraction" = 0
    seen: Seen = ((0, 0),)

    @property
    def size(self) -> int | None:
        """Pixels that a unit sees, at most; None: all of them."""
        if self.spread is None:
            return None
        if self.seen:
            return max(last - first for first, last in self.seen) + 1
        return int(self.spread // 1) + 1

    @property
    def centre(self) -> "int | float | Fraction":
        """Where the first unit's centre is."""
        centre = quotient(self.twice_centre, 2)
        return float(centre) if not isinstance(centre, int) and abs(centre) < 1 << 50 else centre

    def through(self, window: Window) -> "Field":
        """Return the field of the units of the next layer."""
        spread = window.spread
        return Field(
            None if self.spread is None or spread is None else self.spread + spread * self.jump,
            self.jump * window.step,
            self.twice_centre + window.twice_first * self.jump,
            self._seen_through(window),
        )

    def _seen_through(self, window: Window) -> Seen:
        units, inputs = window.period
        count = units * (len(self.seen) // gcd(len(self.seen), inputs)) if self.seen else 0
        if count > MOST_PHASES:
            return ()
        seen = []
        for unit in range(count):
            read = window.reads(unit)
            if read is None:  # a unit that sees nothing
                return ()
            seen.append(self._seen_by(*read))
        return tuple(seen)

    def _seen_by(self, first: int, last: int) -> tuple[int, int]:
        """Return the first and the last pixel that some neighbouring units see."""
        count = len(self.seen)
        # Units a period apart lie alike, so the ends are among those of one period.
        starts = (self._seen_by_one(unit)[0] for unit in range(first, min(first + count, last + 1)))
        ends = (self._seen_by_one(unit)[1] for unit in range(max(last - count + 1, first), last + 1))
        return min(starts), max(ends)

    def _seen_by_one(self, unit: int) -> tuple[int, int]:
        periods, phase = divmod(unit, len(self.seen))
        further = periods * int(len(self.seen) * self.jump)
        return self.seen[phase][0] + further, self.seen[phase][1] + further

    @staticmethod
    def joined(fields: Sequence["Field"], others: Sequence["Field"] = ()) -> "Field":
        """Return the field of the sum of several: the largest, in the place of the largest that slides.

        Parameters
        ----------
        fields : of what slides over the image
        others : of what is broadcast, which is in no place of its own

        Examples
        --------
        >>> Field.joined([Field(), Field(spread=2)], [Field(spread=None)]).size is None
        True
        """
        sliding, largest = (max(several, key=Field._extent) for several in (fields, [*fields, *others]))
        return sliding if largest is sliding else sliding._replace(spread=largest.spread, seen=())

    def _extent(self) -> tuple[bool, "int | Fraction"]:
        return self.spread is None, self.spread or 0
