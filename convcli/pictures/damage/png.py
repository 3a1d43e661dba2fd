"""Checks PNG files for damage that decoders accept, and finds their chunks.

Source: W3C, Portable Network Graphics (PNG) Specification, third edition (2025).
"""

import io
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from convcli.errors import ImageError
from convcli.pictures.headers.png_chunks import find_chunks

__all__ = [
    "ADAM7",
    "CHANNELS",
    "check_all_pixels",
    "check_chunks",
    "expected_bytes",
    "find_chunk",
    "pixel_data",
]

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples per pixel by color type."""
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
PALETTE = 3  # color type
BLOCK = 1 << 20


def check_chunks(stream: BinaryIO, name: str) -> None:
    """Check that every chunk is intact, and that the file has an end and a palette if it needs one.

    Raises
    ------
    ImageError
        The file is truncated, a checksum is wrong, or there is no palette before the pixels.
    """
    palette_missing = False
    for kind, data in _chunks(stream, name):
        checksum, header = zlib.crc32(kind), b""
        for block in data:
            checksum = zlib.crc32(block, checksum)
            header = header or block
        if stream.read(4) != checksum.to_bytes(4):
            chunk = kind.decode("latin-1")
            raise ImageError(name, f"is damaged: the checksum of its {chunk} chunk is wrong")
        if kind == b"IHDR":
            palette_missing = header[9:10] == bytes([PALETTE])
        elif kind == b"PLTE":
            palette_missing = False
        elif kind == b"IDAT" and palette_missing:
            raise ImageError(name, "is damaged: its palette is missing")


def find_chunk(stream: BinaryIO, name: str, kind: bytes) -> bytes | None:
    """Return the content of the first chunk of a kind, or None."""
    return next((b"".join(data) for found, data in _chunks(stream, name) if found == kind), None)


def check_all_pixels(stream: BinaryIO, name: str, frame: int = 0) -> None:
    """Check that the compressed data of the image, or of one frame, holds every pixel of its header's size.

    Raises
    ------
    ImageError
        The data ends early.
    """
    inflater = zlib.decompressobj()
    header, length = b"", 0
    for frame_header, data in _pixel_blocks(stream, name, frame):
        header = frame_header
        while data and not inflater.eof:
            length += len(inflater.decompress(data, BLOCK))
            data = inflater.unconsumed_tail
    missing = expected_bytes(header) - length - len(inflater.flush())
    if missing > 0:
        raise ImageError(name, f"is damaged: {missing} bytes of its pixels are missing")


def pixel_data(stream: BinaryIO, name: str, frame: int = 0) -> tuple[bytes, list[bytes]]:
    """Return the header of a frame, as if it were a picture, and the pieces of its compressed data."""
    header, pieces = b"", list[bytes]()
    for frame_header, piece in _pixel_blocks(stream, name, frame):
        header = frame_header
        pieces.append(piece)
    return header, pieces


def _pixel_blocks(stream: BinaryIO, name: str, frame: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield the header of a frame, as if it were a picture, with each piece of its compressed data."""
    header = b""
    number, after_first = 0, False
    for kind, data in _chunks(stream, name):
        if kind == b"IHDR":
            header = b"".join(data)
            yield header, b""
        elif kind == b"IDAT":
            after_first = True
            if frame == 0:
                yield from ((header, block) for block in data)
        elif kind == b"fcTL" and after_first:
            number += 1
            if number == frame:
                header = b"".join(data)[4:12] + header[8:]
                yield header, b""
        elif kind == b"fdAT" and number == frame:
            stream.seek(4, io.SEEK_CUR)
            yield from ((header, block) for block in data)


def _chunks(stream: BinaryIO, name: str) -> Iterator[tuple[bytes, Iterator[bytes]]]:
    """Yield kind and data, in blocks, of the chunks up to the end of the image; a checksum follows."""
    size, kind = stream.seek(0, io.SEEK_END), b""
    for chunk in find_chunks(stream):
        if chunk.end + 4 > size:
            break
        kind = chunk.kind
        yield kind, _blocks(stream, chunk.end)
    if kind != b"IEND":
        raise ImageError(name, "is truncated: its end is missing")


def _blocks(stream: BinaryIO, end: int) -> Iterator[bytes]:
    """Read up to a position, in blocks."""
    while block := stream.read(max(0, min(BLOCK, end - stream.tell()))):
        yield block


def expected_bytes(header: bytes) -> int:
    """Return the uncompressed size in bytes of the pixels and filter types."""
    width, height, depth, color, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    bits = depth * CHANNELS[color]
    total = 0
    for left, top, step_x, step_y in ADAM7 if interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-(width - left) // step_x), -(-(height - top) // step_y)
        if columns > 0 and rows > 0:
            total += rows * (1 + -(-columns * bits // 8))
    return total
