"""Output formats of tables: which one the options ask for, and how a table is printed in it."""

from collections.abc import Sequence
from enum import StrEnum

from convcli.cli.terminal.output import answer_is_shown, shown, write
from convcli.errors import UsageError
from convcli.networks.tables import Table

__all__ = ["OutputFormat", "output_format", "print_table"]


class OutputFormat(StrEnum):
    """Output format of a table; SHOWN is laid out for a terminal."""

    SHOWN = "shown"
    TSV = "tsv"
    CSV = "csv"
    MARKDOWN = "md"
    JSON = "json"


def output_format(*, json: bool, csv: bool, markdown: bool) -> OutputFormat:
    """Return the format requested; by default a table on a terminal, tab-separated values elsewhere.

    Raises
    ------
    UsageError
        Two formats are requested.
    """
    asked = [
        form
        for form, is_asked in (
            (OutputFormat.JSON, json),
            (OutputFormat.CSV, csv),
            (OutputFormat.MARKDOWN, markdown),
        )
        if is_asked
    ]
    if len(asked) > 1:
        raise UsageError(f"--{asked[0]}", f"cannot be combined with --{asked[1]}; choose one")
    if asked:
        return asked[0]
    return OutputFormat.SHOWN if answer_is_shown() else OutputFormat.TSV


def print_table(table: Table, form: OutputFormat, summary: Sequence[tuple[str, str]] = ()) -> None:
    """Print a table; on a terminal, with a summary below it."""
    if form == OutputFormat.SHOWN:
        from convcli.cli.terminal.tables import table_for_person  # late: a pipe needs no rich

        write(f"{table_for_person(table)}\n{shown(summary)}")
    else:
        write(
            {
                OutputFormat.TSV: table.as_tsv,
                OutputFormat.CSV: table.as_csv,
                OutputFormat.MARKDOWN: table.as_markdown,
            }[form]()
        )
