"""What a page consists of, and how it looks: one small file, light and dark, on a phone and on a projector."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from convcli.convolution.planning import ConvolutionSettings
from convcli.drawing.shapes import PALETTE, Ink
from convcli.errors import SizeError
from convcli.figures.page.page import playground_page
from convcli.figures.page.playground import (
    KernelChoice,
    Playground,
    PoolingWindow,
    as_kernel_choice,
    fit_image,
)
from convcli.kernels.lookup import get_filter
from tests.figures.page.pages import EDGE, edge, numbers, photo, pooling, volume

if TYPE_CHECKING:
    from playwright.sync_api import Page

Show = Callable[..., "Page"]
LARGEST = np.random.default_rng(2).integers(0, 256, (512, 512, 3), np.uint8)


def wide() -> Playground:
    """Return a matrix of the largest size that is shown with numbers."""
    return edge(image=LARGEST[:32, :32, 0], choice=as_kernel_choice(get_filter("gaussian:sigma=2")),
                settings=ConvolutionSettings())  # fmt: skip


def test_a_page_is_small() -> None:
    assert len(playground_page(edge()).encode()) < 60_000
    page = playground_page(photo(image=LARGEST)).encode()
    assert len(page) - LARGEST.size * 4 / 3 < 60_000


def test_user_text_is_text(show: Show) -> None:
    text = "<script>alert(1)</script></style><b>a&lt;b $title \x1b[31m\u202e\udcff"
    choice = as_kernel_choice(get_filter("vertical"))._replace(name=text)
    page = show(edge(title=text, subtitle=text, choice=choice, command=("convcli", "explain", text)))
    marked = "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
    assert [page.title(), *page.locator("h1, header p").all_text_contents()] == [marked] * 3
    assert page.locator("script").count() == 2
    assert page.locator("#filter option:checked").evaluate("(item) => item.textContent.length") == len(text)
    assert numbers(page) == [[0, 30, 30, 0]] * 4


@pytest.mark.parametrize("dark", [False, True])
def test_light_and_dark(show: Show, dark: bool) -> None:
    page = show(edge(), dark=dark)

    def background() -> str:
        color: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return "#" + "".join(f"{int(part):02x}" for part in color.strip("rgb()").split(","))

    assert background() == PALETTE[Ink.PAPER][dark]
    for theme, expected in (("dark", True), ("light", False), ("system", dark)):
        page.get_by_label(theme).check()
        assert background() == PALETTE[Ink.PAPER][expected]


@pytest.mark.parametrize("shown", [edge, volume, pooling, photo, wide])
def test_nothing_is_wider_than_the_screen(show: Show, shown: Callable[[], Playground]) -> None:
    page = show(shown(), width=360, height=740)
    for width in (360, 768, 1920):
        page.set_viewport_size({"width": width, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        beyond = page.evaluate(
            """() => [...document.querySelectorAll("h1, h2, p, select, button, input, canvas, .view")]
              .filter((item) => {
                const box = item.getBoundingClientRect();
                return box.width && !item.closest(".taps") && (box.left < 0 || box.right > innerWidth);
              }).map((item) => item.outerHTML)"""
        )
        assert beyond == []
        if shown is photo:
            scrolled = page.locator(".view:has(canvas)").evaluate_all(
                "(views) => views.filter((view) => view.scrollWidth > view.clientWidth).length"
            )
            assert scrolled == 0


def test_a_phone_shows_input_and_output_side_by_side_in_readable_numbers(show: Show) -> None:
    page = show(edge(), width=360, height=740)
    tops = [page.locator(f"#{part} h2").bounding_box() for part in ("input", "output")]
    assert tops[0] is not None
    assert tops[1] is not None
    assert tops[0]["y"] == tops[1]["y"]
    for part in ("input", "output"):
        size = page.locator(f"#{part} td").first.evaluate(
            "(cell) => parseFloat(getComputedStyle(cell).fontSize)"
        )
        assert size >= 9
    field = page.locator(".taps input").first.bounding_box()
    assert field is not None
    assert min(field["width"], field["height"]) >= 24


def test_a_projector_shows_larger_numbers(show: Show) -> None:
    sizes = []
    for width, height in ((1280, 800), (1920, 1080)):
        page = show(edge(image=np.hstack((EDGE, EDGE[:, :4]))), width=width, height=height)
        cell = page.locator("#output td").first
        sizes.append(cell.evaluate("(cell) => parseFloat(getComputedStyle(cell).fontSize)"))
        bottom: float = page.evaluate("document.getElementById('terms').getBoundingClientRect().bottom")
        assert bottom <= height  # all of it fits on the screen
        widths: list[list[int]] = page.locator(".view").evaluate_all(
            "(views) => views.map((view) => [view.scrollWidth, view.clientWidth])"
        )
        assert all(needed <= given for needed, given in widths)
    assert sizes[1] > 1.2 * sizes[0] > 20


def test_a_wide_matrix_is_followed_by_scrolling_within_its_panel(show: Show) -> None:
    page = show(wide(), width=360, height=740)
    page.keyboard.press("End")
    seen = page.locator("#output .frame").evaluate(
        """(frame) => {
          const [box, panel] = [frame, frame.closest(".view")].map((item) => item.getBoundingClientRect());
          return box.left >= panel.left - 4 && box.right <= panel.right + 4;
        }"""
    )
    assert seen


@pytest.mark.parametrize("shown", [volume, pooling, photo])
def test_everything_that_takes_input_has_a_name(show: Show, shown: Callable[[], Playground]) -> None:
    page = show(shown())
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("input, select, button, table, canvas, section")].filter((item) =>
          !item.closest(".steps") && !item.labels?.length && !item.textContent.trim() &&
          !item.getAttribute("aria-label")).map((item) => item.outerHTML)"""
    )
    assert unnamed == []
    assert page.evaluate("document.documentElement.lang") == "en"
    assert page.locator("#sum").get_attribute("role") == "status"


