"""What is reported of a result: its path, its values, a matrix, a line of JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from convcli.cli.terminal.output import (
    answer_columns,
    display_width,
    escaped,
    format_name,
    is_human_readable,
    json_line,
    wrapped,
)
from convcli.convolution.statistics import measure
from convcli.files.streams import STREAM
from convcli.files.urls import redacted
from convcli.pictures.text_matrices import format_matrix
from convcli.pipeline.recipes.rendering import result_record
from convcli.pipeline.report import Failure, Finished, Note, Report, Skipped
from convcli.sizes.text import counted

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["format_answers", "format_messages", "format_result"]

SATURATION_HINT = " (fewer with --scale\u00a0gain)"  # how to avoid saturated pixels


def format_messages(report: Report) -> list[tuple[str, str]]:
    """Return what standard error gets of a report: failures and notes."""
    name = report.source.display_name
    return [
        (event.output or name, event.why) if isinstance(event, Failure) else ("note", f"{name}: {event.text}")
        for event in report.events
        if isinstance(event, Failure | Note)
    ]


def format_answers(report: Report, *, json: bool, name_width: int = 0) -> list[tuple[str, bool]]:
    """Return what standard output gets of a report: texts, and whether each is a matrix."""
    answers: list[tuple[str, bool]] = []
    for event in report.events:
        if isinstance(event, Finished):
            is_matrix = event.matrix is not None and not json
            texts = format_result(event, json=json, name_width=name_width)
            texts = [event.preview + texts[0], *texts[1:]] if event.preview else texts
            answers += [(text, is_matrix) for text in texts]
        elif json and isinstance(event, Failure):
            failure = {"input": redacted(report.source.name), "output": event.output, "error": event.why}
            answers.append((json_line(failure), False))
        elif json and isinstance(event, Skipped):
            skipped = {"input": redacted(report.source.name), "output": event.output, "skipped": True}
            answers.append((json_line(skipped), False))
    return answers


def format_result(finished: Finished, *, json: bool, name_width: int = 0) -> list[str]:
    """Return the matrices of a result, or its line of JSON, its path, or its line for a person."""
    record = finished.record
    if finished.matrix is not None:
        pixels = finished.matrix.pixels
        if json:
            return [json_line({**record, "values": pixels.tolist()})]
        maps = pixels.reshape(*pixels.shape[:2], -1)
        return [_format_printed(finished, maps[..., number]) for number in range(maps.shape[2])]
    if json:
        return [json_line(record)]
    if record["output"] == STREAM:
        return []
    if is_human_readable():
        summary = _format_summary(record, finished) if finished.summary is None else finished.summary
        return [_name_and_summary(record["output"], summary, name_width)]
    return [f"{record['output']}\n"]


def _name_and_summary(name: object, summary: str, name_width: int = 0) -> str:
    """Return a name and its summary: beside it if the terminal is wide enough, else below.

    The hint against saturation goes on a further line if there is no room for it.
    """
    free_width = answer_columns() - 2 - len(summary.removesuffix(SATURATION_HINT))
    own_width = display_width(escaped(name))
    if own_width > free_width:
        return f"{format_name(name)}\n{wrapped(summary, '  ', '  ')}"
    width = max(own_width, min(name_width, free_width))
    indent = " " * (width + 2)
    return f"{format_name(name, width)}  {wrapped(summary, indent, indent).removeprefix(indent)}"


def _format_printed(finished: Finished, matrix: NDArray[Any]) -> str:
    """Return a matrix; on a terminal with a title, and only if it is narrow enough."""
    if not is_human_readable():
        return format_matrix(matrix)
    text = format_matrix(matrix, aligned=True)
    columns = answer_columns()
    if len(text.partition("\n")[0]) > columns:
        text = wrapped(f"too wide for {columns} columns; use -o FILE or a pipe to get all of it")
    printed = result_record(matrix.shape, matrix.shape, matrix.dtype, measure(matrix))
    record = {**finished.record, **printed}
    summary = _format_summary(record, finished)
    return _name_and_summary(f"{record['input']}, {record['filter']}", summary) + text


def _format_summary(record: Mapping[str, object], finished: Finished) -> str:
    low, high = (
        f"{end:.6g}" if isinstance(end, float) else f"{end}" for end in (record["min"], record["max"])
    )
    frames = f"{record['frames']} frames of " if record.get("frames", 1) != 1 else ""
    extent = ", no finite value" if record["min"] is None else f" from {low} to {high}"
    text = f"({frames}{record['shape_out']}, {record['dtype']}{extent})"
    saturated = int(str(record["saturated"])) - int(str(record.get("nan", 0)))  # a note reports NaN
    if saturated and not finished.is_saturation_noted:
        values = counted(saturated, "value")
        text += f"; {values} saturated{SATURATION_HINT * finished.is_amplified}"
    return text
