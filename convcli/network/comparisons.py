"""Two networks side by side."""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from convcli.network.networks import Network, Stage
from convcli.network.tables import Cell, Column, Table
from convcli.size_texts import format_size

__all__ = ["comparison_table"]

MOST_MATCHED = 1000  # layers: the search for what two long networks share takes too long

Pair = tuple[Stage | None, Stage | None]


def comparison_table(first: Network, second: Network) -> Table:
    """Return a row a layer of either network, those that they share on one row.

    The column ``diff`` marks a layer that is in one of them alone by ``<`` or ``>``, and one whose output,
    parameters or MACs differ by ``!``.

    Examples
    --------
    >>> from convcli.network.sources import network
    >>> both = network("conv 6 f5, relu", (32, 32, 3)), network("conv 6 f5, bn, relu", (32, 32, 3))
    >>> print(comparison_table(*both).as_text(), end="")
    diff  layer      output   params     MACs  layer      output   params     MACs
          conv 6 f5  28x28x6     456  352,800  conv 6 f5  28x28x6     456  352,800
    >                                          bn         28x28x6      12        0
          relu       28x28x6       0        0  relu       28x28x6       0        0
    !     total      28x28x6     456  352,800  total      28x28x6     468  352,800
    """
    pairs = list(_pairs(first.layers, second.layers))
    marks: list[Cell] = [_mark(pair) for pair in pairs]
    same = (first.output, first.params, first.macs) == (second.output, second.params, second.macs)
    columns = [Column("diff", marks, None if same else "!")]
    for number, network in enumerate((first, second)):
        cells = [_cells(pair[number]) for pair in pairs]
        layers, outputs, params, macs = (list(column) for column in zip(*cells, strict=True))
        columns += [
            Column("layer", layers, "total"),
            Column("output", outputs, format_size(network.output), optional=True),
            Column("params", params, network.params),
            Column("MACs", macs, network.macs, optional=True),
        ]
    return Table(tuple(columns), [0] * len(pairs), has_total=True)


def _cells(stage: Stage | None) -> tuple[Cell, Cell, Cell, Cell]:
    if stage is None:
        return None, None, None, None
    return stage.text, format_size(stage.output), stage.params, stage.macs


def _pairs(first: Sequence[Stage], second: Sequence[Stage]) -> Iterator[Pair]:
    texts = [stage.text for stage in first], [stage.text for stage in second]
    short = max(len(first), len(second)) <= MOST_MATCHED
    matches = SequenceMatcher(None, *texts, autojunk=not short).get_opcodes()
    for kind, start, end, other_start, other_end in matches:
        left, right = first[start:end], second[other_start:other_end]
        if kind == "equal":
            yield from zip(left, right, strict=True)
        else:
            yield from ((stage, None) for stage in left)
            yield from ((None, stage) for stage in right)


def _mark(pair: Pair) -> str | None:
    left, right = pair
    if left is None or right is None:
        return ">" if left is None else "<"
    same = (left.output, left.params, left.macs) == (right.output, right.params, right.macs)
    return None if same else "!"
