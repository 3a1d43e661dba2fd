"""``-o play.html``: pages to play with, what they show, and what is refused before anything is written."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import Runner, assert_failed, assert_refused, nothing_changes


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
