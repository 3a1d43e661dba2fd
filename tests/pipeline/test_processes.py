"""Worker processes that do not end when they should."""

import os
import signal

import pytest

from convcli.pipeline import processes
from convcli.pipeline.processes import _ProcessPool


def stop(part: int) -> int:
    """Stop the process that computes a part, as Ctrl-Z would."""
    os.kill(os.getpid(), signal.SIGSTOP)
    return part


def lost(part: int, killed_by: str) -> int:
    raise AssertionError(f"part {part} was lost to {killed_by}")


def test_stuck_processes_are_all_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As at a signal or a broken pipe: the results are no longer wanted, and several processes are stuck."""
    monkeypatch.setattr(processes, "CLEANUP_SECONDS", 0.05)
    pids: list[int] = []

    def close_the_pipe() -> None:
        with _ProcessPool(stop, lost, 3) as pool:
            assert [pool.submit((part, part)) for part in range(4)] == [True, True, True, False]
            pids[:] = [worker.pid for worker in pool.workers]
            for pid in pids:
                assert os.WIFSTOPPED(os.waitpid(pid, os.WUNTRACED)[1])
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        close_the_pipe()
    for pid in pids:
        with pytest.raises(ChildProcessError):  # it has ended and has been waited for
            os.waitpid(pid, os.WNOHANG)
