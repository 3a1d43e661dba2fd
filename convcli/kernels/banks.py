"""Banks of filters: as deep as the image, or a filter at several angles."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from convcli.errors import FilterError
from convcli.kernels.filter import (
    MAX_TAPS,
    Combination,
    Filter,
    custom_filter,
    integers_if_exact,
    kernel_array,
)
from convcli.kernels.lookup import get_filter
from convcli.late_numpy import np
from convcli.sizes.text import counted, format_size

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[Any]

__all__ = ["Bank", "MapCombination", "as_filter", "combine_maps", "filter_or_bank", "orientation_bank"]

MAX_FILTERS = 4096


class MapCombination(StrEnum):
    """How the maps of a bank are combined into one."""

    MAX = "max"  # the largest absolute value
    SUM = "sum"  # of absolute values
    NORM = "norm"  # sqrt(x² + y² + ...)

    @property
    def combination(self) -> Combination:
        """How the responses of the filters are combined."""
        if self == MapCombination.NORM:
            return Combination.MAGNITUDE
        is_sum = self == MapCombination.SUM
        return Combination.ABSOLUTE_SUM if is_sum else Combination.ABSOLUTE_MAXIMUM


@dataclass(frozen=True, eq=False, repr=False)
class Bank:
    """Filters that each read all channels of an image, or one channel after the other.

    Attributes
    ----------
    name : str
    taps : array (f_h, f_w, C) or (f_h, f_w, C, F)
        If C is 1, each filter reads one channel.
    angles : tuple of float
        The angle of each map in degrees, if the filters are rotated copies of one; else empty.
    combination : Combination
        How the responses are combined into one map; ``single``: each is a map.
    """

    name: str
    taps: Array
    angles: tuple[float, ...] = ()
    combination: Combination = Combination.SINGLE

    @property
    def depth(self) -> int:
        """Number of channels that each filter reads."""
        return int(self.taps.shape[2])

    @property
    def count(self) -> int:
        """Number of feature maps; if each filter reads one channel, per channel of the image."""
        has_several = self.taps.ndim == 4 and self.combination == Combination.SINGLE
        return self.taps.shape[3] if has_several else 1

    @property
    def map_names(self) -> tuple[str, ...]:
        """The names of its maps: their angles if there are any, else their numbers."""
        if self.angles:
            return tuple(f"{angle:.4g}°" for angle in self.angles)
        return tuple(f"map {number}" for number in range(1, self.count + 1))

    def __repr__(self) -> str:
        """Return its name, and the size and number of its kernels."""
        number = self.taps.shape[3] if self.taps.ndim == 4 else 1
        return f"<Bank {self.name}, {counted(number, 'kernel')} of {format_size(self.taps.shape[:3])}>"


def filter_or_bank(name: str, taps: Array) -> Filter | Bank:
    """Return a kernel as a filter; a volume, or several, as a bank.

    Parameters
    ----------
    name : str
    taps : array (f_h, f_w), (f_h, f_w, C) or (f_h, f_w, C, F)
        As `kernel_array` and `read_weights` return it.

    Examples
    --------
    >>> import numpy as np
    >>> filter_or_bank("edges", np.ones((3, 3, 2, 5))).count
    5
    """
    return custom_filter(name, taps) if taps.ndim == 2 else Bank(name, taps)


def as_filter(value: Filter | Bank | str | ArrayLike) -> Filter | Bank:
    """Return what a caller gives for a filter: a filter, a bank, the name of a filter, or a kernel.

    Raises
    ------
    FilterError, KernelError
        No filter has that name, or the array is not a kernel.

    Examples
    --------
    >>> as_filter("sobel-x"), as_filter([[1, 0, -1]])
    (<Filter sobel-x, 3x3>, <Filter kernel, 1x3>)
    """
    if isinstance(value, str):
        return get_filter(value)
    if isinstance(value, Filter | Bank):
        return value
    return filter_or_bank("kernel", kernel_array(value, axes=4))


def combine_maps(bank: Bank, how: MapCombination) -> Filter | Bank:
    """Combine the maps of a bank into one: return a filter, or a bank if its filters read several channels.

    Examples
    --------
    >>> combine_maps(orientation_bank("sobel:4"), MapCombination.MAX).name
    'sobel-4-max'
    """
    name = f"{bank.name}-{how}"
    if bank.depth > 1:
        return replace(bank, name=name, angles=(), combination=how.combination)
    height, width = bank.taps.shape[:2]
    kernels = np.moveaxis(integers_if_exact(bank.taps).reshape(height, width, -1), -1, 0)
    return Filter(
        name=name,
        matrices=tuple(tuple(map(tuple, kernel)) for kernel in kernels.tolist()),
        summary=f"{how} of the responses of a bank",
        responds_to="whatever its filters select",
        source="a bank of filters",
        combination=how.combination,
    )


def orientation_bank(text: str) -> Bank:
    """Read ``NAME:COUNT``, as in ``gabor:8``: a bank of COUNT rotated copies of a filter, over 180 degrees.

    Raises
    ------
    FilterError
        No filter has this name, it cannot be rotated, or the count is invalid.

    Examples
    --------
    >>> bank = orientation_bank("sobel:4")
    >>> bank.taps.shape, bank.map_names
    ((3, 3, 1, 4), ('0°', '45°', '90°', '135°'))
    """
    name, _, rest = text.strip().partition(":")
    count, _, others = rest.partition(",")
    if any(part.strip().partition("=")[0] == "angle" for part in others.split(",")):
        raise FilterError(text[:100], "is rotated through all angles; leave out angle")
    if not count.strip().isdecimal() or len(count) > 9 or not 1 <= int(count) <= MAX_FILTERS:
        what = f"--bank {text[:100].strip()!r}"
        raise FilterError(what, f"needs a count from 1 to {MAX_FILTERS}, as in gabor:8")
    filter_name = f"{name}:{others}" if others else name
    height, width = get_filter(filter_name, angle=0).shape
    size = height * width * int(count)
    if size > MAX_TAPS:
        raise FilterError(text[:100], f"has {size} coefficients; the limit is {MAX_TAPS}")
    angles = tuple(180 * number / int(count) for number in range(int(count)))
    copies = [get_filter(filter_name, angle=angle) for angle in angles]
    taps = np.stack([rotated.kernels[0] for rotated in copies], axis=-1)[:, :, np.newaxis]
    return Bank(f"{name}-{count}", taps, angles)
