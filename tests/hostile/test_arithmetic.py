"""Impossible and astronomical numbers: wrong usage in one line that shows the arithmetic, or exact answers.

Each run has ten seconds of processor time, and a memory that no number may make grow.
"""

import io
import json
import os
import struct
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.hostile.run_convcli import Ended, Nursery, assert_refused_with
from tests.support.command_line import Runner

PROCESSOR_SECONDS = 10  # many times what a run needs: a busy machine makes that more
MOST_MEMORY = 400 << 20
HUGE = 10**30
LONGEST = "9" * 500
TOO_LONG = "9" * 501
TEN = "9999999999"

Arguments = tuple[Any, ...]


@pytest.fixture
def bounded(hostile: Nursery) -> Any:
    """Run convcli beside a picture of 4x3 and a matrix, with little time and memory."""
    Image.new("L", (4, 3), 9).save("a.png")
    Path("m.csv").write_text("1 2\n3 4\n")

    def run(*arguments: Any, **settings: Any) -> Ended:
        ended = hostile(*arguments, limits={"RLIMIT_CPU": PROCESSOR_SECONDS}, **settings)
        assert ended.peak < MOST_MEMORY, ended
        return ended

    return run


# Numbers --------------------------------------------------------------------------------------------------

LAYERS: dict[str, Arguments] = {
    "shape": ("shape", "--n", "32", "--f", "5"),
    "params": ("params", "--n", "32x32x3", "--f", "5", "--c-out", "6"),
    "pool": ("pool", "--n", "28x28x6"),
    "apply": ("apply", "a.png", "--filter", "box"),
    "pooled picture": ("pool", "a.png"),
}
NO_NUMBERS = [
    "0",
    "-1",
    "1.5",
    "two",
    "nan",
    "inf",
    "-inf",
    "",
    "1e3",
    "1/2",
    "0x2",
    "1_0",
    "١",
    "2x2x2",
    "2x",
    TOO_LONG,
]


@pytest.mark.thorough(every=9)
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("text", NO_NUMBERS)
def test_a_stride_that_is_no_whole_number_from_one_is_refused(bounded: Any, layer: str, text: str) -> None:
    shown = "0" if text == "0x2" else text
    start = f"stride {TOO_LONG[:20]}...: " if text == TOO_LONG else f"stride '{shown}': "
    if text == "2x2x2" and layer in ("shape", "params"):  # a stride, but of a volume
        start = "s2x2x2: has 3 sides, but the input 32x32"
    assert_refused_with(bounded(*LAYERS[layer], f"--s={text}"), 2, start)


@pytest.mark.thorough(every=4)
@pytest.mark.parametrize(
    ("command", "options", "name"),
    [
        ("shape", ("--f", "3"), "n"),
        ("shape", ("--n", "32"), "f"),
        ("shape", ("--n", "32", "--f", "3"), "d"),
        ("shape", ("--n", "32", "--f", "3"), "c-out"),
        ("shape", ("--n", "32", "--f", "3"), "want"),
        ("params", ("--c-in", "3", "--c-out", "6"), "f"),
        ("params", ("--f", "3", "--c-out", "6"), "c-in"),
        ("params", ("--f", "3", "--c-in", "3"), "c-out"),
        ("params", ("--f", "3", "--c-in", "3", "--c-out", "6"), "g"),
        ("params", ("--n", "8x8x3"), "dense"),
        ("params", ("lenet5",), "batch"),
        ("pool", ("--n", "28x28x6"), "f"),
        ("apply", ("a.png", "--filter", "box"), "d"),
    ],
)
@pytest.mark.parametrize("text", ["0", "-1", "1.5", "nan", "inf", "", TOO_LONG])
def test_an_amount_that_is_no_whole_number_from_one_is_refused(
    bounded: Any, command: str, options: Arguments, name: str, text: str
) -> None:
    ended = bounded(command, *options, f"--{name}={text}")
    assert_refused_with(
        ended, 2, "", f"{TOO_LONG[:20]}...: has more" if text == TOO_LONG else f"'{text}': must be"
    )


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("text", ["-1", "1.5", "nan", "", "1:2:3", "1x2x3x4", "x", TOO_LONG])
def test_a_padding_that_is_no_amount_is_refused(bounded: Any, layer: str, text: str) -> None:
    assert_refused_with(bounded(*LAYERS[layer], f"--p={text}"), 2, "padding ")


