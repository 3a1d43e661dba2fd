"""``convcli shape`` and ``convcli params`` of whole networks: every source, form, check and refusal."""

import csv
import io
import json
import re
import sys
from pathlib import Path

import pytest

from tests.support.command_line import Runner, assert_failed, assert_refused, on_terminal

LENET = "in 32x32x1\nconv 6 f5, tanh, avgpool f2 # C1, S2\nconv 16 f5, flatten, fc 10\n"
SHAPES = """\
layer\toutput\tfield\tjump\tcentre\tpadding\tunread
conv 6 f5\t28x28x6\t5\t1\t2\t\t
tanh\t28x28x6\t5\t1\t2\t\t
avgpool f2\t14x14x6\t6\t2\t2.5\t\t
conv 16 f5\t10x10x16\t14\t2\t6.5\t\t
flatten\t1600\tall\t\t\t\t
fc 10\t10\tall\t\t\t\t
"""
PARAMS = """\
layer\toutput\tparams\tMACs\tactivations\tweights\tbias\tstatistics
conv 6 f5\t28x28x6\t156\t117600\t4704\t5x5x1x6\t1x1x1x6\t0
tanh\t28x28x6\t0\t0\t4704\t\t\t0
avgpool f2\t14x14x6\t0\t0\t1176\t\t\t0
conv 16 f5\t10x10x16\t2416\t240000\t1600\t5x5x6x16\t1x1x1x16\t0
flatten\t1600\t0\t0\t1600\t\t\t0
fc 10\t10\t16010\t16000\t10\t1600x10\t10\t0
total\t10\t18582\t373600\t13794\t\t\t0
"""


@pytest.fixture
def net(tmp_path: Path) -> Path:
    path = tmp_path / "my.net"
    path.write_text(LENET, "utf-8")
    return path


class Stdin:
    """A standard input that holds these bytes."""

    def __init__(self, content: bytes, *, terminal: bool = False) -> None:
        self.buffer = io.BytesIO(content)
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


# Where the network comes from -----------------------------------------------------------------------------


def test_a_file(convcli: Runner, net: Path) -> None:
    assert convcli("shape", net).all == (0, SHAPES, "")
    assert convcli("params", net).all == (0, PARAMS, "")


def test_a_text(convcli: Runner) -> None:
    text = "conv 6 f5, tanh, avgpool f2, conv 16 f5, flatten, fc 10"
    assert convcli("shape", text, "--n", "32x32x1").all == (0, SHAPES, "")
    assert convcli("shape", "--n", "32x32x1", text).all == (0, SHAPES, "")
    assert convcli("params", LENET).all == (0, PARAMS, "")


def test_standard_input(convcli: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    for command, answer in (("shape", SHAPES), ("params", PARAMS)):
        monkeypatch.setattr(sys, "stdin", Stdin(LENET.encode()))
        assert convcli(command, "-").all == (0, answer, "")


def test_a_shipped_network(convcli: Runner) -> None:
    ran = convcli("params", "resnet18")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[-1].split("\t")[:4] == ["total", "1000", "11689512", "1814073344"]
    assert convcli("shape", "ResNet18", "--last", "--n", "64").all == (0, "1000\n", "")


def test_n_wins_over_in(convcli: Runner, net: Path) -> None:
    ran = convcli("shape", net, "--n", "36")
    assert (ran.code, ran.err) == (0, "")
    assert [line.split("\t")[1] for line in ran.out.splitlines()[1:5]] == [
        "32x32x6", "32x32x6", "16x16x6", "12x12x16"
    ]  # fmt: skip
    ran = convcli("shape", net, "--n", "36x40x1", "--json")
    assert json.loads(ran.out)["input"] == "36x40x1"


@pytest.mark.parametrize(
    "command",
    [
        ("params",),
        ("shape",),
        ("shape", "--last"),
        ("shape", "--smallest"),
        ("shape", "--valid-sizes", "30..40"),
    ],
)
def test_channels_that_contradict_the_network_are_refused(convcli: Runner, command: tuple[str, ...]) -> None:
    err = (
        'convcli: input 3x224x224: has 224 channels, but the network begins with "in 224x224x3"; channels come last: '
        "give 224x224x3\n"
    )
    assert convcli(*command, "resnet18", "--n", "3x224x224").all == (2, "", err)
    assert convcli("params", "resnet18", "--n", "224x224x3").out.splitlines()[-1].split("\t")[2] == "11689512"


@pytest.mark.parametrize(
    ("arguments", "out"),
    [
        (("shape", "conv 4 f1, gap", "--n", "3x8x9", "--last"), "1x1x4\n"),
        (("params", "--n", "3x8x9", "--f", "1", "--c-out", "2"), "20\n"),
        (("params", "--n", "3x8x9", "--dense", "2"), "434\n"),
        (("shape", "--n", "3x8x9", "--f", "1"), "3x8\n"),
        (("shape", "--n", "1x8x9", "--f", "1"), "1x8\n"),
    ],
)
def test_channels_that_seem_to_come_first_are_noted(
    convcli: Runner, arguments: tuple[str, ...], out: str
) -> None:
    first = arguments[arguments.index("--n") + 1][0]
    assert convcli(*arguments).all == (
        0,
        out,
        f"convcli: note: input {first}x8x9 has height {first}, width 8 and 9 channels; if its channels come first, "
        f"give 8x9x{first}\n",
    )


@pytest.mark.parametrize("size", ["8x9x3", "3x8x3", "3x8x1", "1x1x512", "3x3x64", "4x8x9", "3x8"])
def test_other_inputs_are_not_noted(convcli: Runner, size: str) -> None:
    assert convcli("shape", "relu", "--n", size, "--last").all == (0, f"{size}\n", "")


def test_each_input_of_a_comparison_is_noted(convcli: Runner) -> None:
    ran = convcli("params", "conv 4 f1", "--n", "3x8x9", "--n", "3x8x8")
    assert ran.code == 0
    assert re.findall("input ([0-9x]+) has", ran.err) == ["3x8x9", "3x8x8"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\x89PNG\r\n", "is not text: byte 0 is 0x89"),
        (b"relu\0", "is not text: byte 4 is 0x00"),
    ],
)
def test_what_is_no_text(
    convcli: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, why: str
) -> None:
    path = tmp_path / "bad.net"
    path.write_bytes(content)
    for command in ("shape", "params"):
        assert convcli(command, path).all == (2, "", f"convcli: {path}: {why}\n")
        monkeypatch.setattr(sys, "stdin", Stdin(content))
        assert convcli(command, "-").all == (2, "", f"convcli: standard input: {why}\n")


