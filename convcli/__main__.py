"""The entry point: signals, ``--version``, then the command line."""

import gc
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

from convcli import __version__
from convcli.cli.output import Stopped, message, write
from convcli.errors import ConvcliError

__all__ = ["main"]


def main() -> NoReturn:
    """Run the command line of this process, and end it by an exit code or by the signal that stopped it."""
    # The strips have threads of their own; numpy's would take a processor for 80 ms only to be started.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    gc.set_threshold(100_000)  # what is loaded at the start is no garbage
    _occupy_closed_descriptors()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup stays in force
            signal.signal(number, _stop)
    try:
        code = _run(sys.argv[1:])
    except Stopped as stop:
        signal.signal(stop.signal, signal.SIG_DFL)
        os.kill(os.getpid(), stop.signal)
        code = 128 + stop.signal  # the signal is blocked
    _end(code)


def _end(code: int) -> NoReturn:
    """End the process without the interpreter's clearing up, a tenth of a short command's time."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            code = code or 1
    os._exit(code)


def _run(arguments: list[str]) -> int:
    if arguments == ["--version"]:
        try:
            write(f"convcli {__version__}\n")
        except ConvcliError as error:
            message(error.what, error.why)
            return 1
        return 0
    from convcli.cli.boundary import run  # late: the signals are in place before anything slow is loaded

    return run(arguments)


_stopping: list[int] = []  # the signal that is ending the program


def _stop(number: int, _: FrameType | None) -> None:
    if not _stopping:  # a second signal must not disturb the clearing up after the first
        _stopping.append(number)
        raise Stopped(number)


def _occupy_closed_descriptors() -> None:
    """Open nothing under the numbers of closed standard streams, or the next file would be taken for one."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number


if __name__ == "__main__":
    main()
