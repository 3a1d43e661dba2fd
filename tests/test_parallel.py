"""Threads that share a task: they are kept for the next one, and a fork does not lose them."""

import os
import threading
import time

import pytest

from convcli import parallel
from convcli.parallel import BackgroundTask, WorkQueue, parallel_for


def threads_of_task(count: int) -> set[int]:
    """Return the ids of the threads of a task in which each thread waits for all others."""
    barrier, threads = threading.Barrier(count, timeout=30), set[int]()

    def work(queue: WorkQueue) -> None:
        for _ in queue:
            barrier.wait()
            threads.add(threading.get_ident())

    parallel_for(range(count), work, count)
    return threads


def wait_for_idle(count: int) -> None:
    deadline = time.monotonic() + 30
    while len(parallel._Worker.idle) < count:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_threads_are_kept_for_the_next_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "IDLE_SECONDS", 60)
    first = threads_of_task(3)
    wait_for_idle(2)
    assert threads_of_task(3) == first
    assert len(first) == 3


def test_idle_threads_end_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "IDLE_SECONDS", 0.001)
    assert len(threads_of_task(2)) == 2
    deadline = time.monotonic() + 30
    while parallel._Worker.idle:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    assert len(threads_of_task(2)) == 2


def test_a_failure_does_not_end_a_thread_that_is_kept() -> None:
    failed = BackgroundTask(lambda: 1 // 0)
    wait_for_idle(1)
    assert failed.result() is None
    assert BackgroundTask(lambda: 5).result() in (5, None)  # None if it was not started yet
    assert len(threads_of_task(2)) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_forked_process_starts_its_own_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "IDLE_SECONDS", 60)
    threads_of_task(2)
    wait_for_idle(1)
    kept = parallel._Worker.idle[0]
    child = os.fork()
    if not child:
        os._exit(len(threads_of_task(2)))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
    assert kept not in parallel._Worker.idle
    assert len(threads_of_task(2)) == 2
