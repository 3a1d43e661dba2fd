"""Reads the pixels of PNG files with zlib and the compiled core."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from convcli.pictures.damage.png import ADAM7

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["PixelReader"]

INPUT_BYTES = 1 << 16  # decompressed at a time: zlib copies what it leaves for later
OUTPUT_BYTES = 1 << 18  # at most, each time: they are still in the cache when their filters are undone
WHOLE = ((0, 0, 1, 1),)  # the only pass of a picture that is not interlaced


class PixelReader:
    """Decompresses rows and undoes their filters.

    Parameters
    ----------
    height, width, channels, depth : int
        Of the file; 8 or 16 bits.
    interlaced : bool

    Attributes
    ----------
    found : int
        How many bytes of rows `read` has found so far.
    """

    def __init__(
        self, height: int, width: int, channels: int, depth: int, *, interlaced: bool = False
    ) -> None:
        self._channels, self._pixel_bytes = channels, channels * depth // 8
        self._passes = [
            (left, top, across, down, -(-(width - left) // across), -(-(height - top) // down))
            for left, top, across, down in (ADAM7 if interlaced else WHOLE)
            if left < width and top < height
        ]
        self._inflater = zlib.decompressobj()
        self._expected = sum(rows * (1 + columns * self._pixel_bytes) for *_, columns, rows in self._passes)
        self.found = 0

    @property
    def missing(self) -> int:
        """How many bytes are missing."""
        return self._expected - self.found

    def read(self, compressed: Iterable[bytes], pixels: Buffer) -> bool:
        """Write pixels, and return whether all of the data was needed, is whole, and has the right checksum.

        Parameters
        ----------
        compressed : iterable of bytes
            The contents of the chunks IDAT.
        pixels : buffer (H, W) or (H, W, S)
            Of uint8 or uint16; samples beyond the channels of the file become opaque.

        Raises
        ------
        zlib.error
            The compressed data is damaged.
        ValueError
            A row has an unknown filter.
        """
        from convcli.compiled import core  # late: it may not be installed

        parts = self._inflated(compressed)
        data = bytearray()
        for left, top, across, down, columns, rows in self._passes:
            above = bytearray(columns * self._pixel_bytes)
            row, row_bytes = 0, len(above) + 1
            while row < rows:
                count = min(len(data) // row_bytes, rows - row)
                if not count:
                    part = next(parts, b"")
                    if not part:
                        return False
                    data += part
                    self.found = min(self._expected, self.found + len(part))
                    continue
                with memoryview(data)[: count * row_bytes] as whole:
                    core.png_unfilter(
                        whole, above, pixels, self._channels, top + row * down, down, left, across
                    )
                del data[: count * row_bytes]
                row += count
        return not data and not next(parts, b"") and self._inflater.eof

    def _inflated(self, compressed: Iterable[bytes]) -> Iterator[bytes]:
        for block in compressed:
            for start in range(0, len(block), INPUT_BYTES):
                piece = block[start : start + INPUT_BYTES]
                while piece:
                    part = self._inflater.decompress(piece, OUTPUT_BYTES)
                    piece = self._inflater.unconsumed_tail
                    if part:
                        yield part
        while part := self._inflater.decompress(b"", OUTPUT_BYTES):
            yield part
