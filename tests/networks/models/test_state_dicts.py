"""Files of weights: what torch 2.13 and safetensors wrote, and damaged and hostile files.

The files ``tiny*`` hold the state of a Sequential: a convolution from 3 to 4 channels without bias, batch
normalization and a dense layer from 4 to 2; in the .pth files also a tensor that shares its values, and another of
bfloat16. ``tiny.pth`` is a checkpoint with an optimizer, ``tiny_legacy.pth`` is in the format before PyTorch 1.6.
"""

import io
import json
import pickle
import random
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from convcli.errors import SpecError
from convcli.networks.models.state_dicts import pickles, pytorch
from convcli.networks.models.state_dicts.loading import read_state_dict
from convcli.networks.models.state_dicts.pickles import PickleError, read_pickle
from convcli.networks.models.state_dicts.rebuilding import Mapped, Placeholder, Rebuilt

DATA = Path(__file__).parents[2] / "data" / "models"
TENSORS = [
    ("0.weight", (4, 3, 3, 3), "float32", 108, 0),
    ("1.weight", (4,), "float32", 4, 0),
    ("1.bias", (4,), "float32", 4, 0),
    ("1.running_mean", (4,), "float32", 0, 4),
    ("1.running_var", (4,), "float32", 0, 4),
    ("1.num_batches_tracked", (), "int64", 0, 1),
    ("4.weight", (2, 4), "float32", 8, 0),
    ("4.bias", (2,), "float32", 2, 0),
]


@pytest.mark.parametrize(
    ("name", "entry", "others"),
    [("tiny.pth", "state_dict", 5), ("tiny_legacy.pth", "", 0), ("tiny.safetensors", "", 0)],
)
def test_names_shapes_and_types_are_read(name: str, entry: str, others: int) -> None:
    found = read_state_dict(DATA / name)
    tensors = [(t.name, t.shape, t.dtype, t.params, t.buffers) for t in found.tensors]
    if name.endswith(".safetensors"):
        assert sorted(tensors) == sorted(TENSORS)
        assert found.total.size == 126 * 4 + 8 * 4 + 8
    else:
        assert tensors == [
            *TENSORS,
            ("tied.weight", (2, 4), "float32", 0, 0),
            ("half", (2, 3), "bfloat16", 6, 0),
        ]
        assert [tensor.shared for tensor in found.tensors if tensor.shared] == ["4.weight"]
        assert found.total.size == 126 * 4 + 8 * 4 + 8 + 6 * 2
    assert (found.entry, found.others) == (entry, others)
    assert (found.total.params - (not name.endswith("rs")) * 6, found.total.buffers) == (126, 9)


def test_tensors_are_grouped_by_module() -> None:
    groups = read_state_dict(DATA / "tiny.safetensors").groups(1)
    assert sorted((group.name, group.params, group.buffers, len(group.tensors)) for group in groups) == [
        ("0", 108, 0, 1),
        ("1", 8, 9, 5),
        ("4", 10, 0, 2),
    ]


class Call:
    """Pickles as the call of a function."""

    def __init__(self, function: Any, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, tuple[object, ...]]:
        return self.call


def archive(path: Path, pickled: bytes, **members: bytes) -> Path:
    """Write a .pth file with this pickle."""
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("net/data.pkl", pickled)
        for name, content in members.items():
            made.writestr(f"net/{name.replace('_', '/')}", content)
    return path


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_of_plain_values_are_read(protocol: int) -> None:
    values = [
        1,
        -1,
        300,
        70_000,
        2**40,
        -(2**100),
        "text",
        "é" * 300,
        None,
        True,
        False,
        [],
        (),
        (1,),
        (1, 2, 3, 4),
    ]
    again = read_pickle(pickle.dumps([*values, values, values], protocol)).value
    assert again == [*values, values, values]
    found = read_pickle(pickle.dumps({"a": [1.5], "b": {2: "two"}}, protocol)).value
    assert isinstance(found, Mapped)
    assert [key for key, _ in found.pairs] == ["a", "b"]
    assert isinstance(found.pairs[1][1], Mapped)
    assert found.pairs[1][1].pairs == [(2, "two")]
    if protocol:
        assert found.pairs[0][1] == [1.5]
    for other in ({1}, frozenset([1, 2]), b"bytes", bytearray(b"more"), 1j, slice(1, 2)):
        read_pickle(pickle.dumps([other], protocol))


