"""The sliding window drawn: the input with the window on it, the filter, the output."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product, zip_longest
from textwrap import wrap
from typing import TYPE_CHECKING, NamedTuple

from convcli.drawing import (
    LETTER,
    Anchor,
    Animation,
    Drawing,
    Ink,
    Rectangle,
    Shape,
    Text,
    text_width,
)
from convcli.errors import SizeError
from convcli.grids import INDEX_SIZE, TEAR, Grid, hatching, index_texts, torn_edges
from convcli.size_texts import format_size
from convcli.sizes import Axis
from convcli.window_words import Words
from convcli.windows import Lane, Part, check_drawable, check_position, lane, positions

if TYPE_CHECKING:
    from convcli.explaining import Explained

__all__ = ["MOST_CELLS", "MOST_POSITIONS", "sliding_animation", "sliding_drawing"]

MOST_CELLS = 32  # on a side of an animation
MOST_POSITIONS = 256  # of an animation
MOST_NUMBERS, MOST_EMPTY = 12, 24  # cells on a side of a drawing, with and without numbers
MOST_WITH_NUMBERS = (15, 20)  # taps on a side, and places from first to last, that numbers are written into
MOST_MARKED = 49  # taps that are written into the window, too
STACK = 4  # kernels one below the other
PAUSE = 2.0  # seconds after the last frame

MARGIN, GAP = 24, 52
TITLE, LEGEND, CAPTION = 15, 12, 13
INDICES = 20, 8, 20  # room for the numbers of columns above input, filter and output
LABEL = 20  # room for the number of a kernel
LINE = 19  # from one line of a caption to the next
CAPTION_WIDTHS = 650, 860  # at least, and what a formula may ask for
WIDEST = 7  # signs of a number in a cell, as long as two digits of it are left

Number = int | float


class Fit(NamedTuple):
    """How cells look that hold numbers, where there are so many on a side at most."""

    most: int
    side: float
    letters: int  # their size
    digits: int  # that count, of a number that is not whole


FITS = Fit(14, 38, 13, 4), Fit(22, 30, 11, 3), Fit(1000, 24, 9, 3)


def sliding_drawing(
    rows: Axis, columns: Axis, at: tuple[int, int] = (0, 0), explained: "Explained | None" = None
) -> Drawing:
    """Draw a window that slides, at one of its positions.

    Parameters
    ----------
    rows, columns : Axis
        How it slides.
    at : (row, column)
        Of the output. Of a large input and output what lies around this position is drawn.
    explained : Explained, optional
        The numbers that are written into the cells; without them the arithmetic alone is drawn.

    Raises
    ------
    SizeError
        The window is larger than can be drawn, or there is no such position.

    Examples
    --------
    >>> drawing = sliding_drawing(Axis(side=6, window=3), Axis(side=6, window=3))
    >>> drawing.title
    'A window of 3x3 slides over an input of 6x6'
    """
    check_position(rows, columns, at)
    most = MOST_NUMBERS if _holds_numbers(rows, columns, explained) else MOST_EMPTY
    scene = Scene(rows=lane(rows, at[0], most), columns=lane(columns, at[1], most), explained=explained)
    caption = scene.caption(at)
    kept = [shape for place in scene.outputs() for shape in scene.kept(place)] if scene.numbers else []
    return Drawing(
        width=scene.width,
        height=scene.height(len(caption)),
        shapes=(*scene.still(len(caption)), *kept, *scene.frame(at, caption, titled=True), *scene.over()),
        title=scene.words.title,
        description=f"{scene.words.description} {'. '.join(scene.words.sentences(at))}.",
    )


def sliding_animation(
    rows: Axis, columns: Axis, explained: "Explained | None" = None, *, seconds: float = 0.5
) -> Animation:
    """Draw a window that slides, at all its positions, row by row; the output fills up.

    Parameters
    ----------
    rows, columns, explained
        As for `sliding_drawing`.
    seconds : float
        For each position.

    Raises
    ------
    SizeError
        There are more positions, or cells, than can be shown.

    Examples
    --------
    >>> len(sliding_animation(Axis(side=6, window=3), Axis(side=5, window=3)).frames)
    12
    """
    count = rows.output * columns.output
    if count > MOST_POSITIONS:
        raise SizeError(
            f"output {format_size((rows.output, columns.output))}",
            f"has {count} positions, too many for an animation of at most {MOST_POSITIONS}; take a smaller "
            "input or a larger stride, or draw one position with -o",
        )
    padded = [axis.before + axis.side + axis.after for axis in (rows, columns)]
    if max(padded) > MOST_CELLS:
        raise SizeError(
            f"input {format_size(padded)}, padding included",
            f"is too large for an animation of at most {format_size([MOST_CELLS] * 2)} cells; take a part "
            "of it, or draw one position with -o",
        )
    scene = Scene(rows=lane(rows, 0, MOST_CELLS), columns=lane(columns, 0, MOST_CELLS), explained=explained)
    places = list(positions(rows, columns))
    captions = [scene.caption(place) for place in places]
    lines = max(map(len, captions))
    return Animation(
        width=scene.width,
        height=scene.height(lines),
        still=tuple(scene.still(lines)),
        kept=tuple(tuple(scene.kept(place)) for place in places),
        frames=tuple(
            tuple(scene.frame(place, caption)) for place, caption in zip(places, captions, strict=True)
        ),
        over=tuple(scene.over()),
        seconds=seconds,
        pause=PAUSE,
        title=scene.words.title,
        description=f"{scene.words.description} All {count} positions are shown one after the other.",
    )


def _holds_numbers(rows: Axis, columns: Axis, explained: "Explained | None") -> bool:
    taps, extent = MOST_WITH_NUMBERS
    return (
        explained is not None
        and max(rows.window, columns.window) <= taps
        and max(rows.extent, columns.extent) <= extent
    )


@dataclass(frozen=True, kw_only=True)
class Scene:
    """All that is drawn, and where."""

    rows: Lane
    columns: Lane
    explained: "Explained | None"

    def __post_init__(self) -> None:
        check_drawable(self.rows.axis, self.columns.axis)

    # What is written --------------------------------------------------------------------------------------

    @cached_property
    def numbers(self) -> "Explained | None":
        """The numbers of the cells; None where there are none, or no room for them."""
        return self.explained if _holds_numbers(self.rows.axis, self.columns.axis, self.explained) else None

    @cached_property
    def words(self) -> Words:
        """What is said."""
        return Words(rows=self.rows.axis, columns=self.columns.axis, explained=self.explained)

    def caption(self, place: tuple[int, int]) -> list[str]:
        """Return the sentences in lines that fit."""
        return self._lines(self.words.sentences(place))

    def _lines(self, sentences: list[str]) -> list[str]:
        letters = int((self.width - 2 * MARGIN) / (CAPTION * LETTER))
        return [
            line
            for sentence in sentences
            for line in wrap(sentence, letters, subsequent_indent="    ", break_on_hyphens=False)
        ]

    @cached_property
    def _formulas(self) -> list[str]:
        return self._lines(self.words.formulas)

    # Where it stands --------------------------------------------------------------------------------------

    @cached_property
    def _texts(self) -> list[str]:
        """All numbers in cells."""
        if self.numbers is None:
            return []
        values = (self.numbers.value(*place) for place in self._inputs())
        taps = (tap for kernel in self.numbers.taps for tap in kernel.ravel().tolist())
        results = (self.numbers.result(*place) for place in self.outputs())
        return [self._short(number) for group in (values, taps, results) for number in group]

    @cached_property
    def _longest(self) -> int:
        """Cells on the longest side of what is drawn."""
        return max(
            max(len(one.inputs), len(one.outputs), one.axis.window) for one in (self.rows, self.columns)
        )

    @cached_property
    def _fit(self) -> Fit:
        return next(fit for fit in FITS if self._longest <= fit.most)

    @cached_property
    def _cell(self) -> tuple[float, float]:
        """Width and height of a cell."""
        if self.numbers is not None:
            longest = max(map(len, self._texts)) * self._fit.letters * LETTER
            parts = self.columns.inputs, self.columns.outputs
            beside = TEAR + 1 if any(part.torn_before or part.torn_after for part in parts) else 4
            return max(self._fit.side, math.ceil(longest + 2 * beside)), self._fit.side
        side = min(max(600 // self._longest, 10), 34)
        return side, side

    def _short(self, number: Number) -> str:
        """Write a number as it fits into a cell."""
        if abs(number) < 10**6 and (isinstance(number, int) or abs(number) >= 1000):
            return f"{number:.0f}"
        texts = [f"{number:.{digits}g}" for digits in range(self._fit.digits, 1, -1)]
        return next((text for text in texts if len(text.removeprefix("-")) <= WIDEST), texts[-1])

    @cached_property
    def _gutter(self) -> float:
        """Room for the numbers of rows, left of input and output."""
        longest = max(
            text_width(f"{place}", INDEX_SIZE)
            for part in (self.rows.inputs, self.rows.outputs)
            for place in (part.first, part.last)
        )
        return longest + 8

    @cached_property
    def _heading_widths(self) -> list[float]:
        return [
            max(text_width(first, TITLE), text_width(second, LEGEND)) for first, second in self.words.headings
        ]

    @cached_property
    def _grids(self) -> tuple[Grid, tuple[Grid, ...], Grid]:
        """Input, kernels, output: side by side, their middles at one height."""
        width, height = self._cell
        kernels = 1 if self.explained is None else len(self.explained.taps)
        stack = min(kernels, STACK)
        f_rows, f_columns = (Part(first=0, last=one.axis.window - 1) for one in (self.rows, self.columns))
        label = LABEL * (kernels > 1)
        heights = [
            len(self.rows.inputs) * height,
            stack * (len(f_rows) * height + label) + (stack - 1) * 8,
            len(self.rows.outputs) * height,
        ]
        rooms = [
            TITLE + LINE * bool(second) + indices
            for (_, second), indices in zip(self.words.headings, INDICES, strict=True)
        ]
        middle = MARGIN + max(height / 2 + room for height, room in zip(heights, rooms, strict=True))
        titles = self._heading_widths
        x = MARGIN + self._gutter
        inputs = Grid(
            x=x, y=middle - heights[0] / 2, rows=self.rows.inputs, columns=self.columns.inputs, width=width,
            height=height,
        )  # fmt: skip
        x += max(len(self.columns.inputs) * width, titles[0]) + GAP
        step = len(f_columns) * width + 24
        taps = tuple(
            Grid(
                x=x + number // stack * step,
                y=middle - heights[1] / 2 + label + number % stack * (len(f_rows) * height + label + 8),
                rows=f_rows,
                columns=f_columns,
                width=width,
                height=height,
            )
            for number in range(kernels)
        )
        x = max(taps[-1].right, x + titles[1]) + GAP + self._gutter
        outputs = Grid(
            x=x, y=middle - heights[2] / 2, rows=self.rows.outputs, columns=self.columns.outputs, width=width,
            height=height,
        )  # fmt: skip
        return inputs, taps, outputs

    @cached_property
    def width(self) -> float:
        """Of the drawing."""
        outputs = self._grids[2]
        title = max(
            text_width(self.words.headings[2][0], TITLE), text_width(self.words.headings[2][1], LEGEND)
        )
        formula = max(text_width(text, CAPTION) for text in self.words.formulas) + 1
        least, most = CAPTION_WIDTHS
        return max(outputs.right, outputs.x + title, MARGIN + max(least, min(formula, most))) + MARGIN

    @cached_property
    def _bottom(self) -> float:
        inputs, taps, outputs = self._grids
        return max(grid.bottom for grid in (inputs, *taps, outputs))

    def height(self, lines: int) -> float:
        """Return the height of the drawing, with so many lines of a caption."""
        return self._formulas_top(lines) + len(self._formulas) * LINE + MARGIN - 8

    def _formulas_top(self, lines: int) -> float:
        return self._caption_top + lines * LINE + 10

    @property
    def _caption_top(self) -> float:
        return self._bottom + 28 + LINE + 12

    def _inputs(self) -> Iterator[tuple[int, int]]:
        return product(self.rows.inputs.places, self.columns.inputs.places)

    def outputs(self) -> Iterator[tuple[int, int]]:
        """Yield the outputs that are drawn."""
        return product(self.rows.outputs.places, self.columns.outputs.places)

    # The shapes -------------------------------------------------------------------------------------------

    def still(self, lines: int) -> Iterator[Shape]:
        """Yield what stays: the cells, the taps, the headings, legend and formulas below so many lines."""
        inputs, _, outputs = self._grids
        for row, column in self._inputs():
            yield self._input_cell(row, column)
        yield from self._taps()
        for row, column in self.outputs():
            number = "" if self.numbers is None else f": {self.numbers.result(row, column)}"
            title = f"output row {row}, column {column}{number}"
            yield outputs.cell(row, column, fill=Ink.PAPER, title=title)
        for grid, limits in (
            (inputs, (self.rows.axis.side, self.columns.axis.side)),
            (outputs, (self.rows.axis.output, self.columns.axis.output)),
        ):
            yield from index_texts(grid, limits)
        yield from self._words()
        yield from self._legend()
        for count, formula in enumerate(self._formulas):
            y = self._formulas_top(lines) + count * LINE
            yield Text(x=MARGIN, y=y, text=formula, size=CAPTION, fill=Ink.FAINT, anchor=Anchor.START)

    def _input_cell(self, row: int, column: int) -> Rectangle:
        padding = self.rows.is_padding(row) or self.columns.is_padding(column)
        what = "padding, " if padding else ""
        number = "" if self.numbers is None else f": {self.numbers.value(row, column)}"
        unread = ", never read" if self._is_unread(row, column) else ""
        title = f"{what}row {row}, column {column}{number}{unread}"
        fill = Ink.GREY if padding else Ink.PAPER
        return self._grids[0].cell(row, column, fill=fill, dashed=padding, title=title)

    def _is_unread(self, row: int, column: int) -> bool:
        return row in self._unread[0] or column in self._unread[1]

    @cached_property
    def _unread(self) -> tuple[frozenset[int], frozenset[int]]:
        return self.rows.unread, self.columns.unread

    def _taps(self) -> Iterator[Shape]:
        """Yield the filter: the taps by their signs; without numbers in the window's colour."""
        grids = self._grids[1]
        kernels = [] if self.explained is None else [taps.tolist() for taps in self.explained.taps]
        for number, (grid, taps) in enumerate(zip_longest(grids, kernels), 1):
            if len(grids) > 1:
                yield Text(
                    x=grid.x,
                    y=grid.y - 10,
                    text=f"{number}",
                    size=LEGEND,
                    fill=Ink.FAINT,
                    anchor=Anchor.START,
                )
            for row, column in product(grid.rows.places, grid.columns.places):
                tap = None if taps is None else taps[row][column]
                value = "" if tap is None else f": {tap}"
                title = f"filter row {row}, column {column}{value}"
                yield grid.cell(row, column, fill=Ink.ORANGE if tap is None else _ground(tap), title=title)
                if tap is not None and self.numbers is not None:
                    yield grid.text(row, column, self._short(tap), self._fit.letters)
            yield grid.frame(grid.rows.places, grid.columns.places, Ink.LINE)

    def _words(self) -> Iterator[Shape]:
        """Yield the headings, and the signs between the grids."""
        inputs, taps, outputs = self._grids
        middle = (inputs.y + inputs.bottom) / 2
        tops = inputs.y, taps[0].y - LABEL * (len(taps) > 1), outputs.y
        for grid, top, indices, (first, second) in zip(
            (inputs, taps[0], outputs), tops, INDICES, self.words.headings, strict=True
        ):
            y = top - indices - TITLE / 2 - LINE * bool(second)
            yield Text(x=grid.x, y=y, text=first, size=TITLE, anchor=Anchor.START, bold=True)
            yield Text(x=grid.x, y=y + LINE, text=second, size=LEGEND, fill=Ink.FAINT, anchor=Anchor.START)
        for sign, x in (("*", taps[0].x - GAP / 2), ("=", outputs.x - self._gutter - GAP / 2)):
            yield Text(x=x, y=middle, text=sign, size=28, fill=Ink.FAINT)

    def _legend(self) -> Iterator[Shape]:
        x, y, side = float(MARGIN), self._bottom + 28, 14
        single = Part(first=0, last=0)
        for name, box, hatched in self._legend_entries():
            place = Grid(x=x, y=y - side / 2, rows=single, columns=single, width=side, height=side)
            fill, stroke, dashed = box
            yield place.cell(0, 0, fill=fill, stroke=stroke, dashed=dashed)
            if hatched:
                yield from hatching(place, 0, 0)
            yield Text(x=x + side + 8, y=y, text=name, size=LEGEND, fill=Ink.FAINT, anchor=Anchor.START)
            x += side + 8 + text_width(name, LEGEND) + 22

    def _legend_entries(self) -> Iterator[tuple[str, tuple[Ink, Ink, bool], bool]]:
        yield "window, and its output", (Ink.ORANGE, Ink.STRONG_ORANGE, False), False
        if any(one.is_padding(place) for one in (self.rows, self.columns) for place in one.inputs.places):
            yield "padding", (Ink.GREY, Ink.LINE, True), False
        if any(self._unread):
            yield "never read", (Ink.PAPER, Ink.LINE, False), True

    def kept(self, place: tuple[int, int]) -> Iterator[Shape]:
        """Yield what an output becomes once the window has been there."""
        outputs = self._grids[2]
        if self.numbers is None:
            yield outputs.cell(*place, fill=Ink.GREEN)
        else:
            yield outputs.text(*place, self._short(self.numbers.result(*place)), self._fit.letters)

    def frame(self, place: tuple[int, int], caption: list[str], *, titled: bool = False) -> Iterator[Shape]:
        """Yield what belongs to one position: the window, its output, the caption; with titles on request."""
        inputs, _, outputs = self._grids
        rows, columns = self.rows.taps(place[0]), self.columns.taps(place[1])
        marks = self._marks()
        for (number_row, row), (number_column, column) in product(enumerate(rows), enumerate(columns)):
            padding = self.rows.is_padding(row) or self.columns.is_padding(column)
            title = f"window, row {row}, column {column}" if titled else ""
            yield inputs.cell(row, column, fill=Ink.ORANGE, dashed=padding, title=title)
            if marks is not None:
                yield self._mark(row, column, marks[number_row][number_column])
        yield inputs.frame(rows, columns, Ink.STRONG_ORANGE)
        yield outputs.cell(
            *place,
            fill=Ink.ORANGE,
            title=f"window, output row {place[0]}, column {place[1]}" if titled else "",
        )
        if self.numbers is not None:
            yield outputs.text(*place, self._short(self.numbers.result(*place)), self._fit.letters, bold=True)
        yield outputs.frame(range(place[0], place[0] + 1), range(place[1], place[1] + 1), Ink.STRONG_ORANGE)
        for count, line in enumerate(caption):
            y = self._caption_top + count * LINE
            yield Text(x=MARGIN, y=y, text=line, size=CAPTION, anchor=Anchor.START)

    def _marks(self) -> list[list[Number]] | None:
        """Return the taps that are written into the window: of a single kernel that is not too large."""
        if self.numbers is None or len(self.numbers.taps) > 1 or self.numbers.taps[0].size > MOST_MARKED:
            return None
        taps: list[list[Number]] = self.numbers.taps[0].tolist()
        return taps

    def _mark(self, row: int, column: int, tap: Number) -> Text:
        grid = self._grids[0]
        x, y = grid.corner(row, column)
        ink = Ink.FAINT if tap == 0 else Ink.STRONG_RED if tap > 0 else Ink.STRONG_BLUE
        text = f"×{self._short(tap)}"
        x, y = x + grid.width - 4, y + grid.height - 7
        return Text(x=x, y=y, text=text, size=INDEX_SIZE, fill=ink, anchor=Anchor.END)

    def over(self) -> Iterator[Shape]:
        """Yield what stands over the window: the numbers, what is never read, the torn edges."""
        inputs, _, outputs = self._grids
        for row, column in self._inputs():
            if self._is_unread(row, column):
                yield from hatching(inputs, row, column)
            if self.numbers is not None:
                padding = self.rows.is_padding(row) or self.columns.is_padding(column)
                faint = padding or self._is_unread(row, column)
                text = self._short(self.numbers.value(row, column))
                yield inputs.text(row, column, text, self._fit.letters, Ink.FAINT if faint else Ink.TEXT)
        yield from torn_edges(inputs)
        yield from torn_edges(outputs)


def _ground(tap: Number) -> Ink:
    return Ink.PAPER if tap == 0 else Ink.RED if tap > 0 else Ink.BLUE
