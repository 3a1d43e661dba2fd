"""The cases in one process: operations on pictures in memory, and the figures that are to be reached."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

import convcli
from convcli.convolution.fused import filter_pixels
from tests.benchmarks.contest import Case, Contender
from tests.benchmarks.photographs import Subject
from tests.benchmarks.rivals import (
    rivals_in_averaging,
    rivals_in_convolving,
    rivals_in_differentiating,
    rivals_in_magnitude,
    rivals_in_maxima,
    rivals_in_smoothing,
)

__all__ = ["CASES", "OPERATIONS_BY_SIZE", "dense_kernel"]

Array = NDArray[Any]
Build = Callable[[Array], list[Contender]]


def sobel_x(pixels: Array) -> Array:
    """Differentiate along x."""
    return convcli.convolve(pixels, convcli.kernel("sobel-x"))


def as_apply_does(pixels: Array) -> Array:
    """Make the pixels that ``apply --filter sobel`` makes, in the way that it does into a pipe."""
    return filter_pixels(pixels, "sobel").pixels


def dense_kernel(side: int, *, whole: bool) -> Array:
    """Make a kernel without structure: of full rank, and no tap is zero.

    Integers are 1 to 9 with either sign, but up to 7x7 so small that a result on 8 bits fits into int16;
    the absolute values of floats add up to 1.

    Examples
    --------
    >>> int(np.abs(dense_kernel(7, whole=True)).sum()) <= 32767 // 255
    True
    """
    random = np.random.default_rng(side)
    largest = 9 if side > 7 else 190 // side**2
    taps: Array = random.integers(1, largest + 1, (side, side)) * random.choice([-1, 1], (side, side))
    if whole:
        return taps
    floats = taps * random.uniform(0.5, 1, (side, side))
    normalised: Array = floats / np.abs(floats).sum()
    return normalised


def _differentiating(name: str, pixels: Array) -> list[Contender]:
    taps = convcli.kernel(f"{name}-x")
    ours = Contender("convcli", partial(convcli.convolve, pixels, taps))
    return [ours, *rivals_in_differentiating(name, taps, pixels, convcli.plan(pixels, taps).dtype)]


def _magnitude(pixels: Array) -> list[Contender]:
    return [Contender("convcli", partial(as_apply_does, pixels)), *rivals_in_magnitude(pixels)]


def _smoothing(sigma: float, pixels: Array) -> list[Contender]:
    taps = convcli.kernel("gaussian", sigma=sigma)
    ours = Contender("convcli", partial(convcli.convolve, pixels, taps))
    return [ours, *rivals_in_smoothing(sigma, taps, pixels, convcli.plan(pixels, taps).dtype)]


def _convolving(taps: Array, pixels: Array) -> list[Contender]:
    ours = Contender("convcli", partial(convcli.convolve, pixels, taps))
    return [ours, *rivals_in_convolving(taps, pixels, convcli.plan(pixels, taps).dtype)]


def _striding(taps: Array, pixels: Array) -> list[Contender]:
    padding = taps.shape[0] // 2  # a number, so that the first window stands on the first pixel
    ours = Contender("convcli", partial(convcli.convolve, pixels, taps, stride=2, padding=padding))
    return [ours, *rivals_in_convolving(taps, pixels, convcli.plan(pixels, taps).dtype, stride=2)]


def _pooling(mode: str, side: int, pixels: Array) -> list[Contender]:
    ours = Contender("convcli", partial(convcli.pool, pixels, mode=mode, size=side, stride=2, rounded=True))
    if mode == "avg":
        return [ours, *rivals_in_averaging(pixels)]
    return [ours, *rivals_in_maxima(side, pixels)]


def _case(
    name: str, build: Build, wanted: Mapping[str, float] | None = None, *, subject: Subject = Subject.GREY
) -> Case:
    """Make a case; `wanted` are its figures, by the peer's name, over those that hold in every case."""

    def contenders(pixels: Array) -> Sequence[Contender]:
        figures = wanted or {}
        return [replace(one, wanted=figures.get(one.name, one.wanted)) for one in build(pixels)]

    return Case(f"{name}, {subject}", subject, contenders)


def _cases_of(subject: Subject) -> list[Case]:
    """Return the cases that gray and colour share."""
    derivative = {"cv2.filter2D": 0.8, "cv2.Sobel": 1.2, "cv2.Scharr": 1.2}
    return [
        _case("sobel-x", partial(_differentiating, "sobel"), derivative, subject=subject),
        _case("sobel magnitude", _magnitude, {"cv2.Sobel twice + magnitude": 0.7}, subject=subject),
        _case("gaussian sigma 2", partial(_smoothing, 2), subject=subject),
        _case(
            "gaussian sigma 5",
            partial(_smoothing, 5),
            {"cv2.filter2D": 0.5, "scipy gaussian_filter": 0.3},
            subject=subject,
        ),
        _case("max pool 2/2", partial(_pooling, "max", 2), subject=subject),
    ]


def _dense(side: int, *, whole: bool) -> Case:
    kind = "integer" if whole else "float"
    figure = {"cv2.filter2D": 1.0} if side >= 15 else {"cv2.filter2D": 1.2} if whole and side < 9 else {}
    return _case(f"dense {kind} {side}x{side}", partial(_convolving, dense_kernel(side, whole=whole)), figure)


CASES: Sequence[Case] = [
    *_cases_of(Subject.GREY),
    _case("scharr-x", partial(_differentiating, "scharr"), {"cv2.filter2D": 0.8, "cv2.Scharr": 1.2}),
    *(_dense(side, whole=True) for side in (5, 7, 9, 15, 31)),
    *(_dense(side, whole=False) for side in (7, 15, 31)),
    _case("sobel-x stride 2", partial(_striding, convcli.kernel("sobel-x"))),
    _case("dense integer 5x5 stride 2", partial(_striding, dense_kernel(5, whole=True))),
    _case("max pool 3/2", partial(_pooling, "max", 3)),
    _case("mean pool 2/2", partial(_pooling, "avg", 2)),
    _case("sobel-x", partial(_differentiating, "sobel"), subject=Subject.GREY_16),
    _case("gaussian sigma 2", partial(_smoothing, 2), subject=Subject.GREY_16),
    *_cases_of(Subject.RGB),
]

OPERATIONS_BY_SIZE: Mapping[str, Callable[[Array], Array]] = {
    "sobel-x": sobel_x,
    "sobel magnitude": as_apply_does,
}
"""Those whose cost per pixel is shown from small pictures to large ones."""
