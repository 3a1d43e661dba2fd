"""Options that several commands share, as annotated types: name, help text, heading, completion."""

from collections.abc import Mapping
from typing import Annotated

from convcli.cli.completion.completers import borders, enum_values, networks
from convcli.cli.options.parameters import Argument, Option
from convcli.cli.terminal.output import set_text_output
from convcli.errors import UsageError
from convcli.files.streams import STREAM

__all__ = [
    "CHECKS",
    "COSTS",
    "FILTER",
    "LARGE",
    "LAYER",
    "NETWORK",
    "OUTPUT",
    "PIXELS",
    "SINGLE_LAYER_ONLY",
    "WINDOW",
    "Angle",
    "Background",
    "BorderOption",
    "ByBlock",
    "CeilOption",
    "CsvOption",
    "Depth",
    "Dilation",
    "Expect",
    "FilterSize",
    "Force",
    "Frame",
    "Frames",
    "InputSize",
    "JsonOption",
    "MarkdownOption",
    "MaxMemory",
    "MaxPixels",
    "NetworkArgument",
    "OptionalPadding",
    "OptionalStride",
    "Order",
    "OutputChannels",
    "OutputOption",
    "PaddingOption",
    "PreviewAs",
    "PreviewOption",
    "SizeOption",
    "Stride",
    "TextOption",
    "apply_text_option",
    "check_exclusive",
    "check_minimum",
]

FILTER, WINDOW, PIXELS, LAYER, NETWORK, COSTS, CHECKS, OUTPUT, INPUT, LARGE, BATCH, DISPLAY = (
    "Filter", "Sliding window", "Pixels", "Layer", "Network", "Costs", "Checks", "Output", "Input",
    "Large pictures", "Batch", "Display",
)  # fmt: skip # headings of help pages; an option without one is listed first, as what everyone needs
SINGLE_LAYER_ONLY = "applies to a single layer, not to a network; leave out one of them"

