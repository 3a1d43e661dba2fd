"""Checks the strips and tiles of TIFF pages before they are decoded.

Decoders leave missing ones zero, complete those that end early, and make room for the size that a part says
it has, whatever the page says.
"""

from __future__ import annotations

import io
import math
from typing import Any, BinaryIO, NamedTuple

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

from convcli.errors import ImageError
from convcli.pictures.damage.jpeg import find_scans, pad_scans
from convcli.pictures.formats.unsupported import CONTAINED, JPEG, JPEG_XL, LZW
from convcli.pictures.headers.jpeg import read_frame
from convcli.pictures.headers.jpeg2000 import read_jpeg2000
from convcli.pictures.headers.jpegxl import read_jpegxl
from convcli.pictures.headers.tiff_tags import SEPARATE_PLANES

__all__ = ["PartPlaces", "PartSize", "check_parts", "decode_part", "list_parts", "part_size"]

LZW_END = 257  # the last code
MAX_PARTS = 1 << 22  # strips or tiles of a page


class PartSize(NamedTuple):
    """Width, height and samples per pixel of a strip or tile."""

    width: int
    height: int
    samples: int


class PartPlaces(NamedTuple):
    """Offsets and lengths in bytes of the strips or tiles of a page."""

    offsets: NDArray[np.uint64]
    lengths: NDArray[np.uint64]


def part_size(page: tifffile.TiffPage) -> PartSize:
    """Return the size of the strips or tiles of a page."""
    samples = 1 if int(page.planarconfig) == SEPARATE_PLANES else page.samplesperpixel
    if page.is_tiled:
        return PartSize(page.tilewidth, page.tilelength, samples)
    return PartSize(page.imagewidth, min(page.rowsperstrip, page.imagelength), samples)


def check_parts(page: tifffile.TiffPage, stream: BinaryIO, file_bytes: int, name: str) -> None:
    """Check that every strip or tile is there, and does not end early.

    Raises
    ------
    ImageError
        One is missing, truncated or damaged.
    """
    places = list_parts(page, file_bytes, name)
    if page.compression in {LZW, *CONTAINED}:
        for index, (offset, count) in enumerate(zip(places.offsets, places.lengths, strict=True)):
            stream.seek(int(offset))
            _check_part(page, stream.read(int(count)), index, name)


def list_parts(page: tifffile.TiffPage, file_bytes: int, name: str) -> PartPlaces:
    """Return where the strips or tiles are, after checking that all lie in the file.

    Raises
    ------
    ImageError
        There are too many, or one is missing or lies beyond the end of the file.
    """
    needed = math.prod(page.chunked)
    if needed > MAX_PARTS:
        raise ImageError(name, f"has {needed} strips or tiles, more than {MAX_PARTS}")
    offsets, lengths = (
        np.array(values[:needed], np.uint64) for values in (page.dataoffsets, page.databytecounts)
    )
    shorter = min(len(offsets), len(lengths))
    offsets, lengths = offsets[:shorter], lengths[:shorter]
    listed = int(np.count_nonzero((offsets > 0) & (lengths > 0)))
    if listed < needed:
        raise ImageError(name, f"is damaged: it lists {listed} of its {needed} parts")
    if max(offsets.max(), lengths.max()) > file_bytes or (offsets + lengths).max() > file_bytes:
        raise ImageError(name, "is truncated: a part of its pixels lies beyond the end of the file")
    return PartPlaces(offsets, lengths)


def _check_part(page: tifffile.TiffPage, data: bytes, index: int, name: str) -> NDArray[Any] | None:
    """Check that a strip or tile does not end early; return its samples if they had to be decoded.

    Raises
    ------
    ImageError
        It is truncated or damaged.
    """
    if page.compression == LZW and page.fillorder == 1:
        _check_lzw(page, data, name)
    elif page.compression == JPEG:
        return _check_jpeg(page, data, index, name)
    elif page.compression in CONTAINED:
        _check_contained(page, data, name)
    return None


def decode_part(page: tifffile.TiffPage, data: bytes, index: int, name: str) -> NDArray[Any]:
    """Return the samples (H, W, S) of a strip or tile, which may reach beyond the edges of the page.

    Raises
    ------
    ImageError
        It is truncated or damaged. Decoders may raise anything else.
    """
    samples = _check_part(page, data, index, name)
    return _decode(page, data, index) if samples is None else samples


def _decode(page: tifffile.TiffPage, data: bytes, index: int, **tables: Any) -> NDArray[Any]:
    samples: Any = page.decode(data, index, **tables)[0]
    return np.asarray(samples[0])


def _check_lzw(page: tifffile.TiffPage, data: bytes, name: str) -> None:
    """Check that a part does not lack the end of its last code: imagecodecs takes missing bits for zeros.

    Most parts end with a mark. One without it is decoded twice, with other bits behind it.
    """
    size = part_size(page)
    expected = size.width * size.height * size.samples * np.dtype(page.dtype).itemsize
    bits = int.from_bytes(data[-4:])
    if any(bits >> padding & 0x1FF == LZW_END for padding in range(8)):
        return
    if imagecodecs.lzw_decode(data, out=expected) != imagecodecs.lzw_decode(data + b"\xff", out=expected):
        raise ImageError(name, "is damaged: a part of its pixels ends early")


def _check_jpeg(page: tifffile.TiffPage, data: bytes, index: int, name: str) -> NDArray[Any]:
    """Check that a JPEG part does not lack pixels: if it does, extra data after its scans becomes pixels."""
    part = io.BytesIO(data)
    frame = read_frame(part)
    if frame is None or not _fits(page, frame.width, frame.height, frame.components):
        raise ImageError(name, "is damaged: a part of it has another size than it says")
    scans = find_scans(part, name)
    tables: Any = {"jpegtables": page.jpegtables, "jpegheader": page.jpegheader}
    samples = _decode(page, data, index, **tables)
    if not scans.arithmetic:
        padded = _decode(page, pad_scans(part, scans.ends), index, **tables)
        if not np.array_equal(samples, padded):
            raise ImageError(name, "is damaged: some of its pixels are missing")
    return samples


def _check_contained(page: tifffile.TiffPage, data: bytes, name: str) -> None:
    """Check the header of a JPEG 2000 or JPEG XL part, and that a JPEG 2000 part has its end."""
    if page.compression in JPEG_XL:
        header = read_jpegxl(io.BytesIO(data), name)
        samples = (1 if header.gray else 3) + len(header.extra)
        (height, width), bits, is_other = header.size, header.bits, header.floats or header.animated
    else:
        codestream = read_jpeg2000(io.BytesIO(data), name)
        (height, width), bits, samples = codestream.size, codestream.bits, codestream.components
        is_other = codestream.signed or codestream.subsampled or codestream.palette
    if is_other or bits != page.bitspersample or not _fits(page, width, height, samples):
        raise ImageError(name, "is damaged: a part of it has another size or depth than it says")


def _fits(page: tifffile.TiffPage, width: int, height: int, samples: int) -> bool:
    size = part_size(page)
    return width <= size.width and height <= size.height and samples == size.samples