def test_old_instructions_are_read() -> None:
    assert read_pickle(b"(I1\nI01\nL5L\nF2.5\nS'a'\nVb\nt.").value == (1, True, 5, 0.0, "a", "b")
    assert read_pickle(b"(lp0\nI1\nag0\n0.").value == [1]
    assert read_pickle(b"(dp0\nI1\nI2\ns.").value == Mapped([(1, 2)])
    assert read_pickle(b"(I1\nI2\nd.").value == Mapped([(1, 2)])
    assert read_pickle(b"((I1\n1I2\n0I3\n2\x86.").value == (3, 3)
    assert isinstance(read_pickle(b"(ctorch\ndevice\nVcpu\no.").value, Placeholder)
    assert isinstance(read_pickle(b"(Vcpu\nitorch\ndevice\n.").value, Placeholder)
    assert isinstance(read_pickle(b"Pstored\n.").value, Placeholder)
    assert read_pickle(b"(I1\n(0t.").value == (1,)


def test_objects_that_are_not_looked_at_may_be_called_filled_and_given_a_state() -> None:
    for content in (
        b"Pstored\n)R.",
        b"Pstored\n(I1\ne.",
        b"Pstored\n(I1\nI2\nu.",
        b"ctorch\nGenerator\n)\x81}b.",
        b"ctorch\nGenerator\n)}\x92Nb.",
    ):
        assert isinstance(read_pickle(content).value, Placeholder)
    assert read_pickle(b"}(I1\ne.").value == Mapped([])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it ends in the middle"),
        (b"\x80\x02", "it ends in the middle"),
        (b"X\xff\xff\xff\x7fabc", "2,147,483,647 bytes should follow byte 5"),
        (b"\x8d" + b"\xff" * 8, "bytes should follow"),
        (b"I1", "a line has no end"),
        (b"\xfe.", "byte 0 is 0xfe, which is not an instruction"),
        (b"\x82\x01.", "byte 0 is 0x82, which is not an instruction"),
        (b".", "the stack is empty"),
        (b"(.", "the stack is empty"),
        (b"2.", "the stack is empty"),
        (b"t.", "a mark is missing"),
        (b"h\x05.", "needs object 5, which does not exist"),
        (b"pmany\n.", "'many' is not the number of an object"),
        (b"Imany\n.", "'many' is not a number"),
        (b"I1\nI2\na.", "adds to something that is not a list"),
        (b"I1\n(I2\nI3\nu.", "adds to something that is not a dictionary"),
        (b"}(I1\nu.", "a key has no value"),
        (b"I1\n)R.", "calls something that is not a function"),
        (b"ctorch\ndevice\nI1\nR.", "a function has no arguments"),
        (b"I1\nI2\n\x93.", "a name is not a text"),
        (b"cposix\nsystem\n(Vtouch EVIL\ntR.", "posix.system"),
        (b"cbuiltins\neval\n.", "builtins.eval"),
        (b"ctorch._utils\n_rebuild_tensor_v2.__globals__\n.", "torch._utils._rebuild_tensor_v2.__globals__"),
    ],
)
def test_damaged_and_hostile_pickles_are_refused(content: bytes, message: str) -> None:
    with pytest.raises(PickleError) as raised:
        read_pickle(content)
    assert message in str(raised.value)


def test_pickles_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickles, "MAX_INSTRUCTIONS", 1000)
    monkeypatch.setattr(pickles, "MAX_OBJECTS", 100)
    for content, message in (
        (b"N" * 1001 + b".", "more than 1,000 instructions"),
        (b"]" * 101, "100 objects"),
        (b"](" + b"N" * 40 + b"eq\x00" + b"c__builtin__\nlist\nh\x00\x85R" * 3, "100 objects"),
        (b"}(" + b"N" * 80 + b"uq\x00" + b"c__builtin__\ndict\nh\x00\x85R" * 3, "100 objects"),
    ):
        with pytest.raises(PickleError, match=message):
            read_pickle(content)


