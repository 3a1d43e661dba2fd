"""``convcli explain`` with drawings, and of a window without a picture."""

import json
import os
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from tests.support.command_line import SAMPLES, SVG, Runner, assert_failed, assert_refused, nothing_changes

EDGE = ("explain", SAMPLES / "vertical-edge.csv", "--filter", "vertical", "--padding", "valid")
WINDOW = ("explain", "--n", "6", "--f", "3", "--p", "1", "--s", "2")


def titles(file: str) -> list[str]:
    root = ElementTree.fromstring(Path(file).read_text("utf-8"))
    return [title.text or "" for title in root.iter(f"{SVG}title")]


@pytest.mark.usefixtures("in_folder")
def test_the_worked_example_is_drawn(convcli: Runner) -> None:
    assert convcli(*EDGE, "--at", "1,0", "-o", "explain.svg").all == (0, "explain.svg\n", "")
    found = titles("explain.svg")
    assert found[0] == "vertical, 3x3, slides over an input of 6x6"
    assert "output row 0, column 1: 30" in found
    assert [title for title in found if title.startswith("window, output")] == [
        "window, output row 0, column 1"
    ]
    assert len([title for title in found if title.startswith("window, row")]) == 9


@pytest.mark.parametrize(("name", "file_format"), [("a.gif", "GIF"), ("a.apng", "PNG"), ("A.GIF", "GIF")])
@pytest.mark.usefixtures("in_folder")
def test_all_positions_are_drawn(convcli: Runner, name: str, file_format: str) -> None:
    assert convcli(*EDGE, "--animate", name, "--seconds", "0.2").all == (0, f"{name}\n", "")
    with Image.open(name) as image:
        assert (image.format, getattr(image, "n_frames", 1), image.info["duration"]) == (file_format, 16, 200)


@pytest.mark.usefixtures("in_folder")
def test_a_drawing_and_an_animation_at_once(convcli: Runner) -> None:
    ran = convcli(*WINDOW, "-o", "w.png", "--animate", "w.svg")
    assert ran.all == (0, "w.png\nw.svg\n", "")
    with Image.open("w.png") as image:
        assert (image.format, image.mode) == ("PNG", "RGB")
    root = ElementTree.fromstring(Path("w.svg").read_text("utf-8"))
    assert len([group for group in root.iter(f"{SVG}g") if "frame" in group.attrib["class"]]) == 9


@pytest.mark.usefixtures("in_folder")
def test_a_drawing_on_standard_output(convcli: Runner, terminal: Runner) -> None:
    for arguments in (WINDOW, EDGE):
        ran = convcli(*arguments, "-o", "-", "--animate", f"{len(arguments)}.gif")
        assert (ran.code, ran.err) == (0, "")
        assert convcli(*arguments, "-o", "same.svg", "--force").code == 0
        assert ran.out == Path("same.svg").read_text("utf-8")
        assert Path(f"{len(arguments)}.gif").is_file()
        assert_refused(
            convcli(*arguments, "-o", "-", "--json"), "-o -: writes to standard output, and so does --json"
        )
        assert_refused(convcli(*arguments, "--animate", "-"), "-: an animation must be saved as .svg")
    for arguments in (WINDOW, EDGE):
        assert_refused(
            terminal(*arguments, "-o", "-"), "-o -: svg cannot be shown in a terminal; redirect it"
        )


