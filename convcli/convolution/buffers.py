"""Reusable buffers for intermediate results."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["BufferPool"]

MAX_KEPT, MAX_SPARE = 1 << 24, 16  # bytes per set of buffers kept for reuse, and number of sets


class BufferPool:
    """Buffers of one thread, reused for each strip and by the next convolution.

    Fresh memory is expensive: the first access to each of its pages costs more than a pass over the data.
    """

    _spare: ClassVar[list["BufferPool"]] = []

    def __init__(self) -> None:
        self._blocks: dict[str, NDArray[np.uint8]] = {}
        self._arrays: dict[tuple[str, tuple[int, ...], np.dtype[Any]], NDArray[Any]] = {}

    def array(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return an uninitialized array; the same arguments return the same array.

        Arrays of the same name share memory, so requesting one invalidates the others.
        """
        key = (name, shape, dtype)
        if key not in self._arrays:
            size = math.prod(shape) * dtype.itemsize
            block = self._blocks.get(name)
            if block is None or block.size < size:
                block = self._blocks[name] = np.empty(size, np.uint8)
                self._arrays = {known: array for known, array in self._arrays.items() if known[0] != name}
            self._arrays[key] = block[:size].view(dtype).reshape(shape)
        return self._arrays[key]

    @classmethod
    @contextmanager
    def lent(cls) -> Iterator["BufferPool"]:
        """Lend a set of buffers, reused or new; afterwards keep it for reuse unless it is too large."""
        try:
            scratch = cls._spare.pop()
        except IndexError:
            scratch = cls()
        scratch._arrays.clear()
        yield scratch
        if sum(block.size for block in scratch._blocks.values()) <= MAX_KEPT and len(cls._spare) < MAX_SPARE:
            cls._spare.append(scratch)
