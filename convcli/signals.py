"""Signals that end the program: it cleans up, then lets the signal take effect.

The handler does all of that itself. If it raised an exception, that would pass through whatever Python is
doing, an import, a callback or a fork, and some of these swallow exceptions.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from convcli.files.atomic import remove_temporaries

__all__ = ["SIGNALS", "cleanup_at_signal", "die_by_signal", "install_signal_handlers", "reset_handlers"]

# Windows has only the first two.
SIGNALS: tuple[signal.Signals, ...] = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT") if hasattr(signal, name)
)

_cleanups: list[Callable[[], object]] = [remove_temporaries]  # called before the end, the last one first


def install_signal_handlers() -> None:
    """Clean up and end at a signal; signals that are ignored, as by nohup, stay ignored."""
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _clean_up_and_die)
    if hasattr(signal, "SIGCHLD"):
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, it would hide how a process ended


@contextmanager
def cleanup_at_signal(cleanup: Callable[[], object]) -> Iterator[None]:
    """Call `cleanup` if a signal ends the program within this context."""
    _cleanups.append(cleanup)
    try:
        yield
    finally:
        _cleanups.remove(cleanup)


def reset_handlers() -> None:
    """Forget, in a forked process, the clean-up that belongs to its parent."""
    del _cleanups[1:]


def die_by_signal(number: int) -> NoReturn:
    """End this process by a signal."""
    signal.signal(number, signal.SIG_DFL)
    if os.name == "posix":  # on Windows the number would become the exit code, and 2 means wrong usage
        os.kill(os.getpid(), number)
    os._exit(128 + number)  # reached on POSIX only if the signal is blocked


def _clean_up_and_die(number: int, _: FrameType | None) -> None:
    for other in SIGNALS:  # a second signal must not interrupt the clean-up
        signal.signal(other, signal.SIG_IGN)
    for cleanup in reversed(_cleanups):
        with suppress(Exception):
            cleanup()
    die_by_signal(number)
