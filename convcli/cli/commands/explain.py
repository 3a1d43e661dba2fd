"""``convcli explain``: how one value of a result is computed."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from convcli.cli.completion import completers
from convcli.cli.options import declarations as options
from convcli.cli.options.parameters import Argument, Option
from convcli.cli.reports.pictures.windows import explain_window
from convcli.cli.terminal.output import is_human_readable, message, write, write_json
from convcli.cli.window_files import WindowFiles
from convcli.errors import ConvcliError, SizeError, UsageError, parse_choice
from convcli.files.streams import input_name
from convcli.pipeline.inputs import check_names
from convcli.sizes.axes import check_position

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convcli.cli.reports.pictures.explained import ChannelValue
    from convcli.convolution.explaining import ExplainedResult
    from convcli.kernels.filter import Filter
    from convcli.pictures.channels import Channels

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
            help='Kernel coefficients, as in "1 0 -1", or @FILE.',
            metavar="ROWS",
            autocompletion=completers.kernels,
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
            autocompletion=completers.enum_values("convcli.pictures.channels:Channels", without="depthwise"),
        ),
    ] = None,
    angle: options.Angle = None,
    size: options.SizeOption = None,
    padding: options.OptionalPadding = None,
    border: options.BorderOption = "edge",
    stride: options.Stride = "1",
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
                "convcli.convolution.rendering:SignedMapping", without="stretch"
            ),
        ),
    ] = None,
    output: Annotated[
        str | None,
        Option(
            "-o", "--output", help="Draw the window as .svg or .png; - is standard output.", metavar="FILE"
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
    convcli explain six.csv --filter vertical --padding valid --at 1,1
    convcli explain photo.png --filter sobel-x --channels gray -o window.svg
    convcli explain --n 6 --f 3 --p 1 --s 2 --animate window.gif

    Also shows the pixel that apply writes, and the whole result of a text matrix. Values in brackets come
    from the padding (default: same). When piped, prints only the value of each channel, tab-separated, or the
    names of the files it drew. A drawing shows one channel: choose it with --channels.

    With --n and --f instead of IMAGE, explains only the window: what it reads, what it never reads, and
    the output size. The padding then defaults to 0; when piped, prints only the size.
    """
    options.apply_text_option(text, json=json, output=output)
    position = _parse_position(at)
    if image is None and (n, f) != (None, None):
        _check_window_only(
            {
                "--filter": name, "--kernel": kernel, "--angle": angle, "--size": size, "--flip": flip,
                "--signed": signed, "--max-pixels": max_pixels, "--max-memory": max_memory, "--frame": frame,
                "--channel": channels, "--border": border != "edge",
            }
        )  # fmt: skip
        window_padding = "0" if padding is None else padding
        files = WindowFiles.read(output, animate, seconds, [], force=force, json=json)
        explain_window(n, f, window_padding, stride, dilation, position, files, json=json)
        return 0
    if image is None:
        raise UsageError(
            "IMAGE", "missing; for example: convcli explain photo.png --filter sobel-x --at 12,7"
        )
    if (n, f) != (None, None):
        raise UsageError(
            "--f" if n is None else "--n",
            "applies only without IMAGE; leave it out, because the image and the filter have sizes",
        )
    if (name is None) == (kernel is None):
        raise UsageError("--filter", "give either one --filter or one --kernel")
    check_names([image])
    from convcli.cli.options.batch import read_options
    from convcli.cli.options.filtering import read_window
    from convcli.cli.options.filters import kernel_files, read_filters
    from convcli.cli.reports.pictures.explained import ValueReport
    from convcli.convolution.fused import filter_pixels
    from convcli.convolution.rendering import SignedMapping, render
    from convcli.kernels.filter import Filter
    from convcli.pictures.channels import Channels, select_channels
    from convcli.pictures.formats.output_formats import OutputFormat
    from convcli.pictures.picture import PictureKind
    from convcli.pipeline.memory import result_bytes
    from convcli.pipeline.recipes.filtering import convolution_recipe
    from convcli.pipeline.recipes.rendering import Rendering

    kernels = [kernel] if kernel is not None else []
    inputs = [image, *kernel_files(kernels)]
    files = WindowFiles.read(output, animate, seconds, inputs, force=force, json=json)
    (filter_,) = read_filters([name] if name is not None else [], kernels, [], angle=angle, size=size)
    if not isinstance(filter_, Filter):
        raise UsageError(
            "--kernel", "is a volume, but explain needs a matrix; save one of its matrices and give that"
        )
    window = read_window(
        "same" if padding is None else padding, border, stride, dilation, flip=flip, jobs=None
    )
    selected = Channels.EACH if channels is None else parse_choice(channels, Channels, "--channel")
    if selected == Channels.DEPTHWISE:
        raise UsageError("--channel depthwise", "applies only to a bank of filters; use each")
    mapping = None if signed is None else parse_choice(signed, SignedMapping, "--signed")
    if mapping == SignedMapping.STRETCH:
        raise UsageError("--signed stretch", "depends on all pixels of the result; use raw")
    rendering = Rendering(selected, SignedMapping.RAW, 1, (0,), relu=False)
    recipe = convolution_recipe(filter_, window, rendering, measured=False)
    reading = read_options(max_pixels, max_memory, frame)
    picture = reading.with_result_bytes(partial(result_bytes, [recipe], OutputFormat.NPY)).load(image)
    if selected == Channels.EACH:
        files.check_channels(input_name(image), picture.pixels.shape[2:])
    mapping = mapping or (SignedMapping.ABS if picture.kind == PictureKind.PIXELS else SignedMapping.RAW)
    window_options = window.for_channels(selected, picture.shape)._asdict()
    try:
        pixels = select_channels(picture.pixels, selected)
        weights = rendering.weights(pixels, picture.alpha, filter_.kernels)
        result = filter_pixels(pixels, filter_, SignedMapping.RAW, weights=weights, **window_options).pixels
        explained = _explain_channels(pixels, filter_, result, window_options)
        check_position(explained[0].rows, explained[0].columns, position)
        value = result[position[0] : position[0] + 1, position[1] : position[1] + 1]
        values = _values(explained, selected, position, render(value, mapping, depth=picture.depth))
    except SizeError as error:
        raise SizeError(f"{input_name(image)}: {error.what}", error.why) from None
    except ConvcliError as error:
        raise type(error)(input_name(image), f"{error.what}: {error.why}") from None
    if weights is not None:
        straight = filter_pixels(pixels, filter_, SignedMapping.RAW, **window_options).pixels
        if (straight[position] != result[position]).any():
            message(
                "note",
                f"{input_name(image)}: the window has transparent pixels, so apply weights colors by alpha: "
                "the value is not the sum of the products, which apply --alpha straight gives",
            )
    files.draw(explained[0].rows, explained[0].columns, position, explained[0])
    report = ValueReport(
        image=image, filter=filter_, position=position, channels=values, signed=mapping, depth=picture.depth
    )
    if json:
        write_json(report.record() | window.record() | files.record())
    elif is_human_readable():
        matrix = result if picture.kind == PictureKind.TEXT else None
        write(report.text(files.summary_lines(), has_colors=picture.pixels.ndim == 3, matrix=matrix))
    else:
        files.print_names(report.values_text())
    return 0


