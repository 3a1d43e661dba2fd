"""A batch: every recipe for every input, an output for each; no failure stops the others."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from convcli.errors import UsageError
from convcli.files.identity import PathResolver
from convcli.files.urls import canonical_url, file_name, is_url, redacted
from convcli.pictures.frames import FrameRange
from convcli.pipeline.inputs import Source
from convcli.pipeline.job import Job, Observer, candidate_outputs
from convcli.pipeline.memory import kept_result_bytes, result_bytes
from convcli.pipeline.outputs import Destination, Outputs
from convcli.pipeline.processes import Executor, LocalProcesses
from convcli.pipeline.reading import ReadOptions
from convcli.pipeline.recipes.recipe import Recipe
from convcli.pipeline.report import Report

__all__ = ["Batch"]


class Batch(NamedTuple):
    """What is read, what is done to it, and where results go.

    Attributes
    ----------
    sources : sequence of Source
    recipes : sequence of Recipe
    destination : Destination
    reading : ReadOptions
    files_read : sequence of str
        Other files that are read, such as kernels, which no output may replace.
    executor : Executor
    """

    sources: Sequence[Source]
    recipes: Sequence[Recipe]
    destination: Destination
    reading: ReadOptions
    files_read: Sequence[str] = ()
    executor: Executor = LocalProcesses()

    def run(self, observer: Observer | None = None, *, in_order: bool = True) -> Iterator[Report]:
        """Yield the report of each input, in the order of the inputs or as they finish.

        Raises
        ------
        UsageError
            Before anything is started: two results have one output.
        OutputError
            A folder for outputs cannot be made, or not be listed.
        """
        self._check_outputs()
        jobs = _Jobs(self, observer)
        if not all(source.error for source in self.sources):
            for recipe in self.recipes:
                folder = (recipe.destination or self.destination).folder
                if folder is not None:
                    jobs.outputs.prepare(folder)
        return self.executor.run(jobs, in_order=in_order)

    def _check_outputs(self) -> None:
        """Refuse two results for one output, under one name or by a link that is followed."""
        count = len(self.sources) * sum(recipe.destination is None for recipe in self.recipes)
        if self.destination.output is not None and count > 1:
            raise UsageError(
                redacted(self.destination.output), f"is a single file for {count} results; use --out-dir"
            )
        written = [
            (source, recipe, destination)
            for source in self.sources
            for recipe in self.recipes
            if not _is_printed(source, destination := recipe.destination or self.destination)
        ]
        names = Counter(
            _one_spelling(destination.path(source, recipe.label, "*"))
            for source, recipe, destination in written
        )
        if self.destination.force:  # otherwise an existing link is refused anyway
            resolve = PathResolver()
            several = isinstance(self.reading.frame, FrameRange)
            files = Counter(
                os.path.realpath(path) if os.path.islink(path) else resolve(path)  # noqa: PTH114 -- may be too long
                for source, recipe, destination in written
                for path in candidate_outputs(source, recipe, destination, frames=several)
                if not is_url(path)
            )
            names.update({path: times for path, times in files.items() if times > 1})
        for path, times in names.items():
            if times > 1:
                raise UsageError(
                    redacted(path.removesuffix(".*")),
                    f"{times} results have this output; rename an input, or run them separately",
                )


class _Jobs(Sequence[Job]):
    """The jobs of a batch, each made when it is asked for: there may be millions."""

    def __init__(self, batch: Batch, observer: Observer | None) -> None:
        self.batch = batch
        self.observer = observer
        several = isinstance(batch.reading.frame, FrameRange)
        needed = partial(
            result_bytes,
            batch.recipes,
            batch.destination.format,
            frees_input=not several and observer is None,
        )
        limits = batch.reading.limits._replace(result_bytes=needed)
        if several:
            kept = partial(kept_result_bytes, batch.recipes, batch.destination.format)
            limits = limits._replace(kept_result_bytes=kept)
        self.reading = batch.reading._replace(limits=limits)
        self.outputs = Outputs(
            batch.destination, [*(source.name for source in batch.sources), *batch.files_read]
        )

    def __len__(self) -> int:
        return len(self.batch.sources)

    def __getitem__(self, number: int) -> Job:  # type: ignore[override] # slices are never asked for
        return Job(self.batch.sources[number], self.batch.recipes, self.outputs, self.reading, self.observer)


def _is_printed(source: Source, destination: Destination) -> bool:
    """Whether results are matrices that are printed, judging by the name of the input."""
    is_text = Path(file_name(source.name)).suffix.lower() in {".csv", ".txt"}
    return (
        is_text and destination.output is None and destination.folder is None and destination.format is None
    )


def _one_spelling(path: str) -> str:
    return canonical_url(path) if is_url(path) else str(Path(path))
