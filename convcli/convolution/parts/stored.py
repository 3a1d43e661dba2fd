"""Arrays on disk or elsewhere: read, computed and written strip by strip, in bounded memory."""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from convcli.convolution.parts.axis_parts import axis_part
from convcli.convolution.parts.operation import Operation, run_part
from convcli.errors import ImageError, UsageError
from convcli.late_numpy import np
from convcli.pictures.arrays import check_unmasked
from convcli.pictures.regions.reading.bands import Bands

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["store_result"]

STRIP_BYTES = 1 << 25  # of a strip and its result: strips of smaller chunks take several rows of chunks
MAX_STRIP_BYTES = 1 << 27  # if a row of chunks takes more, it is divided into tiles


def store_result(image: Any, operation: Operation, out: Any, jobs: int | None) -> Any:
    """Write the result of an operation into an array, and return the array.

    Strips are as wide as the result, and as high as a row of chunks of `out` or of the image or several. Rows
    of chunks that do not fit `MAX_STRIP_BYTES` are divided into tiles; then chunks beside a tile are read
    again for it.

    Parameters
    ----------
    image : array
        Anything with slices.
    operation : Operation
    out : array or None
        Anything to whose slices arrays can be assigned; None for a new array in memory.
    jobs : int, optional

    Raises
    ------
    UsageError
        `out` does not fit.
    """
    target = np.empty(operation.shape, operation.dtype) if out is None else out
    _check_target(target, image, operation)
    chunk_rows = _chunk_sides(image)[0]
    height, width = _tile_size(image, target, operation)
    border = operation.border
    for left, right in _ranges(operation.shape[1], width):
        columns = axis_part(operation.columns, border, left, right)
        reader = _Reader(image, columns.reads, chunk_rows, operation.rows.extent)
        for top, bottom in _ranges(operation.shape[0], height):
            rows = axis_part(operation.rows, border, top, bottom)
            target[top:bottom, left:right] = run_part(operation, reader.read(rows.reads), rows, columns, jobs)
            _release(image)
            _release(target)
    return target


def _check_target(out: Any, image: Any, operation: Operation) -> None:
    shape, dtype = operation.shape, operation.dtype
    is_writable = hasattr(out, "__setitem__") and not getattr(out, "read_only", False)
    is_writable = is_writable and (not isinstance(out, np.ndarray) or out.flags.writeable)
    if tuple(out.shape) != shape or out.dtype != dtype or not is_writable:
        raise UsageError(
            f"out {out.dtype} {tuple(out.shape)}", f"must be a writable array of {dtype} {shape}"
        )
    if out is image:
        raise UsageError("out", "is the image, which is read while the result is written; use another array")


def _chunk_sides(array: Any) -> tuple[int, int]:
    """Return the sides of what an array stores as one: a shard or a chunk; 1 where it has no chunks."""
    chunks: Sequence[int] | None = getattr(array, "shards", None) or getattr(array, "chunks", None)
    return (1, 1) if chunks is None else (int(chunks[0]), int(chunks[1]))


def _tile_size(image: Any, target: Any, operation: Operation) -> tuple[int, int]:
    """Return the height and the width of the parts of the result that are computed one after another."""
    width = operation.shape[1]
    rows, columns = operation.rows, operation.columns
    strides = min(rows.stride, rows.side), min(columns.stride, columns.side)
    unit_height, unit_width = (
        written * -(-read // (stride * written))
        for read, written, stride in zip(_chunk_sides(image), _chunk_sides(target), strides, strict=True)
    )
    pixel = image.dtype.itemsize * math.prod(operation.kind.shape[2:])
    value = math.prod(strides) * pixel + operation.dtype.itemsize * math.prod(operation.shape[2:])
    if unit_height * width * value <= MAX_STRIP_BYTES:
        return unit_height * max(1, STRIP_BYTES // (unit_height * width * value)), width
    return unit_height, unit_width * max(1, MAX_STRIP_BYTES // (unit_height * unit_width * value))


def _ranges(length: int, step: int) -> Iterator[tuple[int, int]]:
    return ((start, min(start + step, length)) for start in range(0, length, step))


class _Reader:
    """Reads rows of an image, each only once while reads move down.

    Parameters
    ----------
    image : array
    columns : sequence of (int, int)
        The ranges of columns that are read.
    chunk_rows : int
        So many rows are stored together, and read together.
    reach : int
        So many rows are under a window.
    """

    def __init__(self, image: Any, columns: Sequence[tuple[int, int]], chunk_rows: int, reach: int) -> None:
        self._image, self._columns = image, columns
        shape = image.shape[0], sum(right - left for left, right in columns), *image.shape[2:]
        self._bands = Bands(self._decode, shape, image.dtype, chunk_rows, reach)

    def read(self, ranges: Sequence[tuple[int, int]]) -> NDArray[Any]:
        """Return ranges of rows, one after another; rows of the longest are held for the next call."""
        if not ranges or not self._columns:
            return np.empty((0, 0, *self._image.shape[2:]), self._image.dtype)
        if isinstance(self._image, np.ndarray):  # memory need not be copied
            return _joined([self._fetch(*rows) for rows in ranges], axis=0)
        longest = max(ranges, key=lambda rows: rows[1] - rows[0])
        return _joined(
            [self._bands.read(*rows) if rows == longest else self._fetch(*rows) for rows in ranges], axis=0
        )

    def _decode(self, rows: NDArray[Any], start: int, jobs: int | None) -> None:  # noqa: ARG002 -- one read
        np.copyto(rows, self._fetch(start, start + len(rows)))

    def _fetch(self, start: int, stop: int) -> NDArray[Any]:
        found = [np.asanyarray(self._image[start:stop, left:right]) for left, right in self._columns]
        check_unmasked(found, "array", ImageError)
        return _joined(found, axis=1)


def _joined(arrays: Sequence[NDArray[Any]], *, axis: int) -> NDArray[Any]:
    parts = [array for array in arrays if array.size]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis)


def _release(array: Any) -> None:
    """Let go of the pages of a mapped file that were read or written; the file keeps their contents."""
    mapping = getattr(array, "_mmap", None)
    if isinstance(mapping, mmap.mmap) and array.mode != "c" and hasattr(mmap, "MADV_DONTNEED"):
        mapping.madvise(mmap.MADV_DONTNEED)
