"""Files that are not what their names say, and errors of the system: one line that says what to do."""

import errno
import gc
from pathlib import Path

import pytest

from convcli.errors import SpecError
from convcli.networks.models import refusing
from convcli.networks.models.checking import check_model
from convcli.networks.models.operations import Array, Model, Operation, OperationKind
from convcli.networks.models.reading import open_model
from convcli.networks.models.state_dicts.loading import read_state_dict
from tests.networks.models.onnx_writer import graph, model, node, tensor, value
from tests.support.command_line import Runner, assert_refused

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
MODELS = Path(__file__).parents[2] / "data" / "models"
OTHERS = [
    *((f"a{extension}", POINTER, "run: git lfs pull") for extension in (".onnx", ".pt2", ".keras", ".json", ".pth", ".safetensors")),
    ("a.onnx", b"<!DOCTYPE html><html>", "is a web page"),
    ("a.keras", b"\x89HDF\r\n\x1a\n" + bytes(90), "is in HDF5"),
    ("a.onnx", b"\x1f\x8b" + bytes(90), "is compressed by gzip"),
    ("a.json", (MODELS / "tiny.pth").read_bytes(), "is a zip archive, which no .json file is"),
    ("a.bin", (MODELS / "tiny.safetensors").read_bytes(), "give it the ending .safetensors"),
    ("a.onnx", b"conv 6 f5", "damaged or not a model"),
    ("a.pth", b"", "is not a file of weights"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "why"), OTHERS)
def test_a_file_of_another_kind_is_named(
    convcli: Runner, tmp_path: Path, name: str, content: bytes, why: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    ran = convcli("params", path)
    assert_refused(ran, str(path))
    assert why in ran.err


@pytest.mark.parametrize(
    ("error", "why"),
    [(MemoryError(), "needs more memory"), (OSError(errno.EIO, "Input/output error"), "input/output error")],
)
def test_errors_of_the_system_name_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, why: str
) -> None:
    def fail(*_: object) -> None:
        raise error

    path = tmp_path / "a.keras"
    path.write_bytes((MODELS / "tiny.pth").read_bytes())
    monkeypatch.setattr("convcli.networks.models.archives.Archive._bytes_at", fail)
    with pytest.raises(SpecError, match=rf"a\.keras: {why}"):
        open_model(path)
    with pytest.raises(SpecError, match=rf"a\.pth: {why}"):
        read_state_dict(path.rename(tmp_path / "a.pth"))


def test_a_network_that_needs_too_much_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = open_model(MODELS / "m5_audio.ts.onnx")

    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("convcli.networks.models.onnx.evaluation.Evaluation.run", fail)
    with pytest.raises(SpecError, match="needs more memory than is available"):
        opened.network(None)


def test_a_file_that_is_gone_keeps_its_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SpecError, match="first"), refusing.explained_errors(str(tmp_path / "none.onnx")):
        raise SpecError("none.onnx", "first")
    monkeypatch.setattr("os.path.isfile", lambda _: True)  # removed in between
    with pytest.raises(SpecError, match="first"), refusing.explained_errors(str(tmp_path / "none.onnx")):
        raise SpecError("none.onnx", "first")


@pytest.mark.parametrize("factor", [0.0, 1e-30])
def test_an_image_that_is_scaled_to_nothing_is_refused(
    convcli: Runner, tmp_path: Path, factor: float
) -> None:
    path = tmp_path / "nothing.onnx"
    scales = tensor("s", [4], [1.0, 1.0, factor, 1.0])
    nodes = [node("Upsample", ["x", "s"], ["y"])]
    path.write_bytes(model(graph(nodes, [value("x", [1, 3, 8, 8])], [value("y")], [scales]), opset=9))
    ran = convcli("params", path)
    assert_refused(ran, str(path))
    assert "cannot make 1x3x0x8 of 1x3x8x8" in ran.err


@pytest.mark.parametrize(
    ("kind", "inputs", "why"),
    [
        (OperationKind.IDENTITY, (Array(7, (1, 4)),), "a (Op): reads an array that no operation before it"),
        (OperationKind.IDENTITY, (Array(0, (4, 1)),), "a (Op): reads an array in another shape than it was"),
        (OperationKind.IDENTITY, (Array(0, (1, 5)),), "a (Op): cannot make 1x4 of 1x5"),
        (OperationKind.LAYER, (), "a (Op): is a layer of no type, or reads nothing"),
        (OperationKind.UNKNOWN, (Array(0, (1, 5)),), "output y: no operation of the model computes it"),
    ],
)
def test_operations_that_contradict_their_arrays_are_refused(
    kind: OperationKind, inputs: tuple[Array, ...], why: str
) -> None:
    operation = Operation(kind=kind, source="Op", name="a", inputs=inputs, output=Array(1, (1, 4)))
    with pytest.raises(SpecError) as raised:
        check_model(Model((("x", Array(0, (1, 5))),), (("y", Array(9, (1, 4))),), (operation,)))
    assert str(raised.value).startswith(why)


def test_the_search_for_garbage_stays_off_where_it_was_off() -> None:
    assert gc.isenabled()
    opened = open_model(MODELS / "keras_small_same.keras.config.json")
    gc.disable()
    try:
        assert opened.network(None).params == 42_138
        assert not gc.isenabled()
    finally:
        gc.enable()
    opened.network(None)
    assert gc.isenabled()
