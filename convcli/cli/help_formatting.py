"""Help pages: option groups, examples and folding to the width of the terminal."""

import re
from collections.abc import Sequence
from copy import copy
from inspect import cleandoc
from textwrap import wrap
from typing import Any

from convcli.cli.terminal.output import write

__all__ = [
    "ARGUMENTS",
    "MAX_SUMMARY",
    "PlainTextHelp",
    "paragraphs",
    "parameter_groups",
    "split_remark",
    "write_rows",
]
MAX_NARROW = 60  # columns below which descriptions go below the names of options instead of beside them
MAX_NAME_WIDTH = 30  # columns; the description of an option with a longer name starts on the next line
MAX_SUMMARY = 200  # characters; longer than any, so that summaries are wrapped and never truncated
MAX_UNGROUPED = 10  # options that are listed without headings
INDENT, GAP = 2, 2  # columns before a name, and between a name and its description
ARGUMENTS, OPTIONS, COMMON_OPTIONS = "Arguments", "Options", "Common options"


def _show_help(context: Any, _: object, is_set: bool) -> None:
    """Show the help page, with the options that the overview of ``convcli`` alone has no room for."""
    if is_set and not context.resilient_parsing:
        for parameter in context.command.params:
            parameter.hidden = False
        write(f"{context.get_help()}\n")
        context.exit()


class PlainTextHelp:
    """A command whose help page is plain text, wrapped between words to the width of the terminal."""

    def get_help_option(self, ctx: Any) -> Any:
        """Return the option that shows the help page."""
        option = super().get_help_option(ctx)  # type: ignore[misc] # of the command that it is mixed with
        if option is not None:
            option.callback = _show_help
        return option

    def format_help_text(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 -- the parent's signature
        """Write the description; the remark of an example that is too long goes on the next line."""
        for paragraph in paragraphs(self):
            formatter.write_paragraph()
            if paragraph.startswith("\b"):
                examples = paragraph.splitlines()[1:]
                width = formatter.width - INDENT
                lines = [
                    part
                    for line in examples
                    for part in (line if len(line) <= width else split_remark(line)).splitlines()
                ]
                formatter.write("".join(f"{' ' * INDENT}{line}\n" for line in lines))
            else:
                formatter.write("".join(f"{line}\n" for line in _wrapped(paragraph, formatter.width, INDENT)))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments and the options, under their headings."""
        for heading, rows in parameter_groups(self, ctx).items():
            write_rows(formatter, heading, rows)


def paragraphs(command: Any) -> list[str]:
    """Return the paragraphs of a command's description; those of examples begin with a line of their own."""
    return re.split(r"\n\s*\n", cleandoc(command.help or ""))


def parameter_groups(command: Any, context: Any, *, hidden: bool = False) -> dict[str, list[tuple[str, str]]]:
    """Return the names and descriptions of a command's parameters by heading.

    Arguments come first, then the options that have no heading of their own, as they are what everyone needs,
    then the other options. A short list of options is not divided.

    Parameters
    ----------
    command, context
        The command and its context.
    hidden : bool
        Include the hidden options.
    """
    groups: dict[str, list[tuple[str, str]]] = {ARGUMENTS: [], COMMON_OPTIONS: []}
    parameters = command.get_params(context)
    is_short = sum(parameter.param_type_name == "option" for parameter in parameters) <= MAX_UNGROUPED
    for parameter in parameters:
        if parameter.hidden and not hidden:
            continue
        visible = copy(parameter)
        visible.hidden = False
        names, description = visible.get_help_record(context)
        row = names, re.sub(r"\.?  \[default: (.*)\]$", r" (default: \1).", description)
        heading = OPTIONS if is_short else getattr(parameter, "rich_help_panel", None) or COMMON_OPTIONS
        groups.setdefault(ARGUMENTS if parameter.param_type_name == "argument" else heading, []).append(row)
    return {heading: rows for heading, rows in groups.items() if rows}


def split_remark(line: str) -> str:
    """Move the remark of an example to a line of its own.

    Examples
    --------
    >>> print(split_remark("convcli shape --n 32 --f 5   28x28"))
    convcli shape --n 32 --f 5
        28x28
    """
    return re.sub(r"^(convcli .*?) {2,}(.*)", r"\1\n    \2", line)


def _wrapped(text: str, width: int, indent: int) -> list[str]:
    """Wrap a text between words; a longer word is never broken."""
    blanks = " " * indent
    return wrap(
        text,
        width,
        initial_indent=blanks,
        subsequent_indent=blanks,
        break_long_words=False,
        break_on_hyphens=False,
    )


def write_rows(formatter: Any, heading: str, rows: Sequence[tuple[str, str]]) -> None:
    """Write a section of names and their descriptions."""
    beside_names = INDENT + min(max(len(name) for name, _ in rows), MAX_NAME_WIDTH) + GAP
    indent = 2 * INDENT + GAP if formatter.width <= MAX_NARROW else beside_names
    with formatter.section(heading):
        for name, description in rows:
            label = f"{' ' * INDENT}{name}"
            lines = _wrapped(description, formatter.width, indent)
            if lines and len(label) + GAP <= indent:
                lines[0] = label + lines[0][len(label) :]
            else:
                lines.insert(0, label)
            formatter.write("".join(f"{line}\n" for line in lines))
