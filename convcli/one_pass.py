"""From a picture to the pixels of its filtered picture, strip by strip: no wide result is ever held whole."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convcli.convolve import Plan, Settings, Work, for_each_strip, planned, run
from convcli.errors import chosen
from convcli.kernels import Combination, Filter, named_filter
from convcli.render import Adjustment, Renderer, Signed, Span, adjust, pixel_type
from convcli.scratch import Scratch
from convcli.sizes import Padding, Pair
from convcli.tally import Numbers, Tally, tally

__all__ = ["Filtered", "filter_pixels"]

Use = Callable[[slice, NDArray[Any], Scratch], None]  # called with rows, their numbers, and memory


@dataclass(frozen=True, eq=False)
class Filtered:
    """Pixels, and what is told of the numbers that they were made of.

    Attributes
    ----------
    pixels : array
        uint8 or uint16; of `dtype` where the numbers are kept raw.
    saturated : int
        How many pixels did not fit; 0 where nothing was measured.
    numbers : Numbers or None
        None where nothing was measured.
    dtype : dtype
        Of the numbers.
    plan : Plan
    """

    pixels: NDArray[Any]
    saturated: int
    numbers: Numbers | None
    dtype: np.dtype[Any]
    plan: Plan


def filter_pixels(
    image: ArrayLike,
    filter: Filter | str,
    signed: str = "abs",
    *,
    scale: float = 1,
    bias: float = 0,
    depth: int = 8,
    measured: bool = False,
    stride: Pair = 1,
    padding: Padding = "same",
    border: str = "edge",
    dilation: Pair = 1,
    flip: bool = False,
    jobs: int | None = None,
) -> Filtered:
    """Filter an image and make pixels of the result: `apply_filter`, `adjust` and `render` at once.

    Parameters
    ----------
    image, filter, stride, padding, border, dilation, flip, jobs
        As for `apply_filter`.
    signed, depth
        As for `render`. Only for ``raw`` are all the numbers held, which are the result then.
    scale, bias
        As for `adjust`.
    measured : bool
        Whether the numbers are tallied and saturated pixels counted, which takes some time.

    Raises
    ------
    ImageError, KernelError, SizeError, UsageError
        As these do.

    Examples
    --------
    >>> ramp = np.tile(np.arange(0, 250, 50, dtype=np.uint8), (3, 1))
    >>> filter_pixels(ramp, "sobel", padding="valid", scale=0.25, measured=True).numbers
    Numbers(lowest=100.0, highest=100.0, mean=100.0)
    """
    how = chosen(signed, Signed, "signed")
    dtype = pixel_type(depth)
    if isinstance(filter, str):
        filter = named_filter(filter)
    settings = Settings(stride, padding, border, dilation, flip, jobs)
    work = planned(image, filter.kernels, filter.combination, settings)
    if how == Signed.RAW:
        values = adjust(run(work), scale=scale, bias=bias)
        return Filtered(values, 0, tally(values) if measured else None, values.dtype, work.plan)
    if how == Signed.ABS and filter.combination == Combination.MAGNITUDE and scale >= 0 and bias >= 0:
        how = Signed.CLIP  # nothing is negative
    adjustment = Adjustment(scale, bias, work.bound if work.plan.dtype.kind == "i" else None)
    span = Span()
    if how == Signed.STRETCH:  # twice the work, but half the memory or less
        _for_each(work, adjustment, lambda _, numbers, __: span.add(numbers))
    return _drawn(work, adjustment, Renderer(how, depth, span, counted=measured), dtype)


def _drawn(work: Work, adjustment: Adjustment, renderer: Renderer, dtype: np.dtype[Any]) -> Filtered:
    """Draw the pixels of every strip, and tally its numbers where the saturated pixels are counted, too."""
    pixels = np.empty(work.plan.shape, dtype)
    numbers = Tally() if renderer.counted else None
    saturated: list[int] = []

    def draw(rows: slice, values: NDArray[Any], scratch: Scratch) -> None:
        if numbers is not None:
            numbers.add(rows.start, values)
        saturated.append(renderer.draw(values, pixels[rows], scratch))

    _for_each(work, adjustment, draw)
    told = None if numbers is None else numbers.numbers()
    return Filtered(pixels, sum(saturated), told, adjustment.type_of(work.plan.dtype), work.plan)


def _for_each(work: Work, adjustment: Adjustment, use: Use) -> None:
    """Make the adjusted numbers of each strip, on threads."""

    def use_strip(rows: slice, scratch: Scratch, make: Callable[[NDArray[Any]], None]) -> None:
        height = rows.stop - rows.start
        values = scratch.array("values", (height, *work.plan.shape[1:]), work.plan.dtype)
        make(values)
        use(rows, adjustment.of(values), scratch)

    for_each_strip(work, use_strip)
