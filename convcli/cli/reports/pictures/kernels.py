"""Kernels as text for people, and as files for ``--kernel @FILE``."""

from __future__ import annotations

import json
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

from convcli.cli.output_files import check_output_file, extension, write_output_file
from convcli.cli.terminal.output import wrapped
from convcli.errors import UsageError
from convcli.files.atomic import write_atomically
from convcli.files.identity import FileIds
from convcli.late_numpy import np
from convcli.pictures.text_matrices import format_matrix
from convcli.sizes.text import format_size

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from convcli.kernels.filter import Filter

__all__ = [
    "DRAWING_EXTENSIONS",
    "aligned_rows",
    "check_kernel_file",
    "check_volume_format",
    "coefficient_rows",
    "kernel_rows",
    "save_drawing",
    "save_kernel",
]

FORMATS = (".npy", ".csv", ".json")
DRAWING_EXTENSIONS = (".png", ".svg")


def kernel_rows(matrix: Iterable[Iterable[float]]) -> list[str]:
    """Return the rows of a kernel, aligned; coefficients that are not integers have four decimals."""
    cells = [[f"{tap:z.4f}" if tap % 1 else f"{int(tap)}" for tap in row] for row in matrix]
    return aligned_rows(cells, "a pipe, or -o kernel.csv, gives all of them")


def aligned_rows(cells: Sequence[Sequence[str]], advice: str) -> list[str]:
    """Return the rows of a matrix as text, aligned; or a note with advice if the terminal is too narrow."""
    width = max(len(cell) for row in cells for cell in row)
    lines = [" ".join(cell.rjust(width) for cell in row) for row in cells]
    columns = get_terminal_size().columns
    if len(lines[0]) > columns:
        size = format_size((len(cells), len(cells[0])))
        return wrapped(f"{size} numbers, too wide for {columns} columns; {advice}").splitlines()
    return lines


def coefficient_rows(matrices: Iterable[Iterable[Iterable[float]]]) -> str:
    """Return the coefficients as rows that --kernel reads, with an empty line between several matrices."""
    return "\n".join(map(format_matrix, matrices))


def check_kernel_file(target: str, inputs: FileIds, *, force: bool, drawings: Collection[str] = ()) -> None:
    """Check that a kernel can be saved to a file, before any work is done; `drawings` are further extensions.

    Raises
    ------
    UsageError
        The extension is not that of a kernel format.
    OutputError
        The file may not be written.
    """
    check_output_file(target, (*FORMATS, *drawings), "a kernel", inputs, force=force)


def check_volume_format(target: str) -> None:
    """Check that a file of that name can hold a filter of several channels.

    Raises
    ------
    UsageError
        It is a .csv file, which holds a matrix.
    """
    if extension(target) == ".csv":
        raise UsageError(target, "a .csv file cannot hold a filter of several channels; use .npy or .json")


def save_drawing(filter_: Filter, target: str, inputs: FileIds, *, force: bool) -> None:
    """Draw the kernels of a filter into a .png or .svg file.

    Raises
    ------
    KernelError
        The filter has too many kernels to draw.
    OutputError
        The file cannot be written.
    """
    from convcli.drawing.svg import render_svg
    from convcli.figures.filters.drawing import filter_drawing  # late: most filters are not drawn

    check_output_file(target, DRAWING_EXTENSIONS, "a drawing", inputs, force=force)
    drawing = filter_drawing(filter_)
    if extension(target) == ".svg":
        content = render_svg(drawing).encode()
    else:
        from convcli.drawing.raster import render_png  # late: an SVG needs no Pillow

        content = render_png(drawing)
    write_output_file(target, content, inputs, force=force)


def save_kernel(
    target: str, taps: NDArray[Any], metadata: Mapping[str, object], inputs: FileIds, *, force: bool
) -> None:
    """Write a kernel; a JSON file also gets `metadata`, and the order of the axes of several channels.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    if extension(target) == ".npy":
        write_atomically(target, lambda stream: np.save(stream, taps), replace=force, inputs=inputs)
        return
    order = {"order": "hwio"} if taps.ndim > 2 else {}
    text = (
        f"{json.dumps({'kernel': taps.tolist(), **order, **metadata})}\n"
        if extension(target) == ".json"
        else format_matrix(taps, ",")
    )
    write_output_file(target, text.encode(), inputs, force=force)
