"""What a sheet draws of each filter: how many maps, of what kind, and what is done to get them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.arrays import Channels
from convcli.cli.banks import bank_operation
from convcli.cli.filtering import Rendering, Window, operation
from convcli.cli.one_input import Operation
from convcli.kernels import Combination, Filter
from convcli.matrices import format_matrix
from convcli.render import Signed
from convcli.volumes import Bank

__all__ = ["Drawing", "FilterMap", "drawing_of"]

Array = NDArray[Any]

MOST_TAPS = 49  # of a typed kernel that is told


@dataclass(frozen=True, eq=False)
class FilterMap:
    """A map of a filter: what it is called, and how it is drawn.

    Attributes
    ----------
    title, about : str
    taps : array
    weight : float
        Sum of the absolute taps, scaled as the result: that of numbers up to one goes no further.
    combined : bool
        Whether responses were combined, so that none is negative.
    picture : bool
        Whether it is a picture as the input is: a flat area keeps its brightness.
    """

    title: str
    about: str
    taps: Array
    weight: float
    combined: bool = False
    picture: bool = False

    @property
    def signed(self) -> bool:
        """Whether it may be negative."""
        return not self.combined and bool((self.taps < 0).any()) and bool((self.taps > 0).any())


@dataclass(frozen=True, eq=False)
class Drawing:
    """A filter or a bank: its maps, and the operation that gives what they are drawn of."""

    name: str
    maps: tuple[FilterMap, ...]
    operation: Operation
    rendering: Rendering


def drawing_of(one: Filter | Bank, window: Window, rendering: Rendering, *, turned: bool) -> Drawing:
    """Tell what is drawn of a filter: pixels as `apply` writes them, a picture, or numbers of one channel.

    Raises
    ------
    KernelError, UsageError
        Its result is not defined.
    """
    maps = tuple(_maps(one, rendering, turned=turned))
    pixels = rendering.signed not in (None, Signed.RAW)
    depth = one.taps.shape[2] if isinstance(one, Bank) else 1
    if not pixels:
        rendering = replace(rendering, signed=Signed.RAW)
    mixed = pixels or depth > 1 or (isinstance(one, Filter) and maps[0].picture)
    if rendering.channels == Channels.EACH and not mixed:
        rendering = replace(rendering, channels=Channels.GRAY)
    made = (
        operation(one, window, rendering, measured=False)
        if isinstance(one, Filter)
        else bank_operation(one, window, rendering)
    )
    return Drawing(one.name, maps, made, rendering)


def _maps(one: Filter | Bank, rendering: Rendering, *, turned: bool) -> Iterator[FilterMap]:
    if isinstance(one, Filter):
        taps, typed = one.kernels[0], one.source == "typed"
        about = f"gain {one.gain:.4g}"
        if typed and taps.size <= MOST_TAPS:
            about = f"{format_matrix(taps, ' ').strip().replace(chr(10), '; ')}, {about}"
        scale = 1 / one.gain if rendering.scale is None and one.gain else rendering.scale or 0
        single = one.combination == Combination.SINGLE
        picture = single and _keeps_brightness(taps, scale)
        yield FilterMap(one.name, about, taps, _weight(taps, scale), not single, picture)
        return
    taps = one.taps.reshape(*one.taps.shape[:3], -1)
    for number in range(one.count):
        step = f"{180 * number / one.count:.4g}°" if turned else f"map {number + 1} of {one.count}"
        title = f"{one.name}, {step}" if one.count > 1 or turned else one.name
        own = taps[..., number]
        scale = rendering.scale or 0
        picture = own.shape[2] == 1 and _keeps_brightness(own, scale)
        yield FilterMap(title, "", own, _weight(own, scale), picture=picture)


def _weight(taps: Array, scale: float) -> float:
    with np.errstate(over="ignore"):
        return float(np.abs(taps, dtype=np.float64).sum()) * abs(scale)


def _keeps_brightness(taps: Array, scale: float) -> bool:
    """Whether a flat area stays what it is, with the scale or without."""
    total = float(taps.sum())
    return any(abs(total * factor - 1) < 1e-6 for factor in (1, scale))
