"""Worker processes that share work; one that is killed loses only the part that it was working on.

Processes, not threads: decoding and encoding small pictures holds Python's global lock most of the time. On
two cores, a picture of 512x384 pixels takes 11.2 ms with two processes, 12.8 ms with three threads and 20 ms
with one.
"""

import gc
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from itertools import chain, takewhile
from itertools import count as count_from
from typing import TYPE_CHECKING, Generic, NamedTuple, NoReturn, Protocol, TypeVar

from convcli.files.urls import is_url
from convcli.parallel import thread_count
from convcli.pipeline.inputs import Source
from convcli.pipeline.job import Job
from convcli.pipeline.report import Report
from convcli.signals import SIGNALS, cleanup_at_signal, reset_handlers

if TYPE_CHECKING:
    from functools import partial
    from multiprocessing.connection import Connection
    from types import TracebackType


__all__ = [
    "MAX_RESULTS_AHEAD",
    "Executor",
    "LocalProcesses",
    "Pool",
    "map_in_pool",
    "map_in_processes",
    "split_jobs",
]

Part = TypeVar("Part")
Result = TypeVar("Result")
Task = TypeVar("Task", contravariant=True)
Answer = TypeVar("Answer", covariant=True)

PREPARED = 2  # parts that are prepared while one before them is computed
MAX_RESULTS_AHEAD = 32  # results per process that may wait for an earlier one, to bound memory
CLEANUP_SECONDS = 1.0  # seconds that all processes together get to clean up when they stop
KILL_SECONDS = 0.5  # seconds to wait for processes that are killed: the system may be unable to end them


class Executor(Protocol):
    """Runs the jobs of a batch, wherever that is."""

    def run(self, make_job: "partial[Job]", sources: Iterable[Source], *, in_order: bool) -> Iterator[Report]:
        """Yield the report of the job of each source, in their order or as they finish.

        What makes a job lacks only its source. There may be more sources than memory could hold.
        """


class Pool(Protocol[Task, Answer]):
    """Workers that compute parts while it is entered as a context."""

    @property
    def size(self) -> int:
        """How many parts they compute at once."""

    def __enter__(self) -> object: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None: ...

    def submit(self, task: tuple[int, Task]) -> bool:
        """Give a part, which comes after its number, to a worker; return whether one takes more."""

    def results(self) -> Iterator[tuple[int, Answer]]:
        """Wait for results and yield the numbers of the parts that are finished with their results."""


class LocalProcesses(NamedTuple):
    """Runs jobs in processes of this machine; in this process if there is only one."""

    processes: int = 1

    def run(
        self, make_job: "partial[Job]", sources: Iterable[Source], *, in_order: bool = True
    ) -> Iterator[Report]:
        """Yield the report of the job of each source, in their order or as they finish."""

        def run_job(source: Source) -> Report:
            return make_job(source).run()

        def lost_job(source: Source, killed_by: str) -> Report:
            return Report(source, [make_job(source).failure(f"its process was ended by {killed_by}")])

        def prepare_job(source: Source) -> None:
            make_job(source).fetch_ahead()

        remaining = iter(sources)
        first = next(remaining, None)
        prepare = prepare_job if first is not None and is_url(first.name) else None
        return map_in_processes(
            chain([] if first is None else [first], remaining),
            run_job,
            lost_job,
            self.processes,
            in_order=in_order,
            prepare=prepare,
        )


def split_jobs(jobs: int | None, parts: int) -> tuple[int, int | None]:
    """Return the number of processes for a work of `parts` parts, and the threads of each process."""
    processes = thread_count(jobs, parts)  # as many as there would be threads, as they use the same cores
    return (processes, 1) if processes > 1 and _can_fork() else (1, jobs)


def _can_fork() -> bool:
    """Whether this process can be forked safely: macOS's libraries have threads that a fork would lose."""
    needed = ((os, "fork"), (os, "waitstatus_to_exitcode"), (signal, "pthread_sigmask"))
    return sys.platform != "darwin" and all(hasattr(module, name) for module, name in needed)


