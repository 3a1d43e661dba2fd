"""A region of a picture: a rectangle of pixels.

Uses only the standard library, because options are read before numpy is loaded.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from convcli.errors import ImageError, UsageError

__all__ = ["Region", "parse_region"]

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
