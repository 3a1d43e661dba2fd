"""The error boundary: it turns every failure into one line on standard error and an exit code."""

import os
import re
import sys
from collections.abc import Iterable, Sequence
from itertools import takewhile

from convcli.cli.terminal.output import message, show_answers
from convcli.errors import ConvcliError, UsageError, closest_spelling, describe_os_error
from convcli.files.streams import BrokenPipe

__all__ = ["run"]

FILTER_PARAMETERS = {
    "sigma": "--filter gaussian:sigma=2",
    "wavelength": "--filter gabor:wavelength=8",
    "aspect": "--filter gabor:aspect=1",
    "phase": "--filter gabor:phase=90",
    "ratio": "--filter dog:ratio=2",
}
NUMBERS = {"shape": "--n 32 --f 5", "params": "--f 5 --c-in 3 --c-out 6"}
DONE, FAILED, WRONG_USAGE = 0, 1, 2


def run(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit code: 0 all done, 1 something failed, 2 wrong usage.

    Raises
    ------
    BrokenPipe
        The pipe of standard output is broken, so the program has to end by SIGPIPE.
    """
    if sys.stdout is None:  # otherwise help pages would be lost silently
        message("standard output", "is closed")
        return FAILED
    try:
        code = _started(arguments)
    except SystemExit as end:  # how Typer ends completion, and ends at a broken pipe
        if isinstance(end.__context__, BrokenPipeError):
            raise BrokenPipe from None
        return end.code if isinstance(end.code, int) else DONE
    except BrokenPipeError:
        raise BrokenPipe from None
    except ConvcliError as error:
        if not isinstance(error, UsageError):
            message(error.what, error.why)
            return FAILED
        message(error.what, error.why + _hint(arguments))
        return WRONG_USAGE
    except OSError as error:
        message(error.filename or "system", describe_os_error(error))
        return FAILED
    except ImportError as error:
        message("installation", f"a part of convcli cannot be loaded: {error}; reinstall it")
        return FAILED
    except MemoryError:
        message("memory", "there is not enough for this; use a smaller image or filter")
        return FAILED
    except Exception as error:
        # Typer's usage errors share this method in all supported versions, but no public base class.
        if not hasattr(error, "format_message"):
            raise
        what, why = _usage_words(error, arguments)
        message(what, why + _hint(arguments))
        return WRONG_USAGE
    finally:
        show_answers(as_text=False)
    return code if isinstance(code, int) else DONE


def _started(arguments: Sequence[str]) -> object:
    """Run a command, or answer a completion request of a shell."""
    if shell := os.environ.get("_CONVCLI_COMPLETE"):
        from convcli.cli.completion.engine import complete  # late: seldom needed

        return complete(shell, arguments)
    from convcli.cli.app import command

    return command().main(args=list(arguments), prog_name="convcli", standalone_mode=False)


def _hint(arguments: Sequence[str]) -> str:
    """Return a hint: how to write a file name that was read as options, or where the help page is."""
    from convcli.cli.app import COMMANDS  # late: not needed if completion fails

    if list(arguments[1:]) == ["help"] and arguments[0] in COMMANDS:
        return f"; for the help page run: convcli help {arguments[0]}"
    before = takewhile(lambda word: word != "--", arguments)
    file = next((word for word in before if word.startswith("-") and os.path.lexists(word)), None)
    return "" if file in (None, "-") else f"; write ./{file} if you mean the file {file}"


def _usage_words(error: Exception, arguments: Sequence[str]) -> tuple[str, str]:
    """Split a usage error of the option parser into what is wrong and why."""
    option = getattr(error, "option_name", None)
    meant = _option_meant(str(option), getattr(error, "possibilities", None) or ())
    context = getattr(error, "ctx", None)
    place = context.info_name if context is not None and context.parent is not None else None
    if option and str(option).lstrip("-") in FILTER_PARAMETERS:
        name = str(option).lstrip("-")
        return str(option), f"is an option of filters, written after the name: {FILTER_PARAMETERS[name]}"
    if meant is not None:
        return str(option), f"no such option: did you mean {meant}?"
    words = " ".join(error.format_message().split())  # type: ignore[attr-defined] # asked by hasattr before
    if option and "no such option" in words.lower():
        lists = "options follow a command, as in: convcli apply photo.png --filter sobel-x"
        return str(option), f"no such option; {'--help lists the options' if place else lists}"
    if option and "requires an argument" in words:
        return str(option), "requires a value; --help describes it"
    if place in NUMBERS and "unexpected extra argument" in words:
        if re.fullmatch("[0-9x,]+", arguments[1]):
            return place, f"sizes are given by options, as in: convcli {place} {NUMBERS[place]}"
        return (
            place,
            "put the layers in quotes; to compare two networks: convcli params resnet18 --against vgg11",
        )
    return str(place or "usage"), words[:1].lower() + words[1:].removesuffix(".")


def _option_meant(option: str, possible: Iterable[str]) -> str | None:
    """Return the option that is spelled most like this one, ignoring the leading dashes."""
    named = {one.lstrip("-"): one for one in possible}
    near = closest_spelling(option.lstrip("-"), named)
    return None if near is None else named[near]
