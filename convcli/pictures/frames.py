"""Several pictures in one file: which of them are wanted.

Uses only the standard library, because options are read before numpy is loaded.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from convcli.errors import ImageError, UsageError

__all__ = ["SEVERAL_FRAMES", "FrameRange", "no_frame", "parse_frames"]

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
        if not count:
            raise ImageError(name, "holds no picture")
        last = count - 1 if self.last is None else self.last
        if last >= count:
            raise no_frame(name, last, count)
        return range(self.first, last + 1)

    def __str__(self) -> str:
        """Return it as typed."""
        return ALL if self.last is None else f"{self.first}..{self.last}"


def no_frame(name: str, frame: int, count: int) -> ImageError:
    """Return the error that a file of `count` frames does not have a frame."""
    has = f"it has {count} frames, counted from 0" if count > 1 else "it has a single frame"
    return ImageError(name, f"has no frame {frame}: {has}")


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
