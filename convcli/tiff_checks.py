"""TIFF files checked for damage that decoders let pass: parts that are missing are left black.

Source: Adobe, TIFF revision 6.0 (1992), sections 2, 8 and 15; BigTIFF as libtiff describes it.
"""

import struct
from collections.abc import Mapping
from typing import Any, BinaryIO

from convcli.errors import ImageError

__all__ = ["check_directory", "check_parts"]

BYTES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
STRIP_OFFSETS, ROWS_PER_STRIP, STRIP_COUNTS = 273, 278, 279
TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS, TILE_COUNTS = 322, 323, 324, 325
WIDTH, HEIGHT, SAMPLES, PLANAR = 256, 257, 277, 284
APART = 2  # a plane of each sample
HEADER = 8  # bytes, before which nothing else can lie


def check_directory(stream: BinaryIO, name: str, offset: int) -> None:
    """Check that a page's directory lies in the file, and all values that it points to.

    Raises
    ------
    ImageError
        One does not: the file is cut, or damaged.
    """
    size = stream.seek(0, 2)
    stream.seek(0)
    head = stream.read(4)
    order = "<" if head[:2] == b"II" else ">"
    big = 43 in head[2:]
    number, entry, word = ("Q", "HHQ", 8) if big else ("H", "HHI", 4)
    stream.seek(offset)
    count = stream.read(struct.calcsize(f"{order}{number}"))
    if len(count) < struct.calcsize(f"{order}{number}"):
        raise _cut(name)
    length = struct.calcsize(f"{order}{entry}") + word
    entries = stream.read(min(struct.unpack(f"{order}{number}", count)[0], 1 << 16) * length)
    if len(entries) < struct.unpack(f"{order}{number}", count)[0] * length:
        raise _cut(name)
    for place in range(0, len(entries), length):
        _, kind, values = struct.unpack_from(f"{order}{entry}", entries, place)
        (where,) = struct.unpack_from(f"{order}{'Q' if big else 'I'}", entries, place + length - word)
        if values * BYTES.get(kind, 0) > word and where + values * BYTES[kind] > size:
            raise _cut(name)


def _cut(name: str) -> ImageError:
    return ImageError(name, "is cut short, or damaged: its directory points behind its end")


def check_parts(tags: Mapping[int, Any], name: str) -> None:
    """Check that a page says of all its strips or tiles where they lie.

    Raises
    ------
    ImageError
        It does not.
    """
    width, height = tags[WIDTH], tags[HEIGHT]
    tiled = STRIP_OFFSETS not in tags
    across, down = (tags.get(TILE_WIDTH, 0), tags.get(TILE_LENGTH, 0)) if tiled else (width, height)
    if not tiled and ROWS_PER_STRIP in tags:
        down = min(tags[ROWS_PER_STRIP], height)
    if not (isinstance(across, int) and isinstance(down, int) and across > 0 and down > 0):
        raise ImageError(name, "is damaged: its strips or tiles have no size")
    planes = tags.get(SAMPLES, 1) if tags.get(PLANAR) == APART else 1
    needed = -(-width // across) * -(-height // down) * planes
    offsets = tags.get(TILE_OFFSETS if tiled else STRIP_OFFSETS, ())
    counts = tags.get(TILE_COUNTS if tiled else STRIP_COUNTS)
    there = min(len(offsets), len(offsets if counts is None else counts))
    if there < needed or any(offset < HEADER for offset in offsets):
        raise ImageError(name, f"is damaged: of {needed} parts it names {min(there, needed)}")