def test_code_is_refused_by_name_and_not_executed(tmp_path: Path) -> None:
    evil = tmp_path / "evil"
    path = archive(tmp_path / "evil.pth", pickle.dumps({"a": Call(evil.touch)}))
    with pytest.raises(
        SpecError, match=r"evil\.pth: names pathlib\._?\w*Path, which is code|names builtins\.getattr"
    ):
        read_state_dict(path)
    assert not evil.exists()


def test_lists_that_hold_themselves_and_each_other_end(tmp_path: Path) -> None:
    loop: list[object] = []
    loop.append(loop)
    layers: list[object] = [1]
    for _ in range(60):
        layers = [layers, layers]
    for value in (loop, layers):
        with pytest.raises(SpecError, match="holds no tensors"):
            read_state_dict(archive(tmp_path / "a.pth", pickle.dumps(value)))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.pth", b"", "is not a file of weights: neither a zip archive nor a pickle"),
        ("a.bin", b"not a pickle", "is not a file of weights"),
        ("a.pt", b"\x80\x02}.", "holds no tensors"),
        ("a.pt", b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.", "it ends in the middle"),
        ("a.safetensors", b"\x02" + bytes(7) + b"{}", "holds no tensors"),
    ],
)
def test_files_without_weights_are_refused(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SpecError) as raised:
        read_state_dict(tmp_path / name)
    assert message in str(raised.value)


def test_other_formats_of_pytorch_are_named(tmp_path: Path) -> None:
    path = tmp_path / "old.pt"
    with tarfile.open(path, "w") as old:
        old.addfile(tarfile.TarInfo("storages"), io.BytesIO())
    with pytest.raises(SpecError, match="is in PyTorch's tar format"):
        read_state_dict(path)
    with pytest.raises(SpecError, match="is TorchScript"):
        read_state_dict(archive(path, pickle.dumps({}), code_a=b"def forward(self): pass"))
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("net/archive_format", "pt2")
    with pytest.raises(SpecError, match="is an exported program of PyTorch"):
        read_state_dict(path)
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("word/document.xml", "")
    with pytest.raises(SpecError, match=r"is a zip archive without the data\.pkl"):
        read_state_dict(path)


def test_missing_and_lying_values_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(DATA / "tiny.pth") as made:
        members = {name: made.read(name) for name in made.namelist()}
    path = tmp_path / "tiny.pth"

    def written(changed: dict[str, bytes | None]) -> Path:
        with zipfile.ZipFile(path, "w") as again:
            for name, content in (members | changed).items():
                if content is not None:
                    again.writestr(name, content)
        return path

    assert read_state_dict(written({})).tensors == read_state_dict(DATA / "tiny.pth").tensors
    with pytest.raises(SpecError, match=r"0\.weight: has 432 bytes of values in 0, but they are missing"):
        read_state_dict(written({"tiny/data/0": None}))
    with pytest.raises(SpecError, match=r"0\.weight: has 432 bytes of values in 0, but there are 4"):
        read_state_dict(written({"tiny/data/0": b"1234"}))
    larger = members["tiny/data.pkl"].replace(b"(K\x04K\x03K\x03K\x03t", b"(K\x09K\x03K\x03K\x03t")
    with pytest.raises(SpecError, match=r"0\.weight: reads up to value 243 of 108"):
        read_state_dict(written({"tiny/data.pkl": larger}))


@pytest.mark.parametrize("count", [60, pytest.param(6000, marks=pytest.mark.thorough)])
def test_mutants_are_refused_in_one_line_or_read(count: int, tmp_path: Path) -> None:
    chance = random.Random(19)
    seeds = [(DATA / name).read_bytes() for name in ("tiny.pth", "tiny_legacy.pth", "tiny.safetensors")]
    with zipfile.ZipFile(DATA / "tiny.pth") as made:
        pickled = made.read("tiny/data.pkl")
    for number in range(count):
        kind = number % 4
        content = bytearray(pickled if kind == 3 else seeds[kind])
        for _ in range(chance.choice((1, 1, 4))):
            content[chance.randrange(min(len(content), 3000))] = chance.randrange(256)
        if number % 7 == 0:
            del content[chance.randrange(len(content)) :]
        path = tmp_path / ("a.safetensors" if kind == 2 else "a.pth")
        path.write_bytes(content)
        try:
            if kind == 3:
                read_pickle(bytes(content))
            else:
                read_state_dict(path)
        except PickleError:
            pass
        except SpecError as error:
            assert "\n" not in str(error)  # noqa: PT017 -- any other error fails


