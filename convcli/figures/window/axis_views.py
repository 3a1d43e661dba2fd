"""The visible part of a sliding window: which positions of an axis are drawn, and what each of them is.

Positions are counted from the input's first pixel, so padding is below 0 and from the input's size on.
Standard library only.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from convcli.errors import SizeError
from convcli.sizes.text import format_size
from convcli.sizes.windowed import Axis

__all__ = ["AxisView", "VisibleRange", "axis_view", "check_drawable", "output_positions", "window_lines"]

MAX_SIZE = 10**9  # largest size drawn; more digits would be wider than the picture
SEPARATOR = 4 * " "  # between grids drawn as text
MAX_EXTENT = 64  # largest extent of a window, from its first tap to its last
MAX_TEXT_CELLS = 14  # cells per side of a grid drawn as text


@dataclass(frozen=True, kw_only=True)
class VisibleRange:
    """A range of neighboring positions; torn ends mark that more positions follow there."""

    first: int
    last: int
    torn_before: bool = False
    torn_after: bool = False

    @property
    def places(self) -> range:
        """All positions, in order."""
        return range(self.first, self.last + 1)

    def __len__(self) -> int:
        return self.last - self.first + 1

    def __contains__(self, place: int) -> bool:
        return self.first <= place <= self.last


@dataclass(frozen=True, kw_only=True)
class AxisView:
    """One axis of a drawing: the axis, and the visible ranges of its padded input and of its output."""

    axis: Axis
    inputs: VisibleRange
    outputs: VisibleRange

    def is_padding(self, place: int) -> bool:
        """Whether a position is padding."""
        return not 0 <= place < self.axis.side

    @property
    def unread(self) -> frozenset[int]:
        """The visible positions that no tap ever reads."""
        return frozenset(place for place in self.inputs.places if not self.axis.is_read(place))


def axis_view(axis: Axis, unit: int, most: int) -> AxisView:
    """Choose the visible part of an axis: all of it, or the part around one output and its window.

    Parameters
    ----------
    axis : Axis
    unit : int
        The output; it must exist.
    most : int
        Maximum number of positions and outputs, unless the window is longer.

    Examples
    --------
    >>> axis_view(Axis(side=100, window=3), 50, 9).inputs
    VisibleRange(first=47, last=55, torn_before=True, torn_after=True)
    """
    first, last = axis.input_range(unit)
    whole = -axis.before, axis.side + axis.after - 1
    return AxisView(
        axis=axis,
        inputs=_centered_range(first, last, whole, max(most, last - first + 3)),
        outputs=_centered_range(unit, unit, (0, axis.output - 1), most),
    )


def _centered_range(first: int, last: int, whole: tuple[int, int], most: int) -> VisibleRange:
    """Return the visible range, with `first` to `last` in its middle if possible."""
    count = whole[1] - whole[0] + 1
    if count <= most:
        return VisibleRange(first=whole[0], last=whole[1])
    start = first - (most - (last - first + 1)) // 2
    start = min(max(start, whole[0]), whole[1] - most + 1)
    end = start + most - 1
    return VisibleRange(first=start, last=end, torn_before=start > whole[0], torn_after=end < whole[1])


def check_drawable(rows: Axis, columns: Axis) -> None:
    """Check that a window can be drawn.

    Raises
    ------
    SizeError
        The window or one of the numbers is too large.

    Examples
    --------
    >>> check_drawable(Axis(side=6, window=3), Axis(side=6, window=3))
    """
    for axis in (rows, columns):
        for name, number in (
            ("input", axis.side), ("filter", axis.window), ("padding", max(axis.before, axis.after)),
            ("stride", axis.stride), ("dilation", axis.dilation),
        ):  # fmt: skip
            if number > MAX_SIZE:
                digits = str(number)
                told = digits[:20] + "…" * (len(digits) > 20)
                raise SizeError(f"{name} {told}", f"is too large to draw; the limit is {MAX_SIZE}")
    extents = rows.extent, columns.extent
    if max(extents) > MAX_EXTENT:
        raise SizeError(
            f"a window of {format_size(extents)}", f"is too large to draw; the limit is {MAX_EXTENT} per side"
        )


def output_positions(rows: Axis, columns: Axis) -> Iterator[tuple[int, int]]:
    """Yield all outputs as (row, column), row by row."""
    return ((row, column) for row in range(rows.output) for column in range(columns.output))


def window_lines(rows: Axis, columns: Axis, at: tuple[int, int], width: int) -> list[str]:
    """Draw a window as text: input and output side by side.

    Returns no lines if they would be wider than `width`, or if the window is too large for a picture.

    Pixels that the window reads are ``#``, padding that it reads ``*``; other pixels are ``.``, other padding
    ``+``; pixels that no window reads are ``x``.

    Examples
    --------
    >>> rows, columns = Axis(side=4, window=2, stride=2), Axis(side=5, window=2, stride=2)
    >>> print(*window_lines(rows, columns, (0, 1), 80), sep="\\n")
    input 4x5    output 2x2
    . . # # x    . #
    . . # # x    . .
    . . . . x
    . . . . x
    """
    try:
        check_drawable(rows, columns)
    except SizeError:
        return []
    most = max(min((width - len(SEPARATOR)) // 4, MAX_TEXT_CELLS), 1)
    one, other = axis_view(rows, at[0], most), axis_view(columns, at[1], most)
    read_rows, read_columns = rows.positions_read(at[0]), columns.positions_read(at[1])
    unread_rows, unread_columns = one.unread, other.unread

    def letter(row: int, column: int) -> str:
        padding = one.is_padding(row) or other.is_padding(column)
        if row in read_rows and column in read_columns:
            return "*" if padding else "#"
        if row in unread_rows or column in unread_columns:
            return "x"
        return "+" if padding else "."

    grids = [
        (one.inputs, other.inputs, letter),
        (one.outputs, other.outputs, lambda row, column: "#" if (row, column) == at else "."),
    ]
    left, right = (
        [" ".join(sign(row, column) for column in part.places) for row in side.places]
        for side, part, sign in grids
    )
    headings = (
        f"input {format_size((rows.side, columns.side))}{_range_text(one.inputs, other.inputs)}",
        f"output {format_size((rows.output, columns.output))}{_range_text(one.outputs, other.outputs)}",
    )
    room = max(len(headings[0]), len(left[0]))
    lines = zip_longest([headings[0], *left], [headings[1], *right], fillvalue="")
    joined = [f"{first.ljust(room)}{SEPARATOR}{second}".rstrip() for first, second in lines]
    return joined if max(map(len, joined)) <= width else []


def _range_text(rows: VisibleRange, columns: VisibleRange) -> str:
    """Return which part is drawn, if not all of it."""
    torn = (rows.torn_before, rows.torn_after, columns.torn_before, columns.torn_after)
    return f", {rows.first}..{rows.last} x {columns.first}..{columns.last}" if any(torn) else ""
