"""Finds the pages of a TIFF, and checks for damage that decoders accept: missing parts, which become black.

Source: Adobe, TIFF revision 6.0 (1992), sections 2, 8 and 15; BigTIFF as libtiff describes it.
"""

import io
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Literal, NamedTuple

from convcli.errors import ImageError

__all__ = [
    "check_directory",
    "check_parts",
    "header_of_page",
    "page_offset",
    "page_offsets",
]

# The last three are BigTIFF types.
TYPE_BYTES = dict(enumerate((1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4), 1)) | {16: 8, 17: 8, 18: 8}
STRIP_OFFSETS, ROWS_PER_STRIP, STRIP_COUNTS = 273, 278, 279
TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS, TILE_COUNTS = 322, 323, 324, 325
WIDTH, HEIGHT, SAMPLES, PLANAR = 256, 257, 277, 284
SEPARATE_PLANES = 2  # planar configuration: a separate plane for each sample
MAX_OFFSET = (1 << 63) - 1  # where a file can be read
HEADER = 8  # bytes at the start of the file, where no part can lie


class _Layout(NamedTuple):
    """How a TIFF writes its numbers."""

    order: Literal["little", "big"]
    count_bytes: int  # of the number of entries in a directory
    offset_bytes: int

    @classmethod
    def read(cls, stream: BinaryIO) -> "_Layout":
        """Read the header of a classic TIFF or a BigTIFF."""
        stream.seek(0)
        head = stream.read(4)
        sizes = (8, 8) if 43 in head[2:] else (2, 4)
        return cls("little" if head[:2] == b"II" else "big", *sizes)

    @property
    def entry_bytes(self) -> int:
        """Bytes of an entry: tag, type, count, and the values or their offset."""
        return 4 + 2 * self.offset_bytes

    @property
    def first_offset(self) -> int:
        """Where the header gives the offset of the first directory."""
        return self.offset_bytes


def page_offsets(stream: BinaryIO) -> Iterator[int]:
    """Yield the offset of the directory of each page, up to the end of the chain or where it closes a circle.

    Takes two short reads per page.
    """
    layout = _Layout.read(stream)
    seen = set[int]()
    position = layout.first_offset
    while True:
        stream.seek(position)
        offset = int.from_bytes(stream.read(layout.offset_bytes), layout.order)
        if not offset or offset in seen or offset > MAX_OFFSET:
            return
        yield offset
        seen.add(offset)
        stream.seek(offset)
        count = int.from_bytes(stream.read(layout.count_bytes), layout.order)
        position = min(offset + layout.count_bytes + count * layout.entry_bytes, MAX_OFFSET)


def page_offset(stream: BinaryIO, name: str, page: int) -> int:
    """Return the offset of a page's directory.

    Raises
    ------
    ImageError
        There are fewer pages.
    """
    count = 0
    for number, offset in enumerate(page_offsets(stream)):
        if number == page:
            return offset
        count = number + 1
    has = f"it has {count} frames, counted from 0" if count > 1 else "it has a single frame"
    raise ImageError(name, f"has no frame {page}: {has}")


def header_of_page(stream: BinaryIO, offset: int) -> bytes:
    """Return a header that makes the page with this directory the first one."""
    layout = _Layout.read(stream)
    stream.seek(0)
    return stream.read(layout.first_offset) + offset.to_bytes(layout.offset_bytes, layout.order)


def check_directory(stream: BinaryIO, name: str, offset: int) -> None:
    """Check that a page's directory and all values that it points to lie inside the file.

    Raises
    ------
    ImageError
        They do not: the file is truncated or damaged.
    """
    size = stream.seek(0, io.SEEK_END)
    order, count_bytes, offset_bytes = layout = _Layout.read(stream)
    length = layout.entry_bytes
    stream.seek(offset)
    count = int.from_bytes(stream.read(count_bytes), order)
    if offset + count_bytes + count * length > size:
        raise _truncated(name)
    entries = stream.read(count * length)
    for position in range(0, len(entries), length):
        kind = int.from_bytes(entries[position + 2 : position + 4], order)
        values = int.from_bytes(entries[position + 4 : position + 4 + offset_bytes], order)
        values_offset = int.from_bytes(entries[position + 4 + offset_bytes : position + length], order)
        values_bytes = values * TYPE_BYTES.get(kind, 0)
        if values_bytes > offset_bytes and values_offset + values_bytes > size:
            raise _truncated(name)


def _truncated(name: str) -> ImageError:
    return ImageError(name, "is truncated or damaged: its directory points beyond the end of the file")


def check_parts(tags: Mapping[int, Any], name: str) -> None:
    """Check that a page lists the offsets of all its strips or tiles.

    Raises
    ------
    ImageError
        Some are missing.
    """
    width, height = tags[WIDTH], tags[HEIGHT]
    tiled = STRIP_OFFSETS not in tags
    across, down = (tags.get(TILE_WIDTH, 0), tags.get(TILE_LENGTH, 0)) if tiled else (width, height)
    if not tiled and ROWS_PER_STRIP in tags:
        down = min(tags[ROWS_PER_STRIP], height)
    if not (isinstance(across, int) and isinstance(down, int) and across > 0 and down > 0):
        raise ImageError(name, "is damaged: its strips or tiles have no size")
    planes = tags.get(SAMPLES, 1) if tags.get(PLANAR) == SEPARATE_PLANES else 1
    needed = -(-width // across) * -(-height // down) * planes
    offsets = tags.get(TILE_OFFSETS if tiled else STRIP_OFFSETS, ())
    counts = tags.get(TILE_COUNTS if tiled else STRIP_COUNTS)
    listed = min(len(offsets), len(offsets if counts is None else counts))
    if listed < needed or any(offset < HEADER for offset in offsets):
        raise ImageError(name, f"is damaged: it lists {min(listed, needed)} of its {needed} parts")
