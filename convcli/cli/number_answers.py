"""What ``explain`` tells of one number of a result: as JSON, and to a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from shutil import get_terminal_size
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.arrays import Channels
from convcli.cli.output import escaped, shown, wrapped
from convcli.cli.standard_input import input_name
from convcli.explaining import Cell
from convcli.kernels import Filter
from convcli.render import Signed
from convcli.size_texts import format_size
from convcli.window_words import MOST_TERMS, factor_text, number_text

__all__ = ["NumberAnswer"]


@dataclass(frozen=True, kw_only=True, eq=False)
class NumberAnswer:
    """One number of a result, and what it comes from.

    Attributes
    ----------
    image : str
        As it was typed.
    filter : Filter
    channel : Channels
    place : (row, column)
        Of the result.
    cells : tuple of Cell
        For each kernel.
    result : array (H, W)
        The whole.
    pixel : int or float
        What `apply` writes in its place, by `signed`.
    """

    image: str
    filter: Filter
    channel: Channels
    place: tuple[int, int]
    cells: tuple[Cell, ...]
    result: NDArray[Any]
    pixel: int | float
    signed: Signed

    @property
    def value(self) -> int | float:
        """The number itself."""
        value: int | float = self.result[self.place].item()
        return value

    def record(self) -> dict[str, object]:
        """Return what JSON has of it."""
        return {
            "input": self.image,
            "filter": self.filter.name,
            "channel": self.channel,
            "row": self.place[0],
            "column": self.place[1],
            "cells": [_cell_record(cell) for cell in self.cells],
            "value": self.value,
            "pixel": self.pixel,
            "signed": self.signed,
            "combination": str(self.filter.combination),
        }

    def text(self, files: Sequence[tuple[str, str]], *, has_colors: bool, is_matrix: bool) -> str:
        """Return what a person is told.

        Parameters
        ----------
        files : sequence of (str, str)
            Labels and names of what was drawn.
        has_colors : bool
            Whether the channel is one of several.
        is_matrix : bool
            Whether the picture is a text, so that the whole result may be shown.
        """
        channel = f", {self.channel}" if has_colors else ""
        where = f"column {self.place[1]}, row {self.place[0]} of the result"
        title = f"{escaped(input_name(self.image))}{channel}, {escaped(self.filter.name)}, {where}\n\n"
        several = len(self.cells) > 1
        labels = [f" {number}" * several for number in range(1, len(self.cells) + 1)]
        labelled = list(zip(self.cells, labels, strict=True))
        written = f"{self.pixel}" + ("" if self.signed == Signed.RAW else f", by --signed {self.signed}")
        lines = [
            *((f"sum{label}", _cell_sum(cell)) for cell, label in labelled),
            *([(str(self.filter.combination), number_text(self.value))] if several else []),
            ("pixel", written),
            *files,
        ]
        parts = [title, *(_cell_text(cell, label) for cell, label in labelled), shown(lines)]
        return "".join([*parts, *(["\n", self._result_text()] if is_matrix else [])])

    def _result_text(self) -> str:
        """Return the whole result, the number in brackets."""
        marked = np.zeros(self.result.shape, bool)
        marked[self.place] = True
        lines = _lines(self.result, marked, "apply -o result.csv writes them")
        title = f"result, [column {self.place[1]}, row {self.place[0]}]"
        return "".join(f"{line.rstrip()}\n" for line in (title, *lines))


def _cell_record(cell: Cell) -> dict[str, object]:
    """Return what JSON has of what a kernel gives."""
    return {
        "rows": cell.rows.tolist(),
        "columns": cell.columns.tolist(),
        "patch": cell.patch.tolist(),
        "padded": cell.padded.tolist(),
        "taps": cell.taps.tolist(),
        "products": cell.products.tolist(),
        "sum": cell.total,
    }


def _cell_text(cell: Cell, number: str) -> str:
    """Return patch, filter and products, side by side where they fit, else one below the other."""
    blocks = [
        [
            "patch, [padding]" if cell.padded.any() else "patch",
            *_lines(cell.patch, cell.padded, "--json has them"),
        ],
        [f"filter{number}", *_lines(cell.taps, None, "--json has them")],
        ["products", *_lines(cell.products, None, "--json has them")],
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
        texts = [number_text(value) for value in row]
        if marked is not None:
            marks = marked[number].tolist()
            texts = [f"[{text}]" if mark else f" {text} " for text, mark in zip(texts, marks, strict=True)]
        cells.append(texts)
    width = max(len(cell) for row in cells for cell in row)
    lines = [" ".join(cell.rjust(width) for cell in row) for row in cells]
    if len(lines[0]) > get_terminal_size().columns:
        what = f"{format_size(matrix.shape)} numbers, too wide for this terminal"
        return wrapped(f"{what}; {elsewhere}").splitlines()
    return lines


def _cell_sum(cell: Cell) -> str:
    """Return the products that count, added up."""
    numbers = [value for value in cell.products.ravel().tolist() if value]
    terms = " + ".join(map(factor_text, numbers)) or "0"
    if len(numbers) > MOST_TERMS:
        terms = f"the {len(numbers)} products that are not 0"
    return f"{terms} = {number_text(cell.total)}"
