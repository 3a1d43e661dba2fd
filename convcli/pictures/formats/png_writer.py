"""Writes PNG files on all CPU cores.

Source: W3C, Portable Network Graphics (PNG) Specification, third edition (2025); RFC 1950 and 1951.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.errors import UsageError
from convcli.parallel import WorkQueue, parallel_for, thread_count
from convcli.pictures.headers.png_chunks import SIGNATURE, make_chunk

__all__ = ["encode_png"]

COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # by number of channels
NONE, SUB, UP, AVERAGE, PAETH = FILTER_TYPES = (0, 1, 2, 3, 4)
LEVELS = range(10)
FASTEST = 1  # compression level
SEARCH_LEVELS = (1, 3)  # the other levels take longer for about the same file size
STRIP_BYTES = 1 << 20
BLOCK_BYTES = 1 << 17  # filtered at once: the block and its temporaries fit in the cache of a core
WINDOW = 1 << zlib.MAX_WBITS
SAMPLE_COUNT = 4
SAMPLE_BYTES = 3 << 12  # per sample, at least
SAMPLE_FRACTION = 0.001  # of a large picture's rows, per sample: sampling takes about 5 % of the whole time
MAX_GROWTH = 1.02  # a fast file may be at most this much larger than a file made by the standard method
ADLER_BASE = 65521
MEMORY_LEVEL = 9  # the maximum in zlib


def encode_png(
    pixels: NDArray[Any],
    *,
    alpha: NDArray[Any] | None = None,
    profile: bytes | None = None,
    resolution: tuple[float, float] | None = None,
    level: int | None = None,
    jobs: int | None = None,
) -> list[bytes]:
    """Return a PNG file as a list of byte strings, to be written one after another.

    Strips of the picture are filtered and compressed in parallel, into one stream. The file does not depend
    on the number of threads.

    Parameters
    ----------
    pixels : array (H, W) or (H, W, C)
        uint8 or uint16; 1 to 4 channels: gray, gray + alpha, RGB, RGBA. Need not be contiguous.
    alpha : array (H, W), optional
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
    >>> b"".join(encode_png(np.zeros((2, 2), np.uint8)))[:8]
    b'\\x89PNG\\r\\n\\x1a\\n'
    """
    if level is not None and level not in LEVELS:
        raise UsageError(f"PNG level {level}", "must be a whole number from 0 to 9")
    picture = _Rows(pixels.reshape(*pixels.shape[:2], -1), alpha)
    parts = [SIGNATURE, *make_chunk(b"IHDR", picture.header())]
    if profile is not None:
        parts += make_chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(profile))
    if resolution is not None:
        across, down = (round(dots / 0.0254) for dots in resolution)
        parts += make_chunk(b"pHYs", struct.pack(">IIB", across, down, 1))
    method = _fast_method(picture) if level is None else _small_method(picture, level)
    return [*parts, *_compress(picture, method, jobs), *make_chunk(b"IEND", b"")]


class _Rows(NamedTuple):
    """The rows of a picture, converted to the byte layout of PNG on demand."""

    pixels: NDArray[Any]
    alpha: NDArray[Any] | None

    @property
    def height(self) -> int:
        return len(self.pixels)

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def channels(self) -> int:
        return int(self.pixels.shape[2]) + (self.alpha is not None)

    @property
    def pixel_bytes(self) -> int:
        """Return the number of bytes per pixel."""
        return self.channels * self.pixels.itemsize

    @property
    def row_bytes(self) -> int:
        """Return the number of bytes per row, including the filter type."""
        return 1 + self.width * self.pixel_bytes

    def header(self) -> bytes:
        depth, color = 8 * self.pixels.itemsize, COLOR_TYPES[self.channels]
        return struct.pack(">IIBBBBB", self.width, self.height, depth, color, 0, 0, 0)

    def padded_rows(self, start: int, stop: int) -> NDArray[np.uint8]:
        """Return the bytes of rows, with the row above and one pixel on the left; outside is zero."""
        first = max(start - 1, 0)
        shape = (stop - start + 1, self.width + 1, self.channels)
        padded = np.zeros(shape, self.pixels.dtype.newbyteorder(">"))
        inside = padded[first - stop :, 1:]
        colors = self.pixels.shape[2]
        inside[..., :colors] = self.pixels[first:stop]
        if self.alpha is not None:
            inside[..., colors] = self.alpha[first:stop]
        return padded.view(np.uint8).reshape(len(padded), -1)

    def filtered(self, start: int, stop: int, types: tuple[int, ...]) -> NDArray[np.uint8]:
        """Return rows as PNG stores them: the filter type, then the differences from its predictions."""
        padded = self.padded_rows(start, stop)
        result = np.empty((stop - start, self.row_bytes), np.uint8)
        if len(types) == 1:
            _filter(padded, self.pixel_bytes, types[0], result)
            return result
        cost = np.full(stop - start, np.iinfo(np.int64).max)
        candidate = np.empty_like(result)
        for filter_type in types:
            _filter(padded, self.pixel_bytes, filter_type, candidate)
            sums = np.minimum(candidate[:, 1:], -candidate[:, 1:]).sum(axis=1, dtype=np.int64)
            better = sums < cost
            cost[better] = sums[better]
            result[better] = candidate[better]
        return result


def _filter(padded: NDArray[np.uint8], pixel_bytes: int, filter_type: int, result: NDArray[np.uint8]) -> None:
    """Fill `result` with the filtered rows of a frame."""
    raw, left = padded[1:, pixel_bytes:], padded[1:, :-pixel_bytes]
    above, corner = padded[:-1, pixel_bytes:], padded[:-1, :-pixel_bytes]
    result[:, 0] = filter_type
    out = result[:, 1:]
    if filter_type == NONE:
        out[:] = raw
    elif filter_type == SUB:
        np.subtract(raw, left, out=out)
    elif filter_type == UP:
        np.subtract(raw, above, out=out)
    elif filter_type == AVERAGE:
        np.subtract(raw, (left & above) + ((left ^ above) >> 1), out=out)
    else:
        np.subtract(raw, _paeth(left, above, corner), out=out)


def _paeth(left: NDArray[np.uint8], above: NDArray[np.uint8], corner: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return which of three neighbors is nearest to left + above - corner.

    If the corner lies outside the range from left to above, the answer is the end farther from it. Clamping
    the corner to the nearer end gives the same answer, and then all sums fit in 8 bits. Inside the range, the
    answer is an end if it is at least twice as far from the corner as the other end, else the corner.
    """
    low, high = np.minimum(left, above), np.maximum(left, above)
    corner = np.minimum(np.maximum(corner, low), high)
    to_high, to_low = high - corner, corner - low
    # Multiplies by 0 or 1 instead of selecting, because numpy vectorizes products.
    falls = (to_high <= to_low >> 1).view(np.uint8) * to_low
    rises = (to_low <= to_high >> 1).view(np.uint8) * to_high
    nearest: NDArray[np.uint8] = corner - falls + rises
    return nearest


