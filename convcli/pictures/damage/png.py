"""Checks PNG files for damage that decoders accept, and finds their chunks.

Source: W3C, Portable Network Graphics (PNG) Specification, third edition (2025).
"""

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from convcli.errors import ImageError

__all__ = ["ADAM7", "check_all_pixels", "check_chunks", "expected_bytes", "find_chunk", "pixel_data"]

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by color type
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
    for kind, data, checksum in _chunks(stream, name):
        if zlib.crc32(data, zlib.crc32(kind)) != checksum:
            chunk = kind.decode("latin-1")
            raise ImageError(name, f"is damaged: the checksum of its {chunk} chunk is wrong")
        if kind == b"IHDR":
            palette_missing = data[9:10] == bytes([PALETTE])
        elif kind == b"PLTE":
            palette_missing = False
        elif kind == b"IDAT" and palette_missing:
            raise ImageError(name, "is damaged: its palette is missing")


def find_chunk(stream: BinaryIO, name: str, kind: bytes) -> bytes | None:
    """Return the content of the first chunk of a kind, wherever it stands, or None."""
    return next((data for found, data, _ in _chunks(stream, name) if found == kind), None)


def check_all_pixels(stream: BinaryIO, name: str, frame: int = 0) -> None:
    """Check that the compressed data of the image, or of one frame, holds every pixel of its header's size.

    Raises
    ------
    ImageError
        The data ends early.
    """
    header, pieces = pixel_data(stream, name, frame)
    missing = expected_bytes(header)
    inflater = zlib.decompressobj()
    for data in pieces:
        while data and not inflater.eof:
            missing -= len(inflater.decompress(data, BLOCK))
            data = inflater.unconsumed_tail
    missing -= len(inflater.flush())
    if missing > 0:
        raise ImageError(name, f"is damaged: {missing} bytes of its pixels are missing")


def pixel_data(stream: BinaryIO, name: str, frame: int = 0) -> tuple[bytes, list[bytes]]:
    """Return the header of a frame, as of a picture of its own, and the pieces of its compressed data."""
    header, pieces = b"", list[bytes]()
    number, after_first = 0, False
    for kind, data, _ in _chunks(stream, name):
        if kind == b"IHDR":
            header = data
        elif kind == b"IDAT":
            after_first = True
            if frame == 0:
                pieces.append(data)
        elif kind == b"fcTL" and after_first:
            number += 1
            if number == frame:
                header = data[4:12] + header[8:]
        elif kind == b"fdAT" and number == frame:
            pieces.append(data[4:])
    return header, pieces


def _chunks(stream: BinaryIO, name: str) -> Iterator[tuple[bytes, bytes, int]]:
    """Yield kind, data and checksum of the chunks up to the end of the image."""
    stream.seek(8)
    kind = b""
    while kind != b"IEND":
        head = stream.read(8)
        length, kind = struct.unpack(">I4s", head) if len(head) == 8 else (0, b"")
        body = stream.read(length + 4)
        if len(head) < 8 or len(body) < length + 4:
            raise ImageError(name, "is truncated: its end is missing")
        yield kind, body[:-4], int.from_bytes(body[-4:])


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