def _explain_channels(
    pixels: "NDArray[Any]", filter_: "Filter", result: "NDArray[Any]", window_options: dict[str, Any]
) -> "list[ExplainedResult]":
    """Return the result of each channel, ready to be explained."""
    import numpy as np

    from convcli.convolution.explaining import ExplainedResult

    channels, results = (np.moveaxis(np.atleast_3d(array), 2, 0) for array in (pixels, result))
    return [
        ExplainedResult(channel, filter_, channel_result, **window_options)
        for channel, channel_result in zip(channels, results, strict=True)
    ]


def _values(
    explained: "list[ExplainedResult]",
    selected: "Channels",
    position: tuple[int, int],
    written: "NDArray[Any]",
) -> "tuple[ChannelValue, ...]":
    """Return the value of each channel at a position, with the pixel that is written there."""
    from convcli.cli.reports.pictures.explained import ChannelValue
    from convcli.pictures.channels import channel_names

    row, column = position
    count = len(explained)
    names = ("gray" if selected == "each" else str(selected),) if count == 1 else channel_names(count)
    pixels = written.ravel().tolist()
    return tuple(
        ChannelValue(
            name=name,
            weighted_sums=channel.weighted_sums(row, column),
            value=channel.result(row, column),
            pixel=pixel,
        )
        for name, channel, pixel in zip(names, explained, pixels, strict=True)
    )


def _check_window_only(given: Mapping[str, object]) -> None:
    """Check that no option is given that needs a picture."""
    for option, value in given.items():
        if value is not None and value is not False:
            raise UsageError(option, "requires IMAGE; without it, only --n, --f, --p, --s and --d apply")


def _parse_position(text: str) -> tuple[int, int]:
    """Read ``X,Y`` as (row, column)."""
    parts = text.split(",")
    if len(parts) != 2 or not all(part.strip().isdecimal() and len(part) < 20 for part in parts):
        raise UsageError(f"--at {text[:50]!r}", "must be a column and a row of the result, such as 12,7")
    return int(parts[1]), int(parts[0])
