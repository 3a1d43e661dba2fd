"""The axes of a window sliding over an image, from sizes, paddings and strides as typed."""

from __future__ import annotations

import operator
from typing import Literal, overload

from convcli.errors import SizeError
from convcli.sizes.adaptive import AdaptiveAxis
from convcli.sizes.text import MAX_DIGITS, NamedPadding, PaddingAmounts, format_size, parse_padding
from convcli.sizes.transposed import TransposedAxis
from convcli.sizes.windowed import Axis

__all__ = [
    "Padding",
    "Pair",
    "adaptive_axes",
    "as_amounts",
    "as_pair",
    "check_position",
    "output_size",
    "pooling_axes",
    "transposed_axes",
    "whole_number",
    "window_axes",
]

Pair = int | tuple[int, int]
"""One number for both axes, or ``(vertical, horizontal)``."""

Padding = str | Pair | PaddingAmounts
"""An amount of padding: ``"same"``, ``"valid"``, a number, a pair, or ``((top, bottom), (left, right))``."""


DIRECTIONS = ("vertically", "horizontally")


def as_pair(value: object, name: str, minimum: int) -> tuple[int, int]:
    """Check a number or a pair of numbers, and return ``(vertical, horizontal)``."""
    values = value if isinstance(value, tuple | list) else (value, value)
    if len(values) != 2:
        raise SizeError(f"{name} {value}", "must be one number, or a pair (vertical, horizontal)")
    vertical, horizontal = (whole_number(number, name, minimum) for number in values)
    return vertical, horizontal


