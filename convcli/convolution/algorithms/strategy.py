"""Choosing how to compute a convolution: the cheapest strategy that is exact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from convcli.compiled.engine import is_compiled
from convcli.convolution.algorithms.definitions import (
    EXACT_IN_FLOAT32,
    HEADROOM,
    Algorithm,
    Strategy,
    block_size,
    kernel_norm,
)
from convcli.convolution.algorithms.direct import separable, shifts
from convcli.convolution.algorithms.fourier import fourier, tile_outputs, transform_length
from convcli.convolution.algorithms.matmul import banded_matmul, separable_matmul
from convcli.kernels.filter import Matrix, matrix_array, separate
from convcli.late_numpy import np
from convcli.sizes.windowed import Axis

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "EXACT_IN_FLOAT32",
    "PER_CHANNEL",
    "Strategy",
    "choose_strategy",
    "choose_sum_type",
    "make_algorithm",
    "strip_height",
]

Array: TypeAlias = "NDArray[Any]"

# The error of a transform of n numbers is at most 7 log2(n) u of their norm (N. Higham, Accuracy and
# Stability of Numerical Algorithms, theorem 24.2). There are three transforms. The norm of 2^24 pixels is at
# most 2^12 times the largest, that of the kernel the sum of |taps|. So the error is at most 2^-32 of
# the bound on the sums: 1/4 here, which rounds to the exact integer.
EXACT_BY_FOURIER = 1 << 30
MAX_FACTORS = 4  # maximum rank: pairs of a column and a row that a kernel is split into
MIN_STRIPS = 4  # minimum for a large picture, so that all threads have work
STRIP_BYTES = 1 << 20  # smaller strips fit faster caches, but threads then wait for the interpreter lock

# Measured on one core (AVX2), in nanoseconds; only their ratios matter.
PASS_COST = 0.05  # one pass over the strip, per byte of an element
PRODUCT_COST = 0.045  # a float32 multiply-accumulate in a matrix product; float64 takes twice as long
FOURIER_COST, CORE_FOURIER_COST = 17.0, 7.5  # forward and inverse transform, per pixel of a tile


# These process each channel separately.
PER_CHANNEL = {Strategy.SEPARABLE_MATMUL, Strategy.BANDED_MATMUL, Strategy.FOURIER}


def choose_sum_type(strategy: Strategy, dtype: str) -> str:
    """Return the name of the dtype in which numpy sums with a strategy, for results of a dtype."""
    if strategy == Strategy.FOURIER:
        return "float64"
    return "float32" if strategy in PER_CHANNEL and dtype.startswith("int") else dtype


def choose_strategy(
    matrices: Sequence[Matrix],
    rows: Axis,
    columns: Axis,
    dtype: str,
    bound: int | None,
    core_costs: Mapping[Strategy, float],
) -> Strategy:
    """Choose the cheapest strategy that is exact for all of the kernels.

    Parameters
    ----------
    matrices : sequence of Matrix
        The kernels, of one size.
    rows, columns : Axis
    dtype : str
        Dtype of the results.
    bound : int or None
        Upper bound for the absolute value of every sum, partial or complete; None for floats.
    core_costs : mapping
        What the strategies of the compiled core cost, if it can compute this.
    """
    costs = dict(core_costs)
    if not costs:
        costs = _numpy_costs(
            [matrix_array(matrix) for matrix in matrices], rows, columns, np.dtype(dtype), bound
        )
    if bound is None or bound < EXACT_BY_FOURIER:
        costs[Strategy.FOURIER] = len(matrices) * _cost_of_fourier(rows, columns)
    return min(costs, key=lambda strategy: costs[strategy])


def _numpy_costs(
    kernels: Sequence[Array], rows: Axis, columns: Axis, dtype: np.dtype[Any], bound: int | None
) -> dict[Strategy, float]:
    """Return what numpy's strategies cost that are exact, besides the Fourier transform."""
    step = columns.stride  # the caches load the pixels between, too, and columns are summed for all of them
    costs = {Strategy.SHIFTS: step * sum(_cost_of_shifts(taps, dtype) for taps in kernels)}
    factors = [_factors(taps) for taps in kernels]
    fits_float32 = bound is None or bound < EXACT_IN_FLOAT32
    if min(kernels[0].shape) > 1 and all(factors):
        pairs = [pair for kernel_factors in factors for pair in kernel_factors]
        if len(pairs) == len(kernels):  # terms of a sum would cancel, and infinities would become NaN
            costs[Strategy.SEPARABLE] = step * sum(
                _cost_of_shifts(column, dtype) + _cost_of_shifts(row, dtype) for column, row in pairs
            )
        if fits_float32:
            line_costs = step * _cost_of_bands(1, rows, dtype) + _cost_of_bands(1, columns, dtype)
            costs[Strategy.SEPARABLE_MATMUL] = len(pairs) * line_costs
    if fits_float32:
        costs[Strategy.BANDED_MATMUL] = len(kernels) * _cost_of_bands(rows.window, columns, dtype)
    return costs


