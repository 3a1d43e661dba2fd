"""A filter: one or several kernels, how their results combine, gain and separability."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convcli.errors import KernelError
from convcli.pictures.arrays import check_unmasked

__all__ = [
    "MAX_TAPS",
    "Combination",
    "Filter",
    "Matrix",
    "custom_filter",
    "gain",
    "integers_if_exact",
    "kernel_array",
    "outer_product",
    "read_only_kernel",
    "separate",
]

Matrix = NDArray[Any]

ZERO_SUM_TOLERANCE = 1e-6  # of the sum of absolute taps: the precision of float32
MAX_TAPS = 1_048_576  # 1024 x 1024: a larger kernel is a mistake, not a filter


class Combination(StrEnum):
    """How the responses of a filter's kernels are combined into one value."""

    SINGLE = "single"
    MAGNITUDE = "magnitude"  # of the gradient, sqrt(x² + y²)
    STRONGEST = "strongest"  # the largest response
    ABSOLUTE_SUM = "absolute sum"  # |x| + |y|
    ABSOLUTE_MAXIMUM = "absolute maximum"  # the largest absolute response

    @property
    def is_nonnegative(self) -> bool:
        """Whether a combined value is never negative."""
        return self not in (Combination.SINGLE, Combination.STRONGEST)


@dataclass(frozen=True, eq=False)
class Filter:
    """A filter ready to be applied: one kernel, or several whose responses are combined.

    Attributes
    ----------
    name : str
        Name with its options, as `get_filter` reads it.
    kernels : tuple of 2-D arrays
        int64 where every coefficient is a whole number, else float64.
    divisor : int
        Multiplying each kernel by this gives a matrix of integers; 1 if there is no such divisor.
    combination : Combination
    summary, responds_to, source : str
    """

    name: str
    kernels: tuple[Matrix, ...]
    summary: str
    responds_to: str
    source: str
    divisor: int = 1
    combination: Combination = Combination.SINGLE

    @cached_property
    def gain(self) -> float:
        """Gain of the first kernel, see `gain`; where responses are combined, that of one direction."""
        return gain(self.kernels[0])

    @cached_property
    def separable(self) -> bool:
        """Whether each kernel is a column times a row."""
        return all(separate(matrix) is not None for matrix in self.kernels)


# Builders -----------------------------------------------------------------------------------------------


def outer_product(column: ArrayLike, row: ArrayLike) -> Matrix:
    """Return the matrix whose entries are the products of a column and a row."""
    product: Matrix = np.multiply.outer(np.asarray(column), np.asarray(row))
    return product


def custom_filter(name: str, matrix: ArrayLike) -> Filter:
    """Make a filter from a kernel of your own.

    Examples
    --------
    >>> custom_filter("line", [[1, -2, 1]]).gain
    2.0
    """
    return Filter(
        name=name,
        kernels=(read_only_kernel(kernel_array(matrix)),),
        summary="a kernel of your own",
        responds_to="whatever its coefficients select",
        source="typed",
    )


def read_only_kernel(matrix: Matrix) -> Matrix:
    """Return a read-only copy, of integers if all coefficients are whole."""
    result = np.array(integers_if_exact(matrix), dtype=None if matrix.dtype.kind == "f" else np.int64)
    result.flags.writeable = False
    return result


# Properties of a kernel ---------------------------------------------------------------------------------


def gain(matrix: ArrayLike) -> float:
    """Return the factor by which the kernel multiplies brightness.

    If the taps do not add up to zero, it is the factor for a flat area: the absolute value of their sum. If
    they do, it is the response to the best fitting step of height one: the sum of the positive taps (4 for
    sobel-x). A sum below a millionth of the sum of absolute taps counts as zero, because learned taps never
    add up to exactly zero.

    Examples
    --------
    >>> gain([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]), gain([[0, -1, 0], [-1, 5, -1], [0, -1, 0]])
    (4.0, 1.0)
    """
    taps = np.asarray(matrix, dtype=np.float64).ravel()
    # Scaled by a power of two, which is exact: sums of the largest floats would overflow.
    unit = 2.0 ** (math.frexp(float(np.abs(taps).max()))[1] - 1) if taps.any() else 1.0
    taps = taps / unit
    total = abs(math.fsum(taps))
    has_zero_sum = total <= ZERO_SUM_TOLERANCE * math.fsum(np.abs(taps))
    return unit * (math.fsum(taps[taps > 0]) if has_zero_sum else total)


