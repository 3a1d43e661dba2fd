"""Connects to a Dask cluster, or starts one on this machine; keeps Dask's messages off standard error."""

import logging
import os
import shutil
import signal
import tempfile
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from multiprocessing import active_children
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

from convcli.errors import ConvcliError, install_command
from convcli.pipeline.cluster.local_worker import END_SIGNAL
from convcli.signals import SIGNALS, cleanup_at_signal

if TYPE_CHECKING:
    from distributed import Client, LocalCluster

__all__ = ["connect"]

Result = TypeVar("Result")

CONNECT_SECONDS = 5
CLOSE_SECONDS = 5
CLEANUP_SECONDS = 1.0  # that local workers get at a signal
CONFIG = {
    "distributed.comm.timeouts.connect": CONNECT_SECONDS,
    "distributed.comm.retry.count": 0,
    "distributed.worker.use-file-locking": False,
}


@contextmanager
def connect(address: str | None, workers: int) -> "Iterator[Client]":
    """Connect to the scheduler at an address, or to so many workers that are started here.

    Raises
    ------
    ConvcliError
        Dask is not installed, nothing answers at the address, or the workers cannot be started.
    """
    with ExitStack() as stack:
        stack.enter_context(_silence())
        try:
            import dask
            from distributed import Client, LocalCluster
        except ImportError:
            raise ConvcliError("--dask", f"needs Dask; {install_command('dask')} brings it") from None
        stack.enter_context(dask.config.set(CONFIG))
        if address is not None:
            try:
                client = _without_signals(lambda: Client(address, timeout=CONNECT_SECONDS))
            except (OSError, ValueError, TypeError, RuntimeError) as error:
                why = f"no Dask scheduler can be reached there: {str(error).splitlines()[0]}"
                raise ConvcliError(f"--dask {address}", why) from None
            stack.callback(_close, client)
            yield client
            return
        cluster = stack.enter_context(_local_cluster(LocalCluster, workers))
        client = Client(cluster)
        stack.callback(_close, client)
        yield client


@contextmanager
def _local_cluster(make: "Callable[..., LocalCluster]", workers: int) -> "Iterator[LocalCluster]":
    """Start processes on this machine; they end with the context or at a signal."""
    with ExitStack() as stack:
        scratch = tempfile.mkdtemp(prefix="convcli-")
        remove_scratch = partial(shutil.rmtree, scratch, ignore_errors=True)
        stack.callback(remove_scratch)
        stack.enter_context(cleanup_at_signal(remove_scratch))
        stack.enter_context(_without_warnings())
        start = partial(
            make,
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
            memory_limit=0,
            local_directory=scratch,
            silence_logs=logging.CRITICAL,
            preload="convcli.pipeline.cluster.local_worker",
        )
        if os.name == "posix":
            from multiprocessing.resource_tracker import ensure_running  # late: Windows has none

            with _blocked_signals():
                ensure_running()  # it would unblock signals where the first process is started
        try:
            with cleanup_at_signal(partial(_end_workers, None)):
                cluster = _without_signals(start)
        except (OSError, RuntimeError, TimeoutError) as error:
            raise ConvcliError("--dask local", f"its processes cannot be started: {error}") from None
        stack.callback(_close, cluster)
        stack.enter_context(cleanup_at_signal(partial(_end_workers, cluster)))
        try:
            yield cluster
        except BaseException:
            _end_workers(cluster)
            raise


@contextmanager
def _silence() -> Iterator[None]:
    """Keep quiet what Dask logs and warns of: what matters to a user is said by convcli."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Let the processes that are started write no warnings, for example of what a killed one left behind."""
    before = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = "ignore"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONWARNINGS"]
        else:
            os.environ["PYTHONWARNINGS"] = before


@contextmanager
def _blocked_signals() -> Iterator[None]:
    """Let threads and processes that start within this context leave signals to this thread."""
    if os.name != "posix":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _without_signals(start: Callable[[], Result]) -> Result:
    """Start something on another thread, so that signals are handled meanwhile; it receives none."""
    with ThreadPoolExecutor(1) as executor:
        with _blocked_signals():
            started = executor.submit(start)
        return started.result()


def _close(connection: "Client | LocalCluster") -> None:
    with suppress(Exception):  # it may be broken
        connection.close(timeout=CLOSE_SECONDS)


def _end_workers(cluster: "LocalCluster | None") -> None:
    """End the processes that were started; they get some time to clean up."""
    from distributed.core import Status  # late: as in `connect`

    for nanny in () if cluster is None else cluster.workers.values():
        nanny.status = Status.closing  # it does not start another one
    deadline = monotonic() + CLEANUP_SECONDS
    children = active_children()
    for process in children:
        with suppress(ProcessLookupError):
            os.kill(process.pid or 0, END_SIGNAL)
    for process in children:
        process.join(max(0, deadline - monotonic()))
        process.kill()