def make_algorithm(
    strategy: Strategy, taps: Array, rows: Axis, columns: Axis, sum_dtype: np.dtype[Any]
) -> Algorithm:
    """Return the function that applies the kernel to a strip with this strategy."""
    if strategy == Strategy.SHIFTS:
        return shifts(taps, rows, columns)
    if strategy == Strategy.BANDED_MATMUL:
        return banded_matmul(taps, rows, columns, sum_dtype)
    if strategy == Strategy.FOURIER:
        return fourier(taps, rows, columns)
    factors = _factors(taps)
    assert factors, "only kernels of low rank are separable"
    if strategy == Strategy.SEPARABLE:
        return separable(factors, rows, columns)
    return separable_matmul(factors, rows, columns, taps, sum_dtype)


def strip_height(strategy: Strategy, rows: Axis, pixels_of_row: int, channels: int, itemsize: int) -> int:
    """Return the number of result rows per strip."""
    if strategy == Strategy.FOURIER:
        return tile_outputs(rows)
    row_bytes = pixels_of_row * itemsize * (1 if strategy in PER_CHANNEL else channels)
    strip_bytes = min(STRIP_BYTES, max(row_bytes * rows.output // MIN_STRIPS, STRIP_BYTES // 8))
    # High compared to the kernel, so that strips overlap little.
    padded_rows = max(strip_bytes // row_bytes, 2 * rows.extent)
    height = max((padded_rows - rows.extent) // rows.stride + 1, 1)
    if strategy == Strategy.SEPARABLE_MATMUL:
        # A partial block takes as long as a full one.
        height = -(-height // block_size(rows)) * block_size(rows)
    return min(height, rows.output)


def _factors(taps: Array) -> list[tuple[Array, Array]]:
    """Return columns and rows whose outer products sum to the kernel; none if its rank is too high."""
    pair = separate(taps.tolist())
    if pair is not None or taps.dtype.kind != "f":
        return [(np.array(pair[0], taps.dtype), np.array(pair[1], taps.dtype))] if pair else []
    total = kernel_norm(taps)
    if total > np.finfo(np.float64).max / HEADROOM:  # intermediate sums could overflow
        return []
    rest, term_norms = taps.copy(), 0.0
    found: list[tuple[Array, Array]] = []
    while len(found) < MAX_FACTORS:
        i, j = np.unravel_index(np.argmax(np.abs(rest)), rest.shape)
        if rest[i, j] == 0:
            break
        column, row = rest[:, j].copy(), rest[i] / rest[i, j]
        found.append((column, row))
        term_norms += np.abs(column).sum() * np.abs(row).sum()
        rest -= np.multiply.outer(column, row)
        if np.abs(rest).sum() <= 4 * np.finfo(np.float64).eps * total:
            # Cancellation between terms must not lose more digits than direct summation would.
            return found if term_norms * (sum(taps.shape) + 4) <= total * (taps.size + 8) else []
    return []


def _cost_of_shifts(taps: Array, dtype: np.dtype[Any]) -> float:
    passes = sum(1 if abs(tap) == 1 else 2 for tap in taps[taps != 0].tolist())
    return passes * dtype.itemsize * PASS_COST


def _cost_of_bands(lines: int, axis: Axis, dtype: np.dtype[Any]) -> float:
    """Return what products with the banded matrices of so many lines of taps cost."""
    itemsize = 8 if dtype == np.float64 else 4
    pixels = (block_size(axis) - 1) * axis.stride + axis.extent
    return itemsize * (lines * pixels * PRODUCT_COST / 4 + min(lines, 2) * PASS_COST)


def _cost_of_fourier(rows: Axis, columns: Axis) -> float:
    cost = CORE_FOURIER_COST if is_compiled() else FOURIER_COST
    for axis in (rows, columns):
        tile = tile_outputs(axis)
        cost *= transform_length((tile - 1) * axis.stride + axis.extent) / tile
    return cost
