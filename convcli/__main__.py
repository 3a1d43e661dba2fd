"""The entry point: signals, ``--version``, then the command line."""

import gc
import signal

if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # while the rest is loading, there is nothing to clean up
if gc.isenabled():
    gc.set_threshold(100_000)  # what is loaded at the start is not garbage

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from convcli.cli.terminal.output import message, write
from convcli.errors import ConvcliError
from convcli.files.streams import BrokenPipe
from convcli.owned_process import own_process
from convcli.signals import SIGNALS, die_by_signal, install_signal_handlers

__all__ = ["main"]

NO_MEMORY = b"convcli: memory: not enough is available; use a smaller image or filter\n"


def main() -> NoReturn:
    """Run the command line, and end the process with an exit code or by the signal that stopped it."""
    # convcli has threads of its own; starting those of numpy would keep a core busy for 80 ms.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.unraisablehook = callable  # ignores errors that nobody can handle, without using memory
    _occupy_closed_descriptors()
    own_process()
    install_signal_handlers()
    try:
        code = _run(sys.argv[1:])
    except BrokenPipe:
        if hasattr(signal, "SIGPIPE"):
            die_by_signal(signal.SIGPIPE)
        code = 1
    except Exception as error:  # a bug, unless memory has run out while a failure was reported
        _report(error)
        code = 1
    _exit(code)


def _report(error: Exception) -> None:
    """Report a bug like any other failure, with its place in the code."""
    try:
        if not isinstance(error, MemoryError):
            message("internal error", _error_report(error))
            return
    except MemoryError:
        pass
    with suppress(OSError):
        os.write(2, NO_MEMORY)


def _error_report(error: Exception) -> str:
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    location = ""
    if trace:
        location = f" in {Path(trace.tb_frame.f_code.co_filename).name}, line {trace.tb_lineno}"
    return f"{type(error).__name__}{location}: {error}; please report it"


def _exit(code: int) -> NoReturn:
    """End the process without the interpreter's clean-up, which takes a tenth of a short command's time."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # the work is done
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            code = code or 1
    os._exit(code)


def _run(arguments: list[str]) -> int:
    if arguments == ["--version"]:
        from convcli.cli.version import version_text  # late: other commands do not need it

        try:
            write(version_text())
        except ConvcliError as error:
            message(error.what, error.why)
            return 1
        return 0
    # Late: install the signal handlers before loading anything slow.
    from convcli.cli.error_handling import run

    return run(arguments)


def _occupy_closed_descriptors() -> None:
    """Open the null device in place of closed standard streams, so that no file gets their descriptors."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number


if __name__ == "__main__":
    main()