def test_a_window_without_a_picture(convcli: Runner, terminal: Runner) -> None:
    assert convcli(*WINDOW).all == (0, "3x3\n", "")
    assert json.loads(convcli(*WINDOW, "--at", "2,1", "--json").out) == {
        "shape_in": "6x6", "filter": "3x3", "padding": "1", "stride": "2x2", "dilation": "1x1", "shape_out": "3x3",
        "row": 1, "column": 2, "rows": [1, 3], "columns": [3, 5],
    }  # fmt: skip
    assert terminal(*WINDOW, "--at", "2,1", columns=80).all == (
        0,
        "input 6x6          output 3x3\n"
        "+ + + + + + + x    . . .\n"
        "+ . . . . . . x    . . #\n"
        "+ . . . # # # x    . . .\n"
        "+ . . . # # # x\n"
        "+ . . . # # # x\n"
        "+ . . . . . . x\n"
        "+ . . . . . . x\n"
        "x x x x x x x x\n"
        "\n"
        "here    row 1, column 2 of the output reads rows 1 to 3 and columns 3 to 5 of\n"
        "        the input\n"
        "side    floor((n + 2p - f)/s) + 1 = floor((6 + 2·1 - 3)/2) + 1 = 3\n"
        "legend  # read here (* in the padding); . other pixels (+ in the padding); x\n        never read\n",
        "",
    )
    assert terminal("explain", "--n", "90", "--f", "60", columns=80).out.startswith(
        "here  row 0, column 0 of"
    )


@pytest.mark.parametrize(
    ("columns", "drawn"), [(20, []), (30, []), (40, [6]), (80, [6, 1000]), (200, [6, 1000])]
)
def test_letters_are_drawn_where_they_fit(terminal: Runner, columns: int, drawn: list[int]) -> None:
    for side, options in ((6, WINDOW), (1000, ("explain", "--n", "1000", "--f", "7", "--at", "500,7"))):
        ran = terminal(*options, columns=columns)
        assert (ran.code, ran.err) == (0, "")
        letters, _, facts = ran.out.rpartition("here ")
        assert letters.startswith(f"input {side}x{side}") == (side in drawn)
        assert max(map(len, letters.splitlines()), default=0) <= columns
        assert max(map(len, facts.splitlines())) <= max(columns, 30)  # words are kept whole


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ("--n 1000000000 --f 1000000000", "1"),
        ("--n 900000000 --f 2 --d 800000000", "100000000"),
        (f"--n {10**30} --f 3", f"{10**30 - 2}"),
        (f"--n {10**30} --f {10**30}", "1"),
        (f"--n {10**30} --f {10**25} --d {10**4}", f"{10**30 - 10**29 + 10**4}"),
        (f"--n 6 --f 3 --s {10**30}", "1"),
        (f"--n 6 --f 1 --d {10**30}", "6"),
    ],
)
def test_windows_that_are_too_large_for_letters_are_told_of(
    convcli: Runner, terminal: Runner, options: str, size: str
) -> None:
    arguments = ("explain", *options.split())
    assert convcli(*arguments).all == (0, f"{size}x{size}\n", "")
    ran = terminal(*arguments, columns=80)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("here  row 0, column 0 of the output reads")
    assert f" + 1 = {size}" in " ".join(ran.out.split())


@pytest.mark.usefixtures("in_folder")
def test_filters_wider_than_the_terminal_say_so(terminal: Runner) -> None:
    np.save("p.npy", np.arange(900).reshape(30, 30))
    ran = terminal("explain", "p.npy", "--filter", "gaussian:sigma=2", "--at", "9,9", columns=80)
    assert ran.code == 0
    assert max(map(len, ran.out.splitlines())) <= 80
    assert "filter\n17x17 numbers, too wide for 80 columns; --json has them\n" in ran.out
    np.save("p.npy", np.full((30, 30), -1.23456789e-100))
    beside = terminal(
        "explain", "p.npy", "--kernel", "0 0 0 0 0 0 0; 0 0 0 0 0 0 0", "--at", "9,9", columns=100
    ).out
    assert (
        "patch\n2x7 numbers, too wide for 100 columns; --json has them\n\nfilter\n0 0 0 0 0 0 0\n" in beside
    )
    np.savetxt("m.csv", np.zeros((2, 50)), "%d", ",")
    whole = terminal("explain", "m.csv", "--filter", "box", columns=80).out
    assert whole.endswith("\n2x50 numbers, too wide for 80 columns; apply -o result.csv writes them\n")
    assert "sum    the 289 products that are not 0 = 279" in ran.out


