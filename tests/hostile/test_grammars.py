"""Any text is an answer or wrong usage in one line, and what is told is read back as the same."""

import io
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.hostile.run_convcli import Nursery, assert_refused_with
from tests.support.command_line import Ran, Runner
from tests.support.sampling import examples

in_one_folder = settings(
    max_examples=examples(150),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
Text = st.SearchStrategy[str]


def texts(*words: str, most: int = 12) -> Text:
    """Return texts of these words, of their letters, and of anything at all."""
    letters = "".join(sorted({letter for word in words for letter in word} | set(" ;:,=x.-+/0123456789eE")))
    return st.one_of(
        st.lists(st.sampled_from(words), max_size=most).map("".join),
        st.text(letters, max_size=most),
        st.text(max_size=most),
    )


def assert_answered(ran: Ran, *codes: int) -> None:
    """Check that an answer came without a word, or one line and no answer."""
    assert ran.code in codes, ran
    if ran.code:
        assert ran.out == "" or json.loads(ran.out)["error"]
        assert ran.err.startswith("convcli: ")
        assert ran.err.index("\n") == len(ran.err) - 1
        assert ran.err[:-1].isprintable()
    else:
        assert ran.out.endswith("\n")
        assert ran.err == ""


def record_of(ran: Ran) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(ran.out)
    record.pop("seconds", None)
    return record


def without_text(record: dict[str, Any]) -> dict[str, Any]:
    """Leave out how a layer is written: `same` is told as what it amounts to."""
    layers = [
        {key: value for key, value in layer.items() if key != "text"} for layer in record.get("layers", [])
    ]
    return {**record, "layers": layers}


@pytest.fixture
def matrix(in_folder: Path) -> Path:
    """A matrix, ``m.csv``, whose results are printed, and another one."""
    (in_folder / "m.csv").write_text("1 2\n3 5\n")
    (in_folder / "n.csv").write_text("7\n")
    return in_folder


def told_again(
    convcli: Runner, text: str, *line: str, option: str, told: Callable[[dict[str, Any]], str]
) -> None:
    """Give a text to an option; where it is accepted, what is told of it gives the same answer."""
    first = convcli(*line, "--json", f"--{option}={text}")
    assert_answered(first, 0, 1, 2)  # 1 where the file that it is applied to does not go with it
    if first.code == 0:
        again = convcli(*line, "--json", f"--{option}={told(record_of(first))}")
        assert again.code == 0
        assert without_text(record_of(again)) == without_text(record_of(first))


# Kernels --------------------------------------------------------------------------------------------------

KERNEL_WORDS = (
    "1",
    "-2",
    "0.5",
    "1/3",
    "1e3",
    " ",
    ", ",
    ";",
    "\n",
    "[[",
    "]]",
    "],[",
    "nan",
    "inf",
    "\t",
    "#",
    "−1",
    "e308",
)


@pytest.mark.usefixtures("matrix")
@in_one_folder
@given(text=texts(*KERNEL_WORDS))
@example(text="1e308 1e308")
@example(text="[[1e308, 1e308]]")
@example(text="@")
def test_any_kernel(convcli: Runner, text: str) -> None:
    told_again(
        convcli, text, "apply", "m.csv", option="kernel", told=lambda record: json.dumps(record["kernel"])
    )


TAPS = st.one_of(
    st.integers(1 - 2**53, 2**53 - 1),
    st.floats(-1e100, 1e100, allow_subnormal=True).map(lambda tap: tap + 0.0),
)
KERNELS = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(TAPS, min_size=width, max_size=width), min_size=1, max_size=4)
)


def write_kernel(name: str, rows: list[list[int | float]]) -> None:
    file = Path(name)
    if file.suffix == ".npy":
        np.save(file, np.array(rows, float))
    elif file.suffix == ".json":
        file.write_text(json.dumps({"kernel": rows}))
    else:
        file.write_text(
            "".join((",", " ")[file.suffix == ".txt"].join(map(repr, row)) + "\n" for row in rows)
        )


