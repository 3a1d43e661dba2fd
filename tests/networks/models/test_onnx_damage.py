"""Damaged and lying ONNX files: one line, exit code 2, and nothing large is read or allocated."""

import os
import threading
import tracemalloc
from contextlib import suppress
from pathlib import Path

import pytest

from convcli.errors import SizeError, SpecError
from convcli.networks.models.onnx.loading import load_onnx
from convcli.networks.models.onnx.tensors import read_tensor
from convcli.networks.models.onnx.wire import WireReader
from tests.networks.models.onnx_writer import field, graph, message, model, node, tensor, value, varint
from tests.support.command_line import Runner, assert_refused
from tests.support.memory_peak import peak_bytes

IMAGE = [1, 3, 8, 8]
GOOD = model(graph([node("Relu", ["x"], ["y"])], [value("x", IMAGE)], [value("y")]))


def with_nodes(*nodes: bytes, tensors: tuple[bytes, ...] = ()) -> bytes:
    """Return a model with an image as input."""
    return model(graph(nodes, [value("x", IMAGE)], [value("y")], tensors))


def nested(levels: int) -> bytes:
    """Return a node with branches in branches."""
    inner = node("If", ["c"], ["y"])
    for _ in range(levels):
        inner = node("If", ["c"], ["y"], then_branch=(6, graph([inner], [], [value("y")])))
    return inner


