"""Output formats of tables: which one the options ask for, and how a table is printed in it."""

from collections.abc import Sequence
from enum import StrEnum

from convcli.cli.terminal.output import is_human_readable, labeled_text, write
from convcli.errors import UsageError
from convcli.networks.tables import Table

__all__ = ["OutputFormat", "print_table"]


class OutputFormat(StrEnum):
    """Output format of a table; TEXT is laid out for a person."""

    TEXT = "text"
    TSV = "tsv"
    CSV = "csv"
    MARKDOWN = "md"
    JSON = "json"

    @classmethod
    def read(cls, *, json: bool, csv: bool, markdown: bool) -> "OutputFormat":
        """Return the format requested; by default TEXT on a terminal, TSV elsewhere.

        Raises
        ------
        UsageError
            Two formats are requested.
        """
        is_requested = {cls.JSON: json, cls.CSV: csv, cls.MARKDOWN: markdown}
        requested = [output_format for output_format, is_set in is_requested.items() if is_set]
        if len(requested) > 1:
            raise UsageError(f"--{requested[0]}", f"cannot be combined with --{requested[1]}; choose one")
        if requested:
            return requested[0]
        return cls.TEXT if is_human_readable() else cls.TSV


def print_table(table: Table, output_format: OutputFormat, summary: Sequence[tuple[str, str]] = ()) -> None:
    """Print a table; on a terminal, with a summary below it."""
    if output_format == OutputFormat.TEXT:
        from convcli.cli.terminal.tables import format_table  # late: a pipe needs no rich

        write(f"{format_table(table)}\n{labeled_text(summary)}")
    else:
        write(
            {
                OutputFormat.TSV: table.as_tsv,
                OutputFormat.CSV: table.as_csv,
                OutputFormat.MARKDOWN: table.as_markdown,
            }[output_format]()
        )
