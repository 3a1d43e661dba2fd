"""Two networks side by side."""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from convcli.network.networks import Network, Stage
from convcli.network.tables import Cell, Column, Table
from convcli.size_texts import format_size

__all__ = ["comparison_table"]

MOST_MATCHED = 1000  # layers: the search for what two long networks share takes too long

RANKS = {"layer": 0, "output": 2, "params": 1, "MACs": 3}  # on a narrow terminal MACs are the first to go
LEAST_OF_ALIKE = 3  # and before them columns that are alike in both networks

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
    diff  layer      output   params     MACs  layer 2    output 2  params 2   MACs 2
          conv 6 f5  28x28x6     456  352,800  conv 6 f5  28x28x6        456  352,800
    >                                          bn         28x28x6         12        0
          relu       28x28x6       0        0  relu       28x28x6          0        0
    !     total      28x28x6     456  352,800  total      28x28x6        468  352,800
    """
    pairs = list(_pairs(first.layers, second.layers))
    marks: list[Cell] = [_mark(pair) for pair in pairs]
    same = (first.output, first.params, first.macs) == (second.output, second.params, second.macs)
    columns = [Column("diff", marks, None if same else "!")]
    left = _columns([stage for stage, _ in pairs], first)
    right = _columns([stage for _, stage in pairs], second)
    for ours, theirs in zip(left, right, strict=True):
        rank = RANKS[ours.name] + LEAST_OF_ALIKE * (ours.cells == theirs.cells)
        columns.append(ours._replace(rank=rank if ours.name != "layer" else 0))
        right[right.index(theirs)] = theirs._replace(name=f"{theirs.name} 2", rank=rank)
    return Table((*columns, *right), [0] * len(pairs), has_total=True)


def _columns(stages: Sequence[Stage | None], network: Network) -> list[Column]:
    return [
        Column("layer", [stage and stage.text for stage in stages], "total"),
        Column(
            "output", [stage and format_size(stage.output) for stage in stages], format_size(network.output)
        ),
        Column("params", [stage and stage.params for stage in stages], network.params),
        Column("MACs", [stage and stage.macs for stage in stages], network.macs),
    ]


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
