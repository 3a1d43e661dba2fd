"""``convcli shape``: output sizes of a layer or a network, forward and backward."""

from typing import Annotated

from convcli.cli.options import declarations as options
from convcli.cli.options.grouping import read_grouping
from convcli.cli.options.parameters import Option
from convcli.cli.reports.expectations import Checks
from convcli.cli.reports.layers import report_size
from convcli.cli.reports.table_formats import TableFormat
from convcli.errors import UsageError
from convcli.networks.layer_types.convolution import Convolution
from convcli.networks.text.input_sizes import layer_input
from convcli.sizes.text import parse_count, parse_padding_per_axis, parse_per_axis

__all__ = ["shape"]


def shape(
    network: options.NetworkArgument = None,
    n: Annotated[
        str | None,
        Option(
            "-n",
            "--n",
            "--input-size",
            help="Input size: n, HxW or HxWxC; LxC for a sound, DxHxWxC for a volume.",
            metavar="SIZE",
        ),
    ] = None,
    f: options.FilterSize = None,
    p: options.OptionalPadding = None,
    s: options.OptionalStride = None,
    d: options.Dilation = "1",
    ceil: options.CeilOption = False,
    c_out: options.OutputChannels = None,
    want: Annotated[
        str | None,
        Option("--want", help="List every padding and stride that gives this output size.", metavar="SIZE"),
    ] = None,
    last: Annotated[
        bool, Option("--last", help="Print only the last output size.", rich_help_panel=options.NETWORK)
    ] = False,
    by_block: options.ByBlock = False,
    depth: options.Depth = None,
    expect: options.Expect = None,
    valid_sizes: Annotated[
        str | None,
        Option(
            "--valid-sizes",
            help="List the square inputs in this range at which every layer reads every pixel.",
            metavar="FROM..TO",
            rich_help_panel=options.NETWORK,
        ),
    ] = None,
    ignore_unread_by: Annotated[
        str | None,
        Option(
            "--ignore-unread-by",
            help="Let layers of this kernel size skip pixels in --valid-sizes, as in 1x1 for the strided "
            "shortcuts of a ResNet.",
            metavar="SIZE",
            rich_help_panel=options.NETWORK,
        ),
    ] = None,
    smallest: Annotated[
        bool,
        Option(
            "--smallest",
            help="Print the side of the smallest square input that every layer accepts.",
            rich_help_panel=options.NETWORK,
        ),
    ] = False,
    csv: options.CsvOption = False,
    md: options.MarkdownOption = False,
    json: options.JsonOption = False,
    text: options.TextOption = False,
) -> int:
    """Compute the output size of a layer, or of each layer of a network.

    \b
    convcli shape --n 32 --f 5                          28x28
    convcli shape --n 227 --f 11 --s 4 --c-out 96       55x55x96
    convcli shape --n 32 --f 5 --want 32                p 2, s 1
    convcli shape --n 32x32x3 "conv 6 f5, maxpool f2, flatten, fc 10"
    convcli shape --n 9x9x3 "conv 8 f3 p1, add { conv 8 f3 p1 | }, gap"
    convcli shape alexnet --valid-sizes 200..260
    convcli shape model.onnx --n 320x320x3
    convcli shape resnet18 --valid-sizes 200..260 --ignore-unread-by 1x1

    The size is floor((n + 2p - f)/s) + 1. Padding defaults to 0 and stride to 1; --want finds whichever you
    leave out. On a terminal, shows the formula in symbols and in numbers, and the input rows and columns that
    no window reads. When piped, prints only the size.

    For a network, prints one row per layer: output size, receptive field (the part of the input that affects
    a unit), jump (input pixels from one unit to the next), center of the first unit, padding applied, and
    the rows and columns that are never read. "convcli help layers" shows how to write layers, and "convcli
    params --list" lists the shipped networks.
    """
    options.apply_text_option(text, json=json, csv=csv, markdown=md)
    output_format, checks = TableFormat.read(json=json, csv=csv, markdown=md), Checks.read(expect)
    grouping = read_grouping(depth, by_block=by_block)
    size = None if n is None or network is not None else layer_input(n)
    if ignore_unread_by is not None and valid_sizes is None:
        raise UsageError("--ignore-unread-by", "needs --valid-sizes")
    if network is None:
        if (by_block, depth, valid_sizes, smallest) != (False, None, None, False):
            raise UsageError("NETWORK", "missing; for example: convcli shape resnet18")
        if size is None or f is None:
            raise UsageError(
                "--n" if size is None else "--f",
                "missing; for example: convcli shape --n 32 --f 5, or for a network: convcli shape resnet18",
            )
        if want is not None:
            for name, value in (
                ("--ceil", ceil), ("--c-out", c_out), ("--csv", csv), ("--md", md), ("--expect", expect)
            ):  # fmt: skip
                options.check_exclusive({"--want": want, name: value})
            # Late: only --want needs it.
            from convcli.cli.reports.solutions import LayerConstraints, print_solutions

            print_solutions(LayerConstraints.read(size, f, want, p, s, d), json=json)
            return 0
        layer = Convolution(
            window=parse_per_axis(f, "filter"),
            filters=None if c_out is None else parse_count(c_out, "output channels"),
            stride=parse_per_axis("1" if s is None else s, "stride"),
            padding=parse_padding_per_axis("0" if p is None else p),
            dilation=parse_per_axis(d, "dilation"),
            ceil=ceil,
        )
        checks.check(report_size(layer, size, output_format))
        return 0
    if want is not None:
        raise UsageError("--want", options.SINGLE_LAYER_ONLY)
    if (f, p, s, d, ceil, c_out) != (None, None, None, "1", False, None):
        raise UsageError(
            "NETWORK", "cannot be combined with --f, --p and similar options, which describe a single layer"
        )
    modes: dict[str, object] = {"--valid-sizes": valid_sizes, "--smallest": smallest, "--last": last}
    for table_option in ({"--csv": csv}, {"--md": md}, {"--by-block": by_block}, {"--depth": depth}):
        options.check_exclusive(modes | table_option)
    options.check_exclusive({"--valid-sizes": valid_sizes, "--smallest": smallest, "--expect": expect})
    # Late: a single layer does not need it.
    from convcli.cli.reports.networks import report_shapes, search_sides

    if valid_sizes is not None or smallest:
        exempt = None if ignore_unread_by is None else parse_per_axis(ignore_unread_by, "kernel size")
        search_sides(network, n, valid_sizes, exempt=exempt, json=json)
    else:
        checks.check(report_shapes(network, n, output_format, grouping, last=last))
    return 0
