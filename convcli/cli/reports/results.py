"""Reports on results: the statistics for JSON, and the line or the matrix that is printed."""

from collections.abc import Mapping, Sequence
from shutil import get_terminal_size
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.cli.terminal.output import (
    answer_is_shown,
    display_width,
    escaped,
    json_line,
    shown_name,
    wrapped,
)
from convcli.convolution.statistics import Statistics, measure
from convcli.files.streams import STREAM
from convcli.pictures.formats.file_formats import FileFormat
from convcli.pictures.picture import Picture
from convcli.pictures.text_matrices import format_matrix
from convcli.pipeline.outputs import PRINTED, Destination
from convcli.sizes.text import format_size

__all__ = ["answer", "result_facts"]

WAY_OUT = " (fewer with --scale\u00a0gain)"  # how to avoid saturated pixels


def result_facts(
    shape_in: Sequence[int], shape_out: Sequence[int], dtype: np.dtype[Any], numbers: Statistics
) -> dict[str, object]:
    """Return the sizes and statistics of a result, by their JSON keys."""
    return {
        "shape_in": format_size(shape_in),
        "shape_out": format_size(shape_out),
        "dtype": str(dtype),
        "min": numbers.lowest,
        "max": numbers.highest,
        "mean": numbers.mean,
    }


def answer(
    record: Mapping[str, object],
    picture: Picture,
    file_format: FileFormat | None,
    where: Destination,
    summary: str | None = None,
) -> list[str]:
    """Return what is printed for a result: its matrices, a line of JSON, its path, or a line for a person.

    That line contains the summary, by default the size, type and range of the result.
    """
    if file_format is PRINTED and where.json:
        return [json_line({**record, "values": picture.pixels.tolist()})]
    if file_format is PRINTED:
        maps = picture.pixels.reshape(*picture.pixels.shape[:2], -1)
        return [_printed(record, maps[..., number]) for number in range(maps.shape[2])]
    if where.json:
        return [json_line(record)]
    if record["output"] == STREAM:
        return []
    if answer_is_shown():
        told = _summary(record) if summary is None else summary
        return [_line(record["output"], told, where.name_width)]
    return [f"{record['output']}\n"]


def _line(name: object, summary: str, name_width: int = 0) -> str:
    """Return a name and its summary: beside it if the terminal is wide enough, else below.

    The hint against saturation goes on a further line if there is no room for it.
    """
    room = get_terminal_size().columns - 2 - len(summary.removesuffix(WAY_OUT))
    own_width = display_width(escaped(name))
    if own_width > room:
        return f"{shown_name(name)}\n{wrapped(summary, '  ', '  ')}"
    width = max(own_width, min(name_width, room))
    indent = " " * (width + 2)
    return f"{shown_name(name, width)}  {wrapped(summary, indent, indent).removeprefix(indent)}"


def _printed(record: Mapping[str, object], matrix: NDArray[Any]) -> str:
    """Return a matrix; on a terminal with a title, and only if it is narrow enough."""
    if not answer_is_shown():
        return format_matrix(matrix)
    text = format_matrix(matrix, aligned=True)
    columns = get_terminal_size().columns
    if len(text.partition("\n")[0]) > columns:
        text = wrapped(f"too wide for {columns} columns; use -o FILE or a pipe to get all of it")
    printed = result_facts(matrix.shape, matrix.shape, matrix.dtype, measure(matrix))
    return _line(f"{record['input']}, {record['filter']}", _summary({**record, **printed})) + text


def _summary(record: Mapping[str, object]) -> str:
    low, high = (
        f"{end:.6g}" if isinstance(end, float) else f"{end}" for end in (record["min"], record["max"])
    )
    text = f"({record['shape_out']}, {record['dtype']} from {low} to {high})"
    if record["saturated"]:
        text += f"; {record['saturated']} saturated{WAY_OUT}"
    return text
