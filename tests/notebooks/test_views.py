"""How notebooks and plain sessions show filters, networks, learned filters and pictures."""

import re
from base64 import b64decode
from html.parser import HTMLParser
from io import BytesIO
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import convcli
from convcli.kernels.banks import Bank
from convcli.kernels.filter import Filter, custom_filter
from convcli.learning.least_squares import fit_least_squares
from convcli.learning.results import LearnedFilter
from convcli.networks.rows import table_rows
from convcli.networks.tables import params_table
from tests.support.command_line import SAMPLES, SVG

VOID = {"img"}  # elements without an end


class Page(HTMLParser):
    """What a piece of HTML shows: its images, and the rows of its tables; each element must be closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.images: list[bytes] = []
        self.rows: list[list[str]] = []
        self.text, self.open = "", list[str]()
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in {"div", "p", "table", "tr", "td", "th", "img"}
        if tag == "img":
            kind, _, content = (dict(attrs)["src"] or "").partition(",")
            assert kind in {"data:image/svg+xml;base64", "data:image/png;base64"}
            assert dict(attrs)["alt"]
            self.images.append(b64decode(content, validate=True))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        self.open += [tag] * (tag not in VOID)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data

    def drawing(self) -> Element:
        return fromstring(self.images[0])


def texts(page: Page) -> list[str]:
    return [str(element.text) for element in page.drawing().iter(f"{SVG}text")]


def shown(picture: convcli.Picture) -> NDArray[Any]:
    return np.asarray(Image.open(BytesIO(picture._repr_png_())).convert("RGB")).astype(int)


# Plain sessions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (convcli.get_filter("sobel-x"), "<Filter sobel-x, 3x3>"),
        (convcli.get_filter("gaussian:sigma=2"), "<Filter gaussian:sigma=2, 17x17>"),
        (convcli.get_filter("sobel"), "<Filter sobel, 2 kernels of 3x3, magnitude>"),
        (Bank("w", np.ones((3, 3, 4, 5))), "<Bank w, 5 kernels of 3x3x4>"),
        (Bank("w", np.ones((3, 3, 4))), "<Bank w, 1 kernel of 3x3x4>"),
        (convcli.Picture(np.zeros((4, 5), np.uint8)), "<Picture 4x5 uint8>"),
        (
            convcli.Picture(np.zeros((4, 5, 3), np.uint16), alpha=np.zeros((4, 5), np.uint16)),
            "<Picture 4x5x3 uint16 with alpha>",
        ),
        (convcli.network("conv 6 f5", (32, 32, 3)), "<Network 32x32x3, 1 layer, 28x28x6>"),
    ],
)
def test_a_plain_session_shows_a_short_line(value: object, text: str) -> None:
    assert repr(value) == text


def test_a_learned_filter_is_a_short_line_too() -> None:
    image = convcli.read_image(SAMPLES / "camera.png")[:40, :40]
    examples = convcli.make_examples(image, convcli.convolve(image, convcli.kernel("sobel-x")))
    trained, solved = convcli.learn(examples, steps=3), fit_least_squares(examples)
    assert re.fullmatch(r"<LearnedFilter 3x3, 3 steps, relative error [0-9.e-]+>", repr(trained))
    assert re.fullmatch(r"<LearnedFilter 3x3, least squares, relative error [0-9.e-]+>", repr(solved))


# Filters ----------------------------------------------------------------------------------------------------


def test_a_filter_shows_its_matrix_and_what_is_known_about_it() -> None:
    page = Page(convcli.get_filter("sobel-x")._repr_html_())
    drawn = [int(text) for text in texts(page) if re.fullmatch("-?[0-9]", text)]
    assert drawn == [-1, 0, 1, -2, 0, 2, -1, 0, 1]
    facts = dict(page.rows)
    assert (facts["gain"], facts["separable"]) == ("4", "yes")
    assert facts["responds to"].endswith("vertical edges")
    assert len(page.images) == 1


def test_a_filter_of_too_many_kernels_shows_only_facts() -> None:
    many = Filter("many", (((1, -1),),) * 17, "seventeen kernels", "changes", "typed")
    page = Page(many._repr_html_())
    assert page.images == []
    assert "has 17 kernels; up to 16 can be drawn" in page.text
    assert ["responds to", "changes"] in page.rows


def test_a_learned_filter_says_if_others_fit_too() -> None:
    edge = [[10, 10, 10, 0, 0, 0]] * 6
    examples = convcli.make_examples(
        edge, convcli.convolve(edge, convcli.kernel("vertical"), padding="valid")
    )
    page = Page(fit_least_squares(examples)._repr_html_())
    expected = (
        r"others fit, too: the examples leave [2-8] degrees of freedom open; this is the smallest filter"
    )
    assert re.fullmatch(expected, dict(page.rows)["smallest"])


def test_a_learned_volume_of_too_many_channels_shows_only_facts() -> None:
    deep = LearnedFilter(np.ones((3, 3, 17)), 0.5, 0.0, 0.25, 0, ())
    page = Page(deep._repr_html_())
    assert page.images == []
    assert page.rows == [["relative error", "0.25"], ["bias", "0.5"]]


def test_names_are_text_and_not_html() -> None:
    page = Page(custom_filter("<script>\x1b", [[1]])._repr_html_())
    assert any("<script>" in text for text in texts(page))


# Learned filters --------------------------------------------------------------------------------------------


def test_a_learned_filter_shows_its_matrix_and_its_curve() -> None:
    image = convcli.read_image(SAMPLES / "camera.png")[:80, :80]
    examples = convcli.make_examples(image, convcli.convolve(image, convcli.kernel("sobel-x")))
    page = Page(convcli.learn(examples)._repr_html_())
    drawn = [int(text) for text in texts(page) if re.fullmatch("-?[0-9]", text)]
    assert drawn == [-1, 0, 1, -2, 0, 2, -1, 0, 1]  # whatever is a billionth off is rounded
    assert dict(page.rows)["nearest"].startswith("sobel-x, scaled 1.00")
    assert Image.open(BytesIO(page.images[1])).size == (720, 460)
    solved = Page(fit_least_squares(examples)._repr_html_())
    assert len(solved.images) == 1
    assert "steps" not in dict(solved.rows)


def test_a_learned_volume_shows_a_matrix_per_channel() -> None:
    image = np.random.default_rng(5).integers(0, 255, (30, 30, 2))
    volume = np.arange(18).reshape(3, 3, 2)
    examples = convcli.make_examples(image, convcli.convolve_volume(image, volume))
    page = Page(fit_least_squares(examples)._repr_html_())
    numbers = [int(text) for text in texts(page) if re.fullmatch("[0-9]+", text)]
    assert numbers == [*range(0, 18, 2), *range(1, 18, 2)]


# Networks ---------------------------------------------------------------------------------------------------


def test_a_network_shows_its_diagram_and_the_whole_table() -> None:
    net = convcli.network("lenet5")
    page = Page(net._repr_html_())
    table = params_table(net, table_rows(net))
    assert page.rows[0] == [column.name for column in table.columns if not column.is_empty]
    assert [row[0] for row in page.rows[1:-1]] == [layer.text for layer in net.layers]
    assert page.rows[-1][:4] == ["total", "10", "61,706", "416,520"]
    assert "61,706 parameters, 416,520 MACs" in texts(page)


def test_a_large_network_is_shown_by_blocks() -> None:
    net = convcli.network("resnet18")
    page = Page(net._repr_html_())
    assert len(page.rows) == len(net.stages_by_block) + 2 < len(net.layers) / 2
    assert page.rows[-1][2] == "11,689,512"


def test_a_network_that_is_too_large_to_draw_shows_its_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convcli.networks.diagram.diagram.MAX_BOXES", 11)
    page = Page(convcli.network("lenet5")._repr_html_())
    assert page.images == []
    assert page.text.startswith("a diagram of 12 boxes: is too large")
    assert len(page.rows) == 14


# Pictures ---------------------------------------------------------------------------------------------------


def test_a_photo_is_shown_pixel_by_pixel() -> None:
    picture = convcli.read_picture(SAMPLES / "chelsea.png")
    assert np.array_equal(shown(picture), picture.pixels)


def test_a_large_picture_is_reduced_and_a_small_one_is_enlarged() -> None:
    large = shown(convcli.Picture(np.full((1600, 3200), 7, np.uint8)))
    assert large.shape == (384, 768, 3)
    assert (large == 7).all()
    small = shown(convcli.Picture(np.array([[0, 90], [180, 255]], np.uint8)))
    assert small.shape == (384, 384, 3)
    assert small[::192, ::192, 0].tolist() == [[0, 90], [180, 255]]


def test_a_matrix_is_gray_with_its_numbers() -> None:
    cells = shown(convcli.Picture(np.array([[-30, 0], [15, 30]])))
    corners = cells[10::192, 10::192, 0]
    assert corners.tolist() == [[1, 128], [192, 255]]
    assert cells[:192, :192].max() > 200  # the number on black
    assert (
        shown(convcli.Picture(np.zeros((40, 40)))).max() == shown(convcli.Picture(np.zeros((40, 40)))).min()
    )


def test_maps_stand_side_by_side() -> None:
    maps = convcli.filter_picture(
        convcli.read_picture(SAMPLES / "camera.png"), np.ones((3, 3, 1, 4)), signed="raw"
    )
    assert (maps.maps, maps.channels) == (True, 4)
    height, width, _ = shown(maps).shape
    assert min(height, width) > 450


@pytest.mark.parametrize(
    ("white", "opaque"),
    [(np.uint8(255), np.uint8(255)), (np.uint16(65535), np.uint16(65535)), (np.float32(1), np.float32(1))],
)
def test_transparent_pixels_show_a_checkerboard(white: Any, opaque: Any) -> None:
    pixels = np.full((64, 64), white)
    levels = {}
    for part in (0, 0.4, 1):
        alpha = np.full((64, 64), part * opaque).astype(opaque.dtype)
        levels[part] = set(np.unique(shown(convcli.Picture(pixels, alpha=alpha))).tolist())
    assert levels == {0: {102, 153}, 0.4: {102 + 61, 153 + 41}, 1: {255}}
