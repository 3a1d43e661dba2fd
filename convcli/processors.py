"""How many processors this process may use, and work that is shared among them."""

import operator
import os
from _thread import start_new_thread
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import Condition
from typing import Generic, TypeVar

from convcli.errors import UsageError

__all__ = ["Begun", "Parts", "available_processors", "share", "threads_for"]

Result = TypeVar("Result")


LEAST_PER_THREAD = 1 << 16  # outputs: fewer are not worth starting a thread for
MOST_THREADS = 64  # each takes memory, and more than there are processors make nothing faster


@cache
def available_processors() -> int:
    """Return how many processors this process may use: by its affinity, and by the quota of its cgroup."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text("ascii").split()
        return count if quota == "max" else max(1, min(count, -(-int(quota) // int(period))))
    except (OSError, ValueError):
        return count


def threads_for(jobs: int | None, parts: int, outputs: int | None = None) -> int:
    """Return how many threads to start for a work.

    Parameters
    ----------
    jobs : int or None
        As many at most; unless given, one a processor.
    parts : int
        That it can be shared in.
    outputs : int, optional
        Numbers that it makes; few are not worth a thread.

    Raises
    ------
    UsageError
        `jobs` is no whole number, or less than 1.
    """
    if jobs is None:
        jobs = available_processors()
    if not hasattr(jobs, "__index__") or isinstance(jobs, bool) or operator.index(jobs) < 1:
        raise UsageError(f"jobs {jobs}", "must be a whole number, at least 1")
    worth = parts if outputs is None else min(parts, outputs // LEAST_PER_THREAD)
    return max(1, min(operator.index(jobs), worth, max(MOST_THREADS, available_processors())))


class Parts:
    """The parts of a work that are still to be done; each goes to the thread that asks first."""

    def __init__(self, parts: range) -> None:
        self._waiting = iter(parts)
        self.stopped = False  # whether nothing is to be done any more, not even what was begun

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        if self.stopped:
            raise StopIteration
        return next(self._waiting)


class Begun(Generic[Result]):
    """Work for a thread that may never begin, as where memory has run out: then nobody waits for it.

    `threading.Thread` would wait for its beginning for ever.

    Parameters
    ----------
    work : callable
        What it raises is lost.

    Raises
    ------
    RuntimeError
        There may be no more threads.
    """

    def __init__(self, work: Callable[[], Result]) -> None:
        self._work = work
        self._result: Result | None = None
        self._changed = Condition()
        self._at_work = self._taken = False
        start_new_thread(self._run, ())

    def _run(self) -> None:
        with self._changed:
            if self._taken:
                return
            self._at_work = True
        with suppress(BaseException):
            self._result = self._work()
        with self._changed:
            self._at_work = False
            self._changed.notify()

    def take(self) -> Result | None:
        """Return the result when it is there; None if there is none, or the work never began."""
        with self._changed:
            self._taken = True
            while self._at_work:
                self._changed.wait()
            return self._result


def share(parts: range, work: Callable[[Parts], None], threads: int) -> None:
    """Let every thread, this one among them, take the next part when it is done with one.

    `work` is called once in each thread. An error in one stops all, as an interrupt does. Threads that cannot
    be started are done without.
    """
    waiting = Parts(parts)
    errors: list[BaseException] = []

    def work_or_stop() -> None:
        try:
            work(waiting)
        except BaseException as error:
            waiting.stopped = True
            errors.append(error)

    others: list[Begun[None]] = []
    with suppress(RuntimeError):
        others.extend(Begun(work_or_stop) for _ in range(threads - 1))
    work_or_stop()
    while others:
        try:
            others[-1].take()
            others.pop()
        except BaseException as interrupt:
            waiting.stopped = True
            errors.append(interrupt)
    for first in sorted(errors, key=lambda error: isinstance(error, Exception)):  # an interrupt comes first
        raise first
