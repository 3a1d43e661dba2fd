"""What is seen of a sliding window: which places of an axis are drawn, and what each of them is.

Places are counted from the input's first pixel, so the padding lies below 0 and from the input's side on.
Standard library only.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from convcli.errors import SizeError
from convcli.size_texts import format_size
from convcli.sizes import Axis

__all__ = [
    "Lane",
    "Part",
    "check_drawable",
    "check_position",
    "lane",
    "positions",
    "window_lines",
]

LONGEST = 10**9  # of what is drawn; more digits would be wider than the picture
SPACE = 4 * " "  # between grids in letters
MOST_READ = 64  # places from a window's first tap to its last
MOST_LETTERS = 14  # on a side of what is drawn in letters


@dataclass(frozen=True, kw_only=True)
class Part:
    """Neighbours of which more may lie before and after."""

    first: int
    last: int
    torn_before: bool = False
    torn_after: bool = False

    @property
    def places(self) -> range:
        """All of them, in order."""
        return range(self.first, self.last + 1)

    def __len__(self) -> int:
        return self.last - self.first + 1

    def __contains__(self, place: int) -> bool:
        return self.first <= place <= self.last


@dataclass(frozen=True, kw_only=True)
class Lane:
    """One axis of a drawing: the axis, and what is drawn of its input with the padding, and of its output."""

    axis: Axis
    inputs: Part
    outputs: Part

    def is_padding(self, place: int) -> bool:
        """Whether a place lies on the padding."""
        return not 0 <= place < self.axis.side

    @property
    def unread(self) -> frozenset[int]:
        """The places among those drawn that no tap ever reads."""
        return frozenset(place for place in self.inputs.places if not self.axis.is_read(place))


def lane(axis: Axis, unit: int, most: int) -> Lane:
    """Choose what is drawn of an axis: all, or what lies around one output and the places that it reads.

    Parameters
    ----------
    axis : Axis
    unit : int
        The output; there must be such a one.
    most : int
        Places and outputs that are drawn at most, unless the window is longer than that.

    Examples
    --------
    >>> lane(Axis(side=100, window=3), 50, 9).inputs
    Part(first=47, last=55, torn_before=True, torn_after=True)
    """
    first, last = axis.reads(unit)
    whole = -axis.before, axis.side + axis.after - 1
    return Lane(
        axis=axis,
        inputs=_around(first, last, whole, max(most, last - first + 3)),
        outputs=_around(unit, unit, (0, axis.output - 1), most),
    )


def _around(first: int, last: int, whole: tuple[int, int], most: int) -> Part:
    """Return what is drawn, so that what lies from first to last stands in its middle where it can."""
    count = whole[1] - whole[0] + 1
    if count <= most:
        return Part(first=whole[0], last=whole[1])
    start = first - (most - (last - first + 1)) // 2
    start = min(max(start, whole[0]), whole[1] - most + 1)
    end = start + most - 1
    return Part(first=start, last=end, torn_before=start > whole[0], torn_after=end < whole[1])


def check_drawable(rows: Axis, columns: Axis) -> None:
    """Check that a window can be drawn.

    Raises
    ------
    SizeError
        It is too large, or a number is.

    Examples
    --------
    >>> check_drawable(Axis(side=6, window=3), Axis(side=6, window=3))
    """
    for axis in (rows, columns):
        for name, number in (
            ("input", axis.side), ("filter", axis.window), ("padding", max(axis.before, axis.after)),
            ("stride", axis.stride), ("dilation", axis.dilation),
        ):  # fmt: skip
            if number > LONGEST:
                digits = str(number)
                told = digits[:20] + "…" * (len(digits) > 20)
                raise SizeError(f"{name} {told}", f"is too large to be drawn: at most {LONGEST}")
    extents = rows.extent, columns.extent
    if max(extents) > MOST_READ:
        raise SizeError(
            f"a window of {format_size(extents)}", f"is too large to be drawn: at most {MOST_READ} on a side"
        )


def check_position(rows: Axis, columns: Axis, at: tuple[int, int]) -> None:
    """Check that a result has a pixel.

    Parameters
    ----------
    rows, columns : Axis
    at : (row, column)

    Raises
    ------
    SizeError
        It has not.
    """
    if not (0 <= at[0] < rows.output and 0 <= at[1] < columns.output):
        size = format_size((rows.output, columns.output))
        raise SizeError(f"row {at[0]}, column {at[1]}", f"is outside the result of {size}, counted from 0")


def positions(rows: Axis, columns: Axis) -> Iterator[tuple[int, int]]:
    """Yield all outputs, (row, column), row by row."""
    return ((row, column) for row in range(rows.output) for column in range(columns.output))


def window_lines(rows: Axis, columns: Axis, at: tuple[int, int], width: int) -> list[str]:
    """Draw a window in letters: input and output side by side.

    None are drawn where they are wider than `width`, or where no picture could be drawn, either.

    What the window reads is ``#``, on the padding ``*``; the rest of the input is ``.``, of the padding
    ``+``; what no window reads is ``x``.

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
    most = max(min((width - len(SPACE)) // 4, MOST_LETTERS), 1)
    one, other = lane(rows, at[0], most), lane(columns, at[1], most)
    read_rows, read_columns = rows.places_read(at[0]), columns.places_read(at[1])
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
    joined = [f"{first.ljust(room)}{SPACE}{second}".rstrip() for first, second in lines]
    return joined if max(map(len, joined)) <= width else []


def _range_text(rows: Part, columns: Part) -> str:
    """Say which part is drawn, if it is not the whole."""
    torn = (rows.torn_before, rows.torn_after, columns.torn_before, columns.torn_after)
    return f", {rows.first}..{rows.last} x {columns.first}..{columns.last}" if any(torn) else ""
