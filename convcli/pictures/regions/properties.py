"""What is known of a huge picture before its pixels are read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple, Self

from convcli.pictures.limits import Size
from convcli.pictures.picture import PictureKind

if TYPE_CHECKING:
    from types import TracebackType

    from convcli.pictures.picture import Picture

__all__ = ["UNKNOWN_STORAGE", "LargePicture", "Properties", "Storage"]


class Storage(NamedTuple):
    """How the pixels of a file are stored, which a result inherits.

    Attributes
    ----------
    compression : str
        The family: ``none``, ``deflate``, ``lzw``, ``jpeg``, ``zstd`` and others.
    tile : (int, int) or None
        Rows and columns of a tile or chunk; None for strips.
    has_predictor : bool
        Whether values are stored as differences.
    description : str
        The text of ImageDescription, which may be OME-XML.
    pixel_size : (float, float) or None
        Height and width of a pixel, in `unit`.
    unit : str
        Such as ``µm``; empty if there is no pixel size.
    """

    compression: str = "none"
    tile: tuple[int, int] | None = None
    has_predictor: bool = False
    description: str = ""
    pixel_size: tuple[float, float] | None = None
    unit: str = ""

    def strided(self, rows: float, columns: float) -> Storage:
        """Return the same for pixels that are so many times as high and wide, as those of a strided result.

        Examples
        --------
        >>> Storage(pixel_size=(0.25, 0.25), unit="µm").strided(2, 2).pixel_size
        (0.5, 0.5)
        """
        if self.pixel_size is None:
            return self
        height, width = self.pixel_size
        return self._replace(pixel_size=(height * rows, width * columns))


UNKNOWN_STORAGE = Storage()


class Properties(NamedTuple):
    """What is known of a picture before its pixels are read.

    Attributes
    ----------
    size : (int, int, int)
        Height, width and channels (without alpha), of the level and region that are read.
    dtype : str
        Of the pixels, such as ``uint8``.
    kind : PictureKind
    has_alpha : bool
    profile : bytes or None
        ICC profile.
    resolution : (float, float) or None
        Dots per inch, horizontally and vertically.
    notes : tuple of str
        What could not be kept.
    block : (int, int)
        Rows and columns that are stored together: a tile, a strip, a chunk; (1, W) if any rows can be read
        alone.
    storage : Storage
    """

    size: Size
    dtype: str
    kind: PictureKind
    has_alpha: bool
    profile: bytes | None
    resolution: tuple[float, float] | None
    notes: tuple[str, ...]
    block: tuple[int, int]
    storage: Storage

    @classmethod
    def of(
        cls, picture: Picture, height: int, width: int, block: tuple[int, int], storage: Storage
    ) -> Properties:
        """Return the properties of a picture of that size which is otherwise like one in memory."""
        return cls(
            (height, width, picture.channels),
            picture.pixel_format,
            picture.kind,
            picture.has_alpha,
            picture.profile,
            picture.resolution,
            picture.notes,
            block,
            storage,
        )


class LargePicture(ABC):
    """A picture whose rows are read when they are needed.

    Attributes
    ----------
    properties : Properties
        What is known before pixels are read.
    opened : ExitStack
        What is closed with the picture.
    """

    properties: Properties

    def __init__(self) -> None:
        self.opened = ExitStack()

    @abstractmethod
    def read(self, start: int, stop: int, jobs: int | None = None) -> Picture:
        """Read the rows from `start` to `stop`, of the whole width.

        Rows that are read in order are decoded once, even where the ranges overlap. The pixels must not be
        written to.

        Parameters
        ----------
        start, stop : int
            At least one row of the picture.
        jobs : int, optional
            Maximum number of threads (default: one per available CPU core).

        Raises
        ------
        ImageError
            The file is damaged there, or cannot be read.
        """

    def close(self) -> None:
        """Close the file, unless the caller opened it."""
        self.opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
