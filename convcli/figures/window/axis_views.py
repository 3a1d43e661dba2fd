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
    """A range of neighboring positions; the flags mark ends beyond which positions are not drawn."""

    first: int
    last: int
    continues_before: bool = False
    continues_after: bool = False

    @property
    def positions(self) -> range:
        """All positions, in order."""
        return range(self.first, self.last + 1)

    @property
    def is_partial(self) -> bool:
        """Whether there are further positions, before or after."""
        return self.continues_before or self.continues_after

    def __len__(self) -> int:
        return self.last - self.first + 1

    def __contains__(self, position: int) -> bool:
        return self.first <= position <= self.last


@dataclass(frozen=True, kw_only=True)
class AxisView:
    """One axis of a drawing: the axis, and the visible ranges of its padded input and of its output."""

    axis: Axis
    inputs: VisibleRange
    outputs: VisibleRange

    def is_padding(self, position: int) -> bool:
        """Whether a position is padding."""
        return not 0 <= position < self.axis.side

    @property
    def unread(self) -> frozenset[int]:
        """The visible positions that no tap ever reads."""
        return frozenset(position for position in self.inputs.positions if not self.axis.is_read(position))


def axis_view(axis: Axis, output: int, max_cells: int) -> AxisView:
    """Choose the visible part of an axis: all of it, or the part around one output and its window.

    Parameters
    ----------
    axis : Axis
    output : int
        The output; it must exist.
    max_cells : int
        Maximum number of positions and outputs, unless the window is longer.

    Examples
    --------
    >>> axis_view(Axis(side=100, window=3), 50, 9).inputs
    VisibleRange(first=47, last=55, continues_before=True, continues_after=True)
    """
    first, last = axis.input_range(output)
    full_range = -axis.before, axis.side + axis.after - 1
    return AxisView(
        axis=axis,
        inputs=_centered_range(first, last, full_range, max(max_cells, last - first + 3)),
        outputs=_centered_range(output, output, (0, axis.output - 1), max_cells),
    )


def _centered_range(first: int, last: int, full_range: tuple[int, int], max_cells: int) -> VisibleRange:
    """Return the visible range, with `first` to `last` in its middle if possible."""
    count = full_range[1] - full_range[0] + 1
    if count <= max_cells:
        return VisibleRange(first=full_range[0], last=full_range[1])
    start = first - (max_cells - (last - first + 1)) // 2
    start = min(max(start, full_range[0]), full_range[1] - max_cells + 1)
    end = start + max_cells - 1
    return VisibleRange(
        first=start, last=end, continues_before=start > full_range[0], continues_after=end < full_range[1]
    )


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
                text = digits[:20] + "…" * (len(digits) > 20)
                raise SizeError(f"{name} {text}", f"is too large to draw; the limit is {MAX_SIZE}")
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
    max_cells = max(min((width - len(SEPARATOR)) // 4, MAX_TEXT_CELLS), 1)
    row_view, column_view = axis_view(rows, at[0], max_cells), axis_view(columns, at[1], max_cells)
    read_rows, read_columns = rows.positions_read(at[0]), columns.positions_read(at[1])
    unread_rows, unread_columns = row_view.unread, column_view.unread

    def symbol_at(row: int, column: int) -> str:
        padding = row_view.is_padding(row) or column_view.is_padding(column)
        if row in read_rows and column in read_columns:
            return "*" if padding else "#"
        if row in unread_rows or column in unread_columns:
            return "x"
        return "+" if padding else "."

    grids = [
        (row_view.inputs, column_view.inputs, symbol_at),
        (row_view.outputs, column_view.outputs, lambda row, column: "#" if (row, column) == at else "."),
    ]
    left, right = (
        [" ".join(symbol(row, column) for column in across.positions) for row in down.positions]
        for down, across, symbol in grids
    )
    input_range = _range_text(row_view.inputs, column_view.inputs)
    output_range = _range_text(row_view.outputs, column_view.outputs)
    headings = (
        f"input {format_size((rows.side, columns.side))}{input_range}",
        f"output {format_size((rows.output, columns.output))}{output_range}",
    )
    left_width = max(len(headings[0]), len(left[0]))
    lines = zip_longest([headings[0], *left], [headings[1], *right], fillvalue="")
    joined = [f"{first.ljust(left_width)}{SEPARATOR}{second}".rstrip() for first, second in lines]
    return joined if max(map(len, joined)) <= width else []


def _range_text(rows: VisibleRange, columns: VisibleRange) -> str:
    """Return which part is drawn, if not all of it."""
    is_partial = rows.is_partial or columns.is_partial
    return f", {rows.first}..{rows.last} x {columns.first}..{columns.last}" if is_partial else ""
