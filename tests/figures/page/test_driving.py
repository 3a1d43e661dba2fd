"""The page is driven in a browser as a person would: pointed at, edited, stepped, played, by keys and by touch."""

from collections.abc import Callable
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

import convcli
from convcli.convolution.planning import ConvolutionSettings
from convcli.figures.page.playground import as_kernel_choice
from convcli.kernels.lookup import get_filter
from tests.figures.page.pages import (
    COLORED,
    EDGE,
    PHOTO,
    POOLED,
    RAMP,
    RED_EDGE,
    edge,
    numbers,
    photo,
    pooling,
    sum_text,
    texts,
    volume,
    window,
)

if TYPE_CHECKING:
    from playwright.sync_api import Page

Show = Callable[..., "Page"]


def choose(page: "Page", name: str, text: str) -> None:
    page.get_by_role("combobox", name=name, exact=True).select_option(label=text)


# Pointing -----------------------------------------------------------------------------------------------


def test_pointing_at_an_output_shows_its_window_its_products_and_its_sum(show: Show) -> None:
    page = show(edge(at=(0, 0)))
    assert sum_text(page) == "output row 0, column 0: 0"
    page.hover("#output-1-2")
    assert sum_text(page) == "output row 1, column 2: 30"
    assert window(page) == set(product((1, 2, 3), (2, 3, 4)))
    patch, taps, products = (texts(page, f".steps .view:nth-of-type({place}) td") for place in (1, 2, 3))
    assert patch == ["10", "0", "0"] * 3
    assert taps == ["1", "0", "-1"] * 3
    assert products == ["10", "0", "0"] * 3
    (written,) = texts(page, ".written")
    assert written == " + ".join(["10·1 + 0·0 + 0·(-1)"] * 3) + " = 30"


def test_where_absolute_values_are_drawn_the_heading_names_them(show: Show) -> None:
    page = show(edge(at=(1, 2)))
    choose(page, "output colors", "absolute value")
    assert sum_text(page) == "output row 1, column 2: 30"
    page.locator("#kernel input").nth(0).fill("-9")
    assert sum_text(page) == "output row 1, column 2: -70, drawn as 70"
    page.locator("#kernel input").nth(0).fill("abc")
    message = page.locator("#kernel input").nth(0).evaluate("(field) => field.validationMessage")
    assert message.startswith("Not a number")
    page.locator("#kernel input").nth(0).fill("1")
    assert page.locator("#kernel input").nth(0).evaluate("(field) => field.checkValidity()")


def test_pointing_at_the_input_moves_the_window_there(show: Show) -> None:
    page = show(edge(settings=ConvolutionSettings(padding=1, stride=2)))
    page.hover("#input-5-1")  # counted in the padded input
    assert sum_text(page).startswith("output row 2, column 0:")
    assert (5, 1) in window(page)


def test_pointing_at_a_picture(show: Show) -> None:
    page = show(photo())
    box = page.locator("#output canvas").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 60.5 / 120, box["y"] + box["height"] * 40.5 / 90)
    value = convcli.convolve(PHOTO, convcli.kernel("sobel-x"))[40, 60]
    assert sum_text(page) == f"output row 40, column 60: {value}, drawn as {-value}"
    frame = page.locator("#output .frame").bounding_box()
    assert frame is not None
    assert abs(frame["x"] + frame["width"] / 2 - (box["x"] + box["width"] * 60.5 / 120)) < 2


def test_pointing_at_a_product_shows_its_pixel_and_its_coefficient(show: Show) -> None:
    page = show(volume(at=(1, 2)))
    page.locator(".term").nth(2).locator("table").nth(2).locator("td").nth(5).hover()
    names: list[str] = page.locator("td.lit").evaluate_all("(cells) => cells.map((cell) => cell.id)")
    assert names == ["input-2-4", "", "", ""]  # row 1 of the window, column 2
    assert page.locator("#input .block").nth(2).locator("td.lit").text_content() == str(COLORED[2, 4, 2])
    assert texts(page, ".steps td.lit") == [str(COLORED[2, 4, 2]), "0", "0"]
    page.mouse.move(0, 0)
    assert page.locator("td.lit").count() == 0


def test_a_finger_that_taps(show: Show) -> None:
    page = show(edge())
    page.locator("#output-3-1").dispatch_event("pointerdown", {"pointerType": "touch", "bubbles": True})
    assert sum_text(page) == "output row 3, column 1: 30"
    page.locator("#output-0-0").dispatch_event("pointermove", {"pointerType": "touch", "bubbles": True})
    assert sum_text(page) == "output row 3, column 1: 30"  # it scrolls the page


