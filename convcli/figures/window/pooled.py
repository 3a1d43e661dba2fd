"""The shapes of pooling: the values of the window, and where the largest of them is."""

from collections.abc import Iterator
from itertools import product

from convcli.drawing.shapes import Ink, Shape
from convcli.figures.window.layout import WindowLayout

__all__ = ["pooled_shapes"]


def pooled_shapes(layout: WindowLayout, position: tuple[int, int]) -> Iterator[Shape]:
    """Yield the values of a window; where the largest is the result, mark it there and in the input."""
    pooled = layout.captions.pooled
    if pooled is None or layout.numbers is None:
        return
    inputs, (grid, *_), _ = layout.grids
    window, size = pooled.window(*position), layout.number_style.font_size
    for (number_row, row), (number_column, column) in product(
        enumerate(window.rows), enumerate(window.columns)
    ):
        value, is_winner = window.values[number_row][number_column], (row, column) in window.winners[:1]
        if is_winner:
            for cells, place in ((inputs, (row, column)), (grid, (number_row, number_column))):
                yield cells.cell(*place, fill=Ink.GREEN, stroke=Ink.STRONG_GREEN)
        if value is None:
            yield grid.cell(number_row, number_column, fill=Ink.GRAY, dashed=True)
        else:
            text = layout.format_short(value)
            yield grid.text(number_row, number_column, text, size, bold=is_winner)
