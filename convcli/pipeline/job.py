"""One input of a batch and the operations on it; runs in any process and prints nothing."""

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from convcli.cli.reports.results import answer
from convcli.cli.terminal.output import json_line
from convcli.errors import ConvcliError, OutputError, SizeError
from convcli.files.streams import STREAM, write_bytes
from convcli.pictures.backgrounds import flatten
from convcli.pictures.formats.encoding import encode
from convcli.pictures.formats.file_formats import FileFormat, check_holds
from convcli.pictures.limits import ResultBytes, Size
from convcli.pictures.picture import Picture, PictureKind
from convcli.pipeline.inputs import Source
from convcli.pipeline.outputs import PRINTED, Destination, Outputs, make_folder, natural_format
from convcli.pipeline.reading import ReadOptions
from convcli.pipeline.recipes.recipe import Recipe

if TYPE_CHECKING:
    from convcli.cli.terminal.previews import Preview


__all__ = ["Job", "Report", "candidate_outputs", "result_bytes"]


NO_MEMORY = "there is not enough memory for it"
# Bytes that encoders need per value, if more than in the file (measured).
ENCODING: dict[FileFormat | None, int] = {
    FileFormat.CSV: 90,
    FileFormat.TXT: 90,
    FileFormat.WEBP: 32,
    FileFormat.AVIF: 16,
    FileFormat.TIFF: 12,
}


def result_bytes(operations: Sequence[Recipe], file_format: FileFormat | None) -> ResultBytes:
    """Return a function that computes the bytes that the largest result and its file take."""

    def room(size: Size, itemsize: int, numbers: bool) -> int:
        def taken(one: Recipe) -> int:
            try:
                made = prod(one.result_size(size))
            except SizeError:  # reported when the operation runs
                return 0
            written = file_format if one.where is None else one.where.format
            as_numbers = numbers or _is_numeric(written) if one.numbers is None else one.numbers
            if as_numbers:
                each = max(one.itemsize if numbers else 4, 8 if itemsize > 4 else 4)
            else:
                each = 8 if itemsize > 4 else itemsize
            return made * (each + one.between + ENCODING.get(written, each))

        return max(map(taken, operations))

    return room


@dataclass
class Report:
    """The report on an input: whether it failed, and what to print. It can come from another process."""

    failed: bool = False
    skipped: bool = False
    messages: list[tuple[str, object]] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    matrices: bool = False  # answers are matrices, which are separated by empty lines

    def fail(self, source: Source, why: object, *, json: bool, output: str | None = None) -> None:
        """Report a failure, of the output if one is named, else of the input."""
        self.failed = True
        self.messages.append((output or source.shown, str(why)))
        if json:
            self.answers.append(json_line({"input": source.name, "output": output, "error": str(why)}))


def candidate_outputs(source: Source, operation: Recipe, where: Destination) -> list[str]:
    """Return the possible outputs of an input; which one it is depends on the content of the input."""
    formats = {where.format}
    if where.format is None:
        to_folder = where.folder is not None
        formats = {natural_format(kind, operation.numbers, to_folder=to_folder) for kind in PictureKind}
    return [where.path(source, operation.label, one.extension) for one in formats if one is not PRINTED]


