"""What the compiled core would do: the type that it sums in, whether by columns and rows, and the cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from convcli.compiled.engine import is_compiled
from convcli.convolution.algorithms.definitions import EXACT_IN_FLOAT32, EXACT_IN_FLOAT64, Strategy
from convcli.kernels.filter import Matrix, separate
from convcli.sizes.windowed import Axis

__all__ = ["CorePlan", "Factors", "plan_core"]

Factors = tuple[tuple[int | float, ...], tuple[int | float, ...]]
"""A column and a row whose products are a kernel."""

MAX_CORE_TAPS = 1 << 16  # of a kernel; the Fourier transform is faster for larger ones
MAX_CORE_KERNELS = 64
WORKING_TYPES = {"h": "int16", "i": "int32", "f": "float32", "d": "float64"}
LARGEST_OF_BYTES = {"uint8": 255, "int8": 128}

# Measured on one core (AVX-512), in the unit of the other strategies: nanoseconds per value of the result.
TAP_COST = {"h": 0.0125, "i": 0.0128, "f": 0.0195, "d": 0.039}
ACROSS_COST = 1.7  # of a tap in a row, in taps down a column: pixels are loaded for each output anew
PASS_COST = 0.17  # what a second pass takes besides its taps
COST_3X3 = 0.05  # of a column and a row of three taps, which the core applies in one pass in int16


class CorePlan(NamedTuple):
    """How the core computes a convolution.

    Attributes
    ----------
    working : str
        What it sums in: ``h`` int16, ``i`` int32 in which it adds sums of groups in int16, ``f`` float32,
        ``d`` float64.
    factors : list of columns and rows, or None
        The kernels as products; None if it applies the taps one by one.
    cost : float
        Nanoseconds per value of the result, on one CPU core.
    """

    working: str
    factors: list[Factors] | None
    cost: float

    @property
    def sum_type(self) -> str:
        """Name of the dtype of the sums."""
        return WORKING_TYPES[self.working]


def plan_core(
    dtype: str,
    matrices: Sequence[Matrix],
    rows: Axis,
    columns: Axis,
    bound: int | None,
    border: int | float,
) -> dict[Strategy, CorePlan]:
    """Plan the ways in which the compiled core can compute; none if it is not compiled.

    Parameters
    ----------
    dtype : str
        Dtype of the image.
    matrices : sequence of Matrix
        The kernels, of one size.
    rows, columns : Axis
        How the kernels slide.
    bound : int or None
        Upper bound for the absolute value of every sum, partial or complete; None for floats.
    border : int or float
        The border value.
    """
    is_huge = len(matrices[0]) * len(matrices[0][0]) > MAX_CORE_TAPS or len(matrices) > MAX_CORE_KERNELS
    working = _working_type(dtype, bound)
    if working is None or is_huge or not is_compiled():
        return {}
    taps = sum(tap != 0 for matrix in matrices for row in matrix for tap in row)
    narrow = "i" if _fits_groups(dtype, matrices, bound, border) else working
    plans = {Strategy.COMPILED_DENSE: CorePlan(narrow, None, taps * TAP_COST[narrow])}
    factors = [pair for pair in map(separate, matrices) if pair is not None]
    if len(factors) == len(matrices):
        down = sum(tap != 0 for column, _ in factors for tap in column) * max(1, columns.stride)
        across = sum(tap != 0 for _, row in factors for tap in row)
        cost = TAP_COST[working] * (down + ACROSS_COST * across) + PASS_COST * len(factors)
        if working == "h" and rows.window == columns.window == 3 and rows.stride == rows.dilation == 1:
            cost = COST_3X3 * len(factors)
        plans[Strategy.COMPILED_SEPARABLE] = CorePlan(working, factors, cost)
        has_both = len(factors[0][0]) > 1 and len(factors[0][1]) > 1
        if has_both and columns.stride == 1 and _has_fractions(matrices):
            # One by one, the taps of freichen-y do not cancel each other on plain areas.
            del plans[Strategy.COMPILED_DENSE]
    return plans


def _has_fractions(matrices: Sequence[Matrix]) -> bool:
    return any(isinstance(tap, float) for matrix in matrices for row in matrix for tap in row)


def _working_type(dtype: str, bound: int | None) -> str | None:
    if bound is None:
        return "d" if dtype == "float64" else "f"
    if bound < 1 << 15 and dtype in LARGEST_OF_BYTES:
        return "h"
    if bound < EXACT_IN_FLOAT32:
        return "f"
    return "d" if bound < EXACT_IN_FLOAT64 else None


def _fits_groups(dtype: str, matrices: Sequence[Matrix], bound: int | None, border: int | float) -> bool:
    """Whether products fit int16, their sums do not, but int32."""
    if bound is None or dtype not in LARGEST_OF_BYTES or not 1 << 15 <= bound < 1 << 31:
        return False
    largest = max(LARGEST_OF_BYTES[dtype], abs(border))
    return max(abs(tap) for matrix in matrices for row in matrix for tap in row) * largest < 1 << 15
