"""Signals that end the program: it cleans up, then lets the signal take effect.

The handler does all of that itself. If it raised an exception, that would pass through whatever Python is
doing, an import, a callback or a fork, and some of these swallow exceptions.

Python runs a handler only when the main thread is between two bytecodes. Decoding or encoding a large picture
is one call of C code, which can take minutes; such calls are made in a context that is `interruptible`.
"""

import os
import signal
import time
from _thread import RLock, get_ident, start_new_thread
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from convcli.files.atomic import has_temporaries, remove_temporaries

__all__ = [
    "SIGNALS",
    "cleanup_at_signal",
    "die_by_signal",
    "install_signal_handlers",
    "interruptible",
    "reset_handlers",
]

# Windows has only the first two.
SIGNALS: tuple[signal.Signals, ...] = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT") if hasattr(signal, name)
)

HANDLER_SECONDS = 0.3  # seconds that the main thread gets to run the handler
CLEANUP_SECONDS = 1.7  # seconds that the clean-up gets: a terminal that is stopped takes no output

_cleanups: list[Callable[[], object]] = [remove_temporaries]  # called before the end, the last one first
_main_thread = get_ident()
_cleaning = RLock()  # held by the thread that cleans up
_watched: list[int] = []  # the pipe through which the system's handler wakes the watching thread


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


@contextmanager
def interruptible() -> Iterator[None]:
    """Let signals end the program within a second, even during a long call of C code within this context.

    If nothing is to be cleaned up, and nothing will be within this context, signals take effect at once.
    Otherwise a thread waits for them, which Python's global lock can delay. Does nothing outside of the main
    thread, or where the handlers are not installed, as in other programs that use convcli.
    """
    handled = _handled_signals()
    if handled and (len(_cleanups) > 1 or has_temporaries()):
        handled = []
        _start_watching()
    for number in handled:
        signal.signal(number, signal.SIG_DFL)
    try:
        yield
    finally:
        for number in handled:
            signal.signal(number, _clean_up_and_die)


def reset_handlers() -> None:
    """Forget, in a forked process, the clean-up and the watching thread that belong to its parent."""
    del _cleanups[1:]
    if _watched:
        _watched.clear()
        signal.set_wakeup_fd(-1)


def die_by_signal(number: int) -> NoReturn:
    """End this process by a signal."""
    if os.name == "posix":  # on Windows the number would become the exit code, and 2 means wrong usage
        with suppress(Exception):  # ctypes may be missing
            _restore_default(number)
            signal.pthread_kill(get_ident(), number)  # takes effect before it returns
    os._exit(128 + number)  # reached on POSIX only if the signal is blocked


def _restore_default(number: int) -> None:
    if get_ident() == _main_thread:
        signal.signal(number, signal.SIG_DFL)
        return
    import ctypes  # late: loaded only by the watching thread, in which `signal.signal` is not allowed

    restore = ctypes.pythonapi.PyOS_setsig
    restore.argtypes, restore.restype = (ctypes.c_int, ctypes.c_void_p), ctypes.c_void_p
    restore(number, None)


def _handled_signals() -> list[signal.Signals]:
    """Return the signals whose handler is installed, if this is the main thread, which may change that."""
    if get_ident() != _main_thread:
        return []
    return [number for number in SIGNALS if signal.getsignal(number) is _clean_up_and_die]


def _start_watching() -> None:
    if _watched:
        return
    with suppress(OSError, RuntimeError):  # no more descriptors or threads: signals wait for C code
        _watched[:] = os.pipe()
        os.set_blocking(_watched[1], False)
        start_new_thread(_watch, (_watched[0],))
        signal.set_wakeup_fd(_watched[1], warn_on_full_buffer=False)


def _watch(reader: int) -> None:
    """Wait for a signal; if the main thread does not run its handler soon, run it here."""
    while (number := os.read(reader, 1)[0]) not in SIGNALS:
        pass
    time.sleep(HANDLER_SECONDS)
    _clean_up_and_die(number, None)


def _clean_up_and_die(number: int, _: FrameType | None) -> None:
    _cleaning.acquire()  # never released: the other thread waits for the end
    if get_ident() == _main_thread:
        for other in SIGNALS:  # a second signal must not interrupt the clean-up
            signal.signal(other, signal.SIG_IGN)
    with suppress(RuntimeError):  # no more threads can be started
        start_new_thread(_die_later, (number,))
    for cleanup in reversed(_cleanups):
        with suppress(Exception):
            cleanup()
    die_by_signal(number)


def _die_later(number: int) -> None:
    time.sleep(CLEANUP_SECONDS)
    remove_temporaries()
    die_by_signal(number)
