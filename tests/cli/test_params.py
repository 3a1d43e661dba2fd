"""``convcli params``: counts against counting, in every form."""

import json
from pathlib import Path

import pytest

from tests.support.command_line import Runner, assert_refused, on_terminal

DENSE_KEYS = ["text", "params", "macs", "connections", "params_ratio", "macs_ratio"]


@pytest.fixture
def params(convcli: Runner) -> Runner:
    return lambda *arguments: convcli("params", *arguments)


def lines(*texts: str) -> str:
    return "".join(f"{text}\n" for text in texts)


# Into a pipe ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ("--f 5 --c-in 3 --c-out 6", 456),
        ("--filter-size 5 --c-in 3 --c-out 6", 456),
        ("--f 5 --c-in 3 --c-out 6 --no-bias", 450),
        ("--f 5x3 --c-in 3 --c-out 6", 276),
        ("--f 3 --c-in 3 --c-out 10", 280),
        ("--f 1 --c-in 192 --c-out 32", 6176),
        ("--f 3 --c-in 4 --c-out 6 --groups 2", (9 * 2 + 1) * 6),
        ("--f 3 --c-in 4 --c-out 4 --g 4", (9 * 1 + 1) * 4),
        ("--f 3 --c-in 4 --c-out 6 --groups 2 --no-bias", 9 * 2 * 6),
        ("--n 32x32x3 --f 5 --c-out 6", 456),
        ("--n 32x32x3 --f 5 --c-out 6 --c-in 3", 456),
        ("--n 32 --f 5 --c-in 3 --c-out 6", 456),
        ("--n 32x32x3 --f 5 --c-out 6 --s 2 --p same --d 2", 456),
        ("--n 128x128x1 --dense 300", 4915500),
        ("--n 128x128x1 --dense 300 --no-bias", 4915200),
        ("--n 128 --dense 300", 4915500),
        ("--n 5x5x16 --dense 120", 48120),
        ("--n 1x1x120 --dense 84", 10164),
        ("--c-in 120 --dense 84", 10164),
    ],
)
def test_count_into_a_pipe(params: Runner, options: str, count: int) -> None:
    assert params(*options.split()).all == (0, f"{count}\n", "")


def test_exact_at_any_size(params: Runner) -> None:
    huge = 10**30
    ran = params("--f", "3", "--c-in", huge, "--c-out", huge)
    assert ran.all == (0, f"{(9 * huge + 1) * huge}\n", "")
    ran = params("--n", f"{huge}x{huge}x{huge}", "--dense", huge)
    assert ran.all == (0, f"{(huge**3 + 1) * huge}\n", "")


def test_output_of_shape_is_the_input(convcli: Runner) -> None:
    size = convcli("shape", "--n", "32x32x3", "--f", "5", "--c-out", "6")
    assert size.all == (0, "28x28x6\n", "")
    ran = convcli("params", "--n", size.out.strip(), "--f", "5", "--c-out", "16")
    assert ran.all == (0, "2416\n", "")