def test_the_header_of_safetensors_names_types_and_is_limited(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"

    def written(tensors: dict[str, tuple[str, list[int], int]]) -> Path:
        header, end = {}, 0
        for name, (kind, shape, size) in tensors.items():
            header[name] = {"dtype": kind, "shape": shape, "data_offsets": [end, end + size]}
            end += size
        text = json.dumps(header).encode()
        path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(end))
        return path

    found = read_state_dict(written({"a": ("F8_E4M3", [3], 3), "b": ("F4", [5], 3), "c": ("C64", [], 8)}))
    assert [(t.dtype, t.size, t.params) for t in found.tensors] == [
        ("float8_e4m3fn", 3, 3), ("float4_e2m1fn", 3, 5), ("complex64", 8, 1)
    ]  # fmt: skip
    with pytest.raises(SpecError, match="has the data type 'F7', which is not known"):
        read_state_dict(written({"a": ("F7", [3], 3)}))
    with pytest.raises(SpecError, match="has a tensor with an impossible name"):
        read_state_dict(written({"a\x1b[31m": ("F32", [1], 4)}))
    with path.open("wb") as stream:
        stream.write((2 * 10**8).to_bytes(8, "little"))
        stream.truncate(3 * 10**8)
    with pytest.raises(SpecError, match="has a header of 200000000 bytes; at most 100000000"):
        read_state_dict(path)


def rebuild(name: str, arguments: bytes) -> object:
    """Return what a function of torch makes in a pickle of these arguments."""
    return read_pickle(b"ctorch._utils\n" + name.encode() + b"\n" + arguments + b"R.").value


def test_torch_rebuilds_tensors_in_many_ways() -> None:
    storage = b"(Vstorage\nctorch\nFloatStorage\nV7\nVcpu\nI24\ntQ"
    plain = b"(" + storage + b"I4\n(I2\nI3\nt(I3\nI1\nt"
    hooks = b"I00\nccollections\nOrderedDict\n)R"
    expected = rebuild("_rebuild_tensor", plain + b"t")
    assert isinstance(expected, Rebuilt)
    assert (expected.shape, expected.dtype, expected.offset, expected.reach) == ((2, 3), "float32", 4, 10)
    assert rebuild("_rebuild_tensor_v2", plain + hooks + b"t") == expected
    third = rebuild("_rebuild_tensor_v3", plain + hooks + b"ctorch\nfloat8_e5m2\nt")
    assert isinstance(third, Rebuilt)
    assert third.dtype == "float8_e5m2"
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n" + plain + hooks + b"tR"
    assert rebuild("_rebuild_parameter", b"(" + tensor + b"I01\nNt") == expected
    meta = rebuild("_rebuild_meta_tensor_no_storage", b"(ctorch\nbfloat16\n(I5\nt(I1\ntI00\nt")
    assert meta == Rebuilt((5,), "bfloat16", None)
    function = b"ctorch._utils\n_rebuild_tensor_v2\n"
    subclass = b"(" + function + b"ctorch.nn.parameter\nParameter\n" + plain + hooks + b"t}t"
    assert read_pickle(b"ctorch._tensor\n_rebuild_from_type_v2\n" + subclass + b"R.").value == expected
    nested = b"(ctorch._tensor\n_rebuild_from_type_v2\nN" + subclass + b"}t"
    for arguments in (b")", b"(I1\nt", b"(I1\nN(t}t", nested):
        for name in ("_rebuild_from_type_v2", "_rebuild_tensor_v2", "_rebuild_parameter"):
            assert isinstance(rebuild(name, arguments), Placeholder)
    wrong = b"(" + storage + b"I4\n(I2\nI3\nt(I3\nt" + hooks + b"t"
    assert isinstance(rebuild("_rebuild_tensor_v2", wrong), Placeholder)
    for arguments in (b"(I1\nt", b"(ctorch\nfloat\nI5\nt", b"(ctorch\nfloat\n(I-5\ntt"):
        assert isinstance(rebuild("_rebuild_meta_tensor_no_storage", arguments), Placeholder)
    for key in (
        b"I1\n",
        b"(Vstorage\nI1\nV7\nVcpu\nI24\nt",
        b"(Vstorage\nctorch\nFloatStorage\nV7\nVcpu\nI-4\nt",
    ):
        assert isinstance(read_pickle(key + b"Q.").value, Placeholder)
    assert read_pickle(b"ctorch\nSize\n((I1\nI2\nttR.").value == (1, 2)
    assert read_pickle(b"ccollections\nOrderedDict\n(((VA\nI1\ntltR.").value == Mapped([("A", 1)])


