"""Where results go: the options that say it, the formats that suit, and what must not be overwritten."""

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from string import Formatter

from convcli.backgrounds import Color, parse_color
from convcli.cli.inputs import Source
from convcli.cli.output import output_is_terminal
from convcli.cli.standard_input import STANDARD_INPUT, STREAM
from convcli.encoding import FileFormat, format_named, format_of
from convcli.errors import OutputError, UsageError, reason, suggestion
from convcli.files import INPUT, Identities, check_target, write_atomically
from convcli.pictures import Kind

__all__ = ["PRINTED", "Destination", "Outputs", "check_name", "destination", "make_folder", "natural_format"]

NAME = "{stem}-{filter}.{ext}"  # of an output, unless --name says otherwise
FIELDS = ("stem", "filter", "ext", "name")
STANDARD_OUTPUT = "/dev/stdout"  # by a name that leads to its file
PRINTED = None  # the format of a result that is printed as a matrix


@dataclass(frozen=True)
class Destination:
    """Where results go.

    Attributes
    ----------
    output : str or None
        The only output.
    folder : Path or None
        Of the outputs whose names are derived.
    name : str
        By what they are derived, as `NAME`.
    format : FileFormat or None
    force, skip_existing : bool
        Replace files that exist, or leave them and their inputs alone.
    json : bool
    png_level, jobs : int or None
    background : (int, int, int) or None
        The colour that transparent pictures are laid over.
    option : str
        What the name was given by.
    name_width : int
        Columns of a terminal that names of outputs are given, where a person reads them.
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
        """Return the path of an output: the only one's, or a derived one."""
        if self.output is not None:
            return self.output
        file = Path("stdin" if source.name == STREAM else source.name)
        name = self.name.format(stem=file.stem, name=file.name, filter=_safe(label), ext=extension)
        if ".." in Path(name).parts:
            raise UsageError(
                f"{self.option} {self.name!r}", f"leads out of the folder for {source.shown}: {name}"
            )
        return str(Path(self.folder or "", source.below, name))


def _safe(label: str) -> str:
    """Make a filter's text fit for a file name."""
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
    """Check the options that say where results go; `option` is what the output was given by.

    Raises
    ------
    UsageError
        They contradict each other, or name an unknown format.
    """
    chosen = None if file_format is None else format_named(file_format)
    if output == "":
        raise UsageError(option, "is an empty name")
    if output is not None and _is_standard_output(output):
        output = STREAM
    if output is not None and output != STREAM and (output.endswith("/") or os.path.isdir(output)):  # noqa: PTH112 -- a name may be too long
        instead = "to write into it take --out-dir" if option == "-o" else "give the name of a file in it"
        raise UsageError(output, f"is a folder; {instead}")
    for other, given in (("--out-dir", out_dir), ("--name", name)):
        if output is not None and given is not None:
            raise UsageError(other, f"names are derived there; leave -o out, or {other}")
    if skip_existing and (force or output is not None):
        raise UsageError("--skip-existing", f"does not go with {'--force' if force else '-o'}")
    if output == STREAM:
        chosen = chosen or FileFormat.PNG
        if json:
            raise UsageError("--json", f"goes to standard output, as {option} - does; write to a file")
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
        raise UsageError("--png-level", f"is for png; the output is {chosen}")
    folder = None if out_dir is None else Path(out_dir)
    colour = None if background is None else parse_color(background, "--background")
    return Destination(
        output, folder, name or NAME, chosen, force, skip_existing, json, png_level, jobs, colour
    )


def _is_standard_output(output: str) -> bool:
    """Whether a name, as /dev/stdout, leads where standard output does."""
    try:
        return os.path.samestat(os.stat(output), os.fstat(1))  # noqa: PTH116
    except (OSError, ValueError):
        return False


def _format_by_name(
    name: str | None, chosen: FileFormat | None, file_format: str | None
) -> FileFormat | None:
    """Return the format of an output of that name, which must be that of --format if there is one."""
    if name is None:
        return chosen
    if chosen is None:
        return format_of(name)
    implied = chosen
    with suppress(UsageError):  # an extension that is unknown says nothing against --format
        implied = format_of(name)
    if implied != chosen:
        raise UsageError(name, f"ends in {Path(name).suffix}, but --format says {file_format}")
    return chosen


def check_name(name: str, option: str = "--name") -> None:
    """Check a template of names.

    Raises
    ------
    UsageError
        It has unknown fields, gives all outputs one name, or leads out of the folder.
    """
    try:
        parts = list(Formatter().parse(name))
    except ValueError as error:
        raise UsageError(f"{option} {name!r}", f"{error}; as in {NAME}") from None
    for _, field, form, conversion in parts:
        if field is not None and field not in FIELDS:
            raise UsageError(f"{option} {name!r}", f"there is no {{{field}}}; {suggestion(field, FIELDS)}")
        if form or conversion:
            raise UsageError(f"{option} {name!r}", "takes fields alone, without : or !")
    fixed = Path(name)
    if name.endswith("/") or fixed.is_absolute() or ".." in fixed.parts or "\0" in name:
        raise UsageError(f"{option} {name!r}", "must be a file name, in folders below --out-dir at most")
    if not any(field in ("stem", "name") for _, field, _, _ in parts):
        raise UsageError(f"{option} {name!r}", "gives all outputs one name; put {stem} into it")


class Outputs:
    """The outputs of a run, none of which is a file that it reads."""

    def __init__(self, where: Destination, files_read: Iterable[str]) -> None:
        self.where = where
        self.files_read = Identities(STANDARD_INPUT if name == STREAM else name for name in files_read)

    def check(self, target: str) -> None:
        """Refuse a target that must not be written."""
        if target != STREAM:
            check_target(target, self.files_read, replace=self.where.force)
        elif Path(STANDARD_OUTPUT).is_file() and STANDARD_OUTPUT in self.files_read:
            raise OutputError("standard output", INPUT)

    def write(self, target: str, content: Sequence[bytes | memoryview]) -> None:
        """Write the parts of a file to a checked target."""
        write_atomically(
            target,
            lambda stream: stream.writelines(content),
            replace=self.where.force,
            inputs=self.files_read,
        )


def make_folder(folder: Path) -> None:
    """Make a folder for outputs, unless it is there.

    Raises
    ------
    OutputError
        It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = "is no folder" if isinstance(error, FileExistsError) else reason(error)
        raise OutputError(str(folder), why) from None


def natural_format(kind: Kind, numbers: bool | None, *, to_folder: bool) -> FileFormat | None:
    """Return the format that suits an input where none was chosen."""
    if kind == Kind.TEXT:
        return FileFormat.CSV if to_folder else PRINTED
    if kind == Kind.PIXELS:
        return FileFormat.NPY if numbers else FileFormat.PNG
    if numbers is False:
        return FileFormat.PNG
    return FileFormat.TIFF if kind == Kind.NUMBERS else FileFormat.NPY