@pytest.mark.usefixtures("in_folder")
def test_only_what_is_below_zero_is_bracketed_in_a_sum(terminal: Runner) -> None:
    np.save("p.npy", np.array([[np.nan, np.inf, -np.inf, 2, -3]]))
    ran = terminal("explain", "p.npy", "--kernel", "1 1 1 1 1", "--padding", "0")
    assert "sum    nan + inf + (-inf) + 2 + (-3) = nan\n" in ran.out


@pytest.mark.usefixtures("in_folder")
def test_a_terminal_and_json_name_the_files(terminal: Runner, convcli: Runner) -> None:
    shown = terminal(*EDGE, "--at", "1,1", "-o", "a.svg")
    assert "sum    10 + 10 + 10 = 30\npixel  30\ndrawn  a.svg\n" in shown.out
    record = json.loads(convcli(*EDGE, "-o", "b.svg", "--animate", "c.gif", "--json").out)
    assert (record["value"], record["output"], record["animation"]) == (0, "b.svg", "c.gif")
    assert "output" not in json.loads(convcli(*EDGE, "--json").out)
    told = json.loads(convcli(*WINDOW, "--animate", "d.svg", "--json").out)
    assert (told["shape_out"], told["animation"], "output" in told) == ("3x3", "d.svg", False)
    assert "drawn   \\x1b[31m.svg\n" in terminal(*WINDOW, "-o", "\x1b[31m.svg").out


def test_what_is_wrong_is_told_before_anything_is_drawn(convcli: Runner, in_folder: Path) -> None:
    Path("there.svg").write_text("old")
    Path("folder.svg").mkdir()
    with nothing_changes(in_folder):
        assert_refused(convcli(*WINDOW, "-o", "a.jpg"), "a.jpg: a drawing must be saved as .svg or .png")
        assert_refused(
            convcli(*WINDOW, "-o", "a.txt"),
            "a.txt: a drawing must be saved as .svg or .png; for text use --text > a.txt",
        )
        assert_refused(convcli(*WINDOW, "-o", ""), "'': a drawing must be saved as .svg or .png")
        assert_refused(
            convcli(*WINDOW, "--animate", "a.png"),
            "a.png: an animation must be saved as .svg, .gif or .apng",
        )
        assert_refused(
            convcli(*WINDOW, "-o", "a.svg", "--animate", "./a.svg"), "--animate: names the same file as -o"
        )
        for seconds in ("0", "31", "nan", "-1"):
            assert_refused(convcli(*WINDOW, "--animate", "a.svg", "--seconds", seconds), "--seconds ")
        assert_failed(
            convcli(*WINDOW, "-o", "there.svg"),
            1,
            "there.svg: exists; use --force to overwrite it",
        )
        assert_failed(convcli(*WINDOW, "-o", "none/a.svg"), 1, "none/a.svg: there is no folder")
        assert_failed(convcli(*WINDOW, "-o", "folder.svg"), 1, "folder.svg: is a folder")
        assert_refused(
            convcli("explain", "--n", "6", "--f", "8", "-o", "a.svg"),
            "filter 8 on input 6: gives floor((6 + 2·0 - 8)/1) + 1 = -1, because ",
        )
        assert_refused(
            convcli(*WINDOW, "--at", "3,0", "-o", "a.svg"), "row 0, column 3: is outside the 3x3 result"
        )
        assert_refused(
            convcli(*EDGE, "--at", "4,0", "-o", "a.svg"),
            f"{EDGE[1]}: row 0, column 4: is outside the 4x4 result",
        )
        assert_refused(
            convcli("explain", "--n", "30", "--f", "3", "-o", "a.svg", "--animate", "a.gif"),
            "output 28x28: has 784 positions, but an animation shows at most 256;",
        )
        assert_refused(
            convcli("explain", "--n", "6"), "--f: missing; for example: convcli explain --n 6 --f 3 -o"
        )
        assert_refused(convcli("explain", "--f", "6"), "--n: missing")
        assert_refused(convcli(*EDGE, "--n", "6"), "--n: applies only without IMAGE")
        for option in (
            ("--filter", "box"),
            ("--border", "zero"),
            ("--flip",),
            ("--channel", "r"),
            ("--frame", "0"),
        ):
            assert_refused(convcli(*WINDOW, *option), f"{option[0]}: requires IMAGE; ")
    assert convcli(*WINDOW, "-o", "there.svg", "--force").all == (0, "there.svg\n", "")
    assert Path("there.svg").read_text("utf-8").startswith("<svg")


