"""A filter: one or several kernels, how their results combine, gain and separability."""

from __future__ import annotations

import math
import operator
import sys
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeGuard

from convcli.errors import KernelError
from convcli.late_numpy import np
from convcli.pictures.arrays import check_unmasked
from convcli.sizes.text import format_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "MAX_TAPS",
    "Combination",
    "Filter",
    "Matrix",
    "custom_filter",
    "gain",
    "integers_if_exact",
    "kernel_array",
    "kernel_matrix",
    "matrix_array",
    "outer_product",
    "separate",
    "whole_numbers_if_exact",
]

Matrix = tuple[tuple[int | float, ...], ...]
"""Rows of coefficients: Python integers if every coefficient is a whole number, else floats."""

ODD_TOLERANCE = 1e-9  # of the largest coefficient: rounding errors of steered kernels
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

    @property
    def description(self) -> str:
        """How the responses x, y, ... are combined; empty for a single one."""
        return {
            Combination.SINGLE: "",
            Combination.MAGNITUDE: "sqrt(x² + y²) of the two",
            Combination.STRONGEST: "the largest response",
            Combination.ABSOLUTE_SUM: "|x| + |y| of the two",
            Combination.ABSOLUTE_MAXIMUM: "the larger of |x| and |y|",
        }[self]


