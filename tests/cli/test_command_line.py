"""Plain command lines, which are read without Typer: exactly as Typer reads them."""

from collections.abc import Sequence
from typing import Any

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st

from convcli.cli.app import root_command
from convcli.cli.command_line import COMMANDS, load_command, read_command
from convcli.cli.options.parameters import Option, declared_parameters

VALUES = ("3", "-3", "", "a b.png", "-", "0,5", "ä", "1e3", "--", "--json", "-o")


def read_by_typer(name: str, words: Sequence[str]) -> dict[str, Any] | None:
    """Return what Typer makes of a command line; None if it refuses it, or only shows help."""
    command = root_command().get_command(None, name)  # type: ignore[arg-type] # needs no context
    assert command is not None
    try:
        context = command.make_context(name, list(words))
    except Exception as error:
        if hasattr(error, "format_message") or isinstance(error, typer.Exit):
            return None
        raise
    values = dict(context.params)
    for parameter in declared_parameters(load_command(name)):
        if parameter.repeats:  # before it calls the command, Typer makes lists of them
            values[parameter.name] = list(values[parameter.name] or ()) or None
    return values


def names_of(command: str) -> list[str]:
    """Return all names of the options of a command."""
    declared = (parameter.declaration for parameter in declared_parameters(load_command(command)))
    return [name for one in declared if isinstance(one, Option) for name in one.names]


@st.composite
def command_lines(draw: st.DrawFn) -> tuple[str, list[str]]:
    """Return a command and words that are mostly options of it with values."""
    command = draw(st.sampled_from(COMMANDS))
    names, value = st.sampled_from(names_of(command)), st.sampled_from(VALUES)
    part = st.one_of(
        st.tuples(names, value),
        st.tuples(names, value),
        st.tuples(names),
        st.tuples(value),
        st.builds(lambda name, text: (f"{name}={text}",), names, value),
        st.builds(lambda name, text: (name[1:] + text,), names, value),
        st.builds(lambda name, text: (name[:-1], text), names, value),
        st.tuples(st.sampled_from(["--help", "-h", "--", "-", "--=", "-=", "-ö"])),
    )
    return command, [word for words in draw(st.lists(part, max_size=6)) for word in words]


@settings(max_examples=400)
@given(command_lines())
def test_it_is_read_as_typer_reads_it(line: tuple[str, list[str]]) -> None:
    command, words = line
    plain = read_command([command, *words])
    typers = read_by_typer(command, words)
    if typers is None:
        assert plain is None
    else:
        assert plain is None or plain[1] == typers


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_read(command: str) -> None:
    for parameter in declared_parameters(load_command(command)):
        if not isinstance(parameter.declaration, Option):
            continue
        for name in parameter.declaration.names:
            for words in ([name], [name, "4"], [f"{name}=4"], [f"{name}4"]):
                typers = read_by_typer(command, [*words, "word"])
                plain = read_command([command, *words, "word"])
                assert (None if plain is None else plain[1]) == typers, words


def test_what_is_wrong_or_asks_for_help_is_left_to_typer() -> None:
    for words in (
        [], ["help"], ["--version"], ["aply"], ["shape", "--help"], ["shape", "--n"], ["shape", "a", "b"],
        ["shape", "--json=yes"], ["apply", "x", "--jobs", "two"], ["explain", "a", "b"],
    ):  # fmt: skip
        assert read_command(words) is None