def test_inputs_are_never_drawn_over(convcli: Runner, in_folder: Path) -> None:
    Path("k.svg").write_text("1 0 -1\n")
    os.link("k.svg", "same.svg")
    np.save("p.npy", np.zeros((4, 4)))
    Path("p.svg").symlink_to("p.npy")
    with nothing_changes(in_folder):
        assert_failed(
            convcli("explain", "p.npy", "--kernel", "@k.svg", "-o", "same.svg", "--force"),
            1,
            "same.svg: is an input",
        )
        assert_failed(
            convcli("explain", "p.npy", "--filter", "box", "-o", "p.svg", "--force"), 1, "p.svg: is an input"
        )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folders_that_may_not_be_written_to(convcli: Runner, in_folder: Path) -> None:
    in_folder.chmod(0o500)
    assert_failed(convcli(*WINDOW, "-o", "a.svg"), 1, "a.svg: no permission to write in the folder")


BORDERS = ["zero", "constant:9", "edge", "reflect", "symmetric", "wrap"]


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.usefixtures("in_folder")
def test_every_border_fills_the_padding_that_is_drawn(convcli: Runner, border: str) -> None:
    image = np.arange(1, 13).reshape(3, 4)
    np.savetxt("m.csv", image, "%d", ",")
    ran = convcli(
        "explain", "m.csv", "--filter", "sobel-x", "--padding", "1:0x0:2", "--border", border, "-o", "m.svg"
    )
    assert ran.all == (0, "m.svg\n", "")
    mode: Any = border if border in BORDERS[2:] else "constant"
    filled: dict[str, Any] = (
        {} if border in BORDERS[2:] else {"constant_values": 9 * (border == "constant:9")}
    )
    padded = np.pad(image, ((1, 0), (0, 2)), mode, **filled)
    expected = [
        f"padding, row {row - 1}, column {column}: {padded[row, column]}"
        for row in range(4)
        for column in range(6)
        if row == 0 or column > 3
    ]
    assert [title for title in titles("m.svg") if title.startswith("padding")] == expected


@pytest.mark.parametrize(("shape", "at"), [((1, 1), "0,0"), ((1, 20000), "19999,0"), ((20000, 1), "0,10000")])
@pytest.mark.usefixtures("in_folder")
def test_pictures_of_any_shape(convcli: Runner, shape: tuple[int, int], at: str) -> None:
    Image.fromarray(np.full(shape, 7, np.uint8)).save("p.png")
    ran = convcli("explain", "p.png", "--filter", "sobel", "--at", at, "-o", "p.svg")
    assert ran.all == (0, "p.svg\n", "")
    column, row = at.split(",")
    assert f"window, row {row}, column {column}" in titles("p.svg")
    assert f"output row {row}, column {column}: 0.0" in titles("p.svg")


@pytest.mark.usefixtures("in_folder")
def test_names_of_kernels_are_cleaned(convcli: Runner) -> None:
    name = f"{'很' * 40}\x1b\n<&>.csv"
    Path(name).write_text("1 0 -1\n")
    np.save("p.npy", np.zeros((4, 4), int))
    assert convcli("explain", "p.npy", "--kernel", f"@{name}", "-o", "a.svg", "--animate", "a.gif").code == 0
    assert titles("a.svg")[0] == f"{'很' * 40}\ufffd\n<&>, 1x3, slides over an input of 4x4"