DAMAGED = {
    "empty": (b"", "has no graph"),
    "text": (b"conv 6 f5", "a field at byte 1 has wire type 3"),
    "no graph": (message((1, 8)), "has no graph"),
    "cut": (GOOD[:-30], "beyond the end"),
    "length beyond the end": (b"\x3a\xff\xff\xff\xff\x0f", "beyond the end"),
    "endless varint": (b"\x08" + b"\x80" * 20, "cut off or too long"),
    "cut varint": (b"\x08\x80", "cut off or too long"),
    "cut field": (b"\x08", "is cut off"),
    "group": (b"\x0b\x0c", "has wire type 3"),
    "number 0": (b"\x02\x00", "has number 0"),
    "a long name": (with_nodes(node("A" * 70_000, ["x"], ["y"])), "a name of 70000 bytes"),
    "10^9 dimensions": (
        with_nodes(node("Relu", ["x"], ["y"]), tensors=(message((1, bytes([1]) * 100_000), (8, "w")),)),
        "a list of more than 64 numbers",
    ),
    "many dimensions, not packed": (
        with_nodes(node("Relu", ["x"], ["y"]), tensors=(message(*[(1, 1)] * 100, (8, "w")),)),
        "tensor '' has more than 64 dimensions",
    ),
    "many dimensions of a sparse tensor": (
        model(message((1, node("Relu", ["x"], ["y"])), (15, message(*[(3, 1)] * 65)))),
        "a sparse tensor has more than 64 dimensions",
    ),
    "a negative side": (
        with_nodes(node("Relu", ["x"], ["y"]), tensors=(tensor("w", [-5]),)),
        "has a side of -5",
    ),
    "many declared dimensions": (
        model(graph([node("Relu", ["x"], ["y"])], [value("x", [1] * 70)], [value("y")])),
        "'x' has more than 64 dimensions",
    ),
    "raw data that is too short": (
        with_nodes(
            node("Reshape", ["x", "s"], ["y"]), tensors=(message((1, 2), (2, 7), (8, "s"), (9, bytes(9))),)
        ),
        "tensor 's' of 2 values has 9 bytes",
    ),
    "numbers of a wrong type": (
        with_nodes(node("Relu", ["x"], ["y"]), tensors=(message((8, "w")) + varint(1 << 3 | 5) + bytes(4),)),
        "has wire type 5",
    ),
    "an endless attribute": (
        with_nodes(node("Transpose", ["x"], ["y"], perm=[0] * 5000)),
        "attribute 'perm' has more than 4096 numbers",
    ),
    "an endless packed attribute": (
        with_nodes(
            message((1, "x"), (2, "y"), (4, "Transpose"), (5, message((1, "perm"), (8, bytes(5000)))))
        ),
        "a list of more than 4096 numbers",
    ),
    "endless packed floats": (
        with_nodes(
            message((1, "x"), (2, "y"), (4, "Upsample"), (5, message((1, "scales"), (7, bytes(20_000)))))
        ),
        "a list of 5000 numbers",
    ),
    "a name with control characters": (
        with_nodes(node("Relu", ["z"], ["y"], name="a\n\x1b[31m")),
        "which no node makes",
    ),
    "graphs in graphs": (with_nodes(nested(100)), "has more than 24 graphs within each other"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_refused_in_one_line(convcli: Runner, tmp_path: Path, name: str) -> None:
    content, why = DAMAGED[name]
    path = tmp_path / "bad.onnx"
    path.write_bytes(content)
    ran = convcli("params", path)
    assert_refused(ran, str(path))
    assert why in ran.err


@pytest.mark.parametrize("end", range(0, len(GOOD), 3))
def test_a_file_that_is_cut_is_refused(tmp_path: Path, end: int) -> None:
    path = tmp_path / "cut.onnx"
    path.write_bytes(GOOD[:end])
    if len(GOOD) - end in (14, 20):  # without one or both opsets, which come last
        assert load_onnx(str(path)).inputs[0].name == "x"
        return
    with pytest.raises(SpecError) as caught:
        load_onnx(str(path))
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(
    "bad",
    [
        node("Conv", ["x"], ["y"]),
        node("Conv", ["x", "w"], ["y"], strides=[0, 1]),
        node("Conv", ["x", "w"], ["y"], strides=[1, 1, 1]),
        node("Conv", ["x", "w"], ["y"], pads=[1, 1]),
        node("Conv", ["x", "w"], ["y"], group=0),
        node("Conv", ["x", "w"], ["y"], kernel_shape=[5, 5]),
        node("MaxPool", ["x"], ["y"]),
        node("MaxPool", ["x"], ["y"], kernel_shape=[1 << 62, 1 << 62]),
        node("Transpose", ["x"], ["y"], perm=[0, 1]),
        node("Transpose", ["x"], ["y"], perm=[9, 8, 7, 6]),
        node("Concat", [], ["y"], axis=1),
        node("Concat", ["x"], ["y"], axis=7),
        node("Split", ["x"], ["y"], num_outputs=1 << 40),
        node("Slice", ["x", "i", "i", "i", "zero"], ["y"]),
        node("Gather", ["x", "i"], ["y"], axis=1),
        node("Unsqueeze", ["x", "i"], ["y"]),
        node("Squeeze", ["x", "i"], ["y"]),
        node("Tile", ["x", "i"], ["y"]),
        node("Pad", ["x", "i"], ["y"]),
        node("Resize", ["x"], ["y"]),
        node("Resize", ["x", "", "i"], ["y"]),
        node("Range", ["i"], ["y"]),
        node("ConstantOfShape", ["minus"], ["y"]),
        node("Einsum", ["x"], ["y"], equation="ij,jk->ik"),
        node("Einsum", ["x"], ["y"], equation="ijkl->m"),
        node("LSTM", ["x", "w", "w"], ["y"]),
        node("Attention", ["x", "w", "w"], ["y"]),
        node("TopK", ["x", "nine"], ["y"]),
        node("Sum", [], ["y"]),
        node("DepthToSpace", ["x"], ["y"], blocksize=0),
        node("DepthToSpace", ["x"], ["y"], blocksize=2),
        node("GroupNormalization", ["x", "w", "w"], ["y"], num_groups=2),
        node("BatchNormalization", ["x", "nine", "nine", "nine"], ["y"]),
        node("Constant", [], ["y"], value=(5, message((1, 1 << 63)))),
        node("Softmax", [], ["y"]),
        node("Upsample", ["x"], ["y"], scales=[1.0, float("inf"), 1.0, 1.0]),
        node("Upsample", ["x"], ["y"], scales=[1.0, -1.0, 1.0, 1.0]),
        node("GlobalAveragePool", ["i"], ["y"]),
    ],
)
def test_a_node_that_is_not_valid_is_named(tmp_path: Path, bad: bytes) -> None:
    tensors = (
        tensor("w", [6, 3, 3, 3]), tensor("i", [1], [7]), tensor("nine", [1], [9]), tensor("zero", [1], [0]),
        tensor("minus", [1], [-1]),
    )  # fmt: skip
    path = tmp_path / "bad.onnx"
    path.write_bytes(with_nodes(bad, tensors=tensors))
    with pytest.raises(ValueError, match=r"node y\b|damaged"):
        load_onnx(str(path)).evaluate({"x": (1, 3, 8, 8)})


@pytest.mark.parametrize(
    "nodes",
    [
        [node("ConstantOfShape", ["huge"], ["a"]), node("Relu", ["a"], ["y"])],
        [node("Expand", ["one", "huge"], ["y"])],
        [node("Tile", ["one", "huge"], ["y"])],
        [node("Range", ["zero", "most", "one"], ["y"])],
        [node("OneHot", ["x", "most", "one"], ["y"])],
        [node("Pad", ["huge", "wide"], ["y"])],
        [node("SplitToSequence", ["x", "one"], ["s"]), node("ConcatFromSequence", ["s"], ["y"], axis=0)],
    ],
)
def test_nothing_large_is_allocated(tmp_path: Path, nodes: list[bytes]) -> None:
    tensors = (
        tensor("huge", [3], [1_000_000, 1_000_000, 1000]), tensor("one", [1, 1, 1], [1]), tensor("zero", [], [0]),
        tensor("most", [], [1 << 61]), tensor("wide", [2], [1 << 40, 1 << 40]),
    )  # fmt: skip
    path = tmp_path / "large.onnx"
    path.write_bytes(with_nodes(*nodes, tensors=tensors))
    tracemalloc.start()
    with suppress(SizeError, SpecError):
        load_onnx(str(path)).evaluate({"x": (1, 3, 8, 8)})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_the_size_of_a_file_without_one_is_asked_for(convcli: Runner, tmp_path: Path) -> None:
    path = tmp_path / "free.onnx"
    nodes = [node("Relu", ["image"], ["y"], name="r")]
    path.write_bytes(model(graph(nodes, [value("image", ["n", 3, "h", "w"])], [value("y")])))
    assert_refused(convcli("params", path), f"{path}, input 'image'")
    assert convcli("shape", path, "--n", "10x12").out.splitlines()[-1].split("\t")[1] == "10x12x3"


def test_a_missing_file_and_a_folder_are_refused(convcli: Runner, tmp_path: Path) -> None:
    folder, missing = tmp_path / "folder.onnx", tmp_path / "missing.onnx"
    folder.mkdir()
    assert_refused(convcli("params", folder), f"{folder}: is a folder")
    assert_refused(convcli("params", missing), f"{missing}: no such file or directory")


def test_a_model_comes_through_a_pipe_of_limited_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "pipe.onnx"
    os.mkfifo(path)
    for limit, refused in ((1 << 20, False), (1, True)):
        monkeypatch.setattr("convcli.networks.models.onnx.file.MAX_PIPE", limit)
        writer = threading.Thread(target=path.write_bytes, args=(GOOD,))
        writer.start()
        if refused:
            with pytest.raises(SpecError, match="is a pipe of more than 0 MiB: give a file"):
                load_onnx(str(path))
        else:
            assert load_onnx(str(path)).inputs[0].shape == (1, 3, 8, 8)
        writer.join()


def test_an_empty_file_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "empty.onnx"
    path.write_bytes(b"")
    tracemalloc.start()
    with pytest.raises(SpecError, match="has no graph"):
        load_onnx(str(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 << 20


def test_weights_are_never_read(convcli: Runner, tmp_path: Path) -> None:
    path, small = tmp_path / "sparse.onnx", tmp_path / "warm.onnx"
    assert write_sparse_model(path) == 300_000_000
    assert path.stat().st_blocks * 512 < 4_000_000
    small.write_bytes(GOOD)
    convcli("params", small)
    totals: list[str] = []
    peak = peak_bytes(lambda: totals.append(convcli("params", path).out.splitlines()[-1]))
    assert totals[0].split("\t")[:4] == ["total", "8x8x500", "75000000", "4800000000"]
    assert peak is None or peak < 30_000_000  # Python and convcli take as much before


def write_sparse_model(path: Path, *, layers: int = 300, channels: int = 500) -> int:
    """Write a model whose weights are holes of the file; return the bytes of its weights."""
    size = channels * channels * 4
    heads = [
        message((1, channels), (1, channels), (1, 1), (1, 1), (2, 1), (8, f"w{layer}"))
        + varint(9 << 3 | 2)
        + varint(size)
        for layer in range(layers)
    ]
    heads = [varint(5 << 3 | 2) + varint(len(head) + size) + head for head in heads]
    nodes = [
        node("Conv", [f"v{layer}" if layer else "x", f"w{layer}"], [f"v{layer + 1}"])
        for layer in range(layers)
    ]
    ports = [(11, value("x", [1, channels, 8, 8])), (12, value(f"v{layers}"))]
    rest = message(*((1, each) for each in nodes), *ports)
    length = len(rest) + sum(len(head) + size for head in heads)
    with path.open("wb") as stream:
        stream.write(field(1, 8) + varint(7 << 3 | 2) + varint(length))
        for head in heads:
            stream.write(head)
            stream.seek(size, 1)
        stream.write(rest + field(8, message((1, ""), (2, 17))))
    return layers * size


def test_a_tensor_of_many_unpacked_values_keeps_none_of_them() -> None:
    data = message((1, 10_000), (2, 1), (8, "w"), *[(4, 0.5)] * 10_000)
    found = read_tensor(WireReader("test.onnx", data), (0, len(data)))
    assert (len(found.data) < 5000, found.numbers(16)) == (True, None)
