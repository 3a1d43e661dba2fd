"""The algorithms that apply a kernel to a strip of the image.

A strip is a few padded rows, already in the dtype of the sums. All algorithms give bit-identical integers;
their floats differ by rounding.

=================  ==============================================================================
`shifts`           sum of shifted images, each times its tap
`separable`        a column of taps, then a row of taps, each by shifts
`separable_bands`  the same by banded matrix products; float32 holds integers below 2^24 exactly
`bands`            one product with a banded matrix: all taps at each position in a block
`fourier`          the fast Fourier transform of overlapping tiles, in float64
=================  ==============================================================================
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from convcli.scratch import Scratch
from convcli.sizes import Axis

__all__ = [
    "HEADROOM",
    "UNSTRIDED",
    "Slide",
    "Steps",
    "amplification",
    "bands",
    "block_of",
    "fast_length",
    "fourier",
    "is_plain_line",
    "pair_sums",
    "separable",
    "separable_bands",
    "shifts",
    "tile_outputs",
]

Array = NDArray[Any]
Factors = Sequence[tuple[Array, Array]]  # columns and rows whose outer products sum to a kernel

UNSTRIDED = Axis(side=1, window=1)  # one tap, step one: the axis that a one-dimensional pass leaves unchanged
HEADROOM = 2.0**64  # factor by which intermediate sums may exceed the largest value times the taps
SINGLE_THREAD = 1 << 18  # multiply-accumulates; BLAS starts its own threads for larger products

Steps = list[Callable[[], object]]
Slide = Callable[[Array, Array, Scratch], Steps]
"""Called with a padded strip, the rows of the result to compute, and buffers.