# The kernel ---------------------------------------------------------------------------------------------


def test_the_output_follows_the_kernel(show: Show) -> None:
    page = show(edge(at=(1, 1)))
    kernel = np.array([[1, 0, -1]] * 3, float)
    for text, value in (("3", 3), ("-0.5", -0.5), ("1/4", 0.25), ("25e-1", 2.5)):
        page.get_by_label("kernel row 0, column 2").fill(text)
        kernel[0, 2] = value
        assert numbers(page) == convcli.convolve(EDGE, kernel, padding="valid").tolist()
    assert page.locator("#filter option:checked").text_content() == "edited"
    assert sum_text(page) == "output row 1, column 1: 30"
    page.get_by_label("kernel row 0, column 0").press("ArrowDown")
    kernel[0, 0] = 0
    assert numbers(page) == convcli.convolve(EDGE, kernel, padding="valid").tolist()
    page.get_by_role("button", name="reset").click()
    assert numbers(page) == [[0, 30, 30, 0]] * 4
    assert page.get_by_label("kernel row 0, column 2").input_value() == "−1"


def test_what_is_no_number_is_marked_and_changes_nothing(show: Show) -> None:
    page = show(edge())
    field = page.get_by_label("kernel row 1, column 1")
    for text in ("", "-", "1/0", "a", "1,5", "1e999"):
        field.fill(text)
        assert field.get_attribute("aria-invalid") == "true", text
    assert numbers(page) == [[0, 30, 30, 0]] * 4
    field.fill("1")
    assert field.get_attribute("aria-invalid") == "false"
    assert numbers(page)[0] == [10, 40, 30, 0]


def test_named_filters(show: Show) -> None:
    page = show(edge(image=RAMP))
    for name in ("sobel-y", "sobel", "box", "gaussian", "identity"):
        choose(page, "filter", name)
        expected = convcli.apply_filter(RAMP, get_filter(name), padding="valid")
        np.testing.assert_allclose(numbers(page), expected, rtol=1e-3)
        if name == "sobel":
            assert texts(page, ".total") == ["√(8² + 56²) = 56.5685"]
        if name == "box":
            assert page.get_by_label("kernel row 0, column 0").input_value() == "1/9"


def test_numbers_are_written_as_in_the_terminal(show: Show) -> None:
    page = show(edge())
    for value, text in (
        ("0.1 + 0.2", "0.3"), ("-30", "-30"), ("123456789", "123456789"), ("1 / 3", "0.333333"), ("-1e12", "-1e12"),
        ("0 / 0", "nan"), ("-1 / 0", "-inf"), ("2e-7", "2e-7"), ("1234567.8", "1234570"),
    ):  # fmt: skip
        assert page.evaluate(f"format({value})").replace("−", "-") == text
    for text, value in (
        ("−1.5", "-1.5"),
        (" 1 / 16 ", "0.0625"),
        (".5", "0.5"),
        ("+2E3", "2000"),
        ("0x10", "NaN"),
    ):
        assert page.evaluate(f"`${{parse({text!r})}}`") == value


# Settings -----------------------------------------------------------------------------------------------


def test_the_output_follows_the_settings(show: Show) -> None:
    page = show(edge(image=RAMP, choice=as_kernel_choice(get_filter("sobel-x"))))
    given: dict[str, Any] = {"padding": "valid"}

    def check() -> None:
        expected = convcli.convolve(RAMP, convcli.kernel("sobel-x"), **given)
        assert numbers(page) == expected.tolist()

    for label, text, setting in (
        ("padding", "2", {"padding": 2}),
        ("border", "wrap", {"border": "wrap"}),
        ("border", "reflect", {"border": "reflect"}),
        ("border", "symmetric", {"border": "symmetric"}),
        ("border", "zero", {"border": "zero"}),
        ("stride", "2", {"stride": 2}),
        ("dilation", "3", {"dilation": 3}),
        ("padding", "same", {"padding": "same"}),
        ("border", "edge", {"border": "edge"}),
    ):
        choose(page, label, text)
        given |= setting
        check()
    choose(page, "border", "constant")
    page.get_by_label("constant", exact=True).fill("7")
    given["border"] = "constant:7"
    check()
    choose(page, "border", "zero")
    given["border"] = "zero"
    check()
    page.get_by_label("flip").check()
    given["flip"] = True
    check()
    assert page.locator("#formula").text_content() == (
        "floor((n + 2p - f)/s) + 1 = floor((7 + 2·3 - (3·(3 - 1) + 1))/2) + 1 = 4"
    )


