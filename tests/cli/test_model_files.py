"""Model files on the command line: the numbers of PyTorch's trace, modules, sizes, unknown operations, errors."""

import csv
import io
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import convcli as package
from convcli.cli.completion.completers import networks
from convcli.networks import searching
from convcli.networks.models import reading
from convcli.networks.models.operations import Model, ModelInput, Shape, Weight
from convcli.networks.rows import table_rows
from convcli.networks.sources import network
from convcli.networks.tables import params_table
from tests.networks.models.onnx_writer import graph, model, node, tensor, value
from tests.support.command_line import Runner, assert_failed, assert_refused
from tests.support.model_building import ModelBuilder

MODELS = Path(__file__).parents[1] / "data" / "models"
ONNX, PT2, KERAS = (
    MODELS / "resnet18.ts.onnx",
    MODELS / "resnet18.pt2",
    MODELS / "keras_mobilenet.keras.config.json",
)
STORED, LEARNED, MACS = 11_684_712, 11_689_512, 1_814_073_344


def record_of(convcli: Runner, *arguments: object) -> dict[str, Any]:
    ran = convcli(*arguments, "--json")
    assert (ran.code, ran.err) == (0, "")
    return dict(json.loads(ran.out))


def tsv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text), delimiter="\t"))


# Totals and rows ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "params", "counts"),
    [(ONNX, STORED, "stored"), (PT2, LEARNED, "learned"), (KERAS, 4_231_976, "learned")],
)
def test_a_model_file_has_the_totals_of_its_network(
    convcli: Runner, path: Path, params: int, counts: str
) -> None:
    record = record_of(convcli, "params", path)
    assert (record["params"], record["counts"], record["unknown"]) == (params, counts, [])
    assert "at_least" not in record
    assert sum(layer["macs"] for layer in record["layers"]) == record["macs"]
    truth = json.loads((MODELS / f"{path.name.partition('.')[0]}.json").read_text("utf-8"))
    if path != KERAS:
        assert (record["macs"], record["output"]) == (truth["macs"], "1000")
    assert record["layers"][0]["name"]
    rows = tsv(convcli("params", path).out)
    assert sum(int(row["params"]) for row in rows[:-1]) == int(rows[-1]["params"]) == params
    assert [row["module"] for row in rows[:-1]] == [layer["name"] or "" for layer in record["layers"]]


def test_python_reads_model_files() -> None:
    net = package.network(PT2, 64)
    assert (net.params, net.input, net.layers[0].output) == (LEARNED, (64, 64, 3), (32, 32, 64))
    assert package.network(str(PT2), "64x96x3").layers[0].output == (32, 48, 64)
    assert [line.split()[0] for line in str(net).splitlines()[5:8]] == ["layer1", "layer1.0", "conv1:"]


@pytest.mark.parametrize("depth", [1, 2, 9])
def test_folded_modules_add_up(convcli: Runner, depth: int) -> None:
    record = record_of(convcli, "params", PT2, "--depth", depth)
    for key in ("params", "macs", "activations", "statistics"):
        assert sum(module[key] for module in record["modules"]) == record[key]
    assert sum(module["layers"] for module in record["modules"]) == len(record["layers"])
    rows = tsv(convcli("params", PT2, "--depth", depth).out)
    assert [row["module"] for row in rows[:-1]] == [module["name"] or "" for module in record["modules"]]
    assert len(rows) - 1 == {1: 11, 2: 15}.get(depth, len(rows) - 1)
    if depth == 9:
        assert [row["layer"] for row in rows[:-1]] == [layer["text"] for layer in record["layers"]]
    layer1 = [module for module in record["modules"] if (module["name"] or "").startswith("layer1")]
    assert sum(module["params"] for module in layer1) == 147_968  # torchvision's
    shapes = tsv(convcli("shape", PT2, "--depth", depth).out)
    assert [row["output"] for row in shapes] == [row["output"] for row in rows[:-1]]


def test_modules_have_headings_for_a_person(terminal: Runner) -> None:
    lines = terminal("params", PT2, columns=200).out.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("layer1"))
    for line, expected in zip(
        lines[start:],
        [
            "layer1 56x56x64 147,968 462,422,016",
            "layer1.0 56x56x64 73,984 231,211,008",
            "conv1: conv 64 f3 p1 nobias 56x56x64 36,864 115,605,504",
            "bn1: bn 56x56x64 128 0",
        ],
        strict=False,
    ):
        assert " ".join(line.split()).startswith(expected)
    net = network(PT2)
    table = params_table(net, table_rows(net, has_headings=True))
    assert sorted(table.headings)[:2] == [4, 5]
    leaves = [number for number in range(len(table.indents)) if number not in table.headings]
    for column in table.columns[2:4]:
        assert sum(int(column.cells[number] or 0) for number in leaves) == column.total


