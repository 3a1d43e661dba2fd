"""How many processors this process may use, and work that is shared among them."""

import operator
import os
from _thread import start_new_thread
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import Condition

from convcli.errors import UsageError

__all__ = ["Parts", "available_processors", "share", "threads_for"]


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


def share(parts: range, work: Callable[[Parts], None], threads: int) -> None:
    """Let every thread, this one among them, take the next part when it is done with one.

    `work` is called once in each thread. An error in one stops all, as an interrupt does. Threads that cannot
    be started are done without, and nobody waits for one that has not begun: where memory runs out it never
    does, and `threading.Thread` would wait for ever.
    """
    waiting = Parts(parts)
    errors: list[BaseException] = []
    changed = Condition()
    at_work = 0
    over = False

    def work_or_stop() -> None:
        try:
            work(waiting)
        except BaseException as error:
            waiting.stopped = True
            errors.append(error)

    def help_out() -> None:
        nonlocal at_work
        with changed:
            if over:
                return
            at_work += 1
        work_or_stop()
        with changed:
            at_work -= 1
            changed.notify()

    with suppress(RuntimeError):  # there may be no more of them
        for _ in range(threads - 1):
            start_new_thread(help_out, ())
    work_or_stop()
    with changed:
        over = True
        while at_work:
            try:
                changed.wait()
            except BaseException as interrupt:
                waiting.stopped = True
                errors.append(interrupt)
    for first in sorted(errors, key=lambda error: isinstance(error, Exception)):  # an interrupt comes first
        raise first
