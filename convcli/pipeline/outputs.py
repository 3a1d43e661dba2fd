"""Where results go: the output options, the formats, and the files that must not be overwritten."""

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from string import Formatter

from convcli.cli.terminal.output import output_is_terminal
from convcli.errors import OutputError, UsageError, describe_os_error, suggestion
from convcli.files.atomic import INPUT_MESSAGE, check_target, write_atomically
from convcli.files.identity import FileIds
from convcli.files.streams import STANDARD_INPUT, STREAM
from convcli.pictures.backgrounds import Color, parse_color
from convcli.pictures.formats.file_formats import FileFormat, format_for_path, parse_format
from convcli.pictures.picture import PictureKind
from convcli.pipeline.inputs import Source

__all__ = ["PRINTED", "Destination", "Outputs", "check_name", "destination", "make_folder", "natural_format"]

NAME = "{stem}-{filter}.{ext}"  # the default of --name
FIELDS = ("stem", "filter", "ext", "name")
STANDARD_OUTPUT = "/dev/stdout"  # a name that resolves to its file
PRINTED = None  # the format of a result that is printed as a matrix


@dataclass(frozen=True)
class Destination:
    """Where results go.

    Attributes
    ----------
    output : str or None
        The output, if there is a single one.
    folder : Path or None
        Folder of the outputs with derived names.
    name : str
        Template of the derived names, as `NAME`.
    format : FileFormat or None
    force, skip_existing : bool
        Overwrite existing files, or skip their inputs.
    json : bool
    png_level, jobs : int or None
    background : (int, int, int) or None
        The color that replaces transparency.
    option : str
        The option that gave the name.
    name_width : int
        Columns that names of outputs are padded to on a terminal.
    """

    output: str | None
    folder: Path | None
    name: str
    format: FileFormat | None
    force: bool
    skip_existing: bool
    json: bool
    png_level: int | None
    jobs: int | None
    background: Color | None
    option: str = "--name"
    name_width: int = 0

    def path(self, source: Source, label: str, extension: str) -> str:
        """Return the path of an output: the given one, or a derived one."""
        if self.output is not None:
            return self.output
        file = Path("stdin" if source.name == STREAM else source.name)
        name = self.name.format(stem=file.stem, name=file.name, filter=_safe(label), ext=extension)
        if ".." in Path(name).parts:
            raise UsageError(
                f"{self.option} {self.name!r}",
                f"leads out of the output folder for {source.shown}: {name}; leave out ..",
            )
        return str(Path(self.folder or "", source.below, name))


def _safe(label: str) -> str:
    """Replace the characters of a filter's text that do not belong in file names."""
    return label.replace(":", "-").replace(",", "-").replace("/", "_")


def destination(
    output: str | None,
    out_dir: str | None,
    file_format: str | None,
    *,
    name: str | None = None,
    force: bool,
    skip_existing: bool = False,
    json: bool,
    png_level: int | None,
    jobs: int | None,
    background: str | None = None,
    option: str = "-o",
) -> Destination:
    """Check the output options; `option` is the one that `output` comes from.

    Raises
    ------
    UsageError
        The options contradict each other, or name an unknown format.
    """
    chosen = None if file_format is None else parse_format(file_format)
    if output == "":
        raise UsageError(option, "has an empty file name")
    if output is not None and _is_standard_output(output):
        output = STREAM
    if output is not None and output != STREAM and (output.endswith("/") or os.path.isdir(output)):  # noqa: PTH112 -- a name may be too long
        instead = "use --out-dir to write into it" if option == "-o" else "give the name of a file in it"
        raise UsageError(output, f"is a folder; {instead}")
    for other, given in (("--out-dir", out_dir), ("--name", name)):
        if output is not None and given is not None:
            raise UsageError(other, "is for derived names, but -o names the output; leave one of them out")
    if skip_existing and (force or output is not None):
        raise UsageError("--skip-existing", f"does not go with {'--force' if force else '-o'}")
    if output == STREAM:
        chosen = chosen or FileFormat.PNG
        if json:
            raise UsageError(
                "--json", f"writes to standard output, and so does {option} -; write the result to a file"
            )
        if output_is_terminal() and not chosen.text:
            raise UsageError(
                f"{option} -", f"{chosen} is not for a terminal; redirect it, or add --format csv"
            )
    else:
        chosen = _format_by_name(output, chosen, file_format)
    if name is not None:
        check_name(name)
        if not name.endswith(".{ext}"):
            chosen = _format_by_name(name, chosen, file_format)
    if png_level is not None and chosen not in (None, FileFormat.PNG):
        raise UsageError("--png-level", f"is for PNG files, but the output is {chosen}")
    folder = None if out_dir is None else Path(out_dir)
    color = None if background is None else parse_color(background, "--background")
    return Destination(
        output, folder, name or NAME, chosen, force, skip_existing, json, png_level, jobs, color
    )


