"""Finds and makes the chunks of PNG files.

Source: W3C, Portable Network Graphics (PNG) Specification, third edition (2025), section 5.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

__all__ = ["MAX_SIDE", "METERS_PER_INCH", "SIGNATURE", "Chunk", "find_chunks", "make_chunk"]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_SIDE = 1_000_000  # pixels, of libpng
METERS_PER_INCH = 0.0254  # files have pixels per meter


class Chunk(NamedTuple):
    """Where the data of a chunk lies; its checksum follows."""

    kind: bytes
    start: int
    length: int

    @property
    def end(self) -> int:
        """Where the checksum begins."""
        return self.start + self.length


def find_chunks(stream: BinaryIO) -> Iterator[Chunk]:
    """Yield the chunks up to the end of the image or of the file, each with the stream at its data."""
    position, kind = len(SIGNATURE), b""
    while kind != b"IEND":
        stream.seek(position)
        head = stream.read(8)
        if len(head) < 8:
            return
        length, kind = struct.unpack(">I4s", head)
        chunk = Chunk(kind, position + 8, length)
        yield chunk
        position = chunk.end + 4


def make_chunk(kind: bytes, data: bytes) -> tuple[bytes, bytes, bytes]:
    """Return a chunk in three parts, so that the data need not be copied."""
    return len(data).to_bytes(4) + kind, data, zlib.crc32(data, zlib.crc32(kind)).to_bytes(4)