SHOWN_ARITHMETIC = [
    ("shape --n 32 --f 33", "filter 33 on input 32: gives floor((32 + 2·0 - 33)/1) + 1 = 0, because ", "(33 > 32)"),
    ("shape --n 4 --f 3 --d 3 --s 2", "filter 3 on input 4: gives floor((4 + 2·0 - (3·(3 - 1) + 1))/2) + 1 = -1, because ", "(7 > 4)"),
    ("params --n 9x3x1 --f 5 --c-out 2", "filter 5 on input 3: gives floor((3 + 2·0 - 5)/1) + 1 = -1, because ", "(5 > 3)"),
    ("pool --n 28x28x6 --f 29", "filter 29 on input 28: gives floor((28 + 2·0 - 29)/29) + 1 = 0, because ", "(29 > 28)"),
    (f"shape --n 5 --f {HUGE}", f"filter {HUGE} on input 5: gives floor((5 + 2·0 - {HUGE})/1) + 1 = {6 - HUGE}, because ", f"({HUGE} > 5)"),
    ("pool --n 28x28x6 --f 3 --p 2", "padding 2: ", "more than half the window of 3"),
    ("params --f 3 --c-in 4 --c-out 6 --g 3", "groups 3: ", "must divide the 4 input channels, but 4 / 3 leaves a remainder of 1; the nearest number of groups that does is 2"),
    ("params --f 3 --c-in 4 --c-out 6 --g 4", "groups 4: ", "must divide the 6 filters, but 6 / 4 leaves a remainder of 2"),
    (f"params --f 3 --c-in 4 --c-out 6 --g {HUGE}", f"groups {HUGE}: ", f"4 / {HUGE} leaves a remainder of 4"),
    (f"shape --n 32 --f 5 --want {HUGE}", f"output side {HUGE}: ", "nearest: 36 (padding 4, stride 1)"),
    (f"shape --n {HUGE} --f 5 --want 1", f"side {HUGE}: ", "too large to search"),
    (f"shape lenet5 --valid-sizes 1..{HUGE}", f"--valid-sizes 1..{HUGE}: ", "the limit is 10,000"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "start", "why"), SHOWN_ARITHMETIC)
