"""What is told of one number of a result: as JSON, and to a person."""

from shutil import get_terminal_size
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.explaining import Cell
from convcli.size_texts import format_size
from convcli.window_words import MOST_TERMS

__all__ = ["cell_record", "cell_sum", "cell_text", "result_text"]


def cell_record(cell: Cell) -> dict[str, object]:
    """Return what JSON has of a number."""
    return {
        "rows": cell.rows.tolist(),
        "columns": cell.columns.tolist(),
        "patch": cell.patch.tolist(),
        "padded": cell.padded.tolist(),
        "taps": cell.taps.tolist(),
        "products": cell.products.tolist(),
        "sum": cell.total,
    }


def cell_text(cell: Cell, number: str) -> str:
    """Return patch, filter and products, side by side where they fit, else one below the other."""
    parts = [("patch", cell.patch), (f"filter{number}", cell.taps), ("products", cell.products)]
    blocks = [
        [title, *_lines(matrix, cell.padded if title == "patch" else None, "--json has them")]
        for title, matrix in parts
    ]
    widths = [max(map(len, block)) for block in blocks]
    alike = len(set(map(len, blocks))) == 1  # a remark in the place of rows is shorter
    if not alike or sum(widths) + 8 > get_terminal_size().columns:
        return "".join("".join(f"{line.rstrip()}\n" for line in block) + "\n" for block in blocks)
    padded = ([line.ljust(width) for line in block] for block, width in zip(blocks, widths, strict=True))
    return "".join("    ".join(row).rstrip() + "\n" for row in zip(*padded, strict=True)) + "\n"


def _lines(matrix: NDArray[Any], marked: NDArray[Any] | None, elsewhere: str) -> list[str]:
    """Return the rows, aligned, what is marked in brackets; a remark if the terminal is too narrow."""
    cells = []
    for number, row in enumerate(matrix.tolist()):
        texts = [f"{value:.6g}" if isinstance(value, float) else f"{value}" for value in row]
        if marked is not None:
            marks = marked[number].tolist()
            texts = [f"[{text}]" if mark else f" {text} " for text, mark in zip(texts, marks, strict=True)]
        cells.append(texts)
    width = max(len(cell) for row in cells for cell in row)
    lines = [" ".join(cell.rjust(width) for cell in row) for row in cells]
    if len(lines[0]) > get_terminal_size().columns:
        return [f"{format_size(matrix.shape)} numbers, too wide for this terminal; {elsewhere}"]
    return lines


def cell_sum(cell: Cell) -> str:
    """Return the products that count, added up."""
    numbers = [value for value in cell.products.ravel().tolist() if value]
    terms = " + ".join(f"({value:.6g})" if value < 0 else f"{value:.6g}" for value in numbers) or "0"
    if len(numbers) > MOST_TERMS:
        terms = f"the {len(numbers)} products that are not 0"
    total = cell.total
    return f"{terms} = {total:.6g}" if isinstance(total, float) else f"{terms} = {total}"


def result_text(result: NDArray[Any], place: tuple[int, int]) -> str:
    """Return the whole result, the number at a place in brackets."""
    marked = np.zeros(result.shape, bool)
    marked[place] = True
    return "".join(f"{line.rstrip()}\n" for line in _lines(result, marked, "apply -o result.csv writes them"))
