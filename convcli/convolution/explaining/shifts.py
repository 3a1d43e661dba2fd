"""Translation equivariance, measured: does shifting the input shift the result?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.errors import SizeError
from convcli.sizes.text import counted

__all__ = ["Difference", "ShiftedResult", "measure_shifts"]

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How much two results differ.

    Attributes
    ----------
    largest, mean : float
        Of the absolute differences.
    relative : float or None
        The mean, as a part of the mean absolute value of the result; None if that is 0.
    """

    largest: float
    mean: float
    relative: float | None

    @classmethod
    def of(cls, still: Array, moved: Array) -> "Difference":
        """Compare two results of one shape."""
        differences, level = np.abs(moved - still), float(np.abs(still).mean())
        mean = float(differences.mean())
        relative = mean / level if level else None
        return cls(largest=float(differences.max()), mean=mean, relative=relative)


@dataclass(frozen=True, kw_only=True)
class ShiftedResult:
    """What becomes of a result if the input is shifted to the right.

    Attributes
    ----------
    shift : int
        Of the input, in pixels.
    stride : int
        How many pixels of the input neighboring values of the result are apart.
    result_shift : int
        Of the result, in its pixels: the shift over the stride, rounded down.
    equivariance : Difference
        Between filtering the shifted input, and shifting the filtered input.
    invariance : Difference
        Between filtering the shifted input, and filtering the input, at the same positions.
    """

    shift: int
    stride: int
    result_shift: int
    equivariance: Difference
    invariance: Difference


def measure_shifts(
    image: Array, shifts: Sequence[int], operation: Callable[[Array], Array], *, stride: int = 1
) -> tuple[ShiftedResult, ...]:
    """Compare filter-then-shift with shift-then-filter.

    The input is a part of the image, and the shifted input the part of the same size that begins further to
    the left. So what comes in at the left edge is real, and nothing depends on a border.

    Parameters
    ----------
    image : array (H, W) or (H, W, C)
    shifts : sequence of int
        In pixels, to the right; at least 1.
    operation : callable
        Filters an image without padding.
    stride : int
        How many columns apart neighboring values of the result are computed.

    Raises
    ------
    SizeError
        The image is too narrow for such a shift.

    Examples
    --------
    >>> image = np.arange(40).reshape(2, 20) ** 2
    >>> every_second = measure_shifts(image, [1, 2], lambda part: part[:, ::2], stride=2)
    >>> [result.equivariance.largest for result in every_second]
    [75.0, 0.0]
    """
    largest = max(shifts)
    width = image.shape[1] - largest
    if width < 1:
        raise SizeError(
            f"--shift {largest}",
            f"leaves nothing of a picture {counted(image.shape[1], 'pixel')} wide; use a smaller one",
        )
    still = operation(image[:, largest:]).astype(np.float64)
    results = []
    for shift in shifts:
        moved = operation(image[:, largest - shift :][:, :width]).astype(np.float64)
        steps = shift // stride
        kept = still.shape[1] - steps
        if kept < 1:
            width = counted(still.shape[1], "pixel")
            raise SizeError(
                f"--shift {shift}", f"moves everything out of a result {width} wide; use a smaller one"
            )
        results.append(
            ShiftedResult(
                shift=shift,
                stride=stride,
                result_shift=steps,
                equivariance=Difference.of(still[:, :kept], moved[:, steps:]),
                invariance=Difference.of(still, moved),
            )
        )
    return tuple(results)
