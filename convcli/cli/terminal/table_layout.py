"""Tables for a person: laid out by rich, wrapped to the terminal, never truncated."""

import re
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from functools import cache
from io import StringIO
from shutil import get_terminal_size
from typing import NamedTuple

from rich.box import SIMPLE
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from convcli.cli.terminal.output import escaped, left_to_right, uses_color, wrapped
from convcli.networks.tables import Column, Table

__all__ = ["format_table"]

GAP = 2  # blanks between columns
HANGING_INDENT = 2  # blanks before the further lines of a wrapped text
MIN_TEXT_WIDTH = 12  # columns to which texts are wrapped before table columns are left out,
MIN_INDENTED_WIDTH = 9  # or that remain for them beside the deepest indent
MAX_INDENT_DIVISOR = 5  # indents take at most this fraction of the terminal: 1/5
STYLES = {"<": "red", ">": "green", "!": "yellow"}  # of the marks in comparisons


class _FormattedColumn(NamedTuple):
    """A column as text, and the widths it can take.

    Attributes
    ----------
    name : str
    rows : list of (int, str)
        Each text with the blanks before it.
    total : str
    rank, hanging_indent : int
    is_number : bool
    max_indent, max_width, min_width : int
        The deepest indent; the width without wrapping; the width with every word on a line of its own.
    """

    name: str
    rows: list[tuple[int, str]]
    total: str
    rank: int
    hanging_indent: int
    is_number: bool
    max_indent: int
    max_width: int
    min_width: int

    @classmethod
    def from_column(cls, column: Column, depths: Sequence[int], max_indent_width: int) -> "_FormattedColumn":
        texts = [left_to_right(escaped(text)) for text in column.texts]
        is_number = column.is_number  # right-aligned
        decimals = [] if is_number else _align_decimals(column.name, texts)
        rows = decimals or _indented(texts, depths, max_indent_width)
        hanging_indent = 0 if is_number else HANGING_INDENT
        distinct = {(0, column.name), (0, column.total_text), *rows}  # a long network repeats many rows
        return cls(
            column.name,
            rows,
            column.total_text,
            column.rank,
            hanging_indent,
            is_number,
            max_indent=max(indent for indent, _ in distinct),
            max_width=max(indent + cell_len(text) for indent, text in distinct),
            min_width=max(
                indent + hanging_indent * bool(index) + cell_len(word)
                for indent, text in distinct
                for index, word in enumerate(text.split(" "))
            ),
        )

    def readable_width(self, text_width: int) -> int:
        """Return the width to which texts are wrapped before columns are left out."""
        return max(self.min_width, min(self.max_width, max(text_width, self.max_indent + MIN_INDENTED_WIDTH)))

    def wrapped(self, indent: int, text: str, width: int) -> str:
        """Return a text, wrapped to a width."""
        return _wrapped(indent, text, width, self.hanging_indent)


@cache
def _wrapped(indent: int, text: str, width: int, hanging_indent: int) -> str:
    """Wrap a text between words; a word longer than the width gets a line of its own."""
    lines, line = [], " " * indent
    for index, word in enumerate(text.split(" ")):
        longer = f"{line} {word}" if index else line + word
        if index and cell_len(longer) > width:
            lines.append(line)
            longer = " " * (indent + hanging_indent) + word
        line = longer
    return "\n".join([*lines, line])