def test_bias_and_relu(show: Show) -> None:
    page = show(edge(image=EDGE[:, ::-1]))
    assert numbers(page)[0] == [0, -30, -30, 0]
    page.get_by_label("bias").fill("5")
    assert numbers(page)[0] == [5, -25, -25, 5]
    page.get_by_label("ReLU").check()
    assert numbers(page)[0] == [5, 0, 0, 5]
    page.hover("#output-0-1")
    assert texts(page, ".total") == ["-30 + 5 (bias) = -25; ReLU: max(0, -25) = 0"]


def test_a_window_that_does_not_fit_is_explained_until_it_fits_again(show: Show) -> None:
    page = show(edge())
    choose(page, "dilation", "4")
    assert "The window does not fit: floor((6 + 2·0 - (4·(3 - 1) + 1))/1) + 1 = -2" in page.inner_text(
        ".error"
    )
    assert page.locator("#player").is_hidden()
    assert window(page) == set()
    page.keyboard.press("ArrowRight")
    choose(page, "padding", "2")
    assert numbers(page) == convcli.convolve(EDGE, convcli.kernel("vertical"), padding=2, dilation=4).tolist()


def test_pixels_that_no_window_reads_are_crossed_out(show: Show) -> None:
    page = show(edge(settings=ConvolutionSettings(padding="valid", stride=2)))
    names = page.locator("#input td.unread").evaluate_all("(cells) => cells.map((cell) => cell.id)")
    assert names == [
        f"input-{row}-{column}" for row, column in product(range(6), repeat=2) if 5 in (row, column)
    ]


def test_colors_show_the_sign(show: Show) -> None:
    page = show(edge(image=np.hstack((EDGE, EDGE))))
    cells = page.locator("#output tbody tr:first-child td")

    def colors() -> list[str]:
        found: list[str] = cells.evaluate_all("(cells) => cells.map((cell) => cell.style.backgroundColor)")
        return found

    values = [int(value) for value in numbers(page)[0]]
    assert colors() == [
        {0: "rgb(128, 128, 128)", 30: "rgb(255, 255, 255)", -30: "rgb(0, 0, 0)"}[v] for v in values
    ]
    choose(page, "output colors", "blue to red")
    assert colors() == [
        {0: "rgb(255, 255, 255)", 30: "rgb(178, 24, 43)", -30: "rgb(33, 102, 172)"}[v] for v in values
    ]


# The player ---------------------------------------------------------------------------------------------


def test_steps(show: Show) -> None:
    page = show(edge(at=(2, 2)))
    page.get_by_role("button", name="start over").click()
    assert sum_text(page) == "output row 0, column 0: 0"
    assert page.locator("#output td.covered").count() == 15
    for _ in range(5):
        page.get_by_role("button", name="step", exact=True).click()
    assert sum_text(page) == "output row 1, column 1: 30"
    assert page.locator("#output td.covered").count() == 10
    page.get_by_role("button", name="back").click()
    assert sum_text(page) == "output row 1, column 0: 0"
    assert page.locator("#output td.covered").count() == 10
    page.get_by_role("button", name="show all").click()
    assert page.locator("#output td.covered").count() == 0


def test_plays_to_the_end_and_pauses(show_with_clock: Show) -> None:
    page = show_with_clock(edge())
    play = page.locator("#play")
    play.click()
    assert play.text_content() == "pause"
    assert page.locator("#sum").get_attribute("aria-live") == "off"
    page.clock.run_for(1250)
    assert sum_text(page) == "output row 0, column 3: 0"
    assert page.locator("#output td.covered").count() == 12
    play.click()
    page.clock.run_for(5000)
    assert sum_text(page) == "output row 0, column 3: 0"
    assert play.text_content() == "play"
    choose(page, "speed", "fast")
    play.click()
    page.clock.run_for(5000)
    assert sum_text(page) == "output row 3, column 3: 0"
    assert page.locator("#output td.covered").count() == 0
    assert (play.text_content(), page.locator("#sum").get_attribute("aria-live")) == ("play", "polite")
    play.click()  # again from the start
    page.clock.run_for(150)
    assert sum_text(page) == "output row 0, column 1: 30"


def test_a_picture_plays_by_uncovering_its_output(show_with_clock: Show) -> None:
    page = show_with_clock(photo())
    page.locator("#play").click()
    page.clock.run_for(2100)
    opaque = page.locator("#output canvas").evaluate(
        """(canvas) => {
          const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
          return pixels.filter((value, index) => index % 4 === 3 && value === 255).length;
        }"""
    )
    at = [int(word.strip(",:")) for word in sum_text(page).split() if word.strip(",:").isdigit()]
    assert opaque == at[0] * 120 + at[1] + 1 > 1


