"""The command line's root: its commands are imported when they are asked for."""

import re
from collections.abc import Sequence
from importlib import import_module
from inspect import cleandoc
from shutil import get_terminal_size
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from convcli import __version__
from convcli.cli.offers import words_of
from convcli.cli.output import write
from convcli.errors import UsageError, suggestion

__all__ = ["COMMANDS", "LONGEST_SUMMARY", "command", "folded"]

COMMANDS = ("apply", "pool", "explain", "learn", "shape", "params", "filters")
LONGEST_SUMMARY = 200  # is wrapped, not cut
WIDEST, NARROWEST = 100, 30  # columns of a help page
NARROW = 60  # the names of options leave little room to what they mean


def _show_help(context: Any, _: object, is_asked: bool) -> None:
    if is_asked and not context.resilient_parsing:
        write(f"{context.get_help()}\n")
        context.exit()


class WrittenHelp:
    """A command whose help page is written as every answer is, and fits narrow terminals."""

    def get_help_option(self, ctx: Any) -> Any:
        """Return the option that shows the help page."""
        option = super().get_help_option(ctx)  # type: ignore[misc] # of the command that it is mixed with
        if option is not None:
            option.callback = _show_help
        return option

    def format_help_text(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 -- the parent's signature
        """Write what the command does; an example that is too long has its remark below."""
        lines = cleandoc(self.help or "").splitlines()  # type: ignore[attr-defined] # as above
        formatter.write_paragraph()
        with formatter.indentation():
            room = formatter.width - formatter.current_indent
            formatter.write_text("\n".join(line if len(line) <= room else folded(line) for line in lines))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments and the options."""
        for title, kind in (("Arguments", "argument"), ("Options", "option")):
            given = [one for one in self.get_params(ctx) if one.param_type_name == kind]  # type: ignore[attr-defined] # as above
            _write_rows(formatter, title, [one.get_help_record(ctx) for one in given])


def folded(line: str) -> str:
    """Put the remark behind an example below it.

    Examples
    --------
    >>> print(folded("convcli shape --n 32 --f 5   28x28"))
    convcli shape --n 32 --f 5
        28x28
    """
    return re.sub(r"^(convcli .*?) {2,}(.*)", r"\1\n    \2", line)


def _write_rows(formatter: Any, title: str, rows: Sequence[tuple[str, str] | None]) -> None:
    """Write a section of names and what they mean, if there are any; None stands for a hidden one."""
    told = [row for row in rows if row is not None]
    if told:
        with formatter.section(title):
            formatter.write_dl(told, col_max=30 if formatter.width > NARROW else formatter.width // 3)


def _settings() -> dict[str, object]:
    width = max(min(get_terminal_size().columns, WIDEST), NARROWEST)
    return {"help_option_names": ["-h", "--help"], "terminal_width": width - 2}


class Command(WrittenHelp, TyperCommand):
    """A command."""


class Commands(WrittenHelp, TyperGroup):
    """The commands, each in the module of its name."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 -- the parent's signature
        """Return the names in the order of the help page."""
        return list(COMMANDS)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the commands, which the page is read for, and the options."""
        built = [(name, self.get_command(ctx, name)) for name in COMMANDS]
        _write_rows(
            formatter, "Commands", [(name, one.get_short_help_str(LONGEST_SUMMARY)) for name, one in built]
        )
        super().format_options(ctx, formatter)

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand:  # noqa: ARG002 -- the parent's signature
        """Import a command.

        Raises
        ------
        UsageError
            There is none of that name.
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
        typer.Option("--install-completion", help="Complete by the Tab key, as in --shell zsh."),
    ] = False,
    show: Annotated[
        bool,
        typer.Option(
            "--show-completion", help="Print what --install-completion lets the shell load.", hidden=True
        ),
    ] = False,
    shell: Annotated[
        str | None,
        typer.Option(
            "--shell",
            help="Shell to complete in: bash, zsh or fish; the one that runs this unless given.",
            metavar="SHELL",
            hidden=True,
            autocompletion=words_of("convcli.cli.shells:Shell"),
        ),
    ] = None,
) -> None:
    """Convolve real pictures and do the arithmetic of convolutional networks.

    \b
    convcli apply photo.png --filter sobel-x    find the edges of a picture
    convcli explain photo.png --filter sobel-x  work one of its numbers out
    convcli params resnet18                     a network's parameters and costs

    Help: convcli help apply; help layers. Manual: convcli --man | man -l -
    """
    if version:
        write(f"convcli {__version__}\n")
    elif manual:
        from convcli.cli.manual import manual_page  # late, here and below: few ask for it

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