# On a terminal --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        (
            "--f 5 --c-in 3 --c-out 6",
            lines("(f·f·c_in + 1)·c_out = (5·5·3 + 1)·6 = 456", "", "weights  5x5x3x6", "bias     1x1x1x6"),
        ),
        (
            "--f 5 --c-in 3 --c-out 6 --no-bias",
            lines("f·f·c_in·c_out = 5·5·3·6 = 450", "", "weights  5x5x3x6", "bias     none"),
        ),
        (
            "--f 3 --c-in 4 --c-out 6 --groups 2",
            lines(
                "(f·f·c_in/g + 1)·c_out = (3·3·4/2 + 1)·6 = 114", "", "weights  3x3x2x6", "bias     1x1x1x6"
            ),
        ),
        (
            "--n 32x32x3 --f 5 --c-out 6",
            lines(
                "(f·f·c_in + 1)·c_out = (5·5·3 + 1)·6 = 456",
                "",
                "weights      5x5x3x6",
                "bias         1x1x1x6",
                "output       28x28x6: 4,704 values",
                "MACs         352,800 multiply-accumulates (bias and activation not counted); 705,600 FLOPs, 2 each",
                "connections  each output value depends on 75 of 3,072 inputs",
                "sharing      each weight is used at 784 positions",
                "dense layer  (32·32·3 + 1)·(28·28·6) = 14,455,392 parameters",
                "             31,700 times the parameters, 41.0 times the MACs",
            ),
        ),
        (
            "--n 128x128x1 --dense 300",
            lines(
                "(n_h·n_w·n_c + 1)·units = (128·128·1 + 1)·300 = 4,915,500",
                "",
                "weights      16384x300",
                "bias         300",
                "MACs         4,915,200 multiply-accumulates (bias and activation not counted); 9,830,400 FLOPs, 2 each",
                "connections  each output value depends on all 16,384 inputs",
            ),
        ),
        (
            "--n 4x4x1 --dense 2 --no-bias",
            lines(
                "n_h·n_w·n_c·units = 4·4·1·2 = 32",
                "",
                "weights      16x2",
                "bias         none",
                "MACs         32 multiply-accumulates (bias and activation not counted); 64 FLOPs, 2 each",
                "connections  each output value depends on all 16 inputs",
            ),
        ),
    ],
)
def test_terminal_shows_the_formula_with_its_numbers(terminal: Runner, options: str, shown: str) -> None:
    assert terminal("params", *options.split()).all == (0, shown, "")


def test_a_small_ratio_is_not_rounded_away(terminal: Runner) -> None:
    ran = terminal("params", "--n", "3x3x1", "--f", "2", "--c-out", "1")
    assert (ran.code, ran.err) == (0, "")
    # dense: (9 + 1)·4 = 40 parameters and 36 MACs; the layer: 5 and 16
    assert ran.out.endswith("             8.00 times the parameters, 2.25 times the MACs\n")


def test_terminal_of_its_own() -> None:
    ran = on_terminal("params", "--f", "5", "--c-in", "3", "--c-out", "6", columns=20)
    assert ran.all == (
        0,
        lines("(f·f·c_in + 1)·c_out", "= (5·5·3 + 1)·6 =", "456", "", "weights  5x5x3x6", "bias     1x1x1x6"),
        "",
    )


COSTS = [
    "dtype",
    "batch",
    "weight_bytes",
    "batch_macs",
    "batch_flops",
    "batch_activations",
    "batch_peak_activations",
]
SIZED_LAYER = ["--n", "32x32x3", "--f", "5", "--c-out", "6"]


def test_terminal_shows_bytes_and_the_costs_of_a_batch(terminal: Runner) -> None:
    ran = terminal("params", *SIZED_LAYER, "--batch", "64", "--dtype", "fp16", columns=120)
    assert ran.all == (
        0,
        lines(
            "(f·f·c_in + 1)·c_out = (5·5·3 + 1)·6 = 456",
            "",
            "weights      5x5x3x6",
            "bias         1x1x1x6",
            "output       28x28x6: 4,704 values",
            "A            m x n_h x n_w x n_c = 64 x 28 x 28 x 6",
            "params       456; 912 bytes as fp16",
            "MACs         22,579,200 for a mini-batch of 64: multiply-accumulates (bias, normalization and activation not counted);",
            "             45,158,400 FLOPs, 2 each",
            "activations  301,056 values for a mini-batch of 64, 602,112 bytes (588.0 KiB); during inference, at least 497,664",
            "             values, 995,328 bytes (972.0 KiB), are held at once",
            "connections  each output value depends on 75 of 3,072 inputs",
            "sharing      each weight is used at 784 positions",
            "dense layer  (32·32·3 + 1)·(28·28·6) = 14,455,392 parameters",
            "             31,700 times the parameters, 41.0 times the MACs",
        ),
        "",
    )
    ran = terminal("params", "--f", "5", "--c-in", "3", "--c-out", "6", "--dtype", "int8")
    assert ran.out.splitlines()[-1] == "params   456; 456 bytes as int8"
    ran = terminal("params", "--c-in", "120", "--dense", "84", "--batch", "2", columns=120)
    assert "MACs         20,160 for a mini-batch of 2: " in ran.out


