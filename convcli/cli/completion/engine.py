"""Completion: a shell passes the line being typed and gets the possible continuations of its last word.

The scripts of `convcli.cli.shells` call the program with ``_CONVCLI_COMPLETE`` set to the shell's name, the
line up to the cursor and, in bash, the part of its last word that bash will replace. Each line of the answer
is a word, for the other shells followed by a tab and a description. An empty answer leaves the word to the
shell, which completes file names.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from convcli.cli.app import LONGEST_SUMMARY, command
from convcli.cli.completion.completers import Candidates
from convcli.cli.completion.shells import Shell
from convcli.cli.terminal.output import write
from convcli.errors import ConvcliError, parse_choice

if TYPE_CHECKING:
    from typer.core import TyperGroup

    Command = Any  # Typer's own class of commands is not public


__all__ = ["Typed", "complete", "continuations", "typed"]

SAFE = re.compile(r"[^\w@%+=:,./~-]")  # characters that bash splits at or expands outside quotes
SAFE_IN_DOUBLE = re.compile(r'["$`\\]')


class Typed(NamedTuple):
    """A command line up to the cursor.

    Attributes
    ----------
    words : tuple of str
        The words before the last, without their quotes.
    last : str
        The word at the cursor; empty after a space.
    quote : str
        The quotation mark that is open at the cursor, or an empty string.
    """

    words: tuple[str, ...]
    last: str
    quote: str


def typed(line: str) -> Typed:
    r"""Split a line as a shell does; its last quotes may still be open.

    Examples
    --------
    >>> typed('convcli shape "conv 6 f5, re')
    Typed(words=('convcli', 'shape'), last='conv 6 f5, re', quote='"')
    >>> typed(r"convcli apply my\ photo.png ").words
    ('convcli', 'apply', 'my photo.png')
    """
    words: list[str] = []
    last, quote, is_word = "", "", False
    characters = iter(line)
    for character in characters:
        if character == "\\" and quote != "'":
            following = next(characters, "")
            last += character * (quote == '"' and not SAFE_IN_DOUBLE.match(following)) + following
        elif quote:
            quote, last = ("", last) if character == quote else (quote, last + character)
        elif character in "\"'":
            quote = character
        elif character.isspace():
            if is_word:
                words.append(last)
            last, is_word = "", False
            continue
        else:
            last += character
        is_word = True
    return Typed(tuple(words), last, quote)


def complete(shell: str, arguments: Sequence[str]) -> int:
    """Answer a shell, and return the exit code.

    Raises
    ------
    UsageError
        The shell is unknown.
    """
    kind = parse_choice(shell, Shell, "_CONVCLI_COMPLETE")
    line, replaced = (*arguments, "", "")[:2]
    now = typed(line)
    try:
        found = continuations(command(), now.words[1:], now.last)
    except ConvcliError:  # about an earlier word of the line; running the line will report it
        return 0
    if kind == Shell.BASH:
        kept = max(len(now.last) - len(typed(now.quote + replaced).last), 0)
        write("".join(f"{_quoted(text[kept:], now.quote)}\n" for text, _ in found))
    else:
        write("".join(f"{text}\t{' '.join(meaning.split())}".rstrip() + "\n" for text, meaning in found))
    return 0


def _quoted(text: str, quote: str) -> str:
    """Quote a text for bash, given the quotation mark that is open."""
    if quote == "'":
        return text.replace("'", r"'\''")
    return (SAFE_IN_DOUBLE if quote else SAFE).sub(r"\\\g<0>", text)


def continuations(root: "TyperGroup", words: Sequence[str], last: str) -> Candidates:
    """Return the possible completions of the last word.

    Parameters
    ----------
    root : TyperGroup
    words : sequence of str
        The words between the program's name and the last.
    last : str

    Raises
    ------
    UsageError
        The command is unknown.
    """
    place = next((index for index, word in enumerate(words) if not word.startswith("-")), None)
    if place is not None and _option(root, words[place - 1] if place else "") is not None:
        place = next((index for index in range(place + 1, len(words)) if words[index][:1] != "-"), None)
    context = typer.Context(root, info_name="convcli")
    if place is None:
        built = [(name, root.get_command(context, name)) for name in root.list_commands(context)]
        names = [
            (name, "" if one is None else one.get_short_help_str(LONGEST_SUMMARY)) for name, one in built
        ]
        return _going_on(root, words, last, names)
    begun = root.get_command(context, words[place])
    return [] if begun is None else _going_on(begun, words[place + 1 :], last, None)


class _Given(NamedTuple):
    """What precedes the last word: the option that awaits its value, all options, the count of arguments."""

    awaiting: Any
    options: frozenset[Any]
    arguments: int
    are_options_over: bool


def _given(command: "Command", words: Sequence[str]) -> _Given:
    awaiting: Any = None
    options: set[Any] = set()
    arguments, are_options_over = 0, False
    for word in words:
        if awaiting is not None:
            awaiting = None
        elif word == "--" and not are_options_over:
            are_options_over = True
        elif word.startswith("-") and word != "-" and not are_options_over:
            option = _option(command, word.partition("=")[0])
            options.add(option)
            awaiting = option if option is not None and not option.is_flag and "=" not in word else None
        else:
            arguments += 1
    return _Given(awaiting, frozenset(options), arguments, are_options_over)


def _going_on(command: "Command", words: Sequence[str], last: str, names: Candidates | None) -> Candidates:
    """Complete an option, its value, or an argument; or a command, if `names` lists the commands."""
    given = _given(command, words)
    if given.awaiting is not None:
        return _values(command, given.awaiting, last)
    if last.startswith("-") and not given.are_options_over:
        name, equals, value = last.partition("=")
        if not equals:
            return _option_names(command, given.options, last)
        option = _option(command, name)
        found = [] if option is None or option.is_flag else _values(command, option, value)
        return [(f"{name}={text}", meaning) for text, meaning in found]
    if names is not None:
        return [(name, meaning) for name, meaning in names if name.startswith(last)]
    places = [one for one in command.params if one.param_type_name == "argument"]
    if given.arguments < len(places) or (places and places[-1].nargs < 0):
        return _values(command, places[min(given.arguments, len(places) - 1)], last)
    return [] if last else _option_names(command, given.options, "--")


def _option(command: "Command", name: str) -> Any:
    """Return the option of that name, or None."""
    named = (one for one in command.params if one.param_type_name == "option" and name in one.opts)
    return next(named, None)


def _option_names(command: "Command", given: frozenset[Any], start: str) -> Candidates:
    """Offer the options that can still be given; all names of an option only if a name was begun."""
    found: Candidates = []
    for one in command.get_params(typer.Context(command)):
        if one.param_type_name != "option" or (one in given and not one.multiple):
            continue
        help_text = getattr(one, "help", None) or ""
        meaning = re.split(r" \(default|(?<=\w)[.;:] (?=[a-z-])", help_text)[0].rstrip(".")
        names = [name for name in one.opts if name.startswith(start)]
        if start in ("-", "--"):  # no name was begun: offer each option once
            names = [max(names, key=len)]
        found += [(name, meaning) for name in names]
    return found


def _values(command: "Command", parameter: Any, start: str) -> Candidates:
    """Offer the values of an option or an argument."""
    items = parameter.shell_complete(typer.Context(command), start)
    return [(item.value, item.help or "") for item in items]
