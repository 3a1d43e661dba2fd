"""The convolution engine: one image, one kernel.

The kernel is not rotated, as in every deep-learning library (signal processing calls that cross-correlation);
``flip=True`` rotates it by 180 degrees. With ``same`` padding an output pixel is aligned with tap
``(f_eff - 1) // 2`` of the kernel, ``f_eff = d(f - 1) + 1``: the center tap of an odd kernel, the upper left
of the four middle taps of an even kernel without dilation.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convcli.arrays import filled_array, image_array
from convcli.borders import Border, border_sources, fill, parse_border
from convcli.errors import KernelError, SizeError
from convcli.kernels import Combination, Filter, kernel_array, named_filter
from convcli.processors import Parts, share, threads_for
from convcli.scratch import Scratch
from convcli.sizes import Axis, Padding, Pair, window_axes
from convcli.slides import Slide, Steps, amplification
from convcli.strategies import EXACT_IN_FLOAT32, PLANAR, Strategy, choose, prepare, strip_height, sums_type

__all__ = [
    "Plan",
    "Settings",
    "Work",
    "apply_filter",
    "checked_axes",
    "convolve",
    "for_each_strip",
    "largest_result",
    "pixels_under",
    "plan",
    "planned",
    "result_type",
    "run",
]

Image = NDArray[Any]

MAX_PADDED = 1 << 28  # pixels of a padded image; so much padding around a small image is a mistake


def convolve(
    image: ArrayLike,
    kernel: ArrayLike,
    *,
    stride: Pair = 1,
    padding: Padding = "same",
    border: str = "edge",
    dilation: Pair = 1,
    flip: bool = False,
    jobs: int | None = None,
    out: Image | None = None,
) -> Image:
    """Convolve an image with a kernel, each channel separately.

    Parameters
    ----------
    image : array (H, W) or (H, W, C)
        Integers, float32 or float64.
    kernel : array (f_h, f_w)
        At least one tap; odd or even sides.
    stride, dilation : int or (vertical, horizontal)
        Step of the window, distance between its taps.
    padding : ``"same"``, ``"valid"``, int, pair, ``((top, bottom), (left, right))``, or their text forms
        ``"same"`` gives ``ceil(n / s)`` pixels; an odd padding pixel goes to the end.
    border : str
        What fills the padding: ``zero``, ``constant:V``, ``edge``, ``reflect``, ``symmetric``, ``wrap``.
    flip : bool
        Rotate the kernel by 180 degrees first, for the convolution of signal processing.
    jobs : int, optional
        Maximum number of threads (default: all available CPU cores). The result does not depend on it.
    out : array, optional
        Array that receives the result and is returned; `plan` gives the shape and dtype that it must have.

    Returns
    -------
    array (H', W') or (H', W', C)
        For an integer image, kernel and border value: exact, in the smallest of int16, int32, int64 that
        holds every possible value. The largest possible value is the sum of |taps|, at least 1, times the
        largest value of the image's dtype (for 64-bit images, the largest value in the image). Otherwise
        float64 for a float64 image and float32 for any other, within
        ``(f_h f_w + 8) eps sum|taps| max|image|`` of the exact value.

    Raises
    ------
    ImageError, KernelError
        The image or the kernel is invalid, or the result could overflow int64.
    SizeError
        The filter does not fit the image, or a number is out of range.
    UsageError
        The border is unknown, or `out` has the wrong shape or dtype.

    Examples
    --------
    >>> edge = np.array([[10, 10, 10, 0, 0, 0]] * 6, dtype=np.uint8)
    >>> convolve(edge, [[1, 0, -1]] * 3, padding="valid")[0]
    array([ 0, 30, 30,  0], dtype=int16)
    """
    how = Settings(stride, padding, border, dilation, flip, jobs)
    return run(planned(image, [kernel], Combination.SINGLE, how), out)


def plan(
    image: ArrayLike,
    kernel: ArrayLike | Filter,
    *,
    stride: Pair = 1,
    padding: Padding = "same",
    border: str = "edge",
    dilation: Pair = 1,
    flip: bool = False,
    jobs: int | None = None,
) -> "Plan":
    """Return how `convolve` or `apply_filter` would compute a result, without computing it.

    Parameters
    ----------
    image, stride, padding, border, dilation, flip, jobs : as for `convolve`
    kernel : array (f_h, f_w) or Filter

    Returns
    -------
    Plan
        The algorithm, and the shape and dtype of the result.

    Raises
    ------
    ImageError, KernelError, SizeError, UsageError
        As `convolve` does.

    Examples
    --------
    >>> image = np.zeros((3000, 4000), np.uint8)
    >>> print(plan(image, [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], jobs=2))
    separable in int16, strips of 260 rows, 2 threads
    """
    how = Settings(stride, padding, border, dilation, flip, jobs)
    if isinstance(kernel, Filter):
        return planned(image, kernel.kernels, kernel.combination, how).plan
    return planned(image, [kernel], Combination.SINGLE, how).plan


def apply_filter(
    image: ArrayLike,
    filter: Filter | str,
    *,
    stride: Pair = 1,
    padding: Padding = "same",
    border: str = "edge",
    dilation: Pair = 1,
    flip: bool = False,
    jobs: int | None = None,
    out: Image | None = None,
) -> Image:
    """Apply a named filter: its one kernel, or several kernels whose results it combines.

    Parameters
    ----------
    image, stride, padding, border, dilation, flip, jobs, out
        As for `convolve`.
    filter : Filter or str
        A filter from `named_filter`, or its name.

    Returns
    -------
    array
        For a single kernel, and for the maximum of several: the dtype that `convolve` returns. For a gradient
        magnitude, ``sqrt(x² + y²)``: float64 for a float64 image, otherwise float32.

    Raises
    ------
    FilterError
        No filter has this name, or an option of it is invalid.
    ImageError, KernelError, SizeError, UsageError
        As `convolve` does.

    Examples
    --------
    >>> ramp = np.tile(np.arange(5, dtype=np.uint8), (3, 1))
    >>> apply_filter(ramp, "sobel", padding="valid")
    array([[8., 8., 8.]], dtype=float32)
    """
    if isinstance(filter, str):
        filter = named_filter(filter)
    how = Settings(stride, padding, border, dilation, flip, jobs)
    return run(planned(image, filter.kernels, filter.combination, how), out)


def pixels_under(
    image: ArrayLike, window: Pair, *, stride: Pair = 1, padding: Padding = "same", dilation: Pair = 1
) -> Image:
    """Return, for each output pixel of a convolution, the input pixel at its center.

    This keeps a channel that is not filtered, such as alpha, aligned with the filtered ones. An output pixel
    centered on the padding takes the nearest pixel of the image.

    Parameters
    ----------
    image : array (H, W) or (H, W, C)
    window : int or pair
        Size of the kernel.
    stride, padding, dilation : as for `convolve`

    Returns
    -------
    array (H', W') or (H', W', C)
        In the image's dtype.

    Examples
    --------
    >>> pixels_under([[1, 2, 3, 4]], (1, 3), stride=(1, 2)).tolist()
    [[2, 4]]
    """
    pixels = image_array(image)
    axes = window_axes(
        (pixels.shape[0], pixels.shape[1]), window, stride=stride, padding=padding, dilation=dilation
    )
    rows, columns = (
        (np.arange(axis.output) * axis.stride + (axis.extent - 1) // 2 - axis.before).clip(0, axis.side - 1)
        for axis in (axis.without_idle_steps() for axis in axes)
    )
    under: Image = pixels[rows[:, None], columns]
    return under


@dataclass(frozen=True)
class Plan:
    """How a convolution is computed.

    Attributes
    ----------
    strategy : Strategy
    sums : dtype
        Dtype of the sums.
    shape, dtype
        Shape and dtype of the result.
    strip : int
        Rows of the result per strip.
    threads : int
        Number of threads.
    """

    strategy: Strategy
    sums: np.dtype[Any]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    strip: int
    threads: int

    def __str__(self) -> str:
        threads = f"{self.threads} thread{'s'[: self.threads != 1]}"
        return f"{self.strategy} in {self.sums}, strips of {self.strip} rows, {threads}"


@dataclass(frozen=True)
class Settings:
    """The arguments that all public functions share."""

    stride: Pair
    padding: Padding
    border: str
    dilation: Pair
    flip: bool
    jobs: int | None

    def turned(self, taps: Image) -> Image:
        """Return the taps as applied: rotated by 180 degrees if `flip` is set."""
        return taps[::-1, ::-1] if self.flip else taps


@dataclass(frozen=True, eq=False)
class Work:
    """A convolution that is checked and ready to run."""

    pixels: Image
    kernels: Sequence[Image]
    combination: Combination
    rows: Axis
    columns: Axis
    border: Border
    bound: int | None  # largest possible absolute value of an integer result; None for floats
    responses: np.dtype[Any]  # dtype of one kernel's result, before results are combined
    squares: np.dtype[Any]  # dtype in which a magnitude is computed
    plan: Plan


def planned(image: ArrayLike, kernels: Sequence[ArrayLike], combination: Combination, how: Settings) -> Work:
    """Check all arguments and plan the convolution."""
    pixels = image_array(image)
    taps = [how.turned(kernel_array(kernel)) for kernel in kernels]
    border = parse_border(how.border)
    rows, columns = checked_axes(pixels, taps[0], how)
    bound = largest_result(pixels, taps, border)
    responses = result_type(pixels, bound)
    largest = float(np.finfo(np.float32).max)
    if responses == np.float32 and any(amplification(each) > largest for each in taps):
        raise KernelError("kernel", "has taps beyond float32; use smaller ones or a float64 image")
    strategy = choose(taps, rows, columns, responses, bound)
    sums = sums_type(strategy, responses)
    shape = (rows.output, columns.output, *pixels.shape[2:])
    width = columns.before + columns.side + columns.after
    results = 1 if strategy == Strategy.SEPARABLE and combination == Combination.SINGLE else 2
    strip = strip_height(strategy, rows, width, math.prod(shape[2:]), sums.itemsize, results=results)
    plan = Plan(
        strategy=strategy,
        sums=sums,
        shape=shape,
        dtype=_combined_type(combination, responses),
        strip=strip,
        threads=threads_for(how.jobs, -(-rows.output // strip), math.prod(shape)),
    )
    # float32 holds the squares of small integers, and their sum, exactly.
    exact = bound is not None and len(taps) * bound**2 < EXACT_IN_FLOAT32
    squares = np.dtype(np.float32 if exact else np.float64)
    return Work(pixels, taps, combination, rows, columns, border, bound, responses, squares, plan)


def checked_axes(pixels: Image, taps: Image, how: Settings) -> tuple[Axis, Axis]:
    """Return the axes of rows and columns.

    Raises
    ------
    SizeError
        The filter does not fit, or the padded image is far larger than the image.
    """
    rows, columns = window_axes(
        (pixels.shape[0], pixels.shape[1]),
        (taps.shape[0], taps.shape[1]),
        stride=how.stride,
        padding=how.padding,
        dilation=how.dilation,
    )
    height, width = (axis.before + axis.side + axis.after for axis in (rows, columns))
    if height * width > max(MAX_PADDED, 4 * rows.side * columns.side):
        raise SizeError(
            f"padding {rows.before}:{rows.after}x{columns.before}:{columns.after}",
            f"enlarges a {rows.side}x{columns.side} image to {height * width} pixels; "
            f"the limit is {MAX_PADDED}",
        )
    return rows.without_idle_steps(), columns.without_idle_steps()


def largest_result(pixels: Image, kernels: Iterable[Image], border: Border) -> int | None:
    """Return an upper bound for the absolute value of every sum, partial or complete; None for floats.

    Examples
    --------
    >>> largest_result(np.zeros((2, 2), np.uint8), [np.array([[-1, 0, 1]])], parse_border("edge"))
    510
    """
    matrices = list(kernels)
    floats = any(array.dtype.kind == "f" for array in (pixels, *matrices))
    if floats or isinstance(border.value, float):
        return None
    if pixels.dtype.itemsize < 8:
        limits = np.iinfo(pixels.dtype)
        largest = max(-int(limits.min), int(limits.max))
    else:
        largest = max(-int(pixels.min()), int(pixels.max()))
    total = max(sum(abs(int(tap)) for tap in matrix.ravel()) for matrix in matrices)
    return max(total, 1) * max(largest, abs(border.value), 1)


def result_type(pixels: Image, bound: int | None) -> np.dtype[Any]:
    """Return the narrowest dtype that holds the results, see `convolve`.

    Examples
    --------
    >>> str(result_type(np.zeros((2, 2), np.uint8), 510))
    'int16'
    """
    if bound is None:
        return np.dtype(np.float64 if pixels.dtype == np.float64 else np.float32)
    for narrow in (np.int16, np.int32, np.int64):
        if bound <= np.iinfo(narrow).max:
            return np.dtype(narrow)
    raise KernelError(
        "kernel",
        f"results can reach {bound}, beyond int64's maximum {np.iinfo(np.int64).max}; use smaller taps "
        "or a float image",
    )


def _combined_type(combination: Combination, responses: np.dtype[Any]) -> np.dtype[Any]:
    if combination == Combination.MAGNITUDE and responses != np.float64:
        return np.dtype(np.float32)
    return responses


def run(work: Work, out: Image | None = None) -> Image:
    """Run the convolution and write its strips directly into the result."""
    plan = work.plan

    def make_strips(result: Image) -> None:
        for_each_strip(work, lambda rows, _, make: make(result[rows]))

    return filled_array(make_strips, plan.shape, plan.dtype, out, beside=work.pixels)


def for_each_strip(work: Work, use: Callable[[slice, Scratch, Callable[[Image], None]], None]) -> None:
    """Run the convolution strip by strip, on the planned number of threads.

    Parameters
    ----------
    work : Work
    use : callable
        Called with the rows of a strip, buffers that it may use, and a function that writes these rows of the
        result into an array.
    """
    plan = work.plan
    slides = [prepare(plan.strategy, taps, work.rows, work.columns, work.responses) for taps in work.kernels]
    sources = border_sources(work.rows, work.border.kind), border_sources(work.columns, work.border.kind)

    def work_on(starts: Parts) -> None:
        with Scratch.lent() as scratch, np.errstate(over="ignore", invalid="ignore"):  # inf - inf
            maker = _StripMaker(work, slides, sources, scratch, starts)
            for start in starts:
                rows = slice(start, min(start + plan.strip, plan.shape[0]))
                use(rows, scratch, partial(maker.make, start))

    share(range(0, plan.shape[0], plan.strip), work_on, plan.threads)


class _StripMaker:
    """Computes strips of the result on one thread."""

    def __init__(
        self,
        work: Work,
        slides: Sequence[Slide],
        sources: tuple[NDArray[np.intp], NDArray[np.intp]],
        scratch: Scratch,
        parts: Parts,
    ) -> None:
        self.parts = parts
        self.work = work
        self.slides = slides
        self.sources = sources
        self.scratch = scratch
        self._made: tuple[Image, Image, Steps] | None = None

    def make(self, start: int, target: Image) -> None:
        """Write the rows from `start` on into the target; the steps are prepared once for each target."""
        if self._made is None or self._made[0] is not target:
            strip = self._empty_strip(len(target))
            self._made = target, strip, self._steps(strip, target)
        _, strip, steps = self._made
        first = start * self.work.rows.stride
        lines = self.sources[0][first : first + len(strip)]
        fill(strip, self.work.pixels, lines, self.sources[1], self.work.columns, self.work.border)
        self._do(steps)

    def _do(self, steps: Steps) -> None:
        for step in steps:
            if self.parts.stopped:  # a strip can take seconds
                return
            more = step()
            if isinstance(more, list):
                self._do(more)

    def _empty_strip(self, height: int) -> Image:
        rows, channels = self.work.rows, self.work.pixels.shape[2:]
        shape = ((height - 1) * rows.stride + rows.extent, len(self.sources[1]))
        if self.work.plan.strategy in PLANAR:
            planes = self.scratch.array("strip", (*channels, *shape), self.work.plan.sums)
            return np.moveaxis(planes, range(-2, 0), (0, 1))
        return self.scratch.array("strip", (*shape, *channels), self.work.plan.sums)

    def _steps(self, strip: Image, target: Image) -> Steps:
        work, scratch = self.work, self.scratch
        steps = self.slides[0](strip, target, scratch) if work.combination != Combination.MAGNITUDE else []
        if work.combination == Combination.SINGLE:
            return steps
        response = scratch.array("response", target.shape, work.responses)
        if work.combination == Combination.STRONGEST:
            for slide in self.slides[1:]:
                steps += slide(strip, response, scratch)
                steps.append(partial(np.maximum, target, response, out=target))
            return steps
        total = scratch.array("total", target.shape, work.squares)
        for number, slide in enumerate(self.slides):
            square = scratch.array("square", target.shape, work.squares) if number else total
            steps += slide(strip, response, scratch)
            steps += [partial(np.copyto, square, response), partial(np.multiply, square, square, out=square)]
            if number:
                steps.append(partial(np.add, total, square, out=total))
        if target.dtype == total.dtype:
            return [*steps, partial(np.sqrt, total, out=target)]
        return [
            *steps,
            partial(np.sqrt, total, out=total),
            partial(np.copyto, target, total, casting="same_kind"),
        ]
