"""The layout of a drawing of a window: grids of input, filter and output, and the texts around them.

Lengths are in pixels.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from textwrap import wrap
from typing import TYPE_CHECKING, NamedTuple

from convcli.drawing.shapes import LETTER_WIDTH, text_width
from convcli.figures.window.axis_views import AxisView, VisibleRange, check_drawable
from convcli.figures.window.captions import Captions
from convcli.figures.window.grids import INDEX_SIZE, TEAR_REACH, Grid
from convcli.figures.window.slices import MAX_SLICES, SliceBlocks, plane_step
from convcli.sizes.windowed import Axis

if TYPE_CHECKING:
    from convcli.figures.window.captions import Explained


__all__ = [
    "CAPTION_SIZE",
    "GAP",
    "INDEX_SPACES",
    "LABEL_SPACE",
    "LEGEND_SIZE",
    "LINE_HEIGHT",
    "MARGIN",
    "TITLE_SIZE",
    "Number",
    "WindowLayout",
    "holds_numbers",
]

MAX_WITH_NUMBERS = (15, 20)  # largest window (taps per side) and extent for which values are shown
MAX_STACKED = 4  # maximum number of kernels one below the other

MARGIN, GAP = 24, 52
TITLE_SIZE, LEGEND_SIZE, CAPTION_SIZE = 15, 12, 13
INDEX_SPACES = 20, 8, 20  # space for column numbers above input, filter and output
LABEL_SPACE = 20  # space for the number of a kernel
LINE_HEIGHT = 19  # line height of a caption
CAPTION_WIDTHS = 650, 860  # minimum width, and maximum width for a formula
MAX_LARGE_SLICE = 7  # taps per side of a volume whose channels are drawn in larger cells
SLICES_GAP, SUM_WIDTH, SLICES_WIDTH = 22, 50, 880  # above the channels of a volume, for each sum, for all
MAX_CHARACTERS = 7  # maximum characters of a number in a cell, if two of its digits remain

Number = int | float


class NumberStyle(NamedTuple):
    """The look of cells with numbers, for grids with at most `max_cells` cells per side."""

    max_cells: int
    cell_size: float
    font_size: int
    digits: int  # significant digits of numbers that are not integers


NUMBER_STYLES = NumberStyle(14, 38, 13, 4), NumberStyle(22, 30, 11, 3), NumberStyle(1000, 24, 9, 3)


class Grids(NamedTuple):
    """The grids side by side, vertically centered; the filter has one grid per kernel."""

    inputs: Grid
    taps: tuple[Grid, ...]
    outputs: Grid


def holds_numbers(rows: Axis, columns: Axis, explained: "Explained | None") -> bool:
    """Whether cells show values: there are some, and the window is small enough."""
    taps, extent = MAX_WITH_NUMBERS
    return (
        explained is not None
        and max(rows.window, columns.window) <= taps
        and max(rows.extent, columns.extent) <= extent
    )


@dataclass(frozen=True, kw_only=True)
class WindowLayout:
    """The positions of everything in the drawing of a window.

    Raises
    ------
    SizeError
        The window is too large.

    Examples
    --------
    >>> from convcli.figures.window.axis_views import axis_view
    >>> axis = axis_view(Axis(side=6, window=3), 0, 12)
    >>> grids = WindowLayout(rows=axis, columns=axis, explained=None).grids
    >>> len(grids.inputs.rows), len(grids.taps[0].rows), len(grids.outputs.rows)
    (6, 3, 4)
    """

    rows: AxisView
    columns: AxisView
    explained: "Explained | None"
    pooling: str = ""

    def __post_init__(self) -> None:
        check_drawable(self.rows.axis, self.columns.axis)

    # Texts ------------------------------------------------------------------------------------------------

    @cached_property
    def numbers(self) -> "Explained | None":
        """The values in the cells; None if there are none or no space for them."""
        return self.explained if holds_numbers(self.rows.axis, self.columns.axis, self.explained) else None

    @cached_property
    def captions(self) -> Captions:
        """The texts of the drawing."""
        return Captions(
            rows=self.rows.axis, columns=self.columns.axis, explained=self.explained, pooling=self.pooling
        )

    @property
    def planes(self) -> int:
        """The number of planes that are drawn of a volume; 1 for a matrix."""
        return min(self.captions.depth, MAX_SLICES)

    @property
    def stack(self) -> float:
        """How far the planes of a volume reach behind the first, up and to the right."""
        return (self.planes - 1) * plane_step(self.planes)

    def caption(self, position: tuple[int, int]) -> list[str]:
        """Return the sentences, wrapped into lines."""
        return self._lines(self.captions.sentences(position))

    def _lines(self, sentences: list[str]) -> list[str]:
        max_characters = int((self.width - 2 * MARGIN) / (CAPTION_SIZE * LETTER_WIDTH))
        return [
            line
            for sentence in sentences
            for line in wrap(sentence, max_characters, subsequent_indent="    ", break_on_hyphens=False)
        ]

    @cached_property
    def formulas(self) -> list[str]:
        """The formulas of the output size, wrapped into lines."""
        return self._lines(self.captions.formulas)

    # Positions --------------------------------------------------------------------------------------------

    @cached_property
    def _number_texts(self) -> list[str]:
        """All values in cells."""
        if self.numbers is None:
            return []
        filtered = self.captions.filtered
        kernels = () if filtered is None else filtered.taps
        taps = (tap for kernel in kernels for tap in kernel.ravel().tolist())
        results = (self.numbers.result_at(*position) for position in self.output_positions())
        return [
            self.format_short(number)
            for group in (self._values(), taps, results)
            for number in group
            if number is not None
        ]

    def _values(self) -> Iterator[Number | None]:
        """Yield the visible values of the input, of all planes; None on the padding of pooling."""
        for position in self.input_positions():
            if self.captions.pooled is not None:
                yield self.captions.pooled.value(*position)
            elif self.captions.filtered is not None:
                yield from (self.captions.filtered.value(*position, plane) for plane in range(self.planes))

    @cached_property
    def _longest(self) -> int:
        """Number of cells on the longest side of all grids."""
        return max(
            max(len(view.inputs), len(view.outputs), view.axis.window) for view in (self.rows, self.columns)
        )

    @cached_property
    def number_style(self) -> NumberStyle:
        """The look of the cells."""
        return next(style for style in NUMBER_STYLES if self._longest <= style.max_cells)

    @cached_property
    def _cell(self) -> tuple[float, float]:
        """Width and height of a cell."""
        if self.numbers is not None:
            longest = max(map(len, self._number_texts)) * self.number_style.font_size * LETTER_WIDTH
            is_torn = self.columns.inputs.is_partial or self.columns.outputs.is_partial
            width = math.ceil(longest + 2 * (TEAR_REACH + 1 if is_torn else 4))
            return max(self.number_style.cell_size, width), self.number_style.cell_size
        side = min(max(600 // self._longest, 10), 34)
        return side, side

    def format_short(self, number: Number) -> str:
        """Format a number so that it fits a cell."""
        if abs(number) < 10**6 and (isinstance(number, int) or abs(number) >= 1000):
            return f"{number:.0f}"
        texts = [f"{number:.{digits}g}" for digits in range(self.number_style.digits, 1, -1)]
        return next((text for text in texts if len(text.removeprefix("-")) <= MAX_CHARACTERS), texts[-1])

    @cached_property
    def gutter(self) -> float:
        """Space for row numbers, left of input and output."""
        longest = max(
            text_width(f"{position}", INDEX_SIZE)
            for visible in (self.rows.inputs, self.rows.outputs)
            for position in (visible.first, visible.last)
        )
        return longest + 8

    @cached_property
    def _heading_widths(self) -> list[float]:
        return [
            max(text_width(first, TITLE_SIZE), text_width(second, LEGEND_SIZE))
            for first, second in self.captions.headings
        ]

    @cached_property
    def grids(self) -> Grids:
        """Input, kernels and output: side by side, vertically centered."""
        width, height = self._cell
        filtered = self.captions.filtered
        kernels = 1 if filtered is None or filtered.is_volume else len(filtered.taps)
        stacked = min(kernels, MAX_STACKED)
        f_rows, f_columns = (
            VisibleRange(first=0, last=view.axis.window - 1) for view in (self.rows, self.columns)
        )
        label = LABEL_SPACE * (kernels > 1)
        heights = [
            len(self.rows.inputs) * height,
            stacked * (len(f_rows) * height + label) + (stacked - 1) * 8,
            len(self.rows.outputs) * height,
        ]
        heading_heights = [
            TITLE_SIZE + LINE_HEIGHT * bool(second) + indices
            for (_, second), indices in zip(self.captions.headings, INDEX_SPACES, strict=True)
        ]
        stacks = self.stack, self.stack, 0.0
        middle = MARGIN + max(
            height / 2 + space + stack
            for height, space, stack in zip(heights, heading_heights, stacks, strict=True)
        )
        titles = self._heading_widths
        x = MARGIN + self.gutter
        inputs = Grid(
            x=x, y=middle - heights[0] / 2, rows=self.rows.inputs, columns=self.columns.inputs, width=width,
            height=height,
        )  # fmt: skip
        x += max(len(self.columns.inputs) * width + self.stack, titles[0]) + GAP
        step = len(f_columns) * width + 24
        taps = tuple(
            Grid(
                x=x + number // stacked * step,
                y=middle - heights[1] / 2 + label + number % stacked * (len(f_rows) * height + label + 8),
                rows=f_rows,
                columns=f_columns,
                width=width,
                height=height,
            )
            for number in range(kernels)
        )
        x = max(taps[-1].right + self.stack, x + titles[1]) + GAP + self.gutter
        outputs = Grid(
            x=x, y=middle - heights[2] / 2, rows=self.rows.outputs, columns=self.columns.outputs, width=width,
            height=height,
        )  # fmt: skip
        return Grids(inputs, taps, outputs)

    @cached_property
    def width(self) -> float:
        """Width of the drawing."""
        outputs, title = self.grids.outputs, self._heading_widths[2]
        formula = max(text_width(text, CAPTION_SIZE) for text in self.captions.formulas) + 1
        least, most = CAPTION_WIDTHS
        slices = 0 if self.slices is None else self.slices.right
        text = MARGIN + max(least, min(formula, most))
        return max(outputs.right, outputs.x + title, text, slices) + MARGIN

    @cached_property
    def slices(self) -> SliceBlocks | None:
        """The channels of a volume with their numbers, below the volume; None without numbers."""
        filtered = self.captions.filtered
        if self.numbers is None or filtered is None or not filtered.is_volume:
            return None
        window = tuple(VisibleRange(first=0, last=view.axis.window - 1) for view in (self.rows, self.columns))
        return SliceBlocks(
            x=MARGIN,
            y=self._bottom_of_grids + SLICES_GAP,
            available=max(self.grids.outputs.right - MARGIN, SLICES_WIDTH),
            window=(window[0], window[1]),
            depth=filtered.depth,
            cell=self.slice_cell,
            sum_width=SUM_WIDTH,
        )

    @cached_property
    def slice_cell(self) -> tuple[float, float]:
        """Width and height of a cell in the blocks of the channels."""
        style = self.slice_style
        longest = max(map(len, self._number_texts)) * style.font_size * LETTER_WIDTH
        return max(style.cell_size, math.ceil(longest + 8)), style.cell_size

    @property
    def slice_style(self) -> NumberStyle:
        """The look of these cells."""
        is_small = max(self.rows.axis.window, self.columns.axis.window) <= MAX_LARGE_SLICE
        return NUMBER_STYLES[1 if is_small else 2]

    @property
    def _bottom_of_grids(self) -> float:
        inputs, taps, outputs = self.grids
        return max(grid.bottom for grid in (inputs, *taps, outputs))

    @cached_property
    def bottom(self) -> float:
        """The bottom edge of the lowest grid."""
        return self._bottom_of_grids if self.slices is None else self.slices.bottom

    def height(self, lines: int) -> float:
        """Return the height of the drawing with a caption of `lines` lines."""
        return self.formulas_top(lines) + len(self.formulas) * LINE_HEIGHT + MARGIN - 8

    def formulas_top(self, lines: int) -> float:
        """Return the y of the first formula, below a caption of `lines` lines."""
        return self.caption_top + lines * LINE_HEIGHT + 10

    @property
    def caption_top(self) -> float:
        """The y of the caption's first line."""
        return self.bottom + 28 + LINE_HEIGHT + 12

    def input_positions(self) -> Iterator[tuple[int, int]]:
        """Yield the visible positions of the input, including padding."""
        return product(self.rows.inputs.positions, self.columns.inputs.positions)

    def output_positions(self) -> Iterator[tuple[int, int]]:
        """Yield the visible outputs."""
        return product(self.rows.outputs.positions, self.columns.outputs.positions)
