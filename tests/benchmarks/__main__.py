"""Run the benchmark: ``python -m tests.benchmarks``.

Exit code 1 says that a result is not what it must be, or that a command failed; times never fail.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from fnmatch import fnmatch
from functools import partial
from typing import TypeVar

from convcli.compiled.engine import engine_name
from tests.benchmarks.batches import BATCH_CASE, BatchCase, run_batch_case
from tests.benchmarks.cases import OPERATIONS_BY_SIZE
from tests.benchmarks.commands import (
    COMMANDS,
    FILE_CASES,
    CommandError,
    FileCase,
    absent_programs,
    left_out,
    run_file_case,
    versions,
)
from tests.benchmarks.contest import Bound, Case, Figure, Row
from tests.benchmarks.measuring import IN_PROCESS, alternate, run_case, seconds_of
from tests.benchmarks.peers import absent_libraries, machine
from tests.benchmarks.photographs import Subject, photograph, sides_of
from tests.benchmarks.rivals import LEFT_OUT
from tests.benchmarks.tables import Report, json_of, markdown_of, targets_of, text_of

SIDES = sides_of(12)
SMALL_SIDES = (96, 128)
MEGAPIXELS = (1, 4, 12, 48, 100)
COST = "cost per pixel"

Named = TypeVar("Named", Case, FileCase, BatchCase)


def main(arguments: Sequence[str] | None = None, *, cases: Sequence[Case] = IN_PROCESS) -> int:
    """Read the options, run the cases, print the tables; returns the exit code."""
    options = _parser().parse_args(arguments)
    rounds = 0 if options.small else options.rounds
    sides = SMALL_SIDES if options.small else SIDES
    rows: list[Row] = []
    bounds: list[Bound] = []
    failed: list[str] = []
    for case in _chosen(cases, options.only):
        _progress(case.name)
        rows += run_case(case, sides, rounds=rounds, memory=not (options.small or options.no_memory))
    for file_case in _chosen(_file_cases(small=options.small), options.only):
        _progress(file_case.name)
        try:
            more_rows, more_bounds = run_file_case(file_case, rounds=rounds)
        except CommandError as error:
            failed.append(f"{file_case.name}: {error}")
        else:
            rows += more_rows
            bounds += more_bounds
    for batch_case in _chosen([BatchCase(4, SMALL_SIDES) if options.small else BATCH_CASE], options.only):
        _progress(batch_case.name)
        try:
            rows += run_batch_case(batch_case, rounds=rounds)
        except CommandError as error:
            failed.append(f"{batch_case.name}: {error}")
    costs = [] if options.small or not _matches(COST, options.only) else _costs(rounds)
    where = machine()
    report = Report(
        machine=replace(where, versions={**where.versions, **versions(), "engine": engine_name()}),
        absent=[*absent_libraries(), *absent_programs()],
        left_out=[*LEFT_OUT, *left_out()],
        failed=failed,
        sides=sides,
        rows=rows,
        bounds=bounds,
        sizes=costs,
        judged=not options.small,
    )
    print(options.write(report).rstrip("\n"))
    return 1 if report.differing or report.failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="Compare convcli with its peers, alternately in one run: results, times and peak memory.",
        epilog="Peers: pip install '.[bench]'; programs where installed:"
        f" {', '.join(sorted({command.program for command in COMMANDS if command.program}))}.",
    )
    parser.add_argument("--only", metavar="PATTERN", default="", help="cases whose name holds this, * and ?")
    parser.add_argument("--rounds", type=_positive, default=9, help="times each is run at most (default 9)")
    parser.add_argument("--small", action="store_true", help="small pictures, once: are the results right?")
    parser.add_argument("--no-memory", action="store_true", help="measure no memory, which takes long")
    form = parser.add_mutually_exclusive_group()
    for name, write, purpose in (
        ("--json", json_of, "print everything as JSON"),
        ("--markdown", markdown_of, "print the table for docs/scripts.md"),
        ("--targets", targets_of, "print only the figures to reach, and whether they are"),
    ):
        form.add_argument(
            name, action="store_const", const=write, dest="write", default=text_of, help=purpose
        )
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _matches(name: str, pattern: str) -> bool:
    return fnmatch(name.lower(), f"*{pattern.lower()}*")


def _chosen(cases: Iterable[Named], pattern: str) -> list[Named]:
    return [case for case in cases if _matches(case.name, pattern)]


def _file_cases(*, small: bool) -> Sequence[FileCase]:
    if not small:
        return FILE_CASES
    return [
        FileCase(Subject.GREY, SMALL_SIDES, "128x96"),
        FileCase(Subject.RGB, SMALL_SIDES, "128x96"),
        FileCase(Subject.RGB, SMALL_SIDES, "128x96", None, "in.jpg", "out.jpg"),
        FileCase(Subject.RGB, SMALL_SIDES, "128x96", None, "in.jpg"),
    ]


def _costs(rounds: int) -> list[Figure]:
    """Measure what a pixel costs in pictures of all sizes."""
    figures = []
    for megapixels in MEGAPIXELS:
        _progress(f"{COST}, {megapixels} MP")
        pixels = photograph(Subject.GREY, *sides_of(megapixels))
        runs = [partial(operation, pixels) for operation in OPERATIONS_BY_SIZE.values()]
        first = [seconds_of(run) for run in runs]
        # A call on a small picture is short, so it is repeated more often.
        timings = alternate(runs, first, rounds=max(rounds, 12 * rounds // megapixels))
        nanoseconds = {
            name: timing.seconds / pixels.size * 1e9
            for name, timing in zip(OPERATIONS_BY_SIZE, timings, strict=True)
        }
        figures.append(Figure(megapixels, nanoseconds))
    return figures


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
