"""Rows of a picture that is stored in blocks: keeps decoded rows that the next call needs again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Bands", "Decode"]

Decode = Callable[[NDArray[Any], int, "int | None"], None]
"""Fills an array (N, W) or (N, W, S) with the rows from a number on; takes the number of threads, too."""
MIN_KEPT = 7 / 8  # of the rows in memory: copying fewer frees more than the copy takes
FIRST_OVERLAP = 64  # rows that are kept before it is known how many are asked for again


class Bands:
    """Reads ranges of rows, each block once if they are in order.

    A range is decoded to the end of its last block. What is left of that block is kept, and so are the last
    rows, as many as were asked for again before: those that windows around the next rows reach.

    Parameters
    ----------
    decode : callable
        Decodes rows; they begin at the start of a block or range, and end at the end of a block, or of the
        picture.
    shape : tuple of int
        Height, width and perhaps samples per pixel.
    dtype : dtype
    block_rows : int
        Blocks begin at its multiples.
    overlap : int, optional
        How many of the last rows are asked for again (default: found out by what is read).

    Examples
    --------
    >>> decoded = []
    >>> def decode(rows, start, jobs):
    ...     decoded.append((start, start + len(rows)))
    ...     rows[:, 0, 0] = range(start, start + len(rows))
    >>> bands = Bands(decode, (10, 1, 1), np.dtype(int), 4)
    >>> bands.read(0, 3).ravel().tolist(), bands.read(2, 7).ravel().tolist()
    ([0, 1, 2], [2, 3, 4, 5, 6])
    >>> decoded
    [(0, 4), (4, 8)]
    """

    def __init__(
        self,
        decode: Decode,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        block_rows: int,
        overlap: int | None = None,
    ) -> None:
        self.decode = decode
        self.shape = shape
        self.dtype = dtype
        self.block_rows = block_rows
        self._overlap = overlap
        self._last = (0, 0)
        self._top, self._held = 0, self._nothing()

    def read(self, start: int, stop: int, jobs: int | None = None) -> NDArray[Any]:
        """Return the rows from `start` to `stop`, which must not be written to."""
        if not 0 <= start < stop <= self.shape[0]:
            raise IndexError(f"rows {start} to {stop} of {self.shape[0]}")
        first, last = self._last
        if first <= start < last:
            self._overlap = max(self._overlap or 0, last - start)
        self._last = start, stop
        bottom = self._top + len(self._held)
        if not self._top <= start <= bottom:  # not in order
            self._top = bottom = start
            self._held = self._nothing()
        if stop > bottom:
            self._extend(start, stop, jobs)
        rows = self._held[start - self._top : stop - self._top]
        rows.flags.writeable = False
        self._release(stop)
        return rows

    def _extend(self, start: int, stop: int, jobs: int | None) -> None:
        """Decode what is missing to `stop`, and hold the rows from `start` on."""
        kept = self._held[start - self._top :]
        end = min(-(-stop // self.block_rows) * self.block_rows, self.shape[0])
        held = np.empty((end - start, *self.shape[1:]), self.dtype)
        held[: len(kept)] = kept
        self._top, self._held = start, self._nothing()  # in case decoding fails
        self.decode(held[len(kept) :], start + len(kept), jobs)
        self._held = held

    def _release(self, stop: int) -> None:
        """Keep only the rows that are needed after those before `stop`; a copy, if it is smaller."""
        overlap = max(FIRST_OVERLAP, self.block_rows) if self._overlap is None else self._overlap
        first = max(0, min(stop - overlap, self.shape[0]) - self._top)
        kept = self._held[first:]
        if len(kept) < MIN_KEPT * len(self._held):
            self._top, self._held = self._top + first, kept.copy()

    def _nothing(self) -> NDArray[Any]:
        return np.empty((0, *self.shape[1:]), self.dtype)