def test_impossible_arithmetic_is_shown(bounded: Any, line: str, start: str, why: str) -> None:
    assert_refused_with(bounded(*line.split()), 2, start, why)


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize("command", ["shape", "params"])
@pytest.mark.parametrize(
    ("spec", "start", "why"),
    [
        (
            "relu, conv 6 f33",
            "line 1, column 7, conv 6 f33 on 32x32x3: ",
            "floor((32 + 2·0 - 33)/1) + 1 = 0, because ",
        ),
        (
            "maxpool f33",
            "line 1, column 1, maxpool f33 on 32x32x3: ",
            "floor((32 + 2·0 - 33)/33) + 1 = 0, because ",
        ),
        ("conv 6 f5 g4", "line 1, column 1, conv 6 f5 g4 on 32x32x3: ", "3 / 4 leaves a remainder of 3"),
        ("conv 6 f5 s0", "line 1, column 11: ", "stride '0' must be"),
        ("conv 6 f5 snan", "line 1, column 11: ", "stride 'nan' must be"),
        ("gap 0", "line 1, column 5: ", "output size '0' must be"),
        ("0 x { relu }", "line 1, column 1: ", "repeats '0' must be"),
        ("maxpool f3 p2", "line 1, column 1, maxpool f3 p2 on 32x32x3: ", "half the window of 3"),
        ("add { conv 4 f1 | conv 5 f1 }", "line 1, column 1, add on 32x32x3: ", "32x32x4 and 32x32x5"),
    ],
)
def test_impossible_layers_are_shown_with_their_place(
    bounded: Any, command: str, spec: str, start: str, why: str
) -> None:
    ended = bounded(command, "--n", "32x32x3", spec)
    assert_refused_with(ended, 2, start.replace("add on 32x32x3", "add"), why)


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (f"shape --n {HUGE} --f 5 --s 3 --p 7", "x".join([str((HUGE + 14 - 5) // 3 + 1)] * 2)),
        (f"shape --n 32 --f 5 --s {HUGE}", "1x1"),
        (f"shape --n {LONGEST} --f 2", "x".join([str(int(LONGEST) - 1)] * 2)),
        (f"params --f {HUGE} --c-in 3 --c-out 6", str((HUGE * HUGE * 3 + 1) * 6)),
        (f"params --f {LONGEST} --c-in {LONGEST} --c-out {LONGEST}", str((int(LONGEST) ** 3 + 1) * int(LONGEST))),
        (f"params --n {HUGE}x{HUGE}x{HUGE} --dense {HUGE}", str((HUGE**3 + 1) * HUGE)),
        (f"pool --n {HUGE} --f 2", "x".join([str(HUGE // 2)] * 2)),
        (f"pool --n 28x28x6 --f {HUGE} --ceil", "1x1x6"),
    ],
)  # fmt: skip
def test_numbers_of_any_size_are_exact(bounded: Any, line: str, answer: str) -> None:
    ended = bounded(*line.split())
    assert (ended.code, ended.printed, ended.err) == (0, [answer], b"")


def test_networks_are_exact_at_any_size(bounded: Any) -> None:
    ended = bounded("params", "--n", "32x32x3", f"conv {HUGE} f5, gap, fc {HUGE}", "--json")
    record = json.loads(ended.out)
    assert record["params"] == 76 * HUGE + (HUGE + 1) * HUGE
    assert record["macs"] == 28 * 28 * 75 * HUGE + HUGE * HUGE


# Pictures -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [str(HUGE), "9" * 400])
@pytest.mark.parametrize(
    ("command", "option"),
    [("apply", "padding"), ("apply", "dilation"), ("pool", "f"), ("pool", "padding"), ("explain", "padding")],
)
def test_a_picture_for_astronomical_numbers_is_refused_in_words_of_them(
    bounded: Any, command: str, option: str, number: str
) -> None:
    settings = {"pool": (), "apply": ("--filter", "box"), "explain": ("--filter", "box", "--at", "1,1")}
    ended = bounded(command, "a.png", *settings[command], f"--{option}", number)
    assert ended.code in (1, 2)
    assert ended.out == b""
    assert "decoded" not in ended.message
    assert "float" not in ended.message


@pytest.mark.parametrize("command", [("apply", "--filter", "box"), ("pool", "--f", "1")])
def test_an_astronomical_stride_leaves_one_pixel(bounded: Any, command: Arguments) -> None:
    ended = bounded(*command, "a.png", "--s", "9" * 400, "-o", "one.png")
    assert (ended.code, ended.err) == (0, b"")
    with Image.open("one.png") as image:
        assert (image.size, image.getpixel((0, 0))) == ((1, 1), 9)


@pytest.mark.parametrize(
    ("option", "text", "start"),
    [
        ("scale", "nan", "--scale 'nan': "),
        ("scale", "1e400", "--scale '1e400': "),
        ("scale", "1/0", "--scale '1/0': "),
        ("bias", "inf", "--bias 'inf': "),
        ("bias", "1,2", "--bias: "),
        ("angle", "1e400", "--angle '1e400': "),
        ("size", str(HUGE), "box:size="),
        ("border", "constant:nan", "border 'constant:nan': "),
        ("border", "constant:" + "9" * 400, "border 'constant:9999"),
        ("border", "edge:1", "border 'edge:1': "),
        ("jobs", "0", "--jobs 0: "),
        ("jobs", "1.5", "--jobs '1.5': must be a whole number"),
        ("frame", "-1", "--frame -1: "),
        ("png-level", str(HUGE), f"--png-level {HUGE}: "),
        ("max-pixels", "0", "--max-pixels '0': "),
        ("max-pixels", TOO_LONG, "--max-pixels '9999"),
        ("max-memory", "nan", "--max-memory 'nan': "),
    ],
)
def test_numbers_of_other_options_are_checked(bounded: Any, option: str, text: str, start: str) -> None:
    assert_refused_with(bounded("apply", "a.png", "--filter", "box", f"--{option}={text}"), 2, start)


@pytest.mark.parametrize(
    ("option", "text", "start"),
    [
        ("filter", "gaussian:sigma=nan", "gaussian:sigma=nan: "),
        ("filter", "gaussian:sigma=0", "gaussian:sigma=0.0: "),
        ("filter", "gaussian:sigma=-1", "gaussian:sigma=-1.0: "),
        ("filter", f"box:size={TEN}", f"box:size={TEN}: "),
        ("filter", "box:size=10000", "box:size=10000: "),
        ("filter", "dog:sigma=1000", "sigma 1600: needs a 12801x12801 kernel"),
        ("filter", "gabor:wavelength=1000", "sigma 1120: needs a 6721x6721 kernel"),
        ("filter", "x" * 1_000_000, "x" * 100 + ": "),
        ("filter", "gaussian:" + "sigma=1," * 100_000, "gaussian:sigma=1,"),
        ("bank", f"gabor:{TEN}", f"--bank 'gabor:{TEN}': needs a count from 1 to 4096"),
        ("bank", "gabor:0", "--bank 'gabor:0': needs a count from 1 to 4096"),
        ("bank", "gabor:4096", "gabor:4096: has 12390400 coefficients"),
        ("bank", "gabor:nan", "--bank 'gabor:nan': needs a count from 1 to 4096"),
        ("bank", "", "--bank"),
    ],
)
def test_numbers_of_filters_are_checked(bounded: Any, option: str, text: str, start: str) -> None:
    ended = bounded("apply", "a.png", f"--{option}", text)
    assert_refused_with(ended, 2, start)
    assert len(ended.message) < 1000


def test_a_parameter_without_a_name_is_refused_in_whole_words(bounded: Any) -> None:
    ended = bounded("apply", "a.png", "--filter", "gaussian:=2")
    assert_refused_with(ended, 2, "gaussian")
    assert "has no option :" not in ended.message


# Specs ----------------------------------------------------------------------------------------------------

LONG_SPECS = [
    ("a" * 1_000_000, "aaaa' is neither a layer nor a shipped network"),
    ("a " * 500_000, "unknown layer 'a'"),
    ("1" * 1_000_000, "a number starts a repeat"),
    ("9" * 400 + " x { relu }", "more than 10^30 layers"),
    (TOO_LONG + " x { relu }", "has more than 500 digits"),
    ("99999999 x {" * 100 + "relu" + "}" * 100, "more than 10^30 layers"),
    ("1000 x {" * 5 + "relu" + "}" * 5, "makes 1,000,000,000,000,000 layers with repeats written out; at most 100,000 are allowed"),
    ("100001 x { relu }", "makes 100,001 layers"),
    ("{" * 100_000, "a brace must follow"),
    ("3 x {" * 100_000, "nested more than 100 deep"),
    ("3 x {" * 100_000 + "relu" + "}" * 100_000, "nested more than 100 deep"),
    ("add {" * 100_000, "nested more than 100 deep"),
    ("mul{|" * 100_000, "nested more than 100 deep"),
    ("}" * 100_000, "has no opening brace"),
    ("|" * 100_000, "has no opening brace"),
    ("@" * 100_000, "a tag needs a name"),
    ("conv 6 " + "f1 " * 100_000, "of conv a second time"),
    ("cat {|}, " * 3000, "a size of more than 500 digits"),
    ("tconv 1 f2 s9, " * 3000, "a size of more than 500 digits"),
    ("," * 1_000_000, "there are no layers"),
    ("#" * 1_000_000, "there are no layers"),
]  # fmt: skip


@pytest.mark.thorough(every=7)
@pytest.mark.parametrize("command", ["shape", "params"])
@pytest.mark.parametrize(("spec", "why"), LONG_SPECS, ids=[spec[:12] for spec, _ in LONG_SPECS])
def test_enormous_specs_are_refused_in_one_line(bounded: Any, command: str, spec: str, why: str) -> None:
    if command == "shape":
        ended, source = bounded(command, "--n", "1x1x3", spec), ""
    else:
        ended, source = bounded(command, "--n", "1x1x3", "-", stdin=spec.encode()), "standard input, "
    assert_refused_with(
        ended, 2, f"{source}line 1, column ", why if source == "" or "named" not in why else ""
    )
    assert len(ended.message) < 1000


def test_a_spec_of_a_million_characters_is_read(bounded: Any) -> None:
    spec = "in 9x9x3, relu #" + "x" * 1_000_000
    Path("long.net").write_text(spec)
    for ended in (
        bounded("shape", "long.net", "--last"),
        bounded("shape", "-", "--last", stdin=spec.encode()),
    ):
        assert (ended.code, ended.printed, ended.err) == (0, ["9x9x3"], b"")
    Path("long.net").write_text("relu," * 1_000_000)
    assert_refused_with(bounded("shape", "long.net"), 2, "long.net: is larger than 4,194,304 bytes")


@pytest.mark.thorough
def test_as_many_layers_as_allowed_are_counted_exactly(hostile: Nursery) -> None:
    ended = hostile("params", "--n", "1x1x3", "100000 x { conv 3 f1 }", "--by-block")
    assert ended.printed[-1].split("\t")[:3] == ["total", "1x1x3", "1200000"]


# Kernels --------------------------------------------------------------------------------------------------


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty"),
        ("  \n ", "is empty"),
        ("# nothing", "is empty"),
        (";", "has an empty row"),
        ("1;;2", "has an empty row"),
        ("1 2; 3", "row 2 has 1 number, but row 1 has 2"),
        ("1,,2", "row 1, column 2 is empty"),
        ("1\n\n2", "has an empty line between rows"),
        ("1 a", "row 1, column 2 is 'a', not a number"),
        ("1 nan", "row 1, column 2 is nan, not finite"),
        ("1e400", "not finite"),
        ("1/0", "a division by zero"),
        ("[]", "must have two axes"),
        ("[[]]", "must have 1 to 1048576 coefficients"),
        ("[[1], [2, 3]]", "has rows of different lengths"),
        ("[[null]]", "must hold real numbers"),
        ("[" * 100_000, "is nested too deeply"),
        ("[" * 70 + "1" + "]" * 70, "two axes"),
        (f"[[{'9' * 5000}]]", "row 1, column 1"),
        ("1 " * 100_000 + ";1", "row 2 has 1 number, but row 1 has 100000"),
    ],
    ids=lambda text: text[:20],
)
def test_a_typed_kernel_that_is_none_is_refused(bounded: Any, text: str, why: str) -> None:
    ended = bounded("apply", "a.png", "--kernel", text)
    assert_refused_with(ended, 2, "--kernel: ", why)
    assert len(ended.message) < 300


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize("source", ["a.png", "floats.csv", "floats.npy"])
@pytest.mark.parametrize(
    "kernel",
    [
        "1e308 1e308",
        "1e308 1e308; 1e308 1e307",
        "-1.7e308 1 2 3 -1.7e308",
        "1 -1; -1.7e308 3; 0 -1.7e308",
        "5e-324",
    ],
)
def test_taps_at_the_ends_of_the_floats_give_no_warnings(bounded: Any, source: str, kernel: str) -> None:
    Path("floats.csv").write_text("1.0 2.0\n3.0 4.0\n")
    np.save("floats.npy", np.ones((3, 3, 2), np.float32))
    for command in (("apply",), ("explain", "--at", "1,1")):
        ended = bounded(*command, source, f"--kernel={kernel}", "--json")
        assert ended.code in (0, 1, 2)
        assert len(ended.err.splitlines()) == (ended.code != 0)


def test_numbers_whose_sum_passes_the_floats_on_the_way_give_no_warnings(bounded: Any) -> None:
    Path("ends.csv").write_text("1.7e308 -1.7e308 " * 8)
    for command in (("apply", "--filter", "identity"), ("pool", "--f", "1")):
        ended = bounded(*command, "ends.csv", "--json")
        assert (ended.code, ended.err) == (0, b"")
        record = json.loads(ended.out)
        assert (record["min"], record["max"]) == (-1.7e308, 1.7e308)


@pytest.mark.parametrize("tap", ["9223372036854775807", "-9223372036854775808"])
def test_sums_beyond_64_bits_are_shown(bounded: Any, tap: str) -> None:
    ended = bounded("apply", "a.png", f"--kernel={tap}")
    reach = abs(int(tap)) * 255
    assert_refused_with(
        ended, 1, "a.png: kernel: ", f"results can reach {reach}, beyond int64's maximum 9223372036854775807"
    )


def npy_bytes(array: Any) -> bytes:
    memory = io.BytesIO()
    np.save(memory, array, allow_pickle=True)
    return memory.getvalue()


def npy_header(shape: str) -> bytes:
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header


def npz_bytes(*members: tuple[str, bytes]) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        for name, data in members:
            archive.writestr(name, data)
    return memory.getvalue()


def safetensors_bytes(header: object, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


ONES = npy_bytes(np.ones((3, 3)))
FILES = [
    *[(name, b"", "") for name in ("k.csv", "k.txt", "k.json", "k.npy", "k.npz", "k.safetensors")],
    *[(name, bytes(range(256)), "") for name in ("k.csv", "k.json", "k.npy", "k.npz", "k.safetensors")],
    ("k.csv", b"1,2\n3\n", "row 2 has 1 number, but row 1 has 2"),
    ("k.txt", b"1 2\n3\n", "row 2 has 1 number, but row 1 has 2"),
    ("k.csv", b"\xff\xfe1\0", "not UTF-8 text"),
    ("k.txt", b"1 x", "row 1, column 2 is 'x'"),
    ("k.csv", b"1\n" * 1_048_577, "more than 1048576 numbers"),
    ("k.json", b"[" * 200_000, "is nested too deeply"),
    ("k.json", b"{}", 'has no "kernel"'),
    ("k.json", b"[[1, 2], [3]]", "rows of different lengths"),
    ("k.json", b"[[[[[1]]]]]", "two to four axes"),
    ("k.json", b'{"kernel": "1 0 -1"}', "k.json: "),
    ("k.npy", ONES[:-1], "is truncated: it holds 71 of 72 bytes"),
    ("k.npy", ONES[:60], "not a .npy file"),
    ("k.npy", npy_header("(10000, 10000)"), "holds 100000000 numbers, more than 1048576"),
    ("k.npy", npy_header("(0, 3)"), "must have 1 to 1048576 coefficients"),
    ("k.npy", npy_header("(-3, -3)") + bytes(72), "not a .npy file"),
    ("k.npy", npy_header(f"({'9' * 5000}, 3)"), "not a .npy file"),
    ("k.npy", npy_bytes(np.array([["a"]])), "real numbers"),
    ("k.npy", npy_bytes(np.array([[None]])), "real numbers"),
    ("k.npy", npy_bytes(np.ones((1, 1), complex)), "real numbers"),
    ("k.npy", npy_bytes(np.array([[np.nan]])), "row 1, column 1 is nan"),
    ("k.npz", npz_bytes(), "holds no tensors"),
    ("k.npz", npz_bytes(("w.npy", ONES))[:-9], "is damaged, or not a .npz file"),
    ("k.npz", npz_bytes(("w.npy", ONES[:-1])), "is truncated"),
    ("k.npz", npz_bytes(("w.npy", npy_header("(10000, 10000)"))), "holds 100000000 numbers"),
    ("k.safetensors", safetensors_bytes(b"[" * 100_000), "invalid header: it is nested too deeply"),
    ("k.safetensors", struct.pack("<Q", 1 << 62) + b"{}", "is truncated"),
    ("k.safetensors", safetensors_bytes({"w": {"dtype": "F32", "shape": [10000, 10000], "data_offsets": [0, 4]}}, bytes(4)), "needs 400000000"),
]  # fmt: skip


@pytest.mark.thorough(every=5)
@pytest.mark.parametrize(("name", "data", "why"), FILES, ids=range(len(FILES)))
def test_a_damaged_kernel_file_is_refused_by_its_name(bounded: Any, name: str, data: bytes, why: str) -> None:
    Path(name).write_bytes(data)
    ended = bounded("apply", "a.png", "--kernel", f"@{name}")
    assert_refused_with(ended, 2, name, why)
    assert "parse_kernel" not in ended.message
    assert len(ended.message) < 300


def test_an_npy_kernel_is_refused_wherever_it_is_cut(bounded: Any) -> None:
    for length in {*range(0, len(ONES), 9), len(ONES) - 1}:
        Path("k.npy").write_bytes(ONES[:length])
        assert_refused_with(bounded("apply", "a.png", "--kernel", "@k.npy"), 2, "k.npy: ")


@pytest.mark.parametrize("suffix", ["csv", "txt", "json"])
def test_a_kernel_of_ten_thousand_squared_is_refused(
    bounded: Any, tmp_path_factory: pytest.TempPathFactory, suffix: str
) -> None:
    file = tmp_path_factory.mktemp("kernels") / f"k.{suffix}"
    with file.open("wb") as stream:
        stream.truncate(2 * 10_000 * 10_000)
    ended = bounded("apply", "a.png", "--kernel", f"@{file}")
    assert_refused_with(ended, 2, f"{file}: ", "is too long for a kernel of at most 1048576 coefficients")


@pytest.mark.thorough
def test_a_kernel_file_of_one_long_row_is_refused_in_bounded_time(
    bounded: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("kernels") / "k.csv"
    file.write_bytes(b"1," * 30_000_000 + b"1")
    ended = bounded("apply", "a.png", "--kernel", f"@{file}")
    assert_refused_with(ended, 2, f"{file}: ", "more than 1048576 numbers")


@pytest.mark.parametrize("text", ["@", "@k", "@k.png", "@-", "@missing.csv", "@.", "@missing.npz:w"])
def test_a_kernel_file_that_is_none_is_named(bounded: Any, text: str) -> None:
    ended = bounded("apply", "a.png", "--kernel", text)
    assert_refused_with(ended, 2, text[1:].partition(":")[0] or "--kernel")


SOURCES = [
    ("apply", "a.png", "--kernel", "@kernel.csv"),
    ("apply", "a.png", "--kernel", "@kernel.npy"),
    ("apply", "a.png", "--kernel", "@kernel.npz"),
    ("apply", "--filter", "box", "--files0-from", "names"),
    ("shape", "layers.net"),
]


@pytest.mark.parametrize("command", SOURCES, ids=lambda command: command[-1])
def test_an_endless_device_is_no_source(hostile: Nursery, command: Arguments) -> None:
    Image.new("L", (4, 3), 9).save("a.png")
    name = command[-1].removeprefix("@")
    Path(name).symlink_to("/dev/zero")
    ended = hostile(*command, limits={"RLIMIT_AS": 1 << 30})
    assert (ended.code in (1, 2), ended.out) == (True, b"")
    assert name in ended.message


@pytest.mark.parametrize(
    "command", [*SOURCES, ("apply", "--filter", "box", "pipe.png")], ids=lambda command: command[-1]
)
def test_a_pipe_that_nobody_writes_to_is_given_up(
    convcli: Runner, in_folder: Path, monkeypatch: pytest.MonkeyPatch, command: Arguments
) -> None:
    monkeypatch.setattr("convcli.files.opening.PIPE_TIMEOUT", 0.05)
    Image.new("L", (4, 3), 9).save("a.png")
    name = command[-1].removeprefix("@")
    os.mkfifo(in_folder / name)
    ran = convcli(*command)
    assert (ran.code in (1, 2), ran.out, ran.err.count("\n")) == (True, "", 1)
    assert name in ran.err


@pytest.mark.thorough
def test_a_pipe_that_nobody_writes_to_does_not_keep_anybody_waiting(in_folder: Path) -> None:
    Image.new("L", (4, 3), 9).save("a.png")
    names = [command[-1].removeprefix("@") for command in SOURCES]
    for name in names:
        os.mkfifo(name)
    running = [
        subprocess.Popen([sys.executable, "-m", "convcli", *command], cwd=in_folder, stdout=-1, stderr=-1)
        for command in SOURCES
    ]
    deadline = time.monotonic() + 60
    late = []
    for process, name in zip(running, names, strict=True):
        try:
            out, err = process.communicate(timeout=max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            late.append(name)
            continue
        assert (process.returncode in (1, 2), out, err.count(b"\n")) == (True, b"", 1)
        assert name in err.decode()
    assert not late
