"""The executor that sends the jobs of a batch to a Dask cluster."""

import re
from collections.abc import Iterable, Iterator
from functools import partial
from typing import NamedTuple

from convcli.errors import UsageError
from convcli.parallel import available_cores
from convcli.pipeline.cluster.pool import ClusterPool
from convcli.pipeline.inputs import Source
from convcli.pipeline.job import Job
from convcli.pipeline.processes import map_in_pool
from convcli.pipeline.report import Report

__all__ = ["DaskCluster", "parse_cluster"]

MAX_LOCAL_WORKERS = 1024


class DaskCluster(NamedTuple):
    """Runs jobs on the workers of a Dask cluster.

    Attributes
    ----------
    address : str or None
        Of its scheduler; None: a cluster is started on this machine.
    local_workers : int
        How many processes that cluster has.
    """

    address: str | None
    local_workers: int = 0

    @property
    def threads(self) -> int:
        """How many threads each job may use."""
        return max(1, available_cores() // self.local_workers) if self.local_workers else 1

    def run(
        self, make_job: "partial[Job]", sources: Iterable[Source], *, in_order: bool = True
    ) -> Iterator[Report]:
        """Yield the report of the job of each source, in their order or as they finish."""
        pool = ClusterPool(self.address, self.local_workers, make_job)
        return map_in_pool(pool, sources, in_order=in_order)


def parse_cluster(text: str, parts: int) -> DaskCluster:
    """Read which cluster is to be used, for a work of so many parts.

    Raises
    ------
    UsageError
        It is neither an address nor ``local`` with a number of processes.

    Examples
    --------
    >>> parse_cluster("tcp://scheduler:8786", 100)
    DaskCluster(address='tcp://scheduler:8786', local_workers=0)
    >>> parse_cluster("local:2", 100)
    DaskCluster(address=None, local_workers=2)
    """
    if re.fullmatch(r"((tcp|tls|ws|wss|ucx)://)?[^\s:/]+:[0-9]+", text) and not text.startswith("local:"):
        return DaskCluster(text)
    local = re.fullmatch("local(:([0-9]{1,9}))?", text)
    if local is None:
        why = "must be the address of a scheduler, such as tcp://host:8786, or local:N for N processes here"
        raise UsageError(f"--dask {text}", why)
    workers = int(local[2]) if local[2] else available_cores()
    if not 1 <= workers <= MAX_LOCAL_WORKERS:
        raise UsageError(f"--dask {text}", f"must be from 1 to {MAX_LOCAL_WORKERS} processes")
    return DaskCluster(None, max(1, min(workers, parts)))
