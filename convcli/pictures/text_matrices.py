"""Reads and writes matrices as text.

Typed kernels, kernel files and text images are all parsed here, and results are written in the same form.
"""

from __future__ import annotations

import math
import re
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from convcli.errors import MatrixError, TooLargeError
from convcli.late_numpy import np
from convcli.sizes.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

__all__ = ["format_matrix", "parse_integer", "parse_matrix", "parse_number", "parse_rows"]

BLOCK_CHARACTERS = 1 << 16  # characters that are split into lines at once

_DECIMAL = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"  # linear time: never ambiguous
_INTEGER = re.compile(r"[+-]?[0-9]+")
_LINE_END = re.compile(r"\r\n?|\n")
_MIN_INT64, _MAX_INT64 = -(1 << 63), (1 << 63) - 1


def parse_matrix(text: str, name: str, *, max_cells: int | None = None) -> NDArray[Any]:
    """Parse rows of numbers, as `parse_rows` does, into an array.

    Returns
    -------
    2-D array
        int64 if every number is written as an integer and fits, else float64.

    Examples
    --------
    >>> parse_matrix("1 2; 3, -4", "example").tolist(), parse_matrix("1.0 1/2", "example").tolist()
    ([[1, 2], [3, -4]], [[1.0, 0.5]])
    """
    rows = parse_rows(text, name, max_cells=max_cells)
    all_integers = all(isinstance(value, int) for row in rows for value in row)
    return np.array(rows, dtype=np.int64 if all_integers else np.float64)


def parse_rows(text: str, name: str, *, max_cells: int | None = None) -> list[list[int | float]]:
    """Parse rows of numbers.

    Rows are separated by ``;`` or by newlines, but not by both; numbers by spaces, tabs or commas. ``1/9`` is
    a fraction, and lines that start with ``#`` are comments.

    Parameters
    ----------
    text : str
    name : str
        The name to use in messages.
    max_cells : int, optional
        Maximum number of values, checked before they are parsed.

    Returns
    -------
    list of rows, all of one length
        Numbers that are written as integers and fit in 64 bits are integers, the others floats.

    Raises
    ------
    MatrixError
        The text is empty or ragged, or a cell is not a number; the message gives row and column.

    Examples
    --------
    >>> parse_rows("1 2; 1/2 -4", "example")
    [[1, 2], [0.5, -4]]
    """
    rows: list[list[int | float]] = []
    max_parts = len(text) + 1  # the largest number of cells that the text can hold
    remaining = max_parts if max_cells is None else min(max_cells, max_parts)
    for number, line in enumerate(_rows(text, name, remaining), 1):
        cells = _split_row(line, remaining)
        if len(cells) > remaining:
            raise TooLargeError(name, f"has more than {max_cells} numbers")
        remaining -= len(cells)
        if rows and len(cells) != len(rows[0]):
            raise MatrixError(
                name,
                f"row {number} has {counted(len(cells), 'number')}, but row 1 has {len(rows[0])}",
            )
        if number == 1 and _is_header(cells, text):
            raise MatrixError(
                name, f"row 1 is {line.strip()[:60]!r}: header rows are not supported; remove it"
            )
        rows.append([_parse_cell(cell, number, column, name) for column, cell in enumerate(cells, 1)])
    if not rows:
        raise MatrixError(name, 'is empty; write rows such as "1 0 -1; 2 0 -2; 1 0 -1"')
    return rows


def _is_header(first_row: list[str], text: str) -> bool:
    """Whether a first row holds no number, but the line after it holds as many numbers as it has cells."""
    if any(map(_cell_pattern().fullmatch, first_row)):
        return False
    second_line = next(islice(_lines(text.strip()), 1, None), "")
    second_row = _split_row(second_line, len(first_row))
    return len(second_row) == len(first_row) and all(map(_cell_pattern().fullmatch, second_row))


