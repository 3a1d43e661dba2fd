"""Checks TIFF files for damage that decoders accept: missing parts, which they leave black.

Source: Adobe, TIFF revision 6.0 (1992), sections 2, 8 and 15; BigTIFF as libtiff describes it.
"""

import io
from collections.abc import Mapping
from typing import Any, BinaryIO

from convcli.errors import ImageError
from convcli.pictures.damage.jpeg import find_scans
from convcli.pictures.headers.tiff import MAX_OFFSET, Layout, read_entries
from convcli.pictures.headers.tiff_tags import SEPARATE_PLANES, Tag

__all__ = ["check_directory", "check_jpeg_parts", "check_parts"]

JPEG = 7  # compression
HEADER = 8  # bytes at the start of the file, where no part can lie


def check_directory(stream: BinaryIO, name: str, offset: int) -> None:
    """Check that a page's directory and all values that it points to lie inside the file.

    Raises
    ------
    ImageError
        The file is truncated or damaged.
    """
    size = stream.seek(0, io.SEEK_END)
    try:
        for entry in read_entries(stream, Layout.read(stream), offset):
            if entry.offset is not None and entry.offset + entry.length > size:
                raise _truncated(name)
    except EOFError:
        raise _truncated(name) from None


def _truncated(name: str) -> ImageError:
    return ImageError(name, "is truncated or damaged: its directory points beyond the end of the file")


def check_jpeg_parts(stream: BinaryIO, tags: Mapping[int, Any], name: str) -> None:
    """Check the strips or tiles of a page if they are JPEGs: libjpeg fills in what they lack.

    Raises
    ------
    ImageError
        A part is truncated, or lacks restart markers, or parts overlap.
    """
    if tags.get(Tag.COMPRESSION) != JPEG:
        return
    tiled = Tag.STRIP_OFFSETS not in tags
    offsets = tags.get(Tag.TILE_OFFSETS if tiled else Tag.STRIP_OFFSETS, ())
    counts = tags.get(Tag.TILE_COUNTS if tiled else Tag.STRIP_COUNTS, ())
    parts = set(zip(offsets, counts, strict=False))  # equal parts may be stored once
    if sum(count for _, count in parts) > stream.seek(0, io.SEEK_END):
        raise ImageError(name, "is damaged: its strips or tiles overlap")
    for offset, count in sorted(parts):
        stream.seek(min(offset, MAX_OFFSET))
        find_scans(io.BytesIO(stream.read(count)), name)


def check_parts(tags: Mapping[int, Any], name: str) -> None:
    """Check that a page lists the offsets of all its strips or tiles.

    Raises
    ------
    ImageError
        Some are missing.
    """
    width, height = tags[Tag.WIDTH], tags[Tag.HEIGHT]
    tiled = Tag.STRIP_OFFSETS not in tags
    across, down = (tags.get(Tag.TILE_WIDTH, 0), tags.get(Tag.TILE_LENGTH, 0)) if tiled else (width, height)
    if not tiled and Tag.ROWS_PER_STRIP in tags:
        down = min(tags[Tag.ROWS_PER_STRIP], height)
    if not (isinstance(across, int) and isinstance(down, int) and across > 0 and down > 0):
        raise ImageError(name, "is damaged: its strips or tiles have no size")
    planes = tags.get(Tag.SAMPLES, 1) if tags.get(Tag.PLANAR) == SEPARATE_PLANES else 1
    needed = -(-width // across) * -(-height // down) * planes
    offsets = tags.get(Tag.TILE_OFFSETS if tiled else Tag.STRIP_OFFSETS, ())
    counts = tags.get(Tag.TILE_COUNTS if tiled else Tag.STRIP_COUNTS)
    listed = min(len(offsets), len(offsets if counts is None else counts))
    if listed < needed or any(offset < HEADER for offset in offsets):
        raise ImageError(name, f"is damaged: it lists {min(listed, needed)} of its {needed} parts")
