"""Where results go: names of outputs, the formats that suit them, and files that must not be replaced."""

import os
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from pathlib import Path
from typing import BinaryIO, NamedTuple

from convcli.errors import OutputError, UsageError, describe_os_error, suggestion
from convcli.files.atomic import INPUT_MESSAGE, check_target, write_atomically
from convcli.files.identity import FileIds
from convcli.files.opening import identifying_names, open_input
from convcli.files.streams import STREAM
from convcli.files.times import FileTimes, set_times
from convcli.files.urls import file_name, is_url, join_name, redacted
from convcli.pictures.formats.output_formats import TILED, OutputFormat
from convcli.pictures.picture import PictureKind
from convcli.pipeline.inputs import Source

__all__ = ["DEFAULT_NAME", "PRINTED", "Destination", "Outputs", "check_name", "make_folder"]

DEFAULT_NAME = "{stem}-{filter}.{ext}"  # the default of --name
FIELDS = ("stem", "filter", "ext", "name")
STANDARD_OUTPUT = "/dev/stdout"  # a name that resolves to its file
PRINTED = None  # the format of a result that is printed as a matrix


class Destination(NamedTuple):
    """Where results go.

    Attributes
    ----------
    output : str or None
        The only output; None if names are derived.
    folder : str, Path or None
        Folder of the outputs whose names are derived; it may be a URL.
    name : str
        Template of derived names, such as `DEFAULT_NAME`.
    format : OutputFormat or None
        None: as the input suggests.
    force, skip_existing : bool
        Replace existing files, or keep them and skip their inputs.
    png_level : int or None
        Compression of PNG files, 0 to 9.
    jobs : int or None
        Threads that encode a file.
    keep_time : bool
        Give each output the times of its input.
    tiled, pyramid : bool
        Write tiled files, TIFF unless the input is a .zarr; with smaller levels, too.
    option : str
        The option that gave the name, for messages.
    """

    output: str | None = None
    folder: str | Path | None = None
    name: str = DEFAULT_NAME
    format: OutputFormat | None = None
    force: bool = False
    skip_existing: bool = False
    png_level: int | None = None
    jobs: int | None = None
    keep_time: bool = False
    option: str = "--name"
    tiled: bool = False
    pyramid: bool = False

    def with_tiles(self, *, by_tiles: bool, pyramid: bool, prefix: str = "--") -> "Destination":
        """Return it for results that are written by tiles, or as pyramids, if that is asked for.

        Raises
        ------
        UsageError
            The format does not have tiles.
        """
        for option, given in (("by-tiles", by_tiles), ("pyramid", pyramid)):
            if given and (self.format not in (None, *TILED) or self.output == STREAM):
                name = f"--{option}" if prefix else option.replace("-", "_")
                what = "standard output" if self.output == STREAM else f"{self.format}"
                raise UsageError(name, f"writes a tiled TIFF or a .zarr, not {what}; as in edges.tif")
        return self._replace(tiled=by_tiles or pyramid, pyramid=pyramid)

    def for_source(self, source: Source) -> "Destination":
        """Return where the results of an input go, with the format if it does not depend on what is read."""
        if self.format is not None or not (self.tiled or source.is_zarr):
            return self
        return self._replace(format=OutputFormat.ZARR if source.is_zarr else OutputFormat.TIFF)

    def format_for(
        self, kind: PictureKind, as_numbers: bool | None, container: str = ""
    ) -> OutputFormat | None:
        """Return the format of the result for a kind of input; `PRINTED` for a matrix that is printed.

        Several frames stay in a container of the input's format if it can hold them.
        """
        if self.format is not None:
            return self.format
        if container == OutputFormat.NPY:
            return OutputFormat.TIFF if as_numbers is False else OutputFormat.NPY
        if container:
            keeps_numbers = container == OutputFormat.TIFF or not as_numbers
            return OutputFormat(container) if keeps_numbers else OutputFormat.NPY
        if kind == PictureKind.TEXT:
            return PRINTED if self.folder is None else OutputFormat.CSV
        if kind == PictureKind.PIXELS:
            return OutputFormat.NPY if as_numbers else OutputFormat.PNG
        if as_numbers is False:
            return OutputFormat.PNG
        return OutputFormat.TIFF if kind == PictureKind.NUMBERS else OutputFormat.NPY

    def notes_on_compression(self, file_format: OutputFormat | None) -> tuple[str, ...]:
        """Return a note if the compression of PNG files was chosen, but this is none."""
        if self.png_level is None or file_format == OutputFormat.PNG:
            return ()
        why = "the result is printed" if file_format is PRINTED else f"the output is {file_format}"
        return (f"--png-level has no effect, because {why}",)

    def path(self, source: Source, label: str, extension: str) -> str:
        """Return the path of an output.

        Raises
        ------
        UsageError
            The derived name leads out of the folder.
        """
        if self.output is not None:
            return self.output
        file = Path("stdin" if source.name == STREAM else file_name(source.name))
        name = self.name.format(
            stem=file.stem, name=file.name, filter=_without_separators(label), ext=extension
        )
        if ".." in Path(name).parts:
            raise UsageError(
                f"{self.option} {self.name!r}",
                f"leads out of the output folder for {source.display_name}: {name}; leave out ..",
            )
        return join_name(self.folder, source.subfolder, name)


def _without_separators(label: str) -> str:
    """Replace the characters of a filter's text that do not belong in file names."""
    return label.replace(":", "-").replace(",", "-").replace("/", "_")


