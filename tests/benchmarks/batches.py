"""The case of a batch: many picture files in, as many files of their edges out, on the same processors."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import convcli
from convcli.parallel import available_cores
from tests.benchmarks.commands import (
    Command,
    CommandError,
    Ran,
    alternated,
    measured,
    recognised,
    said,
    verdict,
    version_of,
)
from tests.benchmarks.contest import Row
from tests.benchmarks.photographs import Subject, photograph

__all__ = ["BATCH_CASE", "BatchCase", "batch_commands", "run_batch_case"]

BUDGET = 60.0  # seconds of each contender


@dataclass(frozen=True)
class BatchCase:
    """So many pictures, all different."""

    count: int
    sides: tuple[int, int]

    @property
    def name(self) -> str:
        """What it is called in the tables."""
        height, width = self.sides
        return f"batch, {self.count} of {width}x{height} RGB PNG"

    @property
    def files(self) -> list[str]:
        """Names of the pictures, in the folder of the inputs and in that of the outputs."""
        return [f"{number:04d}.png" for number in range(self.count)]


BATCH_CASE = BatchCase(500, (384, 512))


def batch_commands(files: Sequence[str]) -> list[Command]:
    """Return ours and the peers' commands, each at its defaults: from ``in`` to ``out``."""
    inputs = [f"in/{file}" for file in files]
    ours = ["apply", *inputs, "--filter", "sobel", "--out-dir", "out", "--name", "{stem}.{ext}", "--force"]
    each = f"ls in | xargs -P{available_cores()} -I% vips sobel in/% out/%"
    return [
        Command("convcli", None, ours),
        Command("xargs -P vips sobel", "vips", ["-c", each], starter="sh", wanted=1.0),
        Command("gm mogrify -edge 1", "gm", ["-c", "cd in && gm mogrify -output-directory ../out -edge 1 *.png"], starter="sh",
                version=("version",), wanted=1.0),
        Command("ImageMagick mogrify -edge 1", "mogrify", ["-path", "out", "-edge", "1", *inputs], wanted=1.0),
    ]  # fmt: skip


@contextmanager
def folder_of(case: BatchCase) -> Iterator[Path]:
    """Make a folder that holds the pictures in ``in``, and an empty ``out``."""
    with tempfile.TemporaryDirectory(prefix="convcli-benchmark-") as name:
        folder = Path(name)
        (folder / "in").mkdir()
        (folder / "out").mkdir()
        height, width = case.sides
        large = photograph(Subject.RGB, 4 * height, 4 * width)
        for number, file in enumerate(case.files):
            top, left = number * 37 % (3 * height), number * 53 % (3 * width)
            convcli.write_image(folder / "in" / file, large[top : top + height, left : left + width])
        yield folder


@dataclass(frozen=True)
class FirstRun:
    """What a command took, how many bytes it wrote, and the formula that its last file follows."""

    ran: Ran
    size: int
    formula: tuple[str, float] | None


def _first_run(command: Command, folder: Path, case: BatchCase) -> FirstRun:
    """Run a command, check that all files are there, and remove them."""
    ran = measured(command.line, folder)
    made = [folder / "out" / file for file in case.files]
    missing = sum(not file.exists() for file in made)
    if missing:
        raise CommandError(f"{command.name}: {missing} files are missing")
    size = sum(file.stat().st_size for file in made)
    pixels = convcli.read_image(folder / "in" / case.files[-1])
    formula = recognised(pixels, convcli.read_image(made[-1]))
    for file in made:
        file.unlink()
    return FirstRun(ran, size, formula)


def run_batch_case(case: BatchCase, *, rounds: int, commands: Sequence[Command] | None = None) -> list[Row]:
    """Run the commands that are here in turn; with `rounds` 0 only the first run counts.

    Raises
    ------
    CommandError
        One failed, or did not write all files.
    """
    named = batch_commands(case.files) if commands is None else commands
    here = [command for command in named if version_of(command) is not None]
    with folder_of(case) as folder:
        first = [_first_run(command, folder, case) for command in here]
        lines = [command.line for command in here]
        samples = alternated(lines, [run.ran for run in first], folder, rounds=rounds, budget=BUDGET)
    seconds = [median(run.seconds for run in runs) for runs in samples]
    return [
        Row(
            case.name,
            command.name,
            own,
            len(runs),
            verdict(run.formula, ours=command.program is None),
            ratio=seconds[0] / own if number else None,
            wanted=command.wanted if command.program else None,
            note=f"{command.name}: {said(run.formula)}",
            peak_bytes=max(run.peak_bytes for run in runs),
            cpu_seconds=median(run.cpu_seconds for run in runs),
            file_bytes=run.size,
        )
        for number, (command, run, runs, own) in enumerate(zip(here, first, samples, seconds, strict=True))
    ]