Returns steps to run in order; a step may return further steps that replace it. The same steps run again when
the strip holds other pixels, so that the threads rarely wait for the interpreter lock.
"""


def amplification(taps: Array) -> float:
    """Return the sum of |taps|, the largest factor from a pixel to a result; infinite if it overflows.

    Examples
    --------
    >>> amplification(np.array([[-1, 0, 1], [-2, 0, 2]])), amplification(np.array([[1e308, 1e308]]))
    (6.0, inf)
    """
    with np.errstate(over="ignore"):
        return float(np.abs(taps.astype(np.float64)).sum())


# Shifts -------------------------------------------------------------------------------------------------


def shifts(taps: Array, rows: Axis, columns: Axis) -> Slide:
    """Sum shifted images, grouped by the absolute value of their taps, so that each value is multiplied once.

    A line of taps that is (1, 1) convolved with a shorter line, such as a binomial, is applied in two passes.
    """
    line = rows if taps.shape[1] == 1 else columns
    pairs, left = pair_sums(taps.ravel()) if is_plain_line(taps, rows, columns) else (0, taps)
    groups = _groups_of(left.reshape([-1 if side > 1 else 1 for side in taps.shape]) if pairs else taps)
    whole = pairs > 0 and left.tolist() == [1]

    def slide(strip: Array, target: Array, scratch: Scratch) -> Steps:
        steps: Steps = []
        for number in range(pairs):
            distance = line.dilation
            along = np.s_[distance:] if line is rows else np.s_[:, distance:]
            beside = np.s_[:-distance] if line is rows else np.s_[:, :-distance]
            first, second = strip[beside], strip[along]
            last = whole and number == pairs - 1
            strip = target if last else scratch.array(f"pairs {number % 2}", first.shape, strip.dtype)
            here = np.s_[: strip.shape[0], : strip.shape[1]]
            steps.append(partial(np.add, first[here], second[here], out=strip))
        return steps if whole else steps + _add_groups(groups, strip, target, rows, columns, scratch)

    return slide


def is_plain_line(taps: Array, rows: Axis, columns: Axis) -> bool:
    """Whether a kernel is a row or a column with stride and dilation 1, so that `pair_sums` applies."""
    return 1 in taps.shape and rows.stride == columns.stride == 1


def pair_sums(taps: Array) -> tuple[int, Array]:
    """Return how often a line of taps can be divided by (1, 1), and the quotient.

    Stops before a tap becomes negative, so that every sum stays within the bound of the complete sum.

    Examples
    --------
    >>> pairs, left = pair_sums(np.array([1, 3, 3, 1]))
    >>> pairs, left.tolist()
    (3, [1])
    """
    count = 0
    while taps.dtype.kind == "i" and len(taps) > 1 and (taps >= 0).all():
        signs = np.resize([1, -1], len(taps))
        quotient = signs * np.cumsum(signs * taps)
        if quotient[-1] != 0 or (quotient < 0).any():
            break
        taps, count = quotient[:-1], count + 1
    return count, taps


def _groups_of(taps: Array) -> list[tuple[Any, list[tuple[int, int, bool]]]]:
    """Return the taps by absolute value, ones first: (value, positions, each with whether it is negative)."""
    groups: dict[Any, list[tuple[int, int, bool]]] = {}
    for i, j in np.argwhere(taps):
        tap = taps[i, j].item()
        groups.setdefault(abs(tap), []).append((int(i), int(j), tap < 0))
    # A positive tap first, so that the sum can start with it.
    return sorted(
        ((value, sorted(places, key=lambda place: place[2])) for value, places in groups.items()),
        key=lambda group: group[0] != 1,
    )


def _add_groups(
    groups: list[tuple[Any, list[tuple[int, int, bool]]]],
    strip: Array,
    target: Array,
    rows: Axis,
    columns: Axis,
    scratch: Scratch,
) -> Steps:
    if not groups:
        return [partial(target.fill, 0)]
    height, width = target.shape[:2]
    lefts = [j * columns.dilation for _, places in groups for _, j, _ in places]
    planes, steps = _by_phase(strip, lefts, columns, width, scratch)

    def met(i: int, j: int) -> Array:
        """Return the pixel that a tap reads for each output."""
        top = i * rows.dilation
        left, phase = divmod(j * columns.dilation, columns.stride)
        return planes[phase][top : top + (height - 1) * rows.stride + 1 : rows.stride, left : left + width]

    for number, (value, places) in enumerate(groups):
        views = [(met(i, j), negative) for i, j, negative in places]
        tap = target.dtype.type(value)
        into = scratch.array("products", target.shape, target.dtype) if number else target
        if number and len(views) == 1:
            steps.append(partial(np.multiply, views[0][0], tap, out=into))
            steps.append(_add(target, into, views[0][1]))
            continue
        steps += _sum_into(into, views)
        if value != 1:
            steps.append(partial(np.multiply, into, tap, out=into))
        if number:
            steps.append(_add(target, into, False))
    return steps


def _by_phase(
    strip: Array, lefts: list[int], columns: Axis, width: int, scratch: Scratch
) -> tuple[dict[int, Array], Steps]:
    """Return the columns grouped by phase of the stride: taps read contiguous columns much faster."""
    step = columns.stride
    if step == 1:
        return {0: strip}, []
    planes: dict[int, Array] = {}
    steps: Steps = []
    for phase in sorted({left % step for left in lefts}):
        reach = max(left // step for left in lefts if left % step == phase) + width
        source = strip[:, phase : phase + (reach - 1) * step + 1 : step]
        planes[phase] = scratch.array(f"phase {phase}", source.shape, strip.dtype)
        steps.append(partial(np.copyto, planes[phase], source))
    return planes, steps


def _sum_into(target: Array, views: list[tuple[Array, bool]]) -> Steps:
    (first, negative), *rest = views
    if negative:
        step: Callable[[], object] = partial(np.negative, first, out=target)
    elif rest:
        (second, minus), *rest = rest
        step = partial(np.subtract if minus else np.add, first, second, out=target)
    else:
        step = partial(np.copyto, target, first)
    return [step, *(_add(target, view, minus) for view, minus in rest)]


def _add(target: Array, view: Array, minus: bool) -> Callable[[], object]:
    return partial(np.subtract if minus else np.add, target, view, out=target)


# Separable kernels --------------------------------------------------------------------------------------


def separable(factors: Factors, rows: Axis, columns: Axis) -> Slide:
    """Apply a column of taps, then a row of taps, by shifts."""
    passes = [
        (shifts(column[:, None], rows, UNSTRIDED), shifts(row[None, :], UNSTRIDED, columns))
        for column, row in factors
    ]
    return _down_and_across(passes)


def separable_bands(factors: Factors, rows: Axis, columns: Axis, taps: Array, dtype: np.dtype[Any]) -> Slide:
    """Apply a column of taps, then a row of taps, by banded matrix products in `dtype`."""
    passes = [
        (_column_bands(column, rows, dtype), _row_bands(row[None, :], UNSTRIDED, columns, dtype))
        for column, row in factors
    ]
    return _by_planes(_down_and_across(passes), taps, rows, columns)


def _down_and_across(passes: Sequence[tuple[Slide, Slide]]) -> Slide:
    def slide(strip: Array, target: Array, scratch: Scratch) -> Steps:
        between = scratch.array("between", (target.shape[0], *strip.shape[1:]), strip.dtype)
        steps: Steps = []
        for number, (down, across) in enumerate(passes):
            into = scratch.array("summand", target.shape, target.dtype) if number else target
            steps += down(strip, between, scratch) + across(between, into, scratch)
            if number:
                steps.append(_add(target, into, False))
        return steps

    return slide


def _column_bands(column: Array, rows: Axis, dtype: np.dtype[Any]) -> Slide:
    """Multiply a banded matrix, which holds the column at each position, by blocks of the strip's rows."""
    block = min(block_of(rows), rows.output)
    band = _band(column[None, :], rows, dtype, block)[0].T.copy()
    width = max(1, SINGLE_THREAD // band.size)

    def slide(strip: Array, target: Array, _: Scratch) -> Steps:
        steps: Steps = []
        height = min(block, len(target))
        here = band[:height, : (height - 1) * rows.stride + rows.extent]
        for top in _starts(len(target), height):
            start = top * rows.stride
            source, into = strip[start : start + here.shape[1]], target[top : top + height]
            for pixels, sums in zip(_chunks(source, width), _chunks(into, width), strict=True):
                steps.append(partial(np.matmul, here, pixels, out=sums))
        return steps

    return slide


def _starts(length: int, block: int) -> Iterator[int]:
    """Yield the starts of blocks; the last block ends with the line and may overlap the one before."""
    yield from range(0, length - block, block)
    yield length - block


def _chunks(plane: Array, width: int) -> Iterator[Array]:
    """Yield a plane cut into chunks of columns: a stack of the full ones, then the rest."""
    count, rest = divmod(plane.shape[1], width)
    line, item = plane.strides
    if count:
        yield as_strided(plane, (count, len(plane), width), (width * item, line, item))
    if rest:
        yield plane[:, count * width :]


# Bands --------------------------------------------------------------------------------------------------


def bands(taps: Array, rows: Axis, columns: Axis, dtype: np.dtype[Any]) -> Slide:
    """Multiply windows of the strip by a banded matrix that holds the taps at each position in a block."""
    return _by_planes(_row_bands(taps, rows, columns, dtype), taps, rows, columns)


def block_of(axis: Axis) -> int:
    """Return the number of outputs per block: small blocks multiply fewer zeros, large ones run faster."""
    return 16 if axis.extent <= 12 else 32


def _band(taps: Array, axis: Axis, dtype: np.dtype[Any], block: int) -> Array:
    """Return, for each row of taps, a banded matrix (pixels, outputs) with the row at each position."""
    band = np.zeros((len(taps), (block - 1) * axis.stride + axis.extent, block), dtype)
    for output in range(block):
        start = output * axis.stride
        band[:, start : start + axis.extent : axis.dilation, output] = taps
    return band


def _row_bands(taps: Array, rows: Axis, columns: Axis, dtype: np.dtype[Any]) -> Slide:
    block = min(block_of(columns), columns.output)
    band = _band(taps, columns, dtype, block)
    # Windows of outputs that are this far apart do not overlap, so BLAS can take them as rows of a matrix.
    phases = -(-len(taps) // rows.stride)
    most = max(1, SINGLE_THREAD // band.size) * phases

    def slide(plane: Array, target: Array, scratch: Scratch) -> Steps:
        steps: Steps = []
        last = target.shape[1] - block
        for top in range(0, len(target), most):
            into, lines = target[top : top + most], plane[top * rows.stride :]
            blocks = _Blocks(band, rows.stride, block * columns.stride, phases)
            if last:
                steps += blocks.multiply(lines, -(-last // block), into, scratch)
            steps += blocks.multiply(lines[:, last * columns.stride :], 1, into[:, last:], scratch)
        return steps

    return slide


@dataclass(frozen=True, eq=False)
class _Blocks:
    """Neighboring blocks of outputs, computed by one stack of matrix products.

    Attributes
    ----------
    band : array (taps, used, block)
    down, across : int
        Pixels from an output to the one below it, and from a block to the next.
    phases : int
        How many outputs apart, vertically, windows no longer overlap.
    """

    band: Array
    down: int
    across: int
    phases: int

    def multiply(self, plane: Array, count: int, target: Array, scratch: Scratch) -> Steps:
        """Compute the first `count` blocks of the target."""
        taps, used, block = self.band.shape
        item = self.band.itemsize
        height, line = len(target), plane.strides[0]
        into = as_strided(target, (count, height, block), (block * target.strides[1], *target.strides))
        there = (height - 1) * self.down + taps
        windows = as_strided(plane, (count, there, used), (self.across * item, line, item))
        if taps == 1 and into.dtype == self.band.dtype and into.strides[2] == item:
            return [partial(np.matmul, windows[:, :: self.down], self.band[0], out=into)]
        groups = -(-height // self.phases)
        lines = (groups * self.phases - 1) * self.down + taps
        source = scratch.array("windows", (count, lines, used), self.band.dtype)
        sums = scratch.array("sums", (count, groups * self.phases, block), self.band.dtype)
        step, row = self.down * used * item, block * item
        windows_of_outputs = as_strided(
            source,
            (count, self.phases, groups, taps * used),
            (source.strides[0], step, self.phases * step, item),
        )
        outputs = as_strided(
            sums, (count, self.phases, groups, block), (sums.strides[0], row, self.phases * row, item)
        )
        return [
            partial(np.copyto, source[:, :there], windows),
            partial(source[:, there:].fill, 0),  # below the strip
            partial(np.matmul, windows_of_outputs, self.band.reshape(taps * used, block), out=outputs),
            partial(np.copyto, into, sums[:, :height], casting="unsafe"),
        ]


def _by_planes(slide: Slide, taps: Array, rows: Axis, columns: Axis) -> Slide:
    """Apply to each channel separately; use shifts for strips with values that would spread to other outputs.

    These values are NaN and infinity, and values so large that intermediate sums may overflow.
    """
    beyond_reach, total = shifts(taps, rows, columns), amplification(taps)

    def slide_planes(strip: Array, target: Array, scratch: Scratch) -> Steps:
        if strip.ndim == 2:
            steps = slide(strip, target, scratch)
        else:
            steps = []
            for channel in range(strip.shape[2]):
                steps += slide(strip[:, :, channel], target[:, :, channel], scratch)
        if target.dtype.kind == "i":
            return steps
        largest = float(np.finfo(strip.dtype).max) / HEADROOM / max(total, 1)

        def choose() -> Steps:
            within = -largest < strip.min() <= strip.max() < largest  # False for NaN
            return steps if within else beyond_reach(strip, target, scratch)

        return [choose]

    return slide_planes


# Fourier ------------------------------------------------------------------------------------------------


def fourier(taps: Array, rows: Axis, columns: Axis) -> Slide:
    """Multiply the transforms of tiles, which overlap by the kernel's extent, by the transform of the kernel.

    In float64 the errors are so small (see `strategies`) that rounding makes integers exact.
    """
    spread = np.zeros((rows.extent, columns.extent))
    spread[:: rows.dilation, :: columns.dilation] = taps
    transforms: dict[tuple[int, int], Array] = {}

    def transform_of_kernel(shape: tuple[int, int]) -> Array:
        if shape not in transforms:
            transforms[shape] = np.conj(np.fft.rfft2(spread, shape))
        return transforms[shape]

    tile = tile_outputs(columns)
    side = fast_length((tile - 1) * columns.stride + columns.extent)

    def slide(plane: Array, target: Array, scratch: Scratch) -> Steps:
        return [partial(transform, plane, target, scratch)]

    def transform(plane: Array, target: Array, scratch: Scratch) -> None:
        height, width = target.shape
        lines = (height - 1) * rows.stride + rows.extent
        shape = fast_length(lines), side // 2 + 1
        half, spectrum = (scratch.array(name, shape, np.dtype(complex)) for name in ("half", "spectrum"))
        sums = scratch.array("sums", (height, side), plane.dtype)
        for start in _starts(width, tile):
            into = target[:, start : start + tile]
            # Less work than rfft2: the inverse transforms only the rows that are kept.
            np.fft.rfft(plane[:lines, start * columns.stride :][:, :side], side, out=half[:lines])
            half[lines:] = 0
            np.fft.fft(half, axis=0, out=spectrum)
            np.multiply(spectrum, transform_of_kernel((shape[0], side)), out=spectrum)
            np.fft.ifft(spectrum, axis=0, out=half)
            np.fft.irfft(half[: lines - rows.extent + 1 : rows.stride], side, out=sums)
            kept = sums[:, : tile * columns.stride : columns.stride]
            np.copyto(into, np.rint(kept, out=kept) if into.dtype.kind == "i" else kept, casting="unsafe")

    return _by_planes(slide, taps, rows, columns)


def tile_outputs(axis: Axis) -> int:
    """Return the number of outputs per tile: the tile fits the cache, and its overlap is small.

    The number of tiles is even and they are equally large, so that two CPU cores have the same work.
    """
    most = max(1, (max(512, 4 * axis.extent) - axis.extent) // axis.stride + 1)
    if axis.output <= most:
        return axis.output
    count = 2 * -(-axis.output // (2 * most))
    side = fast_length((-(-axis.output // count) - 1) * axis.stride + axis.extent)
    return min((side - axis.extent) // axis.stride + 1, axis.output)


@cache
def fast_length(least: int) -> int:
    """Return the smallest length, at least `least`, whose only prime factors are 2, 3 and 5.

    Examples
    --------
    >>> fast_length(37), fast_length(512)
    (40, 512)
    """
    best = 1 << (least - 1).bit_length()
    for fives in range(least.bit_length() // 2 + 1):
        for threes in range(least.bit_length() + 1):
            product = 5**fives * 3**threes
            best = min(best, product << max(0, -(-least // product) - 1).bit_length())
    return best
