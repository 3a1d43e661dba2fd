"""Puts the results of several frames into one file, and reports them as one result."""

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from convcli.errors import ConvcliError, OutputError
from convcli.files.streams import STREAM
from convcli.files.urls import redacted
from convcli.pictures.formats.frame_reading.container import Container, FrameInfo
from convcli.pictures.formats.frame_writing.encoder import FrameEncoder, check_holds_frames
from convcli.pictures.formats.output_formats import OutputFormat
from convcli.pictures.picture import Picture, PictureKind
from convcli.pipeline.inputs import Source
from convcli.pipeline.outputs import PRINTED, Destination
from convcli.pipeline.recipes.recipe import Recipe, wants_numbers
from convcli.pipeline.report import Failure, Finished, Note, Skipped, event_of_error
from convcli.signals import interruptible

__all__ = ["FrameNotes", "FrameResults"]

COMBINED: Mapping[str, Callable[[list[Any]], Any]] = {"min": min, "max": max, "saturated": sum, "nan": sum}
Locate = Callable[[Recipe, PictureKind, str], tuple[OutputFormat | None, str | None]]
"""Returns the format and the checked path of the result of a kind of picture, given the input's container."""
Store = Callable[[str | None, Sequence[bytes | memoryview]], tuple[str, ...]]
"""Writes the parts of a file to its target, if there is one, and returns notes."""


class FrameNotes:
    """Collects the notes of several frames: a note that many frames have appears once.

    Examples
    --------
    >>> notes = FrameNotes()
    >>> notes.add(0, ["npy cannot hold alpha", "2 of 100 values are NaN"])
    >>> notes.add(1, ["npy cannot hold alpha", "5 of 100 values are NaN"])
    >>> notes.texts
    ['npy cannot hold alpha', 'frame 0: 2 of 100 values are NaN (other frames: other numbers)']
    """

    def __init__(self) -> None:
        # By text without numbers: the first frame, its note, and whether others have other numbers.
        self._found: dict[str, tuple[int, str, bool]] = {}

    def add(self, frame: int, notes: Iterable[str]) -> None:
        """Add the notes of a frame."""
        for note in notes:
            kind = re.sub(r"[0-9][0-9.]*", "#", note)
            first_frame, first, differs = self._found.get(kind, (frame, note, False))
            self._found[kind] = first_frame, first, differs or note != first

    @property
    def texts(self) -> list[str]:
        """The notes, in the order in which they were met first."""
        return [
            f"frame {frame}: {note} (other frames: other numbers)" if differs else note
            for frame, note, differs in self._found.values()
        ]


class FrameResults:
    """The results of a recipe for the frames of an input.

    Attributes
    ----------
    stopped : Failure, Skipped or None
        Set when it fails, or its output has appeared meanwhile; then it takes no more frames.
    """

    def __init__(
        self,
        source: Source,
        recipe: Recipe,
        destination: Destination,
        container: Container,
        locate: Locate,
        *,
        skip_existing: bool,
    ) -> None:
        self.stopped: Failure | Skipped | None = None
        self._stop = partial(event_of_error, source=source, skip_existing=skip_existing)
        self._source = source
        self._recipe = recipe
        self._destination = destination
        self._container = container
        self._locate = locate
        self._format: OutputFormat | None = destination.format
        self._target: str | None = destination.output
        self._encoder: FrameEncoder | None = None
        self._notes = FrameNotes()
        self._first: Finished | None = None  # without its record
        self._record: dict[str, Any] = {}
        self._values = 0
        self._seconds = 0.0
        try:
            if self._format is not None:
                check_holds_frames(self._format, container, self._target_name)
        except OutputError as error:
            self.stopped = self._stop(error)

    @property
    def _target_name(self) -> str:
        if self._target == STREAM:
            return "standard output"
        return self._source.display_name if self._target is None else self._target

    def add(self, picture: Picture, info: FrameInfo, frame: int) -> None:
        """Apply the recipe to a frame of that number."""
        if self.stopped is not None:
            return
        started = time.perf_counter()
        try:
            if self._first is None:
                container = self._container.format
                if container == OutputFormat.AVIF and picture.alpha is not None:
                    container = OutputFormat.PNG  # an AVIF would be written without alpha
                self._format, self._target = self._locate(self._recipe, picture.kind, container)
            with interruptible():
                result = self._recipe.run(picture, wants_numbers(self._recipe, picture.kind, self._format))
                notes = (*result.notes, *self._encode(result.picture, info))
        except (ConvcliError, MemoryError) as error:
            self.stopped = self._stop(error, where=f"frame {frame}: ")
            self._encoder = None
            return
        self._notes.add(frame, notes)
        values = result.picture.pixels.size
        self._record = _merged(self._record, self._values, result.record, values)
        self._values += values
        if self._first is None:  # only a single picture can be printed
            matrix = result.picture if self._format is PRINTED else None
            self._first = Finished({}, matrix, result.summary, is_amplified=result.is_amplified)
        if result.is_saturation_noted:
            self._first = self._first._replace(is_saturation_noted=True)
        self._seconds += time.perf_counter() - started

    def _encode(self, picture: Picture, info: FrameInfo) -> tuple[str, ...]:
        """Encode the result of a frame and return notes about what is not kept."""
        if self._format is PRINTED:
            return ()
        if self._encoder is None:
            check_holds_frames(self._format, self._container, self._target_name)
            self._encoder = FrameEncoder(
                self._format,
                self._container,
                self._target_name,
                png_level=self._destination.png_level,
                jobs=self._destination.jobs,
            )
        return self._encoder.add(picture, info)

    def finish(self, store: Store) -> list[Note | Failure | Skipped | Finished]:
        """Write the file and return what is reported."""
        started = time.perf_counter()
        notes: tuple[str, ...] = ()
        content: Sequence[bytes | memoryview] = ()
        try:
            if self.stopped is None:
                with interruptible():
                    if self._encoder is not None:
                        content = self._encoder.finish()
                notes = self._destination.notes_on_compression(self._format)
                notes += store(self._target, content)
        except (ConvcliError, MemoryError) as error:
            self.stopped = self._stop(error)
        if self.stopped is not None or self._first is None:
            return [] if self.stopped is None else [self.stopped]
        seconds = round(self._seconds + time.perf_counter() - started, 6)
        record = {
            "input": redacted(self._source.name),
            "output": self._target,
            **self._record,
            "frames": self._container.count,
            "seconds": seconds,
        }
        return [*map(Note, (*self._notes.texts, *notes)), self._first._replace(record=record)]


def _merged(
    record: Mapping[str, Any], count: int, other: Mapping[str, Any], other_count: int
) -> dict[str, Any]:
    """Return the record of two groups of values, given their numbers; sizes are those of the first."""
    if not count:
        return dict(other)
    merged = dict(record)
    for key, combine in COMBINED.items():
        found = [part[key] for part in (record, other) if part.get(key) is not None]
        if found:
            merged[key] = combine(found)
    sizes = [(part["mean"], size) for part, size in ((record, count), (other, other_count)) if "mean" in part]
    known = [(mean, size) for mean, size in sizes if mean is not None]
    if known:
        merged["mean"] = sum(mean * size for mean, size in known) / sum(size for _, size in known)
    return merged
