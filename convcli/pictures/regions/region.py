"""A region of a picture: a rectangle of pixels.

Uses only the standard library, because options are read before numpy is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from convcli.errors import ImageError, UsageError
from convcli.sizes.per_axis import whole_number

if TYPE_CHECKING:
    from convcli.pictures.picture import Picture

__all__ = ["Region", "RegionLike", "as_region", "parse_region"]

RegionLike: TypeAlias = "str | tuple[int, int, int, int]"
"""A region as Python gives it: text, or left, top, width and height."""

FORM = "X,Y,WxH, as in 4000,2500,1024x768: left and top counted from 0, then width and height"


class Region(NamedTuple):
    """A rectangle of pixels: where it begins, counted from 0, and its size.

    Examples
    --------
    >>> str(Region(10, 20, 300, 200))
    '10,20,300x200'
    """

    left: int
    top: int
    width: int
    height: int

    def check(self, name: str, height: int, width: int) -> None:
        """Check that the region lies in a picture of that size.

        Raises
        ------
        ImageError
            It does not.

        Examples
        --------
        >>> Region(10, 0, 100, 50).check("slide.tif", 60, 100)
        Traceback (most recent call last):
        ...
        convcli.errors.ImageError: slide.tif: has no region 10,0,100x50: it is 100 pixels wide and 60 high
        """
        if self.left + self.width > width or self.top + self.height > height:
            raise ImageError(name, f"has no region {self}: it is {width} pixels wide and {height} high")

    def cut(self, picture: Picture, name: str) -> Picture:
        """Return this part of a picture.

        Raises
        ------
        ImageError
            The region does not lie in it.
        """
        self.check(name, *picture.shape[:2])
        from convcli.pictures.regions.cutting import cut  # late: options are read before numpy is loaded

        rows, columns = slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)
        return cut(picture, rows, columns, copy=True)

    def __str__(self) -> str:
        """Return it as typed."""
        return f"{self.left},{self.top},{self.width}x{self.height}"


def parse_region(text: str, option: str = "--region") -> Region:
    """Read a region, ``X,Y,WxH``.

    Raises
    ------
    UsageError
        The text is something else, or the region is empty.

    Examples
    --------
    >>> parse_region("4000,2500,1024x768")
    Region(left=4000, top=2500, width=1024, height=768)
    """
    match = re.fullmatch(r"([0-9]{1,15}),([0-9]{1,15}),([0-9]{1,15})x([0-9]{1,15})", text, re.ASCII)
    if match is None:
        raise UsageError(f"{option} {text[:50]!r}", f"must be {FORM}")
    region = Region(*(int(number) for number in match.groups()))
    if not region.width or not region.height:
        raise UsageError(f"{option} {text}", "is empty: its width and height must be at least 1")
    return region


def as_region(value: RegionLike) -> Region:
    """Check a region as Python gives it.

    Raises
    ------
    SizeError, UsageError
        It is something else, or empty.

    Examples
    --------
    >>> as_region((5, 0, 20, 10)) == as_region("5,0,20x10")
    True
    """
    if not isinstance(value, str):
        numbers: tuple[int, ...] = tuple(value) if isinstance(value, Iterable) else ()
        if len(numbers) != 4:
            raise UsageError(f"region {value!r:.50}", "must be four numbers: left, top, width and height")
        left, top, width, height = (whole_number(number, "region", 0) for number in numbers)
        value = f"{left},{top},{width}x{height}"
    return parse_region(value, "region")
