"""The root of the command line: it imports a command when that is asked for, and writes the help pages."""

import re
from collections.abc import Sequence
from copy import copy
from importlib import import_module
from inspect import cleandoc
from shutil import get_terminal_size
from textwrap import wrap
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from convcli import __version__
from convcli.cli.offers import words_of
from convcli.cli.output import write
from convcli.errors import UsageError, suggestion

__all__ = ["ARGUMENTS", "COMMANDS", "LONGEST_SUMMARY", "command", "folded", "paragraphs", "parameter_groups"]

COMMANDS = ("apply", "pool", "explain", "learn", "shape", "params", "filters")
LONGEST_SUMMARY = 200  # characters; longer than any, so that summaries are wrapped and never truncated
WIDEST, NARROWEST = 100, 30  # columns of a help page
NARROW = 60  # columns below which descriptions go below the names of options instead of beside them
MAX_NAME_WIDTH = 30  # columns; the description of an option with a longer name starts on the next line
MAX_UNGROUPED = 10  # options that are listed without headings
INDENT, GAP = 2, 2  # columns before a name, and between a name and its description
ARGUMENTS, OPTIONS, COMMON_OPTIONS = "Arguments", "Options", "Common options"


def _show_help(context: Any, _: object, is_asked: bool) -> None:
    if is_asked and not context.resilient_parsing:
        write(f"{context.get_help()}\n")
        context.exit()


class WrittenHelp:
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
                room = formatter.width - INDENT
                lines = [
                    part
                    for line in examples
                    for part in (line if len(line) <= room else folded(line)).splitlines()
                ]
                formatter.write("".join(f"{' ' * INDENT}{line}\n" for line in lines))
            else:
                formatter.write("".join(f"{line}\n" for line in _wrapped(paragraph, formatter.width, INDENT)))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments and the options, under their headings."""
        for heading, rows in parameter_groups(self, ctx).items():
            _write_rows(formatter, heading, rows)


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
    is_short = sum(one.param_type_name == "option" for one in parameters) <= MAX_UNGROUPED
    for parameter in parameters:
        shown = copy(parameter)
        if shown.hidden and not hidden:
            continue
        shown.hidden = False
        names, meaning = shown.get_help_record(context)
        row = names, re.sub(r"\.?  \[default: (.*)\]$", r" (default: \1).", meaning)
        heading = OPTIONS if is_short else getattr(parameter, "rich_help_panel", None) or COMMON_OPTIONS
        groups.setdefault(ARGUMENTS if parameter.param_type_name == "argument" else heading, []).append(row)
    return {heading: rows for heading, rows in groups.items() if rows}


def folded(line: str) -> str:
    """Move the remark of an example to a line of its own.

    Examples
    --------
    >>> print(folded("convcli shape --n 32 --f 5   28x28"))
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


def _write_rows(formatter: Any, heading: str, rows: Sequence[tuple[str, str]]) -> None:
    """Write a section of names and their descriptions."""
    beside = INDENT + min(max(len(name) for name, _ in rows), MAX_NAME_WIDTH) + GAP
    indent = 2 * INDENT + GAP if formatter.width <= NARROW else beside
    with formatter.section(heading):
        for name, meaning in rows:
            label = f"{' ' * INDENT}{name}"
            lines = _wrapped(meaning, formatter.width, indent)
            if lines and len(label) + GAP <= indent:
                lines[0] = label + lines[0][len(label) :]
            else:
                lines.insert(0, label)
            formatter.write("".join(f"{line}\n" for line in lines))


def _settings() -> dict[str, object]:
    width = max(min(get_terminal_size().columns, WIDEST), NARROWEST)
    return {"help_option_names": ["-h", "--help"], "terminal_width": width - 2}


class Command(WrittenHelp, TyperCommand):
    """A command."""


class Commands(WrittenHelp, TyperGroup):
    """The commands, each in a module of its own name."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 -- the parent's signature
        """Return the names in the order of the help page."""
        return list(COMMANDS)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the commands, then the options."""
        built = [(name, self.get_command(ctx, name)) for name in COMMANDS]
        _write_rows(
            formatter, "Commands", [(name, one.get_short_help_str(LONGEST_SUMMARY)) for name, one in built]
        )
        super().format_options(ctx, formatter)

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand:  # noqa: ARG002 -- the parent's signature
        """Import a command and build it.

        Raises
        ------
        UsageError
            There is no command of that name.
        """
        if cmd_name not in (*COMMANDS, "help"):
            raise UsageError(cmd_name[:100], f"unknown command: {suggestion(cmd_name, (*COMMANDS, 'help'))}")
        module = import_module(f"convcli.cli.{cmd_name}")
        single = typer.Typer(add_completion=False, rich_markup_mode=None)
        single.command(cmd_name, cls=Command, context_settings=_settings())(getattr(module, cmd_name))
        built = typer.main.get_command(single)
        assert isinstance(built, TyperCommand)
        return built


def command() -> TyperGroup:
    """Build the root command."""
    app = typer.Typer(cls=Commands, add_completion=False, rich_markup_mode=None, context_settings=_settings())
    app.callback(invoke_without_command=True)(convcli)
    built = typer.main.get_command(app)
    assert isinstance(built, TyperGroup)
    return built


def convcli(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    manual: Annotated[
        bool, typer.Option("--man", help="Print the manual page, for man -l -.", hidden=True)
    ] = False,
    install: Annotated[
        bool,
        typer.Option(
            "--install-completion",
            help="Install Tab completion, as in --shell zsh.",
        ),
    ] = False,
    show: Annotated[
        bool,
        typer.Option(
            "--show-completion", help="Print the script that --install-completion installs.", hidden=True
        ),
    ] = False,
    shell: Annotated[
        str | None,
        typer.Option(
            "--shell",
            help="Shell to complete in: bash, zsh or fish (default: the shell that runs convcli).",
            metavar="SHELL",
            hidden=True,
            autocompletion=words_of("convcli.cli.shells:Shell"),
        ),
    ] = None,
) -> None:
    """Convolve real pictures and do the arithmetic of convolutional networks.

    \b
    convcli apply photo.png --filter sobel-x    find the edges of a picture
    convcli explain photo.png --filter sobel-x  see how one value is computed
    convcli params resnet18                     a network's parameters and costs

    More: convcli help apply; convcli help layers; convcli --man | man -l -
    """
    if version:
        write(f"convcli {__version__}\n")
    elif manual:
        from convcli.cli.manual import manual_page  # late, here and below: seldom needed

        write(manual_page(command()))
    elif install or show:
        from convcli.cli.shells import install_completion, running_shell, script

        one = running_shell(shell)
        write(script(one)) if show else install_completion(one)
    elif shell is not None:
        raise UsageError("--shell", "goes with --install-completion or --show-completion")
    elif context.invoked_subcommand is None:
        write(f"{context.get_help()}\n")
        return
    else:
        return
    raise typer.Exit