def test_braces_fold_as_modules_do(convcli: Runner) -> None:
    rows = tsv(
        convcli("params", "2 x { add { conv 3 f1, relu | } }, fc 2", "--n", "4x4x3", "--depth", "2").out
    )
    assert [(row["layer"], row["params"]) for row in rows] == [
        ("conv 3 f1, ..., add (3 layers)", "12"), ("conv 3 f1, ..., add (3 layers)", "12"), ("fc 2", "8"),
        ("total", "32"),
    ]  # fmt: skip
    text = "2 x { relu, 2 x { conv 3 f1, tanh }, silu }, 2 x { relu, 2 x { conv 3 f1 } }"
    rows = tsv(convcli("shape", text, "--n", "4x4x3", "--depth", "2").out)
    repeated = ["relu", "conv 3 f1, ..., tanh (4 layers)", "silu"]
    assert [row["layer"] for row in rows] == [*repeated, *repeated, *["relu", "conv 3 f1, conv 3 f1"] * 2]
    blocks = [convcli("params", "resnet18", *options).out for options in (["--depth", "1"], ["--by-block"])]
    assert blocks[0] == blocks[1]


def test_blocks_are_found_in_files_with_and_without_modules(convcli: Runner) -> None:
    rows = tsv(convcli("params", ONNX, "--by-block").out)
    assert ("2 x { add, relu }", "147712", "layer1") in [
        (row["layer"], row["params"], row["module"]) for row in rows
    ]
    rows = tsv(convcli("params", ONNX, "--by-block", "--train").out)
    assert [row["weights"] for row in rows if row["layer"] == "2 x { add, relu }"] == [f"{4 * 147_712}"]
    rows = tsv(convcli("shape", KERAS, "--depth", "1").out)
    assert "5 x { dw, ..., relu6 }" in [row["layer"] for row in rows]


# Sizes ----------------------------------------------------------------------------------------------------


def test_dynamic_sizes_are_asked_for(convcli: Runner) -> None:
    path = MODELS / "r18t_dyn.onnx"
    assert_refused(
        convcli("params", path), f"{path}, input 'x': has no fixed size: its height (s53) and width (s0)"
    )
    assert convcli("shape", path, "--n", "64x96", "--last").all == (0, "1000\n", "")
    for command in ("shape", "params"):
        assert_refused(
            convcli(command, path, "--n", "3x64x64"), "input 3x64x64: has 64 channels, but input 'x' of "
        )
    first, second = (record_of(convcli, "params", path, "--n", size) for size in ("64", "128"))
    assert second["layers"][0]["macs"] == 4 * first["layers"][0]["macs"]
    rows = tsv(convcli("params", path, "--n", "64", "--n", "128").out)
    assert (rows[-1]["MACs"], rows[-1]["MACs 2"]) == (str(first["macs"]), str(second["macs"]))


def test_sides_are_searched_in_model_files_too(convcli: Runner) -> None:
    path = MODELS / "r18t_dyn.onnx"
    assert convcli("shape", path, "--smallest").all == (0, "1\n", "")
    search = ("--valid-sizes", "60..70", "--ignore-unread-by", "1x1")
    assert convcli("shape", path, *search).all == convcli("shape", "resnet18", *search).all
    found = convcli("shape", path, *search[:2])
    assert (found.code, found.out) == (0, "")
    assert found.err.startswith(
        "convcli: note: no side in --valid-sizes 60..70 lets every layer read every pixel: at 70, "
    )