class Job:
    """One input and the operations on it."""

    def __init__(
        self,
        source: Source,
        operations: Sequence[Recipe],
        outputs: Outputs,
        reading: ReadOptions,
        preview: "Preview | None" = None,
    ) -> None:
        self.source = source
        self.reading = reading
        self.operations = operations
        self.outputs = outputs
        self.preview = preview
        self.where = outputs.where
        self.told = Report()

    def done(self) -> Report:
        """Run all operations and return the report."""
        if self.source.trouble:
            self._fail(self.source.trouble)
            return self.told
        waiting = [operation for operation in self.operations if not self._skips(operation)]
        if not waiting:
            self.told.skipped = True
            return self.told
        try:
            for operation in waiting:
                self._check(operation.goes(self.where).output)  # before decoding the input in vain
            picture, notes = self._loaded()
        except ConvcliError as error:
            self._fail(error.why, output=error.what if isinstance(error, OutputError) else None)
            return self.told
        except MemoryError:
            self._fail(NO_MEMORY)
            return self.told
        pictures = [picture] * len(waiting)  # each operation takes one, so that the last frees the picture
        del picture
        for operation in waiting:
            if self._attempt(operation, pictures, notes):
                notes = ()
        return self.told

    def _loaded(self) -> tuple[Picture, tuple[str, ...]]:
        """Return the picture, on the background color if there is one, and notes on it."""
        picture = self.reading.load(self.source.name)
        if self.where.background is None or picture.alpha is None:
            return picture, picture.notes
        flat = flatten(picture, self.where.background)
        return flat, (*picture.notes, *flat.notes)

    def _check(self, target: str | None) -> None:
        if target is not None:
            self.outputs.check(target)

    def _fail(self, why: object, output: str | None = None) -> None:
        self.told.fail(self.source, why, json=self.where.json, output=output)

    def _note(self, notes: Iterable[str]) -> None:
        self.told.messages += [("note", f"{self.source.shown}: {note}") for note in notes]

    def _skips(self, operation: Recipe) -> bool:
        """Whether the output of an operation exists and has to be kept."""
        if not self.where.skip_existing:
            return False
        expected = candidate_outputs(self.source, operation, operation.goes(self.where))
        path = next(filter(os.path.lexists, expected), None)
        if path is not None and self.where.json:
            record = {"input": self.source.name, "output": path, "skipped": True}
            self.told.answers.append(json_line(record))
        return path is not None

    def _attempt(self, operation: Recipe, pictures: list[Picture], notes: tuple[str, ...]) -> bool:
        """Run one operation on the picture and return whether it succeeded; if not, its notes are dropped."""
        picture = pictures.pop()
        started = time.perf_counter()
        try:
            file_format, target = self._target(operation, picture)
            self._check(target)
            before = self.preview and self.preview.tile(self.source.name, picture)
            outcome = operation.run(picture, _wants_numbers(operation, picture, file_format))
            del picture
            notes += (*outcome.notes, *self._deliver(operation, outcome.picture, file_format, target))
        except ConvcliError as error:
            if isinstance(error, OutputError):
                self._fail(error.why, output=error.what)
            else:  # the input is at fault
                self._fail(error)
            return False
        except MemoryError:
            self._fail(NO_MEMORY)
            return False
        self._note(notes)
        seconds = round(time.perf_counter() - started, 6)
        record = {"input": self.source.name, "output": target, **outcome.facts, "seconds": seconds}
        answers = answer(record, outcome.picture, file_format, self.where, outcome.summary)
        if self.preview and before:
            shown = self.preview.beside(
                before, operation.label, outcome.picture, operation.maps, below=answers[0]
            )
            answers[0] = shown + answers[0]
        self.told.answers += answers
        self.told.matrices = file_format is PRINTED and not self.where.json
        return True

    def _target(self, operation: Recipe, picture: Picture) -> tuple[FileFormat | None, str | None]:
        """Return the format and name of the output, or neither for a matrix that is printed."""
        where = operation.goes(self.where)
        if where.output is not None:
            return where.format, where.output
        file_format = where.format
        if file_format is None:
            file_format = natural_format(picture.kind, operation.numbers, to_folder=where.folder is not None)
        if file_format is PRINTED:
            return PRINTED, None
        path = where.path(self.source, operation.label, file_format.extension)
        if Path(path).parent != (where.folder or Path()):
            make_folder(Path(path).parent)
        return file_format, path

    def _deliver(
        self, operation: Recipe, picture: Picture, file_format: FileFormat | None, target: str | None
    ) -> Iterable[str]:
        """Write the result, unless it is printed, and return notes on what the format cannot hold."""
        if file_format is PRINTED or target is None:
            return ()
        name = "standard output" if target == STREAM else target
        where = operation.goes(self.where)
        dropped = check_holds(picture, file_format, name)
        content = encode(picture, file_format, name, png_level=where.png_level, jobs=where.jobs)
        if target == STREAM:
            write_bytes(content)
        else:
            self.outputs.write(target, content)
        return dropped


def _is_numeric(file_format: FileFormat | None) -> bool:
    return file_format is not PRINTED and file_format.numeric


def _wants_numbers(operation: Recipe, picture: Picture, file_format: FileFormat | None) -> bool:
    if operation.numbers is not None:
        return operation.numbers
    if file_format is PRINTED or file_format.numeric:
        return True
    return file_format == FileFormat.TIFF and picture.kind != PictureKind.PIXELS