@pytest.mark.usefixtures("matrix")
@in_one_folder
@given(rows=KERNELS, suffix=st.sampled_from(["csv", "txt", "json", "npy"]))
def test_the_taps_of_a_kernel_are_read_as_they_were_written(
    convcli: Runner, rows: list[list[int | float]], suffix: str
) -> None:
    write_kernel(f"k.{suffix}", rows)
    typed = convcli(
        "apply", "m.csv", "--json", f"--kernel={'; '.join(' '.join(map(repr, row)) for row in rows)}"
    )
    filed = convcli("apply", "m.csv", "--json", f"--kernel=@k.{suffix}")
    assert typed.code == filed.code
    if typed.code == 0:
        assert record_of(filed)["kernel"] == rows
        assert record_of(filed)["values"] == record_of(typed)["values"]


@pytest.mark.usefixtures("matrix")
@in_one_folder
@given(
    data=st.one_of(
        st.binary(max_size=40), texts(*KERNEL_WORDS, '{"kernel":', "}", "null", '"', "true").map(str.encode)
    ),
    suffix=st.sampled_from(["csv", "txt", "json", "npy", "npz", "safetensors"]),
)
def test_any_kernel_file(convcli: Runner, data: bytes, suffix: str) -> None:
    Path(f"k.{suffix}").write_bytes(data)
    ran = convcli("apply", "m.csv", "--json", f"--kernel=@k.{suffix}")
    assert_answered(ran, 0, 1, 2)
    if ran.code == 0:
        again = convcli("apply", "m.csv", "--json", f"--kernel={json.dumps(record_of(ran)['kernel'])}")
        assert (again.code, record_of(again)["values"]) == (0, record_of(ran)["values"])


def npy_bytes() -> bytes:
    memory = io.BytesIO()
    np.save(memory, np.arange(6.0).reshape(2, 3))
    return memory.getvalue()


@pytest.mark.usefixtures("matrix")
@in_one_folder
@given(place=st.integers(0, 175), patch=st.binary(min_size=1, max_size=4), cut=st.integers(0, 48))
def test_any_damage_of_an_npy_kernel(convcli: Runner, place: int, patch: bytes, cut: int) -> None:
    data = npy_bytes()
    Path("k.npy").write_bytes((data[:place] + patch + data[place + len(patch) :])[: len(data) - cut])
    assert_answered(
        convcli("apply", "m.csv", "--kernel=@k.npy", "--p", "1x1"), 0, 1, 2
    )  # 1: not with this picture


@pytest.mark.usefixtures("matrix")
@pytest.mark.parametrize("tap", [2**63, -(2**63) - 1, 2**64, 10**30])
def test_a_whole_tap_beyond_64_bits_is_read_alike_in_text_and_json(convcli: Runner, tap: int) -> None:
    typed = convcli("apply", "m.csv", "--json", f"--kernel={tap}")
    written = convcli("apply", "m.csv", "--json", f"--kernel=[[{tap}]]")
    assert typed.code == written.code == 0
    assert record_of(written)["kernel"] == record_of(typed)["kernel"] == [[float(tap)]]


# Sizes ----------------------------------------------------------------------------------------------------

SIZE_WORDS = ("1", "2", "30", "007", "x", "X", "×", " ", "-1", "+3", "1.5", "nan", "10" * 20, "k", "٣")


def layer_told(key: str) -> Callable[[dict[str, Any]], str]:
    return lambda record: str(record["layers"][0][key])


@in_one_folder
@given(text=texts(*SIZE_WORDS, most=6))
def test_any_input_size(convcli: Runner, text: str) -> None:
    told_again(convcli, text, "shape", "--f=1", option="n", told=lambda record: str(record["input"]))


@in_one_folder
@given(text=texts(*SIZE_WORDS, most=6), option=st.sampled_from(["filter", "stride", "dilation"]))
def test_any_filter_size_stride_and_dilation(convcli: Runner, text: str, option: str) -> None:
    line = ["shape", "--n=99", *(["--f=2"] if option != "filter" else [])]
    flag = "filter-size" if option == "filter" else option
    told_again(convcli, text, *line, option=flag, told=layer_told(option))


