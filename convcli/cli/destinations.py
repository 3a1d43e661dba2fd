"""Where results go: the options that say it, the formats that suit, and what must not be overwritten."""

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from convcli.cli.output import answer_is_shown
from convcli.errors import OutputError, UsageError
from convcli.files import check_target, write_atomically
from convcli.images import FileFormat, Kind, format_named, format_of

__all__ = ["PRINTED", "STREAM", "Destination", "Outputs", "destination", "natural_format"]

STREAM = "-"
PRINTED = None  # the format of a result that is printed as a matrix


@dataclass(frozen=True)
class Destination:
    """Where results go."""

    output: str | None
    folder: Path | None
    format: FileFormat | None
    force: bool
    json: bool
    png_level: int | None
    jobs: int | None


def destination(
    output: str | None,
    out_dir: str | None,
    file_format: str | None,
    *,
    force: bool,
    json: bool,
    png_level: int | None,
    jobs: int | None,
) -> Destination:
    """Check the options that say where results go.

    Raises
    ------
    UsageError
        They contradict each other, or name an unknown format.
    """
    chosen = None if file_format is None else format_named(file_format)
    if output is not None and output != STREAM and (output.endswith("/") or Path(output).is_dir()):
        raise UsageError(output, "is a folder; to write into it take --out-dir")
    if output is not None and out_dir is not None:
        raise UsageError("--out-dir", "names are derived there; leave -o out, or --out-dir")
    if output == STREAM:
        chosen = chosen or FileFormat.PNG
        if json:
            raise UsageError("--json", "goes to standard output, as -o - does; write to a file")
        if answer_is_shown() and not chosen.text:
            raise UsageError("-o -", f"{chosen} is not for a terminal; redirect it, or add --format csv")
    elif output is not None and chosen is None:
        chosen = format_of(output)
    elif output is not None:
        implied = chosen
        with suppress(UsageError):  # an extension that is unknown says nothing against --format
            implied = format_of(output)
        if implied != chosen:
            raise UsageError(output, f"ends in {Path(output).suffix}, but --format says {file_format}")
    if png_level is not None and chosen not in (None, FileFormat.PNG):
        raise UsageError("--png-level", f"is for png; the output is {chosen}")
    folder = None if out_dir is None else Path(out_dir)
    return Destination(output, folder, chosen, force, json, png_level, jobs)


class Outputs:
    """The outputs of a run: never one of the files that it reads, never one file under two names."""

    def __init__(self, where: Destination, files_read: Iterable[str]) -> None:
        self.where = where
        self.files_read = list(files_read)
        self.written: set[str] = set()

    def check(self, target: str) -> None:
        """Refuse a target that must not be written."""
        check_target(target, self.files_read, replace=self.where.force)
        if os.path.realpath(target) in self.written:
            raise OutputError(target, "is another name of a file that was just written")

    def write(self, target: str, content: Sequence[bytes | memoryview]) -> None:
        """Write the parts of a file to a checked target."""
        write_atomically(target, lambda stream: stream.writelines(content), replace=self.where.force)
        if not Path(target).is_char_device():
            self.written.add(os.path.realpath(target))


def natural_format(kind: Kind, numbers: bool | None, *, to_folder: bool) -> FileFormat | None:
    """Return the format that suits an input where none was chosen."""
    if kind == Kind.TEXT:
        return FileFormat.CSV if to_folder else PRINTED
    if kind == Kind.PIXELS:
        return FileFormat.NPY if numbers else FileFormat.PNG
    if numbers is False:
        return FileFormat.PNG
    return FileFormat.TIFF if kind == Kind.NUMBERS else FileFormat.NPY
