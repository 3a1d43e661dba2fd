"""What ``explain`` prints about a window without a picture."""

from convcli.cli.terminal.output import is_human_readable, labeled_text, write, write_json
from convcli.cli.window_files import WindowFiles
from convcli.errors import UsageError
from convcli.figures.window.axis_views import window_lines
from convcli.figures.window.captions import window_sentence
from convcli.sizes.axes import check_position, pooling_axes, size_formulas, window_axes
from convcli.sizes.text import format_padding, format_size, parse_padding, parse_pair, parse_size
from convcli.sizes.windowed import Axis

__all__ = ["explain_window", "read_axes", "sliding_record"]

LEGEND = "# read here (* in the padding); . other pixels (+ in the padding); x never read"


def read_axes(
    n: str | None, f: str | None, p: str | None, s: str | None, d: str, *, pooling: str
) -> tuple[Axis, Axis]:
    """Read the sizes of a window as typed: how it slides, down and across.

    `pooling` is ``max`` or ``avg`` if it pools; the window is then 2 by default, and the stride its size.

    Raises
    ------
    UsageError, SizeError
        A size is missing or impossible.
    """
    if pooling and f is None:
        f = "2"
    if n is None or f is None:
        raise UsageError(
            "--n" if n is None else "--f", "missing; for example: convcli explain --n 6 --f 3 -o window.svg"
        )
    size, window = parse_size(n, "input"), parse_pair(f, "filter")
    stride = None if s is None else parse_pair(s, "stride")
    padding, dilation = parse_padding("0" if p is None else p), parse_pair(d, "dilation")
    sides = size[0], size[1]
    if pooling:
        rows, columns = pooling_axes(sides, window, stride=stride, padding=padding, dilation=dilation)
    else:
        rows, columns = window_axes(sides, window, stride=stride or 1, padding=padding, dilation=dilation)
    return rows, columns


def explain_window(
    axes: tuple[Axis, Axis], position: tuple[int, int], files: WindowFiles, *, pooling: str, json: bool
) -> None:
    """Explain a window without a picture: what it reads for one output, and the output size.

    Raises
    ------
    SizeError
        The output has no pixel at `position`, or the window is too large to draw.
    OutputError
        A drawing cannot be written.
    """
    rows, columns = axes
    check_position(rows, columns, position)
    files.draw(rows, columns, position, pooling=pooling)
    output = format_size((rows.output, columns.output))
    if json:
        write_json(_record(rows, columns, position) | files.record())
    elif is_human_readable():
        write(_explanation(rows, columns, position, files))
    else:
        files.print_names(output)


def sliding_record(rows: Axis, columns: Axis) -> dict[str, object]:
    """Return the JSON entries about how a window slides."""
    axes = rows, columns
    return {
        "shape_in": format_size(axis.side for axis in axes),
        "filter": format_size(axis.window for axis in axes),
        "padding": format_padding(((rows.before, rows.after), (columns.before, columns.after))),
        "stride": format_size(axis.stride for axis in axes),
        "dilation": format_size(axis.dilation for axis in axes),
        "shape_out": format_size(axis.output for axis in axes),
    }


def _record(rows: Axis, columns: Axis, position: tuple[int, int]) -> dict[str, object]:
    return {
        **sliding_record(rows, columns),
        "row": position[0],
        "column": position[1],
        "rows": list(rows.input_range(position[0])),
        "columns": list(columns.input_range(position[1])),
    }


def _explanation(rows: Axis, columns: Axis, position: tuple[int, int], files: WindowFiles) -> str:
    from shutil import get_terminal_size

    lines = window_lines(rows, columns, position, get_terminal_size().columns)
    grid = "".join(f"{line}\n" for line in [*lines, ""] if lines)
    summary = [
        ("here", window_sentence(rows, columns, position)),
        *size_formulas((rows, columns)),
        *([("legend", LEGEND)] if lines else []),
        *files.summary_lines(),
    ]
    return grid + labeled_text(summary)
