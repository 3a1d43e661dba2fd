"""``convcli filters``: the list, one filter in every form, and kernels that are read back."""

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.support.command_line import Runner, on_terminal

NAMES = [
    "vertical", "horizontal", "prewitt-x", "prewitt-y", "sobel-x", "sobel-y", "scharr-x", "scharr-y",
    "roberts-x", "roberts-y", "sobel", "prewitt", "scharr", "roberts", "laplacian", "laplacian-8", "kirsch",
    "robinson", "log", "dog", "gaussian", "box", "sharpen", "emboss", "identity", "gabor",
    "freichen-x", "freichen-y",
]  # fmt: skip
COMBINED = {"sobel": 2, "prewitt": 2, "scharr": 2, "roberts": 2, "kirsch": 8, "robinson": 8}
JSON_KEYS = [
    "name", "summary", "matrix", "combination", "gain", "divisor", "sum", "separable",
    "responds_to", "source",
]  # fmt: skip
SINGLE = [
    "sobel-x", "vertical:angle=33", "scharr-x:angle=70", "freichen-y", "roberts-x", "laplacian-8", "emboss",
    "gaussian:sigma=0.8", "gaussian:size=5", "box:size=4", "log:sigma=0.6", "dog:sigma=0.5",
    "gabor:wavelength=4,angle=20,size=7", "identity",
]  # fmt: skip


@pytest.fixture
def filters(convcli: Runner) -> Runner:
    return lambda *arguments: convcli("filters", *arguments)


@pytest.fixture
def gray(in_folder: Path) -> NDArray[Any]:
    """A small gray picture, ``gray.png``."""
    pixels = np.random.default_rng(5).integers(0, 255, (9, 10), np.uint8, endpoint=True)
    Image.fromarray(pixels).save(in_folder / "gray.png")
    return pixels


