"""Chooses how to compress a picture, by compressing a sample of its rows."""

import zlib
from collections.abc import Iterator

from convcli.pictures.formats.png.rows import FILTER_TYPES, NONE, Compressor, Rows, Strip

__all__ = ["FASTEST", "ZlibCompressor", "best_filter", "fast_compressor", "small_compressor"]

FASTEST = 1
"""The fastest level of zlib that compresses at all."""
SEARCH_LEVEL = 3  # the levels above take longer for about the same file size
BLOCK_BYTES = 1 << 17  # filtered at once: the block and its temporaries fit in the cache of a core
WINDOW = 1 << zlib.MAX_WBITS
SAMPLE_COUNTS = (4, 16)  # the second if the samples of the first are too small when compressed
MIN_SAMPLED = 1 << 13  # bytes: smaller ones lie on the plain background of a drawing, and show little
SAMPLE_BYTES = 3 << 12  # per sample, at least
SAMPLE_FRACTION = 0.001  # of a large picture's rows, per sample: sampling takes about 5 % of the whole time
MAX_GROWTH = 1.02  # a fast file may be at most this much larger than a file made by the standard method
MEMORY_LEVEL = 9  # the maximum in zlib


class ZlibCompressor:
    """Compresses rows with zlib; several filter types are chosen from for each row."""

    def __init__(self, rows: Rows, filter_types: tuple[int, ...], strategy: int, level: int) -> None:
        self.rows = rows
        self.filter_types = filter_types
        self.strategy = strategy
        self.level = level

    def __call__(self, start: int, stop: int) -> Strip:
        """Compress rows as if those above had been compressed just before."""
        raw = -zlib.MAX_WBITS  # negative: without a zlib header and checksum
        compressor = zlib.compressobj(
            self.level, zlib.DEFLATED, raw, MEMORY_LEVEL, self.strategy, self._window(start)
        )
        height = max(1, BLOCK_BYTES // self.rows.row_bytes)
        checksum = 1
        data = []
        for top in range(start, stop, height):
            filtered = self.rows.filtered(top, min(top + height, stop), self.filter_types)
            checksum = zlib.adler32(filtered, checksum)
            data.append(compressor.compress(filtered))
        is_last = stop == self.rows.height
        data.append(compressor.flush(zlib.Z_FINISH if is_last else zlib.Z_SYNC_FLUSH))
        return Strip(b"".join(data), checksum, (stop - start) * self.rows.row_bytes)

    def _window(self, start: int) -> bytes | memoryview:
        """Return the filtered rows above a strip to which its matches may refer."""
        if start == 0 or self.strategy == zlib.Z_RLE:  # runs start anew in every strip
            return b""
        above = max(0, start - -(-WINDOW // self.rows.row_bytes))
        return self.rows.filtered(above, start, self.filter_types)


def fast_compressor(rows: Rows) -> Compressor:
    """Return the fastest compressor that compresses a sample about as well as the standard method.

    For photographs, which hardly repeat, run-length encoding is enough; drawings and tiled pictures repeat
    and need a search for matches.
    """
    # What most programs do, among them libvips.
    standard = ZlibCompressor(rows, (NONE,), zlib.Z_DEFAULT_STRATEGY, 6)
    for count in SAMPLE_COUNTS:
        samples = _samples(rows, count)
        sampled = _sampled_size(standard, samples)
        if sampled >= MIN_SAMPLED:
            break
    limit = MAX_GROWTH * sampled
    candidates = _fast_candidates(rows, samples)
    return next((method for method in candidates if _sampled_size(method, samples) <= limit), standard)


def _fast_candidates(rows: Rows, samples: list[tuple[int, int]]) -> Iterator[Compressor]:
    yield rows.run_compressor(samples)
    best = best_filter(rows, samples)
    yield from rows.match_compressors(best)
    for filter_type in dict.fromkeys((NONE, best)):  # matches are longest in unfiltered rows
        yield ZlibCompressor(rows, (filter_type,), zlib.Z_DEFAULT_STRATEGY, SEARCH_LEVEL)


def best_filter(rows: Rows, samples: list[tuple[int, int]]) -> int:
    """Return the filter type with the lowest entropy."""
    return min(FILTER_TYPES, key=lambda filter_type: rows.entropy(filter_type, samples))


def small_compressor(rows: Rows, level: int) -> Compressor:
    """Return the compressor that makes the sample smallest at a given level of zlib."""
    samples = _samples(rows, SAMPLE_COUNTS[0])
    candidates = [
        ZlibCompressor(rows, types, strategy, level)
        for types in (FILTER_TYPES, (NONE,))
        for strategy in (zlib.Z_FILTERED, zlib.Z_DEFAULT_STRATEGY)
    ]
    return min(candidates, key=lambda candidate: _sampled_size(candidate, samples))


def _samples(rows: Rows, parts: int) -> list[tuple[int, int]]:
    """Return the ranges of a few rows in the middle of each of several equal parts of a picture."""
    count = max(1, SAMPLE_BYTES // rows.row_bytes, int(SAMPLE_FRACTION * rows.height))
    spacing = max(count, -(-rows.height // parts))
    starts = range((spacing - count) // 2, rows.height, spacing)
    return [(start, min(start + count, rows.height)) for start in starts]


def _sampled_size(compressor: Compressor, samples: list[tuple[int, int]]) -> int:
    return sum(len(compressor(start, stop).data) for start, stop in samples)
