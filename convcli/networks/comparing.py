"""Comparison of two networks, side by side."""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from convcli.networks.layer_types.base import Size
from convcli.networks.layer_types.joins import JoinLayer
from convcli.networks.network import Network
from convcli.networks.rows import Grouping
from convcli.networks.stages import Stage
from convcli.networks.tables import Cell, Column, Table, sum_cell
from convcli.networks.text.recovery import worded_layer
from convcli.sizes.text import format_size

__all__ = ["comparison_table"]

MAX_MATCHED = 1000  # layers; a thorough search takes too long for more

RANKS = {"layer": 0, "output": 2, "params": 1, "MACs": 3}  # on a narrow terminal, MACs are dropped first
SINGLE_LAYERS = Grouping()
RANK_IF_SAME = 3  # and before them, columns that are the same in both networks


class _Row(NamedTuple):
    """What is compared of a layer, or of a block of layers.

    Rows are the same layer if they have the same `key`: the text, but a convolution with a group for each
    channel is depthwise, and a join is the same by a tag and by braces. So a model file differs from its text
    only in what was edited.
    """

    text: str
    key: str
    output: Size
    params: Cell
    macs: Cell


Pair = tuple[_Row | None, _Row | None]


def comparison_table(first: Network, second: Network, grouping: Grouping = SINGLE_LAYERS) -> Table:
    """Return a table with one row per layer of either network; layers that both share are on the same row.

    The column ``diff`` marks a layer that only one network has with ``<`` or ``>``, and one whose output,
    parameters or MACs differ with ``!``. With `grouping`, the rows are blocks or modules.

    Examples
    --------
    >>> from convcli.networks.sources import network
    >>> both = network("conv 6 f5, relu", (32, 32, 3)), network("conv 6 f5, bn, relu", (32, 32, 3))
    >>> print(comparison_table(*both).as_text(), end="")
    diff  layer      output   params     MACs  layer 2    output 2  params 2   MACs 2
          conv 6 f5  28x28x6     456  352,800  conv 6 f5  28x28x6        456  352,800
    >                                          bn         28x28x6         12        0
          relu       28x28x6       0        0  relu       28x28x6          0        0
    !     total      28x28x6     456  352,800  total      28x28x6        468  352,800
    """
    pairs = list(_pairs(*(_rows(network, grouping) for network in (first, second))))
    marks: list[Cell] = [_mark(pair) for pair in pairs]
    same = (first.output, first.params, first.macs) == (second.output, second.params, second.macs)
    columns = [Column("diff", marks, None if same else "!")]
    left = _columns([row for row, _ in pairs], first)
    right = _columns([row for _, row in pairs], second)
    for ours, theirs in zip(left, right, strict=True):
        rank = RANKS[ours.name] + RANK_IF_SAME * (ours.cells == theirs.cells)
        columns.append(ours._replace(rank=rank if ours.name != "layer" else 0))
        right[right.index(theirs)] = theirs._replace(name=f"{theirs.name} 2", rank=rank)
    return Table((*columns, *right), [0] * len(pairs), has_total=True)


def _rows(network: Network, grouping: Grouping) -> list[_Row]:
    rows: list[tuple[str, tuple[Stage, ...]]]
    if grouping == SINGLE_LAYERS:
        rows = [("", (stage,)) for stage in network.layers]
    else:
        rows = [(row.label if len(row.stages) > 1 else "", row.stages) for row in grouping.rows(network)]
    return [
        _Row(
            label or stages[0].text,
            label or _key(stages[0]),
            stages[-1].output,
            sum_cell(stages, "params"),
            sum_cell(stages, "macs"),
        )
        for label, stages in rows
    ]


def _key(stage: Stage) -> str:
    layer = stage.layer
    return layer.type if isinstance(layer, JoinLayer) else worded_layer(stage).text


def _columns(rows: Sequence[_Row | None], network: Network) -> list[Column]:
    return [
        Column("layer", [row and row.text for row in rows], "total"),
        Column("output", [row and format_size(row.output) for row in rows], format_size(network.output)),
        Column("params", [row and row.params for row in rows], sum_cell(network.layers, "params")),
        Column("MACs", [row and row.macs for row in rows], sum_cell(network.layers, "macs")),
    ]


def _pairs(first: Sequence[_Row], second: Sequence[_Row]) -> Iterator[Pair]:
    texts = [row.key for row in first], [row.key for row in second]
    short = max(len(first), len(second)) <= MAX_MATCHED
    matches = SequenceMatcher(None, *texts, autojunk=not short).get_opcodes()
    for kind, start, end, other_start, other_end in matches:
        left, right = first[start:end], second[other_start:other_end]
        if kind == "equal":
            yield from zip(left, right, strict=True)
        else:
            yield from ((row, None) for row in left)
            yield from ((None, row) for row in right)


def _mark(pair: Pair) -> str | None:
    left, right = pair
    if left is None or right is None:
        return ">" if left is None else "<"
    same = (left.output, left.params, left.macs) == (right.output, right.params, right.macs)
    return None if same else "!"
