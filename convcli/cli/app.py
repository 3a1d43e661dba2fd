"""The command line's root: its commands are imported when they are asked for."""

from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from convcli import __version__
from convcli.cli.output import write
from convcli.errors import UsageError, suggestion

__all__ = ["command"]

COMMANDS = ("apply", "pool", "explain", "learn", "shape", "params", "filters")
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def _show_help(context: Any, _: object, is_asked: bool) -> None:
    if is_asked and not context.resilient_parsing:
        write(f"{context.get_help()}\n")
        context.exit()


class WrittenHelp:
    """A command whose help page is written as every answer is."""

    def get_help_option(self, ctx: Any) -> Any:
        """Return the option that shows the help page."""
        option = super().get_help_option(ctx)  # type: ignore[misc] # of the command that it is mixed with
        if option is not None:
            option.callback = _show_help
        return option


class Command(WrittenHelp, TyperCommand):
    """A command."""


class Commands(WrittenHelp, TyperGroup):
    """The commands, each in the module of its name."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 -- the parent's signature
        """Return the names in the order of the help page."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand:  # noqa: ARG002 -- the parent's signature
        """Import a command.

        Raises
        ------
        UsageError
            There is none of that name.
        """
        if cmd_name not in COMMANDS:
            raise UsageError(cmd_name[:100], f"unknown command: {suggestion(cmd_name, COMMANDS)}")
        module = import_module(f"convcli.cli.{cmd_name}")
        single = typer.Typer(add_completion=False, rich_markup_mode=None)
        single.command(cmd_name, cls=Command, context_settings=CONTEXT)(getattr(module, cmd_name))
        built = typer.main.get_command(single)
        assert isinstance(built, TyperCommand)
        return built


def command() -> TyperGroup:
    """Build the root command."""
    app = typer.Typer(cls=Commands, rich_markup_mode=None, context_settings=CONTEXT)
    app.callback(invoke_without_command=True)(convcli)
    built = typer.main.get_command(app)
    assert isinstance(built, TyperGroup)
    return built


def convcli(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Convolve real pictures and do the arithmetic of convolutional networks.

    \b
    convcli apply photo.png --filter sobel-x    filter a picture
    convcli filters                             the filters there are
    convcli pool photo.png --f 2                shrink it by pooling
    convcli learn photo.png photo-sobel-x.png --abs
                                                find the filter that made it
    convcli shape --n 32 --f 5                  output size of a layer
    convcli params --f 5 --c-in 3 --c-out 6     its parameters
    convcli params resnet18                     parameters and costs of a network

    Each command's --help has examples.
    """
    if version:
        write(f"convcli {__version__}\n")
        raise typer.Exit
    if context.invoked_subcommand is None:
        write(f"{context.get_help()}\n")
