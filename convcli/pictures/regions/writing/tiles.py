"""Cuts rows that come in order into tiles, compresses and writes them."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.parallel import WorkQueue, parallel_for, thread_count
from convcli.pictures.regions.writing.bigtiff import BigTiff
from convcli.pictures.regions.writing.compression import TileCompression
from convcli.pictures.regions.writing.levels import BandRows

__all__ = ["TileRows"]

GROUP = 32  # tiles that are compressed before they are written


class TileRows(BandRows):
    """The tiles of a page or level, written as its rows come.

    Parameters
    ----------
    file : BigTiff
    shape : (int, int, int)
        Height, width and samples per pixel.
    dtype : dtype
    tile : (int, int)
        Rows and columns of a tile.
    compression : TileCompression
    jobs : int, optional
        Maximum number of threads (default: one per available CPU core).

    Attributes
    ----------
    offsets, lengths : array of int
        Of the tiles that have been written.
    """

    def __init__(
        self,
        file: BigTiff,
        shape: tuple[int, int, int],
        dtype: np.dtype[Any],
        tile: tuple[int, int],
        compression: TileCompression,
        jobs: int | None,
    ) -> None:
        super().__init__(shape, dtype, tile[0])
        self.file = file
        self.tile = tile
        self.compression = compression
        self.jobs = jobs
        self.offsets, self.lengths = array("Q"), array("Q")

    def write_band(self, top: int, band: NDArray[Any]) -> None:  # noqa: ARG002 -- bands come in order
        """Write a row of tiles; what lies beyond the edges repeats the last pixels."""
        lefts = range(0, self.shape[1], self.tile[1])
        for first in range(0, len(lefts), GROUP):
            group = lefts[first : first + GROUP]
            encoded: list[bytes | memoryview] = [b""] * len(group)

            def work(
                queue: WorkQueue, group: range = group, encoded: list[bytes | memoryview] = encoded
            ) -> None:
                for number in queue:
                    encoded[number] = self.compression.encode(self._cut(band, group[number]))

            threads = 1 if self.compression.family == "none" else thread_count(self.jobs, len(group))
            parallel_for(range(len(group)), work, threads)
            for data in encoded:
                self.offsets.append(self.file.append(data))
                self.lengths.append(len(data))

    def _cut(self, band: NDArray[Any], left: int) -> NDArray[Any]:
        tile = band[:, left : left + self.tile[1]]
        missing = self.tile[0] - tile.shape[0], self.tile[1] - tile.shape[1]
        if any(missing):
            tile = np.pad(tile, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge")
        return np.ascontiguousarray(tile)