def separate(matrix: ArrayLike) -> tuple[Matrix, Matrix] | None:
    """Split a kernel of rank one into a column and a row whose outer product it is.

    Exact for integers. For floats, the absolute differences between products and taps add up to at most
    ``4 eps sum|taps|``. The row always has a positive tap, so the factors of a smoothing kernel are positive.

    Returns
    -------
    (column, row) of 1-D arrays, or None if the rank is not one.

    Examples
    --------
    >>> column, row = separate([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    >>> column.tolist(), row.tolist()
    ([1, 2, 1], [-1, 0, 1])
    """
    taps = np.asarray(matrix)
    if not taps.any():
        return None
    is_integer = taps.dtype.kind in "iu"
    magnitudes = taps != 0 if is_integer else np.abs(taps)  # the smallest integer has no absolute value
    pivot_row, pivot_column = np.unravel_index(np.argmax(magnitudes), taps.shape)
    if is_integer:
        row = taps[pivot_row] // np.gcd.reduce(taps[pivot_row])
        row = -row if row.max() <= 0 else row
        column = taps[:, pivot_column] // row[pivot_column]
        exact = bool(np.array_equal(outer_product(column, row), taps))
        return (column, row) if exact else None
    row = taps[pivot_row] / taps[pivot_row, pivot_column]
    column = taps[:, pivot_column]
    _, exponent = np.frexp(magnitudes.max())  # sums and differences of the largest taps would overflow
    taps = np.ldexp(taps, -exponent)
    error = np.abs(outer_product(np.ldexp(column, -exponent), row) - taps).sum()
    return (column, row) if error <= 4 * np.finfo(np.float64).eps * np.abs(taps).sum() else None


def kernel_array(value: ArrayLike, name: str = "kernel", *, axes: int = 2) -> Matrix:
    """Check that a value is a kernel: not empty, finite numbers, at most 1,048,576 taps.

    Parameters
    ----------
    value : array (f_h, f_w)
        With `axes` 4 also (f_h, f_w, C) or (f_h, f_w, C, F).
    name : str
        The name to use in messages.
    axes : int
        The largest number of axes to accept.

    Returns
    -------
    array
        int64 for whole-number types, else float64.

    Raises
    ------
    KernelError
        It is not a kernel.

    Examples
    --------
    >>> kernel_array([[1, 0, -1]]).dtype
    dtype('int64')
    """
    if isinstance(value, str):
        raise KernelError(
            f"{name} {value[:50]!r}", 'is text; use kernel("sobel-x") or parse_kernel("1 0 -1")'
        )
    requirement = (
        "must have two axes (rows, columns)" if axes == 2 else "must have two to four axes (f_h, f_w, C, F)"
    )
    check_unmasked(value, name, KernelError)
    try:
        taps = np.asarray(value)
    except ValueError:
        too_deep = f"is nested too deeply; {requirement}"
        why = too_deep if _is_nested_deeper(value, axes) else "has rows of different lengths"
        raise KernelError(name, why) from None
    if taps.dtype.kind not in "biuf":
        raise KernelError(name, f"must hold real numbers, not {taps.dtype}")
    if not 2 <= taps.ndim <= axes:
        found = f"; its shape is {taps.shape}" if taps.size else "; it is empty"
        raise KernelError(name, f"{requirement}{found}")
    if not 0 < taps.size <= MAX_TAPS:
        raise KernelError(
            name, f"is {'x'.join(map(str, taps.shape))}; must have 1 to {MAX_TAPS} coefficients"
        )
    if taps.dtype.kind == "f":
        positions = np.argwhere(~np.isfinite(taps))
        if positions.size:
            row, column = positions[0][:2]
            tap = taps[tuple(positions[0])]
            raise KernelError(name, f"row {row + 1}, column {column + 1} is {tap}, not finite")
        return taps.astype(np.float64)
    if taps.dtype == np.uint64 and taps.max() > np.iinfo(np.int64).max:
        raise KernelError(name, f"the coefficient {taps.max()} does not fit in int64; write it as a float")
    return taps.astype(np.int64)


def _is_nested_deeper(value: object, axes: int) -> bool:
    """Whether lists are nested more than `axes` deep, judged by the first of each."""
    for _ in range(axes):
        value = value[0] if isinstance(value, list | tuple) and value else None
    return isinstance(value, list | tuple)


def integers_if_exact(taps: Matrix) -> Matrix:
    """Return the taps as int64 if each is a whole number, however it was written."""
    exact = taps.dtype.kind == "f" and bool((taps % 1 == 0).all()) and bool((np.abs(taps) < 2**53).all())
    return taps.astype(np.int64) if exact else taps
