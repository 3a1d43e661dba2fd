"""The rows of a picture that is stored in blocks, or of a region of it."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.pictures.picture import Picture
from convcli.pictures.regions.properties import LargePicture, Properties, Storage
from convcli.pictures.regions.reading.bands import Bands
from convcli.pictures.regions.reading.failures import reported
from convcli.pictures.regions.region import Region

__all__ = ["StoredRows"]


class StoredRows(LargePicture):
    """The rows of a picture; see `LargePicture`.

    Parameters
    ----------
    name : str
        The name to use in messages.
    shape : (int, int, int)
        Height, width and samples per pixel of the whole picture.
    dtype : dtype
        Of the samples.
    block_rows : int
        Rows that are stored together.
    region : Region or None
        Which part to read.

    Raises
    ------
    ImageError
        The region does not lie in the picture.
    """

    def __init__(
        self,
        name: str,
        shape: tuple[int, int, int],
        dtype: np.dtype[Any],
        block_rows: int,
        region: Region | None,
    ) -> None:
        super().__init__()
        height, width, samples = shape
        self.name = name
        self.window = region or Region(0, 0, width, height)
        self.window.check(name, height, width)
        read = self.window.top + self.window.height, self.window.width, samples
        self.bands = Bands(self.decode, read, dtype, block_rows)

    def describe(self, block: tuple[int, int], storage: Storage) -> Properties:
        """Return the properties, for rows and columns that are stored together."""
        pixel = self.to_picture(np.zeros((1, 1, self.bands.shape[2]), self.bands.dtype))
        return Properties.of(pixel, self.window.height, self.window.width, block, storage)

    def read(self, start: int, stop: int, jobs: int | None = None) -> Picture:
        """Read rows of the window."""
        with reported(self.name):
            top = self.window.top
            return self.to_picture(self.bands.read(top + start, top + stop, jobs))

    @abstractmethod
    def decode(self, rows: NDArray[Any], start: int, jobs: int | None) -> None:
        """Fill rows (N, W, S) of the window with those of the picture from `start` on."""

    @abstractmethod
    def to_picture(self, samples: NDArray[Any]) -> Picture:
        """Make a picture of samples (N, W, S)."""