def map_in_processes(
    parts: Iterable[Part],
    compute: Callable[[Part], Result],
    report_lost: Callable[[Part, str], Result],
    processes: int,
    *,
    in_order: bool,
    prepare: Callable[[Part], None] | None = None,
) -> Iterator[Result]:
    """Yield the results of all parts, computed by worker processes, or by this process if `processes` is 1.

    Parameters
    ----------
    parts : iterable
        The parts, which must be picklable.
    compute : callable
        Takes a part and returns its result, which must be picklable.
    report_lost : callable
        Takes a part whose process was killed, and a text about how, and returns its result.
    processes : int
    in_order : bool
        Yield results in the order of the parts, otherwise as they come.
    prepare : callable, optional
        Takes a part in the process that will compute it, before it has computed those before.
    """
    if processes == 1:
        yield from map(compute, parts if prepare is None else _prepared(parts, prepare))
        return
    yield from map_in_pool(_ProcessPool(compute, report_lost, processes, prepare), parts, in_order=in_order)


def map_in_pool(pool: Pool[Part, Result], parts: Iterable[Part], *, in_order: bool) -> Iterator[Result]:
    """Yield the results of all parts, computed by the workers of a pool."""
    waiting: dict[int, Result] = {}
    submitted = yielded = 0
    tasks = enumerate(parts)
    task = next(tasks, None)
    with pool:
        while task is not None or yielded < submitted:
            limit = yielded + MAX_RESULTS_AHEAD * max(1, pool.size)
            while task is not None and submitted < limit and pool.submit(task):
                submitted += 1
                task = next(tasks, None)
            waiting.update(pool.results())
            ready = takewhile(waiting.__contains__, count_from(yielded))
            for number in list(ready if in_order else waiting):
                yield waiting.pop(number)
                yielded += 1


def _prepared(parts: Iterable[Part], prepare: Callable[[Part], None]) -> Iterator[Part]:
    """Yield parts; prepare each but the first when it is one of the next."""
    following: deque[Part] = deque()
    for part in parts:
        if following:
            prepare(part)
        following.append(part)
        if len(following) > PREPARED:
            yield following.popleft()
    yield from following


class _Worker(Generic[Part]):
    """A process and its tasks: the part that it is working on, after its number, and what it does next."""

    def __init__(self, pid: int, connection: "Connection") -> None:
        self.pid = pid
        self.connection = connection
        self.tasks: deque[tuple[int, Part]] = deque()


