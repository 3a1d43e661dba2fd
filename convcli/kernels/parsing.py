"""Kernels parsed from text and read from files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from convcli.errors import KernelError, MatrixError, describe_os_error
from convcli.files.opening import open_input
from convcli.kernels.filter import (
    MAX_TAPS,
    Matrix,
    integers_if_exact,
    kernel_array,
    kernel_matrix,
    matrix_array,
)
from convcli.pictures.npy import read_npy
from convcli.pictures.text_matrices import parse_integer, parse_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["KERNEL_FILES", "KernelFile", "load_kernel", "parse_kernel", "parse_kernel_matrix", "read_kernel"]

KERNEL_FILES = (".csv", ".txt", ".json", ".npy")  # file extensions
TOO_LONG_MESSAGE = f"is too long for a kernel of at most {MAX_TAPS} coefficients"


def parse_kernel(text: str, name: str = "kernel") -> NDArray[Any]:
    """Read a typed kernel.

    Rows are separated by ``;`` or newlines, numbers by spaces or commas; ``1/9`` is a fraction. Rows in
    brackets, as JSON and Python write them, are accepted as well.

    Returns
    -------
    2-D array
        int64 if every coefficient is a whole number, else float64.

    Raises
    ------
    KernelError
        It is empty or ragged, or a cell is not a finite number; the message gives row and column.

    Examples
    --------
    >>> import convcli
    >>> convcli.parse_kernel("1 0 -1; 2 0 -2; 1 0 -1").tolist()
    [[1, 0, -1], [2, 0, -2], [1, 0, -1]]
    >>> convcli.parse_kernel("1/4, 1/2, 1/4").tolist()
    [[0.25, 0.5, 0.25]]
    """
    return matrix_array(parse_kernel_matrix(text, name))


def parse_kernel_matrix(text: str, name: str = "kernel") -> Matrix:
    """Read a typed kernel as `parse_kernel` does, without numpy: return its coefficients.

    Examples
    --------
    >>> parse_kernel_matrix("1 0 -1; 2 0 -2.0")
    ((1, 0, -1), (2, 0, -2))
    """
    if text.lstrip().startswith("["):
        return kernel_matrix(_parse_json(text, name), name)
    try:
        return kernel_matrix(parse_rows(text, name, max_cells=MAX_TAPS), name)
    except MatrixError as error:
        raise KernelError(error.what, error.why) from None


def read_kernel(path: str | os.PathLike[str], *, axes: int = 2) -> NDArray[Any]:
    """Read a kernel from a file: rows in ``.csv`` or ``.txt``, ``.json``, ``.npy``.

    JSON holds the rows, ``[[1, 0, -1]]``, or an object with the rows under ``"kernel"``. With `axes` 4, JSON
    and ``.npy`` may also hold a volume (f_h, f_w, C) or a bank (f_h, f_w, C, F).

    Returns
    -------
    array
        int64 if every coefficient is a whole number, else float64.

    Raises
    ------
    KernelError
        The file cannot be read, has another extension, or does not hold a kernel.
    """
    return load_kernel(path, axes=axes).taps


class KernelFile(NamedTuple):
    """A kernel from a file, and what the file states besides: the other fields of a JSON object."""

    taps: NDArray[Any]
    fields: Mapping[str, object]


def load_kernel(path: str | os.PathLike[str], *, axes: int = 2) -> KernelFile:
    """Read a kernel as `read_kernel` does, with what its file states besides."""
    name = os.fsdecode(path)
    file = Path(name)
    if not name:
        raise KernelError("--kernel @", "a file name is missing, as in --kernel @kernel.csv")
    try:
        if file.suffix.lower() not in KERNEL_FILES:
            *others, last = KERNEL_FILES
            raise KernelError(name, f"the name of a kernel file must end in {', '.join(others)} or {last}")
        with open_input(name) as stream:
            if file.suffix.lower() == ".npy":
                array = read_npy(stream, name, max_values=MAX_TAPS)
                return KernelFile(integers_if_exact(kernel_array(array, name, axes=axes)), {})
            content = stream.read(64 * MAX_TAPS + 1)
        if len(content) > 64 * MAX_TAPS:
            raise KernelError(name, TOO_LONG_MESSAGE)
        text = content.decode("utf-8-sig")
        if file.suffix.lower() == ".json":
            rows, fields = _parse_json_file(text, name)
            return KernelFile(integers_if_exact(kernel_array(rows, name, axes=axes)), fields)
        return KernelFile(parse_kernel(text, name), {})
    except OSError as error:
        raise KernelError(name, describe_os_error(error)) from None
    except UnicodeDecodeError:
        raise KernelError(name, "is not UTF-8 text") from None
    except MatrixError as error:
        raise KernelError(error.what, error.why) from None


def _parse_json(text: str, name: str) -> Any:
    """Return the rows that JSON holds, unchecked."""
    return _parse_json_file(text, name)[0]


def _parse_json_file(text: str, name: str) -> tuple[Any, Mapping[str, object]]:
    """Return the rows that JSON holds, unchecked, and the fields of an object."""
    if text.count(",") > 2 * MAX_TAPS:  # the file may hold a little more than the taps
        raise KernelError(name, TOO_LONG_MESSAGE)
    try:
        value = json.loads(text, parse_int=parse_integer)
    except ValueError as error:
        raise KernelError(name, f"is not JSON: {error}") from None
    except RecursionError:
        raise KernelError(name, "is nested too deeply; write rows of numbers, as in [[1, 0, -1]]") from None
    rows = value.get("kernel") if isinstance(value, dict) else value
    if rows is None:
        raise KernelError(name, 'has no "kernel"; write {"kernel": [[1, 0, -1]]}')
    if isinstance(rows, str):
        raise KernelError(name, f'has text as its kernel, {rows[:50]!r}; write {{"kernel": [[1, 0, -1]]}}')
    return rows, value if isinstance(value, dict) else {}
