"""What ``explain --reads`` prints: how often each input pixel is read."""

from convcli.cli.reports.pictures.windows import sliding_record
from convcli.cli.terminal.output import (
    answer_columns,
    is_human_readable,
    labeled_text,
    uses_color,
    wrapped,
    write,
    write_json,
)
from convcli.cli.window_files import WindowFiles
from convcli.figures.window.reads import heat_color, reads_sentences, window_text
from convcli.sizes.axes import size_formulas
from convcli.sizes.reads import ReadCounts
from convcli.sizes.text import format_size
from convcli.sizes.windowed import Axis

__all__ = ["report_reads"]

MAX_ROWS = 14  # of the heat map in a terminal
LEFT_OUT = -1  # stands for rows or columns that are not shown


def report_reads(rows: Axis, columns: Axis, files: WindowFiles, *, json: bool) -> None:
    """Print how often each pixel is read, and draw it.

    Raises
    ------
    SizeError
        The input is too large.
    OutputError
        The drawing cannot be written.
    """
    counts = ReadCounts(rows, columns)
    files.draw_reads(counts)
    if json:
        write_json(_record(counts) | files.record())
    elif is_human_readable():
        write(_text(counts, files))
    else:
        files.print_names("\n".join(" ".join(map(str, row)) for row in counts.matrix))


def _record(counts: ReadCounts) -> dict[str, object]:
    return {
        **sliding_record(counts.rows, counts.columns),
        "reads": counts.matrix,
        "corner": counts.corner,
        "most": counts.most,
        "most_count": counts.most_count,
        "unread": counts.unread,
        "pixels": counts.pixels,
    }


def _text(counts: ReadCounts, files: WindowFiles) -> str:
    size = format_size((counts.rows.side, counts.columns.side))
    lines = [
        *reads_sentences(counts),
        *size_formulas((counts.rows, counts.columns)),
        *([("legend", "x never read")] if counts.unread else []),
        *files.summary_lines(),
    ]
    heading = wrapped(f"how often each pixel of the {size} input is read: {window_text(counts)}")
    return f"{heading}\n{_heat_map(counts)}\n{labeled_text(lines)}"


def _heat_map(counts: ReadCounts) -> str:
    """Return the counts as rows of numbers, colored where the terminal has colors."""
    width = len(f"{counts.most}") + 2
    rows = _shown(counts.rows.side, MAX_ROWS)
    columns = _shown(counts.columns.side, max(3, answer_columns() // width))
    down, across = counts.by_row, counts.by_column
    grid = [
        [None if LEFT_OUT in (row, column) else down[row] * across[column] for column in columns]
        for row in rows
    ]
    if uses_color():
        return _colored(grid, counts.most, width)
    return "".join("".join(_cell(count, width) for count in line).rstrip() + "\n" for line in grid)


def _shown(side: int, most: int) -> list[int]:
    """Return the positions that are shown: all, or the first and the last ones.

    Examples
    --------
    >>> _shown(4, 5), _shown(9, 5)
    ([0, 1, 2, 3], [0, 1, -1, 7, 8])
    """
    if side <= most:
        return list(range(side))
    first = most // 2
    last = most - 1 - first
    return [*range(first), LEFT_OUT, *range(side - last, side)]


def _cell(count: int | None, width: int) -> str:
    return ("…" if count is None else f"{count}" if count else "x").rjust(width - 1) + " "


def _colored(grid: list[list[int | None]], most: int, width: int) -> str:
    from io import StringIO  # late, as rich: a pipe needs neither

    from rich.console import Console
    from rich.text import Text

    text = StringIO()
    console = Console(file=text, width=10_000, height=1, force_terminal=True, color_system="auto")
    for line in grid:
        cells = Text(no_wrap=True)
        for count in line:
            cells.append(_cell(count, width), style=_style(count, most))
        console.print(cells)
    return text.getvalue()


def _style(count: int | None, most: int) -> str:
    if count is None:
        return ""
    return f"#000000 on {heat_color(count, most)}" if count else "bold reverse blue"
