"""Writes PNG files on all CPU cores.

Source: W3C, Portable Network Graphics (PNG) Specification, third edition (2025); RFC 1950 and 1951.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from convcli.compiled.engine import is_compiled
from convcli.errors import UsageError
from convcli.parallel import WorkQueue, parallel_for, thread_count
from convcli.pictures.formats.png.compression import fast_compressor, small_compressor
from convcli.pictures.formats.png.core_rows import CoreRows
from convcli.pictures.formats.png.rows import Compressor, Rows, Strip
from convcli.pictures.headers.png_chunks import METERS_PER_INCH, SIGNATURE, make_chunk
from convcli.pictures.raster import Raster

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["encode_png"]

COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # by number of channels
LEVELS = range(10)
STRIP_BYTES = 1 << 20
ADLER_BASE = 65521


def encode_png(
    pixels: Raster | NDArray[Any],
    *,
    alpha: Raster | NDArray[Any] | None = None,
    profile: bytes | None = None,
    resolution: tuple[float, float] | None = None,
    level: int | None = None,
    jobs: int | None = None,
) -> list[bytes]:
    """Return a PNG file as a list of byte strings, to be written one after another.

    Strips of the picture are filtered and compressed in parallel, into one stream. The file does not depend
    on the number of threads. With the compiled core and rasters, numpy is not needed.

    Parameters
    ----------
    pixels : Raster or array (H, W) or (H, W, C)
        uint8 or uint16; 1 to 4 channels: gray, gray + alpha, RGB, RGBA. Need not be contiguous.
    alpha : Raster or array (H, W), optional
        An additional channel, of the same type.
    profile : bytes, optional
        ICC profile.
    resolution : (float, float), optional
        Dots per inch, horizontally and vertically.
    level : int, optional
        0 (largest) to 9 (smallest, slowest). Default: a fast method, chosen by compressing a sample of the
        picture.
    jobs : int, optional
        Maximum number of threads (default: one per available CPU core).

    Raises
    ------
    UsageError
        `level` or `jobs` is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> b"".join(encode_png(np.zeros((2, 2), np.uint8)))[:8]
    b'\\x89PNG\\r\\n\\x1a\\n'
    """
    if level is not None and level not in LEVELS:
        raise UsageError(f"PNG level {level}", "must be a whole number from 0 to 9")
    rows = _rows(pixels, alpha)
    parts = [SIGNATURE, *make_chunk(b"IHDR", _header(rows))]
    if profile is not None:
        parts += make_chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(profile))
    if resolution is not None:
        across, down = (round(dots / METERS_PER_INCH) for dots in resolution)
        parts += make_chunk(b"pHYs", struct.pack(">IIB", across, down, 1))
    compressor = fast_compressor(rows) if level is None else small_compressor(rows, level)
    return [*parts, *_compress(rows, compressor, jobs), *make_chunk(b"IEND", b"")]


def _rows(pixels: Raster | NDArray[Any], alpha: Raster | NDArray[Any] | None) -> Rows:
    if is_compiled():
        return CoreRows(pixels, alpha)
    from convcli.pictures.formats.png.numpy_rows import NumpyRows  # late: numpy takes 100 ms to load

    arrays = [
        part.array() if isinstance(part, Raster) else part for part in (pixels, alpha) if part is not None
    ]
    return NumpyRows(arrays[0], arrays[1] if alpha is not None else None)


def _header(rows: Rows) -> bytes:
    return struct.pack(">IIBBBBB", rows.width, rows.height, rows.depth, COLOR_TYPES[rows.channels], 0, 0, 0)


def _compress(rows: Rows, compressor: Compressor, jobs: int | None) -> Iterator[bytes]:
    """Yield the chunks of one zlib stream."""
    height = max(1, STRIP_BYTES // rows.row_bytes)
    starts = range(0, rows.height, height)
    strips: dict[int, tuple[Strip, tuple[bytes, bytes, bytes]]] = {}

    def work(queue: WorkQueue) -> None:
        for start in queue:
            strip = compressor(start, min(start + height, rows.height))
            strips[start] = strip, make_chunk(b"IDAT", strip.data)

    parallel_for(starts, work, thread_count(jobs, len(starts)))
    checksum = 1
    yield from make_chunk(b"IDAT", b"\x78\x01")
    for start in starts:
        strip, chunk = strips[start]
        checksum = _combined_checksum(checksum, strip.checksum, strip.length)
        yield from chunk
    yield from make_chunk(b"IDAT", checksum.to_bytes(4))


def _combined_checksum(first: int, second: int, length: int) -> int:
    """Combine the Adler-32 checksums of two parts; `length` is that of the second part."""
    low = ((first & 0xFFFF) + (second & 0xFFFF) - 1) % ADLER_BASE
    high = ((first >> 16) + (second >> 16) + length * ((first & 0xFFFF) - 1)) % ADLER_BASE
    return high << 16 | low
