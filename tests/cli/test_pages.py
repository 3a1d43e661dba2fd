"""``-o play.html``: pages to play with, what they show, and what is refused before anything is written."""

import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.command_line import SAMPLES, Runner, assert_failed, assert_refused, nothing_changes


def data(name: str) -> dict[str, Any]:
    """Return what a page shows."""
    text = Path(name).read_text("utf-8")
    (found,) = re.findall(r'<script type="application/json" id="data">(.*)</script>', text)
    shown: dict[str, Any] = json.loads(found)
    return shown


@pytest.mark.usefixtures("in_folder")
def test_a_filter_is_shown_on_a_small_image(convcli: Runner) -> None:
    assert convcli("filters", "sobel-x", "--angle", "90", "-o", "play.html").all == (0, "play.html\n", "")
    shown = data("play.html")
    assert (shown["height"], shown["width"], shown["channels"]) == (6, 6, ["gray"])
    assert shown["state"]["kernels"] == [[[[1, 2, 1], [0, 0, 0], [-1, -2, -1]]]]
    assert shown["state"]["convolution"]["padding"] == "valid"
    assert "<h1>sobel-x:angle=90</h1>" in Path("play.html").read_text("utf-8")


@pytest.mark.usefixtures("in_folder")
def test_filters_of_several_kernels_and_large_ones(convcli: Runner) -> None:
    assert convcli("filters", "kirsch", "-o", "PLAY.HTM").code == 0
    assert len(data("PLAY.HTM")["state"]["kernels"]) == 8
    assert data("PLAY.HTM")["state"]["combination"] == "strongest"
    assert convcli("filters", "gaussian:sigma=1", "-o", "play.html").code == 0
    assert data("play.html")["state"]["convolution"]["padding"] == "same"
    ran = convcli("filters", "gabor", "-o", "large.html")
    assert_refused(ran, "kernel 55x55: is too large for a page; it shows at most 32 a side")
    assert not Path("large.html").exists()


@pytest.mark.usefixtures("in_folder")
def test_json_and_kernels_from_files(convcli: Runner) -> None:
    Path("k.csv").write_text("1,0,-1\n")
    plain = convcli("filters", "@k.csv", "--json")
    assert convcli("filters", "@k.csv", "--json", "-o", "play.html").all == plain.all
    assert data("play.html")["state"]["kernels"] == [[[[1, 0, -1]]]]


def test_files_that_must_not_be_written(convcli: Runner, in_folder: Path) -> None:
    Path("old.html").write_text("mine")
    Path("k.json").write_text('{"kernel": [[1, 0, -1]]}')
    Path("link.html").hardlink_to("k.json")
    with nothing_changes(in_folder):
        assert_failed(convcli("filters", "sobel-x", "-o", "old.html"), 1, "old.html: exists; use --force")
        assert_failed(
            convcli("filters", "sobel-x", "-o", "no/play.html"), 1, "no/play.html: there is no folder"
        )
        assert_failed(
            convcli("filters", "@k.json", "-o", "link.html", "--force"), 1, "link.html: is an input, and"
        )
        assert_refused(
            convcli("filters", "sobel-x", "--tuning", "-o", "play.html"), "play.html: a tuning curve must"
        )
        assert_refused(
            convcli("filters", "sobel-x", "-o", "play.xhtml"), "play.xhtml: a kernel must be saved as"
        )
    assert convcli("filters", "sobel-x", "-o", "old.html", "--force").code == 0
    assert data("old.html")["height"] == 6


# explain ------------------------------------------------------------------------------------------------

EDGE = ("explain", SAMPLES / "vertical-edge.csv", "--filter", "vertical", "--padding", "valid")


@pytest.mark.usefixtures("in_folder")
def test_an_explained_value_is_where_the_page_begins(convcli: Runner) -> None:
    options = ("--at", "1,1", "--border", "constant:7", "--stride", "1x2", "--dilation", "2x1", "--flip")
    ran = convcli(*EDGE, *options, "--bias", "4", "--relu", "-o", "play.html")
    assert ran.all == (0, "play.html\n", "")
    shown = data("play.html")
    state = shown["state"]
    assert state["at"] == [1, 1]
    assert state["convolution"] == {"padding": "valid", "stride": [1, 2], "dilation": [2, 1]}
    assert (state["border"], state["borderValue"], state["flip"]) == ("constant", 7, True)
    assert (state["bias"], state["relu"], state["operation"]) == (4, True, "convolution")
    assert shown["command"] == ["convcli", "explain", str(SAMPLES / "vertical-edge.csv")]
    assert shown["filters"][0]["command"] == ["--filter", "vertical"]
    assert shown["white"] is None
    text = Path("play.html").read_text("utf-8")
    assert "<h1>vertical on vertical-edge.csv</h1>" in text


