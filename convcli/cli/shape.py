"""``convcli shape``: the output size of a layer, forwards and backwards."""

from typing import Annotated

import typer

from convcli.cli.layer_answers import answer_size
from convcli.cli.options import (
    CeilOption,
    Dilation,
    FilterSize,
    InputSize,
    JsonOption,
    OptionalPadding,
    OptionalStride,
    OutputChannels,
)
from convcli.cli.solving import Wanted, solve
from convcli.errors import UsageError
from convcli.network.layers import Convolution
from convcli.sizes import parse_count, parse_padding, parse_pair, parse_size

__all__ = ["shape"]


def shape(
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
    json: JsonOption = False,
) -> int:
    """Tell the output size of a layer: floor((n + 2p - f)/s) + 1.

    \b
    convcli shape --n 32 --f 5                          28x28
    convcli shape --n 227 --f 11 --s 4 --c-out 96       55x55x96
    convcli shape --n 32 --f 5 --want 32                p 2, s 1

    Padding is 0 and stride 1 unless given; with --want a given one is kept. On a terminal the formula comes
    with its numbers, and with the input rows and columns that no window reads. Into a pipe comes the size.
    """
    if n is None or f is None:
        raise UsageError("--n" if n is None else "--f", "missing; as in: convcli shape --n 32 --f 5")
    size = parse_size(n, "input")
    if want is not None:
        if ceil or c_out is not None:
            raise UsageError("--ceil" if ceil else "--c-out", "cannot be solved for; leave it or --want out")
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
    answer_size(layer, size, json=json)
    return 0