class _ProcessPool(Generic[Part, Result]):
    """The worker processes; they end with the context or at a signal."""

    def __init__(
        self,
        compute: Callable[[Part], Result],
        report_lost: Callable[[Part, str], Result],
        size: int,
        prepare: Callable[[Part], None] | None = None,
    ) -> None:
        self.compute = compute
        self.report_lost = report_lost
        self.size = size
        self.prepare = prepare
        self.tasks_per_worker = 1 if prepare is None else 2
        self.returned: deque[tuple[int, Part]] = deque()  # of workers that died before they began them
        self.workers: list[_Worker[Part]] = []
        self.local_tasks: list[tuple[int, Part]] = []  # done by this process, as it cannot start another
        self._signal_cleanup = ExitStack()

    def __enter__(self) -> "_ProcessPool[Part, Result]":
        self._signal_cleanup.enter_context(cleanup_at_signal(self.stop))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        if kind is not None:
            self.stop()
        for worker in self.workers:
            worker.connection.close()  # the process then ends
            if kind is None:
                _exit_code(worker.pid)
        self._signal_cleanup.close()

    def stop(self) -> None:
        """End all processes; they get some time to clean up."""
        for number, seconds in ((signal.SIGTERM, CLEANUP_SECONDS), (signal.SIGKILL, KILL_SECONDS)):
            for worker in self.workers:
                with suppress(ProcessLookupError):
                    os.kill(worker.pid, number)
            self._wait(seconds)

    def _wait(self, seconds: float) -> None:
        """Wait until all processes have ended, but not longer than some seconds."""
        deadline = time.monotonic() + seconds
        while self.workers and time.monotonic() < deadline:
            self.workers = [worker for worker in self.workers if _exit_code(worker.pid, os.WNOHANG) is None]
            if self.workers:
                time.sleep(0.005)

    def submit(self, task: tuple[int, Part]) -> bool:
        """Give a part, which comes after its number, to a process; return whether one takes more."""
        return not self.returned and self._give(task)

    def _give(self, task: tuple[int, Part]) -> bool:
        while True:
            worker = next((worker for worker in self.workers if not worker.tasks), None)
            if worker is None and len(self.workers) < self.size:
                worker = self._start()
            if worker is None:
                takers = (worker for worker in self.workers if len(worker.tasks) < self.tasks_per_worker)
                worker = next(takers, None)
            if worker is None:
                if not self.size and not self.local_tasks:
                    self.local_tasks.append(task)
                    return True
                return False
            try:
                worker.connection.send(task[1])
            except (BrokenPipeError, ConnectionResetError):  # it was killed
                if worker.tasks:
                    return False  # `results` reports how it ended
                self._remove_dead(worker)
                continue
            except OSError:  # the part may have arrived incomplete; `results` reports how it ended
                os.kill(worker.pid, signal.SIGKILL)
            worker.tasks.append(task)
            return True

    def results(self) -> Iterator[tuple[int, Result]]:
        """Wait for results and yield the numbers of the parts that are finished with their results."""
        from multiprocessing.connection import wait

        while self.returned and self._give(self.returned[0]):
            self.returned.popleft()
        yield from [(number, self.compute(part)) for number, part in self.local_tasks]
        self.local_tasks.clear()
        busy = {worker.connection: worker for worker in self.workers if worker.tasks}
        for connection in wait(list(busy)) if busy else ():
            worker = busy[connection]  # type: ignore[index] # one of those waited for
            number, part = worker.tasks[0]
            try:
                result = worker.connection.recv()
            except (EOFError, OSError):
                yield number, self.report_lost(part, self._remove_dead(worker))
                continue
            if isinstance(result, BaseException):
                raise result
            worker.tasks.popleft()
            yield number, result

    def _start(self) -> "_Worker[Part] | None":
        """Start a process; if that fails, the work goes on with the existing ones."""
        from multiprocessing.connection import Pipe

        try:
            ours, theirs = Pipe()
        except OSError:
            self.size = len(self.workers)
            return None
        # Until the mask is restored, a signal would make two processes clean up what belongs to one.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            pid = os.fork()
            if pid == 0:
                ours.close()
                for worker in self.workers:  # otherwise they would not notice that this process is gone
                    worker.connection.close()
                reset_handlers()
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
                _run_worker(theirs, self.compute, self.prepare)
            self.workers.append(_Worker(pid, ours))
        except OSError:
            self.size = len(self.workers)
            ours.close()
            return None
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            theirs.close()
        return self.workers[-1]

    def _remove_dead(self, worker: _Worker[Part]) -> str:
        """Remove a process that has died, and return how; what it had not begun is given to others."""
        self.workers.remove(worker)
        self.returned.extend(list(worker.tasks)[1:])
        worker.connection.close()
        code = _exit_code(worker.pid) or 0
        return f"signal {-code}" if code < 0 else f"exit code {code}"


def _exit_code(pid: int, options: int = 0) -> int | None:
    """Wait for a process; return its exit code, minus the signal number, or None if it is still running."""
    try:
        exited, status = os.waitpid(pid, options)
    except ChildProcessError:  # somebody else has waited for it
        return 0
    return os.waitstatus_to_exitcode(status) if exited else None


def _run_worker(
    connection: "Connection", compute: Callable[[Part], object], prepare: Callable[[Part], None] | None
) -> NoReturn:
    """Do parts until there are no more, in a forked process."""
    gc.freeze()  # looking for garbage would copy the memory of everything that is older than this process
    code = 1
    try:
        received = iter(connection.recv, None)  # a part is never None
        for part in received if prepare is None else _prepared_on_arrival(received, prepare):
            try:
                result = compute(part)
            except Exception as error:  # a bug: raised again in the main process
                result = error
            connection.send(result)
        code = 0
    except (EOFError, OSError):
        code = 0
    finally:
        os._exit(code)


def _prepared_on_arrival(received: Iterator[Part], prepare: Callable[[Part], None]) -> Iterator[Part]:
    """Yield parts; a thread receives and prepares the next one meanwhile."""
    from queue import SimpleQueue
    from threading import Thread

    parts: SimpleQueue[Part | None] = SimpleQueue()

    def receive() -> None:
        with suppress(EOFError, OSError):
            for number, part in enumerate(received):
                if number:  # the first is begun at once
                    prepare(part)
                parts.put(part)
        parts.put(None)

    Thread(target=receive, daemon=True).start()
    for part in iter(parts.get, None):
        assert part is not None
        yield part
