"""How commands declare their arguments and options, and how a plain command line is read without Typer.

Loading Typer takes longer than most commands do. So parameters are declared by classes of our own; Typer gets
them where it is needed (`convcli.cli.app`): for help, for completion, and for every command line that
`read_command_line` does not understand, to say what is wrong with it.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

__all__ = ["Argument", "Option", "Parameter", "declared_parameters", "read_command_line"]

Completer = Callable[[str], list[tuple[str, str]]]
FLAG = bool  # the type of options without a value


class Option:
    """An option of a command, as the metadata of an annotated type.

    Parameters
    ----------
    *names : str
        Such as ``-o`` and ``--output``.
    help : str
        What help pages say about it.
    metavar : str, optional
        What help pages call its value.
    autocompletion : callable, optional
        What completion offers as its value.
    rich_help_panel : str, optional
        The heading that it has on help pages.
    hidden : bool
        Whether the overview leaves it out.
    """

    def __init__(
        self,
        *names: str,
        help: str,
        metavar: str | None = None,
        autocompletion: Completer | None = None,
        rich_help_panel: str | None = None,
        hidden: bool = False,
    ) -> None:
        self.names = names
        self.settings: dict[str, Any] = {
            "help": help,
            "metavar": metavar,
            "autocompletion": autocompletion,
            "rich_help_panel": rich_help_panel,
            "hidden": hidden,
        }


class Argument:
    """An argument of a command, as the metadata of an annotated type; its parameters are as for `Option`."""

    def __init__(
        self,
        *,
        help: str,
        metavar: str,
        autocompletion: Completer | None = None,
        show_default: bool = True,
    ) -> None:
        self.settings: dict[str, Any] = {
            "help": help,
            "metavar": metavar,
            "autocompletion": autocompletion,
            "show_default": show_default,
        }


class Parameter(NamedTuple):
    """A parameter of a command: its name in Python, the type of its value, how it is declared.

    `default` is an ellipsis if it has to be given.
    """

    name: str
    type: Any
    declaration: Option | Argument
    default: object

    @property
    def repeats(self) -> bool:
        """Whether it can be given several times."""
        return bool(self.type == list[str] | None)


def declared_parameters(command: Callable[..., Any]) -> list[Parameter]:
    """Return the parameters of a command that are declared for the command line, with their defaults.

    Examples
    --------
    >>> from convcli.cli.commands.shape import shape
    >>> [parameter.name for parameter in declared_parameters(shape)][:3]
    ['network', 'n', 'f']
    """
    names = command.__code__.co_varnames[: command.__code__.co_argcount]
    values = command.__defaults__ or ()
    defaults = dict(zip(names[len(names) - len(values) :], values, strict=True))
    defaults |= command.__kwdefaults__ or {}
    return [
        Parameter(name, annotation.__origin__, annotation.__metadata__[0], defaults.get(name, ...))
        for name, annotation in command.__annotations__.items()
        if hasattr(annotation, "__metadata__")
    ]


def read_command_line(parameters: Sequence[Parameter], words: Sequence[str]) -> dict[str, Any] | None:
    """Read a plain command line as Typer does, or return None if it needs Typer: for help, or if it is wrong.

    Parameters
    ----------
    parameters : sequence of Parameter
        Of the command.
    words : sequence of str
        What follows the name of the command.

    Returns
    -------
    dict or None
        The values of all parameters.

    Examples
    --------
    >>> from convcli.cli.commands.shape import shape
    >>> values = read_command_line(declared_parameters(shape), ["--n", "32", "--f=5", "--json"])
    >>> values["n"], values["f"], values["json"], values["want"]
    ('32', '5', True, None)
    >>> read_command_line(declared_parameters(shape), ["--help"]) is None
    True
    """
    options = {
        name: parameter
        for parameter in parameters
        if isinstance(parameter.declaration, Option)
        for name in parameter.declaration.names
    }
    values: dict[str, Any] = {parameter.name: parameter.default for parameter in parameters}
    positional: list[str] = []
    remaining = iter(words)
    for word in remaining:
        if word == "--":
            positional += remaining
        elif not word.startswith("-") or word == "-":
            positional.append(word)
        elif not _read_option(options, word, remaining, values):
            return None
    arguments = [parameter for parameter in parameters if isinstance(parameter.declaration, Argument)]
    if not _read_arguments(arguments, positional, values) or ... in values.values():
        return None
    return values


def _read_option(options: dict[str, Parameter], word: str, remaining: Any, values: dict[str, Any]) -> bool:
    """Read an option, with its value from the word or from the remaining ones; return whether it is right."""
    name, equals, value = word.partition("=")
    if not word.startswith("--") and word not in options:  # its value may follow the letter, as in -j4
        name, equals, value = word[:2], word[2:], word[2:]
    parameter = options.get(name)
    if parameter is None:
        return False
    if parameter.type is FLAG:
        values[parameter.name] = True
        return not equals
    if not equals:
        following = next(remaining, None)
        if following is None:
            return False
        value = following
    try:
        converted = _converted(parameter, value)
    except ValueError:
        return False
    if parameter.repeats:
        values[parameter.name] = [*(values[parameter.name] or []), converted]
    else:
        values[parameter.name] = converted
    return True


def _converted(parameter: Parameter, text: str) -> object:
    """Return the value of a text; raise ValueError if it has none."""
    if parameter.type in (int, int | None):
        return int(text)
    if parameter.type in (float, float | None):
        return float(text)
    return text


def _read_arguments(arguments: Sequence[Parameter], words: list[str], values: dict[str, Any]) -> bool:
    """Read the arguments; return whether there are not too many."""
    for parameter in arguments:
        if parameter.repeats:
            values[parameter.name] = words or None
            return parameter is arguments[-1]
        if words:
            values[parameter.name] = words.pop(0)
    return not words