@pytest.mark.usefixtures("matrix")
@in_one_folder
@given(text=texts(*SIZE_WORDS, ":", "same", "valid", "same_lower", "SAME", most=6))
def test_any_padding(convcli: Runner, text: str) -> None:
    told_again(convcli, text, "shape", "--n=9", "--f=2", option="padding", told=layer_told("padding"))
    assert_answered(convcli("pool", "m.csv", f"--padding={text}"), 0, 1, 2)


@in_one_folder
@given(height=st.integers(1, 10**40), width=st.integers(1, 10**40), sign=st.sampled_from("xX×"))
def test_a_size_is_told_as_it_was_given(convcli: Runner, height: int, width: int, sign: str) -> None:
    ran = convcli("shape", f"--n= {height}{sign}+{width} ", "--f=1")
    assert ran.all == (0, f"{height}x{width}\n", "")


# Borders, filters, banks ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("matrix")
@in_one_folder
@given(
    text=texts(
        "zero",
        "edge",
        "reflect",
        "symmetric",
        "wrap",
        "constant",
        "Constant",
        ":",
        "1.5",
        "-7",
        "1/4",
        "nan",
        "e308",
    )
)
def test_any_border(convcli: Runner, text: str) -> None:
    told_again(
        convcli,
        text,
        "apply",
        "m.csv",
        "--filter=sobel-x",
        option="border",
        told=lambda record: str(record["border"]),
    )


@pytest.mark.usefixtures("matrix")
@in_one_folder
@given(value=st.one_of(st.integers(-(10**15), 10**15), st.floats(-1e30, 1e30)))
def test_a_constant_border_is_told_as_it_was_given(convcli: Runner, value: float) -> None:
    ran = convcli("apply", "m.csv", "--filter=box", "--json", f"--border=constant:{value!r}")
    assert ran.code == 0
    assert float(record_of(ran)["border"].removeprefix("constant:")) == value


FILTER_WORDS = (
    "gaussian", "box", "sobel-x", "Sobel", "gabor", "log", "dog", "laplacian", ":", ",", "=", "sigma", "size", "angle",
    "wavelength", "ratio", "phase", "1", "3", "5", ".", "1/2", "nan", "-1", " ", "e308", "sigma=2", "size=3", "angle=70",
)  # fmt: skip


@pytest.mark.usefixtures("matrix")
@in_one_folder
@given(text=texts(*FILTER_WORDS, most=8))
@example(text="gaussian:=2")
@example(text="gabor:phase=1e308,size=7")
def test_any_filter(convcli: Runner, text: str) -> None:
    told_again(convcli, text, "apply", "m.csv", option="filter", told=lambda record: str(record["filter"]))


@pytest.mark.usefixtures("matrix")
@in_one_folder
@given(
    name=st.sampled_from(["gaussian", "log", "dog", "gabor"]),
    parameters=st.fixed_dictionaries(
        {},
        optional={"sigma": st.floats(0.5, 3), "size": st.sampled_from([3, 5, 7]), "ratio": st.floats(1.1, 4)},
    ),
)
def test_a_filter_is_told_with_the_numbers_it_was_given(
    convcli: Runner, name: str, parameters: dict[str, float]
) -> None:
    typed = ",".join(f"{key}={value!r}" for key, value in parameters.items())
    ran = convcli("apply", "m.csv", "--json", f"--filter={name}:{typed}" if typed else f"--filter={name}")
    assert_answered(ran, 0, 2)
    if ran.code == 0:
        told = record_of(ran)["filter"].partition(":")[2]
        assert {
            key: float(value) for key, _, value in (part.partition("=") for part in told.split(",") if part)
        } == parameters


