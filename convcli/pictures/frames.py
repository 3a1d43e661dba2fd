"""Several pictures in one file: which of them are wanted, and what belongs to them besides their pixels.

Uses only the standard library, because options are read before numpy is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from convcli.errors import ImageError, UsageError

if TYPE_CHECKING:
    from convcli.pictures.picture import Picture

__all__ = [
    "DEFAULT_DURATION",
    "SEVERAL_FRAMES",
    "Container",
    "FrameInfo",
    "FramePicture",
    "FrameRange",
    "Frames",
    "parse_frames",
]

DEFAULT_DURATION = 100.0  # milliseconds that a frame is shown if its file does not say how long
ALL = "all"
SEVERAL_FRAMES = "has several frames; the first is used (--frame selects another, --frame all filters all)"


class FrameRange(NamedTuple):
    """Several frames of a file: from the first to the last, both included; a last of None is the last of all.

    Examples
    --------
    >>> list(FrameRange(2, 4).select(9, "cat.gif"))
    [2, 3, 4]
    >>> FrameRange(3, 7).select(5, "cat.gif")
    Traceback (most recent call last):
    ...
    convcli.errors.ImageError: cat.gif: has no frame 7: it has 5 frames, counted from 0
    """

    first: int = 0
    last: int | None = None

    def select(self, count: int, name: str) -> range:
        """Return the numbers of these frames in a file of `count` frames.

        Raises
        ------
        ImageError
            The file has fewer frames.
        """
        last = count - 1 if self.last is None else self.last
        if last >= count:
            has = f"it has {count} frames, counted from 0" if count > 1 else "it has a single frame"
            raise ImageError(name, f"has no frame {last}: {has}")
        return range(self.first, last + 1)

    def __str__(self) -> str:
        """Return it as typed."""
        return ALL if self.last is None else f"{self.first}..{self.last}"


def parse_frames(text: str, option: str) -> int | FrameRange:
    """Read a frame number, a range of frames (``2..5``, both included), or ``all``.

    Raises
    ------
    UsageError
        The text is neither.

    Examples
    --------
    >>> parse_frames("3", "--frame"), parse_frames("2..5", "--frame"), parse_frames("all", "--frame")
    (3, FrameRange(first=2, last=5), FrameRange(first=0, last=None))
    """
    if text == ALL:
        return FrameRange()
    match = re.fullmatch(r"([0-9]{1,4000})(?:\.\.([0-9]{1,4000}))?", text, re.ASCII)
    if match is None:
        raise UsageError(
            f"{option} {text[:50]}", "must be a whole number, at least 0, a range such as 2..5, or all"
        )
    first = int(match[1])
    if match[2] is None:
        return first
    last = int(match[2])
    if last < first:
        raise UsageError(f"{option} {text[:50]}", f"ends before it begins; write {last}..{first}")
    return FrameRange(first, last)


@dataclass(frozen=True)
class FrameInfo:
    """What belongs to one frame besides its pixels.

    Attributes
    ----------
    duration : float or None
        Milliseconds that it is shown.
    page_name, description : str
        Of a page of a TIFF.
    """

    duration: float | None = None
    page_name: str = ""
    description: str = ""


@dataclass(frozen=True)
class Container:
    """What belongs to all frames of a file together.

    Attributes
    ----------
    format : str
        Name of the file format in lower case if it holds several frames, otherwise an empty string.
    count : int
        How many frames were selected.
    several : bool
        Whether the file holds several frames, however many of them were selected.
    plays : int
        How often an animation is played; 0 is forever.
    has_default : bool
        Whether the first of the selected frames is not a part of the animation, but a picture for programs
        that do not know animations.
    """

    format: str = ""
    count: int = 1
    several: bool = False
    plays: int = 0
    has_default: bool = False


FramePicture: TypeAlias = "tuple[Picture, FrameInfo]"


class Frames(NamedTuple):
    """The selected frames of a file, which are read as they are asked for."""

    container: Container
    pictures: Iterator[FramePicture]
