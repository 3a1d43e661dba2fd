"""``convcli explain`` with ``--pool``, ``--reads`` and ``--shift``."""

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from convcli.convolution.pooling import pool
from convcli.pictures.channels import select_channels
from convcli.pictures.reading import read_image
from tests.support.command_line import SAMPLES, SVG, Runner, assert_refused, nothing_changes, on_terminal

POOLING = SAMPLES / "pooling.csv"
CHELSEA = SAMPLES / "chelsea.png"

pytestmark = pytest.mark.usefixtures("in_folder")


def titles(file: str) -> list[str]:
    root = ElementTree.fromstring(Path(file).read_text("utf-8"))
    return [title.text or "" for title in root.iter(f"{SVG}title")]


def test_which_value_won(convcli: Runner, terminal: Runner) -> None:
    options = ("explain", POOLING, "--pool", "max", "--f", "2", "--at", "0,0")
    assert convcli(*options).all == (0, "9\n", "")
    record = json.loads(convcli(*options, "--json").out)
    assert record == {
        "input": str(POOLING), "pool": "max", "filter": "2x2", "padding": "0", "stride": "2x2", "shape_out": "2x2",
        "row": 0, "column": 0, "rows": [0, 1], "columns": [0, 1], "channel": "gray", "window": [[1, 3], [2, 9]],
        "winners": [[1, 1]], "sum": 15, "count": 4, "value": 9, "pixel": 9,
    }  # fmt: skip
    assert terminal(*options, columns=80).out.partition("\n")[2] == (
        "\nwindow, [largest]\n 1   3\n 2  [9]\n\n"
        "max    max(1, 3, 2, 9) = 9, from row 1, column 1\npixel  9\n\n"
        "result, [column 0, row 0]\n[9]  2\n 6   3\n"
    )


def test_how_a_mean_is_computed(convcli: Runner, terminal: Runner) -> None:
    options = ("explain", POOLING, "--pool", "avg", "--f", "3", "--s", "2", "--p", "1", "--at", "0,0")
    assert convcli(*options).all == (0, "3.75\n", "")  # of the four values that are no padding
    shown = terminal(*options, columns=80).out
    assert "window, . padding\n .   .   .\n .   1   3\n .   2   9\n" in shown
    assert "mean   (1 + 3 + 2 + 9)/4 = 15/4 = 3.75\npixel  3.75\n" in shown


def test_pictures_are_pooled_channel_by_channel(convcli: Runner, terminal: Runner) -> None:
    image = read_image(CHELSEA)
    record = json.loads(convcli("explain", CHELSEA, "--pool", "avg", "--at", "7,5", "--json").out)
    exact, written = pool(image, mode="avg")[5, 7], pool(image, mode="avg", rounded=True)[5, 7]
    assert [one["value"] for one in record["channels"]] == exact.tolist()
    assert [one["pixel"] for one in record["channels"]] == written.tolist()
    gray = pool(select_channels(image, "gray"), size=(2, 3), stride=4)
    options = ("explain", CHELSEA, "--channels", "gray", "--pool", "max", "--f", "2x3", "--s", "4")
    assert convcli(*options, "--at", "7,5").out == f"{gray[5, 7]}\n"
    assert "channel g\nwindow\n" in terminal("explain", CHELSEA, "--pool", "avg", columns=80).out


def test_pooling_is_drawn_and_animated(convcli: Runner) -> None:
    options = ("explain", POOLING, "--pool", "max")
    ran = convcli(*options, "--at", "1,1", "-o", "p.svg", "--animate", "p.gif")
    assert ran.all == (0, "p.svg\np.gif\n", "")
    assert titles("p.svg")[0] == "max pooling, 2x2, slides over an input of 4x4"
    root = ElementTree.fromstring(Path("p.svg").read_text("utf-8"))
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert "max(2, 3, 1, 2) = 3, from row 2, column 3" in texts
    winners = [rect for rect in root.iter(f"{SVG}rect") if "f-green" in rect.attrib.get("class", "")]
    assert len(winners) == 3  # in the input, the window, and the legend
    with Image.open("p.gif") as image:
        assert getattr(image, "n_frames", 1) == 4
    assert convcli(*options, "--p", "1", "-o", "padded.png").code == 0
    assert convcli("explain", "--n", "4", "--f", "2", "--pool", "avg", "-o", "bare.svg").all == (
        0,
        "bare.svg\n",
        "",
    )
    assert titles("bare.svg")[0] == "avg pooling, 2x2, slides over an input of 4x4"
    assert_refused(
        convcli("explain", CHELSEA, "--pool", "max", "-o", "x.svg"),
        f"-o: draws one channel, and {CHELSEA} has 3; choose one: --channels r, g, b, gray or sum",
    )


