"""The list of commands, and the quick way to one: a plain command line is read without loading Typer."""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from convcli.cli.options.parameters import declared_parameters, read_command_line

__all__ = ["COMMANDS", "load_command", "read_command"]

COMMANDS = ("apply", "pool", "explain", "learn", "shape", "params", "filters", "lesson")


def load_command(name: str) -> Callable[..., Any]:
    """Import a command, which is a function in a module of its own name."""
    command: Callable[..., Any] = getattr(import_module(f"convcli.cli.commands.{name}"), name)
    return command


def read_command(arguments: Sequence[str]) -> tuple[Callable[..., Any], dict[str, Any]] | None:
    """Return a command and the values of its parameters, or None if the command line needs Typer.

    Examples
    --------
    >>> command, values = read_command(["shape", "--n", "32", "--f", "5"])
    >>> command.__name__, values["n"], values["d"]
    ('shape', '32', '1')
    """
    if not arguments or arguments[0] not in COMMANDS:
        return None
    command = load_command(arguments[0])
    values = read_command_line(declared_parameters(command), arguments[1:])
    return None if values is None else (command, values)