def test_checkpoints_without_a_preferred_entry(tmp_path: Path) -> None:
    """The only entry with tensors is taken, whatever its name; of several, all are."""
    tensor = b"ctorch._utils\n_rebuild_tensor\n((Vstorage\nctorch\nFloatStorage\nV0\nVcpu\nI2\ntQI0\n(I2\nt(I1\nttR"
    values = {"data_0": bytes(8)}
    found = read_state_dict(
        archive(tmp_path / "a.pth", b"}Vmine\n}Vw\n" + tensor + b"ssVother\nI1\ns.", **values)
    )
    assert (found.entry, found.tensors[0].name, found.others) == ("mine", "w", 0)
    both = b"}Va\n}Vw\n" + tensor + b"ssVb\n](" + tensor + tensor + b"es."
    found = read_state_dict(archive(tmp_path / "a.pth", both, **values))
    assert [(each.name, each.shared) for each in found.tensors] == [
        ("a.w", ""),
        ("b.0", "a.w"),
        ("b.1", "a.w"),
    ]
    found = read_state_dict(archive(tmp_path / "a.pth", tensor + b".", **values))
    assert [each.name for each in found.tensors] == ["tensor"]
    itself = b"}q\x00Vmodel\nh\x00sVother\n}Vw\n" + tensor + b"ss."
    found = read_state_dict(archive(tmp_path / "a.pth", itself, **values))
    assert [(each.name, each.shape) for each in found.tensors] == [("other.w", (2,))]
    without = b"ctorch._utils\n_rebuild_meta_tensor_no_storage\n(ctorch\nbfloat16\n(I5\nttR"
    found = read_state_dict(archive(tmp_path / "a.pth", without + b"."))
    assert [(each.shape, each.dtype, each.size) for each in found.tensors] == [((5,), "bfloat16", 10)]
    (tmp_path / "plain.pth").write_bytes(b"\x80\x02" + without + b".")
    assert read_state_dict(tmp_path / "plain.pth").tensors == found.tensors
    with pytest.raises(SpecError, match=r"a\.pth:tensor: has a data type that is not known"):
        read_state_dict(archive(tmp_path / "a.pth", without.replace(b"bfloat16", b"device") + b"."))
    unknown = tensor.replace(b"FloatStorage", b"NewStorage")
    with pytest.raises(SpecError, match=r"names torch\.NewStorage"):
        read_state_dict(archive(tmp_path / "a.pth", unknown + b".", **values))


def test_names_of_tensors_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pytorch, "MAX_NAMED", 10)
    path = archive(tmp_path / "a.pth", b"}Vlong name\n}Vlong name\n]sVlong name\n]ss.")
    with pytest.raises(SpecError, match="has too many tensors, or names that are too long"):
        read_state_dict(path)


def test_long_files_of_the_old_format_are_read_in_two_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = read_state_dict(DATA / "tiny_legacy.pth")
    monkeypatch.setattr(pytorch, "FIRST_PART", 300)
    assert read_state_dict(DATA / "tiny_legacy.pth") == whole


@pytest.mark.parametrize("kept", [1176, 1300, 1731])
def test_the_old_format_is_refused_without_all_values(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "cut.pth"
    path.write_bytes((DATA / "tiny_legacy.pth").read_bytes()[:kept])
    with pytest.raises(
        SpecError, match=rf"is truncated: it needs 556 bytes of values, but has at most {kept - 1176}"
    ):
        read_state_dict(path)