def test_the_tab_key_reaches_everything_and_shows_where_it_is(show: Show) -> None:
    page = show(edge())
    names = set[str]()
    for _ in range(32):
        page.keyboard.press("Tab")
        name, outline = page.evaluate(
            """() => [document.activeElement.getAttribute("aria-label") || document.activeElement.id,
              getComputedStyle(document.activeElement).outlineStyle]"""
        )
        names.add(name)
        assert outline != "none" or not name
    assert names >= {"operation", "padding", "bias", "relu", "play", "step", "kernel row 2, column 2"}
    assert names >= {"input, 6 rows, 6 columns", "output, 4 rows, 4 columns"}


def test_larger_pictures_are_shrunk_and_small_ones_stay() -> None:
    small = LARGEST[:40, :30]
    assert fit_image(small) is small
    shrunk = fit_image(np.tile(LARGEST[..., 0], (2, 4)))
    assert (shrunk.shape, shrunk.dtype.name) == ((256, 512), "uint8")
    assert fit_image(np.full((1000, 3), 0.5, np.float32)).shape == (512, 2)


@pytest.mark.parametrize(
    ("dtype", "values", "page_dtype"),
    [
        ("uint16", [[0, 65535]], "uint16"), ("int64", [[-3, 1 << 24]], "float32"),
        ("int64", [[0, (1 << 24) + 1]], "float64"), ("float32", [[0.1, np.nan, -np.inf]], "float32"),
    ],
)  # fmt: skip
def test_the_page_has_the_exact_values(
    show: Show, dtype: str, values: list[list[float]], page_dtype: str
) -> None:
    image = np.array(values, dtype)
    shown = edge(image=image, choice=KernelChoice("", (np.ones((1, 1), int),)))
    assert shown.record()["dtype"] == page_dtype
    found = show(shown).evaluate("Array.from(input.planes[0])")
    assert np.array_equal(found, image[0].astype(float), equal_nan=True)


@pytest.mark.parametrize(
    ("change", "what", "why"),
    [
        ({"image": np.zeros((513, 4))}, "image 513x4", "is too large for a page; it shows at most 512 a side"),
        ({"image": np.zeros((4, 4, 17))}, "17 channels", "are too many for a page; it shows at most 16"),
        ({"choice": KernelChoice("", (np.ones((33, 1)),))}, "kernel 33x1", "is too large for a page; it shows at most 32 a side"),
        ({"choice": KernelChoice("", (np.ones((3, 3, 2)),))}, "kernel 3x3x2", "does not fit an image of 1 channel"),
        ({"image": np.zeros((40, 40)), "pooling": PoolingWindow(size=(33, 2))}, "window 33x2", "is too large for a page; it shows at most 32 a side"),
        ({"settings": ConvolutionSettings(padding=600)}, "padded image 1206x1206", "is too large for a page; it shows at most 1024 a side"),
        ({"image": np.zeros((2, 2))}, "filter 3 on input 2", "gives floor((2 + 2·0 - 3)/1) + 1 = 0"),
    ],
)  # fmt: skip
def test_what_a_page_cannot_show(change: dict[str, Any], what: str, why: str) -> None:
    with pytest.raises(SizeError) as error:
        edge(**change)
    assert error.value.what == what
    assert error.value.why.startswith(why)
