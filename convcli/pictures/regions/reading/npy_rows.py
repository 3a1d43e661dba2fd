"""Reads rows of ``.npy`` files."""

from __future__ import annotations

from math import prod
from typing import Any, BinaryIO

from numpy.typing import NDArray

from convcli.errors import ImageError, MatrixError
from convcli.pictures.arrays import image_array
from convcli.pictures.npy import MAX_COLORS, NpyHeader, read_npy_header
from convcli.pictures.picture import Picture, PictureKind
from convcli.pictures.regions.properties import UNKNOWN_STORAGE
from convcli.pictures.regions.reading.file_bytes import FileBytes
from convcli.pictures.regions.reading.stored_rows import StoredRows
from convcli.pictures.regions.region import Region

__all__ = ["NpyRows", "open_npy_rows"]


def open_npy_rows(stream: BinaryIO, name: str, region: Region | None) -> NpyRows | None:
    """Open an array (H, W) or (H, W, C) of a file, or return None if it is to be read whole.

    Raises
    ------
    ImageError
        It is damaged or truncated, or does not have that region.
    """
    stream.seek(0)
    try:
        header = read_npy_header(stream, name)
    except MatrixError as error:
        raise ImageError(error.what, error.why) from None
    shape, offset = header.shape, stream.tell()
    if len(shape) not in (2, 3) or not all(shape) or header.is_fortran or shape[2:] > (MAX_COLORS,):
        return None
    return NpyRows(FileBytes(stream, name), header, offset, region)


class NpyRows(StoredRows):
    """The rows of an array; see `LargePicture`.

    Parameters
    ----------
    source : FileBytes
    header : NpyHeader
    offset : int
        Where the values begin.
    region : Region or None
        Which part to read.
    """

    def __init__(self, source: FileBytes, header: NpyHeader, offset: int, region: Region | None) -> None:
        needed = prod(header.shape) * header.dtype.itemsize
        if offset + needed > source.length:
            found = source.length - offset
            raise ImageError(source.name, f"is truncated: it holds {found} of {needed} bytes")
        height, width, channels = (*header.shape, 1)[:3]
        super().__init__(source.name, (height, width, channels), header.dtype, 1, region)
        self._source, self._offset = source, offset
        self._width, self._axes = width, len(header.shape)
        self.properties = self.describe((1, width), UNKNOWN_STORAGE)

    def to_picture(self, samples: NDArray[Any]) -> Picture:
        """Make a picture of values (N, W, C)."""
        pixels = samples if self._axes == 3 else samples[..., 0]
        return Picture(image_array(pixels), kind=PictureKind.ARRAY)

    def decode(self, rows: NDArray[Any], start: int, jobs: int | None) -> None:  # noqa: ARG002 -- one read
        """Read rows of the window."""
        pixel_bytes = rows.shape[2] * rows.itemsize
        row_bytes = self._width * pixel_bytes
        if rows.shape[1] == self._width:
            self._source.read_into(self._offset + start * row_bytes, rows)
            return
        first = self._offset + self.window.left * pixel_bytes
        for number, row in enumerate(rows, start):
            self._source.read_into(first + number * row_bytes, row)