def test_keys(show_with_clock: Show) -> None:
    page = show_with_clock(edge())
    for key, place in (
        ("ArrowRight", (0, 1)), ("ArrowDown", (1, 1)), ("ArrowLeft", (1, 0)), ("ArrowLeft", (1, 0)), ("n", (1, 1)),
        ("End", (3, 3)), ("ArrowUp", (2, 3)), ("Home", (0, 0)), ("ArrowUp", (0, 0)),
    ):  # fmt: skip
        page.keyboard.press(key)
        assert sum_text(page).startswith(f"output row {place[0]}, column {place[1]}:")
    page.keyboard.press("Space")
    page.clock.run_for(900)
    page.keyboard.press("Space")
    assert sum_text(page).startswith("output row 0, column 2:")
    page.get_by_label("stride").focus()  # keys belong to what has the focus
    page.keyboard.press("ArrowDown")
    assert page.locator("#stride option:checked").text_content() == "2"


# Volumes and pooling ------------------------------------------------------------------------------------


def test_a_filter_as_deep_as_the_image(show: Show) -> None:
    page = show(volume(bias=1, relu=True, at=(0, 1)))
    assert numbers(page) == (convcli.convolve_volume(COLORED, RED_EDGE, padding="valid") + 1).tolist()
    assert texts(page, ".term h3") == ["red", "green", "blue"]
    assert texts(page, ".term strong") == ["→ sum 30", "→ sum 0", "→ sum 0"]
    assert texts(page, ".total") == ["30 + 0 + 0 = 30; 30 + 1 (bias) = 31; ReLU: max(0, 31) = 31"]
    assert page.locator("#input table").count() == 3
    page.get_by_label("kernel blue, row 0, column 0").fill("2")
    taps = RED_EDGE.copy()
    taps[0, 0, 2] = 2
    assert numbers(page) == (convcli.convolve_volume(COLORED, taps, padding="valid") + 1).tolist()
    choose(page, "filter", "horizontal")  # the same matrix for each channel
    taps = np.repeat(convcli.kernel("horizontal")[..., None], 3, axis=2)
    assert (
        numbers(page) == np.maximum(convcli.convolve_volume(COLORED, taps, padding="valid") + 1, 0).tolist()
    )


def test_channels_one_by_one(show: Show) -> None:
    page = show(edge(image=COLORED))
    assert numbers(page) == [[0, 30, 30, 0]] * 4
    choose(page, "channel", "blue")
    assert numbers(page, "input") == COLORED[..., 2].tolist()
    assert numbers(page) == [[-6] * 4] * 4


def test_max_pooling_shows_which_value_won(show: Show) -> None:
    page = show(pooling())
    assert numbers(page) == [[9, 2], [6, 3]]
    assert texts(page, ".written") == ["max(1, 3, 2, 9) = 9"]
    assert texts(page, ".steps td.winner") == texts(page, "#input td.winner") == ["9"]
    page.hover("#output-1-0")
    assert (sum_text(page), texts(page, "#input td.winner")) == ("output row 1, column 0: 6", ["6"])
    choose(page, "window", "3")
    assert numbers(page) == [[9]]
    page.get_by_label("round sizes up").check()
    assert numbers(page) == convcli.pool(POOLED, size=3, ceil=True).tolist()


def test_average_pooling_counts_no_padding(show: Show) -> None:
    page = show(pooling())
    choose(page, "operation", "average pooling")
    assert numbers(page) == [[3.75, 1.25], [3.75, 2]]
    choose(page, "padding", "1")
    assert numbers(page) == convcli.pool(POOLED, mode="avg", padding=1).tolist()
    page.hover("#output-0-1")
    assert texts(page, ".written") == ["(3 + 2) / 2 = 2.5"]
    choose(page, "padding", "2")
    assert "exceeds half the window" in page.inner_text(".error")
    choose(page, "operation", "convolution")
    assert numbers(page) == convcli.convolve(POOLED, convcli.kernel("vertical"), padding="valid").tolist()


def test_the_pixels_of_a_picture_are_those_that_apply_writes(show: Show) -> None:
    page = show(photo())
    found = page.locator("#output canvas").evaluate(
        """(canvas) => [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data]
          .filter((value, index) => index % 4 === 0)"""
    )
    expected = np.minimum(abs(convcli.convolve(PHOTO, convcli.kernel("sobel-x"))), 255)
    assert np.array_equal(np.reshape(found, (90, 120)), expected)
