"""The batch runner: every operation on every input, one output each; a failure does not stop the others."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import get_terminal_size

from convcli.cli.options import check_workload
from convcli.cli.terminal.output import (
    answer_is_shown,
    display_width,
    escaped,
    message,
    progress_is_shown,
    write,
)
from convcli.cli.terminal.preview_options import WantedPreview
from convcli.cli.terminal.progress import file_progress
from convcli.errors import UsageError
from convcli.files.identity import PathResolver
from convcli.files.streams import BrokenPipe
from convcli.pictures.picture import PictureKind
from convcli.pipeline.inputs import Source, gather_sources
from convcli.pipeline.job import Job, Report, candidate_outputs, result_bytes
from convcli.pipeline.outputs import PRINTED, Destination, Outputs, destination, make_folder, natural_format
from convcli.pipeline.processes import map_in_processes, split_jobs
from convcli.pipeline.reading import ReadOptions
from convcli.pipeline.recipes.recipe import Recipe
from convcli.signals import cleanup_at_signal

__all__ = ["Batch", "run_batch"]

MAX_NAME_WIDTH = 50  # columns to which names are padded to align their summaries


@dataclass(frozen=True)
class Batch:
    """The inputs of a run, how they are read, by how many processes, and where results go."""

    sources: Sequence[Source]
    reading: ReadOptions
    processes: int
    where: Destination
    preview: WantedPreview | None

    @classmethod
    def read(
        cls,
        images: Sequence[str] | None,
        *,
        recursive: bool,
        files0_from: str | None,
        max_pixels: str | None,
        max_memory: str | None,
        frame: int | None,
        output: str | None,
        out_dir: str | None,
        name: str | None,
        file_format: str | None,
        force: bool,
        skip_existing: bool,
        json: bool,
        png_level: int | None,
        jobs: int | None,
        background: str | None,
        preview: bool,
        preview_as: str | None,
    ) -> "Batch":
        """Read the options shared by all commands that take many pictures.

        Raises
        ------
        UsageError
            The options contradict each other, or a value is out of range.
        ImageError
            A list of names cannot be read.
        """
        check_workload(jobs, png_level)
        wanted = WantedPreview.read(preview, preview_as)
        reading = ReadOptions.read(max_pixels, max_memory, frame)
        where = destination(
            output, out_dir, file_format, name=name, force=force, skip_existing=skip_existing, json=json,
            png_level=png_level, jobs=jobs, background=background,
        )  # fmt: skip
        sources = gather_sources(images, recursive=recursive, files0_from=files0_from, out_dir=out_dir)
        processes, threads = split_jobs(jobs, len(sources))
        limits = replace(reading.limits, processes=processes)
        return cls(sources, replace(reading, limits=limits), processes, replace(where, jobs=threads), wanted)

    @property
    def threads(self) -> int | None:
        """The number of threads of each process."""
        return self.where.jobs


def run_batch(batch: Batch, operations: Sequence[Recipe], kernel_files: Sequence[str] = ()) -> int:
    """Run every operation on every input and return the exit code: 0 all done, 1 something failed.

    Parameters
    ----------
    batch : Batch
    operations : sequence of Recipe
    kernel_files : sequence of str
        Other files that were read, which no output may overwrite.

    Raises
    ------
    UsageError
        Two results have the same output; nothing was started.
    """
    sources, where = batch.sources, batch.where
    _check_outputs(sources, operations, where)
    if not all(source.trouble for source in sources):
        for goes in (each.goes(where) for each in operations):
            if goes.folder is not None:
                make_folder(goes.folder)
    if answer_is_shown() and not where.json:
        where = replace(where, name_width=_name_width(sources, operations, where))
    limits = replace(batch.reading.limits, result_bytes=result_bytes(operations, where.format))
    reading = replace(batch.reading, limits=limits)
    outputs = Outputs(where, [*(source.name for source in sources), *kernel_files])
    preview = None
    if batch.preview is not None:
        preview = batch.preview.begin(json=where.json, output=where.output)

    def do(part: int) -> Report:
        return Job(sources[part], operations, outputs, reading, preview).done()

    def lost(part: int, by: str) -> Report:
        told = Report()
        told.fail(
            sources[part],
            f"its process was ended by {by}",
            json=where.json,
        )
        return told

    finished = failed = skipped = 0

    def say_how_far() -> None:
        if len(sources) > 1 and progress_is_shown():
            message(f"{len(sources)} inputs", f"stopped after {finished}; use --skip-existing to continue")

    parted = False  # whether a matrix was printed, so that the next one needs an empty line before it
    try:
        with cleanup_at_signal(say_how_far), file_progress(len(sources)) as progress:
            for told in map_in_processes(len(sources), do, lost, batch.processes, in_order=not where.json):
                finished += 1
                failed += told.failed
                skipped += told.skipped
                progress.advance()
                with progress.out_of_the_way():
                    for text in told.answers:
                        write("\n" + text if parted and told.matrices else text)
                        parted = parted or told.matrices
                    for what, why in told.messages:
                        message(what, why)
    except BrokenPipe:
        if failed:  # the failure was reported, so its exit code stays
            return 1
        raise
    _summarise(len(sources), failed, skipped)
    return 1 if failed else 0


def _summarise(count: int, failed: int, skipped: int) -> None:
    """Report how a batch went, if standard error is a terminal or something failed."""
    if count > 1 and (failed or progress_is_shown()):
        parts = [f"{count - failed - skipped} done"]
        parts += [f"{skipped} skipped"] * bool(skipped) + [f"{failed} failed"] * bool(failed)
        message(f"{count} inputs", ", ".join(parts))


def _name_width(sources: Sequence[Source], operations: Sequence[Recipe], where: Destination) -> int:
    """Return the width of the longest output name, ignoring names that are too long to align with."""
    if where.output is not None:
        return 0
    most = min(get_terminal_size().columns // 2, MAX_NAME_WIDTH)
    longest = 0
    for each in operations:
        goes = each.goes(where)
        file_format = goes.format or natural_format(PictureKind.PIXELS, each.numbers, to_folder=True)
        if file_format is PRINTED:
            continue
        for source in sources:
            width = display_width(escaped(goes.path(source, each.label, file_format.extension)))
            if longest < width <= most:
                longest = width
    return longest


def _check_outputs(sources: Sequence[Source], operations: Sequence[Recipe], where: Destination) -> None:
    """Refuse two results with the same output, by name or through a link that is followed."""
    count = len(sources) * sum(each.where is None for each in operations)
    if where.output is not None and count > 1:
        raise UsageError(where.output, f"is one output for {count} results; use --out-dir")
    named = [
        (source, each, each.goes(where))
        for source in sources
        for each in operations
        if not _is_printed(source, each.goes(where))
    ]
    names = Counter(str(Path(goes.path(source, each.label, "*"))) for source, each, goes in named)
    if where.force:  # otherwise an existing link is not overwritten
        place = PathResolver()
        files = Counter(
            os.path.realpath(path) if os.path.islink(path) else place(path)  # noqa: PTH114 -- may be too long
            for source, each, goes in named
            for path in candidate_outputs(source, each, goes)
        )
        names.update({path: times for path, times in files.items() if times > 1})
    for path, times in names.items():
        if times > 1:
            raise UsageError(
                path.removesuffix(".*"),
                f"{times} results have this output; rename an input, or run them separately",
            )


def _is_printed(source: Source, where: Destination) -> bool:
    """Whether results are matrices to print, judging by the name of the input."""
    is_text = Path(source.name).suffix.lower() in {".csv", ".txt"}
    return is_text and where.output is None and where.folder is None and where.format is None
