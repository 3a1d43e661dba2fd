"""The ways to slide a kernel over a strip of the image.

A strip is a few padded rows, already in the type of the sums. Every way gives the same integers, bit by bit;
for floats they differ by rounding.

=================  ==============================================================================
`shifts`           shifted images added up, each times its tap
`separable`        a column of taps, then a row of them, each by shifts
`separable_bands`  the same by matrix products; float32 holds integers exactly below 2^24
`bands`            one matrix product of all taps, for every place that they can have in a block
`fourier`          the fast Fourier transform of tiles that overlap, in float64
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
Factors = Sequence[tuple[Array, Array]]  # columns and rows whose products add up to a kernel

UNSTRIDED = Axis(side=1, window=1)  # one tap, step one: the axis that a pass leaves alone
HEADROOM = 2.0**64  # by how much a sum on the way may be beyond the largest value times the taps
SINGLE_THREAD = 1 << 18  # multiply-accumulates: BLAS would put more of them on threads of its own

Steps = list[Callable[[], object]]
Slide = Callable[[Array, Array, Scratch], Steps]
"""Called with a padded strip, the rows of the result that it makes, and scratch memory.

Returns what is to be done, in this order; a step may return further steps that take its place. It may be done
again when the strip holds other pixels: that leaves the interpreter, which the threads share, little to do.
"""


def amplification(taps: Array) -> float:
    """Return the sum of |taps|: no result is more times the largest pixel. Beyond the floats it is infinite.

    Examples
    --------
    >>> amplification(np.array([[-1, 0, 1], [-2, 0, 2]])), amplification(np.array([[1e308, 1e308]]))
    (6.0, inf)
    """
    with np.errstate(over="ignore"):
        return float(np.abs(taps.astype(np.float64)).sum())


# Shifts -------------------------------------------------------------------------------------------------


def shifts(taps: Array, rows: Axis, columns: Axis) -> Slide:
    """Add up shifted images: those with taps of one size first, so that each size is multiplied once.

    A line of taps that is one of 1 1 and a shorter one, as binomials are, is applied as such.
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
    """Whether a kernel is a row or a column that meets every pixel, so that `pair_sums` serve."""
    return 1 in taps.shape and rows.stride == columns.stride == 1


def pair_sums(taps: Array) -> tuple[int, Array]:
    """Return how often a line of taps can be divided by (1, 1), and what is left of it.

    Only as far as no tap becomes negative, which keeps every sum within the bound of the whole.

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
    """Return the taps by size, the unit ones first: (size, places with whether the tap is negative)."""
    groups: dict[Any, list[tuple[int, int, bool]]] = {}
    for i, j in np.argwhere(taps):
        tap = taps[i, j].item()
        groups.setdefault(abs(tap), []).append((int(i), int(j), tap < 0))
    # A positive tap first, so that a sum can begin with it.
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
        """Return the pixels that a tap meets, for every output."""
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
    """Return the columns of each phase of the stride, side by side: so taps read them much quicker."""
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


# Columns, then rows -------------------------------------------------------------------------------------


def separable(factors: Factors, rows: Axis, columns: Axis) -> Slide:
    """Apply a column of taps, then a row of them, by shifts."""
    passes = [
        (shifts(column[:, None], rows, UNSTRIDED), shifts(row[None, :], UNSTRIDED, columns))
        for column, row in factors
    ]
    return _down_and_across(passes)


def separable_bands(factors: Factors, rows: Axis, columns: Axis, taps: Array, dtype: np.dtype[Any]) -> Slide:
    """Apply a column of taps, then a row of them, by matrix products in `dtype`."""
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
    """Multiply a band that holds the column at every place by blocks of the strip's rows."""
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
    """Yield where blocks start; the last one ends with the line, and may do some of it again."""
    yield from range(0, length - block, block)
    yield length - block


def _chunks(plane: Array, width: int) -> Iterator[Array]:
    """Yield a plane cut into chunks of columns, as stacks of matrices: the whole ones, then the last."""
    count, rest = divmod(plane.shape[1], width)
    line, item = plane.strides
    if count:
        yield as_strided(plane, (count, len(plane), width), (width * item, line, item))
    if rest:
        yield plane[:, count * width :]


# Bands --------------------------------------------------------------------------------------------------


def bands(taps: Array, rows: Axis, columns: Axis, dtype: np.dtype[Any]) -> Slide:
    """Multiply windows of the strip by a matrix that holds all taps at every place in a block of outputs."""
    return _by_planes(_row_bands(taps, rows, columns, dtype), taps, rows, columns)


def block_of(axis: Axis) -> int:
    """Return how many outputs a band makes: narrow ones waste fewer zeros, wide ones run faster."""
    return 16 if axis.extent <= 12 else 32


def _band(taps: Array, axis: Axis, dtype: np.dtype[Any], block: int) -> Array:
    """Return for each row of taps a matrix (pixels, outputs) with the row at every place it can have."""
    band = np.zeros((len(taps), (block - 1) * axis.stride + axis.extent, block), dtype)
    for output in range(block):
        start = output * axis.stride
        band[:, start : start + axis.extent : axis.dilation, output] = taps
    return band


def _row_bands(taps: Array, rows: Axis, columns: Axis, dtype: np.dtype[Any]) -> Slide:
    block = min(block_of(columns), columns.output)
    band = _band(taps, columns, dtype, block)
    # Windows that start so many outputs apart do not overlap: BLAS takes them as the rows of a matrix.
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
    """Neighbouring blocks of outputs, made by one stack of matrix products.

    Attributes
    ----------
    band : array (taps, used, block)
    down, across : int
        Pixels from an output to the one below, and from a block to the next.
    phases : int
    """

    band: Array
    down: int
    across: int
    phases: int

    def multiply(self, plane: Array, count: int, target: Array, scratch: Scratch) -> Steps:
        """Make the first `count` blocks of the target."""
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
    """Slide over each channel on its own; values that would spread are left to shifts.

    These are NaN and infinity, and values so large that sums of them on the way may overflow.
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
            within = -largest < strip.min() <= strip.max() < largest  # not if NaN
            return steps if within else beyond_reach(strip, target, scratch)

        return [choose]

    return slide_planes


# Fourier ------------------------------------------------------------------------------------------------


def fourier(taps: Array, rows: Axis, columns: Axis) -> Slide:
    """Multiply the transforms of tiles, which overlap by the kernel's extent, by that of the kernel.

    In float64 the errors are so small (see `strategies`) that integers are exact when they are rounded.
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
            # Row by row, and back only those rows that are kept: less work than rfft2.
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
    """Return how many outputs a tile makes: the tile fits the cache, and does not overlap much.

    An even number of tiles, all alike, so that two processors have the same to do.
    """
    most = max(1, (max(512, 4 * axis.extent) - axis.extent) // axis.stride + 1)
    if axis.output <= most:
        return axis.output
    count = 2 * -(-axis.output // (2 * most))
    side = fast_length((-(-axis.output // count) - 1) * axis.stride + axis.extent)
    return min((side - axis.extent) // axis.stride + 1, axis.output)


@cache
def fast_length(least: int) -> int:
    """Return the smallest length of at least `least` that has no prime factors but 2, 3 and 5.

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
