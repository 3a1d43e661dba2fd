"""The tables: printed columns add up to printed totals, nothing is cut, and searches match brute force."""

import csv
import io
import re
from collections.abc import Callable

import pytest

from convcli.errors import SizeError
from convcli.networks.comparing import comparison_table
from convcli.networks.network import Network
from convcli.networks.rows import table_rows
from convcli.networks.searching import smallest_side, valid_sides
from convcli.networks.sources import network, read_spec, shipped_networks
from convcli.networks.tables import Column, Table, params_table, shape_table

Rows = list[list[str]]


def text_rows(table: Table) -> Rows:
    """Read the table for people: columns are parted by two blanks, thousands by commas."""
    lines = table.as_text().splitlines()
    header = lines[0]
    names = re.findall(r"\S+(?: \S+)*", header)
    numbers = {column.name for column in table.columns if column.is_number}
    ends: list[tuple[int, int]] = []
    for name in names:
        start = header.index(name, ends[-1][1] if ends else 0)
        ends.append((start, start + len(name)))
    rows = [names]
    for line in lines[1:]:
        row = []
        for number, name in enumerate(names):
            if name in numbers:  # aligned at the right
                cell = line[: ends[number][1]].split("  ")[-1] if len(line) > ends[number][0] - 30 else ""
            else:
                end = ends[number + 1][0] if number + 1 < len(names) else None
                cell = re.split(r"  ", line[ends[number][0] : end].strip())[0]
            row.append(cell.strip().replace(",", ""))
        rows.append(row)
    return rows


def tsv_rows(table: Table) -> Rows:
    return [line.split("\t") for line in table.as_tsv().splitlines()]


def csv_rows(table: Table) -> Rows:
    return list(csv.reader(io.StringIO(table.as_csv())))


def markdown_rows(table: Table) -> Rows:
    lines = table.as_markdown().splitlines()
    assert re.fullmatch(r"\|( (:--|--:) \|)+", lines[1])
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in (lines[0], *lines[2:])]


FORMS: dict[str, Callable[[Table], Rows]] = {
    "text": text_rows,
    "tsv": tsv_rows,
    "csv": csv_rows,
    "markdown": markdown_rows,
}
SUMMED = {"params", "MACs", "activations", "statistics", "dense params", "dense MACs"}


@pytest.mark.thorough(every=5)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("options", [{}, {"by_block": True}, {"versus_dense": True}])
@pytest.mark.parametrize("name", sorted(shipped_networks()))
def test_printed_columns_add_up_to_the_printed_totals(name: str, options: dict[str, bool], form: str) -> None:
    net = network(name)
    rows_shown = table_rows(net, by_block="by_block" in options)
    table = params_table(net, rows_shown, versus_dense="versus_dense" in options)
    header, *rows, total = FORMS[form](table)
    assert total[0] == "total"
    sums = {
        column: sum(int(row[number] or 0) for row in rows)
        for number, column in enumerate(header)
        if column in SUMMED
    }
    totals = {column: int(total[number]) for number, column in enumerate(header) if column in SUMMED}
    assert sums == totals
    assert (totals["params"], totals["MACs"]) == (net.params, net.macs)
    assert len(sums) >= 3
    if not options:
        assert len(rows) == len(net.layers)


@pytest.mark.parametrize("name", ["densenet121", "efficientnet_b0"])
def test_rows_of_a_depth_have_each_layer_once(name: str) -> None:
    net = network(name)
    rows = table_rows(net, depth=2)
    assert [stage for row in rows for stage in row.stages] == list(net.layers)
    assert max(row.indent for row in rows) == 1
    assert len(rows) < len(net.layers)


def test_by_block_has_one_row_per_top_level_item() -> None:
    net = network("resnet18")
    header, *rows = tsv_rows(params_table(net, table_rows(net, by_block=True)))
    assert header[:3] == ["layer", "output", "params"]
    assert rows[4][:3] == ["2 x { add, relu }", "56x56x64", str(4 * 36864 + 8 * 64)]
    assert len(rows) == 21


def test_a_module_with_a_single_one_in_it_is_one_row() -> None:
    net = network("conv 4 f3, relu, conv 5 f1", (8, 8, 3))
    names = "backbone.stem.conv", "backbone.stem.act", "head"
    net = net.changed(layers=tuple(s._replace(name=n) for s, n in zip(net.layers, names, strict=True)))
    rows = [(row.label, row.module, len(row.stages)) for row in table_rows(net, depth=2)]
    assert rows == [("backbone.stem", "backbone.stem", 2), ("conv 5 f1", "head", 1)]


def test_a_block_of_unknown_channels_has_no_sums() -> None:
    net = network("2 x { conv 4 f3, relu }, conv 5 f1", "8x8")
    _, *rows = tsv_rows(params_table(net, table_rows(net, by_block=True)))
    assert [row[:4] for row in rows] == [
        ["2 x { conv, relu }", "4x4x4", "", ""], ["conv 5 f1", "4x4x5", "25", "320"], ["total", "4x4x5", "", ""]
    ]  # fmt: skip


