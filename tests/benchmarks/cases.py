"""The cases in one process: operations on pictures in memory, and the figures that are to be reached."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

import convcli
from convcli.convolution.fused import filter_pixels
from tests.benchmarks.contenders import by_numpy, in_one_thread
from tests.benchmarks.contest import Case, Contender
from tests.benchmarks.photographs import Subject
from tests.benchmarks.rivals import (
    float_agreement,
    rivals_in_averaging,
    rivals_in_convolving,
    rivals_in_differentiating,
    rivals_in_magnitude,
    rivals_in_maxima,
    rivals_in_smoothing,
    rivals_in_smoothing_pixels,
)

__all__ = ["CASES", "OPERATIONS_BY_SIZE", "dense_kernel"]

Array = NDArray[Any]
Build = Callable[[Array, int | None], list[Contender]]
"""Makes the contenders, ours first, for a picture and our number of threads (None: all cores)."""


def sobel_x(pixels: Array) -> Array:
    """Differentiate along x."""
    return convcli.convolve(pixels, convcli.kernel("sobel-x"))


def as_apply_does(pixels: Array, filter: str = "sobel", jobs: int | None = None) -> Array:
    """Make the pixels that ``apply --filter sobel`` makes, in the way that it does into a pipe."""
    filtered: Array = filter_pixels(pixels, filter, jobs=jobs).pixels
    return filtered


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


def _ours(taps: Array, pixels: Array, jobs: int | None, **how: Any) -> list[Contender]:
    """Return both engines of ours."""
    run = partial(convcli.convolve, pixels, taps, jobs=jobs, **how)
    is_float = taps.dtype.kind == "f"
    return [Contender("convcli", run), by_numpy(run, float_agreement(taps, pixels) if is_float else None)]


def _differentiating(name: str, pixels: Array, jobs: int | None) -> list[Contender]:
    taps = convcli.kernel(f"{name}-x")
    rivals = rivals_in_differentiating(name, taps, pixels, convcli.plan(pixels, taps).dtype)
    return [*_ours(taps, pixels, jobs), *rivals]


def _magnitude(pixels: Array, jobs: int | None) -> list[Contender]:
    run = partial(as_apply_does, pixels, jobs=jobs)
    return [Contender("convcli", run), by_numpy(run), *rivals_in_magnitude(pixels)]


def _smoothing(sigma: float, pixels: Array, jobs: int | None) -> list[Contender]:
    taps = convcli.kernel("gaussian", sigma=sigma)
    rivals = rivals_in_smoothing(sigma, taps, pixels, convcli.plan(pixels, taps).dtype)
    return [*_ours(taps, pixels, jobs), *rivals]


def _smoothing_pixels(sigma: float, pixels: Array, jobs: int | None) -> list[Contender]:
    run = partial(as_apply_does, pixels, f"gaussian:sigma={sigma:g}", jobs)
    side = convcli.kernel("gaussian", sigma=sigma).shape[0]
    return [Contender("convcli", run), by_numpy(run), *rivals_in_smoothing_pixels(sigma, side, pixels)]


def _convolving(taps: Array, pixels: Array, jobs: int | None) -> list[Contender]:
    rivals = rivals_in_convolving(taps, pixels, convcli.plan(pixels, taps).dtype)
    return [*_ours(taps, pixels, jobs), *rivals]


def _striding(taps: Array, pixels: Array, jobs: int | None) -> list[Contender]:
    padding = taps.shape[0] // 2  # a number, so that the first window stands on the first pixel
    rivals = rivals_in_convolving(taps, pixels, convcli.plan(pixels, taps).dtype, stride=2)
    return [*_ours(taps, pixels, jobs, stride=2, padding=padding), *rivals]


def _pooling(mode: str, side: int, pixels: Array, jobs: int | None) -> list[Contender]:
    run = partial(convcli.pool, pixels, mode=mode, size=side, stride=2, rounded=True, jobs=jobs)
    rivals = rivals_in_averaging(pixels) if mode == "avg" else rivals_in_maxima(side, pixels)
    return [Contender("convcli", run), by_numpy(run), *rivals]


def _cases(
    name: str,
    build: Build,
    wanted: Mapping[str, float] | None = None,
    *,
    subject: Subject = Subject.GREY,
) -> list[Case]:
    """Make a case. Those of `wanted`, figures by the peer's name, are compared in a single thread, too."""
    figures = wanted or {}

    def contenders(pixels: Array) -> Sequence[Contender]:
        return [replace(one, wanted=figures.get(one.name, one.wanted)) for one in build(pixels, None)]

    def in_a_single_thread(pixels: Array) -> Sequence[Contender]:
        ours, *others = build(pixels, 1)
        peers = [
            replace(in_one_thread(one), wanted=figures[one.name])
            for one in others
            if one.name in figures and "pyvips" not in one.name  # its threads are set before it is loaded
        ]
        return [ours, *peers]

    case = Case(f"{name}, {subject}", subject, contenders)
    single = Case(f"{name}, {subject}, 1 thread", subject, in_a_single_thread)
    return [case, single] if figures else [case]


