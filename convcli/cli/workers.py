"""Work that processes share, each of them expendable: one that is killed loses only what it was at.

Processes, not threads: decoding and encoding small pictures holds Python's lock for too much of the time. On
two processors, pictures of 512x384 pixels take 11.2 ms each by two processes, 12.8 by three threads, 20 by
one.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count as numbers
from itertools import takewhile
from typing import TYPE_CHECKING, Generic, NoReturn, TypeVar

from convcli.cli.output import Stopped
from convcli.processors import available_processors

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from types import TracebackType

__all__ = ["divided", "shared_out"]

Result = TypeVar("Result")

AHEAD = 32  # results a process that may wait for an earlier one: what is told of a long batch stays small
PATIENCE = 2.0  # seconds that a process may take to clear up when all is to stop


def divided(jobs: int | None, parts: int) -> tuple[int, int | None]:
    """Return how many processes share a work of so many parts, and how many threads each may have."""
    processes = min(available_processors() if jobs is None else jobs, parts)
    # To fork is safe only where no library keeps threads of its own, as macOS's do.
    if processes <= 1 or not hasattr(os, "fork") or sys.platform == "darwin":
        return 1, jobs
    return processes, 1


def shared_out(
    count: int,
    do: Callable[[int], Result],
    lost: Callable[[int, str], Result],
    processes: int,
    *,
    in_order: bool,
) -> Iterator[Result]:
    """Yield the results of all parts, done by so many processes; by this one if it is one.

    Parameters
    ----------
    count : int
        Of parts, numbered from 0.
    do : callable
        Does a part. Whatever it has to say must be in its result, which is pickled.
    lost : callable
        Makes the result of a part whose process was killed, and of a text that tells by what.
    processes : int
    in_order : bool
        Yield results in the order of the parts; else as they come.
    """
    if processes == 1:
        yield from map(do, range(count))
        return
    waiting: dict[int, Result] = {}
    given = yielded = 0
    with _Crew(do, lost, processes) as crew:
        while yielded < count:
            while given < count and given - yielded < AHEAD * processes and crew.take(given):
                given += 1
            waiting.update(crew.results())
            in_turn = takewhile(waiting.__contains__, numbers(yielded))
            for part in list(in_turn if in_order else waiting):
                yield waiting.pop(part)
                yielded += 1


@dataclass(eq=False)
class _Worker:
    """A process, and the part that it is at."""

    process: int
    connection: "Connection"
    part: int | None = None


class _Crew(Generic[Result]):
    """The processes; they end with the context."""

    def __init__(self, do: Callable[[int], Result], lost: Callable[[int, str], Result], size: int) -> None:
        self.do = do
        self.lost = lost
        self.size = size
        self.workers: list[_Worker] = []

    def __enter__(self) -> "_Crew[Result]":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        for worker in self.workers:
            worker.connection.close()  # which tells it that there is nothing more to do
            if kind is not None:
                with suppress(ProcessLookupError):
                    os.kill(worker.process, signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE
        for worker in self.workers:
            while kind is not None and os.waitpid(worker.process, os.WNOHANG) == (0, 0):
                if time.monotonic() > deadline:
                    os.kill(worker.process, signal.SIGKILL)
                    deadline = float("inf")
                time.sleep(0.005)
            if kind is None:
                os.waitpid(worker.process, 0)

    def take(self, part: int) -> bool:
        """Give a part to a process, and return whether one was free."""
        worker = next((worker for worker in self.workers if worker.part is None), None)
        if worker is None and len(self.workers) < self.size:
            worker = self._start()
        if worker is None:
            return False
        worker.part = part
        with suppress(OSError):  # it was killed while it waited: `results` will find that
            worker.connection.send(part)
        return True

    def results(self) -> Iterator[tuple[int, Result]]:
        """Wait for results, and yield those that are there with their parts."""
        from multiprocessing.connection import wait

        busy = {worker.connection: worker for worker in self.workers if worker.part is not None}
        for connection in wait(list(busy)):
            worker = busy[connection]  # type: ignore[index] # what was asked for
            part = worker.part
            assert part is not None
            try:
                result = worker.connection.recv()
            except (EOFError, OSError):
                yield part, self.lost(part, self._bury(worker))
                continue
            if isinstance(result, BaseException):
                raise result
            worker.part = None
            yield part, result

    def _start(self) -> _Worker:
        from multiprocessing.connection import Pipe

        ours, theirs = Pipe()
        process = os.fork()
        if process == 0:
            ours.close()
            for worker in self.workers:  # or none of them would see that this process is gone
                worker.connection.close()
            _serve(theirs, self.do)
        theirs.close()
        self.workers.append(_Worker(process, ours))
        return self.workers[-1]

    def _bury(self, worker: _Worker) -> str:
        """Remove a process that has died, and return by what."""
        self.workers.remove(worker)
        worker.connection.close()
        _, status = os.waitpid(worker.process, 0)
        if os.WIFSIGNALED(status):
            return f"signal {os.WTERMSIG(status)}"
        return f"exit code {os.waitstatus_to_exitcode(status)}"


def _serve(connection: "Connection", do: Callable[[int], object]) -> NoReturn:
    """Do parts until there are no more, in a process that was forked."""
    try:
        while True:
            part = connection.recv()
            try:
                result = do(part)
            except Exception as error:  # a mistake in this program: told where it is seen
                result = error
            connection.send(result)
    except (EOFError, OSError, Stopped):
        pass
    finally:
        os._exit(0)
