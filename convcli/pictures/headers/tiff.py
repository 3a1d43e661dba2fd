"""Reads the numbers in a TIFF's directories.

Source: Adobe, TIFF revision 6.0 (1992), section 2; BigTIFF as libtiff describes it.
"""

import struct
from typing import BinaryIO

__all__ = [
    "BITS_PER_SAMPLE", "COMPRESSION", "EXTRA_SAMPLES", "FILL_ORDER", "HEIGHT", "PHOTOMETRIC", "PLANAR",
    "SAMPLES", "SAMPLE_FORMAT", "WIDTH", "Tags", "count_parts", "read_tags",
]  # fmt: skip

WIDTH, HEIGHT, BITS_PER_SAMPLE, COMPRESSION, PHOTOMETRIC, SAMPLES, PLANAR = 256, 257, 258, 259, 262, 277, 284
FILL_ORDER, EXTRA_SAMPLES, SAMPLE_FORMAT = 266, 338, 339
FORMATS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 16: "Q", 17: "q"}  # by type; BigTIFF's at the end
PART_TAGS = {273, 279, 324, 325}  # offsets and lengths of strips and tiles
MAX_ENTRIES, MAX_VALUES = 1000, 64  # a directory has some twenty entries, and few of them many values
Tags = dict[int, tuple[int, ...]]


def read_tags(stream: BinaryIO, offset: int) -> Tags | None:
    """Return the tags of a directory that hold up to 64 whole numbers, or None if it is damaged."""
    try:
        return _read_tags(stream, offset)
    except (struct.error, OSError, OverflowError):  # truncated, or an offset that no file can have
        return None


def count_parts(stream: BinaryIO, offset: int) -> int:
    """Return how many offsets and lengths of strips and tiles a directory lists; 0 if it is damaged."""
    try:
        order, pointer, entries = _read_directory(stream, offset)
    except (struct.error, OSError, OverflowError):
        return 0
    tags = ((struct.unpack_from(f"{order}H", entry)[0], entry) for entry in entries)
    return sum(struct.unpack_from(pointer, entry, 4)[0] for tag, entry in tags if tag in PART_TAGS)


def _read_tags(stream: BinaryIO, offset: int) -> Tags | None:
    order, pointer, entries = _read_directory(stream, offset)
    found = (_read_entry(stream, entry, order, pointer) for entry in entries)
    return {tag: values for tag, values in found if values} or None


def _read_directory(stream: BinaryIO, offset: int) -> tuple[str, str, list[bytes]]:
    """Return the byte order, the layout of a large number, and the entries: none if there are too many."""
    stream.seek(0)
    head = stream.read(4)
    order = "<" if head[:2] == b"II" else ">"
    big = head[2:] in (b"+\0", b"\0+")
    pointer, count, length = (f"{order}Q", f"{order}Q", 20) if big else (f"{order}I", f"{order}H", 12)
    stream.seek(offset)
    number: int = struct.unpack(count, stream.read(struct.calcsize(count)))[0]
    if number > MAX_ENTRIES:
        return order, pointer, []
    directory = stream.read(number * length)
    if len(directory) < number * length:
        raise struct.error
    return order, pointer, [directory[start : start + length] for start in range(0, len(directory), length)]


def _read_entry(stream: BinaryIO, entry: bytes, order: str, pointer: str) -> tuple[int, tuple[int, ...]]:
    """Return a tag and its values: none if they are not whole numbers, or too many."""
    tag, kind = struct.unpack_from(f"{order}HH", entry)
    size = struct.calcsize(pointer)
    number: int = struct.unpack_from(pointer, entry, 4)[0]
    if kind not in FORMATS or not 0 < number <= MAX_VALUES:
        return tag, ()
    field = entry[4 + size :]
    layout = f"{order}{number}{FORMATS[kind]}"
    if struct.calcsize(layout) > size:
        stream.seek(struct.unpack(pointer, field)[0])
        field = stream.read(struct.calcsize(layout))
    return tag, struct.unpack_from(layout, field)