@pytest.mark.usefixtures("matrix")
@in_one_folder
@given(
    text=texts(
        "gabor",
        "sobel-x",
        "vertical",
        "box",
        ":",
        "1",
        "4",
        ",",
        "size=3",
        "sigma",
        "=",
        "angle=1",
        "nan",
        "-1",
        most=7,
    )
)
@example(text="")
def test_any_bank(convcli: Runner, text: str) -> None:
    ran = convcli("apply", "m.csv", "--json", f"--bank={text}", "-o", "maps.npy", "--force")
    assert_answered(ran, 0, 2)
    if ran.code == 0:
        count = int(text.partition(":")[2].partition(",")[0])
        maps = np.load("maps.npy")
        assert maps.reshape(2, 2, -1).shape[2] == count
        assert record_of(ran)["shape_out"] == "x".join(map(str, maps.shape))


# Networks -------------------------------------------------------------------------------------------------

NETWORK_WORDS = (
    "conv", "dw", "tconv", "maxpool", "avgpool", "gap", "pad", "fc", "bn", "flatten", "relu", "add", "cat", "mul", "in",
    "conv 4 f3 p1", "maxpool f2", "2 x", " ", ", ", "\n", "{", "}", "|", "@a", "add @a", "f3", "s2", "psame", "g2",
    "nobias", "ceil", "k=", "f0", "8", "8x8x2", "#", "x", "padding=1", ";", "op1", "99999999999999999999",
)  # fmt: skip


@in_one_folder
@given(
    words=st.one_of(
        st.lists(st.sampled_from(NETWORK_WORDS), max_size=14).map(" ".join), texts(*NETWORK_WORDS)
    )
)
@example(words="2 x { add { conv 4 f3 p1 | conv 4 f1 } @a, relu, add @a }")
@example(words="\0.net")
def test_any_network(convcli: Runner, words: str) -> None:
    size = "16x16x4"
    for command in ("shape", "params"):
        ran = convcli(command, "--n", size, "--json", "--", words or " ")
        assert_answered(ran, 0, 2)
    layers = record_of(ran)["layers"] if ran.code == 0 else []
    if layers and not any(sign in words for sign in "{@"):
        again = convcli("params", "--n", size, "--json", "--", ", ".join(layer["text"] for layer in layers))
        assert again.code == 0
        for key in ("output", "params", "macs", "receptive_field"):
            assert record_of(again)[key] == record_of(ran)[key]


@pytest.mark.usefixtures("in_folder")
@in_one_folder
@given(data=st.one_of(st.binary(max_size=30), texts(*NETWORK_WORDS).map(lambda text: text.encode("utf-8"))))
def test_any_network_file(convcli: Runner, data: bytes) -> None:
    Path("any.net").write_bytes(data)
    ran = convcli("shape", "any.net", "--n", "9x9x3")
    assert_answered(ran, 0, 2)
    if ran.code:
        assert ran.err.startswith("convcli: any.net")


# Names ----------------------------------------------------------------------------------------------------

NAME_WORDS = (
    "{stem}",
    "{filter}",
    "{ext}",
    "{name}",
    "{",
    "}",
    "{{",
    "}}",
    "{0}",
    "{stem!r}",
    "{stem:9}",
    "/",
    "..",
    ".png",
    ".csv",
    ".npy",
    "a",
    ".",
    " ",
    "\n",
    "~",
    "%s",
)


@pytest.mark.usefixtures("matrix")
@in_one_folder
@given(template=texts(*NAME_WORDS, most=6))
@example(template="{stem}/../{name}.npy")
@example(template="{stem}\0.npy")
@example(template="{stem}" + "x" * 300 + ".npy")
@example(template="{stem}.npy")
def test_any_name_template(convcli: Runner, template: str) -> None:
    shutil.rmtree("out", ignore_errors=True)
    ran = convcli("apply", "m.csv", "--filter=box", "--out-dir=out", f"--name={template}", "--force")
    assert_answered(ran, 0, 1, 2)
    assert "standard output" not in ran.err
    made = [path for path in Path().rglob("*") if path.is_file() and path.parts[0] not in ("m.csv", "n.csv")]
    if ran.code:
        assert not made
        return
    extension = "csv" if template.endswith(".{ext}") else ""
    named = Path("out", template.format(stem="m", filter="box", ext=extension or "csv", name="m.csv"))
    assert ran.out == f"{named}\n"
    assert made == [named]