def test_what_cannot_be_read(convcli: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = tmp_path / "none.net"
    assert convcli("shape", missing).all == (2, "", f"convcli: {missing}: no such file or directory\n")
    folder = tmp_path / "folder.net"
    folder.mkdir()
    assert convcli("params", folder).all == (2, "", f"convcli: {folder}: is a folder\n")
    monkeypatch.setattr(sys, "stdin", Stdin(b"", terminal=True))
    assert_refused(convcli("params", "-"), "standard input: is a terminal; give the layers in quotes")
    monkeypatch.setattr(sys, "stdin", None)
    assert_failed(convcli("params", "-"), 1, "standard input: is closed")


@pytest.mark.parametrize("text", ["", " ", "# nothing", "in 3x3x3"])
def test_nothing_to_do(convcli: Runner, text: str) -> None:
    ran = convcli("shape", text, "--n", "3x3x3")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.endswith("there are no layers; write some, for example: conv 6 f5, maxpool f2\n")


# Forms ----------------------------------------------------------------------------------------------------


def test_csv_and_markdown(convcli: Runner, net: Path) -> None:
    for command, answer in (("shape", SHAPES), ("params", PARAMS)):
        rows = [line.split("\t") for line in answer.splitlines()]
        ran = convcli(command, net, "--csv")
        assert (ran.code, ran.err) == (0, "")
        assert list(csv.reader(io.StringIO(ran.out))) == rows
        ran = convcli(command, net, "--md")
        assert (ran.code, ran.err) == (0, "")
        lines = [[cell.strip() for cell in line[1:-1].split("|")] for line in ran.out.splitlines()]
        assert [lines[0], *lines[2:]] == rows


@pytest.mark.parametrize("forms", [("--csv", "--md"), ("--json", "--csv"), ("--json", "--md")])
@pytest.mark.parametrize("command", ["shape", "params"])
def test_two_forms_are_refused(convcli: Runner, command: str, forms: tuple[str, str]) -> None:
    assert_refused(
        convcli(command, "resnet18", *forms), f"{forms[1]}: cannot be combined with {forms[0]}; choose one"
    )


LAYER_KEYS = [
    "text", "type", "line", "column", "input", "output", "params", "statistics", "macs", "activations", "weights",
    "bias", "connections", "filter", "padding", "stride", "dilation", "unread_rows", "unread_columns",
    "receptive_field", "jump", "centre", "misaligned", "depth", "tags", "reads", "writes",
    "name",
]  # fmt: skip
KEYS = [
    "input", "layers", "output", "params", "statistics", "macs", "activations", "peak_activations",
    "receptive_field", "jump", "centre",
]  # fmt: skip


def test_json(convcli: Runner) -> None:
    ran = convcli("shape", "--json", "in 33x32x3\nconv 6 f5x3 s2 p1 nobias, bn\n gap, flatten")
    assert (ran.code, ran.err, ran.out.count("\n")) == (0, "", 1)
    record = json.loads(ran.out)
    layers = record.pop("layers")
    assert record == {
        "input": "33x32x3",
        "output": "6",
        "params": 5 * 3 * 3 * 6 + 12,
        "statistics": 12,
        "macs": 16 * 16 * 6 * 5 * 3 * 3,
        "activations": 2 * 16 * 16 * 6 + 12,
        "peak_activations": 33 * 32 * 3 + 16 * 16 * 6,
        "receptive_field": [5, 3],
        "jump": [2, 2],
        "centre": [1, 0],
    }
    assert all(list(layer) == LAYER_KEYS for layer in layers)
    assert layers[0] == {
        "text": "conv 6 f5x3 s2 p1 nobias",
        "type": "conv",
        "line": 2,
        "column": 1,
        "input": "33x32x3",
        "output": "16x16x6",
        "params": 270,
        "statistics": 0,
        "macs": 69120,
        "activations": 1536,
        "weights": "5x3x3x6",
        "bias": None,
        "connections": 45,
        "filter": "5x3",
        "padding": "1",
        "stride": "2x2",
        "dilation": "1x1",
        "unread_rows": {"count": 0, "ranges": []},
        "unread_columns": {"count": 0, "ranges": []},
        "receptive_field": [5, 3],
        "jump": [2, 2],
        "centre": [1, 0],
        "misaligned": None,
        "depth": 0,
        "tags": [],
        "reads": [0],
        "writes": 1,
        "name": None,
    }
    assert layers[1]["bias"] == layers[1]["weights"] == "6"
    assert (layers[2]["receptive_field"], layers[2]["centre"]) == ([None, None], [16, 15])
    assert layers[2]["filter"] is layers[2]["stride"] is None
    assert (layers[3]["output"], layers[3]["receptive_field"], layers[3]["padding"]) == ("6", None, None)


def test_json_of_params_has_the_costs(convcli: Runner, net: Path) -> None:
    ran = convcli("params", net, "--json", "--batch", "32", "--dtype", "fp16")
    assert (ran.code, ran.err, ran.out.count("\n")) == (0, "", 1)
    record = json.loads(ran.out)
    costs = [
        "dtype",
        "batch",
        "weight_bytes",
        "batch_macs",
        "batch_flops",
        "batch_activations",
        "batch_peak_activations",
    ]
    assert list(record) == KEYS + costs
    assert [record[key] for key in costs] == [
        "fp16", 32, 18582 * 2, 373600 * 32, 2 * 373600 * 32, 13794 * 32, record["peak_activations"] * 32
    ]  # fmt: skip
    assert record["peak_activations"] == 2 * 4704


def test_json_is_exact_at_any_size(convcli: Runner) -> None:
    huge = 10**30
    ran = convcli("params", f"conv {huge} f3 p1, fc 2", "--n", f"{huge}x{huge}x{huge}", "--json")
    assert ran.code == 0
    assert ran.err.startswith(f"convcli: note: fc 2 is applied at each of {huge}x{huge} pixels")
    record = json.loads(ran.out)
    assert record["params"] == (9 * huge + 1) * huge + 2 * (huge + 1)
    assert record["macs"] == 9 * huge**4 + 2 * huge**3


def test_the_last_size_alone(convcli: Runner, net: Path) -> None:
    assert convcli("shape", net, "--last").all == (0, "10\n", "")
    assert convcli("shape", "--n", "9x7x3", "--last", "maxpool f2").all == (0, "4x3x3\n", "")


def test_by_block(convcli: Runner) -> None:
    ran = convcli("shape", "--n", "9x9x3", "--by-block", "2 x { conv 3 f3, relu }, add { relu | }")
    assert ran.all == (
        0,
        "layer\toutput\tfield\tjump\tcentre\tpadding\tunread\n"
        "2 x { conv, relu }\t5x5x3\t5\t1\t2\t\t\n"
        "add { relu | }\t5x5x3\t5\t1\t2\t\t\n",
        "",
    )


@pytest.mark.parametrize(
    ("text", "label"),
    [
        (
            "cat { conv 32 f1, 2 x { conv 32 f1, relu } | conv 32 f1 }",
            "cat { conv, 2 x { conv, relu } | conv }",
        ),
        ("2 x { 3 x { 4 x { relu }, bn }, add { relu | } }", "2 x { 3 x { 4 x { ... }, bn }, add }"),
        ("2 x { conv 4 f1 @a, bn, 2 x { relu }, add @a }", "2 x { conv, ..., 2 x { relu } }"),
        ("add { 2 x { relu } | }", "add { 2 x { relu } | }"),
        ("cat { relu | 2 x { relu } | bn }", "cat { 3 branches }"),
    ],
)
def test_labels_of_blocks(convcli: Runner, text: str, label: str) -> None:
    ran = convcli("shape", "--n", "9x9x4", "--by-block", text)
    assert (ran.code, ran.err) == (0, "")
    assert [line.split("\t")[0] for line in ran.out.splitlines()] == ["layer", label]


def test_versus_dense(convcli: Runner) -> None:
    ran = convcli("params", "--n", "4x4x1", "--versus-dense", "conv 2 f3, relu")
    assert ran.all == (
        0,
        "layer\toutput\tparams\tMACs\tdense params\tdense MACs\n"
        "conv 2 f3\t2x2x2\t20\t72\t136\t128\n"
        "relu\t2x2x2\t0\t0\t0\t0\n"
        "total\t2x2x2\t20\t72\t136\t128\n",
        "",
    )


def test_terminal_shows_the_table_and_what_it_comes_to(terminal: Runner, net: Path) -> None:
    ran = terminal("params", net, "--batch", "2", columns=100)
    assert (ran.code, ran.err) == (0, "")
    table, summary = ran.out.split("\n\n")
    assert table.splitlines()[0].split() == [
        "layer", "output", "params", "MACs", "activations", "weights", "bias"
    ]  # fmt: skip
    assert table.splitlines()[-1].split() == ["total", "10", "18,582", "373,600", "13,794"]
    assert summary == (
        "params       18,582; 74,328 bytes (72.6 KiB) as fp32\n"
        "MACs         747,200 for a mini-batch of 2: multiply-accumulates (bias, normalization and activation\n"
        "             not counted); 1,494,400 FLOPs, 2 each\n"
        "activations  27,588 values for a mini-batch of 2, 110,352 bytes (107.8 KiB); during inference, at\n"
        "             least 18,816 values, 75,264 bytes (73.5 KiB), are held at once\n"
        "field        receptive field 14x14, stride (jump) 2, first unit centered at 6.5\n"
    )


def test_terminal_tells_what_is_never_read_and_what_is_misaligned(terminal: Runner) -> None:
    ran = terminal("shape", "--n", "9x9x3", "add { maxpool f2 | avgpool f2 }", columns=100)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[2].split() == [
        "maxpool",
        "f2",
        "4x4x3",
        "2",
        "2",
        "0.5",
        "1",
        "row,",
        "1",
        "col",
    ]
    assert "unread  rows and columns of a layer's input that no window reads\n" in ran.out
    assert "misaligned" not in ran.out
    ran = terminal("shape", "--n", "8x8x3", "add { maxpool f2 | maxpool f1 s2 }", columns=120)
    assert (ran.code, ran.err) == (0, "")
    assert (
        "misaligned  add (line 1, column 1): the first units of its branches are centered at 0.5 (jump 2) and 0 (jump 2)\n"
        in ran.out
    )


@pytest.mark.parametrize("columns", [40, 80])
def test_a_terminal_of_its_own(columns: int) -> None:
    ran = on_terminal("params", "resnet18", columns=columns, NO_COLOR="1")
    assert (ran.code, ran.err) == (0, "")
    assert "1,814,073,344" in ran.out
    assert f"columns that do not fit in {columns} characters:" in " ".join(ran.out.split())
    assert max(map(len, ran.out.splitlines())) <= columns


# Checks for scripts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("most", ["18582", "18_582", "18,582", "18.582k", "19K", "0.02M", "1G", "1b"])
def test_few_enough_params(convcli: Runner, net: Path, most: str) -> None:
    assert convcli("params", net, "--max-params", most).all == (0, PARAMS, "")


@pytest.mark.parametrize("most", ["18581", "18.581k", "0.01M", "0"])
def test_too_many_params(convcli: Runner, net: Path, most: str) -> None:
    assert convcli("params", net, "--max-params", most).all == (
        1,
        PARAMS,
        f"convcli: 18,582 parameters: more than the limit of --max-params {most}\n",
    )


@pytest.mark.parametrize("most", ["", "M", "lots", "-3", "1e6", "3X", "1.2.3", "9" * 600])
def test_no_number_of_params(convcli: Runner, net: Path, most: str) -> None:
    ran = convcli("params", net, "--max-params", most)
    assert (ran.code, ran.err) == (
        2, f"convcli: --max-params {most[:50]!r}: must be a number such as 25M, 1.5M or 460000\n"
    )  # fmt: skip


def test_expected_sizes(convcli: Runner, net: Path) -> None:
    assert convcli("shape", net, "--expect", "10").all == (0, SHAPES, "")
    assert convcli("params", net, "--expect", "10").all == (0, PARAMS, "")
    assert convcli("shape", net, "--expect", "7x7x512").all == (
        1, SHAPES, "convcli: output 10: does not equal the expected 7x7x512\n"
    )  # fmt: skip
    assert convcli("shape", "--n", "9x9x3", "--last", "relu", "--expect", "9x9x3").all == (0, "9x9x3\n", "")
    assert convcli("shape", "--n", "9x9", "--last", "relu", "--expect", "9").all == (0, "9x9\n", "")
    assert_refused(convcli("shape", "--n", "32", "--f", "5", "--expect", "5y"), "expected size '5y': must be")


def test_checks_of_single_layers(convcli: Runner) -> None:
    assert convcli("shape", "--n", "32", "--f", "5", "--expect", "28").all == (0, "28x28\n", "")
    assert convcli("shape", "--n", "32", "--f", "5", "--expect", "29").all == (
        1, "28x28\n", "convcli: output 28x28: does not equal the expected 29\n"
    )  # fmt: skip
    options = ("--f", "5", "--c-in", "3", "--c-out", "6")
    assert convcli("params", *options, "--max-params", "456").all == (0, "456\n", "")
    assert convcli("params", *options, "--max-params", "455").all == (
        1, "456\n", "convcli: 456 parameters: more than the limit of --max-params 455\n"
    )  # fmt: skip


# Two networks ---------------------------------------------------------------------------------------------


def test_against(convcli: Runner) -> None:
    ran = convcli("params", "--n", "9x9x3", "conv 2 f3, relu", "--against", "conv 2 f3, bn, relu")
    assert ran.all == (
        0,
        "diff\tlayer\toutput\tparams\tMACs\tlayer 2\toutput 2\tparams 2\tMACs 2\n"
        "\tconv 2 f3\t7x7x2\t56\t2646\tconv 2 f3\t7x7x2\t56\t2646\n"
        ">\t\t\t\t\tbn\t7x7x2\t4\t0\n"
        "\trelu\t7x7x2\t0\t0\trelu\t7x7x2\t0\t0\n"
        "!\ttotal\t7x7x2\t56\t2646\ttotal\t7x7x2\t60\t2646\n",
        "",
    )


def test_against_by_block(convcli: Runner) -> None:
    first, second = "2 x { conv 2 f1, relu }, relu", "3 x { conv 2 f1, relu }, relu, fc 1"
    ran = convcli("params", "--n", "5x4x2", first, "--against", second, "--by-block")
    assert ran.all == (
        0,
        "diff\tlayer\toutput\tparams\tMACs\tlayer 2\toutput 2\tparams 2\tMACs 2\n"
        "<\t2 x { conv, relu }\t5x4x2\t12\t160\t\t\t\t\n"
        ">\t\t\t\t\t3 x { conv, relu }\t5x4x2\t18\t240\n"
        "\trelu\t5x4x2\t0\t0\trelu\t5x4x2\t0\t0\n"
        ">\t\t\t\t\tfc 1\t5x4x1\t3\t40\n"
        "!\ttotal\t5x4x2\t12\t160\ttotal\t5x4x1\t21\t280\n",
        "",
    )
    ran = convcli("params", "--n", "5x4x2", first, "--against", second, "--by-block", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert [[block["text"] for block in json.loads(line)["blocks"]] for line in ran.out.splitlines()] == [
        ["2 x { conv, relu }", "relu"],
        ["3 x { conv, relu }", "relu", "fc 1"],
    ]


def test_blocks_of_one_text_that_differ_are_marked(convcli: Runner) -> None:
    ran = convcli(
        "params", "--n", "9x9x3", "2 x { conv 4 f1 }", "--against", "2 x { conv 4 f3 }", "--by-block"
    )
    assert [line.split("\t")[:2] for line in ran.out.splitlines()[1:]] == [
        ["!", "2 x { conv }"], ["!", "total"]
    ]  # fmt: skip


def test_the_same_network_on_two_inputs(convcli: Runner, net: Path) -> None:
    ran = convcli("params", net, "--n", "32", "--n", "36", "--json")
    assert (ran.code, ran.err) == (0, "")
    records = [json.loads(line) for line in ran.out.splitlines()]
    assert [record["input"] for record in records] == ["32x32x1", "36x36x1"]
    assert [record["params"] for record in records] == [18582, 2572 + (144 * 16 + 1) * 10]


def test_comparison_on_a_terminal(terminal: Runner) -> None:
    ran = terminal("params", "resnet18", "--against", "resnet34", columns=80)
    assert (ran.code, ran.err) == (0, "")
    assert "\nparams  11,689,512 and 21,797,672: +10,108,160, 1.86 times as many\n" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80


def test_comparisons_that_are_refused(convcli: Runner) -> None:
    assert_refused(
        convcli("params", "relu", "--n", "1x1x1", "--n", "2x2x2", "--n", "3x3x3"), "--n: 3 input sizes"
    )
    assert_refused(
        convcli("params", "resnet18", "--against", "vgg11", "--versus-dense"),
        "--versus-dense: cannot be combined with --against",
    )
    assert_refused(
        convcli("params", "resnet18", "--against", "vgg12"),
        "--against, line 1, column 1: 'vgg12' is neither a layer nor a shipped network: did",
    )
    assert_refused(
        convcli("params", "in 8x8x3, conv 2 f3", "--against", "in 8x8x3, conv 2 f9"),
        "--against, line 1, column 11, conv 2 f9 on 8x8x3: filter 9 on input 8 gives floor(",
    )


# Inputs that suit -----------------------------------------------------------------------------------------


def test_valid_sizes_and_smallest(convcli: Runner, net: Path) -> None:
    assert convcli("shape", net, "--valid-sizes", "30..40").all == (0, "30\n32\n34\n36\n38\n40\n", "")
    none = "convcli: note: no side in --valid-sizes 29..31 lets every layer read every pixel: at 31, avgpool f2 (line 2, column 18) never reads 1 of its 27 rows\n"
    assert convcli("shape", net, "--valid-sizes", "29..31").all[1:] == ("30\n", "")
    assert convcli("shape", net, "--valid-sizes", "31..31").all == (0, "", none.replace("29..31", "31..31"))
    assert convcli("shape", net, "--smallest").all == (0, "14\n", "")
    assert convcli("shape", "unet", "--smallest").all == (0, "16\n", "")
    assert convcli("shape", net, "--smallest", "--json").all == (0, '{"sides": [14]}\n', "")
    assert convcli("shape", "conv 6 f5", "--n", "9x9x3", "--smallest").all == (0, "5\n", "")


@pytest.mark.parametrize(
    ("sides", "why"),
    [
        ("210..211", "at 211, conv 128 f1 s2 nobias (line 11, column 71) never reads 26 of its 53 rows: "
         "its stride skips them at every side; --ignore-unread-by 1x1 exempts it"),
        ("11..11", "at 11, conv 128 f1 s2"),
    ],
)  # fmt: skip
def test_the_first_loss_is_named(convcli: Runner, sides: str, why: str) -> None:
    ran = convcli("shape", "resnet18", "--valid-sizes", sides)
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.startswith(
        f"convcli: note: no side in --valid-sizes {sides} lets every layer read every pixel: {why}"
    )


def test_strided_shortcuts_may_skip_pixels(convcli: Runner) -> None:
    ran = convcli("shape", "resnet18", "--valid-sizes", "32..34", "--ignore-unread-by", "1x1")
    assert ran.all == (0, "32\n33\n34\n", "")
    skipping = "conv 3 f1 s2, conv 3 f2 s2"
    words = ("shape", skipping, "--n", "1x1x3", "--valid-sizes", "4..12")
    assert convcli(*words, "--ignore-unread-by", "1").out.split() == ["4", "7", "8", "11", "12"]
    assert convcli(*words, "--ignore-unread-by", "2").out == ""
    assert convcli("shape", "resnet18", "--ignore-unread-by", "1x1").all == (
        2,
        "",
        "convcli: --ignore-unread-by: needs --valid-sizes\n",
    )


@pytest.mark.parametrize("sides", ["", "200", "200-260", "260..200", "0..5", "a..b", "..", "1..2..3"])
def test_no_range_of_sides(convcli: Runner, net: Path, sides: str) -> None:
    ran = convcli("shape", net, "--valid-sizes", sides)
    assert ran.all == (
        2,
        "",
        f"convcli: --valid-sizes {sides!r}: must be a range of sides, such as 200..260\n",
    )


def test_too_many_sides(convcli: Runner, net: Path) -> None:
    assert_refused(
        convcli("shape", net, "--valid-sizes", "1..999999"),
        "--valid-sizes 1..999999: is a range of 999,999 sides; the limit is 10,000",
    )


def test_no_input_works(convcli: Runner) -> None:
    assert_refused(
        convcli("shape", "conv 4 f3 g2", "--n", "9x9x3", "--smallest"), "line 1, column 1, conv 4 f3 g2 on"
    )


# The list -------------------------------------------------------------------------------------------------


def test_list(convcli: Runner) -> None:
    ran = convcli("params", "--list")
    assert (ran.code, ran.err) == (0, "")
    header, *rows = (line.split("\t") for line in ran.out.splitlines())
    assert header == ["name", "input", "params", "MACs", "source"]
    assert [row[0] for row in rows][:3] == ["alexnet", "densenet121", "efficientnet_b0"]
    assert len(rows) == 15
    assert all(re.search("(19|20)[0-9]{2}", row[4]) for row in rows)
    ran = convcli("params", "--list", "--json")
    records = [json.loads(line) for line in ran.out.splitlines()]
    assert [(record["name"], f"{record['params']}") for record in records] == [
        (row[0], row[2]) for row in rows
    ]
    assert list(csv.reader(io.StringIO(convcli("params", "--list", "--csv").out))) == [header, *rows]


def test_list_on_a_terminal(terminal: Runner) -> None:
    ran = terminal("params", "--list", columns=80)
    assert (ran.code, ran.err) == (0, "")
    assert "resnet18         224x224x3   11,689,512   1,814,073,344\n" in ran.out


# What is refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [("--f", "5"), ("--p", "1"), ("--s", "2"), ("--d", "2"), ("--ceil",), ("--c-out", "3")],
)
def test_shape_takes_a_network_or_a_layer(convcli: Runner, options: tuple[str, ...]) -> None:
    assert_refused(convcli("shape", "resnet18", *options), "NETWORK: cannot be combined with --f, --")


@pytest.mark.parametrize(
    "options",
    [("--f", "5"), ("--p", "1"), ("--s", "2"), ("--d", "2"), ("--g", "2"), ("--c-in", "3"), ("--c-out", "3"),
     ("--no-bias",)],
)  # fmt: skip
def test_params_takes_a_network_or_a_layer(convcli: Runner, options: tuple[str, ...]) -> None:
    assert_refused(convcli("params", "resnet18", *options), "NETWORK: cannot be combined with --f, --")


@pytest.mark.parametrize(("command", "option"), [("shape", "--want"), ("params", "--dense")])
def test_options_of_a_single_layer_say_so(convcli: Runner, command: str, option: str) -> None:
    ran = convcli(command, "resnet18", option, "3")
    why = "applies to a single layer, not to a network; leave out one of them"
    assert ran.all == (2, "", f"convcli: {option}: {why}\n")


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("shape", ("--by-block",)), ("shape", ("--smallest",)), ("shape", ("--valid-sizes", "1..3")),
        ("params", ("--by-block",)), ("params", ("--versus-dense",)), ("params", ("--against", "resnet18")),
    ],
)  # fmt: skip
def test_options_of_networks_need_one(convcli: Runner, command: str, option: tuple[str, ...]) -> None:
    assert_refused(
        convcli(command, *option, "--n", "9x9x3", "--f", "3"), "NETWORK: missing; for example: convcli "
    )


