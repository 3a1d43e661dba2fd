"""Runs commands, checks that they succeed, and measures their time and peak memory."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

__all__ = ["Run", "Table", "convcli", "medians", "run"]

ROOT = Path(__file__).parents[2]
LAUNCHER = [sys.executable, "-I", "-S", str(ROOT / "tests" / "benchmarks" / "launch.py")]
convcli = [sys.executable, "-m", "convcli"]


class Run(NamedTuple):
    """What a command took: seconds, processor seconds with all its processes, and the peak of one process."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int


def run(command: Sequence[str | Path], codes: Sequence[int] = (0,)) -> Run:
    """Run a command and measure it.

    Raises
    ------
    AssertionError
        It ended with another exit code than these.
    """
    output = subprocess.run([*LAUNCHER, *map(str, command)], cwd=ROOT, check=True, capture_output=True).stdout
    measured = json.loads(output)
    assert measured["code"] in codes, f"{command}: {measured['said']}"
    return Run(measured["seconds"], measured["cpu_seconds"], measured["peak_bytes"])


def medians(runs: Sequence[Run]) -> Run:
    """Return the median of each figure."""
    return Run(*(median(figures) for figures in zip(*runs, strict=True)))


class Table:
    """A table in Markdown, printed row by row."""

    def __init__(self, *headings: str) -> None:
        print(f"\n| {' | '.join(headings)} |\n|{'---|' * len(headings)}", flush=True)

    def add(self, *cells: object) -> None:
        """Print a row."""
        print(f"| {' | '.join(map(str, cells))} |", flush=True)
