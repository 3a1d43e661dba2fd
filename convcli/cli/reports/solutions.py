"""``convcli shape --want``: the paddings and strides that give a wanted size."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, product

from convcli.cli.terminal.output import is_human_readable, message, write, write_json
from convcli.errors import UsageError
from convcli.sizes.searching import paddings_and_strides
from convcli.sizes.text import NamedPadding, format_size, parse_padding, parse_pair, parse_size
from convcli.sizes.windowed import Axis

__all__ = ["LayerConstraints", "print_solutions"]

MAX_SOLUTIONS = 1000


@dataclass(frozen=True)
class LayerConstraints:
    """What is known about a layer, each value as ``(vertical, horizontal)``; None is to be solved for."""

    input: tuple[int, int]
    filter: tuple[int, int]
    output: tuple[int, int]
    dilation: tuple[int, int]
    padding: tuple[int, int] | tuple[None, None]
    stride: tuple[int, int] | tuple[None, None]

    @classmethod
    def read(
        cls, size: tuple[int, ...], f: str, want: str, p: str | None, s: str | None, d: str
    ) -> "LayerConstraints":
        """Parse the options; the channels of the wanted size are ignored."""
        amounts = None if p is None else parse_padding(p)
        if isinstance(amounts, NamedPadding) or (
            amounts and any(before != after for before, after in amounts)
        ):
            raise UsageError(
                f"--p {p}",
                "cannot be solved for: with --want, give a symmetric padding as a number, or leave --p out",
            )
        target = parse_size(want, "wanted size")
        return cls(
            input=(size[0], size[1]),
            filter=parse_pair(f, "filter"),
            output=(target[0], target[1]),
            dilation=parse_pair(d, "dilation"),
            padding=(None, None) if amounts is None else (amounts[0][0], amounts[1][0]),
            stride=(None, None) if s is None else parse_pair(s, "stride"),
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
    vertical, horizontal = constraints.axes()
    if vertical == horizontal:
        n, f, output, d, p, s = vertical
        for padding, stride in paddings_and_strides(n, f, output, d, p=p, s=s):
            axis = Axis(side=n, window=f, before=padding, after=padding, stride=stride, dilation=d)
            yield f"{padding}", f"{stride}", axis.formula()
        return
    per_axis = (
        islice(paddings_and_strides(n, f, output, d, p=p, s=s), MAX_SOLUTIONS + 1)
        for n, f, output, d, p, s in (vertical, horizontal)
    )
    for (p_v, s_v), (p_h, s_h) in product(*per_axis):
        yield format_size((p_v, p_h)), format_size((s_v, s_h)), ""
