"""Types, limits and small steps that all algorithms use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from convcli.convolution.buffers import BufferPool
from convcli.late_numpy import np
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
    "Steps",
    "Strategy",
    "add_into",
    "block_size",
    "block_starts",
    "l1_norm",
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

Steps = list[Callable[[], object]]
Algorithm = Callable[[Array, Array, BufferPool], Steps]
"""Called with a padded strip, the rows of the result to compute, and buffers.

Returns steps to run in order; a step may return further steps that replace it. The same steps run again when
the strip holds other pixels, so that the threads rarely wait for the interpreter lock.
"""


def l1_norm(taps: Array) -> float:
    """Return the sum of |taps|, the largest factor from a pixel to a result; infinite if it overflows.

    Examples
    --------
    >>> l1_norm(np.array([[-1, 0, 1], [-2, 0, 2]])), l1_norm(np.array([[1e308, 1e308]]))
    (6.0, inf)
    """
    with np.errstate(over="ignore"):
        return float(np.abs(taps.astype(np.float64)).sum())


def add_into(target: Array, view: Array, minus: bool) -> Callable[[], object]:
    """Return a call that adds a view to the target, or subtracts it."""
    return partial(np.subtract if minus else np.add, target, view, out=target)


def block_starts(length: int, block: int) -> Iterator[int]:
    """Yield the starts of blocks; the last block ends with the line and may overlap the one before."""
    yield from range(0, length - block, block)
    yield length - block


def block_size(axis: Axis) -> int:
    """Return the number of outputs per block: small blocks multiply fewer zeros, large ones run faster."""
    return 16 if axis.extent <= 12 else 32