def test_a_search_for_sides_needs_an_image_and_an_end(
    convcli: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "words.onnx"
    path.write_bytes(model(graph([node("Relu", ["x"], ["y"])], [value("x", ["n", "words"])], [value("y")])))
    assert_refused(convcli("shape", path, "--smallest"), f"{path}: has no image as input")
    monkeypatch.setattr(searching, "MAX_MODEL_WORK", 100)
    ran = convcli("shape", MODELS / "r18t_dyn.onnx", "--valid-sizes", "60..70")
    assert_refused(
        ran, f"{MODELS / 'r18t_dyn.onnx'}: has too many layers to try so many sides: more than 100 in all"
    )


@pytest.mark.parametrize("name", ["mobilenet_v3_large.pt2", "unet_odd_bilinear.ts.onnx"])
def test_a_file_differs_from_its_text_only_in_what_was_edited(
    convcli: Runner, tmp_path: Path, name: str
) -> None:
    written = convcli("params", MODELS / name, "--as-net").out
    text = tmp_path / "model.net"
    text.write_text(written)
    rows = tsv(convcli("params", text, "--against", MODELS / name).out)
    assert {row["diff"] for row in rows} == {""}
    assert any(row["layer"] != row["layer 2"] for row in rows)  # dw and conv ... g16, cat @tag and cat
    text.write_text(written.replace(", relu", ", silu", 1))
    rows = tsv(convcli("params", text, "--against", MODELS / name).out)
    assert {row["layer"] or row["layer 2"] for row in rows if row["diff"]} == {"silu", "relu"}


def test_files_and_texts_are_compared_in_both_orders(convcli: Runner) -> None:
    text = "conv 64 f7 s2 p3 nobias, bn, relu"
    for first, second in ((text, PT2), (PT2, text)):
        ran = convcli("params", first, "--against", second, "--n", "64x64x3")
        rows = tsv(ran.out)
        assert [(row["diff"], row["layer"]) for row in rows[:3]] == [
            ("", "conv 64 f7 s2 p3 nobias"), ("", "bn"), ("", "relu")
        ]  # fmt: skip
    ran = convcli("params", PT2, "--against", MODELS / "none.pt2")
    assert_refused(ran, f"--against, {MODELS / 'none.pt2'}: no such file or directory")
    assert convcli("params", PT2, "--against", ONNX, "--text").out.count("parameters are those stored") == 1


# What a file hides ----------------------------------------------------------------------------------------


@pytest.fixture
def unknown(tmp_path: Path) -> Path:
    """A model with an operation that nobody knows, whose output size the file states."""
    nodes = [
        node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1]),
        node("Foo", ["a"], ["b"], domain="com.acme"),
        node("Conv", ["b", "v"], ["y"]),
    ]
    path = tmp_path / "unknown.onnx"
    content = graph(
        nodes,
        [value("x", ["N", 3, 8, 8])],
        [value("y", ["N", 4, 8, 8])],
        [tensor("w", [4, 3, 3, 3]), tensor("v", [4, 4, 1, 1])],
        [value("b", ["N", 4, 8, 8])],
    )
    path.write_bytes(model(content))
    return path


def test_totals_of_unknown_operations_are_lower_bounds(convcli: Runner, unknown: Path) -> None:
    record = record_of(convcli, "params", unknown)
    assert (record["params"], record["macs"], record["weight_bytes"], record["batch_macs"]) == (None,) * 4
    assert record["unknown"] == [{"type": "com.acme.Foo", "count": 1}]
    assert record["at_least"] == {"params": 124, "macs": 124 * 64}
    rows = tsv(convcli("params", unknown).out)
    assert [(row["layer"], row["output"], row["params"], row["MACs"]) for row in rows] == [
        ("conv 4 f3 p1 nobias", "8x8x4", "108", "6912"), ("? com.acme.Foo", "8x8x4", "?", "?"),
        ("conv 4 f1 nobias", "8x8x4", "16", "1024"), ("total", "8x8x4", "at least 124", "at least 7936"),
    ]  # fmt: skip
    for option in ("--csv", "--md"):
        assert "at least 7936" in convcli("params", unknown, option).out
    shown = " ".join(convcli("params", unknown, "--text").out.split())
    assert "params at least 124 stored (1 operation not counted: com.acme.Foo; exporters may fold" in shown
    assert "MACs at least 7,936 (1 operation not counted: com.acme.Foo): multiply" in shown
    rows = tsv(convcli("params", unknown, "--against", "conv 4 f3", "--n", "8x8x3").out)
    assert [row["params"] for row in rows if row["layer"] in ("? com.acme.Foo", "total")] == [
        "?",
        "at least 124",
    ]
    compared = convcli("params", unknown, "--against", "conv 4 f3", "--n", "8x8x3", "--text").out
    assert "1 operation not counted: com.acme.Foo" in " ".join(compared.split())