DERIVATIVE = {"cv2.filter2D": 0.5, "cv2.Sobel": 0.8, "cv2.Scharr": 0.8}
MAGNITUDE = {"cv2.Sobel twice + magnitude": 0.3, "pyvips sobel": 0.9}
SMOOTHING = {"cv2.filter2D": 0.4, "scipy gaussian_filter": 0.3}
SMOOTHING_PIXELS = {"cv2.GaussianBlur": 1.2}
MEAN = {"cv2.resize INTER_AREA": 1.2, "Pillow reduce": 1.2, "torch avg_pool2d float32": 1.2}
DENSE = {(True, 5): 0.5, (True, 7): 0.5, (True, 9): 0.6, (True, 15): 0.9, (True, 31): 0.9,
         (False, 15): 0.9, (False, 31): 0.9}  # fmt: skip
"""The largest ratio wanted against cv2.filter2D, for integers or floats of a side."""


def _cases_of(subject: Subject) -> list[Case]:
    """Return the cases that gray and colour share."""
    return [
        *_cases("sobel-x", partial(_differentiating, "sobel"), DERIVATIVE, subject=subject),
        *_cases("scharr-x", partial(_differentiating, "scharr"), DERIVATIVE, subject=subject),
        *_cases("sobel magnitude", _magnitude, MAGNITUDE, subject=subject),
        *_cases("gaussian sigma 2", partial(_smoothing, 2), SMOOTHING, subject=subject),
        *_cases("gaussian sigma 5", partial(_smoothing, 5), SMOOTHING, subject=subject),
        *_cases("max pool 2/2", partial(_pooling, "max", 2), subject=subject),
        *_cases("mean pool 2/2", partial(_pooling, "avg", 2), MEAN, subject=subject),
    ]


def _dense(side: int, *, whole: bool) -> list[Case]:
    kind = "integer" if whole else "float"
    wanted = {"cv2.filter2D": DENSE[whole, side]} if (whole, side) in DENSE else None
    build = partial(_convolving, dense_kernel(side, whole=whole))
    return _cases(f"dense {kind} {side}x{side}", build, wanted)


CASES: Sequence[Case] = [
    *_cases_of(Subject.GREY),
    *chain.from_iterable(_dense(side, whole=True) for side in (5, 7, 9, 15, 31)),
    *chain.from_iterable(_dense(side, whole=False) for side in (7, 15, 31)),
    *_cases("sobel-x stride 2", partial(_striding, convcli.kernel("sobel-x"))),
    *_cases("dense integer 5x5 stride 2", partial(_striding, dense_kernel(5, whole=True))),
    *_cases("max pool 3/2", partial(_pooling, "max", 3)),
    *_cases("sobel-x", partial(_differentiating, "sobel"), subject=Subject.GREY_16),
    *_cases("gaussian sigma 2", partial(_smoothing, 2), subject=Subject.GREY_16),
    *_cases_of(Subject.RGB),
    *chain.from_iterable(
        _cases(
            f"gaussian sigma {sigma} to 8 bits",
            partial(_smoothing_pixels, sigma),
            SMOOTHING_PIXELS,
            subject=Subject.RGB,
        )
        for sigma in (2, 5)
    ),
]

OPERATIONS_BY_SIZE: Mapping[str, Callable[[Array], Array]] = {
    "sobel-x": sobel_x,
    "sobel magnitude": as_apply_does,
}
"""Those whose cost per pixel is shown from small pictures to large ones."""
