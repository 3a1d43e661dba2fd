"""Completion of the command line: a shell passes the line being typed and gets completions of its last word.

The scripts in `convcli.cli.completion.shells` call the program with ``_CONVCLI_COMPLETE`` set to the shell's
name, the line up to the cursor and, in bash, the part of its last word that bash will replace. Each line of
the answer is a word, for the other shells followed by a tab and a description. An empty answer leaves the
word to the shell, which completes file names.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from convcli.cli.completion.completers import Candidates
from convcli.cli.completion.shells import Shell
from convcli.cli.help_formatting import MAX_SUMMARY
from convcli.cli.terminal.output import write
from convcli.errors import ConvcliError, parse_choice

if TYPE_CHECKING:
    from typer.core import TyperGroup

    Command = Any  # Typer's own class of commands is not public


__all__ = ["CommandLine", "complete", "completions", "parse_command_line"]

BASH_SPECIAL = re.compile(r"[^\w@%+=:,./~-]")  # characters that bash splits at or expands outside quotes
BASH_DOUBLE_QUOTED_SPECIAL = re.compile(r'["$`\\]')


class CommandLine(NamedTuple):
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


def parse_command_line(line: str) -> CommandLine:
    r"""Split a line as a shell does; its last quotes may still be open.

    Examples
    --------
    >>> parse_command_line('convcli shape "conv 6 f5, re')
    CommandLine(words=('convcli', 'shape'), last='conv 6 f5, re', quote='"')
    >>> parse_command_line(r"convcli apply my\ photo.png ").words
    ('convcli', 'apply', 'my photo.png')
    """
    words: list[str] = []
    last, quote, is_word = "", "", False
    characters = iter(line)
    for character in characters:
        if character == "\\" and quote != "'":
            following = next(characters, "")
            last += character * (quote == '"' and not BASH_DOUBLE_QUOTED_SPECIAL.match(following)) + following
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
    return CommandLine(tuple(words), last, quote)


def complete(root: "TyperGroup", shell: str, arguments: Sequence[str]) -> int:
    """Answer a shell that completes a line of the root command, and return the exit code.

    Raises
    ------
    UsageError
        The shell is unknown.
    """
    running_shell = parse_choice(shell, Shell, "_CONVCLI_COMPLETE")
    text, replaced = (*arguments, "", "")[:2]
    line = parse_command_line(text)
    try:
        found = completions(root, line.words[1:], line.last)
    except ConvcliError:  # about an earlier word of the line; running the line will report it
        return 0
    if running_shell == Shell.BASH:
        start = max(len(line.last) - len(parse_command_line(line.quote + replaced).last), 0)
        write("".join(f"{_quoted(word[start:], line.quote)}\n" for word, _ in found))
    else:
        write("".join(f"{word}\t{' '.join(meaning.split())}".rstrip() + "\n" for word, meaning in found))
    return 0


def _quoted(text: str, quote: str) -> str:
    """Quote a text for bash, given the quotation mark that is open."""
    if quote == "'":
        return text.replace("'", r"'\''")
    return (BASH_DOUBLE_QUOTED_SPECIAL if quote else BASH_SPECIAL).sub(r"\\\g<0>", text)


def completions(root: "TyperGroup", words: Sequence[str], last: str) -> Candidates:
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
    index = next((index for index, word in enumerate(words) if not word.startswith("-")), None)
    if index is not None and _option(root, words[index - 1] if index else "") is not None:
        index = next((after for after in range(index + 1, len(words)) if words[after][:1] != "-"), None)
    context = typer.Context(root, info_name="convcli")
    if index is None:
        commands = [(name, root.get_command(context, name)) for name in root.list_commands(context)]
        summaries = [
            (name, "" if command is None else command.get_short_help_str(MAX_SUMMARY))
            for name, command in commands
        ]
        return _complete_word(root, words, last, summaries)
    command = root.get_command(context, words[index])
    return [] if command is None else _complete_word(command, words[index + 1 :], last, None)


class _ParsedWords(NamedTuple):
    """What precedes the last word: the option that awaits its value, all options, the number of arguments.

    After a double dash all words are arguments.
    """

    awaiting: Any
    options: frozenset[Any]
    argument_count: int
    is_after_dashes: bool


def _parse_words(command: "Command", words: Sequence[str]) -> _ParsedWords:
    awaiting: Any = None
    options: set[Any] = set()
    argument_count, is_after_dashes = 0, False
    for word in words:
        if awaiting is not None:
            awaiting = None
        elif word == "--" and not is_after_dashes:
            is_after_dashes = True
        elif word.startswith("-") and word != "-" and not is_after_dashes:
            option = _option(command, word.partition("=")[0])
            options.add(option)
            awaiting = option if option is not None and not option.is_flag and "=" not in word else None
        else:
            argument_count += 1
    return _ParsedWords(awaiting, frozenset(options), argument_count, is_after_dashes)


def _complete_word(
    command: "Command", words: Sequence[str], last: str, commands: Candidates | None
) -> Candidates:
    """Complete an option, its value, or an argument; or a command, if `commands` lists them."""
    parsed = _parse_words(command, words)
    if parsed.awaiting is not None:
        return _values(command, parsed.awaiting, last)
    if last.startswith("-") and not parsed.is_after_dashes:
        name, equals, value = last.partition("=")
        if not equals:
            return _option_names(command, parsed.options, last)
        option = _option(command, name)
        found = [] if option is None or option.is_flag else _values(command, option, value)
        return [(f"{name}={text}", meaning) for text, meaning in found]
    if commands is not None:
        return [(name, summary) for name, summary in commands if name.startswith(last)]
    arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    if parsed.argument_count < len(arguments) or (arguments and arguments[-1].nargs < 0):
        return _values(command, arguments[min(parsed.argument_count, len(arguments) - 1)], last)
    return [] if last else _option_names(command, parsed.options, "--")


def _option(command: "Command", name: str) -> Any:
    """Return the option of that name, or None."""
    options = (one for one in command.params if one.param_type_name == "option" and name in one.opts)
    return next(options, None)


def _option_names(command: "Command", given: frozenset[Any], start: str) -> Candidates:
    """Offer the options that can still be given; all names of an option only if a name was begun."""
    found: Candidates = []
    for option in command.get_params(typer.Context(command)):
        if option.param_type_name != "option" or (option in given and not option.multiple):
            continue
        help_text = getattr(option, "help", None) or ""
        meaning = re.split(r" \(default|(?<=\w)[.;:] (?=[a-z-])", help_text)[0].rstrip(".")
        names = [name for name in option.opts if name.startswith(start)]
        if start in ("-", "--"):  # no name was begun: offer each option once
            names = [max(names, key=len)]
        found += [(name, meaning) for name in names]
    return found


def _values(command: "Command", parameter: Any, start: str) -> Candidates:
    """Offer the values of an option or an argument."""
    items = parameter.shell_complete(typer.Context(command), start)
    return [(item.value, item.help or "") for item in items]
