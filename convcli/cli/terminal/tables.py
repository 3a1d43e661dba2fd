"""Tables for a person: laid out by rich, wrapped to the terminal, never truncated."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from shutil import get_terminal_size
from typing import NamedTuple

from rich.box import SIMPLE
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from convcli.cli.terminal.output import colors_are_shown, escaped, left_to_right, wrapped
from convcli.networks.tables import Column, Table

__all__ = ["table_for_person"]

GAP = 2  # blanks between columns
HANG = 2  # blanks before the further lines of a wrapped text
MIN_OF_TEXT = 12  # columns to which texts are wrapped before table columns are left out,
BESIDE_INDENTS = 9  # or that remain for them beside the deepest indent
INDENTED = 5  # indents take at most this fraction of the terminal: 1/5
STYLES = {"<": "red", ">": "green", "!": "yellow"}  # of the marks in comparisons


class _Shown(NamedTuple):
    """A column as shown.

    Attributes
    ----------
    name : str
    rows : list of (int, str)
        Each text with the blanks before it.
    total : str
    rank, hang : int
    is_number : bool
    deepest, natural, least : int
        The deepest indent; the width without wrapping; the width with every word on a line of its own.
    """

    name: str
    rows: list[tuple[int, str]]
    total: str
    rank: int
    hang: int
    is_number: bool
    deepest: int
    natural: int
    least: int

    @classmethod
    def of(cls, column: Column, depths: Sequence[int], most: int) -> "_Shown":
        texts = [left_to_right(escaped(text)) for text in column.texts]
        is_number = column.is_number  # right-aligned
        decimals = [] if is_number else _at_the_point(column.name, texts)
        rows = decimals or _indented(texts, depths, most)
        hang = 0 if is_number else HANG
        distinct = {(0, column.name), (0, column.total_text), *rows}  # a long network repeats many rows
        return cls(
            column.name,
            rows,
            column.total_text,
            column.rank,
            hang,
            is_number,
            deepest=max(blanks for blanks, _ in distinct),
            natural=max(blanks + cell_len(text) for blanks, text in distinct),
            least=max(
                blanks + hang * bool(place) + cell_len(word)
                for blanks, text in distinct
                for place, word in enumerate(text.split(" "))
            ),
        )

    def comfortable(self, share: int) -> int:
        """Return the width to which texts are wrapped before columns are left out."""
        return max(self.least, min(self.natural, max(share, self.deepest + BESIDE_INDENTS)))

    def folded(self, blanks: int, text: str, width: int) -> str:
        """Return a text, wrapped to a width."""
        return _folded(blanks, text, width, self.hang)


@cache
def _folded(blanks: int, text: str, width: int, hang: int) -> str:
    """Wrap a text between words; a word longer than the width gets a line of its own."""
    lines, line = [], " " * blanks
    for place, word in enumerate(text.split(" ")):
        longer = f"{line} {word}" if place else line + word
        if place and cell_len(longer) > width:
            lines.append(line)
            longer = " " * (blanks + hang) + word
        line = longer
    return "\n".join([*lines, line])


def table_for_person(table: Table) -> str:
    """Lay out a table for the terminal: names in bold, numbers right-aligned, the total below a line.

    On a narrow terminal, texts are wrapped between words; then columns are left out, those of the highest
    rank first, and named below the table. Words and numbers are never broken: if even they do not fit, lines
    are longer than the terminal is wide.

    Examples
    --------
    >>> from convcli.networks.tables import Column
    >>> columns = Column("layer", ["fc 1000"], "total"), Column("params", [1_281_000], 1_281_000)
    >>> print(table_for_person(Table(columns, [0], has_total=True)), end="")
    layer       params
    ──────────────────
    fc 1000  1,281,000
    ──────────────────
    total    1,281,000
    """
    terminal = get_terminal_size().columns
    first, *others = [column for column in table.columns if not column.is_empty]
    flat = [0] * len(table.indents)
    whole = [
        _Shown.of(first, table.indents, terminal // INDENTED),
        *(_Shown.of(column, flat, 0) for column in others),
    ]
    kept = _kept(whole, terminal)
    text = _drawn(kept, _widths(kept, terminal), has_total=table.has_total)
    names = {column.name for column in kept}
    left_out = ", ".join(column.name for column in whole if column.name not in names)
    return f"{text}\n{wrapped(f'left out at a width of {terminal}: {left_out}')}" if left_out else text


def _indented(texts: Sequence[str], depths: Sequence[int], most: int) -> list[tuple[int, str]]:
    """Return each text with its indent; a depth that is too large is written as a number."""
    step = 2 if 2 * max(depths, default=0) <= most else 1
    return [
        (step * depth, text) if step * depth <= most else (most, f"({depth}) {text}")
        for text, depth in zip(texts, depths, strict=True)
    ]


def _at_the_point(name: str, texts: Sequence[str]) -> list[tuple[int, str]]:
    """Return decimals with the indents that align their points; nothing for other texts."""
    if not all(re.fullmatch(r"(-?[0-9]+(\.[0-9]+)?)?", text) for text in texts):
        return []
    wholes = [len(text.partition(".")[0]) for text in texts]
    fraction = max((len(text) - whole for text, whole in zip(texts, wholes, strict=True)), default=0)
    point = max(len(name) - fraction, *wholes)
    return [(point - whole, text) for text, whole in zip(texts, wholes, strict=True)]


def _kept(columns: list[_Shown], terminal: int) -> list[_Shown]:
    """Leave out columns until the others fit, with texts wrapped to a readable width."""
    while True:
        texts = sum(column.natural > column.least for column in columns)
        share = max(MIN_OF_TEXT, terminal // (1 + 2 * texts))
        fits = _total(column.comfortable(share) for column in columns) <= terminal
        highest = max(column.rank for column in columns)
        if fits or highest == 0:
            return columns
        columns = [column for column in columns if column.rank < highest]


def _widths(columns: list[_Shown], terminal: int) -> list[int]:
    """Return the width of each column: wrap where that adds the fewest lines, never within words."""
    widths = [column.natural for column in columns]
    folding = [place for place, column in enumerate(columns) if column.natural > column.least]
    rows: Counter[tuple[tuple[int, str], ...]] = Counter(
        zip(*(columns[place].rows for place in folding), strict=True)
    )

    def lines(narrower: int) -> int:
        """Return the number of lines added by making a column narrower by one."""
        tried = [(columns[place], widths[place] - (place == narrower)) for place in folding]
        more = 0
        for row, count in rows.items():
            parts = [
                column.folded(blanks, text, width)
                for (blanks, text), (column, width) in zip(row, tried, strict=True)
            ]
            more += count * max(part.count("\n") for part in parts)
        return more

    while _total(widths) > terminal and any(widths[place] > columns[place].least for place in folding):
        able = [place for place in folding if widths[place] > columns[place].least]
        widths[min(able, key=lambda place: (lines(place), -widths[place]))] -= 1
    return widths


def _total(widths: Iterable[int]) -> int:
    return sum(width + GAP for width in widths) - GAP


def _drawn(columns: list[_Shown], widths: list[int], *, has_total: bool) -> str:
    # One blank of the gap is rich's padding, the other its separator of columns.
    table = RichTable(
        box=SIMPLE, show_edge=False, pad_edge=False, padding=(0, GAP - 1, 0, 0),
        show_footer=has_total, header_style="bold", footer_style="bold",
    )  # fmt: skip
    cells = []
    for column, width in zip(columns, widths, strict=True):
        table.add_column(
            column.folded(0, column.name, width),
            column.folded(0, column.total, width),
            justify="right" if column.is_number else "left",
            no_wrap=True,
            width=width,
        )
        styled = {row: _styled(column.folded(*row, width)) for row in set(column.rows)}
        cells.append([styled[row] for row in column.rows])
    for row in zip(*cells, strict=True):
        table.add_row(*row)
    # One column wider than needed: older versions of rich count the omitted padding at the edge.
    console = Console(
        width=_total(widths) + 1, height=1, markup=False, emoji=False, highlight=False,
        color_system="auto" if colors_are_shown() else None,
    )  # fmt: skip
    with console.capture() as captured:
        console.print(table)
    return "".join(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def _styled(text: str) -> Text:
    return Text(text, style=STYLES.get(text, ""))