def test_json_has_bytes_and_the_costs_of_a_batch_if_asked(params: Runner) -> None:
    plain = json.loads(params(*SIZED_LAYER, "--json").out)
    record = json.loads(params(*SIZED_LAYER, "--json", "--batch", "64", "--dtype", "fp16").out)
    assert list(record) == [*plain, *COSTS]
    assert [record[key] for key in COSTS] == [
        "fp16", 64, 456 * 2, 352800 * 64, 2 * 352800 * 64, 4704 * 64, (4704 + 3072) * 64
    ]  # fmt: skip
    record = json.loads(params("--f", "5", "--c-in", "3", "--c-out", "6", "--dtype", "int8", "--json").out)
    assert [record[key] for key in COSTS] == ["int8", 1, 456, None, None, None, None]
    record = json.loads(params("--n", "4x4x1", "--dense", "2", "--batch", "1", "--json").out)
    assert [record[key] for key in COSTS] == ["fp32", 1, 34 * 4, 32, 64, 2, 18]


def test_a_batch_leaves_the_piped_count_as_it_is(params: Runner) -> None:
    assert params(*SIZED_LAYER, "--batch", "64", "--dtype", "fp16").all == (0, "456\n", "")


HEADER = "layer,output,params,MACs,activations,weights,bias,statistics"


@pytest.mark.parametrize(
    ("options", "row"),
    [
        ("--n 32x32x3 --f 5 --c-out 6", "conv 6 f5,28x28x6,456,352800,4704,5x5x3x6,1x1x1x6,0"),
        ("--f 5 --c-in 3 --c-out 6", "conv 6 f5,,456,,,5x5x3x6,1x1x1x6,0"),
        ("--n 4x4x1 --dense 2 --no-bias", "fc 2 nobias,2,32,32,2,16x2,,0"),
    ],
)
def test_a_table_of_one_row(params: Runner, options: str, row: str) -> None:
    assert params(*options.split(), "--csv").all == (0, lines(HEADER, row), "")
    ran = params(*options.split(), "--md")
    assert (ran.code, ran.err) == (0, "")
    header, _, cells = ([cell.strip() for cell in line[1:-1].split("|")] for line in ran.out.splitlines())
    assert (header, cells) == (HEADER.split(","), row.split(","))


# JSON -----------------------------------------------------------------------------------------------------