def test_versus_dense_by_hand() -> None:
    table = params_table(network("conv 2 f3, relu, flatten, fc 3", (4, 4, 1)), versus_dense=True)
    header, *rows = tsv_rows(table)
    assert header == ["layer", "output", "params", "MACs", "dense params", "dense MACs"]
    assert rows == [
        ["conv 2 f3", "2x2x2", "20", "72", str(17 * 8), "128"],
        ["relu", "2x2x2", "0", "0", "0", "0"],
        ["flatten", "8", "0", "0", "0", "0"],
        ["fc 3", "3", "27", "24", "27", "24"],
        ["total", "3", "47", "96", str(17 * 8 + 27), "152"],
    ]


def test_shape_table() -> None:
    table = shape_table(network("conv 8 f7 s2, maxpool f3x2 p1x0, gap, flatten", (32, 33, 3)))
    assert tsv_rows(table) == [
        ["layer", "output", "field", "jump", "centre", "padding", "unread"],
        ["conv 8 f7 s2", "13x14x8", "7", "2", "3", "", "1 row"],
        ["maxpool f3x2 p1x0", "5x7x8", "11x9", "6x4", "3x4", "1x0", ""],
        ["gap", "1x1x8", "all", "30x28", "15x16", "", ""],
        ["flatten", "8", "all", "", "", "", ""],
    ]


def test_markdown_escapes_bars() -> None:
    table = Table((Column("layer", ["add { a | b }"]), Column("n", [3])), [0])
    assert table.as_markdown() == "| layer | n |\n| :-- | --: |\n| add { a \\| b } | 3 |\n"


# Comparisons ----------------------------------------------------------------------------------------------


def marks(first: Network, second: Network) -> list[str]:
    return [row[0] for row in tsv_rows(comparison_table(first, second))[1:]]


def test_network_compared_with_itself_has_no_differences() -> None:
    assert set(marks(network("resnet18"), network("resnet18"))) == {""}


def test_differences_are_marked() -> None:
    first, second = (
        network("conv 6 f5, relu, conv 4 f1, fc 3", (9, 9, 1)),
        network("conv 6 f5, bn, relu, fc 3", (9, 9, 1)),
    )
    table = tsv_rows(comparison_table(first, second))
    assert [[row[0], row[1], row[5]] for row in table] == [
        ["diff", "layer", "layer 2"],
        ["", "conv 6 f5", "conv 6 f5"],
        [">", "", "bn"],
        ["", "relu", "relu"],
        ["<", "conv 4 f1", ""],
        ["!", "fc 3", "fc 3"],
        ["!", "total", "total"],
    ]


def test_every_layer_of_both_networks_appears_once() -> None:
    first, second = network("resnet18"), network("resnet34", 320)
    rows = tsv_rows(comparison_table(first, second))[1:-1]
    assert [row[1].strip() for row in rows if row[1]] == [stage.text for stage in first.layers]
    assert [row[5].strip() for row in rows if row[5]] == [stage.text for stage in second.layers]


def test_long_networks_are_compared_fast() -> None:
    first, second = (
        network("5000 x { conv 3 f1, relu }", (4, 4, 3)),
        network("5001 x { conv 3 f1, relu }", (4, 4, 3)),
    )
    rows = tsv_rows(comparison_table(first, second))
    assert sum(bool(row[5]) for row in rows) == 10_002 + 2


# Searching ------------------------------------------------------------------------------------------------

SPECS = [
    "conv 6 f5, maxpool f2, conv 16 f5, maxpool f2",
    "conv 8 f7 s2 p3, maxpool f3 s2 p1",
    "conv 8 f3 d2, avgpool f3 s2 ceil",
    "conv 8 f3 p1 @a, maxpool f2, tconv 8 f2 s2, cat @a",
    "conv 4 f1 s2, add { conv 4 f3 p1 | }",
    "tconv 4 f3 s2 p2, conv 4 f4",
    "maxpool f2 s7 d7 psame",  # works at 6, 7, 13 and so on
]


def works(text: str, side: int) -> Network | None:
    try:
        return network(text, (side, side, 3))
    except SizeError:
        return None


@pytest.mark.parametrize("text", SPECS)
def test_valid_and_smallest_sides_match_exhaustive_search(text: str) -> None:
    sides = range(1, 40)
    working = [side for side in sides if works(text, side)]
    assert smallest_side(read_spec(text), (9, 9, 3)) == working[0]
    lossless = []
    for side in working:
        net = works(text, side)
        assert net is not None
        unread = [axis.unread_count() for stage in net.layers for axis in stage.axes or ()]
        if not any(unread):
            lossless.append(side)
    assert list(valid_sides(read_spec(text), (9, 9, 3), sides)) == lossless


def test_smallest_side_may_be_huge() -> None:
    assert smallest_side(read_spec(f"conv 1 f{10**30}, conv 1 f3"), (1, 1, 1)) == 10**30 + 2


def test_no_side_works() -> None:
    with pytest.raises(SizeError, match="groups 2 must divide the 3 input channels"):
        smallest_side(read_spec("conv 4 f3 g2"), (9, 9, 3))
    with pytest.raises(SizeError, match=r"its branches give .* \(no side up to 4096 works\)"):
        smallest_side(read_spec("add { conv 3 f3 | }"), (9, 9, 3))


def test_padding_keeps_alexnet_from_losing_rows() -> None:
    assert list(valid_sides(read_spec("alexnet"), None, range(220, 240))) == [
        223,
        224,
        225,
    ]  # behind them 2 rows of padding
