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
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from itertools import count as count_from
from itertools import takewhile
from typing import TYPE_CHECKING, Generic, NamedTuple, NoReturn, Protocol, TypeVar

from convcli.parallel import thread_count
from convcli.pipeline.inputs import Source
from convcli.pipeline.job import Job
from convcli.pipeline.report import Report
from convcli.signals import SIGNALS, cleanup_at_signal, reset_handlers

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from types import TracebackType


__all__ = ["Executor", "LocalProcesses", "map_in_processes", "split_jobs"]

Part = TypeVar("Part")
Result = TypeVar("Result")

MAX_RESULTS_AHEAD = 32  # results per process that may wait for an earlier one, to bound memory
CLEANUP_SECONDS = 1.0  # seconds that all processes together get to clean up when they stop
KILL_SECONDS = 0.5  # seconds to wait for processes that are killed: the system may be unable to end them


class Executor(Protocol):
    """Runs the jobs of a batch, wherever that is."""

    def run(self, jobs: Sequence[Job], *, in_order: bool) -> Iterator[Report]:
        """Yield the report of each job, in the order of the jobs or as they finish.

        The jobs differ only in their sources.
        """


class LocalProcesses(NamedTuple):
    """Runs jobs in processes of this machine; in this process if there is only one."""

    processes: int = 1

    def run(self, jobs: Sequence[Job], *, in_order: bool = True) -> Iterator[Report]:
        """Yield the report of each job, in the order of the jobs or as they finish."""

        # Workers get the sources one by one: reading the list would copy its memory into each of them.
        def run_job(source: Source) -> Report:
            return jobs[0]._replace(source=source).run()

        def lost_job(source: Source, killed_by: str) -> Report:
            job = jobs[0]._replace(source=source)
            return Report(source, [job.failure(f"its process was ended by {killed_by}")])

        sources = (job.source for job in jobs)
        return map_in_processes(sources, run_job, lost_job, self.processes, in_order=in_order)


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
    """
    if processes == 1:
        yield from map(compute, parts)
        return
    waiting: dict[int, Result] = {}
    submitted = yielded = 0
    tasks = enumerate(parts)
    task = next(tasks, None)
    with _ProcessPool(compute, report_lost, processes) as pool:
        while task is not None or yielded < submitted:
            limit = yielded + MAX_RESULTS_AHEAD * processes
            while task is not None and submitted < limit and pool.submit(task):
                submitted += 1
                task = next(tasks, None)
            waiting.update(pool.results())
            ready = takewhile(waiting.__contains__, count_from(yielded))
            for number in list(ready if in_order else waiting):
                yield waiting.pop(number)
                yielded += 1


class _Worker(Generic[Part]):
    """A process and its task: the part that it is working on, after its number."""

    def __init__(self, pid: int, connection: "Connection") -> None:
        self.pid = pid
        self.connection = connection
        self.task: tuple[int, Part] | None = None


class _ProcessPool(Generic[Part, Result]):
    """The worker processes; they end with the context or at a signal."""

    def __init__(
        self, compute: Callable[[Part], Result], report_lost: Callable[[Part, str], Result], size: int
    ) -> None:
        self.compute = compute
        self.report_lost = report_lost
        self.size = size
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
        """Give a part, which comes after its number, to a free process; return whether there was one."""
        while True:
            worker = next((worker for worker in self.workers if worker.task is None), None)
            if worker is None and len(self.workers) < self.size:
                worker = self._start()
            if worker is None:
                if not self.size and not self.local_tasks:
                    self.local_tasks.append(task)
                    return True
                return False
            try:
                worker.connection.send(task[1])
            except (BrokenPipeError, ConnectionResetError):  # it was killed while idle
                self._remove_dead(worker)
                continue
            except OSError:  # the part may have arrived incomplete; `results` reports how it ended
                os.kill(worker.pid, signal.SIGKILL)
            worker.task = task
            return True

    def results(self) -> Iterator[tuple[int, Result]]:
        """Wait for results and yield the numbers of the parts that are finished with their results."""
        from multiprocessing.connection import wait

        yield from [(number, self.compute(part)) for number, part in self.local_tasks]
        self.local_tasks.clear()
        busy = {worker.connection: worker for worker in self.workers if worker.task is not None}
        for connection in wait(list(busy)) if busy else ():
            worker = busy[connection]  # type: ignore[index] # one of those waited for
            assert worker.task is not None
            number, part = worker.task
            try:
                result = worker.connection.recv()
            except (EOFError, OSError):
                yield number, self.report_lost(part, self._remove_dead(worker))
                continue
            if isinstance(result, BaseException):
                raise result
            worker.task = None
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
                _run_worker(theirs, self.compute)
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
        """Remove a process that has died, and return how."""
        self.workers.remove(worker)
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


def _run_worker(connection: "Connection", compute: Callable[[Part], object]) -> NoReturn:
    """Do parts until there are no more, in a forked process."""
    gc.freeze()  # looking for garbage would copy the memory of everything that is older than this process
    code = 1
    try:
        while True:
            part = connection.recv()
            try:
                result = compute(part)
            except Exception as error:  # a bug: raised again in the main process
                result = error
            connection.send(result)
    except (EOFError, OSError):
        code = 0
    finally:
        os._exit(code)
