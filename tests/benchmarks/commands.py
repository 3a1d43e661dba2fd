"""The cases of whole processes: a PNG or JPEG file in, one of its edges out, each tool at its defaults.

The tools have different ideas of an edge. What each really computes is read off the file that it writes.
"""

import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import convcli
from tests.benchmarks.contest import Bound, Row, Verdict
from tests.benchmarks.measuring import BUDGET
from tests.benchmarks.photographs import Subject, photograph

__all__ = [
    "COMMANDS",
    "FILE_CASES",
    "Command",
    "CommandError",
    "FileCase",
    "Ran",
    "absent_programs",
    "alternated",
    "left_out",
    "measured",
    "recognised",
    "run_file_case",
    "said",
    "verdict",
    "version_of",
    "versions",
]

ROOT = Path(__file__).parents[2]
LAUNCHER = [sys.executable, "-I", "-S", str(Path(__file__).with_name("launch.py"))]
INPUT, OUTPUT = "in.png", "out.png"
WITHIN = 2  # what counts as the same formula: libvips computes in steps of two
WITHIN_LOSSY = 8  # the mean difference that counts as the same formula in a JPEG


@dataclass(frozen=True)
class Command:
    """A tool, and how it is told to find edges.

    Attributes
    ----------
    name : str
    program : str or None
        What has to be on the path; None for ours.
    arguments : sequence of str
        Input and output stand in the working folder as in.png and out.png; for other formats, these names
        are replaced in the arguments.
    version : sequence of str
        What makes the program tell its version.
    wanted : float or None
        The largest ratio of our time to its.
    most_pixels : int or None
        It is left out of cases with more, because it takes too long.
    starter : str or None
        What is started in place of the program, as a shell that starts it many times.
    """

    name: str
    program: str | None
    arguments: Sequence[str]
    version: Sequence[str] = ("--version",)
    wanted: float | None = 0.5
    most_pixels: int | None = None
    starter: str | None = None
    only_png: bool = False

    @property
    def line(self) -> list[str]:
        """What is started."""
        started = self.starter or self.program
        return [*([started] if started else [sys.executable, "-m", "convcli"]), *self.arguments]

    def line_for(self, case: "FileCase") -> list[str]:
        """What is started for files of the case's formats."""
        return [word.replace(INPUT, case.input).replace(OUTPUT, case.output) for word in self.line]


MAGICK = "magick" if shutil.which("magick") else "convert"
LARGEST_OF_FOUR = ["-define", "morphology:compose=Lighten", "-morphology", "Convolve", "Sobel:>"]
COMMANDS: Sequence[Command] = [
    Command("convcli", None, ["apply", INPUT, "--filter", "sobel", "-o", OUTPUT, "--force"]),
    Command("vips sobel", "vips", ["sobel", INPUT, OUTPUT]),
    Command(
        "vips sobel [compression=1]",
        "vips",
        ["sobel", INPUT, f"{OUTPUT}[compression=1]"],
        wanted=0.7,
        only_png=True,
    ),
    Command(
        "ffmpeg -vf sobel",
        "ffmpeg",
        ["-v", "error", "-y", "-i", INPUT, "-vf", "sobel", OUTPUT],
        version=("-version",),
    ),
    Command("gm -edge 1", "gm", ["convert", INPUT, "-edge", "1", OUTPUT], version=("version",)),
    Command("ImageMagick -edge 1", MAGICK, [INPUT, "-edge", "1", OUTPUT]),
    Command("ImageMagick Sobel:>", MAGICK, [INPUT, *LARGEST_OF_FOUR, OUTPUT], most_pixels=12_000_000),
    Command(
        "gmic gradient xy,2",
        "gmic",
        [INPUT, "gradient", "xy,2", "sqr", "add", "sqrt", "cut", "0,255", "output", OUTPUT],
        version=("version",),
    ),
]

OURS, CUT_OFF = "sqrt(gx2 + gy2) rounded", "sqrt(gx2 + gy2) cut off"
Gradients = NDArray[np.float64]
FORMULAS: Mapping[str, Callable[[Gradients, Gradients, NDArray[Any]], NDArray[Any]]] = {
    OURS: lambda x, y, _: np.rint(np.hypot(x, y)),
    CUT_OFF: lambda x, y, _: np.floor(np.sqrt(x * x + y * y)),
    "|gx| + |gy|": lambda x, y, _: abs(x) + abs(y),
    "max(|gx|, |gy|)": lambda x, y, _: np.maximum(abs(x), abs(y)),
    "3x3 Laplacian": lambda _x, _y, pixels: convcli.convolve(
        pixels, [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]]
    ),
}


