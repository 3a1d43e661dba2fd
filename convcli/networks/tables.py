"""Tables of a network, with one row per layer; and tables and columns as such."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from convcli.networks.layer_types.base import Size
from convcli.networks.rows import Row, table_rows
from convcli.sizes.text import format_number, format_padding, format_size, joined_if_different

if TYPE_CHECKING:
    from convcli.networks.network import Network
    from convcli.networks.stages import ReceptiveFields, Stage

__all__ = [
    "AtLeast",
    "Cell",
    "Column",
    "Table",
    "module_columns",
    "network_table",
    "params_table",
    "receptive_field_texts",
    "shape_table",
    "sum_cell",
]

Cell = str | int | None
AXIS_NAMES = {1: ("position",), 2: ("row", "col"), 3: ("slice", "row", "col")}  # by the number of axes
UNKNOWN = "?"  # a number that an unknown operation of a model file hides
UNUSED = "used by no layer"  # a row of parameters


class AtLeast(int):
    """A sum of which some summands are not known.

    Examples
    --------
    >>> str(AtLeast(4200)), f"{AtLeast(4200):,}".split()
    ('at least 4200', ['at', 'least', '4,200'])
    """

    __slots__ = ()

    def __str__(self) -> str:
        return f"at least {int(self)}"

    def __format__(self, specification: str) -> str:
        return f"at\N{NO-BREAK SPACE}least\N{NO-BREAK SPACE}{int(self):{specification}}"


class Column(NamedTuple):
    """A column of a table.

    Attributes
    ----------
    name : str
    cells : list
        One per row; None if unknown or absent.
    total : str, int or None
        The cell of the total row.
    rank : int
        0 for essential columns; on a narrow terminal, columns of higher rank are dropped first.
    """

    name: str
    cells: list[Cell]
    total: Cell = None
    rank: int = 0

    @property
    def is_number(self) -> bool:
        """Whether it holds numbers, which are right-aligned."""
        return any(isinstance(cell, int) for cell in self.cells)

    @property
    def is_empty(self) -> bool:
        """Whether it holds nothing worth showing."""
        return not any(cell if self.rank else cell not in (None, "") for cell in self.cells)

    @property
    def texts(self) -> list[str]:
        """The cells as text: thousands separated by commas, empty for None."""
        return [_format_cell(cell) for cell in self.cells]

    @property
    def total_text(self) -> str:
        """The total as text."""
        return _format_cell(self.total)


class Table(NamedTuple):
    """Columns of equal length; the first names the rows.

    Attributes
    ----------
    columns : tuple of Column
    indents : list of int
        Nesting depth of each row.
    has_total : bool
    headings : frozenset of int
        Numbers of the rows that are sums of those below them.
    """

    columns: tuple[Column, ...]
    indents: list[int]
    has_total: bool = False
    headings: frozenset[int] = frozenset()

    def as_text(self) -> str:
        """Return plain text of any width: columns aligned, thousands separated by commas."""
        columns = [column for column in self.columns if not column.is_empty]
        rows = zip(*map(self._aligned, columns), strict=True)
        return "".join("  ".join(row).rstrip() + "\n" for row in rows)

    def as_tsv(self) -> str:
        """Return tab-separated values, with a header."""
        return "".join("\t".join(row) + "\n" for row in self._rows())

    def as_csv(self) -> str:
        """Return comma-separated values, with a header."""
        import csv
        from io import StringIO

        text = StringIO()
        csv.writer(text, lineterminator="\n").writerows(self._rows())
        return text.getvalue()

    def as_markdown(self) -> str:
        """Return a Markdown table."""
        header, *rows = ([cell.replace("|", "\\|") for cell in row] for row in self._rows())
        marks = ["--:" if column.is_number else ":--" for column in self.columns]
        return "".join(f"| {' | '.join(row)} |\n" for row in (header, marks, *rows))

    def _rows(self) -> Iterable[list[str]]:
        yield [column.name for column in self.columns]
        count = len(self.columns[0].cells)
        for number in range(count):
            yield [_raw_text(column.cells[number]) for column in self.columns]
        if self.has_total:
            yield [_raw_text(column.total) for column in self.columns]

    def _aligned(self, column: Column) -> list[str]:
        """Return the texts of a column, with its name first, padded to equal width."""
        texts = column.texts
        if column is self.columns[0]:
            texts = ["  " * indent + text for indent, text in zip(self.indents, texts, strict=True)]
        lines = [column.name, *texts, *[column.total_text] * self.has_total]
        width, is_number = max(map(len, lines)), column.is_number
        return [line.rjust(width) if is_number else line.ljust(width) for line in lines]


def _raw_text(cell: Cell) -> str:
    """Return a cell as text in one line; names in model files can hold anything."""
    text = "" if cell is None else str(cell)
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def _format_cell(cell: Cell) -> str:
    return f"{cell:,}" if isinstance(cell, int) else cell or ""


# The tables of a network ----------------------------------------------------------------------------------


def shape_table(network: Network, rows: Sequence[Row] | None = None) -> Table:
    """Return a table of sizes: output size, receptive field, padding and unread pixels of each row.

    Without `rows`, there is one row per layer.

    Columns: ``layer``, ``output``; ``field``: rows and columns of the input that a unit sees; ``jump``: input
    pixels from one unit to the next; ``centre`` of the first unit (the center of pixel 0 is at 0);
    ``padding`` applied; ``unread``: rows and columns of the layer's input that no window reads; ``module`` in
    a model file.

    Examples
    --------
    >>> from convcli.networks.sources import network
    >>> print(shape_table(network("conv 8 f7 s2, maxpool f2", (32, 32, 3))).as_text(), end="")
    layer         output  field  jump  centre  unread
    conv 8 f7 s2  13x13x8     7     2       3  1 row, 1 col
    maxpool f2    6x6x8       9     4       4  1 row, 1 col
    """
    rows = table_rows(network) if rows is None else rows
    groups = [row.stages for row in rows]
    last = [group[-1] for group in groups]
    fields = [receptive_field_texts(stage.fields) for stage in last]
    return network_table(
        [
            Column("layer", [row.label for row in rows]),
            Column("output", [format_size(stage.output) for stage in last]),
            Column("field", [_number_or_text(field) for field, _, _ in fields]),
            Column("jump", [_number_or_text(jump) for _, jump, _ in fields], rank=1),
            Column("centre", [center for _, _, center in fields], rank=2),
            Column("padding", [_padding_text(group) for group in groups], rank=3),
            Column("unread", [None if row.is_heading else _unread_text(row.stages) for row in rows]),
            *module_columns(rows),
        ],
        rows,
    )


def params_table(network: Network, rows: Sequence[Row] | None = None, *, versus_dense: bool = False) -> Table:
    """Return a table of parameters and costs: output size, shapes of weights and bias, totals.

    Without `rows`, there is one row per layer.

    Columns: ``layer``, ``output``, ``params``, ``MACs``, ``activations``, ``weights``, ``bias``,
    ``statistics``, ``module`` in a model file; with `versus_dense`, those from ``activations`` to
    ``statistics`` are replaced by the costs of the dense layer between the same sizes, for convolutions.

    Examples
    --------
    >>> from convcli.networks.sources import network
    >>> print(params_table(network("conv 6 f5, flatten, fc 10", (32, 32, 3))).as_text(), end="")
    layer      output   params     MACs  activations  weights  bias
    conv 6 f5  28x28x6     456  352,800        4,704  5x5x3x6  1x1x1x6
    flatten    4704          0        0        4,704
    fc 10      10       47,050   47,040           10  4704x10  10
    total      10       47,506  399,840        9,418
    """
    rows = table_rows(network) if rows is None else rows
    groups = [row.stages for row in rows]
    outputs: list[Cell] = [format_size(group[-1].output) for group in groups]
    columns = [
        Column("layer", [row.label for row in rows], "total"),
        Column("output", outputs, format_size(network.output), rank=2 if versus_dense else 1),
        _sums("params", network.layers, groups, "params", 1 if versus_dense else 0),
        _sums("MACs", network.layers, groups, "macs", 4 if versus_dense else 2),
    ]
    if versus_dense:
        everything, *dense = (
            [stage.dense_equivalent or stage for stage in group] for group in (network.layers, *groups)
        )
        columns += [
            _sums("dense params", everything, dense, "params"),
            _sums("dense MACs", everything, dense, "macs", 3),
        ]
    else:
        shapes = [
            (group[0].weights, group[0].biases) if len(group) == 1 else (None, None) for group in groups
        ]
        columns += [
            _sums("activations", network.layers, groups, "activations", 3),
            Column("weights", [_size_text(weights) for weights, _ in shapes], rank=4),
            Column("bias", [_size_text(biases) for _, biases in shapes], rank=5),
            _sums("statistics", network.layers, groups, "statistics", 6),
        ]
    columns += module_columns(rows)
    if network.unused_params:
        columns = [_with_unused(column, network.unused_params) for column in columns]
        rows = [*rows, Row((), UNUSED)]
    return network_table(columns, rows, has_total=True)


def _with_unused(column: Column, count: int) -> Column:
    """Return a column with a cell more, for parameters that no layer uses."""
    if column.name != "params":
        cell = UNUSED if column.name == "layer" else None
        return column._replace(cells=[*column.cells, cell])
    total = column.total
    sum_with_unused = type(total)(total + count) if isinstance(total, int) else AtLeast(count)
    return column._replace(cells=[*column.cells, count], total=sum_with_unused)


def network_table(columns: Sequence[Column], rows: Sequence[Row], *, has_total: bool = False) -> Table:
    """Return a table of columns whose rows are those of a network."""
    headings = frozenset(number for number, row in enumerate(rows) if row.is_heading)
    return Table(tuple(columns), [row.indent for row in rows], has_total, headings)


def module_columns(rows: Sequence[Row]) -> list[Column]:
    """Return the column of the modules; none for text, and where the rows are arranged by module."""
    if not any(row.module for row in rows):
        return []
    return [Column("module", [row.module or None for row in rows], rank=7)]


def _sums(
    name: str, layers: Sequence[Stage], groups: Sequence[Sequence[Stage]], count: str, rank: int = 0
) -> Column:
    """Return the sums of a count of the layers, such as `params`, for each group and for all layers."""
    return Column(name, [sum_cell(group, count) for group in groups], sum_cell(layers, count), rank)


def sum_cell(layers: Sequence[Stage], count: str) -> Cell:
    """Return the sum of a count, such as ``params``; if some of it is unknown, an `AtLeast` or ``?``."""
    if len(layers) == 1 and (number := getattr(layers[0], count)) is not None:
        return int(number)
    numbers: list[int | None] = [getattr(stage, count) for stage in layers]
    known = sum(filter(None, numbers))
    if None not in numbers:
        return known
    if not any(stage.is_uncounted for stage in layers):
        return None
    return AtLeast(known) if known else UNKNOWN


def _size_text(size: Size | None) -> str | None:
    return None if size is None else format_size(size)


def receptive_field_texts(fields: ReceptiveFields | None) -> tuple[str, str, str]:
    """Return field size, jump and center of the first unit; ``all`` is the whole image.

    Examples
    --------
    >>> from convcli.networks.receptive_fields import ReceptiveField
    >>> from convcli.sizes.windowed import Axis
    >>> strided = ReceptiveField().through(Axis(side=9, window=6, stride=2, before=1))
    >>> receptive_field_texts((strided, ReceptiveField()))
    ('6x1', '2x1', '1.5x0')
    """
    if fields is None:
        return "all", "", ""
    sizes = ["all" if field.size is None else f"{field.size}" for field in fields]
    jumps = [format_number(field.jump) for field in fields]
    centers = [format_number(field.center) for field in fields]
    return joined_if_different(sizes), joined_if_different(jumps), joined_if_different(centers)


def _number_or_text(text: str) -> Cell:
    return int(text) if text.isdecimal() else text


def _padding_text(group: Sequence[Stage]) -> str | None:
    """Return the padding of a single layer; for a transposed convolution, what is cut off."""
    axes = group[0].axes
    if len(group) > 1 or axes is None:
        return None
    amounts: Any = tuple((axis.before, axis.after) for axis in axes)
    return format_padding(amounts) if any(map(any, amounts)) else None


def _unread_text(group: Sequence[Stage]) -> str | None:
    """Return the numbers of rows and columns that are never read; None if all are read."""
    if len(group) > 1:
        count = sum(_unread_text([stage]) is not None for stage in group)
        return f"in {count} layer{'s'[: count != 1]}" if count else None
    counts = [axis.unread_count() for axis in group[0].axes or ()]
    texts = [
        f"{'?' if count is None else count} {name}{'s'[: count != 1]}"
        for count, name in zip(counts, AXIS_NAMES.get(len(counts), ()), strict=False)
        if count != 0
    ]
    return ", ".join(texts) or None
