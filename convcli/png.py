"""PNG files: written on all processors, and checked for damage that decoders let pass.

Source: W3C, Portable Network Graphics (PNG) Specification, third edition (2025); RFC 1950 and 1951.
"""

import struct
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from convcli.errors import ImageError
from convcli.processors import threads_for

__all__ = ["check_all_pixels", "check_chunks", "encode_png"]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # by channels
NONE, SUB, UP = 0, 1, 2  # filter types
# Ways to filter and compress, the quick ones first: runs are most of what a photograph's filtered rows
# repeat; drawings repeat more than runs.
WAYS = (
    (UP, zlib.Z_RLE, 1),
    (SUB, zlib.Z_RLE, 1),
    (UP, zlib.Z_DEFAULT_STRATEGY, 6),
    (NONE, zlib.Z_DEFAULT_STRATEGY, 6),
)
WORTH_WAITING = 0.5  # a slow way is taken where it makes the file smaller than this share
STRIP_BYTES = 1 << 20
SAMPLE_BYTES = 1 << 17
ADLER_BASE = 65521
MEMORY_LEVEL = 9  # the most that zlib takes

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


def encode_png(
    pixels: NDArray[Any],
    *,
    profile: bytes | None = None,
    resolution: tuple[float, float] | None = None,
) -> bytes:
    """Return a PNG file. Strips are filtered and compressed apart, each on a thread, into one stream.

    Parameters
    ----------
    pixels : array (H, W) or (H, W, C)
        uint8, or uint16 for grey; 1 to 4 channels: grey, grey + alpha, RGB, RGBA.
    profile : bytes, optional
        ICC profile.
    resolution : (float, float), optional
        Dots per inch, across and down.

    Examples
    --------
    >>> encode_png(np.zeros((2, 2), np.uint8))[:8]
    b'\\x89PNG\\r\\n\\x1a\\n'
    """
    height, width = pixels.shape[:2]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    header = struct.pack(">IIBBBBB", width, height, 8 * pixels.itemsize, COLOR_TYPES[channels], 0, 0, 0)
    chunks = [SIGNATURE, _chunk(b"IHDR", header)]
    if profile is not None:
        chunks.append(_chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(profile)))
    if resolution is not None:
        across, down = (round(dots / 0.0254) for dots in resolution)
        chunks.append(_chunk(b"pHYs", struct.pack(">IIB", across, down, 1)))
    chunks += _compressed(pixels.reshape(height, -1), channels * pixels.itemsize)
    return b"".join([*chunks, _chunk(b"IEND", b"")])


def _compressed(rows: NDArray[Any], step: int) -> Iterator[bytes]:
    """Yield the chunks of one zlib stream; `step` is the bytes of a pixel."""
    row_bytes = rows.shape[1] * rows.itemsize + 1
    way = _best_way(rows, step, max(1, SAMPLE_BYTES // row_bytes))
    height = max(1, STRIP_BYTES // row_bytes)
    starts = range(0, len(rows), height)
    work = partial(_compress_strip, rows, step, way, height)
    threads = threads_for(None, len(starts))
    if threads == 1:
        strips = [work(start) for start in starts]
    else:
        with ThreadPoolExecutor(threads) as pool:
            strips = list(pool.map(work, starts))
    checksum = 1
    for number, (data, strip_checksum, length) in enumerate(strips):
        checksum = _joined_checksums(checksum, strip_checksum, length)
        head = b"\x78\x01" if number == 0 else b""
        tail = checksum.to_bytes(4) if number == len(strips) - 1 else b""
        yield _chunk(b"IDAT", head + data + tail)


def _best_way(rows: NDArray[Any], step: int, count: int) -> tuple[int, int, int]:
    """Try the ways on some rows of the middle: the smallest quick one, or a slow one where it pays."""
    start = max(0, (len(rows) - count) // 2)
    sizes = {way: len(_compress_strip(rows, step, way, count, start)[0]) for way in WAYS}
    quick, slow = (min(ways, key=lambda way: sizes[way]) for ways in (WAYS[:2], WAYS[2:]))
    return slow if sizes[slow] < WORTH_WAITING * sizes[quick] else quick


def _compress_strip(
    rows: NDArray[Any], step: int, way: tuple[int, int, int], height: int, start: int
) -> tuple[bytes, int, int]:
    """Return a strip as a part of a deflate stream, the checksum of what it holds, and its length."""
    filter_type, strategy, level = way
    filtered = _filtered(rows, step, filter_type, start, min(start + height, len(rows))).data
    compressor = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS, MEMORY_LEVEL, strategy)
    last = start + height >= len(rows)
    data = compressor.compress(filtered) + compressor.flush(zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH)
    return data, zlib.adler32(filtered), filtered.nbytes


def _filtered(rows: NDArray[Any], step: int, filter_type: int, start: int, stop: int) -> NDArray[np.uint8]:
    """Return rows as PNG stores them: the filter type, then bytes less their left or upper neighbours."""
    first = max(start - 1, 0) if filter_type == UP else start
    taken = rows[first:stop]
    raw = np.ascontiguousarray(taken if taken.itemsize == 1 else taken.astype(">u2")).view(np.uint8)
    above, raw = raw[: stop - start], raw[start - first :]
    result = np.empty((stop - start, raw.shape[1] + 1), np.uint8)
    result[:, 0] = filter_type
    result[:, 1:] = raw
    if filter_type == SUB:
        np.subtract(raw[:, step:], raw[:, :-step], out=result[:, 1 + step :])
    elif filter_type == UP and start:
        np.subtract(raw, above, out=result[:, 1:])
    elif filter_type == UP:  # above the first row there are zeros
        np.subtract(raw[1:], raw[:-1], out=result[1:, 1:])
    return result


def _joined_checksums(first: int, second: int, length: int) -> int:
    """Return the Adler-32 checksum of two parts from theirs; `length` is that of the second."""
    low = ((first & 0xFFFF) + (second & 0xFFFF) - 1) % ADLER_BASE
    high = ((first >> 16) + (second >> 16) + length * ((first & 0xFFFF) - 1)) % ADLER_BASE
    return high << 16 | low


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))