@dataclass(frozen=True, eq=False, repr=False)
class Filter:
    """A filter ready to be applied: one kernel, or several whose responses are combined.

    Attributes
    ----------
    name : str
        Name with its options, as `get_filter` reads it.
    matrices : tuple of Matrix
        The coefficients of each kernel, all of one size: rows of Python integers where every coefficient is
        a whole number, else of floats.
    divisor : int
        Multiplying each kernel by this gives a matrix of integers; 1 if there is no such divisor.
    combination : Combination
    summary, responds_to, source : str
    """

    name: str
    matrices: tuple[Matrix, ...]
    summary: str
    responds_to: str
    source: str
    divisor: int = 1
    combination: Combination = Combination.SINGLE

    @cached_property
    def kernels(self) -> tuple[NDArray[Any], ...]:
        """The matrices as read-only arrays: int64 where every coefficient is a whole number, else float64."""
        arrays = tuple(map(matrix_array, self.matrices))
        for array in arrays:
            array.flags.writeable = False
        return arrays

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of each kernel."""
        return len(self.matrices[0]), len(self.matrices[0][0])

    @cached_property
    def gain(self) -> float:
        """Gain of the first kernel, see `gain`; where responses are combined, that of one direction."""
        return gain(self.matrices[0])

    @cached_property
    def separable(self) -> bool:
        """Whether each kernel is a column times a row."""
        return all(separate(matrix) is not None for matrix in self.matrices)

    @cached_property
    def direction(self) -> float | None:
        """The direction in which brightness must grow for a derivative to respond most, in degrees.

        Counter-clockwise from x as seen on the screen; the edge itself, a line, is perpendicular to it. None
        for kernels that are not odd: they respond to both directions alike, or to none.
        """
        return _direction(self.matrices[0]) if len(self.matrices) == 1 else None

    def __repr__(self) -> str:
        """Return its name and size, without the coefficients."""
        size, count = format_size(self.shape), len(self.matrices)
        kernels = size if count == 1 else f"{count} kernels of {size}, {self.combination}"
        return f"<Filter {self.name}, {kernels}>"

    def _repr_html_(self) -> str:
        """Return its matrix as a picture, and what is known about it, for notebooks."""
        from convcli.drawing.notebooks import notebook_html  # late: only notebooks need it

        return notebook_html("filter_html", self)


# Building and converting --------------------------------------------------------------------------------


def outer_product(column: Sequence[int | float], row: Sequence[int | float]) -> Matrix:
    """Return the matrix whose entries are the products of a column and a row."""
    return tuple(tuple(above * left for left in row) for above in column)


def custom_filter(name: str, matrix: ArrayLike) -> Filter:
    """Make a filter from a kernel of your own.

    Examples
    --------
    >>> custom_filter("line", [[1, -2, 1]]).gain
    2.0
    """
    return Filter(
        name=name,
        matrices=(kernel_matrix(matrix),),
        summary="a kernel of your own",
        responds_to="whatever its coefficients select",
        source="typed",
    )


def whole_numbers_if_exact(rows: Sequence[Sequence[int | float]]) -> Matrix:
    """Return the rows as integers if each coefficient is a whole number, however written; else as floats.

    Examples
    --------
    >>> whole_numbers_if_exact([[1.0, 2]]), whole_numbers_if_exact([[0.5, 2]])
    (((1, 2),), ((0.5, 2.0),))
    """
    if all(isinstance(tap, int) for row in rows for tap in row):
        return tuple(map(tuple, rows))
    floats = tuple(tuple(map(float, row)) for row in rows)
    exact = all(tap.is_integer() and abs(tap) < 2**53 for row in floats for tap in row)
    return tuple(tuple(map(int, row)) for row in floats) if exact else floats


def matrix_array(matrix: Matrix) -> NDArray[Any]:
    """Return a matrix as an array: int64 if it holds integers, else float64."""
    return np.array(matrix, np.int64 if isinstance(matrix[0][0], int) else np.float64)


# Properties of a kernel ---------------------------------------------------------------------------------


def gain(matrix: Sequence[Sequence[int | float]]) -> float:
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
    unit = _power_of_two(max(max(map(abs, row)) for row in matrix))
    taps = [tap / unit for row in matrix for tap in row]  # sums of the largest floats would overflow
    total = abs(math.fsum(taps))
    has_zero_sum = total <= ZERO_SUM_TOLERANCE * math.fsum(map(abs, taps))
    return unit * (math.fsum(tap for tap in taps if tap > 0) if has_zero_sum else total)


def _direction(matrix: Matrix) -> float | None:
    """Return the direction of the gradient that a kernel measures; None unless it is odd.

    Examples
    --------
    >>> _direction(((-1, 0, 1),)), _direction(((1,), (-1,))), _direction(((1, -2, 1),))
    (0.0, 90.0, None)
    """
    turned = tuple(row[::-1] for row in matrix[::-1])
    largest = max(abs(tap) for row in matrix for tap in row)
    if any(
        abs(a + b) > ODD_TOLERANCE * largest
        for pair in zip(matrix, turned, strict=True)
        for a, b in zip(*pair, strict=True)
    ):
        return None
    x = math.fsum(column * tap for row in matrix for column, tap in enumerate(row, 1))
    y = -math.fsum(number * tap for number, row in enumerate(matrix, 1) for tap in row)  # y points down
    if max(abs(x), abs(y)) <= ODD_TOLERANCE * largest:
        return None
    return round(math.degrees(math.atan2(y, x)), 6) % 360


def _power_of_two(largest: float) -> float:
    """Return the power of two just below the largest coefficient: scaling by it is exact."""
    return math.ldexp(1, math.frexp(largest)[1] - 1)


def separate(matrix: Sequence[Sequence[int | float]]) -> tuple[tuple[Any, ...], tuple[Any, ...]] | None:
    """Split a kernel of rank one into a column and a row whose outer product it is.

    Exact for integers. For floats, the absolute differences between products and taps add up to at most
    ``4 eps sum|taps|``. The row always has a positive tap, so the factors of a smoothing kernel are positive.

    Returns
    -------
    (column, row) of integers or of floats, as the matrix has; or None if the rank is not one.

    Examples
    --------
    >>> separate([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    ((1, 2, 1), (-1, 0, 1))
    """
    widest = max(matrix, key=lambda row: max(map(abs, row)))
    pivot = max(widest, key=abs)
    position = widest.index(pivot)
    if not pivot:
        return None
    if all(isinstance(tap, int) for row in matrix for tap in row):
        divisor = math.gcd(*map(int, widest)) * (1 if max(widest) > 0 else -1)
        row = tuple(tap // divisor for tap in widest)
        column = tuple(line[position] // row[position] for line in matrix)
        exact = outer_product(column, row) == tuple(map(tuple, matrix)) and max(row) < 2**63
        return (column, row) if exact else None
    unit = _power_of_two(abs(pivot))  # sums and differences of the largest coefficients would overflow
    row = tuple(tap / pivot for tap in widest)
    column = tuple(line[position] for line in matrix)
    taps = [tap / unit for line in matrix for tap in line]
    products = chain(*outer_product([tap / unit for tap in column], row))
    error = math.fsum(map(abs, map(operator.sub, products, taps)))
    return (column, row) if error <= 4 * sys.float_info.epsilon * math.fsum(map(abs, taps)) else None


def kernel_matrix(value: ArrayLike, name: str = "kernel") -> Matrix:
    """Check that a value is a kernel of two axes, as `kernel_array` does, and return its coefficients.

    Lists of Python numbers, as typed kernels give them, are checked without numpy.

    Examples
    --------
    >>> kernel_matrix([[1.0, 0, -1]])
    ((1, 0, -1),)
    """
    rows = value if _is_matrix(value) else kernel_array(value, name).tolist()
    return whole_numbers_if_exact(rows)


def _is_matrix(value: object) -> TypeGuard[Sequence[Sequence[int | float]]]:
    """Whether a value is a valid kernel of Python numbers; others, and errors, are left to numpy."""
    return (
        isinstance(value, list | tuple)
        and len(value) > 0
        and all(isinstance(row, list | tuple) and 0 < len(row) == len(value[0]) for row in value)
        and len(value) * len(value[0]) <= MAX_TAPS
        and all(_is_coefficient(tap) for row in value for tap in row)
    )


def _is_coefficient(tap: object) -> bool:
    if type(tap) is int:
        return -(2**63) <= tap < 2**63
    return type(tap) is float and math.isfinite(tap)


def kernel_array(value: ArrayLike, name: str = "kernel", *, axes: int = 2) -> NDArray[Any]:
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


def integers_if_exact(taps: NDArray[Any]) -> NDArray[Any]:
    """Return the taps as int64 if each is a whole number, however it was written."""
    exact = taps.dtype.kind == "f" and bool((taps % 1 == 0).all()) and bool((abs(taps) < 2**53).all())
    return taps.astype(np.int64) if exact else taps
