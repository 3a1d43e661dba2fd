"""The results of learning: the filter and the history of its training."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.sizes.text import format_size

__all__ = ["Array", "LearnedFilter", "TrainingStep", "filter_matrices"]

Array = NDArray[Any]


class TrainingStep(NamedTuple):
    """The state of training at a step: the taps, and the recent loss relative to the target's variance."""

    number: int
    loss: float
    taps: Array


@dataclass(frozen=True, eq=False, repr=False)
class LearnedFilter:
    """A learned filter.

    If several filters fit equally well, it is the smallest of them, which has the least sum of squares.

    Attributes
    ----------
    taps : array (f_h, f_w), or (f_h, f_w, C) for inputs of C channels
        The coefficients of the filter.
    bias : float
        0 unless it was learned.
    error : float
        Root mean square error on the held-out rows, in the target's units; on all patches if there are few.
    relative_error : float
        The same as a fraction of the standard deviation of those targets.
    steps : int
        Number of training steps; 0 for least squares.
    history : tuple of Step
    offset : float
        Constant offset of the targets that was found although no bias was learned; 0 if there is none.
    free : int
        Number of directions in which the filter can change without any effect on the examples; 0 if a single
        filter fits them best. Not counted for filters with more than 1024 weights by least squares.
    few_patches : int
        Number of patches, if they were too few to hold any out; otherwise 0.
    """

    taps: Array
    bias: float
    error: float
    relative_error: float
    steps: int
    history: tuple[TrainingStep, ...]
    offset: float = 0.0
    free: int = 0
    few_patches: int = 0

    def __repr__(self) -> str:
        """Return its size and error, without the coefficients."""
        size, how = format_size(self.taps.shape), f"{self.steps} steps" if self.steps else "least squares"
        return f"<LearnedFilter {size}, {how}, relative error {self.relative_error:.3g}>"

    def _repr_html_(self) -> str:
        """Return the filter as a picture, and the curve of its loss, for notebooks."""
        from convcli.drawing.notebooks import notebook_html  # late: only notebooks need it

        return notebook_html("learned_html", self)


def filter_matrices(taps: Array) -> list[Array]:
    """Return the taps of a filter as matrices (f_h, f_w), one per input channel.

    Examples
    --------
    >>> [matrix.shape for matrix in filter_matrices(np.ones((3, 5, 2)))]
    [(3, 5), (3, 5)]
    """
    return list(np.moveaxis(np.atleast_3d(taps), 2, 0))
