"""Output formats of tables: which one the options ask for, and how a table is printed in it."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

from convcli.cli.options.declarations import check_exclusive
from convcli.cli.terminal.output import is_human_readable, labeled_text, write

if TYPE_CHECKING:
    from convcli.networks.tables import Table

__all__ = ["TableFormat", "print_table"]


class TableFormat(StrEnum):
    """Output format of a table; TEXT is laid out for a person."""

    TEXT = "text"
    TSV = "tsv"
    CSV = "csv"
    MARKDOWN = "md"
    JSON = "json"

    @classmethod
    def read(cls, *, json: bool, csv: bool = False, markdown: bool = False) -> "TableFormat":
        """Return the format requested; by default TEXT on a terminal, TSV elsewhere.

        Raises
        ------
        UsageError
            Two formats are requested.
        """
        requested = {cls.JSON: json, cls.CSV: csv, cls.MARKDOWN: markdown}
        check_exclusive({f"--{output_format}": is_set for output_format, is_set in requested.items()})
        for output_format, is_set in requested.items():
            if is_set:
                return output_format
        return cls.TEXT if is_human_readable() else cls.TSV


def print_table(
    table: "Table", output_format: TableFormat, summary: Callable[[], Sequence[tuple[str, str]]] = list
) -> None:
    """Print a table; on a terminal, with a summary below it, which is computed only then."""
    if output_format == TableFormat.TEXT:
        from convcli.cli.terminal.table_layout import format_table  # late: a pipe needs no rich

        write(f"{format_table(table)}\n{labeled_text(summary())}")
    else:
        write(
            {
                TableFormat.TSV: table.as_tsv,
                TableFormat.CSV: table.as_csv,
                TableFormat.MARKDOWN: table.as_markdown,
            }[output_format]()
        )
