"""Output sizes: how a window slides along an axis.

The only module that knows ``floor((n + 2p - f_eff) / s) + 1``. The engine, pooling and the network
calculator all use it, so predicted sizes are the sizes produced. Integers only, exact at any size, standard
library only.

Source of the formulas: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning",
arXiv:1603.07285 (2016); SAME padding as TensorFlow defines it; ``ceil`` as PyTorch defines it.
"""

import operator
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from math import gcd
from typing import TYPE_CHECKING, Literal, overload

from convcli.errors import SizeError
from convcli.size_texts import MAX_DIGITS, Amounts, NamedPadding, format_size, parse_padding

if TYPE_CHECKING:
    from fractions import Fraction  # imported late: most networks never need it

__all__ = [
    "AdaptiveAxis",
    "Axis",
    "Padding",
    "Pair",
    "TransposedAxis",
    "adaptive_axes",
    "lossless_sides",
    "output_size",
    "pooling_axes",
    "quotient",
    "strides_and_paddings",
    "transposed_axes",
    "window_axes",
]

Pair = int | tuple[int, int]
"""One number for both axes, or ``(vertical, horizontal)``."""

Padding = str | Pair | Amounts
"""An amount of padding: ``"same"``, ``"valid"``, a number, a pair, or ``((top, bottom), (left, right))``."""

MAX_LISTED = 1_000_000  # longest side that is searched or marked element by element


