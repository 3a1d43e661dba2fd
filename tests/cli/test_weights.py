"""``convcli params`` on files of weights, and ``--weights``."""

import json
from math import prod
from pathlib import Path

import pytest

from convcli import network
from convcli.cli.reports import state_dicts
from convcli.networks.models.state_dicts.tensors import StateDict, StoredTensor
from tests.support.command_line import Runner, assert_failed, assert_refused

DATA = Path(__file__).parents[1] / "data" / "models"
PTH, SAFETENSORS = f"{DATA / 'tiny.pth'}", f"{DATA / 'tiny.safetensors'}"
NET = "in 3x3x3, conv 4 f3 nobias, bn, relu, flatten, fc 2"


def test_a_row_per_tensor(convcli: Runner) -> None:
    ran = convcli("params", PTH)
    assert (ran.code, ran.err) == (0, "")
    rows = [line.split("\t") for line in ran.out.splitlines()]
    assert rows[:3] == [
        ["name", "shape", "dtype", "params", "buffers", "bytes"],
        ["0.weight", "4x3x3x3", "float32", "108", "0", "432"],
        ["1.weight", "4", "float32", "4", "0", "16"],
    ]
    assert rows[-2:] == [["half", "2x3", "bfloat16", "6", "0", "12"], ["total", "", "", "132", "9", "556"]]


def test_a_row_per_module(convcli: Runner) -> None:
    ran = convcli("params", SAFETENSORS, "--depth", "1", "--csv")
    lines = ran.out.splitlines()
    assert lines[0] == "name,tensors,dtype,params,buffers,bytes"
    assert sorted(lines[1:-1]) == [
        "0,1,float32,108,0,432", "1,5,int64 float32,8,9,72", "4,2,float32,10,0,40",
    ]  # fmt: skip
    assert lines[-1] == "total,8,,126,9,544"


def test_json_of_a_file(convcli: Runner) -> None:
    record = json.loads(convcli("params", PTH, "--json", "--depth", "1").out)
    assert [record[key] for key in ("params", "buffers", "bytes", "entry", "other_tensors")] == [
        132, 9, 556, "state_dict", 5,
    ]  # fmt: skip
    assert record["tensors"][8] == {
        "name": "tied.weight", "shape": "2x4", "dtype": "float32", "params": 0, "buffers": 0, "bytes": 0,
        "shared": "4.weight",
    }  # fmt: skip
    assert record["groups"][0] == {
        "name": "0", "tensors": 1, "dtypes": ["float32"], "params": 108, "buffers": 0, "bytes": 432,
    }  # fmt: skip


def test_a_limit_of_parameters(convcli: Runner) -> None:
    assert convcli("params", PTH, "--max-params", "132").code == 0
    ran = convcli("params", PTH, "--max-params", "131")
    assert ran.code == 1
    assert ran.err == "convcli: 132 parameters: more than the limit of --max-params 131\n"


def test_weights_that_fit(convcli: Runner) -> None:
    ran = convcli("params", NET, "--weights", SAFETENSORS)
    assert ran.all == (0, f"{SAFETENSORS} fits {NET}: the weights of 3 layers\n", "")
    record = json.loads(convcli("params", NET, "--weights", SAFETENSORS, "--json").out)
    assert record["fits"] is True
    assert record["matches"][0] == {"layer": "conv 4 f3 nobias (line 1, column 11)", "module": "0"}


def test_weights_of_one_layer_fit(convcli: Runner, tmp_path: Path) -> None:
    header = b'{"weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}'
    path = tmp_path / "one.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(24))
    ran = convcli("params", "in 1x1x3, fc 2 nobias", "--weights", path)
    assert ran.all == (0, f"{path} fits in 1x1x3, fc 2 nobias: the weights of 1 layer\n", "")


def test_weights_that_do_not_fit(convcli: Runner) -> None:
    other = NET.replace("conv 4", "conv 5").replace("fc 2", "fc 2, fc 3")
    ran = convcli("params", other, "--weights", SAFETENSORS)
    assert ran.code == 1
    assert ran.out.splitlines()[0] == (
        "0.weight is 4x3x3x3, but conv 5 f3 nobias (line 1, column 11) needs 5x3x3x3"
    )
    assert ran.err == f"convcli: {SAFETENSORS}: does not fit {other}: 3 of another shape, 1 missing\n"
    ran = convcli("params", other, "--weights", SAFETENSORS, "--json")
    record = json.loads(ran.out)
    assert (ran.code, record["fits"], len(record["wrong"]), record["left_over"]) == (1, False, 3, [])
    assert record["missing"] == [
        {"tensor": None, "shape": None, "layer": "fc 3 (line 1, column 54)", "needed": "3x2"}
    ]


