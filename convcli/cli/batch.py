"""The batch runner: inputs times operations, an output for each, and no failure stops the others."""

import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from convcli.cli.destinations import Destination, Outputs, make_folder
from convcli.cli.inputs import Source
from convcli.cli.one_input import OneInput, Operation, Reading, Told, candidates
from convcli.cli.output import Stopped, message, write
from convcli.cli.progress import file_progress
from convcli.cli.workers import shared_out
from convcli.errors import UsageError

__all__ = ["run_batch"]


def run_batch(
    sources: Sequence[Source],
    operations: Sequence[Operation],
    where: Destination,
    kernel_files: Sequence[str] = (),
    *,
    reading: Reading,
    processes: int = 1,
) -> int:
    """Do every operation with every input and return the exit code: 0 all done, 1 something failed.

    Parameters
    ----------
    sources : sequence of Source
    operations : sequence of Operation
    where : Destination
    kernel_files : sequence of str
        Files that were read, too, and that no output may replace.
    reading : Reading
    processes : int
        That share the inputs.

    Raises
    ------
    UsageError
        Before anything is started: two results for one output.
    """
    _check_outputs(sources, operations, where)
    if where.folder is not None:
        make_folder(where.folder)
    outputs = Outputs(where, [*(source.name for source in sources), *kernel_files])

    def do(part: int) -> Told:
        return OneInput(sources[part], operations, outputs, reading).done()

    def lost(part: int, by: str) -> Told:
        return Told(failed=True, messages=[(sources[part].name, f"its process was ended by {by}")])

    failed = skipped = 0
    parted = False  # whether a matrix was printed, from which the next has to be parted
    try:
        with file_progress(len(sources)) as progress:
            for told in shared_out(len(sources), do, lost, processes, in_order=not where.json):
                failed += told.failed
                skipped += told.skipped
                progress.advance()
                with progress.out_of_the_way():
                    for text in told.answers:
                        write("\n" + text if parted and told.matrices else text)
                        parted = parted or told.matrices
                    for what, why in told.messages:
                        message(what, why)
    except Stopped:
        if failed:  # the failure has been said, and its code stays
            return 1
        raise
    _summarise(len(sources), failed, skipped)
    return 1 if failed else 0


def _summarise(count: int, failed: int, skipped: int) -> None:
    """Say how a batch went, where somebody looks or something failed."""
    watched = sys.stderr is not None and sys.stderr.isatty()
    if count > 1 and (failed or watched):
        parts = [f"{count - failed - skipped} done"]
        parts += [f"{skipped} skipped"] * bool(skipped) + [f"{failed} failed"] * bool(failed)
        message(f"{count} inputs", ", ".join(parts))


def _check_outputs(sources: Sequence[Source], operations: Sequence[Operation], where: Destination) -> None:
    """Refuse two results for one output, under one name or by a link that is to be followed."""
    count = len(sources) * len(operations)
    if where.output is not None:
        if count > 1:
            raise UsageError(where.output, f"is one output for {count} results; take --out-dir")
        return
    named = [
        (source, each)
        for source in sources
        if not (_is_text(source.name) and where.folder is None and where.format is None)
        for each in operations
    ]
    names = Counter(where.path(source, each.label, "*") for source, each in named)
    if where.force:  # else a link stands in its own way
        files = Counter(_real(path) for source, each in named for path in candidates(source, each, where))
        names.update({path: times for path, times in files.items() if times > 1})
    for path, times in names.items():
        if times > 1:
            raise UsageError(
                path.removesuffix(".*"),
                f"{times} results have this output; rename an input, or run them apart",
            )


def _real(path: str) -> str:
    """Return where a path leads, which costs little where it is no link."""
    return os.path.realpath(path) if Path(path).is_symlink() else path


def _is_text(source: str) -> bool:
    return Path(source).suffix.lower() in {".csv", ".txt"}
