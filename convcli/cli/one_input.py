"""One input of a batch, and what is done with it: in whatever process, nothing is printed here."""

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from convcli.backgrounds import flattened
from convcli.cli.destinations import PRINTED, Destination, Outputs, make_folder, natural_format
from convcli.cli.inputs import Source
from convcli.cli.output import json_line, write_bytes
from convcli.cli.reading import Reading
from convcli.cli.reports import answer
from convcli.cli.standard_input import STREAM
from convcli.encoding import FileFormat, check_holds, encoded
from convcli.errors import ConvcliError, OutputError, SizeError
from convcli.limits import ResultBytes, Size
from convcli.pictures import Kind, Picture

if TYPE_CHECKING:
    from convcli.cli.previews import Preview

__all__ = ["OneInput", "Operation", "Outcome", "Told", "candidates", "room_for"]


NO_MEMORY = "there is not enough memory for it"
# Bytes that encoders take for each number, where they are more than those of the file: measured.
ENCODING: dict[FileFormat | None, int] = {
    FileFormat.CSV: 90,
    FileFormat.TXT: 90,
    FileFormat.WEBP: 32,
    FileFormat.AVIF: 16,
    FileFormat.TIFF: 12,
}


@dataclass(frozen=True, eq=False)
class Outcome:
    """What an operation makes of a picture: what is to be written, and what is to be said of it."""

    picture: Picture
    facts: Mapping[str, object]
    notes: tuple[str, ...] = ()
    summary: str | None = None  # what a person is told of it; None: its numbers


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
    result_size : callable
        Returns the size of the result of a picture's; raises `SizeError` where there is none.
    between : int
        Bytes that are held for each number of the result while it is made.
    itemsize : int
        Bytes of each number of a result that is made of numbers of at most 4 bytes.
    where : Destination or None
        Where its results go, if not where all others do.
    maps : tuple of str
        Names of the maps of a result, where it has several that have names.
    """

    label: str
    run: Callable[[Picture, bool], Outcome]
    result_size: Callable[[Size], Size]
    numbers: bool | None = None
    between: int = 0
    itemsize: int = 4
    where: Destination | None = None
    maps: tuple[str, ...] = ()

    def goes(self, usual: Destination) -> Destination:
        """Return where its results go, where those of all others go to the usual place."""
        return self.where or usual


def room_for(operations: Sequence[Operation], file_format: FileFormat | None) -> ResultBytes:
    """Return what tells how many bytes the largest of the results takes, and the file that is made of it."""

    def room(size: Size, itemsize: int, numbers: bool) -> int:
        def taken(one: Operation) -> int:
            try:
                made = prod(one.result_size(size))
            except SizeError:  # which is said when it is tried
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
class Told:
    """What became of an input, and what is to be said of it: it may have been done by another process."""

    failed: bool = False
    skipped: bool = False
    messages: list[tuple[str, object]] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    matrices: bool = False  # answers are matrices, which are parted by empty lines

    def fail(self, source: Source, why: object, *, json: bool, output: str | None = None) -> None:
        """Tell of a failure: it is that of an output, where one is named, else of the input."""
        self.failed = True
        self.messages.append((output or source.shown, str(why)))
        if json:
            self.answers.append(json_line({"input": source.name, "output": output, "error": str(why)}))


def candidates(source: Source, operation: Operation, where: Destination) -> list[str]:
    """Return the outputs that may come of an input: what it holds, the name of a file does not tell."""
    formats = {where.format}
    if where.format is None:
        to_folder = where.folder is not None
        formats = {natural_format(kind, operation.numbers, to_folder=to_folder) for kind in Kind}
    return [where.path(source, operation.label, one.extension) for one in formats if one is not PRINTED]


class OneInput:
    """One input, and what is done with it."""

    def __init__(
        self,
        source: Source,
        operations: Sequence[Operation],
        outputs: Outputs,
        reading: Reading,
        preview: "Preview | None" = None,
    ) -> None:
        self.source = source
        self.reading = reading
        self.operations = operations
        self.outputs = outputs
        self.preview = preview
        self.where = outputs.where
        self.told = Told()

    def done(self) -> Told:
        """Do everything, and tell of it."""
        if self.source.trouble:
            self._fail(self.source.trouble)
            return self.told
        waiting = [operation for operation in self.operations if not self._skips(operation)]
        if not waiting:
            self.told.skipped = True
            return self.told
        try:
            for operation in waiting:
                self._check(operation.goes(self.where).output)  # before an input is decoded for nothing
            picture, notes = self._loaded()
        except ConvcliError as error:
            self._fail(error.why, output=error.what if isinstance(error, OutputError) else None)
            return self.told
        except MemoryError:
            self._fail(NO_MEMORY)
            return self.told
        pictures = [picture] * len(waiting)  # one for each to take: the last leaves none
        del picture
        for operation in waiting:
            if self._attempt(operation, pictures, notes):
                notes = ()
        return self.told

    def _loaded(self) -> tuple[Picture, tuple[str, ...]]:
        """Return the picture, over a colour if there is to be one, and what is to be said of it."""
        picture = self.reading.load(self.source.name)
        if self.where.background is None or picture.alpha is None:
            return picture, picture.notes
        flat = flattened(picture, self.where.background)
        return flat, (*picture.notes, *flat.notes)

    def _check(self, target: str | None) -> None:
        if target is not None:
            self.outputs.check(target)

    def _fail(self, why: object, output: str | None = None) -> None:
        self.told.fail(self.source, why, json=self.where.json, output=output)

    def _note(self, notes: Iterable[str]) -> None:
        self.told.messages += [("note", f"{self.source.shown}: {note}") for note in notes]

    def _skips(self, operation: Operation) -> bool:
        """Whether the output of an operation exists, and is to be left alone."""
        if not self.where.skip_existing:
            return False
        expected = candidates(self.source, operation, operation.goes(self.where))
        path = next(filter(os.path.lexists, expected), None)
        if path is not None and self.where.json:
            record = {"input": self.source.name, "output": path, "skipped": True}
            self.told.answers.append(json_line(record))
        return path is not None

    def _attempt(self, operation: Operation, pictures: list[Picture], notes: tuple[str, ...]) -> bool:
        """Do one thing with the picture, and return whether it was done: only then its notes matter."""
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
            else:  # it is wrong with this input
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

    def _target(self, operation: Operation, picture: Picture) -> tuple[FileFormat | None, str | None]:
        """Return the format and name of the output; no format and no name for a matrix that is printed."""
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
        self, operation: Operation, picture: Picture, file_format: FileFormat | None, target: str | None
    ) -> Iterable[str]:
        """Write the result where it belongs and return what could not be kept; a printed one is told."""
        if file_format is PRINTED or target is None:
            return ()
        name = "standard output" if target == STREAM else target
        where = operation.goes(self.where)
        dropped = check_holds(picture, file_format, name)
        content = encoded(picture, file_format, name, png_level=where.png_level, jobs=where.jobs)
        if target == STREAM:
            write_bytes(content)
        else:
            self.outputs.write(target, content)
        return dropped


def _is_numeric(file_format: FileFormat | None) -> bool:
    return file_format is not PRINTED and file_format.numeric


def _wants_numbers(operation: Operation, picture: Picture, file_format: FileFormat | None) -> bool:
    if operation.numbers is not None:
        return operation.numbers
    if file_format is PRINTED or file_format.numeric:
        return True
    return file_format == FileFormat.TIFF and picture.kind != Kind.PIXELS
