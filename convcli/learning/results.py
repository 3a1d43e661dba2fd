"""The results of learning: the filter and the history of its training."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "LearnedFilter", "TrainingStep", "filter_matrices"]

Array = NDArray[Any]


class TrainingStep(NamedTuple):
    """The state of training at a step: the taps, and the recent loss relative to the target's variance."""

    number: int
    loss: float
    taps: Array


@dataclass(frozen=True, eq=False)
class LearnedFilter:
    """A learned filter.

    Attributes
    ----------
    taps : array (f_h, f_w), or (f_h, f_w, C) for inputs of C channels
        The coefficients of the filter.
    bias : float
        0 unless it was learned.
    error : float
        Root mean square error on the held-out rows, in the target's units.
    relative_error : float
        The same as a fraction of the standard deviation of those rows.
    steps : int
        Number of training steps; 0 for least squares.
    history : tuple of Step
    offset : float
        Constant offset of the targets that was found although no bias was learned; 0 if there is none.
    """

    taps: Array
    bias: float
    error: float
    relative_error: float
    steps: int
    history: tuple[TrainingStep, ...]
    offset: float = 0.0


def filter_matrices(taps: Array) -> list[Array]:
    """Return the taps of a filter as matrices (f_h, f_w), one per input channel.

    Examples
    --------
    >>> [matrix.shape for matrix in filter_matrices(np.ones((3, 5, 2)))]
    [(3, 5), (3, 5)]
    """
    return list(np.moveaxis(np.atleast_3d(taps), 2, 0))