@pytest.mark.usefixtures("in_folder")
def test_volumes_and_channels(convcli: Runner) -> None:
    cat, kernel = SAMPLES / "chelsea.png", SAMPLES / "red-edge.json"
    assert convcli("explain", cat, "--kernel", f"@{kernel}", "-o", "volume.html").code == 0
    shown = data("volume.html")
    assert (shown["channels"], shown["white"]) == (["red", "green", "blue"], 255)
    assert [len(kernel) for kernel in shown["state"]["kernels"]] == [3]
    assert shown["state"]["kernels"][0][0] == [[1, 0, -1]] * 3
    for options, channels, depth in (
        ((), ["red", "green", "blue"], 1),
        (("--channels", "sum"), ["red", "green", "blue"], 3),
        (("--channels", "gray"), ["gray"], 1),
    ):
        assert convcli("explain", cat, "--filter", "sobel-x", *options, "-o", "a.html", "--force").code == 0
        shown = data("a.html")
        assert (shown["channels"], len(shown["state"]["kernels"][0])) == (channels, depth)
        assert shown["state"]["colors"] == "abs"
        assert shown["command"] == ["convcli", "explain", str(cat), *options]


@pytest.mark.usefixtures("in_folder")
def test_pooling(convcli: Runner) -> None:
    options = ("--pool", "avg", "--f", "3", "--s", "2", "--p", "1", "--at", "1,0")
    assert convcli("explain", SAMPLES / "pooling.csv", *options, "-o", "play.html").all == (
        0,
        "play.html\n",
        "",
    )
    state = data("play.html")["state"]
    assert (state["operation"], state["at"]) == ("avg", [0, 1])
    assert state["pooling"] == {"padding": [[1, 1], [1, 1]], "stride": [2, 2], "size": [3, 3], "ceil": False}
    assert "<h1>avg pooling on pooling.csv</h1>" in Path("play.html").read_text("utf-8")


@pytest.mark.usefixtures("in_folder")
def test_large_pictures_are_shrunk_with_a_note(convcli: Runner) -> None:
    np.save("large.npy", np.full((600, 1200), 9, np.uint8))
    ran = convcli("explain", "large.npy", "--filter", "box", "--at", "600,300", "-o", "play.html")
    note = "convcli: note: large.npy: shrunk from 600x1200 to 256x512 pixels for the page\n"
    assert ran.all == (0, "play.html\n", note)
    shown = data("play.html")
    assert (shown["height"], shown["width"], shown["state"]["at"]) == (256, 512, [128, 256])
    assert shown["command"] == []  # it would explain another picture
    assert "The picture is shrunk." in Path("play.html").read_text("utf-8")


def test_standard_input_json_and_a_terminal(
    convcli: Runner, terminal: Runner, in_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = io.BytesIO((SAMPLES / "vertical-edge.csv").read_bytes())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(given))
    ran = convcli("explain", "-", "--filter", "vertical", "-o", "play.html", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out)["output"] == "play.html"
    assert data("play.html")["command"] == []
    assert "on standard input</h1>" in Path("play.html").read_text("utf-8")
    shown = terminal(*EDGE, "-o", "play.html", "--force").out
    assert ["drawn", "play.html"] in [line.split() for line in shown.splitlines()]
    with nothing_changes(in_folder):
        assert_failed(convcli(*EDGE, "-o", "play.html"), 1, "play.html: exists; use --force")
        assert_refused(
            convcli("explain", "--n", "6", "--f", "3", "-o", "a.html"),
            "a.html: a page to play with needs IMAGE",
        )
        assert_refused(
            convcli(*EDGE, "-o", "a.gif"), "a.gif: a drawing must be saved as .svg, .png, .html or .htm"
        )
        assert_refused(convcli(*EDGE, "--animate", "a.html"), "a.html: an animation must be saved as")
        assert_refused(
            convcli("explain", SAMPLES / "brick.png", "--filter", "gabor", "-o", "a.html"),
            f"{SAMPLES / 'brick.png'}: kernel 55x55: is too large for a page",
        )
        assert_refused(
            convcli(
                "explain", SAMPLES / "chelsea.png", "--filter", "box", "-o", "a.html", "--animate", "a.gif"
            ),
            "--animate: draws one channel",
        )


@pytest.mark.usefixtures("in_folder")
def test_a_page_and_an_animation_at_once(convcli: Runner) -> None:
    ran = convcli(*EDGE, "-o", "play.html", "--animate", "play.svg")
    assert ran.all == (0, "play.html\nplay.svg\n", "")
    assert data("play.html")["height"] == 6
    assert Path("play.svg").read_text("utf-8").startswith("<svg")
