"""Gives jobs to the workers of a Dask cluster, and does those of workers that die again.

Small jobs are sent in groups, as sending one takes about as long as filtering a small picture, and each group
to a worker that is chosen here. So it is known which jobs a worker had when it died: they are done once more,
each alone on a worker. One that loses this worker, too, has failed.
"""

import asyncio
import os
import pickle
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, NamedTuple

from convcli import __version__
from convcli.errors import ConvcliError
from convcli.files.urls import is_url
from convcli.pipeline.cluster.connection import connect
from convcli.pipeline.cluster.worker import (
    TASK_SECONDS,
    Answer,
    Place,
    describe_place,
    forget_run,
    prepare_run,
    run_jobs,
)
from convcli.pipeline.inputs import Source
from convcli.pipeline.job import Job
from convcli.pipeline.processes import MAX_RESULTS_AHEAD
from convcli.pipeline.report import Report

if TYPE_CHECKING:
    from types import TracebackType

    from distributed import Future

__all__ = ["ClusterPool", "is_relative"]

TASKS_PER_THREAD = 2  # one that is done, and one that waits for it
MAX_JOBS = MAX_RESULTS_AHEAD // TASKS_PER_THREAD  # of a task, so that no thread waits for results of others
POLL_SECONDS = 0.5
NO_WORKER_SECONDS = 30.0
FORGET_SECONDS = 5.0
KILLED = "the worker that processed it died, and so did the worker that tried it again"


class _Task(NamedTuple):
    """Sources after their numbers, and whether a worker died that had them."""

    parts: tuple[tuple[int, Source], ...]
    again: bool = False


class _Worker:
    """A worker: how many tasks it takes, and those that it has."""

    def __init__(self, threads: int) -> None:
        self.size = TASKS_PER_THREAD * threads
        self.tasks: dict[_Task, Future] = {}

    @property
    def is_free(self) -> bool:
        """Whether it takes another task; one that is done again is left alone."""
        return len(self.tasks) < self.size and not any(task.again for task in self.tasks)