def test_a_model_file_and_its_weights(convcli: Runner) -> None:
    model = f"{DATA / 'keras_small_same.keras.config.json'}"
    ran = convcli("params", model, "--weights", SAFETENSORS)
    assert ran.code == 1
    assert "missing" in ran.err


def test_an_onnx_file_and_its_weights(convcli: Runner, tmp_path: Path) -> None:
    shapes = {}
    for number, stage in enumerate(network("resnet18").layers):
        if stage.weights is not None:
            ends = stage.weights[:-3:-1] if len(stage.weights) > 1 else stage.weights
            shapes[f"{number}.weight"] = [*ends, *stage.weights[:-2]] if len(stage.weights) > 2 else [*ends]
    header, end = {}, 0
    for name, shape in shapes.items():
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end := end + 4 * prod(shape)]}
    text = json.dumps(header).encode()
    path = tmp_path / "resnet18.safetensors"
    with path.open("wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        stream.truncate(8 + len(text) + end)  # the values are a hole
    model = Path(__file__).parents[2] / "docs/models/resnet18.onnx"
    ran = convcli("params", model, "--weights", path)
    assert ran.code == 0, ran.err
    assert ran.out.endswith(
        "the weights of 21 layers, without biases and normalization, which the export has folded\n"
    )


@pytest.mark.parametrize(
    ("words", "start"),
    [
        (("shape", PTH), f"{PTH}: holds weights by name, but no graph of operations"),
        (("params", PTH, "--n", "3x3x3"), f"--n: needs a network; {PTH[:100]} holds weights, but no graph"),
        (("params", PTH, "--weights", PTH), "--weights: needs a network"),
        (("params", PTH, "--train"), "--train: needs a network"),
        (("params", NET, "--weights", "a.onnx"), "--weights a.onnx: is not a file of weights"),
        (("params", NET, "--weights", PTH, "--csv"), "--csv: cannot be combined with --weights"),
        (
            ("params", NET, "--weights", PTH, "--n", "3x3x3", "--n", "4x4x3"),
            "--weights: needs one input size",
        ),
        (("params", "conv 3 f3", "--n", "9x9", "--weights", PTH), "input: has no number of channels"),
        (("params", "--f", "3", "--c-in", "1", "--c-out", "1", "--weights", PTH), "NETWORK: missing"),
        (("params", "none.pth"), "none.pth: no such file or directory"),
    ],
)
def test_what_needs_a_network_is_refused(convcli: Runner, words: tuple[str, ...], start: str) -> None:
    assert_refused(convcli(*words), start)


def test_other_entries_of_a_checkpoint_are_counted_if_there_are_any(
    terminal: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = StateDict("a.pt", (StoredTensor("w", (2, 3), "float32"),), entry="model")
    monkeypatch.setattr(state_dicts, "read_state_dict", lambda _: found)
    lines = terminal("params", PTH).out.splitlines()
    assert lines[-1].split(maxsplit=1) == ["file", "these are the tensors of model"]
    lines = terminal("params", PTH).out.splitlines()
    monkeypatch.setattr(state_dicts, "read_state_dict", lambda _: found._replace(entry=""))
    assert terminal("params", PTH).out.splitlines() == lines[:-1]
    assert "groups" not in json.loads(terminal("params", PTH, "--json").out)


def test_on_a_terminal_lines_below_the_table_sum_up(terminal: Runner) -> None:
    text = " ".join(terminal("params", PTH).out.split())
    assert "parameters 132 in 7 tensors" in text
    assert "buffers 9 in 3 tensors: running statistics and integers" in text
    assert "shared 1 of them use the values of an earlier tensor" in text
    assert "file these are the tensors of state_dict; 5 tensors are in other entries" in text
    ran = terminal("params", "in 8x8x3, 40 x { conv 3 f3 p1 }", "--weights", SAFETENSORS)
    assert ran.out.splitlines()[-1] == "... and 14 more; --json lists all"


def test_code_in_a_file_is_refused(convcli: Runner, tmp_path: Path) -> None:
    path = tmp_path / "evil.pth"
    path.write_bytes(b"\x80\x02cposix\nsystem\n.")
    assert_failed(
        convcli("params", f"{path}"), 2, f"{path}: names posix.system, which is code and no weights"
    )
