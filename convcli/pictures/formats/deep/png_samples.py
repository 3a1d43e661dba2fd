"""Reads the samples of deep PNG files with libpng, which gets only what it needs: it would print warnings.

Source: W3C, Portable Network Graphics (PNG) Specification, third edition (2025), section 8 (interlacing).
"""

import struct
import zlib
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from convcli.errors import ImageError
from convcli.pictures.damage.png import ADAM7, expected_bytes
from convcli.pictures.headers.png_chunks import SIGNATURE, make_chunk

__all__ = ["read_samples"]

TRANSPARENT_COLOR = 6  # bytes of a chunk tRNS
MAX_SIDE = 1_000_000  # pixels, of libpng
METHODS, INTERLACE = 10, 12  # positions in the header


def read_samples(header: bytes, transparent: bytes, pixels: bytes, name: str) -> NDArray[Any]:
    """Return samples (H, W) or (H, W, C), with alpha if a color is transparent.

    Parameters
    ----------
    header, transparent, pixels : bytes
        The contents of the chunks IHDR, tRNS and IDAT. tRNS is empty if it is missing or does not apply.
    name : str
        The name to use in messages.

    Raises
    ------
    ImageError
        Pixels are missing, or the header is not one that libpng accepts.
    """
    width, height = struct.unpack_from(">II", header)
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise ImageError(name, f"has {width}x{height} pixels: each side must be from 1 to {MAX_SIDE}")
    if header[METHODS:INTERLACE] != bytes(2) or header[INTERLACE] > 1:
        raise ImageError(name, "is damaged: its header names an unknown compression, filter or interlacing")
    expected = expected_bytes(header)
    if len(transparent) != TRANSPARENT_COLOR:
        transparent = b""  # damaged, or none
    rows = _inflate(pixels, expected)
    if len(rows) < expected:
        raise ImageError(name, f"is damaged: {expected - len(rows)} bytes of its pixels are missing")
    if not header[INTERLACE]:
        return _decode(header, transparent, rows)
    samples: NDArray[Any] | None = None
    start = 0
    for left, top, across, down in ADAM7:
        size = -(-(width - left) // across), -(-(height - top) // down)
        if min(size) <= 0:
            continue
        part_header = struct.pack(">II", *size) + header[8:INTERLACE] + b"\0"
        end = start + expected_bytes(part_header)
        part = _decode(part_header, transparent, rows[start:end])
        if samples is None:
            samples = np.empty((height, width, *part.shape[2:]), part.dtype)
        samples[top::down, left::across] = part
        start = end
    assert samples is not None
    return samples


def _inflate(pixels: bytes, expected: int) -> bytes:
    """Return up to `expected` uncompressed bytes; libdeflate is twice as fast, but fails on damaged data."""
    try:
        return bytes(imagecodecs.deflate_decode(pixels, out=expected))
    except imagecodecs.DeflateError:
        return zlib.decompressobj().decompress(pixels, expected)


def _decode(header: bytes, transparent: bytes, rows: bytes) -> NDArray[Any]:
    """Decode a picture that is not interlaced."""
    data = zlib.compress(rows, 0)
    chunks = [(b"IHDR", header), (b"tRNS", transparent), (b"IDAT", data), (b"IEND", b"")]
    parts = [SIGNATURE]
    for kind, content in chunks:
        if content or kind == b"IEND":
            parts += make_chunk(kind, content)
    samples: NDArray[Any] = imagecodecs.png_decode(b"".join(parts))
    return samples