def check_name(name: str, option: str = "--name") -> None:
    """Check a template of names.

    Raises
    ------
    UsageError
        It has unknown fields, gives all outputs the same name, or leads out of the folder.
    """
    from string import Formatter  # late: most names are derived by the default

    try:
        parts = list(Formatter().parse(name))
    except ValueError as error:
        raise UsageError(f"{option} {name!r}", f"{error}; as in {DEFAULT_NAME}") from None
    for _, field, format_spec, conversion in parts:
        if field is not None and field not in FIELDS:
            raise UsageError(f"{option} {name!r}", f"unknown field {{{field}}}; {suggestion(field, FIELDS)}")
        if format_spec or conversion:
            raise UsageError(f"{option} {name!r}", "fields take no : or !; write just {stem}")
    path = Path(name)
    if name.endswith("/") or path.is_absolute() or ".." in path.parts or "\0" in name:
        raise UsageError(
            f"{option} {name!r}", "must be a file name inside --out-dir, without .. or a leading /"
        )
    if not any(field in ("stem", "name") for _, field, _, _ in parts):
        raise UsageError(f"{option} {name!r}", "gives all outputs the same name; add {stem}")


class Outputs:
    """The outputs of a run; none of them may be a file that the run reads."""

    def __init__(self, destination: Destination, files_read: Iterable[str]) -> None:
        self.destination = destination
        self.files_read = FileIds(files_read)
        self.is_resumed = False  # whether a run that was killed may have written the outputs
        self._run = os.urandom(8).hex()  # what a process knows of folders is forgotten with the run

    def resuming(self) -> "Outputs":
        """Return the same outputs for a job that is done again: it may find what it wrote before."""
        outputs = copy(self)
        outputs.is_resumed = True
        return outputs

    def prepare(self, folder: str | Path) -> None:
        """Make the folder, or check that there is its store; with --skip-existing, list what is there.

        Raises
        ------
        OutputError
            The folder cannot be made, checked or listed.
        """
        make_folder(folder)
        if self.destination.skip_existing and is_url(folder):
            self.exists(join_name(folder, "", "-"), folder)

    def exists(self, path: str, folder: str | Path | None) -> bool:
        """Whether an output in a folder exists: objects are listed once, not looked for one by one.

        Raises
        ------
        OutputError
            They cannot be listed.
        """
        if not is_url(path):
            return os.path.lexists(path)
        from convcli.files.remote.listing import is_listed  # late: they load asyncio
        from convcli.files.remote.writing import object_exists

        names = identifying_names(path)
        try:
            if folder is None:
                return any(map(object_exists, names))
            return any(is_listed(name, str(folder), self._run) for name in names)
        except OSError as error:
            raise OutputError(redacted(str(folder or path)), describe_os_error(error)) from None

    def check(self, target: str | None) -> None:
        """Refuse a target that must not be written; None is a result that is printed."""
        if target is None:
            return
        if target != STREAM:
            # An object that was not listed is put only if it is new, so nothing needs to ask for it.
            replace = self.destination.force or (self.destination.skip_existing and is_url(target))
            replace = replace or self.is_resumed
            check_target(target, self.files_read, replace=replace)
        elif Path(STANDARD_OUTPUT).is_file() and STANDARD_OUTPUT in self.files_read:
            raise OutputError("standard output", INPUT_MESSAGE)

    def write(
        self, target: str, content: Sequence[bytes | memoryview], times: FileTimes | None = None
    ) -> tuple[str, ...]:
        """Write the parts of a file to a checked target, and return notes; `times` become its own."""
        if self.is_resumed and _holds(target, content):
            return ()
        return self._write(target, lambda stream: stream.writelines(content), times, is_large=False)

    def write_large(
        self, target: str, write: Callable[[BinaryIO], object], times: FileTimes | None
    ) -> tuple[str, ...]:
        """Do the same by a function that takes the open file and writes more than can be held."""
        return self._write(target, write, times, is_large=True)

    def _write(
        self, target: str, write: Callable[[BinaryIO], object], times: FileTimes | None, *, is_large: bool
    ) -> tuple[str, ...]:
        notes = []

        def write_content(stream: BinaryIO) -> None:
            write(stream)
            if times is not None:
                try:
                    set_times(stream, times)
                except OSError as error:
                    notes.append(f"{target} does not get its time: {describe_os_error(error)}")

        write_atomically(
            target,
            write_content,
            replace=self.destination.force,
            inputs=self.files_read,
            is_large=is_large,
        )
        return tuple(notes)


def _holds(target: str, content: Iterable[bytes | memoryview]) -> bool:
    """Whether a file has exactly this content."""
    try:
        with open_input(target) as stream:
            begins_so = all(stream.read(memoryview(part).nbytes) == part for part in content)
            return begins_so and not stream.read(1)
    except OSError:
        return False


def make_folder(folder: str | Path) -> None:
    """Create a folder for outputs, unless it exists; of a URL, only check that there is its store.

    Raises
    ------
    OutputError
        The folder cannot be created, or the store cannot be used.
    """
    try:
        if is_url(folder):
            from convcli.files.remote.writing import check_store  # late: it loads asyncio

            return check_store(str(folder))
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = "is not a folder" if isinstance(error, FileExistsError) else describe_os_error(error)
        raise OutputError(redacted(str(folder)), why) from None
