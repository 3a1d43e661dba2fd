"""``convcli apply``: filter pictures."""

from typing import Annotated

from convcli.cli.completion import completers
from convcli.cli.options import declarations as options
from convcli.cli.options.batch_arguments import BatchArguments, takes_batch_arguments
from convcli.cli.options.parameters import Argument, Option
from convcli.cli.terminal.output import is_human_readable
from convcli.errors import UsageError

__all__ = ["apply"]


@takes_batch_arguments
def apply(
    images: Annotated[
        list[str] | None,
        Argument(
            metavar="IMAGE...",
            help="Pictures, .npy arrays, .csv or .txt matrices: files or URLs (s3://, https://); "
            "- is standard input.",
        ),
    ] = None,
    filters: Annotated[
        list[str] | None,
        Option(
            "--filter",
            help="A named filter, as in sobel-x or gaussian:sigma=2 (list: convcli filters); repeatable.",
            metavar="NAME",
            autocompletion=completers.filters,
        ),
    ] = None,
    kernels: Annotated[
        list[str] | None,
        Option(
            "--kernel",
            help='Kernel coefficients, as in "1 0 -1; 2 0 -2; 1 0 -1", or from a file: @FILE (.csv, .txt, '
            ".json, .npy) or @FILE:TENSOR (.npz, .safetensors).",
            metavar="ROWS",
            autocompletion=completers.kernels,
        ),
    ] = None,
    order: options.Order = None,
    banks: Annotated[
        list[str] | None,
        Option(
            "--bank",
            help="A bank of COUNT rotated copies of a filter, as in gabor:8 or gabor:8,sigma=3; gives one "
            "feature map per copy.",
            metavar="NAME:COUNT",
            autocompletion=completers.banks,
            rich_help_panel=options.FILTER,
        ),
    ] = None,
    combine: Annotated[
        str | None,
        Option(
            "--combine",
            help="Combine the feature maps of a bank into one: max (of absolute values), sum (of absolute "
            "values) or norm (Euclidean).",
            metavar="HOW",
            autocompletion=completers.enum_values("convcli.kernels.banks:MapCombination"),
            rich_help_panel=options.FILTER,
        ),
    ] = None,
    angle: options.Angle = None,
    size: options.SizeOption = None,
    padding: options.PaddingOption = "same",
    border: options.BorderOption = "edge",
    stride: options.Stride = "1",
    dilation: options.Dilation = "1",
    flip: Annotated[
        bool,
        Option(
            "--flip",
            help="Rotate the kernel by 180 degrees (true convolution, as in signal processing).",
            rich_help_panel=options.WINDOW,
        ),
    ] = False,
    channels: Annotated[
        str | None,
        Option(
            "--channels",
            help="Channels to filter: each (separately), sum (added up), gray (luma by Rec. 601), r, g or b; "
            "depthwise gives each channel its own filters of a bank (default: each).",
            metavar="WHICH",
            autocompletion=completers.enum_values("convcli.pictures.channels:Channels"),
        ),
    ] = None,
    signed: Annotated[
        str | None,
        Option(
            "--signed",
            help="How signed values become pixels: abs, clip, center, stretch, gray (zero is mid-gray, the "
            "largest magnitude black or white), or raw to keep the values (default: abs; raw if the input "
            "holds numbers).",
            metavar="HOW",
            autocompletion=completers.enum_values("convcli.convolution.rendering:SignedMapping"),
        ),
    ] = None,
    scale: Annotated[
        str,
        Option(
            "--scale",
            help="Multiply the result by a number; gain divides it by the filter's gain.",
            metavar="NUMBER",
            autocompletion=completers.keyword("gain", "divide by the filter's gain"),
            rich_help_panel=options.PIXELS,
        ),
    ] = "1",
    bias: Annotated[
        str,
        Option(
            "--bias",
            help="Add a number to the scaled result, or a,b,c: one number per filter of a bank.",
            metavar="NUMBER",
            rich_help_panel=options.PIXELS,
        ),
    ] = "0",
    relu: Annotated[
        bool,
        Option(
            "--relu",
            help="Apply ReLU after --scale and --bias: negative values become 0.",
            rich_help_panel=options.PIXELS,
        ),
    ] = False,
    background: options.Background = None,
    alpha: options.Alpha = None,
    nan: options.Nan = "keep",
    sheet: Annotated[
        str | None,
        Option(
            "--sheet",
            help="Draw the input and all results in one picture (default: every named filter).",
            metavar="FILE",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None,
    direction: Annotated[
        str | None,
        Option(
            "--direction",
            help="Draw edge direction as color (hue) and its strength as brightness (default filter: sobel).",
            metavar="FILE",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None,
    *,
    arguments: BatchArguments,
) -> int:
    """Filter pictures: slide a kernel over each of them.

    \b
    convcli apply photo.png --filter sobel-x
    convcli apply photo.png --filter gaussian:sigma=2 -o soft.png
    convcli apply photo.png --filter sobel-x --preview -o seen.png
    convcli apply photo.png --filter sobel --angle 70 --signed center -o edges.png
    convcli apply photo.png --kernel "1 0 -1; 2 0 -2; 1 0 -1" --padding valid
    convcli apply photo.png --sheet gallery.png
    convcli apply moving.gif --filter sobel --frame all
    convcli apply photo.png --direction directions.png

    Writes the result to IMAGE-FILTER.png in the current folder and prints its path. A result is an array of
    exact signed values; --signed controls how they become pixels. For a text matrix, prints the result
    instead. Filters that average weight colors by alpha; alpha itself is kept, unless --alpha filter filters
    it, too. IMAGE - reads standard input, and -o - writes to standard output.

    A kernel file can hold a volume (f, f, C), whose products are summed over the channels, or a bank
    (f, f, C, F), like the weights of a convolution layer. A bank gives F feature maps, which fit into a .npy
    file or a TIFF with F pages. Filters of depth 1, like those of --bank, filter each channel: F maps per
    channel. --combine makes one map of all F.

    --sheet and --direction draw a picture instead of writing the results; -o, --out-dir, --name or --format
    writes the results as well. With several inputs, the file name must contain {stem}. A sheet
    shows signed results in blue (negative), white and red (positive), and filters the luma of color pictures.
    Matrices are drawn as by --signed gray, up to 12x12 with their numbers.
    """
    options.apply_text_option(arguments.text, json=arguments.json, output=arguments.output)
    options.check_alpha(alpha, background)
    if not images and arguments.files0_from is None:
        raise UsageError("IMAGE", "missing; for example: convcli apply photo.png --filter sobel-x")
    reading = (arguments.recursive, arguments.max_pixels, arguments.max_memory, arguments.frame)
    if images and len(images) == 1 and reading == (False, None, None, None):
        from convcli.pictures.formats.decoding import start_decoding  # late: help needs no Pillow

        start_decoding(images[0])  # while numpy is loading
    from convcli.cli.batch import run_batch
    from convcli.cli.options.batch import BatchOptions
    from convcli.cli.options.filtering import read_rendering, read_window
    from convcli.cli.options.filters import kernel_files, read_filters
    from convcli.pipeline.recipes.filtering import convolution_recipe

    batch = BatchOptions.read(images, background, arguments)
    window = read_window(padding, border, stride, dilation, flip=flip, jobs=batch.threads)
    rendering = read_rendering(
        channels or "each", signed, scale, bias, batch.destination.format, relu=relu, alpha=alpha, nan=nan
    )
    are_chosen = bool(filters or kernels or banks)
    figures = None
    if sheet is not None or direction is not None:
        from convcli.cli.options.figures import DrawingOptions  # late: most runs draw no figures

        results = (arguments.output, arguments.out_dir, arguments.name, arguments.file_format) != (None,) * 4
        for option, given in (("--by-tiles", arguments.by_tiles), ("--pyramid", arguments.pyramid)):
            options.check_exclusive({"--sheet" if sheet else "--direction": True, option: given})
        figures = DrawingOptions.read(sheet, direction, batch, results=results)
        if channels is not None:
            figures.check_channels(rendering)
        if not are_chosen:
            filters = figures.default_filters(angle=angle, size=size)
    chosen = read_filters(
        filters or [], kernels or [], banks or [],
        angle=angle, size=size, order=order, combine=combine, inputs=images or [],
    )  # fmt: skip
    measured = arguments.json or is_human_readable()
    recipes = [
        convolution_recipe(filter_, window, rendering, measured=measured)
        for filter_ in chosen
        if figures is None or figures.results
    ]
    if figures is not None:
        recipes += figures.recipes(chosen, window, rendering, are_chosen=are_chosen)
    return run_batch(batch, recipes, kernel_files(kernels or []))
