"""The command that a page shows gives, in the terminal, the value that the page shows."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.figures.page.pages import sum_text
from tests.support.command_line import SAMPLES, Runner

if TYPE_CHECKING:
    from playwright.sync_api import Page

Show = Callable[..., "Page"]


def check(page: "Page", convcli: Runner) -> None:
    """Run the command of the page and compare its answer with the page's."""
    program, *arguments = shlex.split(page.locator("#command code").inner_text())
    assert program == "convcli"
    ran = convcli(*arguments)
    assert ran.code == 0, arguments
    shown = float(sum_text(page).rpartition(": ")[2].partition(", drawn as")[0].replace("−", "-"))
    assert float(ran.out) == pytest.approx(shown, rel=1e-5)


@pytest.mark.usefixtures("in_folder")
def test_filters(show: Show, convcli: Runner) -> None:
    assert convcli("explain", SAMPLES / "pooling.csv", "--filter", "vertical", "-o", "play.html").code == 0
    page = show(Path("play.html").read_text("utf-8"))
    check(page, convcli)
    for label, text in (
        ("padding", "3"), ("border", "constant"), ("stride", "2"), ("dilation", "3"), ("filter", "sobel"),
        ("padding", "0 (valid)"), ("dilation", "1"), ("filter", "gaussian"),
    ):  # fmt: skip
        page.get_by_role("combobox", name=label, exact=True).select_option(label=text)
        check(page, convcli)
    page.get_by_label("constant", exact=True).fill("5")
    page.get_by_label("kernel row 0, column 0").fill("0.1")
    page.get_by_label("kernel row 2, column 1").fill("-1/3")
    page.get_by_label("bias").fill("-40")
    page.get_by_label("flip").check()
    page.keyboard.press("Escape")
    check(page, convcli)
    page.get_by_label("ReLU").check()
    check(page, convcli)
    for operation in ("max pooling", "average pooling"):
        page.get_by_role("combobox", name="operation").select_option(label=operation)
        page.hover("#output-1-0")
        check(page, convcli)
    page.get_by_label("round sizes up").check()
    assert page.locator("#command").is_hidden()  # explain does not round up


@pytest.mark.usefixtures("in_folder")
def test_channels_and_volumes(show: Show, convcli: Runner) -> None:
    cat, at = SAMPLES / "chelsea.png", ("--at", "200,100")
    assert convcli("explain", cat, "--filter", "sobel-x", *at, "-o", "play.html").code == 0
    page = show(Path("play.html").read_text("utf-8"))
    page.get_by_role("combobox", name="channel").select_option(label="green")
    check(page, convcli)
    kernel = f"@{SAMPLES / 'red-edge.json'}"
    assert convcli("explain", cat, "--kernel", kernel, *at, "-o", "play.html", "--force").code == 0
    page = show(Path("play.html").read_text("utf-8"))
    check(page, convcli)
    page.get_by_role("combobox", name="filter").select_option(label="laplacian")
    check(page, convcli)