def test_json(params: Runner) -> None:
    ran = params("--f", "5", "--c-in", "3", "--c-out", "6", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.count("\n") == 1
    record = json.loads(ran.out)
    assert list(record)[:2] == ["input", "layers"]
    (layer,) = record["layers"]
    known = {key: value for key, value in layer.items() if value is not None}
    assert known == {
        "text": "conv 6 f5",
        "type": "conv",
        "params": 456,
        "statistics": 0,
        "weights": "5x5x3x6",
        "bias": "1x1x1x6",
        "connections": 75,
        "depth": 0,
        "tags": [],
        "reads": [0],
        "writes": 1,
        "filter": "5x5",
        "stride": "1x1",
        "dilation": "1x1",
        "receptive_field": [5, 5],
        "jump": [1, 1],
        "centre": [2, 2],
    }
    assert [record[key] for key in ("input", "output", "params", "macs", "activations")] == [
        None, None, 456, None, None
    ]  # fmt: skip


def test_json_with_a_size(params: Runner) -> None:
    ran = params("--n", "32x32x3", "--f", "5", "--c-out", "6", "--no-bias", "--json")
    assert (ran.code, ran.err) == (0, "")
    record = json.loads(ran.out)
    layer = record["layers"][0]
    assert {key: record[key] for key in ("input", "output", "params", "macs")} == {
        "input": "32x32x3",
        "output": "28x28x6",
        "params": 450,
        "macs": 352800,
    }
    assert (layer["text"], layer["output"], layer["params"]) == ("conv 6 f5 nobias", "28x28x6", 450)
    assert (layer["weights"], layer["bias"], layer["connections"]) == ("5x5x3x6", None, 75)
    assert layer["activations"] == 28 * 28 * 6
    assert list(layer["dense"]) == DENSE_KEYS
    assert layer["dense"]["text"] == "fc 4704 nobias"
    assert layer["dense"]["params"] == layer["dense"]["macs"] == 32 * 32 * 3 * 4704
    assert layer["dense"]["connections"] == 3072
    assert layer["dense"]["params_ratio"] == pytest.approx(32 * 32 * 3 * 4704 / 450)
    assert layer["dense"]["macs_ratio"] == pytest.approx(32 * 32 * 3 * 4704 / 352800)


def test_json_of_a_dense_layer(params: Runner) -> None:
    ran = params("--n", "128x128x1", "--dense", "300", "--json")
    assert (ran.code, ran.err) == (0, "")
    record = json.loads(ran.out)
    (layer,) = record["layers"]
    assert [record[key] for key in ("input", "output", "params", "macs")] == [
        "128x128x1", "300", 4915500, 4915200
    ]  # fmt: skip
    assert {key: value for key, value in layer.items() if value is not None} == {
        "text": "fc 300",
        "type": "fc",
        "input": "16384",
        "output": "300",
        "params": 4915500,
        "statistics": 0,
        "macs": 4915200,
        "activations": 300,
        "weights": "16384x300",
        "bias": "300",
        "connections": 16384,
        "depth": 0,
        "tags": [],
        "reads": [0],
        "writes": 1,
    }


@pytest.mark.parametrize(("side", "times"), [(3, "114"), (5, "41.0"), (7, "20.9"), (9, "12.6"), (15, "4.55")])
def test_multiples_are_rounded_to_three_digits(terminal: Runner, side: int, times: str) -> None:
    # Each output value needs 32·32·3 products in a dense layer, f·f·3 in a convolution.
    ran = terminal("params", "--n", "32x32x3", "--f", str(side), "--c-out", "6")
    assert ran.out.endswith(f" times the parameters, {times} times the MACs\n")


def test_json_is_exact_where_no_ratio_can_be_written(params: Runner) -> None:
    side = 10**200
    ran = params("--n", f"{side}x{side}x1", "--f", "1", "--c-out", "1", "--json")
    assert (ran.code, ran.err) == (0, "")
    record = json.loads(ran.out)
    assert (record["params"], record["macs"]) == (2, side**2)
    assert record["layers"][0]["dense"]["params"] == (side**2 + 1) * side**2
    assert record["layers"][0]["dense"]["params_ratio"] is None


# What is refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "start"),
    [
        (
            "--f 3 --c-in 4 --c-out 6 --groups 3",
            "groups 3: must divide the 4 input channels, but 4 / 3 leaves a remainder of 1; ",
        ),
        (
            "--f 3 --c-in 6 --c-out 4 --groups 3",
            "groups 3: must divide the 4 filters, but 4 / 3 leaves a remainder of 1; ",
        ),
        (
            "--f 3 --c-in 2 --c-out 4 --groups 4",
            "groups 4: must divide the 2 input channels, but 2 / 4 leaves a remainder of 2; ",
        ),
        ("--f 3 --c-in 4 --c-out 6 --groups 0", "groups '0': must be a whole number, at least 1"),
        ("--f 5 --c-in 0 --c-out 6", "input channels '0': must be a whole number, at least 1"),
        ("--f 5 --c-in -3 --c-out 6", "input channels '-3': must be a whole number, at least 1"),
        ("--f 5 --c-in 3 --c-out 1.5", "output channels '1.5': must be a whole number, at least 1"),
        ("--f 5 --c-in nan --c-out 6", "input channels 'nan': must be a whole number, at least 1"),
        ("--f 5 --c-in inf --c-out 6", "input channels 'inf': must be a whole number, at least 1"),
        ("--f five --c-in 3 --c-out 6", "filter 'five': must be "),
        ("--f 0 --c-in 3 --c-out 6", "filter '0': must be "),
        ("--f 5 --c-in 3 --c-out 6 --s 0", "stride '0': must be "),
        (
            "--n 3x3x3 --f 5 --c-out 6",
            "filter 5 on input 3: gives floor((3 + 2·0 - 5)/1) + 1 = -1, because "
            "the filter is larger than the padded input (5 > 3); ",
        ),
        ("--n 32x32x3 --f 5 --c-in 4 --c-out 6", "--c-in 4: contradicts the 3 channels of --n; "),
        ("--n 28 --dense 0", "units '0': must be a whole number, at least 1"),
        ("--n 28 --dense -5", "units '-5': must be a whole number, at least 1"),
        ("--n 28 --dense many", "units 'many': must be a whole number, at least 1"),
        ("--dense 300", "--dense: requires an input size and nothing else: "),
        ("--n 28 --dense 300 --f 5", "--dense: requires an input size and nothing else: "),
        ("--n 28 --dense 300 --c-out 5", "--dense: requires an input size and nothing else: "),
        ("--n 28 --dense 300 --c-in 5", "--dense: requires an input size and nothing else: "),
        ("--n 28 --dense 300 --s 4", "--dense: requires an input size and nothing else: "),
        ("--n 28 --dense 300 --p 1", "--dense: requires an input size and nothing else: "),
        ("--n 28 --dense 300 --d 2", "--dense: requires an input size and nothing else: "),
        ("--n 28 --dense 300 --groups 2", "--dense: requires an input size and nothing else: "),
        ("--f 5 --c-in 3 --c-out 6 --batch 2", "--batch: needs the input size: --n"),
        ("--c-in 3 --c-out 6", "--f: missing; for example: convcli params --f 5 --c-in 3 --c-out 6"),
        ("--f 5 --c-out 6", "--c-in: missing; for example: convcli params --f 5 --c-in 3 --c-out 6"),
        ("--n 32 --f 5 --c-out 6", "--c-in: missing; give it, or the channels in --n 32x32x3"),
        ("--f 5 --c-in 3", "--c-out: missing; for example: convcli params --f 5 --c-in 3 --c-out 6"),
        ("", "--f: missing; for example: convcli params --f 5 --c-in 3 --c-out 6"),
    ],
)
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_impossible_layer(params: Runner, options: str, start: str, form: tuple[str, ...]) -> None:
    assert_refused(params(*options.split(), *form), start)


