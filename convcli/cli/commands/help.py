"""``convcli help``: the help page of a command, or of the layers of networks."""

from shutil import get_terminal_size
from typing import Annotated

import typer
from typer.core import TyperGroup

from convcli.cli.command_line import COMMANDS
from convcli.cli.completion.completers import Candidates
from convcli.cli.terminal.output import write
from convcli.errors import UsageError, suggestion

__all__ = ["help"]

LAYERS_TOPIC = "layers"
MAX_WIDTH = 100  # columns of a page


def _topics(incomplete: str) -> Candidates:  # noqa: ARG001 -- Typer looks for this name
    return [*((name, "") for name in COMMANDS), (LAYERS_TOPIC, "the layers of networks")]


def help(
    context: typer.Context,
    command: Annotated[
        str | None,
        typer.Argument(
            metavar="[COMMAND]", help="A command such as apply, or layers.", autocompletion=_topics
        ),
    ] = None,
) -> int:
    """Show the help page of a command, or how to write the layers of a network.

    \b
    convcli help apply
    convcli help layers
    """
    root = context.find_root()
    assert isinstance(root.command, TyperGroup)
    if command is None:
        write(f"{root.get_help()}\n")
        return 0
    if command == LAYERS_TOPIC:
        from convcli.cli.help_topics import layers_help  # late: few ask for it

        write(layers_help(min(get_terminal_size().columns, MAX_WIDTH)))
        return 0
    names = [name for name, _ in _topics("")] + ["help"]
    if command not in names:
        raise UsageError(command[:100], f"unknown command or topic: {suggestion(command, names)}")
    described = root.command.get_command(root, command)
    assert described is not None
    write(f"{typer.Context(described, info_name=command, parent=root).get_help()}\n")
    return 0
