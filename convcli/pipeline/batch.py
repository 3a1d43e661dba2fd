"""A batch: every recipe for every input, an output for each; no failure stops the others."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
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

REMEMBERED_OUTPUTS = 1 << 20


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
    own : sequence of Source, optional
        Those of the sources that this run does (default: all). The others are only checked.
    rest : iterable of Source
        Further sources, too many to be held.
    """

    sources: Sequence[Source]
    recipes: Sequence[Recipe]
    destination: Destination
    reading: ReadOptions
    files_read: Sequence[str] = ()
    executor: Executor = LocalProcesses()
    own: Sequence[Source] | None = None
    rest: Iterable[Source] = ()

    def run(
        self,
        observer: Observer | None = None,
        *,
        in_order: bool = True,
        show_share: Callable[[float], None] | None = None,
    ) -> Iterator[Report]:
        """Yield the report of each input, in the order of the inputs or as they finish.

        `show_share` is called with how much of a large picture is done; only in this process.

        Raises
        ------
        UsageError
            Before anything is started: two results have one output.
        OutputError
            A folder for outputs cannot be made, or not be listed.
        """
        self._check_outputs()
        own = self.sources if self.own is None else self.own
        files_read = [*(source.name for source in self.sources), *self.files_read]
        outputs = Outputs(self.destination, files_read)
        if self.rest or not all(source.error for source in own):
            for recipe in self.recipes:
                folder = (recipe.destination or self.destination).folder
                if folder is not None:
                    outputs.prepare(folder)
        sources = chain(own, map(self._checker(), self.rest)) if self.rest else own
        return self.executor.run(self._job_maker(outputs, observer, show_share), sources, in_order=in_order)

    def _job_maker(
        self, outputs: Outputs, observer: Observer | None, show_share: Callable[[float], None] | None
    ) -> partial[Job]:
        """Return a function that makes the job of a source; it can be pickled."""
        several = isinstance(self.reading.frame, FrameRange)
        needed = partial(
            result_bytes,
            self.recipes,
            self.destination.format,
            frees_input=not several and observer is None,
        )
        limits = self.reading.limits._replace(result_bytes=needed)
        if several:
            kept = partial(kept_result_bytes, self.recipes, self.destination.format)
            limits = limits._replace(kept_result_bytes=kept)
        reading = self.reading._replace(limits=limits)
        return partial(
            Job,
            recipes=self.recipes,
            outputs=outputs,
            reading=reading,
            observer=observer,
            show_share=show_share,
        )

    def _check_outputs(self) -> None:
        """Refuse two results for one output, under one name or by a link that is followed."""
        count = len(self.sources) * sum(recipe.destination is None for recipe in self.recipes)
        if self.destination.output is not None and count > 1:
            raise UsageError(
                redacted(self.destination.output), f"is a single file for {count} results; use --out-dir"
            )
        written = [result for source in self.sources for result in self._written(source)]
        names = Counter(_output(*result) for result in written)
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

    def _written(self, source: Source) -> list[tuple[Source, Recipe, Destination]]:
        """Return the results of a source that are written, and where they go."""
        return [
            (source, recipe, destination)
            for recipe in self.recipes
            if not _is_printed(source, destination := recipe.destination or self.destination)
        ]

    def _checker(self) -> Callable[[Source], Source]:
        """Return a function that gives a source of the rest an error if its output is that of another.

        It remembers the hashes of about as many outputs as its table has places. An output that it has
        forgotten exists, if it was written, and is not replaced.
        """
        from array import array  # late: most lists are held
        from hashlib import blake2b

        table, key = array("Q", bytes(8 * REMEMBERED_OUTPUTS)), os.urandom(16)

        def check(source: Source) -> Source:
            if source.error:
                return source
            try:
                outputs = [_output(*result) for result in self._written(source)]
            except UsageError as error:
                return source._replace(error=str(error))
            for output in outputs:
                digest = blake2b(os.fsencode(output), digest_size=8, key=key).digest()
                hashed = int.from_bytes(digest, "big")
                place = hashed % REMEMBERED_OUTPUTS
                if table[place] == hashed:
                    why = f"another result has the same output {redacted(output)}"
                    return source._replace(error=f"{why}; rename one, or run them separately")
                table[place] = hashed
            return source

        for source in self.sources:
            check(source)
        return check


def _output(source: Source, recipe: Recipe, destination: Destination) -> str:
    """Return the path of an output; its format, and so its extension, may not be known yet."""
    path = destination.path(source, recipe.label, "*")
    return canonical_url(path) if is_url(path) else str(Path(path))


def _is_printed(source: Source, destination: Destination) -> bool:
    """Whether results are matrices that are printed, judging by the name of the input."""
    is_text = Path(file_name(source.name)).suffix.lower() in {".csv", ".txt"}
    return (
        is_text and destination.output is None and destination.folder is None and destination.format is None
    )