def _is_standard_output(output: str) -> bool:
    """Whether a name, such as /dev/stdout, refers to the same file as standard output."""
    try:
        return os.path.samestat(os.stat(output), os.fstat(1))  # noqa: PTH116
    except (OSError, ValueError):
        return False


def _format_by_name(
    name: str | None, chosen: FileFormat | None, file_format: str | None
) -> FileFormat | None:
    """Return the format of an output of that name; it must not contradict --format."""
    if name is None:
        return chosen
    if chosen is None:
        return format_for_path(name)
    implied = chosen
    with suppress(UsageError):  # an unknown extension does not contradict --format
        implied = format_for_path(name)
    if implied != chosen:
        raise UsageError(
            name,
            f"ends in {Path(name).suffix}, but --format is {file_format}; change one of them",
        )
    return chosen


def check_name(name: str, option: str = "--name") -> None:
    """Check a template of names.

    Raises
    ------
    UsageError
        It has unknown fields, gives all outputs the same name, or leads out of the folder.
    """
    try:
        parts = list(Formatter().parse(name))
    except ValueError as error:
        raise UsageError(f"{option} {name!r}", f"{error}; as in {NAME}") from None
    for _, field, form, conversion in parts:
        if field is not None and field not in FIELDS:
            raise UsageError(f"{option} {name!r}", f"unknown field {{{field}}}; {suggestion(field, FIELDS)}")
        if form or conversion:
            raise UsageError(f"{option} {name!r}", "fields take no : or !; write just {stem}")
    fixed = Path(name)
    if name.endswith("/") or fixed.is_absolute() or ".." in fixed.parts or "\0" in name:
        raise UsageError(
            f"{option} {name!r}", "must be a file name inside --out-dir, without .. or a leading /"
        )
    if not any(field in ("stem", "name") for _, field, _, _ in parts):
        raise UsageError(f"{option} {name!r}", "gives all outputs the same name; add {stem}")


class Outputs:
    """The outputs of a run; none of them may be a file that the run reads."""

    def __init__(self, where: Destination, files_read: Iterable[str]) -> None:
        self.where = where
        self.files_read = FileIds(STANDARD_INPUT if name == STREAM else name for name in files_read)

    def check(self, target: str) -> None:
        """Refuse a target that must not be written."""
        if target != STREAM:
            check_target(target, self.files_read, replace=self.where.force)
        elif Path(STANDARD_OUTPUT).is_file() and STANDARD_OUTPUT in self.files_read:
            raise OutputError("standard output", INPUT_MESSAGE)

    def write(self, target: str, content: Sequence[bytes | memoryview]) -> None:
        """Write the parts of a file to a checked target."""
        write_atomically(
            target,
            lambda stream: stream.writelines(content),
            replace=self.where.force,
            inputs=self.files_read,
        )


def make_folder(folder: Path) -> None:
    """Create a folder for outputs, unless it exists.

    Raises
    ------
    OutputError
        The folder cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = "is not a folder" if isinstance(error, FileExistsError) else describe_os_error(error)
        raise OutputError(str(folder), why) from None


def natural_format(kind: PictureKind, numbers: bool | None, *, to_folder: bool) -> FileFormat | None:
    """Return the output format for a kind of input if none was chosen."""
    if kind == PictureKind.TEXT:
        return FileFormat.CSV if to_folder else PRINTED
    if kind == PictureKind.PIXELS:
        return FileFormat.NPY if numbers else FileFormat.PNG
    if numbers is False:
        return FileFormat.PNG
    return FileFormat.TIFF if kind == PictureKind.NUMBERS else FileFormat.NPY
