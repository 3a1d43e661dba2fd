"""``convcli shape --want``: the paddings and strides that give a wanted size."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, product

from convcli.cli.terminal.output import is_human_readable, message, write, write_json
from convcli.errors import UsageError
from convcli.networks.layer_types.base import NO_PADDING, ONES, Size, rank_of, sides_of
from convcli.networks.layer_types.convolution import Convolution
from convcli.sizes.searching import paddings_and_strides
from convcli.sizes.text import NamedPadding, format_size, parse_input, parse_padding_per_axis, parse_per_axis
from convcli.sizes.windowed import Axis

__all__ = ["LayerConstraints", "print_solutions"]

MAX_SOLUTIONS = 1000


@dataclass(frozen=True)
class LayerConstraints:
    """What is known about a layer, each value with one number per axis; None is to be solved for."""

    input: tuple[int, ...]
    filter: tuple[int, ...]
    output: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: tuple[int | None, ...]
    stride: tuple[int | None, ...]

    @classmethod
    def read(cls, size: Size, f: str, want: str, p: str | None, s: str | None, d: str) -> "LayerConstraints":
        """Parse the options; the channels of the wanted size are ignored."""
        amounts = None if p is None else parse_padding_per_axis(p)
        if isinstance(amounts, NamedPadding) or (
            amounts and any(before != after for before, after in amounts)
        ):
            raise UsageError(
                f"--p {p}",
                "cannot be solved for: with --want, give a symmetric padding as a number, or leave --p out",
            )
        target, rank = parse_input(want, "wanted size"), rank_of(size)
        if len(target) not in (1, rank, rank + 1):
            example = format_size(sides_of(size))
            raise UsageError(f"--want {want[:50]}", f"must be a side, or a size such as {example}")
        layer = Convolution(
            window=parse_per_axis(f, "filter"),
            stride=ONES if s is None else parse_per_axis(s, "stride"),
            padding=amounts or NO_PADDING,
            dilation=parse_per_axis(d, "dilation"),
        ).for_input(size)
        padding: list[int | None] = [None] * rank
        if not isinstance(layer.padding, NamedPadding) and amounts is not None:
            padding = [before for before, _ in layer.padding]
        return cls(
            input=sides_of(size),
            filter=layer.window,
            output=target * rank if len(target) == 1 else target[:rank],
            dilation=layer.dilation,
            padding=tuple(padding),
            stride=(None,) * rank if s is None else layer.stride,
        )

    def axes(self) -> list[tuple[int, int, int, int, int | None, int | None]]:
        """Return the values of each axis."""
        return list(
            zip(self.input, self.filter, self.output, self.dilation, self.padding, self.stride, strict=True)
        )


def print_solutions(constraints: LayerConstraints, *, json: bool) -> None:
    """Print every padding and stride that gives the wanted size, smallest first."""
    solutions = list(islice(_solutions(constraints), MAX_SOLUTIONS + 1))
    listed = solutions[:MAX_SOLUTIONS]
    if json:
        for padding, stride, _ in listed:
            write_json({"p": padding, "s": stride})
    elif is_human_readable():
        from convcli.cli.terminal.table_layout import format_table  # late: a pipe needs no rich
        from convcli.networks.tables import Column, Table

        columns = tuple(
            Column(name, [int(text) if text.isdecimal() else text for text in texts])
            for name, texts in zip(("p", "s", "formula"), zip(*listed, strict=True), strict=True)
        )
        write(format_table(Table(columns, [0] * len(listed))))
    else:
        write("p\ts\n" + "".join(f"{padding}\t{stride}\n" for padding, stride, _ in listed))
    if len(solutions) > MAX_SOLUTIONS:
        message(
            "note",
            f"only the first {MAX_SOLUTIONS} solutions are listed; give --p or --s to narrow them down",
        )


def _solutions(constraints: LayerConstraints) -> Iterator[tuple[str, str, str]]:
    """Yield padding, stride and the formula with their numbers; no formula if the axes differ."""
    axes = constraints.axes()
    if len(set(axes)) == 1:
        n, f, output, d, p, s = axes[0]
        for padding, stride in paddings_and_strides(n, f, output, d, p=p, s=s):
            axis = Axis(side=n, window=f, before=padding, after=padding, stride=stride, dilation=d)
            yield f"{padding}", f"{stride}", axis.formula()
        return
    per_axis = (
        islice(paddings_and_strides(n, f, output, d, p=p, s=s), MAX_SOLUTIONS + 1)
        for n, f, output, d, p, s in axes
    )
    for found in product(*per_axis):
        paddings, strides = zip(*found, strict=True)
        yield format_size(paddings), format_size(strides), ""
