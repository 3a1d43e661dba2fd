"""One input of a batch: reads it, applies each recipe, writes the results and reports."""

import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from convcli.errors import ConvcliError, ImageError, OutputError, OutputExists
from convcli.files.streams import STREAM, write_bytes
from convcli.files.times import FileTimes, file_times
from convcli.pictures.formats.encoding import encode
from convcli.pictures.formats.output_formats import OutputFormat, check_holds
from convcli.pictures.picture import Picture, PictureKind
from convcli.pipeline.inputs import Source
from convcli.pipeline.outputs import PRINTED, Destination, Outputs, make_folder
from convcli.pipeline.reading import ReadOptions
from convcli.pipeline.recipes.recipe import Recipe, Result
from convcli.pipeline.report import Failure, Finished, Note, Report, Skipped
from convcli.signals import interruptible

__all__ = ["Job", "Observer", "candidate_outputs"]

NO_MEMORY = "not enough memory to process it"


class Observer(Protocol):
    """Sees pictures as they are processed, for example to preview them."""

    def before(self, source: Source, picture: Picture) -> Any:
        """Look at an input, and return what `after` needs of it: the picture itself is not kept."""

    def after(self, input_view: Any, recipe: Recipe, result: Result, finished: Finished) -> str:
        """Look at a result, and return text for its report."""


class Job(NamedTuple):
    """One input and what to do with it. It can be pickled, and prints nothing.

    Attributes
    ----------
    source : Source
    recipes : sequence of Recipe
    outputs : Outputs
        Where results go, and which files must not be replaced.
    reading : ReadOptions
    observer : Observer, optional
    """

    source: Source
    recipes: Sequence[Recipe]
    outputs: Outputs
    reading: ReadOptions
    observer: Observer | None = None

    def run(self) -> Report:
        """Do everything; failures are in the report."""
        report = Report(self.source)
        if self.source.error:
            report.events.append(self.failure(self.source.error))
            return report
        recipes = [recipe for recipe in self.recipes if not self._is_skipped(recipe, report)]
        if not recipes:
            return report
        # Reading a file changes when it was last read.
        times = file_times(self.source.name) if self.outputs.destination.keep_time else None
        try:
            for recipe in recipes:
                self.outputs.check(self._destination(recipe).output)  # before decoding for nothing
            pictures = [self.reading.load(self.source.name)] * len(recipes)
        except ConvcliError as error:
            output = error.what if isinstance(error, OutputError) else None
            report.events.append(Failure(error, error.why, output))
            return report
        except MemoryError:
            report.events.append(self.failure(NO_MEMORY))
            return report
        notes = pictures[0].notes
        if self.outputs.destination.keep_time and times is None:
            notes = (*notes, "is not a regular file, so it has no time to keep")
        for recipe in recipes:
            try:
                dropped, finished = self._apply(recipe, pictures, times)
            except OutputError as error:
                was_just_made = isinstance(error, OutputExists) and self.outputs.destination.skip_existing
                event = Skipped(error.what) if was_just_made else Failure(error, error.why, error.what)
                report.events.append(event)
            except ConvcliError as error:
                report.events.append(Failure(error, str(error)))
            except MemoryError:
                report.events.append(self.failure(NO_MEMORY))
            else:
                report.events += [Note(note) for note in (*notes, *dropped)]
                report.events.append(finished)
                notes = ()  # reported once
        return report

    def failure(self, why: str) -> Failure:
        """Return a failure of the input, for example that its process was killed."""
        return Failure(ImageError(self.source.display_name, why), why)

    def _destination(self, recipe: Recipe) -> Destination:
        return recipe.destination or self.outputs.destination

    def _is_skipped(self, recipe: Recipe, report: Report) -> bool:
        """Whether the output of a recipe exists and is to be kept."""
        if not self.outputs.destination.skip_existing:
            return False
        expected = candidate_outputs(self.source, recipe, self._destination(recipe))
        path = next(filter(os.path.lexists, expected), None)
        if path is not None:
            report.events.append(Skipped(path))
        return path is not None

    def _apply(
        self, recipe: Recipe, pictures: list[Picture], times: FileTimes | None
    ) -> tuple[tuple[str, ...], Finished]:
        """Apply a recipe to the last of the pictures, which is dropped as early as possible."""
        picture = pictures.pop()
        started = time.perf_counter()
        file_format, target = self._format_and_path(recipe, picture)
        self.outputs.check(target)
        input_view = None if self.observer is None else self.observer.before(self.source, picture)
        with interruptible():
            result = recipe.run(picture, _wants_numbers(recipe, picture, file_format))
        del picture
        notes = (*result.notes, *self._write(recipe, result.picture, file_format, target, times))
        seconds = round(time.perf_counter() - started, 6)
        record = {"input": self.source.name, "output": target, **result.record, "seconds": seconds}
        matrix = result.picture if file_format is PRINTED else None
        finished = Finished(record, matrix, result.summary, is_amplified=result.is_amplified)
        if self.observer is not None:
            preview = self.observer.after(input_view, recipe, result, finished)
            finished = finished._replace(preview=preview)
        return notes, finished

    def _format_and_path(self, recipe: Recipe, picture: Picture) -> tuple[OutputFormat | None, str | None]:
        """Return the format and the path of the output: neither for a matrix that is printed."""
        destination = self._destination(recipe)
        if destination.output is not None:
            return destination.format, destination.output
        file_format = destination.format_for(picture.kind, recipe.as_numbers)
        if file_format is PRINTED:
            return PRINTED, None
        path = destination.path(self.source, recipe.label, file_format.extension)
        if Path(path).parent != (destination.folder or Path()):
            make_folder(Path(path).parent)
        return file_format, path

    def _write(
        self,
        recipe: Recipe,
        picture: Picture,
        file_format: OutputFormat | None,
        target: str | None,
        times: FileTimes | None,
    ) -> Iterable[str]:
        """Write the result and return what could not be kept; a matrix that is printed is not written."""
        if file_format is PRINTED or target is None:
            return () if times is None else ("its result is printed, so no file gets its time",)
        name = "standard output" if target == STREAM else target
        destination = self._destination(recipe)
        dropped = check_holds(picture, file_format, name)
        with interruptible():  # encoding may be one long call of C code
            content = encode(
                picture, file_format, name, png_level=destination.png_level, jobs=destination.jobs
            )
        if target == STREAM:
            write_bytes(content)
        else:
            dropped += self.outputs.write(target, content, times)
        return dropped


def candidate_outputs(source: Source, recipe: Recipe, destination: Destination) -> list[str]:
    """Return the possible outputs of an input: the name of a file does not say what it holds."""
    formats = {destination.format_for(kind, recipe.as_numbers) for kind in PictureKind}
    return [
        destination.path(source, recipe.label, file_format.extension)
        for file_format in formats
        if file_format is not PRINTED
    ]


def _wants_numbers(recipe: Recipe, picture: Picture, file_format: OutputFormat | None) -> bool:
    if recipe.as_numbers is not None:
        return recipe.as_numbers
    if file_format is PRINTED or file_format.numeric:
        return True
    return file_format == OutputFormat.TIFF and picture.kind != PictureKind.PIXELS