def _rows(text: str, name: str, max_parts: int) -> Iterator[str]:
    """Yield the rows; if a line has more than `max_parts`, the rest of it comes as one row."""
    has_semicolons = False
    for number, line in enumerate(_lines(text.strip())):
        if not line.strip():
            raise MatrixError(name, "has an empty line between rows; it must hold a single matrix")
        parts = line.split(";", max_parts)
        has_semicolons = has_semicolons or (len(parts) > 1 and any(part.strip() for part in parts[1:]))
        if number and has_semicolons:
            raise MatrixError(
                name, "separates rows with both ; and newlines; use one, and commas or spaces between numbers"
            )
        if not parts[-1].strip():
            parts.pop()
        for part in parts:
            if not part.strip():
                raise MatrixError(name, f"has an empty row in {line.strip()[:60]!r}")
            yield part


def _lines(text: str) -> Iterator[str]:
    """Yield the lines that are not comments, a few at a time: all of them may not fit in memory."""
    start = 0
    while start < len(text):
        end = _LINE_END.search(text, start + BLOCK_CHARACTERS)
        stop = end.end() if end else len(text)
        for line in text[start:stop].splitlines():
            if not line.lstrip().startswith("#"):
                yield line
        start = stop


def _split_row(line: str, max_parts: int) -> list[str]:
    """Split a row at commas and whitespace; two consecutive commas enclose an empty cell.

    Stops soon after `max_parts` cells, because a row may be a whole file.
    """
    cells: list[str] = []
    for part in line.split(",", max_parts):
        cells += part.split(None, max_parts) or [""]
        if len(cells) > max_parts:
            break
    return cells


def _parse_cell(cell: str, row: int, column: int, name: str) -> int | float:
    plain = cell.replace("\N{MINUS SIGN}", "-")
    if _INTEGER.fullmatch(plain):
        return parse_integer(plain)
    match = _cell_pattern().fullmatch(plain)
    position = f"row {row}, column {column}"
    if match is None:
        raise MatrixError(name, f"{position} is {'empty' if not cell else f'{cell[:40]!r}, not a number'}")
    if match["denominator"] is None:
        return float(plain)
    if float(match["denominator"]) == 0:
        raise MatrixError(name, f"{position} is {cell[:40]!r}, a division by zero")
    return float(match["numerator"]) / float(match["denominator"])


@cache
def _cell_pattern() -> re.Pattern[str]:
    """Return the pattern of a number, compiled when the first text is read: most runs read none."""
    return re.compile(
        rf"(?P<numerator>{_DECIMAL})(?:/(?P<denominator>{_DECIMAL}))?|[+-]?(?:nan|inf)", re.IGNORECASE
    )


def parse_integer(digits: str) -> int | float:
    """Parse an integer with any number of digits; one that does not fit in 64 bits becomes a float.

    Examples
    --------
    >>> parse_integer("-12"), parse_integer("9223372036854775808")
    (-12, 9.223372036854776e+18)
    """
    number = float(digits) if len(digits) > 20 else int(digits)
    return number if _MIN_INT64 <= number <= _MAX_INT64 else float(number)


def parse_number(text: str, name: str) -> int | float:
    """Parse one finite number: an integer, a decimal or a fraction.

    Raises
    ------
    MatrixError
        It is not a finite number.

    Examples
    --------
    >>> parse_number("1/4", "scale")
    0.25
    """
    number = _parse_cell(text.strip(), 1, 1, name)
    if not math.isfinite(number):
        raise MatrixError(name, f"{text[:50]!r} is not a finite number")
    return number


def format_matrix(matrix: Iterable[Iterable[Any]], separator: str = " ", *, aligned: bool = False) -> str:
    """Format a matrix as text, each number in the shortest form that reads back as the same value.

    Parameters
    ----------
    matrix : array (H, W), or rows of numbers
    separator : str
        Text between two numbers.
    aligned : bool
        Pad the numbers so that the columns line up.

    Examples
    --------
    >>> print(format_matrix([[0, -30], [0.5, 1]], aligned=True), end="")
      0 -30
    0.5   1
    """
    rows = [[_shortest_text(value) for value in row] for row in matrix]
    if aligned:
        width = max(len(text) for row in rows for text in row)
        rows = [[text.rjust(width) for text in row] for row in rows]
    return "".join(f"{separator.join(row)}\n" for row in rows)


def _shortest_text(value: Any) -> str:
    return str(value).removesuffix(".0")
