"""Checks the strips and tiles of TIFF pages before they are decoded.

Decoders leave missing ones zero, complete those that end early, and make room for the size that a part says
it has, whatever the page says.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

import imagecodecs
import numpy as np
import tifffile

from convcli.errors import ImageError
from convcli.pictures.damage.jpeg import find_scans, pad_scans
from convcli.pictures.formats.unsupported import CONTAINED, JPEG, JPEG_XL, LZW
from convcli.pictures.headers.jpeg import read_frame
from convcli.pictures.headers.jpeg2000 import read_jpeg2000
from convcli.pictures.headers.jpegxl import read_jpegxl
from convcli.pictures.headers.tiff_tags import SEPARATE_PLANES

__all__ = ["PartSize", "check_parts", "part_size"]

LZW_END = 257  # the last code
MAX_PARTS = 1 << 22  # strips or tiles of a page


class PartSize(NamedTuple):
    """Width, height and samples per pixel of a strip or tile."""

    width: int
    height: int
    samples: int


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
    needed = math.prod(page.chunked)
    if needed > MAX_PARTS:
        raise ImageError(name, f"has {needed} strips or tiles, more than {MAX_PARTS}")
    offsets, counts = page.dataoffsets[:needed], page.databytecounts[:needed]
    listed = sum(1 for offset, count in zip(offsets, counts, strict=False) if offset and count)
    if listed < needed:
        raise ImageError(name, f"is damaged: it lists {listed} of its {needed} parts")
    if any(offset + count > file_bytes for offset, count in zip(offsets, counts, strict=True)):
        raise ImageError(name, "is truncated: a part of its pixels lies beyond the end of the file")
    if page.compression == LZW and page.fillorder == 1:
        _check_lzw(page, stream, name)
    elif page.compression == JPEG:
        _check_jpeg(page, stream, name)
    elif page.compression in CONTAINED:
        _check_contained(page, stream, name)


def _parts(page: tifffile.TiffPage, stream: BinaryIO) -> Iterator[bytes]:
    """Yield the bytes of each strip or tile."""
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
        stream.seek(offset)
        yield stream.read(count)


def _check_lzw(page: tifffile.TiffPage, stream: BinaryIO, name: str) -> None:
    """Check that no part lacks the end of its last code: imagecodecs takes missing bits for zeros.

    Most parts end with a mark. One without it is decoded twice, with other bits behind it.
    """
    size = part_size(page)
    expected = size.width * size.height * size.samples * np.dtype(page.dtype).itemsize
    for data in _parts(page, stream):
        bits = int.from_bytes(data[-4:])
        if any(bits >> padding & 0x1FF == LZW_END for padding in range(8)):
            continue
        if imagecodecs.lzw_decode(data, out=expected) != imagecodecs.lzw_decode(data + b"\xff", out=expected):
            raise ImageError(name, "is damaged: a part of its pixels ends early")


def _check_jpeg(page: tifffile.TiffPage, stream: BinaryIO, name: str) -> None:
    """Check that no JPEG part lacks pixels: if it does, extra data after its scans becomes pixels."""
    tables: Any = {"jpegtables": page.jpegtables, "jpegheader": page.jpegheader}
    for index, data in enumerate(_parts(page, stream)):
        part = io.BytesIO(data)
        frame = read_frame(part)
        if frame is None or not _fits(page, frame.width, frame.height, frame.components):
            raise ImageError(name, "is damaged: a part of it has another size than it says")
        scans = find_scans(part, name)
        padded = pad_scans(part, scans.ends)
        whole, again = (np.asarray(page.decode(one, index, **tables)[0]) for one in (data, padded))
        if not scans.arithmetic and not np.array_equal(whole, again):
            raise ImageError(name, "is damaged: some of its pixels are missing")


def _check_contained(page: tifffile.TiffPage, stream: BinaryIO, name: str) -> None:
    """Check the headers of JPEG 2000 or JPEG XL parts, and that a JPEG 2000 part has its end."""
    for data in _parts(page, stream):
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
