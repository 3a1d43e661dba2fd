"""The batch runner: inputs times operations, an output for each, and no failure stops the others."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from convcli.cli.destinations import PRINTED, STREAM, Destination, Outputs, natural_format
from convcli.cli.output import Stopped, message, write, write_bytes
from convcli.cli.reports import report
from convcli.errors import ConvcliError, ImageError, OutputError, UsageError
from convcli.images import FileFormat, Kind, Picture, check_holds, encoded, load_picture

__all__ = ["Operation", "Outcome", "run_batch"]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What an operation makes of a picture: what is to be written, and what is to be said of it."""

    picture: Picture
    facts: Mapping[str, object]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Operation:
    """One thing that is done with each input.

    Attributes
    ----------
    label : str
        Stands behind the input's stem in derived names.
    numbers : bool or None
        Whether the result is wanted as numbers; None: as the input and the output format suggest.
    run : callable
        Is called with a picture and whether numbers are wanted.
    """

    label: str
    run: Callable[[Picture, bool], Outcome]
    numbers: bool | None = None


@dataclass(frozen=True)
class _Job:
    source: str
    operation: Operation
    stem: Path  # folder and name of the output, less what its format adds
    first: bool  # of the whole run


def run_batch(
    inputs: Sequence[str],
    operations: Sequence[Operation],
    where: Destination,
    kernel_files: Sequence[str] = (),
) -> int:
    """Do every operation with every input and return the exit code: 0 all done, 1 something failed.

    Parameters
    ----------
    inputs : sequence of str
        Names of files, or ``-``.
    operations : sequence of Operation
    where : Destination
    kernel_files : sequence of str
        Files that were read, too, and that no output may replace.

    Raises
    ------
    UsageError
        Before anything is started: two results for one output, or an input that cannot be.
    """
    plan = _planned(inputs, operations, where)
    if where.folder is not None:
        _make_folder(where.folder)
    outputs = Outputs(where, [*inputs, *kernel_files])
    failed = False
    try:
        for jobs in plan:
            failed = not _do_all(jobs, outputs) or failed
    except Stopped:
        if failed:  # the failure has been said, and its code stays
            return 1
        raise
    return 1 if failed else 0


def _planned(inputs: Sequence[str], operations: Sequence[Operation], where: Destination) -> list[list[_Job]]:
    """Return the jobs of each input."""
    if "" in inputs:
        raise UsageError("IMAGE", "is an empty name")
    if STREAM in inputs:
        if inputs.count(STREAM) > 1:
            raise UsageError(STREAM, "standard input can be read only once")
        if sys.stdin is not None and sys.stdin.isatty():
            raise UsageError(STREAM, "standard input is a terminal; pipe an image into it")
    if where.output is not None and len(inputs) * len(operations) > 1:
        count = len(inputs) * len(operations)
        raise UsageError(where.output, f"is one output for {count} results; take --out-dir")
    plan: list[list[_Job]] = []
    names: Counter[Path] = Counter()
    for source in inputs:
        stem = "stdin" if source == STREAM else Path(source).stem
        paths = [(where.folder or Path()) / f"{stem}-{_safe(each.label)}" for each in operations]
        plan.append(
            [
                _Job(source, each, path, not plan and path is paths[0])
                for each, path in zip(operations, paths, strict=True)
            ]
        )
        if not (_is_text(source) and where.folder is None and where.format is None):
            names.update(paths)  # a matrix that is printed needs no name
    for path, count in names.items():
        if count > 1:
            raise UsageError(
                str(path), f"{count} results have this output; rename an input, or run them apart"
            )
    return plan


def _safe(label: str) -> str:
    """Make a filter's text fit for a file name."""
    return label.replace(":", "-").replace(",", "-").replace("/", "_")


def _is_text(source: str) -> bool:
    return Path(source).suffix.lower() in {".csv", ".txt"}


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = "is no folder" if isinstance(error, FileExistsError) else (error.strerror or str(error)).lower()
        raise OutputError(str(folder), why) from None


def _do_all(jobs: Sequence[_Job], outputs: Outputs) -> bool:
    """Do what is to be done with one input; return whether all of it succeeded."""
    source = jobs[0].source
    try:
        if outputs.where.output not in (None, STREAM):
            outputs.check(outputs.where.output or "")  # before an input is decoded for nothing
        pictures = [_load(source)]
    except ConvcliError as error:
        message(error.what, error.why)
        return False
    for note in pictures[0].notes:
        message(_shown(source), note)
    pictures *= len(jobs)  # one for each job to take: the last leaves none that takes memory for nothing
    results = [_attempt(job, pictures, outputs) for job in jobs]
    return all(results)


def _load(source: str) -> Picture:
    if source != STREAM:
        return load_picture(source, source)
    if sys.stdin is None:
        raise ImageError(_shown(source), "is closed")
    return load_picture(sys.stdin.buffer, _shown(source))


def _shown(source: str) -> str:
    """Return what messages call an input."""
    return "standard input" if source == STREAM else source


def _attempt(job: _Job, pictures: list[Picture], outputs: Outputs) -> bool:
    where = outputs.where
    picture = pictures.pop()
    started = time.perf_counter()
    try:
        file_format, target = _target(job, picture, where)
        if target is not None and target != STREAM:
            outputs.check(target)
        outcome = job.operation.run(picture, _wants_numbers(job.operation, picture, file_format))
        del picture
        notes = (*outcome.notes, *_deliver(outcome.picture, file_format, target, outputs))
    except ConvcliError as error:
        # What is wrong with an output names the output; anything else is wrong with this input.
        message(*((error.what, error.why) if isinstance(error, OutputError) else (_shown(job.source), error)))
        return False
    except MemoryError:
        message(_shown(job.source), "there is not enough memory for it")
        return False
    for note in notes:
        message(_shown(job.source), note)
    seconds = round(time.perf_counter() - started, 6)
    record = {"input": job.source, "output": target, **outcome.facts, "seconds": seconds}
    if file_format is PRINTED and not where.json and not job.first:
        write("\n")  # parts the matrices
    report(record, outcome.picture, file_format, where)
    return True


def _target(job: _Job, picture: Picture, where: Destination) -> tuple[FileFormat | None, str | None]:
    """Return the format and name of the output; no format and no name for a matrix that is printed."""
    if where.output is not None:
        return where.format, where.output
    file_format = where.format
    if file_format is None:
        file_format = natural_format(picture.kind, job.operation.numbers, to_folder=where.folder is not None)
    if file_format is PRINTED:
        return PRINTED, None
    return file_format, f"{job.stem}.{file_format.extension}"  # not with_suffix: a stem may have dots


def _wants_numbers(operation: Operation, picture: Picture, file_format: FileFormat | None) -> bool:
    if operation.numbers is not None:
        return operation.numbers
    if file_format is PRINTED or file_format.numeric:
        return True
    return file_format == FileFormat.TIFF and picture.kind != Kind.PIXELS


def _deliver(
    picture: Picture, file_format: FileFormat | None, target: str | None, outputs: Outputs
) -> Iterable[str]:
    """Write the result where it belongs and return what could not be kept; a printed one is the report."""
    if file_format is PRINTED or target is None:
        return ()
    name = "standard output" if target == STREAM else target
    dropped = check_holds(picture, file_format, name)
    content = encoded(picture, file_format, name, png_level=outputs.where.png_level, jobs=outputs.where.jobs)
    if target == STREAM:
        write_bytes(content)
    else:
        outputs.write(target, content)
    return dropped
