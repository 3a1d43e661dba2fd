"""Several pictures of one file, and what belongs to them besides their pixels."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from convcli.pictures.picture import Picture

__all__ = ["Container", "FrameInfo", "FramePicture", "Frames"]

DEFAULT_DURATION = 100.0  # milliseconds that a frame is shown if its file does not say how long


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

    @property
    def shown(self) -> float:
        """Milliseconds that it is shown, also if its file does not say."""
        return DEFAULT_DURATION if self.duration is None else self.duration


@dataclass(frozen=True)
class Container:
    """What belongs to all frames of a file together.

    Attributes
    ----------
    format : str
        Name of the file format in lower case if it can hold several frames, otherwise an empty string.
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


FramePicture = tuple[Picture, FrameInfo]


class Frames(NamedTuple):
    """The selected frames of a file; each is read when the iterator reaches it."""

    container: Container
    pictures: Iterator[FramePicture]
