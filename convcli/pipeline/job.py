"""One input of a batch: reads it, applies each recipe, writes the results and reports."""

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from convcli.errors import ConvcliError, ImageError, OutputError, PictureTooLargeError
from convcli.files.opening import is_zarr
from convcli.files.streams import STREAM, write_bytes
from convcli.files.times import FileTimes, file_times
from convcli.files.urls import is_url, redacted
from convcli.pictures.formats.encoding import encode
from convcli.pictures.formats.format_checks import check_holds
from convcli.pictures.formats.output_formats import OutputFormat
from convcli.pictures.frames import FrameRange
from convcli.pictures.picture import Picture, PictureKind
from convcli.pipeline.inputs import Source
from convcli.pipeline.outputs import PRINTED, Destination, Outputs, make_folder
from convcli.pipeline.reading import ReadOptions
from convcli.pipeline.recipes.recipe import Recipe, Result, wants_numbers
from convcli.pipeline.report import NO_MEMORY, Failure, Finished, Note, Report, Skipped, event_of_error
from convcli.signals import interruptible

__all__ = ["Job", "Observer", "candidate_outputs"]


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
    show_share : callable, optional
        Called with the share of a large picture that is done.
    """

    source: Source
    recipes: Sequence[Recipe]
    outputs: Outputs
    reading: ReadOptions
    observer: Observer | None = None
    show_share: Callable[[float], None] | None = None

    def run(self) -> Report:
        """Do everything; failures are in the report."""
        report = Report(self.source, [])
        if self.source.error:
            report.events.append(self.failure(self.source.error))
            return report
        try:
            found = [self._existing_output(recipe) for recipe in self.recipes]
        except ConvcliError as error:
            report.events.append(Failure.of(error, error.why, error.what))
            return report
        report.events.extend(Skipped(redacted(path)) for path in found if path is not None)
        recipes = [recipe for recipe, path in zip(self.recipes, found, strict=True) if path is None]
        if not recipes:
            return report
        # Reading a file changes when it was last read.
        times = file_times(self.source.name) if self.outputs.destination.keep_time else None
        try:
            self._run_all(recipes, times, report)
        except ConvcliError as error:
            output = error.what if isinstance(error, OutputError) else None
            report.events.append(Failure.of(error, error.why, output))
        except MemoryError:
            report.events.append(self.failure(NO_MEMORY))
        return report

    def _run_all(self, recipes: Sequence[Recipe], times: FileTimes | None, report: Report) -> None:
        """Read the input, and apply every recipe to it.

        Raises
        ------
        ConvcliError
            The input cannot be read, or no output can be written.
        """
        for recipe in recipes:
            self.outputs.check(self._destination(recipe).output)  # before decoding for nothing
        selected = self.reading.frame
        if isinstance(selected, FrameRange):
            return self._run_frames(recipes, selected, times, report)
        if any(self._is_tiled(recipe) for recipe in recipes):
            return self._run_by_tiles(recipes, times, report)
        try:
            pictures = [self.reading.load(self.source.name)] * len(recipes)
        except PictureTooLargeError as error:
            return self._run_by_tiles(recipes, times, report, error)
        notes = (*pictures[0].notes, *self._notes_on_times(times))
        for recipe in recipes:
            try:
                dropped, finished = self._apply(recipe, pictures, times)
            except (ConvcliError, MemoryError) as error:
                report.events.append(self._event_of(error))
            else:
                report.events.extend(Note(note) for note in (*notes, *dropped))
                report.events.append(finished)
                notes = ()  # reported once
        return None

    def _event_of(self, error: ConvcliError | MemoryError) -> Failure | Skipped:
        """Return what is reported of an error in a single result."""
        skip_existing = self.outputs.destination.skip_existing
        return event_of_error(error, self.source, skip_existing=skip_existing)

    def fetch_ahead(self) -> None:
        """Start to fetch the object that is read, while other jobs are run."""
        if not is_url(self.source.name) or self.source.error or is_zarr(self.source.name):
            return
        from convcli.files.remote.reading import fetch_ahead  # late: it loads asyncio

        with suppress(ConvcliError):  # reported when the job is run
            if any(self._existing_output(recipe) is None for recipe in self.recipes):
                fetch_ahead(self.source.name)

    def failure(self, why: str) -> Failure:
        """Return a failure of the input, for example that its process was killed."""
        return Failure.of(ImageError(self.source.display_name, why), why)

    def _run_frames(
        self, recipes: Sequence[Recipe], selected: FrameRange, times: FileTimes | None, report: Report
    ) -> None:
        """Apply every recipe to every frame, and write the results of a recipe as one file.

        Raises
        ------
        ImageError
            The input cannot be read.
        """
        from convcli.pipeline.frames import FrameNotes, FrameResults  # late: most runs read single pictures

        input_notes, frame = FrameNotes(), selected.first
        with self.reading.load_frames(self.source.name, selected) as (container, pictures):
            results = [
                FrameResults(
                    self.source,
                    recipe,
                    self._destination(recipe),
                    container,
                    self._locate,
                    skip_existing=self.outputs.destination.skip_existing,
                )
                for recipe in recipes
            ]
            for picture, info in pictures:
                input_notes.add(frame, picture.notes)
                for result in results:
                    result.add(picture, info, frame)
                frame += 1
                del picture  # before the next is read
                if all(result.stopped for result in results):
                    break
        notes = [Note(note) for note in (*input_notes.texts, *self._notes_on_times(times))]
        for result in results:
            events = result.finish(partial(self._store, times))
            report.events.extend(events if result.stopped else [*notes, *events])
            notes = notes if result.stopped else []  # reported once

    def _is_tiled(self, recipe: Recipe) -> bool:
        destination = self._destination(recipe)
        return destination.tiled or destination.format == OutputFormat.ZARR

    def _run_by_tiles(
        self,
        recipes: Sequence[Recipe],
        times: FileTimes | None,
        report: Report,
        too_large: PictureTooLargeError | None = None,
    ) -> None:
        """Apply every recipe to a picture that is never held whole.

        Raises
        ------
        ImageError
            The input cannot be read, or not in parts: then it is `too_large`, if it has been found to be so.
        """
        from convcli.pipeline.large.results import LargeResult, check_tiled  # late: most pictures are small

        name = self.source.display_name
        if too_large is not None and self.observer is not None:
            raise too_large  # a preview shows all of it
        with self.reading.open_large(self.source.name, too_large) as large:
            for recipe in recipes:
                check_tiled(recipe, self._destination(recipe), name, too_large)
            notes: tuple[str, ...] = (*large.properties.notes, *self._notes_on_times(times))
            for recipe in recipes:
                started = time.perf_counter()
                try:
                    target = self._locate(recipe, large.properties.kind)[1]
                    assert target is not None
                    large_result = LargeResult(
                        recipe, large, name, self._destination(recipe), self.reading.limits, self.show_share
                    )
                    dropped = large_result.write(target, self.outputs, times)
                    result = large_result.result()
                except (ConvcliError, MemoryError) as error:
                    report.events.append(self._event_of(error))
                else:
                    report.events.extend(Note(note) for note in (*notes, *result.notes, *dropped))
                    report.events.append(self._finished(result, target, started))
                    notes = ()  # reported once

    def _notes_on_times(self, times: FileTimes | None) -> tuple[str, ...]:
        if times is not None or not self.outputs.destination.keep_time:
            return ()
        return ("is not a regular file, so it has no time to keep",)

    def _destination(self, recipe: Recipe) -> Destination:
        return (recipe.destination or self.outputs.destination).for_source(self.source)

    def _existing_output(self, recipe: Recipe) -> str | None:
        """Return the output of a recipe if it exists and is to be kept."""
        if not self.outputs.destination.skip_existing or self.outputs.is_resumed:
            return None
        several = isinstance(self.reading.frame, FrameRange)
        expected = candidate_outputs(self.source, recipe, self._destination(recipe), frames=several)
        folder = self._destination(recipe).folder
        return next((path for path in expected if self.outputs.exists(path, folder)), None)

    def _apply(
        self, recipe: Recipe, pictures: list[Picture], times: FileTimes | None
    ) -> tuple[tuple[str, ...], Finished]:
        """Apply a recipe to the last of the pictures, which is dropped as early as possible."""
        picture = pictures.pop()
        started = time.perf_counter()
        file_format, target = self._locate(recipe, picture.kind)
        input_view = None if self.observer is None else self.observer.before(self.source, picture)
        with interruptible():
            result = recipe.run(picture, wants_numbers(recipe, picture.kind, file_format))
        del picture
        notes = (*result.notes, *self._write(recipe, result.picture, file_format, target, times))
        finished = self._finished(result, target, started)
        if self.observer is not None:
            preview = self.observer.after(input_view, recipe, result, finished)
            finished = finished._replace(preview=preview)
        return notes, finished

    def _finished(self, result: Result, target: str | None, started: float) -> Finished:
        """Return what is reported of a result; one without target is printed."""
        seconds = round(time.perf_counter() - started, 6)
        return Finished(
            {"input": redacted(self.source.name), "output": target, **result.record, "seconds": seconds},
            result.picture if target is None else None,
            result.summary,
            is_amplified=result.is_amplified,
            is_saturation_noted=result.is_saturation_noted,
        )

    def _locate(
        self, recipe: Recipe, kind: PictureKind, container: str = ""
    ) -> tuple[OutputFormat | None, str | None]:
        """Return the format and the checked path of the output: neither for a matrix that is printed."""
        destination = self._destination(recipe)
        if destination.output is not None:
            return destination.format, destination.output  # has been checked
        file_format = destination.format_for(kind, recipe.as_numbers, container)
        if file_format is PRINTED:
            return PRINTED, None
        path = destination.path(self.source, recipe.label, file_format.extension)
        if not is_url(path) and Path(path).parent != Path(destination.folder or ""):
            make_folder(Path(path).parent)
        self.outputs.check(path)
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
        destination = self._destination(recipe)
        notes = destination.notes_on_compression(file_format)
        if file_format is PRINTED or target is None:
            return (*notes, *self._store(times, None, ()))
        name = "standard output" if target == STREAM else target
        notes += check_holds(picture, file_format, name)
        with interruptible():  # encoding may be one long call of C code
            content = encode(
                picture, file_format, name, png_level=destination.png_level, jobs=destination.jobs
            )
        return (*notes, *self._store(times, target, content))

    def _store(
        self, times: FileTimes | None, target: str | None, content: Sequence[bytes | memoryview]
    ) -> tuple[str, ...]:
        """Write the parts of a file to its target, and return notes; a result without target is printed."""
        if target is None:
            return () if times is None else ("its result is printed, so no file gets its time",)
        if target == STREAM:
            write_bytes(content)
            return ()
        return tuple(self.outputs.write(target, content, times))


def candidate_outputs(
    source: Source, recipe: Recipe, destination: Destination, *, frames: bool = False
) -> list[str]:
    """Return the possible outputs of an input: the name of a file does not say what it holds."""
    destination = destination.for_source(source)
    containers = ("", *OutputFormat) if frames else ("",)
    formats = {
        destination.format_for(kind, recipe.as_numbers, container)
        for kind in PictureKind
        for container in containers
    }
    return [
        destination.path(source, recipe.label, file_format.extension)
        for file_format in formats
        if file_format is not PRINTED
    ]
