"""Reads the samples of deep PNG files with libpng, which gets only what it needs: it would print warnings.

Source: W3C, Portable Network Graphics (PNG) Specification, third edition (2025), section 8 (interlacing).
"""

import struct
import zlib
from collections.abc import Sequence
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from convcli.errors import ImageError
from convcli.pictures.damage.png import ADAM7, expected_bytes
from convcli.pictures.headers.png_chunks import SIGNATURE, make_chunk

__all__ = ["read_samples_with_libpng"]

INTERLACE = 12  # position in the header


def read_samples_with_libpng(
    header: bytes, transparent: bytes, parts: Sequence[bytes], name: str
) -> NDArray[Any]:
    """Return samples; see `convcli.pictures.formats.deep.png.read_samples`.

    Raises
    ------
    ImageError
        Pixels are missing.
    """
    width, height = struct.unpack_from(">II", header)
    expected = expected_bytes(header)
    rows = _inflate(b"".join(parts), expected)
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
