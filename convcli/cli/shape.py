"""``convcli shape``: output sizes of a layer or a network, forwards and backwards."""

from typing import Annotated

import typer

from convcli.cli.checks import Checks
from convcli.cli.forms import form_of
from convcli.cli.layer_answers import answer_size
from convcli.cli.options import (
    ByBlock,
    CeilOption,
    CsvOption,
    Dilation,
    Expect,
    FilterSize,
    InputSize,
    JsonOption,
    MarkdownOption,
    OptionalPadding,
    OptionalStride,
    OutputChannels,
    SpecArgument,
    TextOption,
    check_apart,
    read_text,
)
from convcli.cli.solving import Wanted, solve
from convcli.errors import UsageError
from convcli.network.layers import Convolution
from convcli.size_texts import parse_count, parse_padding, parse_pair, parse_size

__all__ = ["shape"]


def shape(
    network: SpecArgument = None,
    n: InputSize = None,
    f: FilterSize = None,
    p: OptionalPadding = None,
    s: OptionalStride = None,
    d: Dilation = "1",
    ceil: CeilOption = False,
    c_out: OutputChannels = None,
    want: Annotated[
        str | None,
        typer.Option(
            "--want", help="Solve backward: every padding and stride that gives this size.", metavar="SIZE"
        ),
    ] = None,
    last: Annotated[bool, typer.Option("--last", help="Print the last output size alone.")] = False,
    by_block: ByBlock = False,
    expect: Expect = None,
    valid_sizes: Annotated[
        str | None,
        typer.Option(
            "--valid-sizes",
            help="Of these square inputs, list those of which no layer drops a pixel.",
            metavar="FROM..TO",
        ),
    ] = None,
    smallest: Annotated[
        bool, typer.Option("--smallest", help="Print the smallest square input that works.")
    ] = False,
    csv: CsvOption = False,
    md: MarkdownOption = False,
    json: JsonOption = False,
    text: TextOption = False,
) -> int:
    """Tell the output size of a layer, or of each layer of a network.

    \b
    convcli shape --n 32 --f 5                          28x28
    convcli shape --n 227 --f 11 --s 4 --c-out 96       55x55x96
    convcli shape --n 32 --f 5 --want 32                p 2, s 1
    convcli shape --n 32x32x3 "conv 6 f5, maxpool f2, flatten, fc 10"
    convcli shape --n 9x9x3 "conv 8 f3 p1, add { conv 8 f3 p1 | }, gap"
    convcli shape alexnet --valid-sizes 200..260

    The size is floor((n + 2p - f)/s) + 1. Padding is 0 and stride 1 unless given; with --want a given one is
    kept. On a terminal the formula comes with its numbers, and with the input rows and columns that no window
    reads. Into a pipe comes the size.

    Of a network comes a row a layer: output size, receptive field (what a unit sees of the network's input),
    jump from one unit to the next, centre of the first, padding as applied, and what is never read. The words
    of the layers are told by "convcli help layers", the networks that are shipped by "convcli params --list".
    """
    read_text(text, json=json, csv=csv, markdown=md)
    form, checks = form_of(json=json, csv=csv, markdown=md), Checks.read(expect)
    size = None if n is None else parse_size(n, "input")
    if network is None:
        if (by_block, valid_sizes, smallest) != (False, None, False):
            raise UsageError("NETWORK", "missing; as in: convcli shape resnet18")
        if size is None or f is None:
            raise UsageError(
                "--n" if size is None else "--f",
                "missing; as in: convcli shape --n 32 --f 5, or of a network: convcli shape resnet18",
            )
        if want is not None:
            other = {"--ceil": ceil, "--c-out": c_out, "--csv": csv, "--md": md}
            given = [option for option, value in other.items() if value not in (None, False)]
            if given:
                raise UsageError(given[0], "does not go with --want")
            solve(Wanted.read(size, f, want, p, s, d), json=json)
            return 0
        layer = Convolution(
            window=parse_pair(f, "filter"),
            filters=None if c_out is None else parse_count(c_out, "output channels"),
            stride=parse_pair("1" if s is None else s, "stride"),
            padding=parse_padding("0" if p is None else p),
            dilation=parse_pair(d, "dilation"),
            ceil=ceil,
        )
        checks.check(answer_size(layer, size, form))
        return 0
    if (f, p, s, d, ceil, c_out, want) != (None, None, None, "1", False, None, None):
        raise UsageError("NETWORK", "goes with --n alone: --f, --p and the like describe a single layer")
    ways: dict[str, object] = {"--valid-sizes": valid_sizes, "--smallest": smallest, "--last": last}
    for option in ({"--csv": csv}, {"--md": md}, {"--by-block": by_block}):
        check_apart(ways | option)
    check_apart({"--valid-sizes": valid_sizes, "--smallest": smallest, "--expect": expect})
    from convcli.cli.network_answers import answer_shapes, search_sides  # late: a layer needs none of it

    if valid_sizes is not None or smallest:
        search_sides(network, size, valid_sizes, json=json)
    else:
        checks.check(answer_shapes(network, size, form, last=last, by_block=by_block))
    return 0
