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
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import count as numbers
from itertools import takewhile
from typing import TYPE_CHECKING, Generic, NoReturn, TypeVar

from convcli.cli.stopping import SIGNALS, forget, undone_at_a_signal
from convcli.processors import threads_for

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from types import TracebackType

__all__ = ["divided", "shared_out"]

Result = TypeVar("Result")

AHEAD = 32  # results a process that may wait for an earlier one: what is told of a long batch stays small
PATIENCE = 2.0  # seconds that a process may take to clear up when all is to stop


def divided(jobs: int | None, parts: int) -> tuple[int, int | None]:
    """Return how many processes share a work of so many parts, and how many threads each may have."""
    processes = threads_for(jobs, parts)  # as many as threads would be: they take the same processors
    return (processes, 1) if processes > 1 and _may_fork() else (1, jobs)


def _may_fork() -> bool:
    """Whether processes can be forked safely: macOS's libraries keep threads that a fork would lose."""
    needed = ((os, "fork"), (os, "waitstatus_to_exitcode"), (signal, "pthread_sigmask"))
    return sys.platform != "darwin" and all(hasattr(module, name) for module, name in needed)


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
        for part in range(count):
            yield do(part)
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
    """The processes; they end with the context, or at a signal."""

    def __init__(self, do: Callable[[int], Result], lost: Callable[[int, str], Result], size: int) -> None:
        self.do = do
        self.lost = lost
        self.size = size
        self.workers: list[_Worker] = []
        self.own: list[int] = []  # parts that this process does itself, as no other can be started
        self._at_a_signal = ExitStack()

    def __enter__(self) -> "_Crew[Result]":
        self._at_a_signal.enter_context(undone_at_a_signal(self.stop))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        if kind is not None:
            self.stop()
        for worker in self.workers:
            worker.connection.close()  # which tells it that there is nothing more to do
            _exit_code(worker.process)
        self._at_a_signal.close()

    def stop(self) -> None:
        """End all processes at once: they have some time to clear up."""
        for worker in self.workers:
            with suppress(ProcessLookupError):
                os.kill(worker.process, signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE
        for worker in self.workers:
            while _exit_code(worker.process, os.WNOHANG) is None:
                if time.monotonic() > deadline:
                    os.kill(worker.process, signal.SIGKILL)
                    deadline = float("inf")
                time.sleep(0.005)

    def take(self, part: int) -> bool:
        """Give a part to a process, and return whether one was free."""
        while True:
            worker = next((worker for worker in self.workers if worker.part is None), None)
            if worker is None and len(self.workers) < self.size:
                worker = self._start()
            if worker is None:
                if not self.size and not self.own:
                    self.own.append(part)
                    return True
                return False
            try:
                worker.connection.send(part)
            except (BrokenPipeError, ConnectionResetError):  # it was killed while it had nothing to do
                self._bury(worker)
                continue
            except OSError:  # it may have got a part of the number: `results` tells how it ended
                os.kill(worker.process, signal.SIGKILL)
            worker.part = part
            return True

    def results(self) -> Iterator[tuple[int, Result]]:
        """Wait for results, and yield those that are there with their parts."""
        from multiprocessing.connection import wait

        for own in self.own:
            yield own, self.do(own)
        self.own.clear()
        busy = {worker.connection: worker for worker in self.workers if worker.part is not None}
        for connection in wait(list(busy)) if busy else ():
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

    def _start(self) -> "_Worker | None":
        """Start a process; where that is refused, the work goes on with those that there are."""
        from multiprocessing.connection import Pipe

        try:
            ours, theirs = Pipe()
        except OSError:
            self.size = len(self.workers)
            return None
        # Between here and there a signal would clear up in two processes what belongs to one.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            process = os.fork()
            if process == 0:
                ours.close()
                for worker in self.workers:  # or none of them would see that this process is gone
                    worker.connection.close()
                forget()
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
                _serve(theirs, self.do)
            self.workers.append(_Worker(process, ours))
        except OSError:
            self.size = len(self.workers)
            ours.close()
            return None
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            theirs.close()
        return self.workers[-1]

    def _bury(self, worker: _Worker) -> str:
        """Remove a process that has died, and return by what."""
        self.workers.remove(worker)
        worker.connection.close()
        code = _exit_code(worker.process) or 0
        return f"signal {-code}" if code < 0 else f"exit code {code}"


def _exit_code(process: int, options: int = 0) -> int | None:
    """Wait for the end of a process, and return its exit code, or minus the signal; None: it goes on."""
    try:
        found, status = os.waitpid(process, options)
    except ChildProcessError:  # somebody else has heard of it
        return 0
    return os.waitstatus_to_exitcode(status) if found else None


def _serve(connection: "Connection", do: Callable[[int], object]) -> NoReturn:
    """Do parts until there are no more, in a process that was forked."""
    code = 1
    try:
        while True:
            part = connection.recv()
            try:
                result = do(part)
            except Exception as error:  # a mistake in this program: told where it is seen
                result = error
            connection.send(result)
    except (EOFError, OSError):
        code = 0
    finally:
        os._exit(code)
