"""How many CPU cores this process may use, and how to share work among them."""

import operator
import os
from _thread import allocate_lock, start_new_thread
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import Condition
from typing import ClassVar, Generic, TypeVar

from convcli.errors import UsageError

__all__ = ["BackgroundTask", "WorkQueue", "available_cores", "parallel_for", "thread_count"]

Result = TypeVar("Result")


MIN_OUTPUTS_PER_THREAD = 1 << 16  # output values: for fewer, starting a thread costs more than it saves
MAX_THREADS = 64  # each takes memory, and more threads than cores make nothing faster
IDLE_SECONDS = 0.5  # how long a thread waits for its next task: starting one takes longer than pooling 1 MB


@cache
def available_cores() -> int:
    """Return how many CPU cores this process may use, by its CPU affinity and the quota of its cgroup."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text("ascii").split()
        return count if quota == "max" else max(1, min(count, -(-int(quota) // int(period))))
    except (OSError, ValueError):
        return count


def thread_count(jobs: int | None, parts: int, outputs: int | None = None) -> int:
    """Return how many threads to use for a task.

    Parameters
    ----------
    jobs : int or None
        Maximum number of threads (default: one per available CPU core).
    parts : int
        Number of parts that the task can be split into.
    outputs : int, optional
        Number of values that the task computes; a small task uses fewer threads.

    Raises
    ------
    UsageError
        `jobs` is not a whole number, or less than 1.
    """
    if jobs is None:
        jobs = available_cores()
    if not hasattr(jobs, "__index__") or isinstance(jobs, bool) or operator.index(jobs) < 1:
        raise UsageError(f"jobs {jobs}", "must be a whole number, at least 1")
    useful = parts if outputs is None else min(parts, outputs // MIN_OUTPUTS_PER_THREAD)
    return max(1, min(operator.index(jobs), useful, max(MAX_THREADS, available_cores())))


class WorkQueue:
    """A work queue: the parts of a task that are left; the first thread to ask gets the next one."""

    def __init__(self, parts: range) -> None:
        self._parts = iter(parts)
        self.stopped = False  # whether to hand out no more parts, because a thread failed

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        if self.stopped:
            raise StopIteration
        return next(self._parts)


class _Worker:
    """A thread that does one piece of work after another, and ends if none comes for a while."""

    idle: ClassVar[list["_Worker"]] = []  # those that wait for work

    def __init__(self, work: Callable[[], None]) -> None:
        self._work: Callable[[], None] | None = work
        self._has_work, self._ended = allocate_lock(), allocate_lock()
        self._has_work.acquire()
        self._ended.acquire()
        start_new_thread(self._run, ())

    @classmethod
    def start(cls, work: Callable[[], None]) -> None:
        """Have an idle thread do the work, or a new one."""
        try:
            worker = cls.idle.pop()
        except IndexError:
            cls(work)
        else:
            worker._give(work)

    @classmethod
    def end_idle(cls) -> None:
        """End all idle threads: a fork would lose them."""
        ending = []
        while cls.idle:
            ending.append(cls.idle.pop())
            ending[-1]._give(None)
        for worker in ending:
            worker._ended.acquire()

    def _give(self, work: Callable[[], None] | None) -> None:
        self._work = work
        self._has_work.release()

    def _run(self) -> None:
        while self._work is not None:
            self._work()
            self._work = None  # which holds pixels
            self.idle.append(self)
            if not self._has_work.acquire(timeout=IDLE_SECONDS):
                try:
                    self.idle.remove(self)
                except ValueError:  # chosen just now
                    self._has_work.acquire()
        self._ended.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_Worker.end_idle, after_in_child=_Worker.idle.clear)


class BackgroundTask(Generic[Result]):
    """A task on a background thread.

    If the thread never starts, for example because memory has run out, nothing waits for it; starting a
    `threading.Thread` would wait forever.

    Parameters
    ----------
    work : callable
        Its exceptions are ignored.

    Raises
    ------
    RuntimeError
        No more threads can be started.
    """

    def __init__(self, work: Callable[[], Result]) -> None:
        self._work = work
        self._result: Result | None = None
        self._changed = Condition()
        self._running = self._requested = False
        _Worker.start(self._run)

    def _run(self) -> None:
        with self._changed:
            if self._requested:
                return
            self._running = True
        with suppress(BaseException):
            self._result = self._work()
        with self._changed:
            self._running = False
            self._changed.notify()

    def result(self) -> Result | None:
        """Wait for the result and return it; None if the task failed or never started."""
        with self._changed:
            self._requested = True
            while self._running:
                self._changed.wait()
            return self._result


def parallel_for(parts: range, work: Callable[[WorkQueue], None], threads: int) -> None:
    """Share a task among threads, the calling thread included.

    Calls `work` once in each thread, with a queue from which the thread takes part after part. An error in
    one thread stops all of them, and so does an interrupt. If the system refuses to start more threads, those
    that are running do all the work.
    """
    queue = WorkQueue(parts)
    errors: list[BaseException] = []

    def work_or_stop() -> None:
        try:
            work(queue)
        except BaseException as error:
            queue.stopped = True
            errors.append(error)

    others: list[BackgroundTask[None]] = []
    with suppress(RuntimeError):
        others.extend(BackgroundTask(work_or_stop) for _ in range(threads - 1))
    work_or_stop()
    while others:
        try:
            others[-1].result()
            others.pop()
        except BaseException as interrupt:
            queue.stopped = True
            errors.append(interrupt)
    if errors:
        raise min(errors, key=lambda error: isinstance(error, Exception))  # an interrupt before any error