@dataclass(frozen=True)
class FileCase:
    """A picture that goes from file to file."""

    subject: Subject
    sides: tuple[int, int]
    title: str
    wanted: Mapping[str, float] | None = None
    input: str = INPUT
    output: str = OUTPUT
    memory_judged: bool = False
    budget: float = BUDGET

    @property
    def name(self) -> str:
        """What it is called in the tables."""
        kinds = ["JPEG" if file.endswith(".jpg") else "PNG" for file in (self.input, self.output)]
        return f"file to file, {self.title} {self.subject} {' to '.join(dict.fromkeys(kinds))}"


PNG = {command.name: command.wanted for command in COMMANDS if command.wanted is not None}
SMALL_PNG = {"vips sobel": 1.3, "gm -edge 1": 1.2}
JPEG = {"vips sobel": 1.1, "ffmpeg -vf sobel": 1.1}
JPEG_TO_PNG = {"vips sobel [compression=1]": 0.7}
FILE_CASES: Sequence[FileCase] = [
    FileCase(Subject.GREY, (512, 512), "512x512", SMALL_PNG),
    FileCase(Subject.RGB, (512, 512), "512x512", SMALL_PNG),
    FileCase(Subject.RGB, (512, 512), "512x512", None, "in.jpg", "out.jpg"),
    FileCase(Subject.GREY, (3000, 4000), "12 MP", PNG, budget=10),
    FileCase(Subject.RGB, (3000, 4000), "12 MP", PNG, budget=10),
    FileCase(Subject.RGB, (3000, 4000), "12 MP", JPEG, "in.jpg", "out.jpg", budget=10),
    FileCase(Subject.RGB, (3000, 4000), "12 MP", JPEG_TO_PNG, "in.jpg", budget=10),
    FileCase(Subject.GREY, (6000, 8000), "48 MP"),
    FileCase(Subject.RGB, (6000, 6000), "6000x6000", memory_judged=True),
]


@dataclass(frozen=True)
class Ran:
    """What one run of a command took."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int


class CommandError(Exception):
    """A command ended with an error, or wrote no file."""


def absent_programs(commands: Sequence[Command] = COMMANDS) -> list[str]:
    """Return the programs that do not take part because they are not installed."""
    return list(dict.fromkeys(one.program for one in commands if one.program and version_of(one) is None))


def left_out(commands: Sequence[Command] = COMMANDS) -> list[str]:
    """Return what takes too long for some of the cases."""
    limits = [(command.name, command.most_pixels) for command in commands]
    return [f"{name} beyond {most // 10**6} MP" for name, most in limits if most is not None]


def versions(commands: Sequence[Command] = COMMANDS) -> dict[str, str]:
    """Return the versions that the programs tell."""
    told = {command.program: version_of(command) for command in commands if command.program}
    return {program: version for program, version in told.items() if version is not None}


def version_of(command: Command) -> str | None:
    """Return the version of a command's program; None if it is not here, or only something of its name is."""
    return _told(command.program, tuple(command.version)) if command.program else convcli.__version__


