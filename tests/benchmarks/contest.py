"""What a case of the benchmark is: ours, its peers, how their results must agree, and what came of it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.photographs import Subject

__all__ = ["Agreement", "Bound", "Case", "Contender", "Figure", "Row", "Verdict", "judged"]

Result = Any
"""What a contender returns: an array, a tensor, an image."""


@dataclass(frozen=True)
class Agreement:
    """How the result of a peer must agree with ours.

    Attributes
    ----------
    tolerance : float
        The largest difference of a number; 0 means equal.
    margin : int
        Pixels along the border that are left out.
    ours, peer : callable
        What makes comparable arrays of the results; it is not timed.
    """

    tolerance: float = 0.0
    margin: int = 0
    ours: Callable[[Result], NDArray[Any]] = np.asarray
    peer: Callable[[Result], NDArray[Any]] = np.asarray


@dataclass(frozen=True)
class Verdict:
    """Whether a result agrees, None where it is another operation, and by how much it differs at most."""

    equal: bool | None
    difference: float = 0.0
    tolerance: float = 0.0

    def __str__(self) -> str:
        if self.equal is None:
            return "other"
        if not self.equal:
            return f"DIFFERS {self.difference:.2g}"
        return "equal" if self.difference == 0 else f"+-{self.difference:.1g}"


@dataclass(frozen=True)
class Contender:
    """One side of a case.

    Attributes
    ----------
    name : str
    run : callable
        What is timed; its inputs are made before.
    agreement : Agreement or None
        None where it is another operation.
    wanted : float or None
        The largest ratio of our time to its.
    note : str
        What has to be known to read its row.
    """

    name: str
    run: Callable[[], Result]
    agreement: Agreement | None = Agreement()
    wanted: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Case:
    """An operation on a picture; `build` makes the contenders, ours first.

    Those of a case that is `warmed_up` run untimed a few times before each timed run, on processors that were
    at rest: runs of few milliseconds suffer from the threads of others, which wait for more work spinning.
    """

    name: str
    subject: Subject
    build: Callable[[NDArray[Any]], Sequence[Contender]]
    warmed_up: bool = False


@dataclass(frozen=True)
class Row:
    """What was measured of one contender.

    Attributes
    ----------
    case, contender : str
    seconds : float
        Median of `rounds`.
    ratio : float or None
        Our seconds over these; None for ours itself.
    wanted : float or None
        The largest ratio that is wanted.
    verdict : Verdict
    note : str
    peak_bytes : int or None
        Of a function, memory that it added to its process; of a command, all of it.
    cpu_seconds, file_bytes : of a command only
    """

    case: str
    contender: str
    seconds: float
    rounds: int
    verdict: Verdict
    ratio: float | None = None
    wanted: float | None = None
    note: str = ""
    peak_bytes: int | None = None
    cpu_seconds: float | None = None
    file_bytes: int | None = None

    @property
    def reached(self) -> bool | None:
        """Whether the ratio is as wanted; None where no figure is."""
        return None if self.wanted is None or self.ratio is None else self.ratio <= self.wanted


@dataclass(frozen=True)
class Bound:
    """A figure that is no ratio of times: a value, and what it may be at most."""

    name: str
    value: float
    wanted: float

    @property
    def reached(self) -> bool:
        """Whether it is as wanted."""
        return self.value <= self.wanted


@dataclass(frozen=True)
class Figure:
    """Cost per pixel of some operations on a picture of one size."""

    megapixels: int
    nanoseconds: Mapping[str, float]


def judged(agreement: Agreement | None, ours: Result, peer: Result) -> Verdict:
    """Compare two results.

    Examples
    --------
    >>> str(judged(Agreement(), np.array([[1, 2]]), np.array([[1, 2]])))
    'equal'
    >>> str(judged(Agreement(tolerance=1), np.array([[1, 2]]), np.array([[1, 5]])))
    'DIFFERS 3'
    """
    if agreement is None:
        return Verdict(None)
    left, right = agreement.ours(ours), agreement.peer(peer)
    if left.shape != right.shape:
        return Verdict(False, math.inf, agreement.tolerance)
    inside = (slice(agreement.margin, -agreement.margin or None),) * 2
    difference = _largest_difference(left[inside], right[inside])
    return Verdict(difference <= agreement.tolerance, difference, agreement.tolerance)


def _largest_difference(left: NDArray[Any], right: NDArray[Any]) -> float:
    """Return it, infinite where one is NaN; in strips, so that a large picture takes little memory."""
    largest = 0.0
    for start in range(0, len(left), 256):
        strip = slice(start, start + 256)
        part = np.abs(left[strip].astype(np.float64) - right[strip].astype(np.float64)).max(initial=0)
        largest = max(largest, math.inf if math.isnan(part) else float(part))
    return largest