class _Method(NamedTuple):
    """The filter types to choose from for each row, and how to compress the filtered bytes."""

    filter_types: tuple[int, ...]
    strategy: int
    level: int


STANDARD_METHOD = _Method((NONE,), zlib.Z_DEFAULT_STRATEGY, 6)  # what most programs do, among them libvips


class _Strip(NamedTuple):
    """A part of a deflate stream, with the checksum and length of its uncompressed bytes."""

    data: bytes
    checksum: int
    length: int


def _compress(picture: _Rows, method: _Method, jobs: int | None) -> Iterator[bytes]:
    """Yield the chunks of one zlib stream."""
    height = max(1, STRIP_BYTES // picture.row_bytes)
    starts = range(0, picture.height, height)
    strips: dict[int, _Strip] = {}

    def work(queue: WorkQueue) -> None:
        for start in queue:
            strips[start] = _compress_strip(picture, method, start, min(start + height, picture.height))

    parallel_for(starts, work, thread_count(jobs, len(starts)))
    checksum = 1
    yield from make_chunk(b"IDAT", b"\x78\x01")
    for start in starts:
        strip = strips[start]
        checksum = _combined_checksum(checksum, strip.checksum, strip.length)
        yield from make_chunk(b"IDAT", strip.data)
    yield from make_chunk(b"IDAT", checksum.to_bytes(4))


def _compress_strip(picture: _Rows, method: _Method, start: int, stop: int) -> _Strip:
    """Compress rows as if those above had been compressed just before."""
    raw = -zlib.MAX_WBITS  # negative: without a zlib header and checksum
    window = _window(picture, method, start)
    compressor = zlib.compressobj(method.level, zlib.DEFLATED, raw, MEMORY_LEVEL, method.strategy, window)
    height = max(1, BLOCK_BYTES // picture.row_bytes)
    checksum = 1
    data = []
    for top in range(start, stop, height):
        filtered = picture.filtered(top, min(top + height, stop), method.filter_types).data
        checksum = zlib.adler32(filtered, checksum)
        data.append(compressor.compress(filtered))
    last = stop == picture.height
    data.append(compressor.flush(zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH))
    return _Strip(b"".join(data), checksum, (stop - start) * picture.row_bytes)


def _window(picture: _Rows, method: _Method, start: int) -> bytes | memoryview:
    """Return the filtered rows above a strip to which its matches may refer."""
    if start == 0 or method.strategy == zlib.Z_RLE:  # runs start anew in every strip
        return b""
    above = max(0, start - -(-WINDOW // picture.row_bytes))
    return picture.filtered(above, start, method.filter_types).data


def _fast_method(picture: _Rows) -> _Method:
    """Return the fastest method that compresses a sample about as well as the standard method.

    For photographs, which hardly repeat, run-length encoding is enough; drawings and tiled pictures repeat
    and need a search for matches.
    """
    samples = _samples(picture)
    best = min(FILTER_TYPES, key=lambda filter_type: _entropy(picture, filter_type, samples))
    limit = MAX_GROWTH * _sampled_size(picture, STANDARD_METHOD, samples)
    methods = [_Method((best,), zlib.Z_RLE, FASTEST)]
    methods += [
        _Method((filter_type,), zlib.Z_DEFAULT_STRATEGY, level)
        for level in SEARCH_LEVELS
        for filter_type in dict.fromkeys((NONE, best))  # matches are longest in unfiltered rows
    ]
    return next(
        (method for method in methods if _sampled_size(picture, method, samples) <= limit), STANDARD_METHOD
    )


def _small_method(picture: _Rows, level: int) -> _Method:
    """Return the method that compresses a sample best at a given level."""
    samples = _samples(picture)
    methods = [
        _Method(types, strategy, level)
        for types in (FILTER_TYPES, (NONE,))
        for strategy in (zlib.Z_FILTERED, zlib.Z_DEFAULT_STRATEGY)
    ]
    return min(methods, key=lambda method: _sampled_size(picture, method, samples))


def _samples(picture: _Rows) -> list[tuple[int, int]]:
    """Return the ranges of a few rows in the middle of each of several equal parts of a picture."""
    count = max(1, SAMPLE_BYTES // picture.row_bytes, int(SAMPLE_FRACTION * picture.height))
    spacing = max(count, -(-picture.height // SAMPLE_COUNT))
    starts = range((spacing - count) // 2, picture.height, spacing)
    return [(start, min(start + count, picture.height)) for start in starts]


def _sampled_size(picture: _Rows, method: _Method, samples: list[tuple[int, int]]) -> int:
    return sum(len(_compress_strip(picture, method, start, stop).data) for start, stop in samples)


def _entropy(picture: _Rows, filter_type: int, samples: list[tuple[int, int]]) -> float:
    """Return the number of bits that an ideal entropy code needs for the filtered bytes."""
    counts = np.zeros(256, np.int64)
    for start, stop in samples:
        counts += np.bincount(picture.filtered(start, stop, (filter_type,)).ravel(), minlength=256)
    counts = counts[counts > 0]
    return float((counts * np.log2(counts.sum() / counts)).sum())


def _combined_checksum(first: int, second: int, length: int) -> int:
    """Combine the Adler-32 checksums of two parts; `length` is that of the second part."""
    low = ((first & 0xFFFF) + (second & 0xFFFF) - 1) % ADLER_BASE
    high = ((first >> 16) + (second >> 16) + length * ((first & 0xFFFF) - 1)) % ADLER_BASE
    return high << 16 | low
