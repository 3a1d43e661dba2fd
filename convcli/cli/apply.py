"""``convcli apply``: filter pictures."""

from typing import Annotated

import typer

from convcli.cli import offers
from convcli.cli.options import (
    Angle,
    Background,
    BorderOption,
    Dilation,
    Files0From,
    Force,
    FormatOption,
    Frame,
    JobsOption,
    JsonOption,
    MaxMemory,
    MaxPixels,
    NameOption,
    OutDir,
    OutputOption,
    PaddingOption,
    PngLevel,
    PreviewAs,
    PreviewOption,
    Recursive,
    SizeOption,
    SkipExisting,
    Stride,
)
from convcli.errors import UsageError

__all__ = ["apply"]


def apply(
    images: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="IMAGE...", help="Pictures, .npy arrays, .csv or .txt matrices; - is standard input."
        ),
    ] = None,
    filters: Annotated[
        list[str] | None,
        typer.Option(
            "--filter",
            help="A named filter, as in sobel-x or gaussian:sigma=2; may be repeated.",
            metavar="NAME",
            autocompletion=offers.filters,
        ),
    ] = None,
    kernels: Annotated[
        list[str] | None,
        typer.Option(
            "--kernel",
            help='A kernel of your own: "1 0 -1; 2 0 -2; 1 0 -1", or @file (.csv .txt .json .npy), or '
            "@FILE:TENSOR of a .npz or .safetensors file.",
            metavar="ROWS",
            autocompletion=offers.kernels,
        ),
    ] = None,
    order: Annotated[
        str | None,
        typer.Option(
            "--order",
            help="Axes of the weights in a file: oihw (F, C, f, f: PyTorch) or hwio (f, f, C, F).",
            metavar="AXES",
            autocompletion=offers.words_of("convcli.weights:Order"),
        ),
    ] = None,
    banks: Annotated[
        list[str] | None,
        typer.Option(
            "--bank",
            help="A filter turned in so many steps, as in gabor:8 or gabor:8,sigma=3: a map of each.",
            metavar="NAME:COUNT",
            autocompletion=offers.banks,
        ),
    ] = None,
    angle: Angle = None,
    size: SizeOption = None,
    padding: PaddingOption = "same",
    border: BorderOption = "edge",
    stride: Stride = "1",
    dilation: Dilation = "1",
    flip: Annotated[
        bool, typer.Option("--flip", help="Turn the kernel half round: the convolution of signal processing.")
    ] = False,
    channels: Annotated[
        str,
        typer.Option(
            "--channels",
            help="each, sum (one map of all), gray (luma by Rec. 601), r, g or b.",
            metavar="WHICH",
            autocompletion=offers.words_of("convcli.arrays:Channels"),
        ),
    ] = "each",
    signed: Annotated[
        str | None,
        typer.Option(
            "--signed",
            help="Signed numbers to pixels: abs (the default), clip, center, stretch; raw keeps numbers.",
            metavar="HOW",
            autocompletion=offers.words_of("convcli.render:Signed"),
        ),
    ] = None,
    scale: Annotated[
        str,
        typer.Option(
            "--scale",
            help="Multiply the result; gain divides by the filter's gain.",
            metavar="NUMBER",
            autocompletion=offers.numbers_or("gain", "divide by the filter's gain"),
        ),
    ] = "1",
    bias: Annotated[
        str, typer.Option("--bias", help="Add to the scaled result; a,b,c: to each map.", metavar="NUMBER")
    ] = "0",
    relu: Annotated[bool, typer.Option("--relu", help="Then make what is below zero zero.")] = False,
    sheet: Annotated[
        str | None,
        typer.Option(
            "--sheet",
            help="Draw the input and all results in one picture; every named filter, where none is given.",
            metavar="FILE",
        ),
    ] = None,
    direction: Annotated[
        str | None,
        typer.Option(
            "--direction",
            help="Draw the gradient's direction as hue, its magnitude as brightness; by sobel unless given.",
            metavar="FILE",
        ),
    ] = None,
    output: OutputOption = None,
    out_dir: OutDir = None,
    name: NameOption = None,
    recursive: Recursive = False,
    files0_from: Files0From = None,
    skip_existing: SkipExisting = False,
    file_format: FormatOption = None,
    background: Background = None,
    force: Force = False,
    max_pixels: MaxPixels = None,
    max_memory: MaxMemory = None,
    frame: Frame = None,
    jobs: JobsOption = None,
    png_level: PngLevel = None,
    preview: PreviewOption = False,
    preview_as: PreviewAs = None,
    json: JsonOption = False,
) -> int:
    """Filter pictures: slide a kernel over each.

    \b
    convcli apply photo.png --filter sobel-x
    convcli apply photo.png --filter gaussian:sigma=2 -o soft.png
    convcli apply photo.png --filter sobel-x --preview -o seen.png
    convcli apply photo.png --filter sobel --angle 70 --signed center -o edges.png
    convcli apply photo.png --kernel "1 0 -1; 2 0 -2; 1 0 -1" --padding valid
    convcli apply photo.png --sheet gallery.png
    convcli apply photo.png --direction directions.png

    The result is written as IMAGE-FILTER.png in this folder, and its path printed. Results are exact numbers;
    --signed says how they become pixels. A text matrix prints its result. Alpha is kept and never filtered.
    With - as IMAGE and -o - it goes from standard input to standard output.

    A kernel file may hold a volume (f, f, C), which is summed over the channels, or a bank (f, f, C, F): F
    maps, for -o maps.npy or a TIFF of F pages. The weights of a network's layer are such a bank.

    --sheet and --direction draw in place of results, and beside them with -o, --out-dir, --name or --format;
    for several inputs their name has {stem}. A sheet shows signed results as blue, white and red, of colour
    pictures those of luma.
    """
    if not images and files0_from is None:
        raise UsageError("IMAGE", "missing; as in: convcli apply photo.png --filter sobel-x")
    if images and len(images) == 1 and not recursive and (max_pixels, max_memory, frame) == (None,) * 3:
        from convcli.decoding import begin_decoding  # late: help and usage errors need no Pillow

        begin_decoding(images[0])  # while numpy is loaded
    from convcli.cli import filtering
    from convcli.cli.banks import operation_of
    from convcli.cli.batch import Batch, run_batch
    from convcli.cli.output import answer_is_shown

    batch = Batch.read(
        images, recursive=recursive, files0_from=files0_from, max_pixels=max_pixels,
        max_memory=max_memory, frame=frame, output=output, out_dir=out_dir, name=name,
        file_format=file_format, force=force, skip_existing=skip_existing, json=json, png_level=png_level,
        jobs=jobs, background=background, preview=preview, preview_as=preview_as,
    )  # fmt: skip
    window = filtering.Window.read(padding, border, stride, dilation, flip=flip, jobs=batch.threads)
    rendering = filtering.Rendering.read(channels, signed, scale, bias, batch.where.format, relu=relu)
    named = bool(filters or kernels or banks)
    figures = None
    if sheet is not None or direction is not None:
        from convcli.cli.figures import Figures  # late: most results need no letters

        results = (output, out_dir, name, file_format) != (None,) * 4
        figures = Figures.read(sheet, direction, batch, results=results)
        if not named:
            filters = figures.names(angle=angle, size=size)
    chosen = filtering.read_filters(
        filters or [], kernels or [], banks or [], angle=angle, size=size, order=order, inputs=images or []
    )
    measured = json or answer_is_shown()
    operations = [
        operation_of(one, window, rendering, measured=measured)
        for one in chosen
        if figures is None or figures.results
    ]
    if figures is not None:
        operations += figures.operations(chosen, window, rendering, named=named)
    return run_batch(batch, operations, filtering.kernel_files(kernels or []))