# As layer text --------------------------------------------------------------------------------------------


def test_as_net_prints_layer_text(params: Runner) -> None:
    ran = params("2x { conv 6 f3 p1, relu }, maxpool f2, conv 6 f3 p1, relu", "-n", "20x20x2", "--as-net")
    assert ran.all == (
        0,
        lines("in 20x20x2", "2 x { conv 6 f3 p1, relu }", "maxpool f2", "conv 6 f3 p1, relu"),
        "",
    )


def test_as_net_names_its_source(params: Runner) -> None:
    ran = params("lenet5", "--as-net")
    assert ran.out.splitlines()[:3] == ["# from lenet5", "in 32x32x1", "conv 6 f5, tanh, avgpool f2"]
    again = params(ran.out, "--json")
    assert json.loads(again.out)["params"] == 61_706


def test_as_net_of_a_model_file_reads_back(params: Runner, in_folder: Path) -> None:
    model = Path(__file__).parents[1] / "data" / "models" / "resnet18.ts.onnx"
    ran = params(model, "--as-net", "--n", "256x256x3")
    assert ran.code == 0
    assert ran.out.splitlines()[:6] == [
        "# from resnet18.ts.onnx, which may have normalization folded into convolutions",
        "in 256x256x3",
        "# conv1, relu, maxpool",
        "conv 64 f7 s2 p3, relu, maxpool f3 s2 p1",
        "# layer1",
        "2 x { add { conv 64 f3 p1, relu, conv 64 f3 p1 | }, relu }",
    ]
    (in_folder / "model.net").write_text(ran.out, "utf-8")
    records = [
        json.loads(params(source, "--n", "256x256x3", "--json").out) for source in ("model.net", model)
    ]
    assert len({(record["params"], record["macs"], str(record["output"])) for record in records}) == 1