class ClusterPool:
    """The workers of a cluster.

    Parameters
    ----------
    address : str or None
        Of the scheduler.
    local_workers : int
        Processes to start on this machine, if there is no address.
    make_job : callable
        A `functools.partial` of `Job` that lacks the source.
    """

    def __init__(self, address: str | None, local_workers: int, make_job: partial[Job]) -> None:
        self._address = address
        self._local_workers = local_workers
        self._make_job = partial(make_job, show_share=None)  # which is of this process
        self._name = f"--dask {address or 'local'}"
        self._run = os.urandom(8).hex()
        self._here = describe_place()
        self._maker = pickle.dumps(self._make_job)
        outputs, recipes = make_job.keywords["outputs"], make_job.keywords["recipes"]
        destinations = {recipe.destination or outputs.destination for recipe in recipes}
        self._writes_here = any(is_relative(place.output or place.folder or "") for place in destinations)
        self._workers: dict[str, _Worker] = {}
        self._is_started = False  # whether workers have been there
        self._unsuitable: set[str] = set()
        self._other_folder: str | None = None  # in which workers run
        self._next: list[tuple[int, Source]] = []  # to be sent next
        self._job_seconds = TASK_SECONDS  # that a job took lately
        self._lost: deque[tuple[int, Source]] = deque()  # to be done again
        self._arrived: SimpleQueue[tuple[str, _Task, object]] = SimpleQueue()
        self._seen = monotonic()  # when there was a worker
        self._checked = 0.0  # when the workers were looked at
        self._closing = ExitStack()

    def __enter__(self) -> "ClusterPool":
        with ExitStack() as stack:
            self._client = stack.enter_context(connect(self._address, self._local_workers))
            stack.callback(_within_seconds, self._forget)
            if self._address is not None:
                self._check_scheduler()
            while not self._workers:
                self._update_workers()
                if not self._workers:
                    sleep(POLL_SECONDS)
            self._closing = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        self._closing.__exit__(kind, error, trace)

    @property
    def size(self) -> int:
        """How many tasks the workers do at once."""
        return sum(worker.size for worker in self._workers.values()) // TASKS_PER_THREAD

    def submit(self, task: tuple[int, Source]) -> bool:
        """Give a source, which comes after its number, to a worker; return whether one takes more."""
        address = self._free_worker()
        if self._lost or address is None or not self._arrived.empty():
            return False
        number, source = task
        if self._other_folder is not None and is_relative(source.name) and not source.error:
            why = f"is a relative name, but the workers run in {self._other_folder}; give an absolute one"
            source = source._replace(error=why)
        self._next.append((number, source))
        if len(self._next) >= self._group_size() or not self._workers[address].tasks:
            self._send_next(address)
        return True

    def _group_size(self) -> int:
        """Return how many jobs a task gets, as far as it is known how long they take."""
        return max(1, int(min(MAX_JOBS, TASK_SECONDS / self._job_seconds)))

    def _free_worker(self) -> str | None:
        """Return the worker that has the fewest tasks, if it takes another."""
        free = [address for address, worker in self._workers.items() if worker.is_free]
        return min(free, key=lambda address: len(self._workers[address].tasks), default=None)

    def results(self) -> Iterator[tuple[int, Report]]:
        """Wait for results, but not long, and yield the numbers of the sources with their reports."""
        while self._next and (free := self._free_worker()) is not None:
            self._send_next(free)
        for address, worker in self._workers.items():
            if self._lost and not worker.tasks:
                self._send(address, _Task((self._lost.popleft(),), again=True))
        arrived = []
        with suppress(Empty):
            arrived.append(self._arrived.get(timeout=POLL_SECONDS))
            while True:
                arrived.append(self._arrived.get_nowait())
        gone = []
        for address, task, result in arrived:
            owner = self._workers.get(address)
            if owner is None or owner.tasks.pop(task, None) is None:
                continue  # its worker was found dead before
            if isinstance(result, Answer):
                for (number, _), report in zip(task.parts, result.reports, strict=False):
                    yield number, report
                if result.error is not None:
                    raise result.error
                self._next[:0] = task.parts[len(result.reports) :]
                seconds = result.seconds / len(result.reports)
                self._job_seconds = max(seconds, (self._job_seconds + seconds) / 2)  # groups grow slowly
            elif result is None or _is_lost(result):
                gone.append(task)
                gone += self._remove(address)
            elif isinstance(result, BaseException):
                raise result
        if gone or monotonic() - self._checked > POLL_SECONDS:
            gone += self._update_workers()
        for task in gone:
            if task.again:
                ((number, source),) = task.parts
                yield number, Report(source, [self._make_job(source).failure(KILLED)])
            else:
                self._lost.extend(task.parts)

    def _send_next(self, address: str) -> None:
        """Send a group of the sources that have been collected."""
        size = self._group_size()
        task, self._next = _Task(tuple(self._next[:size])), self._next[size:]
        self._send(address, task)

    def _send(self, address: str, task: _Task) -> None:
        """Send a task to a worker; its result arrives later."""
        future = self._ask(
            self._client.submit,
            run_jobs,
            self._run,
            [source for _, source in task.parts],
            task.again,
            key=f"convcli-{self._run}-{task.parts[0][0]}-{task.again:d}",
            workers=[address],
            pure=False,
        )
        self._workers[address].tasks[task] = future

        async def receive() -> None:
            try:
                self._arrived.put((address, task, await future.result()))
            except BaseException as error:
                self._arrived.put((address, task, error))

        self._client.loop.add_callback(receive)

    def _remove(self, address: str) -> list[_Task]:
        """Forget a worker that is gone, and return its tasks."""
        worker = self._workers.pop(address)
        self._ask(self._client.cancel, list(worker.tasks.values()), force=True)
        return list(worker.tasks)

    def _update_workers(self) -> list[_Task]:
        """Look which workers are there; return the tasks of those that are gone.

        Raises
        ------
        ConvcliError
            The scheduler is gone, or has had no workers for a while.
        """
        threads = self._ask(self._client.nthreads)
        lost = [task for address in set(self._workers) - set(threads) for task in self._remove(address)]
        new = set(threads) - set(self._workers) - self._unsuitable
        if new:
            self._meet(new, threads)
        self._checked = monotonic()
        if self._workers:
            self._seen = self._checked
        elif self._checked - self._seen > NO_WORKER_SECONDS:
            advice = "" if self._address is None else f"; start some, as in: dask worker {self._address}"
            raise ConvcliError(self._name, f"has had no workers for {NO_WORKER_SECONDS:.0f} seconds{advice}")
        return lost

    def _ask(self, function: Callable[..., Any], *arguments: object, **options: object) -> Any:
        """Call a method of the client.

        Raises
        ------
        ConvcliError
            The scheduler is gone.
        """
        try:
            return function(*arguments, **options)
        except Exception as error:
            if self._client.status == "running" and not isinstance(error, (OSError, CancelledError)):
                raise
        raise ConvcliError(self._name, "the scheduler is gone; use --skip-existing to continue")

    def _check_scheduler(self) -> None:
        """Refuse a scheduler with other versions.

        Raises
        ------
        ConvcliError
            It has others.
        """
        try:
            place = self._ask(self._client.run_on_scheduler, describe_place)
        except ImportError:
            place = None
        self._check_versions("its scheduler", place)

    def _meet(self, new: Iterable[str], threads: Mapping[str, int]) -> None:
        """Get new workers ready for jobs.

        Raises
        ------
        ConvcliError
            One of the first workers cannot do them.
        """
        is_start = not self._is_started
        hosts = Counter[str]()
        for address, count in threads.items():
            hosts[_host(address)] += count
        ready: dict[int, list[str]] = {}  # by how many tasks their machines do at once
        places = self._ask(self._client.run, describe_place, workers=list(new), on_error="return")
        for address, place in places.items():
            if isinstance(place, Exception) and not isinstance(place, (ImportError, AttributeError)):
                continue  # it has died meanwhile
            try:
                self._check_place(f"its worker {address}", place if isinstance(place, Place) else None)
            except ConvcliError:
                if is_start:
                    raise
                self._unsuitable.add(address)
            else:
                ready.setdefault(hosts[_host(address)], []).append(address)
        for count, addresses in ready.items():
            prepared = self._ask(
                self._client.run,
                prepare_run,
                self._run,
                self._maker,
                count,
                workers=addresses,
                on_error="return",
            )
            for address, error in prepared.items():
                if error is None:
                    self._workers[address] = _Worker(threads[address])
        self._is_started = True

    def _check_place(self, who: str, place: Place | None) -> None:
        """Refuse a worker that cannot do the same as this process, under the same names of files."""
        self._check_versions(who, place)
        assert place is not None
        if place.folder == self._here.folder:
            return
        if self._writes_here or self._is_started:
            why = f"runs in {place.folder}, so relative names mean other files there; give absolute ones"
            raise ConvcliError(self._name, f"{who} {why}")
        self._other_folder = place.folder

    def _check_versions(self, who: str, place: Place | None) -> None:
        if place is None:
            raise ConvcliError(self._name, f"{who} lacks convcli {__version__}; install it there")
        for theirs, ours in zip(place.versions, self._here.versions, strict=True):
            if theirs != ours:
                why = f"{who} has {theirs}, but here is {ours}; install the same versions"
                raise ConvcliError(self._name, why)

    def _forget(self) -> None:
        """Cancel what the workers have not begun, and let them forget the run."""
        with suppress(Exception):  # the cluster may be gone
            futures = [future for worker in self._workers.values() for future in worker.tasks.values()]
            self._client.cancel(futures, force=True)
            self._client.run(forget_run, self._run, workers=list(self._workers), on_error="ignore")


def _within_seconds(work: Callable[[], None]) -> None:
    """Do something on another thread, and do not wait long for it: a worker may hang."""
    thread = Thread(target=work, daemon=True)
    thread.start()
    thread.join(FORGET_SECONDS)


def _host(address: str) -> str:
    return address.rpartition(":")[0]


def _is_lost(result: object) -> bool:
    """Whether a result is the error of a task whose worker is gone."""
    from distributed import KilledWorker  # late: as in `connect`

    return isinstance(result, (KilledWorker, CancelledError, asyncio.CancelledError, OSError))


def is_relative(name: str) -> bool:
    """Whether a name depends on the current folder."""
    return not (Path(name).is_absolute() or is_url(name))
