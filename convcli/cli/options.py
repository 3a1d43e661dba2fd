"""Options that several commands share."""

from collections.abc import Mapping
from typing import Annotated

import typer

from convcli.cli.offers import borders, networks, words_of
from convcli.errors import UsageError

__all__ = [
    "Angle",
    "Background",
    "BorderOption",
    "ByBlock",
    "CeilOption",
    "CsvOption",
    "Dilation",
    "Expect",
    "Files0From",
    "FilterSize",
    "Force",
    "FormatOption",
    "Frame",
    "InputSize",
    "JobsOption",
    "JsonOption",
    "MarkdownOption",
    "MaxMemory",
    "MaxPixels",
    "NameOption",
    "OptionalPadding",
    "OptionalStride",
    "OutDir",
    "OutputChannels",
    "OutputOption",
    "PaddingOption",
    "PngLevel",
    "PreviewAs",
    "PreviewOption",
    "Recursive",
    "SizeOption",
    "SkipExisting",
    "SpecArgument",
    "Stride",
    "check_apart",
    "check_least",
    "check_workload",
]

InputSize = Annotated[
    str | None, typer.Option("-n", "--n", "--input-size", help="Input size: n, HxW or HxWxC.", metavar="SIZE")
]
FilterSize = Annotated[
    str | None, typer.Option("-f", "--f", "--filter-size", help="Filter size: f or HxW.", metavar="SIZE")
]
_PADDING = typer.Option(
    "-p",
    "--p",
    "--padding",
    help="valid, same, a number, AxB (vertical x horizontal) or T:BxL:R.",
    metavar="AMOUNT",
    autocompletion=words_of("convcli.size_texts:NamedPadding"),
)
_STRIDE = typer.Option("-s", "--s", "--stride", help="Step of the window: s or AxB.", metavar="STEP")
PaddingOption = Annotated[str, _PADDING]
BorderOption = Annotated[
    str,
    typer.Option(
        "--border",
        help="zero, constant:V, edge, reflect, symmetric or wrap.",
        metavar="BORDER",
        autocompletion=borders,
    ),
]
Stride = Annotated[str, _STRIDE]
OptionalPadding = Annotated[str | None, _PADDING]
OptionalStride = Annotated[str | None, _STRIDE]
Angle = Annotated[
    str | None,
    typer.Option(
        "--angle",
        help="Direction in which brightness changes, across the edge: 0 along x, growing counter-clockwise. "
        "Of a pair as sobel its signed derivative is taken.",
        metavar="DEGREES",
    ),
]
SizeOption = Annotated[
    str | None, typer.Option("--size", help="Side of the filter, where it has several.", metavar="SIDE")
]
Dilation = Annotated[
    str, typer.Option("-d", "--d", "--dilation", help="Distance between taps: d or AxB.", metavar="STEP")
]
OutputChannels = Annotated[
    str | None, typer.Option("--c-out", help="Number of filters: channels of the output.", metavar="COUNT")
]
CeilOption = Annotated[
    bool, typer.Option("--ceil", help="Round the output size up; a last window holds fewer pixels.")
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print the complete answer as JSON, one line an output.")
]
OutputOption = Annotated[
    str | None,
    typer.Option(
        "-o",
        "--output",
        help="Output file, its extension says the format; - is standard output.",
        metavar="FILE",
    ),
]
OutDir = Annotated[
    str | None, typer.Option("--out-dir", help="Folder for derived names; made if missing.", metavar="DIR")
]
NameOption = Annotated[
    str | None,
    typer.Option(
        "--name",
        help="Derived names: {stem}-{filter}.{ext} unless given; {name} is IMAGE's own.",
        metavar="TEXT",
    ),
]
Recursive = Annotated[
    bool, typer.Option("--recursive", help="Take all pictures in folders; --out-dir gets the same folders.")
]
Files0From = Annotated[
    str | None,
    typer.Option(
        "--files0-from",
        help="Names, each ended by a zero byte, from a file or - (find -print0).",
        metavar="FILE",
    ),
]
SkipExisting = Annotated[
    bool, typer.Option("--skip-existing", help="Leave out what has been done: its output exists.")
]
MaxPixels = Annotated[
    str | None,
    typer.Option("--max-pixels", help="Refuse larger pictures; 268M unless given.", metavar="COUNT"),
]
MaxMemory = Annotated[
    str | None,
    typer.Option(
        "--max-memory",
        help="Refuse what would take more bytes, as in 2G; what is free unless given.",
        metavar="BYTES",
    ),
]
Frame = Annotated[
    int | None,
    typer.Option("--frame", help="Of an animation or of several pages, from 0.", metavar="NUMBER"),
]
Background = Annotated[
    str | None,
    typer.Option(
        "--background",
        help="Lay transparent pictures over a colour, as in white or #ff8800; for files without alpha.",
        metavar="COLOUR",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace existing files.")]
FormatOption = Annotated[
    str | None,
    typer.Option(
        "--format",
        help="png, jpeg, tiff, webp, bmp, pnm, avif, npy, csv or txt.",
        metavar="FORMAT",
        autocompletion=words_of("convcli.encoding:FileFormat"),
    ),
]
JobsOption = Annotated[
    int | None,
    typer.Option(
        "-j", "--jobs", help="Processors to use; all that may be used unless given.", metavar="COUNT"
    ),
]
PngLevel = Annotated[
    int | None,
    typer.Option(
        "--png-level", help="0 to 9: smaller and slower PNG files; fast unless given.", metavar="LEVEL"
    ),
]
PreviewOption = Annotated[
    bool, typer.Option("--preview", help="Show the result beside the input, if this is a terminal.")
]
PreviewAs = Annotated[
    str | None,
    typer.Option(
        "--preview-as",
        help="Show it as kitty, iterm2, sixel, truecolor, 256 or ascii; the best there is unless given.",
        metavar="MEANS",
        autocompletion=words_of("convcli.cli.terminals:Means"),
    ),
]
SpecArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[NETWORK]",
        show_default=False,
        help="Layers in quotes (convcli help layers), a .net file, - for standard input, or the name of a "
        "shipped network.",
        autocompletion=networks,
    ),
]
CsvOption = Annotated[bool, typer.Option("--csv", help="Print the table as comma-separated values.")]
MarkdownOption = Annotated[bool, typer.Option("--md", help="Print the table in Markdown.")]
ByBlock = Annotated[bool, typer.Option("--by-block", help="Fold repeats and branches: a row each.")]
Expect = Annotated[
    str | None,
    typer.Option("--expect", help="Fail (exit code 1) unless this is the output size.", metavar="SIZE"),
]


def check_apart(options: Mapping[str, object]) -> None:
    """Check that of these options one is given at most.

    Raises
    ------
    UsageError
        Two are.
    """
    given = [name for name, value in options.items() if value not in (None, False)]
    if len(given) > 1:
        raise UsageError(given[1], f"does not go with {given[0]}")


def check_least(option: str, number: int | None, least: int) -> None:
    """Check that a number, if it was given, is not too small.

    Raises
    ------
    UsageError
        It is.
    """
    if number is not None and number < least:
        raise UsageError(f"{option} {number}", f"must be a whole number, at least {least}")


def check_workload(jobs: int | None, png_level: int | None) -> None:
    """Check the numbers of --jobs and --png-level.

    Raises
    ------
    UsageError
        One is out of range.
    """
    check_least("--jobs", jobs, 1)
    if png_level is not None and not 0 <= png_level <= 9:
        raise UsageError(f"--png-level {png_level}", "must be a whole number from 0 to 9")