def test_as_net_checks_expectations(params: Runner) -> None:
    ran = params("lenet5", "--as-net", "--max-params", "1K")
    assert (ran.code, ran.out.count("conv")) == (1, 3)


def test_as_net_needs_a_network(params: Runner) -> None:
    assert_refused(params("--f", "3", "--c-in", "2", "--c-out", "2", "--as-net"), "--as-net: needs a")


# Sounds and volumes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (("--n", "16x112x112x3", "--f", "3x7x7", "--s", "1x2x2", "--c-out", "64"), (3 * 7 * 7 * 3 + 1) * 64),
        (("--n", "16x112x112x3", "--f", "3", "--c-out", "4"), (27 * 3 + 1) * 4),
        (("--f", "3x7x7", "--c-in", "3", "--c-out", "4"), (3 * 7 * 7 * 3 + 1) * 4),
        (("--n", "8000x2 1d", "--f", "80", "--c-out", "4"), (80 * 2 + 1) * 4),
        (("--n", "8000 1d", "--c-in", "2", "--f", "80", "--c-out", "4"), (80 * 2 + 1) * 4),
        (("--n", "16x16x16 3d", "--c-in", "2", "--f", "5", "--c-out", "4", "--no-bias"), 125 * 2 * 4),
        (("--n", "9x9x9x2", "--dense", "4"), (9**3 * 2 + 1) * 4),
    ],
)
def test_parameters_on_sounds_and_volumes(convcli: Runner, arguments: tuple[str, ...], count: int) -> None:
    assert convcli("params", *arguments).all == (0, f"{count}\n", "")


def test_the_costs_of_a_layer_on_a_volume(terminal: Runner) -> None:
    ran = terminal("params", "--n", "16x113x112x3", "--f", "3x7x7", "--s", "1x2x2", "--c-out", "64")
    positions, weights = 14 * 54 * 53, 3 * 7 * 7 * 3 * 64
    assert ran.out.startswith(
        "(f_d·f_h·f_w·c_in + 1)·c_out = (3·7·7·3 + 1)·64 = 28,288\n\nweights      3x7x7x3x64\nbias         1x1x1x1x64\n"
    )
    assert f"output       14x54x53x64: {positions * 64:,} values\n" in ran.out
    assert f"MACs         {positions * weights:,} multiply-accumulates" in ran.out
    assert f"sharing      each weight is used at {positions:,} positions\n" in ran.out


def test_a_pair_without_channels_may_be_a_sound(convcli: Runner) -> None:
    ran = convcli("params", "conv 6 f2", "--n", "16000x2")
    assert_refused(
        ran,
        "input: has no number of channels; add it, as in --n 224x224x3; for a sound of 2 channels, write 16000x2 1d",
    )
    assert convcli("params", "conv 6 f2", "--n", "16000x2 1d", "--max-params", "30").code == 0


def test_unknown_channels_are_asked_for_with_the_sides_given(convcli: Runner) -> None:
    ran = convcli("params", "in 9x9x9 3d, bn")
    assert_refused(ran, "input: has no number of channels; add it, as in --n 9x9x9x3")
