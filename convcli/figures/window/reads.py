"""How often each pixel is read, as a heat map.

Standard library only.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import wrap

from convcli.drawing.shapes import (
    LETTER_WIDTH,
    Color,
    Drawing,
    Ink,
    Rectangle,
    Shape,
    Text,
    left_aligned_text,
    text_width,
)
from convcli.errors import SizeError
from convcli.figures.window.axis_views import VisibleRange
from convcli.figures.window.grids import Grid, hatching, index_texts
from convcli.sizes.reads import ReadCounts
from convcli.sizes.text import counted, format_padding, format_size, joined_if_different

__all__ = ["heat_color", "reads_drawing", "reads_sentences", "window_text"]

MAX_SIDE = 64  # of an input that is drawn
MARGIN, INDEX_SPACE = 24, 20
TITLE_SIZE, TEXT_SIZE, LINE_HEIGHT = 15, 13, 19
MIN_WIDTH, MAX_GRID = 580, 640
CELLS = 8, 40  # smallest and largest side of a cell
HEAT = (255, 245, 229), (253, 187, 132), (200, 50, 30)  # of a pixel read once, half as often, most often
DARK, LIGHT = "#1b1f24", "#ffffff"  # numbers on light and on dark cells
MANY = 0.75  # of the most: from here on, cells are dark


def heat_color(count: int, most: int) -> str:
    """Return the color of a pixel that is read `count` times, at least once, of at most `most`.

    Examples
    --------
    >>> heat_color(1, 9), heat_color(9, 9)
    ('#fff5e5', '#c8321e')
    """
    part = 2 * (count - 1) / max(most - 1, 1)
    low, high = (HEAT[0], HEAT[1]) if part <= 1 else (HEAT[1], HEAT[2])
    share = part if part <= 1 else part - 1
    mixed = (round(start + (end - start) * share) for start, end in zip(low, high, strict=True))
    return "#" + "".join(f"{level:02x}" for level in mixed)


def window_text(counts: ReadCounts) -> str:
    """Return how a window slides, in words.

    Examples
    --------
    >>> from convcli.sizes.windowed import Axis
    >>> window_text(ReadCounts(Axis(side=6, window=3), Axis(side=6, window=3)))
    'window 3x3, padding 0, stride 1'
    """
    axes = rows, columns = counts.rows, counts.columns
    padding = format_padding(((rows.before, rows.after), (columns.before, columns.after)))
    window = format_size(axis.window for axis in axes)
    stride, dilation = (
        joined_if_different(str(getattr(axis, name)) for axis in axes) for name in ("stride", "dilation")
    )
    spread = "" if dilation == "1" else f", dilation {dilation}"
    return f"window {window}, padding {padding}, stride {stride}{spread}"


def reads_sentences(counts: ReadCounts) -> list[tuple[str, str]]:
    """Return what the counts show, as labels and texts.

    Examples
    --------
    >>> from convcli.sizes.windowed import Axis
    >>> for label, text in reads_sentences(ReadCounts(Axis(side=6, window=3), Axis(side=6, window=3))):
    ...     print(f"{label}: {text}")
    reads: the upper left pixel once; 4 of 36 pixels 9 times (the most)
    unread: none: every pixel is read
    """
    pixels = counts.pixels
    most = f"{counts.most_count:,} of {pixels:,} pixels {_times(counts.most)}"
    corner = f"the upper left pixel {_times(counts.corner)}; "
    reads = f"{corner}{most} (the most)" if counts.corner < counts.most else most
    unread = "none: every pixel is read"
    if counts.unread:
        share = f"{100 * counts.unread / pixels:.3g} %"
        unread = f"{counts.unread:,} of {pixels:,} pixels ({share}) are never read"
    return [("reads", reads), ("unread", unread)]


def _times(count: int) -> str:
    return {0: "never", 1: "once"}.get(count, counted(count, "time"))


def reads_drawing(counts: ReadCounts) -> Drawing:
    """Draw how often each pixel is read.

    Raises
    ------
    SizeError
        There are too many pixels to draw.

    Examples
    --------
    >>> from convcli.sizes.windowed import Axis
    >>> reads_drawing(ReadCounts(Axis(side=6, window=3), Axis(side=6, window=3))).title
    'How often each pixel of the 6x6 input is read'
    """
    size = format_size((counts.rows.side, counts.columns.side))
    if max(counts.rows.side, counts.columns.side) > MAX_SIDE:
        raise SizeError(f"input {size}", f"is too large to draw; the limit is {MAX_SIDE} per side")
    title = f"How often each pixel of the {size} input is read"
    sentences = [window_text(counts), *(f"{label}: {text}" for label, text in reads_sentences(counts))]
    layout = _Layout(counts, title)
    lines = [line for text in sentences for line in wrap(text, layout.characters, subsequent_indent="  ")]
    top = layout.grid.bottom + 62
    return Drawing(
        width=layout.width,
        height=top + len(lines) * LINE_HEIGHT + MARGIN - 8,
        shapes=(
            left_aligned_text(MARGIN, MARGIN + TITLE_SIZE / 2, title, TITLE_SIZE, bold=True),
            *index_texts(layout.grid, (counts.rows.side, counts.columns.side)),
            *layout.cells(),
            *layout.legend(),
            *(
                left_aligned_text(MARGIN, top + number * LINE_HEIGHT, line, TEXT_SIZE)
                for number, line in enumerate(lines)
            ),
        ),
        title=title,
        description=". ".join(sentences) + ".",
    )


@dataclass(frozen=True)
class _Layout:
    """The grid of the heat map, and its shapes."""

    counts: ReadCounts
    title: str

    @property
    def grid(self) -> Grid:
        """The cells of the input."""
        rows, columns = self.counts.rows.side, self.counts.columns.side
        least, most = CELLS
        side = min(max(MAX_GRID // max(rows, columns), least), most)
        return Grid(
            x=MARGIN + text_width(f"{rows - 1}", 9) + 8,
            y=MARGIN + TITLE_SIZE + INDEX_SPACE + 6,
            rows=VisibleRange(first=0, last=rows - 1),
            columns=VisibleRange(first=0, last=columns - 1),
            width=side,
            height=side,
        )

    @property
    def width(self) -> float:
        """The width of the drawing."""
        return max(self.grid.right, MARGIN + text_width(self.title, TITLE_SIZE), MIN_WIDTH) + MARGIN

    @property
    def characters(self) -> int:
        """How many characters of text fit into a line."""
        return int((self.width - 2 * MARGIN) / (TEXT_SIZE * LETTER_WIDTH))

    def cells(self) -> Iterator[Shape]:
        """Yield the cells, with their numbers where they fit."""
        grid, most = self.grid, self.counts.most
        font = min(13.0, (grid.width - 4) / (len(f"{most}") * LETTER_WIDTH), grid.height - 4)
        for row, line in enumerate(self.counts.matrix):
            for column, count in enumerate(line):
                title = f"row {row}, column {column}: read {_times(count)}"
                yield self._cell(grid, row, column, count, title)
                if not count:
                    yield from hatching(grid, row, column)
                if font >= 6:
                    yield self._number(grid, row, column, count, font)

    def _cell(self, grid: Grid, row: int, column: int, count: int, title: str = "") -> Rectangle:
        x, y = grid.corner(row, column)
        fill: Color = heat_color(count, self.counts.most) if count else Ink.BLUE
        return Rectangle(
            x=x, y=y, width=grid.width, height=grid.height, fill=fill, stroke=Ink.LINE, title=title
        )

    def _number(self, grid: Grid, row: int, column: int, count: int, font: float) -> Text:
        x, y = grid.corner(row, column)
        is_dark = count > 1 and count >= MANY * self.counts.most
        fill: Color = (LIGHT if is_dark else DARK) if count else Ink.STRONG_BLUE
        return Text(
            x=x + grid.width / 2, y=y + grid.height / 2, text=f"{count}", size=font, fill=fill,
            bold=not count,
        )  # fmt: skip

    def legend(self) -> Iterator[Shape]:
        """Yield swatches: never read, read once, and read most often."""
        x, y, side = float(MARGIN), self.grid.bottom + 30, 14
        single = VisibleRange(first=0, last=0)
        entries = [0] * bool(self.counts.unread) + sorted({1, self.counts.most})
        for count in entries:
            swatch = Grid(x=x, y=y - side / 2, rows=single, columns=single, width=side, height=side)
            yield self._cell(swatch, 0, 0, count)
            if not count:
                yield from hatching(swatch, 0, 0)
            name = f"{_times(count)} read" if not count else _times(count)
            yield left_aligned_text(x + side + 8, y, name, 12, fill=Ink.FAINT)
            x += side + 8 + text_width(name, 12) + 22
