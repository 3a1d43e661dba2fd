"""``convcli pool``: pool pictures, or compute the output size of pooling."""

from typing import Annotated

from convcli.cli.completion.completers import enum_values
from convcli.cli.options import declarations as options
from convcli.cli.options.batch_arguments import BatchArguments, takes_batch_arguments
from convcli.cli.options.parameters import Argument, Option
from convcli.cli.reports.layers import report_size
from convcli.cli.reports.table_formats import TableFormat
from convcli.errors import UsageError, parse_choice
from convcli.networks.layer_types.pooling import Pooling
from convcli.sizes.text import parse_padding, parse_pair, parse_size

__all__ = ["pool"]


@takes_batch_arguments
def pool(
    images: Annotated[
        list[str] | None,
        Argument(
            metavar="IMAGE...",
            help="Pictures, .npy arrays, .csv or .txt matrices: files or URLs (s3://, https://); "
            "- is standard input.",
        ),
    ] = None,
    mode: Annotated[
        str,
        Option(
            "--mode",
            help="Pooling mode: max or avg.",
            metavar="MODE",
            autocompletion=enum_values("convcli.convolution.pooling:PoolMode"),
        ),
    ] = "max",
    f: options.FilterSize = "2",
    s: options.OptionalStride = None,
    p: options.PaddingOption = "0",
    ceil: options.CeilOption = False,
    n: options.InputSize = None,
    background: options.Background = None,
    alpha: Annotated[
        str | None,
        Option(
            "--alpha",
            help="How transparent pixels count: weighted by alpha (and not in a maximum); or straight, as if "
            "opaque (default: weighted).",
            metavar="HOW",
            autocompletion=enum_values("convcli.convolution.weighted:AlphaMode", without=("filter",)),
            rich_help_panel=options.PIXELS,
        ),
    ] = None,
    nan: options.Nan = "keep",
    *,
    arguments: BatchArguments,
) -> int:
    """Pool pictures: take the maximum or the mean of each window.

    \b
    convcli pool photo.png --f 2 --s 2
    convcli pool photo.png --mode avg --f 3 --s 2 --p 1 -o small.png
    convcli pool --n 28x28x6 --f 2                          14x14x6

    Pools each channel on its own. The stride defaults to the filter size. Padded positions count neither
    in the maximum nor in the mean. Means of pictures are rounded half to even; means of text and .npy
    matrices are exact, unless they are written as a picture (-o out.png). Means weight colors by alpha, and
    maxima leave out fully transparent pixels. With --n instead of an image, prints the output size. Pooling
    has no parameters.
    """
    options.apply_text_option(arguments.text, json=arguments.json, output=arguments.output)
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
        pixels = {"--background": background, "--alpha": alpha, "--nan": None if nan == "keep" else nan}
        given = arguments.given_options() + [name for name, value in pixels.items() if value]
        if given:
            raise UsageError("--n", f"prints a size, so {given[0]} has no effect; give an image to pool it")
        if images:
            raise UsageError("--n", "gives a size instead of an image; leave out one of them")
        report_size(layer, parse_size(n, "input"), TableFormat.read(json=arguments.json))
        return 0
    if not images and arguments.files0_from is None:
        raise UsageError(
            "IMAGE", "missing; for example: convcli pool photo.png --f 2, or: convcli pool --n 28x28x6 --f 2"
        )
    from convcli.cli.batch import run_batch
    from convcli.cli.options.batch import BatchOptions
    from convcli.convolution.weighted import NanMode
    from convcli.pipeline.recipes.pooling import parse_pool_alpha, pool_recipe

    options.check_alpha(alpha, background)
    alpha_mode = parse_pool_alpha("weighted" if alpha is None else alpha, "--alpha")
    nan_mode = parse_choice(nan, NanMode, "--nan")
    batch = BatchOptions.read(images, background, arguments)
    recipe = pool_recipe(layer, chosen_mode, batch.threads, alpha=alpha_mode, nan=nan_mode)
    return run_batch(batch, [recipe])
