"""Tables on a terminal, read back: every value whole at every width, totals re-summed, columns aligned."""

import json
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from convcli.cli.terminal.output import format_name, left_to_right, message
from convcli.cli.terminal.table_layout import format_table
from convcli.kernels.lookup import get_filter
from convcli.kernels.orientation_tuning import tuning_curves
from convcli.networks.comparing import comparison_table
from convcli.networks.rows import table_rows
from convcli.networks.sources import network, shipped_networks
from convcli.networks.tables import Cell, Column, Table, params_table, shape_table
from tests.support.command_line import Runner, on_terminal
from tests.support.sampling import examples

ESCAPE = "\x1b"
MARK = "\u200e"
HEBREW, ARABIC = "\u05ea\u05de\u05d5\u05e0\u05d4", "\u0635\u0648\u0631\u0629"


def width_of(char: str) -> int:
    """How many columns a terminal gives a character, by Unicode's own tables."""
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def on_screen(line: str) -> list[str]:
    """Return what stands in each column of the terminal: nothing behind a wide character."""
    columns: list[str] = []
    for char in line:
        if width_of(char):
            columns += [char, *[""] * (width_of(char) - 1)]
        elif columns:
            columns[-1] += char
    return columns


def width(line: str) -> int:
    return len(on_screen(line))


