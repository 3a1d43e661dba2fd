"""``convcli explain``: how one value of a result is computed."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from convcli.cli import offers
from convcli.cli.inputs import check_names
from convcli.cli.options import (
    OUTPUT,
    PIXELS,
    WINDOW,
    Angle,
    BorderOption,
    Dilation,
    FilterSize,
    Force,
    Frame,
    InputSize,
    JsonOption,
    MaxMemory,
    MaxPixels,
    OptionalPadding,
    SizeOption,
    Stride,
)
from convcli.cli.output import answer_is_shown, write, write_json
from convcli.cli.standard_input import STANDARD_INPUT, STREAM, input_name
from convcli.cli.window_answers import explain_window
from convcli.cli.window_files import WindowFiles
from convcli.errors import UsageError

__all__ = ["explain"]


def explain(
    image: Annotated[
        str | None,
        typer.Argument(metavar="IMAGE", help="A picture, a .npy array, a text matrix; - is standard input."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--filter",
            help="A named filter, as in sobel-x.",
            metavar="NAME",
            autocompletion=offers.filters,
        ),
    ] = None,
    kernel: Annotated[
        str | None,
        typer.Option(
            "--kernel",
            help='Kernel coefficients, as in "1 0 -1", or @FILE.',
            metavar="ROWS",
            autocompletion=offers.kernels,
        ),
    ] = None,
    at: Annotated[
        str, typer.Option("--at", help="Position in the result: column and row, from 0.", metavar="X,Y")
    ] = "0,0",
    channel: Annotated[
        str,
        typer.Option(
            "--channel",
            "--channels",
            help="Channel of a color picture: gray, r, g, b or sum.",
            metavar="WHICH",
            autocompletion=offers.words_of("convcli.arrays:Channels", without="each"),
        ),
    ] = "gray",
    angle: Angle = None,
    size: SizeOption = None,
    padding: OptionalPadding = None,
    border: BorderOption = "edge",
    stride: Stride = "1",
    dilation: Dilation = "1",
    n: InputSize = None,
    f: FilterSize = None,
    flip: Annotated[
        bool,
        typer.Option(
            "--flip", help="Rotate the kernel by 180 degrees (true convolution).", rich_help_panel=WINDOW
        ),
    ] = False,
    signed: Annotated[
        str | None,
        typer.Option(
            "--signed",
            help="How the value becomes a pixel: abs, clip, center or raw (default: as apply does).",
            metavar="HOW",
            rich_help_panel=PIXELS,
            autocompletion=offers.words_of("convcli.render:Signed", without="stretch"),
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "-o", "--output", help="Draw the window as .svg or .png; - is standard output.", metavar="FILE"
        ),
    ] = None,
    animate: Annotated[
        str | None,
        typer.Option(
            "--animate",
            help="Animate the window over all positions, as .svg, .gif or .apng.",
            metavar="FILE",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    seconds: Annotated[
        float,
        typer.Option(
            "--seconds",
            help="Seconds per position of the animation.",
            metavar="NUMBER",
            rich_help_panel=OUTPUT,
        ),
    ] = 0.5,
    force: Force = False,
    max_pixels: MaxPixels = None,
    max_memory: MaxMemory = None,
    frame: Frame = None,
    json: JsonOption = False,
) -> int:
    """Explain one value of a result: patch, filter, products, sum.

    \b
    convcli explain photo.png --filter sobel-x --at 12,7
    convcli explain photo.png --kernel "1 0 -1" --at 0,0 --border zero
    convcli explain six.csv --filter vertical --padding valid --at 1,1
    convcli explain photo.png --filter sobel-x --at 12,7 -o window.svg
    convcli explain --n 6 --f 3 --p 1 --s 2 --animate window.gif

    Also shows the pixel that apply writes, and the whole result of a text matrix. Values in brackets come
    from the padding (default: same). When piped, prints only the sum, or the names of the files it drew.

    With --n and --f instead of IMAGE it explains the window alone: what it reads, what it never reads, and
    the output size. The padding then defaults to 0; when piped, prints only the size.
    """
    place = _place(at)
    if image is None and (n, f) != (None, None):
        _check_goes_without_image(
            {
                "--filter": name, "--kernel": kernel, "--angle": angle, "--size": size, "--flip": flip,
                "--signed": signed, "--max-pixels": max_pixels, "--max-memory": max_memory, "--frame": frame,
                "--channel": channel != "gray", "--border": border != "edge",
            }
        )  # fmt: skip
        amount = "0" if padding is None else padding
        files = WindowFiles.read(output, animate, seconds, [], force=force, json=json)
        explain_window(n, f, amount, stride, dilation, place, files, json=json)
        return 0
    if image is None:
        raise UsageError("IMAGE", "missing; as in: convcli explain photo.png --filter sobel-x --at 12,7")
    if (n, f) != (None, None):
        raise UsageError(
            "--f" if n is None else "--n",
            "is for a window without IMAGE; leave it out, as the picture has a size and the filter, too",
        )
    if (name is None) == (kernel is None):
        raise UsageError("--filter", "give either one --filter or one --kernel")
    check_names([image])
    from convcli.arrays import Channels, select_channels
    from convcli.cli import filtering  # late: help needs no numpy
    from convcli.cli.number_answers import NumberAnswer
    from convcli.cli.reading import Reading
    from convcli.convolve import apply_filter
    from convcli.errors import ConvcliError, SizeError, chosen
    from convcli.explaining import Explained
    from convcli.kernels import Filter
    from convcli.pictures import Kind
    from convcli.render import Signed, render

    kernels = [kernel] if kernel is not None else []
    inputs = [STANDARD_INPUT if image == STREAM else image, *filtering.kernel_files(kernels)]
    files = WindowFiles.read(output, animate, seconds, inputs, force=force, json=json)
    (one,) = filtering.read_filters([name] if name is not None else [], kernels, [], angle=angle, size=size)
    if not isinstance(one, Filter):
        raise UsageError(
            "--kernel", "is a volume, but explain needs a matrix; save one of its matrices and give that"
        )
    window = filtering.Window.read(
        "same" if padding is None else padding, border, stride, dilation, flip=flip, jobs=None
    )
    which = chosen(channel, Channels, "--channel")
    how = None if signed is None else chosen(signed, Signed, "--signed")
    if which == Channels.EACH:
        raise UsageError(
            "--channel each", "is several channels, but explain shows one; choose gray, r, g, b or sum"
        )
    if how == Signed.STRETCH:
        raise UsageError("--signed stretch", "depends on all pixels of the result; use raw")
    picture = Reading.read(max_pixels, max_memory, frame).with_room(24).load(image)
    how = how or (Signed.ABS if picture.kind == Kind.PIXELS else Signed.RAW)
    options: dict[str, Any] = {
        "stride": window.stride, "padding": window.padding, "dilation": window.dilation, "flip": flip,
        "border": window.border_for(which, picture.pixels),
    }  # fmt: skip
    try:
        pixels = select_channels(picture.pixels, which)
        result = apply_filter(pixels, one, **options)
        explained = Explained(pixels, one, result, **options)
        cells = explained.cells(*place)
    except SizeError as error:
        raise SizeError(f"{input_name(image)}: {error.what}", error.why) from None
    except ConvcliError as error:
        raise type(error)(input_name(image), f"{error.what}: {error.why}") from None
    files.draw(explained.rows, explained.columns, place, explained)
    row, column = place
    answer = NumberAnswer(
        image=image,
        filter=one,
        channel=which,
        place=place,
        cells=cells,
        result=result,
        pixel=render(result[row : row + 1, column : column + 1], how, depth=picture.depth).item(),
        signed=how,
    )
    if json:
        write_json(answer.record() | window.facts() | files.facts())
    elif answer_is_shown():
        has_colors, is_matrix = picture.pixels.ndim == 3, picture.kind == Kind.TEXT
        write(answer.text(files.lines(), has_colors=has_colors, is_matrix=is_matrix))
    else:
        files.answer(f"{answer.value}")
    return 0


def _check_goes_without_image(options: Mapping[str, object]) -> None:
    for option, given in options.items():
        if given is not None and given is not False:
            raise UsageError(option, "needs IMAGE; a window alone takes only --n, --f, --p, --s and --d")


def _place(text: str) -> tuple[int, int]:
    """Read ``X,Y`` as (row, column)."""
    parts = text.split(",")
    if len(parts) != 2 or not all(part.strip().isdecimal() and len(part) < 20 for part in parts):
        raise UsageError(f"--at {text[:50]!r}", "must be column and row of the result, as in 12,7")
    return int(parts[1]), int(parts[0])
