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
from convcli.pipeline.processes import prepared
from convcli.pipeline.report import Report

__all__ = ["Answer", "Place", "describe_place", "forget_run", "prepare_run", "run_jobs"]

_makers: dict[str, Callable[[Source], Job]] = {}  # of the runs that this process works for


class Place(NamedTuple):
    """Where a process runs: versions of what has to be the same everywhere, and the current folder."""

    versions: tuple[str, ...]
    folder: str


class Answer(NamedTuple):
    """What came of a task: the reports of its sources, in their order, and how long they took."""

    reports: list[Report]
    seconds: float


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
    make_job = _makers.get(run)
    if make_job is None:
        return None
    started = perf_counter()
    jobs = [make_job(source) for source in sources]
    if again:
        jobs = [job._replace(outputs=job.outputs.resuming()) for job in jobs]
    return Answer([job.run() for job in prepared(jobs, Job.fetch_ahead)], perf_counter() - started)
