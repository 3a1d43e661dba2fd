"""What a worker of a Dask cluster does: it says what is installed, and does jobs."""

import pickle
import platform
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from convcli import __version__
from convcli.pipeline.inputs import Source
from convcli.pipeline.job import Job
from convcli.pipeline.report import Report

__all__ = ["TASK_SECONDS", "Answer", "Place", "describe_place", "forget_run", "prepare_run", "run_jobs"]

TASK_SECONDS = 0.2  # that the jobs of a task should take together, as Dask needs some milliseconds for each

_makers: dict[str, Callable[[Source], Job]] = {}  # of the runs that this process works for


class Place(NamedTuple):
    """Where a process runs: versions of what has to be the same everywhere, and the current folder."""

    versions: tuple[str, ...]
    folder: str


class Answer(NamedTuple):
    """What came of a task.

    Attributes
    ----------
    reports : list of Report
        Of its first sources, in their order: at least one, unless there is an error. The rest was not begun.
    seconds : float
    error : Exception or None
        What ended it, if that was a bug.
    """

    reports: list[Report]
    seconds: float
    error: Exception | None = None


def describe_place() -> Place:
    """Describe this process."""
    python = ".".join(platform.python_version_tuple()[:2])
    numpy = _installed("numpy").partition(".")[0]
    versions = f"Python {python}", f"convcli {__version__}", f"distributed {_installed('distributed')}"
    return Place((*versions, f"numpy {numpy}"), str(Path.cwd()))


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def prepare_run(run: str, pickled_maker: bytes, processes: int) -> None:
    """Get ready for the jobs of a run: keep the function that makes them.

    Parameters
    ----------
    run : str
        Its unique name.
    pickled_maker : bytes
        A `functools.partial` of `Job` that lacks the source.
    processes : int
        How many pictures are processed on this machine at once.
    """
    maker = pickle.loads(pickled_maker)
    reading = maker.keywords["reading"]
    reading = reading._replace(limits=reading.limits._replace(processes=processes))
    _makers[run] = type(maker)(maker, reading=reading)


def forget_run(run: str) -> None:
    """Forget what was prepared."""
    _makers.pop(run, None)


def run_jobs(run: str, sources: Sequence[Source], again: bool) -> Answer | None:
    """Do the jobs of some sources; None if this process is not ready, because it has taken another's place.

    Jobs that are done `again` may find outputs that their first run wrote before its worker died.
    """
    started, reports, error = perf_counter(), list[Report](), None
    for source in sources:
        make_job = _makers.get(run)
        if make_job is None or (reports and perf_counter() - started > TASK_SECONDS):
            break  # the run is over, or the rest takes too long for one task
        job = make_job(source)
        try:
            reports.append((job._replace(outputs=job.outputs.resuming()) if again else job).run())
        except Exception as mistake:  # a bug: raised again in the main process
            error = mistake
            break
    return Answer(reports, perf_counter() - started, error) if reports or error else None
