"""What a worker of a Dask cluster does: it says what is installed, and does jobs."""

import pickle
import platform
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from convcli import __version__
from convcli.pipeline.inputs import Source
from convcli.pipeline.job import Job
from convcli.pipeline.report import Report

__all__ = ["Place", "describe_place", "forget_run", "prepare_run", "run_job"]

_makers: dict[str, Callable[[Source], Job]] = {}  # of the runs that this process works for


class Place(NamedTuple):
    """Where a process runs: versions of what has to be the same everywhere, and the current folder."""

    versions: tuple[str, ...]
    folder: str


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


def run_job(run: str, source: Source, again: bool) -> Report | None:
    """Do the job of a source; None if this process is not ready for it, because it has taken another's place.

    A job that is done `again` may find outputs that its first run wrote before its worker died.
    """
    make_job = _makers.get(run)
    if make_job is None:
        return None
    job = make_job(source)
    return (job._replace(outputs=job.outputs.resuming()) if again else job).run()
