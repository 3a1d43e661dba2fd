"""``convcli help``: the help page of a command, or of the words of layers."""

from shutil import get_terminal_size
from typing import Annotated

import typer
from typer.core import TyperGroup

from convcli.cli.offers import Offered
from convcli.cli.output import write

__all__ = ["help"]

LAYERS, WIDEST = "layers", 100


def _commands(incomplete: str) -> Offered:  # noqa: ARG001 -- Typer looks for this name
    from convcli.cli.app import COMMANDS  # late: it loads this module

    return [*((name, "") for name in COMMANDS), (LAYERS, "the words of networks")]


def help(
    context: typer.Context,
    command: Annotated[
        str | None,
        typer.Argument(
            metavar="[COMMAND]", help="A command, as in apply; or layers.", autocompletion=_commands
        ),
    ] = None,
) -> int:
    """Show the help page of a command, or of the words of layers.

    \b
    convcli help apply
    convcli help layers
    """
    root = context.find_root()
    assert isinstance(root.command, TyperGroup)
    if command is None:
        write(f"{root.get_help()}\n")
        return 0
    if command == LAYERS:
        from convcli.cli.topics import layer_page  # late: few ask for it

        write(layer_page(min(get_terminal_size().columns, WIDEST)))
        return 0
    asked = root.command.get_command(root, command)
    assert asked is not None
    write(f"{typer.Context(asked, info_name=command, parent=root).get_help()}\n")
    return 0
