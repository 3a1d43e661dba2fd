"""``convcli help``: the help page of a command, or of the layers of networks."""

from shutil import get_terminal_size
from typing import Annotated

import typer
from typer.core import TyperGroup

from convcli.cli.completion.completers import Candidates
from convcli.cli.terminal.output import write
from convcli.errors import UsageError, suggestion

__all__ = ["help"]

TOPIC = "layers"
WIDEST = 100  # columns of a page


def _commands(incomplete: str) -> Candidates:  # noqa: ARG001 -- Typer looks for this name
    from convcli.cli.app import COMMANDS  # late: it loads this module

    return [*((name, "") for name in COMMANDS), (TOPIC, "the layers of networks")]


def help(
    context: typer.Context,
    command: Annotated[
        str | None,
        typer.Argument(
            metavar="[COMMAND]", help="A command such as apply, or layers.", autocompletion=_commands
        ),
    ] = None,
) -> int:
    """Show the help page of a command, or of the layers that networks are written with.

    \b
    convcli help apply
    convcli help layers
    """
    root = context.find_root()
    assert isinstance(root.command, TyperGroup)
    if command is None:
        write(f"{root.get_help()}\n")
        return 0
    if command == TOPIC:
        from convcli.cli.help_topics import layer_page  # late: few ask for it

        write(layer_page(min(get_terminal_size().columns, WIDEST)))
        return 0
    words = [word for word, _ in _commands("")] + ["help"]
    if command not in words:
        raise UsageError(command[:100], f"unknown command or topic: {suggestion(command, words)}")
    asked = root.command.get_command(root, command)
    assert asked is not None
    write(f"{typer.Context(asked, info_name=command, parent=root).get_help()}\n")
    return 0