@pytest.mark.parametrize(
    ("check", "why"),
    [
        (["--max-params", "1k"], "--max-params: cannot be checked: 1 operation not counted: com.acme.Foo"),
        (["--max-params", "100"], "at least 124 parameters: more than the limit of --max-params 100"),
        (["--expect", "8x8x4"], "--expect: cannot be checked: 1 operation not counted: com.acme.Foo"),
        (["--expect", "8x8x5"], "output 8x8x4: does not equal the expected 8x8x5"),
    ],
)
def test_checks_fail_where_an_operation_is_unknown(
    convcli: Runner, unknown: Path, check: Sequence[str], why: str
) -> None:
    ran = convcli("params", unknown, *check)
    assert (ran.code, ran.err) == (1, f"convcli: {why}\n")


def test_an_output_of_unknown_size_fails_too(convcli: Runner, tmp_path: Path) -> None:
    path = tmp_path / "hidden.onnx"
    nodes = [node("Foo", ["x"], ["b"], domain="com.acme"), node("Relu", ["b"], ["y"])]
    path.write_bytes(model(graph(nodes, [value("x", ["N", 3, 8, 8])], [value("y")])))
    record = record_of(convcli, "shape", path)
    assert (record["output"], [layer["output"] for layer in record["layers"]]) == (None, [None, None])
    assert convcli("shape", path, "--last").out == "?\n"
    ran = convcli("shape", path, "--expect", "8x8x4")
    assert (ran.code, ran.err) == (
        1,
        "convcli: --expect: cannot be checked: 1 operation not counted: com.acme.Foo\n",
    )


def test_names_of_files_cannot_break_lines_or_move_the_cursor(convcli: Runner, tmp_path: Path) -> None:
    path = tmp_path / "names.onnx"
    foo = node("Foo\n\x1b[1m\tBar", ["x\t"], ["y\n"], domain="com.acme", name="/a\tb/\x1b[31m/Foo")
    path.write_bytes(model(graph([foo], [value("x\t", ["N\n", 3, "\x1b", 8])], [value("y\n")])))
    for options in ([], ["--csv"], ["--md"], ["--text"], ["--json"], ["--depth", "1"], ["--max-params", "9"]):
        ran = convcli("params", path, "--n", "8", *options)
        assert set(ran.out + ran.err) & set("\x1b\r") == set()
        assert "Foo\\n\\x1b[1m\\tBar" in ran.out or options == ["--json"]
    assert len(convcli("params", path, "--n", "8").out.splitlines()) == 3
    assert convcli("params", path).err.count("\n") == 1


def test_modules_may_be_nested_deeply(convcli: Runner, tmp_path: Path) -> None:
    path = tmp_path / "deep.onnx"
    count = 150
    nodes = [
        node("Relu", [f"x{number}"], [f"x{number + 1}"], name="/" + "m/" * number + "Relu")
        for number in range(count)
    ]
    path.write_bytes(model(graph(nodes, [value("x0", ["N", 3, 8, 8])], [value(f"x{count}")])))
    ran = convcli("params", path, "--text")
    assert (ran.code, ran.out.count("relu")) == (0, count)
    assert len(record_of(convcli, "params", path, "--depth", "40")["modules"]) == 41


# Several inputs and outputs, from a reader written here ---------------------------------------------------


class TwoInputs:
    """A loaded model with two images, two outputs, and a batch of 4."""

    inputs = (ModelInput("image", (4, 3, "h", "w")), ModelInput("mask", (4, 1, "h", "w")))

    def evaluate(self, shapes: dict[str, Shape]) -> Model:
        builder = ModelBuilder()
        image = builder.input(*shapes["image"], name="image")
        mask = builder.input(*shapes["mask"], name="mask")
        first = builder.convolution(image, 8, 3, name="first")
        second = builder.convolution(mask, 5, 1, name="second")
        weights = [each for operation in builder.operations for each in operation.weights]
        return builder.model(first, second, weights=(*weights, Weight("head", (7, 5))))


@pytest.fixture
def several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(reading, "_function", _function_or_fake(reading._function))
    path = tmp_path / "several.onnx"
    path.touch()
    return path


def _function_or_fake(real: Any) -> Any:
    return lambda name: (lambda _: TwoInputs()) if name.endswith(":load_onnx") else real(name)


