"""Weights of trained networks as kernels: tensors by name, the order of their axes, files that cannot be trusted.

``data/weights.safetensors`` was written by safetensors 0.7 from a ``torch.nn.Conv2d(3, 4, (2, 3))``;
``data/weights.npz`` has the same layer, an image (7, 8, 3) and PyTorch's output of it, the numbers of the
half and bfloat16 tensors as float64.
"""

import io
import json
import os
import tracemalloc
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from shutil import copyfile
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from convcli.errors import ConvcliError, KernelError, UsageError
from convcli.kernels.weights import read_weights, split_weights
from convcli.layers.volumes import convolve_volume
from tests.support.command_line import Runner, assert_failed, assert_refused, nothing_changes

Array = NDArray[Any]
DATA = Path(__file__).parents[1] / "data"
NPZ, SAFETENSORS = DATA / "weights.npz", DATA / "weights.safetensors"


@pytest.fixture(scope="module")
def golden() -> Mapping[str, Array]:
    with np.load(NPZ) as arrays:
        return dict(arrays)


@pytest.mark.parametrize("name", ["weights.npz", "weights.npy", "weights.safetensors"])
def test_a_path_may_be_bytes_or_any_path_like(name: str, tmp_path: Path) -> None:
    class Where:
        def __fspath__(self) -> str:
            return str(path)

    path = tmp_path / name
    if name == "weights.npy":
        np.save(path, [[1, 2]])
    else:
        copyfile(DATA / name, path)
    options = {} if name == "weights.npy" else {"tensor": "conv1.weight", "order": "oihw"}
    weights = read_weights(path, **options)
    assert (read_weights(Where(), **options) == weights).all()
    assert (read_weights(os.fsencode(path), **options) == weights).all()  # type: ignore[arg-type]


@pytest.mark.parametrize("extension", ["npz", "safetensors", "npy", "csv", "json"])
def test_a_name_with_a_zero_byte_is_no_file(extension: str) -> None:
    with pytest.raises(KernelError, match="embedded null byte"):
        read_weights(f"a\0.{extension}")


