"""The rows of a picture, filtered by numpy and compressed by zlib: without the compiled core."""

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.pictures.formats.png.compression import FASTEST, ZlibCompressor, best_filter
from convcli.pictures.formats.png.rows import AVERAGE, NONE, SUB, UP, Compressor

__all__ = ["NumpyRows"]


class NumpyRows:
    """The rows of an array; see `Rows`.

    Parameters
    ----------
    pixels, alpha : array
        As for `encode_png`.
    """

    def __init__(self, pixels: NDArray[Any], alpha: NDArray[Any] | None) -> None:
        self._pixels = pixels.reshape(*pixels.shape[:2], -1)
        self._alpha = alpha
        self.height: int = len(pixels)
        self.width: int = self._pixels.shape[1]
        self.channels: int = self._pixels.shape[2] + (alpha is not None)
        self.depth: int = 8 * pixels.itemsize

    @property
    def _pixel_bytes(self) -> int:
        """Return the number of bytes per pixel."""
        return self.channels * self.depth // 8

    @property
    def row_bytes(self) -> int:
        """Return the number of bytes per row, including the filter type."""
        return 1 + self.width * self._pixel_bytes

    def _padded_rows(self, start: int, stop: int) -> NDArray[np.uint8]:
        """Return the bytes of rows, with the row above and one pixel on the left; outside is zero."""
        first = max(start - 1, 0)
        shape = (stop - start + 1, self.width + 1, self.channels)
        padded = np.zeros(shape, self._pixels.dtype.newbyteorder(">"))
        inside = padded[first - stop :, 1:]
        colors = self._pixels.shape[2]
        inside[..., :colors] = self._pixels[first:stop]
        if self._alpha is not None:
            inside[..., colors] = self._alpha[first:stop]
        return padded.view(np.uint8).reshape(len(padded), -1)

    def filtered(self, start: int, stop: int, types: tuple[int, ...]) -> memoryview:
        """Return rows as PNG stores them; see `Rows.filtered`."""
        padded = self._padded_rows(start, stop)
        result = np.empty((stop - start, self.row_bytes), np.uint8)
        if len(types) == 1:
            _filter(padded, self._pixel_bytes, types[0], result)
            return result.data
        cost = np.full(stop - start, np.iinfo(np.int64).max)
        candidate = np.empty_like(result)
        for filter_type in types:
            _filter(padded, self._pixel_bytes, filter_type, candidate)
            sums = np.minimum(candidate[:, 1:], -candidate[:, 1:]).sum(axis=1, dtype=np.int64)
            better = sums < cost
            cost[better] = sums[better]
            result[better] = candidate[better]
        return result.data

    def entropy(self, filter_type: int, samples: list[tuple[int, int]]) -> float:
        """Return the number of bits that an ideal entropy code needs for filtered rows."""
        counts = np.zeros(256, np.int64)
        for start, stop in samples:
            filtered = np.frombuffer(self.filtered(start, stop, (filter_type,)), np.uint8)
            counts += np.bincount(filtered, minlength=256)
        counts = counts[counts > 0]
        return float((counts * np.log2(counts.sum() / counts)).sum())

    def run_compressor(self, samples: list[tuple[int, int]]) -> Compressor:
        """Return a compressor that uses one filter type for all rows."""
        return ZlibCompressor(self, (best_filter(self, samples),), zlib.Z_RLE, FASTEST)

    def match_compressors(self, best: int) -> list[Compressor]:
        """Return zlib at its fastest level, without filters and with the best one."""
        types = dict.fromkeys((NONE, best))
        return [ZlibCompressor(self, (chosen,), zlib.Z_DEFAULT_STRATEGY, FASTEST) for chosen in types]


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
