"""A Dask cluster on this machine of which a worker is killed while it works: nothing is lost."""

import os
import signal
import subprocess
import time
from pathlib import Path

from tests.scale import measuring
from tests.scale.batches import OPTIONS, digest, write_list, write_pictures
from tests.scale.measuring import ROOT, Table

__all__ = ["measure_killed_worker"]

DEADLINE = 600  # seconds


def measure_killed_worker(folder: Path, count: int) -> None:
    """Filter so many pictures on two workers, kill one in the middle, and compare with local processes."""
    names = write_list(folder / "list", write_pictures(folder / "in", count))
    line = [*measuring.convcli, "apply", "--files0-from", str(names), *OPTIONS]
    expected, out = folder / "expected", folder / "out"
    measuring.run([*line, "--out-dir", expected])
    started = time.perf_counter()
    process = subprocess.Popen(
        [*line, "--out-dir", str(out), "--dask", "local:2"], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    while not out.exists() or len(list(out.glob("*.png"))) < count // 3:
        assert process.poll() is None, "it ended too early"
        assert time.perf_counter() - started < DEADLINE
        time.sleep(0.01)
    os.kill(worker_of(process.pid), signal.SIGKILL)
    assert process.wait(DEADLINE) == 0
    seconds = time.perf_counter() - started
    assert digest(out) == digest(expected), "results are lost, or differ"
    table = Table("a worker of two is killed in the middle", "seconds", "pictures done", "lost")
    table.add(f"{count} pictures", f"{seconds:.1f}", len(list(out.iterdir())), 0)


def worker_of(pid: int) -> int:
    """Return a process that works for another one: it has used the most processor time."""

    def times(child: int) -> int:
        fields = Path(f"/proc/{child}/stat").read_text("ascii").rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    found, pending = [], [pid]
    while pending:
        parent = pending.pop()
        for task in Path(f"/proc/{parent}/task").iterdir():
            children = [int(child) for child in (task / "children").read_text("ascii").split()]
            found += children
            pending += children
    return max(found, key=times)