def written(path: Path, header: object, numbers: bytes = b"", length: int | None = None) -> Path:
    """Write a .safetensors file by hand."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + numbers)
    return path


def entry(*offsets: object, shape: object = (2, 2), dtype: object = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


# What is read ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", [NPZ, SAFETENSORS])
def test_a_layer_of_pytorch_gives_its_output(file: Path, golden: Mapping[str, Array]) -> None:
    taps = read_weights(file, "conv1.weight", order="oihw")
    assert (taps.shape, taps.dtype) == ((2, 3, 3, 4), np.dtype(np.float64))
    maps = convolve_volume(golden["image"], taps, padding="valid") + golden["conv1.bias"]
    np.testing.assert_allclose(maps, golden["output"], rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("name", ["half", "brain"])
def test_half_floats_keep_their_numbers(name: str, golden: Mapping[str, Array]) -> None:
    np.testing.assert_array_equal(
        read_weights(SAFETENSORS, name, order="oihw"), golden[name].transpose(2, 3, 1, 0)
    )
    np.testing.assert_array_equal(read_weights(SAFETENSORS, name, order="hwio"), golden[name])


def test_whole_numbers_stay_whole_and_two_axes_need_no_order() -> None:
    taps = read_weights(SAFETENSORS, "whole")
    assert (taps.dtype, taps.tolist()) == (np.dtype(np.int64), [[0, 1, 2], [3, 4, 5]])


@pytest.mark.parametrize("kind", ["bool", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"])
def test_every_type_of_numbers(tmp_path: Path, kind: str) -> None:
    values = np.array([[0, 1], [1, 0]], kind)
    bits = values.itemsize * 8
    name = "BOOL" if kind == "bool" else f"{kind[0].upper()}{bits}"
    header = {"w": entry(0, values.nbytes, dtype=name)}
    file = written(tmp_path / "w.safetensors", header, values.tobytes())
    assert read_weights(file).tolist() == values.tolist()


def test_other_files_may_be_in_either_order(tmp_path: Path) -> None:
    bank = np.arange(2 * 3 * 4 * 5).reshape(5, 4, 2, 3)
    np.save(tmp_path / "bank.npy", bank)
    assert read_weights(tmp_path / "bank.npy").shape == (5, 4, 2, 3)
    np.testing.assert_array_equal(
        read_weights(tmp_path / "bank.npy", order="oihw"), bank.transpose(2, 3, 1, 0)
    )
    np.save(tmp_path / "one.npy", bank[0])
    np.testing.assert_array_equal(
        read_weights(tmp_path / "one.npy", order="oihw"), bank[0].transpose(1, 2, 0)
    )


def test_the_only_tensor_needs_no_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "one.npz", [[1, 0, -1]])
    assert read_weights(tmp_path / "one.npz").tolist() == [[1, 0, -1]]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a.npz:b", ("a.npz", "b")),
        ("a.NPZ", ("a.NPZ", None)),
        ("dir.npz/a.safetensors:b/c:0", ("dir.npz/a.safetensors", "b/c:0")),
        ("a:b.json", ("a:b.json", None)),
        ("a.npzb", ("a.npzb", None)),
    ],
)
def test_names_of_tensors_are_split_off(text: str, parts: tuple[str, str | None]) -> None:
    assert split_weights(text) == parts


# What is refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tensor", "order", "message"),
    [
        (
            None,
            None,
            r"holds 6 tensors; name one, as in .*:conv1.bias \(conv1.bias, conv1.weight, empty, brain, half, whole\)",
        ),
        ("conv1.wait", None, r"no such tensor; did you mean conv1.weight\?"),
        ("conv1.weight", None, r"4x3x2x3; give the order of its axes: --order oihw .* or hwio"),
        ("conv1.bias", "oihw", r"must have two to four axes"),
        ("empty", None, r"is 0x3; must have 1 to"),
        ("conv1.weight", "iohw", r"did you mean (oihw|hwio)\?"),
    ],
)
def test_unknown_tensors_and_orders_are_refused(tensor: str | None, order: str | None, message: str) -> None:
    with pytest.raises((KernelError, UsageError), match=message):
        read_weights(SAFETENSORS, tensor, order=order)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", ["npz", "safetensors"])
def test_weights_that_are_not_finite(tmp_path: Path, kind: str, value: float) -> None:
    taps, file = np.array([[1, value]], np.float32), tmp_path / f"w.{kind}"
    if kind == "npz":
        np.savez(file, w=taps)
    else:
        written(file, {"w": entry(0, 8, shape=(1, 2))}, taps.tobytes())
    with pytest.raises(KernelError, match=f"row 1, column 2 is {value}, not finite"):
        read_weights(file)


FOUR = b"\0" * 16


@pytest.mark.parametrize(
    ("header", "numbers", "message"),
    [
        ({"a": entry(0, 17)}, FOUR + b"\0", r"a: has 17 bytes, but F32 of shape \(2, 2\) needs 16"),
        ({"a": entry(0, 16, shape=(2, 2**62))}, FOUR, r"needs 36893488147419103232"),
        (
            {"a": entry(0, 2**62, shape=(2**60,))},
            FOUR,
            r"it holds 16 bytes of values, its header lists 0 to 461",
        ),
        ({"a": entry(-16, 0)}, FOUR, r"integers of at least 0"),
        ({"a": entry(16, 0)}, FOUR, r"ends at byte 0, before it begins at byte 16"),
        ({"a": entry(0, 16, shape=(-2, -2))}, FOUR, r"integers of at least 0"),
        ({"a": entry(0, 16, shape=(2.0, 2))}, FOUR, r"integers of at least 0"),
        ({"a": entry(False, 16)}, FOUR, r"integers of at least 0"),
        ({"a": entry(0, 16, 32)}, FOUR, r"two data_offsets"),
        ({"a": entry(0, 2**63)}, FOUR, r"integers of at least 0"),
        ({"a": entry(0, 16), "b": entry(8, 24)}, FOUR + FOUR, r"has overlapping tensors: a and b"),
        ({"a": entry(0, 16), "b": entry(0, 16)}, FOUR, r"has overlapping tensors: a and b"),
        ({"a": entry(0, 16), "b": entry(20, 36)}, FOUR * 3, r"has a gap of 4 bytes before b"),
        ({"a": entry(4, 20)}, FOUR + b"1234", r"its header lists 4 to 20"),
        (
            {"a": entry(0, 16)},
            FOUR[:-1],
            r"is truncated or damaged: it holds 15 bytes of values, its header lists 0 to 16",
        ),
        ({"a": entry(0, 16)}, FOUR + b"junk", r"it holds 20 bytes of values"),
        ({"a": entry(0, 16, dtype="F8_E4M3", shape=(4, 4))}, FOUR, r"is F8_E4M3, which is not supported"),
        ({"a": entry(0, 16, dtype=["F32"])}, FOUR, r"must have a dtype"),
        ({"a": entry(0, 0, shape=(0, 2**62, 2**62))}, b"", r"is 0x4611686018427387904x.*; must have 1 to"),
        ({"a": entry(0, 4, shape=[1] * 100)}, FOUR[:4], r"has 100 axes; at most 32 are supported"),
        ({"a": entry(0, 4, shape=[10**9] * 1000)}, FOUR[:4], r"has 1000 axes"),
        ({"a": [0, 16]}, FOUR, r"has no dtype, shape and data_offsets"),
        ({}, b"", r"holds no tensors"),
        ([], b"", r"has an invalid header: it is not a JSON object"),
        (b"{'a': 1}", b"", "has an invalid header: "),
        (b"[" * 100_000, b"", "has an invalid header: it is nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", b"", "has an invalid header: "),
        (b"\xff\xfe", b"", "has an invalid header: "),
        (b'{"a": {"dtype": "F32", "dtype": "F64"}}', b"", r"a name occurs twice"),
    ],
)
def test_malformed_headers(tmp_path: Path, header: object, numbers: bytes, message: str) -> None:
    with pytest.raises(KernelError, match=message):
        read_weights(written(tmp_path / "w.safetensors", header, numbers))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "a header of 0 bytes in a file of 0"),
        (b"\1\0\0", "is truncated, or not a .safetensors file: "),
        (b"\xff" * 8, "a header of 18446744073709551615 bytes in a file of 8"),
        (b"\x10" + b"\0" * 7 + b"{}", "a header of 16 bytes in a file of 10"),
    ],
)
def test_headers_longer_than_the_file(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(KernelError, match=message):
        read_weights(tmp_path / "w.safetensors")


def test_sizes_in_a_header_allocate_nothing(tmp_path: Path) -> None:
    long = tmp_path / "long.safetensors"
    with long.open("wb") as stream:  # a header of 4 GB, which is there, in a file with a hole
        stream.write((4 * 10**9).to_bytes(8, "little"))
        stream.truncate(4 * 10**9 + 8)
    many = written(tmp_path / "many.safetensors", {"a": entry(0, 4 * 10**9, shape=(10**9,))})
    tracemalloc.start()
    try:
        with pytest.raises(KernelError, match="at most 10000000 are supported"):
            read_weights(long)
        with pytest.raises(KernelError, match="holds 0 bytes of values"):
            read_weights(many)
        with many.open("ab") as stream:
            stream.truncate(many.stat().st_size + 4 * 10**9)
        with pytest.raises(KernelError, match="is 1000000000; must have 1 to"):
            read_weights(many)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def damaged(content: bytes) -> list[bytes]:
    """Return the file cut and changed in many places."""
    rng = np.random.default_rng(0)
    cut = [content[: int(end)] for end in rng.integers(0, len(content), 60)]
    changed = []
    for place in rng.integers(0, len(content), 200):
        other = bytearray(content)
        other[place] ^= int(rng.integers(1, 256))
        changed.append(bytes(other))
    return cut + changed


@pytest.mark.parametrize("file", [NPZ, SAFETENSORS])
def test_damage_is_reported_or_changes_numbers_only(file: Path, tmp_path: Path) -> None:
    mutant = tmp_path / file.name
    refused = 0
    for content in damaged(file.read_bytes()):
        mutant.write_bytes(content)
        try:
            taps = read_weights(mutant, "conv1.weight", order="oihw")
        except ConvcliError:
            refused += 1
        else:
            assert taps.shape == (2, 3, 3, 4)
            assert np.isfinite(taps).all()
    assert refused >= 60


@pytest.mark.parametrize("way", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2, zipfile.ZIP_DEFLATED])
def test_damage_is_reported_for_every_compression(way: int, tmp_path: Path) -> None:
    member = io.BytesIO()
    taps = np.random.default_rng(0).standard_normal((3, 3))
    np.save(member, taps)
    with zipfile.ZipFile(tmp_path / "w.npz", "w", way) as archive:
        archive.writestr("w.npy", member.getvalue())
    whole = (tmp_path / "w.npz").read_bytes()
    for place in range(40, 120, 3):
        (tmp_path / "w.npz").write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
        with suppress(KernelError):  # some bytes of the format say nothing
            np.testing.assert_array_equal(read_weights(tmp_path / "w.npz"), taps)


def test_a_compressed_bomb_is_not_unpacked(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f8", "fortran_order": False, "shape": (1 << 15, 1 << 15)}
    )
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("w.npy", header.getvalue() + bytes(50_000_000))
    with pytest.raises(KernelError, match="holds 1073741824 numbers, more than"):
        read_weights(tmp_path / "bomb.npz")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    for kind in ("npz", "safetensors"):
        file = tmp_path_factory.getbasetemp() / f"any.{kind}"
        file.write_bytes(content)
        with pytest.raises(KernelError):
            read_weights(file)


# As typed -------------------------------------------------------------------------------------------------


def test_apply_takes_the_weights_of_a_layer(
    convcli: Runner, in_folder: Path, golden: Mapping[str, Array]
) -> None:
    copyfile(SAFETENSORS, in_folder / "net.safetensors")
    np.save(in_folder / "image.npy", golden["image"])
    bias = ",".join(map(str, golden["conv1.bias"].tolist()))
    done = convcli(
        "apply", "image.npy", "--kernel", "@net.safetensors:conv1.weight", "--order", "oihw",
        "--padding", "valid", "--bias", bias, "--json",
    )  # fmt: skip
    assert (done.code, done.err) == (0, "")
    told = json.loads(done.out)
    assert (told["filter"], told["output"]) == ("conv1.weight", "image-conv1.weight.npy")
    np.testing.assert_allclose(
        np.load(in_folder / "image-conv1.weight.npy"), golden["output"], rtol=1e-5, atol=1e-4
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--kernel", "@net.npz:conv1.weight"],
            "net.npz:conv1.weight: is 4x3x2x3; give the order of its axes",
        ),
        (["--kernel", "@net.npz"], "net.npz: holds 6 tensors; name one, as in net.npz:conv1.weight"),
        (
            ["--kernel", "net.npz:half"],
            "--kernel: net.npz:half is a file; write it with an @: --kernel @net.npz:half",
        ),
        (["--filter", "sobel-x", "--order", "oihw"], "--order: applies only to weights from a file"),
        (
            ["--kernel", "@net.npz:conv1.weight", "--order", "pytorch"],
            "order 'pytorch': unknown value; choose from hwio, oihw",
        ),
        (["--kernel", "@none.npz:a"], "none.npz: no such file"),
    ],
)
def test_what_is_refused_before_anything_is_read(
    convcli: Runner, in_folder: Path, arguments: list[str], message: str
) -> None:
    copyfile(NPZ, in_folder / "net.npz")
    with nothing_changes(in_folder):
        assert_refused(convcli("apply", "image.npy", *arguments), message)


def test_pytorchs_order_in_an_npy_file_is_pointed_at(convcli: Runner, in_folder: Path) -> None:
    np.save(in_folder / "image.npy", np.zeros((9, 9, 3), np.uint8))
    np.save(in_folder / "k.npy", np.ones((4, 3, 5, 5)))
    done = convcli("apply", "image.npy", "--kernel", "@k.npy")
    assert_failed(
        done,
        1,
        "image.npy: k: its filters have 5 channels (4x3x5x5), but the picture has 3; "
        "if the axes are (F, C, f, f), add --order oihw",
    )


def test_kernels_of_another_depth_are_refused(convcli: Runner, in_folder: Path) -> None:
    copyfile(NPZ, in_folder / "net.npz")
    np.save(in_folder / "gray.npy", np.zeros((5, 5), np.uint8))
    done = convcli("apply", "gray.npy", "--kernel", "@net.npz:conv1.weight", "--order", "oihw")
    assert_failed(done, 1, "gray.npy: taps 2x3x3x4: must be (f_h, f_w, 1) or (f_h, f_w, 1, F)")
