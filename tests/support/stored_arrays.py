"""An array that is not in memory, for tests: it counts what is read."""

from collections import Counter

from tests.support.array_jobs import Array

__all__ = ["FakeStore"]


class FakeStore:
    """An array with nothing but a shape, a dtype, slices and perhaps chunks.

    Attributes
    ----------
    reads : Counter
        How often each chunk was read, by its place.
    largest_read : int
        Bytes of the largest part that was read at once.
    """

    def __init__(self, array: Array, chunks: tuple[int, ...] | None = None) -> None:
        self.array, self.chunks = array, chunks
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim
        self.reads: Counter[tuple[int, int]] = Counter()
        self.largest_read = 0

    def __getitem__(self, key: tuple[slice, slice]) -> Array:
        assert all(0 <= part.start < part.stop <= side for part, side in zip(key, self.shape, strict=False))
        if self.chunks:
            (top, bottom), (left, right) = (
                (part.start // chunk, -(-part.stop // chunk))
                for part, chunk in zip(key[:2], self.chunks, strict=False)
            )
            self.reads.update((row, column) for row in range(top, bottom) for column in range(left, right))
        found = self.array[key].copy()
        self.largest_read = max(self.largest_read, found.nbytes)
        return found

    def __setitem__(self, key: tuple[slice, slice], values: Array) -> None:
        assert values.shape[:2] == tuple(part.stop - part.start for part in key)
        self.array[key] = values
