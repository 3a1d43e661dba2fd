"""Pages in a real browser: one Chromium for all tests, a new page for each."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from convcli.figures.page.page import playground_page
from convcli.figures.page.playground import Playground

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    playwright = pytest.importorskip("playwright.sync_api")
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("no Chromium is installed")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=found)
        yield browser
        browser.close()


class Screen:
    """A page of the browser that shows one playground after the other, and collects what goes wrong.

    Attributes
    ----------
    page : Page
    errors : list of str
        Errors of scripts, messages on the console, and requests other than for the page itself.
    """

    def __init__(self, browser: "Browser", path: Path) -> None:
        self.path, self.errors = path, list[str]()
        self.page = browser.new_page()
        self.page.set_default_timeout(5000)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda message: self.errors.append(message.text))
        self.page.on("request", lambda request: self._note(request.url))

    def _note(self, address: str) -> None:
        if address != self.path.as_uri():
            self.errors.append(address)

    def show(
        self, shown: Playground | str, *, width: int = 1280, height: int = 900, dark: bool = False
    ) -> "Page":
        """Open a playground, or the text of a page."""
        self.path.write_text(shown if isinstance(shown, str) else playground_page(shown), "utf-8")
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.emulate_media(color_scheme="dark" if dark else "light")
        self.page.mouse.move(0, 0)
        self.page.goto(self.path.as_uri(), wait_until="domcontentloaded")
        return self.page


@pytest.fixture(scope="session")
def screen(browser: "Browser", tmp_path_factory: pytest.TempPathFactory) -> Screen:
    return Screen(browser, tmp_path_factory.mktemp("page") / "play.html")


@pytest.fixture
def show(screen: Screen) -> "Iterator[Callable[..., Page]]":
    yield screen.show
    assert screen.errors == []


@pytest.fixture(scope="session")
def screen_with_clock(browser: "Browser", tmp_path_factory: pytest.TempPathFactory) -> Screen:
    screen = Screen(browser, tmp_path_factory.mktemp("page") / "play.html")
    screen.page.clock.install(time=0)
    screen.page.clock.pause_at(1000)
    return screen


@pytest.fixture
def show_with_clock(screen_with_clock: Screen) -> "Iterator[Callable[..., Page]]":
    """Show pages whose clock stands still, until `page.clock.run_for`."""
    yield screen_with_clock.show
    assert screen_with_clock.errors == []
