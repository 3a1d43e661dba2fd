"""The levels of a pyramid, filled with rows that come in order: each is half as large as the one before."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.pictures.picture import Picture
from convcli.pictures.regions.cutting import cut, joined

__all__ = ["BandRows", "Halve", "Level", "chained", "level_sizes"]

Halve = Callable[[Picture], Picture]
"""Returns rows of a picture at half its size: the mean of every two by two pixels."""
Split = Callable[[Picture], Sequence[NDArray[Any]]]
"""Returns the samples (N, W, S) of some rows for each page of a level."""


class BandRows(ABC):
    """Collects rows into bands that are written at once.

    Parameters
    ----------
    shape : (int, int, int)
        Height, width and samples per pixel of all rows together.
    dtype : dtype
    band_rows : int
    """

    def __init__(self, shape: tuple[int, int, int], dtype: np.dtype[Any], band_rows: int) -> None:
        self.shape = shape
        self.dtype = dtype
        self.band_rows = band_rows
        self._band: NDArray[Any] | None = None  # rows of a band that is not complete
        self._filled = self._written = 0

    def push(self, rows: NDArray[Any]) -> None:
        """Add the next rows (N, W, S)."""
        assert self._written + self._filled + len(rows) <= self.shape[0], "more rows than the picture has"
        rows = rows.astype(self.dtype, copy=False)  # whatever comes: the file says that its values are these
        while len(rows):
            wanted = min(self.band_rows, self.shape[0] - self._written)
            if not self._filled and len(rows) >= wanted:
                self._write(rows[:wanted])
                rows = rows[wanted:]
                continue
            if self._band is None:
                self._band = np.empty((self.band_rows, *self.shape[1:]), self.dtype)
            count = min(wanted - self._filled, len(rows))
            self._band[self._filled : self._filled + count] = rows[:count]
            self._filled, rows = self._filled + count, rows[count:]
            if self._filled == wanted:
                self._filled = 0
                self._write(self._band[:wanted])

    @property
    def is_complete(self) -> bool:
        """Whether all rows have been written."""
        return self._written == self.shape[0]

    def _write(self, band: NDArray[Any]) -> None:
        self.write_band(self._written, band)
        self._written += len(band)

    @abstractmethod
    def write_band(self, top: int, band: NDArray[Any]) -> None:
        """Write the rows from `top` on: as many as a band has, or all that are left."""


class Level:
    """A level, and through it all that are smaller.

    Parameters
    ----------
    pages : sequence of BandRows
    split : callable
        Returns the samples of some rows for each page.
    halve : callable, optional
    following : Level, optional
        The next smaller level.
    """

    def __init__(
        self, pages: Sequence[BandRows], split: Split, halve: Halve | None, following: Level | None
    ) -> None:
        self.pages = pages
        self.split = split
        self.halve = halve
        self.following = following
        self._odd: Picture | None = None  # a row that waits for the next

    def write(self, picture: Picture) -> None:
        """Write the next rows, and those of the levels below."""
        for page, samples in zip(self.pages, self.split(picture), strict=True):
            page.push(samples)
        if self.following is None or self.halve is None:
            return
        if self._odd is not None:
            picture = joined([self._odd, picture])
        rows = len(picture.pixels) // 2 * 2
        self._odd = cut(picture, slice(rows, None), copy=True) if rows < len(picture.pixels) else None
        if rows:
            self.following.write(self.halve(cut(picture, slice(rows))))

    def finish(self) -> None:
        """Check that all rows have come."""
        assert all(page.is_complete for page in self.pages), "fewer rows than the picture has"
        if self.following is not None:
            self.following.finish()


def chained(levels: Sequence[Sequence[BandRows]], split: Split, halve: Halve | None) -> Level:
    """Return the largest of the levels whose pages are given, the largest first."""
    *larger, smallest = levels
    level = Level(smallest, split, halve, None)
    for pages in reversed(larger):
        level = Level(pages, split, halve, level)
    return level


def level_sizes(height: int, width: int, side: int) -> list[tuple[int, int]]:
    """Return the sizes of levels, the largest first, until one fits into a square of `side` pixels.

    Examples
    --------
    >>> level_sizes(1000, 700, 256)
    [(1000, 700), (500, 350), (250, 175)]
    """
    sizes = [(height, width)]
    while max(sizes[-1]) > side and min(sizes[-1]) > 1:
        sizes.append((sizes[-1][0] // 2, sizes[-1][1] // 2))
    return sizes
