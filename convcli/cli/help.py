"""``convcli help``: the help page of a command."""

from typing import Annotated

import typer
from typer.core import TyperGroup

from convcli.cli.offers import Offered
from convcli.cli.output import write

__all__ = ["help"]


def _commands(incomplete: str) -> Offered:  # noqa: ARG001 -- Typer looks for this name
    from convcli.cli.app import COMMANDS  # late: it loads this module

    return [(name, "") for name in COMMANDS]


def help(
    context: typer.Context,
    command: Annotated[
        str | None,
        typer.Argument(metavar="[COMMAND]", help="A command, as in apply.", autocompletion=_commands),
    ] = None,
) -> int:
    """Show the help page of a command.

    \b
    convcli help
    convcli help apply
    """
    root = context.find_root()
    assert isinstance(root.command, TyperGroup)
    if command is None:
        write(f"{root.get_help()}\n")
        return 0
    asked = root.command.get_command(root, command)
    assert asked is not None
    write(f"{typer.Context(asked, info_name=command, parent=root).get_help()}\n")
    return 0
