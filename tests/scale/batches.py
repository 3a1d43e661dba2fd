"""Many small pictures: by processes, by shards, by a Dask cluster, and named by long lists; with equal results."""

import hashlib
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from convcli import write_image
from convcli.parallel import available_cores
from tests.benchmarks.photographs import Subject, photograph
from tests.scale import measuring
from tests.scale.measuring import ROOT, Run, Table

__all__ = ["measure_batches", "measure_lists"]

SIDES = 384, 512
DIFFERENT = 64  # pictures; the others are copies of them under other names
OPTIONS = ["--filter", "sobel"]


def write_pictures(folder: Path, count: int) -> list[Path]:
    """Write so many PNG files."""
    folder.mkdir()
    height, width = SIDES
    large = photograph(Subject.RGB, height + DIFFERENT, width)
    different = [folder / f"{number:06d}.png" for number in range(min(count, DIFFERENT))]
    for number, path in enumerate(different):
        write_image(path, large[number : number + height])
    paths = [folder / f"{number:06d}.png" for number in range(count)]
    for number, path in enumerate(paths[len(different) :]):
        path.hardlink_to(different[number % len(different)])
    return paths


def digest(folder: Path) -> str:
    """Return a hash of the names and contents of all files."""
    found = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        found.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def write_list(path: Path, names: Sequence[str | Path]) -> Path:
    """Write a list for --files0-from."""
    path.write_bytes(b"\0".join(str(name).encode() for name in names))
    return path


def measure_batches(folder: Path, count: int) -> None:
    """Filter so many small pictures in each way, compare the results, and print what each takes.

    A fifth of them is enough for the ways that take one core, or say little new.
    """
    cores = available_cores()
    paths = write_pictures(folder / "in", count)
    table = Table("way", "pictures", "seconds", "pictures a second and core", "peak MB of the main process")
    for number in (count // 5, count):
        names = write_list(folder / "list", paths[:number])
        ways: dict[str, tuple[int, Callable[[Path], Run]]] = {
            f"{cores} processes (-j {cores})": (cores, partial(filter_all, names, ["-j", str(cores)])),
            f"a Dask cluster here (--dask local:{cores})": (
                cores,
                partial(filter_all, names, ["--dask", f"local:{cores}"]),
            ),
        }
        if number < count:
            ways = {
                "one process (-j 1)": (1, partial(filter_all, names, ["-j", "1"])),
                f"{cores} shards at once, a process each": (cores, partial(run_shards, names, cores)),
            } | ways
        digests = set()
        for name, (used, way) in ways.items():
            out = folder / "out"
            run = way(out)
            assert len(list(out.iterdir())) == number
            digests.add(digest(out))
            shutil.rmtree(out)
            peak = f"{run.peak_bytes / 1e6:.0f}" if run.peak_bytes else "–"
            table.add(name, f"{number:,}", f"{run.seconds:.1f}", f"{number / run.seconds / used:.0f}", peak)
        assert len(digests) == 1, "the ways give different results"


def command(names: Path, out: Path, *options: str) -> list[str]:
    """Return the command that filters all pictures of a list into a folder."""
    line = [*measuring.convcli, "apply", "--files0-from", str(names), *OPTIONS]
    return [*line, "--out-dir", str(out), *options]


def filter_all(names: Path, options: Sequence[str], out: Path) -> Run:
    """Filter all pictures of a list."""
    return measuring.run(command(names, out, *options))


def run_shards(names: Path, shards: int, out: Path) -> Run:
    """Run all shards at the same time, as jobs of an array would on as many machines."""
    started = time.perf_counter()
    line = command(names, out, "-j", "1")
    processes = [
        subprocess.Popen([*line, "--shard", f"{number}/{shards}"], cwd=ROOT, stdout=subprocess.DEVNULL)
        for number in range(1, shards + 1)
    ]
    codes = [process.wait() for process in processes]
    assert codes == [0] * shards
    return Run(time.perf_counter() - started, 0, 0)


def measure_lists(folder: Path, counts: Sequence[int]) -> None:
    """Print what lists of names take; none of the pictures exists."""
    folder.mkdir()
    table = Table("names in --files0-from", "seconds", "peak MB")
    for count in counts:
        (folder / "out").mkdir(exist_ok=True)
        names = folder / "names"
        with names.open("wb") as stream:
            for number in range(count):
                stream.write(b"missing/%012d.png\0" % number)
        line = command(names, folder / "out", "-j", "1")
        run = measuring.run(line, codes=(1,))
        table.add(f"{count:,}", f"{run.seconds:.1f}", f"{run.peak_bytes / 1e6:.0f}")
        names.unlink()
