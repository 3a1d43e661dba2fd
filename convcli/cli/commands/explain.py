"""``convcli explain``: how one value of a result is computed."""

from typing import Annotated

from convcli.cli.completion import completers
from convcli.cli.options import declarations as options
from convcli.cli.options.parameters import Argument, Option

__all__ = ["explain"]


def explain(
    image: Annotated[
        str | None,
        Argument(metavar="IMAGE", help="A picture, a .npy array, a text matrix; - is standard input."),
    ] = None,
    name: Annotated[
        str | None,
        Option(
            "--filter",
            help="A named filter, as in sobel-x.",
            metavar="NAME",
            autocompletion=completers.filters,
        ),
    ] = None,
    kernel: Annotated[
        str | None,
        Option(
            "--kernel",
            help='Kernel coefficients, as in "1 0 -1", or @FILE or @FILE:TENSOR, which can hold a filter as '
            "deep as the picture, or several.",
            metavar="ROWS",
            autocompletion=completers.kernels,
        ),
    ] = None,
    order: options.Order = None,
    map: Annotated[
        int | None,
        Option(
            "--map",
            help="Which filter of a bank in a file, counted from 1.",
            metavar="NUMBER",
            rich_help_panel=options.FILTER,
        ),
    ] = None,
    at: Annotated[
        str,
        Option("--at", help="Position in the result: column and row, counted from 0.", metavar="X,Y"),
    ] = "0,0",
    channels: Annotated[
        str | None,
        Option(
            "--channel",
            "--channels",
            help="Channels to filter: each (separately), sum (added up), gray (luma by Rec. 601), r, g or b "
            "(default: each).",
            metavar="WHICH",
            autocompletion=completers.enum_values(
                "convcli.pictures.channels:Channels", without=("depthwise",)
            ),
        ),
    ] = None,
    angle: options.Angle = None,
    size: options.SizeOption = None,
    padding: options.OptionalPadding = None,
    border: options.BorderOption = "edge",
    stride: options.OptionalStride = None,
    dilation: options.Dilation = "1",
    n: options.InputSize = None,
    f: options.FilterSize = None,
    flip: Annotated[
        bool,
        Option(
            "--flip",
            help="Rotate the kernel by 180 degrees (true convolution).",
            rich_help_panel=options.WINDOW,
        ),
    ] = False,
    signed: Annotated[
        str | None,
        Option(
            "--signed",
            help="How the value becomes a pixel: abs, clip, center or raw (default: as for apply).",
            metavar="HOW",
            rich_help_panel=options.PIXELS,
            autocompletion=completers.enum_values(
                "convcli.convolution.rendering:SignedMapping", without=("stretch", "gray")
            ),
        ),
    ] = None,
    bias: Annotated[
        str | None,
        Option(
            "--bias",
            help="Add a number to the sum (default: the bias that a file of weights has).",
            metavar="NUMBER",
            rich_help_panel=options.PIXELS,
        ),
    ] = None,
    relu: Annotated[
        bool,
        Option(
            "--relu",
            help="Apply ReLU after --bias: negative values become 0.",
            rich_help_panel=options.PIXELS,
        ),
    ] = False,
    pool: Annotated[
        str | None,
        Option(
            "--pool",
            help="Explain pooling instead of a filter: max or avg. --f is the window (default: 2), and the "
            "default of --s.",
            metavar="MODE",
            autocompletion=completers.enum_values("convcli.convolution.pooling:PoolMode"),
        ),
    ] = None,
    reads: Annotated[
        bool,
        Option("--reads", help="Count how often each input pixel is read; with --n and --f."),
    ] = False,
    shift: Annotated[
        str | None,
        Option(
            "--shift",
            help="Measure filter-then-shift against shift-then-filter, for shifts to the right, as in 1..4.",
            metavar="PIXELS",
        ),
    ] = None,
    output: Annotated[
        str | None,
        Option(
            "-o",
            "--output",
            help="Draw the window as .svg or .png, or as a page to play with, .html; - is standard output.",
            metavar="FILE",
        ),
    ] = None,
    animate: Annotated[
        str | None,
        Option(
            "--animate",
            help="Animate the window over all positions, as .svg, .gif or .apng.",
            metavar="FILE",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None,
    seconds: Annotated[
        float | None,
        Option(
            "--seconds",
            help="Seconds per position of the animation (default: 0.5).",
            metavar="NUMBER",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None,
    force: options.Force = False,
    max_pixels: options.MaxPixels = None,
    max_memory: options.MaxMemory = None,
    frame: options.Frame = None,
    json: options.JsonOption = False,
    text: options.TextOption = False,
) -> int:
    """Explain one value of a result: patch, filter, products, sum.

    \b
    convcli explain photo.png --filter sobel-x --at 12,7
    convcli explain photo.png --kernel "1 0 -1" --at 0,0 --border zero
    convcli explain photo.png --kernel @volume.json --bias 5 --relu
    convcli explain six.csv --filter vertical --padding valid --at 1,1
    convcli explain photo.png --filter sobel-x --channels gray -o window.svg
    convcli explain photo.png --filter sobel-x -o play.html
    convcli explain photo.png --pool max --f 2 --at 3,1
    convcli explain photo.png --filter sobel-x --s 2 --shift 1..4
    convcli explain --n 6 --f 3 --p 1 --s 2 --animate window.gif
    convcli explain --n 6 --f 3 --reads

    Also shows the pixel that apply writes, and the whole result of a text matrix. Values in brackets come
    from the padding (default: same). When piped, prints only the value of each channel, tab-separated, or the
    names of the files it drew. A drawing shows one channel: choose it with --channels.

    A filter as deep as the picture, and --channels sum, show each channel with its slice of the filter and
    its part of the sum; a drawing shows all of them.

    The page to play with is a single file for any browser: point at an output value to see its window, its
    products and their sum; edit the coefficients, padding, stride, dilation and border; step and play. A
    picture of more than 512 pixels a side is shrunk for it.

    With --pool, shows the window, and which value is the largest or how the mean is computed. With --shift,
    prints the largest and the mean difference, where no padding is read; --pool then pools the result of the
    filter.

    With --n and --f instead of IMAGE, explains only the window: what it reads, what it never reads, and
    the output size; with --reads, how often each pixel is read. The padding then defaults to 0; when piped,
    prints only the size, or the counts.
    """
    options.apply_text_option(text, json=json, output=output)
    from convcli.cli.options.explaining import ExplainRequest, parse_position
    from convcli.cli.reports.pictures.explaining import report_explanation

    report_explanation(
        ExplainRequest(
            image=image, name=name, kernel=kernel, order=order, map=map, position=parse_position(at),
            channels=channels, angle=angle, size=size, padding=padding, border=border, stride=stride,
            dilation=dilation, n=n, f=f, flip=flip, signed=signed, bias=bias, relu=relu, pool=pool,
            reads=reads, shift=shift, output=output, animate=animate, seconds=seconds, force=force,
            max_pixels=max_pixels, max_memory=max_memory, frame=frame, json=json,
        )
    )  # fmt: skip
    return 0
