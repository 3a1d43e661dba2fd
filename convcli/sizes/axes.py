"""The axes of a window sliding over a sound, an image or a volume, from values as typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, overload

from convcli.errors import SizeError
from convcli.sizes.per_axis import (
    Padding,
    Pair,
    PerAxis,
    as_amounts,
    as_pair,
    axis_names,
    direction,
    per_axis,
)
from convcli.sizes.text import NamedPadding, PaddingAmounts, format_size, joined_if_different, parse_padding
from convcli.sizes.windowed import Axis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcli.sizes.adaptive import AdaptiveAxis
    from convcli.sizes.transposed import TransposedAxis

__all__ = [
    "adaptive_axes",
    "check_position",
    "output_size",
    "pooling_axes",
    "size_formulas",
    "transposed_axes",
    "window_axes",
]

MAX_EQUATION = 70  # characters of a formula in symbols and in numbers that stand in one line


def _split_padding(total: int, padding: NamedPadding) -> tuple[int, int]:
    """Split padding between both ends."""
    less, more = total // 2, -(-total // 2)
    return (more, less) if padding == NamedPadding.SAME_LOWER else (less, more)


class _Geometry:
    """Checked sizes: sides, windows, strides, dilations and extents, one per axis."""

    def __init__(self, size: PerAxis, window: PerAxis, stride: PerAxis, dilation: PerAxis) -> None:
        self.rank = rank = len(size) if isinstance(size, tuple | list) else 2
        self.sides = per_axis(size, "input", 1, rank)
        self.windows = per_axis(window, "filter", 1, rank)
        self.strides = per_axis(stride, "stride", 1, rank)
        self.dilations = per_axis(dilation, "dilation", 1, rank)
        self.extents = [d * (f - 1) + 1 for f, d in zip(self.windows, self.dilations, strict=True)]

    def paddings(self, padding: Padding) -> PaddingAmounts:
        """Return the amounts of a padding at the start and at the end of each axis."""
        amounts = as_amounts(padding, self.rank)
        if not isinstance(amounts, NamedPadding):
            return amounts
        if amounts == NamedPadding.VALID:
            return ((0, 0),) * self.rank
        return tuple(
            [
                _split_padding(max((-(-n // s) - 1) * s + e - n, 0), amounts)
                for n, e, s in zip(self.sides, self.extents, self.strides, strict=True)
            ]
        )


def window_axes(
    size: PerAxis,
    window: PerAxis,
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    ceil: bool = False,
) -> tuple[Axis, ...]:
    """Work out how a filter slides over an image, vertically and horizontally; or over a sound or a volume.

    Parameters
    ----------
    size : tuple of int
        The sides of the input: rows and columns; one number for a sound, three for a volume.
    window, stride, dilation : int or tuple of int
        Filter side, step, distance between taps: one number, or one per axis.
    padding : str, int, tuple of int or tuple of pairs
        ``"valid"``: none. ``"same"``: the output has ``ceil(n / s)`` pixels, and an odd pixel is added at the
        end. A number, or one per axis: both sides. ``((top, bottom), (left, right))``: each.
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
    >>> [axis.output for axis in window_axes((16, 112, 112), (3, 7, 7), stride=(1, 2, 2), padding=(1, 3, 3))]
    [16, 56, 56]
    """
    given = _Geometry(size, window, stride, dilation)
    axes = tuple(
        [
            Axis(n, f, before, after, s, d, ceil)
            for n, f, (before, after), s, d in zip(
                given.sides, given.windows, given.paddings(padding), given.strides, given.dilations,
                strict=True,
            )
        ]
    )  # fmt: skip
    for axis in axes:
        if axis.output < 1:
            raise _fit_error(axis, _side_name(axes, axes.index(axis)))
    return axes


def _side_name(axes: Sequence[object], index: int) -> str:
    """Return the direction of an axis; of the two of an image, the numbers say which it is."""
    return direction(axes, index) if len(axes) > 2 else ""


def _fit_error(axis: Axis, where: str) -> SizeError:
    padded = axis.side + axis.before + axis.after
    largest = max((padded - 1) // axis.dilation + 1, 1)
    symmetric = -(-(axis.extent - axis.side) // 2)
    return SizeError(
        f"filter {axis.window} on input {axis.side}{where}",
        f"gives {axis.formula()}, because the filter is larger than the padded input "
        f"({axis.extent} > {padded}); use a padding of at least {symmetric} or a filter of at most {largest}",
    )


def pooling_axes(
    size: PerAxis,
    window: PerAxis,
    *,
    stride: PerAxis | None = None,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    ceil: bool = False,
) -> tuple[Axis, ...]:
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
    for index, axis in enumerate(axes):
        if max(axis.before, axis.after) > axis.window // 2:
            where = direction([axis.window for axis in axes], index)
            raise SizeError(
                f"padding {max(axis.before, axis.after)}",
                f"is more than half the window of {axis.window}{where}, so a window could contain only "
                f"padding; use at most {axis.window // 2}{where}",
            )
    return axes


def transposed_axes(
    size: PerAxis,
    window: PerAxis,
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    output_padding: PerAxis = 0,
) -> tuple[TransposedAxis, ...]:
    """Work out how a transposed convolution adds up its windows along each axis.

    Parameters
    ----------
    size, window, stride, dilation
        As for `window_axes`.
    padding
        What is cut off. ``"same"``: the output has ``n s`` pixels, as in TensorFlow.
    output_padding : int or tuple of int
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
    from convcli.sizes.transposed import TransposedAxis  # late: pictures need none of it

    given = _Geometry(size, window, stride, dilation)
    added = per_axis(output_padding, "output padding", 0, given.rank)
    if isinstance(padding, str):
        padding = parse_padding(padding)
    if isinstance(padding, NamedPadding) and padding != NamedPadding.VALID:
        if any(added):
            raise SizeError(
                f"output padding {format_size(added)}", f"needs a padding given as a number, not {padding}"
            )
        steps = list(zip(given.strides, given.extents, strict=True))
        added = tuple(max(stride - extent, 0) for stride, extent in steps)
        padding = tuple(_split_padding(max(extent - stride, 0), padding) for stride, extent in steps)
    axes = tuple(
        TransposedAxis(n, f, before, after, s, d, op)
        for n, f, (before, after), s, d, op in zip(
            given.sides, given.windows, given.paddings(padding), given.strides, given.dilations, added,
            strict=True,
        )
    )  # fmt: skip
    if any(axis.output_padding > max(axis.stride, axis.dilation) - 1 for axis in axes):
        raise _output_padding_error(axes)
    for index, axis in enumerate(axes):
        if axis.output < 1:
            raise SizeError(
                f"padding {axis.before}:{axis.after} on input {axis.side}{_side_name(axes, index)}",
                f"gives {axis.formula()}, because the padding cuts off the whole output; use a padding "
                f"of at most {(axis.output + axis.before + axis.after - 1) // 2}",
            )
    return axes