def test_pooling_of_nan(terminal: Runner) -> None:
    Path("n.csv").write_text("1 nan\n2 3\n")
    shown = terminal("explain", "n.csv", "--pool", "max")
    assert "max    max(1, nan, 2, 3) = nan, from row 0, column 1\npixel  nan\n" in shown.out


def test_pooling_of_sizes_takes_two_by_default(convcli: Runner) -> None:
    assert convcli("explain", "--n", "6", "--pool", "max").out == "3x3\n"
    assert convcli("explain", "--n", "2", "--pool", "avg", "--reads").out == "1 1\n1 1\n"


def test_pooling_of_sizes(convcli: Runner) -> None:
    start = ("explain", "--n", "9", "--f", "2")
    assert convcli(*start, "--pool", "max").out == "4x4\n"
    assert convcli(*start).out == "8x8\n"
    assert convcli(*start, "--pool", "max", "--s", "1").out == "8x8\n"
    assert_refused(
        convcli(*start, "--pool", "max", "--p", "2"), "padding 2: is more than half the window of 2"
    )


def test_weights_by_alpha_are_noted(convcli: Runner) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (2, 2, 2)).astype(np.uint8)
    Image.fromarray(pixels).save("glass.png")
    ran = convcli("explain", "glass.png", "--pool", "avg")
    assert ran.out == f"{pixels[..., 0].mean()}\n"
    assert "glass.png: the window has transparent pixels, which pool weights by alpha" in ran.err


# Reads ------------------------------------------------------------------------------------------------------


def test_reads_are_counted(convcli: Runner, terminal: Runner) -> None:
    options = ("explain", "--n", "6", "--f", "3", "--reads")
    rows = [[1, 2, 3, 3, 2, 1], [2, 4, 6, 6, 4, 2], [3, 6, 9, 9, 6, 3]]
    rows += rows[::-1]
    assert convcli(*options).out == "".join(" ".join(map(str, row)) + "\n" for row in rows)
    assert json.loads(convcli(*options, "--json").out) == {
        "shape_in": "6x6", "filter": "3x3", "padding": "0", "stride": "1x1", "dilation": "1x1", "shape_out": "4x4",
        "reads": rows, "corner": 1, "most": 9, "most_count": 4, "unread": 0, "pixels": 36,
    }  # fmt: skip
    shown = terminal("explain", "--n", "5x4", "--f", "2", "--s", "3", "--reads", columns=80).out
    assert shown == (
        "how often each pixel of the 5x4 input is read: window 2x2, padding 0, stride 3\n"
        "\n"
        " 1  1  x  x\n 1  1  x  x\n x  x  x  x\n 1  1  x  x\n 1  1  x  x\n"
        "\n"
        "reads   8 of 20 pixels once\n"
        "unread  12 of 20 pixels (60 %) are never read\n"
        "side    floor((n + 2p - f)/s) + 1\n"
        "height  floor((5 + 2·0 - 2)/3) + 1 = 2\n"
        "width   floor((4 + 2·0 - 2)/3) + 1 = 1\n"
        "legend  x never read\n"
    )
    large = terminal("explain", "--n", "300", "--f", "9", "--reads", columns=80).out
    assert max(map(len, large.splitlines())) <= 80
    assert "…" in large


def test_reads_are_colored() -> None:
    options = ("explain", "--n", "4", "--f", "2", "--s", "3", "--reads")
    shown = on_terminal(*options, columns=80, TERM="xterm-256color", COLORTERM="truecolor").out
    assert shown.count("\x1b[38;2;0;0;0;48;2;255;245;229m 1 \x1b[0m") == 4
    assert shown.count("\x1b[1;7;34m x \x1b[0m") == 12


def test_reads_are_drawn(convcli: Runner) -> None:
    ran = convcli("explain", "--n", "6x5", "--f", "2", "--s", "3", "--reads", "-o", "r.svg")
    assert ran.all == (0, "r.svg\n", "")
    found = titles("r.svg")
    assert found[0] == "How often each pixel of the 6x5 input is read"
    assert len(found) == 31
    assert found.count("row 2, column 2: read never") == 1
    assert sum(title.endswith("read once") for title in found) == 16
    assert convcli("explain", "--n", "64", "--f", "3", "--pool", "max", "--reads", "-o", "r.png").code == 0
    with Image.open("r.png") as image:
        assert image.format == "PNG"


