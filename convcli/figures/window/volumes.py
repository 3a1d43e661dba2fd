"""The shapes of a volume: planes one behind the other, and the channels with their numbers below."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

from convcli.drawing.shapes import Ink, Line, Shape, Text, left_aligned_text
from convcli.figures.window.grids import Grid
from convcli.figures.window.layout import LEGEND_SIZE, Number, WindowLayout
from convcli.figures.window.slices import SliceBlock, channel_ink, plane_step

__all__ = ["VolumeShapes", "tap_color"]

LABEL_SIZE = 11  # font size of the name of a plane


def tap_color(tap: Number) -> Ink:
    """Return the color of a coefficient: red if it is positive, blue if it is negative."""
    return Ink.PAPER if tap == 0 else Ink.RED if tap > 0 else Ink.BLUE


@dataclass(frozen=True)
class VolumeShapes:
    """The shapes that only a volume has."""

    layout: WindowLayout

    def planes(self) -> Iterator[Shape]:
        """Yield the planes behind the first, of input and filter, the last first."""
        filtered = self.layout.captions.filtered
        if filtered is None or not filtered.is_volume:
            return
        inputs, (taps, *_), _ = self.layout.grids
        for plane in range(self.layout.planes - 1, 0, -1):
            ink = channel_ink(filtered.plane_names[plane])
            matrix = filtered.taps[plane].tolist()
            behind = _behind(inputs, plane, self.layout.planes)
            for row, column in product(behind.rows.positions, behind.columns.positions):
                is_padding = self.layout.rows.is_padding(row) or self.layout.columns.is_padding(column)
                fill = Ink.GRAY if is_padding else Ink.PAPER
                title = f"{filtered.plane_names[plane]}, row {row}, column {column}"
                yield behind.cell(row, column, fill=fill, title=title)
            yield _outline(behind, ink)
            behind = _behind(taps, plane, self.layout.planes)
            for row, column in product(behind.rows.positions, behind.columns.positions):
                yield behind.cell(row, column, fill=tap_color(matrix[row][column]))
            yield _outline(behind, ink)

    def outlines(self) -> Iterator[Shape]:
        """Yield the outlines of the first plane of input and filter, in the color of the channel."""
        filtered = self.layout.captions.filtered
        if filtered is not None and filtered.is_volume:
            ink = channel_ink(filtered.plane_names[0])
            yield from (_outline(grid, ink) for grid in (self.layout.grids.inputs, self.layout.grids.taps[0]))

    def window(self, rows: range, columns: range) -> Iterator[Shape]:
        """Yield the edges of the window behind the first plane: it reaches through all of them."""
        if not self.layout.stack:
            return
        frame = self.layout.grids.inputs.frame(rows, columns, Ink.STRONG_ORANGE)
        left, top, right, bottom = frame.x, frame.y, frame.x + frame.width, frame.y + frame.height
        back = self.layout.stack
        yield Line(
            points=((left, top), (left + back, top - back), (right + back, top - back),
                    (right + back, bottom - back), (right, bottom)),
            stroke=Ink.STRONG_ORANGE, thickness=1.5,
        )  # fmt: skip
        yield Line(points=((right, top), (right + back, top - back)), stroke=Ink.STRONG_ORANGE, thickness=1.5)

    def slices(self) -> Iterator[Shape]:
        """Yield what is fixed in the blocks of the channels: names, slices of the filter, signs."""
        filtered = self.layout.captions.filtered
        if self.layout.slices is None or filtered is None:
            return
        for number, block in enumerate(self.layout.slices.blocks):
            name = filtered.plane_names[number]
            more = filtered.depth - number - 1 if block is self.layout.slices.blocks[-1] else 0
            label = f"{name}, and {more} more channels, not drawn" if more else name
            yield left_aligned_text(
                block.patch.x, block.label_y, label, LABEL_SIZE, bold=True, fill=channel_ink(name)
            )
            yield from self._slice(block, filtered.taps[number].tolist())
            for sign, x in zip("*=", block.signs, strict=True):
                yield Text(x=x, y=block.middle, text=sign, size=16, fill=Ink.FAINT)

    def _slice(self, block: SliceBlock, matrix: list[list[Number]]) -> Iterator[Shape]:
        for row, column in product(block.taps.rows.positions, block.taps.columns.positions):
            tap = matrix[row][column]
            yield block.patch.cell(row, column, fill=Ink.ORANGE)
            yield block.taps.cell(row, column, fill=tap_color(tap))
            yield self._number(block.taps, row, column, tap)
        for grid, ink in ((block.patch, Ink.STRONG_ORANGE), (block.taps, Ink.LINE)):
            yield grid.frame(grid.rows.positions, grid.columns.positions, ink)

    def patches(self, position: tuple[int, int]) -> Iterator[Shape]:
        """Yield what changes with the position: the numbers of the patches, and their sums."""
        filtered = self.layout.captions.filtered
        if self.layout.slices is None or filtered is None:
            return
        sums = filtered.weighted_sums(*position)
        for block, weighted_sum in zip(self.layout.slices.blocks, sums, strict=False):
            patch = weighted_sum.patch.tolist()
            for row, column in product(block.patch.rows.positions, block.patch.columns.positions):
                yield self._number(block.patch, row, column, patch[row][column])
            text = self.layout.format_short(weighted_sum.total)
            yield left_aligned_text(block.sum_x, block.middle, text, LEGEND_SIZE + 1, bold=True)

    def _number(self, grid: Grid, row: int, column: int, number: Number) -> Text:
        size = self.layout.slice_style.font_size
        return grid.text(row, column, self.layout.format_short(number), size)


def _behind(grid: Grid, plane: int, planes: int) -> Grid:
    """Return the grid of a plane behind the first."""
    offset = plane * plane_step(planes)
    return replace(grid, x=grid.x + offset, y=grid.y - offset)


def _outline(grid: Grid, ink: Ink) -> Shape:
    return replace(grid.frame(grid.rows.positions, grid.columns.positions, ink), thickness=1.5)