def plain(text: str) -> str:
    """Take the escape sequences out."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


# The list -------------------------------------------------------------------------------------------------


def test_list_into_a_pipe(filters: Runner) -> None:
    ran = filters()
    assert (ran.code, ran.err) == (0, "")
    header, *rows = [line.split("\t") for line in ran.out.splitlines()]
    assert header == ["name", "summary"]
    assert sorted(name for name, _ in rows) == sorted(NAMES)
    assert all(summary for _, summary in rows)


def test_list_in_json(filters: Runner) -> None:
    ran = filters("--json")
    assert (ran.code, ran.err) == (0, "")
    records = [json.loads(line) for line in ran.out.splitlines()]
    assert sorted(record["name"] for record in records) == sorted(NAMES)
    assert all(list(record) == JSON_KEYS for record in records)
    assert all(record["source"] and record["responds_to"] and record["summary"] for record in records)


@pytest.mark.parametrize("name", NAMES)
def test_facts_follow_from_the_matrix(filters: Runner, name: str) -> None:
    ran = filters(name, "--json")
    assert (ran.code, ran.err) == (0, "")
    record = json.loads(ran.out)
    matrices = record["matrix"] if name in COMBINED else [record["matrix"]]
    assert len(matrices) == COMBINED.get(name, 1)
    assert (record["combination"] == "single") == (name not in COMBINED)
    taps = np.array(matrices[0], float)
    assert record["sum"] == pytest.approx(taps.sum(), abs=1e-12)
    zero_sum = abs(taps.sum()) < 1e-9
    assert record["gain"] == pytest.approx(taps[taps > 0].sum() if zero_sum else abs(taps.sum()))
    assert record["separable"] == all(np.linalg.matrix_rank(np.array(m), tol=1e-9) == 1 for m in matrices)
    whole = taps * record["divisor"]
    assert record["divisor"] == 1 or whole == pytest.approx(np.rint(whole))


@pytest.mark.parametrize(
    "name", ["gabor", "log", "dog", "gabor:wavelength=5,angle=70,phase=40", "log:sigma=1.4"]
)
def test_waves_and_blobs_have_zero_sum(filters: Runner, name: str) -> None:
    ran = filters(name, "--json")
    assert (ran.code, ran.err) == (0, "")
    record = json.loads(ran.out)
    assert abs(math.fsum(np.ravel(record["matrix"]))) < 1e-12
    assert abs(record["sum"]) < 1e-12


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_list_on_a_terminal_cuts_no_name(columns: int) -> None:
    ran = on_terminal("filters", columns=columns)
    assert (ran.code, ran.err) == (0, "")
    lines = plain(ran.out).splitlines()
    assert max(map(len, lines)) <= columns
    first_words = {line.split()[0] for line in lines if re.match(r" ?\S", line)}
    assert set(NAMES) <= first_words
    assert "…" not in ran.out


# One filter -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "rows"),
    [
        (("sobel-x",), ["-1 0 1", "-2 0 2", "-1 0 1"]),
        (("sobel-y",), ["-1 -2 -1", "0 0 0", "1 2 1"]),
        (("vertical",), ["1 0 -1", "1 0 -1", "1 0 -1"]),
        (("horizontal",), ["1 1 1", "0 0 0", "-1 -1 -1"]),
        (("sobel-x", "--angle", "90"), ["1 2 1", "0 0 0", "-1 -2 -1"]),
        (("sobel-x", "--angle", "180"), ["1 0 -1", "2 0 -2", "1 0 -1"]),
        (("prewitt-x", "--size", "5"), ["-2 -1 0 1 2"] * 5),
        (("laplacian",), ["0 1 0", "1 -4 1", "0 1 0"]),
        (("gaussian",), ["0.0625 0.125 0.0625", "0.125 0.25 0.125", "0.0625 0.125 0.0625"]),
        (("box:size=2",), ["0.25 0.25", "0.25 0.25"]),
        (("roberts-x",), ["-1 0", "0 1"]),
        (("identity",), ["1"]),
    ],
)
def test_taps_into_a_pipe(filters: Runner, arguments: tuple[str, ...], rows: list[str]) -> None:
    assert filters(*arguments).all == (0, "".join(f"{row}\n" for row in rows), "")


def test_several_kernels_into_a_pipe_are_parted_by_an_empty_line(filters: Runner) -> None:
    assert filters("sobel").all == (0, "-1 0 1\n-2 0 2\n-1 0 1\n\n-1 -2 -1\n0 0 0\n1 2 1\n", "")


def test_one_filter_in_json(filters: Runner) -> None:
    ran = filters("gaussian", "--json")
    assert (ran.code, ran.err) == (0, "")
    record = json.loads(ran.out)
    assert list(record) == JSON_KEYS
    assert {key: record[key] for key in JSON_KEYS if key not in ("summary", "responds_to", "source")} == {
        "name": "gaussian",
        "matrix": [[0.0625, 0.125, 0.0625], [0.125, 0.25, 0.125], [0.0625, 0.125, 0.0625]],
        "combination": "single",
        "gain": 1.0,
        "divisor": 16,
        "sum": 1.0,
        "separable": True,
    }


def test_angle_in_json(filters: Runner) -> None:
    ran = filters("sobel-x", "--angle", "70", "--json")
    assert (ran.code, ran.err) == (0, "")
    record = json.loads(ran.out)
    sobel_x = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    turned = math.cos(math.radians(70)) * sobel_x - math.sin(math.radians(70)) * sobel_x.T
    assert record["name"] == "sobel-x:angle=70"
    np.testing.assert_allclose(record["matrix"], turned, rtol=0, atol=1e-15)


def test_one_filter_on_a_terminal(terminal: Runner) -> None:
    ran = terminal("filters", "sobel-x")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("sobel-x: Sobel derivative along x\n\n-1  0  1\n-2  0  2\n-1  0  1\n\n")
    facts = dict(re.findall(r"^(\w[\w ]*?)  +(.+)$", ran.out, re.MULTILINE))
    assert facts["responds to"] == "brightness growing to the right: vertical edges"
    assert (facts["gain"], facts["sum"], facts["separable"]) == ("4", "0", "yes")
    assert facts["source"].startswith("I. Sobel and G. Feldman")


def test_divisor_on_a_terminal(terminal: Runner) -> None:
    ran = terminal("filters", "gaussian")
    assert (ran.code, ran.err) == (0, "")
    assert "1/16 of\n1 2 1\n2 4 2\n1 2 1\n" in ran.out


def test_combination_on_a_terminal(terminal: Runner) -> None:
    ran = terminal("filters", "sobel")
    assert (ran.code, ran.err) == (0, "")
    assert "-1  0  1\n-2  0  2\n-1  0  1\n\n-1 -2 -1\n 0  0  0\n 1  2  1\n" in ran.out
    assert "sqrt(x² + y²)" in ran.out


def test_wide_kernel_is_not_cut_on_a_terminal(terminal: Runner) -> None:
    ran = terminal("filters", "gaussian:sigma=9")
    assert (ran.code, ran.err) == (0, "")
    assert "73x73 numbers, too wide for 120 columns" in ran.out


@pytest.mark.parametrize("columns", [30, 40, 80])
def test_what_is_said_of_a_wide_matrix_fits_itself(terminal: Runner, in_folder: Path, columns: int) -> None:
    (in_folder / "m.csv").write_text(f"{','.join(['1'] * 60)}\n" * 3)
    for arguments in (
        ("filters", "gaussian:sigma=9"),
        ("apply", "m.csv", "--kernel", "1"),
        ("explain", "m.csv", "--kernel", "; ".join([" ".join(["7"] * 50)] * 3)),
    ):
        ran = terminal(*arguments, columns=columns)
        assert (ran.code, ran.err) == (0, "")
        start = ran.out.rfind("\n", 0, ran.out.index("too wide")) + 1
        remark = ran.out[start:].split("\n\n")[0]
        assert max(map(len, remark.splitlines())) <= columns


# Read back ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SINGLE)
def test_pipe_form_fed_back_gives_the_same_picture(convcli: Runner, gray: NDArray[Any], name: str) -> None:
    taps = convcli("filters", name)
    assert (taps.code, taps.err) == (0, "")
    assert convcli("apply", "gray.png", "--filter", name, "-o", "named.npy").all == (0, "named.npy\n", "")
    assert convcli("apply", "gray.png", "--kernel", taps.out, "-o", "typed.npy").all == (0, "typed.npy\n", "")
    assert gray.shape == np.load("named.npy").shape
    assert np.load("named.npy").dtype == np.load("typed.npy").dtype
    assert np.load("named.npy").tobytes() == np.load("typed.npy").tobytes()


@pytest.mark.usefixtures("gray")
@pytest.mark.parametrize("name", ["sobel", "kirsch"])
def test_pipe_form_of_several_kernels_is_not_taken_for_one(convcli: Runner, name: str) -> None:
    taps = convcli("filters", name)
    assert (taps.code, taps.err) == (0, "")
    ran = convcli("apply", "gray.png", "--kernel", taps.out, "-o", "typed.npy")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("convcli: --kernel: ")
    assert ran.err.index("\n") == len(ran.err) - 1


@pytest.mark.usefixtures("gray")
@pytest.mark.parametrize("extension", ["npy", "csv", "json"])
@pytest.mark.parametrize("name", ["sobel-x", "sobel-x:angle=33", "gaussian:sigma=0.8", "roberts-y"])
def test_saved_kernel_gives_the_same_picture(convcli: Runner, name: str, extension: str) -> None:
    file = f"kernel.{extension}"
    assert convcli("filters", name, "-o", file).all == (0, f"{file}\n", "")
    assert convcli("apply", "gray.png", "--filter", name, "-o", "named.npy").all == (0, "named.npy\n", "")
    assert convcli("apply", "gray.png", "--kernel", f"@{file}", "-o", "saved.npy").all == (
        0,
        "saved.npy\n",
        "",
    )
    assert np.load("named.npy").dtype == np.load("saved.npy").dtype
    assert np.load("named.npy").tobytes() == np.load("saved.npy").tobytes()


def test_saved_json_says_what_it_is(filters: Runner, in_folder: Path) -> None:
    assert filters("sobel-x", "-o", "kernel.json").all == (0, "kernel.json\n", "")
    record = json.loads((in_folder / "kernel.json").read_text())
    assert record["kernel"] == [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
    assert record["name"] == "sobel-x"


def test_saved_csv(filters: Runner, in_folder: Path) -> None:
    assert filters("sobel-x", "-o", "kernel.csv").all == (0, "kernel.csv\n", "")
    assert (in_folder / "kernel.csv").read_text() == "-1,0,1\n-2,0,2\n-1,0,1\n"


def test_saved_npy(filters: Runner, in_folder: Path) -> None:
    assert filters("sobel-x", "-o", "kernel.npy").all == (0, "kernel.npy\n", "")
    assert np.load(in_folder / "kernel.npy").tolist() == [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]


def test_saving_with_json_prints_the_record(filters: Runner, in_folder: Path) -> None:
    ran = filters("sobel-x", "-o", "kernel.csv", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert list(json.loads(ran.out)) == JSON_KEYS
    assert (in_folder / "kernel.csv").is_file()


def test_existing_file_is_kept_and_force_replaces_it(filters: Runner, in_folder: Path) -> None:
    (in_folder / "kernel.csv").write_text("precious")
    ran = filters("sobel-x", "-o", "kernel.csv")
    assert ran.all == (
        1,
        "",
        "convcli: kernel.csv: exists; use --force to overwrite it\n",
    )
    assert (in_folder / "kernel.csv").read_text() == "precious"
    assert filters("identity", "-o", "kernel.csv", "--force").all == (0, "kernel.csv\n", "")
    assert (in_folder / "kernel.csv").read_text() == "1\n"
    assert [path.name for path in in_folder.iterdir()] == ["kernel.csv"]


# What is refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "start"),
    [
        (("sobell",), "sobell: unknown filter: did you mean sobel?"),
        (("gausian:sigma=2",), "gausian: unknown filter: did you mean gaussian?"),
        (
            ("sobel-x:sigma=2",),
            "sobel-x: has no option sigma; it takes size (an odd number from 3 to 7), angle (a finite number)",
        ),
        (("gabor", "--size", "4"), "gabor:size=4: "),
        (("laplacian", "--size", "5"), "laplacian: has no options"),
        (("sobel", "-o", "kernel.npy"), "sobel: combines 2 kernels; "),
    ],
)
def test_wrong_filter(filters: Runner, in_folder: Path, arguments: tuple[str, ...], start: str) -> None:
    ran = filters(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"convcli: {start}")
    assert ran.err.index("\n") == len(ran.err) - 1
    assert not list(in_folder.iterdir())


@pytest.mark.parametrize("name", ["kernel.txt", "kernel.pdf", "kernel"])
def test_unknown_extension(filters: Runner, in_folder: Path, name: str) -> None:
    ran = filters("sobel-x", "-o", name)
    assert ran.all == (
        2,
        "",
        f"convcli: {name}: a kernel must be saved as .npy, .csv, .json, .png, .svg, .html or .htm\n",
    )
    assert not list(in_folder.iterdir())


@pytest.mark.parametrize("options", [("--angle", "70"), ("--size", "5"), ("-o", "kernel.npy")])
def test_options_of_one_filter_need_its_name(
    filters: Runner, in_folder: Path, options: tuple[str, ...]
) -> None:
    line = "convcli: NAME: missing; for example: convcli filters sobel-x --angle 70\n"
    assert filters(*options).all == (2, "", line)
    assert not list(in_folder.iterdir())


def test_missing_folder(filters: Runner, in_folder: Path) -> None:
    ran = filters("sobel-x", "-o", "none/kernel.npy")
    assert ran.all == (1, "", f"convcli: none/kernel.npy: there is no folder {in_folder / 'none'}\n")
