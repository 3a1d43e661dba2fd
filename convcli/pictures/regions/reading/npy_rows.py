"""Reads rows of ``.npy`` files."""

from __future__ import annotations

from math import prod
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from convcli.errors import ImageError, MatrixError
from convcli.pictures.arrays import image_array
from convcli.pictures.npy import MAX_COLORS, NpyHeader, read_npy_header
from convcli.pictures.picture import Picture, PictureKind
from convcli.pictures.regions.properties import UNKNOWN_STORAGE, LargePicture, Properties
from convcli.pictures.regions.reading.bands import Bands
from convcli.pictures.regions.reading.failures import reported
from convcli.pictures.regions.reading.file_bytes import FileBytes
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


class NpyRows(LargePicture):
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
        super().__init__()
        height, width, channels = (*header.shape, 1)[:3]
        self._source, self._offset, self._dtype = source, offset, header.dtype
        self._row = width, channels
        needed = prod(header.shape) * header.dtype.itemsize
        if offset + needed > source.length:
            found = source.length - offset
            raise ImageError(source.name, f"is truncated: it holds {found} of {needed} bytes")
        self._axes = len(header.shape)
        self._window = region or Region(0, 0, width, height)
        self._window.check(source.name, height, width)
        shape = self._window.top + self._window.height, self._window.width, channels
        self._bands = Bands(self._decode, shape, header.dtype, 1)
        one = self._to_picture(np.zeros((1, 1, channels), header.dtype))
        size = self._window.height, self._window.width, channels
        block = 1, width
        self.properties = Properties(
            size, one.pixel_format, one.kind, False, None, None, (), block, UNKNOWN_STORAGE
        )

    def read(self, start: int, stop: int, jobs: int | None = None) -> Picture:
        """Read rows of the window."""
        with reported(self._source.name):
            top = self._window.top
            return self._to_picture(self._bands.read(top + start, top + stop, jobs))

    def _to_picture(self, samples: NDArray[Any]) -> Picture:
        pixels = samples if self._axes == 3 else samples[..., 0]
        return Picture(image_array(pixels), kind=PictureKind.ARRAY)

    def _decode(self, rows: NDArray[Any], start: int, jobs: int | None) -> None:  # noqa: ARG002 -- one read
        width, channels = self._row
        row_bytes = width * channels * self._dtype.itemsize
        if rows.shape[1] == width:
            self._source.read_into(self._offset + start * row_bytes, rows)
            return
        first = self._window.left * channels * self._dtype.itemsize
        for number, row in enumerate(rows):
            self._source.read_into(self._offset + (start + number) * row_bytes + first, row)
