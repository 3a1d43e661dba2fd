"""The error boundary: it turns every failure into one line on standard error and an exit code."""

import os
import re
import sys
from collections.abc import Iterable, Sequence
from itertools import takewhile

from convcli.cli.command_line import COMMANDS, read_command
from convcli.cli.terminal.output import message, set_text_output
from convcli.errors import ConvcliError, UsageError, closest_spelling, describe_os_error
from convcli.files.streams import BrokenPipe

__all__ = ["run"]

FILTER_OPTIONS = {
    "sigma": "--filter gaussian:sigma=2",
    "wavelength": "--filter gabor:wavelength=8",
    "aspect": "--filter gabor:aspect=1",
    "phase": "--filter gabor:phase=90",
    "ratio": "--filter dog:ratio=2",
}
OPTION_ALIASES = dict.fromkeys(("k", "kernel-size", "kernel_size"), "--f")  # names that other programs use
EXAMPLE_OPTIONS = {"shape": "--n 32 --f 5", "params": "--f 5 --c-in 3 --c-out 6"}
SUCCESS, FAILURE, WRONG_USAGE = 0, 1, 2


def run(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit code: 0 all done, 1 something failed, 2 wrong usage.

    Raises
    ------
    BrokenPipe
        The pipe of standard output is broken, so the program has to end by SIGPIPE.
    """
    if sys.stdout is None:  # otherwise help pages would be lost silently
        message("standard output", "is closed")
        return FAILURE
    try:
        code = _run_or_complete(arguments)
    except SystemExit as end:  # how Typer ends completion, and ends at a broken pipe
        if isinstance(end.__context__, BrokenPipeError):
            raise BrokenPipe from None
        return end.code if isinstance(end.code, int) else SUCCESS
    except BrokenPipeError:
        raise BrokenPipe from None
    except ConvcliError as error:
        if not isinstance(error, UsageError):
            message(error.what, error.why)
            return FAILURE
        message(error.what, error.why + _hint(arguments))
        return WRONG_USAGE
    except OSError as error:
        message(error.filename or "system", describe_os_error(error))
        return FAILURE
    except ImportError as error:
        message("installation", f"a part of convcli cannot be loaded: {error}; reinstall it")
        return FAILURE
    except MemoryError:
        message("memory", "not enough is available; use a smaller image or filter")
        return FAILURE
    except Exception as error:
        # Typer's usage errors share this method in all supported versions, but no public base class.
        if not hasattr(error, "format_message"):
            raise
        what, why = _usage_message(error, arguments)
        message(what, why + _hint(arguments))
        return WRONG_USAGE
    finally:
        set_text_output(False)
    return code if isinstance(code, int) else SUCCESS


def _run_or_complete(arguments: Sequence[str]) -> object:
    """Run a command, or answer a completion request of a shell."""
    shell = os.environ.get("_CONVCLI_COMPLETE")
    plain = None if shell else read_command(arguments)
    if plain is not None:
        command, values = plain
        return command(**values)
    from convcli.cli.app import root_command  # late: it loads Typer

    if shell:
        from convcli.cli.completion.complete import complete  # late: seldom needed

        return complete(root_command(), shell, arguments)
    return root_command().main(args=list(arguments), prog_name="convcli", standalone_mode=False)


def _hint(arguments: Sequence[str]) -> str:
    """Return a hint: where the help page is, how to write a position, or a file name read as options."""
    if list(arguments[1:]) == ["help"] and arguments[0] in COMMANDS:
        return f"; for the help page run: convcli help {arguments[0]}"
    options = list(takewhile(lambda word: word != "--", arguments))
    position = re.search(r"(?:^|\n)--at\n([0-9]{1,19}),?\n([0-9]{1,19})(?:\n|$)", "\n".join(options))
    if position:
        return f"; write --at {position[1]},{position[2]}"
    file = next((word for word in options if word.startswith("-") and os.path.lexists(word)), None)
    return "" if file in (None, "-") else f"; write ./{file} if you mean the file {file}"


def _usage_message(error: Exception, arguments: Sequence[str]) -> tuple[str, str]:
    """Split a usage error of the option parser into what is wrong and why."""
    option = getattr(error, "option_name", None)
    context = getattr(error, "ctx", None)
    suggested = _nearest_option(str(option), getattr(error, "possibilities", None) or ())
    alias = OPTION_ALIASES.get(str(option).lstrip("-"))
    if alias and context and any(alias in parameter.opts for parameter in context.command.params):
        suggested = alias
    command = context.info_name if context is not None and context.parent is not None else None
    if option and str(option).lstrip("-") in FILTER_OPTIONS:
        name = str(option).lstrip("-")
        return str(option), f"is an option of filters, written after the name: {FILTER_OPTIONS[name]}"
    if suggested is not None:
        return str(option), f"no such option: did you mean {suggested}?"
    text = " ".join(error.format_message().split())  # type: ignore[attr-defined] # asked by hasattr before
    if option and "no such option" in text.lower():
        placement = "options follow a command, as in: convcli apply photo.png --filter sobel-x"
        return str(option), f"no such option; {'--help lists the options' if command else placement}"
    if option and "requires an argument" in text:
        return str(option), "requires a value; --help describes it"
    if command in EXAMPLE_OPTIONS and "unexpected extra argument" in text:
        if re.fullmatch("[0-9x,]+", arguments[1]):
            return command, f"sizes are given by options, as in: convcli {command} {EXAMPLE_OPTIONS[command]}"
        return (
            command,
            "put the layers in quotes; to compare two networks: convcli params resnet18 --against vgg11",
        )
    invalid = re.fullmatch(
        r"Invalid value for .*'(--[a-z-]+)': (.+) is not a valid (int|float)[a-z]*\.?", text
    )
    if invalid:
        kind = "a whole number" if invalid[3] == "int" else "a number"
        return f"{invalid[1]} {invalid[2]}", f"must be {kind}"
    return str(command or "usage"), text[:1].lower() + text[1:].removesuffix(".")


def _nearest_option(option: str, possibilities: Iterable[str]) -> str | None:
    """Return the option that is spelled most like this one, ignoring the leading dashes."""
    options = {possible.lstrip("-"): possible for possible in possibilities}
    name = closest_spelling(option.lstrip("-"), options)
    return None if name is None else options[name]