def format_table(table: Table) -> str:
    """Lay out a table for the terminal: names and sums in bold, numbers right-aligned, the total below.

    On a narrow terminal, texts are wrapped between words; then columns are left out, those of the highest
    rank first, and named below the table. Words and numbers are never broken: if even they do not fit, lines
    are longer than the terminal is wide.

    Examples
    --------
    >>> from convcli.networks.tables import Column
    >>> columns = Column("layer", ["fc 1000"], "total"), Column("params", [1_281_000], 1_281_000)
    >>> print(format_table(Table(columns, [0], has_total=True)), end="")
    layer       params
    ──────────────────
    fc 1000  1,281,000
    ──────────────────
    total    1,281,000
    """
    terminal = get_terminal_size().columns
    first, *others = [column for column in table.columns if not column.is_empty]
    no_indents = [0] * len(table.indents)
    formatted = [
        _FormattedColumn.from_column(first, table.indents, terminal // MAX_INDENT_DIVISOR),
        *(_FormattedColumn.from_column(column, no_indents, 0) for column in others),
    ]
    fitting = _fitting_columns(formatted, terminal)
    text = _render(fitting, _column_widths(fitting, terminal), table.headings, has_total=table.has_total)
    names = {column.name for column in fitting}
    left_out = ", ".join(column.name for column in formatted if column.name not in names)
    return (
        f"{text}\n{wrapped(f'columns that do not fit in {terminal} characters: {left_out}')}"
        if left_out
        else text
    )


def _indented(texts: Sequence[str], depths: Sequence[int], max_indent_width: int) -> list[tuple[int, str]]:
    """Return each text with its indent; a depth that is too large is written as a number."""
    step = 2 if 2 * max(depths, default=0) <= max_indent_width else 1
    return [
        (step * depth, text) if step * depth <= max_indent_width else (max_indent_width, f"({depth}) {text}")
        for text, depth in zip(texts, depths, strict=True)
    ]


def _align_decimals(name: str, texts: Sequence[str]) -> list[tuple[int, str]]:
    """Return decimals with the indents that align their points; nothing for other texts."""
    if not all(re.fullmatch(r"(-?[0-9]+(\.[0-9]+)?)?", text) for text in texts):
        return []
    integer_widths = [len(text.partition(".")[0]) for text in texts]
    fraction = max(
        (len(text) - integer_width for text, integer_width in zip(texts, integer_widths, strict=True)),
        default=0,
    )
    point_position = max(len(name) - fraction, *integer_widths)
    return [
        (point_position - integer_width, text)
        for text, integer_width in zip(texts, integer_widths, strict=True)
    ]


def _fitting_columns(columns: list[_FormattedColumn], terminal: int) -> list[_FormattedColumn]:
    """Leave out columns until the others fit, with texts wrapped to a readable width."""
    while True:
        texts = sum(column.max_width > column.min_width for column in columns)
        text_width = max(MIN_TEXT_WIDTH, terminal // (1 + 2 * texts))
        fits = _table_width(column.readable_width(text_width) for column in columns) <= terminal
        highest = max(column.rank for column in columns)
        if fits or highest == 0:
            return columns
        columns = [column for column in columns if column.rank < highest]


def _column_widths(columns: list[_FormattedColumn], terminal: int) -> list[int]:
    """Return the width of each column: wrap where that adds the fewest lines, never within words."""
    widths = [column.max_width for column in columns]
    wrappable = [index for index, column in enumerate(columns) if column.max_width > column.min_width]
    rows: Counter[tuple[tuple[int, str], ...]] = Counter(
        zip(*(columns[index].rows for index in wrappable), strict=True)
    )

    def lines(narrower: int) -> int:
        """Return the number of lines added by making a column narrower by one."""
        tried = [(columns[index], widths[index] - (index == narrower)) for index in wrappable]
        added = 0
        for row, count in rows.items():
            parts = [
                column.wrapped(indent, text, width)
                for (indent, text), (column, width) in zip(row, tried, strict=True)
            ]
            added += count * max(part.count("\n") for part in parts)
        return added

    while _table_width(widths) > terminal and any(
        widths[index] > columns[index].min_width for index in wrappable
    ):
        narrowable = [index for index in wrappable if widths[index] > columns[index].min_width]
        widths[min(narrowable, key=lambda index: (lines(index), -widths[index]))] -= 1
    return widths


def _table_width(widths: Iterable[int]) -> int:
    return sum(width + GAP for width in widths) - GAP


def _render(
    columns: list[_FormattedColumn], widths: list[int], headings: Container[int], *, has_total: bool
) -> str:
    # One blank of the gap is rich's padding, the other its separator of columns.
    table = RichTable(
        box=SIMPLE, show_edge=False, pad_edge=False, padding=(0, GAP - 1, 0, 0),
        show_footer=has_total, header_style="bold", footer_style="bold",
    )  # fmt: skip
    cells = []
    for column, width in zip(columns, widths, strict=True):
        table.add_column(
            column.wrapped(0, column.name, width),
            column.wrapped(0, column.total, width),
            justify="right" if column.is_number else "left",
            no_wrap=True,
            width=width,
        )
        styled = {row: _styled(column.wrapped(*row, width)) for row in set(column.rows)}
        cells.append([styled[row] for row in column.rows])
    for number, row in enumerate(zip(*cells, strict=True)):
        table.add_row(*row, style="bold" if number in headings else None)
    # One column wider than needed: older versions of rich count the omitted padding at the edge.
    text = StringIO()  # not standard output, which may be full: rich writes to it even what it captures
    Console(
        file=text, width=_table_width(widths) + 1, height=1, markup=False, emoji=False, highlight=False,
        force_terminal=uses_color(), color_system="auto" if uses_color() else None,
    ).print(table)  # fmt: skip
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())


def _styled(text: str) -> Text:
    return Text(text, style=STYLES.get(text, ""))
