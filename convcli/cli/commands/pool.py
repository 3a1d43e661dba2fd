"""``convcli pool``: pool pictures, or compute the output size of pooling."""

from typing import Annotated

import typer

from convcli.cli.completion.completers import enum_values
from convcli.cli.options.declarations import (
    Background,
    CeilOption,
    Files0From,
    FilterSize,
    Force,
    FormatOption,
    Frame,
    InputSize,
    JobsOption,
    JsonOption,
    MaxMemory,
    MaxPixels,
    NameOption,
    OptionalStride,
    OutDir,
    OutputOption,
    PaddingOption,
    PngLevel,
    PreviewAs,
    PreviewOption,
    Recursive,
    SkipExisting,
    TextOption,
    apply_text_option,
)
from convcli.cli.reports.layers import report_size
from convcli.cli.reports.output_formats import OutputFormat
from convcli.errors import UsageError, parse_choice
from convcli.networks.layer_types.pooling import Pooling
from convcli.sizes.text import parse_padding, parse_pair, parse_size

__all__ = ["pool"]


def pool(
    images: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="IMAGE...",
            help="Pictures, .npy arrays, .csv or .txt matrices; - is standard input.",
        ),
    ] = None,
    mode: Annotated[
        str,
        typer.Option(
            "--mode",
            help="Pooling mode: max or avg.",
            metavar="MODE",
            autocompletion=enum_values("convcli.convolution.pooling:PoolMode"),
        ),
    ] = "max",
    f: FilterSize = "2",
    s: OptionalStride = None,
    p: PaddingOption = "0",
    ceil: CeilOption = False,
    n: InputSize = None,
    background: Background = None,
    output: OutputOption = None,
    out_dir: OutDir = None,
    name: NameOption = None,
    file_format: FormatOption = None,
    png_level: PngLevel = None,
    force: Force = False,
    max_pixels: MaxPixels = None,
    max_memory: MaxMemory = None,
    frame: Frame = None,
    recursive: Recursive = False,
    files0_from: Files0From = None,
    skip_existing: SkipExisting = False,
    jobs: JobsOption = None,
    preview: PreviewOption = False,
    preview_as: PreviewAs = None,
    json: JsonOption = False,
    text: TextOption = False,
) -> int:
    """Pool pictures: take the maximum or the mean of each window.

    \b
    convcli pool photo.png --f 2 --s 2
    convcli pool photo.png --mode avg --f 3 --s 2 --p 1 -o small.png
    convcli pool --n 28x28x6 --f 2                          14x14x6

    Pools each channel on its own. The stride defaults to the filter size. Padding never counts, neither in
    the maximum nor in the mean. Means of pictures are rounded half to even; means of text and .npy matrices
    are exact, unless they are written as a picture (-o out.png). With --n instead of an image it prints the
    output size. Pooling has no parameters.
    """
    apply_text_option(text, json=json, output=output)
    from convcli.convolution.pooling import PoolMode  # late: help needs no numpy

    chosen_mode = parse_choice(mode, PoolMode, "--mode")
    layer = Pooling(
        window=parse_pair("2" if f is None else f, "filter"),
        stride=None if s is None else parse_pair(s, "stride"),
        padding=parse_padding(p),
        ceil=ceil,
        type=f"{chosen_mode}pool",
    )
    if n is not None:
        if (output, out_dir, file_format) != (None, None, None):
            raise UsageError("--n", "prints a size, so there is nothing to write; give an image to pool it")
        if preview or preview_as is not None:
            raise UsageError("--n", "prints a size, so there is nothing to preview; give an image to pool it")
        if images:
            raise UsageError("--n", "is a size instead of an image; leave one of them out")
        report_size(layer, parse_size(n, "input"), OutputFormat.read(json=json, csv=False, markdown=False))
        return 0
    if not images and files0_from is None:
        raise UsageError(
            "IMAGE", "missing; as in: convcli pool photo.png --f 2, or: convcli pool --n 28x28x6 --f 2"
        )
    from convcli.cli.batch import run_batch
    from convcli.cli.options.batch import BatchOptions
    from convcli.pipeline.recipes.pooling import pool_recipe

    batch = BatchOptions.read(
        images, recursive=recursive, files0_from=files0_from, max_pixels=max_pixels,
        max_memory=max_memory, frame=frame, output=output, out_dir=out_dir, name=name,
        file_format=file_format, force=force, skip_existing=skip_existing, json=json, png_level=png_level,
        jobs=jobs, background=background, preview=preview, preview_as=preview_as,
    )  # fmt: skip
    return run_batch(batch, [pool_recipe(layer, chosen_mode, batch.threads)])
