"""A picture in memory, whose rows are handed out as those of a huge one are."""

from __future__ import annotations

from convcli.pictures.picture import Picture
from convcli.pictures.regions.cutting import cut
from convcli.pictures.regions.properties import UNKNOWN_STORAGE, LargePicture, Properties

__all__ = ["WholePicture"]


class WholePicture(LargePicture):
    """A picture in memory; results of it are stored with deflate.

    Examples
    --------
    >>> import numpy as np
    >>> whole = WholePicture(Picture(np.array([[1, 2], [3, 4], [5, 6]], np.uint8)))
    >>> whole.properties.size, whole.read(1, 3).pixels.tolist()
    ((3, 2, 1), [[3, 4], [5, 6]])
    """

    def __init__(self, picture: Picture) -> None:
        super().__init__()
        self._picture = picture
        height, width = picture.shape[:2]
        storage = UNKNOWN_STORAGE._replace(compression="deflate")
        self.properties = Properties.of(picture, height, width, (1, width), storage)

    def read(self, start: int, stop: int, jobs: int | None = None) -> Picture:  # noqa: ARG002 -- nothing is decoded
        """Return the rows from `start` to `stop`."""
        return cut(self._picture, slice(start, stop))