def test_reads_that_are_refused(convcli: Runner, in_folder: Path) -> None:
    start = ("explain", "--n", "6", "--f", "3", "--reads")
    with nothing_changes(in_folder):
        assert_refused(convcli("explain", POOLING, "--reads"), "--reads: counts for sizes, not pictures")
        assert_refused(convcli("explain", "--reads"), "--n: missing")
        assert_refused(convcli(*start, "--animate", "a.gif"), "--animate: does not apply to --reads")
        assert_refused(convcli(*start, "--at", "1,1"), "--at: does not apply to --reads")
        too_large = ("explain", "--n", "65", "--f", "3", "--reads", "-o", "a.svg")
        assert_refused(convcli(*too_large), "input 65x65: is too large to draw; the limit is 64 per side")
        assert_refused(
            convcli("explain", "--n", "9999", "--f", "3", "--reads"), "input 9999x9999: is too large to count"
        )


# Shifts -----------------------------------------------------------------------------------------------------


def test_shifts_of_a_filter(convcli: Runner, terminal: Runner) -> None:
    options = ("explain", CHELSEA, "--filter", "sobel-x", "--channels", "gray", "--s", "2", "--shift", "1..2")
    record = json.loads(convcli(*options, "--json").out)
    gray = select_channels(read_image(CHELSEA), "gray").astype(int)
    columns = gray[:, 2:] - gray[:, :-2]
    edges = np.abs(columns[:-2] + 2 * columns[1:-1] + columns[2:])[::2]
    still = edges[:, 2::2]
    assert {key: record[key] for key in ("filter", "pool", "channels", "signed", "stride", "shape_in")} == {
        "filter": "sobel-x", "pool": None, "channels": "gray", "signed": "abs", "stride": 2, "shape_in": "300x451x3",
    }  # fmt: skip
    one, two = record["shifts"]
    odd = edges[:, 1::2][:, : still.shape[1]]
    assert one["equivariance"] == one["invariance"]  # the result cannot move by half a pixel
    assert one["equivariance"]["largest"] == np.abs(odd - still).max()
    assert one["equivariance"]["relative"] == pytest.approx(np.abs(odd - still).mean() / still.mean())
    assert (two["result_shift"], two["equivariance"]) == (1, {"largest": 0, "mean": 0, "relative": 0})
    assert two["invariance"]["mean"] == pytest.approx(np.abs(edges[:, :-2:2][:, :224] - still).mean())
    ran = convcli(*options)
    header, *rows = [line.split("\t") for line in ran.out.splitlines()]
    assert header[:5] == ["shift", "moves by", "back max", "back mean", "back %"]
    assert [row[:2] for row in rows] == [["1", "1/2"], ["2", "1"]]
    shown = terminal(*options, columns=80).out
    assert "shifted to the right: sobel-x, --channels gray, --signed abs" in " ".join(shown.split())
    assert max(map(len, shown.splitlines()[2:])) <= 80


def test_shifts_of_pooling(convcli: Runner) -> None:
    rng = np.random.default_rng(4)
    image = rng.integers(0, 99, (12, 20))
    np.save("p.npy", image)
    record = json.loads(
        convcli("explain", "p.npy", "--pool", "max", "--f", "3", "--shift", "1,3", "--json").out
    )
    still = pool(image[:, 3:], size=3)
    first, second = record["shifts"]
    assert first["invariance"]["largest"] == np.abs(pool(image[:, 2:19], size=3) - still).max()
    assert second["equivariance"]["largest"] == 0
    both = ("explain", "p.npy", "--kernel", "1 -1", "--pool", "avg", "--f", "2", "--shift", "2", "--json")
    record = json.loads(convcli(*both).out)
    assert (record["pool"], record["signed"], record["stride"]) == ("avgpool f2", "raw", 2)
    assert record["shifts"][0]["equivariance"]["largest"] == 0


def test_shifts_that_are_refused(convcli: Runner) -> None:
    np.save("p.npy", np.zeros((5, 6)))
    start = ("explain", "p.npy", "--shift")
    for text in ("", "0", "2..1", "a", "1..99", "-1", "1.5"):
        assert_refused(convcli(*start, text, "--filter", "box"), f"--shift '{text}': must be pixels")
    assert_refused(convcli(*start, "1"), "--shift: needs what is done to the picture: --filter, --kernel")
    assert_refused(convcli(*start, "6", "--kernel", "1"), "p.npy: --shift 6: leaves nothing of a picture 6")
    assert_refused(
        convcli(*start, "3", "--kernel", "1"), "p.npy: --shift 3: moves everything out of a result"
    )
    assert_refused(convcli(*start, "1", "--filter", "box", "--p", "1"), "--p: does not apply to --shift")
    assert_refused(convcli(*start, "1", "--pool", "max", "--relu"), "--relu: needs a --filter or a --kernel")
    assert_refused(convcli(*start, "1", "--filter", "box", "-o", "a.svg"), "-o: does not apply to --shift")
    assert convcli(*start, "1", "--kernel", "1").out.splitlines()[1].split("\t")[4] == ""  # the mean is 0