def laid_out(table: Table, columns: int) -> str:
    """Return the table as a terminal of that width without colors shows it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(columns))
        patch.setenv("NO_COLOR", "1")
        return format_table(table)


class Printed:
    """A printed table, read by the columns of the terminal at which its cells stand."""

    def __init__(self, text: str, table: Table) -> None:
        body, _, note = text.partition("\n\n")
        told = re.sub(r"^columns that do not fit in \d+ characters: ", "", " ".join(note.split()))
        self.left_out = told.split(", ") if told else []
        self.columns = [c for c in table.columns if not c.is_empty and c.name not in self.left_out]
        self.lines = [on_screen(line) for line in body.splitlines()]
        rules = [number for number, line in enumerate(self.lines) if set(line) == {"─"}]
        assert len(rules) == 1 + table.has_total
        self.width = len(self.lines[rules[0]])
        assert max(map(len, self.lines)) <= self.width
        self.lines = [line + [" "] * (self.width - len(line)) for line in self.lines]
        self.edges = self._edges()
        self.names = self.cells(self.lines[: rules[0]])
        self.rows = self.parted(self.lines[rules[0] + 1 : rules[-1] if table.has_total else None])
        self.total = self.cells(self.lines[rules[-1] + 1 :]) if table.has_total else None

    def _edges(self) -> list[tuple[int, int]]:
        """Find where columns begin and end: between them stand two blanks in every line."""
        edges, start = [], 0
        for column in self.columns:
            words = [*column.texts, column.total_text, column.name]
            wide = max(max(map(width, re.split(" ", text))) for text in words)
            end = start + wide
            while end < self.width and not self._is_gap(end):
                end += 1
            edges.append((start, min(end, self.width)))
            start = end + 2
        assert edges[-1][1] == self.width
        return edges

    def _is_gap(self, place: int) -> bool:
        if place + 2 > self.width:
            return False
        return all("".join(line[place : place + 2]).strip(" ─") == "" for line in self.lines)

    def cells(self, lines: Sequence[list[str]]) -> list[str]:
        parts = [["".join(line[start:end]).strip() for line in lines] for start, end in self.edges]
        return [" ".join(part for part in column if part) for column in parts]

    def parted(self, lines: Sequence[list[str]]) -> list[list[str]]:
        """Part the lines into rows: the first of each has something in the last column that every row has."""
        full = max(
            number for number, column in enumerate(self.columns) if number and all(map(len, column.texts))
        )
        start, end = self.edges[full]
        firsts = [number for number, line in enumerate(lines) if "".join(line[start:end]).strip()]
        bounds = zip(firsts, [*firsts[1:], len(lines)], strict=True)
        return [self.cells(lines[first:last]) for first, last in bounds]


def check(table: Table, columns: int) -> Printed:
    """Check a printed table against what is in it."""
    text = laid_out(table, columns)
    printed = Printed(text, table)
    assert "…" not in text
    assert printed.names == [column.name for column in printed.columns]
    ranks = {column.name: column.rank for column in table.columns}
    kept = max(column.rank for column in printed.columns)
    assert all(ranks[name] > kept for name in printed.left_out)
    for number, column in enumerate(printed.columns):
        found = [row[number] for row in printed.rows]
        assert [re.sub(r"^\(\d+\) ", "", text) for text in found] == column.texts
        if column.is_number:
            start, end = printed.edges[number]
            cells = ["".join(line[start:end]) for line in printed.lines if "─" not in line]
            assert all(cell == cell.rstrip() for cell in cells if cell.strip())
            numbers = [int(text.replace(",", "")) for text in found if re.fullmatch(r"-?[0-9,]+", text)]
            assert [cell for cell in column.cells if isinstance(cell, int)] == numbers
            if column.total is not None and printed.total:
                assert sum(numbers) == int(printed.total[number].replace(",", ""))
    return printed


@cache
def table_of(name: str, kind: str) -> Table:
    net = network(name)
    if kind == "shape":
        return shape_table(net)
    return params_table(net, table_rows(net, by_block=kind == "blocks"), versus_dense=kind == "dense")


@settings(max_examples=examples(80))
@given(
    name=st.sampled_from(sorted(shipped_networks())),
    kind=st.sampled_from(["shape", "params", "blocks", "dense"]),
    columns=st.integers(20, 200),
)
def test_every_value_is_there_whole_at_every_width(name: str, kind: str, columns: int) -> None:
    table = table_of(name, kind)
    printed = check(table, columns)
    if columns >= 40:
        assert printed.width <= columns
    unfolded = max(map(len, table.as_text().splitlines()))
    assert (printed.left_out == []) or unfolded > columns
    assert printed.width <= unfolded  # no wider than it needs to be


@pytest.mark.thorough(every=9)
@pytest.mark.parametrize("name", sorted(shipped_networks()))
@pytest.mark.parametrize("kind", ["shape", "params", "blocks", "dense"])
def test_every_network_fits_forty_columns(name: str, kind: str) -> None:
    printed = check(table_of(name, kind), 40)
    assert printed.width <= 40
    assert ("dense params" in printed.names) == (kind == "dense")


@pytest.mark.thorough(every=2)
@pytest.mark.parametrize("kind", ["shape", "params"])
def test_one_network_at_all_widths(kind: str) -> None:
    for columns in range(20, 201):
        check(table_of("lenet5", kind), columns)


@pytest.mark.parametrize("columns", [1, 2, 5, 10])
@pytest.mark.parametrize("kind", ["shape", "params", "blocks", "dense"])
def test_an_absurd_window_cuts_nothing_either(columns: int, kind: str) -> None:
    printed = check(table_of("squeezenet1_0", kind), columns)
    assert {column.rank for column in printed.columns} == {0}


@pytest.mark.parametrize("text", ["0", "-7", "many", ""])
def test_a_window_of_unknown_width_has_eighty_columns(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    table = table_of("vgg16", "params")
    expected = laid_out(table, 80)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", text)
    monkeypatch.setattr("os.get_terminal_size", lambda *_: (_ for _ in ()).throw(OSError))
    assert format_table(table) == expected


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_two_networks_side_by_side(columns: int) -> None:
    table = comparison_table(network("resnet18"), network("resnet34"))
    text = laid_out(table, columns)
    assert max(map(width, text.splitlines())) <= columns
    body, _, note = text.partition("\n\n")
    left_out = (
        " ".join(note.split()).removeprefix(f"columns that do not fit in {columns} characters: ").split(", ")
    )
    kept = [column for column in table.columns if column.name not in left_out]
    values = [text for column in kept for text in (column.name, *column.texts, column.total_text)]
    assert Counter(body.replace("─", "").split()) == Counter(" ".join(values).split())
    marks = [line[:4].strip() for line in body.splitlines()[2:] if line[:4].strip(" ─")]
    assert marks == [mark for mark in (*table.columns[0].texts, table.columns[0].total_text) if mark]
    assert [column.name for column in kept][:2] == ["diff", "layer"]
    assert ("params" in left_out) == (columns == 40)
    assert left_out == [""] or columns < 200


def test_decimals_stand_point_below_point() -> None:
    net = network("conv 6 f5, maxpool f2, conv 16 f4 s3, maxpool f2, conv 4 f1", (99, 99, 3))
    lines = laid_out(shape_table(net), 80).splitlines()
    start = lines[0].index("centre")
    centers = [line[start : start + 8].rstrip() for line in lines[2:]]
    assert [float(text) for text in centers] == [2, 2.5, 5.5, 8.5, 8.5]
    assert {text.index(".") for text in centers if "." in text} == {len(centers[0])} == {len("centre") - 2}


def test_deep_branches_stay_readable_on_forty_columns() -> None:
    spec = "conv 4 f3 p1"
    for _ in range(14):
        spec = f"add {{ conv 4 f3 p1, {spec} | }}"
    net = network(spec, (8, 8, 4))
    table = params_table(net)
    printed = check(table, 40)
    assert printed.width <= 40
    depths = [stage.depth for stage in net.layers]
    body = laid_out(table, 40).splitlines()[2:]
    firsts = [line for line in body if line.rstrip()[-1:].isdigit() and "x" in line and "total" not in line]
    assert len(firsts) == len(depths) == 29
    for line, depth in zip(firsts, depths, strict=True):
        blanks = len(line) - len(line.lstrip())
        number = re.match(r"\((\d+)\)", line.lstrip())
        assert blanks <= 8
        assert (int(number[1]) if number else blanks) == depth


def test_what_a_network_names_is_safe_and_aligned() -> None:
    tags = ["\u732b\u306e\u7d75", "e\u0301", HEBREW, "evil\x1b[31m", "plain"]
    rows: list[Cell] = [f"conv 3 f1 @{tag}" for tag in tags]
    table = Table((Column("layer", rows), Column("params", [12] * len(rows))), [0, 0, 1, 1, 0])
    lines = laid_out(table, 80).splitlines()
    assert {width(line) for line in lines} == {len("  conv 3 f1 @evil\\x1b[31m") + 2 + 6}
    assert all(on_screen(line)[-2:] == ["1", "2"] for line in lines[2:])
    assert "evil\\x1b[31m" in lines[5]
    assert ESCAPE not in "".join(lines)
    assert f"@{MARK}{HEBREW}{MARK} " in lines[4]


# Colors --------------------------------------------------------------------------------------------------

COMPARED = ("params", "in 8x8x3, conv 6 f3, bn", "--against", "in 8x8x3, conv 6 f5, relu")


def test_colors_help_where_there_are_some() -> None:
    ran = on_terminal(*COMPARED, COLORTERM="", NO_COLOR="")
    assert (ran.code, ran.err) == (0, "")
    assert f"{ESCAPE}[1mlayer" in ran.out
    assert f"{ESCAPE}[31m<" in ran.out
    assert f"{ESCAPE}[32m>" in ran.out
    colored = {re.sub(r"\x1b\[[0-9;]*m", "", part) for part in re.findall(r"\x1b\[3\dm\S*\x1b", ran.out)}
    assert {part.strip(ESCAPE) for part in colored} <= {"<", ">", "!"}  # what the color says is written


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize("variable", ["NO_COLOR=1", "TERM=dumb"])
@pytest.mark.parametrize("arguments", [COMPARED, ("params", "--list"), ("filters",)], ids=lambda a: a[0])
def test_without_colors_there_is_no_escape(
    arguments: tuple[str, ...], variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, _, value = variable.partition("=")
    monkeypatch.setenv(name, value)
    ran = on_terminal(*arguments, TERM=value if name == "TERM" else "xterm-256color")
    assert (ran.code, ran.err) == (0, "")
    assert ESCAPE not in ran.out
    assert "─" in ran.out


def test_a_pipe_gets_rows_without_layout(convcli: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    for arguments in (
        COMPARED,
        ("params", "--list"),
        ("filters",),
        ("shape", "--n", "9", "--f", "3", "--want", "9"),
    ):
        ran = convcli(*arguments)
        assert (ran.code, ran.err) == (0, "")
        assert not set(ran.out) & {ESCAPE, "─", MARK}
        assert len({line.count("\t") for line in ran.out.splitlines()}) == 1


# Lists ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_shipped_networks_fit(terminal: Runner, columns: int) -> None:
    ran = terminal("params", "--list", columns=columns)
    assert (ran.code, ran.err) == (0, "")
    assert max(map(width, ran.out.splitlines())) <= columns
    assert all(f"\n{name} " in ran.out for name in shipped_networks())


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize("columns", [40, 80, 200])
def test_tuning_fits(terminal: Runner, columns: int) -> None:
    ran = terminal("filters", "gabor", "--tuning", columns=columns)
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert max(map(width, lines)) <= columns
    bars = [line for line in lines if re.match(r" *\d+° ", line)]
    assert len(bars) == (24 if columns == 40 else 12)
    numbers = [re.sub("[▏▎▍▌▋▊▉█]", "", line).split()[1:] for line in bars]
    edge, bar = (
        [f"{curve.responses[angle]:.4g}" for angle in range(0, 180, 15)]
        for curve in tuning_curves(get_filter("gabor"))
    )
    below = [[text] for text in (*edge, *bar)]
    assert numbers == (below if columns == 40 else [[*both] for both in zip(edge, bar, strict=True)])


def test_paddings_and_strides_line_up(terminal: Runner) -> None:
    ran = terminal("shape", "--n", "32", "--f", "5", "--want", "4", columns=80)
    assert (ran.code, ran.err) == (0, "")
    header, _, *rows = ran.out.splitlines()
    formulas = [row[header.index("formula") :] for row in rows]
    assert all(re.fullmatch(r"floor\(.*\) \+ 1 = 4", formula) for formula in formulas)
    for row in rows:
        padding, stride = map(int, row.split()[:2])
        assert (32 + 2 * padding - 5) // stride + 1 == 4
    assert len({len(row.split("  floor")[0]) for row in rows}) == 1


# Names of files -------------------------------------------------------------------------------------------

NAMES = [
    "cat.png",
    "\u5199\u771f\u3068\u65e5\u672c\u8a9e.png",
    "e\u0301te\u0301.png",
    f"{HEBREW}.png",
    f"{HEBREW} {ARABIC} 12.png",
    "\U0001f408.png",
    "\ud55c\uad6d\uc5b4-" + "x" * 12 + ".png",
]


@pytest.fixture
def pictures(in_folder: Path) -> list[str]:
    for name in NAMES:
        Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(in_folder / name)
    return NAMES


def start_of_numbers(line: str) -> int:
    return width(line[: line.index("  (") + 2])


@pytest.mark.parametrize("arguments", [("pool",), ("apply", "--filter", "box")], ids=lambda a: a[0])
def test_the_numbers_of_a_batch_line_up(
    terminal: Runner, pictures: list[str], arguments: tuple[str, ...]
) -> None:
    ran = terminal(arguments[0], *pictures, *arguments[1:], "--out-dir", "out", columns=120)
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert len(lines) == len(pictures)
    assert {start_of_numbers(line) for line in lines} == {max(start_of_numbers(line) for line in lines)}
    names = [line.partition("  (")[0].strip().replace(MARK, "") for line in lines]
    assert all(Path(name).is_file() for name in names)
    longest = max(width(name) for name in names)
    assert start_of_numbers(lines[0]) == longest + 2


def test_one_absurd_name_moves_no_other(terminal: Runner, pictures: list[str]) -> None:
    absurd = "a-" * 60 + ".png"
    Image.new("L", (8, 8)).save(absurd)
    ran = terminal("pool", absurd, *pictures, columns=200)
    first, *others = ran.out.splitlines()
    assert first.startswith(f"{absurd[:-4]}-maxpool-2x2.png  (4x4")
    assert len({start_of_numbers(line) for line in others}) == 1
    assert start_of_numbers(others[0]) <= 52


def test_a_narrow_terminal_has_the_numbers_below(terminal: Runner, pictures: list[str]) -> None:
    ran = terminal("pool", *pictures, "--out-dir", "out", columns=40)
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == [
        format_name(f"out/{name[:-4]}-maxpool-2x2.png") for name in pictures
    ]
    assert {line for line in lines if line.startswith(" ")} == {"  (4x4, uint8 from 9 to 63)"}


def test_marks_of_direction_are_for_eyes_alone(terminal: Runner, pictures: list[str]) -> None:
    name = pictures[3]
    shown = terminal("pool", name, "-o", f"{HEBREW}.tiff").out
    assert shown.startswith(f"{MARK}{HEBREW}{MARK}.tiff  (4x4")
    record = json.loads(terminal("pool", name, "--json").out)
    assert record["output"] == f"{HEBREW}-maxpool-2x2.png"


def test_no_mark_into_a_pipe(convcli: Runner, pictures: list[str]) -> None:
    ran = convcli("pool", *pictures, "--out-dir", "out")
    assert ran.all == (0, "".join(f"out/{name[:-4]}-maxpool-2x2.png\n" for name in pictures), "")
    missing = convcli("pool", f"{ARABIC}.png")
    assert missing.all == (1, "", f"convcli: {ARABIC}.png: no such file or directory\n")


def test_messages_to_a_terminal_keep_their_order(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    message(HEBREW, f"16 bits of {ARABIC}")
    assert capsys.readouterr().err == f"convcli: {MARK}{HEBREW}{MARK}: 16 bits of {MARK}{ARABIC}{MARK}\n"


RIGHT_TO_LEFT = [
    char
    for char in map(chr, range(sys.maxunicode + 1))
    if unicodedata.bidirectional(char) in ("R", "AL") and char.isprintable()
]


def test_every_script_from_right_to_left_is_known() -> None:
    assert len(RIGHT_TO_LEFT) > 2000
    assert [char for char in RIGHT_TO_LEFT if left_to_right(char) != f"{MARK}{char}{MARK}"] == []


@given(st.text(st.sampled_from([*RIGHT_TO_LEFT[100:110], *"ab1 (-.\u0301\u732b"]), max_size=12))
def test_nothing_is_pulled_across_by_what_is_read_from_right_to_left(text: str) -> None:
    marked = left_to_right(text)
    assert marked.replace(MARK, "") == text
    strong = [char for char in marked if unicodedata.bidirectional(char) in ("L", "R", "AL")]
    directions = "".join("L" if unicodedata.bidirectional(char) == "L" else "R" for char in strong)
    assert not directions.startswith("R")
    assert not directions.endswith("R")
    between = re.split(MARK, marked)[1::2]
    for part in between:  # begins and ends in letters from right to left, has none from left to right
        assert {unicodedata.bidirectional(part[0]), unicodedata.bidirectional(part[-1])} <= {"R", "AL"}
        assert "L" not in {unicodedata.bidirectional(char) for char in part}
    assert all(
        unicodedata.bidirectional(char) not in ("R", "AL")
        for part in re.split(MARK, marked)[::2]
        for char in part
    )


def test_a_learned_filter_names_its_file_whole(terminal: Runner, in_folder: Path) -> None:
    rng = np.random.default_rng(0)
    np.save("input.npy", rng.normal(size=(20, 20)))
    np.save("target.npy", np.load("input.npy"))
    name = f"a  name of  many words and {HEBREW} and two blanks.json"
    ran = terminal("learn", "input.npy", "target.npy", "--closed-form", "-o", name, columns=30)
    assert (ran.code, ran.err) == (0, "")
    assert f"\nwritten  {name.replace(HEBREW, MARK + HEBREW + MARK)}\n" in ran.out
    assert (in_folder / name).is_file()


def keys_of(value: object) -> set[str]:
    """Return the keys of all objects within a JSON value."""
    if isinstance(value, dict):
        return set(value).union(*map(keys_of, value.values()))
    return set().union(*map(keys_of, value)) if isinstance(value, list) else set()


@pytest.mark.parametrize(
    "arguments",
    [
        ("params", "in 8x8x4 @i, add { conv 4 f3 p1 | }, out { gap }, flatten, fc 9", "--by-block"),
        ("params", "in 8x8x4, conv 4 f3, fc 2", "--train", "--depth", "1"),
        ("params", "in 8x8x4, conv 4 f3", "--device", "1T,1G"),
        ("params", "in 8x8x4, conv 4 f3", "--versus-dense"),
        ("shape", "in 8x8x8x4, conv 4 f3"),
        ("shape", "in 8x8x4, conv 4 f3", "--smallest"),
        ("shape", "--n", "32", "--f", "5", "--want", "32"),
        ("params", "--list"),
    ],
)
def test_the_page_about_layers_explains_every_key(convcli: Runner, arguments: tuple[str, ...]) -> None:
    ran = convcli(*arguments, "--json")
    page = (Path(__file__).parents[2] / "docs" / "layers.md").read_text("utf-8")
    keys = set().union(*(keys_of(json.loads(line)) for line in ran.out.splitlines()))
    assert (ran.code, {key for key in keys if f"`{key}`" not in page}) == (0, set())