@cache
def _told(program: str, arguments: tuple[str, ...]) -> str | None:
    if not shutil.which(program):
        return None
    said = subprocess.run(
        [program, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    number = re.search(r"\d+(\.\d+)+(-\d+)?", said.stdout.decode("utf-8", "replace"))
    return None if said.returncode else number[0] if number else "unknown"


def measured(command: Sequence[str], folder: Path) -> Ran:
    """Run a command in a folder.

    Raises
    ------
    CommandError
        It did not end well.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed convcli is not compiled each time
    done = subprocess.run(
        [*LAUNCHER, *command], cwd=folder, env=environment, stdout=subprocess.PIPE, check=True
    )
    answer = json.loads(done.stdout)
    if answer.pop("code") != 0:
        raise CommandError(f"{' '.join(command)[:100]}: {answer['said'].strip()}")
    answer.pop("said")
    return Ran(**answer)


def recognised(
    pixels: NDArray[Any], result: NDArray[Any], *, lossy: bool = False
) -> tuple[str, float] | None:
    """Return the formula that the inside of a result follows, and the largest difference; or None.

    If the result went through a lossy file, the mean difference decides, and is returned, too.

    Examples
    --------
    >>> pixels = photograph(Subject.GREY, 40, 50)
    >>> recognised(pixels, convcli.render(convcli.apply_filter(pixels, "sobel")))
    ('sqrt(gx2 + gy2) rounded', 0.0)
    """
    if result.shape != pixels.shape or result.dtype != np.uint8:
        return None
    # The upper left corner says it as well as the whole of a large picture, in less memory.
    corner = (slice(1024), slice(1024))
    pixels, result = pixels[corner], result[corner]
    inside = (slice(1, -1), slice(1, -1))
    x, y = (
        convcli.convolve(pixels, convcli.kernel(name)).astype(np.float64) for name in ("sobel-x", "sobel-y")
    )
    found = []
    for name, formula in FORMULAS.items():
        differences = np.abs(formula(x, y, pixels).clip(0, 255) - result)[inside]
        largest, mean = float(differences.max(initial=0)), float(differences.mean())
        found.append((mean, largest, name) if lossy else (largest, mean, name))
    difference, _, name = min(found)
    return (name, difference) if difference <= (WITHIN_LOSSY if lossy else WITHIN) else None


@contextmanager
def folder_with(case: FileCase) -> Iterator[Path]:
    """Make a folder that holds the picture of a case."""
    pixels = photograph(case.subject, *case.sides)
    with tempfile.TemporaryDirectory(prefix="convcli-benchmark-") as name:
        path = Path(name) / case.input
        if path.suffix == ".jpg":
            Image.fromarray(pixels).save(path, quality=90, subsampling=2)  # about as a camera does
        else:
            convcli.write_image(path, pixels)
        yield Path(name)


def run_file_case(
    case: FileCase, *, rounds: int, commands: Sequence[Command] = COMMANDS
) -> tuple[list[Row], list[Bound]]:
    """Run the commands that are here in turn; with `rounds` 0 only the first run counts."""
    here = [command for command in commands if _takes_part(command, case)]
    lossy = case.output.endswith(".jpg")
    with folder_with(case) as folder:
        pixels, output = convcli.read_image(folder / case.input), folder / case.output
        first, files, formulas = [], [], []
        for command in here:
            output.unlink(missing_ok=True)
            first.append(measured(command.line_for(case), folder))
            files.append(output.stat().st_size)
            formulas.append(recognised(pixels, convcli.read_image(output), lossy=lossy))
        lines = [command.line_for(case) for command in here]
        samples = alternated(lines, first, folder, rounds=rounds, budget=case.budget)
        interpreter = measured([sys.executable, "-c", "pass"], folder).peak_bytes
    ours = median(run.seconds for run in samples[0])
    rows = [
        Row(
            case.name,
            command.name,
            median(run.seconds for run in runs),
            len(runs),
            verdict(formula, ours=command.program is None, lossy=lossy),
            ratio=ours / median(run.seconds for run in runs) if number else None,
            wanted=(case.wanted or {}).get(command.name) if command.program else None,
            note=f"{command.name}: {said(formula)}",
            peak_bytes=max(run.peak_bytes for run in runs),
            cpu_seconds=median(run.cpu_seconds for run in runs),
            file_bytes=size,
        )
        for number, (command, runs, size, formula) in enumerate(
            zip(here, samples, files, formulas, strict=True)
        )
    ]
    return rows, [*_file_bounds(case, rows), *_memory_bounds(case, rows, pixels.nbytes, interpreter)]


def _takes_part(command: Command, case: FileCase) -> bool:
    if version_of(command) is None or (command.only_png and not case.output.endswith(".png")):
        return False
    return command.most_pixels is None or math.prod(case.sides) <= command.most_pixels


def alternated(
    lines: Sequence[Sequence[str]], first: Sequence[Ran], folder: Path, *, rounds: int, budget: float
) -> list[list[Ran]]:
    """Run the commands in turn; the first run counts only for one that has no time for another."""
    turns = [min(rounds, int(budget / run.seconds)) for run in first]
    samples: list[list[Ran]] = [[] for _ in lines]
    for turn in range(max(turns)):
        for line, most, runs in zip(lines, turns, samples, strict=True):
            if turn < most:
                runs.append(measured(line, folder))
    return [runs or [run] for runs, run in zip(samples, first, strict=True)]


def verdict(formula: tuple[str, float] | None, *, ours: bool, lossy: bool = False) -> Verdict:
    """Ours must be exact, as far as the file is; a peer that has another idea of an edge is no failure."""
    name, difference = formula or ("", math.inf)
    if ours:
        return Verdict(name == OURS and (lossy or difference == 0), difference, WITHIN_LOSSY if lossy else 0)
    if name not in (OURS, CUT_OFF):
        return Verdict(None)
    if lossy:
        return Verdict(True, difference, WITHIN_LOSSY)
    return Verdict(True, difference if name == OURS else 1.0, 1.0)


def said(formula: tuple[str, float] | None) -> str:
    if formula is None:
        return "no formula that we know"
    return formula[0] + (f", within {formula[1]:g}" if formula[1] else "")


def _file_bounds(case: FileCase, rows: Sequence[Row]) -> list[Bound]:
    """Compare the size of our file with that of vips, where it compresses as fast as it can."""
    sizes = {row.contender: row.file_bytes for row in rows}
    fast = "vips sobel [compression=1]"
    ours, vips = sizes["convcli"], sizes.get(fast)
    if not (case.wanted and fast in case.wanted and ours and vips):
        return []
    return [Bound(f"{case.name}: bytes of our file to those of {fast}", ours / vips, 1.0)]


def _memory_bounds(case: FileCase, rows: Sequence[Row], decoded: int, interpreter: int) -> list[Bound]:
    peak = rows[0].peak_bytes
    if not (case.memory_judged and peak):
        return []
    name = f"{case.name}: our peak memory to 2 x the decoded image + the interpreter"
    return [Bound(name, peak / (2 * decoded + interpreter), 1.0)]
