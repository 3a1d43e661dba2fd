"""Memory for what is made on the way, used again and again."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["Scratch"]

MOST_KEPT, MOST_SPARE = 1 << 24, 16  # bytes of a scratch that is kept for later, and how many are


class Scratch:
    """Memory that is used again for every strip of a thread, and by the next convolution.

    New memory is dear: the first touch of each of its pages costs more than a pass over it.
    """

    _spare: ClassVar[list["Scratch"]] = []

    def __init__(self) -> None:
        self._blocks: dict[str, NDArray[np.uint8]] = {}
        self._arrays: dict[tuple[str, tuple[int, ...], np.dtype[Any]], NDArray[Any]] = {}

    def array(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return an array of any content, the same one for the same arguments.

        Arrays of one name share their memory: asking for one gives up the others.
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
    def lent(cls) -> Iterator["Scratch"]:
        """Lend memory that an earlier loan left, or new; it is kept afterwards if it is not much."""
        try:
            scratch = cls._spare.pop()
        except IndexError:
            scratch = cls()
        scratch._arrays.clear()
        yield scratch
        if (
            sum(block.size for block in scratch._blocks.values()) <= MOST_KEPT
            and len(cls._spare) < MOST_SPARE
        ):
            cls._spare.append(scratch)
