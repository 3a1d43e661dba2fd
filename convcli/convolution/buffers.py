"""Reusable buffers for intermediate results."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from convcli.late_numpy import np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BufferPool"]

MAX_POOL_BYTES, MAX_SPARE_POOLS = 1 << 24, 16  # bytes per set of buffers kept for reuse, and number of sets


class BufferPool:
    """Buffers of one thread, reused for each strip and by the next convolution.

    Fresh memory is expensive: the first access to each of its pages costs more than a pass over the data.
    """

    _spare_pools: ClassVar[list[BufferPool]] = []

    def __init__(self) -> None:
        self._blocks: dict[str, NDArray[np.uint8]] = {}

    def array(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return an uninitialized array; arrays of the same name share memory."""
        size = math.prod(shape) * dtype.itemsize
        block = self._blocks.get(name)
        if block is None or block.size < size:
            block = self._blocks[name] = np.empty(size, np.uint8)
        return block[:size].view(dtype).reshape(shape)

    @classmethod
    @contextmanager
    def borrow(cls) -> Iterator[BufferPool]:
        """Lend a set of buffers, reused or new; afterwards keep it for reuse unless it is too large."""
        try:
            buffers = cls._spare_pools.pop()
        except IndexError:
            buffers = cls()
        yield buffers
        if (
            sum(block.size for block in buffers._blocks.values()) <= MAX_POOL_BYTES
            and len(cls._spare_pools) < MAX_SPARE_POOLS
        ):
            cls._spare_pools.append(buffers)
