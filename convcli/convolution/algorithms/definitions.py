"""Types, limits and small functions that all algorithms use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

from convcli.convolution.buffers import BufferPool
from convcli.sizes.windowed import Axis

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "BLAS_SINGLE_THREAD_LIMIT",
    "EXACT_IN_FLOAT32",
    "EXACT_IN_FLOAT64",
    "HEADROOM",
    "IDENTITY_AXIS",
    "Algorithm",
    "Array",
    "Factors",
    "Strategy",
    "block_size",
    "block_starts",
    "kernel_norm",
]

Array: TypeAlias = "NDArray[Any]"
Factors = Sequence[tuple[Array, Array]]  # columns and rows whose outer products sum to a kernel


class Strategy(StrEnum):
    """How a kernel is applied to a strip."""

    SHIFTS = "shifts"
    SEPARABLE = "separable"
    SEPARABLE_MATMUL = "separable bands"
    BANDED_MATMUL = "bands"
    FOURIER = "fourier"
    COMPILED_DENSE = "compiled dense"
    COMPILED_SEPARABLE = "compiled separable"


# The types hold integers up to here, and so their sums, exactly.
EXACT_IN_FLOAT32, EXACT_IN_FLOAT64 = 1 << 24, 1 << 53
# One tap, step one: the axis that a one-dimensional pass leaves unchanged.
IDENTITY_AXIS = Axis(side=1, window=1)
HEADROOM = 2.0**64  # factor by which intermediate sums may exceed the largest value times the taps
BLAS_SINGLE_THREAD_LIMIT = 1 << 18  # multiply-accumulates; BLAS starts its own threads for larger products

Algorithm = Callable[[Array, Array, BufferPool], Iterator[None]]
"""Called with a padded strip, the rows of the result to compute, and buffers; yields between its passes."""


def kernel_norm(taps: Array) -> int | float:
    """Return the sum of |taps|, the largest factor from a pixel to a result: exact for integers of any size.

    Examples
    --------
    >>> import numpy as np
    >>> kernel_norm(np.array([[-1, 0, 1], [-2, 0, 2]])), kernel_norm(np.array([[1e308, 1e308]]))
    (6, inf)
    """
    numbers: list[int | float] = taps.ravel().tolist()
    return sum(map(abs, numbers))


def block_starts(length: int, block: int) -> Iterator[int]:
    """Yield the starts of blocks; the last block ends with the line and may overlap the one before."""
    yield from range(0, length - block, block)
    yield length - block


def block_size(axis: Axis) -> int:
    """Return the number of outputs per block: small blocks multiply fewer zeros, large ones run faster."""
    return 16 if axis.extent <= 12 else 32