@pytest.mark.parametrize(
    ("text", "err"),
    [
        (
            "conv 6 f5, maxpool f2, conv 16 f5",
            "line 1, column 24, conv 16 f5 on 2x2x6: filter 5 on input 2 gives floor((2 + 2·0 - 5)/1) + 1 = -2, because the "
            "filter is larger than the padded input (5 > 2); use a padding of at least 2 or a filter of at most 2",
        ),
        ("conv 4 f3 g2", "line 1, column 1, conv 4 f3 g2 on 8x8x3: groups 2 must divide the 3 input channels, but "
         "3 / 2 leaves a remainder of 1; the nearest number of groups that does is 1"),
        ("add { conv 6 f5 | }", "line 1, column 1, add: its branches give 4x4x6 and 8x8x3; they must have the same size"),
        ("cat @a", "line 1, column 1, cat @a: unknown tag; no earlier layer has a tag; put @a after the layer to join with"),
        ("cnov 3 f3", "line 1, column 1: unknown layer 'cnov': did you mean conv?"),
        ("add { relu |", "line 1, column 5: this brace is never closed"),
        ("9999999 x { relu }", "line 1, column 1: makes 9,999,999 layers with repeats written out; at most 100,000 are "
         "allowed"),
        ("conv 6 f3\x1b[31m", "line 1, column 8: filter '3\\x1b[31m' must be one number, or one per axis as in 4x3 (vertical x "
         "horizontal), with whole numbers of at least 1"),
    ],
)  # fmt: skip
def test_impossible_networks(convcli: Runner, text: str, err: str) -> None:
    for command in ("shape", "params"):
        ran = convcli(command, text, "--n", "8x8x3")
        assert (ran.code, ran.out) == (2, "")
        assert ran.err.replace("\\\\", "\\") == f"convcli: {err}\n"