def whole_number(number: object, name: str, minimum: int) -> int:
    """Return a whole number of at least `minimum`, or raise `SizeError` with its name."""
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
) -> PaddingAmounts:
    amounts = as_amounts(padding)
    if not isinstance(amounts, NamedPadding):
        return amounts
    if amounts == NamedPadding.VALID:
        return (0, 0), (0, 0)
    vertical, horizontal = (
        _split_padding(max((-(-n // s) - 1) * s + e - n, 0), amounts)
        for n, e, s in zip(side, extent, stride, strict=True)
    )
    return vertical, horizontal


def as_amounts(padding: Padding) -> NamedPadding | PaddingAmounts:
    """Check a padding and return its name, or its amounts ``((top, bottom), (left, right))``."""
    if isinstance(padding, str):
        padding = parse_padding(padding)
    if isinstance(padding, NamedPadding):
        return padding
    nested = isinstance(padding, tuple | list) and any(isinstance(part, tuple | list) for part in padding)
    if nested and len(padding) != 2:  # type: ignore[arg-type] # a nested one is a tuple
        raise SizeError(f"padding {padding}", "must be ((top, bottom), (left, right))")
    sides = padding if nested else as_pair(padding, "padding", 0)
    return as_pair(sides[0], "padding", 0), as_pair(sides[1], "padding", 0)  # type: ignore[index]


def _geometry(size: Pair, window: Pair, stride: Pair, dilation: Pair) -> tuple[tuple[int, int], ...]:
    """Check sizes; return sides, windows, strides, dilations and extents, each vertical and horizontal."""
    named = (size, "input"), (window, "filter"), (stride, "stride"), (dilation, "dilation")
    sides, windows, strides, dilations = (as_pair(value, name, 1) for value, name in named)
    extents = dilations[0] * (windows[0] - 1) + 1, dilations[1] * (windows[1] - 1) + 1
    return sides, windows, strides, dilations, extents


def _split_padding(total: int, padding: NamedPadding) -> tuple[int, int]:
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
    sides, windows, strides, dilations, extents = _geometry(size, window, stride, dilation)
    amounts = _paddings(padding, sides, extents, strides)
    rows, columns = (
        Axis(side=n, window=f, before=before, after=after, stride=s, dilation=d, ceil=ceil)
        for n, f, (before, after), s, d in zip(sides, windows, amounts, strides, dilations, strict=True)
    )
    for axis in (rows, columns):
        if axis.output < 1:
            raise _fit_error(axis)
    return rows, columns


def _fit_error(axis: Axis) -> SizeError:
    padded = axis.side + axis.before + axis.after
    largest = max((padded - 1) // axis.dilation + 1, 1)
    symmetric = -(-(axis.extent - axis.side) // 2)
    return SizeError(
        f"filter {axis.window} on input {axis.side}",
        f"gives {axis.formula()}, because the filter is larger than the padded input "
        f"({axis.extent} > {padded}); use a padding of at least {symmetric} or a filter of at most {largest}",
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
    for axis, direction in zip(axes, DIRECTIONS, strict=True):
        if max(axis.before, axis.after) > axis.window // 2:
            where = f" {direction}" if axes[0].window != axes[1].window else ""
            raise SizeError(
                f"padding {max(axis.before, axis.after)}",
                f"is more than half the window of {axis.window}{where}, so a window could contain only "
                f"padding; use at most {axis.window // 2}{where}",
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
    """Work out how a transposed convolution adds up its windows, vertically and horizontally.

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
    sides, windows, strides, dilations, extents = _geometry(size, window, stride, dilation)
    added = as_pair(output_padding, "output padding", 0)
    if isinstance(padding, str):
        padding = parse_padding(padding)
    if isinstance(padding, NamedPadding) and padding != NamedPadding.VALID:
        if any(added):
            raise SizeError(
                f"output padding {format_size(added)}", f"needs a padding given as a number, not {padding}"
            )
        added = max(strides[0] - extents[0], 0), max(strides[1] - extents[1], 0)
        cut = [
            _split_padding(max(extent - stride, 0), padding)
            for extent, stride in zip(extents, strides, strict=True)
        ]
        padding = cut[0], cut[1]
    amounts = _paddings(padding, sides, extents, strides)
    rows, columns = (
        TransposedAxis(side=n, window=f, before=before, after=after, stride=s, dilation=d, output_padding=op)
        for n, f, (before, after), s, d, op in zip(
            sides, windows, amounts, strides, dilations, added, strict=True
        )
    )
    limits = tuple(max(axis.stride, axis.dilation) - 1 for axis in (rows, columns))
    if rows.output_padding > limits[0] or columns.output_padding > limits[1]:
        raise _output_padding_error((rows.output_padding, columns.output_padding), limits)
    for axis in (rows, columns):
        if axis.output < 1:
            raise SizeError(
                f"padding {axis.before}:{axis.after} on input {axis.side}",
                f"gives {axis.formula()}, because the padding cuts off the whole output; use a padding "
                f"of at most {(axis.output + axis.before + axis.after - 1) // 2}",
            )
    return rows, columns


def _output_padding_error(added: tuple[int, ...], limits: tuple[int, ...]) -> SizeError:
    rule = "must be less than the stride or the dilation"
    if limits[0] == limits[1]:
        where = f" {DIRECTIONS[added.index(max(added))]}" if added[0] != added[1] else ""
        return SizeError(f"output padding {max(added)}{where}", f"{rule}; use at most {limits[0]}")
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
    rows, columns = zip(as_pair(size, "input", 1), as_pair(output, "output", 1), strict=True)
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
    >>> import convcli
    >>> convcli.output_size(32, 5), convcli.output_size(7, 3, p=1, s=2)
    (28, 4)
    >>> convcli.output_size((227, 320), (11, 7), s=(4, 3))
    (55, 105)
    """
    rows, columns = window_axes(as_pair(n, "input", 1), f, padding=p, stride=s, dilation=d, ceil=ceil)
    two_sided = isinstance(p, str) and "x" in p.lower()
    if two_sided or any(isinstance(value, tuple | list) for value in (n, f, p, s, d)):
        return rows.output, columns.output
    return rows.output


def check_position(rows: Axis, columns: Axis, at: tuple[int, int]) -> None:
    """Check that a result has a pixel at a position.

    Parameters
    ----------
    rows, columns : Axis
    at : (row, column)

    Raises
    ------
    SizeError
        The position is outside the result.
    """
    if not (0 <= at[0] < rows.output and 0 <= at[1] < columns.output):
        size = format_size((rows.output, columns.output))
        raise SizeError(
            f"row {at[0]}, column {at[1]}",
            f"is outside the {size} result; rows and columns are counted from 0",
        )
