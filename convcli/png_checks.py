"""PNG files checked for damage that decoders let pass.

Source: W3C, Portable Network Graphics (PNG) Specification, third edition (2025).
"""

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from convcli.errors import ImageError

__all__ = ["check_all_pixels", "check_chunks"]

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
BLOCK = 1 << 20


def check_chunks(stream: BinaryIO, name: str) -> None:
    """Check that every chunk with pixels is whole and unchanged, and that the file has an end.

    Raises
    ------
    ImageError
        It is cut, or a checksum is wrong.
    """
    for kind, data, checksum in _chunks(stream, name):
        if kind in {b"IHDR", b"PLTE", b"IDAT", b"IEND"} and zlib.crc32(data, zlib.crc32(kind)) != checksum:
            raise ImageError(name, f"is damaged: the checksum of its {kind.decode()} chunk is wrong")


def check_all_pixels(stream: BinaryIO, name: str) -> None:
    """Check that the compressed data holds every pixel that the header promises.

    Raises
    ------
    ImageError
        It ends early.
    """
    missing = 0
    inflater = zlib.decompressobj()
    for kind, data, _ in _chunks(stream, name):
        if kind == b"IHDR":
            missing = _promised_bytes(data)
        while kind == b"IDAT" and data and not inflater.eof:
            missing -= len(inflater.decompress(data, BLOCK))
            data = inflater.unconsumed_tail
    missing -= len(inflater.flush())
    if missing > 0:
        raise ImageError(name, f"is damaged: {missing} bytes of its pixels are missing")


def _chunks(stream: BinaryIO, name: str) -> Iterator[tuple[bytes, bytes, int]]:
    """Yield kind, data and checksum of the chunks up to the end of the image."""
    stream.seek(8)
    kind = b""
    while kind != b"IEND":
        head = stream.read(8)
        length, kind = struct.unpack(">I4s", head) if len(head) == 8 else (0, b"")
        body = stream.read(length + 4)
        if len(head) < 8 or len(body) < length + 4:
            raise ImageError(name, "is cut short: it has no end")
        yield kind, body[:-4], int.from_bytes(body[-4:])


def _promised_bytes(header: bytes) -> int:
    """Return how many bytes the pixels and their filter types take, uncompressed."""
    width, height, depth, color, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    bits = depth * CHANNELS[color]
    total = 0
    for left, top, step_x, step_y in ADAM7 if interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-(width - left) // step_x), -(-(height - top) // step_y)
        if columns > 0 and rows > 0:
            total += rows * (1 + -(-columns * bits // 8))
    return total