def test_params_need_channels(convcli: Runner) -> None:
    assert_refused(
        convcli("params", "conv 6 f5", "--n", "9"),
        "input: has no number of channels; add it, as in --n 224x224x3",
    )
    assert convcli("shape", "conv 6 f5", "--n", "9", "--last").all == (0, "5x5x6\n", "")


def test_an_input_is_needed(convcli: Runner) -> None:
    assert_refused(convcli("shape", "conv 6 f5"), "the network has no input size: add --n 224x224x3")


@pytest.mark.parametrize(("option", "why"), [("--batch", "batch '0'"), ("--dtype", "dtype '0'")])
def test_wrong_batch_and_dtype(convcli: Runner, option: str, why: str) -> None:
    assert_refused(convcli("params", "resnet18", option, "0"), why)


@pytest.mark.thorough
def test_ten_thousand_layers(convcli: Runner, tmp_path: Path) -> None:
    path = tmp_path / "long.net"
    path.write_text("in 8x8x4\n" + "conv 4 f3 p1, relu\n" * 5000, "utf-8")
    ran = convcli("params", path)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[-1].split("\t")[2] == str(5000 * (9 * 4 + 1) * 4)
    ran = convcli("shape", path)
    assert ran.out.splitlines()[-1].split("\t")[:3] == ["relu", "8x8x4", "10001"]