@dataclass(frozen=True, kw_only=True)
class Axis:
    """A window sliding along one axis of an image.

    Attributes
    ----------
    side, window, stride, dilation : int
        Input pixels, filter taps, step, and distance between taps.
    before, after : int
        Padding at the start and at the end.
    ceil : bool
        Round the output side up if the last window starts inside the image, as PyTorch's pooling does.

    Examples
    --------
    >>> axis = Axis(side=32, window=5)
    >>> axis.output, axis.formula()
    (28, 'floor((32 + 2·0 - 5)/1) + 1 = 28')
    """

    side: int
    window: int
    before: int = 0
    after: int = 0
    stride: int = 1
    dilation: int = 1
    ceil: bool = False

    @property
    def extent(self) -> int:
        """Pixels from the filter's first tap to its last: ``d(f - 1) + 1``."""
        return self.dilation * (self.window - 1) + 1

    @property
    def span(self) -> int:
        """How far the window can move, ``n + 2p - f_eff``; negative if it does not fit."""
        return self.side + self.before + self.after - self.extent

    @property
    def output(self) -> int:
        """Output side; below 1 if the layer is impossible."""
        if not self.ceil:
            return self.span // self.stride + 1
        rounded_up = -(-self.span // self.stride) + 1
        starts_beyond = (rounded_up - 1) * self.stride >= self.side + self.before
        return rounded_up - 1 if starts_beyond else rounded_up

    def without_idle_steps(self) -> "Axis":
        """Return the axis without the excess of strides and dilations that have no effect.

        They may exceed any fixed-size integer type.

        Examples
        --------
        >>> Axis(side=5, window=3, stride=10**30).without_idle_steps().stride
        3
        """
        dilation = self.dilation if self.window > 1 else 1
        return replace(self, stride=min(self.stride, self.span + 1), dilation=dilation)

    @property
    def spread(self) -> int:
        """Distance from the first pixel that an output reads to the last."""
        return self.extent - 1

    @property
    def step(self) -> int:
        """Pixels from one output's window to the next."""
        return self.stride

    @property
    def twice_first(self) -> int:
        """Twice the position of the first window's center."""
        return self.extent - 1 - 2 * self.before

    @property
    def period(self) -> tuple[int, int]:
        """Period of the window positions: in outputs, and in pixels."""
        return 1, self.stride

    def reads(self, unit: int) -> tuple[int, int]:
        """Return the first and the last pixel that an output reads, padding included."""
        first = unit * self.stride - self.before
        return first, first + self.extent - 1

    def places_read(self, unit: int) -> range:
        """Return the positions that an output reads, one per tap, counted as in `reads`.

        Examples
        --------
        >>> list(Axis(side=7, window=3, dilation=2, before=1).places_read(1))
        [0, 2, 4]
        """
        first, last = self.reads(unit)
        return range(first, last + 1, self.dilation)

    def is_read(self, place: int) -> bool:
        """Whether any tap reads a position: a pixel, or padding (below 0, or `side` and above).

        Examples
        --------
        >>> axis = Axis(side=5, window=1, before=1, stride=3)
        >>> [place for place in range(-1, 5) if axis.is_read(place)]
        [-1, 2]
        """
        steps = (place + self.before - tap * self.dilation for tap in range(self.window))
        return any(step % self.stride == 0 and 0 <= step // self.stride < self.output for step in steps)

    @property
    def undilated(self) -> bool:
        """Whether the taps of the window are adjacent."""
        return self.dilation == 1 or self.window == 1

    @property
    def _gapless(self) -> bool:
        """Whether the windows read every pixel between their first tap and their last."""
        return self.undilated or (self.stride == 1 and self.output >= self.dilation)

    @property
    def countable(self) -> bool:
        """Whether the pixels read are few enough to be marked one by one."""
        return self.side <= MAX_LISTED and self._work <= 10 * MAX_LISTED

    @property
    def _work(self) -> int:
        """Number of steps that marking takes."""
        return self.side + self.window * (self.output + 100)

    def formula(self) -> str:
        """Return the output-size formula with the numbers of this axis."""
        padding = f"2·{self.before}" if self.before == self.after else f"{self.before} + {self.after}"
        filter_side = f"{self.window}"
        if self.dilation > 1 and self.window > 1:
            filter_side = f"({self.dilation}·({self.window} - 1) + 1)"
        rounding = "ceil" if self.ceil else "floor"
        plain = -(-self.span // self.stride) + 1 if self.ceil else self.span // self.stride + 1
        text = f"{rounding}(({self.side} + {padding} - {filter_side})/{self.stride}) + 1 = {plain}"
        return text if plain == self.output else f"{text}, less a window that starts beyond the input"

    def unread_count(self) -> int | None:
        """Count the input pixels that no tap reads.

        Returns
        -------
        int or None
            None for a dilated filter with too many gaps to follow tap by tap.
        """
        if self._gapless:
            return self.side - (self._read_before(self.side) - self._read_before(0))
        return self._marks().count(0) if self.countable else None

    def unread_ranges(self) -> Iterator[tuple[int, int]]:
        """Yield the ranges of input pixels that no tap reads, as ``(first, last)``; none if not counted.

        Examples
        --------
        >>> list(Axis(side=227, window=3, stride=5).unread_ranges())[-2:]
        [(218, 219), (223, 226)]
        """
        if self._gapless:
            yield from self._unread_between_windows()
        elif self.countable:
            yield from ((gap.start(), gap.end() - 1) for gap in re.finditer(rb"\0+", self._marks()))

    def taps(self) -> Iterator[tuple[slice, slice]]:
        """Yield for each tap the outputs for which it reads an input pixel, and those pixels.

        Examples
        --------
        >>> list(Axis(side=4, window=2, before=1, after=1, stride=2).taps())
        [(slice(1, 3, None), slice(1, 4, 2)), (slice(0, 2, None), slice(0, 3, 2))]
        """
        last_output = (self.output - 1) * self.stride
        # If the window is much longer than the image, only these taps can reach the image.
        first_tap = max(0, -((last_output - self.before) // self.dilation))
        for tap in range(first_tap, min(self.window, (self.side - 1 + self.before) // self.dilation + 1)):
            offset = tap * self.dilation - self.before
            first = max(0, -(offset // self.stride))
            last = min(self.output - 1, (self.side - 1 - offset) // self.stride)
            if first <= last:
                start = first * self.stride + offset
                inputs = slice(start, last * self.stride + offset + 1, self.stride)
                yield slice(first, last + 1), inputs

    def _read_before(self, end: int) -> int:
        """Count the positions before `end`, padding included, that windows without gaps read."""
        if self.extent >= self.stride:
            return min(end + self.before, (self.output - 1) * self.stride + self.extent)
        whole, rest = divmod(end + self.before, self.stride)
        if whole >= self.output:
            return self.output * self.extent
        return whole * self.extent + min(rest, self.extent)

    def _unread_between_windows(self) -> Iterator[tuple[int, int]]:
        if self.extent < self.stride:
            first_inside = max(0, (self.before - self.extent) // self.stride)
            for index in range(first_inside, self.output - 1):
                start = index * self.stride - self.before + self.extent
                first, last = max(start, 0), min(start + self.stride - self.extent, self.side) - 1
                if first >= self.side:
                    return
                if first <= last:
                    yield first, last
        after_last = max((self.output - 1) * self.stride - self.before + self.extent, 0)
        if after_last < self.side:
            yield after_last, self.side - 1

    def _marks(self) -> bytearray:
        """Return one byte per pixel: 1 if any tap reads it."""
        marks = bytearray(self.side)
        for outputs, inputs in self.taps():
            marks[inputs] = b"\1" * (outputs.stop - outputs.start)
        return marks


@dataclass(frozen=True, kw_only=True)
class TransposedAxis:
    """A transposed convolution along one axis: each input pixel lays its window over the output.

    Attributes
    ----------
    side, window, stride, dilation : int
        Input pixels, filter taps, outputs from one pixel's window to the next, distance between taps.
    before, after : int
        Outputs cut off at the start and at the end.
    output_padding : int
        Outputs added at the end; it selects one of the sizes that a strided convolution maps to the same.

    Examples
    --------
    >>> axis = TransposedAxis(side=14, window=2, stride=2)
    >>> axis.output, axis.formula()
    (28, '(14 - 1)·2 - 2·0 + (2 - 1) + 0 + 1 = 28')
    """

    side: int
    window: int
    before: int = 0
    after: int = 0
    stride: int = 1
    dilation: int = 1
    output_padding: int = 0

    @property
    def extent(self) -> int:
        """Outputs from the filter's first tap to its last: ``d(f - 1) + 1``."""
        return self.dilation * (self.window - 1) + 1

    @property
    def output(self) -> int:
        """Output side; below 1 if the layer is impossible."""
        kept = self.extent - self.before - self.after
        return (self.side - 1) * self.stride + kept + self.output_padding

    @property
    def spread(self) -> "int | Fraction":
        """Distance from the first pixel that an output reads to the last, not rounded down."""
        return quotient(self.extent - 1, self.stride)

    @property
    def step(self) -> "int | Fraction":
        """Pixels from one output to the next."""
        return quotient(1, self.stride)

    @property
    def twice_first(self) -> "int | Fraction":
        """Twice the position of the first output."""
        return quotient(2 * self.before - self.extent + 1, self.stride)

    @property
    def period(self) -> tuple[int, int]:
        """Period of the window positions: in outputs, and in pixels."""
        return self.stride, 1

    def reads(self, unit: int) -> tuple[int, int] | None:
        """Return the first and the last pixel whose window has a tap on an output; None if no pixel has."""
        common = gcd(self.dilation, self.stride)
        place, step = unit + self.before, self.stride // common
        if place % common:
            return None
        least = place // common * pow(self.dilation // common, -1, step) % step
        most = least + (self.window - 1 - least) // step * step
        if least >= self.window:
            return None
        return (place - most * self.dilation) // self.stride, (place - least * self.dilation) // self.stride

    def formula(self) -> str:
        """Return the output-size formula with the numbers of this axis."""
        padding = f"2·{self.before}" if self.before == self.after else f"{self.before} - {self.after}"
        taps = f"({self.window} - 1)" if self.dilation == 1 else f"{self.dilation}·({self.window} - 1)"
        return (
            f"({self.side} - 1)·{self.stride} - {padding} + {taps} + {self.output_padding} + 1 "
            f"= {self.output}"
        )

    def unread_count(self) -> int:
        """Count the input pixels whose windows are cut off."""
        return sum(last - first + 1 for first, last in self.unread_ranges())

    def unread_ranges(self) -> Iterator[tuple[int, int]]:
        """Yield the input pixels whose windows are cut off, at the start and at the end.

        Examples
        --------
        >>> list(TransposedAxis(side=5, window=1, before=1).unread_ranges())
        [(0, 0)]
        """
        first_kept = max(0, -((self.extent - 1 - self.before) // self.stride))
        last_kept = (self.output - 1 + self.before) // self.stride
        if first_kept > 0:
            yield 0, min(first_kept, self.side) - 1
        if max(last_kept, first_kept - 1) + 1 < self.side:
            yield max(last_kept, first_kept - 1) + 1, self.side - 1


@dataclass(frozen=True, kw_only=True)
class AdaptiveAxis:
    """Adaptive pooling along one axis: one window per output, all of nearly the same length.

    Window i covers the pixels from ``floor(i n / out)`` to ``ceil((i + 1) n / out)``, as in PyTorch.

    Examples
    --------
    >>> axis = AdaptiveAxis(side=7, output=3)
    >>> axis.spread, axis.formula()
    (2, '3 windows of at most 3 of 7 pixels')
    """

    side: int
    output: int
    before: int = 0
    after: int = 0

    @property
    def spread(self) -> int | None:
        """Distance from the first pixel to the last in the longest window; None: all pixels."""
        if self.output == 1:
            return None
        whole, rest = divmod(self.side, self.output)
        if not rest:
            return whole - 1
        return whole + (rest > gcd(rest, self.output))

    @property
    def step(self) -> "int | Fraction":
        """Pixels from one output's window to the next, on average."""
        return quotient(self.side, self.output)

    @property
    def twice_first(self) -> int:
        """Twice the position of the first window's center."""
        return -(-self.side // self.output) - 1

    @property
    def period(self) -> tuple[int, int]:
        """Period of the window positions: in outputs, and in pixels."""
        common = gcd(self.side, self.output)
        return self.output // common, self.side // common

    def reads(self, unit: int) -> tuple[int, int]:
        """Return the first and the last pixel of a window."""
        return unit * self.side // self.output, -(-(unit + 1) * self.side // self.output) - 1

    def formula(self) -> str:
        """Return the number of windows and their length, in words."""
        if self.spread is None:
            return f"1 window of {self.side} pixels"
        return f"{self.output} windows of at most {self.spread + 1} of {self.side} pixels"

    def unread_count(self) -> int:
        """Return 0: the windows cover every pixel."""
        return 0

    def unread_ranges(self) -> Iterator[tuple[int, int]]:
        """Yield nothing."""
        yield from ()


def quotient(dividend: "int | Fraction", divisor: int) -> "int | Fraction":
    """Return a quotient, as an int if it is whole.

    Examples
    --------
    >>> quotient(6, 2), str(quotient(1, 2))
    (3, '1/2')
    """
    if isinstance(dividend, int) and dividend % divisor == 0:
        return dividend // divisor
    from fractions import Fraction

    quotient = Fraction(dividend) / divisor
    return int(quotient) if quotient.denominator == 1 else quotient


def lossless_sides(axis: Axis) -> tuple[int | None, int | None]:
    """Find the nearest input sides, below and above, at which every pixel is read.

    Returns
    -------
    (below, above) : pair of int or None
        None if there is none: a stride longer than the filter leaves gaps at every size.

    Examples
    --------
    >>> lossless_sides(Axis(side=226, window=11, stride=4))
    (223, 227)
    """
    if axis.undilated:
        lost = axis.unread_count()
        if not lost:
            return axis.side, axis.side
        if axis.stride > axis.window:  # gaps: only a single window reads every pixel
            return axis.window - axis.before if axis.window > axis.before else None, None
        below = axis.side - lost
        return below if below > 0 else None, axis.side + (-axis.span) % axis.stride
    if not axis.countable:
        return None, None
    reach = min(2 * axis.stride * axis.dilation, 1 + 5 * MAX_LISTED // axis._work)
    shorter, longer = range(axis.side, max(axis.side - reach, 0), -1), range(axis.side, axis.side + reach)
    return _first_lossless(axis, shorter), _first_lossless(axis, longer)


def _first_lossless(axis: Axis, sides: Iterable[int]) -> int | None:
    candidates = (replace(axis, side=side) for side in sides)
    return next((c.side for c in candidates if c.output > 0 and c.unread_count() == 0), None)


def _pair(value: object, name: str, minimum: int) -> tuple[int, int]:
    """Check a number or a pair of numbers, and return ``(vertical, horizontal)``."""
    values = value if isinstance(value, tuple | list) else (value, value)
    if len(values) != 2:
        raise SizeError(f"{name} {value}", "must be one number, or a pair (vertical, horizontal)")
    vertical, horizontal = (_whole(number, name, minimum) for number in values)
    return vertical, horizontal


def _whole(number: object, name: str, minimum: int) -> int:
    # isinstance of a protocol would take as long as filtering a small picture.
    if hasattr(number, "__index__") and not isinstance(number, bool):
        try:
            result = operator.index(number)
        except TypeError:  # every array has the method, but only one of a single integer can answer
            raise SizeError(f"{name} {number}", "must be one whole number, or a pair") from None
        if abs(result) >= 10**MAX_DIGITS:
            raise SizeError(name, f"has more than {MAX_DIGITS} digits")
        if result >= minimum:
            return result
    raise SizeError(f"{name} {number}", f"must be a whole number, at least {minimum}")


def _paddings(
    padding: Padding, side: tuple[int, int], extent: tuple[int, int], stride: tuple[int, int]
) -> Amounts:
    if isinstance(padding, str):
        padding = parse_padding(padding)
    if isinstance(padding, NamedPadding) and padding == NamedPadding.VALID:
        return (0, 0), (0, 0)
    if isinstance(padding, NamedPadding):
        vertical, horizontal = (
            _halves(max((-(-n // s) - 1) * s + e - n, 0), padding)
            for n, e, s in zip(side, extent, stride, strict=True)
        )
        return vertical, horizontal
    nested = isinstance(padding, tuple | list) and any(isinstance(part, tuple | list) for part in padding)
    if nested and len(padding) != 2:  # type: ignore[arg-type] # a nested one is a tuple
        raise SizeError(f"padding {padding}", "must be ((top, bottom), (left, right))")
    sides = padding if nested else _pair(padding, "padding", 0)
    return _pair(sides[0], "padding", 0), _pair(sides[1], "padding", 0)  # type: ignore[index]


def _halves(total: int, padding: NamedPadding) -> tuple[int, int]:
    """Split padding between both ends."""
    less, more = total // 2, -(-total // 2)
    return (more, less) if padding == NamedPadding.SAME_LOWER else (less, more)


def window_axes(
    size: tuple[int, int],
    window: Pair,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    ceil: bool = False,
) -> tuple[Axis, Axis]:
    """Work out how a filter slides over an image, vertically and horizontally.

    Parameters
    ----------
    size : (int, int)
        Input rows and columns.
    window, stride, dilation : int or pair
        Filter side, step, distance between taps.
    padding : str, int, pair or pair of pairs
        ``"valid"``: none. ``"same"``: the output has ``ceil(n / s)`` pixels, and an odd pixel is added at the
        end. A number or ``(vertical, horizontal)``: both sides. ``((top, bottom), (left, right))``: each.
    ceil : bool
        Round output sides up.

    Raises
    ------
    SizeError
        A value is not a whole number or too small, or the filter is larger than the padded input.

    Examples
    --------
    >>> rows, columns = window_axes((227, 320), (11, 7), stride=(4, 3), padding="same")
    >>> rows.output, columns.output, (rows.before, rows.after)
    (57, 107, (4, 4))
    """
    sides = _pair(size, "input", 1)
    windows, strides, dilations = (
        _pair(value, name, 1)
        for value, name in ((window, "filter"), (stride, "stride"), (dilation, "dilation"))
    )
    extents = tuple(d * (f - 1) + 1 for f, d in zip(windows, dilations, strict=True))
    amounts = _paddings(padding, sides, extents, strides)  # type: ignore[arg-type] # two values in, two out
    rows, columns = (
        Axis(side=n, window=f, before=before, after=after, stride=s, dilation=d, ceil=ceil)
        for n, f, (before, after), s, d in zip(sides, windows, amounts, strides, dilations, strict=True)
    )
    for axis in (rows, columns):
        if axis.output < 1:
            raise _does_not_fit(axis)
    return rows, columns


def _does_not_fit(axis: Axis) -> SizeError:
    padded = axis.side + axis.before + axis.after
    largest = max((padded - 1) // axis.dilation + 1, 1)
    symmetric = -(-(axis.extent - axis.side) // 2)
    return SizeError(
        f"filter {axis.window} on input {axis.side}",
        f"{axis.formula()}: the filter is larger than the padded input ({axis.extent} > {padded}); "
        f"use a padding of at least {symmetric} or a filter of at most {largest}",
    )


def pooling_axes(
    size: tuple[int, int],
    window: Pair,
    *,
    stride: Pair | None = None,
    padding: Padding = 0,
    dilation: Pair = 1,
    ceil: bool = False,
) -> tuple[Axis, Axis]:
    """Like `window_axes`, for a pooling layer: the stride defaults to the window.

    Raises
    ------
    SizeError
        As in `window_axes`; also if the padding exceeds half the window, so that a window could contain only
        padding (PyTorch's rule).

    Examples
    --------
    >>> [axis.output for axis in pooling_axes((28, 28), 2)]
    [14, 14]
    """
    axes = window_axes(
        size,
        window,
        stride=window if stride is None else stride,
        padding=padding,
        dilation=dilation,
        ceil=ceil,
    )
    for axis in axes:
        if max(axis.before, axis.after) > axis.window // 2:
            raise SizeError(
                f"padding {max(axis.before, axis.after)}",
                f"is more than half the window of {axis.window}, so a window could contain only padding; "
                f"use at most {axis.window // 2}",
            )
    return axes


def transposed_axes(
    size: tuple[int, int],
    window: Pair,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    output_padding: Pair = 0,
) -> tuple[TransposedAxis, TransposedAxis]:
    """Work out how a transposed convolution lays its filter, vertically and horizontally.

    Parameters
    ----------
    size, window, stride, dilation
        As for `window_axes`.
    padding
        What is cut off. ``"same"``: the output has ``n s`` pixels, as in TensorFlow.
    output_padding : int or pair
        Less than the stride or the dilation.

    Raises
    ------
    SizeError
        A number is out of range, or nothing is left of the output.

    Examples
    --------
    >>> [axis.output for axis in transposed_axes((7, 7), 3, stride=2, padding=1, output_padding=1)]
    [14, 14]
    """
    sides = _pair(size, "input", 1)
    windows, strides, dilations = (
        _pair(value, name, 1)
        for value, name in ((window, "filter"), (stride, "stride"), (dilation, "dilation"))
    )
    added = _pair(output_padding, "output padding", 0)
    extents = tuple(d * (f - 1) + 1 for f, d in zip(windows, dilations, strict=True))
    if isinstance(padding, str):
        padding = parse_padding(padding)
    if isinstance(padding, NamedPadding) and padding != NamedPadding.VALID:
        if any(added):
            raise SizeError(
                f"output padding {format_size(added)}", f"goes with a number, not with padding {padding}"
            )
        added = max(strides[0] - extents[0], 0), max(strides[1] - extents[1], 0)
        cut = [
            _halves(max(extent - stride, 0), padding) for extent, stride in zip(extents, strides, strict=True)
        ]
        padding = cut[0], cut[1]
    amounts = _paddings(padding, sides, extents, strides)  # type: ignore[arg-type] # two values in, two out
    rows, columns = (
        TransposedAxis(side=n, window=f, before=before, after=after, stride=s, dilation=d, output_padding=op)
        for n, f, (before, after), s, d, op in zip(
            sides, windows, amounts, strides, dilations, added, strict=True
        )
    )
    limits = tuple(max(axis.stride, axis.dilation) - 1 for axis in (rows, columns))
    if rows.output_padding > limits[0] or columns.output_padding > limits[1]:
        raise _too_much_added((rows.output_padding, columns.output_padding), limits)
    for axis in (rows, columns):
        if axis.output < 1:
            raise SizeError(
                f"padding {axis.before}:{axis.after} on input {axis.side}",
                f"{axis.formula()}: the padding cuts off the whole output; use a padding of at most "
                f"{(axis.output + axis.before + axis.after - 1) // 2}",
            )
    return rows, columns


def _too_much_added(added: tuple[int, ...], limits: tuple[int, ...]) -> SizeError:
    rule = "must be less than the stride or the dilation"
    if limits[0] == limits[1]:
        return SizeError(f"output padding {max(added)}", f"{rule}; use at most {limits[0]}")
    works = format_size(map(min, added, limits))
    return SizeError(
        f"output padding {format_size(dict.fromkeys(added))}",
        f"{rule} of its axis: at most {limits[0]} vertically and {limits[1]} horizontally; {works} works",
    )


def adaptive_axes(size: tuple[int, int], output: Pair = 1) -> tuple[AdaptiveAxis, AdaptiveAxis]:
    """Work out the windows of adaptive pooling, vertically and horizontally.

    Examples
    --------
    >>> [axis.spread + 1 for axis in adaptive_axes((13, 6), 6)]
    [3, 1]
    """
    rows, columns = zip(_pair(size, "input", 1), _pair(output, "output", 1), strict=True)
    return AdaptiveAxis(side=rows[0], output=rows[1]), AdaptiveAxis(side=columns[0], output=columns[1])


@overload
def output_size(
    n: int, f: int, p: int | Literal["same", "valid"] = 0, s: int = 1, d: int = 1, *, ceil: bool = False
) -> int: ...
@overload
def output_size(
    n: Pair, f: Pair, p: Padding = 0, s: Pair = 1, d: Pair = 1, *, ceil: bool = False
) -> int | tuple[int, int]: ...
def output_size(
    n: Pair, f: Pair, p: Padding = 0, s: Pair = 1, d: Pair = 1, *, ceil: bool = False
) -> int | tuple[int, int]:
    """Return the output side, ``floor((n + 2p - f_eff) / s) + 1`` with ``f_eff = d(f - 1) + 1``.

    Parameters
    ----------
    n, f, s, d : int or pair of int
        Input side, filter side, stride, dilation; a pair is ``(vertical, horizontal)``.
    p : int, pair, ``"same"``, ``"valid"`` or ``((top, bottom), (left, right))``
        Padding.
    ceil : bool
        Round up, but drop a last window that starts beyond the input and its leading padding.

    Returns
    -------
    int or (int, int)
        A pair if any argument is a pair.

    Raises
    ------
    SizeError
        No output is possible, or a value is not a whole number in range.

    Source: arXiv:1603.07285, relationships 6 and 15; ``ceil`` as in PyTorch's pooling layers.

    Examples
    --------
    >>> output_size(32, 5), output_size(7, 3, p=1, s=2), output_size((227, 320), (11, 7), s=(4, 3))
    (28, 4, (55, 105))
    """
    rows, columns = window_axes(_pair(n, "input", 1), f, padding=p, stride=s, dilation=d, ceil=ceil)
    two_sided = isinstance(p, str) and "x" in p.lower()
    if two_sided or any(isinstance(value, tuple | list) for value in (n, f, p, s, d)):
        return rows.output, columns.output
    return rows.output


def strides_and_paddings(
    n: int, f: int, want: int, d: int = 1, *, p: int | None = None, s: int | None = None
) -> Iterator[tuple[int, int]]:
    """Yield every ``(padding, stride)`` that turns side `n` into side `want`, smallest first.

    Paddings range up to ``f_eff - 1`` (beyond that, a window contains only padding), strides up to the
    smallest that leaves a single window (beyond that, nothing changes). `p` and `s` fix padding and stride.

    Raises
    ------
    SizeError
        Nothing gives `want` (the message names the nearest sides that are possible), or a side is too long to
        search.

    Examples
    --------
    >>> list(strides_and_paddings(32, 5, 32)), list(strides_and_paddings(7, 3, 4))
    ([(2, 1)], [(1, 2)])
    """
    axis = Axis(side=_whole(n, "input", 1), window=_whole(f, "filter", 1), dilation=_whole(d, "dilation", 1))
    _whole(want, "wanted side", 1)
    _whole(0 if p is None else p, "padding", 0)
    _whole(1 if s is None else s, "stride", 1)
    if max(axis.side, axis.extent) > MAX_LISTED:
        raise SizeError(f"side {max(axis.side, axis.extent)}", f"is too long to search: at most {MAX_LISTED}")
    solutions = _solutions(axis, want, p, s)
    first = next(solutions, None)
    if first is None:
        raise SizeError(f"output side {want}", _nearest_reachable(axis, want, p, s))
    return chain([first], solutions)


def _solutions(axis: Axis, want: int, p: int | None, s: int | None) -> Iterator[tuple[int, int]]:
    for padding in range(axis.extent) if p is None else (p,):
        span = axis.span + 2 * padding
        if span < 0:
            continue
        shortest, longest = span // want + 1, span // (want - 1) if want > 1 else span + 1
        if s is None:
            yield from ((padding, stride) for stride in range(shortest, longest + 1))
        elif shortest <= s and (s <= longest or want == 1):
            yield padding, s


def _nearest_reachable(axis: Axis, want: int, p: int | None, s: int | None) -> str:
    below: list[tuple[int, int, int]] = []
    above: list[tuple[int, int, int]] = []
    for padding in range(axis.extent) if p is None else (p,):
        span = axis.span + 2 * padding
        # The strides around the one that would give the wanted side, or the given one.
        around = (span // max(want - 1, 1) + 1, span // want) if s is None else (s,)
        for stride in around:
            if span >= 0 and stride > 0:
                output = span // stride + 1
                (below if output < want else above).append((output, -padding, -stride))
    found = [max(below)] if below else []
    found += [min((output, -p, -s) for output, p, s in above)] if above else []
    texts = [f"{output} (padding {abs(padding)}, stride {abs(stride)})" for output, padding, stride in found]
    given = (f" and padding {p}" if p is not None else "") + (f" and stride {s}" if s is not None else "")
    same = ", or pad one more pixel at the end, as --p same does" if want == axis.side and not given else ""
    return (
        f"cannot be reached from {axis.side} with filter {axis.window}{given} "
        f"(paddings up to {axis.extent - 1}); nearest: {' or '.join(texts) or 'none'}{same}"
    )