def test_several_inputs_and_outputs_are_listed(convcli: Runner, several: Path) -> None:
    record = record_of(convcli, "params", several, "--n", "6x7")
    assert record["inputs"] == [{"name": "image", "size": "6x7x3"}, {"name": "mask", "size": "6x7x1"}]
    assert record["outputs"] == [{"name": "y0", "size": "6x7x8"}, {"name": "y1", "size": "6x7x5"}]
    assert (record["counts"], record["file_batch"]) == ("learned", 4)
    assert (record["input"], record["output"], record["macs"]) == ("6x7x3", "6x7x8", 6 * 7 * (9 * 3 * 8 + 5))
    shown = [
        " ".join(line.split()) for line in convcli("params", several, "--n", "6x7", "--text").out.splitlines()
    ]
    assert "inputs image 6x7x3, mask 6x7x1" in shown
    assert "batch the file computes 4 inputs at once; counts are for one of them" in shown
    assert "unused 35 of the parameters, which no layer needs to compute the output" in shown
    assert any(line.startswith("used by no layer 35") for line in shown)
    assert record["unused_params"] == 35
    assert record["params"] == sum(layer["params"] for layer in record["layers"]) + 35
    shown = [
        " ".join(line.split()) for line in convcli("shape", several, "--n", "6x7", "--text").out.splitlines()
    ]
    assert "outputs y0 6x7x8, y1 6x7x5" in shown
    assert_refused(
        convcli("shape", several, "--smallest", "--n", "image=6x7"), "input 'image=6x7': names inputs"
    )


# Errors ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("model.h5", "is a model or weights of Keras in HDF5: load the model in Keras and save it as .keras"),
        ("model.tflite", "is a TensorFlow Lite model; convert it with tf2onnx to .onnx"),
        ("model.safetensors", "holds weights by name, but no graph of operations: convcli params lists them"),
        ("model.pt", "holds weights by name, but no graph of operations"),
    ],
)
def test_other_files_are_refused_with_what_to_do(
    convcli: Runner, tmp_path: Path, name: str, why: str
) -> None:
    path = tmp_path / name
    path.touch()
    assert_refused(convcli("shape", path), f"{path}: {why}")


def test_an_existing_file_of_another_name_is_no_model(convcli: Runner, tmp_path: Path) -> None:
    path = tmp_path / "model.onx"
    path.touch()
    ran = convcli("params", path)
    assert_refused(ran, f"{path}: is read as layers, not as a file")
    assert ran.err.endswith("; the names of model files end with .onnx, .pt2, .keras or .json\n")


def test_a_missing_file_suggests_a_near_one(convcli: Runner, tmp_path: Path) -> None:
    shutil.copy(ONNX, tmp_path / "resnet18.onnx")
    missing = tmp_path / "resnet8.onnx"
    near = f"{missing}: no such file or directory: did you mean {tmp_path / 'resnet18.onnx'}?"
    for command in ("shape", "params"):
        assert_refused(convcli(command, missing), near)


def test_standard_input_takes_no_model_files(convcli: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (ONNX, PT2, KERAS):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
        ran = convcli("params", "-")
        assert (ran.code, ran.out) == (2, "")
        assert ran.err.endswith("; give a model file by its name, not as standard input\n")


def test_a_size_that_a_file_cannot_take_says_for_which_it_was_exported(convcli: Runner) -> None:
    path = MODELS / "vit_b_16.ts.onnx"
    ran = convcli("params", path, "--n", "240x224x3")
    assert_refused(ran, f"{path}, ")
    assert "; the file was exported for 224x224x3, and may hold numbers that fit no other input" in ran.err


def test_a_model_without_layers_is_refused_by_name(convcli: Runner, tmp_path: Path) -> None:
    path = tmp_path / "identity.onnx"
    path.write_bytes(model(graph([node("Identity", ["x"], ["y"])], [value("x", [1, 3, 8, 8])], [value("y")])))
    for command in ("shape", "params"):
        assert_refused(convcli(command, path), f"{path}, the model: has no layers")


def test_names_of_model_files_are_completed(tmp_path: Path) -> None:
    for name in ("a.onnx", "a.pt2", "a.keras", "a.json", "a.png"):
        (tmp_path / name).touch()
    offered = [text for text, _ in networks(f"{tmp_path}/a")]
    assert offered == [f"{tmp_path}/a.{extension}" for extension in ("json", "keras", "onnx", "pt2")]


def test_a_model_file_is_drawn(convcli: Runner, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    ran = convcli("params", PT2, "-o", page, "--depth", "1")
    assert ran.all == (0, f"{page}\n", "")
    assert "<title>resnet18.pt2</title>" in page.read_text("utf-8")
    assert page.read_text("utf-8").count("<tr ") == len(network(PT2).layers)
    assert_failed(
        convcli("params", PT2, "--depth", "0"), 2, "--depth '0': must be a whole number, at least 1"
    )
