"""Grids of cells for drawings of windows: boxes, texts, frames, hatching, torn edges."""

from collections.abc import Iterator
from dataclasses import dataclass

from convcli.drawing.shapes import Anchor, Ink, Line, Rectangle, Shape, Text, text_width
from convcli.figures.window.axis_views import VisibleRange

__all__ = ["INDEX_SIZE", "TEAR_REACH", "Grid", "hatching", "index_texts", "torn_edges"]

INDEX_SIZE = 9  # font size of row and column numbers
JAG_SIZE, TEAR_WIDTH = 3, 6  # amplitude of a torn edge, and width of the paper below its line
TEAR_REACH = JAG_SIZE + TEAR_WIDTH / 2  # how far a torn edge reaches into a cell


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Cells in rows and columns."""

    x: float
    y: float
    rows: VisibleRange
    columns: VisibleRange
    width: float  # width and height of a cell
    height: float

    def corner(self, row: int, column: int) -> tuple[float, float]:
        """Return the upper left corner of a cell."""
        across, down = column - self.columns.first, row - self.rows.first
        return self.x + across * self.width, self.y + down * self.height

    def cell(
        self,
        row: int,
        column: int,
        *,
        fill: Ink | None,
        stroke: Ink = Ink.LINE,
        dashed: bool = False,
        title: str = "",
    ) -> Rectangle:
        """Return the box of a cell; a dashed box is a bit smaller, as two dashed lines would look solid."""
        x, y = self.corner(row, column)
        inset = min(1.5, self.width / 8) if dashed else 0
        return Rectangle(
            x=x + inset, y=y + inset, width=self.width - 2 * inset, height=self.height - 2 * inset,
            fill=fill, stroke=stroke, dashed=dashed, title=title,
        )  # fmt: skip

    def text(
        self, row: int, column: int, text: str, size: float, ink: Ink = Ink.TEXT, *, bold: bool = False
    ) -> Text:
        """Return a text centered in a cell."""
        x, y = self.corner(row, column)
        return Text(x=x + self.width / 2, y=y + self.height / 2, text=text, size=size, fill=ink, bold=bold)

    def frame(self, rows: range, columns: range, ink: Ink) -> Rectangle:
        """Return the frame of several cells."""
        x, y = self.corner(rows[0], columns[0])
        return Rectangle(
            x=x, y=y, width=(columns[-1] - columns[0] + 1) * self.width,
            height=(rows[-1] - rows[0] + 1) * self.height, stroke=ink, thickness=3, radius=2,
        )  # fmt: skip

    @property
    def right(self) -> float:
        """The right edge."""
        return self.x + len(self.columns) * self.width

    @property
    def bottom(self) -> float:
        """The bottom edge."""
        return self.y + len(self.rows) * self.height


def index_texts(grid: Grid, limits: tuple[int, int], stack: float = 0) -> Iterator[Shape]:
    """Yield row and column numbers, without those of the padding; some are left out if space is short.

    `stack` is how far planes reach behind the grid; column numbers are then below it, beside no other plane.
    """
    unpadded = [position for position in grid.columns.positions if 0 <= position < limits[1]]
    step = int((text_width(f"{unpadded[-1]}", INDEX_SIZE) + 3) // grid.width) + 1 if unpadded else 1
    y = grid.bottom + TEAR_REACH + 8 if stack else grid.y - 9
    for position in unpadded[::step]:
        x, _ = grid.corner(grid.rows.first, position)
        yield Text(x=x + grid.width / 2, y=y, text=f"{position}", size=INDEX_SIZE, fill=Ink.FAINT)
    unpadded = [position for position in grid.rows.positions if 0 <= position < limits[0]]
    step = int(INDEX_SIZE // grid.height) + 1
    for position in unpadded[::step]:
        _, y = grid.corner(position, grid.columns.first)
        yield Text(
            x=grid.x - 6,
            y=y + grid.height / 2,
            text=f"{position}",
            size=INDEX_SIZE,
            fill=Ink.FAINT,
            anchor=Anchor.END,
        )


def hatching(grid: Grid, row: int, column: int) -> Iterator[Line]:
    """Yield the hatching of a cell that is never read."""
    x, y = grid.corner(row, column)
    width, height = grid.width, grid.height
    for start, end in (
        ((0, height / 2), (width / 2, 0)),
        ((0, height), (width, 0)),
        ((width / 2, height), (width, height / 2)),
    ):
        yield Line(points=((x + start[0], y + start[1]), (x + end[0], y + end[1])))


def torn_edges(grid: Grid) -> Iterator[Line]:
    """Yield jagged lines along edges beyond which cells are not drawn."""
    for torn, x in ((grid.columns.continues_before, grid.x), (grid.columns.continues_after, grid.right)):
        if torn:
            points = _jags(grid.y, grid.bottom, x)
            yield from _tear(tuple((across, along) for along, across in points))
    for torn, y in ((grid.rows.continues_before, grid.y), (grid.rows.continues_after, grid.bottom)):
        if torn:
            yield from _tear(_jags(grid.x, grid.right, y))


def _jags(start: float, end: float, across: float) -> tuple[tuple[float, float], ...]:
    count = max(2, round((end - start) / 8))
    return tuple(
        (start + (end - start) * number / count, across + (JAG_SIZE if number % 2 else -JAG_SIZE))
        for number in range(count + 1)
    )


def _tear(points: tuple[tuple[float, float], ...]) -> Iterator[Line]:
    yield Line(points=points, stroke=Ink.PAPER, thickness=TEAR_WIDTH)
    yield Line(points=points, stroke=Ink.FAINT)
