"""Matrices as text: rows of numbers to an array and back.

Typed kernels, kernel files and text images are all read here; results are written here in the same form.
"""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.errors import MatrixError

__all__ = ["format_matrix", "parse_matrix", "parse_number"]

_DECIMAL = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"  # linear: no two ways to match digits
_CELL = re.compile(rf"(?P<top>{_DECIMAL})(?:/(?P<bottom>{_DECIMAL}))?|[+-]?(?:nan|inf)", re.IGNORECASE)
_WHOLE = re.compile(r"[+-]?[0-9]{1,19}")
_INT64 = np.iinfo(np.int64)


def parse_matrix(text: str, name: str, *, max_cells: int | None = None) -> NDArray[Any]:
    """Read rows of numbers.

    Rows end with ``;`` or with new lines, not with both; numbers are parted by spaces, tabs or commas,
    ``1/9`` is a fraction, a line that starts with ``#`` is a comment.

    Parameters
    ----------
    text : str
    name : str
        What the text is, for messages.
    max_cells : int, optional
        More numbers than this are an error.

    Returns
    -------
    2-D array
        int64 where every number is written as a whole one and fits, else float64.

    Raises
    ------
    MatrixError
        The text is empty or ragged, or a cell is no number; the message says where.

    Examples
    --------
    >>> parse_matrix("1 2; 3, -4", "example").tolist(), parse_matrix("1.0 1/2", "example").tolist()
    ([[1, 2], [3, -4]], [[1.0, 0.5]])
    """
    rows: list[list[int | float]] = []
    cells = 0
    for number, line in enumerate(_lines(text, name), 1):
        rows.append([_value(cell, number, place, name) for place, cell in enumerate(_split(line), 1)])
        if len(rows[-1]) != len(rows[0]):
            raise MatrixError(
                name, f"row {number} has {len(rows[-1])} numbers where row 1 has {len(rows[0])}"
            )
        cells += len(rows[0])
        if max_cells is not None and cells > max_cells:
            raise MatrixError(name, f"has more than {max_cells} numbers")
    if not rows:
        raise MatrixError(name, 'is empty; write rows such as "1 0 -1; 2 0 -2; 1 0 -1"')
    whole = all(isinstance(v, int) and _INT64.min <= v <= _INT64.max for row in rows for v in row)
    return np.array(rows, dtype=np.int64 if whole else np.float64)


def _lines(text: str, name: str) -> Iterator[str]:
    """Yield the rows; an empty one between two others is an error."""
    lines = [line for line in text.strip().splitlines() if not line.lstrip().startswith("#")]
    for line in lines:
        if not line.strip():
            raise MatrixError(name, "has an empty line between rows; is it more than one matrix?")
        parts = line.split(";")
        if len(lines) > 1 and len(parts) > 1 and any(part.strip() for part in parts[1:]):
            raise MatrixError(
                name, "ends rows with both ; and new lines; part the numbers of a row by commas or spaces"
            )
        if not parts[-1].strip():
            parts.pop()
        for part in parts:
            if not part.strip():
                raise MatrixError(name, f"has an empty row in {line.strip()[:60]!r}")
            yield part


def _split(line: str) -> list[str]:
    """Split a row at commas and white space; two commas in a row leave an empty cell."""
    return [cell for part in line.split(",") for cell in part.split() or [""]]


def _value(cell: str, row: int, column: int, name: str) -> int | float:
    plain = cell.replace("\N{MINUS SIGN}", "-")
    if _WHOLE.fullmatch(plain):
        return int(plain)
    match = _CELL.fullmatch(plain)
    where = f"row {row}, column {column}"
    if match is None:
        raise MatrixError(name, f"{where} is {'empty' if not cell else f'{cell[:40]!r}, not a number'}")
    if match["bottom"] is None:
        return float(plain)
    if float(match["bottom"]) == 0:
        raise MatrixError(name, f"{where} is {cell[:40]!r}, a division by zero")
    return float(match["top"]) / float(match["bottom"])


def parse_number(text: str, name: str) -> int | float:
    """Read one finite number: whole, decimal or a fraction.

    Raises
    ------
    MatrixError
        It is something else.

    Examples
    --------
    >>> parse_number("1/4", "scale")
    0.25
    """
    numbers = parse_matrix(text, name, max_cells=1)
    if not np.isfinite(numbers).all():
        raise MatrixError(name, f"{text[:50]!r} is not a finite number")
    number: int | float = numbers.item()
    return number


def format_matrix(matrix: NDArray[Any], separator: str = " ", *, aligned: bool = False) -> str:
    """Write an array of rows as text, each number in its shortest form that is read back the same.

    Parameters
    ----------
    matrix : array (H, W)
    separator : str
        What stands between two numbers.
    aligned : bool
        Pad the numbers so that columns line up, for a person.

    Examples
    --------
    >>> print(format_matrix(np.array([[0, -30], [0.5, 1]]), aligned=True), end="")
      0 -30
    0.5   1
    """
    rows = [[_shortest(value) for value in row] for row in matrix]
    if aligned:
        width = max(len(text) for row in rows for text in row)
        rows = [[text.rjust(width) for text in row] for row in rows]
    return "".join(f"{separator.join(row)}\n" for row in rows)


def _shortest(value: Any) -> str:
    return str(value).removesuffix(".0")
