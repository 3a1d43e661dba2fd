"""Kernels to be read by people, and saved for ``--kernel @FILE``."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from shutil import get_terminal_size
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.cli.output import wrapped
from convcli.errors import UsageError
from convcli.files import check_target, write_atomically
from convcli.matrices import format_matrix
from convcli.size_texts import format_size

__all__ = ["check_holds_volume", "check_kernel_target", "matrix_lines", "save_kernel"]

FORMATS = (".npy", ".csv", ".json")


def matrix_lines(matrix: NDArray[Any]) -> list[str]:
    """Return the rows, aligned; taps that are no whole numbers with four decimals."""
    cells = [[f"{tap:z.4f}" if tap % 1 else f"{int(tap)}" for tap in row] for row in matrix]
    width = max(len(cell) for row in cells for cell in row)
    lines = [" ".join(cell.rjust(width) for cell in row) for row in cells]
    if len(lines[0]) > get_terminal_size().columns:
        what = f"{format_size(matrix.shape)} taps, too wide for this terminal"
        return wrapped(f"{what}: a pipe, or -o kernel.csv, gives all of them").splitlines()
    return lines


def check_kernel_target(target: str, inputs: Iterable[str] = (), *, force: bool) -> None:
    """Check, before any work is done, that a kernel can be saved there.

    Raises
    ------
    UsageError
        Its name ends in no format for kernels.
    OutputError
        The file may not be written.
    """
    if Path(target).suffix.lower() not in FORMATS:
        raise UsageError(target, f"a kernel is saved as {', '.join(FORMATS)}")
    check_target(target, inputs, replace=force)


def check_holds_volume(target: str) -> None:
    """Check that a file of that name can hold a filter of several channels.

    Raises
    ------
    UsageError
        It has rows.
    """
    if Path(target).suffix.lower() == ".csv":
        raise UsageError(target, "rows cannot hold a filter as deep as the picture; take .npy or .json")


def save_kernel(target: str, taps: NDArray[Any], about: Mapping[str, object], *, force: bool) -> None:
    """Write a kernel; into JSON with what is known about it.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    suffix = Path(target).suffix.lower()
    if suffix == ".npy":
        write_atomically(target, lambda stream: np.save(stream, taps), replace=force)
        return
    rows = (
        f"{json.dumps({'kernel': taps.tolist(), **about})}\n"
        if suffix == ".json"
        else format_matrix(taps, ",")
    )
    write_atomically(target, lambda stream: stream.write(rows.encode()), replace=force)
