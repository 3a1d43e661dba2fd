"""How often a sliding window reads each pixel: the reason for padding, and against some strides."""

from dataclasses import dataclass
from functools import cached_property

from convcli.errors import SizeError
from convcli.sizes.text import format_size
from convcli.sizes.windowed import Axis

__all__ = ["ReadCounts"]

MAX_SIDE = 2000  # of an input whose pixels are counted one by one


@dataclass(frozen=True)
class ReadCounts:
    """How often each pixel of an input is read.

    Attributes
    ----------
    rows, columns : Axis
        How the window slides.

    Raises
    ------
    SizeError
        There are too many pixels to count.

    Examples
    --------
    >>> counts = ReadCounts(Axis(side=6, window=3), Axis(side=6, window=3))
    >>> counts.corner, counts.most, counts.unread
    (1, 9, 0)
    >>> ReadCounts(Axis(side=4, window=2, stride=3), Axis(side=4, window=2, stride=3)).matrix
    [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    """

    rows: Axis
    columns: Axis

    def __post_init__(self) -> None:
        sides = self.rows.side, self.columns.side
        if max(sides) > MAX_SIDE or not (self.rows.countable and self.columns.countable):
            raise SizeError(
                f"input {format_size(sides)}",
                f"is too large to count reads; the limit is {MAX_SIDE} per side",
            )

    @cached_property
    def by_row(self) -> list[int]:
        """How often each row is read, in one column of windows."""
        return self.rows.read_counts()

    @cached_property
    def by_column(self) -> list[int]:
        """The same for each column."""
        return self.columns.read_counts()

    @property
    def matrix(self) -> list[list[int]]:
        """How often each pixel is read: the row's count times the column's."""
        return [[down * across for across in self.by_column] for down in self.by_row]

    @property
    def corner(self) -> int:
        """How often the upper left pixel is read."""
        return self.by_row[0] * self.by_column[0]

    @property
    def most(self) -> int:
        """How often the pixels are read that are read the most."""
        return max(self.by_row) * max(self.by_column)

    @property
    def most_count(self) -> int:
        """How many pixels are read that often."""
        if self.most == 0:
            return self.unread
        return self.by_row.count(max(self.by_row)) * self.by_column.count(max(self.by_column))

    @property
    def pixels(self) -> int:
        """The number of pixels."""
        return self.rows.side * self.columns.side

    @property
    def unread(self) -> int:
        """The number of pixels that are never read."""
        read = [sum(count > 0 for count in counts) for counts in (self.by_row, self.by_column)]
        return self.pixels - read[0] * read[1]
