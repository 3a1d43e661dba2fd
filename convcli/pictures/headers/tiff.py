"""Reads the directories of TIFF files.

Source: Adobe, TIFF revision 6.0 (1992), section 2; BigTIFF as libtiff describes it.
"""

import struct
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO, Literal, NamedTuple

from convcli.pictures.headers.tiff_tags import Tag

__all__ = [
    "MAX_OFFSET", "TYPE_BYTES", "Entry", "Layout", "Tags", "count_parts", "read_entries", "read_tags",
    "read_values",
]  # fmt: skip

PART_TAGS = {Tag.STRIP_OFFSETS, Tag.STRIP_COUNTS, Tag.TILE_OFFSETS, Tag.TILE_COUNTS}
MAX_OFFSET = 1 << 43  # 8 TiB, where any file ends; file systems refuse far larger offsets
# By type; the last three are BigTIFF types.
TYPE_BYTES = dict(enumerate((1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4), 1)) | {16: 8, 17: 8, 18: 8}
INTEGERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 16: "Q", 17: "q"}
MAX_ENTRIES, MAX_VALUES = 1000, 64  # a directory has some twenty entries, and few of them many values
Tags = dict[int, tuple[int, ...]]


class Layout(NamedTuple):
    """How a TIFF writes its numbers."""

    order: Literal["little", "big"]
    count_bytes: int  # of the number of entries in a directory
    offset_bytes: int

    @classmethod
    def read(cls, stream: BinaryIO) -> "Layout":
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

    def number(self, data: bytes) -> int:
        """Return the unsigned number that bytes stand for."""
        return int.from_bytes(data, self.order)


class Entry(NamedTuple):
    """A tag in a directory: the type, number and length in bytes of its values.

    `field` holds the values, or their `offset` in the file if they do not fit.
    """

    tag: int
    kind: int
    value_count: int
    length: int
    field: bytes
    offset: int | None


def read_entries(stream: BinaryIO, layout: Layout, directory: int) -> Iterator[Entry]:
    """Yield the entries of the directory at an offset.

    Raises
    ------
    EOFError
        The file ends before the directory does.
    """
    stream.seek(min(directory, MAX_OFFSET))
    position = directory + layout.count_bytes
    for _ in range(layout.number(_read(stream, layout.count_bytes))):
        stream.seek(min(position, MAX_OFFSET))
        yield _entry(_read(stream, layout.entry_bytes), layout)
        position += layout.entry_bytes


def _read(stream: BinaryIO, length: int) -> bytes:
    data = stream.read(length)
    if len(data) < length:
        raise EOFError
    return data


def _entry(data: bytes, layout: Layout) -> Entry:
    tag, kind = layout.number(data[:2]), layout.number(data[2:4])
    count, field = layout.number(data[4 : -layout.offset_bytes]), data[-layout.offset_bytes :]
    length = count * TYPE_BYTES.get(kind, 0)
    return Entry(tag, kind, count, length, field, layout.number(field) if length > len(field) else None)


def read_values(stream: BinaryIO, entry: Entry) -> bytes:
    """Return the bytes of a tag's values; fewer if the file ends before."""
    if entry.offset is None:
        return entry.field[: entry.length]
    stream.seek(min(entry.offset, MAX_OFFSET))
    return stream.read(entry.length)


def read_tags(stream: BinaryIO, directory: int) -> Tags | None:
    """Return the tags of a directory that hold up to 64 whole numbers, or None if it is damaged."""
    layout, tags = Layout.read(stream), Tags()
    try:
        for entry in _few_entries(stream, layout, directory):
            if entry.kind in INTEGERS and 0 < entry.value_count <= MAX_VALUES:
                form = f"{'<' if layout.order == 'little' else '>'}{entry.value_count}{INTEGERS[entry.kind]}"
                tags[entry.tag] = struct.unpack(form, read_values(stream, entry))
    except (struct.error, EOFError):  # truncated
        return None
    return tags or None


def count_parts(stream: BinaryIO, directory: int) -> int:
    """Return how many offsets and lengths of strips and tiles a directory lists; 0 if it is damaged."""
    try:
        entries = _few_entries(stream, Layout.read(stream), directory)
        return sum(entry.value_count for entry in entries if entry.tag in PART_TAGS)
    except EOFError:
        return 0


def _few_entries(stream: BinaryIO, layout: Layout, directory: int) -> list[Entry]:
    """Return the entries of a directory; none if there are too many."""
    entries = list(islice(read_entries(stream, layout, directory), MAX_ENTRIES + 1))
    return entries if len(entries) <= MAX_ENTRIES else []