@pytest.mark.usefixtures("matrix")
@in_one_folder
@given(
    names=st.lists(
        st.sampled_from(
            [b"m.csv", b"n.csv", b"gone.csv", b"", b"\xff.csv", b"a\nb.csv", b"./m.csv", b" .csv"]
        ),
        max_size=5,
    ),
    ended=st.booleans(),
    streamed=st.booleans(),
)
def test_any_list_of_names(
    convcli: Runner,
    monkeypatch: pytest.MonkeyPatch,
    names: list[bytes],
    ended: bool,
    streamed: bool,
) -> None:
    data = b"\0".join(names) + b"\0" * ended
    Path("list").write_bytes(data)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    source = "-" if streamed else "list"
    ran = convcli("apply", "--filter=identity", "--files0-from", source, "--jobs=1")
    listed = data.removesuffix(b"\0").split(b"\0")
    if b"" in listed or (len(listed) == 1 and b"\n" in listed[0]):
        assert_answered(ran, 2)
        return
    there = {b"m.csv": "1 2\n3 5\n", b"./m.csv": "1 2\n3 5\n", b"n.csv": "7\n"}
    assert ran.out == "\n".join(there[name] for name in listed if name in there)
    lost = [os.fsdecode(name) for name in listed if name not in there]
    lines = ran.err.splitlines()
    assert ran.code == bool(lost)
    assert len(lines) == len(lost) + (len(listed) > 1 and bool(lost))
    for line, name in zip(lines, lost, strict=False):
        assert line.isprintable()
        assert ": no such file or directory" in line
        assert line.startswith(f"convcli: {repr(name)[1:-1]}: ")


@pytest.mark.parametrize("options", [(), ("--force",)])
def test_a_derived_name_that_is_too_long_fails_alone(hostile: Nursery, options: tuple[str, ...]) -> None:
    long = "y" * 250
    for name in ("a", long, "b"):
        Path(f"{name}.npy").write_bytes(npy_bytes())
    ended = hostile("pool", "a.npy", f"{long}.npy", "b.npy", "--f", "1", *options, changes=True)
    made = {"a-maxpool-1x1.npy", "b-maxpool-1x1.npy"}
    assert (ended.code, set(ended.printed), set(ended.changed)) == (1, made, made), ended
    told = f"convcli: {long}-maxpool-1x1.npy: file name too long"
    assert ended.err.decode().splitlines() == [told, "convcli: 3 inputs: 2 done, 1 failed"]


@pytest.mark.parametrize(
    "options", [("-o", "y" * 300 + ".npy"), ("--force", "--name", "{stem}" + "y" * 300 + ".npy")]
)
def test_a_name_that_is_too_long_is_named(hostile: Nursery, options: tuple[str, ...]) -> None:
    Path("a.npy").write_bytes(npy_bytes())
    name = options[-1].replace("{stem}", "a")
    assert_refused_with(hostile("pool", "a.npy", "--f", "1", *options), 1, f"{name}: ", "file name too long")


# Other numbers --------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("matrix")
@in_one_folder
@given(
    option=st.sampled_from(
        ["scale", "bias", "angle", "size", "signed", "channels", "format", "jobs", "frame", "png-level",
         "max-pixels", "max-memory", "background", "order", "stride", "dilation", "combine"]
    ),
    text=texts("1", "max", "depthwise", "-1", "0", ".5", "1/4", "nan", "inf", "gain", "abs", "raw", "each", "sum", "r", "npy", "k", "M", ",", "white", "#fff", "7"),
)  # fmt: skip
def test_any_value_of_another_option(convcli: Runner, option: str, text: str) -> None:
    ran = convcli("apply", "m.csv", "--filter=sobel-x", f"--{option}={text}", "--force")
    assert_answered(ran, 0, 1, 2)
    assert "Traceback" not in ran.err