InputSize = Annotated[
    str | None, Option("-n", "--n", "--input-size", help="Input size: n, HxW or HxWxC.", metavar="SIZE")
]
FilterSize = Annotated[
    str | None, Option("-f", "--f", "--filter-size", help="Filter size: f or HxW.", metavar="SIZE")
]
_PADDING = Option(
    "-p",
    "--p",
    "--padding",
    help="Padding: valid, same, a number, AxB (vertical x horizontal) or T:BxL:R.",
    metavar="AMOUNT",
    autocompletion=enum_values("convcli.sizes.text:NamedPadding"),
)
_STRIDE = Option("-s", "--s", "--stride", help="Stride, the step of the window: s or AxB.", metavar="STEP")
PaddingOption = Annotated[str, _PADDING]
BorderOption = Annotated[
    str,
    Option(
        "--border",
        help="What fills the padding: zero, constant:V, edge, reflect, symmetric or wrap.",
        metavar="BORDER",
        autocompletion=borders,
        rich_help_panel=WINDOW,
    ),
]
Stride = Annotated[str, _STRIDE]
OptionalPadding = Annotated[str | None, _PADDING]
OptionalStride = Annotated[str | None, _STRIDE]
Angle = Annotated[
    str | None,
    Option(
        "--angle",
        help="Direction of the derivative (across the edge), counter-clockwise from the x axis. sobel and "
        "other gradient magnitudes give one signed derivative.",
        metavar="DEGREES",
        rich_help_panel=FILTER,
    ),
]
SizeOption = Annotated[
    str | None,
    Option(
        "--size",
        help="Kernel size, for filters that come in several.",
        metavar="SIDE",
        rich_help_panel=FILTER,
    ),
]
Dilation = Annotated[
    str,
    Option(
        "-d",
        "--d",
        "--dilation",
        help="Dilation, the spacing of the kernel's coefficients: d or AxB.",
        metavar="STEP",
        rich_help_panel=WINDOW,
    ),
]
Order = Annotated[
    str | None,
    Option(
        "--order",
        help="Order of the axes of weights in a file: oihw (F, C, f, f; PyTorch) or hwio (f, f, C, F).",
        metavar="AXES",
        autocompletion=enum_values("convcli.kernels.weights:AxisOrder"),
        rich_help_panel=FILTER,
    ),
]
OutputChannels = Annotated[
    str | None,
    Option("--c-out", help="Number of filters, which are the output channels.", metavar="COUNT"),
]
CeilOption = Annotated[
    bool,
    Option(
        "--ceil",
        help="Round the output size up: the last window may extend past the edge.",
        rich_help_panel=WINDOW,
    ),
]
JsonOption = Annotated[
    bool,
    Option("--json", help="Print the complete answer as JSON, one line per output.", rich_help_panel=DISPLAY),
]
TextOption = Annotated[
    bool,
    Option(
        "--text",
        help="Print what a terminal would show, as plain text, even to a file or a pipe.",
        rich_help_panel=DISPLAY,
    ),
]
OutputOption = Annotated[
    str | None,
    Option(
        "-o",
        "--output",
        help="Output file; its extension selects the format, - is standard output.",
        metavar="FILE",
    ),
]
MaxPixels = Annotated[
    str | None,
    Option(
        "--max-pixels", help="Refuse larger pictures (default: 268M).", metavar="COUNT", rich_help_panel=INPUT
    ),
]
MaxMemory = Annotated[
    str | None,
    Option(
        "--max-memory",
        help="Refuse pictures that need more memory, as in 2G (default: the memory that is available).",
        metavar="BYTES",
        rich_help_panel=INPUT,
    ),
]
Frame = Annotated[
    int | None,
    Option(
        "--frame",
        help="Frame of an animation, or page of a document, counted from 0 (default: the first).",
        metavar="NUMBER",
        rich_help_panel=INPUT,
    ),
]
Frames = Annotated[
    str | None,
    Option(
        "--frame",
        help="Frame of an animation, or page of a document, counted from 0 (default: the first). A range such"
        " as 2..5 selects several, all selects every one; each gives a frame of the output.",
        metavar="FRAME",
        rich_help_panel=INPUT,
    ),
]
Background = Annotated[
    str | None,
    Option(
        "--background",
        help="Blend transparent pixels with a color, as in white or #ff8800, for formats without alpha.",
        metavar="COLOR",
        rich_help_panel=PIXELS,
    ),
]
Alpha = Annotated[
    str | None,
    Option(
        "--alpha",
        help="How transparent pixels count in averages: weighted by alpha; straight, as if opaque; or filter,"
        " weighted and alpha is filtered, too (default: weighted).",
        metavar="HOW",
        autocompletion=enum_values("convcli.convolution.weighted:AlphaMode"),
        rich_help_panel=PIXELS,
    ),
]
Nan = Annotated[
    str,
    Option(
        "--nan",
        help="How NaN count: keep, a window with NaN gives NaN; or ignore, only its other values count.",
        metavar="HOW",
        autocompletion=enum_values("convcli.convolution.weighted:NanMode"),
        rich_help_panel=PIXELS,
    ),
]
Force = Annotated[bool, Option("--force", help="Overwrite existing files.")]
PreviewOption = Annotated[bool, Option("--preview", help="Show the result beside the input in the terminal.")]
PreviewAs = Annotated[
    str | None,
    Option(
        "--preview-as",
        help="Preview protocol: kitty, iterm2, sixel, truecolor, 256 or ascii (default: the best available).",
        metavar="MEANS",
        autocompletion=enum_values("convcli.cli.terminal.capabilities:GraphicsProtocol"),
        rich_help_panel=DISPLAY,
    ),
]
NetworkArgument = Annotated[
    str | None,
    Argument(
        metavar="[NETWORK]",
        show_default=False,
        help="A model file (.onnx, .pt2, .keras, .json), layers in quotes (convcli help layers), a .net "
        "file, - for standard input, or the name of a shipped network.",
        autocompletion=networks,
    ),
]
CsvOption = Annotated[
    bool, Option("--csv", help="Print the table as comma-separated values.", rich_help_panel=DISPLAY)
]
MarkdownOption = Annotated[bool, Option("--md", help="Print the table in Markdown.", rich_help_panel=DISPLAY)]
ByBlock = Annotated[
    bool,
    Option("--by-block", help="Print one row per block (repeats, branches).", rich_help_panel=NETWORK),
]
Depth = Annotated[
    str | None,
    Option(
        "--depth",
        help="Fold modules of a model file, or braces, below this depth into one row each.",
        metavar="LEVELS",
        rich_help_panel=NETWORK,
    ),
]
Expect = Annotated[
    str | None,
    Option(
        "--expect",
        help="Fail (exit code 1) unless the output has this size.",
        metavar="SIZE",
        rich_help_panel=CHECKS,
    ),
]


def check_exclusive(options: Mapping[str, object]) -> None:
    """Check that at most one of these options is given.

    Raises
    ------
    UsageError
        Two or more are given.
    """
    given = [name for name, value in options.items() if value not in (None, False)]
    if len(given) > 1:
        raise UsageError(given[1], f"cannot be combined with {given[0]}; choose one")


def check_alpha(alpha: str | None, background: str | None) -> None:
    """Check that alpha is not to be used and blended away.

    Raises
    ------
    UsageError
        Both options are given.
    """
    if alpha is not None and background is not None:
        raise UsageError("--alpha", "cannot be combined with --background, which leaves no alpha; choose one")


def apply_text_option(
    text: bool, *, json: bool, csv: bool = False, markdown: bool = False, output: str | None = None
) -> None:
    """Print the answer as a terminal would show it if --text is given.

    Raises
    ------
    UsageError
        Another form is asked for, too, or standard output takes a file.
    """
    for option, given in (("--json", json), ("--csv", csv), ("--md", markdown), ("-o -", output == STREAM)):
        check_exclusive({"--text": text, option: given})
    set_text_output(text)


def check_minimum(option: str, number: int | None, minimum: int) -> None:
    """Check that a number, if given, is at least `minimum`.

    Raises
    ------
    UsageError
        The number is smaller.
    """
    if number is not None and number < minimum:
        raise UsageError(f"{option} {number}", f"must be a whole number, at least {minimum}")