def _output_padding_error(axes: Sequence[TransposedAxis]) -> SizeError:
    added = [axis.output_padding for axis in axes]
    limits = [max(axis.stride, axis.dilation) - 1 for axis in axes]
    rule = "must be less than the stride or the dilation"
    if len(set(limits)) == 1:
        where = direction(added, added.index(max(added)))
        return SizeError(f"output padding {max(added)}{where}", f"{rule}; use at most {limits[0]}")
    each = " and ".join(f"{limit}{direction(limits, index)}" for index, limit in enumerate(limits))
    works = format_size(map(min, added, limits))
    return SizeError(
        f"output padding {joined_if_different(map(str, added))}",
        f"{rule} of its axis: at most {each}; {works} works",
    )


def adaptive_axes(size: PerAxis, output: PerAxis = 1) -> tuple[AdaptiveAxis, ...]:
    """Work out the windows of adaptive pooling along each axis.

    Examples
    --------
    >>> [axis.spread + 1 for axis in adaptive_axes((13, 6), 6)]
    [3, 1]
    """
    from convcli.sizes.adaptive import AdaptiveAxis  # late, as above

    rank = len(size) if isinstance(size, tuple | list) else 2
    outputs = per_axis(output, "output", 1, rank)
    return tuple(map(AdaptiveAxis, per_axis(size, "input", 1, rank), outputs))


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


def size_formulas(axes: Sequence[Axis]) -> list[tuple[str, str]]:
    """Return the formula of the output size as names and texts: in symbols once, then in numbers.

    Examples
    --------
    >>> size_formulas([Axis(side=32, window=5)] * 2)
    [('side', 'floor((n + 2p - f)/s) + 1 = floor((32 + 2·0 - 5)/1) + 1 = 28')]
    >>> for name, text in size_formulas([Axis(side=6, window=3), Axis(side=9, window=3)]):
    ...     print(name, text)
    side floor((n + 2p - f)/s) + 1
    height floor((6 + 2·0 - 3)/1) + 1 = 4
    width floor((9 + 2·0 - 3)/1) + 1 = 7
    """
    names = axis_names(len(axes))
    symbols, formulas = [axis.symbols() for axis in axes], [axis.formula() for axis in axes]
    if len(set(symbols)) > 1:
        rows = zip(names, symbols, formulas, strict=True)
        return [line for row in rows for line in _equation_lines(*row)]
    if len(set(formulas)) == 1:
        return _equation_lines("side" if len(axes) > 1 else names[0], symbols[0], formulas[0])
    return [("side", symbols[0]), *zip(names, formulas, strict=True)]


def _equation_lines(name: str, symbols: str, formula: str) -> list[tuple[str, str]]:
    equation = f"{symbols} = {formula}"
    return [(name, equation)] if len(equation) <= MAX_EQUATION else [(name, symbols), ("", f"= {formula}")]
