"""Finds the pages of a TIFF, and makes one of them the first.

Source: Adobe, TIFF revision 6.0 (1992), section 2; BigTIFF as libtiff describes it.
"""

import io
from collections.abc import Iterator
from typing import Any, BinaryIO

from convcli.pictures.frames import no_frame
from convcli.pictures.headers.tiff import MAX_OFFSET, Layout

__all__ = ["at_page", "page_offset", "page_offsets"]


def page_offsets(stream: BinaryIO) -> Iterator[int]:
    """Yield the offset of the directory of each page, up to the end of the chain or where it closes a circle.

    Takes two short reads per page.
    """
    layout = Layout.read(stream)
    seen = set[int]()
    position = layout.first_offset
    while True:
        stream.seek(position)
        offset = layout.number(stream.read(layout.offset_bytes))
        if not offset or offset in seen:
            return
        yield offset
        seen.add(offset)
        stream.seek(min(offset, MAX_OFFSET))
        count = layout.number(stream.read(layout.count_bytes))
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
    raise no_frame(name, page, count)


def at_page(stream: BinaryIO, offset: int) -> BinaryIO:
    """Return the file as it would be if it began with the page whose directory is at an offset."""
    layout = Layout.read(stream)
    stream.seek(0)
    header = stream.read(layout.first_offset) + offset.to_bytes(layout.offset_bytes, layout.order)
    return io.BufferedReader(_OtherHeader(stream, header))


class _OtherHeader(io.RawIOBase):
    """A file with another header; the file itself stays open when this is closed."""

    def __init__(self, stream: BinaryIO, header: bytes) -> None:
        self.stream = stream
        self.header = header
        self.position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.stream.fileno()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_CUR:
            offset, whence = offset + self.position, io.SEEK_SET
        self.position = self.stream.seek(offset, whence)
        return self.position

    def tell(self) -> int:
        return self.position

    def readinto(self, buffer: Any) -> int:
        self.stream.seek(self.position)
        data = self.stream.read(len(buffer))
        head = self.header[self.position : self.position + len(data)]
        buffer[: len(data)] = head + data[len(head) :]
        self.position += len(data)
        return len(data)