# What is meant by an odd spec -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["shape", "--n", "8x8x3", "conv 6 5"], "write f5 for the kernel size"),
        (["shape", "--n", "8x8x3", "maxpool 2"], "must be a letter and its value together, as in f2"),
        (["shape", "--n", "8x8x3", "conv 6 f3 p same"], "as in psame"),
        (["shape", "--n", "8x8x3", "conv 6 f3; relu"], "separate layers with commas"),
        (["shape", "--n", "8x8x3", "relu, vgg11"], "vgg11 is a whole network, which cannot be a layer"),
        (["shape", "--n", "8x8x3", "conv 6 f3", "relu"], "put the layers in quotes"),
        (["shape", "--n", "3x32x32", "conv 6 f5"], "if the channels come first, give the input as 32x32x3"),
        (["shape", "--n", "3x32x32", "--f", "5"], "if the channels come first, give the input as 32x32x3"),
        (
            ["shape", "--n", "8x8x3", "conv 64 f3 same"],
            "'same' is a padding, which begins with p: did you mean psame?",
        ),
        (["shape", "--n", "8x8x3", "maxpool f3 valid"], "did you mean pvalid?"),
        (
            ["shape", "--n", "8x8x3", "attention, relu"],
            "unknown layer 'attention': layers are conv, dw, tconv, ",
        ),
        (
            ["params", "attention"],
            "'attention' is neither a layer nor a shipped network: layers are conv, dw, ",
        ),
        (
            ["shape", "--n", "8x8x3", "tconv 8 f3 s1x5 op1"],
            "at most 0 vertically and 4 horizontally; 0x1 works",
        ),
        (["shape", "resnet18", "vgg11"], "to compare two networks: convcli params resnet18 --against vgg11"),
        (
            ["shape", "alexnet", "--n", "20"],
            "convcli shape alexnet --smallest prints the smallest input that works",
        ),
        (["params", "--n", "32x32", "--f", "5", "--c-out", "6"], "the channels in --n 32x32x3"),
        (["params", "resnet18", "--list"], "for one of them: convcli params resnet18"),
        (
            ["params", "--f", "5", "--c-in", "3", "--c-out", "6", "--expect", "456"],
            "needs the input size: --n",
        ),
        (["shape", "resnet18", "--last", "--by-block"], "--by-block: cannot be combined with --last"),
        (["shape", "resnet18", "--smallest", "--valid-sizes", "1..9"], "cannot be combined with"),
        (["shape", "."], "is read as layers, not as a file: name the file *.net, or read it with - < FILE"),
    ],
)
def test_a_hint_says_what_was_probably_meant(convcli: Runner, arguments: list[str], told: str) -> None:
    ran = convcli(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err
    assert ran.err.count("\n") == 1


def test_letters_take_an_equals_sign(convcli: Runner) -> None:
    assert convcli("shape", "--n", "8x8x3", "conv 6 f=3 s=2", "--last").out == "3x3x6\n"


def test_a_dense_layer_on_an_image_is_pointed_out(terminal: Runner) -> None:
    assert (
        "is applied at each of 28x28 pixels; put flatten"
        in terminal("shape", "--n", "32x32x3", "conv 6 f5, fc 10", columns=100).out
    )
    assert "flatten" not in terminal("shape", "--n", "1x1x3", "conv 6 f1, fc 10").out


ON_IMAGE = "in 32x32x3, conv 6 f5, fc 10"
ON_IMAGE_NOTE = (
    "convcli: note: fc 10 is applied at each of 28x28 pixels; put flatten before it to get one vector\n"
)


@pytest.mark.parametrize("command", ["shape", "params"])
@pytest.mark.parametrize("form", [(), ("--json",), ("--csv",), ("--md",)])
def test_a_dense_layer_on_an_image_is_noted_in_a_pipe(
    convcli: Runner, command: str, form: tuple[str, ...]
) -> None:
    ran = convcli(command, ON_IMAGE, *form)
    assert (ran.code, ran.err) == (0, ON_IMAGE_NOTE)
    assert "flatten" not in ran.out
    assert convcli(command, "in 32x32x3, conv 6 f5, flatten, fc 10", *form).err == ""


def test_a_dense_layer_on_an_image_is_noted_once(convcli: Runner, terminal: Runner) -> None:
    assert convcli("shape", ON_IMAGE, "--last").all == (0, "28x28x10\n", ON_IMAGE_NOTE)
    for command in ("shape", "params"):
        ran = terminal(command, ON_IMAGE, columns=100)
        assert (ran.err, ran.out.count("put flatten before it")) == ("", 1)
    assert terminal("shape", ON_IMAGE, "--last").all == (0, "28x28x10\n", ON_IMAGE_NOTE)


def test_json_of_blocks_and_of_dense_layers(convcli: Runner) -> None:
    record = json.loads(convcli("params", "resnet18", "--by-block", "--versus-dense", "--json").out)
    assert sum(block["params"] for block in record["blocks"]) == record["params"]
    assert sum(block["layers"] for block in record["blocks"]) == len(record["layers"])
    assert record["layers"][0]["dense"]["params"] == (224 * 224 * 3) * (112 * 112 * 64)
    assert record["layers"][1]["dense"] is None
    assert json.loads(convcli("shape", "resnet18", "--last", "--json").out) == {"output": "1000"}


def test_branches_and_tags_are_seen_in_rows(convcli: Runner) -> None:
    ran = convcli("shape", "--n", "4x4x2", "add { relu @a | tanh, cat { silu | | relu } , conv 2 f1 }")
    assert [line.split("\t")[0] for line in ran.out.splitlines()[1:]] == [
        "relu @a", "| tanh", "silu", "| relu", "cat", "conv 2 f1", "add"
    ]  # fmt: skip
