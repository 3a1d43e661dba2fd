"""Worker processes that do not end when they should, or earlier, and what they do next."""

import os
import signal
import time
from pathlib import Path

import pytest

from convcli.pipeline import processes
from convcli.pipeline.processes import PREPARED, _ProcessPool, map_in_processes


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


def test_one_process_prepares_the_next_parts() -> None:
    seen: list[str] = []
    parts = map_in_processes(
        range(5),
        lambda part: seen.append(f"compute {part}"),
        lost,
        1,
        in_order=True,
        prepare=lambda part: seen.append(f"prepare {part}"),
    )
    assert len(list(parts)) == 5
    assert [text for text in seen if text.startswith("compute")] == [f"compute {part}" for part in range(5)]
    assert "prepare 0" not in seen  # it is begun at once
    for part in range(1, 5):
        before = f"compute {max(part - PREPARED, 0)}"
        assert seen.index(f"prepare {part}") < seen.index(before)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_workers_prepare_their_next_part_while_they_compute(tmp_path: Path) -> None:
    """A part is finished only when the next of its process has been prepared."""

    def prepare(part: int) -> None:
        (tmp_path / str(part)).touch()

    def compute(part: int) -> tuple[int, bool]:
        others = [other for other in (part + 1, part + 2) if other < 8]
        deadline = time.monotonic() + 20
        while others and not any((tmp_path / str(other)).exists() for other in others):
            if time.monotonic() > deadline:
                return part, False
            time.sleep(0.001)
        return part, True

    results = list(map_in_processes(range(8), compute, lost_result, 2, in_order=True, prepare=prepare))
    assert results == [(part, True) for part in range(8)]


def lost_result(part: int, killed_by: str) -> tuple[int, bool]:
    raise AssertionError(f"part {part} was lost to {killed_by}")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.parametrize("processes", [2, 3])
def test_what_a_killed_worker_had_not_begun_is_done_by_another(processes: int) -> None:
    def compute(part: int) -> str:
        if part % 5 == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return f"{part}"

    results = map_in_processes(
        range(20),
        compute,
        lambda part, killed_by: f"{part} {killed_by}",
        processes,
        in_order=True,
        prepare=lambda _: None,
    )
    assert list(results) == [f"{part}" + " signal 9" * (part % 5 == 2) for part in range(20)]
