"""Drawings of a sliding window: the input with the window on it, the filter, the output."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, product, zip_longest
from typing import TYPE_CHECKING

from convcli.drawing.shapes import (
    Anchor,
    Animation,
    Drawing,
    Ink,
    Line,
    Rectangle,
    Shape,
    Text,
    left_aligned_text,
    text_width,
)
from convcli.errors import SizeError
from convcli.figures.window.axis_views import VisibleRange, axis_view, output_positions
from convcli.figures.window.captions import Captions
from convcli.figures.window.grids import INDEX_SIZE, Grid, hatching, index_texts, torn_edges
from convcli.figures.window.layout import (
    CAPTION_SIZE,
    GAP,
    INDEX_SPACES,
    LABEL_SPACE,
    LEGEND_SIZE,
    LINE_HEIGHT,
    MARGIN,
    TITLE_SIZE,
    Number,
    WindowLayout,
    holds_numbers,
)
from convcli.figures.window.pooled import pooled_shapes
from convcli.figures.window.volumes import VolumeShapes, tap_color
from convcli.sizes.axes import check_position
from convcli.sizes.text import format_size
from convcli.sizes.windowed import Axis

if TYPE_CHECKING:
    from convcli.figures.window.captions import Explained


__all__ = ["MAX_CELLS", "MAX_POSITIONS", "window_animation", "window_drawing"]

MAX_CELLS = 32  # cells per side of an animation
MAX_POSITIONS = 256  # frames of an animation
MAX_NUMBERS, MAX_WITHOUT_NUMBERS = 12, 24  # cells per side of a drawing, with and without numbers
MAX_IN_VOLUME = 8  # the same for a volume, which takes more space
MAX_MARKED = 49  # maximum number of taps that are also written into the window
END_PAUSE = 2.0  # seconds after the last frame


def window_drawing(
    rows: Axis,
    columns: Axis,
    at: tuple[int, int] = (0, 0),
    explained: "Explained | None" = None,
    *,
    pooling: str = "",
) -> Drawing:
    """Draw a sliding window at one of its positions.

    Parameters
    ----------
    rows, columns : Axis
        How the window slides.
    at : (row, column)
        Position in the output. Of a large input and output, only the part around this position is drawn.
    explained : ExplainedResult or ExplainedPooling, optional
        The values to show in the cells; without them only the geometry is drawn.
    pooling : str
        ``max`` or ``avg`` if the window pools; empty for a filter.

    Returns
    -------
    Drawing

    Raises
    ------
    SizeError
        The window is too large to draw, or the output has no such position.

    Examples
    --------
    >>> drawing = window_drawing(Axis(side=6, window=3), Axis(side=6, window=3))
    >>> drawing.title
    'A window of 3x3 slides over an input of 6x6'
    """
    check_position(rows, columns, at)
    captions = Captions(rows=rows, columns=columns, explained=explained, pooling=pooling)
    max_cells = MAX_WITHOUT_NUMBERS
    if holds_numbers(rows, columns, explained):
        max_cells = MAX_NUMBERS if captions.depth == 1 else MAX_IN_VOLUME
    layout = WindowLayout(
        rows=axis_view(rows, at[0], max_cells),
        columns=axis_view(columns, at[1], max_cells),
        explained=explained,
        pooling=pooling,
    )
    scene, caption = WindowShapes(layout), layout.caption(at)
    outputs = layout.output_positions() if layout.numbers else ()  # all results, not only those before `at`
    return Drawing(
        width=layout.width,
        height=layout.height(len(caption)),
        shapes=(
            *scene.background_shapes(len(caption)),
            *chain.from_iterable(map(scene.persistent_shapes, outputs)),
            *scene.frame(at, caption, titled=True),
            *scene.overlay_shapes(),
        ),
        title=layout.captions.title,
        description=f"{layout.captions.description} {'. '.join(layout.captions.sentences(at))}.",
    )


def window_animation(
    rows: Axis,
    columns: Axis,
    explained: "Explained | None" = None,
    *,
    pooling: str = "",
    seconds: float = 0.5,
) -> Animation:
    """Animate a sliding window over all its positions, row by row, as it fills the output.

    Parameters
    ----------
    rows, columns, explained, pooling
        As for `window_drawing`.
    seconds : float
        Time per position.

    Returns
    -------
    Animation

    Raises
    ------
    SizeError
        There are too many positions or cells for an animation.

    Examples
    --------
    >>> len(window_animation(Axis(side=6, window=3), Axis(side=5, window=3)).frames)
    12
    """
    count = rows.output * columns.output
    if count > MAX_POSITIONS:
        raise SizeError(
            f"output {format_size((rows.output, columns.output))}",
            f"has {count} positions, but an animation shows at most {MAX_POSITIONS}; use a smaller input "
            "or a larger stride, or draw one position with -o",
        )
    padded = [axis.before + axis.side + axis.after for axis in (rows, columns)]
    if max(padded) > MAX_CELLS:
        raise SizeError(
            f"input {format_size(padded)}, padding included",
            f"is too large for an animation of at most {format_size([MAX_CELLS] * 2)} cells; use a part "
            "of it, or draw one position with -o",
        )
    layout = WindowLayout(
        rows=axis_view(rows, 0, MAX_CELLS),
        columns=axis_view(columns, 0, MAX_CELLS),
        explained=explained,
        pooling=pooling,
    )
    scene = WindowShapes(layout)
    positions = list(output_positions(rows, columns))
    captions = [layout.caption(position) for position in positions]
    lines = max(map(len, captions))
    return Animation(
        width=layout.width,
        height=layout.height(lines),
        background=tuple(scene.background_shapes(lines)),
        persistent=tuple(tuple(scene.persistent_shapes(position)) for position in positions),
        frames=tuple(
            tuple(scene.frame(position, caption))
            for position, caption in zip(positions, captions, strict=True)
        ),
        overlay=tuple(scene.overlay_shapes()),
        seconds=seconds,
        pause=END_PAUSE,
        title=layout.captions.title,
        description=f"{layout.captions.description} The animation shows all {count} positions in turn.",
    )


@dataclass(frozen=True)
class WindowShapes:
    """The shapes of the drawing, in their positions."""

    layout: WindowLayout

    @cached_property
    def _volume(self) -> VolumeShapes:
        return VolumeShapes(self.layout)

    def background_shapes(self, lines: int) -> Iterator[Shape]:
        """Yield the fixed shapes: cells, taps, headings, legend, and formulas below `lines` lines."""
        inputs, _, outputs = self.layout.grids
        yield from self._volume.planes()
        for row, column in self.layout.input_positions():
            yield self._input_cell(row, column)
        yield from self._taps()
        yield from self._volume.outlines()
        yield from self._volume.slices()
        for row, column in self.layout.output_positions():
            number = "" if self.layout.numbers is None else f": {self.layout.numbers.result_at(row, column)}"
            title = f"output row {row}, column {column}{number}"
            yield outputs.cell(row, column, fill=Ink.PAPER, title=title)
        rows, columns = self.layout.rows.axis, self.layout.columns.axis
        yield from index_texts(inputs, (rows.side, columns.side), self.layout.stack)
        yield from index_texts(outputs, (rows.output, columns.output))
        yield from self._headings()
        yield from self._legend()
        for count, formula in enumerate(self.layout.formulas):
            y = self.layout.formulas_top(lines) + count * LINE_HEIGHT
            yield left_aligned_text(MARGIN, y, formula, CAPTION_SIZE, fill=Ink.FAINT)

    def _input_cell(self, row: int, column: int) -> Rectangle:
        padding = self._is_padding(row, column)
        kind = "padding, " if padding else ""
        value = None if self.layout.numbers is None else self.layout.numbers.value(row, column)
        number = "" if value is None else f": {value}"
        unread = ", never read" if self._is_unread(row, column) else ""
        title = f"{kind}row {row}, column {column}{number}{unread}"
        fill = Ink.GRAY if padding else Ink.PAPER
        return self.layout.grids.inputs.cell(row, column, fill=fill, dashed=padding, title=title)

    def _number(
        self, grid: Grid, row: int, column: int, number: Number, ink: Ink = Ink.TEXT, *, bold: bool = False
    ) -> Text:
        """Return a number in a cell."""
        font_size = self.layout.number_style.font_size
        return grid.text(row, column, self.layout.format_short(number), font_size, ink, bold=bold)

    def _is_padding(self, row: int, column: int) -> bool:
        return self.layout.rows.is_padding(row) or self.layout.columns.is_padding(column)

    def _is_unread(self, row: int, column: int) -> bool:
        return row in self._unread[0] or column in self._unread[1]

    @cached_property
    def _unread(self) -> tuple[frozenset[int], frozenset[int]]:
        return self.layout.rows.unread, self.layout.columns.unread

    def _taps(self) -> Iterator[Shape]:
        """Yield the filter: taps colored by sign, or in the window's color if no values are shown."""
        grids = self.layout.grids.taps
        filtered = self.layout.captions.filtered
        kernels = [] if filtered is None else [taps.tolist() for taps in filtered.taps[: len(grids)]]
        for number, (grid, taps) in enumerate(zip_longest(grids, kernels), 1):
            if len(grids) > 1:
                yield left_aligned_text(grid.x, grid.y - 10, f"{number}", LEGEND_SIZE, fill=Ink.FAINT)
            for row, column in product(grid.rows.positions, grid.columns.positions):
                tap = None if taps is None else taps[row][column]
                value = "" if tap is None else f": {tap}"
                name = "window" if self.layout.pooling else "filter"
                title = f"{name} row {row}, column {column}{value}"
                yield grid.cell(row, column, fill=Ink.ORANGE if tap is None else tap_color(tap), title=title)
                if tap is not None and self.layout.numbers is not None:
                    yield self._number(grid, row, column, tap)
            yield grid.frame(grid.rows.positions, grid.columns.positions, Ink.LINE)

    def _headings(self) -> Iterator[Shape]:
        """Yield the headings, and the operators between the grids."""
        inputs, taps, outputs = self.layout.grids
        middle = (inputs.y + inputs.bottom) / 2
        stack = self.layout.stack
        tops = inputs.y - stack, taps[0].y - stack - LABEL_SPACE * (len(taps) > 1), outputs.y
        for grid, top, indices, (first, second) in zip(
            (inputs, taps[0], outputs), tops, INDEX_SPACES, self.layout.captions.headings, strict=True
        ):
            y = top - indices - TITLE_SIZE / 2 - LINE_HEIGHT * bool(second)
            yield left_aligned_text(grid.x, y, first, TITLE_SIZE, bold=True)
            yield left_aligned_text(grid.x, y + LINE_HEIGHT, second, LEGEND_SIZE, fill=Ink.FAINT)
        x = taps[0].x - GAP / 2
        if self.layout.pooling:
            points = ((x - 12, middle), (x + 12, middle))
            yield Line(points=points, stroke=Ink.FAINT, thickness=2, arrow=True)
        else:
            yield Text(x=x, y=middle, text="*", size=28, fill=Ink.FAINT)
        x = outputs.x - self.layout.gutter - GAP / 2
        yield Text(x=x, y=middle, text="=", size=28, fill=Ink.FAINT)

    def _legend(self) -> Iterator[Shape]:
        x, y, side = float(MARGIN), self.layout.bottom + 28, 14
        single = VisibleRange(first=0, last=0)
        for name, box, hatched in self._legend_entries():
            swatch = Grid(x=x, y=y - side / 2, rows=single, columns=single, width=side, height=side)
            fill, stroke, dashed = box
            yield swatch.cell(0, 0, fill=fill, stroke=stroke, dashed=dashed)
            if hatched:
                yield from hatching(swatch, 0, 0)
            yield left_aligned_text(x + side + 8, y, name, LEGEND_SIZE, fill=Ink.FAINT)
            x += side + 8 + text_width(name, LEGEND_SIZE) + 22

    def _legend_entries(self) -> Iterator[tuple[str, tuple[Ink, Ink, bool], bool]]:
        yield "window and its output", (Ink.ORANGE, Ink.STRONG_ORANGE, False), False
        if self.layout.pooling == "max" and self.layout.numbers is not None:
            yield "largest value", (Ink.GREEN, Ink.STRONG_GREEN, False), False
        views = self.layout.rows, self.layout.columns
        if any(view.is_padding(position) for view in views for position in view.inputs.positions):
            yield "padding", (Ink.GRAY, Ink.LINE, True), False
        if any(self._unread):
            yield "never read", (Ink.PAPER, Ink.LINE, False), True

    def persistent_shapes(self, position: tuple[int, int]) -> Iterator[Shape]:
        """Yield what an output shows after the window has passed."""
        outputs = self.layout.grids.outputs
        if self.layout.numbers is None:
            yield outputs.cell(*position, fill=Ink.GREEN)
        else:
            yield self._number(outputs, *position, self.layout.numbers.result_at(*position))

    def frame(
        self, position: tuple[int, int], caption: list[str], *, titled: bool = False
    ) -> Iterator[Shape]:
        """Yield the shapes of one position: window, output and caption; with hover titles if `titled`."""
        inputs, _, outputs = self.layout.grids
        rows = self.layout.rows.axis.positions_read(position[0])
        columns = self.layout.columns.axis.positions_read(position[1])
        marks = self._marks()
        yield from self._volume.window(rows, columns)
        for (number_row, row), (number_column, column) in product(enumerate(rows), enumerate(columns)):
            padding = self._is_padding(row, column)
            title = f"window, row {row}, column {column}" if titled else ""
            yield inputs.cell(row, column, fill=Ink.ORANGE, dashed=padding, title=title)
            if marks is not None:
                yield self._mark(row, column, marks[number_row][number_column])
        yield inputs.frame(rows, columns, Ink.STRONG_ORANGE)
        yield from self._volume.patches(position)
        yield from pooled_shapes(self.layout, position)
        yield outputs.cell(
            *position,
            fill=Ink.ORANGE,
            title=f"window, output row {position[0]}, column {position[1]}" if titled else "",
        )
        if self.layout.numbers is not None:
            yield self._number(outputs, *position, self.layout.numbers.result_at(*position), bold=True)
        row, column = position
        yield outputs.frame(range(row, row + 1), range(column, column + 1), Ink.STRONG_ORANGE)
        for count, line in enumerate(caption):
            y = self.layout.caption_top + count * LINE_HEIGHT
            yield left_aligned_text(MARGIN, y, line, CAPTION_SIZE)

    def _marks(self) -> list[list[Number]] | None:
        """Return the taps to write into the window: those of a single, small kernel."""
        filtered = None if self.layout.numbers is None else self.layout.captions.filtered
        if filtered is None or len(filtered.taps) > 1 or filtered.taps[0].size > MAX_MARKED:
            return None
        taps: list[list[Number]] = filtered.taps[0].tolist()
        return taps

    def _mark(self, row: int, column: int, tap: Number) -> Text:
        grid = self.layout.grids.inputs
        x, y = grid.corner(row, column)
        ink = Ink.FAINT if tap == 0 else Ink.STRONG_RED if tap > 0 else Ink.STRONG_BLUE
        text = f"×{self.layout.format_short(tap)}"
        x, y = x + grid.width - 4, y + grid.height - 7
        return Text(x=x, y=y, text=text, size=INDEX_SIZE, fill=ink, anchor=Anchor.END)

    def overlay_shapes(self) -> Iterator[Shape]:
        """Yield the shapes above the window: values, hatching of pixels never read, torn edges."""
        inputs, _, outputs = self.layout.grids
        for row, column in self.layout.input_positions():
            if self._is_unread(row, column):
                yield from hatching(inputs, row, column)
            if self.layout.numbers is not None:
                padding = self._is_padding(row, column)
                faint = padding or self._is_unread(row, column)
                value = self.layout.numbers.value(row, column)
                if value is not None:
                    yield self._number(inputs, row, column, value, Ink.FAINT if faint else Ink.TEXT)
        yield from torn_edges(inputs)
        yield from torn_edges(outputs)
